//! One segment of each kind, nothing of it cached: planned and made, its stored bytes at hand.
//!
//! The cost must grow neither with the film's length nor with the segment's place in it.

mod support;

use divan::Bencher;
use divan::counter::BytesCount;
use headwater::packager::{FORMATS, Format, Noun, SegmentRequest};
use support::{context, ladder, media, tracks};

fn main() {
    divan::main();
}

const MINUTES: [u32; 2] = [10, 120];
const PLACES: [&str; 3] = ["start", "middle", "end"];

fn format(tag: &str) -> &'static dyn Format {
    FORMATS.iter().copied().find(|format| format.tags().contains(&tag)).expect("a format")
}

/// A segment of the video (0) or the sound (1) of a film of one quality of 2 Mbit/s.
fn segment(bencher: Bencher<'_, '_>, tag: &str, minutes: u32, track: usize, place: &str) {
    let (film, files) = ladder(minutes, &[2_000_000]);
    let format = format(tag);
    let track = tracks(&film)[track];
    let count = film.groups[track.group].segment_count();
    let per_segment = film.fragments_per_ts_segment as usize;
    let index = match place {
        "start" => 0,
        "middle" => count / 2 / per_segment * per_segment,
        _ => (count - 1) / per_segment * per_segment,
    };
    let scale = format.url_timescale(&film, track.group, &context());
    let time = film.groups[track.group].boundary(index, scale);
    let request = SegmentRequest { track, noun: Noun::Fragments, time, audio_track: None };
    let plan = || format.plan(&film, &request, &context()).expect("a segment begins here");
    let media = media(&film, &files, &plan());
    let size = format.segment(&film, &plan(), &media, &context()).expect("a segment").len();
    bencher
        .counter(BytesCount::new(size))
        .bench(|| format.segment(&film, &plan(), &media, &context()).expect("a segment"));
}

macro_rules! kinds {
    ($($name:ident: $tag:literal, $track:literal;)*) => {$(
        #[divan::bench(args = PLACES, consts = MINUTES)]
        fn $name<const MINUTES: u32>(bencher: Bencher<'_, '_>, place: &str) {
            segment(bencher, $tag, MINUTES, $track, place);
        }
    )*};
}

kinds! {
    smooth_video: "", 0;
    smooth_audio: "", 1;
    dash_csf_video: "mpd-time-csf", 0;
    cmaf_video: "mpd-time-cmaf", 0;
    cmaf_audio: "mpd-time-cmaf", 1;
    ts_video: "m3u8-aapl", 0;
    ts_audio: "m3u8-aapl", 1;
    ts_muxed: "m3u8-aapl-v3", 0;
}
