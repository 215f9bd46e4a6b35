//! Segments, and bit rates held against them.

use super::{fetch, plan, text, tracks, uneven_film};
use crate::media::{Edit, Presentation, TrackKind, TrackRef};
use crate::packager::hls::{CmafHls, V3, V4, strict};
use crate::packager::testing::{self, context, film, film_of, group, video_spec};
use crate::packager::{Context, Dialect, Error, Format, Noun};

/// PID, PTS and DTS of each PES packet, in order of transmission.
fn pes_packets(stream: &[u8]) -> Vec<(u16, u64, u64)> {
    let mut out = Vec::new();
    for packet in stream.chunks(188) {
        assert_eq!((packet.len(), packet[0]), (188, 0x47));
        let pid = u16::from_be_bytes([packet[1], packet[2]]) & 0x1fff;
        let skip = if packet[3] & 0x20 != 0 { 5 + usize::from(packet[4]) } else { 4 };
        if packet[1] & 0x40 == 0 || pid == 0 || pid == 0x1000 {
            continue;
        }
        let pes = &packet[skip..];
        let time = |b: &[u8]| {
            let [a, b, c] = [
                u64::from(b[0] >> 1 & 7),
                u64::from(b[1]) << 7 | u64::from(b[2] >> 1),
                u64::from(b[3]) << 7 | u64::from(b[4] >> 1),
            ];
            a << 30 | b << 15 | c
        };
        let pts = time(&pes[9..14]);
        out.push((pid, pts, if pes[7] & 0x40 != 0 { time(&pes[14..19]) } else { pts }));
    }
    out
}

fn playlist(
    format: &dyn Format,
    film: &Presentation,
    at: TrackRef,
    key_frames: bool,
    context: &Context<'_>,
) -> strict::Media {
    strict::media(&text(&format.playlist(film, at, key_frames, context).unwrap()))
}

#[test]
fn muxed_sound_is_neither_lost_nor_doubled() {
    for dialect in [Dialect::Modern, Dialect::Ams] {
        for film in [film(), uneven_film()] {
            let context = context(dialect);
            let video = film.groups_of(TrackKind::Video).next().unwrap().0;
            let at = TrackRef { group: video, track: 1 };
            let track = film.track(at);
            let sound = film.groups_of(TrackKind::Audio).next().unwrap().1.tracks[0].clone();
            let (mut pictures, mut sounds) = (Vec::new(), Vec::new());
            for (_, uri) in playlist(&V3, &film, at, false, &context).segments {
                let plan = plan(&V3, &film, track.bitrate, &uri, &context);
                assert_eq!(plan.parts.len(), 2);
                let start = plan.start.floor(sound.timescale);
                if plan.index > 0 {
                    let first = plan.parts[1].samples.samples[0].decode;
                    assert!((start..start + 1025).contains(&first), "{first} is of the segment at {start}");
                }
                pictures.extend(plan.parts[0].samples.samples.iter().map(|s| s.decode));
                sounds.extend(plan.parts[1].samples.samples.iter().map(|s| s.decode));
            }
            let all = |track: &crate::media::Track| {
                track.samples(0, usize::MAX).samples.iter().map(|s| s.decode).collect::<Vec<_>>()
            };
            assert_eq!(pictures, all(track));
            assert_eq!(sounds, all(&sound));
        }
    }
}

#[test]
fn sound_is_chosen_by_url_then_selection_then_order() {
    let mut film = film();
    let mut other = film.groups[0].clone();
    other.name = "b".to_owned();
    film.groups.push(other);
    let selection = crate::packager::Selection { audio_track: Some("b".to_owned()), ..Default::default() };
    let plain = context(Dialect::Modern);
    let selected = Context { selection: &selection, ..plain };
    let mut request = testing::request(1, 0, 0);
    let chosen = |request: &_, context: &_| V3.plan(&film, request, context).unwrap().parts[1].track.group;
    assert_eq!((chosen(&request, &plain), chosen(&request, &selected)), (0, 2));
    request.audio_track = Some("audio");
    assert_eq!(chosen(&request, &selected), 0);
    request.audio_track = Some("c");
    assert_eq!(V3.plan(&film, &request, &plain), Err(Error::NoSuchTrack { name: "c".to_owned() }));
}

#[test]
fn time_stamps_are_those_of_the_presentation() {
    let mut film = film();
    // Two pictures of delay taken off by the edit, and sound with priming.
    film.groups[1].tracks[0].edit = Edit { delay: 0, media_time: 2000 };
    film.groups[0].tracks[0].edit = Edit { delay: 0, media_time: 1024 };
    let context = context(Dialect::Modern);
    let (plan, rendered) =
        fetch(&V3, &film, 3_400_000, "Fragments(video=0,format=m3u8-aapl-v3).ts", &context, testing::media);
    assert_eq!((rendered.content_type, rendered.duration), ("video/mp2t", plan.duration(&film)));
    let packets = pes_packets(&rendered.body.concat());
    let pictures: Vec<_> = packets.iter().filter(|p| p.0 == 0x100).collect();
    assert_eq!(pictures.len(), 144);
    // The first picture is at zero; it is decoded two pictures earlier less none: offsets are never negative.
    assert_eq!(*pictures[0], (0x100, 900_000, 900_000 - 7500));
    assert!(pictures.iter().all(|(_, pts, dts)| pts >= dts));
    let sound: Vec<_> = packets.iter().filter(|p| p.0 == 0x101).collect();
    assert_eq!(sound[0].1, 900_000 - 1920);
    assert!(packets.windows(2).skip(1).all(|w| w[0].2 <= w[1].2), "merged by decode time");
}

