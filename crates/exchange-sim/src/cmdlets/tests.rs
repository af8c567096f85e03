use super::*;
use crate::object::{Field, Item, Row};
use crate::{MailboxKind, Recipient, RecipientKind};
use time::macros::datetime;

struct Fixture {
    exchange: Exchange,
    session: Session,
}

#[derive(Debug, Default)]
struct Outcome {
    rows: Vec<Row>,
    values: Vec<Field>,
    errors: Vec<CmdletError>,
    warnings: Vec<String>,
    /// Verbose messages and what `-WhatIf` says.
    said: Vec<String>,
    prompts: usize,
}

fn fixture(mailboxes: usize) -> Fixture {
    let mut exchange = Exchange::new(&SimOptions::default().mailboxes(mailboxes).plain_users(5));
    exchange.set_time(datetime!(2026-11-25 10:00:00 UTC));
    Fixture { exchange, session: Session::new("dc01.contoso.com") }
}

fn call(command: &str) -> Invocation {
    Invocation::new(command)
}

fn list(texts: &[&str]) -> Argument {
    Argument::List(texts.iter().map(|text| Argument::Text((*text).to_owned())).collect())
}

fn secret(text: &str) -> Argument {
    Argument::Secret(SecretString::from(text))
}

impl Fixture {
    fn run(&mut self, commands: Vec<Invocation>) -> Result<Outcome, CmdletError> {
        self.run_answering(commands, Answer::Yes)
    }

    fn run_answering(
        &mut self,
        commands: Vec<Invocation>,
        answer: Answer,
    ) -> Result<Outcome, CmdletError> {
        let mut run = Run::new(&mut self.exchange, self.session.clone(), vec![commands])?;
        let mut outcome = Outcome::default();
        while let Some(record) = run.next(&mut self.exchange)? {
            match record {
                Record::Output(Item::Row(row)) => outcome.rows.push(row),
                Record::Output(Item::Field(field)) => outcome.values.push(field),
                Record::Error(error) => outcome.errors.push(error),
                Record::Warning(text) => outcome.warnings.push(text),
                Record::Verbose(text) | Record::WhatIf(text) => outcome.said.push(text),
                Record::Supply(_) | Record::Starved => panic!("nobody can answer {record:?}"),
                Record::Confirm(_) => {
                    outcome.prompts += 1;
                    run.answer(answer);
                }
            }
        }
        Ok(outcome)
    }

    /// Runs one command that must succeed without errors.
    #[track_caller]
    fn good(&mut self, command: Invocation) -> Outcome {
        let outcome = self.run(vec![command]).unwrap();
        assert_eq!(outcome.errors, []);
        outcome
    }

    /// Runs one command that must write exactly one error, and returns it.
    #[track_caller]
    fn bad(&mut self, command: Invocation) -> CmdletError {
        let mut outcome = self.run(vec![command]).unwrap();
        assert_eq!((outcome.errors.len(), outcome.rows.len()), (1, 0));
        outcome.errors.remove(0)
    }

    /// Runs one command whose pipeline must fail, and returns the id of the error.
    #[track_caller]
    fn failed(&mut self, command: Invocation) -> String {
        self.run(vec![command]).unwrap_err().id
    }

    fn nth(&self, number: usize) -> Recipient {
        self.exchange.directory().recipients().nth(number).unwrap().clone()
    }

    fn by(&self, identity: &str) -> Recipient {
        self.exchange.directory().find(identity).first().copied().unwrap().clone()
    }

    fn new_mailbox(&mut self, name: &str, alias: &str) -> Outcome {
        let upn = format!("{alias}@contoso.com");
        self.good(
            call("New-Mailbox")
                .text("Name", name)
                .text("UserPrincipalName", &upn)
                .with("Password", secret("Passw0rd!")),
        )
    }

    /// Turns the policy off, so that addresses can be set at will.
    fn free(&mut self, number: usize) -> Recipient {
        let recipient = self.nth(number);
        if recipient.email_address_policy_enabled {
            let guid = recipient.guid.to_string();
            self.good(
                call("Set-Mailbox")
                    .text("Identity", &guid)
                    .with("EmailAddressPolicyEnabled", Argument::Bool(false)),
            );
        }
        self.nth(number)
    }
}

