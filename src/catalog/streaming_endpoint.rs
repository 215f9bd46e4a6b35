//! Streaming endpoints: who answers, and to whom (object model §12.1, streaming contract §10.4).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::entity::{Entity, Kind, Page, Stored, Version, millis};
use super::error::Error;
use super::id::{OperationId, StreamingEndpointId};
use super::numbers::numbered;
use super::operation::{EndpointAction, OPEN, Operation, OperationState};
use super::rules;
use super::transaction::{By, Transaction};
use super::{Catalog, access::IpRange};
use crate::secrets::{Sealed, SecretBytes};
use crate::time::UtcTime;
use crate::xml::{self, Limits};

numbered! {
    /// Where an endpoint is in its life.
    EndpointState {
        /// Does not answer.
        Stopped = 0 "Stopped",
        /// Will answer in a moment.
        Starting = 1 "Starting",
        /// Answers.
        Running = 2 "Running",
        /// Will answer no more in a moment.
        Stopping = 3 "Stopping",
        /// Is about to be no more.
        Deleting = 4 "Deleting",
        /// Answers, and will have another number of scale units in a moment.
        Scaling = 5 "Scaling",
    }

    /// The CDN in front of an endpoint, as the management API knows them.
    CdnProvider {
        /// Verizon's, the standard one.
        StandardVerizon = 0 "StandardVerizon",
        /// Verizon's, with more features.
        PremiumVerizon = 1 "PremiumVerizon",
        /// Akamai's.
        StandardAkamai = 2 "StandardAkamai",
    }
}

impl EndpointState {
    /// Requests are answered.
    pub const fn answers(self) -> bool {
        matches!(self, EndpointState::Running | EndpointState::Scaling)
    }
}

/// A streaming endpoint.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StreamingEndpoint {
    /// Its identifier.
    pub id: StreamingEndpointId,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Where it is in its life.
    pub state: EndpointState,
    /// Host names at which it answers, beside its own.
    pub custom_host_names: Vec<String>,
    /// 0 for a standard endpoint without a limit of its own; else 200 Mb/s each.
    pub scale_units: u32,
    /// There is a CDN in front: then addresses are not looked at.
    pub cdn_enabled: bool,
    /// Which one.
    pub cdn_provider: Option<CdnProvider>,
    /// Its profile.
    pub cdn_profile: Option<String>,
    /// Addresses that may ask; all if empty.
    pub ip_allow: Vec<IpRange>,
    /// Keys of Akamai's signature headers; with any, requests have to be signed.
    pub akamai_keys: Vec<AkamaiKey>,
    /// For how long caches may keep finished films, seconds; the configuration's default if not given.
    pub max_age_seconds: Option<u64>,
    /// The document at `/clientaccesspolicy.xml`.
    pub client_access_policy: Option<String>,
    /// The document at `/crossdomain.xml`.
    pub cross_domain_policy: Option<String>,
    /// When it was created.
    #[serde(with = "millis")]
    pub created: UtcTime,
    /// When it was last changed.
    #[serde(with = "millis")]
    pub last_modified: UtcTime,
}

/// A key of Akamai's signature headers ("G2O").
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AkamaiKey {
    /// What requests call it.
    pub identifier: String,
    /// The key, under the master key.
    pub key: Sealed,
    /// Until when it counts.
    #[serde(with = "millis")]
    pub expiration: UtcTime,
}

impl Entity for StreamingEndpoint {
    const KIND: Kind = Kind::StreamingEndpoint;
    type Id = StreamingEndpointId;

    fn id(&self) -> StreamingEndpointId {
        self.id
    }

    fn name(&self) -> Option<&str> {
        Some(&self.name)
    }
}

/// What an endpoint is created with.
#[derive(Clone, Default)]
pub struct NewStreamingEndpoint {
    /// Its name.
    pub name: String,
    /// How many scale units.
    pub scale_units: u32,
    /// Everything else.
    pub settings: EndpointSettings,
}

/// What of an endpoint can be set; `None` leaves it as it is.
#[derive(Clone, Default)]
pub struct EndpointSettings {
    /// What it is for, or nothing.
    pub description: Option<Option<String>>,
    /// Host names.
    pub custom_host_names: Option<Vec<String>>,
    /// A CDN in front.
    pub cdn_enabled: Option<bool>,
    /// Which one.
    pub cdn_provider: Option<Option<CdnProvider>>,
    /// Its profile.
    pub cdn_profile: Option<Option<String>>,
    /// Addresses that may ask; none for all.
    pub ip_allow: Option<Vec<IpRange>>,
    /// Keys of Akamai's signature headers.
    pub akamai_keys: Option<Vec<NewAkamaiKey>>,
    /// Seconds, or the default.
    pub max_age_seconds: Option<Option<u64>>,
    /// A document, or none.
    pub client_access_policy: Option<Option<String>>,
    /// A document, or none.
    pub cross_domain_policy: Option<Option<String>>,
}

