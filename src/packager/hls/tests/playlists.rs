//! Playlists as text, held against RFC 8216 and the form that Azure Media Services gave them.

use super::{text, tracks, uneven_film};
use crate::media::{Language, TrackKind, TrackRef};
use crate::packager::hls::{CmafHls, V3, V4, strict};
use crate::packager::testing::{FakeCodec, audio_spec, context, film, film_of, group, video_spec};
use crate::packager::{Context, Dialect, Error, Format, Selection};

const ALL: [&dyn Format; 3] = [&V4, &V3, &CmafHls];

#[test]
fn azure_media_services_multivariant_playlist_line_for_line() {
    let expected = "\
#EXTM3U
#EXT-X-VERSION:4
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"audio\",LANGUAGE=\"fra\",DEFAULT=YES,AUTOSELECT=YES,URI=\"QualityLevels(128000)/Manifest(audio,format=m3u8-aapl)\"
#EXT-X-STREAM-INF:BANDWIDTH=555936,RESOLUTION=320x180,CODECS=\"avc1.64001f,mp4a.40.2\",AUDIO=\"audio\"
QualityLevels(400000)/Manifest(video,format=m3u8-aapl)
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=555936,RESOLUTION=320x180,CODECS=\"avc1.64001f\",URI=\"QualityLevels(400000)/Manifest(video,format=m3u8-aapl,type=keyframes)\"
#EXT-X-STREAM-INF:BANDWIDTH=3621936,RESOLUTION=1280x720,CODECS=\"avc1.64001f,mp4a.40.2\",AUDIO=\"audio\"
QualityLevels(3400000)/Manifest(video,format=m3u8-aapl)
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=3621936,RESOLUTION=1280x720,CODECS=\"avc1.64001f\",URI=\"QualityLevels(3400000)/Manifest(video,format=m3u8-aapl,type=keyframes)\"
#EXT-X-STREAM-INF:BANDWIDTH=138976,CODECS=\"mp4a.40.2\",AUDIO=\"audio\"
QualityLevels(128000)/Manifest(audio,format=m3u8-aapl)
";
    assert_eq!(text(&V4.manifest(&film(), &context(Dialect::Ams)).unwrap()), expected);
}

#[test]
fn azure_media_services_media_playlists_line_for_line() {
    let film = film();
    let video = film.find("video", 400_000).unwrap();
    let expected = "\
#EXTM3U
#EXT-X-VERSION:4
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-ALLOW-CACHE:NO
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-TARGETDURATION:6
#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:00Z
#EXTINF:6.000000,no-desc
Fragments(video=0,format=m3u8-aapl)
#EXTINF:3.000000,no-desc
Fragments(video=60000000,format=m3u8-aapl)
#EXT-X-ENDLIST
";
    let ams = context(Dialect::Ams);
    assert_eq!(text(&V4.playlist(&film, video, false, &ams).unwrap()), expected);
    let v3 = expected.replace("VERSION:4", "VERSION:3").replace("m3u8-aapl", "m3u8-aapl-v3,audiotrack=audio");
    assert_eq!(text(&V3.playlist(&film, video, false, &ams).unwrap()), v3);
    let keyframes = text(&V4.playlist(&film, video, true, &ams).unwrap());
    assert!(keyframes.contains("#EXT-X-I-FRAMES-ONLY\n") && keyframes.contains("TARGETDURATION:2\n"), "{keyframes}");
    assert!(keyframes.contains("\nKeyFrames(video=20000000,format=m3u8-aapl)\n"), "{keyframes}");
}

#[test]
fn modern_playlists_say_what_players_want() {
    let mut film = film();
    film.groups[1].tracks[1].codec = std::sync::Arc::new({
        let mut codec = FakeCodec::video(720, 576);
        codec.video.as_mut().unwrap().sample_aspect_ratio = (64, 45);
        codec
    });
    let modern = context(Dialect::Modern);
    let playlist = text(&V4.manifest(&film, &modern).unwrap());
    let read = strict::multivariant(&playlist);
    let (first, uri) = &read.variants[0];
    assert_eq!(uri, "QualityLevels(400000)/Manifest(video,format=m3u8-aapl).m3u8");
    assert_eq!((&*first["RESOLUTION"], &*first["FRAME-RATE"]), ("1024x576", "24.000"));
    assert_eq!((&*read.media[0]["LANGUAGE"], &*read.media[0]["CHANNELS"]), ("\"fr\"", "\"2\""));
    assert_eq!((read.variants.len(), read.key_frames.len()), (3, 2));
    assert!(!read.variants[2].0.contains_key("RESOLUTION"));

    let cmaf = text(&CmafHls.playlist(&film, TrackRef { group: 1, track: 0 }, false, &modern).unwrap());
    let read = strict::media(&cmaf);
    assert_eq!(read.map.as_deref(), Some("Fragments(video=i,format=m3u8-cmaf).mp4"));
    assert_eq!(read.segments[1], (2_000_000, "Fragments(video=48000,format=m3u8-cmaf).m4s".to_owned()));
    assert_eq!((read.version, read.segments.len(), read.target_duration), (7, 5, 3));
}

