//! The blob endpoint of local storage accounts: what a client of Azure Blob Storage does with a signed URL,
//! done here. `PUT` of files and blocks, block lists, listings, ranged `GET`, `HEAD`, `DELETE`.
//!
//! URLs are `/{account}/{container}/{path}`, or `/{container}/{path}` at a host whose name begins with
//! `{account}.blob.`; each carries a shared access signature.

mod answer;
mod error;
mod list;
mod policies;
mod target;
#[cfg(test)]
mod tests;
mod write;

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use hyper::header::{HeaderValue, RANGE};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode};

pub use error::Error;
pub use policies::permissions;

use crate::clock;
use crate::origin::Body;
use crate::origin::respond::{self, CachePolicy, Checked, Meta, Validators};
use crate::store::ObjectInfo;
use crate::store::account::{Account, Signed};
use crate::store::sas::{self, Permissions, Sas};
use crate::time::UtcTime;
use target::Target;

/// What a stored access policy (a locator, by its id: `si`) allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy {
    /// From when on.
    pub start: Option<UtcTime>,
    /// Until when.
    pub expiry: Option<UtcTime>,
    /// What may be done, besides what the URL says itself.
    pub permissions: Permissions,
}

/// Knows stored access policies.
pub trait Policies: Send + Sync {
    /// The policy of that id on a container, if it still exists.
    fn find(&self, account: &str, container: &str, identifier: &str) -> Option<Policy>;
}

/// There are none: URLs that name one are refused.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPolicies;

impl Policies for NoPolicies {
    fn find(&self, _: &str, _: &str, _: &str) -> Option<Policy> {
        None
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
    /// Who asks.
    pub client: IpAddr,
    /// It came over TLS.
    pub secure: bool,
    /// When it came.
    pub now: SystemTime,
}

/// The endpoint.
pub struct Blobs {
    accounts: ArcSwap<HashMap<String, Signed>>,
    policies: Arc<dyn Policies>,
    /// Held from the look whether a file exists to its taking that place.
    placing: tokio::sync::Mutex<()>,
}

impl Blobs {
    /// For those among `accounts` whose signed URLs are answered here.
    pub fn new(accounts: impl IntoIterator<Item = Account>, policies: Arc<dyn Policies>) -> Blobs {
        let blobs = Blobs { accounts: ArcSwap::default(), policies, placing: tokio::sync::Mutex::new(()) };
        blobs.replace(accounts);
        blobs
    }

    /// Serves these accounts from now on.
    pub fn replace(&self, accounts: impl IntoIterator<Item = Account>) {
        let signed = accounts.into_iter().filter_map(|account| account.signed());
        let accounts: HashMap<String, Signed> = signed.map(|account| (account.name().to_owned(), account)).collect();
        self.accounts.store(Arc::new(accounts));
    }

    /// The request is for one of these accounts.
    pub fn owns(&self, head: &Parts) -> bool {
        let accounts = self.accounts.load();
        !accounts.is_empty() && target::account(head).is_some_and(|name| accounts.contains_key(&name))
    }

