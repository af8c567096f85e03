//! Values against what the engine said of its live objects.
//!
//! `TRUTH.json` beside the documents tells for each what the engine held when it wrote (`live`) and, where that is something
//! else, what it reads back (`back`). A value is right when it gives the one or the other, node by node.

use std::collections::{BTreeMap, HashMap};
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clixml::{Content, DateTimeKind, Document, Index, Object, ObjectId, Progress, Property, Value};
use serde::Deserialize as _;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use crate::recordings::root;

#[test]
fn every_value_is_what_the_engine_held() {
    let folder = root().join("pwsh-7.6");
    let Ok(truth) = fs::read(folder.join("TRUTH.json")) else {
        eprintln!("skipped: no recordings at {}", folder.display());
        return;
    };
    // Some of the objects are nested deeper than the library goes by itself.
    let mut deserializer = serde_json::Deserializer::from_slice(&truth);
    deserializer.disable_recursion_limit();
    let truth =
        BTreeMap::<String, Json>::deserialize(&mut deserializer).expect("TRUTH.json is JSON");
    let mut wrong = Vec::new();
    for (name, truth) in &truth {
        let bytes = fs::read(folder.join(name)).expect("a document of TRUTH.json exists");
        if let Err(difference) = check(&bytes, truth) {
            wrong.push(format!("{name}: {difference}"));
        }
    }
    assert_eq!(truth.len(), 246);
    assert!(wrong.is_empty(), "{} wrong\n{:.8000}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_document_that_says_something_else_is_noticed() {
    let truth = serde_json::json!({"live": [{"types": ["A"], "kind": "object", "text": "t", "props":
        [["p", {"t": "System.Int32", "v": "1"}], ["q", {"types": ["B"], "kind": "queue", "items": [null]}]]}]});
    let right = r#"<Obj RefId="0"><TN RefId="0"><T>A</T></TN><ToString>t</ToString><Props><I32 N="p">1</I32>
        <Obj N="q" RefId="1"><TN RefId="1"><T>B</T></TN><QUE><Nil/></QUE></Obj></Props></Obj>"#;
    assert_eq!(check(right.as_bytes(), &truth), Ok(()));
    for (from, to) in [
        (">1<", ">2<"),
        ("I32", "I64"),
        (r#""p""#, r#""r""#),
        ("<T>A</T>", "<T>C</T>"),
        ("<ToString>t</ToString>", ""),
        ("QUE", "LST"),
        ("<Nil/>", "<S/>"),
        ("<Nil/>", "<Nil/><Nil/>"),
        ("Props", "MS"),
    ] {
        let damaged = right.replace(from, to);
        assert!(check(damaged.as_bytes(), &truth).is_err(), "{damaged}");
    }
}

fn check(bytes: &[u8], truth: &Json) -> Result<(), String> {
    let read = clixml::read_document(bytes);
    if truth.get("writer_failed").is_some() {
        return match read {
            Err(_) => Ok(()),
            Ok(_) => Err("a document that was cut off is accepted".to_owned()),
        };
    }
    let document = read.map_err(|error| error.to_string())?;
    let empty = Json::Null;
    let live = truth.get("live").unwrap_or(&empty);
    let back = truth.get("back").filter(|back| back.is_array());
    // The engine writes only so many levels, puts a remark in place of the next, and refuses to read that.
    let is_cut = truth.get("back").and_then(|back| back.get("fails")).is_some();
    compare(&document, live, is_cut).or_else(|as_held| {
        let Some(back) = back else { return Err(as_held) };
        compare(&document, back, is_cut)
            .map_err(|as_read| format!("as held: {as_held}; as read back: {as_read}"))
    })
}

fn compare(document: &Document, truth: &Json, is_cut: bool) -> Result<(), String> {
    let nodes = truth.as_array().ok_or("no list of values")?;
    if nodes.len() != document.values.len() {
        return Err(format!("{} values, not {}", document.values.len(), nodes.len()));
    }
    let mut comparison =
        Comparison { index: Index::of(&document.values), shared: HashMap::new(), is_cut };
    for (at, (node, value)) in nodes.iter().zip(&document.values).enumerate() {
        comparison.value(node, value).map_err(|difference| format!("[{at}]{difference}"))?;
    }
    Ok(())
}

struct Comparison<'v> {
    index: Index<'v>,
    /// The objects of the document by the numbers the truth gives to those that are shared.
    shared: HashMap<u64, ObjectId>,
    /// Whether there may be remarks in place of values.
    is_cut: bool,
}

const CUSTOM: &str = "System.Management.Automation.PSCustomObject";
/// What the engine makes anew from its text.
const MADE_ANEW: [&str; 2] = ["System.Globalization.CultureInfo", "System.Net.IPAddress"];
const REMARK: &str = "Serialized XML is nested too deeply.";

type Same = Result<(), String>;

impl Comparison<'_> {
    fn value(&mut self, node: &Json, value: &Value) -> Same {
        if node.is_null() {
            return same(&Json::Null, value.is_nil(), value);
        }
        if let Some(number) = node.get("same").and_then(Json::as_u64) {
            let object = self.index.resolve(value).and_then(|object| object.id);
            return same(
                node,
                object.is_some() && self.shared.get(&number) == object.as_ref(),
                value,
            );
        }
        if self.is_cut && value == &REMARK.into() {
            return Ok(());
        }
        match node.get("kind").and_then(Json::as_str) {
            Some("cut") => same(node, is_text(node, self.unwrapped(value)), value),
            Some("enum") => self.enumeration(node, value),
            Some("list" | "stack" | "queue" | "dict" | "object") => self.object(node, value),
            _ => self.primitive(node, value),
        }
    }

    /// Follows references and wrapping objects.
    fn unwrapped<'v>(&'v self, value: &'v Value) -> &'v Value {
        match self.index.resolve(value).map(|object| &object.content) {
            Some(Content::Value(inner)) => self.unwrapped(inner),
            _ => value,
        }
    }

    fn enumeration(&mut self, node: &Json, value: &Value) -> Same {
        let number = self.unwrapped(value).text();
        let is_same = number.as_deref() == node.get("v").and_then(Json::as_str)
            && value.text().as_deref() == node.get("text").and_then(Json::as_str)
            && value.as_object().and_then(|object| object.type_names.first()).map(strip)
                == node.get("t").and_then(Json::as_str).map(strip);
        same(node, is_same, value)
    }

    fn primitive(&mut self, node: &Json, value: &Value) -> Same {
        let object = self.index.resolve(value);
        // A switch is an object to the format.
        let primitive = match object.and_then(|object| object.property("IsPresent")) {
            Some(present) => present,
            None => self.unwrapped(value),
        };
        same(node, is_primitive(node, primitive), value)?;
        match object.filter(|object| matches!(object.content, Content::Value(_))) {
            Some(object) => {
                self.members(node, "ext", &object.extended)?;
                self.members(node, "props", &object.adapted)
            }
            None => self.members(node, "ext", &[]),
        }
    }

    fn object(&mut self, node: &Json, value: &Value) -> Same {
        if let Value::Progress(progress) = self.unwrapped(value) {
            return check_progress(node, progress);
        }
        let Some(object) = self.index.resolve(value) else { return same(node, false, value) };
        if let (Some(number), Some(id)) = (node.get("id").and_then(Json::as_u64), object.id) {
            self.shared.insert(number, id);
        }
        let types = node.get("types").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        let found: Vec<_> = object.type_names.iter().map(ToString::to_string).collect();
        let is_same = types.len() == found.len()
            && types.iter().zip(&found).all(|(name, own)| strip(&text_of(name)) == strip(own));
        // What came without names is a custom object to the engine.
        let is_custom = found.is_empty() && types.first().is_some_and(|name| name == CUSTOM);
        if !is_same && !is_custom {
            return Err(format!(" types {types:?}, found {found:?}"));
        }
        if object.type_names.first().is_some_and(|name| MADE_ANEW.contains(&name)) {
            return self.made_anew(node, object);
        }
        match node.get("kind").and_then(Json::as_str) {
            Some("dict") => self.entries(node, value)?,
            Some("object") => self.text(node, object)?,
            _ => self.items(node, value)?,
        }
        self.members(node, "props", &object.adapted)?;
        self.members(node, "ext", &object.extended)
    }

    /// The engine makes some objects anew from their text, and then has properties that the document has not.
    fn made_anew(&self, node: &Json, object: &Object) -> Same {
        self.text(node, object)?;
        for (key, found) in [("props", &object.adapted), ("ext", &object.extended)] {
            let members = node.get(key).and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
            for Property { name, value } in found {
                let same_name =
                    |member: &&Json| member.get(0).map(text_of).as_deref() == name.as_str();
                let Some(node) = members.iter().find(same_name).and_then(|member| member.get(1))
                else {
                    continue;
                };
                let label = node.get("text").and_then(Json::as_str);
                let is_same = is_primitive(node, self.unwrapped(value))
                    || label.is_some() && self.unwrapped(value).as_str() == label
                    || node.is_null() && value.is_nil()
                    || node.get("types").is_some();
                same(node, is_same, value)?;
            }
        }
        Ok(())
    }

    fn text(&self, node: &Json, object: &Object) -> Same {
        let expected = node.get("text").map(text_of);
        let found = object.to_string.as_ref().map(ToString::to_string);
        // A custom object's own text is its properties, which the truth leaves out.
        let is_same = expected == found
            || expected.as_deref() == Some("") && found.is_none()
            || expected.is_none() && found.as_ref().is_some_and(|text| text.starts_with("@{"));
        if is_same { Ok(()) } else { Err(format!(".text {expected:?}, found {found:?}")) }
    }

    fn items(&mut self, node: &Json, value: &Value) -> Same {
        let items = node.get("items").and_then(Json::as_array).ok_or("a list has items")?;
        let Some(found) = value.items() else { return same(node, false, value) };
        if items.len() != found.len() {
            return Err(format!(": {} items, found {}", items.len(), found.len()));
        }
        for (at, (item, own)) in items.iter().zip(found).enumerate() {
            self.value(item, own).map_err(|difference| format!("[{at}]{difference}"))?;
        }
        let kind = match &value.as_object().map(|object| &object.content) {
            Some(Content::Stack(_)) => "stack",
            Some(Content::Queue(_)) => "queue",
            _ => "list",
        };
        same(node, node.get("kind").and_then(Json::as_str) == Some(kind), value)
    }

    /// The order of entries says nothing, so each finds the one whose key is right.
    fn entries(&mut self, node: &Json, value: &Value) -> Same {
        let entries = node.get("entries").and_then(Json::as_array).ok_or("it has entries")?;
        let Some(found) = value.entries() else { return same(node, false, value) };
        if entries.len() != found.len() {
            return Err(format!(": {} entries, found {}", entries.len(), found.len()));
        }
        let mut pairs = Vec::new();
        for entry in entries {
            let [key, expected] = entry.as_array().map_or(&[][..], Vec::as_slice) else {
                return Err("an entry is a pair".to_owned());
            };
            let own = found.iter().enumerate().find(|(_, (own, _))| self.value(key, own).is_ok());
            let (at, own) = own.ok_or_else(|| format!(" has no key {key}"))?;
            pairs.push((at, own, expected));
        }
        // What is shared must be met in the order of the document.
        pairs.sort_by_key(|(at, _, _)| *at);
        for (_, (key, own), expected) in pairs {
            self.value(expected, own).map_err(|difference| format!("[{key:?}]{difference}"))?;
        }
        Ok(())
    }

    fn members(&mut self, node: &Json, key: &str, found: &[Property]) -> Same {
        let members = node.get(key).and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        let members: Vec<_> = members
            .iter()
            .filter_map(|member| Some((text_of(member.get(0)?), member.get(1)?)))
            .filter(|(_, value)| value.get("kind").and_then(Json::as_str) != Some("throws"))
            .collect();
        let found: Vec<_> = found
            .iter()
            .map(|property| (property.name.to_string(), &property.value))
            .filter(|(name, _)| name != "PSStandardMembers")
            .collect();
        let names: Vec<_> = members.iter().map(|(name, _)| name).collect();
        let found_names: Vec<_> = found.iter().map(|(name, _)| name).collect();
        if names != found_names {
            return Err(format!(".{key} {names:?}, found {found_names:?}"));
        }
        for ((name, node), (_, value)) in members.iter().zip(&found) {
            self.value(node, value).map_err(|difference| format!(".{name}{difference}"))?;
        }
        Ok(())
    }
}

