//! Protecting a published film in one step: a key, who may have it, and how the film goes out.

use std::fmt;

use uuid::Uuid;

use super::content_key::{ContentKey, ContentKeyType, ContentKeyUpdate, NewContentKey};
use super::delivery_policy::{
    DeliveryKey, DeliveryPolicy, DeliverySetting, DeliveryType, NewDeliveryPolicy, Protocols,
};
use super::entity::{Link, Page, Stored};
use super::error::Error;
use super::id::{AssetId, ContentKeyId, LocatorId};
use super::key_policy::{KeyDeliveryType, KeyOptionSecrets, KeyRestriction, KeyRestrictionType, NewKeyPolicyOption};
use super::locator::{Locator, LocatorType};
use super::read;
use super::transaction::{By, Transaction};
use super::{Catalog, content_key};
use crate::keys;
use crate::secrets::{SealError, SecretBytes};

/// What a policy for all of streaming applies to.
fn streaming() -> Protocols {
    Protocols::SMOOTH | Protocols::DASH | Protocols::HLS
}

/// How a film is to be protected.
#[derive(Clone)]
pub struct Protection {
    /// One of the types that encrypt.
    pub delivery_type: DeliveryType,
    /// Whose tokens open it, a `TokenRestrictionTemplate`; everybody may have the key if not given.
    pub template: Option<String>,
    /// What the URL of its key begins with, for envelope encryption.
    pub key_url: String,
    /// The tracks of each key, as `TrackIdentifiers` name them; one key for all tracks if empty.
    pub tracks: Vec<String>,
    /// So long from the beginning everything is clear, seconds.
    pub clear_lead_seconds: Option<u32>,
    /// After so long there is another key, seconds.
    pub rotation_seconds: Option<u32>,
}

impl fmt::Debug for Protection {
    /// The template may hold a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protection").field("delivery_type", &self.delivery_type).finish_non_exhaustive()
    }
}

impl Protection {
    fn delivery_policy(&self) -> NewDeliveryPolicy {
        let is_envelope = self.delivery_type == DeliveryType::DynamicEnvelopeEncryption;
        let seconds = |seconds: Option<u32>| seconds.map(|seconds| seconds.to_string());
        let settings = [
            (DeliveryKey::EnvelopeBaseKeyAcquisitionUrl, is_envelope.then(|| self.key_url.clone())),
            (DeliveryKey::ClearLeadSeconds, seconds(self.clear_lead_seconds)),
            (DeliveryKey::KeyRotationSeconds, seconds(self.rotation_seconds)),
        ];
        let setting = |(key, value): (DeliveryKey, Option<String>)| Some(DeliverySetting { key, value: value? });
        let changes = self.clear_lead_seconds.is_some() || self.rotation_seconds.is_some();
        let protocols = match is_envelope && changes {
            true => Protocols::HLS,
            false => streaming(),
        };
        let configuration = settings.into_iter().filter_map(setting).collect();
        NewDeliveryPolicy { name: None, protocols, delivery_type: self.delivery_type, configuration }
    }
}

/// A film under a key that comes from elsewhere.
pub struct Protected {
    /// The key; it has no authorization policy, so nobody is given it here.
    pub key: NewContentKey,
    /// One of the types that encrypt.
    pub delivery_type: DeliveryType,
    /// What players are told.
    pub configuration: Vec<DeliverySetting>,
}

impl Catalog {
    /// Protects the asset behind a streaming locator, which keeps its URLs, with a key that comes from elsewhere.
    /// Downloads end with it.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] if it has a delivery policy already, or the key is there;
    /// [`Error::Invalid`] for settings that do not fit; [`Error::Seal`] without a master key.
    pub async fn protect_with(&self, by: By, locator: Uuid, protected: Protected) -> Result<ContentKeyId, Error> {
        let Protected { key, delivery_type, configuration } = protected;
        let mut transaction = self.begin(by).await?;
        let asset = transaction.get::<Locator>(&LocatorId(locator)).await?.entity.asset_id;
        transaction.without_policy(asset).await?;
        let key = transaction.create_content_key(key).await?.id;
        transaction.link_content_key(asset, key).await?;
        let policy = NewDeliveryPolicy { name: None, protocols: streaming(), delivery_type, configuration };
        transaction.deliver(asset, policy).await?;
        transaction.commit().await?;
        Ok(key)
    }

    /// Protects the asset behind a streaming locator, which keeps its URLs: gives it new keys with an
    /// authorization policy, and a delivery policy for Smooth, DASH and HLS; for HLS alone where an envelope begins
    /// later or changes its key. Downloads end with it.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] if it has a delivery policy already; [`Error::Invalid`] for a type
    /// that does not encrypt, or a template that would not do; [`Error::Seal`] without a master key.
    pub async fn protect(&self, by: By, locator: Uuid, protection: &Protection) -> Result<Vec<ContentKeyId>, Error> {
        let mut transaction = self.begin(by).await?;
        let asset = transaction.get::<Locator>(&LocatorId(locator)).await?.entity.asset_id;
        let keys = transaction.protect(asset, protection).await?;
        transaction.commit().await?;
        Ok(keys)
    }

