//! Faults: the far side said no.
//!
//! Spec: [MS-WSMV] 2.2.4.43 WSManFaultType and 2.2.4.30 ProviderFaultType; SOAP 1.2 Part 1, 5.4 SOAP Fault.
//!
//! The number that matters stands in `WSManFault/@Code`, but a plug-in's own failure may hide in a second
//! `WSManFault` inside a `ProviderFault`, and quota faults of the CIM stack carry theirs in `MSFT_WmiError`.

mod code;
mod prefix;

use std::fmt;
use std::time::Duration;

pub use code::{Advice, FaultCode};
pub use prefix::Diagnostics;

use crate::operation::Verb;
use crate::xml::{Element, Ns};

/// A SOAP fault with everything that servers put into one; text is trimmed and otherwise untouched.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Fault {
    /// The code of the outermost `WSManFault`, else the one of `MSFT_WmiError`.
    pub code: Option<FaultCode>,
    /// The code of the innermost `WSManFault`, if there are several.
    pub inner_code: Option<FaultCode>,
    /// SOAP's own code, with the prefix of the document, such as `s:Receiver`.
    pub soap_code: String,
    /// The sub-code, without its prefix, such as `TimedOut`.
    pub subcode: Option<String>,
    /// The first text of the reason.
    pub reason: String,
    /// The URI that details the sub-code.
    pub detail: Option<String>,
    /// The computer that the fault comes from.
    pub machine: Option<String>,
    /// All text of the message of `WSManFault` or `MSFT_WmiError`, white space made single.
    pub message: Option<String>,
    /// The plug-in that failed.
    pub provider: Option<String>,
    /// The file of that plug-in.
    pub provider_path: Option<String>,
    /// What Exchange said in brackets before its text.
    pub diagnostics: Diagnostics,
}

impl Fault {
    /// Makes a fault as a server of ours raises it.
    #[must_use]
    pub fn new(code: FaultCode, subcode: &str, reason: &str) -> Self {
        Self {
            code: Some(code),
            soap_code: "s:Receiver".to_owned(),
            subcode: Some(subcode.to_owned()),
            reason: reason.to_owned(),
            message: Some(reason.to_owned()),
            diagnostics: Diagnostics::parse(reason),
            ..Self::default()
        }
    }

    /// Returns the text for people: Exchange's without its brackets, else the server's reason.
    #[must_use]
    pub fn text(&self) -> &str {
        if self.diagnostics.text.is_empty() { &self.reason } else { &self.diagnostics.text }
    }

    /// Tells whether nothing came within the operation timeout, the normal answer to an idle Receive.
    #[must_use]
    pub fn is_operation_timeout(&self) -> bool {
        match self.code {
            Some(code) => code == FaultCode::OPERATION_TIMED_OUT,
            None => self.subcode.as_deref() == Some("TimedOut"),
        }
    }

    /// Tells whether the shell is lost.
    #[must_use]
    pub fn is_shell_gone(&self) -> bool {
        self.code.is_some_and(FaultCode::is_shell_gone)
    }

    /// Tells whether what is being closed is gone already.
    #[must_use]
    pub fn is_already_gone(&self) -> bool {
        self.code.is_some_and(FaultCode::is_already_gone)
    }

    /// Tells whether a quota is used up.
    #[must_use]
    pub fn is_quota(&self) -> bool {
        self.code.is_some_and(FaultCode::is_quota) || self.subcode.as_deref() == Some("QuotaLimit")
    }

    /// Tells what a client may do after this fault of an operation.
    ///
    /// A code without advice of its own is judged by the code inside it.
    #[must_use]
    pub fn advice(&self, verb: Verb) -> Advice {
        if self.is_quota() {
            return Advice::Later;
        }
        let advice = |code: Option<FaultCode>| code.map_or(Advice::Never, |code| code.advice(verb));
        match advice(self.code) {
            Advice::Never => advice(self.inner_code),
            outer => outer,
        }
    }

