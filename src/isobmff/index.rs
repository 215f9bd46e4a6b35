//! Where fragments are: the segment index (`sidx`, ISO/IEC 14496-12 8.16.3) and the random access
//! boxes at the end of a file (`mfra`, 8.8.9 to 8.8.11).

use bytes::Bytes;

use super::boxes::RawBox;
use super::fields::{be_u32, be_u64};
use super::movie::within_limit;
use super::write::{put, write_full_box};
use super::{BoxPath, Error, ErrorKind, FourCc};
use crate::time::Timescale;

const SIDX: FourCc = FourCc(*b"sidx");
const MFRA: FourCc = FourCc(*b"mfra");
const TFRA: FourCc = FourCc(*b"tfra");

/// A segment index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentIndex {
    /// The indexed stream, for files the track.
    pub reference_id: u32,
    /// Unit of all times in the box.
    pub timescale: Timescale,
    /// Earliest presentation time of the first subsegment, ticks.
    pub earliest_presentation_time: u64,
    /// Bytes from the end of this box to the first subsegment.
    pub first_offset: u64,
    /// The subsegments, one after the other.
    pub references: Vec<SegmentReference>,
}

/// A subsegment of a segment index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentReference {
    /// It is another `sidx` rather than media.
    pub is_index: bool,
    /// Bytes, 31 bits.
    pub size: u32,
    /// Ticks of the index's timescale.
    pub duration: u32,
    /// It begins with a stream access point.
    pub starts_with_sap: bool,
    /// Type of its first stream access point, 0 for unknown, to 6.
    pub sap_type: u8,
}

impl SegmentIndex {
    /// Reads a whole `sidx` box that begins at `offset_in_file`.
    ///
    /// # Errors
    /// [`Error`] when the box is damaged.
    pub fn parse(sidx: &Bytes, offset_in_file: u64) -> Result<SegmentIndex, Error> {
        let sidx = RawBox::expect(sidx, offset_in_file, SIDX)?;
        let mut fields = sidx.fields(BoxPath::FILE.child(SIDX));
        let (version, _) = fields.full_box_up_to(1)?;
        let reference_id = fields.u32()?;
        let timescale = Timescale::new(fields.u32()?)
            .ok_or_else(|| fields.error(ErrorKind::InvalidValue { what: "a timescale", value: 0 }))?;
        let earliest_presentation_time = fields.u32_or_u64(version == 1)?;
        let first_offset = fields.u32_or_u64(version == 1)?;
        fields.u16()?;
        let count = fields.u16()?;
        fields.check_room(u64::from(count), 12)?;
        let mut references = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            let (size, duration, sap) = (fields.u32()?, fields.u32()?, fields.u32()?);
            references.push(SegmentReference {
                is_index: size >> 31 != 0,
                size: size & 0x7fff_ffff,
                duration,
                starts_with_sap: sap >> 31 != 0,
                sap_type: (sap >> 28) as u8 & 7,
            });
        }
        Ok(SegmentIndex { reference_id, timescale, earliest_presentation_time, first_offset, references })
    }

    /// Appends the box, version 1. Only the first 65,535 references have room.
    pub fn write(&self, out: &mut Vec<u8>) {
        let references = self.references.get(..usize::from(u16::MAX)).unwrap_or(&self.references);
        write_full_box(out, SIDX, 1, 0, |out| {
            put(out, &[self.reference_id, self.timescale.get()]);
            out.extend_from_slice(&self.earliest_presentation_time.to_be_bytes());
            out.extend_from_slice(&self.first_offset.to_be_bytes());
            put(out, &[references.len() as u32]);
            for reference in references {
                let size = u32::from(reference.is_index) << 31 | reference.size & 0x7fff_ffff;
                let sap = u32::from(reference.starts_with_sap) << 31 | u32::from(reference.sap_type & 7) << 28;
                put(out, &[size, reference.duration, sap]);
            }
        });
    }
}

/// Random access points of one track (`tfra`, ISO/IEC 14496-12 8.8.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackFragmentRandomAccess {
    /// The track.
    pub track_id: u32,
    wide: bool,
    /// Bytes per entry.
    entry_size: usize,
    entries: Bytes,
}

impl TrackFragmentRandomAccess {
    /// The tables of a whole `mfra` box that begins at `offset_in_file`, in file order.
    ///
    /// # Errors
    /// [`Error`] when a box is damaged or two tables are for one track.
    pub fn parse_all(mfra: &Bytes, offset_in_file: u64) -> Result<Vec<TrackFragmentRandomAccess>, Error> {
        let mfra = RawBox::expect(mfra, offset_in_file, MFRA)?;
        let path = BoxPath::FILE.child(MFRA);
        let mut tables: Vec<TrackFragmentRandomAccess> = Vec::new();
        for child in mfra.children(path) {
            let child = child?;
            if child.kind != TFRA {
                continue;
            }
            let table = TrackFragmentRandomAccess::parse(&child, path.numbered(TFRA, tables.len() + 1))?;
            if tables.iter().any(|other| other.track_id == table.track_id) {
                return Err(ErrorKind::DuplicateTrack { track_id: table.track_id }.at(path, child.offset));
            }
            tables.push(table);
            within_limit(tables.len(), path, child.offset)?;
        }
        Ok(tables)
    }

