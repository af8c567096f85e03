//! Every case of the catalogue.

use std::time::Duration;

use super::{ErrorClass, Retry, classify};
use crate::error_record::ErrorRecord;

#[track_caller]
fn check(reason: &str, id: &str, message: &str, class: ErrorClass, retry: Retry) {
    let mut record = ErrorRecord::new(message, reason);
    record.fully_qualified_error_id = id.to_owned();
    let classified = classify(&record);
    assert_eq!((classified.class, classified.retry), (class, retry), "{reason}: {message}");
}

#[track_caller]
fn check_never(reason: &str, message: &str, class: ErrorClass) {
    check(
        reason,
        "1082ECE3,Microsoft.Exchange.Management.RecipientTasks.SetMailbox",
        message,
        class,
        Retry::Never,
    );
}

#[test]
fn what_is_not_there() {
    let message = "The operation couldn't be performed because object 'X' couldn't be found on 'DC1.contoso.com'.";
    check_never("ManagementObjectNotFoundException", message, ErrorClass::NotFound);
    check_never(
        "ManagementObjectNotFoundException",
        "Couldn't find database \"X\". Make sure…",
        ErrorClass::NotFound,
    );
    check_never(
        "LocalizedException",
        "Couldn't resolve the user or group \"X\". If the user…",
        ErrorClass::NotFound,
    );
}

#[test]
fn what_matches_twice() {
    let message = "The operation couldn't be performed because 'X' matches multiple entries.";
    check_never("ManagementObjectAmbiguousException", message, ErrorClass::Ambiguous);
    check_never("", message, ErrorClass::Ambiguous);
}

#[test]
fn what_is_taken() {
    let conflict = ErrorClass::Conflict;
    let message = "The proxy address \"SMTP:a@b.c\" is already being used by the proxy addresses or LegacyExchangeDN of …";
    check_never("ProxyAddressExistsException", message, conflict);
    check_never("", message, conflict);
    let message = "The value \"V\" of property \"SamAccountName\" is used by another recipient object \"Y\". Please …";
    check_never("RecipientTaskException", message, conflict);
    let message = "Active Directory operation failed on DC1.contoso.com. The object 'CN=Kim,OU=…' already exists.";
    check_never("ADObjectAlreadyExistsException", message, conflict);
    check_never("", "The name \"X\" is already being used. Please try another name.", conflict);
    check_never("", "The user principal name \"a@b.c\" is already used.", conflict);
    let message = "This task does not support recipients of this type. The specified recipient contoso.com/Users/X is …";
    check_never("RecipientTaskException", message, conflict);
    let message =
        "Enable-Mailbox on this mail user is disallowed because the mailbox has been migrated.";
    check_never("RecipientTaskException", message, conflict);
    check_never(
        "MemberAlreadyExistsException",
        "The recipient \"X\" is already a member of the group \"Y\".",
        conflict,
    );
}

#[test]
fn what_is_wrong_in_itself() {
    let invalid = ErrorClass::Invalid;
    check_never("DataValidationException", "Database is mandatory on UserMailbox.", invalid);
    check_never("RecipientTaskException", "Something the catalogue does not know.", invalid);
    check_never(
        "PasswordPolicyException",
        "The password does not meet the length requirement of the domain.",
        invalid,
    );
    check_never("ParsingException", "\"X\" is not a recognized filterable property.", invalid);
    let binding = "ParameterBindingException";
    let message = "Cannot process argument transformation on parameter 'P'. Cannot convert value \"V\" to type \"T\".";
    let reason = "ParameterBindingArgumentTransformationException";
    check(
        reason,
        "ParameterArgumentTransformationError,Set-Mailbox",
        message,
        invalid,
        Retry::Never,
    );
    check(
        "ParameterBin...mationException",
        "ParameterArgumentTransformationError,X",
        message,
        invalid,
        Retry::Never,
    );
    let message = "Parameter set cannot be resolved using the specified named parameters.";
    check(binding, "AmbiguousParameterSet,New-Mailbox", message, invalid, Retry::Never);
    let message =
        "Cannot process command because of one or more missing mandatory parameters: Name.";
    check(binding, "MissingMandatoryParameter,New-Mailbox", message, invalid, Retry::Never);
    let message = "The syntax is not supported by this runspace. This can occur if the runspace is in no-language mode.";
    check("ParseException", "ScriptsNotAllowed", message, invalid, Retry::Never);
}

