//! What manifests list: parsed as a player does, down to the bytes of every segment.

use headwater::media::{TrackKind, TrackRef};
use headwater::packager::{Dialect, Format, Noun};
use headwater::xml::{self, Element};
use m3u8_rs::{AlternativeMedia, MasterPlaylist, MediaPlaylist, VariantStream};

use super::{Film, Object};

/// A length of time: ticks and ticks per second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ticks(pub i64, pub i64);

/// A listed segment.
#[derive(Clone, Debug)]
pub struct Segment {
    /// URL relative to the manifest.
    pub url: String,
    /// The time in its URL.
    pub time: u64,
    /// What the manifest says of its length.
    pub duration: Ticks,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// All segments that a manifest lists of one track.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Which.
    pub track: TrackRef,
    /// Video or audio.
    pub kind: TrackKind,
    /// The audio track in the same segments.
    pub muxed: Option<TrackRef>,
    /// Key frames alone.
    pub keyframes: bool,
    /// The initialization segment.
    pub init: Option<Vec<u8>>,
    /// The segments in order.
    pub segments: Vec<Segment>,
    /// `EXT-X-TARGETDURATION`, seconds.
    pub target: Option<u64>,
    /// `QualityLevel` or `Representation` and its set, where there is one.
    pub elements: Option<(Element, Element)>,
}

impl Listed {
    /// Everything, joined.
    pub fn stream(&self) -> Vec<u8> {
        let mut stream = self.init.clone().unwrap_or_default();
        self.segments.iter().for_each(|s| stream.extend_from_slice(&s.bytes));
        stream
    }
}

/// What an HLS multivariant playlist says.
#[derive(Debug)]
pub struct Multivariant {
    pub playlist: MasterPlaylist,
    /// Media playlists by URL, each once.
    pub listed: Vec<(String, Listed)>,
}

impl Multivariant {
    pub fn at(&self, url: &str) -> &Listed {
        &self.listed.iter().find(|(u, _)| u == url).unwrap_or_else(|| panic!("{url} is not listed")).1
    }

    /// Other camera angles of a variant.
    pub fn angles<'a>(&'a self, variant: &'a VariantStream) -> impl Iterator<Item = &'a Listed> {
        let of = self.playlist.alternatives.iter().filter(move |m| Some(&m.group_id) == variant.video.as_ref());
        of.filter_map(|m| Some(self.at(m.uri.as_deref()?)))
    }

    /// Sound renditions of a variant.
    pub fn renditions<'a>(
        &'a self,
        variant: &'a VariantStream,
    ) -> impl Iterator<Item = (&'a AlternativeMedia, &'a Listed)> {
        let of = self.playlist.alternatives.iter().filter(move |m| Some(&m.group_id) == variant.audio.as_ref());
        of.filter_map(|m| Some((m, self.at(m.uri.as_deref()?))))
    }
}

/// Parses a DASH MPD and fetches all it lists.
pub fn dash(film: &Film, format: &dyn Format, dialect: Dialect) -> Result<Vec<Listed>, String> {
    let mpd = parse(&film.manifest(format, dialect)?)?;
    let period = mpd.child("Period").ok_or("no Period")?;
    let mut listed = Vec::new();
    for set in period.children_named("AdaptationSet") {
        let template = set.child("SegmentTemplate").ok_or("no SegmentTemplate")?;
        let scale = number(template, "timescale")?;
        let times = timeline(template)?;
        for representation in set.children_named("Representation") {
            let bandwidth = attribute(representation, "bandwidth")?;
            let base = representation.child("BaseURL").map_or("", |b| b.text.as_str());
            let url = |template: &str| format!("{base}{}", template.replace("$Bandwidth$", bandwidth));
            let init = url(attribute(template, "initialization")?);
            let media = url(attribute(template, "media")?);
            let times = times
                .iter()
                .map(|(t, d)| (media.replace("$Time$", &t.to_string()), *t, Ticks(*d as i64, scale as i64)));
            let mut entry = fetch(film, format, dialect, times.collect())?;
            let trick_mode = Some("http://dashif.org/guidelines/trickmode");
            entry.keyframes = set.children_named("EssentialProperty").any(|p| p.attribute("schemeIdUri") == trick_mode);
            let Object::Init { track } = film.resolve(&init)? else { return Err(format!("{init} is no init")) };
            if track != entry.track {
                return Err(format!("{init} is of another track than {media}"));
            }
            entry.init = Some(film.fetch(format, dialect, &init)?);
            entry.elements = Some((set.clone(), representation.clone()));
            listed.push(entry);
        }
    }
    Ok(listed)
}

