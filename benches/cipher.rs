//! The ciphers as packagers use them, in bytes of media per second, beside the library's own speed over one buffer
//! and `openssl speed` on the same machine.

use std::process::Command;

use aes::Aes128;
use aes::cipher::{Array, BlockModeEncrypt, KeyIvInit, StreamCipher};
use bytes::Bytes;
use divan::Bencher;
use divan::counter::BytesCount;
use headwater::cipher::ContentKey;
use headwater::cipher::cbc::encrypt;
use headwater::cipher::ctr::Counter;
use headwater::cipher::pattern::{Chains, Pattern};

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
