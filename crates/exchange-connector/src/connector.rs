//! The door: everything the command line does, for programs.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use exchange_cmdlets::CmdletTransport;
use exchange_cmdlets::recovery::{Attempts, Cause, Decision, Failure, Purpose, Ran, Recovery};
use futures_core::Stream;
use psrp_client::wsman::client::Proxy;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::check::{self, CheckReport};
use crate::environment::Environment;
use crate::error::Error;
use crate::export::{Export, Mode};
use crate::import::{self, ImportRequest, ImportStream};
use crate::invoke::{self, InvokeItem, InvokeRequest};
use crate::journal::Journal;
use crate::online::Online;
use crate::operation::Operation;
use crate::pace::Pace;
use crate::remote::Remote;
use crate::schema::{Family, Schema, schema};
use crate::session::Session;
use crate::settings::{Hybrid, Infrastructure, Settings};

/// A connection to one Exchange organisation.
///
/// Cheap to clone; clones share their session. Nothing is sent before it is needed: [`connect`](Self::connect) signs in
/// at once, everything else when its stream is first polled.
#[derive(Clone)]
pub struct Connector {
    inner: Arc<Inner>,
}

/// What the clones share.
pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) environment: Environment,
    pub(crate) recovery: Recovery,
    /// The service's side of a hybrid organisation, with settings of its own.
    pub(crate) online: Option<Arc<Self>>,
    backend: Backend,
    pace: Arc<Pace>,
    session: Mutex<Option<Arc<Session>>>,
    /// Whether there has been a session: then one that cannot be opened is waited for.
    was_open: AtomicBool,
}

/// Where transports come from.
enum Backend {
    /// One that the caller brought.
    Given(Arc<dyn CmdletTransport>),
    /// Sessions to the endpoint in the settings.
    Remote(Box<Remote>),
    /// The service, under the settings.
    Cloud(Box<Online>),
}

/// The output of an invoked cmdlet, as it comes. Dropping it stops the command.
pub type InvokeStream = Pin<Box<dyn Stream<Item = Result<InvokeItem, Error>> + Send>>;

impl Connector {
    /// Takes checked settings. Sends nothing yet.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] when the settings name a file that cannot be read, or a certificate that is not there.
    pub async fn open(settings: Settings) -> Result<Self, Error> {
        Self::open_in(settings, Environment::default()).await
    }

