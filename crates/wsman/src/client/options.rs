//! What an [`HttpClient`](super::HttpClient) is told.

use std::path::PathBuf;
use std::time::Duration;

use super::credentials::Credentials;
use super::pin::CertificatePin;
use super::proxy::Proxy;

/// What a client is told: whom to talk to, as whom, and within which bounds.
///
/// ```
/// use std::time::Duration;
/// use wsman::client::{ClientOptions, Credentials};
///
/// let options = ClientOptions::new("https://ex01.contoso.com/PowerShell/", Credentials::basic("ann", "secret"))
///     .connect_timeout(Duration::from_secs(10))
///     .max_connections(8);
/// assert!(!format!("{options:?}").contains("secret"));
/// ```
#[derive(Clone, Debug)]
pub struct ClientOptions {
    pub(crate) url: String,
    pub(crate) credentials: Credentials,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) native_roots: bool,
    pub(crate) channel_binding: bool,
    pub(crate) allow_unencrypted: bool,
    pub(crate) follow_redirects: bool,
    pub(crate) pins: Vec<CertificatePin>,
    pub(crate) min_tls: TlsVersion,
    pub(crate) proxy: ProxyChoice,
    pub(crate) connect_timeout: Duration,
    pub(crate) answer_margin: Duration,
    pub(crate) body_timeout: Duration,
    pub(crate) stall_timeout: Duration,
    pub(crate) idle_limit: Duration,
    pub(crate) max_connections: usize,
    pub(crate) max_response_size: usize,
    pub(crate) max_header_size: usize,
    pub(crate) max_headers: usize,
    pub(crate) max_interim_answers: usize,
    pub(crate) max_token_size: usize,
    pub(crate) user_agent: String,
}

/// Which proxy stands before the endpoint.
#[derive(Clone, Debug)]
pub(crate) enum ProxyChoice {
    /// The one that the environment names, if any.
    Environment,
    /// None, whatever the environment says.
    Direct,
    /// This one.
    Through(Proxy),
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2, the newest that Windows Server before 2022 has.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl ClientOptions {
    /// Talks to the endpoint at `url`, the path and query as given, with these credentials.
    pub fn new(url: impl Into<String>, credentials: Credentials) -> Self {
        Self {
            url: url.into(),
            credentials,
            ca_file: None,
            native_roots: true,
            channel_binding: true,
            allow_unencrypted: false,
            follow_redirects: false,
            pins: Vec::new(),
            min_tls: TlsVersion::Tls12,
            proxy: ProxyChoice::Environment,
            connect_timeout: Duration::from_secs(30),
            answer_margin: Duration::from_secs(30),
            body_timeout: Duration::from_secs(120),
            stall_timeout: Duration::from_secs(30),
            idle_limit: Duration::from_secs(90),
            max_connections: 8,
            max_response_size: 1 << 20,
            max_header_size: 64 << 10,
            max_headers: 100,
            max_interim_answers: 16,
            max_token_size: 64 << 10,
            user_agent: "Microsoft WinRM Client".to_owned(),
        }
    }

    /// Trusts the certificates of a PEM file, besides those of the system.
    #[must_use]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }

    /// Sets whether the certificates of the system are trusted; the default is true.
    #[must_use]
    pub fn native_roots(mut self, trusted: bool) -> Self {
        self.native_roots = trusted;
        self
    }

    /// Sets whether authentication is bound to the server's certificate over https; the default is true.
    ///
    /// That goes for NTLM; Kerberos is not bound, for its library writes the binding in a form that servers refuse, so
    /// a server that demands it takes Kerberos over http alone. CredSSP has a binding of its own.
    ///
    /// Without it servers that demand Extended Protection refuse the client; with it, any that stand behind a proxy
    /// that ends TLS and check the binding.
    #[must_use]
    pub fn channel_binding(mut self, bound: bool) -> Self {
        self.channel_binding = bound;
        self
    }

    /// Allows Basic over plain http, which shows the password to everyone on the way; the default is false.
    #[must_use]
    pub fn allow_unencrypted(mut self, allowed: bool) -> Self {
        self.allow_unencrypted = allowed;
        self
    }

    /// Demands that the server's own certificate, or its key, is the one of a pin; several allow for a change of it.
    ///
    /// That narrows what is trusted: a certificate has to be vouched for all the same. By default nothing is pinned.
    #[must_use]
    pub fn certificate_pin(mut self, pin: CertificatePin) -> Self {
        self.pins.push(pin);
        self
    }

    /// Sets the oldest version of TLS that https may use; the default is TLS 1.2.
    ///
    /// The channel inside CredSSP is not meant by it.
    #[must_use]
    pub fn min_tls(mut self, version: TlsVersion) -> Self {
        self.min_tls = version;
        self
    }

    /// Goes through a proxy, over http too, by `CONNECT`; the default is the one that the environment names.
    ///
    /// The environment names it in `HTTPS_PROXY` or `http_proxy`, after the scheme of the endpoint, or in `ALL_PROXY`.
    /// Hosts in `NO_PROXY`, and this machine itself, are reached without it.
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = ProxyChoice::Through(proxy);
        self
    }

