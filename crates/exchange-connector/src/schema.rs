//! What can be imported and exported: object classes, their attributes, and the cmdlet behind each.

use exchange_cmdlets::schema::{self, ObjectClass, Side};
use serde::{Serialize, Serializer};

use crate::settings::{
    Authority, AuthorityMap, CreateMethod, Deprovision, Infrastructure, Settings,
};

pub use exchange_cmdlets::schema::Kind as AttributeType;

/// Everything that can be imported and exported under the given settings.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Schema {
    /// The object classes, those of the own servers first.
    pub classes: Vec<ClassSchema>,
}

/// One object class: what Exchange calls `RecipientTypeDetails`.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ClassSchema {
    /// The name, such as `UserMailbox`.
    pub class: &'static str,
    /// The cmdlet that reads objects of this class.
    pub read: &'static str,
    /// The cmdlet that creates them.
    pub create: &'static str,
    /// The cmdlet that deletes them; `None` when the settings refuse deletes.
    pub delete: Option<&'static str>,
    /// The attributes, in the order an import gives them.
    pub attributes: Vec<AttributeSchema>,
}

/// One attribute of an object class.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct AttributeSchema {
    /// Exchange's own name.
    pub name: &'static str,
    /// What the values are.
    #[serde(rename = "type", serialize_with = "kind_name")]
    pub kind: AttributeType,
    /// Whether the value is a list.
    pub multi_valued: bool,
    /// Whether an import can give it.
    pub readable: bool,
    /// Whether an import gives it without being asked for it by name.
    pub read_by_default: bool,
    /// Whether a create can set it.
    pub writable_on_create: bool,
    /// Whether an update can set it.
    pub writable_on_update: bool,
    /// The cmdlet that owns it: the one that writes it, or for what cannot be written the one that reads it.
    pub cmdlet: &'static str,
    /// That cmdlet's parameter, or for what cannot be written the property.
    pub parameter: &'static str,
    /// The side that owns it, where the settings name both sides of a hybrid organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<Authority>,
}

/// The family of cmdlets that serves an object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Family {
    /// A mailbox on the own servers.
    Mailbox,
    /// A user of the own directory whose mailbox is in Exchange Online.
    RemoteMailbox,
    /// A mailbox in Exchange Online, seen from there.
    OnlineMailbox,
}

/// The cmdlets of one noun that read and write a part of an object.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Owner {
    /// `Get-User`, `Set-User`.
    User,
    /// `Get-CASMailbox`, `Set-CASMailbox`.
    ClientAccess,
    /// The family's own noun.
    Recipient,
}

impl Family {
    fn object_class(self) -> ObjectClass {
        match self {
            Self::Mailbox | Self::OnlineMailbox => ObjectClass::Mailbox,
            Self::RemoteMailbox => ObjectClass::RemoteMailbox,
        }
    }

