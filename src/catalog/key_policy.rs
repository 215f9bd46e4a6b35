//! Who may have a content key, and how it is delivered (object model §7).

use serde::{Deserialize, Serialize};

use super::Catalog;
use super::access::parse_ranges;
use super::entity::{Entity, Kind, Link, Version};
use super::error::Error;
use super::id::{KeyPolicyId, KeyPolicyOptionId};
use super::numbers::numbered;
use super::rules::{self, MAX_NAME};
use super::transaction::Transaction;
use crate::secrets::SecretBytes;
use crate::tokens::TokenRestriction;

numbered! {
    /// How a key reaches a player.
    KeyDeliveryType {
        /// Not at all.
        None = 0 "None",
        /// In a PlayReady licence.
        PlayReadyLicense = 1 "PlayReadyLicense",
        /// As it is, over HTTPS.
        BaselineHttp = 2 "BaselineHttp",
        /// In a Widevine licence.
        Widevine = 3 "Widevine",
        /// In a FairPlay licence.
        FairPlay = 4 "FairPlay",
    }

    /// Who may have it.
    KeyRestrictionType {
        /// Everybody.
        Open = 0 "Open",
        /// Who has a token.
        TokenRestricted = 1 "TokenRestricted",
        /// Who comes from an address.
        IpRestricted = 2 "IPRestricted",
    }
}

/// A content key authorization policy: a name for its options.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeyPolicy {
    /// Its identifier.
    pub id: KeyPolicyId,
    /// Its name.
    pub name: Option<String>,
}

impl Entity for KeyPolicy {
    const KIND: Kind = Kind::KeyPolicy;
    type Id = KeyPolicyId;

    fn id(&self) -> KeyPolicyId {
        self.id
    }

    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

/// One way in which a key is delivered. What it holds of secrets, verification keys of tokens among them,
/// [`Catalog::key_option_secrets`] has.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeyPolicyOption {
    /// Its identifier.
    pub id: KeyPolicyOptionId,
    /// Its name.
    pub name: Option<String>,
    /// How.
    pub key_delivery_type: KeyDeliveryType,
    /// To whom. All have to be met.
    pub restrictions: Vec<KeyRestriction>,
}

/// A restriction without its requirements.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeyRestriction {
    /// Its name.
    pub name: Option<String>,
    /// To whom.
    pub restriction_type: KeyRestrictionType,
}

impl Entity for KeyPolicyOption {
    const KIND: Kind = Kind::KeyPolicyOption;
    type Id = KeyPolicyOptionId;

    fn id(&self) -> KeyPolicyOptionId {
        self.id
    }

    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

/// The texts of an option that may hold keys: never in logs.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct KeyOptionSecrets {
    /// A template or settings for the licence; by delivery type XML, JSON or nothing.
    pub configuration: Option<String>,
    /// The requirements of each restriction, in their order: a token template in XML, or nothing.
    pub requirements: Vec<Option<String>>,
}

impl Drop for KeyOptionSecrets {
    fn drop(&mut self) {
        use zeroize::Zeroize;
        self.configuration.zeroize();
        self.requirements.iter_mut().for_each(|text| text.zeroize());
    }
}

/// What an option is created with, or changed to.
pub struct NewKeyPolicyOption {
    /// Its name.
    pub name: Option<String>,
    /// How.
    pub key_delivery_type: KeyDeliveryType,
    /// To whom.
    pub restrictions: Vec<KeyRestriction>,
    /// The rest.
    pub secrets: KeyOptionSecrets,
}

/// The longest configuration or requirements, bytes.
pub const MAX_TEXT: usize = 100_000;
/// The most restrictions of an option.
pub const MAX_RESTRICTIONS: usize = 32;
/// The name of the texts among an option's secrets.
const TEXTS: &str = "texts";

