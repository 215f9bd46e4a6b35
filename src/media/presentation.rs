//! A presentation: groups of interchangeable tracks over stored files.

use std::fmt;

use super::{FileId, LeftOut, Purpose, Track};
use crate::codec::ClosedCaptions;
use crate::time::{MediaTime, Timescale, rescale_floor};

/// Identity of everything that decides the bytes sent: source files, server manifest and settings.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Revision(pub [u8; 16]);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A stored file of the presentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Path inside the asset.
    pub name: String,
    /// Bytes.
    pub size: u64,
}

/// What a group of tracks carries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum TrackKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Captions and subtitles.
    Text,
}

impl TrackKind {
    /// `video`, `audio` or `text`: Smooth's `Type`, DASH's `contentType`, `x-ms-streaming-duration`'s key.
    pub fn as_str(self) -> &'static str {
        match self {
            TrackKind::Video => "video",
            TrackKind::Audio => "audio",
            TrackKind::Text => "text",
        }
    }
}

/// A language: three letters of ISO 639-2/T as MP4 and server manifests store it, or a longer BCP 47 tag.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Language(pub String);

impl Language {
    /// The language is not known (`und`).
    pub fn is_undetermined(&self) -> bool {
        self.0.is_empty() || self.0.eq_ignore_ascii_case("und")
    }
}

/// Interchangeable tracks: a Smooth `StreamIndex`, a DASH `AdaptationSet`, an HLS rendition group.
#[derive(Clone, Debug)]
pub struct TrackGroup {
    /// Name in URLs: `Fragments(name=…)`. Unique in the presentation.
    pub name: String,
    /// The name was given by the server manifest (`trackName` or `title`), not made up.
    pub named: bool,
    /// What it carries.
    pub kind: TrackKind,
    /// Its language.
    pub language: Language,
    /// A label for people: `title` in the server manifest, or a name that the file gives.
    pub label: Option<String>,
    /// What it is for.
    pub purpose: Purpose,
    /// The choice for viewers who have not asked for another: of all groups with sound, and of all with
    /// pictures, exactly one. Captions: to be shown without being asked for.
    pub is_default: bool,
    /// Captions inside of its pictures.
    pub closed_captions: ClosedCaptions,
    /// Unit of `starts` and `end`: the tracks' own timescale when they share one, else 10 MHz.
    pub timescale: Timescale,
    /// Where each segment begins, ticks of `timescale`, strictly increasing, never empty.
    pub starts: Vec<u64>,
    /// Where the last segment of the longest track ends.
    pub end: u64,
    /// The qualities, highest bitrate first.
    pub tracks: Vec<Track>,
}

/// A player may ask with a time that was rounded on the way: this many ticks of the URL's timescale are forgiven.
pub const TIME_TOLERANCE_TICKS: u64 = 10;

impl TrackGroup {
    /// Number of segments.
    pub fn segment_count(&self) -> usize {
        self.starts.len()
    }

    /// Where segment `index` begins (its end is the next one's start), ticks of `scale`, rounded down.
    pub fn boundary(&self, index: usize, scale: Timescale) -> u64 {
        let ticks = self.starts.get(index).copied().unwrap_or(self.end);
        rescale_floor(ticks as i64, self.timescale, scale) as u64
    }

    /// Exact start of segment `index`, or the end of the group.
    pub fn boundary_time(&self, index: usize) -> MediaTime {
        MediaTime::new(self.starts.get(index).copied().unwrap_or(self.end) as i64, self.timescale)
    }

    /// The segment that begins at `time` ticks of `scale`, give or take [`TIME_TOLERANCE_TICKS`].
    pub fn segment_at(&self, time: u64, scale: Timescale) -> Option<usize> {
        let after = self.begun_by(time, scale);
        let near = |index: usize| {
            index < self.starts.len() && self.boundary(index, scale).abs_diff(time) <= self.tolerance(scale)
        };
        match after.checked_sub(1) {
            Some(before) if near(before) => Some(before),
            _ if near(after) => Some(after),
            _ => None,
        }
    }

    /// The last segment that begins at or before `time` ticks of `scale`.
    pub fn segment_of(&self, time: u64, scale: Timescale) -> Option<usize> {
        self.begun_by(time, scale).checked_sub(1)
    }

    /// [`TIME_TOLERANCE_TICKS`], or less where a tick is long.
    pub fn tolerance(&self, scale: Timescale) -> u64 {
        TIME_TOLERANCE_TICKS.min(u64::from(scale.get()) / 1000)
    }

