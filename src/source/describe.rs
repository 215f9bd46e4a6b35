//! What a stored track says of itself: what it is for, and what people call it.

use crate::isobmff;
use crate::media::Purpose;

/// Longer names are cut, characters.
const MAX_LABEL: usize = 120;

/// Roles from `kind` boxes (ISO/IEC 14496-12 8.10.4) and QuickTime's media characteristic tags.
pub(super) fn purpose(track: &isobmff::Track) -> Purpose {
    let mut purpose = Purpose::default();
    track.kinds.iter().for_each(|(scheme, value)| purpose.add_kind(scheme, value));
    track.characteristics.iter().for_each(|tag| purpose.add_characteristics(tag));
    purpose
}

/// The track's name in its user data, else its handler's name where that was written for people.
pub(super) fn label(track: &isobmff::Track) -> Option<String> {
    let names = [track.name.as_deref(), Some(track.handler_name.as_str()).filter(|name| !is_boilerplate(name))];
    names.into_iter().flatten().map(clean).find(|name| !name.is_empty())
}

/// The handler's name says what software wrote it, or what kind of track it is.
fn is_boilerplate(name: &str) -> bool {
    const SOFTWARE: [&str; 14] = [
        "handler",
        "handle",
        "media",
        "iso ",
        "gpac",
        "l-smash",
        "lavf",
        "apple",
        "quicktime",
        "mainconcept",
        "bento4",
        "produced",
        "created",
        "encoder",
    ];
    const KINDS: [&str; 14] = [
        "audio",
        "video",
        "sound",
        "soun",
        "vide",
        "text",
        "subtitle",
        "subtitles",
        "stereo",
        "mono",
        "surround",
        "track",
        "und",
        "hint",
    ];
    let lower = name.trim().to_ascii_lowercase();
    let bare = lower.trim_end_matches(|c: char| c.is_ascii_digit() || c.is_whitespace() || c == '#');
    SOFTWARE.iter().any(|word| lower.contains(word)) || KINDS.contains(&bare)
}

/// Without control characters and needless space.
fn clean(name: &str) -> String {
    let is_gap = |c: char| c.is_whitespace() || c.is_control() || c == '\u{fffd}';
    let words: Vec<&str> = name.split(is_gap).filter(|w| !w.is_empty()).collect();
    words.join(" ").chars().take(MAX_LABEL).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_software_are_no_labels() {
        for name in [
            "VideoHandler",
            "SoundHandler",
            "Core Media Audio",
            "ISO Media file produced by Google Inc.",
            "L-SMASH Audio Handler",
            "GPAC ISO Audio Handler",
            "Apple Sound Media Handler",
            "Stereo",
            "Track 2",
            "audio",
        ] {
            assert!(is_boilerplate(name), "{name}");
        }
        for name in ["English", "Director's commentary", "Español 5.1", "Deutsch (Audiodeskription)"] {
            assert!(!is_boilerplate(name), "{name}");
        }
        assert_eq!(clean(" a\n b\u{0}\u{fffd} "), "a b");
    }
}
