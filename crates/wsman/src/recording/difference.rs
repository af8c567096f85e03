//! How a request differs from the recorded one, told to people.

use std::fmt;

/// A replayed client left the recording: what was expected, and what came.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Difference {
    /// A request is not the one that was recorded.
    #[error("{}", changed(*.number, .expected, .got))]
    Changed {
        /// The exchange that was due, counted from 1 as its files are.
        number: usize,
        /// The recorded request, a line for everything that counts.
        expected: Vec<String>,
        /// The request that came.
        got: Vec<String>,
    },
    /// A request came after everything that was recorded.
    #[error("nothing more was recorded, but there is another request:\n{}", indented(.got))]
    Further {
        /// The request that came.
        got: Vec<String>,
    },
    /// The client ended and left answers unused.
    #[error("{}", missing(.numbers, .expected))]
    Missing {
        /// The exchanges that were never asked for.
        numbers: Vec<usize>,
        /// The first of their requests.
        expected: Vec<String>,
    },
}

fn changed(number: usize, expected: &[String], got: &[String]) -> String {
    format!(
        "request {number} differs from {number:02}-request.xml (- recorded, + now):\n{}",
        diff(expected, got)
    )
}

fn missing(numbers: &[usize], expected: &[String]) -> String {
    let shown: Vec<_> = numbers.iter().take(MOST_NUMBERS).map(|n| format!("{n:02}")).collect();
    let more = if numbers.len() > MOST_NUMBERS { ", …" } else { "" };
    let shown = shown.join(", ");
    format!(
        "recorded exchanges were never asked for: {shown}{more}; the first:\n{}",
        indented(expected)
    )
}

const MOST_NUMBERS: usize = 20;

fn indented(lines: &[String]) -> String {
    lines.iter().map(|line| format!("    {}", Short(line))).collect::<Vec<_>>().join("\n")
}

/// Shows where two lists of lines differ, with a few lines around each place.
#[must_use]
pub fn diff(expected: &[String], got: &[String]) -> String {
    let marked = marked_lines(expected, got);
    let is_near = |index: usize| {
        let from = index.saturating_sub(CONTEXT);
        marked.iter().skip(from).take(index + CONTEXT + 1 - from).any(|(mark, _)| *mark != ' ')
    };
    let mut out = Vec::new();
    let mut skipped = false;
    for (index, (mark, line)) in marked.iter().enumerate() {
        if is_near(index) {
            out.push(format!("  {mark} {}", Short(line)));
            skipped = false;
        } else if !skipped {
            out.push("    …".to_owned());
            skipped = true;
        }
    }
    out.join("\n")
}

/// Lines around a difference that are shown with it.
const CONTEXT: usize = 2;

/// Walks both lists; what is in both is found by the next line that they have in common within a window, so that the cost
/// stays bounded whatever is compared.
fn marked_lines<'a>(expected: &'a [String], got: &'a [String]) -> Vec<(char, &'a str)> {
    let (mut left, mut right) = (expected.iter(), got.iter());
    let mut marked = Vec::new();
    loop {
        let (rest_left, rest_right) = (left.as_slice(), right.as_slice());
        let Some((skip_left, skip_right)) = next_in_common(rest_left, rest_right) else {
            marked.extend(rest_left.iter().map(|line| ('-', line.as_str())));
            marked.extend(rest_right.iter().map(|line| ('+', line.as_str())));
            return marked;
        };
        marked.extend(left.by_ref().take(skip_left).map(|line| ('-', line.as_str())));
        marked.extend(right.by_ref().take(skip_right).map(|line| ('+', line.as_str())));
        let common = left.next();
        right.next();
        marked.extend(common.map(|line| (' ', line.as_str())));
    }
}

/// How many lines of either side to skip until both have the same; the fewest in all.
fn next_in_common(left: &[String], right: &[String]) -> Option<(usize, usize)> {
    for total in 0..=(left.len() + right.len()).min(WINDOW) {
        for skip_left in 0..=total {
            let skip_right = total - skip_left;
            if let (Some(one), Some(other)) = (left.get(skip_left), right.get(skip_right))
                && one == other
            {
                return Some((skip_left, skip_right));
            }
        }
    }
    None
}

/// How many lines are looked through for the next one in common.
const WINDOW: usize = 400;

/// A line, cut where it gets too long to look at.
struct Short<'a>(&'a str);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(LONGEST_LINE) {
            Some((end, _)) => write!(f, "{}…", self.0.get(..end).unwrap_or_default()),
            None => f.write_str(self.0),
        }
    }
}

const LONGEST_LINE: usize = 240;

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[track_caller]
    fn check(expected: &str, got: &str, shown: &str) {
        let found = diff(&lines(expected), &lines(got));
        let found: Vec<_> = found.lines().map(|line| line.get(2..).unwrap_or_default()).collect();
        assert_eq!(found.join("|"), shown);
    }

    #[test]
    fn differences_are_shown_with_what_stands_around_them() {
        check("a b c d e f", "a b c d e f", "  …");
        check("a b c d e f g h", "a b c X e f g h", "  …|  b|  c|- d|+ X|  e|  f|  …");
        check("a b c", "a b n c", "  a|  b|+ n|  c");
        check("a b", "b", "- a|  b");
        check("a", "b", "- a|+ b");
    }

    #[test]
    fn long_lists_without_anything_in_common_cost_little() {
        let one: Vec<String> = (0..5_000).map(|n| format!("a{n}")).collect();
        let other: Vec<String> = (0..5_000).map(|n| format!("b{n}")).collect();
        assert_eq!(diff(&one, &other).lines().count(), 10_000);
    }
}
