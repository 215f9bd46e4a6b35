//! From a server manifest and indexed files to a presentation on one grid of segments.

use std::sync::Arc;

use crate::codec::{self, Codec};
use crate::isobmff::FourCc;
use crate::media::{
    FileId, Language, LeftOut, MAX_QUALITIES, Presentation, Revision, SourceFile, Track, TrackGroup, TrackKind, View,
    WhyLeftOut,
};
use crate::time::{MediaTime, Timescale};

use super::captions;
use super::choice::{self, Stated};
use super::ism::{Entry, ServerManifest};
use super::{Error, FileIndex, SourceTrack, grid};

/// How segments are cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// A segment is the smallest whole number of GOPs at least this long.
    pub target_segment: MediaTime,
    /// A longer segment is an error.
    pub max_segment: MediaTime,
    /// Segments per transport-stream segment, where the server manifest says nothing.
    pub fragments_per_ts_segment: u32,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            target_segment: MediaTime::new(2_000, Timescale::MILLISECONDS),
            max_segment: MediaTime::new(20_000, Timescale::MILLISECONDS),
            fragments_per_ts_segment: 3,
        }
    }
}

/// The most segments of one group: manifests list each. Four days of 2 s segments have 172,800.
const MAX_SEGMENTS: usize = 200_000;

/// The most tracks of which is said that they are left out: a file may claim to have any number.
const MAX_LEFT_OUT: usize = 256;

/// A track of the server manifest found in its file.
#[derive(Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) entry: &'a Entry,
    pub(super) file: FileId,
    index: &'a FileIndex,
    pub(super) track: &'a SourceTrack,
}

/// Puts a presentation together. `files` are all files that the server manifest names.
///
/// # Errors
/// [`Error`] when a file or track is missing, nothing can be served, or the qualities share too few key
/// frames.
pub fn assemble(
    revision: Revision,
    name: &str,
    manifest: &ServerManifest,
    files: &[(SourceFile, Arc<FileIndex>)],
    settings: &Settings,
) -> Result<Presentation, Error> {
    let (found, mut left_out) = find_tracks(name, manifest, files)?;
    left_out.extend(refused(files).into_iter().map(|(left_out, _)| left_out));
    if found.len() > MAX_QUALITIES {
        return Err(Error::TooManyQualities { count: found.len(), limit: MAX_QUALITIES });
    }
    let mut groups: Vec<TrackGroup> = Vec::new();
    let grouped = group(&found);
    for (group_name, named, members) in grouped.iter().filter(|(_, _, m)| m[0].entry.kind == TrackKind::Video) {
        groups.push(video_group(group_name, *named, members, settings)?);
    }
    let master = groups.first().map(|g| (0..=g.segment_count()).map(|i| g.boundary_time(i)).collect::<Vec<_>>());
    for (group_name, named, members) in grouped.iter().filter(|(_, _, m)| m[0].entry.kind == TrackKind::Audio) {
        groups.extend(audio_groups(group_name, *named, members, master.as_deref(), settings));
    }
    let master = groups.first().map(|g| (0..=g.segment_count()).map(|i| g.boundary_time(i)).collect::<Vec<_>>());
    for (group_name, named, members) in grouped.iter().filter(|(_, _, m)| m[0].entry.kind == TrackKind::Text) {
        let empty = |starts, end| empty_group(group_name, *named, &members[0], Timescale::MILLISECONDS, starts, end);
        groups.extend(members.iter().filter_map(|m| captions::group(m, master.as_deref(), settings, &empty)));
    }
    // Back to the server manifest's order.
    let position = |g: &TrackGroup| {
        grouped
            .iter()
            .position(|(n, _, m)| (n == &g.name || g.name.starts_with(n.as_str())) && m[0].entry.kind == g.kind)
    };
    groups.sort_by_key(position);
    make_names_unique(&mut groups);
    let stated: Vec<Stated> = groups.iter().map(|g| stated(g, &found)).collect();
    choice::mark_defaults(&mut groups, &stated);
    choice::mark_captions(&mut groups, &stated);
    if let Some(group) = groups.iter().find(|g| g.segment_count() > MAX_SEGMENTS) {
        let (group, count) = (group.name.clone(), group.segment_count());
        return Err(Error::TooManySegments { group, count, limit: MAX_SEGMENTS });
    }
    let mut presentation = Presentation {
        revision,
        files: files.iter().map(|(file, _)| file.clone()).collect(),
        groups,
        left_out,
        fragments_per_ts_segment: manifest
            .fragments_per_hls_segment
            .unwrap_or(settings.fragments_per_ts_segment)
            .max(1),
        view: View::default(),
    };
    let zero = presentation.zero();
    for track in presentation.groups.iter_mut().flat_map(|g| &mut g.tracks) {
        track.zero = zero.floor(track.timescale);
    }
    Ok(presentation)
}

