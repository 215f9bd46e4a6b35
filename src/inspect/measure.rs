//! What is measured in each file.

use serde::Serialize;

use crate::cipher::KeyId;
use crate::media::{SourceFile, StoredEncryption, TrackKind};
use crate::protection::System;
use crate::source::{Container, FileIndex, SourceTrack};
use crate::time::{MediaTime, Timescale};

/// A media file.
#[derive(Clone, Debug, Serialize)]
pub struct FileReport {
    /// Path inside the folder.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// How it holds its samples.
    pub container: ContainerReport,
    /// Its tracks, in file order.
    pub tracks: Vec<TrackReport>,
}

/// How a file holds its samples.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ContainerReport {
    /// In one movie.
    Progressive {
        /// `moov` comes before the media.
        moov_first: bool,
    },
    /// Captions and nothing else.
    Captions,
    /// In movie fragments.
    Fragmented {
        /// How many.
        fragments: u32,
        /// There is a `sidx`.
        sidx: bool,
        /// There is an `mfra`.
        mfra: bool,
    },
}

/// A track of a file.
#[derive(Clone, Debug, Serialize)]
pub struct TrackReport {
    /// `track_ID`.
    pub id: u32,
    /// `video`, `audio`, or the handler type of what no format carries.
    pub kind: String,
    /// The `codecs` parameter of RFC 6381, if the codec is supported.
    pub codec: Option<String>,
    /// Type of the sample entry.
    pub sample_entry: Option<String>,
    /// Why it cannot be served.
    pub unsupported: Option<String>,
    /// How its samples are encrypted in the file.
    pub encryption: Option<EncryptionReport>,
    /// Language as stored.
    pub language: String,
    /// Pixels.
    pub width: Option<u32>,
    /// Pixels.
    pub height: Option<u32>,
    /// `SDR`, `HLG` or `PQ`; of pictures.
    pub dynamic_range: Option<&'static str>,
    /// Brightest pixel, picture on average and mastering display, cd/m², of HDR10's metadata.
    pub light_levels: Option<LightReport>,
    /// Dolby Vision's profile with what its base layer is compatible with, e.g. `8.1`.
    pub dolby_vision: Option<String>,
    /// Pictures per second on average, three decimals.
    pub frame_rate: Option<String>,
    /// Samples per second.
    pub sampling_rate: Option<u32>,
    /// Output channels.
    pub channels: Option<u16>,
    /// Ticks per second.
    pub timescale: u32,
    /// When its first sample is presented.
    pub start_ms: i64,
    /// From there to the end of its last sample.
    pub duration_ms: i64,
    /// Mean over the track.
    pub mean_bitrate: u64,
    /// The most in one second.
    pub peak_bitrate: u64,
    /// How many samples.
    pub samples: u32,
    /// The edit list.
    pub edits: Vec<EditReport>,
    /// Its key frames; none where every sample is one.
    pub key_frames: Option<KeyFrameReport>,
}

/// Static metadata of HDR10, cd/m².
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct LightReport {
    /// Brightest pixel.
    pub max_content: Option<u16>,
    /// Brightest picture on average.
    pub max_average: Option<u16>,
    /// The most that the mastering display could show.
    pub mastering_peak: Option<u32>,
}

/// What encrypts a track in its file.
#[derive(Clone, Debug, Serialize)]
pub struct EncryptionReport {
    /// `cenc` or `cbcs`.
    pub scheme: String,
    /// Identifiers of its keys.
    pub keys: Vec<String>,
    /// Protection systems that the file has something for: their names, or identifiers.
    pub systems: Vec<String>,
    /// Some of its samples are clear.
    pub partly: bool,
}

impl EncryptionReport {
    fn of(stored: &StoredEncryption) -> EncryptionReport {
        let parameters = || std::iter::once(&stored.default).chain(&stored.groups);
        let mut keys: Vec<String> = parameters().flatten().map(|own| KeyId(own.key_id).to_string()).collect();
        keys.dedup();
        let name = |id: [u8; 16]| {
            let known = [System::PlayReady, System::Widevine, System::FairPlay, System::ClearKey];
            let known = known.into_iter().find(|system| system.id().0 == id);
            known.map_or_else(|| KeyId(id).to_string(), |system| format!("{system:?}"))
        };
        let systems = stored.headers.iter().map(|header| name(header.system)).collect();
        EncryptionReport {
            scheme: stored.scheme.to_string(),
            keys,
            systems,
            partly: stored.groups.iter().any(Option::is_none),
        }
    }
}

/// An entry of an edit list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct EditReport {
    /// How long it lasts; 0: to the end.
    pub duration_ms: i64,
    /// Where in the media it begins; none for a pause.
    pub media_time_ms: Option<i64>,
}

/// Where a track can be cut.
#[derive(Clone, Debug, Serialize)]
pub struct KeyFrameReport {
    /// How many.
    pub count: usize,
    /// The shortest distance between two.
    pub min_ms: i64,
    /// The mean distance.
    pub mean_ms: i64,
    /// The longest distance, to the end of the track included.
    pub max_ms: i64,
    /// When the first ones are presented.
    pub first_ms: Vec<i64>,
}

/// How many key frames a report lists.
const LISTED_KEY_FRAMES: usize = 8;

pub(super) fn file(file: &SourceFile, index: &FileIndex) -> FileReport {
    FileReport {
        name: file.name.clone(),
        size: file.size,
        container: match index.container {
            Container::Progressive { moov_first } => ContainerReport::Progressive { moov_first },
            Container::Captions => ContainerReport::Captions,
            Container::Fragmented { fragments, segment_index, random_access } => {
                ContainerReport::Fragmented { fragments, sidx: segment_index, mfra: random_access }
            }
        },
        tracks: index.tracks.iter().map(|t| track(t, index.movie_timescale)).collect(),
    }
}

