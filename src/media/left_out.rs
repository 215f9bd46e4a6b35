//! Tracks that are stored and not sent.

/// A stored track that is not sent, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeftOut {
    /// Path of its file inside the asset.
    pub file: String,
    /// `tkhd.track_ID` in that file.
    pub track: u32,
    /// The `codecs` parameter of RFC 6381 or, where no codec reads it, the type of its sample entry.
    pub codec: String,
    /// Why.
    pub why: WhyLeftOut,
}

/// Why a track is not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum WhyLeftOut {
    /// No codec of this program reads it.
    Codec,
    /// It is encrypted in the file.
    Encrypted,
    /// Its sample entry is damaged.
    Damaged,
    /// It has no samples to serve.
    Empty,
    /// The server manifest names a file of captions that is not there.
    Missing,
    /// The format asked for cannot carry its codec.
    Format,
    /// The encryption asked for cannot be applied to its codec.
    Protection,
}

impl WhyLeftOut {
    /// One word, as reports and the header `x-headwater-left-out` have it.
    pub fn as_str(self) -> &'static str {
        match self {
            WhyLeftOut::Codec => "codec",
            WhyLeftOut::Encrypted => "encrypted",
            WhyLeftOut::Damaged => "damaged",
            WhyLeftOut::Empty => "empty",
            WhyLeftOut::Missing => "missing",
            WhyLeftOut::Format => "format",
            WhyLeftOut::Protection => "protection",
        }
    }
}