/// Parses a Smooth client manifest and fetches all it lists.
pub fn smooth(film: &Film, format: &dyn Format, dialect: Dialect) -> Result<Vec<Listed>, String> {
    let manifest = parse(&film.manifest(format, dialect)?)?;
    let scale = number(&manifest, "TimeScale")?;
    let mut listed = Vec::new();
    for stream in manifest.children_named("StreamIndex") {
        let mut chunks = Vec::new();
        let mut next = 0;
        for chunk in stream.children_named("c") {
            next = chunk.attribute("t").map_or(Ok(next), |t| t.parse()).map_err(|_| "c@t")?;
            let repeat = chunk.attribute("r").map_or(Ok(1), str::parse).map_err(|_| "c@r")?;
            let duration = number(chunk, "d")?;
            for _ in 0..repeat {
                chunks.push((next, duration));
                next += duration;
            }
        }
        if number(stream, "Chunks")? != chunks.len() as u64 {
            return Err(format!("Chunks={} but {} are listed", number(stream, "Chunks")?, chunks.len()));
        }
        let levels: Vec<&Element> = stream.children_named("QualityLevel").collect();
        if number(stream, "QualityLevels")? != levels.len() as u64 {
            return Err("QualityLevels is not their number".to_owned());
        }
        for level in levels {
            let url = attribute(stream, "Url")?.replace("{bitrate}", attribute(level, "Bitrate")?);
            let times = chunks
                .iter()
                .map(|(t, d)| (url.replace("{start time}", &t.to_string()), *t, Ticks(*d as i64, scale as i64)));
            let mut entry = fetch(film, format, dialect, times.collect())?;
            entry.elements = Some((stream.clone(), level.clone()));
            listed.push(entry);
        }
    }
    Ok(listed)
}

/// Parses an HLS multivariant playlist and all media playlists, and fetches all they list.
pub fn hls(film: &Film, format: &dyn Format, dialect: Dialect) -> Result<Multivariant, String> {
    let bytes = film.manifest(format, dialect)?;
    let playlist = m3u8_rs::parse_master_playlist_res(&bytes).map_err(|e| format!("multivariant playlist: {e}"))?;
    let mut urls: Vec<String> = Vec::new();
    let variants = playlist.variants.iter().map(|v| v.uri.clone());
    for url in playlist.alternatives.iter().filter_map(|m| m.uri.clone()).chain(variants) {
        if !urls.contains(&url) {
            urls.push(url);
        }
    }
    let mut listed = Vec::new();
    for url in urls {
        let entry = media_playlist(film, format, dialect, &url).map_err(|e| format!("{url}: {e}"))?;
        listed.push((url, entry));
    }
    Ok(Multivariant { playlist, listed })
}

