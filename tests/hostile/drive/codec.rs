//! Sample entries with arbitrary samples behind them.

use bytes::Bytes;
use headwater::codec::{self, Blocks, Codec, Subsampling};
use headwater::isobmff::boxes;

/// A sample entry, a whole box, and samples behind it, each after a 16-bit length.
pub fn run(data: &[u8]) {
    let data = Bytes::copy_from_slice(data);
    let Some(Ok(entry)) = boxes(&data, 0).next() else { return };
    // `stsd` lets no entry through whose size only its container knows, or needs 64 bits.
    if data.get(..4).map(|size| u32::from_be_bytes(size.try_into().unwrap()) as usize) != Some(entry.whole.len()) {
        return;
    }
    let samples: Vec<Bytes> = Pieces(&data, entry.whole.len()).take(16).collect();
    for first in [None, samples.first()] {
        if let Ok(codec) = codec::from_sample_entry(&entry.whole, first) {
            answers(&*codec);
            let sets = entry.whole.len() + first.map_or(0, Bytes::len);
            samples.iter().for_each(|sample| access_unit(&*codec, sample, sets));
            subsamples(&*codec, &samples);
        }
    }
}

fn answers(codec: &dyn Codec) {
    let name = codec.rfc6381();
    assert!(name.is_ascii() && !name.contains(['"', ',', ' ']) && name.len() < 64, "{name:?}");
    assert!(codec.video().is_some() != codec.audio().is_some());
    let entry = codec.sample_entry();
    assert_eq!(entry.get(..4).map(|size| u32::from_be_bytes(size.try_into().unwrap()) as usize), Some(entry.len()));
    assert_eq!(entry.get(4..8), Some(&codec.four_cc().0[..]));
    if let Some(picture) = codec.video() {
        assert!(picture.width > 0 && picture.height > 0 && picture.sample_aspect_ratio.1 > 0, "{picture:?}");
    }
    if let Some(sound) = codec.audio() {
        assert!(sound.sampling_rate > 0 && sound.channels > 0, "{sound:?}");
    }
    for (scheme, value) in codec.supplemental_properties() {
        assert!(!scheme.is_empty() && !value.is_empty());
    }
    if let Some(stream) = codec.transport_stream() {
        // Tags and lengths are whole, and fit the table of a program.
        let (all, mut at) = (stream.descriptors(), 0);
        while let Some(length) = all.get(at + 1) {
            at += 2 + usize::from(*length);
        }
        assert!(at == all.len() && at < 64, "{all:?}");
        for encrypted in [stream.encrypted(None), stream.encrypted(Some(&codec.sample_entry()))].into_iter().flatten() {
            let (all, mut at) = (encrypted.descriptors, 0);
            while let Some(length) = all.get(at + 1) {
                at += 2 + usize::from(*length);
            }
            assert!(at == all.len() && at < 128, "{all:?}");
        }
        assert!(stream.codecs().is_none_or(|name| name.is_ascii() && name.len() < 64));
    }
    codec.smooth();
    codec.priming();
    codec.pre_roll();
    codec.decoder_configuration();
    codec.samples_per_frame();
    codec.colour();
    codec.dynamic_range();
    codec.light_levels();
    codec.dolby_vision();
    assert!(codec.brands().len() <= 4);
    if let Some(more) = codec.supplemental() {
        assert!(more.codecs.is_ascii() && !more.codecs.contains(['"', ',', ' ', '/']) && more.codecs.len() < 16);
    }
    if let Some(described) = codec.with_parameter_sets_in_entry() {
        let entry = described.sample_entry();
        assert_eq!(described.video(), codec.video());
        assert_eq!(entry.get(..4).map(|size| u32::from_be_bytes(size.try_into().unwrap()) as usize), Some(entry.len()));
        let again = codec::from_sample_entry(&entry, None).expect("it is complete");
        assert_eq!((again.rfc6381(), again.sample_entry()), (described.rfc6381(), entry));
    }
    // What has been brought into the form of the standard is read as the same again.
    let again = codec::from_sample_entry(&entry, None);
    if let Ok(again) = again {
        assert_eq!((again.rfc6381(), again.sample_entry()), (name, entry));
    }
}

/// What is encrypted of samples is within them, and in whole blocks where it has to be.
fn subsamples(codec: &dyn Codec, samples: &[Bytes]) {
    for blocks in [Blocks::Whole, Blocks::Any] {
        let Some(Subsampling::Parts(mut parts)) = codec.subsampling() else { return };
        for sample in samples {
            let mut out = Vec::new();
            if parts.subsamples(sample, blocks, &mut out).is_err() {
                continue;
            }
            let size: u64 = out.iter().map(|part| u64::from(part.clear) + u64::from(part.protected)).sum();
            assert_eq!(size, sample.len() as u64);
            assert!(out.len() <= sample.len() / 16 + 1, "{} parts of {}", out.len(), sample.len());
            assert!(blocks == Blocks::Any || out.iter().all(|part| part.protected % 16 == 0));
        }
    }
}

/// `sets` is how many bytes parameter sets may come from.
fn access_unit(codec: &dyn Codec, sample: &Bytes, sets: usize) {
    let Some(stream) = codec.transport_stream() else { return };
    for sync in [false, true] {
        let mut out = vec![Bytes::from_static(b"before")];
        let made = stream.access_unit(sample, sync, &mut out);
        if made.is_err() {
            assert_eq!(out.len(), 1, "an error leaves nothing behind");
        }
        // A NAL unit of no bytes still takes a start code.
        let size: usize = out.iter().map(Bytes::len).sum();
        assert!(size <= 6 + 5 * sample.len() + sets * 4 + 64, "{size} of {}", sample.len());
        assert!(out.len() <= 2 * sample.len() + 8);
    }
}

/// Pieces, each behind its 16-bit length; a length past the end means all that is left.
struct Pieces<'a>(&'a Bytes, usize);

impl Iterator for Pieces<'_> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let length = u16::from_be_bytes(*self.0.get(self.1..)?.first_chunk()?);
        let start = self.1 + 2;
        self.1 = self.0.len().min(start + usize::from(length));
        Some(self.0.slice(start..self.1))
    }
}
