//! Several keys in one film: by track, and by time; and a beginning without any.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::num::NonZeroU64;
use std::path::Path;

use headwater::cipher::{ContentKey, KeyId};
use headwater::media::{TrackKind, TrackRef};
use headwater::packager::protection::{Address, Periods, Protection, TrackKey, Tracks};
use headwater::packager::{Context, Dialect, Noun, Selection, format};
use headwater::protection::{Scheme, period_key, period_key_id};
use serde_json::{Value, json};

use crate::ffmpeg::packets;
use crate::python::Python;
use crate::support::{Film, Object, boxes, context, root};
use crate::{KEY, hex, protection, sha256};

fn key(number: u8, tracks: Tracks) -> TrackKey {
    TrackKey {
        tracks,
        id: KeyId([number; 16]),
        material: ContentKey::new([number ^ 0x5a; 16]).into(),
        vector: None,
        url: Some(Address::Base("https://keys.example/".to_owned())),
    }
}

fn payload(segment: &[u8]) -> &[u8] {
    boxes::find(segment, &["mdat"]).expect("an mdat box")
}

/// Start times in URLs of all segments of a track, and when each begins, milliseconds.
fn segments(film: &Film, tag: &str, track: TrackRef) -> Vec<(u64, u64)> {
    let selection = Selection::default();
    let scale = format(tag).expect(tag).url_timescale(&film.presentation, track.group, &context(DIALECT, &selection));
    let group = &film.presentation.groups[track.group];
    let milliseconds = headwater::time::Timescale::MILLISECONDS;
    let count = film.presentation.track(track).segment_count();
    (0..count).map(|index| (group.boundary(index, scale), group.boundary(index, milliseconds))).collect()
}

const DIALECT: Dialect = Dialect::Modern;

fn demo() -> Film {
    Film::open(&root().join("fixtures/demo")).expect("the demo film")
}

/// A decrypted segment, both ways.
struct Opened {
    answer: Value,
    expected: String,
    is_clear: bool,
}

fn open(
    film: &Film,
    tag: &str,
    protection: &Protection,
    at: (TrackRef, u64),
    keys: &Value,
    kid: &str,
    tools: (&mut Python, &Path),
) -> Opened {
    let ((track, time), (python, scratch)) = (at, tools);
    let selection = Selection::default();
    let plain = context(DIALECT, &selection);
    let told = Context { protection: Some(protection), ..plain };
    let of = format(tag).expect(tag);
    let init = film.get_in(of, &told, &Object::Init { track }).ok().map(|init| {
        fs::write(scratch.join("init.mp4"), init).expect("a file");
        scratch.join("init.mp4")
    });
    let object = Object::Segment { track, noun: Noun::Fragments, time, audio: None };
    let clear = film.get_in(of, &plain, &object).expect("a segment");
    let segment = film.get_in(of, &told, &object).expect("a segment");
    let is_clear = payload(&clear) == payload(&segment);
    fs::write(scratch.join("segment.m4s"), segment).expect("a file");
    let scheme = protection.scheme.scheme_type().expect("samples").to_string();
    let path = scratch.join("segment.m4s");
    let job = json!({ "kind": "samples", "keys": keys, "kid": kid, "init": init, "segment": path, "scheme": scheme });
    Opened { answer: python.ask(&job), expected: sha256(payload(&clear)), is_clear }
}

