//! Figures that are measured over a whole film: manifests state them, and whoever holds the film may keep them, so that
//! a manifest costs what it lists and not what the film has.

use std::fmt;

use super::Context;
use crate::media::TrackRef;
use crate::protection::Scheme;

/// What a figure is of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Figure {
    /// The format's first tag, or another name for all formats in which it is the same.
    pub format: &'static str,
    /// What is measured.
    pub of: Measured,
    /// The track.
    pub track: TrackRef,
    /// Sound in the same segments.
    pub with: Option<TrackRef>,
    /// What the segments are encrypted with.
    pub scheme: Option<Scheme>,
}

/// What can be measured of a track; each is two numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Measured {
    /// Peak and mean of its segments, bits per second.
    Segments,
    /// Peak and mean of its key frames alone, bits per second.
    KeyFrames,
    /// How many key frames there are, and in how many segments.
    KeyFrameCount,
}

/// Figures of one film.
pub trait Figures: Sync + fmt::Debug {
    /// The figure, if it was kept.
    fn known(&self, figure: &Figure) -> Option<(u64, u64)>;

    /// Keeps a figure. It need not.
    fn keep(&self, figure: Figure, values: (u64, u64));
}

impl Context<'_> {
    /// The figure as it was kept, or measured now.
    pub(crate) fn measured(&self, figure: Figure, measure: impl FnOnce() -> (u64, u64)) -> (u64, u64) {
        let Some(figures) = self.figures else { return measure() };
        figures.known(&figure).unwrap_or_else(|| {
            let values = measure();
            figures.keep(figure, values);
            values
        })
    }
}
