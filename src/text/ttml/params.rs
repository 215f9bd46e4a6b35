//! TTML's parameters of time (TTML1 6.2) and its time expressions (TTML1 10.3.1).

use crate::text::Error;
use crate::text::time::digits;
use crate::xml::mixed::Element;

use super::PARAMETER;

/// Times of TTML before they are rounded to milliseconds: 10,000,000 a second.
pub(super) const TICKS: u64 = 10_000_000;
/// No time is later: about 31 years.
const LATEST: u64 = crate::time::MAX_MEDIA_SECONDS * TICKS;

/// How the frames of SMPTE time code are counted (TTML1 6.2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Drop {
    None,
    Ntsc,
    Pal,
}

/// What time expressions of a document mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Clock {
    /// Frames that a second of a clock time has.
    frame_rate: u64,
    /// Frames per second in truth, as a fraction.
    rate: (u64, u64),
    sub_frame_rate: u64,
    tick_rate: u64,
    smpte: bool,
    drop: Drop,
}

impl Clock {
    /// Reads the parameters of `tt`.
    pub(super) fn of(root: &Element) -> Result<Clock, Error> {
        let parameter = |name: &'static str| root.attribute(Some(PARAMETER), name).map(str::trim);
        let wrong =
            |name: &'static str, value: &str| Error::Parameter { name, value: value.chars().take(64).collect() };
        let number = |name: &'static str| match parameter(name) {
            None => Ok(None),
            Some(value) => match digits(value).filter(|n| (1..=u64::from(u32::MAX)).contains(n)) {
                Some(number) => Ok(Some(number)),
                None => Err(wrong(name, value)),
            },
        };
        let stated_rate = number("frameRate")?;
        let frame_rate = stated_rate.unwrap_or(30);
        let multiplier = match parameter("frameRateMultiplier") {
            None => (1, 1),
            Some(value) => {
                // A space in TTML, a colon in its drafts.
                let mut parts = value.split([' ', ':']).filter(|part| !part.is_empty()).map(digits);
                let positive =
                    |part: Option<Option<u64>>| part.flatten().filter(|n| (1..=u64::from(u32::MAX)).contains(n));
                match (positive(parts.next()), parts.next()) {
                    (Some(n), None) => (n, 1),
                    (Some(n), Some(d)) => (n, positive(Some(d)).ok_or_else(|| wrong("frameRateMultiplier", value))?),
                    _ => return Err(wrong("frameRateMultiplier", value)),
                }
            }
        };
        let sub_frame_rate = number("subFrameRate")?.unwrap_or(1);
        let tick_rate =
            number("tickRate")?.unwrap_or(if stated_rate.is_some() { frame_rate * sub_frame_rate } else { 1 });
        Ok(Clock {
            frame_rate,
            rate: (frame_rate.saturating_mul(multiplier.0), multiplier.1),
            sub_frame_rate,
            tick_rate,
            smpte: parameter("timeBase") == Some("smpte"),
            drop: match parameter("dropMode") {
                Some("dropNTSC") => Drop::Ntsc,
                Some("dropPAL") => Drop::Pal,
                _ => Drop::None,
            },
        })
    }

    /// A time expression in [`TICKS`]; `None` if it is none.
    pub(super) fn parse(&self, text: &str) -> Option<u64> {
        let text = text.trim();
        let ticks = if text.contains(':') { self.clock_time(text)? } else { self.offset_time(text)? };
        (ticks < LATEST).then_some(ticks)
    }

    /// `hh:mm:ss`, a fraction or `:frames` behind it.
    fn clock_time(&self, text: &str) -> Option<u64> {
        let mut parts = text.split(':');
        let hours = digits(parts.next()?)?;
        let minutes = digits(parts.next()?)?;
        let (seconds, fraction) = parse_decimal(parts.next()?)?;
        let frames = parts.next();
        if parts.next().is_some() || minutes > 59 || seconds > 60 || hours > crate::time::MAX_MEDIA_SECONDS / 3600 {
            return None;
        }
        let whole = hours * 3600 + minutes * 60 + seconds;
        let (frames, sub) = match frames.map(|f| f.split_once('.').unwrap_or((f, "0"))) {
            Some((frames, sub)) => (digits(frames)?, digits(sub)?),
            None => (0, 0),
        };
        if !self.smpte {
            return Some(whole * TICKS + fraction + self.frames(frames, sub));
        }
        let minute = whole / 60;
        let dropped = match self.drop {
            Drop::None => 0,
            Drop::Ntsc => 2 * (minute - minute / 10),
            Drop::Pal => 4 * (minute / 2 - minute / 20),
        };
        let count = whole.saturating_mul(self.frame_rate).saturating_add(frames).saturating_sub(dropped);
        Some(self.frames(count, sub) + fraction)
    }

    /// A number with `h`, `m`, `s`, `ms`, `f` or `t` behind it.
    fn offset_time(&self, text: &str) -> Option<u64> {
        let unit_at = text.find(|c: char| c.is_ascii_alphabetic())?;
        let (number, unit) = text.split_at(unit_at);
        let (whole, fraction) = parse_decimal(number)?;
        let value = u128::from(whole) * u128::from(TICKS) + u128::from(fraction);
        let (times, by) = match unit {
            "h" => (3600, 1),
            "m" => (60, 1),
            "s" => (1, 1),
            "ms" => (1, 1000),
            "f" => (self.rate.1, self.rate.0),
            "t" => (1, self.tick_rate),
            _ => return None,
        };
        u64::try_from(value.saturating_mul(u128::from(times)) / u128::from(by.max(1))).ok()
    }

    fn frames(&self, frames: u64, sub: u64) -> u64 {
        let sub_rate = u128::from(self.sub_frame_rate.max(1));
        let parts = u128::from(frames) * sub_rate + u128::from(sub);
        let ticks = parts.saturating_mul(u128::from(TICKS)).saturating_mul(u128::from(self.rate.1))
            / (u128::from(self.rate.0) * sub_rate).max(1);
        u64::try_from(ticks).unwrap_or(u64::MAX / 4).min(u64::MAX / 4)
    }
}

