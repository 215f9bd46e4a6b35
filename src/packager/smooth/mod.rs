//! Smooth Streaming (MS-SSTR): the client manifest and its fragments.

mod client_manifest;
mod fragments;

use super::{Context, Error, Format, MediaData, Noun, Plan, Protocol, Rendered, SegmentRequest, protection};
use crate::codec::Codec;
use crate::media::Presentation;
use crate::protection::Scheme;
use crate::time::Timescale;

/// Unit of all times: several players know no other.
const SCALE: Timescale = Timescale::TEN_MHZ;

/// Which of two client manifests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Version {
    /// `MinorVersion="2"`: equal chunks are counted in `r`.
    Counted,
    /// `MinorVersion="0"`: every chunk stands by itself.
    Single,
}

/// Smooth Streaming.
#[derive(Clone, Copy, Debug)]
pub struct Smooth {
    version: Version,
}

/// The default format.
pub static SMOOTH: Smooth = Smooth { version: Version::Counted };

/// For old players, which know no repeat counts.
pub static SMOOTH_V20: Smooth = Smooth { version: Version::Single };

impl Format for Smooth {
    fn tags(&self) -> &'static [&'static str] {
        match self.version {
            Version::Counted => &[""],
            Version::Single => &["fmp4-v20"],
        }
    }

    fn protocol(&self) -> Protocol {
        Protocol::Smooth
    }

    fn carries(&self, codec: &dyn Codec) -> bool {
        codec.smooth().is_some()
    }

    fn schemes(&self) -> &'static [Scheme] {
        &[Scheme::Envelope, Scheme::Piff, Scheme::Cenc]
    }

    fn url_timescale(&self, _: &Presentation, _: usize, _: &Context<'_>) -> Timescale {
        SCALE
    }

    fn manifest(&self, presentation: &Presentation, context: &Context<'_>) -> Result<Rendered, Error> {
        client_manifest::render(self, self.version, presentation, context)
    }

    fn plan(
        &self,
        presentation: &Presentation,
        request: &SegmentRequest<'_>,
        context: &Context<'_>,
    ) -> Result<Plan, Error> {
        protection::check(self, presentation, request.track, context)?;
        let mut plan = plan(self, presentation, request)?;
        // What stays clear of encrypted samples is told by the samples themselves.
        let key = context.protection.filter(|p| p.scheme.encrypts_samples());
        let key = key.and_then(|protection| protection.key(presentation, request.track));
        plan.needs_media |= key.is_some_and(|key| key.secret().is_some());
        Ok(plan)
    }

    fn segment(
        &self,
        presentation: &Presentation,
        plan: &Plan,
        media: &MediaData,
        context: &Context<'_>,
    ) -> Result<Rendered, Error> {
        let rendered = fragments::render(presentation, plan, media, context.protection)?;
        Ok(protection::in_envelope(rendered, presentation, plan.track(), Some(plan.index), context))
    }
}

/// What a fragment, or the part of it that the noun names, is made of.
fn plan(format: &dyn Format, presentation: &Presentation, request: &SegmentRequest<'_>) -> Result<Plan, Error> {
    if !format.carries(presentation.track(request.track).codec.as_ref()) {
        return Err(Error::NoSuchResource);
    }
    let mut plan = Plan::segments(presentation, request, SCALE, 1)?;
    match request.noun {
        Noun::Fragments | Noun::RawFragments => {}
        Noun::FragmentInfo => plan.needs_media = false,
        Noun::KeyFrames => {
            plan.keep_sync_samples(SCALE);
            if plan.parts.iter().all(|part| part.samples.samples.is_empty()) {
                return Err(Error::NoSuchResource);
            }
        }
    }
    Ok(plan)
}
