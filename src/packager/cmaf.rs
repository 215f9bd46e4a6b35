//! CMAF tracks (ISO/IEC 23000-19), the same bytes for DASH and HLS.

use super::fragment::Composition;
use super::protection::Protection;
use super::track_fragment::{self, Shape};
use super::{Dialect, Error, MediaData, Plan, Rendered, captions, encrypt};
use crate::codec::Codec;
use crate::isobmff::{Brands, FragmentStyle};
use crate::media::{Presentation, Track, TrackRef};
use crate::time::Timescale;

/// Unit of the times of group `group`: its own, so that they are exact; 10 MHz as Azure Media Services had it.
pub(crate) fn timescale(presentation: &Presentation, group: usize, dialect: Dialect) -> Timescale {
    match dialect {
        Dialect::Modern => presentation.groups.get(group).map_or(Timescale::TEN_MHZ, |g| g.timescale),
        Dialect::Ams => Timescale::TEN_MHZ,
    }
}

/// The CMAF header of a track (7.3.2).
pub(crate) fn init(
    presentation: &Presentation,
    at: TrackRef,
    scale: Timescale,
    protection: Option<&Protection>,
) -> Rendered {
    init_as(presentation, at, scale, &*presentation.track(at).codec, protection)
}

/// The CMAF header of a track in another description of its codec.
pub(crate) fn init_as(
    presentation: &Presentation,
    at: TrackRef,
    scale: Timescale,
    codec: &dyn Codec,
    protection: Option<&Protection>,
) -> Rendered {
    let track = presentation.track(at);
    let entry = encrypt::sample_entry(presentation, at, codec.sample_entry(), protection);
    let headers = encrypt::protection_headers(presentation, at, protection);
    let brands = track_fragment::brands(Brands::CMAF, codec);
    let mut segment = track_fragment::init_segment(presentation, at, scale, &entry);
    segment.brands.compatible = &brands;
    segment.protection_headers = &headers;
    segment.edit = Composition::edit(track, scale);
    if let Some(picture) = codec.video() {
        // `tkhd` states the size in square pixels (ISO/IEC 14496-12 8.3.2.3).
        let (wide, high) = picture.sample_aspect_ratio;
        let width = u64::from(picture.width) * u64::from(wide) / u64::from(high.max(1));
        segment.width = if width == 0 { picture.width } else { width.min(u64::from(u16::MAX)) as u32 };
    }
    track_fragment::rendered_init(presentation, at, &segment)
}

/// A CMAF segment of one fragment of one chunk (7.3.3): `styp`, `moof`, `mdat`.
///
/// # Errors
/// [`Error::MissingMedia`] when `media` lacks what the plan wants, and those of the boxes.
pub(crate) fn segment(
    presentation: &Presentation,
    plan: &Plan,
    media: &MediaData,
    scale: Timescale,
    protection: Option<&Protection>,
) -> Result<Rendered, Error> {
    if let Some(text) = captions::text_of(presentation, plan) {
        let shape = captions::Shape::Media { segment_type: true, first_sequence_number: 1 };
        return captions::fragment(presentation, plan, text, scale, shape);
    }
    let part = plan.parts.first().ok_or(Error::NoSuchResource)?;
    let shape = Shape {
        style: FragmentStyle::Cmaf,
        segment_type: Some(Brands::CMAF_SEGMENT),
        first_sequence_number: 1,
        tfxd: false,
        composition: Composition::of(presentation.track(part.track)),
    };
    track_fragment::fragment(presentation, plan, media, scale, &shape, protection)
}