#[test]
fn every_playlist_is_strictly_right_and_m3u8_rs_agrees() {
    let awkward = "a b\"(é),%=;\n";
    let mut odd = film();
    odd.groups[0].name = awkward.to_owned();
    odd.groups[1].label = Some("\"quoted\"".to_owned());
    for (film, dialect) in
        [film(), uneven_film(), odd].into_iter().flat_map(|f| [(f.clone(), Dialect::Ams), (f, Dialect::Modern)])
    {
        let context = context(dialect);
        for format in ALL {
            let multivariant = text(&format.manifest(&film, &context).unwrap());
            let read = strict::multivariant(&multivariant);
            strict::check_auto_select(&read.media);
            let witness = m3u8_rs::parse_master_playlist_res(multivariant.as_bytes()).unwrap();
            assert_eq!(witness.variants.len(), read.variants.len() + read.key_frames.len());
            assert_eq!(witness.alternatives.len(), read.media.len());
            assert_eq!(multivariant.contains(".m3u8\n"), dialect == Dialect::Modern);
            for at in tracks(&film) {
                let playlist = text(&format.playlist(&film, at, false, &context).unwrap());
                let read = strict::media(&playlist);
                let witness = m3u8_rs::parse_media_playlist_res(playlist.as_bytes()).unwrap();
                assert!(witness.end_list && witness.segments.len() == read.segments.len());
                let total: u64 = read.segments.iter().map(|(micros, _)| micros).sum();
                let group = &film.groups[at.group];
                let span = group.boundary_time(usize::MAX).seconds(6).to_string();
                assert_eq!(format!("{}.{:06}", total / 1_000_000, total % 1_000_000), span, "nothing drifts");
                let keyframes = format.playlist(&film, at, true, &context);
                if group.kind == TrackKind::Audio || format.tags() == V3.tags() {
                    assert_eq!(keyframes, Err(Error::NoSuchResource));
                } else {
                    let read = strict::media(&text(&keyframes.unwrap()));
                    assert!(read.key_frames_only && read.segments.len() == group.segment_count());
                }
            }
        }
    }
}

#[test]
fn one_target_duration_for_all_playlists() {
    let film = uneven_film();
    for format in ALL {
        let of = |at| strict::media(&text(&format.playlist(&film, at, false, &context(Dialect::Modern)).unwrap()));
        let all: Vec<u64> = tracks(&film).into_iter().map(|at| of(at).target_duration).collect();
        assert!(all.iter().all(|t| *t == all[0]), "{all:?}");
    }
}

#[test]
fn audio_groups_with_several_bitrates_are_paired_by_rank() {
    let mut film = film();
    let sound = |name: &str, language: &str, rates: &[u64]| {
        let specs: Vec<_> = rates.iter().map(|r| audio_spec(*r)).collect();
        let mut group = group(name, TrackKind::Audio, &[0, 94, 188, 282, 375, 422], &specs);
        group.language = Language(language.to_owned());
        group
    };
    let mut described = sound("ad", "eng", &[64_000]);
    described.purpose.add_accessibility("description");
    film.groups = vec![
        sound("a", "eng", &[128_000, 64_000]),
        sound("b", "ger", &[96_000]),
        sound("c", "ger", &[96_000]),
        described,
        film.groups.remove(1),
    ];
    let read = strict::multivariant(&text(&V4.manifest(&film, &context(Dialect::Modern)).unwrap()));
    strict::check_auto_select(&read.media);
    let groups: Vec<&str> = read.variants.iter().map(|(a, _)| &*a["AUDIO"]).collect();
    assert_eq!(groups, ["\"audio-1\"", "\"audio\"", "\"audio-1\""]);
    assert_eq!(read.media.len(), 8);
    let languages: Vec<&str> = read.media.iter().take(4).map(|m| &*m["LANGUAGE"]).collect();
    assert_eq!(languages, ["\"en\"", "\"de\"", "\"de\"", "\"en\""]);
    assert_eq!(read.media[2]["AUTOSELECT"], "NO");
    assert_eq!(read.media[3]["CHARACTERISTICS"], "\"public.accessibility.describes-video\"");
    let ams = strict::multivariant(&text(&V4.manifest(&film, &context(Dialect::Ams)).unwrap()));
    assert_eq!((ams.media.len(), &*ams.variants[2].1), (4, "QualityLevels(64000)/Manifest(ad,format=m3u8-aapl)"));
}

