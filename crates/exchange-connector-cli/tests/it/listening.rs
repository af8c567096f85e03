//! The simulated Exchange in a process of its own, reached with the settings that it prints.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::support::{Folder, run};

struct Listening {
    child: Child,
    settings: String,
}

impl Listening {
    fn start(options: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_exchange-connector"))
            .args(["simulate", "--listen", "127.0.0.1:0", "--mailboxes", "5"])
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut settings = String::new();
        while !settings.contains("# kind") {
            settings.push_str(&lines.next().expect("it prints its settings").unwrap());
            settings.push('\n');
        }
        Self { child, settings }
    }

    /// Interrupts it as an operator does, and waits for its end.
    #[cfg(unix)]
    fn interrupt(&mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn check_import(settings: &str) {
    let folder = Folder::new();
    let config = folder.write("settings.toml", settings);
    let imported = run(&["--config", &config, "import"], "").expect_code(0);
    assert_eq!(imported.last()["type"], "complete");
    assert_eq!(imported.last()["objects"], json!(5));
}

#[test]
fn both_endpoints_are_reached() {
    let simulator = Listening::start(&[]);
    check_import(&simulator.settings);
    let url = simulator.settings.lines().find(|line| line.starts_with("url")).unwrap();
    let winrm =
        simulator.settings.replace(url, "").replace("# url", "url").replace("# kind", "kind");
    check_import(&winrm);
    check_import(&winrm.replace("\"Negotiate\"", "\"CredSSP\""));
}

#[test]
fn with_tls_basic_works_and_nothing_is_left() {
    let mut simulator = Listening::start(&["--tls"]);
    check_import(&simulator.settings);
    check_import(&simulator.settings.replace("\"Negotiate\"", "\"Basic\""));
    #[cfg(unix)]
    {
        simulator.interrupt();
        let file = simulator.settings.split_once("ca_file = \"").unwrap().1;
        let file = file.split_once('"').unwrap().0;
        assert!(!std::path::Path::new(file).exists(), "{file}");
    }
}
