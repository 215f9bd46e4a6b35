//! Colour, dynamic range and codecs over codecs in an MPD.

use crate::codec::DynamicRange;
use crate::media::{Track, TrackKind};
use crate::packager::carried::Carried;
use crate::packager::markup::Markup;

use super::mpd::descriptor;

/// Namespace of `supplementalCodecs` and `supplementalProfiles` (SCTE 214-1).
pub(super) const SCTE214: &str = "urn:scte:dash:scte214-extensions";

/// The set has something to say in that namespace.
pub(super) fn needs_scte214(set: &Carried<'_>) -> bool {
    set.tracks.iter().any(|track| track.codec.supplemental().is_some())
}

/// Players go from one track to the other with the same decoder and display.
pub(super) fn is_one_set(one: &Track, other: &Track) -> bool {
    let of = |track: &Track| {
        let name = track.codec.rfc6381();
        let entry = name.split('.').next().unwrap_or_default().to_owned();
        (entry, track.codec.dynamic_range())
    };
    of(one) == of(other)
}

/// The set is of pictures that every display shows.
pub(super) fn is_sdr_video(set: &Carried<'_>) -> bool {
    set.group.kind == TrackKind::Video && set.tracks.iter().all(|t| t.codec.dynamic_range() == DynamicRange::Sdr)
}

/// The code points of ISO/IEC 23091-2 of a set with a high dynamic range (DASH-IF IOP 4.3, 10.3). Where there
/// is a set of standard range beside it, players must understand them to choose this one; where there is
/// none, they are told and may try: their decoders know the same from the stream.
pub(super) fn properties(xml: &mut Markup, set: &Carried<'_>, has_sdr: bool) {
    let Some(codec) = set.tracks.first().map(|track| &track.codec) else { return };
    let Some(colour) = codec.colour().filter(|_| codec.dynamic_range() != DynamicRange::Sdr) else { return };
    let name = if has_sdr { "EssentialProperty" } else { "SupplementalProperty" };
    for (scheme, value) in [
        ("urn:mpeg:mpegB:cicp:ColourPrimaries", colour.primaries),
        ("urn:mpeg:mpegB:cicp:TransferCharacteristics", colour.transfer),
        ("urn:mpeg:mpegB:cicp:MatrixCoefficients", colour.matrix),
    ] {
        descriptor(xml, name, scheme, itoa::Buffer::new().format(value));
    }
}
