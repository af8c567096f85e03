//! The service's two endpoints: tokens, and the admin API over the same cmdlets and directory.
//!
//! It is written from the observations of others and knows nothing of the connector's client. It is strict where the service
//! is: an unknown parameter, a hashtable without its type and parameters that are `null` fail a call; an assertion must be
//! signed, short, for this address and new; a password must be encrypted under the published key. Faults strike by `Token`,
//! `Module`, `Page` (a page after the first), the names of cmdlets, and for typed reads `Mailbox`, `User` and `CasMailbox`.

mod admin;
mod json;
mod pages;
mod token;
mod typed;

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rsa::RsaPrivateKey;
use uuid::Uuid;

use self::pages::Pending;
use self::token::Issued;
use self::typed::EntitySet;
use crate::fault::{FaultKind, FaultPlan};
use crate::http::Shells;
use crate::options::SimOptions;

/// The tenant's name.
pub(crate) const ORGANIZATION: &str = "contoso.onmicrosoft.com";
/// The application that may sign in.
pub(crate) const APPLICATION: Uuid = Uuid::from_u128(0x0a99_1ca7_1004_4e2b_9d0c_51b0_1a7e_d001);
/// Its secret; it is no secret.
pub(crate) const SECRET: &str = "Simulated~Application~Secret";
/// The tenant's id.
const TENANT: Uuid = Uuid::from_u128(0x7e4a_4e00_51b0_4e2b_9d0c_0a99_1ca7_10d0);
/// How many tokens, pages and assertions are remembered; older ones count as expired.
const MAX_REMEMBERED: usize = 256;

/// Returns whether a request for `path` is for the service.
pub(crate) fn is_path(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    path.starts_with("/adminapi/") || path.ends_with("/oauth2/v2.0/token")
}

/// A request as the endpoints see it.
pub(crate) struct CloudRequest<'a> {
    pub(crate) post: bool,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    /// Where the client believes it is: scheme, host and port.
    pub(crate) origin: String,
    pub(crate) headers: &'a http::HeaderMap,
    pub(crate) body: &'a [u8],
}

/// An answer.
#[derive(Debug, Default)]
pub(crate) struct CloudAnswer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// What is still to be done to the answer.
    pub(crate) fault: Option<FaultKind>,
}

/// The connection is to be closed instead of answering.
pub(crate) struct CloudDrop;

/// The service's state.
#[derive(Debug)]
pub(crate) struct Cloud {
    certificate: Option<Vec<u8>>,
    roles: Vec<String>,
    has_role: bool,
    token_life: Duration,
    page_size: usize,
    tokens: Mutex<HashMap<String, Issued>>,
    assertions: Mutex<VecDeque<String>>,
    pages: Mutex<VecDeque<(String, Pending)>>,
    /// The rows of mailboxes that were removed.
    deleted: Mutex<Vec<serde_json::Value>>,
    key: OnceLock<RsaPrivateKey>,
}

impl Cloud {
    pub(crate) fn new(options: &SimOptions) -> Self {
        Self {
            certificate: options.application_certificate.clone(),
            roles: options.application_roles.clone(),
            has_role: options.exchange_role,
            token_life: options.token_life,
            page_size: options.page_size,
            tokens: Mutex::default(),
            assertions: Mutex::default(),
            pages: Mutex::default(),
            deleted: Mutex::default(),
            key: OnceLock::new(),
        }
    }

    /// Answers one request.
    pub(crate) async fn answer(
        &self,
        request: &CloudRequest<'_>,
        shells: &Shells,
        faults: &FaultPlan,
    ) -> Result<CloudAnswer, CloudDrop> {
        let path = request.path.to_ascii_lowercase();
        let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let action = match segments.as_slice() {
            [_, "oauth2", "v2.0", "token"] => "Token".to_owned(),
            ["adminapi", "v1.0", _, "exomodulefile"] => "Module".to_owned(),
            ["adminapi", "beta", _, "invokecommand"] if request.query.contains("skiptoken") => {
                "Page".to_owned()
            }
            ["adminapi", "beta", _, "invokecommand"] => admin::cmdlet_name(request.body),
            ["adminapi", _, _, "invokecommand"] => return Ok(CloudAnswer::bare(405)),
            ["adminapi", "beta" | "v1.0", _, leaf] => match EntitySet::of(leaf) {
                Some(_) if request.query.contains("skiptoken") => "Page".to_owned(),
                Some(set) => set.name().to_owned(),
                None => return Ok(CloudAnswer::html(404)),
            },
            _ => return Ok(CloudAnswer::html(404)),
        };
        let fault = faults.strike(&action);
        if let Some(fault) = &fault
            && let Some(answer) = self.before(fault, request).await?
        {
            return Ok(answer);
        }
        let mut answer = match action.as_str() {
            "Token" => self.token(request, segments.first().copied().unwrap_or_default()),
            _ => self.authorized(request, &action, shells),
        };
        answer.fault = fault;
        Ok(answer)
    }

