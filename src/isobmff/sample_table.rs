//! The sample table of a track (`stbl`, ISO/IEC 14496-12 8.5 to 8.7) as checked views on its bytes.
//!
//! Nothing is expanded: a table stays the slice it was read from. All totals are compared once, in
//! [`SampleTables::parse`], so that the iterators below cannot contradict each other afterwards.

use bytes::Bytes;

use super::boxes::{RawBox, once, required};
use super::fields::{be_u32, be_u64};
use super::{BoxPath, Error, ErrorKind, FourCc};

/// The most samples that one track may have. 24 hours of 48 kHz AAC have 4 million; the limit
/// bounds the work for a table that says much in few bytes (a constant `stsz`, one `stts` entry).
pub const MAX_SAMPLES_PER_TRACK: u32 = 50_000_000;

const STSD: FourCc = FourCc(*b"stsd");
const STTS: FourCc = FourCc(*b"stts");
const CTTS: FourCc = FourCc(*b"ctts");
const STSC: FourCc = FourCc(*b"stsc");
const STSZ: FourCc = FourCc(*b"stsz");
const STZ2: FourCc = FourCc(*b"stz2");
const STCO: FourCc = FourCc(*b"stco");
const CO64: FourCc = FourCc(*b"co64");
const STSS: FourCc = FourCc(*b"stss");

/// Sizes, times, places and sync points of a track's samples. Empty in a fragmented file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SampleTables {
    sizes: Sizes,
    time_to_sample: Bytes,
    composition_offsets: Option<Bytes>,
    sample_to_chunk: Bytes,
    chunk_offsets: Bytes,
    /// `co64` rather than `stco`.
    wide_offsets: bool,
    sync_samples: Option<Bytes>,
}

/// Sample sizes as stored (`stsz`, 8.7.3.2; `stz2`, 8.7.3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
enum Sizes {
    Constant { size: u32, count: u32 },
    Table { bits: u8, count: u32, entries: Bytes },
}

impl Default for Sizes {
    fn default() -> Sizes {
        Sizes::Constant { size: 0, count: 0 }
    }
}

/// Samples that lie one after the other (ISO/IEC 14496-12 8.7.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Byte offset in the file, below 2⁶³.
    pub offset: u64,
    /// The first sample, from 0.
    pub first_sample: u32,
    /// Samples in the chunk.
    pub samples: u32,
    /// The samples' entry in `stsd`, from 1.
    pub description_index: u32,
}

impl SampleTables {
    /// Reads an `stbl` box: the sample entries (whole boxes), then everything else.
    ///
    /// A table that is absent counts as empty; an empty table is an error if there are samples.
    pub(super) fn parse(stbl: &RawBox, path: BoxPath) -> Result<(Vec<Bytes>, SampleTables), Error> {
        let (mut stsd, mut stts, mut ctts, mut stsc, mut sizes, mut offsets, mut stss) =
            (None, None, None, None, None, None, None);
        for child in stbl.children(path) {
            let child = child?;
            let slot = match child.kind {
                STSD => &mut stsd,
                STTS => &mut stts,
                CTTS => &mut ctts,
                STSC => &mut stsc,
                STSZ | STZ2 => &mut sizes,
                STCO | CO64 => &mut offsets,
                STSS => &mut stss,
                _ => continue,
            };
            once(slot, child, path)?;
        }
        let stsd = required(stsd, STSD, path, stbl.offset)?;
        let entries = sample_entries(&stsd, path.child(STSD))?;

        let mut tables = SampleTables::default();
        if let Some(found) = sizes {
            tables.sizes = read_sizes(&found, path.child(found.kind))?;
        }
        if let Some(found) = stts {
            tables.time_to_sample = table(&found, path.child(STTS), 8)?;
            tables.check_runs(&tables.time_to_sample, &found, path)?;
        } else {
            tables.check_covered(STTS, 0, stbl, path)?;
        }
        if let Some(found) = ctts {
            let runs = table(&found, path.child(CTTS), 8)?;
            // Writers of fragmented files leave an empty table behind; it says nothing.
            if !runs.is_empty() {
                tables.check_runs(&runs, &found, path)?;
                tables.composition_offsets = Some(runs);
            }
        }
        if let Some(found) = offsets {
            tables.wide_offsets = found.kind == CO64;
            let path = path.child(found.kind);
            tables.chunk_offsets = table(&found, path, tables.offset_size())?;
            tables.check_offsets(&found, path)?;
        }
        match stsc {
            Some(found) => {
                tables.sample_to_chunk = table(&found, path.child(STSC), 12)?;
                tables.check_chunks(&found, path, entries.len())?;
            }
            None => tables.check_covered(STSC, 0, stbl, path)?,
        }
        if let Some(found) = stss {
            let samples = table(&found, path.child(STSS), 4)?;
            tables.check_sync_samples(&samples, &found, path.child(STSS))?;
            // With no sample at all, "none is a sync sample" is not worth saying.
            tables.sync_samples = Some(samples).filter(|_| !tables.is_empty());
        }
        Ok((entries, tables))
    }

