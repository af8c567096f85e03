//! Requests and answers as text, without what proves who somebody is.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use exchange_cmdlets::schema::is_secret_parameter;
use serde_json::{Value as Json, json};
use url::form_urlencoded;

use super::layout::indented;
use crate::rest::{Method, RestAnswer, RestError, RestRequest};
use crate::text::chain;
use crate::token::read_claims as token_claims;

/// Header of our own: the time, in seconds since the beginning.
const TIME: &str = "recorded-at";
/// Header of our own: how the body stands there, when not as it came.
const FORM: &str = "recorded-body";
/// Header of our own: the body broke off, and how.
const BROKEN: &str = "recorded-end";

/// Header of our own in the place of `Location`, which is a word for where people work too.
const REDIRECT: &str = "url";

/// Headers of answers that mean something to a client.
const TELLING: [&str; 5] =
    ["content-type", "retry-after", "date", "www-authenticate", "x-exceptiontype"];

/// How a body ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum End<'a> {
    Well,
    /// It broke off.
    Broken(&'a RestError),
    /// Nobody wanted the rest.
    Dropped,
}

/// Fields of token requests that are kept; all others prove something.
const STRUCTURAL: [&str; 4] = ["client_id", "grant_type", "scope", "username"];

/// Values that are different each time, and what stands for them.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    known: HashMap<String, usize>,
}

impl Numbers {
    fn of(&mut self, kind: &str, value: &str) -> String {
        let next = self.known.len() + 1;
        format!("{kind}-{}", self.known.entry(value.to_owned()).or_insert(next))
    }
}

/// Writes a request.
pub(super) fn request(request: &RestRequest, ids: &mut Numbers) -> String {
    let method = match request.method {
        Method::Get => "GET",
        Method::Post => "POST",
    };
    let mut text = format!("{method} {} HTTP/1.1\n", request.url);
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, value) in &request.headers {
        let name = name.to_ascii_lowercase();
        let value = match name.as_str() {
            // Drawn by the client.
            "client-request-id" | "connection-id" => ids.of("uuid", value),
            // Which version wrote this is no part of what was asked for.
            "user-agent" => continue,
            "x-anchormailbox" => anchor(value).to_owned(),
            "cookie" => names_of(value),
            _ => value.clone(),
        };
        headers.push((name, value));
    }
    headers.sort();
    for (name, value) in headers {
        let _ = writeln!(text, "{name}: {value}");
    }
    text.push('\n');
    text.push_str(&request_body(request));
    text.push('\n');
    text
}

/// What a call is routed by: the sign-in name of a mailbox, or `*` for the organisation as a whole.
fn anchor(value: &str) -> &str {
    match value.strip_prefix("UPN:") {
        Some(name) => name,
        None => "*",
    }
}

/// Which cookies go with a request; what is in them is for the service alone.
fn names_of(cookies: &str) -> String {
    let names = cookies.split("; ").map(|cookie| cookie.split('=').next().unwrap_or_default());
    names.collect::<Vec<_>>().join(" ")
}

fn request_body(request: &RestRequest) -> String {
    if is_token_request(request) {
        let fields = form_urlencoded::parse(&request.body)
            .filter(|(name, _)| STRUCTURAL.contains(&name.as_ref()));
        let mut fields: Vec<(String, String)> =
            fields.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        fields.sort();
        return form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    }
    match serde_json::from_slice::<Json>(&request.body) {
        Ok(mut body) => {
            hide_secrets(&mut body);
            indented(body.to_string().as_bytes()).unwrap_or_default()
        }
        Err(_) => String::from_utf8_lossy(&request.body).into_owned(),
    }
}

fn is_token_request(request: &RestRequest) -> bool {
    request.url.path().ends_with("/oauth2/v2.0/token")
}

/// Leaves of a parameter that carries a secret that it was there: it is encrypted anew each time.
fn hide_secrets(body: &mut Json) {
    let parameters = body.pointer_mut("/CmdletInput/Parameters").and_then(Json::as_object_mut);
    for (name, value) in parameters.into_iter().flatten() {
        if is_secret_parameter(name) {
            *value = Json::Bool(true);
        }
    }
}

