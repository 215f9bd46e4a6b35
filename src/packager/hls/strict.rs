//! A checker of playlists that passes nothing RFC 8216 forbids, for tests. It knows nothing of the code that
//! writes playlists.

use std::collections::{BTreeMap, BTreeSet};

/// Attributes of a tag: name → value, quotes kept.
pub(crate) type Attributes = BTreeMap<String, String>;

/// A multivariant playlist that broke no rule.
#[derive(Debug, Default)]
pub(crate) struct Multivariant {
    pub media: Vec<Attributes>,
    pub variants: Vec<(Attributes, String)>,
    pub key_frames: Vec<Attributes>,
}

/// A media playlist that broke no rule.
#[derive(Debug, Default)]
pub(crate) struct Media {
    pub version: u64,
    pub target_duration: u64,
    /// `EXTINF` in microseconds, and URI.
    pub segments: Vec<(u64, String)>,
    pub map: Option<String>,
    pub key_frames_only: bool,
}

/// What stands between the quotes of a quoted string.
pub(crate) fn unquoted(value: &str) -> &str {
    value.trim_matches('"')
}

enum Line<'a> {
    Tag(&'a str, &'a str),
    Uri(&'a str),
}

fn lines(text: &str) -> Vec<Line<'_>> {
    assert!(text.ends_with('\n'), "4.1: the last line is ended");
    assert!(text.starts_with("#EXTM3U\n"), "4.3.1.1: EXTM3U is first, without BOM");
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "4.1: no control characters but line ends");
    text.lines()
        .skip(1)
        .map(|line| {
            assert!(!line.is_empty() && line.trim() == line, "no blank lines, no white space around: {line:?}");
            match line.strip_prefix("#EXT") {
                Some(_) => {
                    let (name, value) = line.split_once(':').unwrap_or((line, ""));
                    Line::Tag(name, value)
                }
                None => {
                    assert!(!line.starts_with('#'), "a comment: {line}");
                    check_uri(line);
                    Line::Uri(line)
                }
            }
        })
        .collect()
}

fn check_uri(uri: &str) {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&b);
    assert!(!uri.is_empty() && uri.bytes().all(allowed), "RFC 3986: {uri}");
    for (at, _) in uri.match_indices('%') {
        let hex = uri.get(at + 1..at + 3).unwrap_or("");
        assert!(hex.len() == 2 && hex.bytes().all(|b| b.is_ascii_hexdigit()), "percent-encoding: {uri}");
    }
}

/// An attribute list (4.2): each value of a type that its attribute has, none twice.
fn attributes(tag: &str, list: &str) -> Attributes {
    let mut out = Attributes::new();
    let mut rest = list;
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=').unwrap_or_else(|| panic!("{tag}: no value in {rest}"));
        let allowed = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-';
        assert!(!name.is_empty() && name.bytes().all(allowed), "{tag}: attribute name {name:?}");
        let end = match after.strip_prefix('"') {
            Some(quoted) => quoted.find('"').unwrap_or_else(|| panic!("{tag}: {name} is not closed")) + 2,
            None => after.find(',').unwrap_or(after.len()),
        };
        let (value, after) = after.split_at(end);
        check_value(tag, name, value);
        assert!(out.insert(name.to_owned(), value.to_owned()).is_none(), "{tag}: {name} twice");
        rest = match after.strip_prefix(',') {
            Some(next) => {
                assert!(!next.is_empty(), "{tag}: ends with a comma");
                next
            }
            None => {
                assert!(after.is_empty(), "{tag}: {after:?} after {name}");
                ""
            }
        };
    }
    out
}

