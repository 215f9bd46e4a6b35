//! All samples of a track in a few bytes each.
//!
//! Samples are kept as variable-length differences in *blocks* that can be read alone, so the table of
//! one segment costs what that segment holds, wherever in the film it lies.

/// One sample as a source states it, in media ticks, before edits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawSample {
    /// Where its bytes begin in the stored file.
    pub offset: u64,
    /// How many bytes it has.
    pub size: u32,
    /// Decode duration, media ticks.
    pub duration: u32,
    /// Composition time minus decode time, media ticks.
    pub composition_offset: i32,
    /// It can be decoded without any other sample.
    pub sync: bool,
}

/// A sample at which decoding can start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyFrame {
    /// Index of the sample in its track.
    pub sample: u32,
    /// Media decode time, ticks, before edits.
    pub decode: i64,
    /// Composition time minus decode time, ticks.
    pub composition_offset: i32,
    /// Where its bytes begin in the stored file.
    pub offset: u64,
    /// How many bytes it has.
    pub size: u32,
}

impl KeyFrame {
    fn new(sample: u32, decode: i64, raw: RawSample) -> KeyFrame {
        let RawSample { offset, size, composition_offset, .. } = raw;
        KeyFrame { sample, decode, composition_offset, offset, size }
    }
}

/// Why samples cannot be indexed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SampleIndexError {
    /// More samples than a track may have.
    #[error("a track has more than {limit} samples")]
    TooManySamples {
        /// The most that are accepted.
        limit: u32,
    },
    /// Media times beyond what can be rescaled.
    #[error("sample {sample} begins {seconds} s into the track, later than any film can be")]
    TimeOutOfRange {
        /// Index of the sample.
        sample: u32,
        /// Its media time in seconds.
        seconds: u64,
    },
}

/// The most samples that one track may have: 24 hours at 500 per second and some more.
pub const MAX_SAMPLES: u32 = 50_000_000;

/// The most key frames of a track that has other frames too: each takes many times the memory of a
/// sample. 24 hours at 25 pictures per second, all of them key frames but one, have 2.2 million.
const MAX_KEY_FRAMES: usize = 4_000_000;

const BLOCK_SAMPLES: u32 = 64;

const SYNC: u8 = 1;
const DURATION: u8 = 2;
const COMPOSITION: u8 = 4;
const JUMP: u8 = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Block {
    first_sample: u32,
    position: u32,
    decode: i64,
}

/// The samples of a track; made by [`SampleIndexBuilder`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleIndex {
    blocks: Vec<Block>,
    encoded: Vec<u8>,
    key_frames: Option<Vec<KeyFrame>>,
    count: u32,
    end: i64,
    bytes: u64,
    min_composition_offset: i32,
    first: Option<RawSample>,
    start: i64,
}

impl SampleIndex {
    /// Number of samples.
    pub fn len(&self) -> u32 {
        self.count
    }

    /// True without samples.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Media decode time of the first sample, ticks.
    pub fn start(&self) -> i64 {
        self.start
    }

    /// Media decode time after the last sample, ticks; a last sample of no duration counts as one tick.
    pub fn end(&self) -> i64 {
        self.end
    }

    /// Sum of all sample sizes, bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The first sample.
    pub fn first(&self) -> Option<RawSample> {
        self.first
    }

    /// The least composition offset of all samples, or 0 when none is negative.
    pub fn min_composition_offset(&self) -> i32 {
        self.min_composition_offset
    }

    /// The samples at which decoding can start; `None` when it can start at every one.
    pub fn key_frames(&self) -> Option<&[KeyFrame]> {
        self.key_frames.as_deref()
    }

    /// Bytes of memory that the index occupies, for cache weights.
    pub fn memory(&self) -> usize {
        self.encoded.len()
            + self.blocks.len() * size_of::<Block>()
            + self.key_frames.as_ref().map_or(0, |k| k.len() * size_of::<KeyFrame>())
    }

    /// Samples from `first` on, each with its media decode time. Decoding starts at most one block before.
    pub fn iter_from(&self, first: u32) -> impl Iterator<Item = (i64, RawSample)> + '_ {
        let block = self.blocks.partition_point(|b| b.first_sample <= first).saturating_sub(1);
        let mut cursor = Cursor::new(self, block);
        let mut skip = self.blocks.get(block).map_or(0, |b| first.saturating_sub(b.first_sample));
        while skip > 0 && cursor.next().is_some() {
            skip -= 1;
        }
        cursor
    }

    /// Index of the first sample whose media decode time is at or after `decode`; [`SampleIndex::len`] if none is.
    pub fn first_at_or_after(&self, decode: i64) -> u32 {
        let block = self.blocks.partition_point(|b| b.decode < decode).saturating_sub(1);
        let Some(start) = self.blocks.get(block) else { return 0 };
        let within = Cursor::new(self, block).take_while(|(time, _)| *time < decode).count();
        start.first_sample + within as u32
    }
}

/// Reads samples block after block.
struct Cursor<'a> {
    index: &'a SampleIndex,
    next_block: usize,
    position: usize,
    sample: u32,
    decode: i64,
    duration: u32,
    composition_offset: i32,
    offset: u64,
}

