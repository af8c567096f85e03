//! Calls of the server to the client's host, answered by the caller's.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use psrp::PipelineId;
use psrp::host::{HostAnswer, HostCall, HostInfo};
use tokio::sync::mpsc;

use crate::driver::Driver;

/// What a server may ask of its client while commands run: to show a line, to read one, to confirm.
///
/// The calls of a pool come one after the other, in the order in which they arrive, so a user is asked one thing at a time.
///
/// ```
/// use std::pin::Pin;
///
/// use psrp_client::Host;
/// use psrp_client::psrp::host::{HostAnswer, HostCall, HostRequest};
///
/// struct SaysYes;
///
/// impl Host for SaysYes {
///     fn call<'a>(&'a self, call: &'a HostCall) -> Pin<Box<dyn Future<Output = HostAnswer> + Send + 'a>> {
///         Box::pin(async move {
///             match call.request() {
///                 Ok(HostRequest::PromptForChoice { .. }) => HostAnswer::from(0),
///                 _ => HostAnswer::not_implemented(call),
///             }
///         })
///     }
/// }
///
/// let options = psrp_client::PoolOptions::default().host(SaysYes);
/// ```
pub trait Host: Send + Sync {
    /// What the host can do. By default it has a user interface and no console.
    fn info(&self) -> HostInfo {
        HostInfo::user_interface()
    }

    /// Carries out a call. Its answer is sent when [`HostCall::wants_answer`]; a call that has none may return anything.
    ///
    /// The future is dropped when the pipeline ends before. [`HostCall::request`] decodes the call,
    /// [`HostAnswer::not_implemented`] refuses it.
    fn call<'a>(
        &'a self,
        call: &'a HostCall,
    ) -> Pin<Box<dyn Future<Output = HostAnswer> + Send + 'a>>;
}

/// A host as part of options that can be shown.
#[derive(Clone)]
pub(crate) struct AnyHost(Arc<dyn Host>);

impl AnyHost {
    pub(crate) fn new(host: impl Host + 'static) -> Self {
        Self(Arc::new(host))
    }

    pub(crate) fn info(&self) -> HostInfo {
        self.0.info()
    }

    pub(crate) async fn call(&self, call: &HostCall) -> HostAnswer {
        self.0.call(call).await
    }
}

impl fmt::Debug for AnyHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Host")
    }
}

/// A call and the pipeline it is of; `None` for the pool's own.
pub(crate) type Call = (Option<PipelineId>, HostCall);

/// The way of the calls from the machine to the host.
pub(crate) fn calls() -> (mpsc::Sender<Call>, mpsc::Receiver<Call>) {
    mpsc::channel(MAX_WAITING_CALLS)
}

impl Driver {
    /// Lets the host answer one call after the other until the pool has ended.
    pub(crate) async fn answer_host_calls(
        self: Arc<Self>,
        host: AnyHost,
        mut calls: mpsc::Receiver<Call>,
    ) {
        while let Some((pipeline, call)) = calls.recv().await {
            if !call.wants_answer() {
                self.until_closed(host.call(&call)).await;
                continue;
            }
            let answer = tokio::select! {
                answer = host.call(&call) => answer,
                () = self.until_unanswerable(pipeline, call.call_id) => continue,
            };
            self.respond(pipeline, call.call_id, answer).await;
        }
    }

    async fn respond(&self, pipeline: Option<PipelineId>, call_id: i64, answer: HostAnswer) {
        if matches!(&answer, HostAnswer::Returned(value) if value.has_secrets()) {
            self.prepare_key_pair().await;
        }
        if let Err(error) = self.change(|state| state.machine.respond(pipeline, call_id, answer)) {
            tracing::debug!(call_id, %error, "an answer of the host came too late");
        }
    }

    async fn until_unanswerable(&self, pipeline: Option<PipelineId>, call_id: i64) {
        self.until(|state| !state.machine.awaits_answer(pipeline, call_id)).await;
    }
}

/// Calls that may wait for the host; what comes beyond is refused.
const MAX_WAITING_CALLS: usize = 1024;
