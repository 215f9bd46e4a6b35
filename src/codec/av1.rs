//! AV1 in the sample entry of "AV1 Codec ISO Media File Format Binding", and Dolby Vision's `dav1`.

use bytes::Bytes;

use super::av1_frame::Av1Frames;
use super::av1_sequence_header::SequenceHeader;
use super::child_boxes::child_box;
use super::visual_entry::{PictureBoxes, VISUAL_SAMPLE_ENTRY, four_cc, stated_size};
use super::{
    AudioProperties, Codec, Colour, DolbyVision, DynamicRange, Error, LightLevels, SmoothProperties, Subsampling,
    SupplementalCodec, TransportStream, VideoProperties,
};
use crate::isobmff::FourCc;

/// `chroma_subsampling_x`, `_y` and `chroma_sample_position` of 4:2:0 without a stated position.
const USUAL_CHROMA: [u8; 3] = [1, 1, 0];

/// An AV1 track. Transport streams and Smooth have no place for it.
#[derive(Debug, Clone)]
pub struct Av1 {
    four_cc: FourCc,
    entry: Bytes,
    configuration: Configuration,
    size: (u32, u32),
    boxes: PictureBoxes,
    colour: Option<Colour>,
    full_range: bool,
    frames: Av1Frames,
}

/// What the configuration record says before its OBUs (2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Configuration {
    profile: u8,
    level: u8,
    high_tier: bool,
    bit_depth: u8,
    monochrome: bool,
    chroma: [u8; 3],
}

impl Configuration {
    fn of([_, b, c, _]: [u8; 4]) -> Configuration {
        let bit_depth = match (c & 0x40 != 0, c & 0x20 != 0) {
            (false, _) => 8,
            (true, false) => 10,
            (true, true) => 12,
        };
        Configuration {
            profile: b >> 5,
            level: b & 0x1f,
            high_tier: c & 0x80 != 0,
            bit_depth,
            monochrome: c & 0x10 != 0,
            chroma: [c >> 3 & 1, c >> 2 & 1, c & 3],
        }
    }
}

impl Av1 {
    /// Reads an `av01` or `dav1` sample entry, a whole box.
    ///
    /// # Errors
    /// [`Error::Malformed`] when there is no usable configuration record, or no picture size.
    pub fn parse(entry: &Bytes) -> Result<Av1, Error> {
        let four_cc = four_cc(entry);
        let malformed = |what, position| Error::Malformed { four_cc, what, position };
        let av1c = child_box(entry, VISUAL_SAMPLE_ENTRY, b"av1C")
            .ok_or(malformed("no av1C box", VISUAL_SAMPLE_ENTRY.min(entry.len())))?;
        let (head, obus) = av1c.payload.split_first_chunk().ok_or(malformed("damaged av1C box", av1c.position))?;
        if head[0] != 0x81 {
            return Err(malformed("av1C box of another version", av1c.position));
        }
        let header = SequenceHeader::find(obus);
        // Renditions of one film may be coded smaller than the entry says (2.2.4); players go by the entry.
        let size = stated_size(entry).or(header.map(|h| (h.width, h.height)));
        let boxes = PictureBoxes::of(entry);
        if &four_cc.0 == b"dav1" && boxes.dolby_vision.is_none() {
            return Err(malformed("no dvvC box", VISUAL_SAMPLE_ENTRY));
        }
        let colour = boxes.colour.or(header.and_then(|h| h.colour));
        Ok(Av1 {
            four_cc,
            entry: entry.clone(),
            configuration: Configuration::of(*head),
            size: size.ok_or(malformed("no picture size", 32))?,
            boxes,
            colour,
            frames: Av1Frames::new(obus),
            full_range: colour.map_or(header.is_some_and(|h| h.full_range), |c| c.full_range),
        })
    }
}

