//! `Edm.DateTime` and `Edm.Time`.

use std::fmt;

/// 100 ns per second.
const TICKS: i64 = 10_000_000;
const DAY: i64 = 86_400 * TICKS;

/// A point in time with a resolution of 100 ns, always UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime {
    /// 100 ns steps since 1970-01-01T00:00:00Z.
    pub ticks: i64,
}

/// A length of time with a resolution of 100 ns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration {
    /// 100 ns steps.
    pub ticks: i64,
}

/// 0001-01-01 and the day after 9999-12-31, in days since 1970: the range of `Edm.DateTime`.
const FIRST_DAY: i64 = -719_162;
const END_DAY: i64 = 2_932_897;

impl DateTime {
    /// Milliseconds since 1970-01-01T00:00:00Z; out of range becomes the nearest end.
    pub fn from_milliseconds(milliseconds: i64) -> DateTime {
        let ticks = milliseconds.saturating_mul(TICKS / 1000);
        DateTime { ticks: ticks.clamp(FIRST_DAY * DAY, END_DAY * DAY - 1) }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z, rounded down.
    pub fn milliseconds(self) -> i64 {
        self.ticks.div_euclid(TICKS / 1000)
    }

    /// `2024-05-06T07:08:09.1234567Z`: seconds, fraction and zone may be missing, and UTC is meant then.
    /// `/Date(1336771959431)/` of older clients is understood too.
    pub fn parse(text: &str) -> Option<DateTime> {
        if let Some(inner) = text.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/")) {
            let milliseconds: i64 = inner.parse().ok()?;
            let time = DateTime::from_milliseconds(milliseconds);
            return (time.milliseconds() == milliseconds).then_some(time);
        }
        let mut rest = text;
        let year = number(&mut rest, 4)?;
        let month = after(&mut rest, '-').and_then(|()| number(&mut rest, 2))?;
        let day = after(&mut rest, '-').and_then(|()| number(&mut rest, 2))?;
        let (mut hour, mut minute, mut second, mut fraction) = (0, 0, 0, 0);
        if !rest.is_empty() {
            after(&mut rest, 'T').or_else(|| after(&mut rest, ' '))?;
            hour = number(&mut rest, 2)?;
            minute = after(&mut rest, ':').and_then(|()| number(&mut rest, 2))?;
            if after(&mut rest, ':').is_some() {
                second = number(&mut rest, 2)?;
                if after(&mut rest, '.').is_some() {
                    fraction = ticks_of_fraction(&mut rest)?;
                }
            }
        }
        let offset_minutes = zone(rest)?;
        let days_in_month = [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let valid = year >= 1
            && (1..=12).contains(&month)
            && (1..=days_in_month[(month - 1) as usize]).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        if !valid {
            return None;
        }
        let seconds = hour * 3600 + (minute - offset_minutes) * 60 + second;
        let ticks = days_from_civil(year, month, day) * DAY + seconds * TICKS + fraction;
        (FIRST_DAY * DAY..END_DAY * DAY).contains(&ticks).then_some(DateTime { ticks })
    }

    /// Year, month, day, hour, minute, second and the 100 ns steps beyond it.
    pub(super) fn parts(self) -> [i64; 7] {
        let (day, within) = (self.ticks.div_euclid(DAY), self.ticks.rem_euclid(DAY));
        let (year, month, day) = civil_from_days(day);
        let seconds = within / TICKS;
        [year, month, day, seconds / 3600, seconds / 60 % 60, seconds % 60, within % TICKS]
    }
}

impl fmt::Display for DateTime {
    /// As Azure Media Services wrote it: `2015-01-18T22:06:40.6010903Z`, without trailing zeros.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [year, month, day, hour, minute, second, fraction] = self.parts();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        write_fraction(f, fraction)?;
        f.write_str("Z")
    }
}

impl Duration {
    /// An ISO 8601 duration of days, hours, minutes and seconds: `PT1H30M`, `-P1DT0.5S`.
    pub fn parse(text: &str) -> Option<Duration> {
        let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let mut rest = text.strip_prefix('P')?;
        let (mut ticks, mut time, mut any, mut rank) = (0i64, false, false, 0);
        while !rest.is_empty() {
            if !time && after(&mut rest, 'T').is_some() {
                (time, any) = (true, false);
                continue;
            }
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let whole: i64 = rest.get(..digits).filter(|d| (1..=12).contains(&d.len()))?.parse().ok()?;
            rest = &rest[digits..];
            let fraction = if after(&mut rest, '.').is_some() { Some(ticks_of_fraction(&mut rest)?) } else { None };
            let unit = rest.chars().next()?;
            rest = &rest[unit.len_utf8()..];
            let (own_rank, scale) = match (time, unit) {
                (false, 'D') => (1, DAY),
                (true, 'H') => (2, 3600 * TICKS),
                (true, 'M') => (3, 60 * TICKS),
                (true, 'S') => (4, TICKS),
                _ => return None,
            };
            if own_rank <= rank || (fraction.is_some() && unit != 'S') {
                return None;
            }
            (rank, any) = (own_rank, true);
            ticks = ticks.checked_add(whole.checked_mul(scale)?)?.checked_add(fraction.unwrap_or(0))?;
        }
        any.then_some(Duration { ticks: sign * ticks })
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ticks < 0 {
            f.write_str("-")?;
        }
        let ticks = self.ticks.unsigned_abs();
        let (day, tick) = (DAY as u64, TICKS as u64);
        let (days, seconds, fraction) = (ticks / day, ticks % day / tick, (ticks % tick) as i64);
        f.write_str("P")?;
        if days > 0 {
            write!(f, "{days}D")?;
        }
        if seconds == 0 && fraction == 0 && days > 0 {
            return Ok(());
        }
        f.write_str("T")?;
        if seconds >= 3600 {
            write!(f, "{}H", seconds / 3600)?;
        }
        if seconds / 60 % 60 > 0 {
            write!(f, "{}M", seconds / 60 % 60)?;
        }
        if seconds % 60 > 0 || fraction > 0 || ticks == 0 {
            write!(f, "{}", seconds % 60)?;
            write_fraction(f, fraction)?;
            f.write_str("S")?;
        }
        Ok(())
    }
}

