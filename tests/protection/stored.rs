//! Films that are stored encrypted are served as they are: decrypted, each format gives what it gives of the clear film.

use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::Command;

use headwater::media::{TrackKind, TrackRef};
use headwater::packager::protection::{Periods, Protection};
use headwater::packager::{Context, Dialect, Format, Noun, Selection, format};
use headwater::protection::Scheme;
use serde_json::{Value, json};

use crate::ffmpeg::packets;
use crate::python::Python;
use crate::support::{Film, Object, boxes, context, root};
use crate::{KEY, hex, protection, sha256};

const DIALECT: Dialect = Dialect::Modern;

/// All segments of a track in a format.
fn segments(film: &Film, format: &dyn Format, track: TrackRef, noun: Noun) -> Vec<Object> {
    let selection = Selection::default();
    let scale = format.url_timescale(&film.presentation, track.group, &context(DIALECT, &selection));
    let group = &film.presentation.groups[track.group];
    let count = film.presentation.track(track).segment_count();
    let object = |index| Object::Segment { track, noun, time: group.boundary(index, scale), audio: None };
    (0..count).map(object).collect()
}

/// Each track of `film` in a file of its own, as `tag` sends it: the initialization segment of `init`, then all
/// segments.
fn store(film: &Film, tag: &str, init: &str, context: &Context<'_>, folder: &Path) -> PathBuf {
    fs::create_dir_all(folder).expect("a folder");
    for (index, track) in film.tracks().into_iter().enumerate() {
        if film.presentation.groups[track.group].kind == TrackKind::Text {
            continue;
        }
        let (segment_format, init_format) = (format(tag).expect(tag), format(init).expect(init));
        let mut file = film.get_in(init_format, context, &Object::Init { track }).expect("an init segment");
        for object in segments(film, segment_format, track, Noun::Fragments) {
            file.extend(film.get_in(segment_format, context, &object).expect("a segment"));
        }
        fs::write(folder.join(format!("film_{index}.mp4")), file).expect("a file");
    }
    folder.to_owned()
}

fn payload(segment: &[u8]) -> &[u8] {
    boxes::find(segment, &["mdat"]).expect("an mdat box")
}

struct Judge<'a> {
    python: &'a mut Python,
    scratch: &'a Path,
    judged: usize,
}

impl Judge<'_> {
    /// Serves both films in each format that has the scheme, decrypts what is encrypted, and compares.
    fn compare(&mut self, label: &str, encrypted: &Film, clear: &Film, tags: &[&str], kid: &str) {
        let selection = Selection::default();
        let plain = context(DIALECT, &selection);
        assert_eq!(encrypted.tracks(), clear.tracks(), "{label}");
        for tag in tags {
            let of = format(tag).expect(tag);
            let stored = Protection::stored(&encrypted.presentation, of).expect(label).expect("encrypted tracks");
            let told = Context { protection: Some(&stored), ..plain };
            let scheme = stored.scheme.scheme_type().expect("a scheme").to_string();
            for track in encrypted.tracks() {
                let init = encrypted.get_in(of, &told, &Object::Init { track }).ok().map(|init| {
                    let path = self.scratch.join("init.mp4");
                    fs::write(&path, init).expect("a file");
                    path
                });
                assert_eq!(init.is_none(), tag.is_empty(), "{label} {tag}");
                for noun in [Noun::Fragments, Noun::KeyFrames] {
                    let ours = segments(encrypted, of, track, noun);
                    for (ours, theirs) in ours.iter().zip(segments(clear, of, track, noun)) {
                        let (Ok(segment), Ok(expected)) =
                            (encrypted.get_in(of, &told, ours), clear.get_in(of, &plain, &theirs))
                        else {
                            assert_eq!(noun, Noun::KeyFrames, "{label} {tag} {ours:?}");
                            continue;
                        };
                        assert_ne!(payload(&segment), payload(&expected), "{label} {tag} {ours:?}");
                        let path = self.scratch.join("segment.m4s");
                        fs::write(&path, segment).expect("a file");
                        let job = json!({
                            "kind": "samples", "key": hex(&KEY), "init": init, "segment": path, "scheme": scheme,
                            "unaligned": true,
                        });
                        let answer = self.python.ask(&job);
                        assert_eq!(answer["payload"], sha256(payload(&expected)), "{label} {tag} {ours:?}: {answer}");
                        if init.is_some() {
                            let info: &Value = &answer["info"];
                            assert_eq!((&info["kid"], &info["scheme"]), (&json!(kid), &json!(scheme)), "{label}");
                        }
                        self.judged += 1;
                    }
                }
            }
        }
    }
}

