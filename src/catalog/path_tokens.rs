//! Locators that want a token in their URLs, and the keys that such tokens are signed with.

use super::Catalog;
use super::database::Running;
use super::entity::{Kind, Version};
use super::error::Error;
use super::id::LocatorId;
use super::locator::{Locator, LocatorType};
use super::transaction::{By, Transaction};
use crate::secrets::{SealError, SecretBytes};
use crate::tokens::PathKeys;

/// Whose secret they are.
const OWNER: &str = "path tokens";
const KEYS: &str = "keys";
/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// How many count at the same time: the one that signs, and those before it.
const MAX_KEYS: usize = 2;

impl Catalog {
    /// The keys that path tokens are signed with; none as long as no locator has wanted tokens.
    ///
    /// # Errors
    /// [`Error::Seal`] without the master key, or when the database fails.
    pub async fn path_keys(&self) -> Result<PathKeys, Error> {
        let keys = self.secret(OWNER, KEYS).await?;
        Ok(keys.map(|keys| PathKeys::new(keys.expose().chunks_exact(KEY_BYTES))).unwrap_or_default())
    }

    /// The same for a snapshot. Without them nobody gets in where a token is wanted.
    pub(super) async fn load_path_keys(&self, running: &mut Running) -> Result<PathKeys, Error> {
        let Some(sealed) = super::read::sealed(running, OWNER, KEYS).await? else { return Ok(PathKeys::default()) };
        match self.sealer().open(&super::transaction::secret_context(OWNER, KEYS), &sealed) {
            Ok(keys) => Ok(PathKeys::new(keys.expose().chunks_exact(KEY_BYTES))),
            Err(error) => {
                tracing::error!(%error, "the keys of path tokens cannot be opened");
                Ok(PathKeys::default())
            }
        }
    }

    /// The key that signs, for whoever else makes tokens; it is made if there is none.
    ///
    /// # Errors
    /// As [`Catalog::path_keys`].
    pub async fn path_signing_key(&self, by: By) -> Result<SecretBytes, Error> {
        if self.secret(OWNER, KEYS).await?.is_none() {
            let mut transaction = self.begin(by).await?;
            transaction.need_path_keys().await?;
            transaction.commit().await?;
        }
        let keys = self.secret(OWNER, KEYS).await?;
        let first = keys.as_ref().and_then(|keys| keys.expose().get(..KEY_BYTES));
        first.map(|key| SecretBytes::new(key.to_vec())).ok_or(Error::Seal(SealError::Damaged))
    }
}

impl Transaction<'_> {
    /// Has a streaming locator want a token in its URLs, or not any more.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] for a SAS locator; [`Error::Seal`] without a master key.
    pub async fn demand_path_token(
        &mut self,
        id: LocatorId,
        demand: bool,
        expected: Option<Version>,
    ) -> Result<Locator, Error> {
        let mut locator: Locator = self.for_update(&id, expected).await?;
        if locator.locator_type != LocatorType::OnDemandOrigin {
            let problem = "a SAS locator has a signature of its own; only streaming locators can want a token";
            return Err(Error::invalid(Kind::Locator, "Type", problem));
        }
        if demand {
            self.need_path_keys().await?;
        }
        locator.demands_path_token = demand;
        self.replace(&locator).await?;
        Ok(locator)
    }

    /// Signs with a new key from now on. Tokens of the one before it count until the next change.
    ///
    /// # Errors
    /// [`Error::Seal`] without a master key.
    pub async fn change_path_key(&mut self) -> Result<(), Error> {
        let known = super::read::sealed(&mut self.running, OWNER, KEYS).await?;
        let open = |sealed| self.catalog.sealer().open(&super::transaction::secret_context(OWNER, KEYS), &sealed);
        let known = known.map(open).transpose()?;
        let new = crate::keys::random::<KEY_BYTES>().map_err(|_| Error::Seal(SealError::NoRandomness))?;
        let mut keys = zeroize::Zeroizing::new(new.expose().to_vec());
        if let Some(known) = known {
            keys.extend(known.expose().iter().take(KEY_BYTES * (MAX_KEYS - 1)));
        }
        self.seal(OWNER, KEYS, &SecretBytes::new(keys.to_vec())).await?;
        // An endpoint's record: every node loads the keys anew with the endpoints.
        self.record("update", Kind::StreamingEndpoint, OWNER, None, "the key of path tokens").await
    }

    async fn need_path_keys(&mut self) -> Result<(), Error> {
        match super::read::sealed(&mut self.running, OWNER, KEYS).await? {
            Some(_) => Ok(()),
            None => self.change_path_key().await,
        }
    }
}
