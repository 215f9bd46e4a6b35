//! One stored MP4 file: walks its boxes from the outside, asking for the bytes it needs.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::codec::{self, CaptionScanner, ClosedCaptions, Codec};
use crate::isobmff::{
    self, BoxHeader, FourCc, Movie, MovieFragment, ProtectedEntry, SegmentIndex, TrackExtends,
    TrackFragmentRandomAccess,
};
use crate::media::{
    ByteRange, Edit, Purpose, SampleIndex, SampleIndexBuilder, SampleIndexError, StoredEncryption, TrackKind,
};
use crate::text::{FileKind, TimedText};
use crate::time::Timescale;

use super::encryption::{EncryptionCollector, main_entry};
use super::fragmented::{self, TrackCollector};
use super::text::{self, TextReader};
use super::window::Window;
use super::{Error, Step, describe, edits, progressive};

/// How a file holds its samples.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Container {
    /// In one movie with sample tables.
    Progressive {
        /// `moov` comes before the media, so that a download can be played while it runs.
        moov_first: bool,
    },
    /// It is captions and nothing else.
    Captions,
    /// In movie fragments.
    Fragmented {
        /// How many `moof` boxes there are.
        fragments: u32,
        /// There is a `sidx`.
        segment_index: bool,
        /// There is an `mfra`.
        random_access: bool,
    },
}

/// What a file holds.
#[derive(Clone, Debug)]
pub struct FileIndex {
    /// How it holds its samples.
    pub container: Container,
    /// `mvhd.timescale`.
    pub movie_timescale: Timescale,
    /// The movie's `udta` box, verbatim.
    pub user_data: Option<Bytes>,
    /// Its tracks, in file order.
    pub tracks: Vec<SourceTrack>,
}

/// A track of a stored file.
#[derive(Clone, Debug)]
pub struct SourceTrack {
    /// `tkhd.track_ID`.
    pub id: u32,
    /// Handler type (`vide`, `soun`, …).
    pub handler: FourCc,
    /// What it carries, if any format can carry that.
    pub kind: Option<TrackKind>,
    /// `hdlr.name`.
    pub handler_name: String,
    /// `mdhd.language` or, if present, `elng`.
    pub language: String,
    /// A name for people that the file gives.
    pub label: Option<String>,
    /// What the file says that it is for.
    pub purpose: Purpose,
    /// `tkhd` says that it is enabled.
    pub enabled: bool,
    /// Its codec, or why it cannot be served.
    pub codec: Result<Arc<dyn Codec>, codec::Error>,
    /// Type of its first sample entry.
    pub sample_entry: Option<FourCc>,
    /// Its samples are described by more than one sample entry; only the first is served.
    pub several_sample_entries: bool,
    /// `mdhd.timescale`.
    pub timescale: Timescale,
    /// `mdhd.creation_time`, seconds since 1904.
    pub creation_time: u64,
    /// The edit list as stored.
    pub edits: Vec<isobmff::Edit>,
    /// The edit list as served.
    pub edit: Edit,
    /// The edit list asks for more than can be served.
    pub edits_simplified: bool,
    /// All its samples.
    pub samples: Arc<SampleIndex>,
    /// How many of them to serve: trailing ones may be edited out.
    pub served_samples: u32,
    /// Media time inside of the last of them at which presentation ends; sound only. `None`: with the sample.
    pub ends_within: Option<i64>,
    /// Sample index at which each movie fragment begins; `None` when not fragmented.
    pub fragment_starts: Option<Vec<u32>>,
    /// How its samples are encrypted; `None` where they are clear.
    pub encryption: Option<Arc<StoredEncryption>>,
    /// What captions and subtitles say.
    pub text: Option<Arc<TimedText>>,
    /// Captions inside of its first pictures.
    pub closed_captions: ClosedCaptions,
}

/// The largest `moov` that is read, bytes.
pub const MAX_MOOV: u64 = 512 << 20;
/// The largest `moof`, `sidx` or `mfra` that is read, bytes.
pub const MAX_MOOF: u64 = 64 << 20;

