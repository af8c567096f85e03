//! Kerberos by the system's library, against MIT's KDC and acceptor.
//!
//! The library takes its settings from the environment, so each login runs in a process of its own: this program again,
//! with the one test that is ignored otherwise.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use wsman::client::{ClientOptions, Credentials, Exchange as _, HttpClient};

use super::peer::{Peer, echo, request};

/// Where a peer's KDC keeps its files, and what a process needs to use it.
struct Realm<'a> {
    peer: &'a Peer,
    folder: PathBuf,
}

impl<'a> Realm<'a> {
    fn of(peer: &'a Peer) -> Self {
        let folder = Path::new(peer.text("krb5_config")).parent().unwrap().to_owned();
        Self { peer, folder }
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env("KRB5_CONFIG", self.peer.text("krb5_config"))
            .env("KRB5_KDC_PROFILE", self.folder.join("kdc.conf"))
            .env_remove("KRB5_CLIENT_KTNAME")
            .env("KRB5CCNAME", "MEMORY:nothing");
        command
    }

    /// Fetches a ticket with the password, and returns the name of its cache.
    fn ticket(&self) -> String {
        let cache = format!("FILE:{}", self.folder.join("svc.ccache").display());
        let mut kinit = self.command("kinit");
        kinit.arg("svc@TEST.LOCAL").env("KRB5CCNAME", &cache);
        let mut kinit = kinit.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        writeln!(kinit.stdin.take().unwrap(), "{}", self.peer.text("password")).unwrap();
        assert!(kinit.wait().unwrap().success());
        cache
    }

    /// Writes the user's key into a keytab.
    fn keytab(&self) -> PathBuf {
        let keytab = self.folder.join("svc.keytab");
        let query = format!("ktadd -norandkey -k {} svc", keytab.display());
        let mut kadmin = self.command("kadmin.local");
        kadmin.env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap()));
        let done = kadmin.args(["-r", "TEST.LOCAL", "-q", &query]).output().unwrap();
        assert!(done.status.success() && keytab.is_file(), "{done:?}");
        keytab
    }

    /// Runs a login in a process of its own, and returns what it says.
    fn run(&self, login: Login, environment: &[(&str, &str)]) -> String {
        let mut child = self.command(std::env::current_exe().unwrap());
        child.envs(environment.iter().copied());
        child.env("TICKET_URL", self.peer.url(login.scheme, "/echo"));
        child.env("TICKET_CA", self.peer.text("ca"));
        child.env("TICKET_OPTIONS", login.options);
        run_ignored(child, "ticket::a_login_in_a_process_of_its_own")
    }
}

