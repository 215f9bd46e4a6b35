//! The MPD (ISO/IEC 23009-1 5.3): document, period, adaptation sets, timelines.

use std::fmt;

use crate::codec::ClosedCaptions;
use crate::media::{AUDIO_PURPOSE_SCHEME, Presentation, Purpose, ROLE_SCHEME, Track, TrackKind, TrackRef};
use crate::packager::carried::{Carried, carried};
use crate::packager::markup::Markup;
use crate::packager::names::url_name;
use crate::packager::runs::runs;
use crate::packager::track_fragment::media_type;
use crate::packager::{Context, Dialect, Error, Format, Rendered, language, text};
use crate::time::{MediaTime, Timescale};

use super::{Kind, LIVE_PROFILE, MPD_TYPE, colour, content_protection, images, representation, trick};

/// Whole seconds.
const ONE: Timescale = Timescale::new(1).unwrap();

/// Scheme of camera angles (ISO/IEC 23009-1 5.8.5.6).
const VIEWPOINT_SCHEME: &str = "urn:mpeg:dash:viewpoint:2011";

/// Scheme of switching between adaptation sets (ISO/IEC 23009-1 5.3.3.5).
const SWITCHING_SCHEME: &str = "urn:mpeg:dash:adaptation-set-switching:2016";

/// Writes the MPD.
pub(super) fn render(
    format: &dyn Format,
    kind: &Kind,
    presentation: &Presentation,
    context: &Context<'_>,
) -> Result<Rendered, Error> {
    let sets = adaptation_sets(presentation, carried(presentation, format)?, context);
    let segments: usize = sets.iter().map(|set| set.group.segment_count()).sum();
    let mut xml = Markup::new(2048 + 40 * segments + 256 * presentation.groups.len());
    xml.start("MPD").attribute("xmlns", "urn:mpeg:dash:schema:mpd:2011");
    xml.attribute("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance");
    match context.dialect {
        Dialect::Ams => xml.attribute("profiles", LIVE_PROFILE),
        Dialect::Modern => {
            xml.attribute("xsi:schemaLocation", "urn:mpeg:dash:schema:mpd:2011 DASH-MPD.xsd");
            xml.attribute("profiles", kind.profiles)
        }
    };
    if context.dialect == Dialect::Modern && sets.iter().any(colour::needs_scte214) {
        xml.attribute("xmlns:scte214", colour::SCTE214);
    }
    if let Some(protection) = context.protection {
        content_protection::namespaces(&mut xml, protection);
    }
    xml.attribute("type", "static");
    xml.format("mediaPresentationDuration", format_args!("{}", Duration(presentation.duration())));
    xml.format("minBufferTime", format_args!("PT{}S", min_buffer_seconds(&sets)));
    xml.start("Period");
    if context.dialect == Dialect::Modern {
        xml.attribute("id", "1").attribute("start", "PT0S");
    }
    for (position, set) in sets.iter().enumerate() {
        let of_kind = || sets.iter().filter(|other| other.group.kind == set.group.kind);
        // The default, or where this format cannot carry it, the first.
        let chosen = of_kind().find(|other| other.group.is_default).or_else(|| of_kind().next());
        let place = Place {
            id: position + 1,
            is_chosen: chosen.is_some_and(|chosen| chosen.index == set.index),
            has_peers: of_kind().any(|other| other.index != set.index),
            camera: camera(&sets, set),
            before: before(&sets, position),
            has_sdr: sets.iter().any(colour::is_sdr_video),
            alike: alike(&sets, position),
        };
        adaptation_set(&mut xml, kind, presentation, set, &place, context);
    }
    if context.dialect == Dialect::Modern {
        let mut id = sets.len();
        for (position, set) in sets.iter().enumerate() {
            let has_sdr = sets.iter().any(colour::is_sdr_video);
            let place = trick::Place { id: id + 1, of: position + 1, before: before(&sets, position), has_sdr };
            if trick::write(&mut xml, kind, presentation, set, &place, context) {
                id += 1;
            }
        }
        if let Some(grid) = &context.thumbnails {
            images::write(&mut xml, grid, id + 1);
        }
    }
    Ok(text(xml.finish(), MPD_TYPE))
}

