//! .NET versions.
//!
//! Spec: [MS-PSRP] 2.2.5.1.21 Version.
//!
//! [MS-PSRP]: https://learn.microsoft.com/openspecs/windows_protocols/ms-psrp/

use std::fmt;
use std::str::FromStr;

/// A .NET `Version`: two to four numbers, such as `15.1.2507.6`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_structs, reason = "a version has these four parts")]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
    /// The third number; many versions have none.
    pub build: Option<u32>,
    /// The fourth number, only where there is a third.
    pub revision: Option<u32>,
}

/// Why a text is not a [`Version`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a version has two to four numbers up to 2147483647, parted by dots")]
#[non_exhaustive]
pub struct VersionError;

impl Version {
    /// Makes a version of two numbers.
    #[must_use]
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor, build: None, revision: None }
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.trim().split('.').map(part);
        let version = Self {
            major: parts.next().ok_or(VersionError)??,
            minor: parts.next().ok_or(VersionError)??,
            build: parts.next().transpose()?,
            revision: parts.next().transpose()?,
        };
        if parts.next().is_some() { Err(VersionError) } else { Ok(version) }
    }
}

fn part(text: &str) -> Result<u32, VersionError> {
    let number: i32 = text.trim().parse().map_err(|_| VersionError)?;
    u32::try_from(number).map_err(|_| VersionError)
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        if let Some(build) = self.build {
            write!(f, ".{build}")?;
            if let Some(revision) = self.revision {
                write!(f, ".{revision}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_have_two_to_four_numbers() {
        for text in ["1.2", "1.2.3", "15.1.2507.6", "0.0", "2147483647.0.0.2147483647"] {
            assert_eq!(text.parse::<Version>().unwrap().to_string(), text);
        }
        for text in ["", "1", "1.", "1.2.3.4.5", "1.-2", "1.2147483648", "a.b"] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }
}
