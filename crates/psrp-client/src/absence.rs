//! Leaving a session to the server, and coming back to it.
//!
//! Spec: [MS-PSRP] 3.1.4.9 Disconnecting from a RunspacePool, [MS-PSRP] 3.1.4.10 Connecting to a RunspacePool.
//!
//! What surprised: the Receives that wait when a shell is disconnected end in a fault each, before or after the answer to the
//! Disconnect, and that says nothing about the session.

use std::sync::Arc;

use psrp::state::RunspacePoolState;
use psrp::{BreakCause, PipelineId, StateError};
use wsman::{Disconnect, Fault};

use crate::carrier::Carrier;
use crate::driver::{Driver, State, chain};
use crate::error::Error;
use crate::invocation::Invocation;

/// What the tasks of a pool know about its absences.
#[derive(Debug, Default)]
pub(crate) struct Absence {
    /// How often the pool was left, or it was tried.
    count: u64,
    /// The wish of the one who leaves.
    disconnect: Option<Disconnect>,
    /// Why leaving or coming back failed last.
    refusal: Option<Error>,
    /// Set when the owner let go: the shell is to live on.
    left: bool,
}

impl Driver {
    /// Leaves the session to the server.
    pub(crate) async fn disconnect(&self, disconnect: Disconnect) -> Result<(), Error> {
        if let Carrier::Pipes(_) = self.carrier() {
            return Err(Error::OnlyShells);
        }
        self.change(|state| {
            state.machine.disconnect()?;
            state.absence.count += 1;
            state.absence.disconnect = Some(disconnect);
            Ok::<_, StateError>(())
        })?;
        self.until(|state| state.machine.state() != RunspacePoolState::Disconnecting).await;
        self.arrived(RunspacePoolState::Disconnected)
    }

    /// Comes back. Pipelines whose readers have gone meanwhile are stopped.
    pub(crate) async fn reconnect(self: &Arc<Self>) -> Result<(), Error> {
        self.change(|state| state.machine.reconnect())?;
        self.until(|state| state.machine.state() != RunspacePoolState::Connecting).await;
        self.arrived(RunspacePoolState::Opened)?;
        let unread = self.lock().unread();
        unread.into_iter().for_each(|pipeline| self.stop(pipeline));
        Ok(())
    }

    fn arrived(&self, at: RunspacePoolState) -> Result<(), Error> {
        let mut state = self.lock();
        match state.absence.refusal.take() {
            Some(refusal) => Err(refusal),
            None if state.machine.state() == at => Ok(()),
            None => {
                let reason = "the pool ended instead".to_owned();
                Err(Error::Broken(BreakCause::Transport(reason)))
            }
        }
    }

    /// Lets go of a session that is disconnected: the tasks end, and nothing more is sent.
    pub(crate) fn let_go(&self) -> Result<(), StateError> {
        self.change(|state| {
            let found = state.machine.state();
            if found != RunspacePoolState::Disconnected {
                let (operation, expected) = ("leave", "disconnected");
                return Err(StateError::Pool { operation, state: found.name(), expected });
            }
            state.absence.left = true;
            state.end_all(None);
            Ok(())
        })?;
        self.end_receives();
        Ok(())
    }

    /// Takes over a pipeline of another client.
    pub(crate) fn attach(self: &Arc<Self>, id: PipelineId) -> Result<Invocation, Error> {
        let label = format!("pipeline {id}");
        let (invocation, _) = self.begin(label, false, |machine| {
            if machine.is_running(id) {
                let (state, expected) = ("attached already", "not attached to the pipeline");
                return Err(StateError::Pool { operation: "attach", state, expected });
            }
            machine.attach_pipeline(id).map(|()| id)
        })?;
        Ok(invocation)
    }

    /// Performs a Disconnect.
    pub(crate) async fn go_away(&self) {
        let wish = self.lock().absence.disconnect.take().unwrap_or_default();
        let result = self.carrier().disconnect(wish).await;
        self.change(|state| match result {
            Ok(()) => state.machine.handle_disconnected(),
            Err(refusal) => {
                state.absence.refusal = Some(refusal);
                state.machine.handle_disconnect_failed();
            }
        });
    }

    /// Performs a Reconnect: of the shell, then of its commands.
    pub(crate) async fn come_back(&self, pipelines: Vec<PipelineId>) {
        if let Err(refusal) = self.carrier().reconnect().await {
            return self.change(|state| {
                let fault = refusal.transport().and_then(wsman::client::Error::fault);
                match fault.is_some_and(Fault::is_shell_gone) {
                    true => state.machine.broken(chain(&refusal)),
                    false => state.machine.handle_reconnect_failed(),
                }
                state.absence.refusal = Some(refusal);
            });
        }
        for pipeline in pipelines {
            if let Err(error) = self.carrier().reconnect_command(pipeline).await {
                self.lose(pipeline, error, true);
            }
        }
        self.change(|state| state.machine.handle_reconnected());
    }

    /// Waits until the session is not away, and tells whether there is still one; its absences so far.
    pub(crate) async fn present(&self) -> Option<u64> {
        self.until(|state| state.absence.left || !state.is_away()).await;
        let state = self.lock();
        (!state.absence.left).then_some(state.absence.count)
    }

    /// True when the session was left since this number of absences: a Receive of before may well have failed.
    pub(crate) fn was_away_since(&self, absences: u64) -> bool {
        self.lock().absence.count != absences
    }
}

impl State {
    /// True when the owner let go of the session.
    pub(crate) const fn is_left(&self) -> bool {
        self.absence.left
    }

    fn is_away(&self) -> bool {
        matches!(
            self.machine.state(),
            RunspacePoolState::Disconnecting
                | RunspacePoolState::Disconnected
                | RunspacePoolState::Connecting
        )
    }
}
