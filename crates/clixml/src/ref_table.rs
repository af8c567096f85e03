//! What was read under a `RefId`.
//!
//! Spec: [MS-PSRP] 2.2.5.2.1.1 RefId Attribute.

use std::borrow::Cow;
use std::collections::HashMap;

/// Things by their `RefId`; of several with one id the last counts.
///
/// Writers count from 0, so the ids are the places in a list; any other id goes into a map.
pub(crate) struct RefTable<'a, T> {
    counted: Vec<Option<T>>,
    others: HashMap<Cow<'a, str>, T>,
}

/// The places where the elements with one id stand, first to last; nearly always one.
#[derive(Default)]
pub(crate) struct Places {
    last: Option<usize>,
    earlier: Vec<usize>,
}

impl Places {
    /// Gives the last place before `place`.
    pub(crate) fn before(&self, place: usize) -> Option<usize> {
        match self.last {
            Some(last) if last < place => Some(last),
            _ => self.earlier.iter().rev().copied().find(|earlier| *earlier < place),
        }
    }
}

impl<'a> RefTable<'a, Places> {
    /// Notes a place, unless it is known: what is read again is not defined again.
    pub(crate) fn define(&mut self, ref_id: Cow<'a, str>, place: usize) {
        let new = || Places { last: Some(place), earlier: Vec::new() };
        let known = match number(&ref_id).filter(|number| *number <= self.counted.len() + MAX_GAP) {
            Some(number) => self.counted_place(number).get_or_insert_with(new),
            None => self.others.entry(ref_id).or_insert_with(new),
        };
        if known.last.is_none_or(|last| last < place) {
            known.earlier.extend(known.last.replace(place));
        }
    }
}

/// Room for the ids of a usual object.
const FIRST_ROOM: usize = 48;

/// How far beyond its end the list grows at once, so that a single id cannot ask for much memory.
const MAX_GAP: usize = 64;

impl<T> Default for RefTable<'_, T> {
    fn default() -> Self {
        Self { counted: Vec::new(), others: HashMap::new() }
    }
}

impl<'a, T> RefTable<'a, T> {
    pub(crate) fn insert(&mut self, ref_id: Cow<'a, str>, value: T) {
        match number(&ref_id).filter(|number| *number <= self.counted.len() + MAX_GAP) {
            Some(number) => *self.counted_place(number) = Some(value),
            None => {
                self.others.insert(ref_id, value);
            }
        }
    }

    /// Gives a place in the list, which grows to it.
    #[inline]
    fn counted_place(&mut self, number: usize) -> &mut Option<T> {
        if self.counted.is_empty() {
            self.counted.reserve(FIRST_ROOM);
        }
        if self.counted.len() <= number {
            self.counted.resize_with(number + 1, || None);
        }
        #[expect(clippy::indexing_slicing, reason = "the list was made long enough")]
        &mut self.counted[number]
    }

    pub(crate) fn get(&self, ref_id: &str) -> Option<&T> {
        let counted = number(ref_id).and_then(|number| self.counted.get(number)?.as_ref());
        counted.or_else(|| self.others.get(ref_id))
    }
}

/// Reads a number without leading zeros, so that different ids stay different.
#[inline]
fn number(ref_id: &str) -> Option<usize> {
    let is_plain = matches!(ref_id.as_bytes(), [b'0'] | [b'1'..=b'9', ..]) && ref_id.len() < 10;
    if !is_plain {
        return None;
    }
    ref_id.bytes().try_fold(0, |number, byte| match byte {
        b'0'..=b'9' => Some(10 * number + usize::from(byte - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::RefTable;

    #[test]
    fn every_id_is_found_whatever_its_form() {
        let mut table = RefTable::default();
        for id in ["0", "1", "63", "999999999", "00", "-1", "a", "", "4294967296", "127"] {
            table.insert(id.into(), id);
        }
        for id in ["0", "1", "63", "999999999", "00", "-1", "a", "", "4294967296", "127"] {
            assert_eq!(table.get(id), Some(&id));
        }
        for id in ["2", "64", "01", "b", "999999998"] {
            assert_eq!(table.get(id), None);
        }
        assert!(table.counted.len() <= 128);
    }

    #[test]
    fn the_last_of_several_counts_even_when_the_list_has_grown_to_it() {
        let mut table = RefTable::default();
        table.insert("100".into(), 1);
        for number in 0..90 {
            table.insert(number.to_string().into(), 0);
        }
        assert_eq!(table.get("100"), Some(&1));
        table.insert("100".into(), 2);
        assert_eq!(table.get("100"), Some(&2));
    }
}
