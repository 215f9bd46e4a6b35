//! Writing boxes: the size is filled in when the body is complete.

use super::FourCc;

/// Appends a box whose body `body` appends. A box past 4 GiB gets the 64-bit size it needs.
pub fn write_box(out: &mut Vec<u8>, kind: FourCc, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&kind.0);
    body(out);
    let size = out.len() - start;
    match u32::try_from(size) {
        Ok(size) => fill(out, start, &size.to_be_bytes()),
        Err(_) => {
            fill(out, start, &1u32.to_be_bytes());
            let size = (size as u64 + 8).to_be_bytes();
            out.splice(start + 8..start + 8, size);
        }
    }
}

/// Appends a full box (ISO/IEC 14496-12 4.2): `flags` has 24 bits.
pub fn write_full_box(out: &mut Vec<u8>, kind: FourCc, version: u8, flags: u32, body: impl FnOnce(&mut Vec<u8>)) {
    write_box(out, kind, |out| {
        out.extend_from_slice(&(u32::from(version) << 24 | flags & 0x00ff_ffff).to_be_bytes());
        body(out);
    });
}

/// Appends a `uuid` box.
pub fn write_uuid_box(out: &mut Vec<u8>, uuid: [u8; 16], body: impl FnOnce(&mut Vec<u8>)) {
    write_box(out, FourCc(*b"uuid"), |out| {
        out.extend_from_slice(&uuid);
        body(out);
    });
}

/// Appends the header of an `mdat` box for `payload` bytes to come: 8 bytes long, or 16 where the
/// size needs 64 bits.
pub fn write_media_data_header(out: &mut Vec<u8>, payload: u64) {
    match u32::try_from(payload.saturating_add(8)) {
        Ok(size) => {
            out.extend_from_slice(&size.to_be_bytes());
            out.extend_from_slice(b"mdat");
        }
        Err(_) => {
            out.extend_from_slice(b"\0\0\0\x01mdat");
            out.extend_from_slice(&payload.saturating_add(16).to_be_bytes());
        }
    }
}

/// Overwrites bytes that were written before.
pub(super) fn fill(out: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = out.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

/// Appends 32-bit numbers.
pub(super) fn put(out: &mut Vec<u8>, words: &[u32]) {
    words.iter().for_each(|word| out.extend_from_slice(&word.to_be_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_cover_header_and_children() {
        let mut out = Vec::new();
        write_box(&mut out, FourCc(*b"moov"), |out| {
            write_full_box(out, FourCc(*b"mehd"), 1, 7, |out| out.push(9));
            write_uuid_box(out, [5; 16], |_| {});
        });
        assert_eq!(out[..21], *b"\0\0\0\x2dmoov\0\0\0\x0dmehd\x01\0\0\x07\x09");
        assert_eq!(out[21..29], *b"\0\0\0\x18uuid");
        assert_eq!(out.len(), 0x2d);
    }

    #[test]
    fn media_data_beyond_32_bits() {
        let mut out = Vec::new();
        write_media_data_header(&mut out, u64::from(u32::MAX) - 8);
        assert_eq!(out, *b"\xff\xff\xff\xffmdat");
        out.clear();
        write_media_data_header(&mut out, u64::from(u32::MAX) - 7);
        assert_eq!(out, *b"\0\0\0\x01mdat\0\0\0\x01\0\0\0\x08");
    }
}
