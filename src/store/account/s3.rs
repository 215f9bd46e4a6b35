//! S3 and what speaks its protocol: one bucket, a prefix for each asset.

use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::signer::Signer;

use super::client::{self, Client};
use super::settings::S3Credential;
use crate::store::objects::translate;
use crate::store::{Error, check_path};

pub use hyper::Method;

/// A bucket, or a part of one.
#[derive(Debug)]
pub struct S3 {
    store: Arc<AmazonS3>,
    prefix: String,
    client: Client,
}

impl S3 {
    pub(super) fn open(
        name: &str,
        bucket: String,
        prefix: &str,
        endpoint: Option<String>,
        region: Option<String>,
        credential: Option<S3Credential>,
    ) -> Result<S3, Error> {
        let refuse = |problem: String| Error::Settings { account: name.to_owned(), problem };
        let plain = endpoint.as_deref().is_some_and(|e| e.starts_with("http://"));
        let client = Client::new(name, plain)?;
        let mut builder = match credential {
            Some(S3Credential { access_key_id, secret }) => {
                let secret =
                    std::str::from_utf8(secret.expose()).map_err(|_| refuse("its secret is no text".into()))?;
                AmazonS3Builder::new().with_access_key_id(access_key_id).with_secret_access_key(secret.trim())
            }
            None => AmazonS3Builder::from_env(),
        };
        builder = builder
            .with_bucket_name(bucket)
            .with_region(region.unwrap_or_else(|| "us-east-1".to_owned()))
            .with_allow_http(plain)
            .with_client_options(client::options(plain))
            .with_retry(client::retry())
            .with_http_connector(client.clone());
        if let Some(endpoint) = endpoint {
            builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
        }
        let store = builder.build().map_err(|error| refuse(error.to_string()))?;
        Ok(S3 { store: Arc::new(store), prefix: prefix.trim_matches('/').to_owned(), client })
    }

    /// The HTTP client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn backend(&self) -> &dyn ObjectStore {
        &*self.store
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(super) fn container(&self, container: &str) -> Arc<dyn ObjectStore> {
        Arc::new(PrefixStore::new(Arc::clone(&self.store), self.key(container)))
    }

    fn key(&self, rest: &str) -> String {
        if self.prefix.is_empty() { rest.to_owned() } else { format!("{}/{rest}", self.prefix) }
    }

    /// A presigned URL of one file: S3 signs no URLs of prefixes. At most seven days long (the service's limit).
    ///
    /// # Errors
    /// [`Error::BadPath`], or credentials that cannot be had.
    pub async fn signed_url(
        &self,
        method: Method,
        container: &str,
        path: &str,
        expires_in: Duration,
    ) -> Result<String, Error> {
        check_path(path)?;
        let key = Path::parse(self.key(&format!("{container}/{path}")));
        let key = key.map_err(|error| translate(path, error.into()))?;
        let url = self.store.signed_url(method, &key, expires_in.min(MAX_EXPIRY)).await;
        url.map(String::from).map_err(|error| translate(path, error))
    }
}

/// The longest time for which S3 accepts a presigned URL.
const MAX_EXPIRY: Duration = Duration::from_secs(7 * 24 * 3600);
