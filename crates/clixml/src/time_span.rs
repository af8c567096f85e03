//! .NET time spans.
//!
//! Spec: [MS-PSRP] 2.2.5.1.5 Duration, which is `xs:duration`. What surprised: the least value has no positive
//! counterpart, so nothing here may negate before it formats.
//!
//! [MS-PSRP]: https://learn.microsoft.com/openspecs/windows_protocols/ms-psrp/

use std::fmt;
use std::str::FromStr;

/// A .NET `TimeSpan`: a number of ticks of 100 nanoseconds, positive or negative.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TimeSpan(i64);

/// Why a text is not a [`TimeSpan`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a time span is an xs:duration of less than 2^63 ticks of 100 nanoseconds")]
#[non_exhaustive]
pub struct TimeSpanError;

pub(crate) const TICKS_PER_SECOND: u64 = 10_000_000;
const TICKS_PER_DAY: u64 = 86_400 * TICKS_PER_SECOND;

impl TimeSpan {
    /// Makes a time span of `ticks` times 100 nanoseconds.
    #[must_use]
    pub const fn from_ticks(ticks: i64) -> Self {
        Self(ticks)
    }

    /// Gives the number of 100 nanoseconds.
    #[must_use]
    pub const fn ticks(self) -> i64 {
        self.0
    }

    /// Gives the text that `TimeSpan.ToString()` gives: `[-][d.]hh:mm:ss[.fffffff]`, such as `14.00:00:00`.
    #[must_use]
    pub fn to_constant_format(self) -> String {
        let Parts { sign, days, hours, minutes, seconds, fraction } = self.parts();
        let days = if days == 0 { String::new() } else { format!("{days}.") };
        let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:07}") };
        format!("{sign}{days}{hours:02}:{minutes:02}:{seconds:02}{fraction}")
    }

    fn parts(self) -> Parts {
        let ticks = self.0.unsigned_abs();
        let seconds = ticks / TICKS_PER_SECOND;
        Parts {
            sign: if self.0 < 0 { "-" } else { "" },
            days: ticks / TICKS_PER_DAY,
            hours: seconds / 3600 % 24,
            minutes: seconds / 60 % 60,
            seconds: seconds % 60,
            fraction: ticks % TICKS_PER_SECOND,
        }
    }
}

struct Parts {
    sign: &'static str,
    days: u64,
    hours: u64,
    minutes: u64,
    seconds: u64,
    fraction: u64,
}

/// Writes the `xs:duration` form, such as `P1DT2H` or `-PT0.001S`; zero is `PT0S`.
impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { sign, days, hours, minutes, seconds, fraction } = self.parts();
        write!(f, "{sign}P")?;
        if days > 0 {
            write!(f, "{days}D")?;
        }
        let clock = hours + minutes + seconds + fraction;
        if clock > 0 || days == 0 {
            f.write_str("T")?;
        }
        if hours > 0 {
            write!(f, "{hours}H")?;
        }
        if minutes > 0 {
            write!(f, "{minutes}M")?;
        }
        if seconds > 0 || fraction > 0 || (days == 0 && clock == 0) {
            write!(f, "{seconds}{}S", Fraction(fraction))?;
        }
        Ok(())
    }
}

/// Up to seven digits after a second's point, without trailing zeros; nothing at all for zero.
pub(crate) struct Fraction(pub(crate) u64);

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return Ok(());
        }
        let digits = format!(".{:07}", self.0);
        f.write_str(digits.trim_end_matches('0'))
    }
}

/// Reads digits after a second's point as ticks; the digits beyond the seventh are cut off.
pub(crate) fn parse_fraction(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let seven = digits.get(..7).unwrap_or(digits);
    let missing = u32::try_from(7 - seven.len()).ok()?;
    Some(seven.parse::<u64>().ok()? * 10u64.pow(missing))
}

/// Reads both forms, `P14D` and `14.00:00:00`.
impl FromStr for TimeSpan {
    type Err = TimeSpanError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.contains(':') {
            return parse_constant_format(text).ok_or(TimeSpanError);
        }
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let rest = rest.strip_prefix('P').ok_or(TimeSpanError)?;
        let (date, clock) = match rest.split_once('T') {
            Some((_, "")) => return Err(TimeSpanError),
            Some((date, clock)) => (date, clock),
            None if rest.is_empty() => return Err(TimeSpanError),
            None => (rest, ""),
        };
        // A year counts 365 days and a month 30, as .NET reads them.
        let date = sum(
            date,
            &[('Y', 365 * TICKS_PER_DAY), ('M', 30 * TICKS_PER_DAY), ('D', TICKS_PER_DAY)],
        )?;
        let units =
            [('H', 3600 * TICKS_PER_SECOND), ('M', 60 * TICKS_PER_SECOND), ('S', TICKS_PER_SECOND)];
        let total = i128::from(date) + i128::from(sum(clock, &units)?);
        let total = if negative { -total } else { total };
        i64::try_from(total).map(Self).map_err(|_| TimeSpanError)
    }
}