    /// Does what a fault does before the request is looked at; an answer ends it there.
    async fn before(
        &self,
        fault: &FaultKind,
        request: &CloudRequest<'_>,
    ) -> Result<Option<CloudAnswer>, CloudDrop> {
        const LIMIT: &str = "You have reached the maximum number of concurrent requests per tenant. Please wait and try again";
        let answer = match fault {
            FaultKind::Drop => return Err(CloudDrop),
            FaultKind::Http(code @ (301 | 302 | 307 | 308)) => {
                let query = if request.query.is_empty() { "" } else { "?" };
                let here = format!("{}{}{query}{}", request.origin, request.path, request.query);
                CloudAnswer::bare(*code).with("Location", here)
            }
            // Nothing but NUL bytes, declared as what they are not.
            FaultKind::Http(403) => CloudAnswer {
                body: vec![0; 64],
                ..CloudAnswer::bare(403).with("Content-Encoding", "gzip".to_owned())
            },
            FaultKind::Http(code) => CloudAnswer::bare(*code),
            FaultKind::Html(code) => CloudAnswer::html(*code),
            FaultKind::Throttle => CloudAnswer {
                body: LIMIT.as_bytes().to_vec(),
                content_type: "text/plain",
                ..CloudAnswer::bare(429).with("Retry-After", "1".to_owned())
            },
            FaultKind::Busy => CloudAnswer {
                body: LIMIT.as_bytes().to_vec(),
                content_type: "text/plain",
                ..CloudAnswer::bare(400)
            },
            FaultKind::Fault(_) => {
                let name = "Microsoft.Exchange.Data.Directory.ServerBusyException";
                json::error(400, name, "A fault on demand: the server is busy.")
            }
            FaultKind::Expire => {
                lock(&self.tokens).clear();
                lock(&self.pages).clear();
                return Ok(None);
            }
            FaultKind::Slow(time) => {
                tokio::time::sleep(*time).await;
                return Ok(None);
            }
            FaultKind::DropAfter | FaultKind::DropMid | FaultKind::Close => return Ok(None),
        };
        Ok(Some(answer))
    }

    /// The key whose public half the module file publishes.
    fn key(&self) -> Option<&RsaPrivateKey> {
        if self.key.get().is_none() {
            let key = RsaPrivateKey::new(&mut rand::rng(), 2048).ok()?;
            // Somebody else may have been faster.
            let _ = self.key.set(key);
        }
        self.key.get()
    }
}

impl CloudAnswer {
    fn bare(status: u16) -> Self {
        Self { status, content_type: "text/plain", ..Self::default() }
    }

    fn html(status: u16) -> Self {
        let page = format!(
            "<html><head><title>{status}</title></head><body><h2>{status}</h2></body></html>"
        );
        Self {
            content_type: "text/html; charset=utf-8",
            body: page.into_bytes(),
            ..Self::bare(status)
        }
    }

    fn json(status: u16, body: &serde_json::Value) -> Self {
        Self {
            status,
            content_type: "application/json;odata.metadata=minimal",
            body: body.to_string().into_bytes(),
            ..Self::default()
        }
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps the newest only.
fn remember<T>(list: &mut VecDeque<T>, item: T) {
    while list.len() >= MAX_REMEMBERED {
        list.pop_front();
    }
    list.push_back(item);
}

/// Whether a time has passed.
fn is_past(time: Instant) -> bool {
    Instant::now() >= time
}
