//! What may be said of an import and of a create, judged by what the server holds.

use std::collections::BTreeMap;

use exchange_connector::Status;
use serde_json::Value;

use super::client::{ADDRESSES, Answer, Imported, Objects, PASSWORD, PRINCIPAL};
use super::server::{Recipient, State};

/// What the letters of the matrix mean.
pub(super) const LEGEND: &str = "\
C complete, with all objects   I incomplete, and said so    F nothing read or made, and said so   X wrong
A made once, as asked for      P made once, not finished    U said to be unknown
";

/// What a run came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// The import is complete, and nothing is missing.
    Complete,
    /// The import says that something is missing.
    Incomplete,
    /// The mailbox was made, once and as it was asked for.
    Applied,
    /// The mailbox was made, once; the answer names it and says that the rest of it failed.
    Partly,
    /// It is said to be unknown whether the mailbox was made.
    Unknown,
    /// Nothing was read or made, and so it is said.
    Failed,
    /// What is said is not so, or something was left behind, or nothing was said in time.
    Wrong(String),
}

impl Verdict {
    /// What stands for it in the matrix.
    pub(super) fn letter(&self) -> char {
        match self {
            Self::Complete => 'C',
            Self::Incomplete => 'I',
            Self::Applied => 'A',
            Self::Partly => 'P',
            Self::Unknown => 'U',
            Self::Failed => 'F',
            Self::Wrong(_) => 'X',
        }
    }

    fn wrong(reason: impl Into<String>) -> Self {
        Self::Wrong(reason.into())
    }
}

/// Judges an import of a server that holds `state`.
pub(super) fn of_import(imported: &Imported, state: &State) -> Verdict {
    let held: BTreeMap<&str, &Recipient> = state
        .recipients
        .iter()
        .filter(|recipient| recipient.kind == "UserMailbox")
        .map(|recipient| (recipient.guid.as_str(), recipient))
        .collect();
    let objects = match imported {
        Imported::NotOpened(_) => return Verdict::Failed,
        Imported::Complete(objects) | Imported::Incomplete { objects, .. } => objects,
    };
    if let Some(difference) = first_difference(objects, &held) {
        return Verdict::Wrong(difference);
    }
    match imported {
        Imported::Complete(_) if objects.len() < held.len() => {
            Verdict::Wrong(format!("complete with {} of {} objects", objects.len(), held.len()))
        }
        Imported::Complete(_) => Verdict::Complete,
        _ => Verdict::Incomplete,
    }
}

