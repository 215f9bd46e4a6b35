//! What a transport-stream segment says of itself (ISO/IEC 13818-1 2.4).
//!
//! A reader of its own: the muxer's tables are not believed, they are what is checked.

use std::collections::BTreeMap;

use bytes::Bytes;

const PACKET: usize = 188;
/// Time stamps count modulo this.
const WRAP: i64 = 1 << 33;

/// An elementary stream in a segment. Times in ticks of 90 kHz, unwrapped from the first one on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Elementary {
    /// Packet identifier.
    pub pid: u16,
    /// `stream_type`.
    pub stream_type: u8,
    /// PES packets with a time stamp.
    pub units: u64,
    /// The first decode time: DTS, or PTS where there is none.
    pub first: i64,
    /// The presentation time that stands beside the first decode time.
    pub first_presented: i64,
    /// The last decode time.
    pub last: i64,
    /// The longest step from one to the next.
    pub longest_step: i64,
    /// A decode time was not after the one before.
    pub goes_back: bool,
    /// Where the sound ends, where its frames could be counted (ADTS).
    pub end: Option<i64>,
    /// How long such a frame lasts.
    pub frame: i64,
    /// The first unit is marked as one that decoding can begin at.
    pub random_access: bool,
}

impl Elementary {
    /// Pictures, by the stream type.
    pub fn is_video(&self) -> bool {
        matches!(self.stream_type, 0x01 | 0x02 | 0x10 | 0x1b | 0x24 | 0x33 | 0xdb)
    }

    /// The families of RFC 6381 that the stream type stands for; empty if it may be anything.
    pub fn families(&self) -> &'static [&'static str] {
        match self.stream_type {
            0x1b | 0xdb => &["avc1", "avc3"],
            0x24 => &["hvc1", "hev1", "dvh1", "dvhe"],
            0x03 | 0x04 | 0x0f | 0x11 | 0xcf => &["mp4a"],
            0x81 | 0xc1 => &["ac-3"],
            0x87 | 0xc2 => &["ec-3"],
            _ => &[],
        }
    }
}

/// Reads a segment; the error says what is damaged.
pub(super) fn read(body: &Bytes) -> Result<Vec<Elementary>, String> {
    if body.is_empty() || !body.len().is_multiple_of(PACKET) {
        return Err(format!("{} bytes are not whole packets of {PACKET}", body.len()));
    }
    let mut reader = Reader::default();
    for (index, packet) in body.chunks_exact(PACKET).enumerate() {
        reader.packet(packet).map_err(|problem| format!("packet {index}: {problem}"))?;
    }
    reader.finish()
}

#[derive(Default)]
struct Reader {
    /// The last continuity counter of each identifier.
    counters: BTreeMap<u16, u8>,
    program_map: Option<u16>,
    streams: BTreeMap<u16, Open>,
}

/// An elementary stream while it is read.
struct Open {
    stream_type: u8,
    found: Option<Elementary>,
    /// The payload of sound in ADTS, as far as it is not yet counted.
    rest: Vec<u8>,
    frames: Option<Frames>,
}

/// Frames of ADTS: how many, of which rate.
#[derive(Clone, Copy)]
struct Frames {
    count: i64,
    rate: i64,
}

impl Reader {
    fn packet(&mut self, packet: &[u8]) -> Result<(), String> {
        let &[sync, high, low, control, ..] = packet else { return Err("it is cut off".to_owned()) };
        if sync != 0x47 {
            return Err("it does not begin with 0x47".to_owned());
        }
        if high & 0x80 != 0 {
            return Err("it is marked as damaged".to_owned());
        }
        let pid = u16::from_be_bytes([high & 0x1f, low]);
        let (adapted, has_payload) = (control & 0x20 != 0, control & 0x10 != 0);
        let adaptation = if adapted { usize::from(packet[4]) + 1 } else { 0 };
        let flags = if adaptation > 1 { packet[5] } else { 0 };
        let payload = packet.get(4 + adaptation..).ok_or("its adaptation field is longer than it")?;
        if !has_payload || pid == 0x1fff {
            return Ok(());
        }
        let counter = control & 0x0f;
        match self.counters.insert(pid, counter) {
            Some(before) if flags & 0x80 == 0 && before == counter => return Ok(()),
            Some(before) if flags & 0x80 == 0 && (before + 1) & 0x0f != counter => {
                return Err(format!(
                    "a packet of PID {pid:#x} is missing before it (counter {before}, then {counter})"
                ));
            }
            _ => {}
        }
        let begins = high & 0x40 != 0;
        if pid == 0 {
            if let Some(section) = section(payload, begins, 0)? {
                // Programs of four bytes each, between the header and the CRC; number 0 is the network's.
                let programs = section.get(8..section.len() - 4).unwrap_or_default().chunks_exact(4);
                let mut maps = programs.filter(|p| p[..2] != [0, 0]).map(|p| u16::from_be_bytes([p[2] & 0x1f, p[3]]));
                self.program_map = maps.next();
            }
        } else if self.program_map == Some(pid) {
            if let Some(section) = section(payload, begins, 2)? {
                self.map(section)?;
            }
        } else if let Some(stream) = self.streams.get_mut(&pid) {
            if begins {
                stream.begin(pid, payload, flags & 0x40 != 0)?;
            } else {
                stream.go_on(payload);
            }
        }
        Ok(())
    }

