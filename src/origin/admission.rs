//! Before a film is looked up: which streaming endpoint is asked, does it answer, and may this client ask it.

use std::net::IpAddr;
use std::time::Duration;

use hyper::header::HOST;
use hyper::{HeaderMap, Uri};

use super::error::Error;
use super::handler::Request;
use super::url::{Resource, StreamObject, Thumbnails};
use crate::catalog::access::{self, G2O_DATA, G2O_SIGN};
use crate::catalog::{Delivery, Endpoint, Protocols, PublishedAsset, Validity};
use crate::packager::Protocol;
use crate::time::UtcTime;
use crate::tokens::{self, PathKeys};

/// The host name that a request is for, without port: of HTTP/2 the authority, else the header.
pub(super) fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    if let Some(host) = uri.host() {
        return Some(host);
    }
    let text = headers.get(HOST)?.to_str().ok()?;
    // An IPv6 address has colons of its own and is nobody's custom name.
    Some(text.rsplit_once(':').map_or(text, |(host, _)| host))
}

/// The endpoint answers, and lets this client ask.
pub(super) fn admit(
    endpoint: &Endpoint,
    peer: IpAddr,
    uri: &Uri,
    headers: &HeaderMap,
    now: UtcTime,
) -> Result<(), Error> {
    let settings = &endpoint.settings;
    if !settings.state.answers() {
        return Err(Error::EndpointNotRunning { endpoint: settings.name.clone(), state: settings.state.name() });
    }
    // Behind a CDN all addresses are the CDN's (streaming contract §10.4).
    let open = settings.ip_allow.is_empty() || settings.cdn_enabled;
    if !open && !settings.ip_allow.iter().any(|range| range.contains(peer)) {
        return Err(Error::NotAdmitted { reason: "this address may not ask this streaming endpoint".to_owned() });
    }
    if settings.akamai_keys.is_empty() {
        return Ok(());
    }
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    access::check_g2o(&endpoint.g2o, text(G2O_DATA), text(G2O_SIGN), path, now)
        .map_err(|error| Error::NotAdmitted { reason: error.to_string() })
}

/// The document of a streaming endpoint at this path, if it is one of the two.
pub(super) fn policy_document(endpoint: &Endpoint, path: &str) -> Option<String> {
    match path {
        "/crossdomain.xml" => endpoint.settings.cross_domain_policy.clone(),
        "/clientaccesspolicy.xml" => endpoint.settings.client_access_policy.clone(),
        _ => None,
    }
}

/// A token that lets a request through.
pub(super) struct Passed {
    /// For how long it still counts.
    pub left: Duration,
    /// It, if it stands in the query.
    from_query: Option<String>,
}

/// The request has a token for this locator, in the path or in the query.
pub(super) fn token(
    asset: &PublishedAsset,
    keys: &PathKeys,
    path_token: Option<&str>,
    request: &Request<'_>,
) -> Result<Passed, Error> {
    let now = request.utc().unix_millis / 1000;
    let verify = |token: &str| keys.verify(token, asset.locator(), request.peer, now);
    let query = request.uri.query().unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("token="));
    let (token, from_query) = match (path_token, query) {
        (Some(token), _) => (verify(token), None),
        (None, Some(token)) => (verify(token), Some(token.to_owned())),
        (None, None) => (None, None),
    };
    // The same for whatever is wrong with it.
    let refused = || Error::NotAdmitted { reason: "its URL needs a token that is valid for this film, now".to_owned() };
    let token = token.ok_or_else(refused)?;
    Ok(Passed { left: Duration::from_secs(token.expires.saturating_sub(now)), from_query })
}

impl Passed {
    /// Where to send the client instead: what names other URLs needs the token in the path, so that they have it
    /// too. Relative, because the server may stand behind a path of a CDN.
    pub(super) fn elsewhere(&self, resource: &Resource, uri: &Uri) -> Option<String> {
        let token = self.from_query.as_deref()?;
        let names_others = matches!(
            resource,
            Resource::Stream {
                object: StreamObject::Manifest { .. }
                    | StreamObject::TrackPlaylist { .. }
                    | StreamObject::Thumbnails { what: Thumbnails::List, .. },
                ..
            }
        );
        if !names_others {
            return None;
        }
        let path = uri.path();
        let up = "../".repeat(path.matches('/').count().saturating_sub(1));
        let rest: Vec<&str> =
            uri.query().unwrap_or_default().split('&').filter(|pair| !pair.starts_with("token=")).collect();
        let query = if rest.concat().is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
        Some(format!("{up}{}{query}", tokens::with_token(token, path).trim_start_matches('/')))
    }
}

/// The locator is valid at `now`.
pub(super) fn valid(asset: &PublishedAsset, now: UtcTime) -> Result<(), Error> {
    let is_over = match asset.validity(now) {
        Validity::Valid => return Ok(()),
        Validity::Early => false,
        Validity::Expired => true,
    };
    Err(Error::LocatorNotValid { locator: super::url::LocatorId::from_bytes(asset.id), is_over })
}

/// The asset's policies let it out in this protocol in the clear, which is the only way as yet.
pub(super) fn deliverable(asset: &PublishedAsset, protocol: Protocols) -> Result<(), Error> {
    match asset.delivery(protocol) {
        Delivery::Clear => Ok(()),
        Delivery::Blocked | Delivery::NoPolicy => Err(Error::OutputBlocked),
        Delivery::Encrypted(how) => Err(Error::EncryptionRequired { how: how.name() }),
        Delivery::Conflicting => Err(Error::SeveralPolicies),
    }
}

/// They let it out in the clear in any of the streaming protocols: thumbnails are of all of them.
pub(super) fn any_deliverable(asset: &PublishedAsset) -> Result<(), Error> {
    let others = [Protocols::DASH, Protocols::HLS].into_iter();
    let first = deliverable(asset, Protocols::SMOOTH);
    others.fold(first, |so_far, protocol| so_far.or_else(|error| deliverable(asset, protocol).map_err(|_| error)))
}

/// The protocol's flag in delivery policies.
pub(super) const fn flag(protocol: Protocol) -> Protocols {
    match protocol {
        Protocol::Smooth => Protocols::SMOOTH,
        Protocol::Dash => Protocols::DASH,
        Protocol::Hls => Protocols::HLS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_found_in_either_place() {
        let mut headers = HeaderMap::new();
        let host = |uri: &str, headers: &HeaderMap| host(&uri.parse().unwrap(), headers).map(str::to_owned);
        assert_eq!(host("/a", &headers), None);
        headers.insert(HOST, "video.example:8080".parse().unwrap());
        assert_eq!(host("/a", &headers).as_deref(), Some("video.example"));
        assert_eq!(host("https://other.example:1/a", &headers).as_deref(), Some("other.example"));
    }
}
