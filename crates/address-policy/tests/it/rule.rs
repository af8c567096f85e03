//! The rule by cases, each named after what it says.

use address_policy::{
    Decision, ExcludedDomains, FlowError, Mark, Merge, MergeOptions, Warning, merge, merge_with,
    parse_all,
};

#[track_caller]
fn merged(current: &[&str], flow: &[&str], excluded: &[&str]) -> Merge {
    let excluded = ExcludedDomains::parse(excluded).expect("the test names valid domains");
    merge(&parse_all(current).expect("the test names entries"), flow, &excluded)
        .expect("the flow is valid")
}

#[track_caller]
fn check(current: &[&str], flow: &[&str], excluded: &[&str], expected: &[&str]) {
    let outcome = merged(current, flow, excluded);
    assert_eq!(outcome.texts(), expected);
    assert!(outcome.changed);
}

#[track_caller]
fn unchanged(current: &[&str], flow: &[&str], excluded: &[&str]) {
    assert!(!merged(current, flow, excluded).changed);
}

#[track_caller]
fn refused(flow: &[&str], excluded: &[&str]) -> FlowError {
    let excluded = ExcludedDomains::parse(excluded).expect("the test names valid domains");
    merge(&[], flow, &excluded).expect_err("the flow is to be refused")
}

#[test]
fn entries_of_other_types_stay_byte_for_byte_and_in_order() {
    check(
        &[
            "X500:/o=B/cn=Ann ",
            "SMTP:old@contoso.com",
            "x400:c=US;a= ;p=C",
            "SPO:SPO_1@SPO_2",
            "sip:ann@contoso.com",
        ],
        &["ann@contoso.com"],
        &[],
        &[
            "X500:/o=B/cn=Ann ",
            "x400:c=US;a= ;p=C",
            "SPO:SPO_1@SPO_2",
            "sip:ann@contoso.com",
            "SMTP:ann@contoso.com",
        ],
    );
}

#[test]
fn an_address_of_an_excluded_domain_stays() {
    check(
        &[
            "SMTP:ann@contoso.com",
            "smtp:Ann@Tenant.Mail.onmicrosoft.com",
            "smtp:ann@my-onmicrosoft.com",
        ],
        &["b@contoso.com"],
        &["onmicrosoft.com"],
        &["smtp:Ann@Tenant.Mail.onmicrosoft.com", "SMTP:b@contoso.com"],
    );
}

#[test]
fn an_entry_with_an_at_keeps_its_own_domain_only() {
    check(
        &["smtp:a@contoso.com", "smtp:a@eu.contoso.com"],
        &["a@fabrikam.com"],
        &["@contoso.com"],
        &["smtp:a@contoso.com", "SMTP:a@fabrikam.com"],
    );
}

#[test]
fn a_kept_address_that_was_the_primary_is_demoted() {
    check(
        &["SMTP:Ann@old.com", "smtp:b@contoso.com"],
        &["b@contoso.com"],
        &["old.com"],
        &["smtp:Ann@old.com", "SMTP:b@contoso.com"],
    );
}

#[test]
fn the_last_address_of_the_flow_is_the_primary() {
    check(
        &[],
        &["a@contoso.com", "b@contoso.com"],
        &[],
        &["smtp:a@contoso.com", "SMTP:b@contoso.com"],
    );
    check(
        &["SMTP:a@contoso.com", "smtp:b@contoso.com"],
        &["a@contoso.com", "b@contoso.com"],
        &[],
        &["smtp:a@contoso.com", "SMTP:b@contoso.com"],
    );
}

#[test]
fn a_prefix_in_the_flow_is_accepted_but_does_not_make_a_primary() {
    let outcome = merged(&[], &["SMTP:a@contoso.com", "smtp:b@contoso.com"], &[]);
    assert_eq!(outcome.texts(), ["smtp:a@contoso.com", "SMTP:b@contoso.com"]);
    assert_eq!(outcome.warnings, [Warning::MarkIgnored { entry: "SMTP:a@contoso.com".to_owned() }]);
}

#[test]
fn an_address_named_twice_appears_once() {
    check(
        &[],
        &["A@contoso.com", "b@contoso.com", "a@contoso.com", "c@contoso.com", "B@contoso.com"],
        &[],
        &["smtp:A@contoso.com", "smtp:c@contoso.com", "SMTP:B@contoso.com"],
    );
}

#[test]
fn an_empty_flow_changes_nothing() {
    let current = ["SMTP:Ann@old.com", "smtp:b@contoso.com", "X500:/o=A"];
    let outcome = merged(&current, &[], &["old.com"]);
    assert_eq!((outcome.changed, outcome.texts()), (false, current.to_vec()));
    let keep = MergeOptions::default().keep("ann@old.com".parse().unwrap());
    let none: &[&str] = &[];
    let outcome =
        merge_with(&parse_all(current).unwrap(), none, &ExcludedDomains::none(), &keep).unwrap();
    assert_eq!((outcome.changed, outcome.texts()), (false, current.to_vec()));
}

