//! One table of the settings: typed access to its keys, each failure naming the key, the value and the remedy.

use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;
use toml::Value;

use super::error::SettingsError;
use super::secret::{SecretSource, read_secret};

/// A table whose keys were all checked to be known.
pub(super) struct Section {
    name: &'static str,
    table: toml::Table,
}

impl Section {
    /// Takes `table`, the one called `name` (empty for the first), refusing keys that are not in `known`.
    pub(super) fn new(
        name: &'static str,
        table: toml::Table,
        known: &'static [&'static str],
    ) -> Result<Self, SettingsError> {
        if let Some(unknown) = table.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(SettingsError::UnknownKey {
                key: join(name, unknown),
                remedy: suggestion(unknown, known),
            });
        }
        Ok(Self { name, table })
    }

    /// Takes `table`, the one called `name`, whose keys whoever reads it checks.
    pub(super) fn open(name: &'static str, table: toml::Table) -> Self {
        Self { name, table }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The keys that are there.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.table.keys().map(String::as_str)
    }

    /// The key as it is shown: with the name of its table.
    pub(super) fn key(&self, key: &str) -> String {
        join(self.name, key)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    pub(super) fn is_list(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(Value::is_array)
    }

    /// The value of `key` as it was written, for messages; not for keys that hold secrets.
    pub(super) fn written(&self, key: &str) -> String {
        self.table.get(key).map_or_else(String::new, shown)
    }

    /// Takes a sub-table out, empty when it is missing.
    pub(super) fn table(&mut self, key: &'static str) -> Result<toml::Table, SettingsError> {
        match self.table.remove(key) {
            None => Ok(toml::Table::new()),
            Some(Value::Table(table)) => Ok(table),
            Some(other) => Err(SettingsError::WrongType {
                key: self.key(key),
                found: kind_of(&other).to_owned(),
                expected: "a table",
                remedy: format!("write [{key}] on a line of its own and its keys below"),
            }),
        }
    }

    /// The text of `key`; an empty one is refused.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, SettingsError> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Err(self.value_error(
                key,
                "is empty",
                format!("give {} a value or remove it", self.key(key)),
            )),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => {
                Err(self.wrong_type(key, other, "a string", format!("write {key} = \"…\"")))
            }
        }
    }

    /// The text of `key`, which has to be there.
    pub(super) fn required_text(&self, key: &str, remedy: &str) -> Result<String, SettingsError> {
        self.text(key)?.ok_or_else(|| self.missing(key, remedy))
    }

    pub(super) fn boolean(&self, key: &str) -> Result<Option<bool>, SettingsError> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::Boolean(flag)) => Ok(Some(*flag)),
            Some(other) => Err(self.wrong_type(
                key,
                other,
                "true or false",
                format!("write {key} = true or {key} = false, without quotes"),
            )),
        }
    }

    /// The whole number of `key`, within `range`.
    pub(super) fn integer(
        &self,
        key: &str,
        range: std::ops::RangeInclusive<u32>,
    ) -> Result<Option<u32>, SettingsError> {
        let remedy = || format!("use a number from {} to {}", range.start(), range.end());
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::Integer(number)) => u32::try_from(*number)
                .ok()
                .filter(|number| range.contains(number))
                .map(Some)
                .ok_or_else(|| self.value_error(key, "is out of range", remedy())),
            Some(other) => Err(self.wrong_type(key, other, "a whole number", remedy())),
        }
    }

    /// The list of texts of `key`.
    pub(super) fn texts(&self, key: &str) -> Result<Option<Vec<String>>, SettingsError> {
        let remedy = || format!("write {key} = [\"…\", \"…\"]");
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| match item {
                    Value::String(text) => Ok(text.clone()),
                    other => Err(self.wrong_type(key, other, "a list of strings", remedy())),
                })
                .collect::<Result<_, _>>()
                .map(Some),
            Some(other) => Err(self.wrong_type(key, other, "a list of strings", remedy())),
        }
    }

    /// One of the named `choices`, matched without case.
    pub(super) fn choice<T: Copy>(
        &self,
        key: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, SettingsError> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        find_choice(&text, choices)
            .map(Some)
            .ok_or_else(|| self.value_error(key, "is not a known value", use_one_of(choices)))
    }

    /// One of the named `choices`, which has to be there.
    pub(super) fn required_choice<T: Copy>(
        &self,
        key: &str,
        choices: &[(&str, T)],
    ) -> Result<T, SettingsError> {
        self.choice(key, choices)?
            .ok_or_else(|| self.missing(key, &format!("{} for {key}", use_one_of(choices))))
    }

    /// A list of named `choices`, matched without case.
    pub(super) fn choices<T: Copy>(
        &self,
        key: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<Vec<T>>, SettingsError> {
        let Some(texts) = self.texts(key)? else {
            return Ok(None);
        };
        texts
            .iter()
            .map(|text| {
                find_choice(text, choices).ok_or_else(|| {
                    self.value_error(
                        key,
                        &format!("has {text:?}, which is not a known value"),
                        use_one_of(choices),
                    )
                })
            })
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// A length of time such as `180s`; `ms`, `s`, `m` and `h` are the units. Zero is refused.
    pub(super) fn duration(&self, key: &str) -> Result<Option<Duration>, SettingsError> {
        const REMEDY: &str =
            "use a number and a unit in quotes: \"500ms\", \"180s\", \"30m\" or \"1h\"";
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => parse_duration(text)
                .map(Some)
                .ok_or_else(|| self.value_error(key, "is not a length of time", REMEDY.to_owned())),
            Some(other) => Err(self.wrong_type(key, other, "a length of time", REMEDY.to_owned())),
        }
    }

    /// A value that is parsed from text.
    pub(super) fn parsed<T: FromStr>(
        &self,
        key: &str,
        problem: &str,
        remedy: &str,
    ) -> Result<Option<T>, SettingsError> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        text.trim().parse().map(Some).map_err(|_| self.value_error(key, problem, remedy.to_owned()))
    }

    /// A secret: `{ env = "…" }`, `{ file = "…" }` or, with a warning, plain text.
    pub(super) fn secret(
        &self,
        key: &'static str,
        source: &dyn SecretSource,
        warnings: &mut Vec<String>,
    ) -> Result<Option<SecretString>, SettingsError> {
        self.table
            .get(key)
            .map(|value| read_secret(&self.key(key), key, value, source, warnings))
            .transpose()
    }

    /// Refuses the first of `keys` that is present.
    pub(super) fn refuse(
        &self,
        keys: &[&str],
        with: &str,
        remedy: &str,
    ) -> Result<(), SettingsError> {
        match keys.iter().find(|key| self.has(key)) {
            None => Ok(()),
            Some(key) => Err(self.combination(key, with, format!("{remedy} {}", self.key(key)))),
        }
    }

    pub(super) fn missing(&self, key: &str, remedy: &str) -> SettingsError {
        SettingsError::Missing { key: self.key(key), remedy: remedy.to_owned() }
    }

    pub(super) fn value_error(&self, key: &str, problem: &str, remedy: String) -> SettingsError {
        SettingsError::Value {
            key: self.key(key),
            value: self.written(key),
            problem: problem.to_owned(),
            remedy,
        }
    }

    pub(super) fn combination(&self, key: &str, with: &str, remedy: String) -> SettingsError {
        let value = if SECRET_KEYS.contains(&key) { "…".to_owned() } else { self.written(key) };
        SettingsError::Combination { key: self.key(key), value, with: with.to_owned(), remedy }
    }

    pub(super) fn wrong_type(
        &self,
        key: &str,
        found: &Value,
        expected: &'static str,
        remedy: String,
    ) -> SettingsError {
        SettingsError::WrongType {
            key: self.key(key),
            found: format!("{} ({})", kind_of(found), shown(found)),
            expected,
            remedy,
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.table.get(key)
    }
}

