//! Small films with any tables.

use headwater::isobmff::{FourCc, write_box, write_full_box};

/// Appends numbers.
pub fn words(out: &mut Vec<u8>, words: &[u32]) {
    words.iter().for_each(|word| out.extend_from_slice(&word.to_be_bytes()));
}

/// A full box of numbers.
pub fn full(kind: &[u8; 4], version: u8, flags: u32, list: &[u32]) -> Vec<u8> {
    let mut out = Vec::new();
    write_full_box(&mut out, FourCc(*kind), version, flags, |out| words(out, list));
    out
}

/// A box around others.
pub fn around(kind: &[u8; 4], boxes: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    write_box(&mut out, FourCc(*kind), |out| out.extend(boxes.iter().flat_map(|b| b.iter())));
    out
}

/// A track of sound whose tables are given, in a timescale of `scale`.
pub struct Track<'a> {
    pub id: u32,
    pub scale: u32,
    /// Whole boxes behind `stsd`.
    pub tables: &'a [&'a [u8]],
    /// A whole `edts`, or nothing.
    pub edits: &'a [u8],
}

/// An `mp4a` sample entry of AAC-LC, stereo at 48 kHz.
pub fn sample_entry() -> Vec<u8> {
    let esds = b"\x03\x19\0\0\0\x04\x11\x40\x15\0\0\0\0\0\0\0\0\0\0\0\x05\x02\x11\x90\x06\x01\x02";
    let mut entry = Vec::new();
    write_box(&mut entry, FourCc(*b"mp4a"), |out| {
        words(out, &[0, 1, 0, 0, 2 << 16 | 16, 0, 48_000 << 16]);
        write_full_box(out, FourCc(*b"esds"), 0, 0, |out| out.extend_from_slice(esds));
    });
    entry
}

/// The `trak` box.
pub fn track(track: &Track<'_>) -> Vec<u8> {
    let mut tkhd = vec![0, 0, track.id];
    tkhd.extend([0; 17]);
    let mut stsd = full(b"stsd", 0, 0, &[1]);
    stsd.extend(sample_entry());
    let size = stsd.len() as u32;
    stsd[..4].copy_from_slice(&size.to_be_bytes());
    let mut tables: Vec<&[u8]> = vec![&stsd];
    tables.extend_from_slice(track.tables);
    let stbl = around(b"stbl", &tables);
    let media = around(
        b"mdia",
        &[
            &full(b"mdhd", 0, 0, &[0, 0, track.scale, 0, 0x55c4_0000]),
            &full(b"hdlr", 0, 0, &[0, u32::from_be_bytes(*b"soun"), 0, 0, 0, 0]),
            &around(b"minf", &[&stbl]),
        ],
    );
    around(b"trak", &[&full(b"tkhd", 0, 1, &tkhd), track.edits, &media])
}

/// A progressive film of these tracks and so many bytes of media.
pub fn film(tracks: &[Vec<u8>], media: usize) -> Vec<u8> {
    let mvhd = full(b"mvhd", 0, 0, &[0, 0, 1000, 0, 0x10000]);
    let mut children: Vec<&[u8]> = vec![&mvhd];
    children.extend(tracks.iter().map(Vec::as_slice));
    let mut out = around(b"moov", &children);
    write_box(&mut out, FourCc(*b"mdat"), |out| out.resize(out.len() + media, 0));
    out
}

/// A fragmented film of one track of sound with these fragments: `tfdt`, and the `trun`s whole.
pub fn fragmented(scale: u32, fragments: &[(Option<u64>, Vec<u8>)], media: usize) -> Vec<u8> {
    let empty: [&[u8]; 1] = [&full(b"stsz", 0, 0, &[0, 0])];
    let trak = track(&Track { id: 1, scale, tables: &empty, edits: &[] });
    let mvex = around(b"mvex", &[&full(b"trex", 0, 0, &[1, 1, 0, 0, 0])]);
    let mut out = around(b"moov", &[&full(b"mvhd", 0, 0, &[0, 0, 1000, 0, 0x10000]), &trak, &mvex]);
    for (time, runs) in fragments {
        let tfdt = time.map(|t| full(b"tfdt", 1, 0, &[(t >> 32) as u32, t as u32])).unwrap_or_default();
        let traf = around(b"traf", &[&full(b"tfhd", 0, 0x02_0000, &[1]), &tfdt, runs]);
        out.extend(around(b"moof", &[&full(b"mfhd", 0, 0, &[1]), &traf]));
    }
    write_box(&mut out, FourCc(*b"mdat"), |out| out.resize(out.len() + media, 0));
    out
}

/// The tables of `samples` samples of `size` bytes in one chunk at `offset`, each `duration` long.
pub fn constant(samples: u32, size: u32, duration: u32, offset: u32) -> [Vec<u8>; 4] {
    [
        full(b"stts", 0, 0, &[1, samples, duration]),
        full(b"stsc", 0, 0, &[1, 1, samples, 1]),
        full(b"stsz", 0, 0, &[size, samples]),
        full(b"stco", 0, 0, &[1, offset]),
    ]
}
