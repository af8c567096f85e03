//! Proxy addresses as the server handles them: `type:address`, `SMTP:` for the primary one.

/// Returns the address of an SMTP proxy address, whatever the case of its prefix.
pub(crate) fn smtp_part(proxy: &str) -> Option<&str> {
    let (prefix, address) = proxy.split_once(':')?;
    prefix.eq_ignore_ascii_case("smtp").then_some(address)
}

/// Returns the primary SMTP address of a set, without its prefix.
pub(crate) fn primary(addresses: &[String]) -> Option<&str> {
    addresses.iter().find_map(|address| address.strip_prefix("SMTP:"))
}

/// Gives every address a prefix; a bare one is SMTP, and any spelling of `smtp` but `SMTP` is a secondary address.
pub(crate) fn with_prefix(text: &str) -> String {
    let text = text.trim();
    match text.split_once(':') {
        None => format!("smtp:{text}"),
        Some((prefix, address)) if prefix.eq_ignore_ascii_case("smtp") => {
            format!("{}:{address}", if prefix == "SMTP" { "SMTP" } else { "smtp" })
        }
        Some(_) => text.to_owned(),
    }
}

/// Prefixes a whole list. Without any `SMTP:` the first SMTP address becomes the primary one.
pub(crate) fn normalise(texts: &[String]) -> Vec<String> {
    let mut addresses: Vec<String> = texts.iter().map(|text| with_prefix(text)).collect();
    if primary(&addresses).is_none()
        && let Some(first) = addresses.iter_mut().find(|address| address.starts_with("smtp:"))
    {
        first.replace_range(..4, "SMTP");
    }
    addresses
}

/// Makes `address` the primary one; the former primary stays as a secondary address.
pub(crate) fn promote(addresses: &mut Vec<String>, address: &str) {
    for known in addresses.iter_mut().filter(|known| known.starts_with("SMTP:")) {
        known.replace_range(..4, "smtp");
    }
    addresses.retain(|known| smtp_part(known).is_none_or(|known| !same(known, address)));
    addresses.insert(0, format!("SMTP:{address}"));
}

/// Compares as the directory does: without case, beyond ASCII too.
pub(crate) fn same(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right) || left.to_lowercase() == right.to_lowercase()
}

/// Returns whether the text is an SMTP address that the server takes.
pub(crate) fn is_smtp(address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let local_is_good = (1..=64).contains(&local.len())
        && local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom_char));
    local_is_good && is_domain(domain)
}

fn is_atom_char(c: char) -> bool {
    c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
}

/// Returns whether the text is a domain name of at least two labels.
pub(crate) fn is_domain(domain: &str) -> bool {
    domain.len() <= 255
        && domain.contains('.')
        && domain.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        })
}

/// Returns whether the text is an alias that the server takes.
pub(crate) fn is_alias(alias: &str) -> bool {
    alias.chars().count() <= 64
        && alias
            .split('.')
            .all(|atom| !atom.is_empty() && atom.chars().all(|c| c.is_ascii() && is_atom_char(c)))
}

/// Makes an alias of a name by dropping what an alias cannot hold.
pub(crate) fn alias_of(name: &str) -> String {
    let kept: String =
        name.chars().filter(|c| c.is_ascii() && (is_atom_char(*c) || *c == '.')).take(64).collect();
    kept.split('.').filter(|atom| !atom.is_empty()).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn the_first_smtp_address_becomes_primary_when_none_is() {
        assert_eq!(
            normalise(&list(&["X500:/o=a", "a@b.com", "smtp:c@b.com"])),
            list(&["X500:/o=a", "SMTP:a@b.com", "smtp:c@b.com"])
        );
        assert_eq!(
            normalise(&list(&["a@b.com", "SMTP:c@b.com"])),
            list(&["smtp:a@b.com", "SMTP:c@b.com"])
        );
        assert_eq!(normalise(&list(&["Smtp:a@b.com"])), list(&["SMTP:a@b.com"]));
        assert_eq!(normalise(&list(&["X500:/o=a"])), list(&["X500:/o=a"]));
    }

    #[test]
    fn promoting_keeps_the_former_primary() {
        let mut addresses = list(&["SMTP:a@b.com", "smtp:C@b.com", "SIP:a@b.com"]);
        promote(&mut addresses, "c@b.com");
        assert_eq!(addresses, list(&["SMTP:c@b.com", "smtp:a@b.com", "SIP:a@b.com"]));
    }

    #[test]
    fn addresses_are_validated() {
        for good in
            ["a@b.com", "o'neil@contoso.com", "kim.akers@eu.contoso.com", "jürgen@contoso.com"]
        {
            assert!(is_smtp(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "@b.com",
            "a@b",
            "a@b..com",
            "a b@c.com",
            "a@c,d.com",
            "a..b@c.com",
            "<a@b.com>",
        ] {
            assert!(!is_smtp(bad), "{bad}");
        }
        assert_eq!(alias_of("Änne Ørsted, Jr."), "nnerstedJr");
        assert!(is_alias("kim.akers") && !is_alias("kim akers") && !is_alias(".kim"));
    }
}