impl NewKeyPolicyOption {
    fn check(&self) -> Result<(), Error> {
        let wrong = |property, problem: &str| Err(Error::invalid(Kind::KeyPolicyOption, property, problem));
        rules::maybe_text(Kind::KeyPolicyOption, "Name", self.name.as_deref(), MAX_NAME)?;
        if self.restrictions.is_empty() || self.restrictions.len() > MAX_RESTRICTIONS {
            return wrong("Restrictions", "give 1 to 32 of them; an open one is {\"KeyRestrictionType\":0}");
        }
        if self.secrets.requirements.len() != self.restrictions.len() {
            return wrong("Restrictions", "each has to have its Requirements, null for an open one");
        }
        for (restriction, requirements) in self.restrictions.iter().zip(&self.secrets.requirements) {
            rules::maybe_text(Kind::KeyPolicyOption, "Restrictions", restriction.name.as_deref(), MAX_NAME)?;
            rules::maybe_text(Kind::KeyPolicyOption, "Requirements", requirements.as_deref(), MAX_TEXT)?;
            let has = requirements.as_deref().is_some_and(|text| !text.trim().is_empty());
            match (restriction.restriction_type, has) {
                (KeyRestrictionType::Open, true) => {
                    return wrong("Requirements", "an open restriction has none; set null");
                }
                (KeyRestrictionType::TokenRestricted, false) => {
                    return wrong("Requirements", "a token restriction needs a TokenRestrictionTemplate");
                }
                (KeyRestrictionType::IpRestricted, false) => {
                    return wrong("Requirements", "an IP restriction needs addresses");
                }
                (KeyRestrictionType::TokenRestricted, true) => {
                    let template = TokenRestriction::parse(requirements.as_deref().unwrap_or_default());
                    if let Err(error) = template {
                        return wrong("Requirements", &error.to_string());
                    }
                }
                (KeyRestrictionType::IpRestricted, true) => {
                    if let Err(part) = parse_ranges(requirements.as_deref().unwrap_or_default()) {
                        let problem = format!("{part:?} is no address; 10.0.0.1, 10.0.0.0/22 and 2001:db8::/32 are");
                        return wrong("Requirements", &problem);
                    }
                }
                _ => {}
            }
        }
        let configuration = self.secrets.configuration.as_deref().filter(|text| !text.trim().is_empty());
        rules::maybe_text(Kind::KeyPolicyOption, "KeyDeliveryConfiguration", configuration, MAX_TEXT)?;
        match (self.key_delivery_type, configuration) {
            (KeyDeliveryType::None | KeyDeliveryType::BaselineHttp, Some(_)) => {
                wrong("KeyDeliveryConfiguration", "keys that are delivered as they are have none; set null")
            }
            (KeyDeliveryType::PlayReadyLicense | KeyDeliveryType::Widevine | KeyDeliveryType::FairPlay, None) => wrong(
                "KeyDeliveryConfiguration",
                "this delivery type needs one: PlayReady's response template in XML, Widevine's or FairPlay's JSON",
            ),
            _ => Ok(()),
        }
    }

    /// Nothing in it is worth a master key.
    fn is_plain(&self) -> bool {
        self.secrets.configuration.is_none() && self.secrets.requirements.iter().all(Option::is_none)
    }
}

impl Catalog {
    /// The configuration and requirements of an option.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Seal`] without its master key.
    pub async fn key_option_secrets(&self, id: KeyPolicyOptionId) -> Result<KeyOptionSecrets, Error> {
        let option = self.get::<KeyPolicyOption>(&id).await?;
        let Some(text) = self.secret(&id.to_string(), TEXTS).await? else {
            return Ok(KeyOptionSecrets { configuration: None, requirements: vec![None; option.restrictions.len()] });
        };
        let damaged = |_| Error::Seal(crate::secrets::SealError::Damaged);
        serde_json::from_slice(text.expose()).map_err(damaged)
    }
}

