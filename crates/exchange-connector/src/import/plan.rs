//! From a request to the commands that read what it asks for.

use address_policy::ExcludedDomains;
use clixml::Value;
use exchange_cmdlets::{CmdletCall, Filter};

use serde_json::Value as Json;
use uuid::Uuid;

use super::ImportRequest;
use super::join::Extras;
use super::run::Accepted;
use super::state;
use crate::change::Attributes;
use crate::error::RequestError;
use crate::schema::{Attribute, Family, Owner, attribute, attributes, nearest_attribute};
use crate::session::Session;
use crate::settings::{Infrastructure, Settings};
use crate::value::{attribute_to_json, list_argument};

/// A request that was found to make sense under the settings.
pub(super) struct Plan {
    pub(super) parts: Vec<Part>,
    pub(super) filter: Option<Filter>,
    pub(super) excluded: ExcludedDomains,
}

/// What is read by one cmdlet.
pub(super) struct Part {
    pub(super) family: Family,
    /// Empty: all that are managed.
    pub(super) classes: Vec<&'static str>,
    pub(super) attributes: Vec<Attribute>,
    /// Whether the service may give typed rows, which do not show the server.
    typed: bool,
}

impl Plan {
    pub(super) fn new(settings: &Settings, request: &ImportRequest) -> Result<Self, RequestError> {
        let families = Family::of(&settings.infrastructure);
        let filter =
            request.filter.as_deref().map(Filter::new).transpose().map_err(RequestError::Filter)?;
        let wanted =
            request.attributes.as_deref().map(|names| check_names(families, names)).transpose()?;
        let classes = known_classes(families, &request.classes)?;
        let parts: Vec<_> = families
            .iter()
            .filter_map(|family| {
                let own: Vec<_> = classes
                    .iter()
                    .copied()
                    .filter(|class| family.classes().contains(class))
                    .collect();
                if own.is_empty() && !classes.is_empty() {
                    return None;
                }
                Some(Part {
                    family: *family,
                    classes: own,
                    attributes: attributes(*family)
                        .filter(|attribute| attribute.reader().is_some())
                        .filter(|attribute| match &wanted {
                            Some(names) => names.contains(&attribute.name()),
                            None => attribute.is_default(),
                        })
                        .collect(),
                    typed: has_typed_reads(settings),
                })
            })
            .collect();
        refuse_single_session(&parts, settings)?;
        Ok(Self { parts, filter, excluded: settings.excluded_smtp_domains.clone() })
    }

    /// What decides which objects are told, and what about them, in one line.
    pub(super) fn scope(&self) -> String {
        let parts = self.parts.iter().map(|part| {
            let names: Vec<_> = part.attributes.iter().map(|attribute| attribute.name()).collect();
            format!("{} {} {}", part.family.get(), part.classes.join(","), names.join(","))
        });
        let filter = self.filter.as_ref().map(ToString::to_string);
        state::scope(parts.chain(filter).chain([format!("{:?}", self.excluded)]))
    }
}

pub(super) fn known_classes(
    families: &[Family],
    names: &[String],
) -> Result<Vec<&'static str>, RequestError> {
    let known = || families.iter().flat_map(|family| family.classes()).copied();
    names
        .iter()
        .map(|name| {
            known().find(|class| class.eq_ignore_ascii_case(name.trim())).ok_or_else(|| {
                RequestError::UnknownClass { name: name.clone(), known: known().collect() }
            })
        })
        .collect()
}

/// The exact names of the attributes wanted.
pub(super) fn check_names(
    families: &[Family],
    names: &[String],
) -> Result<Vec<&'static str>, RequestError> {
    names
        .iter()
        .map(|name| {
            let name = name.trim();
            let found: Vec<_> =
                families.iter().filter_map(|family| attribute(*family, name)).collect();
            let Some(first) = found.first() else {
                return Err(RequestError::UnknownAttribute {
                    name: name.to_owned(),
                    nearest: nearest_attribute(families, name),
                });
            };
            if found.iter().any(|attribute| attribute.reader().is_some()) {
                Ok(first.name())
            } else {
                Err(RequestError::NotReadable { name: first.name() })
            }
        })
        .collect()
}

fn has_typed_reads(settings: &Settings) -> bool {
    matches!(&settings.infrastructure, Infrastructure::Cloud(cloud) if cloud.typed_reads)
}

/// Refuses attributes that need a second session when only one is allowed.
fn refuse_single_session(parts: &[Part], settings: &Settings) -> Result<(), RequestError> {
    if settings.max_sessions > 1 {
        return Ok(());
    }
    let mut needy = parts.iter().flat_map(|part| {
        part.attributes.iter().filter_map(|attribute| match attribute.reader() {
            None | Some(Owner::Recipient) => None,
            Some(owner) => Some((attribute.name(), owner.get(part.family))),
        })
    });
    match needy.next() {
        None => Ok(()),
        Some((attribute, cmdlet)) => Err(RequestError::NeedsSession { attribute, cmdlet }),
    }
}

