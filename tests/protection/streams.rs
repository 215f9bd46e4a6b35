//! HLS as ffmpeg plays it: AES-128 in transport streams and CMAF, SAMPLE-AES in transport streams.

use std::fs;
use std::path::Path;

use headwater::media::{TrackKind, TrackRef};
use headwater::packager::protection::{Address, Protection};
use headwater::packager::{Context, Dialect, Selection, format};
use headwater::protection::Scheme;

use crate::ffmpeg::packets;
use crate::support::{Film, Object, context};
use crate::{KEY, ends, films, protection};

/// Writes a playlist and all that it names into `folder`; its file.
fn write(film: &Film, tag: &str, track: TrackRef, folder: &Path, context: &Context<'_>) -> std::path::PathBuf {
    fs::create_dir_all(folder).expect("a folder for ffmpeg");
    fs::write(folder.join("key"), KEY).expect("a key for ffmpeg");
    let format = format(tag).expect(tag);
    let playlist = Object::Playlist { track, keyframes: false, audio: None };
    let text = film.get_in(format, context, &playlist).unwrap_or_else(|error| panic!("{tag}: {error}"));
    let text = String::from_utf8(text).expect("UTF-8");
    let bitrate = film.presentation.track(track).bitrate;
    let maps =
        text.lines().filter_map(|line| line.strip_prefix("#EXT-X-MAP:URI=\"")).map(|uri| uri.trim_end_matches('"'));
    for uri in text.lines().filter(|line| !line.starts_with('#')).chain(maps) {
        let object = film.resolve(&format!("QualityLevels({bitrate})/{uri}")).expect("an object");
        let bytes = film.get_in(format, context, &object).unwrap_or_else(|error| panic!("{uri}: {error}"));
        fs::write(folder.join(uri), bytes).expect("a file for ffmpeg");
    }
    let file = folder.join("playlist.m3u8");
    fs::write(&file, text).expect("a playlist for ffmpeg");
    file
}

#[test]
fn ffmpeg_plays_encrypted_hls() {
    const OPTIONS: [&str; 4] = ["-allowed_extensions", "ALL", "-protocol_whitelist", "file,crypto"];
    let scratch = tempfile::tempdir().expect("a folder for temporary files");
    let selection = Selection::default();
    let plain = context(Dialect::Modern, &selection);
    let (mut judged, mut wrong) = (0, Vec::new());
    for (number, film) in films().into_iter().enumerate() {
        for (nth, track) in ends(&film).into_iter().enumerate() {
            let (stored, kind) = (film.presentation.track(track), film.presentation.groups[track.group].kind);
            if kind == TrackKind::Text || stored.segment_count() > 60 {
                continue;
            }
            // By turns, so that each kind and codec is seen in all of them without all of them for each track.
            let ways = [
                [("m3u8-aapl", Scheme::Envelope), ("m3u8-aapl", Scheme::Cbcs)],
                [("m3u8-aapl-v3", Scheme::Envelope), ("m3u8-cmaf", Scheme::Envelope)],
            ];
            for (tag, scheme) in ways[(number + nth) % 2] {
                let of = format(tag).expect(tag);
                if !of.carries(&*stored.codec) || !of.protects(&*stored.codec, scheme) {
                    continue;
                }
                let mut protection: Protection = protection(scheme);
                protection.systems.clear();
                protection.keys[0].url = Some(Address::Complete("key".to_owned()));
                let protected = Context { protection: Some(&protection), ..plain };
                let clear = write(&film, tag, track, &scratch.path().join("clear"), &plain);
                let file = write(&film, tag, track, &scratch.path().join("protected"), &protected);
                let (expected, found) = (packets(&OPTIONS, &clear), packets(&OPTIONS, &file));
                let told = fs::read_to_string(&file).expect("the playlist");
                let method = if scheme == Scheme::Envelope { "METHOD=AES-128" } else { "METHOD=SAMPLE-AES," };
                judged += 1;
                let (mut expected, mut found) = (expected, found);
                if let (Scheme::Cbcs, Ok(expected), Ok(found)) = (scheme, &mut expected, &mut found)
                    && expected.len() == found.len()
                {
                    // What ffmpeg flushes at the end of the last segment it leaves encrypted.
                    let whole = expected.len().saturating_sub(2);
                    expected.truncate(whole);
                    found.truncate(whole);
                }
                if expected.is_err() || found != expected || !told.contains(method) {
                    let other = match (&found, &expected) {
                        (Ok(found), Ok(expected)) => found.iter().zip(expected).position(|(a, b)| a != b).unwrap_or(0),
                        _ => 0,
                    };
                    let first = |packets: &Result<Vec<String>, String>| match packets {
                        Ok(packets) => format!("{} packets, {other}: {:?}", packets.len(), packets.get(other)),
                        Err(error) => error.clone(),
                    };
                    let label = film.label(track);
                    wrong.push(format!(
                        "{} {tag} {scheme:?} {label}: {} for {}",
                        film.name,
                        first(&found),
                        first(&expected)
                    ));
                }
                fs::remove_dir_all(scratch.path().join("clear")).expect("removed");
                fs::remove_dir_all(scratch.path().join("protected")).expect("removed");
            }
        }
    }
    println!("{judged} playlists");
    assert!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), wrong[..wrong.len().min(30)].join("\n"));
}
