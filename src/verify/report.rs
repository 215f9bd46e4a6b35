//! What is reported.

use serde::{Serialize, Serializer};

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Players stumble.
    Error,
    /// Some players may stumble.
    Warning,
    /// Good to know.
    Note,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $severity:ident;)*) => {
        /// What a finding is about.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// All codes.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The code as it is printed.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            /// How bad it is.
            pub fn severity(self) -> Severity {
                match self { $(Code::$name => Severity::$severity,)* }
            }
        }
    };
}

codes! {
    /// No answer, or one that breaks off.
    Unreachable = "HW-UNREACHABLE", Error;
    /// An answer with another status than 200 (206 for byte ranges).
    Status = "HW-STATUS", Error;
    /// A manifest or initialization segment cannot be read.
    Unreadable = "HW-UNREADABLE", Error;
    /// A manifest contradicts itself.
    Contradiction = "HW-CONTRADICTION", Error;
    /// A segment is damaged or not whole.
    SegmentDamaged = "HW-SEGMENT-DAMAGED", Error;
    /// A segment begins at another time than the manifest says.
    TimeDiffers = "HW-TIME-DIFFERS", Error;
    /// A segment lasts longer or shorter than the manifest says.
    LengthDiffers = "HW-LENGTH-DIFFERS", Error;
    /// Something is missing between two segments.
    Gap = "HW-GAP", Error;
    /// A segment begins before the one before it ends.
    Overlap = "HW-OVERLAP", Error;
    /// The codec is another one than the manifest says.
    CodecDiffers = "HW-CODEC-DIFFERS", Error;
    /// A key is not given, or is none.
    KeyRefused = "HW-KEY-REFUSED", Error;
    /// Manifest and media tell different encryption.
    ProtectionDiffers = "HW-PROTECTION-DIFFERS", Error;
    /// The formats differ in what should be the same.
    FormatsDiffer = "HW-FORMATS-DIFFER", Error;
    /// No format can be had at all.
    NothingPlays = "HW-NOTHING-PLAYS", Error;
    /// The media type of an answer is not what players expect.
    ContentType = "HW-CONTENT-TYPE", Warning;
    /// A segment of pictures does not begin with a key frame.
    NoKeyFrame = "HW-NO-KEY-FRAME", Warning;
    /// The manifest itself leaves time out.
    ListedGap = "HW-LISTED-GAP", Warning;
    /// A picture stands unusually long at the end of a segment.
    LongPicture = "HW-LONG-PICTURE", Warning;
    /// The server does not give the film in this format.
    Refused = "HW-REFUSED", Note;
    /// The format cannot carry a track.
    LeftOut = "HW-LEFT-OUT", Note;
    /// Samples are encrypted.
    Encrypted = "HW-ENCRYPTED", Note;
    /// Fetched, but not looked into.
    NotRead = "HW-NOT-READ", Note;
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One thing to know or mend.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// What it is.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// The track, if it is about one.
    pub stream: Option<String>,
    /// Where the object in question is, if it is about one.
    pub url: Option<String>,
    /// What was found, in a sentence.
    pub message: String,
}

impl Finding {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Finding {
        Finding { code, severity: code.severity(), stream: None, url: None, message: message.into() }
    }

    pub(super) fn of(self, stream: &str) -> Finding {
        Finding { stream: Some(stream.to_owned()), ..self }
    }

    pub(super) fn at(self, url: &url::Url) -> Finding {
        Finding { url: Some(url.as_str().to_owned()), ..self }
    }
}

/// Kinds of tracks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamKind {
    /// Pictures, in HLS 3 with sound.
    Video,
    /// Sound.
    Audio,
    /// Captions and subtitles.
    Text,
    /// Thumbnails.
    Image,
}

/// A track in a format.
#[derive(Clone, Debug, Serialize)]
pub struct StreamReport {
    /// Name and bit rate.
    pub name: String,
    /// Its kind.
    pub kind: StreamKind,
    /// Key frames alone.
    pub key_frames: bool,
    /// The codecs that the manifest states (RFC 6381).
    pub codecs: Vec<String>,
    /// How the manifest says that it is encrypted: `AES-128` as a whole, or the scheme; nothing in the clear.
    pub encryption: Option<String>,
    /// How long it is by the manifest, microseconds.
    pub duration_us: i64,
    /// Segments listed.
    pub segments: usize,
    /// Segments fetched and checked.
    pub checked: usize,
    /// Bytes fetched.
    pub bytes: u64,
}

/// A film in one format.
#[derive(Clone, Debug, Serialize)]
pub struct FormatReport {
    /// `format=` in URLs; empty for Smooth.
    pub format: &'static str,
    /// The protocol.
    pub protocol: &'static str,
    /// The manifest.
    pub url: String,
    /// The tracks.
    pub streams: Vec<StreamReport>,
    /// What was found, as it was found.
    pub findings: Vec<Finding>,
    /// Further findings that are not kept.
    pub findings_dropped: u64,
}

/// The most findings that are kept of a format.
const MAX_FINDINGS: usize = 1_000;

impl FormatReport {
    pub(super) fn push(&mut self, finding: Finding) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        } else {
            self.findings_dropped += 1;
        }
    }

    /// The format's name for people.
    pub fn title(&self) -> String {
        format!("{} {}", self.protocol, self.format).trim_end().to_owned()
    }
}

/// Everything that was found of a film.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The film.
    pub url: String,
    /// Each format.
    pub formats: Vec<FormatReport>,
    /// What was found when the formats were compared.
    pub findings: Vec<Finding>,
    /// Requests made.
    pub requests: u64,
    /// Bytes received.
    pub bytes: u64,
    /// The longest that an answer took, microseconds.
    pub slowest_us: u64,
    /// Which one that was.
    pub slowest_url: String,
}

impl Report {
    /// Something is wrong.
    pub fn has_errors(&self) -> bool {
        self.all().any(|finding| finding.severity == Severity::Error)
    }

    /// How many findings there are of a severity, those that were not kept counted as errors.
    pub fn count(&self, severity: Severity) -> u64 {
        let dropped: u64 = self.formats.iter().map(|f| f.findings_dropped).sum();
        let kept = self.all().filter(|finding| finding.severity == severity).count() as u64;
        kept + if severity == Severity::Error { dropped } else { 0 }
    }

    fn all(&self) -> impl Iterator<Item = &Finding> {
        self.formats.iter().flat_map(|format| &format.findings).chain(&self.findings)
    }
}
