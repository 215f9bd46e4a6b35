//! What can be wrong with a stored film.

use super::ism;
use crate::codec;
use crate::isobmff::{self, FourCc};
use crate::media::SampleIndexError;
use crate::time::MediaTime;

/// Why a stored film cannot be indexed or assembled.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A box is damaged.
    #[error("{file}: {source}")]
    Box {
        /// File name.
        file: String,
        /// Where and what.
        source: Box<isobmff::Error>,
    },
    /// A box reaches past the end of its file: the file was cut, or is still being written.
    #[error(
        "{file}: box '{kind}' at byte {offset} has {size} bytes, but the file ends at {length}; it was cut or is still being written: copy it again"
    )]
    Truncated {
        /// File name.
        file: String,
        /// Box type.
        kind: FourCc,
        /// Where the box begins.
        offset: u64,
        /// What its header says, bytes.
        size: u64,
        /// Bytes in the file.
        length: u64,
    },
    /// A sample lies outside its file.
    #[error(
        "{file}: sample {sample} of track {track} ({size} bytes at {offset}) lies outside the file of {length} bytes; it was cut or is still being written: copy it again"
    )]
    SampleOutside {
        /// File name.
        file: String,
        /// `track_ID`.
        track: u32,
        /// Index of the sample, from 0.
        sample: u32,
        /// Where its bytes should begin.
        offset: u64,
        /// How many it should have.
        size: u32,
        /// Bytes in the file.
        length: u64,
    },
    /// The samples of a track lie over each other: they have more bytes than their file.
    #[error("{file}: the samples of track {track} have {bytes} bytes together, but the file only {length}")]
    SamplesOverlap {
        /// File name.
        file: String,
        /// `track_ID`.
        track: u32,
        /// Bytes of all its samples.
        bytes: u64,
        /// Bytes in the file.
        length: u64,
    },
    /// A metadata box is larger than any real one.
    #[error("{file}: box '{kind}' has {size} bytes; at most {limit} are read")]
    BoxTooLarge {
        /// File name.
        file: String,
        /// Box type.
        kind: FourCc,
        /// Its size, bytes.
        size: u64,
        /// The most that is read, bytes.
        limit: u64,
    },
    /// A server or client manifest is larger than any real one.
    #[error("{file} has {size} bytes; a manifest of more than {limit} is not read")]
    ManifestTooLarge {
        /// File name.
        file: String,
        /// Its size, bytes.
        size: u64,
        /// The most that is read, bytes.
        limit: u64,
    },
    /// The file has no `moov`.
    #[error("{file}: there is no 'moov' box, so it is not an MP4 file or was never finished")]
    NoMovie {
        /// File name.
        file: String,
    },
    /// The samples of a track cannot be indexed.
    #[error("{file}: track {track}: {source}")]
    Samples {
        /// File name.
        file: String,
        /// `track_ID`.
        track: u32,
        /// Why.
        source: SampleIndexError,
    },
    /// A movie fragment names a track that the movie lacks.
    #[error("{file}: the fragment at byte {offset} is of track {track}, which the movie does not have")]
    UnknownTrack {
        /// File name.
        file: String,
        /// `track_ID`.
        track: u32,
        /// Where the `moof` begins.
        offset: u64,
    },
    /// A server manifest is damaged.
    #[error("{file}: {source}")]
    ServerManifest {
        /// File name.
        file: String,
        /// Where and what.
        source: Box<ism::ManifestError>,
    },
    /// The server manifest names a file that is not there.
    #[error("{manifest} names '{file}', which is not in the folder")]
    MissingFile {
        /// The server manifest.
        manifest: String,
        /// The missing file.
        file: String,
    },
    /// The server manifest names a track that its file lacks.
    #[error("{manifest} wants a {kind} track of '{file}', which has none that can be served")]
    MissingTrack {
        /// The server manifest.
        manifest: String,
        /// The file.
        file: String,
        /// `video` or `audio`.
        kind: &'static str,
    },
    /// The film has no track that any format can carry.
    #[error("no track of the film can be served ({reasons})")]
    NothingToServe {
        /// Why each was left out.
        reasons: String,
    },
    /// The key frames of the qualities leave a segment longer than allowed.
    #[error(
        "'{group}': between {at:?} s and the next key frame that all {qualities} qualities share lie more than {limit:?} s; encode all qualities with the same fixed key-frame interval (ffmpeg: -force_key_frames 'expr:gte(t,n_forced*2)' -sc_threshold 0)"
    )]
    KeyFrameIntervalTooLarge {
        /// The group's name.
        group: String,
        /// Where the segment would begin.
        at: MediaTime,
        /// Number of qualities in the group.
        qualities: usize,
        /// The longest allowed.
        limit: MediaTime,
    },
    /// More qualities than a manifest may list.
    #[error("the film has {count} qualities; at most {limit} are served")]
    TooManyQualities {
        /// How many.
        count: usize,
        /// The most.
        limit: usize,
    },
    /// More segments than a manifest can list.
    #[error("'{group}' has {count} segments; at most {limit} are served")]
    TooManySegments {
        /// The group's name.
        group: String,
        /// How many.
        count: usize,
        /// The most.
        limit: usize,
    },
    /// The codec of a track cannot be served; kept for reports.
    #[error("{file}: track {track}: {source}")]
    Codec {
        /// File name.
        file: String,
        /// `track_ID`.
        track: u32,
        /// Why.
        source: codec::Error,
    },
}
