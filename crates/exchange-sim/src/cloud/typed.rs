//! Typed reads: `GET …/Mailbox`, `User` and `CasMailbox`, with the queries of OData.
//!
//! Rows are plain JSON that says nothing of its types; dates are texts, those of `User` numbers, and names of other objects are
//! distinguished names. The link to the next page stands behind the rows.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::admin::refusal;
use super::token::unescaped;
use super::{Cloud, CloudAnswer, CloudRequest, json};
use crate::cmdlets::{Argument, Invocation, Run, Session};
use crate::http::Shells;
use crate::object::{Field, Item};
use crate::views::View;

const QUERY: &str = "Microsoft.OData.Core.ODataException";

/// What a read gives when nothing is chosen.
const MINIMUM: [&str; 14] = [
    "Alias",
    "DisplayName",
    "DistinguishedName",
    "EmailAddresses",
    "ExchangeVersion",
    "ExternalDirectoryObjectId",
    "Guid",
    "Id",
    "Name",
    "OrganizationId",
    "PrimarySmtpAddress",
    "RecipientType",
    "RecipientTypeDetails",
    "UserPrincipalName",
];

/// What the cmdlets show and typed rows do not have.
const CMDLETS_ONLY: [&str; 4] =
    ["AdminDisplayVersion", "IsValid", "OriginatingServer", "ServerName"];

/// One of the sets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum EntitySet {
    Mailbox,
    User,
    CasMailbox,
}

/// A read, made of an address.
#[derive(Debug)]
struct TypedQuery {
    invocations: Vec<Invocation>,
    set: EntitySet,
}

impl EntitySet {
    /// Finds the set that the last part of a path names, in any case: `Mailbox` or `Mailbox('ann')`.
    pub(super) fn of(leaf: &str) -> Option<Self> {
        let name = leaf.split('(').next().unwrap_or_default();
        let sets = [Self::Mailbox, Self::User, Self::CasMailbox];
        sets.into_iter().find(|set| set.name().eq_ignore_ascii_case(name))
    }

    /// What it is called, also by faults.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Mailbox => "Mailbox",
            Self::User => "User",
            Self::CasMailbox => "CasMailbox",
        }
    }

    const fn cmdlet(self) -> &'static str {
        match self {
            Self::Mailbox => "Get-Mailbox",
            Self::User => "Get-User",
            Self::CasMailbox => "Get-CASMailbox",
        }
    }

    const fn view(self) -> View {
        match self {
            Self::Mailbox => View::Mailbox,
            Self::User => View::User,
            Self::CasMailbox => View::ClientAccess,
        }
    }

    fn has(self, name: &str) -> bool {
        let known = self.view().property(name).is_some_and(|property| property.name == name);
        known && !CMDLETS_ONLY.contains(&name)
    }

    /// Writes a row.
    pub(super) fn row(self, item: &Item) -> Value {
        let Item::Row(row) = item else { return Value::Null };
        let mut members = Map::new();
        let key = row.field("Guid").map(Field::display).unwrap_or_default();
        members.insert("ObjectKey".to_owned(), STANDARD.encode(key).into());
        for (name, field) in row.fields() {
            members.insert(name.to_owned(), self.value(field));
        }
        Value::Object(members)
    }

    fn value(self, field: &Field) -> Value {
        match (self, field) {
            (Self::User, Field::Date(date)) => date.unix_timestamp().into(),
            (_, Field::Date(date)) => json::date_text(*date).replace(".0000000+00:00", "Z").into(),
            (_, Field::Rich(rich)) => rich.distinguished_name().unwrap_or(rich.as_str()).into(),
            (_, Field::List(_, items)) => items.iter().map(|item| self.value(item)).collect(),
            (_, field) => json::value(field),
        }
    }
}

impl Cloud {
    /// Answers a typed read.
    pub(super) fn typed(&self, request: &CloudRequest<'_>, shells: &Shells) -> CloudAnswer {
        if request.post {
            return CloudAnswer::bare(405);
        }
        let query = match TypedQuery::of(request.path, request.query) {
            Ok(query) => query,
            Err(message) => return json::error(400, QUERY, &message),
        };
        let mut exchange = shells.exchange();
        let session = Session::new(exchange.domain_controller(0));
        match Run::new(&mut exchange, session, vec![query.invocations]) {
            Ok(run) => self.begin_list(request, run, Some(query.set), &mut exchange),
            Err(error) => refusal(&error),
        }
    }
}

impl TypedQuery {
    fn of(path: &str, query: &str) -> Result<Self, String> {
        let leaf = path.rsplit('/').next().unwrap_or_default();
        let set = EntitySet::of(leaf).ok_or("Resource not found for the segment.")?;
        let mut read = Invocation::new(set.cmdlet());
        let (mut names, mut property_set, mut encoded) = (Vec::new(), None, false);
        let mut limit = Argument::Text("Unlimited".to_owned());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (unescaped(name), unescaped(value));
            match name.as_str() {
                "$select" => names.extend(value.split(',').map(str::to_owned)),
                "$filter" => read = read.with("Filter", Argument::Text(filter(set, &value)?)),
                "$top" => {
                    let top =
                        value.parse().map_err(|_| format!("Invalid value '{value}' for $top."))?;
                    limit = Argument::Int(top);
                }
                "PropertySet" => property_set = Some(value),
                "isEncoded" => encoded = value.eq_ignore_ascii_case("true"),
                "RecipientTypeDetails" if set == EntitySet::Mailbox => {
                    let kinds = value.split(',').map(|kind| Argument::Text(kind.to_owned()));
                    read = read.with("RecipientTypeDetails", Argument::List(kinds.collect()));
                }
                _ => return Err(format!("The query option '{name}' is not supported.")),
            }
        }
        read = match identity(leaf, encoded)? {
            Some(identity) => read.with("Identity", Argument::Text(identity)),
            None => read.with("ResultSize", limit),
        };
        let names = columns(set, names, property_set.as_deref())?;
        let names = names.into_iter().map(Argument::Text).collect();
        let select = Invocation::new("Select-Object").with("Property", Argument::List(names));
        Ok(Self { invocations: vec![read, select], set })
    }
}

