//! `cargo xtask release-check`: whether the crates can be published as they are.
//!
//! It holds what only a release needs; `cargo xtask ci` holds the rest, and goes first.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde_json::Value;
use time::Date;
use time::format_description::well_known::Iso8601;

use crate::process::{cargo, members, output, run, workspace};

/// Texts that each package has to carry: the licences demand it of the first two.
const CARRIED: [&str; 3] = ["LICENSE-APACHE", "LICENSE-MIT", "README.md"];
/// How many keywords and categories the registry takes of a crate.
const MOST_WORDS: usize = 5;

/// Arguments of `release-check`.
#[derive(Args, Debug)]
pub(crate) struct ReleaseCheck {
    /// Look at files that are not committed too
    #[arg(long)]
    allow_dirty: bool,
    /// Pack the crates, but do not compile them from their packages
    #[arg(long)]
    no_verify: bool,
}

impl ReleaseCheck {
    /// Names everything that stands in the way of a release, then packs each crate, and compiles it from its package.
    ///
    /// # Errors
    ///
    /// When something stands in the way, or a crate cannot be packed.
    pub(crate) fn run(&self) -> Result<()> {
        let state = State::read()?;
        let mut found = state.obstacles();
        if !self.allow_dirty {
            found.extend(state.uncommitted());
        }
        for krate in state.published() {
            found.extend(missing_texts(krate.name)?);
        }
        ensure!(found.is_empty(), "not ready for a release:\n{}", found.join("\n"));
        let mut package = cargo(&["package", "--workspace", "--locked"]);
        for (given, argument) in
            [(self.allow_dirty, "--allow-dirty"), (self.no_verify, "--no-verify")]
        {
            if given {
                package.arg(argument);
            }
        }
        run(&mut package)?;
        crate::print(&format!(
            "{} is ready: {} crates\n",
            state.version,
            state.published().count()
        ));
        Ok(())
    }
}

/// What is looked at.
struct State {
    /// The version of the workspace.
    version: String,
    /// What `cargo metadata` says of the members.
    packages: Vec<Value>,
    changelog: String,
    readme: String,
    /// What `git status --porcelain` says.
    status: String,
    /// The commit that a tag of this version names.
    tagged: Option<String>,
    head: String,
}

/// A member that is to be published.
struct Crate<'a> {
    name: &'a str,
    facts: &'a Value,
}

impl State {
    fn read() -> Result<Self> {
        let packages = members()?;
        let version = packages.iter().find_map(|package| text(package, "version"));
        let version = version.context("cargo names no version")?.to_owned();
        let file = |name: &str| {
            fs::read_to_string(workspace().join(name))
                .with_context(|| format!("cannot read {name}"))
        };
        let tag = format!("v{version}");
        let tagged = match git(&["tag", "--list", &tag])?.trim() {
            "" => None,
            tag => Some(git(&["rev-list", "--max-count=1", tag])?),
        };
        Ok(Self {
            packages,
            changelog: file("CHANGELOG.md")?,
            readme: file("README.md")?,
            status: git(&["status", "--porcelain"])?,
            tagged,
            head: git(&["rev-list", "--max-count=1", "HEAD"])?,
            version,
        })
    }

