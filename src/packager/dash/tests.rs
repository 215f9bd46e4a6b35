//! The MPD held against its schema, its own segments, and the form of the real service.

use super::schema::check;
use super::*;
use crate::codec::VideoProperties;
use crate::media::{Language, TrackKind};
use crate::packager::testing::{self, bytes, context, film, media, request};
use crate::packager::{Dialect, MAX_QUALITIES, format};
use crate::xml::Element;

const ALL: [(&dyn Format, Dialect); 4] =
    [(&Csf, Dialect::Ams), (&Csf, Dialect::Modern), (&Cmaf, Dialect::Ams), (&Cmaf, Dialect::Modern)];

fn mpd(format: &dyn Format, film: &Presentation, dialect: Dialect) -> String {
    let rendered = format.manifest(film, &context(dialect)).unwrap();
    assert_eq!(rendered.content_type, "application/dash+xml");
    String::from_utf8(bytes(&rendered.body)).unwrap()
}

/// The sets that are played at the usual pace.
fn sets(mpd: &str) -> Vec<Element> {
    let all = check(mpd).child("Period").unwrap().children.clone();
    all.into_iter().filter(|set| !is_trick_set(set)).collect()
}

/// Those that are for winding.
fn trick_sets(mpd: &str) -> Vec<Element> {
    let all = check(mpd).child("Period").unwrap().children.clone();
    all.into_iter().filter(is_trick_set).collect()
}

fn is_trick_set(set: &Element) -> bool {
    let trick_mode = Some("http://dashif.org/guidelines/trickmode");
    set.children_named("EssentialProperty").any(|property| property.attribute("schemeIdUri") == trick_mode)
}

#[test]
fn the_form_of_the_real_service() {
    let mut film = film();
    film.groups[0].name = "aac_fra_2_128_2_1".to_owned();
    film.groups[0].named = true;
    let expected = r#"<?xml version="1.0" encoding="utf-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" profiles="urn:mpeg:dash:profile:isoff-live:2011" type="static" mediaPresentationDuration="PT0M9.083S" minBufferTime="PT3S">
  <Period>
    <AdaptationSet id="1" group="5" profiles="ccff" bitstreamSwitching="false" segmentAlignment="true" contentType="audio" mimeType="audio/mp4" codecs="mp4a.40.2" lang="fr">
      <Label>aac_fra_2_128_2_1</Label>
      <SegmentTemplate timescale="10000000" media="QualityLevels($Bandwidth$)/Fragments(aac_fra_2_128_2_1=$Time$,format=mpd-time-csf)" initialization="QualityLevels($Bandwidth$)/Fragments(aac_fra_2_128_2_1=i,format=mpd-time-csf)">
        <SegmentTimeline>
          <S d="20053333" r="1"/>
          <S d="20053334"/>
          <S d="19840000"/>
          <S d="10026666"/>
        </SegmentTimeline>
      </SegmentTemplate>
      <Representation id="5_A_aac_fra_2_128_2_1_1" bandwidth="128000" audioSamplingRate="48000"/>
    </AdaptationSet>
    <AdaptationSet id="2" group="1" profiles="ccff" bitstreamSwitching="false" segmentAlignment="true" contentType="video" mimeType="video/mp4" codecs="avc1.64001F" maxWidth="1280" maxHeight="720" startWithSAP="1">
      <SegmentTemplate timescale="10000000" media="QualityLevels($Bandwidth$)/Fragments(video=$Time$,format=mpd-time-csf)" initialization="QualityLevels($Bandwidth$)/Fragments(video=i,format=mpd-time-csf)">
        <SegmentTimeline>
          <S d="20000000" r="3"/>
          <S d="10000000"/>
        </SegmentTimeline>
      </SegmentTemplate>
      <Representation id="1_V_video_1" bandwidth="3400000" width="1280" height="720"/>
      <Representation id="1_V_video_2" bandwidth="400000" width="320" height="180"/>
    </AdaptationSet>
  </Period>
</MPD>
"#;
    assert_eq!(mpd(&Csf, &film, Dialect::Ams), expected);
}

