//! Lists of mailboxes as typed rows.

use std::sync::Arc;

use exchange_cmdlets::{CmdletCall, ErrorClass};
use exchange_online::{ExchangeOnline, Method, RestAnswer, RestRequest};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::script::{Outcome, Script, all_mailboxes, cmdlet_error, options, row, run};

const MAILBOXES: &str =
    "https://outlook.office365.com/adminapi/beta/11111111-2222-3333-4444-555555555555/Mailbox";

fn online(script: &Arc<Script>) -> ExchangeOnline {
    ExchangeOnline::over(options().typed_reads(true), Arc::clone(script) as _)
}

async fn list(script: &Arc<Script>) -> Outcome {
    run(&online(script), all_mailboxes()).await
}

fn typed(number: u128) -> Json {
    json!({"ObjectKey": "k", "Guid": Uuid::from_u128(number).to_string(), "Name": format!("n{number}")})
}

fn page(numbers: &[u128], link: Option<&str>) -> Json {
    let rows: Vec<_> = numbers.iter().map(|number| typed(*number)).collect();
    let link = link.map(|link| format!("{MAILBOXES}?$skiptoken={link}"));
    json!({"value": rows, "@odata.nextLink": link})
}

/// Everything there is, by `InvokeCommand`.
fn whole(numbers: &[u128]) -> Json {
    json!({"value": numbers.iter().map(|number| row(*number)).collect::<Vec<_>>()})
}

fn ways(script: &Script) -> Vec<Method> {
    script.requests().iter().map(|request| request.method).collect()
}

fn expired() -> Json {
    cmdlet_error(
        "Admin.OData.Core.ODataServiceException",
        "Expired or Invalid pagination request. Default Expiry time is 00:30:00",
    )
}

#[tokio::test]
async fn pages_are_asked_for_by_get_with_the_same_anchor_and_cookies() {
    let script = Script::new();
    let first = page(&[1, 2], Some("a")).to_string();
    script.answer(
        RestAnswer::new(200, first)
            .header("Content-Type", "application/json")
            .header("Set-Cookie", "BackEnd=x; path=/"),
    );
    script.json(200, &page(&[3], None));
    let outcome = list(&script).await;
    assert_eq!(outcome.names, ["n1", "n2", "n3"]);
    assert!(outcome.end.is_none(), "{}", outcome.report());
    let requests = script.requests();
    let [first, second] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(first.url.as_str(), format!("{MAILBOXES}?$select=Guid,Name"));
    assert_eq!(second.url.as_str(), format!("{MAILBOXES}?$skiptoken=a"));
    let header = |request: &RestRequest, name: &str| {
        let found = request.headers.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.clone())
    };
    let anchor = "APP:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}@11111111-2222-3333-4444-555555555555";
    for request in [first, second] {
        assert_eq!((request.method, request.body.len()), (Method::Get, 0));
        assert_eq!(header(request, "X-AnchorMailbox").as_deref(), Some(anchor));
        assert_eq!(header(request, "Prefer").as_deref(), Some("odata.maxpagesize=1000"));
        assert!(request.token.is_some());
    }
    assert_eq!(header(first, "client-request-id"), header(second, "client-request-id"));
    assert_eq!(header(second, "Cookie").as_deref(), Some("BackEnd=x"));
}

#[tokio::test]
async fn lists_that_might_come_out_otherwise_go_by_post() {
    for call in [
        all_mailboxes().select(["Guid", "RetentionPolicy"]),
        all_mailboxes().parameter("Filter", "Alias -like 'a*'"),
        CmdletCall::new("Get-User").parameter("ResultSize", "Unlimited").select(["Guid", "Name"]),
        CmdletCall::new("Get-Mailbox").parameter("ResultSize", "Unlimited"),
    ] {
        let script = Script::new();
        script.json(200, &whole(&[1]));
        assert_eq!(run(&online(&script), call).await.names, ["n1"]);
        assert_eq!(ways(&script), [Method::Post]);
    }
    let script = Script::new();
    script.json(200, &whole(&[1]));
    assert_eq!(run(&script.online(), all_mailboxes()).await.names, ["n1"], "it was not allowed");
    assert_eq!(ways(&script), [Method::Post]);
}

#[tokio::test]
async fn a_service_without_typed_rows_is_asked_by_post_from_then_on() {
    for (status, body) in [
        (
            404,
            json!({"error": {"code": "NotFound", "message": "Resource not found for the segment 'Mailbox'."}}),
        ),
        (
            400,
            json!({"error": {"code": "BadRequest", "message": "The query specified in the URI is not valid."}}),
        ),
        (405, json!({})),
        (403, json!({})),
    ] {
        let script = Script::new();
        script.json(status, &body);
        script.json(200, &whole(&[1, 2]));
        script.json(200, &whole(&[3]));
        let online = online(&script);
        assert_eq!(run(&online, all_mailboxes()).await.names, ["n1", "n2"], "{status}");
        assert_eq!(run(&online, all_mailboxes()).await.names, ["n3"], "{status}");
        assert_eq!(ways(&script), [Method::Get, Method::Post, Method::Post], "{status}");
    }
}

