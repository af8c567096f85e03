//! Lists of several pages.

use exchange_cmdlets::{CmdletCall, ErrorClass, Retry, TransportError};
use exchange_online::RestAnswer;
use secrecy::ExposeSecret as _;
use serde_json::{Value as Json, json};

use crate::script::{COMMAND, Script, all_mailboxes, cmdlet_error, row, run};

fn page(numbers: &[u128], link: Option<&str>) -> Json {
    let rows: Vec<_> = numbers.iter().map(|number| row(*number)).collect();
    let link = link.map(|link| format!("{COMMAND}?$skiptoken={link}"));
    json!({"value": rows, "@adminapi.warnings": [], "@odata.nextLink": link})
}

fn expired() -> Json {
    cmdlet_error(
        "Admin.OData.Core.ODataServiceException",
        "Expired or Invalid pagination request. Default Expiry time is 00:30:00",
    )
}

#[tokio::test]
async fn pages_are_asked_for_with_the_same_body_anchor_and_cookies() {
    let script = Script::new();
    let first = page(&[1, 2], Some("a")).to_string();
    let cookie = RestAnswer::new(200, first).header("Set-Cookie", "BackEnd=x; path=/");
    script.answer(cookie);
    script.json(200, &page(&[3], None));
    let outcome = run(&script.online(), all_mailboxes()).await;
    assert_eq!(
        (outcome.names, outcome.end.is_none()),
        (vec!["n1".into(), "n2".into(), "n3".into()], true)
    );
    let requests = script.requests();
    let [first, second] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(first.url.as_str(), format!("{COMMAND}?$select=Guid,Name"));
    assert_eq!(second.url.as_str(), format!("{COMMAND}?$skiptoken=a"));
    assert_eq!(first.body, second.body);
    let header = |request: &exchange_online::RestRequest, name: &str| {
        let found = request.headers.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.clone())
    };
    let anchor = "APP:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}@11111111-2222-3333-4444-555555555555";
    for request in [first, second] {
        assert_eq!(header(request, "X-AnchorMailbox").as_deref(), Some(anchor));
        assert_eq!(header(request, "X-CmdletName").as_deref(), Some("Get-Mailbox"));
        assert_eq!(header(request, "Prefer").as_deref(), Some("odata.maxpagesize=1000"));
    }
    assert_eq!(header(first, "client-request-id"), header(second, "client-request-id"));
    assert_eq!(header(first, "Cookie"), None);
    assert_eq!(header(second, "Cookie").as_deref(), Some("BackEnd=x"));
}

#[tokio::test]
async fn an_expired_page_begins_the_list_again_and_gives_nothing_twice() {
    let script = Script::new();
    script.json(200, &page(&[1, 2], Some("a")));
    script.json(400, &expired());
    script.json(200, &page(&[1, 4], Some("b")));
    script.json(200, &page(&[2, 3], None));
    let outcome = run(&script.online(), all_mailboxes()).await;
    assert_eq!(outcome.names, ["n1", "n2", "n4", "n3"]);
    assert!(outcome.end.is_none(), "{outcome:?}");
}

#[tokio::test]
async fn a_list_that_cannot_be_finished_ends_in_an_error() {
    let script = Script::new();
    for _ in 0..3 {
        script.json(200, &page(&[1], Some("a")));
        script.json(400, &expired());
    }
    let outcome = run(&script.online(), all_mailboxes()).await;
    assert_eq!(outcome.names, ["n1"]);
    let report = outcome.report();
    assert!(matches!(outcome.end, Some(TransportError::Protocol { .. })), "{report}");
    assert!(
        report.contains("begun again 2 times") && report.contains("Expired or Invalid"),
        "{report}"
    );
}

#[tokio::test]
async fn rows_without_a_guid_cannot_be_told_apart_so_the_list_is_not_begun_again() {
    let script = Script::new();
    let link = format!("{COMMAND}?$skiptoken=a");
    script.json(200, &json!({"value": [{"Name": "x"}], "@odata.nextLink": link}));
    script.json(400, &expired());
    let outcome = run(&script.online(), all_mailboxes()).await;
    assert!(outcome.report().contains("begun again 0 times"), "{outcome:?}");
}

