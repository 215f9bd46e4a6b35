//! Initialization segments: `ftyp` and a `moov` without samples, for one track.

use bytes::Bytes;

use super::write::{put, write_box, write_full_box};
use super::{Edit, FourCc};
use crate::time::Timescale;

/// The identity matrix of `mvhd` and `tkhd` (ISO/IEC 14496-12 6.2.2): 16.16, last column 2.30.
const IDENTITY: [u32; 9] = [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x4000_0000];

/// What a file is compatible with (`ftyp`, `styp`; ISO/IEC 14496-12 4.3 and 8.16.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brands<'a> {
    /// The best use of the file.
    pub major: FourCc,
    /// Minor version of the major brand.
    pub minor: u32,
    /// Compatible brands.
    pub compatible: &'a [FourCc],
}

impl Brands<'static> {
    /// Initialization segments of `mpd-time-csf` as AMS wrote them: the Common File Format.
    pub const CSF: Brands<'static> = Brands { major: FourCc(*b"ccff"), minor: 1, compatible: &[FourCc(*b"iso6")] };
    /// CMAF tracks (ISO/IEC 23000-19 7.2).
    pub const CMAF: Brands<'static> =
        Brands { major: FourCc(*b"cmfc"), minor: 0, compatible: &[FourCc(*b"iso6"), FourCc(*b"cmfc")] };
    /// CMAF media segments (ISO/IEC 23000-19 7.3.3.1).
    pub const CMAF_SEGMENT: Brands<'static> =
        Brands { major: FourCc(*b"msdh"), minor: 0, compatible: &[FourCc(*b"msdh"), FourCc(*b"cmfs")] };
}

impl Brands<'_> {
    /// Appends them as a box, `ftyp` or `styp`.
    pub fn write(&self, out: &mut Vec<u8>, kind: FourCc) {
        write_box(out, kind, |out| {
            out.extend_from_slice(&self.major.0);
            put(out, &[self.minor]);
            self.compatible.iter().for_each(|brand| out.extend_from_slice(&brand.0));
        });
    }
}

/// The media header box of a track (ISO/IEC 14496-12 8.4.5 and clause 12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaHeader {
    /// `vmhd`.
    Video,
    /// `smhd`.
    Sound,
    /// `sthd`.
    Subtitle,
    /// `nmhd`.
    Null,
}

impl MediaHeader {
    /// The media header that goes with a handler type (ISO/IEC 14496-12 clause 12).
    pub fn of_handler(handler: FourCc) -> MediaHeader {
        match &handler.0 {
            b"vide" | b"auxv" | b"pict" => MediaHeader::Video,
            b"soun" => MediaHeader::Sound,
            b"subt" => MediaHeader::Subtitle,
            _ => MediaHeader::Null,
        }
    }

    fn write(self, out: &mut Vec<u8>) {
        match self {
            MediaHeader::Video => write_full_box(out, FourCc(*b"vmhd"), 0, 1, |out| put(out, &[0, 0])),
            MediaHeader::Sound => write_full_box(out, FourCc(*b"smhd"), 0, 0, |out| put(out, &[0])),
            MediaHeader::Subtitle => write_full_box(out, FourCc(*b"sthd"), 0, 0, |_| {}),
            MediaHeader::Null => write_full_box(out, FourCc(*b"nmhd"), 0, 0, |_| {}),
        }
    }
}

