//! SAMPLE-AES in transport streams (Apple, "MPEG-2 Stream Encryption Format for HTTP Live Streaming"): slices of AVC
//! and frames of sound are encrypted one by one, in chains that all begin with the playlist's vector.

use std::ops::Range;

use bytes::Bytes;

use crate::cipher::pattern::{Chains, Pattern};
use crate::codec::ProtectedBlocks;
use crate::packager::protection::TrackKey;

/// Clear bytes at the beginning of a NAL unit, its header among them.
const NAL_UNIT_LEADER: usize = 32;
/// Clear bytes at the beginning of a frame of sound, behind its header.
const FRAME_LEADER: usize = 16;
/// Longer NAL units than this are encrypted.
const SHORT_NAL_UNIT: usize = 48;
/// Bytes of one block and those that are passed over after it.
const PERIOD: usize = 160;

/// Encrypts access units.
pub(super) struct SampleAes {
    chains: Chains,
    blocks: ProtectedBlocks,
}

impl SampleAes {
    /// With this key; `None` where it is not known.
    pub fn new(key: &TrackKey, blocks: ProtectedBlocks) -> Option<SampleAes> {
        Some(SampleAes { chains: Chains::new(key.secret()?, key.constant_vector()), blocks })
    }

    /// Encrypts the access unit that `pieces` are.
    pub fn apply(&self, pieces: &mut Vec<Bytes>, begin: usize) {
        match self.blocks {
            ProtectedBlocks::Slices => {
                for piece in pieces.iter_mut().skip(begin) {
                    let is_slice = piece.first().is_some_and(|first| matches!(first & 0x1f, 1 | 5));
                    if is_slice && piece.len() > SHORT_NAL_UNIT {
                        *piece = Bytes::from(self.nal_unit(piece));
                    }
                }
            }
            blocks @ (ProtectedBlocks::Frame { .. } | ProtectedBlocks::SyncFrames) => {
                let mut unit = pieces.drain(begin..).fold(Vec::new(), |mut unit, piece| {
                    unit.extend_from_slice(&piece);
                    unit
                });
                let mut at = 0;
                while at < unit.len() {
                    let (length, header) = blocks.frame(&unit[at..]);
                    let end = unit.len().min(at + length.max(1));
                    let range = (at + header + FRAME_LEADER).min(end)..end;
                    self.chains.encrypt(Pattern::WHOLE, &mut unit, [range]);
                    at = end;
                }
                pieces.push(Bytes::from(unit));
            }
        }
    }

    /// The NAL unit as it stands in the stream: encrypted as it was, and then kept from looking like start codes.
    fn nal_unit(&self, clear: &[u8]) -> Vec<u8> {
        let mut unit = clear.to_vec();
        let range = protected(unit.len());
        self.chains.encrypt(Pattern::PICTURES, &mut unit, [range]);
        with_emulation_prevention(&unit)
    }
}

/// The bytes of a NAL unit that the pattern goes over: the last 16 or fewer are never encrypted.
fn protected(length: usize) -> Range<usize> {
    let rest = length.saturating_sub(NAL_UNIT_LEADER);
    let last_is_clear = rest % PERIOD == 16;
    NAL_UNIT_LEADER..length - usize::from(last_is_clear)
}

