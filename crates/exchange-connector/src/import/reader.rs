//! Reading a plan, pass by pass, until nothing is missing.
//!
//! A pass is one command. What a failed pass gave stays given; what comes next depends on how much that was. A read that
//! had given little begins anew and leaves out what was given. One that had given much first lists the keys of
//! everything there is, which is quick, and then reads what is missing piece by piece, by the beginnings of aliases and at
//! last by GUIDs: so each piece is gained for good, and a server that fails every few minutes is read to the end all the
//! same.
//!
//! Keys that are listed, but not shown when they are asked for, are listed once more: either they are gone, or the server
//! does not find by GUID, and then everything is read again.
//!
//! Either way a part is complete only when some pass over all of it ended by itself in its good final state, and every
//! object that this pass showed was given. An object that was given and is not shown any more was taken away in the
//! meantime. That is told by the next import, as it is for every object that is taken away just after it was read; here it
//! is counted and logged, and nothing is said of it.

mod gone;

use std::collections::HashSet;
use std::sync::Arc;

use exchange_cmdlets::recovery::{Again, Attempts, Decision, Failure, Over, Purpose, ReadFrom};
use exchange_cmdlets::{CmdletItem, CmdletStream, TransportError};
use futures_util::StreamExt as _;
use tokio::time::Instant;
use uuid::Uuid;

use super::join::{BATCH, Extras};
use super::plan::{Part, Plan, Scope};
use super::run::{Accepted, Run, Taken};
use super::state::State;
use crate::change::{Change, ObjectChange};
use crate::connector::Inner;
use crate::error::{Error, advised};
use crate::session::Session;
use crate::text::sanitized;
use crate::weight::weight;

/// Reads the parts of a plan one after the other.
pub(super) struct Reader {
    inner: Arc<Inner>,
    plan: Arc<Plan>,
    pub(super) run: Run,
    session: Option<Arc<Session>>,
    /// For the attributes that other cmdlets show; the list occupies the first one.
    side: Option<Arc<Session>>,
    /// The part that is read.
    part: usize,
    pass: Pass,
    /// Whether what is missing may be asked for by its GUIDs.
    by_keys: bool,
    /// What was asked for by its GUID since the keys were listed, and not shown.
    unshown: HashSet<Uuid>,
    /// How often the keys were listed again because of such objects.
    relisted: u32,
    attempts: Attempts,
    /// The output of the pass, once it has begun.
    items: Option<CmdletStream<'static>>,
    /// Objects that are given together.
    held: Vec<Accepted>,
    /// What those take in memory, about.
    held_weight: usize,
    /// How many objects were given since the last failure.
    gained: u64,
    /// An error record that may pass; the pass goes on, but is not good any more.
    spoiled: Option<(Failure, String)>,
    /// The service lets the account read nothing at all.
    pub(super) denied: Option<Error>,
}

/// What is read.
enum Pass {
    /// Everything.
    Whole,
    /// The keys of everything.
    Keys,
    /// The objects whose alias begins so, and then those with other beginnings.
    Prefix { prefix: String, others: Vec<String> },
    /// The objects of a batch, and then those of the others.
    Rest { batch: Vec<Uuid>, others: Vec<Uuid> },
}

/// Changes alone begin with the keys of everything.
fn first_pass(run: &Run) -> Pass {
    if run.is_delta() { Pass::Keys } else { Pass::Whole }
}

