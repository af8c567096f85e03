//! The HTTP client: authentication, message encryption, a pool of connections, and shells over it.
//!
//! [`HttpClient`] carries envelopes; it knows nothing of shells. [`Shell`] knows the operations and nothing of HTTP.
//! Between them stands [`Exchange`], one decrypted envelope out and one in, where a recording can take a server's place.

mod answer;
mod auth;
mod connection;
mod cookies;
mod credentials;
mod credssp;
mod error;
mod exchange;
mod gss;
mod http_client;
mod kdc;
mod kerberos;
mod krb5_conf;
mod login;
mod ntlm;
mod options;
mod pool;
mod shell;
mod stream;
mod tls;

pub use credentials::Credentials;
pub use error::{Error, HttpAnswer, Phase, SecurityError};
pub use exchange::{BoxFuture, Exchange, SoapRequest, SoapResponse};
pub use http_client::HttpClient;
pub use kerberos::{KerberosError, KerberosOptions};
pub use options::ClientOptions;
pub use shell::{RandomIds, Received, Shell, ShellOptions, identify, list_shells};
