//! What ffmpeg makes of protected media.

use std::path::Path;
use std::process::Command;

use headwater::media::TrackKind;
use headwater::packager::{Context, Dialect, Noun, Selection, format};
use headwater::protection::Scheme;

use crate::support::{Object, context};
use crate::{KEY, ends, films, hex, protection};

/// Time, length and digest of each packet that ffmpeg reads, or what it says instead.
pub fn packets(input: &[&str], path: &Path) -> Result<Vec<String>, String> {
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning"])
        .args(input)
        .arg("-i")
        .arg(path)
        .args(["-map", "0", "-c", "copy", "-copyinkf", "-f", "framehash", "-"])
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // What follows the digest are side data, of which the description of the encryption is one.
    let packet = |line: &str| line.split(',').take(6).collect::<Vec<_>>().join(",");
    Ok(text.lines().filter(|line| !line.starts_with('#')).map(packet).collect())
}

/// The packet is so long that some of it has to be encrypted: frames of silence are shorter than a block.
fn has_blocks(packet: &str) -> bool {
    packet.split(',').nth(4).and_then(|size| size.trim().parse::<u32>().ok()).is_some_and(|size| size >= 64)
}

/// Fragmented MP4 of one initialization segment and one segment: ffmpeg cannot read several encrypted ones joined.
#[test]
fn ffmpeg_decrypts_common_encryption() {
    let scratch = tempfile::tempdir().expect("a folder for temporary files");
    let (plain_file, file) = (scratch.path().join("clear.mp4"), scratch.path().join("protected.mp4"));
    let (mut judged, mut wrong) = (0, Vec::new());
    let selection = Selection::default();
    let plain = context(Dialect::Modern, &selection);
    for (number, film) in films().into_iter().enumerate() {
        for (nth, track) in ends(&film).into_iter().enumerate() {
            let codec = &film.presentation.track(track).codec;
            if film.presentation.groups[track.group].kind == TrackKind::Text {
                continue;
            }
            for tag in ["mpd-time-csf", "mpd-time-cmaf"] {
                // By turns, so that each kind and codec is seen in all of them without all of them for each track.
                let turn = number + nth + usize::from(tag == "mpd-time-cmaf");
                let scheme = [Scheme::Cenc, Scheme::Cbcs][turn % 2];
                let (format, protection) = (format(tag).expect(tag), protection(scheme));
                // This ffmpeg knows no sound descriptions of encrypted DTS, FLAC and the like.
                let known = ["avc1", "avc3", "hvc1", "hev1", "mp4a", "av01", "vp09", "ac-3", "ec-3"];
                let four_cc = codec.four_cc().to_string();
                if !known.contains(&four_cc.as_str()) || !format.protects(&**codec, scheme) {
                    continue;
                }
                let protected = Context { protection: Some(&protection), ..plain };
                let scale = format.url_timescale(&film.presentation, track.group, &plain);
                let time = film.presentation.groups[track.group].boundary(0, scale);
                let segment = Object::Segment { track, noun: Noun::Fragments, time, audio: None };
                let joined = |context: &Context<'_>| {
                    let init = film.get_in(format, context, &Object::Init { track }).expect("an init segment");
                    [init, film.get_in(format, context, &segment).expect("a segment")].concat()
                };
                std::fs::write(&plain_file, joined(&plain)).expect("a file for ffmpeg");
                std::fs::write(&file, joined(&protected)).expect("a file for ffmpeg");
                let key = hex(&KEY);
                let expected = packets(&[], &plain_file);
                let found = packets(&["-decryption_key", &key], &file);
                let unread = packets(&["-decryption_key", "00000000000000000000000000000000"], &file);
                judged += 1;
                let label = format!("{} {tag} {scheme:?} {}", film.name, film.label(track));
                if expected.is_err() || found != expected {
                    wrong.push(format!("{label}: {found:?} for {expected:?}"));
                } else if unread == expected
                    && expected.is_ok_and(|packets| packets.iter().any(|packet| has_blocks(packet)))
                {
                    wrong.push(format!("{label}: any key opens it"));
                }
            }
        }
    }
    println!("{judged} tracks");
    assert!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
}