#[test]
fn reads_are_cut_at_a_thousand_unless_told_otherwise() {
    let mut fixture = fixture(1005);
    let outcome = fixture.good(call("Get-Mailbox"));
    assert_eq!((outcome.rows.len(), outcome.warnings.len()), (1000, 1));
    assert!(outcome.warnings[0].starts_with("By default, only the first 1000 items"));
    let outcome = fixture.good(call("get-mailbox").with("resultsize", Argument::Int(5)));
    assert_eq!((outcome.rows.len(), outcome.warnings.len()), (5, 1));
    assert!(outcome.warnings[0].starts_with("There are more results available"));
    let outcome = fixture.good(call("Get-Mailbox").text("ResultSize", "unlimited"));
    assert_eq!((outcome.rows.len(), outcome.warnings.len()), (1005, 0));
    let outcome = fixture.good(call("Get-Mailbox").text("Res", "1005"));
    assert_eq!((outcome.rows.len(), outcome.warnings.len()), (1005, 0));
}

#[test]
fn a_null_or_empty_identity_reads_everything() {
    let mut fixture = fixture(10);
    assert_eq!(fixture.good(call("Get-Mailbox").with("Identity", Argument::Nil)).rows.len(), 10);
    assert_eq!(fixture.good(call("Get-Mailbox").text("Identity", "")).rows.len(), 10);
    assert_eq!(fixture.good(call("Get-User")).rows.len(), 15);
    assert_eq!(fixture.good(call("Get-RemoteMailbox")).rows.len(), 0);
}

#[test]
fn what_is_not_there_is_an_error_with_exchanges_id() {
    let error = fixture(3).bad(call("Get-Mailbox").text("Identity", "nobody"));
    assert_eq!(error.reason(), "ManagementObjectNotFoundException");
    assert_eq!(
        error.message,
        "The operation couldn't be performed because object 'nobody' couldn't be found on 'dc01.contoso.com'."
    );
    let (head, rest) = error
        .id
        .split_once("] [FailureCategory=Cmdlet-ManagementObjectNotFoundException] ")
        .unwrap();
    assert!(
        head.starts_with("[Server=EX01,RequestId=")
            && head.ends_with(",TimeStamp=11/25/2026 10:00:00 AM"),
        "{head}"
    );
    let (hash, class) = rest.split_once(',').unwrap();
    assert_eq!((hash.len(), class), (8, "Microsoft.Exchange.Management.RecipientTasks.GetMailbox"));
}

#[test]
fn two_of_a_name_are_ambiguous() {
    let mut fixture = fixture(0);
    for (alias, unit) in [("first", "Users"), ("second", "contoso.com/Staff/Berlin")] {
        let new = call("New-Mailbox")
            .text("Name", "Kim Akers")
            .text("UserPrincipalName", &format!("{alias}@contoso.com"));
        fixture.good(new.with("Password", secret("Passw0rd!")).text("OrganizationalUnit", unit));
    }
    let error = fixture.bad(call("Get-Mailbox").text("Identity", "kim akers"));
    assert_eq!(error.reason(), "ManagementObjectAmbiguousException");
    assert_eq!(
        fixture
            .good(call("Get-Mailbox").text("Identity", "contoso.com/Users/Kim Akers"))
            .rows
            .len(),
        1
    );
}

