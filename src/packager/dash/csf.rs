//! Segments of `mpd-time-csf`, laid out box by box as Azure Media Services sent them: Common File Format
//! (DECE) tracks without `styp`, with parameter sets and picture types in each fragment of pictures.

use crate::isobmff::{Brands, FragmentStyle};
use crate::media::{Presentation, SampleTable, Track, TrackRef};
use crate::packager::fragment::Composition;
use crate::packager::protection::Protection;
use crate::packager::track_fragment::{self, Shape};
use crate::packager::{Error, MediaData, Plan, Rendered, captions, encrypt};
use crate::time::Timescale;

/// `trik` entry of a picture that depends on no other: picture type 1, dependency level 1.
const INDEPENDENT: u8 = 0x41;
/// `trik` entry of any other picture: type not told, dependency level 3.
const DEPENDENT: u8 = 0x03;

/// The initialization segment.
pub(super) fn init(presentation: &Presentation, at: TrackRef, protection: Option<&Protection>) -> Rendered {
    let track = presentation.track(at);
    let entry = encrypt::sample_entry(presentation, at, track.codec.sample_entry(), protection);
    let headers = encrypt::protection_headers(presentation, at, protection);
    let brands = track_fragment::brands(Brands::CSF, &*track.codec);
    let mut segment = track_fragment::init_segment(presentation, at, Timescale::TEN_MHZ, &entry);
    segment.brands = Brands { compatible: &brands, ..Brands::CSF };
    segment.protection_headers = &headers;
    // The service wrote none; without it sound with encoder priming would be late against the pictures.
    segment.edit = Composition::edit(track, Timescale::TEN_MHZ);
    segment.duration = Some(presentation.duration().floor(Timescale::TEN_MHZ).max(0) as u64);
    segment.user_data = track.user_data.clone();
    segment.declaration_extras = true;
    track_fragment::rendered_init(presentation, at, &segment)
}

/// The media segment.
pub(super) fn segment(
    presentation: &Presentation,
    plan: &Plan,
    media: &MediaData,
    protection: Option<&Protection>,
) -> Result<Rendered, Error> {
    if let Some(text) = captions::text_of(presentation, plan) {
        let shape = captions::Shape::Media { segment_type: false, first_sequence_number: 0 };
        return captions::fragment(presentation, plan, text, Timescale::TEN_MHZ, shape);
    }
    let part = plan.parts.first().ok_or(Error::NoSuchResource)?;
    let track = presentation.track(part.track);
    let configuration = track.codec.decoder_configuration();
    let types = track.codec.video().map(|_| picture_types(&part.samples));
    let shape = Shape {
        style: FragmentStyle::Csf { decoder_configuration: configuration.as_deref(), picture_types: types.as_deref() },
        segment_type: None,
        first_sequence_number: 0,
        tfxd: false,
        composition: Composition::of(track),
    };
    track_fragment::fragment(presentation, plan, media, Timescale::TEN_MHZ, &shape, protection)
}

/// Bytes of a segment of that many media bytes and samples, or a little more: what bit rates are measured with.
pub(super) fn segment_size(track: &Track, media: u64, samples: u64) -> u64 {
    // moof and traf 16, mfhd 16, tfhd 20, tfdt 20, trun 24, headers of avcn and trik 20, mdat 8; per
    // sample duration and size, for pictures a composition offset and a picture type, and flags where
    // key frames are inside of segments.
    let configuration = track.codec.decoder_configuration().map_or(0, |record| record.len() as u64);
    let each = if track.codec.video().is_some() { 13 } else { 8 };
    media + 124 + configuration + samples * if track.has_inner_key_frames() { each + 4 } else { each }
}

