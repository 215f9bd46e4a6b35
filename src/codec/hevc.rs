//! HEVC (H.265): ISO/IEC 23008-2 in the sample entries of ISO/IEC 14496-15, Dolby Vision's among them.

use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;

use super::child_boxes::{child_box, child_boxes};
use super::hevc_slice::HevcSliceHeaders;
use super::hevc_sps::Sps;
use super::nal_units::{ByteStream, Kind, NalUnits, annex_b};
use super::slice_header::{NalSubsampler, SliceHeaders};
use super::visual_entry::{PictureBoxes, VISUAL_SAMPLE_ENTRY, four_cc};
use super::{
    AudioProperties, Codec, Colour, DolbyVision, DynamicRange, Error, LightLevels, SampleError, SmoothProperties,
    Subsampling, SupplementalCodec, TransportStream, VideoProperties, upper_hex,
};
use crate::bits::{self, Reader};
use crate::isobmff::FourCc;

// nal_unit_type (ISO/IEC 23008-2 table 7-1).
const LAST_SLICE: u8 = 31;
const VIDEO_PARAMETER_SET: u8 = 32;
pub(super) const SEQUENCE_PARAMETER_SET: u8 = 33;
const PICTURE_PARAMETER_SET: u8 = 34;
const ACCESS_UNIT_DELIMITER: u8 = 35;

/// An access unit delimiter that allows every slice type (`pic_type` 2, table 7-2).
const DELIMITER: &[u8] = &[0, 0, 0, 1, 0x46, 0x01, 0x50];

/// The most parameter sets of a kind that are taken from a sample: picture parameter sets have that many
/// identifiers (7.4.3.3.1), the others fewer.
const MAX_PARAMETER_SETS: usize = 64;

/// Bytes of a configuration record before its arrays of NAL units (ISO/IEC 14496-15 8.3.3.1).
const RECORD_HEADER: usize = 22;

fn nal_unit_type(first: u8) -> u8 {
    first >> 1 & 0x3f
}

fn kind(first: u8) -> Kind {
    match nal_unit_type(first) {
        0..=LAST_SLICE => Kind::Slice,
        VIDEO_PARAMETER_SET => Kind::ParameterSet(1),
        SEQUENCE_PARAMETER_SET => Kind::ParameterSet(2),
        PICTURE_PARAMETER_SET => Kind::ParameterSet(4),
        ACCESS_UNIT_DELIMITER => Kind::Delimiter,
        _ => Kind::Other,
    }
}

/// An HEVC track.
#[derive(Debug, Clone)]
pub struct Hevc {
    four_cc: FourCc,
    entry: Bytes,
    /// The configuration record up to its arrays.
    record: [u8; RECORD_HEADER],
    sps: Sps,
    boxes: PictureBoxes,
    colour: Option<Colour>,
    stream: ByteStream,
    slices: HevcSliceHeaders,
    /// The same track with all parameter sets in its sample entry, where its own allows them elsewhere.
    described: Option<Arc<Hevc>>,
}

