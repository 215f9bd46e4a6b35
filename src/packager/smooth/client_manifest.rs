//! The client manifest (MS-SSTR 2.2.2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::codec::SmoothProperties;
use crate::media::{Presentation, Track, TrackKind, TrackRef};
use crate::packager::carried::{Carried, carried};
use crate::packager::envelope;
use crate::packager::markup::Markup;
use crate::packager::names::url_name;
use crate::packager::protection::{Protection, SystemSignal, TrackKey};
use crate::packager::runs::runs;
use crate::packager::{Context, Dialect, Error, Format, Rendered, text};
use crate::protection::{Scheme, System};

use super::{SCALE, Version};

/// Media type of a client manifest.
const MANIFEST_TYPE: &str = "text/xml";

/// The name that a video stream has when its manifest does not name it.
const UNNAMED_VIDEO: &str = "video";

/// Writes the manifest.
pub(super) fn render(
    format: &dyn Format,
    version: Version,
    presentation: &Presentation,
    context: &Context<'_>,
) -> Result<Rendered, Error> {
    let streams = carried(presentation, format)?;
    let chunks: usize = streams.iter().map(|stream| stream.group.segment_count()).sum();
    let mut xml = Markup::new(1024 + 40 * chunks + 512 * presentation.groups.len());
    let minor = match version {
        Version::Counted => 2,
        Version::Single => 0,
    };
    xml.start("SmoothStreamingMedia").number("MajorVersion", 2).number("MinorVersion", minor);
    xml.number("Duration", presentation.duration().floor(SCALE).max(0)).number("TimeScale", SCALE.get());
    for stream in &streams {
        stream_index(&mut xml, version, stream, context);
    }
    if let Some(protection) = context.protection {
        protection_headers(&mut xml, presentation, &streams, protection);
    }
    Ok(text(xml.finish(), MANIFEST_TYPE))
}

fn stream_index(xml: &mut Markup, version: Version, stream: &Carried<'_>, context: &Context<'_>) {
    let (group, dialect) = (stream.group, context.dialect);
    xml.start("StreamIndex").number("Chunks", group.segment_count()).attribute("Type", group.kind.as_str());
    if group.kind == TrackKind::Text {
        // MS-SSTR 2.2.2.3: captions are for those who do not hear, subtitles for those who do not understand.
        xml.attribute("Subtype", if group.purpose.serves("caption") { "CAPT" } else { "SUBT" });
    }
    // Fragment URLs of both versions are the same: they need no `format=`, and caches hold one copy.
    let encryption = context.selection.encryption.map(|e| format!(",encryption={}", e.as_str())).unwrap_or_default();
    let name = url_name(&group.name);
    xml.format("Url", format_args!("QualityLevels({{bitrate}})/Fragments({name}={{start time}}{encryption})"));
    xml.number("QualityLevels", stream.tracks.len());
    if !group.language.is_undetermined() {
        xml.attribute("Language", &group.language.0);
    }
    let unnamed = group.kind == TrackKind::Video && group.name == UNNAMED_VIDEO;
    if dialect == Dialect::Modern || !unnamed {
        xml.attribute("Name", &group.name);
    }
    for (name, words) in [("Role", &group.purpose.roles), ("Accessibility", &group.purpose.accessibility)] {
        if !words.is_empty() {
            xml.attribute(name, &words.join(" "));
        }
    }
    let qualities = stream.tracks.iter().filter_map(|track| Some((track, track.codec.smooth()?)));
    for (index, (track, properties)) in qualities.enumerate() {
        quality_level(xml, index, track, &properties);
    }
    match version {
        Version::Counted => counted_chunks(xml, stream),
        Version::Single => single_chunks(xml, stream),
    }
    xml.end();
}

/// A `QualityLevel` (2.2.2.5); `Bitrate` is what stands in fragment URLs.
fn quality_level(xml: &mut Markup, index: usize, track: &Track, properties: &SmoothProperties) {
    xml.start("QualityLevel");
    if let Some(tag) = properties.audio_tag {
        xml.number("AudioTag", tag);
    }
    xml.number("Index", index);
    let sound = track.codec.audio();
    if let Some(sound) = sound {
        xml.number("BitsPerSample", sound.bits_per_sample);
    }
    xml.number("Bitrate", track.bitrate).attribute("FourCC", properties.four_cc);
    if let Some(picture) = track.codec.video() {
        xml.number("MaxWidth", picture.width).number("MaxHeight", picture.height);
    }
    xml.attribute("CodecPrivateData", &properties.codec_private_data);
    if let Some(sound) = sound {
        xml.number("Channels", sound.channels);
    }
    if let Some(size) = properties.packet_size {
        xml.number("PacketSize", size);
    }
    if let Some(bytes) = properties.nal_unit_length_field {
        xml.number("NALUnitLengthField", bytes);
    }
    if let Some(sound) = sound {
        xml.number("SamplingRate", sound.sampling_rate);
    }
    xml.end();
}

/// `SystemID` of Azure Media Services' envelope.
const ENVELOPE_SYSTEM: &str = "B47B251A-2409-4B42-958E-08DBAE7B4EE9";

