//! PlayReady: a SOAP envelope with the header of the film, whose key identifiers are in .NET's byte order
//! ("PlayReady Header Specification"), and with what the application adds.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use uuid::Uuid;

use super::challenge::Challenge;
use crate::key_delivery::error::Error;
use crate::xml::{self, Element, Limits};

const LIMITS: Limits = Limits { bytes: 128 << 10, depth: 40, nodes: 8192, attributes: 32 };

/// Reads a challenge. Every `KID` of it counts, as text (header 4.0) or as `VALUE` (4.1 and later).
pub(in crate::key_delivery) fn parse(body: &[u8]) -> Result<Challenge, Error> {
    let root = xml::parse(body, LIMITS).map_err(|_| Error::BadRequest("the challenge is no XML"))?;
    if root.name != "Envelope" {
        return Err(Error::BadRequest("the challenge is no SOAP envelope"));
    }
    let mut found = Found::default();
    found.walk(&root)?;
    if found.keys.is_empty() {
        return Err(Error::BadRequest("the challenge names no key"));
    }
    Ok(Challenge {
        keys: found.keys,
        token: found.token,
        body: Bytes::copy_from_slice(body),
        content_type: "text/xml; charset=utf-8",
    })
}

#[derive(Default)]
struct Found {
    keys: Vec<Uuid>,
    token: Option<String>,
}

impl Found {
    /// As deep as the reader lets elements be.
    fn walk(&mut self, element: &Element) -> Result<(), Error> {
        match element.name.as_str() {
            "KID" => {
                let text = element.attribute("VALUE").unwrap_or(&element.text).trim();
                let bytes = STANDARD.decode(text).ok().and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
                let bytes = bytes.ok_or(Error::BadRequest("a KID of the challenge is not 16 bytes in base64"))?;
                Challenge::add(&mut self.keys, Uuid::from_bytes_le(bytes))?;
            }
            "CustomData" => self.custom_data(element)?,
            _ => {}
        }
        element.children.iter().try_for_each(|child| self.walk(child))
    }

    /// `PlayReadyCustomData` with a token (streaming contract §9.3), escaped or as elements; other data is the
    /// application's own.
    fn custom_data(&mut self, element: &Element) -> Result<(), Error> {
        let inner = xml::parse(element.text.trim().as_bytes(), LIMITS).ok();
        let data = element.child("PlayReadyCustomData").or(inner.as_ref());
        let Some(token) = data.filter(|e| e.name == "PlayReadyCustomData").and_then(|e| e.child("Token")) else {
            return Ok(());
        };
        let token = token.text.trim().to_owned();
        match &self.token {
            Some(other) if *other != token => Err(Error::Token(crate::tokens::Refusal::Disagreeing)),
            _ => {
                self.token = Some(token);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(header: &str, custom: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\">\
             <soap:Body><AcquireLicense xmlns=\"http://schemas.microsoft.com/DRM/2007/03/protocols\"><challenge>\
             <Challenge xmlns=\"http://schemas.microsoft.com/DRM/2007/03/protocols/messages\">\
             <LA xmlns=\"http://schemas.microsoft.com/DRM/2007/03/protocols\" Id=\"SignedData\"><Version>1</Version>\
             <ContentHeader>{header}</ContentHeader><CLIENTINFO><CLIENTVERSION>10.0</CLIENTVERSION></CLIENTINFO>{custom}\
             </LA></Challenge></challenge></AcquireLicense></soap:Body></soap:Envelope>"
        )
    }

    fn header(inside: &str) -> String {
        format!(
            "<WRMHEADER xmlns=\"http://schemas.microsoft.com/DRM/2007/03/PlayReadyHeader\" version=\"4.0.0.0\"><DATA>{inside}</DATA></WRMHEADER>"
        )
    }

    #[test]
    fn keys_are_found_in_every_version_of_the_header() {
        // Streaming contract §9.8.
        let id: Uuid = "339C45B5-FB6D-4BD9-994C-EABD9D41C95B".parse().unwrap();
        let old = header(
            "<PROTECTINFO><KEYLEN>16</KEYLEN><ALGID>AESCTR</ALGID></PROTECTINFO><KID>tUWcM2372UuZTOq9nUHJWw==</KID>",
        );
        let one = header("<PROTECTINFO><KID VALUE=\"tUWcM2372UuZTOq9nUHJWw==\" ALGID=\"AESCTR\"/></PROTECTINFO>");
        let some = header(
            "<PROTECTINFO><KIDS><KID VALUE=\"tUWcM2372UuZTOq9nUHJWw==\"/><KID VALUE=\"AAAAAAAAAAAAAAAAAAAAAA==\"/></KIDS></PROTECTINFO>",
        );
        for (header, keys) in [(old, vec![id]), (one, vec![id]), (some, vec![id, Uuid::nil()])] {
            assert_eq!(parse(challenge(&header, "").as_bytes()).unwrap().keys, keys);
        }
        // Another header beside the first does not hide its keys.
        let two = format!(
            "{}{}",
            header("<KID>tUWcM2372UuZTOq9nUHJWw==</KID>"),
            header("<KID>AAAAAAAAAAAAAAAAAAAAAA==</KID>")
        );
        assert_eq!(parse(challenge(&two, "").as_bytes()).unwrap().keys.len(), 2);
        for bad in ["", "<KID>x</KID>", "<KID>AAAA</KID>"] {
            assert!(matches!(parse(challenge(&header(bad), "").as_bytes()), Err(Error::BadRequest(_))), "{bad}");
        }
        assert!(matches!(parse(b"<a/>"), Err(Error::BadRequest(_))));
    }

    #[test]
    fn a_token_in_the_custom_data_is_found() {
        let key = header("<KID>tUWcM2372UuZTOq9nUHJWw==</KID>");
        let data = "<PlayReadyCustomData xmlns=\"http://schemas.microsoft.com/Azure/MediaServices/KeyDelivery/PlayReadyCustomData/v1\"><Token>a.b</Token></PlayReadyCustomData>";
        let escaped = data.replace('<', "&lt;").replace('>', "&gt;");
        for custom in [data, escaped.as_str()] {
            let custom = format!("<CustomData>{custom}</CustomData>");
            assert_eq!(parse(challenge(&key, &custom).as_bytes()).unwrap().token.as_deref(), Some("a.b"));
            let two = format!("{custom}{}", custom.replace("a.b", "c.d"));
            assert!(matches!(parse(challenge(&key, &two).as_bytes()), Err(Error::Token(_))));
        }
        assert_eq!(parse(challenge(&key, "<CustomData>own data</CustomData>").as_bytes()).unwrap().token, None);
    }
}