/// Parameter sets stand at the beginning of a sample: no more of it is read.
const FIRST_SAMPLE: u64 = 64 << 10;
/// How much of the first pictures is looked at for captions inside of them, and how many there are at most.
const FIRST_PICTURES: u64 = 256 << 10;
const MAX_PICTURES: usize = 300;
const FIRST_READ: u64 = 64 << 10;
const NEXT_READ: u64 = 16 << 10;
/// Fragments that are nearer to each other than this part of the read-ahead are read in long stretches.
const NEAR: u64 = 4;
/// The longest stretch is the read-ahead this many times doubled.
const LONGEST_STRETCH: u32 = 3;
/// How many of a file's `sidx` boxes are looked at; a file has one, or one a track.
const MAX_SEGMENT_INDEXES: u32 = 16;
/// The most fragments whose headers are asked for at once.
const MAX_EXPECTED: usize = 128;

/// Indexes one file. Call [`FileIndexer::step`]; whenever it answers [`Step::Need`], read that range,
/// [`FileIndexer::feed`] it and step again.
#[derive(Debug)]
pub struct FileIndexer {
    name: String,
    length: u64,
    window: Window,
    position: u64,
    movie: Option<Movie>,
    saw_media: bool,
    moov_first: bool,
    fragments: u32,
    segment_index: bool,
    random_access: bool,
    collectors: HashMap<u32, TrackCollector>,
    known_times: HashMap<(u32, u64), u64>,
    random_access_read: bool,
    /// See [`FileIndexer::read_ahead`].
    read_ahead: u64,
    /// Where fragments begin, as `sidx` and `mfra` say, ascending.
    foretold: Vec<u64>,
    /// Where the last `moof` began, how far behind the one before, and the bytes of the largest.
    last_moof: u64,
    moof_distance: Option<u64>,
    largest_moof: u64,
    stretches: u32,
    segment_indexes: u32,
    want_first_sample: Vec<(usize, Bytes)>,
    want_text: Vec<TextReader>,
    want_captions: Vec<(usize, CaptionScanner)>,
    indexed: Option<FileIndex>,
}

impl FileIndexer {
    /// For a file of `length` bytes; `name` appears in errors.
    pub fn new(name: &str, length: u64) -> FileIndexer {
        FileIndexer {
            name: name.to_owned(),
            length,
            window: Window::default(),
            position: 0,
            movie: None,
            saw_media: false,
            moov_first: false,
            fragments: 0,
            segment_index: false,
            random_access: false,
            collectors: HashMap::new(),
            known_times: HashMap::new(),
            random_access_read: false,
            read_ahead: 0,
            foretold: Vec::new(),
            last_moof: 0,
            moof_distance: None,
            largest_moof: 0,
            stretches: 0,
            segment_indexes: 0,
            want_first_sample: Vec::new(),
            want_text: Vec::new(),
            want_captions: Vec::new(),
            indexed: None,
        }
    }

    /// For storage where a request costs as much as reading `bytes`: asks for more at a time, and for less
    /// often.
    pub fn read_ahead(mut self, bytes: u64) -> FileIndexer {
        self.read_ahead = bytes;
        self
    }

    /// Ranges behind `position` that will be asked for, as far as the file's own index tells; they can be read
    /// side by side and fed one by one when their first byte is asked for. None where long stretches of the
    /// file are read anyway.
    pub fn expected(&self, position: u64) -> Vec<ByteRange> {
        if self.read_ahead == 0 || self.largest_moof == 0 || self.is_dense() {
            return Vec::new();
        }
        // Enough for the header of the box behind it.
        let each = self.largest_moof + self.largest_moof / 4 + 64;
        let next = self.foretold.partition_point(|offset| *offset < position);
        let offsets = self.foretold.iter().skip(next).take(MAX_EXPECTED);
        offsets.map(|offset| *offset..(offset + each).min(self.length)).collect()
    }

