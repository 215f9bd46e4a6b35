//! Adaptation sets of key frames alone, for winding (DASH-IF interoperability points 3.2.9).
//!
//! Such a set has the timeline of the set that it goes with: each of its segments is the key frames of that
//! one's. Players that do not know the essential property pass over it.

use crate::media::{Presentation, Track, TrackKind};
use crate::packager::carried::Carried;
use crate::packager::figures::Measured;
use crate::packager::markup::Markup;
use crate::packager::track_fragment::media_type;
use crate::packager::{Context, Dialect, bitrate, key_frames};

use super::mpd::{descriptor, segment_template};
use super::representation::figure;
use super::{Kind, colour, content_protection, representation};

const TRICK_MODE: &str = "http://dashif.org/guidelines/trickmode";

/// Pictures that pass by many times faster need not be larger, lines.
const ENOUGH_LINES: u32 = 480;

/// `maxPlayoutRate` is at most this: beyond it a player fetches more than it can show.
const FASTEST: u64 = 64;

/// Where such a set stands.
pub(super) struct Place {
    /// Its `@id`.
    pub id: usize,
    /// `@id` of the set that it goes with.
    pub of: usize,
    /// Representations of its group in sets before that one.
    pub before: usize,
    /// There is a video set of standard dynamic range.
    pub has_sdr: bool,
}

/// Writes the set for `set`; false if there is nothing to write.
pub(super) fn write(
    xml: &mut Markup,
    kind: &Kind,
    presentation: &Presentation,
    set: &Carried<'_>,
    place: &Place,
    context: &Context<'_>,
) -> bool {
    if set.group.kind != TrackKind::Video {
        return false;
    }
    let tracks = useful(kind, set, context);
    if tracks.is_empty() {
        return false;
    }
    xml.start("AdaptationSet").number("id", place.id as u64);
    xml.number("group", representation::group_number(set.group.kind));
    xml.attribute("segmentAlignment", "true");
    xml.attribute("contentType", set.group.kind.as_str()).attribute("mimeType", media_type(set.group.kind));
    xml.attribute("startWithSAP", "1").attribute("codingDependency", "false");
    content_protection::write_set(xml, presentation, set, context.protection, Dialect::Modern);
    descriptor(xml, "EssentialProperty", TRICK_MODE, itoa::Buffer::new().format(place.of));
    colour::properties(xml, set, place.has_sdr);
    segment_template(xml, kind, presentation, set, "KeyFrames", Dialect::Modern);
    for (index, track) in tracks {
        let pace = Pace::of(kind, set, track, context);
        xml.start("Representation").attribute("id", &(representation::id(set, place.before + index) + "_key"));
        xml.number("bandwidth", pace.bandwidth);
        xml.attribute("codecs", &representation::codecs(track, Dialect::Modern));
        representation::picture(xml, track, pace.frame_rate());
        xml.number("maxPlayoutRate", pace.fastest(track));
        xml.start("BaseURL").text(&format!("QualityLevels({})/", track.bitrate)).end();
        xml.end();
    }
    xml.end();
    true
}

/// The qualities that are good enough, with their places in the set: of each codec those of few lines, or the
/// one of the fewest bits. A quality that lacks a key frame in some segment is none of them.
fn useful<'a>(kind: &Kind, set: &Carried<'a>, context: &Context<'_>) -> Vec<(usize, &'a Track)> {
    let segments = set.group.segment_count();
    let whole =
        |track: &Track| track.segment_count() >= segments && counted(kind, set, track, context).1 == segments as u64;
    let tracks: Vec<(usize, &Track)> = set.tracks.iter().copied().enumerate().filter(|(_, t)| whole(t)).collect();
    let small = |track: &Track| track.codec.video().is_some_and(|picture| picture.height <= ENOUGH_LINES);
    let wanted = |&(index, track): &(usize, &'a Track)| {
        let alike = || tracks.iter().filter(|(_, t)| t.codec.four_cc() == track.codec.four_cc());
        small(track) || (!alike().any(|(_, t)| small(t)) && alike().next_back().is_some_and(|(last, _)| *last == index))
    };
    tracks.iter().copied().filter(wanted).collect()
}

/// How many key frames there are, and in how many segments.
fn counted(kind: &Kind, set: &Carried<'_>, track: &Track, context: &Context<'_>) -> (u64, u64) {
    context.measured(figure(kind, set, track, Measured::KeyFrameCount), || {
        let counts = (0..set.group.segment_count()).map(|index| key_frames::of_segment(track, index).0);
        counts.fold((0, 0), |(sum, segments), count| (sum + count, segments + u64::from(count > 0)))
    })
}

/// How fast key frames come.
struct Pace {
    count: u64,
    /// Whole milliseconds of them all.
    milliseconds: u64,
    /// Bits per second of the most expensive segment of them.
    bandwidth: u64,
}

impl Pace {
    fn of(kind: &Kind, set: &Carried<'_>, track: &Track, context: &Context<'_>) -> Pace {
        let time = |index| set.group.boundary(index, crate::time::Timescale::MILLISECONDS);
        let (bandwidth, _) = context.measured(figure(kind, set, track, Measured::KeyFrames), || {
            let sent = |index: usize| {
                let (count, bytes) = key_frames::of_segment(track, index);
                kind.size(track, bytes, count)
            };
            bitrate::measured_by(set.group, track, 1, sent)
        });
        Pace {
            count: counted(kind, set, track, context).0,
            milliseconds: time(usize::MAX).saturating_sub(time(0)).max(1),
            bandwidth: bandwidth.max(1),
        }
    }

    /// Key frames per second as a fraction of small numbers: to the nearest hundredth of a second between them.
    fn frame_rate(&self) -> (u32, u32) {
        let hundredths = (self.milliseconds / self.count.max(1) + 5) / 10;
        let hundredths = u32::try_from(hundredths.max(1)).unwrap_or(u32::MAX);
        let divisor = greatest_common_divisor(100, hundredths);
        (100 / divisor, hundredths / divisor)
    }

    /// How much faster than in time the pictures can come without being more per second than the film's own.
    fn fastest(&self, track: &Track) -> u64 {
        let (n, d) = track.frame_rate.unwrap_or((25, 1));
        let frames = u64::from(n) * self.milliseconds / (u64::from(d.max(1)) * 1000);
        (frames / self.count.max(1)).clamp(1, FASTEST)
    }
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
