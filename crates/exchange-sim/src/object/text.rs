//! Texts of sizes and dates as an English Exchange prints them.

use time::{Month, OffsetDateTime};

const UNITS: [(&str, u64); 5] =
    [("B", 1), ("KB", 1 << 10), ("MB", 1 << 20), ("GB", 1 << 30), ("TB", 1 << 40)];

/// Returns the text of a size: `30 GB (32,212,254,720 bytes)`, at most four significant digits.
pub(crate) fn byte_size(bytes: u64) -> String {
    let (unit, size) =
        UNITS.iter().rev().find(|(_, size)| bytes >= *size).copied().unwrap_or(("B", 1));
    let whole = bytes / size;
    let decimals = match whole {
        0..=9 => 3,
        10..=99 => 2,
        100..=999 => 1,
        _ => 0,
    };
    let scale = 10_u64.pow(decimals);
    let scaled = (u128::from(bytes) * u128::from(scale) + u128::from(size / 2)) / u128::from(size);
    let (whole, rest) = (scaled / u128::from(scale), scaled % u128::from(scale));
    let digits = usize::try_from(decimals).unwrap_or(0);
    let fraction = format!("{rest:0digits$}");
    let fraction = if decimals == 0 { "" } else { fraction.trim_end_matches('0') };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{whole}{point}{fraction} {unit} ({} bytes)", grouped(bytes))
}

/// Reads a size as a parameter takes it: a number, or one with a unit, or the text that [`byte_size`] gives.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    if let Some((_, rest)) = text.split_once('(') {
        let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
        return digits.parse().ok();
    }
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let unit = unit.trim();
    let (_, size) = UNITS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(if unit.is_empty() { "B" } else { unit }))?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let mut bytes = whole.parse::<u64>().ok()?.checked_mul(*size)?;
    if !fraction.is_empty() {
        let digits = fraction.get(..fraction.len().min(6))?;
        let scale = 10_u64.checked_pow(u32::try_from(digits.len()).ok()?)?;
        bytes = bytes.checked_add(digits.parse::<u64>().ok()?.checked_mul(*size)? / scale)?;
    }
    Some(bytes)
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a date as the en-US culture prints it: `11/25/2026 2:05:09 PM`.
pub(crate) fn us_date(date: OffsetDateTime) -> String {
    let (hour, half) = match date.hour() {
        0 => (12, "AM"),
        hour @ 1..=11 => (hour, "AM"),
        12 => (12, "PM"),
        hour => (hour - 12, "PM"),
    };
    format!(
        "{}/{}/{} {hour}:{:02}:{:02} {half}",
        u8::from(date.month()),
        date.day(),
        date.year(),
        date.minute(),
        date.second()
    )
}

/// Reads a date as a filter or a parameter gives it: US style with or without AM/PM, or ISO 8601; without a zone UTC.
pub(crate) fn parse_date(text: &str) -> Option<OffsetDateTime> {
    let text = text.trim();
    if text.contains('/') { parse_us(text) } else { parse_iso(text) }
}

fn parse_us(text: &str) -> Option<OffsetDateTime> {
    let mut words = text.split_ascii_whitespace();
    let mut parts = words.next()?.split('/');
    let (month, day, year) = (parts.next()?, parts.next()?, parts.next()?);
    let month = Month::try_from(month.parse::<u8>().ok()?).ok()?;
    let date = time::Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()?;
    let (mut hour, minute, second) = words.next().map_or(Some((0, 0, 0)), clock)?;
    match words.next().map(str::to_ascii_uppercase).as_deref() {
        None => {}
        Some("AM") if (1..=12).contains(&hour) => hour %= 12,
        Some("PM") if (1..=12).contains(&hour) => hour = hour % 12 + 12,
        Some(_) => return None,
    }
    let extra = parts.next().is_some() || words.next().is_some();
    let date = date.with_hms(hour, minute, second).ok()?.assume_utc();
    (!extra).then_some(date)
}

fn clock(text: &str) -> Option<(u8, u8, u8)> {
    let mut parts = text.split(':');
    let hour = parts.next()?.parse().ok()?;
    let minute = parts.next()?.parse().ok()?;
    let second = parts.next().map_or(Some(0), |second| second.parse().ok())?;
    parts.next().is_none().then_some((hour, minute, second))
}

fn parse_iso(text: &str) -> Option<OffsetDateTime> {
    use time::format_description::well_known::Rfc3339;
    OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339))
        .or_else(|_| OffsetDateTime::parse(&format!("{text}T00:00:00Z"), &Rfc3339))
        .or_else(|_| OffsetDateTime::parse(&format!("{}Z", text.replacen(' ', "T", 1)), &Rfc3339))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn sizes_print_as_exchange_prints_them() {
        for (bytes, expected) in [
            (32_212_254_720, "30 GB (32,212,254,720 bytes)"),
            (262_144, "256 KB (262,144 bytes)"),
            (0, "0 B (0 bytes)"),
            (159_449_088, "152.1 MB (159,449,088 bytes)"),
            (2_473_094_022, "2.303 GB (2,473,094,022 bytes)"),
        ] {
            assert_eq!(byte_size(bytes), expected);
            assert_eq!(parse_size(expected), Some(bytes));
        }
    }

    #[test]
    fn sizes_are_read_with_units() {
        for (text, expected) in [
            ("10MB", Some(10 << 20)),
            ("1.5 gb", Some(3 << 29)),
            ("77", Some(77)),
            ("ten", None),
            ("5 XB", None),
            ("", None),
        ] {
            assert_eq!(parse_size(text), expected, "{text}");
        }
    }

    #[test]
    fn dates_are_read_in_both_styles() {
        let afternoon = datetime!(2017-08-01 14:00:05 UTC);
        assert_eq!(us_date(afternoon), "8/1/2017 2:00:05 PM");
        for text in [
            "8/1/2017 2:00:05 PM",
            "08/01/2017 14:00:05",
            "2017-08-01T14:00:05Z",
            "2017-08-01T16:00:05+02:00",
            "2017-08-01 14:00:05",
        ] {
            assert_eq!(parse_date(text), Some(afternoon), "{text}");
        }
        for text in ["13/1/2017", "8/1/2017 25:00", "8/1/2017 2:00:00 XM", "yesterday", ""] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }
}
