//! Real files, read by this module and by the `mp4-atom` crate.

use bytes::Bytes;
use mp4_atom::DecodeMaybe;

use super::testing::{all_media, ams_object, media, top_level};
use super::*;

#[test]
fn movies_agree_with_another_reader() {
    let (mut compared, files) = (0, all_media());
    for (name, file) in &files {
        let [moov] = &top_level(file, b"moov")[..] else { panic!("{name}: not one moov") };
        let movie = Movie::parse(&moov.whole, moov.offset).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!movie.tracks.is_empty(), "{name}");
        for track in &movie.tracks {
            check_inside(name, track, file.len() as u64);
        }
        let Ok(Some(other)) = mp4_atom::Moov::decode_maybe(&mut &moov.whole[..]) else {
            println!("{name}: not read by mp4-atom");
            continue;
        };
        assert_eq!(movie.tracks.len(), other.trak.len(), "{name}");
        for (track, other) in movie.tracks.iter().zip(&other.trak) {
            compare_track(name, track, other);
        }
        compared += 1;
    }
    assert!(files.is_empty() || compared >= 15, "only {compared} files compared");
}

fn check_inside(name: &str, track: &Track, file_size: u64) {
    let mut size_in_chunks = 0;
    let mut samples = 0;
    for chunk in track.samples.chunks() {
        let size: u64 = (chunk.first_sample..chunk.first_sample + chunk.samples)
            .map(|index| u64::from(track.samples.size_of(index)))
            .sum();
        assert!(chunk.offset + size <= file_size, "{name}: {chunk:?}");
        assert_eq!(chunk.first_sample, samples);
        samples += chunk.samples;
        size_in_chunks += size;
    }
    assert_eq!(samples, track.samples.sample_count());
    assert_eq!(size_in_chunks, track.samples.total_size());
}

fn compare_track(name: &str, track: &Track, other: &mp4_atom::Trak) {
    let stbl = &other.mdia.minf.stbl;
    assert_eq!(track.id, other.tkhd.track_id, "{name}");
    assert_eq!(track.timescale.get(), other.mdia.mdhd.timescale, "{name}");
    assert_eq!(track.sample_entries.len(), stbl.stsd.codecs.len(), "{name}");
    assert_eq!(track.handler.0, <[u8; 4]>::from(other.mdia.hdlr.handler), "{name}");
    let edits = other.edts.as_ref().and_then(|edts| edts.elst.as_ref()).map_or(0, |elst| elst.entries.len());
    assert_eq!(track.edits.len(), edits, "{name}");
    let tables = &track.samples;
    let sizes: Vec<u32> = match &stbl.stsz.samples {
        mp4_atom::StszSamples::Identical { count, size } => vec![*size; *count as usize],
        mp4_atom::StszSamples::Different { sizes } => sizes.clone(),
    };
    assert_eq!(tables.sizes().collect::<Vec<_>>(), sizes, "{name}");
    let runs: Vec<_> = stbl.stts.entries.iter().map(|entry| (entry.sample_count, entry.sample_delta)).collect();
    assert_eq!(tables.time_to_sample().collect::<Vec<_>>(), runs, "{name}");
    let offsets = stbl.ctts.iter().flat_map(|ctts| &ctts.entries);
    let offsets: Vec<_> = offsets.map(|entry| (entry.sample_count, entry.sample_offset as i32)).collect();
    assert_eq!(tables.composition_offsets().map(Iterator::collect::<Vec<_>>).unwrap_or_default(), offsets, "{name}");
    let chunks: Vec<u64> = match (&stbl.stco, &stbl.co64) {
        (Some(stco), _) => stco.entries.iter().map(|offset| u64::from(*offset)).collect(),
        (None, Some(co64)) => co64.entries.clone(),
        (None, None) => Vec::new(),
    };
    assert_eq!(tables.chunks().map(|chunk| chunk.offset).collect::<Vec<_>>(), chunks, "{name}");
    let syncs = stbl.stss.as_ref().map(|stss| stss.entries.iter().map(|number| number - 1).collect::<Vec<_>>());
    assert_eq!(tables.sync_samples().map(Iterator::collect::<Vec<_>>), syncs, "{name}");
}