fn find_tracks<'a>(
    name: &str,
    manifest: &'a ServerManifest,
    files: &'a [(SourceFile, Arc<FileIndex>)],
) -> Result<(Vec<Found<'a>>, Vec<LeftOut>), Error> {
    let (mut found, mut left_out) = (Vec::new(), Vec::new());
    // A film without one of its captions is better than none.
    let mut no_captions = |entry: &Entry, why| {
        let (file, codec) = (entry.src.clone(), entry.kind.as_str().to_owned());
        left_out.push(LeftOut { file, track: entry.track_id.unwrap_or(0), codec, why });
    };
    for entry in &manifest.entries {
        let file = files.iter().position(|(file, _)| file.name == entry.src);
        let missing = || Error::MissingFile { manifest: name.to_owned(), file: entry.src.clone() };
        let Some(file) = file else {
            if entry.kind == TrackKind::Text {
                no_captions(entry, WhyLeftOut::Missing);
                continue;
            }
            return Err(missing());
        };
        let index = &files[file].1;
        let of_kind = || index.tracks.iter().filter(|t| t.kind == Some(entry.kind));
        // A trackID of the wrong kind means a muxed file listed with its default: go by the handler.
        let track = of_kind()
            .find(|t| Some(t.id) == entry.track_id)
            .or_else(|| of_kind().find(|t| t.codec.is_ok() && t.served_samples > 0))
            .or_else(|| of_kind().next());
        let Some(track) = track else {
            let (manifest, file) = (name.to_owned(), entry.src.clone());
            if entry.kind == TrackKind::Text {
                no_captions(entry, WhyLeftOut::Empty);
                continue;
            }
            return Err(Error::MissingTrack { manifest, file, kind: entry.kind.as_str() });
        };
        if track.codec.is_ok() && (track.served_samples > 0 || track.text.is_some()) {
            found.push(Found { entry, file: FileId(file as u32), index, track });
        }
    }
    if found.is_empty() {
        let reasons: Vec<String> = refused(files).into_iter().map(|(_, reason)| reason).collect();
        return Err(Error::NothingToServe { reasons: reasons.join("; ") });
    }
    Ok((found, left_out))
}

/// The tracks of pictures, sound and text that cannot be served, whether the server manifest names them or
/// not: an inferred one has no entries for them. With each the reason in words.
fn refused(files: &[(SourceFile, Arc<FileIndex>)]) -> Vec<(LeftOut, String)> {
    let mut refused = Vec::new();
    for (file, index) in files {
        for track in index.tracks.iter().filter(|t| t.kind.is_some()) {
            let (why, reason) = match &track.codec {
                Err(error) => (why(error), format!("{}: track {}: {error}", file.name, track.id)),
                Ok(_) if track.served_samples == 0 && track.text.is_none() => {
                    (WhyLeftOut::Empty, format!("{}: track {} is empty", file.name, track.id))
                }
                Ok(_) => continue,
            };
            let codec = match &track.codec {
                Ok(codec) => codec.rfc6381(),
                Err(_) => track.sample_entry.unwrap_or(track.handler).to_string(),
            };
            if refused.len() == MAX_LEFT_OUT {
                return refused;
            }
            refused.push((LeftOut { file: file.name.clone(), track: track.id, codec, why }, reason));
        }
    }
    refused
}

fn why(error: &codec::Error) -> WhyLeftOut {
    match error {
        codec::Error::Encrypted { .. } => WhyLeftOut::Encrypted,
        codec::Error::Malformed { .. } | codec::Error::Captions { .. } => WhyLeftOut::Damaged,
        _ => WhyLeftOut::Codec,
    }
}

