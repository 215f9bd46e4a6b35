//! Segments held against the manifest and against each other.

use std::collections::BTreeMap;

use super::fragment::{Fragment, Init};
use super::listing::{Segment, Stream, Times};
use super::report::{Code, Finding, StreamKind};
use super::transport::{Elementary, nearest};
use crate::time::{MediaTime, Timescale};

/// What HLS may be off by: it adds up rounded lengths.
const ROUNDED: MediaTime = MediaTime::new(2, Timescale::MILLISECONDS);
/// Sound muxed with pictures is cut at frames of its own.
const MUXED: MediaTime = MediaTime::new(150, Timescale::MILLISECONDS);
/// Within this, counted frames of sound end where the next ones begin.
const COUNTED: i64 = 90;
/// Decode times may shift by this where the order of pictures changes.
const REORDERED: i64 = 18_000;

const STAMPS: Timescale = Timescale::NINETY_KHZ;

/// What was read of a segment.
#[derive(Clone, Debug)]
pub(super) enum Facts {
    Fragment(Fragment),
    Transport(Vec<Elementary>),
    /// Fetched, and as it should be as far as can be told.
    Other,
}

/// The manifest's own times: each segment begins where the one before ends.
pub(super) fn listed(stream: &Stream) -> Vec<Finding> {
    let mut found = Vec::new();
    for pair in stream.segments.windows(2) {
        let [one, next] = pair else { continue };
        let off = next.time.saturating_sub(one.time.saturating_add(one.duration));
        if off != 0 && !next.discontinuity {
            let (code, what) =
                if off > 0 { (Code::ListedGap, "leaves out") } else { (Code::Contradiction, "goes back by") };
            let length = seconds(off.saturating_abs(), stream.scale);
            let message = format!("the manifest {what} {length} before {}", seconds(next.time, stream.scale));
            found.push(Finding::new(code, message).at(&next.url));
        }
    }
    found
}

/// Movie fragments: the time and length of each, and that none is missing between neighbours.
pub(super) fn fragments(stream: &Stream, init: Option<&Init>, read: &[(usize, &Fragment)]) -> Vec<Finding> {
    let mut found = Vec::new();
    let scale = init.map_or(stream.scale, |init| init.scale);
    let mut origin: Option<i128> = None;
    let mut before: Option<(usize, &Fragment, bool)> = None;
    for &(index, fragment) in read {
        let Some(segment) = stream.segments.get(index) else { continue };
        let mut finding = |code: Code, message: String| found.push(Finding::new(code, message).at(&segment.url));
        if stream.kind == StreamKind::Video && !fragment.begins_with_key_frame {
            finding(Code::NoKeyFrame, "the segment does not begin with a key frame".to_owned());
        }
        if fragment.samples == 0 {
            finding(Code::SegmentDamaged, "the segment has no samples".to_owned());
        }
        let Some(decode) = fragment.decode_time else {
            finding(Code::SegmentDamaged, "the segment has neither tfdt nor tfxd: nobody knows its time".to_owned());
            before = None;
            continue;
        };
        if let Some((time, _)) = fragment.tfxd.filter(|(time, _)| *time != decode) {
            finding(Code::TimeDiffers, format!("tfdt says {decode} and tfxd {time}"));
        }
        if segment.discontinuity {
            (origin, before) = (None, None);
        }
        // Both in ticks of the one timescale times the other.
        let at = crossed(decode.into(), stream.scale);
        let wanted = crossed(segment.time.into(), scale);
        let off = match stream.times {
            Times::Absolute => at - wanted,
            Times::AddedUp => at - wanted - *origin.get_or_insert(at - wanted),
            Times::Unknown => 0,
        };
        // The times of key frames in HLS are those of presentation.
        let comparable = !(stream.key_frames && stream.times == Times::AddedUp);
        let tolerance = tolerance(stream, scale, index);
        let misplaced = comparable && off.abs() > tolerance;
        if misplaced {
            let says = "and the manifest says that it begins at";
            let begin = seconds(segment.time, stream.scale);
            let by = length(off, scale, stream.scale);
            let tfdt = format!("the segment's tfdt is {decode} ({})", seconds(saturated(decode), scale));
            finding(Code::TimeDiffers, format!("{tfdt}, {says} {begin}: {by} {}", late(off)));
        }
        if stream.key_frames {
            continue;
        }
        let mut joint = false;
        if let Some((last, earlier, misplaced_before)) = before
            && last + 1 == index
            && !misplaced
            && !misplaced_before
            && let (Some(begun), Some(lasted)) = (earlier.decode_time, earlier.duration)
            && let off @ (1.. | ..=-1) = i128::from(decode) - i128::from(begun) - i128::from(lasted)
            && !is_listed_gap(stream, last)
            // Rounded times of one timescale in another do not meet exactly.
            && (off.abs() > 1 || scale == stream.scale)
        {
            joint = true;
            let length = seconds(off.unsigned_abs().try_into().unwrap_or(i64::MAX), scale);
            let (code, what) = if off > 0 { (Code::Gap, "are missing") } else { (Code::Overlap, "are there twice") };
            finding(code, format!("{length} {what} between the segment before and this one"));
        }
        before = Some((index, fragment, misplaced));
        let last = index + 1 == stream.segments.len();
        if let Some(duration) = fragment.duration.filter(|_| !joint && !misplaced && stream.times == Times::Absolute) {
            let off = crossed(duration.into(), stream.scale) - crossed(segment.duration.into(), scale);
            // The last one is listed as long as the longest of its quality's sisters.
            if off.abs() > tolerance && !(last && off < 0) {
                let (is, says) = (seconds(saturated(duration), scale), seconds(segment.duration, stream.scale));
                finding(Code::LengthDiffers, format!("its samples last {is}, the manifest says {says}"));
            }
        }
    }
    found
}

