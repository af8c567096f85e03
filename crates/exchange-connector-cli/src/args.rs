//! The command line: what may be said, and the help that teaches it.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Imports and exports the mailboxes of an Exchange organisation, without Windows and without PowerShell.
///
/// Data goes to standard output as JSON Lines, everything else to standard error.
#[derive(Debug, Parser)]
#[command(name = "exchange-connector", version, propagate_version = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What applies to every command.
#[derive(Args, Debug)]
pub(crate) struct Global {
    /// Settings file (TOML); README.md has the table of its keys.
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "simulate")]
    pub(crate) config: Option<PathBuf>,

    /// Talks to a simulated Exchange inside this process, over real HTTP, authentication and encryption; N is the
    /// number of its mailboxes (100 if left out).
    #[arg(long, global = true, value_name = "N", require_equals = true, num_args = 0..=1, default_missing_value = "100")]
    pub(crate) simulate: Option<usize>,

    /// Which kind of organisation `--simulate` plays.
    #[arg(long, global = true, value_name = "T", value_enum, ignore_case = true, default_value_t = Infrastructure::OnPremises)]
    pub(crate) simulate_as: Infrastructure,

    /// How much to log to standard error.
    #[arg(long, global = true, value_enum, default_value_t = LogLevel::Warn, value_name = "LEVEL")]
    pub(crate) log_level: LogLevel,

    /// How log lines look.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
}

/// How much to log.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum LogLevel {
    /// Nothing.
    Off,
    /// What went wrong.
    Error,
    /// And what looks odd.
    Warn,
    /// And sessions opening and closing.
    Info,
    /// And single steps.
    Debug,
    /// And traffic, without bodies.
    Trace,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Connects, signs in, opens a session and reports each step, with the remedy where one fails.
    Check {
        /// Prints the report as one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Prints the object classes and their attributes: type, readable, writable, and the cmdlet and parameter behind each.
    Schema,
    /// Reads all mailboxes and prints one JSON object a line; the last line is `complete` or `incomplete`.
    #[command(after_help = IMPORT_HELP)]
    Import(Import),
    /// Applies changes, one JSON object a line, and answers each with one line.
    #[command(after_help = EXPORT_HELP)]
    Export(Export),
    /// The same as `export --dry-run`: reads, writes nothing, prints before, after and the exact cmdlets.
    Plan {
        /// Changes as JSON Lines; `-` is standard input.
        #[arg(long, value_name = "FILE|-")]
        input: PathBuf,
        /// What this journal says was done is not planned again.
        #[arg(long, value_name = "FILE")]
        journal: Option<PathBuf>,
    },
    /// Runs one cmdlet and prints its output as JSON Lines.
    #[command(after_help = INVOKE_HELP)]
    Invoke(Invoke),
    /// Runs the simulated Exchange until interrupted and prints the settings that reach it.
    Simulate(Simulate),
}

