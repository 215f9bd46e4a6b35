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
use super::audit::{Asked, Decisions};
use super::authorize::{Granted, authorize};
use super::credentials::Credentials;
use super::error::Error;
use super::keyring::{Deliverable, DeliveryOption, Keyring};
use super::licence::{Challenge, Gateway, LicenceServices};
use super::open_id::Providers;
use super::rate::Rates;
use super::replay::Replays;
use super::target::{self, Service, Target};
use super::{answer, clear_key, fetch};
use crate::catalog::{Catalog, KeyDeliveryType};
use crate::clock;
use crate::origin::Body;
use crate::secrets::SecretBytes;
use crate::tokens::{Moment, ReplayLimit};

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
    /// Who writes licences.
    pub licences: LicenceServices,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            allow: Addresses::default(),
            trusted_proxies: Addresses::default(),
            requests_per_minute: 600,
            clock_skew_seconds: 60,
            discovery_pace: Duration::from_secs(30),
            licences: LicenceServices::default(),
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
    gateway: Gateway,
    decisions: Decisions,
}

/// A key that may be given, and the option of its policy that says so.
struct Given {
    found: Arc<Result<Deliverable, Error>>,
    option: usize,
}

impl Given {
    fn key(&self) -> Option<&Deliverable> {
        self.found.as_ref().as_ref().ok()
    }

    fn option(&self) -> Option<&DeliveryOption> {
        self.key()?.options.get(self.option)
    }
}