impl Hevc {
    /// Reads an `hvc1`, `hev1`, `dvh1` or `dvhe` sample entry, a whole box. Kinds of parameter sets that its
    /// configuration record lacks, as `hev1` allows (ISO/IEC 14496-15 8.4.3), are taken from `first_sample`.
    ///
    /// # Errors
    /// [`Error::Malformed`] when there is no usable configuration record or parameter set.
    pub fn parse(entry: &Bytes, first_sample: Option<&Bytes>) -> Result<Hevc, Error> {
        let four_cc = four_cc(entry);
        let malformed = |what, position| Error::Malformed { four_cc, what, position };
        let hvcc = child_box(entry, VISUAL_SAMPLE_ENTRY, b"hvcC")
            .ok_or(malformed("no hvcC box", VISUAL_SAMPLE_ENTRY.min(entry.len())))?;
        let mut sets = ParameterSets::default();
        let record = read_record(hvcc.payload, &mut sets)
            .map_err(|error| malformed("damaged hvcC box", hvcc.position + error.byte_position()))?;
        let nal_unit_length = (record[21] & 3) + 1;
        if nal_unit_length == 3 {
            return Err(malformed("NAL unit length field of 3 bytes", hvcc.position + 21));
        }
        if let Some(sample) = first_sample {
            sets.fill_from(sample, nal_unit_length);
        }
        let first = sets.sequence.first().ok_or(malformed("no sequence parameter set", hvcc.position))?;
        if sets.picture.is_empty() {
            return Err(malformed("no picture parameter set", hvcc.position));
        }
        let sps = Sps::parse(first).map_err(|e| malformed(e.what, hvcc.position))?;
        let boxes = PictureBoxes::of(entry);
        if matches!(&four_cc.0, b"dvh1" | b"dvhe") && boxes.dolby_vision.is_none() {
            return Err(malformed("no dvcC or dvvC box", VISUAL_SAMPLE_ENTRY));
        }
        let described = match &four_cc.0 {
            b"hev1" => sets.entry_named(entry, *b"hvc1", &record),
            b"dvhe" => sets.entry_named(entry, *b"dvh1", &record),
            _ => None,
        };
        let mut slices = HevcSliceHeaders::default();
        sets.all().for_each(|set| slices.learn(set));
        let set_kinds = if sets.video.is_empty() { 6 } else { 7 };
        Ok(Hevc {
            four_cc,
            entry: entry.clone(),
            record,
            sps,
            boxes,
            colour: boxes.colour.or(sps.usability.colour),
            stream: ByteStream::new(nal_unit_length, kind, DELIMITER, annex_b(sets.all()), set_kinds),
            slices,
            described: described.and_then(|entry| Hevc::parse(&entry, None).ok()).map(Arc::new),
        })
    }

    /// Dolby Vision that nobody without it can watch.
    fn dolby_vision_alone(&self) -> Option<DolbyVision> {
        self.boxes.dolby_vision.filter(|vision| vision.stands_alone() || matches!(&self.four_cc.0, b"dvh1" | b"dvhe"))
    }
}

impl Codec for Hevc {
    /// ISO/IEC 14496-15 E.3; of Dolby Vision's own sample entries its profile and level.
    fn rfc6381(&self) -> String {
        if let (b"dvh1" | b"dvhe", Some(vision)) = (&self.four_cc.0, self.boxes.dolby_vision) {
            return vision.rfc6381(self.four_cc);
        }
        let [_, profile, a, b, c, d, constraints @ .., level] =
            self.record.first_chunk::<13>().copied().unwrap_or_default();
        let space = ["", "A", "B", "C"][usize::from(profile >> 6)];
        let tier = if profile & 0x20 == 0 { 'L' } else { 'H' };
        let compatibility = u32::from_be_bytes([a, b, c, d]).reverse_bits();
        let mut name = format!("{}.{space}{}.{compatibility:X}.{tier}{level}", self.four_cc, profile & 0x1f);
        let told = constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        for byte in constraints.iter().take(told) {
            // Writing to a string does not fail.
            let _ = write!(name, ".{byte:X}");
        }
        name
    }

    fn four_cc(&self) -> FourCc {
        self.four_cc
    }

    fn sample_entry(&self) -> Bytes {
        self.entry.clone()
    }

    fn video(&self) -> Option<VideoProperties> {
        Some(VideoProperties {
            width: self.sps.width,
            height: self.sps.height,
            sample_aspect_ratio: self.boxes.sample_aspect_ratio(self.sps.usability.sample_aspect_ratio),
        })
    }

    fn audio(&self) -> Option<AudioProperties> {
        None
    }

    /// `hvc1` or `hev1` (MS-SSTR amendment for HEVC). The amendment lists SPS and PPS alone; decoders need
    /// the VPS too, encoders write it, and clients tell the three apart by their types.
    fn smooth(&self) -> Option<SmoothProperties> {
        let four_cc = match &self.four_cc.0 {
            _ if self.dolby_vision_alone().is_some() => return None,
            b"hev1" => "hev1",
            _ => "hvc1",
        };
        Some(SmoothProperties {
            four_cc,
            codec_private_data: upper_hex(&self.stream.parameter_sets),
            audio_tag: None,
            packet_size: None,
            nal_unit_length_field: Some(self.stream.nal_unit_length).filter(|&n| n != 4),
        })
    }

