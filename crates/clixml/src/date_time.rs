//! .NET dates and times.
//!
//! Spec: [MS-PSRP] 2.2.5.1.4 Date/Time, which is `xs:dateTime`. What surprised: the suffix is the value's kind, and a
//! local time carries the offset its writer had on that very date, so both have to be kept to write the value back.
//!
//! [MS-PSRP]: https://learn.microsoft.com/openspecs/windows_protocols/ms-psrp/

use std::fmt;
use std::str::FromStr;

use crate::time_span::{Fraction, TICKS_PER_SECOND, parse_fraction};

/// A .NET `DateTime`: a clock reading in ticks of 100 nanoseconds since 0001-01-01, and which clock it was.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct DateTime {
    /// INVARIANT: below [`END`], the first tick of the year 10000.
    ticks: u64,
    kind: DateTimeKind,
}

/// Which clock a [`DateTime`] was read from.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "these are the kinds .NET has")]
pub enum DateTimeKind {
    /// Nobody knows; written without a suffix.
    Unspecified,
    /// Universal time, `Z`.
    Utc,
    /// The writer's local time, that many minutes ahead of universal time.
    Local {
        /// Minutes to take from the reading to get universal time, -840 to 840.
        offset_minutes: i16,
    },
}

/// Why a text or number is not a [`DateTime`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a date is an xs:dateTime in the years 1 to 9999")]
#[non_exhaustive]
pub struct DateTimeError;

const SECONDS_PER_DAY: u64 = 86_400;
const DAYS_TO_YEAR_10000: u64 = 3_652_059;
const END: u64 = DAYS_TO_YEAR_10000 * SECONDS_PER_DAY * TICKS_PER_SECOND;
const UNIX_EPOCH_SECONDS: i64 = 62_135_596_800;
const MAX_OFFSET_MINUTES: i16 = 14 * 60;

impl DateTime {
    /// Makes a date of ticks since 0001-01-01T00:00:00 on the clock that `kind` names.
    ///
    /// # Errors
    ///
    /// [`DateTimeError`] when the date lies beyond the year 9999 or the offset beyond 14 hours.
    pub fn from_ticks(ticks: u64, kind: DateTimeKind) -> Result<Self, DateTimeError> {
        let offset_fits = match kind {
            DateTimeKind::Local { offset_minutes } => offset_minutes.abs() <= MAX_OFFSET_MINUTES,
            DateTimeKind::Unspecified | DateTimeKind::Utc => true,
        };
        if ticks < END && offset_fits { Ok(Self { ticks, kind }) } else { Err(DateTimeError) }
    }

    /// Makes a date of kind UTC from seconds since 1970 and nanoseconds, which are cut to 100.
    ///
    /// # Errors
    ///
    /// [`DateTimeError`] when the date is not in the years 1 to 9999.
    pub fn from_unix(seconds: i64, nanoseconds: u32) -> Result<Self, DateTimeError> {
        let seconds = seconds.checked_add(UNIX_EPOCH_SECONDS).ok_or(DateTimeError)?;
        let ticks = u64::try_from(seconds)
            .ok()
            .and_then(|seconds| seconds.checked_mul(TICKS_PER_SECOND))
            .and_then(|ticks| ticks.checked_add(u64::from(nanoseconds / 100)))
            .ok_or(DateTimeError)?;
        Self::from_ticks(ticks, DateTimeKind::Utc)
    }

    /// Gives the ticks since 0001-01-01T00:00:00 on the clock that [`DateTime::kind`] names.
    #[must_use]
    pub const fn ticks(self) -> u64 {
        self.ticks
    }

    /// Gives the clock the reading is from.
    #[must_use]
    pub const fn kind(self) -> DateTimeKind {
        self.kind
    }

    /// Gives the whole seconds since 1970-01-01T00:00:00Z, rounded down; an unspecified clock counts as universal time.
    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        let offset = match self.kind {
            DateTimeKind::Local { offset_minutes } => i64::from(offset_minutes) * 60,
            DateTimeKind::Unspecified | DateTimeKind::Utc => 0,
        };
        (self.ticks / TICKS_PER_SECOND).cast_signed() - UNIX_EPOCH_SECONDS - offset
    }

    /// Gives year (1 to 9999), month and day of the reading.
    #[must_use]
    pub fn date(self) -> (u64, u64, u64) {
        civil_from_days(self.ticks / TICKS_PER_SECOND / SECONDS_PER_DAY)
    }
}

/// Turns days since 0001-01-01 into year, month, day.
///
/// Counts in years that begin in March, so that the leap day comes last and months follow one linear rule.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let days = days + 306;
    let era_day = days % 146_097;
    let year_of_era = (era_day - era_day / 1460 + era_day / 36_524 - era_day / 146_096) / 365;
    let day_of_year = era_day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + days / 146_097 * 400 + u64::from(month <= 2);
    (year, month, day)
}

