//! Track rules: `PropertyConditions` of a filter.

use std::ops::RangeInclusive;

use super::FilterError;
use crate::media::{Language, Track, TrackGroup};
use crate::packager::language;

/// Accepts the tracks that meet all its conditions (`PropertyConditions`, `trackSelections`).
#[derive(Clone, PartialEq, Eq, Debug, Default, Hash)]
pub struct TrackRule {
    /// All of them must hold; without any, every track is accepted.
    pub conditions: Vec<Condition>,
}

impl TrackRule {
    /// Whether a track stays.
    pub fn accepts(&self, group: &TrackGroup, track: &Track) -> bool {
        self.conditions.iter().all(|condition| condition.holds(group, track))
    }
}

/// One condition on a track.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Condition {
    property: Property,
    equal: bool,
}

#[derive(Clone, PartialEq, Eq, Debug, Hash)]
enum Property {
    /// `video`, `audio` or `text`.
    Type(&'static str),
    Name(String),
    /// As BCP 47 has it, lower case; empty for a language that is not known.
    Language(String),
    /// First element of the RFC 6381 string, lower case.
    FourCc(String),
    /// Bits per second.
    Bitrate(RangeInclusive<u64>),
}

/// The longest value of a condition, bytes.
const MAX_VALUE: usize = 260;

impl Condition {
    /// From the words of the management API: `Property` is `Type`, `Name`, `Language`, `FourCC` or `Bitrate`
    /// (one number, or `low-high`, both included), `Operator` is `Equal` or `NotEqual`.
    ///
    /// # Errors
    /// [`FilterError::Condition`] for other words.
    pub fn parse(property: &str, operator: &str, value: &str) -> Result<Condition, FilterError> {
        let wrong = |problem| {
            let short = |text: &str| text.chars().take(60).collect();
            let (property, operator, value) = (short(property), short(operator), short(value));
            Err(FilterError::Condition { property, operator, value, problem })
        };
        let equal = match operator {
            o if o.eq_ignore_ascii_case("Equal") => true,
            o if o.eq_ignore_ascii_case("NotEqual") => false,
            _ => return wrong("Operator is Equal or NotEqual"),
        };
        if value.len() > MAX_VALUE {
            return wrong("Value is longer than 260 bytes");
        }
        let is = |name: &str| property.eq_ignore_ascii_case(name);
        let property = if is("Type") {
            let known = ["video", "audio", "text"].into_iter().find(|kind| value.eq_ignore_ascii_case(kind));
            match known {
                Some(kind) => Property::Type(kind),
                None => return wrong("a Type is video, audio or text"),
            }
        } else if is("Name") {
            Property::Name(value.to_owned())
        } else if is("Language") {
            Property::Language(comparable(&Language(value.to_owned())))
        } else if is("FourCC") {
            Property::FourCc(value.to_ascii_lowercase())
        } else if is("Bitrate") {
            match bitrates(value) {
                Some(range) => Property::Bitrate(range),
                None => return wrong("a Bitrate is a number of bits per second, or two as low-high"),
            }
        } else {
            return wrong("Property is Type, Name, Language, FourCC or Bitrate");
        };
        Ok(Condition { property, equal })
    }

    fn holds(&self, group: &TrackGroup, track: &Track) -> bool {
        let same = match &self.property {
            Property::Type(kind) => group.kind.as_str() == *kind,
            Property::Name(name) => group.name == *name,
            Property::Language(language) => comparable(&group.language) == *language,
            Property::FourCc(four_cc) => {
                let codec = track.codec.rfc6381();
                codec.split('.').next().unwrap_or_default().eq_ignore_ascii_case(four_cc)
            }
            Property::Bitrate(range) => range.contains(&track.bitrate),
        };
        same == self.equal
    }
}

/// `eng`, `en` and `EN` are one language.
fn comparable(of: &Language) -> String {
    language::tag(of).map(|tag| tag.to_ascii_lowercase()).unwrap_or_default()
}

fn bitrates(value: &str) -> Option<RangeInclusive<u64>> {
    let number = |text: &str| text.trim().parse::<u64>().ok();
    match value.split_once('-') {
        Some((low, high)) => {
            let range = number(low)?..=number(high)?;
            (!range.is_empty()).then_some(range)
        }
        None => number(value).map(|n| n..=n),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packager::testing::film;

    /// Names and bitrates of the tracks for which a condition holds.
    fn kept(property: &str, operator: &str, value: &str) -> Vec<(String, u64)> {
        let condition = Condition::parse(property, operator, value).unwrap();
        let film = film();
        let tracks = film.groups.iter().flat_map(|g| g.tracks.iter().map(move |t| (g, t)));
        tracks.filter(|(g, t)| condition.holds(g, t)).map(|(g, t)| (g.name.clone(), t.bitrate)).collect()
    }

    #[test]
    fn every_property_selects() {
        let (audio, high, low) =
            (("audio".to_owned(), 128_000), ("video".to_owned(), 3_400_000), ("video".to_owned(), 400_000));
        let only = |track: &(String, u64)| vec![track.clone()];
        let all = || vec![audio.clone(), high.clone(), low.clone()];
        assert_eq!(kept("Type", "Equal", "video"), [high.clone(), low.clone()]);
        assert_eq!(kept("type", "notequal", "VIDEO"), only(&audio));
        assert_eq!(kept("Name", "Equal", "audio"), only(&audio));
        assert_eq!(kept("Name", "Equal", "Audio"), []);
        assert_eq!(kept("Language", "Equal", "fr"), only(&audio));
        assert_eq!(kept("Language", "Equal", "FRA"), only(&audio));
        assert_eq!(kept("Language", "NotEqual", "fr"), [high.clone(), low.clone()]);
        assert_eq!(kept("FourCC", "Equal", "MP4A"), only(&audio));
        assert_eq!(kept("Bitrate", "Equal", "400000"), only(&low));
        assert_eq!(kept("Bitrate", "Equal", "128000-400000"), [audio.clone(), low.clone()]);
        assert_eq!(kept("Bitrate", "Equal", "0-2147483647"), all());
        assert_eq!(kept("Bitrate", "NotEqual", "0-400000"), only(&high));
    }

    #[test]
    fn other_words_are_refused() {
        let long = "x".repeat(261);
        for (property, operator, value) in [
            ("Color", "Equal", "red"),
            ("Type", "Like", "video"),
            ("Type", "Equal", "smell"),
            ("Bitrate", "Equal", "many"),
            ("Bitrate", "Equal", "9-1"),
            ("Bitrate", "Equal", "1-2-3"),
            ("Bitrate", "Equal", "-1"),
            ("Bitrate", "Equal", "99999999999999999999"),
            ("Name", "Equal", &long),
        ] {
            assert!(matches!(Condition::parse(property, operator, value), Err(FilterError::Condition { .. })));
        }
    }
}
