//! Joining the two sides of a hybrid organisation by the GUID of the mailbox.
//!
//! The service is read first and kept; then each object of the own servers is given as it comes, with what its mailbox in
//! the service adds. What is left then is in the service alone. Nothing is concluded from what one side did not give: while
//! it is not known whether an object of the service belongs to one of the own directory, it is not given.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_stream::stream;
use futures_util::StreamExt as _;
use serde_json::Value as Json;
use uuid::Uuid;

use super::plan::{check_names, known_classes};
use super::state;
use super::{ImportError, ImportRequest, ImportStream, import_side};
use crate::change::{Attributes, Change, ObjectChange};
use crate::connector::Inner;
use crate::error::RequestError;
use crate::schema::{Family, attribute};
use crate::settings::{Authority, AuthorityMap, Settings};

pub(super) fn import(
    inner: Arc<Inner>,
    online: Arc<Inner>,
    request: &ImportRequest,
) -> ImportStream {
    let plan = Plan::new(&inner.settings, request);
    Box::pin(stream! {
        let Plan { own, there, mut join } = match plan {
            Ok(plan) => plan,
            Err(error) => {
                yield Err(ImportError::Refused(error));
                return;
            }
        };
        // Without the own side nothing can be joined: then the service need not be asked.
        if let Err(error) = inner.session().await {
            yield Err(ImportError::Open(error));
            return;
        }
        let mut changes = import_side(online, there);
        while let Some(change) = changes.next().await {
            match join.keep(change) {
                Ok(Some(line)) => yield Ok(line),
                Ok(None) => {}
                Err(error) => {
                    yield Err(error);
                    return;
                }
            }
        }
        let mut changes = import_side(inner, own);
        while let Some(change) = changes.next().await {
            match join.give(change) {
                Ok(lines) => {
                    for line in lines {
                        yield Ok(line);
                    }
                }
                Err(error) => {
                    yield Err(error);
                    return;
                }
            }
        }
        for line in join.rest() {
            yield Ok(line);
        }
        let (last, error) = join.end();
        yield Ok(last);
        if let Some(error) = error {
            yield Err(error);
        }
    })
}

/// What decides which objects are told, and what about them.
pub(super) fn scope(settings: &Settings, request: &ImportRequest) -> String {
    let ImportRequest { classes, attributes, filter, .. } = request;
    let asked = format!("{classes:?} {attributes:?} {filter:?}");
    let authority = settings.online_side().map(|side| &side.authority);
    let by = format!("{:?} {authority:?}", settings.excluded_smtp_domains);
    state::scope([asked, by])
}

/// What is asked of each side.
struct Plan {
    own: ImportRequest,
    there: ImportRequest,
    join: Join,
}

impl Plan {
    fn new(settings: &Settings, request: &ImportRequest) -> Result<Self, RequestError> {
        if request.filter.is_some() {
            return Err(RequestError::NotAvailable {
                what: "a filter over both sides of a hybrid organisation",
                instead: "leave it out, or read the own servers alone with authority.join = false",
            });
        }
        let own_families = Family::of(&settings.infrastructure);
        let families: Vec<_> =
            own_families.iter().copied().chain([Family::OnlineMailbox]).collect();
        let classes = known_classes(&families, &request.classes)?;
        let wanted =
            request.attributes.as_deref().map(|names| check_names(&families, names)).transpose()?;
        let side = |families: &[Family]| ImportRequest {
            classes: Vec::new(),
            attributes: wanted.as_deref().map(|names| readable(families, names)),
            filter: None,
            // Changes alone are told of the objects as they are when they are joined.
            state: None,
            full: true,
        };
        let (own, there) = (side(own_families), side(&[Family::OnlineMailbox]));
        let authority = settings.online_side().map(|side| side.authority.clone());
        let join = Join::new(classes, wanted, authority.unwrap_or_default());
        Ok(Self { own, there, join })
    }
}

