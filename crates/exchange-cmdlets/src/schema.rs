//! The attributes of recipients: their types, the cmdlet each is read by, and the parameter each is written by.
//!
//! One recipient is spread over several cmdlets: its mail properties are written by `Set-Mailbox` or `Set-RemoteMailbox`,
//! its name and address by `Set-User`, its protocols by `Set-CASMailbox`. [`attribute`] says which, by name.
//!
//! ```
//! use exchange_cmdlets::schema::{self, Kind, ObjectClass};
//!
//! let department = schema::attribute(ObjectClass::Mailbox, "department").expect("the table has it");
//! let route = department.update().expect("it can be written");
//! assert_eq!((department.kind(), route.cmdlet, route.parameter), (Kind::Text, "Set-User", "Department"));
//! assert!(schema::attribute(ObjectClass::Mailbox, "NoSuchThing").is_none());
//! ```

mod table;

use std::fmt;

use self::table::{ROWS, Row, creator, reader, writer};

/// A kind of recipient.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum ObjectClass {
    /// A mailbox of this organisation.
    Mailbox,
    /// A user of this organisation whose mailbox is in the service.
    RemoteMailbox,
}

/// What an attribute's values are.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Kind {
    /// Text.
    Text,
    /// True or false.
    Boolean,
    /// A whole number.
    Integer,
    /// A size such as `35 MB (36,700,160 bytes)`, or `Unlimited`; suffixes B, KB, MB, GB and TB are taken.
    Size,
    /// A number such as `500`, or `Unlimited`.
    Limit,
    /// A duration such as `14.00:00:00`, or `Unlimited` where there is no limit.
    Duration,
    /// A date and time.
    Date,
    /// A GUID, in lower case; zeros where none is set.
    Guid,
    /// A name out of a list.
    Enumeration,
    /// A name of another object.
    Reference,
    /// One SMTP address without a type.
    SmtpAddress,
    /// An address with its type, such as `smtp:ann@contoso.com`.
    ProxyAddress,
    /// A language such as `en-US`.
    Culture,
    /// A country, printed by name; two letters are taken too.
    Country,
}

/// On which side of an organisation an attribute can be written.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Side {
    /// On both.
    Both,
    /// On-premises only.
    OnPremises,
    /// In the service only.
    Online,
}

/// A cmdlet and its parameter.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Route {
    /// The cmdlet.
    pub cmdlet: &'static str,
    /// The parameter.
    pub parameter: &'static str,
    /// Where the cmdlet has the parameter.
    pub side: Side,
}

/// An attribute of one class.
#[derive(Clone, Copy)]
pub struct Attribute {
    row: &'static Row,
    class: ObjectClass,
}

/// Parameters that take secrets: their values travel as secure strings and stand in no log.
pub const SECRET_PARAMETERS: [&str; 4] =
    ["Password", "NewPassword", "OldPassword", "RoomMailboxPassword"];

/// Tells whether the parameter `name`, in any case, takes a secret.
#[must_use]
pub fn is_secret_parameter(name: &str) -> bool {
    SECRET_PARAMETERS.iter().any(|secret| secret.eq_ignore_ascii_case(name))
}

/// Returns the attributes of a class, in the order they are presented.
pub fn attributes(class: ObjectClass) -> impl Iterator<Item = Attribute> {
    ROWS.iter().map(move |row| Attribute { row, class }).filter(move |attribute| {
        attribute.read_by().is_some()
            || attribute.update().is_some()
            || attribute.row.is_created_in(class)
    })
}

/// Returns the attribute `name` of a class, in any case.
#[must_use]
pub fn attribute(class: ObjectClass, name: &str) -> Option<Attribute> {
    attributes(class).find(|attribute| attribute.name().eq_ignore_ascii_case(name))
}

impl ObjectClass {
    /// Returns both classes.
    #[must_use]
    pub const fn all() -> [Self; 2] {
        [Self::Mailbox, Self::RemoteMailbox]
    }

    /// Returns the name, such as `RemoteMailbox`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mailbox => "Mailbox",
            Self::RemoteMailbox => "RemoteMailbox",
        }
    }
}

impl fmt::Display for ObjectClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Kind {
    /// Returns the name in the output of a schema.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Size => "size",
            Self::Limit => "limit",
            Self::Duration => "duration",
            Self::Date => "date",
            Self::Guid => "guid",
            Self::Enumeration => "enumeration",
            Self::Reference => "reference",
            Self::SmtpAddress => "smtp-address",
            Self::ProxyAddress => "proxy-address",
            Self::Culture => "culture",
            Self::Country => "country",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Attribute {
    /// Returns Exchange's name of the attribute.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.row.name
    }

