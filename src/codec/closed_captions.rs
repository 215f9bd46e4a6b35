//! Closed captions inside of pictures: CEA-608 and CEA-708 in `cc_data()` (ANSI/SCTE 128, ATSC A/53 part 4 6.2.3),
//! carried by supplemental enhancement information of type `user_data_registered_itu_t_t35`.

use super::child_boxes::child_box;
use crate::bits::{Reader, rbsp};

/// Which captions were seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ClosedCaptions {
    /// CEA-608 of the first field: `CC1`.
    pub first_field: bool,
    /// CEA-608 of the second field with something in it: `CC3`.
    pub second_field: bool,
    /// CEA-708 services that have something in them, 1 to 63, as bits.
    pub services: u64,
}

/// What `user_identifier` and `user_data_type_code` of captions are, behind country and provider.
const ATSC_CAPTIONS: [u8; 8] = [0xb5, 0x00, 0x31, b'G', b'A', b'9', b'4', 0x03];
/// Payload type of `user_data_registered_itu_t_t35` (ISO/IEC 14496-10 D.1, 23008-2 D.2.1).
const USER_DATA_REGISTERED: u32 = 4;

impl ClosedCaptions {
    /// There are any.
    pub fn any(&self) -> bool {
        self.first_field || self.second_field || self.services != 0
    }

    /// These and those.
    #[must_use]
    pub fn and(self, other: ClosedCaptions) -> ClosedCaptions {
        ClosedCaptions {
            first_field: self.first_field || other.first_field,
            second_field: self.second_field || other.second_field,
            services: self.services | other.services,
        }
    }

    /// The numbers of the services that were seen.
    pub fn service_numbers(&self) -> impl Iterator<Item = u32> + '_ {
        (1..64).filter(|number| self.services >> number & 1 == 1)
    }
}

/// Looks for captions in the pictures of one track.
#[derive(Debug)]
pub struct CaptionScanner {
    /// Bytes of the length fields before NAL units.
    length_size: usize,
    hevc: bool,
    found: ClosedCaptions,
    /// The CEA-708 packet that is being put together (CEA-708 5).
    packet: Vec<u8>,
}

/// Where the boxes of a visual sample entry begin (ISO/IEC 14496-12 12.1.3).
const VISUAL_CHILDREN: usize = 86;

impl CaptionScanner {
    /// For samples of that sample entry, a whole box; `None` where captions are carried in another way or not at all.
    pub fn of_sample_entry(entry: &[u8]) -> Option<CaptionScanner> {
        let of = |kind: &[u8; 4], position: usize| {
            let record = child_box(entry, VISUAL_CHILDREN, kind)?;
            Some(usize::from(record.payload.get(position)? & 3) + 1)
        };
        let (length_size, hevc) = match entry.get(4..8)? {
            b"avc1" | b"avc3" | b"dva1" | b"dvav" => (of(b"avcC", 4)?, false),
            b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => (of(b"hvcC", 21)?, true),
            _ => return None,
        };
        Some(CaptionScanner { length_size, hevc, found: ClosedCaptions::default(), packet: Vec::new() })
    }

    /// Looks at one sample, or as much of its beginning as there is.
    pub fn sample(&mut self, sample: &[u8]) {
        let mut rest = sample;
        while let Some((field, after)) = rest.split_at_checked(self.length_size) {
            let length = field.iter().fold(0usize, |n, byte| n << 8 | usize::from(*byte));
            let Some((nal_unit, after)) = after.split_at_checked(length) else { return };
            self.nal_unit(nal_unit, self.hevc);
            rest = after;
        }
    }

    /// What was found.
    pub fn found(&self) -> ClosedCaptions {
        self.found
    }

    /// Looks at one NAL unit of AVC, or of HEVC.
    fn nal_unit(&mut self, nal_unit: &[u8], hevc: bool) {
        let Some(first) = nal_unit.first() else { return };
        let (is_sei, header) = if hevc { (matches!(first >> 1 & 63, 39 | 40), 2) } else { (first & 31 == 6, 1) };
        if !is_sei {
            return;
        }
        let payload = rbsp(nal_unit);
        let Some(mut rest) = payload.get(header..) else { return };
        // Messages: type and size, each in bytes of which 0xff say that more come (7.3.2.3.1).
        while rest.len() > 2 {
            let Some((kind, size, body)) = message(rest) else { return };
            let Some(content) = body.get(..size) else { return };
            if kind == USER_DATA_REGISTERED
                && let Some(data) = content.strip_prefix(&ATSC_CAPTIONS)
            {
                self.caption_data(data);
            }
            rest = body.get(size..).unwrap_or_default();
        }
    }

