//! Running pipelines, one record at a time.
//!
//! Nothing is computed before it is asked for: a `Get-Mailbox` over a hundred thousand mailboxes holds their GUIDs and makes
//! each object when its turn comes.

use std::collections::VecDeque;
use std::sync::Arc;

use super::bind::{Bound, bind, plain_text, require};
use super::parameters::Cmdlet;
use super::read::Reader;
use super::{Argument, CmdletError, Exchange, Invocation, Session};
use crate::object::types::{self, TypeChain};
use crate::object::{Field, Item, Row};
use crate::opath::glob;

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
    /// A question; nothing more comes until [`Run::answer`] or [`Run::refuse`] was called.
    Confirm(Prompt),
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
    /// What the caller feeds to the first statement.
    input: Option<VecDeque<Item>>,
}

/// One command of the running statement.
#[derive(Debug)]
struct Stage {
    work: Work,
}

#[derive(Debug)]
enum Work {
    /// What the caller feeds in.
    Source(VecDeque<Item>),
    Cmdlet(Box<Task>),
    Select {
        names: Vec<String>,
        expand: Option<String>,
        left: u64,
    },
    Measure {
        count: i32,
        done: bool,
    },
    Discard,
}

/// An Exchange cmdlet with its place in the pipeline.
#[derive(Debug)]
struct Task {
    bound: Bound,
    /// Whether each object from the command before it becomes the identity of a call.
    fed: bool,
    started: bool,
    active: Active,
    standing: Option<Answer>,
    given: Option<Answer>,
    /// The properties that the next command takes; without it all.
    wanted: Option<Vec<String>>,
}

#[derive(Debug)]
enum Active {
    Idle,
    Reading(Box<Reader>),
    Ready(VecDeque<Record>),
    Asking(Box<Bound>),
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
        Self::with_input(exchange, session, statements, None)
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
        let single = statements.len() <= 1;
        let input = input.map(VecDeque::from);
        let mut run =
            Self { session, waiting: statements.into(), single, stages: Vec::new(), input };
        if single && let Some(statement) = run.waiting.pop_front() {
            run.stages = stages(exchange, &statement, run.input.take())?;
        }
        Ok(run)
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
            match stages(exchange, &statement, self.input.take()) {
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
        for stage in &mut self.stages {
            if let Work::Cmdlet(task) = &mut stage.work
                && matches!(task.active, Active::Asking(_))
            {
                task.given = Some(answer);
            }
        }
    }

    /// Returns the error that ends the pipeline when nobody can answer its prompt.
    #[must_use]
    pub fn refuse(&self) -> CmdletError {
        let asking = self.stages.iter().find_map(|stage| match &stage.work {
            Work::Cmdlet(task) if matches!(task.active, Active::Asking(_)) => {
                Some(task.bound.cmdlet)
            }
            _ => None,
        });
        CmdletError::no_host(asking.unwrap_or_default())
    }
}

fn stages(
    exchange: &mut Exchange,
    statement: &[Invocation],
    input: Option<VecDeque<Item>>,
) -> Result<Vec<Stage>, CmdletError> {
    if statement.len() > MAX_COMMANDS {
        let message = format!("The pipeline has more than {MAX_COMMANDS} commands.");
        return Err(CmdletError::binding("Pipeline", "PipelineTooLong", message));
    }
    let bound: Vec<Bound> = statement.iter().map(bind).collect::<Result<_, _>>()?;
    let mut stages: Vec<Stage> =
        input.map(|items| Stage { work: Work::Source(items) }).into_iter().collect();
    for bound in bound {
        exchange.log(bound.call());
        let fed = !stages.is_empty() && !bound.has("Identity");
        let work = work(bound, fed)?;
        if let Some(Stage { work: Work::Cmdlet(task) }) = stages.last_mut() {
            task.wanted = work.takes();
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
            Self::Select { expand: Some(expand), .. } => Some(vec![expand.clone()]),
            Self::Select { names, .. }
                if !names.is_empty() && !names.iter().any(|name| name.contains('*')) =>
            {
                Some(names.clone())
            }
            _ => None,
        }
    }
}

fn work(bound: Bound, fed: bool) -> Result<Work, CmdletError> {
    Ok(match bound.cmdlet {
        "Select-Object" => Work::Select {
            names: bound.list("Property").unwrap_or_default(),
            expand: bound.text("ExpandProperty").map(str::to_owned),
            left: match bound.get("First") {
                Some(Argument::Int(first)) => u64::try_from(*first).unwrap_or(0),
                _ => u64::MAX,
            },
        },
        "Measure-Object" => Work::Measure { count: 0, done: false },
        "Out-Null" => Work::Discard,
        "Out-Default" => Work::Select { names: Vec::new(), expand: None, left: u64::MAX },
        _ => {
            if !fed {
                require(&bound)?;
            }
            Work::Cmdlet(Box::new(Task {
                bound,
                fed,
                started: false,
                active: Active::Idle,
                standing: None,
                given: None,
                wanted: None,
            }))
        }
    })
}

