//! The model that every output format is written from: presentation, track groups, tracks, segments
//! and samples, as an index over stored bytes. Nothing here holds media, and nothing changes after it
//! is built.
//!
//! # One timeline
//!
//! Each sample has two times on the presentation's timeline, in ticks of its track's timescale:
//!
//! - its **presentation time**, exact: media decode time + composition offset + the leading empty edit
//!   − the edit's `media_time` (ISO/IEC 14496-12 8.6.6); negative for priming that comes before zero;
//! - its **decode time** as URLs and `tfdt` count it: media decode time + the leading empty edit, never
//!   negative. The `media_time` of an edit is not taken from it but carried by composition offsets
//!   (video) or an edit list (audio), so nothing is lost and nothing is negative.
//!
//! A segment of a group begins at one time for all its tracks; `tfdt` equals it.

pub mod language;
mod left_out;
mod presentation;
mod purpose;
mod sample;
mod sample_index;
mod stored_encryption;
mod track;

pub use left_out::{LeftOut, WhyLeftOut};
pub use presentation::{Language, Presentation, Revision, SourceFile, TrackGroup, TrackKind, TrackRef, View};
pub use purpose::{AUDIO_PURPOSE_SCHEME, DESCRIBES_VIDEO, HTML_KIND_SCHEME, Purpose, ROLE_SCHEME};
pub use sample::{ByteRange, Sample, SampleTable};
pub use sample_index::{KeyFrame, RawSample, SampleIndex, SampleIndexBuilder, SampleIndexError};
pub use stored_encryption::{StoredEncryption, StoredEncryptionBuilder, StoredEncryptionError, StoredSample};
pub use track::{Edit, Track};

/// A stored file's place in [`Presentation::files`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct FileId(pub u32);

/// The most qualities that one presentation may have (Azure Media Services answered more with MPE_FORMAT_NOT_SUPPORTED).
pub const MAX_QUALITIES: usize = 64;