/// A key of Akamai's signature headers, as it is given.
#[derive(Clone)]
pub struct NewAkamaiKey {
    /// What requests call it.
    pub identifier: String,
    /// The key.
    pub key: SecretBytes,
    /// Until when it counts.
    pub expiration: UtcTime,
}

/// The endpoint that is always there.
pub const DEFAULT_ENDPOINT: &str = "default";
/// The longest name of an endpoint, characters (object model §14).
pub const MAX_ENDPOINT_NAME: usize = 24;
/// The longest of the policy documents, bytes.
pub const MAX_DOCUMENT: usize = 64 * 1024;
const MAX_HOST_NAMES: usize = 100;
const MAX_RANGES: usize = 1000;
const MAX_KEYS: usize = 100;
/// A day's worth of caching less would make a CDN useless: what the reference enforces, seconds.
const MIN_CDN_MAX_AGE: u64 = 600;

fn wrong(property: &'static str, problem: impl Into<String>) -> Error {
    Error::invalid(Kind::StreamingEndpoint, property, problem)
}

fn check_name(name: &str) -> Result<(), Error> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let ends = name.starts_with('-') || name.ends_with('-');
    if name.is_empty() || name.len() > MAX_ENDPOINT_NAME || !name.chars().all(good) || ends {
        let problem =
            "it has to be 1 to 24 letters, digits and hyphens, with no hyphen at its ends: it stands in host names";
        return Err(wrong("Name", problem));
    }
    Ok(())
}

/// RFC 1123 2.1.
fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label) && name.parse::<IpAddr>().is_err()
}

/// A policy document is a complete XML document.
fn check_document(property: &'static str, document: Option<&str>) -> Result<(), Error> {
    let Some(document) = document else { return Ok(()) };
    rules::text(Kind::StreamingEndpoint, property, document, MAX_DOCUMENT)?;
    let plain = without_doctype(document)
        .ok_or_else(|| wrong(property, "its document type declaration may only name a file"))?;
    let limits = Limits { bytes: MAX_DOCUMENT, depth: 16, nodes: 10_000, attributes: 32 };
    match xml::parse(plain.as_bytes(), limits) {
        Ok(_) => Ok(()),
        Err(error) => Err(wrong(property, format!("it has to be a complete XML document: {error}"))),
    }
}

/// The document without `<!DOCTYPE name SYSTEM "…">`, which cross-domain policies have; `None` where it
/// declares more.
fn without_doctype(document: &str) -> Option<String> {
    let Some((before, rest)) = document.split_once("<!DOCTYPE") else { return Some(document.to_owned()) };
    let (declaration, after) = rest.split_once('>')?;
    (!declaration.contains(['[', '<'])).then(|| format!("{before}{after}"))
}

impl StreamingEndpoint {
    fn new(id: StreamingEndpointId, name: String, scale_units: u32, now: UtcTime) -> StreamingEndpoint {
        StreamingEndpoint {
            id,
            name,
            description: None,
            state: EndpointState::Stopped,
            custom_host_names: Vec::new(),
            scale_units,
            cdn_enabled: false,
            cdn_provider: None,
            cdn_profile: None,
            ip_allow: Vec::new(),
            akamai_keys: Vec::new(),
            max_age_seconds: None,
            client_access_policy: None,
            cross_domain_policy: None,
            created: now,
            last_modified: now,
        }
    }

    /// A plain one.
    #[cfg(test)]
    pub(crate) fn for_tests() -> StreamingEndpoint {
        StreamingEndpoint::new(StreamingEndpointId::random(), "test".to_owned(), 0, UtcTime { unix_millis: 0 })
    }

    /// It is the one that is always there.
    pub fn is_default(&self) -> bool {
        self.name.eq_ignore_ascii_case(DEFAULT_ENDPOINT)
    }

    /// To what a key of Akamai's headers is bound.
    pub(super) fn key_context(id: StreamingEndpointId, identifier: &str) -> String {
        format!("{id}/akamai/{identifier}")
    }
}

