//! Segments of `mpd-time-csf`, laid out box by box as Azure Media Services sent them: Common File Format
//! (DECE) tracks without `styp`, with parameter sets and picture types in each fragment of pictures.

use crate::isobmff::{Brands, FragmentStyle};
use crate::media::{Presentation, SampleTable, Track, TrackRef};
use crate::packager::fragment::Composition;
use crate::packager::track_fragment::{self, Shape};
use crate::packager::{Error, MediaData, Plan, Rendered};
use crate::time::Timescale;

/// `trik` entry of a picture that depends on no other: picture type 1, dependency level 1.
const INDEPENDENT: u8 = 0x41;
/// `trik` entry of any other picture: type not told, dependency level 3.
const DEPENDENT: u8 = 0x03;

/// The initialization segment.
pub(super) fn init(presentation: &Presentation, at: TrackRef) -> Rendered {
    let track = presentation.track(at);
    let entry = track.codec.sample_entry();
    let mut segment = track_fragment::init_segment(presentation, at, Timescale::TEN_MHZ, &entry);
    segment.brands = Brands::CSF;
    segment.duration = Some(presentation.duration().floor(Timescale::TEN_MHZ).max(0) as u64);
    segment.user_data = track.user_data.clone();
    segment.declaration_extras = true;
    track_fragment::rendered_init(presentation, at, &segment)
}

/// The media segment.
pub(super) fn segment(presentation: &Presentation, plan: &Plan, media: &MediaData) -> Result<Rendered, Error> {
    let part = plan.parts.first().ok_or(Error::NoSuchResource)?;
    let track = presentation.track(part.track);
    let configuration = track.codec.decoder_configuration();
    let types = track.codec.video().map(|_| picture_types(&part.samples));
    let shape = Shape {
        style: FragmentStyle::Csf {
            decoder_configuration: configuration.as_deref(),
            picture_types: types.as_deref(),
        },
        segment_type: None,
        first_sequence_number: 0,
        tfxd: false,
        composition: Composition::Offsets,
    };
    track_fragment::fragment(presentation, plan, media, Timescale::TEN_MHZ, &shape)
}

/// Bytes of a segment of that many media bytes and samples, or a little more: what bit rates are measured with.
pub(super) fn segment_size(track: &Track, media: u64, samples: u64) -> u64 {
    // moof and traf 16, mfhd 16, tfhd 20, tfdt 20, trun 24, headers of avcn and trik 20, mdat 8.
    let configuration = track.codec.decoder_configuration().map_or(0, |record| record.len() as u64);
    media + 124 + configuration + samples * 17
}

fn picture_types(table: &SampleTable) -> Vec<u8> {
    table.samples.iter().map(|sample| if sample.sync { INDEPENDENT } else { DEPENDENT }).collect()
}
