//! Each segment of each film in each encryption, against the same segment in the clear.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use headwater::media::{TrackKind, TrackRef};
use headwater::packager::{Context, Dialect, Noun, Selection, format};
use headwater::protection::Scheme;
use serde_json::{Value, json};

use crate::python::Python;
use crate::support::{Film, Object, boxes, context};
use crate::{KEY, ends, films, hex, protection, sha256};

const DIALECT: Dialect = Dialect::Modern;

/// Start times in URLs of segments of a track: all of short ones, of long ones the first, one in the middle, the last.
fn times(film: &Film, tag: &str, track: TrackRef) -> Vec<u64> {
    let selection = Selection::default();
    let scale = format(tag).expect(tag).url_timescale(&film.presentation, track.group, &context(DIALECT, &selection));
    let group = &film.presentation.groups[track.group];
    let count = film.presentation.track(track).segment_count();
    let wanted = |index: &usize| count <= 6 || [0, 1, count / 2, count - 1].contains(index);
    (0..count).filter(wanted).map(|index| group.boundary(index, scale)).collect()
}

/// The media bytes of a fragment.
fn payload(segment: &[u8]) -> &[u8] {
    boxes::find(segment, &["mdat"]).expect("an mdat box")
}

struct Judge<'a> {
    film: &'a Film,
    python: &'a mut Python,
    scratch: &'a Path,
    /// Each vector and the sample that it served.
    vectors: &'a mut HashMap<String, String>,
    wrong: Vec<String>,
    judged: usize,
}

impl Judge<'_> {
    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.scratch.join(name);
        fs::write(&path, bytes).expect("a file for the decryptor");
        path.to_string_lossy().into_owned()
    }

    /// Both forms of an object; `None` where the format has none.
    fn both(&mut self, tag: &str, scheme: Scheme, object: &Object) -> Option<(Vec<u8>, Vec<u8>)> {
        let selection = Selection::default();
        let (protection, plain) = (protection(scheme), context(DIALECT, &selection));
        let format = format(tag).expect(tag);
        let clear = self.film.get_in(format, &plain, object).ok()?;
        let protected = Context { protection: Some(&protection), ..plain };
        match self.film.get_in(format, &protected, object) {
            Ok(encrypted) => Some((clear, encrypted)),
            Err(error) => {
                self.wrong.push(format!("{} {tag} {scheme:?}: {error}", self.film.name));
                None
            }
        }
    }

    fn samples(&mut self, tag: &str, scheme: Scheme, track: TrackRef) {
        let label = format!("{} {tag} {scheme:?} {}", self.film.name, self.film.label(track));
        let init = self.both(tag, scheme, &Object::Init { track }).map(|(_, init)| self.file("init.mp4", &init));
        assert_eq!(init.is_none(), tag.is_empty(), "{label}");
        for time in times(self.film, tag, track) {
            for noun in [Noun::Fragments, Noun::KeyFrames] {
                let object = Object::Segment { track, noun, time, audio: None };
                let Some((clear, encrypted)) = self.both(tag, scheme, &object) else { continue };
                let segment = self.file("segment.m4s", &encrypted);
                let scheme_type = scheme.scheme_type().expect("samples").to_string();
                let job = json!({ "kind": "samples", "key": hex(&KEY), "init": init, "segment": segment, "scheme": scheme_type });
                let answer = self.python.ask(&job);
                self.judged += 1;
                if answer["payload"] != sha256(payload(&clear)) {
                    self.wrong.push(format!("{label} at {time}: {answer}"));
                    continue;
                }
                if answer["protected"].as_u64().unwrap_or(0) == 0 && payload(&clear).len() > 2000 {
                    self.wrong.push(format!("{label} at {time}: nothing is encrypted"));
                }
                if payload(&encrypted) == payload(&clear) && payload(&clear).len() > 2000 {
                    self.wrong.push(format!("{label} at {time}: it is as in the clear"));
                }
                self.told(&label, &answer, scheme, !tag.is_empty());
            }
        }
    }

    /// What the boxes say, and that no vector serves two samples.
    fn told(&mut self, label: &str, answer: &Value, scheme: Scheme, has_init: bool) {
        if has_init {
            let info = &answer["info"];
            assert_eq!(info["kid"], "11112222333344445555666677778888", "{label}");
            assert_eq!(info["scheme"], scheme.scheme_type().expect("samples").to_string(), "{label}");
            assert_eq!(info["systems"].as_array().expect("a list").len(), 3, "{label}");
        }
        for pair in answer["vectors"].as_array().expect("a list") {
            let (vector, sample) = (pair[0].as_str().expect("text"), pair[1].as_str().expect("text"));
            let before = self.vectors.entry(vector.to_owned()).or_insert_with(|| sample.to_owned());
            if before != sample {
                self.wrong.push(format!("{label}: the vector {vector} serves two samples"));
            }
        }
    }

    fn envelope(&mut self, tag: &str, track: TrackRef) {
        let label = format!("{} {tag} envelope {}", self.film.name, self.film.label(track));
        let mut objects = vec![Object::Init { track }];
        objects.extend(times(self.film, tag, track).into_iter().map(|time| Object::Segment {
            track,
            noun: Noun::Fragments,
            time,
            audio: None,
        }));
        let iv = hex(&protection(Scheme::Envelope).keys[0].constant_vector());
        for object in objects {
            let Some((clear, encrypted)) = self.both(tag, Scheme::Envelope, &object) else { continue };
            let path = self.file("object", &encrypted);
            let answer = self.python.ask(&json!({ "kind": "envelope", "key": hex(&KEY), "iv": iv, "object": path }));
            self.judged += 1;
            if answer["payload"] != sha256(&clear) || encrypted.len() != (clear.len() / 16 + 1) * 16 {
                self.wrong.push(format!("{label} {object:?}: {answer}"));
            }
        }
    }
}

#[test]
fn another_library_gets_back_what_is_sent_in_the_clear() {
    let Some(mut python) = Python::start() else { return };
    let scratch = tempfile::tempdir().expect("a folder for temporary files");
    let (mut vectors, mut wrong, mut judged) = (HashMap::new(), Vec::new(), 0);
    for film in films() {
        let mut judge = Judge {
            film: &film,
            python: &mut python,
            scratch: scratch.path(),
            vectors: &mut vectors,
            wrong: Vec::new(),
            judged: 0,
        };
        for track in ends(&film) {
            let codec = &film.presentation.track(track).codec;
            for tag in ["", "mpd-time-csf", "mpd-time-cmaf", "m3u8-cmaf", "m3u8-aapl", "m3u8-aapl-v3"] {
                let format = format(tag).expect(tag);
                if !format.carries(&**codec) {
                    continue;
                }
                judge.envelope(tag, track);
                let is_text = film.presentation.groups[track.group].kind == TrackKind::Text;
                if tag.starts_with("m3u8-aapl") || is_text {
                    continue;
                }
                for scheme in format.schemes().iter().filter(|scheme| scheme.encrypts_samples()) {
                    if format.protects(&**codec, *scheme) {
                        judge.samples(tag, *scheme, track);
                    }
                }
            }
        }
        judged += judge.judged;
        println!("{:34} {:>5} objects, {} wrong", film.name, judge.judged, judge.wrong.len());
        wrong.extend(judge.wrong);
    }
    println!("{judged} objects decrypted; {} vectors, each for one sample", vectors.len());
    assert!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
}
