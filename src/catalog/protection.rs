//! The account's protection certificate, and the move of all secrets to a new master key.

use super::Catalog;
use super::entity::Kind;
use super::error::Error;
use super::read::sealed;
use super::transaction::{By, secret_context};
use crate::keys::ProtectionCertificate;
use crate::secrets::{SealError, Sealed, SecretBytes};

/// Whose secrets they are.
const OWNER: &str = "protection";
const CERTIFICATE: &str = "certificate";
const PRIVATE_KEY: &str = "private key";

impl Catalog {
    /// The protection certificate with its private key; it is made when there is none yet, once for all nodes.
    ///
    /// # Errors
    /// [`Error::Seal`] without the master key, or when the database fails.
    pub async fn protection_certificate(&self, by: By) -> Result<ProtectionCertificate, Error> {
        if let Some(known) = self.stored_certificate().await? {
            return Ok(known);
        }
        let made = tokio::task::spawn_blocking(|| ProtectionCertificate::generate("Headwater protection certificate"));
        let made = made.await.ok().and_then(Result::ok).ok_or(SealError::NoRandomness)?;
        let mut transaction = self.begin(by).await?;
        // Another node may have been faster; its certificate counts.
        if sealed(&mut transaction.running, OWNER, CERTIFICATE).await?.is_none() {
            transaction.seal(OWNER, CERTIFICATE, &SecretBytes::new(made.der().to_vec())).await?;
            transaction.seal(OWNER, PRIVATE_KEY, made.private_key()).await?;
            transaction.record("create", Kind::ContentKey, OWNER, None, "the protection certificate").await?;
            transaction.commit().await?;
            return Ok(made);
        }
        drop(transaction);
        let stored = self.stored_certificate().await?;
        stored.ok_or(Error::Seal(SealError::Damaged))
    }

    async fn stored_certificate(&self) -> Result<Option<ProtectionCertificate>, Error> {
        let certificate = self.secret(OWNER, CERTIFICATE).await?;
        let private = self.secret(OWNER, PRIVATE_KEY).await?;
        let (Some(certificate), Some(private)) = (certificate, private) else { return Ok(None) };
        let whole = ProtectionCertificate::from_parts(certificate.expose().to_vec(), private);
        whole.map(Some).map_err(|_| Error::Seal(SealError::Damaged))
    }

    /// Seals all secrets that lie under an older master key under the present one, and says how many there were.
    /// Nothing is changed when one of them cannot be opened.
    ///
    /// # Errors
    /// [`Error::Seal`], or when the database fails.
    pub async fn reseal_secrets(&self, by: By) -> Result<usize, Error> {
        let present = self.sealer().seal("", &SecretBytes::new(Vec::new()))?.master;
        let sql = "SELECT owner, name, master, sealed FROM secret WHERE master <> $1";
        let old: Vec<(String, String, String, String)> =
            self.database().read().await?.all(sql, &[(&present).into()]).await?;
        if old.is_empty() {
            return Ok(0);
        }
        let mut transaction = self.begin(by).await?;
        for (owner, name, ..) in &old {
            // As it is now: it may have been changed meanwhile.
            let Some(stored) = sealed(&mut transaction.running, owner, name).await? else { continue };
            let context = secret_context(owner, name);
            let secret = self.sealer().open(&context, &stored)?;
            let anew: Sealed = self.sealer().seal(&context, &secret)?;
            transaction.put_sealed(owner, name, &anew).await?;
        }
        let detail = format!("{} secrets under another master key", old.len());
        transaction.record("reseal", Kind::ContentKey, "secrets", None, &detail).await?;
        transaction.commit().await?;
        Ok(old.len())
    }
}
