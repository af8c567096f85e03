//! What an import has seen, and whether anything is missing.

use std::collections::HashSet;
use std::time::{SystemTime, UNIX_EPOCH};

use clixml::Value;
use exchange_cmdlets::{CmdletItem, TransportError, WarningKind};
use uuid::Uuid;

use super::ImportError;
use super::plan::Part;
use crate::change::Change;
use crate::error::{Error, report};
use crate::managed::is_system;
use crate::session::originating_server;
use crate::text::sanitized;

/// An object that is to be given.
pub(super) struct Accepted {
    pub(super) id: Uuid,
    pub(super) class: String,
    pub(super) value: Value,
}

/// What became of something that arrived.
pub(super) enum Taken {
    Object(Accepted),
    Line(Change),
    Nothing,
}

/// What an import has seen so far.
pub(super) struct Run {
    domain_controller: Option<String>,
    started: u64,
    last_change: String,
    objects: u64,
    seen: HashSet<Uuid>,
    /// The first thing that went wrong.
    incomplete: Option<String>,
}

impl Run {
    pub(super) fn new(domain_controller: Option<&str>) -> Self {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Self {
            domain_controller: domain_controller.map(str::to_owned),
            started,
            last_change: String::new(),
            objects: 0,
            seen: HashSet::new(),
            incomplete: None,
        }
    }

    pub(super) fn take(&mut self, part: &Part, item: Result<CmdletItem, TransportError>) -> Taken {
        match item {
            Ok(CmdletItem::Object(value)) => self.object(part, value),
            Ok(CmdletItem::Warning(text)) => Taken::Line(self.warning(part, &text)),
            Ok(CmdletItem::Error(record)) => {
                let reason =
                    format!("{} reported: {}", part.family.get(), sanitized(&record.message));
                Taken::Line(self.fault(reason))
            }
            Ok(_) => Taken::Nothing,
            Err(error) => {
                let error = Error::from_transport(part.family.get(), error);
                Taken::Line(self.fault(report(&error)))
            }
        }
    }

    fn object(&mut self, part: &Part, value: Value) -> Taken {
        let text = |name: &str| value.property(name).and_then(Value::text).unwrap_or_default();
        let (class, name) = (text("RecipientTypeDetails"), text("Name"));
        // Both are looked at before anything is left out: an object that lacks one cannot be told from one that is wanted.
        if class.is_empty() {
            let reason = format!("the object {name:?} carries no RecipientTypeDetails");
            return Taken::Line(self.fault(reason));
        }
        let id = value.property("Guid").and_then(Value::as_guid).filter(|id| !id.is_nil());
        let Some(id) = id else {
            let reason = format!("the object {name:?} carries no GUID");
            return Taken::Line(self.fault(reason));
        };
        if !self.seen.insert(id) {
            return Taken::Line(self.fault(format!("the GUID {id} came twice")));
        }
        if is_system(&class, &name) || !part.wants(&class) {
            return Taken::Nothing;
        }
        if self.domain_controller.is_none() {
            self.domain_controller = originating_server(&value);
        }
        // The server's UTC dates sort as text.
        let changed = text("WhenChangedUTC");
        if *changed > *self.last_change {
            self.last_change = changed.into_owned();
        }
        let class = class.into_owned();
        Taken::Object(Accepted { id, class, value })
    }

    fn warning(&mut self, part: &Part, text: &str) -> Change {
        let message = format!("{}: {}", part.family.get(), sanitized(text));
        if WarningKind::of(text) == WarningKind::Truncated {
            self.missing(message.clone());
        }
        Change::Warning { message }
    }

    /// Counts an object that was given.
    pub(super) fn given(&mut self) {
        self.objects += 1;
    }

    /// Something is missing; the line tells at once what, for the last line names only the first.
    pub(super) fn fault(&mut self, reason: String) -> Change {
        self.missing(reason.clone());
        Change::Warning { message: reason }
    }

    fn missing(&mut self, reason: String) {
        self.incomplete.get_or_insert(reason);
    }

    pub(super) fn end(self) -> (Change, Option<ImportError>) {
        let objects = self.objects;
        match self.incomplete {
            None => {
                let server = self.domain_controller.unwrap_or_default();
                let cursor = format!("1|{server}|{}|{}", self.started, self.last_change);
                (Change::Complete { objects, deletes: 0, cursor }, None)
            }
            Some(reason) => (
                Change::Incomplete { reason: reason.clone(), objects },
                Some(ImportError::Incomplete { reason, objects }),
            ),
        }
    }
}
