//! What a comparison of a filter means for each kind of property.

use super::{Operand, Operator};
use crate::directory::address;
use crate::object::text::parse_date;
use crate::object::{Field, Rich, RichKind};
use crate::views::Property;

/// Returns whether the vendor's table allows the comparison.
pub(super) fn is_allowed(property: &Property, operator: Operator, value: &Operand) -> bool {
    let rule = property.filter;
    let kind = rule.chars().next().unwrap_or('?');
    if *value == Operand::Null {
        return rule.contains('?') && matches!(operator, Operator::Eq | Operator::Ne);
    }
    match (operator, value) {
        (Operator::Like | Operator::NotLike, Operand::Text(_)) => rule.contains('*'),
        (Operator::Gt | Operator::Ge | Operator::Lt | Operator::Le, Operand::Text(text)) => {
            match kind {
                's' => rule.contains('*'),
                'd' => parse_date(text).is_some(),
                'i' => text.parse::<i64>().is_ok(),
                _ => false,
            }
        }
        (Operator::Eq | Operator::Ne, Operand::Text(text)) => match kind {
            'u' => text.eq_ignore_ascii_case("unlimited"),
            'd' => parse_date(text).is_some(),
            'b' => text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false"),
            _ => true,
        },
        (Operator::Eq | Operator::Ne, Operand::Bool(_)) => kind == 'b',
        _ => false,
    }
}

/// Compares; of several values one that matches is enough, and the negative operators say the opposite.
pub(super) fn matches(
    field: &Field,
    property: &Property,
    operator: Operator,
    value: &Operand,
) -> bool {
    let positive = match operator {
        Operator::Ne => return !matches(field, property, Operator::Eq, value),
        Operator::NotLike => return !matches(field, property, Operator::Like, value),
        positive => positive,
    };
    match (field, value) {
        (field, Operand::Null) => field.is_unset(),
        (Field::List(_, items), value) => {
            items.iter().any(|item| single(item, property, positive, value))
        }
        (field, value) => single(field, property, positive, value),
    }
}

fn single(field: &Field, property: &Property, operator: Operator, value: &Operand) -> bool {
    let text = match value {
        Operand::Text(text) => text,
        Operand::Bool(wanted) => return *field == Field::Bool(*wanted),
        Operand::Null => return field.is_unset(),
    };
    match field {
        Field::Date(date) => {
            parse_date(text).is_some_and(|wanted| ordered(operator, date.cmp(&wanted)))
        }
        Field::Int(number) => text
            .parse::<i64>()
            .is_ok_and(|wanted| ordered(operator, i64::from(*number).cmp(&wanted))),
        Field::Guid(guid) => {
            uuid::Uuid::try_parse(text).is_ok_and(|wanted| ordered(operator, guid.cmp(&wanted)))
        }
        Field::Rich(Rich { kind: RichKind::ProxyAddress, text: proxy }) => {
            proxy_matches(proxy, operator, text)
        }
        Field::Rich(Rich { kind: RichKind::ObjectId { distinguished_name, .. }, .. })
            if property.filter.starts_with('n') =>
        {
            address::same(distinguished_name, text)
        }
        Field::Nil => false,
        field => text_matches(&field.display(), operator, text),
    }
}

/// A complete address needs no prefix; with a wildcard the prefix counts.
fn proxy_matches(proxy: &str, operator: Operator, wanted: &str) -> bool {
    let bare = address::smtp_part(proxy).filter(|_| operator == Operator::Eq);
    text_matches(proxy, operator, wanted)
        || bare.is_some_and(|bare| text_matches(bare, operator, wanted))
}

fn text_matches(text: &str, operator: Operator, wanted: &str) -> bool {
    let (text, wanted) = (text.to_lowercase(), wanted.to_lowercase());
    match operator {
        Operator::Like | Operator::NotLike => glob(&text, &wanted),
        _ => ordered(operator, text.cmp(&wanted)),
    }
}

fn ordered(operator: Operator, order: std::cmp::Ordering) -> bool {
    match operator {
        Operator::Gt => order.is_gt(),
        Operator::Ge => order.is_ge(),
        Operator::Lt => order.is_lt(),
        Operator::Le => order.is_le(),
        _ => order.is_eq(),
    }
}

/// Matches `*` against anything; nothing else is special, and nothing escapes it.
pub(crate) fn glob(text: &str, pattern: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return text == pattern };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let tail = parts.pop().unwrap_or_default();
    for part in parts.into_iter().filter(|part| !part.is_empty()) {
        let Some((_, after)) = text.split_once(part) else { return false };
        text = after;
    }
    text.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{ProptestConfig, prop_assert, proptest};

    #[test]
    fn wildcards_match_anything() {
        for (text, pattern) in [
            ("abc", "abc"),
            ("abc", "a*"),
            ("abc", "*c"),
            ("abc", "*b*"),
            ("abc", "a*c"),
            ("abc", "*"),
            ("", "*"),
            ("abcabc", "a*b*c"),
            ("ab", "**b"),
        ] {
            assert!(glob(text, pattern), "{text} {pattern}");
        }
        for (text, pattern) in
            [("abc", "ab"), ("abc", "*d*"), ("abc", "abc*c"), ("aba", "ab*ba"), ("a.b", "a?b")]
        {
            assert!(!glob(text, pattern), "{text} {pattern}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn a_text_matches_its_parts_between_wildcards(head in "[a-c]{0,5}", text in "[a-c]{0,5}", tail in "[a-c]{0,5}") {
            let pattern = format!("*{text}*");
            let whole = format!("{head}{text}{tail}");
            prop_assert!(glob(&whole, &pattern));
        }
    }
}