    /// The program map (2.4.4.8).
    fn map(&mut self, section: &[u8]) -> Result<(), String> {
        let bad = || "the program map is damaged".to_owned();
        let body = section.get(..section.len() - 4).ok_or_else(bad)?;
        let info = body.get(10..12).map(|l| usize::from(u16::from_be_bytes([l[0] & 0x0f, l[1]]))).ok_or_else(bad)?;
        let mut rest = body.get(12 + info..).ok_or_else(bad)?;
        while let &[stream_type, high, low, length_high, length_low, ref after @ ..] = rest {
            let pid = u16::from_be_bytes([high & 0x1f, low]);
            let length = usize::from(u16::from_be_bytes([length_high & 0x0f, length_low]));
            rest = after.get(length..).ok_or_else(bad)?;
            self.streams.entry(pid).or_insert(Open { stream_type, found: None, rest: Vec::new(), frames: None });
        }
        if rest.is_empty() { Ok(()) } else { Err(bad()) }
    }

    fn finish(self) -> Result<Vec<Elementary>, String> {
        if self.program_map.is_none() {
            return Err("there is no program association table".to_owned());
        }
        if self.streams.is_empty() {
            return Err("there is no program map".to_owned());
        }
        Ok(self.streams.into_values().filter_map(Open::finish).collect())
    }
}

/// A section that lies in one packet whole, its CRC checked.
fn section(payload: &[u8], begins: bool, table: u8) -> Result<Option<&[u8]>, String> {
    if !begins {
        return Ok(None);
    }
    let bad = |what: &str| format!("a table is damaged: {what}");
    let pointer = usize::from(*payload.first().ok_or_else(|| bad("it is empty"))?);
    let data = payload.get(1 + pointer..).ok_or_else(|| bad("it begins behind the packet"))?;
    let &[id, high, low, ..] = data else { return Err(bad("it is cut off")) };
    if id != table {
        return Ok(None);
    }
    let length = 3 + usize::from(u16::from_be_bytes([high & 0x0f, low]));
    // One that goes on in the next packet is left unread.
    let Some(section) = data.get(..length) else { return Ok(None) };
    if length < 12 || crc(section) != 0 {
        return Err(bad("its CRC is wrong"));
    }
    Ok(Some(section))
}

/// CRC-32 of MPEG-2 (annex A); 0 over a section that ends with its own.
fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte) << 24,
            |crc, _| {
                if crc & 1 << 31 != 0 { crc << 1 ^ 0x04c1_1db7 } else { crc << 1 }
            },
        )
    })
}

impl Open {
    /// A PES packet begins (2.4.3.6).
    fn begin(&mut self, pid: u16, payload: &[u8], random_access: bool) -> Result<(), String> {
        let &[0, 0, 1, _, _, _, _, flags, header, ref after @ ..] = payload else {
            return Err(format!("PID {pid:#x} has no PES packet where one is announced"));
        };
        let stamps = after.get(..usize::from(header)).ok_or("the PES header is cut off")?;
        let presented = if flags & 0x80 != 0 { stamp(stamps) } else { None };
        let decode = if flags & 0x40 != 0 { stamps.get(5..).and_then(stamp) } else { presented };
        if let (Some(presented), Some(decode)) = (presented, decode) {
            let elementary = self.found.get_or_insert(Elementary {
                pid,
                stream_type: self.stream_type,
                units: 0,
                first: decode,
                first_presented: decode + nearest(presented - decode),
                last: decode,
                longest_step: 0,
                goes_back: false,
                end: None,
                frame: 0,
                random_access,
            });
            let step = nearest(decode - elementary.last);
            elementary.goes_back |= elementary.units > 0 && step <= 0;
            elementary.longest_step = elementary.longest_step.max(step);
            elementary.last += step;
            elementary.units += 1;
        }
        self.go_on(after.get(usize::from(header)..).unwrap_or_default());
        Ok(())
    }

