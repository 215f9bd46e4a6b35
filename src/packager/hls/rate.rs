//! What playlists state of bit rates: measured of segments as they are sent, or Azure Media Services'
//! formula.
//!
//! `BANDWIDTH` is the *peak segment bit rate* of RFC 8216 4.1: the largest of any neighbouring segments
//! that together last half a target duration or more, so a short tail counts with the segments before
//! it. What a transport stream adds depends on every sample's size; a bound that depends on bytes and
//! number of samples alone finds the few segments that can be the peak, and those are measured exactly.

use std::collections::BinaryHeap;
use std::ops::Range;

use crate::media::{Presentation, Track, TrackGroup, TrackRef};
use crate::mpegts::PACKET_SIZE;
use crate::packager::{cmaf, encrypt, key_frames};
use crate::protection::Scheme;
use crate::time::{MediaTime, Timescale};

use super::Flavor;
use super::packing::{Packing, segment_bytes};
use super::ts;

const NANOSECONDS: Timescale = Timescale::new(1_000_000_000).unwrap();

/// Bits per second.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Rate {
    /// `BANDWIDTH`.
    pub peak: u64,
    /// `AVERAGE-BANDWIDTH`.
    pub average: u64,
}

impl From<(u64, u64)> for Rate {
    fn from((peak, average): (u64, u64)) -> Rate {
        Rate { peak, average }
    }
}

impl From<Rate> for (u64, u64) {
    fn from(rate: Rate) -> (u64, u64) {
        (rate.peak, rate.average)
    }
}

impl Rate {
    /// Both played together.
    pub fn plus(self, other: Rate) -> Rate {
        Rate { peak: self.peak + other.peak, average: self.average + other.average }
    }

    /// The more of each.
    pub fn max(self, other: Rate) -> Rate {
        Rate { peak: self.peak.max(other.peak), average: self.average.max(other.average) }
    }
}

/// `BANDWIDTH` of one elementary stream as Azure Media Services computed it: ⌊bitrate × 1.022 + 8160⌋.
pub(super) fn ams(bitrate: u64) -> Rate {
    let rate = (u128::from(bitrate) * 1022 / 1000 + 8160) as u64;
    Rate { peak: rate, average: rate }
}

/// A track in segments of its own.
pub(super) fn alone(flavor: Flavor, presentation: &Presentation, at: TrackRef, scheme: Option<Scheme>) -> Rate {
    let (group, track) = (&presentation.groups[at.group], presentation.track(at));
    let chunks = chunks(group, track, flavor.fragments_per_segment(presentation));
    let Some(packing) = Packing::of(flavor, track, false) else {
        let size =
            |c: &Chunk| cmaf::segment_size(track, c.bytes, c.samples) + encrypt::overhead(track, c.samples, scheme);
        return measure(&chunks, size, size, None);
    };
    let more = encrypted(scheme);
    measure(
        &chunks,
        |c| segment_bytes(packing.most(c.bytes, c.samples, c.sync, c.nanos)) + more,
        |c| segment_bytes(packing.likely(c.bytes, c.samples, c.sync)) + more,
        Some(&|c| segment_bytes(packing.exactly(track, c.first, c.samples)) + more),
    )
}

/// What encryption adds to a transport stream: padding, or here and there a byte that keeps encrypted ones from
/// looking like a start code.
fn encrypted(scheme: Option<Scheme>) -> u64 {
    if scheme.is_some() { PACKET_SIZE as u64 } else { 0 }
}

/// The sound that goes with each segment of a video track; the same for all tracks of a group that have as
/// many segments.
#[derive(Debug)]
pub(super) struct Sound<'a> {
    track: &'a Track,
    packing: Packing,
    /// Segments of the video track.
    segments: usize,
    chunks: Vec<Chunk>,
}

