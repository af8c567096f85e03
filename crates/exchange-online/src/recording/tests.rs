use std::sync::Arc;

use serde_json::json;
use url::Url;

use super::layout::indented;
use super::text::{Told, read};
use super::*;
use crate::rest::{Method, RestAnswer, RestError, RestExchange, RestFuture, RestRequest};

/// A service that answers by the last part of the path.
struct Service;

impl RestExchange for Service {
    fn send(&self, request: RestRequest) -> RestFuture<'_> {
        let claims =
            json!({"tid": "11111111-2222-3333-4444-555555555555", "roles": ["R"], "oid": "hidden"});
        let payload = base64::Engine::encode(
            &base64::engine::general_purpose::URL_SAFE_NO_PAD,
            claims.to_string(),
        );
        Box::pin(async move {
            let path = request.url.path().rsplit('/').next().unwrap_or_default().to_owned();
            match path.as_str() {
                "token" => {
                    let body = json!({"access_token": format!("e30.{payload}.t0psecret"), "expires_in": 5,
                        "refresh_token": "t0psecret"});
                    Ok(RestAnswer::new(200, body.to_string()))
                }
                "page" => {
                    Ok(RestAnswer::new(200, r#"{"value":[{"A":"x, {\"y\"}","B":[],"A":1}]}"#)
                        .header("Content-Type", "application/json")
                        .header("Set-Cookie", "Back=t0psecret; path=/")
                        .header("request-id", "never kept"))
                }
                "nul" => Ok(RestAnswer::new(403, vec![0; 4]).header("Content-Encoding", "gzip")),
                "html" => Ok(RestAnswer::new(503, "<html>\n<p>Busy</p>")),
                "slow" => {
                    Err(RestError::TimedOut { host: "h".to_owned(), after: Duration::from_secs(7) })
                }
                _ => std::future::pending().await,
            }
        })
    }
}

fn request(path: &str, id: &str, body: &str) -> RestRequest {
    let url = Url::parse(&format!("https://outlook.office365.com/{path}")).unwrap();
    let mut request = RestRequest::new(Method::Post, url);
    request.headers.push(("client-request-id", id.to_owned()));
    request.token = Some("t0psecret".into());
    request.body.extend_from_slice(body.as_bytes());
    request
}

const TOKEN: &str = "t/oauth2/v2.0/token";
const FORM: &str = "client_id=1&scope=a%2Fb&client_secret=t0psecret&password=t0psecret&client_assertion=t0psecret&grant_type=client_credentials";
const CREATE: &str = r#"{"CmdletInput":{"CmdletName":"New-Mailbox","Parameters":{"Name":"Ann","password":"t0psecret"}}}"#;

/// The requests of a session, and what became of them.
async fn talk(service: &impl RestExchange, ids: [&str; 2]) -> Vec<String> {
    let mut seen = Vec::new();
    for (path, id, body) in [
        (TOKEN, ids[0], FORM),
        ("a/page", ids[1], CREATE),
        ("a/page", ids[0], "{}"),
        ("a/nul", ids[0], ""),
        ("a/html", ids[0], ""),
        ("a/slow", ids[0], ""),
    ] {
        seen.push(match service.send(request(path, id, body)).await {
            Ok(answer) => format!("{} {:?}", answer.status, answer.body),
            Err(error) => error.to_string(),
        });
    }
    let never = service.send(request("a/never", ids[0], ""));
    tokio::time::timeout(Duration::from_millis(5), never).await.expect_err("there is no answer");
    seen
}

async fn recorded() -> RestRecording {
    let recorder = RestRecorder::new(Service);
    talk(&recorder, ["id-a", "id-b"]).await;
    assert!(!recorder.is_full());
    recorder.recording()
}

#[tokio::test]
async fn what_proves_who_somebody_is_is_not_recorded() {
    let recording = recorded().await;
    let text = format!("{recording:?}");
    for word in ["t0psecret", "hidden", "never kept", "id-a", "id-b"] {
        assert!(!text.contains(word), "{word} is in {text}");
    }
    let token = &recording.exchanges[0];
    assert!(token.request.ends_with("\n\nclient_id=1&grant_type=client_credentials&scope=a%2Fb\n"));
    assert!(
        token.answer.contains("\"tid\": \"11111111-2222-3333-4444-555555555555\""),
        "{}",
        token.answer
    );
    let create = &recording.exchanges[1];
    assert!(create.request.contains("client-request-id: uuid-2\n"), "{}", create.request);
    assert!(create.request.contains("\"password\": true"), "{}", create.request);
    assert!(create.answer.contains("set-cookie: Back=cookie-1; path=/\n"), "{}", create.answer);
    assert!(create.answer.contains("  \"A\": \"x, {\\\"y\\\"}\",\n"), "{}", create.answer);
    let times = recording.exchanges.windows(2);
    assert!(times.into_iter().all(|pair| pair[0].sent < pair[1].sent));
}

