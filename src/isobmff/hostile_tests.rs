//! Damaged files: no panic, no hang, no allocation by what they claim.

use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;

use super::testing::{media, top_level};
use super::write::{put, write_box, write_full_box};
use super::*;

/// Reads the bytes as everything that can be read and walks all tables. The walks are bounded by
/// [`MAX_SAMPLES_PER_TRACK`], so they are cut short here.
fn read_everything(data: &Bytes) {
    const ENOUGH: usize = 20_000;
    if let Ok(movie) = Movie::parse(data, 0) {
        for track in &movie.tracks {
            let samples = &track.samples;
            samples.chunks().take(ENOUGH).for_each(|chunk| {
                let _ = samples.size_of(chunk.first_sample);
            });
            samples.time_to_sample().take(ENOUGH).for_each(drop);
            samples.composition_offsets().into_iter().flatten().take(ENOUGH).for_each(drop);
            samples.sync_samples().into_iter().flatten().take(ENOUGH).for_each(drop);
            samples.sizes().take(ENOUGH).for_each(drop);
            samples.total_duration();
        }
    }
    if let Ok(fragment) = MovieFragment::parse(data, 0) {
        for run in fragment.tracks.iter().flat_map(|traf| &traf.runs) {
            run.samples().take(ENOUGH).for_each(drop);
        }
    }
    let _ = SegmentIndex::parse(data, 0);
    for table in TrackFragmentRandomAccess::parse_all(data, 0).unwrap_or_default() {
        table.entries().take(ENOUGH).for_each(drop);
    }
    let _ = mfra_size(data);
}

/// A movie and a fragment with every kind of table, made here so that no file is needed.
fn specimens() -> Vec<Bytes> {
    let mut all = Vec::new();
    let mut file = |kind: &[u8; 4], body: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        write_box(&mut out, FourCc(*kind), |out| body(out));
        all.push(Bytes::from(out));
    };
    let full = |out: &mut Vec<u8>, kind: &[u8; 4], version, flags, words: &[u32]| {
        write_full_box(out, FourCc(*kind), version, flags, |out| put(out, words));
    };
    file(b"moov", &|out| {
        full(out, b"mvhd", 0, 0, &[0, 0, 1000, 5000, 0x10000, 0x0100_0000]);
        write_box(out, FourCc(*b"trak"), |out| {
            full(out, b"tkhd", 0, 1, &[0, 0, 1, 0, 5000, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 320 << 16, 180 << 16]);
            write_box(out, FourCc(*b"edts"), |out| full(out, b"elst", 0, 0, &[1, 5000, 10, 0x10000]));
            write_box(out, FourCc(*b"mdia"), |out| {
                full(out, b"mdhd", 0, 0, &[0, 0, 1000, 5000, 0x55c4_0000]);
                full(out, b"hdlr", 0, 0, &[0, u32::from_be_bytes(*b"vide"), 0, 0, 0, 0x4100_0000]);
                full(out, b"elng", 0, 0, &[0x656e_0000]);
                write_box(out, FourCc(*b"minf"), |out| {
                    write_box(out, FourCc(*b"stbl"), |out| {
                        full(out, b"stsd", 0, 0, &[1, 16, u32::from_be_bytes(*b"avc1"), 0, 0]);
                        full(out, b"stts", 0, 0, &[2, 3, 1000, 2, 1000]);
                        full(out, b"ctts", 0, 0, &[1, 5, 10]);
                        full(out, b"stsc", 0, 0, &[2, 1, 2, 1, 3, 1, 1]);
                        full(out, b"stsz", 0, 0, &[0, 5, 9, 8, 7, 6, 5]);
                        full(out, b"co64", 0, 0, &[3, 0, 100, 0, 200, 0, 300]);
                        full(out, b"stss", 0, 0, &[2, 1, 4]);
                    });
                });
            });
            write_box(out, FourCc(*b"udta"), |out| full(out, b"kind", 0, 0, &[0x7500_7600]));
        });
        write_box(out, FourCc(*b"mvex"), |out| {
            full(out, b"mehd", 1, 0, &[0, 5000]);
            full(out, b"trex", 0, 0, &[1, 1, 0, 0, 0]);
        });
    });
    file(b"moof", &|out| {
        full(out, b"mfhd", 0, 0, &[1]);
        write_box(out, FourCc(*b"traf"), |out| {
            full(out, b"tfhd", 0, 0x3b, &[1, 0, 77, 1, 1000, 50, 0x10000]);
            full(out, b"tfdt", 1, 0, &[0, 5]);
            full(out, b"trun", 1, 0xf05, &[2, 100, 0, 1, 2, 0, 4, 5, 6, 0, 8]);
            full(out, b"trun", 0, 0x001, &[2, 100]);
            full(out, b"sdtp", 0, 0, &[0x2626_2626]);
            piff::write_tfxd(out, (5, 6));
            piff::write_tfrf(out, &[(11, 6), (17, 6)]);
        });
    });
    file(b"mfra", &|out| {
        full(out, b"tfra", 1, 0, &[1, 0x3f, 1, 0, 1, 0, 2, 3, 4, 5]);
        full(out, b"mfro", 0, 0, &[0]);
    });
    file(b"sidx", &|out| put(out, &[0, 1, 1000, 0, 0, 1, 100, 1000, 0x9000_0000]));
    for specimen in &all {
        let kind = &specimen[4..8];
        let known = Movie::parse(specimen, 0).is_ok()
            || MovieFragment::parse(specimen, 0).is_ok()
            || TrackFragmentRandomAccess::parse_all(specimen, 0).is_ok_and(|tables| tables.len() == 1)
            || SegmentIndex::parse(specimen, 0).is_ok();
        assert!(known, "{kind:?}: {:?}", Movie::parse(specimen, 0));
    }
    all
}

