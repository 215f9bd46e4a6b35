//! Protected media, opened again with others' libraries: Python's `cryptography`, ffmpeg and Shaka Packager must get back exactly
//! what is sent in the clear, and no initialization vector may serve twice.

#[path = "../support/mod.rs"]
mod support;

mod clear;
mod decrypted;
mod ffmpeg;
mod keys;
mod packager;
mod python;
mod slices;
mod stored;
mod streams;

use headwater::cipher::{ContentKey, KeyId};
use headwater::media::{Revision, TrackRef};
use headwater::packager::protection::{Address, Periods, Protection, SystemSignal, TrackKey, Tracks};
use headwater::protection::{Scheme, System};
use sha2::{Digest, Sha256};
use support::Film;

/// The key of all films.
const KEY: [u8; 16] = *b"one key for all.";

/// Its id.
const KEY_ID: [u8; 16] = 0x1111_2222_3333_4444_5555_6666_7777_8888u128.to_be_bytes();

/// A protection with one key for all tracks of all films.
fn protection(scheme: Scheme) -> Protection {
    let licence = || Some(Address::Complete("https://licence.example/".to_owned()));
    let systems = [System::PlayReady, System::Widevine, System::ClearKey];
    Protection {
        scheme,
        keys: vec![TrackKey {
            tracks: Tracks::All,
            id: KeyId(KEY_ID),
            material: ContentKey::new(KEY).into(),
            vector: None,
            url: Some(Address::Complete("https://keys.example/?kid=1".to_owned())),
        }],
        clear: Vec::new(),
        systems: systems.map(|system| SystemSignal::new(system, licence())).into(),
        periods: Periods::default(),
        asset: [0; 16],
    }
}

/// The films that are judged, each of a revision of its own.
fn films() -> Vec<Film> {
    let only = std::env::var("HEADWATER_FILM").ok();
    let folders = support::fixtures().into_iter().chain(support::shared_media().unwrap_or_default());
    let folders = folders.filter(|folder| only.as_ref().is_none_or(|only| folder.ends_with(only)));
    let open = |folder: std::path::PathBuf| {
        let mut film = Film::open(&folder).ok()?;
        let digest: [u8; 32] = Sha256::digest(folder.to_string_lossy().as_bytes()).into();
        film.presentation.revision = Revision(digest[..16].try_into().expect("16 bytes"));
        Some(film)
    };
    let films: Vec<Film> = folders.filter_map(open).collect();
    assert!(!films.is_empty(), "no film to judge");
    films
}

/// The tracks of a film that are judged: of each group the first and the last quality, which are encrypted as those
/// between them are.
fn ends(film: &Film) -> Vec<TrackRef> {
    let is_at_an_end =
        |track: &TrackRef| track.track == 0 || track.track + 1 == film.presentation.groups[track.group].tracks.len();
    film.tracks().into_iter().filter(is_at_an_end).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
