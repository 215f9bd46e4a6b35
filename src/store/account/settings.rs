//! What an account is opened with. Secrets have no `Debug`.

use std::path::PathBuf;
use std::time::Duration;

use super::signed::Landing;
use crate::secrets::SecretBytes;
use crate::store::Symlinks;

/// A storage account as it is configured.
#[derive(Clone)]
pub struct AccountSettings {
    /// Its name, by which assets know it.
    pub name: String,
    /// How long listings are believed, where the kind's own time does not suit.
    pub recheck: Option<Duration>,
    /// What it is.
    pub backend: Backend,
}

/// Where an account's bytes are.
#[derive(Clone)]
pub enum Backend {
    /// A local folder.
    Folder {
        /// The folder.
        root: PathBuf,
        /// What to do with links in it.
        symlinks: Symlinks,
        /// Keys that sign its URLs: the first signs, all are accepted.
        keys: Vec<SecretBytes>,
    },
    /// Azure Blob Storage.
    Azure {
        /// The account's name there.
        account: String,
        /// The endpoint, where it is not the public cloud's.
        endpoint: Option<String>,
        /// How to prove who we are.
        credential: AzureCredential,
    },
    /// S3 or a compatible service.
    S3 {
        /// The bucket.
        bucket: String,
        /// What all keys begin with, without a slash at either end; may be empty.
        prefix: String,
        /// The endpoint, where it is not Amazon's.
        endpoint: Option<String>,
        /// The region; `us-east-1` if not given.
        region: Option<String>,
        /// How to prove who we are; `None` asks the environment and the machine's own role.
        credential: Option<S3Credential>,
        /// With it, signed URLs of its containers are answered.
        landing: Option<Landing>,
    },
    /// In this process' memory, for tests.
    Memory,
}

/// How to prove to Azure who we are.
#[derive(Clone)]
pub enum AzureCredential {
    /// The account's key, as base64 text. It can sign URLs for others.
    Key(SecretBytes),
    /// A shared access signature for the account, the query string of a URL.
    Sas(SecretBytes),
}

/// How to prove to S3 who we are.
#[derive(Clone)]
pub struct S3Credential {
    /// The access key's identifier, which is no secret.
    pub access_key_id: String,
    /// The secret access key.
    pub secret: SecretBytes,
}
