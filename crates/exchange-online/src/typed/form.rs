//! The form in which a typed row has to hold a value, so that it is the one `InvokeCommand` gives.

use clixml::{DateTime, DateTimeKind, TypeNames, Value};
use exchange_cmdlets::schema::Kind;

use crate::row::date;

/// The form of a column.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Form {
    pub(super) kind: Kind,
    pub(super) is_list: bool,
    /// A date without a zone is universal time.
    pub(super) is_utc: bool,
}

impl Form {
    /// Returns the value as `InvokeCommand` gives it; `None` when it is in no known form.
    pub(super) fn fit(self, value: &Value) -> Option<Value> {
        if self.is_list {
            return match value {
                Value::Nil => Some(Value::Nil),
                value => {
                    let items = value.items()?.iter().map(|item| self.fit_text(item.as_str()?));
                    Some(Value::list(TypeNames::none(), items.collect::<Option<_>>()?))
                }
            };
        }
        match (self.kind, value) {
            (Kind::Boolean, Value::Bool(_)) => Some(value.clone()),
            (Kind::Integer, Value::I32(_) | Value::Nil) => Some(value.clone()),
            // The other way shows no null here, but zeros for a GUID that is not set.
            (Kind::Guid, Value::Nil) | (Kind::Boolean | Kind::Integer, _) => None,
            (_, Value::Nil) => Some(Value::Nil),
            // A row that says what it holds is read as such before.
            (Kind::Guid, Value::Guid(id)) => Some((*id).into()),
            (Kind::Date, Value::DateTime(date)) => self.fit_date(*date),
            (_, value) => self.fit_text(value.as_str()?),
        }
    }

    fn fit_text(self, text: &str) -> Option<Value> {
        let known = match self.kind {
            Kind::Guid => return text.parse::<uuid::Uuid>().ok().map(Value::from),
            Kind::Date if text.is_empty() => return Some(Value::Nil),
            Kind::Date => return self.fit_date(date(text)?),
            Kind::Text | Kind::Culture => true,
            // The other way shows names and no numbers.
            Kind::Enumeration => !text.starts_with(|c: char| c.is_ascii_digit() || c == '-'),
            Kind::Size => text == UNLIMITED || is_size(text),
            Kind::Limit => text == UNLIMITED || text.parse::<u32>().is_ok(),
            Kind::Duration => text == UNLIMITED || is_time_span(text),
            Kind::SmtpAddress => text.is_empty() || text.contains('@'),
            Kind::ProxyAddress => text.is_empty() || text.contains(':'),
            _ => false,
        };
        known.then(|| text.into())
    }

    fn fit_date(self, date: DateTime) -> Option<Value> {
        match date.kind() {
            DateTimeKind::Utc => Some(date.into()),
            DateTimeKind::Unspecified if self.is_utc => {
                DateTime::from_ticks(date.ticks(), DateTimeKind::Utc).ok().map(Value::from)
            }
            // The other way shows the servers' clock, which is universal time.
            DateTimeKind::Unspecified | DateTimeKind::Local { .. } => None,
        }
    }
}

const UNLIMITED: &str = "Unlimited";

/// Whether a text is a size such as `50 GB (53,687,091,200 bytes)`.
fn is_size(text: &str) -> bool {
    let Some((rounded, exact)) = text.split_once(" (") else { return false };
    let Some(exact) = exact.strip_suffix(" bytes)") else { return false };
    let digits = |text: &str, other: char| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == other)
    };
    let Some((number, unit)) = rounded.split_once(' ') else { return false };
    digits(number, '.') && ["B", "KB", "MB", "GB", "TB"].contains(&unit) && digits(exact, ',')
}

/// Whether a text is a duration such as `14.00:00:00`.
fn is_time_span(text: &str) -> bool {
    let (days, time) = match text.split_once(':').and_then(|(first, _)| first.split_once('.')) {
        Some((days, _)) => (days, text.split_once('.').map_or("", |(_, time)| time)),
        None => ("0", text),
    };
    let parts: Vec<_> = time.split(':').collect();
    let digits = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let [hours, minutes, seconds] = parts.as_slice() else { return false };
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    [days, hours, minutes, seconds, fraction].iter().all(digits)
}

#[cfg(test)]
mod tests {
    use exchange_cmdlets::attribute_value;
    use exchange_cmdlets::schema::Kind;
    use serde_json::{Value as Json, json};

    use super::Form;

    /// Fits a member of a row as it arrives.
    #[track_caller]
    fn check(kind: Kind, is_list: bool, member: Json, expected: Option<Json>) {
        let form = Form { kind, is_list, is_utc: false };
        assert_eq!(fitted(form, &member), expected, "{kind} {member}");
    }