/// The first object that the server does not hold, or holds with other values.
fn first_difference(objects: &Objects, held: &BTreeMap<&str, &Recipient>) -> Option<String> {
    objects.iter().find_map(|(id, object)| {
        let Some(recipient) = held.get(id.as_str()) else {
            return Some(format!("{id} came, which is no mailbox"));
        };
        let attribute = |name: &str| object.get("attributes").and_then(|all| all.get(name));
        let text = |name: &str| attribute(name).and_then(Value::as_str).unwrap_or_default();
        let mut addresses: Vec<_> = attribute("EmailAddresses")
            .and_then(Value::as_array)
            .map(|all| all.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let mut expected: Vec<_> = recipient.addresses.iter().map(String::as_str).collect();
        addresses.sort_unstable();
        expected.sort_unstable();
        let shown = match recipient.display_name.as_str() {
            "" => &recipient.name,
            name => name,
        };
        let other = if addresses != expected {
            "EmailAddresses"
        } else if text("UserPrincipalName") != recipient.upn {
            "UserPrincipalName"
        } else if text("DisplayName") != shown {
            "DisplayName"
        } else {
            return None;
        };
        Some(format!("{id} came with another {other}"))
    })
}

/// Judges the create of [`PRINCIPAL`] by the state of the server before and after it.
pub(super) fn of_create(answer: &Answer, before: &State, after: &State) -> Verdict {
    let creates =
        |state: &State| state.calls.iter().filter(|call| call.cmdlet == "New-Mailbox").count();
    let sent = creates(after).saturating_sub(creates(before));
    if sent > 1 {
        return Verdict::Wrong(format!("New-Mailbox ran {sent} times"));
    }
    let made = after.recipients.iter().find(|recipient| recipient.upn == PRINCIPAL);
    let Some(made) = made else {
        return match answer.status {
            Status::Unknown => Verdict::Unknown,
            Status::Failed | Status::Refused => Verdict::Failed,
            status => Verdict::Wrong(format!("{status:?}, but there is no mailbox")),
        };
    };
    if made.password.as_deref() != Some(PASSWORD) {
        return Verdict::wrong("the server decrypted another password");
    }
    let is_named = answer.id.as_deref() == Some(made.guid.as_str());
    match answer.status {
        Status::Applied if !is_named => Verdict::wrong("applied, with another GUID"),
        Status::Applied => match unlike(made) {
            None => Verdict::Applied,
            Some(attribute) => Verdict::Wrong(format!("applied, but {attribute} is not set")),
        },
        Status::Unknown => Verdict::Unknown,
        Status::Failed if is_named => Verdict::Partly,
        status => Verdict::Wrong(format!(
            "{status:?}, but the mailbox was made; {}",
            answer.error.as_deref().unwrap_or("no error is named")
        )),
    }
}

/// The first attribute that is not as the create asks.
fn unlike(made: &Recipient) -> Option<&'static str> {
    let [other, primary] = ADDRESSES;
    let has = |kind: &str, address: &str| made.addresses.contains(&format!("{kind}:{address}"));
    if !has("SMTP", primary) || !has("smtp", other) {
        return Some("EmailAddresses");
    }
    let custom = made.values.get("customattribute1").and_then(Value::as_str);
    (custom != Some("staff")).then_some("CustomAttribute1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn state(recipients: Value, calls: Value) -> State {
        let state = json!({"recipients": recipients, "calls": calls, "requests": {}, "open_shells": 0,
            "faults_struck": 0});
        serde_json::from_value(state).unwrap()
    }

    fn recipient(guid: &str, upn: &str) -> Value {
        json!({"guid": guid, "kind": "UserMailbox", "upn": upn, "name": "n", "display_name": "", "password": PASSWORD,
            "addresses": ["SMTP:ann.example@test.local", "smtp:ann.e@test.local"],
            "values": {"customattribute1": "staff"}})
    }

    fn objects(guids: &[&str]) -> Objects {
        let attributes = json!({"UserPrincipalName": "u", "DisplayName": "n",
            "EmailAddresses": ["smtp:ann.e@test.local", "SMTP:ann.example@test.local"]});
        guids
            .iter()
            .map(|guid| ((*guid).to_owned(), json!({"id": guid, "attributes": attributes})))
            .collect()
    }

    fn answer(status: Status, id: Option<&str>) -> Answer {
        Answer { status, id: id.map(str::to_owned), error: None }
    }

    #[test]
    fn a_short_import_must_not_be_complete() {
        let held = state(json!([recipient("a", "u"), recipient("b", "u")]), json!([]));
        assert_eq!(of_import(&Imported::Complete(objects(&["a", "b"])), &held), Verdict::Complete);
        let short = of_import(&Imported::Complete(objects(&["a"])), &held);
        assert_eq!(short, Verdict::wrong("complete with 1 of 2 objects"));
        let told = Imported::Incomplete { objects: objects(&["a"]), reason: String::new() };
        assert_eq!(of_import(&told, &held), Verdict::Incomplete);
        let strange = Imported::Incomplete { objects: objects(&["c"]), reason: String::new() };
        assert_eq!(of_import(&strange, &held).letter(), 'X');
    }

    #[test]
    fn an_object_with_other_values_is_wrong() {
        let held = state(json!([recipient("a", "someone else")]), json!([]));
        assert_eq!(of_import(&Imported::Complete(objects(&["a"])), &held).letter(), 'X');
    }

    #[test]
    fn a_create_that_is_said_to_have_failed_must_not_have_happened() {
        let calls = json!([{"cmdlet": "New-Mailbox"}]);
        let none = state(json!([]), json!([]));
        let before = state(json!([]), json!([]));
        let one = state(json!([recipient("a", PRINCIPAL)]), calls);
        let letter = |answer: &Answer, state: &State| of_create(answer, &before, state).letter();
        assert_eq!(letter(&answer(Status::Failed, None), &none), 'F');
        assert_eq!(letter(&answer(Status::Failed, None), &one), 'X');
        assert_eq!(letter(&answer(Status::Failed, Some("a")), &one), 'P');
        assert_eq!(letter(&answer(Status::Unknown, None), &one), 'U');
        assert_eq!(letter(&answer(Status::Unknown, None), &none), 'U');
        assert_eq!(letter(&answer(Status::Applied, Some("a")), &one), 'A');
        assert_eq!(letter(&answer(Status::Applied, Some("b")), &one), 'X');
        assert_eq!(letter(&answer(Status::Applied, Some("a")), &none), 'X');
    }

    #[test]
    fn a_create_that_ran_twice_is_wrong() {
        let calls = json!([{"cmdlet": "New-Mailbox"}, {"cmdlet": "New-Mailbox"}]);
        let (before, twice) =
            (state(json!([]), json!([])), state(json!([recipient("a", PRINCIPAL)]), calls));
        assert_eq!(of_create(&answer(Status::Applied, Some("a")), &before, &twice).letter(), 'X');
    }
}
