//! Errors as the server reports them.
//!
//! The short exception name in `CategoryInfo.Reason` is what identifies an error: messages are localised and ids carry
//! noise of the call. The id of Exchange's own errors is a sentence of its own, [`ErrorId`] reads it.
//!
//! Spec: [MS-PSRP] 2.2.3.15 ErrorRecord.

use std::fmt;

/// One error the server reported, as plain data.
///
/// Fields that did not come are empty.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ErrorRecord {
    /// The message for people, in the server's language.
    pub message: String,
    /// The .NET types of the exception, most derived first; empty when the transport does not say.
    pub exception_types: Vec<String>,
    /// `CategoryInfo.Reason`: the short name of the exception, such as `ManagementObjectNotFoundException`.
    pub reason: String,
    /// The id; [`ErrorRecord::id`] takes it apart.
    pub fully_qualified_error_id: String,
    /// The number of the error category; 0 is `NotSpecified`. Servers use numbers beyond .NET's list.
    pub category: i32,
    /// `CategoryInfo.Activity`: the cmdlet.
    pub activity: String,
    /// `CategoryInfo.TargetName`: the object the error is about, as text.
    pub target_name: String,
    /// `CategoryInfo.TargetType`: the type of that object.
    pub target_type: String,
}

/// A `FullyQualifiedErrorId` in its parts.
///
/// ```
/// use exchange_cmdlets::ErrorId;
///
/// let id = ErrorId::parse(
///     "[Server=EX01,RequestId=1,TimeStamp=5/19/2020 10:19:41 PM] [FailureCategory=Cmdlet-RecipientTaskException] \
///      1082ECE3,Microsoft.Exchange.Management.RecipientTasks.SetRemoteMailbox",
/// );
/// assert_eq!(id.server, Some("EX01"));
/// assert_eq!(id.failure_category, Some("Cmdlet-RecipientTaskException"));
/// assert_eq!(id.code, "1082ECE3");
/// assert_eq!(id.source, Some("Microsoft.Exchange.Management.RecipientTasks.SetRemoteMailbox"));
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ErrorId<'a> {
    /// The server that ran the task, when the id names one.
    pub server: Option<&'a str>,
    /// The failure category, such as `Cmdlet-RecipientTaskException` or `AuthZ-AuthorizationException`.
    pub failure_category: Option<&'a str>,
    /// Exchange's opaque hash, or PowerShell's own error id such as `NamedParameterNotFound`.
    pub code: &'a str,
    /// The task class, or the cmdlet for PowerShell's own errors.
    pub source: Option<&'a str>,
}

impl ErrorRecord {
    /// Makes a record with this message and reason; the other fields may be filled in afterwards.
    #[must_use]
    pub fn new(message: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { message: message.into(), reason: reason.into(), ..Self::default() }
    }

    /// Takes the id apart.
    #[must_use]
    pub fn id(&self) -> ErrorId<'_> {
        ErrorId::parse(&self.fully_qualified_error_id)
    }

    /// Returns the short name of the exception: the reason, else what the failure category or the first type names.
    ///
    /// Empty when nothing of this came.
    #[must_use]
    pub fn exception(&self) -> &str {
        if !self.reason.is_empty() {
            return &self.reason;
        }
        let id = self.id();
        if let Some((_, exception)) =
            id.failure_category.and_then(|category| category.split_once('-'))
        {
            return exception;
        }
        self.exception_types.first().map_or("", |name| short_type_name(name))
    }
}

impl fmt::Display for ErrorRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ErrorRecord {}

impl<'a> ErrorId<'a> {
    /// Reads an id. Any text gives an answer: what is not recognised stays in `code`.
    #[must_use]
    pub fn parse(text: &'a str) -> Self {
        let mut id = Self::default();
        let mut rest = text.trim();
        while let Some((inner, after)) =
            rest.strip_prefix('[').and_then(|rest| rest.split_once(']'))
        {
            id.read_bracket(inner);
            rest = after.trim_start();
        }
        match rest.split_once(',') {
            Some((code, source)) => (id.code, id.source) = (code, Some(source)),
            None => id.code = rest,
        }
        id
    }

    fn read_bracket(&mut self, inner: &'a str) {
        if let Some(category) = inner.strip_prefix("FailureCategory=") {
            self.failure_category = Some(category);
            return;
        }
        let mut fields = inner.split(',').filter_map(|field| field.split_once('='));
        let server = fields.find(|(name, _)| matches!(*name, "Server" | "ClientAccessServer"));
        self.server =
            server.map(|(_, value)| value).filter(|value| !value.is_empty()).or(self.server);
    }
}

/// Returns what follows the last dot of a type name.
pub(crate) fn short_type_name(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::{ErrorId, ErrorRecord};

    #[track_caller]
    fn check(
        text: &str,
        server: Option<&str>,
        category: Option<&str>,
        code: &str,
        source: Option<&str>,
    ) {
        let id = ErrorId::parse(text);
        assert_eq!(
            (id.server, id.failure_category, id.code, id.source),
            (server, category, code, source)
        );
    }

    #[test]
    fn ids_of_every_age_are_read() {
        let task = "Microsoft.Exchange.Management.RecipientTasks.SetMailbox";
        for time in ["14-1-2021 18:43:16", "05.05.2021 11:47:43", "21/09/2020 12:43:41"] {
            check(
                &format!(
                    "[Server=EX01,RequestId=7f2c,TimeStamp={time}] [FailureCategory=Cmdlet-X] AB12CD34,{task}"
                ),
                Some("EX01"),
                Some("Cmdlet-X"),
                "AB12CD34",
                Some(task),
            );
        }
        check(
            &format!("[Server=,TimeStamp=1] AB12CD34,{task}"),
            None,
            None,
            "AB12CD34",
            Some(task),
        );
        check(
            &format!("[] [FailureCategory=Cmdlet-X] AB12CD34,{task}"),
            None,
            Some("Cmdlet-X"),
            "AB12CD34",
            Some(task),
        );
        check(&format!("AB12CD3,{task}"), None, None, "AB12CD3", Some(task));
        check(
            "NamedParameterNotFound,Set-Mailbox",
            None,
            None,
            "NamedParameterNotFound",
            Some("Set-Mailbox"),
        );
        check("CommandNotFoundException", None, None, "CommandNotFoundException", None);
        check("", None, None, "", None);
        check("[broken", None, None, "[broken", None);
        check(
            "[ClientAccessServer=E1,BackEndServer=e1.contoso.com,RequestId=1,TimeStamp=2] [FailureCategory=WSMan-InvalidShellID] gone",
            Some("E1"),
            Some("WSMan-InvalidShellID"),
            "gone",
            None,
        );
    }

    #[test]
    fn the_exception_is_found_wherever_it_stands() {
        let mut record = ErrorRecord::new("", "AException");
        assert_eq!(record.exception(), "AException");
        record.reason.clear();
        assert_eq!(record.exception(), "");
        record.exception_types = vec!["Some.Name.Space.CException".to_owned()];
        assert_eq!(record.exception(), "CException");
        record.fully_qualified_error_id = "[FailureCategory=Cmdlet-BException] 12345678".to_owned();
        assert_eq!(record.exception(), "BException");
    }
}
