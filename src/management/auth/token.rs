//! Tokens that the service issues itself: JWT (RFC 7519) signed with HMAC-SHA256.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::access::{Entries, Entry};
use super::{Principal, TOKEN_LIFETIME};
use crate::time::UtcTime;

/// `iss` and `aud` of our own tokens.
const ISSUER: &str = "headwater";

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    /// Seconds since 1970.
    nbf: u64,
    exp: u64,
}

/// A token for the holder of an entry's key.
pub fn issue(entry: &Entry, now: UtcTime) -> Option<String> {
    let seconds = now.unix_millis / 1000;
    let claims = Claims {
        iss: ISSUER.to_owned(),
        aud: ISSUER.to_owned(),
        sub: entry.name.clone(),
        nbf: seconds,
        exp: seconds.saturating_add(TOKEN_LIFETIME.as_secs()),
    };
    let header = Header { kid: Some(entry.name.clone()), ..Header::new(Algorithm::HS256) };
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&entry.signing_key())).ok()
}

/// Who a token of ours was issued for. The role is that of the access file today.
pub fn verify(entries: &Entries, token: &str, now: UtcTime) -> Option<Principal> {
    // The name only says with which key to look; the signature decides.
    let name = jsonwebtoken::decode_header(token).ok()?.kid?;
    let entry = entries.by_name(&name)?;
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[ISSUER]);
    validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
    // Time is an argument here.
    (validation.validate_exp, validation.validate_nbf) = (false, false);
    let key = DecodingKey::from_secret(&entry.signing_key());
    let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation).ok()?.claims;
    let valid = claims.sub == entry.name && in_time(Some(claims.nbf), claims.exp, now, 0);
    valid.then(|| Principal { name: entry.name.clone(), role: entry.role })
}

/// Between `nbf` and `exp`, seconds since 1970, with `leeway` seconds for clocks that differ.
pub fn in_time(nbf: Option<u64>, exp: u64, now: UtcTime, leeway: u64) -> bool {
    let seconds = now.unix_millis / 1000;
    seconds < exp.saturating_add(leeway) && nbf.is_none_or(|nbf| nbf <= seconds.saturating_add(leeway))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::management::auth::AccessFile;

    const NOW: UtcTime = UtcTime { unix_millis: 1_700_000_000_000 };

    #[test]
    fn an_issued_token_is_good_until_it_expires_and_while_its_key_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = AccessFile::open(&folder.path().join("access")).unwrap();
        let entries = file.entries();
        let entry = entries.by_name("headwater").unwrap();
        let token = issue(entry, NOW).unwrap();
        let at = |seconds: u64| UtcTime { unix_millis: NOW.unix_millis + seconds * 1000 };
        assert_eq!(verify(&entries, &token, NOW).map(|p| p.name).as_deref(), Some("headwater"));
        assert!(verify(&entries, &token, at(TOKEN_LIFETIME.as_secs() - 1)).is_some());
        assert!(verify(&entries, &token, at(TOKEN_LIFETIME.as_secs())).is_none());
        assert!(verify(&entries, &token, UtcTime { unix_millis: NOW.unix_millis - 1000 }).is_none());
        let tampered = token.replacen('.', ".e", 1);
        assert!(verify(&entries, &tampered, NOW).is_none());
        for text in ["", ".", "a.b.c", &token[..token.len() - 4]] {
            assert!(verify(&entries, text, NOW).is_none(), "{text}");
        }
        // Without a signature, as "alg":"none" would have it.
        let unsigned = format!("eyJhbGciOiJub25lIiwia2lkIjoiaGVhZHdhdGVyIn0.{}.", token.split('.').nth(1).unwrap());
        assert!(verify(&entries, &unsigned, NOW).is_none());
        let other = AccessFile::open(&folder.path().join("other")).unwrap();
        assert!(verify(&other.entries(), &token, NOW).is_none());
    }
}
