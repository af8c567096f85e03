//! Each way to sign in, and how it can go wrong.

use super::Listed;
use crate::conformance::peer::Way;

pub(super) const CREDSSP: Way = Way::new("CredSSP", "http");
const BASIC: Way = Way::new("Basic", "http");
const BASIC_TLS: Way = Way::new("Basic", "https");
const NTLM_TLS: Way = Way::new("Negotiate", "https");
const KERBEROS: Way = Way::new("Kerberos", "http").kerberos();
const DEFAULT: Way = Way::new("Default", "http");

/// Enough to see whether the session is there.
const LOOK: &[&str] = &["invoke", "Get-AcceptedDomain"];
const WRONG: &str = "password = \"Not-the-passw0rd\"";

pub(super) const SIMULATOR: &[Listed] = &[
    Listed::simulator("simulator/sign-in/basic", LOOK).by(BASIC).options(&["plain"]),
    Listed::simulator("simulator/sign-in/basic-wrong-password", LOOK)
        .by(BASIC)
        .options(&["plain"])
        .settings(WRONG),
    Listed::simulator("simulator/sign-in/ntlm", LOOK),
    Listed::simulator("simulator/sign-in/ntlm-wrong-password", &["check"]).settings(WRONG),
    Listed::simulator("simulator/sign-in/credssp", LOOK).by(CREDSSP),
    Listed::simulator("simulator/sign-in/credssp-wrong-password", LOOK).by(CREDSSP).settings(WRONG),
    Listed::simulator("simulator/sign-in/basic-not-offered", LOOK)
        .settings("authentication_method = \"Basic\"\n[endpoint]\nallow_unencrypted = true"),
    Listed::simulator("simulator/sign-in/nobody-listens", &["check"])
        .settings("[endpoint]\nurl = \"http://127.0.0.1:9/PowerShell/\""),
];

pub(super) const PEER: &[Listed] = &[
    Listed::peer("peer/sign-in/basic", LOOK).by(BASIC_TLS),
    Listed::peer("peer/sign-in/basic-wrong-password", LOOK).by(BASIC_TLS).settings(WRONG),
    Listed::peer("peer/sign-in/ntlm", LOOK),
    Listed::peer("peer/sign-in/ntlm-wrong-password", LOOK).settings(WRONG),
    Listed::peer("peer/sign-in/ntlm-tls", LOOK).by(NTLM_TLS).options(&["--cbt", "required"]),
    Listed::peer("peer/sign-in/ntlm-not-offered", LOOK).options(&["--auth", "credssp"]),
    Listed::peer("peer/sign-in/kerberos", LOOK).by(KERBEROS).options(&["--kerberos"]),
    Listed::peer("peer/sign-in/kerberos-wrong-password", LOOK)
        .by(KERBEROS)
        .options(&["--kerberos"])
        .settings(WRONG),
    Listed::peer("peer/sign-in/credssp", LOOK).by(CREDSSP),
    Listed::peer("peer/sign-in/credssp-wrong-password", LOOK).by(CREDSSP).settings(WRONG),
    Listed::peer("peer/sign-in/default", LOOK).by(DEFAULT),
    Listed::peer("peer/sign-in/no-more-sessions", LOOK)
        .options(&["--max-shells", "0"])
        .settings("[endpoint]\nstall_timeout = \"8s\""),
];
