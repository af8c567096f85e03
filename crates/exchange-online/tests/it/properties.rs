//! What holds for every answer.

use exchange_online::Answer;
use proptest::prelude::{any, proptest};
use proptest::{prop_assert, prop_assert_eq};

proptest! {
    #[test]
    fn no_body_panics(status in 100_u16..600, body in proptest::collection::vec(any::<u8>(), 0..200)) {
        match Answer::parse(status, &body) {
            Ok(_) => prop_assert!((200..300).contains(&status)),
            Err(error) => prop_assert!(!error.to_string().contains('\0')),
        }
    }

    #[test]
    fn no_json_panics(status in 100_u16..600, text in "[{\"a@odata.type:value,error}\\[\\]0-9]{0,60}") {
        let wrapped = format!("{{\"value\":[{text}],\"error\":{text}}}");
        for body in [text, wrapped] {
            if let Err(error) = Answer::parse(status, body.as_bytes()) {
                prop_assert!(!error.class().as_str().is_empty());
            }
        }
    }

    #[test]
    fn every_row_arrives(names in proptest::collection::vec("[A-Za-z]{1,8}", 0..20)) {
        let rows: Vec<String> = names.iter().map(|name| format!("{{\"Name\":\"{name}\"}}")).collect();
        let answer = Answer::parse(200, format!("{{\"value\":[{}]}}", rows.join(",")).as_bytes()).expect("it is JSON");
        let found: Vec<_> = answer.rows.iter().filter_map(|row| row.property("Name")?.as_str()).collect();
        prop_assert_eq!(found, names);
    }
}
