//! Sessions to Exchange's own endpoint, or to WinRM on an Exchange server: cmdlets over PowerShell remoting.
//!
//! Exchange runs commands with named arguments and no script text. Whole mailboxes are large, so the properties wanted
//! are picked by a second command, `Select-Object`; but a session may have that cmdlet hidden, or in a restricted form
//! that picks nothing. Both show before any output, as an error of binding. Then the call is made once more for whole
//! objects, and the session is remembered to be of that kind.

mod client;
mod failure;
mod left_over;
mod load;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_stream::stream;
use exchange_cmdlets::recovery::Failure;
use exchange_cmdlets::{
    CmdletCall, CmdletItem, CmdletStream, CmdletTransport, ErrorRecord, ParameterValue,
};
use psrp_client::psrp::fragment::FragmentLimits;
use psrp_client::psrp::{self, Command, PowerShell};
use psrp_client::wsman::client::{Error as HttpError, Exchange, Proxy, ShellOptions, list_shells};
use psrp_client::wsman::{ResourceUri, ShellId};
use psrp_client::{PoolOptions, Record, RunspacePool};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use url::Url;

use self::failure::{NotOpened, open_failed, run_failed};
pub(crate) use self::left_over::LeftOver;
use self::load::Way;
use crate::environment::Environment;
use crate::error::Error;
use crate::schema::Family;
use crate::settings::{Endpoint, EndpointKind, Settings, SettingsError};
use crate::value::list_argument;

/// Opens sessions to the endpoint in the settings, and knows those that are open.
pub(crate) struct Remote {
    url: Url,
    username: String,
    exchange: Arc<dyn Exchange>,
    proxy: Option<Proxy>,
    shell: ShellOptions,
    pool: PoolOptions,
    kind: EndpointKind,
    families: &'static [Family],
    /// How the cmdlets came into the last session, where they have to be loaded.
    loaded: Mutex<Option<Way>>,
    open: Mutex<Vec<Arc<RunspacePool>>>,
    /// Openings and closings under way, which go on when whoever asked for them has gone.
    opening: Mutex<Vec<JoinHandle<()>>>,
}

