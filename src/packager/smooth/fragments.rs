//! Fragments and their parts (MS-SSTR 2.2.3, 2.2.4).

use bytes::Bytes;

use crate::isobmff::FragmentStyle;
use crate::media::Presentation;
use crate::packager::captions;
use crate::packager::encrypt;
use crate::packager::fragment::Composition;
use crate::packager::payload::payload;
use crate::packager::protection::Protection;
use crate::packager::track_fragment::{self, MDAT_HEADER, Shape, rendered};
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

/// What the plan's noun asks for.
pub(super) fn render(
    presentation: &Presentation,
    plan: &Plan,
    media: &MediaData,
    protection: Option<&Protection>,
) -> Result<Rendered, Error> {
    if let Some(text) = captions::text_of(presentation, plan) {
        return captions::fragment(presentation, plan, text, SCALE, captions::Shape::Smooth);
    }
    match plan.noun {
        Noun::Fragments | Noun::KeyFrames => {
            track_fragment::fragment(presentation, plan, media, SCALE, &SHAPE, protection)
        }
        Noun::FragmentInfo => {
            let part = plan.parts.first().ok_or(Error::NoSuchResource)?;
            let encrypted = match plan.needs_media {
                true => encrypt::part(presentation, part, plan.index, media, protection)?,
                false => None,
            };
            let mut header = track_fragment::header(presentation, plan, SCALE, &SHAPE, encrypted.as_ref())?;
            header.truncate(header.len().saturating_sub(MDAT_HEADER));
            rendered(presentation, plan, vec![Bytes::from(header)])
        }
        Noun::RawFragments => {
            let part = plan.parts.first().ok_or(Error::NoSuchResource)?;
            let body = match encrypt::part(presentation, part, plan.index, media, protection)? {
                Some(encrypt::Encrypted { body: Some(bytes), .. }) => vec![bytes],
                _ => payload(part, media)?,
            };
            rendered(presentation, plan, body)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isobmff::{MovieFragment, boxes};
    use crate::media::Edit;
    use crate::packager::smooth::SMOOTH;
    use crate::packager::testing::{self, bytes, context, film};
    use crate::packager::{Dialect, Format};

    fn render(film: &Presentation, group: usize, time: u64, noun: Noun) -> Bytes {
        let mut request = testing::request(group, 0, time);
        request.noun = noun;
        let plan = SMOOTH.plan(film, &request, &context(Dialect::Modern)).unwrap();
        assert_eq!(plan.reads().is_empty(), noun == Noun::FragmentInfo);
        let rendered = SMOOTH.segment(film, &plan, &testing::media(&plan), &context(Dialect::Modern)).unwrap();
        Bytes::from(bytes(&rendered.body))
    }

    fn names(data: &Bytes) -> Vec<String> {
        boxes(data, 0).map(|b| b.unwrap().kind.to_string()).collect()
    }

    #[test]
    fn a_fragment_tells_its_time_twice_and_fills_its_chunk() {
        let film = film();
        for group in 0..2 {
            for index in 0..5 {
                let time = film.groups[group].boundary(index, SCALE);
                let whole = render(&film, group, time, Noun::Fragments);
                assert_eq!(names(&whole), ["moof", "mdat"]);
                let moof = MovieFragment::parse(&whole, 0).unwrap();
                let traf = &moof.tracks[0];
                let length = film.groups[group].boundary(index + 1, SCALE) - time;
                assert_eq!((moof.sequence_number, traf.decode_time), (index as u32 + 1, Some(time)));
                assert_eq!(traf.tfxd, Some((time, length)));
                let sum: u64 = traf.runs[0].samples().map(|s| u64::from(s.duration.unwrap())).sum();
                assert_eq!(sum, length);
            }
        }
    }

    #[test]
    fn the_parts_of_a_fragment_are_the_fragment() {
        let film = film();
        let whole = render(&film, 1, 20_000_000, Noun::Fragments);
        let info = render(&film, 1, 20_000_000, Noun::FragmentInfo);
        let raw = render(&film, 1, 20_000_000, Noun::RawFragments);
        assert_eq!(names(&info), ["moof"]);
        assert_eq!(whole, [info.as_ref(), &whole[info.len()..info.len() + 8], raw.as_ref()].concat());
    }

    #[test]
    fn key_frames_keep_their_time() {
        let film = film();
        let moof = MovieFragment::parse(&render(&film, 1, 20_000_000, Noun::KeyFrames), 0).unwrap();
        let samples: Vec<_> = moof.tracks[0].runs[0].samples().collect();
        assert_eq!((samples.len(), samples[0].size, samples[0].duration), (1, Some(300), Some(20_000_000)));
        assert_eq!(moof.tracks[0].decode_time, Some(20_000_000));
    }

    #[test]
    fn priming_is_taken_off_by_composition_offsets() {
        let mut film = film();
        film.groups[0].tracks[0].edit = Edit { delay: 0, media_time: 1024 };
        let moof = MovieFragment::parse(&render(&film, 0, 0, Noun::Fragments), 0).unwrap();
        let run = &moof.tracks[0].runs[0];
        assert_eq!(run.version, 1);
        let mut time = 0i64;
        for (index, sample) in run.samples().enumerate() {
            let shown = time + i64::from(sample.composition_offset);
            assert_eq!(shown, crate::time::rescale_floor(index as i64 * 1024 - 1024, film.groups[0].timescale, SCALE));
            time += i64::from(sample.duration.unwrap());
        }
    }
}