    /// Not for Dolby Vision without a base layer: nothing in a plain HEVC stream says what it is.
    fn transport_stream(&self) -> Option<&dyn TransportStream> {
        self.dolby_vision_alone().is_none().then_some(self as &dyn TransportStream)
    }

    fn with_parameter_sets_in_entry(&self) -> Option<Arc<dyn Codec>> {
        self.described.as_ref().map(|codec| Arc::clone(codec) as Arc<dyn Codec>)
    }

    fn subsampling(&self) -> Option<Subsampling> {
        let nal_unit_length = self.stream.nal_unit_length;
        Some(Subsampling::Parts(Box::new(NalSubsampler { headers: self.slices.clone(), nal_unit_length })))
    }

    fn colour(&self) -> Option<Colour> {
        self.colour
    }

    fn dynamic_range(&self) -> DynamicRange {
        self.boxes.dynamic_range(self.colour)
    }

    fn light_levels(&self) -> Option<LightLevels> {
        self.boxes.light
    }

    fn dolby_vision(&self) -> Option<DolbyVision> {
        self.boxes.dolby_vision
    }

    fn supplemental(&self) -> Option<SupplementalCodec> {
        self.boxes.dolby_vision?.supplemental(self.four_cc, self.colour.map_or(0, |c| c.transfer))
    }

    fn brands(&self) -> Vec<FourCc> {
        self.boxes.brands(self.four_cc, self.colour)
    }
}

impl TransportStream for Hevc {
    fn stream_type(&self) -> u8 {
        0x24 // ISO/IEC 13818-1 table 2-34: ISO/IEC 23008-2 video
    }

    fn stream_id(&self) -> u8 {
        0xe0
    }

    fn access_unit(&self, sample: &Bytes, sync: bool, out: &mut Vec<Bytes>) -> Result<(), SampleError> {
        self.stream.access_unit(sample, sync, out)
    }
}

/// Parameter sets without start codes, and what else a configuration record holds (SEI).
#[derive(Default)]
struct ParameterSets {
    video: Vec<Vec<u8>>,
    sequence: Vec<Vec<u8>>,
    picture: Vec<Vec<u8>>,
    others: Vec<Vec<u8>>,
}

impl ParameterSets {
    /// Video, sequence and picture parameter sets in the order in which they refer to each other.
    fn all(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.video.iter().chain(&self.sequence).chain(&self.picture)
    }

    fn list(&mut self, first: u8) -> &mut Vec<Vec<u8>> {
        match nal_unit_type(first) {
            VIDEO_PARAMETER_SET => &mut self.video,
            SEQUENCE_PARAMETER_SET => &mut self.sequence,
            PICTURE_PARAMETER_SET => &mut self.picture,
            _ => &mut self.others,
        }
    }

    /// Takes the kinds that are missing from a stored sample; a damaged sample gives what it can.
    fn fill_from(&mut self, sample: &[u8], length_size: u8) {
        let missing = [self.video.is_empty(), self.sequence.is_empty(), self.picture.is_empty()];
        for range in NalUnits::new(sample, length_size).map_while(Result::ok) {
            let nal_unit = sample.get(range).unwrap_or_default();
            let Some(&first) = nal_unit.first() else { continue };
            let place = nal_unit_type(first).wrapping_sub(VIDEO_PARAMETER_SET);
            if missing.get(usize::from(place)) != Some(&true) {
                continue;
            }
            let list = self.list(first);
            if list.len() < MAX_PARAMETER_SETS && !list.iter().any(|known| known == nal_unit) {
                list.push(nal_unit.to_vec());
            }
        }
    }