/// A progress record has an element of its own in files, and is an object to the engine.
fn check_progress(node: &Json, progress: &Progress) -> Same {
    let members = node.get("props").and_then(Json::as_array).ok_or("it has properties")?;
    for member in members {
        let name = member.get(0).and_then(Json::as_str).unwrap_or_default();
        let found: Value = match name {
            "Activity" => progress.activity.clone().into(),
            "StatusDescription" => progress.status_description.clone().into(),
            "CurrentOperation" => {
                progress.current_operation.clone().map_or(Value::Nil, Value::String)
            }
            "ActivityId" => progress.activity_id.into(),
            "ParentActivityId" => progress.parent_activity_id.into(),
            "PercentComplete" => progress.percent_complete.into(),
            "SecondsRemaining" => progress.seconds_remaining.into(),
            "RecordType" => progress.record_type.clone().into(),
            other => return Err(format!(" has an unknown property {other}")),
        };
        let node = member.get(1).unwrap_or(&Json::Null);
        let is_same = match node.get("kind").and_then(Json::as_str) {
            Some("enum" | "cut") => {
                let label = node.get("text").or_else(|| node.get("s")).and_then(Json::as_str);
                found.as_str() == label
            }
            _ if node.is_null() => found.is_nil(),
            _ => is_primitive(node, &found),
        };
        same(node, is_same, &found)?;
    }
    Ok(())
}

