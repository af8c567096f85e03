//! An Exchange cmdlet in its pipeline: its input, its questions, and what the common parameters do to its records.

use std::collections::VecDeque;

use super::bind::{self, Bound, missing, require};
use super::commands;
use super::pipeline::{Answer, Missing, Prompt, Record, Stage, pull};
use super::read::Reader;
use super::{Argument, CmdletError, Exchange, Session};
use crate::object::Item;

/// What a cmdlet does with the objects of the command before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Feed {
    /// There is no command before it: it is called once.
    Alone,
    /// Each becomes the identity of a call.
    Identity,
    /// It has no place for them.
    Refused,
}

/// A cmdlet under way.
#[derive(Debug)]
pub(super) struct Task {
    bound: Bound,
    /// Its place in the statement, from 1.
    position: usize,
    feed: Feed,
    /// Whether somebody can be asked for missing parameters.
    may_ask: bool,
    wants_parameters: bool,
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

/// What a call turned out to be.
#[derive(Debug)]
pub(super) enum Prepared {
    Read(Box<Reader>),
    Done(Vec<Record>),
    Ask(Prompt),
}

impl Task {
    pub(super) const fn new(bound: Bound, position: usize, feed: Feed, may_ask: bool) -> Self {
        Self {
            bound,
            position,
            feed,
            may_ask,
            wants_parameters: false,
            started: false,
            active: Active::Idle,
            standing: None,
            given: None,
            wanted: None,
        }
    }

    pub(super) const fn cmdlet(&self) -> &'static str {
        self.bound.cmdlet
    }

    pub(super) fn narrow(&mut self, wanted: Option<Vec<String>>) {
        self.wanted = wanted;
    }

    pub(super) const fn is_asking(&self) -> bool {
        matches!(self.active, Active::Asking(_))
    }

    pub(super) const fn answer(&mut self, answer: Answer) {
        self.given = Some(answer);
    }

    pub(super) const fn wants_parameters(&self) -> bool {
        self.wants_parameters
    }

    /// Takes the values that were asked for; whatever is missing still is an error.
    pub(super) fn supply(&mut self, values: &[(String, Argument)]) -> Result<(), CmdletError> {
        self.wants_parameters = false;
        self.may_ask = false;
        for (name, value) in values {
            bind::supply(&mut self.bound, name, value)?;
        }
        require(&self.bound)
    }

    pub(super) fn pull(
        &mut self,
        before: &mut [Stage],
        exchange: &mut Exchange,
        session: &Session,
    ) -> Result<Option<Record>, CmdletError> {
        loop {
            while let Some(record) = self.advance(exchange, session)? {
                if let Some(record) = self.admit(record)? {
                    return Ok(Some(record));
                }
            }
            let record = match self.feed {
                Feed::Alone if self.started => return Ok(None),
                Feed::Alone => self.start_alone(exchange, session)?,
                Feed::Identity | Feed::Refused => match pull(before, exchange, session)? {
                    Some(Record::Output(item)) => self.take(&item, exchange, session)?,
                    other => return Ok(other),
                },
            };
            if record.is_some() {
                return Ok(record);
            }
        }
    }

    fn start_alone(
        &mut self,
        exchange: &mut Exchange,
        session: &Session,
    ) -> Result<Option<Record>, CmdletError> {
        let missing = missing(&self.bound);
        if self.may_ask && !missing.is_empty() {
            self.wants_parameters = true;
            let cmdlet = self.bound.cmdlet;
            let parameters =
                missing.into_iter().map(|name| (name, commands::type_of(cmdlet, name)));
            let parameters = parameters.collect();
            return Ok(Some(Record::Supply(Missing {
                cmdlet,
                position: self.position,
                parameters,
            })));
        }
        require(&self.bound)?;
        self.started = true;
        let bound = self.bound.clone();
        self.start(bound, exchange, session)
    }

    /// Takes an object of the command before it.
    fn take(
        &mut self,
        item: &Item,
        exchange: &mut Exchange,
        session: &Session,
    ) -> Result<Option<Record>, CmdletError> {
        if self.feed == Feed::Refused {
            return self.failed(CmdletError::input_not_bound(self.bound.cmdlet, &shown(item)));
        }
        let Some(identity) = identity(item) else {
            // Without a name nothing is found, rather than everything read.
            let error = exchange.not_found(self.bound.cmdlet, "", &session.domain_controller);
            return self.failed(error);
        };
        let mut bound = self.bound.clone();
        bound.set("Identity", Argument::Text(identity));
        require(&bound)?;
        self.start(bound, exchange, session)
    }

