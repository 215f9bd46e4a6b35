//! Everything that one film is sent as.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use headwater::media::{TrackKind, TrackRef};
use headwater::packager::{self, Dialect, Format, Noun};

use crate::compare::{self, Met};
use crate::judge::{self, Map, Pictures, Sound};
use crate::support::boxes;
use crate::support::listing::{self, Listed, Segment, Ticks};
use crate::support::{Film, Object};
use crate::{exceptions, rates, smooth_client};

const MODERN: Dialect = Dialect::Modern;
/// Presentation zero in transport streams, seconds.
const TS_OFFSET: i64 = 10;

/// What was found of one film.
#[derive(Debug, Default)]
pub struct Judged {
    pub name: String,
    pub skipped: Option<String>,
    pub streams: usize,
    pub segments: usize,
    pub pictures: usize,
    pub samples: usize,
    /// The largest skew between picture and sound by format, ticks of 10 MHz or, in transport streams, of 90 kHz.
    pub skews: BTreeMap<String, i64>,
    pub wrong: Vec<String>,
    pub excepted: Vec<String>,
}

/// Sources decoded once.
#[derive(Default)]
struct Sources {
    pictures: HashMap<TrackRef, Result<Pictures, String>>,
    sounds: HashMap<TrackRef, Result<Sound, String>>,
}

struct Judge<'a> {
    film: &'a Film,
    scratch: PathBuf,
    sources: Sources,
    judged: Judged,
    /// First picture and sound of each track of the format at hand.
    met: HashMap<TrackRef, Met>,
}

/// Judges the film in `folder`.
pub fn judge(folder: &Path) -> Judged {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut film = match Film::open(folder) {
        Ok(film) => film,
        Err(reason) => return Judged { name, skipped: Some(reason), ..Judged::default() },
    };
    // Captions are judged by a test of their own.
    film.presentation.groups.retain(|g| g.kind != TrackKind::Text);
    if film.presentation.groups.is_empty() {
        return Judged { name, skipped: Some("captions alone".to_owned()), ..Judged::default() };
    }
    let scratch = tempfile::tempdir().expect("a folder for temporary files");
    let mut judge = Judge {
        film: &film,
        scratch: scratch.path().to_owned(),
        sources: Sources::default(),
        judged: Judged { name, ..Judged::default() },
        met: HashMap::new(),
    };
    judge.dash("mpd-time-csf");
    let cmaf = judge.dash("mpd-time-cmaf");
    judge.smooth();
    judge.hls("m3u8-cmaf", &cmaf);
    judge.hls("m3u8-aapl", &[]);
    judge.hls("m3u8-aapl-v3", &[]);
    let mut judged = judge.judged;
    let (excepted, wrong) = judged.wrong.drain(..).partition(|w| exceptions::reason(&judged.name, w).is_some());
    let excepted: Vec<String> = excepted;
    judged.excepted =
        excepted.iter().map(|e| format!("{e} ({})", exceptions::reason(&judged.name, e).unwrap_or_default())).collect();
    judged.wrong = wrong;
    judged
}

fn format(tag: &str) -> &'static dyn Format {
    packager::format(tag).expect("a format")
}

