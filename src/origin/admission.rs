//! Before a film is looked up: which streaming endpoint is asked, does it answer, and may this client ask it.

use std::net::IpAddr;

use hyper::header::HOST;
use hyper::{HeaderMap, Uri};

use super::error::Error;
use crate::catalog::access::{self, G2O_DATA, G2O_SIGN};
use crate::catalog::{Delivery, Endpoint, Protocols, PublishedAsset, Validity};
use crate::packager::Protocol;
use crate::time::UtcTime;

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