    fn go_on(&mut self, payload: &[u8]) {
        if !matches!(self.stream_type, 0x0f | 0xcf) {
            return;
        }
        self.rest.extend_from_slice(payload);
        let mut at = 0;
        // ADTS (ISO/IEC 14496-3 1.A.2.2): 13 bits of length, four of the sampling rate.
        while let Some(head) = self.rest.get(at..at + 7) {
            let length = usize::from(head[3] & 3) << 11 | usize::from(head[4]) << 3 | usize::from(head[5]) >> 5;
            let rate = RATES.get(usize::from(head[2] >> 2 & 0x0f)).copied();
            let (true, Some(rate), true) = (head[0] == 0xff && head[1] & 0xf6 == 0xf0, rate, length >= 7) else {
                // Not ADTS after all: nothing is counted.
                self.frames = Some(Frames { count: 0, rate: 0 });
                self.rest.clear();
                return;
            };
            if self.rest.len() < at + length {
                break;
            }
            let blocks = i64::from(head[6] & 3) + 1;
            let frames = self.frames.get_or_insert(Frames { count: 0, rate });
            if frames.rate != 0 {
                frames.count += blocks;
            }
            at += length;
        }
        self.rest.drain(..at);
    }

    fn finish(self) -> Option<Elementary> {
        let counted = self.frames.filter(|frames| frames.rate > 0 && self.rest.is_empty());
        let mut found = self.found?;
        found.end = counted.map(|frames| found.first + frames.count * 1024 * 90_000 / frames.rate);
        found.frame = counted.map_or(0, |frames| 1024 * 90_000 / frames.rate);
        Some(found)
    }
}

/// `sampling_frequency_index` (ISO/IEC 14496-3 table 1.18).
const RATES: [i64; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// Stamps count modulo 2³³: the difference that is nearest to zero.
pub(super) fn nearest(ticks: i64) -> i64 {
    (ticks + WRAP / 2).rem_euclid(WRAP) - WRAP / 2
}

/// A PTS or DTS (2.4.3.7).
fn stamp(bytes: &[u8]) -> Option<i64> {
    let &[a, b, c, d, e] = bytes.first_chunk::<5>()?;
    let bits = |byte: u8, shift: u32| i64::from(byte) << shift;
    Some(bits(a >> 1 & 7, 30) | bits(b, 22) | bits(c >> 1, 15) | bits(d, 7) | bits(e >> 1, 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mpegts::{AUDIO_PID, Program, Stream, Unit, VIDEO_PID, mux};

    /// Three pictures, 3600 ticks apart, and sound in ADTS: one segment of the muxer.
    fn segment() -> Vec<u8> {
        let stream = |pid, stream_type, stream_id| {
            let (language, descriptors) = (None, Vec::new());
            Stream { pid, stream_type, stream_id, language, descriptors }
        };
        let program = Program::new(vec![stream(VIDEO_PID, 0x1b, 0xe0), stream(AUDIO_PID, 0x0f, 0xc0)]).unwrap();
        let unit = |time: u64, random_access, pieces| Unit { pts: time, dts: time, random_access, pieces };
        let picture = [Bytes::from_static(&[9; 500])];
        let pictures: Vec<Unit<'_>> = (0..3).map(|n| unit(900_000 + n * 3600, n == 0, &picture[..])).collect();
        // 48 kHz, stereo, 27 bytes.
        let frame = [Bytes::from([&[0xff, 0xf1, 0x4c, 0x80, 0x03, 0x7f, 0xfc][..], &[1; 20]].concat())];
        let sound: Vec<Unit<'_>> = (0..5).map(|n| unit(900_000 + n * 1920, true, &frame[..])).collect();
        let mut out = Vec::new();
        mux(&program, &[&pictures, &sound], &mut out).unwrap();
        out
    }

    #[test]
    fn a_segment_of_the_muxer_is_read() {
        let streams = read(&Bytes::from(segment())).unwrap();
        let [video, audio] = streams.as_slice() else { panic!("{streams:?}") };
        assert!(video.is_video() && !audio.is_video() && video.random_access);
        assert_eq!((video.first, video.first_presented, video.last), (900_000, 900_000, 907_200));
        assert_eq!((video.longest_step, audio.frame), (3600, 1920));
        assert_eq!((audio.first, audio.end), (900_000, Some(900_000 + 5 * 1920)));
    }

    #[test]
    fn what_is_missing_is_noticed() {
        let whole = segment();
        for (bad, says) in [
            (whole[..whole.len() - 1].to_vec(), "whole packets"),
            ([&whole[..PACKET * 3], &whole[PACKET * 4..]].concat(), "missing"),
            (whole[PACKET..].to_vec(), "association"),
            ([&whole[..PACKET + 20], &[0xaa], &whole[PACKET + 21..]].concat(), "CRC"),
            ([&[0x46], &whole[1..]].concat(), "0x47"),
        ] {
            let error = read(&Bytes::from(bad)).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn damage_is_never_a_panic() {
        let whole = segment();
        for at in 0..whole.len() {
            for value in [0, 0xff, whole[at] ^ 1] {
                let mut bad = whole.clone();
                bad[at] = value;
                let _ = read(&Bytes::from(bad));
            }
        }
    }
}