#[test]
fn selections_are_inherited() {
    let selection = Selection {
        encryption: None,
        audio_only: Some(false),
        audio_track: Some("b".to_owned()),
        filters: vec!["one".to_owned(), "t w".to_owned()],
    };
    let mut film = film();
    let mut other = film.groups[0].clone();
    other.name = "b".to_owned();
    film.groups.push(other);
    let context = Context { selection: &selection, ..context(Dialect::Ams) };
    let read = strict::multivariant(&text(&V4.manifest(&film, &context).unwrap()));
    assert_eq!(read.variants.len(), 2, "no audio-only variant");
    assert_eq!(read.variants[0].1, "QualityLevels(400000)/Manifest(video,format=m3u8-aapl,filter=one;t%20w)");
    let read = strict::multivariant(&text(&V3.manifest(&film, &context).unwrap()));
    let expected = "QualityLevels(400000)/Manifest(video,format=m3u8-aapl-v3,audiotrack=b,filter=one;t%20w)";
    assert_eq!(read.variants[0].1, expected);
    let video = film.find("video", 400_000).unwrap();
    let read = strict::media(&text(&V3.playlist(&film, video, false, &context).unwrap()));
    assert_eq!(read.segments[0].1, "Fragments(video=0,format=m3u8-aapl-v3,audiotrack=b)");

    let missing = Selection { audio_track: Some("none".to_owned()), ..Selection::default() };
    let context = Context { selection: &missing, ..context };
    let error = Error::NoSuchTrack { name: "none".to_owned() };
    assert_eq!(V3.manifest(&film, &context), Err(error.clone()));
    assert_eq!(V3.playlist(&film, video, false, &context), Err(error));
    assert!(V4.manifest(&film, &context).is_ok(), "nothing to choose there");
}

#[test]
fn codecs_that_cannot_travel_are_left_out() {
    let mut spec = video_spec(1_000_000, 640, 360);
    spec.codec.transport_stream = false;
    spec.codec.rfc6381 = "av01.0.04M.08";
    let video = group("video", TrackKind::Video, &[0, 48, 96], &[spec]);
    let sound = film().groups.remove(0);
    let context = context(Dialect::Modern);
    let alone = film_of(vec![video.clone()]);
    let nothing = Err(Error::NothingToCarry { codecs: "av01.0.04M.08".to_owned() });
    assert_eq!(V4.manifest(&alone, &context), nothing);
    assert_eq!(V3.playlist(&alone, TrackRef { group: 0, track: 0 }, false, &context), nothing);
    assert!(CmafHls.manifest(&alone, &context).is_ok());
    let both = film_of(vec![video, sound]);
    for format in [&V4 as &dyn Format, &V3] {
        let read = strict::multivariant(&text(&format.manifest(&both, &context).unwrap()));
        assert_eq!(read.variants.len(), 1);
        assert!(read.variants[0].1.contains("Manifest(audio,"), "sound alone");
        assert!(read.media.is_empty() && read.key_frames.is_empty());
    }
}

#[test]
fn a_long_film_costs_little() {
    let bounds: Vec<u32> = (0..=3600).map(|n| n * 48).collect();
    let film = film_of(vec![group("video", TrackKind::Video, &bounds, &[video_spec(1_000_000, 640, 360)])]);
    for (format, context) in ALL.iter().flat_map(|f| [(f, context(Dialect::Modern)), (f, context(Dialect::Ams))]) {
        let mut best = std::time::Duration::MAX;
        for _ in 0..20 {
            let begun = std::time::Instant::now();
            let playlist = format.playlist(&film, TrackRef { group: 0, track: 0 }, false, &context).unwrap();
            best = best.min(begun.elapsed());
            assert!(playlist.len() > 10_000);
        }
        let begun = std::time::Instant::now();
        format.manifest(&film, &context).unwrap();
        println!("{format:?}: media playlist {best:?}, multivariant {:?}", begun.elapsed());
    }
}