/// A decimal number as a whole number and ten-millionths; further digits are cut.
fn parse_decimal(text: &str) -> Option<(u64, u64)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut parts = 0;
    for index in 0..7 {
        parts = parts * 10 + fraction.as_bytes().get(index).map_or(0, |b| u64::from(b - b'0'));
    }
    Some((digits(whole)?, parts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{Limits, mixed};

    fn clock(attributes: &str) -> Clock {
        let text = format!("<tt xmlns:ttp='{PARAMETER}' {attributes}/>");
        Clock::of(&mixed::parse(text.as_bytes(), Limits::default(), |uri| uri).unwrap()).unwrap()
    }

    #[test]
    fn every_time_expression_is_understood() {
        let film = clock("ttp:frameRate='24' ttp:frameRateMultiplier='1000 1001' ttp:tickRate='10000000'");
        let plain = clock("");
        for (clock, text, millis_and_tenths) in [
            (plain, "00:00:01.5", 15_000),
            (plain, "01:00:00", 36_000_000),
            (plain, "1.5h", 54_000_000),
            (plain, "2m", 1_200_000),
            (plain, "1500ms", 15_000),
            (plain, "12.25s", 122_500),
            (plain, "3t", 30_000),
            (plain, "00:00:00:15", 5_000),
            (clock("ttp:frameRate='25'"), "00:00:01:05", 12_000),
            (clock("ttp:frameRate='25'"), "50t", 20_000),
            (clock("ttp:frameRate='25' ttp:subFrameRate='2'"), "00:00:00:00.1", 200),
            (film, "24f", 10_010),
            (film, "15000000t", 15_000),
            (
                clock(
                    "ttp:timeBase='smpte' ttp:frameRate='30' ttp:frameRateMultiplier='1000:1001' ttp:dropMode='dropNTSC'",
                ),
                "00:10:00:00",
                5_999_994,
            ),
            (
                clock("ttp:timeBase='smpte' ttp:frameRate='24' ttp:frameRateMultiplier='1000 1001'"),
                "00:00:10:00",
                100_100,
            ),
        ] {
            assert_eq!(clock.parse(text).map(|t| t / 1000), Some(millis_and_tenths), "{text}");
        }
        for text in ["", "1", "s", "1x", "00:61:00", "a:b:c", "00:00:01.", "-1s", "99999999999h", "999999999999999999s"]
        {
            assert_eq!(plain.parse(text), None, "{text}");
        }
    }

    #[test]
    fn parameters_that_are_none_are_refused() {
        for attributes in
            ["ttp:frameRate='0'", "ttp:tickRate='x'", "ttp:frameRateMultiplier='1000 0'", "ttp:subFrameRate='-1'"]
        {
            let text = format!("<tt xmlns:ttp='{PARAMETER}' {attributes}/>");
            let root = mixed::parse(text.as_bytes(), Limits::default(), |uri| uri).unwrap();
            assert!(matches!(Clock::of(&root), Err(Error::Parameter { .. })), "{attributes}");
        }
    }
}
