//! Arguments as a server reads them: the secrets in them decoded, wherever they stand.
//!
//! Spec: [MS-PSRP] 2.2.5.1.24 Secure String, [MS-PSRP] 2.2.3.25 PSCredential.
//!
//! What surprised: a SecureString that went through a variable of a script may come wrapped as an object around it.

use clixml::{Content, Object, Property, Value};

use super::{ArgumentValue, Credential};
use crate::crypto::SecretEncoding;
use crate::error::CryptoError;

/// Levels down to which secrets are looked for; those deeper stay encoded.
const MAX_DEPTH: usize = 32;

impl ArgumentValue {
    /// Reads a value with the secrets in it. One without any stays the plain value that it is.
    ///
    /// A value with secrets becomes what it is made of: containers lose their type names, a dictionary or list its notes. What
    /// nests deeper than 32 levels stays encoded.
    ///
    /// # Errors
    ///
    /// [`CryptoError::NoKey`] when there is a secret and `secrets` cannot decode any, [`CryptoError::Decryption`] and
    /// [`CryptoError::Utf16`] for one under another key.
    pub fn from_value(value: Value, secrets: &SecretEncoding) -> Result<Self, CryptoError> {
        read(value, secrets, MAX_DEPTH)
    }
}

fn read(
    value: Value,
    secrets: &SecretEncoding,
    depth: usize,
) -> Result<ArgumentValue, CryptoError> {
    if !holds_secret(&value, depth) {
        return Ok(ArgumentValue::Value(value));
    }
    let object = match value {
        Value::SecureString(bytes) => return Ok(ArgumentValue::Secret(secrets.decode(&bytes)?)),
        Value::Object(object) => object,
        plain => return Ok(ArgumentValue::Value(plain)),
    };
    if let Some(credential) = credential(&object, secrets)? {
        return Ok(credential.into());
    }
    let depth = depth.saturating_sub(1);
    let Object { content, adapted, extended, .. } = *object;
    Ok(match content {
        Content::Value(inner) => read(inner, secrets, depth)?,
        Content::List(items)
        | Content::Enumerable(items)
        | Content::Stack(items)
        | Content::Queue(items) => {
            let items = items.into_iter().map(|item| read(item, secrets, depth));
            ArgumentValue::List(items.collect::<Result<_, _>>()?)
        }
        Content::Dictionary(entries) => {
            let entries = entries
                .into_iter()
                .map(|(key, value)| Ok((key, read(value, secrets, depth)?)))
                .collect::<Result<_, CryptoError>>()?;
            ArgumentValue::Hashtable(entries)
        }
        _ => {
            let properties = adapted
                .into_iter()
                .chain(extended)
                .map(|Property { name, value }| {
                    Ok((name.into_string_lossy(), read(value, secrets, depth)?))
                })
                .collect::<Result<_, CryptoError>>()?;
            ArgumentValue::Properties(properties)
        }
    })
}

/// Reads a `PSCredential`, with its own type or that of one that was serialized before.
fn credential(
    object: &Object,
    secrets: &SecretEncoding,
) -> Result<Option<Credential>, CryptoError> {
    let named = |name: &str| object.adapted.iter().find(|property| property.name == *name);
    let (Some(name), Some(password)) = (named("UserName"), named("Password")) else {
        return Ok(None);
    };
    match (name.value.text(), &password.value) {
        (Some(name), Value::SecureString(bytes)) => {
            Ok(Some(Credential::new(name, secrets.decode(bytes)?)))
        }
        _ => Ok(None),
    }
}

/// True when there is a secret that [`read`] would come to.
fn holds_secret(value: &Value, depth: usize) -> bool {
    let object = match value {
        Value::SecureString(_) => return true,
        Value::Object(object) => object,
        _ => return false,
    };
    let Some(depth) = depth.checked_sub(1) else { return false };
    match &object.content {
        Content::Value(inner) => holds_secret(inner, depth),
        Content::List(items)
        | Content::Enumerable(items)
        | Content::Stack(items)
        | Content::Queue(items) => items.iter().any(|item| holds_secret(item, depth)),
        Content::Dictionary(entries) => entries.iter().any(|(_, value)| holds_secret(value, depth)),
        _ => {
            let properties = object.adapted.iter().chain(&object.extended);
            properties.into_iter().any(|property| holds_secret(&property.value, depth))
        }
    }
}

