//! Names in directories and file systems, told by what stands around them.

use std::ops::Range;

use super::{Scan, is_word};
use crate::scrub::property::{Class, class_of};

impl Scan<'_> {
    /// The value after `CN=` and the like, to the end of the component.
    pub(super) fn distinguished(self, at: usize) -> Option<Range<usize>> {
        let name = self.run(at, is_word);
        if self.get(name) != '=' {
            return None;
        }
        let key = self.text(at..name).to_ascii_lowercase();
        if !["cn", "ou", "dc", "o", "l", "st"].contains(&key.as_str()) {
            return None;
        }
        let in_path = self.before(at) == '/';
        let mut end = name + 1;
        while end < self.text.len() {
            let sign = self.get(end);
            let closes = match sign {
                '\'' => !self.get(end + 1).is_alphanumeric(),
                '/' => in_path,
                _ => matches!(sign, ',' | '+' | '"' | ';' | '<' | '>' | '\r' | '\n'),
            };
            if closes && self.before(end) != '\\' {
                break;
            }
            end += 1;
        }
        Some(name + 1..end)
    }

    /// The value after a `key=` whose class satisfies `wanted`.
    pub(super) fn assigned(self, at: usize, wanted: fn(Class) -> bool) -> Option<Range<usize>> {
        let name = self.run(at, is_word);
        if self.get(name) != '=' || !wanted(class_of(&self.text(at..name))) {
            return None;
        }
        let ends =
            |sign: char| sign.is_whitespace() || matches!(sign, ',' | ';' | ']' | '&' | '"' | '\'');
        let end = self.run(name + 1, |sign| !ends(sign));
        (end > name + 1).then_some(name + 1..end)
    }

    /// The value after the name of a property that holds names, in a list of properties.
    pub(super) fn listed(self, at: usize) -> Option<Range<usize>> {
        let name = self.run(at, is_word);
        if self.get(name) != '=' || class_of(&self.text(at..name)) != Class::Name {
            return None;
        }
        let ends = |sign: char| {
            sign.is_control()
                || matches!(sign, ',' | ';' | '&' | '(' | ')' | '[' | ']' | '|' | '"' | '…')
        };
        let end = self.run(name + 1, |sign| !ends(sign));
        (end > name + 1).then_some(name + 1..end)
    }

    /// A path from the root of a Unix file system.
    pub(super) fn rooted(self, at: usize) -> Option<Range<usize>> {
        let first = self.run(at + 1, is_word);
        let is_root = ROOTS.contains(&self.text(at + 1..first).as_str());
        let in_path =
            |sign: char| sign.is_alphanumeric() || matches!(sign, '/' | '_' | '-' | '.' | '~');
        let after_host = matches!(self.before(at), '/' | '.' | ':' | ']');
        (is_root && !after_host && self.get(first) == '/').then(|| at..self.run(at, in_path))
    }

    /// A path of at least three parts, or after a drive.
    pub(super) fn path(self, at: usize) -> Option<Range<usize>> {
        let in_path = |sign: char| {
            sign.is_alphanumeric() || matches!(sign, '\\' | '_' | '-' | '.' | '$' | '~' | '(' | ')')
        };
        let end = self.run(at, in_path);
        let parts = self.text(at..end).matches('\\').count();
        let after_root =
            self.before(at) == '\\' || self.get(at + 1) == ':' && self.get(at + 2) == '\\';
        if after_root && parts == 0 && self.before(at) == '\\' {
            return Some(at..end);
        }
        if self.get(at + 1) == ':' && self.get(at + 2) == '\\' {
            return Some(at..self.run(at + 2, in_path));
        }
        (parts > 1 || parts == 1 && self.before(at) == '\\').then_some(at..end)
    }

    /// `DOMAIN\account`.
    pub(super) fn account(self, at: usize) -> Option<Range<usize>> {
        let is_domain = |sign: char| sign.is_alphanumeric() || matches!(sign, '-' | '_' | '.');
        let slash = self.run(at, is_domain);
        if self.get(slash) != '\\' || !self.get(slash + 1).is_alphanumeric() {
            return None;
        }
        let end = self.run(slash + 1, |sign| is_domain(sign) || sign == '$');
        Some(at..self.trimmed(slash + 1, end))
    }
}

/// Folders at the root of a Unix file system.
const ROOTS: &[&str] =
    &["home", "Users", "root", "tmp", "var", "opt", "srv", "mnt", "etc", "usr", "private", "media"];
