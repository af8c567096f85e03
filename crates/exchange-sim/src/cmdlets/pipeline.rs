//! Running pipelines, one record at a time.
//!
//! Nothing is computed before it is asked for: a `Get-Mailbox` over a hundred thousand mailboxes holds their GUIDs and makes
//! each object when its turn comes.

use std::collections::VecDeque;

use super::bind::{Bound, bind, require};
use super::parameters::Cmdlet;
use super::select::{Select, measured};
use super::task::{Feed, Task};
use super::{Argument, CmdletError, Exchange, Invocation, Session};
use crate::object::Item;

/// How many commands one statement may have.
const MAX_COMMANDS: usize = 32;

/// What a pipeline gives.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Record {
    /// An object or a value.
    Output(Item),
    /// An error that does not end the pipeline.
    Error(CmdletError),
    /// A warning.
    Warning(String),
    /// A verbose message.
    Verbose(String),
    /// What `-WhatIf` says; a host shows it, and without one nobody does.
    WhatIf(String),
    /// A question; nothing more comes until [`Run::answer`] or [`Run::refuse`] was called.
    Confirm(Prompt),
    /// Mandatory parameters are missing; nothing more comes until [`Run::supply`] was called. Only with
    /// [`Run::with_host`].
    Supply(Missing),
    /// The pipeline waits for its input; nothing more comes until [`Run::push`] or [`Run::end_input`] was called.
    Starved,
}

/// A request for confirmation.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Prompt {
    /// The title.
    pub caption: String,
    /// What is about to happen.
    pub message: String,
}

/// Mandatory parameters that a cmdlet was called without.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Missing {
    /// The cmdlet.
    pub cmdlet: &'static str,
    /// Its place in the pipeline, from 1.
    pub position: usize,
    /// The parameters with the full names of their .NET types.
    pub parameters: Vec<(&'static str, String)>,
}

/// The answer to a [`Prompt`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Answer {
    /// This one.
    Yes,
    /// This one and all after it.
    YesToAll,
    /// Not this one.
    No,
    /// Neither this one nor any after it.
    NoToAll,
}

impl Answer {
    /// Returns the answer of a choice's number, as [`Prompt`]s offer them.
    #[must_use]
    pub const fn of_choice(choice: i64) -> Self {
        match choice {
            0 => Self::Yes,
            1 => Self::YesToAll,
            3 => Self::NoToAll,
            _ => Self::No,
        }
    }
}

/// A running pipeline of one or more statements.
#[derive(Debug)]
pub struct Run {
    session: Session,
    waiting: VecDeque<Vec<Invocation>>,
    single: bool,
    stages: Vec<Stage>,
    /// What the caller feeds to the first statement, until that has begun.
    input: Option<Source>,
    has_host: bool,
}

/// What the caller feeds in.
#[derive(Debug, Default)]
pub(super) struct Source {
    items: VecDeque<Item>,
    ended: bool,
}

/// One command of the running statement.
#[derive(Debug)]
pub(super) struct Stage {
    work: Work,
}

#[derive(Debug)]
enum Work {
    Source(Source),
    Cmdlet(Box<Task>),
    Select(Box<Select>),
    Measure { count: i32, done: bool },
    Discard,
}

impl Run {
    /// Begins a pipeline: statements run one after another, the commands of one are joined.
    ///
    /// # Errors
    ///
    /// What PowerShell's binder refuses in the only statement: unknown commands and parameters, values of a wrong type,
    /// scripts. Of several statements one that fails to bind gives an error record, and the next runs.
    pub fn new(
        exchange: &mut Exchange,
        session: Session,
        statements: Vec<Vec<Invocation>>,
    ) -> Result<Self, CmdletError> {
        Self::begin(exchange, session, statements, None, false)
    }

    /// Begins a pipeline whose first command takes objects from the caller.
    ///
    /// As on the real engine an empty input is an input: a cmdlet that takes its identity from it does nothing.
    ///
    /// # Errors
    ///
    /// As [`Run::new`].
    pub fn with_input(
        exchange: &mut Exchange,
        session: Session,
        statements: Vec<Vec<Invocation>>,
        input: Option<Vec<Item>>,
    ) -> Result<Self, CmdletError> {
        let input = input.map(|items| Source { items: items.into(), ended: true });
        Self::begin(exchange, session, statements, input, false)
    }

    /// Begins a pipeline for a caller with a host, who is asked for missing parameters.
    ///
    /// With `expects_input` the input comes later, through [`push`](Self::push) and [`end_input`](Self::end_input).
    ///
    /// # Errors
    ///
    /// As [`Run::new`], but for missing parameters if there is a host.
    pub fn with_host(
        exchange: &mut Exchange,
        session: Session,
        statements: Vec<Vec<Invocation>>,
        has_host: bool,
        expects_input: bool,
    ) -> Result<Self, CmdletError> {
        let input = expects_input.then(Source::default);
        Self::begin(exchange, session, statements, input, has_host)
    }

    fn begin(
        exchange: &mut Exchange,
        session: Session,
        statements: Vec<Vec<Invocation>>,
        input: Option<Source>,
        has_host: bool,
    ) -> Result<Self, CmdletError> {
        let single = statements.len() <= 1;
        let waiting = VecDeque::from(statements);
        let mut run = Self { session, waiting, single, stages: Vec::new(), input, has_host };
        if single && let Some(statement) = run.waiting.pop_front() {
            run.stages = stages(exchange, &statement, run.input.take(), has_host)?;
        }
        Ok(run)
    }

    /// Gives the first command an object.
    pub fn push(&mut self, item: Item) {
        if let Some(source) = self.source() {
            source.items.push_back(item);
        }
    }