/// One adaptation set for each kind of decoder in a group: players switch within a set and choose between
/// sets (ISO/IEC 23009-1 5.3.3.1). Azure Media Services had one for each group. What a set says of its encryption is
/// of all its tracks, so those of another key are another set.
fn adaptation_sets<'a>(
    presentation: &'a Presentation,
    groups: Vec<Carried<'a>>,
    context: &Context<'_>,
) -> Vec<Carried<'a>> {
    let key = |group: usize, track: &Track| {
        let place = presentation.groups[group].tracks.iter().position(|other| std::ptr::eq(other, track))?;
        Some(context.protection?.key(presentation, TrackRef { group, track: place })?.id)
    };
    let mut sets: Vec<Carried<'_>> = Vec::with_capacity(groups.len());
    for group in groups {
        let begin = sets.len();
        for &track in &group.tracks {
            let is_one = |other: &Track| {
                let decoder = context.dialect == Dialect::Ams || colour::is_one_set(other, track);
                decoder && key(group.index, other) == key(group.index, track)
            };
            let home = sets.iter_mut().skip(begin).find(|set| is_one(set.tracks[0]));
            match home {
                Some(set) => set.tracks.push(track),
                None => sets.push(Carried { index: group.index, group: group.group, tracks: vec![track] }),
            }
        }
    }
    sets
}

/// Where an adaptation set stands among the others.
struct Place {
    /// Its `@id`.
    id: usize,
    /// It is of the group that plays unless another is chosen.
    is_chosen: bool,
    /// There are other groups of its kind.
    has_peers: bool,
    /// The number of its camera where there are several.
    camera: Option<usize>,
    /// Representations of its group in sets before it.
    before: usize,
    /// There is a video set of standard dynamic range, for players that know no other.
    has_sdr: bool,
    /// `@id`s of sets that differ from it in their key alone.
    alike: Vec<String>,
}

