//! Keys with their policies, ready to be judged: read from the catalogue once, and anew when it has changed.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::addresses::Addresses;
use super::error::Error;
use crate::catalog::{
    self, Catalog, ContentKey, ContentKeyId, KeyDeliveryType, KeyPolicyOption, KeyRestrictionType, Link, Version,
};
use crate::cipher::{self, KeyId};
use crate::protection::{base_range, period_key, period_of};
use crate::secrets::SecretBytes;
use crate::tokens::{TokenRestriction, Verifier};

/// How long a key stays in memory.
const KEPT: Duration = Duration::from_secs(15 * 60);
/// How many.
const MAX_KEYS: u64 = 10_000;

/// A key that players may get. No `Debug`: it holds secrets.
pub(super) struct Deliverable {
    pub id: Uuid,
    /// The content key that it is made of, if it is the key of a period.
    pub made_of: Option<Uuid>,
    pub material: SecretBytes,
    pub options: Vec<DeliveryOption>,
}

/// One way in which it is delivered.
pub(super) struct DeliveryOption {
    /// Its identifier, for the log.
    pub id: String,
    pub delivery: KeyDeliveryType,
    /// The licence template or settings.
    pub configuration: Option<Zeroizing<String>>,
    /// To whom; all have to be met.
    pub restrictions: Vec<Restriction>,
}

/// To whom.
pub(super) enum Restriction {
    Open,
    Token(Box<Verifier>),
    From(Addresses),
    /// It cannot be read, so it lets nobody through.
    Unreadable,
}

/// Keys in memory.
pub(super) struct Keyring {
    catalog: Catalog,
    kept: Cache<Uuid, (Version, Arc<Result<Deliverable, Error>>)>,
}

impl Keyring {
    pub(super) fn new(catalog: Catalog) -> Keyring {
        Keyring { catalog, kept: Cache::builder().max_capacity(MAX_KEYS).time_to_live(KEPT).build() }
    }

    /// The key of that id, as of the catalogue's last change.
    pub(super) async fn get(&self, id: Uuid) -> Result<Arc<Result<Deliverable, Error>>, Error> {
        // Taken before reading: what is read is at least as new.
        let version = self.catalog.snapshot().version;
        if let Some((of, key)) = self.kept.get(&id).await
            && of == version
        {
            return Ok(key);
        }
        let key = match self.load(id).await {
            Err(Error::Catalog(problem)) => return Err(Error::Catalog(problem)),
            // That there is none, or that it is not for players, is kept too.
            settled => Arc::new(settled),
        };
        self.kept.insert(id, (version, Arc::clone(&key))).await;
        Ok(key)
    }

    /// The content key of that id, or that the key of that id of a period is made of.
    async fn find(&self, id: Uuid) -> Result<(ContentKey, Option<Uuid>), Error> {
        if let Some(key) = self.catalog.find::<ContentKey>(&ContentKeyId(id)).await.map_err(failed)? {
            return Ok((key.entity, None));
        }
        let wanted = KeyId(*id.as_bytes());
        let (first, last) = base_range(wanted);
        let range = ContentKeyId(Uuid::from_bytes(first.0))..=ContentKeyId(Uuid::from_bytes(last.0));
        let near = self.catalog.content_keys_between(range).await.map_err(failed)?;
        let is_base = |key: &ContentKey| period_of(KeyId(*key.id.guid().as_bytes()), wanted).is_some();
        // Nobody knows which period is meant where two content keys are that much alike.
        let mut bases = near.into_iter().filter(is_base);
        match (bases.next(), bases.next()) {
            (Some(key), None) => {
                let base = key.id.guid();
                Ok((key, Some(base)))
            }
            _ => Err(Error::UnknownKey),
        }
    }

    async fn load(&self, id: Uuid) -> Result<Deliverable, Error> {
        let (key, made_of) = self.find(id).await?;
        let (wanted, id) = (id, key.id);
        if !catalog::is_for_players(key.content_key_type) {
            return Err(Error::NotForPlayers);
        }
        let mut options: Vec<DeliveryOption> = Vec::new();
        if let Some(policy) = key.authorization_policy_id {
            let linked = self.catalog.linked::<KeyPolicyOption>(Link::KeyPolicyOptions, &policy).await;
            for option in linked.map_err(failed)? {
                options.push(self.option(option.entity).await?);
            }
        }
        let material = self.catalog.key_material(id).await.map_err(failed)?;
        let material = match made_of {
            None => material,
            Some(base) => {
                let content_key = cipher::ContentKey::from_slice(material.expose()).ok_or(Error::NotForPlayers)?;
                let (base, id) = (KeyId(*base.as_bytes()), KeyId(*wanted.as_bytes()));
                SecretBytes::new(period_key(&content_key, base, id).expose().to_vec())
            }
        };
        if made_of.is_some() {
            // Licence services know content keys alone.
            options.retain(|option| option.delivery == KeyDeliveryType::BaselineHttp);
        }
        Ok(Deliverable { id: wanted, made_of, material, options })
    }

    async fn option(&self, option: KeyPolicyOption) -> Result<DeliveryOption, Error> {
        let secrets = self.catalog.key_option_secrets(option.id).await.map_err(failed)?;
        let id = option.id.to_string();
        let restriction = |(restriction, text): (&catalog::KeyRestriction, &Option<String>)| {
            let text = text.as_deref().unwrap_or_default();
            let read = match restriction.restriction_type {
                KeyRestrictionType::Open => Ok(Restriction::Open),
                KeyRestrictionType::TokenRestricted => TokenRestriction::parse(text)
                    .map(|template| Restriction::Token(Box::new(Verifier::new(&template))))
                    .map_err(|error| error.to_string()),
                KeyRestrictionType::IpRestricted => {
                    Addresses::parse(text).map(Restriction::From).map_err(|error| error.to_string())
                }
            };
            read.unwrap_or_else(|error| {
                tracing::error!(option = id, error, "a restriction cannot be read; it lets nobody through");
                Restriction::Unreadable
            })
        };
        let mut restrictions: Vec<Restriction> =
            option.restrictions.iter().zip(&secrets.requirements).map(restriction).collect();
        if restrictions.len() != option.restrictions.len() || restrictions.is_empty() {
            restrictions.push(Restriction::Unreadable);
        }
        Ok(DeliveryOption {
            delivery: option.key_delivery_type,
            configuration: secrets.configuration.clone().map(Zeroizing::new),
            restrictions,
            id,
        })
    }
}

fn failed(error: catalog::Error) -> Error {
    match error {
        // Deleted meanwhile.
        catalog::Error::NotFound { .. } => Error::UnknownKey,
        error => Error::Catalog(error.to_string()),
    }
}
