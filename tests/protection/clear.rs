//! Tracks that a policy leaves clear by the four-character code of their sample entry: they are as without any
//! encryption, the others are not, and manifests tell which is which.

use headwater::media::{TrackKind, TrackRef};
use headwater::packager::{Context, Dialect, Noun, Selection, format};
use headwater::protection::Scheme;

use crate::protection;
use crate::support::{Film, Object, context, joined, root};

/// Objects of a track, and what must be in what of it is encrypted.
fn objects(film: &Film, tag: &str, track: TrackRef) -> Vec<(Object, Option<&'static str>)> {
    let format = format(tag).expect(tag);
    let selection = Selection::default();
    let scale = format.url_timescale(&film.presentation, track.group, &context(Dialect::Modern, &selection));
    let time = film.presentation.groups[track.group].boundary(0, scale);
    let segment = Object::Segment { track, noun: Noun::Fragments, time, audio: None };
    match tag {
        "" => vec![(segment, None)],
        "m3u8-cmaf" => {
            let playlist = Object::Playlist { track, keyframes: false, audio: None };
            vec![(Object::Init { track }, Some("sinf")), (segment, Some("saiz")), (playlist, Some("#EXT-X-KEY"))]
        }
        _ => vec![(Object::Init { track }, Some("sinf")), (segment, Some("saiz"))],
    }
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn tracks_that_are_named_stay_clear() {
    let film = Film::open(&root().join("fixtures/demo")).unwrap_or_else(|error| panic!("{error}"));
    let selection = Selection::default();
    let plain = context(Dialect::Modern, &selection);
    let mut judged = 0;
    for (named, clear_kind) in [("mp4a", TrackKind::Audio), ("avc1", TrackKind::Video)] {
        for (tag, scheme) in [
            ("", Scheme::Piff),
            ("", Scheme::Cenc),
            ("mpd-time-csf", Scheme::Cenc),
            ("mpd-time-cmaf", Scheme::Cbcs),
            ("m3u8-cmaf", Scheme::Cenc),
            ("m3u8-cmaf", Scheme::Cbcs),
        ] {
            let mut protection = protection(scheme);
            protection.clear = vec![named.to_owned()];
            let protected = Context { protection: Some(&protection), ..plain };
            let of = format(tag).expect(tag);
            for track in film.tracks() {
                let kind = film.presentation.groups[track.group].kind;
                for (object, mark) in objects(&film, tag, track) {
                    let label = format!("{named} {tag} {scheme:?} {} {object:?}", film.label(track));
                    let get = |context| film.get_in(of, context, &object).unwrap_or_else(|e| panic!("{label}: {e}"));
                    let (clear, sent) = (get(&plain), get(&protected));
                    assert_eq!(clear == sent, kind == clear_kind, "{label}");
                    // Sound of `cbcs` has no vectors and no clear bytes that samples would have to tell.
                    let tells = scheme != Scheme::Cbcs || kind == TrackKind::Video || mark != Some("saiz");
                    if let Some(mark) = mark.filter(|_| tells) {
                        assert_eq!(has(&sent, mark), kind != clear_kind, "{label}: {mark}");
                    }
                    judged += 1;
                }
            }
            let manifest = of.manifest(&film.presentation, &protected).unwrap_or_else(|e| panic!("{tag}: {e}"));
            let manifest = String::from_utf8(joined(&manifest)).expect("UTF-8");
            if tag.starts_with("mpd") {
                let sets: Vec<&str> = manifest.split("<AdaptationSet").skip(1).collect();
                for (kind, name) in [(TrackKind::Video, "video"), (TrackKind::Audio, "audio")] {
                    let mut of_kind =
                        sets.iter().filter(|set| set.contains(&format!("contentType=\"{name}\""))).peekable();
                    assert!(of_kind.peek().is_some(), "{manifest}");
                    for set in of_kind {
                        assert_eq!(set.contains("<ContentProtection"), kind != clear_kind, "{tag} {named}: {set}");
                        judged += 1;
                    }
                }
            }
        }
    }
    println!("{judged} objects");
}