/// Everything that an initialization segment says.
#[derive(Debug, Clone)]
pub struct InitSegment<'a> {
    /// Brands of `ftyp`.
    pub brands: Brands<'a>,
    /// Unit of `duration` and of the edit's `segment_duration`.
    pub movie_timescale: Timescale,
    /// Unit of the track's media times.
    pub timescale: Timescale,
    /// Presentation duration for `mehd`, ticks of `movie_timescale`; `None` leaves `mehd` out.
    pub duration: Option<u64>,
    /// The track's identifier, not 0.
    pub track_id: u32,
    /// Of the movie, seconds since 1904-01-01T00:00:00Z.
    pub creation_time: u64,
    /// Of track and media, seconds since 1904-01-01T00:00:00Z.
    pub track_creation_time: u64,
    /// Handler type, e.g. `vide`.
    pub handler: FourCc,
    /// Handler name; ends at its first zero character.
    pub handler_name: &'a str,
    /// ISO 639-2/T code in lower case; anything else is written as `und`.
    pub language: [u8; 3],
    /// Visual width, pixels; 0 for sound.
    pub width: u32,
    /// Visual height, pixels; 0 for sound.
    pub height: u32,
    /// The sample entry, a whole box.
    pub sample_entry: &'a Bytes,
    /// Which media header box the track has.
    pub media: MediaHeader,
    /// The only entry of the edit list; `None` leaves `edts` out.
    pub edit: Option<Edit>,
    /// How many samples before one decoding has to begin for it to come out right, as a negative number, told in a
    /// sample group that all samples are in (`roll`, ISO/IEC 14496-12 10.1); `None` leaves `sgpd` out.
    pub roll_distance: Option<i16>,
    /// A `udta` box for the movie, verbatim.
    pub user_data: Option<Bytes>,
    /// Whole `pssh` boxes for the end of the movie box; may be empty.
    pub protection_headers: &'a [u8],
    /// The DECE marks of AMS's Common Streaming Format: `ainf` behind `mvhd`, an empty `meta` at the
    /// end, and a `next_track_ID` of all ones.
    pub declaration_extras: bool,
}

