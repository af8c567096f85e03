//! What type an argument is sent as, by the name of its parameter.
//!
//! A switch and a Boolean parameter both travel as a Boolean, and the server converts most text by itself. So a name that
//! is not known here is sent as what the caller wrote; the tables only keep `"true"` from reaching a Boolean parameter as
//! text, which the server refuses.

use clixml::Value;
use exchange_cmdlets::ParameterValue;
use serde_json::Value as Json;

use crate::operation::is_secret;
use crate::schema::{AttributeType, Family, attribute};
use crate::value::list_argument;

/// Parameters that are on when they are there.
const SWITCHES: &[&str] = &[
    "ACLableSyncedObjectEnabled",
    "Arbitration",
    "Archive",
    "AuditLog",
    "AutoExpandingArchive",
    "AuxAuditLog",
    "Confirm",
    "Discovery",
    "Equipment",
    "Force",
    "GroupMailbox",
    "HoldForMigration",
    "IgnoreDefaultScope",
    "IgnoreLegalHold",
    "IncludeSystemObjects",
    "LinkedRoom",
    "Migration",
    "Monitoring",
    "PublicFolder",
    "ReadFromDomainController",
    "RemoteArchive",
    "RemovePicture",
    "RemoveSpokenName",
    "Room",
    "Shared",
    "Status",
    "SupervisoryReviewPolicy",
    "TargetAllMDBs",
    "WhatIf",
];

/// Boolean parameters of create cmdlets and others that no attribute stands for.
const BOOLEANS: &[&str] = &[
    "CreateDTMFMap",
    "EnableRoomMailboxAccount",
    "IsExcludedFromServingHierarchy",
    "Permanent",
    "ViewEntireForest",
];

/// Whether the parameter is a switch.
pub(crate) fn is_switch(name: &str) -> bool {
    SWITCHES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether the parameter takes true or false.
fn is_boolean(name: &str) -> bool {
    BOOLEANS.iter().any(|known| known.eq_ignore_ascii_case(name))
        || [Family::Mailbox, Family::RemoteMailbox].into_iter().any(|family| {
            attribute(family, name).is_some_and(|found| found.kind() == AttributeType::Boolean)
        })
}

/// The argument for a value from JSON.
///
/// # Errors
///
/// What is wrong with the value, without the parameter's name.
pub(crate) fn argument_from_json(name: &str, value: &Json) -> Result<ParameterValue, String> {
    if is_secret(name) {
        return match value {
            Json::String(text) if !text.is_empty() => {
                Ok(ParameterValue::Secret(text.as_str().into()))
            }
            _ => Err("takes text".to_owned()),
        };
    }
    let flag = match value {
        Json::Bool(flag) => Some(*flag),
        Json::String(text) => flag_named(text),
        _ => None,
    };
    if is_switch(name) {
        return flag.map(ParameterValue::Switch).ok_or_else(|| "takes true or false".to_owned());
    }
    if is_boolean(name) {
        return flag.map(ParameterValue::from).ok_or_else(|| "takes true or false".to_owned());
    }
    json_to_value(value).map(ParameterValue::Value)
}

fn json_to_value(value: &Json) -> Result<Value, String> {
    match value {
        Json::Null => Ok(Value::Nil),
        Json::Bool(flag) => Ok((*flag).into()),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Ok(i32::try_from(whole).map_or_else(|_| whole.into(), Value::from)),
            None => Ok(number.to_string().into()),
        },
        Json::String(text) => Ok(text.as_str().into()),
        Json::Array(items) => items
            .iter()
            .map(|item| match item {
                Json::Array(_) | Json::Object(_) => Err("takes a list of single values".to_owned()),
                item => json_to_value(item),
            })
            .collect::<Result<_, _>>()
            .map(list_argument),
        Json::Object(_) => Err("takes a value or a list, not an object".to_owned()),
    }
}

/// The argument for the words behind a parameter's name.
///
/// # Errors
///
/// What is wrong with the words, without the parameter's name.
pub(crate) fn argument_from_text(name: &str, values: &[&str]) -> Result<ParameterValue, String> {
    if is_secret(name) {
        return match values {
            [text] => Ok(ParameterValue::Secret((*text).into())),
            _ => Err("takes one value".to_owned()),
        };
    }
    match values {
        [] => Ok(ParameterValue::Switch(true)),
        [text] if is_switch(name) => {
            flag_named(text).map(ParameterValue::Switch).ok_or_else(|| {
                "is a switch: leave its value out, or write :$true or :$false".to_owned()
            })
        }
        [text] if is_boolean(name) => flag_named(text)
            .map(ParameterValue::from)
            .ok_or_else(|| "takes $true or $false".to_owned()),
        [text] => Ok(ParameterValue::Value(typed_word(name, text))),
        texts => Ok(ParameterValue::Value(list_argument(
            texts.iter().map(|text| (*text).into()).collect(),
        ))),
    }
}

fn typed_word(name: &str, text: &str) -> Value {
    match text.to_ascii_lowercase().as_str() {
        "$null" => Value::Nil,
        "$true" => true.into(),
        "$false" => false.into(),
        _ if is_list(name) && text.contains(',') => {
            list_argument(text.split(',').map(|item| item.trim().into()).collect())
        }
        _ => text.into(),
    }
}

/// Whether the parameter takes a list, so that `a,b` is two values. Elsewhere a comma belongs to the text.
fn is_list(name: &str) -> bool {
    name.eq_ignore_ascii_case("RecipientTypeDetails")
        || [Family::Mailbox, Family::RemoteMailbox]
            .into_iter()
            .any(|family| attribute(family, name).is_some_and(|found| found.is_list()))
}

fn flag_named(text: &str) -> Option<bool> {
    match text.trim_start_matches('$').to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}