#[tokio::test]
async fn what_was_recorded_is_replayed() {
    let recording = recorded().await;
    let mut files = recording.to_files();
    assert_eq!(files.len(), 14);
    files.insert("settings.toml".to_owned(), Vec::new());
    let read = RestRecording::from_files(&mut files).expect("they are a recording");
    assert_eq!(files.len(), 1, "other files stay");
    let texts = |recording: &RestRecording| -> Vec<(String, String)> {
        let exchanges = recording.exchanges.iter();
        exchanges.map(|one| (one.request.clone(), one.answer.clone())).collect()
    };
    assert_eq!(texts(&read), texts(&recording));
    // Other ids, and another secret of the same name, are the same request.
    let replay = RestReplay::new(read);
    let now = talk(&replay, ["other-1", "other-2"]).await;
    assert_eq!(now[3], format!("403 {:?}", vec![0_u8; 4]));
    assert_eq!(now[4], format!("503 {:?}", b"<html>\n<p>Busy</p>"));
    assert_eq!(now[5], "h did not answer within 7 s");
    assert_eq!(replay.finish(), Ok(()));
}

#[tokio::test]
async fn the_token_says_what_the_recorded_one_said() {
    let replay = RestReplay::new(recorded().await);
    let answer = replay.send(request(TOKEN, "x", FORM)).await.unwrap();
    let token = crate::token::read_token(&answer).unwrap();
    assert_eq!(token.claims.roles, ["R"]);
    assert_eq!(token.claims.tenant_id, "11111111-2222-3333-4444-555555555555".parse().ok());
}

#[tokio::test]
async fn another_request_is_a_difference_and_so_is_a_missing_one() {
    let replay = RestReplay::new(recorded().await);
    replay.send(request(TOKEN, "x", FORM)).await.unwrap();
    let other = CREATE.replace("Ann", "Bob");
    replay.send(request("a/page", "y", &other)).await.unwrap_err();
    let difference = replay.finish().unwrap_err();
    assert_eq!(difference.number, 2);
    let texts = (difference.recorded.clone().unwrap(), difference.now.clone().unwrap());
    assert!(texts.0.contains("\"Ann\"") && texts.1.contains("\"Bob\""), "{difference:?}");
    assert!(difference.to_string().starts_with("request 2 is another: POST https://"));
    replay.send(request("a/page", "y", CREATE)).await.expect_err("it does not go on after that");

    let replay = RestReplay::new(recorded().await);
    let difference = replay.finish().unwrap_err();
    assert_eq!((difference.number, difference.now), (1, None));
    let replay = RestReplay::new(RestRecording::default());
    replay.send(request(TOKEN, "x", FORM)).await.unwrap_err();
    assert_eq!(replay.finish().unwrap_err().recorded, None);
}

#[tokio::test]
async fn a_change_that_is_meant_takes_the_place_of_what_was() {
    let replay = RestReplay::new(recorded().await).accepting_changes();
    replay.send(request(TOKEN, "x", FORM)).await.unwrap();
    let other = CREATE.replace("Ann", "Bob");
    let answer = replay.send(request("a/page", "y", &other)).await.unwrap();
    assert_eq!(answer.status, 200);
    let changed = replay.changed();
    assert_eq!(changed.keys().collect::<Vec<_>>(), [&1]);
    assert!(changed[&1].contains("\"Bob\"") && changed[&1].contains("client-request-id: uuid-2"));
    assert_eq!(replay.unused(), [2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn requests_of_the_same_time_may_change_places() {
    let exchange = |sent, answered, path: &str| RecordedRest {
        sent: Duration::from_millis(sent),
        answered: Duration::from_millis(answered),
        request: format!(
            "POST https://outlook.office365.com/{path} HTTP/1.1\nclient-request-id: uuid-1\n\n\n"
        ),
        answer: "HTTP/1.1 204\n\n".to_owned(),
    };
    let exchanges = vec![exchange(0, 10, "a"), exchange(5, 6, "b"), exchange(20, 30, "c")];
    let ask = async |order: [&str; 3]| {
        let replay = Arc::new(RestReplay::new(RestRecording { exchanges: exchanges.clone() }));
        for path in order {
            // What went wrong is told at the end.
            let _ = replay.send(request(path, "x", "")).await;
        }
        replay.finish().is_ok()
    };
    assert!(ask(["a", "b", "c"]).await && ask(["b", "a", "c"]).await);
    assert!(!ask(["a", "c", "b"]).await, "the third was sent after both had ended");
}

#[test]
fn bodies_that_broke_off_break_off_again() {
    let text = "HTTP/1.1 200\nrecorded-end: lost\n\n{\"value\":[";
    match read(text) {
        Some(Told::Broken(answer, Some(RestError::Lost { .. }))) => {
            assert_eq!(answer.body, b"{\"value\":[");
        }
        _ => panic!("it is an answer that broke off"),
    }
    let text = "HTTP/1.1 200\nrecorded-end: dropped\n\n<html>";
    assert!(matches!(read(text), Some(Told::Broken(answer, None)) if answer.body == b"<html>"));
    let text = "HTTP/1.1 302\nurl: https://h/\n\n";
    assert!(
        matches!(read(text), Some(Told::Answer(answer)) if answer.value("Location") == Some("https://h/"))
    );
    assert!(read("what is this").is_none());
}

#[test]
fn indenting_changes_nothing_but_white_space() {
    for json in [r#"{"a":[1,2,{"b":"c\\\"d:, "}],"e":{},"f":[ ]}"#, "[]", "1", r#""x""#] {
        let text = indented(json.as_bytes()).unwrap();
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&text), value(json));
        assert_eq!(indented(text.as_bytes()).unwrap(), text, "twice is the same");
    }
    assert_eq!(indented(b"{\"a\":"), None);
}
