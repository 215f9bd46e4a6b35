//! Sample entries of real files, where those are at hand.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::{Error, from_sample_entry};

/// Files and the codec strings that their sample entries must give.
const FILES: [(&str, &[&str]); 15] = [
    ("ac3/sample_ac3.mp4", &["ac-3"]),
    ("eac3/sample_eac3.mp4", &["ec-3"]),
    ("opus/sample_opus.mp4", &["Opus"]),
    ("ams-mbr-bbb/BigBuckBunny_3400.mp4", &["mp4a.40.2", "avc1.4d4020"]),
    ("ams-smooth-bbb/BigBuckBunny.isma", &["mp4a.40.2"]),
    ("ams-smooth-bbb/BigBuckBunny.ismv", &["avc1.64001f"]),
    ("edit-list-shift/edit_list_positive_shift.mp4", &["avc1.42c028", "mp4a.40.2"]),
    ("fmp4/sample_with_increasing_timestamps_320w_240h_fragmented.mp4", &["avc1.640015", "mp4a.40.2"]),
    ("av1/sample_av1.mp4", &["av01.0.05M.08", "mp4a.40.2"]),
    ("hevc/ed_hevc.mp4", &["hvc1.1.6.L120.90", "mp4a.40.2"]),
    ("hevc-frag/fragmented_captions_h265.mp4", &["hev1.1.6.L60.90"]),
    ("vp9/bbb_800x640_768kbps_30fps_vp9.mp4", &["vp09.00.30.08"]),
    ("isma/bbb5s_aac.isma", &["mp4a.40.2"]),
    ("nal2-negative-ctts/sample_2_byte_NAL_length.mp4", &["avc1.64001f", "mp4a.40.2"]),
    ("negative-ctts-mov/bt601.mov", &["mp4a.40.2", "avc1.4d001e"]),
];

#[test]
fn sample_entries_of_real_files() {
    let Some(media) = media_folder() else {
        println!("skipped: no folder shared/media beside or above the project");
        return;
    };
    for (name, expected) in FILES {
        let Ok(file) = std::fs::read(media.join(name)) else {
            println!("skipped: {name} is missing");
            continue;
        };
        let found = sample_entries(&file).into_iter().map(|entry| from_sample_entry(&entry, None).map(|c| c.rfc6381()));
        // Other codecs are other files' matter; nothing else may fail.
        let found: Result<Vec<String>, Error> =
            found.filter(|r| !matches!(r, Err(Error::Unsupported { .. }))).collect();
        let mut found = found.unwrap();
        let mut expected = expected.to_vec();
        found.sort();
        expected.sort_unstable();
        assert_eq!(found, expected, "{name}");
    }
}

fn media_folder() -> Option<PathBuf> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().skip(1).take(2);
    above.map(|folder| folder.join("shared/media")).find(|folder| folder.is_dir())
}

/// The first entry of each `stsd` box, found by its name alone.
fn sample_entries(file: &[u8]) -> Vec<Bytes> {
    let places = file.windows(4).enumerate().filter(|(_, w)| *w == b"stsd").map(|(at, _)| at);
    let entry = |at: usize| {
        let entry = file.get(at + 12..)?; // version, flags and entry count
        let size = u32::from_be_bytes(*entry.first_chunk()?) as usize;
        Some(Bytes::copy_from_slice(entry.get(..size)?))
    };
    places.filter_map(entry).collect()
}
