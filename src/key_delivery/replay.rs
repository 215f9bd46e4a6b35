//! How often tokens were used that may be used a number of times.
//!
//! The count is this node's own: several nodes behind one name let a token through once each. It outlives no
//! restart; tokens with a limit end within an hour.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::tokens::{Refusal, ReplayLimit};

/// The most tokens that are remembered. When there are more, further ones are refused.
const MAX_TOKENS: usize = 200_000;

/// The uses that are remembered.
#[derive(Debug, Default)]
pub(super) struct Replays(Mutex<HashMap<[u8; 32], Used>>);

#[derive(Clone, Copy, Debug)]
struct Used {
    times: u32,
    until: u64,
}

impl Replays {
    /// Counts one use of each of these tokens, or of none, if one of them is used up. `now` in seconds since 1970.
    pub(super) fn take(&self, limits: &[ReplayLimit], now: u64) -> Result<(), Refusal> {
        if limits.is_empty() {
            return Ok(());
        }
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let used_up = |limit: &ReplayLimit| used.get(&limit.digest).is_some_and(|used| used.times >= limit.uses);
        if limits.iter().any(used_up) {
            return Err(Refusal::Replayed);
        }
        if used.len() + limits.len() > MAX_TOKENS {
            used.retain(|_, used| used.until > now);
            if used.len() + limits.len() > MAX_TOKENS {
                return Err(Refusal::Replayed);
            }
        }
        for limit in limits {
            let entry = used.entry(limit.digest).or_insert(Used { times: 0, until: limit.until });
            entry.times = entry.times.saturating_add(1);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_used_as_often_as_it_may_be() {
        let replays = Replays::default();
        let limit = ReplayLimit { digest: [1; 32], uses: 2, until: 100 };
        assert_eq!(replays.take(&[limit], 50), Ok(()));
        assert_eq!(replays.take(&[limit], 50), Ok(()));
        assert_eq!(replays.take(&[limit], 50), Err(Refusal::Replayed));
        let other = ReplayLimit { digest: [2; 32], ..limit };
        assert_eq!(replays.take(&[other, limit], 50), Err(Refusal::Replayed));
        // Nothing was counted then.
        assert_eq!(replays.take(&[other], 50), Ok(()));
        assert_eq!(replays.take(&[other], 50), Ok(()));
    }
}
