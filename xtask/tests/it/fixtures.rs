//! The sessions in `fixtures/`: what the connector sends is what it sent when they were recorded.

use std::path::{Path, PathBuf};
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

/// A copy of a fixture in which the command is another.
struct Changed(PathBuf);

impl Changed {
    /// One in which an object more is asked for.
    fn new(name: &str) -> Self {
        Self::of(
            name,
            "simulator/invoke/some-objects",
            ["\"-ResultSize\", \"2\"", "\"-ResultSize\", \"3\""],
        )
    }

    fn of(name: &str, fixture: &str, [before, after]: [&str; 2]) -> Self {
        let folder = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        let original = Path::new(&fixtures()).join(fixture);
        std::fs::create_dir_all(&folder).unwrap();
        for entry in std::fs::read_dir(original).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
        }
        let manifest = folder.join("session.toml");
        let text = std::fs::read_to_string(&manifest).unwrap();
        let changed = text.replace(before, after);
        assert_ne!(changed, text);
        std::fs::write(&manifest, changed).unwrap();
        Self(folder)
    }

    fn replay(&self, arguments: &[&str]) -> (bool, String) {
        let output = xtask(&[&["replay"], arguments, &[self.0.to_str().unwrap()]].concat());
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }
}

impl Drop for Changed {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn a_changed_request_is_shown_where_it_differs() {
    let (went_well, said) = Changed::new("changed-fixture").replay(&[]);
    assert!(!went_well, "{said}");
    for part in ["06-request.xml (- recorded, + now)", "-ResultSize 2", "-ResultSize 3"] {
        assert!(said.contains(part), "{part} in {said}");
    }
}

#[test]
fn a_change_that_is_meant_is_accepted() {
    let changed = Changed::new("accepted-fixture");
    let (went_well, said) = changed.replay(&["--accept"]);
    assert!(went_well && said.contains("requests 06 are others"), "{said}");
    let (went_well, said) = changed.replay(&[]);
    assert!(went_well, "{said}");
    let (_, said) = changed.replay(&["--accept"]);
    assert_eq!(said, "", "nothing is left to accept");
}

#[test]
fn the_same_goes_for_requests_to_the_service() {
    let change = ["\"Alias,EmailAddresses,Department\"", "\"Alias,EmailAddresses,Title\""];
    let changed = Changed::of("changed-cloud-fixture", "cloud/import/attributes", change);
    let (went_well, said) = changed.replay(&[]);
    assert!(!went_well, "{said}");
    for part in ["request 3 is another", "$select=Guid,Department", "$select=Guid,Title"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    let (went_well, said) = changed.replay(&["--accept"]);
    assert!(went_well && said.contains("requests 03 to the service are others"), "{said}");
    let (went_well, said) = changed.replay(&[]);
    assert!(went_well, "{said}");
}
