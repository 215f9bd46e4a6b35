//! What the tests of this module share.

use std::fmt::Debug;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::{Error, FourCc, RawBox, boxes};

/// Holds that what was read is written back byte for byte.
#[track_caller]
pub fn bytes_survive<T>(bytes: &[u8], read: impl Fn(&Bytes) -> Result<T, Error>, write: impl Fn(&T) -> Vec<u8>) {
    let value = read(&Bytes::copy_from_slice(bytes)).unwrap();
    assert_eq!(write(&value), bytes);
}

/// Holds that what was written is read back equal, and that no cut of it is taken for the whole.
#[track_caller]
pub fn value_survives<T: PartialEq + Debug>(
    value: &T,
    read: impl Fn(&Bytes) -> Result<T, Error>,
    write: impl Fn(&T) -> Vec<u8>,
) {
    let bytes = Bytes::from(write(value));
    assert_eq!(&read(&bytes).unwrap(), value);
    for length in 0..bytes.len() {
        assert!(read(&bytes.slice(..length)).is_err(), "cut to {length} bytes");
    }
}

/// The folder of test media, from the environment or beside the package; `None` where it is missing.
pub fn media_folder() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/media");
    let found = std::env::var_os("HEADWATER_MEDIA").map_or(beside, PathBuf::from);
    if !found.is_dir() {
        println!("skipped: no test media in {}; HEADWATER_MEDIA names the folder", found.display());
        return None;
    }
    Some(found)
}

/// One file of the test media.
pub fn media(path: &str) -> Option<Bytes> {
    Some(Bytes::from(std::fs::read(media_folder()?.join(path)).unwrap()))
}

/// All files of the test media that are ISO base media files, sorted by name.
pub fn all_media() -> Vec<(String, Bytes)> {
    let Some(folder) = media_folder() else { return Vec::new() };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        for file in std::fs::read_dir(entry.path()).unwrap().flatten() {
            let path = file.path();
            let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
            if ["mp4", "mov", "ismv", "isma"].contains(&extension) {
                files.push((path.display().to_string(), Bytes::from(std::fs::read(&path).unwrap())));
            }
        }
    }
    files.sort();
    files
}

/// The boxes of one type at the top of a file.
pub fn top_level(file: &Bytes, kind: &[u8; 4]) -> Vec<RawBox> {
    boxes(file, 0).map(Result::unwrap).filter(|found| found.kind == FourCc(*kind)).collect()
}

/// An object of the encrypted AMS sample in clear, or `None` where it is missing.
pub fn ams_object(name: &str) -> Option<Bytes> {
    use cbc::cipher::block_padding::Pkcs7;
    use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
    let key: [u8; 16] = media("ams-origin-output/license")?[..].try_into().unwrap();
    let iv = 0x3782_a2d7_4219_ae78_cfad_f642_abc5_e68du128.to_be_bytes();
    let stored = media(&format!("ams-origin-output/Fragments(video={name},format=mpd-time-csf)"))?;
    let mut bytes = stored.to_vec();
    let decryptor = cbc::Decryptor::<aes::Aes128>::new(&key.into(), &iv.into());
    let clear = decryptor.decrypt_padded::<Pkcs7>(&mut bytes).unwrap();
    Some(Bytes::copy_from_slice(clear))
}
