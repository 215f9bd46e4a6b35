//! What Shaka Packager makes of protected media. Bento4's `mp4decrypt` is in none of Debian's, npm's and PyPI's
//! registries.

use std::path::{Path, PathBuf};
use std::process::Command;

use headwater::media::TrackKind;
use headwater::packager::{Context, Dialect, Noun, Selection, format};
use headwater::protection::Scheme;

use crate::ffmpeg::packets;
use crate::support::{Film, Object, context, root};
use crate::{KEY, KEY_ID, hex, protection};

/// A film of each codec that the program demultiplexes: it is slow to start, and the other judges have all of them.
const FILMS: [&str; 5] = ["demo", "films/hevc", "films/vp9", "films/av1", "films/he-aac"];

/// The program, from npm; or why it is not there.
fn program() -> Result<PathBuf, String> {
    let machine = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => return Err(format!("Shaka Packager is not made for {other}")),
    };
    let path = root().join(format!("tests/players/node_modules/shaka-packager/bin/packager-linux-{machine}"));
    if path.is_file() { Ok(path) } else { Err(format!("{} is not there: run tests/tools", path.display())) }
}

/// Opens the file's only track, or says what the program says.
fn decrypt(program: &Path, kind: &str, file: &Path, out: &Path) -> Result<(), String> {
    let keys = format!("label=:key_id={}:key={}", hex(&KEY_ID), hex(&KEY));
    let output = Command::new(program)
        .arg(format!("in={},stream={kind},output={}", file.display(), out.display()))
        .args(["--enable_raw_key_decryption", "--keys", &keys, "--segment_duration", "3600"])
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// Sizes and digests of packets: the program counts times in its own way.
fn contents(packets: Result<Vec<String>, String>) -> Result<Vec<String>, String> {
    let of = |packet: &String| packet.split(',').skip(4).map(str::trim).collect::<Vec<_>>().join(" ");
    packets.map(|packets| packets.iter().map(of).collect())
}

#[test]
fn shaka_packager_decrypts_common_encryption() {
    let program = match program() {
        Ok(program) => program,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let scratch = tempfile::tempdir().expect("a folder for temporary files");
    let [plain_file, file, out] = ["clear.mp4", "protected.mp4", "out.mp4"].map(|name| scratch.path().join(name));
    let selection = Selection::default();
    let plain = context(Dialect::Modern, &selection);
    let (mut judged, mut wrong) = (0, Vec::new());
    for folder in FILMS {
        let film = Film::open(&root().join("fixtures").join(folder)).unwrap_or_else(|error| panic!("{error}"));
        for track in film.tracks().into_iter().filter(|track| track.track == 0) {
            let codec = &film.presentation.track(track).codec;
            let kind = match film.presentation.groups[track.group].kind {
                TrackKind::Video => "video",
                TrackKind::Audio => "audio",
                TrackKind::Text => continue,
            };
            for (tag, scheme) in [("mpd-time-csf", Scheme::Cenc), ("mpd-time-cmaf", Scheme::Cbcs)] {
                let (format, protection) = (format(tag).expect(tag), protection(scheme));
                assert!(format.protects(&**codec, scheme), "{folder} {tag}");
                let protected = Context { protection: Some(&protection), ..plain };
                let scale = format.url_timescale(&film.presentation, track.group, &plain);
                let time = film.presentation.groups[track.group].boundary(0, scale);
                let segment = Object::Segment { track, noun: Noun::Fragments, time, audio: None };
                let joined = |context: &Context<'_>| {
                    let init = film.get_in(format, context, &Object::Init { track }).expect("an init segment");
                    [init, film.get_in(format, context, &segment).expect("a segment")].concat()
                };
                std::fs::write(&plain_file, joined(&plain)).expect("a file for ffmpeg");
                std::fs::write(&file, joined(&protected)).expect("a file for Shaka Packager");
                let found = decrypt(&program, kind, &file, &out).and_then(|()| contents(packets(&[], &out)));
                let expected = contents(packets(&[], &plain_file));
                judged += 1;
                if expected.is_err() || found != expected {
                    let label = format!("{} {tag} {scheme:?} {}", film.name, film.label(track));
                    wrong.push(format!("{label}: {found:?} for {expected:?}").chars().take(600).collect::<String>());
                }
            }
        }
    }
    println!("{judged} tracks");
    assert!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
}
