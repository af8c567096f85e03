//! One cmdlet with its arguments, before any transport.
//!
//! Exchange's endpoint takes commands with named arguments and no script text, so this is all that can be said. The
//! text form exists for people: it is what an operator would type, with secrets left out.

use std::borrow::Cow;
use std::fmt;

use clixml::Value;
use secrecy::SecretString;

/// A cmdlet and its arguments.
///
/// ```
/// use exchange_cmdlets::{CmdletCall, ParameterValue};
///
/// let call = CmdletCall::new("Set-Mailbox")
///     .parameter("Identity", "ann")
///     .parameter("DisplayName", "Ann O'Neil")
///     .switch("Confirm", false);
/// assert_eq!(call.to_string(), "Set-Mailbox -Identity 'ann' -DisplayName 'Ann O''Neil' -Confirm:$false");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CmdletCall {
    /// The cmdlet, such as `Get-Mailbox`.
    pub name: Cow<'static, str>,
    /// The arguments by parameter name, in the order they are sent; no name stands twice.
    pub parameters: Vec<(String, ParameterValue)>,
    /// The properties wanted of each output object. A transport that can trim on the server does (`Select-Object`, or
    /// `$select`); one that cannot sends whole objects. `None`: whole objects.
    pub select: Option<Vec<String>>,
}

/// An argument.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a backend that left out a kind it does not know would change what a command means"
)]
pub enum ParameterValue {
    /// Data; [`Value::Nil`] clears what the parameter sets.
    Value(Value),
    /// A switch. `false` says so expressly, as `-Confirm:$false` does.
    Switch(bool),
    /// A secret, which travels as a secure string only.
    Secret(SecretString),
}

/// A call says two things that exclude each other.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{cmdlet} does not take {first} together with {second}")]
#[non_exhaustive]
pub struct ConflictError {
    /// The cmdlet.
    pub cmdlet: String,
    /// One parameter.
    pub first: &'static str,
    /// The other.
    pub second: &'static str,
}

impl CmdletCall {
    /// Begins a call of the cmdlet `name` without arguments.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), parameters: Vec::new(), select: None }
    }

    /// Adds an argument, in place of an earlier one of the same name in any case.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<ParameterValue>) -> Self {
        let (name, value) = (name.into(), value.into());
        match self.parameters.iter_mut().find(|(present, _)| present.eq_ignore_ascii_case(&name)) {
            Some(slot) => slot.1 = value,
            None => self.parameters.push((name, value)),
        }
        self
    }

    /// Adds a switch, in place of an earlier argument of the same name.
    #[must_use]
    pub fn switch(self, name: impl Into<String>, on: bool) -> Self {
        self.parameter(name, ParameterValue::Switch(on))
    }

    /// Adds a secret, in place of an earlier argument of the same name.
    #[must_use]
    pub fn secret(self, name: impl Into<String>, secret: SecretString) -> Self {
        self.parameter(name, ParameterValue::Secret(secret))
    }

    /// Asks for these properties only.
    #[must_use]
    pub fn select<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.select = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Returns the argument of the parameter `name`, in any case.
    #[must_use]
    pub fn argument(&self, name: &str) -> Option<&ParameterValue> {
        self.parameters
            .iter()
            .find(|(present, _)| present.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Tells whether the cmdlet may change something: whether its verb is other than `Get` or `Test`.
    #[must_use]
    pub fn is_writing(&self) -> bool {
        let verb = self.name.split('-').next().unwrap_or_default();
        !["get", "test"].iter().any(|reading| verb.eq_ignore_ascii_case(reading))
    }

    /// Checks what every version of Exchange refuses, so that it is refused before anything is sent.
    ///
    /// # Errors
    ///
    /// [`ConflictError`] when `EmailAddresses` stands beside `PrimarySmtpAddress`: the list carries the primary itself.
    pub fn check(&self) -> Result<(), ConflictError> {
        let (first, second) = ("EmailAddresses", "PrimarySmtpAddress");
        if self.argument(first).is_some() && self.argument(second).is_some() {
            return Err(ConflictError { cmdlet: self.name.to_string(), first, second });
        }
        Ok(())
    }
}

impl<T: Into<Value>> From<T> for ParameterValue {
    fn from(value: T) -> Self {
        Self::Value(value.into())
    }
}

/// Prints the call as it would be typed. A secret prints as `<redacted>`.
impl fmt::Display for CmdletCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for (name, value) in &self.parameters {
            match value {
                ParameterValue::Switch(true) => write!(f, " -{name}")?,
                ParameterValue::Switch(false) => write!(f, " -{name}:$false")?,
                ParameterValue::Secret(_) => write!(f, " -{name} <redacted>")?,
                ParameterValue::Value(value) => write!(f, " -{name} {}", Literal(value))?,
            }
        }
        Ok(())
    }
}

/// A value as PowerShell's language writes it.
struct Literal<'a>(&'a Value);

