//! One request, from its target to a key.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use hyper::http::request::Parts;
use hyper::{Method, Response};
use uuid::Uuid;

use super::addresses::Addresses;
use super::audit::Asked;
use super::authorize::{Granted, authorize};
use super::credentials::Credentials;
use super::error::Error;
use super::keyring::{Deliverable, Keyring};
use super::open_id::Providers;
use super::rate::Rates;
use super::replay::Replays;
use super::target::{self, Service, Target};
use super::{answer, clear_key, fetch};
use crate::catalog::{Catalog, KeyDeliveryType};
use crate::origin::Body;
use crate::secrets::SecretBytes;
use crate::tokens::Moment;

/// The longest body that is read, bytes.
const MAX_BODY: usize = 128 << 10;

/// How the service behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who may ask at all; everybody if empty.
    pub allow: Addresses,
    /// The proxies whose `X-Forwarded-For` counts.
    pub trusted_proxies: Addresses,
    /// How often a client may ask, requests a minute; 0 for any number.
    pub requests_per_minute: u32,
    /// How far the clocks of those who issue tokens may be off, seconds.
    pub clock_skew_seconds: u64,
    /// The least time from one fetch of an OpenID Connect provider's keys to the next.
    pub discovery_pace: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            allow: Addresses::default(),
            trusted_proxies: Addresses::default(),
            requests_per_minute: 600,
            clock_skew_seconds: 60,
            discovery_pace: Duration::from_secs(30),
        }
    }
}

/// The bytes of a request's body, as they come.
pub type Incoming = BoxStream<'static, io::Result<Bytes>>;

/// A request.
pub struct Request {
    /// Method, target and headers.
    pub head: Parts,
    /// Its body.
    pub body: Incoming,
    /// The other end of the connection.
    pub peer: IpAddr,
    /// When it came.
    pub now: SystemTime,
}

/// The service.
pub struct KeyDelivery {
    settings: Settings,
    keys: Keyring,
    providers: Providers,
    replays: Replays,
    rates: Rates,
}

impl KeyDelivery {
    /// Delivers the keys of `catalog`.
    ///
    /// # Errors
    /// When no client of HTTPS can be made on this machine.
    pub fn new(catalog: Catalog, settings: Settings) -> Result<KeyDelivery, io::Error> {
        let client = fetch::client().map_err(io::Error::other)?;
        Ok(KeyDelivery {
            keys: Keyring::new(catalog),
            providers: Providers::new(client, settings.discovery_pace),
            replays: Replays::default(),
            rates: Rates::new(settings.requests_per_minute),
            settings,
        })
    }

    /// The request is for this service and not for streaming.
    pub fn owns(&self, head: &Parts) -> bool {
        target::owns(head)
    }

