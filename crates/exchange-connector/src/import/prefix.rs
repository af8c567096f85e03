//! Beginnings of aliases that cut what is missing into pieces.
//!
//! Where much is missing, naming each object by its GUID would take a server through its directory once for each. An alias
//! can be asked for by its beginning, and the list of keys shows which beginnings name how much. What this leaves out, is
//! asked for by GUID: aliases with other characters than the plain ones, and the odd few.

/// The beginnings to ask for. Those that are asked for show every missing object whose alias is plain, but for a few.
pub(super) fn prefixes(mut keys: Vec<Key>) -> Vec<String> {
    keys.sort_unstable_by(|one, other| one.alias.cmp(&other.alias));
    let mut found = Vec::new();
    split(&keys, 0, &mut found);
    found
}

/// An object, given already or missing, by its alias.
#[derive(Debug)]
pub(super) struct Key {
    /// INVARIANT: plain characters in lower case.
    alias: Box<str>,
    is_missing: bool,
}

impl Key {
    /// `None` when the alias has characters that mean something to a filter, or whose order and case depend on a culture.
    pub(super) fn new(alias: &str, is_missing: bool) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let plain = !alias.is_empty() && alias.bytes().all(is_plain);
        plain.then(|| Self { alias: alias.to_ascii_lowercase().into(), is_missing })
    }
}

/// Finds beginnings for keys that are sorted and share their first `shared` bytes.
fn split(keys: &[Key], shared: usize, found: &mut Vec<String>) {
    let missing = keys.iter().filter(|key| key.is_missing).count();
    if missing <= FEW {
        return;
    }
    let shared_text = keys.first().and_then(|key| key.alias.get(..shared)).unwrap_or_default();
    if !shared_text.is_empty() && (keys.len() <= GROUP || shared >= LONGEST) {
        found.push(shared_text.to_owned());
        return;
    }
    let next = |key: &Key| key.alias.as_bytes().get(shared).copied();
    for group in keys.chunk_by(|one, other| next(one) == next(other)) {
        if group.first().is_some_and(|key| next(key).is_some()) {
            split(group, shared + 1, found);
        }
    }
}

/// So many are named by their GUIDs instead.
const FEW: usize = 10;
/// A beginning is made longer until it names no more than this; so much is read again when a session is lost.
const GROUP: usize = 1000;
/// The longest beginning.
const LONGEST: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_grow_until_they_name_few_enough() {
        let key = |number: usize| Key::new(&format!("User{number:05}"), number >= 2500).unwrap();
        let found = prefixes((0..5000).map(key).collect());
        assert_eq!(found, ["user02", "user03", "user04"]);
        assert!(prefixes((0..2505).map(key).collect()).is_empty(), "a few are named one by one");
        assert!(prefixes(Vec::new()).is_empty());
    }

    #[test]
    fn only_plain_aliases_are_asked_for_by_their_beginning() {
        for alias in ["", "o'neil", "a*", "müller", "a b", "a\u{130}"] {
            assert!(Key::new(alias, true).is_none(), "{alias}");
        }
        assert!(Key::new("Ann.B_c-1", true).is_some());
    }

    #[test]
    fn equal_and_long_aliases_end_the_search() {
        let same = |_| Key::new(&"x".repeat(60), true).unwrap();
        assert_eq!(prefixes((0..2000).map(same).collect()), ["x".repeat(LONGEST)]);
        let short = |_| Key::new("x", true).unwrap();
        assert!(prefixes((0..2000).map(short).collect()).is_empty());
    }
}
