//! The place where a pipeline's records wait for their reader.
//!
//! One task fills it, one reader empties it. The filler asks [`Outlet::wait_for_room`] before it fetches more, so a slow
//! reader slows the server down instead of filling memory; what one answer carried is always taken in whole.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// A queue with an end and two bells.
pub(crate) struct Outlet<T> {
    queue: Mutex<Queue<T>>,
    readable: Notify,
    writable: Notify,
    capacity: usize,
    capacity_bytes: usize,
}

struct Queue<T> {
    items: VecDeque<T>,
    /// What came in since no item waited.
    bytes: usize,
    ended: bool,
    abandoned: bool,
}

/// What [`Outlet::take`] found.
pub(crate) enum Taken<T> {
    Item(T),
    Empty,
    End,
}

impl<T> Outlet<T> {
    /// Makes an outlet whose filler pauses while `capacity` or more items wait, or any that came with `capacity_bytes` or
    /// more.
    pub(crate) fn new(capacity: usize, capacity_bytes: usize) -> Self {
        let queue = Queue { items: VecDeque::new(), bytes: 0, ended: false, abandoned: false };
        Self {
            queue: Mutex::new(queue),
            readable: Notify::new(),
            writable: Notify::new(),
            capacity: capacity.max(1),
            capacity_bytes,
        }
    }

    /// Counts what came in.
    pub(crate) fn count(&self, bytes: usize) {
        let mut queue = self.lock();
        queue.bytes = queue.bytes.saturating_add(bytes);
    }

    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an item in; after the end or without a reader it is dropped.
    pub(crate) fn put(&self, item: T) {
        let mut queue = self.lock();
        if !queue.ended && !queue.abandoned {
            queue.items.push_back(item);
            self.readable.notify_one();
        }
    }

    /// Says that no more will come.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.readable.notify_one();
    }

    /// Says that nobody reads any more, and drops what waits.
    pub(crate) fn abandon(&self) {
        let mut queue = self.lock();
        queue.abandoned = true;
        queue.items.clear();
        self.writable.notify_one();
    }

    /// True when nobody reads any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.lock().abandoned
    }

    /// Takes the next item, if one waits.
    pub(crate) fn take(&self) -> Taken<T> {
        let mut queue = self.lock();
        match queue.items.pop_front() {
            Some(item) => {
                if queue.items.is_empty() {
                    queue.bytes = 0;
                }
                self.writable.notify_one();
                Taken::Item(item)
            }
            None if queue.ended => Taken::End,
            None => Taken::Empty,
        }
    }

    /// Waits until something may have come, or the end.
    pub(crate) async fn wait_readable(&self) {
        self.readable.notified().await;
    }

    /// Waits until less than the capacity waits, or nobody reads any more.
    pub(crate) async fn wait_for_room(&self) {
        while !self.has_room() {
            self.writable.notified().await;
        }
    }

    fn has_room(&self) -> bool {
        let queue = self.lock();
        let is_heavy = !queue.items.is_empty() && queue.bytes >= self.capacity_bytes;
        queue.abandoned || (queue.items.len() < self.capacity && !is_heavy)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn the_filler_waits_for_the_reader() {
        let outlet = Outlet::new(2, 1000);
        outlet.put(1);
        outlet.put(2);
        assert!(outlet.wait_for_room().now_or_never().is_none());
        assert!(matches!(outlet.take(), Taken::Item(1)));
        outlet.wait_for_room().await;
        outlet.end();
        outlet.put(3);
        assert!(matches!(outlet.take(), Taken::Item(2)));
        assert!(matches!(outlet.take(), Taken::End));
    }

    #[tokio::test]
    async fn few_items_that_are_heavy_fill_it_too() {
        let outlet = Outlet::new(10, 1000);
        // The beginning of an item that is still to come waits for nobody.
        outlet.count(5000);
        outlet.wait_for_room().await;
        outlet.put(1);
        assert!(outlet.wait_for_room().now_or_never().is_none());
        assert!(matches!(outlet.take(), Taken::Item(1)));
        outlet.wait_for_room().await;
        outlet.count(999);
        outlet.put(2);
        outlet.wait_for_room().await;
    }

    #[tokio::test]
    async fn an_abandoned_outlet_takes_nothing_and_stops_nobody() {
        let outlet = Outlet::new(1, 1000);
        outlet.put(1);
        outlet.abandon();
        outlet.wait_for_room().await;
        outlet.put(2);
        assert!(matches!(outlet.take(), Taken::Empty));
    }
}
