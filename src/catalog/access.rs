//! Who may ask a streaming endpoint: address lists, and Akamai's signature headers (streaming contract §10.4).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};

use super::entity::Kind;
use super::error::Error;
use crate::secrets::SecretBytes;
use crate::time::UtcTime;

/// A range of addresses with a name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct IpRange {
    /// What it is called.
    pub name: String,
    /// Any address of it.
    pub address: IpAddr,
    /// How many of its first bits count.
    pub prefix_length: u8,
}

impl IpRange {
    /// Reads `10.0.0.1`, `10.0.0.1/22` or `10.0.0.1(255.255.252.0)`, and the first two of IPv6. A prefix
    /// length beside it counts for an address that has none.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn parse(name: &str, address: &str, prefix_length: Option<i64>) -> Result<IpRange, Error> {
        let wrong = || {
            let text: String = address.chars().take(100).collect();
            let problem = format!(
                "{text:?} with that prefix is no address; 10.0.0.1, 10.0.0.0/22 and 10.0.0.0(255.255.252.0) are"
            );
            Error::invalid(Kind::StreamingEndpoint, "AccessControl", problem)
        };
        super::rules::text(Kind::StreamingEndpoint, "AccessControl", name, 260)?;
        let (text, length) = if let Some((text, length)) = address.split_once('/') {
            (text, Some(length.parse::<i64>().map_err(|_| wrong())?))
        } else if let Some((text, mask)) = address.split_once('(') {
            let mask: Ipv4Addr = mask.strip_suffix(')').and_then(|mask| mask.parse().ok()).ok_or_else(wrong)?;
            let bits = u32::from(mask);
            if bits.leading_ones() + bits.trailing_zeros() < 32 {
                return Err(wrong());
            }
            (text, Some(i64::from(bits.leading_ones())))
        } else {
            (address, prefix_length)
        };
        let address: IpAddr = text.trim().parse().map_err(|_| wrong())?;
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let prefix_length = length.unwrap_or(whole);
        if !(0..=whole).contains(&prefix_length) {
            return Err(wrong());
        }
        let prefix_length = u8::try_from(prefix_length).map_err(|_| wrong())?;
        Ok(IpRange { name: name.to_owned(), address, prefix_length })
    }

    /// The address is in the range. IPv4 addresses that came over IPv6 are IPv4 addresses.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = 32u32.saturating_sub(u32::from(self.prefix_length));
                let bits = |a: Ipv4Addr| u32::from(a).checked_shr(shift).unwrap_or(0);
                bits(own) == bits(other)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = 128u32.saturating_sub(u32::from(self.prefix_length));
                let bits = |a: Ipv6Addr| u128::from(a).checked_shr(shift).unwrap_or(0);
                bits(own) == bits(other)
            }
            _ => false,
        }
    }
}

/// The most ranges of a list.
const MAX_RANGES: usize = 1000;

/// Reads addresses and ranges with commas or white space between them, 1000 at the most: the requirements of an
/// IP restriction.
///
/// # Errors
/// The part that is none, shortened.
pub fn parse_ranges(text: &str) -> Result<Vec<IpRange>, String> {
    let words = text.split(|c: char| c == ',' || c == ';' || c.is_whitespace()).filter(|word| !word.is_empty());
    let mut ranges = Vec::new();
    for word in words {
        let range = IpRange::parse("", word, None).ok().filter(|_| ranges.len() < MAX_RANGES);
        ranges.push(range.ok_or_else(|| word.chars().take(60).collect::<String>())?);
    }
    Ok(ranges)
}

/// The names of Akamai's request headers.
pub const G2O_DATA: &str = "x-akamai-g2o-auth-data";
/// The signature's header.
pub const G2O_SIGN: &str = "x-akamai-g2o-auth-sign";

/// How far the clock of an edge server may be off, and for how long a signature counts, seconds.
pub const G2O_SKEW_SECONDS: u64 = 30;

/// A key of Akamai's headers, opened.
pub struct G2oKey {
    /// What requests call it.
    pub identifier: String,
    /// Until when it counts.
    pub expiration: UtcTime,
    key: hmac::Key,
    sha1: hmac::Key,
}