fn media_playlist(film: &Film, format: &dyn Format, dialect: Dialect, url: &str) -> Result<Listed, String> {
    let Object::Playlist { keyframes, .. } = film.resolve(url)? else { return Err("not a playlist".to_owned()) };
    let bytes = film.fetch(format, dialect, url)?;
    let playlist: MediaPlaylist = m3u8_rs::parse_media_playlist_res(&bytes).map_err(|e| e.to_string())?;
    // m3u8-rs keeps lengths as 32-bit floats.
    let text = String::from_utf8(bytes).map_err(|e| e.to_string())?;
    let lengths: Vec<i64> =
        text.lines().filter_map(|l| l.strip_prefix("#EXTINF:")).map(micros).collect::<Result<_, _>>()?;
    if lengths.len() != playlist.segments.len() || !playlist.end_list || playlist.i_frames_only != keyframes {
        return Err("lengths, ENDLIST or I-FRAMES-ONLY".to_owned());
    }
    let folder = url.rsplit_once('/').ok_or("no folder")?.0;
    let mut times = Vec::new();
    for (segment, length) in playlist.segments.iter().zip(lengths) {
        let url = format!("{folder}/{}", segment.uri);
        let Object::Segment { time, noun, .. } = film.resolve(&url)? else { return Err(format!("{url}: no segment")) };
        if (noun == Noun::KeyFrames) != keyframes {
            return Err(format!("{url}: {noun:?}"));
        }
        times.push((url, time, Ticks(length, 1_000_000)));
    }
    let mut entry = fetch(film, format, dialect, times)?;
    if let Some(map) = playlist.segments.first().and_then(|s| s.map.as_ref()) {
        entry.init = Some(film.fetch(format, dialect, &format!("{folder}/{}", map.uri))?);
    }
    entry.keyframes = keyframes;
    entry.target = Some(playlist.target_duration);
    Ok(entry)
}

fn micros(line: &str) -> Result<i64, String> {
    let number = line.split(',').next().unwrap_or_default();
    let (seconds, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if fraction.len() > 6 {
        return Err(format!("{line}: more than six decimals"));
    }
    let wrong = |_| format!("{line}: no number");
    let fraction: i64 = format!("{fraction:0<6}").parse().map_err(wrong)?;
    Ok(seconds.parse::<i64>().map_err(wrong)? * 1_000_000 + fraction)
}

fn fetch(
    film: &Film,
    format: &dyn Format,
    dialect: Dialect,
    times: Vec<(String, u64, Ticks)>,
) -> Result<Listed, String> {
    let mut entry: Option<Listed> = None;
    for (url, time, duration) in times {
        let object = film.resolve(&url)?;
        let Object::Segment { track, time: asked, audio, .. } = &object else {
            return Err(format!("{url}: no segment"));
        };
        assert_eq!(time, *asked, "{url}");
        let segment = Segment { bytes: film.get(format, dialect, &object)?, url, time, duration };
        let entry = entry.get_or_insert_with(|| Listed {
            track: *track,
            kind: film.presentation.groups[track.group].kind,
            muxed: audio.as_ref().and_then(|name| {
                Some(TrackRef {
                    group: film
                        .presentation
                        .groups
                        .iter()
                        .position(|g| g.kind == TrackKind::Audio && g.name == *name)?,
                    track: 0,
                })
            }),
            keyframes: false,
            init: None,
            segments: Vec::new(),
            target: None,
            elements: None,
        });
        if entry.track != *track {
            return Err("segments of several tracks in one list".to_owned());
        }
        entry.segments.push(segment);
    }
    entry.ok_or_else(|| "nothing listed".to_owned())
}

fn timeline(template: &Element) -> Result<Vec<(u64, u64)>, String> {
    let (mut times, mut next) = (Vec::new(), 0);
    for s in template.child("SegmentTimeline").ok_or("no SegmentTimeline")?.children_named("S") {
        next = s.attribute("t").map_or(Ok(next), str::parse).map_err(|_| "S@t")?;
        let repeat: u64 = s.attribute("r").map_or(Ok(0), str::parse).map_err(|_| "S@r")?;
        let duration = number(s, "d")?;
        for _ in 0..=repeat {
            times.push((next, duration));
            next += duration;
        }
    }
    Ok(times)
}

/// A document that we wrote.
pub fn parse(bytes: &[u8]) -> Result<Element, String> {
    xml::parse(bytes, xml::Limits { bytes: 64 << 20, depth: 32, nodes: 10_000_000, attributes: 64 })
        .map_err(|e| e.to_string())
}

/// An attribute that must be there.
pub fn attribute<'a>(element: &'a Element, name: &str) -> Result<&'a str, String> {
    element.attribute(name).ok_or_else(|| format!("{}@{name} is missing", element.name))
}

/// A number that must be there.
pub fn number(element: &Element, name: &str) -> Result<u64, String> {
    attribute(element, name)?.parse().map_err(|_| format!("{}@{name} is no number", element.name))
}