    /// The members of which the registry is to have a copy.
    fn published(&self) -> impl Iterator<Item = Crate<'_>> {
        self.packages.iter().filter_map(|facts| {
            let registries = facts.get("publish").and_then(Value::as_array);
            let kept_back = registries.is_some_and(Vec::is_empty);
            Some(Crate { name: text(facts, "name")?, facts }).filter(|_| !kept_back)
        })
    }

    /// Returns a sentence for everything but uncommitted files that stands in the way.
    fn obstacles(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.published().next().is_none() {
            found.push("no crate is to be published".to_owned());
        }
        for krate in self.published() {
            found.extend(self.differing_versions(&krate));
            found.extend(krate.lacking());
            found.extend(self.unnamed_toolchain(&krate));
        }
        found.extend(self.missing_entry());
        if self.tagged.as_ref().is_some_and(|tagged| *tagged != self.head) {
            found.push(format!("v{} is the tag of another commit", self.version));
        }
        found
    }

    fn uncommitted(&self) -> Option<String> {
        let files = self.status.lines().count();
        (files > 0).then(|| format!("{files} files differ from the last commit: {}", self.status))
    }

    /// Members are released together, so they have one version, and ask for it of one another.
    fn differing_versions(&self, krate: &Crate<'_>) -> Vec<String> {
        let version = &self.version;
        let mut found = Vec::new();
        if text(krate.facts, "version") != Some(version) {
            found.push(format!("{} is not of version {version}", krate.name));
        }
        let required = format!("^{version}");
        let dependencies = krate.facts.get("dependencies").and_then(Value::as_array);
        for dependency in dependencies.into_iter().flatten() {
            let (Some(name), Some(asked)) = (text(dependency, "name"), text(dependency, "req"))
            else {
                continue;
            };
            if dependency.get("path").is_some() && asked != required {
                found.push(format!("{} asks for {name} {asked}, not {required}", krate.name));
            }
        }
        found
    }

    /// The README says which toolchain is needed at least.
    fn unnamed_toolchain(&self, krate: &Crate<'_>) -> Option<String> {
        let Some(least) = text(krate.facts, "rust_version") else {
            return Some(format!("{} names no rust-version", krate.name));
        };
        (!self.readme.contains(&format!("{least} or later")))
            .then(|| format!("README.md does not say that {} needs Rust {least}", krate.name))
    }

    /// The changelog has an entry for the version, with its date, and what it says is not under "Unreleased" still.
    fn missing_entry(&self) -> Option<String> {
        let version = &self.version;
        let mut entries = self.changelog.split("\n## ").skip(1).map(|entry| {
            let (title, body) = entry.split_once('\n').unwrap_or((entry, ""));
            (title.trim(), body.trim())
        });
        let entry = match entries.next() {
            Some(("Unreleased", "")) => entries.next(),
            Some(("Unreleased", _)) => {
                return Some(format!(
                    "CHANGELOG.md has changes under \"Unreleased\": they belong under \"{version} - DATE\""
                ));
            }
            entry => entry,
        };
        match entry.and_then(|(title, body)| Some((title.split_once(" - ")?, body))) {
            Some(((named, day), body)) if named == version && !body.is_empty() => {
                Date::parse(day, &Iso8601::DATE)
                    .err()
                    .map(|error| format!("CHANGELOG.md gives {version} no date: {error}"))
            }
            _ => {
                Some(format!("CHANGELOG.md does not begin with \"## {version} - DATE\" and a text"))
            }
        }
    }
}

impl Crate<'_> {
    /// What the registry wants to know of a crate.
    fn lacking(&self) -> Vec<String> {
        let mut found = Vec::new();
        for key in ["description", "license", "repository", "readme"] {
            if text(self.facts, key).is_none_or(str::is_empty) {
                found.push(format!("{} names no {key}", self.name));
            }
        }
        for key in ["keywords", "categories"] {
            let words = self.facts.get(key).and_then(Value::as_array).map_or(0, Vec::len);
            if !(1..=MOST_WORDS).contains(&words) {
                found.push(format!("{} has {words} {key}, not 1 to {MOST_WORDS}", self.name));
            }
        }
        found
    }
}

/// Returns a sentence for each text that the package of `name` does not carry.
fn missing_texts(name: &str) -> Result<Vec<String>> {
    // Files that are not committed are told of elsewhere.
    let files = output(&mut cargo(&["package", "--list", "--allow-dirty", "--package", name]))?;
    let missing = CARRIED.iter().filter(|text| !files.lines().any(|file| file == **text));
    Ok(missing.map(|text| format!("the package of {name} has no {text}")).collect())
}