    /// Ends the protection of the asset behind a streaming locator: takes off its delivery policies and the keys
    /// that players get. Both stay in the catalogue.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn unprotect(&self, by: By, locator: Uuid) -> Result<(), Error> {
        let mut transaction = self.begin(by).await?;
        let asset = transaction.get::<Locator>(&LocatorId(locator)).await?.entity.asset_id;
        transaction.unprotect(asset).await?;
        transaction.commit().await.map(drop)
    }
}

impl Transaction<'_> {
    async fn protect(&mut self, asset: AssetId, protection: &Protection) -> Result<Vec<ContentKeyId>, Error> {
        let content_key_type = match protection.delivery_type {
            DeliveryType::DynamicEnvelopeEncryption => ContentKeyType::EnvelopeEncryption,
            DeliveryType::DynamicCommonEncryption => ContentKeyType::CommonEncryption,
            DeliveryType::DynamicCommonEncryptionCbcs => ContentKeyType::CommonEncryptionCbcs,
            _ => return Err(Error::conflict("that type of delivery does not encrypt".to_owned())),
        };
        self.without_policy(asset).await?;
        let restriction_type = match protection.template {
            Some(_) => KeyRestrictionType::TokenRestricted,
            None => KeyRestrictionType::Open,
        };
        let option = NewKeyPolicyOption {
            name: None,
            key_delivery_type: KeyDeliveryType::BaselineHttp,
            restrictions: vec![KeyRestriction { name: None, restriction_type }],
            secrets: KeyOptionSecrets { configuration: None, requirements: vec![protection.template.clone()] },
        };
        let policy = self.create_key_policy(None).await?.id;
        let option = self.create_key_option(option).await?.id;
        self.link_key_option(policy, option).await?;
        let mut made = Vec::new();
        let all = [None];
        let named: Vec<Option<&String>> = protection.tracks.iter().map(Some).collect();
        for tracks in if named.is_empty() { &all[..] } else { &named } {
            let material = keys::random::<16>().map_err(|_| Error::Seal(SealError::NoRandomness))?;
            let key = NewContentKey {
                id: ContentKeyId::random(),
                content_key_type,
                material: SecretBytes::new(material.expose().to_vec()),
                checksum: None,
                protection_key_id: String::new(),
                name: None,
                track_identifiers: tracks.cloned(),
            };
            let key = self.create_content_key(key).await?.id;
            let update =
                ContentKeyUpdate { authorization_policy_id: Some(Some(policy)), ..ContentKeyUpdate::default() };
            self.update_content_key(key, update, None).await?;
            self.link_content_key(asset, key).await?;
            made.push(key);
        }
        self.deliver(asset, protection.delivery_policy()).await?;
        Ok(made)
    }

    async fn without_policy(&mut self, asset: AssetId) -> Result<(), Error> {
        match self.linked(Link::AssetDeliveryPolicies, &asset).await?.is_empty() {
            true => Ok(()),
            false => Err(Error::conflict(format!("asset {asset} has a delivery policy already; take that off first"))),
        }
    }

    /// Gives the asset a delivery policy.
    async fn deliver(&mut self, asset: AssetId, policy: NewDeliveryPolicy) -> Result<(), Error> {
        let delivery = self.create_delivery_policy(policy).await?.id;
        // Policies do not change while there are locators for streaming; these come back as they were.
        let locators = self.take_locators(asset).await?;
        self.link_delivery_policy(asset, delivery).await?;
        self.put_locators(&locators).await
    }

    async fn unprotect(&mut self, asset: AssetId) -> Result<(), Error> {
        let locators = self.take_locators(asset).await?;
        let id = asset.to_string();
        let policies = read::linked::<DeliveryPolicy>(&mut self.running, Link::AssetDeliveryPolicies, &id).await?;
        for policy in policies {
            self.unlink_delivery_policy(asset, policy.entity.id).await?;
        }
        for key in read::linked::<ContentKey>(&mut self.running, Link::AssetContentKeys, &id).await? {
            if content_key::is_for_players(key.entity.content_key_type) {
                self.unlink_content_key(asset, key.entity.id).await?;
            }
        }
        self.put_locators(&locators).await
    }

    async fn take_locators(&mut self, asset: AssetId) -> Result<Vec<Locator>, Error> {
        let locators: Vec<Stored<Locator>> = self.list(&Page::of(asset.to_string())).await?;
        let streaming = locators.into_iter().map(|stored| stored.entity);
        let streaming: Vec<Locator> =
            streaming.filter(|locator| locator.locator_type == LocatorType::OnDemandOrigin).collect();
        for locator in &streaming {
            self.delete_locator(locator.id).await?;
        }
        Ok(streaming)
    }

    async fn put_locators(&mut self, locators: &[Locator]) -> Result<(), Error> {
        for locator in locators {
            self.insert(locator).await?;
            let (id, policy) = (locator.id.to_string(), locator.access_policy_id.to_string());
            self.link(Link::LocatorAccessPolicy, &id, &policy).await?;
        }
        Ok(())
    }
}
