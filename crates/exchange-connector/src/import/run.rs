//! What an import has seen, and whether anything is missing.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::time::{SystemTime, UNIX_EPOCH};

use clixml::Value;
use exchange_cmdlets::WarningKind;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::ImportError;
use super::join::BATCH;
use super::plan::Part;
use super::prefix::{self, prefixes};
use super::state::{State, Unwritten};
use crate::change::{Change, ObjectChange};
use crate::managed::is_system;
use crate::session::{Session, originating_server};
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
    servers: Servers,
    started: u64,
    last_change: String,
    objects: u64,
    /// In which pass each object was shown last.
    seen: HashMap<Uuid, u32>,
    /// INVARIANT: at least 1 once a pass has begun.
    pass: u32,
    /// The first pass of the part.
    first_pass: u32,
    /// Objects that a pass over the keys showed and that were not given yet.
    missing: HashSet<Uuid>,
    /// What that pass showed, by alias.
    keys: Vec<prefix::Key>,
    /// What earlier imports left, if that is kept.
    state: Option<State>,
    deletes: u64,
    /// The first thing that went wrong.
    incomplete: Option<String>,
    faults: u32,
}

/// The domain controllers that were read from.
enum Servers {
    None,
    One(String),
    /// Then no point in time means the same for all objects.
    Several,
}

/// What is told apart about an object before anything else.
struct Key {
    id: Uuid,
    class: String,
    is_wanted: bool,
}

/// The most objects one import tells apart; below the number at which the tables that know them would grow beyond some
/// 100 MB. Only a server that does not mean well has more.
const MAX_OBJECTS: usize = 1_800_000;

/// Errors, and objects that make no sense, after which an import is given up.
const MAX_FAULTS: u32 = 1000;

impl Run {
    pub(super) fn new(now: SystemTime, state: Option<State>) -> Self {
        let started = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Self {
            servers: Servers::None,
            started,
            last_change: String::new(),
            objects: 0,
            seen: HashMap::new(),
            pass: 0,
            first_pass: 1,
            missing: HashSet::new(),
            keys: Vec::new(),
            state,
            deletes: 0,
            incomplete: None,
            faults: 0,
        }
    }

    /// Whether only changes are read.
    pub(super) fn is_delta(&self) -> bool {
        self.state.as_ref().is_some_and(State::is_delta)
    }

    /// Notes over which session the objects come from now on.
    pub(super) fn over(&mut self, session: &Session) {
        if let Some(server) = session.domain_controller() {
            self.servers.add(server);
        }
    }

    pub(super) fn begin_pass(&mut self) {
        self.pass = self.pass.saturating_add(1);
    }

    /// A pass over the keys begins.
    pub(super) fn begin_keys(&mut self) {
        self.missing.clear();
        self.keys.clear();
    }

    /// Whether the pass is the first one over the part.
    pub(super) fn is_first_pass(&self) -> bool {
        self.pass == self.first_pass
    }

    pub(super) fn begin_part(&mut self) {
        self.first_pass = self.pass.saturating_add(1);
    }

    /// Whether there are more objects than an import holds.
    pub(super) fn is_full(&self) -> bool {
        self.seen.len().saturating_add(self.missing.len()) >= MAX_OBJECTS
    }

    /// Whether so much is wrong that the rest need not be read: a server can go on with it for ever.
    pub(super) const fn is_hopeless(&self) -> bool {
        self.faults >= MAX_FAULTS
    }

    /// Whether nothing was shown yet.
    pub(super) fn has_seen_nothing(&self) -> bool {
        self.seen.is_empty() && self.missing.is_empty()
    }

    /// Whether a pass showed the object itself, and not its key alone.
    pub(super) fn has_seen(&self, id: &Uuid) -> bool {
        self.seen.contains_key(id)
    }

    /// Whether the last pass over the keys showed one of these, and no pass the object itself.
    pub(super) fn misses_any(&self, ids: &HashSet<Uuid>) -> bool {
        ids.iter().any(|id| self.missing.contains(id))
    }