impl Reader {
    /// Opens the session for the list, and a second one when some attributes are read by another cmdlet.
    ///
    /// # Errors
    ///
    /// Why no session could be opened; nothing has been read then.
    pub(super) async fn open(
        inner: Arc<Inner>,
        plan: Plan,
        state: Option<State>,
    ) -> Result<Self, Error> {
        let session = inner.session().await?;
        let joins = plan.parts.iter().any(|part| part.other_readers().next().is_some());
        let side = if joins { Some(Arc::new(inner.open_session().await?)) } else { None };
        let mut run = Run::new(inner.environment.now(), state);
        run.over(&session);
        let pass = first_pass(&run);
        Ok(Self {
            inner,
            plan: Arc::new(plan),
            run,
            session: Some(session),
            side,
            part: 0,
            pass,
            by_keys: true,
            unshown: HashSet::new(),
            relisted: 0,
            attempts: Attempts::begin(Instant::now().into_std()),
            items: None,
            held: Vec::new(),
            held_weight: 0,
            gained: 0,
            spoiled: None,
            denied: None,
        })
    }

    /// The lines that come next, which may be none yet; `None` when all parts are done.
    pub(super) async fn step(&mut self) -> Option<Vec<Change>> {
        let plan = Arc::clone(&self.plan);
        let part = plan.parts.get(self.part)?;
        let Some(items) = &mut self.items else {
            return Some(self.begin(part).await);
        };
        Some(match items.next().await {
            Some(item) => self.take(part, item).await,
            None => self.pass_ended(part).await,
        })
    }

    /// Begins a pass.
    async fn begin(&mut self, part: &Part) -> Vec<Change> {
        let session = match self.session_for_the_list().await {
            Ok(session) => session,
            Err(error) => {
                // Whatever comes after this part would need one too.
                self.part = usize::MAX;
                let reason = format!("the session was lost and {}", advised(&error));
                return vec![self.run.fault(reason)];
            }
        };
        let scope = match &self.pass {
            Pass::Whole => Scope::Everything,
            Pass::Keys => Scope::Keys,
            Pass::Prefix { prefix, .. } => Scope::Prefix(prefix),
            Pass::Rest { batch, .. } => Scope::Objects(batch),
        };
        self.items = Some(session.invoke(part.call(&session, self.plan.filter.as_ref(), scope)));
        self.run.begin_pass();
        if let Pass::Keys = self.pass {
            self.run.begin_keys();
        }
        Vec::new()
    }

    async fn session_for_the_list(&mut self) -> Result<Arc<Session>, Error> {
        if let Some(session) = self.session.as_ref().filter(|session| !session.is_spent()) {
            return Ok(Arc::clone(session));
        }
        self.session = None;
        let session = self.inner.session().await?;
        self.run.over(&session);
        self.session = Some(Arc::clone(&session));
        Ok(session)
    }

    async fn take(&mut self, part: &Part, item: Result<CmdletItem, TransportError>) -> Vec<Change> {
        if self.run.is_hopeless() {
            self.part = usize::MAX;
            return vec![self.run.fault("too much is wrong; the rest is not read".to_owned())];
        }
        let value = match item {
            Ok(CmdletItem::Object(value)) => value,
            Ok(CmdletItem::Warning(text)) => return vec![self.run.warning(part, &text)],
            Ok(CmdletItem::Error(record)) => {
                let reason =
                    format!("{} reported: {}", part.family.get(), sanitized(&record.message));
                let failure = Failure::of_record(&record);
                if !failure.may_pass() {
                    return vec![self.run.fault(reason)];
                }
                if self.session.as_ref().is_some_and(|session| session.is_spent()) {
                    return self.failed(part, failure, reason).await;
                }
                self.spoiled.get_or_insert((failure, reason));
                return Vec::new();
            }
            Ok(_) => return Vec::new(),
            Err(TransportError::Denied { source }) if self.is_untouched() => {
                self.part = usize::MAX;
                self.denied = Some(self.inner.not_permitted(part.family.get(), source));
                return Vec::new();
            }
            Err(error) => {
                let failure = Failure::of(&error);
                let reason = advised(&Error::from_transport(part.family.get(), error));
                return self.failed(part, failure, reason).await;
            }
        };
        if self.run.is_full() {
            self.part = usize::MAX;
            return vec![
                self.run.fault("the server shows more objects than an import holds; import them in parts, by --class or --filter".to_owned()),
            ];
        }
        let taken = match &self.pass {
            Pass::Whole | Pass::Prefix { .. } => self.run.object(part, value),
            Pass::Keys => self.run.key(part, &value),
            Pass::Rest { batch, .. } => self.run.object_of(part, value, batch),
        };
        match taken {
            Taken::Object(object) => {
                self.held_weight = self.held_weight.saturating_add(weight(&object.value));
                self.held.push(object);
            }
            Taken::Line(line) => return vec![line],
            Taken::Nothing => {}
        }
        let full = if self.side.is_some() { BATCH } else { 1 };
        let is_full = self.held.len() >= full || self.held_weight >= HEAVIEST_BATCH;
        if is_full { self.give(part).await } else { Vec::new() }
    }