/// `emulation_prevention_three_byte`s put in (ISO/IEC 14496-10 7.4.1.1).
fn with_emulation_prevention(unit: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(unit.len() + unit.len() / 64);
    let mut zeros = 0;
    for &byte in unit {
        if zeros >= 2 && byte <= 3 {
            out.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    if zeros > 0 {
        // A NAL unit does not end in zero (7.4.1).
        out.push(3);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bits::rbsp;
    use crate::cipher::{ContentKey, KeyId};
    use crate::packager::protection::Tracks;
    use cbc::cipher::{BlockModeDecrypt, KeyIvInit};

    const KEY: [u8; 16] = [5; 16];
    const VECTOR: [u8; 16] = [6; 16];

    fn sample_aes(blocks: ProtectedBlocks) -> SampleAes {
        let key = TrackKey {
            tracks: Tracks::All,
            id: KeyId([1; 16]),
            material: ContentKey::new(KEY).into(),
            vector: Some(VECTOR),
            url: None,
        };
        SampleAes::new(&key, blocks).unwrap()
    }

    /// From Apple's listings, block by block.
    fn decrypt(data: &mut [u8], skip: usize) {
        let mut chain = cbc::Decryptor::<aes::Aes128>::new(&KEY.into(), &VECTOR.into());
        let mut at = 0;
        while data.len() - at > if skip > 0 { 16 } else { 15 } {
            let block: &mut [u8; 16] = (&mut data[at..at + 16]).try_into().unwrap();
            chain.decrypt_block(block.into());
            at += 16;
            at += skip.min(data.len() - at);
        }
    }

    #[test]
    fn slices_come_back_whatever_their_length() {
        for length in (40..520).chain([5000]) {
            // Zeros, so that there is much to be kept from looking like start codes.
            let payload: Vec<u8> = (0..length).map(|n| if n == 0 { 0x65 } else { u8::from(n % 5 == 4) }).collect();
            let clear = with_emulation_prevention(&payload);
            let stored = Bytes::from(clear.clone());
            let mut pieces = vec![Bytes::from_static(&[0, 0, 0, 1]), stored.clone()];
            sample_aes(ProtectedBlocks::Slices).apply(&mut pieces, 0);
            assert!(!pieces[1].windows(3).any(|w| w[..2] == [0, 0] && w[2] < 3));
            if clear.len() <= SHORT_NAL_UNIT {
                assert_eq!(pieces[1], stored);
                continue;
            }
            let mut unit = rbsp(&pieces[1]).into_owned();
            assert_ne!(unit, clear);
            decrypt(&mut unit[NAL_UNIT_LEADER..], 144);
            assert_eq!(unit, clear, "{length}");
        }
    }

    #[test]
    fn other_units_stay_and_frames_keep_their_beginning() {
        let sei = Bytes::from(vec![6; 300]);
        let mut pieces = vec![sei.clone()];
        sample_aes(ProtectedBlocks::Slices).apply(&mut pieces, 0);
        assert_eq!(pieces, [sei]);
        for length in 0..100usize {
            let clear: Vec<u8> = (0..length as u8).collect();
            let mut pieces = vec![Bytes::from_static(b"before"), Bytes::from(clear[..length.min(7)].to_vec())];
            pieces.push(Bytes::from(clear[length.min(7)..].to_vec()));
            sample_aes(ProtectedBlocks::Frame { header: 7 }).apply(&mut pieces, 1);
            assert_eq!((pieces.len(), &pieces[0][..]), (2, &b"before"[..]));
            let mut frame = pieces[1].to_vec();
            assert_eq!(frame[..length.min(23)], clear[..length.min(23)]);
            if length > 23 {
                decrypt(&mut frame[23..], 0);
            }
            assert_eq!(frame, clear);
        }
    }

    #[test]
    fn each_syncframe_is_its_own() {
        // Enhanced AC-3 of 50 and 33 words, and bytes that are no frame.
        let frame = |words: u8| {
            let mut frame = vec![0x0b, 0x77, 0, words - 1, 0x3f, 0x80];
            frame.resize(usize::from(words) * 2, words);
            frame
        };
        let clear = [frame(50), frame(33), vec![9; 40]].concat();
        let mut pieces = vec![Bytes::from(clear.clone())];
        sample_aes(ProtectedBlocks::SyncFrames).apply(&mut pieces, 0);
        let mut unit = pieces[0].to_vec();
        for range in [0..100, 100..166, 166..206] {
            let part = &mut unit[range];
            decrypt(&mut part[16..], 0);
        }
        assert_eq!(unit, clear);
        assert_ne!(pieces[0], clear);
    }
}
