//! Output formats: from a presentation and stored sample bytes to manifests and segments.
//!
//! Each format is one value in [`FORMATS`]. A segment is made in two steps, so that whoever does I/O
//! stays outside: [`Format::plan`] says which samples are wanted, [`Format::segment`] turns their bytes
//! into the answer. Nothing here knows hosts, status codes, headers, caches or locators.

mod bitrate;
mod body;
mod captions;
mod carried;
mod encrypt;
mod envelope;
mod fragment;
mod key_frames;
mod left_out;
mod markup;
mod names;
mod payload;
mod plan;
mod runs;
#[cfg(test)]
pub(crate) mod testing;
mod track_fragment;

pub mod cmaf;
pub mod dash;
pub mod figures;
pub mod filter;
pub mod hls;
pub mod protection;
pub mod smooth;
pub mod thumbnails;

use std::fmt;

use bytes::Bytes;

pub use body::{MediaData, Rendered, Validity};
pub use left_out::left_out;
pub use plan::{Noun, Part, Plan, SegmentRequest};

pub use crate::media::MAX_QUALITIES;

use crate::codec::{Codec, SampleError};
use crate::isobmff::{TooManySubsamples, WriteError};
use crate::media::language;
use crate::media::{Presentation, TrackKind, TrackRef};
use crate::protection::Scheme;
use crate::time::{Timescale, UtcTime};

/// All output formats. The URL grammar asks this list which `format=` values exist.
pub static FORMATS: &[&dyn Format] =
    &[&smooth::SMOOTH, &smooth::SMOOTH_V20, &dash::Csf, &dash::Cmaf, &hls::V4, &hls::V3, &hls::CmafHls];

/// The format of a `format=` value (lower case; empty when the URL names none).
pub fn format(tag: &str) -> Option<&'static dyn Format> {
    FORMATS.iter().copied().find(|f| f.tags().contains(&tag))
}

/// Streaming protocols, the unit in which delivery policies allow and block.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Protocol {
    /// Smooth Streaming.
    Smooth,
    /// MPEG-DASH.
    Dash,
    /// HTTP Live Streaming.
    Hls,
}

/// Whether to write what Azure Media Services wrote or what today's players want, where the two differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub enum Dialect {
    /// What today's players want.
    #[default]
    Modern,
    /// Azure Media Services' own form.
    Ams,
}

/// Choices that a URL makes and child URLs inherit.
#[derive(Clone, PartialEq, Eq, Debug, Default, Hash)]
pub struct Selection {
    /// `audio-only=`: whether an HLS v4 multivariant playlist ends with an audio-only variant.
    pub audio_only: Option<bool>,
    /// `audioTrack=`: the audio group muxed into HLS v3 variants.
    pub audio_track: Option<String>,
    /// `encryption=`, repeated in all URLs below.
    pub encryption: Option<Scheme>,
    /// `filter=a;b;c`, repeated in HLS track-playlist URLs.
    pub filters: Vec<String>,
}

/// What a rendering depends on besides the presentation.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Which of two forms to write.
    pub dialect: Dialect,
    /// The present.
    pub now: UtcTime,
    /// What the URL selects.
    pub selection: &'a Selection,
    /// The film's thumbnails; `None` when there are none to be listed.
    pub thumbnails: Option<thumbnails::Grid>,
    /// How and with what media is encrypted; `None` in the clear.
    pub protection: Option<&'a protection::Protection>,
    /// What was measured of the film before; `None` measures each time.
    pub figures: Option<&'a dyn figures::Figures>,
}

/// One output format.
pub trait Format: Sync + fmt::Debug {
    /// Values of `format=` that ask for it, canonical first; the empty string where it is the default.
    fn tags(&self) -> &'static [&'static str];

    /// Its protocol.
    fn protocol(&self) -> Protocol;

    /// It can carry that codec.
    fn carries(&self, codec: &dyn Codec) -> bool;

    /// Encryptions that it knows (streaming contract 8.7).
    fn schemes(&self) -> &'static [Scheme];

    /// It can carry that codec in that encryption.
    fn protects(&self, codec: &dyn Codec, scheme: Scheme) -> bool {
        !scheme.encrypts_samples() || codec.text().is_some() || codec.subsampling().is_some()
    }

    /// It can send on samples that are stored encrypted in that scheme.
    fn passes_on(&self, scheme: Scheme) -> bool {
        scheme.encrypts_samples() && self.schemes().contains(&scheme)
    }

    /// Unit of the times in its URLs for tracks of group `group`.
    fn url_timescale(&self, presentation: &Presentation, group: usize, context: &Context<'_>) -> Timescale;

    /// How many segments of a group are sent as one.
    fn fragments_per_segment(&self, _: &Presentation) -> usize {
        1
    }

    /// The manifest: client manifest, MPD or multivariant playlist.
    ///
    /// # Errors
    /// [`Error::NothingToCarry`] and others.
    fn manifest(&self, presentation: &Presentation, context: &Context<'_>) -> Result<Rendered, Error>;

    /// The media playlist of one track (HLS only), of its key frames alone if `keyframes`.
    ///
    /// # Errors
    /// [`Error::NoSuchResource`] in formats without media playlists.
    fn playlist(&self, _: &Presentation, _: TrackRef, _keyframes: bool, _: &Context<'_>) -> Result<Rendered, Error> {
        Err(Error::NoSuchResource)
    }

    /// The list of thumbnails (HLS only).
    ///
    /// # Errors
    /// [`Error::NoSuchResource`] in other formats, and without [`Context::thumbnails`].
    fn images(&self, _: &Presentation, _: &Context<'_>) -> Result<Rendered, Error> {
        Err(Error::NoSuchResource)
    }

    /// The initialization segment of one track.
    ///
    /// # Errors
    /// [`Error::NoSuchResource`] in formats without initialization segments.
    fn init(&self, _: &Presentation, _: TrackRef, _: &Context<'_>) -> Result<Rendered, Error> {
        Err(Error::NoSuchResource)
    }

    /// Which samples a segment is made of.
    ///
    /// # Errors
    /// [`Error::NoSuchTime`] when no segment begins then, [`Error::NoSuchResource`] for a noun that this format lacks.
    fn plan(
        &self,
        presentation: &Presentation,
        request: &SegmentRequest<'_>,
        context: &Context<'_>,
    ) -> Result<Plan, Error>;

    /// The media type of a planned segment.
    fn segment_type(&self, presentation: &Presentation, plan: &Plan) -> &'static str {
        let group = plan.track().and_then(|track| presentation.groups.get(track.group));
        track_fragment::media_type(group.map_or(TrackKind::Video, |group| group.kind))
    }

    /// The segment, from a plan and the stored bytes of its samples.
    ///
    /// # Errors
    /// [`Error::Sample`] when stored bytes contradict their track, [`Error::MissingMedia`] when `media`
    /// lacks some of [`Plan::reads`].
    fn segment(
        &self,
        presentation: &Presentation,
        plan: &Plan,
        media: &MediaData,
        context: &Context<'_>,
    ) -> Result<Rendered, Error>;
}

