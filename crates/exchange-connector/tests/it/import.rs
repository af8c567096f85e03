use exchange_cmdlets::{CmdletItem, TransportError};
use exchange_connector::{Connector, ImportRequest};
use futures_util::StreamExt as _;

use crate::support::{ANN, BOB, connector, error, item, list, mailbox, settings, unpinned};

/// Runs an import and gives its lines as they are printed; an error as its message with the exit code.
async fn import(connector: &Connector, request: ImportRequest) -> Vec<String> {
    let mut lines = Vec::new();
    let mut stream = connector.import(request);
    while let Some(change) = stream.next().await {
        lines.push(match change {
            Ok(change) => serde_json::to_string(&change).expect("a change is JSON"),
            Err(error) => format!("exit {}: {error}", error.exit_code()),
        });
    }
    // The time of the run is in the cursor.
    if let Some(cut) = lines.last().and_then(|line| line.find("\"cursor\":")) {
        lines.last_mut().expect("there is a last line").truncate(cut);
    }
    lines
}

fn names_only() -> ImportRequest {
    ImportRequest::new().attributes(["Name"])
}

#[tokio::test]
async fn objects_come_one_a_line_and_the_end_is_said() {
    let (connector, script) = connector(settings("", ""));
    let ann = mailbox(ANN, "Ann")
        .with_adapted("DisplayName", "Ann")
        .with_adapted("CustomAttribute1", "")
        .with_adapted("HiddenFromAddressListsEnabled", false)
        .with_adapted("MaxSendSize", "Unlimited")
        .with_adapted("EmailAddresses", list(&["smtp:a.b@contoso.com", "SMTP:ann@contoso.com"]));
    script.answer("Get-Mailbox", vec![item(ann), item(mailbox(BOB, "Bob"))]);
    let request = ImportRequest::new().attributes([
        "maxsendsize",
        "HiddenFromAddressListsEnabled",
        "EmailAddresses",
        "DisplayName",
        "CustomAttribute1",
    ]);
    let lines = import(&connector, request).await;
    let mut seen: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(
        seen["attributes"].take(),
        serde_json::json!({
            "DisplayName": "Ann",
            "EmailAddresses": ["smtp:a.b@contoso.com", "SMTP:ann@contoso.com"],
            "HiddenFromAddressListsEnabled": false,
            "CustomAttribute1": null,
            "MaxSendSize": "Unlimited",
        })
    );
    assert!(lines[0].starts_with(&format!(
        r#"{{"type":"object","change":"upsert","class":"UserMailbox","id":"{ANN}","attributes":{{"#
    )));
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[2], r#"{"type":"complete","objects":2,"deletes":0,"#);
    assert_eq!(
        script.transcript(),
        ["Get-Mailbox -ResultSize 'Unlimited' -DomainController 'dc01.contoso.com'"]
    );
}

