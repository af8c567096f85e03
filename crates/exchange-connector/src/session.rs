//! One session: a transport, the domain controller it is bound to, and the calls made over it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clixml::Value;
use exchange_cmdlets::{
    CmdletCall, CmdletItem, CmdletStream, CmdletTransport, ErrorRecord, TransportError,
    WarningKind, classify,
};
use futures_util::StreamExt as _;

use crate::schema::Family;

/// A transport that is open, and what was learnt when it was opened.
pub(crate) struct Session {
    transport: Arc<dyn CmdletTransport>,
    domain_controller: Option<String>,
    broken: AtomicBool,
    last_used: Mutex<Instant>,
}

/// After so long without a command the server may have ended the session: Exchange does after fifteen minutes.
const IDLE_LIMIT: Duration = Duration::from_secs(10 * 60);

/// Everything a finished cmdlet said. A failed pipeline's record stands among the errors.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub(crate) objects: Vec<Value>,
    pub(crate) errors: Vec<ErrorRecord>,
    pub(crate) warnings: Vec<String>,
}

/// The most objects a call that names one object may give: more means the server understood something else.
const MAX_COLLECTED: usize = 10_000;

impl Session {
    /// Takes an open transport and settles the domain controller: `wanted`, else the one that answers.
    ///
    /// One recipient is asked for, of each family until there is one: the domain controller that shows recipients is the
    /// one to write them to. Where there are none the organisation's own object is asked for.
    pub(crate) async fn start(
        transport: Arc<dyn CmdletTransport>,
        wanted: Option<String>,
        families: &[Family],
    ) -> Result<Self, TransportError> {
        let mut session = Self {
            transport,
            domain_controller: wanted,
            broken: AtomicBool::new(false),
            last_used: Mutex::new(Instant::now()),
        };
        if session.domain_controller.is_some() {
            return Ok(session);
        }
        let recipients = families
            .iter()
            .map(|family| CmdletCall::new(family.get()).parameter("ResultSize", "1"));
        for call in recipients.chain([CmdletCall::new("Get-OrganizationConfig")]) {
            let call = call.select(["Guid", "OriginatingServer"]);
            // An error record here (a cmdlet that is hidden, say) will be met again where it matters.
            let reply = session.run(call).await?;
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
        self.is_broken() || last_used.elapsed() > IDLE_LIMIT
    }

    fn touch(&self) {
        *self.last_used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Whether the transport failed.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    /// Starts a call whose output is read as it comes. What fails has to be told to [`note`](Self::note).
    pub(crate) fn invoke(&self, call: CmdletCall) -> CmdletStream<'_> {
        tracing::debug!(cmdlet = %call.name, "running");
        self.touch();
        self.transport.invoke(call)
    }

    /// Binds a call to the domain controller of the session.
    pub(crate) fn pin(&self, call: CmdletCall) -> CmdletCall {
        match &self.domain_controller {
            Some(server) => call.parameter("DomainController", server.as_str()),
            None => call,
        }
    }

    /// Runs a call that names one object to its end.
    pub(crate) async fn run(&self, call: CmdletCall) -> Result<Reply, TransportError> {
        let mut stream = self.invoke(call);
        let mut reply = Reply::default();
        while let Some(item) = stream.next().await {
            match item {
                Ok(CmdletItem::Object(value)) if reply.objects.len() < MAX_COLLECTED => {
                    reply.objects.push(value);
                }
                Ok(CmdletItem::Object(_)) => {
                    return Err(TransportError::Protocol {
                        source: format!("more than {MAX_COLLECTED} objects for one").into(),
                    });
                }
                Ok(CmdletItem::Error(record)) => {
                    self.note_record(&record);
                    reply.errors.push(record);
                }
                Ok(CmdletItem::Warning(text)) => reply.warnings.push(text),
                Ok(_) => {}
                Err(TransportError::PipelineFailed { record }) => {
                    self.note_record(&record);
                    reply.errors.push(*record);
                    break;
                }
                Err(error) => {
                    self.note(&error);
                    return Err(error);
                }
            }
        }
        self.touch();
        Ok(reply)
    }

    /// Gives the session up when the domain controller it is bound to failed, so that the next one finds another.
    fn note_record(&self, record: &ErrorRecord) {
        if classify(record).domain_controller_failed {
            self.broken.store(true, Ordering::Relaxed);
        }
    }

    /// Remembers when the transport, not the command, failed.
    pub(crate) fn note(&self, error: &TransportError) {
        let usable = matches!(
            error,
            TransportError::PipelineFailed { .. }
                | TransportError::Stopped
                | TransportError::Unsupported { .. }
        );
        if !usable {
            self.broken.store(true, Ordering::Relaxed);
        }
    }
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
