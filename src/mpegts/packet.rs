//! Transport packets and their adaptation fields (ISO/IEC 13818-1 2.4.3.2 to 2.4.3.5).

/// Bytes of a transport packet.
pub const PACKET_SIZE: usize = 188;

/// `sync_byte`.
pub(super) const SYNC_BYTE: u8 = 0x47;

/// Bytes of a packet's header.
pub(super) const HEADER_SIZE: usize = 4;

/// Payload bytes of a packet without adaptation field.
pub(super) const PAYLOAD_SIZE: usize = PACKET_SIZE - HEADER_SIZE;

/// PTS, DTS and the base of the PCR count modulo 2³³ (ISO/IEC 13818-1 2.4.3.5, 2.4.3.7).
const CLOCK_MASK: u64 = (1 << 33) - 1;

/// Bytes that fill an adaptation field, `stuffing_byte`.
const STUFFING: [u8; PACKET_SIZE] = [0xff; PACKET_SIZE];

/// What a packet's adaptation field says, beside stuffing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Adaptation {
    /// `random_access_indicator`.
    pub random_access: bool,
    /// `program_clock_reference_base`, 90 kHz.
    pub pcr: Option<u64>,
}

impl Adaptation {
    /// Bytes it takes, its length byte included; 0 if there is nothing to say.
    pub fn size(self) -> usize {
        match (self.pcr, self.random_access) {
            (Some(_), _) => 8,
            (None, true) => 2,
            (None, false) => 0,
        }
    }
}

/// Whether a packet begins a PES packet or section, `payload_unit_start_indicator`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Yes,
    No,
}

/// Appends a packet's header and adaptation field, stuffed so that exactly `payload` bytes are left
/// to be appended. `payload` is at most [`PAYLOAD_SIZE`] less the adaptation's size.
pub(super) fn write_header(
    out: &mut Vec<u8>,
    pid: u16,
    counter: u8,
    start: Start,
    adaptation: Adaptation,
    payload: usize,
) {
    let field = PAYLOAD_SIZE.saturating_sub(payload);
    let control = match (field > 0, payload > 0) {
        (false, _) => 0x10,
        (true, true) => 0x30,
        (true, false) => 0x20,
    };
    let unit_start = if start == Start::Yes { 0x40 } else { 0 };
    let [high, low] = pid.to_be_bytes();
    out.extend_from_slice(&[SYNC_BYTE, unit_start | (high & 0x1f), low, control | (counter & 0x0f)]);
    if field > 0 {
        write_adaptation(out, adaptation, field);
    }
}

/// Appends an adaptation field of exactly `size` bytes; 1 is the length byte alone.
fn write_adaptation(out: &mut Vec<u8>, adaptation: Adaptation, size: usize) {
    let end = out.len() + size;
    out.push((size - 1) as u8);
    if size > 1 {
        let random_access = if adaptation.random_access { 0x40 } else { 0 };
        out.push(random_access | if adaptation.pcr.is_some() { 0x10 } else { 0 });
        if let Some(pcr) = adaptation.pcr {
            // 33 bits of base, six reserved bits, nine bits of extension, which stays zero.
            let field = ((pcr & CLOCK_MASK) << 15) | (0x3f << 9);
            out.extend_from_slice(&field.to_be_bytes()[2..]);
        }
    }
    out.extend_from_slice(&STUFFING[..end.saturating_sub(out.len()).min(PACKET_SIZE)]);
}

/// A PTS or DTS of a PES header behind its four-bit prefix (ISO/IEC 13818-1 2.4.3.6).
pub(super) fn timestamp(prefix: u8, ticks: u64) -> [u8; 5] {
    let t = ticks & CLOCK_MASK;
    [
        (prefix << 4) | ((t >> 29) & 0x0e) as u8 | 1,
        (t >> 22) as u8,
        (t >> 14) as u8 | 1,
        (t >> 7) as u8,
        (t << 1) as u8 | 1,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_payload_size_fills_one_packet() {
        let adaptations = [
            Adaptation::default(),
            Adaptation { random_access: true, pcr: None },
            Adaptation { random_access: true, pcr: Some(1) },
        ];
        for adaptation in adaptations {
            for payload in 0..=PAYLOAD_SIZE - adaptation.size() {
                let mut out = Vec::new();
                write_header(&mut out, 0x101, 5, Start::No, adaptation, payload);
                assert_eq!(out.len() + payload, PACKET_SIZE, "{adaptation:?}, {payload}");
            }
        }
    }

    #[test]
    fn clocks_are_laid_out_as_the_tables_say() {
        let mut out = Vec::new();
        let adaptation = Adaptation { random_access: false, pcr: Some((1 << 33) | 0x1_0203_0405) };
        write_header(&mut out, 0x100, 0, Start::Yes, adaptation, PAYLOAD_SIZE - 8);
        assert_eq!(out, [0x47, 0x41, 0, 0x30, 7, 0x10, 0x81, 0x01, 0x82, 0x02, 0xfe, 0x00]);
        assert_eq!(timestamp(2, 0), [0x21, 0, 1, 0, 1]);
        assert_eq!(timestamp(3, CLOCK_MASK), [0x3f, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(timestamp(2, 900_000), [0x21, 0x00, 0x37, 0x77, 0x41]);
    }
}