/// Writes an answer.
pub(super) fn answer(
    request: &RestRequest,
    answer: &RestAnswer,
    end: End<'_>,
    cookies: &mut Numbers,
) -> String {
    let mut text = format!("HTTP/1.1 {}\n", answer.status);
    for (name, value) in &answer.headers {
        let name = name.to_ascii_lowercase();
        if name == "set-cookie" {
            let (cookie, attributes) = value.split_once(';').unwrap_or((value, ""));
            let (cookie, value) = cookie.split_once('=').unwrap_or((cookie, ""));
            let value = cookies.of("cookie", value);
            let _ = writeln!(text, "{name}: {cookie}={value};{attributes}");
        } else if name == "location" {
            let _ = writeln!(text, "{REDIRECT}: {value}");
        } else if TELLING.contains(&name.as_str()) {
            let _ = writeln!(text, "{name}: {value}");
        }
    }
    match end {
        End::Well => {}
        End::Broken(error) => {
            let _ = writeln!(text, "{BROKEN}: {}", kind(error));
        }
        End::Dropped => {
            let _ = writeln!(text, "{BROKEN}: {NOT_WANTED}");
        }
    }
    let bytes = match is_token_request(request) {
        true => without_token(&answer.body),
        false => answer.body.clone(),
    };
    match indented(&bytes) {
        Some(body) => {
            let _ = writeln!(text, "\n{body}");
        }
        None => match std::str::from_utf8(&bytes) {
            Ok(body) if !body.contains(|c: char| c.is_control() && !c.is_whitespace()) => {
                let _ = write!(text, "\n{body}");
            }
            _ => {
                let _ = write!(text, "{FORM}: base64\n\n{}", STANDARD.encode(&bytes));
            }
        },
    }
    text
}

/// Writes in the place of a token what it says of where requests go and what they may.
fn without_token(body: &[u8]) -> Vec<u8> {
    let Ok(Json::Object(mut members)) = serde_json::from_slice(body) else {
        return body.to_vec();
    };
    for name in ["refresh_token", "id_token"] {
        members.remove(name);
    }
    if let Some(token) = members.remove("access_token") {
        let claims = token.as_str().map(token_claims).unwrap_or_default();
        let told = match claims.readable {
            true => {
                let tenant = claims.tenant_id.map(|id| id.to_string());
                json!({"roles": claims.roles, "tid": tenant, "upn": claims.user})
            }
            false => Json::Null,
        };
        members.insert("claims".to_owned(), told);
    }
    Json::Object(members).to_string().into_bytes()
}

/// Puts a token that says the same in the place of what was written for one.
fn with_token(body: &[u8]) -> Option<Vec<u8>> {
    let Json::Object(mut members) = serde_json::from_slice(body).ok()? else { return None };
    let token = match members.remove("claims")? {
        Json::Null => "recorded".to_owned(),
        claims => format!("e30.{}.recorded", URL_SAFE_NO_PAD.encode(claims.to_string())),
    };
    members.insert("access_token".to_owned(), token.into());
    Some(Json::Object(members).to_string().into_bytes())
}

/// Writes a failure.
pub(super) fn failure(error: &RestError) -> String {
    let mut text = format!("FAILED {}\n", kind(error));
    match error {
        RestError::Insecure { url } => {
            let _ = writeln!(text, "url: {url}");
        }
        RestError::ProxyCredentials { proxy } => {
            let _ = writeln!(text, "proxy: {proxy}");
        }
        RestError::TimedOut { host, after } => {
            let _ = write!(text, "host: {host}\nafter: {}\n", after.as_secs());
        }
        RestError::TooLarge { host, limit } => {
            let _ = write!(text, "host: {host}\nlimit: {limit}\n");
        }
        RestError::Unreachable { host, source }
        | RestError::Lost { host, source }
        | RestError::Untrusted { host, source } => {
            let _ = write!(text, "host: {host}\n\n{}", chain(&**source));
        }
        RestError::NotDemanded { host } => {
            let _ = writeln!(text, "host: {host}");
        }
    }
    text
}

