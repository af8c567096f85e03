//! Skipping what is not wanted, and noticing no more of it than is needed.

use std::borrow::Cow;

use memchr::memchr;

use super::{Result, Scanner, Tag};
use crate::error::WellFormedness;
use crate::limits::Limit;

/// An element that begins while something is skipped.
pub(crate) struct Start<'s, 'a> {
    pub(crate) tag: &'a str,
    pub(crate) ref_id: Option<&'s Cow<'a, str>>,
}

impl<'a> Scanner<'a> {
    /// Skips to the end of the object that is innermost, looking at nothing but the starts and ends of objects and of lists
    /// of type names.
    ///
    /// INVARIANT: outside comments and the like `<` stands nowhere but before tags, so that none is missed.
    fn skip_object(&mut self, on_start: &mut impl FnMut(&Self, Start<'_, 'a>)) -> Result<()> {
        let outside = self.open.len() - 1;
        while self.open.len() > outside {
            let Some(length) = memchr(b'<', self.rest().as_bytes()) else {
                self.position = self.text.len();
                return Err(self.broken(WellFormedness::Unclosed));
            };
            self.position += length;
            match self.rest().as_bytes() {
                [b'<', b'O', b'b', b'j', b' ' | b'>' | b'/', ..] => {
                    if let Some((_, ref_id)) = self.take_object()? {
                        on_start(self, Start { tag: "Obj", ref_id: Some(&ref_id.into()) });
                        continue;
                    }
                    self.start_tag()?;
                    on_start(self, Start { tag: "Obj", ref_id: self.ref_id() });
                    if self.ends_at_once {
                        self.ends_at_once = false;
                        self.close();
                    }
                }
                [b'<', b'/', b'O', b'b', b'j', b'>', ..] => {
                    self.position += "</Obj>".len();
                    self.close();
                }
                [b'<', b'T', b'N', b' ', ..] => {
                    if let Some(ref_id) = self.take_type_names()? {
                        on_start(self, Start { tag: "TN", ref_id: Some(&ref_id.into()) });
                    } else {
                        self.start_tag()?;
                        on_start(self, Start { tag: "TN", ref_id: self.ref_id() });
                        self.ends_at_once = false;
                    }
                    self.close();
                }
                [b'<', b'!', ..] => {
                    self.declaration(self.rest())?;
                }
                [b'<', b'?', ..] => self.instruction(self.rest())?,
                [b'<', b'/', ..] => self.position += 2,
                _ => {
                    self.count_element()?;
                    self.position += 1;
                }
            }
        }
        Ok(())
    }

    /// Skips to the end of the element that is the innermost but for `depth` others. `on_start` is told each element that
    /// begins meanwhile and is an object or a list of type names. Nothing else is looked at more closely than that takes.
    pub(crate) fn skip(
        &mut self,
        depth: usize,
        mut on_start: impl FnMut(&Self, Start<'_, 'a>),
    ) -> Result<()> {
        while self.open.len() > depth {
            if self.ends_at_once {
                self.ends_at_once = false;
                self.close();
                continue;
            }
            if self.prefixes.is_empty() && self.open.last() == Some(&"Obj") {
                self.skip_object(&mut on_start)?;
                continue;
            }
            if let Some(plain) = self.plain() {
                self.take_plain(&plain)?;
                continue;
            }
            let rest = self.rest().as_bytes();
            let Some(length) = memchr(b'<', rest) else {
                self.position = self.text.len();
                return Err(self.broken(WellFormedness::Unclosed));
            };
            self.check_limit(Limit::Text, length, self.limits.text)?;
            self.position += length;
            match rest.get(length + 1) {
                Some(b'/') => self.end_tag(self.rest().get(2..).unwrap_or_default())?,
                Some(b'!') => {
                    self.declaration(self.rest())?;
                }
                Some(b'?') => self.instruction(self.rest())?,
                _ => {
                    if let Tag::Start { local: tag } = self.start_tag()? {
                        on_start(self, Start { tag, ref_id: self.ref_id() });
                    }
                }
            }
        }
        Ok(())
    }
}
