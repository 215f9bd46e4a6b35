//! Which account, container and blob a URL names.

use hyper::header::HOST;
use hyper::http::request::Parts;
use percent_encoding::percent_decode_str;

use super::Error;
use crate::store::account::{is_account_name, is_container_name};
use crate::store::check_path;

/// Parameters beyond this number are no request of any client.
const MAX_PARAMETERS: usize = 64;

/// A URL of the endpoint, decoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Target {
    pub(super) account: String,
    pub(super) container: String,
    /// The path in the container; `None` for the container itself.
    pub(super) path: Option<String>,
    query: Vec<(String, String)>,
}

/// The account that the host names: `{account}.blob.example.com`.
fn account_of_host(head: &Parts) -> Option<&str> {
    let host = head.uri.host().or_else(|| head.headers.get(HOST)?.to_str().ok())?;
    let (account, rest) = host.split_once('.')?;
    (rest.starts_with("blob.") && is_account_name(account)).then_some(account)
}

/// The account that a request may be for.
pub(super) fn account(head: &Parts) -> Option<String> {
    let in_path = || head.uri.path().split('/').nth(1).filter(|name| is_account_name(name));
    account_of_host(head).or_else(in_path).map(str::to_owned)
}

impl Target {
    pub(super) fn parse(head: &Parts) -> Result<Target, Error> {
        let mut rest = head.uri.path().trim_start_matches('/');
        let account = match account_of_host(head) {
            Some(account) => account,
            None => {
                let (account, after) = rest.split_once('/').unwrap_or((rest, ""));
                rest = after;
                account
            }
        };
        let (container, path) = rest.split_once('/').unwrap_or((rest, ""));
        if !is_account_name(account) {
            return Err(Error::AccountNotFound);
        }
        if !is_container_name(container) {
            return Err(Error::ContainerNotFound);
        }
        let path = decode(path)?;
        if !path.is_empty() {
            check_path(&path).map_err(|_| Error::Url("the name of the blob is no path"))?;
        }
        let mut query = Vec::new();
        for pair in head.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            if query.len() == MAX_PARAMETERS {
                return Err(Error::Url("it has too many parameters"));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            // A plus stands for itself: signatures are base64, and clients forget to encode it.
            query.push((decode(name)?, decode(value)?));
        }
        let path = (!path.is_empty()).then_some(path);
        Ok(Target { account: account.to_owned(), container: container.to_owned(), path, query })
    }

    /// The first value of a parameter.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn asks(&self, name: &str, value: &str) -> bool {
        self.query(name).is_some_and(|own| own.eq_ignore_ascii_case(value))
    }

    /// All parameters.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.query.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

fn decode(text: &str) -> Result<String, Error> {
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| Error::Url("it is not UTF-8"))?;
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(uri: &str, host: &str) -> Result<Target, Error> {
        let request = hyper::Request::builder().uri(uri).header(HOST, host).body(()).unwrap();
        Target::parse(&request.into_parts().0)
    }

    #[test]
    fn accounts_stand_in_the_path_or_in_the_host() {
        let target = parsed("/films/asset-1/a%20b/%C3%BC.mp4?comp=block&sig=a+b%2B%3D", "localhost:8080").unwrap();
        assert_eq!((target.account.as_str(), target.container.as_str()), ("films", "asset-1"));
        assert_eq!(target.path.as_deref(), Some("a b/ü.mp4"));
        assert_eq!((target.query("comp"), target.query("sig")), (Some("block"), Some("a+b+=")));
        let target = parsed("/asset-1?restype=container", "films.blob.example.com").unwrap();
        assert_eq!((target.account.as_str(), target.container.as_str()), ("films", "asset-1"));
        assert_eq!(target.path, None);
    }

    #[test]
    fn nothing_leads_out_of_a_container() {
        for path in ["..", "../x", "a/../../x", "%2e%2e/x", "a%2f..%2f..%2fx", "%2fetc/passwd", "a%00", "/x", "a//b"] {
            let error = parsed(&format!("/films/asset-1/{path}"), "x");
            assert!(matches!(error, Err(Error::Url(_))), "{path}: {error:?}");
        }
        for path in ["/films/../x", "/films/%2e%2e/x", "/films/Asset/x", "/films//x", "/films"] {
            assert!(matches!(parsed(path, "x"), Err(Error::ContainerNotFound)), "{path}");
        }
        assert!(matches!(parsed("/../asset-1/x", "x"), Err(Error::AccountNotFound)));
        assert!(matches!(parsed("/films/asset-1/%ff", "x"), Err(Error::Url(_))));
    }
}
