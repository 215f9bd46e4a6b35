//! A server manifest for a folder that has none.

use crate::media::{Purpose, TrackKind};

use super::ism::{Entry, ServerManifest};
use super::{FileIndex, SourceTrack};
use crate::text::FileKind;

/// Endings of files that may hold tracks.
pub const MEDIA_EXTENSIONS: [&str; 13] =
    ["mp4", "m4v", "m4a", "mp4a", "mov", "ismv", "isma", "ismt", "cmfv", "cmfa", "cmft", "f4v", "3gp"];

/// The file's name says that it may hold tracks.
pub fn is_media_file(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, end)| MEDIA_EXTENSIONS.iter().any(|e| end.eq_ignore_ascii_case(e)))
}

/// The file's name says that it may hold captions. Encoders write reports in XML beside their films.
pub fn is_caption_file(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    FileKind::of(&lower).is_some() && !lower.ends_with("_manifest.xml") && !lower.ends_with("_metadata.xml")
}

/// Lists the tracks of a folder's files as a server manifest would: every video track; every audio track
/// of a file without video; and of the audio that is muxed with video, usually once per quality, the one
/// of highest bitrate for each language.
pub fn server_manifest(files: &[(&str, &FileIndex)]) -> ServerManifest {
    let mut manifest = ServerManifest::default();
    let mut muxed: Vec<(&str, &SourceTrack)> = Vec::new();
    let mut audio = Vec::new();
    for (name, file) in files {
        let servable = |kind| move |t: &&SourceTrack| t.kind == Some(kind) && t.codec.is_ok() && !t.samples.is_empty();
        let has_video = file.tracks.iter().any(|t| servable(TrackKind::Video)(&t));
        for track in file.tracks.iter().filter(servable(TrackKind::Video)) {
            manifest.entries.push(entry(name, track, TrackKind::Video));
        }
        for track in file.tracks.iter().filter(servable(TrackKind::Audio)) {
            match has_video {
                false => audio.push(entry(name, track, TrackKind::Audio)),
                true => keep_best(&mut muxed, file, name, track),
            }
        }
    }
    // Sound of its own beside muxed sound of the same language and purpose is the same sound: serve the former.
    let same = |a: &Entry, track: &SourceTrack| {
        a.language.as_deref() == Some(&track.language) && a.purpose.is_auxiliary() == track.purpose.is_auxiliary()
    };
    muxed.retain(|(_, track)| !audio.iter().any(|a| same(a, track)));
    manifest.entries.extend(muxed.iter().map(|(name, track)| entry(name, track, TrackKind::Audio)));
    manifest.entries.extend(audio);
    for (name, file) in files {
        for track in file.tracks.iter().filter(|t| t.kind == Some(TrackKind::Text) && t.codec.is_ok()) {
            manifest.entries.push(entry(name, track, TrackKind::Text));
        }
    }
    name_languages(&mut manifest);
    name_texts(&mut manifest);
    manifest
}

fn entry(file: &str, track: &SourceTrack, kind: TrackKind) -> Entry {
    let purpose = match kind {
        TrackKind::Audio => track.purpose.clone().or(&purpose_of_file(file)),
        _ => track.purpose.clone(),
    };
    Entry { track_id: Some(track.id), language: Some(track.language.clone()), purpose, ..Entry::new(kind, file) }
}

/// What a file's name says of the purpose of what is in it, as in `film_commentary.m4a` or `film.eng.ad.m4a`.
fn purpose_of_file(name: &str) -> Purpose {
    let mut purpose = Purpose::default();
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_ascii_lowercase();
    // The first word is the film's title, whatever it says.
    for word in stem.split(|c: char| !c.is_ascii_alphanumeric()).skip(1) {
        match word {
            "commentary" | "comments" => purpose.add_role("commentary"),
            "ad" | "dvs" | "description" | "described" | "audiodescription" => purpose.add_accessibility("description"),
            "dub" | "dubbed" => purpose.add_role("dub"),
            _ => {}
        }
    }
    purpose
}

/// Keeps one muxed audio track per language; several in one file are different sounds and all stay.
fn keep_best<'a>(muxed: &mut Vec<(&'a str, &'a SourceTrack)>, file: &FileIndex, name: &'a str, track: &'a SourceTrack) {
    let same_file = muxed.iter().any(|(n, _)| *n == name);
    let several = file.tracks.iter().filter(|t| t.kind == Some(TrackKind::Audio)).count() > 1;
    let same = |t: &SourceTrack| t.language == track.language && t.purpose == track.purpose;
    let rival = muxed.iter_mut().find(|(n, t)| same(t) && (*n != name || !several));
    match rival {
        Some(rival) if !same_file || !several => {
            if track.samples.bytes() > rival.1.samples.bytes() {
                *rival = (name, track);
            }
        }
        _ => muxed.push((name, track)),
    }
}

/// Captions are named by their language: `text_eng`, `text_eng_2`.
fn name_texts(manifest: &mut ServerManifest) {
    let mut used: Vec<String> = Vec::new();
    for entry in manifest.entries.iter_mut().filter(|e| e.kind == TrackKind::Text) {
        let language = entry.language.as_deref().filter(|l| !l.is_empty()).unwrap_or("und");
        let base = format!("text_{language}");
        let mut name = base.clone();
        let mut number = 2;
        while used.contains(&name) {
            name = format!("{base}_{number}");
            number += 1;
        }
        used.push(name.clone());
        entry.track_name = Some(name);
    }
}

/// Several sounds need names that tell them apart: `audio_eng`, `audio_spa`, `audio_spa_commentary`, `audio_spa_2`.
fn name_languages(manifest: &mut ServerManifest) {
    if manifest.entries.iter().filter(|e| e.kind == TrackKind::Audio).count() < 2 {
        return;
    }
    let mut used: Vec<String> = Vec::new();
    for entry in manifest.entries.iter_mut().filter(|e| e.kind == TrackKind::Audio) {
        let aside = ["commentary", "description"].into_iter().find(|purpose| entry.purpose.serves(purpose));
        let aside = aside.map_or(String::new(), |purpose| format!("_{purpose}"));
        let base = format!("audio_{}{aside}", entry.language.as_deref().unwrap_or("und"));
        let mut name = base.clone();
        let mut number = 2;
        while used.contains(&name) {
            name = format!("{base}_{number}");
            number += 1;
        }
        used.push(name.clone());
        entry.track_name = Some(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_tell_purposes() {
        let of = |name| purpose_of_file(name);
        assert!(of("film_eng_commentary.m4a").has_role("commentary"));
        assert!(of("film.eng.ad.m4a").describes_video());
        assert!(of("ad_astra.mp4").is_empty(), "a title is none");
        assert!(of("commentary.m4a").is_empty());
    }
}