fn is_listed_gap(stream: &Stream, index: usize) -> bool {
    let pair = stream.segments.get(index).zip(stream.segments.get(index + 1));
    pair.is_some_and(|(one, next)| next.time > one.time.saturating_add(one.duration))
}

/// What times may be off by, in ticks of `scale` times those of the manifest.
fn tolerance(stream: &Stream, scale: Timescale, index: usize) -> i128 {
    match stream.times {
        Times::Absolute if scale == stream.scale => 0,
        Times::Absolute => i128::from(scale.get().max(stream.scale.get())),
        _ => {
            let micros = 2_000 + index as i128;
            micros * i128::from(scale.get()) * i128::from(stream.scale.get()) / 1_000_000
        }
    }
}

/// What fragments of the same film told, of which every one was looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// The longest that a picture stands.
    pub longest_picture: Option<MediaTime>,
    /// The longest piece of sound.
    pub longest_sound: Option<MediaTime>,
    /// How long each track really is, by its name.
    pub lengths: BTreeMap<String, MediaTime>,
}

/// Transport streams: the time of each, the end of its sound, and that pictures do not stop before the end.
pub(super) fn transport(stream: &Stream, known: &Known, read: &[(usize, &[Elementary])]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut origins: Vec<Origin> = Vec::new();
    let mut before: Option<(usize, &[Elementary])> = None;
    let pauses = read.iter().flat_map(|(_, streams)| streams.iter().filter(|s| s.is_video()).map(|s| s.longest_step));
    let usual = pauses.max().unwrap_or(0);
    for &(index, streams) in read {
        let Some(segment) = stream.segments.get(index) else { continue };
        let mut finding = |code: Code, message: String| found.push(Finding::new(code, message).at(&segment.url));
        if segment.discontinuity {
            origins.clear();
            before = None;
        }
        let main = streams.iter().find(|s| s.is_video()).or(streams.first());
        let Some(main) = main else {
            finding(Code::SegmentDamaged, "the segment has no pictures and no sound with time stamps".to_owned());
            before = None;
            continue;
        };
        if stream.kind == StreamKind::Video && main.is_video() && !main.random_access {
            finding(Code::NoKeyFrame, "the first picture is not marked as a random access point".to_owned());
        }
        if let Some(backwards) = streams.iter().find(|elementary| elementary.goes_back) {
            finding(Code::TimeDiffers, format!("decode times of PID {:#x} go back", backwards.pid));
        }
        if stream.key_frames {
            continue;
        }
        for elementary in streams {
            let wanted = MediaTime::new(segment.time, stream.scale).round(STAMPS);
            let allowed = if elementary.pid == main.pid { ROUNDED } else { MUXED };
            let off = Origin::of(&mut origins, elementary, wanted).off(elementary, wanted);
            let misplaced = off.abs() > allowed.round(STAMPS) + index as i64 / 11;
            if misplaced {
                let (at, by) = (seconds(segment.time, stream.scale), seconds(off.saturating_abs(), STAMPS));
                let (pid, late) = (elementary.pid, late(off.into()));
                finding(
                    Code::TimeDiffers,
                    format!("PID {pid:#x} should go on at {at} of the playlist, and is {by} {late}"),
                );
            }
            let earlier = before.filter(|(last, _)| last + 1 == index);
            let earlier = earlier.and_then(|(_, streams)| streams.iter().find(|s| s.pid == elementary.pid));
            let Some(end) = earlier.and_then(|earlier| earlier.end).filter(|_| !misplaced) else { continue };
            let off = nearest(elementary.first - end);
            // The source itself may have a pause there, which fragments tell by a long sample.
            let pause = known.longest_sound.map_or(0, |longest| longest.ceil(STAMPS) - elementary.frame);
            if off < -COUNTED || off > COUNTED + pause.max(0) {
                let length = seconds(off.saturating_abs(), STAMPS);
                let (code, what) =
                    if off > 0 { (Code::Gap, "are missing") } else { (Code::Overlap, "are there twice") };
                finding(code, format!("{length} of sound {what} between the segment before and this one"));
            }
        }
        if let Some(finding) = stops_early(stream, known, usual, index, main) {
            found.push(finding.at(&segment.url));
        }
        before = Some((index, streams));
    }
    found
}

