//! Sound in several codecs: rendition groups, and what is muxed in.

use super::text;
use crate::media::{Language, TrackGroup, TrackKind};
use crate::packager::hls::strict::{self, Attributes};
use crate::packager::hls::{CmafHls, V3, V4};
use crate::packager::testing::{audio_spec, context, film, group};
use crate::packager::{Context, Dialect, Format, Selection};

/// A group of sound in that codec with that many channels.
fn sound(name: &str, language: &str, codec: &'static str, channels: u16, bitrate: u64) -> TrackGroup {
    let mut spec = audio_spec(bitrate);
    if codec != "mp4a" {
        (spec.codec.rfc6381, spec.codec.four_cc) = (codec, codec.as_bytes().try_into().unwrap());
        spec.codec.smooth = false;
    }
    spec.codec.transport_stream = codec != "fLaC";
    spec.codec.audio.as_mut().unwrap().channels = channels;
    let mut group = group(name, TrackKind::Audio, &[0, 94, 188, 282, 375, 422], &[spec]);
    group.language = Language(language.to_owned());
    group
}

fn rows<'a>(list: impl Iterator<Item = &'a Attributes>, names: [&str; 3]) -> Vec<[String; 3]> {
    let value = |a: &Attributes, name: &str| a.get(name).map(|v| v.trim_matches('"').to_owned()).unwrap_or_default();
    list.map(|a| names.map(|name| value(a, name))).collect()
}

const MEDIA: [&str; 3] = ["GROUP-ID", "NAME", "CHANNELS"];
const VARIANT: [&str; 3] = ["RESOLUTION", "CODECS", "AUDIO"];

#[test]
fn each_decoder_has_groups_of_its_own_and_each_picture_plays_with_each() {
    let mut film = film();
    let pictures = film.groups.remove(1);
    film.groups = vec![
        sound("eng_dolby", "eng", "ec-3", 6, 384_000),
        sound("eng", "eng", "mp4a", 2, 128_000),
        sound("spa", "spa", "mp4a", 2, 96_000),
        sound("eng_surround", "eng", "mp4a", 6, 256_000),
        sound("eng_exact", "eng", "fLaC", 2, 700_000),
        pictures,
    ];
    for dialect in [Dialect::Modern, Dialect::Ams] {
        let read = strict::multivariant(&text(&V4.manifest(&film, &context(dialect)).unwrap()));
        let channels = |n: &str| if dialect == Dialect::Modern { n.to_owned() } else { String::new() };
        let row = |id: &str, name: &str, n: &str| [id.to_owned(), name.to_owned(), channels(n)];
        // The rendition is called alike in all groups, and Spanish is filled in with what every player decodes.
        let expected = [
            row("audio", "eng", "2"),
            row("audio", "spa", "2"),
            row("audio-mp4a-6ch", "eng", "6"),
            row("audio-mp4a-6ch", "spa", "2"),
            row("audio-ec-3", "eng", "6"),
            row("audio-ec-3", "spa", "2"),
        ];
        assert_eq!(rows(read.media.iter(), MEDIA), expected);
        let variants = rows(read.variants.iter().map(|(a, _)| a), VARIANT);
        let row = |size: &str, codecs: &str, id: &str| [size.to_owned(), codecs.to_owned(), id.to_owned()];
        let expected = [
            row("320x180", "avc1.64001f,mp4a.40.2", "audio"),
            row("1280x720", "avc1.64001f,mp4a.40.2", "audio"),
            row("320x180", "avc1.64001f,mp4a.40.2", "audio-mp4a-6ch"),
            row("1280x720", "avc1.64001f,mp4a.40.2", "audio-mp4a-6ch"),
            row("320x180", "avc1.64001f,ec-3,mp4a.40.2", "audio-ec-3"),
            row("1280x720", "avc1.64001f,ec-3,mp4a.40.2", "audio-ec-3"),
            row("", "mp4a.40.2", "audio"),
        ];
        assert_eq!(variants, expected);
        assert_eq!(read.key_frames.len(), 2, "pictures alone are listed once");
    }
    // What transport streams do not carry is there in fragmented MP4.
    let read = strict::multivariant(&text(&CmafHls.manifest(&film, &context(Dialect::Modern)).unwrap()));
    let exact: Vec<_> = rows(read.media.iter(), MEDIA).into_iter().filter(|row| row[0] == "audio-fLaC").collect();
    assert_eq!(exact.len(), 2);
}

#[test]
fn a_group_is_not_spoilt_by_what_only_some_players_decode() {
    let mut film = film();
    film.groups =
        vec![sound("eng", "eng", "mp4a", 2, 128_000), sound("fra", "fra", "ac-3", 6, 384_000), film.groups.remove(1)];
    let manifest = text(&V4.manifest(&film, &context(Dialect::Modern)).unwrap());
    let media: Vec<&str> = manifest.lines().filter(|l| l.starts_with("#EXT-X-MEDIA")).collect();
    let ids = |name: &str| media.iter().filter(|l| l.contains(name)).count();
    assert_eq!((media.len(), ids("GROUP-ID=\"audio\""), ids("GROUP-ID=\"audio-ac-3\"")), (3, 1, 2), "{manifest}");
    assert!(manifest.contains("CODECS=\"avc1.64001f,mp4a.40.2\""), "{manifest}");
}

#[test]
fn what_people_are_told_apart_is_not_one_rendition() {
    let mut film = film();
    let mut commentary = sound("b", "eng", "mp4a", 1, 64_000);
    (film.groups[0].label, commentary.label) = (Some("Film".to_owned()), Some("Director".to_owned()));
    film.groups[0].language = Language("eng".to_owned());
    film.groups.insert(1, commentary);
    let read = strict::multivariant(&text(&V4.manifest(&film, &context(Dialect::Modern)).unwrap()));
    let names = rows(read.media.iter(), MEDIA);
    assert!(names.iter().any(|row| row[1] == "Film") && names.iter().any(|row| row[1] == "Director"), "{names:?}");
}

#[test]
fn objects_are_counted_and_named() {
    let mut film = film();
    let mut spec = audio_spec(768_000);
    spec.codec.audio.as_mut().unwrap().channels = 6;
    spec.codec.audio.as_mut().unwrap().object_coding_complexity = Some(16);
    film.groups[0] = group("audio", TrackKind::Audio, &[0, 94, 188, 282, 375, 422], &[spec]);
    let read = strict::multivariant(&text(&CmafHls.manifest(&film, &context(Dialect::Modern)).unwrap()));
    assert_eq!(read.media[0]["CHANNELS"], "\"16/JOC\"");
}

#[test]
fn what_most_players_decode_is_muxed_in() {
    let mut film = film();
    film.groups = vec![
        sound("eng_dolby", "eng", "ac-3", 6, 384_000),
        sound("eng", "eng", "mp4a", 2, 128_000),
        film.groups.remove(1),
    ];
    let manifest = |selection: &Selection| {
        let context = Context { selection, ..context(Dialect::Modern) };
        text(&V3.manifest(&film, &context).unwrap())
    };
    let usual = manifest(&Selection::default());
    assert!(usual.contains("audiotrack=eng") && !usual.contains("ac-3"), "{usual}");
    let asked = Selection { audio_track: Some("eng_dolby".to_owned()), ..Selection::default() };
    assert!(manifest(&asked).contains("CODECS=\"avc1.64001f,ac-3\""));
}
