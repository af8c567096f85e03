//! What survives a failure, and what is said of what does not.

use std::collections::BTreeSet;
use std::time::Duration;

use clixml::Object;
use exchange_cmdlets::testing::ScriptedTransport;
use exchange_cmdlets::{CmdletItem, TransportError};
use exchange_connector::{Change, Connector, ImportRequest, ObjectChange};
use futures_util::StreamExt as _;
use tokio::time::Instant;
use uuid::Uuid;

use crate::support::{ANN, BOB, connector, error, export, item, mailbox, settings, unpinned};

fn lost() -> TransportError {
    TransportError::ConnectionLost { source: "reset".into() }
}

/// The ids that an import gave, in order, and its last line.
async fn import(connector: &Connector, request: ImportRequest) -> (Vec<String>, Change) {
    let mut ids = Vec::new();
    let mut last = None;
    let mut changes = connector.import(request.attributes(["Name"]));
    while let Some(change) = changes.next().await {
        match change {
            Ok(Change::Object(ObjectChange::Upsert { id, .. })) => ids.push(id),
            Ok(change) => last = Some(change),
            Err(error) => assert_eq!(error.exit_code(), 3, "{error}"),
        }
    }
    (ids, last.expect("there is a last line"))
}

#[track_caller]
fn check_complete(given: &[String], last: &Change, expected: &[&str]) {
    assert_eq!(given, expected);
    let count = expected.len() as u64;
    assert!(
        matches!(last, Change::Complete { objects, deletes: 0, .. } if *objects == count),
        "{last:?}"
    );
}

/// The mailbox with this number.
fn numbered(number: u32) -> Object {
    let id = Uuid::from_u128(0x9b93_87fe_e1b1_4695_97bd_0000_0000_0000 + u128::from(number));
    mailbox(&id.to_string(), &format!("User {number}"))
}

fn guids(objects: impl IntoIterator<Item = Object>) -> Vec<String> {
    objects
        .into_iter()
        .map(|object| {
            let value = clixml::Value::from(object);
            let id = value.property("Guid").and_then(clixml::Value::as_guid);
            id.expect("the object has a GUID").to_string()
        })
        .collect()
}