#[test]
fn each_track_has_the_key_that_is_for_it() {
    let Some(mut python) = Python::start() else { return };
    let scratch = tempfile::tempdir().expect("a folder");
    let film = demo();
    let expected = |track: TrackRef| match film.presentation.groups[track.group].kind {
        TrackKind::Video => {
            let lines = film.presentation.track(track).codec.video().expect("a picture").height;
            if lines <= 360 { 1u8 } else { 2 }
        }
        _ => 3,
    };
    let id = |number: u8| hex(&[number; 16]);
    let keys: Value = (1..=3u8).map(|number| (id(number), json!(hex(&[number ^ 0x5a; 16])))).collect();
    let others: Value = (1..=3u8).map(|number| (id(number), json!(hex(&[(number % 3 + 1) ^ 0x5a; 16])))).collect();
    let mut vectors = HashMap::new();
    for (tag, scheme) in [
        ("mpd-time-cmaf", Scheme::Cenc),
        ("mpd-time-csf", Scheme::Cbcs),
        ("m3u8-cmaf", Scheme::Cenc),
        ("", Scheme::Piff),
    ] {
        let mut keyed = protection(scheme);
        keyed.keys = vec![
            key(1, Tracks::Lines(360)),
            key(2, Tracks::Kind(TrackKind::Video)),
            key(3, Tracks::Kind(TrackKind::Audio)),
        ];
        let mut used = BTreeSet::new();
        for track in film.tracks() {
            let number = expected(track);
            used.insert(number);
            for (time, _) in segments(&film, tag, track).into_iter().take(2) {
                let label = format!("{tag} {} at {time}", film.label(track));
                let at = (track, time);
                let right = open(&film, tag, &keyed, at, &keys, &id(number), (&mut python, scratch.path()));
                assert_eq!(right.answer["payload"], json!(right.expected), "{label}: {}", right.answer);
                assert_eq!(right.answer["kids"], json!([id(number)]), "{label}");
                let wrong = open(&film, tag, &keyed, at, &others, &id(number), (&mut python, scratch.path()));
                assert_ne!(wrong.answer["payload"], json!(wrong.expected), "{label}");
                for pair in right.answer["vectors"].as_array().expect("a list") {
                    let vector = format!("{number} {}", pair[0].as_str().expect("text"));
                    let sample = vectors.entry(vector).or_insert_with(|| pair[1].clone());
                    assert_eq!(*sample, pair[1], "{label}: a vector serves two samples");
                }
            }
        }
        assert_eq!(used.len(), 3, "the film has tracks for all keys");
    }
}

#[test]
fn manifests_name_the_key_of_each_track() {
    let film = demo();
    let selection = Selection::default();
    let plain = context(DIALECT, &selection);
    let keyed = |scheme: Scheme| {
        let mut keyed = protection(scheme);
        keyed.keys = vec![key(1, Tracks::Lines(360)), key(2, Tracks::Kind(TrackKind::Video)), key(3, Tracks::All)];
        keyed
    };
    let guid = |number: u8| KeyId([number; 16]).to_string();
    let text = |tag: &str, protection: &Protection, dialect: Dialect| {
        let context = Context { protection: Some(protection), dialect, ..plain };
        let rendered = format(tag).expect(tag).manifest(&film.presentation, &context).expect("a manifest");
        String::from_utf8(crate::support::joined(&rendered)).expect("UTF-8")
    };
    for dialect in [Dialect::Modern, Dialect::Ams] {
        let mpd = text("mpd-time-cmaf", &keyed(Scheme::Cenc), dialect);
        for set in mpd.split("<AdaptationSet").skip(1).filter(|set| !set.contains("EssentialProperty")) {
            let named: Vec<u8> =
                (1..=3).filter(|n| set.contains(&format!("cenc:default_KID=\"{}\"", guid(*n)))).collect();
            let heights = set.split(" height=\"").skip(1);
            let heights: Vec<u32> = heights.filter_map(|rest| rest.split('"').next()?.parse().ok()).collect();
            let expected = match heights.first() {
                None => vec![3],
                Some(first) if *first <= 360 => vec![1],
                Some(_) => vec![2],
            };
            assert_eq!(named, expected, "{set}");
            assert!(heights.iter().all(|lines| (*lines <= 360) == (expected == [1])), "{set}");
        }
        let told = mpd.matches("urn:mpeg:dash:adaptation-set-switching:2016").count();
        assert_eq!(told, if dialect == Dialect::Modern { 2 } else { 0 }, "{mpd}");
        let sea = text("mpd-time-csf", &keyed(Scheme::Envelope), dialect);
        for number in 1..=3 {
            assert!(sea.contains(&format!("https://keys.example/?kid={}", guid(number))), "{sea}");
        }
    }
    // One header for all keys of a Smooth film.
    let smooth = text("", &keyed(Scheme::Piff), DIALECT);
    let object = smooth.split("<ProtectionHeader SystemID=\"9A04F079").nth(1).expect("a PlayReady header");
    let object = object.split('>').nth(1).and_then(|rest| rest.split('<').next()).expect("text");
    let object = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, object).expect("base64");
    let words: Vec<u16> = object[10..].chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    let header = String::from_utf16(&words).expect("UTF-16");
    assert!(header.contains("version=\"4.2.0.0\"") && header.matches("<KID ").count() == 3, "{header}");
    // Each playlist has its own; the multivariant playlist has them all.
    let protection = keyed(Scheme::Cenc);
    let context = Context { protection: Some(&protection), ..plain };
    for track in film.tracks() {
        let playlist = Object::Playlist { track, keyframes: false, audio: None };
        let text = film.get_in(format("m3u8-cmaf").expect("HLS"), &context, &playlist).expect("a playlist");
        let text = String::from_utf8(text).expect("UTF-8");
        let key = protection.key(&film.presentation, track).expect("a key").id;
        let told: BTreeSet<&str> = text.split("KEYID=0x").skip(1).map(|rest| &rest[..32]).collect();
        assert_eq!(told, BTreeSet::from([hex(&key.0).to_uppercase().as_str()]), "{text}");
    }
    let main = text("m3u8-cmaf", &protection, DIALECT);
    let told: BTreeSet<&str> = main.split("KEYID=0x").skip(1).map(|rest| &rest[..32]).collect();
    assert_eq!(told.len(), 3, "{main}");
}