    /// Fragments follow each other so closely that what lies between is read too.
    fn is_dense(&self) -> bool {
        self.moof_distance.is_none_or(|distance| distance <= self.read_ahead / NEAR)
    }

    /// How much to ask for from here on, at least.
    fn stretch(&mut self) -> u64 {
        let least = if self.position == 0 { FIRST_READ } else { NEXT_READ };
        if self.read_ahead == 0 || !self.is_dense() {
            return least;
        }
        let doubled = if self.moof_distance.is_some() { self.stretches.min(LONGEST_STRETCH) } else { 0 };
        self.stretches += 1;
        least.max(self.read_ahead << doubled)
    }

    /// Gives the bytes that [`Step::Need`] asked for, from `start` on.
    pub fn feed(&mut self, start: u64, bytes: Bytes) {
        self.window.feed(start, bytes);
    }

    /// Goes on until bytes are missing or the file is indexed.
    ///
    /// # Errors
    /// [`Error`] when the file is damaged; stepping again gives no more.
    pub fn step(&mut self) -> Result<Step<FileIndex>, Error> {
        if let Some(kind) = FileKind::of(&self.name) {
            return Ok(self.captions(kind));
        }
        if self.indexed.is_none() {
            if let Some(range) = self.walk()? {
                return Ok(Step::Need(range));
            }
            let index = self.index()?;
            self.indexed = Some(index);
        }
        match self.read_texts().or_else(|| self.read_captions()) {
            Some(range) => Ok(Step::Need(range)),
            None => self.read_first_samples(),
        }
    }

    /// A caption file is read whole.
    fn captions(&mut self, kind: FileKind) -> Step<FileIndex> {
        if self.length > crate::text::MAX_BYTES {
            return Step::Done(text::too_large(&self.name, self.length));
        }
        match self.window.get(&(0..self.length)) {
            Some(bytes) => Step::Done(text::file(&self.name, kind, &bytes)),
            None => Step::Need(0..self.length),
        }
    }

    /// Captions inside of pictures are in the first of them, if at all: what is to be read of those.
    fn read_captions(&mut self) -> Option<ByteRange> {
        let index = self.indexed.as_mut()?;
        while let Some((track, scanner)) = self.want_captions.last_mut() {
            let track = index.tracks.get_mut(*track)?;
            let first = track.samples.first()?;
            let range = first.offset..first.offset.saturating_add(FIRST_PICTURES).min(self.length);
            let Some(bytes) = self.window.get(&range) else { return Some(range) };
            for (_, sample) in track.samples.iter_from(0).take(MAX_PICTURES) {
                let Some(start) = sample.offset.checked_sub(range.start).and_then(|at| usize::try_from(at).ok()) else {
                    continue;
                };
                let end = start.saturating_add(sample.size as usize).min(bytes.len());
                scanner.sample(bytes.get(start..end).unwrap_or_default());
            }
            track.closed_captions = scanner.found();
            self.want_captions.pop();
        }
        None
    }

    /// Captions in the file are read whole: what is wanted next.
    fn read_texts(&mut self) -> Option<ByteRange> {
        let index = self.indexed.as_mut()?;
        while let Some(reader) = self.want_text.last_mut() {
            let track = index.tracks.get_mut(reader.track)?;
            if let Some(range) = reader.step(track, &self.window) {
                return Some(range);
            }
            self.want_text.pop();
        }
        None
    }