fn git(arguments: &[&str]) -> Result<String> {
    output(Command::new("git").args(arguments).current_dir(workspace()))
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Two crates that are ready.
    fn ready() -> State {
        let package = |name: &str| {
            json!({
                "name": name, "version": "1.2.3", "rust_version": "1.93", "publish": null,
                "description": "Does this", "license": "MIT", "repository": "https://example.org/",
                "readme": "README.md", "keywords": ["one"], "categories": ["email"],
                "dependencies": [
                    {"name": "below", "req": "^1.2.3", "path": "/below"},
                    {"name": "serde", "req": "^1", "source": "registry"},
                ],
            })
        };
        State {
            version: "1.2.3".to_owned(),
            packages: vec![package("above"), json!({"name": "tool", "publish": []})],
            changelog: "# Changelog\n\n## Unreleased\n\n## 1.2.3 - 2026-02-28\n\n- News.\n"
                .to_owned(),
            readme: "needs Rust (1.93 or later)".to_owned(),
            status: String::new(),
            tagged: None,
            head: "abc\n".to_owned(),
        }
    }

    /// What stands in the way after a crate's fact was set.
    fn with_fact(key: &str, fact: Value) -> Vec<String> {
        let mut state = ready();
        state.packages[0][key] = fact;
        state.obstacles()
    }

    fn with_changelog(changelog: &str) -> Vec<String> {
        State { changelog: changelog.to_owned(), ..ready() }.obstacles()
    }

    #[test]
    fn nothing_stands_in_the_way_of_what_is_ready() {
        assert_eq!(ready().obstacles(), Vec::<String>::new());
        assert_eq!(ready().uncommitted(), None);
        assert_eq!(ready().published().map(|krate| krate.name).collect::<Vec<_>>(), ["above"]);
        assert_eq!(with_changelog("# Changelog\n\n## 1.2.3 - 2026-02-28\n\n- News.\n").len(), 0);
    }

    #[test]
    fn each_missing_fact_is_named() {
        for key in ["description", "license", "repository", "readme"] {
            assert_eq!(with_fact(key, Value::Null), [format!("above names no {key}")]);
        }
        assert_eq!(with_fact("keywords", json!([])), ["above has 0 keywords, not 1 to 5"]);
        let many = json!(["a", "b", "c", "d", "e", "f"]);
        assert_eq!(with_fact("categories", many), ["above has 6 categories, not 1 to 5"]);
        assert_eq!(with_fact("rust_version", Value::Null), ["above names no rust-version"]);
        let found = with_fact("rust_version", json!("1.94"));
        assert_eq!(found, ["README.md does not say that above needs Rust 1.94"]);
    }

    #[test]
    fn members_of_another_version_are_named() {
        assert_eq!(with_fact("version", json!("1.2.2")), ["above is not of version 1.2.3"]);
        let dependencies = json!([{"name": "below", "req": "^1.2.2", "path": "/below"}]);
        let found = with_fact("dependencies", dependencies);
        assert_eq!(found, ["above asks for below ^1.2.2, not ^1.2.3"]);
        let dependencies = json!([{"name": "below", "req": "*", "path": "/below"}]);
        assert_eq!(with_fact("dependencies", dependencies).len(), 1);
    }

    #[test]
    fn the_changelog_has_to_begin_with_the_version_and_its_date() {
        let unreleased = with_changelog("# Changelog\n\n## Unreleased\n\n- News.\n");
        assert!(unreleased[0].contains("under \"Unreleased\""), "{unreleased:?}");
        for changelog in [
            "",
            "# Changelog\n",
            "# Changelog\n\n## 1.2.2 - 2026-02-28\n\n- News.\n",
            "# Changelog\n\n## 1.2.3\n\n- News.\n",
            "# Changelog\n\n## 1.2.3 - 2026-02-28\n\n## 1.2.2 - 2026-01-01\n\n- News.\n",
        ] {
            let found = with_changelog(changelog);
            assert!(found[0].contains("does not begin with"), "{changelog}: {found:?}");
        }
        let found = with_changelog("# Changelog\n\n## 1.2.3 - 2026-02-30\n\n- News.\n");
        assert!(found[0].contains("no date"), "{found:?}");
    }

    #[test]
    fn a_tag_elsewhere_and_uncommitted_files_are_named() {
        let tagged = |commit: &str| State { tagged: Some(commit.to_owned()), ..ready() };
        assert_eq!(tagged("abc\n").obstacles(), Vec::<String>::new());
        assert_eq!(tagged("abd\n").obstacles(), ["v1.2.3 is the tag of another commit"]);
        let status = " M Cargo.toml\n?? new.rs\n".to_owned();
        let found = State { status, ..ready() }.uncommitted().unwrap();
        assert!(found.starts_with("2 files differ") && found.contains("new.rs"), "{found}");
    }

    #[test]
    fn the_crates_of_this_workspace_lack_nothing_but_an_entry() {
        let state = State { packages: members().unwrap(), ..ready() };
        let found: Vec<String> = state.published().flat_map(|krate| krate.lacking()).collect();
        assert_eq!(found, Vec::<String>::new());
        assert!(state.published().count() >= 10);
    }
}
