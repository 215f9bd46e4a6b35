//! Widevine: a `SignedMessage` with a `LicenseRequest`, in whose content identification are `pssh` data with
//! key identifiers ("license_protocol.proto", as open clients have it).
//!
//! A field that should be there once and is there twice is refused: readers differ in which of them counts, and
//! the licence service is another reader than we.

use bytes::Bytes;
use uuid::Uuid;

use super::challenge::Challenge;
use crate::isobmff::ProtectionHeader;
use crate::key_delivery::error::Error;
use crate::protection::System;
use crate::protection::protobuf::{Broken, Field, Fields};

/// `SignedMessage.MessageType`
const LICENSE_REQUEST: u64 = 1;
const SERVICE_CERTIFICATE_REQUEST: u64 = 4;

const BROKEN: Error = Error::BadRequest("the challenge is no Widevine message");
const TWICE: Error = Error::BadRequest("the challenge has a field twice");
const NO_KEYS: Error = Error::BadRequest("the challenge names no key; the film's pssh has to have key ids");

/// Reads a challenge.
pub(in crate::key_delivery) fn parse(body: &[u8]) -> Result<Challenge, Error> {
    let (mut kind, mut message) = (None, None);
    for field in Fields(body) {
        match field.map_err(broken)? {
            Field::Number(1, number) => once(&mut kind, number)?,
            Field::Bytes(2, bytes) => once(&mut message, bytes)?,
            _ => {}
        }
    }
    let mut keys = Vec::new();
    match (kind, message) {
        // A request for the service's certificate asks for no key.
        (Some(SERVICE_CERTIFICATE_REQUEST), _) => {}
        (Some(LICENSE_REQUEST), Some(request)) => {
            license_request(request, &mut keys)?;
            if keys.is_empty() {
                return Err(NO_KEYS);
            }
        }
        _ => return Err(BROKEN),
    }
    Ok(Challenge { keys, token: None, body: Bytes::copy_from_slice(body), content_type: "application/octet-stream" })
}

fn broken(_: Broken) -> Error {
    BROKEN
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), Error> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(TWICE),
    }
}

/// `LicenseRequest`: 2 is the `ContentIdentification`.
fn license_request(message: &[u8], keys: &mut Vec<Uuid>) -> Result<(), Error> {
    let mut content = None;
    for field in Fields(message) {
        if let Field::Bytes(2, bytes) = field.map_err(broken)? {
            once(&mut content, bytes)?;
        }
    }
    let mut identification = None;
    for field in Fields(content.ok_or(NO_KEYS)?) {
        if let Field::Bytes(number, bytes) = field.map_err(broken)? {
            once(&mut identification, (number, bytes))?;
        }
    }
    match identification.ok_or(NO_KEYS)? {
        // WidevinePsshData: 1, repeated, are the data of pssh boxes.
        (1, bytes) => {
            for field in Fields(bytes) {
                if let Field::Bytes(1, data) = field.map_err(broken)? {
                    pssh_data(data, keys)?;
                }
            }
            Ok(())
        }
        // InitData: 1 is its type, 1 of which is "cenc"; 2 are whole pssh boxes.
        (4, bytes) => {
            let (mut kind, mut data) = (None, None);
            for field in Fields(bytes) {
                match field.map_err(broken)? {
                    Field::Number(1, number) => once(&mut kind, number)?,
                    Field::Bytes(2, bytes) => once(&mut data, bytes)?,
                    _ => {}
                }
            }
            match (kind, data) {
                (None | Some(1), Some(boxes)) => pssh_boxes(boxes, keys),
                _ => Err(NO_KEYS),
            }
        }
        // Licences that exist, and WebM.
        _ => Err(NO_KEYS),
    }
}

/// The data of Widevine's `pssh`: 2, repeated, are key identifiers.
fn pssh_data(message: &[u8], keys: &mut Vec<Uuid>) -> Result<(), Error> {
    for field in Fields(message) {
        if let Field::Bytes(2, id) = field.map_err(broken)? {
            Challenge::add(keys, Uuid::from_slice(id).map_err(|_| BROKEN)?)?;
        }
    }
    Ok(())
}

