//! The arrows between the crates point down only, and the protocol crates reach no network.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::process::{cargo, members, output};

/// Each crate with the members of the workspace that it may reach, directly or through others.
const LAYERS: [(&str, &[&str]); 11] = [
    ("clixml", &[]),
    ("psrp", &["clixml"]),
    ("wsman", &[]),
    ("psrp-client", &["clixml", "psrp", "wsman"]),
    ("address-policy", &[]),
    ("exchange-cmdlets", &["address-policy", "clixml"]),
    ("exchange-online", &["address-policy", "clixml", "exchange-cmdlets"]),
    ("exchange-connector", BELOW_THE_FACADE),
    ("exchange-sim", BELOW_THE_FACADE),
    ("exchange-connector-cli", CLI),
    ("xtask", XTASK),
];

const BELOW_THE_FACADE: &[&str] = &[
    "address-policy",
    "clixml",
    "exchange-cmdlets",
    "exchange-online",
    "psrp",
    "psrp-client",
    "wsman",
];

const CLI: &[&str] = &[
    "address-policy",
    "clixml",
    "exchange-cmdlets",
    "exchange-connector",
    "exchange-online",
    "exchange-sim",
    "psrp",
    "psrp-client",
    "wsman",
];

const XTASK: &[&str] = &[
    "address-policy",
    "clixml",
    "exchange-cmdlets",
    "exchange-connector",
    "exchange-connector-cli",
    "exchange-online",
    "exchange-sim",
    "psrp",
    "psrp-client",
    "wsman",
];

/// Crates that do no I/O, with their default features.
const PURE: [&str; 5] = ["address-policy", "clixml", "exchange-cmdlets", "psrp", "wsman"];

/// Crates that mean I/O or cryptography of the network.
const NETWORK: [&str; 9] =
    ["async-std", "hyper", "hyper-util", "mio", "reqwest", "rustls", "socket2", "sspi", "tokio"];

/// What each crate reaches by its normal dependencies.
type Reach = BTreeMap<String, BTreeSet<String>>;

/// Asks cargo what each member reaches.
///
/// # Errors
///
/// When an arrow points up, naming each such arrow.
pub(crate) fn check() -> Result<()> {
    let mut reach = Reach::new();
    for member in members()? {
        let name = member.get("name").and_then(Value::as_str).context("cargo names no package")?;
        reach.insert(name.to_owned(), reached(name)?);
    }
    let found = violations(&reach);
    if !found.is_empty() {
        bail!("{}", found.join("\n"));
    }
    eprintln!("layers: {} crates, every arrow points down", reach.len());
    Ok(())
}

/// Returns a sentence for each rule that `reach` breaks.
fn violations(reach: &Reach) -> Vec<String> {
    let mut found = Vec::new();
    for (member, reached) in reach {
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| name == member) else {
            found.push(format!("{member} has no layer"));
            continue;
        };
        let members = reached.iter().filter(|name| reach.contains_key(*name) && *name != member);
        for other in members.filter(|name| !allowed.contains(&name.as_str())) {
            found.push(format!("{member} must not reach {other}"));
        }
        if PURE.contains(&member.as_str()) {
            let network = reached.iter().filter(|name| NETWORK.contains(&name.as_str()));
            found.extend(
                network.map(|other| format!("{member} does no I/O and must not reach {other}")),
            );
        }
    }
    let missing = LAYERS.iter().filter(|(name, _)| !reach.contains_key(*name));
    found.extend(missing.map(|(name, _)| format!("{name} is missing from the workspace")));
    found
}

/// `cargo tree` of one package switches on only the features that this package asks for; `cargo metadata` would give
/// it those that any member asks for.
fn reached(member: &str) -> Result<BTreeSet<String>> {
    let tree = output(&mut cargo(&[
        "tree",
        "--package",
        member,
        "--edges",
        "normal",
        "--target",
        "all",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]))?;
    Ok(tree.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::{LAYERS, Reach, violations};

    /// The workspace as it should be, plus one arrow.
    fn with_arrow(from: &str, to: &str) -> Vec<String> {
        let mut reach: Reach = LAYERS
            .iter()
            .map(|(name, allowed)| {
                ((*name).to_owned(), allowed.iter().map(|name| (*name).to_owned()).collect())
            })
            .collect();
        reach.entry(from.to_owned()).or_default().insert(to.to_owned());
        violations(&reach)
    }

    #[test]
    fn the_arrows_of_the_contract_pass() {
        assert_eq!(with_arrow("psrp", "clixml"), Vec::<String>::new());
        assert_eq!(with_arrow("psrp-client", "tokio"), Vec::<String>::new());
    }

    #[test]
    fn an_arrow_that_points_up_is_found() {
        assert_eq!(with_arrow("psrp", "wsman"), ["psrp must not reach wsman"]);
        assert_eq!(
            with_arrow("exchange-sim", "exchange-connector"),
            ["exchange-sim must not reach exchange-connector"]
        );
    }

    #[test]
    fn a_network_below_a_protocol_crate_is_found() {
        assert_eq!(with_arrow("wsman", "tokio"), ["wsman does no I/O and must not reach tokio"]);
    }

    #[test]
    fn a_crate_without_a_layer_is_found() {
        assert_eq!(with_arrow("stranger", "serde"), ["stranger has no layer"]);
    }
}
