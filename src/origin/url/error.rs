//! What can be wrong with a URL.

use super::{MAX_FILTERS, MAX_PARAMS, MAX_PATH};

/// Why a path is not a streaming URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// The path has more than [`MAX_PATH`] bytes.
    #[error("the path has {bytes} bytes, more than the {MAX_PATH} that any streaming URL needs")]
    TooLong {
        /// Bytes in the path.
        bytes: usize,
    },
    /// The first part of the path is not a locator, so it names nothing here.
    #[error("the path does not begin with a locator's GUID")]
    NoLocator,
    /// A kind of file that is never given out: server manifests, fragmented sources, hidden files.
    #[error("{file:?} is not a file for download")]
    NotDownloadable {
        /// The file's decoded name.
        file: String,
    },
    /// More filters than one URL may name (Azure Media Services: three).
    #[error("{count} filters, but a URL may name at most {MAX_FILTERS}")]
    TooManyFilters {
        /// Filters in the URL.
        count: usize,
    },
    /// `encryption=` with a value that no format knows.
    #[error("encryption={value:?} is none of cbc, cenc, cbcs-aapl and piff")]
    UnknownEncryption {
        /// The value as sent, decoded.
        value: String,
    },
    /// The path breaks the grammar.
    #[error("at byte {at} of the decoded path: {problem}")]
    BadSyntax {
        /// Byte position in the decoded path where the trouble begins. For a bad escape it counts
        /// in the path as sent, because there is no decoded one.
        at: usize,
        /// What the trouble is.
        problem: Problem,
    },
}

impl UrlError {
    pub(super) const fn syntax(at: usize, problem: Problem) -> UrlError {
        UrlError::BadSyntax { at, problem }
    }
}

/// A broken rule of the URL grammar. The text says how to mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// `%` without two hexadecimal digits.
    #[error("% begins an escape and takes two hexadecimal digits; write %25 for the character itself")]
    BadEscape,
    /// The decoded bytes are not UTF-8.
    #[error("the escapes do not decode to UTF-8; encode names in UTF-8")]
    NotUtf8,
    /// A control character or a backslash.
    #[error("control characters and backslashes are in no name; leave it out")]
    ForbiddenCharacter,
    /// Two slashes in a row, or one at the end.
    #[error("an empty path segment; leave out the doubled or trailing slash")]
    EmptySegment,
    /// A locator with nothing after it.
    #[error("nothing after the locator; add NAME.ism/Manifest or a file name")]
    NothingAsked,
    /// The second segment is not a server manifest although more follows.
    #[error("expected a server manifest; its name ends in .ism")]
    NotAServerManifest,
    /// `NAME.ism/…` followed by something unknown.
    #[error("unknown noun; expected Manifest, QualityLevels(BITRATE), Thumbnails or Thumbnail")]
    UnknownNoun,
    /// `QualityLevels(…)/…` followed by something unknown.
    #[error("unknown noun; expected Fragments, FragmentInfo, RawFragments, KeyFrames or Manifest")]
    UnknownTrackNoun,
    /// `QualityLevels(…)` with nothing after it.
    #[error("nothing after the quality level; add /Fragments(TRACK=TIME)")]
    NoTrackObject,
    /// More path segments than any form has.
    #[error("more path segments than any streaming URL has; end it before this one")]
    TrailingSegment,
    /// No opening parenthesis where one belongs.
    #[error("expected an opening parenthesis")]
    NoParenthesis,
    /// Parentheses that do not match.
    #[error("the parentheses do not match; close each one that is opened")]
    Unbalanced,
    /// Something other than a suffix after the closing parenthesis.
    #[error("only a suffix such as .mpd or .m4s may stand here")]
    BadSuffix,
    /// A number was expected.
    #[error("expected a decimal number")]
    NotANumber,
    /// A number that does not fit into 64 bits.
    #[error("the number does not fit into 64 bits")]
    NumberTooLarge,
    /// No track name where one belongs.
    #[error("expected a track name")]
    NoTrack,
    /// Not `TRACK=TIME`.
    #[error("expected TRACK=TIME, where TIME is a number or the letter i")]
    NoTime,
    /// More parameters than allowed.
    #[error("more than {MAX_PARAMS} parameters; leave some out")]
    TooManyParams,
    /// Not of the form `name=value`.
    #[error("expected NAME=VALUE, both of them non-empty")]
    NotAParam,
    /// A parameter name that does not exist.
    #[error("unknown parameter; known are format, encryption, filter, audio-only, audioTrack and type")]
    UnknownParam,
    /// The same parameter twice.
    #[error("this parameter stands here twice; leave one out")]
    DuplicateParam,
    /// A value that this parameter does not take.
    #[error("a boolean is either true or false")]
    NotABoolean,
    /// `type=` on anything but a track playlist, or not `keyframes`.
    #[error("type takes only keyframes, and only on a track playlist")]
    InvalidType,
    /// An empty name among the filters.
    #[error("an empty filter name; leave out the doubled or trailing semicolon")]
    EmptyFilter,
}