#[tokio::test(start_paused = true)]
async fn the_first_object_leaves_before_the_last_arrives() {
    let (connector, script) = connector(settings("", ""));
    let items = vec![item(mailbox(ANN, "Ann")), item(mailbox(BOB, "Bob"))];
    let lost = || TransportError::ConnectionLost { source: "reset".into() };
    script.fail("Get-Mailbox", items, lost());
    for _ in 0..5 {
        script.fail("Get-Mailbox", vec![], lost());
    }
    let mut stream = connector.import(names_only());
    assert!(stream.next().await.unwrap().is_ok());
    assert!(stream.next().await.unwrap().is_ok());
    let warning = serde_json::to_string(&stream.next().await.unwrap().unwrap()).unwrap();
    assert!(
        warning.starts_with(r#"{"type":"warning","message":"Get-Mailbox did not"#),
        "{warning}"
    );
    let last = serde_json::to_string(&stream.next().await.unwrap().unwrap()).unwrap();
    assert_eq!(
        last,
        r#"{"type":"incomplete","reason":"Get-Mailbox did not come to an end: the connection was lost while the command ran: reset","objects":2}"#
    );
    assert_eq!(stream.next().await.unwrap().unwrap_err().exit_code(), 3);
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn addresses_of_excluded_domains_and_system_mailboxes_are_not_seen() {
    let (connector, script) =
        connector(settings("excluded_smtp_domains = ['mail.onmicrosoft.com']", ""));
    let ann = mailbox(ANN, "Ann")
        .with_adapted("PrimarySmtpAddress", "ann@x.mail.onmicrosoft.com")
        .with_adapted(
            "EmailAddresses",
            list(&["SMTP:ann@x.mail.onmicrosoft.com", "smtp:ann@contoso.com", "X500:/o=x"]),
        );
    let system = mailbox(BOB, "SystemMailbox{1f05a927-89c0-4725-adca-4527114196a1}");
    script.answer("Get-Mailbox", vec![item(system), item(ann)]);
    let request = ImportRequest::new().attributes(["EmailAddresses", "PrimarySmtpAddress"]);
    let lines = import(&connector, request).await;
    assert_eq!(
        lines[0],
        format!(
            r#"{{"type":"object","change":"upsert","class":"UserMailbox","id":"{ANN}","attributes":{{"EmailAddresses":["smtp:ann@contoso.com","X500:/o=x"],"PrimarySmtpAddress":null}}}}"#
        )
    );
    assert_eq!(lines[1], r#"{"type":"complete","objects":1,"deletes":0,"#);
}

#[tokio::test]
async fn nothing_is_called_complete_that_might_not_be() {
    let cases: Vec<(Vec<CmdletItem>, &str)> = vec![
        (vec![error("X", "object 'z' is damaged\u{1b}[0m")], "Get-Mailbox reported: object 'z' is damaged [0m"),
        (
            vec![CmdletItem::Warning(
                "There are more results available than are currently displayed. To view them, increase the value for \
                 the ResultSize parameter."
                    .to_owned(),
            )],
            "Get-Mailbox: There are more results available than are currently displayed. To view them, increase the \
             value for the ResultSize parameter.",
        ),
        (
            vec![item(mailbox(ANN, "Ann")), item(mailbox(ANN, "Ann"))],
            "the GUID 9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2 came twice",
        ),
        (
            vec![item(
                clixml::Object::new()
                    .with_adapted("Name", "Zoe")
                    .with_adapted("RecipientTypeDetails", "UserMailbox"),
            )],
            "the object \"Zoe\" carries no GUID of its own",
        ),
    ];
    for (items, reason) in cases {
        let (connector, script) = connector(settings("", ""));
        script.answer("Get-Mailbox", items);
        let lines = import(&connector, names_only()).await;
        let [.., warning, last, failure] = lines.as_slice() else { panic!("{lines:?}") };
        let reason = serde_json::to_string(reason).unwrap();
        assert_eq!(warning, &format!(r#"{{"type":"warning","message":{reason}}}"#));
        assert!(
            last.starts_with(&format!(r#"{{"type":"incomplete","reason":{reason},"#)),
            "{last}"
        );
        assert!(failure.starts_with("exit 3: "), "{failure}");
    }
}

#[tokio::test]
async fn no_object_is_left_out_unseen_because_of_what_it_lacks() {
    let user = |id: Option<&str>, class: Option<&str>| {
        let mut object = clixml::Object::new().with_adapted("Name", "Zoe");
        if let Some(id) = id {
            object = object.with_adapted("Guid", id);
        }
        match class {
            Some(class) => object.with_adapted("RecipientTypeDetails", class),
            None => object,
        }
    };
    let cases = [
        (
            user(Some(ANN), Some("UserMailbox")).with_extended("Guid", BOB),
            "the object \"Zoe\" carries no GUID of its own",
        ),
        (user(None, Some("SharedMailbox")), "the object \"Zoe\" carries no GUID of its own"),
        (user(None, Some("DiscoveryMailbox")), "the object \"Zoe\" carries no GUID of its own"),
        (user(Some(ANN), None), "the object \"Zoe\" carries no RecipientTypeDetails"),
    ];
    for request in [names_only(), names_only().class("UserMailbox")] {
        for (object, reason) in &cases {
            let (connector, script) = connector(settings("", ""));
            script.answer("Get-Mailbox", vec![item(object.clone())]);
            let lines = import(&connector, request.clone()).await;
            let reason = serde_json::to_string(reason).unwrap();
            let expected = format!(r#"{{"type":"incomplete","reason":{reason},"#);
            assert!(lines.iter().any(|line| line.starts_with(&expected)), "{lines:?}");
            assert!(!lines.iter().any(|line| line.contains("complete\",\"objects")), "{lines:?}");
        }
    }
}

#[tokio::test]
async fn a_guid_that_an_object_shows_twice_is_its_own() {
    let (connector, script) = connector(settings("", ""));
    let ann = mailbox(ANN, "Ann").with_extended("guid", ANN);
    script.answer("Get-Mailbox", vec![item(ann)]);
    let lines = import(&connector, names_only()).await;
    assert_eq!(lines[1], r#"{"type":"complete","objects":1,"deletes":0,"#);
}

#[tokio::test]
async fn an_import_of_nothing_but_faults_is_given_up() {
    let (connector, script) = connector(settings("", ""));
    let senseless = || item(clixml::Object::new());
    script.answer("Get-Mailbox", (0..3000).map(|_| senseless()).collect());
    let lines = import(&connector, names_only()).await;
    let [.., given_up, last, _] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(lines.len(), 1003);
    assert!(given_up.contains("too much is wrong"), "{given_up}");
    assert!(last.starts_with(r#"{"type":"incomplete","#), "{last}");
}

#[tokio::test]
async fn an_ordinary_warning_does_not_make_it_incomplete() {
    let (connector, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![CmdletItem::Warning("Micro delay applied.".to_owned())]);
    let lines = import(&connector, names_only()).await;
    assert_eq!(
        lines,
        [
            r#"{"type":"warning","message":"Get-Mailbox: Micro delay applied."}"#,
            r#"{"type":"complete","objects":0,"deletes":0,"#
        ]
    );
}

#[tokio::test]
async fn hybrid_reads_both_kinds_and_tells_them_apart() {
    let (connector, script) = connector(settings("infrastructure_type = 'Hybrid'", ""));
    let remote = |id, class: &str| {
        clixml::Object::new()
            .with_adapted("Guid", uuid::Uuid::parse_str(id).unwrap())
            .with_adapted("Name", "Bob")
            .with_adapted("RecipientTypeDetails", class)
    };
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
    script.answer(
        "Get-RemoteMailbox",
        vec![
            item(remote(BOB, "RemoteUserMailbox")),
            item(remote("b0b0b0b0-0000-4000-8000-000000000003", "RemoteRoomMailbox")),
        ],
    );
    script.answer(
        "Get-RemoteMailbox",
        vec![
            item(remote(BOB, "RemoteUserMailbox")),
            item(remote("b0b0b0b0-0000-4000-8000-000000000003", "RemoteRoomMailbox")),
        ],
    );
    let lines = import(&connector, names_only()).await;
    assert_eq!(lines.last().unwrap(), r#"{"type":"complete","objects":3,"deletes":0,"#);
    let lines = import(&connector, names_only().class("remoteroommailbox")).await;
    assert!(lines[0].contains(r#""class":"RemoteRoomMailbox""#), "{lines:?}");
    assert_eq!(lines[1], r#"{"type":"complete","objects":1,"deletes":0,"#);
    assert_eq!(script.transcript().len(), 3, "no local mailbox was asked for the second time");
}

#[tokio::test]
async fn class_and_filter_reach_the_server() {
    let (connector, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
    let request = names_only().class("SharedMailbox").filter("Alias -like 'a*'");
    let lines = import(&connector, request).await;
    assert_eq!(lines, [r#"{"type":"complete","objects":0,"deletes":0,"#]);
    assert_eq!(
        script.transcript(),
        [
            "Get-Mailbox -ResultSize 'Unlimited' -DomainController 'dc01.contoso.com' -Filter 'Alias -like ''a*''' \
             -RecipientTypeDetails @('SharedMailbox')"
        ]
    );
}

#[tokio::test]
async fn a_wrong_request_is_refused_before_anything_is_sent() {
    let (connector, script) = connector(settings("", ""));
    let cases = [
        (
            names_only().class("Printer"),
            "exit 2: class \"Printer\" is not known; the classes are UserMailbox, SharedMailbox, RoomMailbox, \
             EquipmentMailbox, LinkedMailbox, LinkedRoomMailbox, TeamMailbox, SchedulingMailbox",
        ),
        (
            ImportRequest::new().attributes(["DisplyName"]),
            "exit 2: attribute \"DisplyName\" is not known; did you mean DisplayName?",
        ),
        (
            ImportRequest::new().attributes(["Shoe"]),
            "exit 2: attribute \"Shoe\" is not known; `schema` lists them",
        ),
        (names_only().filter("a\nb"), "exit 2: the filter cannot be used"),
    ];
    for (request, expected) in cases {
        assert_eq!(import(&connector, request).await, [expected]);
    }
    assert!(script.calls().is_empty());
}

#[tokio::test]
async fn the_domain_controller_that_answers_first_is_kept() {
    let (connector, script) = connector(unpinned());
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
    script.answer("Get-Mailbox", vec![]);
    import(&connector, names_only()).await;
    assert_eq!(
        script.transcript(),
        [
            "Get-Mailbox -ResultSize '1'",
            "Get-Mailbox -ResultSize 'Unlimited' -DomainController 'dc01.contoso.com'"
        ]
    );
}

#[tokio::test]
async fn attributes_of_the_account_are_joined_by_guid_over_a_second_session() {
    let (connector, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann")), item(mailbox(BOB, "Bob"))]);
    script.answer(
        "Get-User",
        vec![
            item(mailbox(BOB, "Bob").with_adapted("Title", "Boss")),
            item(mailbox(ANN, "Ann").with_adapted("Title", "Clerk")),
        ],
    );
    let lines = import(&connector, ImportRequest::new().attributes(["Title", "Name"])).await;
    assert!(lines[0].ends_with(r#""attributes":{"Name":"Ann","Title":"Clerk"}}"#), "{lines:?}");
    assert!(lines[1].ends_with(r#""attributes":{"Name":"Bob","Title":"Boss"}}"#), "{lines:?}");
    assert_eq!(lines[2], r#"{"type":"complete","objects":2,"deletes":0,"#);
    assert_eq!(
        script.transcript()[1],
        format!(
            "Get-User -ResultSize 'Unlimited' -DomainController 'dc01.contoso.com' -Filter 'Guid -eq ''{ANN}'' -or \
             Guid -eq ''{BOB}'''"
        )
    );
}

#[tokio::test]
async fn an_object_whose_account_is_not_shown_makes_it_incomplete() {
    let (connector, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
    script.answer("Get-User", vec![]);
    let lines = import(&connector, ImportRequest::new().attributes(["Title"])).await;
    assert_eq!(
        lines,
        [
            format!(r#"{{"type":"warning","message":"Get-User did not show {ANN}"}}"#),
            format!(
                r#"{{"type":"incomplete","reason":"Get-User did not show {ANN}","objects":0}}"#
            ),
            format!("exit 3: the import is incomplete: Get-User did not show {ANN}"),
        ]
    );
}

#[tokio::test]
async fn an_account_that_is_shown_twice_or_not_to_the_end_makes_it_incomplete() {
    let ann = |title: &str| item(mailbox(ANN, "Ann").with_adapted("Title", title));
    let more = "There are more results available than are currently displayed.";
    for (items, reason) in [
        (vec![ann("Clerk"), ann("Boss")], format!("Get-User showed the GUID {ANN} twice")),
        (vec![ann("Clerk"), CmdletItem::Warning(more.to_owned())], format!("Get-User: {more}")),
    ] {
        let (connector, script) = connector(settings("", ""));
        script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
        script.answer("Get-User", items);
        let lines = import(&connector, ImportRequest::new().attributes(["Title"])).await;
        let last = format!(r#"{{"type":"incomplete","reason":"{reason}","objects":0}}"#);
        assert_eq!(lines[1], last, "{lines:?}");
    }
}