#[test]
fn the_form_for_players_of_today() {
    let expected = r#"    <AdaptationSet id="2" group="1" segmentAlignment="true" contentType="video" mimeType="video/mp4" maxWidth="1280" maxHeight="720" maxFrameRate="24" startWithSAP="1">
      <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
      <SegmentTemplate timescale="24000" media="Fragments(video=$Time$,format=mpd-time-cmaf).m4s" initialization="Fragments(video=i,format=mpd-time-cmaf).mp4">
        <SegmentTimeline>
          <S d="48000" r="3"/>
          <S d="24000"/>
        </SegmentTimeline>
      </SegmentTemplate>
      <Representation id="1_V_video_1" bandwidth="24192" codecs="avc1.64001f" width="1280" height="720" frameRate="24">
        <BaseURL>QualityLevels(3400000)/</BaseURL>
      </Representation>
"#;
    let text = mpd(&Cmaf, &film(), Dialect::Modern);
    assert!(text.contains(expected), "{text}");
    let head = "profiles=\"urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019\" type=\"static\"";
    assert!(text.contains(head), "{text}");
    let sound = "audioSamplingRate=\"48000\">\n        <AudioChannelConfiguration \
                 schemeIdUri=\"urn:mpeg:mpegB:cicp:ChannelConfiguration\" value=\"2\"/>";
    assert!(text.contains(sound), "{text}");
}

#[test]
fn every_listed_segment_is_there_and_fills_its_time() {
    let mut film = film();
    film.groups[1].purpose.add_role("alternate");
    film.groups[1].purpose.add_accessibility("description");
    film.groups[1].label = Some("a <b> & c".to_owned());
    for (format, dialect) in ALL {
        let context = context(dialect);
        for (group, set) in sets(&mpd(format, &film, dialect)).iter().enumerate() {
            let template = set.child("SegmentTemplate").unwrap();
            let scale = format.url_timescale(&film, group, &context);
            assert_eq!(template.attribute("timescale").unwrap(), scale.get().to_string());
            let (mut time, mut count) = (0, 0);
            for s in &template.child("SegmentTimeline").unwrap().children {
                let number = |name| s.attribute(name).map(|n| n.parse::<u64>().unwrap());
                time = number("t").unwrap_or(time);
                for _ in 0..=number("r").unwrap_or(0) {
                    let plan = format.plan(&film, &request(group, 0, time), &context).unwrap();
                    assert_eq!(plan.index, count);
                    time += number("d").unwrap();
                    count += 1;
                }
            }
            assert_eq!((count, time), (film.groups[group].segment_count(), film.groups[group].boundary(count, scale)));
        }
    }
}

#[test]
fn key_frames_are_a_set_of_their_own() {
    let expected = r#"    <AdaptationSet id="3" group="1" segmentAlignment="true" contentType="video" mimeType="video/mp4" startWithSAP="1" codingDependency="false">
      <EssentialProperty schemeIdUri="http://dashif.org/guidelines/trickmode" value="2"/>
      <SegmentTemplate timescale="24000" media="KeyFrames(video=$Time$,format=mpd-time-cmaf).m4s" initialization="KeyFrames(video=i,format=mpd-time-cmaf).mp4">
        <SegmentTimeline>
          <S d="48000" r="3"/>
          <S d="24000"/>
        </SegmentTimeline>
      </SegmentTemplate>
      <Representation id="1_V_video_2_key" bandwidth="3584" codecs="avc1.64001f" width="320" height="180" frameRate="5/9" maxPlayoutRate="43">
        <BaseURL>QualityLevels(400000)/</BaseURL>
      </Representation>
    </AdaptationSet>
"#;
    let text = mpd(&Cmaf, &film(), Dialect::Modern);
    let expected = expected.replace("initialization=\"KeyFrames", "initialization=\"Fragments");
    assert!(text.contains(&expected), "{text}");
    for format in [&Csf as &dyn Format, &Cmaf] {
        assert!(trick_sets(&mpd(format, &film(), Dialect::Ams)).is_empty());
        assert_eq!(trick_sets(&mpd(format, &film(), Dialect::Modern)).len(), 1);
    }
    let sound = testing::film_of(vec![film().groups.remove(0)]);
    assert!(trick_sets(&mpd(&Cmaf, &sound, Dialect::Modern)).is_empty());
    // Of qualities that are all large the one of the fewest bits; none where a segment lacks a key frame.
    let specs = [testing::video_spec(2, 1920, 1080), testing::video_spec(1, 1280, 720)];
    let mut large = testing::film_of(vec![testing::group("video", TrackKind::Video, &[0, 48, 96], &specs)]);
    let set = &trick_sets(&mpd(&Cmaf, &large, Dialect::Modern))[0];
    let heights: Vec<_> = set.children_named("Representation").filter_map(|r| r.attribute("height")).collect();
    assert_eq!(heights, ["720"]);
    large.groups[0].tracks.iter_mut().for_each(|t| t.segment_samples = vec![0, 50, 96]);
    assert_eq!(trick_sets(&mpd(&Cmaf, &large, Dialect::Modern)).len(), 0);
}

