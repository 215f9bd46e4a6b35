//! `headwater verify`: nothing is wrong with what is served, and what is damaged on the way is found.

use std::fs;

use serde_json::Value;

use crate::proxy::{self, Passing};
use crate::site::{Server, Site, fixture};

/// Films that do not stream by design, or whose formats are refused one and all.
const NOT_STREAMING: [&str; 1] = ["no-common-grid"];

fn film_of(path: &str) -> String {
    path[..path.find(".ism").unwrap() + 4].to_owned()
}

fn verify(site: &Site, url: &str, more: &[&str]) -> (i32, Value) {
    let done = site.run(&[&["verify", url, "--json"], more].concat());
    let report = serde_json::from_str(&done.out).unwrap_or_else(|e| panic!("{e}: {} {}", done.out, done.err));
    (done.code, report)
}

/// Codes with what they are about, of all findings of these severities.
fn findings(report: &Value, severities: &[&str]) -> Vec<String> {
    let formats = report["formats"].as_array().unwrap().iter();
    let lists = formats.map(|f| (f["format"].as_str().unwrap(), &f["findings"])).chain([("all", &report["findings"])]);
    lists
        .flat_map(|(format, list)| list.as_array().unwrap().iter().map(move |finding| (format, finding)))
        .filter(|(_, finding)| severities.contains(&finding["severity"].as_str().unwrap()))
        .map(|(format, f)| {
            let text = |name: &str| f[name].as_str().unwrap_or_default().to_owned();
            format!("{} in {format:?}: {} {} {}", text("code"), text("stream"), text("message"), text("url"))
        })
        .collect()
}

