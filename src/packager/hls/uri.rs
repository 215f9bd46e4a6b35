//! Relative URLs of playlists and segments, and text that may stand in a playlist.

use crate::packager::names::push_name;
use crate::packager::{Context, Dialect};

use super::Flavor;

/// Where a track-playlist URL leads besides the track itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlaylistUri<'a> {
    /// Name of the group.
    pub name: &'a str,
    /// Bitrate of the track.
    pub bitrate: u64,
    /// The audio group muxed in (v3).
    pub audio: Option<&'a str>,
    /// The playlist of key frames alone.
    pub keyframes: bool,
}

/// Appends the URL of a track playlist, relative to the multivariant playlist. `filter=` is repeated
/// in it; query strings never are.
pub(super) fn push_playlist(out: &mut String, flavor: Flavor, uri: PlaylistUri<'_>, context: &Context<'_>) {
    out.push_str("QualityLevels(");
    push_number(out, uri.bitrate);
    out.push_str(")/Manifest(");
    push_name(out, uri.name);
    push_format(out, flavor, uri.audio, context);
    push_filters(out, context);
    if uri.keyframes {
        out.push_str(",type=keyframes");
    }
    out.push(')');
    out.push_str(suffix(context.dialect, ".m3u8"));
}

/// Appends the URL of the playlist of thumbnails, relative to the multivariant playlist.
pub(super) fn push_images(out: &mut String, flavor: Flavor, context: &Context<'_>) {
    out.push_str("Thumbnails(format=");
    out.push_str(flavor.tag());
    push_filters(out, context);
    out.push(')');
    out.push_str(suffix(context.dialect, ".m3u8"));
}

fn push_filters(out: &mut String, context: &Context<'_>) {
    for (index, filter) in context.selection.filters.iter().enumerate() {
        out.push_str(if index == 0 { ",filter=" } else { ";" });
        push_name(out, filter);
    }
}

/// Appends `,format=…`, `,encryption=…` and `,audiotrack=…`.
fn push_format(out: &mut String, flavor: Flavor, audio: Option<&str>, context: &Context<'_>) {
    out.push_str(",format=");
    out.push_str(flavor.tag());
    if let Some(scheme) = context.selection.encryption {
        out.push_str(",encryption=");
        out.push_str(scheme.as_str());
    }
    if let Some(audio) = audio {
        out.push_str(",audiotrack=");
        push_name(out, audio);
    }
}

/// The constant pieces of the segment URLs of one playlist, relative to that playlist.
#[derive(Clone, Debug)]
pub(super) struct SegmentUri {
    before: String,
    after: String,
}

impl SegmentUri {
    /// URLs of `noun` (`Fragments`, `KeyFrames`) for the group `name`. `extension` is the cosmetic suffix.
    pub fn new(
        noun: &str,
        name: &str,
        flavor: Flavor,
        audio: Option<&str>,
        context: &Context<'_>,
        extension: &str,
    ) -> SegmentUri {
        let mut before = String::with_capacity(64);
        before.push_str(noun);
        before.push('(');
        push_name(&mut before, name);
        before.push('=');
        let mut after = String::with_capacity(64);
        push_format(&mut after, flavor, audio, context);
        after.push(')');
        after.push_str(suffix(context.dialect, extension));
        SegmentUri { before, after }
    }

    /// Bytes of a URL with a time of `digits` digits.
    pub fn len(&self, digits: usize) -> usize {
        self.before.len() + digits + self.after.len()
    }

    /// What stands before the time.
    pub fn before(&self) -> &str {
        &self.before
    }

    /// What stands after the time.
    pub fn after(&self) -> String {
        self.after.clone()
    }

    /// Appends the URL of the initialization segment.
    pub fn push_init(&self, out: &mut String) {
        out.push_str(&self.before);
        out.push('i');
        out.push_str(&self.after);
    }
}

/// `extension` where players want one: some refuse URLs that end in a parenthesis.
fn suffix(dialect: Dialect, extension: &str) -> &str {
    match dialect {
        Dialect::Modern => extension,
        Dialect::Ams => "",
    }
}

/// Appends a decimal number.
pub(super) fn push_number(out: &mut String, number: u64) {
    out.push_str(itoa::Buffer::new().format(number));
}

/// Appends a quoted string (RFC 8216 4.2): double quotes and control characters cannot stand in one and
/// become apostrophes and spaces.
pub(super) fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    out.extend(text.chars().map(printable));
    out.push('"');
}

fn printable(c: char) -> char {
    match c {
        '"' => '\'',
        c if c.is_control() => ' ',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_strings_keep_no_quote_and_no_control_character() {
        let mut out = String::new();
        push_quoted(&mut out, "Director's \"cut\"\r\n\u{85}ü");
        assert_eq!(out, "\"Director's 'cut'   ü\"");
    }
}
