//! The input of a pipeline while it runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use psrp::clixml::Value;
use psrp::{PipelineId, StateError};
use tokio::sync::Notify;

use crate::driver::Driver;
use crate::error::Error;

/// The input of a running pipeline. Dropping it ends the input, without which most commands never end.
///
/// Spec: [MS-PSRP] 2.2.2.17 PIPELINE_INPUT Message, [MS-PSRP] 2.2.2.18 END_OF_PIPELINE_INPUT Message.
#[derive(Debug)]
pub struct Input {
    driver: Arc<Driver>,
    id: PipelineId,
    gauge: Arc<Gauge>,
}

impl Input {
    pub(crate) fn new(driver: Arc<Driver>, id: PipelineId, gauge: Arc<Gauge>) -> Self {
        Self { driver, id, gauge }
    }

    /// Sends an item; Nil is `$null`. Waits while many items are on their way.
    ///
    /// # Errors
    ///
    /// [`Error::State`] when the pipeline has ended.
    pub async fn send(&mut self, item: impl Into<Value>) -> Result<(), Error> {
        if !self.gauge.reserve().await {
            let pipeline = self.id;
            return Err(StateError::UnknownPipeline { operation: "send_input", pipeline }.into());
        }
        Ok(self.driver.give(self.id, &item.into())?)
    }

    /// Ends the input.
    pub fn end(self) {
        // Dropping does it.
    }

    /// Waits until the pipeline has ended.
    pub(crate) async fn pipeline_ended(&self) {
        self.gauge.closed().await;
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.driver.end_input(self.id);
    }
}

/// Counts the items that were given to the machine and not sent yet.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    level: Mutex<Level>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Level {
    waiting: usize,
    closed: bool,
}

impl Gauge {
    fn lock(&self) -> MutexGuard<'_, Level> {
        self.level.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until another item may be given; false when none ever may.
    async fn reserve(&self) -> bool {
        loop {
            let news = self.news.notified();
            {
                let mut level = self.lock();
                if level.closed {
                    return false;
                }
                if level.waiting < MAX_WAITING {
                    level.waiting += 1;
                    return true;
                }
            }
            news.await;
        }
    }

    /// Says that an item was sent.
    pub(crate) fn sent(&self) {
        let mut level = self.lock();
        level.waiting = level.waiting.saturating_sub(1);
        drop(level);
        self.news.notify_waiters();
    }

    /// Says that the pipeline has ended.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.news.notify_waiters();
    }

    pub(crate) async fn closed(&self) {
        loop {
            let news = self.news.notified();
            if self.lock().closed {
                return;
            }
            news.await;
        }
    }
}

/// Items that may be on their way.
const MAX_WAITING: usize = 16;

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn the_giver_waits_for_the_transport() {
        let gauge = Gauge::default();
        for _ in 0..MAX_WAITING {
            assert!(gauge.reserve().await);
        }
        assert!(gauge.reserve().now_or_never().is_none());
        gauge.sent();
        assert!(gauge.reserve().await);
        gauge.close();
        assert!(!gauge.reserve().await);
    }
}