    /// The sample entry as `name` with all parameter sets in it and said to be complete; `None` when they
    /// do not fit a record, or one kind is not there at all.
    fn entry_named(&self, entry: &[u8], name: [u8; 4], header: &[u8; RECORD_HEADER]) -> Option<Bytes> {
        let mut record = header.to_vec();
        let arrays = [&self.video, &self.sequence, &self.picture];
        if arrays.iter().any(|array| array.is_empty()) {
            return None;
        }
        // SEI NAL units of either kind stay what they were.
        let of = |wanted: u8| {
            let units = self.others.iter().filter(move |unit| unit.first().map(|b| nal_unit_type(*b)) == Some(wanted));
            units.cloned().collect::<Vec<_>>()
        };
        let (prefix, suffix) = (of(39), of(40));
        let arrays: Vec<&Vec<Vec<u8>>> =
            arrays.into_iter().chain([&prefix, &suffix]).filter(|array| !array.is_empty()).collect();
        record.push(u8::try_from(arrays.len()).ok()?);
        for array in arrays {
            let first = array.first()?.first()?;
            record.push(0x80 | nal_unit_type(*first)); // array_completeness
            record.extend(u16::try_from(array.len()).ok()?.to_be_bytes());
            for unit in array {
                record.extend(u16::try_from(unit.len()).ok()?.to_be_bytes());
                record.extend_from_slice(unit);
            }
        }
        let mut out = entry.get(..VISUAL_SAMPLE_ENTRY)?.to_vec();
        for child in child_boxes(entry, VISUAL_SAMPLE_ENTRY) {
            let payload = if &child.kind == b"hvcC" { record.as_slice() } else { child.payload };
            out.extend(u32::try_from(payload.len() + 8).ok()?.to_be_bytes());
            out.extend_from_slice(&child.kind);
            out.extend_from_slice(payload);
        }
        let size = u32::try_from(out.len()).ok()?.to_be_bytes();
        out.get_mut(..4)?.copy_from_slice(&size);
        out.get_mut(4..8)?.copy_from_slice(&name);
        Some(Bytes::from(out))
    }
}