impl Remote {
    pub(crate) fn new(
        settings: &Settings,
        environment: &Environment,
    ) -> Result<Self, SettingsError> {
        let Some(endpoint) = settings.endpoint() else {
            return Err(SettingsError::NotAvailable {
                key: "infrastructure_type".to_owned(),
                value: format!("\"{}\"", settings.infrastructure),
                remedy: "use \"OnPremises\" or \"Hybrid\"".to_owned(),
            });
        };
        let mut proxy = None;
        let exchange = environment.exchange(|| {
            let http = client::make(endpoint, settings)?;
            proxy = http.proxy().cloned();
            Ok::<Arc<dyn Exchange>, SettingsError>(Arc::new(http))
        })?;
        let mut shell = shell_options(endpoint).operation_timeout(settings.operation_timeout);
        let mut pool = pool_options(settings.stall_timeout);
        if let Some(seed) = environment.seed() {
            shell = shell.ids(Arc::clone(seed) as _);
            pool = pool.danger_seed(Arc::clone(seed));
        }
        Ok(Self {
            url: endpoint.url.clone(),
            username: endpoint.identity.name(),
            exchange,
            proxy,
            shell,
            pool,
            kind: endpoint.kind,
            families: Family::of(&settings.infrastructure),
            loaded: Mutex::new(None),
            open: Mutex::new(Vec::new()),
            opening: Mutex::new(Vec::new()),
        })
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// The proxy before the endpoint.
    pub(crate) fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    /// The host and the account, by which the server counts.
    pub(crate) fn account(&self) -> (&str, &str) {
        (self.url.host_str().unwrap_or_default(), &self.username)
    }

    /// Signs in and opens one more session.
    pub(crate) async fn open(&self) -> Result<Arc<dyn CmdletTransport>, Box<(Error, Failure)>> {
        match self.open_once().await {
            Ok(pool) => Ok(self.opened(pool)),
            Err(error) => Err(Box::new(open_failed(self.url.as_str(), &self.username, error))),
        }
    }

    /// Opens a session in a task of its own: a server that is asked for a shell makes one whether or not somebody still
    /// waits for it, and [`Self::close_unused`] has to see it closed.
    async fn open_once(&self) -> Result<RunspacePool, NotOpened> {
        let opening =
            RunspacePool::open(self.exchange.clone(), self.shell.clone(), self.pool.clone());
        let (kind, families, known) = (self.kind, self.families, self.loaded());
        let (tell, told) = oneshot::channel();
        let task = tokio::spawn(async move {
            let opened = match kind {
                EndpointKind::Exchange => {
                    opening.await.map(|pool| (pool, None)).map_err(Into::into)
                }
                EndpointKind::WinRm => loaded(opening.await, families, known).await,
            };
            if let Err(Ok((unwanted, _))) = tell.send(opened) {
                unwanted.close().await;
            }
        });
        {
            let mut opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
            opening.retain(|task| !task.is_finished());
            opening.push(task);
        }
        let (pool, way) = told.await.expect(
            "the task tells before it ends, and a panic of it ends the process in tests only",
        )?;
        *self.loaded.lock().unwrap_or_else(PoisonError::into_inner) = way;
        Ok(pool)
    }

    /// How the cmdlets came into the last session, where they have to be loaded.
    pub(crate) fn loaded(&self) -> Option<Way> {
        *self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn opened(&self, pool: RunspacePool) -> Arc<dyn CmdletTransport> {
        tracing::info!(url = %self.url, "opened a session");
        let pool = Arc::new(pool);
        self.keep(&pool);
        Arc::new(RemoteSession { pool, whole_objects: AtomicBool::new(false) })
    }

    /// Asks a WinRM service for sessions of this program and account that other runs use, or ended without closing. They
    /// count against the account's limit until the server ends them.
    pub(crate) async fn left_over(&self) -> Result<Vec<LeftOver>, HttpError> {
        let open: Vec<ShellId> = {
            let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.iter().map(|pool| pool.id().uuid().into()).collect()
        };
        let shells = list_shells(&*self.exchange, &self.shell).await?;
        let others = shells.into_iter().filter(|shell| {
            shell.shell_id.as_ref().is_none_or(|id| !open.iter().any(|own| own.uuid() == id.uuid()))
        });
        let timeout = self.shell.context().operation_timeout();
        Ok(others.filter_map(|shell| LeftOver::of(&shell, &self.username, timeout)).collect())
    }

    /// Remembers a pool so that its end can be waited for, and forgets those that ended.
    fn keep(&self, pool: &Arc<RunspacePool>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|other| other.is_open() || Arc::strong_count(other) > 1);
        open.push(Arc::clone(pool));
    }

    /// Begins to close the sessions that nobody uses any more; [`Self::close_unused`] waits for their end too.
    pub(crate) fn discard_unused(&self) {
        let unused = self.unused();
        let mut opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        opening.extend(unused.into_iter().filter_map(Arc::into_inner).map(|pool| {
            tokio::spawn(async move {
                pool.close().await;
            })
        }));
    }

    fn unused(&self) -> Vec<Arc<RunspacePool>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (used, unused) = open.drain(..).partition(|pool| Arc::strong_count(pool) > 1);
        *open = used;
        unused
    }

    /// Closes the sessions that nobody uses any more and waits for it.
    pub(crate) async fn close_unused(&self) {
        let opening =
            std::mem::take(&mut *self.opening.lock().unwrap_or_else(PoisonError::into_inner));
        for task in opening {
            // A task that panicked has no session to close.
            let _ = task.await;
        }
        let unused = self.unused();
        for pool in unused.into_iter().filter_map(Arc::into_inner) {
            pool.close().await;
            tracing::info!(url = %self.url, "closed a session");
        }
    }
}