    /// Walks the top-level boxes; `None` at the end.
    fn walk(&mut self) -> Result<Option<ByteRange>, Error> {
        while self.position < self.length {
            // Times of fragments may stand in `mfra` alone, which is at the end.
            if !self.collectors.is_empty()
                && let Some(range) = self.random_access_first()
            {
                return Ok(Some(range));
            }
            let left = self.length - self.position;
            let start = self.position..self.position + left.min(32);
            let Some(bytes) = self.window.get(&start) else {
                return Ok(Some(self.position..self.position + left.min(self.stretch())));
            };
            let header = BoxHeader::parse(&bytes).map_err(|kind| self.box_error(kind))?;
            let Some(header) = header else {
                // Fewer bytes than a box header at the end of the file: nothing to lose.
                break;
            };
            let size = header.size.unwrap_or(left);
            if size > left {
                let (file, offset) = (self.name.clone(), self.position);
                return Err(Error::Truncated { file, kind: header.kind, offset, size, length: self.length });
            }
            let whole = self.position..self.position + size;
            match &header.kind.0 {
                b"moov" if self.movie.is_none() => {
                    let Some(bytes) = self.whole_box(header.kind, &whole, MAX_MOOV)? else { return Ok(Some(whole)) };
                    self.movie(&bytes)?;
                    if self.collectors.is_empty() {
                        return Ok(None);
                    }
                }
                b"moof" => {
                    let Some(bytes) = self.whole_box(header.kind, &whole, MAX_MOOF)? else {
                        let stretch = self.stretch();
                        return Ok(Some(whole.start..whole.end.max((whole.start + stretch).min(self.length))));
                    };
                    self.moof(&bytes)?;
                    self.note_moof(size);
                }
                b"mdat" => self.saw_media = true,
                b"sidx" => {
                    self.segment_index = true;
                    if self.read_ahead > 0 && size <= MAX_MOOF && self.segment_indexes < MAX_SEGMENT_INDEXES {
                        let Some(bytes) = self.window.get(&whole) else { return Ok(Some(whole)) };
                        self.foretell(&bytes, whole);
                    }
                }
                b"mfra" => self.random_access = true,
                _ => {}
            }
            self.position += size;
        }
        Ok(None)
    }

    /// The bytes of a metadata box, if held.
    fn whole_box(&self, kind: FourCc, range: &ByteRange, limit: u64) -> Result<Option<Bytes>, Error> {
        let size = range.end - range.start;
        if size > limit {
            return Err(Error::BoxTooLarge { file: self.name.clone(), kind, size, limit });
        }
        Ok(self.window.get(range))
    }

    fn movie(&mut self, bytes: &Bytes) -> Result<(), Error> {
        let movie = Movie::parse(bytes, self.position).map_err(|error| self.damaged(error))?;
        self.moov_first = !self.saw_media;
        if let Some(extends) = &movie.fragmented {
            for track in &movie.tracks {
                let defaults = extends.defaults.iter().find(|d| d.track_id == track.id).copied();
                let defaults = defaults.unwrap_or(TrackExtends {
                    track_id: track.id,
                    sample_description_index: 1,
                    duration: 0,
                    size: 0,
                    flags: 0,
                });
                let is_video = &track.handler.0 == b"vide";
                let mut collector = TrackCollector::new(defaults, track.timescale, is_video, self.length);
                collector.encryption = EncryptionCollector::new(&track.sample_entries);
                if !track.samples.is_empty() {
                    let mut builder = SampleIndexBuilder::new(track.timescale, 0).limit(self.length);
                    progressive::index(&self.name, self.length, track, &mut builder)?;
                    if let Some(encryption) = &mut collector.encryption {
                        encryption.add(&track.protection, 1, sizes(track, builder.len()));
                    }
                    collector.continue_after(builder);
                }
                self.collectors.insert(track.id, collector);
            }
        }
        self.movie = Some(movie);
        Ok(())
    }

