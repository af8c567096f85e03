//! Lists of mailboxes as typed rows: `GET …/Mailbox?$select=…`, the way of the vendor's newer cmdlets.
//!
//! It gives the columns asked for and nothing else, where `InvokeCommand` runs a whole cmdlet. What surprised: its rows say
//! nothing of their types, dates and sizes are texts, and nothing tells which form those have. So a list goes this way only
//! if its columns are known ones, and each value is held to the form that `InvokeCommand` gives it; the first that is in
//! another form sends the whole list the other way. An object never looks different by the way it came.

mod columns;
mod filter;
mod form;

use clixml::{Object, Value};
use exchange_cmdlets::{CmdletCall, ParameterValue};

use self::columns::form_of;
use self::form::Form;
use crate::request::MAX_PAGE_SIZE;

/// The last part of the address of mailboxes.
pub(crate) const MAILBOXES: &str = "Mailbox";

/// A list that can be read as typed rows.
#[derive(Clone, Debug)]
pub(crate) struct TypedRead {
    query: String,
    columns: Vec<(String, Form)>,
}

/// Why a list is not read as typed rows.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum NotTyped {
    #[error("{cmdlet} has no typed rows here")]
    Cmdlet { cmdlet: String },
    #[error("it asks for all properties, or not for Guid")]
    Columns,
    #[error("{name} is no column whose form is known")]
    Column { name: String },
    #[error("parameter {name} has no counterpart")]
    Parameter { name: String },
    #[error("the filter is more than comparisons of columns with texts")]
    Filter,
}

/// A row that is not what `InvokeCommand` would have given.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a typed row holds {column} in no known form")]
pub(crate) struct Unfit {
    column: String,
}

impl TypedRead {
    /// Makes a typed read of a call, if that is sure to give the same.
    pub(crate) fn of(call: &CmdletCall) -> Result<Self, NotTyped> {
        if !call.name.eq_ignore_ascii_case("Get-Mailbox") {
            return Err(NotTyped::Cmdlet { cmdlet: call.name.to_string() });
        }
        let names = call.select.as_deref().unwrap_or_default();
        let known = |name: &String| {
            let form = form_of(name).ok_or_else(|| NotTyped::Column { name: name.clone() })?;
            Ok((name.clone(), form))
        };
        let columns: Vec<_> = names.iter().map(known).collect::<Result<_, _>>()?;
        // Without it nothing tells which rows were given when a list is begun again.
        if !names.iter().any(|name| name == "Guid") {
            return Err(NotTyped::Columns);
        }
        let mut query = format!("$select={}", names.join(","));
        for (name, value) in &call.parameters {
            let other = || NotTyped::Parameter { name: name.clone() };
            let ParameterValue::Value(value) = value else { return Err(other()) };
            match name.to_ascii_lowercase().as_str() {
                // Without `$top` there is no limit.
                "resultsize" => {}
                "recipienttypedetails" => {
                    let kinds = kinds(value).ok_or_else(other)?;
                    query.push_str("&RecipientTypeDetails=");
                    query.push_str(&kinds.join(","));
                }
                "filter" => {
                    let text = value.text().ok_or_else(other)?;
                    let filter = filter::translated(&text).ok_or(NotTyped::Filter)?;
                    query.push_str("&$filter=");
                    query.push_str(&escaped(&filter));
                }
                _ => return Err(other()),
            }
        }
        Ok(Self { query, columns })
    }

    /// Returns the query of the address without its question mark.
    pub(crate) fn query(&self) -> &str {
        &self.query
    }

    /// Returns the headers; authorization, routing and ids are the driver's.
    pub(crate) fn headers() -> Vec<(&'static str, String)> {
        vec![
            ("Accept", "application/json".to_owned()),
            ("Prefer", format!("odata.maxpagesize={MAX_PAGE_SIZE}")),
        ]
    }

    /// Makes the object of a row that `InvokeCommand` would have given: of these columns, each in its form.
    pub(crate) fn fit(&self, row: &Value) -> Result<Value, Unfit> {
        let mut object = Object::new();
        for (name, form) in &self.columns {
            // One that is missing would look as if it were unset.
            let value = row.property(name).and_then(|value| form.fit(value));
            let value = value.ok_or_else(|| Unfit { column: name.clone() })?;
            object = object.with_adapted(name.as_str(), value);
        }
        Ok(object.into())
    }
}

