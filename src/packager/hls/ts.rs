//! Transport-stream segments: planning what sound goes with a picture, time stamps, muxing.
//!
//! Time stamps are the presentation's own timeline from its zero on, at 90 kHz rounded down, plus [`OFFSET`]: all
//! segments of all tracks share it, so picture and sound are together as in the source.

use std::ops::Range;

use bytes::Bytes;

use crate::codec::SampleError;
use crate::media::{Presentation, Sample, Track, TrackGroup, TrackKind, TrackRef};
use crate::mpegts::{self, AUDIO_PID, Program, Stream, Unit, VIDEO_PID};
use crate::packager::plan::few_enough;
use crate::packager::protection::{Protection, TrackKey};
use crate::packager::{Error, MAX_SEGMENT_BYTES, MediaData, Part, Plan, Rendered, Validity};
use crate::time::{MediaTime, Timescale};

use super::sample_aes::SampleAes;

/// PTS of the presentation's zero: 10 s, as Apple's segmenter has it. What comes before zero (priming,
/// the decoding of reordered pictures, a clock that runs ahead) stays positive.
const OFFSET: i64 = 900_000;
/// The time stamp of the presentation's zero.
pub(super) const ZERO_STAMP: u64 = OFFSET.unsigned_abs();

/// Added to all time stamps so that none is negative; a multiple of 2³³, the range they are sent in.
const POSITIVE: i64 = 1 << 50;

/// The media type of transport streams, with or without pictures.
pub(super) const MEDIA_TYPE: &str = "video/mp2t";

/// Samples of `sound` that are muxed with segments `from..to` of a video track: by decode time on the URL
/// timeline, from the first at or after the beginning up to the first at or after the end. The first
/// segment takes the sound from its beginning, the last one takes all that is left.
pub(super) fn audio_range(group: &TrackGroup, track: &Track, sound: &Track, from: usize, to: usize) -> Range<u32> {
    let served =
        sound.segment_samples.first().copied().unwrap_or(0)..sound.segment_samples.last().copied().unwrap_or(0);
    let at = |index: usize| {
        let decode = group.boundary_time(index).ceil(sound.timescale).saturating_sub(sound.edit.delay);
        sound.samples.first_at_or_after(decode).clamp(served.start, served.end)
    };
    let start = if from == 0 { served.start } else { at(from) };
    let end = if to >= track.segment_count() { served.end } else { at(to) };
    start..end.max(start)
}

/// Adds the sound to a plan of a video track.
pub(super) fn add_audio(
    presentation: &Presentation,
    plan: &mut Plan,
    audio: TrackRef,
    count: usize,
) -> Result<(), Error> {
    let Some(pictures) = plan.parts.first() else { return Ok(()) };
    let (group, track) = (&presentation.groups[pictures.track.group], presentation.track(pictures.track));
    let sound = presentation.track(audio);
    let range = audio_range(group, track, sound, plan.index, plan.index + count);
    few_enough(range.clone())?;
    let samples = sound.sample_range(range.start, range.end);
    let bytes = pictures.samples.bytes().saturating_add(samples.bytes());
    if bytes > MAX_SEGMENT_BYTES {
        return Err(Error::SegmentTooLarge { bytes, limit: MAX_SEGMENT_BYTES });
    }
    plan.parts.push(Part { track: audio, file: sound.file, samples });
    Ok(())
}

