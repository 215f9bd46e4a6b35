//! A stored file indexed, assembled and packaged in every format.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use headwater::cipher::{ContentKey, KeyId};
use headwater::media::{Presentation, Revision, SourceFile, TrackGroup, TrackRef};
use headwater::packager::protection::{Address, Periods, Protection, SystemSignal, TrackKey, Tracks};
use headwater::packager::{
    Context, Dialect, Error, FORMATS, Format, MediaData, Noun, Plan, Protocol, SegmentRequest, Selection, thumbnails,
};
use headwater::protection::{Scheme, System};
use headwater::source::{self, FileIndex, FileIndexer, Settings, SourceTrack, Step, infer, ism};
use headwater::time::{MediaTime, Timescale, UtcTime};

use super::fragments;

/// The name under which the only file is known.
const NAME: &str = "film.mp4";

pub fn run(data: &[u8]) {
    let data = Bytes::copy_from_slice(data);
    if let Ok(index) = index(&data) {
        film(&data, index, None);
    }
}

/// Packages the demonstration film under a server manifest from outside, as far as that names tracks.
pub fn under(manifest: &ism::ServerManifest) {
    static FILM: LazyLock<Option<(Bytes, FileIndex)>> = LazyLock::new(|| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/films/progressive-faststart/film_90.mp4");
        let here = std::fs::read(path).or_else(|_| std::fs::read(path.replacen("/fuzz/fixtures", "/fixtures", 1)));
        let data = Bytes::from(here.ok()?);
        let index = index(&data).ok()?;
        Some((data, index))
    });
    let mut manifest = manifest.clone();
    for entry in &mut manifest.entries {
        NAME.clone_into(&mut entry.src);
    }
    if let Some((data, index)) = &*FILM {
        film(data, index.clone(), Some(manifest));
    }
}

/// Indexes `data` as whoever has storage would, counting what is asked for.
pub fn index(data: &Bytes) -> Result<FileIndex, source::Error> {
    let length = data.len() as u64;
    let mut indexer = FileIndexer::new(NAME, length);
    let (mut steps, mut read) = (0u64, 0u64);
    loop {
        steps += 1;
        assert!(steps <= 32 + length / 64, "{steps} steps for {length} bytes");
        match indexer.step()? {
            Step::Done(index) => {
                index.tracks.iter().for_each(|track| check_track(track, length));
                return Ok(index);
            }
            Step::Need(range) => {
                assert!(range.start < range.end && range.end <= length, "{range:?} of {length}");
                read += range.end - range.start;
                assert!(read <= 8 * length + (1 << 20), "{read} bytes read of {length}");
                indexer.feed(range.start, data.slice(range.start as usize..range.end as usize));
            }
        }
    }
}

fn check_track(track: &SourceTrack, length: u64) {
    let samples = &track.samples;
    assert!(u64::from(samples.len()) <= length);
    assert!(track.served_samples <= samples.len());
    let (mut count, mut bytes, mut at, mut last_takes_none) = (0u32, 0u64, samples.start(), false);
    for (decode, sample) in samples.iter_from(0) {
        assert_eq!(decode, at, "decode times are sums of durations");
        assert!(sample.offset.checked_add(u64::from(sample.size)).is_some_and(|end| end <= length));
        at += i64::from(sample.duration);
        bytes += u64::from(sample.size);
        count += 1;
        last_takes_none = sample.duration == 0;
    }
    // A last sample of no duration is given a tick.
    at += i64::from(last_takes_none);
    assert_eq!((count, bytes, at), (samples.len(), samples.bytes(), samples.end()));
    if let Some(key_frames) = samples.key_frames() {
        assert!(key_frames.windows(2).all(|w| w[0].sample < w[1].sample && w[0].decode <= w[1].decode));
    }
    if let Some(encryption) = &track.encryption {
        let mut parts = Vec::new();
        let said = encryption.samples(0..count, &mut parts);
        assert_eq!(said.len(), count as usize, "it is told of each sample how it is encrypted");
        for (sample, (_, stored)) in said.iter().zip(samples.iter_from(0)) {
            let parts = &parts[sample.parts.clone()];
            let bytes: u64 = parts.iter().map(|part| u64::from(part.clear) + u64::from(part.protected)).sum();
            assert!(parts.is_empty() || bytes == u64::from(stored.size));
        }
        let one = encryption.samples([count - count.min(1)].into_iter(), &mut parts);
        assert_eq!(one.first().map(|sample| sample.vector), said.last().map(|sample| sample.vector));
        assert!(encryption.memory() as u64 <= 4 * length + (64 << 10), "{} for {length}", encryption.memory());
    }
    if let Some(starts) = &track.fragment_starts {
        assert!(starts.windows(2).all(|w| w[0] < w[1]) && starts.last().is_none_or(|last| *last < count));
    }
}