/// Pictures reach to the end of the segment.
fn stops_early(stream: &Stream, known: &Known, usual: i64, index: usize, main: &Elementary) -> Option<Finding> {
    let segment = stream.segments.get(index)?;
    if !main.is_video() || main.units < 2 {
        return None;
    }
    let listed = MediaTime::new(segment.duration, stream.scale).round(STAMPS);
    // The last segment is listed as long as the longest quality's, and this one may be shorter.
    let last = index + 1 == stream.segments.len();
    let begun = MediaTime::new(segment.time, stream.scale).round(STAMPS);
    let lasts = match known.lengths.get(&stream.name).filter(|_| last) {
        Some(length) => listed.min(length.ceil(STAMPS) - begun),
        None if last => return None,
        None => listed,
    };
    let stands = main.first + lasts - main.last;
    let code = match known.longest_picture.map(|longest| longest.ceil(STAMPS)) {
        Some(longest) if stands > longest.max(main.longest_step) + REORDERED => Code::Gap,
        None if stands > usual.max(STAMPS.get().into()).saturating_mul(2) => Code::LongPicture,
        _ => return None,
    };
    Some(Finding::new(code, format!("pictures end {} before the segment does", seconds(stands, STAMPS))))
}

/// Where a stream's stamps began: at the first segment, or behind a discontinuity.
#[derive(Clone, Copy)]
struct Origin {
    pid: u16,
    decode: i64,
    presented: i64,
}

impl Origin {
    fn of(origins: &mut Vec<Origin>, elementary: &Elementary, wanted: i64) -> Origin {
        if let Some(origin) = origins.iter().find(|origin| origin.pid == elementary.pid) {
            return *origin;
        }
        let (decode, presented) = (elementary.first - wanted, elementary.first_presented - wanted);
        let origin = Origin { pid: elementary.pid, decode, presented };
        origins.push(origin);
        origin
    }

    /// How far off a segment's beginning is. Playlists count presentation times; where pictures are reordered
    /// over the cut, decode times are what goes on evenly.
    fn off(&self, elementary: &Elementary, wanted: i64) -> i64 {
        let decode = nearest(elementary.first - wanted - self.decode);
        let presented = nearest(elementary.first_presented - wanted - self.presented);
        if decode.abs() < presented.abs() { decode } else { presented }
    }
}

/// The codecs of elementary streams are among those of the manifest.
pub(super) fn elementary_codecs(stream: &Stream, segment: &Segment, streams: &[Elementary]) -> Vec<Finding> {
    let stated = |families: &[&str]| {
        stream.codecs.iter().any(|codec| families.contains(&codec.split('.').next().unwrap_or_default()))
    };
    let strange =
        streams.iter().filter(|s| !stream.codecs.is_empty() && !s.families().is_empty() && !stated(s.families()));
    strange
        .map(|s| {
            let (pid, kind, stated) = (s.pid, s.stream_type, stream.codecs.join(","));
            let message = format!("PID {pid:#x} is of stream type {kind:#04x}, CODECS says {stated}");
            Finding::new(Code::CodecDiffers, message).at(&segment.url)
        })
        .collect()
}

/// Ticks times the timescale of what they are compared with: exact.
fn crossed(ticks: i128, other: Timescale) -> i128 {
    ticks * i128::from(other.get())
}

fn late(off: i128) -> &'static str {
    if off > 0 { "late" } else { "early" }
}

fn saturated(ticks: u64) -> i64 {
    i64::try_from(ticks).unwrap_or(i64::MAX)
}

fn length(off: i128, scale: Timescale, other: Timescale) -> String {
    let ticks = off.unsigned_abs() / u128::from(other.get());
    seconds(i64::try_from(ticks).unwrap_or(i64::MAX), scale)
}

pub(super) fn seconds(ticks: i64, scale: Timescale) -> String {
    format!("{} s", MediaTime::new(ticks, scale).seconds(6))
}
