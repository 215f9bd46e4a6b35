//! Licences of the key system `org.w3.clearkey` (Encrypted Media Extensions, 9.1.3 and 9.1.4).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::error::Error;
use crate::secrets::SecretBytes;

/// The most keys in one request.
pub(super) const MAX_KEYS: usize = 16;

/// A licence request.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Wanted {
    pub keys: Vec<Uuid>,
    pub is_persistent: bool,
}

/// Reads a licence request.
pub(super) fn parse(body: &[u8]) -> Result<Wanted, Error> {
    #[derive(Deserialize)]
    struct Request {
        kids: Vec<String>,
        r#type: Option<String>,
    }
    let bad = Error::BadRequest("the body is no licence request: {\"kids\":[\"…\"],\"type\":\"temporary\"}");
    let request: Request = serde_json::from_slice(body).map_err(|_| bad.clone())?;
    if request.kids.is_empty() || request.kids.len() > MAX_KEYS {
        return Err(Error::BadRequest("a licence request has 1 to 16 kids"));
    }
    let mut keys: Vec<Uuid> = Vec::new();
    for kid in &request.kids {
        let bytes = URL_SAFE_NO_PAD.decode(kid.trim_end_matches('=')).map_err(|_| bad.clone())?;
        let key = Uuid::from_slice(&bytes).map_err(|_| bad.clone())?;
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    Ok(Wanted { keys, is_persistent: request.r#type.as_deref() == Some("persistent-license") })
}

/// Writes a licence with these keys.
pub(super) fn licence(keys: &[(Uuid, &SecretBytes)], is_persistent: bool) -> Result<Vec<u8>, Error> {
    #[derive(Serialize)]
    struct Licence<'a> {
        keys: Vec<Key<'a>>,
        r#type: &'a str,
    }
    #[derive(Serialize)]
    struct Key<'a> {
        kty: &'a str,
        kid: String,
        k: &'a str,
    }
    let encoded: Vec<Zeroizing<String>> =
        keys.iter().map(|(_, key)| Zeroizing::new(URL_SAFE_NO_PAD.encode(key.expose()))).collect();
    let keys = keys.iter().zip(&encoded);
    let licence = Licence {
        keys: keys.map(|((id, _), k)| Key { kty: "oct", kid: URL_SAFE_NO_PAD.encode(id.as_bytes()), k }).collect(),
        r#type: if is_persistent { "persistent-license" } else { "temporary" },
    };
    serde_json::to_vec(&licence).map_err(|_| Error::Catalog("a licence cannot be written".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Encrypted Media Extensions, 9.1.3 and 9.1.4.
    #[test]
    fn the_example_of_the_standard() {
        let wanted = parse(br#"{"kids":["LwVHf8JLtPrv2GUXFW2v_A"],"type":"persistent-license"}"#).unwrap();
        assert!(wanted.is_persistent);
        let id: Uuid = "2f05477f-c24b-b4fa-efd8-6517156daffc".parse().unwrap();
        assert_eq!(wanted.keys, [id]);
        let key = SecretBytes::new(URL_SAFE_NO_PAD.decode("tQ0bJVWb6b0KPL6KtZIy_A").unwrap());
        let licence = String::from_utf8(licence(&[(id, &key)], false).unwrap()).unwrap();
        assert_eq!(
            licence,
            r#"{"keys":[{"kty":"oct","kid":"LwVHf8JLtPrv2GUXFW2v_A","k":"tQ0bJVWb6b0KPL6KtZIy_A"}],"type":"temporary"}"#
        );
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let many = format!("{{\"kids\":[{}]}}", vec!["\"LwVHf8JLtPrv2GUXFW2v_A\""; 17].join(","));
        for body in ["", "{}", r#"{"kids":[]}"#, r#"{"kids":["x"]}"#, r#"{"kids":["AAAA"]}"#, many.as_str()] {
            assert!(matches!(parse(body.as_bytes()), Err(Error::BadRequest(_))), "{body}");
        }
    }
}
