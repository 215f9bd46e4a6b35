//! How many files and sockets this process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is kept for films, databases and log files when connections have taken theirs: a part of all, …
const PART: u64 = 4;
/// … so many at least …
const FEWEST: u64 = 40;
/// … and so many at the most.
const MOST: u64 = 1024;

/// Raises the soft limit of open files (RLIMIT_NOFILE, setrlimit(2)) to the hard one; what it is then, `None` where
/// there is none.
pub fn raise_limit() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files cannot be raised");
            current
        }
    }
}

/// How many of `wanted` connections there can be with so many descriptors, without taking those that films are
/// read with.
pub fn connections(wanted: usize, descriptors: Option<u64>) -> usize {
    let Some(descriptors) = descriptors else { return wanted };
    let kept = (descriptors / PART).clamp(FEWEST, MOST);
    let left = descriptors.saturating_sub(kept).max(1);
    wanted.min(usize::try_from(left).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_descriptors_are_kept_for_films() {
        assert_eq!(connections(20_000, None), 20_000);
        assert_eq!(connections(20_000, Some(1 << 20)), 20_000);
        assert_eq!(connections(20_000, Some(1024)), 768);
        assert_eq!(connections(20_000, Some(20_000)), 18_976);
        assert_eq!((connections(100, Some(64)), connections(100, Some(8))), (24, 1));
    }

    #[test]
    fn the_limit_is_a_number_or_none() {
        assert!(raise_limit().is_none_or(|limit| limit > 0));
    }
}