impl InitSegment<'_> {
    /// The bytes of the segment.
    pub fn write(&self) -> Vec<u8> {
        let extras = self.user_data.as_ref().map_or(0, Bytes::len) + self.protection_headers.len();
        let mut out = Vec::with_capacity(1024 + self.sample_entry.len() + extras);
        self.brands.write(&mut out, FourCc(*b"ftyp"));
        write_box(&mut out, FourCc(*b"moov"), |out| {
            let next = if self.declaration_extras { u32::MAX } else { self.track_id.saturating_add(1) };
            self.movie_header(out, next);
            if self.declaration_extras {
                write_full_box(out, FourCc(*b"ainf"), 0, 0, |out| put(out, &[0]));
            }
            self.track(out, &no_samples);
            if let Some(user_data) = &self.user_data {
                out.extend_from_slice(user_data);
            }
            self.movie_extends(out);
            out.extend_from_slice(self.protection_headers);
            if self.declaration_extras {
                write_full_box(out, FourCc(*b"meta"), 0, 0, |_| {});
            }
        });
        out
    }

    /// `mvhd`; `next` is a track identifier that is free.
    pub(super) fn movie_header(&self, out: &mut Vec<u8>, next: u32) {
        write_full_box(out, FourCc(*b"mvhd"), 1, 0, |out| {
            times(out, self.creation_time);
            put(out, &[self.movie_timescale.get(), 0, 0]);
            put(out, &[0x0001_0000, 0x0100_0000, 0, 0]);
            put(out, &IDENTITY);
            put(out, &[0; 6]);
            put(out, &[next]);
        });
    }

    /// `trak`; `tables` writes those of the samples into `stbl`.
    pub(super) fn track(&self, out: &mut Vec<u8>, tables: &dyn Fn(&mut Vec<u8>)) {
        write_box(out, FourCc(*b"trak"), |out| {
            // Enabled, in movie, in preview.
            write_full_box(out, FourCc(*b"tkhd"), 1, 7, |out| {
                times(out, self.track_creation_time);
                put(out, &[self.track_id, 0, 0, 0]);
                put(out, &[0, 0, 0]);
                put(out, &[if self.media == MediaHeader::Sound { 0x0100_0000 } else { 0 }]);
                put(out, &IDENTITY);
                put(out, &[self.width.min(0xffff) << 16, self.height.min(0xffff) << 16]);
            });
            if let Some(edit) = self.edit {
                write_box(out, FourCc(*b"edts"), |out| edit_list(out, edit));
            }
            write_box(out, FourCc(*b"mdia"), |out| self.media(out, tables));
        });
    }

    fn media(&self, out: &mut Vec<u8>, tables: &dyn Fn(&mut Vec<u8>)) {
        write_full_box(out, FourCc(*b"mdhd"), 1, 0, |out| {
            times(out, self.track_creation_time);
            put(out, &[self.timescale.get(), 0, 0]);
            put(out, &[u32::from(packed_language(self.language)) << 16]);
        });
        write_full_box(out, FourCc(*b"hdlr"), 0, 0, |out| {
            put(out, &[0, u32::from_be_bytes(self.handler.0), 0, 0, 0]);
            let name = self.handler_name.split('\0').next().unwrap_or_default();
            out.extend_from_slice(name.as_bytes());
            out.push(0);
        });
        write_box(out, FourCc(*b"minf"), |out| {
            self.media.write(out);
            write_box(out, FourCc(*b"dinf"), |out| {
                write_full_box(out, FourCc(*b"dref"), 0, 0, |out| {
                    put(out, &[1]);
                    // Flag 1: the media lie in this very file.
                    write_full_box(out, FourCc(*b"url "), 0, 1, |_| {});
                });
            });
            write_box(out, FourCc(*b"stbl"), |out| {
                write_full_box(out, FourCc(*b"stsd"), 0, 0, |out| {
                    put(out, &[1]);
                    out.extend_from_slice(self.sample_entry);
                });
                tables(out);
                if let Some(distance) = self.roll_distance {
                    // Version 2 has a default entry, so that no fragment needs an `sbgp` (8.9.3).
                    write_full_box(out, FourCc(*b"sgpd"), 2, 0, |out| {
                        put(out, &[u32::from_be_bytes(*b"roll"), 2, 1, 1]);
                        out.extend_from_slice(&distance.to_be_bytes());
                    });
                }
            });
        });
    }

    fn movie_extends(&self, out: &mut Vec<u8>) {
        write_box(out, FourCc(*b"mvex"), |out| {
            if let Some(duration) = self.duration {
                write_full_box(out, FourCc(*b"mehd"), 1, 0, |out| out.extend_from_slice(&duration.to_be_bytes()));
            }
            write_full_box(out, FourCc(*b"trex"), 0, 0, |out| put(out, &[self.track_id, 1, 0, 0, 0]));
        });
    }
}

/// The tables of a track whose samples are in fragments.
fn no_samples(out: &mut Vec<u8>) {
    write_full_box(out, FourCc(*b"stts"), 0, 0, |out| put(out, &[0]));
    write_full_box(out, FourCc(*b"stsc"), 0, 0, |out| put(out, &[0]));
    write_full_box(out, FourCc(*b"stsz"), 0, 0, |out| put(out, &[0, 0]));
    write_full_box(out, FourCc(*b"stco"), 0, 0, |out| put(out, &[0]));
}

/// Creation and modification time of a header of version 1.
fn times(out: &mut Vec<u8>, creation_time: u64) {
    out.extend_from_slice(&creation_time.to_be_bytes());
    out.extend_from_slice(&creation_time.to_be_bytes());
}

fn edit_list(out: &mut Vec<u8>, edit: Edit) {
    write_full_box(out, FourCc(*b"elst"), 1, 0, |out| {
        put(out, &[1]);
        out.extend_from_slice(&edit.segment_duration.to_be_bytes());
        out.extend_from_slice(&edit.media_time.unwrap_or(-1).to_be_bytes());
        put(out, &[edit.media_rate.cast_unsigned()]);
    });
}

