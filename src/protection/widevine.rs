//! Widevine's `pssh` data: a protocol buffer of the message `WidevinePsshData`, of which we write the fields that
//! licence servers ask for.

mod read;

pub use read::{PsshData, ReadError, pssh_data as read};

use crate::cipher::KeyId;

// Field numbers with the wire type: 2 is length-delimited, 0 a varint.
const KEY_IDS: u8 = 2 << 3 | 2;
const CONTENT_ID: u8 = 4 << 3 | 2;
const PROTECTION_SCHEME: u8 = 9 << 3;

/// The data of a `pssh` box for these keys. `scheme` is the scheme type where it is not `cenc`, which is the default.
pub fn pssh_data(keys: &[KeyId], content_id: &[u8], scheme: Option<[u8; 4]>) -> Vec<u8> {
    let mut out = Vec::with_capacity(keys.len() * 18 + content_id.len() + 8);
    for key in keys {
        bytes(&mut out, KEY_IDS, &key.0);
    }
    if !content_id.is_empty() {
        bytes(&mut out, CONTENT_ID, content_id);
    }
    if let Some(scheme) = scheme {
        out.push(PROTECTION_SCHEME);
        varint(&mut out, u64::from(u32::from_be_bytes(scheme)));
    }
    out
}

fn bytes(out: &mut Vec<u8>, field: u8, value: &[u8]) {
    out.push(field);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_as_the_message_has_them() {
        let mut expected = vec![0x12, 16];
        expected.extend_from_slice(&[5; 16]);
        assert_eq!(pssh_data(&[KeyId([5; 16])], b"", None), expected);
        expected.extend_from_slice(&[0x22, 2, b'i', b'd', 0x48, 0xf3, 0xc6, 0x89, 0x9b, 0x06]);
        assert_eq!(pssh_data(&[KeyId([5; 16])], b"id", Some(*b"cbcs")), expected);
    }
}
