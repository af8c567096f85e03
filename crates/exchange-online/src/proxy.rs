//! HTTP proxies: which one a request goes through.

use std::fmt;
use std::str::FromStr;

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Url};

/// An HTTP proxy, perhaps with a user name and a password for it.
///
/// ```
/// use exchange_online::Proxy;
/// let proxy: Proxy = "http://ann:secret@proxy.contoso.com:3128".parse()?;
/// assert_eq!(proxy.to_string(), "proxy.contoso.com:3128");
/// assert!(!format!("{proxy:?}").contains("secret"));
/// assert!("socks5://proxy".parse::<Proxy>().is_err());
/// # Ok::<(), exchange_online::ProxyUrlError>(())
/// ```
#[derive(Clone)]
pub struct Proxy {
    host: String,
    port: u16,
    /// The whole address.
    url: SecretString,
}

/// A text is no address of an HTTP proxy. The text is left out, for it may hold a password.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a proxy is written as http://host:port, and no other scheme is supported")]
#[non_exhaustive]
pub struct ProxyUrlError;

impl FromStr for Proxy {
    type Err = ProxyUrlError;

    /// Reads `http://user:password@host:port`; scheme and user may be left out, the port is 80 unless it is named.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&whole).map_err(|_| ProxyUrlError)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(ProxyUrlError)?;
        if url.scheme() != "http" || !matches!(url.path(), "" | "/") || url.query().is_some() {
            return Err(ProxyUrlError);
        }
        let (host, port) = (host.to_owned(), url.port().unwrap_or(80));
        Ok(Self { host, port, url: SecretString::from(String::from(url)) })
    }
}

impl fmt::Display for Proxy {
    /// Writes host and port, and nothing secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// Which proxy requests go through.
#[derive(Clone, Debug, Default)]
pub(crate) enum ProxyChoice {
    /// The one that the environment names for a host, if any.
    #[default]
    Environment,
    None,
    Through(Proxy),
}

/// Where a tunnel is asked for, and what is said to be let in.
pub(crate) struct Gate {
    /// The proxy, with its port.
    pub(crate) uri: Uri,
    /// Host and port, for messages.
    pub(crate) shown: String,
    pub(crate) authorization: Option<HeaderValue>,
}

impl ProxyChoice {
    /// Returns the proxy before a host.
    ///
    /// # Errors
    ///
    /// [`ProxyUrlError`] when the environment names one that is not an HTTP proxy.
    pub(crate) fn before(&self, target: &Uri) -> Result<Option<Gate>, ProxyUrlError> {
        let matcher = match self {
            Self::None => return Ok(None),
            // Nobody outside could reach this machine's own addresses.
            Self::Environment if is_local(target) => return Ok(None),
            Self::Environment => Matcher::from_env(),
            Self::Through(proxy) => Matcher::builder().all(proxy.url.expose_secret()).build(),
        };
        let Some(found) = matcher.intercept(target) else { return Ok(None) };
        let (uri, host) = (found.uri(), found.uri().host().unwrap_or_default());
        if uri.scheme_str() != Some("http") {
            return Err(ProxyUrlError);
        }
        let port = uri.port_u16().unwrap_or(80);
        let shown = format!("{host}:{port}");
        let uri = format!("http://{shown}/").parse().map_err(|_| ProxyUrlError)?;
        Ok(Some(Gate { uri, shown, authorization: found.basic_auth().cloned() }))
    }
}

fn is_local(target: &Uri) -> bool {
    match target.host().and_then(|host| Host::parse(host).ok()) {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_and_without_their_parts() {
        let target = Uri::from_static("https://outlook.office365.com/");
        for (text, address, authorization) in [
            ("http://proxy:3128/", "proxy:3128", None),
            ("proxy:3128", "proxy:3128", None),
            ("http://proxy", "proxy:80", None),
            ("http://[::1]:8080", "[::1]:8080", None),
            ("http://ann:p%40ss@10.0.0.1:1", "10.0.0.1:1", Some("Basic YW5uOnBAc3M=")),
        ] {
            let proxy: Proxy = text.parse().unwrap();
            assert_eq!(proxy.to_string(), address);
            let gate = ProxyChoice::Through(proxy).before(&target).unwrap().unwrap();
            assert_eq!(gate.shown, address);
            assert_eq!(gate.uri.to_string(), format!("http://{address}/"));
            let said = gate.authorization.as_ref().map(|value| value.to_str().unwrap());
            assert_eq!(said, authorization);
        }
        for text in ["", "https://proxy:3128", "socks5://proxy", "http://proxy/path", "http://"] {
            assert_eq!(text.parse::<Proxy>().unwrap_err(), ProxyUrlError, "{text}");
        }
        assert!(ProxyChoice::None.before(&target).unwrap().is_none());
    }

    #[test]
    fn this_machine_is_reached_without_the_proxy_of_the_environment() {
        for host in ["http://127.0.0.1:80/", "http://localhost/", "http://[::1]/"] {
            assert!(is_local(&host.parse().unwrap()), "{host}");
        }
        assert!(!is_local(&Uri::from_static("https://localhost.example/")));
    }
}