impl Transaction<'_> {
    /// Creates a stopped endpoint.
    ///
    /// # Errors
    /// [`Error::Conflict`] for a name or host name that is taken; [`Error::Quota`], [`Error::Invalid`];
    /// [`Error::Seal`] for keys without a master key.
    pub async fn create_endpoint(&mut self, new: NewStreamingEndpoint) -> Result<StreamingEndpoint, Error> {
        check_name(&new.name)?;
        self.check_units(new.scale_units)?;
        let others: Vec<Stored<StreamingEndpoint>> = self.list(&Page::first()).await?;
        if others.iter().any(|other| other.name.eq_ignore_ascii_case(&new.name)) {
            return Err(Error::conflict(format!(
                "there is a streaming endpoint {:?} already; choose another name",
                new.name
            )));
        }
        let limit = self.catalog.limits().streaming_endpoints;
        if others.len() as u64 >= limit {
            return Err(Error::Quota { limit, what: "streaming endpoints" });
        }
        let mut endpoint = StreamingEndpoint::new(StreamingEndpointId::random(), new.name, new.scale_units, self.now());
        self.set(&mut endpoint, new.settings, &others)?;
        self.insert(&endpoint).await?;
        Ok(endpoint)
    }

    /// Makes the default endpoint of a new catalogue, which answers at once.
    pub(super) async fn create_default_endpoint(&mut self) -> Result<(), Error> {
        let mut endpoint =
            StreamingEndpoint::new(StreamingEndpointId::random(), DEFAULT_ENDPOINT.to_owned(), 0, self.now());
        endpoint.state = EndpointState::Running;
        self.insert(&endpoint).await
    }

    /// Changes the settings of an endpoint, running or not.
    ///
    /// # Errors
    /// As [`Transaction::create_endpoint`], and [`Error::NotFound`], [`Error::Changed`].
    pub async fn update_endpoint(
        &mut self,
        id: StreamingEndpointId,
        settings: EndpointSettings,
        expected: Option<Version>,
    ) -> Result<StreamingEndpoint, Error> {
        let mut endpoint: StreamingEndpoint = self.for_update(&id, expected).await?;
        let others: Vec<Stored<StreamingEndpoint>> = self.list(&Page::first()).await?;
        self.set(&mut endpoint, settings, &others)?;
        endpoint.last_modified = self.now();
        self.replace(&endpoint).await?;
        Ok(endpoint)
    }

    /// Deletes an endpoint.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] unless it is stopped; [`Error::Forbidden`] for the default one.
    pub async fn delete_endpoint(&mut self, id: StreamingEndpointId) -> Result<(), Error> {
        let endpoint = self.get::<StreamingEndpoint>(&id).await?.entity;
        if endpoint.is_default() {
            let problem = "the default streaming endpoint cannot be deleted; stop it if it should not answer";
            return Err(Error::Forbidden { problem: problem.to_owned() });
        }
        if endpoint.state != EndpointState::Stopped {
            let problem = format!("streaming endpoint {:?} is {}; stop it first", endpoint.name, endpoint.state.name());
            return Err(Error::conflict(problem));
        }
        self.remove(&endpoint).await
    }

    /// Begins an action on an endpoint; [`Catalog::settle`] finishes it.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] in a state that does not allow it; [`Error::Invalid`] for a number
    /// of scale units that cannot be.
    pub async fn begin_action(&mut self, id: StreamingEndpointId, action: EndpointAction) -> Result<Operation, Error> {
        let mut endpoint: StreamingEndpoint = self.for_update(&id, None).await?;
        if let EndpointAction::Scale { units } = action {
            self.check_units(units)?;
        }
        endpoint.state = match (endpoint.state, action) {
            (EndpointState::Stopped, EndpointAction::Start) => EndpointState::Starting,
            (EndpointState::Running, EndpointAction::Stop) => EndpointState::Stopping,
            (EndpointState::Running, EndpointAction::Scale { .. }) => EndpointState::Scaling,
            // Nothing has to move: the operation only writes the number down.
            (EndpointState::Stopped, EndpointAction::Scale { .. }) => EndpointState::Stopped,
            (state, action) => {
                let (name, state) = (&endpoint.name, state.name());
                let problem = match action {
                    EndpointAction::Start => {
                        format!("streaming endpoint {name:?} is {state}; only a stopped one can be started")
                    }
                    EndpointAction::Stop => {
                        format!("streaming endpoint {name:?} is {state}; only a running one can be stopped")
                    }
                    EndpointAction::Scale { .. } => {
                        format!("streaming endpoint {name:?} is {state}; only a running or a stopped one can be scaled")
                    }
                };
                return Err(Error::conflict(problem));
            }
        };
        self.replace(&endpoint).await?;
        let operation = Operation {
            id: OperationId::random(),
            target_entity_id: id.to_string(),
            state: OperationState::InProgress,
            error_code: None,
            error_message: None,
            created: self.now(),
            action,
        };
        self.insert(&operation).await?;
        Ok(operation)
    }

    async fn finish(&mut self, mut operation: Operation) -> Result<Operation, Error> {
        let target = operation.target_entity_id.parse()?;
        match self.find::<StreamingEndpoint>(&target).await? {
            Some(stored) => {
                let mut endpoint = stored.entity;
                endpoint.state = match (endpoint.state, operation.action) {
                    (EndpointState::Starting, EndpointAction::Start) => EndpointState::Running,
                    (EndpointState::Stopping, EndpointAction::Stop) => EndpointState::Stopped,
                    (EndpointState::Scaling, EndpointAction::Scale { .. }) => EndpointState::Running,
                    (state, _) => state,
                };
                if let EndpointAction::Scale { units } = operation.action {
                    endpoint.scale_units = units;
                }
                endpoint.last_modified = self.now();
                self.replace(&endpoint).await?;
                operation.state = OperationState::Succeeded;
            }
            None => {
                operation.state = OperationState::Failed;
                operation.error_code = Some("NotFound".to_owned());
                operation.error_message = Some("the streaming endpoint has been deleted meanwhile".to_owned());
            }
        }
        self.replace(&operation).await?;
        Ok(operation)
    }

    fn check_units(&self, units: u32) -> Result<(), Error> {
        let limit = self.catalog.limits().scale_units;
        if units > limit { Err(wrong("ScaleUnits", format!("it has to be 0 to {limit}"))) } else { Ok(()) }
    }

    fn set(
        &self,
        endpoint: &mut StreamingEndpoint,
        settings: EndpointSettings,
        others: &[Stored<StreamingEndpoint>],
    ) -> Result<(), Error> {
        if let Some(description) = settings.description {
            rules::maybe_text(Kind::StreamingEndpoint, "Description", description.as_deref(), rules::MAX_NAME)?;
            endpoint.description = description;
        }
        if let Some(names) = settings.custom_host_names {
            check_host_names(&names, endpoint.id, others)?;
            endpoint.custom_host_names = names;
        }
        if let Some(profile) = settings.cdn_profile {
            rules::maybe_text(Kind::StreamingEndpoint, "CdnProfile", profile.as_deref(), 260)?;
            endpoint.cdn_profile = profile;
        }
        endpoint.cdn_provider = settings.cdn_provider.unwrap_or(endpoint.cdn_provider);
        endpoint.cdn_enabled = settings.cdn_enabled.unwrap_or(endpoint.cdn_enabled);
        if let Some(ranges) = settings.ip_allow {
            if ranges.len() > MAX_RANGES {
                return Err(wrong(
                    "AccessControl",
                    format!("it names {} addresses and may name {MAX_RANGES}", ranges.len()),
                ));
            }
            endpoint.ip_allow = ranges;
        }
        if let Some(keys) = settings.akamai_keys {
            endpoint.akamai_keys = self.seal_akamai_keys(endpoint.id, &keys)?;
        }
        endpoint.max_age_seconds = settings.max_age_seconds.unwrap_or(endpoint.max_age_seconds);
        if let Some(age) = endpoint.max_age_seconds
            && (age > i32::MAX as u64 || (endpoint.cdn_enabled && age < MIN_CDN_MAX_AGE))
        {
            let problem =
                format!("it has to be at most {} seconds, and with a CDN at least {MIN_CDN_MAX_AGE}", i32::MAX);
            return Err(wrong("CacheControl", problem));
        }
        if let Some(document) = settings.client_access_policy {
            check_document("ClientAccessPolicy", document.as_deref())?;
            endpoint.client_access_policy = document;
        }
        if let Some(document) = settings.cross_domain_policy {
            check_document("CrossDomainPolicy", document.as_deref())?;
            endpoint.cross_domain_policy = document;
        }
        Ok(())
    }

    fn seal_akamai_keys(&self, id: StreamingEndpointId, keys: &[NewAkamaiKey]) -> Result<Vec<AkamaiKey>, Error> {
        let property = "AkamaiSignatureHeaderAuthenticationKeyList";
        if keys.len() > MAX_KEYS {
            return Err(wrong(property, format!("it has {} keys and may have {MAX_KEYS}", keys.len())));
        }
        let mut sealed: Vec<AkamaiKey> = Vec::with_capacity(keys.len());
        for key in keys {
            rules::text(Kind::StreamingEndpoint, property, &key.identifier, 100)?;
            if key.identifier.is_empty() || key.identifier.contains(',') || key.key.is_empty() || key.key.len() > 1024 {
                return Err(wrong(
                    property,
                    "a key needs an Identifier without commas and 1 to 1024 bytes in Base64Key",
                ));
            }
            if sealed.iter().any(|other| other.identifier == key.identifier) {
                return Err(wrong(property, format!("the identifier {:?} stands in it twice", key.identifier)));
            }
            let context = StreamingEndpoint::key_context(id, &key.identifier);
            let secret = self.catalog.sealer().seal(&context, &key.key)?;
            sealed.push(AkamaiKey { identifier: key.identifier.clone(), key: secret, expiration: key.expiration });
        }
        Ok(sealed)
    }
}