#[test]
fn times_before_the_offset_wrap() {
    let mut film = film();
    film.groups[0].tracks[0].edit = Edit { delay: 0, media_time: 48_000 * 12 };
    let context = context(Dialect::Modern);
    let uri = "Fragments(audio=0,format=m3u8-aapl).ts";
    let (_, rendered) = fetch(&V4, &film, 128_000, uri, &context, testing::media);
    let packets = pes_packets(&rendered.body.concat());
    assert_eq!(packets[0].1, (1 << 33) - 180_000);
    assert!(packets.iter().any(|p| p.1 < 1_000_000), "and go on through zero");
}

#[test]
fn key_frames_stand_alone() {
    let film = film();
    for (format, dialect) in [(&V4 as &dyn Format, Dialect::Ams), (&V4, Dialect::Modern), (&CmafHls, Dialect::Modern)] {
        let context = context(dialect);
        let at = film.find("video", 400_000).unwrap();
        let read = playlist(format, &film, at, true, &context);
        assert_eq!(read.segments.len(), 5);
        for (index, (_, uri)) in read.segments.iter().enumerate() {
            assert!(uri.starts_with("KeyFrames(video="));
            let (plan, rendered) = fetch(format, &film, 400_000, uri, &context, testing::media);
            let samples = &plan.parts[0].samples.samples;
            assert!(plan.index == index && samples.len() == 1 && samples[0].sync);
            let body = rendered.body.concat();
            if format.tags() == V4.tags() {
                assert_eq!(pes_packets(&body).len(), 1);
            } else {
                assert!(body.windows(4).any(|w| w == b"moof"));
            }
        }
    }
    let mut request = testing::request(0, 0, 0);
    request.noun = Noun::KeyFrames;
    assert_eq!(V4.plan(&film, &request, &context(Dialect::Modern)), Err(Error::NoSuchResource), "none of sound");
    request = testing::request(1, 0, 0);
    for noun in [Noun::KeyFrames, Noun::FragmentInfo, Noun::RawFragments] {
        request.noun = noun;
        assert_eq!(V3.plan(&film, &request, &context(Dialect::Modern)), Err(Error::NoSuchResource));
    }
    assert_eq!(V4.init(&film, TrackRef { group: 1, track: 0 }, &context(Dialect::Modern)), Err(Error::NoSuchResource));
}

/// The greatest bit rate of a playlist's segments, made one by one; those shorter than half the longest
/// count with the one before.
pub(super) fn real_peak(sizes: &[(u64, u64)]) -> (u64, u64) {
    let longest = sizes.iter().map(|(micros, _)| *micros).max().unwrap();
    let mut peak = 0;
    for (index, (micros, bytes)) in sizes.iter().enumerate() {
        let (mut micros, mut bytes) = (*micros, *bytes);
        if micros * 2 < longest && index > 0 {
            micros += sizes[index - 1].0;
            bytes += sizes[index - 1].1;
        }
        peak = peak.max(bytes * 8_000_000 / micros);
    }
    let (micros, bytes) = sizes.iter().fold((0, 0), |(m, b), s| (m + s.0, b + s.1));
    (peak, bytes * 8_000_000 / micros)
}

#[test]
fn stated_bit_rates_are_those_of_real_segments() {
    let film = uneven_film();
    let context = context(Dialect::Modern);
    for format in [&V4 as &dyn Format, &V3, &CmafHls] {
        let multivariant = strict::multivariant(&text(&format.manifest(&film, &context).unwrap()));
        let measured = |at: TrackRef, key_frames: bool| {
            let bitrate = film.track(at).bitrate;
            let sizes: Vec<(u64, u64)> = playlist(format, &film, at, key_frames, &context)
                .segments
                .iter()
                .map(|(micros, uri)| (*micros, fetch(format, &film, bitrate, uri, &context, testing::media).1.len()))
                .collect();
            real_peak(&sizes)
        };
        let sound = measured(TrackRef { group: 1, track: 0 }, false);
        let close = |what: &str, stated: u64, real: u64, percent: u64| {
            assert!(stated >= real && stated * 100 <= real * (100 + percent), "{format:?} {what}: {stated} for {real}");
        };
        for at in tracks(&film).into_iter().filter(|at| at.group == 0) {
            let bitrate = film.track(at).bitrate;
            let named = |uri: &str| uri.contains(&format!("QualityLevels({bitrate})"));
            let (variant, _) = multivariant.variants.iter().find(|(_, uri)| named(uri)).unwrap();
            let mut real = measured(at, false);
            if format.tags() != V3.tags() {
                real = (real.0 + sound.0, real.1 + sound.1);
            }
            close("peak", variant["BANDWIDTH"].parse().unwrap(), real.0, 4);
            let average: u64 = variant["AVERAGE-BANDWIDTH"].parse().unwrap();
            assert!(average.abs_diff(real.1) * 100 <= real.1 * 4, "{format:?} average: {average} for {}", real.1);
            if let Some(stated) = multivariant.key_frames.iter().find(|a| named(&a["URI"])) {
                close("key frames", stated["BANDWIDTH"].parse().unwrap(), measured(at, true).0, 10);
            }
        }
    }
}

#[test]
fn an_empty_stretch_is_bridged() {
    let mut film = film_of(vec![group("video", TrackKind::Video, &[0, 48, 96, 144], &[video_spec(1, 640, 360)])]);
    film.fragments_per_ts_segment = 1;
    film.groups[0].tracks[0].segment_samples = vec![0, 96, 96, 144];
    let read = playlist(&V4, &film, TrackRef { group: 0, track: 0 }, false, &context(Dialect::Modern));
    let durations: Vec<u64> = read.segments.iter().map(|(micros, _)| *micros).collect();
    assert_eq!(durations, [4_000_000, 2_000_000]);
}
