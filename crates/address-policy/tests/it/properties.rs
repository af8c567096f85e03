//! What holds for every input.

use address_policy::{
    ExcludedDomain, ExcludedDomains, ProxyAddress, SmtpAddress, SmtpDomain, is_visible, merge,
    parse_all, same_set,
};
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::{prop_assert, prop_assert_eq, prop_assume};

const DOMAINS: [&str; 5] =
    ["contoso.com", "eu.contoso.com", "mycontoso.com", "fabrikam.com", "BÜCHER.example"];

fn address() -> impl Strategy<Value = String> {
    ("[a-dA-D]{1,2}", 0..DOMAINS.len())
        .prop_map(|(local, domain)| format!("{local}@{}", DOMAINS[domain]))
}

fn entry() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (prop_oneof![Just("smtp:"), Just("SMTP:"), Just("Smtp:"), Just("")], address())
            .prop_map(|(kind, address)| format!("{kind}{address}")),
        1 => prop_oneof![Just("X500:"), Just("sip:"), Just("SPO:")].prop_flat_map(|kind| {
            "\\PC{0,8}".prop_map(move |rest| format!("{kind}{rest}"))
        }),
        1 => "\\PC{1,8}",
    ]
}

fn excluded() -> impl Strategy<Value = ExcludedDomains> {
    let entry = prop_oneof![
        Just("contoso.com"),
        Just("@contoso.com"),
        Just("Bücher.example"),
        Just("example")
    ];
    proptest::collection::vec(entry, 0..3)
        .prop_map(|entries| ExcludedDomains::parse(entries).unwrap())
}

fn list() -> impl Strategy<Value = Vec<ProxyAddress>> {
    proptest::collection::vec(entry(), 0..8).prop_map(|entries| parse_all(entries).unwrap())
}

fn flow() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(address(), 0..6)
}

/// Entries that the flow does not manage, without their primary marks.
fn unmanaged(list: &[ProxyAddress], excluded: &ExcludedDomains) -> Vec<String> {
    let kept = list.iter().filter(|e| !e.is_smtp() || excluded.matching_address(e).is_some());
    kept.map(|e| if e.is_primary_smtp() { format!("smtp:{}", e.address()) } else { e.to_string() })
        .collect()
}

proptest! {
    #[test]
    fn merging_again_changes_nothing(current in list(), flow in flow(), excluded in excluded()) {
        if let Ok(first) = merge(&current, &flow, &excluded) {
            let second = merge(&first.result, &flow, &excluded).unwrap();
            prop_assert!(!second.changed);
            prop_assert_eq!(second.result, first.result);
        }
    }

    #[test]
    fn there_is_exactly_one_primary(current in list(), flow in flow(), excluded in excluded()) {
        prop_assume!(!flow.is_empty());
        if let Ok(merged) = merge(&current, &flow, &excluded) {
            prop_assert_eq!(merged.result.iter().filter(|e| e.is_primary_smtp()).count(), 1);
            let primary: SmtpAddress = merged.primary().unwrap().address().parse().unwrap();
            prop_assert_eq!(primary, flow.last().unwrap().parse().unwrap());
        }
    }

    #[test]
    fn what_is_not_managed_stays_in_order(current in list(), flow in flow(), excluded in excluded()) {
        if let Ok(merged) = merge(&current, &flow, &excluded) {
            let expected = if flow.is_empty() { current.len() } else { unmanaged(&current, &excluded).len() };
            prop_assert_eq!(unmanaged(&merged.result, &excluded), unmanaged(&current, &excluded));
            let head: Vec<_> = merged.result.iter().take(expected).cloned().collect();
            prop_assert_eq!(unmanaged(&head, &excluded), unmanaged(&current, &excluded));
            for e in current.iter().filter(|e| !e.is_smtp()) {
                prop_assert!(merged.result.contains(e));
            }
        }
    }

    #[test]
    fn nothing_managed_stays_that_the_flow_does_not_name(current in list(), flow in flow(), excluded in excluded()) {
        prop_assume!(!flow.is_empty());
        if let Ok(merged) = merge(&current, &flow, &excluded) {
            let wanted: Vec<SmtpAddress> = flow.iter().map(|text| text.parse().unwrap()).collect();
            for e in merged.result.iter().filter(|e| e.is_smtp() && excluded.matching_address(e).is_none()) {
                prop_assert!(wanted.contains(&e.address().parse().unwrap()));
            }
        }
    }

    #[test]
    fn every_entry_has_one_explanation(current in list(), flow in flow(), excluded in excluded()) {
        if let Ok(merged) = merge(&current, &flow, &excluded) {
            prop_assert!(merged.explanation.len() >= current.len());
            prop_assert!(merged.explanation.len() <= current.len() + flow.len());
            for (line, entry) in merged.explanation.iter().zip(&current) {
                prop_assert_eq!(&line.address, entry);
            }
        }
    }

    #[test]
    fn equality_ignores_order_and_case(current in list(), seed in any::<u64>()) {
        let mut other: Vec<ProxyAddress> = current
            .iter()
            .map(|e| if e.is_smtp() { format!("{}:{}", e.kind(), e.address().to_ascii_uppercase()) } else { e.to_string() })
            .map(|text| text.parse().unwrap())
            .collect();
        if !other.is_empty() {
            let middle = usize::try_from(seed % 1000).unwrap() % other.len();
            other.rotate_left(middle);
        }
        prop_assert!(same_set(&current, &other));
        prop_assert!(same_set(&other, &current));
    }

    #[test]
    fn entries_print_as_they_were_read(text in "\\PC{1,30}") {
        prop_assert_eq!(text.parse::<ProxyAddress>().unwrap().to_string(), text);
    }

    #[test]
    fn what_parses_prints_and_parses_again(text in "[a-z\"\\\\.@_ü-]{1,12}@?[a-zé.-]{0,10}") {
        if let Ok(address) = text.parse::<SmtpAddress>() {
            prop_assert_eq!(address.to_string(), text.clone());
            prop_assert_eq!(format!("{}@{}", address.local_part(), address.domain()), text);
        }
    }

    #[test]
    fn no_input_panics(
        current in proptest::collection::vec(any::<String>(), 0..6),
        flow in proptest::collection::vec(any::<String>(), 0..6),
        domains in proptest::collection::vec(any::<String>(), 0..3),
    ) {
        for domain in &domains {
            prop_assert_eq!(domain.parse::<SmtpDomain>().is_ok() && !domain.starts_with('@'), domain.parse::<ExcludedDomain>().is_ok() && !domain.starts_with('@'));
        }
        let excluded = ExcludedDomains::parse(&domains).unwrap_or_default();
        let current: Vec<ProxyAddress> = current.iter().filter_map(|text| text.parse().ok()).collect();
        for entry in current.iter().filter(|entry| !entry.is_smtp()) {
            prop_assert!(is_visible(entry.as_str(), &excluded));
        }
        match merge(&current, &flow, &excluded) {
            Ok(merged) => prop_assert!(merged.result.len() <= current.len() + flow.len()),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