impl fmt::Debug for G2oKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "G2oKey({})", self.identifier)
    }
}

impl G2oKey {
    /// A key, ready to compare signatures with.
    pub fn new(identifier: String, secret: &SecretBytes, expiration: UtcTime) -> G2oKey {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
        let sha1 = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.expose());
        G2oKey { identifier, expiration, key, sha1 }
    }
}

/// Why a signature header is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum G2oError {
    /// There are no signature headers.
    #[error("the request has no Akamai signature headers, which this endpoint wants")]
    Missing,
    /// They are not of the form of the scheme.
    #[error("the Akamai signature headers cannot be read")]
    Malformed,
    /// The key is unknown or has expired.
    #[error("the key of the Akamai signature is unknown or has expired")]
    Key,
    /// The time is too far off.
    #[error("the time of the Akamai signature is more than {G2O_SKEW_SECONDS} s off")]
    Time,
    /// The signature is another one.
    #[error("the Akamai signature does not fit")]
    Signature,
}

/// Checks the headers of a request for `path`. `data` is `version, edge address, client address, time, unique
/// id, key identifier`; the signature is that of data and path, in base64: version 4 HMAC-SHA-1, version 5
/// HMAC-SHA-256. Versions 1 to 3 rest on MD5 and are refused.
///
/// # Errors
/// [`G2oError`].
pub fn check_g2o(
    keys: &[G2oKey],
    data: Option<&str>,
    signature: Option<&str>,
    path: &str,
    now: UtcTime,
) -> Result<(), G2oError> {
    let (Some(data), Some(signature)) = (data, signature) else { return Err(G2oError::Missing) };
    let fields: Vec<&str> = data.split(',').map(str::trim).collect();
    let [version, _edge, _client, time, _unique, identifier] = fields[..] else { return Err(G2oError::Malformed) };
    let time: u64 = time.parse().map_err(|_| G2oError::Malformed)?;
    let key = keys.iter().find(|key| key.identifier == identifier).ok_or(G2oError::Key)?;
    if key.expiration.unix_millis <= now.unix_millis {
        return Err(G2oError::Key);
    }
    if (now.unix_millis / 1000).abs_diff(time) > G2O_SKEW_SECONDS {
        return Err(G2oError::Time);
    }
    let hmac_key = match version {
        "4" => &key.sha1,
        "5" => &key.key,
        _ => return Err(G2oError::Malformed),
    };
    let signature = decode_base64(signature).ok_or(G2oError::Malformed)?;
    let signed = [data.as_bytes(), path.as_bytes()].concat();
    // Compares in constant time.
    hmac::verify(hmac_key, &signed, &signature).map_err(|_| G2oError::Signature)
}

