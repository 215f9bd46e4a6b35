//! The movie box (`moov`, ISO/IEC 14496-12 8.2): everything a file says about its tracks.

use bytes::Bytes;

use super::boxes::{RawBox, once, required};
use super::fields::be_u32;
use super::piff;
use super::track::{Track, is_all_ones};
use super::{BoxPath, Error, ErrorKind, FourCc, SystemHeader};
use crate::time::Timescale;

const MOOV: FourCc = FourCc(*b"moov");
const MVHD: FourCc = FourCc(*b"mvhd");
const MVEX: FourCc = FourCc(*b"mvex");
const MEHD: FourCc = FourCc(*b"mehd");
const TREX: FourCc = FourCc(*b"trex");
const TRAK: FourCc = FourCc(*b"trak");
const UDTA: FourCc = FourCc(*b"udta");
const PSSH: FourCc = FourCc(*b"pssh");
const CMOV: FourCc = FourCc(*b"cmov");

/// The most tracks of one file. Real ones have a handful; each is compared with all others.
pub const MAX_TRACKS: usize = 256;

/// Refuses more than [`MAX_TRACKS`] of anything that there is one of per track.
pub(super) fn within_limit(count: usize, path: BoxPath, offset: u64) -> Result<(), Error> {
    if count > MAX_TRACKS {
        let (value, limit) = (count as u64, MAX_TRACKS as u64);
        return Err(ErrorKind::LimitExceeded { what: "tracks", value, limit }.at(path, offset));
    }
    Ok(())
}

/// A movie box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movie {
    /// Unit of `duration` and of edits' `segment_duration`.
    pub timescale: Timescale,
    /// Ticks of `timescale`; 0 when unknown, as in a fragmented file.
    pub duration: u64,
    /// Seconds since 1904-01-01T00:00:00Z; 0 when not stated.
    pub creation_time: u64,
    /// The tracks, in file order; identifiers are unique.
    pub tracks: Vec<Track>,
    /// Present when the file may continue in fragments (`mvex`).
    pub fragmented: Option<MovieExtends>,
    /// The movie's `udta` box, verbatim; the first where there are several.
    pub user_data: Option<Bytes>,
    /// Headers of protection systems (`pssh`, and PIFF's), in file order.
    pub protection: Vec<SystemHeader>,
}

/// What all fragments share (`mvex`, ISO/IEC 14496-12 8.8.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MovieExtends {
    /// Duration with all fragments, ticks of the movie's timescale (`mehd`, 8.8.2); `None` when not
    /// stated.
    pub duration: Option<u64>,
    /// Defaults of each track; identifiers are unique.
    pub defaults: Vec<TrackExtends>,
}

/// Defaults of a track's fragments (`trex`, ISO/IEC 14496-12 8.8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrackExtends {
    /// The track.
    pub track_id: u32,
    /// Entry of `stsd`, from 1.
    pub sample_description_index: u32,
    /// Decode duration, ticks of the track's timescale.
    pub duration: u32,
    /// Bytes per sample.
    pub size: u32,
    /// Sample flags (8.8.3.1).
    pub flags: u32,
}

