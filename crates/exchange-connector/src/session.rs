//! One session: a transport, the domain controller it is bound to, and the calls made over it.
//!
//! Whatever a session is told about the pace goes to the pace of its account, and whatever shows that it is of no use any
//! more is remembered, so that the next call is made over another one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_stream::stream;
use clixml::Value;
use exchange_cmdlets::{
    CmdletCall, CmdletItem, CmdletStream, CmdletTransport, ErrorRecord, TransportError,
    WarningKind, classify,
};
use futures_util::StreamExt as _;
use tokio::time::Instant;

use crate::pace::{Pace, SessionPermit};
use crate::schema::Family;
use crate::weight::weight;

/// A transport that is open, and what was learnt when it was opened.
pub(crate) struct Session {
    transport: Arc<dyn CmdletTransport>,
    pace: Arc<Pace>,
    /// The place among the account's sessions; given back as soon as the session is of no use.
    place: Mutex<Option<SessionPermit>>,
    domain_controller: Option<String>,
    /// Whether calls are bound to a domain controller at all: the service chooses its own.
    binds: bool,
    broken: AtomicBool,
    last_used: Mutex<Instant>,
}

/// After so long without a command the server may have ended the session: Exchange does after fifteen minutes. A session
/// that was idle for longer is not used again, but replaced when the next call comes.
pub(crate) const IDLE_LIMIT: Duration = Duration::from_secs(10 * 60);

/// Everything a finished cmdlet said. A failed pipeline's record stands among the errors.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub(crate) objects: Vec<Value>,
    pub(crate) errors: Vec<ErrorRecord>,
    pub(crate) warnings: Vec<String>,
}

/// The most objects, and the most records, that a call for one object or a batch may give: more means the server
/// understood something else.
const MAX_COLLECTED: usize = 10_000;

/// The most memory that they may take, about.
const MAX_COLLECTED_BYTES: usize = 64 << 20;

impl Session {
    /// Takes an open transport and settles the domain controller: `wanted`, else the one that answers.
    ///
    /// One recipient is asked for, of each family until there is one: the domain controller that shows recipients is the
    /// one to write them to. Where there are none the organisation's own object is asked for.
    pub(crate) async fn start(
        transport: Arc<dyn CmdletTransport>,
        wanted: Option<String>,
        families: &[Family],
        (pace, place): (Arc<Pace>, SessionPermit),
    ) -> Result<Self, TransportError> {
        let mut session = Self {
            transport,
            pace,
            place: Mutex::new(Some(place)),
            domain_controller: wanted,
            binds: !families.contains(&Family::OnlineMailbox),
            broken: AtomicBool::new(false),
            last_used: Mutex::new(Instant::now()),
        };
        if session.domain_controller.is_some() || !session.binds {
            return Ok(session);
        }
        let recipients = families
            .iter()
            .map(|family| CmdletCall::new(family.get()).parameter("ResultSize", "1"));
        for call in recipients.chain([CmdletCall::new("Get-OrganizationConfig")]) {
            let call = call.select(["Guid", "OriginatingServer"]);
            // An error record here (a cmdlet that is hidden, say) will be met again where it matters.
            let reply = session.run_within(call).await?;
            if let Some(server) = reply.objects.first().and_then(originating_server) {
                tracing::info!(domain_controller = %server, "pinned the domain controller that answered");
                session.domain_controller = Some(server);
                break;
            }
        }
        Ok(session)
    }

    /// The domain controller that every call is sent to.
    pub(crate) fn domain_controller(&self) -> Option<&str> {
        self.domain_controller.as_deref()
    }

    /// Whether another session is needed: the transport failed, or the server may have ended this one meanwhile.
    pub(crate) fn is_spent(&self) -> bool {
        let last_used = *self.last_used.lock().unwrap_or_else(PoisonError::into_inner);
        self.broken.load(Ordering::Relaxed) || last_used.elapsed() > IDLE_LIMIT
    }