/// `@id`s of the other sets of a group that are for the same decoder, so that only their key is another one.
fn alike(sets: &[Carried<'_>], position: usize) -> Vec<String> {
    let Some(own) = sets.get(position) else { return Vec::new() };
    let others = sets.iter().enumerate().filter(|(place, set)| *place != position && set.index == own.index);
    let same = others.filter(|(_, set)| colour::is_one_set(set.tracks[0], own.tracks[0]));
    same.map(|(place, _)| (place + 1).to_string()).collect()
}

/// How many representations the sets before the one at `position` have of its group.
fn before(sets: &[Carried<'_>], position: usize) -> usize {
    let of_group = |set: &&Carried<'_>| sets.get(position).is_some_and(|own| own.index == set.index);
    sets.iter().take(position).filter(of_group).map(|set| set.tracks.len()).sum()
}

/// Which camera, from 1, a video set is of; `None` where there is one alone. A camera's group may be several sets.
fn camera(sets: &[Carried<'_>], of: &Carried<'_>) -> Option<usize> {
    let mut cameras: Vec<usize> =
        sets.iter().filter(|set| set.group.kind == TrackKind::Video).map(|set| set.index).collect();
    cameras.dedup();
    let place = cameras.iter().position(|index| *index == of.index)?;
    (cameras.len() > 1).then_some(place + 1)
}

/// `minBufferTime`: whole seconds, more than the longest segment, as Azure Media Services had it.
/// `Representation@bandwidth` is the rate of the densest segment, so that this much is enough buffer to
/// play on at that rate from every segment's start (ISO/IEC 23009-1 5.3.5.4).
fn min_buffer_seconds(sets: &[Carried<'_>]) -> u64 {
    let one = |set: &Carried<'_>| set.group.longest_segment().floor(ONE).max(0) as u64;
    sets.iter().map(one).max().unwrap_or(0) + 1
}

fn adaptation_set(
    xml: &mut Markup,
    kind: &Kind,
    presentation: &Presentation,
    set: &Carried<'_>,
    place: &Place,
    context: &Context<'_>,
) {
    let (group, dialect) = (set.group, context.dialect);
    xml.start("AdaptationSet").number("id", place.id as u64).number("group", representation::group_number(group.kind));
    if dialect == Dialect::Ams {
        if let Some(profiles) = kind.set_profiles {
            xml.attribute("profiles", profiles);
        }
        xml.attribute("bitstreamSwitching", "false");
    }
    xml.attribute("segmentAlignment", "true");
    xml.attribute("contentType", group.kind.as_str()).attribute("mimeType", media_type(group.kind));
    if dialect == Dialect::Ams {
        xml.attribute("codecs", &representation::codecs(set.tracks[0], dialect));
    }
    if let Some(tag) = language::tag(&group.language) {
        xml.attribute("lang", &tag);
    }
    if dialect == Dialect::Modern && place.is_chosen && place.has_peers && group.kind != TrackKind::Text {
        // Above the 1 of those without the attribute (5.3.3.2).
        xml.number("selectionPriority", 2u64);
    }
    representation::maxima(xml, set, dialect);
    if group.kind == TrackKind::Video || dialect == Dialect::Modern {
        xml.attribute("startWithSAP", "1");
    }
    content_protection::write_set(xml, presentation, set, context.protection, dialect);
    if dialect == Dialect::Modern {
        colour::properties(xml, set, place.has_sdr);
        if !place.alike.is_empty() {
            // Players may switch between them nevertheless (5.3.3.5).
            descriptor(xml, "SupplementalProperty", SWITCHING_SCHEME, &place.alike.join(","));
        }
    }
    let label = match dialect {
        Dialect::Ams => (group.named && group.kind == TrackKind::Audio).then_some(&group.name),
        Dialect::Modern => group.label.as_ref().or(group.named.then_some(&group.name)),
    };
    if let Some(label) = label {
        xml.start("Label").text(label).end();
    }
    let is_chosen = if group.kind == TrackKind::Text { group.is_default } else { place.is_chosen };
    closed_captions(xml, group.closed_captions);
    purpose(xml, &group.purpose, group.kind, is_chosen, dialect);
    if let (Dialect::Modern, Some(camera)) = (dialect, place.camera) {
        descriptor(xml, "Viewpoint", VIEWPOINT_SCHEME, &format!("vp{camera}"));
    }
    segment_template(xml, kind, presentation, set, "Fragments", dialect);
    for (index, track) in set.tracks.iter().enumerate() {
        representation::write(xml, kind, set, track, place.before + index, context);
    }
    xml.end();
}

/// `Accessibility` and `Role` (ISO/IEC 23009-1 5.8.4.2, 5.8.4.3). Azure Media Services wrote what the server
/// manifest had and no more. Today's players find audio descriptions by DVB's scheme (ETSI TS 103 285 6.1.2),
/// and the default by the role `main`.
fn purpose(xml: &mut Markup, purpose: &Purpose, kind: TrackKind, is_chosen: bool, dialect: Dialect) {
    if dialect == Dialect::Modern && kind == TrackKind::Audio {
        for (stated, value) in [("description", "1"), ("enhanced-audio-intelligibility", "2")] {
            if purpose.serves(stated) {
                descriptor(xml, "Accessibility", AUDIO_PURPOSE_SCHEME, value);
            }
        }
    }
    purpose.accessibility.iter().for_each(|value| descriptor(xml, "Accessibility", ROLE_SCHEME, value));
    if dialect == Dialect::Modern && kind == TrackKind::Text {
        // Captions are shown when asked for, so there need be no main ones.
        if is_chosen && !purpose.has_role("main") {
            descriptor(xml, "Role", ROLE_SCHEME, "main");
        }
    } else if dialect == Dialect::Modern {
        let usual = if is_chosen { "main" } else { "alternate" };
        let tells_its_place = purpose.has_role("main") || purpose.has_role("alternate");
        if !tells_its_place && (purpose.roles.is_empty() || !purpose.is_auxiliary()) {
            descriptor(xml, "Role", ROLE_SCHEME, usual);
        }
    }
    purpose.roles.iter().for_each(|role| descriptor(xml, "Role", ROLE_SCHEME, role));
}

/// An element of DescriptorType (ISO/IEC 23009-1 5.8.2).
pub(super) fn descriptor(xml: &mut Markup, name: &'static str, scheme: &str, value: &str) {
    xml.start(name).attribute("schemeIdUri", scheme).attribute("value", value).end();
}

/// Captions inside of pictures (ANSI/SCTE 214-1 7.2), whose languages nobody states.
fn closed_captions(xml: &mut Markup, found: ClosedCaptions) {
    let channels = [(found.first_field, "CC1=und"), (found.second_field, "CC3=und")];
    let channels: Vec<&str> = channels.iter().filter(|(there, _)| *there).map(|(_, name)| *name).collect();
    if !channels.is_empty() {
        descriptor(xml, "Accessibility", "urn:scte:dash:cc:cea-608:2015", &channels.join(";"));
    }
    let services: Vec<String> = found.service_numbers().map(|number| format!("{number}=lang:und")).collect();
    if !services.is_empty() {
        descriptor(xml, "Accessibility", "urn:scte:dash:cc:cea-708:2015", &services.join(";"));
    }
}

/// The template and timeline that all representations of the set share (5.3.9.5, 5.3.9.6).
///
/// Azure Media Services put `QualityLevels($Bandwidth$)` in front, which ties `@bandwidth` to the number
/// in the URL, whatever the media's real rate. For today's players that part of the URL is the
/// representation's `BaseURL`, and `@bandwidth` is what the standard wants it to be; the URL that comes
/// out is the same.
pub(super) fn segment_template(
    xml: &mut Markup,
    kind: &Kind,
    presentation: &Presentation,
    set: &Carried<'_>,
    noun: &str,
    dialect: Dialect,
) {
    let scale = (kind.timescale)(presentation, set.index, dialect);
    let name = url_name(&set.group.name);
    let (quality, media, init) = match dialect {
        Dialect::Ams => ("QualityLevels($Bandwidth$)/", "", ""),
        Dialect::Modern => ("", ".m4s", ".mp4"),
    };
    let encryption = kind.encryption.map(|scheme| format!(",encryption={}", scheme.as_str())).unwrap_or_default();
    let tag = format!("{}{encryption}", kind.tag);
    xml.start("SegmentTemplate").number("timescale", scale.get());
    let zero = presentation.zero().floor(scale);
    if zero > 0 {
        // Where the Period begins on the timeline of the segments (5.3.9.2).
        xml.number("presentationTimeOffset", zero.unsigned_abs());
    }
    xml.format("media", format_args!("{quality}{noun}({name}=$Time$,format={tag}){media}"));
    xml.format("initialization", format_args!("{quality}Fragments({name}=i,format={tag}){init}"));
    xml.start("SegmentTimeline");
    for (index, run) in runs(set.group, scale).enumerate() {
        xml.start("S");
        if index == 0 && run.start != 0 {
            xml.number("t", run.start);
        }
        xml.number("d", run.duration);
        if run.count > 1 {
            xml.number("r", run.count - 1);
        }
        xml.end();
    }
    xml.end().end();
}

/// `xs:duration` as Azure Media Services wrote it: hours only when there are some, milliseconds.
struct Duration(MediaTime);

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.round(Timescale::MILLISECONDS).max(0);
        let (minutes, millis) = (millis / 60_000, millis % 60_000);
        f.write_str("PT")?;
        if minutes >= 60 {
            write!(f, "{}H", minutes / 60)?;
        }
        write!(f, "{}M{}.{:03}S", minutes % 60, millis / 1000, millis % 1000)
    }
}
