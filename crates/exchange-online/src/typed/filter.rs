//! Filters of the cmdlets as filters of typed rows, as far as both surely mean the same.
//!
//! That is: texts compared by `-eq`, joined by `-and`. How the service reads wildcards, nulls and precedence in a `$filter`
//! is told nowhere, so everything else is left to `InvokeCommand`.

use super::columns::is_filterable;

/// Translates `Alias -eq 'ann' -and …`; `None` for what is more than that.
pub(super) fn translated(filter: &str) -> Option<String> {
    let mut terms = Vec::new();
    let mut rest = filter.trim();
    loop {
        let (name, after) = word(rest)?;
        let (operator, after) = word(after)?;
        if !is_filterable(name) || !operator.eq_ignore_ascii_case("-eq") {
            return None;
        }
        let (literal, after) = literal(after)?;
        terms.push(format!("{name} eq {literal}"));
        if after.is_empty() {
            return Some(terms.join(" and "));
        }
        let (joint, after) = word(after)?;
        if !joint.eq_ignore_ascii_case("-and") {
            return None;
        }
        rest = after;
    }
}

/// A word, and what stands behind it and its blanks.
fn word(text: &str) -> Option<(&str, &str)> {
    let (word, after) = text.split_once(' ')?;
    Some((word, after.trim_start()))
}

/// A text in single quotes, with them, and what stands behind it and its blanks.
fn literal(text: &str) -> Option<(&str, &str)> {
    let mut quotes = text.char_indices().filter(|(_, c)| *c == '\'').map(|(at, _)| at);
    if quotes.next() != Some(0) {
        return None;
    }
    let end = loop {
        let at = quotes.next()?;
        // A doubled quote is one of the text.
        if text.get(at + 1..).is_some_and(|rest| rest.starts_with('\'')) {
            quotes.next();
        } else {
            break at + 1;
        }
    };
    let (literal, after) = text.split_at_checked(end)?;
    let plain = literal.len() > 2 && !literal.contains(['*', '$', '`', '"']);
    let parted = after.is_empty() || after.starts_with(' ');
    (plain && parted).then(|| (literal, after.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::translated;

    #[track_caller]
    fn check(filter: &str, expected: Option<&str>) {
        assert_eq!(translated(filter).as_deref(), expected, "{filter}");
    }

    #[test]
    fn comparisons_with_texts_are_translated() {
        check("Alias -eq 'ann'", Some("Alias eq 'ann'"));
        check(
            "CustomAttribute1 -eq 'it''s -and so' -AND  RecipientTypeDetails -Eq 'SharedMailbox' ",
            Some("CustomAttribute1 eq 'it''s -and so' and RecipientTypeDetails eq 'SharedMailbox'"),
        );
        check("Name -eq ''''", Some("Name eq ''''"));
    }

    #[test]
    fn everything_else_is_not() {
        for filter in [
            "Alias -like 'a*'",
            "Alias -eq 'a*'",
            "Alias -ne 'a'",
            "Alias -eq 'a' -or Alias -eq 'b'",
            "(Alias -eq 'a')",
            "-not Alias -eq 'a'",
            "Alias -eq $null",
            "Alias -eq ''",
            "Alias -eq 'a",
            "Alias -eq 'a''",
            "Alias -eq 'a'b",
            "Alias -eq 'a' -and",
            "Alias -eq \"a\"",
            "MailTip -eq 'a'",
            "alias -eq 'a'",
            "Alias-eq'a'",
            "HiddenFromAddressListsEnabled -eq $true",
            "",
        ] {
            check(filter, None);
        }
    }

    proptest::proptest! {
        #[test]
        fn a_literal_stays_one(text in "[^*$`\"]{1,20}") {
            let quoted = format!("'{}'", text.replace('\'', "''"));
            proptest::prop_assert_eq!(
                translated(&format!("Alias -eq {quoted}")),
                Some(format!("Alias eq {quoted}"))
            );
        }

        #[test]
        fn no_text_is_too_odd(text in ".*") {
            let _ = translated(&text);
        }
    }
}
