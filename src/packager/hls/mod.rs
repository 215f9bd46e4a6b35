//! HTTP Live Streaming (RFC 8216): multivariant playlists, media playlists, segments.
//!
//! Three formats: [`V4`] has audio as renditions and key-frame playlists, [`V3`] mixes one audio track
//! into each variant, both in MPEG-2 transport streams; [`CmafHls`] has fragmented MP4, the same segments
//! as DASH CMAF.
//!
//! In [`Dialect::Ams`](super::Dialect::Ams) playlists are written line for line as Azure Media Services did. In
//! [`Dialect::Modern`](super::Dialect::Modern) they say more, and truly: `BANDWIDTH` is measured of what is sent.

mod carried;
mod closed_captions;
mod images;
mod key;
mod media_playlist;
mod multivariant;
mod packing;
mod rate;
mod renditions;
mod sample_aes;
mod subtitles;
mod told_apart;
mod ts;
mod uri;

#[cfg(test)]
mod strict;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::track_fragment::media_type;
use super::{
    Context, Dialect, Error, Format, MediaData, Noun, Plan, Protocol, Rendered, SegmentRequest, captions, cmaf,
    key_frames, protection, thumbnails,
};
use crate::codec::Codec;
use crate::media::{Presentation, Track, TrackKind, TrackRef};
use crate::protection::Scheme;
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

