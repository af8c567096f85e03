//! A session on a pair of byte streams, as a child process has it, with this workspace's own client at the other end.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clixml::{Object, Value};
use exchange_sim::{SimOptions, serve_stdio};
use psrp::host::{HostAnswer, HostCall, HostRequest};
use psrp::{Command, CommandMetadata, GetCommandMetadata, PowerShell, ProtocolVersion};
use psrp_client::{Error, Host, Invocation, PoolOptions, Record, RunspacePool};
use secrecy::SecretString;

const LIMIT: Duration = Duration::from_secs(60);

/// Opens a pool on a simulator of its own.
async fn open(mailboxes: usize, options: PoolOptions) -> RunspacePool {
    let (client_input, server_output) = tokio::io::duplex(64 << 10);
    let (server_input, client_output) = tokio::io::duplex(64 << 10);
    tokio::spawn(async move {
        let options = SimOptions::default().mailboxes(mailboxes);
        serve_stdio(&options, server_input, server_output).await
    });
    let open = RunspacePool::open_pipes(client_input, client_output, options);
    tokio::time::timeout(LIMIT, open).await.unwrap().unwrap()
}

async fn speaking(version: ProtocolVersion) -> RunspacePool {
    let protocol = psrp::PoolOptions::default().protocol_version(version);
    open(3, PoolOptions::default().protocol(protocol)).await
}

#[derive(Debug, Default)]
struct Outcome {
    output: Vec<Value>,
    errors: Vec<psrp::ErrorRecord>,
    warnings: Vec<String>,
    verbose: Vec<String>,
    failure: Option<Error>,
}

async fn finish(mut invocation: Invocation) -> Outcome {
    let mut outcome = Outcome::default();
    while let Some(record) = tokio::time::timeout(LIMIT, invocation.next()).await.unwrap() {
        match record {
            Ok(Record::Output(value)) => outcome.output.push(value),
            Ok(Record::Error(error)) => outcome.errors.push(*error),
            Ok(Record::Warning(text)) => outcome.warnings.push(text),
            Ok(Record::Verbose(text)) => outcome.verbose.push(text),
            Ok(_) => {}
            Err(error) => outcome.failure = Some(error),
        }
    }
    outcome
}

async fn run(pool: &RunspacePool, command: Command) -> Outcome {
    finish(pool.invoke(PowerShell::new().command(command)).await.unwrap()).await
}

fn text(value: &Value, property: &str) -> String {
    value.property(property).and_then(Value::text).unwrap_or_default().into_owned()
}

async fn first_alias(pool: &RunspacePool) -> String {
    let outcome = run(pool, Command::new("Get-Mailbox").parameter("ResultSize", 1)).await;
    assert_eq!(outcome.warnings.len(), 1, "{outcome:?}");
    text(&outcome.output[0], "Alias")
}

#[tokio::test]
async fn a_large_read_comes_through_small_pipes() {
    let pool = open(120, PoolOptions::default()).await;
    let outcome =
        run(&pool, Command::new("Get-Mailbox").parameter("-ResultSize:", "Unlimited")).await;
    assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
    assert_eq!(outcome.output.len(), 120);
    pool.close().await;
}

#[tokio::test]
async fn a_password_is_taken_in_every_version() {
    for version in
        [ProtocolVersion::V2_1, ProtocolVersion::V2_2, ProtocolVersion::V2_3, ProtocolVersion::V2_4]
    {
        let pool = speaking(version).await;
        let new = Command::new("New-Mailbox")
            .parameter("Name", "Ann Example")
            .parameter("UserPrincipalName", "ann@contoso.com")
            .secret("Password", SecretString::from("Pa££w0rd!9"));
        let outcome = run(&pool, new).await;
        assert!(outcome.failure.is_none() && outcome.errors.is_empty(), "{version} {outcome:?}");
        assert_eq!(text(&outcome.output[0], "UserPrincipalName"), "ann@contoso.com", "{version}");
        pool.close().await;
    }
}

#[tokio::test]
async fn commands_tell_of_their_parameters() {
    let pool = open(1, PoolOptions::default()).await;
    let request = GetCommandMetadata::new(["*-Mailbox", "*-AcceptedDomain"]);
    let values = finish(pool.command_metadata(&request).await.unwrap()).await.output;
    assert_eq!(GetCommandMetadata::count_from_value(&values[0]).unwrap(), 7);
    let commands: Vec<CommandMetadata> =
        values.iter().skip(1).map(|value| CommandMetadata::from_value(value).unwrap()).collect();
    let names: Vec<&str> = commands.iter().map(|command| command.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "Disable-Mailbox",
            "Enable-Mailbox",
            "Get-AcceptedDomain",
            "Get-Mailbox",
            "New-Mailbox",
            "Remove-Mailbox",
            "Set-Mailbox"
        ]
    );
    let set = commands.last().unwrap();
    for name in ["Identity", "EmailAddresses", "CustomAttribute1", "Confirm", "ErrorAction"] {
        assert!(set.parameters.iter().any(|parameter| parameter.name == name), "{name}");
    }
    pool.close().await;
}

#[tokio::test]
async fn objects_come_back_as_input() {
    let pool = open(3, PoolOptions::default()).await;
    let mailboxes = run(&pool, Command::new("Get-Mailbox")).await.output;
    let set = PowerShell::new()
        .command(Command::new("Set-Mailbox").parameter("-CustomAttribute2:", "piped"))
        .with_input();
    let (invocation, mut input) = pool.invoke_taking_input(set).await.unwrap();
    input.send(mailboxes[0].clone()).await.unwrap();
    let named = Object::new().with_extended("Identity", text(&mailboxes[1], "Alias").as_str());
    input.send(Value::from(named)).await.unwrap();
    input.send(text(&mailboxes[2], "DistinguishedName")).await.unwrap();
    input.send("nobody").await.unwrap();
    input.end();
    let outcome = finish(invocation).await;
    assert_eq!(outcome.errors.len(), 1, "{outcome:?}");
    for mailbox in run(&pool, Command::new("Get-Mailbox")).await.output {
        assert_eq!(text(&mailbox, "CustomAttribute2"), "piped");
    }
    pool.close().await;
}

