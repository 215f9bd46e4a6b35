//! Writing movie fragments in the dialects of the output formats.
//!
//! Order of the boxes: `moof { mfhd, traf { tfhd, tfdt, trun, dialect's own, tfxd, caller's own } }`,
//! then the header of the `mdat`. The caller's own boxes come last, so where they begin does not
//! depend on what they are, see [`FragmentHeader::extra_boxes_offset`].

use super::fragment::{MAX_SAMPLES_PER_RUN, SAMPLE_IS_NON_SYNC};
use super::init::Brands;
use super::write::{fill, put, write_box, write_full_box, write_media_data_header};
use super::{FourCc, piff};

/// Flags of a sync sample: depends on no other (ISO/IEC 14496-12 8.8.3.1).
const SYNC: u32 = 0x0200_0000;
/// Flags of the first picture of a fragment in AMS's Common Streaming Format: not leading,
/// depends on no other, others depend on it, no redundant coding, sync.
const CSF_FIRST: u32 = 0x0a60_0000;

/// A sample to be described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FragmentSample {
    /// Bytes.
    pub size: u32,
    /// Decode duration, ticks of the track's timescale.
    pub duration: u32,
    /// Composition time less decode time, ticks of the track's timescale.
    pub composition_offset: i32,
    /// Whether it is a sync sample.
    pub sync: bool,
}

/// The dialect of a fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FragmentStyle<'a> {
    /// AMS's Common Streaming Format, `mpd-time-csf`: every field written out per sample.
    Csf {
        /// Body of an `avcn` box: the decoder configuration record.
        decoder_configuration: Option<&'a [u8]>,
        /// One byte per sample for a `trik` box: picture type and dependency level.
        picture_types: Option<&'a [u8]>,
    },
    /// ISO/IEC 23000-19: defaults where all samples agree, data relative to the `moof`.
    Cmaf,
    /// Smooth Streaming (MS-SSTR 2.2.4): every field written out, `sdtp` for pictures.
    Smooth,
}

/// The bytes before the payload of a fragment of one track.
#[derive(Debug, Clone, Copy)]
pub struct FragmentHeader<'a> {
    /// Dialect.
    pub style: FragmentStyle<'a>,
    /// A `styp` box to begin with.
    pub segment_type: Option<Brands<'a>>,
    /// Order number of the fragment.
    pub sequence_number: u32,
    /// The track.
    pub track_id: u32,
    /// Decode time of the first sample, ticks of the track's timescale.
    pub decode_time: u64,
    /// Smooth's time and duration of the fragment for a `TfxdBox`.
    pub tfxd: Option<(u64, u64)>,
    /// Whole boxes for the end of the `traf`, as encryption adds them (`senc`, `saiz`, `saio`).
    pub extra_traf_boxes: &'a [u8],
    /// Whole boxes for the end of the `moof`: `pssh` of keys that come with it.
    pub extra_moof_boxes: &'a [u8],
    /// The samples in decode order.
    pub samples: &'a [FragmentSample],
}

/// Why a fragment cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// More samples than a reader of ours would take.
    #[error("{count} samples exceed the limit of {MAX_SAMPLES_PER_RUN} in a fragment")]
    TooManySamples {
        /// Samples given.
        count: usize,
    },
    /// The header is too long for a signed 32-bit data offset.
    #[error("a fragment header of {size} bytes exceeds the range of its data offset")]
    HeaderTooLong {
        /// Bytes from the `moof`'s first to the payload's first.
        size: usize,
    },
}

/// How sample flags are told.
enum Flags {
    /// One value for all.
    Same(u32),
    /// One value for the first sample, another for the others.
    First(u32, u32),
    /// Sync samples in the middle too.
    Each,
}

