//! Attacks by system: on small real films, and films that no encoder would make.

use super::build::{Track, around, constant, film, fragmented, full, track};
use super::corpus;
use super::dice::Dice;
use super::judge::Judge;
use super::tree::{Place, find, places, splice};

/// What counts, sizes and times are set to.
const EXTREMES: [u32; 6] = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, u32::MAX];

/// Films of every kind, small: seeds of the corpus, no finds.
fn seeds(kinds: &[&str]) -> Vec<(String, Vec<u8>)> {
    let found: Vec<_> =
        corpus("index").into_iter().filter(|(name, _)| kinds.iter().any(|kind| name.starts_with(kind))).collect();
    assert!(found.len() >= kinds.len(), "node fixtures/corpus.mjs");
    found
}

const TYPICAL: [&str; 7] = [
    "progressive-faststart",
    "co64",
    "bframes-edit-list",
    "fragmented-ismv-90",
    "fragmented-cmaf-sidx-eng",
    "vfr",
    "encrypted-",
];

fn in_metadata(place: &Place) -> bool {
    matches!(&place.path[0], b"moov" | b"moof" | b"mfra" | b"sidx")
}

fn metadata_bytes(data: &[u8]) -> Vec<usize> {
    let found = places(data);
    let outer = found.iter().filter(|p| p.path.len() == 1 && in_metadata(p));
    outer.flat_map(|p| p.start..p.end).collect()
}

#[test]
fn films_that_end_early() {
    let mut judge = Judge::new("cut");
    let mut dice = Dice(1);
    for (name, data) in seeds(&TYPICAL) {
        let boundaries = places(&data).into_iter().flat_map(|p| [p.start, p.body, p.end]);
        let mut cuts: Vec<usize> = boundaries.flat_map(|at| [at.saturating_sub(1), at, at + 1]).collect();
        cuts.extend((0..100).map(|_| dice.below(data.len())));
        cuts.sort_unstable();
        cuts.dedup();
        for cut in cuts.into_iter().filter(|cut| *cut <= data.len()) {
            judge.case(&format!("{name} at {cut}"), "index", &data[..cut]);
        }
    }
    judge.finish();
}

#[test]
fn flipped_bits() {
    let mut judge = Judge::new("flip");
    let mut dice = Dice(2);
    for (name, data) in seeds(&TYPICAL) {
        let metadata = metadata_bytes(&data);
        for round in 0..400 {
            let mut damaged = data.clone();
            for _ in 0..=dice.below(4) {
                damaged[metadata[dice.below(metadata.len())]] ^= 1 << dice.below(8);
            }
            judge.case(&format!("{name} round {round}"), "index", &damaged);
        }
    }
    judge.finish();
}

#[test]
fn extreme_numbers_everywhere() {
    let mut judge = Judge::new("extreme");
    for (name, data) in seeds(&["progressive-faststart", "fragmented-cmaf-sidx-eng", "encrypted-"]) {
        for place in places(&data).iter().filter(|p| in_metadata(p)) {
            let inner = places(&data).iter().any(|p| p.parents.last() == Some(&place.start));
            // Of long tables the beginning: entries are alike.
            let words = if inner { 0 } else { (place.end - place.body).min(96) };
            for at in (place.start..place.body + words).step_by(4).filter(|at| at + 4 <= data.len()) {
                for value in EXTREMES {
                    let mut damaged = data.clone();
                    damaged[at..at + 4].copy_from_slice(&value.to_be_bytes());
                    judge.case(&format!("{name} {}: {value:#x} at {at}", place.name()), "index", &damaged);
                }
            }
        }
    }
    judge.finish();
}

#[test]
fn wrong_sizes_of_boxes() {
    let mut judge = Judge::new("size");
    for (name, data) in seeds(&TYPICAL) {
        for place in places(&data) {
            let size = (place.end - place.start) as u32;
            for wrong in [0, 1, 2, 7, 8, 9, size - 1, size + 1, size + 8, data.len() as u32 + 1, u32::MAX] {
                let mut damaged = data.clone();
                damaged[place.start..place.start + 4].copy_from_slice(&wrong.to_be_bytes());
                judge.case(&format!("{name} {}: {wrong}", place.name()), "index", &damaged);
            }
            // A 64-bit size that wraps around to where the box begins.
            let back = (1u64 << 63 | 8).wrapping_sub(place.start as u64);
            for wide in [0, 15, 16, u64::MAX, u64::MAX - 7, back, 1 << 63] {
                let header = [&1u32.to_be_bytes()[..], place.kind(), &wide.to_be_bytes()].concat();
                let damaged = splice(&data, &place, place.start..place.body, &header);
                judge.case(&format!("{name} {}: {wide:#x}", place.name()), "index", &damaged);
            }
        }
    }
    judge.finish();
}

