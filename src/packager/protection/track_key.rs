//! Keys and the tracks that they are for.

use std::sync::Arc;

use crate::cipher::{BLOCK, ContentKey, KeyId};
use crate::isobmff::SystemHeader;
use crate::media::{FileId, StoredEncryption, Track, TrackKind};
use crate::protection::{System, constant_vector};

use super::Address;

/// A key and the tracks that it is for.
pub struct TrackKey {
    /// Which tracks.
    pub tracks: Tracks,
    /// Its identifier.
    pub id: KeyId,
    /// The key.
    pub material: Material,
    /// The vector of the policy, for objects and chains; derived from the identifier where it states none.
    pub vector: Option<[u8; BLOCK]>,
    /// Where players get it: the URL in the manifest of an envelope.
    pub url: Option<Address>,
}

/// What encrypts.
#[derive(Clone)]
pub enum Material {
    /// A key, on the way.
    Key(ContentKey),
    /// A key that need not be known: samples are stored encrypted.
    Stored(Arc<StoredEncryption>),
}

impl From<ContentKey> for Material {
    fn from(key: ContentKey) -> Material {
        Material::Key(key)
    }
}

/// Tracks that a key is for. In the order in which they are asked: what is said of fewer tracks counts first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Tracks {
    /// One of a stored file, by its `track_ID`.
    Source(FileId, u32),
    /// Those of a sample entry, by its four-character code.
    FourCc(String),
    /// Pictures of up to so many lines.
    Lines(u32),
    /// Those of one kind.
    Kind(TrackKind),
    /// All of them.
    All,
}

/// A text that names no tracks.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "{found:?} names no tracks; it has to be video, audio, text, video:LINES (pictures of up to so many lines) or fourcc:CODE, several with commas between them"
)]
pub struct TracksError {
    /// What cannot be read.
    pub found: String,
}

impl Tracks {
    /// Reads names of tracks, with commas between them: `video`, `audio`, `text`, `video:576` for pictures of up to
    /// so many lines, `fourcc:hev1`.
    ///
    /// # Errors
    /// [`TracksError`].
    pub fn parse(text: &str) -> Result<Vec<Tracks>, TracksError> {
        let one = |name: &str| {
            let unknown = || TracksError { found: name.chars().take(80).collect() };
            match name.split_once(':') {
                None => match name.to_ascii_lowercase().as_str() {
                    "video" => Ok(Tracks::Kind(TrackKind::Video)),
                    "audio" => Ok(Tracks::Kind(TrackKind::Audio)),
                    "text" => Ok(Tracks::Kind(TrackKind::Text)),
                    _ => Err(unknown()),
                },
                Some((kind, lines)) if kind.eq_ignore_ascii_case("video") => {
                    let lines = lines.parse().ok().filter(|lines| *lines > 0);
                    lines.map(Tracks::Lines).ok_or_else(unknown)
                }
                Some((kind, code)) if kind.eq_ignore_ascii_case("fourcc") && code.len() == 4 && code.is_ascii() => {
                    Ok(Tracks::FourCc(code.to_owned()))
                }
                Some(_) => Err(unknown()),
            }
        };
        text.split(',').map(|name| one(name.trim())).collect()
    }
}

impl Tracks {
    /// Whether `track` of that kind is among them.
    pub fn have(&self, kind: TrackKind, track: &Track) -> bool {
        match self {
            Tracks::All => true,
            Tracks::Kind(wanted) => *wanted == kind,
            Tracks::Lines(most) => track.codec.video().is_some_and(|picture| picture.height <= *most),
            Tracks::FourCc(code) => track.codec.four_cc().to_string() == *code,
            Tracks::Source(file, id) => track.file == *file && track.source_id == *id,
        }
    }
}

impl TrackKey {
    /// The vector of whole objects and of chains.
    pub fn constant_vector(&self) -> [u8; BLOCK] {
        self.vector.unwrap_or_else(|| constant_vector(self.id))
    }

    /// The key itself; `None` where it need not be known.
    pub(crate) fn secret(&self) -> Option<&ContentKey> {
        match &self.material {
            Material::Key(key) => Some(key),
            Material::Stored(_) => None,
        }
    }

    /// The headers for a system that are stored with the media.
    pub(super) fn stored_headers(&self, system: System) -> impl Iterator<Item = &SystemHeader> {
        let stored = match &self.material {
            Material::Key(_) => &[],
            Material::Stored(stored) => stored.headers.as_slice(),
        };
        stored.iter().filter(move |header| header.system == system.id().0)
    }

    /// A header for the system is stored with the media.
    pub(crate) fn has_header(&self, system: System) -> bool {
        self.stored_headers(system).next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tracks() {
        let read = |text: &str| Tracks::parse(text).map_err(|error| error.found);
        let expected = vec![Tracks::Lines(576), Tracks::Kind(TrackKind::Audio), Tracks::FourCc("hev1".to_owned())];
        assert_eq!(read("video:576, Audio,FourCC:hev1"), Ok(expected));
        for wrong in ["", "video,", "pictures", "video:", "video:0", "video:-1", "fourcc:h", "fourcc:h\u{e9}v"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        let mut order = read("text,video,video:1080,fourcc:avc1,video:576").unwrap();
        order.push(Tracks::All);
        order.sort();
        let lines = [Tracks::FourCc("avc1".to_owned()), Tracks::Lines(576), Tracks::Lines(1080)];
        let rest = [Tracks::Kind(TrackKind::Video), Tracks::Kind(TrackKind::Text), Tracks::All];
        assert_eq!(order, [&lines[..], &rest].concat());
    }
}