    /// Returns what its values are.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.row.kind
    }

    /// Tells whether it holds a list.
    #[must_use]
    pub const fn is_multi_valued(&self) -> bool {
        self.row.multi_valued
    }

    /// Returns the class.
    #[must_use]
    pub const fn class(&self) -> ObjectClass {
        self.class
    }

    /// Returns the cmdlet it is read by: that of the class when it has the attribute, else another.
    #[must_use]
    pub fn read_by(&self) -> Option<&'static str> {
        reader(self.class, self.row.read)
    }

    /// Returns the parameter that sets it when `cmdlet` makes the object.
    #[must_use]
    pub fn create(&self, cmdlet: &str) -> Option<Route> {
        let cmdlet = creator(self.row.create, cmdlet)?;
        Some(Route { cmdlet, parameter: self.row.name, side: self.row.create_side })
    }

    /// Returns the parameter that changes it later.
    #[must_use]
    pub fn update(&self) -> Option<Route> {
        let cmdlet = writer(self.class, self.row.update)?;
        Some(Route { cmdlet, parameter: self.row.name, side: self.row.update_side })
    }

    /// Tells whether an import reads it when nobody chose attributes.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.row.default && self.read_by() == reader(self.class, table::GET_OWN)
    }
}

impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.class, self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{ObjectClass, Side, attribute, attributes, is_secret_parameter};

    #[track_caller]
    fn route(class: ObjectClass, name: &str) -> Option<&'static str> {
        attribute(class, name)
            .expect("the table has the attribute")
            .update()
            .map(|route| route.cmdlet)
    }

    #[test]
    fn names_are_unique() {
        for class in ObjectClass::all() {
            let names: Vec<_> =
                attributes(class).map(|attribute| attribute.name().to_lowercase()).collect();
            assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        }
    }

    #[test]
    fn each_class_has_its_own_cmdlet() {
        assert_eq!(route(ObjectClass::Mailbox, "CustomAttribute15"), Some("Set-Mailbox"));
        assert_eq!(
            route(ObjectClass::RemoteMailbox, "CustomAttribute15"),
            Some("Set-RemoteMailbox")
        );
        assert_eq!(route(ObjectClass::Mailbox, "Title"), Some("Set-User"));
        assert_eq!(route(ObjectClass::RemoteMailbox, "Title"), Some("Set-User"));
        assert_eq!(route(ObjectClass::Mailbox, "Office"), Some("Set-Mailbox"));
        assert_eq!(route(ObjectClass::RemoteMailbox, "Office"), Some("Set-User"));
        assert_eq!(route(ObjectClass::Mailbox, "OWAEnabled"), Some("Set-CASMailbox"));
        assert_eq!(route(ObjectClass::Mailbox, "ExchangeGuid"), None);
        assert_eq!(route(ObjectClass::RemoteMailbox, "ExchangeGuid"), Some("Set-RemoteMailbox"));
        assert!(attribute(ObjectClass::RemoteMailbox, "OWAEnabled").is_none());
        assert!(attribute(ObjectClass::Mailbox, "RemoteRoutingAddress").is_none());
    }

    #[test]
    fn creation_has_its_own_parameters() {
        let alias = attribute(ObjectClass::Mailbox, "alias").unwrap();
        for cmdlet in ["New-Mailbox", "Enable-Mailbox", "new-remotemailbox", "Enable-RemoteMailbox"]
        {
            assert_eq!(alias.create(cmdlet).unwrap().parameter, "Alias");
        }
        let name = attribute(ObjectClass::Mailbox, "Name").unwrap();
        assert!(name.create("New-Mailbox").is_some());
        assert!(name.create("Enable-Mailbox").is_none());
        assert!(name.create("Set-Mailbox").is_none());
    }

    #[test]
    fn sides_are_told_apart() {
        let side = |name| attribute(ObjectClass::Mailbox, name).unwrap().update().unwrap().side;
        assert_eq!(side("EmailAddressPolicyEnabled"), Side::OnPremises);
        assert_eq!(side("EmailAddresses"), Side::Both);
        assert_eq!(side("JournalArchiveAddress"), Side::Online);
    }

    #[test]
    fn defaults_come_with_the_object_itself() {
        for (class, cmdlet) in [
            (ObjectClass::Mailbox, "Get-Mailbox"),
            (ObjectClass::RemoteMailbox, "Get-RemoteMailbox"),
        ] {
            let defaults: Vec<_> = attributes(class).filter(super::Attribute::is_default).collect();
            assert!((50..=80).contains(&defaults.len()), "{class}: {}", defaults.len());
            assert!(defaults.iter().all(|attribute| attribute.read_by() == Some(cmdlet)));
            for name in [
                "Guid",
                "DistinguishedName",
                "EmailAddresses",
                "CustomAttribute1",
                "OriginatingServer",
            ] {
                assert!(
                    defaults.iter().any(|attribute| attribute.name() == name),
                    "{class} {name}"
                );
            }
        }
    }

    #[test]
    fn passwords_are_secret_and_no_attributes() {
        assert!(is_secret_parameter("roommailboxpassword"));
        assert!(!is_secret_parameter("ResetPasswordOnNextLogon"));
        for class in ObjectClass::all() {
            assert!(attributes(class).all(|attribute| !is_secret_parameter(attribute.name())));
        }
    }
}
