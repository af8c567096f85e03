//! Against the simulated Exchange inside the process.

use serde_json::json;

use crate::support::run;

#[test]
fn an_import_of_the_simulation_is_complete() {
    let imported = run(&["import", "--simulate", "1000"], "").expect_code(0);
    assert_eq!(imported.of_type("object").len(), 1000);
    let last = imported.last();
    assert_eq!(
        (&last["type"], &last["objects"], &last["deletes"]),
        (&json!("complete"), &json!(1000), &json!(0))
    );
}

#[test]
fn the_option_may_stand_before_the_command_and_alone() {
    let imported = run(&["--simulate", "import"], "").expect_code(0);
    assert_eq!(imported.last()["objects"], 100);
}

#[test]
fn chosen_attributes_only() {
    let imported = run(&["import", "--simulate", "3", "--attributes", "Alias,EmailAddresses"], "")
        .expect_code(0);
    for object in imported.of_type("object") {
        let attributes = object["attributes"].as_object().unwrap();
        assert_eq!(attributes.keys().collect::<Vec<_>>(), ["Alias", "EmailAddresses"]);
    }
}

#[test]
fn a_dry_run_shows_before_after_and_the_cmdlet() {
    let first =
        run(&["import", "--simulate", "1", "--attributes", "DisplayName"], "").expect_code(0);
    let id = first.of_type("object")[0]["id"].clone();
    let change = json!({"ref": "1", "operation": "update", "id": id, "attributes": {"DisplayName": "New Name"}});
    let planned =
        run(&["plan", "--simulate", "1", "--input", "-"], &change.to_string()).expect_code(0);
    let line = planned.last();
    assert_eq!(line["status"], "planned");
    assert_eq!(line["changes"][0]["attribute"], "DisplayName");
    assert_eq!(line["changes"][0]["after"], "New Name");
    assert!(line["cmdlets"][0].as_str().unwrap().starts_with("Set-"), "{line}");
}

#[test]
fn an_export_is_answered_line_by_line_in_order() {
    let input = [
        json!({"ref": "a", "operation": "create", "attributes": {"Name": "Ann Example",
            "UserPrincipalName": "ann@contoso.com", "_param_password": "Str0ng-enough!"}}),
        json!({"ref": "b", "operation": "delete", "id": "11111111-2222-3333-4444-555555555555"}),
    ]
    .map(|line| line.to_string())
    .join("\n");
    let answers = run(&["export", "--simulate", "--input", "-"], &input).expect_code(1);
    let short: Vec<_> = answers.lines.iter().map(|line| (&line["ref"], &line["status"])).collect();
    assert_eq!(short, [(&json!("a"), &json!("applied")), (&json!("b"), &json!("failed"))]);
}

#[test]
fn no_log_shows_a_secret() {
    let secret = "Zx9-very-secret";
    let change = json!({"ref": "1", "operation": "create", "attributes": {"Name": "Ann",
        "UserPrincipalName": "ann@contoso.com", "_param_password": secret}});
    for format in ["text", "json"] {
        let arguments = [
            "export",
            "--simulate",
            "2",
            "--input",
            "-",
            "--log-level",
            "trace",
            "--log-format",
            format,
        ];
        let run = run(&arguments, &change.to_string()).expect_code(0);
        assert_eq!(run.last()["status"], "applied", "{}", run.last());
        assert!(run.stderr.contains("shell opened"), "nothing was logged: {}", run.stderr);
        let said = format!("{} {:?}", run.stderr, run.lines);
        for shown in [secret, "Wng5LXZlcnktc2VjcmV0"] {
            assert!(!said.contains(shown), "{shown} in: {said}");
        }
    }
}

#[test]
fn check_reports_every_step() {
    let report = run(&["check", "--simulate", "2", "--json"], "").expect_code(0);
    let text = report.last().to_string();
    assert!(text.contains("contoso"), "{text}");
}

#[test]
fn schema_names_the_cmdlet_behind_an_attribute() {
    let schema = run(&["schema", "--simulate", "1"], "").expect_code(0);
    assert!(schema.lines.iter().any(|line| line.to_string().contains("Set-Mailbox")));
}

