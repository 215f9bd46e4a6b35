//! What of a film a URL names: found in it, planned, told apart from other objects, and written.

use std::ops::Deref;
use std::sync::Arc;

use hyper::header::{HeaderName, HeaderValue};

use super::error::{Error, MediaFault};
use super::load::Loaded;
use super::respond;
use super::thumbnails;
use super::url::{FragmentTime, Noun, Params, QualityLevel, StreamObject};
use crate::media::{Presentation, TrackKind, TrackRef};
use crate::packager::figures::Figures;
use crate::packager::filter::Filter;
use crate::packager::{self, Context, Format, Plan, Rendered, SegmentRequest};

/// What a manifest is written of.
pub(super) enum Film {
    Whole(Arc<Loaded>),
    /// What filters leave of it.
    Part(Box<Presentation>),
}

impl Film {
    /// What was measured of it before: of the whole film alone, since a part has other figures.
    pub(super) fn figures(&self) -> Option<&dyn Figures> {
        match self {
            Film::Whole(loaded) => Some(&loaded.figures),
            Film::Part(_) => None,
        }
    }
}

impl Deref for Film {
    type Target = Presentation;

    fn deref(&self) -> &Presentation {
        match self {
            Film::Whole(loaded) => &loaded.presentation,
            Film::Part(presentation) => presentation,
        }
    }
}

/// What of a presentation a URL names, found in it.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    Manifest,
    Playlist { track: TrackRef, keyframes: bool },
    Init { track: TrackRef },
    Segment { track: TrackRef, noun: packager::Noun, time: u64, audio_track: Option<String> },
    Thumbnails(thumbnails::Object),
}

/// Why this server has none.
pub(super) const NO_THUMBNAILS: &str =
    "this server makes none, because ffmpeg is missing or [thumbnails] is switched off";

impl Wanted {
    pub(super) fn find(
        presentation: &Presentation,
        format: &dyn Format,
        object: &StreamObject,
        params: &Params,
    ) -> Result<Wanted, Error> {
        let find = |track: &str, level: &QualityLevel| {
            presentation.find(track, level.bitrate).ok_or_else(|| match presentation.group(track) {
                Some(_) => Error::BitrateNotFound { track: track.to_owned(), bitrate: level.bitrate },
                None => Error::TrackNotFound { track: track.to_owned() },
            })
        };
        let carried = |at: TrackRef| {
            let codec = &presentation.track(at).codec;
            if format.carries(&**codec) {
                return Ok(at);
            }
            let codecs = format!("this format cannot carry {}", codec.rfc6381());
            let kind = presentation.groups[at.group].kind;
            Err(not_carried(packager::Error::NothingToCarry { codecs }, &[kind]))
        };
        // As with filters: a misspelt name is not ignored.
        if let Some(name) = params.audio_track.as_ref().filter(|name| presentation.group(name).is_none()) {
            return Err(Error::TrackNotFound { track: name.clone() });
        }
        Ok(match object {
            StreamObject::Manifest { .. } => Wanted::Manifest,
            StreamObject::Thumbnails { .. } => return Err(Error::Internal),
            StreamObject::TrackPlaylist { level, track, .. } => {
                Wanted::Playlist { track: carried(find(track, level)?)?, keyframes: params.keyframes }
            }
            StreamObject::Fragment { level, track, time: FragmentTime::Init, .. } => {
                Wanted::Init { track: carried(find(track, level)?)? }
            }
            StreamObject::Fragment { level, track, noun, time: FragmentTime::At(time), .. } => Wanted::Segment {
                track: carried(find(track, level)?)?,
                noun: noun_of(*noun),
                time: *time,
                audio_track: params.audio_track.clone(),
            },
        })
    }

    /// The plan of a segment; `None` for what needs no media.
    pub(super) fn plan(
        &self,
        film: &Presentation,
        format: &dyn Format,
        context: &Context<'_>,
    ) -> Result<Option<Plan>, Error> {
        if let Wanted::Thumbnails(thumbnails::Object::Pictures(pictures)) = self {
            return Ok(Some(pictures.plan.clone()));
        }
        let Wanted::Segment { track, noun, time, audio_track } = self else { return Ok(None) };
        let request = SegmentRequest { track: *track, noun: *noun, time: *time, audio_track: audio_track.as_deref() };
        let plan = format.plan(film, &request, context);
        plan.map(Some).map_err(|error| self.explain(error.into(), format))
    }

