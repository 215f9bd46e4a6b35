//! Which stored samples a segment is made of.

use crate::media::{ByteRange, FileId, Presentation, Sample, SampleTable, Track, TrackKind, TrackRef};
use crate::time::{MediaTime, Timescale};

use super::{Error, MAX_SEGMENT_BYTES, MAX_SEGMENT_SAMPLES};

/// Refuses more samples of one track than a segment may have.
pub(super) fn few_enough(samples: std::ops::Range<u32>) -> Result<(), Error> {
    let count = samples.end.saturating_sub(samples.start);
    if count > MAX_SEGMENT_SAMPLES {
        return Err(Error::TooManySamples { count, limit: MAX_SEGMENT_SAMPLES });
    }
    Ok(())
}

/// What of a segment is asked for (MS-SSTR 2.2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Noun {
    /// `Fragments`: the segment.
    Fragments,
    /// `FragmentInfo`: its metadata alone.
    FragmentInfo,
    /// `RawFragments`: its samples alone.
    RawFragments,
    /// `KeyFrames`: its independently decodable samples alone.
    KeyFrames,
}

/// A segment as a URL asks for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SegmentRequest<'a> {
    /// Which track.
    pub track: TrackRef,
    /// What of the segment.
    pub noun: Noun,
    /// Its start, ticks of the URL's timescale.
    pub time: u64,
    /// `audiotrack=`: the audio group to mux in (HLS v3).
    pub audio_track: Option<&'a str>,
}

/// Samples of one track that go into a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which track.
    pub track: TrackRef,
    /// Its stored file.
    pub file: FileId,
    /// The samples.
    pub samples: SampleTable,
}

/// Which samples are wanted, and the segment's place in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What of the segment is asked for.
    pub noun: Noun,
    /// Index of its first segment in the group.
    pub index: usize,
    /// Its start and end, exact.
    pub start: MediaTime,
    /// See `start`.
    pub end: MediaTime,
    /// The samples, one part a track.
    pub parts: Vec<Part>,
    /// Sample bytes are wanted, not only the table.
    pub needs_media: bool,
}

impl Plan {
    /// Its track; of several the first, which the others are muxed with.
    pub fn track(&self) -> Option<TrackRef> {
        self.parts.first().map(|part| part.track)
    }

    /// `count` segments of one track that begin with the one at `request.time`.
    ///
    /// # Errors
    /// [`Error::NoSuchTime`] when no segment begins then.
    pub fn segments(
        presentation: &Presentation,
        request: &SegmentRequest<'_>,
        scale: Timescale,
        count: usize,
    ) -> Result<Plan, Error> {
        let group = &presentation.groups[request.track.group];
        let no_such_time = || Error::NoSuchTime { group: group.name.clone(), time: request.time };
        let index = group.segment_at(request.time, scale).ok_or_else(no_such_time)?;
        let track = presentation.track(request.track);
        let last = (index + count).min(group.segment_count());
        let at = |index: usize| track.segment_samples.get(index).or(track.segment_samples.last()).copied().unwrap_or(0);
        few_enough(at(index)..at(last))?;
        let samples = track.samples(index, last);
        if samples.samples.is_empty() {
            return Err(no_such_time());
        }
        Plan::of_samples(request, track, index, group.boundary_time(index)..group.boundary_time(last), samples)
    }

    /// These samples of segment `index`, which last over `time`.
    ///
    /// # Errors
    /// [`Error::SegmentTooLarge`].
    pub(super) fn of_samples(
        request: &SegmentRequest<'_>,
        track: &Track,
        index: usize,
        time: std::ops::Range<MediaTime>,
        samples: SampleTable,
    ) -> Result<Plan, Error> {
        let bytes = samples.bytes();
        if bytes > MAX_SEGMENT_BYTES {
            return Err(Error::SegmentTooLarge { bytes, limit: MAX_SEGMENT_BYTES });
        }
        Ok(Plan {
            noun: request.noun,
            index,
            start: time.start,
            end: time.end,
            parts: vec![Part { track: request.track, file: track.file, samples }],
            // Captions are written from what the index has.
            needs_media: track.text.is_none(),
        })
    }

    /// Keeps the samples that can be decoded alone (`KeyFrames`). Their decode times stay, so it begins with
    /// the first of them.
    pub fn keep_sync_samples(&mut self, scale: Timescale) {
        for part in &mut self.parts {
            let at =
                |sample: Option<&Sample>| sample.map(|s| MediaTime::new(s.decode, part.samples.timescale).floor(scale));
            let before = at(part.samples.samples.first());
            part.samples.samples.retain(|s| s.sync);
            if let (Some(before), Some(now)) = (before, at(part.samples.samples.first()))
                && now > before
            {
                self.start = MediaTime::new(self.start.floor(scale) + now - before, scale);
            }
        }
    }

    /// What must be read, one range per run of neighbouring samples, in order of file and offset.
    pub fn reads(&self) -> Vec<(FileId, ByteRange)> {
        if !self.needs_media {
            return Vec::new();
        }
        let mut reads: Vec<(FileId, ByteRange)> =
            self.parts.iter().flat_map(|p| p.samples.ranges().into_iter().map(|r| (p.file, r))).collect();
        reads.sort_by_key(|(file, range)| (*file, range.start));
        let mut joined: Vec<(FileId, ByteRange)> = Vec::with_capacity(reads.len());
        for (file, range) in reads {
            match joined.last_mut() {
                Some((last_file, last)) if *last_file == file && range.start <= last.end => {
                    last.end = last.end.max(range.end);
                }
                _ => joined.push((file, range)),
            }
        }
        joined
    }

    /// Length for `x-ms-streaming-duration`.
    pub fn duration(&self, presentation: &Presentation) -> Option<(TrackKind, MediaTime)> {
        let part = self.parts.first()?;
        let kind = presentation.groups[part.track.group].kind;
        let scale = self.end.scale;
        Some((kind, MediaTime::new(self.end.ticks - self.start.ceil(scale), scale)))
    }
}
