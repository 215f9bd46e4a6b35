//! What a manifest lists, in one form for all formats.

use url::Url;

use super::encryption::Encryption;
use super::report::StreamKind;
use crate::time::{MediaTime, Timescale};

/// The most segments that are listed of one format: a film of a week has a tenth of it.
pub(super) const MAX_SEGMENTS: usize = 2_000_000;

/// What the segments of a stream are made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Packing {
    /// Movie fragments (Smooth, DASH, CMAF).
    Fragments,
    /// MPEG-2 transport streams.
    Transport,
    /// WebVTT files.
    WebVtt,
    /// Pictures.
    Images,
    /// Of a kind that is not read: fetched and not looked into.
    Opaque(&'static str),
}

/// What times in a manifest mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Times {
    /// They are the decode times of segments (Smooth, DASH).
    Absolute,
    /// Lengths were added up from the stream's beginning (HLS).
    AddedUp,
    /// Nothing in segments is to be compared with them.
    Unknown,
}

/// A listed segment.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    /// Where it is.
    pub url: Url,
    /// First and last byte, if it is a part of what is there.
    pub range: Option<(u64, u64)>,
    /// When it begins, ticks of the stream's timescale.
    pub time: i64,
    /// How long it lasts, ticks of the stream's timescale.
    pub duration: i64,
    /// A discontinuity is announced before it.
    pub discontinuity: bool,
}

/// A track as a format lists it.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    /// Name and bit rate, or what else sets it apart.
    pub name: String,
    /// Its kind.
    pub kind: StreamKind,
    /// Key frames alone.
    pub key_frames: bool,
    /// What its segments are.
    pub packing: Packing,
    /// How they are encrypted, if they are.
    pub encryption: Option<Encryption>,
    /// What its times are.
    pub times: Times,
    /// `codecs` as the manifest has them (RFC 6381); empty when it says nothing.
    pub codecs: Vec<String>,
    /// The initialization segment, with its byte range.
    pub init: Option<(Url, Option<(u64, u64)>)>,
    /// Unit of times.
    pub scale: Timescale,
    /// In order of time.
    pub segments: Vec<Segment>,
}

impl Stream {
    /// From the first segment's beginning to the last one's end, as the manifest has it.
    pub fn duration(&self) -> MediaTime {
        let begin = self.segments.first().map_or(0, |s| s.time);
        let end = self.segments.last().map_or(0, |s| s.time.saturating_add(s.duration));
        MediaTime::new(end.saturating_sub(begin), self.scale)
    }
}

/// A format as its manifests list it.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The tracks.
    pub streams: Vec<Stream>,
    /// How long the whole is, if the manifest says so.
    pub duration: Option<MediaTime>,
    /// Where the manifest contradicts itself, in sentences.
    pub contradictions: Vec<String>,
    /// What is left unread, in sentences.
    pub unread: Vec<String>,
}

/// A row of times: begins at `time`, or where the last one ended, and is repeated `more` times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub time: Option<i64>,
    pub duration: i64,
    pub more: u64,
}

/// The times and lengths that rows stand for.
pub(super) fn expand(rows: impl Iterator<Item = Row>) -> Result<Vec<(i64, i64)>, String> {
    let (mut times, mut next) = (Vec::new(), 0i64);
    for row in rows {
        next = row.time.unwrap_or(next);
        if row.duration <= 0 {
            return Err(format!("a segment at {next} lasts {} ticks", row.duration));
        }
        if row.more >= (MAX_SEGMENTS - times.len()) as u64 {
            return Err(format!("more than {MAX_SEGMENTS} segments are listed"));
        }
        for _ in 0..=row.more {
            times.push((next, row.duration));
            next = next.checked_add(row.duration).ok_or("times are beyond 64 bits")?;
        }
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(time: Option<i64>, duration: i64, more: u64) -> Row {
        Row { time, duration, more }
    }

    #[test]
    fn rows_are_repeated_from_where_the_last_one_ended() {
        let times = expand([row(Some(5), 2, 1), row(None, 3, 0), row(Some(20), 1, 0)].into_iter());
        assert_eq!(times.unwrap(), [(5, 2), (7, 2), (9, 3), (20, 1)]);
    }

    #[test]
    fn rows_have_bounds() {
        for bad in [row(None, 0, 0), row(None, -1, 0), row(None, 1, u64::MAX), row(Some(i64::MAX), 1, 0)] {
            assert!(expand(std::iter::once(bad)).is_err(), "{bad:?}");
        }
    }
}
