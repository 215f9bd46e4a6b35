//! Answers of servers that mean no good: an error or a sane answer, never a panic.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use url::Url;

use super::hls::Playlist;
use super::listing::{Listing, MAX_SEGMENTS};
use super::report::StreamKind;
use super::{dash, fragment, hls, smooth, transport};

/// Manifests that are right.
fn seeds() -> Vec<Vec<u8>> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden");
    let mut seeds = Vec::new();
    for film in ["demo", "twelve-tracks", "angles", "dolby"] {
        for dialect in ["modern", "ams"] {
            let Ok(entries) = fs::read_dir(golden.join(film).join(dialect)) else { continue };
            let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
            paths.sort();
            let wanted =
                |p: &std::path::PathBuf| p.extension().is_some_and(|e| ["xml", "mpd", "m3u8"].iter().any(|w| e == *w));
            seeds.extend(paths.iter().filter(|p| wanted(p)).map(|p| fs::read(p).unwrap()));
        }
    }
    assert!(seeds.len() > 20);
    seeds
}

/// Everything that is read of a server's answers.
fn drive(bytes: &[u8]) -> usize {
    let url = Url::parse("http://host/0/film.ism/Manifest").unwrap();
    let mut segments = 0;
    let mut count = |listing: &Listing| {
        let own: usize = listing.streams.iter().map(|stream| stream.segments.len()).sum();
        assert!(own <= MAX_SEGMENTS);
        listing.streams.iter().for_each(|stream| drop(super::check::listed(stream)));
        segments += own;
    };
    for read in [smooth::read, dash::read] {
        read(&url, bytes).iter().for_each(&mut count);
    }
    if let Ok(found) = hls::multivariant(&url, bytes) {
        segments += found.playlists.len();
    }
    let mut listing = Listing::default();
    let (name, kind) = ("video".to_owned(), StreamKind::Video);
    let playlist = Playlist { url: url.clone(), name, kind, key_frames: false, codecs: Vec::new() };
    if hls::media(&playlist, &url, bytes, &mut listing).is_ok() {
        segments += listing.streams.iter().map(|stream| stream.segments.len()).sum::<usize>();
    }
    let body = Bytes::copy_from_slice(bytes);
    let init = fragment::Init::read(&body).ok();
    let _ = fragment::read(&body, init.as_ref());
    let _ = transport::read(&body);
    segments
}

#[test]
fn right_manifests_are_read() {
    for seed in seeds() {
        assert!(drive(&seed) > 0, "{}", String::from_utf8_lossy(&seed[..200.min(seed.len())]));
    }
}

#[test]
fn damaged_manifests_are_no_panic() {
    // Numbers of a linear congruential generator (Knuth, MMIX): the same damage every time.
    let mut state = 1u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    };
    let words: [&[u8]; 12] = [
        b"18446744073709551615",
        b"-1",
        b"9223372036854775807",
        b"0",
        b"99999999999",
        b"$Time%099d$",
        b"\"",
        b"<S d=\"1\" r=\"-1\"/>",
        b"#EXTINF:9223372036854.9,\n",
        b"#EXT-X-BYTERANGE:18446744073709551615@1\n",
        b"&#x0;",
        b"\xff\xfe",
    ];
    for seed in seeds() {
        for _ in 0..60 {
            let mut bad = seed.clone();
            for _ in 0..=random(3) {
                let at = random(bad.len());
                match random(5) {
                    0 => bad[at] ^= 1 << random(8),
                    1 => bad.truncate(at),
                    2 => drop(bad.drain(at..(at + random(200)).min(bad.len()))),
                    3 => drop(bad.splice(at..at, words[random(words.len())].iter().copied())),
                    // A number in the place of another.
                    _ => {
                        let Some(from) = bad[at..].iter().position(u8::is_ascii_digit).map(|n| at + n) else {
                            continue;
                        };
                        let to = bad[from..].iter().position(|b| !b.is_ascii_digit()).map_or(bad.len(), |n| from + n);
                        bad.splice(from..to, words[random(5)].iter().copied());
                    }
                }
                if bad.is_empty() {
                    break;
                }
            }
            drive(&bad);
        }
    }
}
