//! Settings that stand by themselves: secrets in them instead of beside them.

use std::path::Path;

use anyhow::{Context as _, Result};
use toml::{Table, Value};

/// Replaces what names a secret in the environment or in a file by the secret, so that everything that has to be scrubbed is
/// here, and a replay needs neither.
///
/// # Errors
///
/// When the text is no TOML, or a secret is not where it is said to be.
pub(super) fn inlined(text: &str, folder: Option<&Path>) -> Result<String> {
    let mut table: Table = text.parse().context("the settings are no TOML")?;
    inline(&mut table, folder.unwrap_or_else(|| Path::new("")))?;
    Ok(table.to_string())
}

fn inline(table: &mut Table, folder: &Path) -> Result<()> {
    for (key, value) in table.iter_mut() {
        let Value::Table(inner) = value else { continue };
        match secret(inner, folder).with_context(|| format!("the secret {key}"))? {
            Some(secret) => *value = Value::String(secret),
            None => inline(inner, folder)?,
        }
    }
    Ok(())
}

/// What a table like `{ env = "NAME" }` or `{ file = "PATH" }` stands for.
fn secret(table: &Table, folder: &Path) -> Result<Option<String>> {
    if table.len() != 1 {
        return Ok(None);
    }
    if let Some(name) = table.get("env").and_then(Value::as_str) {
        let value = std::env::var(name);
        return value.map(Some).with_context(|| format!("the environment has no {name}"));
    }
    if let Some(file) = table.get("file").and_then(Value::as_str) {
        let path = folder.join(file);
        let text = std::fs::read_to_string(&path);
        let text = text.with_context(|| format!("cannot read {}", path.display()))?;
        return Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()));
    }
    Ok(None)
}

/// Takes the folders off the names of files: they are those of the machine that recorded, and a replay reads no file that
/// only a connection needs.
pub(super) fn without_folders(text: &str) -> Result<String> {
    let mut table: Table = text.parse().context("the settings are no TOML")?;
    take_folders(&mut table);
    Ok(table.to_string())
}

fn take_folders(table: &mut Table) {
    for (key, value) in table.iter_mut() {
        match value {
            Value::Table(inner) => take_folders(inner),
            Value::String(path) if key.ends_with("_file") || FILES.contains(&key.as_str()) => {
                let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
                *path = name.to_owned();
            }
            _ => {}
        }
    }
}

/// Keys that name files and folders, besides those that end with `_file`.
const FILES: &[&str] = &["certificate_store", "keytab", "ccache"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_come_into_the_settings() {
        let text = "password = { env = \"CARGO_PKG_NAME\" }\n[endpoint]\nkind = \"winrm\"\n";
        let settings: Table = inlined(text, None).unwrap().parse().unwrap();
        assert_eq!(settings["password"].as_str(), Some("xtask"));
        assert_eq!(settings["endpoint"]["kind"].as_str(), Some("winrm"));
        assert!(inlined("password = { env = \"NO SUCH VARIABLE\" }", None).is_err());
        assert!(inlined("password = { file = \"no/such/file\" }", None).is_err());
    }

    #[test]
    fn files_lose_their_folders() {
        let text = "[endpoint]\nca_file = \"/home/ann/ca.pem\"\nurl = \"http://a/b\"\n\
                    [cloud]\ncertificate_file = 'C:\\Users\\ann\\app.pfx'\ncertificate_store = \"store\"\n";
        let settings: Table = without_folders(text).unwrap().parse().unwrap();
        assert_eq!(settings["endpoint"]["ca_file"].as_str(), Some("ca.pem"));
        assert_eq!(settings["endpoint"]["url"].as_str(), Some("http://a/b"));
        assert_eq!(settings["cloud"]["certificate_file"].as_str(), Some("app.pfx"));
        assert_eq!(settings["cloud"]["certificate_store"].as_str(), Some("store"));
    }
}