fn check_value(tag: &str, name: &str, value: &str) {
    let what = format!("{tag}: {name}={value}");
    let decimal = |v: &str| !v.is_empty() && v.len() <= 20 && v.bytes().all(|b| b.is_ascii_digit());
    match name {
        "BANDWIDTH" | "AVERAGE-BANDWIDTH" => assert!(decimal(value) && value.parse::<u64>().unwrap() > 0, "{what}"),
        "RESOLUTION" => {
            let (width, height) = value.split_once('x').expect(&what);
            assert!(decimal(width) && decimal(height) && width != "0" && height != "0", "{what}");
        }
        "FRAME-RATE" => {
            let (whole, part) = value.split_once('.').expect(&what);
            assert!(decimal(whole) && decimal(part) && part.len() <= 3, "{what}");
        }
        "TYPE" => assert!(["AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS"].contains(&value), "{what}"),
        "DEFAULT" | "AUTOSELECT" | "FORCED" => assert!(["YES", "NO"].contains(&value), "{what}"),
        "CLOSED-CAPTIONS" if value == "NONE" => {}
        "URI" | "GROUP-ID" | "NAME" | "LANGUAGE" | "CODECS" | "AUDIO" | "VIDEO" | "CHANNELS" | "CHARACTERISTICS"
        | "SUBTITLES" | "CLOSED-CAPTIONS" | "INSTREAM-ID" => {
            let inner = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).expect(&what);
            assert!(!inner.is_empty() && !inner.contains('"'), "{what}");
            if name == "URI" {
                check_uri(inner);
            }
        }
        _ => panic!("an attribute that is not known: {what}"),
    }
}

/// Reads a multivariant playlist.
pub(crate) fn multivariant(text: &str) -> Multivariant {
    let mut out = Multivariant::default();
    let (mut seen, mut pending) = (BTreeSet::new(), None);
    for line in lines(text) {
        match line {
            Line::Uri(uri) => {
                out.variants.push((pending.take().expect("a URI after EXT-X-STREAM-INF"), uri.to_owned()))
            }
            Line::Tag(tag, value) => {
                assert!(pending.is_none(), "4.3.4.2: a URI follows EXT-X-STREAM-INF, not {tag}");
                match tag {
                    "#EXT-X-VERSION" | "#EXT-X-INDEPENDENT-SEGMENTS" => assert!(seen.insert(tag), "{tag} twice"),
                    "#EXT-X-MEDIA" => out.media.push(attributes(tag, value)),
                    "#EXT-X-STREAM-INF" => pending = Some(attributes(tag, value)),
                    "#EXT-X-I-FRAME-STREAM-INF" => out.key_frames.push(attributes(tag, value)),
                    _ => panic!("{tag} in a multivariant playlist"),
                }
            }
        }
    }
    assert!(pending.is_none() && !out.variants.is_empty());
    check_renditions(&out.media);
    for variant in out.variants.iter().map(|(a, _)| a).chain(&out.key_frames) {
        let number = |name: &str| variant.get(name).map(|v| v.parse::<u64>().unwrap());
        let peak = number("BANDWIDTH").expect("BANDWIDTH");
        assert!(number("AVERAGE-BANDWIDTH").is_none_or(|a| a <= peak), "{variant:?}");
        assert!(variant.contains_key("CODECS"), "{variant:?}");
        for kind in ["AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS"] {
            let Some(group) = variant.get(kind).filter(|group| *group != "NONE") else { continue };
            let defines = |m: &Attributes| m["TYPE"] == kind && m.get("GROUP-ID") == Some(group);
            assert!(out.media.iter().any(defines), "{kind}={group} is defined");
        }
    }
    for variant in &out.key_frames {
        assert!(variant.contains_key("URI") && !variant.contains_key("FRAME-RATE") && !variant.contains_key("AUDIO"));
    }
    out
}

/// The rules of 4.3.4.1 and 4.3.4.1.1.
fn check_renditions(media: &[Attributes]) {
    let mut groups: BTreeMap<(&String, &String), Vec<&Attributes>> = BTreeMap::new();
    for rendition in media {
        assert!(rendition.contains_key("TYPE") && rendition.contains_key("NAME"), "{rendition:?}");
        let kind = rendition.get("TYPE").expect("TYPE");
        groups.entry((kind, rendition.get("GROUP-ID").expect("GROUP-ID"))).or_default().push(rendition);
    }
    let shape = |group: &[&Attributes]| -> Vec<Attributes> {
        let without = |r: &&Attributes| {
            let mut r = (*r).clone();
            for name in ["URI", "CHANNELS", "GROUP-ID"] {
                r.remove(name);
            }
            r
        };
        group.iter().map(without).collect()
    };
    for ((kind, _), group) in &groups {
        let first = groups.iter().find(|((k, _), _)| k == kind).map(|(_, g)| shape(g));
        let names: BTreeSet<_> = group.iter().map(|r| r.get("NAME")).collect();
        assert_eq!(names.len(), group.len(), "names differ in a group");
        let is = |r: &Attributes, name: &str| r.get(name).is_some_and(|v| v == "YES");
        assert!(group.iter().filter(|r| is(r, "DEFAULT")).count() <= 1);
        assert!(group.iter().all(|r| !is(r, "DEFAULT") || is(r, "AUTOSELECT")));
        assert_eq!(Some(shape(group)), first, "groups have the same members");
    }
}

