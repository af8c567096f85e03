use exchange_cmdlets::{ErrorClass, Retry, TransportError};

use super::{Answer, AnswerError};
use crate::rest::RestAnswer;

fn fail(status: u16, body: &[u8]) -> AnswerError {
    Answer::parse(status, body).expect_err("the answer is a bad one")
}

#[track_caller]
fn check(status: u16, body: &[u8], class: ErrorClass, retry: Retry) {
    let error = fail(status, body);
    assert_eq!((error.class(), error.retry()), (class, retry), "{error}");
}

#[test]
fn no_output_is_a_good_answer() {
    for (status, body) in [(200, &b"{\"value\":[]}"[..]), (204, b""), (200, b" \r\n"), (200, b"{}")]
    {
        let answer = Answer::parse(status, body).unwrap();
        assert_eq!((answer.rows.len(), answer.warnings.len(), answer.next_link), (0, 0, None));
    }
}

#[test]
fn what_reads_has_a_list_of_rows() {
    assert!(Answer::parse(200, b"{\"value\":[]}").unwrap().of_read().is_ok());
    for body in ["", "{}", r#"{"value":null}"#, r#"{"Value":[]}"#] {
        let error = Answer::parse(200, body.as_bytes()).unwrap().of_read().unwrap_err();
        assert!(error.to_string().contains("under `value`"), "{body}: {error}");
    }
}

