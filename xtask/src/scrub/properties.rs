//! What holds of the scrubber whatever it is given.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use psrp::fragment::{Defragmenter, Fragmenter};
use psrp::message::MessageType;

use super::alphabet::fold;
use super::check::Checker;
use super::dictionary::Dictionary;
use super::property::Class;
use super::walk::Visitor as _;
use super::{Facts, Form, Part, scrub};

fn classes() -> impl Strategy<Value = Class> {
    prop::sample::select(vec![
        Class::Free,
        Class::Name,
        Class::Host,
        Class::Note,
        Class::Phone,
        Class::Filter,
        Class::Secret,
    ])
}

/// Texts with identifiers of every form in them, and anything around.
fn texts() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "[a-z]{1,9}(\\.[a-z']{2,9})?@[a-z0-9-]{2,12}(\\.[a-z]{3,9})?\\.(com|de|local)",
        "[A-Z]{2,5}[0-9]{1,2}\\.[a-z]{3,12}\\.(com|test|lan)",
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "S-1-5-21-[1-4][0-9]{8,9}-[0-9]{4,9}-[0-9]{4,9}-[0-9]{3,5}",
        "[1-9][0-9]?\\.[1-9][0-9]?\\.[0-9]{1,2}\\.[1-9][0-9]?",
        "\\+[1-9][0-9]{1,2} [0-9]{2,4} [0-9]{3,7}",
        "CN=[A-Z][a-zäöü]{1,8} [A-Z][a-z]{1,8},OU=[A-Z][a-z]{3,8},DC=[a-z]{3,9},DC=com",
        "/o=[A-Z][a-z]{2,8}/ou=First Administrative Group/cn=Recipients/cn=[a-z0-9]{1,12}",
        "[A-Z]{3,10}\\\\[a-z]{2,9}[0-9]{0,3}",
        "[0-9A-F]{40}",
        "\\PC{0,12}",
        " (and|the|for|object|'|\"|, )",
    ];
    prop::collection::vec(part, 0..6).prop_map(|parts| parts.join(" "))
}

proptest! {
    #[test]
    fn every_sign_keeps_its_size_and_punctuation_stays(class in classes(), text in texts()) {
        let mut dictionary = Dictionary::default();
        dictionary.learn(class, &text);
        let replaced = dictionary.replace(class, &text).unwrap_or_else(|| text.clone());
        let sizes = |text: &str| text.chars().map(char::len_utf8).collect::<Vec<_>>();
        prop_assert_eq!(sizes(&replaced), sizes(&text), "{} became {}", text, replaced);
        // The dots of an IP address may move.
        let in_number = |sign: char| sign == '.' || sign.is_ascii_digit();
        let signs = replaced.chars().zip(text.chars());
        for (sign, before) in signs.filter(|(sign, before)| !in_number(*sign) || !in_number(*before)) {
            prop_assert!(before.is_alphanumeric() == sign.is_alphanumeric(), "{} became {}", text, replaced);
        }
    }

    #[test]
    fn what_was_replaced_is_replaced_in_the_same_way_again(class in classes(), text in texts()) {
        let mut dictionary = Dictionary::default();
        dictionary.learn(class, &text);
        let first = dictionary.replace(class, &text);
        prop_assert_eq!(first, dictionary.replace(class, &text));
    }

    #[test]
    fn the_check_finds_nothing_in_what_was_scrubbed(class in classes(), text in texts()) {
        let mut dictionary = Dictionary::default();
        dictionary.learn(class, &text);
        let replaced = dictionary.replace(class, &text).unwrap_or_else(|| text.clone());
        let mut checker = Checker::default();
        checker.text(&[], class, &replaced);
        prop_assert_eq!(checker.findings(), vec![], "{} became {}", text, replaced);
    }

    #[test]
    fn two_names_have_two_stand_ins(names in prop::collection::hash_set("[A-Z][a-zß-ÿ]{1,7}( [A-Z][a-z]{1,7})?[0-9]{0,4}", 1..60)) {
        let folded = |name: &str| name.chars().map(fold).collect::<String>();
        let names: HashSet<String> = names.iter().map(|name| folded(name)).collect();
        let mut dictionary = Dictionary::default();
        let stand_ins: HashSet<String> = names
            .iter()
            .map(|name| folded(&dictionary.replace(Class::Name, name).unwrap_or_else(|| name.clone())))
            .collect();
        prop_assert_eq!(stand_ins.len(), names.len());
    }

    #[test]
    fn it_does_not_matter_where_fragments_and_pieces_are_cut(fragment in 22_usize..200, piece in 1_usize..150) {
        let cut = scrubbed_messages(fragment, piece);
        prop_assert_eq!(cut, scrubbed_messages(1 << 16, 1 << 16));
    }

    #[test]
    fn no_envelope_makes_it_panic(text in "\\PC{0,60}(<[a-z:]{1,6}( [A-Za-z]{1,8}=\"[^\"]{0,9}\")?/?>[^<]{0,20}(</[a-z]{0,3}>?)?){0,6}") {
        let mut request = text.clone();
        let mut clixml = text;
        let mut parts = [
            Part::new("a", Form::Request(1), &mut request),
            Part::new("b", Form::Clixml, &mut clixml),
        ];
        scrub(&mut parts, &Facts::default()).unwrap();
    }
}

/// Scrubs a session whose messages are cut in this way, and puts them together again.
fn scrubbed_messages(fragment: usize, piece: usize) -> Vec<String> {
    let mut stream = Vec::new();
    let mut fragmenter = Fragmenter::new(fragment);
    for name in ["Jürgen Weiß", "漢字 <&>", "Ann"] {
        let name = name.replace('&', "&amp;").replace('<', "&lt;");
        let mut message = vec![1, 0, 0, 0];
        message.extend(MessageType::PipelineOutput.code().to_le_bytes());
        message.extend([0; 32]);
        message
            .extend(format!("<Obj><Props><S N=\"DisplayName\">{name}</S></Props></Obj>").bytes());
        fragmenter.fragment(&message, &mut stream);
    }
    let mut envelopes: Vec<String> = stream
        .chunks(piece)
        .map(|piece| {
            format!(
                "<Envelope><Body><Stream Name=\"stdout\">{}</Stream></Body></Envelope>",
                STANDARD.encode(piece)
            )
        })
        .collect();
    let mut parts: Vec<Part<'_>> = envelopes
        .iter_mut()
        .enumerate()
        .map(|(number, envelope)| Part::new("a", Form::Answer(number), envelope))
        .collect();
    scrub(&mut parts, &Facts::default()).unwrap();
    let mut defragmenter = Defragmenter::default();
    for envelope in &envelopes {
        let packed = envelope.split_once("stdout\">").unwrap().1.split_once('<').unwrap().0;
        defragmenter.push(&STANDARD.decode(packed).unwrap()).unwrap();
    }
    let mut messages = Vec::new();
    while let Some(object) = defragmenter.next_object().unwrap() {
        messages.push(String::from_utf8(object.bytes[40..].to_vec()).unwrap());
    }
    assert!(messages.len() == 3 && !messages.concat().contains("Ann"));
    messages
}
