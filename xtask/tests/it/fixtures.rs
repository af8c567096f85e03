//! The sessions in `fixtures/`: what the connector sends is what it sent when they were recorded.

use std::path::Path;
use std::process::{Command, Output};

fn xtask(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).args(arguments).output().expect("xtask runs")
}

fn fixtures() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
    folder.to_string_lossy().into_owned()
}

#[test]
fn every_recorded_session_replays() {
    let output = xtask(&["replay", &fixtures()]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let count: usize = said.split(' ').next().unwrap().parse().unwrap();
    assert!(count >= 100, "{said}");
}

#[test]
fn a_changed_request_is_shown_where_it_differs() {
    let folder = std::env::temp_dir().join(format!("changed-fixture-{}", std::process::id()));
    let original = Path::new(&fixtures()).join("simulator/invoke/some-objects");
    std::fs::create_dir_all(&folder).unwrap();
    for entry in std::fs::read_dir(original).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
    }
    let manifest = folder.join("session.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let changed = text.replace("\"-ResultSize\", \"2\"", "\"-ResultSize\", \"3\"");
    assert_ne!(changed, text);
    std::fs::write(&manifest, changed).unwrap();
    let output = xtask(&["replay", folder.to_str().unwrap()]);
    std::fs::remove_dir_all(&folder).unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in ["-request.xml (- recorded, + now)", "- ", "+ ", "Get-User -ResultSize 3"] {
        assert!(said.contains(part), "{part} in {said}");
    }
}
