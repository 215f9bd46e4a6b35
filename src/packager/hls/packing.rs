//! How many transport packets samples become, without their bytes.

use bytes::Bytes;

use crate::media::Track;
use crate::mpegts::{self, PACKET_SIZE};
use crate::time::{MediaTime, Timescale};

use super::Flavor;
use super::ts::Stamps;
use crate::packager::MAX_SEGMENT_SAMPLES;

/// Payload of a transport packet.
const PAYLOAD: u64 = PACKET_SIZE as u64 - 4;
/// PES header with PTS alone, and with DTS.
const PES_HEADER: u64 = 14;
const LONG_PES_HEADER: u64 = 19;
/// Adaptation field with a PCR, and with a mark for random access alone.
const CLOCK: u64 = 8;
const MARK: u64 = 2;
/// Longest time between clocks, and that audio frames with clocks share a PES packet, 90 kHz ticks.
const INTERVAL: u64 = 9_000;
/// Longest time that audio frames beside pictures share a PES packet.
const LONG_INTERVAL: u64 = 36_000;
/// Most audio frames in a PES packet.
const MAX_FRAMES: u64 = 16;
/// Packets of a stream are brought to a multiple of this many.
const COUNTER: u64 = 16;
/// Where NAL length fields are shorter than start codes: a guess of the NAL units in a sample.
const NAL_UNITS: u64 = 8;

/// Bytes of a segment with so many packets besides PAT and PMT.
pub(super) fn segment_bytes(packets: u64) -> u64 {
    (packets + 2) * PACKET_SIZE as u64
}

/// What muxing adds to the samples of a track.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packing {
    /// Bytes added to a sample that is not a sync sample: delimiter, or ADTS header.
    extra: u64,
    /// Bytes added to a sync sample: parameter sets too.
    sync_extra: u64,
    /// Samples in a PES packet; one for pictures.
    frames: u64,
    /// It is a stream of pictures.
    pictures: bool,
    /// It carries the clock.
    clock: bool,
    /// Bytes of a PES header with its packet's adaptation field.
    header: u64,
    /// Longest time that frames share a PES packet, 90 kHz ticks.
    interval: u64,
}

impl Packing {
    /// That of `track` alone or, for sound, `beside` pictures that carry the clock; `None` where segments are
    /// not transport streams.
    pub fn of(flavor: Flavor, track: &Track, beside: bool) -> Option<Packing> {
        if flavor == Flavor::Cmaf {
            return None;
        }
        let codec = track.codec.transport_stream()?;
        // What is made of no bytes is what is added; four zero bytes are one, two or four empty NAL
        // units, each of which grows by what a start code is longer than its length field.
        let made_of = |sample: Bytes, sync: bool| {
            let mut pieces = Vec::new();
            let made = codec.access_unit(&sample, sync, &mut pieces);
            if made.is_ok() { pieces.iter().map(|p| p.len() as u64).sum::<u64>() } else { 64 }
        };
        let pictures = codec.stream_id() & 0xf0 == 0xe0;
        let plain = made_of(Bytes::new(), false);
        let grown = made_of(Bytes::from_static(&[0; 4]), false).saturating_sub(plain);
        let growth = if grown > 4 && pictures { NAL_UNITS * (4 - (16 / grown).min(4)) } else { 0 };
        let beside = beside && !pictures;
        let (interval, adaptation) = if beside { (LONG_INTERVAL, MARK) } else { (INTERVAL, CLOCK) };
        let reordered = track.first_composition_offset() != 0 || track.samples.min_composition_offset() != 0;
        let header = if pictures || reordered { LONG_PES_HEADER } else { PES_HEADER } + adaptation;
        let duration = track.samples.first().map_or(0, |s| i64::from(s.duration));
        let ticks = MediaTime::new(duration, track.timescale).ceil(Timescale::NINETY_KHZ).unsigned_abs();
        let frames = if pictures { 1 } else { (interval / ticks.max(1)).clamp(1, MAX_FRAMES) };
        let sync_extra = made_of(Bytes::new(), true).max(plain) + growth;
        Some(Packing { extra: plain + growth, sync_extra, frames, pictures, clock: !beside, header, interval })
    }

