//! What a segment of movie fragments says of itself (ISO/IEC 14496-12 8.8).

use bytes::Bytes;

use super::encryption::Protected;
use crate::codec;
use crate::isobmff::{FourCc, Movie, MovieFragment, TrackExtends, boxes, is_sync};
use crate::time::Timescale;

/// An initialization segment.
#[derive(Clone, Debug)]
pub(super) struct Init {
    /// Unit of the times in fragments.
    pub scale: Timescale,
    /// The sample entry of the track.
    entry: Bytes,
    defaults: Option<TrackExtends>,
    /// What the sample entry says of encryption.
    pub protected: Option<Protected>,
}

impl Init {
    /// Reads one; it has one track.
    pub fn read(body: &Bytes) -> Result<Init, String> {
        for found in boxes(body, 0) {
            let found = found.map_err(|e| e.to_string())?;
            if found.kind != FourCc(*b"moov") {
                continue;
            }
            let movie = Movie::parse(&found.whole, found.offset).map_err(|e| e.to_string())?;
            let [track] = movie.tracks.as_slice() else {
                return Err(format!("it has {} tracks, not one", movie.tracks.len()));
            };
            let entry = track.sample_entries.first().cloned().ok_or("it has no sample entry")?;
            return Ok(Init {
                scale: track.timescale,
                protected: Protected::read(&entry),
                entry,
                defaults: movie.fragmented.as_ref().and_then(|extends| extends.defaults_of(track.id)).copied(),
            });
        }
        Err("it has no moov box".to_owned())
    }

    /// The codec in the words of RFC 6381; `None` where it is encrypted or not known.
    pub fn codec(&self, first_sample: Option<&Bytes>) -> Option<String> {
        codec::from_sample_entry(&self.entry, first_sample).ok().map(|codec| codec.rfc6381())
    }
}

/// A media segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Fragment {
    /// `tfdt`, or `tfxd` where there is none; ticks of the track.
    pub decode_time: Option<u64>,
    /// `tfxd`: the time again, and the length; Smooth alone has it.
    pub tfxd: Option<(u64, u64)>,
    /// The sum of the samples' durations; `None` if some have none.
    pub duration: Option<u64>,
    /// The longest of the samples' durations.
    pub longest_sample: u64,
    /// How many samples there are.
    pub samples: u64,
    /// The first one can be decoded alone.
    pub begins_with_key_frame: bool,
    /// The first sample's bytes.
    pub first_sample: Option<Bytes>,
}

/// Reads a segment; the error says what is damaged.
pub(super) fn read(body: &Bytes, init: Option<&Init>) -> Result<Fragment, String> {
    let defaults = init.and_then(|init| init.defaults.as_ref());
    let mut whole: Option<Fragment> = None;
    // Samples of the `moof` just read: how many bytes they have, and the first one's.
    let mut pending: Option<(u64, u64)> = None;
    for found in boxes(body, 0) {
        let found = found.map_err(|e| e.to_string())?;
        match &found.kind.0 {
            b"moof" => {
                if pending.is_some() {
                    return Err("a moof box without mdat".to_owned());
                }
                let moof = MovieFragment::parse(&found.whole, found.offset).map_err(|e| e.to_string())?;
                let (fragment, bytes) = of_moof(&moof, defaults)?;
                pending = Some(bytes);
                whole = Some(match whole {
                    None => fragment,
                    Some(before) => before.followed_by(&fragment)?,
                });
            }
            b"mdat" => {
                let Some((bytes, first)) = pending.take() else { return Err("an mdat box without moof".to_owned()) };
                let stored = found.body.len() as u64;
                if stored < bytes {
                    return Err(format!("mdat has {stored} bytes, the samples {bytes}"));
                }
                if let Some(fragment) = whole.as_mut().filter(|f| f.first_sample.is_none()) {
                    fragment.first_sample = usize::try_from(first).ok().map(|first| found.body.slice(..first));
                }
            }
            _ => {}
        }
    }
    if pending.is_some() {
        return Err("the media data (mdat) is missing".to_owned());
    }
    whole.ok_or_else(|| "there is no moof box".to_owned())
}

impl Fragment {
    /// Several `moof`s in one segment are one run of samples.
    fn followed_by(self, next: &Fragment) -> Result<Fragment, String> {
        if let (Some(begin), Some(lasts), Some(then)) = (self.decode_time, self.duration, next.decode_time)
            && begin.saturating_add(lasts) != then
        {
            return Err(format!("inside of it a moof begins at {then}, the one before ends at {}", begin + lasts));
        }
        let duration = self.duration.zip(next.duration).map(|(a, b)| a.saturating_add(b));
        let longest_sample = self.longest_sample.max(next.longest_sample);
        Ok(Fragment { duration, longest_sample, samples: self.samples + next.samples, ..self })
    }
}

/// What a `moof` says, the bytes of its samples, and of the first one.
fn of_moof(moof: &MovieFragment, defaults: Option<&TrackExtends>) -> Result<(Fragment, (u64, u64)), String> {
    let [track] = moof.tracks.as_slice() else {
        return Err(format!("the moof has {} tracks, not one", moof.tracks.len()));
    };
    let (mut duration, mut bytes, mut samples) = (Some(0u64), 0u64, 0u64);
    let (mut first, mut begins_with_key_frame, mut longest_sample) = (0, true, 0);
    let default_duration = track.default_duration.or(defaults.map(|d| d.duration).filter(|d| *d > 0));
    let default_size = track.default_size.or(defaults.map(|d| d.size));
    let default_flags = track.default_flags.or(defaults.map(|d| d.flags));
    for sample in track.runs.iter().flat_map(|run| run.samples()) {
        let size = u64::from(sample.size.or(default_size).ok_or("samples without a size")?);
        if samples == 0 {
            first = size;
            begins_with_key_frame = sample.flags.or(default_flags).is_none_or(is_sync);
        }
        let lasts = sample.duration.or(default_duration).map(u64::from);
        longest_sample = longest_sample.max(lasts.unwrap_or(0));
        duration = duration.zip(lasts).and_then(|(sum, lasts)| sum.checked_add(lasts));
        bytes = bytes.checked_add(size).ok_or("samples of more bytes than there can be")?;
        samples += 1;
    }
    let decode_time = track.decode_time.or(track.tfxd.map(|(time, _)| time));
    let tfxd = track.tfxd;
    let first_sample = None;
    let fragment =
        Fragment { decode_time, tfxd, duration, longest_sample, samples, begins_with_key_frame, first_sample };
    Ok((fragment, (bytes, first)))
}