#[test]
fn boxes_twice_missing_and_moved() {
    let mut judge = Judge::new("boxes");
    for (name, data) in seeds(&TYPICAL) {
        let all = places(&data);
        for place in &all {
            let whole = data[place.start..place.end].to_vec();
            let doubled = splice(&data, place, place.end..place.end, &whole);
            judge.case(&format!("{name} {} twice", place.name()), "index", &doubled);
            let missing = splice(&data, place, place.start..place.end, &[]);
            judge.case(&format!("{name} {} missing", place.name()), "index", &missing);
            // In place of a neighbour: every table where another one is looked for.
            for other in all.iter().filter(|o| o.parents == place.parents && o.start != place.start) {
                let mut renamed = data.clone();
                renamed[place.start + 4..place.start + 8].copy_from_slice(other.kind());
                judge.case(&format!("{name} {} as {}", place.name(), other.name()), "index", &renamed);
            }
        }
    }
    judge.finish();
}

#[test]
fn tables_that_contradict_each_other() {
    let mut judge = Judge::new("tables");
    let (_, data) = seeds(&["progressive-faststart"]).remove(0);
    let stbl: [&[u8; 4]; 5] = [b"moov", b"trak", b"mdia", b"minf", b"stbl"];
    let length = data.len() as u32;
    let mut replace = |kind: &[u8; 4], by: Vec<u8>| {
        let place = find(&data, &[&stbl[..], &[kind]].concat()).expect("a table");
        let damaged = splice(&data, &place, place.start..place.end, &by);
        judge.case(&format!("{} {by:02x?}", place.name()), "index", &damaged);
    };
    // Chunks out of order, repeated, of no samples, of more than there are, past the last one.
    for entries in [
        &[2, 1, 7, 1, 1, 7, 1][..],
        &[2, 1, 7, 1, 2, u32::MAX, 1],
        &[3, 1, 1, 1, 3, 1, 1, 2, 1, 1],
        &[1, 0, 14, 1],
        &[1, 2, 14, 1],
        &[1, 1, 0, 1],
        &[1, 1, 14, 0],
        &[1, 1, 14, 2],
        &[1, 1, 13, 1],
        &[2, 1, 14, 1, u32::MAX, 1, 1],
        &[0],
    ] {
        replace(b"stsc", full(b"stsc", 0, 0, entries));
    }
    for offsets in [&[0][..], &[1, 0], &[1, length - 1], &[1, length], &[1, u32::MAX], &[2, 100, 50], &[14; 15]] {
        replace(b"stco", full(b"stco", 0, 0, offsets));
    }
    let high = |word: u32| full(b"co64", 0, 0, &[1, word, word]);
    for word in [1, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
        replace(b"stco", high(word));
    }
    replace(b"stco", full(b"co64", 0, 0, &[1, 0x7fff_ffff, u32::MAX - 3]));
    for sync in [&[0][..], &[1, 0], &[1, 15], &[2, 5, 5], &[2, 9, 1], &[1, u32::MAX]] {
        replace(b"stss", full(b"stss", 0, 0, sync));
    }
    for times in [&[1, 14, u32::MAX][..], &[1, 14, 0], &[2, u32::MAX, 1, 15, 1], &[14, 1, 0, 1, u32::MAX], &[0]] {
        replace(b"stts", full(b"stts", 0, 0, times));
    }
    for sizes in
        [&[0, u32::MAX][..], &[1, 50_000_000], &[u32::MAX, 14], &[0, 14], &[0, 0], &[1, 14], &[0x7fff_ffff, 14]]
    {
        replace(b"stsz", full(b"stsz", 0, 0, sizes));
    }
    replace(b"stsz", full(b"stz2", 0, 0, &[4, 14, 0, 0]));
    let shift = |offset: u32| full(b"ctts", 1, 0, &[2, 1, offset, 13, 0]);
    for offset in [0x7fff_ffff, 0x8000_0000, u32::MAX] {
        replace(b"stts", [full(b"stts", 0, 0, &[1, 14, 1]), shift(offset)].concat());
    }
    judge.finish();
}

