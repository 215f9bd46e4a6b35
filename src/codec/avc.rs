//! AVC (H.264): ISO/IEC 14496-10 in the sample entries of ISO/IEC 14496-15.

use bytes::Bytes;

use super::avc_slice::AvcSliceHeaders;
use super::avc_sps::Sps;
use super::child_boxes::child_box;
use super::nal_units::{ByteStream, Kind, NalUnits, annex_b};
use super::slice_header::{NalSubsampler, SliceHeaders};
use super::visual_entry::{PictureBoxes, VISUAL_SAMPLE_ENTRY, four_cc};
use super::{
    AudioProperties, Codec, Colour, DolbyVision, DynamicRange, EncryptedStream, Error, LightLevels, ProtectedBlocks,
    SampleError, SmoothProperties, Subsampling, SupplementalCodec, TransportStream, VideoProperties,
    private_data_indicator, upper_hex,
};
use crate::bits::{self, Reader};
use crate::isobmff::FourCc;

// nal_unit_type (ISO/IEC 14496-10 table 7-1).
const SLICE: u8 = 1;
const IDR_SLICE: u8 = 5;
pub(super) const SEQUENCE_PARAMETER_SET: u8 = 7;
const PICTURE_PARAMETER_SET: u8 = 8;
const ACCESS_UNIT_DELIMITER: u8 = 9;

/// The most sequence, and the most picture parameter sets: their identifiers go no further
/// (ISO/IEC 14496-10 7.4.2.1.1, 7.4.2.2).
const MAX_PARAMETER_SETS: usize = 256;

/// An access unit delimiter that allows every slice type (`primary_pic_type` 7, table 7-5).
const DELIMITER: &[u8] = &[0, 0, 0, 1, 9, 0xf0];

fn kind(first: u8) -> Kind {
    match first & 0x1f {
        SLICE..=IDR_SLICE => Kind::Slice,
        SEQUENCE_PARAMETER_SET => Kind::ParameterSet(1),
        PICTURE_PARAMETER_SET => Kind::ParameterSet(2),
        ACCESS_UNIT_DELIMITER => Kind::Delimiter,
        _ => Kind::Other,
    }
}

/// An AVC track.
///
/// Profile, constraints, level and picture size are the SPS's: in a real file the avcC box has another
/// compatibility byte than the SPS, and the SPS is what decoders obey.
#[derive(Debug, Clone)]
pub struct Avc {
    four_cc: FourCc,
    entry: Bytes,
    /// The AVCDecoderConfigurationRecord, a slice of `entry`.
    record: Bytes,
    sps: Sps,
    boxes: PictureBoxes,
    colour: Option<Colour>,
    stream: ByteStream,
    slices: AvcSliceHeaders,
}

impl Avc {
    /// Reads an `avc1` or `avc3` sample entry, a whole box. Where its configuration record has no
    /// parameter sets, as `avc3` allows (ISO/IEC 14496-15 5.4.2.1), they are taken from `first_sample`.
    ///
    /// # Errors
    /// [`Error::Malformed`] when there is no usable configuration record or parameter set.
    pub fn parse(entry: &Bytes, first_sample: Option<&Bytes>) -> Result<Avc, Error> {
        let four_cc = four_cc(entry);
        let malformed = |what, position| Error::Malformed { four_cc, what, position };
        let avcc = child_box(entry, VISUAL_SAMPLE_ENTRY, b"avcC")
            .ok_or(malformed("no avcC box", VISUAL_SAMPLE_ENTRY.min(entry.len())))?;
        let mut sets = ParameterSets::default();
        let nal_unit_length = read_record(avcc.payload, &mut sets)
            .map_err(|error| malformed("damaged avcC box", avcc.position + error.byte_position()))?;
        if !matches!(nal_unit_length, 1 | 2 | 4) {
            return Err(malformed("NAL unit length field of 3 bytes", avcc.position + 4));
        }
        if let Some(sample) = first_sample
            && (sets.sequence.is_empty() || sets.picture.is_empty())
        {
            sets.fill_from(sample, nal_unit_length);
        }
        let first = sets.sequence.first().ok_or(malformed("no sequence parameter set", avcc.position))?;
        if sets.picture.is_empty() {
            return Err(malformed("no picture parameter set", avcc.position));
        }
        let sps = Sps::parse(first).map_err(|e| malformed(e.what, avcc.position))?;
        let boxes = PictureBoxes::of(entry);
        let mut slices = AvcSliceHeaders::default();
        sets.sequence.iter().chain(&sets.picture).for_each(|set| slices.learn(set));
        let parameter_sets = annex_b(sets.sequence.iter().chain(&sets.picture));
        Ok(Avc {
            four_cc,
            entry: entry.clone(),
            record: entry.slice_ref(avcc.payload),
            sps,
            boxes,
            colour: boxes.colour.or(sps.colour),
            stream: ByteStream::new(nal_unit_length, kind, DELIMITER, parameter_sets, 3),
            slices,
        })
    }

