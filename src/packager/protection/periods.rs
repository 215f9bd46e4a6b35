//! When media is encrypted, and with which of a track's keys: clear leads, and keys that change with time.

use std::num::NonZeroU64;

use crate::media::{Presentation, TrackGroup, TrackRef};
use crate::protection::{MAX_PERIODS, period_key, period_key_id};
use crate::time::Timescale;

use super::{Material, Protection, TrackKey};

/// How protection changes over a film. Segments are whole: one is in the time in which it begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Periods {
    /// So long from the beginning of the film everything is clear, milliseconds.
    pub clear_lead: u64,
    /// After so long there is another key, milliseconds; `None`: one for the whole film.
    pub rotation: Option<NonZeroU64>,
}

impl Periods {
    /// Protection is the same from beginning to end.
    pub fn is_constant(self) -> bool {
        self == Periods::default()
    }

    /// The period that `milliseconds` after the film's beginning is in.
    fn at(self, milliseconds: u64) -> Option<u32> {
        let number = milliseconds / self.rotation?.get();
        Some(u32::try_from(number).unwrap_or(u32::MAX).min(MAX_PERIODS - 1))
    }

    /// The first period in which anything is encrypted: that of sample entries and manifests.
    pub fn first(self) -> Option<u32> {
        self.at(self.clear_lead)
    }
}

impl TrackKey {
    /// The key of a period; itself without one, and where keys are as they are stored.
    pub fn in_period(&self, number: Option<u32>) -> TrackKey {
        let (material, id) = match (&self.material, number) {
            (Material::Key(key), Some(number)) => {
                let id = period_key_id(self.id, number);
                (Material::Key(period_key(key, self.id, id)), id)
            }
            (material, _) => (material.clone(), self.id),
        };
        TrackKey { tracks: self.tracks.clone(), id, material, vector: self.vector, url: self.url.clone() }
    }
}

impl Protection {
    /// The key that a track's sample entry and its manifest name: that of the first encrypted period. `None` when the
    /// track goes out in the clear.
    pub fn first_key(&self, presentation: &Presentation, at: TrackRef) -> Option<TrackKey> {
        Some(self.key(presentation, at)?.in_period(self.periods.first()))
    }

    /// The key of a segment that begins with the group's segment `index`; `None` when it goes out in the clear.
    pub fn key_at(&self, presentation: &Presentation, at: TrackRef, index: usize) -> Option<TrackKey> {
        let key = self.key(presentation, at)?;
        if self.periods.is_constant() {
            return Some(key.in_period(None));
        }
        let milliseconds = begins(presentation, &presentation.groups[at.group], index);
        let is_clear = milliseconds < self.periods.clear_lead;
        (!is_clear).then(|| key.in_period(self.periods.at(milliseconds)))
    }
}

/// When a segment begins, from the beginning of the film on, milliseconds.
fn begins(presentation: &Presentation, group: &TrackGroup, index: usize) -> u64 {
    let start = group.boundary_time(index).floor(Timescale::MILLISECONDS);
    let origin = presentation.origin().floor(Timescale::MILLISECONDS);
    start.saturating_sub(origin).max(0).unsigned_abs()
}