/// How many of several keys have to be allowed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Enough {
    /// Those that are, are given.
    Any,
    /// One that is not refuses all.
    All,
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
            providers: Providers::new(client.clone(), settings.discovery_pace),
            gateway: Gateway::new(client, settings.licences.clone()),
            replays: Replays::default(),
            rates: Rates::new(settings.requests_per_minute),
            decisions: Decisions::default(),
            settings,
        })
    }

    /// How many keys were given and not given.
    pub fn decisions(&self) -> &Decisions {
        &self.decisions
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
        // Read whatever comes of it: who is still sending would miss the answer.
        let body = if head.method == Method::POST { whole(body).await } else { Ok(Bytes::new()) };
        let client = self.settings.trusted_proxies.client(peer, &head.headers);
        let target = Target::parse(&head);
        let service = target.as_ref().map_or(Service::Key, |target| target.service);
        let asked = Asked {
            client,
            service,
            key: target.as_ref().ok().and_then(|target| target.key),
            decisions: &self.decisions,
        };
        let milliseconds = clock::utc(now).unix_millis;
        let admitted = self.admit(&head, client, milliseconds).and(target);
        let target = admitted.inspect_err(|error| asked.refused(error))?;
        let moment = self.moment(now);
        let credentials = Credentials::new(client, &head.headers, target.tokens.clone());
        match service {
            Service::Key => {
                let Some(id) = target.key else {
                    return Err(Error::BadRequest("kid is missing")).inspect_err(|error| asked.refused(error));
                };
                let wanted = (&[id][..], KeyDeliveryType::BaselineHttp, Enough::Any);
                let given = self.deliver(wanted, asked, &credentials, moment).await?;
                let key = given.iter().find_map(Given::key).ok_or(Error::UnknownKey)?;
                let bytes = Bytes::copy_from_slice(key.material.expose());
                Ok(answer::given("application/octet-stream", bytes, now))
            }
            Service::ClearKey => {
                let wanted = match (&head.method, target.key) {
                    (&Method::GET, Some(id)) => Ok(clear_key::Wanted { keys: vec![id], is_persistent: false }),
                    (&Method::GET, None) => Err(Error::BadRequest("kid is missing")),
                    _ => body.and_then(|body| clear_key::parse(&body)),
                };
                let wanted = wanted.inspect_err(|error| asked.refused(error))?;
                let asking = (wanted.keys.as_slice(), KeyDeliveryType::BaselineHttp, Enough::Any);
                let given = self.deliver(asking, asked, &credentials, moment).await?;
                let keys: Vec<(Uuid, &SecretBytes)> =
                    given.iter().filter_map(Given::key).map(|key| (key.id, &key.material)).collect();
                let licence = clear_key::licence(&keys, wanted.is_persistent)?;
                Ok(answer::given("application/json", licence.into(), now))
            }
            Service::PlayReady => {
                self.licence(KeyDeliveryType::PlayReadyLicense, asked, credentials, body, &head, now).await
            }
            Service::Widevine => self.licence(KeyDeliveryType::Widevine, asked, credentials, body, &head, now).await,
            Service::FairPlay => self.licence(KeyDeliveryType::FairPlay, asked, credentials, body, &head, now).await,
        }
    }

    /// A licence of another service's, for a challenge all of whose keys the request may have.
    async fn licence(
        &self,
        delivery: KeyDeliveryType,
        asked: Asked<'_>,
        mut credentials: Credentials,
        body: Result<Bytes, Error>,
        head: &Parts,
        now: SystemTime,
    ) -> Result<Response<Body>, Error> {
        let challenge = self.gateway.service(asked.service).and_then(|service| {
            let challenge = Challenge::parse(asked.service, body?, &head.headers, asked.key)?;
            Ok((service, challenge))
        });
        let (service, mut challenge) = challenge.inspect_err(|error| asked.refused(error))?;
        if let Some(token) = challenge.token.take() {
            credentials = credentials.with_token(token);
        }
        let moment = self.moment(now);
        let given = if challenge.keys.is_empty() {
            // The service's certificate: for who may have the key of the URL, but it is no use of a token.
            let key = asked.key.ok_or(Error::BadRequest("kid is missing in the URL"));
            let key = key.inspect_err(|error| asked.refused(error))?;
            let (given, _) = self.judge((&[key], delivery, Enough::All), asked, &credentials, moment).await?;
            given
        } else {
            self.deliver((&challenge.keys, delivery, Enough::All), asked, &credentials, moment).await?
        };
        let template = given.iter().find_map(|given| given.option()?.configuration.as_ref());
        let template = template.map(|template| template.as_str());
        let answer = self.gateway.ask(service, asked.service, challenge, template, &head.headers, now).await;
        answer.inspect_err(|error| asked.refused(error))
    }

    fn moment(&self, now: SystemTime) -> Moment {
        Moment { now: clock::utc(now).unix_millis / 1000, skew: self.settings.clock_skew_seconds }
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

    /// Gives keys: judges, counts a use of the token, and writes the audit records.
    async fn deliver(
        &self,
        wanted: (&[Uuid], KeyDeliveryType, Enough),
        asked: Asked<'_>,
        credentials: &Credentials,
        moment: Moment,
    ) -> Result<Vec<Given>, Error> {
        let (given, uses) = self.judge(wanted, asked, credentials, moment).await?;
        let records = given.iter().filter_map(|given| {
            let asked = Asked { key: Some(given.key()?.id), ..asked };
            Some((asked, given.option()?.id.as_str()))
        });
        if let Err(refusal) = self.replays.take(&uses, moment.now) {
            let error = Error::Token(refusal);
            records.for_each(|(asked, _)| asked.refused(&error));
            return Err(error);
        }
        records.for_each(|(asked, option)| asked.granted(option));
        Ok(given)
    }

    /// Those of the keys that the request may have; if it may have none, or not enough, why not the first. And
    /// the uses that they cost: a token that may be used a number of times is used once, for however many keys.
    async fn judge(
        &self,
        (ids, delivery, enough): (&[Uuid], KeyDeliveryType, Enough),
        asked: Asked<'_>,
        credentials: &Credentials,
        moment: Moment,
    ) -> Result<(Vec<Given>, Vec<ReplayLimit>), Error> {
        let (mut given, mut uses): (Vec<Given>, Vec<ReplayLimit>) = (Vec::new(), Vec::new());
        let mut refusal = None;
        for id in ids {
            let asked = Asked { key: Some(*id), ..asked };
            let found = self.keys.get(*id).await.inspect_err(|error| asked.refused(error))?;
            let judged = match found.as_ref() {
                Ok(key) => authorize(key, delivery, credentials, &self.providers, moment).await,
                Err(error) => Err(error.clone()),
            };
            match judged {
                Ok(Granted { option, uses: costs }) => {
                    for cost in costs {
                        if !uses.iter().any(|other| other.digest == cost.digest) {
                            uses.push(cost);
                        }
                    }
                    given.push(Given { found: Arc::clone(&found), option });
                }
                Err(error) => {
                    asked.refused(&error);
                    refusal.get_or_insert(error);
                }
            }
        }
        match refusal {
            Some(error) if given.is_empty() || enough == Enough::All => Err(error),
            _ if given.is_empty() => Err(Error::UnknownKey),
            _ => Ok((given, uses)),
        }
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