    /// Bytes of the length field before each NAL unit of a stored sample: 1, 2 or 4.
    pub fn nal_unit_length(&self) -> u8 {
        self.stream.nal_unit_length
    }
}

impl Codec for Avc {
    fn rfc6381(&self) -> String {
        let Sps { profile, constraints, level, .. } = self.sps;
        format!("{}.{profile:02x}{constraints:02x}{level:02x}", self.four_cc)
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
            sample_aspect_ratio: self.boxes.sample_aspect_ratio(self.sps.sample_aspect_ratio),
        })
    }

    fn audio(&self) -> Option<AudioProperties> {
        None
    }

    fn smooth(&self) -> Option<SmoothProperties> {
        Some(SmoothProperties {
            four_cc: "H264",
            codec_private_data: upper_hex(&self.stream.parameter_sets),
            audio_tag: None,
            packet_size: None,
            nal_unit_length_field: Some(self.stream.nal_unit_length).filter(|&n| n != 4),
        })
    }

    fn transport_stream(&self) -> Option<&dyn TransportStream> {
        Some(self)
    }

    fn decoder_configuration(&self) -> Option<Bytes> {
        Some(self.record.clone())
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

impl TransportStream for Avc {
    fn stream_type(&self) -> u8 {
        0x1b // ISO/IEC 13818-1 table 2-34: ISO/IEC 14496-10 video
    }

    fn stream_id(&self) -> u8 {
        0xe0
    }

    fn encrypted(&self, _first: Option<&Bytes>) -> Option<EncryptedStream> {
        let descriptors = private_data_indicator(*b"zavc");
        Some(EncryptedStream { stream_type: 0xdb, descriptors, blocks: ProtectedBlocks::Slices })
    }

    fn access_unit(&self, sample: &Bytes, sync: bool, out: &mut Vec<Bytes>) -> Result<(), SampleError> {
        self.stream.access_unit(sample, sync, out)
    }
}

/// SPS and PPS NAL units, without start codes.
#[derive(Default)]
struct ParameterSets {
    sequence: Vec<Vec<u8>>,
    picture: Vec<Vec<u8>>,
}

impl ParameterSets {
    /// Takes the kinds that are missing from a stored sample; a damaged sample gives what it can.
    fn fill_from(&mut self, sample: &[u8], length_size: u8) {
        let (wants_sequence, wants_picture) = (self.sequence.is_empty(), self.picture.is_empty());
        for range in NalUnits::new(sample, length_size).map_while(Result::ok) {
            let nal_unit = sample.get(range).unwrap_or_default();
            let list = match nal_unit.first().map(|b| b & 0x1f) {
                Some(SEQUENCE_PARAMETER_SET) if wants_sequence => &mut self.sequence,
                Some(PICTURE_PARAMETER_SET) if wants_picture => &mut self.picture,
                _ => continue,
            };
            if list.len() < MAX_PARAMETER_SETS && !list.iter().any(|known| known == nal_unit) {
                list.push(nal_unit.to_vec());
            }
        }
    }
}

/// Reads an AVCDecoderConfigurationRecord (ISO/IEC 14496-15 5.3.3.1) and returns the bytes of a NAL
/// unit's length field. The fields of the high profiles at its end say nothing that the SPS does not,
/// and some writers leave them out, so they are not read.
fn read_record(record: &[u8], sets: &mut ParameterSets) -> Result<u8, bits::Error> {
    let mut r = Reader::new(record);
    r.skip(4)?; // configurationVersion, AVCProfileIndication, profile_compatibility, AVCLevelIndication
    let nal_unit_length = (r.u8()? & 3) + 1;
    let sequence_sets = r.u8()? & 0x1f;
    for _ in 0..sequence_sets {
        sets.sequence.extend(parameter_set(&mut r)?);
    }
    let picture_sets = r.u8()?;
    for _ in 0..picture_sets {
        sets.picture.extend(parameter_set(&mut r)?);
    }
    Ok(nal_unit_length)
}

/// One length-prefixed parameter set; `None` for an empty one.
fn parameter_set(r: &mut Reader<'_>) -> Result<Option<Vec<u8>>, bits::Error> {
    let size = r.u16()?;
    let nal_unit = r.bytes(usize::from(size))?;
    Ok(Some(nal_unit.to_vec()).filter(|n| !n.is_empty()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::nal_units::START_CODE;
    use super::*;

    fn bytes(hex: &str) -> Bytes {
        (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
    }

    /// The Expression encoder's, whose avcC says 64401f and whose SPS says 64001f.
    fn smooth_entry() -> Bytes {
        bytes(concat!(
            "000000a861766331000000000000000100000000000000000000000000000000050002d0004800000048000000000000",
            "000100000000000000000000000000000000000000000000000000000000000000000018ffff000000526176634301",
            "64401fffe1003a6764001fac2ca5014016effc100010014808080a00000300020000030060c1000055730000aae6fe",
            "31c6080002ab9800055737f18e1da122516001000568e9093525"
        ))
    }

    /// Two-byte NAL unit lengths, `pasp` 65536:65536.
    fn two_byte_entry() -> Bytes {
        bytes(concat!(
            "000000ab61766331000000000000000100000000000000000000000000000000043802d0004800000048000000000000",
            "000100000000000000000000000000000000000000000000000000000000000000000018ffff000000326176634301",
            "64001ffde100196764001facd9404405be5f011000003e90000ea600f183196001000668ebe3cb22c0000000107061",
            "7370000100000001000000000013636f6c726e636c7800010001000100"
        ))
    }

    /// The same entry as `avc3` without parameter sets.
    fn avc3_entry() -> Bytes {
        let stored = two_byte_entry();
        let mut entry = stored[..VISUAL_SAMPLE_ENTRY].to_vec();
        entry[4..8].copy_from_slice(b"avc3");
        entry.extend([0, 0, 0, 15, b'a', b'v', b'c', b'C', 1, 0x64, 0, 0x1f, 0xff, 0xe0, 0]);
        entry.into()
    }

    fn sample(length_size: usize, nal_units: &[&[u8]]) -> Bytes {
        let mut out = Vec::new();
        for unit in nal_units {
            out.extend(&(unit.len() as u32).to_be_bytes()[4 - length_size..]);
            out.extend(*unit);
        }
        out.into()
    }

    fn annex_b(avc: &Avc, sample: &Bytes, sync: bool) -> Result<Vec<u8>, SampleError> {
        let mut pieces = Vec::new();
        avc.access_unit(sample, sync, &mut pieces)?;
        Ok(pieces.concat())
    }

    #[test]
    fn the_sps_decides_about_profile_and_size() {
        let avc = Avc::parse(&smooth_entry(), None).unwrap();
        assert_eq!(avc.rfc6381(), "avc1.64001f");
        let video = VideoProperties { width: 1280, height: 720, sample_aspect_ratio: (1, 1) };
        assert_eq!(avc.video(), Some(video));
        assert_eq!(avc.sample_entry(), smooth_entry());
        assert_eq!(avc.decoder_configuration().unwrap()[..4], [1, 0x64, 0x40, 0x1f]);
        let smooth = avc.smooth().unwrap();
        assert_eq!((smooth.four_cc, smooth.nal_unit_length_field), ("H264", None));
        assert!(smooth.codec_private_data.starts_with("000000016764001FAC2CA5"));
        assert!(smooth.codec_private_data.ends_with("0000000168E9093525"));
    }

    #[test]
    fn two_byte_lengths_are_told_to_smooth() {
        let avc = Avc::parse(&two_byte_entry(), None).unwrap();
        assert_eq!(avc.smooth().unwrap().nal_unit_length_field, Some(2));
        assert_eq!(avc.video().unwrap().sample_aspect_ratio, (1, 1));
        assert_eq!(
            annex_b(&avc, &sample(2, &[&[1, 2, 3]]), false).unwrap(),
            [DELIMITER, START_CODE, &[1, 2, 3]].concat()
        );
    }

    #[test]
    fn avc3_finds_its_parameter_sets_in_the_first_sample() {
        assert!(matches!(
            Avc::parse(&avc3_entry(), None),
            Err(Error::Malformed { what: "no sequence parameter set", .. })
        ));
        let sps = bytes("6764001facd9404405be5f011000003e90000ea600f1831960");
        let pps = bytes("68ebe3cb22c0");
        let first = sample(4, &[&[9, 0x10], &sps, &pps, &[0x65, 1]]);
        let avc = Avc::parse(&avc3_entry(), Some(&first)).unwrap();
        assert_eq!(avc.rfc6381(), "avc3.64001f");
        assert_eq!(avc.video().unwrap().width, 1080);
        let sent = annex_b(&avc, &first, true).unwrap();
        let stored: Vec<u8> = [&[9u8, 0x10][..], &sps, &pps, &[0x65, 1]]
            .iter()
            .flat_map(|n| [START_CODE, n])
            .flatten()
            .copied()
            .collect();
        assert_eq!(sent, stored, "nothing is added to a sample that has everything");
    }

    #[test]
    fn sync_samples_begin_with_delimiter_and_parameter_sets() {
        let avc = Avc::parse(&smooth_entry(), None).unwrap();
        let sets = avc.stream.parameter_sets.to_vec();
        let idr = sample(4, &[&[6, 5], &[0x65, 1]]);
        assert_eq!(
            annex_b(&avc, &idr, true).unwrap(),
            [DELIMITER, &sets, START_CODE, &[6, 5], START_CODE, &[0x65, 1]].concat()
        );
        let with_delimiter = sample(4, &[&[9, 0x10], &[0x65, 1], &[], &[9, 0x30], &[0x65, 2]]);
        assert_eq!(
            annex_b(&avc, &with_delimiter, true).unwrap(),
            [START_CODE, &[9, 0x10], &sets, START_CODE, &[0x65, 1], START_CODE, &[0x65, 2]].concat(),
            "the sample's delimiter is kept, a later one and an empty NAL unit are not"
        );
    }

    #[test]
    fn pieces_are_slices_of_the_sample() {
        let avc = Avc::parse(&smooth_entry(), None).unwrap();
        let idr = sample(4, &[&[0x65; 100]]);
        let mut pieces = Vec::new();
        avc.access_unit(&idr, false, &mut pieces).unwrap();
        assert_eq!(pieces.last().unwrap().as_ptr(), idr[4..].as_ptr());
    }

    #[test]
    fn damaged_samples_leave_nothing_behind() {
        let avc = Avc::parse(&smooth_entry(), None).unwrap();
        let mut pieces = Vec::new();
        let long = Bytes::from_static(&[0, 0, 0, 1, 0x65, 0, 0, 0, 9, 1]);
        assert_eq!(
            avc.access_unit(&long, true, &mut pieces),
            Err(SampleError::NalUnitTooLong { length: 9, position: 9, sample_size: 10 })
        );
        let cut = Bytes::from_static(&[0, 0, 0, 1, 0x65, 0, 0]);
        assert_eq!(avc.access_unit(&cut, true, &mut pieces), Err(SampleError::TruncatedLengthField { position: 5 }));
        assert!(pieces.is_empty());
    }

    proptest! {
        #[test]
        fn mutated_entries_never_panic(
            which in 0usize..3,
            edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..12),
            end in any::<proptest::sample::Index>(),
            first in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let mut entry = [smooth_entry(), two_byte_entry(), avc3_entry()][which].to_vec();
            for (at, value) in edits {
                let at = at.index(entry.len());
                entry[at] = value;
            }
            let first = Bytes::from(first);
            let _ = Avc::parse(&Bytes::copy_from_slice(&entry[..end.index(entry.len() + 1)]), Some(&first));
            if let Ok(avc) = Avc::parse(&Bytes::from(entry), Some(&first)) {
                let _ = (avc.rfc6381(), avc.smooth(), avc.access_unit(&first, true, &mut Vec::new()));
            }
        }
    }
}
