//! Streaming URLs as typed values (docs/urls.md).
//!
//! A path is percent-decoded once, parsed once, and from then on nobody looks at URL text. The
//! parser knows the grammar only: it touches no storage, and which `format=` tags exist is the
//! packager list's knowledge. `docs/urls.md` tells the same rules to people.

mod canonical;
mod error;
mod grammar;
mod locator;
mod params;
mod percent;

pub use error::{Problem, UrlError};
pub use locator::LocatorId;
pub use params::{Encryption, MAX_FILTERS, MAX_PARAMS, Params};

/// Longest path that is looked at, in bytes as sent (before percent-decoding).
pub const MAX_PATH: usize = 8 * 1024;

/// A streaming URL: whose content, and what of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StreamingUrl {
    /// The locator that grants access; it, and never the host name, selects the asset.
    pub locator: LocatorId,
    /// What is asked for.
    pub resource: Resource,
}

/// What of an asset is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Resource {
    /// A stored file as it is (docs/urls.md).
    Download {
        /// Decoded file name; never empty, hidden, a path, or one of the undownloadable kinds.
        file: String,
    },
    /// A manifest, playlist or fragment made on the way.
    Stream {
        /// The server manifest's name with its extension, e.g. `film.ism`; case kept.
        presentation: String,
        /// Which object of the presentation.
        object: StreamObject,
    },
}

/// An object of a presentation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum StreamObject {
    /// The presentation's manifest: Smooth client manifest, MPD or multivariant playlist.
    Manifest {
        /// The parameters in parentheses.
        params: Params,
    },
    /// One track's playlist: `QualityLevels(b)/Manifest(track,…)`.
    TrackPlaylist {
        /// Which quality of the track.
        level: QualityLevel,
        /// The track's name; case kept.
        track: String,
        /// The parameters after the track name.
        params: Params,
    },
    /// Small pictures of the film, or where they are: `Thumbnails(…)`, `Thumbnail(…)`.
    Thumbnails {
        /// Which of them.
        what: Thumbnails,
        /// The other parameters in parentheses.
        params: Params,
    },
    /// One fragment or segment: `QualityLevels(b)/Fragments(track=time,…)`.
    Fragment {
        /// Which quality of the track.
        level: QualityLevel,
        /// Which part of the fragment.
        noun: Noun,
        /// The track's name; case kept.
        track: String,
        /// When it starts.
        time: FragmentTime,
        /// The parameters after the time.
        params: Params,
    },
}

/// What of a film's thumbnails is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Thumbnails {
    /// `Thumbnails`: the list of all, as WebVTT or in the format that the parameters name.
    List,
    /// `Thumbnails(sheet=n)`: one sheet of them, counted from 1.
    Sheet(u64),
    /// `Thumbnail` and `Thumbnail(time=t)`: one picture by itself, at a time of 10 MHz ticks or of our choice.
    Picture(Option<u64>),
}

/// `QualityLevels(bitrate,key=value,…)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct QualityLevel {
    /// Bits per second, exactly as a manifest lists it.
    pub bitrate: u64,
    /// Custom attributes that tell tracks of equal bitrate apart (MS-SSTR 2.2.3), sorted by key.
    pub attributes: Vec<(String, String)>,
}

/// The fragment nouns (MS-SSTR 2.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Noun {
    /// Metadata and samples.
    Fragments,
    /// Metadata only.
    FragmentInfo,
    /// Sample data only.
    RawFragments,
    /// Independently decodable samples only.
    KeyFrames,
}

impl Noun {
    /// All of them, for lookups by name.
    pub const ALL: [Noun; 4] = [Noun::Fragments, Noun::FragmentInfo, Noun::RawFragments, Noun::KeyFrames];

    /// The noun as canonical URLs spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Noun::Fragments => "Fragments",
            Noun::FragmentInfo => "FragmentInfo",
            Noun::RawFragments => "RawFragments",
            Noun::KeyFrames => "KeyFrames",
        }
    }
}

/// The time in a fragment's URL, which is the fragment's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FragmentTime {
    /// `i`: the initialization segment (DASH, HLS CMAF).
    Init,
    /// Start time in ticks of the track's own timescale.
    At(u64),
}

impl StreamingUrl {
    /// Parses the path of a request target. A query string, if still attached, is ignored.
    ///
    /// # Errors
    /// [`UrlError`], which says what is wrong, where (byte position in the decoded path) and how to
    /// mend it.
    pub fn parse(path: &str) -> Result<StreamingUrl, UrlError> {
        grammar::parse(path)
    }

    /// The one spelling of this resource, percent-encoded: equal for all URLs that name the same
    /// thing, so it serves as cache key and as ETag input. It parses back to `self`.
    pub fn canonical(&self) -> String {
        self.to_string()
    }

    /// The parameters, if this kind of resource has any.
    pub fn params(&self) -> Option<&Params> {
        match &self.resource {
            Resource::Download { .. } => None,
            Resource::Stream { object, .. } => Some(object.params()),
        }
    }
}

impl StreamObject {
    /// The parameters in parentheses.
    pub fn params(&self) -> &Params {
        match self {
            StreamObject::Manifest { params }
            | StreamObject::Thumbnails { params, .. }
            | StreamObject::TrackPlaylist { params, .. }
            | StreamObject::Fragment { params, .. } => params,
        }
    }
}

#[cfg(test)]
mod tests;
