//! The parameters in parentheses (docs/urls.md).

use super::{Problem, UrlError};

/// Most filters that one URL may name (docs/urls.md).
pub const MAX_FILTERS: usize = 3;

/// Most parameters between one pair of parentheses; there are only six names.
pub const MAX_PARAMS: usize = 16;

/// What stands in parentheses after a noun. Names are case-insensitive and their order is free.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Params {
    /// `format=`, in lower case. Which tags exist is for the packager list to say.
    pub format: Option<String>,
    /// `encryption=`.
    pub encryption: Option<Encryption>,
    /// `filter=a;b` or the older `filtername=`, in the order given; names keep their case.
    pub filters: Vec<String>,
    /// `audio-only=`: `Some(false)` removes the audio-only variant of HLS v4.
    pub audio_only: Option<bool>,
    /// `audioTrack=`: the audio track muxed into HLS v3; case kept.
    pub audio_track: Option<String>,
    /// `type=keyframes`: the I-frame playlist of a track.
    pub keyframes: bool,
}

/// The values of `encryption=` (docs/urls.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encryption {
    /// `cbc`: AES-128 envelope.
    Cbc,
    /// `cenc`: common encryption, counter mode.
    Cenc,
    /// `cbcs-aapl`: common encryption with pattern, and FairPlay.
    CbcsAapl,
    /// `piff`: PIFF 1.1, Smooth only.
    Piff,
}

impl Encryption {
    /// All of them, for lookups by name.
    pub const ALL: [Encryption; 4] = [Encryption::Cbc, Encryption::Cenc, Encryption::CbcsAapl, Encryption::Piff];

    /// The value as it stands in URLs.
    pub const fn name(self) -> &'static str {
        match self {
            Encryption::Cbc => "cbc",
            Encryption::Cenc => "cenc",
            Encryption::CbcsAapl => "cbcs-aapl",
            Encryption::Piff => "piff",
        }
    }
}

impl Params {
    /// The `format=` tag in lower case; empty, which means Smooth, if there is none.
    pub fn format_tag(&self) -> &str {
        self.format.as_deref().unwrap_or("")
    }
}

/// Whether `type=keyframes` may stand among the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// After a track's name in a playlist URL, where it may.
    TrackPlaylist,
    /// Everywhere else.
    Elsewhere,
}

/// Reads the parameters in `list`, each with its byte position in the decoded path.
///
/// Unknown names are refused: a misspelt `filter` that was ignored would give out the unfiltered
/// presentation without a word.
pub(super) fn parse<'a>(list: impl Iterator<Item = (usize, &'a str)>, place: Place) -> Result<Params, UrlError> {
    let mut params = Params::default();
    for (i, (at, text)) in list.enumerate() {
        let fail = |problem| Err(UrlError::syntax(at, problem));
        if i >= MAX_PARAMS {
            return fail(Problem::TooManyParams);
        }
        let Some((name, value)) = text.split_once('=') else {
            return fail(Problem::NotAParam);
        };
        if name.is_empty() || value.is_empty() {
            return fail(Problem::NotAParam);
        }
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let duplicate = if is("format") {
            params.format.replace(value.to_ascii_lowercase()).is_some()
        } else if is("encryption") {
            params.encryption.replace(encryption(value)?).is_some()
        } else if is("filter") || is("filtername") {
            let earlier = std::mem::replace(&mut params.filters, filters(at + name.len() + 1, value)?);
            !earlier.is_empty()
        } else if is("audio-only") {
            let Some(value) = boolean(value) else {
                return fail(Problem::NotABoolean);
            };
            params.audio_only.replace(value).is_some()
        } else if is("audiotrack") {
            params.audio_track.replace(value.to_owned()).is_some()
        } else if is("type") {
            if place != Place::TrackPlaylist || !value.eq_ignore_ascii_case("keyframes") {
                return fail(Problem::InvalidType);
            }
            std::mem::replace(&mut params.keyframes, true)
        } else {
            return fail(Problem::UnknownParam);
        };
        if duplicate {
            return fail(Problem::DuplicateParam);
        }
    }
    Ok(params)
}

fn encryption(value: &str) -> Result<Encryption, UrlError> {
    Encryption::ALL
        .into_iter()
        .find(|e| e.name().eq_ignore_ascii_case(value))
        .ok_or_else(|| UrlError::UnknownEncryption { value: value.to_owned() })
}

fn boolean(value: &str) -> Option<bool> {
    if value.eq_ignore_ascii_case("true") {
        Some(true)
    } else if value.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

fn filters(at: usize, value: &str) -> Result<Vec<String>, UrlError> {
    let count = value.split(';').count();
    if count > MAX_FILTERS {
        return Err(UrlError::TooManyFilters { count });
    }
    if value.split(';').any(str::is_empty) {
        return Err(UrlError::syntax(at, Problem::EmptyFilter));
    }
    Ok(value.split(';').map(str::to_owned).collect())
}