#[test]
fn edit_lists_at_the_ends_of_time() {
    let mut judge = Judge::new("edits");
    let ends = [0u64, 1, 1 << 31, (1 << 32) - 1, 1 << 62, (1 << 63) - 1, 1 << 63, u64::MAX - 1, u64::MAX];
    let wide = |n: u64| [(n >> 32) as u32, n as u32];
    for scale in [1, 48_000, u32::MAX] {
        for duration in ends {
            for time in ends {
                let entry = |d: u64, t: u64| [&wide(d)[..], &wide(t), &[0x1_0000]].concat();
                let lists = [
                    [&[1][..], &entry(duration, time)].concat(),
                    [&[2][..], &entry(duration, u64::MAX), &entry(0, time)].concat(),
                    [&[3][..], &entry(duration, u64::MAX), &entry(duration, u64::MAX), &entry(time, time)].concat(),
                ];
                for list in lists {
                    let edits = around(b"edts", &[&full(b"elst", 1, 0, &list)]);
                    let [stts, stsc, stsz, stco] = constant(50, 10, scale / 2 + 1, 8);
                    let trak = track(&Track { id: 1, scale, tables: &[&stts, &stsc, &stsz, &stco], edits: &edits });
                    judge.case(&format!("{scale}/s {list:x?}"), "index", &film(&[trak], 600));
                }
            }
        }
    }
    judge.finish();
}

#[test]
fn fragments_anywhere_in_time_and_place() {
    let mut judge = Judge::new("fragments");
    let times = [None, Some(0), Some(1 << 40), Some(1 << 62), Some(i64::MAX as u64), Some(1 << 63), Some(u64::MAX)];
    for scale in [1, 48_000, u32::MAX] {
        for first in times {
            for second in times {
                let run = || full(b"trun", 0, 0x301, &[2, 0, u32::MAX, 1, 1024, 1]);
                let data = fragmented(scale, &[(first, run()), (second, run()), (None, run())], 64);
                judge.case(&format!("{scale}/s {first:?} {second:?}"), "index", &data);
            }
        }
    }
    let (_, data) = seeds(&["fragmented-ismv-90"]).remove(0);
    let runs: Vec<Place> = places(&data).into_iter().filter(|p| p.kind() == b"trun").collect();
    let headers: Vec<Place> = places(&data).into_iter().filter(|p| p.kind() == b"tfhd").collect();
    for run in &runs {
        for offset in [0, 1, -1, -8, i32::MIN, i32::MAX, data.len() as i32, -(run.start as i32) - 1] {
            let mut damaged = data.clone();
            damaged[run.body + 8..run.body + 12].copy_from_slice(&offset.to_be_bytes());
            judge.case(&format!("{} data at {offset}", run.name()), "index", &damaged);
        }
    }
    for header in &headers {
        let id: [u8; 4] = data[header.body + 4..header.body + 8].try_into().expect("4 bytes");
        for base in [0u64, 1, data.len() as u64, 1 << 32, i64::MAX as u64, 1 << 63, u64::MAX - 4, u64::MAX] {
            let list = [u32::from_be_bytes(id), (base >> 32) as u32, base as u32];
            let damaged = splice(&data, header, header.start..header.end, &full(b"tfhd", 0, 1, &list));
            judge.case(&format!("{} based at {base:#x}", header.name()), "index", &damaged);
        }
    }
    judge.finish();
}

