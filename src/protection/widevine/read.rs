//! Widevine's `pssh` data of others, read: the fields of the message `WidevinePsshData` that open tools know.

use crate::cipher::KeyId;
use crate::isobmff::FourCc;
use crate::protection::protobuf::{Field, Fields};

/// The longest data that is read, bytes.
const MAX_DATA: usize = 64 << 10;
/// The most keys.
const MAX_KEYS: usize = 256;
/// The most bytes of a text or a content identifier.
const MAX_TEXT: usize = 4 << 10;

/// What is wrong with Widevine's data.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// It is no message of Protocol Buffers.
    #[error("the Widevine data is no message of Protocol Buffers")]
    Broken,
    /// It is longer, or has more of something, than any real one.
    #[error("the Widevine data has {value} {what}; the most that is read are {limit}")]
    TooMuch {
        /// Of what there is too much.
        what: &'static str,
        /// How much.
        value: usize,
        /// The most there can be.
        limit: usize,
    },
    /// A key identifier of another length.
    #[error("a key id of the Widevine data has {bytes} bytes and not 16")]
    KeyId {
        /// Its bytes.
        bytes: usize,
    },
    /// A text that is none.
    #[error("{what} of the Widevine data is no text in UTF-8")]
    Text {
        /// Which one.
        what: &'static str,
    },
}

/// Widevine's data.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PsshData {
    /// Which keys.
    pub key_ids: Vec<KeyId>,
    /// Who provides the content.
    pub provider: Option<String>,
    /// What the provider calls it.
    pub content_id: Vec<u8>,
    /// The name of a policy.
    pub policy: Option<String>,
    /// The number of a period of live content whose keys change.
    pub crypto_period: Option<u64>,
    /// The scheme type (`cenc`, `cbcs`), where it is told.
    pub scheme: Option<FourCc>,
}

/// Reads the data of a `pssh` box of Widevine. Fields that are not known are passed over; of those that stand there
/// twice the last counts, as in Protocol Buffers.
///
/// # Errors
/// [`ReadError`], which says what is wrong with it.
pub fn pssh_data(data: &[u8]) -> Result<PsshData, ReadError> {
    within("bytes", data.len(), MAX_DATA)?;
    let mut read = PsshData::default();
    for field in Fields(data) {
        match field.map_err(|_| ReadError::Broken)? {
            Field::Bytes(2, id) => {
                let id = id.try_into().map_err(|_| ReadError::KeyId { bytes: id.len() })?;
                read.key_ids.push(KeyId(id));
                within("key ids", read.key_ids.len(), MAX_KEYS)?;
            }
            Field::Bytes(3, name) => read.provider = Some(text("provider", name)?),
            Field::Bytes(4, id) => {
                within("bytes of content_id", id.len(), MAX_TEXT)?;
                read.content_id = id.to_vec();
            }
            Field::Bytes(6, name) => read.policy = Some(text("policy", name)?),
            Field::Number(7, period) => read.crypto_period = Some(period),
            Field::Number(9, scheme) => {
                // A few writers have 0 and 1 for what has no name: no type of four letters.
                read.scheme = u32::try_from(scheme).ok().filter(|s| *s > 0xff).map(|s| FourCc(s.to_be_bytes()));
            }
            _ => {}
        }
    }
    Ok(read)
}

fn within(what: &'static str, value: usize, limit: usize) -> Result<(), ReadError> {
    if value > limit { Err(ReadError::TooMuch { what, value, limit }) } else { Ok(()) }
}

fn text(what: &'static str, bytes: &[u8]) -> Result<String, ReadError> {
    within(what, bytes.len(), MAX_TEXT)?;
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| ReadError::Text { what })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protection::widevine;

    #[test]
    fn what_is_written_is_read() {
        let ids = [KeyId([5; 16]), KeyId([6; 16])];
        let read = pssh_data(&widevine::pssh_data(&ids, b"film", Some(*b"cbcs"))).unwrap();
        assert_eq!(read.key_ids, ids);
        assert_eq!((read.content_id.as_slice(), read.scheme), (&b"film"[..], Some(FourCc(*b"cbcs"))));
        assert_eq!(pssh_data(&widevine::pssh_data(&[], b"", None)), Ok(PsshData::default()));
    }

    #[test]
    fn data_of_others() {
        // The header of Widevine's public test films: algorithm 1, a key, provider, content id, policy.
        let mut data = vec![0x08, 1, 0x12, 16];
        data.extend([9; 16]);
        data.extend(b"\x1a\x0dwidevine_test\x22\x02\x01\xff\x32\x00\x38\x07\x48\xe3\xdc\x95\x9b\x06");
        let read = pssh_data(&data).unwrap();
        assert_eq!((read.provider.as_deref(), read.policy.as_deref()), (Some("widevine_test"), Some("")));
        assert_eq!((read.content_id.as_slice(), read.crypto_period), (&b"\x01\xff"[..], Some(7)));
        assert_eq!((read.key_ids.len(), read.scheme), (1, Some(FourCc(*b"cenc"))));
    }

    #[test]
    fn damage_is_told() {
        let long = [vec![0x22, 0x81, 0x20], vec![0; 4097]].concat();
        for (data, expected) in [
            (vec![0x12], ReadError::Broken),
            (vec![0x12, 5, 0], ReadError::Broken),
            (vec![0x12, 2, 0, 0], ReadError::KeyId { bytes: 2 }),
            (vec![0x1a, 1, 0xff], ReadError::Text { what: "provider" }),
            (vec![0; MAX_DATA + 1], ReadError::TooMuch { what: "bytes", value: MAX_DATA + 1, limit: MAX_DATA }),
            (long, ReadError::TooMuch { what: "bytes of content_id", value: 4097, limit: 4096 }),
        ] {
            assert_eq!(pssh_data(&data), Err(expected));
        }
        let many = [&[0x12, 16][..], &[1; 16]].concat().repeat(MAX_KEYS + 1);
        assert!(matches!(pssh_data(&many), Err(ReadError::TooMuch { what: "key ids", .. })));
    }
}
