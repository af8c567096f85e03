//! Facts of a CLIXML document, as `clixml` tells them.

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::sha256;
use super::tree::Tree;

/// Elements that stand for a value at the root of a document or message.
const VALUES: [&str; 27] = [
    "B", "BA", "By", "C", "D", "DT", "Db", "G", "I16", "I32", "I64", "Nil", "Obj", "PR", "Ref",
    "S", "SB", "SBK", "SS", "Sg", "TS", "U16", "U32", "U64", "URI", "Version", "XD",
];

/// Says whether the root of `tree` is a list of values or one value.
pub(crate) fn is_clixml(tree: &Tree) -> bool {
    let root = tree.root().local();
    root == "Objs" || VALUES.contains(&root)
}

/// Returns the facts that belong to the kind `clixml`.
///
/// # Errors
///
/// When `clixml` does not read the document.
pub(crate) fn facts(bytes: &[u8]) -> Result<Map<String, Value>> {
    let told = clixml::dump::facts(bytes)?;
    let mut facts = Map::new();
    facts.insert("root".into(), json!(told.root));
    facts.insert("top_level".into(), json!(told.top_level));
    facts.insert("first_type".into(), json!(told.first_type));
    facts.insert("first_adapted".into(), json!(told.first_adapted));
    facts.insert("first_extended".into(), json!(told.first_extended));
    facts.insert("elements".into(), json!(told.elements));
    facts.insert("raw_sha256".into(), json!(sha256(told.raw.as_bytes())));
    facts.insert("decoded_sha256".into(), json!(sha256(told.decoded.as_bytes())));
    Ok(facts)
}
