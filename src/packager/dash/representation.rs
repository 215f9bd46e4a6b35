//! Representations (ISO/IEC 23009-1 5.3.5) and what their adaptation set says of all of them.

use crate::media::{Track, TrackKind};
use crate::packager::carried::Carried;
use crate::packager::figures::{Figure, Measured};
use crate::packager::markup::Markup;
use crate::packager::names::url_name;
use crate::packager::{Context, Dialect, bitrate};

use super::Kind;
use super::mpd::descriptor;

/// `AdaptationSet@group` of Azure Media Services.
pub(super) fn group_number(kind: TrackKind) -> u64 {
    match kind {
        TrackKind::Video => 1,
        TrackKind::Audio => 5,
        TrackKind::Text => 3,
    }
}

/// `@codecs`. Azure Media Services wrote the profile and level of a picture codec in upper case.
pub(super) fn codecs(track: &Track, dialect: Dialect) -> String {
    let codecs = track.codec.rfc6381();
    match (dialect, track.codec.video(), codecs.split_once('.')) {
        (Dialect::Ams, Some(_), Some((kind, rest))) => format!("{kind}.{}", rest.to_ascii_uppercase()),
        _ => codecs,
    }
}

/// `@maxWidth` and the like of an adaptation set.
pub(super) fn maxima(xml: &mut Markup, set: &Carried<'_>, dialect: Dialect) {
    let pictures = || set.tracks.iter().filter_map(|track| track.codec.video());
    if let Some(width) = pictures().map(|p| p.width).max() {
        xml.number("maxWidth", width);
    }
    if let Some(height) = pictures().map(|p| p.height).max() {
        xml.number("maxHeight", height);
    }
    let rate = |(n, d): &(u32, u32), other: &(u32, u32)| {
        (u64::from(*n) * u64::from(other.1)).cmp(&(u64::from(other.0) * u64::from(*d)))
    };
    let fastest = set.tracks.iter().filter_map(|track| track.frame_rate).max_by(rate);
    if let (Dialect::Modern, Some(fastest)) = (dialect, fastest) {
        frame_rate(xml, "maxFrameRate", fastest);
    }
}

/// `FrameRateType`: a whole number or a fraction.
fn frame_rate(xml: &mut Markup, name: &str, (n, d): (u32, u32)) {
    if d == 1 {
        xml.number(name, n);
    } else {
        xml.format(name, format_args!("{n}/{d}"));
    }
}

/// Identifier of representation number `index` of its set, as Azure Media Services had it.
pub(super) fn id(set: &Carried<'_>, index: usize) -> String {
    let letter = match set.group.kind {
        TrackKind::Video => 'V',
        TrackKind::Audio => 'A',
        TrackKind::Text => 'T',
    };
    let (number, name) = (group_number(set.group.kind), url_name(&set.group.name));
    format!("{number}_{letter}_{name}_{}", index + 1)
}

/// Size of the pictures, shape of their pixels and rate.
pub(super) fn picture(xml: &mut Markup, track: &Track, rate: (u32, u32)) {
    let Some(picture) = track.codec.video() else { return };
    xml.number("width", picture.width).number("height", picture.height);
    let (wide, high) = picture.sample_aspect_ratio;
    if wide != high {
        xml.format("sar", format_args!("{wide}:{high}"));
    }
    frame_rate(xml, "frameRate", rate);
}

/// What is measured of a track of the set.
pub(super) fn figure(kind: &Kind, set: &Carried<'_>, track: &Track, of: Measured) -> Figure {
    Figure { format: kind.tag, of, track: set.place(track), with: None, scheme: kind.scheme }
}

/// One representation, number `index` of its set.
pub(super) fn write(
    xml: &mut Markup,
    kind: &Kind,
    set: &Carried<'_>,
    track: &Track,
    index: usize,
    context: &Context<'_>,
) {
    let dialect = context.dialect;
    let group = set.group;
    xml.start("Representation").attribute("id", &id(set, index));
    let codecs_here = codecs(track, dialect);
    let bandwidth = match dialect {
        Dialect::Ams => track.bitrate,
        Dialect::Modern => {
            let measure = || bitrate::measured_with(group, track, 1, |media, samples| kind.size(track, media, samples));
            context.measured(figure(kind, set, track, Measured::Segments), measure).0.max(1)
        }
    };
    xml.number("bandwidth", bandwidth);
    if dialect == Dialect::Modern || codecs_here != codecs(set.tracks[0], dialect) {
        xml.attribute("codecs", &codecs_here);
    }
    if let (Dialect::Modern, Some(more)) = (dialect, track.codec.supplemental()) {
        xml.attribute("scte214:supplementalCodecs", &more.codecs);
        xml.format("scte214:supplementalProfiles", format_args!("{}", more.brand));
    }
    if let Some(picture) = track.codec.video() {
        xml.number("width", picture.width).number("height", picture.height);
        if dialect == Dialect::Modern {
            let (wide, high) = picture.sample_aspect_ratio;
            if wide != high {
                xml.format("sar", format_args!("{wide}:{high}"));
            }
            if let Some(rate) = track.frame_rate {
                frame_rate(xml, "frameRate", rate);
            }
        }
    }
    let sound = track.codec.audio();
    if let Some(sound) = sound {
        xml.number("audioSamplingRate", sound.sampling_rate);
    }
    if dialect == Dialect::Modern {
        if let Some(layout) = sound.and_then(|s| s.channel_configuration) {
            descriptor(xml, "AudioChannelConfiguration", layout.scheme(), &layout.value());
        }
        for (scheme, value) in track.codec.supplemental_properties() {
            descriptor(xml, "SupplementalProperty", scheme, &value);
        }
        xml.start("BaseURL").text(&format!("QualityLevels({})/", track.bitrate)).end();
    }
    xml.end();
}