#[test]
fn bandwidth_is_the_rate_of_the_densest_segment() {
    let film = film();
    for format in [&Csf as &dyn Format, &Cmaf] {
        let context = context(Dialect::Modern);
        for (group, set) in sets(&mpd(format, &film, Dialect::Modern)).iter().enumerate() {
            let said: u64 = set.child("Representation").unwrap().attribute("bandwidth").unwrap().parse().unwrap();
            let scale = format.url_timescale(&film, group, &context);
            let mut densest = 0;
            // The last segment is too short to count.
            for index in 0..film.groups[group].segment_count() - 1 {
                let time = film.groups[group].boundary(index, scale);
                let plan = format.plan(&film, &request(group, 0, time), &context).unwrap();
                let size = format.segment(&film, &plan, &media(&plan), &context).unwrap().len();
                let length = film.groups[group].boundary(index + 1, scale) - time;
                densest = densest.max(size * 8 * u64::from(scale.get()) / length);
            }
            // These segments are next to nothing but headers, so the estimate has to be good.
            assert!((densest..densest + 3000).contains(&said), "{said} for {densest}");
        }
    }
}

#[test]
fn hls_and_dash_share_their_cmaf_bytes() {
    let film = film();
    let context = context(Dialect::Modern);
    let hls = format("m3u8-cmaf").unwrap();
    for group in 0..2 {
        let request = request(group, 0, 0);
        let of = |format: &dyn Format| {
            let plan = format.plan(&film, &request, &context).unwrap();
            let segment = format.segment(&film, &plan, &media(&plan), &context).unwrap();
            (format.init(&film, request.track, &context).unwrap().body.concat(), segment.body.concat())
        };
        assert_eq!(of(&Cmaf), of(hls));
    }
}

#[test]
fn names_languages_and_shapes_from_outside_do_no_harm() {
    let mut film = film();
    film.groups[0].name = "$Time$ \"<&>)".to_owned();
    film.groups[0].named = true;
    film.groups[0].language = Language("\"<".to_owned());
    let mut spec = testing::video_spec(1, 720, 576);
    spec.timescale = 30_000;
    spec.sample_duration = 1001;
    spec.codec.video = Some(VideoProperties { width: 720, height: 576, sample_aspect_ratio: (64, 45) });
    film.groups[1] = testing::group("video", TrackKind::Video, &[0, 30], &[spec]);
    for (format, dialect) in ALL {
        let sets = sets(&mpd(format, &film, dialect));
        assert_eq!(sets[0].child("Label").unwrap().text, film.groups[0].name);
        let media = sets[0].child("SegmentTemplate").unwrap().attribute("media").unwrap();
        assert!(media.contains("Fragments(%24Time%24%20%22%3C%26%3E%29=$Time$,"), "{media}");
        let picture = sets[1].child("Representation").unwrap();
        let modern = dialect == Dialect::Modern;
        assert_eq!(picture.attribute("frameRate"), modern.then_some("30000/1001"));
        assert_eq!(picture.attribute("sar"), modern.then_some("64:45"));
    }
}

#[test]
fn codecs_of_one_group_have_sets_of_their_own() {
    let mut film = film();
    let codec = testing::FakeCodec { rfc6381: "av01.0.04M.08", ..testing::FakeCodec::video(320, 180) };
    film.groups[1].tracks[1].codec = std::sync::Arc::new(codec);
    let sets_of = |dialect| sets(&mpd(&Cmaf, &film, dialect));
    assert_eq!(sets_of(Dialect::Ams).len(), 2);
    let sets = sets_of(Dialect::Modern);
    let representation =
        |set: &Element, name: &str| set.child("Representation").unwrap().attribute(name).map(str::to_owned);
    let ids: Vec<_> = sets[1..].iter().map(|set| representation(set, "id").unwrap()).collect();
    assert_eq!(ids, ["1_V_video_1", "1_V_video_2"]);
    let codecs: Vec<_> = sets[1..].iter().map(|set| representation(set, "codecs").unwrap()).collect();
    assert_eq!(codecs, ["avc1.64001f", "av01.0.04M.08"]);
    for set in &sets[1..] {
        assert_eq!(set.child("Role").unwrap().attribute("value"), Some("main"));
        assert_eq!(set.child("SegmentTemplate"), sets[1].child("SegmentTemplate"));
    }
    let numbers: Vec<_> = sets.iter().map(|set| set.attribute("id").unwrap()).collect();
    assert_eq!(numbers, ["1", "2", "3"]);
}