    /// Takes an object of a pass over everything.
    pub(super) fn object(&mut self, part: &Part, value: Value) -> Taken {
        let key = match Key::of(part, &value) {
            Ok(key) => key,
            Err(reason) => return Taken::Line(self.fault(reason)),
        };
        self.missing.remove(&key.id);
        match self.seen.insert(key.id, self.pass) {
            None => self.accept(key, value),
            // Given, or left out, by an earlier pass over the part.
            Some(pass) if (self.first_pass..self.pass).contains(&pass) => Taken::Nothing,
            Some(_) => Taken::Line(self.fault(format!("the GUID {} came twice", key.id))),
        }
    }

    /// Takes an object of a pass over a batch.
    pub(super) fn object_of(&mut self, part: &Part, value: Value, batch: &[Uuid]) -> Taken {
        let id = value.property("Guid").and_then(Value::as_guid);
        match id {
            Some(id) if !batch.contains(&id) => {
                let reason =
                    format!("{} showed {id}, which it was not asked for", part.family.get());
                Taken::Line(self.fault(reason))
            }
            _ => self.object(part, value),
        }
    }

    /// Takes the key of an object.
    pub(super) fn key(&mut self, part: &Part, value: &Value) -> Taken {
        let key = match Key::of(part, value) {
            Ok(key) => key,
            Err(reason) => return Taken::Line(self.fault(reason)),
        };
        let changed = changed(value);
        let unchanged = key.is_wanted
            && self.state.as_mut().is_some_and(|state| state.is_unchanged(key.id, &changed));
        self.note_change(changed);
        let is_new = match self.seen.get_mut(&key.id) {
            Some(pass) if (self.first_pass..self.pass).contains(pass) => {
                *pass = self.pass;
                true
            }
            Some(_) => false,
            None if unchanged => self.seen.insert(key.id, self.pass).is_none(),
            None if key.is_wanted => self.missing.insert(key.id),
            None => true,
        };
        if is_new {
            let alias = value.property("Alias").and_then(Value::text).unwrap_or_default();
            self.keys.extend(prefix::Key::new(&alias, self.missing.contains(&key.id)));
            return Taken::Nothing;
        }
        Taken::Line(self.fault(format!("the GUID {} came twice", key.id)))
    }

    fn accept(&mut self, key: Key, value: Value) -> Taken {
        if !key.is_wanted {
            return Taken::Nothing;
        }
        if let Servers::None = self.servers
            && let Some(server) = originating_server(&value)
        {
            self.servers = Servers::One(server);
        }
        self.note_change(changed(&value));
        Taken::Object(Accepted { id: key.id, class: key.class, value })
    }

    fn note_change(&mut self, changed: Cow<'_, str>) {
        // The server's UTC dates sort as text.
        if *changed > *self.last_change {
            self.last_change = changed.into_owned();
        }
    }

    /// Whether so much of what a pass over the keys showed is missing that reading everything costs less.
    pub(super) fn misses_most(&self) -> bool {
        self.missing.len() > BATCH.max(self.seen.len())
    }

    /// A pass over everything has ended well.
    pub(super) fn end_whole(&mut self, part: &Part) {
        self.count_gone(part);
    }

    /// A pass over the keys has ended well: gives beginnings of aliases that name most of what is missing.
    pub(super) fn end_keys(&mut self, part: &Part) -> Vec<String> {
        self.count_gone(part);
        prefixes(std::mem::take(&mut self.keys))
    }

    /// What was not given by any pass; it is asked for once more, and what is not shown then is gone.
    pub(super) fn take_missing(&mut self) -> Vec<Uuid> {
        let mut missing: Vec<_> = self.missing.drain().collect();
        // Any order is as good as another, but the same each time.
        missing.sort_unstable();
        missing
    }

    /// What earlier passes showed and this one did not is gone.
    fn count_gone(&self, part: &Part) {
        if self.pass == self.first_pass {
            return;
        }
        let earlier = self.first_pass..self.pass;
        let gone = self.seen.values().filter(|pass| earlier.contains(pass)).count();
        tracing::info!(cmdlet = part.family.get(), gone, "a pass over everything ended well");
    }

    /// Says what the server warned of.
    pub(super) fn warning(&mut self, part: &Part, text: &str) -> Change {
        let message = format!("{}: {}", part.family.get(), sanitized(text));
        if WarningKind::of(text) == WarningKind::Truncated {
            self.incomplete.get_or_insert_with(|| message.clone());
        }
        Change::Warning { message }
    }