    /// Whether the service has not shown anything yet.
    fn is_untouched(&self) -> bool {
        self.inner.is_online() && self.part == 0 && self.run.has_seen_nothing()
    }

    async fn pass_ended(&mut self, part: &Part) -> Vec<Change> {
        self.items = None;
        if let Some((failure, reason)) = self.spoiled.take() {
            return self.failed(part, failure, reason).await;
        }
        let lines = self.give(part).await;
        match std::mem::replace(&mut self.pass, Pass::Whole) {
            Pass::Whole => {
                self.run.end_whole(part);
                self.next_part();
            }
            Pass::Keys => {
                let is_first = self.run.is_first_pass();
                let prefixes = self.run.end_keys(part);
                if is_first && self.run.misses_most() {
                    return lines;
                }
                if self.run.misses_any(&self.unshown) || self.relisted > MAX_RELISTED {
                    tracing::warn!(
                        "what is listed is not found by its GUID; reading everything again"
                    );
                    self.by_keys = false;
                    return lines;
                }
                self.unshown.clear();
                self.go_on_with_prefixes(prefixes);
            }
            Pass::Prefix { others, .. } => self.go_on_with_prefixes(others),
            Pass::Rest { batch, others } => {
                self.unshown.extend(batch.into_iter().filter(|id| !self.run.has_seen(id)));
                if others.is_empty() && !self.unshown.is_empty() {
                    self.relisted += 1;
                    self.pass = Pass::Keys;
                    return lines;
                }
                self.go_on_with(others);
            }
        }
        lines
    }

    /// Takes the next beginning, or what is still missing when there is none.
    fn go_on_with_prefixes(&mut self, mut others: Vec<String>) {
        match others.pop() {
            Some(prefix) => self.pass = Pass::Prefix { prefix, others },
            None => {
                let missing = self.run.take_missing();
                self.go_on_with(missing);
            }
        }
    }

    /// Takes the next batch of what is missing, or the next part when nothing is.
    fn go_on_with(&mut self, mut missing: Vec<Uuid>) {
        if missing.is_empty() {
            self.next_part();
            return;
        }
        let batch = missing.split_off(missing.len().saturating_sub(BATCH));
        self.pass = Pass::Rest { batch, others: missing };
    }

    fn next_part(&mut self) {
        self.part = self.part.saturating_add(1);
        self.pass = first_pass(&self.run);
        self.by_keys = true;
        self.unshown.clear();
        self.relisted = 0;
        self.attempts = Attempts::begin(Instant::now().into_std());
        self.gained = 0;
        self.run.begin_part();
    }

    /// Decides how to go on after a pass that failed.
    async fn failed(&mut self, part: &Part, failure: Failure, reason: String) -> Vec<Change> {
        self.items = None;
        self.spoiled = None;
        let mut lines = self.give(part).await;
        self.attempts.progressed(std::mem::take(&mut self.gained), Instant::now().into_std());
        match self.decide(&failure) {
            Decision::Again(again) => self.prepare(again, &reason).await,
            // What a server refuses to be asked by GUID it may still show as a whole.
            Decision::GiveUp(_) if !matches!(self.pass, Pass::Whole) && !failure.may_pass() => {
                tracing::warn!(%reason, "what is missing cannot be asked for; reading everything again");
                self.by_keys = false;
                self.pass = Pass::Whole;
            }
            Decision::GiveUp(_) => {
                lines.push(self.run.fault(reason));
                self.next_part();
            }
        }
        lines
    }

