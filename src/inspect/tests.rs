//! The report of each film in `fixtures/`, and the codes' documentation.

use std::path::{Path, PathBuf};

use super::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn options() -> Options {
    Options { segments: source::Settings::default(), symlinks: Symlinks::Inside }
}

async fn of(name: &str) -> Report {
    report(&fixture(name), &options()).await.unwrap()
}

fn codes(report: &Report) -> Vec<&'static str> {
    let mut codes: Vec<&str> = report.findings.iter().map(|f| f.code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

#[tokio::test]
async fn the_demo_film_has_nothing_to_mend() {
    let demo = of("demo").await;
    assert!(!demo.keeps_from_streaming(), "{:?}", demo.findings);
    assert_eq!(demo.presentations.len(), 1);
    let video = &demo.presentations[0].groups[0];
    assert_eq!((video.kind, video.segments, video.qualities.len()), ("video", 20, 4));
    assert_eq!((video.shortest_segment_ms, video.longest_segment_ms), (2000, 2000));
    assert!(demo.presentations[0].first_difference.is_none());
}

#[tokio::test]
async fn qualities_whose_key_frames_differ_are_named_with_the_place() {
    let report = of("films/misaligned-gops").await;
    assert!(codes(&report).contains(&"HW-GOP-MISALIGNED"), "{:?}", report.findings);
    assert!(!report.keeps_from_streaming());
    let difference = report.presentations[0].first_difference.as_ref().unwrap();
    assert_eq!(difference.at_ms, 2000);
    let finding = report.findings.iter().find(|f| f.code == Code::GopMisaligned).unwrap();
    assert_eq!(finding.mend.len(), 2);
    assert!(finding.mend[0].starts_with("ffmpeg -i film_"), "{}", finding.mend[0]);
}

#[tokio::test]
async fn a_film_without_a_common_grid_cannot_stream() {
    let report = of("films/no-common-grid").await;
    assert!(report.keeps_from_streaming());
    assert!(codes(&report).contains(&"HW-NO-COMMON-GRID"));
    assert!(!codes(&report).contains(&"HW-GOP-MISALIGNED"), "said twice");
    assert!(report.presentations[0].error.is_some() && report.presentations[0].first_difference.is_some());
}

#[tokio::test]
async fn each_fixture_shows_what_is_special_about_it() {
    let table: [(&str, &[&str]); 7] = [
        ("progressive-moov-last", &["HW-MOOV-LAST"]),
        ("audio-only", &["HW-NO-VIDEO"]),
        ("video-only", &["HW-NO-AUDIO"]),
        ("unequal-length", &["HW-LENGTHS-DIFFER"]),
        ("fragmented-cmaf-sidx", &[]),
        ("fragmented-ismv", &[]),
        ("no-ism", &[]),
    ];
    for (film, expected) in table {
        let report = of(&format!("films/{film}")).await;
        assert!(!report.keeps_from_streaming(), "{film}: {:?}", report.findings);
        for code in expected {
            assert!(codes(&report).contains(code), "{film}: {code} is not in {:?}", codes(&report));
        }
    }
}

#[tokio::test]
async fn what_formats_leave_out_is_told_track_by_track() {
    let report = of("films/mixed-codecs").await;
    let [av1, old] = report.presentations[0].left_out.as_slice() else { panic!("{:?}", report.presentations) };
    assert_eq!((av1.file.as_str(), av1.track, av1.why), ("film_90.mp4", 1, "format"));
    assert_eq!(av1.formats, ["smooth", "fmp4-v20", "m3u8-aapl", "m3u8-aapl-v3"]);
    assert_eq!((old.codec.as_str(), old.why, old.formats.len()), ("mp4v", "codec", crate::packager::FORMATS.len()));
    let plain = text(&report, Paint::Plain);
    for line in [
        "left out by smooth, fmp4-v20, m3u8-aapl, m3u8-aapl-v3: film_90.mp4 track 1 (av01.0.00M.08)",
        "left out by every format: film_old.mp4 track 1 (mp4v), codec",
    ] {
        assert!(plain.contains(line), "{line:?} is not in:\n{plain}");
    }
    assert!(of("films/hevc").await.presentations[0].left_out.is_empty());
}

#[tokio::test]
async fn high_dynamic_range_is_named() {
    let report = of("films/dolby-vision-81").await;
    let track = &report.files[0].tracks[0];
    assert_eq!((track.dynamic_range, track.dolby_vision.as_deref()), (Some("PQ"), Some("8.1")));
    let light = track.light_levels.unwrap();
    assert_eq!((light.max_content, light.max_average, light.mastering_peak), (Some(1000), Some(400), Some(1000)));
    assert_eq!(of("films/av1").await.files[0].tracks[0].dynamic_range, Some("SDR"));
}

#[tokio::test]
async fn a_single_file_is_reported_alone() {
    let report = report(&fixture("demo/demo_720p.mp4"), &options()).await.unwrap();
    assert_eq!(report.files.len(), 1);
    assert_eq!(report.presentations[0].groups.len(), 1);
    let track = &report.files[0].tracks[0];
    assert_eq!((track.width, track.height), (Some(1280), Some(720)));
    assert_eq!(track.frame_rate.as_deref(), Some("24.000"));
    assert!(track.peak_bitrate >= track.mean_bitrate);
    let keys = track.key_frames.as_ref().unwrap();
    assert_eq!((keys.count, keys.min_ms, keys.max_ms), (20, 2000, 2000));
    assert_eq!(keys.first_ms[..3], [0, 2000, 4000]);
}

#[tokio::test]
async fn a_damaged_file_is_a_finding_and_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(fixture("films/progressive-moov-last/film_90.mp4")).unwrap();
    std::fs::write(folder.path().join("film_90.mp4"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(folder.path().join("broken.ism"), "<smil><body><switch><video src=").unwrap();
    let report = report(folder.path(), &options()).await.unwrap();
    assert_eq!(codes(&report), ["HW-FILE-DAMAGED", "HW-MANIFEST-DAMAGED"]);
    assert!(report.keeps_from_streaming());
    assert!(report.summary().unwrap().contains("2 error"));
}

#[tokio::test]
async fn a_folder_without_a_film_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(report(folder.path(), &options()).await, Err(Error::NoFilm { .. })));
    assert!(matches!(report(&folder.path().join("x"), &options()).await, Err(Error::Unreadable { .. })));
}

