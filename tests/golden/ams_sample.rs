//! The public sample of what Azure Media Services sent, decrypted: our CSF
//! segments are laid out like it, box by box.

use std::fs;
use std::process::Command;

use headwater::cipher::{ContentKey, cbc};
use headwater::media::{TrackKind, TrackRef};
use headwater::packager::{self, Dialect, Noun};

use crate::support::{Film, Object, boxes, root, shared_media};

const IV: [u8; 16] = 0x3782_A2D7_4219_AE78_CFAD_F642_ABC5_E68D_u128.to_be_bytes();

/// Objects with their sizes, encrypted and not.
const OBJECTS: [(&str, usize, usize); 5] = [
    ("i", 1104, 1103),
    ("0", 74768, 74756),
    ("20000000", 136_976, 136_969),
    ("40000000", 172_800, 172_793),
    ("60000000", 144_000, 143_999),
];

/// The decrypted objects, or why there are none.
fn sample() -> Result<Vec<Vec<u8>>, String> {
    let folders = shared_media()?;
    let folder = folders.iter().find(|f| f.ends_with("ams-origin-output")).ok_or("ams-origin-output is not there")?;
    let read = |name: &str| fs::read(folder.join(name)).map_err(|e| format!("{name}: {e}"));
    let key = read("license")?;
    let mpd = String::from_utf8_lossy(&read("dash.mpd")?).to_uppercase();
    let iv: String = IV.iter().map(|b| format!("{b:02X}")).collect();
    assert!(mpd.contains(&iv), "dash.mpd tells another IV");
    let mut objects = Vec::new();
    for (time, encrypted, clear) in OBJECTS {
        let bytes = read(&format!("Fragments(video={time},format=mpd-time-csf)"))?;
        assert_eq!(bytes.len(), encrypted, "{time}");
        let key = ContentKey::from_slice(&key).expect("a key of 16 bytes");
        let bytes = cbc::decrypt(&key, &IV, &bytes).expect("padding");
        assert_eq!(bytes.len(), clear, "{time}");
        objects.push(bytes);
    }
    Ok(objects)
}

#[test]
fn csf_is_laid_out_as_azure_media_services_sent_it() {
    let sample = match sample() {
        Ok(sample) => sample,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let film = Film::open(&root().join("fixtures/films/no-edit-list")).unwrap_or_else(|e| panic!("{e}"));
    let group = film.presentation.groups.iter().position(|g| g.kind == TrackKind::Video).expect("pictures");
    let track = TrackRef { group, track: 0 };
    let format = packager::format("mpd-time-csf").expect("a format");
    let get = |object: &Object| film.get(format, Dialect::Ams, object).unwrap_or_else(|e| panic!("{e}"));
    let init = get(&Object::Init { track });
    let segment = get(&Object::Segment { track, noun: Noun::Fragments, time: 0, audio: None });
    // What is in `udta` is the source's.
    let layout = |bytes: &[u8]| boxes::layout(bytes, &|kind| kind != "udta");
    assert_eq!(layout(&init), layout(&sample[0]), "initialization segment");
    for (index, theirs) in sample[1..].iter().enumerate() {
        assert_eq!(layout(&segment), layout(theirs), "media segment {index}");
        let fragment = boxes::fragment(theirs);
        assert_eq!((fragment.decode_time, fragment.duration), (index as u64 * 20_000_000, 20_000_000));
        // Sequence numbers count from 0, and no offset is negative.
        let sequence = boxes::u32_at(boxes::find(theirs, &["moof", "mfhd"]).expect("mfhd"), 4);
        assert_eq!((sequence, fragment.least_offset >= 0), (index as u32, true));
    }
    let ours = boxes::fragment(&segment);
    assert_eq!((ours.decode_time, ours.least_offset >= 0), (0, true));
}

/// What our cipher makes of the sample is what its encoder made: ffmpeg decodes every picture of it.
#[test]
fn the_decrypted_sample_decodes() {
    let sample = match sample() {
        Ok(sample) => sample,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let scratch = tempfile::tempdir().expect("a folder for ffmpeg");
    let file = scratch.path().join("sample.mp4");
    fs::write(&file, sample.concat()).expect("a file for ffmpeg");
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning", "-xerror", "-i"])
        .arg(&file)
        .args(["-f", "framehash", "-"])
        .output()
        .expect("ffmpeg");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
    let stated: u32 = sample[1..].iter().map(|segment| boxes::fragment(segment).samples).sum();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), stated as usize);
}
