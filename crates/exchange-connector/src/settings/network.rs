//! The way to the endpoint: the proxy before it, what its certificate has to be, and how long connecting may take.

use std::str::FromStr;
use std::time::Duration;

use psrp_client::wsman::client::{CertificatePin, Proxy, TlsVersion};
use secrecy::ExposeSecret as _;
use url::Url;

use super::Context;
use super::error::SettingsError;
use super::section::Section;

/// The way to the endpoint, or to the service; `P` is what stands for a proxy there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Network<P = Proxy> {
    /// The proxy before the endpoint.
    pub proxy: ProxySetting<P>,
    /// The certificates or keys that the server may show; empty for any that is trusted.
    pub certificate_pins: Vec<CertificatePin>,
    /// The oldest version of TLS; `None` for the client's own choice, which is 1.2.
    pub min_tls: Option<TlsVersion>,
    /// How long connecting, the handshake and signing in may take, each; `None` for 30 s.
    pub connect_timeout: Option<Duration>,
}

/// The proxy before the endpoint.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_enums, reason = "the documented values of endpoint.proxy")]
pub enum ProxySetting<P = Proxy> {
    /// The one that the environment names, if any.
    #[default]
    Environment,
    /// None, whatever the environment says.
    None,
    /// This one.
    Through(P),
}

pub(super) const KEYS: [&str; 4] = ["proxy", "certificate_pin", "min_tls", "connect_timeout"];

const VERSIONS: &[(&str, TlsVersion)] = &[("1.2", TlsVersion::Tls12), ("1.3", TlsVersion::Tls13)];

/// Reads the keys of `table`, for addresses of which one is not https when `plain` names it.
pub(super) fn parse<P: FromStr>(
    context: &mut Context<'_>,
    table: &Section,
    plain: Option<&Url>,
) -> Result<Network<P>, SettingsError> {
    if let Some(url) = plain {
        let with = format!("the address {url}");
        table.refuse(
            &["certificate_pin", "min_tls"],
            &with,
            "there is no TLS over http; remove",
        )?;
    }
    Ok(Network {
        proxy: proxy(context, table)?,
        certificate_pins: pins(table)?,
        min_tls: table.choice("min_tls", VERSIONS)?,
        connect_timeout: table.duration("connect_timeout")?,
    })
}

/// Reads an address, or the word `none`. One with a password may come from elsewhere, as secrets do.
fn proxy<P: FromStr>(
    context: &mut Context<'_>,
    table: &Section,
) -> Result<ProxySetting<P>, SettingsError> {
    if !table.has("proxy") {
        return Ok(ProxySetting::Environment);
    }
    let mut warnings = Vec::new();
    let Some(text) = table.secret("proxy", context.source, &mut warnings)? else {
        return Ok(ProxySetting::Environment);
    };
    let text = text.expose_secret().trim();
    if text.contains('@') {
        context.warnings.append(&mut warnings);
    }
    if text.eq_ignore_ascii_case("none") {
        return Ok(ProxySetting::None);
    }
    // The address is not repeated here: it may hold a password.
    text.parse().map(ProxySetting::Through).map_err(|_error| SettingsError::Value {
        key: table.key("proxy"),
        value: "…".to_owned(),
        problem: "is no address of an HTTP proxy".to_owned(),
        remedy: "write \"http://proxy.contoso.com:3128\", { env = \"…\" } with such an address, or \"none\""
            .to_owned(),
    })
}

/// Reads one pin, or several.
fn pins(table: &Section) -> Result<Vec<CertificatePin>, SettingsError> {
    const KEY: &str = "certificate_pin";
    let written =
        if table.is_list(KEY) { table.texts(KEY)? } else { table.text(KEY)?.map(|pin| vec![pin]) };
    let parse = |pin: &String| {
        pin.parse().map_err(|_error| {
            let remedy = "write the SHA-256 of the certificate, or of its public key, in 64 hexadecimal digits";
            table.value_error(KEY, "is no SHA-256", remedy.to_owned())
        })
    };
    written.unwrap_or_default().iter().map(parse).collect()
}