/// Bytes of a segment of that many media bytes and samples, or a little more: what bit rates are measured with.
pub(crate) fn segment_size(track: &Track, media: u64, samples: u64) -> u64 {
    // styp 24, moof and traf 16, mfhd 16, tfhd 28, tfdt 20, trun 24, mdat 8; per sample its size,
    // its duration where they vary, for pictures a composition offset, and its flags where key frames
    // are inside of segments.
    let each = if track.codec.video().is_some() { 12 } else { 8 };
    media + 136 + samples * if track.has_inner_key_frames() { each + 4 } else { each }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isobmff::Edit;
    use crate::isobmff::{Movie, MovieFragment, boxes};
    use crate::media::Edit as SourceEdit;
    use crate::media::TrackKind;
    use crate::packager::testing::{self, request};
    use bytes::Bytes;

    fn names(data: &Bytes) -> Vec<String> {
        boxes(data, 0).map(|b| b.unwrap().kind.to_string()).collect()
    }

    fn movie(film: &Presentation, group: usize, scale: Timescale) -> Movie {
        let init = Bytes::from(testing::bytes(&init(film, request(group, 0, 0).track, scale, None).body));
        assert_eq!(names(&init), ["ftyp", "moov"]);
        let moov = boxes(&init, 0).nth(1).unwrap().unwrap();
        Movie::parse(&init.slice(moov.offset as usize..), 0).unwrap()
    }

    /// Decode time, sum of durations and composition offsets of segment `index`.
    fn fragment(film: &Presentation, group: usize, index: usize, scale: Timescale) -> (u64, u64, Vec<i32>) {
        let time = film.groups[group].boundary(index, scale);
        let plan = Plan::segments(film, &request(group, 0, time), scale, 1).unwrap();
        let rendered = segment(film, &plan, &testing::media(&plan), scale, None).unwrap();
        let bytes = Bytes::from(testing::bytes(&rendered.body));
        assert_eq!(names(&bytes), ["styp", "moof", "mdat"]);
        let moof = boxes(&bytes, 0).nth(1).unwrap().unwrap();
        let fragment = MovieFragment::parse(&bytes.slice(moof.offset as usize..), 0).unwrap();
        assert_eq!(fragment.sequence_number, index as u32 + 1);
        let (traf, run) = (&fragment.tracks[0], &fragment.tracks[0].runs[0]);
        assert_eq!((traf.track_id, traf.default_base_is_moof), (1, true));
        assert_eq!(traf.decode_time, Some(time));
        let duration = run.samples().map(|s| u64::from(s.duration.or(traf.default_duration).unwrap())).sum();
        let media = bytes.len() as u64 - moof.offset - run.data_offset.unwrap() as u64;
        assert_eq!(media, plan.parts[0].samples.bytes());
        let said = segment_size(film.track(request(group, 0, 0).track), media, u64::from(run.count));
        assert!((rendered.len()..rendered.len() + 500).contains(&said), "{said} for {}", rendered.len());
        (time, duration, run.samples().map(|s| s.composition_offset).collect())
    }

    #[test]
    fn segments_follow_each_other_without_gap_in_any_timescale() {
        let film = testing::film();
        for (group, dialect) in [(0, Dialect::Modern), (0, Dialect::Ams), (1, Dialect::Modern), (1, Dialect::Ams)] {
            let scale = timescale(&film, group, dialect);
            let mut next = 0;
            for index in 0..film.groups[group].segment_count() {
                let (time, duration, _) = fragment(&film, group, index, scale);
                assert_eq!(time, next);
                next = time + duration;
                assert_eq!(next, film.groups[group].boundary(index + 1, scale));
            }
        }
    }

    #[test]
    fn priming_of_sound_is_an_edit_list() {
        let mut film = testing::film();
        assert!(movie(&film, 0, timescale(&film, 0, Dialect::Modern)).tracks[0].edits.is_empty());
        film.groups[0].tracks[0].edit = SourceEdit { delay: 0, media_time: 2112 };
        let scale = timescale(&film, 0, Dialect::Modern);
        let track = &movie(&film, 0, scale).tracks[0];
        let edit = Edit { segment_duration: 0, media_time: Some(2112), media_rate: 0x1_0000 };
        assert_eq!((track.edits.as_slice(), track.timescale), ([edit].as_slice(), scale));
        let (_, _, offsets) = fragment(&film, 0, 0, scale);
        assert!(offsets.iter().all(|offset| *offset == 0));
    }

    #[test]
    fn the_edit_list_of_pictures_is_kept_so_that_no_offset_is_negative() {
        let mut film = testing::film();
        film.groups[1].tracks[0].edit = SourceEdit { delay: 0, media_time: 2000 };
        let scale = timescale(&film, 1, Dialect::Modern);
        let edit = Edit { segment_duration: 0, media_time: Some(2000), media_rate: 0x1_0000 };
        assert_eq!(movie(&film, 1, scale).tracks[0].edits, [edit]);
        let (_, _, offsets) = fragment(&film, 1, 1, scale);
        assert_eq!(offsets[..4], [2000, 4000, 1000, 1000]);
    }

    #[test]
    fn a_wide_pixel_widens_the_track() {
        let mut film = testing::film();
        let mut spec = testing::video_spec(1, 720, 576);
        spec.codec.video.as_mut().unwrap().sample_aspect_ratio = (64, 45);
        film.groups[1] = testing::group("video", TrackKind::Video, &[0, 24], &[spec]);
        let track = &movie(&film, 1, Timescale::TEN_MHZ).tracks[0];
        assert_eq!((track.width, track.height), (1024, 576));
    }
}
