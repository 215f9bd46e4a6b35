//! Fragments and their parts (MS-SSTR 2.2.3, 2.2.4).

use bytes::Bytes;

use crate::isobmff::FragmentStyle;
use crate::media::Presentation;
use crate::packager::fragment::Composition;
use crate::packager::payload::payload;
use crate::packager::track_fragment::{self, Shape, rendered};
use crate::packager::{Error, MediaData, Noun, Plan, Rendered};

use super::SCALE;

/// Both `tfdt` and `TfxdBox` tell a fragment's time: players use the one they know.
const SHAPE: Shape<'static> = Shape {
    style: FragmentStyle::Smooth,
    segment_type: None,
    first_sequence_number: 1,
    tfxd: true,
    composition: Composition::Offsets,
};

/// Bytes of an `mdat` box header; segments stay far below what needs the long form.
const MDAT_HEADER: usize = 8;

/// What the plan's noun asks for.
pub(super) fn render(presentation: &Presentation, plan: &Plan, media: &MediaData) -> Result<Rendered, Error> {
    match plan.noun {
        Noun::Fragments | Noun::KeyFrames => track_fragment::fragment(presentation, plan, media, SCALE, &SHAPE),
        Noun::FragmentInfo => {
            let mut header = track_fragment::header(presentation, plan, SCALE, &SHAPE)?;
            header.truncate(header.len().saturating_sub(MDAT_HEADER));
            rendered(presentation, plan, vec![Bytes::from(header)])
        }
        Noun::RawFragments => {
            let part = plan.parts.first().ok_or(Error::NoSuchResource)?;
            rendered(presentation, plan, payload(part, media)?)
        }
    }
}