#[test]
fn a_flow_address_of_an_excluded_domain_is_not_managed() {
    let outcome = merged(&["SMTP:a@contoso.com"], &["x@eu.old.com", "a@contoso.com"], &["old.com"]);
    assert!(!outcome.changed);
    let by = "old.com".parse().unwrap();
    assert_eq!(outcome.warnings, [Warning::FlowExcluded { entry: "x@eu.old.com".to_owned(), by }]);
    check(
        &["smtp:X@eu.old.com", "SMTP:b@contoso.com"],
        &["x@eu.old.com", "a@contoso.com"],
        &["old.com"],
        &["smtp:X@eu.old.com", "SMTP:a@contoso.com"],
    );
}

#[test]
fn a_primary_of_an_excluded_domain_is_refused() {
    let error = refused(&["a@contoso.com", "x@eu.old.com"], &["old.com"]);
    assert!(matches!(&error, FlowError::ExcludedPrimary { entry, .. } if entry == "x@eu.old.com"));
    assert_eq!(
        error.to_string(),
        "primary address \"x@eu.old.com\" lies in the excluded domain old.com"
    );
}

#[test]
fn what_is_no_smtp_address_is_refused_by_name() {
    for text in [
        "",
        " ",
        "ann",
        "ann@",
        "@contoso.com",
        "a b@contoso.com",
        "smtp:",
        "smtp:ann",
        "a@b@c.com",
        "smtp: a@b.c",
    ] {
        let error = refused(&[text, "a@contoso.com"], &[]);
        assert!(matches!(&error, FlowError::Malformed { entry, .. } if entry == text), "{text}");
        assert!(error.to_string().contains(&format!("{text:?}")));
    }
    for text in ["X500:/o=A", "sip:ann@contoso.com", ":a@contoso.com", "smtp:smtp:a@contoso.com"] {
        let error = refused(&["a@contoso.com", text], &[]);
        assert!(error.to_string().contains(text), "{error}");
    }
    assert_eq!(refused(&["X500:/o=A"], &[]), FlowError::NotSmtp { entry: "X500:/o=A".to_owned() });
}

#[test]
fn order_and_case_make_no_change() {
    unchanged(
        &["X500:/o=A", "SMTP:Ann@Contoso.com", "smtp:b@contoso.com", "smtp:k@old.com"],
        &["B@contoso.com", "ann@contoso.COM"],
        &["old.com"],
    );
}

#[test]
fn the_primary_mark_counts_as_a_change() {
    assert!(merged(&["smtp:a@contoso.com"], &["a@contoso.com"], &[]).changed);
}

#[test]
fn a_requested_address_is_kept_and_may_still_be_managed() {
    let current = parse_all(["SMTP:ann@contoso.com", "smtp:Ann@t.mail.onmicrosoft.com"]).unwrap();
    let keep = MergeOptions::default().keep("ann@t.mail.onmicrosoft.com".parse().unwrap());
    let excluded = ExcludedDomains::none();

    let outcome = merge_with(&current, &["b@contoso.com"], &excluded, &keep).unwrap();
    assert_eq!(outcome.texts(), ["smtp:Ann@t.mail.onmicrosoft.com", "SMTP:b@contoso.com"]);
    assert!(
        outcome
            .explanation
            .iter()
            .any(|entry| entry.decision == Decision::KeptRequested { demoted: false })
    );

    let outcome = merge_with(&current, &["ANN@t.mail.onmicrosoft.com"], &excluded, &keep).unwrap();
    assert_eq!(outcome.texts(), ["SMTP:ANN@t.mail.onmicrosoft.com"]);
}

#[test]
fn every_entry_is_explained() {
    let outcome = merged(
        &["SMTP:k@old.com", "X500:/o=A", "smtp:a@contoso.com", "smtp:gone@contoso.com"],
        &["n@old.com", "new@contoso.com", "NEW@contoso.com", "a@contoso.com"],
        &["old.com"],
    );
    let by: address_policy::ExcludedDomain = "old.com".parse().unwrap();
    let decisions: Vec<_> = outcome
        .explanation
        .iter()
        .map(|entry| (entry.address.as_str(), entry.decision.clone()))
        .collect();
    assert_eq!(
        decisions,
        [
            ("SMTP:k@old.com", Decision::KeptExcluded { by: by.clone(), demoted: true }),
            ("X500:/o=A", Decision::KeptNonSmtp),
            ("smtp:a@contoso.com", Decision::Retained { mark: Mark::Promoted }),
            ("smtp:gone@contoso.com", Decision::Dropped),
            ("smtp:new@contoso.com", Decision::Added { primary: false }),
            ("n@old.com", Decision::IgnoredExcluded { by }),
            ("NEW@contoso.com", Decision::IgnoredDuplicate),
        ]
    );
    let lines: Vec<String> = outcome.explanation.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines[0],
        "SMTP:k@old.com: kept as a secondary address, in the excluded domain old.com"
    );
    assert_eq!(lines[2], "smtp:a@contoso.com: retained, now the primary");
}
