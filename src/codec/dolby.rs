//! What AC-3 and E-AC-3 share: audio coding modes and where their loudspeakers stand (ETSI TS 102 366).

/// Bits of the custom channel map (ETSI TS 102 366 table E.1.4): left is the most significant.
const LEFT: u16 = 1 << 15;
const CENTRE: u16 = 1 << 14;
const RIGHT: u16 = 1 << 13;
const LEFT_SURROUND: u16 = 1 << 12;
const RIGHT_SURROUND: u16 = 1 << 11;
const CENTRE_SURROUND: u16 = 1 << 8;
const LFE_2: u16 = 1 << 1;
const LFE: u16 = 1;

/// Locations of the map that are two loudspeakers.
const PAIRS: u16 = 1 << 10 | 1 << 9 | 1 << 6 | 1 << 5 | 1 << 4 | 1 << 2;

/// For each bit from the least significant one, the loudspeakers of `dwChannelMask` of WAVEFORMATEXTENSIBLE;
/// 0 where that knows none.
const WAVE: [u32; 16] = [
    0x8,     // LFE
    0,       // LFE 2
    0x28000, // top surround pair: top back left and right
    0x2000,  // centre vertical height: top front centre
    0x5000,  // vertical height pair: top front left and right
    0,       // wide pair
    0,       // surround direct pair
    0x800,   // top surround: top centre
    0x100,   // centre surround: back centre
    0x600,   // rear surround pair: the sides, as the surround pair has the back
    0xc0,    // left and right centre: front left and right of centre
    0x20,    // right surround: back right
    0x10,    // left surround: back left
    0x2,     // right
    0x4,     // centre
    0x1,     // left
];

/// PCM samples of a sample in a file: six blocks of 256 (ETSI TS 102 366 F.2, F.5).
pub(super) const SAMPLES_PER_FRAME: u32 = 6 * 256;

/// Samples per second of an `fscod` (table 4.1); `None` for the reserved one.
pub(super) fn sampling_rate(fscod: u32) -> Option<u32> {
    [48_000, 44_100, 32_000].get(fscod as usize).copied()
}

/// Kilobits per second of half a `frmsizecod` (table 4.13).
const BIT_RATES: [usize; 19] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];

/// Bytes of the syncframe at the beginning of `data`, of either kind (4.4.1, E.1.3.1.3); `None` where none begins.
pub(super) fn syncframe_length(data: &[u8]) -> Option<usize> {
    let &[0x0b, 0x77, second, third, fourth, fifth, ..] = data else { return None };
    // `bsid` tells them apart; it has the same place in both.
    if fifth >> 3 > 10 {
        return Some((usize::from(second & 7) << 8 | usize::from(third)) * 2 + 2);
    }
    let code = usize::from(fourth & 0x3f);
    let rate = *BIT_RATES.get(code / 2)?;
    let words = match fourth >> 6 {
        0 => rate * 2,
        1 => rate * 320 / 147 + code % 2,
        2 => rate * 3,
        _ => return None,
    };
    Some(words * 2)
}

/// A set of loudspeakers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChannelMap(pub u16);

impl ChannelMap {
    /// Those of an audio coding mode (`acmod`, table 4.3), with or without low frequencies.
    pub fn of(acmod: u32, lfe: bool) -> ChannelMap {
        let map = match acmod & 7 {
            1 => CENTRE,
            0 | 2 => LEFT | RIGHT, // 0 is two programmes of one channel each
            3 => LEFT | CENTRE | RIGHT,
            4 => LEFT | RIGHT | CENTRE_SURROUND,
            5 => LEFT | CENTRE | RIGHT | CENTRE_SURROUND,
            6 => LEFT | RIGHT | LEFT_SURROUND | RIGHT_SURROUND,
            _ => LEFT | CENTRE | RIGHT | LEFT_SURROUND | RIGHT_SURROUND,
        };
        ChannelMap(if lfe { map | LFE } else { map })
    }