fn parse_constant_format(text: &str) -> Option<TimeSpan> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut parts = rest.splitn(3, ':');
    let (first, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let (days, hours) = first.split_once('.').unwrap_or(("0", first));
    let mut total = i128::from(component(days, 'D', TICKS_PER_DAY)?);
    for (number, limit, letter, ticks) in [
        (hours, 24, 'H', 3600 * TICKS_PER_SECOND),
        (minutes, 60, 'M', 60 * TICKS_PER_SECOND),
        (seconds, 60, 'S', TICKS_PER_SECOND),
    ] {
        let amount = component(number, letter, ticks)?;
        if amount >= limit * ticks {
            return None;
        }
        total += i128::from(amount);
    }
    i64::try_from(if negative { -total } else { total }).ok().map(TimeSpan)
}

/// Adds up components such as `1H2M3.5S`, each unit at most once and in the order given.
fn sum(mut text: &str, units: &[(char, u64)]) -> Result<u64, TimeSpanError> {
    let mut total: u64 = 0;
    let mut units = units.iter();
    while !text.is_empty() {
        let end = text.find(|c: char| c.is_ascii_alphabetic()).ok_or(TimeSpanError)?;
        let (number, rest) = text.split_at_checked(end).ok_or(TimeSpanError)?;
        let mut chars = rest.chars();
        let letter = chars.next().ok_or(TimeSpanError)?;
        text = chars.as_str();
        let (_, ticks) = units.find(|(unit, _)| *unit == letter).ok_or(TimeSpanError)?;
        let amount = component(number, letter, *ticks).ok_or(TimeSpanError)?;
        total = total.checked_add(amount).ok_or(TimeSpanError)?;
    }
    Ok(total)
}

fn component(number: &str, letter: char, ticks: u64) -> Option<u64> {
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, digits)) if letter == 'S' => (whole, parse_fraction(digits)?),
        Some(_) => return None,
        None => (number, 0),
    };
    if !whole.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    whole.parse::<u64>().ok()?.checked_mul(ticks)?.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::TimeSpan;

    #[track_caller]
    fn check(ticks: i64, xml: &str, constant: &str) {
        assert_eq!(TimeSpan::from_ticks(ticks).to_string(), xml);
        assert_eq!(xml.parse(), Ok(TimeSpan::from_ticks(ticks)));
        assert_eq!(TimeSpan::from_ticks(ticks).to_constant_format(), constant);
        assert_eq!(constant.parse(), Ok(TimeSpan::from_ticks(ticks)));
    }

    #[test]
    fn known_answers() {
        check(0, "PT0S", "00:00:00");
        check(900_000_000, "PT1M30S", "00:01:30");
        check(936_000_000_000, "P1DT2H", "1.02:00:00");
        check(1, "PT0.0000001S", "00:00:00.0000001");
        check(100_000_000, "PT10S", "00:00:10");
        check(-10_000, "-PT0.001S", "-00:00:00.0010000");
        check(14 * 864_000_000_000, "P14D", "14.00:00:00");
        check(i64::MIN, "-P10675199DT2H48M5.4775808S", "-10675199.02:48:05.4775808");
        check(i64::MAX, "P10675199DT2H48M5.4775807S", "10675199.02:48:05.4775807");
    }

    #[test]
    fn years_and_months_are_read() {
        assert_eq!("P1Y2M".parse(), Ok(TimeSpan::from_ticks(425 * 864_000_000_000)));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "P",
            "PT",
            "1D",
            "P1",
            "P1H",
            "PT1D",
            "P1D2D",
            "PT1.5M",
            "PTS",
            "-P10675200D",
            "P+1D",
            "1:2",
            "24:00:00",
            "1.00:60:00",
            "::",
            "a.00:00:00",
        ] {
            assert!(text.parse::<TimeSpan>().is_err(), "{text}");
        }
    }
}