#[test]
fn much_out_of_little() {
    let mut judge = Judge::new("amplification");
    let tables = |t: &[Vec<u8>; 4]| t.to_vec();
    let one = |id: u32, scale: u32, t: &[Vec<u8>]| {
        let tables: Vec<&[u8]> = t.iter().map(Vec::as_slice).collect();
        track(&Track { id, scale, tables: &tables, edits: &[] })
    };
    // As many samples as bytes, of no or one byte, all at one place or time.
    for (samples, size, duration) in [(900_000, 0, 0), (900_000, 1, 1), (900_000, 0, 1024), (900_000, 1, 200_000)] {
        let data = film(&[one(1, 48_000, &tables(&constant(samples, size, duration, 9)))], 1_000_000);
        judge.case(&format!("{samples} samples of {size} bytes, {duration} ticks"), "index", &data);
    }
    // The same with one sample that is no key frame, so that each of the others is remembered as one.
    let mut keys = tables(&constant(900_000, 1, 1024, 9));
    keys.push(full(b"stss", 0, 0, &(0..=899_999).map(|n| if n == 0 { 899_999 } else { n }).collect::<Vec<u32>>()));
    judge.case("900,000 key frames", "index", &film(&[one(1, 48_000, &keys)], 1_000_000));
    // As many in each of many tracks.
    let many: Vec<Vec<u8>> = (1..60).map(|id| one(id, 48_000, &tables(&constant(300_000, 1, 1024, 9)))).collect();
    judge.case("59 tracks of 300,000 samples", "index", &film(&many, 400_000));
    let many: Vec<Vec<u8>> = (1..20_000).map(|id| one(id, 48_000, &[full(b"stsz", 0, 0, &[0, 0])])).collect();
    judge.case("20,000 tracks", "index", &film(&many, 8));
    // Samples that lie over each other: far more to send than there is.
    let overlapping = |chunks: u32, size: u32| {
        vec![
            full(b"stts", 0, 0, &[1, chunks, 1024]),
            full(b"stsc", 0, 0, &[1, 1, 1, 1]),
            full(b"stsz", 0, 0, &[size, chunks]),
            full(b"stco", 0, 0, &[&[chunks][..], &vec![9; chunks as usize]].concat()),
        ]
    };
    judge.case("overlapping samples", "index", &film(&[one(1, 48_000, &overlapping(4000, 200_000))], 250_000));
    judge.case("overlapping frames", "index", &film(&[one(1, 48_000, &overlapping(90_000, 8_000))], 450_000));
    // Sound that lasts for ages, in few samples.
    for (scale, duration) in [(1, u32::MAX), (1, 900_000_000), (1000, u32::MAX), (48_000, u32::MAX)] {
        let t = tables(&constant(3, 10, duration, 9));
        judge.case(&format!("3 samples of {duration}/{scale} s"), "index", &film(&[one(1, scale, &t)], 64));
    }
    // A long film of short segments, and one of which one segment is as long as all others.
    let lasting = |count: u32, gap: u32| {
        let mut t = tables(&constant(count, 4, 96_000, 9));
        t[0] = full(b"stts", 0, 0, &[2, count - 1, 96_000, 1, gap]);
        film(&[one(1, 48_000, &t)], 4 * count as usize + 16)
    };
    judge.case("100,000 segments", "index", &lasting(100_000, 96_000));
    judge.case("30,000 segments and a gap", "index", &lasting(30_000, u32::MAX));
    let short = |_| (None, full(b"trun", 0, 0x301, &[1, 8, 1, 1]));
    let mut fragments: Vec<(Option<u64>, Vec<u8>)> = (0..20_000).map(short).collect();
    fragments.push((None, full(b"trun", 0, 0x301, &[1, 8, 48_000 * 20_000, 1])));
    judge.case("20,000 fragments of a tick and a long one", "index", &fragmented(48_000, &fragments, 8));
    // Runs without fields, in many fragments.
    let runs: Vec<_> = (0..50).map(|_| (None, full(b"trun", 0, 1, &[100_000, 8]))).collect();
    judge.case("50 fragments of 100,000 samples", "index", &fragmented(48_000, &runs, 6_000_000));
    let empty: Vec<_> = (0..20_000).map(|_| (None, Vec::new())).collect();
    judge.case("20,000 fragments of nothing", "index", &fragmented(48_000, &empty, 8));
    // Nothing but a header, a hundred thousand times.
    let crumbs = b"\0\0\0\x08free".repeat(100_000);
    judge.case("crumbs", "index", &crumbs);
    judge.case("crumbs", "boxes", &crumbs);
    judge.finish();
}

