//! Views of output objects.
//!
//! The same mailbox arrives in several forms: flat, with every size and enumeration as text; full, with objects inside;
//! trimmed, with its properties moved and some of them objects again. The views answer the same for all of them.

use std::borrow::Cow;
use std::ops::Deref;

use address_policy::ProxyAddress;
use clixml::{ObjectId, Value};
use uuid::Uuid;

use crate::cmdlet::Output;
use crate::identity::Identity;
use crate::value::attribute_value;

/// An object of the directory.
#[derive(Clone, Debug, PartialEq)]
pub struct DirectoryObject {
    value: Value,
}

/// Why the addresses of an object cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressesError {
    /// The object came without the property, so nothing is known of its addresses.
    #[error("the object came without EmailAddresses")]
    Missing,
    /// An entry is no text, or an empty one.
    #[error("entry {index} of EmailAddresses is not readable")]
    Unreadable {
        /// Its place in the list, counted from 0.
        index: usize,
    },
}

impl DirectoryObject {
    /// Takes an output object.
    #[must_use]
    pub const fn new(value: Value) -> Self {
        Self { value }
    }

    /// Returns the object as it came.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// Returns the object as it came.
    #[must_use]
    pub fn into_value(self) -> Value {
        self.value
    }

    /// Returns a property as JSON; null when it is unset or did not come. See [`attribute_value`].
    #[must_use]
    pub fn attribute(&self, name: &str) -> serde_json::Value {
        self.property(name).map_or(serde_json::Value::Null, attribute_value)
    }

    /// Returns a property as it came, with a reference to another part of the object followed.
    ///
    /// In the full form `Id` is a reference to `Identity`.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&Value> {
        match self.value.property(name)? {
            Value::Ref(id) => referred(&self.value, *id),
            value => Some(value),
        }
    }

    /// Returns a property as text; `None` when it is unset, did not come or is a list.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.property(name)?.text()
    }

    /// Returns a property that is true or false.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<bool> {
        let value = self.property(name)?;
        value.as_bool().or_else(|| match &*value.text()? {
            text if text.eq_ignore_ascii_case("true") => Some(true),
            text if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        })
    }

    /// Returns a property that is a list of texts; a single text counts as a list of one.
    #[must_use]
    pub fn texts(&self, name: &str) -> Option<Vec<Cow<'_, str>>> {
        let value = self.property(name)?;
        match value.items() {
            Some(items) => Some(items.iter().filter_map(Value::text).collect()),
            None => value.text().map(|text| vec![text]),
        }
    }

    /// Returns the object's GUID; `None` when it has none of its own, which includes the GUID of zeros.
    #[must_use]
    pub fn guid(&self) -> Option<Uuid> {
        self.property("Guid")?.as_guid().filter(|guid| !guid.is_nil())
    }

    /// Returns the name that never changes: the GUID, as an identity.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        Identity::guid(self.guid()?).ok()
    }

    /// Returns the domain controller the object was read from or written to.
    #[must_use]
    pub fn originating_server(&self) -> Option<Cow<'_, str>> {
        self.text("OriginatingServer").filter(|server| !server.is_empty())
    }

    /// Returns the type Exchange gives the recipient, such as `UserMailbox` or `RemoteUserMailbox`.
    #[must_use]
    pub fn recipient_type_details(&self) -> Option<Cow<'_, str>> {
        self.text("RecipientTypeDetails")
    }

    /// Returns the addresses, in order.
    ///
    /// # Errors
    ///
    /// [`AddressesError`] when the property did not come or an entry is not readable. Either way nothing may be written
    /// from what could be read.
    pub fn email_addresses(&self) -> Result<Vec<ProxyAddress>, AddressesError> {
        let value = self.property("EmailAddresses").ok_or(AddressesError::Missing)?;
        if value.is_nil() {
            return Ok(Vec::new());
        }
        let items = value.items().unwrap_or_else(|| std::slice::from_ref(value));
        items
            .iter()
            .enumerate()
            .map(|(index, item)| address(item).ok_or(AddressesError::Unreadable { index }))
            .collect()
    }
}

/// Finds the object with this id among the properties of `root`, at any depth, without recursion.
fn referred(root: &Value, id: ObjectId) -> Option<&Value> {
    let mut open = vec![root];
    while let Some(value) = open.pop() {
        let Some(object) = value.as_object() else { continue };
        if object.id == Some(id) {
            return Some(value);
        }
        open.extend(object.properties().map(|property| &property.value));
    }
    None
}

/// Reads one entry: text, or in the full form an object that holds the text in a property as well.
fn address(item: &Value) -> Option<ProxyAddress> {
    let text = item.text().or_else(|| item.property("ProxyAddressString")?.text())?;
    text.parse().ok()
}

macro_rules! view {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            object: DirectoryObject,
        }

        impl Output for $name {
            fn from_value(value: Value) -> Self {
                Self { object: DirectoryObject::new(value) }
            }
        }

        impl From<Value> for $name {
            fn from(value: Value) -> Self {
                Self::from_value(value)
            }
        }

        impl From<$name> for Value {
            fn from(view: $name) -> Self {
                view.object.into_value()
            }
        }

        impl Deref for $name {
            type Target = DirectoryObject;

            fn deref(&self) -> &DirectoryObject {
                &self.object
            }
        }
    };
}

