//! MPEG-DASH (ISO/IEC 23009-1): `mpd-time-csf` and `mpd-time-cmaf`.

mod colour;
mod content_protection;
mod csf;
mod images;
mod mpd;
mod representation;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod tests;
mod trick;

use super::{
    Context, Dialect, Error, Format, MediaData, Noun, Plan, Protocol, Rendered, SegmentRequest, cmaf, encrypt,
    key_frames, protection,
};
use crate::codec::Codec;
use crate::media::{Presentation, Track, TrackKind, TrackRef};
use crate::protection::Scheme;
use crate::time::Timescale;

/// Media type of an MPD (ISO/IEC 23009-1 annex C).
const MPD_TYPE: &str = "application/dash+xml";

/// What distinguishes the two kinds of MPD.
#[derive(Clone, Copy, Debug)]
struct Kind {
    /// `format=` value, repeated in segment URLs.
    tag: &'static str,
    /// `MPD@profiles` for today's players.
    profiles: &'static str,
    /// `AdaptationSet@profiles` as Azure Media Services wrote it.
    set_profiles: Option<&'static str>,
    /// Unit of the times of a group.
    timescale: fn(&Presentation, usize, Dialect) -> Timescale,
    /// Bytes of a segment of a track, from its media bytes and number of samples.
    segment_size: fn(&Track, u64, u64) -> u64,
    /// How segments are encrypted.
    scheme: Option<Scheme>,
    /// `encryption=` as segment URLs repeat it.
    encryption: Option<Scheme>,
}

impl Kind {
    /// As a context wants it.
    fn under(&self, context: &Context<'_>) -> Kind {
        let scheme = context.protection.map(|protection| protection.scheme);
        Kind { scheme, encryption: context.selection.encryption, ..*self }
    }

    /// Bytes of a segment of a track, from its media bytes and number of samples, or a little more.
    fn size(&self, track: &Track, media: u64, samples: u64) -> u64 {
        (self.segment_size)(track, media, samples) + encrypt::overhead(track, samples, self.scheme)
    }
}

const CSF: Kind = Kind {
    tag: "mpd-time-csf",
    profiles: LIVE_PROFILE,
    set_profiles: Some("ccff"),
    timescale: |_, _, _| Timescale::TEN_MHZ,
    segment_size: csf::segment_size,
    scheme: None,
    encryption: None,
};

const CMAF: Kind = Kind {
    tag: "mpd-time-cmaf",
    profiles: "urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019",
    set_profiles: None,
    timescale: cmaf::timescale,
    segment_size: cmaf::segment_size,
    scheme: None,
    encryption: None,
};

/// Azure Media Services had no `cbcs` here.
const SCHEMES: &[Scheme] = &[Scheme::Envelope, Scheme::Cenc, Scheme::Cbcs];

/// The profile of segment templates over ISO media (ISO/IEC 23009-1 8.4).
const LIVE_PROFILE: &str = "urn:mpeg:dash:profile:isoff-live:2011";

/// DASH over Common File Format fragments, as Azure Media Services had it first.
#[derive(Clone, Copy, Debug)]
pub struct Csf;

/// DASH over CMAF; its segments are those of HLS over CMAF, byte for byte.
#[derive(Clone, Copy, Debug)]
pub struct Cmaf;

impl Format for Csf {
    fn tags(&self) -> &'static [&'static str] {
        &[CSF.tag]
    }

    fn protocol(&self) -> Protocol {
        Protocol::Dash
    }

    fn carries(&self, _: &dyn Codec) -> bool {
        true
    }

    fn schemes(&self) -> &'static [Scheme] {
        SCHEMES
    }

    fn url_timescale(&self, presentation: &Presentation, group: usize, context: &Context<'_>) -> Timescale {
        (CSF.timescale)(presentation, group, context.dialect)
    }

    fn manifest(&self, presentation: &Presentation, context: &Context<'_>) -> Result<Rendered, Error> {
        mpd::render(self, &CSF.under(context), presentation, context)
    }

    fn init(&self, presentation: &Presentation, track: TrackRef, context: &Context<'_>) -> Result<Rendered, Error> {
        protection::check(self, presentation, track, context)?;
        let rendered = csf::init(presentation, track, context.protection);
        Ok(protection::in_envelope(rendered, presentation, Some(track), None, context))
    }

    fn plan(&self, presentation: &Presentation, request: &SegmentRequest<'_>, _: &Context<'_>) -> Result<Plan, Error> {
        plan(presentation, request, Timescale::TEN_MHZ)
    }

    fn segment(
        &self,
        presentation: &Presentation,
        plan: &Plan,
        media: &MediaData,
        context: &Context<'_>,
    ) -> Result<Rendered, Error> {
        let rendered = csf::segment(presentation, plan, media, context.protection)?;
        Ok(protection::in_envelope(rendered, presentation, plan.track(), Some(plan.index), context))
    }
}

impl Format for Cmaf {
    fn tags(&self) -> &'static [&'static str] {
        &[CMAF.tag]
    }

    fn protocol(&self) -> Protocol {
        Protocol::Dash
    }

    fn carries(&self, _: &dyn Codec) -> bool {
        true
    }

    fn schemes(&self) -> &'static [Scheme] {
        SCHEMES
    }

    fn url_timescale(&self, presentation: &Presentation, group: usize, context: &Context<'_>) -> Timescale {
        cmaf::timescale(presentation, group, context.dialect)
    }

    fn manifest(&self, presentation: &Presentation, context: &Context<'_>) -> Result<Rendered, Error> {
        mpd::render(self, &CMAF.under(context), presentation, context)
    }

    fn init(&self, presentation: &Presentation, track: TrackRef, context: &Context<'_>) -> Result<Rendered, Error> {
        protection::check(self, presentation, track, context)?;
        let scale = cmaf::timescale(presentation, track.group, context.dialect);
        let rendered = cmaf::init(presentation, track, scale, context.protection);
        Ok(protection::in_envelope(rendered, presentation, Some(track), None, context))
    }

    fn plan(
        &self,
        presentation: &Presentation,
        request: &SegmentRequest<'_>,
        context: &Context<'_>,
    ) -> Result<Plan, Error> {
        plan(presentation, request, cmaf::timescale(presentation, request.track.group, context.dialect))
    }

    fn segment(
        &self,
        presentation: &Presentation,
        plan: &Plan,
        media: &MediaData,
        context: &Context<'_>,
    ) -> Result<Rendered, Error> {
        let group = plan.parts.first().map_or(0, |part| part.track.group);
        let scale = cmaf::timescale(presentation, group, context.dialect);
        let rendered = cmaf::segment(presentation, plan, media, scale, context.protection)?;
        Ok(protection::in_envelope(rendered, presentation, plan.track(), Some(plan.index), context))
    }
}

/// A segment, or the key frames of a segment of pictures.
fn plan(presentation: &Presentation, request: &SegmentRequest<'_>, scale: Timescale) -> Result<Plan, Error> {
    let kind = presentation.groups[request.track.group].kind;
    match request.noun {
        Noun::Fragments => Plan::segments(presentation, request, scale, 1),
        Noun::KeyFrames if kind == TrackKind::Video => key_frames::plan_segment(presentation, request, scale),
        _ => Err(Error::NoSuchResource),
    }
}