/// Turns year, month, day into days since 0001-01-01; the inverse of [`civil_from_days`].
fn days_from_civil(year: u64, month: u64, day: u64) -> Option<u64> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = match month {
        2 => 28 + u64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=9999).contains(&year) || !(1..=length).contains(&day) {
        return None;
    }
    let march_year = year - u64::from(month <= 2);
    let march_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let days =
        march_year * 365 + march_year / 4 - march_year / 100 + march_year / 400 + day_of_year;
    days.checked_sub(306)
}

/// Writes the `xs:dateTime` form, such as `2014-01-01T00:00:00.1234567+02:00`.
impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        let seconds = self.ticks / TICKS_PER_SECOND % SECONDS_PER_DAY;
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let fraction = Fraction(self.ticks % TICKS_PER_SECOND);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}")?;
        match self.kind {
            DateTimeKind::Unspecified => Ok(()),
            DateTimeKind::Utc => f.write_str("Z"),
            DateTimeKind::Local { offset_minutes } => {
                let sign = if offset_minutes < 0 { '-' } else { '+' };
                let minutes = offset_minutes.unsigned_abs();
                write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }
}

impl FromStr for DateTime {
    type Err = DateTimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text.trim()).ok_or(DateTimeError)
    }
}

fn parse(text: &str) -> Option<DateTime> {
    let (date, clock) = text.split_once('T')?;
    let mut date = date.splitn(3, '-');
    let (year, month, day) =
        (digits(date.next()?, 4)?, digits(date.next()?, 2)?, digits(date.next()?, 2)?);
    let end = clock.find(['Z', '+', '-']).unwrap_or(clock.len());
    let (clock, suffix) = clock.split_at_checked(end)?;
    let kind = parse_kind(suffix)?;
    let mut clock = clock.splitn(3, ':');
    let (hour, minute, second) =
        (digits(clock.next()?, 2)?, digits(clock.next()?, 2)?, clock.next()?);
    let (second, fraction) = match second.split_once('.') {
        Some((second, fraction)) => (second, parse_fraction(fraction)?),
        None => (second, 0),
    };
    let second = digits(second, 2)?;
    // The end of a day may be written as 24:00:00.
    let midnight = hour == 24 && minute + second + fraction == 0;
    if !(hour < 24 || midnight) || minute > 59 || second > 59 {
        return None;
    }
    let seconds =
        days_from_civil(year, month, day)? * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
    DateTime::from_ticks(seconds * TICKS_PER_SECOND + fraction, kind).ok()
}

fn parse_kind(suffix: &str) -> Option<DateTimeKind> {
    match suffix {
        "" => return Some(DateTimeKind::Unspecified),
        "Z" => return Some(DateTimeKind::Utc),
        _ => {}
    }
    let (sign, rest) = match suffix.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, suffix.strip_prefix('+')?),
    };
    let (hours, minutes) = rest.split_once(':')?;
    let minutes = i16::try_from(digits(hours, 2)? * 60 + digits(minutes, 2)?).ok()?;
    Some(DateTimeKind::Local { offset_minutes: sign * minutes })
}

fn digits(text: &str, length: usize) -> Option<u64> {
    let fits = text.len() == length && text.bytes().all(|digit| digit.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::{DateTime, DateTimeKind, civil_from_days, days_from_civil};

    #[test]
    fn known_answers() {
        for (text, ticks) in [
            ("0001-01-01T00:00:00", 0),
            ("2014-01-01T00:00:00.1234567+02:00", 635_241_312_001_234_567),
            ("2000-02-29T12:34:56Z", 630_874_244_960_000_000),
            ("9999-12-31T23:59:59.9999999", 3_155_378_975_999_999_999),
            ("1970-01-01T00:00:00.1-03:30", 621_355_968_001_000_000),
        ] {
            let date: DateTime = text.parse().unwrap();
            assert_eq!(date.ticks(), ticks, "{text}");
            assert_eq!(date.to_string(), text);
        }
    }

    #[test]
    fn the_offset_is_taken_off_for_unix_time() {
        let date: DateTime = "1970-01-01T01:00:00+01:00".parse().unwrap();
        assert_eq!(date.kind(), DateTimeKind::Local { offset_minutes: 60 });
        assert_eq!(date.unix_seconds(), 0);
        assert_eq!(
            DateTime::from_unix(0, 100).unwrap().to_string(),
            "1970-01-01T00:00:00.0000001Z"
        );
    }

    #[test]
    fn every_day_of_ten_thousand_years_is_its_own() {
        for days in (0..3_652_059).step_by(13) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), Some(days));
        }
        assert_eq!(civil_from_days(3_652_058), (9999, 12, 31));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2014-01-01",
            "2014-02-29T00:00:00",
            "0000-01-01T00:00:00",
            "2014-01-01T25:00:00",
            "2014-01-01T00:00:00+15:00",
            "2014-1-1T00:00:00",
            "2014-01-01T00:00:00.",
            "9999-12-31T24:00:00",
        ] {
            assert!(text.parse::<DateTime>().is_err(), "{text}");
        }
        assert_eq!(
            "2013-12-31T24:00:00".parse::<DateTime>().unwrap().to_string(),
            "2014-01-01T00:00:00"
        );
    }
}
