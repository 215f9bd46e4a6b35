//! HTTP Live Streaming (RFC 8216): multivariant playlists, media playlists, segments.
//!
//! Three formats: [`V4`] has audio as renditions and key-frame playlists, [`V3`] mixes one audio track
//! into each variant, both in MPEG-2 transport streams; [`CmafHls`] has fragmented MP4, the same segments
//! as DASH CMAF.
//!
//! In [`Dialect::Ams`](super::Dialect::Ams) playlists are written line for line as Azure Media Services did. In
//! [`Dialect::Modern`](super::Dialect::Modern) they say more, and truly: `BANDWIDTH` is measured of what is sent.

mod carried;
mod media_playlist;
mod multivariant;
mod packing;
mod rate;
mod ts;
mod uri;

#[cfg(test)]
mod strict;
#[cfg(test)]
mod tests;

use super::{Context, Error, Format, MediaData, Noun, Plan, Protocol, Rendered, SegmentRequest, cmaf};
use crate::codec::Codec;
use crate::media::{Presentation, TrackKind, TrackRef};
use crate::time::Timescale;

/// The media type of playlists (RFC 8216 4).
const PLAYLIST_TYPE: &str = "application/vnd.apple.mpegurl";

/// `m3u8-aapl`: transport streams, audio apart from video.
#[derive(Clone, Copy, Debug)]
pub struct V4;

/// `m3u8-aapl-v3`: transport streams with one audio track mixed in.
#[derive(Clone, Copy, Debug)]
pub struct V3;

/// `m3u8-cmaf`: fragmented MP4.
#[derive(Clone, Copy, Debug)]
pub struct CmafHls;

/// What tells the three formats apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flavor {
    V4,
    V3,
    Cmaf,
}

impl Flavor {
    const fn tags(self) -> &'static [&'static str] {
        match self {
            Flavor::V4 => &["m3u8-aapl", "m3u8-aapl-v4"],
            Flavor::V3 => &["m3u8-aapl-v3"],
            Flavor::Cmaf => &["m3u8-cmaf", "m3u8-aapl-v8"],
        }
    }

    /// The `format=` value that child URLs have.
    const fn tag(self) -> &'static str {
        self.tags()[0]
    }

    /// `EXT-X-VERSION` (RFC 8216 7): rendition groups and `EXT-X-I-FRAMES-ONLY` need 4, `EXT-X-MAP` 6.
    const fn version(self) -> u64 {
        match self {
            Flavor::V4 => 4,
            Flavor::V3 => 3,
            Flavor::Cmaf => 7,
        }
    }

    /// Audio is in the same segments as video.
    fn muxes(self) -> bool {
        self == Flavor::V3
    }

    fn has_key_frame_playlists(self, kind: TrackKind) -> bool {
        self != Flavor::V3 && kind == TrackKind::Video
    }

    fn has_initialization_segments(self) -> bool {
        self == Flavor::Cmaf
    }

    fn carries(self, codec: &dyn Codec) -> bool {
        self == Flavor::Cmaf || codec.transport_stream().is_some()
    }

    /// Segments of a group that are sent as one.
    fn fragments_per_segment(self, presentation: &Presentation) -> usize {
        match self {
            Flavor::Cmaf => 1,
            Flavor::V4 | Flavor::V3 => presentation.fragments_per_ts_segment.max(1) as usize,
        }
    }

    /// The cosmetic suffix of segment URLs.
    const fn segment_extension(self) -> &'static str {
        match self {
            Flavor::Cmaf => ".m4s",
            Flavor::V4 | Flavor::V3 => ".ts",
        }
    }

    fn url_timescale(self, presentation: &Presentation, group: usize, context: &Context<'_>) -> Timescale {
        match self {
            Flavor::Cmaf => cmaf::timescale(presentation, group, context.dialect),
            Flavor::V4 | Flavor::V3 => Timescale::TEN_MHZ,
        }
    }

    fn playlist(
        self,
        presentation: &Presentation,
        at: TrackRef,
        keyframes: bool,
        context: &Context<'_>,
    ) -> Result<Rendered, Error> {
        carried::check(self, presentation, at)?;
        media_playlist::render(self, presentation, at, keyframes, context)
    }

    fn init(self, presentation: &Presentation, at: TrackRef, context: &Context<'_>) -> Result<Rendered, Error> {
        if !self.has_initialization_segments() {
            return Err(Error::NoSuchResource);
        }
        carried::check(self, presentation, at)?;
        Ok(cmaf::init(presentation, at, self.url_timescale(presentation, at.group, context)))
    }

    fn plan(
        self,
        presentation: &Presentation,
        request: &SegmentRequest<'_>,
        context: &Context<'_>,
    ) -> Result<Plan, Error> {
        carried::check(self, presentation, request.track)?;
        let scale = self.url_timescale(presentation, request.track.group, context);
        match request.noun {
            Noun::Fragments => {
                let count = self.fragments_per_segment(presentation);
                let mut plan = Plan::segments(presentation, request, scale, count)?;
                let name = request.audio_track.or(context.selection.audio_track.as_deref());
                if let Some(audio) = carried::muxed_audio(self, presentation, request.track.group, name)? {
                    ts::add_audio(presentation, &mut plan, audio, count)?;
                }
                Ok(plan)
            }
            Noun::KeyFrames if self.has_key_frame_playlists(presentation.groups[request.track.group].kind) => {
                let mut plan = Plan::segments(presentation, request, scale, 1)?;
                plan.keep_sync_samples();
                for part in &mut plan.parts {
                    part.samples.samples.truncate(1);
                }
                if plan.parts.iter().all(|p| p.samples.samples.is_empty()) {
                    let group = presentation.groups[request.track.group].name.clone();
                    return Err(Error::NoSuchTime { group, time: request.time });
                }
                Ok(plan)
            }
            _ => Err(Error::NoSuchResource),
        }
    }

    fn segment(
        self,
        presentation: &Presentation,
        plan: &Plan,
        media: &MediaData,
        context: &Context<'_>,
    ) -> Result<Rendered, Error> {
        match self {
            Flavor::Cmaf => {
                let group = plan.parts.first().map_or(0, |part| part.track.group);
                cmaf::segment(presentation, plan, media, self.url_timescale(presentation, group, context))
            }
            Flavor::V4 | Flavor::V3 => ts::segment(presentation, plan, media),
        }
    }
}

