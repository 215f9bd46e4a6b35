//! Colour and dynamic range of pictures: code points of ISO/IEC 23091-2, and the metadata of HDR10.

use crate::bits::{self, BitReader, Reader};

/// "Unspecified" of all three code points.
const UNSPECIFIED: u16 = 2;

/// How the numbers of a picture are to be understood (ISO/IEC 23091-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour {
    /// `ColourPrimaries`: 1 is BT.709, 9 BT.2020.
    pub primaries: u16,
    /// `TransferCharacteristics`: 1 is BT.709, 16 PQ, 18 HLG.
    pub transfer: u16,
    /// `MatrixCoefficients`: 1 is BT.709, 9 BT.2020.
    pub matrix: u16,
    /// `VideoFullRangeFlag`.
    pub full_range: bool,
}

/// The range of brightness that pictures have, as HLS's `VIDEO-RANGE` tells it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum DynamicRange {
    /// Standard.
    #[default]
    Sdr,
    /// Hybrid log-gamma (BT.2100).
    Hlg,
    /// Perceptual quantizer (BT.2100).
    Pq,
}

impl DynamicRange {
    /// The value of `VIDEO-RANGE` (draft-pantos-hls-rfc8216bis 4.4.6.2).
    pub fn as_str(self) -> &'static str {
        match self {
            DynamicRange::Sdr => "SDR",
            DynamicRange::Hlg => "HLG",
            DynamicRange::Pq => "PQ",
        }
    }
}

impl Colour {
    /// Of the three code points; `None` when none of them is specified.
    pub(super) fn new(primaries: u16, transfer: u16, matrix: u16, full_range: bool) -> Option<Colour> {
        let known = [primaries, transfer, matrix].iter().any(|point| *point != UNSPECIFIED && *point != 0);
        known.then_some(Colour { primaries, transfer, matrix, full_range })
    }

    /// The payload of a `colr` box (ISO/IEC 14496-12 12.1.5): `nclx`, or QuickTime's `nclc`. `None` for others.
    pub(super) fn of_box(payload: &[u8]) -> Option<Colour> {
        let mut r = Reader::new(payload);
        let kind: [u8; 4] = r.array().ok()?;
        if !matches!(&kind, b"nclx" | b"nclc") {
            return None;
        }
        let (primaries, transfer, matrix) = (r.u16().ok()?, r.u16().ok()?, r.u16().ok()?);
        let full_range = &kind == b"nclx" && r.u8().is_ok_and(|flags| flags & 0x80 != 0);
        Colour::new(primaries, transfer, matrix, full_range)
    }

    /// `video_signal_type` of a VUI, from its flag on (ISO/IEC 14496-10 E.1.1, 23008-2 E.2.1).
    pub(super) fn of_vui(r: &mut BitReader<'_>) -> Result<Option<Colour>, bits::Error> {
        if !r.flag()? {
            return Ok(None);
        }
        r.bits(3)?; // video_format
        let full_range = r.flag()?;
        if !r.flag()? {
            return Ok(None);
        }
        let (primaries, transfer, matrix) = (r.bits(8)? as u16, r.bits(8)? as u16, r.bits(8)? as u16);
        Ok(Colour::new(primaries, transfer, matrix, full_range))
    }

    /// By the transfer characteristics.
    pub fn dynamic_range(self) -> DynamicRange {
        match self.transfer {
            16 => DynamicRange::Pq,
            18 => DynamicRange::Hlg,
            _ => DynamicRange::Sdr,
        }
    }
}

/// Static metadata of HDR10, as far as reports show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LightLevels {
    /// Brightest the mastering display could be (`mdcv`, ISO/IEC 14496-12 12.1.7), cd/m².
    pub mastering_peak: Option<u32>,
    /// Brightest pixel (`clli`, 12.1.6 `max_content_light_level`), cd/m².
    pub max_content: Option<u16>,
    /// Brightest picture on average (`max_pic_average_light_level`), cd/m².
    pub max_average: Option<u16>,
}

impl LightLevels {
    /// Of the payloads of `mdcv` and `clli`; `None` when there is neither.
    pub(super) fn of_boxes(mdcv: Option<&[u8]>, clli: Option<&[u8]>) -> Option<LightLevels> {
        let peak = |payload: &[u8]| {
            let mut r = Reader::new(payload);
            r.skip(16).ok()?; // primaries and white point
            Some(r.u32().ok()? / 10_000)
        };
        let mut levels = LightLevels { mastering_peak: mdcv.and_then(peak), ..LightLevels::default() };
        if let Some(payload) = clli {
            let mut r = Reader::new(payload);
            (levels.max_content, levels.max_average) = (r.u16().ok(), r.u16().ok());
        }
        (levels != LightLevels::default()).then_some(levels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_boxes() {
        let pq = Colour { primaries: 9, transfer: 16, matrix: 9, full_range: false };
        assert_eq!(Colour::of_box(b"nclx\0\x09\0\x10\0\x09\0"), Some(pq));
        assert_eq!(Colour::of_box(b"nclx\0\x09\0\x10\0\x09\x80"), Some(Colour { full_range: true, ..pq }));
        assert_eq!(Colour::of_box(b"nclc\0\x09\0\x10\0\x09"), Some(pq));
        assert_eq!(pq.dynamic_range(), DynamicRange::Pq);
        assert_eq!(Colour { transfer: 18, ..pq }.dynamic_range(), DynamicRange::Hlg);
        assert_eq!(Colour { transfer: 14, ..pq }.dynamic_range(), DynamicRange::Sdr);
        for other in [&b"prof\0\0\0\0\0\0\0"[..], b"nclx\0\x02\0\x02\0\x02\0", b"nclx\0\x09\0", b"ncl"] {
            assert_eq!(Colour::of_box(other), None);
        }
    }

    #[test]
    fn light_levels() {
        let mut mdcv = [0; 24];
        mdcv[16..20].copy_from_slice(&10_000_000u32.to_be_bytes());
        let levels = LightLevels::of_boxes(Some(&mdcv), Some(&[3, 0xe8, 1, 0x90])).unwrap();
        assert_eq!(
            (levels.mastering_peak, levels.max_content, levels.max_average),
            (Some(1000), Some(1000), Some(400))
        );
        assert_eq!(LightLevels::of_boxes(None, None), None);
        assert_eq!(LightLevels::of_boxes(Some(&mdcv[..19]), Some(&[3])), None);
    }
}