#[tokio::test]
async fn output_comes_while_input_is_open() {
    let pool = open(3, PoolOptions::default()).await;
    let alias = first_alias(&pool).await;
    let get = PowerShell::new().command(Command::new("Get-Mailbox")).with_input();
    let (mut invocation, mut input) = pool.invoke_taking_input(get).await.unwrap();
    input.send(alias.as_str()).await.unwrap();
    let record = tokio::time::timeout(LIMIT, invocation.next()).await.unwrap();
    let Some(Ok(Record::Output(value))) = record else { panic!("{record:?}") };
    assert_eq!(text(&value, "Alias"), alias);
    input.end();
    assert!(finish(invocation).await.output.is_empty());
    pool.close().await;
}

#[tokio::test]
async fn a_stopped_pipeline_leaves_the_pool_open() {
    let pool = open(300, PoolOptions::default()).await;
    let waiting = PowerShell::new().command(Command::new("Get-Mailbox")).with_input();
    let (invocation, input) = pool.invoke_taking_input(waiting).await.unwrap();
    invocation.stop();
    let outcome = finish(invocation).await;
    assert!(outcome.failure.is_some(), "{outcome:?}");
    drop(input);
    assert_eq!(run(&pool, Command::new("Get-AcceptedDomain")).await.output.len(), 3);
    pool.close().await;
}

#[tokio::test]
async fn scripts_and_other_commands_are_refused() {
    let pool = open(1, PoolOptions::default()).await;
    for (command, id) in [
        (Command::script("$x = 1"), "ScriptsNotAllowed"),
        (Command::new("Get-Process"), "CommandNotFoundException"),
        (Command::new("Get-Mailbox").parameter("Nothing", 1), "NamedParameterNotFound,Get-Mailbox"),
        (Command::new("Remove-Mailbox"), "MissingMandatoryParameter,Remove-Mailbox"),
    ] {
        let outcome = run(&pool, command).await;
        let record = outcome.failure.as_ref().and_then(Error::error_record).unwrap();
        assert_eq!(record.fully_qualified_error_id, id);
    }
    // A client that splits a command line into commands sends a parameter and its value apart.
    let split = Command::new("Get-Mailbox").parameter("-ResultSize", Value::Nil).argument(1);
    assert_eq!(run(&pool, split).await.output.len(), 1);
    pool.close().await;
}

/// A host that says yes, supplies an identity, and remembers what it was asked and told.
#[derive(Clone, Default)]
struct Administrator {
    identity: Arc<Mutex<String>>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Administrator {
    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }
}

impl Host for Administrator {
    fn call<'a>(
        &'a self,
        call: &'a HostCall,
    ) -> Pin<Box<dyn Future<Output = HostAnswer> + Send + 'a>> {
        let (heard, answer) = match call.request() {
            Ok(HostRequest::PromptForChoice { message, choices, .. }) => {
                (format!("{message} [{}]", choices.len()), HostAnswer::from(0))
            }
            Ok(HostRequest::Prompt { caption, fields, .. }) => {
                let identity = self.identity.lock().unwrap().clone();
                let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
                let heard = format!("{caption}: {}", names.join(" "));
                (heard, HostAnswer::fields([("Identity", identity.as_str())]))
            }
            Ok(HostRequest::Write { method, text, .. }) => {
                (format!("{}: {text}", method.name()), HostAnswer::from(Value::Nil))
            }
            other => panic!("{other:?}"),
        };
        self.heard.lock().unwrap().push(heard);
        Box::pin(async move { answer })
    }
}

#[tokio::test]
async fn a_host_is_asked_and_told() {
    let administrator = Administrator::default();
    let pool = open(3, PoolOptions::default().host(administrator.clone())).await;
    let alias = first_alias(&pool).await;
    assert!(administrator.heard()[0].starts_with("WriteWarningLine: There are more results"));
    administrator.identity.lock().unwrap().clone_from(&alias);

    let what_if = Command::new("Remove-Mailbox").argument(alias.as_str()).switch("WhatIf");
    run(&pool, what_if).await;
    let heard = administrator.heard();
    assert!(
        heard[0].starts_with("WriteLine2: What if: Performing the operation \"Remove-Mailbox\""),
        "{heard:?}"
    );

    let verbose = Command::new("Set-Mailbox")
        .argument(alias.as_str())
        .parameter("Office", "12")
        .switch("Verbose");
    let outcome = run(&pool, verbose).await;
    assert_eq!(administrator.heard(), [format!("WriteVerboseLine: {}", outcome.verbose[0])]);

    let outcome = run(&pool, Command::new("Remove-Mailbox")).await;
    assert!(outcome.failure.is_none() && outcome.errors.is_empty(), "{outcome:?}");
    let heard = administrator.heard();
    assert_eq!(heard[0], "cmdlet Remove-Mailbox at command pipeline position 1: Identity");
    assert!(heard[1].starts_with("Are you sure") && heard[1].ends_with("[4]"), "{heard:?}");
    let gone = run(&pool, Command::new("Get-Mailbox").argument(alias.as_str())).await;
    assert_eq!(gone.errors[0].reason, "ManagementObjectNotFoundException");
    pool.close().await;
}