macro_rules! format_of_flavor {
    ($($name:ident)*, $($flavor:ident)*) => {$(
        impl Format for $name {
            fn tags(&self) -> &'static [&'static str] {
                Flavor::$flavor.tags()
            }

            fn protocol(&self) -> Protocol {
                Protocol::Hls
            }

            fn carries(&self, codec: &dyn Codec) -> bool {
                Flavor::$flavor.carries(codec)
            }

            fn url_timescale(&self, presentation: &Presentation, group: usize, context: &Context<'_>) -> Timescale {
                Flavor::$flavor.url_timescale(presentation, group, context)
            }

            fn fragments_per_segment(&self, presentation: &Presentation) -> usize {
                Flavor::$flavor.fragments_per_segment(presentation)
            }

            fn manifest(&self, presentation: &Presentation, context: &Context<'_>) -> Result<Rendered, Error> {
                multivariant::render(Flavor::$flavor, presentation, context)
            }

            fn playlist(
                &self,
                presentation: &Presentation,
                at: TrackRef,
                keyframes: bool,
                context: &Context<'_>,
            ) -> Result<Rendered, Error> {
                Flavor::$flavor.playlist(presentation, at, keyframes, context)
            }

            fn init(&self, presentation: &Presentation, at: TrackRef, context: &Context<'_>) -> Result<Rendered, Error> {
                Flavor::$flavor.init(presentation, at, context)
            }

            fn plan(
                &self,
                presentation: &Presentation,
                request: &SegmentRequest<'_>,
                context: &Context<'_>,
            ) -> Result<Plan, Error> {
                Flavor::$flavor.plan(presentation, request, context)
            }

            fn segment(
                &self,
                presentation: &Presentation,
                plan: &Plan,
                media: &MediaData,
                context: &Context<'_>,
            ) -> Result<Rendered, Error> {
                Flavor::$flavor.segment(presentation, plan, media, context)
            }
        }
    )*};
}

format_of_flavor!(V4 V3 CmafHls, V4 V3 Cmaf);