/// The attributes that a side can show, and what the sides are joined by.
fn readable(families: &[Family], names: &[&'static str]) -> Vec<String> {
    let shown = |name: &str| {
        families.iter().any(|family| {
            attribute(*family, name).is_some_and(|attribute| attribute.reader().is_some())
        })
    };
    let own = names.iter().copied().filter(|name| shown(name) && *name != EXCHANGE_GUID);
    own.chain([EXCHANGE_GUID]).map(str::to_owned).collect()
}

/// An object of the service.
struct Kept {
    id: String,
    class: String,
    attributes: Attributes,
}

/// How far the joining is.
struct Join {
    /// Empty: all.
    classes: Vec<&'static str>,
    /// `None`: all that are given by default.
    wanted: Option<HashSet<&'static str>>,
    authority: AuthorityMap,
    /// Objects of the service by the GUID of their mailbox.
    kept: HashMap<Uuid, Kept>,
    /// Objects of the service whose mailbox has no GUID.
    without: Vec<Kept>,
    joined: HashSet<Uuid>,
    /// Remote mailboxes that name no mailbox.
    unnamed: u64,
    objects: u64,
    cursors: Vec<String>,
    own_ended_well: bool,
    /// The first thing that went wrong.
    incomplete: Option<String>,
}

impl Join {
    fn new(
        classes: Vec<&'static str>,
        wanted: Option<Vec<&'static str>>,
        authority: AuthorityMap,
    ) -> Self {
        Self {
            classes,
            wanted: wanted.map(|names| names.into_iter().collect()),
            authority,
            kept: HashMap::new(),
            without: Vec::new(),
            joined: HashSet::new(),
            unnamed: 0,
            objects: 0,
            cursors: Vec::new(),
            own_ended_well: false,
            incomplete: None,
        }
    }

    /// Takes what the service says; gives a line to be handed on.
    fn keep(&mut self, change: Result<Change, ImportError>) -> Result<Option<Change>, ImportError> {
        Ok(match change {
            Ok(Change::Object(ObjectChange::Upsert { class, id, attributes })) => {
                let kept = Kept { id, class, attributes };
                match mailbox_of(&kept.attributes) {
                    None => {
                        self.without.push(kept);
                        None
                    }
                    Some(guid) => {
                        let former = self.kept.insert(guid, kept);
                        former.map(|former| {
                            self.fault(format!(
                                "the ExchangeGuid {guid} came twice from Exchange Online, once with {}",
                                former.id
                            ))
                        })
                    }
                }
            }
            Ok(Change::Warning { message }) => {
                Some(Change::Warning { message: format!("Exchange Online: {message}") })
            }
            Ok(Change::Complete { cursor, .. }) => {
                self.cursors.push(cursor);
                None
            }
            Ok(Change::Incomplete { reason, .. }) => {
                self.incomplete.get_or_insert_with(|| format!("Exchange Online: {reason}"));
                None
            }
            Ok(Change::Object(ObjectChange::Delete { .. }))
            | Err(ImportError::Incomplete { .. }) => None,
            Err(error) => return Err(error),
        })
    }

    /// Takes what the own servers say; gives the lines for it.
    fn give(&mut self, change: Result<Change, ImportError>) -> Result<Vec<Change>, ImportError> {
        Ok(match change {
            Ok(Change::Object(ObjectChange::Upsert { class, id, attributes })) => {
                self.own(class, id, attributes)
            }
            Ok(Change::Complete { cursor, .. }) => {
                self.own_ended_well = true;
                self.cursors.insert(0, cursor);
                Vec::new()
            }
            Ok(Change::Incomplete { reason, .. }) => {
                self.incomplete.get_or_insert(reason);
                Vec::new()
            }
            Ok(other) => vec![other],
            Err(ImportError::Incomplete { .. }) => Vec::new(),
            Err(error) => return Err(error),
        })
    }

    fn own(&mut self, class: String, id: String, attributes: Attributes) -> Vec<Change> {
        let mut lines = Vec::new();
        let is_remote = Family::RemoteMailbox.classes().contains(&class.as_str());
        let mut there = None;
        match mailbox_of(&attributes) {
            None => self.unnamed += u64::from(is_remote),
            Some(guid) if !self.joined.insert(guid) => {
                lines.push(self.fault(format!(
                    "the ExchangeGuid {guid} came twice from the own servers, the second time with {id}"
                )));
            }
            Some(guid) => {
                there = self.kept.remove(&guid);
                if !is_remote && there.is_some() {
                    let message =
                        format!("{id} has a mailbox on both sides, with the ExchangeGuid {guid}");
                    lines.push(Change::Warning { message });
                }
            }
        }
        let attributes = match is_remote {
            true => self.merged(&attributes, there.as_ref().map(|kept| &kept.attributes)),
            false => self.only_wanted(attributes.iter()),
        };
        lines.extend(self.upsert(class, id, attributes));
        lines
    }

    /// Each attribute from the side that owns it. Those of the service are left out where it has no such mailbox, for null
    /// would say that they are unset.
    fn merged(&self, own: &Attributes, there: Option<&Attributes>) -> Attributes {
        let of_service = |name: &str| {
            self.authority.of(name) == Authority::Cloud
                && attribute(Family::OnlineMailbox, name)
                    .is_some_and(|attribute| attribute.reader().is_some())
        };
        let from_own = own.iter().filter_map(|(name, value)| match there {
            _ if !of_service(name) => Some((name, value)),
            Some(there) => there.get(name).map(|value| (name, value)),
            None => None,
        });
        let added = there.into_iter().flat_map(Attributes::iter);
        self.only_wanted(from_own.chain(added.filter(|(name, _)| own.get(name).is_none())))
    }

    fn only_wanted<'a>(&self, entries: impl Iterator<Item = (&'a str, &'a Json)>) -> Attributes {
        let is_wanted =
            |name: &str| self.wanted.as_ref().is_none_or(|wanted| wanted.contains(name));
        entries
            .filter(|(name, _)| is_wanted(name))
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect()
    }

    fn upsert(&mut self, class: String, id: String, attributes: Attributes) -> Option<Change> {
        let is_wanted = self.classes.is_empty()
            || self.classes.iter().any(|wanted| wanted.eq_ignore_ascii_case(&class));
        is_wanted.then(|| {
            self.objects += 1;
            Change::Object(ObjectChange::Upsert { class, id, attributes })
        })
    }

    /// The objects that are in the service alone, when that can be said.
    fn rest(&mut self) -> Vec<Change> {
        let mut lines = Vec::new();
        if self.unnamed > 0 {
            lines.push(Change::Warning {
                message: format!(
                    "{} remote mailboxes carry no ExchangeGuid, so they are not joined with their mailboxes in Exchange \
                     Online, which are given as objects of their own: set it with Set-RemoteMailbox -ExchangeGuid",
                    self.unnamed
                ),
            });
        }
        let mut rest: Vec<_> = self.kept.drain().map(|(_, kept)| kept).collect();
        rest.append(&mut self.without);
        if !self.own_ended_well {
            return lines;
        }
        // The same order each time.
        rest.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        for Kept { id, class, attributes } in rest {
            let attributes = self.only_wanted(attributes.iter());
            lines.extend(self.upsert(class, id, attributes));
        }
        lines
    }

    fn fault(&mut self, reason: String) -> Change {
        self.incomplete.get_or_insert_with(|| reason.clone());
        Change::Warning { message: reason }
    }

    /// The last line, and the error that follows it.
    fn end(&mut self) -> (Change, Option<ImportError>) {
        let objects = self.objects;
        if self.cursors.len() < 2 {
            self.incomplete.get_or_insert_with(|| "one side did not come to its end".to_owned());
        }
        match self.incomplete.take() {
            None => {
                let cursor = self.cursors.join(";");
                (Change::Complete { objects, deletes: 0, cursor }, None)
            }
            Some(reason) => (
                Change::Incomplete { reason: reason.clone(), objects },
                Some(ImportError::Incomplete { reason, objects }),
            ),
        }
    }
}

/// The GUID of the mailbox; zeros name none.
fn mailbox_of(attributes: &Attributes) -> Option<Uuid> {
    let text = attributes.get(EXCHANGE_GUID)?.as_str()?;
    text.parse().ok().filter(|guid: &Uuid| !guid.is_nil())
}

const EXCHANGE_GUID: &str = "ExchangeGuid";
