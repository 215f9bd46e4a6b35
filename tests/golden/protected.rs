//! What manifests and playlists say of protected films, word for word.

use headwater::cipher::{ContentKey, KeyId};
use headwater::media::TrackKind;
use headwater::packager::protection::{Address, Periods, Protection, SystemSignal, TrackKey, Tracks};
use headwater::packager::{Context, Dialect, FORMATS, Selection};
use headwater::protection::{Scheme, System};

use crate::support::{Film, Object, context, joined, root};
use crate::{Files, hold, tag};

fn protection(scheme: Scheme) -> Protection {
    let systems = match scheme {
        Scheme::Envelope => vec![],
        Scheme::Cenc | Scheme::Piff => vec![System::PlayReady, System::Widevine, System::ClearKey],
        Scheme::Cbcs => vec![System::FairPlay, System::PlayReady],
    };
    let licence = |system| match system {
        System::FairPlay => "skd://licence.example/FairPlay/?kid=11112222-3333-4444-5555-666677778888",
        _ => "https://licence.example/?a=1&b=2",
    };
    let url = matches!(scheme, Scheme::Envelope | Scheme::Cenc).then_some("https://keys.example/?kid=1111&x=2");
    Protection {
        scheme,
        keys: vec![TrackKey {
            tracks: Tracks::All,
            id: KeyId(0x1111_2222_3333_4444_5555_6666_7777_8888u128.to_be_bytes()),
            material: ContentKey::new([9; 16]).into(),
            vector: Some(0x0011_2233_4455_6677_8899_aabb_ccdd_eeffu128.to_be_bytes()),
            url: url.map(|url| Address::Complete(url.to_owned())),
        }],
        clear: Vec::new(),
        systems: systems
            .into_iter()
            .map(|system| SystemSignal::new(system, Some(Address::Complete(licence(system).to_owned()))))
            .collect(),
        periods: Periods::default(),
        asset: [0; 16],
    }
}

/// Manifests, and the playlist of the first video track.
fn manifests(film: &Film, dialect: Dialect) -> Files {
    let mut files = Files::new();
    for format in FORMATS {
        for scheme in format.schemes() {
            let protection = protection(*scheme);
            let selection = Selection { encryption: Some(*scheme), ..Selection::default() };
            let context = Context { protection: Some(&protection), ..context(dialect, &selection) };
            let name = format!("{}.{}", tag(*format), scheme.as_str());
            let manifest = format.manifest(&film.presentation, &context).unwrap_or_else(|e| panic!("{name}: {e}"));
            files.insert(format!("{name}.txt"), String::from_utf8(joined(&manifest)).expect("UTF-8"));
            let group = film.presentation.groups.iter().position(|g| g.kind == TrackKind::Video).expect("video");
            let track = headwater::media::TrackRef { group, track: 0 };
            let playlist = Object::Playlist { track, keyframes: false, audio: None };
            if let Ok(playlist) = film.get_in(*format, &context, &playlist) {
                files.insert(format!("{name}.video.m3u8"), String::from_utf8(playlist).expect("UTF-8"));
            }
        }
    }
    files
}

#[test]
fn what_is_told_of_protection_is_what_was_reviewed() {
    let film = Film::open(&root().join("fixtures/films/one-track-per-file")).unwrap_or_else(|e| panic!("{e}"));
    let mut wrong = Vec::new();
    for (dialect, name) in [(Dialect::Modern, "protected-modern"), (Dialect::Ams, "protected-ams")] {
        wrong.extend(hold(&root().join("fixtures/golden").join(&film.name).join(name), &manifests(&film, dialect)));
    }
    assert!(wrong.is_empty(), "review and run with UPDATE_GOLDEN=1:\n{}", wrong.join("\n"));
}