impl<'a> Sound<'a> {
    /// What of `audio` is muxed with each segment of `at`; `None` when it cannot be.
    pub fn of(flavor: Flavor, presentation: &'a Presentation, at: TrackRef, audio: TrackRef) -> Option<Sound<'a>> {
        let (group, track) = (&presentation.groups[at.group], presentation.track(at));
        let sound = presentation.track(audio);
        let packing = Packing::of(flavor, sound, true)?;
        let per_segment = flavor.fragments_per_segment(presentation);
        let chunk = |pictures: Chunk| {
            let range = ts::audio_range(group, track, sound, pictures.index, pictures.index + per_segment);
            let samples = u64::from(range.end.saturating_sub(range.start));
            let sizes = sound.samples.iter_from(range.start).take(samples as usize);
            let bytes = sizes.map(|(_, s)| u64::from(s.size)).sum();
            Chunk { first: u64::from(range.start), samples, sync: samples, bytes, ..pictures }
        };
        let chunks = chunks(group, track, per_segment).into_iter().map(chunk).collect();
        Some(Sound { track: sound, packing, segments: track.segment_count(), chunks })
    }

    /// It is of a video track of so many segments.
    pub fn fits(&self, track: &Track) -> bool {
        self.segments == track.segment_count()
    }
}

/// A video track with sound in the same segments.
pub(super) fn muxed(
    flavor: Flavor,
    presentation: &Presentation,
    at: TrackRef,
    sound: &Sound<'_>,
    scheme: Option<Scheme>,
) -> Rate {
    let (group, track) = (&presentation.groups[at.group], presentation.track(at));
    let Some(packing) = Packing::of(flavor, track, false) else { return Rate::default() };
    let pictures = chunks(group, track, flavor.fragments_per_segment(presentation));
    let more = encrypted(scheme);
    let both: Vec<(Chunk, Chunk)> = pictures.into_iter().zip(sound.chunks.iter().copied()).collect();
    measure(
        &both,
        |(p, s)| {
            let pictures = packing.most(p.bytes, p.samples, p.sync, p.nanos);
            segment_bytes(pictures + sound.packing.most(s.bytes, s.samples, s.sync, s.nanos)) + more
        },
        |(p, s)| {
            let pictures = packing.likely(p.bytes, p.samples, p.sync);
            segment_bytes(pictures + sound.packing.likely(s.bytes, s.samples, s.sync)) + more
        },
        Some(&|(p, s)| {
            let pictures = packing.exactly(track, p.first, p.samples);
            segment_bytes(pictures + sound.packing.exactly(sound.track, s.first, s.samples)) + more
        }),
    )
}

/// A track's key frames alone, as their playlist lists them.
pub(super) fn key_frames(flavor: Flavor, presentation: &Presentation, at: TrackRef, scheme: Option<Scheme>) -> Rate {
    let (group, track) = (&presentation.groups[at.group], presentation.track(at));
    let packing = Packing::of(flavor, track, false);
    let size = |c: &Chunk| match &packing {
        Some(packing) => segment_bytes(packing.key_frame(c.bytes)) + encrypted(scheme),
        None => cmaf::segment_size(track, c.bytes, 1) + encrypt::overhead(track, 1, scheme),
    };
    let listed = key_frames::listed(group, track, NANOSECONDS, true);
    let nanos = |ticks: i64| MediaTime::new(ticks, track.timescale).floor(NANOSECONDS);
    let ends = listed.iter().skip(1).map(|next| nanos(next.presentation)).chain([track.duration().floor(NANOSECONDS)]);
    let chunk = |(key, end): (&key_frames::Listed, i64)| {
        let nanos = (end - nanos(key.presentation)).max(0).unsigned_abs();
        Chunk { index: 0, nanos, first: 0, samples: 1, sync: 1, bytes: u64::from(key.size) }
    };
    measure(&listed.iter().zip(ends).map(chunk).collect::<Vec<_>>(), size, size, None)
}

/// One segment of a track as it is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Chunk {
    /// Index of its first segment in the group.
    index: usize,
    nanos: u64,
    first: u64,
    samples: u64,
    /// Sync samples among them.
    sync: u64,
    bytes: u64,
}

trait Lasts {
    fn nanos(&self) -> u64;
}

impl Lasts for Chunk {
    fn nanos(&self) -> u64 {
        self.nanos
    }
}

impl Lasts for (Chunk, Chunk) {
    fn nanos(&self) -> u64 {
        self.0.nanos
    }
}

/// A track's segments, `per_segment` of the group's as one.
fn chunks(group: &TrackGroup, track: &Track, per_segment: usize) -> Vec<Chunk> {
    let count = track.segment_count().min(group.segment_count());
    // Segments are asked for in order, so the key frames before each are found in one pass.
    let mut passed = 0;
    let mut key_frames_before = |sample: u64| match track.samples.key_frames() {
        Some(frames) => {
            passed += frames[passed..].iter().take_while(|f| u64::from(f.sample) < sample).count();
            passed as u64
        }
        None => sample,
    };
    let mut chunks = Vec::with_capacity(count / per_segment.max(1) + 1);
    let mut begin = group.boundary(0, NANOSECONDS);
    for index in (0..count).step_by(per_segment.max(1)) {
        let last = (index + per_segment).min(count);
        let end = group.boundary(last, NANOSECONDS);
        let sample = |n: usize| u64::from(track.segment_samples.get(n).copied().unwrap_or(0));
        let before = key_frames_before(sample(index));
        chunks.push(Chunk {
            index,
            nanos: end.saturating_sub(begin),
            first: sample(index),
            samples: sample(last).saturating_sub(sample(index)),
            sync: key_frames_before(sample(last)).saturating_sub(before),
            bytes: track.segment_bytes.get(index..last).map_or(0, |b| b.iter().sum()),
        });
        begin = end;
    }
    chunks
}

