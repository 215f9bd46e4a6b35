//! The URL grammar itself (docs/urls.md).

use super::params::{self, Place};
use super::{
    FragmentTime, LocatorId, MAX_PARAMS, MAX_PATH, Noun, Problem, QualityLevel, Resource, StreamObject, StreamingUrl,
    Thumbnails, UrlError, percent,
};

/// Extensions of stored files that are never given out (docs/urls.md).
const UNDOWNLOADABLE: [&str; 7] = ["ism", "isml", "ismc", "ismv", "isma", "ismx", "mpi"];

/// A piece of the decoded path and where it begins, so that errors can point.
#[derive(Debug, Clone, Copy)]
struct Piece<'a> {
    at: usize,
    text: &'a str,
}

impl<'a> Piece<'a> {
    fn fail<T>(self, problem: Problem) -> Result<T, UrlError> {
        Err(UrlError::syntax(self.at, problem))
    }

    fn end(self) -> Piece<'a> {
        Piece { at: self.at + self.text.len(), text: "" }
    }

    /// What is left when `noun` is taken off the front without regard to case.
    fn strip_noun(self, noun: &str) -> Option<Piece<'a>> {
        let (head, text) = self.text.split_at_checked(noun.len())?;
        head.eq_ignore_ascii_case(noun).then_some(Piece { at: self.at + noun.len(), text })
    }

    /// The pieces between occurrences of `separator`.
    fn split(self, separator: char) -> impl Iterator<Item = Piece<'a>> + Clone {
        let mut at = self.at;
        self.text.split(separator).map(move |text| {
            let piece = Piece { at, text };
            at += text.len() + separator.len_utf8();
            piece
        })
    }
}

pub(super) fn parse(path: &str) -> Result<StreamingUrl, UrlError> {
    // A query never influences the answer; CDN tokens travel in it (docs/urls.md).
    let path = path.split(['?', '#']).next().unwrap_or_default();
    if path.len() > MAX_PATH {
        return Err(UrlError::TooLong { bytes: path.len() });
    }
    let path = percent::decode(path)?;
    let Some(rest) = path.strip_prefix('/') else {
        return Err(UrlError::NoLocator);
    };
    let mut segments = Piece { at: 1, text: rest }.split('/');
    let first = segments.next().map_or("", |s| s.text);
    let locator = LocatorId::parse(first).ok_or(UrlError::NoLocator)?;
    let end = Piece { at: path.len(), text: "" };

    let mut next = || match segments.next() {
        Some(segment) if segment.text.is_empty() => segment.fail(Problem::EmptySegment),
        other => Ok(other),
    };
    let Some(name) = next()? else {
        return end.fail(Problem::NothingAsked);
    };
    let Some(noun) = next()? else {
        return Ok(StreamingUrl { locator, resource: download(name)? });
    };
    let presentation = server_manifest(name)?;
    let (object, after) = if let Some(rest) = noun.strip_noun("QualityLevels") {
        let level = quality_level(rest)?;
        let Some(object) = next()? else {
            return end.fail(Problem::NoTrackObject);
        };
        (track_object(object, level)?, next()?)
    } else {
        (manifest(noun)?, next()?)
    };
    match after {
        Some(extra) => extra.fail(Problem::TrailingSegment),
        None => Ok(StreamingUrl { locator, resource: Resource::Stream { presentation, object } }),
    }
}

fn download(name: Piece<'_>) -> Result<Resource, UrlError> {
    let file = name.text;
    let extension = file.rsplit_once('.').map_or("", |(_, extension)| extension);
    // Hidden files include "." and "..".
    if file.starts_with('.') || UNDOWNLOADABLE.iter().any(|u| u.eq_ignore_ascii_case(extension)) {
        return Err(UrlError::NotDownloadable { file: file.to_owned() });
    }
    Ok(Resource::Download { file: file.to_owned() })
}