/// Why something cannot be written.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The format has no such kind of resource.
    #[error("this format has no such resource")]
    NoSuchResource,
    /// No segment begins at that time.
    #[error("no segment of '{group}' begins at {time}; its times are in the manifest")]
    NoSuchTime {
        /// The group's URL name.
        group: String,
        /// The time asked for, ticks of the URL's timescale.
        time: u64,
    },
    /// No group of that name.
    #[error("no track is named '{name}'")]
    NoSuchTrack {
        /// The name asked for.
        name: String,
    },
    /// None of the presentation's tracks can be carried.
    #[error("none of the film's tracks can be carried in this format ({codecs})")]
    NothingToCarry {
        /// The codecs that the film has, comma separated.
        codecs: String,
    },
    /// More qualities than a manifest may list.
    #[error("the film has {count} qualities; a manifest lists at most {limit}")]
    TooManyQualities {
        /// How many it has.
        count: usize,
        /// The most allowed.
        limit: usize,
    },
    /// Stored bytes contradict their track.
    #[error("sample {sample} of the segment: {source}")]
    Sample {
        /// Index in the segment, decode order.
        sample: usize,
        /// What is wrong with it.
        source: SampleError,
    },
    /// Bytes that the plan named were not given.
    #[error("{length} bytes at {offset} of file {file} are missing")]
    MissingMedia {
        /// Which file.
        file: u32,
        /// First byte.
        offset: u64,
        /// How many.
        length: u32,
    },
    /// A segment larger than boxes and budgets allow.
    #[error("the segment has {bytes} bytes; at most {limit} can be sent")]
    SegmentTooLarge {
        /// Media bytes in it.
        bytes: u64,
        /// The most allowed.
        limit: u64,
    },
    /// More samples in a segment than any real one has.
    #[error("the segment has {count} samples; at most {limit} can be sent")]
    TooManySamples {
        /// How many it has.
        count: u32,
        /// The most allowed.
        limit: u32,
    },
    /// A segment that does not fit the boxes of a movie fragment.
    #[error(transparent)]
    Fragment(WriteError),
    /// More encrypted parts of a sample than boxes can tell.
    #[error(transparent)]
    TooManySubsamples(TooManySubsamples),
    /// What tells how samples are encrypted in their file is not of all of them.
    #[error("the file does not tell of all samples how they are encrypted")]
    MissingEncryption,
    /// A fragment is stored under several keys, which this format cannot tell.
    #[error("the samples of one fragment are stored under several keys, which this format has no words for")]
    SeveralKeysInFragment,
    /// A film that is stored encrypted in a way that this format does not have.
    #[error("the film is stored encrypted with {scheme}, which this format does not have; ask for another format")]
    StoredEncryption {
        /// The scheme type.
        scheme: String,
    },
    /// A track that cannot be protected in this way.
    #[error(
        "{codec} cannot be encrypted with {scheme} in this format; use another encryption or leave its tracks clear"
    )]
    NotProtectable {
        /// The codec, as RFC 6381 names it.
        codec: String,
        /// The encryption, as URLs name it.
        scheme: &'static str,
    },
    /// A time that cannot be written in the boxes of this format.
    #[error("a composition offset of {offset} ticks does not fit its box")]
    CompositionOffsetTooLarge {
        /// The offset, ticks of the output timescale.
        offset: i64,
    },
}

impl From<WriteError> for Error {
    fn from(error: WriteError) -> Error {
        Error::Fragment(error)
    }
}

/// The most media bytes in one segment: 1 GiB.
pub const MAX_SEGMENT_BYTES: u64 = 1 << 30;

/// The most samples of one track in a segment: each costs work and headers even if it has no bytes. A
/// minute of 96 kHz AAC has 5,625.
pub const MAX_SEGMENT_SAMPLES: u32 = 1 << 15;

/// A body of one piece.
fn text(body: String, content_type: &'static str) -> Rendered {
    Rendered { body: vec![Bytes::from(body)], content_type, validity: Validity::Revision, duration: None }
}
