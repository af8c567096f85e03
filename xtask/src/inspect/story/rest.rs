//! Exchanges with the service of the cloud in words.

use serde_json::Value;

/// Rows of one answer that are told one by one.
const TOLD_ROWS: usize = 3;
/// Signs of a text that are told.
const LONGEST: usize = 300;

/// A message, taken apart.
struct Message<'m> {
    first: &'m str,
    headers: Vec<(&'m str, &'m str)>,
    body: &'m str,
}

impl<'m> Message<'m> {
    fn read(text: &'m str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let first = lines.next().unwrap_or_default();
        let headers = lines.filter_map(|line| line.split_once(": ")).collect();
        Self { first, headers, body }
    }

    fn header(&self, name: &str) -> Option<&'m str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }

    fn json(&self) -> Value {
        serde_json::from_str(self.body).unwrap_or_default()
    }
}

/// Says what a client wants with a request.
pub(super) fn request_of(text: &str) -> String {
    let message = Message::read(text);
    let mut words = message.first.split(' ');
    let (method, url) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if url.contains("/oauth2/") {
        let grant = message.body.split('&').find_map(|pair| pair.strip_prefix("grant_type="));
        let grant = grant.map(|grant| format!(" for {grant}")).unwrap_or_default();
        return format!("asks for a token{grant} ({method} {})", path_of(url));
    }
    let body = message.json();
    let input = body.get("CmdletInput");
    let Some(name) = input.and_then(|input| input.get("CmdletName")).and_then(Value::as_str) else {
        return format!("asks for {} ({method})", path_of(url));
    };
    let parameters = input.and_then(|input| input.get("Parameters")).and_then(Value::as_object);
    let parameters = parameters.into_iter().flatten();
    let parameters: String = parameters
        .map(|(name, value)| {
            let is_secret = name.to_ascii_lowercase().contains("password");
            let shown = if is_secret { "<redacted>".to_owned() } else { plain(value) };
            format!(" -{name} {shown}")
        })
        .collect();
    let page = if url.contains("skiptoken") { ", the next page" } else { "" };
    shortened(&format!("runs {name}{parameters}{page} ({method})"))
}

/// Says what the service answers, on the first line, and on those below what there is in the answer.
pub(super) fn answer_of(text: &str) -> (String, Vec<String>) {
    let message = Message::read(text);
    let Some(status) = message.first.strip_prefix("HTTP/1.1 ") else {
        let told = match message.first {
            "DROPPED" => "nobody waited for the answer".to_owned(),
            other => shortened(&format!("failed: {other} {}", message.body.trim())),
        };
        return (told, Vec::new());
    };
    let body = message.json();
    if let Some(error) = body.get("error") {
        return (
            format!("service refuses with HTTP {status}: {}", error_of(error, &body)),
            Vec::new(),
        );
    }
    if let Some(rows) = body.get("value").and_then(Value::as_array) {
        return (rows_told(rows.len(), &body), rows_shown(rows));
    }
    let told = match (status, message.header("retry-after"), message.header("location")) {
        (_, Some(wait), _) => {
            format!("asks to wait for {wait} (HTTP {status}): {}", first_line(message.body))
        }
        (_, _, Some(to)) => format!("sends the client to {to} (HTTP {status})"),
        ("200", ..) if body.get("token_type").is_some() => {
            let seconds = body.get("expires_in").map(Value::to_string).unwrap_or_default();
            format!("gives a token that lasts {seconds} s")
        }
        _ => format!("answers HTTP {status}: {}", first_line(message.body)),
    };
    (format!("service {told}"), Vec::new())
}

fn rows_told(count: usize, body: &Value) -> String {
    let more = if body.get("@odata.nextLink").is_some() { ", and there are more" } else { "" };
    let warnings = body.get("@adminapi.warnings").and_then(Value::as_array).into_iter().flatten();
    let warnings: String =
        warnings.map(|warning| format!("; it warns: {}", plain(warning))).collect();
    shortened(&format!("service gives {count} rows{more}{warnings}"))
}

fn rows_shown(rows: &[Value]) -> Vec<String> {
    let mut shown: Vec<String> = rows
        .iter()
        .take(TOLD_ROWS)
        .map(|row| {
            let members = row.as_object().into_iter().flatten();
            let told = members.filter(|(name, value)| !name.contains('@') && !value.is_null());
            let told: Vec<String> =
                told.map(|(name, value)| format!("{name}={}", plain(value))).collect();
            shortened(&told.join(", "))
        })
        .collect();
    if rows.len() > TOLD_ROWS {
        shown.push(format!("… and {} more", rows.len() - TOLD_ROWS));
    }
    shown
}

/// The useful text of an error is the innermost one; a token endpoint describes its own.
fn error_of(error: &Value, body: &Value) -> String {
    let described = body.get("error_description").and_then(Value::as_str);
    let inner = error.pointer("/innererror/internalexception");
    let part = |name: &str| inner.and_then(|inner| inner.get(name)).and_then(Value::as_str);
    let detail = error.pointer("/details/0/message").and_then(Value::as_str);
    let text = described.or_else(|| part("message")).or(detail);
    let text =
        text.or_else(|| error.get("message").and_then(Value::as_str)).or_else(|| error.as_str());
    let kind = part("type").and_then(|kind| kind.rsplit('.').next());
    let kind = kind.map(|kind| format!("[{kind}] ")).unwrap_or_default();
    shortened(&format!("{kind}{}", text.unwrap_or_default()))
}

fn path_of(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    after_scheme.find('/').and_then(|at| after_scheme.get(at..)).unwrap_or(after_scheme)
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn first_line(text: &str) -> String {
    shortened(text.trim().lines().next().unwrap_or_default())
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_say_what_they_run() {
        let request = "POST https://outlook.office365.com/adminapi/beta/t/InvokeCommand HTTP/1.1\naccept: application/json\n\n\
             {\"CmdletInput\":{\"CmdletName\":\"New-Mailbox\",\"Parameters\":{\"Name\":\"Ann\",\"Password\":\"x\"}}}";
        assert_eq!(request_of(request), "runs New-Mailbox -Name Ann -Password <redacted> (POST)");
        let request = "POST https://login/t/oauth2/v2.0/token HTTP/1.1\na: b\n\nclient_id=1&grant_type=client_credentials";
        assert_eq!(
            request_of(request),
            "asks for a token for client_credentials (POST /t/oauth2/v2.0/token)"
        );
    }

    #[test]
    fn answers_say_what_is_in_them() {
        let rows = "HTTP/1.1 200\na: b\n\n{\"@odata.nextLink\":\"x\",\"value\":[{\"Name\":\"Ann\",\"A@b\":\"c\",\"Empty\":null}]}";
        let expected =
            ("service gives 1 rows, and there are more".to_owned(), vec!["Name=Ann".to_owned()]);
        assert_eq!(answer_of(rows), expected);
        let wait = "HTTP/1.1 429\nretry-after: 7\n\nToo many";
        assert_eq!(answer_of(wait).0, "service asks to wait for 7 (HTTP 429): Too many");
        let refused = "HTTP/1.1 404\na: b\n\n{\"error\":{\"message\":\"Error\",\"innererror\":{\"internalexception\":\
             {\"message\":\"no such object\",\"type\":\"Microsoft.NotFoundException\"}}}}";
        assert_eq!(
            answer_of(refused).0,
            "service refuses with HTTP 404: [NotFoundException] no such object"
        );
        assert_eq!(answer_of("DROPPED").0, "nobody waited for the answer");
    }
}