/// `pssh` boxes (ISO/IEC 23001-7, 8.1) one after the other.
fn pssh_boxes(boxes: &[u8], keys: &mut Vec<Uuid>) -> Result<(), Error> {
    let headers = ProtectionHeader::parse_all(&Bytes::copy_from_slice(boxes), 0).map_err(|_| BROKEN)?;
    for header in headers {
        for id in header.key_ids {
            Challenge::add(keys, Uuid::from_bytes(id))?;
        }
        if header.system == System::Widevine.id().0 {
            pssh_data(&header.data, keys)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(number: u8, inside: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2];
        let mut length = inside.len();
        while length >= 0x80 {
            out.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        out.push(length as u8);
        [out, inside.to_vec()].concat()
    }

    fn signed(content: &[u8]) -> Vec<u8> {
        let request = [bytes(1, b"client"), bytes(2, content), vec![0x18, 1, 0x20, 0x80, 0x80, 1]].concat();
        [vec![0x08, 1], bytes(2, &request), bytes(3, &[9; 256])].concat()
    }

    const ONE: Uuid = Uuid::from_u128(0x0102030405060708090a0b0c0d0e0f10);
    const TWO: Uuid = Uuid::from_u128(7);

    fn data(keys: &[Uuid]) -> Vec<u8> {
        let ids: Vec<u8> = keys.iter().flat_map(|key| bytes(2, key.as_bytes())).collect();
        [vec![0x08, 1], ids, bytes(3, b"provider"), bytes(4, b"content")].concat()
    }

    fn pssh(system: [u8; 16], version: u8, keys: &[Uuid], data: &[u8]) -> Vec<u8> {
        let mut body = [b"pssh".to_vec(), vec![version, 0, 0, 0], system.to_vec()].concat();
        if version > 0 {
            body.extend((keys.len() as u32).to_be_bytes());
            keys.iter().for_each(|key| body.extend(key.as_bytes()));
        }
        body.extend((data.len() as u32).to_be_bytes());
        body.extend(data);
        [((body.len() + 4) as u32).to_be_bytes().to_vec(), body].concat()
    }

    #[test]
    fn keys_are_found_in_every_form() {
        let ours = System::Widevine.id().0;
        let boxes = [pssh(ours, 0, &[], &data(&[ONE])), pssh([1; 16], 1, &[TWO, ONE], b"other's")].concat();
        for content in [
            bytes(1, &[bytes(1, &data(&[ONE])), bytes(1, &data(&[TWO, ONE])), vec![0x10, 1]].concat()),
            bytes(4, &[vec![0x08, 1], bytes(2, &boxes)].concat()),
            bytes(4, &bytes(2, &boxes)),
        ] {
            assert_eq!(parse(&signed(&content)).unwrap().keys, [ONE, TWO]);
        }
        assert!(parse(&[0x08, 4]).unwrap().keys.is_empty());
    }

    #[test]
    fn what_others_may_read_otherwise_is_refused() {
        let good = bytes(1, &bytes(1, &data(&[ONE])));
        let other = bytes(1, &bytes(1, &data(&[TWO])));
        let request = bytes(2, &good);
        let cases: Vec<(&str, Vec<u8>)> = vec![
            ("two messages", [signed(&good), bytes(2, &bytes(2, &other))].concat()),
            ("two types", [vec![0x08, 4], signed(&good)].concat()),
            ("two identifications", signed(&[good.clone(), other].concat())),
            (
                "two kinds of them",
                signed(&[good.clone(), bytes(4, &bytes(2, &pssh(System::Widevine.id().0, 1, &[TWO], b"")))].concat()),
            ),
            ("two contents", [vec![0x08, 1], bytes(2, &[request.clone(), request].concat())].concat()),
            ("no keys", signed(&bytes(1, &bytes(1, &data(&[]))))),
            ("a short key", signed(&bytes(1, &bytes(1, &bytes(2, &[1; 15]))))),
            ("WebM", signed(&bytes(4, &[vec![0x08, 2], bytes(2, ONE.as_bytes())].concat()))),
            ("a box cut short", signed(&bytes(4, &bytes(2, &pssh(System::Widevine.id().0, 1, &[ONE], b"")[..40])))),
            ("a licence", vec![0x08, 2, 0x12, 0]),
            ("cut short", signed(&good)[..20].to_vec()),
            ("nothing", vec![]),
        ];
        for (case, message) in cases {
            assert!(matches!(parse(&message), Err(Error::BadRequest(_))), "{case}");
        }
    }
}