    /// Begins one call.
    fn start(
        &mut self,
        bound: Bound,
        exchange: &mut Exchange,
        session: &Session,
    ) -> Result<Option<Record>, CmdletError> {
        match exchange.prepare(&bound, session) {
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
        let record = match &mut self.active {
            Active::Idle => None,
            Active::Ready(records) => records.pop_front(),
            Active::Reading(reader) => exchange.read_next(reader),
            Active::Asking(_) => return self.answered(exchange, session),
        };
        if record.is_none() {
            self.active = Active::Idle;
        }
        Ok(record)
    }

    /// Does what was asked for, or does not.
    fn answered(
        &mut self,
        exchange: &mut Exchange,
        session: &Session,
    ) -> Result<Option<Record>, CmdletError> {
        let Active::Asking(bound) = std::mem::replace(&mut self.active, Active::Idle) else {
            return Ok(None);
        };
        let answer = self.given.take().unwrap_or(Answer::No);
        if matches!(answer, Answer::YesToAll | Answer::NoToAll) {
            self.standing = Some(answer);
        }
        if matches!(answer, Answer::No | Answer::NoToAll) {
            return Ok(None);
        }
        match exchange.perform(&bound, session) {
            Ok(records) => {
                let mut records = VecDeque::from(records);
                let first = records.pop_front();
                self.active = Active::Ready(records);
                Ok(first)
            }
            Err(error) => self.failed(error),
        }
    }

    /// Exchange's tasks write their errors and go on, unless the caller asked for a stop; the binder's end the pipeline.
    fn failed(&mut self, error: CmdletError) -> Result<Option<Record>, CmdletError> {
        let action = self.bound.text("ErrorAction").unwrap_or_default();
        if action == "Stop" || !error.goes_on() {
            return Err(error);
        }
        self.active = Active::Idle;
        let silent = matches!(action, "SilentlyContinue" | "Ignore");
        Ok((!silent).then_some(Record::Error(error)))
    }

    /// Lets a record of this cmdlet through as its common parameters have it.
    fn admit(&self, record: Record) -> Result<Option<Record>, CmdletError> {
        match (record, self.bound.text("WarningAction")) {
            (Record::Warning(_), Some("SilentlyContinue" | "Ignore")) => Ok(None),
            (Record::Warning(text), Some("Stop")) => {
                Err(CmdletError::stopped_by_warning(self.bound.cmdlet, &text))
            }
            (record, _) => Ok(Some(record)),
        }
    }
}

/// Returns what a following cmdlet takes for its identity; nothing when the object has no name.
fn identity(item: &Item) -> Option<String> {
    let text = match item {
        Item::Row(row) => row.guid?.to_string(),
        Item::Field(field) => field.display(),
    };
    Some(text).filter(|text| !text.is_empty())
}

fn shown(item: &Item) -> String {
    match item {
        Item::Row(row) => row.name.clone().unwrap_or_default(),
        Item::Field(field) => field.display(),
    }
}

impl Exchange {
    /// Begins a call: reads begin, writes are done unless they must be confirmed first.
    fn prepare(&mut self, bound: &Bound, session: &Session) -> Result<Prepared, CmdletError> {
        match bound.cmdlet {
            "Get-Mailbox" | "Get-RemoteMailbox" | "Get-User" | "Get-CASMailbox" => {
                self.begin_read(bound, session)
            }
            "Get-Command" => Ok(Prepared::Done(commands::list(bound))),
            "Get-Help" => Ok(Prepared::Done(commands::help(bound))),
            // The session defines no formats of its own.
            "Get-FormatData" => Ok(Prepared::Done(Vec::new())),
            _ => match self.confirmation(bound, session)? {
                Some(prompt) => Ok(Prepared::Ask(prompt)),
                None => self.announce_and_perform(bound, session).map(Prepared::Done),
            },
        }
    }

    /// Performs a call that needs no question, and says what it does or would do.
    fn announce_and_perform(
        &mut self,
        bound: &Bound,
        session: &Session,
    ) -> Result<Vec<Record>, CmdletError> {
        let changes = !bound.cmdlet.starts_with("Get-");
        let said = changes && (bound.flag("WhatIf") || bound.flag("Verbose"));
        let action = if said { Some(self.action(bound, session)?) } else { None };
        let mut records = self.perform(bound, session)?;
        match action {
            Some(text) if bound.flag("WhatIf") => {
                records.push(Record::WhatIf(format!("What if: {text}")));
            }
            Some(text) => records.insert(0, Record::Verbose(text)),
            None => {}
        }
        Ok(records)
    }