/// Reads an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 8.3.3.1) and returns what stands before its arrays.
fn read_record(record: &[u8], sets: &mut ParameterSets) -> Result<[u8; RECORD_HEADER], bits::Error> {
    let mut r = Reader::new(record);
    let header = r.array()?;
    let arrays = r.u8()?;
    for _ in 0..arrays {
        r.u8()?; // array_completeness and the type, which the NAL units tell too
        for _ in 0..r.u16()? {
            let size = r.u16()?;
            let nal_unit = r.bytes(usize::from(size))?;
            if let Some(&first) = nal_unit.first() {
                sets.list(first).push(nal_unit.to_vec());
            }
        }
    }
    Ok(header)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
    }

    // x265: Main, 640x360, BT.709; Main 10, 256x144, BT.2020 with PQ.
    const MAIN: &str = concat!(
        "01016000000090000000000078f000fcfdf8f800000f03a00001001840010c01ffff016000000300900000030000030078959809",
        "a10001002d420101016000000300900000030000030078a00502016965959a4932bc05a80808082000000300200000030321",
        "a2000100074401c172b46240"
    );
    const MAIN_10: &str = concat!(
        "0102200000009000000000001ef000fcfdfafa00000f03a00001001840010c01ffff02200000030090000003000003001e9594",
        "09a10001002e42010102200000030090000003000003001ea0142061f236595964932bc05a84880482000003000200000300",
        "3210a2000100074401c172b42240"
    );
    const VISION: [u8; 32] = {
        let mut record = [0; 32];
        record[3] = 32;
        (record[4], record[5], record[6], record[7]) = (b'd', b'v', b'v', b'C');
        (record[8], record[10], record[11], record[12]) = (1, 16, 0x0d, 0x10);
        record
    };

    fn entry(name: &[u8; 4], record: &[u8], more: &[u8]) -> Bytes {
        let mut out = vec![0; 86];
        out[4..8].copy_from_slice(name);
        out.extend((record.len() as u32 + 8).to_be_bytes());
        out.extend_from_slice(b"hvcC");
        out.extend_from_slice(record);
        out.extend_from_slice(more);
        let size = (out.len() as u32).to_be_bytes();
        out[..4].copy_from_slice(&size);
        Bytes::from(out)
    }

    fn parse(name: &[u8; 4], record: &str) -> Hevc {
        Hevc::parse(&entry(name, &bytes(record), &[]), None).unwrap()
    }

    /// A stored sample of NAL units with length fields of four bytes.
    fn sample(units: &[&[u8]]) -> Bytes {
        units.iter().flat_map(|u| [&(u.len() as u32).to_be_bytes()[..], u].concat()).collect()
    }

    #[test]
    fn codec_strings() {
        assert_eq!(parse(b"hvc1", MAIN).rfc6381(), "hvc1.1.6.L120.90");
        assert_eq!(parse(b"hev1", MAIN_10).rfc6381(), "hev1.2.4.L30.90");
        let with = |at: usize, value: u8| {
            let mut record = bytes(MAIN);
            record[at] = value;
            Hevc::parse(&entry(b"hvc1", &record, &[]), None).unwrap().rfc6381()
        };
        // The parts of ISO/IEC 14496-15 E.3: profile space, tier, compatibility in reverse, constraints.
        assert_eq!(with(1, 0x61), "hvc1.A1.6.H120.90");
        assert_eq!(with(1, 0xa4), "hvc1.B4.6.H120.90");
        assert_eq!(with(5, 1), "hvc1.1.80000006.L120.90");
        assert_eq!(with(11, 1), "hvc1.1.6.L120.90.0.0.0.0.1");
        assert_eq!(with(6, 0), "hvc1.1.6.L120");
    }

    #[test]
    fn size_and_colour_come_from_the_parameter_set() {
        let main = parse(b"hvc1", MAIN);
        let picture = main.video().unwrap();
        assert_eq!((picture.width, picture.height, picture.sample_aspect_ratio), (640, 360, (1, 1)));
        assert_eq!(main.colour(), Some(Colour { primaries: 1, transfer: 1, matrix: 1, full_range: false }));
        assert_eq!(main.dynamic_range(), DynamicRange::Sdr);
        let main_10 = parse(b"hvc1", MAIN_10);
        let picture = main_10.video().unwrap();
        assert_eq!((picture.width, picture.height), (160, 90));
        assert_eq!(main_10.colour(), Some(Colour { primaries: 9, transfer: 16, matrix: 9, full_range: false }));
        assert_eq!(main_10.dynamic_range(), DynamicRange::Pq);
    }

    #[test]
    fn smooth_names_all_parameter_sets() {
        let smooth = parse(b"hev1", MAIN).smooth().unwrap();
        assert_eq!((smooth.four_cc, smooth.nal_unit_length_field), ("hev1", None));
        let starts: Vec<&str> = smooth.codec_private_data.split("00000001").collect();
        let types: Vec<&str> = starts.iter().filter_map(|unit| unit.get(..4)).collect();
        assert_eq!(types, ["4001", "4201", "4401"]);
    }

    #[test]
    fn key_frames_begin_with_delimiter_and_parameter_sets() {
        let hevc = parse(b"hvc1", MAIN);
        let stream = hevc.transport_stream().unwrap();
        assert_eq!((stream.stream_type(), stream.stream_id()), (0x24, 0xe0));
        let units = |sample: &Bytes, sync| {
            let mut out = Vec::new();
            stream.access_unit(sample, sync, &mut out).unwrap();
            let joined = out.concat();
            let starts: Vec<usize> =
                (0..joined.len().saturating_sub(4)).filter(|i| joined[*i..*i + 4] == [0, 0, 0, 1]).collect();
            starts.iter().map(|at| nal_unit_type(joined[at + 4])).collect::<Vec<u8>>()
        };
        let idr: &[u8] = &[0x26, 1, 0xaf];
        assert_eq!(units(&sample(&[idr]), true), [35, 32, 33, 34, 19]);
        assert_eq!(units(&sample(&[&[2, 1, 0xaf]]), false), [35, 1]);
        // Its own delimiter, and its own sets.
        assert_eq!(units(&sample(&[&[0x46, 1, 0x50], idr]), true), [35, 32, 33, 34, 19]);
        let own: [&[u8]; 4] = [&[0x40, 1, 9], &[0x42, 1, 9], &[0x44, 1, 9], idr];
        assert_eq!(units(&sample(&own), true), [35, 32, 33, 34, 19]);
    }

    #[test]
    fn parameter_sets_come_from_the_first_sample_and_go_into_the_entry() {
        let full = parse(b"hvc1", MAIN);
        let sets = full.stream.parameter_sets.to_vec();
        let lengths: Vec<Vec<u8>> = {
            let text = upper_hex(&sets);
            text.split("00000001").filter(|u| !u.is_empty()).map(bytes).collect()
        };
        let first = sample(&lengths.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let mut bare = bytes(MAIN)[..23].to_vec();
        bare[22] = 0;
        let pasp = [&[0, 0, 0, 16][..], b"pasp", &[0, 0, 0, 4, 0, 0, 0, 3]].concat();
        let bare = entry(b"hev1", &bare, &pasp);
        assert!(matches!(Hevc::parse(&bare, None), Err(Error::Malformed { what: "no sequence parameter set", .. })));
        let hev1 = Hevc::parse(&bare, Some(&first)).unwrap();
        assert_eq!((hev1.rfc6381().as_str(), hev1.sample_entry()), ("hev1.1.6.L120.90", bare));
        let hvc1 = hev1.with_parameter_sets_in_entry().unwrap();
        assert_eq!((hvc1.rfc6381().as_str(), hvc1.four_cc()), ("hvc1.1.6.L120.90", FourCc(*b"hvc1")));
        assert_eq!(hvc1.video(), hev1.video());
        assert_eq!(hvc1.video().unwrap().sample_aspect_ratio, (4, 3));
        let again = Hevc::parse(&hvc1.sample_entry(), None).unwrap();
        assert_eq!(again.stream.parameter_sets, full.stream.parameter_sets);
        assert!(hvc1.with_parameter_sets_in_entry().is_none() && full.with_parameter_sets_in_entry().is_none());
    }

    #[test]
    fn dolby_vision_over_hdr10_and_alone() {
        let over = Hevc::parse(&entry(b"hev1", &bytes(MAIN_10), &VISION), None).unwrap();
        let supplemental = |codec: &dyn Codec| codec.supplemental().map(|s| format!("{}/{}", s.codecs, s.brand));
        assert_eq!(supplemental(&over).as_deref(), Some("dvhe.08.01/db1p"));
        let described = over.with_parameter_sets_in_entry().unwrap();
        assert_eq!(supplemental(&*described).as_deref(), Some("dvh1.08.01/db1p"));
        assert_eq!(over.brands(), [FourCc(*b"dby1"), FourCc(*b"db1p")]);
        assert!(over.transport_stream().is_some() && over.smooth().is_some());
        let mut five = VISION;
        (five[7], five[10], five[11], five[12]) = (b'C', 10, 0x35, 0);
        let alone = Hevc::parse(&entry(b"dvh1", &bytes(MAIN_10), &five), None).unwrap();
        assert_eq!((alone.rfc6381().as_str(), alone.dynamic_range()), ("dvh1.05.06", DynamicRange::Pq));
        assert_eq!(supplemental(&alone), None);
        assert!(alone.transport_stream().is_none() && alone.smooth().is_none());
        assert!(Hevc::parse(&entry(b"dvh1", &bytes(MAIN_10), &[]), None).is_err());
    }

    #[test]
    fn every_cut_of_a_parameter_set_is_an_error_or_the_size() {
        let sps = bytes("42010102200000030090000003000003001ea0142061f236595964932bc05a848804820000030002000003003210");
        for end in 0..=sps.len() {
            match Sps::parse(&sps[..end]) {
                Ok(parsed) => assert_eq!((parsed.width, parsed.height), (160, 90)),
                Err(error) => assert!(error.position <= end),
            }
        }
    }

    proptest! {
        #[test]
        fn mutated_entries_never_panic(
            edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..12),
            end in any::<proptest::sample::Index>(),
        ) {
            let mut mutated = entry(b"hev1", &bytes(MAIN_10), &VISION).to_vec();
            for (at, value) in edits {
                let at = at.index(mutated.len());
                mutated[at] = value;
            }
            let _ = Hevc::parse(&Bytes::copy_from_slice(&mutated[..end.index(mutated.len() + 1)]), None);
            if let Ok(hevc) = Hevc::parse(&Bytes::from(mutated), None) {
                let _ = (hevc.rfc6381(), hevc.smooth(), hevc.video(), hevc.supplemental(), hevc.brands());
            }
        }
    }
}
