//! Typed identifiers.
//!
//! A server may write ids in either case and may replace the ids that a client proposed. They are therefore
//! kept as the text that came, compared without case, and echoed unchanged.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use uuid::Uuid;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes the text as it stands, white space around it removed.
            pub fn new(text: &str) -> Self {
                Self(text.trim().into())
            }

            /// Returns the text as it goes over the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0.eq_ignore_ascii_case(&other.0)
            }
        }

        impl Eq for $name {}

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                for byte in self.0.bytes() {
                    state.write_u8(byte.to_ascii_lowercase());
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::new(&text)
            }
        }
    };
}

macro_rules! uuid_id {
    ($name:ident) => {
        impl $name {
            /// Writes the UUID as Microsoft's peers do: upper case, hyphens, no braces.
            #[must_use]
            pub fn from_uuid(id: Uuid) -> Self {
                Self(upper(id).into())
            }

            /// Reads the text as a UUID; `None` when the server chose another form.
            #[must_use]
            pub fn uuid(&self) -> Option<Uuid> {
                Uuid::parse_str(&self.0).ok()
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self::from_uuid(id)
            }
        }
    };
}

text_id! {
    /// The id of a shell, proposed by the client and settled by the server.
    ///
    /// ```
    /// use wsman::ShellId;
    /// assert_eq!(ShellId::from("ccf84e0d-D0B5-4CFB-95B5-BCF3BFE15F36"), ShellId::from("CCF84E0D-D0B5-4CFB-95B5-BCF3BFE15F36"));
    /// ```
    ShellId
}
uuid_id!(ShellId);

text_id! {
    /// The id of a command within a shell, proposed by the client and settled by the server.
    CommandId
}
uuid_id!(CommandId);

text_id! {
    /// The id of one message, such as `uuid:81154310-1C68-4690-9BD0-EA693328825B`.
    MessageId
}

impl MessageId {
    /// Writes `uuid:` and the UUID in upper case.
    #[must_use]
    pub fn from_uuid(id: Uuid) -> Self {
        Self(format!("uuid:{}", upper(id)).into())
    }
}

impl From<Uuid> for MessageId {
    fn from(id: Uuid) -> Self {
        Self::from_uuid(id)
    }
}

text_id! {
    /// What a message is about, such as the session configuration that a shell is opened with.
    ResourceUri
}

impl ResourceUri {
    /// The resource of Exchange's remote PowerShell.
    #[must_use]
    pub fn exchange() -> Self {
        Self::new(crate::uri::RESOURCE_EXCHANGE)
    }

    /// The resource of Windows PowerShell's default session configuration.
    #[must_use]
    pub fn powershell() -> Self {
        Self::new(crate::uri::RESOURCE_POWERSHELL)
    }
}

/// Where new ids come from; an input, so that a recording can be replayed byte for byte.
///
/// Closures that return a [`Uuid`] are sources.
pub trait IdSource: Send + Sync {
    /// Returns an id that was not returned before.
    fn next_id(&self) -> Uuid;
}

impl<F: Fn() -> Uuid + Send + Sync> IdSource for F {
    fn next_id(&self) -> Uuid {
        self()
    }
}

/// Formats a UUID in upper case with hyphens.
pub(crate) fn upper(id: Uuid) -> String {
    id.as_hyphenated().encode_upper(&mut Uuid::encode_buffer()).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_compared_without_case_and_echoed_unchanged() {
        let id = CommandId::from(" 07936b27-7752-4325-8B0D-E7A1E9448320\n");
        assert_eq!(id, CommandId::from("07936B27-7752-4325-8B0D-E7A1E9448320"));
        assert_eq!(id.as_str(), "07936b27-7752-4325-8B0D-E7A1E9448320");
        assert_eq!(
            MessageId::from(Uuid::nil()).as_str(),
            "uuid:00000000-0000-0000-0000-000000000000"
        );
    }
}