    /// Before the fragments, looks for `mfra` through its `mfro` in the last 16 bytes of the file
    /// (ISO/IEC 14496-12 8.8.11). A damaged one is passed over: it only repeats what fragments say.
    fn random_access_first(&mut self) -> Option<ByteRange> {
        if self.random_access_read || self.length < 16 {
            return None;
        }
        let tail = self.length - 16..self.length;
        let Some(mfro) = self.window.get(&tail) else {
            // The whole `mfra`, once its size is known, ends with the same bytes: one window serves both.
            return Some(self.length.saturating_sub(NEXT_READ)..self.length);
        };
        let size = isobmff::mfra_size(&mfro).map(u64::from).filter(|size| *size <= self.length && *size <= MAX_MOOF);
        let Some(size) = size else {
            self.random_access_read = true;
            return None;
        };
        let range = self.length - size..self.length;
        let Some(mfra) = self.window.get(&range) else { return Some(range) };
        self.random_access_read = true;
        for entry in TrackFragmentRandomAccess::parse_all(&mfra, range.start).unwrap_or_default() {
            for (time, moof_offset) in entry.entries() {
                self.known_times.entry((entry.track_id, moof_offset)).or_insert(time);
                if self.read_ahead > 0 && moof_offset < self.length {
                    self.foretold.push(moof_offset);
                }
            }
        }
        self.foretold.sort_unstable();
        self.foretold.dedup();
        None
    }

    fn note_moof(&mut self, size: u64) {
        if self.fragments > 1 {
            self.moof_distance = Some(self.position - self.last_moof);
        }
        self.last_moof = self.position;
        self.largest_moof = self.largest_moof.max(size);
    }

    /// Where the subsegments of a segment index begin. A damaged one is passed over: it only helps to read.
    fn foretell(&mut self, sidx: &Bytes, whole: ByteRange) {
        self.segment_indexes += 1;
        let Ok(index) = SegmentIndex::parse(sidx, whole.start) else { return };
        let mut at = whole.end.saturating_add(index.first_offset);
        for reference in &index.references {
            if !reference.is_index && at < self.length {
                self.foretold.push(at);
            }
            at = at.saturating_add(u64::from(reference.size));
        }
        self.foretold.sort_unstable();
        self.foretold.dedup();
    }

    fn moof(&mut self, bytes: &Bytes) -> Result<(), Error> {
        self.fragments += 1;
        if self.movie.is_none() {
            return Err(Error::NoMovie { file: self.name.clone() });
        }
        let fragment = MovieFragment::parse(bytes, self.position).map_err(|error| self.damaged(error))?;
        fragmented::add(&self.name, self.length, &fragment, &mut self.collectors, &self.known_times)?;
        // A run may have any number of samples in a few bytes; all together take a byte each.
        let samples: u64 = self.collectors.values().map(TrackCollector::len).sum();
        match fragment.tracks.first() {
            Some(traf) if samples > self.length => {
                let limit = u32::try_from(self.length).unwrap_or(u32::MAX);
                let source = SampleIndexError::TooManySamples { limit };
                Err(Error::Samples { file: self.name.clone(), track: traf.track_id, source })
            }
            _ => Ok(()),
        }
    }

