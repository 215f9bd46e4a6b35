//! What an answer is, in a few words out of a bounded number: for numbers and logs.

use super::url::{FragmentTime, Resource, StreamObject};
use crate::packager::{FORMATS, Format};
use crate::protection::Scheme;

/// What an answer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Class {
    /// In which format.
    pub format: FormatName,
    /// How it is protected.
    pub protection: Protection,
    /// What of a film.
    pub object: Object,
    /// Whether it was at hand.
    pub cached: Cached,
}

/// A format of the packager, or a way out that is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FormatName(u8);

impl FormatName {
    /// Not known, or not said.
    pub const NONE: FormatName = FormatName(0);
    /// A stored file as it is.
    pub const DOWNLOAD: FormatName = FormatName(1);
    /// A key, or a licence with it.
    pub const KEY: FormatName = FormatName(2);
    /// A file of a storage account, by a signed URL.
    pub const BLOB: FormatName = FormatName(3);
    /// How many names there are.
    pub const COUNT: usize = OTHERS.len() + 16;

    /// The packager's.
    pub fn of(format: &dyn Format) -> FormatName {
        let at = FORMATS.iter().position(|known| known.tags() == format.tags());
        at.and_then(|at| u8::try_from(at + OTHERS.len()).ok()).map_or(FormatName::NONE, FormatName)
    }

    /// Below [`FormatName::COUNT`].
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }

    pub(super) fn at(index: usize) -> FormatName {
        u8::try_from(index).map_or(FormatName::NONE, FormatName)
    }

    /// The tag of the format in URLs; `smooth` for the one that has none.
    pub fn name(self) -> &'static str {
        let at = self.index();
        let tag = || Some(*FORMATS.get(at.checked_sub(OTHERS.len())?)?.tags().first()?);
        match OTHERS.get(at).copied().or_else(tag) {
            Some("") => "smooth",
            Some(name) => name,
            None => "none",
        }
    }
}

const OTHERS: [&str; 4] = ["none", "download", "key", "blob"];

/// How an answer is protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Protection {
    /// It is not, or it is no media.
    #[default]
    None,
    /// By a scheme.
    By(Scheme),
}

impl Protection {
    /// All of them.
    pub const ALL: [Protection; 5] = [
        Protection::None,
        Protection::By(Scheme::Envelope),
        Protection::By(Scheme::Cenc),
        Protection::By(Scheme::Piff),
        Protection::By(Scheme::Cbcs),
    ];

    pub(super) fn index(self) -> usize {
        Protection::ALL.iter().position(|other| *other == self).unwrap_or(0)
    }

    /// `none`, or the value of `encryption=` in URLs.
    pub fn name(self) -> &'static str {
        match self {
            Protection::None => "none",
            Protection::By(scheme) => scheme.as_str(),
        }
    }
}

/// What of a film an answer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Object {
    /// Nothing of a film.
    #[default]
    Other,
    /// A manifest, or the playlist that lists the others.
    Manifest,
    /// A track's playlist.
    Playlist,
    /// An initialization segment.
    Init,
    /// A segment.
    Segment,
    /// Thumbnails, or the list of them.
    Thumbnails,
    /// A stored file.
    File,
    /// A key or licence.
    Key,
}

impl Object {
    /// All of them.
    pub const ALL: [Object; 8] = [
        Object::Other,
        Object::Manifest,
        Object::Playlist,
        Object::Init,
        Object::Segment,
        Object::Thumbnails,
        Object::File,
        Object::Key,
    ];

    /// In small letters.
    pub const fn name(self) -> &'static str {
        match self {
            Object::Other => "other",
            Object::Manifest => "manifest",
            Object::Playlist => "playlist",
            Object::Init => "init",
            Object::Segment => "segment",
            Object::Thumbnails => "thumbnails",
            Object::File => "file",
            Object::Key => "key",
        }
    }
}

impl Resource {
    /// What of a film it is.
    pub(super) fn kind(&self) -> Object {
        let Resource::Stream { object, .. } = self else { return Object::File };
        match object {
            StreamObject::Manifest { .. } => Object::Manifest,
            StreamObject::TrackPlaylist { .. } => Object::Playlist,
            StreamObject::Thumbnails { .. } => Object::Thumbnails,
            StreamObject::Fragment { time: FragmentTime::Init, .. } => Object::Init,
            StreamObject::Fragment { .. } => Object::Segment,
        }
    }
}

/// Whether an answer was in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Cached {
    /// It is nothing that would be kept.
    #[default]
    Never,
    /// It was.
    Hit,
    /// It was made for this request, or for another one that came just before.
    Miss,
}

impl Cached {
    /// All of them.
    pub const ALL: [Cached; 3] = [Cached::Never, Cached::Hit, Cached::Miss];

    /// In small letters.
    pub const fn name(self) -> &'static str {
        match self {
            Cached::Never => "none",
            Cached::Hit => "hit",
            Cached::Miss => "miss",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_a_name_of_its_own() {
        let names: Vec<&str> = FORMATS.iter().map(|format| FormatName::of(*format).name()).collect();
        assert_eq!(names[0], "smooth");
        assert!(FORMATS.iter().skip(1).zip(&names[1..]).all(|(format, name)| format.tags()[0] == *name), "{names:?}");
        assert!(FORMATS.len() + OTHERS.len() <= FormatName::COUNT);
        assert_eq!(FormatName::default().name(), "none");
        assert_eq!(FormatName::BLOB.name(), "blob");
        assert_eq!(FormatName::at(FormatName::COUNT).name(), "none");
    }
}
