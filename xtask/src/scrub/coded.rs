//! Text inside another notation, changed without changing how it is written.
//!
//! XML writes some letters as references, CLIXML as `_xHHHH_`, JSON as `\uHHHH`, URLs in percent. A letter that is replaced
//! is written again in the way it was written, so that sizes stay; only a text that gets longer is written anew.

use std::fmt::Write as _;
use std::ops::Range;

/// A notation for text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Notation {
    /// Character data and attribute values.
    Xml,
    /// The same with `_xHHHH_` inside.
    Clixml,
    /// The inside of a string of JSON or TOML.
    Json,
    /// URLs.
    Percent,
    /// Form bodies, where `+` is a blank.
    Form,
}

/// A text and how each of its characters was written.
#[derive(Debug)]
pub(super) struct Coded<'r> {
    notation: Notation,
    raw: &'r str,
    units: Vec<Unit>,
}

#[derive(Clone, Debug)]
struct Unit {
    sign: char,
    /// Where it stands in the raw text, in bytes.
    raw: Range<usize>,
    writing: Writing,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Writing {
    Literal,
    /// `&#65;`, `&#x41;`.
    Reference,
    /// `_x0041_`.
    Underscored,
    /// `\u0041`.
    Unicode,
    /// `%41`.
    Percent,
    /// `&amp;`, `\n` and their like, for one sign alone.
    Named,
}

impl<'r> Coded<'r> {
    /// Reads `raw`. What is no proper escape stands for itself.
    pub(super) fn new(notation: Notation, raw: &'r str) -> Self {
        let units = match notation {
            Notation::Xml => xml(raw),
            Notation::Clixml => underscored(xml(raw)),
            Notation::Json => json(raw),
            Notation::Percent => percent(raw, false),
            Notation::Form => percent(raw, true),
        };
        Self { notation, raw, units }
    }

    /// Returns the text itself.
    pub(super) fn text(&self) -> String {
        self.units.iter().map(|unit| unit.sign).collect()
    }

    /// Writes `text`, which takes the place of the text that was read, in the same way.
    pub(super) fn write(&self, text: &str) -> String {
        let mut out = String::with_capacity(self.raw.len());
        if text.chars().count() == self.units.len() {
            for (unit, sign) in self.units.iter().zip(text.chars()) {
                if sign == unit.sign {
                    out.push_str(self.raw.get(unit.raw.clone()).unwrap_or_default());
                } else {
                    self.push(&mut out, sign, unit);
                }
            }
        } else {
            text.chars().for_each(|sign| push_escaped(&mut out, self.notation, sign));
        }
        out
    }