    /// Samples in the track, at most [`MAX_SAMPLES_PER_TRACK`].
    pub fn sample_count(&self) -> u32 {
        match self.sizes {
            Sizes::Constant { count, .. } | Sizes::Table { count, .. } => count,
        }
    }

    /// Whether the track has no samples here, as in a fragmented file.
    pub fn is_empty(&self) -> bool {
        self.sample_count() == 0
    }

    /// Runs of equal decode durations: samples, ticks of the track's timescale (`stts`, 8.6.1.2).
    /// The counts sum to [`SampleTables::sample_count`].
    pub fn time_to_sample(&self) -> impl Iterator<Item = (u32, u32)> + Clone + '_ {
        runs(&self.time_to_sample)
    }

    /// The sum of all decode durations, ticks of the track's timescale.
    pub fn total_duration(&self) -> u64 {
        self.time_to_sample().fold(0, |sum, (count, delta)| sum + u64::from(count) * u64::from(delta))
    }

    /// Runs of equal differences between composition and decode time: samples, ticks of the track's
    /// timescale (`ctts`, 8.6.1.3). Signed in version 0 too, as real files need. The counts sum to
    /// [`SampleTables::sample_count`]. `None`: no sample is reordered.
    pub fn composition_offsets(&self) -> Option<impl Iterator<Item = (u32, i32)> + Clone + '_> {
        let table = self.composition_offsets.as_ref()?;
        Some(runs(table).map(|(count, offset)| (count, offset.cast_signed())))
    }

    /// Bytes of the sample `index`, from 0; 0 for a sample that does not exist.
    pub fn size_of(&self, index: u32) -> u32 {
        let at = index as usize;
        match &self.sizes {
            Sizes::Constant { size, count } => {
                if index < *count {
                    *size
                } else {
                    0
                }
            }
            Sizes::Table { count, .. } if index >= *count => 0,
            Sizes::Table { bits: 4, entries, .. } => {
                let pair = entries.get(at / 2).copied().unwrap_or(0);
                u32::from(if at.is_multiple_of(2) { pair >> 4 } else { pair & 15 })
            }
            Sizes::Table { bits: 8, entries, .. } => entries.get(at).copied().map_or(0, u32::from),
            Sizes::Table { bits: 16, entries, .. } => {
                let pair = entries.get(at * 2..).and_then(|rest| rest.first_chunk());
                pair.map_or(0, |pair| u32::from(u16::from_be_bytes(*pair)))
            }
            Sizes::Table { entries, .. } => be_u32(entries.get(at * 4..).unwrap_or_default()),
        }
    }

    /// Bytes of every sample, in decode order.
    pub fn sizes(&self) -> impl Iterator<Item = u32> + Clone + '_ {
        (0..self.sample_count()).map(|index| self.size_of(index))
    }

    /// Bytes of all samples together.
    pub fn total_size(&self) -> u64 {
        match self.sizes {
            Sizes::Constant { size, count } => u64::from(size) * u64::from(count),
            Sizes::Table { .. } => self.sizes().map(u64::from).sum(),
        }
    }

    /// Chunks in the track.
    pub fn chunk_count(&self) -> u32 {
        (self.chunk_offsets.len() / self.offset_size()) as u32
    }

    /// The chunks in order (`stsc`, 8.7.4; `stco` and `co64`, 8.7.5). Their samples sum to
    /// [`SampleTables::sample_count`].
    pub fn chunks(&self) -> impl Iterator<Item = Chunk> + Clone + '_ {
        Chunks { tables: self, run: 0, chunk: 0, first_sample: 0 }
    }

    /// The sync samples, from 0, strictly increasing (`stss`, 8.6.2). `None`: every sample is one.
    pub fn sync_samples(&self) -> Option<impl Iterator<Item = u32> + Clone + '_> {
        let table = self.sync_samples.as_ref()?;
        Some(table.chunks_exact(4).map(|number| be_u32(number).saturating_sub(1)))
    }

    fn offset_size(&self) -> usize {
        if self.wide_offsets { 8 } else { 4 }
    }

    fn chunk_offset(&self, chunk: u32) -> Option<u64> {
        let entry = self.chunk_offsets.chunks_exact(self.offset_size()).nth(chunk as usize)?;
        Some(if self.wide_offsets { be_u64(entry) } else { u64::from(be_u32(entry)) })
    }

    fn sample_to_chunk(&self, run: usize) -> Option<[u32; 3]> {
        let entry = self.sample_to_chunk.chunks_exact(12).nth(run)?;
        Some([be_u32(entry), be_u32(entry.get(4..)?), be_u32(entry.get(8..)?)])
    }

    fn check_covered(&self, table: FourCc, covered: u64, found: &RawBox, path: BoxPath) -> Result<(), Error> {
        let samples = u64::from(self.sample_count());
        if covered != samples {
            return Err(ErrorKind::SampleCount { table, covered, samples }.at(path.child(table), found.offset));
        }
        Ok(())
    }

    fn check_runs(&self, entries: &Bytes, found: &RawBox, path: BoxPath) -> Result<(), Error> {
        let covered = runs(entries).map(|(count, _)| u64::from(count)).sum();
        self.check_covered(found.kind, covered, found, path)
    }

    /// No offset reaches 2⁶³, so that offset plus size cannot overflow 64 bits anywhere.
    fn check_offsets(&self, found: &RawBox, path: BoxPath) -> Result<(), Error> {
        if !self.wide_offsets {
            return Ok(());
        }
        match self.chunk_offsets.chunks_exact(8).map(be_u64).find(|offset| *offset > i64::MAX as u64) {
            Some(value) => {
                let limit = i64::MAX as u64;
                Err(ErrorKind::LimitExceeded { what: "bytes of chunk offset", value, limit }.at(path, found.offset))
            }
            None => Ok(()),
        }
    }

    /// `first_chunk` counts from 1 and strictly increases, every chunk has samples of a description
    /// that exists, and the chunks hold exactly the track's samples (ISO/IEC 14496-12 8.7.4).
    fn check_chunks(&self, found: &RawBox, path: BoxPath, descriptions: usize) -> Result<(), Error> {
        let own = path.child(STSC);
        let chunks = u64::from(self.chunk_count());
        let (mut previous, mut per_chunk, mut covered) = (0u64, 0u64, 0u64);
        for (entry, fields) in self.sample_to_chunk.chunks_exact(12).enumerate() {
            let word = |at: usize| u64::from(be_u32(fields.get(at * 4..).unwrap_or_default()));
            let (first_chunk, samples, description) = (word(0), word(1), word(2));
            let at = found.body_offset().saturating_add(8 + entry as u64 * 12);
            if first_chunk <= previous {
                let what = "first chunks";
                return Err(
                    ErrorKind::OutOfOrder { what, entry: entry as u64, value: first_chunk, previous }.at(own, at)
                );
            }
            let invalid = |what, value: u64| ErrorKind::InvalidValue { what, value: value as i64 }.at(own, at);
            if entry == 0 && first_chunk != 1 {
                return Err(invalid("the first chunk of the first run", first_chunk));
            }
            if chunks > 0 && first_chunk > chunks {
                return Err(invalid("a first chunk past the last one", first_chunk));
            }
            if samples == 0 {
                return Err(invalid("samples per chunk", 0));
            }
            if description == 0 || description > descriptions as u64 {
                return Err(invalid("a sample description index", description));
            }
            covered += first_chunk.saturating_sub(previous.max(1)) * per_chunk;
            (previous, per_chunk) = (first_chunk, samples);
            if covered > u64::from(MAX_SAMPLES_PER_TRACK) {
                break;
            }
        }
        if previous > 0 && chunks > 0 {
            covered = covered.saturating_add((chunks + 1).saturating_sub(previous) * per_chunk);
        }
        if chunks == 0 {
            covered = 0;
        }
        self.check_covered(STSC, covered, found, path)
    }

    fn check_sync_samples(&self, samples: &Bytes, found: &RawBox, path: BoxPath) -> Result<(), Error> {
        let mut previous = 0;
        for (entry, number) in samples.chunks_exact(4).map(be_u32).enumerate() {
            let at = found.body_offset().saturating_add(8 + entry as u64 * 4);
            if number <= previous {
                let (entry, value, previous) = (entry as u64, u64::from(number), u64::from(previous));
                return Err(ErrorKind::OutOfOrder { what: "sync samples", entry, value, previous }.at(path, at));
            }
            if number > self.sample_count() {
                return Err(ErrorKind::InvalidValue { what: "a sync sample", value: i64::from(number) }.at(path, at));
            }
            previous = number;
        }
        Ok(())
    }
}