/// What is said of a group's first track.
fn stated(group: &TrackGroup, found: &[Found<'_>]) -> Stated {
    let of = |t: &Track| found.iter().find(|f| f.file == t.file && f.track.id == t.source_id);
    let first = group.tracks.first().and_then(of);
    Stated { default: first.and_then(|f| f.entry.is_default), enabled: first.is_none_or(|f| f.track.enabled) }
}

type Named<'a> = (String, bool, Vec<Found<'a>>);

/// Groups tracks by kind, name and language, in order of first appearance.
fn group<'a>(found: &[Found<'a>]) -> Vec<Named<'a>> {
    let mut groups: Vec<Named<'a>> = Vec::new();
    for item in found {
        let entry = item.entry;
        let given = entry.track_name.as_ref().or(match entry.kind {
            TrackKind::Audio | TrackKind::Text => entry.title.as_ref(),
            TrackKind::Video => None,
        });
        let name = given.cloned().unwrap_or_else(|| match entry.kind {
            // Server manifests call it so.
            TrackKind::Text => "textstream".to_owned(),
            kind => kind.as_str().to_owned(),
        });
        let home = groups.iter_mut().find(|(n, _, members)| {
            let kind = members[0].entry.kind;
            *n == name && kind == entry.kind && kind != TrackKind::Text && language(&members[0]) == language(item)
        });
        match home {
            // The same stored track twice is one quality.
            Some((_, _, members)) if members.iter().any(|m| m.file == item.file && m.track.id == item.track.id) => {}
            Some((_, _, members)) => members.push(*item),
            None => groups.push((name, given.is_some(), vec![*item])),
        }
    }
    groups
}

pub(super) fn language(found: &Found<'_>) -> String {
    found.entry.language.clone().unwrap_or_else(|| found.track.language.clone())
}