#[tokio::test]
async fn a_guid_that_comes_twice_in_one_pass_is_not_hidden() {
    let script = Script::new();
    script.json(200, &page(&[1, 1], None));
    assert_eq!(run(&script.online(), all_mailboxes()).await.names, ["n1", "n1"]);
}

#[tokio::test]
async fn links_that_lead_astray_are_not_followed() {
    for (link, reason) in [
        (format!("{COMMAND}?$skiptoken=a"), "leads back to a page"),
        (
            "https://evil.example/x".to_owned(),
            "a link to https://evil.example, which is not the service",
        ),
        ("http://outlook.office365.com/x".to_owned(), "which is not the service"),
        ("https://[".to_owned(), "no address"),
    ] {
        let script = Script::new();
        script.json(200, &json!({"value": [row(1)], "@odata.nextLink": link}));
        if reason.contains("back") {
            script.json(200, &json!({"value": [row(2)], "@odata.nextLink": link}));
        }
        let sent = if reason.contains("back") { 2 } else { 1 };
        let outcome = run(&script.online(), all_mailboxes()).await;
        assert!(outcome.report().contains(reason), "{link}: {outcome:?}");
        let end = outcome.end.expect("it did not end well");
        assert_eq!((end.class(), end.retry()), (ErrorClass::Protocol, Retry::Never));
        assert_eq!(script.requests().len(), sent, "no token goes to {link}");
    }
}

#[tokio::test]
async fn a_look_up_of_a_few_follows_no_link() {
    let script = Script::new();
    script.json(200, &page(&[1], Some("a")));
    let call = CmdletCall::new("Get-Mailbox").parameter("ResultSize", "1");
    let outcome = run(&script.online(), call).await;
    assert!(outcome.end.is_none());
    assert_eq!(script.requests().len(), 1);
}

#[tokio::test]
async fn what_is_missing_without_a_link_is_told() {
    let script = Script::new();
    let more = "There are more results available than are currently displayed.";
    script.json(200, &json!({"value": [row(1)], "@adminapi.warnings": [more]}));
    assert_eq!(run(&script.online(), all_mailboxes()).await.warnings, [more]);
}

