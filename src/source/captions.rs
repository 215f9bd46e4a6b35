//! Captions on the grid of their film.

use std::sync::Arc;

use crate::media::{Purpose, RawSample, SampleIndexBuilder, Track, TrackGroup};
use crate::text::{Format, TimedText};
use crate::time::{MediaTime, Timescale};

use super::Settings;
use super::assemble::{Found, language};

/// Bytes that a sample has in the headers of its segment.
const OVERHEAD: u64 = 8;
/// Segments of captions without a film last this long at least and at most, milliseconds.
const ALONE: std::ops::RangeInclusive<i64> = 2_000..=10_000;

/// The group of one track of captions, cut where the film is. `empty` makes a group of starts and an end in
/// milliseconds. `None` without text.
pub(super) fn group(
    found: &Found<'_>,
    master: Option<&[MediaTime]>,
    settings: &Settings,
    empty: &dyn Fn(Vec<u64>, u64) -> TrackGroup,
) -> Option<TrackGroup> {
    let text = found.track.text.as_ref()?;
    let bounds = bounds(text, master, settings);
    let sizes: Vec<u64> = bounds.windows(2).map(|w| size(text, w[0], w[1])).collect();
    let mut builder = SampleIndexBuilder::new(Timescale::MILLISECONDS, 0);
    for (pair, size) in bounds.windows(2).zip(&sizes) {
        let duration = u32::try_from(pair[1] - pair[0]).unwrap_or(u32::MAX);
        let size = u32::try_from(*size).unwrap_or(u32::MAX);
        builder.push(RawSample { offset: 0, size, duration, composition_offset: 0, sync: true }).ok()?;
    }
    let samples = builder.finish();
    let length = bounds.last().copied().unwrap_or(0).max(1);
    let average = sizes.iter().sum::<u64>().saturating_mul(8_000) / length;
    let count = u32::try_from(sizes.len()).unwrap_or(u32::MAX);
    let track = Track {
        bitrate: found.entry.bitrate.unwrap_or(average).max(1),
        average_bitrate: average,
        file: found.file,
        source_id: found.track.id,
        codec: Arc::clone(found.track.codec.as_ref().ok()?),
        timescale: Timescale::MILLISECONDS,
        edit: crate::media::Edit::default(),
        zero: 0,
        ends_within: None,
        samples: Arc::new(samples),
        segment_samples: (0..=count).collect(),
        segment_bytes: sizes,
        frame_rate: None,
        handler_name: found.track.handler_name.clone(),
        creation_time: found.track.creation_time,
        user_data: None,
        encryption: None,
        text: Some(Arc::new(TimedText::clone(text).in_language(&tag(&language(found))))),
    };
    let (starts, end) = (bounds[..bounds.len() - 1].to_vec(), length);
    let mut group = empty(starts, end);
    state_role(&mut group.purpose);
    group.tracks = vec![track];
    Some(group)
}

/// Starts of the segments, and the end, milliseconds: the film's own, or equal ones.
fn bounds(text: &TimedText, master: Option<&[MediaTime]>, settings: &Settings) -> Vec<u64> {
    let millis = |time: &MediaTime| time.floor(Timescale::MILLISECONDS).max(0).unsigned_abs();
    let mut bounds = match master {
        Some([inner @ .., last]) if !inner.is_empty() => {
            let end = last.ceil(Timescale::MILLISECONDS).max(1).unsigned_abs();
            let mut bounds: Vec<u64> = inner.iter().map(millis).filter(|start| *start < end).collect();
            bounds.push(end);
            bounds
        }
        _ => {
            let step = settings.target_segment.floor(Timescale::MILLISECONDS).clamp(*ALONE.start(), *ALONE.end());
            let (step, end) = (step.unsigned_abs(), text.end().max(1));
            (0..end.div_ceil(step)).map(|n| n * step).chain([end]).collect()
        }
    };
    // What is shown before the film's first picture is shown with it.
    if let Some(first) = bounds.first_mut() {
        *first = 0;
    }
    bounds.dedup();
    bounds
}

/// About the bytes of a segment in the form that the track was written in.
fn size(text: &TimedText, begin: u64, end: u64) -> u64 {
    let samples = match text.format() {
        Format::WebVtt => text.wvtt_samples(begin, end),
        Format::Ttml => text.ttml_samples(begin, end, false),
    };
    // What is too large is refused when it is asked for.
    samples.map_or(0, |samples| samples.iter().map(|s| s.data.len() as u64 + OVERHEAD).sum())
}

/// Players tell subtitles from captions by their role (ISO/IEC 23009-1 5.8.5.5).
fn state_role(purpose: &mut Purpose) {
    if ["caption", "subtitle", "forced-subtitle"].iter().any(|role| purpose.has_role(role)) {
        return;
    }
    let transcribes = |c: &&str| *c == "public.accessibility.transcribes-spoken-dialog";
    let caption = purpose.serves("caption") || purpose.characteristics().iter().any(transcribes);
    purpose.add_role(if caption { "caption" } else { "subtitle" });
}

/// The language as a document states it.
fn tag(language: &str) -> String {
    crate::media::language::tag(&crate::media::Language(language.to_owned())).unwrap_or_default()
}