#[test]
fn the_binder_refuses_as_powershell_does() {
    let mut fixture = fixture(1);
    for (command, id) in [
        (call("Get-Nothing"), "CommandNotFoundException"),
        (call("Where-Object"), "CommandNotFoundException"),
        (call("Get-Mailbox").text("Colour", "red"), "NamedParameterNotFound,Get-Mailbox"),
        (call("Set-Mailbox").text("Custom", "x"), "AmbiguousParameter,Set-Mailbox"),
        (call("Set-Mailbox"), "MissingMandatoryParameter,Set-Mailbox"),
        (call("New-Mailbox").text("Name", "x"), "MissingMandatoryParameter,New-Mailbox"),
        (
            call("Set-Mailbox").with("Identity", Argument::Nil),
            "ParameterArgumentValidationErrorNullNotAllowed,Set-Mailbox",
        ),
        (
            call("Set-Mailbox").text("Identity", "x").text("HiddenFromAddressListsEnabled", "true"),
            "ParameterArgumentTransformationError,Set-Mailbox",
        ),
        (
            call("Remove-Mailbox").text("Identity", "x").text("Confirm", "false"),
            "CannotConvertArgument,Remove-Mailbox",
        ),
        (
            call("New-Mailbox")
                .text("Name", "x")
                .text("UserPrincipalName", "x@contoso.com")
                .text("Password", "p"),
            "ParameterArgumentTransformationError,New-Mailbox",
        ),
        (
            call("Get-Mailbox").text("Identity", "x").text("Identity", "y"),
            "ParameterAlreadyBound,Get-Mailbox",
        ),
        (
            call("Get-Mailbox").with("Identity", Argument::Object("Kim".to_owned())),
            "ParameterArgumentTransformationError,Get-Mailbox",
        ),
        (
            call("Set-Mailbox")
                .text("Identity", "x")
                .with("EmailAddresses", list(&["a b@contoso.com"])),
            "ParameterArgumentTransformationError,Set-Mailbox",
        ),
        (
            call("Get-Mailbox").text("Identity", "x").text("Anr", "y"),
            "AmbiguousParameterSet,Get-Mailbox",
        ),
        (
            Invocation { is_script: true, ..call("Get-Mailbox | Where-Object Name") },
            "ScriptsNotAllowed",
        ),
    ] {
        assert_eq!(fixture.failed(command), id);
    }
    let bad_filter = fixture.failed(call("Get-Mailbox").text("Filter", "Nonsense -eq 'x'"));
    assert_eq!(
        bad_filter,
        "ParameterBindingFailed,Microsoft.Exchange.Management.RecipientTasks.GetMailbox"
    );
}

#[test]
fn a_new_mailbox_gets_what_the_policy_gives() {
    let mut fixture = fixture(0);
    let outcome = fixture.new_mailbox("Kim Akers", "kim.akers");
    let row = &outcome.rows[0];
    assert_eq!(row.field("Alias"), Some(&Field::text("kim.akers")));
    assert_eq!(row.field("DisplayName"), Some(&Field::text("Kim Akers")));
    assert_eq!(row.field("OriginatingServer"), Some(&Field::text("dc01.contoso.com")));
    assert_eq!(row.field("PrimarySmtpAddress").unwrap().display(), "kim.akers@contoso.com");
    assert_eq!(row.field("RecipientTypeDetails").unwrap().display(), "UserMailbox");
    let recipient = fixture.by("kim.akers");
    assert_eq!(recipient.email_addresses, ["SMTP:kim.akers@contoso.com"]);
    assert!(
        recipient.email_address_policy_enabled
            && recipient.enabled
            && !recipient.exchange_guid.is_nil()
    );
    assert!(recipient.has_password("Passw0rd!") && !recipient.has_password("passw0rd!"));
    assert_eq!(recipient.when_created, datetime!(2026-11-25 10:00:00 UTC));
    assert_eq!(fixture.exchange.calls()[0].parameters["Password"], "<SecureString>");
}

#[test]
fn what_is_unique_stays_unique() {
    let mut fixture = fixture(0);
    fixture.new_mailbox("Kim Akers", "kim");
    let new = |name: &str, upn: &str| {
        call("New-Mailbox")
            .text("Name", name)
            .text("UserPrincipalName", upn)
            .with("Password", secret("Passw0rd!"))
    };
    assert_eq!(
        fixture.bad(new("kim akers", "other@contoso.com")).reason(),
        "ADObjectAlreadyExistsException"
    );
    let error = fixture.bad(new("Other", "KIM@contoso.com"));
    assert_eq!(
        error.message,
        "The value \"KIM@contoso.com\" of property \"UserPrincipalName\" is used by another recipient object \"contoso.com/Users/Kim Akers\". Please specify a unique value."
    );
    assert_eq!(
        fixture.bad(new("Other", "other@contoso.com").text("SamAccountName", "kim")).reason(),
        "RecipientTaskException"
    );
    let error = fixture
        .bad(new("Other", "other@contoso.com").text("PrimarySmtpAddress", "Kim@contoso.com"));
    assert_eq!(error.reason(), "ProxyAddressExistsException");
    assert_eq!(fixture.exchange.directory().recipients().count(), 6);
    // The policy makes a colliding address unique, and the server makes a colliding account name unique.
    fixture.good(new("Other", "other@contoso.com").text("Alias", "kim"));
    let other = fixture.by("other@contoso.com");
    assert_eq!(
        (other.primary_smtp_address(), other.sam_account_name.as_str()),
        ("kim2@contoso.com", "kim2")
    );
}

