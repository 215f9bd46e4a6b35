//! Findings: a code, what follows from it, and the command that mends it.

use serde::{Serialize, Serializer};

use super::mend;
use crate::codec;
use crate::media::{SourceFile, TrackKind};
use crate::source::{Container, FileIndex, SourceTrack};

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It keeps a film, or a part of it, from streaming.
    Error,
    /// It streams, but not as well as it could or not all of it.
    Warning,
    /// Good to know.
    Note,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $severity:ident;)*) => {
        /// What was found. `docs/inspect.md` explains each.
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
    /// A file cannot be read as MP4.
    FileDamaged = "HW-FILE-DAMAGED", Error;
    /// A server manifest cannot be read.
    ManifestDamaged = "HW-MANIFEST-DAMAGED", Error;
    /// A server manifest names a file that is not there.
    FileMissing = "HW-FILE-MISSING", Error;
    /// The qualities share too few key frames.
    NoCommonGrid = "HW-NO-COMMON-GRID", Error;
    /// The film cannot be assembled for another reason.
    NotStreamable = "HW-NOT-STREAMABLE", Error;
    /// Key frames of the qualities differ.
    GopMisaligned = "HW-GOP-MISALIGNED", Warning;
    /// Key frames are far apart.
    LongGop = "HW-LONG-GOP", Warning;
    /// A track's codec is not supported.
    CodecUnsupported = "HW-CODEC-UNSUPPORTED", Warning;
    /// A track is already encrypted.
    Encrypted = "HW-ENCRYPTED", Warning;
    /// An edit list asks for more than streams can carry.
    MultipleEdits = "HW-MULTIPLE-EDITS", Warning;
    /// A track changes its sample entry.
    SeveralSampleEntries = "HW-SEVERAL-SAMPLE-ENTRIES", Warning;
    /// A track has no samples.
    EmptyTrack = "HW-EMPTY-TRACK", Warning;
    /// Tracks end at different times.
    LengthsDiffer = "HW-LENGTHS-DIFFER", Warning;
    /// Sound begins after the picture.
    AudioStartsLate = "HW-AUDIO-STARTS-LATE", Warning;
    /// `moov` is behind the media.
    MoovLast = "HW-MOOV-LAST", Note;
    /// A sound track's language is not known.
    LangUndetermined = "HW-LANG-UNDETERMINED", Note;
    /// There is no sound.
    NoAudio = "HW-NO-AUDIO", Note;
    /// There is no picture.
    NoVideo = "HW-NO-VIDEO", Note;
    /// Something in the server manifest is passed over.
    Skipped = "HW-SKIPPED", Note;
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
    /// File, track or presentation.
    pub at: String,
    /// What is there and what follows, in a sentence.
    pub consequence: String,
    /// Commands that mend it, ready to be pasted.
    pub mend: Vec<String>,
}

impl Finding {
    pub(super) fn new(code: Code, at: impl Into<String>, consequence: impl Into<String>) -> Finding {
        let (at, consequence) = (at.into(), consequence.into());
        Finding { code, severity: code.severity(), at, consequence, mend: Vec::new() }
    }

    pub(super) fn mend(mut self, command: String) -> Finding {
        self.mend.push(command);
        self
    }
}

/// What a file says by itself.
pub(super) fn of_file(file: &SourceFile, index: &FileIndex, findings: &mut Vec<Finding>) {
    if let Container::Progressive { moov_first: false } = index.container {
        findings.push(
            Finding::new(
                Code::MoovLast,
                &file.name,
                "The movie's index is behind the media: streaming is not affected, but a progressive download plays only when it is complete.",
            )
            .mend(mend::faststart(&file.name)),
        );
    }
    for (index_of_kind, track) in with_index_of_kind(index) {
        of_track(&file.name, index_of_kind, track, findings);
    }
}

/// Tracks with their number among those of their kind, as ffmpeg's stream specifiers count.
fn with_index_of_kind(index: &FileIndex) -> impl Iterator<Item = (usize, &SourceTrack)> {
    index
        .tracks
        .iter()
        .enumerate()
        .map(|(i, track)| (index.tracks.iter().take(i).filter(|t| t.kind == track.kind).count(), track))
}

fn of_track(file: &str, index_of_kind: usize, track: &SourceTrack, findings: &mut Vec<Finding>) {
    // Tracks that no format carries (hints, time codes, text) are not what a film lacks.
    let Some(kind) = track.kind else { return };
    let at = format!("{file}, track {}", track.id);
    match &track.codec {
        Err(codec::Error::Encrypted { reason, .. }) => findings.push(Finding::new(
            Code::Encrypted,
            &at,
            format!("The track is encrypted in the file and left out, because {reason}; publish the clear file."),
        )),
        Err(error) => findings.push(
            Finding::new(Code::CodecUnsupported, &at, format!("The track is left out: {error}."))
                .mend(mend::transcode(file, kind, index_of_kind)),
        ),
        Ok(_) if track.samples.is_empty() => {
            findings.push(Finding::new(Code::EmptyTrack, &at, "The track has no samples, so it is left out."));
        }
        Ok(_) => {}
    }
    if track.edits_simplified {
        findings.push(
            Finding::new(
                Code::MultipleEdits,
                &at,
                "The edit list cuts the track into several pieces or changes its speed: only the first piece is placed as the list says, so what follows may be out of step.",
            )
            .mend(mend::apply_edits(file)),
        );
    }
    if track.several_sample_entries {
        findings.push(
            Finding::new(
                Code::SeveralSampleEntries,
                &at,
                "The track changes its codec parameters on the way: players are told the first ones only and may fail where they change.",
            )
            .mend(mend::transcode(file, kind, index_of_kind)),
        );
    }
    let unknown = track.language.is_empty() || track.language.eq_ignore_ascii_case("und");
    if kind == TrackKind::Audio && unknown {
        findings.push(
            Finding::new(
                Code::LangUndetermined,
                &at,
                "The sound's language is not known: players cannot choose it by the viewer's language (systemLanguage in the .ism helps too).",
            )
            .mend(mend::language(file, index_of_kind)),
        );
    }
}