#[tokio::test]
async fn a_row_in_another_form_sends_the_rest_the_other_way_and_gives_nothing_twice() {
    for odd in [
        json!({"Guid": Uuid::from_u128(3).to_string()}),
        json!({"Guid": null, "Name": "n3"}),
        json!({"Guid": Uuid::from_u128(3).to_string(), "Name": 3}),
        json!("no row"),
    ] {
        let script = Script::new();
        script.json(200, &page(&[1, 2], Some("a")));
        script.json(200, &json!({"value": [odd]}));
        script.json(200, &whole(&[1, 2, 3, 4]));
        let outcome = list(&script).await;
        assert_eq!(outcome.names, ["n1", "n2", "n3", "n4"], "{odd}");
        assert!(outcome.end.is_none(), "{odd}: {}", outcome.report());
        assert_eq!(ways(&script), [Method::Get, Method::Get, Method::Post], "{odd}");
    }
}

#[tokio::test]
async fn an_expired_page_begins_the_list_again_the_same_way() {
    let script = Script::new();
    script.json(200, &page(&[1, 2], Some("a")));
    script.json(400, &expired());
    script.json(200, &page(&[1, 4], Some("b")));
    script.json(200, &page(&[2, 3], None));
    let outcome = list(&script).await;
    assert_eq!(outcome.names, ["n1", "n2", "n4", "n3"]);
    assert!(outcome.end.is_none(), "{}", outcome.report());
    assert_eq!(ways(&script), [Method::Get; 4]);

    let script = Script::new();
    for _ in 0..3 {
        script.json(200, &page(&[1], Some("a")));
        script.json(404, &json!({}));
    }
    let outcome = list(&script).await;
    assert!(outcome.report().contains("begun again 2 times"), "{}", outcome.report());
}

#[tokio::test]
async fn nothing_is_believed_only_when_both_ways_say_so() {
    let script = Script::new();
    script.json(200, &page(&[], None));
    script.json(200, &whole(&[1]));
    assert_eq!(list(&script).await.names, ["n1"]);
    assert_eq!(ways(&script), [Method::Get, Method::Post]);
    let script = Script::new();
    script.json(200, &page(&[], None));
    script.json(200, &whole(&[]));
    let outcome = list(&script).await;
    assert!(outcome.names.is_empty() && outcome.end.is_none());
}

#[tokio::test]
async fn links_that_lead_astray_are_not_followed() {
    for (link, reason) in [
        (format!("{MAILBOXES}?$skiptoken=a"), "leads back to a page"),
        ("https://evil.example/x".to_owned(), "which is not the service"),
    ] {
        let script = Script::new();
        script.json(200, &json!({"value": [typed(1)], "@odata.nextLink": link}));
        script.json(200, &json!({"value": [typed(2)], "@odata.nextLink": link}));
        let outcome = list(&script).await;
        assert!(outcome.report().contains(reason), "{link}: {}", outcome.report());
        assert!(
            script.requests().iter().all(|request| request.url.as_str().starts_with(MAILBOXES))
        );
    }
}

#[tokio::test]
async fn a_guid_that_comes_twice_in_one_pass_is_not_hidden() {
    let script = Script::new();
    script.json(200, &page(&[1], Some("a")));
    script.json(200, &page(&[1, 2], None));
    assert_eq!(list(&script).await.names, ["n1", "n1", "n2"]);
}

#[tokio::test]
async fn who_may_read_neither_way_is_told_of_the_role() {
    let script = Script::new();
    for _ in 0..2 {
        script.answer(RestAnswer::new(403, vec![0; 64]));
    }
    let outcome = list(&script).await;
    assert_eq!(ways(&script), [Method::Get, Method::Post]);
    assert!(outcome.report().contains("lets it run Get-Mailbox"), "{}", outcome.report());
    assert_eq!(outcome.end.expect("it did not end well").class(), ErrorClass::Denied);
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_waited_for_and_what_does_not_is_told() {
    let script = Script::new();
    script.answer(RestAnswer::new(503, "<html></html>").header("Content-Type", "text/html"));
    script.answer(RestAnswer::new(429, "").header("Retry-After", "1"));
    script.answer(RestAnswer::new(401, ""));
    script.json(200, &page(&[1], None));
    let outcome = list(&script).await;
    assert_eq!(outcome.names, ["n1"], "{}", outcome.report());
    assert_eq!(ways(&script), [Method::Get; 4]);
    assert_eq!(script.token_requests().len(), 2, "a new token was asked for");

    let script = Script::new();
    script.answer(RestAnswer::new(401, ""));
    script.answer(RestAnswer::new(401, ""));
    let end = list(&script).await.end.expect("it did not end well");
    assert_eq!(end.class(), ErrorClass::Denied);
    assert_eq!(ways(&script), [Method::Get; 2]);
}
