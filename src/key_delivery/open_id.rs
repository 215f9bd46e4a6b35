//! Signing keys of OpenID Connect providers: fetched when they are needed, kept, and fetched again when a token
//! names one that is not among them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Client, Url};
use tokio::time::Instant;

use super::fetch;
use crate::tokens::{Refusal, SigningKey, discovery_document, key_set};

/// How long keys count as new.
const FRESH: Duration = Duration::from_secs(15 * 60);
/// How long they are used while the provider does not answer.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest document, bytes.
const MAX_DOCUMENT: usize = 256 << 10;
/// The most providers.
const MAX_PROVIDERS: usize = 1000;

/// Keys as they were last fetched.
type Keys = Arc<[SigningKey]>;

/// Providers by the address of their discovery document.
pub(super) struct Providers {
    client: Client,
    /// The least time from one fetch to the next: tokens with made-up key names are cheap.
    pace: Duration,
    known: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Provider>>>>,
}

#[derive(Default)]
struct Provider {
    keys: Option<(Keys, Instant)>,
    tried: Option<Instant>,
}

impl Providers {
    pub(super) fn new(client: Client, pace: Duration) -> Providers {
        Providers { client, pace, known: Mutex::default() }
    }

    /// The keys of a provider. `anew`: the ones that were given last were not enough.
    pub(super) async fn keys(&self, discovery: &str, anew: bool) -> Result<Keys, Refusal> {
        let provider = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= MAX_PROVIDERS && !known.contains_key(discovery) {
                known.clear();
            }
            Arc::clone(known.entry(discovery.to_owned()).or_default())
        };
        // Held while fetching, so that one fetch serves all who wait.
        let mut provider = provider.lock().await;
        let now = Instant::now();
        let age = |at: Instant| now.saturating_duration_since(at);
        let may_fetch = provider.tried.is_none_or(|at| age(at) >= self.pace);
        match &provider.keys {
            Some((keys, at)) if (!anew && age(*at) < FRESH) || !may_fetch => return Ok(Arc::clone(keys)),
            None if !may_fetch => return Err(Refusal::KeysUnavailable),
            _ => {}
        }
        let fetched = self.fetch(discovery).await;
        provider.tried = Some(Instant::now());
        match fetched {
            Ok(keys) => {
                tracing::debug!(discovery, keys = keys.len(), "signing keys fetched");
                provider.keys = Some((Arc::clone(&keys), Instant::now()));
                Ok(keys)
            }
            Err(error) => {
                tracing::warn!(discovery, error, "the signing keys of an OpenID Connect provider cannot be fetched");
                match &provider.keys {
                    Some((keys, at)) if age(*at) < STALE => Ok(Arc::clone(keys)),
                    _ => Err(Refusal::KeysUnavailable),
                }
            }
        }
    }

    async fn fetch(&self, discovery: &str) -> Result<Keys, String> {
        let document = self.get(discovery).await?;
        let place = discovery_document(&document).ok_or("its discovery document has no jwks_uri")?;
        let keys = key_set(&self.get(&place).await?).ok_or("what is at its jwks_uri is no set of keys")?;
        Ok(keys.into())
    }

    async fn get(&self, url: &str) -> Result<bytes::Bytes, String> {
        let url = Url::parse(url).map_err(|_| "it names an address that is no URL")?;
        if !crate::tokens::may_be_fetched(&url) {
            return Err("it names an address that does not begin with https://".to_owned());
        }
        let answer = self.client.get(url).send().await.map_err(|error| fetch::reason(&error))?;
        if !answer.status().is_success() {
            return Err(format!("it answers with status {}", answer.status().as_u16()));
        }
        fetch::body(answer, MAX_DOCUMENT).await
    }
}