#[test]
fn nothing_is_wrong_with_any_film_of_the_repository() {
    let site = Site::new().with("HEADWATER_THUMBNAILS__ENABLED", "false");
    let mut films = Vec::new();
    let mut folders: Vec<_> = fs::read_dir(fixture("films")).unwrap().map(|e| e.unwrap().path()).collect();
    folders.sort();
    for folder in folders {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        if !NOT_STREAMING.contains(&name.as_str()) {
            films.push((name, film_of(&site.publish(&folder)[0])));
        }
    }
    let server = site.serve(&[]);
    let mut wrong = Vec::new();
    let (mut streams, mut segments) = (0, 0);
    for (name, path) in &films {
        let (code, report) = verify(&site, &server.url(path), &["--parallel", "8"]);
        for finding in findings(&report, &["error", "warning"]) {
            wrong.push(format!("{name}: {finding}"));
        }
        assert!(code == 0 || !wrong.is_empty(), "{name}: exit status {code}");
        for format in report["formats"].as_array().unwrap() {
            for stream in format["streams"].as_array().unwrap() {
                assert_eq!(stream["segments"], stream["checked"], "{name}: {stream}");
                streams += 1;
                segments += stream["checked"].as_u64().unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(films.len() > 40 && streams > 500 && segments > 3000, "{} films, {streams}, {segments}", films.len());
}

#[test]
fn the_demo_film_is_reported_for_people_too() {
    let site = Site::new();
    let server = site.serve(&[]);
    let url = server.url("/00000000-0000-4000-8000-0000dec0de00/demo.ism");
    let done = site.run(&["verify", &url, "--sample", "3"]);
    assert_eq!(done.code, 0, "{} {}", done.out, done.err);
    for part in
        ["Smooth", "DASH mpd-time-cmaf", "HLS m3u8-aapl-v3", "video 351577", "3 of 20 segments", "Nothing is wrong"]
    {
        assert!(done.out.contains(part), "{part}: {}", done.out);
    }
    // A manifest's URL does as well, and one format may be asked for.
    let (code, report) =
        verify(&site, &format!("{url}/manifest(format=m3u8-cmaf).m3u8"), &["--format", "mpd-time-csf"]);
    assert_eq!((code, report["formats"].as_array().unwrap().len()), (0, 1));
    assert_eq!(report["url"], url);
    let audio = &report["formats"][0]["streams"][4];
    assert_eq!((audio["name"].as_str(), audio["codecs"][0].as_str()), (Some("audio_eng 97910"), Some("mp4a.40.2")));
}

#[test]
fn what_cannot_be_verified_is_said() {
    let site = Site::new();
    for (arguments, code, says) in [
        (&["verify", "film.ism"][..], 1, "no URL"),
        (&["verify", "http://127.0.0.1:9/film.mp4"], 1, ".ism"),
        (&["verify", "http://127.0.0.1:9/0/f.ism", "--format", "flv"], 1, "m3u8-aapl"),
        (&["verify", "http://127.0.0.1:9/0/f.ism", "--header", "x"], 2, "NAME: VALUE"),
        (&["verify", "http://127.0.0.1:9/0/f.ism", "--sample", "0"], 2, "0"),
    ] {
        let done = site.run(arguments);
        assert!(done.code == code && done.err.contains(says), "{arguments:?}: {done:?}");
    }
    let (code, report) = verify(&site, "http://127.0.0.1:9/0/f.ism", &[]);
    let found = findings(&report, &["error"]).join("\n");
    assert!(code == 3 && found.contains("HW-UNREACHABLE") && found.contains("HW-NOTHING-PLAYS"), "{found}");
    let server = site.serve(&[]);
    let (code, report) = verify(&site, &server.url("/0f0e0d0c-0000-4000-8000-000000000000/f.ism"), &[]);
    let found = findings(&report, &["error"]).join("\n");
    assert!(code == 3 && found.contains("HW-STATUS") && found.contains("MPE_RESOURCE_NOT_FOUND"), "{found}");
}

/// Verifies the demo film in a format behind a proxy that damages it; codes of what was found.
fn damaged(
    server: &Server,
    site: &Site,
    format: &str,
    damage: impl Fn(&mut Passing) + Send + Sync + 'static,
) -> (i32, Vec<String>) {
    let address = proxy::start(&server.address, damage);
    let url = format!("http://{address}/00000000-0000-4000-8000-0000dec0de00/demo.ism");
    let formats = format.split(' ').flat_map(|format| ["--format", format]).collect::<Vec<_>>();
    let (code, report) = verify(site, &url, &formats);
    (code, findings(&report, &["error", "warning"]))
}

#[test]
fn damage_is_found_where_it_is() {
    let site = Site::new().with("HEADWATER_THUMBNAILS__ENABLED", "false");
    let server = site.serve(&[]);
    let one = "QualityLevels(113130)/Fragments(video=";
    let cases: Vec<(&str, &str, &str, Box<dyn Fn(&mut Passing) + Send + Sync>)> = vec![
        (
            "smooth",
            "HW-SEGMENT-DAMAGED",
            "video 113130",
            Box::new(move |p| {
                if p.is(&format!("{one}60000000)")) {
                    p.body.truncate(p.body.len() - 100)
                }
            }),
        ),
        ("smooth", "HW-UNREACHABLE", "breaks off", Box::new(move |p| p.cut = p.is(&format!("{one}60000000)")))),
        (
            "mpd-time-csf",
            "HW-TIME-DIFFERS",
            "video 113130 the segment's tfdt is 60000500",
            Box::new(move |p| {
                if p.is(&format!("{one}60000000,")) {
                    let at = p.at(b"tfdt") + 8;
                    let time = u64::from_be_bytes(p.body[at..at + 8].try_into().unwrap()) + 500;
                    p.body[at..at + 8].copy_from_slice(&time.to_be_bytes());
                }
            }),
        ),
        (
            "mpd-time-cmaf",
            "HW-STATUS",
            "HTTP 404",
            Box::new(move |p| {
                if p.is(&format!("{one}73728,")) {
                    p.head = p.head.replacen("200", "404", 1);
                    p.body.clear();
                }
            }),
        ),
        (
            "mpd-time-cmaf",
            "HW-CODEC-DIFFERS",
            "avc1.4d401e",
            Box::new(|p| {
                if p.is("/Manifest(") {
                    p.replace("codecs=\"avc1.4d401e\"", "codecs=\"avc1.4d402a\"")
                }
            }),
        ),
        (
            "mpd-time-cmaf",
            "HW-CONTENT-TYPE",
            "text/html",
            Box::new(move |p| {
                if p.is(&format!("{one}73728,")) {
                    p.head = p.head.replace("video/mp4", "text/html")
                }
            }),
        ),
        // A chunk less in the timeline: the manifest contradicts itself, and the other format.
        (
            "smooth mpd-time-cmaf",
            "HW-FORMATS-DIFFER",
            "video 113130",
            Box::new(|p| {
                if p.is("Manifest(format=mpd") {
                    p.replace("<S d=\"24576\" r=\"19\"/>", "<S d=\"24576\" r=\"18\"/>")
                }
            }),
        ),
        // A segment that is missing in the playlist, as when a store loses an object.
        (
            "m3u8-cmaf",
            "HW-TIME-DIFFERS",
            "2.000000 s late",
            Box::new(|p| {
                if p.is("QualityLevels(113130)/Manifest(video,format=m3u8-cmaf)") {
                    p.replace("#EXTINF:2.000000,\nFragments(video=73728,format=m3u8-cmaf).m4s\n", "");
                }
            }),
        ),
        // Half of a segment's samples.
        (
            "mpd-time-cmaf",
            "HW-GAP",
            "video 113130",
            Box::new(move |p| {
                if p.is(&format!("{one}73728,")) {
                    let at = p.at(b"tfhd") + 4;
                    let flags = u32::from_be_bytes(p.body[at..at + 4].try_into().unwrap());
                    assert!(flags & 8 != 0, "there is a default duration");
                    let at = at + 8 + (flags & 1) as usize * 8 + (flags >> 1 & 1) as usize * 4;
                    p.body[at..at + 4].copy_from_slice(&256u32.to_be_bytes());
                }
            }),
        ),
        (
            "m3u8-aapl",
            "HW-SEGMENT-DAMAGED",
            "missing",
            Box::new(move |p| {
                if p.is(&format!("{one}60000000,")) {
                    p.body.drain(188 * 9..188 * 10);
                }
            }),
        ),
        (
            "m3u8-aapl",
            "HW-SEGMENT-DAMAGED",
            "whole packets",
            Box::new(move |p| {
                if p.is(&format!("{one}60000000,")) {
                    p.body.truncate(188 * 20 + 7)
                }
            }),
        ),
        // Cut between two packets: nothing but the times tell.
        (
            "smooth m3u8-aapl",
            "HW-GAP",
            "pictures end",
            Box::new(move |p| {
                if p.is(&format!("{one}60000000,format=m3u8")) {
                    p.body.truncate(p.body.len() / 188 / 2 * 188)
                }
            }),
        ),
        (
            "m3u8-aapl",
            "HW-GAP",
            "of sound",
            Box::new(move |p| {
                if p.is("Fragments(audio_eng=60160000,") || p.is("Fragments(audio_spa=60160000,") {
                    // The last access unit's packets are one PES packet; without them it is shorter.
                    let last = (0..p.body.len() / 188).rev().find(|n| p.body[n * 188 + 1] & 0x40 != 0).unwrap();
                    p.body.truncate(last * 188);
                }
            }),
        ),
        (
            "m3u8-aapl-v3",
            "HW-CONTRADICTION",
            "TARGETDURATION",
            Box::new(|p| {
                if p.is("QualityLevels(113130)/Manifest(video") {
                    p.replace("EXT-X-TARGETDURATION:3", "EXT-X-TARGETDURATION:1")
                }
            }),
        ),
        (
            "m3u8-aapl-v3",
            "HW-UNREADABLE",
            "#EXTM3U",
            Box::new(|p| {
                if p.is("QualityLevels(113130)/Manifest(video") {
                    p.replace("#EXTM3U", "#EXTM4U")
                }
            }),
        ),
    ];
    let mut missed = Vec::new();
    for (format, code, says, damage) in cases {
        let (exit, found) = damaged(&server, &site, format, damage);
        let hit = found.iter().any(|f| f.starts_with(code) && f.contains(says));
        let expected = if code == "HW-CONTENT-TYPE" { 0 } else { 3 };
        if !hit || exit != expected {
            missed.push(format!("{format}: no {code} with {says:?} (exit {exit}) but {found:#?}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    // The proxy itself damages nothing.
    let (exit, found) = damaged(&server, &site, "smooth m3u8-cmaf", |_| {});
    assert!(exit == 0 && found.is_empty(), "{found:?}");
}
