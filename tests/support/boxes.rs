//! A second, independent look at boxes: what fragments state, and dumps for people to read.

use std::fmt::Write;

/// A box: its type, where its contents begin and end.
#[derive(Clone, Copy, Debug)]
pub struct Box<'a> {
    pub kind: [u8; 4],
    pub size: usize,
    pub contents: &'a [u8],
}

impl Box<'_> {
    pub fn name(&self) -> String {
        String::from_utf8_lossy(&self.kind).into_owned()
    }
}

/// The boxes that `bytes` is made of.
pub fn boxes(bytes: &[u8]) -> Vec<Box<'_>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at + 8 <= bytes.len() {
        let size = u32_at(bytes, at) as usize;
        assert!(size >= 8 && at + size <= bytes.len(), "box at {at} has {size} of {} bytes", bytes.len());
        let kind = bytes[at + 4..at + 8].try_into().expect("four bytes");
        found.push(Box { kind, size, contents: &bytes[at + 8..at + size] });
        at += size;
    }
    assert_eq!(at, bytes.len(), "bytes after the last box");
    found
}

/// The box of that path, e.g. `["moof", "traf", "tfdt"]`.
pub fn find<'a>(bytes: &'a [u8], path: &[&str]) -> Option<&'a [u8]> {
    let (first, rest) = path.split_first()?;
    let found = boxes(bytes).into_iter().find(|b| b.kind == first.as_bytes())?;
    if rest.is_empty() { Some(found.contents) } else { find(found.contents, rest) }
}

pub fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(bytes[at..at + 2].try_into().expect("two bytes"))
}

pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// What a movie fragment says of its times.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fragment {
    /// `tfdt`.
    pub decode_time: u64,
    /// Sum of the sample durations.
    pub duration: u64,
    /// Number of samples.
    pub samples: u32,
    /// Sum of the sample sizes.
    pub bytes: u64,
    /// The least composition offset.
    pub least_offset: i64,
}

/// Reads `moof/traf` with one `trun` (ISO/IEC 14496-12 8.8.7, 8.8.8).
pub fn fragment(segment: &[u8]) -> Fragment {
    let traf = find(segment, &["moof", "traf"]).expect("moof/traf");
    let tfdt = find(traf, &["tfdt"]).expect("tfdt");
    let decode_time = if tfdt[0] == 1 { u64_at(tfdt, 4) } else { u64::from(u32_at(tfdt, 4)) };
    let tfhd = find(traf, &["tfhd"]).expect("tfhd");
    let flags = u32_at(tfhd, 0) & 0xff_ffff;
    let mut at = 8;
    let mut optional = |flag: u32, size: usize| {
        let here = at;
        at += if flags & flag != 0 { size } else { 0 };
        (flags & flag != 0).then_some(here)
    };
    optional(1, 8);
    optional(2, 4);
    let default_duration = optional(8, 4).map(|at| u32_at(tfhd, at));
    let default_size = optional(0x10, 4).map(|at| u32_at(tfhd, at));
    let trun = find(traf, &["trun"]).expect("trun");
    let flags = u32_at(trun, 0) & 0xff_ffff;
    let samples = u32_at(trun, 4);
    let mut at = 8 + if flags & 1 != 0 { 4 } else { 0 } + if flags & 4 != 0 { 4 } else { 0 };
    let mut fragment = Fragment { decode_time, duration: 0, samples, bytes: 0, least_offset: i64::MAX };
    for _ in 0..samples {
        let mut field = |flag: u32, default: Option<u32>| {
            if flags & flag == 0 {
                return default;
            }
            at += 4;
            Some(u32_at(trun, at - 4))
        };
        fragment.duration += u64::from(field(0x100, default_duration).expect("a duration"));
        fragment.bytes += u64::from(field(0x200, default_size).expect("a size"));
        field(0x400, Some(0));
        let offset = field(0x800, Some(0)).expect("an offset");
        fragment.least_offset = fragment.least_offset.min(i64::from(offset as i32));
    }
    let mdat = find(segment, &["mdat"]).map(|m| m.len() as u64);
    if let Some(mdat) = mdat {
        assert_eq!(mdat, fragment.bytes, "mdat has other bytes than trun tells");
    }
    fragment
}

/// The least composition offset in a stream, or 0 when none is negative.
pub fn least_offset(stream: &[u8]) -> i64 {
    let (mut least, mut at) = (0, 0);
    for found in boxes(stream) {
        if &found.kind == b"moof" {
            least = least.min(fragment(&stream[at..at + found.size]).least_offset);
        }
        at += found.size;
    }
    least
}

/// The stream without that box in `moov`.
pub fn without(init: &[u8], kind: &[u8; 4]) -> Vec<u8> {
    let mut out = Vec::new();
    for found in boxes(init) {
        let contents: Vec<u8> = match &found.kind {
            b"moov" => without(found.contents, kind),
            k if k == kind => continue,
            _ => found.contents.to_vec(),
        };
        out.extend((contents.len() as u32 + 8).to_be_bytes());
        out.extend_from_slice(&found.kind);
        out.extend(contents);
    }
    out
}

const FULL: [&[u8; 4]; 25] = [
    b"mvhd", b"tkhd", b"mdhd", b"hdlr", b"vmhd", b"smhd", b"dref", b"url ", b"stsd", b"stts", b"stsc", b"stsz",
    b"stco", b"ctts", b"mehd", b"trex", b"mfhd", b"tfhd", b"tfdt", b"trun", b"elst", b"trik", b"ainf", b"sdtp",
    b"meta",
];
const CONTAINERS: [&[u8; 4]; 11] =
    [b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl", b"mvex", b"moof", b"traf", b"edts", b"udta"];

/// Types in their order, with versions and flags of full boxes.
pub fn layout(bytes: &[u8], into: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut out = Vec::new();
    walk(bytes, 0, into, &mut |depth, found: &Box<'_>| {
        let mut line = format!("{}{}", "  ".repeat(depth), found.name());
        if FULL.contains(&&found.kind) && found.contents.len() >= 4 {
            let _ = write!(line, " v{} {:06x}", found.contents[0], u32_at(found.contents, 0) & 0xff_ffff);
        }
        out.push(line);
    });
    out
}

/// A dump: type, size, version and flags, and the contents of all but media.
pub fn dump(bytes: &[u8]) -> String {
    let mut out = String::new();
    walk(bytes, 0, &|_| true, &mut |depth, found: &Box<'_>| {
        let _ = write!(out, "{}{} {}", "  ".repeat(depth), found.name(), found.size);
        if !CONTAINERS.contains(&&found.kind) && &found.kind != b"mdat" {
            out.push_str(" :");
            for (index, byte) in found.contents.iter().enumerate() {
                let _ = write!(out, "{}{byte:02x}", if index % 4 == 0 { " " } else { "" });
            }
        }
        out.push('\n');
    });
    out
}

fn walk(bytes: &[u8], depth: usize, into: &dyn Fn(&str) -> bool, visit: &mut dyn FnMut(usize, &Box<'_>)) {
    for found in boxes(bytes) {
        visit(depth, &found);
        if CONTAINERS.contains(&&found.kind) && into(&found.name()) {
            walk(found.contents, depth + 1, into, visit);
        }
    }
}
