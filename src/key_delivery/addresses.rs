//! Lists of addresses: who may ask at all, who has a key by coming from somewhere, and whose word on where a
//! client comes from counts.

use std::net::IpAddr;

use hyper::HeaderMap;

use crate::catalog::access::{self, IpRange};

/// The most addresses of forwarding headers that are looked at.
const MAX_HOPS: usize = 32;

/// Ranges of addresses.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Addresses(Vec<IpRange>);

/// What is no list of addresses.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text:?} is no address; 10.0.0.1, 10.0.0.0/22 and 2001:db8::/32 are, with commas or spaces between them")]
pub struct AddressError {
    /// The part that is none, shortened.
    pub text: String,
}

impl Addresses {
    /// Reads addresses and ranges with commas or white space between them.
    ///
    /// # Errors
    /// [`AddressError`] for what is none, or for more than 1000.
    pub fn parse(text: &str) -> Result<Addresses, AddressError> {
        access::parse_ranges(text).map(Addresses).map_err(|text| AddressError { text })
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One of them has it.
    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.contains(address))
    }

    /// Where a request comes from, these being the proxies whose word counts: `peer`, or of a proxy the last
    /// address of `X-Forwarded-For` that is no proxy's. What a client wrote there itself stands before that.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.contain(client) {
            return client;
        }
        let lines: Vec<&str> = headers.get_all("x-forwarded-for").iter().filter_map(|v| v.to_str().ok()).collect();
        for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')).take(MAX_HOPS) {
            let Some(address) = address(hop.trim()) else { return client };
            client = address.to_canonical();
            if !self.contain(client) {
                return client;
            }
        }
        client
    }
}

/// An address, maybe with a port or in brackets.
fn address(text: &str) -> Option<IpAddr> {
    if let Ok(socket) = text.parse::<std::net::SocketAddr>() {
        return Some(socket.ip());
    }
    text.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        let list = Addresses::parse("10.0.0.0/8, 192.0.2.7\n2001:db8::/32").unwrap();
        for (address, inside) in [("10.9.8.7", true), ("192.0.2.8", false), ("2001:db8::1", true)] {
            assert_eq!(list.contain(address.parse().unwrap()), inside, "{address}");
        }
        assert!(Addresses::parse("").unwrap().is_empty());
        assert!(Addresses::parse("10.0.0.0/33").is_err() && Addresses::parse("everybody").is_err());
        assert!(Addresses::parse(&"10.0.0.1 ".repeat(1001)).is_err());
    }

    #[test]
    fn only_proxies_are_believed() {
        let proxies = Addresses::parse("10.0.0.0/8").unwrap();
        let mut headers = HeaderMap::new();
        let client = |peer: &str, headers: &HeaderMap| proxies.client(peer.parse().unwrap(), headers).to_string();
        assert_eq!(client("10.0.0.1", &headers), "10.0.0.1");
        headers.append("x-forwarded-for", "203.0.113.1, 198.51.100.7, 10.2.3.4".parse().unwrap());
        assert_eq!(client("10.0.0.1", &headers), "198.51.100.7");
        assert_eq!(client("192.0.2.1", &headers), "192.0.2.1");
        headers.append("x-forwarded-for", "198.51.100.9:4711".parse().unwrap());
        assert_eq!(client("10.0.0.1", &headers), "198.51.100.9");
        headers.append("x-forwarded-for", "nonsense".parse().unwrap());
        assert_eq!(client("10.0.0.1", &headers), "10.0.0.1");
    }
}
