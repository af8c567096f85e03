//! Arguments of commands, with the secrets inside them.
//!
//! Spec: [MS-PSRP] 2.2.3.13 Command Parameter.

mod read;

use clixml::{Object, TypeNames, Value};
use secrecy::SecretString;
use uuid::Uuid;

use crate::crypto::SecretEncoding;
use crate::error::CryptoError;
use crate::fields::array_list;

/// A parameter or argument of a command.
///
/// What surprised: a name arrives as `Name` from programs, as `-Name:` with its value from the proxies of
/// `Import-PSSession`, and as `-Name` where a Windows client turns a script into commands itself, and then `-Name value` is
/// two arguments: `-Name` with Nil, then the value without a name. See [`Command::bind`](crate::Command::bind).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Argument {
    /// The name, with or without `-` and `:` on receipt; `None` for one bound by its position.
    pub name: Option<String>,
    /// The value.
    pub value: ArgumentValue,
}

impl Argument {
    pub(crate) const fn new(name: Option<String>, value: ArgumentValue) -> Self {
        Self { name, value }
    }

    /// The name without `-` before and `:` after it; `None` for an argument bound by its position.
    #[must_use]
    pub fn bare_name(&self) -> Option<&str> {
        let name = self.name.as_deref()?;
        let name = name.strip_prefix('-').unwrap_or(name);
        Some(name.strip_suffix(':').unwrap_or(name))
    }

    /// True when it has this name, with or without `-` and `:`; case does not matter.
    #[must_use]
    pub fn is_named(&self, name: &str) -> bool {
        self.bare_name().is_some_and(|bare| bare.eq_ignore_ascii_case(name))
    }

    /// What it says as a switch: a boolean, Nil (on), or the `SwitchParameter` object of a proxy. `None` for anything else,
    /// which the engine refuses, the text `True` included.
    #[must_use]
    pub fn switch_state(&self) -> Option<bool> {
        match &self.value {
            ArgumentValue::Value(Value::Nil) => Some(true),
            ArgumentValue::Value(Value::Bool(on)) => Some(*on),
            ArgumentValue::Value(value) => value.property("IsPresent")?.as_bool(),
            _ => None,
        }
    }

    /// True for `-Name` with Nil: the value may be the next argument.
    pub(crate) fn is_split(&self) -> bool {
        self.name.as_deref().is_some_and(|name| name.starts_with('-') && !name.ends_with(':'))
            && matches!(self.value, ArgumentValue::Value(Value::Nil))
    }
}

/// A value to send: plain, secret, or with secrets somewhere inside.
///
/// Secrets are encrypted when the message is made, so a value of this type waits for the session key where it has to.
///
/// ```
/// use psrp::{ArgumentValue, Credential};
/// use secrecy::SecretString;
///
/// let accounts = ArgumentValue::List(vec![
///     Credential::new("ann", SecretString::from("P@ss")).into(),
///     ArgumentValue::hashtable([("Password", SecretString::from("other"))]),
/// ]);
/// assert!(accounts.has_secrets());
/// assert!(!format!("{accounts:?}").contains("P@ss"));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ArgumentValue {
    /// A plain value.
    Value(Value),
    /// A text that travels as a SecureString.
    Secret(SecretString),
    /// A name and a password: a `PSCredential`.
    Credential(Credential),
    /// A list of such values.
    List(Vec<Self>),
    /// A hashtable of such values.
    Hashtable(Vec<(Value, Self)>),
    /// An object that is all properties, such as a `PSCustomObject`, of such values.
    Properties(Vec<(String, Self)>),
}

impl ArgumentValue {
    /// Makes a hashtable.
    #[must_use]
    pub fn hashtable<K: Into<Value>, V: Into<Self>>(
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let entries = entries.into_iter().map(|(key, value)| (key.into(), value.into()));
        Self::Hashtable(entries.collect())
    }

    /// True when there is a secret anywhere inside.
    #[must_use]
    pub fn has_secrets(&self) -> bool {
        match self {
            Self::Value(_) => false,
            Self::Secret(_) | Self::Credential(_) => true,
            Self::List(items) => items.iter().any(Self::has_secrets),
            Self::Hashtable(entries) => entries.iter().any(|(_, value)| value.has_secrets()),
            Self::Properties(properties) => properties.iter().any(|(_, value)| value.has_secrets()),
        }
    }