#[test]
fn what_is_not_permitted() {
    let denied = ErrorClass::Denied;
    let message = "A parameter cannot be found that matches parameter name 'EmailAddresses'.";
    check(
        "ParameterBindingException",
        "NamedParameterNotFound,Set-Mailbox",
        message,
        denied,
        Retry::Never,
    );
    let message = "The term 'Foo' is not recognized as the name of a cmdlet, function, script file, or operable program.";
    check("CommandNotFoundException", "CommandNotFoundException", message, denied, Retry::Never);
    check_never(
        "CmdletAccessDeniedException",
        "The user \"X\" isn't assigned to any management roles.",
        denied,
    );
    check_never("", "… The user \"X\" isn't assigned to any management roles.", denied);
    let message = "The operation on mailbox \"X\" failed because it's out of the current user's write scope. …";
    check_never("InvalidOperationException", message, denied);
    check_never("InvalidOperationException", "… isn't within your current write scopes …", denied);
    let message = "Active Directory operation failed on DC. This error is not retriable. Additional information: \
                   Insufficient access rights to perform the operation. Active directory response: 00002098: SecErr: \
                   DSID-03150E49, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0";
    check_never("ADOperationException", message, denied);
    let message = "You don't have sufficient permissions. This operation can only be performed by a manager of the group.";
    check_never("OperationRequiresGroupManagerException", message, denied);
    check_never("", message, denied);
}

#[test]
fn what_would_be_taken_back() {
    let message = "The e-mail address policy is enabled on this mailbox.";
    check_never("RecipientTaskException", message, ErrorClass::WouldBeUndone);
    let message = "The operation on mailbox \"X\" failed because it's out of the current user's write scope. The action \
                   'Set-Mailbox', 'EmailAddresses', can't be performed on the object 'X' because the object is being \
                   synchronized from your on-premises organization.";
    check_never("InvalidOperationException", message, ErrorClass::WouldBeUndone);
}

#[test]
fn what_passes() {
    let transient = ErrorClass::Transient;
    let id = "1082ECE3,Microsoft.Exchange.Management.RecipientTasks.SetMailbox";
    let message = "Active Directory operation failed on DC. This error is not retriable. Additional information: The name \
                   reference is invalid. This may be caused by replication latency between Active Directory domain \
                   controllers.";
    check("ADOperationException", id, message, transient, Retry::Later);
    let message = "Active Directory operation failed on DC. This error is retriable. Additional information: …";
    check("ADTransientException", id, message, transient, Retry::Later);
    check("", id, message, transient, Retry::Later);
    check(
        "ADServerSettingsChangedException",
        id,
        "An error caused a change in …",
        transient,
        Retry::Later,
    );
    check("RemoteTransientException", id, "…", transient, Retry::Later);
    check("StorageTransientException", id, "…", transient, Retry::Later);
    check("MailboxUnavailableException", id, "…", transient, Retry::Later);
    check("MapiExceptionNetworkError", id, "…", transient, Retry::Later);
    let message = "Active Directory operation failed on DC. This error is not retriable. Additional information: other";
    check("ADOperationException", id, message, ErrorClass::Invalid, Retry::Never);
}

#[test]
fn what_the_service_says() {
    for reason in [
        "DCOverloadedException",
        "ServerInMMException",
        "ServerBusyException",
        "CmdletProxyNotAvailableException",
    ] {
        check(reason, "", "…", ErrorClass::Transient, Retry::Later);
    }
    check(
        "AmbiguousParameterSetException",
        "",
        "Parameter set cannot be …",
        ErrorClass::Invalid,
        Retry::Never,
    );
    check(
        "ParameterTransformationException",
        "",
        "Cannot process …",
        ErrorClass::Invalid,
        Retry::Never,
    );
    check("NameNotAvailableException", "", "…", ErrorClass::Conflict, Retry::Never);
    let directory = "UnableToWriteToAadException";
    let passing = "An Azure Active Directory call was made … This is a transient error, …";
    check(directory, "", passing, ErrorClass::Transient, Retry::Later);
    let lasting = "An Azure Active Directory call was made … Insufficient privileges …";
    check(directory, "", lasting, ErrorClass::Invalid, Retry::Never);
}

