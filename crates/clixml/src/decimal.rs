//! .NET decimal numbers.
//!
//! Spec: [MS-PSRP] 2.2.5.1.16 Decimal.
//!
//! [MS-PSRP]: https://learn.microsoft.com/openspecs/windows_protocols/ms-psrp/

use std::fmt;
use std::str::FromStr;

/// A .NET `Decimal`: an integer of up to 96 bits over a power of ten. The scale is kept: `1.50` is not written `1.5`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Decimal {
    negative: bool,
    /// INVARIANT: below 2^96.
    mantissa: u128,
    /// INVARIANT: at most 28.
    scale: u8,
}

/// Why a text or number is not a [`Decimal`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a decimal is digits with at most 28 after the point and 96 bits in all")]
#[non_exhaustive]
pub struct DecimalError;

const LIMIT: u128 = 1 << 96;
const MAX_SCALE: u8 = 28;

impl Decimal {
    /// Makes the number `mantissa / 10^scale`.
    ///
    /// # Errors
    ///
    /// [`DecimalError`] when `mantissa` needs more than 96 bits or `scale` exceeds 28.
    pub fn new(mantissa: i128, scale: u8) -> Result<Self, DecimalError> {
        Self::checked(mantissa < 0, mantissa.unsigned_abs(), scale)
    }

    /// Gives the integer that is divided by ten to the power of [`Decimal::scale`].
    #[must_use]
    pub fn mantissa(self) -> i128 {
        let magnitude = self.mantissa.cast_signed();
        if self.negative { -magnitude } else { magnitude }
    }

    /// Gives the number of digits after the point, 0 to 28.
    #[must_use]
    pub const fn scale(self) -> u8 {
        self.scale
    }

    fn checked(negative: bool, mantissa: u128, scale: u8) -> Result<Self, DecimalError> {
        if mantissa >= LIMIT || scale > MAX_SCALE {
            return Err(DecimalError);
        }
        // The engine loses the sign of zero, so keeping it would only make two zeros of one.
        Ok(Self { negative: negative && mantissa != 0, mantissa, scale })
    }
}

impl From<i64> for Decimal {
    fn from(number: i64) -> Self {
        Self { negative: number < 0, mantissa: u128::from(number.unsigned_abs()), scale: 0 }
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() {
            return Err(DecimalError);
        }
        let mut mantissa: u128 = 0;
        for digit in whole.chars().chain(fraction.chars()) {
            let digit = digit.to_digit(10).ok_or(DecimalError)?;
            mantissa = mantissa * 10 + u128::from(digit);
            if mantissa >= LIMIT {
                return Err(DecimalError);
            }
        }
        let scale = u8::try_from(fraction.len()).map_err(|_| DecimalError)?;
        Self::checked(negative, mantissa, scale)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        let unit = 10u128.pow(u32::from(self.scale));
        write!(f, "{sign}{}", self.mantissa / unit)?;
        if self.scale > 0 {
            write!(f, ".{:0width$}", self.mantissa % unit, width = usize::from(self.scale))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    #[test]
    fn the_scale_is_kept() {
        for text in [
            "1.50",
            "0",
            "-0.001",
            "79228162514264337593543950335",
            "0.0000000000000000000000000001",
        ] {
            assert_eq!(text.parse::<Decimal>().unwrap().to_string(), text);
        }
        assert_eq!("-0.00".parse::<Decimal>().unwrap().to_string(), "0.00");
        assert_eq!(Decimal::new(-150, 2).unwrap().to_string(), "-1.50");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for text in [
            "",
            "-",
            ".",
            "1e5",
            "79228162514264337593543950336",
            "0.00000000000000000000000000001",
        ] {
            assert!(text.parse::<Decimal>().is_err(), "{text}");
        }
    }
}
