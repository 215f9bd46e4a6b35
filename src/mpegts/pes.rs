//! PES packets: which units share one, their headers, and how they fall into transport packets
//! (ISO/IEC 13818-1 2.4.3.6).

use std::ops::Range;

use super::mux::Unit;
use super::packet::{Adaptation, HEADER_SIZE, PAYLOAD_SIZE, Start, timestamp, write_header};
use super::{Error, MUX_DELAY};

/// Longest time from one PCR to the next, 90 kHz (ISO/IEC 13818-1 2.7.2: 100 ms). Where audio carries
/// the clock its PES packets last no longer.
pub(super) const PCR_INTERVAL: u64 = 9_000;
/// Longest time that audio frames share a PES packet beside a video stream, 90 kHz: 400 ms, so that
/// the first one still waits less than [`MUX_DELAY`] for the last.
const AUDIO_INTERVAL: u64 = 36_000;
/// Most audio frames in a PES packet.
const MAX_FRAMES: usize = 16;
/// Longest PES header: six bytes, three bytes, PTS and DTS.
const MAX_HEADER: usize = 19;
/// Most bytes that a PES packet with a length can have after its header.
const MAX_SIZED_PAYLOAD: usize = 0xffff - (MAX_HEADER - 6);

/// One PES packet to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pes {
    /// Its units, of one stream.
    pub units: Range<usize>,
    /// Time stamps of the first unit, 90 kHz.
    pub pts: u64,
    /// Decode time stamp, 90 kHz.
    pub dts: u64,
    /// Bytes of all units.
    payload: usize,
    /// Transport packets it takes.
    pub packets: usize,
    adaptation: Adaptation,
}

