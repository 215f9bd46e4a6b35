//! Simple Web Tokens: pairs as in a form, and an HMAC-SHA256 behind them (streaming contract §9.6).

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::claims::Claims;
use super::error::Refusal;

/// What stands before the signature, which comes last.
const SIGNATURE: &str = "&HMACSHA256=";
/// Bytes of it.
const SIGNATURE_BYTES: usize = 32;
/// The most pairs.
const MAX_PAIRS: usize = 64;

/// Makes a token of these pairs, with the rest of it behind them: claims first, in their order.
///
/// `expires` is in seconds since 1970.
pub fn sign(key: &[u8], claims: &[(&str, &str)], audience: &str, expires: u64, issuer: &str) -> String {
    let mut token = String::new();
    let expires = expires.to_string();
    let rest = [("Audience", audience), ("ExpiresOn", expires.as_str()), ("Issuer", issuer)];
    for (name, value) in claims.iter().chain(&rest) {
        if !token.is_empty() {
            token.push('&');
        }
        encode(name, &mut token);
        token.push('=');
        encode(value, &mut token);
    }
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), token.as_bytes());
    token.push_str(SIGNATURE);
    encode(&STANDARD.encode(tag.as_ref()), &mut token);
    token
}

/// The claims of a token that one of these keys has signed. The signature is of the bytes as they were
/// received, so one that was decoded and encoded again on its way does not fit.
pub(super) fn verify<'a>(token: &str, keys: impl Iterator<Item = &'a hmac::Key>) -> Result<Claims, Refusal> {
    let malformed = |what| Err(Refusal::Malformed(what));
    let Some((signed, signature)) = token.split_once(SIGNATURE) else {
        return malformed("it has no HMACSHA256 behind its claims");
    };
    let Some(signature) = decode(signature).and_then(|text| STANDARD.decode(text).ok()) else {
        return malformed("its signature is not base64 that ends the token");
    };
    if signature.len() != SIGNATURE_BYTES {
        return malformed("its signature is not one of HMAC-SHA256");
    }
    // All keys are tried, whichever fits; comparing is in constant time.
    let fits = keys.fold(false, |fits, key| fits | hmac::verify(key, signed.as_bytes(), &signature).is_ok());
    if !fits {
        return Err(Refusal::Signature);
    }
    read(signed)
}

/// The claims of the part that is signed.
fn read(signed: &str) -> Result<Claims, Refusal> {
    let malformed = |what| Err(Refusal::Malformed(what));
    let mut claims = Claims { digest: Sha256::digest(signed.as_bytes()).into(), ..Claims::default() };
    for (at, pair) in signed.split('&').enumerate() {
        let Some((name, value)) = pair.split_once('=') else { return malformed("a part of it is no pair") };
        let (Some(name), Some(value)) = (decode(name), decode(value)) else {
            return malformed("an escape in it is broken");
        };
        if at >= MAX_PAIRS || name.is_empty() || name == "HMACSHA256" {
            return malformed("it has too many pairs, or one without a name");
        }
        if claims.all.iter().any(|(other, _)| *other == name) {
            return malformed("a claim stands in it twice");
        }
        match name.as_str() {
            "Issuer" => claims.issuer = Some(value.clone()),
            "Audience" => claims.audiences = vec![value.clone()],
            "ExpiresOn" => match seconds(&value) {
                Some(seconds) => claims.expires = Some(seconds),
                None => return malformed("ExpiresOn is no number of seconds"),
            },
            _ => {}
        }
        claims.all.push((name, vec![value]));
    }
    Ok(claims)
}

fn seconds(text: &str) -> Option<u64> {
    text.bytes().all(|c| c.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// As .NET's `HttpUtility.UrlEncode`: lower-case digits, a space as a plus sign.
fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'!' | b'*' | b'(' | b')' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02x}")),
        }
    }
}

/// `None` for broken escapes, bytes that are no UTF-8, and signs that only stand between pairs.
fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                out.push(high << 4 | low);
            }
            b'+' => out.push(b' '),
            b'&' | b'=' => return None,
            byte => out.push(byte),
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Streaming contract §9.6.
    #[test]
    fn the_token_of_the_reference_is_made_and_read() {
        let key: Vec<u8> = (0..64).collect();
        let id = "00112233-4455-6677-8899-aabbccddeeff";
        let claim = "urn:microsoft:azure:mediaservices:contentkeyidentifier";
        let token = sign(&key, &[(claim, id)], "urn:test", 1_700_000_000, "http://sts.example/");
        assert_eq!(
            token,
            "urn%3amicrosoft%3aazure%3amediaservices%3acontentkeyidentifier=00112233-4455-6677-8899-aabbccddeeff\
             &Audience=urn%3atest&ExpiresOn=1700000000&Issuer=http%3a%2f%2fsts.example%2f\
             &HMACSHA256=FUG4w568J8zEQw3SXlCLYwpiFsTKS%2bF%2bJ4OAIb%2fZeW4%3d"
        );
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let claims = verify(&token, [&key].into_iter()).unwrap();
        assert_eq!(claims.issuer.as_deref(), Some("http://sts.example/"));
        assert_eq!((claims.audiences, claims.expires), (vec!["urn:test".to_owned()], Some(1_700_000_000)));
        assert_eq!(claims.all[0], (claim.to_owned(), vec![id.to_owned()]));
    }
}
