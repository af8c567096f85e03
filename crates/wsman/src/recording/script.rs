//! Which recorded exchange a request is, and when its answer may be given.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::difference::Difference;
use super::reading::{ReadRequest, StreamReader, read_request};
use super::{RecordedAnswer, RecordedExchange, Recording};
use crate::response::{Response, parse_response};

/// In what order requests may come.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Order {
    /// As recorded: a request comes after those whose answers its sender had when it was recorded. Requests that were
    /// under way together may come in either order.
    #[default]
    Strict,
    /// As recorded within each command, and within what concerns the shell alone; commands may change places.
    Lenient,
}

/// A recording being played: which exchanges are still to come, and what a client may ask for next.
///
/// Pure: [`accept`](Self::accept) takes requests, [`leave`](Self::leave) is told when an exchange has ended, and
/// [`finish`](Self::finish) says whether something was left out.
pub struct Script {
    recording: Recording,
    expected: Vec<Expected>,
    streams: Box<dyn StreamReader>,
    order: Order,
    difference: Option<Difference>,
    /// Requests that were taken for recorded ones although they differ, by index.
    changed: BTreeMap<usize, String>,
}

struct Expected {
    read: ReadRequest,
    state: State,
    /// A Receive that brought nothing, which a client may as well not have sent.
    optional: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Unused,
    UnderWay,
    Over,
}

impl Script {
    /// Prepares to play; `streams` reads what the shells of this recording carry.
    #[must_use]
    pub fn new(recording: Recording, streams: &dyn StreamReader, order: Order) -> Self {
        let mut reader = streams.fresh();
        let expected = recording.exchanges.iter().map(|exchange| {
            let read = read_request(&exchange.request, &mut *reader);
            let optional = read.verb == "Receive" && brought_nothing(&exchange.answer);
            Expected { read, state: State::Unused, optional }
        });
        let expected = expected.collect();
        Self {
            recording,
            expected,
            streams: streams.fresh(),
            order,
            difference: None,
            changed: BTreeMap::new(),
        }
    }

    /// Returns the recording.
    #[must_use]
    pub const fn recording(&self) -> &Recording {
        &self.recording
    }

    /// Returns an exchange by its index.
    #[must_use]
    pub fn exchange(&self, index: usize) -> Option<&RecordedExchange> {
        self.recording.exchanges.get(index)
    }

    /// Finds the exchange that a request is; it counts as under way from then on.
    ///
    /// The same as [`read`](Self::read), [`find`](Self::find) and, where that finds nothing, [`refuse`](Self::refuse).
    ///
    /// # Errors
    ///
    /// The first [`Difference`], now and for every request after it.
    pub fn accept(&mut self, request: &str) -> Result<usize, Difference> {
        let got = self.read(request);
        self.find(&got).ok_or_else(|| self.refuse(got))
    }

    /// Reads a request. Each is read once, in the order in which they come, for messages go on from one to the next.
    pub fn read(&mut self, request: &str) -> ReadRequest {
        read_request(request, &mut *self.streams)
    }

    /// Finds the exchange that is due and that this is; it counts as under way from then on.
    ///
    /// Nothing is found any more after the first difference.
    pub fn find(&mut self, got: &ReadRequest) -> Option<usize> {
        if self.difference.is_some() {
            return None;
        }
        let due = self.due();
        let found = due.into_iter().find(|index| self.reads(*index) == Some(&got.lines))?;
        self.set(found, State::UnderWay);
        Some(found)
    }

    /// Tells whether this is an exchange that is not due yet: tasks that run side by side may be about to ask for what is.
    #[must_use]
    pub fn is_early(&self, got: &ReadRequest) -> bool {
        let unused = self.expected.iter().filter(|one| one.state == State::Unused);
        self.difference.is_none()
            && unused.map(|one| &one.read.lines).any(|lines| *lines == got.lines)
    }

    /// Notes that a request is none that was recorded; returns how it differs from the nearest that is due, or the first
    /// difference there was.
    pub fn refuse(&mut self, got: ReadRequest) -> Difference {
        if let Some(difference) = &self.difference {
            return difference.clone();
        }
        let due = self.due();
        let expected = |index: &usize| self.expected.get(*index);
        let alike = |index: &&usize| {
            let read = expected(index).map(|one| &one.read);
            read.is_some_and(|read| read.verb == got.verb && read.lane == got.lane)
        };
        let same_verb =
            |index: &&usize| expected(index).is_some_and(|one| one.read.verb == got.verb);
        let needed = |index: &&usize| expected(index).is_some_and(|one| !one.optional);
        let nearest = due
            .iter()
            .find(alike)
            .or_else(|| due.iter().find(same_verb))
            .or_else(|| due.iter().find(needed))
            .or_else(|| due.first());
        let difference = match nearest.and_then(|index| Some((*index, expected(index)?))) {
            Some((index, expected)) => Difference::Changed {
                number: index + 1,
                expected: expected.read.lines.clone(),
                got: got.lines,
            },
            None => Difference::Further { got: got.lines },
        };
        self.difference.insert(difference).clone()
    }