fn video_group(name: &str, named: bool, members: &[Found<'_>], settings: &Settings) -> Result<TrackGroup, Error> {
    let mut members = members.to_vec();
    members.sort_by_key(|m| std::cmp::Reverse(bitrate(m)));
    let tracks: Vec<&SourceTrack> = members.iter().map(|m| m.track).collect();
    let slack = grid::slack(&tracks);
    let boundaries = grid::boundaries(grid::common(&tracks), settings.target_segment, slack);
    let timescale = shared_timescale(&tracks);
    let ticks = |time: MediaTime| time.floor(timescale).max(0) as u64;
    let mut starts: Vec<u64> = boundaries.iter().map(|(time, _)| ticks(*time)).collect();
    let mut segment_samples: Vec<Vec<u32>> =
        (0..tracks.len()).map(|t| boundaries.iter().map(|(_, samples)| samples[t]).collect()).collect();
    // Different boundaries that fall on one tick cannot be told apart in URLs.
    for index in (1..starts.len()).rev() {
        if starts[index] <= starts[index - 1] {
            starts.remove(index);
            for samples in &mut segment_samples {
                samples.remove(index);
            }
        }
    }
    let last_start = starts.last().copied().unwrap_or(0);
    let last_samples = segment_samples.iter().map(|samples| samples.last().copied().unwrap_or(0));
    let last_lengths = members.iter().zip(last_samples).map(|(m, sample)| ticks(length_from(m.track, sample)));
    let end = last_start + last_lengths.max().unwrap_or(0).max(1);
    let group = TrackGroup {
        tracks: members.iter().zip(segment_samples).map(|(m, samples)| track(m, samples)).collect(),
        ..empty_group(name, named, &members[0], timescale, starts, end)
    };
    let limit = settings.max_segment;
    for index in 0..group.segment_count() {
        let (start, end) = (group.boundary_time(index), group.boundary_time(index + 1));
        let length = MediaTime::new(end.ticks - start.ticks, timescale);
        if length.compare(limit).is_gt() {
            return Err(Error::KeyFrameIntervalTooLarge {
                group: name.to_owned(),
                at: start,
                qualities: members.len(),
                limit,
            });
        }
    }
    Ok(with_unique_bitrates(group))
}

/// Audio tracks for one decoder, with as many channels and cut at the same places, are one group: players switch
/// between them. A track that is not like that is in another; what every player decodes comes first.
fn audio_groups(
    name: &str,
    named: bool,
    members: &[Found<'_>],
    master: Option<&[MediaTime]>,
    settings: &Settings,
) -> Vec<TrackGroup> {
    let mut kins: Vec<_> = Vec::new();
    for kin in members.iter().map(|m| kin(m.track.codec.as_deref().ok())) {
        if !kins.contains(&kin) {
            kins.push(kin);
        }
    }
    let mut members = members.to_vec();
    members.sort_by_key(|m| {
        let codec = m.track.codec.as_deref().ok();
        let class = kins.iter().position(|k| *k == kin(codec));
        (!codec.is_some_and(Codec::plays_everywhere), class, std::cmp::Reverse(bitrate(m)))
    });
    let mut groups: Vec<TrackGroup> = Vec::new();
    for member in &members {
        let kin_of_member = kin(member.track.codec.as_deref().ok());
        let mut alike = groups.iter_mut().filter(|g| kin(g.tracks.first().map(|t| &*t.codec)) == kin_of_member);
        let home = alike.find_map(|g| segments_like(g, member.track).map(|samples| (g, samples)));
        if let Some((group, samples)) = home {
            group.end = group.end.max(end_of(member.track).floor(group.timescale).max(0) as u64);
            group.tracks.push(track(member, samples));
            continue;
        }
        let samples = audio_segments(member.track, master, settings);
        let decode = |sample: u32| member.track.samples.iter_from(sample).next().map_or(0, |(decode, _)| decode);
        let start = |sample: u32| (decode(sample) + member.track.edit.delay).max(0) as u64;
        let starts: Vec<u64> = samples.iter().map(|s| start(*s)).collect();
        let end = (end_of(member.track).ticks.max(0) as u64).max(starts.last().map_or(0, |s| s + 1));
        let group_name = if groups.is_empty() { name.to_owned() } else { format!("{name}_{}", groups.len() + 1) };
        groups.push(TrackGroup {
            tracks: vec![track(member, samples)],
            ..empty_group(&group_name, named, member, member.track.timescale, starts, end)
        });
    }
    groups.into_iter().map(with_unique_bitrates).collect()
}

/// What audio tracks between which players switch have in common: the decoder and the number of channels.
fn kin(codec: Option<&dyn Codec>) -> Option<(FourCc, Option<u16>)> {
    codec.map(|codec| (codec.family(), codec.audio().map(|audio| audio.channels)))
}

/// First sample of each segment of an audio track: the first frame at or after each boundary of the
/// video, or of its own steps without video. A fragmented track keeps its own fragments.
fn audio_segments(track: &SourceTrack, master: Option<&[MediaTime]>, settings: &Settings) -> Vec<u32> {
    let served = track.served_samples;
    let scale = track.timescale;
    let length = track.samples.end() - track.samples.start();
    let target = settings.target_segment.floor(scale).max(1);
    if let Some(starts) = &track.fragment_starts
        && starts.len() > 1
        && length / starts.len() as i64 >= target / 2
        && length / starts.len() as i64 <= settings.max_segment.floor(scale)
    {
        let decode = |sample: u32| track.samples.iter_from(sample).next().map_or(i64::MAX, |(decode, _)| decode);
        let last = end_of(track).ticks - track.edit.delay;
        // A last fragment of a frame or two is not worth a request.
        return starts
            .iter()
            .copied()
            .filter(|s| *s == 0 || (*s < served && last - decode(*s) >= target / 20))
            .collect();
    }
    let mut samples = vec![0u32];
    let mut cut = |time: i64| {
        let sample = track.samples.first_at_or_after(time - track.edit.delay);
        if sample < served && samples.last().is_some_and(|last| *last < sample) {
            samples.push(sample);
        }
    };
    let (mut last, mut step, end) = (track.samples.start() + track.edit.delay, target, end_of(track).ticks);
    if let Some([boundaries @ .., video_end]) = master {
        // Of sound that ends a frame or two after a cut of the picture there is no segment: not worth a request.
        let latest = end - target / 20;
        boundaries.iter().skip(1).map(|b| b.ceil(scale)).filter(|b| *b <= latest).for_each(&mut cut);
        let longest = boundaries.windows(2).map(|w| w[1].ceil(scale) - w[0].ceil(scale)).max().unwrap_or(0);
        step = step.max(longest);
        last = video_end.ceil(scale).saturating_sub(step).max(last);
    }
    // What goes on after the video, or all of it without video, in steps; a tail shorter than half a
    // step stays with the last one.
    while last.saturating_add(step).saturating_add(step / 2) < end {
        last += step;
        // The next step that has a sample of its own: one sample may last for ages.
        let sample = track.samples.first_at_or_after(last - track.edit.delay);
        let Some((decode, _)) = track.samples.iter_from(sample).next() else { break };
        last += (decode + track.edit.delay - last) / step * step;
        cut(last);
    }
    samples
}

/// First sample of each segment of `track` if it can be cut where `group` is.
fn segments_like(group: &TrackGroup, track: &SourceTrack) -> Option<Vec<u32>> {
    if track.timescale != group.timescale {
        return None;
    }
    let mut samples = Vec::with_capacity(group.segment_count());
    for (index, start) in group.starts.iter().enumerate() {
        let sample = match index {
            0 => 0,
            _ => track.samples.first_at_or_after(*start as i64 - track.edit.delay),
        };
        let (decode, _) = track.samples.iter_from(sample).next()?;
        if sample >= track.served_samples || (decode + track.edit.delay).max(0) as u64 != *start {
            return None;
        }
        samples.push(sample);
    }
    Some(samples)
}

fn empty_group(
    name: &str,
    named: bool,
    first: &Found<'_>,
    timescale: Timescale,
    starts: Vec<u64>,
    end: u64,
) -> TrackGroup {
    TrackGroup {
        name: name.to_owned(),
        named,
        kind: first.entry.kind,
        language: Language(language(first)),
        label: first.entry.label.as_ref().or(first.entry.title.as_ref()).or(first.track.label.as_ref()).cloned(),
        purpose: first.entry.purpose.clone().or(&first.track.purpose),
        is_default: false,
        closed_captions: first.track.closed_captions,
        timescale,
        starts,
        end,
        tracks: Vec::new(),
    }
}

/// The tracks' own timescale if they share one.
fn shared_timescale(tracks: &[&SourceTrack]) -> Timescale {
    match tracks {
        [first, rest @ ..] if rest.iter().all(|t| t.timescale == first.timescale) => first.timescale,
        _ => Timescale::TEN_MHZ,
    }
}

/// Where the last served sample ends on the URL timeline.
fn end_of(track: &SourceTrack) -> MediaTime {
    let natural_end = match track.samples.iter_from(track.served_samples).next() {
        Some((decode, _)) => decode,
        None => track.samples.end(),
    };
    let end = track.ends_within.unwrap_or(natural_end);
    MediaTime::new(end + track.edit.delay, track.timescale)
}

/// How long the samples from `sample` on take to decode. Where pictures are reordered unevenly this is not
/// what is left after the segment's start, which is a presentation time.
fn length_from(track: &SourceTrack, sample: u32) -> MediaTime {
    let first = track.samples.iter_from(sample).next().map_or(track.samples.end(), |(decode, _)| decode);
    let end = end_of(track);
    MediaTime::new(end.ticks - track.edit.delay - first, end.scale)
}

/// The measured mean bitrate of what is served, bits per second.
fn average_bitrate(track: &SourceTrack) -> u64 {
    let ticks = (track.samples.end() - track.samples.start()).max(1) as u128;
    (u128::from(track.samples.bytes()) * 8 * u128::from(track.timescale.get()) / ticks) as u64
}

fn bitrate(found: &Found<'_>) -> u64 {
    found.entry.bitrate.unwrap_or_else(|| average_bitrate(found.track)).max(1)
}

fn track(found: &Found<'_>, first_samples: Vec<u32>) -> Track {
    let source = found.track;
    let codec = match &source.codec {
        Ok(codec) => Arc::clone(codec),
        // `find_tracks` lets only tracks with a codec through.
        Err(error) => unreachable!("a track without codec was kept: {error}"),
    };
    let mut segment_samples = first_samples;
    segment_samples.push(source.served_samples);
    let mut sizes = source.samples.iter_from(0).map(|(_, sample)| u64::from(sample.size));
    let segment_bytes = segment_samples.windows(2).map(|w| sizes.by_ref().take((w[1] - w[0]) as usize).sum()).collect();
    Track {
        bitrate: bitrate(found),
        average_bitrate: average_bitrate(source),
        file: found.file,
        source_id: source.id,
        codec,
        timescale: source.timescale,
        edit: source.edit,
        zero: 0,
        ends_within: source.ends_within,
        samples: Arc::clone(&source.samples),
        segment_samples,
        segment_bytes,
        frame_rate: (found.entry.kind == TrackKind::Video).then(|| frame_rate(source)).flatten(),
        handler_name: source.handler_name.clone(),
        creation_time: source.creation_time,
        user_data: found.index.user_data.clone(),
        encryption: source.encryption.clone(),
        text: source.text.clone(),
    }
}

/// Frames per second as a fraction: a well-known rate where the commonest sample duration or else the
/// mean is one, else the mean.
fn frame_rate(track: &SourceTrack) -> Option<(u32, u32)> {
    let ticks = u64::try_from(track.samples.end() - track.samples.start()).ok().filter(|t| *t > 0)?;
    let micro = |samples: u64, ticks: u64| {
        (u128::from(samples) * u128::from(track.timescale.get()) * 1_000_000).checked_div(u128::from(ticks))
    };
    let mean = micro(u64::from(track.samples.len()), ticks)?;
    let commonest = commonest_duration(track).and_then(|d| micro(1, u64::from(d)));
    // In coarse ticks most pictures of 24000/1001 last as long as those of 24: the mean knows better.
    let of_mean = known_rate(mean).filter(|_| commonest.is_none_or(|c| c.abs_diff(mean) * 500 <= mean));
    if let Some(known) = of_mean.or_else(|| commonest.and_then(known_rate)).or_else(|| known_rate(mean)) {
        return Some(known);
    }
    Some((u32::try_from(mean / 1000).ok().filter(|n| *n > 0)?, 1000))
}

/// The well-known rate within 0.04 % of `micro` millionths of a frame per second; 23.976 and 24 lie 0.1 % apart.
fn known_rate(micro: u128) -> Option<(u32, u32)> {
    const KNOWN: [(u32, u32); 11] = [
        (24_000, 1001),
        (24, 1),
        (25, 1),
        (30_000, 1001),
        (30, 1),
        (48, 1),
        (50, 1),
        (60_000, 1001),
        (60, 1),
        (120_000, 1001),
        (120, 1),
    ];
    KNOWN.into_iter().find(|(n, d)| {
        let rate = u128::from(*n) * 1_000_000 / u128::from(*d);
        rate.abs_diff(micro) * 2500 <= rate
    })
}

/// The duration that more than half of the first samples have.
fn commonest_duration(track: &SourceTrack) -> Option<u32> {
    let mut durations: Vec<u32> = track.samples.iter_from(0).take(1000).map(|(_, s)| s.duration).collect();
    durations.sort_unstable();
    let median = *durations.get(durations.len() / 2)?;
    let equal = durations.iter().filter(|d| **d == median).count();
    (equal * 2 > durations.len() && median > 0).then_some(median)
}

/// Two qualities of one bitrate could not be told apart in URLs: the later is a bit more.
fn with_unique_bitrates(mut group: TrackGroup) -> TrackGroup {
    let mut used: Vec<u64> = Vec::new();
    for track in &mut group.tracks {
        while used.contains(&track.bitrate) {
            track.bitrate += 1;
        }
        used.push(track.bitrate);
    }
    group
}

/// Groups of one name but different languages get the language, and if need be a number, behind it.
fn make_names_unique(groups: &mut [TrackGroup]) {
    for index in 1..groups.len() {
        let taken = |groups: &[TrackGroup], name: &str| groups[..index].iter().any(|g| g.name == name);
        if !taken(groups, &groups[index].name) {
            continue;
        }
        let base = format!("{}_{}", groups[index].name, groups[index].language.0);
        let mut name = base.clone();
        let mut number = 2;
        while taken(groups, &name) {
            name = format!("{base}_{number}");
            number += 1;
        }
        groups[index].name = name;
    }
}
