//! What goes wrong, with its class, whether to try again, and the remedy.

use std::sync::Arc;
use std::time::Duration;

use exchange_cmdlets::{CmdletCall, ErrorClass, Retry, TransportError};
use exchange_online::{
    ExchangeOnline, OnlineError, RestAnswer, RestError, RestExchange, RestFuture, RestRequest,
};
use secrecy::ExposeSecret as _;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::script::{
    Outcome, Script, TENANT, all_mailboxes, cmdlet_error, options, row, run, token,
};

#[track_caller]
fn check(outcome: &Outcome, class: ErrorClass, retry: Retry, reason: &str, remedy: Option<&str>) {
    let report = outcome.report();
    let error = outcome.end.as_ref().unwrap_or_else(|| panic!("{outcome:?} ended well"));
    assert_eq!((error.class(), error.retry()), (class, retry), "{report}");
    assert!(report.contains(reason), "{report}");
    let source = std::error::Error::source(error);
    let online = source.and_then(|source| source.downcast_ref::<OnlineError>());
    let found = online.and_then(OnlineError::remedy);
    match remedy {
        None => assert_eq!(found, None, "{report}"),
        Some(remedy) => assert!(found.is_some_and(|found| found.contains(remedy)), "{found:?}"),
    }
}

fn new_mailbox() -> CmdletCall {
    CmdletCall::new("New-Mailbox").parameter("Name", "Ann").switch("Shared", true)
}

fn refusal(code: u64) -> RestAnswer {
    let body = json!({"error": "invalid_client", "error_codes": [code],
        "error_description": format!("AADSTS{code}: No.\r\nTrace ID: x"), "trace_id": "x"});
    RestAnswer::new(401, body.to_string())
}

