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
    /// It shows the same in the same way; times are not compared.
    pub(super) fn says_the_same(&self, other: &Cue) -> bool {
        self.id == other.id && self.settings == other.settings && self.payload == other.payload
    }

    /// Bytes of memory that it occupies.
    pub(super) fn memory(&self) -> usize {
        size_of::<Cue>() + self.id.capacity() + self.settings.capacity() + self.payload.capacity()
    }
}
