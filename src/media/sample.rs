//! Samples of one segment, ready to be packaged.

use crate::time::Timescale;

/// A half-open range of bytes in a stored file.
pub type ByteRange = std::ops::Range<u64>;

/// One stored sample on the presentation's timeline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sample {
    /// Its place among all stored samples of its track.
    pub index: u32,
    /// Where its bytes begin in the stored file.
    pub offset: u64,
    /// How many bytes it has.
    pub size: u32,
    /// It can be decoded without any other sample.
    pub sync: bool,
    /// Decode time as URLs count it (see [`crate::media`]), track ticks, not negative.
    pub decode: i64,
    /// Presentation time, track ticks; negative for what precedes the presentation's zero.
    pub presentation: i64,
}

impl Sample {
    /// The bytes of this sample in its file.
    pub fn range(&self) -> ByteRange {
        self.offset..self.offset.saturating_add(u64::from(self.size))
    }
}

/// The samples of one segment of one track, in decode order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SampleTable {
    /// Unit of all times in the table.
    pub timescale: Timescale,
    /// The samples; never empty when made by [`crate::media::Track::samples`].
    pub samples: Vec<Sample>,
    /// Decode time after the last sample: its own decode time plus its duration.
    pub end: i64,
}

impl SampleTable {
    /// Media bytes in the segment.
    pub fn bytes(&self) -> u64 {
        self.samples.iter().map(|s| u64::from(s.size)).sum()
    }

    /// Duration of sample `index` in decode order, track ticks.
    pub fn duration(&self, index: usize) -> i64 {
        let next = self.samples.get(index + 1).map_or(self.end, |s| s.decode);
        self.samples.get(index).map_or(0, |s| next - s.decode)
    }

    /// The stored bytes of all samples as few ranges: neighbours in the file are joined.
    pub fn ranges(&self) -> Vec<ByteRange> {
        let mut ranges: Vec<ByteRange> = Vec::new();
        for sample in self.samples.iter().filter(|s| s.size > 0) {
            match ranges.last_mut() {
                Some(last) if last.end == sample.offset => last.end = sample.range().end,
                _ => ranges.push(sample.range()),
            }
        }
        ranges
    }
}