/// See [`SampleTables::chunks`].
#[derive(Clone)]
struct Chunks<'a> {
    tables: &'a SampleTables,
    run: usize,
    chunk: u32,
    first_sample: u32,
}

impl Iterator for Chunks<'_> {
    type Item = Chunk;

    fn next(&mut self) -> Option<Chunk> {
        let offset = self.tables.chunk_offset(self.chunk)?;
        let number = self.chunk + 1;
        if self.tables.sample_to_chunk(self.run + 1).is_some_and(|[first, ..]| first <= number) {
            self.run += 1;
        }
        let [_, samples, description_index] = self.tables.sample_to_chunk(self.run)?;
        let chunk = Chunk { offset, first_sample: self.first_sample, samples, description_index };
        self.chunk = number;
        self.first_sample = self.first_sample.saturating_add(samples);
        Some(chunk)
    }
}

/// Entries of a count and a value.
fn runs(entries: &[u8]) -> impl Iterator<Item = (u32, u32)> + Clone + '_ {
    entries.chunks_exact(8).map(|entry| (be_u32(entry), be_u32(entry.get(4..).unwrap_or_default())))
}

/// The entries of a full box that is a count and entries of one size.
fn table(found: &RawBox, path: BoxPath, entry_size: usize) -> Result<Bytes, Error> {
    let mut fields = found.fields(path);
    fields.full_box_up_to(1)?;
    let count = fields.count(entry_size)? as usize;
    let start = fields.position();
    fields.take(count * entry_size)?;
    Ok(found.body.slice(start..start + count * entry_size))
}