    fn touch(&self) {
        *self.last_used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Says that the session is not to be used any more, and makes room for another. What runs over it goes on.
    pub(crate) fn retire(&self) {
        self.broken.store(true, Ordering::Relaxed);
        self.place.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Starts a call whose output is read as it comes.
    pub(crate) fn invoke(self: &Arc<Self>, call: CmdletCall) -> CmdletStream<'static> {
        let session = Arc::clone(self);
        Box::pin(stream! {
            session.pace.pause().await;
            let mut items = session.begin(call);
            while let Some(item) = items.next().await {
                session.hear(&item);
                yield item;
            }
            session.ended_well();
        })
    }

    /// Binds a call to the domain controller of the session.
    pub(crate) fn pin(&self, call: CmdletCall) -> CmdletCall {
        match &self.domain_controller {
            Some(server) => call.parameter("DomainController", server.as_str()),
            None => call,
        }
    }

    /// Binds a call to `server`, the domain controller an object was read from, or else to that of the session.
    pub(crate) fn pin_to(&self, call: CmdletCall, server: Option<&str>) -> CmdletCall {
        match server.filter(|_| self.binds) {
            Some(server) => call.parameter("DomainController", server),
            None => self.pin(call),
        }
    }

    /// Whether calls are bound to a domain controller.
    pub(crate) fn binds(&self) -> bool {
        self.binds
    }

    /// Runs a call that names one object to its end, when it is its turn.
    pub(crate) async fn run(&self, call: CmdletCall) -> Result<Reply, TransportError> {
        let _turn = self.pace.turn().await;
        self.collect(call).await
    }

    /// Runs a call without which another one that runs cannot end.
    pub(crate) async fn run_within(&self, call: CmdletCall) -> Result<Reply, TransportError> {
        self.pace.pause().await;
        self.collect(call).await
    }

    async fn collect(&self, call: CmdletCall) -> Result<Reply, TransportError> {
        let mut items = self.begin(call);
        let mut reply = Reply::default();
        let mut collected: usize = 0;
        while let Some(item) = items.next().await {
            self.hear(&item);
            collected = collected.saturating_add(match &item {
                Ok(CmdletItem::Object(value)) => weight(value),
                Ok(CmdletItem::Error(record)) => record.message.len(),
                Ok(CmdletItem::Warning(text)) => text.len(),
                _ => 0,
            });
            if collected > MAX_COLLECTED_BYTES {
                return Err(TransportError::Protocol {
                    source: format!("more than {MAX_COLLECTED_BYTES} bytes for one").into(),
                });
            }
            match item {
                Ok(CmdletItem::Object(value)) => reply.objects.push(value),
                Ok(CmdletItem::Error(record)) => reply.errors.push(record),
                Ok(CmdletItem::Warning(text)) => reply.warnings.push(text),
                Ok(_) => {}
                Err(TransportError::PipelineFailed { record }) => {
                    reply.errors.push(*record);
                    break;
                }
                Err(error) => return Err(error),
            }
            if reply.objects.len() > MAX_COLLECTED {
                return Err(TransportError::Protocol {
                    source: format!("more than {MAX_COLLECTED} objects for one").into(),
                });
            }
            if reply.errors.len().max(reply.warnings.len()) > MAX_COLLECTED {
                return Err(TransportError::Flooded { limit: MAX_COLLECTED });
            }
        }
        self.ended_well();
        Ok(reply)
    }

    fn begin(&self, call: CmdletCall) -> CmdletStream<'_> {
        tracing::debug!(cmdlet = %call.name, "running");
        self.touch();
        self.transport.invoke(call)
    }

    /// Learns from what a call gave.
    fn hear(&self, item: &Result<CmdletItem, TransportError>) {
        self.touch();
        self.pace.heard(item);
        match item {
            Ok(CmdletItem::Error(record)) => self.hear_record(record),
            Err(TransportError::PipelineFailed { record }) => self.hear_record(record),
            Err(error) if !leaves_usable(error) => self.retire(),
            Ok(_) | Err(_) => {}
        }
    }

    /// Gives the session up when the domain controller it is bound to failed, so that the next one finds another.
    fn hear_record(&self, record: &ErrorRecord) {
        if classify(record).domain_controller_failed {
            self.retire();
        }
    }

    fn ended_well(&self) {
        self.touch();
        self.pace.went_well();
    }
}

/// Whether the command failed, not the session.
fn leaves_usable(error: &TransportError) -> bool {
    matches!(
        error,
        TransportError::PipelineFailed { .. }
            | TransportError::Stopped
            | TransportError::Throttled { .. }
            | TransportError::Refused { .. }
            | TransportError::Unsupported { .. }
    )
}

impl Reply {
    /// The first error, if the call failed.
    pub(crate) fn error(&self) -> Option<&ErrorRecord> {
        self.errors.first()
    }

    /// Whether the server says that it changed nothing.
    pub(crate) fn changed_nothing(&self) -> bool {
        self.warnings.iter().any(|text| WarningKind::of(text) == WarningKind::NothingModified)
    }
}

/// The domain controller an object was read from.
pub(crate) fn originating_server(value: &Value) -> Option<String> {
    value
        .property("OriginatingServer")
        .and_then(Value::text)
        .filter(|text| !text.is_empty())
        .map(std::borrow::Cow::into_owned)
}
