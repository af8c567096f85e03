//! HTTP proxies: which one, and the tunnel through it.
//!
//! Spec: RFC 9110, 9.3.6 CONNECT; 11.7 Authenticating Clients to Proxies.
//!
//! Requests to an http endpoint go through a tunnel too, for NTLM and the keys of sealed messages belong to a connection, and
//! a proxy that forwards requests shares its connections out as it pleases.

use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::{Host, Url};

use super::dial;
use super::error::Error;
use super::no_proxy::is_exempt;
use crate::xml::encode_base64;

/// An HTTP proxy, perhaps with a user name and a password for it.
///
/// ```
/// use wsman::client::Proxy;
/// let proxy: Proxy = "http://ann:secret@proxy.contoso.com:3128".parse()?;
/// assert_eq!(proxy.to_string(), "proxy.contoso.com:3128");
/// assert!(!format!("{proxy:?}").contains("secret"));
/// assert!("socks5://proxy".parse::<Proxy>().is_err());
/// # Ok::<(), wsman::client::ProxyUrlError>(())
/// ```
#[derive(Clone)]
pub struct Proxy {
    host: Host<String>,
    port: u16,
    /// User name and password with a colon between, as base64.
    authorization: Option<SecretString>,
}

/// A text is no address of an HTTP proxy. The text is left out, for it may hold a password.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a proxy is written as http://host:port, and no other scheme is supported")]
#[non_exhaustive]
pub struct ProxyUrlError;

/// Why a proxy gave no tunnel.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyProblem {
    /// The proxy could not be reached, or broke the connection off.
    #[error("it cannot be reached")]
    Unreachable(#[source] std::io::Error),
    /// The proxy wants a user name and a password, or others.
    #[error("it wants other credentials (HTTP 407)")]
    Credentials,
    /// The proxy refuses the tunnel, or cannot make it.
    #[error("it refused the tunnel (HTTP {status})")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// What came back is no answer of an HTTP proxy.
    #[error("its answer is no HTTP")]
    NotHttp,
}

impl FromStr for Proxy {
    type Err = ProxyUrlError;

    /// Reads `http://user:password@host:port`; scheme and user may be left out, the port is 80 unless it is named.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&whole).map_err(|_error| ProxyUrlError)?;
        let host = url.host().map(|host| host.to_owned()).ok_or(ProxyUrlError)?;
        let is_bare = matches!(url.path(), "" | "/") && url.query().is_none();
        if url.scheme() != "http" || !is_bare {
            return Err(ProxyUrlError);
        }
        let has_user = !url.username().is_empty() || url.password().is_some();
        let authorization = has_user.then(|| {
            let mut pair = decode_percent(url.username());
            pair.push(b':');
            pair.extend(decode_percent(url.password().unwrap_or_default()));
            SecretString::from(encode_base64(&pair))
        });
        Ok(Self { host, port: url.port().unwrap_or(80), authorization })
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
        f.debug_struct("Proxy")
            .field("address", &self.to_string())
            .field("authorization", &self.authorization)
            .finish()
    }
}

impl Proxy {
    /// Returns host and port.
    #[must_use]
    pub fn address(&self) -> (String, u16) {
        (self.host.to_string(), self.port)
    }

    /// Finds the proxy that the environment names for an endpoint.
    ///
    /// `HTTP_PROXY` in capitals is not asked, for web servers put a request's header of that name there.
    pub(crate) fn from_environment(
        is_https: bool,
        host: &str,
        port: u16,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, Error> {
        let own: &[&'static str] =
            if is_https { &["HTTPS_PROXY", "https_proxy"] } else { &["http_proxy"] };
        let set = |name: &&'static str| {
            let value = variable(name).filter(|value| !value.is_empty())?;
            Some((*name, value))
        };
        let Some((name, value)) = own.iter().chain(&["ALL_PROXY", "all_proxy"]).find_map(set)
        else {
            return Ok(None);
        };
        let exempt = ["NO_PROXY", "no_proxy"].iter().find_map(set).map(|(_, list)| list);
        if is_exempt(host, port, exempt.as_deref().unwrap_or_default()) {
            return Ok(None);
        }
        let proxy = value
            .parse()
            .map_err(|source| Error::ProxyVariable { name: name.to_owned(), source })?;
        Ok(Some(proxy))
    }

    /// Connects to the proxy and asks it for a tunnel to a host.
    pub(crate) async fn tunnel(&self, host: &str, port: u16) -> Result<TcpStream, Error> {
        self.connect(host, port)
            .await
            .map_err(|problem| Error::Proxy { proxy: self.to_string(), problem })
    }

    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, ProxyProblem> {
        let lost = ProxyProblem::Unreachable;
        let name = self.host.to_string();
        let name = name.trim_matches(['[', ']']);
        let mut stream = dial::connect(name, self.port).await.map_err(lost)?;
        stream.write_all(self.request(host, port).as_bytes()).await.map_err(lost)?;
        match status(&read_head(&mut stream).await?).ok_or(ProxyProblem::NotHttp)? {
            200..=299 => Ok(stream),
            407 => Err(ProxyProblem::Credentials),
            status => Err(ProxyProblem::Refused { status }),
        }
    }

    fn request(&self, host: &str, port: u16) -> String {
        let authorization = self.authorization.as_ref().map_or_else(String::new, |basic| {
            format!("Proxy-Authorization: Basic {}\r\n", basic.expose_secret())
        });
        format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{authorization}\r\n")
    }
}

/// Reads a head byte by byte, for what follows it belongs to whoever is at the other end of the tunnel.
async fn read_head(stream: &mut TcpStream) -> Result<Vec<u8>, ProxyProblem> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && !head.ends_with(b"\n\n") {
        if head.len() >= LONGEST_HEAD {
            return Err(ProxyProblem::NotHttp);
        }
        head.push(stream.read_u8().await.map_err(ProxyProblem::Unreachable)?);
    }
    Ok(head)
}

