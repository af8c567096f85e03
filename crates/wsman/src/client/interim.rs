//! Interim answers (1xx), which are skipped, but not without end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Request;
use tokio::sync::Notify;

use super::error::Error;

/// The count of the interim answers to one request.
pub(crate) struct Interim {
    limit: usize,
    passed: Arc<Notify>,
}

impl Interim {
    /// Counts what comes before the answer to a request.
    pub(crate) fn count<B>(request: &mut Request<B>, limit: usize) -> Self {
        let passed = Arc::new(Notify::new());
        let (seen, tell) = (AtomicUsize::new(0), Arc::clone(&passed));
        hyper::ext::on_informational(request, move |_answer| {
            if seen.fetch_add(1, Ordering::Relaxed) >= limit {
                tell.notify_one();
            }
        });
        Self { limit, passed }
    }

    /// Waits until there are too many.
    pub(crate) async fn too_many(&mut self) -> Error {
        self.passed.notified().await;
        Error::TooManyInterim { limit: self.limit }
    }
}