#[test]
fn what_is_no_text_counts_all_the_same() {
    for link in ["5", "[\"x\"]", "{}", "true"] {
        let body = format!(r#"{{"value":[],"@odata.nextLink":{link}}}"#);
        assert!(matches!(fail(200, body.as_bytes()), AnswerError::Malformed { .. }), "{link}");
    }
    let more = "There are more results available than are currently displayed.";
    for warnings in [format!("{more:?}"), format!("[{{\"Message\":{more:?}}}]")] {
        let body = format!(r#"{{"value":[],"@adminapi.warnings":{warnings}}}"#);
        assert!(Answer::parse(200, body.as_bytes()).unwrap().is_truncated(), "{warnings}");
    }
    for errors in [r#""error":"it broke""#, r#""@adminapi.errors":"it broke""#] {
        let error = fail(200, format!(r#"{{"value":[],{errors}}}"#).as_bytes());
        assert_eq!(error.to_string(), "it broke");
    }
    for none in [r#""error":null"#, r#""@adminapi.errors":[]"#, r#""@adminapi.errors":null"#] {
        assert!(Answer::parse(200, format!(r#"{{"value":[],{none}}}"#).as_bytes()).is_ok());
    }
}

#[test]
fn nothing_follows_a_good_answer() {
    for body in [r#"{"value":[]}}"#, r#"{"value":[]}{"value":[]}"#, r#"{"value":[]}x"#] {
        assert!(matches!(fail(200, body.as_bytes()), AnswerError::Malformed { .. }), "{body}");
    }
    assert!(Answer::parse(200, b"{\"value\":[]} \r\n").is_ok());
}

#[test]
fn a_warning_of_more_counts_without_a_link_only() {
    let more = "There are more results available than are currently displayed.";
    let link = "https://outlook.office365.com/x?$skiptoken=1";
    let body =
        format!(r#"{{"@adminapi.warnings":["{more}","w"],"@odata.nextLink":"{link}","value":[]}}"#);
    let answer = Answer::parse(200, body.as_bytes()).unwrap();
    assert_eq!(
        (answer.is_truncated(), answer.warnings, answer.next_link.as_deref()),
        (false, vec!["w".to_owned()], Some(link))
    );
    let body = format!(r#"{{"adminapi.warnings":["{more}"],"@odata.nextLink":" ","value":[]}}"#);
    let answer = Answer::parse(200, body.as_bytes()).unwrap();
    assert_eq!((answer.is_truncated(), answer.next_link), (true, None));
}

#[test]
fn of_duplicate_members_the_last_counts() {
    let answer = Answer::parse(200, br#"{"value":[{"A":1,"A":2,"B":[1],"B":[1]}]}"#).unwrap();
    assert_eq!(answer.rows[0].property("A").and_then(clixml::Value::as_i64), Some(2));
    let expected = "the row \"\" carries A twice, with different values";
    assert_eq!(answer.faults, [expected], "and it is told, unless both say the same");
    let answer = Answer::parse(200, br#"{"value":[{"Guid":"a","GUID":"b"}]}"#).unwrap();
    assert_eq!(answer.faults.len(), 1, "names differ in more than case");
    for body in [r#"{"value":[],"value":[]}"#, r#"{"@odata.nextLink":"a","@odata.nextLink":"b"}"#] {
        let error = fail(200, body.as_bytes());
        assert!(matches!(error, AnswerError::Malformed { .. }), "{body}");
    }
}

#[test]
fn a_good_answer_has_to_be_json() {
    let page = RestAnswer::new(200, "{}").header("Content-Type", "text/html");
    assert!(matches!(Answer::read(&page), Err(AnswerError::Malformed { .. })));
    let json = RestAnswer::new(200, "{}").header("content-type", "application/JSON; charset=utf-8");
    assert!(Answer::read(&json).is_ok());
    let named = RestAnswer::new(400, r#"{"error":{"message":"m"}}"#)
        .header("X-ExceptionType", "A.B.ServerBusyException");
    let error = Answer::read(&named).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient, "a header names the exception");
}

#[test]
fn the_status_speaks_when_the_body_does_not() {
    check(401, b"", ErrorClass::Denied, Retry::Never);
    check(403, &[0; 64], ErrorClass::Denied, Retry::Never);
    check(404, b"<html>", ErrorClass::NotFound, Retry::Never);
    check(405, b"", ErrorClass::Invalid, Retry::Never);
    check(429, b"slow down", ErrorClass::Throttled, Retry::Later);
    check(503, b"<html>Service Unavailable</html>", ErrorClass::Transient, Retry::AfterCheck);
    check(302, b"", ErrorClass::Protocol, Retry::AfterCheck);
    check(200, b"<html>", ErrorClass::Protocol, Retry::AfterCheck);
    check(200, b"[]", ErrorClass::Protocol, Retry::AfterCheck);
    check(200, b"{\"value\":7}", ErrorClass::Protocol, Retry::AfterCheck);
    let text = b"You have reached the maximum number of concurrent requests per tenant. Please wait and try again";
    check(400, text, ErrorClass::Throttled, Retry::Later);
    assert_eq!(fail(403, &[0; 64]).to_string(), "the service answered with status 403: \"\"");
}

#[test]
fn an_error_in_a_good_answer_is_an_error() {
    let error =
        fail(200, br#"{"value":[],"@adminapi.errors":["it failed"],"@adminapi.warnings":["w"]}"#);
    assert_eq!(error.to_string(), "it failed");
    assert!(
        matches!(error, AnswerError::Cmdlet { status: 200, warnings, .. } if warnings == ["w"])
    );
    assert!(Answer::parse(200, br#"{"value":[],"@adminapi.errors":[]}"#).is_ok());
}

#[test]
fn errors_become_those_of_every_transport() {
    let body = br#"{"error":{"message":"m","details":[{"message":"|A.ProxyAddressExistsException|taken"}]}}"#;
    let error = TransportError::from(fail(400, body));
    assert_eq!(
        (error.class(), error.record().unwrap().message.as_str()),
        (ErrorClass::Conflict, "taken")
    );
    assert!(matches!(TransportError::from(fail(403, b"")), TransportError::Denied { .. }));
    assert!(matches!(
        TransportError::from(fail(429, b"")),
        TransportError::Throttled { wait: None, .. }
    ));
    let gone =
        fail(404, br#"{"error":{"code":"NotFound","message":"An server side error occured."}}"#);
    assert_eq!(TransportError::from(gone).class(), ErrorClass::NotFound);
    let lost = TransportError::from(fail(503, b""));
    assert_eq!((lost.class(), lost.retry()), (ErrorClass::Ambiguous, Retry::AfterCheck));
}