#[test]
fn a_delayed_film_states_its_first_time() {
    let mut spec = testing::video_spec(1, 320, 180);
    spec.edit.delay = 24_000;
    let film = testing::film_of(vec![testing::group("video", TrackKind::Video, &[0, 48, 72], &[spec])]);
    let text = mpd(&Csf, &film, Dialect::Ams);
    assert!(text.contains("<S t=\"10000000\" d=\"20000000\"/>\n          <S d=\"10000000\"/>"), "{text}");
    check(&text);
}

#[test]
fn what_cannot_be_written_is_an_error() {
    let modern = context(Dialect::Modern);
    let empty = testing::film_of(Vec::new());
    assert!(matches!(Csf.manifest(&empty, &modern), Err(Error::NothingToCarry { .. })));
    let many: Vec<_> = (1..=MAX_QUALITIES as u64 + 1).map(|n| testing::video_spec(n, 16, 16)).collect();
    let many = testing::film_of(vec![testing::group("video", TrackKind::Video, &[0, 24], &many)]);
    assert_eq!(Csf.manifest(&many, &modern), Err(Error::TooManyQualities { count: 65, limit: 64 }));
    let mut info = request(0, 0, 0);
    for noun in [Noun::FragmentInfo, Noun::RawFragments, Noun::KeyFrames] {
        info.noun = noun;
        assert_eq!(Csf.plan(&film(), &info, &modern), Err(Error::NoSuchResource));
    }
    assert!(matches!(Cmaf.plan(&film(), &request(0, 0, 777), &modern), Err(Error::NoSuchTime { time: 777, .. })));
}

#[test]
fn purposes_cameras_and_the_default_are_told() {
    let mut film = film();
    let mut told = film.groups[0].clone();
    told.name = "ad".to_owned();
    told.purpose.add_role("alternate");
    told.purpose.add_accessibility("description");
    film.groups.insert(0, told);
    film.groups[1].is_default = true;
    let mut goal = film.groups[2].clone();
    goal.name = "goal".to_owned();
    film.groups.push(goal);
    film.groups[2].is_default = true;
    let text = mpd(&Cmaf, &film, Dialect::Modern);
    let described = |set: &Element| -> Vec<String> {
        let of = |e: &Element| format!("{} {}", e.name, e.attribute("value").unwrap_or_default());
        set.children.iter().filter(|e| ["Accessibility", "Role", "Viewpoint"].contains(&&*e.name)).map(of).collect()
    };
    let sets = sets(&text);
    assert_eq!(described(&sets[0]), ["Accessibility 1", "Accessibility description", "Role alternate"]);
    assert_eq!(described(&sets[1]), ["Role main"]);
    assert_eq!(described(&sets[2]), ["Role main", "Viewpoint vp1"]);
    assert_eq!(described(&sets[3]), ["Role alternate", "Viewpoint vp2"]);
    let priorities: Vec<_> = sets.iter().map(|s| s.attribute("selectionPriority")).collect();
    assert_eq!(priorities, [None, Some("2"), Some("2"), None]);
    let ams = check(&mpd(&Csf, &film, Dialect::Ams)).child("Period").unwrap().children.clone();
    assert_eq!(described(&ams[0]), ["Accessibility description", "Role alternate"]);
    assert!(ams[1..].iter().all(|set| described(set).is_empty()));
}

#[test]
fn thumbnails_are_a_set_of_images() {
    let film = film();
    let settings =
        crate::packager::thumbnails::Settings { interval_seconds: 2, width: 160, height: 90, columns: 2, rows: 3 };
    let grid = crate::packager::thumbnails::Grid::of(&film, &settings);
    let expected = r#"    <AdaptationSet id="4" contentType="image" mimeType="image/jpeg">
      <SegmentTemplate timescale="1" duration="12" startNumber="1" media="Thumbnails(sheet=$Number$).jpg"/>
      <Representation id="thumbnails_320x270" bandwidth="14400" width="320" height="270">
        <EssentialProperty schemeIdUri="http://dashif.org/guidelines/thumbnail_tile" value="2x3"/>
      </Representation>
    </AdaptationSet>
  </Period>
"#;
    for format in [&Csf as &dyn Format, &Cmaf] {
        let of = |dialect| {
            let context = Context { thumbnails: grid, ..context(dialect) };
            String::from_utf8(bytes(&format.manifest(&film, &context).unwrap().body)).unwrap()
        };
        let text = of(Dialect::Modern);
        check(&text);
        assert!(text.contains(expected), "{text}");
        assert_eq!(of(Dialect::Ams), mpd(format, &film, Dialect::Ams));
    }
}
