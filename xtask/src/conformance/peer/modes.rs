//! The modes of the server: the table of its README, and what has to work in each.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream;

use super::Options;
use super::client::{Pace, Way};
use super::server::Program;
use super::trial::{Trial, Tried};
use crate::conformance::Row;

/// A way to start the server, and what to try there one after the other.
#[derive(Clone, Copy, Debug)]
struct Mode {
    name: &'static str,
    options: &'static [&'static str],
    trials: &'static [Trial],
    pace: Pace,
}

/// A patient client: nothing should take so long.
const PATIENT: Pace =
    Pace { operation_timeout: Duration::from_secs(20), stall_timeout: Duration::from_secs(60) };

/// A client whose requests time out again and again while the server is busy, as they do in a long command.
const BRISK: Pace =
    Pace { operation_timeout: Duration::from_secs(2), stall_timeout: Duration::from_secs(20) };

const fn mode(
    name: &'static str,
    options: &'static [&'static str],
    trials: &'static [Trial],
) -> Mode {
    Mode { name, options, trials, pace: PATIENT }
}

impl Mode {
    const fn brisk(mut self) -> Self {
        self.pace = BRISK;
        self
    }
}

const BASIC: Way = Way::new("Basic", "https");
const PLAIN_BASIC: Way = Way::new("Basic", "http");
const NTLM: Way = Way::NTLM;
const NTLM_TLS: Way = Way::new("Negotiate", "https");
const NEGOTIATED: Way = NTLM.kerberos();
const KERBEROS: Way = Way::new("Kerberos", "http").kerberos();
const KERBEROS_TLS: Way = Way::new("Kerberos", "https").kerberos();
const CREDSSP: Way = Way::new("CredSSP", "http");
const CREDSSP_TLS: Way = Way::new("CredSSP", "https");
const DEFAULT: Way = Way::new("Default", "http");
const DEFAULT_TLS: Way = Way::new("Default", "https");
const DEFAULT_KERBEROS: Way = DEFAULT.kerberos();

use Trial::{Economy, Idle, Import, LargeChange, NoPassword, OneTooMany, Refused, Tour};

const TOUR: &[Trial] = &[Tour(NTLM)];

const MODES: &[Mode] = &[
    mode(
        "everything offered",
        &[],
        &[
            Tour(NTLM),
            Tour(NTLM_TLS),
            Tour(BASIC),
            Refused(PLAIN_BASIC, "the settings ask for Basic, the server offers"),
            Tour(CREDSSP),
            Tour(CREDSSP_TLS),
            Tour(DEFAULT),
            Tour(DEFAULT_TLS),
        ],
    ),
    mode("economy", &[], &[Economy(NTLM), Economy(BASIC)]),
    mode(
        "--kerberos",
        &["--kerberos"],
        &[
            Tour(KERBEROS),
            Tour(KERBEROS_TLS),
            Tour(NEGOTIATED),
            Tour(NTLM),
            Tour(DEFAULT_KERBEROS),
            Tour(BASIC),
        ],
    ),
    mode(
        "--auth kerberos",
        &["--kerberos", "--auth", "kerberos"],
        &[
            Tour(KERBEROS),
            Tour(DEFAULT_KERBEROS),
            Refused(NTLM, "the settings ask for Negotiate, the server offers Kerberos"),
            Refused(BASIC, "the settings ask for Basic, the server offers Kerberos"),
        ],
    ),
    mode(
        "--auth negotiate",
        &["--auth", "negotiate"],
        &[
            Tour(NTLM),
            Tour(DEFAULT),
            Refused(BASIC, "the settings ask for Basic, the server offers Negotiate"),
            Refused(CREDSSP, "the settings ask for CredSSP, the server offers Negotiate"),
        ],
    ),
    mode(
        "--auth basic",
        &["--auth", "basic"],
        &[
            Tour(BASIC),
            Refused(NTLM_TLS, "the settings ask for Negotiate, the server offers Basic"),
            Refused(DEFAULT_TLS, "the server offers Basic"),
            Refused(CREDSSP_TLS, "the settings ask for CredSSP, the server offers Basic"),
        ],
    ),
    mode(
        "--auth credssp",
        &["--auth", "credssp"],
        &[
            Tour(CREDSSP),
            Refused(NTLM, "the settings ask for Negotiate, the server offers CredSSP"),
            Refused(BASIC, "the settings ask for Basic, the server offers CredSSP"),
        ],
    ),
    mode("--tls-max 1.2", &["--tls-max", "1.2"], &[Tour(CREDSSP), Tour(CREDSSP_TLS), Tour(BASIC)]),
    mode(
        "--cbt required",
        &["--cbt", "required"],
        &[Tour(NTLM_TLS), Tour(NTLM), Tour(BASIC), Tour(CREDSSP_TLS)],
    ),
    mode(
        "--cbt required, ec sha384",
        &["--cbt", "required", "--cert-key", "ec", "--cert-hash", "sha384"],
        &[Tour(NTLM_TLS)],
    ),
    mode(
        "--cbt required, rsa sha512",
        &["--cbt", "required", "--cert-hash", "sha512"],
        &[Tour(NTLM_TLS)],
    ),
    mode("--cbt none", &["--cbt", "none"], &[Tour(NTLM_TLS)]),
    mode(
        "--allow-unencrypted",
        &["--allow-unencrypted"],
        &[Tour(PLAIN_BASIC), Tour(NTLM), Tour(BASIC)],
    ),
    mode(
        "--password-schemes",
        &["--password-schemes", "negotiate,credssp"],
        &[Tour(NTLM), Tour(CREDSSP), NoPassword(BASIC)],
    ),
    mode(
        "--max-envelope 153600",
        &["--max-envelope", "153600", "--mailboxes", "200"],
        &[Tour(NTLM), LargeChange(NTLM), LargeChange(BASIC)],
    ),
    mode("--max-shells 2", &["--max-shells", "2"], &[Tour(NTLM), OneTooMany(NTLM)]),
    mode("--idle-timeout 3", &["--idle-timeout", "3"], &[Idle(NTLM)]),
    mode("--idle-timeout 3, kept awake", &["--idle-timeout", "3"], &[Idle(NTLM)]).brisk(),
    mode("--affinity-cookie", &["--affinity-cookie"], &[Tour(NTLM), Tour(BASIC)]),
    mode("--fragment-size 40", &["--fragment-size", "40"], TOUR),
    mode("--blob-size 17", &["--blob-size", "17"], TOUR),
    mode(
        "--fragment-size 40, --blob-size 17",
        &["--fragment-size", "40", "--blob-size", "17", "--mailboxes", "2"],
        TOUR,
    ),
    mode("--chunked", &["--chunked"], &[Tour(NTLM), Tour(BASIC)]),
    mode("--gzip", &["--gzip"], &[Tour(NTLM), Tour(BASIC)]),
    mode("--protocol-version 2.2", &["--protocol-version", "2.2"], TOUR),
    mode("--chatter", &["--chatter"], TOUR),
    mode("--host-calls", &["--host-calls"], TOUR),
    mode("--delay 3", &["--delay", "3"], TOUR).brisk(),
    mode("--receive-delay 1", &["--receive-delay", "1"], TOUR).brisk(),
    mode("--mailboxes 5000", &["--mailboxes", "5000"], &[Import(NTLM)]),
    mode("--unicode-names", &["--unicode-names", "--mailboxes", "300"], TOUR),
    mode("--deserialized-prefix", &["--deserialized-prefix"], TOUR),
    mode("--engine pwsh", &["--engine", "pwsh"], &[Tour(NTLM), Tour(BASIC)]),
    mode("--restricted-proxies", &["--engine", "pwsh", "--restricted-proxies"], TOUR),
];