    pub(crate) fn get(self) -> &'static str {
        match self {
            Self::Mailbox | Self::OnlineMailbox => "Get-Mailbox",
            Self::RemoteMailbox => "Get-RemoteMailbox",
        }
    }

    pub(crate) fn create(self, method: CreateMethod) -> &'static str {
        match (self, method) {
            (Self::Mailbox | Self::OnlineMailbox, CreateMethod::New) => "New-Mailbox",
            (Self::Mailbox | Self::OnlineMailbox, CreateMethod::Enable) => "Enable-Mailbox",
            (Self::RemoteMailbox, CreateMethod::New) => "New-RemoteMailbox",
            (Self::RemoteMailbox, CreateMethod::Enable) => "Enable-RemoteMailbox",
        }
    }

    pub(crate) fn delete(self, deprovision: Deprovision) -> Option<&'static str> {
        match (self, deprovision) {
            (_, Deprovision::Refuse) => None,
            (Self::Mailbox | Self::OnlineMailbox, Deprovision::Disable) => Some("Disable-Mailbox"),
            (Self::Mailbox | Self::OnlineMailbox, Deprovision::Remove) => Some("Remove-Mailbox"),
            (Self::RemoteMailbox, Deprovision::Disable) => Some("Disable-RemoteMailbox"),
            (Self::RemoteMailbox, Deprovision::Remove) => Some("Remove-RemoteMailbox"),
        }
    }

    /// Whether the cmdlets of this family are on that side.
    fn has(self, side: Side) -> bool {
        match self {
            Self::OnlineMailbox => side != Side::OnPremises,
            Self::Mailbox | Self::RemoteMailbox => side != Side::Online,
        }
    }

    /// The families an infrastructure manages.
    pub(crate) fn of(infrastructure: &Infrastructure) -> &'static [Self] {
        match infrastructure {
            Infrastructure::OnPremises(_) => &[Self::Mailbox],
            Infrastructure::Cloud(_) => &[Self::OnlineMailbox],
            Infrastructure::Hybrid(_) => &[Self::Mailbox, Self::RemoteMailbox],
        }
    }

    /// The family whose objects a create makes.
    pub(crate) fn created(infrastructure: &Infrastructure) -> Self {
        match infrastructure {
            Infrastructure::OnPremises(_) => Self::Mailbox,
            Infrastructure::Cloud(_) => Self::OnlineMailbox,
            Infrastructure::Hybrid(_) => Self::RemoteMailbox,
        }
    }

    /// The classes of this family that are managed.
    pub(crate) fn classes(self) -> &'static [&'static str] {
        match self {
            Self::Mailbox => &[
                "UserMailbox",
                "SharedMailbox",
                "RoomMailbox",
                "EquipmentMailbox",
                "LinkedMailbox",
                "LinkedRoomMailbox",
                "TeamMailbox",
                "SchedulingMailbox",
            ],
            Self::OnlineMailbox => &[
                "UserMailbox",
                "SharedMailbox",
                "RoomMailbox",
                "EquipmentMailbox",
                "TeamMailbox",
                "SchedulingMailbox",
            ],
            Self::RemoteMailbox => &[
                "RemoteUserMailbox",
                "RemoteSharedMailbox",
                "RemoteRoomMailbox",
                "RemoteEquipmentMailbox",
                "RemoteTeamMailbox",
            ],
        }
    }
}

impl Owner {
    pub(crate) fn get(self, family: Family) -> &'static str {
        match self {
            Self::Recipient => family.get(),
            Self::User => "Get-User",
            Self::ClientAccess => "Get-CASMailbox",
        }
    }

    pub(crate) fn set(self, family: Family) -> &'static str {
        match (self, family) {
            (Self::Recipient, Family::Mailbox | Family::OnlineMailbox) => "Set-Mailbox",
            (Self::Recipient, Family::RemoteMailbox) => "Set-RemoteMailbox",
            (Self::User, _) => "Set-User",
            (Self::ClientAccess, _) => "Set-CASMailbox",
        }
    }
}

/// One attribute as the engine uses it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attribute {
    inner: schema::Attribute,
    family: Family,
}

/// Attributes that move the primary address behind the back of `EmailAddresses`, which alone decides it.
const READ_ONLY: [&str; 2] = ["PrimarySmtpAddress", "WindowsEmailAddress"];