    fn parse(tfra: &RawBox, path: BoxPath) -> Result<TrackFragmentRandomAccess, Error> {
        let mut fields = tfra.fields(path);
        let (version, _) = fields.full_box_up_to(1)?;
        let track_id = fields.u32()?;
        let lengths = fields.u32()?;
        // Three numbers of 1 to 4 bytes each: traf, trun and sample.
        let numbers: u32 = [lengths >> 4, lengths >> 2, lengths].iter().map(|bits| (bits & 3) + 1).sum();
        let wide = version == 1;
        let entry_size = if wide { 16 } else { 8 } + numbers as usize;
        let count = fields.count(entry_size)? as usize;
        let start = fields.position();
        fields.take(count * entry_size)?;
        Ok(TrackFragmentRandomAccess { track_id, wide, entry_size, entries: tfra.body.slice(start..fields.position()) })
    }

    /// Entries in the table.
    pub fn len(&self) -> usize {
        self.entries.len() / self.entry_size
    }

    /// Whether the table says nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Presentation time of each access point, ticks of the track's timescale, and byte offset of
    /// its `moof` in the file.
    pub fn entries(&self) -> impl Iterator<Item = (u64, u64)> + Clone + '_ {
        self.entries.chunks_exact(self.entry_size).map(|entry| {
            let second = |at: usize| entry.get(at..).unwrap_or_default();
            match self.wide {
                true => (be_u64(entry), be_u64(second(8))),
                false => (u64::from(be_u32(entry)), u64::from(be_u32(second(4)))),
            }
        })
    }
}

/// Bytes of an `mfro` box (ISO/IEC 14496-12 8.8.11), always the last of a file that has one.
pub const MFRO_SIZE: u64 = 16;

/// The size of the `mfra` box whose `mfro` is `tail`, the last [`MFRO_SIZE`] bytes of a file.
/// `None` when they are something else.
pub fn mfra_size(tail: &[u8]) -> Option<u32> {
    let tail = tail.get(tail.len().checked_sub(16)?..)?;
    let size = tail.strip_prefix(b"\0\0\0\x10mfro")?.get(4..)?;
    Some(be_u32(size)).filter(|size| *size >= 24)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{media, top_level, value_survives};
    use super::super::write::write_box;
    use super::*;

    #[test]
    fn segment_indexes_survive() {
        let reference =
            SegmentReference { is_index: false, size: 235, duration: 6000, starts_with_sap: true, sap_type: 1 };
        let index = SegmentIndex {
            reference_id: 1,
            timescale: Timescale::MILLISECONDS,
            earliest_presentation_time: 1 << 40,
            first_offset: 3,
            references: vec![reference, SegmentReference { is_index: true, sap_type: 0, ..reference }],
        };
        let write = |index: &SegmentIndex| {
            let mut out = Vec::new();
            index.write(&mut out);
            out
        };
        value_survives(&index, |data| SegmentIndex::parse(data, 0), write);
    }

    #[test]
    fn a_real_segment_index_points_at_its_fragment() {
        let Some(file) = media("vtt-mp4/sample.text.mp4") else { return };
        let sidx = &top_level(&file, b"sidx")[0];
        let index = SegmentIndex::parse(&sidx.whole, sidx.offset).unwrap();
        let start = sidx.offset + sidx.whole.len() as u64 + index.first_offset;
        assert_eq!(start, top_level(&file, b"moof")[0].offset);
        assert_eq!(start + u64::from(index.references[0].size), file.len() as u64);
        assert_eq!(index.references[0].duration, 6000);
    }

    #[test]
    fn random_access_tables_of_all_widths() {
        let read = |version, lengths: u32, bytes: &[u8]| {
            let mut out = Vec::new();
            write_box(&mut out, MFRA, |out| {
                write_full_box(out, TFRA, version, 0, |out| {
                    put(out, &[7, lengths, 1]);
                    out.extend_from_slice(bytes);
                });
            });
            let tables = TrackFragmentRandomAccess::parse_all(&Bytes::from(out), 0)?;
            Ok::<_, Error>(tables[0].entries().collect::<Vec<_>>())
        };
        assert_eq!(read(0, 0, &[0, 0, 0, 1, 0, 0, 0, 2, 1, 1, 1]).unwrap(), [(1, 2)]);
        let wide = [&[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4][..], &[1; 12]].concat();
        assert_eq!(read(1, 0x3f, &wide).unwrap(), [(1 << 32 | 2, 3 << 32 | 4)]);
        assert!(read(1, 0x3f, &wide[1..]).is_err());
    }

    #[test]
    fn the_end_of_a_file_may_tell_its_index() {
        assert_eq!(mfra_size(b"..\0\0\0\x10mfro\0\0\0\0\0\0\0\x56"), Some(0x56));
        assert_eq!(mfra_size(b"\0\0\0\x10mfro\0\0\0\0\0\0\0\x17"), None);
        assert_eq!(mfra_size(b"\0\0\0\x10free\0\0\0\0\0\0\0\x56"), None);
        assert_eq!(mfra_size(b"mfro"), None);
    }
}
