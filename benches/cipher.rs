//! The ciphers as packagers use them, in bytes of media per second, beside the library's own speed over one buffer
//! and `openssl speed` on the same machine; and a segment of the demo film in the clear and in each encryption, which
//! should cost what it costs in the clear, and the cipher.

mod support;

use std::process::Command;

use aes::Aes128;
use aes::cipher::{Array, BlockModeEncrypt, KeyIvInit, StreamCipher};
use bytes::Bytes;
use divan::Bencher;
use divan::counter::BytesCount;
use headwater::cipher::cbc::encrypt;
use headwater::cipher::ctr::Counter;
use headwater::cipher::pattern::{Chains, Pattern};
use headwater::cipher::{ContentKey, KeyId};
use headwater::media::Presentation;
use headwater::packager::protection::{Periods, Protection, TrackKey, Tracks};
use headwater::packager::{Context, Format, MediaData, Noun, Plan, SegmentRequest, format};
use headwater::protection::Scheme;
use support::{File, context, demo, tracks};

const KEY: [u8; 16] = [7; 16];
/// A segment of two seconds at 4 Mbit/s.
const SEGMENT: usize = 1 << 20;
/// Its pictures.
const SAMPLES: usize = 50;

fn main() {
    for cipher in ["aes-128-ctr", "aes-128-cbc"] {
        let output = Command::new("openssl")
            .args(["speed", "-elapsed", "-seconds", "1", "-bytes", "1048576", "-evp", cipher])
            .output();
        match output {
            Ok(output) => {
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                println!("openssl speed (thousands of bytes per second): {}", text.lines().last().unwrap_or_default());
            }
            Err(error) => println!("openssl speed: {error}"),
        }
    }
    divan::main();
}

fn key() -> ContentKey {
    ContentKey::new(KEY)
}

/// Where the samples lie, each with some clear bytes at its beginning.
fn samples() -> impl Iterator<Item = std::ops::Range<usize>> {
    let size = SEGMENT / SAMPLES;
    (0..SAMPLES).map(move |index| index * size + 32..(index + 1) * size / 16 * 16)
}

#[divan::bench]
fn ctr_segment(bencher: Bencher<'_, '_>) {
    let counter = Counter::new(&key());
    bencher.counter(BytesCount::new(SEGMENT)).with_inputs(|| vec![0u8; SEGMENT]).bench_local_values(|mut data| {
        for (index, range) in samples().enumerate() {
            counter.apply((index as u64).to_be_bytes(), &mut data, [range]);
        }
        data
    });
}

#[divan::bench]
fn ctr_library(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::new(SEGMENT)).with_inputs(|| vec![0u8; SEGMENT]).bench_local_values(|mut data| {
        ctr::Ctr64BE::<Aes128>::new(&KEY.into(), &[0; 16].into()).apply_keystream(&mut data);
        data
    });
}

#[divan::bench]
fn cbc_object(bencher: Bencher<'_, '_>) {
    let pieces = [Bytes::from(vec![0u8; SEGMENT])];
    bencher.counter(BytesCount::new(SEGMENT)).bench_local(|| encrypt(&key(), &[0; 16], &pieces));
}

#[divan::bench]
fn cbc_library(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::new(SEGMENT)).with_inputs(|| vec![0u8; SEGMENT]).bench_local_values(|mut data| {
        let (blocks, _) = Array::slice_as_chunks_mut(&mut data);
        cbc::Encryptor::<Aes128>::new(&KEY.into(), &[0; 16].into()).encrypt_blocks(blocks);
        data
    });
}

#[divan::bench]
fn cbcs_pictures(bencher: Bencher<'_, '_>) {
    let chains = Chains::new(&key(), [0; 16]);
    bencher.counter(BytesCount::new(SEGMENT)).with_inputs(|| vec![0u8; SEGMENT]).bench_local_values(|mut data| {
        chains.encrypt(Pattern::PICTURES, &mut data, samples());
        data
    });
}

#[divan::bench]
fn cbcs_sound(bencher: Bencher<'_, '_>) {
    let chains = Chains::new(&key(), [0; 16]);
    bencher.counter(BytesCount::new(SEGMENT)).with_inputs(|| vec![0u8; SEGMENT]).bench_local_values(|mut data| {
        chains.encrypt(Pattern::WHOLE, &mut data, samples());
        data
    });
}

fn protection(scheme: Scheme) -> Protection {
    Protection {
        scheme,
        keys: vec![TrackKey {
            tracks: Tracks::All,
            id: KeyId([3; 16]),
            material: key().into(),
            vector: None,
            url: None,
        }],
        clear: Vec::new(),
        systems: Vec::new(),
        periods: Periods::default(),
        asset: [0; 16],
    }
}

fn stored(files: &[File], plan: &Plan) -> MediaData {
    MediaData::new(
        plan.reads()
            .into_iter()
            .map(|(file, range)| (file, range.clone(), files[file.0 as usize].read(range)))
            .collect(),
    )
}

/// A segment of pictures, nothing of it cached, its stored bytes at hand.
fn segment(bencher: Bencher<'_, '_>, tag: &str, scheme: Option<Scheme>) {
    let (film, files): (Presentation, Vec<File>) = demo();
    let format: &dyn Format = format(tag).expect("a format");
    let protection = scheme.map(protection);
    let context = Context { protection: protection.as_ref(), ..context() };
    let track = tracks(&film)[0];
    let group = &film.groups[track.group];
    let index =
        group.segment_count() / 2 / film.fragments_per_ts_segment as usize * film.fragments_per_ts_segment as usize;
    let time = group.boundary(index, format.url_timescale(&film, track.group, &context));
    let request = SegmentRequest { track, noun: Noun::Fragments, time, audio_track: None };
    let plan = || format.plan(&film, &request, &context).expect("a segment begins here");
    let media = stored(&files, &plan());
    let size = format.segment(&film, &plan(), &media, &context).expect("a segment").len();
    bencher
        .counter(BytesCount::new(size))
        .bench_local(|| format.segment(&film, &plan(), &media, &context).expect("a segment"));
}

macro_rules! segments {
    ($($name:ident: $tag:literal, $scheme:expr;)*) => {$(
        #[divan::bench]
        fn $name(bencher: Bencher<'_, '_>) {
            segment(bencher, $tag, $scheme);
        }
    )*};
}

segments! {
    segment_cmaf_clear: "mpd-time-cmaf", None;
    segment_cmaf_envelope: "mpd-time-cmaf", Some(Scheme::Envelope);
    segment_cmaf_cenc: "mpd-time-cmaf", Some(Scheme::Cenc);
    segment_cmaf_cbcs: "mpd-time-cmaf", Some(Scheme::Cbcs);
    segment_ts_clear: "m3u8-aapl", None;
    segment_ts_envelope: "m3u8-aapl", Some(Scheme::Envelope);
    segment_ts_sample_aes: "m3u8-aapl", Some(Scheme::Cbcs);
}