    /// Everything that can be said without sample bytes.
    fn index(&mut self) -> Result<FileIndex, Error> {
        let movie = self.movie.take().ok_or_else(|| Error::NoMovie { file: self.name.clone() })?;
        let mut tracks = Vec::with_capacity(movie.tracks.len());
        // All tracks together have no more samples than the file has bytes.
        let mut left = self.length;
        for track in &movie.tracks {
            let samples_error = |source| Error::Samples { file: self.name.clone(), track: track.id, source };
            let mut encryption = Ok(None);
            let (builder, fragment_starts) = match self.collectors.remove(&track.id) {
                Some(mut collector) => {
                    if let Some(collected) = collector.encryption.take() {
                        encryption = collected.finish(&movie.protection);
                    }
                    let (builder, starts) = collector.finish().map_err(samples_error)?;
                    (builder, Some(starts))
                }
                None => {
                    let mut builder = SampleIndexBuilder::new(track.timescale, 0).limit(left);
                    progressive::index(&self.name, self.length, track, &mut builder)?;
                    if let Some(mut collector) = EncryptionCollector::new(&track.sample_entries) {
                        collector.add(&track.protection, 1, sizes(track, builder.len()));
                        encryption = collector.finish(&movie.protection);
                    }
                    (builder, None)
                }
            };
            left = left.saturating_sub(u64::from(builder.len()));
            let samples = builder.finish();
            if samples.bytes() > self.length {
                let (file, track, bytes, length) = (self.name.clone(), track.id, samples.bytes(), self.length);
                return Err(Error::SamplesOverlap { file, track, bytes, length });
            }
            let entry = clear_entry(track);
            let indexed = source_track(&movie, track, entry.as_ref(), samples, fragment_starts, encryption);
            let encrypted = track.sample_entries.iter().any(|entry| ProtectedEntry::is(entry));
            if indexed.kind == Some(TrackKind::Video)
                && indexed.codec.is_ok()
                && !indexed.samples.is_empty()
                && !encrypted
                && let Some(scanner) = entry.as_ref().and_then(|e| CaptionScanner::of_sample_entry(e))
            {
                self.want_captions.push((tracks.len(), scanner));
            }
            if indexed.kind == Some(TrackKind::Text)
                && !encrypted
                && let Some(entry) = &entry
            {
                self.want_text.extend(TextReader::new(tracks.len(), entry));
            }
            // Parameter sets stay clear in encrypted pictures; of sound nothing does.
            if let Some(entry) = &entry
                && codec::wants_first_sample(entry)
                && (!encrypted || indexed.kind == Some(TrackKind::Video) && indexed.encryption.is_some())
                && indexed.samples.first().is_some_and(|s| s.size > 0)
            {
                self.want_first_sample.push((tracks.len(), entry.clone()));
            }
            tracks.push(indexed);
        }
        let container = match movie.fragmented {
            Some(_) => Container::Fragmented {
                fragments: self.fragments,
                segment_index: self.segment_index,
                random_access: self.random_access,
            },
            None => Container::Progressive { moov_first: self.moov_first },
        };
        Ok(FileIndex { container, movie_timescale: movie.timescale, user_data: movie.user_data, tracks })
    }

    /// Some codecs keep their parameter sets in the first sample: asks for it.
    fn read_first_samples(&mut self) -> Result<Step<FileIndex>, Error> {
        let Some(index) = &mut self.indexed else { return Err(Error::NoMovie { file: self.name.clone() }) };
        while let Some((track, entry)) = self.want_first_sample.last() {
            let Some(track) = index.tracks.get_mut(*track) else { break };
            let Some(first) = track.samples.first() else { break };
            let range = first.offset..first.offset + u64::from(first.size).min(FIRST_SAMPLE);
            match self.window.get(&range) {
                Some(sample) => track.codec = codec::from_sample_entry(entry, Some(&sample)),
                None => return Ok(Step::Need(range)),
            }
            self.want_first_sample.pop();
        }
        match self.indexed.take() {
            Some(index) => Ok(Step::Done(index)),
            None => Err(Error::NoMovie { file: self.name.clone() }),
        }
    }

    fn box_error(&self, kind: isobmff::ErrorKind) -> Error {
        let source = isobmff::Error { path: isobmff::BoxPath::FILE, offset: self.position, kind };
        self.damaged(source)
    }

    fn damaged(&self, error: isobmff::Error) -> Error {
        Error::Box { file: self.name.clone(), source: Box::new(error) }
    }
}

/// Sizes of the first `count` samples of the movie's own tables.
fn sizes(track: &isobmff::Track, count: u32) -> impl ExactSizeIterator<Item = u32> {
    (0..count).map(|sample| track.samples.size_of(sample))
}

/// The sample entries as they are of clear samples.
fn clear_entries(track: &isobmff::Track) -> Vec<Bytes> {
    let clear = |entry: &Bytes| match ProtectedEntry::is(entry) {
        true => ProtectedEntry::parse(entry).map_or_else(|_| entry.clone(), |opened| opened.clear),
        false => entry.clone(),
    };
    track.sample_entries.iter().map(clear).collect()
}

