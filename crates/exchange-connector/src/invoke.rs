//! Running one cmdlet as it is given.

use std::sync::Arc;

use async_stream::stream;
use clixml::Value;
use exchange_cmdlets::recovery::{Attempts, Decision, Failure, Over, Purpose};
use exchange_cmdlets::{CmdletCall, CmdletItem, Identity, ParameterValue};
use futures_util::StreamExt as _;
use serde::Serialize;
use serde_json::Value as Json;
use tokio::time::Instant;

use crate::connector::{Inner, InvokeStream};
use crate::error::{Error, RequestError, report};
use crate::outcome::OutcomeError;
use crate::parameters::{argument_from_json, argument_from_text, is_switch};
use crate::value::object_to_json;

/// One cmdlet with its arguments.
#[derive(Clone, Debug)]
pub struct InvokeRequest {
    call: CmdletCall,
    online: bool,
}

/// One thing a cmdlet said. Serialized, an object is its properties.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum InvokeItem {
    /// An output object.
    Object(Json),
    /// An error that did not end the command.
    Error {
        /// The error.
        error: OutcomeError,
    },
    /// A warning.
    Warning {
        /// What it says.
        warning: String,
    },
}

impl InvokeRequest {
    /// A cmdlet without arguments.
    ///
    /// # Errors
    ///
    /// [`RequestError::Arguments`] when the text is not a cmdlet's name, `Verb-Noun`.
    pub fn new(cmdlet: &str) -> Result<Self, RequestError> {
        let word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric());
        match cmdlet.split_once('-') {
            Some((verb, noun)) if word(verb) && word(noun) => {
                Ok(Self { call: CmdletCall::new(cmdlet.to_owned()), online: false })
            }
            _ => Err(arguments(format!(
                "{cmdlet:?} is not a cmdlet's name; Exchange runs cmdlets such as Get-Mailbox, never scripts"
            ))),
        }
    }

    /// Adds an argument. `true` and `false` are for switches and Boolean parameters, lists for parameters that take several.
    ///
    /// # Errors
    ///
    /// [`RequestError::Arguments`] when the value cannot be sent, or would name every object there is.
    pub fn parameter(mut self, name: &str, value: &Json) -> Result<Self, RequestError> {
        let value = argument_from_json(name, value)
            .map_err(|problem| arguments(format!("parameter {name} {problem}")))?;
        check_identity(name, &value)?;
        self.call = self.call.parameter(name, value);
        Ok(self)
    }

    /// Reads arguments as they are typed: `-Identity ann -ResultSize 5 -Archive -Confirm:$false`.
    ///
    /// A name with nothing behind it is a switch. Several values after a name are a list, as is `a,b`.
    ///
    /// # Errors
    ///
    /// [`RequestError::Arguments`] when they cannot be understood, or would name every object there is.
    pub fn from_arguments<S: AsRef<str>>(cmdlet: &str, args: &[S]) -> Result<Self, RequestError> {
        let mut request = Self::new(cmdlet)?;
        let mut rest = args.iter().map(AsRef::as_ref).peekable();
        while let Some(word) = rest.next() {
            let Some(name) = parameter_name(word) else {
                return Err(arguments(format!(
                    "{word:?} stands where a parameter such as -Identity is expected"
                )));
            };
            let (name, attached) = match name.split_once(':') {
                Some((name, value)) => (name, Some(value)),
                None => (name, None),
            };
            let mut values: Vec<&str> =
                attached.into_iter().filter(|value| !value.is_empty()).collect();
            while attached.is_none() && !is_switch(name) {
                match rest.next_if(|word| parameter_name(word).is_none()) {
                    Some(value) => values.push(value),
                    None => break,
                }
            }
            let value = argument_from_text(name, &values)
                .map_err(|problem| arguments(format!("parameter {name} {problem}")))?;
            check_identity(name, &value)?;
            request.call = request.call.parameter(name, value);
        }
        Ok(request)
    }
}

impl InvokeRequest {
    /// Runs it in the service, of a hybrid organisation whose settings name both sides; without this the own servers run
    /// it. Where there is one side it changes nothing.
    #[must_use]
    pub fn online(mut self) -> Self {
        self.online = true;
        self
    }
}

