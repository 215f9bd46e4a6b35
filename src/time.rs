//! Exact time: integer ticks, a timescale, and rescaling whose rounding is in its name.
//!
//! Nothing here reads a clock; [`UtcTime`] is passed in by whoever owns one. Time is never a float.

use std::fmt;
use std::num::NonZeroU32;

/// Ticks per second, as in `mdhd.timescale` (ISO/IEC 14496-12 8.4.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timescale(NonZeroU32);

impl Timescale {
    /// 10,000,000 ticks per second (100 ns): Smooth Streaming's default (MS-SSTR 2.2.2.1) and the
    /// timescale of `mpd-time-csf`.
    pub const TEN_MHZ: Timescale = Timescale(NonZeroU32::new(10_000_000).unwrap());
    /// 90,000 ticks per second: PTS and DTS of MPEG-2 systems (ISO/IEC 13818-1 2.4.3.7).
    pub const NINETY_KHZ: Timescale = Timescale(NonZeroU32::new(90_000).unwrap());
    /// 1,000 ticks per second.
    pub const MILLISECONDS: Timescale = Timescale(NonZeroU32::new(1_000).unwrap());

    /// A timescale of `ticks_per_second`; `None` for zero.
    pub const fn new(ticks_per_second: u32) -> Option<Timescale> {
        match NonZeroU32::new(ticks_per_second) {
            Some(n) => Some(Timescale(n)),
            None => None,
        }
    }

    /// Ticks per second.
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Debug for Timescale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

/// The latest media time that is accepted from a source, in seconds: about 317 years, so that recordings of
/// live streams that count from 1970, 1904 or 1900 are. Below it no rescaling to the timescales that formats
/// use overflows 64 bits; [`rescale_floor`] and its sisters saturate.
pub const MAX_MEDIA_SECONDS: u64 = 10_000_000_000;

/// The latest media time that is accepted from a source, in ticks, whatever their scale: some of them can be
/// added up without overflow.
pub const MAX_MEDIA_TICKS: i64 = 1 << 60;

/// [`MAX_MEDIA_SECONDS`] in ticks of `scale`, or [`MAX_MEDIA_TICKS`].
pub const fn latest_media_time(scale: Timescale) -> i64 {
    let ticks = (MAX_MEDIA_SECONDS as i64).saturating_mul(scale.0.get() as i64);
    if ticks < MAX_MEDIA_TICKS { ticks } else { MAX_MEDIA_TICKS }
}

/// `ticks` of `from` as ticks of `to`, rounded towards minus infinity. Saturates at the ends of `i64`.
pub const fn rescale_floor(ticks: i64, from: Timescale, to: Timescale) -> i64 {
    if from.0.get() == to.0.get() {
        return ticks;
    }
    // Almost all times fit: 64-bit division is several times faster than 128-bit.
    if let Some(scaled) = ticks.checked_mul(to.0.get() as i64) {
        return scaled.div_euclid(from.0.get() as i64);
    }
    saturate((ticks as i128 * to.0.get() as i128).div_euclid(from.0.get() as i128))
}

/// `ticks` of `from` as ticks of `to`, rounded towards plus infinity. Saturates at the ends of `i64`.
pub const fn rescale_ceil(ticks: i64, from: Timescale, to: Timescale) -> i64 {
    if from.0.get() == to.0.get() {
        return ticks;
    }
    let scaled = ticks as i128 * to.0.get() as i128;
    saturate(-(-scaled).div_euclid(from.0.get() as i128))
}

/// `ticks` of `from` as the nearest tick of `to`, halves up. Saturates at the ends of `i64`.
pub const fn rescale_round(ticks: i64, from: Timescale, to: Timescale) -> i64 {
    if from.0.get() == to.0.get() {
        return ticks;
    }
    if let Some(scaled) = ticks.checked_mul(to.0.get() as i64 * 2)
        && let Some(doubled) = scaled.checked_add(from.0.get() as i64)
    {
        return doubled.div_euclid(from.0.get() as i64 * 2);
    }
    let doubled = ticks as i128 * to.0.get() as i128 * 2 + from.0.get() as i128;
    saturate(doubled.div_euclid(from.0.get() as i128 * 2))
}

const fn saturate(n: i128) -> i64 {
    if n > i64::MAX as i128 {
        i64::MAX
    } else if n < i64::MIN as i128 {
        i64::MIN
    } else {
        n as i64
    }
}

/// A point or length on a media timeline.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MediaTime {
    /// Ticks; negative before the presentation's zero.
    pub ticks: i64,
    /// Unit of `ticks`.
    pub scale: Timescale,
}