    /// Takes a request for the nearest one of its kind that is due, however it differs: for a change that is meant.
    pub fn take_for_nearest(&mut self, got: &ReadRequest, request: &str) -> Option<usize> {
        let nearest = self.nearest(&self.due(), got)?;
        self.changed.insert(nearest, request.to_owned());
        self.set(nearest, State::UnderWay);
        Some(nearest)
    }

    /// Returns the requests that were taken for recorded ones although they differ, by the index of the exchange.
    #[must_use]
    pub const fn changed(&self) -> &BTreeMap<usize, String> {
        &self.changed
    }

    /// Returns the exchanges that were never asked for, by index.
    #[must_use]
    pub fn unused(&self) -> Vec<usize> {
        let all = self.expected.iter().enumerate();
        all.filter(|(_, one)| one.state == State::Unused).map(|(index, _)| index).collect()
    }

    /// Of the exchanges that are due, the one of the same verb that is about the same thing, else the first of that verb.
    fn nearest(&self, due: &[usize], got: &ReadRequest) -> Option<usize> {
        let read = |index: &usize| self.expected.get(*index).map(|one| &one.read);
        let same_verb = |index: &&usize| read(index).is_some_and(|read| read.verb == got.verb);
        let mut alike = due.iter().filter(same_verb);
        let same_lane = |index: &&usize| read(index).is_some_and(|read| read.lane == got.lane);
        alike.clone().find(same_lane).or_else(|| alike.next()).copied()
    }

    /// Notes that an exchange was answered, or given up by its sender.
    pub fn leave(&mut self, index: usize) {
        self.set(index, State::Over);
    }

    /// Tells whether everything that was answered before this exchange has been answered by now; in the lenient order,
    /// everything of its command.
    #[must_use]
    pub fn may_answer(&self, index: usize) -> bool {
        let lane = self.expected.get(index).map(|one| &one.read.lane);
        self.answered_before(index).all(|one| {
            let elsewhere = self.order == Order::Lenient && Some(&one.read.lane) != lane;
            elsewhere || one.optional || one.state == State::Over
        })
    }

    /// Tells whether nothing is under way that was answered before this exchange, and nothing is still to come that was sent
    /// before its answer.
    #[must_use]
    pub fn is_next(&self, index: usize) -> bool {
        let Some(own) = self.exchange(index) else { return true };
        let sent_before = self.recording.exchanges.iter().zip(&self.expected);
        let sent_before = sent_before.filter(|(exchange, _)| exchange.sent < own.answered);
        self.answered_before(index).all(|one| one.state != State::UnderWay)
            && sent_before.map(|(_, one)| one).all(|one| one.optional || one.state != State::Unused)
    }

    /// What was answered before this exchange.
    fn answered_before(&self, index: usize) -> impl Iterator<Item = &Expected> {
        let own = self.exchange(index).map(|own| (own.answered, index));
        let all = self.recording.exchanges.iter().zip(&self.expected).enumerate();
        all.filter(move |(other, (one, _))| {
            Some((one.answered, *other)) < own && one.answer != RecordedAnswer::Dropped
        })
        .map(|(_, (_, expected))| expected)
    }

    /// Tells whether the client did all that was recorded, and nothing else.
    ///
    /// # Errors
    ///
    /// The first [`Difference`]. A Receive that brought nothing need not have been sent.
    pub fn finish(&self) -> Result<(), Difference> {
        if let Some(difference) = &self.difference {
            return Err(difference.clone());
        }
        let unused = |one: &Expected| one.state == State::Unused && !one.optional;
        let missing = self.expected.iter().enumerate().filter(|(_, one)| unused(one));
        let numbers: Vec<usize> = missing.map(|(index, _)| index + 1).collect();
        let Some(first) = numbers.first() else { return Ok(()) };
        let expected = self.reads(first - 1).cloned().unwrap_or_default();
        Err(Difference::Missing { numbers, expected })
    }

    /// Returns the first difference so far.
    #[must_use]
    pub const fn difference(&self) -> Option<&Difference> {
        self.difference.as_ref()
    }

    fn reads(&self, index: usize) -> Option<&Vec<String>> {
        self.expected.get(index).map(|one| &one.read.lines)
    }

    fn set(&mut self, index: usize, state: State) {
        if let Some(expected) = self.expected.get_mut(index) {
            expected.state = state;
        }
    }

    /// The exchanges that may come next.
    fn due(&self) -> Vec<usize> {
        // INVARIANT: exchanges are in the order of sending, so once one has to wait, so have all after it.
        let mut barrier = Duration::MAX;
        let mut lanes = HashSet::new();
        let mut due = Vec::new();
        for (index, (exchange, expected)) in
            self.recording.exchanges.iter().zip(&self.expected).enumerate()
        {
            if expected.state != State::Unused {
                continue;
            }
            match self.order {
                Order::Strict if exchange.sent >= barrier => break,
                Order::Strict => due.push(index),
                Order::Lenient if lanes.contains(&expected.read.lane) => {}
                Order::Lenient => due.push(index),
            }
            if !expected.optional {
                barrier = barrier.min(exchange.answered);
                lanes.insert(&expected.read.lane);
            }
        }
        due
    }
}

