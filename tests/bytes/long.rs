//! A real film of a whole day, made by ffmpeg in a few seconds: one picture each second.

use std::path::Path;
use std::process::{Command, Stdio};

use headwater::media::{TrackKind, TrackRef};
use headwater::packager::{self, Dialect, Noun};

use crate::judge::{self, Map};
use crate::support::listing::{attribute, parse};
use crate::support::{Film, Object};

const DAY: usize = 86_400;

fn ffmpeg(folder: &Path, arguments: &str) -> Result<(), String> {
    let mut command = Command::new("ffmpeg");
    command.current_dir(folder).args(["-nostdin", "-v", "error", "-y"]).args(arguments.split_whitespace());
    let output = command.stdin(Stdio::null()).output().map_err(|e| format!("ffmpeg does not run: {e}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// The pictures of a segment lie at the seconds `from..`, `shift` seconds later.
fn at_seconds(about: &str, file: &Path, from: usize, count: usize, shift: i64) {
    let decoded = judge::pictures(file, &Map::Video).unwrap_or_else(|e| panic!("{about}: {e}"));
    assert_eq!(decoded.pictures.len(), count, "{about}");
    for (index, picture) in decoded.pictures.iter().enumerate() {
        let second = (from + index) as i64 + shift;
        assert!(
            judge::near(picture.pts, decoded.base, second, (1, 1), 0),
            "{about}: {} × {:?}",
            picture.pts,
            decoded.base
        );
    }
}

/// Opens the day and looks at its beginning, middle and end in each format.
pub fn judge() {
    let scratch = tempfile::tempdir().expect("a folder for temporary files");
    let folder = scratch.path();
    ffmpeg(folder, "-f lavfi -i testsrc2=s=64x36:r=1:d=20 -f lavfi -i sine=sample_rate=8000:duration=20 -c:v libx264 -preset ultrafast -crf 45 -pix_fmt yuv420p -g 2 -keyint_min 2 -sc_threshold 0 -bf 0 -c:a aac -b:a 8k short.mp4")
        .unwrap_or_else(|e| panic!("{e}"));
    std::fs::create_dir(folder.join("day")).expect("a folder");
    ffmpeg(folder, &format!("-stream_loop -1 -i short.mp4 -map 0:v -c copy -t {DAY} day/picture.mp4"))
        .and_then(|()| ffmpeg(folder, &format!("-stream_loop -1 -i short.mp4 -map 0:a -c copy -t {DAY} day/sound.m4a")))
        .unwrap_or_else(|e| panic!("{e}"));
    let film = Film::open(&folder.join("day")).unwrap_or_else(|e| panic!("{e}"));
    let (group, pictures) = film.presentation.groups_of(TrackKind::Video).next().expect("pictures");
    assert_eq!((pictures.segment_count(), pictures.tracks[0].samples.len() as usize), (DAY / 2, DAY));
    let track = TrackRef { group, track: 0 };
    for (tag, per_segment, shift) in
        [("mpd-time-cmaf", 1, 0), ("mpd-time-csf", 1, 0), ("m3u8-aapl", 3, 10), ("m3u8-aapl-v3", 3, 10)]
    {
        let format = packager::format(tag).expect("a format");
        let scale = if tag == "mpd-time-cmaf" { i64::from(pictures.timescale.get()) } else { 10_000_000 };
        let init = film.get(format, Dialect::Modern, &Object::Init { track });
        for index in [0, DAY / 4 - DAY / 4 % per_segment, DAY / 2 - per_segment] {
            let time = (index as i64 * 2 * scale) as u64;
            let object = Object::Segment { track, noun: Noun::Fragments, time, audio: None };
            let segment = film.get(format, Dialect::Modern, &object).unwrap_or_else(|e| panic!("{tag}: {e}"));
            let bytes = [init.clone().unwrap_or_default(), segment].concat();
            std::fs::write(folder.join("media"), bytes).expect("room for temporary files");
            at_seconds(&format!("{tag} {index}"), &folder.join("media"), index * 2, per_segment * 2, shift);
        }
    }
    let manifest = film.manifest(packager::format("mpd-time-cmaf").expect("a format"), Dialect::Modern);
    let mpd = parse(&manifest.unwrap_or_else(|e| panic!("{e}"))).expect("XML");
    let duration = attribute(&mpd, "mediaPresentationDuration").expect("a duration").to_owned();
    // Sound ends up to a frame later.
    assert!(duration == "PT24H0M0.000S" || duration.starts_with("PT24H0M0."), "{duration}");
}
