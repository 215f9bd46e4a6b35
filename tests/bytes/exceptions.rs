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
    Exception { film: "eac3", about: "m3u8-aapl", says: "in the sound instead of", reason: BLOCKS },
];

/// The film signals SBR and PS in its AudioSpecificConfig (ISO/IEC 14496-3 1.6.5), which is what
/// manifests go by, but its frames hold none (`fixtures/he-aac.mjs`): ffprobe reports what it found in the
/// frames, and ADTS, which cannot signal them, leaves a decoder at the core's rate.
const SBR: &str = "HE-AAC in name only: no SBR data in the frames";

/// A sample of the real film is six syncframes of one block each. ffmpeg decodes the first of them and then misses
/// five blocks, in the source after each sample, in a transport stream after each PES packet.
const BLOCKS: &str = "ffmpeg decodes one of six frames in a sample";

/// Why a failure is none.
pub fn reason(film: &str, failure: &str) -> Option<&'static str> {
    let found = EXCEPTIONS.iter().find(|e| e.film == film && failure.starts_with(e.about) && failure.contains(e.says));
    found.map(|e| e.reason)
}

/// By how much ffmpeg reads the sound of a source too late, ticks of the source.
///
/// `itunsmpb` has no edit list but iTunes' note of 1,024 samples of priming. ffmpeg leaves those out, and the rest at
/// the times that it has in the file; by the note, what follows them is at 0, as after an edit list.
///
/// `fragmented-ismv` has its fragments' times in `tfxd` alone, and that of the first is −213,333 (10 MHz):
/// encoder priming comes before zero, where the pictures' `tfxd` begin. ffmpeg does not read `tfxd` and
/// counts from 0.
pub fn sound_is_late_by(film: &str) -> i64 {
    match film {
        "fragmented-ismv" => 213_333,
        "itunsmpb" => 1024,
        _ => 0,
    }
}