fn track(track: &SourceTrack, movie: Timescale) -> TrackReport {
    let codec = track.codec.as_ref().ok();
    let video = codec.and_then(|c| c.video());
    let audio = codec.and_then(|c| c.audio());
    let ms = |ticks| MediaTime::new(ticks, track.timescale).round(Timescale::MILLISECONDS);
    let movie_ms =
        |ticks: u64| MediaTime::new(i64::try_from(ticks).unwrap_or(i64::MAX), movie).round(Timescale::MILLISECONDS);
    let (start, end) = span(track);
    TrackReport {
        id: track.id,
        kind: track.kind.map_or_else(|| track.handler.to_string(), |k| k.as_str().to_owned()),
        codec: codec.map(|c| c.rfc6381()),
        sample_entry: track.sample_entry.map(|e| e.to_string()),
        unsupported: track.codec.as_ref().err().map(ToString::to_string),
        encryption: track.encryption.as_deref().map(EncryptionReport::of),
        language: track.language.clone(),
        width: video.map(|v| v.width),
        height: video.map(|v| v.height),
        dynamic_range: video.and(codec).map(|c| c.dynamic_range().as_str()),
        light_levels: codec.and_then(|c| c.light_levels()).map(|levels| LightReport {
            max_content: levels.max_content,
            max_average: levels.max_average,
            mastering_peak: levels.mastering_peak,
        }),
        dolby_vision: codec.and_then(|c| c.dolby_vision()).map(|v| format!("{}.{}", v.profile, v.compatibility)),
        frame_rate: (track.kind == Some(TrackKind::Video)).then(|| frame_rate(track)).flatten(),
        sampling_rate: audio.map(|a| a.sampling_rate),
        channels: audio.map(|a| a.channels),
        timescale: track.timescale.get(),
        start_ms: ms(start),
        duration_ms: ms(end - start),
        mean_bitrate: mean_bitrate(track),
        peak_bitrate: peak_bitrate(track),
        samples: track.samples.len(),
        edits: track
            .edits
            .iter()
            .map(|e| EditReport { duration_ms: movie_ms(e.segment_duration), media_time_ms: e.media_time.map(ms) })
            .collect(),
        key_frames: key_frames(track),
    }
}

/// When the first served sample is presented and the last one ends, track ticks; not before zero.
pub(super) fn span(track: &SourceTrack) -> (i64, i64) {
    let shift = track.edit.delay - track.edit.media_time;
    // Reordering is bounded, so the ends lie among the first and last few samples.
    let ends = |from: u32, count: u32| {
        let samples = track.samples.iter_from(from).take(count as usize);
        samples.map(move |(decode, s)| {
            let begin = decode + i64::from(s.composition_offset) + shift;
            (begin, begin + i64::from(s.duration))
        })
    };
    let served = track.served_samples;
    let start = ends(0, served.min(64)).map(|(begin, _)| begin).min().unwrap_or(0).max(0);
    let last = served.saturating_sub(64);
    let end = ends(last, served - last).map(|(_, end)| end).max().unwrap_or(start);
    (start, end.max(start))
}

fn frame_rate(track: &SourceTrack) -> Option<String> {
    let ticks = u128::try_from(track.samples.end() - track.samples.start()).ok()?;
    let thousandths =
        (u128::from(track.samples.len()) * u128::from(track.timescale.get()) * 1000 + ticks / 2).checked_div(ticks)?;
    Some(format!("{}.{:03}", thousandths / 1000, thousandths % 1000))
}

/// Mean over the whole track, bits per second.
pub(super) fn mean_bitrate(track: &SourceTrack) -> u64 {
    let ticks = u128::try_from(track.samples.end() - track.samples.start()).unwrap_or(0).max(1);
    (u128::from(track.samples.bytes()) * 8 * u128::from(track.timescale.get()) / ticks) as u64
}

/// The most bits in one second, by whole seconds of decode time.
fn peak_bitrate(track: &SourceTrack) -> u64 {
    let scale = i64::from(track.timescale.get());
    let (mut second, mut bytes, mut peak) = (i64::MIN, 0u64, 0u64);
    for (decode, sample) in track.samples.iter_from(0) {
        let now = decode.div_euclid(scale);
        if now != second {
            (second, bytes) = (now, 0);
        }
        bytes += u64::from(sample.size);
        peak = peak.max(bytes);
    }
    peak * 8
}

fn key_frames(track: &SourceTrack) -> Option<KeyFrameReport> {
    if track.kind != Some(TrackKind::Video) {
        return None;
    }
    let shift = track.edit.delay - track.edit.media_time;
    let ms = |ticks| MediaTime::new(ticks, track.timescale).round(Timescale::MILLISECONDS);
    let times: Vec<i64> = track
        .samples
        .key_frames()?
        .iter()
        .filter(|k| k.sample < track.served_samples)
        .map(|k| k.decode + i64::from(k.composition_offset) + shift)
        .collect();
    let (first, last, (_, end)) = (*times.first()?, *times.last()?, span(track));
    let distances = || times.windows(2).map(|w| w[1] - w[0]);
    let to_end = end - last;
    Some(KeyFrameReport {
        count: times.len(),
        min_ms: ms(distances().min().unwrap_or(to_end)),
        mean_ms: ms((last - first).checked_div(times.len() as i64 - 1).unwrap_or(to_end)),
        max_ms: ms(distances().max().unwrap_or(0).max(to_end)),
        first_ms: times.iter().take(LISTED_KEY_FRAMES).map(|t| ms(*t)).collect(),
    })
}