#[cfg(test)]
mod tests {
    use clixml::TypeNames;
    use secrecy::{ExposeSecret as _, SecretString};

    use super::*;
    use crate::crypto::SessionKey;

    fn key() -> SecretEncoding {
        SecretEncoding::Encrypted(SessionKey::new([3; 32]))
    }

    /// Shows a value with its secrets.
    fn shown(value: &ArgumentValue) -> String {
        match value {
            ArgumentValue::Value(value) => value.text().unwrap_or_default().into_owned(),
            ArgumentValue::Secret(secret) => format!("secret {}", secret.expose_secret()),
            ArgumentValue::Credential(Credential { user_name, password }) => {
                format!("{user_name} with {}", password.expose_secret())
            }
            ArgumentValue::List(items) => {
                format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", "))
            }
            ArgumentValue::Hashtable(entries) => {
                let entries = entries.iter().map(|(key, value)| {
                    format!("{}: {}", key.text().unwrap_or_default(), shown(value))
                });
                format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
            }
            ArgumentValue::Properties(properties) => {
                let properties =
                    properties.iter().map(|(name, value)| format!("{name}: {}", shown(value)));
                format!("({})", properties.collect::<Vec<_>>().join(", "))
            }
        }
    }

    #[track_caller]
    fn check(value: &ArgumentValue, expected: &str) {
        let wire = value.to_value(&key()).unwrap();
        let read = ArgumentValue::from_value(wire.clone(), &key()).unwrap();
        assert_eq!(shown(&read), expected);
        assert_eq!(read.to_value(&key()).unwrap(), wire, "it goes out as it came in");
        let other = SecretEncoding::Encrypted(SessionKey::new([4; 32]));
        assert!(ArgumentValue::from_value(wire, &other).is_err());
    }

    fn secret(text: &str) -> ArgumentValue {
        SecretString::from(text).into()
    }

    #[test]
    fn secrets_are_found_wherever_they_stand() {
        check(&secret("a"), "secret a");
        check(&ArgumentValue::List(vec!["plain".into(), secret("b")]), "[plain, secret b]");
        check(&ArgumentValue::hashtable([("Key", secret("c"))]), "{Key: secret c}");
        check(&Credential::new("ann", SecretString::from("d")).into(), "ann with d");
        let inner = ArgumentValue::Properties(vec![
            ("Name".to_owned(), "bob".into()),
            ("Secret".to_owned(), secret("e")),
        ]);
        check(&ArgumentValue::List(vec![inner]), "[(Name: bob, Secret: secret e)]");
    }

    #[test]
    fn a_wrapped_secret_is_one() {
        let Value::SecureString(bytes) = secret("a").to_value(&key()).unwrap() else { panic!() };
        let mut wrapped = Object::new().with_extended("Note", "x");
        wrapped.content = Content::Value(Value::SecureString(bytes));
        let read = ArgumentValue::from_value(wrapped.into(), &key()).unwrap();
        assert_eq!(shown(&read), "secret a");
    }

    #[test]
    fn a_value_without_secrets_stays_as_it_is() {
        let list = Value::list(TypeNames::array_list(), vec![Value::from("a"), Value::Nil]);
        let read = ArgumentValue::from_value(list.clone(), &SecretEncoding::NoKey).unwrap();
        assert!(matches!(read, ArgumentValue::Value(value) if value == list));
    }

    #[test]
    fn what_nests_too_deep_stays_encoded() {
        let mut value = secret("a").to_value(&key()).unwrap();
        for _ in 0..40 {
            value = Value::list(TypeNames::array_list(), vec![value]);
        }
        let read = ArgumentValue::from_value(value, &key()).unwrap();
        assert!(matches!(read, ArgumentValue::Value(_)));
    }
}
