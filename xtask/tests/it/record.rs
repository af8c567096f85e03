//! Recording a simulated server: what lies in the folder afterwards tells of nobody, and replays without the server.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use exchange_sim::{Fault, SimOptions, Simulator};

const PASSWORD: &str = "Pa55-of-somebody!";

/// A folder that is gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

fn xtask() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Begins to record a simulator whose password is in the environment.
fn record(simulator: &Simulator, folder: &Folder, arguments: &[&str]) -> Child {
    let settings = simulator.settings_toml();
    let password = format!("password = \"{}\"", simulator.password());
    let settings = settings.replace(&password, "password = { env = \"RECORDED_PASSWORD\" }");
    let config = folder.write("settings.toml", &settings);
    let mut command = xtask();
    command.arg("record").arg("--config").arg(config).args(arguments);
    command.arg("--out").arg(folder.0.join("fixture"));
    command.env("RECORDED_PASSWORD", simulator.password()).spawn().unwrap()
}

#[track_caller]
fn ended(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

#[track_caller]
fn replays(fixture: &Path) {
    ended(xtask().arg("replay").arg(fixture).spawn().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_with_a_password_is_recorded_and_tells_of_nobody() {
    let simulator = Simulator::start(SimOptions::default().mailboxes(3)).await.unwrap();
    let folder = Folder::new("recorded-create");
    let line = format!(
        r#"{{"ref":"1","operation":"create","attributes":{{"Name":"Zenobia Quill","UserPrincipalName":"zenobia@contoso.com","_param_password":"{PASSWORD}"}}}}"#
    );
    let input = folder.write("input.jsonl", &line);
    let arguments = ["--scenario", "export", "--input", input.to_str().unwrap()];
    let said = ended(record(&simulator, &folder, &arguments));
    assert!(said.contains("written, and it replays"), "{said}");
    let words = [simulator.password(), PASSWORD, "zenobia", "quill", "contoso", "svc-idm"];
    simulator.close().await;

    let fixture = folder.0.join("fixture");
    replays(&fixture);
    for entry in std::fs::read_dir(&fixture).unwrap() {
        let path = entry.unwrap().path();
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).to_lowercase();
        let found = words.iter().find(|word| text.contains(&word.to_lowercase()));
        assert_eq!(found, None, "{}", path.display());
    }
    let listed = folder.write("words.txt", &words.join("\n"));
    let mut check = xtask();
    check.args(["scrub", "--check"]).arg(&fixture).arg("--words").arg(listed);
    ended(check.spawn().unwrap());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_recording_holds_what_there_was() {
    let options = SimOptions::default().mailboxes(400);
    let slow: Fault = "slow=60@Receive:5".parse().unwrap();
    let simulator = Simulator::start(options.fault(slow)).await.unwrap();
    let folder = Folder::new("recorded-interrupt");
    let recording = record(&simulator, &folder, &["--scenario", "import"]);
    let mut waited = Duration::ZERO;
    while simulator.calls().len() < 2 && waited < Duration::from_secs(60) {
        waited += Duration::from_millis(50);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let process = recording.id().to_string();
    let sent = Command::new("kill").args(["-INT", &process]).status().unwrap();
    assert!(sent.success());
    let said = tokio::task::spawn_blocking(|| ended(recording)).await.unwrap();
    assert!(said.contains("written, and it replays"), "{said}");
    simulator.close().await;
    let fixture = folder.0.join("fixture");
    let manifest = std::fs::read_to_string(fixture.join("session.toml")).unwrap();
    assert!(manifest.contains("exit_code = 130"), "{manifest}");
    replays(&fixture);
}
