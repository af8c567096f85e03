//! Hosts that are reached without the proxy of the environment.
//!
//! There is no standard for `NO_PROXY`; this is what curl and Go agree on: names stand for themselves and what is below
//! them, addresses for themselves, networks for the addresses in them, and an asterisk for all hosts.

use std::net::IpAddr;

/// Tells whether a host is on the list, or is this machine.
pub(crate) fn is_exempt(host: &str, port: u16, list: &str) -> bool {
    let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    let is_local = host == "localhost" || host.ends_with(".localhost");
    if is_local || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    let mut entries = list.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty());
    entries.any(|entry| entry == "*" || is_meant(&entry.to_ascii_lowercase(), &host, address, port))
}

fn is_meant(entry: &str, host: &str, address: Option<IpAddr>, port: u16) -> bool {
    if let Some(address) = address {
        return match entry.split_once('/') {
            Some((network, bits)) => is_within(address, network, bits),
            None => entry.trim_matches(['[', ']']).parse() == Ok(address),
        };
    }
    let (name, of_port) = match entry.split_once(':') {
        Some((name, text)) => (name, text.parse() == Ok(port)),
        None => (entry, true),
    };
    let name = name.trim_start_matches("*.").trim_start_matches('.').trim_end_matches('.');
    let is_below = || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
    of_port && !name.is_empty() && (host == name || is_below())
}

fn is_within(address: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else {
        return false;
    };
    let (differing, width) = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits() ^ b.to_bits()), 32_u32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits(), 128),
        _ => return false,
    };
    width.checked_sub(bits).is_some_and(|rest| differing.checked_shr(rest).unwrap_or(0) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_addresses_and_networks_are_told_apart() {
        for (host, list, expected) in [
            ("ex01.contoso.com", "contoso.com", true),
            ("ex01.contoso.com", "fabrikam.com, .contoso.com", true),
            ("ex01.contoso.com", "*.CONTOSO.com", true),
            ("notcontoso.com", "contoso.com", false),
            ("contoso.com", ".contoso.com.", true),
            ("ex01.contoso.com", "contoso.com:443", true),
            ("ex01.contoso.com", "contoso.com:80", false),
            ("ex01", "*", true),
            ("ex01", ". , :", false),
            ("10.1.2.3", "10.0.0.0/8", true),
            ("11.1.2.3", "10.0.0.0/8", false),
            ("11.1.2.3", "0.0.0.0/0", true),
            ("11.1.2.3", "10.0.0.0/99", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "2.3", false),
            ("[fd00::1]", "fd00::/16", true),
            ("[fe00::1]", "fd00::/16,::/x", false),
            ("LOCALHOST", "", true),
            ("127.9.9.9", "", true),
            ("[::1]", "", true),
            ("ex01", "", false),
        ] {
            assert_eq!(is_exempt(host, 443, list), expected, "{host} {list}");
        }
    }
}