/// Three letters of five bits each, less 0x60 (ISO/IEC 14496-12 8.4.2.3).
fn packed_language(language: [u8; 3]) -> u16 {
    let letters = if language.iter().all(u8::is_ascii_lowercase) { language } else { *b"und" };
    letters.iter().fold(0, |packed, letter| packed << 5 | u16::from(letter & 31))
}

#[cfg(test)]
mod tests {
    use mp4_atom::DecodeMaybe;

    use super::super::Movie;
    use super::super::testing::top_level;
    use super::*;

    fn opus() -> Bytes {
        let mut out = Vec::new();
        write_box(&mut out, FourCc(*b"Opus"), |out| {
            put(out, &[0, 1, 0, 0, 2 << 16 | 16, 0, 48_000 << 16]);
            write_box(out, FourCc(*b"dOps"), |out| out.extend_from_slice(b"\0\x02\x01\x38\0\0\xbb\x80\0\0\0"));
        });
        Bytes::from(out)
    }

    fn segment(sample_entry: &Bytes) -> InitSegment<'_> {
        let edit = Edit { segment_duration: 0, media_time: Some(312), media_rate: 0x10000 };
        InitSegment {
            brands: Brands::CMAF,
            movie_timescale: Timescale::MILLISECONDS,
            timescale: Timescale::new(48_000).unwrap(),
            duration: Some(9000),
            track_id: 3,
            creation_time: 1 << 33,
            track_creation_time: 5,
            handler: FourCc(*b"soun"),
            handler_name: "S\u{f6}und\0behind",
            language: *b"fra",
            width: 0,
            height: 0,
            sample_entry,
            media: MediaHeader::Sound,
            edit: Some(edit),
            roll_distance: Some(-4),
            user_data: None,
            protection_headers: b"\0\0\0\x20pssh\0\0\0\08888888888888888\0\0\0\0",
            declaration_extras: false,
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let entry = opus();
        let written = Bytes::from(segment(&entry).write());
        let roll = b"\0\0\0\x1esgpd\x02\0\0\0roll\0\0\0\x02\0\0\0\x01\0\0\0\x01\xff\xfc";
        assert!(written.windows(roll.len()).any(|window| window == roll));
        let movie = Movie::parse(&top_level(&written, b"moov")[0].whole, 0).unwrap();
        assert_eq!((movie.timescale.get(), movie.duration, movie.creation_time), (1000, 0, 1 << 33));
        assert_eq!(movie.fragmented.as_ref().unwrap().duration, Some(9000));
        assert_eq!(movie.fragmented.as_ref().unwrap().defaults_of(3).unwrap().sample_description_index, 1);
        assert!(movie.user_data.is_none());
        assert_eq!((movie.protection.len(), movie.protection[0].system), (1, *b"8888888888888888"));
        let track = &movie.tracks[0];
        assert_eq!((track.id, track.enabled, track.timescale.get(), track.creation_time), (3, true, 48_000, 5));
        assert_eq!((track.handler_name.as_str(), track.language), ("S\u{f6}und", *b"fra"));
        assert_eq!(track.edits, [segment(&entry).edit.unwrap()]);
        assert_eq!(track.sample_entries, std::slice::from_ref(&entry));
        assert!(track.samples.is_empty() && track.samples.chunks().next().is_none());
    }

    #[test]
    fn another_reader_accepts_it() {
        let entry = opus();
        for media in [MediaHeader::Video, MediaHeader::Sound, MediaHeader::Subtitle, MediaHeader::Null] {
            let written = InitSegment { media, protection_headers: &[], ..segment(&entry) }.write();
            let mut rest = &written[..];
            assert!(mp4_atom::Ftyp::decode_maybe(&mut rest).unwrap().is_some());
            let movie = mp4_atom::Moov::decode_maybe(&mut rest).unwrap().unwrap();
            assert_eq!(movie.trak[0].mdia.mdhd.timescale, 48_000);
            assert!(rest.is_empty());
        }
    }
}
