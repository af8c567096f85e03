//! What the driver asks the server about the pool itself.

use psrp::pool_messages::{Availability, RunspaceRequest};
use psrp::secrecy::SecretString;
use psrp::{BreakCause, CryptoError, UserEvent};
use tokio::sync::{broadcast, oneshot};
use tokio::time::timeout;

use crate::driver::Driver;
use crate::error::Error;

impl Driver {
    /// Asks a question about the runspaces and waits for its answer.
    pub(crate) async fn ask(&self, request: RunspaceRequest) -> Result<Availability, Error> {
        let (sender, receiver) = oneshot::channel();
        self.change(|state| {
            let call_id = state.machine.request_runspaces(request)?;
            state.questions.insert(call_id, sender);
            Ok::<_, Error>(())
        })?;
        let _eager = self.carrier().wait_for_pool();
        let after = self.options().control_timeout;
        match timeout(after, receiver).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(ended()),
            Err(_) => {
                let waiting_for = "the answer about the runspaces".to_owned();
                Err(Error::Stalled { waiting_for, after })
            }
        }
    }

    /// Decrypts the bytes of a SecureString; the session key is asked for when it is not there.
    pub(crate) async fn decrypt(&self, bytes: &[u8]) -> Result<SecretString, Error> {
        match self.lock().machine.decrypt_secure_string(bytes) {
            Err(CryptoError::NoKey) => {}
            result => return result.map_err(Error::Secret),
        }
        self.prepare_key_pair().await;
        let mut key = self
            .change(|state| {
                state.machine.request_session_key()?;
                Ok(state.key.subscribe())
            })
            .map_err(Error::Secret)?;
        let _eager = self.carrier().wait_for_pool();
        let wait = timeout(self.options().protocol.key_timeout, key.wait_for(|ready| *ready));
        // Whatever became of the wait, the machine knows whether there is a key.
        let _ = self.until_closed(wait).await;
        self.lock().machine.decrypt_secure_string(bytes).map_err(Error::Secret)
    }

    /// Listens to the events of the server's engine from now on.
    pub(crate) fn user_events(&self) -> Option<broadcast::Receiver<Box<UserEvent>>> {
        self.expect_answer();
        self.lock().user_events.as_ref().map(broadcast::Sender::subscribe)
    }
}

fn ended() -> Error {
    Error::Broken(BreakCause::Transport("the pool ended before the answer came".to_owned()))
}