    /// `cc_data()`.
    fn caption_data(&mut self, data: &[u8]) {
        let mut reader = Reader::new(data);
        let (Ok(flags), Ok(_)) = (reader.u8(), reader.u8()) else { return };
        if flags & 0x40 == 0 {
            return;
        }
        for _ in 0..flags & 31 {
            let Ok([kind, a, b]) = reader.bytes(3) else { return };
            let (valid, kind) = (kind & 4 != 0, kind & 3);
            let says_something = (a & 0x7f) != 0 || (b & 0x7f) != 0;
            match (valid, kind) {
                (true, 0) => self.found.first_field = true,
                (true, 1) => self.found.second_field |= says_something,
                (true, 3) => {
                    self.end_packet();
                    self.packet.extend([*a, *b]);
                }
                (true, 2) if !self.packet.is_empty() && self.packet.len() < 128 => self.packet.extend([*a, *b]),
                _ => {}
            }
        }
    }

    /// Looks at the services of a packet (CEA-708 6.2).
    fn end_packet(&mut self) {
        let packet = std::mem::take(&mut self.packet);
        let Some((first, mut blocks)) = packet.split_first() else { return };
        let size = match first & 63 {
            0 => 127,
            code => usize::from(code) * 2 - 1,
        };
        blocks = blocks.get(..size.min(blocks.len())).unwrap_or_default();
        while let Some((head, rest)) = blocks.split_first() {
            let (mut number, length) = (head >> 5, usize::from(head & 31));
            let mut rest = rest;
            if number == 7 && length > 0 {
                let Some((extended, after)) = rest.split_first() else { return };
                (number, rest) = (extended & 63, after);
            }
            if number == 0 || length == 0 {
                return;
            }
            self.found.services |= 1 << number;
            blocks = rest.get(length..).unwrap_or_default();
        }
    }
}

/// Payload type and size of a message, and what follows.
fn message(mut rest: &[u8]) -> Option<(u32, usize, &[u8])> {
    let mut value = || {
        let mut sum = 0u32;
        loop {
            let (byte, after) = rest.split_first()?;
            rest = after;
            sum += u32::from(*byte);
            if *byte != 0xff {
                return Some(sum);
            }
        }
    };
    let (kind, size) = (value()?, value()?);
    Some((kind, usize::try_from(size).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanner() -> CaptionScanner {
        let mut entry = vec![0; 86];
        entry[4..8].copy_from_slice(b"avc1");
        entry.extend(b"\0\0\0\x0davcC\x01\x64\0\x1f\xff");
        CaptionScanner::of_sample_entry(&entry).unwrap()
    }

    fn sei(cc: &[[u8; 3]]) -> Vec<u8> {
        let mut data = ATSC_CAPTIONS.to_vec();
        data.extend([0xc0 | cc.len() as u8, 0xff]);
        cc.iter().for_each(|triplet| data.extend(triplet));
        data.push(0xff);
        let mut nal_unit = vec![6, 5, 2, 1, 2, 4, data.len() as u8];
        nal_unit.extend(data);
        nal_unit.push(0x80);
        nal_unit
    }

    #[test]
    fn fields_and_services_are_told_apart() {
        let mut scanner = scanner();
        scanner.nal_unit(&sei(&[[0xfc, 0x80, 0x80], [0xfd, 0x80, 0x80]]), false);
        assert_eq!(scanner.found(), ClosedCaptions { first_field: true, second_field: false, services: 0 });
        scanner.nal_unit(&sei(&[[0xfd, 0x94, 0x20]]), false);
        assert!(scanner.found().second_field);
        // Packet of two words: service 2 with one byte, then the next packet begins.
        scanner.nal_unit(&sei(&[[0xff, 0x02, 0x41], [0xfe, 0x41, 0x00], [0xff, 0x42, 0x00]]), false);
        assert_eq!(scanner.found().service_numbers().collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn other_units_and_damage_are_passed_over() {
        let mut scanner = scanner();
        let mut unit = sei(&[[0xfc, 0x80, 0x80]]);
        for length in 0..unit.len() - 6 {
            scanner.nal_unit(&unit[..length], false);
        }
        unit[0] = 5;
        scanner.nal_unit(&unit, false);
        scanner.nal_unit(&[6, 0xff, 0xff], false);
        assert!(!scanner.found().any());
        let mut hevc = vec![39 << 1, 1];
        hevc.extend(&sei(&[[0xfc, 0x80, 0x80]])[1..]);
        scanner.nal_unit(&hevc, true);
        assert!(scanner.found().any());
    }
}
