//! Patterns for names.
//!
//! Spec: [MS-PSRP] 2.2.3.20 Wildcard.

/// True when a text matches a pattern: `*`, `?`, sets as `[a-c]`, a backtick before a character that stands for itself.
/// Case does not matter.
///
/// Takes time in proportion to the product of both lengths at most, whatever the pattern.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let tokens = tokens(pattern);
    let text: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let (mut token, mut at) = (0, 0);
    // Where the last star is, and the first character that it has not swallowed.
    let mut star: Option<(usize, usize)> = None;
    loop {
        match (tokens.get(token), text.get(at)) {
            (None, None) => return true,
            (Some(Token::Any), _) => {
                star = Some((token, at));
                token += 1;
            }
            (Some(one), Some(found)) if one.takes(*found) => {
                token += 1;
                at += 1;
            }
            _ => {
                let Some((starred, swallowed)) = star.filter(|(_, start)| *start < text.len())
                else {
                    return false;
                };
                star = Some((starred, swallowed + 1));
                (token, at) = (starred + 1, swallowed + 1);
            }
        }
    }
}

enum Token {
    Any,
    One,
    Literal(char),
    Set(Vec<(char, char)>),
}

impl Token {
    fn takes(&self, found: char) -> bool {
        match self {
            Self::Any => false,
            Self::One => true,
            Self::Literal(wanted) => *wanted == found,
            Self::Set(ranges) => ranges.iter().any(|(low, high)| (*low..=*high).contains(&found)),
        }
    }
}

fn tokens(pattern: &str) -> Vec<Token> {
    let lower: Vec<char> = pattern.chars().flat_map(char::to_lowercase).collect();
    let mut tokens = Vec::new();
    let mut rest = lower.as_slice();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        tokens.push(match first {
            '*' => Token::Any,
            '?' => Token::One,
            '`' => match rest.split_first() {
                Some((escaped, after)) => {
                    rest = after;
                    Token::Literal(*escaped)
                }
                None => Token::Literal('`'),
            },
            '[' => match rest
                .iter()
                .position(|end| *end == ']')
                .and_then(|end| rest.split_at_checked(end))
            {
                Some((set, after)) => {
                    rest = after.get(1..).unwrap_or_default();
                    Token::Set(ranges(set))
                }
                None => Token::Literal('['),
            },
            other => Token::Literal(*other),
        });
    }
    tokens
}

fn ranges(mut set: &[char]) -> Vec<(char, char)> {
    let mut ranges = Vec::new();
    loop {
        set = match set {
            [] => return ranges,
            [low, '-', high, rest @ ..] => {
                ranges.push((*low, *high));
                rest
            }
            [one, rest @ ..] => {
                ranges.push((*one, *one));
                rest
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[track_caller]
    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        for text in yes {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for text in no {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn patterns_match_as_names_do() {
        check("*", &["", "Get-Mailbox"], &[]);
        check("*-mailbox", &["Get-Mailbox", "-Mailbox"], &["Get-MailboxPermission", "Mailbox"]);
        check("Get-*Item*", &["Get-ItemProperty", "get-childitem"], &["Set-Item"]);
        check("get-?ate", &["Get-Date"], &["Get-ate"]);
        check("[a-cx]b[-]", &["Ab-", "xb-"], &["db-", "ab"]);
        check("a`*b", &["a*b"], &["axb"]);
        check("a[b", &["a[b"], &["ab"]);
        check("", &[""], &["a"]);
        check("a*b*c*d", &["abcd", "axxbxcxxd"], &["abcx"]);
    }

    #[test]
    fn a_bad_pattern_takes_no_time() {
        let pattern = "*a".repeat(200);
        assert!(!matches(&pattern, &format!("{}b", "a".repeat(2000))));
    }
}
