//! FairPlay: a server playback context that only Apple's key can read, in a form (streaming contract §9.3).
//!
//! Which key is asked for stands in the URL alone. The licence service is told that one, and has to write the
//! licence for it and no other.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use url::form_urlencoded;
use uuid::Uuid;

use super::challenge::Challenge;
use crate::key_delivery::error::Error;

/// Reads a form with `spc` in base64.
pub(in crate::key_delivery) fn parse(body: &[u8], key: Option<Uuid>) -> Result<Challenge, Error> {
    let mut spc = None;
    for (name, value) in form_urlencoded::parse(body.trim_ascii()).take(16) {
        match name.as_ref() {
            "spc" if spc.is_none() => spc = Some(value.into_owned()),
            "spc" => return Err(Error::BadRequest("spc stands there twice")),
            _ => {}
        }
    }
    // Not all clients encode plus signs.
    let spc = spc.map(|spc| spc.replace([' ', '-'], "+").replace('_', "/"));
    let spc = spc.and_then(|spc| STANDARD.decode(spc.trim()).ok()).filter(|spc| !spc.is_empty());
    raw(&spc.ok_or(Error::BadRequest("the body has no spc in base64"))?, key)
}

/// A context as it is.
pub(in crate::key_delivery) fn raw(spc: &[u8], key: Option<Uuid>) -> Result<Challenge, Error> {
    let key = key.ok_or(Error::BadRequest("kid is missing in the URL"))?;
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("spc", &STANDARD.encode(spc)).append_pair("assetId", &key.to_string());
    let body = Bytes::from(form.finish());
    Ok(Challenge { keys: vec![key], token: None, body, content_type: "application/x-www-form-urlencoded" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_asset_is_the_one_of_the_url() {
        let key = Uuid::from_u128(5);
        for body in ["spc=AAEC%2Bw%3D%3D&assetId=other", "assetId=x&spc=AAEC+w==", "spc=AAEC-w=="] {
            let read = parse(body.as_bytes(), Some(key)).unwrap();
            assert_eq!(read.keys, [key]);
            assert_eq!(read.body, "spc=AAEC%2Bw%3D%3D&assetId=00000000-0000-0000-0000-000000000005");
        }
        for body in ["", "spc=", "spc=?", "spc=AAAA&spc=AAAA", "x"] {
            assert!(matches!(parse(body.as_bytes(), Some(key)), Err(Error::BadRequest(_))), "{body}");
        }
        assert!(matches!(parse(b"spc=AAAA", None), Err(Error::BadRequest(_))));
    }
}