/// Periods that the demo film has several of.
const PERIODS: Periods = Periods { clear_lead: 3000, rotation: NonZeroU64::new(4000) };

#[test]
fn the_beginning_is_clear_and_keys_change() {
    let Some(mut python) = Python::start() else { return };
    let scratch = tempfile::tempdir().expect("a folder");
    let film = demo();
    let mut vectors = HashMap::new();
    for (tag, scheme) in [
        ("mpd-time-cmaf", Scheme::Cenc),
        ("mpd-time-cmaf", Scheme::Cbcs),
        ("mpd-time-csf", Scheme::Cenc),
        ("", Scheme::Piff),
        ("", Scheme::Cenc),
    ] {
        let mut changing = protection(scheme);
        changing.periods = PERIODS;
        let base = changing.keys[0].id;
        let made = |number: u64| period_key_id(base, number as u32);
        let keys: Value = (0..20)
            .map(|number| {
                let id = made(number);
                (hex(&id.0), json!(hex(period_key(&ContentKey::new(KEY), base, id).expose())))
            })
            .collect();
        let (mut clear, mut used) = (0, BTreeSet::new());
        for track in film.tracks() {
            for (time, milliseconds) in segments(&film, tag, track) {
                let label = format!("{tag} {scheme:?} {} at {milliseconds} ms", film.label(track));
                let first = hex(&made(0).0);
                let opened = open(&film, tag, &changing, (track, time), &keys, &first, (&mut python, scratch.path()));
                assert_eq!(opened.answer["payload"], json!(opened.expected), "{label}: {}", opened.answer);
                let is_clear = milliseconds < 3000;
                assert_eq!(opened.is_clear, is_clear, "{label}");
                let period = milliseconds / 4000;
                let kid = if is_clear { String::new() } else { hex(&made(period).0) };
                assert_eq!(opened.answer["kids"], json!([kid]), "{label}");
                let has_headers = opened.answer["headers"].as_array().is_some_and(|list| !list.is_empty());
                assert_eq!(has_headers, !is_clear && period > 0, "{label}");
                clear += usize::from(is_clear);
                used.insert(kid.clone());
                for pair in opened.answer["vectors"].as_array().expect("a list") {
                    let vector = format!("{kid} {}", pair[0].as_str().expect("text"));
                    let sample = vectors.entry(vector).or_insert_with(|| pair[1].clone());
                    assert_eq!(*sample, pair[1], "{label}: a vector serves two samples");
                }
            }
        }
        assert!(clear > 0 && used.len() > 2, "{clear} {used:?}");
    }
}

