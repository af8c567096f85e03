//! Errors with the ids and texts that Exchange and PowerShell give them.

use super::Exchange;
use crate::directory::Recipient;
use crate::object::text::us_date;

/// PowerShell's error categories, as far as cmdlets here use them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ErrorCategory {
    /// No category; what Exchange uses most.
    NotSpecified,
    /// An argument is wrong.
    InvalidArgument,
    /// A value does not fit.
    InvalidData,
    /// The operation does not fit the object.
    InvalidOperation,
    /// Something does not exist.
    ObjectNotFound,
    /// The operation was stopped.
    OperationStopped,
    /// The syntax is not allowed.
    ParserError,
    /// Something is not there to be had.
    ResourceUnavailable,
}

impl ErrorCategory {
    /// Returns the number of the .NET enumeration.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::NotSpecified => 0,
            Self::InvalidArgument => 5,
            Self::InvalidData => 6,
            Self::InvalidOperation => 7,
            Self::ObjectNotFound => 13,
            Self::OperationStopped => 14,
            Self::ParserError => 17,
            Self::ResourceUnavailable => 21,
        }
    }
}

/// What an error is about.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ErrorTarget {
    /// The text of the target.
    pub name: String,
    /// The short name of its type.
    pub type_name: &'static str,
}

/// An error record.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct CmdletError {
    /// The message in English.
    pub message: String,
    /// The full name of the exception's type.
    pub exception: &'static str,
    /// The fully qualified id.
    pub id: String,
    /// The category.
    pub category: ErrorCategory,
    /// The cmdlet; empty for errors before one was found.
    pub activity: String,
    /// What it is about.
    pub target: Option<Box<ErrorTarget>>,
}

impl CmdletError {
    /// Returns the short name of the exception, which is the record's reason.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.exception.rsplit('.').next().unwrap_or_default()
    }

    /// Returns whether the pipeline goes on after it: Exchange's tasks write theirs, PowerShell's binder ends with its own
    /// unless they are about one object of the input.
    pub(super) fn goes_on(&self) -> bool {
        self.id.starts_with('[') || self.id.starts_with(INPUT_NOT_BOUND)
    }

    /// An error of a command that is about a text.
    pub(super) fn about_text(
        activity: &str,
        id: &str,
        category: ErrorCategory,
        message: String,
        (name, type_name): (&str, &'static str),
    ) -> Self {
        Self {
            message,
            exception: "System.Exception",
            id: id.to_owned(),
            category,
            activity: activity.to_owned(),
            target: Some(Box::new(ErrorTarget { name: name.to_owned(), type_name })),
        }
    }

    /// An object of the input that no parameter takes.
    pub(super) fn input_not_bound(cmdlet: &str, shown: &str) -> Self {
        let message = "The input object cannot be bound to any parameters for the command either because the command does not take pipeline input or the input and its properties do not match any of the parameters that take pipeline input.";
        let target = ErrorTarget { name: shown.to_owned(), type_name: "PSObject" };
        Self {
            target: Some(Box::new(target)),
            ..Self::binding(cmdlet, INPUT_NOT_BOUND, message.to_owned())
        }
    }

    /// A warning where `-WarningAction` is `Stop`.
    pub(super) fn stopped_by_warning(cmdlet: &str, warning: &str) -> Self {
        Self {
            exception: "System.Management.Automation.ActionPreferenceStopException",
            category: ErrorCategory::OperationStopped,
            ..Self::binding(
                cmdlet,
                "ActionPreferenceStop",
                format!(
                    "The running command stopped because the preference variable \"WarningPreference\" or common parameter is set to Stop: {warning}"
                ),
            )
        }
    }

    pub(super) fn about(mut self, recipient: &Recipient) -> Self {
        self.target = Some(Box::new(ErrorTarget {
            name: recipient.canonical_name(),
            type_name: "ADObjectId",
        }));
        self
    }

    pub(crate) fn command_not_found(name: &str) -> Self {
        Self {
            message: format!(
                "The term '{name}' is not recognized as the name of a cmdlet, function, script file, or operable program. Check the spelling of the name, or if a path was included, verify that the path is correct and try again."
            ),
            exception: "System.Management.Automation.CommandNotFoundException",
            id: "CommandNotFoundException".to_owned(),
            category: ErrorCategory::ObjectNotFound,
            activity: String::new(),
            target: Some(Box::new(ErrorTarget { name: name.to_owned(), type_name: "String" })),
        }
    }

    pub(super) fn scripts_not_allowed(script: &str) -> Self {
        Self {
            message: "The syntax is not supported by this runspace. This can occur if the runspace is in no-language mode.".to_owned(),
            exception: "System.Management.Automation.ParseException",
            id: "ScriptsNotAllowed".to_owned(),
            category: ErrorCategory::ParserError,
            activity: String::new(),
            target: Some(Box::new(ErrorTarget { name: script.to_owned(), type_name: "String" })),
        }
    }

    /// The error of a script's `throw`: its text is its id.
    pub(crate) fn thrown(text: &str) -> Self {
        Self {
            message: text.to_owned(),
            exception: "System.Management.Automation.RuntimeException",
            id: text.to_owned(),
            category: ErrorCategory::InvalidOperation,
            activity: String::new(),
            target: None,
        }
    }

    /// The error of `Add-PSSnapin` for a name that nobody registered.
    pub(crate) fn no_snap_in() -> Self {
        Self {
            message: "No snap-ins have been registered for Windows PowerShell version 5."
                .to_owned(),
            exception: "System.Management.Automation.PSArgumentException",
            id: "AddPSSnapInRead,Microsoft.PowerShell.Commands.AddPSSnapinCommand".to_owned(),
            category: ErrorCategory::InvalidArgument,
            activity: "Add-PSSnapin".to_owned(),
            target: None,
        }
    }

    /// The error of a prompt in a session without a host.
    pub(super) fn no_host(cmdlet: &str) -> Self {
        Self {
            message: "A command that prompts the user failed because the host program or the command type does not support user interaction. The host was attempting to request confirmation.".to_owned(),
            exception: "System.Management.Automation.Host.HostException",
            id: format!("HostFunctionNotImplemented,{}", task_class(cmdlet)),
            category: ErrorCategory::NotSpecified,
            activity: cmdlet.to_owned(),
            target: None,
        }
    }

    /// An error of PowerShell's parameter binder.
    pub(super) fn binding(cmdlet: &str, id: &str, message: String) -> Self {
        Self {
            message,
            exception: "System.Management.Automation.ParameterBindingException",
            id: format!("{id},{cmdlet}"),
            category: ErrorCategory::InvalidArgument,
            activity: cmdlet.to_owned(),
            target: None,
        }
    }

    /// An argument that cannot be converted to the parameter's type.
    pub(super) fn transformation(cmdlet: &str, parameter: &str, detail: &str) -> Self {
        Self {
            exception: "System.Management.Automation.ParameterBindingArgumentTransformationException",
            category: ErrorCategory::InvalidData,
            ..Self::binding(
                cmdlet,
                "ParameterArgumentTransformationError",
                format!(
                    "Cannot process argument transformation on parameter '{parameter}'. {detail}"
                ),
            )
        }
    }
}