fn film(data: &Bytes, index: FileIndex, manifest: Option<ism::ServerManifest>) {
    let tracks: Vec<&SourceTrack> = index.tracks.iter().take(4).collect();
    let _ = source::first_difference(&tracks);
    let manifest = manifest.unwrap_or_else(|| infer::server_manifest(&[(NAME, &index)]));
    let file = SourceFile { name: NAME.to_owned(), size: data.len() as u64 };
    let files = [(file, Arc::new(index))];
    let assembled = source::assemble(Revision([7; 16]), "film.ism", &manifest, &files, &Settings::default());
    let Ok(presentation) = assembled else { return };
    presentation.groups.iter().for_each(check_group);
    let names: Vec<&String> = presentation.groups.iter().map(|g| &g.name).collect();
    assert!(names.iter().enumerate().all(|(i, name)| !names[..i].contains(name)), "{names:?}");
    sheets(&presentation, data);
    for dialect in [Dialect::Modern, Dialect::Ams] {
        let selection = Selection::default();
        let thumbnails = thumbnails::Grid::of(&presentation, &THUMBNAILS);
        let context = Context {
            dialect,
            now: UtcTime { unix_millis: 0 },
            selection: &selection,
            thumbnails,
            protection: None,
            figures: None,
        };
        FORMATS.iter().for_each(|format| package(*format, &presentation, data, &context));
        for format in FORMATS {
            let Ok(Some(stored)) = Protection::stored(&presentation, *format) else { continue };
            protected(
                *format,
                &presentation,
                data,
                &Context { protection: Some(&stored), thumbnails: None, ..context },
            );
        }
        if dialect == Dialect::Ams {
            continue;
        }
        for scheme in [Scheme::Envelope, Scheme::Cenc, Scheme::Piff, Scheme::Cbcs] {
            let protection = protection(scheme);
            let context = Context { protection: Some(&protection), thumbnails: None, ..context };
            for format in FORMATS.iter().filter(|format| format.schemes().contains(&scheme)) {
                let view = protection.view(*format, &presentation);
                protected(*format, view.as_ref().unwrap_or(&presentation), data, &context);
            }
        }
    }
}

/// All that is written of an encrypted film; what it is when decrypted is another test's matter.
fn protected(format: &dyn Format, presentation: &Presentation, data: &Bytes, context: &Context<'_>) {
    let _ = format.manifest(presentation, context);
    for (group, of) in presentation.groups.iter().enumerate() {
        let at = TrackRef { group, track: 0 };
        let _ = (format.playlist(presentation, at, false, context), format.init(presentation, at, context));
        let scale = format.url_timescale(presentation, group, context);
        for noun in [Noun::Fragments, Noun::FragmentInfo, Noun::RawFragments, Noun::KeyFrames] {
            let request = SegmentRequest { track: at, noun, time: of.boundary(0, scale), audio_track: None };
            let Ok(plan) = format.plan(presentation, &request, context) else { continue };
            let media: u64 = plan.parts.iter().map(|part| part.samples.bytes()).sum();
            let Some(body) = segment(format, presentation, &plan, data, context) else { continue };
            assert!(noun != Noun::RawFragments || body.len() as u64 >= media || plan.parts.is_empty());
        }
    }
}

