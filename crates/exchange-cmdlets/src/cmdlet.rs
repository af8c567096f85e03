//! What all cmdlets have in common.

use std::future::poll_fn;

use clixml::Value;

use crate::call::{CmdletCall, ParameterValue};
use crate::error_record::ErrorRecord;
use crate::transport::{CmdletItem, CmdletTransport, TransportError};

/// A cmdlet with its parameters.
pub trait Cmdlet {
    /// The cmdlet's name.
    const NAME: &'static str;
    /// What each output object is; `()` for cmdlets that give none.
    type Output: Output;

    /// Returns the call that the parameters make.
    fn into_call(self) -> CmdletCall;
}

/// An output object of a cmdlet: a view of the value that came.
pub trait Output: Sized {
    /// Takes an output object.
    fn from_value(value: Value) -> Self;
}

impl Output for Value {
    fn from_value(value: Value) -> Self {
        value
    }
}

impl Output for () {
    fn from_value(_: Value) {}
}

/// Everything a finished cmdlet said.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reply<T> {
    /// The output objects, in order.
    pub outputs: Vec<T>,
    /// The errors that did not end the command. Not empty means: not done.
    pub errors: Vec<ErrorRecord>,
    /// The warnings, in order.
    pub warnings: Vec<String>,
}

/// Runs a cmdlet to its end and collects what it says.
///
/// For cmdlets with few outputs. What may give many (`Get-Mailbox` of all) is read from
/// [`CmdletTransport::invoke`] as it comes.
///
/// # Errors
///
/// [`TransportError`] when the command did not reach a good final state. Errors in [`Reply::errors`] are not among them.
pub async fn run<C: Cmdlet>(
    transport: &dyn CmdletTransport,
    cmdlet: C,
) -> Result<Reply<C::Output>, TransportError> {
    let mut stream = transport.invoke(cmdlet.into_call());
    let mut reply = Reply { outputs: Vec::new(), errors: Vec::new(), warnings: Vec::new() };
    while let Some(item) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
        match item? {
            CmdletItem::Object(value) => reply.outputs.push(C::Output::from_value(value)),
            CmdletItem::Error(record) => reply.errors.push(record),
            CmdletItem::Warning(text) => reply.warnings.push(text),
            CmdletItem::Verbose(_) | CmdletItem::Progress { .. } => {}
        }
    }
    Ok(reply)
}

/// What to do with a property that can also be empty.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a property is left, emptied or set")]
pub enum Setting<T> {
    /// Leave it as it is: the parameter is not sent.
    #[default]
    Keep,
    /// Empty it: null is sent.
    Clear,
    /// Set it.
    To(T),
}

impl<T> From<Option<T>> for Setting<T> {
    /// Takes `None` for emptying.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Clear, Self::To)
    }
}

/// Further parameters of a cmdlet, by name.
///
/// Here goes what has no field of its own, such as attributes that are routed by the [`schema`](crate::schema).
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    entries: Vec<(String, ParameterValue)>,
}

/// A text is no name of a parameter.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{name:?} is no name of a parameter")]
#[non_exhaustive]
pub struct ParameterNameError {
    /// The text.
    pub name: String,
}

impl Parameters {
    /// Sets a parameter, in place of an earlier value.
    ///
    /// # Errors
    ///
    /// [`ParameterNameError`] unless the name is a letter followed by letters, digits, `_` or `-`.
    pub fn set(
        &mut self,
        name: &str,
        value: impl Into<ParameterValue>,
    ) -> Result<(), ParameterNameError> {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.chars().all(good) {
            return Err(ParameterNameError { name: name.to_owned() });
        }
        let value = value.into();
        match self.entries.iter_mut().find(|(present, _)| present.eq_ignore_ascii_case(name)) {
            Some(slot) => slot.1 = value,
            None => self.entries.push((name.to_owned(), value)),
        }
        Ok(())
    }

    /// Returns the parameter `name`, in any case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&ParameterValue> {
        self.iter().find(|(present, _)| present.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Tells whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the parameters in the order they were set.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ParameterValue)> {
        self.entries.iter().map(|(name, value)| (name.as_str(), value))
    }
}

#[cfg(test)]
mod tests {
    use super::{Parameters, Setting};

    #[test]
    fn parameter_names_are_checked() {
        let mut parameters = Parameters::default();
        for name in ["", "1a", "a b", "-a", "a:b", "ä"] {
            assert!(parameters.set(name, "x").is_err(), "{name:?}");
        }
        assert!(parameters.is_empty());
        parameters.set("CustomAttribute1", "x").unwrap();
        parameters.set("customattribute1", true).unwrap();
        assert_eq!(parameters.iter().count(), 1);
        assert!(parameters.get("CUSTOMATTRIBUTE1").is_some());
    }

    #[test]
    fn null_empties() {
        assert_eq!(Setting::from(None::<u8>), Setting::Clear);
        assert_eq!(Setting::from(Some(1)), Setting::To(1));
        assert_eq!(Setting::<u8>::default(), Setting::Keep);
    }
}
