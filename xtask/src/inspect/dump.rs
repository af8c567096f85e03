//! The fields of the canonical dumps: one line each, four fields, separated by `|`.

/// Appends `text` with the four signs escaped that would break a line or a field.
pub(crate) fn escape_into(dump: &mut String, text: &str) {
    for sign in text.chars() {
        match sign {
            '\\' => dump.push_str("\\\\"),
            '|' => dump.push_str("\\p"),
            '\r' => dump.push_str("\\r"),
            '\n' => dump.push_str("\\n"),
            other => dump.push(other),
        }
    }
}

/// One line of a dump, its fields unescaped.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Line<'a> {
    pub(crate) depth: usize,
    pub(crate) kind: &'a str,
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Takes a dump apart; a line that is none is left out.
pub(crate) fn lines(dump: &str) -> impl Iterator<Item = Line<'_>> {
    dump.lines().filter_map(|line| {
        let mut fields = line.split('|');
        let depth = fields.next()?.parse().ok()?;
        let kind = fields.next()?;
        Some(Line { depth, kind, name: unescape(fields.next()?), text: unescape(fields.next()?) })
    })
}

fn unescape(field: &str) -> String {
    let mut text = String::with_capacity(field.len());
    let mut signs = field.chars();
    while let Some(sign) = signs.next() {
        if sign != '\\' {
            text.push(sign);
            continue;
        }
        match signs.next() {
            Some('p') => text.push('|'),
            Some('r') => text.push('\r'),
            Some('n') => text.push('\n'),
            Some(other) => text.push(other),
            None => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Line, escape_into, lines};

    #[test]
    fn fields_survive_escaping() {
        let mut dump = String::from("2|S|");
        escape_into(&mut dump, "a|b\\p");
        dump.push('|');
        escape_into(&mut dump, "x\r\ny");
        let line =
            Line { depth: 2, kind: "S", name: "a|b\\p".to_owned(), text: "x\r\ny".to_owned() };
        assert_eq!(lines(&dump).collect::<Vec<_>>(), [line]);
    }
}