    /// How many segments begin at or before `time`.
    fn begun_by(&self, time: u64, scale: Timescale) -> usize {
        let (mut low, mut high) = (0, self.starts.len());
        while low < high {
            let middle = (low + high) / 2;
            if self.boundary(middle, scale) <= time { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// The longest segment.
    pub fn longest_segment(&self) -> MediaTime {
        let ends = self.starts.iter().skip(1).chain(std::iter::once(&self.end));
        let ticks = self.starts.iter().zip(ends).map(|(start, end)| end.saturating_sub(*start)).max();
        MediaTime::new(ticks.unwrap_or(0) as i64, self.timescale)
    }

    /// Length of the longest track, from the presentation's zero on.
    pub fn duration(&self) -> MediaTime {
        self.tracks.iter().map(Track::duration).max_by(|a, b| a.compare(*b)).unwrap_or(MediaTime::zero(self.timescale))
    }
}

/// A track's place in a presentation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct TrackRef {
    /// Index into [`Presentation::groups`].
    pub group: usize,
    /// Index into [`TrackGroup::tracks`].
    pub track: usize,
}

/// Everything needed to write any manifest and to find any segment of one film.
#[derive(Clone, Debug)]
pub struct Presentation {
    /// Identity of what it was built from.
    pub revision: Revision,
    /// The stored files that hold its tracks.
    pub files: Vec<SourceFile>,
    /// Groups in the server manifest's order.
    pub groups: Vec<TrackGroup>,
    /// Stored tracks that no format is given.
    pub left_out: Vec<LeftOut>,
    /// How many segments make one transport-stream segment (`fragmentsPerHLSSegment`, 3 by default).
    pub fragments_per_ts_segment: u32,
    /// What of the film this is.
    pub view: View,
}

/// How a part of a film is listed; the default is the whole film.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct View {
    /// Where the part begins; times stay those of the whole film.
    pub begin: Option<MediaTime>,
    /// How many segments of the pictures come before it.
    pub skipped: usize,
    /// The bitrate that playlists list first, bits per second.
    pub first_quality: Option<u64>,
    /// Where the whole film begins, if this is a part of it.
    pub origin: Option<MediaTime>,
}

impl Presentation {
    /// The group of that URL name.
    pub fn group(&self, name: &str) -> Option<usize> {
        self.groups.iter().position(|g| g.name == name)
    }

    /// The track of that URL name and bitrate.
    pub fn find(&self, name: &str, bitrate: u64) -> Option<TrackRef> {
        let group = self.group(name)?;
        let track = self.groups[group].tracks.iter().position(|t| t.bitrate == bitrate)?;
        Some(TrackRef { group, track })
    }

    /// The track at `at`.
    ///
    /// # Panics
    /// When `at` is not of this presentation.
    pub fn track(&self, at: TrackRef) -> &Track {
        &self.groups[at.group].tracks[at.track]
    }

    /// Groups of one kind with their indexes, in order.
    pub fn groups_of(&self, kind: TrackKind) -> impl Iterator<Item = (usize, &TrackGroup)> {
        self.groups.iter().enumerate().filter(move |(_, g)| g.kind == kind)
    }

    /// The default group of a kind with its index, or the first where none says that it is.
    pub fn default_of(&self, kind: TrackKind) -> Option<(usize, &TrackGroup)> {
        self.groups_of(kind).find(|(_, g)| g.is_default).or_else(|| self.groups_of(kind).next())
    }

    /// Where the presentation begins on the timeline of URLs and `tfdt`: at 0, but where no picture and no sound
    /// is stored with an earlier media time, at the earliest. So a recording of a live stream, whose fragments
    /// count from 1970, begins with its first fragment. An edit list's pause is part of the presentation.
    /// A part of a film begins where it is cut.
    pub fn zero(&self) -> MediaTime {
        if let Some(begin) = self.view.begin {
            return begin;
        }
        let heard_or_seen = self.groups.iter().filter(|g| g.kind != TrackKind::Text);
        let starts = heard_or_seen.flat_map(|g| &g.tracks).map(|t| MediaTime::new(t.samples.start(), t.timescale));
        let earliest = starts.min_by(|a, b| a.compare(*b)).filter(|start| start.ticks > 0);
        earliest.unwrap_or(MediaTime::zero(Timescale::TEN_MHZ))
    }

    /// Where the whole film begins, of which this may be a part: [`Presentation::zero`] of that.
    pub fn origin(&self) -> MediaTime {
        self.view.origin.unwrap_or_else(|| self.zero())
    }

    /// Length of the longest group, from [`Presentation::zero`] on.
    pub fn duration(&self) -> MediaTime {
        self.groups
            .iter()
            .map(TrackGroup::duration)
            .max_by(|a, b| a.compare(*b))
            .unwrap_or(MediaTime::zero(Timescale::TEN_MHZ))
    }

    /// The stored file of a track.
    ///
    /// # Panics
    /// When `file` is not of this presentation.
    pub fn file(&self, file: FileId) -> &SourceFile {
        &self.files[file.0 as usize]
    }
}