    /// The same in another environment, for sessions that are recorded or replayed.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    #[expect(
        clippy::unused_async,
        reason = "opening may come to wait, callers should not have to change"
    )]
    pub async fn open_in(settings: Settings, environment: Environment) -> Result<Self, Error> {
        let online = match settings.online_alone() {
            Some(alone) => Some(Arc::new(Inner::open(alone, &environment, None)?)),
            None => None,
        };
        Ok(Self { inner: Arc::new(Inner::open(settings, &environment, online)?) })
    }

    /// Uses a transport that is already open, for other backends and for tests.
    ///
    /// Of a hybrid organisation it is that of the own servers, and the service's side is left out of the settings.
    #[must_use]
    pub fn with_transport(settings: Settings, transport: Arc<dyn CmdletTransport>) -> Self {
        let settings = settings.own_alone();
        Self {
            inner: Arc::new(Inner::new(
                settings,
                Environment::default(),
                Backend::Given(transport),
                None,
            )),
        }
    }

    /// The settings in use.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// Signs in and opens a session now, instead of when it is first needed; of a hybrid organisation on both sides.
    ///
    /// # Errors
    ///
    /// [`Error::Connect`] or [`Error::SignIn`].
    pub async fn connect(&self) -> Result<(), Error> {
        self.inner.session().await?;
        match &self.inner.online {
            Some(online) => online.session().await.map(|_| ()),
            None => Ok(()),
        }
    }

    /// Tries everything that has to work, step by step, and says for each failed step what to do.
    pub async fn check(&self) -> CheckReport {
        check::check(&self.inner).await
    }

    /// What can be imported and exported. Sends nothing.
    #[must_use]
    pub fn schema(&self) -> Schema {
        schema(&self.inner.settings)
    }

    /// Reads mailboxes and hands them on as they arrive.
    ///
    /// The stream ends with [`Change::Complete`](crate::Change::Complete), or with
    /// [`Change::Incomplete`](crate::Change::Incomplete) followed by
    /// [`ImportError::Incomplete`](crate::ImportError::Incomplete), or with another error alone when nothing was read.
    #[must_use]
    pub fn import(&self, request: ImportRequest) -> ImportStream {
        import::import(Arc::clone(&self.inner), request)
    }

    /// Applies operations in order; one outcome each.
    ///
    /// Operations are begun as their outcomes are asked for. Dropping the stream leaves the rest undone.
    #[must_use]
    pub fn export(&self, operations: Vec<Operation>) -> Export {
        Export::new(Arc::clone(&self.inner), operations, Mode::Apply, None)
    }

    /// The same, with what is about to be written, and what came of it, in a journal.
    ///
    /// Operations of this input that the journal says were done are not done again: their outcomes are given as they were.
    /// What an earlier run began without an outcome is settled by reading: `applied` when it was done, done now when it
    /// was not, [`Status::Unknown`](crate::Status::Unknown) when that cannot be told.
    #[must_use]
    pub fn export_with_journal(&self, operations: Vec<Operation>, journal: Journal) -> Export {
        Export::new(Arc::clone(&self.inner), operations, Mode::Apply, Some(journal))
    }

    /// Says what [`export_with_journal`](Self::export_with_journal) would do; opened with [`Journal::read`], the journal is
    /// left as it is.
    #[must_use]
    pub fn plan_with_journal(&self, operations: Vec<Operation>, journal: Journal) -> Export {
        Export::new(Arc::clone(&self.inner), operations, Mode::Plan, Some(journal))
    }

    /// Says what [`export`](Self::export) would do: reads, writes nothing.
    #[must_use]
    pub fn plan(&self, operations: Vec<Operation>) -> Export {
        Export::new(Arc::clone(&self.inner), operations, Mode::Plan, None)
    }

    /// Runs one cmdlet as it is given.
    #[must_use]
    pub fn invoke(&self, request: InvokeRequest) -> InvokeStream {
        invoke::invoke(Arc::clone(&self.inner), request)
    }

    /// Closes the session, so that it no longer counts against the account's limit.
    ///
    /// Dropping the last clone closes it too, in a task of the runtime: nobody waits for it, and a runtime that is shut
    /// down first leaves the session behind on the server, where it counts until it times out. So a program that means
    /// to end, because of an error or a panic too, calls this before it drops the runtime. A session whose output is
    /// still being read ends with that.
    ///
    /// # Errors
    ///
    /// None today: remote PowerShell tells nobody how deleting a session went, it is only logged. Other backends may.
    pub async fn close(&self) -> Result<(), Error> {
        self.inner.close().await;
        if let Some(online) = &self.inner.online {
            online.close().await;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}

impl Inner {
    fn open(
        settings: Settings,
        environment: &Environment,
        online: Option<Arc<Self>>,
    ) -> Result<Self, Error> {
        let backend = match &settings.infrastructure {
            Infrastructure::Cloud(cloud) => {
                Backend::Cloud(Box::new(Online::new(&settings, cloud, environment)?))
            }
            Infrastructure::OnPremises(_) | Infrastructure::Hybrid(_) => {
                Backend::Remote(Box::new(Remote::new(&settings, environment)?))
            }
        };
        Ok(Self::new(settings, environment.clone(), backend, online))
    }

    fn new(
        settings: Settings,
        environment: Environment,
        backend: Backend,
        online: Option<Arc<Self>>,
    ) -> Self {
        let pace = match &backend {
            // Limits count on servers that are there.
            _ if !environment.is_plain() => Pace::new(settings.max_sessions),
            Backend::Given(_) => Pace::new(settings.max_sessions),
            Backend::Remote(remote) => {
                let (host, account) = remote.account();
                Pace::of_account(host, account, settings.max_sessions)
            }
            Backend::Cloud(online) => {
                let (host, account) = online.account();
                Pace::of_account(host, account, settings.max_sessions)
            }
        };
        let recovery = Recovery::default();
        let recovery = recovery.patience(settings.stall_timeout.min(recovery.patience));
        let (session, was_open) = (Mutex::new(None), AtomicBool::new(false));
        Self { settings, environment, recovery, online, backend, pace, session, was_open }
    }

    /// The session in use; opens one when there is none, the last one failed, or it was idle for too long.
    pub(crate) async fn session(&self) -> Result<Arc<Session>, Error> {
        self.session_by(&self.recovery).await
    }

    /// The same for somebody who looks on: a server that has no room for a session is not waited for.
    pub(crate) async fn session_at_once(&self) -> Result<Arc<Session>, Error> {
        self.session_by(&self.recovery.patience(IMPATIENCE)).await
    }

    async fn session_by(&self, recovery: &Recovery) -> Result<Arc<Session>, Error> {
        let mut slot = self.session.lock().await;
        if let Some(session) = slot.as_ref().filter(|session| !session.is_spent()) {
            return Ok(Arc::clone(session));
        }
        if let Some(spent) = slot.take() {
            spent.retire();
        }
        let session = Arc::new(self.open_by(recovery).await?);
        *slot = Some(Arc::clone(&session));
        Ok(session)
    }

    /// Another session beside the one in use.
    pub(crate) async fn open_session(&self) -> Result<Session, Error> {
        self.open_by(&self.recovery).await
    }

    /// Opens a session, again where the policy says so.
    async fn open_by(&self, recovery: &Recovery) -> Result<Session, Error> {
        let purpose = match self.was_open.load(Ordering::Relaxed) {
            true => Purpose::Reopen,
            false => Purpose::Open,
        };
        let mut attempts = Attempts::begin(Instant::now().into_std());
        let began = Instant::now();
        loop {
            let (error, failure) = match self.open_once().await {
                Ok(session) => {
                    self.was_open.store(true, Ordering::Relaxed);
                    return Ok(session);
                }
                Err(failed) => *failed,
            };
            let now = Instant::now().into_std();
            attempts.failed();
            match recovery.decide(purpose, &failure, &attempts, now, self.environment.chance()) {
                Decision::Again(again) => {
                    let (wait, reason) = (again.after, error.report());
                    tracing::warn!(?wait, %reason, "no session can be opened now; trying again");
                    tokio::time::sleep(wait).await;
                }
                Decision::GiveUp(_) => return Err(error.waited(began.elapsed())),
            }
        }
    }

    async fn open_once(&self) -> Result<Session, Box<(Error, Failure)>> {
        // A session that was lost may still be there for the server, and counts.
        if let Backend::Remote(remote) = &self.backend {
            remote.discard_unused();
        }
        self.pace.pause().await;
        let connect = |source| Error::Connect { target: self.target(), source };
        let Some(place) = self.pace.place().await else {
            let limit = self.settings.max_sessions;
            let source =
                format!("all sessions are in use that endpoint.max_sessions = {limit} allows");
            return Err(Box::new((connect(source.into()), Failure::new(Cause::Refused, Ran::No))));
        };
        let transport = match &self.backend {
            Backend::Given(transport) => Arc::clone(transport),
            Backend::Remote(remote) => remote.open().await.inspect_err(|failed| {
                if failed.1.cause == Cause::Throttled {
                    self.pace.refused(failed.1.wait);
                }
            })?,
            Backend::Cloud(online) => online.open().await?,
        };
        let families = Family::of(&self.settings.infrastructure);
        let wanted =
            self.settings.endpoint().and_then(|endpoint| endpoint.domain_controller.clone());
        let pace = (Arc::clone(&self.pace), place);
        Session::start(transport, wanted, families, pace).await.map_err(|source| {
            // There was a session, so the server can be reached, and what broke may have been an accident.
            let failure = match Failure::of(&source) {
                Failure { cause: Cause::Connection, .. } => {
                    Failure::new(Cause::Session, Ran::Unknown)
                }
                failure => failure,
            };
            Box::new((connect(source.into()), failure))
        })
    }

    /// Where sessions go, for messages.
    pub(crate) fn target(&self) -> String {
        match &self.settings.infrastructure {
            Infrastructure::OnPremises(endpoint)
            | Infrastructure::Hybrid(Hybrid { endpoint, .. }) => endpoint.url.to_string(),
            Infrastructure::Cloud(cloud) => cloud.api_url.to_string(),
        }
    }

    /// Whether it is the service that is talked to.
    pub(crate) fn is_online(&self) -> bool {
        matches!(self.backend, Backend::Cloud(_))
    }

    /// The account signed in, and is not let do what it has to.
    pub(crate) fn not_permitted(&self, cmdlet: &str, source: crate::error::BoxError) -> Error {
        Error::NotPermitted {
            target: self.target(),
            username: self.account().unwrap_or_default().to_owned(),
            cmdlet: cmdlet.to_owned(),
            source,
        }
    }

    /// The account that sessions sign in with, unless the caller brought the transport.
    pub(crate) fn account(&self) -> Option<&str> {
        match &self.backend {
            Backend::Given(_) => None,
            Backend::Remote(remote) => Some(remote.account().1),
            Backend::Cloud(online) => Some(online.account().1),
        }
    }

    pub(crate) fn remote(&self) -> Option<&Remote> {
        match &self.backend {
            Backend::Given(_) | Backend::Cloud(_) => None,
            Backend::Remote(remote) => Some(remote),
        }
    }

    /// Host and port of the proxy on the way there, if there is one.
    pub(crate) fn proxy(&self) -> Option<(String, u16)> {
        match &self.backend {
            Backend::Given(_) => None,
            Backend::Remote(remote) => remote.proxy().map(Proxy::address),
            Backend::Cloud(online) => online.proxy(),
        }
    }

    /// The address that sessions go to, unless the caller brought the transport.
    pub(crate) fn url(&self) -> Option<&url::Url> {
        match &self.backend {
            Backend::Given(_) => None,
            Backend::Remote(remote) => Some(remote.url()),
            Backend::Cloud(online) => Some(online.url()),
        }
    }

    async fn close(&self) {
        drop(self.session.lock().await.take());
        self.close_unused().await;
    }

    /// Closes sessions that were opened beside the one in use and are done.
    pub(crate) async fn close_unused(&self) {
        if let Backend::Remote(remote) = &self.backend {
            remote.close_unused().await;
        }
    }
}

/// How long somebody who looks on waits while the account has too many sessions.
const IMPATIENCE: Duration = Duration::from_secs(10);
