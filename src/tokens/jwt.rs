//! JSON Web Tokens (RFC 7519): HS256, RS256 and ES256. The signatures are the business of the crate
//! `jsonwebtoken`; which of them may count here is ours.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, Validation};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::claims::Claims;
use super::error::Refusal;
use super::json::Members;
use super::verifier::SigningKey;

/// The claims of a token that one of these keys has signed.
///
/// The algorithm is never the token's choice: each key is for one, and a token can only say which of the keys
/// to try (RFC 8725 3.1).
pub(super) fn verify<'a>(token: &str, keys: impl Iterator<Item = &'a SigningKey> + Clone) -> Result<Claims, Refusal> {
    let malformed = |what| Err(Refusal::Malformed(what));
    let parts: Vec<&str> = token.split('.').take(4).collect();
    let [header, _, _] = parts[..] else { return malformed("it has not three parts") };
    let header = URL_SAFE_NO_PAD.decode(header).ok().and_then(|bytes| serde_json::from_slice::<Members>(&bytes).ok());
    let Some(header) = header else { return malformed("its header is no JSON object in base64url") };
    // RFC 7515 4.1.11: what is critical and not understood refuses the token; we understand none.
    if header.get("crit").is_some() {
        return malformed("its header has critical extensions");
    }
    let algorithm = match header.text("alg") {
        Some("HS256") => Algorithm::HS256,
        Some("RS256") => Algorithm::RS256,
        Some("ES256") => Algorithm::ES256,
        _ => return Err(Refusal::Algorithm),
    };
    let named = header.text("kid");
    let is_unknown = named.is_some_and(|named| !keys.clone().any(|key| key.id() == Some(named)));
    let mut refusal = if is_unknown { Refusal::UnknownKey } else { Refusal::Algorithm };
    for key in keys.filter(|key| key.algorithm() == algorithm) {
        if let (Some(named), Some(own)) = (named, key.id())
            && named != own
        {
            continue;
        }
        match jsonwebtoken::decode::<Members>(token, key.decoding(), &validation(algorithm)) {
            Ok(read) => return claims(token, &read.claims),
            Err(error) => match error.kind() {
                jsonwebtoken::errors::ErrorKind::Json(_) => return malformed("a claim stands in it twice"),
                _ => refusal = Refusal::Signature,
            },
        }
    }
    Err(refusal)
}

/// Signature and form are the crate's; claims are judged as those of other tokens are, with the request's time.
fn validation(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

fn claims(token: &str, members: &Members) -> Result<Claims, Refusal> {
    let malformed = |what| Err(Refusal::Malformed(what));
    let signed = token.rsplit_once('.').map_or(token, |(signed, _)| signed);
    let mut claims = Claims { digest: Sha256::digest(signed.as_bytes()).into(), ..Claims::default() };
    for (name, value) in &members.0 {
        match (name.as_str(), value) {
            ("iss", Value::String(issuer)) => claims.issuer = Some(issuer.clone()),
            ("iss", _) => return malformed("its issuer is no text"),
            ("aud", Value::String(_) | Value::Array(_)) => claims.audiences = texts(value),
            ("aud", _) => return malformed("its audience is neither a text nor several"),
            ("exp" | "nbf", value) => {
                let Some(seconds) = seconds(value) else { return malformed("one of its times is no number") };
                if name == "exp" {
                    claims.expires = Some(seconds);
                } else {
                    claims.not_before = Some(seconds);
                }
            }
            _ => {}
        }
        claims.all.push((name.clone(), texts(value)));
    }
    Ok(claims)
}

/// RFC 7519 2, NumericDate: seconds, maybe with a fraction, which is cut off.
fn seconds(value: &Value) -> Option<u64> {
    let number = value.as_number()?.to_string();
    let whole = number.split('.').next()?;
    whole.bytes().all(|c| c.is_ascii_digit()).then(|| whole.parse().ok()).flatten()
}

/// A value, or the values of a list, as texts; of objects nothing.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        Value::Bool(truth) => vec![truth.to_string()],
        Value::Array(values) => values.iter().filter(|value| !value.is_array()).flat_map(texts).collect(),
        Value::Null | Value::Object(_) => Vec::new(),
    }
}

/// Makes a token, signed with a key of at least 32 bytes by HMAC-SHA256. The claims are a JSON object.
pub fn sign(key: &[u8], claims: &Value) -> Option<String> {
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(key)).ok()
}
