//! How the files would stream together.

use serde::Serialize;

use super::finding::{Code, Finding};
use super::measure::{mean_bitrate, span};
use super::{Indexed, Options, mend};
use crate::catalog::PublishedAsset;
use crate::media::{Presentation, Revision, TrackGroup, TrackKind};
use crate::source::ism::{self, ServerManifest};
use crate::source::{self, SourceTrack, infer};
use crate::store::ObjectInfo;
use crate::time::{MediaTime, Timescale};

/// What would be streamed under one name.
#[derive(Clone, Debug, Serialize)]
pub struct PresentationReport {
    /// The name in URLs.
    pub name: String,
    /// There is no server manifest of that name; the files speak for themselves.
    pub inferred: bool,
    /// Why it cannot be streamed.
    pub error: Option<String>,
    /// What would be streamed.
    pub groups: Vec<GroupReport>,
    /// The first place where the key frames of two qualities differ.
    pub first_difference: Option<DifferenceReport>,
    /// How much later the sound begins than the picture.
    pub audio_offset_ms: Option<i64>,
}

/// Interchangeable qualities.
#[derive(Clone, Debug, Serialize)]
pub struct GroupReport {
    /// Name in URLs.
    pub name: String,
    /// `video` or `audio`.
    pub kind: &'static str,
    /// Language.
    pub language: String,
    /// How many segments.
    pub segments: usize,
    /// The shortest but for the last.
    pub shortest_segment_ms: i64,
    /// The longest.
    pub longest_segment_ms: i64,
    /// Length of the longest quality.
    pub duration_ms: i64,
    /// The qualities, highest bit rate first.
    pub qualities: Vec<QualityReport>,
}

/// One quality.
#[derive(Clone, Debug, Serialize)]
pub struct QualityReport {
    /// `QualityLevels(n)` in URLs.
    pub bitrate: u64,
    /// Measured mean.
    pub mean_bitrate: u64,
    /// The codec.
    pub codec: String,
    /// Which file it comes from.
    pub file: String,
    /// `track_ID` in it.
    pub track: u32,
}

/// A key frame that one quality has and another lacks.
#[derive(Clone, Debug, Serialize)]
pub struct DifferenceReport {
    /// When.
    pub at_ms: i64,
    /// The file that has a key frame there.
    pub with: String,
    /// The file that has none.
    pub without: String,
}

pub(super) struct Inspected {
    pub(super) report: PresentationReport,
    pub(super) findings: Vec<Finding>,
}

/// Less is not worth a word: a few frames of sound.
const AUDIO_LATE: i64 = 100;
const LENGTHS_DIFFER: i64 = 500;
/// GOPs longer than this make seeking and switching slow.
const LONG_GOP: i64 = 10_000;

pub(super) async fn inspect(
    asset: &PublishedAsset,
    name: &str,
    listed: &[ObjectInfo],
    indexed: &[Indexed],
    options: &Options,
) -> Inspected {
    let stored = listed.iter().find(|o| o.path == name);
    let report = PresentationReport {
        name: name.to_owned(),
        inferred: stored.is_none(),
        error: None,
        groups: Vec::new(),
        first_difference: None,
        audio_offset_ms: None,
    };
    let mut inspected = Inspected { report, findings: Vec::new() };
    let manifest = match stored {
        Some(object) => match read_manifest(asset, object, listed).await {
            Ok(manifest) => manifest,
            Err(error) => {
                inspected.fail(Code::ManifestDamaged, error, Vec::new());
                return inspected;
            }
        },
        None => infer::server_manifest(&indexed.iter().map(|(f, i)| (f.name.as_str(), &**i)).collect::<Vec<_>>()),
    };
    for (element, src) in &manifest.skipped {
        let consequence = format!("<{element} src=\"{src}\"> of the server manifest is passed over.");
        inspected.findings.push(Finding::new(Code::Skipped, name, consequence));
    }
    let named: Vec<Indexed> =
        indexed.iter().filter(|(f, _)| manifest.entries.iter().any(|e| e.src == f.name)).cloned().collect();
    let tracks = tracks(&named);
    let videos: Vec<(&str, &SourceTrack)> =
        tracks.iter().copied().filter(|(_, t)| t.kind == Some(TrackKind::Video)).collect();
    inspected.compare_grids(&videos, options);
    inspected.compare_times(&tracks);
    match source::assemble(Revision([0; 16]), name, &manifest, &named, &options.segments) {
        Ok(presentation) => {
            inspected.report.groups = presentation.groups.iter().map(|g| group(&presentation, g)).collect();
            inspected.look_for_missing_kinds(&presentation);
        }
        Err(error) => inspected.explain(error, &videos, indexed.len() == named.len()),
    }
    inspected
}

