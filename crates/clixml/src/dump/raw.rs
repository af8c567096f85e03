//! The dump of elements.

use std::collections::BTreeMap;

use super::{push_field, push_head};
use crate::error::Error;
use crate::limits::Limits;
use crate::xml::{Attribute, Scanner, Tag};

#[derive(Default)]
pub(super) struct Elements {
    pub(super) text: String,
    pub(super) root: String,
    pub(super) counts: BTreeMap<String, usize>,
}

pub(super) fn dump(xml: &str, limits: Limits) -> Result<Elements, Error> {
    let mut scanner = Scanner::new(xml, limits);
    let mut elements = Elements::default();
    // Whether the last line still waits for its text, which an element with child elements has not.
    let mut waiting = false;
    loop {
        let token = scanner.next()?;
        match token.tag {
            Tag::Start { local } => {
                elements.end_line(waiting, "");
                waiting = elements.start(local, scanner.depth() - 1, scanner.attributes());
            }
            Tag::End => {
                elements.end_line(waiting, &token.text);
                waiting = false;
            }
            Tag::Eof => return Ok(elements),
        }
    }
}

impl Elements {
    /// Begins a line, and ends it where the text is known; else gives true.
    fn start(&mut self, local: &str, depth: usize, attributes: &[Attribute<'_>]) -> bool {
        let find = |name| attributes.iter().find(|attribute| attribute.name == name);
        if depth == 0 {
            self.root = local.to_owned();
        }
        match self.counts.get_mut(local) {
            Some(count) => *count += 1,
            None => {
                self.counts.insert(local.to_owned(), 1);
            }
        }
        let name = find("N").or_else(|| find("Name")).map_or("", |attribute| &*attribute.value);
        push_head(&mut self.text, depth, local, name);
        let Some(ref_id) = find("RefId") else { return true };
        self.text.push('#');
        push_field(&mut self.text, &ref_id.value);
        self.text.push('\n');
        false
    }

    fn end_line(&mut self, waiting: bool, text: &str) {
        if waiting {
            push_field(&mut self.text, text);
            self.text.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::dump;
    use crate::limits::Limits;

    #[test]
    fn names_texts_and_ids_are_where_they_belong() {
        let xml = "<s:a xmlns:s='u'>\n <b Name='x|y'> t\\ </b><c N='n' Name='m' RefId='7'>t</c><d/>\n</s:a>";
        let elements = dump(xml, Limits::default()).unwrap();
        assert_eq!(elements.text, "0|a||\n1|b|x\\py| t\\\\ \n1|c|n|#7\n1|d||\n");
        assert_eq!(elements.root, "a");
        assert_eq!(elements.counts.len(), 4);
    }
}