/// Run on demand, for it takes minutes.
const LARGE: Mode = mode("--mailboxes 50000", &["--mailboxes", "50000"], &[Import(NTLM)]);

/// One line of the table.
struct Line {
    mode: &'static str,
    trial: String,
    tried: Tried,
    took: Duration,
}

/// Tries every mode, a few at a time, and prints a table.
pub(super) async fn run(program: &Program, options: &Options<'_>) -> Row {
    let wanted = MODES.iter().chain(options.large.then_some(&LARGE));
    let runs = wanted.filter(|mode| options.wants(mode.name)).map(|mode| try_all(program, *mode));
    let mut done = stream::iter(runs).buffered(options.jobs);
    let mut row = Row::new("peer, modes", 0, 0);
    let mut skipped = 0_usize;
    while let Some(lines) = done.next().await {
        for line in lines {
            match &line.tried {
                Tried::Passed => row.passed += 1,
                Tried::Failed(_) => row.failed += 1,
                Tried::Skipped(_) => skipped += 1,
            }
            crate::print(&shown(&line));
        }
    }
    if skipped > 0 {
        row.note = format!("{skipped} skipped");
    }
    row
}

fn shown(line: &Line) -> String {
    let seconds = line.took.as_secs_f32();
    let what = match &line.tried {
        Tried::Passed => "passed".to_owned(),
        Tried::Skipped(reason) => format!("skipped: {reason}"),
        Tried::Failed(reason) => format!("FAILED: {reason}"),
    };
    format!("{:<36} {:<56} {seconds:>5.1} s  {what}\n", line.mode, line.trial)
}

/// Starts the server of a mode and tries everything there.
async fn try_all(program: &Program, mode: Mode) -> Vec<Line> {
    let line = |trial: String, tried, took| Line { mode: mode.name, trial, tried, took };
    let whole = |tried| vec![line("all".to_owned(), tried, Duration::ZERO)];
    if mode.options.contains(&"pwsh") && !program.has_engine() {
        return whole(Tried::Skipped("the engine is not there".to_owned()));
    }
    let peer = match program.start(mode.options).await {
        Ok(peer) => peer,
        Err(error) if mode.options.contains(&"--kerberos") => {
            return whole(Tried::Skipped(format!("the server cannot start a KDC: {error:#}")));
        }
        Err(error) => return whole(Tried::Failed(format!("{error:#}"))),
    };
    let mut lines = Vec::new();
    for trial in mode.trials {
        let start = Instant::now();
        let tried = trial.run(&peer, mode.pace).await;
        lines.push(line(trial.name(), tried, start.elapsed()));
    }
    peer.stop().await;
    lines
}
