//! Initialization vectors that every node computes alike and that no two samples under one key share.
//!
//! Counter mode falls apart when a vector is used twice for different bytes. So a track's vectors depend on its
//! key, on the film and its revision (other bytes, other vectors) and on which stored track it is; and they count
//! its samples. The first of a track is 64 bits of a hash: that two tracks of 2^18 samples under one key (a film
//! of two hours) come to share one has a chance of 2^-45.

use sha2::{Digest, Sha256};

use crate::cipher::{BLOCK, KeyId};
use crate::media::Revision;

/// The vectors of one track's samples.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SampleVectors(u64);

impl SampleVectors {
    /// Of track `track_id` of the stored file `file`, in the film `asset` of `revision`, under key `key`.
    pub fn of(key: KeyId, asset: [u8; 16], revision: Revision, file: &str, track_id: u32) -> SampleVectors {
        let parts: [&[u8]; 5] = [&key.0, &asset, &revision.0, file.as_bytes(), &track_id.to_be_bytes()];
        let [a, b, c, d, e, f, g, h, ..] = hash(b"headwater sample vectors 1", &parts);
        SampleVectors(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }

    /// The vector of the sample with this index in its track.
    pub fn sample(self, index: u32) -> [u8; 8] {
        self.0.wrapping_add(u64::from(index)).to_be_bytes()
    }
}

/// The vector of all objects or samples under a key, where its policy states none.
pub fn constant_vector(key: KeyId) -> [u8; BLOCK] {
    let mut vector = [0; BLOCK];
    vector.copy_from_slice(&hash(b"headwater constant vector 1", &[&key.0])[..BLOCK]);
    vector
}

/// Each part with its length before it, so that none can pass for the end of another.
pub(super) fn hash(purpose: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in std::iter::once(&purpose).chain(parts) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_samples_of_a_key_share_a_vector() {
        let mut seen = HashSet::new();
        for revision in 0..4u8 {
            for file in ["a.mp4", "b.mp4"] {
                for track in 1..=16 {
                    let vectors = SampleVectors::of(KeyId([7; 16]), [0; 16], Revision([revision; 16]), file, track);
                    assert!((0..2000).all(|sample| seen.insert(vectors.sample(sample))));
                }
            }
        }
    }

    #[test]
    fn vectors_do_not_change_between_versions() {
        let vectors = SampleVectors::of(KeyId([1; 16]), [0; 16], Revision([2; 16]), "film.mp4", 1);
        assert_eq!(vectors.sample(1), (u64::from_be_bytes(vectors.sample(0)).wrapping_add(1)).to_be_bytes());
        assert_ne!(constant_vector(KeyId([1; 16])), constant_vector(KeyId([2; 16])));
    }
}