impl Judge<'_> {
    fn wrong(&mut self, what: String) {
        self.judged.wrong.push(what);
    }

    /// A manifest that was not given is wrong, unless the format can carry none of the tracks.
    fn refused(&mut self, tag: &str, error: String) {
        let carries = |track: TrackRef| {
            let codec = &self.film.presentation.track(track).codec;
            format(if tag == "smooth" { "" } else { tag }).carries(&**codec)
        };
        if self.film.tracks().into_iter().any(carries) || !error.contains("none of the film's tracks can be carried") {
            self.wrong(format!("{tag}: {error}"));
        }
    }

    fn dash(&mut self, tag: &str) -> Vec<Listed> {
        let listed = match listing::dash(self.film, format(tag), MODERN) {
            Ok(listed) => listed,
            Err(e) => {
                self.refused(tag, e);
                return Vec::new();
            }
        };
        let (keyframes, listed): (Vec<_>, Vec<_>) = listed.into_iter().partition(|stream| stream.keyframes);
        for stream in &keyframes {
            let about = format!("{tag} key frames of {}", self.film.label(stream.track));
            self.fragments(&about, stream);
            rates::dash_key_frames(&about, stream, &mut self.judged.wrong);
            let pictures = stream.segments.iter().map(|s| boxes::fragment(&s.bytes).samples as usize).sum();
            self.key_pictures(&about, stream.track, &stream.stream(), pictures, 0);
        }
        for stream in &listed {
            let about = format!("{tag} {}", self.film.label(stream.track));
            self.fragments(&about, stream);
            self.init(&about, stream);
            rates::dash(self.film, &about, stream, &mut self.judged.wrong);
            self.decode(&about, stream, &stream.stream(), 0);
        }
        self.again(tag, &listed);
        self.skew(tag, 10_000_000);
        listed
    }

    fn smooth(&mut self) {
        let listed = match listing::smooth(self.film, format(""), MODERN) {
            Ok(listed) => listed,
            Err(e) => return self.refused("smooth", e),
        };
        match listing::smooth(self.film, format("fmp4-v20"), MODERN) {
            Ok(old) => {
                let all = |l: &[Listed]| {
                    l.iter()
                        .flat_map(|l| l.segments.iter().map(|s| (s.url.clone(), s.duration, s.bytes.clone())))
                        .collect::<Vec<_>>()
                };
                if all(&old) != all(&listed) {
                    self.wrong("fmp4-v20: lists other chunks than smooth".to_owned());
                }
            }
            Err(e) => self.wrong(format!("fmp4-v20: {e}")),
        }
        for stream in &listed {
            let about = format!("smooth {}", self.film.label(stream.track));
            self.fragments(&about, stream);
            let level = &stream.elements.as_ref().expect("of a Smooth manifest").1;
            rates::smooth(self.film, &about, stream, level, &mut self.judged.wrong);
            let mut whole = smooth_client::init(level);
            stream.segments.iter().for_each(|s| whole.extend_from_slice(&s.bytes));
            self.decode(&about, stream, &whole, 0);
            self.parts(&about, stream, &smooth_client::init(level));
        }
        self.again("", &listed);
        self.skew("smooth", 10_000_000);
    }

    /// `FragmentInfo`, `RawFragments` and `KeyFrames` of each fragment.
    fn parts(&mut self, about: &str, stream: &Listed, init: &[u8]) {
        let mut keys = init.to_vec();
        let mut expected = 0;
        for segment in &stream.segments {
            let get = |noun| {
                let object = Object::Segment { track: stream.track, noun, time: segment.time, audio: None };
                self.film.get(format(""), MODERN, &object)
            };
            match (get(Noun::FragmentInfo), get(Noun::RawFragments)) {
                (Ok(info), Ok(raw)) => {
                    let header = (raw.len() as u32 + 8).to_be_bytes();
                    if [info.as_slice(), &header, b"mdat", &raw].concat() != segment.bytes {
                        self.wrong(format!(
                            "{about} {}: FragmentInfo and RawFragments are not its parts",
                            segment.time
                        ));
                    }
                }
                (info, raw) => self.wrong(format!("{about} {}: {:?} {:?}", segment.time, info.err(), raw.err())),
            }
            match get(Noun::KeyFrames) {
                Ok(bytes) => {
                    expected += boxes::fragment(&bytes).samples as usize;
                    keys.extend(bytes);
                }
                Err(e) => self.wrong(format!("{about} {}: KeyFrames: {e}", segment.time)),
            }
        }
        if stream.kind == TrackKind::Video {
            self.key_pictures(&format!("{about} KeyFrames"), stream.track, &keys, expected, 0);
        }
    }

    /// Key frames alone decode to pictures of the source, one each.
    fn key_pictures(&mut self, about: &str, track: TrackRef, bytes: &[u8], expected: usize, shift: i64) {
        let decoded = self.pictures(bytes, shift != 0);
        let source = match (self.source_pictures(track), decoded) {
            (Ok(source), Ok(decoded)) => (self.counted(source, shift), decoded),
            (Err(e), _) | (_, Err(e)) => return self.wrong(format!("{about}: {e}")),
        };
        let (source, decoded) = source;
        if decoded.pictures.len() != expected {
            self.wrong(format!("{about}: {} pictures of {expected} key frames", decoded.pictures.len()));
        }
        let zero = shift * decoded.base.1 / decoded.base.0;
        for (index, picture) in decoded.pictures.iter().enumerate() {
            let there = source.pictures.iter().any(|p| {
                p.hash == picture.hash && judge::near(p.pts, source.base, picture.pts - zero, decoded.base, 1)
            });
            if !there && picture.pts >= zero {
                self.wrong(format!(
                    "{about}: key frame {index} at {} × {:?} s is not the source's",
                    picture.pts - zero,
                    decoded.base
                ));
            }
        }
    }

    fn hls(&mut self, tag: &str, cmaf: &[Listed]) {
        let multivariant = match listing::hls(self.film, format(tag), MODERN) {
            Ok(multivariant) => multivariant,
            Err(e) => return self.refused(tag, e),
        };
        let (keyframes, listed): (Vec<_>, Vec<_>) = multivariant.listed.iter().cloned().partition(|(_, l)| l.keyframes);
        let transport = tag != "m3u8-cmaf";
        for (_, stream) in &listed {
            let about = format!("{tag} {}", self.film.label(stream.track));
            self.lengths(&about, stream);
            if transport {
                self.transport(&about, stream);
            } else {
                self.fragments(&about, stream);
                let twin = cmaf.iter().find(|c| c.track == stream.track);
                // HLS wants parameter sets in the sample entry.
                let described = self.film.presentation.track(stream.track).codec.with_parameter_sets_in_entry();
                let bytes = |l: &Listed| {
                    (
                        l.init.clone().filter(|_| described.is_none()),
                        l.segments.iter().map(|s| (s.time, s.bytes.clone())).collect::<Vec<_>>(),
                    )
                };
                // DASH may list segments in which a shorter track has nothing; HLS does not.
                if twin.map(bytes) != Some(bytes(stream)) {
                    self.wrong(format!("{about}: other bytes than mpd-time-cmaf"));
                }
                if described.is_some() {
                    self.init(&about, stream);
                    self.decode(&about, stream, &stream.stream(), 0);
                }
                self.judged.streams += 1;
            }
        }
        for (_, stream) in &keyframes {
            let about = format!("{tag} key frames of {}", self.film.label(stream.track));
            let shift = if transport { TS_OFFSET } else { 0 };
            self.key_pictures(&about, stream.track, &stream.stream(), stream.segments.len(), shift);
            if !transport {
                self.fragments(&about, stream);
            }
            for segment in [stream.segments.first(), stream.segments.last()].into_iter().flatten() {
                let mut alone = stream.init.clone().unwrap_or_default();
                alone.extend_from_slice(&segment.bytes);
                self.key_pictures(&format!("{about} {}", segment.url), stream.track, &alone, 1, shift);
            }
        }
        rates::hls(self.film, tag, &multivariant, &keyframes, &mut self.judged.wrong);
        let all: Vec<Listed> = multivariant.listed.into_iter().map(|(_, l)| l).collect();
        self.again(tag, &all);
        if transport {
            self.skew(tag, 90_000);
        }
    }

    /// A track as transport streams: all together, and each segment alone.
    fn transport(&mut self, about: &str, stream: &Listed) {
        self.decode(about, stream, &stream.stream(), TS_OFFSET);
        // With the sound mixed in, the pictures' packets are the same.
        if stream.kind != TrackKind::Video || stream.muxed.is_some() {
            return;
        }
        let source = match self.source_pictures(stream.track) {
            Ok(source) => source,
            Err(_) => return,
        };
        let mut next = None;
        for segment in &stream.segments {
            let about = format!("{about} {}", segment.url);
            let decoded = match self.pictures(&segment.bytes, true) {
                Ok(decoded) => decoded,
                Err(e) => {
                    self.wrong(format!("{about}: {e}"));
                    continue;
                }
            };
            if !decoded.complaints.is_empty() {
                self.wrong(format!("{about}: {}", decoded.complaints));
            }
            let zero = TS_OFFSET * 90_000;
            let shown: Vec<&str> = decoded
                .pictures
                .iter()
                .filter(|p| next.is_some() || p.pts >= zero - 1)
                .map(|p| p.hash.as_str())
                .collect();
            let begin = next.unwrap_or(0);
            let want: Vec<&str> =
                source.pictures.iter().skip(begin).take(shown.len()).map(|p| p.hash.as_str()).collect();
            if shown != want {
                let first = shown.iter().zip(&want).position(|(a, b)| a != b);
                self.wrong(format!(
                    "{about}: alone, picture {first:?} of {} is not the source's, after {begin}",
                    shown.len()
                ));
            }
            next = Some(begin + shown.len());
        }
        if next != Some(source.pictures.len()) {
            self.wrong(format!("{about}: segments alone have {next:?} pictures, the source {}", source.pictures.len()));
        }
    }

    /// `tfdt` and sample durations of each fragment are what the manifest says.
    fn fragments(&mut self, about: &str, stream: &Listed) {
        for (index, segment) in stream.segments.iter().enumerate() {
            let fragment = boxes::fragment(&segment.bytes);
            if fragment.decode_time != segment.time {
                self.wrong(format!("{about}: tfdt is {} at {}", fragment.decode_time, segment.url));
            }
            let Ticks(listed, scale) = segment.duration;
            let last = index + 1 == stream.segments.len();
            // The group's last segment lasts as long as its longest track; EXTINF is in microseconds.
            let exact = scale != 1_000_000;
            let next = stream.segments.get(index + 1).map(|n| n.time - segment.time);
            let same =
                if exact { fragment.duration as i64 == listed } else { next.is_none_or(|n| n == fragment.duration) };
            let shorter_tail = last && exact && (fragment.duration as i64) < listed;
            if !same && !shorter_tail {
                self.wrong(format!("{about}: {} lasts {}, listed are {listed}", segment.url, fragment.duration));
            }
        }
    }

    /// `EXTINF` against the times of URLs: each difference is rounded to microseconds, nothing adds up.
    fn lengths(&mut self, about: &str, stream: &Listed) {
        let context_scale = {
            let selection = packager::Selection::default();
            let context = packager::Context {
                dialect: MODERN,
                now: headwater::time::UtcTime { unix_millis: 0 },
                selection: &selection,
                thumbnails: None,
                protection: None,
                figures: None,
            };
            let tag = about.split(' ').next().unwrap_or_default();
            i128::from(format(tag).url_timescale(&self.film.presentation, stream.track.group, &context).get())
        };
        let mut at: i128 = i128::from(stream.segments[0].time) * 1_000_000 / context_scale;
        for pair in stream.segments.windows(2) {
            at += i128::from(pair[0].duration.0);
            let url = i128::from(pair[1].time) * 1_000_000 / context_scale;
            if (at - url).abs() > 2 {
                self.wrong(format!("{about}: EXTINF up to {} sums to {at} µs, the URL says {url}", pair[1].url));
            }
        }
    }

    /// Other people's readers read the initialization segment.
    fn init(&mut self, about: &str, stream: &Listed) {
        let Some(init) = &stream.init else { return self.wrong(format!("{about}: no initialization segment")) };
        // CSF ends `moov` with an empty `meta`, as Azure Media Services had it. ISO/IEC 14496-12 8.11.1 wants a
        // `hdlr` in it, and these readers insist.
        // What is in `udta` is the source's, and not always to their liking.
        let init = &boxes::without(&boxes::without(init, b"meta"), b"udta");
        match mp4::Mp4Reader::read_header(std::io::Cursor::new(init), init.len() as u64) {
            Ok(reader) => {
                let track = reader.tracks().values().next().map(|t| (t.track_id(), t.timescale()));
                if reader.tracks().len() != 1 || track.is_none_or(|(id, scale)| id != 1 || scale == 0) {
                    self.wrong(format!("{about}: mp4 reads {track:?} in the initialization segment"));
                }
            }
            Err(e) => self.wrong(format!("{about}: mp4 cannot read the initialization segment: {e}")),
        }
        let mut rest: &[u8] = init;
        while !rest.is_empty() {
            if let Err(e) = <mp4_atom::Any as mp4_atom::ReadFrom>::read_from(&mut rest) {
                return self.wrong(format!("{about}: mp4-atom cannot read the initialization segment: {e}"));
            }
        }
    }

    /// Rendering twice gives the same bytes.
    fn again(&mut self, tag: &str, listed: &[Listed]) {
        let segments =
            |l: &Listed| l.segments.iter().take(1).chain(l.segments.last()).cloned().collect::<Vec<Segment>>();
        for segment in listed.iter().flat_map(segments) {
            if self.film.fetch(format(tag), MODERN, &segment.url).as_ref() != Ok(&segment.bytes) {
                self.wrong(format!("{tag} {}: other bytes the second time", segment.url));
            }
        }
    }

    /// Decodes pictures of bytes that we sent.
    ///
    /// ffmpeg (5.1) adds to all presentation times of a fragmented file what its least composition offset
    /// is below zero (`dts_shift` of `libavformat/mov.c`, meant for files with sample tables, from whose
    /// decode times it is taken off). By ISO/IEC 14496-12 8.8.8 and 8.6.1.3 a presentation time is the
    /// decode time plus the offset and nothing else, so that is taken off again.
    fn pictures(&self, bytes: &[u8], transport: bool) -> Result<Pictures, String> {
        let mut decoded = judge::pictures(&self.file(bytes), &Map::Video)?;
        let early = if transport { 0 } else { boxes::least_offset(bytes) };
        decoded.pictures.iter_mut().for_each(|p| p.pts += early);
        Ok(decoded)
    }

    /// Decodes sound of bytes that we sent; see [`Judge::pictures`].
    fn sound(&self, bytes: &[u8], transport: bool) -> Result<Sound, String> {
        let decoded = judge::sound(&self.file(bytes), &Map::Audio, &self.scratch.join("output"))?;
        Ok(moved(decoded, if transport { 0 } else { boxes::least_offset(bytes) }))
    }

    /// A source's pictures as transport streams time them: from the presentation's zero on.
    fn counted(&self, mut source: Pictures, shift: i64) -> Pictures {
        let early = self.zero(shift, source.base);
        source.pictures.iter_mut().for_each(|p| p.pts -= early);
        source
    }

    /// The same of its sound.
    fn heard(&self, mut source: Sound, shift: i64) -> Sound {
        let early = self.zero(shift, source.packet_base);
        source.packets.iter_mut().for_each(|p| *p -= early);
        source.first -= self.zero(shift, (1, source.rate));
        source
    }

    /// The presentation's zero in ticks of a time base where it is taken off.
    fn zero(&self, shift: i64, base: judge::Base) -> i64 {
        let zero = self.film.presentation.zero();
        let seconds_per_tick = i128::from(base.0) * i128::from(zero.scale.get());
        let ticks = i128::from(zero.ticks) * i128::from(base.1) / seconds_per_tick.max(1);
        if shift == 0 { 0 } else { ticks as i64 }
    }

    fn file(&self, bytes: &[u8]) -> PathBuf {
        let path = self.scratch.join("media");
        fs::write(&path, bytes).expect("room for temporary files");
        path
    }

    fn source_pictures(&mut self, track: TrackRef) -> Result<Pictures, String> {
        let (film, file) = (self.film, self.film.file_of(track));
        let decode = || {
            let mut decoded = judge::pictures(&file, &Map::Id(film.presentation.track(track).source_id))?;
            let early = least_offset(film, track);
            decoded.pictures.iter_mut().for_each(|p| p.pts += early);
            Ok(decoded)
        };
        self.sources.pictures.entry(track).or_insert_with(decode).clone().map_err(|e| format!("source: {e}"))
    }

    fn source_sound(&mut self, track: TrackRef) -> Result<Sound, String> {
        let (film, file, scratch) = (self.film, self.film.file_of(track), self.scratch.join("source"));
        let decode = || {
            let decoded = judge::sound(&file, &Map::Id(film.presentation.track(track).source_id), &scratch)?;
            Ok(moved(decoded, least_offset(film, track) - exceptions::sound_is_late_by(&film.name)))
        };
        self.sources.sounds.entry(track).or_insert_with(decode).clone().map_err(|e| format!("source: {e}"))
    }

    /// A whole stream decodes to its source.
    fn decode(&mut self, about: &str, stream: &Listed, bytes: &[u8], shift: i64) {
        self.judged.streams += 1;
        self.judged.segments += stream.segments.len();
        let pictures = (stream.kind == TrackKind::Video).then_some(stream.track);
        let sound = if stream.kind == TrackKind::Audio { Some(stream.track) } else { stream.muxed };
        if let Some(track) = pictures {
            let met = self.source_pictures(track).and_then(|source| {
                let output = self.pictures(bytes, shift != 0)?;
                complain(&source.complaints, &output.complaints)?;
                compare::pictures(&self.counted(source, shift), &output, shift)
            });
            match met {
                Ok(met) => {
                    self.judged.pictures += met.count;
                    self.met.insert(track, met);
                }
                Err(e) => self.wrong(format!("{about}: {e}")),
            }
        }
        if let Some(track) = sound {
            let of = self.film.presentation.track(track);
            let packets = of.segment_samples.last().unwrap_or(&0) - of.segment_samples.first().unwrap_or(&0);
            let met = self.source_sound(track).and_then(|source| {
                let output = self.sound(bytes, shift != 0)?;
                complain(&source.complaints, &output.complaints)?;
                compare::sound(&self.heard(source, shift), &output, shift, packets as usize)
            });
            match met {
                Ok(met) => {
                    self.judged.samples += met.count;
                    self.met.insert(track, met);
                }
                Err(e) => self.wrong(format!("{about} sound: {e}")),
            }
        }
    }

    /// Picture against sound: no further apart than one tick of what times are sent in. What an initialization
    /// segment's edit list takes off is rounded as well: where it is in 10 MHz, that may be a tick more.
    fn skew(&mut self, tag: &str, scale: i64) {
        let met: Vec<(TrackRef, Met)> = self.met.drain().collect();
        let kind = |track: &TrackRef| self.film.presentation.groups[track.group].kind;
        let mut found = Vec::new();
        for (picture, p) in met.iter().filter(|(t, _)| kind(t) == TrackKind::Video) {
            for (sound, s) in met.iter().filter(|(t, _)| kind(t) == TrackKind::Audio) {
                found.push((*picture, *sound, compare::skew(p, s, scale)));
            }
        }
        for (picture, sound, skew) in found {
            let largest = self.judged.skews.entry(tag.to_owned()).or_default();
            *largest = if skew.abs() > largest.abs() { skew } else { *largest };
            let most = if tag.starts_with("mpd") { 2 } else { 1 };
            if skew.abs() > most {
                let (picture, sound) = (self.film.label(picture), self.film.label(sound));
                self.wrong(format!("{tag}: {picture} against {sound} is {skew} ticks of 1/{scale} s off"));
            }
        }
    }
}

/// Sound that many ticks (not positive) of its packets' time base later.
fn moved(mut sound: Sound, ticks: i64) -> Sound {
    sound.packets.iter_mut().for_each(|p| *p += ticks);
    sound.first += (ticks * sound.rate - sound.packet_base.1 / 2) / sound.packet_base.1;
    sound
}

/// What ffmpeg moves a fragmented source by; see [`Judge::pictures`]. Its time base is the track's.
fn least_offset(film: &Film, track: TrackRef) -> i64 {
    let of = film.presentation.track(track);
    let fragmented = film.fragmented[of.file.0 as usize];
    if fragmented { i64::from(of.samples.min_composition_offset()) } else { 0 }
}

/// The judge's complaints about the output that it does not make about the source. It knows `sdtp` in
/// `stbl` only and wonders at one in every fragment (ISO/IEC 14496-12 8.6.4 allows both).
fn complain(source: &str, output: &str) -> Result<(), String> {
    let known = |line: &&str| !line.contains("Duplicated SDTP atom") && !line.contains("Last message repeated");
    let lines: Vec<&str> = output.lines().filter(known).collect();
    if lines.is_empty() || !source.is_empty() { Ok(()) } else { Err(format!("ffmpeg complains: {}", lines.join("; "))) }
}
