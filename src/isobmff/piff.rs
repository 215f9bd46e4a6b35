//! Boxes of Smooth Streaming (MS-SSTR 2.2.4) and PIFF that are told apart by UUID.

use super::boxes::RawBox;
use super::encryption::{TrackEncryption, Vectors};
use super::fields::Fields;
use super::write::write_uuid_box;
use super::{BoxPath, Error, ErrorKind};

/// `TfxdBox` (MS-SSTR 2.2.4.4): absolute time and duration of a fragment.
pub const TFXD: [u8; 16] = 0x6d1d_9b05_42d5_44e6_80e2_141d_aff7_57b2u128.to_be_bytes();
/// `TfrfBox` (MS-SSTR 2.2.4.5): times of fragments to come.
pub const TFRF: [u8; 16] = 0xd480_7ef2_ca39_4695_8e54_26cb_9e46_a79fu128.to_be_bytes();
/// `SampleEncryptionBox` (PIFF 1.1 5.3.2.1).
pub const SAMPLE_ENCRYPTION: [u8; 16] = 0xa239_4f52_5a9b_4f14_a244_6c42_7c64_8df4u128.to_be_bytes();
/// `TrackEncryptionBox` (PIFF 1.1 5.3.3).
pub const TRACK_ENCRYPTION: [u8; 16] = 0x8974_dbce_7be7_4c51_84f9_7148_f988_2554u128.to_be_bytes();
/// `ProtectionSystemSpecificHeaderBox` (PIFF 1.1 5.3.1).
pub const PROTECTION_SYSTEM: [u8; 16] = 0xd08a_4f18_10f3_4a82_b6c8_32d8_aba1_83d3u128.to_be_bytes();

/// Time and duration of a fragment, ticks of the track's timescale.
pub type FragmentTime = (u64, u64);

/// Reads a `TfxdBox`. A fragment index behind the times (version 2) is passed over.
pub(super) fn parse_tfxd(found: &RawBox, path: BoxPath) -> Result<FragmentTime, Error> {
    let mut fields = found.fields(path);
    let (version, _) = fields.full_box_up_to(2)?;
    time(&mut fields, version)
}

/// Reads a `TfrfBox`: at most 255 times.
pub(super) fn parse_tfrf(found: &RawBox, path: BoxPath) -> Result<Vec<FragmentTime>, Error> {
    let mut fields = found.fields(path);
    let (version, _) = fields.full_box_up_to(2)?;
    let count = fields.u8()?;
    fields.check_room(u64::from(count), if version == 0 { 8 } else { 16 })?;
    (0..count).map(|_| time(&mut fields, version)).collect()
}

fn time(fields: &mut Fields<'_>, version: u8) -> Result<FragmentTime, Error> {
    // A time before zero (audio priming) is written as its two's complement by some encoders.
    Ok((fields.u32_or_u64(version > 0)?, fields.u32_or_u64(version > 0)?))
}

/// Writes a `TfxdBox` of version 1.
pub fn write_tfxd(out: &mut Vec<u8>, (time, duration): FragmentTime) {
    write_uuid_box(out, TFXD, |out| {
        out.extend_from_slice(&[1, 0, 0, 0]);
        out.extend_from_slice(&time.to_be_bytes());
        out.extend_from_slice(&duration.to_be_bytes());
    });
}

/// Writes a `TfrfBox` of version 1 with the first 255 of `times`.
pub fn write_tfrf(out: &mut Vec<u8>, times: &[FragmentTime]) {
    let times = times.get(..255).unwrap_or(times);
    write_uuid_box(out, TFRF, |out| {
        out.extend_from_slice(&[1, 0, 0, 0, times.len() as u8]);
        for (time, duration) in times {
            out.extend_from_slice(&time.to_be_bytes());
            out.extend_from_slice(&duration.to_be_bytes());
        }
    });
}

/// Reads the fields that `TrackEncryptionBox` and `SampleEncryptionBox` share: algorithm, size of vectors, key.
/// `None`: not encrypted.
pub(super) fn read_parameters(fields: &mut Fields<'_>) -> Result<Option<TrackEncryption>, Error> {
    let word = fields.u32()?;
    let (algorithm, size) = (word >> 8, word as u8);
    let key_id = fields.array()?;
    match (algorithm, size) {
        (0, _) => Ok(None),
        (1, 8 | 16) => Ok(Some(TrackEncryption { key_id, vectors: Vectors::PerSample(size), pattern: (0, 0) })),
        (1, _) => {
            let (what, value) = ("the size of an initialization vector", i64::from(size));
            Err(fields.error(ErrorKind::InvalidValue { what, value }))
        }
        _ => {
            let (what, value) = ("an encryption algorithm other than AES-CTR", i64::from(algorithm));
            Err(fields.error(ErrorKind::InvalidValue { what, value }))
        }
    }
}

/// Writes the same.
pub(super) fn write_parameters(out: &mut Vec<u8>, parameters: Option<&TrackEncryption>) {
    let size = match parameters.map(|parameters| parameters.vectors) {
        Some(Vectors::PerSample(size)) => size,
        _ => 0,
    };
    let algorithm = u32::from(parameters.is_some());
    out.extend_from_slice(&(algorithm << 8 | u32::from(size)).to_be_bytes());
    out.extend_from_slice(&parameters.map_or([0; 16], |parameters| parameters.key_id));
}

#[cfg(test)]
mod tests {
    use super::super::FourCc;
    use super::super::testing::{bytes_survive, value_survives};
    use super::*;

    const UUID: FourCc = FourCc(*b"uuid");

    #[test]
    fn times_survive_both_ways() {
        let write = |time: &FragmentTime| {
            let mut out = Vec::new();
            write_tfxd(&mut out, *time);
            out
        };
        let read = |data: &_| RawBox::expect(data, 0, UUID).and_then(|found| parse_tfxd(&found, BoxPath::FILE));
        value_survives(&(u64::MAX - 5, 5), read, write);
        // From a stored file.
        let bytes = b"\0\0\0\x2cuuid\x6d\x1d\x9b\x05\x42\xd5\x44\xe6\x80\xe2\x14\x1d\xaf\xf7\x57\xb2\
            \x01\0\0\0\0\0\0\0\x01\x31\xfd\x55\0\0\0\0\x01\x31\xfd\x56";
        bytes_survive(bytes, read, write);
    }

    #[test]
    fn look_ahead_survives_both_ways() {
        let write = |times: &Vec<FragmentTime>| {
            let mut out = Vec::new();
            write_tfrf(&mut out, times);
            out
        };
        let read = |data: &_| RawBox::expect(data, 0, UUID).and_then(|found| parse_tfrf(&found, BoxPath::FILE));
        value_survives(&vec![(1, 2), (3, 4)], read, write);
        value_survives(&Vec::new(), read, write);
    }
}
