//! `headwater verify` of films that `headwater protect` encrypts.

use std::net::TcpListener;

use serde_json::Value;

use crate::proxy::{self, Passing};
use crate::site::{Server, Site, copy, fixture};

const ISSUER: [&str; 4] = ["--issuer", "https://sts.example.com/", "--audience", "urn:films"];

/// A film of its own in each scheme, its keys behind tokens; URLs and a token for each.
struct Films {
    site: Site,
    server: Server,
    films: Vec<(&'static str, String, String)>,
}

fn films() -> Films {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let site = Site::new()
        .with("HEADWATER_THUMBNAILS__ENABLED", "false")
        .with("HEADWATER_SERVER__LISTEN", &format!("127.0.0.1:{port}"))
        .with("HEADWATER_ORIGIN__PUBLIC_BASE_URL", &format!("http://127.0.0.1:{port}"));
    let token_key = site.path("token.key").to_str().unwrap().to_owned();
    let films = ["aes-128", "cenc", "cbcs"].map(|scheme| {
        let folder = site.path(scheme);
        copy(&fixture("films/no-edit-list"), &folder);
        let path = site.publish(&folder)[0].clone();
        let path = path[..path.find(".ism").unwrap() + 4].to_owned();
        let folder = folder.to_str().unwrap();
        let who = [&ISSUER[..], &["--token-key", &token_key]].concat();
        let said = site.done(&[&["protect", folder, "--with", scheme], &who[..]].concat());
        let key = said.split_once("Its key is ").unwrap().1.split_once(['.', '\n']).unwrap().0;
        let token = site.done(&[&["token", key], &who[..]].concat());
        (scheme, path, token.trim().to_owned())
    });
    let server = site.serve(&[]);
    Films { site, server, films: films.into() }
}

fn verify(site: &Site, url: &str, token: Option<&str>, formats: &[&str]) -> (i32, Value, String) {
    let token: Vec<&str> = token.into_iter().flat_map(|token| ["--token", token]).collect();
    let formats: Vec<&str> = formats.iter().flat_map(|format| ["--format", format]).collect();
    let done = site.run(&[&["verify", url, "--json"][..], &token[..], &formats[..]].concat());
    let report = serde_json::from_str(&done.out).unwrap_or_else(|e| panic!("{e}: {} {}", done.out, done.err));
    (done.code, report, done.out)
}

/// Code and severity of each finding.
fn codes(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let formats = report["formats"].as_array().unwrap().iter();
    let all = formats.flat_map(|format| format["findings"].as_array().unwrap());
    all.map(|finding| (text(&finding["code"]), text(&finding["severity"]))).collect()
}

fn of_code<'a>(found: &'a [(String, String)], code: &'a str) -> impl Iterator<Item = &'a str> {
    found.iter().filter(move |(own, _)| own == code).map(|(_, severity)| severity.as_str())
}

/// How the tracks of the formats are encrypted, that have any.
fn encryption(report: &Value) -> Vec<&str> {
    let formats = report["formats"].as_array().unwrap().iter();
    let mut all: Vec<&str> = formats
        .flat_map(|format| format["streams"].as_array().unwrap())
        .map(|stream| stream["encryption"].as_str().unwrap_or("nothing"))
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[test]
fn an_envelope_is_opened_with_a_token() {
    let Films { site, server, films } = films();
    let [(_, path, token), (_, _, foreign), _] = films.as_slice() else { panic!() };
    let url = server.url(path);
    let (code, report, text) = verify(&site, &url, Some(token), &[]);
    assert_eq!((code, encryption(&report)), (0, vec!["AES-128"]), "{text}");
    let found = codes(&report);
    assert!(found.iter().all(|(code, _)| code != "HW-NOT-READ" && code != "HW-KEY-REFUSED"), "{found:?}");
    assert!(!text.contains(token.as_str()));
    assert!(
        report["formats"].as_array().unwrap().iter().filter(|f| !f["streams"].as_array().unwrap().is_empty()).count()
            >= 5
    );

    // Without a token the rest is checked, and it is told why not all.
    let (code, report, text) = verify(&site, &url, None, &["mpd-time-csf", "m3u8-aapl", "smooth"]);
    let found = codes(&report);
    assert_eq!((code, of_code(&found, "HW-KEY-REFUSED").collect::<Vec<_>>()), (0, vec!["note"]), "{text}");
    assert!(of_code(&found, "HW-NOT-READ").count() > 0, "{text}");

    // A token for another key opens nothing, and that is an error.
    let (code, report, text) = verify(&site, &url, Some(foreign), &["mpd-time-csf"]);
    assert_eq!((code, of_code(&codes(&report), "HW-KEY-REFUSED").collect::<Vec<_>>()), (3, vec!["error"]), "{text}");
}

#[test]
fn damage_under_encryption_is_found() {
    let Films { site, server, films } = films();
    let [(_, path, token), (_, cenc, _), _] = films.as_slice() else { panic!() };
    let through =
        |path: &str, damage: fn(&mut Passing)| format!("http://{}{path}", proxy::start(&server.address, damage));
    // What changes the last byte of all, which counts the padding, is in the block before.
    let cases: [(&str, fn(&mut Passing), &str); 3] = [
        (
            "mpd-time-csf",
            |p| {
                if p.is("Fragments(video=0,") {
                    let last = p.body.len() - 17;
                    p.body[last] ^= 1;
                }
            },
            "HW-SEGMENT-DAMAGED",
        ),
        (
            "m3u8-aapl",
            |p| {
                if p.is("Fragments(video=") && p.is("m3u8-aapl") {
                    p.body.rotate_left(16);
                }
            },
            "HW-SEGMENT-DAMAGED",
        ),
        (
            "mpd-time-cmaf",
            |p| {
                if p.is("anifest(") {
                    p.replace("IV=\"0x", "IV=\"0xF");
                }
            },
            "HW-UNREADABLE",
        ),
    ];
    for (format, damage, wanted) in cases {
        let (code, report, text) = verify(&site, &through(path, damage), Some(token), &[format]);
        let found = codes(&report);
        assert!(code == 3 && of_code(&found, wanted).count() > 0, "{format}: {text}");
    }
    // A manifest of another key than the media's.
    let other: fn(&mut Passing) = |p| {
        if p.is("anifest(") {
            let at = p.at(b"_KID") + 6;
            p.body[at] = if p.body[at] == b'a' { b'b' } else { b'a' };
        }
    };
    let (code, report, text) = verify(&site, &through(cenc, other), None, &["mpd-time-csf"]);
    assert!(code == 3 && of_code(&codes(&report), "HW-PROTECTION-DIFFERS").count() > 0, "{text}");
}

#[test]
fn common_encryption_is_told_and_its_times_are_checked() {
    let Films { site, server, films } = films();
    for (scheme, path, _) in &films[1..] {
        let (code, report, text) = verify(&site, &server.url(path), None, &[]);
        let found = codes(&report);
        assert_eq!(code, 0, "{text}");
        assert!(of_code(&found, "HW-ENCRYPTED").count() > 4, "{text}");
        let told = encryption(&report);
        assert!(told.contains(scheme) && !told.contains(&"AES-128") && !told.contains(&"nothing"), "{told:?}");
    }
    let for_people = site.done(&["verify", &server.url(&films[1].1), "--format", "mpd-time-csf"]);
    assert!(for_people.contains("cenc") && for_people.contains("their times are checked"), "{for_people}");
}
