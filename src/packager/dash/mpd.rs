//! The MPD (ISO/IEC 23009-1 5.3): document, period, adaptation sets, timelines.

use std::fmt;

use crate::media::{AUDIO_PURPOSE_SCHEME, Presentation, Purpose, ROLE_SCHEME, TrackKind};
use crate::packager::carried::{Carried, carried};
use crate::packager::markup::Markup;
use crate::packager::names::url_name;
use crate::packager::runs::runs;
use crate::packager::track_fragment::media_type;
use crate::packager::{Context, Dialect, Error, Format, Rendered, language, text};
use crate::time::{MediaTime, Timescale};

use super::{Kind, LIVE_PROFILE, MPD_TYPE, representation};

/// Whole seconds.
const ONE: Timescale = Timescale::new(1).unwrap();

/// Writes the MPD.
pub(super) fn render(
    format: &dyn Format,
    kind: &Kind,
    presentation: &Presentation,
    context: &Context<'_>,
) -> Result<Rendered, Error> {
    let sets = carried(presentation, format)?;
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
        let is_chosen = chosen.is_some_and(|chosen| chosen.index == set.index);
        adaptation_set(&mut xml, kind, presentation, set, position + 1, is_chosen, context.dialect);
    }
    Ok(text(xml.finish(), MPD_TYPE))
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
    id: usize,
    is_chosen: bool,
    dialect: Dialect,
) {
    let group = set.group;
    xml.start("AdaptationSet").number("id", id as u64).number("group", representation::group_number(group.kind));
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
    representation::maxima(xml, set, dialect);
    if group.kind == TrackKind::Video || dialect == Dialect::Modern {
        xml.attribute("startWithSAP", "1");
    }
    let label = match dialect {
        Dialect::Ams => (group.named && group.kind == TrackKind::Audio).then_some(&group.name),
        Dialect::Modern => group.label.as_ref().or(group.named.then_some(&group.name)),
    };
    if let Some(label) = label {
        xml.start("Label").text(label).end();
    }
    purpose(xml, &group.purpose, group.kind, is_chosen, dialect);
    segment_template(xml, kind, presentation, set, dialect);
    for (index, track) in set.tracks.iter().enumerate() {
        representation::write(xml, kind, set, track, index, dialect);
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
    if dialect == Dialect::Modern {
        let usual = if is_chosen { "main" } else { "alternate" };
        let is_one = |role: &str| purpose.has_role(role);
        if !(is_one("main") || is_one("alternate") || purpose.is_auxiliary() && !purpose.roles.is_empty()) {
            descriptor(xml, "Role", ROLE_SCHEME, usual);
        }
    }
    purpose.roles.iter().for_each(|role| descriptor(xml, "Role", ROLE_SCHEME, role));
}

/// An element of DescriptorType (ISO/IEC 23009-1 5.8.2).
pub(super) fn descriptor(xml: &mut Markup, name: &'static str, scheme: &str, value: &str) {
    xml.start(name).attribute("schemeIdUri", scheme).attribute("value", value).end();
}

/// The template and timeline that all representations of the set share (5.3.9.5, 5.3.9.6).
///
/// Azure Media Services put `QualityLevels($Bandwidth$)` in front, which ties `@bandwidth` to the number
/// in the URL, whatever the media's real rate. For today's players that part of the URL is the
/// representation's `BaseURL`, and `@bandwidth` is what the standard wants it to be; the URL that comes
/// out is the same.
fn segment_template(xml: &mut Markup, kind: &Kind, presentation: &Presentation, set: &Carried<'_>, dialect: Dialect) {
    let scale = (kind.timescale)(presentation, set.index, dialect);
    let name = url_name(&set.group.name);
    let (quality, media, init) = match dialect {
        Dialect::Ams => ("QualityLevels($Bandwidth$)/", "", ""),
        Dialect::Modern => ("", ".m4s", ".mp4"),
    };
    let tag = kind.tag;
    xml.start("SegmentTemplate").number("timescale", scale.get());
    // Times stay those of the whole film; the period begins where the filter does.
    if let Some(begin) = presentation.view.begin {
        xml.number("presentationTimeOffset", begin.floor(scale).max(0));
    }
    xml.format("media", format_args!("{quality}Fragments({name}=$Time$,format={tag}){media}"));
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