/// Reads mailboxes.
#[derive(Args, Debug)]
pub(crate) struct Import {
    /// Only objects of this class, such as `UserMailbox`, `SharedMailbox`, `RoomMailbox` or `RemoteUserMailbox`.
    #[arg(long, value_name = "CLASS")]
    pub(crate) class: Option<String>,
    /// Only these attributes, separated by commas; `schema` lists them.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) attributes: Vec<String>,
    /// Only objects that match this OPATH filter, which Exchange evaluates, such as `CustomAttribute1 -eq 'x'`.
    #[arg(long, value_name = "OPATH")]
    pub(crate) filter: Option<String>,
    /// Tells only what changed since the last import with this file, deletes too; everything the first time. The file is
    /// written when the import is complete.
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// With --state, tells everything all the same, and believes any number of deletes.
    #[arg(long, requires = "state")]
    pub(crate) full: bool,
    /// Writes the lines to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Applies changes.
#[derive(Args, Debug)]
pub(crate) struct Export {
    /// Changes as JSON Lines; `-` is standard input.
    #[arg(long, value_name = "FILE|-")]
    pub(crate) input: PathBuf,
    /// Keeps in this file what is about to be written and what came of it. The same input run again with it repeats nothing
    /// that was done, and settles by reading what was in doubt.
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,
    /// Reads and writes nothing: prints before, after and the exact cmdlets, secrets redacted.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Runs one cmdlet.
#[derive(Args, Debug)]
pub(crate) struct Invoke {
    /// Runs it in Exchange Online, where the settings name both sides of a hybrid organisation; stands before the cmdlet.
    #[arg(long)]
    pub(crate) cloud: bool,
    /// The cmdlet, such as `Get-Mailbox`.
    #[arg(value_name = "CMDLET")]
    pub(crate) cmdlet: String,
    /// Its parameters.
    #[arg(value_name = "-Param value", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) parameters: Vec<String>,
}

/// Runs the simulator.
#[derive(Args, Debug)]
pub(crate) struct Simulate {
    /// Address and port to listen on; port 0 takes a free one. Anybody who reaches it can use it: keep to the loopback.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Serves one session on standard input and output instead, in PowerShell's out-of-process framing.
    #[arg(long, conflicts_with_all = ["listen", "fault", "tls"])]
    pub(crate) stdio: bool,
    /// Serves https with a certificate made for this run, so that Basic is offered too. The settings that are printed name
    /// the file with the certificate of its authority, which is removed at the end.
    #[arg(long)]
    pub(crate) tls: bool,
    /// Number of mailboxes.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) mailboxes: usize,
    /// Which kind of organisation to play.
    #[arg(long, value_name = "T", value_enum, ignore_case = true, default_value_t = Infrastructure::OnPremises)]
    pub(crate) infrastructure: Infrastructure,
    /// The same seed makes the same mailboxes.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Strikes messages: `KIND[=ARG]@[ACTION:]N[xCOUNT]`, such as `fault=2150858843@Receive:5` or `throttle@Create:1x3`.
    #[arg(long, value_name = "SPEC")]
    pub(crate) fault: Vec<String>,
}

/// Kinds of organisation the simulator plays.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Infrastructure {
    /// Mailboxes on the server itself.
    #[value(name = "OnPremises")]
    OnPremises,
    /// And remote mailboxes, whose mailbox is in the cloud.
    #[value(name = "Hybrid")]
    Hybrid,
    /// The service, by its admin API.
    #[value(name = "Cloud")]
    Cloud,
}

impl Infrastructure {
    /// Returns the simulator's name for it.
    pub(crate) const fn simulated(self) -> exchange_sim::Infrastructure {
        match self {
            Self::OnPremises => exchange_sim::Infrastructure::OnPremises,
            Self::Hybrid => exchange_sim::Infrastructure::Hybrid,
            Self::Cloud => exchange_sim::Infrastructure::Cloud,
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  exchange-connector import --simulate 1000          a first look, without any server
  exchange-connector --config ex.toml check          what works and what to do about the rest
  exchange-connector --config ex.toml import         every mailbox, one JSON object a line
  exchange-connector --config ex.toml export --input changes.jsonl --dry-run

Exit codes: 0 done; 1 some operations failed; 2 usage or settings; 3 the import is incomplete;
4 could not connect or sign in; 130 interrupted (sessions closed).";

const IMPORT_HELP: &str = "\
A last line of type `complete` says that every object was read. After `incomplete` (exit code 3) nothing may be
concluded from an object's absence. Addresses of excluded domains are left out.";

const EXPORT_HELP: &str = "\
A change is one of
  {\"ref\":\"1\",\"operation\":\"create\",\"attributes\":{\"Name\":\"Ann\",\"UserPrincipalName\":\"ann@contoso.com\",
   \"EmailAddresses\":[\"a.example@contoso.com\",\"ann@contoso.com\"],\"_param_password\":\"…\"}}
  {\"ref\":\"2\",\"operation\":\"update\",\"id\":\"…guid…\",\"attributes\":{\"DisplayName\":\"Ann B.\",\"CustomAttribute1\":null}}
  {\"ref\":\"3\",\"operation\":\"delete\",\"id\":\"…guid…\"}
on one line. EmailAddresses is the whole managed set with the primary last; null clears an attribute; _param_X is
parameter X of the create cmdlet.";

const INVOKE_HELP: &str = "\
A parameter without a value is a switch; several values behind a name, or a,b, are a list. $true, $false and $null mean
what they mean in PowerShell; everything else is text.
  exchange-connector --config ex.toml invoke Get-Mailbox -Identity ann@contoso.com
  exchange-connector --config ex.toml invoke Set-Mailbox -Identity ann -HiddenFromAddressListsEnabled $true";

/// Brings the raw words into the form the parser takes.
///
/// `--simulate N` and a bare `--simulate` may stand before the command or behind it, so N cannot be told from a command
/// by place: a number that follows belongs to it, anything else does not. Behind `invoke` every word is a parameter of
/// the cmdlet, so the options that every command has go to the front.
pub(crate) fn normalise(words: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut words = words.into_iter().peekable();
    let mut front: Vec<String> = words.next().into_iter().collect();
    let mut rest: Vec<String> = Vec::new();
    while let Some(word) = words.next() {
        if word == "--simulate" {
            let number = words
                .next_if(|next| !next.is_empty() && next.bytes().all(|byte| byte.is_ascii_digit()));
            front.push(number.map_or_else(|| word.clone(), |number| format!("{word}={number}")));
        } else if matches!(word.as_str(), "--config" | "--log-level" | "--log-format") {
            front.push(word);
            front.extend(words.next());
        } else if word.starts_with("--simulate=")
            || word.starts_with("--config=")
            || word.starts_with("--log-")
        {
            front.push(word);
        } else {
            rest.push(word);
        }
    }
    front.append(&mut rest);
    front
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &str, expected: &str) {
        let words = words.split(' ').map(str::to_owned);
        assert_eq!(normalise(words).join(" "), expected);
    }

    fn parse(words: &str) -> Cli {
        Cli::try_parse_from(normalise(words.split(' ').map(str::to_owned))).unwrap()
    }

    #[test]
    fn the_definition_is_sound() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn simulate_takes_a_number_wherever_it_stands() {
        check("x import --simulate 1000", "x --simulate=1000 import");
        check("x --simulate 7 import", "x --simulate=7 import");
        check("x --simulate import", "x --simulate import");
        check("x import --simulate --class UserMailbox", "x --simulate import --class UserMailbox");
        assert_eq!(parse("x --simulate import").global.simulate, Some(100));
        assert_eq!(parse("x import --simulate 1000").global.simulate, Some(1000));
        assert_eq!(parse("x import --simulate=12").global.simulate, Some(12));
    }

    #[test]
    fn behind_invoke_single_hyphens_belong_to_the_cmdlet() {
        check(
            "x invoke Get-Mailbox -Identity a --config f.toml -Archive",
            "x --config f.toml invoke Get-Mailbox -Identity a -Archive",
        );
        let Command::Invoke(invoke) =
            parse("x invoke Get-Mailbox -Identity a -Archive --simulate 3").command
        else {
            panic!("not invoke")
        };
        assert_eq!(invoke.parameters, ["-Identity", "a", "-Archive"]);
    }

    #[test]
    fn standard_input_and_an_address_exclude_each_other() {
        let Command::Simulate(simulate) = parse("x simulate --stdio --mailboxes 20").command else {
            panic!("not simulate")
        };
        assert!(simulate.stdio && simulate.mailboxes == 20);
        let parsed = |words: &str| Cli::try_parse_from(words.split(' '));
        assert!(parsed("x simulate --stdio --listen 127.0.0.1:0").is_err());
        assert!(parsed("x simulate --stdio --fault throttle@Create:1").is_err());
        assert!(parsed("x simulate --stdio --tls").is_err());
    }

    #[test]
    fn settings_and_simulator_exclude_each_other() {
        let words = ["x", "--config", "a.toml", "--simulate=3", "check"];
        assert!(Cli::try_parse_from(words).is_err());
    }
}