fn sweep(data: &Bytes, step: usize) {
    let started = Instant::now();
    for at in (0..data.len().saturating_sub(3)).step_by(step) {
        for word in [0u32, 1, 0x7fff_ffff, u32::MAX] {
            let mut damaged = data.to_vec();
            damaged[at..at + 4].copy_from_slice(&word.to_be_bytes());
            read_everything(&Bytes::from(damaged));
        }
    }
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn extreme_words_everywhere() {
    specimens().iter().for_each(|specimen| sweep(specimen, 1));
}

#[test]
fn extreme_words_in_real_files() {
    for path in [
        "ams-mbr-bbb/BigBuckBunny_400.mp4",
        "negative-ctts-mov/bt601.mov",
        "ams-smooth-bbb/BigBuckBunny.ismv",
        "isma/bbb5s_aac.isma",
        "vtt-mp4/sample.text.mp4",
    ] {
        let Some(file) = media(path) else { return };
        for kind in [b"moov", b"moof", b"mfra", b"sidx"] {
            top_level(&file, kind).iter().take(1).for_each(|found| sweep(&found.whole, 1));
        }
    }
}

#[test]
fn every_cut_is_an_error_or_complete() {
    for specimen in specimens() {
        for length in 0..specimen.len() {
            read_everything(&specimen.slice(..length));
            assert!(Movie::parse(&specimen.slice(..length), 0).is_err());
            assert!(MovieFragment::parse(&specimen.slice(..length), 0).is_err());
        }
    }
}

#[test]
fn single_boxes_are_never_overwritten() {
    // Each box of a container once more at its end, the sizes of all containers put right.
    fn doubled(data: &Bytes, path: &[&[u8; 4]]) -> Vec<u8> {
        let found = boxes(data, 0).next().unwrap().unwrap();
        let mut out = Vec::new();
        write_box(&mut out, found.kind, |out| {
            for child in boxes(&found.body, 0).map(Result::unwrap) {
                match path.split_first() {
                    Some((kind, rest)) if child.kind.0 == **kind && rest.is_empty() => {
                        out.extend_from_slice(&child.whole);
                        out.extend_from_slice(&child.whole);
                    }
                    Some((kind, rest)) if child.kind.0 == **kind => out.extend(doubled(&child.whole, rest)),
                    _ => out.extend_from_slice(&child.whole),
                }
            }
        });
        out
    }
    let specimens = specimens();
    let stbl: [&[u8; 4]; 4] = [b"trak", b"mdia", b"minf", b"stbl"];
    let mut cases: Vec<Vec<&[u8; 4]>> = vec![
        vec![b"mvhd"],
        vec![b"mvex"],
        vec![b"mvex", b"mehd"],
        vec![b"mvex", b"trex"],
        vec![b"trak"],
        vec![b"trak", b"tkhd"],
        vec![b"trak", b"edts"],
        vec![b"trak", b"edts", b"elst"],
        vec![b"trak", b"mdia"],
        vec![b"trak", b"mdia", b"mdhd"],
        vec![b"trak", b"mdia", b"hdlr"],
        vec![b"trak", b"mdia", b"elng"],
        vec![b"trak", b"mdia", b"minf"],
        stbl.to_vec(),
    ];
    for table in [b"stsd", b"stts", b"ctts", b"stsc", b"stsz", b"co64", b"stss"] {
        cases.push([&stbl[..], &[table]].concat());
    }
    for path in cases {
        let error = Movie::parse(&Bytes::from(doubled(&specimens[0], &path)), 0).unwrap_err();
        let expected = matches!(error.kind, ErrorKind::Duplicate { .. } | ErrorKind::DuplicateTrack { .. });
        assert!(expected, "{path:?}: {error}");
    }
    let fragment: [Vec<&[u8; 4]>; 5] =
        [vec![b"mfhd"], vec![b"traf", b"tfhd"], vec![b"traf", b"tfdt"], vec![b"traf", b"sdtp"], vec![b"traf", b"uuid"]];
    for path in fragment {
        let error = MovieFragment::parse(&Bytes::from(doubled(&specimens[1], &path)), 0).unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Duplicate { .. }), "{path:?}: {error}");
    }
    // User data is not single in the wild: the first one counts.
    let twice = Bytes::from(doubled(&specimens[0], &[b"trak", b"udta"]));
    assert_eq!(Movie::parse(&twice, 0).unwrap().tracks[0].kinds.len(), 1);
}