#[test]
fn a_domain_controller_that_fails_is_named_as_such() {
    let message = "An Active Directory error 0x51 occurred when trying to check the suitability of server 'DC1'. Error: …";
    for reason in [
        "SuitabilityDirectoryException",
        "ADServerNotSuitableException",
        "",
        "ADOperationException",
    ] {
        let classified = classify(&ErrorRecord::new(message, reason));
        assert_eq!(
            (classified.class, classified.retry),
            (ErrorClass::Transient, Retry::Later),
            "{reason}"
        );
        assert!(classified.domain_controller_failed);
    }
    assert!(!classify(&ErrorRecord::new("x", "ADTransientException")).domain_controller_failed);
}

#[test]
fn limits_state_their_wait() {
    for (message, wait) in [
        (
            "[AuthZRequestId=1][FailureCategory=AuthZ-AuthorizationException] Fail to create runspace because you have \
             exceeded your budget to create runspace. Please wait for 2 seconds. Policy: CN=GlobalThrottlingPolicy_1;",
            Some(Duration::from_secs(2)),
        ),
        (
            "The user load quota of 10 requests per 5 seconds has been exceeded. Send future requests at a slower rate or \
             raise the quota for this user. The next request from this user will not be approved for at least 1500 milliseconds.",
            Some(Duration::from_millis(1500)),
        ),
        (
            "This user is allowed a maximum number of 18 concurrent shells, which has been exceeded.",
            None,
        ),
        (
            "You have reached the maximum number of concurrent requests per tenant. Please wait and try again",
            None,
        ),
    ] {
        let classified = classify(&ErrorRecord::new(message, "AuthorizationException"));
        assert_eq!(
            (classified.class, classified.retry),
            (ErrorClass::Throttled, Retry::Later),
            "{message}"
        );
        assert_eq!(classified.wait, wait, "{message}");
    }
}

#[test]
fn a_lost_shell_leaves_the_outcome_open() {
    let ambiguous = ErrorClass::Ambiguous;
    check("PSRemotingTransportException", "", "gone", ambiguous, Retry::AfterCheck);
    check("", "[FailureCategory=WSMan-InvalidShellID] X", "weg", ambiguous, Retry::AfterCheck);
    let message = "The request for the Windows Remote Shell with ShellId 1 failed because the shell was not found on the server.";
    check("", "", message, ambiguous, Retry::AfterCheck);
}

#[test]
fn a_proxied_error_is_judged_by_what_it_wraps() {
    let message = "Error on proxy command 'Set-Mailbox …' to server EX2: Server version 15.00.0000, Proxy method RPS: The \
                   operation couldn't be performed because object 'X' couldn't be found on 'DC1'.";
    let id = "Microsoft.Exchange.Configuration.CmdletProxyException,Microsoft.Exchange.Management.RecipientTasks.SetMailbox";
    check("CmdletProxyException", id, message, ErrorClass::NotFound, Retry::Never);
}

#[test]
fn the_failure_category_stands_in_for_a_missing_reason() {
    let id = "[Server=EX01] [FailureCategory=Cmdlet-ProxyAddressExistsException] 12345678,X";
    check("", id, "Die Adresse …", ErrorClass::Conflict, Retry::Never);
}

#[test]
fn names_are_those_of_the_results() {
    use ErrorClass::{
        Ambiguous, Conflict, Denied, Invalid, NotFound, Protocol, Throttled, Transient,
        WouldBeUndone,
    };
    let names: Vec<String> = [
        Invalid,
        NotFound,
        Conflict,
        Denied,
        Throttled,
        Transient,
        WouldBeUndone,
        Ambiguous,
        Protocol,
    ]
    .iter()
    .map(ToString::to_string)
    .collect();
    assert_eq!(
        names.join(" "),
        "invalid not-found conflict denied throttled transient would-be-undone ambiguous protocol"
    );
    let retries = [Retry::Never, Retry::Later, Retry::AfterCheck].map(Retry::as_str);
    assert_eq!(retries, ["never", "later", "after-check"]);
}
