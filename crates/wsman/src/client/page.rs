//! Answers that hold no envelope, and what may be quoted of them.
//!
//! They come from proxies, from the web server in front of the service, or from whoever sits in the way, so what they say is
//! shown to people only in part, on one line, and without characters that could make it look like something else.

use std::fmt;

use crate::fault::{Advice, Diagnostics};

/// An answer that holds no envelope: a proxy's page, a refusal of the web server, Exchange's bare throttling text.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct HttpAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The content type; empty when there is none.
    pub content_type: String,
    /// The beginning of the text, at most 200 characters, none of them a control character.
    pub excerpt: String,
    /// What Exchange said in brackets before its text.
    pub diagnostics: Diagnostics,
}

impl HttpAnswer {
    /// Describes an answer; `body` is cut and made printable.
    #[must_use]
    pub fn new(status: u16, content_type: &str, body: &[u8]) -> Self {
        let head = body.get(..body.len().min(LONGEST_READ)).unwrap_or_default();
        let text = String::from_utf8_lossy(head);
        let is_html = content_type.to_ascii_lowercase().contains("html");
        let text = if is_html { without_tags(&text) } else { text.into_owned() };
        let mut diagnostics = Diagnostics::parse(&text);
        diagnostics.text = printable(&diagnostics.text);
        for (name, value) in &mut diagnostics.fields {
            *name = printable(name);
            *value = printable(value);
        }
        Self {
            status,
            content_type: printable(content_type),
            excerpt: printable(&text),
            diagnostics,
        }
    }

    /// Tells what a caller may do: 503, and Exchange's refusals for want of budget, pass, and other statuses of 400 and above
    /// refuse. Anything else, such as a gateway's page with status 200, says nothing about what became of the request.
    #[must_use]
    pub fn advice(&self) -> Advice {
        let refused = self.diagnostics.failure_category().is_some();
        match self.status {
            503 | 429 => Advice::Later,
            400 if refused => Advice::Later,
            400..500 => Advice::Never,
            _ => Advice::Unknown,
        }
    }
}

impl fmt::Display for HttpAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.status)?;
        if !self.content_type.is_empty() {
            write!(f, " with {}", self.content_type)?;
        }
        if !self.excerpt.is_empty() {
            write!(f, ": {}", self.excerpt)?;
        }
        Ok(())
    }
}

/// Tells what a body is that claims to be an envelope and is none: its media type, empty for no text at all.
pub(crate) fn media_type_of_page(body: &[u8]) -> Option<&'static str> {
    let text = body.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(body).trim_ascii_start();
    let begins = |with: &str| {
        text.get(..with.len()).is_some_and(|head| head.eq_ignore_ascii_case(with.as_bytes()))
    };
    match text {
        [] => Some(""),
        _ if begins("<!doctype html") || begins("<html") => Some("text/html"),
        _ => None,
    }
}

const LONGEST_READ: usize = 16 << 10;
const LONGEST_EXCERPT: usize = 200;

/// Makes one line of at most 200 characters without control or direction characters.
pub(crate) fn printable(text: &str) -> String {
    let is_hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{61C}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
    };
    let words: Vec<String> = text
        .split_whitespace()
        .map(|word| word.chars().filter(|c| !is_hidden(*c)).collect())
        .collect();
    words.join(" ").trim().chars().take(LONGEST_EXCERPT).collect()
}

/// Removes tags, and what stands in `style` and `script`, from a page, which is enough for an excerpt.
fn without_tags(page: &str) -> String {
    let mut out = String::new();
    let mut rest = page;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        out.push(' ');
        let skip = ["style", "script"]
            .into_iter()
            .find(|name| after.get(..name.len()).is_some_and(|tag| tag.eq_ignore_ascii_case(name)));
        rest = match skip {
            Some(_) => after.split_once("</").map_or("", |(_, rest)| rest),
            None => after,
        };
        rest = rest.split_once('>').map_or("", |(_, rest)| rest);
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_becomes_a_short_harmless_text() {
        let page = "<html><head><style>b{x:y}</style><title>Service\r\nUnavailable</title></head>\u{1b}[31m\u{202e}x".to_owned()
            + &"y".repeat(500);
        let answer = HttpAnswer::new(503, "text/html; charset=us-ascii", page.as_bytes());
        assert!(answer.excerpt.starts_with("Service Unavailable [31mxyyy"), "{}", answer.excerpt);
        assert_eq!(answer.excerpt.chars().count(), 200);
        assert_eq!(answer.advice(), Advice::Later);
    }

    #[test]
    fn a_bare_400_of_exchange_keeps_its_category() {
        let body = b"[FailureCategory=AuthZ-AuthorizationException] Fail to create runspace because you have exceeded \
                     the maximum number of connections allowed : 18";
        let answer = HttpAnswer::new(400, "", body);
        assert_eq!(answer.diagnostics.failure_category(), Some("AuthZ-AuthorizationException"));
        assert!(answer.diagnostics.text.starts_with("Fail to create"));
        assert_eq!(answer.advice(), Advice::Later);
        assert_eq!(HttpAnswer::new(400, "", b"Bad Request").advice(), Advice::Never);
        for status in [101, 200, 204, 304, 500, 502, 504, 999] {
            assert_eq!(HttpAnswer::new(status, "", b"").advice(), Advice::Unknown, "{status}");
        }
    }

    #[test]
    fn a_page_that_claims_to_be_an_envelope_is_recognised() {
        for page in ["<!DOCTYPE html><html>", " \r\n<HTML>", "\u{feff}<html lang=x>"] {
            assert_eq!(media_type_of_page(page.as_bytes()), Some("text/html"));
        }
        assert_eq!(media_type_of_page(b" \r\n"), Some(""));
        for body in [&b"<s:Envelope>"[..], b"<?xml version='1.0'?>", b"\xFF\xFE<\0", b"<h", b"x"] {
            assert_eq!(media_type_of_page(body), None);
        }
    }
}