/// The keys whose values are never shown.
const SECRET_KEYS: &[&str] =
    &["proxy", "password", "certificate_password", "client_certificate_password", "client_secret"];

fn join(table: &str, key: &str) -> String {
    if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") }
}

pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

/// A value as it was written; of a table only that it is one, for tables are where secrets stand.
fn shown(value: &Value) -> String {
    match value {
        Value::Table(_) => "{ … }".to_owned(),
        other => other.to_string(),
    }
}

fn find_choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Option<T> {
    choices
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text.trim()))
        .map(|(_, choice)| *choice)
}

fn use_one_of<T>(choices: &[(&str, T)]) -> String {
    let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
    format!("use one of {}", names.join(", "))
}

fn suggestion(unknown: &str, known: &[&str]) -> String {
    match crate::text::nearest(unknown, known.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("the keys here are {}", known.join(", ")),
    }
}

fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let milliseconds = match unit.trim() {
        "ms" => number,
        "s" => number.checked_mul(1_000)?,
        "m" => number.checked_mul(60_000)?,
        "h" => number.checked_mul(3_600_000)?,
        _ => return None,
    };
    (milliseconds > 0).then(|| Duration::from_millis(milliseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_needs_a_number_and_a_unit() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(parse_duration(text), expected.map(Duration::from_millis), "{text}");
        };
        check("180s", Some(180_000));
        check("500ms", Some(500));
        check("30 m", Some(1_800_000));
        check(" 1h ", Some(3_600_000));
        check("0s", None);
        check("s", None);
        check("180", None);
        check("-1s", None);
        check("1.5s", None);
        check("1d", None);
        check("99999999999999999999s", None);
        check("18446744073709551615h", None);
    }
}