#[test]
fn fragments_agree_with_another_reader() {
    let (mut compared, files) = (0, all_media());
    for (name, file) in &files {
        for moof in top_level(file, b"moof") {
            let fragment = MovieFragment::parse(&moof.whole, moof.offset).unwrap_or_else(|e| panic!("{name}: {e}"));
            let Ok(Some(other)) = mp4_atom::Moof::decode_maybe(&mut &moof.whole[..]) else {
                println!("{name}: fragment not read by mp4-atom");
                continue;
            };
            assert_eq!(fragment.sequence_number, other.mfhd.sequence_number);
            assert_eq!(fragment.tracks.len(), other.traf.len());
            for (traf, other) in fragment.tracks.iter().zip(&other.traf) {
                assert_eq!(traf.track_id, other.tfhd.track_id);
                assert_eq!(traf.decode_time, other.tfdt.as_ref().map(|tfdt| tfdt.base_media_decode_time));
                assert_eq!(traf.default_duration, other.tfhd.default_sample_duration);
                assert_eq!(traf.default_flags, other.tfhd.default_sample_flags);
                assert_eq!(traf.runs.len(), other.trun.len());
                for (run, other) in traf.runs.iter().zip(&other.trun) {
                    let ours: Vec<_> = run.samples().map(|s| (s.duration, s.size, s.composition_offset)).collect();
                    let theirs = other.samples.into_iter();
                    let theirs: Vec<_> = theirs.map(|s| (s.duration, s.size, s.cts.unwrap_or(0) as i32)).collect();
                    assert_eq!((run.data_offset, ours), (other.data_offset, theirs), "{name}");
                }
            }
            compared += 1;
        }
    }
    assert!(files.is_empty() || compared >= 10, "only {compared} fragments compared");
}

#[test]
fn smooth_files_are_understood() {
    let Some(file) = media("ams-smooth-bbb/BigBuckBunny.ismv") else { return };
    let moofs = top_level(&file, b"moof");
    let fragment = MovieFragment::parse(&moofs[0].whole, moofs[0].offset).unwrap();
    let traf = &fragment.tracks[0];
    assert_eq!((traf.decode_time, traf.tfxd, traf.default_flags), (None, None, None));
    assert_eq!(traf.sample_dependencies.as_ref().unwrap().len(), traf.sample_count() as usize);
    assert_eq!(traf.runs[0].first_sample_flags, Some(0x0200_0000));
    // Negative although the run is of version 0.
    assert!(traf.runs[0].samples().all(|sample| sample.composition_offset.abs() < 10_000_000));

    let size = u64::from(mfra_size(&file).unwrap());
    let mfra = &top_level(&file, b"mfra")[0];
    assert_eq!(mfra.offset + size, file.len() as u64);
    let tables = TrackFragmentRandomAccess::parse_all(&mfra.whole, mfra.offset).unwrap();
    let offsets: Vec<u64> = tables[0].entries().map(|(_, offset)| offset).collect();
    assert_eq!(offsets, moofs.iter().map(|moof| moof.offset).collect::<Vec<_>>());
    assert_eq!((tables[0].track_id, tables[0].len(), tables[0].is_empty()), (2, 2, false));

    let Some(file) = media("isma/bbb5s_aac.isma") else { return };
    let mut expected = 0;
    for moof in top_level(&file, b"moof") {
        let traf = &MovieFragment::parse(&moof.whole, moof.offset).unwrap().tracks[0];
        let (time, duration) = traf.tfxd.unwrap();
        assert_eq!(time, expected);
        expected += duration;
    }
    let moov = &top_level(&file, b"moov")[0];
    // The file says 2⁶⁴ − 1, unknown.
    assert_eq!(Movie::parse(&moov.whole, moov.offset).unwrap().tracks[0].duration, 0);
}

