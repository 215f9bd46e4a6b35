//! The neutral model: cues in WebVTT's terms, which is what every source becomes.

/// Something to be shown for a while.
#[derive(Clone, PartialEq, Eq, Debug, Default, Hash)]
pub struct Cue {
    /// When it appears, milliseconds of the presentation.
    pub begin: u64,
    /// When it goes, milliseconds; always after `begin`.
    pub end: u64,
    /// WebVTT's cue identifier, or TTML's `xml:id`; empty if it has none.
    pub id: String,
    /// WebVTT cue settings (WebVTT 4.4) as they stand behind the times; empty if there are none.
    pub settings: String,
    /// WebVTT cue text (WebVTT 4.2.2), tags and escapes included, lines divided by `\n`.
    pub payload: String,
}

impl Cue {
    /// It is shown at some time from `begin` to `end` (exclusive), milliseconds.
    pub fn overlaps(&self, begin: u64, end: u64) -> bool {
        self.begin < end && self.end > begin
    }
}

/// A whole track of captions or subtitles.
#[derive(Clone, Debug, Default)]
pub struct TimedText {
    /// Cues in order of `begin`.
    pub cues: Vec<Cue>,
}

impl TimedText {
    /// When the last cue goes, milliseconds; 0 without cues.
    pub fn end(&self) -> u64 {
        self.cues.iter().map(|cue| cue.end).max().unwrap_or(0)
    }
}