/// Returns the class of a cmdlet's task: `Microsoft.Exchange.Management.RecipientTasks.SetMailbox`.
fn task_class(cmdlet: &str) -> String {
    let space = match cmdlet {
        "Get-AcceptedDomain" | "Get-OrganizationConfig" => "SystemConfigurationTasks",
        _ => "RecipientTasks",
    };
    format!("Microsoft.Exchange.Management.{space}.{}", cmdlet.replace('-', ""))
}

const INPUT_NOT_BOUND: &str = "InputObjectNotBound";
pub(super) const TASK: &str = "Microsoft.Exchange.Configuration.Tasks.RecipientTaskException";
const NOT_FOUND: &str = "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException";
const AMBIGUOUS: &str = "Microsoft.Exchange.Configuration.Tasks.ManagementObjectAmbiguousException";
pub(super) const VALIDATION: &str = "Microsoft.Exchange.Data.DataValidationException";
const PROXY_EXISTS: &str =
    "Microsoft.Exchange.Management.RecipientTasks.ProxyAddressExistsException";
const ALREADY_EXISTS: &str = "Microsoft.Exchange.Data.Directory.ADObjectAlreadyExistsException";
pub(super) const PASSWORD: &str = "Microsoft.Exchange.Data.Directory.ADInvalidPasswordException";
pub(super) const AD_OPERATION: &str = "Microsoft.Exchange.Data.Directory.ADOperationException";
const UNSUITABLE: &str = "Microsoft.Exchange.Data.Directory.SuitabilityDirectoryException";