/// Runs one ignored test of this program, and returns what it says.
fn run_ignored(mut child: Command, test: &str) -> String {
    let done = child.args([test, "--exact", "--ignored", "--nocapture"]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    assert!(said.contains("1 passed"), "{said}");
    said
}

/// A login: over `http` or `https`, with options of the child.
#[derive(Clone, Copy)]
struct Login {
    scheme: &'static str,
    /// `spnego`, `unbound`, and the name of somebody.
    options: &'static str,
}

const fn login(scheme: &'static str, options: &'static str) -> Login {
    Login { scheme, options }
}

#[tokio::test]
#[ignore = "the other tests of this module start it"]
async fn a_login_in_a_process_of_its_own() {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let options = variable("TICKET_OPTIONS");
    let has = |option: &str| options.split(' ').any(|one| one == option);
    let principal = options.split(' ').find(|option| option.contains('@')).map(str::to_owned);
    let credentials = Credentials::ticket(principal).within_spnego(has("spnego"));
    let url = variable("TICKET_URL");
    assert!(!url.is_empty(), "TICKET_URL is set by whoever starts this");
    let make = || {
        let options = ClientOptions::new(&url, credentials.clone());
        let options = options.native_roots(false).ca_file(variable("TICKET_CA"));
        HttpClient::new(options.channel_binding(!has("unbound"))).unwrap()
    };
    match make().exchange(request("x".to_owned())).await {
        Ok(answer) => println!("answer {}", String::from_utf8_lossy(&answer.envelope)),
        Err(error) => {
            return println!("error {error:?} {}", error.advice() == wsman::Advice::Later);
        }
    }
    let scheme = if has("spnego") { "Negotiate|kerberos|" } else { "Kerberos|kerberos|" };
    echo(&make(), scheme).await;
    println!("echoed");
}

#[test]
fn a_cached_ticket_seals_over_http_and_is_bound_over_https() {
    let Some(peer) = Peer::start(&["--kerberos", "--cbt", "required"]) else { return };
    let realm = Realm::of(&peer);
    let cache = realm.ticket();
    for (options, scheme) in [("", "Kerberos"), ("spnego svc@TEST.LOCAL", "Negotiate")] {
        for over in ["http", "https"] {
            let said = realm.run(login(over, options), &[("KRB5CCNAME", &cache)]);
            let answer = format!("answer {scheme}|kerberos|svc@TEST.LOCAL|x");
            assert!(said.contains(&answer) && said.contains("echoed"), "{over} {options}: {said}");
        }
    }
    // The server demands the binding, so these would have failed without it.
    for options in ["unbound", "unbound spnego"] {
        let said = realm.run(login("https", options), &[("KRB5CCNAME", &cache)]);
        assert!(said.contains("error Kerberos(Ticket"), "{options}: {said}");
    }
}

#[test]
fn a_key_in_a_keytab_fetches_the_ticket() {
    let Some(peer) = Peer::start(&["--kerberos"]) else { return };
    let realm = Realm::of(&peer);
    let keytab = realm.keytab();
    for options in ["", "svc@TEST.LOCAL spnego"] {
        let said =
            realm.run(login("http", options), &[("KRB5_CLIENT_KTNAME", keytab.to_str().unwrap())]);
        assert!(said.contains("|svc@TEST.LOCAL|x") && said.contains("echoed"), "{said}");
    }
}

#[test]
fn what_the_library_lacks_is_told_apart() {
    let Some(peer) = Peer::start(&["--kerberos"]) else { return };
    let realm = Realm::of(&peer);
    let said = realm.run(login("http", ""), &[]);
    assert!(said.contains("error Kerberos(NoTicket"), "{said}");
    let cache = realm.ticket();
    let said = realm.run(login("http", "nobody@TEST.LOCAL"), &[("KRB5CCNAME", &cache)]);
    assert!(said.contains("error Kerberos(NoTicket"), "{said}");
    let conf = realm.folder.join("down.conf");
    let text = std::fs::read_to_string(peer.text("krb5_config")).unwrap();
    std::fs::write(&conf, text.replace(peer.text("kdc"), "127.0.0.1:1")).unwrap();
    let conf = conf.to_str().unwrap();
    let said = realm.run(login("http", ""), &[("KRB5CCNAME", &cache), ("KRB5_CONFIG", conf)]);
    assert!(said.contains("error Kerberos(System") && said.contains("}) true"), "{said}");
}

#[test]
fn a_message_that_somebody_changed_or_sent_again_is_refused() {
    let Some(peer) = Peer::start(&["--kerberos"]) else { return };
    let folder = Realm::of(&peer).folder.join("attack");
    std::fs::create_dir(&folder).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.env("KRB5_CONFIG", folder.join("kdc/krb5.conf")).env("TICKET_FOLDER", &folder);
    child.env("KRB5CCNAME", format!("FILE:{}", folder.join("kdc/svc.ccache").display()));
    run_ignored(child, "ticket::an_attack_in_a_process_of_its_own");
}

#[tokio::test]
#[ignore = "the test above starts it"]
async fn an_attack_in_a_process_of_its_own() {
    let folder = std::env::var("TICKET_FOLDER").expect("set by whoever starts this");
    let peer = Peer::start(&["--kerberos", "--state-dir", &folder]).unwrap();
    Realm::of(&peer).ticket();
    super::relay::attack(&peer, || Credentials::ticket(None)).await;
    super::relay::attack(&peer, || Credentials::ticket(None).within_spnego(true)).await;
}

#[test]
fn a_server_that_has_no_kerberos_is_named() {
    let Some(peer) = Peer::start(&["--kerberos", "--auth", "basic,credssp"]) else { return };
    let realm = Realm::of(&peer);
    let cache = realm.ticket();
    let said = realm.run(login("http", ""), &[("KRB5CCNAME", &cache)]);
    assert!(said.contains("NotOffered { asked: \"Kerberos\""), "{said}");
}