    /// Goes through no proxy, whatever the environment says.
    #[must_use]
    pub fn no_proxy(mut self) -> Self {
        self.proxy = ProxyChoice::Direct;
        self
    }

    /// Sets the time for connecting, for the proxy, for the TLS handshake and for signing in, each; the default is 30 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how much longer than the operation timeout the head of an answer may take; the default is 30 s.
    #[must_use]
    pub fn answer_margin(mut self, margin: Duration) -> Self {
        self.answer_margin = margin;
        self
    }

    /// Sets whether redirects are followed; the default is false.
    ///
    /// They are followed over https alone, to another path of the same host and port, at most five times, and only
    /// before the first answer. Any other is [`Error::Redirect`](super::Error::Redirect), which names its target: a
    /// credential goes nowhere else.
    #[must_use]
    pub fn follow_redirects(mut self, follow: bool) -> Self {
        self.follow_redirects = follow;
        self
    }

    /// Sets how long the body of an answer may take in all, once its head is there; the default is 120 s.
    #[must_use]
    pub fn body_timeout(mut self, timeout: Duration) -> Self {
        self.body_timeout = timeout;
        self
    }

    /// Sets how long the next piece of a body may take; the default is 30 s.
    #[must_use]
    pub fn stall_timeout(mut self, timeout: Duration) -> Self {
        self.stall_timeout = timeout;
        self
    }

    /// Sets how long an unused connection is kept; the default is 90 s, as servers close theirs after 120 s.
    #[must_use]
    pub fn idle_limit(mut self, limit: Duration) -> Self {
        self.idle_limit = limit;
        self
    }

    /// Sets the most connections at a time, at least 1; the default is 8.
    ///
    /// A Receive that waits holds one, so a pool with one pipeline needs 3: for its output, the shell's, and input.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections.max(1);
        self
    }

    /// Sets the largest body of an answer in bytes; the default is 1 MiB.
    ///
    /// An envelope has at most as many bytes as the request allows, which is 512 000 in PowerShell's sessions; sealing
    /// adds to that less than a tenth. What is read at once, and what is made of it, is bounded by this.
    #[must_use]
    pub fn max_response_size(mut self, bytes: usize) -> Self {
        self.max_response_size = bytes;
        self
    }

    /// Sets the largest head of an answer in bytes, from 8 KiB to 1 MiB; the default is 64 KiB.
    #[must_use]
    pub fn max_header_size(mut self, bytes: usize) -> Self {
        self.max_header_size = bytes.clamp(8 << 10, 1 << 20);
        self
    }

    /// Sets the most headers of an answer; the default is 100.
    #[must_use]
    pub fn max_headers(mut self, headers: usize) -> Self {
        self.max_headers = headers;
        self
    }

    /// Sets the most interim answers (1xx) before the answer itself; the default is 16.
    #[must_use]
    pub fn max_interim_answers(mut self, answers: usize) -> Self {
        self.max_interim_answers = answers;
        self
    }

    /// Sets the largest token of a login that a server may send, in bytes; the default is 64 KiB.
    #[must_use]
    pub fn max_token_size(mut self, bytes: usize) -> Self {
        self.max_token_size = bytes;
        self
    }

    /// Sets the header `User-Agent`; the default is `Microsoft WinRM Client`.
    #[must_use]
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = user_agent.into();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_documentation() {
        let options = ClientOptions::new("https://ex01/", Credentials::basic("ann", "secret"));
        let seconds = |seconds| Duration::from_secs(seconds);
        assert_eq!(options.connect_timeout, seconds(30));
        assert_eq!(options.answer_margin, seconds(30));
        assert_eq!(options.body_timeout, seconds(120));
        assert_eq!(options.stall_timeout, seconds(30));
        assert_eq!(options.idle_limit, seconds(90));
        let sizes = [options.max_response_size, options.max_header_size, options.max_token_size];
        assert_eq!(sizes, [1 << 20, 64 << 10, 64 << 10]);
        let counts = [options.max_connections, options.max_headers, options.max_interim_answers];
        assert_eq!(counts, [8, 100, 16]);
        assert_eq!(options.min_tls, TlsVersion::Tls12);
        assert!(!options.follow_redirects && !options.allow_unencrypted);
        assert!(options.pins.is_empty() && matches!(options.proxy, ProxyChoice::Environment));
        assert_eq!(options.max_header_size(1).max_header_size, 8 << 10);
    }
}
