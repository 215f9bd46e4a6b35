//! Merging the PES packets of a segment into one stream.

use bytes::Bytes;

use super::packet::PACKET_SIZE;
use super::pes::{self, PCR_INTERVAL, Pes};
use super::{Error, Program};

/// Most PCRs sent between two PES packets of the clock's stream, so that a leap in time (after 10 s)
/// does not become megabytes of clock.
const MAX_CLOCKS: u64 = 100;

/// One access unit or audio frame of an elementary stream.
#[derive(Debug, Clone, Copy)]
pub struct Unit<'a> {
    /// Presentation time, 90 kHz ticks; sent modulo 2³³.
    pub pts: u64,
    /// Decode time, 90 kHz ticks; sent modulo 2³³, and only where it differs from `pts`. It may not be
    /// after `pts`: sources with negative composition offsets are shifted by the caller.
    pub dts: u64,
    /// Whether decoding can begin here.
    pub random_access: bool,
    /// The elementary-stream bytes, in order.
    pub pieces: &'a [Bytes],
}

impl Unit<'_> {
    pub(super) fn size(&self) -> usize {
        self.pieces.iter().fold(0usize, |sum, piece| sum.saturating_add(piece.len()))
    }
}

/// A segment that is laid out but not written: its length is known before its bytes are made.
#[derive(Debug)]
pub struct Segment<'a> {
    program: &'a Program,
    streams: &'a [&'a [Unit<'a>]],
    order: Vec<Event>,
    packets: usize,
}

/// What comes next in the multiplex.
#[derive(Debug)]
enum Event {
    Pes {
        stream: usize,
        pes: Pes,
    },
    /// A PCR in a packet of its own; the decode time it is sent for.
    Clock {
        dts: u64,
    },
}

impl<'a> Segment<'a> {
    /// Lays out a segment from each stream's units in decode order, the streams in the order of the
    /// program. A stream without units is left out.
    ///
    /// # Errors
    /// [`Error::StreamCount`], [`Error::UnitTooLong`].
    pub fn new(program: &'a Program, streams: &'a [&'a [Unit<'a>]]) -> Result<Segment<'a>, Error> {
        if streams.len() != program.streams().len() {
            return Err(Error::StreamCount { expected: program.streams().len(), found: streams.len() });
        }
        let mut queues = Vec::with_capacity(streams.len());
        for (index, (stream, units)) in program.streams().iter().zip(streams).enumerate() {
            let has_pcr = index == program.pcr_stream();
            let planned = pes::plan(units, stream.is_video(), has_pcr)?;
            let mut events = Vec::with_capacity(planned.len());
            for pes in planned {
                if has_pcr && let Some(Event::Pes { pes: previous, .. }) = events.last() {
                    let (from, to) = (previous.dts, pes.dts);
                    events.extend(clocks_between(from, to).map(|dts| Event::Clock { dts }));
                }
                events.push(Event::Pes { stream: index, pes });
            }
            queues.push(events.into_iter().peekable());
        }
        // The clock's stream comes first whatever its time, and goes first where times are equal.
        let mut order = Vec::new();
        let mut next = Some(program.pcr_stream());
        while let Some(queue) = next.and_then(|stream| queues.get_mut(stream)) {
            order.extend(queue.next());
            next = queues
                .iter_mut()
                .enumerate()
                .filter_map(|(stream, queue)| Some((queue.peek()?.dts(), stream != program.pcr_stream(), stream)))
                .min()
                .map(|(_, _, stream)| stream);
        }
        let packets = order.iter().map(Event::packets).sum::<usize>() + program.tables().len() / PACKET_SIZE;
        Ok(Segment { program, streams, order, packets })
    }

    /// Bytes of the segment.
    pub fn size(&self) -> usize {
        self.packets.saturating_mul(PACKET_SIZE)
    }

    /// Appends the segment to `out`, which grows at most once.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.reserve_exact(self.size());
        out.extend_from_slice(self.program.tables());
        let mut counters = vec![0u8; self.streams.len()];
        for event in &self.order {
            let index = match event {
                Event::Pes { stream, .. } => *stream,
                Event::Clock { .. } => self.program.pcr_stream(),
            };
            let (Some(stream), Some(units), Some(counter)) =
                (self.program.streams().get(index), self.streams.get(index), counters.get_mut(index))
            else {
                continue;
            };
            match event {
                Event::Pes { pes, .. } => {
                    pes.write(out, stream.pid, stream.stream_id, !stream.is_video(), units, counter);
                }
                Event::Clock { dts } => pes::write_clock(out, stream.pid, *counter, *dts),
            }
        }
    }
}

