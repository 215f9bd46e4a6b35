//! Initialization segments and movie fragments of one track, in the dialects of their formats.

use bytes::Bytes;

use super::body::{Rendered, Validity};
use super::encrypt::{self, Encrypted};
use super::fragment::{Composition, fragment_samples};
use super::payload::payload;
use super::protection::Protection;
use super::{Error, MediaData, Plan, language};
use crate::codec::{Codec, TextForm};
use crate::isobmff::{Brands, FourCc, FragmentHeader, FragmentSample, FragmentStyle, InitSegment, MediaHeader};
use crate::media::{Presentation, TrackKind, TrackRef};
use crate::time::{MediaTime, Timescale};

/// The track identifier in everything that is sent, whatever the source's.
pub(crate) const TRACK_ID: u32 = 1;

/// Bytes of an `mdat` box header; segments stay far below what needs the long form.
pub(crate) const MDAT_HEADER: usize = 8;

/// `video/mp4`, `audio/mp4` or `application/mp4` (RFC 4337, RFC 6381).
pub(crate) fn media_type(kind: TrackKind) -> &'static str {
    match kind {
        TrackKind::Video => "video/mp4",
        TrackKind::Audio => "audio/mp4",
        TrackKind::Text => "application/mp4",
    }
}

/// What all initialization segments of a track have in common; formats change what they have their own way.
pub(crate) fn init_segment<'a>(
    presentation: &'a Presentation,
    at: TrackRef,
    scale: Timescale,
    sample_entry: &'a Bytes,
) -> InitSegment<'a> {
    let group = &presentation.groups[at.group];
    let track = presentation.track(at);
    let (handler, media) = match group.kind {
        TrackKind::Video => (FourCc(*b"vide"), MediaHeader::Video),
        TrackKind::Audio => (FourCc(*b"soun"), MediaHeader::Sound),
        // ISO/IEC 14496-30 5.1 and 6.1: TTML is subtitles, WebVTT is text.
        TrackKind::Text => match track.codec.text() {
            Some(TextForm::Ttml) => (FourCc(*b"subt"), MediaHeader::Subtitle),
            _ => (FourCc(*b"text"), MediaHeader::Null),
        },
    };
    let (width, height) = track.codec.video().map_or((0, 0), |picture| (picture.width, picture.height));
    InitSegment {
        brands: Brands::CMAF,
        movie_timescale: scale,
        timescale: scale,
        duration: Some(track.duration().floor(scale).max(0) as u64),
        track_id: TRACK_ID,
        creation_time: track.creation_time,
        track_creation_time: track.creation_time,
        handler,
        handler_name: &track.handler_name,
        language: language::three_letters(&group.language),
        width,
        height,
        sample_entry,
        media,
        edit: None,
        roll_distance: track.roll_distance(),
        user_data: None,
        protection_headers: &[],
        declaration_extras: false,
    }
}

/// The compatible brands of a format's initialization segments of that codec.
pub(crate) fn brands(format: Brands<'_>, codec: &dyn Codec) -> Vec<FourCc> {
    let mut brands = format.compatible.to_vec();
    brands.extend(codec.brands());
    brands
}

/// How a format wants its fragments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape<'a> {
    /// Dialect of the boxes.
    pub style: FragmentStyle<'a>,
    /// Brands of a `styp`, if there is to be one.
    pub segment_type: Option<Brands<'static>>,
    /// `sequence_number` of the first segment.
    pub first_sequence_number: u32,
    /// A `TfxdBox` is wanted.
    pub tfxd: bool,
    /// How presentation times reach the player.
    pub composition: Composition,
}

/// Everything of a fragment before its media bytes, ending with the header of `mdat`; of encrypted ones with what
/// tells how.
pub(crate) fn header(
    presentation: &Presentation,
    plan: &Plan,
    scale: Timescale,
    shape: &Shape<'_>,
    encrypted: Option<&Encrypted>,
) -> Result<Vec<u8>, Error> {
    let part = plan.parts.first().ok_or(Error::NoSuchResource)?;
    let track = presentation.track(part.track);
    // The last segment of a track ends with its last sample, but not after the manifest says; every other
    // where the next one begins.
    let at = |ticks: i64| MediaTime::new(ticks, part.samples.timescale).floor(scale);
    let first = part.samples.samples.first().map_or(part.samples.end, |sample| sample.decode);
    let beyond = plan.start.floor(scale) + at(part.samples.end) - at(first) > plan.end.floor(scale);
    let end = (plan.index + 1 < track.segment_count() || beyond).then_some(plan.end);
    let (decode_time, samples) = fragment_samples(&part.samples, plan.start, end, scale, shape.composition)?;
    let duration = |samples: &[FragmentSample]| samples.iter().map(|s| u64::from(s.duration)).sum();
    let header = FragmentHeader {
        style: shape.style,
        segment_type: shape.segment_type,
        sequence_number: (plan.index as u32).wrapping_add(shape.first_sequence_number),
        track_id: TRACK_ID,
        decode_time,
        tfxd: shape.tfxd.then(|| (decode_time, duration(&samples))),
        extra_traf_boxes: &[],
        extra_moof_boxes: &[],
        samples: &samples,
    };
    match encrypted {
        Some(encrypted) => {
            let boxes = encrypted.boxes(header.extra_boxes_offset())?;
            let extra_moof_boxes = encrypted.headers.as_slice();
            Ok(FragmentHeader { extra_traf_boxes: &boxes, extra_moof_boxes, ..header }.write()?)
        }
        None => Ok(header.write()?),
    }
}

/// The whole fragment: [`header`], then the stored media, uncopied unless it is encrypted.
pub(crate) fn fragment(
    presentation: &Presentation,
    plan: &Plan,
    media: &MediaData,
    scale: Timescale,
    shape: &Shape<'_>,
    protection: Option<&Protection>,
) -> Result<Rendered, Error> {
    let part = plan.parts.first().ok_or(Error::NoSuchResource)?;
    let encrypted = encrypt::part(presentation, part, plan.index, media, protection)?;
    let mut body = vec![Bytes::from(header(presentation, plan, scale, shape, encrypted.as_ref())?)];
    match encrypted {
        Some(Encrypted { body: Some(bytes), .. }) => body.push(bytes),
        _ => body.extend(payload(part, media)?),
    }
    rendered(presentation, plan, body)
}

/// An answer to a plan.
pub(crate) fn rendered(presentation: &Presentation, plan: &Plan, body: Vec<Bytes>) -> Result<Rendered, Error> {
    let part = plan.parts.first().ok_or(Error::NoSuchResource)?;
    Ok(Rendered {
        body,
        content_type: media_type(presentation.groups[part.track.group].kind),
        validity: Validity::Revision,
        duration: plan.duration(presentation),
    })
}

/// An initialization segment as an answer.
pub(crate) fn rendered_init(presentation: &Presentation, at: TrackRef, segment: &InitSegment<'_>) -> Rendered {
    Rendered {
        body: vec![Bytes::from(segment.write())],
        content_type: media_type(presentation.groups[at.group].kind),
        validity: Validity::Revision,
        duration: None,
    }
}