    /// Answers one request. Never fails: what goes wrong is an answer too.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        let now = request.now;
        if request.head.method == Method::OPTIONS {
            return answer::preflight(&request.head.headers, now);
        }
        match self.answer(request).await {
            Ok(answer) => answer,
            Err(error) => answer::refused(&error, now),
        }
    }

    async fn answer(&self, request: Request) -> Result<Response<Body>, Error> {
        let Request { head, body, peer, now } = request;
        let client = self.settings.trusted_proxies.client(peer, &head.headers);
        let target = Target::parse(&head);
        let service = target.as_ref().map_or(Service::Key, |target| target.service);
        let asked = Asked { client, service, key: target.as_ref().ok().and_then(|target| target.key) };
        let milliseconds = milliseconds(now);
        let admitted = self.admit(&head, client, milliseconds).and(target);
        let target = admitted.inspect_err(|error| asked.refused(error))?;
        let moment = Moment { now: milliseconds / 1000, skew: self.settings.clock_skew_seconds };
        let credentials = Credentials::new(client, &head.headers, target.tokens.clone());
        match service {
            Service::Key => {
                let Some(id) = target.key else {
                    return Err(Error::BadRequest("kid is missing")).inspect_err(|error| asked.refused(error));
                };
                let key = self.deliver(&[id], asked, &credentials, moment).await?;
                let key = key.iter().filter_map(|key| key.as_ref().as_ref().ok()).next().ok_or(Error::UnknownKey)?;
                let bytes = Bytes::copy_from_slice(key.material.expose());
                Ok(answer::given("application/octet-stream", bytes, now))
            }
            Service::ClearKey => {
                let wanted = match (&head.method, target.key) {
                    (&Method::GET, Some(id)) => Ok(clear_key::Wanted { keys: vec![id], is_persistent: false }),
                    (&Method::GET, None) => Err(Error::BadRequest("kid is missing")),
                    _ => whole(body).await.and_then(|body| clear_key::parse(&body)),
                };
                let wanted = wanted.inspect_err(|error| asked.refused(error))?;
                let keys = self.deliver(&wanted.keys, asked, &credentials, moment).await?;
                let keys: Vec<(Uuid, &SecretBytes)> = keys
                    .iter()
                    .filter_map(|key| key.as_ref().as_ref().ok())
                    .map(|key| (key.id, &key.material))
                    .collect();
                let licence = clear_key::licence(&keys, wanted.is_persistent)?;
                Ok(answer::given("application/json", licence.into(), now))
            }
            Service::PlayReady | Service::Widevine | Service::FairPlay => {
                Err(Error::NoLicenceService).inspect_err(|error| asked.refused(error))
            }
        }
    }

    /// What does not depend on a key.
    fn admit(&self, head: &Parts, client: IpAddr, now: u64) -> Result<(), Error> {
        if head.method != Method::GET && head.method != Method::POST {
            return Err(Error::Method);
        }
        self.rates.take(client, now)?;
        if !self.settings.allow.is_empty() && !self.settings.allow.contain(client) {
            return Err(Error::Address);
        }
        Ok(())
    }

    /// Those of the keys that the request may have, as they are; if it may have none, why not the first. A
    /// token that may be used a number of times is used once, for however many keys.
    async fn deliver(
        &self,
        ids: &[Uuid],
        asked: Asked,
        credentials: &Credentials,
        moment: Moment,
    ) -> Result<Vec<Arc<Result<Deliverable, Error>>>, Error> {
        let (mut given, mut records, mut uses) = (Vec::new(), Vec::new(), Vec::new());
        let mut refusal = None;
        for id in ids {
            let asked = Asked { key: Some(*id), ..asked };
            let found = match self.keys.get(*id).await {
                Ok(found) => found,
                Err(error) => {
                    asked.refused(&error);
                    return Err(error);
                }
            };
            let judged = match found.as_ref() {
                Ok(key) => authorize(key, KeyDeliveryType::BaselineHttp, credentials, &self.providers, moment).await,
                Err(error) => Err(error.clone()),
            };
            match judged {
                Ok(Granted { option, uses: costs }) => {
                    let known = |digest: &[u8; 32], uses: &[crate::tokens::ReplayLimit]| {
                        uses.iter().any(|other| other.digest == *digest)
                    };
                    for cost in costs {
                        if !known(&cost.digest, &uses) {
                            uses.push(cost);
                        }
                    }
                    records.push((asked, option.id.clone()));
                    given.push(Arc::clone(&found));
                }
                Err(error) => {
                    asked.refused(&error);
                    refusal.get_or_insert(error);
                }
            }
        }
        if given.is_empty() {
            return Err(refusal.unwrap_or(Error::UnknownKey));
        }
        if let Err(refusal) = self.replays.take(&uses, moment.now) {
            let error = Error::Token(refusal);
            records.iter().for_each(|(asked, _)| asked.refused(&error));
            return Err(error);
        }
        records.iter().for_each(|(asked, option)| asked.granted(option));
        Ok(given)
    }
}

/// The whole body.
async fn whole(mut body: Incoming) -> Result<Bytes, Error> {
    let mut whole = BytesMut::new();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|_| Error::NoBody)?;
        if whole.len() + piece.len() > MAX_BODY {
            return Err(Error::TooLarge);
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