#[tokio::test]
async fn the_report_is_text_and_json() {
    let report = of("films/misaligned-gops").await;
    let plain = text(&report, Paint::Plain);
    for words in ["film_144.mp4", "key frames first differ at 2.000 s", "HW-GOP-MISALIGNED", "QualityLevels("] {
        assert!(plain.contains(words), "{words:?} is not in:\n{plain}");
    }
    assert!(!plain.contains('\x1b'));
    assert!(text(&report, Paint::Terminal).contains("\x1b[1;33m"));
    let json = serde_json::to_value(&report).unwrap();
    let code = json.pointer("/findings/0/code").and_then(|c| c.as_str()).unwrap();
    assert!(code.starts_with("HW-"));
    assert!(json.pointer("/files/0/container/kind").is_some());
}

#[test]
fn docs_explain_every_code_and_no_other() {
    let docs = include_str!("../../docs/inspect.md");
    let rows: Vec<&str> = docs.lines().filter(|l| l.starts_with("| `HW-")).collect();
    assert_eq!(rows.len(), Code::ALL.len(), "docs/inspect.md has another number of codes");
    for (row, code) in rows.iter().zip(Code::ALL) {
        let severity = format!("{:?}", code.severity()).to_lowercase();
        let start = format!("| `{}` | {severity} | ", code.as_str());
        assert!(row.starts_with(&start), "docs/inspect.md: expected a row that starts with {start}\nbut found {row}");
    }
}
