//! `headwater bench`: figures of a film, with a server of its own or of a running one.

use serde_json::Value;

use crate::site::{Site, fixture};

fn film() -> String {
    fixture("films/one-track-per-file").to_str().unwrap().to_owned()
}

fn rows(out: &str) -> Vec<Value> {
    let report: Value = serde_json::from_str(out).unwrap_or_else(|e| panic!("{e}: {out}"));
    report["rows"].as_array().unwrap().clone()
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap()
}

#[test]
fn a_folder_is_measured_by_format_and_protection() {
    let site = Site::new();
    let formats = ["--format", "smooth", "--format", "m3u8-cmaf"];
    let protections = ["--protection", "clear", "--protection", "cbcs"];
    let short = ["--seconds", "1", "--connections", "4", "--json"];
    let out = site.done(&[&["bench", &film()][..], &formats, &protections, &short].concat());
    let rows = rows(&out);
    let named: Vec<String> =
        rows.iter().map(|r| format!("{} {} {}", text(r, "format"), text(r, "protection"), text(r, "work"))).collect();
    // Smooth has no cbcs.
    assert_eq!(
        named,
        [
            "Smooth clear made",
            "HLS m3u8-cmaf clear made",
            "Smooth clear kept",
            "HLS m3u8-cmaf clear kept",
            "HLS m3u8-cmaf cbcs made",
            "HLS m3u8-cmaf cbcs kept",
        ]
    );
    for row in &rows {
        let figure = |name: &str| row[name].as_f64().unwrap_or_else(|| panic!("{name} of {row}"));
        assert_eq!(figure("errors"), 0.0, "{row}");
        assert!(figure("requests") > 3.0 && figure("bytes_per_request") > 100.0, "{row}");
        let bits = figure("requests_per_second") * figure("bytes_per_request") * 8.0;
        assert!((bits / 1e9 / figure("gbit_per_second") - 1.0).abs() < 0.05, "{row}");
        assert!(figure("cpu_us_per_request") > 0.0 && figure("cores_per_gbit") > 0.0, "{row}");
        assert!(figure("p50_us") <= figure("p99_us"), "{row}");
    }
    assert_eq!((rows[2]["segments"].as_u64(), rows[0]["segments"].as_u64().unwrap() > 3), (Some(1), true));
}

#[test]
fn a_running_server_is_measured_and_its_process_found() {
    let site = Site::new();
    let path = site.publish(fixture("films/one-track-per-file").as_path())[0].clone();
    let server = site.serve(&[]);
    let short = ["--seconds", "1", "--connections", "4", "--format", "mpd-time-csf"];
    let out = site.done(&[&["bench", &server.url(&path), "--json"][..], &short].concat());
    let rows = rows(&out);
    assert_eq!((rows.len(), text(&rows[0], "work")), (1, "asked"));
    assert!(rows[0]["cpu_us_per_request"].as_f64().unwrap() > 0.0, "{out}");
    let table = site.done(&[&["bench", &server.url(&path)][..], &short].concat());
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("format") && lines[0].contains("cores per Gbit/s"), "{table}");
    assert!(lines[1].starts_with("DASH mpd-time-csf  as published"), "{table}");
}

#[test]
fn what_cannot_be_measured_is_said() {
    let site = Site::new();
    let done = site.run(&["bench", "./nowhere"]);
    assert!(done.code == 1 && done.err.contains("No such file"), "{} {}", done.code, done.err);
    let empty = site.path("empty");
    std::fs::create_dir_all(&empty).unwrap();
    let done = site.run(&["bench", empty.to_str().unwrap()]);
    assert!(done.code == 1 && done.err.contains("holds neither an .ism nor MP4 files"), "{} {}", done.code, done.err);
    let server = site.serve(&[]);
    let done = site.run(&["bench", &server.url("/00000000-0000-0000-0000-000000000000/film.ism")]);
    assert!(done.code == 1 && done.err.contains("nothing to measure"), "{} {}", done.code, done.err);
}