    /// Answers one request. Never fails: what goes wrong is an answer too.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        let method = request.head.method.clone();
        if method == Method::OPTIONS {
            return answer::preflight(&request.head.headers);
        }
        let version = answer::version(&request.head.headers);
        let Request { head, mut body, client, secure, now } = request;
        let mut answer = match self.answer(&head, &mut body, client, secure, now).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::debug!(%error, "a blob request is refused");
                // A client that is still sending would miss the answer.
                let _ = tokio::time::timeout(DRAIN_TIMEOUT, drain(&mut body)).await;
                answer::refused(&method, &error)
            }
        };
        answer::common(answer.headers_mut(), version);
        answer
    }

    async fn answer(
        &self,
        head: &Parts,
        body: &mut Incoming,
        client: IpAddr,
        secure: bool,
        now: SystemTime,
    ) -> Result<Response<Body>, Error> {
        let target = Target::parse(head)?;
        let accounts = self.accounts.load_full();
        let account = accounts.get(&target.account).ok_or(Error::AccountNotFound)?;
        let permissions = self.permissions(account, &target, client, secure, now)?;
        if !account.exists(&target.container).await {
            return Err(Error::ContainerNotFound);
        }
        let Some(path) = target.path.as_deref() else {
            if head.method == Method::GET && target.asks("restype", "container") && target.asks("comp", "list") {
                require(permissions.list)?;
                return list::list(account, &target).await;
            }
            return Err(Error::Unsupported(
                "this operation on a container; it is listed with restype=container&comp=list",
            ));
        };
        match head.method {
            Method::GET | Method::HEAD if target.query("comp").is_none() => {
                require(permissions.read)?;
                read(account, &target, path, head, now).await
            }
            Method::PUT => {
                let place = write::Place { account, container: &target.container, path, placing: &self.placing };
                place.put(&target, permissions, &head.headers, body).await
            }
            Method::DELETE if target.query("comp").is_none() => {
                require(permissions.delete)?;
                let info = account.files(&target.container).head(path).await?;
                write::check_conditions(&head.headers, Some(&info))?;
                account.remove(&target.container, path).await?;
                Ok(answer::empty(StatusCode::ACCEPTED))
            }
            _ => Err(Error::Unsupported("this operation on a blob")),
        }
    }

    /// What the URL's signature, and the policy that it names, allow.
    fn permissions(
        &self,
        account: &Signed,
        target: &Target,
        client: IpAddr,
        secure: bool,
        now: SystemTime,
    ) -> Result<Permissions, Error> {
        let sas = Sas::from_query(target.pairs())?.ok_or(Error::NotSigned)?;
        let now = clock::utc(now);
        sas.check(&sas::Checked {
            account: account.name(),
            container: &target.container,
            blob: target.path.as_deref().unwrap_or_default(),
            keys: account.keys(),
            now,
            https: secure,
            client: Some(client),
        })?;
        let mut permissions = sas.permissions();
        if let Some(identifier) = sas.identifier() {
            let policy = self.policies.find(account.name(), &target.container, identifier).ok_or(Error::Withdrawn)?;
            if policy.start.is_some_and(|start| now < start) {
                return Err(sas::SasError::NotYet.into());
            }
            if policy.expiry.is_some_and(|expiry| now >= expiry) {
                return Err(sas::SasError::Expired.into());
            }
            // What one of the two does not say, the other does; never more than both.
            permissions = match permissions == Permissions::default() {
                true => policy.permissions,
                false => permissions.and(policy.permissions),
            };
        }
        Ok(permissions)
    }
}

/// How much of an unwanted body is read, in bytes, and for how long.
const MAX_DRAIN: usize = 1 << 20;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

async fn drain(body: &mut Incoming) {
    let mut seen = 0;
    while let Some(Ok(piece)) = body.next().await {
        seen += piece.len();
        if seen > MAX_DRAIN {
            return;
        }
    }
}

fn require(allowed: bool) -> Result<(), Error> {
    if allowed { Ok(()) } else { Err(Error::NotPermitted) }
}

/// How long a client that is sent to S3 has to ask there.
const PRESIGNED: Duration = Duration::from_secs(300);

/// "Get Blob" and "Get Blob Properties".
async fn read(
    account: &Signed,
    target: &Target,
    path: &str,
    head: &Parts,
    now: SystemTime,
) -> Result<Response<Body>, Error> {
    let sas = Sas::from_query(target.pairs())?;
    // Properties are told in headers that S3 does not have, and a range in a header of Azure's own is nothing to it.
    if head.method == Method::GET
        && !head.headers.contains_key("x-ms-range")
        && let Some(url) = account.presigned(head.method.clone(), &target.container, path, PRESIGNED).await?
    {
        return answer::elsewhere(&url);
    }
    let folder = account.files(&target.container);
    let info = folder.head(path).await?;
    let mut headers: HeaderMap = head.headers.clone();
    // Its clients ask with a header of their own, which goes before the usual one.
    if let Some(range) = headers.get("x-ms-range").cloned() {
        headers.insert(RANGE, range);
    }
    let modified = clock::system_time(info.modified);
    let mut meta = Meta {
        content_type: respond::file_type(path),
        validators: Validators::new(&answer::tag(&info), Some(modified)),
        cache: CachePolicy::NoStore,
        parts: respond::Parts::Single,
        extra: answer::blob_headers(),
    };
    for (name, value) in sas.iter().flat_map(Sas::header_overrides) {
        let Ok(value) = HeaderValue::from_str(value) else { continue };
        match name {
            "content-type" => meta.content_type = value,
            name => meta.extra.push((hyper::header::HeaderName::from_static(name), value)),
        }
    }
    let pending = match respond::check(&head.method, &headers, meta, now) {
        Checked::Answer(answer) => return Ok(*answer),
        Checked::Build(pending) => pending,
    };
    Ok(pending.finish_stream(info.size, |range| {
        let (folder, info): (_, ObjectInfo) = (folder.clone(), info.clone());
        let open = async move { folder.stream(&info, range).await.map_err(io::Error::from) };
        Box::pin(futures_util::stream::once(open).try_flatten())
    }))
}
