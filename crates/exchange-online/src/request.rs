//! A cmdlet as a request.
//!
//! What surprised: an object is bound as a hashtable only when it says `@odata.type`, else the call fails without naming
//! the cause; `$true` in a filter has to become `'True'`; `Parameters` must be an object even when there are none.

use clixml::{DateTime, DateTimeKind, Value};
use exchange_cmdlets::{CmdletCall, ParameterValue};
use serde_json::{Map, Number, Value as Json, json};

use crate::parameters::{has_cmdlet, has_parameter};
use crate::password_key::{PasswordKey, PasswordKeyError};

/// The most rows a page may have.
pub const MAX_PAGE_SIZE: u16 = 1000;

const TYPE: &str = "@odata.type";
const TABLE: &str = "#Exchange.GenericHashTable";
const TABLES: &str = "#Collection(Exchange.GenericHashTable)";
const BYTES: &str = "#Exchange.ByteArrayType";
const BYTE_ARRAYS: &str = "#Collection(Exchange.ByteArrayType)";
const TICKS_PER_SECOND: u64 = 10_000_000;
const TICKS_PER_MINUTE: u64 = 60 * TICKS_PER_SECOND;

/// How deep containers may stand in one another; the deepest use is a list in a hashtable.
const MAX_DEPTH: usize = 8;

/// Parameters whose text is a filter.
const FILTERS: [&str; 3] = ["Filter", "RecipientFilter", "RecipientPreviewFilter"];

/// One `InvokeCommand` request, without host, tenant and token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    cmdlet: String,
    body: String,
    query: Option<String>,
}

/// Why a call cannot be a request.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The argument is a secret, which travels encrypted under a key of the service, and that did not succeed.
    #[error("the secret in parameter {parameter} cannot be sent")]
    Secret {
        /// The parameter.
        parameter: String,
        /// Why.
        #[source]
        source: PasswordKeyError,
    },
    /// The service's cmdlet does not have the parameter; sending it would fail the call without naming it.
    #[error("{cmdlet} of Exchange Online has no parameter {parameter}")]
    NotInCloud {
        /// The cmdlet.
        cmdlet: String,
        /// The parameter.
        parameter: String,
    },
    /// The cmdlet exists on-premises only.
    #[error("{cmdlet} exists on-premises only")]
    NoCmdlet {
        /// The cmdlet.
        cmdlet: String,
    },
    /// The argument is of a kind the interface has no form for.
    #[error("parameter {parameter} has a value that cannot be sent")]
    Value {
        /// The parameter.
        parameter: String,
    },
    /// A property asked for is no name.
    #[error("{name:?} is no name of a property")]
    Property {
        /// The text.
        name: String,
    },
}

impl Request {
    /// Makes the request of a call.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] naming the argument that stands in the way; any secret does, see [`Self::with_key`].
    pub fn new(call: &CmdletCall) -> Result<Self, EncodeError> {
        Self::build(call, None)
    }

    /// Makes the request of a call that has secrets, encrypted under the service's key.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] naming the argument that stands in the way.
    pub fn with_key(call: &CmdletCall, key: &PasswordKey) -> Result<Self, EncodeError> {
        Self::build(call, Some(key))
    }

    fn build(call: &CmdletCall, key: Option<&PasswordKey>) -> Result<Self, EncodeError> {
        if !has_cmdlet(&call.name) {
            return Err(EncodeError::NoCmdlet { cmdlet: call.name.to_string() });
        }
        let mut parameters = Map::new();
        for (name, value) in &call.parameters {
            if !has_parameter(&call.name, name) {
                return Err(EncodeError::NotInCloud {
                    cmdlet: call.name.to_string(),
                    parameter: name.clone(),
                });
            }
            add_parameter(&mut parameters, name, value, key)?;
        }
        let body =
            json!({"CmdletInput": {"CmdletName": call.name, "Parameters": parameters}}).to_string();
        let query = call.select.as_deref().map(select_query).transpose()?;
        Ok(Self { cmdlet: call.name.to_string(), body, query })
    }

    /// Returns the body, which is repeated for every page.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// Returns the query of the address without its question mark, such as `$select=Guid,Name`.
    ///
    /// Pages after the first are at the address the answer before gave, which has its own query.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// Returns the headers that follow from the call; authorization, routing and ids are the driver's.
    #[must_use]
    pub fn headers(&self) -> [(&'static str, String); 5] {
        [
            ("Content-Type", "application/json".to_owned()),
            ("Accept", "application/json".to_owned()),
            ("X-CmdletName", self.cmdlet.clone()),
            ("X-ResponseFormat", "json".to_owned()),
            ("Prefer", format!("odata.maxpagesize={MAX_PAGE_SIZE}")),
        ]
    }
}

fn select_query(names: &[String]) -> Result<String, EncodeError> {
    for name in names {
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(EncodeError::Property { name: name.clone() });
        }
    }
    Ok(format!("$select={}", names.join(",")))
}

