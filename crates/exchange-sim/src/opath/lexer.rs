//! The words of a filter.

/// One word and where it begins, in bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Positioned {
    pub(super) token: Token,
    pub(super) position: usize,
}

/// A word of a filter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Token {
    Open,
    Close,
    /// `-word` in lower case, without the hyphen.
    Operator(String),
    /// `$word` in lower case, without the dollar sign.
    Variable(String),
    /// Quoted text, without the quotes.
    Text(String),
    /// Anything else up to a space or parenthesis.
    Word(String),
}

/// Splits a filter; where that is impossible, the position stands instead of a word, and nothing follows.
pub(super) fn tokens(text: &str) -> Vec<Result<Positioned, usize>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let position = text.len() - rest.len();
        let Some(first) = rest.chars().next() else { return tokens };
        let Some((token, after)) = token(first, rest) else {
            tokens.push(Err(position));
            return tokens;
        };
        tokens.push(Ok(Positioned { token, position }));
        rest = after;
    }
}

fn token(first: char, text: &str) -> Option<(Token, &str)> {
    match first {
        '(' => Some((Token::Open, text.strip_prefix('(')?)),
        ')' => Some((Token::Close, text.strip_prefix(')')?)),
        '\'' | '"' => quoted(first, text.strip_prefix(first)?),
        '-' | '$' => {
            let (word, rest) = word(text.strip_prefix(first)?);
            let lower = word.to_ascii_lowercase();
            if word.is_empty() || !word.chars().all(|c| c.is_ascii_alphanumeric()) {
                return None;
            }
            // A number may be negative; every operator begins with a letter.
            let number = first == '-' && word.starts_with(|c: char| c.is_ascii_digit());
            Some(match first {
                '-' if number => (Token::Word(format!("-{word}")), rest),
                '-' => (Token::Operator(lower), rest),
                _ => (Token::Variable(lower), rest),
            })
        }
        _ => {
            let (word, rest) = word(text);
            let plain = !word.contains(['\'', '"', '{', '}', '=']);
            plain.then(|| (Token::Word(word.to_owned()), rest))
        }
    }
}

fn word(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| c.is_whitespace() || c == '(' || c == ')').unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Reads up to the closing quote; a doubled quote stands for one.
fn quoted(quote: char, text: &str) -> Option<(Token, &str)> {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once(quote)?;
        value.push_str(before);
        match after.strip_prefix(quote) {
            Some(more) => {
                value.push(quote);
                rest = more;
            }
            None => return Some((Token::Text(value), after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart() {
        let words: Vec<Token> = tokens("(A -EQ 'it''s' -And b -ne $True) -or c -gt 5")
            .into_iter()
            .map(|token| token.unwrap().token)
            .collect();
        let operator = |word: &str| Token::Operator(word.to_owned());
        let word = |word: &str| Token::Word(word.to_owned());
        let expected = [
            Token::Open,
            word("A"),
            operator("eq"),
            Token::Text("it's".to_owned()),
            operator("and"),
            word("b"),
            operator("ne"),
            Token::Variable("true".to_owned()),
            Token::Close,
            operator("or"),
            word("c"),
            operator("gt"),
            word("5"),
        ];
        assert_eq!(words, expected);
        assert_eq!(tokens("a -eq 'open").last(), Some(&Err(6)));
    }
}
