//! Films of a day and more: nothing drifts, nothing overflows, and the clock of transport streams wraps.

use std::sync::Arc;

use super::{fetch, text};
use crate::media::{Presentation, SampleIndexBuilder, TrackKind, TrackRef};
use crate::packager::hls::{CmafHls, V4, strict};
use crate::packager::testing::{self, audio_spec, context, film_of, group, video_spec};
use crate::packager::{Dialect, Format, format};
use crate::time::{MediaTime, Timescale};

/// A film of that many hours and one odd second, in segments of 2 s.
fn hours(count: u32) -> Presentation {
    let seconds = count * 3600 + 1;
    let starts = (0..seconds).step_by(2);
    let video: Vec<u32> = starts.clone().chain([seconds]).map(|s| s * 24).collect();
    let audio: Vec<u32> = starts.chain([seconds]).map(|s| (u64::from(s) * 48_000).div_ceil(1024) as u32).collect();
    film_of(vec![
        group("video", TrackKind::Video, &video, &[video_spec(400_000, 320, 180)]),
        group("audio", TrackKind::Audio, &audio, &[audio_spec(64_000)]),
    ])
}

#[test]
fn a_day_neither_drifts_nor_overflows() {
    let film = hours(24);
    let modern = context(Dialect::Modern);
    for (format, per_segment) in [(&V4 as &dyn Format, 3), (&CmafHls, 1)] {
        for (at, count) in [(TrackRef { group: 0, track: 0 }, 43_201usize), (TrackRef { group: 1, track: 0 }, 43_201)] {
            let read = strict::media(&text(&format.playlist(&film, at, false, &modern).unwrap()));
            assert_eq!(read.segments.len(), count.div_ceil(per_segment));
            let total: u64 = read.segments.iter().map(|(micros, _)| micros).sum();
            let end = film.groups[at.group].boundary_time(usize::MAX).seconds(6).to_string();
            assert_eq!(format!("{}.{:06}", total / 1_000_000, total % 1_000_000), end);
            let (_, last) = read.segments.last().unwrap();
            let bitrate = film.track(at).bitrate;
            let (plan, _) = fetch(format, &film, bitrate, last, &modern, testing::media);
            assert!(!plan.parts[0].samples.samples.is_empty(), "the odd second at the end is not empty");
        }
    }
    for (tag, want) in
        [("mpd-time-cmaf", "mediaPresentationDuration=\"PT24H0M1.083S\""), ("", "Duration=\"864010833333\"")]
    {
        let manifest = format(tag).unwrap().manifest(&film, &modern).unwrap();
        let manifest = String::from_utf8(manifest.body.concat()).unwrap();
        assert!(manifest.contains(want), "{}", &manifest[..600]);
        assert!(manifest.len() < 4_000_000, "{} bytes", manifest.len());
    }
}

/// PTS of the first PES packet of one stream of a segment, 90 kHz.
fn first_pts(stream: &[u8]) -> u64 {
    let packet = stream.chunks(188).find(|p| p[1] & 0x40 != 0 && p[1] & 0x1f == 1).unwrap();
    let skip = if packet[3] & 0x20 != 0 { 5 + usize::from(packet[4]) } else { 4 };
    let b: Vec<u64> = packet[skip + 9..skip + 14].iter().map(|b| u64::from(*b)).collect();
    (b[0] >> 1 & 7) << 30 | b[1] << 22 | (b[2] >> 1) << 15 | b[3] << 7 | b[4] >> 1
}

#[test]
fn the_clock_of_transport_streams_wraps_after_26_and_a_half_hours() {
    let film = hours(27);
    let modern = context(Dialect::Modern);
    let read = strict::media(&text(&V4.playlist(&film, TrackRef { group: 0, track: 0 }, false, &modern).unwrap()));
    let mut wrapped = false;
    // The clock wraps 95,443.7 s − 10 s after the beginning; segments of 6 s.
    for (index, (_, uri)) in read.segments.iter().enumerate().skip(15_900).take(12) {
        let (_, rendered) = fetch(&V4, &film, 400_000, uri, &modern, testing::media);
        // The first picture is shown two pictures after it is decoded.
        let want = (index as u64 * 6 + 10) * 90_000 + 2 * 3750;
        assert_eq!(first_pts(&rendered.body.concat()), want % (1 << 33), "segment {index}");
        wrapped |= want >= 1 << 33;
    }
    assert!(wrapped, "the wrap is among them");
}

#[test]
fn a_recording_that_counts_from_1970_begins_at_its_first_fragment() {
    const EPOCH: i64 = 1_700_000_000;
    let mut film = hours(1);
    for group in &mut film.groups {
        let scale = i64::from(group.timescale.get());
        group.starts.iter_mut().for_each(|start| *start += (EPOCH * scale) as u64);
        group.end += (EPOCH * scale) as u64;
        for track in &mut group.tracks {
            let mut later = SampleIndexBuilder::new(track.timescale, EPOCH * scale);
            track.samples.iter_from(0).for_each(|(_, sample)| later.push(sample).unwrap());
            track.samples = Arc::new(later.finish());
            track.zero = EPOCH * scale;
        }
    }
    assert_eq!(film.zero().compare(MediaTime::new(EPOCH, Timescale::new(1).unwrap())), std::cmp::Ordering::Equal);
    assert_eq!(film.duration().seconds(3).to_string(), "3601.083");
    let modern = context(Dialect::Modern);
    let read = strict::media(&text(&V4.playlist(&film, TrackRef { group: 0, track: 0 }, false, &modern).unwrap()));
    let total: u64 = read.segments.iter().map(|(micros, _)| micros).sum();
    assert_eq!(total, 3_601_000_000, "the time before the first fragment is not counted");
    assert!(read.segments[0].1.starts_with("Fragments(video=17000000000000000,"), "{}", read.segments[0].1);
    let (_, rendered) = fetch(&V4, &film, 400_000, &read.segments[0].1, &modern, testing::media);
    assert_eq!(first_pts(&rendered.body.concat()), 10 * 90_000 + 2 * 3750);
    let manifest =
        |tag| String::from_utf8(format(tag).unwrap().manifest(&film, &modern).unwrap().body.concat()).unwrap();
    let mpd = manifest("mpd-time-cmaf");
    assert!(mpd.contains("timescale=\"24000\" presentationTimeOffset=\"40800000000000\""), "{}", &mpd[..900]);
    assert!(mpd.contains("PT1H0M1.083S") && mpd.contains("<S t=\"40800000000000\""));
    assert!(manifest("").contains("Duration=\"36010833333\"") && manifest("").contains("<c t=\"17000000000000000\""));
}