impl Event {
    fn dts(&self) -> u64 {
        match self {
            Event::Pes { pes, .. } => pes.dts,
            Event::Clock { dts } => *dts,
        }
    }

    fn packets(&self) -> usize {
        match self {
            Event::Pes { pes, .. } => pes.packets,
            Event::Clock { .. } => 1,
        }
    }
}

/// Times for PCRs between two PES packets of the clock's stream, none further apart than allowed.
fn clocks_between(from: u64, to: u64) -> impl Iterator<Item = u64> {
    let gaps = to.saturating_sub(from).saturating_sub(1) / PCR_INTERVAL;
    (1..=gaps.min(MAX_CLOCKS)).map_while(move |n| from.checked_add(n * PCR_INTERVAL))
}

/// Appends one segment to `out`: [`Segment::new`] and [`Segment::write`] in one.
///
/// # Errors
/// As [`Segment::new`].
pub fn mux(program: &Program, streams: &[&[Unit<'_>]], out: &mut Vec<u8>) -> Result<(), Error> {
    Segment::new(program, streams)?.write(out);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::psi::crc32;
    use super::super::{AUDIO_PID, MUX_DELAY, PMT_PID, Stream, VIDEO_PID};
    use super::*;

    /// A demuxer of its own, straight from ISO/IEC 13818-1 2.4.3, that holds every rule it passes.
    #[derive(Default)]
    struct Demuxer {
        counters: BTreeMap<u16, u8>,
        pes: BTreeMap<u16, Vec<Vec<u8>>>,
        random_access: Vec<(u16, usize)>,
        clocks: Vec<(u16, u64)>,
    }

    impl Demuxer {
        fn read(&mut self, data: &[u8]) {
            assert_eq!(data.len() % PACKET_SIZE, 0);
            let pids: Vec<u16> = data.chunks(PACKET_SIZE).map(|p| u16::from_be_bytes([p[1], p[2]]) & 0x1fff).collect();
            assert_eq!(pids[..2], [0, PMT_PID]);
            for (packet, pid) in data.chunks(PACKET_SIZE).zip(pids) {
                assert_eq!(packet[0], 0x47);
                let (start, control) = (packet[1] & 0x40 != 0, packet[3] >> 4);
                let mut payload = 4;
                if control & 2 != 0 {
                    let length = usize::from(packet[4]);
                    assert!(if control == 2 { length == 183 } else { length <= 182 });
                    payload = 5 + length;
                    let mut used = 0;
                    if length > 0 {
                        used = 1;
                        if packet[5] & 0x40 != 0 {
                            self.random_access.push((pid, self.pes.get(&pid).map_or(0, Vec::len)));
                        }
                        if packet[5] & 0x10 != 0 {
                            let high = u64::from(u32::from_be_bytes(packet[6..10].try_into().unwrap()));
                            self.clocks.push((pid, high << 1 | u64::from(packet[10] >> 7)));
                            used = 7;
                        }
                    }
                    assert!(packet[5 + used..payload].iter().all(|&b| b == 0xff));
                }
                let payload = &packet[payload..];
                if pid == 0 || pid == PMT_PID {
                    let length = usize::from(u16::from_be_bytes([payload[2], payload[3]]) & 0xfff);
                    assert_eq!((start, payload[0], crc32(&payload[1..4 + length])), (true, 0, 0));
                    continue;
                }
                let counter = self.counters.entry(pid).or_insert(15);
                if control & 1 != 0 {
                    *counter = (*counter + 1) % 16;
                }
                assert_eq!(packet[3] & 15, *counter, "continuity of PID {pid:#x}");
                let list = self.pes.entry(pid).or_default();
                if start {
                    list.push(Vec::new());
                }
                list.last_mut().unwrap().extend(payload);
            }
        }
    }

    /// PTS, DTS and payload of a PES packet.
    fn open(pes: &[u8]) -> (u64, u64, &[u8]) {
        assert_eq!((&pes[..3], pes[6]), (&[0, 0, 1][..], 0x84));
        let length = usize::from(u16::from_be_bytes([pes[4], pes[5]]));
        assert!(length == 0 && pes[3] == 0xe0 || length == pes.len() - 6 && pes[3] == 0xc0);
        let time = |b: &[u8]| {
            assert_eq!((b[0] & 1, b[2] & 1, b[4] & 1), (1, 1, 1));
            u64::from(b[0] >> 1 & 7) << 30
                | u64::from(b[1]) << 22
                | u64::from(b[2] >> 1) << 15
                | u64::from(b[3]) << 7
                | u64::from(b[4] >> 1)
        };
        let pts = time(&pes[9..]);
        let dts = if pes[7] == 0xc0 { time(&pes[14..]) } else { pts };
        (pts, dts, &pes[9 + usize::from(pes[8])..])
    }

    fn program(video: bool, audio: bool) -> Program {
        let video = video.then(|| Stream {
            pid: VIDEO_PID,
            stream_type: 0x1b,
            stream_id: 0xe0,
            language: None,
            descriptors: vec![],
        });
        let audio = audio.then(|| Stream {
            pid: AUDIO_PID,
            stream_type: 0x0f,
            stream_id: 0xc0,
            language: None,
            descriptors: vec![],
        });
        Program::new(video.into_iter().chain(audio).collect()).unwrap()
    }

    /// Units of the given piece sizes, `step` ticks apart.
    fn units<'a>(pieces: &'a [Vec<Bytes>], start: u64, step: u64, delay: u64) -> Vec<Unit<'a>> {
        let unit = |(i, pieces): (usize, &'a Vec<Bytes>)| {
            let dts = start + i as u64 * step;
            Unit { pts: dts + delay * (i as u64 % 3), dts, random_access: i == 0, pieces }
        };
        pieces.iter().enumerate().map(unit).collect()
    }

    fn filled(sizes: &[Vec<usize>]) -> Vec<Vec<Bytes>> {
        let mut next = 0u8;
        let mut piece = |n: usize| {
            Bytes::from(
                (0..n)
                    .map(|_| {
                        next = next.wrapping_add(37);
                        next
                    })
                    .collect::<Vec<u8>>(),
            )
        };
        sizes.iter().map(|unit| unit.iter().map(|&n| piece(n)).collect()).collect()
    }

    fn payload(units: &[Unit<'_>]) -> Vec<u8> {
        units.iter().flat_map(|unit| unit.pieces).flatten().copied().collect()
    }

    fn muxed(program: &Program, streams: &[&[Unit<'_>]]) -> Vec<u8> {
        let mut out = Vec::new();
        let segment = Segment::new(program, streams).unwrap();
        segment.write(&mut out);
        assert_eq!((out.len(), out.capacity()), (segment.size(), segment.size()));
        out
    }

    #[test]
    fn counters_go_on_from_any_segment_to_any_other() {
        let program = program(true, true);
        let mut demuxer = Demuxer::default();
        for count in [25, 7, 50, 1] {
            let video = filled(&vec![vec![4, 2, 4, 700]; count]);
            let audio = filled(&vec![vec![7, 372]; count * 2]);
            let (video, audio) = (units(&video, 900_000, 3600, 3600), units(&audio, 899_000, 1920, 0));
            demuxer.read(&muxed(&program, &[&video, &audio]));
        }
        assert_eq!(demuxer.counters, BTreeMap::from([(VIDEO_PID, 15), (AUDIO_PID, 15)]));
    }

    #[test]
    fn a_segment_starts_with_tables_and_key_frame_and_clock() {
        let program = program(true, true);
        let video = filled(&vec![vec![5000]; 3]);
        let audio = filled(&vec![vec![7, 100]; 9]);
        // The audio begins 50 ms before the video.
        let out = muxed(&program, &[&units(&video, 90_000, 3600, 0), &units(&audio, 85_500, 1920, 0)]);
        assert_eq!(out[376..384], [0x47, 0x41, 0x00, 0x30, 7, 0x50, 0, 0]);
        let mut demuxer = Demuxer::default();
        demuxer.read(&out);
        assert_eq!(demuxer.random_access, [(VIDEO_PID, 0), (AUDIO_PID, 0)]);
        let clocks: Vec<u64> = (0..3).map(|i| 90_000 + i * 3600 - MUX_DELAY).collect();
        assert_eq!(demuxer.clocks, clocks.iter().map(|&c| (VIDEO_PID, c)).collect::<Vec<_>>());
    }

    #[test]
    fn a_frame_after_a_pause_has_a_time_of_its_own() {
        let audio = filled(&vec![vec![7, 100]; 8]);
        let mut audio = units(&audio, 90_000, 1920, 0);
        for unit in &mut audio[1..] {
            (unit.pts, unit.dts) = (unit.pts + 5280, unit.dts + 5280);
        }
        let mut demuxer = Demuxer::default();
        demuxer.read(&muxed(&program(true, true), &[&[], &audio]));
        let times: Vec<u64> = demuxer.pes[&AUDIO_PID].iter().map(|pes| open(pes).0).collect();
        assert_eq!(times, [90_000, 97_200]);
    }

    #[test]
    fn audio_frames_share_pes_packets() {
        let audio = filled(&vec![vec![7, 100]; 18]);
        let audio = units(&audio, 90_000, 1920, 0);
        let frames = |program: &Program, streams: &[&[Unit<'_>]]| -> Vec<usize> {
            let mut demuxer = Demuxer::default();
            demuxer.read(&muxed(program, streams));
            demuxer.pes[&AUDIO_PID].iter().map(|pes| open(pes).2.len() / 107).collect()
        };
        assert_eq!(frames(&program(true, true), &[&[], &audio]), [16, 2]);
        // Four frames of 21.3 ms, not five, keep the next PCR within 100 ms.
        assert_eq!(frames(&program(false, true), &[&audio]), [4, 4, 4, 4, 2]);
    }

    #[test]
    fn clocks_are_never_more_than_100_ms_apart() {
        for step in [9_000, 9_001, 90_000, 18_000] {
            let pieces = filled(&vec![vec![900]; 4]);
            let mut demuxer = Demuxer::default();
            demuxer.read(&muxed(&program(true, false), &[&units(&pieces, 100_000, step, 0)]));
            assert!(demuxer.clocks.windows(2).all(|w| w[1].1 > w[0].1 && w[1].1 - w[0].1 <= PCR_INTERVAL), "{step}");
            let mut demuxer = Demuxer::default();
            demuxer.read(&muxed(&program(false, true), &[&units(&pieces, 100_000, step / 3, 0)]));
            assert!(demuxer.clocks.windows(2).all(|w| w[1].1 - w[0].1 <= PCR_INTERVAL), "audio, {step}");
        }
    }

    #[test]
    fn leaps_and_ends_of_the_clock_stay_small() {
        let pieces = filled(&vec![vec![300]; 2]);
        for step in [1 << 40, u64::MAX - 10] {
            let out = muxed(&program(true, false), &[&units(&pieces, 10, step, 0)]);
            assert!(out.len() < PACKET_SIZE * 140);
        }
        // Times wrap at 2^33, and PCRs below zero wrap backwards.
        let out = muxed(&program(true, false), &[&units(&pieces, (1 << 33) - 100, 3600, 50)]);
        let mut demuxer = Demuxer::default();
        demuxer.read(&out);
        let (pts, dts, _) = open(&demuxer.pes[&VIDEO_PID][1]);
        assert_eq!((pts, dts), (3550, 3500));
        let mut demuxer = Demuxer::default();
        demuxer.read(&muxed(&program(true, false), &[&units(&pieces, 0, 3600, 0)]));
        assert_eq!(demuxer.clocks[0].1, (1 << 33) - MUX_DELAY);
    }

    #[test]
    fn what_does_not_fit() {
        let program = program(true, true);
        assert_eq!(Segment::new(&program, &[]).err(), Some(Error::StreamCount { expected: 2, found: 0 }));
        let audio = filled(&[vec![60_000, 10_000]]);
        let audio = units(&audio, 0, 1, 0);
        assert_eq!(Segment::new(&program, &[&[], &audio]).err(), Some(Error::UnitTooLong { size: 70_000 }));
        assert_eq!(muxed(&program, &[&[], &[]]).len(), 2 * PACKET_SIZE);
    }

    proptest! {
        #[test]
        fn every_shape_comes_back(
            video in proptest::collection::vec(proptest::collection::vec(0usize..800, 0..6), 0..12),
            audio in proptest::collection::vec(proptest::collection::vec(0usize..300, 0..3), 0..30),
            start in 0u64..20_000,
            step in 0u64..12_000,
        ) {
            let (video, audio) = (filled(&video), filled(&audio));
            let (video, audio) = (units(&video, 1_000_000, 3600, 1800), units(&audio, 995_000 + start, step, 0));
            let mut demuxer = Demuxer::default();
            demuxer.read(&muxed(&program(true, true), &[&video, &audio]));
            let pictures = demuxer.pes.remove(&VIDEO_PID).unwrap_or_default();
            prop_assert_eq!(pictures.len(), video.len());
            for (pes, unit) in pictures.iter().zip(&video) {
                prop_assert_eq!(open(pes), (unit.pts, unit.dts, &payload(&[*unit])[..]));
            }
            let sound = demuxer.pes.remove(&AUDIO_PID).unwrap_or_default();
            let joined: Vec<u8> = sound.iter().flat_map(|pes| open(pes).2).copied().collect();
            prop_assert_eq!(joined, payload(&audio));
        }
    }
}
