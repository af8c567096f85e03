//! Looking an object over before it is read, where what it is decides how it is read.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::de::value::{StrDeserializer, UnitDeserializer};
use serde::de::{DeserializeSeed, IntoDeserializer, MapAccess};

use super::cursor::{Cursor, Kind};
use super::fields::value_before_key;
use crate::error::Error;
use crate::escape::Escaped;

/// What an object has, by the places where it stands.
pub(super) struct Survey<'a> {
    pub(super) to_string: Option<Cow<'a, str>>,
    /// The wrapped value or the container.
    pub(super) content: Option<(Kind, usize)>,
    /// Where its members begin in the cursor's list.
    pub(super) base: usize,
}

/// The places of an entry's key and value, as far as it has them.
pub(super) type Entry = (Option<usize>, Option<usize>);

/// A property.
pub(crate) struct Member<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) place: usize,
    extended: bool,
}

impl<'a> Cursor<'_, 'a> {
    /// Reads the object that has just begun to its end. Its members are left in the list, without those that others hide.
    pub(super) fn survey(&mut self) -> Result<Survey<'a>, Error> {
        let mut survey = Survey { to_string: None, content: None, base: self.members.len() };
        while let Some(part) = self.child()? {
            match part.kind {
                Kind::ToString if survey.to_string.is_none() => {
                    survey.to_string = Some(Escaped::new(self.leaf("ToString")?).into_lossy());
                }
                Kind::Members { extended } => self.survey_members(extended)?,
                Kind::Primitive(_) | Kind::Object | Kind::Container(_) | Kind::Ref(_) => {
                    survey.content = Some((part.kind, part.start));
                    self.skip(part.depth)?;
                }
                Kind::TypeNames => self.skip_type_names()?,
                Kind::TypeNamesReference | Kind::ToString | Kind::Other => self.skip(part.depth)?,
            }
        }
        self.hide_members(survey.base);
        Ok(survey)
    }

    fn survey_members(&mut self, extended: bool) -> Result<(), Error> {
        while let Some(member) = self.child()? {
            let name = self.scanner.attributes().iter().find(|attribute| attribute.name == "N");
            if let Some(name) = name {
                let name = Escaped::new(name.value.clone()).into_lossy();
                self.members.push(Member { name, place: member.start, extended });
            }
            self.skip(member.depth)?;
        }
        Ok(())
    }

    /// Drops the members that are hidden by an extended or a later one of the same name.
    fn hide_members(&mut self, base: usize) {
        let Some(own) = self.members.get_mut(base..).filter(|own| own.len() > 1) else { return };
        own.sort_by_key(|member| member.extended);
        let mut names = HashSet::new();
        let is_first: Vec<bool> =
            own.iter().rev().map(|member| names.insert(member.name.to_lowercase())).collect();
        let mut is_first = is_first.into_iter().rev();
        let mut position = 0;
        self.members.retain(|_| {
            position += 1;
            position <= base || is_first.next().unwrap_or(true)
        });
    }

    /// Reads on to the next entry of the dictionary that has `depth` elements open with it. Gives the places of its key and
    /// its value, and leaves both behind.
    pub(super) fn entry(&mut self, depth: usize) -> Result<Option<Entry>, Error> {
        debug_assert_eq!(self.scanner.depth(), depth, "the dictionary is the innermost element");
        loop {
            if self.child()?.is_none() {
                return Ok(None);
            }
            if !self.is_entry() {
                self.skip(depth)?;
                continue;
            }
            let (mut key, mut value) = (None, None);
            while let Some(part) = self.child()? {
                let name = self.scanner.attributes().iter().find(|attribute| attribute.name == "N");
                match name.map(|name| &*name.value) {
                    Some(name) if name.eq_ignore_ascii_case("Key") => key = Some(part.start),
                    Some(name) if name.eq_ignore_ascii_case("Value") => value = Some(part.start),
                    _ => {}
                }
                self.skip(part.depth)?;
            }
            return Ok(Some((key, value)));
        }
    }
}

/// The entries of a dictionary, which is the innermost open element.
pub(super) struct Entries<'c, 'de, 'a> {
    pub(super) cursor: &'c mut Cursor<'de, 'a>,
    pub(super) depth: usize,
    /// The place of the value that is due; `None` when the entry has none.
    pub(super) value: Option<Option<usize>>,
    pub(super) is_over: bool,
}

impl<'de> MapAccess<'de> for Entries<'_, 'de, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        if self.is_over {
            return Ok(None);
        }
        let Some((key, value)) = self.cursor.entry(self.depth)? else {
            self.is_over = true;
            return Ok(None);
        };
        self.value = Some(value);
        read_or_null(self.cursor, key, seed).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let place = self.value.take().ok_or_else(value_before_key)?;
        read_or_null(self.cursor, place, seed)
    }
}

fn read_or_null<'de, S: DeserializeSeed<'de>>(
    cursor: &mut Cursor<'de, '_>,
    place: Option<usize>,
    seed: S,
) -> Result<S::Value, Error> {
    let Some(place) = place else {
        let null: UnitDeserializer<Error> = ().into_deserializer();
        return seed.deserialize(null);
    };
    let mark = cursor.mark();
    let element = cursor.again(place)?;
    let data = cursor.read_with(element, |inner| seed.deserialize(inner))?;
    cursor.go_back(mark);
    Ok(data)
}

/// The members of an object that was surveyed, as a map.
pub(super) struct Members<'c, 'de, 'a> {
    pub(super) cursor: &'c mut Cursor<'de, 'a>,
    pub(super) next: usize,
    pub(super) end: usize,
}

impl<'de> MapAccess<'de> for Members<'_, 'de, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        if self.next >= self.end {
            return Ok(None);
        }
        let Some(member) = self.cursor.members.get(self.next) else { return Ok(None) };
        self.next += 1;
        match self.cursor.lend(&member.name) {
            Some(name) => seed.deserialize(serde::de::value::BorrowedStrDeserializer::new(name)),
            None => {
                let name: StrDeserializer<'_, Error> = (&*member.name).into_deserializer();
                seed.deserialize(name)
            }
        }
        .map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let member = self.next.checked_sub(1).and_then(|at| self.cursor.members.get(at));
        let place = member.ok_or_else(value_before_key)?.place;
        let element = self.cursor.again(place)?;
        self.cursor.read_with(element, |inner| seed.deserialize(inner))
    }
}