fn repeated(script: &ScriptedTransport, cmdlet: &str, ends: u32) {
    for _ in 0..ends {
        script.fail(cmdlet, vec![], lost());
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_that_broke_off_early_begins_anew_and_gives_nothing_twice() {
    let (connector, script) = connector(settings("", ""));
    script.fail("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))], lost());
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann")), item(mailbox(BOB, "Bob"))]);
    let (given, last) = import(&connector, ImportRequest::new()).await;
    check_complete(&given, &last, &[ANN, BOB]);
    assert_eq!(script.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_gone_at_the_second_reading_was_given_and_makes_nothing_incomplete() {
    let (connector, script) = connector(settings("", ""));
    script.fail("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))], lost());
    script.answer("Get-Mailbox", vec![item(mailbox(BOB, "Bob"))]);
    let (given, last) = import(&connector, ImportRequest::new()).await;
    check_complete(&given, &last, &[ANN, BOB]);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_comes_twice_in_one_reading_is_still_a_fault() {
    let (connector, script) = connector(settings("", ""));
    script.fail("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))], lost());
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann")), item(mailbox(ANN, "Ann"))]);
    let (given, last) = import(&connector, ImportRequest::new()).await;
    assert_eq!(given, [ANN]);
    assert!(matches!(&last, Change::Incomplete { reason, .. } if reason.ends_with("came twice")));
}

#[tokio::test(start_paused = true)]
async fn a_read_that_gave_much_goes_on_with_what_is_missing() {
    let (connector, script) = connector(settings("", ""));
    let items = |numbers: std::ops::Range<u32>| numbers.map(|n| item(numbered(n))).collect();
    script.fail("Get-Mailbox", items(0..600), lost());
    // The keys are listed twice, for the first list breaks off too; then two of those left are gone, as a third list says.
    script.fail("Get-Mailbox", items(0..630), lost());
    script.answer("Get-Mailbox", items(0..660));
    script.fail("Get-Mailbox", items(610..620), lost());
    script.answer("Get-Mailbox", items(610..658));
    script.answer("Get-Mailbox", items(600..610));
    script.answer("Get-Mailbox", items(0..658));
    let request = ImportRequest::new().filter("Alias -like 'u*'");
    let (given, last) = import(&connector, request).await;
    assert!(matches!(last, Change::Complete { objects: 658, .. }), "{last:?}");
    assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), 658, "none came twice");
    let all: BTreeSet<_> = guids((0..658).map(numbered)).into_iter().collect();
    assert_eq!(given.into_iter().collect::<BTreeSet<_>>(), all);
    assert!(script.unused().is_empty());
    let calls = script.transcript();
    let first = &guids([numbered(610)])[0];
    assert!(
        calls[3]
            .contains(&format!("-Filter '(Alias -like ''u*'') -and (Guid -eq ''{first}'' -or ")),
        "{}",
        calls[3]
    );
    assert_eq!(script.calls()[1].select.as_deref().map(<[_]>::len), Some(5), "keys alone");
    assert_eq!(calls[3], calls[4], "the batch that broke off was read again");
}

#[tokio::test(start_paused = true)]
async fn much_that_is_missing_is_asked_for_by_the_beginnings_of_aliases() {
    let (connector, script) = connector(settings("", ""));
    let items = |numbers: std::ops::Range<u32>| -> Vec<CmdletItem> {
        let named = |n| numbered(n).with_adapted("Alias", format!("User{n:05}"));
        numbers.map(|n| item(named(n))).collect()
    };
    script.fail("Get-Mailbox", items(0..600), lost());
    script.answer("Get-Mailbox", items(0..2400));
    script.answer("Get-Mailbox", items(2000..2400));
    script.fail("Get-Mailbox", items(1000..1500), lost());
    // One of the second thousand has got another alias meanwhile.
    script.answer("Get-Mailbox", items(1000..1999));
    script.answer("Get-Mailbox", items(0..1000));
    script.answer("Get-Mailbox", items(1999..2000));
    let (given, last) = import(&connector, ImportRequest::new()).await;
    assert!(matches!(last, Change::Complete { objects: 2400, .. }), "{last:?}");
    assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), 2400, "none came twice");
    assert!(script.unused().is_empty());
    let filters: Vec<_> = script
        .transcript()
        .iter()
        .filter_map(|call| call.split("-Filter ").nth(1).map(str::to_owned))
        .collect();
    let beginning = |text: &str| format!("'Alias -like ''{text}*'''");
    let last = &guids([numbered(1999)])[0];
    assert_eq!(
        filters,
        [
            beginning("user02"),
            beginning("user01"),
            beginning("user01"),
            beginning("user00"),
            format!("'Guid -eq ''{last}'''"),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_no_guids_is_read_as_a_whole() {
    let (connector, script) = connector(settings("", ""));
    let items = |numbers: std::ops::Range<u32>| numbers.map(|n| item(numbered(n))).collect();
    script.fail("Get-Mailbox", items(0..600), lost());
    script.answer("Get-Mailbox", items(0..610));
    let refused = TransportError::Refused { source: "no such filter".into() };
    script.fail("Get-Mailbox", vec![], refused);
    script.answer("Get-Mailbox", items(0..610));
    let (given, last) = import(&connector, ImportRequest::new()).await;
    assert_eq!(given.len(), 610);
    assert!(matches!(last, Change::Complete { objects: 610, .. }), "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn what_a_server_lists_and_does_not_find_by_guid_is_read_as_a_whole() {
    let (connector, script) = connector(settings("", ""));
    let items = |numbers: std::ops::Range<u32>| numbers.map(|n| item(numbered(n))).collect();
    script.fail("Get-Mailbox", items(0..600), lost());
    script.answer("Get-Mailbox", items(0..610));
    script.answer("Get-Mailbox", vec![]);
    script.answer("Get-Mailbox", items(0..610));
    script.answer("Get-Mailbox", items(0..610));
    let (given, last) = import(&connector, ImportRequest::new()).await;
    assert_eq!(given.len(), 610);
    assert!(matches!(last, Change::Complete { objects: 610, .. }), "{last:?}");
    assert!(script.unused().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_object_that_was_not_asked_for_is_a_fault() {
    let (connector, script) = connector(settings("", ""));
    let items = |numbers: std::ops::Range<u32>| numbers.map(|n| item(numbered(n))).collect();
    script.fail("Get-Mailbox", items(0..600), lost());
    script.answer("Get-Mailbox", items(0..601));
    script.answer("Get-Mailbox", items(600..602));
    let (given, last) = import(&connector, ImportRequest::new()).await;
    assert_eq!(given.len(), 601);
    assert!(
        matches!(&last, Change::Incomplete { reason, .. } if reason.contains("not asked for")),
        "{last:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_read_that_never_comes_to_an_end_is_given_up_and_incomplete() {
    let (connector, script) = connector(settings("", ""));
    script.fail("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))], lost());
    repeated(&script, "Get-Mailbox", 5);
    let before = Instant::now();
    let (given, last) = import(&connector, ImportRequest::new()).await;
    assert_eq!(given, [ANN]);
    assert!(matches!(last, Change::Incomplete { objects: 1, .. }), "{last:?}");
    assert!(before.elapsed() < Duration::from_secs(60), "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_failed_domain_controller_is_left_and_the_cursor_names_none() {
    let (connector, script) = connector(unpinned());
    let other = |id, name| mailbox(id, name).with_adapted("OriginatingServer", "dc02.contoso.com");
    let text = "An Active Directory error 0x51 occurred when trying to check the suitability of server \
                'dc01.contoso.com'. Error: 'Active directory response: The LDAP server is unavailable.'";
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
    let failed = error("SuitabilityDirectoryException", text);
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann")), failed]);
    script.answer("Get-Mailbox", vec![item(other(ANN, "Ann"))]);
    script.answer("Get-Mailbox", vec![item(other(ANN, "Ann")), item(other(BOB, "Bob"))]);
    let (given, last) = import(&connector, ImportRequest::new()).await;
    check_complete(&given, &last, &[ANN, BOB]);
    let Change::Complete { cursor, .. } = last else { unreachable!() };
    assert!(cursor.starts_with("1||"), "{cursor}");
    let servers: Vec<_> = script
        .transcript()
        .iter()
        .map(|call| call.split("-DomainController ").nth(1).unwrap_or("none").to_owned())
        .collect();
    assert_eq!(servers, ["none", "'dc01.contoso.com'", "none", "'dc02.contoso.com'"]);
}

#[tokio::test(start_paused = true)]
async fn an_error_that_may_pass_is_outwaited_while_the_rest_is_read() {
    let (connector, script) = connector(settings("", ""));
    let busy = || error("ADTransientException", "This error is retriable.");
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann")), busy()]);
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann")), item(mailbox(BOB, "Bob"))]);
    let (given, last) = import(&connector, ImportRequest::new()).await;
    check_complete(&given, &last, &[ANN, BOB]);
    for _ in 0..6 {
        script.answer("Get-Mailbox", vec![busy()]);
    }
    let (given, last) = import(&connector, ImportRequest::new()).await;
    assert!(given.is_empty());
    let Change::Incomplete { reason, .. } = last else { panic!("{last:?}") };
    assert_eq!(reason, "Get-Mailbox reported: This error is retriable.");
}

#[tokio::test(start_paused = true)]
async fn the_session_for_further_attributes_may_be_lost_too() {
    let (connector, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
    script.fail("Get-User", vec![], lost());
    script.answer("Get-User", vec![item(mailbox(ANN, "Ann").with_adapted("Title", "Clerk"))]);
    let mut changes = connector.import(ImportRequest::new().attributes(["Title"]));
    let first = changes.next().await.unwrap().unwrap();
    let Change::Object(ObjectChange::Upsert { attributes, .. }) = first else {
        panic!("{first:?}")
    };
    assert_eq!(attributes.get("Title"), Some(&serde_json::json!("Clerk")));
    let last = changes.next().await.unwrap().unwrap();
    assert!(matches!(last, Change::Complete { objects: 1, .. }), "{last:?}");
}

const UPDATE: &str = r#"{"operation":"update","id":"9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2","attributes":{"CustomAttribute1":"x"}}"#;

#[tokio::test(start_paused = true)]
async fn a_write_is_repeated_only_when_it_certainly_did_not_run() {
    let not_run: [fn() -> TransportError; 2] = [
        || TransportError::NotSent { source: "refused".into() },
        || TransportError::Throttled {
            wait: Some(Duration::from_millis(2736)),
            source: "slow down".into(),
        },
    ];
    for failure in not_run {
        let (connector, script) = connector(settings("", ""));
        script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
        script.fail("Set-Mailbox", vec![], failure());
        script.answer("Set-Mailbox", vec![]);
        let outcomes = export(&connector, &[UPDATE]).await;
        assert!(outcomes[0].contains(r#""status":"applied""#), "{outcomes:?}");
        let calls = script.transcript();
        assert_eq!((calls.len(), &calls[1]), (3, &calls[2]));
    }
    let stalled =
        || TransportError::Stalled { what: "a record".to_owned(), after: Duration::from_secs(1) };
    let unknown: [fn() -> TransportError; 5] = [
        lost,
        stalled,
        || TransportError::Stopped,
        || TransportError::Protocol { source: "odd".into() },
        || TransportError::Flooded { limit: 5 },
    ];
    for failure in unknown {
        let (connector, script) = connector(settings("", ""));
        script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
        script.fail("Set-Mailbox", vec![], failure());
        let outcomes = export(&connector, &[UPDATE]).await;
        assert!(outcomes[0].contains(r#""status":"unknown""#), "{outcomes:?}");
        assert_eq!(script.calls().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stated_wait_holds_back_everything_of_the_account() {
    let (connector, script) = connector(settings("", ""));
    let slow = "Micro delay applied. Actual delayed: 900 msecs\nExchangeCmdletsLeft: 0/200\nCmdletTimePeriod: 30";
    script.answer("Get-Mailbox", vec![CmdletItem::Warning(slow.to_owned())]);
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
    script.answer("Set-Mailbox", vec![]);
    let (_, last) = import(&connector, ImportRequest::new()).await;
    assert!(matches!(last, Change::Complete { .. }));
    let before = Instant::now();
    let outcomes = export(&connector, &[UPDATE]).await;
    assert!(outcomes[0].contains(r#""status":"applied""#), "{outcomes:?}");
    assert!((30..31).contains(&before.elapsed().as_secs()), "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_session_that_idled_too_long_is_not_used_again() {
    let (connector, script) = connector(unpinned());
    let sessions = || {
        let is_probe = |call: &String| call == "Get-Mailbox -ResultSize '1'";
        script.transcript().iter().filter(|call| is_probe(call)).count()
    };
    for (minutes, expected) in [(0, 1), (9, 1), (9, 1), (14, 2), (60, 3)] {
        tokio::time::sleep(Duration::from_secs(minutes * 60)).await;
        for _ in 0..2 {
            script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
        }
        import(&connector, ImportRequest::new()).await;
        assert_eq!(sessions(), expected, "after {minutes} idle minutes");
    }
}

#[tokio::test(start_paused = true)]
async fn warnings_without_end_are_not_collected_for_ever() {
    let (connector, script) = connector(settings("", ""));
    let warnings = vec![CmdletItem::Warning("look out".to_owned()); 10_001];
    script.answer("Get-Mailbox", warnings);
    let outcomes = export(&connector, &[UPDATE]).await;
    assert!(outcomes[0].contains("more than 10000 records"), "{outcomes:?}");
}