#[test]
fn runs_without_fields_are_bounded() {
    let moof = |counts: &[u32]| {
        let mut out = Vec::new();
        write_box(&mut out, FourCc(*b"moof"), |out| {
            write_full_box(out, FourCc(*b"mfhd"), 0, 0, |out| put(out, &[1]));
            write_box(out, FourCc(*b"traf"), |out| {
                write_full_box(out, FourCc(*b"tfhd"), 0, 0, |out| put(out, &[1]));
                for count in counts {
                    write_full_box(out, FourCc(*b"trun"), 0, 0, |out| put(out, &[*count]));
                }
            });
        });
        MovieFragment::parse(&Bytes::from(out), 0).map_err(|error| error.kind)
    };
    assert_eq!(moof(&[MAX_SAMPLES_PER_RUN]).unwrap().tracks[0].sample_count(), MAX_SAMPLES_PER_RUN);
    assert!(matches!(moof(&[MAX_SAMPLES_PER_RUN + 1]), Err(ErrorKind::LimitExceeded { .. })));
    // The bound holds for all runs of a fragment together.
    assert!(matches!(moof(&[600_000, 600_000]), Err(ErrorKind::LimitExceeded { .. })));
}

#[test]
fn constant_sizes_stay_small() {
    // 50 million samples in a few bytes: no more memory than the bytes.
    let full = |out: &mut Vec<u8>, kind: &[u8; 4], words: &[u32]| {
        write_full_box(out, FourCc(*kind), 0, 0, |out| put(out, words));
    };
    let mut stbl = Vec::new();
    write_box(&mut stbl, FourCc(*b"stbl"), |out| {
        full(out, b"stsd", &[1, 8, u32::from_be_bytes(*b"test")]);
        full(out, b"stts", &[1, MAX_SAMPLES_PER_TRACK, 1]);
        full(out, b"stsc", &[1, 1, MAX_SAMPLES_PER_TRACK, 1]);
        full(out, b"stsz", &[2, MAX_SAMPLES_PER_TRACK]);
        full(out, b"stco", &[1, 0]);
    });
    let stbl = RawBox::expect(&Bytes::from(stbl), 0, FourCc(*b"stbl")).unwrap();
    let (_, tables) = SampleTables::parse(&stbl, BoxPath::FILE).unwrap();
    assert_eq!((tables.sample_count(), tables.total_size()), (MAX_SAMPLES_PER_TRACK, 100_000_000));
}

proptest! {
    #[test]
    fn mutations_are_survived(
        which in 0usize..4,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..8),
    ) {
        let mut data = specimens()[which].to_vec();
        for (at, byte, action) in edits {
            let at = at.index(data.len());
            match action {
                0 => data[at] = byte,
                1 => data.insert(at, byte),
                _ if data.len() > 1 => { data.remove(at); }
                _ => {}
            }
        }
        read_everything(&Bytes::from(data));
    }

    #[test]
    fn noise_is_survived(data in prop::collection::vec(any::<u8>(), 0..200)) {
        let data = Bytes::from(data);
        read_everything(&data);
        let _ = boxes(&data, u64::MAX).count();
    }
}