fn add_parameter(
    parameters: &mut Map<String, Json>,
    name: &str,
    value: &ParameterValue,
    key: Option<&PasswordKey>,
) -> Result<(), EncodeError> {
    let parameter = || name.to_owned();
    let value = match value {
        ParameterValue::Switch(on) => Json::Bool(*on),
        ParameterValue::Secret(secret) => {
            let encrypted = key.ok_or(PasswordKeyError::NoKey);
            let encrypted = encrypted.and_then(|key| key.encrypt(secret, &mut rand::rng()));
            let failed = |source| EncodeError::Secret { parameter: parameter(), source };
            encrypted.map_err(failed)?.into()
        }
        ParameterValue::Value(value) => {
            if let Some(kind) = collection_type(value) {
                parameters.insert(format!("{name}{TYPE}"), kind.into());
            }
            encode(value, MAX_DEPTH).ok_or_else(|| EncodeError::Value { parameter: parameter() })?
        }
    };
    parameters.insert(name.to_owned(), rewrite_filter(name, value));
    Ok(())
}

/// Returns the type that lists of tables and of byte arrays name beside them.
fn collection_type(value: &Value) -> Option<&'static str> {
    match value.items()?.first()? {
        item if item.entries().is_some() => Some(TABLES),
        Value::Bytes(_) => Some(BYTE_ARRAYS),
        _ => None,
    }
}

/// Returns `None` for what has no form.
fn encode(value: &Value, depth: usize) -> Option<Json> {
    Some(match value {
        Value::Nil => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::U64(number) => (*number).into(),
        Value::F32(number) => Json::Number(Number::from_f64(f64::from(*number))?),
        Value::F64(number) => Json::Number(Number::from_f64(*number)?),
        Value::DateTime(date) => utc_text(*date)?.into(),
        Value::Bytes(bytes) => json!({TYPE: BYTES, "Data": bytes}),
        Value::Object(_) => return encode_object(value, depth.checked_sub(1)?),
        Value::SecureString(_) | Value::ScriptBlock(_) => return None,
        value => match value.as_i64() {
            Some(number) => number.into(),
            None => value.text()?.into(),
        },
    })
}

fn encode_object(value: &Value, depth: usize) -> Option<Json> {
    if let Some(items) = value.items() {
        return items
            .iter()
            .map(|item| encode(item, depth))
            .collect::<Option<_>>()
            .map(Json::Array);
    }
    if let Some(entries) = value.entries() {
        let mut table = Map::from_iter([(TYPE.to_owned(), TABLE.into())]);
        for (key, value) in entries {
            table.insert(key.text()?.into_owned(), encode(value, depth)?);
        }
        return Some(Json::Object(table));
    }
    value.text().map(Json::from)
}

/// Writes a date as universal time with seven digits; a date of no known clock counts as universal time.
fn utc_text(date: DateTime) -> Option<String> {
    let ticks = match date.kind() {
        DateTimeKind::Utc | DateTimeKind::Unspecified => date.ticks(),
        DateTimeKind::Local { offset_minutes } => {
            let offset = u64::from(offset_minutes.unsigned_abs()) * TICKS_PER_MINUTE;
            if offset_minutes < 0 {
                date.ticks().checked_add(offset)?
            } else {
                date.ticks().checked_sub(offset)?
            }
        }
    };
    let fraction = ticks % TICKS_PER_SECOND;
    let whole = DateTime::from_ticks(ticks - fraction, DateTimeKind::Utc).ok()?.to_string();
    Some(format!("{}.{fraction:07}Z", whole.strip_suffix('Z')?))
}

/// Rewrites the bare Booleans of a filter, outside its literals.
fn rewrite_filter(name: &str, value: Json) -> Json {
    match value {
        Json::String(filter) if FILTERS.iter().any(|own| own.eq_ignore_ascii_case(name)) => {
            let parts = filter.split('\'').enumerate();
            let parts: Vec<_> = parts
                .map(
                    |(number, part)| {
                        if number % 2 == 0 { quote_booleans(part) } else { part.to_owned() }
                    },
                )
                .collect();
            parts.join("'").into()
        }
        value => value,
    }
}