fn check_host_names(
    names: &[String],
    own: StreamingEndpointId,
    others: &[Stored<StreamingEndpoint>],
) -> Result<(), Error> {
    if names.len() > MAX_HOST_NAMES {
        return Err(wrong("CustomHostNames", format!("it has {} names and may have {MAX_HOST_NAMES}", names.len())));
    }
    for (at, name) in names.iter().enumerate() {
        if !is_host_name(name) {
            return Err(wrong("CustomHostNames", format!("{name:?} is no host name; video.example.com is one")));
        }
        if names[..at].iter().any(|other| other.eq_ignore_ascii_case(name)) {
            return Err(wrong("CustomHostNames", format!("{name} stands in it twice")));
        }
        let has_it = |other: &&Stored<StreamingEndpoint>| {
            other.id != own && other.custom_host_names.iter().any(|host| host.eq_ignore_ascii_case(name))
        };
        if let Some(other) = others.iter().find(has_it) {
            return Err(Error::conflict(format!(
                "{name} is a host name of streaming endpoint {:?}; take it off there first",
                other.name
            )));
        }
    }
    Ok(())
}

impl Catalog {
    /// Finishes an operation. Whoever began it calls this; where nobody does, because the process ended, any
    /// node does it soon.
    ///
    /// # Errors
    /// [`Error::NotFound`], or when the database fails.
    pub async fn settle(&self, by: By, id: OperationId) -> Result<Operation, Error> {
        let mut transaction = self.begin(by).await?;
        let operation = transaction.get::<Operation>(&id).await?.entity;
        if operation.state != OperationState::InProgress {
            return Ok(operation);
        }
        let operation = transaction.finish(operation).await?;
        transaction.commit().await?;
        Ok(operation)
    }