impl fmt::Display for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Nil => f.write_str("$null"),
            Value::Bool(true) => f.write_str("$true"),
            Value::Bool(false) => f.write_str("$false"),
            Value::SecureString(_) => f.write_str("<redacted>"),
            value if value.items().is_some() => write_list(f, value.items().unwrap_or_default()),
            value if value.entries().is_some() => {
                write_table(f, value.entries().unwrap_or_default())
            }
            value => match (value.text(), value.as_i64(), value.as_object()) {
                (Some(text), Some(_), None) => f.write_str(&text),
                (Some(text), _, _) => write_quoted(f, &text),
                (None, _, _) => f.write_str("<object>"),
            },
        }
    }
}

fn write_list(f: &mut fmt::Formatter<'_>, items: &[Value]) -> fmt::Result {
    if let [] | [_] = items {
        f.write_str("@(")?;
        items.iter().try_for_each(|item| write_item(f, item))?;
        return f.write_str(")");
    }
    for (number, item) in items.iter().enumerate() {
        f.write_str(if number == 0 { "" } else { ", " })?;
        write_item(f, item)?;
    }
    Ok(())
}

fn write_table(f: &mut fmt::Formatter<'_>, entries: &[(Value, Value)]) -> fmt::Result {
    f.write_str("@{")?;
    for (number, (key, value)) in entries.iter().enumerate() {
        f.write_str(if number == 0 { "" } else { "; " })?;
        write!(f, "{}=", key.text().unwrap_or_default())?;
        match value.items() {
            Some(items) => write_list(f, items)?,
            None => write_item(f, value)?,
        }
    }
    f.write_str("}")
}

/// Writes an item of a container. Containers inside containers are no cmdlet's argument and only hinted at.
fn write_item(f: &mut fmt::Formatter<'_>, item: &Value) -> fmt::Result {
    if item.items().is_some() || item.entries().is_some() {
        return f.write_str("<object>");
    }
    write!(f, "{}", Literal(item))
}

/// Writes a literal string. PowerShell ends one at typographic quotes too, so those are doubled as well.
fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("'")?;
    for c in text.chars() {
        if matches!(c, '\'' | '\u{2018}'..='\u{201b}') {
            write!(f, "{c}")?;
        }
        write!(f, "{c}")?;
    }
    f.write_str("'")
}

#[cfg(test)]
mod tests {
    use clixml::{TypeNames, Value};
    use secrecy::SecretString;

    use super::CmdletCall;

    #[track_caller]
    fn check(value: impl Into<Value>, expected: &str) {
        let call = CmdletCall::new("Set-Mailbox").parameter("X", value.into());
        assert_eq!(call.to_string(), format!("Set-Mailbox -X {expected}"));
    }

    #[test]
    fn values_print_as_they_would_be_typed() {
        check("it's", "'it''s'");
        check("it\u{2019}s", "'it\u{2019}\u{2019}s'");
        check(true, "$true");
        check(Value::Nil, "$null");
        check(12, "12");
        check(Value::list(TypeNames::array_list(), vec!["a".into(), "b".into()]), "'a', 'b'");
        check(Value::list(TypeNames::array_list(), vec![]), "@()");
        check(Value::list(TypeNames::array_list(), vec!["a".into()]), "@('a')");
        let items = Value::list(TypeNames::array_list(), vec!["a".into(), "b".into()]);
        let entries = vec![("Add".into(), items), ("Remove".into(), "c".into())];
        check(Value::dictionary(TypeNames::hashtable(), entries), "@{Add='a', 'b'; Remove='c'}");
    }

    #[test]
    fn a_secret_prints_nowhere() {
        let call = CmdletCall::new("New-Mailbox").secret("Password", SecretString::from("hunter2"));
        assert_eq!(call.to_string(), "New-Mailbox -Password <redacted>");
        assert!(!format!("{call:?}").contains("hunter2"));
    }

    #[test]
    fn a_name_stands_once() {
        let call =
            CmdletCall::new("Get-User").parameter("Identity", "a").parameter("identity", "b");
        assert_eq!(call.to_string(), "Get-User -Identity 'b'");
    }

    #[test]
    fn the_list_excludes_the_primary_parameter() {
        let call = CmdletCall::new("Set-Mailbox")
            .parameter("EmailAddresses", "a")
            .parameter("primarysmtpaddress", "b");
        assert_eq!(
            call.check().unwrap_err().to_string(),
            "Set-Mailbox does not take EmailAddresses together with PrimarySmtpAddress"
        );
    }

    #[test]
    fn only_get_and_test_do_not_write() {
        assert!(!CmdletCall::new("Get-Mailbox").is_writing());
        assert!(!CmdletCall::new("test-ServiceHealth").is_writing());
        assert!(CmdletCall::new("Getaway").is_writing());
        assert!(CmdletCall::new("Enable-Mailbox").is_writing());
    }
}