    /// With those that dependent substreams add: `chan_loc` of nine bits (table F.6.1), whose least
    /// significant bit is the pair beside the centre and whose most significant one is the second LFE.
    pub fn with_locations(self, chan_loc: u32) -> ChannelMap {
        let added = (0..8).filter(|bit| chan_loc >> bit & 1 == 1).fold(0, |map, bit| map | 1 << (10 - bit));
        ChannelMap(self.0 | added | if chan_loc >> 8 & 1 == 1 { LFE_2 } else { 0 })
    }

    /// Channels.
    pub fn count(self) -> u16 {
        (self.0.count_ones() + (self.0 & PAIRS).count_ones()) as u16
    }

    /// `dwChannelMask` of WAVEFORMATEXTENSIBLE.
    pub fn wave_mask(self) -> u32 {
        WAVE.iter().enumerate().filter(|(bit, _)| self.0 >> bit & 1 == 1).fold(0, |mask, (_, speakers)| mask | speakers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_syncframes() {
        for (frame, length) in [
            // Of AC-3, bsid 8: 384 kbit/s at 48, 32 and 44.1 kHz, the last with a padding word (table 4.13).
            ([0x0b, 0x77, 0, 0, 0x1c, 0x40, 0], Some(1536)),
            ([0x0b, 0x77, 0, 0, 0x9c, 0x40, 0], Some(2304)),
            ([0x0b, 0x77, 0, 0, 0x5c, 0x40, 0], Some(1670)),
            ([0x0b, 0x77, 0, 0, 0x5d, 0x40, 0], Some(1672)),
            ([0x0b, 0x77, 0, 0, 0xdc, 0x40, 0], None),
            ([0x0b, 0x77, 0, 0, 0x3f, 0x40, 0], None),
            // Of Enhanced AC-3, bsid 16: frmsiz 895.
            ([0x0b, 0x77, 0x03, 0x7f, 0x3f, 0x80, 0], Some(1792)),
            ([0x0b, 0x78, 0x03, 0x7f, 0x3f, 0x80, 0], None),
        ] {
            assert_eq!(syncframe_length(&frame), length, "{frame:02x?}");
        }
        assert_eq!(syncframe_length(&[0x0b, 0x77, 0, 0, 0x1c]), None);
    }

    #[test]
    fn loudspeakers() {
        let table = [
            (0, false, 0xa000, 2, 0x3),
            (1, false, 0x4000, 1, 0x4),
            (2, false, 0xa000, 2, 0x3),
            (3, false, 0xe000, 3, 0x7),
            (4, false, 0xa100, 3, 0x103),
            (5, true, 0xe101, 5, 0x10f),
            (6, false, 0xb800, 4, 0x33),
            (7, false, 0xf800, 5, 0x37),
            (7, true, 0xf801, 6, 0x3f),
        ];
        for (acmod, lfe, map, channels, mask) in table {
            let found = ChannelMap::of(acmod, lfe);
            assert_eq!((found.0, found.count(), found.wave_mask()), (map, channels, mask), "{acmod}");
        }
    }

    #[test]
    fn dependent_substreams_add_loudspeakers() {
        let of = |chan_loc| ChannelMap::of(7, true).with_locations(chan_loc);
        // 7.1: a rear pair.
        assert_eq!((of(2).0, of(2).count(), of(2).wave_mask()), (0xfa01, 8, 0x63f));
        assert_eq!((of(1).0, of(1).count()), (0xfc01, 8));
        assert_eq!((of(4).0, of(4).count()), (0xf901, 7));
        assert_eq!((of(0x80).0, of(0x80).count()), (0xf809, 7));
        assert_eq!((of(0x40).0, of(0x40).count()), (0xf811, 8));
        assert_eq!((of(0x100).0, of(0x100).count()), (0xf803, 7));
    }
}