#[test]
fn weak_passwords_are_refused() {
    let mut fixture = fixture(0);
    let new = call("New-Mailbox").text("Name", "x").text("UserPrincipalName", "x@contoso.com");
    let error = fixture.bad(new.with("Password", secret("short")));
    assert!(error.reason().contains("Password"), "{error:?}");
    assert!(fixture.exchange.directory().find("x").is_empty());
    fixture.session.may_set_passwords = false;
    let new = call("New-Mailbox").text("Name", "x").text("UserPrincipalName", "x@contoso.com");
    assert_eq!(
        fixture.bad(new.with("Password", secret("Passw0rd!"))).reason(),
        "ADOperationException"
    );
}

#[test]
fn a_remote_mailbox_gets_a_routing_address() {
    let mut fixture = fixture(0);
    let new =
        call("New-RemoteMailbox").text("Name", "Lee").text("UserPrincipalName", "lee@contoso.com");
    let row = fixture.good(new.with("Password", secret("Passw0rd!"))).rows.remove(0);
    assert_eq!(
        row.field("RemoteRoutingAddress").unwrap().display(),
        "SMTP:lee@contoso.mail.onmicrosoft.com"
    );
    assert_eq!(row.field("RecipientTypeDetails").unwrap().display(), "RemoteUserMailbox");
    assert_eq!(
        fixture.by("lee").email_addresses,
        ["SMTP:lee@contoso.com", "smtp:lee@contoso.mail.onmicrosoft.com"]
    );
    assert_eq!(
        fixture.bad(call("Set-Mailbox").text("Identity", "lee").text("Office", "1")).reason(),
        "ManagementObjectNotFoundException"
    );
    assert_eq!(fixture.good(call("Get-Mailbox")).rows.len(), 0);
    assert_eq!(fixture.good(call("Get-RemoteMailbox")).rows.len(), 1);
}

#[test]
fn a_user_is_enabled_once_and_disabled_again() {
    let mut fixture = fixture(0);
    let row = fixture.good(call("Enable-Mailbox").text("Identity", "plain0000")).rows.remove(0);
    assert_eq!(row.field("PrimarySmtpAddress").unwrap().display(), "plain0000@contoso.com");
    let error = fixture.bad(call("Enable-Mailbox").text("Identity", "plain0000"));
    assert!(error.message.starts_with("This task does not support recipients of this type."));
    assert_eq!(error.target.unwrap().type_name, "ADObjectId");
    fixture.good(
        call("Set-User")
            .text("Identity", "plain0000")
            .text("Department", "Sales")
            .with("Confirm", Argument::Bool(false)),
    );
    fixture.good(
        call("Disable-Mailbox")
            .text("Identity", "plain0000")
            .with("Confirm", Argument::Bool(false)),
    );
    let user = fixture.by("plain0000");
    assert_eq!((user.kind, user.email_addresses.len()), (RecipientKind::User, 0));
    assert_eq!(user.value("department"), Some(&Field::text("Sales")));
    assert_eq!(
        fixture
            .good(call("Enable-RemoteMailbox").text("Identity", "plain0000@contoso.com"))
            .rows
            .len(),
        1
    );
}

#[test]
fn a_list_of_addresses_replaces_the_set() {
    let mut fixture = fixture(3);
    let guid = fixture.free(0).guid.to_string();
    let mut set = |value: Argument| {
        fixture.good(call("Set-Mailbox").text("Identity", &guid).with("EmailAddresses", value))
    };
    set(list(&["X500:/o=a", "first@contoso.com", "smtp:second@contoso.com"]));
    set(list(&[
        "X500:/o=a",
        "smtp:second@contoso.com",
        "SMTP:first@contoso.com",
        "FIRST@contoso.com",
    ]));
    let edit = |key: &str, value: &str| {
        Argument::Table(vec![(key.to_owned(), Argument::Text(value.to_owned()))])
    };
    set(edit("Add", "SMTP:third@contoso.com"));
    set(edit("remove", "SECOND@contoso.com"));
    assert_eq!(
        fixture.nth(0).email_addresses,
        ["SMTP:third@contoso.com", "X500:/o=a", "smtp:first@contoso.com"]
    );
}