fn status(head: &[u8]) -> Option<u16> {
    let text = String::from_utf8_lossy(head);
    let mut words = text.lines().next()?.split_ascii_whitespace();
    let is_http = words.next()?.starts_with("HTTP/1.");
    words.next()?.parse().ok().filter(|status| is_http && (100..600).contains(status))
}

fn decode_percent(text: &str) -> Vec<u8> {
    let mut pieces = text.split('%');
    let mut out = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let decoded = piece
            .split_at_checked(2)
            .and_then(|(digits, rest)| Some((u8::from_str_radix(digits, 16).ok()?, rest)));
        match decoded {
            Some((byte, rest)) => {
                out.push(byte);
                out.extend_from_slice(rest.as_bytes());
            }
            None => {
                out.push(b'%');
                out.extend_from_slice(piece.as_bytes());
            }
        }
    }
    out
}

/// The longest head of a proxy's answer.
const LONGEST_HEAD: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(proxy: &Proxy) -> Option<&str> {
        proxy.authorization.as_ref().map(|basic| basic.expose_secret())
    }

    #[test]
    fn addresses_are_read_with_and_without_their_parts() {
        for (text, address, authorization) in [
            ("http://proxy:3128/", "proxy:3128", None),
            ("proxy:3128", "proxy:3128", None),
            ("http://proxy", "proxy:80", None),
            ("http://[::1]:8080", "[::1]:8080", None),
            ("http://ann:p%40ss%zz@10.0.0.1:1", "10.0.0.1:1", Some(())),
        ] {
            let proxy: Proxy = text.parse().unwrap();
            assert_eq!(proxy.to_string(), address);
            match authorization {
                None => assert_eq!(basic(&proxy), None),
                Some(_) => assert_eq!(basic(&proxy).unwrap(), encode_base64(b"ann:p@ss%zz")),
            }
        }
        for text in ["", "https://proxy:3128", "socks5://proxy", "http://proxy/path", "http://"] {
            assert_eq!(text.parse::<Proxy>().unwrap_err(), ProxyUrlError, "{text}");
        }
    }

    #[test]
    fn the_environment_is_asked_by_scheme() {
        let find = |is_https, host: &str, set: &[(&str, &str)]| {
            let value = |name: &str| {
                set.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned())
            };
            Proxy::from_environment(is_https, host, 443, value)
                .map(|found| found.map(|proxy| proxy.to_string()))
        };
        let both = [("HTTPS_PROXY", "http://s:1"), ("http_proxy", "p:2"), ("ALL_PROXY", "a:3")];
        assert_eq!(find(true, "ex01", &both).unwrap().as_deref(), Some("s:1"));
        assert_eq!(find(false, "ex01", &both).unwrap().as_deref(), Some("p:2"));
        assert_eq!(find(false, "ex01", &[("HTTP_PROXY", "p:2")]).unwrap(), None);
        assert_eq!(
            find(true, "ex01", &[("HTTPS_PROXY", ""), ("all_proxy", "a:3")]).unwrap().as_deref(),
            Some("a:3")
        );
        assert_eq!(find(true, "localhost", &both).unwrap(), None);
        let exempt = [("HTTPS_PROXY", "s:1"), ("NO_PROXY", "ex01")];
        assert_eq!(find(true, "ex01", &exempt).unwrap(), None);
        let error = find(true, "ex01", &[("ALL_PROXY", "socks5://ann:secret@s")]).unwrap_err();
        assert!(matches!(&error, Error::ProxyVariable { name, .. } if name == "ALL_PROXY"));
        assert!(!format!("{error:?}").contains("secret"));
    }

    #[test]
    fn a_status_is_read_from_the_first_line_alone() {
        assert_eq!(status(b"HTTP/1.1 200 Connection established\r\n\r\n"), Some(200));
        assert_eq!(status(b"HTTP/1.0 407 x\r\nHTTP/1.1 200\r\n\r\n"), Some(407));
        for head in
            [&b"SSH-2.0\r\n\r\n"[..], b"\r\n\r\n", b"HTTP/1.1 99999 x\n\n", b"HTTP/2 200\n\n"]
        {
            assert_eq!(status(head), None);
        }
    }
}
