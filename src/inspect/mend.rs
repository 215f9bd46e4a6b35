//! Commands that mend a file, ready to be pasted into a shell.

use crate::media::TrackKind;

/// Copies into a new file; what ffmpeg can read of a damaged one survives.
pub(super) fn remux(file: &str) -> String {
    format!("ffmpeg -i {} -map 0 -c copy -movflags +faststart {}", input(file), output(file, "mp4"))
}

/// Moves the index to the front.
pub(super) fn faststart(file: &str) -> String {
    remux(file)
}

/// Encodes one track anew as what every player plays.
pub(super) fn transcode(file: &str, kind: TrackKind, index_of_kind: usize) -> String {
    let codec = match kind {
        TrackKind::Video => format!("-c:v:{index_of_kind} libx264 -pix_fmt yuv420p -crf 20 {}", KEY_FRAMES),
        TrackKind::Audio => format!("-c:a:{index_of_kind} aac -b:a:{index_of_kind} 128k"),
        TrackKind::Text => format!("-c:s:{index_of_kind} mov_text"),
    };
    format!("ffmpeg -i {} -map 0 -c copy {codec} -movflags +faststart {}", input(file), output(file, "mp4"))
}

/// Key frames each 2 s and nowhere else, so that all qualities have them at the same places.
const KEY_FRAMES: &str = "-force_key_frames 'expr:gte(t,n_forced*2)' -sc_threshold 0";

/// Encodes the picture anew at its own bit rate with a regular grid of key frames.
pub(super) fn regular_key_frames(file: &str, bitrate: u64) -> String {
    let kilobits = bitrate.div_ceil(1000).max(1);
    format!(
        "ffmpeg -i {} -map 0 -c copy -c:v libx264 -b:v {kilobits}k -maxrate {}k -bufsize {}k {KEY_FRAMES} -movflags +faststart {}",
        input(file),
        kilobits * 3 / 2,
        kilobits * 2,
        output(file, "mp4"),
    )
}

/// Decodes by the edit list and encodes what is presented.
pub(super) fn apply_edits(file: &str) -> String {
    format!(
        "ffmpeg -i {} -map 0:v? -map 0:a? -c:v libx264 -crf 20 {KEY_FRAMES} -c:a aac -b:a 128k -movflags +faststart {}",
        input(file),
        output(file, "mp4"),
    )
}

/// Says which language a sound track is in.
pub(super) fn language(file: &str, index_of_kind: usize) -> String {
    format!(
        "ffmpeg -i {} -map 0 -c copy -metadata:s:a:{index_of_kind} language=eng -movflags +faststart {}",
        input(file),
        output(file, ending(file)),
    )
}

/// Fills the time before the sound begins with silence.
pub(super) fn pad_audio(file: &str) -> String {
    format!(
        "ffmpeg -i {} -map 0 -c copy -c:a aac -b:a 128k -af aresample=async=1:first_pts=0 -movflags +faststart {}",
        input(file),
        output(file, ending(file)),
    )
}

/// Ends all tracks at `milliseconds`.
pub(super) fn cut(file: &str, milliseconds: u64) -> String {
    format!(
        "ffmpeg -i {} -map 0 -c copy -t {}.{:03} -movflags +faststart {}",
        input(file),
        milliseconds / 1000,
        milliseconds % 1000,
        output(file, ending(file)),
    )
}

fn ending(file: &str) -> &str {
    match file.rsplit_once('.') {
        Some((_, end)) if end.eq_ignore_ascii_case("m4a") => end,
        _ => "mp4",
    }
}

fn input(file: &str) -> String {
    quoted(file)
}

/// A new name beside the old one: ffmpeg cannot write the file that it reads.
fn output(file: &str, ending: &str) -> String {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    quoted(&format!("{stem}.mended.{ending}"))
}

/// As one word of a POSIX shell that is never taken for an option or a protocol.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    let path = if path.starts_with('-') || path.contains(':') { format!("./{path}") } else { path.to_owned() };
    if path.chars().all(plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_word_for_a_shell_and_never_an_option() {
        let table = [
            ("film.mp4", "film.mp4"),
            ("a b.mp4", "'a b.mp4'"),
            ("it's.mp4", r"'it'\''s.mp4'"),
            ("-y.mp4", "./-y.mp4"),
            ("$(rm).mp4", "'$(rm).mp4'"),
            ("http:x.mp4", "'./http:x.mp4'"),
        ];
        for (name, word) in table {
            assert_eq!(quoted(name), word);
        }
    }

    #[test]
    fn a_mended_file_never_takes_the_name_of_its_source() {
        for file in ["film.mp4", "film.mended.mp4", "film", "a/b.m4a", "x.ismv"] {
            assert_ne!(quoted(file), output(file, ending(file)));
        }
    }
}
