//! Floating-point numbers in the form .NET gives them.
//!
//! The digits are the fewest that read back as the same number, as in Rust; the exponent form begins where .NET begins it.
//!
//! Spec: [MS-PSRP] 2.2.5.1.14 Float, 2.2.5.1.15 Double.
//!
//! [MS-PSRP]: https://learn.microsoft.com/openspecs/windows_protocols/ms-psrp/

/// Gives the `Db` form: `1.5`, `1E+20`, `1.5E-07`, `INF`, `NaN`.
pub(crate) fn format_f64(number: f64) -> String {
    if let Some(special) = special(number) {
        return special.to_owned();
    }
    layout(&format!("{number:e}"), 17)
}

/// Gives the `Sg` form.
pub(crate) fn format_f32(number: f32) -> String {
    if let Some(special) = special(f64::from(number)) {
        return special.to_owned();
    }
    layout(&format!("{number:e}"), 9)
}

/// Reads the `Db` form.
pub(crate) fn parse_f64(text: &str) -> Option<f64> {
    match text.trim() {
        "INF" => Some(f64::INFINITY),
        "-INF" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::NAN),
        number if is_plain(number) => number.parse().ok(),
        _ => None,
    }
}

/// Reads the `Sg` form.
pub(crate) fn parse_f32(text: &str) -> Option<f32> {
    match text.trim() {
        "INF" => Some(f32::INFINITY),
        "-INF" => Some(f32::NEG_INFINITY),
        "NaN" => Some(f32::NAN),
        number if is_plain(number) => number.parse().ok(),
        _ => None,
    }
}

/// Rust would also take `inf`, `infinity` and `nan`, which the format does not know.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
}

fn special(number: f64) -> Option<&'static str> {
    if number.is_nan() {
        Some("NaN")
    } else if number == f64::INFINITY {
        Some("INF")
    } else if number == f64::NEG_INFINITY {
        Some("-INF")
    } else {
        None
    }
}

/// Lays out Rust's `-1.5e-7` as .NET does; `precision` is where .NET goes over to exponents for that type.
fn layout(scientific: &str, precision: i32) -> String {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    if exponent >= precision || exponent < -4 {
        let direction = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{mantissa}E{direction}{:02}", exponent.abs());
    }
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    if exponent < 0 {
        let zeros = usize::try_from(-exponent - 1).unwrap_or(0);
        return format!("{sign}0.{}{digits}", "0".repeat(zeros));
    }
    let whole = usize::try_from(exponent).unwrap_or(0) + 1;
    match digits.split_at_checked(whole) {
        Some((whole, "")) => format!("{sign}{whole}"),
        Some((whole, fraction)) => format!("{sign}{whole}.{fraction}"),
        None => format!("{sign}{digits:0<whole$}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{format_f32, format_f64, parse_f32, parse_f64};

    #[track_caller]
    fn check(number: f64, text: &str) {
        assert_eq!(format_f64(number), text);
        assert_eq!(parse_f64(text).map(f64::to_bits), Some(number.to_bits()));
    }

    #[test]
    fn known_answers() {
        check(0.0, "0");
        check(-0.0, "-0");
        check(1.0, "1");
        check(-1.5, "-1.5");
        check(0.0001, "0.0001");
        check(0.00001, "1E-05");
        check(1.5e-7, "1.5E-07");
        check(1e16, "10000000000000000");
        check(1e17, "1E+17");
        check(12_345_678_901_234_567.0, "12345678901234568");
        check(123_456_789_012_345_680.0, "1.2345678901234568E+17");
        check(1e20, "1E+20");
        check(123_456.789, "123456.789");
        check(f64::MAX, "1.7976931348623157E+308");
        check(5e-324, "5E-324");
        check(f64::INFINITY, "INF");
        check(f64::NEG_INFINITY, "-INF");
        check(f64::NAN, "NaN");
    }

    #[test]
    fn singles_go_over_to_exponents_earlier() {
        assert_eq!(format_f32(3.402_823_5e38), "3.4028235E+38");
        assert_eq!(format_f32(1e8), "100000000");
        assert_eq!(format_f32(1e9), "1E+09");
        assert_eq!(format_f32(123_456_789.0), "123456790");
        assert_eq!(parse_f32("0.1"), Some(0.1));
    }

    #[test]
    fn words_of_rust_are_no_numbers() {
        assert_eq!(parse_f64("infinity"), None);
        assert_eq!(parse_f64(""), None);
    }
}