fn is_primitive(node: &Json, value: &Value) -> bool {
    let text = |key: &str| node.get(key).and_then(Json::as_str);
    let v = || text("v").map(str::to_owned);
    let shown = |number: &dyn std::fmt::Display| Some(number.to_string()) == v();
    match (text("t").unwrap_or_default(), value) {
        // The engine reads script blocks as strings.
        ("System.String", Value::String(_) | Value::ScriptBlock(_))
        | ("System.Uri", Value::Uri(_))
        | ("System.Xml.XmlDocument", Value::Xml(_))
        | ("System.Management.Automation.ScriptBlock", Value::ScriptBlock(_)) => {
            is_text(node, value)
        }
        ("System.Security.SecureString", Value::SecureString(bytes)) => {
            is_wide(node, bytes) || is_wide_hex(node, &STANDARD.encode(bytes))
        }
        ("System.Security.SecureString", Value::Unknown { text, .. }) => is_wide_hex(node, text),
        ("System.Char", Value::Char(unit)) => shown(unit),
        ("System.Boolean" | "System.Management.Automation.SwitchParameter", Value::Bool(value)) => {
            shown(value)
        }
        ("System.Byte", Value::U8(number)) => shown(number),
        ("System.SByte", Value::I8(number)) => shown(number),
        ("System.UInt16", Value::U16(number)) => shown(number),
        ("System.Int16", Value::I16(number)) => shown(number),
        ("System.UInt32", Value::U32(number)) => shown(number),
        ("System.Int32", Value::I32(number)) => shown(number),
        ("System.UInt64", Value::U64(number)) => shown(number),
        ("System.Int64", Value::I64(number)) => shown(number),
        ("System.Decimal", Value::Decimal(number)) => shown(number),
        ("System.Guid", Value::Guid(guid)) => shown(guid),
        ("System.Version", Value::Version(version)) => shown(version),
        ("System.Single", Value::F32(number)) => {
            number.is_nan() && text("v") == Some("NaN")
                || text("bits") == Some(&format!("{:08x}", number.to_bits()))
        }
        ("System.Double", Value::F64(number)) => {
            number.is_nan() && text("v") == Some("NaN")
                || text("bits") == Some(&format!("{:016x}", number.to_bits()))
        }
        ("System.DateTime", Value::DateTime(time)) => {
            let kind = match time.kind() {
                DateTimeKind::Utc => "Utc",
                DateTimeKind::Local { .. } => "Local",
                _ => "Unspecified",
            };
            text("ticks") == Some(&time.ticks().to_string()) && text("kind") == Some(kind)
        }
        ("System.TimeSpan", Value::TimeSpan(span)) => {
            text("ticks") == Some(&span.ticks().to_string())
        }
        ("System.Byte[]", Value::Bytes(bytes)) => match text("hex") {
            Some(digits) => digits == hex(bytes),
            None => text("sha256") == Some(&hex(&Sha256::digest(bytes))),
        },
        _ => false,
    }
}