fn protection(scheme: Scheme) -> Protection {
    let systems = [System::PlayReady, System::Widevine, System::FairPlay, System::ClearKey];
    Protection {
        scheme,
        keys: vec![TrackKey {
            tracks: Tracks::All,
            id: KeyId([1; 16]),
            material: ContentKey::new([2; 16]).into(),
            vector: None,
            url: Some(Address::Complete("https://keys.example/".to_owned())),
        }],
        clear: Vec::new(),
        systems: systems
            .map(|system| SystemSignal::new(system, Some(Address::Base("skd://licence.example/".to_owned()))))
            .into(),
        periods: Periods::default(),
        asset: [3; 16],
    }
}

const THUMBNAILS: thumbnails::Settings =
    thumbnails::Settings { interval_seconds: 1, width: 160, height: 90, columns: 3, rows: 3 };

/// Every sheet of thumbnails that there can be, up to a few, and single pictures.
fn sheets(presentation: &Presentation, data: &Bytes) {
    let Some(grid) = thumbnails::Grid::of(presentation, &THUMBNAILS) else { return };
    assert!(grid.count > 0 && grid.sheets() > 0 && grid.width.is_multiple_of(2) && grid.height.is_multiple_of(2));
    assert!(grid.width <= 160 && grid.height <= 90 && grid.columns <= 3 && grid.rows <= 3);
    assert!(thumbnails::index(presentation, &grid).len() < 4 << 20);
    let last = u64::from(grid.sheets());
    let sheets = [1, 2, last].map(|number| thumbnails::sheet(presentation, &grid, number));
    let late = MediaTime::new(i64::MAX, Timescale::TEN_MHZ);
    let pictures = [None, Some(MediaTime::zero(Timescale::TEN_MHZ)), Some(late)];
    let pictures = pictures.map(|time| thumbnails::poster(presentation, time));
    assert!(pictures[2].is_err() && thumbnails::sheet(presentation, &grid, last + 1).is_err());
    for wanted in sheets.into_iter().chain(pictures).flatten() {
        assert_eq!(wanted.plan.parts.len(), wanted.repeats.len());
        assert!(wanted.repeats.iter().sum::<u32>() <= wanted.grid.0 * wanted.grid.1);
        let read = |(file, range): (_, std::ops::Range<u64>)| {
            let bytes = data.slice(range.start as usize..range.end as usize);
            (file, range, bytes)
        };
        let media = MediaData::new(wanted.plan.reads().into_iter().map(read).collect());
        let drawing = thumbnails::movie(presentation, &wanted, &media).expect("a plan names all that is wanted");
        assert_eq!(drawing.movie.len(), wanted.repeats.len() + 1);
    }
}

fn check_group(group: &TrackGroup) {
    assert!(!group.tracks.is_empty() && !group.starts.is_empty(), "{}", group.name);
    assert!(group.starts.windows(2).all(|w| w[0] < w[1]), "{}: starts increase", group.name);
    assert!(group.starts.last() < Some(&group.end));
    let lasting: u64 = (0..group.segment_count())
        .map(|i| (group.boundary_time(i + 1).ticks - group.boundary_time(i).ticks) as u64)
        .sum();
    assert_eq!(lasting, group.end - group.starts[0]);
    for (place, track) in group.tracks.iter().enumerate() {
        assert!(group.tracks[..place].iter().all(|other| other.bitrate != track.bitrate));
        assert_eq!(track.segment_samples.len(), group.starts.len() + 1);
        assert!(track.segment_samples.windows(2).all(|w| w[0] <= w[1]));
        let served = track.segment_samples.last().copied().unwrap_or(0);
        assert_eq!(track.segment_samples.first(), Some(&0));
        let bytes: u64 = track.samples.iter_from(0).take(served as usize).map(|(_, s)| u64::from(s.size)).sum();
        assert_eq!(track.segment_bytes.iter().sum::<u64>(), bytes);
    }
}

