//! Filters in every format: manifests list a part, with times and URLs of the whole film.

use super::*;
use crate::media::{Presentation, TrackRef};
use crate::packager::testing::{bytes, context, film};
use crate::packager::{Dialect, FORMATS, Format, format};

fn seconds(start: u64, end: u64) -> Filter {
    let range = TimeRange { timescale: 1, start, end, ..TimeRange::default() };
    assert_eq!(range.check(), Ok(()));
    Filter { range, ..Filter::default() }
}

fn manifest(of: &dyn Format, film: &Presentation, dialect: Dialect) -> String {
    String::from_utf8(bytes(&of.manifest(film, &context(dialect)).unwrap().body)).unwrap()
}

fn part(tag: &str, filters: &[&Filter]) -> (&'static dyn Format, Presentation) {
    let format = format(tag).unwrap();
    let whole = film();
    (format, view(&whole, filters, format.fragments_per_segment(&whole)).unwrap())
}

/// What stands between `from` and `to`, each time.
fn between<'a>(text: &'a str, from: &'a str, to: &'a str) -> Vec<&'a str> {
    text.split(from).skip(1).map(|rest| rest.split(to).next().unwrap()).collect()
}

#[test]
fn smooth_lists_a_part_with_its_own_times() {
    let (format, part) = part("", &[&seconds(4, 8)]);
    let text = manifest(format, &part, Dialect::Ams);
    assert!(text.contains("Duration=\"40833333\""), "{text}");
    assert!(text.contains("Chunks=\"2\" Type=\"video\""), "{text}");
    assert!(text.contains("<c t=\"40000000\" d=\"20000000\" r=\"2\""), "{text}");
    assert!(text.contains("<c t=\"40106666\""), "{text}");
}

#[test]
fn dash_begins_its_period_where_the_part_begins() {
    for (tag, dialect, offset, time) in [
        ("mpd-time-csf", Dialect::Ams, "40000000", "40000000"),
        ("mpd-time-csf", Dialect::Modern, "40000000", "40000000"),
        ("mpd-time-cmaf", Dialect::Modern, "96000", "96000"),
    ] {
        let (format, part) = part(tag, &[&seconds(4, 8)]);
        let text = manifest(format, &part, dialect);
        assert!(text.contains("mediaPresentationDuration=\"PT0M4.083S\""), "{text}");
        assert!(text.contains(&format!("presentationTimeOffset=\"{offset}\"")), "{text}");
        assert!(text.contains(&format!("<S t=\"{time}\" ")), "{text}");
        // All sets begin at the same moment.
        assert_eq!(between(&text, "presentationTimeOffset=\"", "\"").len(), 2);
        assert!(!manifest(format, &film(), dialect).contains("presentationTimeOffset"));
    }
}

#[test]
fn playlists_list_a_part_and_keep_their_numbers() {
    // Fragments of CMAF are segments of their own; three of them are one transport-stream segment.
    for (tag, filter, sequence, times) in [
        ("m3u8-cmaf", seconds(4, 8), 2, ["96000", "144000"].as_slice()),
        ("m3u8-aapl", seconds(7, 8), 1, &["60000000"]),
        ("m3u8-aapl-v3", seconds(7, 8), 1, &["60000000"]),
    ] {
        let (format, part) = part(tag, &[&filter]);
        let at = TrackRef { group: 1, track: 0 };
        let of = |film| {
            let rendered = format.playlist(film, at, false, &context(Dialect::Modern)).unwrap();
            String::from_utf8(bytes(&rendered.body)).unwrap()
        };
        let text = of(&part);
        assert!(text.contains(&format!("#EXT-X-MEDIA-SEQUENCE:{sequence}\n")), "{text}");
        assert_eq!(
            between(&text, "Fragments(video=", ",").into_iter().filter(|t| *t != "i").collect::<Vec<_>>(),
            times
        );
        // Every line of a segment is one of the whole film's too.
        let whole = of(&film());
        for line in text.lines().filter(|line| line.starts_with("Fragments(")) {
            assert!(whole.lines().any(|other| other == line), "{line}");
        }
    }
}

#[test]
fn key_frame_playlists_are_cut_like_their_track() {
    let (format, part) = part("m3u8-cmaf", &[&seconds(4, 8)]);
    let at = TrackRef { group: 1, track: 1 };
    let rendered = format.playlist(&part, at, true, &context(Dialect::Modern)).unwrap();
    let text = String::from_utf8(bytes(&rendered.body)).unwrap();
    assert_eq!(between(&text, "KeyFrames(video=", ","), ["96000", "144000"]);
}

#[test]
fn the_first_quality_is_listed_first_and_keeps_its_sound() {
    for tag in ["m3u8-aapl", "m3u8-aapl-v3", "m3u8-cmaf"] {
        for (wanted, expected) in [(3_000_000, ["3400000", "400000"]), (1, ["400000", "3400000"])] {
            let first = Filter { first_quality: Some(wanted), ..Filter::default() };
            let (format, part) = part(tag, &[&first]);
            let text = manifest(format, &part, Dialect::Modern);
            let variants: Vec<&str> = between(&text, "\nQualityLevels(", ")").into_iter().take(2).collect();
            assert_eq!(variants, expected, "{tag}");
            // The same lines as without, in another order.
            let mut lines: Vec<&str> = text.lines().collect();
            let whole = manifest(format, &film(), Dialect::Modern);
            let mut others: Vec<&str> = whole.lines().collect();
            lines.sort_unstable();
            others.sort_unstable();
            assert_eq!(lines, others);
        }
    }
}

#[test]
fn tracks_are_left_out_of_every_format() {
    let condition = |property: &str, value: &str| Condition::parse(property, "Equal", value).unwrap();
    let low = Filter {
        tracks: vec![
            TrackRule { conditions: vec![condition("Type", "video"), condition("Bitrate", "0-1000000")] },
            TrackRule { conditions: vec![condition("Type", "audio")] },
        ],
        ..Filter::default()
    };
    let pictures =
        Filter { tracks: vec![TrackRule { conditions: vec![condition("Type", "video")] }], ..Filter::default() };
    for format in FORMATS {
        let whole = film();
        let step = format.fragments_per_segment(&whole);
        let of = |filters: &[&Filter]| manifest(*format, &view(&whole, filters, step).unwrap(), Dialect::Ams);
        let all = manifest(*format, &whole, Dialect::Ams);
        assert!(all.contains("3400000"), "{all}");
        let text = of(&[&low]);
        assert!(!text.contains("3400000") && text.contains("400000") && text.contains("audio"), "{text}");
        let text = of(&[&low, &pictures]);
        assert!(!text.contains("Fragments(audio") && !text.contains("TYPE=AUDIO") && text.contains("400000"), "{text}");
    }
}
