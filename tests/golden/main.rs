//! What is sent, word for word: manifests and playlists as text, initialization segments and segments as
//! dumps. `UPDATE_GOLDEN=1` writes the files anew; read the difference like code.

#[path = "../support/mod.rs"]
mod support;

mod ams_sample;
mod codec_table;
mod kept_figures;
mod protected;
mod sha256;
mod transport;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use headwater::media::{TrackKind, TrackRef};
use headwater::packager::{Dialect, FORMATS, Format, Noun};
use support::{Film, Object, boxes, listing, root};

/// Films whose segments are held too.
const FILMS: [&str; 8] = [
    "one-track-per-file",
    "no-edit-list",
    "bframes-edit-list",
    "fragmented-ismv",
    "hevc-hev1",
    "av1",
    "dolby",
    "eac3-only",
];

/// Films whose manifests alone are held.
const MANIFESTS: [&str; 6] = ["../demo", "mixed-codecs", "hdr10", "dolby-vision-81", "angles", "twelve-tracks"];

/// All files of one film and dialect, by name.
type Files = BTreeMap<String, String>;

fn tag(format: &dyn Format) -> &'static str {
    match format.tags()[0] {
        "" => "smooth",
        tag => tag,
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("UTF-8")
}

/// Manifests of all formats and the playlists of the first video and audio track.
fn manifests(film: &Film, dialect: Dialect) -> Files {
    let mut files = Files::new();
    for format in FORMATS {
        let tag = tag(*format);
        let extension = match tag {
            "smooth" | "fmp4-v20" => "xml",
            _ if tag.starts_with("mpd") => "mpd",
            _ => "m3u8",
        };
        let manifest = match film.manifest(*format, dialect) {
            Ok(manifest) => text(manifest),
            // A format that cannot carry the film says so.
            Err(error) => {
                files.insert(format!("{tag}.error.txt"), error + "\n");
                continue;
            }
        };
        let mut kinds: Vec<(TrackKind, bool)> = Vec::new();
        let quoted = manifest.split('"').filter(|u| u.starts_with("QualityLevels("));
        let urls: Vec<&str> = manifest.lines().filter(|l| l.starts_with("QualityLevels(")).chain(quoted).collect();
        for url in urls.iter().filter(|_| extension == "m3u8") {
            let Ok(Object::Playlist { track, keyframes, .. }) = film.resolve(url) else { panic!("{url}") };
            let kind = film.presentation.groups[track.group].kind;
            if kinds.contains(&(kind, keyframes)) {
                continue;
            }
            kinds.push((kind, keyframes));
            let name = format!("{tag}.{}{}.m3u8", kind.as_str(), if keyframes { ".keyframes" } else { "" });
            files.insert(name, text(film.fetch(*format, dialect, url).unwrap_or_else(|e| panic!("{e}"))));
        }
        files.insert(format!("{tag}.{extension}"), manifest);
    }
    files
}

/// Initialization segments and first segments of the first video and audio track.
fn segments(film: &Film, dialect: Dialect) -> Files {
    let mut files = Files::new();
    let groups = film.presentation.groups.iter().enumerate();
    let first = |kind| groups.clone().find(|(_, g)| g.kind == kind).map(|(group, _)| TrackRef { group, track: 0 });
    for track in [TrackKind::Video, TrackKind::Audio].into_iter().filter_map(first) {
        let kind = film.presentation.groups[track.group].kind.as_str();
        for format in FORMATS {
            let tag = tag(*format);
            // One writer serves both Smooth manifests, and one both CMAF formats; the dialect matters to
            // timescales of CMAF alone.
            if matches!(tag, "fmp4-v20" | "m3u8-cmaf") || (dialect == Dialect::Ams && tag != "mpd-time-cmaf") {
                continue;
            }
            if let Ok(init) = film.get(*format, dialect, &Object::Init { track }) {
                files.insert(format!("{tag}.{kind}.init.txt"), dump(&init));
            }
            let nouns: &[Noun] = match (tag, kind) {
                ("smooth", _) => &[Noun::Fragments, Noun::KeyFrames],
                ("m3u8-aapl", "video") => &[Noun::Fragments, Noun::KeyFrames],
                _ => &[Noun::Fragments],
            };
            let scale = {
                let selection = headwater::packager::Selection::default();
                let now = headwater::time::UtcTime { unix_millis: 0 };
                let context = headwater::packager::Context {
                    dialect,
                    now,
                    selection: &selection,
                    thumbnails: None,
                    protection: None,
                    figures: None,
                };
                format.url_timescale(&film.presentation, track.group, &context)
            };
            let time = film.presentation.groups[track.group].boundary(0, scale);
            for noun in nouns {
                let object = Object::Segment { track, noun: *noun, time, audio: None };
                let Ok(segment) = film.get(*format, dialect, &object) else { continue };
                let dump = if tag.starts_with("m3u8-aapl") { transport::dump(&segment) } else { dump(&segment) };
                let name = if *noun == Noun::KeyFrames { ".keyframes" } else { "" };
                files.insert(format!("{tag}.{kind}{name}.txt"), dump);
            }
        }
    }
    files
}