impl Transaction<'_> {
    /// Creates an authorization policy.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Quota`].
    pub async fn create_key_policy(&mut self, name: Option<String>) -> Result<KeyPolicy, Error> {
        rules::maybe_text(Kind::KeyPolicy, "Name", name.as_deref(), MAX_NAME)?;
        self.room_for_policy().await?;
        let policy = KeyPolicy { id: KeyPolicyId::random(), name };
        self.insert(&policy).await?;
        Ok(policy)
    }

    /// Renames an authorization policy.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Changed`].
    pub async fn update_key_policy(
        &mut self,
        id: KeyPolicyId,
        name: Option<String>,
        expected: Option<Version>,
    ) -> Result<KeyPolicy, Error> {
        rules::maybe_text(Kind::KeyPolicy, "Name", name.as_deref(), MAX_NAME)?;
        let mut policy: KeyPolicy = self.for_update(&id, expected).await?;
        policy.name = name;
        self.replace(&policy).await?;
        Ok(policy)
    }

    /// Deletes an authorization policy; its options stay.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] while a content key has it.
    pub async fn delete_key_policy(&mut self, id: KeyPolicyId) -> Result<(), Error> {
        let policy = self.get::<KeyPolicy>(&id).await?.entity;
        let users = self.linking(Link::ContentKeyPolicy, &id).await?;
        rules::unused(&format!("content key authorization policy {id}"), "content key", &users)?;
        self.remove(&policy).await
    }

    /// Creates an option.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::Seal`] without a master key, if it has texts that may hold keys.
    pub async fn create_key_option(&mut self, new: NewKeyPolicyOption) -> Result<KeyPolicyOption, Error> {
        new.check()?;
        let option = KeyPolicyOption {
            id: KeyPolicyOptionId::random(),
            name: new.name.clone(),
            key_delivery_type: new.key_delivery_type,
            restrictions: new.restrictions.clone(),
        };
        self.insert(&option).await?;
        self.keep_texts(option.id, &new).await?;
        Ok(option)
    }

    /// Changes an option to something else as a whole.
    ///
    /// # Errors
    /// As [`Transaction::create_key_option`], and [`Error::NotFound`], [`Error::Changed`].
    pub async fn update_key_option(
        &mut self,
        id: KeyPolicyOptionId,
        new: NewKeyPolicyOption,
        expected: Option<Version>,
    ) -> Result<KeyPolicyOption, Error> {
        new.check()?;
        let mut option: KeyPolicyOption = self.for_update(&id, expected).await?;
        option.name = new.name.clone();
        option.key_delivery_type = new.key_delivery_type;
        option.restrictions = new.restrictions.clone();
        self.replace(&option).await?;
        self.forget_secrets(&id.to_string()).await?;
        self.keep_texts(id, &new).await?;
        Ok(option)
    }

    async fn keep_texts(&mut self, id: KeyPolicyOptionId, new: &NewKeyPolicyOption) -> Result<(), Error> {
        if new.is_plain() {
            return Ok(());
        }
        let failed = |_| Error::Database { detail: "an option cannot be written as JSON".to_owned() };
        let texts = SecretBytes::new(serde_json::to_vec(&new.secrets).map_err(failed)?);
        self.seal(&id.to_string(), TEXTS, &texts).await
    }

    /// Deletes an option.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] while a policy has it.
    pub async fn delete_key_option(&mut self, id: KeyPolicyOptionId) -> Result<(), Error> {
        let option = self.get::<KeyPolicyOption>(&id).await?.entity;
        let users = self.linking(Link::KeyPolicyOptions, &id).await?;
        rules::unused(&format!("option {id}"), "content key authorization policy", &users)?;
        self.remove(&option).await
    }

    /// Gives an option to a policy.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] if it has it.
    pub async fn link_key_option(&mut self, policy: KeyPolicyId, option: KeyPolicyOptionId) -> Result<(), Error> {
        self.get::<KeyPolicy>(&policy).await?;
        self.get::<KeyPolicyOption>(&option).await?;
        let (policy, option) = (policy.to_string(), option.to_string());
        if self.linked(Link::KeyPolicyOptions, &policy).await?.contains(&option) {
            return Err(Error::conflict(format!("policy {policy} has option {option} already")));
        }
        self.link(Link::KeyPolicyOptions, &policy, &option).await
    }

    /// Takes an option from a policy.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it does not have it.
    pub async fn unlink_key_option(&mut self, policy: KeyPolicyId, option: KeyPolicyOptionId) -> Result<(), Error> {
        self.unlink(Link::KeyPolicyOptions, &policy.to_string(), &option.to_string()).await
    }
}
