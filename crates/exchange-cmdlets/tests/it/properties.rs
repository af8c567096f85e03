//! What holds for every input.

use clixml::{Object, TypeNames, Value};
use exchange_cmdlets::{
    CmdletCall, ErrorId, ErrorRecord, Filter, Identity, WarningKind, attribute_value, classify,
    natural_value, quote,
};
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::{prop_assert, prop_assert_eq, prop_assert_ne};

/// Values as they may arrive: primitives, lists, objects with and without text, in one another.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        proptest::collection::vec(any::<u8>(), 0..4).prop_map(Value::Bytes),
    ];
    leaf.prop_recursive(6, 40, 4, |inner| {
        let items = proptest::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            items.prop_map(|items| Value::list(TypeNames::none(), items)),
            (any::<Option<String>>(), "[A-Z][a-z]{0,5}", inner).prop_map(|(text, name, member)| {
                let object = Object::new().with_adapted(name, member);
                match text {
                    Some(text) => object.with_to_string(text).into(),
                    None => object.into(),
                }
            }),
        ]
    })
}

proptest! {
    #[test]
    fn every_value_has_a_form(value in value()) {
        let json = attribute_value(&value);
        prop_assert_eq!(json.is_array(), value.items().is_some());
        let call = CmdletCall::new("Set-Mailbox").parameter("P", value);
        prop_assert!(call.to_string().starts_with("Set-Mailbox -P "));
    }

    #[test]
    fn texts_go_in_as_they_came_out(text in any::<String>()) {
        let json = serde_json::Value::String(text);
        let value = natural_value(&json).expect("text can always be sent");
        prop_assert_eq!(attribute_value(&value), json);
    }

    #[test]
    fn every_error_has_a_class(reason in "[A-Za-z.]{0,30}", id in any::<String>(), message in any::<String>()) {
        let mut record = ErrorRecord::new(message, reason.clone());
        record.fully_qualified_error_id = id;
        let classified = classify(&record);
        prop_assert!(!classified.class.as_str().is_empty());
        prop_assert!(reason.is_empty() || classified.exception == reason);
    }

    #[test]
    fn an_id_is_read_whatever_it_holds(text in "[\\[\\]=, A-Za-z0-9-]{0,60}") {
        let id = ErrorId::parse(&text);
        prop_assert!(text.contains(id.code));
    }

    #[test]
    fn every_warning_is_placed(text in any::<String>()) {
        let shout = WarningKind::of(&format!("The object {text} has been corrupted, and it's inconsistent."));
        prop_assert_ne!(shout, WarningKind::Other);
    }

    #[test]
    fn a_quoted_text_stays_one_literal(text in "[^\\p{Cc}]{0,20}") {
        let quoted = quote(&text).expect("the text holds no control character");
        let inner = quoted.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).expect("quotes stand around it");
        prop_assert_eq!(inner.replace("''", "'"), text.clone());
        prop_assert_eq!(inner.matches('\'').count() % 2, 0);
        prop_assert!(Filter::compare("Name", "eq", &text).is_ok());
    }

    #[test]
    fn an_identity_never_means_everything(text in any::<String>()) {
        if let Ok(identity) = Identity::new(&text) {
            prop_assert_eq!(identity.as_str(), text.as_str());
            prop_assert!(!identity.as_str().trim().is_empty() && !identity.as_str().contains('*'));
        }
    }
}