#[test]
fn sets_that_the_directory_cannot_hold_are_refused() {
    let mut fixture = fixture(3);
    let guid = fixture.free(0).guid.to_string();
    let taken = fixture.nth(1).primary_smtp_address().to_uppercase();
    let set =
        |value: Argument| call("Set-Mailbox").text("Identity", &guid).with("EmailAddresses", value);
    let before = fixture.nth(0);
    assert_eq!(
        fixture.bad(set(list(&["SMTP:a@contoso.com", "SMTP:b@contoso.com"]))).reason(),
        "DataValidationException"
    );
    assert_eq!(fixture.bad(set(list(&["X500:/o=a"]))).reason(), "DataValidationException");
    let error = fixture.bad(set(list(&["SMTP:a@contoso.com", &taken])));
    assert_eq!(error.reason(), "ProxyAddressExistsException");
    assert!(
        error.message.contains(&format!("\"smtp:{taken}\""))
            && error.message.contains(&fixture.nth(1).canonical_name())
    );
    let both = set(list(&["SMTP:a@contoso.com"])).text("PrimarySmtpAddress", "a@contoso.com");
    assert_eq!(fixture.bad(both).reason(), "RecipientTaskException");
    assert_eq!(fixture.nth(0), before);
}

#[test]
fn the_policy_guards_the_primary_address() {
    let mut fixture = fixture(20);
    let number = (0..20).find(|number| fixture.nth(*number).email_address_policy_enabled).unwrap();
    let before = fixture.nth(number);
    let set = || call("Set-Mailbox").text("Identity", &before.guid.to_string());
    assert_eq!(
        fixture.bad(set().text("PrimarySmtpAddress", "new@contoso.com")).reason(),
        "RecipientTaskException"
    );
    assert_eq!(
        fixture.bad(set().with("EmailAddresses", list(&["SMTP:new@contoso.com"]))).reason(),
        "RecipientTaskException"
    );
    let kept = format!("SMTP:{}", before.primary_smtp_address());
    fixture.good(set().with("EmailAddresses", list(&[&kept, "smtp:second@contoso.com"])));
    assert_eq!(fixture.nth(number).email_addresses, [kept.as_str(), "smtp:second@contoso.com"]);
    // The alias is the policy's input, so the primary follows it, and the former one stays.
    fixture.good(set().text("Alias", "renamed"));
    let renamed = fixture.nth(number).email_addresses;
    assert_eq!(
        renamed,
        ["SMTP:renamed@contoso.com", &kept.replace("SMTP:", "smtp:"), "smtp:second@contoso.com"]
    );
    let off = set()
        .with("EmailAddressPolicyEnabled", Argument::Bool(false))
        .text("PrimarySmtpAddress", "new@contoso.com");
    fixture.good(off);
    assert_eq!(fixture.nth(number).primary_smtp_address(), "new@contoso.com");
    fixture.good(set().with("EmailAddressPolicyEnabled", Argument::Bool(true)));
    assert_eq!(fixture.nth(number).primary_smtp_address(), "renamed@contoso.com");
    assert!(fixture.nth(number).email_addresses.contains(&"smtp:new@contoso.com".to_owned()));
}

