//! What all visual sample entries have in common (ISO/IEC 14496-12 12.1.3).

use super::child_boxes::{child_box, child_boxes};
use super::{Colour, DolbyVision, DynamicRange, LightLevels};
use crate::bits::Reader;
use crate::isobmff::FourCc;

/// Bytes of a VisualSampleEntry before its boxes, box header included.
pub(super) const VISUAL_SAMPLE_ENTRY: usize = 8 + 78;

/// Where `width` and `height` stand in it, two bytes each.
const SIZE: usize = 8 + 24;

/// The type of a sample entry, a whole box.
pub(super) fn four_cc(entry: &[u8]) -> FourCc {
    FourCc(entry.get(4..8).and_then(|t| t.try_into().ok()).unwrap_or(*b"    "))
}

/// `width` and `height` as the entry states them, pixels; `None` when one of them is zero.
pub(super) fn stated_size(entry: &[u8]) -> Option<(u32, u32)> {
    let mut r = Reader::new(entry.get(SIZE..)?);
    let size = (u32::from(r.u16().ok()?), u32::from(r.u16().ok()?));
    (size.0 > 0 && size.1 > 0).then_some(size)
}

/// What the optional boxes of an entry say of its pictures.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PictureBoxes {
    /// `pasp` (12.1.4), which goes before what the stream says.
    pub pixel_aspect_ratio: Option<(u32, u32)>,
    /// `colr` (12.1.5), likewise.
    pub colour: Option<Colour>,
    /// `mdcv` and `clli`.
    pub light: Option<LightLevels>,
    /// `dvcC`, `dvvC` or `dvwC`.
    pub dolby_vision: Option<DolbyVision>,
}

impl PictureBoxes {
    /// Those of a sample entry, a whole box. Damaged ones are passed over: pictures are seen without them.
    pub fn of(entry: &[u8]) -> PictureBoxes {
        let payload = |kind: &[u8; 4]| child_box(entry, VISUAL_SAMPLE_ENTRY, kind).map(|b| b.payload);
        let children = || child_boxes(entry, VISUAL_SAMPLE_ENTRY);
        let spacing = |payload: &[u8]| {
            let mut r = Reader::new(payload);
            let (horizontal, vertical) = (r.u32().ok()?, r.u32().ok()?);
            (horizontal != 0 && vertical != 0).then_some((horizontal, vertical))
        };
        PictureBoxes {
            pixel_aspect_ratio: payload(b"pasp").and_then(spacing),
            // There may be an ICC profile beside it.
            colour: children().filter(|b| &b.kind == b"colr").find_map(|b| Colour::of_box(b.payload)),
            light: LightLevels::of_boxes(payload(b"mdcv"), payload(b"clli")),
            dolby_vision: children()
                .filter(|b| matches!(&b.kind, b"dvcC" | b"dvvC" | b"dvwC"))
                .find_map(|b| DolbyVision::parse(b.payload)),
        }
    }

    /// The sample aspect ratio, `own` being what the stream says.
    pub fn sample_aspect_ratio(&self, own: Option<(u32, u32)>) -> (u32, u32) {
        reduce(self.pixel_aspect_ratio.or(own).unwrap_or((1, 1)))
    }

    /// The range of brightness, `colour` being that of the pictures.
    pub fn dynamic_range(&self, colour: Option<Colour>) -> DynamicRange {
        let of_vision = self.dolby_vision.and_then(DolbyVision::dynamic_range);
        of_vision.or(colour.map(Colour::dynamic_range)).unwrap_or_default()
    }

    /// Brands that files of such tracks carry beside those of their format: Dolby Vision's, and that of its
    /// base layer.
    pub fn brands(&self, base: FourCc, colour: Option<Colour>) -> Vec<FourCc> {
        let Some(vision) = self.dolby_vision else { return Vec::new() };
        let supplemental = vision.supplemental(base, colour.map_or(0, |c| c.transfer));
        std::iter::once(FourCc(*b"dby1")).chain(supplemental.map(|s| s.brand)).collect()
    }
}

fn reduce((width, height): (u32, u32)) -> (u32, u32) {
    let (mut a, mut b) = (width, height);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    (width / a.max(1), height / a.max(1))
}
