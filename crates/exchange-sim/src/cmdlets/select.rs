//! `Select-Object` and the result of `Measure-Object`.

use std::collections::VecDeque;
use std::sync::Arc;

use super::bind::Bound;
use super::pipeline::{Record, Stage, pull};
use super::{Argument, CmdletError, ErrorCategory, Exchange, Session};
use crate::object::types::{self, TypeChain};
use crate::object::{Field, Item, Row};
use crate::opath::glob;

/// A `Select-Object` under way.
#[derive(Debug)]
pub(super) struct Select {
    names: Vec<String>,
    exclude: Vec<String>,
    expand: Option<String>,
    unique: bool,
    skip: usize,
    /// How many more objects are taken.
    left: usize,
    /// How many of the last objects are wanted alone.
    last: Option<usize>,
    skip_last: usize,
    /// Objects held back until it is known how many come after them.
    held: VecDeque<Item>,
    seen: Vec<Item>,
    /// What one object was expanded to.
    ready: VecDeque<Record>,
    ended: bool,
}

impl Default for Select {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            exclude: Vec::new(),
            expand: None,
            unique: false,
            skip: 0,
            left: usize::MAX,
            last: None,
            skip_last: 0,
            held: VecDeque::new(),
            seen: Vec::new(),
            ready: VecDeque::new(),
            ended: false,
        }
    }
}

impl Select {
    pub(super) fn new(bound: &Bound) -> Self {
        let number = |name| match bound.get(name) {
            Some(Argument::Int(number)) => Some(usize::try_from(*number).unwrap_or(0)),
            _ => None,
        };
        Self {
            names: bound.list("Property").unwrap_or_default(),
            exclude: bound.list("ExcludeProperty").unwrap_or_default(),
            expand: bound.text("ExpandProperty").map(str::to_owned),
            unique: bound.flag("Unique"),
            skip: number("Skip").unwrap_or(0),
            left: number("First").unwrap_or(usize::MAX),
            last: number("Last"),
            skip_last: number("SkipLast").unwrap_or(0),
            ..Self::default()
        }
    }

    /// Returns which properties of its input matter; nothing when all may.
    pub(super) fn takes(&self) -> Option<Vec<String>> {
        let plain = |name: &String| !name.contains(['*', '?', '[']);
        match &self.expand {
            Some(expand) if self.names.is_empty() => Some(vec![expand.clone()]),
            None if !self.names.is_empty() && self.names.iter().all(plain) => {
                Some(self.names.clone())
            }
            _ => None,
        }
    }

    pub(super) fn pull(
        &mut self,
        before: &mut [Stage],
        exchange: &mut Exchange,
        session: &Session,
    ) -> Result<Option<Record>, CmdletError> {
        loop {
            if let Some(record) = self.ready.pop_front() {
                return Ok(Some(record));
            }
            if self.ended {
                return Ok(None);
            }
            let next = if self.left == 0 { None } else { pull(before, exchange, session)? };
            match next {
                Some(Record::Output(item)) => self.take(item),
                Some(other) => return Ok(Some(other)),
                None => self.end(),
            }
        }
    }

    fn take(&mut self, item: Item) {
        if self.last.is_none() && self.skip > 0 {
            self.skip -= 1;
            return;
        }
        match self.last {
            // Of the last objects, `-Skip` leaves out those at the end.
            Some(last) => {
                self.held.push_back(item);
                if self.held.len() > last.saturating_add(self.skip) {
                    self.held.pop_front();
                }
            }
            None if self.skip_last > 0 => {
                self.held.push_back(item);
                if self.held.len() > self.skip_last
                    && let Some(item) = self.held.pop_front()
                {
                    self.give(item);
                }
            }
            None => {
                self.left = self.left.saturating_sub(1);
                self.give(item);
            }
        }
    }

    fn end(&mut self) {
        self.ended = true;
        if let Some(last) = self.last {
            let count = self.held.len().saturating_sub(self.skip).min(last);
            for item in std::mem::take(&mut self.held).into_iter().take(count) {
                self.give(item);
            }
        }
    }

    fn give(&mut self, item: Item) {
        let chosen = choose(item, &self.names, &self.exclude, self.expand.as_deref());
        for record in chosen {
            if self.unique
                && let Record::Output(item) = &record
            {
                if self.seen.iter().any(|seen| are_alike(seen, item)) {
                    continue;
                }
                self.seen.push(item.clone());
            }
            self.ready.push_back(record);
        }
    }
}