fn write_fraction(f: &mut fmt::Formatter<'_>, fraction: i64) -> fmt::Result {
    if fraction == 0 {
        return Ok(());
    }
    let digits = format!("{fraction:07}");
    write!(f, ".{}", digits.trim_end_matches('0'))
}

fn after(rest: &mut &str, wanted: char) -> Option<()> {
    *rest = rest.strip_prefix(wanted)?;
    Some(())
}

fn number(rest: &mut &str, digits: usize) -> Option<i64> {
    let text = rest.get(..digits).filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
    *rest = &rest[digits..];
    text.parse().ok()
}

/// What stands behind a decimal point, in 100 ns; further digits are cut off.
fn ticks_of_fraction(rest: &mut &str) -> Option<i64> {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if !(1..=20).contains(&digits) {
        return None;
    }
    let text = format!("{:0<7}", &rest[..digits.min(7)]);
    *rest = &rest[digits..];
    text.parse().ok()
}

/// `Z`, `+01:00` or nothing, in minutes.
fn zone(text: &str) -> Option<i64> {
    if text.is_empty() || text == "Z" || text == "z" {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let mut rest = text.strip_prefix(['+', '-'])?;
    let hours = number(&mut rest, 2)?;
    after(&mut rest, ':')?;
    let minutes = number(&mut rest, 2)?;
    (rest.is_empty() && hours <= 14 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days since 1970-01-01 in the Gregorian calendar; years begin in March here, so that leap days come last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (month, day) = ((shifted + 2) % 12 + 1, of_year - (153 * shifted + 2) / 5 + 1);
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_as_the_service_wrote_them() {
        for (text, written) in [
            ("2015-01-18T22:06:40.6010903Z", "2015-01-18T22:06:40.6010903Z"),
            ("2024-05-06T07:00:00", "2024-05-06T07:00:00Z"),
            ("2024-02-29T23:59", "2024-02-29T23:59:00Z"),
            ("2024-05-06", "2024-05-06T00:00:00Z"),
            ("2024-05-06T01:30:00+02:00", "2024-05-05T23:30:00Z"),
            ("/Date(1336771959431)/", "2012-05-11T21:32:39.431Z"),
            ("0001-01-01T00:00:00", "0001-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59.9999999", "9999-12-31T23:59:59.9999999Z"),
        ] {
            assert_eq!(DateTime::parse(text).map(|t| t.to_string()).as_deref(), Some(written), "{text}");
        }
        for text in [
            "",
            "2023-02-29",
            "2024-13-01",
            "2024-01-01T24:00:00",
            "2024-1-1",
            "0000-01-01",
            "2024-01-01T",
            "2024-01-01T00:00:00.",
            "2024-01-01T00:00:00ZZ",
            "0001-01-01T00:00:00+01:00",
            "/Date(9223372036854775807)/",
        ] {
            assert_eq!(DateTime::parse(text), None, "{text}");
        }
    }

    #[test]
    fn durations() {
        for (text, written) in [
            ("PT1H", "PT1H"),
            ("PT5M", "PT5M"),
            ("PT25H", "P1DT1H"),
            ("P1D", "P1D"),
            ("PT0S", "PT0S"),
            ("-PT0.5S", "-PT0.5S"),
            ("PT90S", "PT1M30S"),
            ("P2DT3H4M5.678S", "P2DT3H4M5.678S"),
        ] {
            assert_eq!(Duration::parse(text).map(|t| t.to_string()).as_deref(), Some(written), "{text}");
        }
        for text in ["", "P", "PT", "1H", "PT1M1H", "P1Y", "PT1", "PT1.5H", "P1DT", "PT99999999999999S"] {
            assert_eq!(Duration::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_date_written_is_the_date_read(ticks in FIRST_DAY * DAY..END_DAY * DAY) {
            let time = DateTime { ticks };
            prop_assert_eq!(DateTime::parse(&time.to_string()), Some(time));
        }

        #[test]
        fn a_duration_written_is_the_duration_read(ticks in -1_000_000 * DAY..1_000_000 * DAY) {
            let time = Duration { ticks };
            prop_assert_eq!(Duration::parse(&time.to_string()), Some(time));
        }
    }
}
