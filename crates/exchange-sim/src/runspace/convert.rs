//! Between the cmdlets' types and those of the protocol.

use clixml::{Content, Object, Value};
use psrp::server::ServerPool;
use psrp::{ArgumentValue, PowerShell, Statement};
use secrecy::SecretString;
use time::OffsetDateTime;

use crate::cmdlets::{Argument, CmdletError, ErrorCategory, Invocation, is_switch};
use crate::object::{Field, Item};

/// How deep lists and hashtables of an argument may nest.
const MAX_DEPTH: usize = 8;

/// Returns a pipeline's statements as the cmdlets take them.
pub(super) fn statements(powershell: &PowerShell, pool: &ServerPool) -> Vec<Vec<Invocation>> {
    powershell.statements.iter().map(|statement| invocations(statement, pool)).collect()
}

fn invocations(statement: &Statement, pool: &ServerPool) -> Vec<Invocation> {
    let commands = statement.commands.iter().map(|command| Invocation {
        command: command.name.clone(),
        is_script: command.is_script,
        arguments: command
            .bind(|name| is_switch(&command.name, name))
            .into_iter()
            .map(|argument| (argument.name, decoded(&argument.value, pool, MAX_DEPTH)))
            .collect(),
    });
    commands.collect()
}

/// Returns an argument whose secrets the protocol has decoded.
fn decoded(value: &ArgumentValue, pool: &ServerPool, depth: usize) -> Argument {
    let too_deep = || Argument::Object(String::new());
    match (value, depth.checked_sub(1)) {
        (ArgumentValue::Secret(secret), _) => Argument::Secret(secret.clone()),
        (ArgumentValue::Value(value), _) => argument_of(value, pool, depth),
        (ArgumentValue::Credential(_), _) => {
            Argument::Object("System.Management.Automation.PSCredential".to_owned())
        }
        (_, None) => too_deep(),
        (ArgumentValue::List(items), Some(depth)) => {
            Argument::List(items.iter().map(|item| decoded(item, pool, depth)).collect())
        }
        (ArgumentValue::Hashtable(entries), Some(depth)) => {
            let name = |key: &Value| key.text().unwrap_or_default().into_owned();
            let entries =
                entries.iter().map(|(key, value)| (name(key), decoded(value, pool, depth)));
            Argument::Table(entries.collect())
        }
        // No parameter takes an object that is but properties.
        _ => too_deep(),
    }
}

/// Returns an item of a pipeline's input as an object of the pipeline: what a cmdlet would take for its identity.
///
/// Of an object that came from here, a mailbox say, that is its GUID; of any other its property `Identity`.
pub(super) fn input(value: &Value) -> Item {
    let guid = value.property("Guid").and_then(Value::as_guid).or_else(|| value.as_guid());
    let named = value.property("Identity").unwrap_or(value);
    let text = || named.text().map_or(Field::Nil, |text| Field::Text(text.into_owned()));
    Item::Field(guid.map_or_else(text, Field::Guid))
}

/// Returns the values that a host supplied, a hashtable by the names of parameters.
pub(super) fn supplied(value: &Value, pool: &ServerPool) -> Vec<(String, Argument)> {
    match argument_of(value, pool, MAX_DEPTH) {
        Argument::Table(entries) => entries,
        _ => Vec::new(),
    }
}

fn argument_of(value: &Value, pool: &ServerPool, depth: usize) -> Argument {
    let text = |value: &Value| value.text().map(std::borrow::Cow::into_owned).unwrap_or_default();
    match value {
        Value::Nil => Argument::Nil,
        Value::Bool(flag) => Argument::Bool(*flag),
        Value::Guid(guid) => Argument::Guid(*guid),
        Value::DateTime(date) => OffsetDateTime::from_unix_timestamp(date.unix_seconds())
            .map_or_else(|_| Argument::Text(text(value)), Argument::Date),
        Value::SecureString(bytes) => secret(bytes, pool),
        Value::Object(object) => object_argument(object, value, pool, depth),
        _ => value.as_i64().map_or_else(|| Argument::Text(text(value)), Argument::Int),
    }
}