    /// Ends the input.
    pub fn end_input(&mut self) {
        if let Some(source) = self.source() {
            source.ended = true;
        }
    }

    fn source(&mut self) -> Option<&mut Source> {
        match self.stages.first_mut() {
            Some(Stage { work: Work::Source(source) }) => Some(source),
            _ => self.input.as_mut(),
        }
    }

    /// Returns the next record, or nothing after the last.
    ///
    /// # Errors
    ///
    /// An error that ends the pipeline.
    pub fn next(&mut self, exchange: &mut Exchange) -> Result<Option<Record>, CmdletError> {
        loop {
            if let Some(record) = pull(&mut self.stages, exchange, &self.session)? {
                return Ok(Some(record));
            }
            let Some(statement) = self.waiting.pop_front() else { return Ok(None) };
            match stages(exchange, &statement, self.input.take(), self.has_host) {
                Ok(stages) => self.stages = stages,
                Err(error) if self.single => return Err(error),
                Err(error) => {
                    self.stages.clear();
                    return Ok(Some(Record::Error(error)));
                }
            }
        }
    }

    /// Answers the prompt that is open.
    pub fn answer(&mut self, answer: Answer) {
        if let Some(task) = self.tasks().find(|task| task.is_asking()) {
            task.answer(answer);
        }
    }

    /// Gives values to the parameters that were asked for.
    ///
    /// # Errors
    ///
    /// A value of a wrong type, which ends the pipeline.
    pub fn supply(&mut self, values: &[(String, Argument)]) -> Result<(), CmdletError> {
        match self.tasks().find(|task| task.wants_parameters()) {
            Some(task) => task.supply(values),
            None => Ok(()),
        }
    }

    /// Returns the error that ends the pipeline when nobody can answer its prompt.
    #[must_use]
    pub fn refuse(&mut self) -> CmdletError {
        let asking = self.tasks().find(|task| task.is_asking()).map(|task| task.cmdlet());
        CmdletError::no_host(asking.unwrap_or_default())
    }

    fn tasks(&mut self) -> impl Iterator<Item = &mut Task> {
        self.stages.iter_mut().filter_map(|stage| match &mut stage.work {
            Work::Cmdlet(task) => Some(task.as_mut()),
            _ => None,
        })
    }
}

fn stages(
    exchange: &mut Exchange,
    statement: &[Invocation],
    input: Option<Source>,
    has_host: bool,
) -> Result<Vec<Stage>, CmdletError> {
    if statement.len() > MAX_COMMANDS {
        let message = format!("The pipeline has more than {MAX_COMMANDS} commands.");
        return Err(CmdletError::binding("Pipeline", "PipelineTooLong", message));
    }
    let bound: Vec<Bound> = statement.iter().map(bind).collect::<Result<_, _>>()?;
    let mut stages: Vec<Stage> =
        input.map(|source| Stage { work: Work::Source(source) }).into_iter().collect();
    for (position, bound) in (1..).zip(bound) {
        exchange.log(bound.call());
        let work = work(bound, position, !stages.is_empty(), has_host)?;
        if let Some(Stage { work: Work::Cmdlet(task) }) = stages.last_mut() {
            task.narrow(work.takes());
        }
        stages.push(Stage { work });
    }
    Ok(stages)
}

impl Work {
    /// Returns which properties of its input matter; nothing when all may.
    fn takes(&self) -> Option<Vec<String>> {
        match self {
            Self::Measure { .. } | Self::Discard => Some(Vec::new()),
            Self::Select(select) => select.takes(),
            _ => None,
        }
    }
}

fn work(bound: Bound, position: usize, follows: bool, has_host: bool) -> Result<Work, CmdletError> {
    Ok(match bound.cmdlet {
        "Select-Object" => Work::Select(Box::new(Select::new(&bound))),
        "Measure-Object" => Work::Measure { count: 0, done: false },
        // Its proxy in such a session gives its input back to the client, which shows it.
        "Out-Default" => Work::Select(Box::default()),
        "Out-Null" | "Exit-PSSession" => Work::Discard,
        _ => {
            let takes = Cmdlet::named(bound.cmdlet).is_some_and(Cmdlet::takes_input);
            let feed = match follows {
                false => Feed::Alone,
                true if takes && !bound.has("Identity") => Feed::Identity,
                true => Feed::Refused,
            };
            if feed == Feed::Alone && !has_host {
                require(&bound)?;
            }
            Work::Cmdlet(Box::new(Task::new(bound, position, feed, has_host)))
        }
    })
}

/// Returns the next record of the last of `stages`. The recursion is as deep as the statement has commands.
pub(super) fn pull(
    stages: &mut [Stage],
    exchange: &mut Exchange,
    session: &Session,
) -> Result<Option<Record>, CmdletError> {
    let Some((stage, before)) = stages.split_last_mut() else { return Ok(None) };
    match &mut stage.work {
        Work::Source(source) => Ok(match source.items.pop_front() {
            Some(item) => Some(Record::Output(item)),
            None if source.ended => None,
            None => Some(Record::Starved),
        }),
        Work::Cmdlet(task) => task.pull(before, exchange, session),
        Work::Select(select) => select.pull(before, exchange, session),
        Work::Measure { count, done } => {
            while let Some(record) = pull(before, exchange, session)? {
                match record {
                    Record::Output(_) => *count = count.saturating_add(1),
                    other => return Ok(Some(other)),
                }
            }
            let last = (!*done).then(|| Record::Output(measured(*count)));
            *done = true;
            Ok(last)
        }
        Work::Discard => {
            while let Some(record) = pull(before, exchange, session)? {
                if !matches!(record, Record::Output(_)) {
                    return Ok(Some(record));
                }
            }
            Ok(None)
        }
    }
}
