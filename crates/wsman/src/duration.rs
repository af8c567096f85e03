//! Durations as XML Schema writes them, such as `PT180.000S`.
//!
//! Servers also write days, hours and minutes (`P0DT0H0M2S`); years and months count 365 and 30 days.

use std::time::Duration;

/// Writes a duration as whole and thousandth seconds, the form that Windows writes.
pub(crate) fn write(duration: Duration) -> String {
    format!("PT{}.{:03}S", duration.as_secs(), duration.subsec_millis())
}

/// Reads a duration that is not negative; `None` when the text is none, or too large.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let rest = text.trim().strip_prefix('P')?;
    let (date, time) = match rest.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (rest, None),
    };
    if date.is_empty() && time.is_none_or(str::is_empty) {
        return None;
    }
    let days = sum(date, &[('Y', 365 * DAY), ('M', 30 * DAY), ('W', 7 * DAY), ('D', DAY)])?;
    let clock = sum(time.unwrap_or_default(), &[('H', 3600), ('M', 60), ('S', 1)])?;
    days.checked_add(clock)
}

/// Adds up numbers with designators, which have to come in the given order.
fn sum(mut text: &str, units: &[(char, u64)]) -> Option<Duration> {
    let mut total = Duration::ZERO;
    for &(unit, seconds) in units {
        if let Some((number, rest)) = text.split_once(unit) {
            total = total.checked_add(scale(number, seconds)?)?;
            text = rest;
        }
    }
    text.is_empty().then_some(total)
}

/// Multiplies a decimal number, with at most nine digits of its fraction counted, by `seconds`.
fn scale(number: &str, seconds: u64) -> Option<Duration> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(seconds)?;
    let nanos: u64 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    let nanos = Duration::from_nanos(nanos.checked_mul(seconds)?);
    Duration::from_secs(whole).checked_add(nanos)
}

const DAY: u64 = 24 * 60 * 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, millis: Option<u64>) {
        assert_eq!(parse(text), millis.map(Duration::from_millis), "{text}");
    }

    #[test]
    fn durations_of_real_servers_are_read() {
        check("PT20S", Some(20_000));
        check("PT60.000S", Some(60_000));
        check("PT240.5S", Some(240_500));
        check("P0DT0H0M2S", Some(2000));
        check("P1DT2H", Some(93_600_000));
        check("PT2147483.647S", Some(2_147_483_647));
        check("P1M", Some(30 * 86_400_000));
        check("PT1M", Some(60_000));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "P",
            "PT",
            "-PT5S",
            "PT5",
            "5S",
            "PTS",
            "PT1.S5",
            "PT1S2H",
            "PT99999999999999999999S",
        ] {
            check(text, None);
        }
        check("PT1.S", Some(1000));
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_reads_the_same(millis in 0..u64::from(u32::MAX)) {
            let duration = Duration::from_millis(millis);
            proptest::prop_assert_eq!(parse(&write(duration)), Some(duration));
        }

        #[test]
        fn no_text_panics(text in ".{0,30}") {
            let _ = parse(&text);
        }
    }
}