#[test]
fn facts_about_real_tracks() {
    let movie = |path: &str| {
        let moov = top_level(&media(path)?, b"moov").swap_remove(0);
        Some(Movie::parse(&moov.whole, moov.offset).unwrap())
    };
    let Some(shifted) = movie("edit-list-shift/edit_list_positive_shift.mp4") else { return };
    assert!(shifted.tracks.iter().any(|track| track.edits.first().is_some_and(|edit| edit.media_time.is_none())));
    let bunny = movie("ams-mbr-bbb/BigBuckBunny_400.mp4").unwrap();
    let video = bunny.track(2).unwrap();
    assert_eq!((video.width, video.height, video.language), (320, 180, *b"eng"));
    assert_eq!(video.handler_name, "Mainconcept MP4 Video Media Handler");
    assert_eq!(video.samples.sync_samples().unwrap().collect::<Vec<_>>(), [0, 48, 96, 144, 192]);
    assert!(bunny.fragmented.is_none() && bunny.user_data.is_some() && bunny.protection.is_empty());
    let quicktime = movie("negative-ctts-mov/bt601.mov").unwrap();
    assert_eq!(quicktime.tracks[0].handler_name, "Core Media Audio");
    assert!(quicktime.tracks[1].samples.composition_offsets().unwrap().any(|(_, offset)| offset == -1001));
    let text = movie("vtt-mp4/sample.text.mp4").unwrap();
    assert_eq!(text.fragmented.as_ref().unwrap().duration, Some(6000));
    assert_eq!(text.fragmented.as_ref().unwrap().defaults_of(1).unwrap().duration, 234);
}

#[test]
fn the_initialization_segment_of_ams_is_written_byte_for_byte() {
    let Some(file) = ams_object("i") else { return };
    let moov = &top_level(&file, b"moov")[0];
    let movie = Movie::parse(&moov.whole, moov.offset).unwrap();
    let track = &movie.tracks[0];
    let segment = InitSegment {
        brands: Brands::CSF,
        movie_timescale: movie.timescale,
        timescale: track.timescale,
        duration: movie.fragmented.as_ref().unwrap().duration,
        track_id: track.id,
        creation_time: movie.creation_time,
        track_creation_time: track.creation_time,
        handler: track.handler,
        handler_name: &track.handler_name,
        language: track.language,
        width: track.width,
        height: track.height,
        sample_entry: &track.sample_entries[0],
        media: MediaHeader::of_handler(track.handler),
        edit: None,
        roll_distance: None,
        user_data: movie.user_data.clone(),
        protection_headers: &[],
        declaration_extras: true,
    };
    assert_eq!(Bytes::from(segment.write()), file);
}

#[test]
fn the_media_segments_of_ams_are_written_byte_for_byte() {
    for name in ["0", "20000000", "40000000", "60000000"] {
        let Some(file) = ams_object(name) else { return };
        let moof = &top_level(&file, b"moof")[0];
        let traf = MovieFragment::parse(&moof.whole, 0).unwrap();
        let (sequence_number, traf) = (traf.sequence_number, &traf.tracks[0]);
        let samples: Vec<FragmentSample> = traf.runs[0]
            .samples()
            .map(|sample| FragmentSample {
                size: sample.size.unwrap(),
                duration: sample.duration.unwrap(),
                composition_offset: sample.composition_offset,
                sync: is_sync(sample.flags.or(traf.default_flags).unwrap()),
            })
            .collect();
        let own = |kind: &[u8; 4]| {
            let traf = boxes(&moof.body, 0).map(Result::unwrap).find(|found| found.kind == FourCc(*b"traf")).unwrap();
            boxes(&traf.body, 0).map(Result::unwrap).find(|found| found.kind == FourCc(*kind)).unwrap().body
        };
        let (record, types) = (own(b"avcn"), own(b"trik"));
        let header = FragmentHeader {
            style: FragmentStyle::Csf { decoder_configuration: Some(&record), picture_types: Some(&types[4..]) },
            segment_type: None,
            sequence_number,
            track_id: traf.track_id,
            decode_time: traf.decode_time.unwrap(),
            tfxd: None,
            extra_traf_boxes: &[],
            extra_moof_boxes: &[],
            samples: &samples,
        };
        let written = header.write().unwrap();
        assert_eq!(written, file[..written.len()], "{name}");
        assert_eq!(written.len() as u64 + header.payload_size(), file.len() as u64);
        assert_eq!(traf.decode_time.unwrap().to_string(), name);
    }
}