/// The sample entry by which a track is served, as it is of clear samples.
fn clear_entry(track: &isobmff::Track) -> Option<Bytes> {
    let main = main_entry(&track.sample_entries)?;
    let place = track.sample_entries.iter().position(|entry| std::ptr::eq(entry, main))?;
    clear_entries(track).into_iter().nth(place)
}

fn source_track(
    movie: &Movie,
    track: &isobmff::Track,
    entry: Option<&Bytes>,
    samples: SampleIndex,
    fragment_starts: Option<Vec<u32>>,
    encryption: Result<Option<StoredEncryption>, String>,
) -> SourceTrack {
    let stored_entry = main_entry(&track.sample_entries);
    let sample_entry = stored_entry.and_then(|e| e.get(4..8)).map(|t| FourCc([t[0], t[1], t[2], t[3]]));
    let (encryption, refused) = match encryption {
        Ok(encryption) => (encryption.map(Arc::new), None),
        Err(reason) => (None, Some(reason)),
    };
    let codec = match (refused, entry) {
        (Some(reason), _) => Err(codec::Error::Encrypted { four_cc: sample_entry.unwrap_or(track.handler), reason }),
        (None, Some(entry)) => codec::from_sample_entry(entry, None),
        (None, None) => Err(codec::Error::Unsupported { four_cc: track.handler }),
    };
    let mut reduced = match codec.as_deref() {
        Ok(codec) if track.edits.is_empty() => without_edits(movie, codec, track.timescale),
        _ => edits::reduce(&track.edits, movie.timescale, track.timescale),
    };
    if samples.start() < 0 {
        // Fragments that begin before zero: decoding begins at zero, presentation where it was.
        reduced.edit.delay = reduced.edit.delay.saturating_sub(samples.start());
        reduced.edit.media_time = reduced.edit.media_time.saturating_sub(samples.start());
    }
    let served_samples = reduced.served_samples(&samples);
    let is_sound = codec.as_deref().is_ok_and(|codec| codec.audio().is_some());
    SourceTrack {
        id: track.id,
        handler: track.handler,
        kind: match &track.handler.0 {
            b"vide" => Some(TrackKind::Video),
            b"soun" => Some(TrackKind::Audio),
            _ if text::is_text(track, sample_entry) => Some(TrackKind::Text),
            _ => None,
        },
        handler_name: track.handler_name.clone(),
        language: match &track.extended_language {
            Some(tag) => tag.clone(),
            None => String::from_utf8_lossy(&track.language).into_owned(),
        },
        label: describe::label(track),
        purpose: describe::purpose(track),
        enabled: track.enabled,
        codec,
        sample_entry,
        // Writers that join files repeat equal entries; that is no change.
        several_sample_entries: clear_entries(track).windows(2).any(|pair| pair[0] != pair[1]),
        timescale: track.timescale,
        creation_time: track.creation_time,
        edits: track.edits.clone(),
        edit: reduced.edit,
        edits_simplified: reduced.simplified,
        served_samples,
        ends_within: reduced.end_within(&samples, served_samples).filter(|_| is_sound),
        samples: Arc::new(samples),
        fragment_starts,
        encryption,
        text: None,
        closed_captions: ClosedCaptions::default(),
    }
}

/// Priming and padding of a track that has no edit list: as iTunes notes them where the movie's only sound is
/// meant, else as the codec knows them.
fn without_edits(movie: &Movie, codec: &dyn Codec, timescale: Timescale) -> edits::Reduced {
    let Some(rate) = codec.audio().and_then(|audio| Timescale::new(audio.sampling_rate)) else {
        return edits::Reduced::default();
    };
    let alone = movie.tracks.iter().filter(|track| &track.handler.0 == b"soun").count() == 1;
    let noted = movie.user_data.as_ref().filter(|_| alone).and_then(isobmff::gapless);
    let known = isobmff::Gapless { priming: codec.priming(), padding: 0, samples: 0 };
    edits::of_gapless(noted.unwrap_or(known), rate, timescale)
}