fn package(format: &dyn Format, presentation: &Presentation, data: &Bytes, context: &Context<'_>) {
    let samples: u64 = presentation.groups.iter().flat_map(|g| &g.tracks).map(|t| u64::from(t.samples.len())).sum();
    let text = |made: Result<headwater::packager::Rendered, Error>| {
        let Ok(made) = made else { return };
        // No line is longer than a few hundred bytes, names aside, and there is none without a sample.
        let names: usize = presentation.groups.iter().map(|g| g.name.len() * 12 + 2048).sum();
        let most = (samples + 64) * (names as u64 + 512);
        assert!(!made.is_empty() && made.len() <= most, "{} bytes of {}", made.len(), made.content_type);
        assert!(made.body.iter().all(|piece| std::str::from_utf8(piece).is_ok()));
    };
    text(format.manifest(presentation, context));
    if let Ok(images) = format.images(presentation, context) {
        assert!(images.len() < 4 << 20, "{} bytes of images", images.len());
    }
    for (group, of) in presentation.groups.iter().enumerate() {
        for track in [0, of.tracks.len() - 1] {
            let at = TrackRef { group, track };
            text(format.playlist(presentation, at, false, context));
            text(format.playlist(presentation, at, true, context));
            if let Ok(init) = format.init(presentation, at, context) {
                fragments::check_init(&init.body.concat());
            }
            segments(format, presentation, at, data, context);
        }
    }
}

/// The first two segments, one in the middle and the last, and times that are none.
fn segments(format: &dyn Format, presentation: &Presentation, at: TrackRef, data: &Bytes, context: &Context<'_>) {
    let group = &presentation.groups[at.group];
    let scale = format.url_timescale(presentation, at.group, context);
    let count = group.segment_count();
    let mut last = None;
    for index in [0, 1, count / 2, count - 1] {
        if index >= count {
            continue;
        }
        let time = group.boundary(index, scale);
        for noun in [Noun::Fragments, Noun::FragmentInfo, Noun::RawFragments, Noun::KeyFrames] {
            let request = SegmentRequest { track: at, noun, time, audio_track: None };
            let Ok(plan) = format.plan(presentation, &request, context) else { continue };
            let Some(body) = segment(format, presentation, &plan, data, context) else { continue };
            if noun != Noun::Fragments {
                continue;
            }
            assert!(plan.parts[0].samples.samples.len() <= group.tracks[at.track].samples.len() as usize);
            if presentation.track(at).text.is_some() {
                continue;
            }
            match format.protocol() {
                Protocol::Hls if body.first() == Some(&0x47) => fragments::check_transport_stream(&body),
                _ => {
                    let begins = fragments::check_fragment(&body, &plan, scale);
                    assert!(last.is_none_or(|last| last <= begins), "decode times do not go back");
                    last = Some(begins);
                }
            }
        }
    }
    for time in [u64::MAX, group.boundary(count, scale).saturating_add(1 << 20)] {
        let request = SegmentRequest { track: at, noun: Noun::Fragments, time, audio_track: None };
        assert!(format.plan(presentation, &request, context).is_err(), "nothing begins at {time}");
    }
}

fn segment(
    format: &dyn Format,
    presentation: &Presentation,
    plan: &Plan,
    data: &Bytes,
    context: &Context<'_>,
) -> Option<Vec<u8>> {
    let reads = plan.reads();
    assert!(reads.windows(2).all(|w| (w[0].0, w[0].1.end) < (w[1].0, w[1].1.start)), "reads are apart");
    let pieces = reads.into_iter().map(|(file, range)| {
        let bytes = data.slice(range.start as usize..range.end as usize);
        (file, range, bytes)
    });
    let media = MediaData::new(pieces.collect());
    let made = format.segment(presentation, plan, &media, context);
    assert!(!matches!(made, Err(Error::MissingMedia { .. })), "a plan names all that its segment wants");
    // Without the bytes there is an error, no segment.
    if plan.parts.iter().any(|part| part.samples.bytes() > 0) && plan.needs_media {
        assert!(format.segment(presentation, plan, &MediaData::default(), context).is_err());
    }
    Some(made.ok()?.body.concat())
}