/// The name in `-Name`; a number such as `-1` is a value.
fn parameter_name(word: &str) -> Option<&str> {
    word.strip_prefix('-').filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// An empty identity would make the server act on everything it has.
fn check_identity(name: &str, value: &ParameterValue) -> Result<(), RequestError> {
    if !name.eq_ignore_ascii_case("Identity") {
        return Ok(());
    }
    let text = match value {
        ParameterValue::Value(value) => value.text().unwrap_or_default().into_owned(),
        _ => String::new(),
    };
    // A pattern is what people type to search; only what names nothing is dangerous.
    match Identity::new(text.replace('*', "x")) {
        Ok(_) => Ok(()),
        Err(error) => Err(arguments(format!("parameter Identity {error}"))),
    }
}

fn arguments(problem: String) -> RequestError {
    RequestError::Arguments { problem }
}

pub(crate) fn invoke(inner: Arc<Inner>, request: InvokeRequest) -> InvokeStream {
    let inner = inner.online.clone().filter(|_| request.online).unwrap_or(inner);
    let purpose = if request.call.is_writing() { Purpose::Write } else { Purpose::Read };
    let cmdlet = request.call.name.to_string();
    Box::pin(stream! {
        let mut attempts = Attempts::begin(Instant::now().into_std());
        'again: loop {
            let session = match inner.session().await {
                Ok(session) => session,
                Err(error) => {
                    yield Err(error);
                    return;
                }
            };
            // What was handed on cannot be taken back, so only a command that said nothing yet is run again.
            let mut silent = true;
            let mut items = session.invoke(request.call.clone());
            while let Some(item) = items.next().await {
                if let (Err(error), true) = (&item, silent) {
                    let now = Instant::now().into_std();
                    attempts.failed();
                    let failure = Failure::of(error);
                    if let Decision::Again(again) =
                        inner.recovery.decide(purpose, &failure, &attempts, now, inner.environment.chance())
                    {
                        drop(items);
                        tracing::warn!(%cmdlet, reason = %report(error), "trying again");
                        tokio::time::sleep(again.after).await;
                        if again.over != Over::SameSession {
                            session.retire();
                        }
                        continue 'again;
                    }
                }
                silent = false;
                match item {
                    Ok(CmdletItem::Object(value)) => yield Ok(InvokeItem::Object(shown(&value))),
                    Ok(CmdletItem::Error(record)) => {
                        yield Ok(InvokeItem::Error { error: OutcomeError::from_record(&record) });
                    }
                    Ok(CmdletItem::Warning(warning)) => yield Ok(InvokeItem::Warning { warning }),
                    Ok(_) => {}
                    Err(error) => yield Err(Error::from_transport(&cmdlet, error)),
                }
            }
            return;
        }
    })
}

/// An output object as a line: always a JSON object, so that a primitive is told apart from an error.
fn shown(value: &Value) -> Json {
    match object_to_json(value) {
        object @ Json::Object(_) => object,
        other => serde_json::json!({ "value": other }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(args: &[&str], expected: &str) {
        let request = InvokeRequest::from_arguments("Set-Mailbox", args).unwrap();
        assert_eq!(request.call.to_string(), format!("Set-Mailbox {expected}"));
    }

    #[track_caller]
    fn refused(cmdlet: &str, args: &[&str], expected: &str) {
        let error = InvokeRequest::from_arguments(cmdlet, args).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }

    #[test]
    fn arguments_are_read_as_they_are_typed() {
        check(&["-Identity", "ann"], "-Identity 'ann'");
        check(&["-Identity", "ann", "-Confirm:$false"], "-Identity 'ann' -Confirm:$false");
        check(&["-Force", "-Identity", "a"], "-Force -Identity 'a'");
        check(&["-Room"], "-Room");
        check(&["-X", "a", "b"], "-X 'a', 'b'");
        check(&["-ModeratedBy", "a,b"], "-ModeratedBy 'a', 'b'");
        check(&["-CustomAttribute1", "$null"], "-CustomAttribute1 $null");
        check(&["-HiddenFromAddressListsEnabled", "$true"], "-HiddenFromAddressListsEnabled $true");
        check(&["-Offset", "-1"], "-Offset '-1'");
    }

    #[test]
    fn what_would_name_everything_is_refused() {
        refused("Get-Mailbox", &["-Identity", ""], "identity is empty");
        refused("Get-Mailbox", &["-Identity", "$null"], "identity is empty");
        refused("Get-Mailbox", &["-identity"], "identity is empty");
    }

    #[test]
    fn scripts_are_refused() {
        refused("Get-Mailbox | Remove-Mailbox", &[], "never scripts");
        refused("Get", &[], "never scripts");
        refused("Get-Mailbox", &["ann"], "where a parameter");
    }

    #[test]
    fn a_password_travels_as_a_secret() {
        check(&["-Password", "hunter2"], "-Password <redacted>");
    }
}