view! {
    /// A mailbox of this organisation.
    Mailbox
}
view! {
    /// A user of this organisation whose mailbox is in the service.
    RemoteMailbox
}
view! {
    /// A user, with or without a mailbox.
    User
}
view! {
    /// A domain the organisation takes mail for.
    AcceptedDomain
}
view! {
    /// The settings of the organisation.
    OrganizationConfig
}

impl Mailbox {
    /// Tells whether the address policy rules the addresses.
    #[must_use]
    pub fn email_address_policy_enabled(&self) -> Option<bool> {
        self.flag("EmailAddressPolicyEnabled")
    }

    /// Tells whether the object is consistent; an inconsistent one is not to be written.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.flag("IsValid") != Some(false)
    }
}

impl RemoteMailbox {
    /// Tells whether the address policy rules the addresses.
    #[must_use]
    pub fn email_address_policy_enabled(&self) -> Option<bool> {
        self.flag("EmailAddressPolicyEnabled")
    }

    /// Tells whether the object is consistent; an inconsistent one is not to be written.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.flag("IsValid") != Some(false)
    }

    /// Returns the address in the service that mail is routed to.
    #[must_use]
    pub fn remote_routing_address(&self) -> Option<ProxyAddress> {
        self.property("RemoteRoutingAddress").and_then(address)
    }
}

impl AcceptedDomain {
    /// Returns the domain, such as `contoso.com` or `*.contoso.com`.
    #[must_use]
    pub fn domain_name(&self) -> Option<Cow<'_, str>> {
        self.text("DomainName")
    }

    /// Returns what the organisation does with the domain's mail: `Authoritative`, `InternalRelay`, `ExternalRelay`.
    #[must_use]
    pub fn domain_type(&self) -> Option<Cow<'_, str>> {
        self.text("DomainType")
    }

    /// Tells whether this is the organisation's default domain.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.flag("Default") == Some(true)
    }

    /// Tells whether the domain takes in its sub-domains.
    #[must_use]
    pub fn match_sub_domains(&self) -> bool {
        self.flag("MatchSubDomains") == Some(true)
    }
}

impl OrganizationConfig {
    /// Returns the version of the organisation's objects, such as `0.1 (15.2.986.5)`, when it is given.
    #[must_use]
    pub fn version(&self) -> Option<Cow<'_, str>> {
        self.text("RBACConfigurationVersion").or_else(|| self.text("AdminDisplayVersion"))
    }

    /// Returns the number of the directory schema's last change by Exchange's setup.
    #[must_use]
    pub fn object_version(&self) -> Option<i64> {
        self.property("ObjectVersion")?.as_i64()
    }
}

#[cfg(test)]
mod tests {
    use clixml::{Object, TypeNames, Value};

    use super::{AddressesError, Mailbox, RemoteMailbox};

    fn mailbox(value: Value) -> Mailbox {
        Object::new().with_adapted("EmailAddresses", value).into_mailbox()
    }

    trait IntoMailbox {
        fn into_mailbox(self) -> Mailbox;
    }

    impl IntoMailbox for Object {
        fn into_mailbox(self) -> Mailbox {
            Value::from(self).into()
        }
    }

    #[test]
    fn addresses_are_read_from_every_form() {
        let flat = Value::list(TypeNames::none(), vec!["SMTP:a@b.c".into(), "X500:/o=A".into()]);
        let full = |text: &str| Value::from(Object::new().with_adapted("ProxyAddressString", text));
        let nested = Value::list(TypeNames::none(), vec![full("SMTP:a@b.c"), full("X500:/o=A")]);
        for value in [flat, nested] {
            let texts: Vec<_> =
                mailbox(value).email_addresses().unwrap().iter().map(ToString::to_string).collect();
            assert_eq!(texts, ["SMTP:a@b.c", "X500:/o=A"]);
        }
        assert_eq!(mailbox("smtp:a@b.c".into()).email_addresses().unwrap().len(), 1);
        assert_eq!(mailbox(Value::Nil).email_addresses(), Ok(Vec::new()));
    }

    #[test]
    fn what_is_not_known_of_the_addresses_is_an_error() {
        assert_eq!(Object::new().into_mailbox().email_addresses(), Err(AddressesError::Missing));
        let value = Value::list(TypeNames::none(), vec!["smtp:a@b.c".into(), Value::Nil]);
        assert_eq!(mailbox(value).email_addresses(), Err(AddressesError::Unreadable { index: 1 }));
    }

    #[test]
    fn a_guid_of_zeros_is_none() {
        let with = |text: &str| Object::new().with_extended("guid", text).into_mailbox();
        assert_eq!(with("00000000-0000-0000-0000-000000000000").guid(), None);
        let text = "9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2";
        assert_eq!(with(text).identity().unwrap().as_str(), text);
    }

    #[test]
    fn the_routing_address_is_an_address() {
        let remote: RemoteMailbox =
            Value::from(Object::new().with_adapted("RemoteRoutingAddress", "SMTP:a@t.c")).into();
        assert_eq!(remote.remote_routing_address().unwrap().address(), "a@t.c");
    }
}