/// Replaces `$true` and `$false`, in any case, where no further letter follows.
fn quote_booleans(part: &str) -> String {
    let mut text = String::with_capacity(part.len());
    let mut rest = part;
    while let Some((before, after)) = rest.split_once('$') {
        text.push_str(before);
        let end = after.find(|c: char| !c.is_alphanumeric()).unwrap_or(after.len());
        let (word, after) = after.split_at_checked(end).unwrap_or((after, ""));
        match word {
            word if word.eq_ignore_ascii_case("true") => text.push_str("'True'"),
            word if word.eq_ignore_ascii_case("false") => text.push_str("'False'"),
            word => {
                text.push('$');
                text.push_str(word);
            }
        }
        rest = after;
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use clixml::{TypeNames, Value};
    use exchange_cmdlets::CmdletCall;
    use secrecy::SecretString;
    use serde_json::{Value as Json, json};

    use super::{EncodeError, Request};

    #[track_caller]
    fn check(value: impl Into<Value>, expected: &Json) {
        let call = CmdletCall::new("Set-Mailbox").parameter("P", value.into());
        assert_eq!(&parameters(&call), expected);
    }

    fn parameters(call: &CmdletCall) -> Json {
        let request = Request::new(call).expect("the call can be sent");
        let mut body: Json = serde_json::from_str(request.body()).expect("the body is JSON");
        body["CmdletInput"]["Parameters"].take()
    }

    #[test]
    fn values_have_their_forms() {
        check("x", &json!({"P": "x"}));
        check(true, &json!({"P": true}));
        check(5, &json!({"P": 5}));
        check(1.5, &json!({"P": 1.5}));
        check(Value::Nil, &json!({"P": null}));
        check(Value::TimeSpan("P14D".parse().unwrap()), &json!({"P": "14.00:00:00"}));
        check(uuid::Uuid::from_u128(1), &json!({"P": "00000000-0000-0000-0000-000000000001"}));
        check(
            Value::Bytes(vec![1, 255]),
            &json!({"P": {"@odata.type": "#Exchange.ByteArrayType", "Data": [1, 255]}}),
        );
        check(Value::enumeration("T", "Internal", 1), &json!({"P": "Internal"}));
    }

    #[test]
    fn dates_are_sent_as_universal_time() {
        let date = |text: &str| Value::DateTime(text.parse().unwrap());
        check(date("2025-01-01T00:30:00+01:00"), &json!({"P": "2024-12-31T23:30:00.0000000Z"}));
        check(date("2025-01-01T00:30:00.5-08:00"), &json!({"P": "2025-01-01T08:30:00.5000000Z"}));
        check(date("2025-01-01T00:00:00"), &json!({"P": "2025-01-01T00:00:00.0000000Z"}));
    }

    #[test]
    fn lists_and_tables_say_what_they_are() {
        let list = |items| Value::list(TypeNames::array_list(), items);
        check(
            list(vec!["SMTP:a@b.c".into(), "X500:/o=A".into()]),
            &json!({"P": ["SMTP:a@b.c", "X500:/o=A"]}),
        );
        let table = || {
            Value::dictionary(
                TypeNames::hashtable(),
                vec![("Add".into(), list(vec!["smtp:a@b.c".into()]))],
            )
        };
        let json_table =
            json!({"@odata.type": "#Exchange.GenericHashTable", "Add": ["smtp:a@b.c"]});
        check(table(), &json!({"P": json_table}));
        let kind = "#Collection(Exchange.GenericHashTable)";
        check(list(vec![table()]), &json!({"P": [json_table], "P@odata.type": kind}));
    }

    #[test]
    fn a_call_without_arguments_still_has_an_object() {
        assert_eq!(parameters(&CmdletCall::new("Get-OrganizationConfig")), json!({}));
        let call = CmdletCall::new("Remove-Mailbox").switch("Confirm", false);
        assert_eq!(parameters(&call), json!({"Confirm": false}));
    }

    #[test]
    fn booleans_of_filters_are_quoted_outside_literals() {
        let filter =
            "IsDirSynced -eq $true -and Name -ne 'O''Neil $true' -and A -eq $FALSE -or B -eq $null";
        let call = CmdletCall::new("Get-Mailbox").parameter("Filter", filter);
        let expected = "IsDirSynced -eq 'True' -and Name -ne 'O''Neil $true' -and A -eq 'False' -or B -eq $null";
        assert_eq!(parameters(&call), json!({"Filter": expected}));
        check("$true", &json!({"P": "$true"}));
    }

    #[test]
    fn what_cannot_be_sent_is_refused_by_name() {
        let refused = |call: &CmdletCall| Request::new(call).unwrap_err();
        let call = CmdletCall::new("New-Mailbox").secret("Password", SecretString::from("pw"));
        assert!(
            matches!(refused(&call), EncodeError::Secret { parameter, .. } if parameter == "Password")
        );
        let call = CmdletCall::new("Get-Mailbox").parameter("domaincontroller", "dc01");
        assert_eq!(
            refused(&call).to_string(),
            "Get-Mailbox of Exchange Online has no parameter domaincontroller"
        );
        let call = CmdletCall::new("Get-RemoteMailbox");
        assert_eq!(refused(&call).to_string(), "Get-RemoteMailbox exists on-premises only");
        let call = CmdletCall::new("Set-Mailbox").parameter("P", Value::ScriptBlock("1".into()));
        assert_eq!(refused(&call), EncodeError::Value { parameter: "P".to_owned() });
        let call = CmdletCall::new("Get-Mailbox").select(["Guid&x"]);
        assert_eq!(refused(&call), EncodeError::Property { name: "Guid&x".to_owned() });
    }

    #[test]
    fn chosen_properties_go_into_the_address() {
        let request =
            Request::new(&CmdletCall::new("Get-Mailbox").select(["Guid", "Name"])).unwrap();
        assert_eq!(request.query(), Some("$select=Guid,Name"));
        assert!(request.headers().contains(&("X-CmdletName", "Get-Mailbox".to_owned())));
        assert!(request.headers().contains(&("Prefer", "odata.maxpagesize=1000".to_owned())));
    }
}