/// The tracks that can be served, with their file.
fn tracks<'a>(indexed: &'a [Indexed]) -> Vec<(&'a str, &'a SourceTrack)> {
    let usable = |t: &SourceTrack| t.kind.is_some() && t.codec.is_ok() && t.served_samples > 0;
    let of_file = |(file, index): &'a Indexed| index.tracks.iter().map(|t| (file.name.as_str(), t));
    indexed.iter().flat_map(of_file).filter(|(_, t)| usable(t)).collect()
}

impl Inspected {
    fn fail(&mut self, code: Code, error: String, mend: Vec<String>) {
        let finding = Finding::new(code, &self.report.name, error.clone());
        self.findings.push(Finding { mend, ..finding });
        self.report.error = Some(error);
    }

    fn explain(&mut self, error: source::Error, videos: &[(&str, &SourceTrack)], all_read: bool) {
        let code = match &error {
            source::Error::KeyFrameIntervalTooLarge { .. } => Code::NoCommonGrid,
            // A file that is there but damaged has its own finding.
            source::Error::MissingFile { .. } if all_read => Code::FileMissing,
            _ => Code::NotStreamable,
        };
        let mend = if code == Code::NoCommonGrid { encode_all(videos) } else { Vec::new() };
        if code == Code::NoCommonGrid {
            // The same fault, said once, with the worse of its consequences; the place stays in the report.
            self.findings.retain(|f| f.code != Code::GopMisaligned);
        }
        let text = match &error {
            source::Error::NothingToServe { reasons } if reasons.is_empty() => {
                "None of the files has a track that can be served; the findings about each file say why.".to_owned()
            }
            other => other.to_string(),
        };
        self.fail(code, text, mend);
    }

    fn compare_grids(&mut self, videos: &[(&str, &SourceTrack)], options: &Options) {
        let sources: Vec<&SourceTrack> = videos.iter().map(|(_, t)| *t).collect();
        if let Some(difference) = source::first_difference(&sources) {
            let at_ms = difference.at.round(Timescale::MILLISECONDS);
            let (with, without) = (videos[difference.with].0, videos[difference.without].0);
            let at = MediaTime::new(at_ms, Timescale::MILLISECONDS).seconds(3);
            let consequence = format!(
                "At {at} s {with} has a key frame and {without} has none: segments are cut only where all qualities have key frames, so they are longer than they could be."
            );
            let finding = Finding::new(Code::GopMisaligned, &self.report.name, consequence);
            self.findings.push(Finding { mend: encode_all(videos), ..finding });
            self.report.first_difference =
                Some(DifferenceReport { at_ms, with: with.to_owned(), without: without.to_owned() });
        }
        let limit = options.segments.max_segment.floor(Timescale::MILLISECONDS).min(LONG_GOP);
        for (file, track) in videos {
            let candidates = source::key_frame_times(track);
            let gaps = candidates.windows(2).map(|w| w[1].time - w[0].time);
            let longest = gaps.max().unwrap_or(0);
            let longest = MediaTime::new(longest, track.timescale).floor(Timescale::MILLISECONDS);
            if longest > limit {
                let consequence = format!(
                    "Key frames are up to {} s apart: seeking and switching between qualities are slow, and beyond origin.max_segment_milliseconds the film is refused.",
                    MediaTime::new(longest, Timescale::MILLISECONDS).seconds(1)
                );
                let mend = mend::regular_key_frames(file, mean_bitrate(track));
                self.findings.push(Finding::new(Code::LongGop, *file, consequence).mend(mend));
            }
        }
    }