    fn push(&self, out: &mut String, sign: char, unit: &Unit) {
        match unit.writing {
            Writing::Literal | Writing::Named => push_escaped(out, self.notation, sign),
            Writing::Reference => {
                let written = self.raw.get(unit.raw.clone()).unwrap_or_default();
                let digits =
                    written.len().saturating_sub(if written.contains('x') { 4 } else { 3 });
                let code = u32::from(sign);
                let _ = if written.contains('x') {
                    write!(out, "&#x{code:0digits$X};")
                } else {
                    write!(out, "&#{code:0digits$};")
                };
            }
            Writing::Underscored => units(sign).for_each(|unit| {
                let _ = write!(out, "_x{unit:04X}_");
            }),
            Writing::Unicode => units(sign).for_each(|unit| {
                let _ = write!(out, "\\u{unit:04x}");
            }),
            Writing::Percent => push_percent(out, sign),
        }
    }
}

fn units(sign: char) -> impl Iterator<Item = u16> {
    sign.encode_utf16(&mut [0; 2]).to_vec().into_iter()
}

fn push_percent(out: &mut String, sign: char) {
    for byte in sign.encode_utf8(&mut [0; 4]).bytes() {
        let _ = write!(out, "%{byte:02X}");
    }
}

fn push_escaped(out: &mut String, notation: Notation, sign: char) {
    match (notation, sign) {
        (Notation::Xml | Notation::Clixml, '&') => out.push_str("&amp;"),
        (Notation::Xml | Notation::Clixml, '<') => out.push_str("&lt;"),
        (Notation::Xml | Notation::Clixml, '>') => out.push_str("&gt;"),
        (Notation::Xml | Notation::Clixml, '"') => out.push_str("&quot;"),
        (Notation::Clixml, sign) if sign.is_control() => {
            let _ = write!(out, "_x{:04X}_", u32::from(sign));
        }
        (Notation::Json, '"' | '\\') => {
            out.push('\\');
            out.push(sign);
        }
        (Notation::Json, sign) if sign.is_control() => {
            let _ = write!(out, "\\u{:04x}", u32::from(sign));
        }
        (Notation::Percent | Notation::Form, sign)
            if !sign.is_ascii_graphic()
                || matches!(sign, '%' | '&' | '+' | '#' | '"' | '<' | '>') =>
        {
            push_percent(out, sign);
        }
        (_, sign) => out.push(sign),
    }
}

fn literal(at: usize, sign: char) -> Unit {
    Unit { sign, raw: at..at + sign.len_utf8(), writing: Writing::Literal }
}

/// Reads `raw` sign by sign; `escape` reads an escape that begins at its argument, and says how long it is.
fn read(raw: &str, escape: impl Fn(&str) -> Option<(char, usize, Writing)>) -> Vec<Unit> {
    let mut units = Vec::with_capacity(raw.len());
    let mut at = 0;
    while let Some(rest) = raw.get(at..).filter(|rest| !rest.is_empty()) {
        let unit = match escape(rest) {
            Some((sign, len, writing)) => Unit { sign, raw: at..at + len, writing },
            None => literal(at, rest.chars().next().unwrap_or_default()),
        };
        at = unit.raw.end;
        units.push(unit);
    }
    units
}

fn xml(raw: &str) -> Vec<Unit> {
    read(raw, |rest| {
        let body = rest.strip_prefix('&')?;
        let end = body.char_indices().take(12).find(|(_, sign)| *sign == ';')?.0;
        let name = body.get(..end)?;
        let len = end + 2;
        let number = name.strip_prefix('#');
        let sign = match number.map(|number| (number, number.strip_prefix('x'))) {
            Some((_, Some(hex))) => char::from_u32(u32::from_str_radix(hex, 16).ok()?)?,
            Some((number, None)) => char::from_u32(number.parse().ok()?)?,
            None => match name {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                _ => return None,
            },
        };
        let writing = if number.is_some() { Writing::Reference } else { Writing::Named };
        Some((sign, len, writing))
    })
}

/// Joins `_`, `x`, four digits and `_` to the unit that they stand for.
fn underscored(units: Vec<Unit>) -> Vec<Unit> {
    let mut joined: Vec<Unit> = Vec::with_capacity(units.len());
    let mut at = 0;
    while let Some(unit) = units.get(at) {
        match escaped_at(&units, at) {
            Some((sign, taken)) => {
                let end = units.get(at + taken - 1).map_or(unit.raw.end, |last| last.raw.end);
                joined.push(Unit { sign, raw: unit.raw.start..end, writing: Writing::Underscored });
                at += taken;
            }
            None => {
                joined.push(unit.clone());
                at += 1;
            }
        }
    }
    joined
}

fn escaped_at(units: &[Unit], at: usize) -> Option<(char, usize)> {
    let first = code_at(units, at)?;
    if let Some(sign) = char::from_u32(u32::from(first)) {
        return Some((sign, 7));
    }
    let second = code_at(units, at + 7)?;
    let sign = char::decode_utf16([first, second]).next()?.ok()?;
    Some((sign, 14))
}

fn code_at(units: &[Unit], at: usize) -> Option<u16> {
    let text: String = units.get(at..at + 7)?.iter().map(|unit| unit.sign).collect();
    let digits = text.strip_prefix("_x").or_else(|| text.strip_prefix("_X"))?.strip_suffix('_')?;
    u16::from_str_radix(digits, 16).ok()
}

fn json(raw: &str) -> Vec<Unit> {
    read(raw, |rest| {
        let escaped = rest.strip_prefix('\\')?;
        let named = match escaped.chars().next()? {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => {
                let first = u16::from_str_radix(rest.get(2..6)?, 16).ok()?;
                if let Some(sign) = char::from_u32(u32::from(first)) {
                    return Some((sign, 6, Writing::Unicode));
                }
                let second = u16::from_str_radix(rest.get(6..)?.strip_prefix("\\u")?.get(..4)?, 16);
                let sign = char::decode_utf16([first, second.ok()?]).next()?.ok()?;
                return Some((sign, 12, Writing::Unicode));
            }
            sign @ ('"' | '\\' | '/') => sign,
            _ => return None,
        };
        Some((named, 2, Writing::Named))
    })
}

fn percent(raw: &str, plus: bool) -> Vec<Unit> {
    read(raw, |rest| {
        if plus && rest.starts_with('+') {
            return Some((' ', 1, Writing::Named));
        }
        let byte = |at: usize| {
            let digits = rest.get(at * 3..)?.strip_prefix('%')?.get(..2)?;
            u8::from_str_radix(digits, 16).ok()
        };
        let size = match byte(0)? {
            0..=0x7f => 1,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf7 => 4,
            _ => return None,
        };
        let bytes: Vec<u8> = (0..size).map_while(byte).collect();
        let sign = std::str::from_utf8(&bytes).ok()?.chars().next()?;
        Some((sign, size * 3, Writing::Percent))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(notation: Notation, raw: &str, text: &str, replaced: &str, expected: &str) {
        let coded = Coded::new(notation, raw);
        assert_eq!(coded.text(), text);
        assert_eq!(coded.write(text), raw);
        assert_eq!(coded.write(replaced), expected);
    }

    #[test]
    fn a_letter_is_written_again_as_it_was() {
        check(Notation::Xml, "A&amp;&#66;&#x43;", "A&BC", "X&YZ", "X&amp;&#89;&#x5A;");
        check(
            Notation::Clixml,
            "a_x0042__xD83D__xDE00_&lt;",
            "aB😀<",
            "xY😀<",
            "x_x0059__xD83D__xDE00_&lt;",
        );
        check(Notation::Json, r#"a\u00e4\n\"ä"#, "aä\n\"ä", "xø\n\"ø", r#"x\u00f8\n\"ø"#);
        check(Notation::Percent, "ann%40c%C3%A4.de", "ann@cä.de", "zaq@xø.de", "zaq%40x%C3%B8.de");
        check(Notation::Form, "a+b%26", "a b&", "x y&", "x+y%26");
    }

    #[test]
    fn what_is_no_escape_stands_for_itself() {
        check(
            Notation::Xml,
            "a & b &x; &#xZ;",
            "a & b &x; &#xZ;",
            "b & b &x; &#xZ;",
            "b & b &x; &#xZ;",
        );
        check(Notation::Clixml, "_xD83D_ _x12_", "_xD83D_ _x12_", "_xD83D_ _x12_", "_xD83D_ _x12_");
        check(Notation::Percent, "100%", "100%", "555%", "555%");
    }

    #[test]
    fn a_longer_text_is_written_anew() {
        assert_eq!(Coded::new(Notation::Xml, "a").write("b&c"), "b&amp;c");
        assert_eq!(Coded::new(Notation::Json, "a").write("b\"c"), "b\\\"c");
    }
}