/// The most segments that are measured exactly; after them the bound stands.
const EXACT: usize = 48;
/// How many segments tell how far from the truth the likely size of all is.
const SAMPLED: usize = 8;

/// Peak and mean. `most` is what a segment has at most, `likely` what it probably has, `exactly` (if it is
/// not `most`) what it has.
fn measure<C: Lasts>(
    chunks: &[C],
    most: impl Fn(&C) -> u64,
    likely: impl Fn(&C) -> u64,
    exactly: Option<&dyn Fn(&C) -> u64>,
) -> Rate {
    let longest = chunks.iter().map(Lasts::nanos).max().unwrap_or(0);
    if longest == 0 {
        return Rate::default();
    }
    // Sums up to each chunk: what a window has is a difference.
    let begins = sums(chunks.iter().map(Lasts::nanos));
    let bounds = sums(chunks.iter().map(most));
    let bits = |bytes: u128, nanos: u128| (bytes * 8 * 1_000_000_000).div_ceil(nanos.max(1)) as u64;
    let nanos = |window: &Range<usize>| begins[window.end] - begins[window.start];
    let guessed: u128 = chunks.iter().map(|c| u128::from(likely(c))).sum();
    let average = exactly.map_or(guessed, |exactly| corrected(chunks, guessed, &likely, exactly));
    let mean = bits(average, nanos(&(0..chunks.len())));
    let mut candidates: BinaryHeap<(u64, usize, usize)> =
        windows(&begins, longest).map(|w| (bits(bounds[w.end] - bounds[w.start], nanos(&w)), w.start, w.end)).collect();
    let Some(exactly) = exactly else {
        let peak = candidates.peek().map_or(mean, |(bound, _, _)| *bound);
        return Rate { peak: peak.max(mean), average: mean };
    };
    let (mut peak, mut left) = (0, EXACT);
    while let Some((bound, start, end)) = candidates.pop().filter(|(bound, _, _)| *bound > peak) {
        let measured = match left.checked_sub(end - start) {
            Some(rest) => {
                left = rest;
                bits(chunks[start..end].iter().map(|c| u128::from(exactly(c))).sum(), nanos(&(start..end)))
            }
            None => bound,
        };
        peak = peak.max(measured);
    }
    Rate { peak: peak.max(mean), average: mean }
}

/// `guessed`, the sum of what is likely, by as much more or less as a few segments all over the film have.
fn corrected<C>(chunks: &[C], guessed: u128, likely: impl Fn(&C) -> u64, exactly: &dyn Fn(&C) -> u64) -> u128 {
    let some = || chunks.iter().step_by(chunks.len().div_ceil(SAMPLED).max(1));
    let exact: u128 = some().map(|c| u128::from(exactly(c))).sum();
    let likely: u128 = some().map(|c| u128::from(likely(c))).sum();
    (guessed * exact).checked_div(likely).unwrap_or(guessed)
}

/// The sum of all values before each, and of all.
fn sums(values: impl Iterator<Item = u64>) -> Vec<u128> {
    let mut sum = 0u128;
    let after = values.map(|value| {
        sum += u128::from(value);
        sum
    });
    std::iter::once(0).chain(after).collect()
}

/// Each chunk by itself; one shorter than half the longest with as many before it, and after it, as make
/// that half. `begins` is where each chunk begins, and the end.
fn windows(begins: &[u128], longest: u64) -> impl Iterator<Item = Range<usize>> + '_ {
    let longest = u128::from(longest);
    let enough = move |start: u128, end: u128| (end - start) * 2 >= longest;
    (0..begins.len().saturating_sub(1)).flat_map(move |index| {
        let (begin, end) = (begins[index], begins[index + 1]);
        if enough(begin, end) {
            return Some(index..index + 1).into_iter().chain(None);
        }
        let starts = begins[..=index].partition_point(|start| enough(*start, end));
        let before = starts.checked_sub(1).map(|start| start..index + 1);
        let short = begins[index + 1..].partition_point(|end| !enough(begin, *end));
        let after = Some(index..index + 1 + short).filter(|w| w.end < begins.len() && before.as_ref() != Some(w));
        before.into_iter().chain(after)
    })
}