    fn fitted(form: Form, member: &Json) -> Option<Json> {
        let Json::Object(row) = json!({"X": member}) else { return None };
        let row = crate::row::object(row);
        form.fit(row.property("X")?).map(|value| attribute_value(&value))
    }

    #[test]
    fn values_in_the_known_form_stay_what_they_are() {
        for (kind, member) in [
            (Kind::Text, json!("")),
            (Kind::Text, Json::Null),
            (Kind::Boolean, json!(true)),
            (Kind::Integer, json!(4)),
            (Kind::Integer, Json::Null),
            (Kind::Guid, json!("a607efe4-0e5b-4e71-a31e-9c3f704de07d")),
            (Kind::Enumeration, json!("UserMailbox")),
            (Kind::Size, json!("50 GB (53,687,091,200 bytes)")),
            (Kind::Size, json!("99.5 GB (106,837,311,488 bytes)")),
            (Kind::Size, json!("Unlimited")),
            (Kind::Limit, json!("500")),
            (Kind::Limit, json!("Unlimited")),
            (Kind::Duration, json!("14.00:00:00")),
            (Kind::Duration, json!("06:00:00")),
            (Kind::Duration, json!("90.00:00:00.5000000")),
            (Kind::Duration, json!("Unlimited")),
            (Kind::SmtpAddress, json!("ann@contoso.com")),
            (Kind::ProxyAddress, json!("smtp:ann@contoso.com")),
        ] {
            check(kind, false, member.clone(), Some(member));
        }
        check(
            Kind::ProxyAddress,
            true,
            json!(["SMTP:a@b.c", "SIP:a@b.c"]),
            Some(json!(["SMTP:a@b.c", "SIP:a@b.c"])),
        );
        check(Kind::Text, true, json!([]), Some(json!([])));
        check(Kind::Text, true, Json::Null, Some(Json::Null));
    }

    #[test]
    fn other_forms_are_none() {
        for (kind, member) in [
            (Kind::Text, json!(5)),
            (Kind::Text, json!(["a"])),
            (Kind::Text, json!({"Name": "a"})),
            (Kind::Boolean, json!("True")),
            (Kind::Boolean, Json::Null),
            (Kind::Integer, json!("4")),
            (Kind::Guid, json!("none")),
            (Kind::Guid, Json::Null),
            (Kind::Enumeration, json!("128")),
            (Kind::Enumeration, json!(128)),
            (Kind::Size, json!("53687091200")),
            (Kind::Size, json!("50 GB")),
            (Kind::Size, json!("50GB (1 bytes)")),
            (Kind::Size, json!(53_687_091_200_u64)),
            (Kind::Limit, json!(500)),
            (Kind::Duration, json!("P14D")),
            (Kind::Duration, json!("14")),
            (Kind::Duration, json!("1:2")),
            (Kind::SmtpAddress, json!("ann")),
            (Kind::ProxyAddress, json!("ann@contoso.com")),
            (Kind::Reference, json!("Default")),
        ] {
            check(kind, false, member, None);
        }
        check(Kind::ProxyAddress, true, json!(["ann@contoso.com"]), None);
        check(Kind::Text, true, json!("one"), None);
        check(Kind::Text, true, json!([null]), None);
    }

    #[test]
    fn every_known_date_becomes_the_one_of_the_other_way() {
        let row = json!({"D@data.type": "System.DateTime", "D": "2026-07-15T16:40:06.0000000Z"});
        let Json::Object(row) = row else { panic!("it is an object") };
        let row = crate::row::object(row);
        let expected = attribute_value(row.property("D").expect("it is there"));
        assert_eq!(expected, "2026-07-15T16:40:06Z");
        for text in [
            "2026-07-15T16:40:06.0000000Z",
            "2026-07-15T16:40:06Z",
            "2026-07-15T16:40:06.0000000+00:00",
            "2026-07-15T16:40:06+00:00",
            "/Date(1784133606000)/",
        ] {
            check(Kind::Date, false, json!(text), Some(expected.clone()));
        }
        let form = Form { kind: Kind::Date, is_list: false, is_utc: false };
        let told = form.fit(row.property("D").expect("it is there")).expect("it fits");
        assert_eq!(attribute_value(&told), expected);
        check(Kind::Date, false, json!(""), Some(Json::Null));
        for text in
            ["2026-07-15T18:40:06+02:00", "2026-07-15T16:40:06", "7/15/2026 4:40:06 PM", "x"]
        {
            check(Kind::Date, false, json!(text), None);
        }
        let utc = Form { kind: Kind::Date, is_list: false, is_utc: true };
        assert_eq!(fitted(utc, &json!("2026-07-15T16:40:06")), Some(expected));
        assert_eq!(fitted(utc, &json!("2026-07-15T18:40:06+02:00")), None);
    }
}