/// The codec of a track as Apple's players want it described: with all parameter sets in the sample entry.
fn described(track: &Track) -> Arc<dyn Codec> {
    track.codec.with_parameter_sets_in_entry().unwrap_or_else(|| Arc::clone(&track.codec))
}

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

    /// Thumbnails are listed: for the players of today.
    fn has_images(self, context: &Context<'_>) -> Option<thumbnails::Grid> {
        context.thumbnails.filter(|_| self != Flavor::V3 && context.dialect == Dialect::Modern)
    }

    fn has_initialization_segments(self) -> bool {
        self == Flavor::Cmaf
    }

    fn carries(self, codec: &dyn Codec) -> bool {
        self == Flavor::Cmaf || codec.transport_stream().is_some() || codec.text().is_some()
    }

    /// Encryptions. Of PlayReady in transport streams no description was ever published.
    const fn schemes(self) -> &'static [Scheme] {
        match self {
            Flavor::Cmaf => &[Scheme::Envelope, Scheme::Cbcs, Scheme::Cenc],
            Flavor::V4 => &[Scheme::Envelope, Scheme::Cbcs],
            Flavor::V3 => &[Scheme::Envelope],
        }
    }

    fn protects(self, codec: &dyn Codec, scheme: Scheme) -> bool {
        match self {
            _ if !scheme.encrypts_samples() || codec.text().is_some() => true,
            Flavor::Cmaf => codec.subsampling().is_some(),
            Flavor::V4 | Flavor::V3 => codec.transport_stream().is_some_and(|stream| stream.encrypted(None).is_some()),
        }
    }

    /// The codec as `CODECS` names it.
    fn codecs(self, codec: &dyn Codec) -> String {
        let in_transport_stream = match self {
            Flavor::Cmaf => None,
            Flavor::V4 | Flavor::V3 => codec.transport_stream().and_then(|stream| stream.codecs()),
        };
        in_transport_stream.unwrap_or_else(|| codec.rfc6381())
    }

    /// Segments of a group that are sent as one.
    fn fragments_per_segment(self, presentation: &Presentation) -> usize {
        match self {
            Flavor::Cmaf => 1,
            Flavor::V4 | Flavor::V3 => presentation.fragments_per_ts_segment.max(1) as usize,
        }
    }

    /// The MPEG-2 time stamp, in 90 kHz, at which presentations begin: where transport streams do, or where the
    /// times of fragmented MP4 count from (RFC 8216 3.5).
    const fn zero_stamp(self) -> u64 {
        match self {
            Flavor::Cmaf => 0,
            Flavor::V4 | Flavor::V3 => ts::ZERO_STAMP,
        }
    }

    /// `EXT-X-VERSION`: `KEYFORMAT` needs 5 (RFC 8216 7), which Azure Media Services did not state.
    fn version_under(self, context: &Context<'_>) -> u64 {
        let tells_format = context.protection.is_some_and(|protection| protection.scheme.encrypts_samples());
        let least = if tells_format && context.dialect == Dialect::Modern { 5 } else { 0 };
        self.version().max(least)
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
        if !self.has_initialization_segments() || subtitles::is_web_vtt(self, presentation, presentation.track(at)) {
            return Err(Error::NoSuchResource);
        }
        carried::check(self, presentation, at)?;
        let codec = described(presentation.track(at));
        let scale = self.url_timescale(presentation, at.group, context);
        Ok(cmaf::init_as(presentation, at, scale, &*codec, context.protection))
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
                key_frames::plan_one(presentation, request, scale)
            }
            _ => Err(Error::NoSuchResource),
        }
    }

    fn segment_type(self, presentation: &Presentation, plan: &Plan) -> &'static str {
        let Some(at) = plan.track() else { return ts::MEDIA_TYPE };
        match self {
            _ if subtitles::is_web_vtt(self, presentation, presentation.track(at)) => captions::WEB_VTT_TYPE,
            Flavor::Cmaf => media_type(presentation.groups[at.group].kind),
            Flavor::V4 | Flavor::V3 => ts::MEDIA_TYPE,
        }
    }

    fn segment(
        self,
        presentation: &Presentation,
        plan: &Plan,
        media: &MediaData,
        context: &Context<'_>,
    ) -> Result<Rendered, Error> {
        if let (Some(text), Some(part)) = (captions::text_of(presentation, plan), plan.parts.first())
            && subtitles::is_web_vtt(self, presentation, presentation.track(part.track))
        {
            return captions::web_vtt(presentation, plan, text, self.zero_stamp());
        }
        match self {
            Flavor::Cmaf => {
                let group = plan.parts.first().map_or(0, |part| part.track.group);
                let scale = self.url_timescale(presentation, group, context);
                cmaf::segment(presentation, plan, media, scale, context.protection)
            }
            Flavor::V4 | Flavor::V3 => ts::segment(presentation, plan, media, context.protection),
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

            fn schemes(&self) -> &'static [Scheme] {
                Flavor::$flavor.schemes()
            }

            fn protects(&self, codec: &dyn Codec, scheme: Scheme) -> bool {
                Flavor::$flavor.protects(codec, scheme)
            }

            fn passes_on(&self, scheme: Scheme) -> bool {
                // Transport streams are encrypted otherwise than samples in files.
                Flavor::$flavor == Flavor::Cmaf && self.schemes().contains(&scheme) && scheme.encrypts_samples()
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

            fn images(&self, presentation: &Presentation, context: &Context<'_>) -> Result<Rendered, Error> {
                let grid = Flavor::$flavor.has_images(context).ok_or(Error::NoSuchResource)?;
                Ok(images::render(presentation, &grid))
            }

            fn init(&self, presentation: &Presentation, at: TrackRef, context: &Context<'_>) -> Result<Rendered, Error> {
                protection::check(self, presentation, at, context)?;
                let rendered = Flavor::$flavor.init(presentation, at, context)?;
                Ok(protection::in_envelope(rendered, presentation, Some(at), None, context))
            }

            fn plan(
                &self,
                presentation: &Presentation,
                request: &SegmentRequest<'_>,
                context: &Context<'_>,
            ) -> Result<Plan, Error> {
                protection::check(self, presentation, request.track, context)?;
                Flavor::$flavor.plan(presentation, request, context)
            }

            fn segment_type(&self, presentation: &Presentation, plan: &Plan) -> &'static str {
                Flavor::$flavor.segment_type(presentation, plan)
            }

            fn segment(
                &self,
                presentation: &Presentation,
                plan: &Plan,
                media: &MediaData,
                context: &Context<'_>,
            ) -> Result<Rendered, Error> {
                let rendered = Flavor::$flavor.segment(presentation, plan, media, context)?;
                Ok(protection::in_envelope(rendered, presentation, plan.track(), Some(plan.index), context))
            }
        }
    )*};
}

format_of_flavor!(V4 V3 CmafHls, V4 V3 Cmaf);
