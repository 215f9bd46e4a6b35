//! HLS as a whole: playlists, segments, and both held against each other.

mod long_films;
mod playlists;
mod real_films;
mod renditions;
mod segments;

use crate::media::{Presentation, TrackKind, TrackRef};
use crate::packager::testing::{audio_spec, film_of, group, video_spec};
use crate::packager::{Context, Format, MediaData, Noun, Plan, Rendered, SegmentRequest};

/// A playlist as text.
fn text(rendered: &Rendered) -> String {
    assert_eq!(rendered.content_type, "application/vnd.apple.mpegurl");
    String::from_utf8(rendered.body.concat()).unwrap()
}

/// A film whose samples have sizes as films do, not all the same.
fn uneven_film() -> Presentation {
    let mut video = Vec::new();
    for (bitrate, width, height, size) in [(3_400_000, 1280, 720, 17_000), (200_000, 320, 180, 900)] {
        let mut spec = video_spec(bitrate, width, height);
        spec.sample_size = size;
        video.push(spec);
    }
    let bounds: Vec<u32> = (0..=20).map(|n| n * 48).chain([970]).collect();
    let mut sound = audio_spec(128_000);
    sound.sample_size = 341;
    let sound_bounds: Vec<u32> = (0..=20u32).map(|n| (n * 375).div_ceil(4)).chain([1900]).collect();
    film_of(vec![
        group("video", TrackKind::Video, &bounds, &video),
        group("audio", TrackKind::Audio, &sound_bounds, &[sound]),
    ])
}

/// A segment as a URL of a playlist asks for it, e.g. `Fragments(video=60000000,format=m3u8-aapl).ts`.
fn fetch(
    format: &dyn Format,
    presentation: &Presentation,
    bitrate: u64,
    uri: &str,
    context: &Context<'_>,
    read: impl Fn(&Plan) -> MediaData,
) -> (Plan, Rendered) {
    let plan = plan(format, presentation, bitrate, uri, context);
    let media = read(&plan);
    let rendered = format.segment(presentation, &plan, &media, context).unwrap();
    (plan, rendered)
}

/// What [`fetch`] asks for.
fn plan(format: &dyn Format, presentation: &Presentation, bitrate: u64, uri: &str, context: &Context<'_>) -> Plan {
    let (noun, rest) = uri.split_once('(').unwrap();
    let (parameters, _suffix) = rest.rsplit_once(')').unwrap();
    let mut parameters = parameters.split(',');
    let (name, time) = parameters.next().unwrap().split_once('=').unwrap();
    let noun = match noun {
        "Fragments" => Noun::Fragments,
        "KeyFrames" => Noun::KeyFrames,
        other => panic!("{other}"),
    };
    let mut audio_track = None;
    for (key, value) in parameters.map(|p| p.split_once('=').unwrap()) {
        match key {
            "format" => assert_eq!(value, format.tags()[0]),
            "audiotrack" => audio_track = Some(value),
            other => panic!("{other}"),
        }
    }
    let track = presentation.find(name, bitrate).unwrap();
    let request = SegmentRequest { track, noun, time: time.parse().unwrap(), audio_track };
    format.plan(presentation, &request, context).unwrap()
}

/// All tracks of a presentation.
fn tracks(presentation: &Presentation) -> Vec<TrackRef> {
    let of_group = |(group, g): (usize, &crate::media::TrackGroup)| {
        (0..g.tracks.len()).map(move |track| TrackRef { group, track }).collect::<Vec<_>>()
    };
    presentation.groups.iter().enumerate().flat_map(of_group).collect()
}
