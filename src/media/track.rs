//! One track: a codec, an index of samples, and where its segments begin in it.

use std::sync::Arc;

use bytes::Bytes;

use super::{FileId, Sample, SampleIndex, SampleTable, StoredEncryption};
use crate::codec::Codec;
use crate::text::TimedText;
use crate::time::{MediaTime, Timescale, rescale_ceil};

/// What an edit list asks of a track (ISO/IEC 14496-12 8.6.6), reduced to what a stream can carry: one
/// leading pause, one place in the media where presentation begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Edit {
    /// Pause before the media, track ticks (leading empty edits).
    pub delay: i64,
    /// Media time at which presentation begins, track ticks; what lies before is decoded, not presented.
    pub media_time: i64,
}

/// One stored track of a presentation.
#[derive(Clone, Debug)]
pub struct Track {
    /// `QualityLevels(n)`: the server manifest's bitrate or the measured one, bits per second. Unique in its group.
    pub bitrate: u64,
    /// Measured mean, bits per second of media.
    pub average_bitrate: u64,
    /// Which stored file its samples are in.
    pub file: FileId,
    /// `tkhd.track_ID` in that file.
    pub source_id: u32,
    /// Its codec.
    pub codec: Arc<dyn Codec>,
    /// `mdhd.timescale`: unit of its sample times.
    pub timescale: Timescale,
    /// Its edit list.
    pub edit: Edit,
    /// [`Presentation::zero`](super::Presentation::zero) in this track's ticks, rounded down.
    pub zero: i64,
    /// Media time inside of the last sample that is served at which presentation ends, track ticks: the padding of
    /// an encoder is left over. `None`: with that sample.
    pub ends_within: Option<i64>,
    /// All samples.
    pub samples: Arc<SampleIndex>,
    /// First sample of each segment of the group, and the number of samples to serve at the end.
    pub segment_samples: Vec<u32>,
    /// Media bytes of each segment.
    pub segment_bytes: Vec<u64>,
    /// Frames per second as a fraction, of the commonest sample duration; video only.
    pub frame_rate: Option<(u32, u32)>,
    /// `hdlr.name` of the source.
    pub handler_name: String,
    /// `mdhd.creation_time` (seconds since 1904).
    pub creation_time: u64,
    /// The movie's `udta` box, verbatim.
    pub user_data: Option<Bytes>,
    /// How its samples are encrypted in the file; `None` where they are clear.
    pub encryption: Option<Arc<StoredEncryption>>,
    /// Captions and subtitles: the track's whole text, from which segments are written; `samples` then has one
    /// sample a segment, which is stored nowhere and as large as its segment about.
    pub text: Option<Arc<TimedText>>,
}

impl Track {
    /// Number of segments.
    pub fn segment_count(&self) -> usize {
        self.segment_bytes.len()
    }

    /// Samples of segments `from..to` (to exclusive) with their times on the presentation's timeline.
    /// Costs what those segments hold. Empty for ranges outside the track.
    pub fn samples(&self, from: usize, to: usize) -> SampleTable {
        let first = self.segment_samples.get(from).copied().unwrap_or(u32::MAX);
        let last = self.segment_samples.get(to).or(self.segment_samples.last()).copied().unwrap_or(0);
        self.sample_range(first, last)
    }

    /// Samples `first..last` by index, with their times on the presentation's timeline.
    pub fn sample_range(&self, first: u32, last: u32) -> SampleTable {
        let last = last.min(self.samples.len());
        let mut table = SampleTable { timescale: self.timescale, samples: Vec::new(), end: 0 };
        if first >= last {
            return table;
        }
        table.samples.reserve_exact((last - first) as usize);
        for (index, (decode, raw)) in (first..last).zip(self.samples.iter_from(first)) {
            table.samples.push(Sample {
                index,
                offset: raw.offset,
                size: raw.size,
                sync: raw.sync,
                decode: decode + self.edit.delay,
                presentation: self.presentation_time(decode, raw.composition_offset),
            });
            table.end = decode + self.edit.delay + i64::from(raw.duration);
        }
        if last == self.samples.len() {
            table.end = self.samples.end() + self.edit.delay;
        }
        if self.segment_samples.last() == Some(&last) {
            table.end = self.ends_within.map_or(table.end, |end| end + self.edit.delay);
        }
        table
    }

    /// Presentation time of a sample, track ticks.
    pub fn presentation_time(&self, media_decode: i64, composition_offset: i32) -> i64 {
        media_decode + i64::from(composition_offset) + self.edit.delay - self.edit.media_time
    }

    /// How much earlier than `decode` a decoder needs each sample so that none is presented before it is
    /// decoded (ISO/IEC 13818-1 2.7.5 wants DTS ≤ PTS): track ticks, for [`Sample::decode`].
    pub fn decode_lead(&self) -> i64 {
        self.edit.media_time - i64::from(self.samples.min_composition_offset())
    }

    /// Length of the track on the presentation's timeline, from the presentation's zero to the end of its last
    /// sample.
    pub fn duration(&self) -> MediaTime {
        let natural_end = match self.segment_samples.last() {
            Some(&last) if last < self.samples.len() => {
                self.samples.iter_from(last).next().map_or(self.samples.end(), |(decode, _)| decode)
            }
            _ => self.samples.end(),
        };
        let end = self.ends_within.unwrap_or(natural_end);
        let lead = self.first_composition_offset();
        MediaTime::new((end + self.edit.delay - self.edit.media_time + lead - self.zero).max(0), self.timescale)
    }

    /// How many samples before one decoding has to begin for it to come out right, as a negative number
    /// (ISO/IEC 14496-12 10.1.1.1); `None` where the codec does not need to tell.
    pub fn roll_distance(&self) -> Option<i16> {
        let rate = Timescale::new(self.codec.audio()?.sampling_rate)?;
        let pre_roll = rescale_ceil(i64::from(self.codec.pre_roll()), rate, self.timescale);
        let frame = i64::from(self.samples.first()?.duration.max(1));
        let frames = u64::try_from(pre_roll).ok()?.div_ceil(frame.unsigned_abs());
        i16::try_from(frames).ok().filter(|frames| *frames > 0).map(|frames| -frames)
    }

    /// Some samples can be decoded alone, and not just the first of each segment.
    pub fn has_inner_key_frames(&self) -> bool {
        let (first, last) = (self.segment_samples.first(), self.segment_samples.last());
        let (Some(&first), Some(&last)) = (first, last) else { return false };
        self.samples.key_frames().is_some_and(|frames| {
            let before = |sample: u32| frames.partition_point(|frame| frame.sample < sample);
            before(last) - before(first) != self.segment_count()
        })
    }

    /// Composition offset of the first sample, ticks: how far presentation runs behind decoding.
    pub fn first_composition_offset(&self) -> i64 {
        self.samples.first().map_or(0, |s| i64::from(s.composition_offset))
    }
}
