//! Reading `WWW-Authenticate`.
//!
//! Spec: RFC 9110, 11.6.1 WWW-Authenticate.
//!
//! A server lists schemes in one header or in several, and continues one with a token of base64. Commas separate
//! both schemes and the parameters of one scheme; base64 has none, but quoted parameters may.

/// One scheme that a server offers, or continues.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Challenge {
    /// The scheme, as the server spells it.
    pub scheme: String,
    /// The token, as base64; `None` when the scheme is only offered.
    pub token: Option<String>,
    /// Names and values of the parameters.
    pub parameters: Vec<(String, String)>,
}

impl Challenge {
    /// Tells whether this is of the scheme; names are compared without case.
    #[must_use]
    pub fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// Reads the value of one header; what makes no sense is skipped.
    ///
    /// ```
    /// use wsman::Challenge;
    /// let found = Challenge::parse(r#"Negotiate, Basic realm="a, b", NTLM TlRM"#);
    /// let schemes: Vec<&str> = found.iter().map(|challenge| challenge.scheme.as_str()).collect();
    /// assert_eq!(schemes, ["Negotiate", "Basic", "NTLM"]);
    /// assert_eq!(found[2].token.as_deref(), Some("TlRM"));
    /// ```
    #[must_use]
    pub fn parse(value: &str) -> Vec<Self> {
        let mut challenges: Vec<Self> = Vec::new();
        for item in split_items(value) {
            match (read_item(item), challenges.last_mut()) {
                (Item::Parameter(name, value), Some(last)) => last.parameters.push((name, value)),
                (Item::Challenge(challenge), _) => challenges.push(challenge),
                (Item::Parameter(..), None) => {}
            }
        }
        challenges
    }
}

enum Item {
    Challenge(Challenge),
    Parameter(String, String),
}

/// Splits at commas outside quotes.
fn split_items(value: &str) -> Vec<&str> {
    let mut quoted = false;
    let mut escaped = false;
    let items = value.split(|character| {
        let ends = character == ',' && !quoted;
        if !escaped && character == '"' {
            quoted = !quoted;
        }
        escaped = quoted && !escaped && character == '\\';
        ends
    });
    items.map(str::trim).filter(|item| !item.is_empty()).collect()
}

fn read_item(item: &str) -> Item {
    let Some((first, rest)) = item.split_once(char::is_whitespace) else {
        return match item.split_once('=') {
            Some((name, value)) => Item::Parameter(name.to_owned(), unquote(value)),
            None => Item::Challenge(Challenge { scheme: item.to_owned(), ..Challenge::default() }),
        };
    };
    if let Some((name, value)) = first.split_once('=') {
        return Item::Parameter(name.to_owned(), unquote(&format!("{value} {rest}")));
    }
    let rest = rest.trim();
    let mut challenge = Challenge { scheme: first.to_owned(), ..Challenge::default() };
    if rest.trim_end_matches('=').bytes().all(is_token68) {
        challenge.token = Some(rest.to_owned());
    } else if let Some((name, value)) = rest.split_once('=') {
        challenge.parameters.push((name.trim().to_owned(), unquote(value)));
    }
    Item::Challenge(challenge)
}

fn is_token68(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte)
}

fn unquote(value: &str) -> String {
    let value = value.trim();
    let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    inner.map_or_else(|| value.to_owned(), |inner| inner.replace('\\', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, expected: &[(&str, Option<&str>)]) {
        let found = Challenge::parse(value);
        let found: Vec<(&str, Option<&str>)> =
            found.iter().map(|c| (c.scheme.as_str(), c.token.as_deref())).collect();
        assert_eq!(found, expected, "{value}");
    }

    #[test]
    fn lists_and_tokens_are_told_apart() {
        check("Negotiate", &[("Negotiate", None)]);
        check("Negotiate oYG2MIGz+/A==", &[("Negotiate", Some("oYG2MIGz+/A=="))]);
        check(
            "Kerberos, negotiate , Basic realm=\"WSMAN\", CredSSP",
            &[("Kerberos", None), ("negotiate", None), ("Basic", None), ("CredSSP", None)],
        );
        check(
            "Digest qop=\"auth, x\", nonce=\"a\\\",b\", Negotiate",
            &[("Digest", None), ("Negotiate", None)],
        );
        check("", &[]);
        check(" , realm=x", &[]);
    }

    #[test]
    fn parameters_belong_to_the_scheme_before_them() {
        let found = Challenge::parse("Digest realm=\"a b\", charset=utf-8, Basic realm=\"c\"");
        let own = |at: usize| -> Vec<(&str, &str)> {
            found[at].parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect()
        };
        assert_eq!(own(0), [("realm", "a b"), ("charset", "utf-8")]);
        assert_eq!(own(1), [("realm", "c")]);
    }

    proptest::proptest! {
        #[test]
        fn no_value_panics(value in "[a-z=,\" \\\\]{0,40}") {
            let _ = Challenge::parse(&value);
        }
    }
}