fn dump(bytes: &[u8]) -> String {
    format!("{} bytes, sha256 {}\n{}", bytes.len(), sha256::hex(bytes), boxes::dump(bytes))
}

/// Holds `files` against those in `folder`, or writes them there.
fn hold(folder: &Path, files: &Files) -> Vec<String> {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    let there = fs::read_dir(folder).into_iter().flatten().filter_map(|e| e.ok()?.file_name().into_string().ok());
    for old in there.filter(|name| !files.contains_key(name)) {
        match update {
            true => fs::remove_file(folder.join(&old)).expect("can be removed"),
            false => wrong.push(format!("{} is sent no more", folder.join(&old).display())),
        }
    }
    for (name, contents) in files {
        let path = folder.join(name);
        if update {
            fs::create_dir_all(folder).expect("can be made");
            fs::write(&path, contents).expect("can be written");
            continue;
        }
        let golden = fs::read_to_string(&path).unwrap_or_default();
        if golden != *contents {
            let line = golden.lines().zip(contents.lines()).position(|(a, b)| a != b);
            let line = line.unwrap_or(golden.lines().count().min(contents.lines().count()));
            let at = |text: &str| text.lines().nth(line).unwrap_or("(nothing)").chars().take(300).collect::<String>();
            wrong.push(format!(
                "{} line {}:\n  golden {}\n  sent   {}",
                path.display(),
                line + 1,
                at(&golden),
                at(contents)
            ));
        }
    }
    wrong
}

#[test]
fn what_is_sent_is_what_was_reviewed() {
    let mut wrong = Vec::new();
    let films = FILMS.iter().map(|f| (f, true)).chain(MANIFESTS.iter().map(|f| (f, false)));
    for (film, with_segments) in films {
        let folder = root().join("fixtures/films").join(film);
        let film = Film::open(&folder).unwrap_or_else(|e| panic!("{e}"));
        for (dialect, name) in [(Dialect::Modern, "modern"), (Dialect::Ams, "ams")] {
            let mut files = manifests(&film, dialect);
            if with_segments {
                files.extend(segments(&film, dialect));
            }
            wrong.extend(hold(&root().join("fixtures/golden").join(&film.name).join(name), &files));
        }
    }
    assert!(wrong.is_empty(), "review and run with UPDATE_GOLDEN=1:\n{}", wrong.join("\n"));
}

/// Manifests in the dialect of Azure Media Services list the same bytes.
#[test]
fn both_dialects_list_the_same_segments() {
    for folder in FILMS.iter().map(|f| root().join("fixtures/films").join(f)) {
        let film = Film::open(&folder).unwrap_or_else(|e| panic!("{e}"));
        let format = headwater::packager::format("mpd-time-csf").expect("a format");
        let bytes = |dialect| {
            let listed = listing::dash(&film, format, dialect).unwrap_or_else(|e| panic!("{}: {e}", film.name));
            listed.iter().filter(|l| !l.keyframes).map(listing::Listed::stream).collect::<Vec<_>>()
        };
        assert!(bytes(Dialect::Modern) == bytes(Dialect::Ams), "{}", film.name);
    }
}