#[test]
fn properties_are_set_and_null_clears_them() {
    let mut fixture = fixture(3);
    let guid = fixture.nth(0).guid.to_string();
    let manager = fixture.nth(1);
    let set =
        |cmdlet: &str| call(cmdlet).text("Identity", &guid).with("Confirm", Argument::Bool(false));
    fixture.good(
        set("Set-Mailbox")
            .text("CustomAttribute7", "seven")
            .with("ExtensionCustomAttribute2", list(&["a", "b"]))
            .text("MaxSendSize", "10 MB")
            .with("HiddenFromAddressListsEnabled", Argument::Bool(true))
            .text("ForwardingAddress", manager.primary_smtp_address())
            .text("Type", "shared"),
    );
    let row = fixture.good(call("Get-Mailbox").text("Identity", &guid)).rows.remove(0);
    let text = |name: &str| row.field(name).unwrap().display();
    assert_eq!(text("CustomAttribute7"), "seven");
    assert_eq!(text("ExtensionCustomAttribute2"), "a b");
    assert_eq!(text("MaxSendSize"), "10 MB (10,485,760 bytes)");
    assert_eq!(text("HiddenFromAddressListsEnabled"), "True");
    assert_eq!(text("ForwardingAddress"), manager.canonical_name());
    assert_eq!(text("RecipientTypeDetails"), "SharedMailbox");
    assert_eq!(fixture.nth(0).kind, RecipientKind::Mailbox(MailboxKind::Shared));
    assert_eq!(fixture.nth(0).when_changed, datetime!(2026-11-25 10:00:00 UTC));
    fixture.good(
        set("Set-Mailbox")
            .with("CustomAttribute7", Argument::Nil)
            .with("ForwardingAddress", Argument::Nil)
            .with("ExtensionCustomAttribute2", Argument::Nil),
    );
    let row = fixture.good(call("Get-Mailbox").text("Identity", &guid)).rows.remove(0);
    assert_eq!(row.field("CustomAttribute7"), Some(&Field::empty()));
    assert_eq!(row.field("ForwardingAddress"), Some(&Field::Nil));
    fixture.good(
        set("Set-User").text("Title", "Boss").text("Manager", manager.guid.to_string().as_str()),
    );
    let row = fixture.good(call("Get-User").text("Identity", &guid)).rows.remove(0);
    assert_eq!(row.field("Title"), Some(&Field::text("Boss")));
    assert_eq!(row.field("Manager").unwrap().display(), manager.canonical_name());
    let error = fixture.bad(set("Set-Mailbox").text("ForwardingAddress", "nobody"));
    assert!(error.message.starts_with("Couldn't find object \"nobody\"."));
}

#[test]
fn setting_what_is_set_already_warns() {
    let mut fixture = fixture(2);
    let before = fixture.nth(0);
    let outcome = fixture.good(
        call("Set-Mailbox")
            .text("Identity", &before.alias)
            .text("DisplayName", &before.display_name),
    );
    let expected = format!(
        "The command completed successfully but no settings of '{}' have been modified.",
        before.canonical_name()
    );
    assert_eq!(outcome.warnings, [expected]);
    assert_eq!(fixture.nth(0), before);
}

#[test]
fn removing_asks_unless_told_not_to() {
    let mut fixture = fixture(4);
    let remove = || vec![call("Get-Mailbox"), call("Remove-Mailbox")];
    assert_eq!(fixture.run_answering(remove(), Answer::No).unwrap().prompts, 4);
    assert_eq!(fixture.run_answering(remove(), Answer::NoToAll).unwrap().prompts, 1);
    assert_eq!(fixture.good(call("Get-Mailbox")).rows.len(), 4);
    let alias = fixture.nth(0).alias;
    let outcome = fixture.good(
        call("Remove-Mailbox").text("Identity", &alias).with("Confirm", Argument::Bool(false)),
    );
    assert_eq!(outcome.prompts, 0);
    assert_eq!(fixture.run_answering(remove(), Answer::YesToAll).unwrap().prompts, 1);
    assert_eq!(fixture.exchange.directory().recipients().count(), 5);
    let error = fixture.bad(call("Remove-Mailbox").text("Identity", "nobody"));
    assert_eq!(error.reason(), "ManagementObjectNotFoundException");
}

#[test]
fn pipelines_pass_objects_on() {
    let mut fixture = fixture(40);
    let outcome = fixture.run(vec![
        call("Get-Mailbox"),
        call("Select-Object")
            .with("Property", list(&["guid", "Alias", "Nothing"]))
            .with("First", Argument::Int(3)),
    ]);
    let outcome = outcome.unwrap();
    assert_eq!(outcome.rows.len(), 3);
    assert_eq!(
        outcome.rows[0].type_name(),
        "Selected.Microsoft.Exchange.Data.Directory.Management.Mailbox"
    );
    assert_eq!(
        outcome.rows[0].fields().map(|(name, _)| name).collect::<Vec<_>>(),
        ["Guid", "Alias", "Nothing"]
    );
    assert_eq!(outcome.rows[0].field("Nothing"), Some(&Field::Nil));
    let outcome = fixture.run(vec![call("Get-Mailbox"), call("Measure-Object")]).unwrap();
    assert_eq!(outcome.rows[0].field("Count"), Some(&Field::Int(40)));
    let outcome = fixture
        .run(vec![call("Get-Mailbox"), call("Select-Object").text("ExpandProperty", "Alias")])
        .unwrap();
    assert_eq!(outcome.values.len(), 40);
    let rooms = call("Get-Mailbox").text("Filter", "RecipientTypeDetails -eq 'RoomMailbox'");
    let outcome = fixture
        .run(vec![rooms, call("Set-Mailbox").text("CustomAttribute9", "room"), call("Out-Null")])
        .unwrap();
    assert_eq!((outcome.rows.len(), outcome.errors.len()), (0, 0));
    assert_eq!(
        fixture.good(call("Get-Mailbox").text("Filter", "CustomAttribute9 -eq 'room'")).rows.len(),
        1
    );
    let outcome = fixture
        .run(vec![
            call("Get-Command").with("Name", list(&["get-mail*", "Nobody"])),
            call("Select-Object").text("ExpandProperty", "Name"),
        ])
        .unwrap();
    assert_eq!((outcome.values, outcome.errors.len()), (vec![Field::text("Get-Mailbox")], 1));
}