#[tokio::test]
async fn sign_in_is_refused_once_and_for_all() {
    for (code, remedy) in [
        (90_002, "correct organization"),
        (700_016, "correct application_id"),
        (700_027, "upload the certificate"),
        (7_000_215, "new secret"),
    ] {
        let script = Script::new();
        script.token(refusal(code));
        let online = script.online();
        for _ in 0..2 {
            let outcome = run(&online, all_mailboxes()).await;
            let reason = format!("AADSTS{code}: No. (status 401, invalid_client, trace x)");
            check(&outcome, ErrorClass::Denied, Retry::Never, &reason, Some(remedy));
        }
        assert_eq!(script.token_requests().len(), 1, "a refused account is not tried again");
        assert!(script.requests().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_token_service_is_asked_again() {
    let script = Script::new();
    script.token(RestAnswer::new(429, "").header("Retry-After", "20"));
    script.token(RestAnswer::new(503, "<html>"));
    script.json(200, &json!({"value": [row(1)]}));
    let start = tokio::time::Instant::now();
    assert_eq!(run(&script.online(), all_mailboxes()).await.names, ["n1"]);
    assert_eq!(start.elapsed().as_secs(), 24);
}

#[tokio::test]
async fn the_missing_half_of_the_permission_is_named() {
    let check_roles = async |roles: Json, status: u16, reason: &str, remedy: &str| {
        let script = Script::new();
        for number in 0..2 {
            script.token(token(&json!({"tid": TENANT, "roles": roles}), number));
            script.answer(RestAnswer::new(status, vec![0; 64]).header("Content-Encoding", "gzip"));
        }
        let outcome = run(&script.online(), all_mailboxes()).await;
        check(&outcome, ErrorClass::Denied, Retry::Never, reason, Some(remedy));
    };
    let permission = "lacks the application permission Exchange.ManageAsApp";
    let add = "add the application permission Exchange.ManageAsApp";
    check_roles(json!([]), 401, &format!("status 401: the token {permission}"), add).await;
    check_roles(json!([]), 403, &format!("status 403: the token {permission}"), add).await;
    let other = json!(["Exchange.ManageAsAppV2"]);
    check_roles(other, 403, "ManageAsAppV2", "without V2").await;
    let both = json!(["Exchange.ManageAsApp"]);
    let role = "status 403: no role that was given to this account lets it run Get-Mailbox";
    check_roles(both.clone(), 403, role, "Exchange Recipient Administrator").await;
    let refused = "status 401: the service does not take the token";
    check_roles(both, 401, refused, "cloud.scope").await;
}

#[tokio::test]
async fn a_challenge_goes_to_the_token_service() {
    let script = Script::new();
    let challenge = "Bearer error=\"insufficient_claims\", claims=\"eyJhIjoxfQ==\"";
    script.answer(RestAnswer::new(401, "").header("WWW-Authenticate", challenge));
    script.json(200, &json!({"value": [row(1)]}));
    assert_eq!(run(&script.online(), all_mailboxes()).await.names, ["n1"]);
    let requests = script.token_requests();
    let body = String::from_utf8(requests[1].body.to_vec()).unwrap();
    assert!(body.ends_with("&claims=%7B%22a%22%3A1%7D"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn throttling_is_waited_out_as_asked() {
    let text = "You have reached the maximum number of concurrent requests per tenant. Please wait and try again";
    let script = Script::new();
    script.answer(RestAnswer::new(429, text).header("Retry-After", "7"));
    script.answer(RestAnswer::new(400, text).header("Retry-After", "5"));
    script.json(200, &json!({"value": [row(1)]}));
    let start = tokio::time::Instant::now();
    assert_eq!(run(&script.online(), new_mailbox()).await.names, ["n1"], "also for a write");
    assert_eq!(start.elapsed().as_secs(), 12);
}

#[tokio::test(start_paused = true)]
async fn throttling_without_end_is_told_with_its_wait() {
    let script = Script::new();
    for _ in 0..6 {
        script.answer(RestAnswer::new(429, "").header("Retry-After", "30"));
    }
    let outcome = run(&script.online(), all_mailboxes()).await;
    let remedy = Some("lower endpoint.max_sessions");
    check(&outcome, ErrorClass::Throttled, Retry::Later, "status 429", remedy);
    let wait = Some(Duration::from_secs(30));
    assert!(
        matches!(outcome.end, Some(TransportError::Throttled { wait: found, .. }) if found == wait)
    );
    let script = Script::new();
    script.answer(RestAnswer::new(429, "").header("Retry-After", "86400"));
    let outcome = run(&script.online(), all_mailboxes()).await;
    check(&outcome, ErrorClass::Throttled, Retry::Later, "status 429", remedy);
}

#[tokio::test(start_paused = true)]
async fn reads_are_repeated_and_creations_are_not() {
    let lost = || RestError::Lost { host: "h".to_owned(), source: "reset".into() };
    let script = Script::new();
    script.answer(RestAnswer::new(503, "<html>"));
    script.fail(lost());
    script.json(400, &cmdlet_error("ServerBusyException", "busy"));
    script.json(200, &json!({"value": [row(1)]}));
    assert_eq!(run(&script.online(), all_mailboxes()).await.names, ["n1"]);

    let script = Script::new();
    script.fail(lost());
    let outcome = run(&script.online(), new_mailbox()).await;
    check(&outcome, ErrorClass::Ambiguous, Retry::AfterCheck, "the connection to h was lost", None);
    assert_eq!(script.requests().len(), 1, "it may have happened");

    let script = Script::new();
    script.answer(RestAnswer::new(503, "<html>"));
    let outcome = run(&script.online(), new_mailbox()).await;
    assert_eq!(outcome.end.map(|end| end.class()), Some(ErrorClass::Ambiguous));
    assert_eq!(script.requests().len(), 1);

    let script = Script::new();
    script.answer(RestAnswer::new(503, "<html>"));
    script.json(200, &json!({"value": []}));
    let call =
        CmdletCall::new("Set-Mailbox").parameter("Identity", "a@b.c").parameter("Alias", "a");
    assert!(run(&script.online(), call).await.end.is_none(), "full values can be set again");

    let script = Script::new();
    script.fail(RestError::Unreachable { host: "h".to_owned(), source: "refused".into() });
    script.json(200, &json!({"value": [row(1)]}));
    assert_eq!(run(&script.online(), new_mailbox()).await.names, ["n1"], "nothing was sent");
}

#[tokio::test(start_paused = true)]
async fn a_call_without_progress_is_given_up() {
    let script = Script::new();
    for _ in 0..6 {
        script.answer(RestAnswer::new(503, ""));
    }
    let options = options().stall_timeout(Duration::from_secs(10));
    let online = ExchangeOnline::over(options, script.clone());
    let start = tokio::time::Instant::now();
    let outcome = run(&online, all_mailboxes()).await;
    assert!(outcome.end.is_some() && start.elapsed() <= Duration::from_secs(10), "{outcome:?}");
    assert!(script.requests().len() < 4);
}

#[tokio::test]
async fn a_refused_password_key_is_fetched_anew_once() {
    let key = |name: &str| {
        let modulus: String = name.chars().cycle().take(341).collect();
        let modulus = format!("{modulus}w==");
        let xml = format!(
            "<RSAKeyValue><Modulus>{modulus}</Modulus><Exponent>AQAB</Exponent></RSAKeyValue>"
        );
        json!({"value": [{"fileName": "a.psm1", "fileContent": xml}]})
    };
    let script = Script::new();
    script.json(200, &key("zyxw"));
    script.json(400, &cmdlet_error("TaskException", "The Password could not be read."));
    script.json(200, &key("zzzz"));
    script.json(200, &json!({"value": [row(1)]}));
    let call = CmdletCall::new("New-Mailbox")
        .parameter("Name", "Ann")
        .secret("Password", "hunter2".into());
    let outcome = run(&script.online(), call).await;
    assert_eq!(outcome.names, ["n1"], "{outcome:?}");
    let requests = script.requests();
    assert!(requests[0].url.path().ends_with("/EXOModuleFile"));
    for request in &requests {
        assert!(!String::from_utf8_lossy(&request.body).contains("hunter2"));
    }
    assert_ne!(requests[1].body, requests[3].body);
}

#[tokio::test]
async fn a_misrouted_write_is_routed_by_its_mailbox() {
    let script = Script::new();
    script.json(400, &cmdlet_error("CmdletProxyNotAvailableException", "Cmdlet needs proxy"));
    script.json(200, &json!({"value": [{"Guid": "x", "UserPrincipalName": "ann@contoso.com"}]}));
    script.json(200, &json!({"value": []}));
    let id = Uuid::from_u128(7);
    let call = CmdletCall::new("Set-CASMailbox")
        .parameter("Identity", id.to_string())
        .parameter("OWAEnabled", false);
    let outcome = run(&script.online(), call).await;
    assert!(outcome.end.is_none(), "{outcome:?}");
    let requests = script.requests();
    let anchor = requests[2].headers.iter().find(|(name, _)| *name == "X-AnchorMailbox");
    assert_eq!(anchor.map(|(_, value)| value.as_str()), Some("UPN:ann@contoso.com"));
}

#[tokio::test]
async fn what_the_service_does_not_have_is_refused_here() {
    let script = Script::new();
    let call = CmdletCall::new("Get-Mailbox").parameter("DomainController", "dc01");
    let outcome = run(&script.online(), call).await;
    assert!(
        matches!(outcome.end, Some(TransportError::Unsupported { parameter, .. }) if parameter == "DomainController")
    );
    assert!(script.requests().is_empty());
}

#[tokio::test]
async fn visible_cmdlets_come_from_the_services_own_list() {
    let script = Script::new();
    script.json(
        200,
        &json!({"value": [{"fileName": "a", "exportedCmdlets": ["Get-Mailbox", "Set-Mailbox"]}]}),
    );
    let call = CmdletCall::new("Get-Command").parameter("Name", "Get-Mailbox");
    assert_eq!(run(&script.online(), call).await.names, ["Get-Mailbox"]);
    let request = &script.requests()[0];
    assert_eq!(request.url.query(), Some("Version=3.10.1"));
    assert!(request.headers.contains(&("CommandName", "Get-Mailbox".to_owned())));
}

#[tokio::test]
async fn a_password_signs_in_through_the_public_client() {
    use exchange_online::{Credential, ExchangeOnline, OnlineOptions};
    let script = Script::new();
    script.json(200, &json!({"value": []}));
    let credential = Credential::password("ann@contoso.com", "p w".into(), None);
    let options = OnlineOptions::new("contoso.onmicrosoft.com", credential);
    let online = ExchangeOnline::over(options, script.clone());
    run(&online, all_mailboxes()).await;
    let request = &script.requests()[0];
    assert!(request.headers.contains(&("X-AnchorMailbox", "UPN:ann@contoso.com".to_owned())));
    let body = String::from_utf8(script.token_requests()[0].body.to_vec()).unwrap();
    assert!(body.contains("client_id=fb78d390-0c51-40cd-8e17-fdbfab77341b"), "{body}");
    assert!(request.token.as_ref().unwrap().expose_secret().starts_with("e30."));
}

#[tokio::test(start_paused = true)]
async fn without_the_key_for_passwords_nothing_was_sent() {
    let secret = || {
        CmdletCall::new("New-Mailbox")
            .parameter("Name", "Ann")
            .secret("Password", "Str0ng-enough!".into())
    };
    let not_found = RestAnswer::new(404, "");
    let page = RestAnswer::new(200, "<html>").header("Content-Type", "text/html");
    for (answer, reason) in [(not_found, "status 404"), (page, "module file could not be read")] {
        let script = Script::new();
        script.answer(answer);
        let outcome = run(&script.online(), secret()).await;
        let report = outcome.report();
        assert!(matches!(outcome.end, Some(TransportError::Refused { .. })), "{report}");
        assert!(report.contains("nothing was sent") && report.contains(reason), "{report}");
        assert_eq!(script.requests().len(), 1);
    }
    let script = Script::new();
    for _ in 0..6 {
        script.answer(RestAnswer::new(503, ""));
    }
    let outcome = run(&script.online(), secret()).await;
    check(&outcome, ErrorClass::Transient, Retry::Later, "nothing was sent", None);
}

#[tokio::test]
async fn too_large_an_answer_is_asked_for_once() {
    let script = Script::new();
    script.fail(RestError::TooLarge { host: "h".to_owned(), limit: 9 });
    let outcome = run(&script.online(), all_mailboxes()).await;
    let reason = "the answer of h is larger than 9 bytes";
    check(&outcome, ErrorClass::Protocol, Retry::AfterCheck, reason, Some("cloud.api_url"));
    assert_eq!(script.requests().len(), 1);
}

/// Never answers.
struct Silent;

impl RestExchange for Silent {
    fn send(&self, _: RestRequest) -> RestFuture<'_> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_service_that_never_answers_is_given_up_after_the_stall_timeout() {
    let limit = Duration::from_secs(50);
    let online = ExchangeOnline::over(options().stall_timeout(limit), Arc::new(Silent));
    let start = tokio::time::Instant::now();
    let outcome = run(&online, all_mailboxes()).await;
    assert_eq!(start.elapsed(), limit);
    let remedy = Some("reaches the token service (cloud.authority_url)");
    let reason = "login.microsoftonline.com did not answer within 50 s";
    check(&outcome, ErrorClass::Transient, Retry::Later, reason, remedy);
}

#[tokio::test(start_paused = true)]
async fn a_read_over_a_connection_that_was_closed_meanwhile_is_sent_again_at_once() {
    let lost = || RestError::Lost { host: "h".to_owned(), source: "closed".into() };
    let script = Script::new();
    script.fail(lost());
    script.json(200, &json!({"value": [row(1)]}));
    let start = tokio::time::Instant::now();
    assert_eq!(run(&script.online(), all_mailboxes()).await.names, ["n1"]);
    assert_eq!(start.elapsed(), Duration::ZERO);
    script.fail(lost());
    script.fail(lost());
    script.json(200, &json!({"value": [row(1)]}));
    assert_eq!(run(&script.online(), all_mailboxes()).await.names, ["n1"]);
    assert!(start.elapsed() >= Duration::from_secs(2), "after that it is waited");
}