/// Whether a Receive brought no output: nobody waited for it, it ran into its timeout, or the shell was gone.
fn brought_nothing(answer: &RecordedAnswer) -> bool {
    match answer {
        RecordedAnswer::Dropped => true,
        RecordedAnswer::Failure(_) => false,
        RecordedAnswer::Envelope { envelope, .. } => match parse_response(envelope.as_bytes()) {
            Ok(reply) => match reply.response {
                Response::Fault(_) => true,
                Response::Receive(output) => {
                    output.streams.is_empty() && output.command_state.is_none()
                }
                _ => false,
            },
            Err(_) => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::recording::PlainStreams;
    use crate::{Command, Operation, Receive, ResourceUri, SessionContext};

    fn request(message: u128, operation: &Operation) -> String {
        let url = "http://ex01.contoso.com/PowerShell/";
        let context = SessionContext::new(url, ResourceUri::exchange(), Uuid::nil());
        let shell = Uuid::from_u128(9).into();
        context.write(&Uuid::from_u128(message).into(), Some(&shell), operation)
    }

    fn command(id: u128, arguments: &[u8]) -> Operation {
        Operation::Command(Command::new(Some(Uuid::from_u128(id).into()), arguments.to_vec()))
    }

    fn exchange(sent: u64, answered: u64, operation: &Operation) -> RecordedExchange {
        let times = (Duration::from_millis(sent), Duration::from_millis(answered));
        let answer = RecordedAnswer::Envelope { status: 200, envelope: String::new() };
        RecordedExchange::new(times.0, times.1, request(u128::from(sent), operation), answer)
    }

    fn script(exchanges: Vec<RecordedExchange>, order: Order) -> Script {
        Script::new(Recording::new(exchanges), &PlainStreams, order)
    }

    #[test]
    fn requests_under_way_together_may_change_places_and_others_not() {
        let (a, b, c) = (command(1, b"a"), command(2, b"b"), command(3, b"c"));
        let recorded = || vec![exchange(0, 5, &a), exchange(1, 6, &b), exchange(7, 8, &c)];
        let mut replay = script(recorded(), Order::Strict);
        assert_eq!(replay.accept(&request(70, &b)), Ok(1));
        assert_eq!(replay.accept(&request(71, &a)), Ok(0));
        assert!(!replay.may_answer(1) && replay.may_answer(0));
        replay.leave(0);
        assert!(replay.may_answer(1));
        assert_eq!(replay.accept(&request(72, &c)), Ok(2));
        assert_eq!(replay.finish(), Ok(()));

        let mut replay = script(recorded(), Order::Strict);
        let early = replay.accept(&request(70, &c));
        assert!(matches!(early, Err(Difference::Changed { number: 1, .. })), "{early:?}");
        assert!(replay.accept(&request(71, &a)).is_err(), "the first difference stays");
        let mut replay = script(recorded(), Order::Lenient);
        assert_eq!(replay.accept(&request(70, &c)), Ok(2));
    }

    #[test]
    fn a_changed_request_is_told_beside_the_recorded_one() {
        let mut replay = script(vec![exchange(0, 1, &command(1, b"a"))], Order::Strict);
        let Err(difference) = replay.accept(&request(9, &command(1, b"x"))) else { panic!() };
        let told = difference.to_string();
        assert!(told.contains("request 1 differs from 01-request.xml"), "{told}");
        assert!(told.contains("- ") && told.contains("+ "), "{told}");
    }

    #[test]
    fn a_change_that_is_meant_is_taken_for_what_was_recorded() {
        let recorded = vec![exchange(0, 1, &command(1, b"a")), exchange(2, 3, &command(2, b"b"))];
        let mut replay = script(recorded, Order::Strict);
        let changed = request(9, &command(1, b"x"));
        let got = replay.read(&changed);
        assert_eq!((replay.find(&got), replay.is_early(&got)), (None, false));
        assert_eq!(replay.take_for_nearest(&got, &changed), Some(0));
        assert_eq!(replay.changed().get(&0), Some(&changed));
        assert_eq!(replay.unused(), [1]);
        let deletion = replay.read(&request(10, &Operation::Delete));
        assert_eq!(replay.take_for_nearest(&deletion, ""), None, "nothing of its kind is due");
    }

    #[test]
    fn what_was_never_asked_for_is_told_unless_it_brought_nothing() {
        let listening = RecordedExchange {
            answer: RecordedAnswer::Dropped,
            ..exchange(2, 3, &Operation::Receive(Receive::new(None)))
        };
        let replay = script(vec![listening.clone()], Order::Strict);
        assert_eq!(replay.finish(), Ok(()));
        let replay = script(vec![exchange(0, 1, &command(1, b"a")), listening], Order::Strict);
        let Err(Difference::Missing { numbers, .. }) = replay.finish() else { panic!() };
        assert_eq!(numbers, [1]);
        let mut replay = script(Vec::new(), Order::Strict);
        let further = replay.accept(&request(1, &command(1, b"a")));
        assert!(matches!(further, Err(Difference::Further { .. })));
    }
}
