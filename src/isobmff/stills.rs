//! A file of single pictures, each a track of its own: what a decoder is given that is to show them
//! independently of each other.

use bytes::Bytes;

use super::init::{Brands, InitSegment, MediaHeader};
use super::write::{put, write_box, write_full_box, write_media_data_header};
use super::{FourCc, WriteError};
use crate::time::Timescale;

/// One picture.
#[derive(Debug, Clone)]
pub struct Still {
    /// The sample entry, a whole box.
    pub sample_entry: Bytes,
    /// Width and height, pixels.
    pub size: (u32, u32),
    /// Bytes of the sample.
    pub bytes: u32,
}

/// Everything before the samples, which follow one after the other: `ftyp`, `moov` with track 1, 2, … and the
/// header of `mdat` (ISO/IEC 14496-12 8.1 to 8.7).
///
/// # Errors
/// [`WriteError::HeaderTooLong`] past the range of 32-bit chunk offsets.
pub fn write_stills(stills: &[Still]) -> Result<Vec<u8>, WriteError> {
    // The offsets depend on the length of what they stand in, which does not depend on them.
    let length = bytes_of(stills, 0)?.len() as u64;
    bytes_of(stills, length)
}

fn bytes_of(stills: &[Still], length: u64) -> Result<Vec<u8>, WriteError> {
    let mut out = Vec::with_capacity(1024 * stills.len());
    Brands::CMAF.write(&mut out, FourCc(*b"ftyp"));
    let payload: u64 = stills.iter().map(|still| u64::from(still.bytes)).sum();
    if u32::try_from(length.saturating_add(payload)).is_err() {
        return Err(WriteError::HeaderTooLong { size: length as usize });
    }
    write_box(&mut out, FourCc(*b"moov"), |out| {
        let mut offset = length;
        for (index, still) in stills.iter().enumerate() {
            let track = track(still, index as u32 + 1);
            if index == 0 {
                track.movie_header(out, stills.len() as u32 + 1);
            }
            track.track(out, &|out| tables(out, still, offset as u32));
            offset += u64::from(still.bytes);
        }
    });
    write_media_data_header(&mut out, payload);
    Ok(out)
}

fn track(still: &Still, track_id: u32) -> InitSegment<'_> {
    let second = Timescale::MILLISECONDS;
    InitSegment {
        brands: Brands::CMAF,
        movie_timescale: second,
        timescale: second,
        duration: None,
        track_id,
        creation_time: 0,
        track_creation_time: 0,
        handler: FourCc(*b"vide"),
        handler_name: "",
        language: *b"und",
        width: still.size.0,
        height: still.size.1,
        sample_entry: &still.sample_entry,
        media: MediaHeader::Video,
        edit: None,
        user_data: None,
        protection_headers: &[],
        declaration_extras: false,
        roll_distance: None,
    }
}

/// `stts`, `stsc`, `stsz` and `stco` of one sample that lasts a second.
fn tables(out: &mut Vec<u8>, still: &Still, offset: u32) {
    write_full_box(out, FourCc(*b"stts"), 0, 0, |out| put(out, &[1, 1, 1000]));
    write_full_box(out, FourCc(*b"stsc"), 0, 0, |out| put(out, &[1, 1, 1, 1]));
    write_full_box(out, FourCc(*b"stsz"), 0, 0, |out| put(out, &[still.bytes, 1]));
    write_full_box(out, FourCc(*b"stco"), 0, 0, |out| put(out, &[1, offset]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isobmff::{Movie, boxes};

    #[test]
    fn each_picture_is_a_track_and_lies_where_its_table_says() {
        let entry = Bytes::from_static(b"\0\0\0\x0cavc1abcd");
        let stills = [(7u32, 100u32), (8, 5)].map(|(size, bytes)| Still {
            sample_entry: entry.clone(),
            size: (size, size * 2),
            bytes,
        });
        let head = Bytes::from(write_stills(&stills).unwrap());
        let mut whole = head.to_vec();
        whole.extend([1; 105]);
        let whole = Bytes::from(whole);
        let found: Vec<_> = boxes(&whole, 0).map(Result::unwrap).collect();
        assert_eq!(found.iter().map(|b| b.kind.0).collect::<Vec<_>>(), [*b"ftyp", *b"moov", *b"mdat"]);
        assert_eq!(found[2].body_offset(), head.len() as u64);
        let movie = Movie::parse(&whole.slice(found[1].offset as usize..found[2].offset as usize), 0).unwrap();
        let tracks: Vec<_> = movie.tracks.iter().map(|t| (t.id, t.width, t.height)).collect();
        assert_eq!(tracks, [(1, 7, 14), (2, 8, 16)]);
        let mut at = head.len() as u32;
        for still in &stills {
            let stco = [&b"stco\0\0\0\0\0\0\0\x01"[..], &at.to_be_bytes()].concat();
            assert!(whole.windows(stco.len()).any(|w| w == stco));
            at += still.bytes;
        }
        let huge = Still { sample_entry: entry, size: (1, 1), bytes: u32::MAX };
        assert!(write_stills(&[huge]).is_err());
    }
}