fn is_text(node: &Json, value: &Value) -> bool {
    match value {
        Value::String(text) | Value::Uri(text) | Value::Xml(text) | Value::ScriptBlock(text) => {
            is_units(node, &text.to_utf16())
        }
        _ => false,
    }
}

fn is_wide(node: &Json, bytes: &[u8]) -> bool {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
    rest.is_empty() && is_units(node, &units)
}

/// In a file a secure string is UTF-16 in hexadecimal digits, which look like base64 when their number is right.
fn is_wide_hex(node: &Json, digits: &str) -> bool {
    let bytes: Option<Vec<u8>> = (0..digits.len() / 2)
        .map(|at| u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok())
        .collect();
    bytes.is_some_and(|bytes| is_wide(node, &bytes))
}

fn is_units(node: &Json, units: &[u16]) -> bool {
    if let Some(expected) = node.get("sha256").and_then(Json::as_str) {
        let bytes: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        return expected == hex(&Sha256::digest(bytes));
    }
    match node.get("s").and_then(Json::as_str) {
        Some(text) => text.encode_utf16().eq(units.iter().copied()),
        None => node.get("u").is_some_and(|expected| units_of(expected) == units),
    }
}

/// A name or text of the truth: a string, or code units where it is not plain ASCII.
fn text_of(node: &Json) -> String {
    match node.as_str() {
        Some(text) => text.to_owned(),
        None => String::from_utf16_lossy(&node.get("u").map(units_of).unwrap_or_default()),
    }
}

fn units_of(node: &Json) -> Vec<u16> {
    let digits = node.as_str().unwrap_or_default().split_ascii_whitespace();
    digits.map(|digits| u16::from_str_radix(digits, 16).expect("four digits")).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn strip(name: &str) -> &str {
    name.strip_prefix("Deserialized.").unwrap_or(name)
}

fn same(node: &Json, is_same: bool, value: &Value) -> Same {
    if is_same {
        return Ok(());
    }
    Err(format!(": {:.200}, found {:.200}", node.to_string(), format!("{value:?}")))
}
