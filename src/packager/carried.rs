//! Which of a film's tracks a manifest lists.

use super::{Error, Format, MAX_QUALITIES};
use crate::media::{Presentation, Track, TrackGroup, TrackRef};

/// The tracks of one group that a format can carry.
#[derive(Clone, Debug)]
pub(crate) struct Carried<'a> {
    /// Index into [`Presentation::groups`].
    pub index: usize,
    /// The group.
    pub group: &'a TrackGroup,
    /// Its tracks that can be carried, in the group's order; never empty.
    pub tracks: Vec<&'a Track>,
}

impl Carried<'_> {
    /// Where one of its tracks is in the film.
    pub fn place(&self, track: &Track) -> TrackRef {
        let place = self.group.tracks.iter().position(|other| std::ptr::eq(other, track));
        TrackRef { group: self.index, track: place.unwrap_or(usize::MAX) }
    }
}

/// Groups with at least one track that `format` can carry, in the film's order.
///
/// # Errors
/// [`Error::NothingToCarry`] when there is none, [`Error::TooManyQualities`] when there are too many.
pub(crate) fn carried<'a>(presentation: &'a Presentation, format: &dyn Format) -> Result<Vec<Carried<'a>>, Error> {
    let mut groups = Vec::with_capacity(presentation.groups.len());
    let mut count = 0;
    for (index, group) in presentation.groups.iter().enumerate() {
        let can = |track: &&Track| format.carries(track.codec.as_ref()) && track.segment_count() > 0;
        let tracks: Vec<&Track> = group.tracks.iter().filter(can).collect();
        count += tracks.len();
        if !tracks.is_empty() {
            groups.push(Carried { index, group, tracks });
        }
    }
    if groups.is_empty() {
        let mut codecs: Vec<String> =
            presentation.groups.iter().flat_map(|g| &g.tracks).map(|t| t.codec.rfc6381()).collect();
        codecs.sort();
        codecs.dedup();
        return Err(Error::NothingToCarry { codecs: codecs.join(", ") });
    }
    if count > MAX_QUALITIES {
        return Err(Error::TooManyQualities { count, limit: MAX_QUALITIES });
    }
    Ok(groups)
}