/// Loads the cmdlets into a session that was opened; one without them is closed.
async fn loaded(
    opened: Result<RunspacePool, psrp_client::Error>,
    families: &[Family],
    known: Option<Way>,
) -> Result<(RunspacePool, Option<Way>), NotOpened> {
    let pool = opened?;
    match load::load(&pool, families, known).await {
        Ok(way) => Ok((pool, Some(way))),
        Err(error) => {
            pool.close().await;
            Err(error.into())
        }
    }
}

fn shell_options(endpoint: &Endpoint) -> ShellOptions {
    let options = ShellOptions::new(endpoint.url.as_str());
    match endpoint.kind {
        EndpointKind::Exchange => options,
        EndpointKind::WinRm => options.resource_uri(ResourceUri::powershell()).name(SHELL_NAME),
    }
}

/// Nothing about a session is waited for longer than for the output of a command; ending one may take half of that, for it
/// follows on a wait that was in vain.
fn pool_options(stall_timeout: Duration) -> PoolOptions {
    let limits =
        FragmentLimits::default().max_object_size(LARGEST_OBJECT).max_buffered(LARGEST_OBJECT * 2);
    let protocol = psrp::PoolOptions::default().limits(limits).max_elements(MOST_ELEMENTS);
    let key = protocol.key_timeout.min(stall_timeout / 2);
    let options =
        PoolOptions::default().stall_timeout(stall_timeout).protocol(protocol.key_timeout(key));
    let (open, control) = (options.open_timeout, options.control_timeout);
    options.open_timeout(open.min(stall_timeout)).control_timeout(control.min(stall_timeout / 2))
}

/// The bytes and the elements of one object on the wire. Mailboxes take some 30 KB and a few hundred; whole ones of 1,000
/// addresses stay far below.
const LARGEST_OBJECT: usize = 16 << 20;
const MOST_ELEMENTS: usize = 250_000;

/// The name by which WinRM's list of shells shows ours.
const SHELL_NAME: &str = "exchange-connector";

/// One session.
struct RemoteSession {
    pool: Arc<RunspacePool>,
    /// Whether the server was found unable to pick properties.
    whole_objects: AtomicBool,
}

impl CmdletTransport for RemoteSession {
    fn invoke(&self, call: CmdletCall) -> CmdletStream<'_> {
        Box::pin(stream! {
            'attempt: loop {
                let selects = call.select.is_some() && !self.whole_objects.load(Ordering::Relaxed);
                let mut records = match self.pool.invoke(pipeline(&call, selects)).await {
                    Ok(records) => records,
                    Err(error) => {
                        yield Err(run_failed(error));
                        return;
                    }
                };
                let mut silent = true;
                while let Some(record) = records.next().await {
                    let item = record.map_err(run_failed).map(item);
                    if selects && silent && refuses_selection(&item) {
                        tracing::info!("the server does not pick properties; reading whole objects");
                        self.whole_objects.store(true, Ordering::Relaxed);
                        continue 'attempt;
                    }
                    match item {
                        Ok(Some(item)) => {
                            silent &= !matches!(item, CmdletItem::Object(_));
                            yield Ok(item);
                        }
                        Ok(None) => {}
                        Err(error) => yield Err(error),
                    }
                }
                return;
            }
        })
    }
}

/// The call as a pipeline.
fn pipeline(call: &CmdletCall, selects: bool) -> PowerShell {
    let mut command = Command::new(call.name.as_ref());
    for (name, value) in &call.parameters {
        command = match value {
            ParameterValue::Switch(on) => command.parameter(name, *on),
            ParameterValue::Secret(secret) => command.secret(name, secret.clone()),
            ParameterValue::Value(value) => command.parameter(name, value.clone()),
        };
    }
    let pipeline = PowerShell::new().command(command);
    match &call.select {
        Some(names) if selects => {
            let names = names.iter().map(|name| name.as_str().into()).collect();
            pipeline.command(Command::new(SELECT).parameter("Property", list_argument(names)))
        }
        _ => pipeline,
    }
}

const SELECT: &str = "Select-Object";

