//! The HTTP client: authentication, message encryption, a pool of connections, and shells over it.
//!
//! [`HttpClient`] carries envelopes; it knows nothing of shells. [`Shell`] knows the operations and nothing of HTTP.
//! Between them stands [`Exchange`], one decrypted envelope out and one in: there a [`Recorder`] listens, and there a
//! [`ReplayTransport`] takes the server's place.

mod answer;
mod auth;
mod body;
mod connection;
mod cookies;
mod credentials;
mod credssp;
mod dial;
mod error;
mod exchange;
mod failure;
mod gss;
mod http_client;
mod interim;
mod kdc;
mod kerberos;
mod krb5_conf;
mod login;
mod no_proxy;
mod ntlm;
mod ntlm_seal;
mod options;
mod page;
mod pin;
mod pool;
mod proxy;
mod recorder;
mod redirect;
mod replay;
mod shell;
mod stream;
mod ticket;
mod tls;
mod tls_error;

pub use credentials::{CertificateSource, Credentials};
pub use error::{Error, LibraryError, Phase, SecurityError};
pub use exchange::{BoxFuture, Exchange, SoapRequest, SoapResponse};
pub use http_client::HttpClient;
pub use kerberos::{KerberosError, KerberosOptions};
pub use options::{ClientOptions, TlsVersion};
pub use page::HttpAnswer;
pub use pin::{CertificatePin, CertificatePinError};
pub use proxy::{Proxy, ProxyProblem, ProxyUrlError};
pub use recorder::Recorder;
pub use replay::ReplayTransport;
pub use shell::{RandomIds, Received, Shell, ShellOptions, identify, list_shells};
pub use ticket::SYSTEM_KERBEROS;
pub use tls_error::{CertificateProblem, TlsProblem};