/// The segment of a plan, one elementary stream a part.
pub(super) fn segment(
    presentation: &Presentation,
    plan: &Plan,
    media: &MediaData,
    protection: Option<&Protection>,
) -> Result<Rendered, Error> {
    // All that is muxed together is under one key: that of the first.
    let key = protection
        .filter(|protection| protection.scheme.encrypts_samples())
        .and_then(|protection| protection.key_at(presentation, plan.track()?, plan.index));
    let key = key.as_ref();
    let streams = plan.parts.iter().map(|part| stream(presentation, part, media, key));
    let streams = streams.collect::<Result<Vec<_>, _>>()?;
    let program = Program::new(streams).map_err(cannot_mux)?;
    let elementary = plan
        .parts
        .iter()
        .map(|part| Elementary::read(presentation, part, media, key))
        .collect::<Result<Vec<_>, _>>()?;
    let units: Vec<Vec<Unit<'_>>> = elementary.iter().map(Elementary::units).collect();
    let units: Vec<&[Unit<'_>]> = units.iter().map(Vec::as_slice).collect();
    let mut body = Vec::new();
    mpegts::mux(&program, &units, &mut body).map_err(cannot_mux)?;
    Ok(Rendered {
        body: vec![Bytes::from(body)],
        content_type: MEDIA_TYPE,
        validity: Validity::Revision,
        duration: plan.duration(presentation),
    })
}

/// How a part is announced in the program map table.
fn stream(
    presentation: &Presentation,
    part: &Part,
    media: &MediaData,
    key: Option<&TrackKey>,
) -> Result<Stream, Error> {
    let group = &presentation.groups[part.track.group];
    let codec = presentation.track(part.track).codec.transport_stream().ok_or(Error::NoSuchResource)?;
    let (pid, language) = match group.kind {
        TrackKind::Video => (VIDEO_PID, None),
        TrackKind::Audio => (AUDIO_PID, language(group)),
        TrackKind::Text => return Err(Error::NoSuchResource),
    };
    let stream_id = codec.stream_id();
    let (stream_type, descriptors) = match key {
        Some(_) => {
            let first = part.samples.samples.first();
            let first = first.map(|sample| media.get(part.file, sample.offset, sample.size)).transpose()?;
            let encrypted = codec.encrypted(first.as_ref()).ok_or(Error::NoSuchResource)?;
            (encrypted.stream_type, encrypted.descriptors)
        }
        None => (codec.stream_type(), codec.descriptors()),
    };
    Ok(Stream { pid, stream_type, stream_id, language, descriptors })
}

/// Three letters for the `ISO_639_language_descriptor` (ISO/IEC 13818-1 2.6.18).
fn language(group: &TrackGroup) -> Option<[u8; 3]> {
    let code: [u8; 3] = group.language.0.as_bytes().try_into().ok()?;
    let known = !group.language.is_undetermined() && code.iter().all(u8::is_ascii_alphabetic);
    known.then(|| code.map(|letter| letter.to_ascii_lowercase()))
}

fn cannot_mux(error: mpegts::Error) -> Error {
    match error {
        mpegts::Error::UnitTooLong { size } => Error::Sample { sample: 0, source: SampleError::FrameTooLong { size } },
        _ => Error::NoSuchResource,
    }
}

/// The access units of one part.
struct Elementary {
    pieces: Vec<Bytes>,
    /// Time stamps, random access, and where its pieces end.
    units: Vec<(u64, u64, bool, usize)>,
}

impl Elementary {
    fn read(
        presentation: &Presentation,
        part: &Part,
        media: &MediaData,
        key: Option<&TrackKey>,
    ) -> Result<Elementary, Error> {
        let track = presentation.track(part.track);
        let codec = track.codec.transport_stream().ok_or(Error::NoSuchResource)?;
        let samples = &part.samples.samples;
        let stamps = Stamps::of(track);
        let sample_aes =
            key.zip(codec.encrypted(None)).and_then(|(key, encrypted)| SampleAes::new(key, encrypted.blocks));
        let mut pieces = Vec::with_capacity(samples.len() * 3);
        let mut units = Vec::with_capacity(samples.len());
        for (index, sample) in samples.iter().enumerate() {
            let begin = pieces.len();
            let stored = media.get(part.file, sample.offset, sample.size)?;
            codec
                .access_unit(&stored, sample.sync, &mut pieces)
                .map_err(|source| Error::Sample { sample: index, source })?;
            if let Some(sample_aes) = &sample_aes {
                sample_aes.apply(&mut pieces, begin);
            }
            let (pts, dts) = stamps.sample(sample);
            units.push((pts, dts, sample.sync, pieces.len()));
        }
        Ok(Elementary { pieces, units })
    }

    fn units(&self) -> Vec<Unit<'_>> {
        let mut begin = 0;
        let unit = |&(pts, dts, random_access, end): &(u64, u64, bool, usize)| {
            let pieces = self.pieces.get(begin..end).unwrap_or_default();
            begin = end;
            Unit { pts, dts, random_access, pieces }
        };
        self.units.iter().map(unit).collect()
    }
}

/// Time stamps of a track's samples.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamps {
    timescale: Timescale,
    lead: i64,
    zero: i64,
}

impl Stamps {
    /// Those of `track`.
    pub fn of(track: &Track) -> Stamps {
        Stamps { timescale: track.timescale, lead: track.decode_lead(), zero: track.zero }
    }

    /// DTS of a sample with that decode time on the URL timeline.
    pub fn decode(&self, decode: i64) -> u64 {
        self.at(decode.saturating_sub(self.lead))
    }

    /// PTS and DTS; the first is never before the second.
    fn sample(&self, sample: &Sample) -> (u64, u64) {
        let dts = self.decode(sample.decode);
        (self.at(sample.presentation).max(dts), dts)
    }

    fn at(&self, ticks: i64) -> u64 {
        let ticks = MediaTime::new(ticks.saturating_sub(self.zero), self.timescale).floor(Timescale::NINETY_KHZ);
        (ticks.clamp(-POSITIVE / 2, POSITIVE) + OFFSET + POSITIVE).unsigned_abs()
    }
}
