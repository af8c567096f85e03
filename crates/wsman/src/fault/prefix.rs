//! The groups in brackets that Exchange puts before its texts.
//!
//! `[ClientAccessServer=..,BackEndServer=..,RequestId=..,TimeStamp=..] [FailureCategory=..] text` from behind a
//! front end, `[Server=..,RequestId=..]` without one. They hold what support asks for, and hide what users read.

/// What the groups said, and the text without them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Diagnostics {
    /// Names and values in the order in which they came, at most 32.
    pub fields: Vec<(String, String)>,
    /// The text that followed.
    pub text: String,
}

impl Diagnostics {
    /// Splits leading groups off a text; a bracket that holds no `name=value` belongs to the text.
    ///
    /// ```
    /// use wsman::Diagnostics;
    /// let parsed = Diagnostics::parse("[Server=EX01,RequestId=7a] [FailureCategory=AuthZ-OverBudgetException] Too many.");
    /// assert_eq!(parsed.failure_category(), Some("AuthZ-OverBudgetException"));
    /// assert_eq!(parsed.text, "Too many.");
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut fields = Vec::new();
        let mut rest = text.trim();
        while let Some((group, after)) = split_group(rest) {
            fields.extend(read_fields(group));
            rest = after.trim_start();
        }
        fields.truncate(MOST_FIELDS);
        Self { fields, text: rest.to_owned() }
    }

    /// Returns the value of a field; names are compared without case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Returns what failed, such as `AuthZ-AuthorizationException` or `WSMan-InvalidShellID`.
    #[must_use]
    pub fn failure_category(&self) -> Option<&str> {
        self.field("FailureCategory")
    }

    /// Returns the id under which the server logged the request.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.field("RequestId")
    }
}

const MOST_FIELDS: usize = 32;

/// Splits `[a=b]` off the beginning.
fn split_group(text: &str) -> Option<(&str, &str)> {
    let (group, rest) = text.strip_prefix('[')?.split_once(']')?;
    let (name, _) = group.split_once('=')?;
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    is_name(name.trim()).then_some((group, rest))
}

/// Reads `a=b,c=d`; a piece without `=` goes on with the value before, as a localized date may hold a comma.
fn read_fields(group: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for piece in group.split(',').take(MOST_FIELDS) {
        if let Some((name, value)) = piece.split_once('=') {
            fields.push((name.trim().to_owned(), value.trim().to_owned()));
        } else if let Some((_, value)) = fields.last_mut() {
            value.push(',');
            value.push_str(piece);
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn front_end_and_category_are_split_off() {
        let parsed = Diagnostics::parse(
            "[ClientAccessServer=EX01,BackEndServer=ex02.contoso.com,RequestId=c0ffee,TimeStamp=1/2/2024 3:04:05 AM] \
             [AuthZRequestId=5] [FailureCategory=WSMan-InvalidShellID] The shell [a] is gone.",
        );
        assert_eq!(parsed.field("backendserver"), Some("ex02.contoso.com"));
        assert_eq!(parsed.request_id(), Some("c0ffee"));
        assert_eq!(parsed.failure_category(), Some("WSMan-InvalidShellID"));
        assert_eq!(parsed.text, "The shell [a] is gone.");
    }

    #[test]
    fn other_brackets_stay() {
        for text in ["[a] b", "[=b] c", "[x y=b] c", "[a=b", "", "plain"] {
            let parsed = Diagnostics::parse(text);
            assert_eq!((parsed.fields.len(), parsed.text.as_str()), (0, text));
        }
    }

    #[test]
    fn a_comma_in_a_value_does_not_lose_it() {
        let parsed = Diagnostics::parse("[TimeStamp=2 janv., 10:00,Server=A]x");
        assert_eq!(parsed.field("TimeStamp"), Some("2 janv., 10:00"));
        assert_eq!(parsed.field("Server"), Some("A"));
    }
}