impl Attribute {
    pub(crate) fn name(self) -> &'static str {
        self.inner.name()
    }

    pub(crate) fn kind(self) -> AttributeType {
        self.inner.kind()
    }

    pub(crate) fn is_list(self) -> bool {
        self.inner.is_multi_valued()
    }

    /// Whether an import gives it without being asked for it by name.
    pub(crate) fn is_default(self) -> bool {
        self.inner.is_default()
    }

    /// The owner whose `Get-` shows this attribute.
    pub(crate) fn reader(self) -> Option<Owner> {
        self.inner.read_by().and_then(owner_of)
    }

    /// The owner whose `Set-` writes this attribute.
    pub(crate) fn writer(self) -> Option<Owner> {
        self.inner
            .update()
            .filter(|route| self.family.has(route.side) && !READ_ONLY.contains(&self.name()))
            .and_then(|route| owner_of(route.cmdlet))
    }

    /// Whether the create cmdlet has a parameter of this name.
    pub(crate) fn goes_with_create(self, method: CreateMethod) -> bool {
        if self.family == Family::OnlineMailbox {
            return method == CreateMethod::New && ONLINE_CREATE.contains(&self.name());
        }
        !READ_ONLY.contains(&self.name())
            && self
                .inner
                .create(self.family.create(method))
                .is_some_and(|route| self.family.has(route.side))
    }

    /// Whether it names the account, and so belongs to a create although no parameter has its name.
    pub(crate) fn names_account(self) -> bool {
        self.family == Family::OnlineMailbox && self.name() == "UserPrincipalName"
    }

    /// Whether the attribute of a synchronised object belongs to the own directory: a value set in the service would be
    /// taken back.
    pub(crate) fn is_mastered_on_premises(
        self,
        owner: Owner,
        exchange_managed_online: bool,
    ) -> bool {
        match owner {
            Owner::User => true,
            Owner::ClientAccess => false,
            Owner::Recipient => {
                let name = self.name();
                !exchange_managed_online
                    && (MASTERED.contains(&name)
                        || [
                            "CustomAttribute",
                            "ExtensionCustomAttribute",
                            "AcceptMessagesOnlyFrom",
                            "RejectMessagesFrom",
                        ]
                        .iter()
                        .any(|prefix| name.starts_with(prefix)))
            }
        }
    }
}

/// The attributes that the service's `New-Mailbox` takes in each of its parameter sets; the rest follows in a second step.
const ONLINE_CREATE: [&str; 3] = ["Name", "Alias", "DisplayName"];

/// Attributes of the recipient that directory synchronisation writes.
const MASTERED: [&str; 14] = [
    "Alias",
    "BypassModerationFromSendersOrMembers",
    "DisplayName",
    "EmailAddresses",
    "GrantSendOnBehalfTo",
    "HiddenFromAddressListsEnabled",
    "ImmutableId",
    "MicrosoftOnlineServicesID",
    "ModeratedBy",
    "ModerationEnabled",
    "Name",
    "Office",
    "RequireSenderAuthenticationEnabled",
    "SimpleDisplayName",
];

/// The owner whose cmdlet this is.
fn owner_of(cmdlet: &str) -> Option<Owner> {
    match cmdlet.split_once('-')?.1 {
        "Mailbox" | "RemoteMailbox" => Some(Owner::Recipient),
        "User" => Some(Owner::User),
        "CASMailbox" => Some(Owner::ClientAccess),
        _ => None,
    }
}

/// The attributes of a family that the server shows or takes, in import order.
pub(crate) fn attributes(family: Family) -> impl Iterator<Item = Attribute> {
    schema::attributes(family.object_class())
        .map(move |inner| Attribute { inner, family })
        .filter(|attribute| attribute.reader().is_some() || attribute.writer().is_some())
        .filter(move |attribute| {
            family != Family::OnlineMailbox || !NOT_ONLINE.contains(&attribute.name())
        })
}

/// What only the own servers have: the address policy's switch.
const NOT_ONLINE: [&str; 1] = ["EmailAddressPolicyEnabled"];

/// Finds an attribute by its name, without case.
pub(crate) fn attribute(family: Family, name: &str) -> Option<Attribute> {
    attributes(family).find(|attribute| attribute.name().eq_ignore_ascii_case(name))
}

/// The name nearest to one that does not exist.
pub(crate) fn nearest_attribute(families: &[Family], name: &str) -> Option<&'static str> {
    let names = families.iter().flat_map(|family| attributes(*family)).map(Attribute::name);
    crate::text::nearest(name, names)
}

/// Returns what can be imported and exported under `settings`, without asking a server.
#[must_use]
pub fn schema(settings: &Settings) -> Schema {
    let created = Family::created(&settings.infrastructure);
    let method = settings.create_method;
    let classes = Family::of(&settings.infrastructure)
        .iter()
        .flat_map(|family| family.classes().iter().map(move |class| (*family, *class)))
        .map(|(family, class)| ClassSchema {
            class,
            read: family.get(),
            create: family.create(method),
            delete: family.delete(settings.export.deprovision),
            attributes: match settings.online_side() {
                Some(side) if family == Family::RemoteMailbox => {
                    of_both_sides(method, family == created, &side.authority)
                }
                _ => attributes(family)
                    .map(|attribute| describe(attribute, method, family == created))
                    .collect(),
            },
        })
        .collect();
    Schema { classes }
}

