//! What an export is asked to do, one JSON object a line.

use std::collections::BTreeMap;

use exchange_cmdlets::schema::is_secret_parameter;
use secrecy::SecretString;
use serde_json::{Map, Value};
use uuid::Uuid;

/// One operation of an export.
///
/// Reading a line never fails: what is wrong with it is kept and becomes the answer to that line, so that there is one
/// answer a line, in order.
///
/// ```
/// use exchange_connector::{Operation, OperationKind};
///
/// let operation = Operation::from_json_line(
///     r#"{"ref":"2","operation":"update","id":"9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2","attributes":{"DisplayName":"Ann"}}"#,
///     1,
/// );
/// assert_eq!(operation.kind(), Some(OperationKind::Update));
/// assert_eq!(operation.problem(), None);
///
/// let refused = Operation::from_json_line(r#"{"ref":"3","operation":"update","attributes":{}}"#, 2);
/// assert_eq!(refused.problem(), Some("line 2: \"id\" is missing"));
/// ```
#[derive(Clone, Debug)]
pub struct Operation {
    pub(crate) reference: Option<Value>,
    pub(crate) kind: Option<OperationKind>,
    pub(crate) id: Option<String>,
    pub(crate) request: Result<Request, String>,
    /// The line in one form, without its secrets: what a journal knows it by.
    pub(crate) plain: String,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "the documented values of operation")]
pub enum OperationKind {
    /// Makes a mailbox.
    Create,
    /// Changes attributes of a mailbox.
    Update,
    /// Takes a mailbox away.
    Delete,
}

/// An operation whose form is right.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Create(Create),
    Update(Update),
    Delete { id: Uuid },
}

#[derive(Clone, Debug)]
pub(crate) struct Create {
    /// The account to enable, if it was named.
    pub(crate) identity: Option<String>,
    pub(crate) attributes: Vec<(String, Value)>,
    /// `_param_password` and other parameters that end so: secure strings of the create cmdlet.
    pub(crate) secrets: Vec<(String, SecretString)>,
    /// The other `_param_X`: parameters of the create cmdlet.
    pub(crate) parameters: Vec<(String, Value)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Update {
    pub(crate) id: Uuid,
    pub(crate) attributes: Vec<(String, Value)>,
}

/// What the name of a parameter of the create cmdlet begins with.
const PARAMETER_PREFIX: &str = "_param_";

impl Operation {
    /// Reads one line; `number`, counted from 1, is for messages.
    #[must_use]
    pub fn from_json_line(line: &str, number: u64) -> Self {
        // The reader's own message would repeat nothing of the line, but its column helps.
        let object = match serde_json::from_str::<Value>(line) {
            Ok(Value::Object(object)) => object,
            Ok(_) => return Self::refused(number, "is not a JSON object"),
            Err(error) => {
                let problem = format!("is not valid JSON at column {}", error.column());
                return Self::refused(number, &problem);
            }
        };
        let reference = object.get("ref").filter(|value| !value.is_null()).cloned();
        let kind = object.get("operation").and_then(Value::as_str).and_then(kind_named);
        let id = object.get("id").and_then(Value::as_str).map(str::to_owned);
        let plain = without_secrets(&object);
        let request = read(object).map_err(|problem| format!("line {number}: {problem}"));
        Self { reference, kind, id, request, plain }
    }

    /// Reads a whole input, one operation a line; empty lines are passed over.
    #[must_use]
    pub fn from_json_lines(text: &str) -> Vec<Self> {
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        (1..)
            .zip(text.lines())
            .filter(|(_, line)| !line.trim().is_empty())
            .map(|(number, line)| Self::from_json_line(line, number))
            .collect()
    }

    /// What the operation does, `None` when the line does not say.
    #[must_use]
    pub fn kind(&self) -> Option<OperationKind> {
        self.kind
    }

    /// What is wrong with the form of the line.
    #[must_use]
    pub fn problem(&self) -> Option<&str> {
        self.request.as_ref().err().map(String::as_str)
    }

