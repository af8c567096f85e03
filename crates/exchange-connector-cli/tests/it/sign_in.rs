//! Ways to sign in to an independent server that need more than a password.

use crate::support::{Folder, Peer, run};

/// The settings of a peer, signed in to by Negotiate with a KDC that does not answer.
fn without_kdc(peer: &Peer, fallback: &str) -> String {
    peer.settings("OnPremises", "Negotiate", "New")
        + &format!("[kerberos]\nrealm = \"TEST.LOCAL\"\nkdc = \"127.0.0.1:1\"\n{fallback}\n")
}

#[test]
fn ntlm_comes_after_kerberos_only_where_the_settings_allow_it() {
    let Some(peer) = Peer::start(&["--mailboxes", "3"]) else { return };
    let folder = Folder::new();
    for fallback in ["", "ntlm_fallback = false"] {
        let config = folder.write("settings.toml", &without_kdc(&peer, fallback));
        let refused = run(&["--config", &config, "import"], "").expect_code(4);
        assert!(refused.stderr.contains("TEST.LOCAL"), "{}", refused.stderr);
    }
    let config = folder.write("settings.toml", &without_kdc(&peer, "ntlm_fallback = true"));
    let imported = run(&["--config", &config, "import"], "").expect_code(0);
    assert_eq!(imported.last()["objects"], 3);
    assert!(imported.stderr.contains("falling back"), "{}", imported.stderr);
}

/// Checks that `asked` is not offered, and that both commands say by which settings one gets in there.
#[track_caller]
fn check_not_offered(peer: &Peer, asked: &str, expected: &str) {
    let folder = Folder::new();
    let settings = match asked {
        "CredSSP" => peer.winrm_settings("http", "OnPremises", asked, "New"),
        _ => peer.settings("OnPremises", asked, "New"),
    };
    let config = folder.write("settings.toml", &settings);
    let refused = run(&["--config", &config, "import"], "").expect_code(4);
    assert!(
        refused.stderr.contains(&format!("the settings ask for {asked}")),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains(&format!("\nremedy: {expected}")), "{}", refused.stderr);
    let checked = run(&["--config", &config, "check", "--json"], "").expect_code(4);
    let steps = checked.last()["steps"].as_array().unwrap();
    let failed = steps.iter().find(|step| step["status"] == "failed").unwrap();
    assert_eq!(failed["name"], "authenticate");
    assert!(failed["remedy"].as_str().unwrap().starts_with(expected), "{failed}");
    assert_eq!(peer.state()["open_shells"], 0, "a shell was left open");
}

#[test]
fn a_method_that_is_not_offered_comes_with_one_that_is() {
    let negotiate = "set authentication_method = \"Negotiate\", which the server offers";
    let Some(peer) = Peer::start(&["--auth", "negotiate"]) else { return };
    check_not_offered(&peer, "Basic", negotiate);
    check_not_offered(&peer, "CredSSP", negotiate);
    let Some(peer) = Peer::start(&["--auth", "kerberos,basic", "--kerberos"]) else { return };
    check_not_offered(&peer, "Negotiate", "set authentication_method = \"Kerberos\", which");
    let Some(peer) = Peer::start(&["--auth", "credssp"]) else { return };
    check_not_offered(&peer, "Basic", "switch Basic on at the server");
}

#[test]
fn every_step_of_a_check_is_explained() {
    let Some(peer) = Peer::start(&["--kerberos"]) else { return };
    let folder = Folder::new();
    let kerberos = format!("[kerberos]\nrealm = \"TEST.LOCAL\"\nkdc = {}\n", peer.facts["kdc"]);
    let settings = |method: &str| peer.settings("OnPremises", method, "New");
    let winrm = peer.winrm_settings("https", "OnPremises", "CredSSP", "New");
    for (settings, expected) in [
        (settings("Basic"), r"as TEST\svc by Basic, over TLS"),
        (settings("Negotiate"), r"as TEST\svc by Negotiate (NTLM), with sealed messages"),
        (
            settings("Negotiate") + &kerberos,
            r"as TEST\svc by Negotiate (Kerberos), with sealed messages",
        ),
        (settings("Kerberos") + &kerberos, r"as TEST\svc by Kerberos, with sealed messages"),
        (winrm, r"as TEST\svc by CredSSP, over TLS"),
    ] {
        let config = folder.write("settings.toml", &settings);
        let report = run(&["--config", &config, "check", "--json"], "").expect_code(0);
        let steps = report.last()["steps"].as_array().unwrap();
        let unexplained =
            |step: &&serde_json::Value| step["detail"].as_str().is_none_or(str::is_empty);
        assert_eq!(steps.iter().find(unexplained), None, "{expected}");
        let step = steps.iter().find(|step| step["name"] == "authenticate").unwrap();
        assert_eq!(step["detail"], expected);
    }
}