#[test]
fn deep_and_wide_boxes() {
    let mut judge = Judge::new("deep");
    for kind in [b"moov", b"trak", b"mdia", b"udta", b"moof", b"traf", b"mvex", b"edts"] {
        let depth = 50_000;
        let mut nested = Vec::with_capacity(depth * 8);
        for level in 0..depth {
            nested.extend_from_slice(&(((depth - level) * 8) as u32).to_be_bytes());
            nested.extend_from_slice(if level == 0 { b"moov" } else { kind });
        }
        judge.case(&format!("{depth} levels of {}", String::from_utf8_lossy(kind)), "index", &nested);
        judge.case(&format!("{depth} levels of {}", String::from_utf8_lossy(kind)), "boxes", &nested);
        let crumb = around(kind, &[]).repeat(50_000);
        let wide = around(b"moov", &[&crumb]);
        judge.case(&format!("50,000 of {}", String::from_utf8_lossy(kind)), "index", &wide);
        let defaults = around(b"mvex", &[&full(b"trex", 0, 0, &[1, 1, 0, 0, 0]).repeat(20_000)]);
        judge.case("20,000 defaults", "index", &around(b"moov", &[&full(b"mvhd", 0, 0, &[0, 0, 1, 0]), &defaults]));
    }
    let distinct: Vec<u8> = (1..100_000u32).flat_map(|id| full(b"trex", 0, 0, &[id, 1, 0, 0, 0])).collect();
    let defaults = around(b"mvex", &[&distinct]);
    judge.case("100,000 defaults", "boxes", &around(b"moov", &[&full(b"mvhd", 0, 0, &[0, 0, 1, 0]), &defaults]));
    let tables: Vec<u8> = (1..100_000u32).flat_map(|id| full(b"tfra", 0, 0, &[id, 0, 0])).collect();
    judge.case("100,000 random access tables", "boxes", &around(b"mfra", &[&tables]));
    let trafs: Vec<u8> = (1..200_000u32).flat_map(|id| around(b"traf", &[&full(b"tfhd", 0, 0, &[id])])).collect();
    judge.case("200,000 track fragments", "boxes", &around(b"moof", &[&full(b"mfhd", 0, 0, &[1]), &trafs]));
    let runs = full(b"trun", 0, 0, &[0]).repeat(300_000);
    let traf = around(b"traf", &[&full(b"tfhd", 0, 0, &[1]), &runs]);
    judge.case("300,000 runs", "boxes", &around(b"moof", &[&full(b"mfhd", 0, 0, &[1]), &traf]));
    judge.finish();
}

#[test]
fn parameter_sets_without_end() {
    let mut judge = Judge::new("codec");
    // An `avc3` entry without parameter sets, and a first sample of nothing else, all different.
    let mut entry = vec![0; 78];
    entry.extend(around(b"avcC", &[&[1, 0x64, 0, 0x1f, 0xfc, 0xe0, 0][..]]));
    let entry = around(b"avc3", &[&entry]);
    for kind in [7u8, 8, 9, 1] {
        let units = (0..12_000u16).flat_map(|n| [4, kind, (n >> 8) as u8, n as u8, 1]);
        let sample: Vec<u8> = units.collect();
        let length = (sample.len() as u16).to_be_bytes();
        judge.case(&format!("units of type {kind}"), "codec", &[&entry[..], &length, &sample].concat());
    }
    // The same of `hev1`, and records that hold as many as fit.
    let header = [&[1, 1, 0x60][..], &[0; 18], &[3]].concat();
    let hevc = |name: &[u8; 4], arrays: &[u8]| around(name, &[&[0; 78], &around(b"hvcC", &[&header, arrays])]);
    for kind in [32u8, 33, 34, 35, 1] {
        let units = (0..12_000u16).flat_map(|n| [5, kind << 1, 1, (n >> 8) as u8, n as u8, 1]);
        let sample: Vec<u8> = units.collect();
        let length = (sample.len() as u16).to_be_bytes();
        let data = [&hevc(b"hev1", &[0]), &length[..], &sample].concat();
        judge.case(&format!("hev1, units of type {kind}"), "codec", &data);
        let units: Vec<u8> = (0..20_000u16).flat_map(|n| [0, 4, kind << 1, 1, (n >> 8) as u8, n as u8]).collect();
        let array = [&[1, kind, 0x4e, 0x20][..], &units].concat();
        judge.case(&format!("hvcC of units of type {kind}"), "codec", &hevc(b"hev1", &array));
        judge.case("arrays without units", "codec", &hevc(b"hvc1", &[&[255][..], &[kind, 0, 0].repeat(255)].concat()));
    }
    // OBUs of any size, and boxes inside a sample entry that say they are long.
    for size in [0u8, 0x7f, 0x80, 0xff] {
        let obus = [&[0x81, 0, 0, 0][..], &[0x0a], &[size; 9]].concat();
        judge.case("OBU sizes", "codec", &around(b"av01", &[&[1; 78], &around(b"av1C", &[&obus])]));
        let many = [&[0x81, 0, 0, 0][..], &[0x12, 0].repeat(20_000)].concat();
        judge.case("many OBUs", "codec", &around(b"av01", &[&[1; 78], &around(b"av1C", &[&many])]));
        let colours = around(b"colr", &[b"prof"]).repeat(20_000);
        judge.case("many colours", "codec", &around(b"vp09", &[&[1; 78], &around(b"vpcC", &[&[size; 12]]), &colours]));
    }
    judge.finish();
}