impl FragmentHeader<'_> {
    /// Everything up to the payload: `styp` if asked for, `moof`, and the `mdat` header, 8 bytes or
    /// 16 where the payload needs it. The data offset points right behind.
    ///
    /// # Errors
    /// [`WriteError`] when there are too many samples or too many bytes of extra boxes.
    pub fn write(&self) -> Result<Vec<u8>, WriteError> {
        if self.samples.len() > MAX_SAMPLES_PER_RUN as usize {
            return Err(WriteError::TooManySamples { count: self.samples.len() });
        }
        let mut out = Vec::with_capacity(256 + self.extra_traf_boxes.len() + self.samples.len() * 17);
        if let Some(brands) = &self.segment_type {
            brands.write(&mut out, FourCc(*b"styp"));
        }
        let moof = out.len();
        let mut data_offset_at = 0;
        write_box(&mut out, FourCc(*b"moof"), |out| {
            write_full_box(out, FourCc(*b"mfhd"), 0, 0, |out| put(out, &[self.sequence_number]));
            write_box(out, FourCc(*b"traf"), |out| {
                data_offset_at = self.own_boxes(out);
                out.extend_from_slice(self.extra_traf_boxes);
            });
            out.extend_from_slice(self.extra_moof_boxes);
        });
        write_media_data_header(&mut out, self.payload_size());
        let size = out.len() - moof;
        let offset = i32::try_from(size).map_err(|_| WriteError::HeaderTooLong { size })?;
        fill(&mut out, data_offset_at, &offset.to_be_bytes());
        Ok(out)
    }

    /// Where `extra_traf_boxes` begin, in bytes from the `moof`'s first: `saio` counts from there
    /// (ISO/IEC 14496-12 8.7.9, 23001-7 7.2). The same whatever the extra boxes are.
    pub fn extra_boxes_offset(&self) -> usize {
        let mut out = Vec::new();
        self.own_boxes(&mut out);
        // Headers of moof and traf, and mfhd.
        8 + 16 + 8 + out.len()
    }

    /// Bytes of all samples.
    pub fn payload_size(&self) -> u64 {
        self.samples.iter().map(|sample| u64::from(sample.size)).sum()
    }

    /// The boxes of `traf` before the extra ones; where in `out` the data offset is to be filled in.
    fn own_boxes(&self, out: &mut Vec<u8>) -> usize {
        let flags = self.flags();
        self.header(out, &flags);
        write_full_box(out, FourCc(*b"tfdt"), 1, 0, |out| out.extend_from_slice(&self.decode_time.to_be_bytes()));
        let data_offset_at = self.run(out, &flags);
        match self.style {
            FragmentStyle::Csf { decoder_configuration, picture_types } => {
                if let Some(record) = decoder_configuration {
                    write_box(out, FourCc(*b"avcn"), |out| out.extend_from_slice(record));
                }
                if let Some(types) = picture_types {
                    write_full_box(out, FourCc(*b"trik"), 0, 0, |out| out.extend_from_slice(types));
                }
            }
            FragmentStyle::Smooth if !matches!(flags, Flags::Same(SYNC)) => {
                // Bytes as the Microsoft encoders write them: sync samples depend on none and others
                // on them; no redundant coding (ISO/IEC 14496-12 8.6.4.3).
                write_full_box(out, FourCc(*b"sdtp"), 0, 0, |out| {
                    out.extend(self.samples.iter().map(|sample| if sample.sync { 0x26 } else { 0x02 }));
                });
            }
            FragmentStyle::Smooth | FragmentStyle::Cmaf => {}
        }
        if let Some(times) = self.tfxd {
            piff::write_tfxd(out, times);
        }
        data_offset_at
    }

    /// `tfhd` (ISO/IEC 14496-12 8.8.7).
    fn header(&self, out: &mut Vec<u8>, flags: &Flags) {
        let default_flags = match flags {
            Flags::Same(value) | Flags::First(_, value) => Some(*value),
            // AMS states it even where every sample has its own.
            Flags::Each => Some(SAMPLE_IS_NON_SYNC).filter(|_| !self.is_cmaf()),
        };
        let duration = self.agreed(|sample| sample.duration);
        let size = self.agreed(|sample| sample.size);
        let base = if matches!(self.style, FragmentStyle::Smooth) { 0 } else { 0x02_0000 };
        let present = |bit: u32, value: Option<u32>| if value.is_some() { bit } else { 0 };
        let bits = base | present(0x08, duration) | present(0x10, size) | present(0x20, default_flags);
        write_full_box(out, FourCc(*b"tfhd"), 0, bits, |out| {
            put(out, &[self.track_id]);
            [duration, size, default_flags].into_iter().flatten().for_each(|value| put(out, &[value]));
        });
    }

    /// `trun` (ISO/IEC 14496-12 8.8.8).
    fn run(&self, out: &mut Vec<u8>, flags: &Flags) -> usize {
        let negative = self.samples.iter().any(|sample| sample.composition_offset < 0);
        let pictures = !matches!(flags, Flags::Same(SYNC));
        let shifted = self.samples.iter().any(|sample| sample.composition_offset != 0);
        let mut bits = if matches!(flags, Flags::First(..)) { 0x05 } else { 0x01 };
        let mut has = |bit: u32, yes: bool| {
            bits |= if yes { bit } else { 0 };
            yes
        };
        let duration = has(0x100, self.agreed(|sample| sample.duration).is_none());
        let size = has(0x200, self.agreed(|sample| sample.size).is_none());
        let each = has(0x400, matches!(flags, Flags::Each));
        let offset = has(0x800, shifted || pictures && !self.is_cmaf());
        let version = u8::from(negative || !matches!(self.style, FragmentStyle::Smooth));
        let mut data_offset_at = 0;
        write_full_box(out, FourCc(*b"trun"), version, bits, |out| {
            put(out, &[self.samples.len() as u32]);
            data_offset_at = out.len();
            put(out, &[0]);
            if let Flags::First(value, _) = flags {
                put(out, &[*value]);
            }
            for sample in self.samples {
                if duration {
                    put(out, &[sample.duration]);
                }
                if size {
                    put(out, &[sample.size]);
                }
                if each {
                    put(out, &[if sample.sync { SYNC } else { SAMPLE_IS_NON_SYNC }]);
                }
                if offset {
                    put(out, &[sample.composition_offset.cast_unsigned()]);
                }
            }
        });
        data_offset_at
    }

    fn flags(&self) -> Flags {
        let first = self.samples.first().is_none_or(|sample| sample.sync);
        let rest = self.samples.get(1..).unwrap_or_default();
        let syncs = rest.iter().filter(|sample| sample.sync).count();
        match (first, syncs) {
            (true, all) if all == rest.len() => Flags::Same(SYNC),
            (true, 0) if matches!(self.style, FragmentStyle::Csf { .. }) => Flags::First(CSF_FIRST, SAMPLE_IS_NON_SYNC),
            (true, 0) => Flags::First(SYNC, SAMPLE_IS_NON_SYNC),
            (false, 0) => Flags::Same(SAMPLE_IS_NON_SYNC),
            _ => Flags::Each,
        }
    }

    /// The value of a field that all samples share, in the dialect that makes use of it.
    fn agreed(&self, field: impl Fn(&FragmentSample) -> u32) -> Option<u32> {
        if !self.is_cmaf() {
            return None;
        }
        let value = field(self.samples.first()?);
        self.samples.iter().all(|sample| field(sample) == value).then_some(value)
    }

    fn is_cmaf(&self) -> bool {
        matches!(self.style, FragmentStyle::Cmaf)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use mp4_atom::DecodeMaybe;
    use proptest::prelude::*;

    use super::super::{MovieFragment, TrackFragment, boxes, is_sync};
    use super::*;

    const CSF: FragmentStyle<'_> = FragmentStyle::Csf { decoder_configuration: None, picture_types: None };

    fn header<'a>(style: FragmentStyle<'a>, samples: &'a [FragmentSample]) -> FragmentHeader<'a> {
        FragmentHeader {
            style,
            segment_type: None,
            sequence_number: 7,
            track_id: 1,
            decode_time: 1 << 40,
            tfxd: None,
            extra_traf_boxes: &[],
            extra_moof_boxes: &[],
            samples,
        }
    }

    fn sample(size: u32, sync: bool) -> FragmentSample {
        FragmentSample { size, duration: 1001, composition_offset: 0, sync }
    }

    fn read_back(written: &[u8]) -> TrackFragment {
        let file = Bytes::from([written, &[0; 4096]].concat());
        let moof = boxes(&file, 0).map(Result::unwrap).find(|found| found.kind == FourCc(*b"moof")).unwrap();
        let mut fragment = MovieFragment::parse(&moof.whole, moof.offset).unwrap();
        assert_eq!(fragment.sequence_number, 7);
        assert_eq!(moof.offset as usize + fragment.tracks[0].runs[0].data_offset.unwrap() as usize, written.len());
        fragment.tracks.swap_remove(0)
    }

    /// The samples with defaults filled in.
    fn samples_of(traf: &TrackFragment) -> Vec<FragmentSample> {
        let all = traf.runs[0].samples().map(|sample| FragmentSample {
            size: sample.size.or(traf.default_size).unwrap(),
            duration: sample.duration.or(traf.default_duration).unwrap(),
            composition_offset: sample.composition_offset,
            sync: is_sync(sample.flags.or(traf.default_flags).unwrap()),
        });
        all.collect()
    }

    fn size_of_run(written: &[u8]) -> (u8, u32) {
        let at = written.windows(4).position(|window| window == b"trun").unwrap();
        let word = u32::from_be_bytes(written[at + 4..at + 8].try_into().unwrap());
        ((word >> 24) as u8, word & 0xff_ffff)
    }

    #[test]
    fn cmaf_states_only_what_differs() {
        let frames = [sample(100, true), sample(101, true)];
        assert_eq!(size_of_run(&header(FragmentStyle::Cmaf, &frames).write().unwrap()), (1, 0x201));
        let frames = [sample(100, true), sample(100, true)];
        assert_eq!(size_of_run(&header(FragmentStyle::Cmaf, &frames).write().unwrap()), (1, 0x001));
        let pictures = [sample(100, true), sample(9, false)];
        assert_eq!(size_of_run(&header(FragmentStyle::Cmaf, &pictures).write().unwrap()), (1, 0x205));
        let open = [sample(100, false), sample(9, true)];
        assert_eq!(size_of_run(&header(FragmentStyle::Cmaf, &open).write().unwrap()), (1, 0x601));
    }

    #[test]
    fn smooth_and_csf_state_everything() {
        let pictures = [sample(100, true), sample(9, false)];
        assert_eq!(size_of_run(&header(CSF, &pictures).write().unwrap()), (1, 0xb05));
        assert_eq!(size_of_run(&header(FragmentStyle::Smooth, &pictures).write().unwrap()), (0, 0xb05));
        let early = [sample(100, true), FragmentSample { composition_offset: -1, ..sample(9, false) }];
        assert_eq!(size_of_run(&header(FragmentStyle::Smooth, &early).write().unwrap()), (1, 0xb05));
        let frames = [sample(100, true); 3];
        assert_eq!(size_of_run(&header(CSF, &frames).write().unwrap()), (1, 0x301));
        assert_eq!(size_of_run(&header(FragmentStyle::Smooth, &frames).write().unwrap()), (0, 0x301));

        let smooth = FragmentHeader { tfxd: Some((1 << 40, 2002)), ..header(FragmentStyle::Smooth, &pictures) };
        let traf = read_back(&smooth.write().unwrap());
        assert_eq!((traf.decode_time, traf.tfxd), (Some(1 << 40), Some((1 << 40, 2002))));
        assert_eq!(traf.sample_dependencies.as_deref(), Some(&[0x26, 0x02][..]));
    }

    #[test]
    fn extra_boxes_lie_where_they_were_promised() {
        let pictures = [sample(100, true), sample(9, false)];
        let record = [1, 2, 3];
        for style in [
            FragmentStyle::Cmaf,
            FragmentStyle::Smooth,
            FragmentStyle::Csf { decoder_configuration: Some(&record), picture_types: Some(&[0x41, 3]) },
        ] {
            let segment_type = Some(Brands::CMAF_SEGMENT);
            let plain = FragmentHeader { segment_type, tfxd: Some((0, 1)), ..header(style, &pictures) };
            let at = plain.extra_boxes_offset();
            let mut extra = Vec::new();
            write_full_box(&mut extra, FourCc(*b"senc"), 0, 0, |out| put(out, &[2, 1, 2]));
            let written = FragmentHeader { extra_traf_boxes: &extra, ..plain }.write().unwrap();
            let moof = written.windows(4).position(|window| window == b"moof").unwrap() - 4;
            assert_eq!(written[moof + at..moof + at + extra.len()], extra);
            assert_eq!(read_back(&written).protection.table.map(|table| table.count), Some(2));
        }
    }

    #[test]
    fn large_payloads_have_large_headers() {
        let samples = [sample(u32::MAX, true), sample(5, true)];
        let written = header(FragmentStyle::Cmaf, &samples).write().unwrap();
        assert_eq!(written[written.len() - 16..], *b"\0\0\0\x01mdat\0\0\0\x01\0\0\0\x14");
        let moof = Bytes::copy_from_slice(&written[..written.len() - 16]);
        let run = &MovieFragment::parse(&moof, 0).unwrap().tracks[0].runs[0];
        assert_eq!(run.data_offset, Some(written.len() as i32));
    }

    #[test]
    fn what_no_reader_takes_is_not_written() {
        let samples = vec![sample(0, true); MAX_SAMPLES_PER_RUN as usize + 1];
        let error = header(FragmentStyle::Cmaf, &samples).write().unwrap_err();
        assert_eq!(error, WriteError::TooManySamples { count: samples.len() });
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            samples in prop::collection::vec(
                (0u32..3, 1u32..3, -2i32..3, any::<bool>()).prop_map(|(size, duration, composition_offset, sync)| {
                    FragmentSample { size, duration, composition_offset, sync }
                }),
                1..6,
            ),
            style in prop::sample::select(vec![FragmentStyle::Cmaf, FragmentStyle::Smooth, CSF]),
        ) {
            let written = header(style, &samples).write().unwrap();
            let traf = read_back(&written);
            prop_assert_eq!(samples_of(&traf), samples.clone());
            prop_assert_eq!((traf.track_id, traf.decode_time), (1, Some(1 << 40)));

            let other = mp4_atom::Moof::decode_maybe(&mut &written[..]).unwrap().unwrap();
            prop_assert_eq!(other.traf[0].trun[0].samples.len(), samples.len());
        }
    }
}
