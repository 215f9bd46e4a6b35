//! Films made by others, from file to segments, judged by ffmpeg.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;

use super::segments::real_peak;
use super::{fetch, text, tracks};
use crate::media::{Presentation, Revision, SourceFile, TrackKind};
use crate::packager::hls::{CmafHls, V3, V4, strict};
use crate::packager::testing::{context, media_folder};
use crate::packager::{Dialect, Format, MediaData, Plan};
use crate::source::{FileIndex, FileIndexer, Settings, Step, assemble, infer};

/// The presentation of all MP4 files in a folder, and their bytes.
fn load(folder: &Path) -> (Presentation, Vec<Bytes>) {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|n| infer::is_media_file(n))
        .collect();
    names.sort();
    let bytes: Vec<Bytes> = names.iter().map(|n| Bytes::from(std::fs::read(folder.join(n)).unwrap())).collect();
    let index = |(name, bytes): (&String, &Bytes)| -> (SourceFile, Arc<FileIndex>) {
        let mut indexer = FileIndexer::new(name, bytes.len() as u64);
        loop {
            match indexer.step().unwrap() {
                Step::Need(range) => {
                    let end = range.end.min(bytes.len() as u64);
                    indexer.feed(range.start, bytes.slice(range.start as usize..end as usize));
                }
                Step::Done(index) => {
                    return (SourceFile { name: name.clone(), size: bytes.len() as u64 }, Arc::new(index));
                }
            }
        }
    };
    let files: Vec<_> = names.iter().zip(&bytes).map(index).collect();
    let listed: Vec<(&str, &FileIndex)> = files.iter().map(|(f, i)| (f.name.as_str(), &**i)).collect();
    let manifest = infer::server_manifest(&listed);
    let presentation = assemble(Revision([1; 16]), "film", &manifest, &files, &Settings::default()).unwrap();
    (presentation, bytes)
}

/// Runs ffmpeg or ffprobe; `None` where it is not installed. What it complains of is an error.
fn run(tool: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(tool).args(["-v", "warning"]).args(arguments).output().ok()?;
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    let grave: Vec<&str> = complaints.lines().filter(|l| !l.contains("deprecated pixel format")).collect();
    assert!(output.status.success() && grave.is_empty(), "{tool} {arguments:?}: {complaints}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Packets of the first stream of a kind.
fn count(file: &str, kind: &str) -> usize {
    let stream = format!("{kind}:0");
    let packets = run("ffprobe", &["-select_streams", &stream, "-show_entries", "packet=pts", "-of", "csv=p=0", file]);
    packets.unwrap_or_default().lines().filter(|l| !l.is_empty()).count()
}

#[test]
fn real_films_lose_no_sample_and_ffmpeg_complains_of_none() {
    for folder in ["ams-mbr-bbb", "h264-2997-bframes", "derived", "nal2-negative-ctts", "edit-list-shift", "vfr"] {
        let Some(path) = media_folder(folder) else { return };
        let (film, stored) = load(&path);
        let read = |plan: &Plan| {
            let piece = |(file, range): (crate::media::FileId, std::ops::Range<u64>)| {
                let bytes = stored[file.0 as usize].slice(range.start as usize..range.end as usize);
                (file, range, bytes)
            };
            MediaData::new(plan.reads().into_iter().map(piece).collect())
        };
        let context = context(Dialect::Modern);
        for format in [&V4 as &dyn Format, &V3, &CmafHls] {
            let multivariant = strict::multivariant(&text(&format.manifest(&film, &context).unwrap()));
            for at in tracks(&film) {
                let (group, track) = (&film.groups[at.group], film.track(at));
                let playlist = strict::media(&text(&format.playlist(&film, at, false, &context).unwrap()));
                let (mut joined, mut sizes) = (Vec::new(), Vec::new());
                if playlist.map.is_some() {
                    joined.extend(format.init(&film, at, &context).unwrap().body.concat());
                }
                for (micros, uri) in &playlist.segments {
                    let body = fetch(format, &film, track.bitrate, uri, &context, read).1.body.concat();
                    sizes.push((*micros, body.len() as u64));
                    joined.extend(body);
                }
                let (peak, average) = real_peak(&sizes);
                let variant = multivariant.variants.iter().find(|(_, uri)| {
                    uri.starts_with(&format!("QualityLevels({})/Manifest({}", track.bitrate, group.name))
                });
                if let (Some((variant, _)), TrackKind::Video) = (variant, group.kind) {
                    let stated: u64 = variant["BANDWIDTH"].parse().unwrap();
                    println!(
                        "{folder} {format:?} {} {}: stated {stated} {}, track {peak} {average}",
                        group.name, track.bitrate, variant["AVERAGE-BANDWIDTH"]
                    );
                    let muxed = format.tags() == V3.tags();
                    assert!(stated >= peak && (!muxed || stated * 100 <= peak * 103), "{stated} for {peak}");
                }
                let scratch = tempfile::tempdir().unwrap();
                let file = scratch.path().join("film");
                std::fs::write(&file, &joined).unwrap();
                let file = file.to_str().unwrap();
                let kind = if group.kind == TrackKind::Video { "v" } else { "a" };
                if run("ffmpeg", &["-i", file, "-map", "0", "-f", "null", "-"]).is_none() {
                    println!("skipped: ffmpeg is not installed");
                    return;
                }
                if format.tags() == V3.tags() && group.kind == TrackKind::Video {
                    let sound = film.groups_of(TrackKind::Audio).next().map(|(_, g)| &g.tracks[0]);
                    let served = sound.map_or(0, |s| s.samples(0, usize::MAX).samples.len());
                    assert_eq!(count(file, "a"), served, "{folder}: muxed sound");
                }
                let served = track.samples(0, usize::MAX).samples.len();
                assert_eq!(count(file, kind), served, "{folder} {format:?} {}", group.name);
            }
        }
    }
}