/// In each group, renditions with `AUTOSELECT=YES` differ in language or characteristics.
pub(crate) fn check_auto_select(media: &[Attributes]) {
    let mut seen = BTreeSet::new();
    for rendition in media.iter().filter(|r| r.get("AUTOSELECT").is_some_and(|v| v == "YES")) {
        let key = ["GROUP-ID", "LANGUAGE", "CHARACTERISTICS"].map(|name| rendition.get(name));
        assert!(seen.insert(key), "{rendition:?}");
    }
}

/// Reads a media playlist of a whole film.
pub(crate) fn media(text: &str) -> Media {
    let mut out = Media { version: 1, ..Media::default() };
    let (mut seen, mut pending, mut ended) = (BTreeSet::new(), None, false);
    for line in lines(text) {
        assert!(!ended, "nothing after EXT-X-ENDLIST");
        match line {
            Line::Uri(uri) => out.segments.push((pending.take().expect("EXTINF before a URI"), uri.to_owned())),
            Line::Tag(tag, value) => {
                assert!(tag == "#EXTINF" || seen.insert(tag), "{tag} twice");
                assert!(pending.is_none());
                let before_segments = || assert!(out.segments.is_empty(), "{tag} after a segment");
                match tag {
                    "#EXTINF" => pending = Some(duration(value)),
                    "#EXT-X-VERSION" => out.version = value.parse().unwrap(),
                    "#EXT-X-TARGETDURATION" => out.target_duration = value.parse().unwrap(),
                    "#EXT-X-MEDIA-SEQUENCE" => {
                        before_segments();
                        assert_eq!(value, "0");
                    }
                    "#EXT-X-PLAYLIST-TYPE" => assert_eq!(value, "VOD"),
                    "#EXT-X-ALLOW-CACHE" => assert!(["YES", "NO"].contains(&value)),
                    "#EXT-X-INDEPENDENT-SEGMENTS" => {}
                    "#EXT-X-I-FRAMES-ONLY" => out.key_frames_only = true,
                    "#EXT-X-PROGRAM-DATE-TIME" => assert!(value.len() >= 20 && value.ends_with('Z')),
                    "#EXT-X-MAP" => {
                        before_segments();
                        let map = attributes(tag, value);
                        out.map = Some(unquoted(map.get("URI").expect("URI")).to_owned());
                    }
                    "#EXT-X-ENDLIST" => ended = true,
                    _ => panic!("{tag} in a media playlist"),
                }
            }
        }
    }
    assert!(ended, "a whole film ends");
    assert!(seen.contains("#EXT-X-TARGETDURATION") && seen.contains("#EXT-X-PLAYLIST-TYPE"));
    for (micros, uri) in &out.segments {
        assert!(*micros > 0, "{uri} lasts");
        assert!((micros + 500_000) / 1_000_000 <= out.target_duration, "4.3.3.1: {uri} is too long");
    }
    let needed = match (out.map.is_some(), out.key_frames_only) {
        (true, false) => 6,
        (true, true) => 5,
        (false, true) => 4,
        (false, false) => 3,
    };
    assert!(out.version >= needed, "7: version {} for what needs {needed}", out.version);
    out
}

/// `EXTINF`: exactly six decimals, then a comma.
fn duration(value: &str) -> u64 {
    let (seconds, _title) = value.split_once(',').expect("EXTINF has a comma");
    let (whole, micros) = seconds.split_once('.').expect("a decimal point");
    assert_eq!(micros.len(), 6, "{value}");
    whole.parse::<u64>().unwrap() * 1_000_000 + micros.parse::<u64>().unwrap()
}