#[test]
fn an_empty_input_is_an_input() {
    let mut fixture = fixture(3);
    let mut rows = |input: Option<Vec<Item>>| {
        let session = fixture.session.clone();
        let mut run =
            Run::with_input(&mut fixture.exchange, session, vec![vec![call("Get-Mailbox")]], input)
                .unwrap();
        std::iter::from_fn(|| run.next(&mut fixture.exchange).unwrap()).count()
    };
    assert_eq!(rows(None), 3);
    assert_eq!(rows(Some(Vec::new())), 0);
    assert_eq!(rows(Some(vec![Item::Field(Field::text("u0000001"))])), 1);
}

#[test]
fn the_domain_controller_is_honoured() {
    let mut fixture = fixture(1);
    let row = fixture
        .good(call("Get-Mailbox").text("DomainController", "DC02.contoso.com"))
        .rows
        .remove(0);
    assert_eq!(row.field("OriginatingServer"), Some(&Field::text("dc02.contoso.com")));
    let error = fixture.bad(call("Get-Mailbox").text("DomainController", "dc09.contoso.com"));
    assert_eq!(error.reason(), "SuitabilityDirectoryException");
}

#[test]
fn error_action_stop_ends_the_pipeline() {
    let mut fixture = fixture(1);
    let stop = call("Get-Mailbox").text("Identity", "nobody").text("ErrorAction", "Stop");
    let error = fixture.run(vec![stop]).unwrap_err();
    assert_eq!(error.reason(), "ManagementObjectNotFoundException");
    let quiet = fixture.good(
        call("Get-Mailbox").text("Identity", "nobody").text("ErrorAction", "SilentlyContinue"),
    );
    assert_eq!(quiet.rows.len(), 0);
}

#[test]
fn what_if_changes_nothing() {
    let mut fixture = fixture(2);
    let before: Vec<Recipient> = fixture.exchange.directory().recipients().cloned().collect();
    let alias = before[0].alias.clone();
    let outcome = fixture
        .good(call("Remove-Mailbox").text("Identity", &alias).with("WhatIf", Argument::Bool(true)));
    let name = before[0].canonical_name();
    assert_eq!(
        outcome.said,
        [format!("What if: Performing the operation \"Remove-Mailbox\" on target \"{name}\".")]
    );
    fixture.good(
        call("Set-Mailbox")
            .text("Identity", &alias)
            .text("Office", "9")
            .with("WhatIf", Argument::Nil),
    );
    fixture
        .good(call("Enable-Mailbox").text("Identity", "plain0001").with("WhatIf", Argument::Nil));
    let after: Vec<Recipient> = fixture.exchange.directory().recipients().cloned().collect();
    assert_eq!(before, after);
}

#[test]
fn the_organisation_is_described() {
    let mut fixture = fixture(0);
    let domains = fixture.good(call("Get-AcceptedDomain")).rows;
    assert_eq!(domains.len(), 3);
    assert_eq!(domains[0].field("DomainName").unwrap().display(), "contoso.com");
    assert_eq!(domains[0].field("Default"), Some(&Field::Bool(true)));
    assert_eq!(
        fixture.good(call("Get-AcceptedDomain").text("Identity", "FABRIKAM.com")).rows.len(),
        1
    );
    let configuration = fixture.good(call("Get-OrganizationConfig")).rows.remove(0);
    assert_eq!(configuration.field("ObjectVersion"), Some(&Field::Int(16_763)));
}
