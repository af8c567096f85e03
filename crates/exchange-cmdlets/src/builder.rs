//! Turns a cmdlet's fields into a call.

use address_policy::ProxyAddress;
use clixml::{TypeNames, Value};
use secrecy::SecretString;

use crate::call::{CmdletCall, ParameterValue};
use crate::cmdlet::{Parameters, Setting};

/// A field that may be an argument.
pub(crate) trait Argument {
    /// Returns the argument, unless the field leaves it out.
    fn argument(self) -> Option<ParameterValue>;
}

impl<T: Into<ParameterValue>> Argument for Option<T> {
    fn argument(self) -> Option<ParameterValue> {
        self.map(Into::into)
    }
}

impl<T: Into<ParameterValue>> Argument for Setting<T> {
    fn argument(self) -> Option<ParameterValue> {
        match self {
            Self::Keep => None,
            Self::Clear => Some(ParameterValue::Value(Value::Nil)),
            Self::To(value) => Some(value.into()),
        }
    }
}

/// Builds a call field by field; fields that are not set leave no trace.
pub(crate) struct Builder {
    call: CmdletCall,
}

impl Builder {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { call: CmdletCall::new(name) }
    }

    pub(crate) fn always(self, name: &str, value: impl Into<ParameterValue>) -> Self {
        Self { call: self.call.parameter(name, value) }
    }

    pub(crate) fn maybe(self, name: &str, value: impl Argument) -> Self {
        match value.argument() {
            Some(value) => self.always(name, value),
            None => self,
        }
    }

    pub(crate) fn switch(self, name: &str, on: bool) -> Self {
        if on { Self { call: self.call.switch(name, true) } } else { self }
    }

    pub(crate) fn secret(self, name: &str, secret: Option<SecretString>) -> Self {
        match secret {
            Some(secret) => Self { call: self.call.secret(name, secret) },
            None => self,
        }
    }

    pub(crate) fn addresses(self, name: &str, addresses: Option<&[ProxyAddress]>) -> Self {
        match addresses {
            Some(addresses) => {
                self.always(name, text_list(addresses.iter().map(ProxyAddress::as_str)))
            }
            None => self,
        }
    }

    pub(crate) fn list(self, name: &str, texts: &[String]) -> Self {
        if texts.is_empty() {
            self
        } else {
            self.always(name, text_list(texts.iter().map(String::as_str)))
        }
    }

    pub(crate) fn select(self, names: Option<Vec<String>>) -> Self {
        let mut call = self.call;
        call.select = names;
        Self { call }
    }

    pub(crate) fn more(self, parameters: &Parameters) -> Self {
        parameters.iter().fold(self, |builder, (name, value)| builder.always(name, value.clone()))
    }

    /// Ends a call that reads.
    pub(crate) fn reading(self) -> CmdletCall {
        self.call
    }

    /// Ends a call that writes: with the confirmation switched off, since a prompt has nobody to answer it.
    pub(crate) fn writing(self) -> CmdletCall {
        self.call.switch("Confirm", false)
    }
}

/// Makes the list of strings that multi-valued parameters take; it replaces what is there.
pub(crate) fn text_list<I>(texts: I) -> Value
where
    I: IntoIterator,
    I::Item: Into<Value>,
{
    Value::list(TypeNames::array_list(), texts.into_iter().map(Into::into).collect())
}