fn secret(bytes: &[u8], pool: &ServerPool) -> Argument {
    pool.decrypt_secure_string(bytes).map_or_else(
        |_| Argument::Object("System.Security.SecureString".to_owned()),
        |secret: SecretString| Argument::Secret(secret),
    )
}

fn object_argument(object: &Object, value: &Value, pool: &ServerPool, depth: usize) -> Argument {
    let whole =
        || Argument::Object(value.text().map(std::borrow::Cow::into_owned).unwrap_or_default());
    let Some(depth) = depth.checked_sub(1) else { return whole() };
    match &object.content {
        Content::Value(inner) => argument_of(inner, pool, depth),
        Content::List(items)
        | Content::Enumerable(items)
        | Content::Stack(items)
        | Content::Queue(items) => {
            Argument::List(items.iter().map(|item| argument_of(item, pool, depth)).collect())
        }
        Content::Dictionary(entries) => Argument::Table(
            entries
                .iter()
                .map(|(key, value)| {
                    (
                        key.text().map(std::borrow::Cow::into_owned).unwrap_or_default(),
                        argument_of(value, pool, depth),
                    )
                })
                .collect(),
        ),
        _ => whole(),
    }
}

/// Returns an error as a record of the protocol.
pub(super) fn error_record(error: &CmdletError) -> psrp::ErrorRecord {
    let category = match error.category {
        ErrorCategory::NotSpecified => psrp::ErrorCategory::NotSpecified,
        ErrorCategory::InvalidArgument => psrp::ErrorCategory::InvalidArgument,
        ErrorCategory::InvalidData => psrp::ErrorCategory::InvalidData,
        ErrorCategory::InvalidOperation => psrp::ErrorCategory::InvalidOperation,
        ErrorCategory::ObjectNotFound => psrp::ErrorCategory::ObjectNotFound,
        ErrorCategory::OperationStopped => psrp::ErrorCategory::OperationStopped,
        ErrorCategory::ParserError => psrp::ErrorCategory::ParserError,
        ErrorCategory::ResourceUnavailable => psrp::ErrorCategory::ResourceUnavailable,
    };
    let record = psrp::ErrorRecord::new(error.message.as_str(), error.id.as_str())
        .exception_types([error.exception, "System.Exception"])
        .category(category)
        .activity(error.activity.as_str())
        .reason(error.reason());
    match &error.target {
        Some(target) => {
            record.target(Value::from(target.name.as_str()), target.name.as_str(), target.type_name)
        }
        None => record,
    }
}

#[cfg(test)]
mod tests {
    use psrp::Credential;
    use psrp::server::ServerOptions;
    use secrecy::ExposeSecret as _;

    use super::*;

    fn pool() -> ServerPool {
        let rng = rand::make_rng::<rand::rngs::StdRng>();
        ServerPool::new(ServerOptions::default(), Box::new(rng))
    }

    fn secret() -> ArgumentValue {
        SecretString::from("P@ss").into()
    }

    #[test]
    fn secrets_inside_of_arguments_reach_the_cmdlets() {
        let nested = ArgumentValue::List(vec![
            ArgumentValue::hashtable([("Password", secret())]),
            Credential::new("ann", SecretString::from("P@ss")).into(),
            "plain".into(),
        ]);
        let Argument::List(items) = decoded(&nested, &pool(), MAX_DEPTH) else { panic!() };
        let [Argument::Table(table), Argument::Object(credential), Argument::Text(text)] =
            &items[..]
        else {
            panic!("{items:?}")
        };
        let [(name, Argument::Secret(found))] = &table[..] else { panic!("{table:?}") };
        assert_eq!((name.as_str(), found.expose_secret()), ("Password", "P@ss"));
        assert_eq!(credential, "System.Management.Automation.PSCredential");
        assert_eq!(text, "plain");
    }

    #[test]
    fn what_nests_too_deep_is_an_object_that_no_parameter_takes() {
        let mut nested = secret();
        for _ in 0..=MAX_DEPTH {
            nested = ArgumentValue::List(vec![nested]);
        }
        let mut argument = decoded(&nested, &pool(), MAX_DEPTH);
        while let Argument::List(mut items) = argument {
            argument = items.remove(0);
        }
        assert!(matches!(argument, Argument::Object(_)), "{argument:?}");
    }
}
