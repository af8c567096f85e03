//! What an [`HttpClient`](super::HttpClient) is told.

use std::path::PathBuf;
use std::time::Duration;

use super::credentials::Credentials;

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
    pub(crate) connect_timeout: Duration,
    pub(crate) answer_margin: Duration,
    pub(crate) idle_limit: Duration,
    pub(crate) max_connections: usize,
    pub(crate) max_response_size: usize,
    pub(crate) user_agent: String,
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
            connect_timeout: Duration::from_secs(30),
            answer_margin: Duration::from_secs(30),
            idle_limit: Duration::from_secs(90),
            max_connections: 8,
            max_response_size: 8 << 20,
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

    /// Sets the time for connecting, for the TLS handshake and for signing in, each; the default is 30 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how much longer than the operation timeout an answer may take; the default is 30 s.
    #[must_use]
    pub fn answer_margin(mut self, margin: Duration) -> Self {
        self.answer_margin = margin;
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

    /// Sets the largest answer in bytes; the default is 8 MiB.
    #[must_use]
    pub fn max_response_size(mut self, bytes: usize) -> Self {
        self.max_response_size = bytes;
        self
    }

    /// Sets the header `User-Agent`; the default is `Microsoft WinRM Client`.
    #[must_use]
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = user_agent.into();
        self
    }
}