#[tokio::test]
async fn odd_pages_are_told_by_their_reason() {
    let check = async |answer: RestAnswer, reason: &str| {
        let script = Script::new();
        script.answer(answer);
        let outcome = run(&script.online(), all_mailboxes()).await;
        let told = format!("{}{:?}", outcome.report(), outcome.errors);
        assert!(told.contains(reason), "{told}");
    };
    let doubled = r#"{"value":[{"Guid":"a","Name":"Ann","Name":"Bob"}]}"#;
    check(RestAnswer::new(200, doubled), "carries Name twice").await;
    check(RestAnswer::new(200, r#"{"value":[1]}"#), "rows that are objects").await;
    check(RestAnswer::new(200, r#"{"value":[{"Name":"A"},"#), "one JSON object").await;
    let page = RestAnswer::new(200, "<html>").header("Content-Type", "text/html");
    check(page, "content of type application/json").await;
    let deep = format!("{{\"value\":[{{\"A\":{}1{}}}]}}", "[".repeat(100_000), "]".repeat(100_000));
    check(RestAnswer::new(200, deep), "a JSON object").await;
}

#[tokio::test]
async fn more_pages_than_allowed_end_the_list() {
    let script = Script::new();
    for number in 0..4_u32 {
        script.json(200, &page(&[u128::from(number) + 1], Some(&number.to_string())));
    }
    let options = crate::script::options().max_pages(2);
    let online = exchange_online::ExchangeOnline::over(options, script.clone());
    let outcome = run(&online, all_mailboxes()).await;
    assert!(outcome.report().contains("more than 2 pages"), "{outcome:?}");
    assert_eq!(outcome.names, ["n1", "n2", "n3"]);
}

#[tokio::test]
async fn a_token_that_ends_between_pages_is_renewed() {
    let script = Script::new();
    script.json(200, &page(&[1], Some("a")));
    script.answer(RestAnswer::new(401, ""));
    script.json(200, &page(&[2], None));
    let outcome = run(&script.online(), all_mailboxes()).await;
    assert_eq!(outcome.names, ["n1", "n2"]);
    assert!(outcome.end.is_none());
    let tokens: Vec<_> = script
        .requests()
        .iter()
        .map(|request| request.token.as_ref().unwrap().expose_secret().to_owned())
        .collect();
    assert!(tokens[0] == tokens[1] && tokens[1] != tokens[2], "{tokens:?}");
    assert_eq!(script.token_requests().len(), 2);
}

#[tokio::test]
async fn a_redirect_is_followed_by_hand_and_remembered() {
    let script = Script::new();
    let other = COMMAND.replace("outlook.", "eur01.outlook.").replace(".com/", ".com:446/");
    script
        .answer(RestAnswer::new(302, "").header("Location", &format!("{other}?$select=Guid,Name")));
    script.json(200, &page(&[1], None));
    script.json(200, &page(&[2], None));
    let online = script.online();
    assert_eq!(run(&online, all_mailboxes()).await.names, ["n1"]);
    assert_eq!(run(&online, all_mailboxes()).await.names, ["n2"]);
    let requests = script.requests();
    assert_eq!(requests[0].body, requests[1].body);
    let host = |number: usize| requests[number].url.host_str().unwrap();
    assert_eq!(host(1), "eur01.outlook.office365.com");
    assert_eq!((host(2), requests[2].url.port()), ("eur01.outlook.office365.com", None));
}

#[tokio::test]
async fn redirects_that_lead_astray_get_no_token() {
    let script = Script::new();
    script.answer(RestAnswer::new(302, "").header("Location", "https://evil.example/"));
    let outcome = run(&script.online(), all_mailboxes()).await;
    assert!(outcome.report().contains("evil.example"), "{outcome:?}");
    assert_eq!(script.requests().len(), 1);
    let script = Script::new();
    for _ in 0..9 {
        script.answer(RestAnswer::new(307, "").header("Location", COMMAND));
    }
    let outcome = run(&script.online(), all_mailboxes()).await;
    assert!(outcome.report().contains("redirected the request 9 times"), "{outcome:?}");
}

#[tokio::test]
async fn a_page_without_a_list_of_rows_is_not_the_end() {
    for body in ["", "{}", r#"{"value":null}"#, r#"{"Value":[]}"#] {
        let script = Script::new();
        script.json(200, &page(&[1], Some("a")));
        script.answer(RestAnswer::new(200, body).header("Content-Type", "application/json"));
        let outcome = run(&script.online(), all_mailboxes()).await;
        assert!(outcome.report().contains("a list of rows under `value`"), "{body}: {outcome:?}");
    }
    let script = Script::new();
    script.json(200, &page(&[1], Some("a")));
    script.answer(RestAnswer::new(204, ""));
    let outcome = run(&script.online(), all_mailboxes()).await;
    assert!(outcome.report().contains("a list of rows under `value`"), "{outcome:?}");
    script.json(200, &json!({}));
    let sized = CmdletCall::new("Get-Mailbox").parameter("ResultSize", "2");
    let outcome = run(&script.online(), sized).await;
    assert!(outcome.report().contains("a list of rows under `value`"), "{outcome:?}");
}

#[tokio::test]
async fn a_write_may_answer_nothing() {
    for answer in [RestAnswer::new(204, ""), RestAnswer::new(200, ""), RestAnswer::new(200, "{}")] {
        let script = Script::new();
        script.answer(answer);
        let call = CmdletCall::new("Set-Mailbox").parameter("Identity", "a@contoso.com");
        let outcome = run(&script.online(), call).await;
        assert!(outcome.end.is_none(), "{outcome:?}");
    }
}

/// Without end there are only pages that show the same again, each with a link of its own.
#[tokio::test(start_paused = true)]
async fn pages_that_show_nothing_new_are_given_up() {
    let script = Script::new();
    for number in 0..200 {
        let link = format!("a{number}");
        script.json(200, &page(&[1; 1000], Some(&link)));
    }
    let outcome = run(&script.online(), all_mailboxes()).await;
    assert!(matches!(outcome.end, Some(TransportError::Flooded { .. })), "{:?}", outcome.end);
}