/// `Protection`, the last child of the manifest (MS-SSTR 2.2.2.2): a header for each system that has one.
fn protection_headers(xml: &mut Markup, presentation: &Presentation, streams: &[Carried<'_>], of: &Protection) {
    let track = |stream: &Carried<'_>, track: &Track| {
        let place = stream.group.tracks.iter().position(|other| std::ptr::eq(other, track))?;
        Some(TrackRef { group: stream.index, track: place })
    };
    let tracks = streams.iter().flat_map(|stream| stream.tracks.iter().filter_map(move |t| track(stream, t)));
    let keys = of.keys_of(presentation, tracks);
    let keys: Vec<&TrackKey> = keys.iter().collect();
    let Some(&first) = keys.first() else { return };
    if of.scheme == Scheme::Envelope {
        xml.start("Protection").start("ProtectionHeader").attribute("SystemID", ENVELOPE_SYSTEM);
        xml.start("ContentProtection").attribute("xmlns:sea", envelope::NAMESPACE);
        xml.attribute("schemeIdUri", envelope::SCHEME);
        envelope::describe(xml, first);
        xml.end().end().end();
        return;
    }
    let headers: Vec<(&SystemSignal, Vec<u8>)> =
        of.systems.iter().filter_map(|signal| Some((signal, of.header(signal, &keys)?))).collect();
    xml.start("Protection");
    if headers.is_empty() {
        // Clients learn the key's identifier from nothing else.
        let bare = SystemSignal::new(System::PlayReady, None);
        xml.start("ProtectionHeader").attribute("SystemID", &bare.system.id().to_string().to_uppercase());
        xml.text(&STANDARD.encode(of.playready_object(&bare, &keys))).end();
    }
    for (signal, header) in headers {
        xml.start("ProtectionHeader").attribute("SystemID", &signal.system.id().to_string().to_uppercase());
        xml.text(&STANDARD.encode(header)).end();
    }
    xml.end();
}

/// Chunks with `r`, which counts all of a run, unlike DASH's.
fn counted_chunks(xml: &mut Markup, stream: &Carried<'_>) {
    for (index, run) in runs(stream.group, SCALE).enumerate() {
        xml.start("c");
        if index == 0 {
            xml.number("t", run.start);
        }
        xml.number("d", run.duration);
        if run.count > 1 {
            xml.number("r", run.count);
        }
        xml.end();
    }
}

/// One `c` for each chunk.
fn single_chunks(xml: &mut Markup, stream: &Carried<'_>) {
    for (index, run) in runs(stream.group, SCALE).enumerate() {
        for repeat in 0..run.count {
            xml.start("c");
            if index == 0 && repeat == 0 {
                xml.number("t", run.start);
            }
            xml.number("d", run.duration).end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packager::smooth::{SMOOTH, SMOOTH_V20};
    use crate::packager::testing::{bytes, context, film};

    fn manifest(format: &dyn Format, film: &Presentation, dialect: Dialect) -> String {
        let rendered = format.manifest(film, &context(dialect)).unwrap();
        assert_eq!(rendered.content_type, "text/xml");
        String::from_utf8(bytes(&rendered.body)).unwrap()
    }

    #[test]
    fn the_form_of_the_real_service() {
        let expected = r#"<?xml version="1.0" encoding="utf-8"?>
<SmoothStreamingMedia MajorVersion="2" MinorVersion="2" Duration="90833333" TimeScale="10000000">
  <StreamIndex Chunks="5" Type="audio" Url="QualityLevels({bitrate})/Fragments(audio={start time})" QualityLevels="1" Language="fra" Name="audio">
    <QualityLevel AudioTag="255" Index="0" BitsPerSample="16" Bitrate="128000" FourCC="AACL" CodecPrivateData="1190" Channels="2" PacketSize="4" SamplingRate="48000"/>
    <c t="0" d="20053333" r="2"/>
    <c d="20053334"/>
    <c d="19840000"/>
    <c d="10026666"/>
  </StreamIndex>
  <StreamIndex Chunks="5" Type="video" Url="QualityLevels({bitrate})/Fragments(video={start time})" QualityLevels="2">
    <QualityLevel Index="0" Bitrate="3400000" FourCC="H264" MaxWidth="1280" MaxHeight="720" CodecPrivateData="000000016764001F0000000168EBE3CB"/>
    <QualityLevel Index="1" Bitrate="400000" FourCC="H264" MaxWidth="320" MaxHeight="180" CodecPrivateData="000000016764001F0000000168EBE3CB"/>
    <c t="0" d="20000000" r="4"/>
    <c d="10000000"/>
  </StreamIndex>
</SmoothStreamingMedia>
"#;
        assert_eq!(manifest(&SMOOTH, &film(), Dialect::Ams), expected);
        let named = manifest(&SMOOTH, &film(), Dialect::Modern);
        assert_eq!(named.replace(" QualityLevels=\"2\" Name=\"video\">", " QualityLevels=\"2\">"), expected);
    }

    #[test]
    fn old_players_get_every_chunk() {
        let text = manifest(&SMOOTH_V20, &film(), Dialect::Ams);
        assert!(text.contains("MinorVersion=\"0\""));
        assert!(!text.contains(" r=\""), "{text}");
        assert_eq!(text.matches("<c ").count(), 10);
        assert_eq!(text.matches("<c t=\"0\" ").count(), 2);
    }

    #[test]
    fn what_smooth_cannot_carry_is_left_out() {
        let mut film = film();
        let mut spec = crate::packager::testing::audio_spec(64_000);
        spec.codec.smooth = false;
        spec.codec.rfc6381 = "opus";
        film.groups[0] = crate::packager::testing::group("opus", TrackKind::Audio, &[0, 94], &[spec]);
        assert!(!manifest(&SMOOTH, &film, Dialect::Modern).contains("audio"));
        film.groups.truncate(1);
        let error = SMOOTH.manifest(&film, &context(Dialect::Modern)).unwrap_err();
        assert_eq!(error, Error::NothingToCarry { codecs: "opus".to_owned() });
        let request = crate::packager::testing::request(0, 0, 0);
        assert_eq!(SMOOTH.plan(&film, &request, &context(Dialect::Modern)), Err(Error::NoSuchResource));
    }
}