/// What a record says about the cmdlet; nothing, for records nobody asked for.
fn item(record: Record) -> Option<CmdletItem> {
    match record {
        Record::Output(value) => Some(CmdletItem::Object(value)),
        Record::Error(record) => Some(CmdletItem::Error(error_record(*record))),
        Record::Warning(text) => Some(CmdletItem::Warning(text)),
        Record::Verbose(text) => Some(CmdletItem::Verbose(text)),
        Record::Progress(record) => Some(CmdletItem::Progress {
            activity: record.activity,
            status: record.status_description,
            percent: u8::try_from(record.percent_complete).ok().filter(|percent| *percent <= 100),
        }),
        // Something the server said is missing, so whatever depends on all of it must know.
        Record::Undecodable { message_type, error, .. } => {
            Some(CmdletItem::Error(ErrorRecord::new(
                format!(
                    "a record of type {message_type:?} could not be read: {}",
                    crate::error::report(&error)
                ),
                "UndecodableRecord",
            )))
        }
        _ => None,
    }
}

fn error_record(record: psrp::ErrorRecord) -> ErrorRecord {
    let mut plain = ErrorRecord::new(record.message, record.reason);
    plain.exception_types = record.exception_types;
    plain.fully_qualified_error_id = record.fully_qualified_error_id;
    plain.category = record.category.code();
    plain.activity = record.activity;
    plain.target_name = record.target_name;
    plain.target_type = record.target_type;
    plain
}

/// Whether the server says that `Select-Object` is hidden, or does not take the properties.
fn refuses_selection(item: &Result<Option<CmdletItem>, exchange_cmdlets::TransportError>) -> bool {
    let record = match item {
        Ok(Some(CmdletItem::Error(record))) => record,
        Err(error) => match error.record() {
            Some(record) => record,
            None => return false,
        },
        Ok(_) => return false,
    };
    let id = record.id();
    match id.code {
        "CommandNotFoundException" => {
            record.target_name.eq_ignore_ascii_case(SELECT)
                || (record.target_name.is_empty() && record.message.contains(SELECT))
        }
        _ => id.source.is_some_and(|source| source.eq_ignore_ascii_case(SELECT)),
    }
}

#[cfg(test)]
mod tests {
    use exchange_cmdlets::TransportError;

    use super::*;

    fn record(id: &str, target: &str) -> ErrorRecord {
        let mut record = ErrorRecord::new("", "");
        record.fully_qualified_error_id = id.to_owned();
        record.target_name = target.to_owned();
        record
    }

    #[test]
    fn a_refused_selection_is_told_from_a_refused_cmdlet() {
        let check = |id: &str, target: &str, expected: bool| {
            let failed = TransportError::PipelineFailed { record: Box::new(record(id, target)) };
            assert_eq!(refuses_selection(&Err(failed)), expected, "{id} {target}");
            let written = CmdletItem::Error(record(id, target));
            assert_eq!(refuses_selection(&Ok(Some(written))), expected, "{id} {target}");
        };
        check("CommandNotFoundException", "Select-Object", true);
        check("CommandNotFoundException", "Get-Mailbox", false);
        check("ParameterArgumentValidationError,Select-Object", "", true);
        check("NamedParameterNotFound,Select-Object", "", true);
        check("NamedParameterNotFound,Get-Mailbox", "", false);
        check("4206B633,Microsoft.Exchange.Management.RecipientTasks.GetMailbox", "", false);
    }

    #[test]
    fn a_call_becomes_a_pipeline_of_one_or_two_commands() {
        let call = CmdletCall::new("Get-Mailbox").parameter("Identity", "ann").select(["Name"]);
        let names = |powershell: &PowerShell| -> Vec<String> {
            powershell.commands().iter().map(|command| command.name.clone()).collect()
        };
        assert_eq!(names(&pipeline(&call, true)), ["Get-Mailbox", "Select-Object"]);
        assert_eq!(names(&pipeline(&call, false)), ["Get-Mailbox"]);
        let secret = CmdletCall::new("New-Mailbox")
            .parameter("Password", ParameterValue::Secret("hunter2".into()));
        assert!(pipeline(&secret, false).has_secrets());
    }
}
