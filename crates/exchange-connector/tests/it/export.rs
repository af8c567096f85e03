use exchange_cmdlets::{CmdletItem, TransportError};
use exchange_connector::Operation;
use futures_util::StreamExt as _;

use crate::support::{
    ANN, BOB, connector, error, export, item, list, mailbox, not_found, settings,
};

const UPDATE: &str = r#"{"ref":"2","operation":"update","id":"9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2","attributes":{"DisplayName":"Ann B. Example","CustomAttribute1":null}}"#;
const DELETE: &str =
    r#"{"ref":"3","operation":"delete","id":"9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2"}"#;
const CREATE: &str = r#"{"ref":"1","operation":"create","attributes":{"Name":"Ann","UserPrincipalName":"ann@contoso.com","CustomAttribute2":"x","EmailAddresses":["a.example@contoso.com","ann@contoso.com"],"_param_password":"hunter2","_param_OrganizationalUnit":"contoso.com/Users"}}"#;

#[tokio::test]
async fn an_update_writes_only_what_is_different() {
    let (connector, script) = connector(settings("", ""));
    let ann =
        mailbox(ANN, "Ann").with_adapted("DisplayName", "Ann").with_adapted("CustomAttribute1", "");
    script.answer("Get-Mailbox", vec![item(ann)]);
    script.answer("Set-Mailbox", vec![]);
    assert_eq!(
        export(&connector, &[UPDATE]).await,
        [format!(
            r#"{{"ref":"2","operation":"update","status":"applied","id":"{ANN}","server":"dc01.contoso.com"}}"#
        )]
    );
    assert_eq!(
        script.transcript(),
        [
            format!("Get-Mailbox -Identity '{ANN}' -DomainController 'dc01.contoso.com'"),
            format!(
                "Set-Mailbox -Identity '{ANN}' -DisplayName 'Ann B. Example' -DomainController 'dc01.contoso.com' -Confirm:$false"
            ),
        ]
    );
}