fn server_manifest(name: Piece<'_>) -> Result<String, UrlError> {
    match name.text.rsplit_once('.') {
        Some((stem, extension))
            if !stem.is_empty()
                && !stem.starts_with('.')
                && (extension.eq_ignore_ascii_case("ism") || extension.eq_ignore_ascii_case("isml")) =>
        {
            Ok(name.text.to_owned())
        }
        _ => name.fail(Problem::NotAServerManifest),
    }
}

fn manifest(noun: Piece<'_>) -> Result<StreamObject, UrlError> {
    if let Some(rest) = noun.strip_noun("Manifest") {
        return Ok(StreamObject::Manifest { params: params::parse(list(noun, rest)?, Place::Elsewhere)? });
    }
    // The longer noun first.
    for (name, key) in [("Thumbnails", "sheet"), ("Thumbnail", "time")] {
        let Some(rest) = noun.strip_noun(name) else { continue };
        let (mut number_there, mut others) = (None, Vec::new());
        for (at, text) in list(noun, rest)? {
            match text.split_once('=') {
                Some((found, value)) if found.eq_ignore_ascii_case(key) => {
                    let value = Piece { at: at + key.len() + 1, text: value };
                    if number_there.replace(number(value)?).is_some() {
                        return Err(UrlError::syntax(at, Problem::DuplicateParam));
                    }
                }
                _ => others.push((at, text)),
            }
        }
        let params = params::parse(others.into_iter(), Place::Elsewhere)?;
        let what = match (key, number_there) {
            ("sheet", Some(number)) => Thumbnails::Sheet(number),
            ("sheet", None) => Thumbnails::List,
            (_, time) => Thumbnails::Picture(time),
        };
        return Ok(StreamObject::Thumbnails { what, params });
    }
    noun.fail(Problem::UnknownNoun)
}

/// The parameters behind a noun that may stand alone, each with its position.
fn list<'a>(noun: Piece<'a>, rest: Piece<'a>) -> Result<impl Iterator<Item = (usize, &'a str)>, UrlError> {
    let mut inside = rest.end();
    if rest.text.starts_with('(') {
        let (between, suffix) = parentheses(rest)?;
        check_suffix(suffix)?;
        inside = between;
    } else if rest.text.is_empty() || rest.text.starts_with('.') {
        check_suffix(rest)?;
    } else {
        return noun.fail(Problem::UnknownNoun);
    }
    let empty = inside.text.is_empty();
    Ok(inside.split(',').filter(move |_| !empty).map(|p| (p.at, p.text)))
}

fn quality_level(rest: Piece<'_>) -> Result<QualityLevel, UrlError> {
    let (inside, after) = parentheses(rest)?;
    if !after.text.is_empty() {
        return after.fail(Problem::BadSuffix);
    }
    let mut list = inside.split(',');
    let bitrate = number(list.next().unwrap_or(inside))?;
    let mut attributes: Vec<(String, String)> = Vec::new();
    for piece in list {
        if attributes.len() >= MAX_PARAMS {
            return piece.fail(Problem::TooManyParams);
        }
        match piece.text.split_once('=') {
            Some((key, value)) if !key.is_empty() && !value.is_empty() => {
                if attributes.iter().any(|(known, _)| known == key) {
                    return piece.fail(Problem::DuplicateParam);
                }
                attributes.push((key.to_owned(), value.to_owned()));
            }
            _ => return piece.fail(Problem::NotAParam),
        }
    }
    attributes.sort();
    Ok(QualityLevel { bitrate, attributes })
}

