//! What can be wrong with captions.

use crate::xml;

/// Why captions cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file does not begin with the line `WEBVTT` (WebVTT 4.1).
    #[error("it does not begin with the line WEBVTT")]
    NotWebVtt,
    /// There is no cue in it at all.
    #[error("there is no cue in it: a number, a line such as 00:00:01,000 --> 00:00:02,500, and text")]
    NotSubRip,
    /// The root element is not TTML's `tt`.
    #[error("the root element is '{root}', not TTML's 'tt'")]
    NotTtml {
        /// What it is.
        root: String,
    },
    /// Not well-formed or not harmless XML.
    #[error("{0}")]
    Xml(#[from] xml::Error),
    /// A TTML parameter that is none.
    #[error("{name}=\"{value}\" is not what TTML allows")]
    Parameter {
        /// The attribute.
        name: &'static str,
        /// Its value, cut after 64 characters.
        value: String,
    },
    /// More bytes than captions have.
    #[error("captions of {bytes} bytes; at most {limit} are read")]
    TooLarge {
        /// How many.
        bytes: u64,
        /// The most that are read.
        limit: u64,
    },
    /// More cues than captions have.
    #[error("there are more than {limit} cues")]
    TooManyCues {
        /// The most that are read.
        limit: usize,
    },
    /// A sample of an MP4 track is damaged.
    #[error("sample {sample}: {what}")]
    Sample {
        /// Index of the sample.
        sample: usize,
        /// What is wrong.
        what: &'static str,
    },
}

/// The most bytes of a caption file, or of all samples of a track: an hour of dense TTML has one or two million.
pub const MAX_BYTES: u64 = 32 << 20;
/// The most cues of a track: a day of one each second has 86,400.
pub const MAX_CUES: usize = 200_000;