#[test]
fn xml_bombs() {
    let mut judge = Judge::new("xml");
    let laughs = r#"<!DOCTYPE smil [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><smil>&b;</smil>"#.to_owned();
    let track = "<video src='a.mp4'/>";
    let cases = [
        ("entities", laughs),
        ("an entity of its own", "<smil><body>&bomb;</body></smil>".to_owned()),
        ("deep", "<smil>".repeat(500_000)),
        ("deep and closed", "<switch>".repeat(31) + &"</switch>".repeat(31)),
        ("wide", format!("<smil>{}</smil>", "<a/>".repeat(900_000))),
        ("tracks", format!("<smil>{}</smil>", track.repeat(100_000))),
        ("attributes", format!("<smil {}/>", (0..300_000).map(|n| format!("a{n}=''")).collect::<Vec<_>>().join(" "))),
        ("the same attribute", format!("<smil {}/>", "a='' ".repeat(300_000))),
        ("a long value", format!("<smil><video src='{}'/></smil>", "a".repeat(4_000_000))),
        ("a long name", format!("<smil><{}/></smil>", "a".repeat(4_000_000))),
        ("a long number", format!("<smil><video src='a' systemBitrate='{}'/></smil>", "9".repeat(4_000_000))),
        ("references", format!("<smil><video src='{}'/></smil>", "&#97;".repeat(500_000))),
        ("a comment without end", format!("<smil><!--{}", "-".repeat(4_000_000))),
        ("angles", "<".repeat(4_000_000)),
        ("too long", " ".repeat((4 << 20) + 1)),
        ("the highest bitrate twice", {
            let level = "<video src='a' systemBitrate='18446744073709551615'/>";
            format!("<smil>{level}{}</smil>", level.replace("video", "audio").repeat(2))
        }),
        ("names that are markup", {
            let name = "&lt;&quot;&amp;,)(=;&#10;#EXT/%0A";
            format!(
                "<smil><video src='a' title='{name}'><param name='trackName' value='{name}'/></video><audio src='a' title='{name}' systemLanguage='{name}'><param name='role' value='{name}'/></audio></smil>"
            )
        }),
    ];
    for (name, text) in cases {
        judge.case(name, "ism", text.as_bytes());
        let utf16: Vec<u8> = "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        judge.case(&format!("{name}, UTF-16"), "ism", &utf16);
    }
    judge.finish();
}

#[test]
fn urls_of_any_bytes() {
    let mut judge = Judge::new("url");
    let mut dice = Dice(3);
    for (name, seed) in corpus("url") {
        for round in 0..500 {
            let mut url = seed.clone();
            for _ in 0..=dice.below(6) {
                let at = dice.below(url.len() + 1).min(url.len() - 1);
                match dice.below(4) {
                    0 => url[at] = dice.below(256) as u8,
                    1 => url.insert(at, b"()=,;%/\\.\0?#&+"[dice.below(14)]),
                    2 => drop(url.remove(at)),
                    _ => drop(url.splice(at..at, format!("%{:02x}", dice.below(256)).into_bytes())),
                }
                if url.len() < 2 {
                    break;
                }
            }
            judge.case(&format!("{name} round {round}"), "url", &url);
        }
    }
    let locator = "/ee2e286f-9428-49c4-a3fd-4a1e1ec2c4f2/film.ism/";
    for hostile in
        ["(".repeat(8000), "%28".repeat(3000), format!("Manifest({})", "a=b,".repeat(2500)), "%".repeat(9000)]
    {
        judge.case("long", "url", format!("{locator}{hostile}").as_bytes());
    }
    judge.finish();
}