/// What is told of a body that nobody wanted to its end.
const NOT_WANTED: &str = "dropped";

/// Nobody waited for the answer.
pub(super) const DROPPED: &str = "DROPPED\n";

const fn kind(error: &RestError) -> &'static str {
    match error {
        RestError::Insecure { .. } => "insecure",
        RestError::Unreachable { .. } => "unreachable",
        RestError::Lost { .. } => "lost",
        RestError::TimedOut { .. } => "timed-out",
        RestError::TooLarge { .. } => "too-large",
        RestError::Untrusted { .. } => "untrusted",
        RestError::NotDemanded { .. } => "not-demanded",
        RestError::ProxyCredentials { .. } => "proxy-credentials",
    }
}

/// What a text says came of a request.
pub(super) enum Told {
    Answer(RestAnswer),
    /// An answer whose body broke off; `None` when nobody wanted the rest.
    Broken(RestAnswer, Option<RestError>),
    Failure(RestError),
    Dropped,
}

/// Reads what came of a request. `None` when the text is nothing of that.
pub(super) fn read(text: &str) -> Option<Told> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let first = lines.next()?;
    let mut headers = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let value = |wanted: &str| {
        headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone())
    };
    if first == "DROPPED" {
        return Some(Told::Dropped);
    }
    let host = value("host").unwrap_or_default();
    if let Some(kind) = first.strip_prefix("FAILED ") {
        let source = || body.to_owned().into();
        return Some(Told::Failure(match kind {
            "insecure" => RestError::Insecure { url: value("url")? },
            "unreachable" => RestError::Unreachable { host, source: source() },
            "timed-out" => RestError::TimedOut {
                host,
                after: Duration::from_secs(value("after")?.parse().ok()?),
            },
            "too-large" => RestError::TooLarge { host, limit: value("limit")?.parse().ok()? },
            "untrusted" => RestError::Untrusted { host, source: source() },
            "not-demanded" => RestError::NotDemanded { host },
            "proxy-credentials" => RestError::ProxyCredentials { proxy: value("proxy")? },
            _ => RestError::Lost { host, source: source() },
        }));
    }
    let status = first.strip_prefix("HTTP/1.1 ")?.trim().parse().ok()?;
    let bytes = match value(FORM).as_deref() {
        Some("base64") => STANDARD.decode(body.trim()).ok()?,
        _ => body.as_bytes().to_vec(),
    };
    let mut answer = RestAnswer::new(status, with_token(&bytes).unwrap_or(bytes));
    let named = |name: &str| if name == REDIRECT { "location" } else { name }.to_owned();
    answer.headers = headers
        .iter()
        .filter(|(name, _)| !is_own(name))
        .map(|(name, value)| (named(name), value.clone()))
        .collect();
    let lost = || RestError::Lost {
        host: String::new(),
        source: "the connection was lost when this was recorded".into(),
    };
    Some(match value(BROKEN).as_deref() {
        None => Told::Answer(answer),
        Some(NOT_WANTED) => Told::Broken(answer, None),
        Some(_) => Told::Broken(answer, Some(lost())),
    })
}

fn is_own(name: &str) -> bool {
    [TIME, FORM, BROKEN].contains(&name)
}

/// Adds the time to a message, as its first header.
pub(super) fn timed(message: &str, time: Duration) -> String {
    let (first, rest) = message.split_once('\n').unwrap_or((message, ""));
    format!("{first}\n{TIME}: {:.6}\n{rest}", time.as_secs_f64())
}

/// Takes the time out of a message.
pub(super) fn untimed(message: &str) -> Option<(Duration, String)> {
    let (first, rest) = message.split_once('\n')?;
    let (line, rest) = rest.split_once('\n')?;
    let time = line.strip_prefix(TIME)?.strip_prefix(':')?.trim().parse().ok()?;
    Some((Duration::try_from_secs_f64(time).ok()?, format!("{first}\n{rest}")))
}
