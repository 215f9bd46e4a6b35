//! Muxing six seconds of video and audio, bytes of the segment per second.

use bytes::Bytes;
use divan::Bencher;
use divan::counter::BytesCount;
use headwater::mpegts::{AUDIO_PID, Program, Segment, Stream, Unit, VIDEO_PID};

fn main() {
    divan::main();
}

/// Bits per second of the video: a mobile, a standard and a high-definition quality.
#[divan::bench(args = [400_000, 2_000_000, 6_000_000])]
fn segment(bencher: Bencher<'_, '_>, bits_per_second: usize) {
    let stream =
        |pid, stream_type, stream_id| Stream { pid, stream_type, stream_id, language: None, descriptors: vec![] };
    let program =
        Program::new(vec![stream(VIDEO_PID, 0x1b, 0xe0), stream(AUDIO_PID, 0x0f, 0xc0)]).expect("PIDs differ");
    let (video, audio) = (pieces(150, bits_per_second / 8 / 25, 4), pieces(281, 350, 1));
    let (video, audio) = (units(&video, 3600), units(&audio, 1920));
    let streams = [&video[..], &audio[..]];
    let size = Segment::new(&program, &streams).expect("two streams").size();
    bencher.counter(BytesCount::new(size)).bench(|| {
        let mut out = Vec::new();
        Segment::new(&program, &streams).expect("two streams").write(&mut out);
        out
    });
}

/// `count` units of `size` bytes, each of some slices behind start codes.
fn pieces(count: usize, size: usize, slices: usize) -> Vec<Vec<Bytes>> {
    let slice = Bytes::from(vec![0x55; size / slices]);
    let unit: Vec<Bytes> = (0..slices).flat_map(|_| [Bytes::from_static(&[0, 0, 0, 1]), slice.clone()]).collect();
    vec![unit; count]
}

fn units(pieces: &[Vec<Bytes>], step: u64) -> Vec<Unit<'_>> {
    pieces
        .iter()
        .enumerate()
        .map(|(i, pieces)| {
            let dts = 900_000 + i as u64 * step;
            Unit { pts: dts, dts, random_access: i == 0, pieces }
        })
        .collect()
}