impl<'a> Cursor<'a> {
    fn new(index: &'a SampleIndex, block: usize) -> Cursor<'a> {
        let (sample, position, decode) = index
            .blocks
            .get(block)
            .map_or((index.count, index.encoded.len(), index.end), |b| (b.first_sample, b.position as usize, b.decode));
        Cursor { index, next_block: block, position, sample, decode, duration: 0, composition_offset: 0, offset: 0 }
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.index.encoded.get(self.position)?;
            self.position += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

impl Iterator for Cursor<'_> {
    type Item = (i64, RawSample);

    fn next(&mut self) -> Option<(i64, RawSample)> {
        if self.sample >= self.index.count {
            return None;
        }
        if self.index.blocks.get(self.next_block).is_some_and(|b| b.first_sample == self.sample) {
            self.next_block += 1;
            (self.duration, self.composition_offset, self.offset) = (0, 0, 0);
        }
        let flags = *self.index.encoded.get(self.position)?;
        self.position += 1;
        let size = self.varint()? as u32;
        if flags & DURATION != 0 {
            self.duration = self.varint()? as u32;
        }
        if flags & COMPOSITION != 0 {
            self.composition_offset = unzigzag(self.varint()?) as i32;
        }
        if flags & JUMP != 0 {
            self.offset = self.offset.wrapping_add(unzigzag(self.varint()?) as u64);
        }
        let sample = RawSample {
            offset: self.offset,
            size,
            duration: self.duration,
            composition_offset: self.composition_offset,
            sync: flags & SYNC != 0,
        };
        let decode = self.decode;
        self.offset = self.offset.wrapping_add(u64::from(size));
        self.decode += i64::from(self.duration);
        self.sample += 1;
        Some((decode, sample))
    }
}

fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

fn unzigzag(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

/// One sample as it is kept.
struct Code {
    bytes: [u8; 32],
    length: usize,
}

impl Code {
    fn byte(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    fn varint(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.byte(n as u8 | 0x80);
            n >>= 7;
        }
        self.byte(n as u8);
    }
}

/// Collects samples in decode order.
#[derive(Debug)]
pub struct SampleIndexBuilder {
    index: SampleIndex,
    /// The sync samples, from the first sample on that is none.
    key_frames: Option<Vec<KeyFrame>>,
    latest: i64,
    limit: u32,
    timescale: u32,
    in_block: u32,
    duration: u32,
    composition_offset: i32,
    offset: u64,
}

impl SampleIndexBuilder {
    /// For a track of `timescale` ticks per second whose first sample has media decode time `start`.
    pub fn new(timescale: crate::time::Timescale, start: i64) -> SampleIndexBuilder {
        SampleIndexBuilder {
            index: SampleIndex {
                blocks: Vec::new(),
                encoded: Vec::new(),
                key_frames: None,
                count: 0,
                end: start,
                bytes: 0,
                min_composition_offset: 0,
                first: None,
                start,
            },
            key_frames: None,
            latest: crate::time::latest_media_time(timescale),
            limit: MAX_SAMPLES,
            timescale: timescale.get(),
            in_block: 0,
            duration: 0,
            composition_offset: 0,
            offset: 0,
        }
    }

    /// Refuses more than `samples` samples: a file has no more of them than bytes.
    pub fn limit(mut self, samples: u64) -> SampleIndexBuilder {
        self.limit = self.limit.min(u32::try_from(samples).unwrap_or(u32::MAX));
        self
    }

    /// Number of samples so far.
    pub fn len(&self) -> u32 {
        self.index.count
    }

    /// True before the first sample.
    pub fn is_empty(&self) -> bool {
        self.index.count == 0
    }

    /// Media decode time after the last sample so far.
    pub fn end(&self) -> i64 {
        self.index.end
    }

    /// Appends the next sample in decode order.
    ///
    /// # Errors
    /// [`SampleIndexError`] past [`MAX_SAMPLES`] or [`crate::time::MAX_MEDIA_SECONDS`].
    pub fn push(&mut self, sample: RawSample) -> Result<(), SampleIndexError> {
        let index = &mut self.index;
        if index.count >= self.limit || index.encoded.len() > u32::MAX as usize - 64 {
            return Err(SampleIndexError::TooManySamples { limit: self.limit });
        }
        if index.end.unsigned_abs() > self.latest.unsigned_abs() {
            let seconds = index.end.unsigned_abs() / u64::from(self.timescale);
            return Err(SampleIndexError::TimeOutOfRange { sample: index.count, seconds });
        }
        if !sample.sync && self.key_frames.is_none() {
            let so_far = index.iter_from(0).zip(0..);
            self.key_frames = Some(so_far.map(|((decode, raw), sample)| KeyFrame::new(sample, decode, raw)).collect());
        }
        if self.key_frames.as_ref().is_some_and(|k| k.len() >= MAX_KEY_FRAMES) {
            return Err(SampleIndexError::TooManySamples { limit: MAX_KEY_FRAMES as u32 });
        }
        if self.in_block >= BLOCK_SAMPLES || index.count == 0 || (sample.sync && self.key_frames.is_some()) {
            index.blocks.push(Block {
                first_sample: index.count,
                position: index.encoded.len() as u32,
                decode: index.end,
            });
            (self.in_block, self.duration, self.composition_offset, self.offset) = (0, 0, 0, 0);
        }
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        let flags = flag(sample.sync, SYNC)
            | flag(sample.duration != self.duration, DURATION)
            | flag(sample.composition_offset != self.composition_offset, COMPOSITION)
            | flag(sample.offset != self.offset, JUMP);
        // A byte, three varints of at most 5 and one of 10; appended in one go.
        let mut code = Code { bytes: [0; 32], length: 0 };
        code.byte(flags);
        code.varint(u64::from(sample.size));
        if flags & DURATION != 0 {
            code.varint(u64::from(sample.duration));
        }
        if flags & COMPOSITION != 0 {
            code.varint(zigzag(i64::from(sample.composition_offset)));
        }
        if flags & JUMP != 0 {
            code.varint(zigzag(sample.offset.wrapping_sub(self.offset) as i64));
        }
        index.encoded.extend_from_slice(&code.bytes[..code.length]);
        if sample.sync
            && let Some(key_frames) = &mut self.key_frames
        {
            key_frames.push(KeyFrame::new(index.count, index.end, sample));
        }
        (self.duration, self.composition_offset) = (sample.duration, sample.composition_offset);
        self.offset = sample.offset.wrapping_add(u64::from(sample.size));
        self.in_block += 1;
        index.first.get_or_insert(sample);
        index.count += 1;
        index.end += i64::from(sample.duration);
        index.bytes += u64::from(sample.size);
        index.min_composition_offset = index.min_composition_offset.min(sample.composition_offset);
        Ok(())
    }

    /// The finished index.
    pub fn finish(mut self) -> SampleIndex {
        // Writers that do not know how long the last sample lasts write 0. Something that is shown or heard
        // takes time, and a segment of it alone has to have a length.
        if self.index.count > 0 && self.duration == 0 {
            self.index.end += 1;
        }
        self.index.key_frames = self.key_frames.take();
        self.index.key_frames.iter_mut().for_each(Vec::shrink_to_fit);
        self.index.encoded.shrink_to_fit();
        self.index.blocks.shrink_to_fit();
        self.index
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timescale;
    use proptest::prelude::*;

    fn any_sample() -> impl Strategy<Value = RawSample> {
        let small = (0u64..1 << 40, 0u32..100_000, 0u32..5000, -4000i32..4000, any::<bool>());
        small.prop_map(|(offset, size, duration, composition_offset, sync)| RawSample {
            offset,
            size,
            duration,
            composition_offset,
            sync,
        })
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(samples in prop::collection::vec(any_sample(), 0..300), first in 0u32..320) {
            let mut builder = SampleIndexBuilder::new(Timescale::NINETY_KHZ, 0);
            let mut times = vec![0i64];
            for sample in &samples {
                builder.push(*sample).unwrap();
                times.push(times.last().unwrap() + i64::from(sample.duration));
            }
            let index = builder.finish();
            let expected: Vec<_> =
                times.iter().copied().zip(samples.iter().copied()).skip(first as usize).collect();
            prop_assert_eq!(index.iter_from(first).collect::<Vec<_>>(), expected);
            let at = times[times.len() / 2];
            let want = times[..samples.len()].iter().position(|t| *t >= at).unwrap_or(samples.len());
            prop_assert_eq!(index.first_at_or_after(at), want as u32);
        }
    }

    #[test]
    fn contiguous_equal_samples_cost_about_two_bytes() {
        let mut builder = SampleIndexBuilder::new(Timescale::NINETY_KHZ, 0);
        for n in 0..10_000u64 {
            builder
                .push(RawSample { offset: n * 100, size: 100, duration: 1024, composition_offset: 0, sync: true })
                .unwrap();
        }
        let index = builder.finish();
        assert!(index.key_frames().is_none());
        assert!(index.memory() < 10_000 * 3, "{}", index.memory());
    }

    #[test]
    fn times_beyond_any_film_are_refused() {
        let mut builder = SampleIndexBuilder::new(Timescale::new(1).unwrap(), 0);
        let sample = RawSample { offset: 0, size: 1, duration: u32::MAX, composition_offset: 0, sync: true };
        (0..3).for_each(|_| builder.push(sample).unwrap());
        assert!(matches!(builder.push(sample), Err(SampleIndexError::TimeOutOfRange { sample: 3, .. })));
        // Recordings of live streams count from 1970 or 1904; the finest timescale leaves room to add.
        for (scale, start) in [(10_000_000, 17_000_000_000_000_000), (90_000, 3_900_000_000 * 90_000)] {
            assert!(SampleIndexBuilder::new(Timescale::new(scale).unwrap(), start).push(sample).is_ok());
        }
        let mut finest = SampleIndexBuilder::new(Timescale::new(u32::MAX).unwrap(), i64::MAX / 4);
        assert!(matches!(finest.push(sample), Err(SampleIndexError::TimeOutOfRange { .. })));
    }
}