#[test]
fn camera_angles_are_renditions_of_each_variant() {
    let mut film = film();
    let angle = |name: &str, rates: &[u64]| {
        let specs: Vec<_> = rates.iter().map(|r| video_spec(*r, 640, 360)).collect();
        let mut group = group(name, TrackKind::Video, &[0, 48, 96, 144, 192, 216], &specs);
        group.label = Some(format!("Camera {name}"));
        group
    };
    film.groups.insert(0, angle("goal", &[900_000]));
    film.groups.push(angle("crowd", &[2_000_000, 1_000_000, 500_000]));
    film.groups[2].is_default = true;
    for format in [&V4 as &dyn Format, &CmafHls] {
        let read = strict::multivariant(&text(&format.manifest(&film, &context(Dialect::Modern)).unwrap()));
        let of_picture: Vec<_> = read.media.iter().filter(|m| m["TYPE"] == "VIDEO").collect();
        assert_eq!(of_picture.len(), 6, "two variants, three cameras each");
        let names: Vec<&str> = of_picture.iter().take(3).map(|m| &*m["NAME"]).collect();
        assert_eq!(names, ["\"video\"", "\"Camera goal\"", "\"Camera crowd\""]);
        assert!(!of_picture[0].contains_key("URI") && of_picture[0]["DEFAULT"] == "YES");
        assert!(of_picture[2]["URI"].contains("QualityLevels(500000)/Manifest(crowd"));
        assert!(of_picture[5]["URI"].contains("QualityLevels(1000000)/Manifest(crowd"), "{:?}", of_picture[5]);
        let groups: Vec<&str> = read.variants.iter().take(2).map(|(a, _)| &*a["VIDEO"]).collect();
        assert_eq!(groups, ["\"video-1\"", "\"video-0\""]);
        assert!(read.variants[0].1.contains("Manifest(video,"), "the default is what variants show");
        let ams = strict::multivariant(&text(&format.manifest(&film, &context(Dialect::Ams)).unwrap()));
        assert!(ams.media.iter().all(|m| m["TYPE"] == "AUDIO"), "Azure Media Services knew one video stream");
    }
}

#[test]
fn thumbnails_have_a_playlist_of_images() {
    let film = film();
    let settings =
        crate::packager::thumbnails::Settings { interval_seconds: 2, width: 160, height: 90, columns: 2, rows: 2 };
    let thumbnails = crate::packager::thumbnails::Grid::of(&film, &settings);
    let modern = Context { thumbnails, ..context(Dialect::Modern) };
    for (format, tag) in [(&V4 as &dyn Format, "m3u8-aapl"), (&CmafHls, "m3u8-cmaf")] {
        let multivariant = text(&format.manifest(&film, &modern).unwrap());
        let line = format!(
            "#EXT-X-IMAGE-STREAM-INF:BANDWIDTH=14400,RESOLUTION=160x90,CODECS=\"jpeg\",URI=\"Thumbnails(format={tag}).m3u8\"\n"
        );
        assert!(multivariant.ends_with(&line), "{multivariant}");
        let plain = text(&format.manifest(&film, &context(Dialect::Modern)).unwrap());
        assert_eq!(multivariant.strip_suffix(&line), Some(plain.as_str()));
        let expected = "\
#EXTM3U
#EXT-X-VERSION:7
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-TARGETDURATION:8
#EXT-X-IMAGES-ONLY
#EXTINF:8.000000,
#EXT-X-TILES:RESOLUTION=160x90,LAYOUT=2x2,DURATION=2.000000
Thumbnails(sheet=1).jpg
#EXTINF:1.083333,
#EXT-X-TILES:RESOLUTION=160x90,LAYOUT=2x2,DURATION=2.000000
Thumbnails(sheet=2).jpg
#EXT-X-ENDLIST
";
        assert_eq!(text(&format.images(&film, &modern).unwrap()), expected);
        assert_eq!(format.images(&film, &context(Dialect::Modern)), Err(Error::NoSuchResource));
    }
    let ams = Context { thumbnails, ..context(Dialect::Ams) };
    for (format, context) in [(&V4 as &dyn Format, ams), (&CmafHls, ams), (&V3, ams), (&V3, modern)] {
        assert_eq!(format.images(&film, &context), Err(Error::NoSuchResource));
        assert!(!text(&format.manifest(&film, &context).unwrap()).contains("IMAGE"));
    }
}