    /// Finishes what was begun before `before` and nobody has finished.
    pub(super) async fn settle_abandoned(&self, by: By, before: UtcTime) -> Result<usize, Error> {
        let open: Vec<Stored<Operation>> = self.list(&Page::of(OPEN)).await?;
        let mut settled = 0;
        for operation in open.iter().filter(|operation| operation.created.unix_millis < before.unix_millis) {
            self.settle(by.clone(), operation.id).await?;
            settled += 1;
        }
        Ok(settled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_documents_are_whole() {
        let check = |text| check_document("CrossDomainPolicy", Some(text));
        let doctype = r#"<?xml version="1.0"?><!DOCTYPE cross-domain-policy SYSTEM "http://www.adobe.com/xml/dtds/cross-domain-policy.dtd"><cross-domain-policy><allow-access-from domain="*"/></cross-domain-policy>"#;
        assert!(check(doctype).is_ok());
        assert!(check("<access-policy><cross-domain-access/></access-policy>").is_ok());
        for bad in ["", "text", "<a>", "<a/><b/>", "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>"] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names() {
        for good in ["default", "a", "se-1", "A24characters-long-name1"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "a.b", "ä", "a-name-of-twenty-five-chr"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        for good in ["video.example.com", "localhost", "x-1.example"] {
            assert!(is_host_name(good), "{good}");
        }
        for bad in ["", "a..b", "-a.b", "a_b.c", "192.0.2.1", "a.b.", "http://a", "a:80", &"x".repeat(64)] {
            assert!(!is_host_name(bad), "{bad}");
        }
    }
}