/// Which object is asked for, if it is one.
fn identity(leaf: &str, encoded: bool) -> Result<Option<String>, String> {
    let Some((_, key)) = leaf.split_once('(') else { return Ok(None) };
    let key = unescaped(key);
    let key = key.strip_suffix("')").and_then(|key| key.strip_prefix('\''));
    let key = key.ok_or("The key of the entity is not a text.")?.replace("''", "'");
    if !encoded {
        return Ok(Some(key));
    }
    let bytes = STANDARD.decode(&key).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(Some).ok_or_else(|| "The key of the entity is not base64.".to_owned())
}

fn columns(
    set: EntitySet,
    mut names: Vec<String>,
    property_set: Option<&str>,
) -> Result<Vec<String>, String> {
    if let Some(unknown) = names.iter().find(|name| !set.has(name)) {
        return Err(format!(
            "Could not find a property named '{unknown}' on type 'Exchange.{}'.",
            set.name()
        ));
    }
    let all = set.view().properties().map(|property| property.name);
    let more: Vec<&str> = match property_set {
        None if !names.is_empty() => Vec::new(),
        None | Some("Minimum") => MINIMUM.into(),
        Some("All") => all.collect(),
        Some(other) => return Err(format!("The property set '{other}' is not known.")),
    };
    for name in more.into_iter().filter(|name| set.has(name)) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// Translates `Alias eq 'ann' and …` into the language of the cmdlets.
fn filter(set: EntitySet, text: &str) -> Result<String, String> {
    let bad = || format!("The query specified in the URI is not valid. Syntax error in '{text}'.");
    let mut words = words(text).ok_or_else(bad)?.into_iter();
    let mut out = String::new();
    loop {
        let (name, operator, value) = match (words.next(), words.next(), words.next()) {
            (Some(name), Some(operator), Some(value)) => (name, operator, value),
            _ => return Err(bad()),
        };
        if !set.has(&name) || !["eq", "ne", "gt", "ge", "lt", "le"].contains(&operator.as_str()) {
            return Err(bad());
        }
        let value = match value.as_str() {
            "true" | "false" | "null" => format!("${value}"),
            quoted if quoted.starts_with('\'') => value,
            bare => format!("'{bare}'"),
        };
        let _ = write!(out, "{name} -{operator} {value}");
        match words.next().as_deref() {
            None => return Ok(out),
            Some(joint @ ("and" | "or")) => {
                let _ = write!(out, " -{joint} ");
            }
            Some(_) => return Err(bad()),
        }
    }
}

/// Words parted by blanks; a text in quotes, with them, is one.
fn words(text: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        quoted ^= c == '\'';
        if c == ' ' && !quoted {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
        } else {
            word.push(c);
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    (!quoted).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::{EntitySet, TypedQuery, filter};

    #[test]
    fn filters_are_those_of_the_cmdlets() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(filter(EntitySet::Mailbox, text).ok().as_deref(), expected, "{text}");
        };
        check("Alias eq 'ann'", Some("Alias -eq 'ann'"));
        check(
            "Name ne 'O''Neil and so' and IsDirSynced eq true or Office eq null",
            Some("Name -ne 'O''Neil and so' -and IsDirSynced -eq $true -or Office -eq $null"),
        );
        check(
            "Guid eq 9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2",
            Some("Guid -eq '9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2'"),
        );
        for bad in [
            "Alias",
            "Alias eq",
            "Alias -eq 'a'",
            "Alias eq 'a",
            "startswith(Alias,'a')",
            "IsValid eq true",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn an_address_names_a_set_or_one_of_it() {
        let read = |path: &str, query: &str| {
            let query = TypedQuery::of(path, query)?;
            Ok::<_, String>(format!("{:?}", query.invocations))
        };
        let one = read("/adminapi/beta/t/Mailbox('YW5u')", "isEncoded=true&$select=Guid").unwrap();
        assert!(one.contains("\"ann\"") && one.contains("Identity"), "{one}");
        let list =
            read("/adminapi/beta/t/Mailbox", "$top=5&RecipientTypeDetails=RoomMailbox").unwrap();
        assert!(list.contains("RoomMailbox") && list.contains("Int(5)") && list.contains("Alias"));
        for query in
            ["$select=IsValid", "$select=Nothing", "PropertySet=Some", "$expand=x", "$top=x"]
        {
            assert!(read("/adminapi/beta/t/Mailbox", query).is_err(), "{query}");
        }
        assert!(read("/adminapi/beta/t/Mailbox(ann)", "").is_err());
    }
}