/// `stsz` or `stz2`.
fn read_sizes(found: &RawBox, path: BoxPath) -> Result<Sizes, Error> {
    let mut fields = found.fields(path);
    fields.full_box_up_to(0)?;
    let word = fields.u32()?;
    let count = fields.u32()?;
    if count > MAX_SAMPLES_PER_TRACK {
        let (value, limit) = (u64::from(count), u64::from(MAX_SAMPLES_PER_TRACK));
        return Err(fields.error(ErrorKind::LimitExceeded { what: "samples", value, limit }));
    }
    let bits = match (found.kind, word) {
        (STZ2, word) => match word & 0xff {
            bits @ (4 | 8 | 16) => bits as u8,
            bits => return Err(fields.error(ErrorKind::InvalidValue { what: "field_size", value: i64::from(bits) })),
        },
        (_, 0) => 32,
        (_, size) => return Ok(Sizes::Constant { size, count }),
    };
    let bytes = (u64::from(count) * u64::from(bits)).div_ceil(8);
    if bytes > fields.remaining() as u64 {
        let room = fields.remaining() as u64 * 8 / u64::from(bits);
        return Err(fields.error(ErrorKind::TooManyEntries { count: u64::from(count), room }));
    }
    let start = fields.position();
    Ok(Sizes::Table { bits, count, entries: found.body.slice(start..start + bytes as usize) })
}

