//! VP8 and VP9 in the sample entries of "VP Codec ISO Media File Format Binding".

use bytes::Bytes;

use super::child_boxes::child_box;
use super::visual_entry::{PictureBoxes, VISUAL_SAMPLE_ENTRY, four_cc, stated_size};
use super::vp9_frame::Vp9Frames;
use super::{
    AudioProperties, Codec, Colour, DynamicRange, Error, LightLevels, SmoothProperties, Subsampling, TransportStream,
    VideoProperties,
};
use crate::bits::{self, Reader};
use crate::isobmff::FourCc;

/// `chromaSubsampling` of 4:2:0 with chroma between two luma rows, and beside luma.
const USUAL_CHROMA: [u8; 2] = [0, 1];

/// Levels of VP9 and the most luma samples in a picture of each (annex A of the bitstream specification).
const LEVELS: [(u8, u32); 9] = [
    (10, 36_864),
    (11, 73_728),
    (20, 122_880),
    (21, 245_760),
    (30, 552_960),
    (31, 983_040),
    (40, 2_228_224),
    (50, 8_912_896),
    (60, 35_651_584),
];

/// A VP8 or VP9 track. Transport streams and Smooth have no place for it.
#[derive(Debug, Clone)]
pub struct Vpx {
    four_cc: FourCc,
    entry: Bytes,
    configuration: Configuration,
    size: (u32, u32),
    boxes: PictureBoxes,
    colour: Option<Colour>,
}

/// The VPCodecConfigurationRecord.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Configuration {
    profile: u8,
    level: u8,
    bit_depth: u8,
    chroma: u8,
    /// Primaries, transfer, matrix; 2 where the record does not tell.
    points: [u8; 3],
    full_range: bool,
}

impl Configuration {
    fn read(payload: &[u8]) -> Result<Configuration, bits::Error> {
        let mut r = Reader::new(payload);
        let version = r.u8()?;
        r.u24()?;
        let (profile, level, packed) = (r.u8()?, r.u8()?, r.u8()?);
        if version == 0 {
            // The draft had its own numbers for colours; chroma and range in the next byte.
            let next = r.u8()?;
            let full_range = next & 1 != 0;
            return Ok(Configuration {
                profile,
                level,
                bit_depth: packed >> 4,
                chroma: next >> 4,
                points: [2; 3],
                full_range,
            });
        }
        Ok(Configuration {
            profile,
            level,
            bit_depth: packed >> 4,
            chroma: packed >> 1 & 7,
            points: r.array()?,
            full_range: packed & 1 != 0,
        })
    }
}

impl Vpx {
    /// Reads a `vp08` or `vp09` sample entry, a whole box.
    ///
    /// # Errors
    /// [`Error::Malformed`] when there is no usable configuration record, or no picture size.
    pub fn parse(entry: &Bytes) -> Result<Vpx, Error> {
        let four_cc = four_cc(entry);
        let malformed = |what, position| Error::Malformed { four_cc, what, position };
        let vpcc = child_box(entry, VISUAL_SAMPLE_ENTRY, b"vpcC")
            .ok_or(malformed("no vpcC box", VISUAL_SAMPLE_ENTRY.min(entry.len())))?;
        let configuration = Configuration::read(vpcc.payload)
            .map_err(|error| malformed("damaged vpcC box", vpcc.position + error.byte_position()))?;
        let size = stated_size(entry).ok_or(malformed("no picture size", 32))?;
        let boxes = PictureBoxes::of(entry);
        let [primaries, transfer, matrix] = configuration.points.map(u16::from);
        let own = Colour::new(primaries, transfer, matrix, configuration.full_range);
        Ok(Vpx { four_cc, entry: entry.clone(), configuration, size, boxes, colour: boxes.colour.or(own) })
    }

    /// The level as stored, or by the picture's size where the writer did not know it.
    fn level(&self) -> u8 {
        let samples = self.size.0.saturating_mul(self.size.1);
        let by_size = LEVELS.iter().find(|(_, most)| samples <= *most).map_or(62, |(level, _)| *level);
        Some(self.configuration.level).filter(|level| *level > 0).unwrap_or(by_size)
    }
}

impl Codec for Vpx {
    /// "Codecs Parameter String" of the binding: the optional part in full where something in it is not as
    /// players assume.
    fn rfc6381(&self) -> String {
        let Configuration { profile, bit_depth, chroma, points, full_range, .. } = self.configuration;
        let mut name = format!("{}.{profile:02}.{:02}.{bit_depth:02}", self.four_cc, self.level());
        let usual = points.iter().all(|point| matches!(point, 1 | 2)) && !full_range;
        if !USUAL_CHROMA.contains(&chroma) || !usual {
            let [primaries, transfer, matrix] = points;
            let range = u8::from(full_range);
            name += &format!(".{chroma:02}.{primaries:02}.{transfer:02}.{matrix:02}.{range:02}");
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

    /// VP8 has no binding to common encryption.
    fn subsampling(&self) -> Option<Subsampling> {
        (&self.four_cc.0 == b"vp09").then(|| Subsampling::Parts(Box::new(Vp9Frames::default())))
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
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `vp09` entry of 800x640 with that record.
    fn entry(record: &[u8]) -> Bytes {
        let mut out = vec![0; 86];
        out[4..8].copy_from_slice(b"vp09");
        out[32..36].copy_from_slice(&[3, 0x20, 2, 0x80]);
        out.extend((record.len() as u32 + 8).to_be_bytes());
        out.extend_from_slice(b"vpcC");
        out.extend_from_slice(record);
        let size = (out.len() as u32).to_be_bytes();
        out[..4].copy_from_slice(&size);
        Bytes::from(out)
    }

    #[test]
    fn codec_strings() {
        let name = |record: &[u8]| Vpx::parse(&entry(record)).unwrap().rfc6381();
        assert_eq!(name(&[1, 0, 0, 0, 0, 10, 0x82, 1, 1, 1, 0, 0]), "vp09.00.10.08");
        assert_eq!(name(&[1, 0, 0, 0, 0, 31, 0x80, 2, 2, 2, 0, 0]), "vp09.00.31.08");
        // The binding's example: profile 2, level 1, 10 bits, 4:2:0, BT.2020 with PQ.
        assert_eq!(name(&[1, 0, 0, 0, 2, 10, 0xa2, 9, 16, 9, 0, 0]), "vp09.02.10.10.01.09.16.09.00");
        assert_eq!(name(&[1, 0, 0, 0, 1, 20, 0x87, 1, 1, 1, 0, 0]), "vp09.01.20.08.03.01.01.01.01");
        // Without a level it is the least that 512,000 samples fit.
        assert_eq!(name(&[1, 0, 0, 0, 0, 0, 0x82, 1, 1, 1, 0, 0]), "vp09.00.30.08");
        // The draft's version 0.
        assert_eq!(name(&[0, 0, 0, 0, 0, 31, 0x82, 0x00, 0, 0]), "vp09.00.31.08");
    }

    #[test]
    fn dynamic_range_and_what_is_no_vp9() {
        let pq = Vpx::parse(&entry(&[1, 0, 0, 0, 2, 10, 0xa2, 9, 16, 9, 0, 0])).unwrap();
        assert_eq!(pq.dynamic_range(), DynamicRange::Pq);
        assert_eq!((pq.video().unwrap().width, pq.video().unwrap().height), (800, 640));
        assert!(Vpx::parse(&entry(&[1, 0, 0, 0, 2, 10, 0xa2, 9, 16])).is_err());
        assert!(Vpx::parse(&entry(&[1, 0, 0, 0])).is_err());
    }
}