    /// Bytes of samples with what is added and the headers of their PES packets, and how many these are.
    fn total(&self, bytes: u64, samples: u64, sync: u64) -> (u64, u64) {
        let headers = samples.div_ceil(self.frames);
        let sync = if self.pictures { sync.min(samples) } else { samples };
        (bytes + (samples - sync) * self.extra + sync * self.sync_extra + headers * self.header, headers)
    }

    /// Packets of samples at most, if all stuffing is as bad as can be.
    pub fn most(&self, bytes: u64, samples: u64, sync: u64, nanos: u64) -> u64 {
        let (total, headers) = self.total(bytes, samples, sync);
        // One PES packet more than counted, where a group of frames is cut short.
        let headers = headers + 1;
        let clocks = if self.clock { nanos / 100_000_000 } else { 0 };
        (total + self.header + headers * (PAYLOAD - 1)) / PAYLOAD + COUNTER + clocks
    }

    /// Packets of samples, if stuffing is as it mostly is.
    pub fn likely(&self, bytes: u64, samples: u64, sync: u64) -> u64 {
        let (total, headers) = self.total(bytes, samples, sync);
        (total + headers * PAYLOAD / 2) / PAYLOAD + COUNTER / 2
    }

    /// Packets of those samples of `track`, counted as [`crate::mpegts`] lays them out; what depends on the
    /// bytes themselves is counted at its most.
    pub fn exactly(&self, track: &Track, first: u64, samples: u64) -> u64 {
        let stamps = Stamps::of(track);
        let (mut packets, mut clocks, mut payload, mut frames) = (0u64, 0u64, 0u64, 0u64);
        let (mut begun, mut before, mut slack) = (0u64, 0u64, 0u64);
        let sized = || track.samples.iter_from(first.min(u64::from(u32::MAX)) as u32).take(samples as usize);
        let times = || sized().map(|(decode, _)| stamps.decode(decode + track.edit.delay));
        // A segment with more samples cannot be sent, so nothing is lost by not looking at them.
        let steps = times().zip(times().skip(1)).map(|(from, to)| to.saturating_sub(from));
        let mut steps: Vec<u64> = steps.take(MAX_SEGMENT_SAMPLES as usize).collect();
        let regular = mpegts::middle(&mut steps);
        let mut gap = false;
        for (decode, sample) in sized() {
            let dts = stamps.decode(decode + track.edit.delay);
            let ends = stamps.decode(decode + track.edit.delay + i64::from(sample.duration));
            let full = self.pictures || gap || frames >= MAX_FRAMES || ends.saturating_sub(begun) > self.interval;
            if frames > 0 && full {
                let of_pes = (payload + self.header).div_ceil(PAYLOAD);
                slack = slack.max((payload + 1).saturating_sub(of_pes));
                packets += of_pes;
                (payload, frames) = (0, 0);
            }
            if frames == 0 {
                begun = dts;
                if before > 0 && self.clock {
                    clocks += dts.saturating_sub(before).saturating_sub(1) / INTERVAL;
                }
                before = dts;
            }
            // What does not follow at once is in a packet of its own.
            gap = ends.saturating_sub(dts).abs_diff(regular) > mpegts::JITTER;
            frames += 1;
            payload += u64::from(sample.size) + if sample.sync { self.sync_extra } else { self.extra };
        }
        if frames > 0 {
            let of_pes = (payload + self.header).div_ceil(PAYLOAD);
            slack = slack.max((payload + 1).saturating_sub(of_pes));
            packets += of_pes;
        }
        // The counter is brought around only where one PES packet has bytes enough for all packets that lack.
        let filled = packets.next_multiple_of(COUNTER);
        // Clocks in packets of their own leave the counter as it is.
        clocks + if slack >= filled - packets { filled } else { packets }
    }

    /// Packets of one key frame.
    pub fn key_frame(&self, bytes: u64) -> u64 {
        (bytes + self.sync_extra + self.header).div_ceil(PAYLOAD).next_multiple_of(COUNTER)
    }
}