impl Movie {
    /// Reads a whole `moov` box that begins at `offset_in_file`. Bytes behind the box are ignored.
    ///
    /// # Errors
    /// [`Error`] when a box is damaged, or the tables of a track contradict each other.
    pub fn parse(moov: &Bytes, offset_in_file: u64) -> Result<Movie, Error> {
        let moov = RawBox::expect(moov, offset_in_file, MOOV)?;
        let path = BoxPath::FILE.child(MOOV);
        let (mut mvhd, mut mvex, mut user_data) = (None, None, None);
        let mut protection = Vec::new();
        let mut tracks: Vec<Track> = Vec::new();
        for child in moov.children(path) {
            let child = child?;
            match child.kind {
                MVHD => once(&mut mvhd, child, path)?,
                MVEX => once(&mut mvex, child, path)?,
                TRAK => {
                    let track = Track::parse(&child, path.numbered(TRAK, tracks.len() + 1))?;
                    if tracks.iter().any(|other| other.id == track.id) {
                        return Err(ErrorKind::DuplicateTrack { track_id: track.id }.at(path, child.offset));
                    }
                    tracks.push(track);
                    within_limit(tracks.len(), path, child.offset)?;
                }
                // One that reaches to the end of the movie would mean something else anywhere else.
                UDTA if user_data.is_none() && be_u32(&child.whole) > 0 => user_data = Some(child.whole),
                CMOV => return Err(ErrorKind::Compressed.at(path, child.offset)),
                kind if kind == PSSH || child.uuid == Some(piff::PROTECTION_SYSTEM) => {
                    let path = path.child(kind);
                    protection.push(SystemHeader::parse(&child, path)?);
                    SystemHeader::few_enough(protection.len(), path, child.offset)?;
                }
                _ => {}
            }
        }
        let mvhd = required(mvhd, MVHD, path, moov.offset)?;
        let (timescale, duration, creation_time) = times(&mvhd, path.child(MVHD))?;
        let fragmented = match mvex {
            Some(mvex) => Some(MovieExtends::parse(&mvex, path.child(MVEX))?),
            None => None,
        };
        Ok(Movie { timescale, duration, creation_time, tracks, fragmented, user_data, protection })
    }

    /// The track `id`.
    pub fn track(&self, id: u32) -> Option<&Track> {
        self.tracks.iter().find(|track| track.id == id)
    }
}

impl MovieExtends {
    fn parse(mvex: &RawBox, path: BoxPath) -> Result<MovieExtends, Error> {
        let (mut mehd, mut defaults) = (None, Vec::<TrackExtends>::new());
        for child in mvex.children(path) {
            let child = child?;
            match child.kind {
                MEHD => once(&mut mehd, child, path)?,
                TREX => {
                    let entry = TrackExtends::parse(&child, path.numbered(TREX, defaults.len() + 1))?;
                    if defaults.iter().any(|other| other.track_id == entry.track_id) {
                        let track_id = entry.track_id;
                        return Err(ErrorKind::DuplicateTrack { track_id }.at(path, child.offset));
                    }
                    defaults.push(entry);
                    within_limit(defaults.len(), path, child.offset)?;
                }
                _ => {}
            }
        }
        let duration = match mehd {
            Some(mehd) => {
                let mut fields = mehd.fields(path.child(MEHD));
                let (version, _) = fields.full_box_up_to(1)?;
                let duration = fields.u32_or_u64(version == 1)?;
                Some(duration).filter(|duration| !is_all_ones(*duration, version))
            }
            None => None,
        };
        Ok(MovieExtends { duration, defaults })
    }

    /// The defaults of track `id`.
    pub fn defaults_of(&self, id: u32) -> Option<&TrackExtends> {
        self.defaults.iter().find(|entry| entry.track_id == id)
    }
}

impl TrackExtends {
    fn parse(trex: &RawBox, path: BoxPath) -> Result<TrackExtends, Error> {
        let mut fields = trex.fields(path);
        fields.full_box()?;
        Ok(TrackExtends {
            track_id: fields.u32()?,
            sample_description_index: fields.u32()?,
            duration: fields.u32()?,
            size: fields.u32()?,
            flags: fields.u32()?,
        })
    }
}

/// Timescale, duration and creation time of `mvhd` (8.2.2) or `mdhd` (8.4.2), which begin alike.
pub(super) fn times(header: &RawBox, path: BoxPath) -> Result<(Timescale, u64, u64), Error> {
    let mut fields = header.fields(path);
    let (version, _) = fields.full_box_up_to(1)?;
    let wide = version == 1;
    let creation_time = fields.u32_or_u64(wide)?;
    fields.u32_or_u64(wide)?;
    let timescale = Timescale::new(fields.u32()?)
        .ok_or_else(|| fields.error(ErrorKind::InvalidValue { what: "a timescale", value: 0 }))?;
    let duration = fields.u32_or_u64(wide)?;
    let duration = if is_all_ones(duration, version) { 0 } else { duration };
    Ok((timescale, duration, creation_time))
}
