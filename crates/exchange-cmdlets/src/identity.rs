//! What names one object.
//!
//! `Get-Mailbox -Identity $null` returns every mailbox, and so does `*`; a wrong object is then one careless index away.
//! An [`Identity`] cannot be empty, blank, all zeros or a pattern, whatever it was made from.

use std::fmt;
use std::str::FromStr;

use clixml::Value;
use uuid::Uuid;

use crate::call::ParameterValue;

/// Text that names one object: a GUID, a distinguished name, an address, an alias.
///
/// ```
/// use exchange_cmdlets::Identity;
///
/// assert_eq!(Identity::new("ann@contoso.com")?.to_string(), "ann@contoso.com");
/// assert!(Identity::new(" ").is_err());
/// assert!(Identity::new("*").is_err());
/// assert!(Identity::new("00000000-0000-0000-0000-000000000000").is_err());
/// # Ok::<(), exchange_cmdlets::IdentityError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Identity {
    /// INVARIANT: not blank, no control characters, no `*`, not the GUID of zeros.
    text: Box<str>,
}

/// Why a text names no object.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The text is empty or blank.
    #[error("an identity is empty")]
    Empty,
    /// The text holds a control character.
    #[error("an identity holds the control character {character:?}")]
    Control {
        /// The first such character.
        character: char,
    },
    /// The text holds `*`, which matches more than one object.
    #[error("an identity holds a wildcard")]
    Wildcard,
    /// The GUID is all zeros, as it is where none was set.
    #[error("an identity is the GUID of zeros")]
    NilGuid,
}

impl Identity {
    /// Takes a text.
    ///
    /// # Errors
    ///
    /// [`IdentityError`] when the text names nothing, or more than one object.
    pub fn new(text: impl AsRef<str>) -> Result<Self, IdentityError> {
        let text = text.as_ref();
        if text.trim().is_empty() {
            return Err(IdentityError::Empty);
        }
        if let Some(character) = text.chars().find(|c| c.is_control()) {
            return Err(IdentityError::Control { character });
        }
        if text.contains('*') {
            return Err(IdentityError::Wildcard);
        }
        if Uuid::try_parse(text.trim()).is_ok_and(|guid| guid.is_nil()) {
            return Err(IdentityError::NilGuid);
        }
        Ok(Self { text: text.into() })
    }

    /// Takes a GUID, the one name that never changes.
    ///
    /// # Errors
    ///
    /// [`IdentityError::NilGuid`] when it is all zeros.
    pub fn guid(guid: Uuid) -> Result<Self, IdentityError> {
        if guid.is_nil() {
            Err(IdentityError::NilGuid)
        } else {
            Ok(Self { text: guid.hyphenated().to_string().into() })
        }
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the GUID, if the text is one.
    #[must_use]
    pub fn as_guid(&self) -> Option<Uuid> {
        Uuid::try_parse(&self.text).ok()
    }
}

impl FromStr for Identity {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<Identity> for Value {
    fn from(identity: Identity) -> Self {
        identity.as_str().into()
    }
}

impl From<&Identity> for ParameterValue {
    fn from(identity: &Identity) -> Self {
        Self::Value(identity.as_str().into())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{Identity, IdentityError};

    #[test]
    fn what_could_name_everything_is_refused() {
        for (text, error) in [
            ("", IdentityError::Empty),
            ("\u{a0} \t", IdentityError::Empty),
            ("ann\n", IdentityError::Control { character: '\n' }),
            ("ann*", IdentityError::Wildcard),
            ("{00000000-0000-0000-0000-000000000000}", IdentityError::NilGuid),
        ] {
            assert_eq!(Identity::new(text), Err(error), "{text:?}");
        }
        assert_eq!(Identity::guid(Uuid::nil()), Err(IdentityError::NilGuid));
    }

    #[test]
    fn a_guid_is_written_in_lower_case() {
        let guid = Uuid::try_parse("9B9387FE-E1B1-4695-97BD-B0A0BEBE7CE2").unwrap();
        let identity = Identity::guid(guid).unwrap();
        assert_eq!(identity.as_str(), "9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2");
        assert_eq!(identity.as_guid(), Some(guid));
    }
}
