//! Movie fragments (`moof`, ISO/IEC 14496-12 8.8).

use bytes::Bytes;

use super::boxes::{RawBox, once, required};
use super::fields::{Fields, be_u32};
use super::movie::within_limit;
use super::sample_encryption::ProtectionBoxes;
use super::sample_group::LOCAL_GROUPS;
use super::{BoxPath, Error, ErrorKind, FourCc, SampleProtection, piff};

/// The most samples in one track run and in all runs of one fragment together. A run may describe
/// any number of samples in twenty bytes; a minute of 48 kHz AAC has 2,813.
pub const MAX_SAMPLES_PER_RUN: u32 = 1_000_000;

/// `sample_is_non_sync_sample` in a sample's flags (ISO/IEC 14496-12 8.8.3.1).
pub const SAMPLE_IS_NON_SYNC: u32 = 0x0001_0000;

/// Whether sample flags mark a sync sample.
pub const fn is_sync(flags: u32) -> bool {
    flags & SAMPLE_IS_NON_SYNC == 0
}

const MOOF: FourCc = FourCc(*b"moof");
const MFHD: FourCc = FourCc(*b"mfhd");
const TRAF: FourCc = FourCc(*b"traf");
const TFHD: FourCc = FourCc(*b"tfhd");
const TFDT: FourCc = FourCc(*b"tfdt");
const TRUN: FourCc = FourCc(*b"trun");
const SDTP: FourCc = FourCc(*b"sdtp");

/// A `moof` box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovieFragment {
    /// Order number of the fragment (8.8.5).
    pub sequence_number: u32,
    /// The track fragments in file order.
    pub tracks: Vec<TrackFragment>,
    /// Byte offset of the `moof` in the file: data offsets count from here.
    pub offset: u64,
}

/// One track's part of a fragment (`traf`, ISO/IEC 14496-12 8.8.6). A field that is `None` is
/// inherited from the track's `trex`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackFragment {
    /// The track.
    pub track_id: u32,
    /// Byte offset in the file that runs' data offsets are relative to.
    pub base_data_offset: Option<u64>,
    /// Without `base_data_offset`, data offsets are relative to the `moof`; without both, to the end
    /// of the previous track fragment's data, or the `moof` for the first (8.8.7.1).
    pub default_base_is_moof: bool,
    /// Entry of `stsd`, from 1.
    pub sample_description_index: Option<u32>,
    /// Decode duration, ticks of the track's timescale.
    pub default_duration: Option<u32>,
    /// Bytes per sample.
    pub default_size: Option<u32>,
    /// Sample flags.
    pub default_flags: Option<u32>,
    /// There are no samples for the default duration.
    pub duration_is_empty: bool,
    /// Decode time of the first sample, ticks of the track's timescale (`tfdt`, 8.8.12).
    pub decode_time: Option<u64>,
    /// Smooth's time and duration of the fragment, ticks of the track's timescale.
    pub tfxd: Option<(u64, u64)>,
    /// Smooth's times and durations of fragments to come; empty where not stated.
    pub tfrf: Vec<(u64, u64)>,
    /// One byte per sample (`sdtp`, 8.6.4).
    pub sample_dependencies: Option<Bytes>,
    /// How its samples are encrypted.
    pub protection: SampleProtection,
    /// The runs in file order.
    pub runs: Vec<Run>,
}

impl TrackFragment {
    /// Samples of all runs, at most [`MAX_SAMPLES_PER_RUN`].
    pub fn sample_count(&self) -> u32 {
        self.runs.iter().fold(0, |sum, run| sum.saturating_add(run.count))
    }
}

/// Samples that lie one after the other (`trun`, ISO/IEC 14496-12 8.8.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Bytes from the base; `None`: right behind the previous run.
    pub data_offset: Option<i32>,
    /// Flags of the first sample, in place of the default.
    pub first_sample_flags: Option<u32>,
    /// The box's version; composition offsets are read signed in both.
    pub version: u8,
    /// Samples, at most [`MAX_SAMPLES_PER_RUN`].
    pub count: u32,
    /// Which fields each sample has: bits 0x100, 0x200, 0x400 and 0x800 of the box's flags.
    fields: u32,
    entries: Bytes,
}

/// A sample of a run; what is `None` takes the track fragment's default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunSample {
    /// Decode duration, ticks of the track's timescale.
    pub duration: Option<u32>,
    /// Bytes.
    pub size: Option<u32>,
    /// Sample flags; the first sample has the run's `first_sample_flags` here.
    pub flags: Option<u32>,
    /// Composition time less decode time, ticks of the track's timescale.
    pub composition_offset: i32,
}

impl MovieFragment {
    /// Reads a whole `moof` box that begins at `offset_in_file`. Bytes behind the box are ignored.
    ///
    /// # Errors
    /// [`Error`] when a box is damaged or the fragment exceeds [`MAX_SAMPLES_PER_RUN`].
    pub fn parse(moof: &Bytes, offset_in_file: u64) -> Result<MovieFragment, Error> {
        let moof = RawBox::expect(moof, offset_in_file, MOOF)?;
        let path = BoxPath::FILE.child(MOOF);
        let (mut mfhd, mut tracks) = (None, Vec::new());
        let mut samples_left = MAX_SAMPLES_PER_RUN;
        for child in moof.children(path) {
            let child = child?;
            match child.kind {
                MFHD => once(&mut mfhd, child, path)?,
                TRAF => {
                    let path = path.numbered(TRAF, tracks.len() + 1);
                    tracks.push(TrackFragment::parse(&child, path, &mut samples_left)?);
                    within_limit(tracks.len(), path, child.offset)?;
                }
                _ => {}
            }
        }
        let mfhd = required(mfhd, MFHD, path, moof.offset)?;
        let mut fields = mfhd.fields(path.child(MFHD));
        fields.full_box()?;
        Ok(MovieFragment { sequence_number: fields.u32()?, tracks, offset: offset_in_file })
    }
}

