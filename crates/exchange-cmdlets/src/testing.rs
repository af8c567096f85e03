//! A transport for tests: answers are prepared, calls are recorded, nothing leaves the process.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;

use crate::call::CmdletCall;
use crate::error_record::ErrorRecord;
use crate::transport::{CmdletItem, CmdletStream, CmdletTransport, TransportError};

/// A [`CmdletTransport`] that answers from a script.
///
/// Answers are used in the order they were given, each by the first call of its cmdlet. A call without an answer fails
/// as a cmdlet that does not exist.
#[derive(Debug, Default)]
pub struct ScriptedTransport {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    answers: VecDeque<(String, Answer)>,
    calls: Vec<CmdletCall>,
}

#[derive(Debug)]
struct Answer {
    items: VecDeque<CmdletItem>,
    end: Option<TransportError>,
}

impl ScriptedTransport {
    /// Makes a transport that knows no answer yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Prepares an answer that ends well.
    pub fn answer(&self, cmdlet: impl Into<String>, items: Vec<CmdletItem>) {
        self.push(cmdlet.into(), items, None);
    }

    /// Prepares an answer that ends badly after its items.
    pub fn fail(&self, cmdlet: impl Into<String>, items: Vec<CmdletItem>, end: TransportError) {
        self.push(cmdlet.into(), items, Some(end));
    }

    /// Returns the calls so far, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<CmdletCall> {
        self.with(|state| state.calls.clone())
    }

    /// Returns the calls so far as they would be typed.
    #[must_use]
    pub fn transcript(&self) -> Vec<String> {
        self.with(|state| state.calls.iter().map(ToString::to_string).collect())
    }

    /// Returns the cmdlets of answers that no call has used.
    #[must_use]
    pub fn unused(&self) -> Vec<String> {
        self.with(|state| state.answers.iter().map(|(cmdlet, _)| cmdlet.clone()).collect())
    }

    fn push(&self, cmdlet: String, items: Vec<CmdletItem>, end: Option<TransportError>) {
        self.with(|state| state.answers.push_back((cmdlet, Answer { items: items.into(), end })));
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn take(&mut self, call: CmdletCall) -> Answer {
        let found =
            self.answers.iter().position(|(cmdlet, _)| cmdlet.eq_ignore_ascii_case(&call.name));
        let answer = found.and_then(|index| self.answers.remove(index)).map(|(_, answer)| answer);
        let answer = answer
            .unwrap_or_else(|| Answer { items: VecDeque::new(), end: Some(not_scripted(&call)) });
        self.calls.push(call);
        answer
    }
}

fn not_scripted(call: &CmdletCall) -> TransportError {
    let message =
        format!("The term '{}' is not recognized: the script holds no answer for it.", call.name);
    let mut record = ErrorRecord::new(message, "CommandNotFoundException");
    record.fully_qualified_error_id = "CommandNotFoundException".to_owned();
    TransportError::PipelineFailed { record: Box::new(record) }
}

impl CmdletTransport for ScriptedTransport {
    fn invoke(&self, call: CmdletCall) -> CmdletStream<'_> {
        Box::pin(self.with(|state| state.take(call)))
    }
}

impl Stream for Answer {
    type Item = Result<CmdletItem, TransportError>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let answer = self.get_mut();
        Poll::Ready(match answer.items.pop_front() {
            Some(item) => Some(Ok(item)),
            None => answer.end.take().map(Err),
        })
    }
}

/// Runs a future that never has to wait, as those over a [`ScriptedTransport`] are.
///
/// # Panics
///
/// When the future does wait.
pub fn block_on<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future waits for something outside the script"),
    }
}

#[cfg(test)]
mod tests {
    use super::{ScriptedTransport, block_on};
    use crate::class::ErrorClass;
    use crate::cmdlet::run;
    use crate::cmdlets::{GetMailbox, RemoveMailbox};
    use crate::identity::Identity;
    use crate::transport::{CmdletItem, TransportError};

    #[test]
    fn a_bad_end_is_an_error_whatever_came_before() {
        let transport = ScriptedTransport::new();
        transport.fail(
            "Get-Mailbox",
            vec![CmdletItem::Warning("w".to_owned())],
            TransportError::Stopped,
        );
        let error = block_on(run(&transport, GetMailbox::all())).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Ambiguous);
        assert_eq!(transport.transcript(), ["Get-Mailbox -ResultSize 'Unlimited'"]);
    }

    #[test]
    fn what_is_not_scripted_does_not_exist() {
        let transport = ScriptedTransport::new();
        transport.answer("Get-Mailbox", Vec::new());
        let remove = RemoveMailbox::new(Identity::new("ann").unwrap());
        let error = block_on(run(&transport, remove)).unwrap_err();
        assert_eq!(error.classified().unwrap().exception, "CommandNotFoundException");
        assert_eq!(
            (transport.unused(), transport.calls().len()),
            (vec!["Get-Mailbox".to_owned()], 1)
        );
    }
}
