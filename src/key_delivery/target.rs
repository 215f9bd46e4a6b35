//! What a request asks for, from its host, path and query (streaming contract §9.1).

use hyper::header::HOST;
use hyper::http::request::Parts;
use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::error::Error;

/// The longest query, bytes.
const MAX_QUERY: usize = 12 * 1024;
/// The most pairs in it.
const MAX_PAIRS: usize = 32;

/// What is delivered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Service {
    /// A key, as it is.
    Key,
    /// A licence of `org.w3.clearkey`.
    ClearKey,
    /// A PlayReady licence.
    PlayReady,
    /// A Widevine licence.
    Widevine,
    /// A FairPlay licence.
    FairPlay,
}

impl Service {
    /// All of them, in the order in which they stand above.
    pub(super) const ALL: [Service; 5] =
        [Service::Key, Service::ClearKey, Service::PlayReady, Service::Widevine, Service::FairPlay];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Service::Key => "key",
            Service::ClearKey => "ClearKey",
            Service::PlayReady => "PlayReady",
            Service::Widevine => "Widevine",
            Service::FairPlay => "FairPlay",
        }
    }

    /// The service of a path; slashes at its end do not matter.
    fn of(path: &str) -> Option<Service> {
        match path.trim_matches('/').to_ascii_lowercase().as_str() {
            "" | "hlshandler.ashx" => Some(Service::Key),
            "clearkey" => Some(Service::ClearKey),
            "playready" | "playready/rightsmanager.asmx" => Some(Service::PlayReady),
            "widevine" => Some(Service::Widevine),
            "fairplay" => Some(Service::FairPlay),
            _ => None,
        }
    }
}

/// A request's target, read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Target {
    pub service: Service,
    /// `kid`.
    pub key: Option<Uuid>,
    /// `token`, as often as it stands there.
    pub tokens: Vec<String>,
}

impl Target {
    /// Reads it.
    pub(super) fn parse(head: &Parts) -> Result<Target, Error> {
        let service = Service::of(head.uri.path()).ok_or(Error::BadRequest("no such service"))?;
        let query = head.uri.query().unwrap_or_default();
        if query.len() > MAX_QUERY {
            return Err(Error::BadRequest("the query is too long"));
        }
        let mut target = Target { service, key: None, tokens: Vec::new() };
        for (at, pair) in query.split('&').filter(|pair| !pair.is_empty()).enumerate() {
            if at >= MAX_PAIRS {
                return Err(Error::BadRequest("the query has too many parameters"));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            // Not as in forms: a plus sign in a token that was not encoded is one.
            let value = percent_decode_str(value).decode_utf8();
            let value = value.map_err(|_| Error::BadRequest("a parameter is not UTF-8"))?;
            if name.eq_ignore_ascii_case("kid") {
                let key = key_id(&value).ok_or(Error::BadRequest("kid is no GUID"))?;
                if target.key.replace(key).is_some_and(|other| other != key) {
                    return Err(Error::BadRequest("kid stands there twice"));
                }
            } else if name.eq_ignore_ascii_case("token") {
                target.tokens.push(value.into_owned());
            }
        }
        Ok(target)
    }
}

/// A GUID, with or without hyphens, braces or the prefix of the object model.
fn key_id(text: &str) -> Option<Uuid> {
    let text = text.trim();
    let guid = text.strip_prefix("nb:kid:UUID:").unwrap_or(text);
    (guid.len() <= 64).then(|| Uuid::try_parse(guid).ok()).flatten()
}

/// The request is for this service and not for streaming.
pub(super) fn owns(head: &Parts) -> bool {
    let host = head.uri.host().or_else(|| head.headers.get(HOST)?.to_str().ok()).unwrap_or_default();
    if host.split('.').nth(1).is_some_and(|label| label.eq_ignore_ascii_case("keydelivery")) {
        return true;
    }
    let has_key = || {
        let pairs = head.uri.query().unwrap_or_default().split('&');
        pairs.map(|pair| pair.split('=').next().unwrap_or_default()).any(|name| name.eq_ignore_ascii_case("kid"))
    };
    match (head.uri.path(), Service::of(head.uri.path())) {
        // The front page, unless it is asked for a key.
        ("/", _) => has_key(),
        (_, service) => service.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(host: &str, target: &str) -> Parts {
        hyper::Request::get(target).header(HOST, host).body(()).unwrap().into_parts().0
    }

    #[test]
    fn requests_for_keys_are_known() {
        let id = "11112222-3333-4444-5555-666677778888";
        let yes = [
            ("x", format!("/?kid={id}")),
            ("x", format!("/?a=b&KID={id}&token=x")),
            ("x", format!("/HlsHandler.ashx?kid={id}")),
            ("x", "/PlayReady/".into()),
            ("x", "/widevine?kid=1".into()),
            ("contoso.keydelivery.mediaservices.windows.net", "/".into()),
            ("contoso.keydelivery.westeurope.media.azure.net:443", "/whatever".into()),
        ];
        for (host, target) in yes {
            assert!(owns(&head(host, &target)), "{host} {target}");
        }
        for target in
            ["/", "/?skid=1", "/healthz", "/keydelivery.x/", "/00000000-0000-4000-8000-0000dec0de00/a.ism/Manifest"]
        {
            assert!(!owns(&head("keydelivery.example.com", target)), "{target}");
        }
    }

    #[test]
    fn targets_are_read_in_every_form() {
        let id: Uuid = "11112222-3333-4444-5555-666677778888".parse().unwrap();
        for query in [
            "kid=11112222-3333-4444-5555-666677778888",
            "KID=11112222333344445555666677778888",
            "Kid=%7B11112222-3333-4444-5555-666677778888%7D&x",
            "kid=nb%3Akid%3AUUID%3A11112222-3333-4444-5555-666677778888",
        ] {
            let target = Target::parse(&head("x", &format!("/?{query}"))).unwrap();
            assert_eq!(target, Target { service: Service::Key, key: Some(id), tokens: vec![] }, "{query}");
        }
        let target = Target::parse(&head("x", "/ClearKey/?token=a%26b%3D%252b+c&Token=d")).unwrap();
        assert_eq!((target.service, target.tokens), (Service::ClearKey, vec!["a&b=%2b+c".to_owned(), "d".to_owned()]));
        for bad in ["/?kid=", "/?kid=1", "/?kid=11112222333344445555666677778888&kid=0", "/?token=%ff", "/other"] {
            assert!(matches!(Target::parse(&head("x", bad)), Err(Error::BadRequest(_))), "{bad}");
        }
    }
}
