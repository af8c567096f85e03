//! Filters in the language the documents call OPATH: `Alias -like 'a*' -and HiddenFromAddressListsEnabled -eq $false`.
//!
//! Text stands in single quotes and a single quote inside is doubled. Control characters are refused: no property holds
//! them, and a line break would end the filter in some versions.

use std::fmt;
use std::str::FromStr;

use clixml::Value;

/// A filter, passed on as it is written; the server judges its properties.
///
/// ```
/// use exchange_cmdlets::Filter;
///
/// let filter = Filter::compare("DisplayName", "eq", "Ann O'Neil")?;
/// assert_eq!(filter.to_string(), "DisplayName -eq 'Ann O''Neil'");
/// let both = filter.and(Filter::new("Alias -like 'a*'")?);
/// assert_eq!(both.to_string(), "(DisplayName -eq 'Ann O''Neil') -and (Alias -like 'a*')");
/// assert!(Filter::new("Alias -eq 'a'\n").is_err());
/// # Ok::<(), exchange_cmdlets::FilterError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Filter {
    /// INVARIANT: not blank, no control characters.
    text: Box<str>,
}

/// Why a text is no filter.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// The text is empty or blank.
    #[error("a filter is empty")]
    Empty,
    /// The text holds a control character.
    #[error("a filter holds the control character {character:?}")]
    Control {
        /// The first such character.
        character: char,
    },
    /// The name holds something else than letters, digits and underscores.
    #[error("{name:?} is no name of a property or operator")]
    Name {
        /// The name.
        name: String,
    },
}

impl Filter {
    /// Takes a whole filter.
    ///
    /// # Errors
    ///
    /// [`FilterError`] when the text is blank or holds a control character.
    pub fn new(text: impl AsRef<str>) -> Result<Self, FilterError> {
        let text = text.as_ref();
        refuse_controls(text)?;
        if text.trim().is_empty() {
            Err(FilterError::Empty)
        } else {
            Ok(Self { text: text.into() })
        }
    }

    /// Makes `property -operator 'value'`; the operator goes without its hyphen, such as `eq`, `like`, `ge`.
    ///
    /// # Errors
    ///
    /// [`FilterError`] when the value holds a control character, or a name is none.
    pub fn compare(property: &str, operator: &str, value: &str) -> Result<Self, FilterError> {
        for name in [property, operator] {
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return Err(FilterError::Name { name: name.to_owned() });
            }
        }
        Ok(Self { text: format!("{property} -{operator} {}", quote(value)?).into() })
    }

    /// Makes the filter that both filters must match.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { text: format!("({self}) -and ({other})").into() }
    }

    /// Makes the filter that one of the filters must match.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { text: format!("({self}) -or ({other})").into() }
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Returns `text` as a literal of the filter language: in single quotes, those inside doubled.
///
/// # Errors
///
/// [`FilterError::Control`] when the text holds a control character.
pub fn quote(text: &str) -> Result<String, FilterError> {
    refuse_controls(text)?;
    Ok(format!("'{}'", text.replace('\'', "''")))
}

fn refuse_controls(text: &str) -> Result<(), FilterError> {
    text.chars()
        .find(|c| c.is_control())
        .map_or(Ok(()), |character| Err(FilterError::Control { character }))
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<Filter> for Value {
    fn from(filter: Filter) -> Self {
        filter.as_str().into()
    }
}

#[cfg(test)]
mod tests {
    use super::{Filter, FilterError, quote};

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(quote("O'Neil's").unwrap(), "'O''Neil''s'");
        assert_eq!(quote("").unwrap(), "''");
        assert_eq!(quote("a\r").unwrap_err(), FilterError::Control { character: '\r' });
    }

    #[test]
    fn names_cannot_smuggle_operators() {
        let error = Filter::compare("Alias -ne 'x' -or Name", "eq", "y").unwrap_err();
        assert_eq!(error, FilterError::Name { name: "Alias -ne 'x' -or Name".to_owned() });
        assert!(Filter::compare("Alias", "", "y").is_err());
    }
}
