//! The rules of the MPD schema (ISO/IEC 23009-1 annex B) for what is written here: which elements and
//! attributes there may be, in which order, how often, and what their values look like.

use crate::xml::{Element, Limits, parse};

/// Name, attributes (`!` before those required), children in order (`*` any number, `+` one or more, `?` at most one).
type Rule = (&'static str, &'static [&'static str], &'static [&'static str]);

const BASE: [&str; 10] = [
    "profiles",
    "width",
    "height",
    "sar",
    "frameRate",
    "audioSamplingRate",
    "mimeType",
    "codecs",
    "maxPlayoutRate",
    "codingDependency",
];

const RULES: &[Rule] = &[
    ("MPD", &["!profiles", "!minBufferTime", "type", "mediaPresentationDuration", "schemaLocation"], &["Period+"]),
    ("Period", &["id", "start"], &["AdaptationSet*"]),
    (
        "AdaptationSet",
        &[
            "id",
            "group",
            "lang",
            "selectionPriority",
            "contentType",
            "segmentAlignment",
            "bitstreamSwitching",
            "maxWidth",
            "maxHeight",
            "maxFrameRate",
            "startWithSAP",
        ],
        &[
            "AudioChannelConfiguration*",
            "EssentialProperty*",
            "SupplementalProperty*",
            "Label*",
            "Accessibility*",
            "Role*",
            "Viewpoint*",
            "BaseURL*",
            "SegmentTemplate?",
            "Representation*",
        ],
    ),
    (
        "Representation",
        &["!id", "!bandwidth", "supplementalCodecs", "supplementalProfiles"],
        &["AudioChannelConfiguration*", "EssentialProperty*", "SupplementalProperty*", "BaseURL*", "SegmentTemplate?"],
    ),
    (
        "SegmentTemplate",
        &["timescale", "presentationTimeOffset", "duration", "startNumber", "media", "initialization"],
        &["SegmentTimeline?"],
    ),
    ("SegmentTimeline", &[], &["S+"]),
    ("S", &["t", "!d", "r"], &[]),
    ("Label", &[], &[]),
    ("BaseURL", &[], &[]),
    ("AudioChannelConfiguration", &["!schemeIdUri", "value"], &[]),
    ("EssentialProperty", &["!schemeIdUri", "value"], &[]),
    ("SupplementalProperty", &["!schemeIdUri", "value"], &[]),
    ("Accessibility", &["!schemeIdUri", "value"], &[]),
    ("Viewpoint", &["!schemeIdUri", "value"], &[]),
    ("Role", &["!schemeIdUri", "value"], &[]),
    ("EssentialProperty", &["!schemeIdUri", "value"], &[]),
];

/// Reads an MPD and holds it against the rules.
pub(super) fn check(mpd: &str) -> Element {
    assert!(mpd.contains("xmlns=\"urn:mpeg:dash:schema:mpd:2011\""));
    let root = parse(mpd.as_bytes(), Limits::MANIFEST).unwrap();
    assert_eq!(root.name, "MPD");
    let mut ids = Vec::new();
    element(&root, &mut ids);
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "identifiers of representations are unique in their period");
    root
}

fn element(e: &Element, ids: &mut Vec<String>) {
    let rule = RULES.iter().find(|rule| rule.0 == e.name).unwrap_or_else(|| panic!("no element {}", e.name));
    let has_base = matches!(rule.0, "AdaptationSet" | "Representation");
    for (name, value) in &e.attributes {
        let own = rule.1.iter().any(|known| known.trim_start_matches('!') == name);
        assert!(own || has_base && BASE.contains(&name.as_str()), "{} has no attribute {name}", e.name);
        assert!(is_valid(name, value), "{}@{name}=\"{value}\"", e.name);
    }
    for required in rule.1.iter().filter_map(|name| name.strip_prefix('!')) {
        assert!(e.attribute(required).is_some(), "{} lacks {required}", e.name);
    }
    let mut names = e.children.iter().map(|child| child.name.as_str()).peekable();
    for slot in rule.2 {
        let (name, occurs) = slot.split_at(slot.len() - 1);
        let mut count = 0;
        while names.next_if_eq(&name).is_some() {
            count += 1;
        }
        assert!(occurs != "?" || count < 2, "{name} occurs {count} times in {}", e.name);
        assert!(occurs != "+" || count > 0, "{name} is missing in {}", e.name);
    }
    assert_eq!(names.next(), None, "out of order in {}", e.name);
    if e.name == "Representation" {
        ids.push(e.attribute("id").unwrap().to_owned());
    }
    e.children.iter().for_each(|child| element(child, ids));
}

fn is_valid(name: &str, value: &str) -> bool {
    let number = |text: &str| text.parse::<u64>().is_ok();
    let ratio = |separator| value.split_once(separator).is_some_and(|(a, b)| number(a) && number(b));
    match name {
        "id" => !value.is_empty() && !value.contains(char::is_whitespace),
        "d" | "bandwidth" | "timescale" | "maxPlayoutRate" => value.parse().is_ok_and(|n: u64| n > 0),
        "group" | "t" | "r" | "width" | "height" | "maxWidth" | "maxHeight" | "audioSamplingRate" => number(value),
        "frameRate" | "maxFrameRate" => number(value) || ratio('/'),
        "sar" => ratio(':'),
        "startWithSAP" => value == "1",
        "segmentAlignment" | "bitstreamSwitching" | "codingDependency" => matches!(value, "true" | "false"),
        "minBufferTime" | "mediaPresentationDuration" | "start" => value.starts_with("PT") && value.ends_with('S'),
        "media" => value.contains("$Time$") != value.contains("$Number$"),
        "duration" | "startNumber" => number(value),
        "initialization" => !value.contains("$Time$"),
        _ => !value.is_empty(),
    }
}