#[test]
fn every_way_not_to_get_in_has_a_remedy_of_its_own() {
    let cases = [
        ("http=404", "endpoint.url leads to Exchange's PowerShell virtual directory"),
        ("html=403", "RemotePowerShellEnabled"),
        ("fault=5", "RemotePowerShellEnabled"),
        ("fault=1326", "accounts lock"),
        ("fault=2150858811", "endpoint.kind = \"winrm\""),
        ("http=302", "endpoint.follow_redirects"),
        ("throttle", "endpoint.max_sessions"),
        ("drop", "has the scheme of that port"),
    ];
    for (fault, expected) in cases {
        let Some(peer) = Peer::start(&["--fault", &format!("{fault}@Create:1x0")]) else { return };
        let folder = Folder::new();
        let settings = peer.settings("OnPremises", "Negotiate", "New").replace("\"60s\"", "\"1s\"");
        let config = folder.write("settings.toml", &settings);
        let refused = run(&["--config", &config, "invoke", "Get-Mailbox"], "").expect_code(4);
        let remedy = refused.stderr.lines().find(|line| line.starts_with("remedy: "));
        assert!(remedy.is_some_and(|line| line.contains(expected)), "{fault}: {}", refused.stderr);
    }
}

/// Tickets of the system's library, which this program finds by the settings alone.
#[cfg(feature = "gssapi")]
mod ticket {
    use std::io::Write as _;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Output, Stdio};

    use crate::support::{Folder, Peer};

    /// A command that uses the peer's KDC and nothing of the machine's.
    fn at_kdc(peer: &Peer, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
        command.env("PATH", path).env("KRB5_CONFIG", peer.facts["krb5_config"].as_str().unwrap());
        command.env("KRB5_KDC_PROFILE", folder_of(peer).join("kdc.conf"));
        command.env("KRB5CCNAME", "FILE:/nonexistent").env_remove("KRB5_CLIENT_KTNAME");
        command
    }

    fn folder_of(peer: &Peer) -> PathBuf {
        Path::new(peer.facts["krb5_config"].as_str().unwrap()).parent().unwrap().to_owned()
    }

    /// Settings without user name and password.
    fn settings(peer: &Peer, method: &str, kerberos: &str) -> String {
        let whole = peer.settings("OnPremises", method, "New");
        let kept = whole.lines().filter(|line| {
            !line.trim_start().starts_with("username")
                && !line.trim_start().starts_with("password ")
        });
        kept.collect::<Vec<_>>().join("\n") + &format!("\n[kerberos]\n{kerberos}\n")
    }

    fn import(peer: &Peer, config: &str) -> Output {
        let mut import = at_kdc(peer, env!("CARGO_BIN_EXE_exchange-connector"));
        import.args(["--config", config, "import"]).output().unwrap()
    }

    #[track_caller]
    fn check(peer: &Peer, config: &str) {
        let done = import(peer, config);
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        let complete = "{\"type\":\"complete\",\"objects\":7,";
        assert!(said.contains(complete), "{said}{}", String::from_utf8_lossy(&done.stderr));
        assert_eq!(peer.state()["open_shells"], 0, "a shell was left open");
    }

    #[test]
    fn an_import_signs_in_with_a_keytab_or_a_cache() {
        let Some(peer) = Peer::start(&["--mailboxes", "7", "--kerberos", "--cbt", "required"])
        else {
            return;
        };
        let folder = Folder::new();
        let keytab = folder.write("svc.keytab", "");
        std::fs::remove_file(&keytab).unwrap();
        let query = format!("ktadd -norandkey -k {keytab} svc");
        let mut kadmin = at_kdc(&peer, "kadmin.local");
        assert!(kadmin.args(["-r", "TEST.LOCAL", "-q", &query]).output().unwrap().status.success());
        let cache = folder.write("svc.ccache", "");
        let mut kinit = at_kdc(&peer, "kinit");
        kinit.arg("svc@TEST.LOCAL").env("KRB5CCNAME", format!("FILE:{cache}"));
        let mut kinit = kinit.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        writeln!(kinit.stdin.take().unwrap(), "{}", peer.facts["password"].as_str().unwrap())
            .unwrap();
        assert!(kinit.wait().unwrap().success());
        // Paths are those of the settings file.
        for kerberos in ["keytab = \"svc.keytab\"", "ccache = \"svc.ccache\""] {
            for method in ["Kerberos", "Negotiate"] {
                let text = settings(&peer, method, kerberos);
                check(&peer, &folder.write("settings.toml", &text));
                let http = format!("http://localhost:{}", peer.facts["http"]);
                let https = format!("https://localhost:{}", peer.facts["https"]);
                check(&peer, &folder.write("settings.toml", &text.replace(&http, &https)));
            }
        }
    }

    #[test]
    fn no_ticket_is_no_sign_in() {
        let Some(peer) = Peer::start(&["--kerberos"]) else { return };
        let folder = Folder::new();
        let config = folder.write("settings.toml", &settings(&peer, "Kerberos", ""));
        let done = import(&peer, &config);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(4), "{said}");
        assert!(said.contains("no ticket to sign in with"), "{said}");
    }
}