    /// Returns how long the server asks to wait, which the text of a request quota says in milliseconds.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        let (_, after) = self.text().split_once("at least ")?;
        let (number, unit) = after.split_once(' ')?;
        let millis = number.replace([',', '.'], "").parse().ok()?;
        unit.starts_with("millisecond").then(|| Duration::from_millis(millis))
    }

    pub(crate) fn read(fault: Element<'_>) -> Self {
        let mut read = Self::default();
        if let Some(code) = fault.child(Ns::Soap, "Code") {
            read.soap_code = code.child_text(Ns::Soap, "Value").unwrap_or_default();
            read.subcode = code
                .child(Ns::Soap, "Subcode")
                .and_then(|subcode| subcode.child_text(Ns::Soap, "Value"))
                .map(|value| local_part(&value).to_owned());
        }
        read.reason = fault
            .child(Ns::Soap, "Reason")
            .and_then(|reason| reason.child_text(Ns::Soap, "Text"))
            .unwrap_or_default();
        if let Some(detail) = fault.child(Ns::Soap, "Detail") {
            read.detail = detail.child_text(Ns::Wsman, "FaultDetail");
            read.read_wsman_faults(detail);
            read.read_wmi_error(detail);
        }
        let text = read.message.as_deref().filter(|text| !text.is_empty());
        read.diagnostics = Diagnostics::parse(text.unwrap_or(&read.reason));
        read
    }

    fn read_wsman_faults(&mut self, detail: Element<'_>) {
        let mut faults = detail.descendants().filter(|element| element.is(Ns::Fault, "WSManFault"));
        let Some(outer) = faults.next() else { return };
        self.code = code_of(outer);
        self.inner_code = faults.filter_map(code_of).last();
        self.machine = outer.attribute("Machine").map(str::to_owned);
        self.message = Some(match outer.child(Ns::Fault, "Message") {
            Some(message) => message.deep_text(),
            None => outer.deep_text(),
        });
        if let Some(provider) =
            outer.descendants().find(|element| element.is(Ns::Fault, "ProviderFault"))
        {
            self.provider = provider.attribute("provider").map(str::to_owned);
            self.provider_path = provider.attribute("path").map(str::to_owned);
        }
    }

    /// Reads the error of the CIM stack, whose namespace names its class.
    fn read_wmi_error(&mut self, detail: Element<'_>) {
        let Some(error) = detail.children().find(|child| child.name() == "MSFT_WmiError") else {
            return;
        };
        let text = |name: &str| {
            error.children().find(|child| child.name() == name).map(Element::deep_text)
        };
        if self.code.is_none() {
            self.code = text("error_Code").as_deref().and_then(FaultCode::parse);
        }
        if self.message.is_none() {
            self.message = text("Message");
        }
    }
}

fn code_of(fault: Element<'_>) -> Option<FaultCode> {
    fault.attribute("Code").and_then(FaultCode::parse)
}

/// Removes the prefix of a qualified name.
fn local_part(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, &self.subcode) {
            (Some(code), _) => write!(f, "the server answered with fault {code}")?,
            (None, Some(subcode)) => write!(f, "the server answered with fault {subcode}")?,
            (None, None) => write!(f, "the server answered with a fault")?,
        }
        if let Some(category) = self.diagnostics.failure_category() {
            write!(f, " ({category})")?;
        }
        if !self.text().is_empty() {
            write!(f, ": {}", self.text())?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_text_says_how_long_to_wait() {
        let text = "This user has exceeded the user load quota of 15 requests per 1 seconds. The next request \
                    from this user will not be approved for at least 2,736 milliseconds.";
        let fault = Fault::new(FaultCode::QUOTA_USER, "QuotaLimit", text);
        assert_eq!(fault.wait(), Some(Duration::from_millis(2736)));
        assert_eq!(fault.advice(Verb::Create), Advice::Later);
        assert_eq!(Fault::new(FaultCode::QUOTA_USER, "QuotaLimit", "Wait.").wait(), None);
    }

    #[test]
    fn display_names_code_category_and_text() {
        let text = "[Server=EX01] [FailureCategory=WSMan-InvalidShellID] Gone.";
        let fault = Fault::new(FaultCode::UNEXPECTED_SELECTORS, "InvalidSelectors", text);
        assert_eq!(
            fault.to_string(),
            "the server answered with fault 2150858843 UNEXPECTED_SELECTORS (WSMan-InvalidShellID): Gone."
        );
    }
}
