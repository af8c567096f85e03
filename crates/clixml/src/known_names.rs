//! Lists of type names that were read before, so that the objects of many messages share them.
//!
//! Each message of a result repeats its type names in full, a third of its bytes. A list is found again by the bytes between
//! the tags of its `TN`, so that it is neither scanned nor copied.

use std::cell::RefCell;

use crate::type_names::TypeNames;

/// How many lists are kept on a thread; each is of at most 2 KiB.
const PLACES: usize = 128;

struct Known {
    content: Box<str>,
    names: TypeNames,
}

thread_local! {
    static KNOWN: RefCell<Vec<Option<Known>>> = const { RefCell::new(Vec::new()) };
}

/// Finds the list that was written as `content`.
pub(crate) fn find(content: &str) -> Option<TypeNames> {
    KNOWN.with_borrow(|known| {
        let known = known.get(place(content))?.as_ref()?;
        (*known.content == *content).then(|| known.names.clone())
    })
}

/// Keeps a list, in place of another when there is one with the same place.
pub(crate) fn keep(content: &str, names: &TypeNames) {
    KNOWN.with_borrow_mut(|known| {
        if known.is_empty() {
            known.resize_with(PLACES, || None);
        }
        if let Some(place) = known.get_mut(place(content)) {
            *place = Some(Known { content: content.into(), names: names.clone() });
        }
    });
}

/// A weak hash does: a list that is pushed out of its place is only read anew.
fn place(content: &str) -> usize {
    let (words, rest) = content.as_bytes().as_chunks::<8>();
    let mix =
        |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(0x517C_C1B7_2722_0A95);
    let hash = words.iter().fold(0, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let hash = rest.iter().fold(hash, |hash, byte| mix(hash, u64::from(*byte)));
    usize::try_from(hash >> 57).unwrap_or(0) % PLACES
}

#[cfg(test)]
mod tests {
    use super::{find, keep};
    use crate::type_names::TypeNames;

    #[test]
    fn a_list_is_found_by_its_whole_content_only() {
        let names = TypeNames::from(["A", "B"]);
        keep("<T>A</T><T>B</T>", &names);
        assert_eq!(find("<T>A</T><T>B</T>"), Some(names));
        assert_eq!(find("<T>A</T><T>C</T>"), None);
        assert_eq!(find(""), None);
    }
}