    fn perform(&mut self, bound: &Bound, session: &Session) -> Result<Vec<Record>, CmdletError> {
        match bound.cmdlet {
            "New-Mailbox" | "New-RemoteMailbox" => self.create(bound, session),
            "Enable-Mailbox" | "Enable-RemoteMailbox" => self.enable(bound, session),
            "Set-Mailbox" | "Set-RemoteMailbox" | "Set-User" | "Set-CASMailbox" => {
                self.change(bound, session)
            }
            "Disable-Mailbox" | "Disable-RemoteMailbox" => self.disable(bound, session),
            "Remove-Mailbox" | "Remove-RemoteMailbox" => self.remove(bound, session),
            "Get-AcceptedDomain" | "Get-OrganizationConfig" => {
                self.read_organization(bound, session)
            }
            other => Err(CmdletError::command_not_found(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmdlets::{Invocation, Run};
    use crate::object::Field;
    use crate::{Recipient, SimOptions};

    fn organization() -> (Exchange, Session) {
        (Exchange::new(&SimOptions::default().mailboxes(3)), Session::new("dc01.contoso.com"))
    }

    fn nth(exchange: &Exchange, number: usize) -> Recipient {
        exchange.directory().recipients().nth(number).unwrap().clone()
    }

    fn texts(texts: &[&str]) -> Option<Vec<Item>> {
        Some(texts.iter().map(|text| Item::Field(Field::text(*text))).collect())
    }

    fn records(command: Invocation, input: Option<Vec<Item>>) -> Result<Vec<Record>, CmdletError> {
        let (mut exchange, session) = organization();
        let mut run = Run::with_input(&mut exchange, session, vec![vec![command]], input)?;
        let mut records = Vec::new();
        while let Some(record) = run.next(&mut exchange)? {
            records.push(record);
        }
        Ok(records)
    }

    #[test]
    fn output_comes_before_the_end_of_the_input() {
        let (mut exchange, session) = organization();
        let get = vec![vec![Invocation::new("Get-Mailbox")]];
        let mut run = Run::with_host(&mut exchange, session, get, false, true).unwrap();
        assert_eq!(run.next(&mut exchange).unwrap(), Some(Record::Starved));
        run.push(Item::Field(Field::Text(nth(&exchange, 1).alias)));
        assert!(matches!(run.next(&mut exchange).unwrap(), Some(Record::Output(_))));
        assert_eq!(run.next(&mut exchange).unwrap(), Some(Record::Starved));
        run.end_input();
        assert_eq!(run.next(&mut exchange).unwrap(), None);
    }

    #[test]
    fn a_host_is_asked_for_missing_parameters() {
        let (mut exchange, session) = organization();
        let alias = nth(&exchange, 0).alias;
        let set = vec![vec![Invocation::new("Set-Mailbox").text("Office", "12")]];
        let begin = |exchange: &mut Exchange, has_host| {
            Run::with_host(exchange, session.clone(), set.clone(), has_host, false)
        };
        assert_eq!(
            begin(&mut exchange, false).unwrap_err().id,
            "MissingMandatoryParameter,Set-Mailbox"
        );
        let mut run = begin(&mut exchange, true).unwrap();
        let Some(Record::Supply(missing)) = run.next(&mut exchange).unwrap() else {
            panic!("not asked")
        };
        assert_eq!((missing.cmdlet, missing.position), ("Set-Mailbox", 1));
        let kind = "Microsoft.Exchange.Configuration.Tasks.MailboxIdParameter";
        assert_eq!(missing.parameters, [("Identity", kind.to_owned())]);
        run.supply(&[("Identity".to_owned(), Argument::Text(alias))]).unwrap();
        assert_eq!(run.next(&mut exchange).unwrap(), None);
        assert_eq!(nth(&exchange, 0).values.get("Office"), Some(&Field::text("12")));

        let mut run = begin(&mut exchange, true).unwrap();
        assert!(matches!(run.next(&mut exchange).unwrap(), Some(Record::Supply(_))));
        assert_eq!(run.supply(&[]).unwrap_err().id, "MissingMandatoryParameter,Set-Mailbox");
    }

    #[test]
    fn objects_that_no_parameter_takes_are_refused_one_by_one() {
        let get = Invocation::new("Get-Mailbox").text("Identity", "nobody");
        let records = records(get, texts(&["a", "b"])).unwrap();
        let ids: Vec<&str> = records
            .iter()
            .map(|record| match record {
                Record::Error(error) => error.id.as_str(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(ids, ["InputObjectNotBound,Get-Mailbox"; 2]);
    }

    #[test]
    fn an_object_without_a_name_is_not_everything() {
        let records = records(Invocation::new("Get-Mailbox"), texts(&[""])).unwrap();
        assert!(
            matches!(records.as_slice(), [Record::Error(error)] if error.reason() == "ManagementObjectNotFoundException"),
            "{records:?}"
        );
    }

    #[test]
    fn warnings_follow_the_warning_action() {
        let get = |action| {
            Invocation::new("Get-Mailbox")
                .with("ResultSize", Argument::Int(1))
                .with("WarningAction", action)
        };
        let text = |text: &str| Argument::Text(text.to_owned());
        let count = |action| records(get(action), None).unwrap().len();
        assert_eq!(count(text("continue")), 2);
        assert_eq!(count(Argument::Int(0)), 1);
        assert_eq!(count(text("Ignore")), 1);
        let failed = |action| records(get(action), None).unwrap_err().id;
        assert_eq!(failed(text("Stop")), "ActionPreferenceStop,Get-Mailbox");
        assert_eq!(failed(text("Never")), "CannotConvertArgumentNoMessage,Get-Mailbox");
    }

    #[test]
    fn verbose_says_what_is_done() {
        let (exchange, _) = organization();
        let recipient = nth(&exchange, 0);
        let set = Invocation::new("Set-Mailbox")
            .text("Identity", &recipient.alias)
            .text("Office", "12")
            .with("vb", Argument::Bool(true));
        let said = format!(
            "Performing the operation \"Set-Mailbox\" on target \"{}\".",
            recipient.canonical_name()
        );
        assert_eq!(records(set, None).unwrap(), [Record::Verbose(said)]);
    }
}
