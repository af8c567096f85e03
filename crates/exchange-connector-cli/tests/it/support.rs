//! Runs the binary and looks at what it says.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

/// What one run of the binary gave.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) lines: Vec<Value>,
    pub(crate) stderr: String,
}

impl Run {
    /// The lines of a `type`.
    pub(crate) fn of_type(&self, name: &str) -> Vec<&Value> {
        self.lines.iter().filter(|line| line["type"] == name).collect()
    }

    /// The last line.
    #[track_caller]
    pub(crate) fn last(&self) -> &Value {
        self.lines.last().unwrap_or_else(|| panic!("no output; standard error: {}", self.stderr))
    }

    /// Fails unless the exit code is `code`.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "lines: {:#?}\nstandard error: {}",
            self.lines,
            self.stderr
        );
        self
    }
}

/// Runs the binary with `arguments` and `input` on its standard input.
pub(crate) fn run(arguments: &[&str], input: &str) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_exchange-connector"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let lines = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    Run {
        code: output.status.code(),
        lines,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A folder of its own that is removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "exchange-connector-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Writes a file and gives its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The independent server, running.
pub(crate) struct Peer {
    child: Child,
    /// What it printed at the start.
    pub(crate) facts: Value,
}

impl Peer {
    /// Starts the server, or says why not and gives nothing.
    pub(crate) fn start(options: &[&str]) -> Option<Self> {
        let Some(folder) = std::env::var_os("EXCHANGE_TEST_PEER").map(PathBuf::from) else {
            println!("skipped: EXCHANGE_TEST_PEER does not name the folder of the peer server");
            return None;
        };
        let python = std::env::var("EXCHANGE_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        if options.contains(&"pwsh") && !folder.join("../pwsh/start").exists() {
            println!("skipped: there is no PowerShell engine beside {}", folder.display());
            return None;
        }
        let mut child = Command::new(python)
            .arg(Path::new(&folder).join("peer_server.py"))
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line.is_empty() && options.contains(&"--kerberos") {
            let _ = child.wait();
            println!("skipped: the peer server cannot start a KDC here");
            return None;
        }
        let facts = serde_json::from_str(&line)
            .unwrap_or_else(|_| panic!("the peer did not start: {line:?}"));
        Some(Self { child, facts })
    }

    /// What the server holds and saw.
    pub(crate) fn state(&self) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port("http"))).unwrap();
        stream
            .write_all(b"GET /state HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap()
    }

    /// The recipient with this UPN.
    #[track_caller]
    pub(crate) fn recipient(&self, upn: &str) -> Value {
        let state = self.state();
        let found = state["recipients"]
            .as_array()
            .unwrap()
            .iter()
            .find(|recipient| recipient["upn"] == upn);
        found.unwrap_or_else(|| panic!("the peer knows no {upn}")).clone()
    }

    /// The names of the cmdlets it ran, from the `skip`-th on.
    pub(crate) fn cmdlets(&self, skip: usize) -> Vec<String> {
        let state = self.state();
        let calls = state["calls"].as_array().unwrap().iter().skip(skip);
        calls
            .map(|call| {
                call["cmdlet"].as_str().or_else(|| call["name"].as_str()).unwrap().to_owned()
            })
            .collect()
    }

    fn port(&self, scheme: &str) -> u16 {
        u16::try_from(self.facts[scheme].as_u64().unwrap()).unwrap()
    }

    /// Settings that reach it.
    pub(crate) fn settings(
        &self,
        infrastructure: &str,
        method: &str,
        create_method: &str,
    ) -> String {
        let scheme = if method == "Basic" { "https" } else { "http" };
        let endpoint = format!("url = \"{}/PowerShell/\"", self.address(scheme));
        self.settings_at(&endpoint, infrastructure, method, create_method)
    }

    /// Settings that reach its WinRM service over `scheme`.
    pub(crate) fn winrm_settings(
        &self,
        scheme: &str,
        infrastructure: &str,
        method: &str,
        create_method: &str,
    ) -> String {
        let endpoint = format!("kind = \"winrm\"\nurl = \"{}/wsman\"", self.address(scheme));
        self.settings_at(&endpoint, infrastructure, method, create_method)
    }

    fn address(&self, scheme: &str) -> String {
        format!("{scheme}://localhost:{}", self.port(scheme))
    }

    fn settings_at(
        &self,
        endpoint: &str,
        infrastructure: &str,
        method: &str,
        create_method: &str,
    ) -> String {
        format!(
            r#"
infrastructure_type = "{infrastructure}"
hostname = "localhost"
authentication_method = "{method}"
username = 'TEST\{user}'
password = "{password}"
create_method = "{create_method}"
excluded_smtp_domains = ["contoso.test"]
[endpoint]
{endpoint}
ca_file = "{ca}"
stall_timeout = "60s"
"#,
            user = self.facts["user"].as_str().unwrap(),
            password = self.facts["password"].as_str().unwrap(),
            ca = self.facts["ca"].as_str().unwrap(),
        )
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