/// The PES packets of a stream's units.
pub(super) fn plan(units: &[Unit<'_>], is_video: bool, has_pcr: bool) -> Result<Vec<Pes>, Error> {
    let mut out: Vec<Pes> = Vec::new();
    let longest = if has_pcr { PCR_INTERVAL } else { AUDIO_INTERVAL };
    let regular = units.windows(2).map(|pair| pair[1].dts.saturating_sub(pair[0].dts)).filter(|step| *step > 0).min();
    let mut first = 0;
    // PCRs never go back, not even where decode times do.
    let mut clock = 0;
    while let Some(unit) = units.get(first) {
        let end = if is_video { first + 1 } else { end_of_group(units, first, longest, regular.unwrap_or(0))? };
        let payload = units.get(first..end).unwrap_or_default().iter().map(Unit::size).sum();
        clock = unit.dts.max(clock);
        let adaptation = Adaptation {
            // Each audio frame is one, so only the segment's start is worth two bytes.
            random_access: unit.random_access && (is_video || out.is_empty()),
            pcr: has_pcr.then(|| clock.wrapping_sub(MUX_DELAY)),
        };
        let mut pes = Pes { units: first..end, pts: unit.pts, dts: unit.dts, payload, packets: 0, adaptation };
        pes.packets = (pes.size() + adaptation.size()).div_ceil(PAYLOAD_SIZE);
        out.push(pes);
        first = end;
    }
    fill_counter(&mut out);
    Ok(out)
}

/// Where the PES packet ends that begins with the audio frame `first`: the next begins no more than
/// `longest` ticks later, unless a single frame is longer. Only the first frame's time is sent: where the
/// next does not follow at once, `regular` ticks later, another packet begins.
fn end_of_group(units: &[Unit<'_>], first: usize, longest: u64, regular: u64) -> Result<usize, Error> {
    let mut payload = 0usize;
    let mut end = first;
    let start = units.get(first).map_or(0, |unit| unit.dts);
    while let Some(unit) = units.get(end) {
        let size = unit.size();
        let duration = match (units.get(end + 1), end.checked_sub(1).and_then(|i| units.get(i))) {
            (Some(next), _) => next.dts.saturating_sub(unit.dts),
            (None, Some(previous)) => unit.dts.saturating_sub(previous.dts),
            (None, None) => 0,
        };
        let lasts = unit.dts.saturating_sub(start).saturating_add(duration);
        let fits = payload.saturating_add(size) <= MAX_SIZED_PAYLOAD;
        if end == first && !fits {
            return Err(Error::UnitTooLong { size });
        }
        let before = end.checked_sub(1).and_then(|i| units.get(i)).map_or(0, |unit| unit.dts);
        let gap = unit.dts.saturating_sub(before) > regular + regular / 8;
        if end > first && (!fits || gap || lasts > longest || end - first >= MAX_FRAMES) {
            break;
        }
        payload = payload.saturating_add(size);
        end += 1;
    }
    Ok(end)
}

/// Spreads one PES packet, the last that is long enough, over more transport packets, so that the
/// stream's are a multiple of 16 and the counter ends where it began.
fn fill_counter(stream: &mut [Pes]) {
    let packets: usize = stream.iter().map(|pes| pes.packets).sum();
    let missing = packets.next_multiple_of(16) - packets;
    // Each further packet takes at least a byte, and the PES header stays whole in the first.
    let roomy = |pes: &&mut Pes| pes.size() >= MAX_HEADER + pes.packets + missing;
    if let Some(pes) = stream.iter_mut().rev().find(roomy) {
        pes.packets += missing;
    }
}

impl Pes {
    /// Bytes with the header.
    fn size(&self) -> usize {
        self.header_size().saturating_add(self.payload)
    }

    fn header_size(&self) -> usize {
        if self.pts == self.dts { 14 } else { MAX_HEADER }
    }

    /// Appends the transport packets, counting on from `counter`.
    pub fn write(&self, out: &mut Vec<u8>, pid: u16, stream_id: u8, sized: bool, units: &[Unit<'_>], counter: &mut u8) {
        let units = units.get(self.units.clone()).unwrap_or_default();
        let mut pieces = Pieces::new(units);
        let mut left = self.size();
        for index in 0..self.packets {
            let first = index == 0;
            let adaptation = if first { self.adaptation } else { Adaptation::default() };
            // As much as fits, but a byte for each packet after this one.
            let room = PAYLOAD_SIZE - adaptation.size();
            let take = room.min(left.saturating_sub(self.packets - 1 - index));
            let start = if first { Start::Yes } else { Start::No };
            write_header(out, pid, *counter, start, adaptation, take);
            let mut payload = take;
            if first {
                payload = payload.saturating_sub(self.header_size());
                self.write_header(out, stream_id, sized);
            }
            pieces.copy(payload, out);
            left = left.saturating_sub(take);
            *counter = (*counter + 1) & 0x0f;
        }
    }

    /// Appends the PES header.
    fn write_header(&self, out: &mut Vec<u8>, stream_id: u8, sized: bool) {
        let header_size = self.header_size();
        // 0 is allowed for video, whose access units may be longer than the field counts.
        let length = if sized { self.size().saturating_sub(6) as u16 } else { 0 };
        let [high, low] = length.to_be_bytes();
        // Marker bits and data_alignment_indicator: a unit begins right after the header.
        let flags = if self.pts == self.dts { 0x80 } else { 0xc0 };
        out.extend_from_slice(&[0, 0, 1, stream_id, high, low, 0x84, flags, (header_size - 9) as u8]);
        if self.pts == self.dts {
            out.extend_from_slice(&timestamp(2, self.pts));
        } else {
            out.extend_from_slice(&timestamp(3, self.pts));
            out.extend_from_slice(&timestamp(1, self.dts));
        }
    }
}

/// A packet without payload, for a PCR where no PES packet begins (2.4.3.3: the counter stays, so it
/// is the one of the packet before).
pub(super) fn write_clock(out: &mut Vec<u8>, pid: u16, counter: u8, dts: u64) {
    let adaptation = Adaptation { random_access: false, pcr: Some(dts.wrapping_sub(MUX_DELAY)) };
    write_header(out, pid, counter.wrapping_sub(1), Start::No, adaptation, 0);
}

const _: () = assert!(MAX_HEADER + 8 <= PAYLOAD_SIZE && HEADER_SIZE == 4);

/// The bytes of units, read across their pieces.
struct Pieces<'a> {
    current: &'a [u8],
    following: std::slice::Iter<'a, bytes::Bytes>,
    units: std::slice::Iter<'a, Unit<'a>>,
}

impl<'a> Pieces<'a> {
    fn new(units: &'a [Unit<'a>]) -> Pieces<'a> {
        Pieces { current: &[], following: [].iter(), units: units.iter() }
    }

    /// Appends the next `n` bytes, or what is left.
    #[inline]
    fn copy(&mut self, mut n: usize, out: &mut Vec<u8>) {
        loop {
            if let Some((part, rest)) = self.current.split_at_checked(n) {
                out.extend_from_slice(part);
                self.current = rest;
                return;
            }
            out.extend_from_slice(self.current);
            n -= self.current.len();
            self.current = match self.following.next() {
                Some(piece) => piece,
                None => match self.units.next() {
                    Some(unit) => {
                        self.following = unit.pieces.iter();
                        &[]
                    }
                    None => return,
                },
            };
        }
    }
}