impl Codec for Av1 {
    /// Section 5 of the binding: the optional part in full where something in it is not as players assume.
    fn rfc6381(&self) -> String {
        if let (b"dav1", Some(vision)) = (&self.four_cc.0, self.boxes.dolby_vision) {
            return vision.rfc6381(self.four_cc);
        }
        let Configuration { profile, level, high_tier, bit_depth, monochrome, chroma } = self.configuration;
        let tier = if high_tier { 'H' } else { 'M' };
        let mut name = format!("{}.{profile}.{level:02}{tier}.{bit_depth:02}", self.four_cc);
        let colour = self.colour.unwrap_or(Colour { primaries: 2, transfer: 2, matrix: 2, full_range: false });
        let points = [colour.primaries, colour.transfer, colour.matrix];
        let usual = points.iter().all(|point| matches!(point, 1 | 2)) && !self.full_range;
        if monochrome || chroma != USUAL_CHROMA || !usual {
            let [x, y, position] = chroma;
            let [primaries, transfer, matrix] = points;
            name += &format!(
                ".{}.{x}{y}{position}.{primaries:02}.{transfer:02}.{matrix:02}.{}",
                u8::from(monochrome),
                u8::from(self.full_range)
            );
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
        let (width, height) = self.size;
        Some(VideoProperties { width, height, sample_aspect_ratio: self.boxes.sample_aspect_ratio(None) })
    }

    fn audio(&self) -> Option<AudioProperties> {
        None
    }

    fn smooth(&self) -> Option<SmoothProperties> {
        None
    }

    fn transport_stream(&self) -> Option<&dyn TransportStream> {
        None
    }

    fn subsampling(&self) -> Option<Subsampling> {
        Some(Subsampling::Parts(Box::new(self.frames.clone())))
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

    /// `av01` (2.1 of the binding) and what Dolby Vision adds.
    fn brands(&self) -> Vec<FourCc> {
        let own = std::iter::once(FourCc(*b"av01"));
        own.chain(self.boxes.brands(self.four_cc, self.colour)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An `av01` entry of 256x144 with that record and further boxes.
    fn entry(record: &[u8], more: &[u8]) -> Bytes {
        let mut out = vec![0; 86];
        out[4..8].copy_from_slice(b"av01");
        out[32..36].copy_from_slice(&[1, 0, 0, 144]);
        out.extend((record.len() as u32 + 8).to_be_bytes());
        out.extend_from_slice(b"av1C");
        out.extend_from_slice(record);
        out.extend_from_slice(more);
        let size = (out.len() as u32).to_be_bytes();
        out[..4].copy_from_slice(&size);
        Bytes::from(out)
    }

    fn colr(points: [u8; 3], full_range: u8) -> Vec<u8> {
        let [p, t, m] = points;
        [&[0, 0, 0, 19][..], b"colrnclx", &[0, p, 0, t, 0, m, full_range]].concat()
    }

    #[test]
    fn codec_strings() {
        let name = |record: [u8; 4], more: &[u8]| Av1::parse(&entry(&record, more)).unwrap().rfc6381();
        assert_eq!(name([0x81, 0x04, 0x0c, 0], &[]), "av01.0.04M.08");
        assert_eq!(name([0x81, 0x04, 0x0c, 0], &colr([1, 1, 1], 0)), "av01.0.04M.08");
        // The binding's own example: Main, level 3.0, 10 bits, BT.2100 with PQ.
        assert_eq!(name([0x81, 0x04, 0x4e, 0], &colr([9, 16, 9], 0)), "av01.0.04M.10.0.112.09.16.09.0");
        assert_eq!(name([0x81, 0x28, 0xc0, 0], &[]), "av01.1.08H.10.0.000.02.02.02.0");
        assert_eq!(name([0x81, 0x4d, 0x68, 0], &[]), "av01.2.13M.12.0.100.02.02.02.0");
        assert_eq!(name([0x81, 0x00, 0x1c, 0], &[]), "av01.0.00M.08.1.110.02.02.02.0");
        assert_eq!(name([0x81, 0x00, 0x0c, 0], &colr([1, 13, 1], 0x80)), "av01.0.00M.08.0.110.01.13.01.1");
    }

    #[test]
    fn the_sequence_header_tells_what_the_entry_does_not() {
        // libaom, 160x90, 10 bits, BT.2020 with PQ.
        let obus = [0x0a, 0x0d, 0, 0, 0, 0x03, 0xb4, 0xfd, 0x93, 0x6b, 0xe5, 0x42, 0x44, 0x02, 0x41];
        let colour = Colour { primaries: 9, transfer: 16, matrix: 9, full_range: false };
        let header = SequenceHeader::find(&obus).unwrap();
        assert_eq!((header.width, header.height, header.colour, header.full_range), (160, 90, Some(colour), false));
        assert_eq!((header.coding.order_hint_bits, header.coding.subsampling), (7, (true, true)));
        // A temporal delimiter before it.
        assert_eq!(SequenceHeader::find(&[&[0x12, 0][..], &obus].concat()), Some(header));
        let record = [&[0x81, 0, 0x4c, 0][..], &obus].concat();
        let av1 = Av1::parse(&entry(&record, &[])).unwrap();
        assert_eq!((av1.rfc6381().as_str(), av1.dynamic_range()), ("av01.0.00M.10.0.110.09.16.09.0", DynamicRange::Pq));
        for cut in 0..obus.len() {
            assert_eq!(SequenceHeader::find(&obus[..cut]), None);
        }
        // 1080x720 without a colour description.
        let plain = [0x0a, 0x0b, 0, 0, 0, 0x2d, 0x4c, 0x37, 0xb3, 0xdf, 0xff, 0x98, 0x04];
        let plain = SequenceHeader::find(&plain).unwrap();
        assert_eq!((plain.width, plain.height, plain.colour, plain.full_range), (1080, 720, None, false));
    }

    #[test]
    fn what_is_no_av1() {
        let error = |entry: &Bytes| Av1::parse(entry).unwrap_err().to_string();
        assert!(error(&entry(&[0x81, 4], &[])).contains("damaged av1C"));
        assert!(error(&entry(&[0x01, 4, 0, 0], &[])).contains("another version"));
        let mut sizeless = entry(&[0x81, 0x04, 0x0c, 0], &[]).to_vec();
        sizeless[32..36].fill(0);
        assert!(error(&Bytes::from(sizeless)).contains("no picture size"));
    }
}
