//! Connections that wait for the next exchange.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::connection::Connection;

/// The idle connections, the one used last on top, and the right to use one more.
pub(crate) struct Pool {
    idle: Mutex<Vec<Connection>>,
    slots: Semaphore,
}

impl Pool {
    pub(crate) fn new(connections: usize) -> Self {
        let slots = Semaphore::new(connections.clamp(1, Semaphore::MAX_PERMITS));
        Self { idle: Mutex::default(), slots }
    }

    /// Waits until one more connection may be in use.
    pub(crate) async fn slot(&self) -> SemaphorePermit<'_> {
        self.slots.acquire().await.expect("the semaphore is never closed")
    }

    /// Takes an idle connection that is still usable; those that are not are dropped.
    pub(crate) async fn take(&self, idle_limit: Duration) -> Option<Connection> {
        loop {
            let mut connection = self.lock().pop()?;
            if connection.is_usable(idle_limit).await {
                return Some(connection);
            }
            tracing::debug!("an idle connection had ended");
        }
    }

    /// Gives a connection back after an exchange that ended well.
    pub(crate) fn put(&self, connection: Connection) {
        if !connection.is_closing() {
            self.lock().push(connection);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