/// Writes seeds of the hostile tests' corpus, when it is told where.
#[test]
fn seeds_of_encrypted_films() {
    let Some(folder) = std::env::var_os("HEADWATER_SEEDS") else { return };
    let film = Film::open(&root().join("fixtures/films/bframes-edit-list")).expect("a film");
    let track = film.tracks().into_iter().rfind(|at| film.presentation.groups[at.group].kind == TrackKind::Video);
    let (track, selection) = (track.expect("pictures"), Selection::default());
    for (name, init, tag, scheme) in [
        ("cenc", "mpd-time-cmaf", "mpd-time-cmaf", Scheme::Cenc),
        ("cbcs", "mpd-time-cmaf", "mpd-time-cmaf", Scheme::Cbcs),
        ("piff", "mpd-time-csf", "", Scheme::Piff),
    ] {
        let mut protection = protection(scheme);
        protection.periods = Periods { clear_lead: 1000, rotation: NonZeroU64::new(3000) };
        let told = Context { protection: Some(&protection), ..context(DIALECT, &selection) };
        let mut file = film.get_in(format(init).expect(init), &told, &Object::Init { track }).expect("an init segment");
        for object in segments(&film, format(tag).expect(tag), track, Noun::Fragments).into_iter().take(3) {
            file.extend(film.get_in(format(tag).expect(tag), &told, &object).expect("a segment"));
        }
        fs::write(Path::new(&folder).join(format!("encrypted-{name}-90.mp4")), file).expect("a file");
    }
}

const KID: &str = "11112222333344445555666677778888";

#[test]
fn our_own_output_is_passed_on() {
    let Some(mut python) = Python::start() else { return };
    let scratch = tempfile::tempdir().expect("a folder");
    let mut judge = Judge { python: &mut python, scratch: scratch.path(), judged: 0 };
    let selection = Selection::default();
    let plain = context(DIALECT, &selection);
    for name in ["demo", "films/hevc", "films/av1", "films/bframes-edit-list", "films/fragmented-ismv"] {
        let source = Film::open(&root().join("fixtures").join(name)).expect(name);
        let every = ["", "mpd-time-csf", "mpd-time-cmaf", "m3u8-cmaf"];
        for (tag, init, scheme, tags) in [
            ("mpd-time-cmaf", "mpd-time-cmaf", Scheme::Cenc, &every[..]),
            ("mpd-time-csf", "mpd-time-csf", Scheme::Cenc, &every[..]),
            // Fragments in PIFF's boxes; its sample entry differs from this one in its `tenc` alone.
            ("", "mpd-time-csf", Scheme::Piff, &every[..]),
            ("mpd-time-cmaf", "mpd-time-cmaf", Scheme::Cbcs, &every[1..]),
        ] {
            let label = format!("{name} {tag} {scheme:?}");
            let of = format(tag).expect(tag);
            let codecs = source.tracks().into_iter().map(|track| source.presentation.track(track).codec.clone());
            if tag.is_empty() && !codecs.into_iter().all(|codec| of.carries(&*codec)) {
                continue;
            }
            let protection = protection(scheme);
            let told = Context { protection: Some(&protection), ..plain };
            let folder = |kind: &str| scratch.path().join(format!("{kind} {label}").replace('/', "-"));
            let encrypted = Film::open(&store(&source, tag, init, &told, &folder("encrypted"))).expect(&label);
            let clear = Film::open(&store(&source, tag, init, &plain, &folder("clear"))).expect(&label);
            let tags: Vec<&str> = tags
                .iter()
                .copied()
                .filter(|tag| {
                    let of = format(tag).expect(tag);
                    encrypted.tracks().iter().all(|track| of.carries(&*encrypted.presentation.track(*track).codec))
                })
                .collect();
            judge.compare(&label, &encrypted, &clear, &tags, KID);
            for tag in ["m3u8-aapl", "m3u8-aapl-v3"].into_iter().chain((scheme == Scheme::Cbcs).then_some("")) {
                let error = Protection::stored(&encrypted.presentation, format(tag).expect(tag)).expect_err(tag);
                assert!(error.to_string().contains("is stored encrypted with"), "{error}");
            }
        }
    }
    println!("{} segments", judge.judged);
    assert!(judge.judged > 500);
}

