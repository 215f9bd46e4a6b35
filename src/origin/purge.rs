//! Forgetting: what a locator, an asset or all of them have left in caches, so that the next request looks at storage.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Origin;
use crate::catalog::AssetId;

/// Of what everything is to be forgotten.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// All films.
    All,
    /// What a locator (its 16 bytes in the order of its text) leads to.
    Locator([u8; 16]),
    /// What all locators of an asset lead to.
    Asset(AssetId),
}

/// What was forgotten.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Purged {
    /// Paths that were known.
    pub paths: u64,
    /// Manifests, segments and other answers.
    pub answers: u64,
    /// Indexes of films.
    pub indexes: u64,
    /// Listings of folders.
    pub listings: u64,
}

impl Purged {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.paths + self.answers + self.indexes + self.listings
    }
}

/// How many lots of locators there are.
const LOTS: usize = 256;

/// Which generation of entries counts, by lots of locators. It is a part of the caches' keys: what is purged is out of
/// reach at one stroke, also what is being made at that moment and is put into the cache later. Locators of the same
/// lot lose their entries too, which costs time and nothing else.
#[derive(Debug)]
pub(super) struct Generations([AtomicU64; LOTS]);

impl Default for Generations {
    fn default() -> Generations {
        Generations(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Generations {
    /// The one that counts for a locator.
    pub(super) fn of(&self, locator: &[u8; 16]) -> u64 {
        self.0.get(lot(locator)).map_or(0, |generation| generation.load(Ordering::Acquire))
    }

    fn advance(&self, locator: &[u8; 16]) {
        if let Some(generation) = self.0.get(lot(locator)) {
            generation.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn advance_all(&self) {
        for generation in &self.0 {
            generation.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// GUIDs that people choose often differ in one byte alone, whichever.
fn lot(locator: &[u8; 16]) -> usize {
    usize::from(locator.iter().fold(0u8, |sum, byte| sum.rotate_left(3) ^ byte))
}

impl Origin {
    /// Forgets what caches in memory hold. Answers on their way are not touched; requests that come after this has
    /// returned see storage as it is then. Drawn thumbnails on disk stay: their names say what they are of.
    pub async fn purge(&self, scope: &Scope) -> Purged {
        let locators = match scope {
            Scope::All => Vec::new(),
            Scope::Locator(locator) => vec![*locator],
            Scope::Asset(asset) => self.catalog().snapshot().locators_of(*asset),
        };
        match scope {
            Scope::All => self.generations.advance_all(),
            _ => locators.iter().for_each(|locator| self.generations.advance(locator)),
        }
        // Out of reach by now; what follows gives back its memory.
        let concerned = |locator: &[u8; 16]| *scope == Scope::All || locators.contains(locator);
        let purged = Purged {
            paths: self.known.purge(&concerned).await,
            answers: self.answers.purge(&concerned).await,
            indexes: self.indexes.purge(&concerned).await,
            listings: self.indexes.listings().purge(&concerned).await,
        };
        self.purges.increment();
        purged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_advance_by_lots() {
        let generations = Generations::default();
        let (one, other) = ([1; 16], [9; 16]);
        assert_ne!(lot(&one), lot(&other));
        generations.advance(&one);
        assert_eq!((generations.of(&one), generations.of(&other)), (1, 0));
        generations.advance_all();
        assert_eq!((generations.of(&one), generations.of(&other)), (2, 1));
    }
}