/// RFC 4648 4, of a signature's length at most; `None` for anything else.
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let text = text.as_bytes();
    if text.is_empty() || text.len() > 4096 || !text.len().is_multiple_of(4) {
        return None;
    }
    let padding = text.iter().rev().take_while(|b| **b == b'=').count();
    if padding > 2 {
        return None;
    }
    let value = |b: u8| match b {
        b'A'..=b'Z' => Some(u32::from(b - b'A')),
        b'a'..=b'z' => Some(u32::from(b - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(b - b'0') + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let letters = text.get(..text.len() - padding)?;
    for chunk in letters.chunks(4) {
        let bits = chunk.iter().try_fold(0u32, |bits, b| value(*b).map(|v| bits << 6 | v))?;
        let missing = 4 - chunk.len() as u32;
        let [_, a, b, c] = (bits << (6 * missing)).to_be_bytes();
        bytes.extend_from_slice([a, b, c].get(..3usize.checked_sub(missing as usize)?)?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(text: &str) -> IpRange {
        IpRange::parse("x", text, None).unwrap()
    }

    #[test]
    fn ranges_hold_their_addresses() {
        let holds = |range: IpRange, address: &str| range.contains(address.parse().unwrap());
        assert!(holds(range("10.0.0.1"), "10.0.0.1") && !holds(range("10.0.0.1"), "10.0.0.2"));
        assert!(holds(range("10.0.0.1"), "::ffff:10.0.0.1"));
        for text in ["10.0.0.1/22", "10.0.0.1(255.255.252.0)"] {
            assert!(holds(range(text), "10.0.3.255") && !holds(range(text), "10.0.4.0"), "{text}");
        }
        assert!(holds(IpRange::parse("all", "0.0.0.0", Some(0)).unwrap(), "203.0.113.9"));
        assert!(!holds(range("0.0.0.0/0"), "2001:db8::1"));
        assert!(holds(range("2001:db8::/32"), "2001:db8:ffff::1") && !holds(range("2001:db8::/32"), "2001:db9::"));
        assert!(holds(range("::/0"), "2001:db9::"));
        for bad in ["", "x", "10.0.0.1/33", "10.0.0.1/-1", "10.0.0.1(255.0.255.0)", "10.0.0.1(", "::1/129", "10.0.0"] {
            assert!(IpRange::parse("x", bad, None).is_err(), "{bad}");
        }
        assert!(IpRange::parse("x", "10.0.0.1", Some(64)).is_err());
    }

    #[test]
    fn signed_requests_are_told_from_others() {
        let secret = SecretBytes::new(b"a key of the edge".to_vec());
        let now = UtcTime { unix_millis: 1_700_000_000_000 };
        let keys = [G2oKey::new("k1".into(), &secret, UtcTime { unix_millis: now.unix_millis + 1 })];
        let data = "5, 192.0.2.1, 198.51.100.2, 1700000010, 123.456, k1";
        let signed = |data: &str| {
            let tag = hmac::sign(&keys[0].key, format!("{data}/a/b.ism/Manifest").as_bytes());
            encode_base64(tag.as_ref())
        };
        let check =
            |data: &str, sign: &str, at: UtcTime| check_g2o(&keys, Some(data), Some(sign), "/a/b.ism/Manifest", at);
        assert_eq!(check(data, &signed(data), now), Ok(()));
        assert_eq!(check(data, &signed("x"), now), Err(G2oError::Signature));
        assert_eq!(check_g2o(&keys, Some(data), Some(&signed(data)), "/other", now), Err(G2oError::Signature));
        let late = UtcTime { unix_millis: now.unix_millis + 1 };
        assert_eq!(check(data, &signed(data), late), Err(G2oError::Key));
        let old = "5, 192.0.2.1, 198.51.100.2, 1699999960, 123.456, k1";
        assert_eq!(check(old, &signed(old), now), Err(G2oError::Time));
        let md5 = "3, 192.0.2.1, 198.51.100.2, 1700000010, 123.456, k1";
        assert_eq!(check(md5, &signed(md5), now), Err(G2oError::Malformed));
        assert_eq!(check(&data.replace("k1", "k2"), "AAAA", now), Err(G2oError::Key));
        assert_eq!(check_g2o(&keys, None, Some("AAAA"), "/", now), Err(G2oError::Missing));
        assert_eq!(check("5,1", "AAAA", now), Err(G2oError::Malformed));
    }

    fn encode_base64(bytes: &[u8]) -> String {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut out = String::new();
        for chunk in bytes.chunks(3) {
            let mut three = [0; 4];
            three[1..=chunk.len()].copy_from_slice(chunk);
            let bits = u32::from_be_bytes(three);
            (0..=chunk.len() as u32).for_each(|i| out.push(char::from(LETTERS[(bits >> (18 - 6 * i) & 63) as usize])));
            (chunk.len()..3).for_each(|_| out.push('='));
        }
        out
    }

    proptest! {
        #[test]
        fn base64_is_read_again(bytes in proptest::collection::vec(any::<u8>(), 1..100)) {
            prop_assert_eq!(decode_base64(&encode_base64(&bytes)).unwrap(), bytes);
        }

        #[test]
        fn hostile_headers_are_refused(data in "\\PC{0,60}", sign in "[A-Za-z0-9+/=]{0,20}") {
            let keys = [G2oKey::new("k".into(), &SecretBytes::new(vec![1]), UtcTime { unix_millis: u64::MAX })];
            let checked = check_g2o(&keys, Some(&data), Some(&sign), "/", UtcTime { unix_millis: 0 });
            prop_assert!(checked.is_err());
        }
    }
}