    fn decide(&mut self, failure: &Failure) -> Decision {
        let now = Instant::now().into_std();
        self.attempts.failed();
        let recovery = &self.inner.recovery;
        recovery.decide(
            Purpose::Read,
            failure,
            &self.attempts,
            now,
            self.inner.environment.chance(),
        )
    }

    async fn prepare(&mut self, again: Again, reason: &str) {
        let (wait, given) = (again.after, self.run.objects());
        tracing::warn!(%reason, ?wait, given, "the read broke off; going on");
        tokio::time::sleep(again.after).await;
        if again.over != Over::SameSession
            && let Some(session) = self.session.take()
        {
            session.retire();
        }
        if matches!(self.pass, Pass::Whole) && again.from == ReadFrom::Rest && self.by_keys {
            self.pass = Pass::Keys;
        }
    }

    /// The lines for the objects that are held.
    async fn give(&mut self, part: &Part) -> Vec<Change> {
        let batch = std::mem::take(&mut self.held);
        self.held_weight = 0;
        if batch.is_empty() {
            return Vec::new();
        }
        let extras = match self.extras(part, &batch).await {
            Ok(extras) => extras,
            // Objects with attributes missing would look as if those were unset.
            Err(reason) => return vec![self.run.fault(reason)],
        };
        let plan = Arc::clone(&self.plan);
        batch
            .into_iter()
            .filter_map(|object| {
                self.gained += 1;
                let attributes = part.attributes_of(&object, &extras, &plan.excluded);
                let (class, id) = (object.class.clone(), object.id.to_string());
                self.run.given(&object, ObjectChange::Upsert { class, id, attributes })
            })
            .collect()
    }

    /// Reads what other cmdlets show of a batch, over another session if the one for it was lost.
    async fn extras(&mut self, part: &Part, batch: &[Accepted]) -> Result<Extras, String> {
        if part.other_readers().next().is_none() {
            return Ok(Extras::default());
        }
        let mut attempts = Attempts::begin(Instant::now().into_std());
        loop {
            let side = match self.side.take().filter(|side| !side.is_spent()) {
                Some(side) => side,
                None => {
                    let opened = self.inner.open_session().await;
                    Arc::new(opened.map_err(|error| advised(&error))?)
                }
            };
            let missing = match Extras::read(&side, part, batch).await {
                Ok(extras) => {
                    self.side = Some(side);
                    return Ok(extras);
                }
                Err(missing) => missing,
            };
            self.side = Some(side);
            let Some(failure) = missing.failure else { return Err(missing.reason) };
            let now = Instant::now().into_std();
            attempts.failed();
            let recovery = &self.inner.recovery;
            match recovery.decide(
                Purpose::Read,
                &failure,
                &attempts,
                now,
                self.inner.environment.chance(),
            ) {
                Decision::GiveUp(_) => return Err(missing.reason),
                Decision::Again(again) => {
                    tracing::warn!(reason = %missing.reason, wait = ?again.after, "reading again");
                    tokio::time::sleep(again.after).await;
                    if again.over != Over::SameSession
                        && let Some(side) = self.side.take()
                    {
                        side.retire();
                    }
                }
            }
        }
    }

    /// Ends the sessions that were opened for this import alone, and waits for it.
    pub(super) async fn close(&mut self) {
        self.items = None;
        self.session = None;
        self.side = None;
        self.inner.close_unused().await;
    }
}

/// Only a server that lists ever new objects that are not there makes it more.
const MAX_RELISTED: u32 = 3;

/// The memory that the objects of a batch may take before it is read on, about.
const HEAVIEST_BATCH: usize = 16 << 20;