    /// Makes the value that goes on the wire.
    ///
    /// # Errors
    ///
    /// [`CryptoError::NoKey`] when there is a secret and `secrets` cannot encode any.
    pub fn to_value(&self, secrets: &SecretEncoding) -> Result<Value, CryptoError> {
        Ok(match self {
            Self::Value(value) => value.clone(),
            Self::Secret(secret) => Value::SecureString(secrets.encode(secret)?),
            Self::Credential(credential) => credential.to_value(secrets)?,
            Self::List(items) => array_list(
                items.iter().map(|item| item.to_value(secrets)).collect::<Result<_, _>>()?,
            ),
            Self::Hashtable(entries) => Value::dictionary(
                TypeNames::hashtable(),
                entries
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), value.to_value(secrets)?)))
                    .collect::<Result<_, CryptoError>>()?,
            ),
            Self::Properties(properties) => {
                let mut object = Object::new();
                for (name, value) in properties {
                    object = object.with_extended(name.as_str(), value.to_value(secrets)?);
                }
                object.into()
            }
        })
    }
}

/// A user name with a password.
///
/// Spec: [MS-PSRP] 2.2.3.25 PSCredential.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Credential {
    /// The name, with its domain if it needs one.
    pub user_name: String,
    /// The password.
    pub password: SecretString,
}

impl Credential {
    /// Makes a credential.
    #[must_use]
    pub fn new(user_name: impl Into<String>, password: SecretString) -> Self {
        Self { user_name: user_name.into(), password }
    }

    /// Makes the value that goes on the wire.
    ///
    /// # Errors
    ///
    /// [`CryptoError::NoKey`] when `secrets` cannot encode any.
    pub fn to_value(&self, secrets: &SecretEncoding) -> Result<Value, CryptoError> {
        let password = Value::SecureString(secrets.encode(&self.password)?);
        Ok(Object::new()
            .with_type_names([CREDENTIAL_TYPE, "System.Object"])
            .with_to_string(CREDENTIAL_TYPE)
            .with_adapted("UserName", self.user_name.as_str())
            .with_adapted("Password", password)
            .into())
    }

    /// Reads a `PSCredential`; `None` for any other value.
    ///
    /// # Errors
    ///
    /// [`CryptoError::NoKey`] when `secrets` cannot decode any, [`CryptoError::Decryption`] and [`CryptoError::Utf16`] for a
    /// password under another key.
    pub fn from_value(
        value: &Value,
        secrets: &SecretEncoding,
    ) -> Result<Option<Self>, CryptoError> {
        let (Some(name), Some(Value::SecureString(bytes))) =
            (value.property("UserName").and_then(Value::text), value.property("Password"))
        else {
            return Ok(None);
        };
        Ok(Some(Self { user_name: name.into_owned(), password: secrets.decode(bytes)? }))
    }
}

const CREDENTIAL_TYPE: &str = "System.Management.Automation.PSCredential";

impl From<Credential> for ArgumentValue {
    fn from(credential: Credential) -> Self {
        Self::Credential(credential)
    }
}

impl<T: Into<Self>> From<Vec<T>> for ArgumentValue {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

impl From<SecretString> for ArgumentValue {
    fn from(secret: SecretString) -> Self {
        Self::Secret(secret)
    }
}

macro_rules! plain_arguments {
    ($($type:ty,)*) => {
        $(
            impl From<$type> for ArgumentValue {
                fn from(value: $type) -> Self {
                    Self::Value(Value::from(value))
                }
            }
        )*
    };
}

plain_arguments! { Value, &str, String, bool, i32, i64, u32, Uuid, }

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SessionKey;
    use secrecy::ExposeSecret as _;

    #[test]
    fn secrets_inside_are_encrypted_and_found_again() {
        let value = ArgumentValue::List(vec![
            ArgumentValue::from("plain"),
            ArgumentValue::hashtable([("key", SecretString::from("one"))]),
            Credential::new("ann", SecretString::from("two")).into(),
        ]);
        assert!(value.has_secrets());
        assert!(!ArgumentValue::from(vec!["a", "b"]).has_secrets());
        assert_eq!(value.to_value(&SecretEncoding::NoKey).unwrap_err(), CryptoError::NoKey);
        let secrets = SecretEncoding::Encrypted(SessionKey::new([3; 32]));
        let wire = value.to_value(&secrets).unwrap();
        let items = wire.items().unwrap();
        let (_, Value::SecureString(bytes)) = &items[1].entries().unwrap()[0] else {
            panic!("{wire:?}")
        };
        assert_eq!(secrets.decode(bytes).unwrap().expose_secret(), "one");
        let credential = Credential::from_value(&items[2], &secrets).unwrap().unwrap();
        assert_eq!(credential.user_name, "ann");
        assert_eq!(credential.password.expose_secret(), "two");
        assert!(Credential::from_value(&items[0], &secrets).unwrap().is_none());
    }
}
