//! A reader of XML that says where things stand, and takes what is cut off.
//!
//! The parsers of the workspace give values; here the places in the text count, for it is changed in place. What an
//! interrupted recording left of a document is read as far as it goes.

use std::ops::Range;

/// A piece of a document, with its places in bytes.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Piece<'d> {
    /// A start tag: local name, attributes (names as written) with the places of their values.
    Start {
        local: &'d str,
        attributes: Vec<(&'d str, Range<usize>)>,
        is_empty: bool,
    },
    End,
    /// Character data, also of a CDATA section, which knows no references.
    Text {
        range: Range<usize>,
        is_cdata: bool,
    },
    /// A comment or processing instruction.
    Aside {
        range: Range<usize>,
    },
}

/// Reads `document` into pieces.
pub(super) fn pieces(document: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < document.len() {
        let rest = document.get(at..).unwrap_or_default();
        let (piece, end) = match rest {
            _ if rest.starts_with("<![CDATA[") => {
                let range = at + 9..find(document, at, "]]>");
                (Piece::Text { range: range.clone(), is_cdata: true }, range.end + 3)
            }
            _ if rest.starts_with("<!--") => aside(document, at, 4, "-->"),
            _ if rest.starts_with("<?") => aside(document, at, 2, "?>"),
            _ if rest.starts_with("<!") => aside(document, at, 2, ">"),
            _ if rest.starts_with("</") => (Piece::End, find(document, at, ">") + 1),
            _ if rest.starts_with('<') => start_tag(document, at),
            _ => {
                let end = find(document, at, "<");
                (Piece::Text { range: at..end, is_cdata: false }, end)
            }
        };
        pieces.push(piece);
        at = end;
    }
    pieces
}

fn find(document: &str, at: usize, mark: &str) -> usize {
    document.get(at..).and_then(|rest| rest.find(mark)).map_or(document.len(), |place| at + place)
}

fn aside<'d>(document: &str, at: usize, open: usize, close: &str) -> (Piece<'d>, usize) {
    let start = (at + open).min(document.len());
    let range = start..find(document, start, close);
    let end = range.end + close.len();
    (Piece::Aside { range }, end)
}

fn start_tag(document: &str, at: usize) -> (Piece<'_>, usize) {
    let end = tag_end(document, at);
    let inside = document.get(at + 1..end).unwrap_or_default();
    let is_empty = inside.ends_with('/');
    let name_len =
        inside.find(|sign: char| sign.is_whitespace() || sign == '/').unwrap_or(inside.len());
    let name = inside.get(..name_len).unwrap_or_default();
    let local = name.rsplit(':').next().unwrap_or(name);
    let attributes = attributes(document, at + 1 + name_len, end);
    (Piece::Start { local, attributes, is_empty }, (end + 1).min(document.len()))
}

/// Returns the place of the `>` that ends the tag: quoted ones do not.
fn tag_end(document: &str, at: usize) -> usize {
    let mut quote = None;
    for (offset, byte) in document.as_bytes().iter().enumerate().skip(at) {
        match (quote, byte) {
            (None, b'>') => return offset,
            (None, b'"' | b'\'') => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            _ => {}
        }
    }
    document.len()
}

fn attributes(document: &str, mut at: usize, end: usize) -> Vec<(&str, Range<usize>)> {
    let mut attributes = Vec::new();
    while let Some(rest) = document.get(at..end) {
        let Some((name, after)) = rest.split_once('=') else { break };
        let blanks = after.len() - after.trim_start().len();
        let open = at + name.len() + 1 + blanks;
        let Some(quote) = document.as_bytes().get(open).filter(|byte| matches!(byte, b'"' | b'\''))
        else {
            break;
        };
        let close = find(document, open + 1, if *quote == b'"' { "\"" } else { "'" }).min(end);
        attributes.push((name.trim(), open + 1..close));
        at = close + 1;
    }
    attributes
}

/// Puts the replacements, each with its place, into `document`.
pub(super) fn apply(document: &str, mut edits: Vec<(Range<usize>, String)>) -> Option<String> {
    if edits.is_empty() {
        return None;
    }
    edits.sort_by_key(|(range, _)| range.start);
    let mut out = String::with_capacity(document.len());
    let mut at = 0;
    for (range, text) in edits {
        out.push_str(document.get(at..range.start).unwrap_or_default());
        out.push_str(&text);
        at = range.end;
    }
    out.push_str(document.get(at..).unwrap_or_default());
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(document: &str) -> Vec<String> {
        let of = |range: Range<usize>| document.get(range).unwrap().to_owned();
        pieces(document)
            .into_iter()
            .map(|piece| match piece {
                Piece::Start { local, attributes, is_empty } => {
                    let attributes: String = attributes
                        .into_iter()
                        .map(|(name, range)| format!(" {name}:{}", of(range)))
                        .collect();
                    format!("<{local}{attributes}{}", if is_empty { "/" } else { "" })
                }
                Piece::End => ">".to_owned(),
                Piece::Text { range, .. } => of(range),
                Piece::Aside { range } => format!("!{}", of(range)),
            })
            .collect()
    }

    #[test]
    fn pieces_come_with_their_places() {
        assert_eq!(
            shown("<?xml?><a:b c = '1>' d=\"2\">x<![CDATA[<y]]><e/></a:b><!-- z -->"),
            ["!xml", "<b c:1> d:2", "x", "<y", "<e/", ">", "! z "]
        );
    }

    #[test]
    fn a_document_may_end_anywhere() {
        let document = "<?xml?><a:b c = '1>' d=\"2\">x&amp;<![CDATA[<y]]><e/></a:b><!-- z -->";
        for end in 0..document.len() {
            let cut = document.get(..end).unwrap();
            for piece in pieces(cut) {
                if let Piece::Text { range, .. } | Piece::Aside { range } = piece {
                    assert!(range.end <= cut.len() && cut.get(range).is_some(), "{cut}");
                }
            }
        }
    }

    #[test]
    fn replacements_are_put_into_place() {
        assert_eq!(
            apply("abcdef", vec![(4..5, "XX".into()), (0..1, "Y".into())]).unwrap(),
            "YbcdXXf"
        );
        assert_eq!(apply("abc", Vec::new()), None);
    }
}