/// What one command reads of a part.
#[derive(Clone, Copy)]
pub(super) enum Scope<'a> {
    /// All objects.
    Everything,
    /// The keys of all objects.
    Keys,
    /// The objects whose alias begins so.
    Prefix(&'a str),
    /// These objects, as far as they belong to the part.
    Objects(&'a [Uuid]),
}

impl Part {
    pub(super) fn call(
        &self,
        session: &Session,
        filter: Option<&Filter>,
        scope: Scope<'_>,
    ) -> CmdletCall {
        let mut call =
            session.pin(CmdletCall::new(self.family.get()).parameter("ResultSize", "Unlimited"));
        let filter = filter.map(ToString::to_string);
        let named = match scope {
            Scope::Everything | Scope::Keys => None,
            // It has plain characters only.
            Scope::Prefix(prefix) => Some(format!("Alias -like '{prefix}*'")),
            Scope::Objects(ids) => Some(guids(ids)),
        };
        let filter = match (filter, named) {
            (Some(filter), Some(named)) => Some(format!("({filter}) -and ({named})")),
            (filter, named) => filter.or(named),
        };
        if let Some(filter) = filter {
            call = call.parameter("Filter", filter);
        }
        // Get-RemoteMailbox has no such parameter; its classes are told apart here.
        if self.family != Family::RemoteMailbox && !self.classes.is_empty() {
            let classes = self.classes.iter().map(|class| Value::from(*class)).collect();
            call = call.parameter("RecipientTypeDetails", list_argument(classes));
        }
        if let Scope::Keys = scope {
            return call.select(KEYS.iter().copied());
        }
        let own = self
            .attributes
            .iter()
            .filter(|attribute| attribute.reader() == Some(Owner::Recipient))
            .map(|attribute| attribute.name());
        let always = ALWAYS_READ.iter().copied();
        let mut names: Vec<_> = always.filter(|name| !self.typed || *name != SERVER).collect();
        for name in own {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        call.select(names)
    }

    /// Whether the service may give typed rows.
    pub(super) const fn is_typed(&self) -> bool {
        self.typed
    }

    /// The other cmdlets that show some of the attributes.
    pub(super) fn other_readers(&self) -> impl Iterator<Item = Owner> {
        [Owner::User, Owner::ClientAccess].into_iter().filter(|owner| {
            self.attributes.iter().any(|attribute| attribute.reader() == Some(*owner))
        })
    }

    pub(super) fn wants(&self, class: &str) -> bool {
        self.classes.is_empty() || self.classes.iter().any(|own| own.eq_ignore_ascii_case(class))
    }

    /// The attributes of an object, from what its own cmdlet says and what the others add.
    pub(super) fn attributes_of(
        &self,
        object: &Accepted,
        extras: &Extras,
        excluded: &ExcludedDomains,
    ) -> Attributes {
        self.attributes
            .iter()
            .map(|attribute| {
                let source = match attribute.reader() {
                    None => None,
                    Some(Owner::Recipient) => Some(&object.value),
                    Some(owner) => extras.value(owner, object.id),
                };
                let value = source.and_then(|value| value.property(attribute.name()));
                let value = attribute_to_json(*attribute, value);
                (attribute.name(), hide_excluded(attribute.name(), value, excluded))
            })
            .collect()
    }
}

/// A filter that names these objects.
pub(super) fn guids<'a>(ids: impl IntoIterator<Item = &'a Uuid>) -> String {
    let terms: Vec<_> = ids.into_iter().map(|id| format!("Guid -eq '{id}'")).collect();
    terms.join(" -or ")
}

/// What tells which objects there are, whether they are wanted, and whether they were changed.
const KEYS: &[&str] = &["Guid", "Name", "RecipientTypeDetails", "Alias", "WhenChangedUTC"];

/// What every object is read with: its key, what it is, and where and when that was so.
const ALWAYS_READ: &[&str] = &["Guid", "Name", "RecipientTypeDetails", SERVER, "WhenChangedUTC"];
const SERVER: &str = "OriginatingServer";

/// Leaves addresses of excluded domains out of what describes the managed addresses.
///
/// A primary address of an excluded domain is therefore `null`: it is not managed, so it is not shown.
fn hide_excluded(name: &str, value: Json, excluded: &ExcludedDomains) -> Json {
    let visible =
        |value: &Json| value.as_str().is_none_or(|text| address_policy::is_visible(text, excluded));
    match (name, value) {
        ("EmailAddresses", Json::Array(items)) => items.into_iter().filter(visible).collect(),
        ("PrimarySmtpAddress" | "WindowsEmailAddress", value) if !visible(&value) => Json::Null,
        (_, value) => value,
    }
}
