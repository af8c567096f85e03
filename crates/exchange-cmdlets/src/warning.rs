//! Warnings that change what a result means.
//!
//! Warnings are text alone, in the server's language, so only English ones are recognised; but the name of the parameter
//! `ResultSize`, of which every warning about a limit speaks, is the same in all. A reader that depends on completeness
//! treats a warning it cannot place as what it is, a line for the operator, and asks for all results expressly, so that no
//! limit can apply.

use std::time::Duration;

/// What a warning says.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum WarningKind {
    /// The result was cut by a limit: there is more than came.
    Truncated,
    /// The command succeeded and changed nothing.
    NothingModified,
    /// The server slowed the command down.
    MicroDelay {
        /// By how long, when it says so.
        actual: Option<Duration>,
    },
    /// An object is inconsistent: it is still given out, with `IsValid` false, but is not to be written.
    Corrupted {
        /// The object.
        object: String,
    },
    /// Anything else.
    Other,
}

impl WarningKind {
    /// Recognises a warning.
    ///
    /// ```
    /// use exchange_cmdlets::WarningKind;
    ///
    /// let text = "The command completed successfully but no settings of 'contoso.com/Users/Ann' have been modified.";
    /// assert_eq!(WarningKind::of(text), WarningKind::NothingModified);
    /// ```
    #[must_use]
    pub fn of(text: &str) -> Self {
        let lower = text.to_lowercase();
        if is_truncation(&lower) {
            Self::Truncated
        } else if lower.contains("but no settings of") && lower.contains("have been modified") {
            Self::NothingModified
        } else if lower.starts_with("micro delay applied") {
            Self::MicroDelay { actual: delay(&lower) }
        } else if lower.starts_with("the object ") && lower.contains("has been corrupted") {
            Self::Corrupted { object: corrupted_object(text) }
        } else {
            Self::Other
        }
    }
}

/// Whether a warning says that there is more than came, however its words are set apart.
fn is_truncation(lower: &str) -> bool {
    let letters: String = lower.chars().filter(|letter| letter.is_alphanumeric()).collect();
    TRUNCATED.iter().any(|part| letters.contains(part))
}

const TRUNCATED: [&str; 9] = [
    "resultsize",
    "moreresultsavailable",
    "resultsmaybeincomplete",
    "resultsareincomplete",
    "partialresults",
    "resultsweretruncated",
    "resultwastruncated",
    "outputwastruncated",
    "sizelimitwasexceeded",
];

fn delay(lower: &str) -> Option<Duration> {
    let (_, rest) = lower.split_once("actual delayed:")?;
    let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().map(Duration::from_millis)
}

/// Returns what stands between `The object` and `has been corrupted`. Both parts are ASCII, so case moves no byte.
fn corrupted_object(text: &str) -> String {
    let rest = text.get("the object ".len()..).unwrap_or_default();
    let end = rest.to_ascii_lowercase().find(" has been corrupted").unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::WarningKind;

    #[track_caller]
    fn check(text: &str, expected: WarningKind) {
        assert_eq!(WarningKind::of(text), expected);
    }

    #[test]
    fn both_ways_of_saying_that_there_is_more() {
        for end in ["value for the ResultSize parameter.", "value of the ResultSize parameter."] {
            let start = "There are more results available than are currently displayed. To view them, increase the ";
            check(&format!("{start}{end}"), WarningKind::Truncated);
        }
        check(
            "By default, only the first 1000 items are returned. Use the ResultSize parameter to specify the number of \
             items returned. To return all items, specify \"-ResultSize Unlimited\". Be aware that, …",
            WarningKind::Truncated,
        );
    }

    #[test]
    fn a_limit_is_told_in_any_language_and_however_it_is_broken_into_lines() {
        for text in [
            "There are more results\r\navailable than are currently dis\r\nplayed.",
            "THERE ARE MORE\u{a0}RESULTS AVAILABLE.",
            "Es sind mehr Ergebnisse verfügbar. Erhöhen Sie den Wert für den ResultSize-Parameter, um sie anzuzeigen.",
            "既定では、最初の 1000 個のアイテムのみが返されます。ResultSize パラメーターを使用してください。",
            "The results may be incomplete, for a domain controller did not answer.",
        ] {
            check(text, WarningKind::Truncated);
        }
    }

    #[test]
    fn a_command_that_changed_nothing() {
        check(
            "The command completed successfully but no settings of 'contoso.com/Users/X' have been modified.",
            WarningKind::NothingModified,
        );
    }

    #[test]
    fn a_delay_says_how_long() {
        check(
            "Micro delay applied. Actual delayed: 21956 msecs, Enforced: True, Capped delay: 21956 msecs, Required: False",
            WarningKind::MicroDelay { actual: Some(Duration::from_millis(21956)) },
        );
        check("Micro delay applied.", WarningKind::MicroDelay { actual: None });
    }

    #[test]
    fn a_corrupted_object_is_named() {
        check(
            "The object contoso.com/Users/Ä X has been corrupted, and it's in an inconsistent state. The following \
             validation errors happened:",
            WarningKind::Corrupted { object: "contoso.com/Users/Ä X".to_owned() },
        );
    }

    #[test]
    fn anything_else_is_left_to_people() {
        check("Database is mandatory on UserMailbox.", WarningKind::Other);
        check("", WarningKind::Other);
    }
}
