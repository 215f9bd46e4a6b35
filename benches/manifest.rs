//! Manifests and playlists of a ladder of three qualities.

mod support;

use divan::Bencher;
use divan::counter::BytesCount;
use headwater::packager::{FORMATS, Format, Rendered};
use support::{LADDER, context, ladder, tracks};

fn main() {
    divan::main();
}

const MINUTES: [u32; 2] = [10, 120];
const TAGS: [&str; 7] = ["", "fmp4-v20", "mpd-time-csf", "mpd-time-cmaf", "m3u8-aapl", "m3u8-aapl-v3", "m3u8-cmaf"];

fn format(tag: &str) -> &'static dyn Format {
    FORMATS.iter().copied().find(|format| format.tags().contains(&tag)).expect("a format")
}

fn measured(bencher: Bencher<'_, '_>, make: impl Fn() -> Rendered + Sync) {
    bencher.counter(BytesCount::new(make().len())).bench(make);
}

/// Client manifest, MPD or multivariant playlist.
#[divan::bench(args = TAGS, consts = MINUTES)]
fn manifest<const MINUTES: u32>(bencher: Bencher<'_, '_>, tag: &str) {
    let (film, _) = ladder(MINUTES, &LADDER);
    measured(bencher, || format(tag).manifest(&film, &context()).expect("a manifest"));
}

/// The media playlist of the best video track.
#[divan::bench(args = ["m3u8-aapl", "m3u8-aapl-v3", "m3u8-cmaf"], consts = MINUTES)]
fn playlist<const MINUTES: u32>(bencher: Bencher<'_, '_>, tag: &str) {
    let (film, _) = ladder(MINUTES, &LADDER);
    let [video, _] = tracks(&film);
    measured(bencher, || format(tag).playlist(&film, video, false, &context()).expect("a playlist"));
}

/// Its key frames alone.
#[divan::bench(args = ["m3u8-aapl", "m3u8-cmaf"], consts = MINUTES)]
fn key_frames<const MINUTES: u32>(bencher: Bencher<'_, '_>, tag: &str) {
    let (film, _) = ladder(MINUTES, &LADDER);
    let [video, _] = tracks(&film);
    measured(bencher, || format(tag).playlist(&film, video, true, &context()).expect("a playlist"));
}
