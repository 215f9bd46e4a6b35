//! Tokens of an outside issuer (Microsoft Entra ID, Keycloak and others), checked with its public keys
//! (JWKS, RFC 7517).

use std::path::PathBuf;

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use super::Principal;
use super::key_source::KeySource;
use super::token::in_time;
use crate::management::context::Role;
use crate::time::UtcTime;

/// How much clocks may differ, seconds.
const LEEWAY: u64 = 60;

/// Asymmetric ones alone: a public key must never pass for a secret.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// Why an issuer cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssuerError {
    /// The key file cannot be read.
    #[error("the JWKS file {} (management.jwks) cannot be read: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// It is no JWKS.
    #[error("{place} (management.jwks) is no JWKS: {problem}")]
    NoKeys {
        /// Which file.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// They cannot be fetched from such an address.
    #[error("the address {address} (management.jwks) cannot be used: {problem}")]
    Address {
        /// Which one.
        address: String,
        /// What is wrong.
        problem: String,
    },
}

/// An outside issuer.
pub struct Issuer {
    issuer: String,
    audience: String,
    keys: KeySource,
}

#[derive(Debug, Deserialize)]
struct Claims {
    exp: u64,
    nbf: Option<u64>,
    sub: Option<String>,
    /// Of an application (Microsoft Entra ID, version 1).
    appid: Option<String>,
    /// Of an application (OpenID Connect).
    azp: Option<String>,
    roles: Option<Many>,
    role: Option<Many>,
    /// Scopes, with spaces between them.
    scope: Option<Many>,
    scp: Option<Many>,
}

/// One text or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Many {
    One(String),
    Several(Vec<String>),
}

impl Many {
    fn words(&self) -> Vec<&str> {
        match self {
            Many::One(text) => text.split_whitespace().collect(),
            Many::Several(texts) => texts.iter().map(String::as_str).collect(),
        }
    }
}

impl Issuer {
    /// Tokens of `issuer` for `audience`, checked with the keys in a file or at an address.
    ///
    /// # Errors
    /// [`IssuerError`].
    pub fn open(issuer: String, audience: String, keys: &str) -> Result<Issuer, IssuerError> {
        Ok(Issuer { issuer, audience, keys: KeySource::open(keys)? })
    }

    /// Whose token it is: a role is `write` or `read`, alone or behind a dot (`Headwater.Write`), among the
    /// token's roles or scopes.
    pub async fn verify(&self, token: &str, now: UtcTime) -> Option<Principal> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        let kid = header.kid.as_deref();
        let mut keys = self.keys.keys(false).await?;
        if named(&keys, kid).is_none() {
            keys = self.keys.keys(true).await?;
        }
        let key = named(&keys, kid)?;
        let claims = self.claims(token, header.alg, key)?;
        if !in_time(claims.nbf, claims.exp, now, LEEWAY) {
            return None;
        }
        let words: Vec<&str> = [&claims.roles, &claims.role, &claims.scope, &claims.scp]
            .into_iter()
            .flatten()
            .flat_map(Many::words)
            .collect();
        let has = |role: &str| {
            words
                .iter()
                .any(|word| word.rsplit(['.', ':', '/']).next().is_some_and(|last| last.eq_ignore_ascii_case(role)))
        };
        let role = if has("write") { Role::Write } else { Some(Role::Read).filter(|_| has("read"))? };
        let name = claims.appid.or(claims.azp).or(claims.sub)?;
        Some(Principal { name: name.chars().take(100).collect(), role })
    }

    fn claims(&self, token: &str, algorithm: Algorithm, key: &Jwk) -> Option<Claims> {
        if !ALGORITHMS.contains(&algorithm) {
            return None;
        }
        let decoding = DecodingKey::from_jwk(key).ok()?;
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["iss", "aud", "exp"]);
        (validation.validate_exp, validation.validate_nbf) = (false, false);
        jsonwebtoken::decode::<Claims>(token, &decoding, &validation).ok().map(|data| data.claims)
    }
}

/// The key of that name; without a name the only one.
fn named<'a>(keys: &'a JwkSet, kid: Option<&str>) -> Option<&'a Jwk> {
    match kid {
        Some(kid) => keys.find(kid),
        None => keys.keys.first().filter(|_| keys.keys.len() == 1),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::{EncodingKey, Header};
    use serde_json::{Value, json};

    use super::*;

    const NOW: UtcTime = UtcTime { unix_millis: 1_700_000_000_000 };

    /// A signing key, and the JWKS of its public half.
    fn key(kid: &str) -> (EncodingKey, Value) {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).unwrap();
        let point = pair.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..65]));
        let jwk = json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid, "x": x, "y": y });
        (EncodingKey::from_ec_der(pkcs8.as_ref()), json!({ "keys": [jwk] }))
    }

    fn token(key: &EncodingKey, kid: &str, claims: &Value) -> String {
        let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, claims, key).unwrap()
    }

    #[tokio::test]
    async fn tokens_count_if_everything_fits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jwks.json");
        let (signing, keys) = key("one");
        fs::write(&path, keys.to_string()).unwrap();
        let issuer = Issuer::open("https://login.example/".to_owned(), "headwater".to_owned(), path.to_str().unwrap());
        let issuer = issuer.unwrap();
        let seconds = NOW.unix_millis / 1000;
        let good = json!({
            "iss": "https://login.example/", "aud": "headwater", "sub": "me", "exp": seconds + 10, "roles": ["Headwater.Write"]
        });
        let verify = async |claims: &Value| issuer.verify(&token(&signing, "one", claims), NOW).await;
        assert_eq!(verify(&good).await, Some(Principal { name: "me".to_owned(), role: Role::Write }));
        let with = |name: &str, value: Value| {
            let mut claims = good.clone();
            claims[name] = value;
            claims
        };
        assert_eq!(verify(&with("roles", json!("headwater.read"))).await.map(|p| p.role), Some(Role::Read));
        assert_eq!(verify(&with("appid", json!("app"))).await.map(|p| p.name).as_deref(), Some("app"));
        for (name, value) in [
            ("iss", json!("https://other.example/")),
            ("aud", json!("other")),
            ("exp", json!(seconds - 61)),
            ("nbf", json!(seconds + 61)),
            ("roles", json!(["Headwater.Writer"])),
            ("roles", json!([])),
        ] {
            assert_eq!(verify(&with(name, value.clone())).await, None, "{name} {value}");
        }
        let (stranger, _) = key("one");
        assert_eq!(issuer.verify(&token(&stranger, "one", &good), NOW).await, None);
        assert_eq!(issuer.verify(&token(&signing, "two", &good), NOW).await, None);
        // The public key is no secret to sign with.
        let secret = EncodingKey::from_secret(keys.to_string().as_bytes());
        let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::HS256) };
        assert_eq!(issuer.verify(&jsonwebtoken::encode(&header, &good, &secret).unwrap(), NOW).await, None);
        for text in ["", "{}", "{\"keys\":[]}"] {
            fs::write(&path, text).unwrap();
            assert!(Issuer::open(String::new(), String::new(), path.to_str().unwrap()).is_err(), "{text}");
        }
    }
}
