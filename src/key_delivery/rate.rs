//! How often one client may ask.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use super::error::Error;

/// The most clients that are told apart. When there are more, further ones share one allowance.
const MAX_CLIENTS: usize = 100_000;

/// Allowances: each client may ask a number of times a minute, all at once or one by one.
#[derive(Debug)]
pub(super) struct Rates {
    /// Requests a minute; 0 for any number.
    per_minute: u32,
    clients: Mutex<HashMap<IpAddr, Allowance>>,
}

#[derive(Clone, Copy, Debug)]
struct Allowance {
    /// Requests left, in parts of 60,000: each millisecond brings `per_minute` of them.
    left: u64,
    /// When that was so, milliseconds since 1970.
    at: u64,
}

/// Parts of one request.
const REQUEST: u64 = 60_000;

impl Rates {
    pub(super) fn new(per_minute: u32) -> Rates {
        Rates { per_minute, clients: Mutex::default() }
    }

    /// Counts a request at `now`, milliseconds since 1970.
    pub(super) fn take(&self, client: IpAddr, now: u64) -> Result<(), Error> {
        if self.per_minute == 0 {
            return Ok(());
        }
        let rate = u64::from(self.per_minute);
        let full = rate * REQUEST;
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let refilled = |allowance: &Allowance| {
            allowance.left.saturating_add(now.saturating_sub(allowance.at).saturating_mul(rate)).min(full)
        };
        let mut key = network(client);
        if clients.len() >= MAX_CLIENTS && !clients.contains_key(&key) {
            clients.retain(|_, allowance| refilled(allowance) < full);
            if clients.len() >= MAX_CLIENTS {
                key = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
            }
        }
        let allowance = clients.entry(key).or_insert(Allowance { left: full, at: now });
        let left = refilled(allowance);
        allowance.at = allowance.at.max(now);
        allowance.left = left.saturating_sub(if left >= REQUEST { REQUEST } else { 0 });
        if left >= REQUEST {
            return Ok(());
        }
        Err(Error::TooMany { wait: (REQUEST - left).div_ceil(rate * 1000).max(1) })
    }
}

/// An IPv6 client has a whole network of its own.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_its_allowance_and_gets_it_back() {
        let rates = Rates::new(3);
        let (one, two): (IpAddr, IpAddr) = ("2001:db8::1".parse().unwrap(), "2001:db8:0:0:9::2".parse().unwrap());
        for at in [0, 1, 2] {
            assert_eq!(rates.take(one, at), Ok(()));
        }
        assert_eq!(rates.take(two, 3), Err(Error::TooMany { wait: 20 }));
        assert_eq!(rates.take("2001:db8:1::1".parse().unwrap(), 3), Ok(()));
        assert_eq!(rates.take(one, 19_000), Err(Error::TooMany { wait: 1 }));
        assert_eq!(rates.take(one, 20_010), Ok(()));
        assert!(rates.take(one, 20_011).is_err());
        // A clock that is set back gives nothing away.
        assert!(rates.take(one, 0).is_err());
        for _ in 0..3 {
            assert_eq!(rates.take(one, 1_000_000), Ok(()));
        }
        assert!(rates.take(one, 1_000_000).is_err());
        assert_eq!(Rates::new(0).take(one, 0), Ok(()));
    }
}
