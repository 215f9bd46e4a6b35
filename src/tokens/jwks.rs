//! What OpenID Connect providers publish: where their keys are (OpenID Connect Discovery 1.0, 3), and the keys
//! (RFC 7517).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::verifier::SigningKey;

/// The most keys that are taken from one set.
pub const MAX_KEYS: usize = 32;

/// Where the keys of the provider are, from its discovery document; `None` if it does not say.
pub fn discovery_document(json: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Document {
        jwks_uri: String,
    }
    serde_json::from_slice::<Document>(json).ok().map(|document| document.jwks_uri)
}

/// The keys of a set that sign: RSA for RS256, P-256 for ES256. Others, symmetric ones above all, are left out.
/// `None` if it is no set of keys.
pub fn key_set(json: &[u8]) -> Option<Vec<SigningKey>> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Key>,
    }
    #[derive(Deserialize)]
    struct Key {
        kty: String,
        kid: Option<String>,
        r#use: Option<String>,
        alg: Option<String>,
        crv: Option<String>,
        n: Option<String>,
        e: Option<String>,
        x: Option<String>,
        y: Option<String>,
    }
    let set: Set = serde_json::from_slice(json).ok()?;
    let bytes = |text: Option<String>| URL_SAFE_NO_PAD.decode(text?.trim_end_matches('=')).ok();
    let signing = |key: Key| {
        if key.r#use.as_deref().is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let is_for = |algorithm: &str| key.alg.as_deref().is_none_or(|own| own == algorithm);
        let signing = match key.kty.as_str() {
            "RSA" if is_for("RS256") => SigningKey::rsa(&bytes(key.n)?, &bytes(key.e)?)?,
            "EC" if is_for("ES256") && key.crv.as_deref() == Some("P-256") => {
                SigningKey::p256(&bytes(key.x)?, &bytes(key.y)?)?
            }
            _ => return None,
        };
        Some(signing.named(key.kid))
    };
    Some(set.keys.into_iter().take(MAX_KEYS).filter_map(signing).collect())
}
