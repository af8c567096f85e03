use crate::support::{ANN, connector, item, list, mailbox, not_found, plan, settings};

#[tokio::test]
async fn a_plan_of_an_update_shows_before_after_and_the_cmdlet() {
    let (connector, script) = connector(settings("", ""));
    let ann = mailbox(ANN, "Ann")
        .with_adapted("DisplayName", "Ann")
        .with_adapted("EmailAddresses", list(&["SMTP:ann@contoso.com"]))
        .with_adapted("EmailAddressPolicyEnabled", false);
    script.answer("Get-Mailbox", vec![item(ann)]);
    let line = format!(
        r#"{{"ref":1,"operation":"update","id":"{ANN}","attributes":{{"DisplayName":"Ann O'Neil","EmailAddresses":["x@contoso.com"]}}}}"#
    );
    assert_eq!(
        plan(&connector, &[&line]).await,
        [format!(
            r#"{{"ref":1,"operation":"update","status":"planned","id":"{ANN}","server":"dc01.contoso.com","changes":[{{"attribute":"DisplayName","before":"Ann","after":"Ann O'Neil"}},{{"attribute":"EmailAddresses","before":["SMTP:ann@contoso.com"],"after":["SMTP:x@contoso.com"]}}],"cmdlets":["Set-Mailbox -Identity '{ANN}' -DisplayName 'Ann O''Neil' -EmailAddresses @('SMTP:x@contoso.com') -DomainController 'dc01.contoso.com' -Confirm:$false"]}}"#
        )]
    );
    assert_eq!(script.calls().len(), 1);
}

#[tokio::test]
async fn a_plan_without_changes_says_unchanged() {
    let (connector, script) = connector(settings("", ""));
    script
        .answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann").with_adapted("DisplayName", "Ann"))]);
    let line =
        format!(r#"{{"operation":"update","id":"{ANN}","attributes":{{"DisplayName":"Ann"}}}}"#);
    assert_eq!(
        plan(&connector, &[&line]).await,
        [format!(
            r#"{{"operation":"update","status":"unchanged","id":"{ANN}","server":"dc01.contoso.com","changes":[],"cmdlets":[]}}"#
        )]
    );
}

#[tokio::test]
async fn a_plan_of_a_create_redacts_the_password() {
    let (connector, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![not_found()]);
    let line = r#"{"operation":"create","attributes":{"Name":"Ann","UserPrincipalName":"ann@contoso.com","CustomAttribute1":"x","EmailAddresses":["ann@contoso.com"],"_param_password":"hunter2"}}"#;
    let outcomes = plan(&connector, &[line]).await;
    assert!(!outcomes[0].contains("hunter2"));
    let outcome: serde_json::Value = serde_json::from_str(&outcomes[0]).unwrap();
    assert_eq!(outcome["status"], "planned");
    assert_eq!(
        outcome["cmdlets"],
        serde_json::json!([
            "New-Mailbox -Name 'Ann' -UserPrincipalName 'ann@contoso.com' -Password <redacted> -DomainController \
             'dc01.contoso.com' -Confirm:$false",
            "Set-Mailbox -Identity 'ann@contoso.com' -CustomAttribute1 'x' -EmailAddressPolicyEnabled $false \
             -EmailAddresses @('SMTP:ann@contoso.com') -DomainController 'dc01.contoso.com' -Confirm:$false",
        ])
    );
    assert_eq!(script.calls().len(), 1, "only the look whether it exists");
}

#[tokio::test]
async fn a_plan_of_a_delete_names_the_cmdlet() {
    let (connector, script) = connector(settings("", ""));
    script.answer("Get-Mailbox", vec![item(mailbox(ANN, "Ann"))]);
    let line = format!(r#"{{"operation":"delete","id":"{ANN}"}}"#);
    assert_eq!(
        plan(&connector, &[&line]).await,
        [format!(
            r#"{{"operation":"delete","status":"planned","id":"{ANN}","server":"dc01.contoso.com","changes":[],"cmdlets":["Disable-Mailbox -Identity '{ANN}' -DomainController 'dc01.contoso.com' -Confirm:$false"]}}"#
        )]
    );
}

#[tokio::test]
async fn a_plan_to_enable_needs_the_account() {
    let (connector, script) = connector(settings("create_method = 'Enable'", ""));
    script.answer("Get-Mailbox", vec![not_found()]);
    script.answer("Get-User", vec![not_found()]);
    let line = r#"{"operation":"create","identity":"ann","attributes":{}}"#;
    let outcomes = plan(&connector, &[line]).await;
    assert!(outcomes[0].contains(r#""class":"not-found""#), "{outcomes:?}");
}