impl Exchange {
    /// An error that Exchange's task framework writes; its id names the request, which is another one each time.
    pub(super) fn task_error(
        &mut self,
        cmdlet: &str,
        exception: &'static str,
        category: ErrorCategory,
        message: String,
    ) -> CmdletError {
        let reason = exception.rsplit('.').next().unwrap_or_default();
        let request = self.random.guid();
        let server = &self.directory.organization().server;
        let id = format!(
            "[Server={server},RequestId={request},TimeStamp={}] [FailureCategory=Cmdlet-{reason}] {:08X},{}",
            us_date(self.now()),
            hash(&[exception, &message]),
            task_class(cmdlet)
        );
        CmdletError { message, exception, id, category, activity: cmdlet.to_owned(), target: None }
    }

    pub(super) fn not_found(
        &mut self,
        cmdlet: &str,
        identity: &str,
        domain_controller: &str,
    ) -> CmdletError {
        let message = format!(
            "The operation couldn't be performed because object '{identity}' couldn't be found on '{domain_controller}'."
        );
        self.task_error(cmdlet, NOT_FOUND, ErrorCategory::NotSpecified, message)
    }

    pub(super) fn reference_not_found(
        &mut self,
        cmdlet: &str,
        what: &str,
        identity: &str,
    ) -> CmdletError {
        let message = match what {
            "database" => format!(
                "Couldn't find database \"{identity}\". Make sure you have typed it correctly."
            ),
            _ => format!(
                "Couldn't find {what} \"{identity}\". Please make sure that it was spelled correctly or specify a different object."
            ),
        };
        self.task_error(cmdlet, NOT_FOUND, ErrorCategory::NotSpecified, message)
    }

    pub(super) fn ambiguous(&mut self, cmdlet: &str, identity: &str) -> CmdletError {
        let message = format!(
            "The operation couldn't be performed because '{identity}' matches multiple entries."
        );
        self.task_error(cmdlet, AMBIGUOUS, ErrorCategory::NotSpecified, message)
    }

    pub(super) fn proxy_exists(&mut self, cmdlet: &str, address: &str, owner: &str) -> CmdletError {
        let message = format!(
            "The proxy address \"{address}\" is already being used by the proxy addresses or LegacyExchangeDN of \"{owner}\". Please choose another proxy address."
        );
        self.task_error(cmdlet, PROXY_EXISTS, ErrorCategory::InvalidArgument, message)
    }

    pub(super) fn already_exists(
        &mut self,
        cmdlet: &str,
        distinguished_name: &str,
        domain_controller: &str,
    ) -> CmdletError {
        let message = format!(
            "Active Directory operation failed on {domain_controller}. The object '{distinguished_name}' already exists."
        );
        self.task_error(cmdlet, ALREADY_EXISTS, ErrorCategory::NotSpecified, message)
    }

    pub(super) fn not_unique(
        &mut self,
        cmdlet: &str,
        property: &str,
        value: &str,
        owner: &str,
    ) -> CmdletError {
        let message = format!(
            "The value \"{value}\" of property \"{property}\" is used by another recipient object \"{owner}\". Please specify a unique value."
        );
        self.task_error(cmdlet, TASK, ErrorCategory::InvalidArgument, message)
    }

    pub(super) fn wrong_type(&mut self, cmdlet: &str, recipient: &Recipient) -> CmdletError {
        let (details, _) = recipient.kind.details(recipient.enabled);
        let message = format!(
            "This task does not support recipients of this type. The specified recipient {} is of type {details}. Please make sure that this recipient matches the required recipient type for this task.",
            recipient.canonical_name()
        );
        self.task_error(cmdlet, TASK, ErrorCategory::InvalidArgument, message).about(recipient)
    }

    pub(super) fn invalid(
        &mut self,
        cmdlet: &str,
        exception: &'static str,
        message: String,
    ) -> CmdletError {
        let category = if exception == VALIDATION {
            ErrorCategory::InvalidData
        } else {
            ErrorCategory::InvalidArgument
        };
        self.task_error(cmdlet, exception, category, message)
    }

    pub(super) fn unsuitable_server(&mut self, cmdlet: &str, server: &str) -> CmdletError {
        let message = format!(
            "An Active Directory error 0x51 occurred when trying to check the suitability of server '{server}'. Error: 'Active directory response: The LDAP server is unavailable.'"
        );
        self.task_error(cmdlet, UNSUITABLE, ErrorCategory::NotSpecified, message)
    }
}

/// FNV-1a: the real ids hold eight opaque hexadecimal digits.
fn hash(parts: &[&str]) -> u32 {
    let bytes = parts.iter().flat_map(|part| part.bytes());
    bytes.fold(0x811C_9DC5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