#[test]
fn invoke_runs_one_cmdlet() {
    let rows = run(&["invoke", "Get-AcceptedDomain", "--simulate", "1"], "").expect_code(0);
    assert!(!rows.lines.is_empty());
    let failed = run(&["invoke", "Get-Mailbox", "-Identity", "nobody", "--simulate", "1"], "")
        .expect_code(1);
    assert!(failed.stderr.contains("nobody"), "{}", failed.stderr);
}

#[test]
fn the_cloud_is_imported_and_checked_like_a_server() {
    let cloud = ["--simulate", "25", "--simulate-as", "cloud"];
    let run = |words: &[&str]| run(&[words, cloud.as_slice()].concat(), "").expect_code(0);
    let imported = run(&["import", "--attributes", "DisplayName,EmailAddresses"]);
    assert_eq!(imported.of_type("object").len(), 25);
    assert_eq!(imported.last()["type"], "complete");
    assert!(run(&["check", "--json"]).last().to_string().contains("contoso"));
    let schema = run(&["schema"]);
    let policies =
        |line: &serde_json::Value| line.to_string().contains("EmailAddressPolicyEnabled");
    assert!(!schema.lines.iter().any(policies), "the service has no address policies");
}

#[test]
fn both_sides_of_a_hybrid_organisation_are_simulated() {
    let imported = run(&["--simulate=20", "--simulate-as", "Hybrid", "import"], "").expect_code(0);
    let classes: Vec<_> =
        imported.of_type("object").iter().map(|object| object["class"].clone()).collect();
    assert!(
        classes.contains(&json!("RemoteUserMailbox")) && classes.contains(&json!("UserMailbox"))
    );
    let arguments = ["--simulate=5", "--simulate-as", "Hybrid", "check", "--json"];
    let report = run(&arguments, "").expect_code(0).last().clone();
    assert_eq!((&report["ok"], &report["online"]["ok"]), (&json!(true), &json!(true)));
    let cloud = ["--simulate=5", "--simulate-as", "Hybrid", "invoke", "--cloud", "Get-Mailbox"];
    let own = ["--simulate=5", "--simulate-as", "Hybrid", "invoke", "Get-Mailbox"];
    let count = |arguments: &[&str]| run(arguments, "").expect_code(0).lines.len();
    assert_eq!((count(&cloud), count(&own)), (5, 1));
}

#[test]
fn every_command_works_in_the_cloud() {
    let cloud = |words: &[&str], input: &str| {
        run(&[&["--simulate=12", "--simulate-as", "Cloud"], words].concat(), input)
    };
    let report = cloud(&["check", "--json"], "").expect_code(0);
    assert_eq!(report.last()["ok"], true);
    let schema = cloud(&["schema"], "").expect_code(0);
    assert!(schema.lines.iter().any(|line| line.to_string().contains("New-Mailbox")));
    let imported = cloud(&["import", "--class", "UserMailbox", "--attributes", "Alias,Title"], "")
        .expect_code(0);
    let id = imported.of_type("object")[0]["id"].clone();
    assert_eq!(imported.last()["type"], "complete");
    let refused = cloud(&["import", "--class", "RemoteUserMailbox"], "").expect_code(2);
    assert!(refused.lines.is_empty());
    let input = [
        json!({"ref": "a", "operation": "create", "attributes": {"Name": "Ann Example",
            "UserPrincipalName": "ann@contoso.com", "EmailAddresses": ["ann@contoso.com"],
            "_param_password": "Str0ng-enough!"}}),
        json!({"ref": "b", "operation": "update", "id": id, "attributes": {"Title": "Lead"}}),
        json!({"ref": "c", "operation": "delete", "id": id}),
    ]
    .map(|line| line.to_string())
    .join("\n");
    let planned = cloud(&["plan", "--input", "-"], &input).expect_code(1);
    let exported = cloud(&["export", "--input", "-"], &input).expect_code(1);
    let statuses = |run: &crate::support::Run| -> Vec<String> {
        run.lines.iter().map(|line| line["status"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(statuses(&planned), ["planned", "planned", "refused"]);
    assert_eq!(statuses(&exported), ["applied", "applied", "refused"]);
    let domains = cloud(&["invoke", "Get-AcceptedDomain"], "").expect_code(0);
    assert!(domains.lines.iter().any(|line| line["DomainName"] == "contoso.com"));
}
