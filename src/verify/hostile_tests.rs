//! Answers of servers that mean no good: an error or a sane answer, never a panic.

use std::fs;
use std::path::Path;

use super::read_any;

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

#[test]
fn right_manifests_are_read() {
    for seed in seeds() {
        assert!(read_any(&seed) > 0, "{}", String::from_utf8_lossy(&seed[..200.min(seed.len())]));
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
            read_any(&bad);
        }
    }
}