/// The kinds of mailboxes asked for, if they are names.
fn kinds(value: &Value) -> Option<Vec<String>> {
    let text = |item: &Value| {
        let text = item.text()?.into_owned();
        (!text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric())).then_some(text)
    };
    match value.items() {
        Some([]) => None,
        Some(items) => items.iter().map(text).collect(),
        None => Some(vec![text(value)?]),
    }
}

/// Escapes everything that a query could take for its own.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use clixml::{TypeNames, Value};
    use exchange_cmdlets::CmdletCall;

    use super::{NotTyped, TypedRead};

    fn call() -> CmdletCall {
        CmdletCall::new("Get-Mailbox")
            .parameter("ResultSize", "Unlimited")
            .select(["Guid", "DisplayName"])
    }

    #[track_caller]
    fn check(call: &CmdletCall, expected: Result<&str, NotTyped>) {
        let read = TypedRead::of(call);
        assert_eq!(read.as_ref().map(TypedRead::query).map_err(Clone::clone), expected);
    }

    #[test]
    fn a_list_of_known_columns_is_a_query() {
        check(&call(), Ok("$select=Guid,DisplayName"));
        let list = vec!["UserMailbox".into(), "SharedMailbox".into()];
        let kinds = Value::list(TypeNames::array_list(), list);
        check(
            &call().parameter("RecipientTypeDetails", kinds),
            Ok("$select=Guid,DisplayName&RecipientTypeDetails=UserMailbox,SharedMailbox"),
        );
        check(
            &call().parameter("Filter", "Name -eq 'O''Neil & Söhne'"),
            Ok("$select=Guid,DisplayName&$filter=Name%20eq%20%27O%27%27Neil%20%26%20S%C3%B6hne%27"),
        );
    }

    #[test]
    fn what_might_give_something_else_is_left_alone() {
        let column = |name: &str| NotTyped::Column { name: name.to_owned() };
        let parameter = |name: &str| NotTyped::Parameter { name: name.to_owned() };
        check(&call().select(["Guid", "OriginatingServer"]), Err(column("OriginatingServer")));
        check(&call().select(["Guid", "RetentionPolicy"]), Err(column("RetentionPolicy")));
        check(&call().select(["Name"]), Err(NotTyped::Columns));
        check(&CmdletCall::new("Get-Mailbox"), Err(NotTyped::Columns));
        check(&call().parameter("Identity", "ann"), Err(parameter("Identity")));
        check(&call().switch("SoftDeletedMailbox", true), Err(parameter("SoftDeletedMailbox")));
        check(
            &call().parameter("RecipientTypeDetails", "a&b"),
            Err(parameter("RecipientTypeDetails")),
        );
        check(&call().parameter("Filter", "Alias -like 'a*'"), Err(NotTyped::Filter));
        let user = CmdletCall::new("Get-User").select(["Guid"]);
        check(&user, Err(NotTyped::Cmdlet { cmdlet: "Get-User".to_owned() }));
    }

    #[test]
    fn a_row_is_what_was_asked_for_and_nothing_else() {
        let read = TypedRead::of(&call()).expect("it can be read so");
        let row =
            |json: &str| crate::row::object(serde_json::from_str(json).expect("it is an object"));
        let id = "9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2";
        let good = row(&format!(
            r#"{{"ObjectKey":"k","DisplayName":"Ann","Guid":"{}"}}"#,
            id.to_uppercase()
        ));
        let object = read.fit(&good).expect("it is in a known form");
        let names: Vec<_> = object.as_object().expect("an object").properties().collect();
        assert_eq!(names.len(), 2, "{object:?}");
        assert_eq!(object.property("Guid"), Some(&Value::Guid(id.parse().expect("a GUID"))));
        let error = read.fit(&row(&format!(r#"{{"Guid":"{id}"}}"#))).expect_err("one is missing");
        assert_eq!(error.to_string(), "a typed row holds DisplayName in no known form");
    }
}
