//! One entry of `EmailAddresses`, as the server holds it.
//!
//! The server may hold what we would never send: types nobody remembers, SMTP entries no parser accepts. All of it is
//! read and printed again byte for byte; only what a flow brings is judged, by [`SmtpAddress`](crate::SmtpAddress).

use std::fmt;
use std::str::FromStr;

use crate::fold::fold;
use crate::smtp::SmtpAddress;

/// One entry of `EmailAddresses`: a type and an address, such as `smtp:ann@contoso.com` or `X500:/o=First/cn=ann`.
///
/// The text it was read from is kept: [`Display`](fmt::Display) prints it byte for byte, so parsing and printing are
/// inverse. Two values are equal when their texts are; [`same_set`](crate::same_set) compares as Exchange does.
///
/// The type is what stands before the first colon, unless that holds an `@` or a quote. A text without a type is an
/// SMTP address.
///
/// ```
/// use address_policy::ProxyAddress;
///
/// let entry: ProxyAddress = "SMTP:Ann@contoso.com".parse()?;
/// assert!(entry.is_primary_smtp());
/// assert_eq!((entry.kind(), entry.address()), ("SMTP", "Ann@contoso.com"));
/// assert!("".parse::<ProxyAddress>().is_err());
/// # Ok::<(), address_policy::ProxyAddressError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ProxyAddress {
    /// INVARIANT: not empty.
    text: Box<str>,
}

/// Why a text is no proxy address.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyAddressError {
    /// The text is empty.
    #[error("a proxy address is empty")]
    Empty,
}

impl ProxyAddress {
    /// Makes the `SMTP:` entry of `address`: the address that mail is sent from.
    #[must_use]
    pub fn primary(address: &SmtpAddress) -> Self {
        Self { text: format!("SMTP:{address}").into() }
    }

    /// Makes the `smtp:` entry of `address`: one more address that mail is received at.
    #[must_use]
    pub fn secondary(address: &SmtpAddress) -> Self {
        Self { text: format!("smtp:{address}").into() }
    }

    /// Returns the type as it is written, without the colon; `smtp` for an entry without one.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.split().map_or("smtp", |(kind, _)| kind)
    }

    /// Returns what follows the type.
    #[must_use]
    pub fn address(&self) -> &str {
        self.split().map_or(&self.text, |(_, address)| address)
    }

    /// Returns the text of the entry.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Tells whether the type is SMTP, in any case.
    #[must_use]
    pub fn is_smtp(&self) -> bool {
        self.kind().eq_ignore_ascii_case("smtp")
    }

    /// Tells whether the type is `SMTP` in capitals, which marks the primary address.
    #[must_use]
    pub fn is_primary_smtp(&self) -> bool {
        self.kind() == "SMTP"
    }

    /// Returns the domain of an SMTP entry: what follows the last `@`. Other types have none.
    #[must_use]
    pub fn smtp_domain(&self) -> Option<&str> {
        if self.is_smtp() {
            self.address().rsplit_once('@').map(|(_, domain)| domain)
        } else {
            None
        }
    }

    /// Returns the same entry with the mark of the primary taken away; other entries stay as they are.
    pub(crate) fn demoted(&self) -> Self {
        if self.is_primary_smtp() {
            Self { text: format!("smtp:{}", self.address()).into() }
        } else {
            self.clone()
        }
    }

    /// Returns the address in the form in which case makes no difference, when the entry is SMTP.
    pub(crate) fn smtp_key(&self) -> Option<String> {
        self.is_smtp().then(|| fold(self.address()))
    }

    fn split(&self) -> Option<(&str, &str)> {
        self.text.split_once(':').filter(|(kind, _)| !kind.contains(['@', '"']))
    }
}

impl FromStr for ProxyAddress {
    type Err = ProxyAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() { Err(ProxyAddressError::Empty) } else { Ok(Self { text: text.into() }) }
    }
}

impl TryFrom<String> for ProxyAddress {
    type Error = ProxyAddressError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.is_empty() { Err(ProxyAddressError::Empty) } else { Ok(Self { text: text.into() }) }
    }
}

impl fmt::Display for ProxyAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl AsRef<str> for ProxyAddress {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

/// Reads a list of entries, in order.
///
/// # Errors
///
/// [`ProxyAddressError::Empty`] when an entry is empty.
pub fn parse_all<I>(texts: I) -> Result<Vec<ProxyAddress>, ProxyAddressError>
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    texts.into_iter().map(|text| text.as_ref().parse()).collect()
}

#[cfg(test)]
mod tests {
    use super::ProxyAddress;

    #[track_caller]
    fn check(text: &str, kind: &str, address: &str, domain: Option<&str>) {
        let entry: ProxyAddress = text.parse().unwrap();
        assert_eq!((entry.kind(), entry.address(), entry.smtp_domain()), (kind, address, domain));
        assert_eq!(entry.to_string(), text);
    }

    #[test]
    fn the_type_ends_at_the_first_colon() {
        check("smtp:ann@contoso.com", "smtp", "ann@contoso.com", Some("contoso.com"));
        check("X400:c=US;a= ;p=Contoso;o=Ex:1", "X400", "c=US;a= ;p=Contoso;o=Ex:1", None);
        check("EUM:1234;phone-context=a@b", "EUM", "1234;phone-context=a@b", None);
        check("x500:", "x500", "", None);
    }

    #[test]
    fn a_text_without_a_type_is_smtp() {
        check("ann@contoso.com", "smtp", "ann@contoso.com", Some("contoso.com"));
        check("ann@[IPv6:::1]", "smtp", "ann@[IPv6:::1]", Some("[IPv6:::1]"));
        check("\"a:b\"@contoso.com", "smtp", "\"a:b\"@contoso.com", Some("contoso.com"));
        check("ann", "smtp", "ann", None);
    }

    #[test]
    fn only_capitals_mark_the_primary() {
        let primary = |text: &str| text.parse::<ProxyAddress>().unwrap().is_primary_smtp();
        assert!(primary("SMTP:a@b"));
        assert!(!primary("Smtp:a@b"));
        assert!(!primary("smtp:a@b"));
        assert!(!primary("X500:a"));
    }
}
