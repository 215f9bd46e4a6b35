//! README.md's table of codecs, held against what the formats carry and what the players are asked to play.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use headwater::isobmff::FourCc;
use headwater::packager;

use crate::support::{Film, root};

/// A row by how its first cell begins, the film that it is about, and the sample entry of its track there.
const ROWS: [(&str, &str, &[u8; 4]); 13] = [
    ("H.264 ", "../demo", b"avc1"),
    ("HEVC ", "hevc", b"hvc1"),
    ("HDR10, HLG, Dolby Vision 8.1", "hdr10", b"hvc1"),
    ("Dolby Vision 5 ", "dolby-vision-5", b"dvh1"),
    ("AV1 ", "av1", b"av01"),
    ("VP9 ", "vp9", b"vp09"),
    ("AAC-LC, ", "../demo", b"mp4a"),
    ("AC-3 ", "dolby", b"ac-3"),
    ("E-AC-3,", "eac3-only", b"ec-3"),
    ("Opus ", "opus", b"Opus"),
    ("FLAC ", "flac", b"fLaC"),
    ("MP3 ", "mp3", b"mp4a"),
    ("DTS ", "dts", b"dtsc"),
];

/// The columns behind the first, each with the `format=` values that it speaks of.
const COLUMNS: [&[&str]; 4] =
    [&[""], &["mpd-time-csf", "mpd-time-cmaf"], &["m3u8-aapl", "m3u8-aapl-v3"], &["m3u8-cmaf"]];

const PLAYERS: [(&str, &str); 3] = [("shaka", "Shaka Player"), ("hlsjs", "hls.js"), ("dashjs", "dash.js")];

/// The cells of the table's rows.
fn table() -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let section = text.split("\n## ").find(|s| s.starts_with("Codecs")).expect("a section Codecs");
    let rows = section.lines().filter(|l| l.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// For each film the players that are asked to play it; `None` without Node.js.
fn played() -> Option<BTreeMap<String, BTreeSet<String>>> {
    let script = "import { films } from './tests/players/films.mjs';\
        for (const film of films) console.log(film.folder ?? '../demo', ...Object.keys(film.plays));";
    let run = Command::new("node").args(["--input-type=module", "-e", script]).current_dir(root()).output().ok()?;
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let line = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        (words.next().unwrap_or_default(), words.collect())
    };
    Some(String::from_utf8_lossy(&run.stdout).lines().map(line).collect())
}

#[test]
fn every_cell_is_true() {
    let table = table();
    assert_eq!(table.len(), ROWS.len(), "each row has its film here");
    let played = played();
    if played.is_none() {
        println!("skipped: the column of players, node is not installed");
    }
    for (begins, folder, four_cc) in ROWS {
        let row = table.iter().find(|row| row[0].starts_with(begins)).unwrap_or_else(|| panic!("a row {begins}"));
        let film = Film::open(&root().join("fixtures/films").join(folder)).unwrap_or_else(|e| panic!("{e}"));
        let mut tracks = film.presentation.groups.iter().flat_map(|group| &group.tracks);
        let track = tracks.find(|t| t.codec.four_cc() == FourCc(*four_cc)).expect("a track of that codec");
        for (cell, formats) in row[1..].iter().zip(COLUMNS) {
            for tag in formats {
                let carries = packager::format(tag).expect("a format").carries(&*track.codec);
                assert_eq!(cell != "–", carries, "{begins}: {cell:?} for format={tag}");
            }
        }
        let Some(played) = &played else { continue };
        // HEVC's and Dolby's films are nobody's: Chromium has no decoder. Of films in several codecs, the demo
        // film stands for what every browser plays.
        let players = played.get(folder).cloned().unwrap_or_default();
        for (name, called) in PLAYERS {
            assert_eq!(row[5].contains(called), players.contains(name), "{begins}: {called} in {:?}", row[5]);
        }
    }
}
