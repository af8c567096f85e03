//! Settings, objects and errors that the tests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use clixml::{Object, TypeNames, Value};
use exchange_cmdlets::testing::ScriptedTransport;
use exchange_cmdlets::{CmdletItem, ErrorRecord};
use exchange_connector::{Connector, Operation, Outcome, Settings};
use futures_util::StreamExt as _;

pub(crate) const ANN: &str = "9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2";
pub(crate) const BOB: &str = "b0b0b0b0-0000-4000-8000-000000000002";

/// Settings for the own servers with further lines for the first table and further tables.
pub(crate) fn settings(lines: &str, tables: &str) -> Settings {
    let text = format!(
        r#"
        hostname = "ex01.contoso.com"
        username = "svc@contoso.com"
        password = "secret of the account"
        {lines}
        {tables}
        [endpoint]
        domain_controller = "dc01.contoso.com"
        "#
    );
    let defaults = [
        ("infrastructure_type", "OnPremises"),
        ("authentication_method", "Negotiate"),
        ("create_method", "New"),
    ];
    let missing: String = defaults
        .iter()
        .filter(|(key, _)| !text.contains(key))
        .map(|(key, value)| format!("{key} = \"{value}\"\n"))
        .collect();
    Settings::from_toml_str(&format!("{missing}{text}")).expect("the settings are right")
}

/// Settings that leave it to the server which domain controller answers.
pub(crate) fn unpinned() -> Settings {
    let text = r#"
        infrastructure_type = "OnPremises"
        hostname = "ex01"
        authentication_method = "Default"
        username = "svc"
        password = "x"
        create_method = "New"
    "#;
    Settings::from_toml_str(text).expect("the settings are right")
}

/// A connector over a script.
pub(crate) fn connector(settings: Settings) -> (Connector, Arc<ScriptedTransport>) {
    let script = Arc::new(ScriptedTransport::new());
    let transport = Arc::clone(&script);
    (Connector::with_transport(settings, transport), script)
}

/// A mailbox with this GUID and name.
pub(crate) fn mailbox(id: &str, name: &str) -> Object {
    Object::new()
        .with_adapted("Guid", id.parse::<uuid::Uuid>().expect("a GUID"))
        .with_adapted("Name", name)
        .with_adapted("RecipientTypeDetails", "UserMailbox")
        .with_adapted("OriginatingServer", "dc01.contoso.com")
        .with_adapted("UserPrincipalName", format!("{}@contoso.com", name.to_lowercase()))
}

pub(crate) fn list(items: &[&str]) -> Value {
    Value::list(TypeNames::array_list(), items.iter().map(|item| Value::from(*item)).collect())
}

pub(crate) fn item(object: Object) -> CmdletItem {
    CmdletItem::Object(object.into())
}

pub(crate) fn error(reason: &str, message: &str) -> CmdletItem {
    CmdletItem::Error(ErrorRecord::new(message, reason))
}

pub(crate) fn not_found() -> CmdletItem {
    error(
        "ManagementObjectNotFoundException",
        "The operation couldn't be performed because object 'x' couldn't be found on 'dc01.contoso.com'.",
    )
}

/// Runs operations, one a line, and gives their outcomes as they are printed.
pub(crate) async fn export(connector: &Connector, lines: &[&str]) -> Vec<String> {
    let operations = Operation::from_json_lines(&lines.join("\n"));
    printed(&connector.export(operations).collect::<Vec<_>>().await)
}

/// Plans operations, one a line, and gives their outcomes as they are printed.
pub(crate) async fn plan(connector: &Connector, lines: &[&str]) -> Vec<String> {
    let operations = Operation::from_json_lines(&lines.join("\n"));
    printed(&connector.plan(operations).collect::<Vec<_>>().await)
}

fn printed(outcomes: &[Outcome]) -> Vec<String> {
    outcomes
        .iter()
        .map(|outcome| serde_json::to_string(outcome).expect("an outcome is JSON"))
        .collect()
}

/// A folder of its own that is removed at the end.
pub(crate) struct Folder(std::path::PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("exchange-connector-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a folder can be made");
        Self(path)
    }

    /// The path of a file in it, which need not be there.
    pub(crate) fn file(&self, name: &str) -> std::path::PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
