//! Where the judge and the source's standard disagree, and why the judge is not followed.

/// One disagreement.
pub struct Exception {
    /// The film.
    pub film: &'static str,
    /// What a failure's message begins with.
    pub about: &'static str,
    /// What it contains.
    pub says: &'static str,
    /// Why it is none.
    pub reason: &'static str,
}

/// All of them.
pub const EXCEPTIONS: &[Exception] = &[
    Exception { film: "he-aac", about: "", says: "ffprobe says", reason: SBR },
    Exception { film: "he-aac", about: "m3u8-aapl", says: "24000 samples/s", reason: SBR },
];

/// The film signals SBR and PS in its AudioSpecificConfig (ISO/IEC 14496-3 1.6.5), which is what
/// manifests go by, but its frames hold none (`fixtures/he-aac.mjs`): ffprobe reports what it found in the
/// frames, and ADTS, which cannot signal them, leaves a decoder at the core's rate.
const SBR: &str = "HE-AAC in name only: no SBR data in the frames";

/// Why a failure is none.
pub fn reason(film: &str, failure: &str) -> Option<&'static str> {
    let found = EXCEPTIONS.iter().find(|e| e.film == film && failure.starts_with(e.about) && failure.contains(e.says));
    found.map(|e| e.reason)
}

/// By how much ffmpeg reads the sound of a source too late, ticks of the source.
///
/// `fragmented-ismv` has its fragments' times in `tfxd` alone, and that of the first is −213,333 (10 MHz):
/// encoder priming comes before zero, where the pictures' `tfxd` begin. ffmpeg does not read `tfxd` and
/// counts from 0.
pub fn sound_is_late_by(film: &str) -> i64 {
    if film == "fragmented-ismv" { 213_333 } else { 0 }
}
