//! Segments of captions, written from the track's text.

use bytes::Bytes;

use super::body::{Rendered, Validity};
use super::track_fragment::{self, TRACK_ID};
use super::{Error, Noun, Plan};
use crate::codec::TextForm;
use crate::isobmff::{Brands, FragmentHeader, FragmentSample, FragmentStyle};
use crate::media::{Presentation, Track};
use crate::text::{self, TextSample, TimedText};
use crate::time::{MediaTime, Timescale};

/// Media type of WebVTT (WebVTT 9.1).
pub(crate) const WEB_VTT_TYPE: &str = "text/vtt";

/// How a format wants fragments of captions.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// Each field of each sample written out, which players of several cues in a sample rely on; `styp` if asked for.
    Media { segment_type: bool, first_sequence_number: u32 },
    /// Smooth: TTML whatever the source is, times counted from the fragment's beginning.
    Smooth,
}

/// The text of a plan's track; `None` of pictures and sound.
pub(crate) fn text_of<'a>(presentation: &'a Presentation, plan: &Plan) -> Option<&'a TimedText> {
    let part = plan.parts.first()?;
    presentation.track(part.track).text.as_deref()
}

/// The span of a plan in whole milliseconds.
fn millis(plan: &Plan) -> (u64, u64) {
    let at = |time: MediaTime| time.floor(Timescale::MILLISECONDS).max(0).unsigned_abs();
    (at(plan.start), at(plan.end))
}

fn samples(track: &Track, text: &TimedText, plan: &Plan, shape: Shape) -> Result<Vec<TextSample>, Error> {
    let (begin, end) = millis(plan);
    let samples = match (shape, track.codec.text()) {
        (Shape::Smooth, _) => text.ttml_samples(begin, end, true),
        (Shape::Media { .. }, Some(TextForm::Ttml)) => text.ttml_samples(begin, end, false),
        (Shape::Media { .. }, _) => text.wvtt_samples(begin, end),
    };
    samples.map_err(too_large)
}

/// A movie fragment of what is shown in the plan's time.
pub(crate) fn fragment(
    presentation: &Presentation,
    plan: &Plan,
    text: &TimedText,
    scale: Timescale,
    shape: Shape,
) -> Result<Rendered, Error> {
    let part = plan.parts.first().ok_or(Error::NoSuchResource)?;
    let samples = samples(presentation.track(part.track), text, plan, shape)?;
    let start = plan.start.floor(scale);
    let at =
        |millis: u64| MediaTime::new(i64::try_from(millis).unwrap_or(i64::MAX), Timescale::MILLISECONDS).floor(scale);
    let mut described = Vec::with_capacity(samples.len());
    let mut time = start;
    for (index, sample) in samples.iter().enumerate() {
        let end = if index + 1 == samples.len() { plan.end.floor(scale) } else { at(sample.end) };
        described.push(FragmentSample {
            size: u32::try_from(sample.data.len()).unwrap_or(u32::MAX),
            duration: u32::try_from(end.saturating_sub(time)).unwrap_or(u32::MAX),
            composition_offset: 0,
            sync: true,
        });
        time = end;
    }
    let decode_time = start.max(0).unsigned_abs();
    let length = described.iter().map(|s| u64::from(s.duration)).sum();
    let (style, segment_type, first) = match shape {
        Shape::Media { segment_type, first_sequence_number } => {
            let style = FragmentStyle::Csf { decoder_configuration: None, picture_types: None };
            (style, segment_type.then_some(Brands::CMAF_SEGMENT), first_sequence_number)
        }
        Shape::Smooth => (FragmentStyle::Smooth, None, 1),
    };
    let header = FragmentHeader {
        style,
        segment_type,
        sequence_number: (plan.index as u32).wrapping_add(first),
        track_id: TRACK_ID,
        decode_time,
        tfxd: matches!(shape, Shape::Smooth).then_some((decode_time, length)),
        extra_traf_boxes: &[],
        extra_moof_boxes: &[],
        samples: &described,
    };
    let mut header = header.write()?;
    let mut body = Vec::with_capacity(samples.len() + 1);
    match plan.noun {
        Noun::Fragments | Noun::KeyFrames => body.push(Bytes::from(header)),
        Noun::FragmentInfo => {
            header.truncate(header.len().saturating_sub(track_fragment::MDAT_HEADER));
            body.push(Bytes::from(header));
            return track_fragment::rendered(presentation, plan, body);
        }
        Noun::RawFragments => {}
    }
    body.extend(samples.into_iter().map(|sample| Bytes::from(sample.data)));
    track_fragment::rendered(presentation, plan, body)
}

/// A WebVTT file of what is shown in the plan's time. `zero` is the MPEG-2 time stamp, in 90 kHz, at which the
/// presentation begins in the segments of its pictures.
pub(crate) fn web_vtt(
    presentation: &Presentation,
    plan: &Plan,
    text: &TimedText,
    zero: u64,
) -> Result<Rendered, Error> {
    let (begin, end) = millis(plan);
    let text = text.web_vtt_segment(begin, end, &timestamp_map(begin, zero)).map_err(too_large)?;
    let body = vec![Bytes::from(text)];
    let duration = plan.duration(presentation);
    Ok(Rendered { body, content_type: WEB_VTT_TYPE, validity: Validity::Revision, duration })
}

/// `X-TIMESTAMP-MAP` (RFC 8216 3.5). Time stamps have 33 bits and begin anew after 26.5 hours: a segment that comes
/// later is tied by its own beginning.
fn timestamp_map(begin: u64, zero: u64) -> String {
    const WRAP: u64 = 1 << 33;
    let stamp = begin.saturating_mul(90).saturating_add(zero);
    let (stamp, local) = if stamp < WRAP { (zero, 0) } else { (stamp % WRAP, begin) };
    let (seconds, rest) = (local / 1000, local % 1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("X-TIMESTAMP-MAP=MPEGTS:{stamp},LOCAL:{hours:02}:{minutes:02}:{seconds:02}.{rest:03}\n")
}

fn too_large(error: text::Error) -> Error {
    match error {
        text::Error::TooLarge { bytes, limit } => Error::SegmentTooLarge { bytes, limit },
        _ => Error::NoSuchResource,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamp_maps_follow_the_clock_over_its_end() {
        assert_eq!(timestamp_map(0, 900_000), "X-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n");
        assert_eq!(timestamp_map(95_000_000, 900_000), "X-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n");
        // 2³³ ticks are 95,443.717 s, of which the first ten lie before the presentation.
        assert_eq!(timestamp_map(96_000_500, 900_000), "X-TIMESTAMP-MAP=MPEGTS:51010408,LOCAL:26:40:00.500\n");
    }
}