impl TrackFragment {
    fn parse(traf: &RawBox, path: BoxPath, samples_left: &mut u32) -> Result<TrackFragment, Error> {
        let (mut tfhd, mut tfdt, mut sdtp, mut tfxd, mut tfrf) = (None, None, None, None, None);
        let (mut protection, mut runs) = (ProtectionBoxes::default(), Vec::new());
        for child in traf.children(path) {
            let child = child?;
            match (child.kind, child.uuid) {
                (TFHD, _) => once(&mut tfhd, child, path)?,
                (TFDT, _) => once(&mut tfdt, child, path)?,
                (SDTP, _) => once(&mut sdtp, child, path)?,
                (TRUN, _) => {
                    let run = Run::parse(&child, path.numbered(TRUN, runs.len() + 1), *samples_left)?;
                    *samples_left -= run.count;
                    // A run of nothing says nothing.
                    if run.count > 0 {
                        runs.push(run);
                    }
                }
                (_, Some(piff::TFXD)) => once(&mut tfxd, child, path)?,
                (_, Some(piff::TFRF)) => once(&mut tfrf, child, path)?,
                _ => protection.take(child, path)?,
            }
        }
        let tfhd = required(tfhd, TFHD, path, traf.offset)?;
        let mut fields = tfhd.fields(path.child(TFHD));
        let (_, flags) = fields.full_box()?;
        let track_id = fields.u32()?;
        let base_data_offset = if flags & 1 != 0 { Some(base(&mut fields)?) } else { None };
        let mut optional = |flag: u32| if flags & flag != 0 { fields.u32().map(Some) } else { Ok(None) };
        let sample_description_index = optional(0x02)?;
        let default_duration = optional(0x08)?;
        let default_size = optional(0x10)?;
        let default_flags = optional(0x20)?;

        let decode_time = match tfdt {
            Some(tfdt) => {
                let mut fields = tfdt.fields(path.child(TFDT));
                let (version, _) = fields.full_box_up_to(1)?;
                Some(fields.u32_or_u64(version == 1)?)
            }
            None => None,
        };
        let tfxd = tfxd.map(|found| piff::parse_tfxd(&found, path.child(found.kind))).transpose()?;
        let tfrf = tfrf.map(|found| piff::parse_tfrf(&found, path.child(found.kind))).transpose()?;
        let protection = protection.parse(MAX_SAMPLES_PER_RUN, LOCAL_GROUPS, path)?;
        Ok(TrackFragment {
            track_id,
            base_data_offset,
            default_base_is_moof: flags & 0x02_0000 != 0,
            sample_description_index,
            default_duration,
            default_size,
            default_flags,
            duration_is_empty: flags & 0x01_0000 != 0,
            decode_time,
            tfxd,
            tfrf: tfrf.unwrap_or_default(),
            sample_dependencies: sdtp.map(|found| found.body.slice(found.body.len().min(4)..)),
            protection,
            runs,
        })
    }
}

/// A base data offset, below 2⁶³ so that adding to it cannot overflow.
fn base(fields: &mut Fields<'_>) -> Result<u64, Error> {
    let value = fields.u64()?;
    let limit = i64::MAX as u64;
    if value > limit {
        return Err(fields.error(ErrorKind::LimitExceeded { what: "bytes of base data offset", value, limit }));
    }
    Ok(value)
}

impl Run {
    const DURATION: u32 = 0x100;
    const SIZE: u32 = 0x200;
    const FLAGS: u32 = 0x400;
    const COMPOSITION_OFFSET: u32 = 0x800;

    fn parse(trun: &RawBox, path: BoxPath, samples_left: u32) -> Result<Run, Error> {
        let mut fields = trun.fields(path);
        let (version, flags) = fields.full_box_up_to(1)?;
        let count = fields.u32()?;
        let data_offset = if flags & 1 != 0 { Some(fields.u32()?.cast_signed()) } else { None };
        let first_sample_flags = if flags & 4 != 0 { Some(fields.u32()?) } else { None };
        let entry_size = entry_size(flags);
        if entry_size > 0 {
            fields.check_room(u64::from(count), entry_size)?;
        }
        if count > samples_left {
            let (value, limit) = (u64::from(count), u64::from(samples_left));
            return Err(fields.error(ErrorKind::LimitExceeded { what: "samples", value, limit }));
        }
        let start = fields.position();
        fields.take(count as usize * entry_size)?;
        let entries = trun.body.slice(start..fields.position());
        Ok(Run { data_offset, first_sample_flags, version, count, fields: flags & 0xf00, entries })
    }

    /// The samples in decode order.
    pub fn samples(&self) -> impl Iterator<Item = RunSample> + Clone + '_ {
        let size = entry_size(self.fields);
        (0..self.count).map(move |index| {
            let mut entry = self.entries.get(index as usize * size..).unwrap_or_default();
            let mut field = |flag: u32| {
                if self.fields & flag == 0 {
                    return None;
                }
                let value = be_u32(entry);
                entry = entry.get(4..).unwrap_or_default();
                Some(value)
            };
            let (duration, size, flags) = (field(Run::DURATION), field(Run::SIZE), field(Run::FLAGS));
            let composition_offset = field(Run::COMPOSITION_OFFSET).unwrap_or(0).cast_signed();
            let first = self.first_sample_flags.filter(|_| index == 0);
            RunSample { duration, size, flags: first.or(flags), composition_offset }
        })
    }
}

/// Bytes per sample of a `trun` with these flags.
fn entry_size(flags: u32) -> usize {
    (flags & 0xf00).count_ones() as usize * 4
}