    fn refused(number: u64, problem: &str) -> Self {
        Self {
            reference: None,
            kind: None,
            id: None,
            request: Err(format!("line {number} {problem}")),
            // Of a line that cannot be read nothing is done, and it may hold a secret.
            plain: String::new(),
        }
    }
}

/// The line with its names in order, and without the values of secrets.
fn without_secrets(line: &Map<String, Value>) -> String {
    let ordered: BTreeMap<_, _> = line
        .iter()
        .map(|(name, value)| match value {
            Value::Object(inner) => {
                let inner: BTreeMap<_, _> = inner
                    .iter()
                    .map(|(name, value)| {
                        let bare = strip_parameter_prefix(name).unwrap_or(name);
                        (name, if is_secret(bare) { &Value::Null } else { value })
                    })
                    .collect();
                (name, serde_json::json!(inner))
            }
            other => (name, other.clone()),
        })
        .collect();
    serde_json::json!(ordered).to_string()
}

fn kind_named(name: &str) -> Option<OperationKind> {
    match name {
        "create" => Some(OperationKind::Create),
        "update" => Some(OperationKind::Update),
        "delete" => Some(OperationKind::Delete),
        _ => None,
    }
}

fn read(mut object: Map<String, Value>) -> Result<Request, String> {
    match object.remove("ref") {
        None | Some(Value::Null | Value::String(_) | Value::Number(_)) => {}
        Some(_) => return Err("\"ref\" is neither text nor a number".to_owned()),
    }
    let name = match object.remove("operation") {
        Some(Value::String(name)) => name,
        Some(_) => return Err("\"operation\" is not text".to_owned()),
        None => return Err("\"operation\" is missing".to_owned()),
    };
    let kind = kind_named(&name)
        .ok_or_else(|| format!("operation {name:?} is not one of create, update, delete"))?;
    let request = match kind {
        OperationKind::Create => Request::Create(read_create(&mut object)?),
        OperationKind::Update => Request::Update(read_update(&mut object)?),
        OperationKind::Delete => Request::Delete { id: read_id(&mut object)? },
    };
    match object.keys().next() {
        None => Ok(request),
        Some(unknown) => Err(format!("{unknown:?} is not a field of operation {name:?}")),
    }
}

fn read_create(object: &mut Map<String, Value>) -> Result<Create, String> {
    let identity = match object.remove("identity") {
        None | Some(Value::Null) => None,
        Some(Value::String(identity)) if !identity.trim().is_empty() => Some(identity),
        Some(_) => return Err("\"identity\" is not text, or is empty".to_owned()),
    };
    let mut create =
        Create { identity, attributes: Vec::new(), secrets: Vec::new(), parameters: Vec::new() };
    for (name, value) in read_attributes(object)? {
        match strip_parameter_prefix(&name) {
            None => create.attributes.push((name, value)),
            Some("") => return Err(format!("{name:?} names no parameter")),
            Some(parameter) if parameter.eq_ignore_ascii_case("password") => {
                create.secrets.push(("Password".to_owned(), read_secret(&name, value)?));
            }
            Some(parameter) if is_secret(parameter) => {
                create.secrets.push((parameter.to_owned(), read_secret(&name, value)?));
            }
            Some(parameter) => create.parameters.push((parameter.to_owned(), value)),
        }
    }
    Ok(create)
}

fn read_update(object: &mut Map<String, Value>) -> Result<Update, String> {
    let id = read_id(object)?;
    let attributes = read_attributes(object)?;
    match attributes.iter().find(|(name, _)| strip_parameter_prefix(name).is_some()) {
        None => Ok(Update { id, attributes: attributes.into_iter().collect() }),
        Some((name, _)) => Err(format!("{name:?} is a parameter of a create, not an attribute")),
    }
}

fn read_id(object: &mut Map<String, Value>) -> Result<Uuid, String> {
    match object.remove("id") {
        // An empty or missing identity would make Exchange act on everything it has.
        None | Some(Value::Null) => Err("\"id\" is missing".to_owned()),
        Some(Value::String(text)) => match text.parse::<Uuid>() {
            Ok(id) if !id.is_nil() => Ok(id),
            _ => Err(format!("id {text:?} is not a GUID")),
        },
        Some(_) => Err("\"id\" is not text".to_owned()),
    }
}

fn read_attributes(object: &mut Map<String, Value>) -> Result<Map<String, Value>, String> {
    match object.remove("attributes") {
        Some(Value::Object(attributes)) => Ok(attributes),
        Some(_) => Err("\"attributes\" is not an object".to_owned()),
        None => Err("\"attributes\" is missing".to_owned()),
    }
}

/// Whether a parameter holds a secret: those that are known, and whatever is called alike.
pub(crate) fn is_secret(parameter: &str) -> bool {
    is_secret_parameter(parameter) || parameter.to_ascii_lowercase().ends_with("password")
}

fn read_secret(name: &str, value: Value) -> Result<SecretString, String> {
    match value {
        Value::String(text) if !text.is_empty() => Ok(SecretString::from(text)),
        _ => Err(format!("{name:?} is not text, or is empty")),
    }
}

fn strip_parameter_prefix(name: &str) -> Option<&str> {
    name.split_at_checked(PARAMETER_PREFIX.len())
        .filter(|(prefix, _)| prefix.eq_ignore_ascii_case(PARAMETER_PREFIX))
        .map(|(_, parameter)| parameter)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[track_caller]
    fn refused(line: &str, expected: &str) {
        let operation = Operation::from_json_line(line, 7);
        assert_eq!(operation.problem(), Some(expected), "{line}");
    }

    #[test]
    fn a_create_separates_attributes_parameters_and_the_password() {
        let operation = Operation::from_json_line(
            r#"{"ref":1,"operation":"create","attributes":{"Name":"Ann","_param_password":"pa55","_PARAM_OrganizationalUnit":"contoso.com/Users"}}"#,
            1,
        );
        assert_eq!(operation.reference, Some(Value::from(1)));
        let Ok(Request::Create(create)) = operation.request else { panic!("not a create") };
        assert_eq!(create.attributes, [("Name".to_owned(), Value::from("Ann"))]);
        assert_eq!(
            create.parameters,
            [("OrganizationalUnit".to_owned(), Value::from("contoso.com/Users"))]
        );
        let (name, secret) = create.secrets.first().unwrap();
        assert_eq!((name.as_str(), secret.expose_secret()), ("Password", "pa55"));
    }

    #[test]
    fn the_form_of_a_line_is_checked() {
        refused("{", "line 7 is not valid JSON at column 1");
        refused("[]", "line 7 is not a JSON object");
        refused("{}", "line 7: \"operation\" is missing");
        refused(
            r#"{"operation":"drop"}"#,
            "line 7: operation \"drop\" is not one of create, update, delete",
        );
        refused(r#"{"operation":"delete"}"#, "line 7: \"id\" is missing");
        refused(r#"{"operation":"delete","id":null}"#, "line 7: \"id\" is missing");
        refused(r#"{"operation":"delete","id":""}"#, "line 7: id \"\" is not a GUID");
        refused(
            r#"{"operation":"delete","id":"00000000-0000-0000-0000-000000000000"}"#,
            "line 7: id \"00000000-0000-0000-0000-000000000000\" is not a GUID",
        );
        refused(r#"{"operation":"create"}"#, "line 7: \"attributes\" is missing");
        refused(
            r#"{"operation":"create","attributes":{},"id":"x"}"#,
            "line 7: \"id\" is not a field of operation \"create\"",
        );
        refused(
            r#"{"operation":"update","id":"9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2","attributes":{"_param_password":"x"}}"#,
            "line 7: \"_param_password\" is a parameter of a create, not an attribute",
        );
        refused(
            r#"{"operation":"create","attributes":{"_param_password":""}}"#,
            "line 7: \"_param_password\" is not text, or is empty",
        );
        refused(
            r#"{"operation":"delete","ref":[]}"#,
            "line 7: \"ref\" is neither text nor a number",
        );
    }

    #[test]
    fn a_refused_line_keeps_its_reference_and_a_secret_is_never_shown() {
        let operation = Operation::from_json_line(
            r#"{"ref":"9","operation":"create","attributes":{"_param_password":"hunter2"}}"#,
            1,
        );
        assert!(!format!("{operation:?}").contains("hunter2"));
        let operation = Operation::from_json_line(r#"{"ref":"9","operation":"delete"}"#, 1);
        assert_eq!(operation.reference, Some(Value::from("9")));
        assert_eq!(operation.kind(), Some(OperationKind::Delete));
    }

    #[test]
    fn empty_lines_are_passed_over_but_counted() {
        let operations = Operation::from_json_lines("\u{FEFF}\n{}\n\n  \n{}\n");
        let problems: Vec<_> = operations.iter().filter_map(Operation::problem).collect();
        assert_eq!(
            problems,
            ["line 2: \"operation\" is missing", "line 5: \"operation\" is missing"]
        );
    }

    proptest::proptest! {
        #[test]
        fn any_line_gives_an_operation_that_shows_no_secret(
            text in ".*",
            secret in "[a-z]{12}",
            id in ".*",
        ) {
            let _ = Operation::from_json_line(&text, 1);
            let line = serde_json::json!({
                "ref": text,
                "operation": "create",
                "identity": id,
                "attributes": {"_param_Password": secret},
            });
            let operation = Operation::from_json_line(&line.to_string(), 1);
            let shown = format!("{operation:?}");
            let elsewhere = text.contains(&secret) || id.contains(&secret);
            proptest::prop_assert!(elsewhere || !shown.contains(&secret));
        }
    }
}