impl MediaTime {
    /// Zero in the given timescale.
    pub const fn zero(scale: Timescale) -> MediaTime {
        MediaTime { ticks: 0, scale }
    }

    /// `ticks` of `scale`.
    pub const fn new(ticks: i64, scale: Timescale) -> MediaTime {
        MediaTime { ticks, scale }
    }

    /// Ticks of `to`, rounded down.
    pub const fn floor(self, to: Timescale) -> i64 {
        rescale_floor(self.ticks, self.scale, to)
    }

    /// Ticks of `to`, rounded to the nearest.
    pub const fn round(self, to: Timescale) -> i64 {
        rescale_round(self.ticks, self.scale, to)
    }

    /// Ticks of `to`, rounded up.
    pub const fn ceil(self, to: Timescale) -> i64 {
        rescale_ceil(self.ticks, self.scale, to)
    }

    /// Exact comparison across timescales.
    pub fn compare(self, other: MediaTime) -> std::cmp::Ordering {
        let a = i128::from(self.ticks) * i128::from(other.scale.get());
        let b = i128::from(other.ticks) * i128::from(self.scale.get());
        a.cmp(&b)
    }

    /// Seconds with exactly `decimals` (0–9) digits, rounded to the nearest, as playlists print them.
    pub fn seconds(self, decimals: u32) -> Seconds {
        let unit = 10i64.pow(decimals.min(9));
        let scale = Timescale::new(unit as u32).unwrap_or(Timescale::MILLISECONDS);
        Seconds { units: self.round(scale), unit, decimals: decimals.min(9) }
    }
}

impl fmt::Debug for MediaTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ticks, self.scale.get())
    }
}

/// Decimal seconds ready to be printed; made by [`MediaTime::seconds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seconds {
    units: i64,
    unit: i64,
    decimals: u32,
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.units < 0 { "-" } else { "" };
        let units = self.units.unsigned_abs();
        let unit = self.unit.unsigned_abs();
        if self.decimals == 0 {
            return write!(f, "{sign}{units}");
        }
        write!(f, "{sign}{}.{:0width$}", units / unit, units % unit, width = self.decimals as usize)
    }
}

/// Wall-clock time, milliseconds since 1970-01-01T00:00:00Z. Always an argument, never read here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct UtcTime {
    /// Milliseconds since the Unix epoch.
    pub unix_millis: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(n: u32) -> Timescale {
        Timescale::new(n).unwrap()
    }

    #[test]
    fn rescaling_rounds_as_its_name_says() {
        let table: [(i64, u32, u32, i64, i64, i64); 7] = [
            // ticks, from, to, floor, round, ceil
            (0, 48_000, 10_000_000, 0, 0, 0),
            (1024, 48_000, 10_000_000, 213_333, 213_333, 213_334),
            (-1024, 48_000, 10_000_000, -213_334, -213_333, -213_333),
            (1001, 30_000, 90_000, 3003, 3003, 3003),
            (1, 2, 1, 0, 1, 1),
            (-1, 2, 1, -1, 0, 0),
            (i64::MAX, 1, 2, i64::MAX, i64::MAX, i64::MAX),
        ];
        for (ticks, from, to, floor, round, ceil) in table {
            assert_eq!(rescale_floor(ticks, scale(from), scale(to)), floor);
            assert_eq!(rescale_round(ticks, scale(from), scale(to)), round);
            assert_eq!(rescale_ceil(ticks, scale(from), scale(to)), ceil);
        }
    }

    #[test]
    fn audio_chunk_durations_alternate_as_in_real_client_manifests() {
        // 87 frames of 1024 samples at 44,100 Hz, the times of a client manifest written by the
        // Microsoft encoder: durations by difference of floored absolute times.
        let at = |chunk: i64| rescale_floor(chunk * 87 * 1024, scale(44_100), Timescale::TEN_MHZ);
        let durations: Vec<i64> = (0..4).map(|i| at(i + 1) - at(i)).collect();
        assert_eq!(durations, [20_201_360, 20_201_361, 20_201_360, 20_201_361]);
    }

    #[test]
    fn seconds_print_with_fixed_decimals() {
        assert_eq!(MediaTime::new(6006, scale(1000)).seconds(6).to_string(), "6.006000");
        assert_eq!(MediaTime::new(1, scale(3)).seconds(3).to_string(), "0.333");
        assert_eq!(MediaTime::new(-1, scale(2)).seconds(1).to_string(), "-0.5");
        assert_eq!(MediaTime::new(5, scale(2)).seconds(0).to_string(), "3");
    }
}
