use proptest::prelude::*;

use super::*;

/// Reads a body in pieces of so many bytes.
fn read(body: &[u8], size: usize) -> Result<(Vec<PageRow>, Option<String>, Answer), AnswerError> {
    let (mut reader, mut rows) = (PageReader::default(), Vec::new());
    for piece in body.chunks(size) {
        reader.feed(piece, &mut rows)?;
    }
    let link = reader.link().map(str::to_owned);
    Ok((rows, link, reader.end()?))
}

#[test]
fn in_pieces_and_as_a_whole_an_answer_is_the_same() {
    let bodies: [&[u8]; 14] = [
        br#"{"@odata.context":"x","value":[{"A":"b\"]}","B":[1,{"c":"]"}]} , {"A":1,"A":2}],"@odata.nextLink":"https://h/\u0041"}"#,
        b"\xef\xbb\xbf {\"value\" : [ ] }trailing",
        br#"{"value":["text","\\"],"@adminapi.warnings":["w"]}"#,
        br#"{"\u0076alue":[{"A":1}]}"#,
        br#"{"nested":{"value":[1,2]},"value":[{"value":[1]}]}"#,
        br#"{"value":null}"#,
        b" \r\n",
        b"{}",
        br#"{"a":"value","b":["x"]}"#,
        br#"{"value":[],"@adminapi.errors":["it failed"]}"#,
        br#"{"value":7}"#,
        br#"{"value":[1]}"#,
        br#"{"value":[],"value":[]}"#,
        br#"{"value":[{"A":"\ud83d\ude00 \u00e4"}]}"#,
    ];
    for body in bodies {
        let whole = Answer::parse(200, body);
        for size in [1, 2, 7, body.len()] {
            let pieces = read(body, size);
            let shown = String::from_utf8_lossy(body);
            match (&whole, pieces) {
                (Ok(whole), Ok((rows, link, answer))) => {
                    let (mut values, mut faults) = (Vec::new(), Vec::new());
                    for row in rows {
                        values.push(row.value);
                        faults.extend(row.fault);
                    }
                    values.extend(answer.rows);
                    faults.extend(answer.faults);
                    assert_eq!(values, whole.rows, "{shown}");
                    assert_eq!(faults, whole.faults, "{shown}");
                    assert_eq!(answer.warnings, whole.warnings, "{shown}");
                    assert_eq!(answer.next_link, whole.next_link, "{shown}");
                    assert_eq!(link, whole.next_link, "{shown}");
                }
                (Err(whole), Err(error)) => {
                    assert_eq!(error.to_string(), whole.to_string(), "{shown}");
                }
                (whole, pieces) => panic!("{shown}: {whole:?}, {pieces:?}"),
            }
        }
    }
}

#[test]
fn what_is_no_answer_is_refused() {
    for body in [
        "<html>",
        "[]",
        "{\"value\":[",
        "{\"value\":[{}",
        "{\"value\":[{},]}",
        "{\"value\":[,]}",
        "{\"value\":[{}{}]}",
        "{\"value\":[{}",
        "{\"value\":[{]}]}",
        "{\"value\":[{}]",
        "{]",
        "{\"value\" [{}]}",
        "\"x\"",
        "{\"value\":[tru]}",
    ] {
        for size in [1, 64] {
            let error = read(body.as_bytes(), size).expect_err(body);
            assert!(matches!(error, AnswerError::Malformed { .. }), "{body}: {error}");
        }
    }
}

#[test]
fn nothing_grows_without_end() {
    let mut reader = PageReader::default();
    let mut rows = Vec::new();
    reader.feed(b"{\"value\":[\"", &mut rows).expect("so far it is good");
    let piece = vec![b'a'; 1 << 20];
    let fed = (0..17).try_for_each(|_| reader.feed(&piece, &mut rows));
    assert!(fed.expect_err("a row without end").to_string().contains("16 MiB"));
    let mut reader = PageReader::default();
    reader.feed(b"{\"a\":\"", &mut rows).expect("so far it is good");
    let fed = (0..5).try_for_each(|_| reader.feed(&piece, &mut rows));
    assert!(fed.expect_err("a member without end").to_string().contains("4 MiB"));
    let deep = format!("{{\"value\":[{}]}}", "[".repeat(100_000));
    assert!(read(deep.as_bytes(), 4096).is_err());
}

#[test]
fn the_link_is_known_as_soon_as_it_came() {
    let mut reader = PageReader::default();
    let mut rows = Vec::new();
    reader.feed(br#"{"@odata.nextLink":" https://h/x ","value":[{"A":1},"#, &mut rows).unwrap();
    assert_eq!((reader.link(), rows.len()), (Some("https://h/x"), 1));
    let mut reader = PageReader::default();
    reader.feed(br#"{"@odata.nextLink":"  ","value":["#, &mut rows).unwrap();
    assert_eq!(reader.link(), None);
}

/// Pieces of JSON and of what is nearly JSON.
fn scraps() -> impl Strategy<Value = String> {
    let scrap = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\"value\":[",
        "\"value\"",
        "\"a\":",
        "\"b\":\"x\"",
        "{}",
        "{\"A\":1}",
        "null",
        "1",
        "true",
        " ",
        "\n",
        "\"@odata.nextLink\":\"l\"",
        "\"s\"",
        "\\u0041",
    ]);
    prop::collection::vec(scrap, 0..14).prop_map(|scraps| scraps.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn whatever_comes_is_judged_in_pieces_as_it_is_as_a_whole(
        inside in scraps(),
        framed in any::<bool>(),
        size in 1_usize..5,
    ) {
        let body = if framed { format!("{{\"value\":[{inside}]}}") } else { inside };
        let whole = Answer::parse(200, body.as_bytes());
        match (whole, read(body.as_bytes(), size)) {
            (Ok(whole), Ok((rows, _, answer))) => {
                let mut values: Vec<_> = rows.into_iter().map(|row| row.value).collect();
                values.extend(answer.rows);
                prop_assert_eq!(values, whole.rows, "{}", body);
                prop_assert_eq!(answer.next_link, whole.next_link, "{}", body);
            }
            (Err(_), Err(_)) => {}
            (whole, pieces) => prop_assert!(false, "{body}: {whole:?}, {pieces:?}"),
        }
    }
}