    /// Counts an object that was read; gives it when it is to be told.
    pub(super) fn given(&mut self, object: &Accepted, change: ObjectChange) -> Option<Change> {
        let changed = changed(&object.value);
        let is_news =
            self.state.as_mut().is_none_or(|state| state.is_news(object.id, &changed, &change));
        self.objects += u64::from(is_news);
        is_news.then_some(Change::Object(change))
    }

    /// What is gone, and the state for the next import, when everything was read and a state is kept.
    ///
    /// # Errors
    ///
    /// Why nothing may be concluded from what did not come.
    pub(super) fn gone(&mut self) -> Result<Option<(Vec<Uuid>, Unwritten)>, String> {
        let Some(mut state) = self.state.take().filter(|_| self.incomplete.is_none()) else {
            return Ok(None);
        };
        let gone = state.gone()?;
        Ok(Some((gone, Unwritten::new(state, self.cursor(), self.newest()))))
    }

    /// Counts and gives a delete.
    pub(super) fn delete(&mut self, id: Uuid) -> Change {
        self.deletes += 1;
        Change::Object(ObjectChange::Delete { id: id.to_string() })
    }

    /// A time by the server's clock, as far as there is one, that is not after the beginning.
    fn newest(&self) -> Option<OffsetDateTime> {
        let started = i64::try_from(self.started).ok();
        let started = started.and_then(|time| OffsetDateTime::from_unix_timestamp(time).ok());
        match OffsetDateTime::parse(&self.last_change, &Rfc3339) {
            Ok(changed) => started.map(|started| started.min(changed)),
            Err(_) => started,
        }
    }

    fn cursor(&self) -> String {
        format!("1|{}|{}|{}", self.servers.name(), self.started, self.last_change)
    }

    /// How many objects were given.
    pub(super) fn objects(&self) -> u64 {
        self.objects
    }

    /// Something is missing; the line tells at once what, for the last line names only the first.
    pub(super) fn fault(&mut self, reason: String) -> Change {
        self.faults = self.faults.saturating_add(1);
        self.incomplete.get_or_insert_with(|| reason.clone());
        Change::Warning { message: reason }
    }

    /// The last line, and the error that follows it.
    pub(super) fn end(&mut self) -> (Change, Option<ImportError>) {
        let objects = self.objects;
        match self.incomplete.take() {
            None => {
                let (deletes, cursor) = (self.deletes, self.cursor());
                (Change::Complete { objects, deletes, cursor }, None)
            }
            Some(reason) => (
                Change::Incomplete { reason: reason.clone(), objects },
                Some(ImportError::Incomplete { reason, objects }),
            ),
        }
    }
}

/// When the server says an object was changed.
fn changed(value: &Value) -> Cow<'_, str> {
    value.property("WhenChangedUTC").and_then(Value::text).unwrap_or_default()
}

/// The GUID of an object; none where it shows several that differ.
fn guid(value: &Value) -> Option<Uuid> {
    let id = value.property("Guid").and_then(Value::as_guid).filter(|id| !id.is_nil())?;
    let mut shown =
        value.as_object()?.properties().filter(|shown| shown.name.eq_ignore_case("Guid"));
    shown.all(|shown| shown.value.as_guid() == Some(id)).then_some(id)
}

impl Key {
    /// Both are looked at before anything is left out: an object that lacks one cannot be told from one that is wanted.
    fn of(part: &Part, value: &Value) -> Result<Self, String> {
        let text = |name: &str| value.property(name).and_then(Value::text).unwrap_or_default();
        let (class, name) = (text("RecipientTypeDetails"), text("Name"));
        if class.is_empty() {
            return Err(format!("the object {name:?} carries no RecipientTypeDetails"));
        }
        let id =
            guid(value).ok_or_else(|| format!("the object {name:?} carries no GUID of its own"))?;
        let is_wanted = !is_system(&class, &name) && part.wants(&class);
        Ok(Self { id, class: class.into_owned(), is_wanted })
    }
}

impl Servers {
    fn add(&mut self, server: &str) {
        match self {
            Self::None => *self = Self::One(server.to_owned()),
            Self::One(one) if !one.eq_ignore_ascii_case(server) => *self = Self::Several,
            Self::One(_) | Self::Several => {}
        }
    }

    /// The domain controller that all objects come from; empty when that cannot be said.
    fn name(&self) -> &str {
        match self {
            Self::One(server) => server,
            Self::None | Self::Several => "",
        }
    }
}