/// HLS as ffmpeg plays it, with a key file for each period.
#[test]
fn ffmpeg_follows_the_keys_of_playlists() {
    const OPTIONS: [&str; 4] = ["-allowed_extensions", "ALL", "-protocol_whitelist", "file,crypto"];
    let scratch = tempfile::tempdir().expect("a folder");
    let film = demo();
    let selection = Selection::default();
    let plain = context(DIALECT, &selection);
    for (lead, rotation) in [(0, 4000), (3000, 0), (3000, 4000)] {
        for tag in ["m3u8-aapl", "m3u8-aapl-v3", "m3u8-cmaf"] {
            let mut changing = protection(Scheme::Envelope);
            changing.periods = Periods { clear_lead: lead, rotation: NonZeroU64::new(rotation) };
            changing.keys[0].url = Some(Address::Base("key".to_owned()));
            let base = changing.keys[0].id;
            let of = format(tag).expect(tag);
            // The lowest quality of each group.
            for track in film.tracks().into_iter().filter(|at| film.presentation.track(*at).bitrate < 100_000) {
                let kind = film.presentation.groups[track.group].kind;
                if kind == TrackKind::Text || tag == "m3u8-aapl-v3" && kind == TrackKind::Audio {
                    continue;
                }
                let write = |name: &str, context: &Context<'_>| {
                    let folder = scratch.path().join(format!("{name} {lead} {rotation} {tag} {}", film.label(track)));
                    fs::create_dir_all(&folder).expect("a folder");
                    let ids = (0..20).map(|number| period_key_id(base, number));
                    for id in ids.chain([base]) {
                        let made = match id == base {
                            true => ContentKey::new(KEY),
                            false => period_key(&ContentKey::new(KEY), base, id),
                        };
                        fs::write(folder.join(format!("key?kid={id}")), made.expose()).expect("a key");
                    }
                    let playlist = Object::Playlist { track, keyframes: false, audio: None };
                    let text = String::from_utf8(film.get_in(of, context, &playlist).expect(tag)).expect("UTF-8");
                    let bitrate = film.presentation.track(track).bitrate;
                    let maps = text.lines().filter_map(|line| line.strip_prefix("#EXT-X-MAP:URI=\""));
                    let maps = maps.map(|uri| uri.trim_end_matches('"'));
                    for uri in text.lines().filter(|line| !line.starts_with('#')).chain(maps) {
                        let object = film.resolve(&format!("QualityLevels({bitrate})/{uri}")).expect("an object");
                        fs::write(folder.join(uri), film.get_in(of, context, &object).expect(uri)).expect("a file");
                    }
                    fs::write(folder.join("playlist.m3u8"), &text).expect("a playlist");
                    (folder.join("playlist.m3u8"), text)
                };
                let (clear, _) = write("clear", &plain);
                let (file, text) = write("changing", &Context { protection: Some(&changing), ..plain });
                let label = format!("{lead} {rotation} {tag} {}\n{text}", film.label(track));
                assert_eq!(text.contains("#EXT-X-KEY:METHOD=NONE"), lead > 0, "{label}");
                assert_eq!(text.matches("METHOD=AES-128").count() > 1, rotation > 0, "{label}");
                let expected = match packets(&OPTIONS, &clear) {
                    Ok(packets) => packets,
                    Err(error) => {
                        println!("skipped: {error}");
                        return;
                    }
                };
                assert_eq!(packets(&OPTIONS, &file), Ok(expected), "{label}");
            }
        }
    }
}
