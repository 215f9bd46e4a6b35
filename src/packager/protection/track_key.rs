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

/// Tracks that a key is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tracks {
    /// All of them.
    All,
    /// Those of one kind.
    Kind(TrackKind),
    /// Pictures of up to so many lines.
    Lines(u32),
    /// One of a stored file, by its `track_ID`.
    Source(FileId, u32),
}

impl Tracks {
    /// Whether `track` of that kind is among them.
    pub fn have(self, kind: TrackKind, track: &Track) -> bool {
        match self {
            Tracks::All => true,
            Tracks::Kind(wanted) => wanted == kind,
            Tracks::Lines(most) => track.codec.video().is_some_and(|picture| picture.height <= most),
            Tracks::Source(file, id) => track.file == file && track.source_id == id,
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