/// The boxes of `stsd` (8.5.2), whole and in order.
fn sample_entries(stsd: &RawBox, path: BoxPath) -> Result<Vec<Bytes>, Error> {
    let mut fields = stsd.fields(path);
    fields.full_box()?;
    let count = fields.count(8)?;
    let at = fields.position();
    let list = stsd.body.slice(at..);
    let mut entries = Vec::new();
    for entry in super::boxes::boxes_within(&list, stsd.body_offset().saturating_add(at as u64), path) {
        if entries.len() as u64 == u64::from(count) {
            break;
        }
        let entry = entry?;
        if be_u32(&entry.whole) == 0 {
            // A copy of it elsewhere would mean something else.
            return Err(ErrorKind::InvalidValue { what: "a sample entry's size", value: 0 }.at(path, entry.offset));
        }
        entries.push(entry.whole);
    }
    if (entries.len() as u64) < u64::from(count) {
        return Err(fields.error(ErrorKind::TooManyEntries { count: u64::from(count), room: entries.len() as u64 }));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::super::write::{write_box, write_full_box};
    use super::*;

    fn words(kind: &[u8; 4], words: &[u32]) -> Vec<u8> {
        let mut out = Vec::new();
        write_full_box(&mut out, FourCc(*kind), 0, 0, |out| {
            for word in words {
                out.extend_from_slice(&word.to_be_bytes());
            }
        });
        out
    }

    fn entries() -> Vec<u8> {
        words(b"stsd", &[1, 8, u32::from_be_bytes(*b"test")])
    }

    fn parse(tables: &[Vec<u8>]) -> Result<SampleTables, ErrorKind> {
        let mut stbl = Vec::new();
        write_box(&mut stbl, FourCc(*b"stbl"), |out| tables.iter().for_each(|table| out.extend_from_slice(table)));
        let stbl = RawBox::expect(&Bytes::from(stbl), 0, FourCc(*b"stbl")).unwrap();
        let parsed = SampleTables::parse(&stbl, BoxPath::FILE).map_err(|error| error.kind);
        parsed.map(|(_, tables)| tables)
    }

    fn five(replaced: &[Vec<u8>]) -> Result<SampleTables, ErrorKind> {
        let mut tables = vec![
            entries(),
            words(b"stts", &[2, 3, 10, 2, 20]),
            words(b"ctts", &[2, 1, 5, 4, -5i32 as u32]),
            words(b"stsc", &[2, 1, 2, 1, 3, 1, 1]),
            words(b"stsz", &[0, 5, 11, 12, 13, 14, 15]),
            words(b"stco", &[3, 100, 200, 300]),
            words(b"stss", &[2, 1, 4]),
        ];
        for new in replaced {
            tables.retain(|old| old[4..8] != new[4..8]);
            tables.push(new.clone());
        }
        parse(&tables)
    }

    #[test]
    fn tables_are_read() {
        let tables = five(&[]).unwrap();
        assert_eq!(tables.sample_count(), 5);
        assert_eq!(tables.time_to_sample().collect::<Vec<_>>(), [(3, 10), (2, 20)]);
        assert_eq!(tables.total_duration(), 70);
        assert_eq!(tables.composition_offsets().unwrap().collect::<Vec<_>>(), [(1, 5), (4, -5)]);
        assert_eq!(tables.sizes().collect::<Vec<_>>(), [11, 12, 13, 14, 15]);
        assert_eq!((tables.size_of(4), tables.size_of(5), tables.total_size()), (15, 0, 65));
        assert_eq!(tables.sync_samples().unwrap().collect::<Vec<_>>(), [0, 3]);
        let chunks: Vec<_> = tables.chunks().map(|c| (c.offset, c.first_sample, c.samples)).collect();
        assert_eq!(chunks, [(100, 0, 2), (200, 2, 2), (300, 4, 1)]);
    }

    #[test]
    fn compact_sizes_are_read() {
        let base = |sizes: Vec<u8>| {
            let tables = parse(&[
                entries(),
                words(b"stts", &[1, 3, 1]),
                words(b"stsc", &[1, 1, 3, 1]),
                words(b"stco", &[1, 0]),
                sizes,
            ]);
            tables.map(|tables| tables.sizes().collect::<Vec<_>>())
        };
        assert_eq!(base(words(b"stz2", &[4, 3, 0x1230_0000])), Ok(vec![1, 2, 3]));
        assert_eq!(base(words(b"stz2", &[8, 3, 0x0102_0300])), Ok(vec![1, 2, 3]));
        assert_eq!(base(words(b"stz2", &[16, 3, 0x0001_0002, 0x0003_0000])), Ok(vec![1, 2, 3]));
        assert_eq!(base(words(b"stz2", &[7, 3, 0, 0])), Err(ErrorKind::InvalidValue { what: "field_size", value: 7 }));
        assert_eq!(base(words(b"stz2", &[16, 3, 0])), Err(ErrorKind::TooManyEntries { count: 3, room: 2 }));
    }

    #[test]
    fn totals_must_agree() {
        let mismatch =
            |table: &[u8; 4], covered| Err(ErrorKind::SampleCount { table: FourCc(*table), covered, samples: 5 });
        assert_eq!(five(&[words(b"stts", &[1, 4, 10])]), mismatch(b"stts", 4));
        assert_eq!(five(&[words(b"stts", &[2, u32::MAX, 10, u32::MAX, 1])]), mismatch(b"stts", 0x1_ffff_fffe));
        assert_eq!(five(&[words(b"stts", &[0])]), mismatch(b"stts", 0));
        assert_eq!(five(&[words(b"ctts", &[1, 6, 0])]), mismatch(b"ctts", 6));
        assert_eq!(five(&[words(b"stco", &[0])]), mismatch(b"stsc", 0));
        assert_eq!(five(&[words(b"stsc", &[0])]), mismatch(b"stsc", 0));
        assert_eq!(five(&[words(b"stsc", &[1, 1, 2, 1])]), mismatch(b"stsc", 6));
        assert_eq!(five(&[words(b"stsc", &[1, 1, u32::MAX, 1])]), mismatch(b"stsc", 3 * u64::from(u32::MAX)));
        assert!(five(&[words(b"stsz", &[7, 50_000_000])]).is_err());
    }

    #[test]
    fn chunk_numbers_count_from_one_and_increase() {
        let order =
            |entry, value, previous| Err(ErrorKind::OutOfOrder { what: "first chunks", entry, value, previous });
        assert_eq!(five(&[words(b"stsc", &[1, 0, 5, 1])]), order(0, 0, 0));
        assert_eq!(five(&[words(b"stsc", &[2, 1, 2, 1, 1, 1, 1])]), order(1, 1, 1));
        assert_eq!(five(&[words(b"stsc", &[3, 1, 2, 1, 3, 1, 1, 2, 1, 1])]), order(2, 2, 3));
        for wrong in [[2, 5, 1], [1, 0, 1], [1, 5, 0], [1, 5, 2], [4, 5, 1]] {
            let stsc = words(b"stsc", &[1, wrong[0], wrong[1], wrong[2]]);
            assert!(matches!(five(&[stsc]), Err(ErrorKind::InvalidValue { .. })), "{wrong:?}");
        }
    }

    #[test]
    fn sync_samples_count_from_one_and_increase() {
        assert!(matches!(five(&[words(b"stss", &[1, 0])]), Err(ErrorKind::OutOfOrder { value: 0, .. })));
        assert!(matches!(five(&[words(b"stss", &[2, 3, 3])]), Err(ErrorKind::OutOfOrder { .. })));
        assert!(matches!(five(&[words(b"stss", &[1, 6])]), Err(ErrorKind::InvalidValue { value: 6, .. })));
        assert_eq!(five(&[words(b"stss", &[0])]).unwrap().sync_samples().unwrap().count(), 0);
    }

    #[test]
    fn counts_must_fit_their_box() {
        for (kind, head) in [(b"stts", 1), (b"ctts", 1), (b"stsc", 1), (b"stco", 1), (b"stss", 1)] {
            for count in [0x2000_0001, 0x4000_0001, 0x7fff_ffff, u32::MAX] {
                let result = five(&[words(kind, &[count, head])]);
                assert!(matches!(result, Err(ErrorKind::TooManyEntries { .. })), "{result:?}");
            }
        }
        assert!(matches!(five(&[words(b"stsz", &[0, 6, 1, 1, 1, 1, 1])]), Err(ErrorKind::TooManyEntries { .. })));
        let limit = ErrorKind::LimitExceeded { what: "samples", value: u64::from(u32::MAX), limit: 50_000_000 };
        assert_eq!(five(&[words(b"stsz", &[1, u32::MAX])]), Err(limit));
    }

    #[test]
    fn tables_occur_once() {
        let twice = parse(&[entries(), words(b"stts", &[0]), words(b"stts", &[0])]);
        assert_eq!(twice, Err(ErrorKind::Duplicate { kind: STTS }));
        let both = parse(&[entries(), words(b"stsz", &[0, 0]), words(b"stz2", &[8, 0])]);
        assert_eq!(both, Err(ErrorKind::Duplicate { kind: STZ2 }));
        assert!(parse(&[entries()]).unwrap().is_empty());
        assert_eq!(parse(&[]), Err(ErrorKind::Missing { kind: STSD }));
    }

    #[test]
    fn offsets_past_63_bits_are_refused() {
        let co64 = words(b"co64", &[1, 0x8000_0000, 0]);
        assert!(matches!(parse(&[entries(), co64]), Err(ErrorKind::LimitExceeded { .. })));
    }
}