/// The attributes of a mailbox that both sides know, each as the side shows it that owns it.
fn of_both_sides(method: CreateMethod, created: bool, map: &AuthorityMap) -> Vec<AttributeSchema> {
    let online = |name: &str| attribute(Family::OnlineMailbox, name);
    let own = attributes(Family::RemoteMailbox);
    let added = attributes(Family::OnlineMailbox)
        .filter(|attribute| self::attribute(Family::RemoteMailbox, attribute.name()).is_none());
    own.chain(added)
        .map(|attribute| {
            let side = map.of(attribute.name());
            let attribute = match side {
                Authority::Cloud => online(attribute.name()).unwrap_or(attribute),
                Authority::OnPremises | Authority::Nowhere => attribute,
            };
            let writable = side != Authority::Nowhere;
            let described = describe(attribute, method, created && side == Authority::OnPremises);
            AttributeSchema {
                writable_on_create: described.writable_on_create && writable,
                writable_on_update: described.writable_on_update && writable,
                authority: Some(side),
                ..described
            }
        })
        .collect()
}

fn kind_name<S: Serializer>(kind: &AttributeType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.as_str())
}

fn describe(attribute: Attribute, method: CreateMethod, created: bool) -> AttributeSchema {
    let family = attribute.family;
    let reader = attribute.reader();
    let cmdlet = match (attribute.writer(), reader) {
        (Some(writer), _) => writer.set(family),
        (None, Some(reader)) => reader.get(family),
        (None, None) => family.get(),
    };
    AttributeSchema {
        name: attribute.name(),
        kind: attribute.kind(),
        multi_valued: attribute.is_list(),
        readable: reader.is_some(),
        read_by_default: attribute.is_default(),
        writable_on_create: created
            && (attribute.goes_with_create(method) || attribute.writer().is_some()),
        writable_on_update: attribute.writer().is_some(),
        cmdlet,
        parameter: attribute.name(),
        authority: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_routed_to_the_cmdlet_that_owns_them() {
        let check = |family, name: &str, reader: &str, writer: Option<&str>| {
            let attribute = attribute(family, name).unwrap();
            assert_eq!(attribute.reader().map(|owner| owner.get(family)), Some(reader), "{name}");
            assert_eq!(attribute.writer().map(|owner| owner.set(family)), writer, "{name}");
        };
        check(Family::Mailbox, "displayname", "Get-Mailbox", Some("Set-Mailbox"));
        check(Family::RemoteMailbox, "DisplayName", "Get-RemoteMailbox", Some("Set-RemoteMailbox"));
        check(Family::Mailbox, "FirstName", "Get-User", Some("Set-User"));
        check(Family::Mailbox, "OWAEnabled", "Get-CASMailbox", Some("Set-CASMailbox"));
        check(Family::Mailbox, "PrimarySmtpAddress", "Get-Mailbox", None);
        assert!(attribute(Family::RemoteMailbox, "OWAEnabled").is_none());
        assert!(attribute(Family::Mailbox, "RemoteRoutingAddress").is_none());
    }

    #[test]
    fn every_cmdlet_of_the_table_has_an_owner() {
        for family in [Family::Mailbox, Family::RemoteMailbox] {
            for inner in schema::attributes(family.object_class()) {
                let attribute = Attribute { inner, family };
                let read = inner.read_by();
                assert_eq!(attribute.reader().map(|owner| owner.get(family)), read, "{inner:?}");
                if let (Some(owner), Some(route)) = (attribute.writer(), inner.update()) {
                    assert_eq!(owner.set(family), route.cmdlet, "{inner:?}");
                    assert_eq!(route.parameter, attribute.name(), "{inner:?}");
                }
            }
        }
    }

    #[test]
    fn a_slip_finds_the_name_that_was_meant() {
        let families = [Family::Mailbox, Family::RemoteMailbox];
        assert_eq!(nearest_attribute(&families, "DisplyName"), Some("DisplayName"));
        assert_eq!(nearest_attribute(&families, "Nothing like it"), None);
    }
}