/// Returns the next record of the last of `stages`. The recursion is as deep as the statement has commands.
fn pull(
    stages: &mut [Stage],
    exchange: &mut Exchange,
    session: &Session,
) -> Result<Option<Record>, CmdletError> {
    let Some((stage, before)) = stages.split_last_mut() else { return Ok(None) };
    match &mut stage.work {
        Work::Source(items) => Ok(items.pop_front().map(Record::Output)),
        Work::Cmdlet(task) => task.pull(before, exchange, session),
        Work::Select { names, expand, left } => {
            while *left > 0 {
                let Some(record) = pull(before, exchange, session)? else { return Ok(None) };
                let Record::Output(item) = record else { return Ok(Some(record)) };
                *left -= 1;
                if let Some(item) = select(item, names, expand.as_deref()) {
                    return Ok(Some(Record::Output(item)));
                }
            }
            Ok(None)
        }
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

impl Task {
    fn pull(
        &mut self,
        before: &mut [Stage],
        exchange: &mut Exchange,
        session: &Session,
    ) -> Result<Option<Record>, CmdletError> {
        loop {
            if let Some(record) = self.advance(exchange, session)? {
                return Ok(Some(record));
            }
            if !self.fed {
                if self.started {
                    return Ok(None);
                }
                self.started = true;
                let bound = self.bound.clone();
                if let Some(record) = self.start(bound, exchange, session)? {
                    return Ok(Some(record));
                }
                continue;
            }
            match pull(before, exchange, session)? {
                None => return Ok(None),
                Some(Record::Output(item)) => {
                    let mut bound = self.bound.clone();
                    bound.set("Identity", identity(&item));
                    require(&bound)?;
                    if let Some(record) = self.start(bound, exchange, session)? {
                        return Ok(Some(record));
                    }
                }
                Some(other) => return Ok(Some(other)),
            }
        }
    }

    /// Begins one call.
    fn start(
        &mut self,
        bound: Bound,
        exchange: &mut Exchange,
        session: &Session,
    ) -> Result<Option<Record>, CmdletError> {
        let result = exchange.prepare(&bound, session);
        match result {
            Ok(Prepared::Read(mut reader)) => {
                if let Some(wanted) = &self.wanted {
                    reader.narrow(wanted);
                }
                self.active = Active::Reading(reader);
            }
            Ok(Prepared::Done(records)) => self.active = Active::Ready(records.into()),
            Ok(Prepared::Ask(prompt)) => {
                self.active = Active::Asking(Box::new(bound));
                if self.standing.is_none() {
                    return Ok(Some(Record::Confirm(prompt)));
                }
                self.given = self.standing;
            }
            Err(error) => return self.failed(error),
        }
        Ok(None)
    }

    /// Goes on with the call that is active.
    fn advance(
        &mut self,
        exchange: &mut Exchange,
        session: &Session,
    ) -> Result<Option<Record>, CmdletError> {
        match &mut self.active {
            Active::Idle => Ok(None),
            Active::Ready(records) => {
                let record = records.pop_front();
                if record.is_none() {
                    self.active = Active::Idle;
                }
                Ok(record)
            }
            Active::Reading(reader) => {
                let record = exchange.read_next(reader);
                if record.is_none() {
                    self.active = Active::Idle;
                }
                Ok(record)
            }
            Active::Asking(bound) => {
                let bound = bound.clone();
                let answer = self.given.take().unwrap_or(Answer::No);
                self.active = Active::Idle;
                if matches!(answer, Answer::YesToAll | Answer::NoToAll) {
                    self.standing = Some(answer);
                }
                if matches!(answer, Answer::No | Answer::NoToAll) {
                    return Ok(None);
                }
                match exchange.perform(&bound, session) {
                    Ok(records) => self.active = Active::Ready(records.into()),
                    Err(error) => return self.failed(error),
                }
                self.advance(exchange, session)
            }
        }
    }

    /// Exchange's tasks write their errors and go on, unless the caller asked for a stop; the binder's end the pipeline.
    fn failed(&mut self, error: CmdletError) -> Result<Option<Record>, CmdletError> {
        let action = self.bound.text("ErrorAction").unwrap_or_default();
        let stop = ["stop", "1"].contains(&action.to_ascii_lowercase().as_str());
        if stop || !error.is_from_task() {
            return Err(error);
        }
        self.active = Active::Idle;
        let silent = ["silentlycontinue", "ignore", "0", "4"]
            .contains(&action.to_ascii_lowercase().as_str());
        Ok((!silent).then_some(Record::Error(error)))
    }
}

/// What a call turned out to be.
#[derive(Debug)]
pub(super) enum Prepared {
    Read(Box<Reader>),
    Done(Vec<Record>),
    Ask(Prompt),
}

impl Exchange {
    /// Begins a call: reads begin, writes are done unless they must be confirmed first.
    fn prepare(&mut self, bound: &Bound, session: &Session) -> Result<Prepared, CmdletError> {
        match bound.cmdlet {
            "Get-Mailbox" | "Get-RemoteMailbox" | "Get-User" => self.begin_read(bound, session),
            "Get-Command" => Ok(Prepared::Done(commands(bound))),
            _ => match self.confirmation(bound, session)? {
                Some(prompt) => Ok(Prepared::Ask(prompt)),
                None => self.perform(bound, session).map(Prepared::Done),
            },
        }
    }

    fn perform(&mut self, bound: &Bound, session: &Session) -> Result<Vec<Record>, CmdletError> {
        match bound.cmdlet {
            "New-Mailbox" | "New-RemoteMailbox" => self.create(bound, session),
            "Enable-Mailbox" | "Enable-RemoteMailbox" => self.enable(bound, session),
            "Set-Mailbox" | "Set-RemoteMailbox" | "Set-User" => self.change(bound, session),
            "Disable-Mailbox" | "Disable-RemoteMailbox" => self.disable(bound, session),
            "Remove-Mailbox" | "Remove-RemoteMailbox" => self.remove(bound, session),
            "Get-AcceptedDomain" | "Get-OrganizationConfig" => {
                self.read_organization(bound, session)
            }
            other => Err(CmdletError::command_not_found(other)),
        }
    }
}

/// Returns what a following cmdlet takes for its identity.
fn identity(item: &Item) -> Argument {
    match item {
        Item::Row(row) => row.guid.map_or(Argument::Nil, Argument::Guid),
        Item::Field(Field::Guid(guid)) => Argument::Guid(*guid),
        Item::Field(field) => Argument::Text(field.display()),
    }
    .into_text()
}

impl Argument {
    fn into_text(self) -> Self {
        plain_text(&self).map_or(Self::Nil, Self::Text)
    }
}

fn select(item: Item, names: &[String], expand: Option<&str>) -> Option<Item> {
    let Item::Row(row) = item else { return Some(item) };
    if let Some(expand) = expand {
        return row.field(expand).cloned().map(Item::Field);
    }
    if names.is_empty() {
        return Some(Item::Row(row));
    }
    let mut fields: Vec<(Arc<str>, Field)> = Vec::new();
    for name in names {
        let pattern = name.to_lowercase();
        let found = row.fields.iter().filter(|(known, _)| glob(&known.to_lowercase(), &pattern));
        let before = fields.len();
        fields.extend(found.cloned());
        if fields.len() == before && !name.contains('*') {
            fields.push((Arc::from(name.as_str()), Field::Nil));
        }
    }
    Some(Item::Row(Row {
        types: row.types.selected(),
        name: None,
        guid: row.guid,
        fields,
        selected: true,
    }))
}

fn measured(count: i32) -> Item {
    let mut fields = vec![(Arc::from("Count"), Field::Int(count))];
    fields.extend(
        ["Average", "Sum", "Maximum", "Minimum", "Property"]
            .map(|name| (Arc::from(name), Field::Nil)),
    );
    let name = types::MEASURE.first().map(|name| (*name).to_owned());
    Item::Row(Row {
        types: TypeChain::Plain(types::MEASURE),
        name,
        guid: None,
        fields,
        selected: false,
    })
}

/// Lists the visible commands; a name that is none of them gives an error.
fn commands(bound: &Bound) -> Vec<Record> {
    let wanted = bound.list("Name").unwrap_or_else(|| vec!["*".to_owned()]);
    let mut records = Vec::new();
    for pattern in wanted {
        let lower = pattern.to_lowercase();
        let found: Vec<&str> =
            Cmdlet::names().into_iter().filter(|name| glob(&name.to_lowercase(), &lower)).collect();
        if found.is_empty() && !pattern.contains('*') {
            let mut error = CmdletError::command_not_found(&pattern);
            error.id = "CommandNotFoundException,Microsoft.PowerShell.Commands.GetCommandCommand"
                .to_owned();
            error.activity = "Get-Command".to_owned();
            records.push(Record::Error(error));
        }
        records.extend(found.into_iter().map(command_info));
    }
    records
}

fn command_info(name: &'static str) -> Record {
    let fields = vec![
        (Arc::from("Name"), Field::text(name)),
        (
            Arc::from("CommandType"),
            crate::views::enumeration(
                "System.Management.Automation.CommandTypes",
                "Function",
                2,
                false,
            ),
        ),
        (Arc::from("ModuleName"), Field::empty()),
        (
            Arc::from("Visibility"),
            crate::views::enumeration(
                "System.Management.Automation.SessionStateEntryVisibility",
                "Public",
                0,
                false,
            ),
        ),
    ];
    let row = Row {
        types: TypeChain::Plain(types::CMDLET_INFO),
        name: Some(name.to_owned()),
        guid: None,
        fields,
        selected: false,
    };
    Record::Output(Item::Row(row))
}