#[tokio::test]
async fn nothing_is_written_when_nothing_is_different() {
    let (connector, script) = connector(settings("", ""));
    let ann = mailbox(ANN, "Ann")
        .with_adapted("DisplayName", "Ann B. Example")
        .with_adapted("CustomAttribute1", clixml::Value::Nil);
    script.answer("Get-Mailbox", vec![item(ann)]);
    let outcomes = export(&connector, &[UPDATE]).await;
    assert!(outcomes[0].contains(r#""status":"unchanged""#), "{outcomes:?}");
    assert_eq!(script.calls().len(), 1);
}

#[tokio::test]
async fn a_server_that_changed_nothing_is_believed() {
    let (connector, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
    let warning = "The command completed successfully but no settings of 'x' have been modified.";
    script.answer("Set-Mailbox", vec![CmdletItem::Warning(warning.to_owned())]);
    let outcomes = export(&connector, &[UPDATE]).await;
    assert!(outcomes[0].contains(r#""status":"unchanged""#), "{outcomes:?}");
}

#[tokio::test]
async fn attributes_go_to_the_cmdlet_that_owns_them_the_account_first() {
    let (connector, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
    script.answer("Get-User", vec![item(mailbox(ANN, "Ann").with_adapted("Title", "Clerk"))]);
    script.answer("Set-User", vec![]);
    script.answer("Set-Mailbox", vec![error("RecipientTaskException", "no")]);
    let line = format!(
        r#"{{"operation":"update","id":"{ANN}","attributes":{{"CustomAttribute1":"x","Title":"Boss"}}}}"#
    );
    let outcomes = export(&connector, &[&line]).await;
    assert!(outcomes[0].contains(r#""message":"after Set-User was done: no""#), "{outcomes:?}");
    assert_eq!(
        script.transcript()[2..],
        [
            format!(
                "Set-User -Identity '{ANN}' -Title 'Boss' -DomainController 'dc01.contoso.com' -Confirm:$false"
            ),
            format!(
                "Set-Mailbox -Identity '{ANN}' -CustomAttribute1 'x' -DomainController 'dc01.contoso.com' -Confirm:$false"
            ),
        ]
    );
}

#[tokio::test]
async fn a_new_primary_address_switches_the_policy_off_in_the_same_call() {
    let line = format!(
        r#"{{"operation":"update","id":"{ANN}","attributes":{{"EmailAddresses":["ann@contoso.com","ann.new@contoso.com"]}}}}"#
    );
    let ann = || {
        mailbox(ANN, "Ann")
            .with_adapted("EmailAddressPolicyEnabled", true)
            .with_adapted("EmailAddresses", list(&["SMTP:ann@contoso.com", "X500:/o=x"]))
    };
    let (one, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![item(ann())]);
    script.answer("Set-Mailbox", vec![]);
    let outcomes = export(&one, &[&line]).await;
    assert!(outcomes[0].contains(r#""status":"applied""#), "{outcomes:?}");
    assert_eq!(
        script.transcript()[1],
        format!(
            "Set-Mailbox -Identity '{ANN}' -EmailAddressPolicyEnabled $false -EmailAddresses 'X500:/o=x', \
             'smtp:ann@contoso.com', 'SMTP:ann.new@contoso.com' -DomainController 'dc01.contoso.com' -Confirm:$false"
        )
    );

    let (other, script) = connector(settings("", "[export]\naddress_policy = 'report'"));
    script.answer("Get-Mailbox", vec![item(ann())]);
    let outcomes = export(&other, &[&line]).await;
    assert!(outcomes[0].contains(r#""status":"failed""#), "{outcomes:?}");
    assert!(outcomes[0].contains(r#""class":"would-be-undone","retry":"never""#), "{outcomes:?}");
}

#[tokio::test]
async fn equal_addresses_and_an_empty_flow_write_nothing() {
    let (connector, script) = connector(settings("", ""));
    for _ in 0..2 {
        let ann = mailbox(ANN, "Ann")
            .with_adapted("EmailAddresses", list(&["smtp:B@contoso.com", "SMTP:ann@contoso.com"]));
        script.answer("Get-Mailbox", vec![item(ann)]);
    }
    let same = format!(
        r#"{{"operation":"update","id":"{ANN}","attributes":{{"EmailAddresses":["b@contoso.com","Ann@contoso.com"]}}}}"#
    );
    let empty =
        format!(r#"{{"operation":"update","id":"{ANN}","attributes":{{"EmailAddresses":[]}}}}"#);
    for outcome in export(&connector, &[&same, &empty]).await {
        assert!(outcome.contains(r#""status":"unchanged""#), "{outcome}");
    }
    assert_eq!(script.calls().len(), 2);
}

#[tokio::test]
async fn a_bad_flow_is_refused_and_named() {
    let (connector, script) = connector(settings("excluded_smtp_domains = ['x.org']", ""));
    for _ in 0..3 {
        let ann = mailbox(ANN, "Ann").with_adapted("EmailAddresses", list(&["SMTP:a@contoso.com"]));
        script.answer("Get-Mailbox", vec![item(ann)]);
    }
    for (flow, expected) in [
        ("[\"X500:/o=x\"]", "X500:/o=x"),
        ("[\"not an address\"]", "not an address"),
        ("[\"ann@contoso.com\",\"ann@x.org\"]", "ann@x.org"),
    ] {
        let line = format!(
            r#"{{"operation":"update","id":"{ANN}","attributes":{{"EmailAddresses":{flow}}}}}"#
        );
        let outcomes = export(&connector, &[&line]).await;
        assert!(outcomes[0].contains(r#""class":"invalid","retry":"never""#), "{outcomes:?}");
        assert!(outcomes[0].contains(expected), "{outcomes:?}");
    }
    assert!(script.transcript().iter().all(|call| call.starts_with("Get-Mailbox")));
}

#[tokio::test]
async fn a_create_is_made_read_back_and_completed() {
    let (connector, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![not_found()]);
    let made = || {
        clixml::Object::new()
            .with_adapted("Guid", ANN.parse::<uuid::Uuid>().unwrap())
            .with_adapted("Name", "Ann")
            .with_adapted("RecipientTypeDetails", "UserMailbox")
            .with_adapted("OriginatingServer", "dc02.contoso.com")
            .with_adapted("UserPrincipalName", "ann@contoso.com")
            .with_adapted("EmailAddressPolicyEnabled", true)
            .with_adapted("EmailAddresses", list(&["SMTP:ann@contoso.com"]))
    };
    script.answer("New-Mailbox", vec![item(made())]);
    script.answer("Get-Mailbox", vec![item(made())]);
    script.answer("Set-Mailbox", vec![]);
    assert_eq!(
        export(&connector, &[CREATE]).await,
        [format!(
            r#"{{"ref":"1","operation":"create","status":"applied","id":"{ANN}","server":"dc02.contoso.com"}}"#
        )]
    );
    let calls = script.transcript();
    assert_eq!(
        calls,
        [
            "Get-Mailbox -Identity 'ann@contoso.com' -DomainController 'dc01.contoso.com'".to_owned(),
            "New-Mailbox -Name 'Ann' -UserPrincipalName 'ann@contoso.com' -Password <redacted> -OrganizationalUnit \
             'contoso.com/Users' -DomainController 'dc01.contoso.com' -Confirm:$false"
                .to_owned(),
            format!("Get-Mailbox -Identity '{ANN}' -DomainController 'dc02.contoso.com'"),
            format!(
                "Set-Mailbox -Identity '{ANN}' -CustomAttribute2 'x' -EmailAddresses 'smtp:a.example@contoso.com', \
                 'SMTP:ann@contoso.com' -DomainController 'dc02.contoso.com' -Confirm:$false"
            ),
        ]
    );
}

#[tokio::test]
async fn what_exists_is_not_made_again() {
    let (connector, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
    let outcomes = export(&connector, &[CREATE]).await;
    assert_eq!(
        outcomes,
        [format!(
            r#"{{"ref":"1","operation":"create","status":"failed","id":"{ANN}","error":{{"class":"conflict","retry":"never","message":"ann@contoso.com already has a mailbox; change it with an update"}}}}"#
        )]
    );
    assert_eq!(script.calls().len(), 1);
}

#[tokio::test]
async fn a_create_that_reported_an_error_and_yet_happened_is_found() {
    let (connector, script) = connector(settings("create_method = 'Enable'", ""));
    script.answer("Get-Mailbox", vec![not_found()]);
    script.answer("Enable-Mailbox", vec![error("ADTransientException", "busy")]);
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
    let line = r#"{"operation":"create","attributes":{"UserPrincipalName":"ann@contoso.com"}}"#;
    let outcomes = export(&connector, &[line]).await;
    assert_eq!(
        outcomes,
        [format!(
            r#"{{"operation":"create","status":"applied","id":"{ANN}","server":"dc01.contoso.com","warnings":["Enable-Mailbox reported an error although the mailbox was made: busy"]}}"#
        )]
    );
    assert_eq!(
        script.transcript()[1],
        "Enable-Mailbox -Identity 'ann@contoso.com' -DomainController 'dc01.contoso.com' -Confirm:$false"
    );
}

#[tokio::test]
async fn a_create_that_failed_says_what_the_server_said() {
    let (connector, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![not_found()]);
    let text = "The proxy address \"SMTP:ann@contoso.com\" is already being used by the proxy addresses or \
                LegacyExchangeDN of \"contoso.com/Users/Y\". Please choose another proxy address.";
    script.answer("New-Mailbox", vec![error("ProxyAddressExistsException", text)]);
    script.answer("Get-Mailbox", vec![not_found()]);
    let outcomes = export(&connector, &[CREATE]).await;
    assert!(
        outcomes[0].contains(
            r#""error":{"class":"conflict","retry":"never","message":"The proxy address "#
        ) && outcomes[0].contains(r#""exception":"ProxyAddressExistsException""#),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn a_write_without_an_answer_is_unknown_and_not_repeated() {
    let (connector, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
    script.fail("Set-Mailbox", vec![], TransportError::ConnectionLost { source: "reset".into() });
    let outcomes = export(&connector, &[UPDATE]).await;
    assert!(
        outcomes[0].contains(r#""status":"unknown""#)
            && outcomes[0].contains(r#""class":"ambiguous","retry":"after-check""#),
        "{outcomes:?}"
    );
    assert_eq!(script.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_read_without_an_answer_is_tried_again_and_then_left_for_later() {
    let (connector, script) = connector(settings("", ""));
    let lost = || TransportError::ConnectionLost { source: "reset".into() };
    script.fail("Get-Mailbox", vec![], lost());
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
    script.answer("Set-Mailbox", vec![]);
    let outcomes = export(&connector, &[UPDATE]).await;
    assert!(outcomes[0].contains(r#""status":"applied""#), "{outcomes:?}");
    for _ in 0..6 {
        script.fail("Get-Mailbox", vec![], lost());
    }
    let outcomes = export(&connector, &[UPDATE]).await;
    assert!(outcomes[0].contains(r#""class":"transient","retry":"later""#), "{outcomes:?}");
}

#[tokio::test]
async fn deletes_follow_the_settings() {
    for (deprovision, expected) in [("disable", "Disable-Mailbox"), ("remove", "Remove-Mailbox")] {
        let (connector, script) =
            connector(settings("", &format!("[export]\ndeprovision = '{deprovision}'")));
        script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
        script.answer(expected, vec![]);
        let outcomes = export(&connector, &[DELETE]).await;
        assert!(outcomes[0].contains(r#""status":"applied""#), "{outcomes:?}");
        assert_eq!(
            script.transcript()[1],
            format!(
                "{expected} -Identity '{ANN}' -DomainController 'dc01.contoso.com' -Confirm:$false"
            )
        );
    }
    let (connector, script) = connector(settings("", "[export]\ndeprovision = 'refuse'"));
    let outcomes = export(&connector, &[DELETE]).await;
    assert!(outcomes[0].contains(r#""status":"refused""#), "{outcomes:?}");
    assert!(script.calls().is_empty());
}

#[tokio::test]
async fn addresses_that_were_not_read_are_not_overwritten() {
    let line = format!(
        r#"{{"operation":"update","id":"{ANN}","attributes":{{"EmailAddresses":["b@contoso.com"]}}}}"#
    );
    for unread in [None, Some(clixml::Value::Nil), Some(list(&[]))] {
        let (connector, script) = connector(settings("", ""));
        let ann = mailbox(ANN, "Ann");
        let ann = match unread {
            None => ann,
            Some(value) => ann.with_adapted("EmailAddresses", value),
        };
        script.answer("Get-Mailbox", vec![item(ann)]);
        let outcomes = export(&connector, &[&line]).await;
        assert!(outcomes[0].contains(r#""class":"protocol","retry":"never""#), "{outcomes:?}");
        assert!(outcomes[0].contains("EmailAddresses as read: there is none"), "{outcomes:?}");
        assert_eq!(script.calls().len(), 1);
    }
}

#[tokio::test]
async fn a_look_up_that_shows_nothing_found_nothing() {
    let (connector, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![]);
    let outcomes = export(&connector, &[DELETE]).await;
    assert!(outcomes[0].contains(r#""class":"not-found","retry":"never""#), "{outcomes:?}");
}

#[tokio::test]
async fn a_missing_object_is_not_found() {
    let (connector, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![not_found()]);
    let outcomes = export(&connector, &[DELETE]).await;
    assert!(
        outcomes[0].starts_with(&format!(
            r#"{{"ref":"3","operation":"delete","status":"failed","id":"{ANN}","error":{{"class":"not-found","retry":"never","message":"#
        )) && outcomes[0].ends_with(r#""exception":"ManagementObjectNotFoundException"}}"#),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn another_object_than_the_named_one_is_not_touched() {
    let (connector, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![item(mailbox(BOB, "Bob"))]);
    let outcomes = export(&connector, &[DELETE]).await;
    assert!(outcomes[0].contains(r#""class":"protocol""#), "{outcomes:?}");
    assert_eq!(script.calls().len(), 1);

    let system = mailbox(ANN, "SystemMailbox{1f05a927-89c0-4725-adca-4527114196a1}");
    script.answer("Get-Mailbox", vec![item(system)]);
    let outcomes = export(&connector, &[DELETE]).await;
    assert!(outcomes[0].contains(r#""status":"refused""#), "{outcomes:?}");
}

#[tokio::test]
async fn too_many_deletes_stop_the_run_before_the_first_write() {
    let other = DELETE.replace(ANN, BOB);
    let lines = [UPDATE, DELETE, other.as_str()];
    let (one, script) = connector(settings("", "[export]\nmax_deletes = 1"));
    let outcomes = export(&one, &lines).await;
    assert!(
        outcomes.iter().all(|outcome| outcome.contains(r#""status":"refused""#)),
        "{outcomes:?}"
    );
    assert!(outcomes[0].contains("the run holds 2 deletes, but export.max_deletes = 1 allows 1"));
    assert!(script.calls().is_empty());

    let (other, script) = connector(settings("", "[export]\nmax_deletes = '50%'"));
    let objects = (0..3).map(|n| {
        item(mailbox(&format!("b0b0b0b0-0000-4000-8000-00000000000{n}"), &format!("User{n}")))
    });
    script.answer("Get-Mailbox", objects.collect());
    let outcomes = export(&other, &lines).await;
    assert!(outcomes[0].contains(r#"export.max_deletes = \"50%\" allows 1"#), "{outcomes:?}");
    assert_eq!(script.calls().len(), 1);
}

#[tokio::test]
async fn hybrid_routes_by_where_the_object_is() {
    let hybrid = settings("infrastructure_type = 'Hybrid'", "");
    let (connector, script) = connector(hybrid);
    let remote = clixml::Object::new()
        .with_adapted("Guid", ANN.parse::<uuid::Uuid>().unwrap())
        .with_adapted("RecipientTypeDetails", "RemoteUserMailbox")
        .with_adapted("OriginatingServer", "dc01.contoso.com");
    script.answer("Get-Mailbox", vec![not_found()]);
    script.answer("Get-RemoteMailbox", vec![item(remote)]);
    script.answer("Set-RemoteMailbox", vec![]);
    let outcomes = export(&connector, &[UPDATE]).await;
    assert!(outcomes[0].contains(r#""status":"applied""#), "{outcomes:?}");
}

#[tokio::test]
async fn what_can_be_refused_without_a_server_is() {
    let (connector, script) = connector(settings("authentication_method = 'Basic'", ""));
    let lines = [
        "{",
        CREATE,
        r#"{"ref":"a","operation":"update","id":"9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2","attributes":{"DisplyName":"x"}}"#,
        r#"{"ref":"b","operation":"update","id":"9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2","attributes":{"WhenChanged":"x"}}"#,
        r#"{"ref":"c","operation":"update","id":"9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2","attributes":{"HiddenFromAddressListsEnabled":null}}"#,
        r#"{"ref":"d","operation":"create","attributes":{"Name":"x"}}"#,
        r#"{"ref":"e","operation":"create","attributes":{"UserPrincipalName":"x"}}"#,
        r#"{"ref":"f","operation":"create","identity":"x","attributes":{"Name":"x"}}"#,
        r#"{"ref":"g","operation":"update","id":"9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2","attributes":{"PrimarySmtpAddress":"a@b.c"}}"#,
    ];
    let outcomes = export(&connector, &lines).await;
    let expected = [
        "line 1 is not valid JSON at column 1",
        "_param_password must not be sent with authentication_method = \\\"Basic\\\": export.password_methods allows \
         Negotiate, CredSSP; sign in with one of those, or change export.password_methods",
        "attribute \\\"DisplyName\\\" is not known; did you mean DisplayName?",
        "attribute WhenChanged cannot be changed",
        "attribute HiddenFromAddressListsEnabled is either true or false and cannot be cleared",
        "New-Mailbox needs _param_password for a user mailbox, or a type such as \\\"_param_Shared\\\": true",
        "attribute Name is missing; New-Mailbox needs it",
        "\\\"identity\\\" names an account to enable, but create_method = \\\"New\\\" makes one with New-Mailbox",
        "attribute PrimarySmtpAddress cannot be changed; the primary address is the last of EmailAddresses",
    ];
    for (outcome, expected) in outcomes.iter().zip(expected) {
        assert!(outcome.contains(expected), "{outcome}");
        assert!(!outcome.contains("hunter2"));
    }
    assert!(outcomes[1].contains(r#""status":"refused""#), "{}", outcomes[1]);
    assert!(script.calls().is_empty());
}

#[tokio::test]
async fn a_summary_counts_and_knows_the_exit_code() {
    let (connector, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![not_found()]);
    let mut run = connector.export(Operation::from_json_lines(DELETE));
    assert_eq!(run.summary().exit_code(), 0);
    while run.next().await.is_some() {}
    assert_eq!((run.summary().failed, run.summary().exit_code()), (1, 1));
}

#[tokio::test]
async fn another_mailbox_than_was_asked_for_is_not_written_to() {
    const OTHER: &str = "11111111-2222-3333-4444-555555555555";
    let other = || {
        clixml::Object::new()
            .with_adapted("Guid", OTHER.parse::<uuid::Uuid>().unwrap())
            .with_adapted("UserPrincipalName", "boss@contoso.com")
    };
    // It shows another one and made the right one; then it shows another one and made none.
    for (found, status) in [(true, "applied"), (false, "unknown")] {
        let (connector, script) = connector(settings("", ""));
        script.answer("Get-Mailbox", vec![not_found()]);
        script.answer("New-Mailbox", vec![item(other())]);
        if found {
            let made = || {
                mailbox(ANN, "Ann").with_adapted("EmailAddresses", list(&["SMTP:a@contoso.com"]))
            };
            script.answer("Get-Mailbox", vec![item(made())]);
            script.answer("Get-Mailbox", vec![item(made())]);
            script.answer("Set-Mailbox", vec![]);
        } else {
            script.answer("Get-Mailbox", vec![not_found()]);
        }
        let outcomes = export(&connector, &[CREATE]).await;
        assert!(outcomes[0].contains(&format!(r#""status":"{status}""#)), "{outcomes:?}");
        assert!(script.transcript().iter().all(|call| !call.contains(OTHER)), "{outcomes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_made_and_cannot_be_read_back_is_in_doubt() {
    let made = || {
        clixml::Object::new()
            .with_adapted("Guid", ANN.parse::<uuid::Uuid>().unwrap())
            .with_adapted("UserPrincipalName", "ann@contoso.com")
    };
    let (connector, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![not_found()]);
    script.answer("New-Mailbox", vec![item(made())]);
    for _ in 0..6 {
        let lost = TransportError::ConnectionLost { source: "reset".into() };
        script.fail("Get-Mailbox", vec![], lost);
    }
    let outcomes = export(&connector, &[CREATE]).await;
    let expected = [
        r#""status":"unknown""#,
        &format!(r#""id":"{ANN}""#),
        r#""class":"ambiguous","retry":"after-check""#,
        "the mailbox was made, but whether with all of its attributes cannot be told",
    ];
    for expected in expected {
        assert!(outcomes[0].contains(expected), "{outcomes:?}");
    }
    assert_eq!(script.transcript().iter().filter(|call| call.starts_with("New-")).count(), 1);
}
