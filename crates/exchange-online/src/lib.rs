//! Exchange Online over its admin API.
//!
//! In the service a cmdlet travels as one JSON request, `POST …/adminapi/beta/<tenant>/InvokeCommand`, and its output
//! comes back as pages of JSON rows. [`ExchangeOnline`] signs in, sends, waits, follows pages and redirects, and gives the
//! objects and errors that remote PowerShell would have given: it is a
//! [`CmdletTransport`](exchange_cmdlets::CmdletTransport), so that everything above it is the same for both. Which cmdlets
//! to send is left to the caller.
//!
//! Begin with [`OnlineOptions`], [`Credential`] and [`ExchangeOnline`]. The codec can be used alone, see [`Request`] and
//! [`Answer`]; the network stands behind the trait [`RestExchange`], so that a script or a [`recording`] can take its place.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//!
//! use exchange_cmdlets::{CmdletCall, CmdletItem, CmdletTransport};
//! use exchange_online::{
//!     Credential, ExchangeOnline, OnlineOptions, RestAnswer, RestExchange, RestFuture, RestRequest,
//! };
//! use futures_util::StreamExt as _;
//!
//! /// A service of three answers: a token, and two pages.
//! struct Script(Mutex<Vec<RestAnswer>>);
//!
//! impl RestExchange for Script {
//!     fn send(&self, _request: RestRequest) -> RestFuture<'_> {
//!         let answer = self.0.lock().unwrap().pop().expect("three requests are made");
//!         Box::pin(async { Ok(answer) })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let script = Script(Mutex::new(vec![
//!     RestAnswer::new(200, r#"{"value":[{"Name":"Bob"}]}"#),
//!     RestAnswer::new(200, r#"{"value":[{"Name":"Ann"}],"@odata.nextLink":"https://outlook.office365.com/?$skiptoken=1"}"#),
//!     RestAnswer::new(200, r#"{"access_token":"t","expires_in":3600}"#),
//! ]));
//! let credential = Credential::client_secret(uuid::Uuid::from_u128(1), "secret".into());
//! let options = OnlineOptions::new("contoso.onmicrosoft.com", credential);
//! let online = ExchangeOnline::over(options, Arc::new(script));
//! let mut items = online.invoke(CmdletCall::new("Get-Mailbox").parameter("ResultSize", "Unlimited"));
//! let mut names = Vec::new();
//! while let Some(item) = items.next().await {
//!     if let CmdletItem::Object(row) = item.expect("the pages are good") {
//!         names.push(row.property("Name").and_then(|name| name.as_str().map(str::to_owned)));
//!     }
//! }
//! assert_eq!(names, [Some("Ann".to_owned()), Some("Bob".to_owned())]);
//! # }
//! ```
//!
//! # What is promised
//!
//! - A list ends well only when its last page came. An expired link, a loop, a link to another host, a doubled member or a
//!   body that is no JSON end it in an error that names the reason.
//! - A token, an assertion or a password goes to the configured addresses, by https or to this machine, and to hosts that
//!   the service redirects to below its own domain; nowhere else.
//! - What may have happened is not repeated: of calls that write, `Set-` alone is, and only after an answer.
//! - Bodies, pages, redirects, waits and attempts are bounded, see [`OnlineOptions`] and [`HttpOptions`].
//!
//! The interface is the private one between the service and its own PowerShell module; nothing specifies it. There are
//! no features.

mod answer;
mod assertion;
mod certificate;
mod error;
mod error_body;
mod http;
mod link;
mod members;
mod online;
mod options;
mod page;
mod parameters;
mod password_key;
mod proxy;
pub mod recording;
mod request;
mod rest;
mod row;
mod sign_in;
mod text;
mod token;
mod token_source;
mod typed;

pub use answer::{Answer, AnswerError};
pub use assertion::{ASSERTION_LIFETIME, AssertionAlgorithm, AssertionError, Claims, assertion};
pub use certificate::{
    CertificateError, CertificateFile, CertificateStore, ClientCertificate, SigningKey,
    StoredCertificate, Thumbprint, ThumbprintError,
};
pub use error::OnlineError;
pub use http::{HttpExchange, HttpOptions, HttpSettingsError};
pub use link::LinkError;
pub use online::ExchangeOnline;
pub use options::{Credential, OnlineOptions};
pub use parameters::has_parameter;
pub use password_key::{PasswordKey, PasswordKeyError};
pub use proxy::{Proxy, ProxyUrlError};
pub use request::{EncodeError, MAX_PAGE_SIZE, Request};
pub use rest::{
    Method, OpenFuture, RestAnswer, RestBody, RestError, RestExchange, RestFuture, RestRequest,
    RestStream,
};
pub use sign_in::{AccessError, SignInError, TokenRefusal};
pub use token::{PERMISSION, PUBLIC_CLIENT, TokenClaims};
