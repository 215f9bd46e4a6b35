//! Dolby Vision as sample entries announce it ("Dolby Vision Streams Within the ISO Base Media File Format").

use super::{DynamicRange, SupplementalCodec};
use crate::bits::Reader;
use crate::isobmff::FourCc;

/// The Dolby Vision configuration record, in `dvcC`, `dvvC` or `dvwC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DolbyVision {
    /// `dv_profile`, e.g. 5, 8, 10.
    pub profile: u8,
    /// `dv_level`, 1 to 13.
    pub level: u8,
    /// `dv_bl_signal_compatibility_id`: what players without Dolby Vision see in the base layer. 0 is nothing,
    /// 1 HDR10, 2 SDR, 4 HLG.
    pub compatibility: u8,
}

impl DolbyVision {
    /// Reads a record; `None` when it is cut short.
    pub(super) fn parse(record: &[u8]) -> Option<DolbyVision> {
        let mut r = Reader::new(record);
        r.skip(2).ok()?; // version
        let word = r.u16().ok()?; // profile 7, level 6, RPU, enhancement and base layer present 1 each
        let compatibility = r.u8().unwrap_or(0) >> 4;
        Some(DolbyVision { profile: (word >> 9) as u8, level: (word >> 3 & 0x3f) as u8, compatibility })
    }

    /// Players without Dolby Vision see wrong colours: there is nothing in it for them.
    pub fn stands_alone(self) -> bool {
        self.compatibility == 0
    }

    /// The range of brightness of what it is over; `None` where the stream's own colour says it.
    pub(super) fn dynamic_range(self) -> Option<DynamicRange> {
        match self.compatibility {
            0 | 1 | 6 => Some(DynamicRange::Pq),
            2 => Some(DynamicRange::Sdr),
            4 => Some(DynamicRange::Hlg),
            _ => None,
        }
    }

    /// The `codecs` parameter with a Dolby Vision sample entry's name: `dvh1.05.06`.
    pub(super) fn rfc6381(self, entry: FourCc) -> String {
        format!("{entry}.{:02}.{:02}", self.profile, self.level)
    }

    /// What may be said beside the base layer's codec, for a sample entry of that name: Dolby Vision's own
    /// name, and the CMAF brand of its base layer. `transfer` is the base layer's characteristic.
    pub(super) fn supplemental(self, base: FourCc, transfer: u16) -> Option<SupplementalCodec> {
        let entry = match &base.0 {
            b"hvc1" => b"dvh1",
            b"hev1" => b"dvhe",
            b"avc1" => b"dva1",
            b"avc3" => b"dvav",
            b"av01" => b"dav1",
            _ => return None,
        };
        let brand = match (self.compatibility, transfer) {
            (1, _) => b"db1p",
            (2, _) => b"db2g",
            // HLG behind a transfer characteristic that old displays take for their own.
            (4, 14) => b"db4g",
            (4, _) => b"db4h",
            _ => return None,
        };
        Some(SupplementalCodec { codecs: self.rfc6381(FourCc(*entry)), brand: FourCc(*brand) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Version 1.0, RPU and base layer present.
    fn record(profile: u16, level: u16, compatibility: u8) -> [u8; 24] {
        let mut record = [0; 24];
        record[0] = 1;
        record[2..4].copy_from_slice(&(profile << 9 | level << 3 | 5).to_be_bytes());
        record[4] = compatibility << 4;
        record
    }

    #[test]
    fn profiles_that_are_met() {
        let of = |profile, level, id| DolbyVision::parse(&record(profile, level, id)).unwrap();
        let supplemental = |vision: DolbyVision, base: &[u8; 4], transfer| {
            vision.supplemental(FourCc(*base), transfer).map(|s| format!("{}/{}", s.codecs, s.brand))
        };
        let five = of(5, 6, 0);
        assert_eq!((five.profile, five.level, five.stands_alone()), (5, 6, true));
        assert_eq!(five.rfc6381(FourCc(*b"dvh1")), "dvh1.05.06");
        assert_eq!(supplemental(five, b"hvc1", 2), None);
        assert_eq!(supplemental(of(8, 1, 1), b"hvc1", 16).as_deref(), Some("dvh1.08.01/db1p"));
        assert_eq!(supplemental(of(8, 13, 4), b"hev1", 18).as_deref(), Some("dvhe.08.13/db4h"));
        assert_eq!(supplemental(of(8, 9, 4), b"hvc1", 14).as_deref(), Some("dvh1.08.09/db4g"));
        assert_eq!(supplemental(of(10, 9, 1), b"av01", 16).as_deref(), Some("dav1.10.09/db1p"));
        assert_eq!(supplemental(of(9, 1, 2), b"avc1", 1).as_deref(), Some("dva1.09.01/db2g"));
        assert_eq!(of(8, 1, 4).dynamic_range(), Some(DynamicRange::Hlg));
        assert_eq!(of(7, 6, 6).dynamic_range(), Some(DynamicRange::Pq));
        assert_eq!(supplemental(of(7, 6, 6), b"hvc1", 16), None);
        assert_eq!(DolbyVision::parse(&[1, 0, 16]), None);
    }
}