#[test]
fn captions_of_any_shape() {
    let mut judge = Judge::new("captions");
    let tt = |inside: &str| {
        format!(
            "<tt xmlns='http://www.w3.org/ns/ttml' xmlns:tts='http://www.w3.org/ns/ttml#styling' xmlns:ttp='http://www.w3.org/ns/ttml#parameter'>{inside}</tt>"
        )
    };
    let p = "<p begin='1s' end='2s'>a</p>";
    let cases = [
        ("cues without end", format!("WWEBVTT\n\n{}", "00:00.000 --> 00:01.000\n\n".repeat(150_000))),
        ("too many cues", format!("WWEBVTT\n\n{}", "00:00.000 --> 00:01.000\n\n".repeat(250_000))),
        (
            "cues all at once",
            format!(
                "WWEBVTT\n\n{}",
                (0..20_000).map(|n| format!("00:00.{:03} --> 99:59:59.999\na\n\n", n % 1000)).collect::<String>()
            ),
        ),
        ("arrows", format!("WWEBVTT\n\n{}", "-->\n".repeat(500_000))),
        ("tags", format!("WWEBVTT\n\n00:00.000 --> 00:01.000\n{}", "<b><i.x.y>".repeat(200_000))),
        ("references", format!("WWEBVTT\n\n00:00.000 --> 00:01.000\n{}", "&#x10ffff;&&&".repeat(200_000))),
        ("style", format!("WWEBVTT\n\nSTYLE\n{}", "::cue(.a){color:red}\n".repeat(100_000))),
        ("huge times", "WWEBVTT\n\n999999999999999999:00:00.000 --> 9999999999999999999999:00:00.000\na".to_owned()),
        ("the latest times", "WWEBVTT\n\n277777:46:39.000 --> 277777:46:39.999\na".to_owned()),
        ("entities", "<!DOCTYPE tt [<!ENTITY a 'aaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]><tt>&b;</tt>".to_owned()),
        ("deep", tt(&format!("<body>{}", "<div>".repeat(100_000)))),
        ("wide", tt(&format!("<body><div>{}</div></body>", p.repeat(60_000)))),
        (
            "styles that refer to each other",
            tt(
                "<head><styling><style xml:id='a' style='b b b b'/><style xml:id='b' style='a a a a'/></styling></head><body style='a'><div><p begin='1s' style='a'>x</p></div></body>",
            ),
        ),
        (
            "endless spans",
            tt(&format!(
                "<body><div><p>{}</p></div></body>",
                (0..20_000).map(|n| format!("<span begin='{n}ms'>a</span>")).collect::<String>()
            )),
        ),
        (
            "huge lengths",
            tt(
                "<body><div timeContainer='seq'><p dur='999999999s'/><p dur='999999999s'>a</p><p begin='999999999h' dur='1s'>b</p></div></body>",
            ),
        ),
        (
            "frames",
            format!(
                "<tt xmlns='http://www.w3.org/ns/ttml' xmlns:ttp='http://www.w3.org/ns/ttml#parameter' ttp:frameRate='4294967295' ttp:subFrameRate='4294967295' ttp:frameRateMultiplier='4294967295 4294967295'><body><div><p begin='00:00:00:999999999999999999'>{}</p></div></body></tt>",
                "a"
            ),
        ),
        (
            "spaces",
            tt(&format!(
                "<body><div><p begin='0s'>{}a{}</p></div></body>",
                " <br/>".repeat(50_000),
                "\t\n".repeat(500_000)
            )),
        ),
    ];
    for (name, text) in cases {
        judge.case(name, "captions", text.as_bytes());
    }
    let mut dice = Dice(11);
    for (name, seed) in corpus("captions") {
        for round in 0..300 {
            let mut data = seed.clone();
            for _ in 0..=dice.below(5) {
                let at = 1 + dice.below(data.len() - 1);
                match dice.below(4) {
                    0 => data[at] = dice.below(256) as u8,
                    1 => data.insert(at, b"<>&;:.-\n0/\"= "[dice.below(13)]),
                    2 => drop(data.remove(at)),
                    _ => data.truncate(at + 1),
                }
                if data.len() < 3 {
                    break;
                }
            }
            judge.case(&format!("{name} round {round}"), "captions", &data);
        }
    }
    judge.finish();
}