fn track_object(segment: Piece<'_>, level: QualityLevel) -> Result<StreamObject, UrlError> {
    if let Some(rest) = segment.strip_noun("Manifest") {
        let (first, list) = track_list(segment, rest)?;
        if first.text.is_empty() || first.text.contains('=') {
            return first.fail(Problem::NoTrack);
        }
        let params = params::parse(list, Place::TrackPlaylist)?;
        return Ok(StreamObject::TrackPlaylist { level, track: first.text.to_owned(), params });
    }
    let found = Noun::ALL.into_iter().find_map(|noun| Some((noun, segment.strip_noun(noun.name())?)));
    let Some((noun, rest)) = found else {
        return segment.fail(Problem::UnknownTrackNoun);
    };
    let (first, list) = track_list(segment, rest)?;
    // A track's name may contain the sign, a time cannot.
    let Some((track, time)) = first.text.rsplit_once('=') else {
        return first.fail(Problem::NoTime);
    };
    if track.is_empty() {
        return first.fail(Problem::NoTrack);
    }
    let time = match time {
        "i" | "I" => FragmentTime::Init,
        digits if digits.bytes().all(|c| c.is_ascii_digit()) && !digits.is_empty() => {
            FragmentTime::At(number(Piece { at: first.at + track.len() + 1, text: digits })?)
        }
        _ => return first.fail(Problem::NoTime),
    };
    let params = params::parse(list, Place::Elsewhere)?;
    Ok(StreamObject::Fragment { level, noun, track: track.to_owned(), time, params })
}

/// The first item in the parentheses of a track object, and the rest with their positions.
fn track_list<'a>(
    segment: Piece<'a>,
    rest: Piece<'a>,
) -> Result<(Piece<'a>, impl Iterator<Item = (usize, &'a str)>), UrlError> {
    if !rest.text.is_empty() && !rest.text.starts_with('(') {
        return segment.fail(Problem::UnknownTrackNoun);
    }
    let (inside, suffix) = parentheses(rest)?;
    check_suffix(suffix)?;
    let mut list = inside.split(',');
    let first = list.next().unwrap_or(inside);
    Ok((first, list.map(|p| (p.at, p.text))))
}

/// Splits `(inside)after` at the last closing parenthesis: names of tracks may contain pairs of
/// parentheses themselves.
fn parentheses(rest: Piece<'_>) -> Result<(Piece<'_>, Piece<'_>), UrlError> {
    let Some(text) = rest.text.strip_prefix('(') else {
        return rest.fail(Problem::NoParenthesis);
    };
    let Some((inside, after)) = text.rsplit_once(')') else {
        return rest.end().fail(Problem::Unbalanced);
    };
    let at = rest.at + 1;
    let mut depth = 0usize;
    for (i, c) in inside.bytes().enumerate() {
        match c {
            b'(' => depth += 1,
            b')' if depth == 0 => return Err(UrlError::syntax(at + i, Problem::Unbalanced)),
            b')' => depth -= 1,
            // Each item has its own pairs, so that their order is free.
            b',' if depth > 0 => return Err(UrlError::syntax(at + i, Problem::Unbalanced)),
            _ => {}
        }
    }
    if depth > 0 || after.contains('(') {
        return rest.end().fail(Problem::Unbalanced);
    }
    let after_at = at + inside.len() + 1;
    Ok((Piece { at, text: inside }, Piece { at: after_at, text: after }))
}

/// A cosmetic suffix: a dot and one to eight letters or digits, or nothing. Players sniff it, we
/// emit it, nobody reads it; so any is as good as another.
fn check_suffix(suffix: Piece<'_>) -> Result<(), UrlError> {
    let Some(extension) = suffix.text.strip_prefix('.') else {
        return if suffix.text.is_empty() { Ok(()) } else { suffix.fail(Problem::BadSuffix) };
    };
    if matches!(extension.len(), 1..=8) && extension.bytes().all(|c| c.is_ascii_alphanumeric()) {
        Ok(())
    } else {
        suffix.fail(Problem::BadSuffix)
    }
}

/// Digits only: `u64::from_str` alone would take a plus sign.
fn number(piece: Piece<'_>) -> Result<u64, UrlError> {
    if piece.text.is_empty() || !piece.text.bytes().all(|c| c.is_ascii_digit()) {
        return piece.fail(Problem::NotANumber);
    }
    piece.text.parse().or_else(|_| piece.fail(Problem::NumberTooLarge))
}