    /// Which bytes these are, out of a bounded number of possibilities: attributes, aliases, times a few ticks
    /// off and parameters of other formats lead to the same ones.
    pub(super) fn identity(
        &self,
        format: &dyn Format,
        plan: Option<&Plan>,
        context: &Context<'_>,
        filters: &[Filter],
    ) -> String {
        let Context { selection, thumbnails, .. } = context;
        let tag = format.tags().first().copied().unwrap_or_default();
        match (self, plan) {
            (Wanted::Segment { noun, .. }, Some(plan)) => {
                let tracks: Vec<TrackRef> = plan.parts.iter().map(|part| part.track).collect();
                format!("{tag} {noun:?} {} {tracks:?}", plan.index)
            }
            (Wanted::Segment { .. }, None) | (Wanted::Init { .. }, _) => format!("{tag} {self:?}"),
            (Wanted::Manifest, _) => format!("{tag} {self:?} {selection:?} {filters:?} {thumbnails:?}"),
            (Wanted::Playlist { .. }, _) => format!("{tag} {self:?} {selection:?} {filters:?}"),
            (Wanted::Thumbnails(_), _) => format!("{tag} {selection:?} {thumbnails:?} list"),
        }
    }

    /// What a manifest does not list of what is stored, as headers.
    pub(super) fn left_out(&self, film: &Presentation, format: &dyn Format) -> Vec<(HeaderName, HeaderValue)> {
        match self {
            Wanted::Manifest => respond::left_out(&packager::left_out(film, format)),
            _ => None,
        }
        .into_iter()
        .collect()
    }

    /// Says what it is that a format lacks.
    pub(super) fn explain(&self, error: Error, format: &dyn Format) -> Error {
        match error {
            Error::ObjectNotInFormat { .. } => {
                let tag = format.tags().first().copied().unwrap_or_default();
                Error::ObjectNotInFormat { format: tag.to_owned(), object: self.name() }
            }
            other => other,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Wanted::Manifest => "such manifest",
            Wanted::Thumbnails(_) => "thumbnails",
            Wanted::Playlist { keyframes: false, .. } => "playlist of this track",
            Wanted::Playlist { keyframes: true, .. } => "key-frame playlist of this track",
            Wanted::Init { .. } => "initialization segment of this track",
            Wanted::Segment { noun, .. } => match noun {
                packager::Noun::Fragments => "fragments of this track",
                packager::Noun::FragmentInfo => "FragmentInfo",
                packager::Noun::RawFragments => "RawFragments",
                packager::Noun::KeyFrames => "KeyFrames of this track",
            },
        }
    }

    pub(super) fn write(
        &self,
        presentation: &Presentation,
        format: &dyn Format,
        context: &Context<'_>,
    ) -> Result<Rendered, Error> {
        Ok(match self {
            Wanted::Manifest => format.manifest(presentation, context).map_err(|error| {
                let kinds: Vec<TrackKind> = presentation.groups.iter().map(|g| g.kind).collect();
                not_carried(error, &kinds)
            })?,
            Wanted::Playlist { track, keyframes } => format.playlist(presentation, *track, *keyframes, context)?,
            Wanted::Init { track } => format.init(presentation, *track, context)?,
            Wanted::Segment { .. } | Wanted::Thumbnails(_) => return Err(Error::Internal),
        })
    }
}

/// Says of which kind is what a format cannot carry, if it is all of one.
fn not_carried(error: packager::Error, kinds: &[TrackKind]) -> Error {
    let of_one_kind = |kind| kinds.iter().all(|other| *other == kind);
    let fault = match error {
        packager::Error::NothingToCarry { .. } if of_one_kind(TrackKind::Video) => MediaFault::VideoCodec,
        packager::Error::NothingToCarry { .. } if of_one_kind(TrackKind::Audio) => MediaFault::AudioCodec,
        other => return other.into(),
    };
    Error::Media { fault, file: None, reason: error.to_string() }
}

fn noun_of(noun: Noun) -> packager::Noun {
    match noun {
        Noun::Fragments => packager::Noun::Fragments,
        Noun::FragmentInfo => packager::Noun::FragmentInfo,
        Noun::RawFragments => packager::Noun::RawFragments,
        Noun::KeyFrames => packager::Noun::KeyFrames,
    }
}