    fn compare_times(&mut self, tracks: &[(&str, &SourceTrack)]) {
        let ms = |ticks: i64, t: &SourceTrack| MediaTime::new(ticks, t.timescale).round(Timescale::MILLISECONDS);
        let of = |kind| tracks.iter().copied().filter(move |(_, t)| t.kind == Some(kind));
        let video_start = of(TrackKind::Video).map(|(_, t)| ms(span(t).0, t)).min();
        if let Some(video) = video_start {
            self.report.audio_offset_ms = of(TrackKind::Audio).map(|(_, t)| ms(span(t).0, t) - video).next();
            for (file, track) in of(TrackKind::Audio) {
                let late = ms(span(track).0, track) - video;
                if late > AUDIO_LATE {
                    let consequence = format!(
                        "The sound begins {late} ms after the picture: it is served in step, but some players wait for it or begin with a gap."
                    );
                    let finding =
                        Finding::new(Code::AudioStartsLate, format!("{file}, track {}", track.id), consequence);
                    self.findings.push(finding.mend(mend::pad_audio(file)));
                }
            }
        }
        let ends: Vec<(i64, &str)> = tracks.iter().map(|(file, t)| (ms(span(t).1, t), *file)).collect();
        if let (Some((first, _)), Some((last, longest))) = (ends.iter().min(), ends.iter().max())
            && last - first > LENGTHS_DIFFER
        {
            let shortest = ends.iter().min().map_or("", |(_, file)| file);
            let consequence = format!(
                "{shortest} has a track that ends at {} s, {longest} one that ends at {} s: players stop or stall where the first of the tracks they play ends.",
                MediaTime::new(*first, Timescale::MILLISECONDS).seconds(3),
                MediaTime::new(*last, Timescale::MILLISECONDS).seconds(3),
            );
            let cut = mend::cut(longest, u64::try_from(*first).unwrap_or(0));
            self.findings.push(Finding::new(Code::LengthsDiffer, &self.report.name, consequence).mend(cut));
        }
    }

    fn look_for_missing_kinds(&mut self, presentation: &Presentation) {
        for (kind, code, consequence) in [
            (TrackKind::Audio, Code::NoAudio, "The film has no sound."),
            (TrackKind::Video, Code::NoVideo, "The film has no picture; it is served as sound alone."),
        ] {
            if presentation.groups_of(kind).next().is_none() {
                self.findings.push(Finding::new(code, &self.report.name, consequence));
            }
        }
    }
}

/// One command for each file with a picture, each file once.
fn encode_all(videos: &[(&str, &SourceTrack)]) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    for (file, track) in videos {
        let command = mend::regular_key_frames(file, mean_bitrate(track));
        if !commands.contains(&command) {
            commands.push(command);
        }
    }
    commands
}

fn group(presentation: &Presentation, group: &TrackGroup) -> GroupReport {
    let ms = |time: MediaTime| time.round(Timescale::MILLISECONDS);
    let count = group.segment_count();
    // The last one is what is left over.
    let lengths =
        (0..count.saturating_sub(1).max(1)).map(|i| ms(group.boundary_time(i + 1)) - ms(group.boundary_time(i)));
    GroupReport {
        name: group.name.clone(),
        kind: group.kind.as_str(),
        language: group.language.0.clone(),
        segments: count,
        shortest_segment_ms: lengths.min().unwrap_or(0),
        longest_segment_ms: ms(group.longest_segment()),
        duration_ms: ms(group.duration()),
        qualities: group
            .tracks
            .iter()
            .map(|t| QualityReport {
                bitrate: t.bitrate,
                mean_bitrate: t.average_bitrate,
                codec: t.codec.rfc6381(),
                file: presentation.file(t.file).name.clone(),
                track: t.source_id,
            })
            .collect(),
    }
}

/// More than any server manifest has.
const MAX_MANIFEST_BYTES: u64 = 4 << 20;

async fn read_manifest(
    asset: &PublishedAsset,
    object: &ObjectInfo,
    listed: &[ObjectInfo],
) -> Result<ServerManifest, String> {
    let read = |object: ObjectInfo| async move {
        if object.size > MAX_MANIFEST_BYTES {
            return Err(format!(
                "{} has {} bytes; a server manifest has at most {MAX_MANIFEST_BYTES}",
                object.path, object.size
            ));
        }
        asset.store.read(&object, 0..object.size).await.map_err(|e| e.to_string())
    };
    let bytes = read(object.clone()).await?;
    let mut manifest = ism::parse(&bytes).map_err(|e| format!("{}: {e}", object.path))?;
    let client = manifest.client_manifest.as_ref().and_then(|c| listed.iter().find(|o| &o.path == c));
    if let Some(client) = client
        && let Ok(bytes) = read(client.clone()).await
        && let Ok(streams) = ism::parse_client_manifest(&bytes)
    {
        ism::name_from_client(&mut manifest, &streams);
    }
    Ok(manifest)
}
