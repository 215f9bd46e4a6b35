//! CMAF tracks (ISO/IEC 23000-19), the same bytes for DASH and HLS.

use super::fragment::Composition;
use super::track_fragment::{self, Shape};
use super::{Dialect, Error, MediaData, Plan, Rendered, SegmentRequest};
use crate::isobmff::{Brands, Edit, FragmentStyle};
use crate::media::{Presentation, Track, TrackGroup, TrackKind, TrackRef};
use crate::time::{Timescale, rescale_floor};

/// Unit of the times of group `group`: its own, so that they are exact; 10 MHz as Azure Media Services had it.
pub(crate) fn timescale(presentation: &Presentation, group: usize, dialect: Dialect) -> Timescale {
    match dialect {
        Dialect::Modern => presentation.groups.get(group).map_or(Timescale::TEN_MHZ, |g| g.timescale),
        Dialect::Ams => Timescale::TEN_MHZ,
    }
}

/// How presentation times reach the player. Sound whose presentation runs a constant behind its decoding
/// (encoder priming) has an edit list (7.5.13); pictures have composition offsets and never an edit list.
fn composition(group: &TrackGroup, track: &Track) -> Composition {
    let constant = track.first_composition_offset() == 0 && track.samples.min_composition_offset() == 0;
    match group.kind {
        TrackKind::Audio if constant => Composition::EditList,
        TrackKind::Audio | TrackKind::Video => Composition::Offsets,
    }
}

/// The CMAF header of a track (7.3.2).
pub(crate) fn init(presentation: &Presentation, at: TrackRef, scale: Timescale) -> Rendered {
    let group = &presentation.groups[at.group];
    let track = presentation.track(at);
    let entry = track.codec.sample_entry();
    let mut segment = track_fragment::init_segment(presentation, at, scale, &entry);
    if composition(group, track) == Composition::EditList && track.edit.media_time != 0 {
        // A duration of 0 stands for all that fragments bring (ISO/IEC 14496-12 8.6.6.1).
        let media_time = rescale_floor(track.edit.media_time, track.timescale, scale);
        segment.edit = Some(Edit { segment_duration: 0, media_time: Some(media_time), media_rate: 0x1_0000 });
    }
    if let Some(picture) = track.codec.video() {
        // `tkhd` states the size in square pixels (ISO/IEC 14496-12 8.3.2.3).
        let (wide, high) = picture.sample_aspect_ratio;
        let width = u64::from(picture.width) * u64::from(wide) / u64::from(high.max(1));
        segment.width = if width == 0 { picture.width } else { width.min(u64::from(u16::MAX)) as u32 };
    }
    track_fragment::rendered_init(presentation, at, &segment)
}

/// Which samples the CMAF segment at `request.time` is made of.
///
/// # Errors
/// [`Error::NoSuchTime`] when no segment begins then.
pub(crate) fn plan(
    presentation: &Presentation,
    request: &SegmentRequest<'_>,
    scale: Timescale,
) -> Result<Plan, Error> {
    Plan::segments(presentation, request, scale, 1)
}

/// A CMAF segment of one fragment of one chunk (7.3.3): `styp`, `moof`, `mdat`.
///
/// # Errors
/// [`Error::MissingMedia`] when `media` lacks what the plan wants, and those of the boxes.
pub(crate) fn segment(
    presentation: &Presentation,
    plan: &Plan,
    media: &MediaData,
    scale: Timescale,
) -> Result<Rendered, Error> {
    let part = plan.parts.first().ok_or(Error::NoSuchResource)?;
    let shape = Shape {
        style: FragmentStyle::Cmaf,
        segment_type: Some(Brands::CMAF_SEGMENT),
        first_sequence_number: 1,
        tfxd: false,
        composition: composition(&presentation.groups[part.track.group], presentation.track(part.track)),
    };
    track_fragment::fragment(presentation, plan, media, scale, &shape)
}

/// Bytes of a segment of that many media bytes and samples, or a little more: what bit rates are measured with.
pub(crate) fn segment_size(track: &Track, media: u64, samples: u64) -> u64 {
    // styp 24, moof and traf 16, mfhd 16, tfhd 28, tfdt 20, trun 24, mdat 8; per sample its size,
    // its duration where they vary, and for pictures a composition offset.
    media + 136 + samples * if track.codec.video().is_some() { 12 } else { 8 }
}