fn choose(item: Item, names: &[String], exclude: &[String], expand: Option<&str>) -> Vec<Record> {
    let Item::Row(row) = item else { return vec![Record::Output(item)] };
    if let Some(expand) = expand {
        return match row.field(expand) {
            Some(Field::List(_, items)) => {
                items.iter().cloned().map(|item| Record::Output(Item::Field(item))).collect()
            }
            Some(field) => vec![Record::Output(Item::Field(field.clone()))],
            None => vec![Record::Error(not_found(&row, expand))],
        };
    }
    if names.is_empty() && exclude.is_empty() {
        return vec![Record::Output(Item::Row(row))];
    }
    let everything = ["*".to_owned()];
    let names = if names.is_empty() { &everything } else { names };
    let excluded = |name: &str| exclude.iter().any(|pattern| matches(name, pattern));
    let mut fields: Vec<(Arc<str>, Field)> = Vec::new();
    for name in names {
        let found = row.fields.iter().filter(|(known, _)| matches(known, name));
        let before = fields.len();
        fields.extend(found.filter(|(known, _)| !excluded(known)).cloned());
        if fields.len() == before && !name.contains('*') && !excluded(name) {
            fields.push((Arc::from(name.as_str()), Field::Nil));
        }
    }
    vec![Record::Output(Item::Row(Row {
        types: row.types.selected(),
        name: None,
        guid: row.guid,
        fields,
        selected: true,
    }))]
}

/// Returns whether two objects show the same, whatever they were made from.
fn are_alike(one: &Item, other: &Item) -> bool {
    match (one, other) {
        (Item::Row(one), Item::Row(other)) => one.fields == other.fields,
        _ => one == other,
    }
}

fn matches(name: &str, pattern: &str) -> bool {
    glob(&name.to_lowercase(), &pattern.to_lowercase())
}

fn not_found(row: &Row, property: &str) -> CmdletError {
    CmdletError {
        exception: "System.Management.Automation.PSArgumentException",
        ..CmdletError::about_text(
            "Select-Object",
            "ExpandPropertyNotFound,Microsoft.PowerShell.Commands.SelectObjectCommand",
            ErrorCategory::InvalidArgument,
            format!("Property \"{property}\" cannot be found."),
            (row.name.as_deref().unwrap_or_default(), "PSObject"),
        )
    }
}

pub(super) fn measured(count: i32) -> Item {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SimOptions;
    use crate::cmdlets::{Invocation, Run};

    /// Selects from five mailboxes and returns how each result shows.
    #[track_caller]
    fn check(select: Invocation, expected: &[&str]) {
        let mut exchange = Exchange::new(&SimOptions::default().mailboxes(5));
        for (number, recipient) in exchange
            .directory()
            .recipients()
            .take(5)
            .cloned()
            .collect::<Vec<_>>()
            .iter()
            .enumerate()
        {
            let set = Invocation::new("Set-Mailbox")
                .text("Identity", &recipient.guid.to_string())
                .text("CustomAttribute1", &format!("m{number}"))
                .text("CustomAttribute2", if number < 3 { "low" } else { "high" });
            shown(&mut exchange, vec![set]);
        }
        assert_eq!(shown(&mut exchange, vec![Invocation::new("Get-Mailbox"), select]), expected);
    }

    fn shown(exchange: &mut Exchange, commands: Vec<Invocation>) -> Vec<String> {
        let session = Session::new("dc01.contoso.com");
        let mut run = Run::new(exchange, session, vec![commands]).unwrap();
        let mut shown = Vec::new();
        while let Some(record) = run.next(exchange).unwrap() {
            shown.push(match record {
                Record::Output(Item::Row(row)) => row
                    .fields()
                    .map(|(name, field)| format!("{name}={}", field.display()))
                    .collect::<Vec<_>>()
                    .join(" "),
                Record::Output(Item::Field(field)) => field.display(),
                Record::Error(error) => error.id,
                other => format!("{other:?}"),
            });
        }
        shown
    }

    fn select() -> Invocation {
        Invocation::new("Select-Object")
    }

    fn number(name: &str, number: i64) -> Invocation {
        select().text("ExpandProperty", "CustomAttribute1").with(name, Argument::Int(number))
    }

    #[test]
    fn counts_choose_from_either_end() {
        check(number("First", 2), &["m0", "m1"]);
        check(number("Skip", 3), &["m3", "m4"]);
        check(number("First", 2).with("Skip", Argument::Int(1)), &["m1", "m2"]);
        check(number("Last", 2), &["m3", "m4"]);
        check(number("Last", 2).with("Skip", Argument::Int(1)), &["m2", "m3"]);
        check(number("SkipLast", 4), &["m0"]);
        check(number("First", 0), &[]);
    }

    #[test]
    fn unique_objects_show_differently() {
        let unique = select().with("Unique", Argument::Bool(true));
        check(
            unique.text("Property", "CustomAttribute2"),
            &["CustomAttribute2=low", "CustomAttribute2=high"],
        );
    }

    #[test]
    fn properties_are_left_out_by_pattern() {
        let wanted = select().text("Property", "Custom*2").with("First", Argument::Int(1));
        check(wanted.text("ExcludeProperty", "*12"), &["CustomAttribute2=low"]);
        check(select().text("Property", "Nothing").with("First", Argument::Int(1)), &["Nothing="]);
    }

    #[test]
    fn expanding_an_unknown_property_is_an_error_for_each_object() {
        let id = "ExpandPropertyNotFound,Microsoft.PowerShell.Commands.SelectObjectCommand";
        check(select().text("ExpandProperty", "Nothing").with("Last", Argument::Int(2)), &[id, id]);
    }
}