fn picture_types(table: &SampleTable) -> Vec<u8> {
    table.samples.iter().map(|sample| if sample.sync { INDEPENDENT } else { DEPENDENT }).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::isobmff::{Movie, MovieFragment, boxes, is_sync};
    use crate::media::{FileId, RawSample, SampleIndexBuilder, Track, TrackKind};
    use crate::packager::dash::Csf;
    use crate::packager::testing::{self, request};
    use crate::packager::{Dialect, Format, MediaData};

    /// The real service's answer, decrypted: key and IV are those of its MPD.
    fn real(name: &str) -> Option<Bytes> {
        use cbc::cipher::{BlockModeDecrypt, KeyIvInit, block_padding::Pkcs7};
        let folder = testing::media_folder("ams-origin-output")?;
        let key: [u8; 16] = std::fs::read(folder.join("license")).unwrap().try_into().unwrap();
        let iv = 0x3782_A2D7_4219_AE78_CFAD_F642_ABC5_E68D_u128.to_be_bytes();
        let mut data = std::fs::read(folder.join(format!("Fragments(video={name},format=mpd-time-csf)"))).unwrap();
        let cipher = cbc::Decryptor::<aes::Aes128>::new(&key.into(), &iv.into());
        let clear = cipher.decrypt_padded::<Pkcs7>(&mut data).unwrap().len();
        data.truncate(clear);
        Some(Bytes::from(data))
    }

    const TIMES: [u64; 4] = [0, 20_000_000, 40_000_000, 60_000_000];

    /// A film whose only track is what the real segments hold, in a file of their payloads.
    fn film_of(init: &Bytes, segments: &[Bytes]) -> (Presentation, Vec<u8>) {
        let moov = boxes(init, 0).nth(1).unwrap().unwrap();
        let movie = Movie::parse(&init.slice(moov.offset as usize..), 0).unwrap();
        let stored = &movie.tracks[0];
        let (mut file, mut bounds, mut bytes) = (Vec::new(), vec![0], Vec::new());
        let mut builder = SampleIndexBuilder::new(Timescale::TEN_MHZ, 0);
        for segment in segments {
            let moof = MovieFragment::parse(segment, 0).unwrap();
            let mdat = boxes(segment, 0).nth(1).unwrap().unwrap();
            let (traf, mut offset) = (&moof.tracks[0], file.len() as u64);
            for sample in traf.runs[0].samples() {
                let (size, duration) = (sample.size.unwrap(), sample.duration.unwrap());
                let sync = is_sync(sample.flags.or(traf.default_flags).unwrap());
                let composition_offset = sample.composition_offset;
                builder.push(RawSample { offset, size, duration, composition_offset, sync }).unwrap();
                offset += u64::from(size);
            }
            bounds.push(builder.len());
            bytes.push(offset - file.len() as u64);
            file.extend_from_slice(&segment[mdat.body_offset() as usize..]);
        }
        let mut group = testing::group("video", TrackKind::Video, &[0, 1], &[testing::video_spec(395_367, 320, 136)]);
        (group.starts, group.end) = (TIMES.to_vec(), 80_000_000);
        group.timescale = Timescale::TEN_MHZ;
        group.language = crate::media::Language("eng".to_owned());
        group.tracks = vec![Track {
            codec: crate::codec::from_sample_entry(&stored.sample_entries[0], None).unwrap(),
            timescale: Timescale::TEN_MHZ,
            samples: Arc::new(builder.finish()),
            segment_samples: bounds,
            segment_bytes: bytes,
            handler_name: stored.handler_name.clone(),
            creation_time: stored.creation_time,
            user_data: movie.user_data.clone(),
            ..group.tracks[0].clone()
        }];
        (testing::film_of(vec![group]), file)
    }

    #[test]
    fn every_byte_is_what_the_real_service_sent() {
        let Some(init) = real("i") else { return };
        let segments: Vec<Bytes> = TIMES.iter().map(|time| real(&time.to_string()).unwrap()).collect();
        let (film, file) = film_of(&init, &segments);
        let context = testing::context(Dialect::Ams);
        for (index, segment) in segments.iter().enumerate() {
            let plan = Csf.plan(&film, &request(0, 0, TIMES[index]), &context).unwrap();
            let read =
                |range: &std::ops::Range<u64>| Bytes::copy_from_slice(&file[range.start as usize..range.end as usize]);
            let media = MediaData::new(plan.reads().into_iter().map(|(f, r)| (f, r.clone(), read(&r))).collect());
            assert_eq!(plan.parts[0].file, FileId(0));
            let ours = Csf.segment(&film, &plan, &media, &context).unwrap();
            assert!(testing::bytes(&ours.body) == *segment, "segment {index}");
            assert_eq!(ours.body.len(), 2, "media in one uncopied piece");
        }
        // The whole film's duration and the movie's own creation time are not known from four segments.
        let mut ours = testing::bytes(&Csf.init(&film, request(0, 0, 0).track, &context).unwrap().body);
        let at = |four_cc: &[u8; 4]| init.windows(4).position(|w| w == four_cc).unwrap();
        for range in [at(b"mvhd") + 8..at(b"mvhd") + 24, at(b"mehd") + 8..at(b"mehd") + 16] {
            ours[range.clone()].copy_from_slice(&init[range]);
        }
        assert_eq!(ours, init);
    }

    #[test]
    fn sizes_for_bit_rates_are_just_above_the_real_ones() {
        let film = testing::film();
        let context = testing::context(Dialect::Ams);
        for group in 0..2 {
            let scale = Csf.url_timescale(&film, group, &context);
            for index in 0..5 {
                let time = film.groups[group].boundary(index, scale);
                let plan = Csf.plan(&film, &request(group, 0, time), &context).unwrap();
                let real = Csf.segment(&film, &plan, &testing::media(&plan), &context).unwrap().len();
                let samples = &plan.parts[0].samples;
                let said = segment_size(&film.groups[group].tracks[0], samples.bytes(), samples.samples.len() as u64);
                assert!((real..real + 100).contains(&said), "{said} for {real}");
            }
        }
    }
}