/// A film that ffmpeg encrypted, as one movie with its own tables.
#[test]
fn films_of_another_encryptor_are_passed_on() {
    let Some(mut python) = Python::start() else { return };
    let scratch = tempfile::tempdir().expect("a folder");
    let source = root().join("fixtures/demo/demo_360p.mp4");
    let make = |name: &str, options: &[&str]| {
        let folder = scratch.path().join(name);
        fs::create_dir_all(&folder).expect("a folder");
        let output = Command::new("ffmpeg")
            .args(["-hide_banner", "-nostdin", "-loglevel", "error", "-i"])
            .arg(&source)
            .args(["-map", "0", "-c", "copy"])
            .args(options)
            .arg(folder.join("film.mp4"))
            .output();
        output.is_ok_and(|output| output.status.success()).then_some(folder)
    };
    let key = hex(&KEY);
    let options = ["-encryption_scheme", "cenc-aes-ctr", "-encryption_key", &key, "-encryption_kid", KID];
    let (Some(clear), Some(encrypted)) = (make("clear", &[]), make("encrypted", &options)) else {
        println!("skipped: ffmpeg is not there, or cannot encrypt");
        return;
    };
    let (clear, encrypted) = (Film::open(&clear).expect("a film"), Film::open(&encrypted).expect("a film"));
    let mut judge = Judge { python: &mut python, scratch: scratch.path(), judged: 0 };
    judge.compare("ffmpeg", &encrypted, &clear, &["", "mpd-time-csf", "mpd-time-cmaf", "m3u8-cmaf"], KID);
    assert!(judge.judged > 20);

    // And ffmpeg reads what is served.
    let selection = Selection::default();
    let plain = context(DIALECT, &selection);
    for tag in ["mpd-time-csf", "mpd-time-cmaf"] {
        let of = format(tag).expect(tag);
        let stored = Protection::stored(&encrypted.presentation, of).expect(tag).expect("encrypted tracks");
        let told = Context { protection: Some(&stored), ..plain };
        for track in encrypted.tracks() {
            let joined = |film: &Film, context: &Context<'_>, name: &str| {
                let mut file = film.get_in(of, context, &Object::Init { track }).expect("an init segment");
                file.extend(film.get_in(of, context, &segments(film, of, track, Noun::Fragments)[0]).expect("one"));
                let path = scratch.path().join(name);
                fs::write(&path, file).expect("a file");
                path
            };
            let expected = packets(&[], &joined(&clear, &plain, "clear.mp4")).expect("packets");
            let file = joined(&encrypted, &told, "encrypted.mp4");
            assert_eq!(packets(&["-decryption_key", &key], &file).expect("packets"), expected, "{tag}");
            assert_ne!(packets(&[], &file).ok(), Some(expected), "{tag}");
        }
    }
}
