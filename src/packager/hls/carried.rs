//! Which groups and tracks an HLS presentation lists.

use crate::media::{Presentation, Track, TrackGroup, TrackKind, TrackRef};
use crate::packager::{Error, MAX_QUALITIES};

use super::renditions::same_content;
use super::{Flavor, subtitles};

/// What a multivariant playlist is written from.
#[derive(Debug)]
pub(super) struct Listing {
    /// The qualities of the default video group, or the first that can be carried, lowest bitrate first.
    pub video: Vec<TrackRef>,
    /// Further video groups (other camera angles), each lowest bitrate first; never empty ones.
    pub angles: Vec<Vec<TrackRef>>,
    /// Each audio group's tracks, highest bitrate first; never empty ones.
    pub audio: Vec<Vec<TrackRef>>,
    /// Subtitles.
    pub text: Vec<TrackRef>,
}

impl Listing {
    /// What of a presentation can be carried.
    ///
    /// # Errors
    /// [`Error::NothingToCarry`] when nothing can, [`Error::TooManyQualities`] past [`MAX_QUALITIES`].
    pub fn of(flavor: Flavor, presentation: &Presentation) -> Result<Listing, Error> {
        let listed = |kind| {
            presentation.groups_of(kind).map(|(index, group)| tracks(flavor, index, group)).filter(|t| !t.is_empty())
        };
        let mut angles: Vec<Vec<TrackRef>> = listed(TrackKind::Video).collect();
        angles.iter_mut().for_each(|angle| angle.reverse());
        let main = angles.iter().position(|angle| presentation.groups[angle[0].group].is_default).unwrap_or(0);
        let video = if angles.is_empty() { Vec::new() } else { angles.remove(main) };
        let audio: Vec<_> = listed(TrackKind::Audio).collect();
        if video.is_empty() && audio.is_empty() {
            return Err(nothing_to_carry(presentation.groups.iter().flat_map(|g| &g.tracks)));
        }
        let text = subtitles::listed(presentation);
        let count = video.len() + angles.iter().chain(&audio).map(Vec::len).sum::<usize>() + text.len();
        if count > MAX_QUALITIES {
            return Err(Error::TooManyQualities { count, limit: MAX_QUALITIES });
        }
        Ok(Listing { video, angles, audio, text })
    }
}

/// The tracks of a group that can be carried, in the group's order.
fn tracks(flavor: Flavor, group: usize, of: &TrackGroup) -> Vec<TrackRef> {
    let carried = of.tracks.iter().enumerate().filter(|(_, track)| is_carried(flavor, track));
    carried.map(|(track, _)| TrackRef { group, track }).collect()
}

/// The groups that have a track that can be carried.
pub(super) fn groups(flavor: Flavor, presentation: &Presentation) -> impl Iterator<Item = &TrackGroup> {
    presentation.groups.iter().filter(move |g| g.tracks.iter().any(|t| is_carried(flavor, t)))
}

/// The track can be carried, and there is something of it.
fn is_carried(flavor: Flavor, track: &Track) -> bool {
    flavor.carries(&*track.codec) && track.segment_samples.last() > track.segment_samples.first()
}

/// Refuses a track that cannot be carried.
pub(super) fn check(flavor: Flavor, presentation: &Presentation, at: TrackRef) -> Result<(), Error> {
    let track = presentation.track(at);
    if is_carried(flavor, track) { Ok(()) } else { Err(nothing_to_carry(std::iter::once(track))) }
}

/// The audio track that is muxed into segments of `group`: the best one of the group called `name`, else of
/// the default audio group, in the form that most players decode. `None` where this format muxes nothing in.
///
/// # Errors
/// [`Error::NoSuchTrack`] when no audio group is called `name`, [`Error::NothingToCarry`] when that one
/// cannot be carried.
pub(super) fn muxed_audio(
    flavor: Flavor,
    presentation: &Presentation,
    group: usize,
    name: Option<&str>,
) -> Result<Option<TrackRef>, Error> {
    if !flavor.muxes() || presentation.groups[group].kind != TrackKind::Video {
        return Ok(None);
    }
    chosen_audio(flavor, presentation, name)
}

/// The audio track of [`muxed_audio`], whatever it is for.
pub(super) fn chosen_audio(
    flavor: Flavor,
    presentation: &Presentation,
    name: Option<&str>,
) -> Result<Option<TrackRef>, Error> {
    let best = |(index, group): (usize, &TrackGroup)| tracks(flavor, index, group).first().copied();
    let Some(name) = name else {
        let is_default = |(_, group): &(usize, &TrackGroup)| group.is_default;
        let audio = || presentation.groups_of(TrackKind::Audio);
        let listed: Vec<TrackRef> = audio().filter(is_default).chain(audio()).filter_map(best).collect();
        let group = |at: &TrackRef| &presentation.groups[at.group];
        // Of the default in its several forms, the one that every player decodes.
        let everywhere = listed.iter().find(|at| {
            presentation.track(**at).codec.plays_everywhere()
                && listed.first().is_some_and(|first| same_content(group(first), group(at)))
        });
        return Ok(everywhere.or(listed.first()).copied());
    };
    let found = presentation.groups_of(TrackKind::Audio).find(|(_, group)| group.name == name);
    let found = found.ok_or_else(|| Error::NoSuchTrack { name: name.to_owned() })?;
    best(found).map(Some).ok_or_else(|| nothing_to_carry(found.1.tracks.iter()))
}

fn nothing_to_carry<'a>(tracks: impl Iterator<Item = &'a Track>) -> Error {
    let mut codecs: Vec<String> = Vec::new();
    for codec in tracks.map(|t| t.codec.rfc6381()) {
        if !codecs.contains(&codec) {
            codecs.push(codec);
        }
    }
    Error::NothingToCarry { codecs: codecs.join(", ") }
}
