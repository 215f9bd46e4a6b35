//! Tokens in the path of a streaming URL: who made the URL lets whoever has it stream one locator until a time.
//!
//! `/token=1767225600.any.SIGNATURE/{locator}/film.ism/Manifest`: the expiry in seconds since 1970, `any` or `ip`
//! for any client or the one whose address was signed too, and HMAC-SHA256 in base64url. Manifests name their
//! segments relative to themselves, so all of them have the token without being written for it.

use std::net::IpAddr;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// What the path begins with.
const MARK: &str = "/token=";
/// The longest token, bytes.
const MAX_TOKEN: usize = 128;

/// Keys of an installation, the one that signs first.
#[derive(Clone, Default)]
pub struct PathKeys(Vec<hmac::Key>);

impl std::fmt::Debug for PathKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PathKeys({})", self.0.len())
    }
}

/// What a good token says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PathToken {
    /// From when on it does not count any more, seconds since 1970.
    pub expires: u64,
}

/// Splits a path into its token, if it begins with one, and the rest, which begins with a slash.
pub fn split_path(path: &str) -> (Option<&str>, &str) {
    let split = path.strip_prefix(MARK).and_then(|rest| rest.split_at_checked(rest.find('/')?));
    match split {
        Some((token, rest)) => (Some(token), rest),
        None => (None, path),
    }
}

/// The path with a token before it.
pub fn with_token(token: &str, path: &str) -> String {
    format!("{MARK}{token}{path}")
}

impl PathKeys {
    /// These keys; those of fewer than 32 bytes are left out.
    pub fn new<'k>(keys: impl IntoIterator<Item = &'k [u8]>) -> PathKeys {
        let long = keys.into_iter().filter(|key| key.len() >= super::verifier::MIN_SYMMETRIC);
        PathKeys(long.map(|key| hmac::Key::new(hmac::HMAC_SHA256, key)).collect())
    }

    /// A token for a locator, good until `expires` (seconds since 1970), for this client alone if one is given.
    /// `None` without a key.
    pub fn sign(&self, locator: Uuid, expires: u64, client: Option<IpAddr>) -> Option<String> {
        let key = self.0.first()?;
        let scope = if client.is_some() { "ip" } else { "any" };
        let tag = hmac::sign(key, &signed(locator, expires, client));
        Some(format!("{expires}.{scope}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref())))
    }

    /// What the token says, if it is for this locator and client and `now` (seconds since 1970) is before its
    /// end. `None` without saying why.
    pub fn verify(&self, token: &str, locator: Uuid, client: IpAddr, now: u64) -> Option<PathToken> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let parts: Vec<&str> = token.splitn(4, '.').collect();
        let [digits, scope, signature] = parts[..] else { return None };
        // One spelling of each number: what is signed is what is read.
        let expires: u64 = digits.parse().ok().filter(|number: &u64| number.to_string() == digits)?;
        let client = match scope {
            "any" => None,
            "ip" => Some(client),
            _ => return None,
        };
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let signed = signed(locator, expires, client);
        let fits = self.0.iter().fold(false, |fits, key| fits | hmac::verify(key, &signed, &signature).is_ok());
        (fits && now < expires).then_some(PathToken { expires })
    }
}

fn signed(locator: Uuid, expires: u64, client: Option<IpAddr>) -> Vec<u8> {
    let client = client.map(|client| client.to_canonical().to_string()).unwrap_or_default();
    format!("headwater path token\n{}\n{expires}\n{client}", locator.as_hyphenated()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_for_one_locator_until_a_time() {
        let keys = PathKeys::new([&[1; 32][..], &[2; 32]]);
        let (locator, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let [one, two]: [IpAddr; 2] = ["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()];
        let token = keys.sign(locator, 1000, None).unwrap();
        assert_eq!(keys.verify(&token, locator, one, 999), Some(PathToken { expires: 1000 }));
        assert_eq!(keys.verify(&token, locator, one, 1000), None);
        assert_eq!(keys.verify(&token, other, one, 999), None);
        let own = keys.sign(locator, 1000, Some(one)).unwrap();
        assert!(keys.verify(&own, locator, "::ffff:192.0.2.1".parse().unwrap(), 1).is_some());
        assert_eq!(keys.verify(&own, locator, two, 1), None);
        // Keys are rotated: what the older one signed counts, a stranger's does not.
        let older = PathKeys::new([&[2; 32][..]]).sign(locator, 1000, None).unwrap();
        assert!(keys.verify(&older, locator, one, 1).is_some());
        let stranger = PathKeys::new([&[3; 32][..]]).sign(locator, 1000, None).unwrap();
        assert_eq!(keys.verify(&stranger, locator, one, 1), None);
        assert_eq!(PathKeys::new([&[1; 31][..]]).sign(locator, 1000, None), None);
        for hostile in [
            String::new(),
            token.replacen("1000", "2000", 1),
            token.replacen("1000", "01000", 1),
            token.replacen("1000", "+1000", 1),
            own.replacen("ip", "any", 1),
            format!("{token}."),
            format!("{token}="),
            token[..token.len() - 1].to_owned(),
            "1".repeat(1000),
        ] {
            assert_eq!(keys.verify(&hostile, locator, one, 1), None, "{hostile}");
        }
    }

    #[test]
    fn paths_are_split() {
        assert_eq!(split_path("/token=1.any.x/a/b"), (Some("1.any.x"), "/a/b"));
        assert_eq!(split_path(&with_token("t", "/a")), (Some("t"), "/a"));
        for path in ["/a/token=1/b", "/token=1", "/", ""] {
            assert_eq!(split_path(path), (None, path));
        }
    }
}
