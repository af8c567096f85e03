//! Exchange Online as a transport of cmdlets.
//!
//! A list comes page by page, its rows as they arrive, so that no page is ever held. What surprised: a link is good for
//! minutes and for one of the service's servers only, so its refusal is no rarity. The list is then begun again, and what
//! was given already is left out by its GUID; a list that cannot be finished ends in an error and never as if it were whole.

mod cookies;
mod list;
mod route;
mod service;

use std::sync::Arc;

use async_stream::stream;
use clixml::{Object, Value};
use exchange_cmdlets::{
    CmdletCall, CmdletItem, CmdletStream, CmdletTransport, ErrorRecord, ParameterValue,
    TransportError,
};
use url::Url;
use uuid::Uuid;
use zeroize::Zeroizing;

use self::service::{Job, Repeat, Service, is_misrouted};
use crate::answer::Answer;
use crate::error::OnlineError;
use crate::http::{HttpExchange, HttpOptions, HttpSettingsError};
use crate::options::OnlineOptions;
use crate::request::Request;
use crate::rest::{Method, RestExchange};
use crate::token::TokenClaims;
use crate::typed::Unfit;

/// A connection to one tenant of Exchange Online.
///
/// Cheap to clone; clones share their token, their limits and their cookies. Nothing is sent before it is needed.
#[derive(Clone)]
pub struct ExchangeOnline {
    service: Arc<Service>,
}

impl ExchangeOnline {
    /// Makes a connection over the network.
    ///
    /// # Errors
    ///
    /// [`HttpSettingsError`] when trust cannot be set up.
    pub fn connect(options: OnlineOptions, http: &HttpOptions) -> Result<Self, HttpSettingsError> {
        Ok(Self::over(options, Arc::new(HttpExchange::new(http)?)))
    }

    /// Makes a connection over a seam of one's own: a recording, or a script in a test.
    #[must_use]
    pub fn over(options: OnlineOptions, rest: Arc<dyn RestExchange>) -> Self {
        Self { service: Arc::new(Service::new(options, rest)) }
    }

    /// Signs in now, and says what the token says of itself.
    ///
    /// # Errors
    ///
    /// [`OnlineError::SignIn`].
    pub async fn sign_in(&self) -> Result<TokenClaims, OnlineError> {
        Ok(self.service.token().await?.claims.clone())
    }
}

impl std::fmt::Debug for ExchangeOnline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExchangeOnline")
            .field("organization", &self.service.options.organization)
            .finish_non_exhaustive()
    }
}

impl CmdletTransport for ExchangeOnline {
    fn invoke(&self, call: CmdletCall) -> CmdletStream<'_> {
        if call.name.eq_ignore_ascii_case("Get-Command") {
            return commands(Arc::clone(&self.service), call);
        }
        if is_list(&call) { list::list(Arc::clone(&self.service), call) } else { self.single(call) }
    }
}

impl ExchangeOnline {
    /// Runs a cmdlet whose output is one page.
    fn single(&self, call: CmdletCall) -> CmdletStream<'_> {
        let service = Arc::clone(&self.service);
        Box::pin(stream! {
            match service.run(&call).await {
                Err(error) => yield Err(error),
                Ok(answer) => {
                    let writing = call.is_writing();
                    for item in items(answer, writing) {
                        yield Ok(item);
                    }
                }
            }
        })
    }
}

/// Whether the output is all of a list: a look-up with a size of its own may carry a link too, which is not followed.
fn is_list(call: &CmdletCall) -> bool {
    let unlimited = match call.argument("ResultSize") {
        None => true,
        Some(ParameterValue::Value(value)) => {
            value.text().is_some_and(|text| text.eq_ignore_ascii_case("Unlimited"))
        }
        Some(_) => false,
    };
    !call.is_writing() && unlimited
}

fn guid(value: &Value) -> Option<Uuid> {
    value.property("Guid").and_then(Value::as_guid).filter(|id| !id.is_nil())
}

/// The items of a page: warnings, then objects, then what was wrong with some.
fn items(answer: Answer, writing: bool) -> impl Iterator<Item = CmdletItem> {
    let warnings = answer.warnings.into_iter().map(CmdletItem::Warning);
    let objects = answer.rows.into_iter().map(CmdletItem::Object);
    // What was written is written, however odd its row; of a read something may be lost.
    let faults = answer.faults.into_iter().map(move |fault| {
        if writing {
            CmdletItem::Warning(fault)
        } else {
            CmdletItem::Error(ErrorRecord::new(fault, "DoubledMember"))
        }
    });
    warnings.chain(objects).chain(faults)
}

/// Why a page did not come.
enum Failure {
    Online(OnlineError),
    Stalled(TransportError),
    /// A typed row is not what it should be.
    Unfit(Unfit),
}

impl From<OnlineError> for Failure {
    fn from(error: OnlineError) -> Self {
        Self::Online(error)
    }
}

impl From<Failure> for TransportError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Online(error) => error.into(),
            Failure::Stalled(error) => error,
            Failure::Unfit(error) => Self::Protocol { source: error.into() },
        }
    }
}

impl Service {
    /// Gets a page, or gives it up after the stall timeout.
    async fn timely_page(&self, job: &Job, url: Url) -> Result<Answer, Failure> {
        let limit = self.options.stall_timeout;
        match tokio::time::timeout(limit, self.page(job, url)).await {
            Ok(page) => page.map_err(Failure::Online),
            Err(_) => Err(Failure::Stalled(TransportError::Stalled {
                what: format!("a page of {}", job.cmdlet),
                after: limit,
            })),
        }
    }

    /// Makes a request of a call, and the address of its first page.
    async fn prepare(&self, call: &CmdletCall) -> Result<(Job, Url), OnlineError> {
        let call = with_name(call);
        let needs_key =
            call.parameters.iter().any(|(_, value)| matches!(value, ParameterValue::Secret(_)));
        // What is refused in any case is refused before the key is asked for.
        let request = match Request::new(&call) {
            Err(crate::request::EncodeError::Secret { .. }) if needs_key => {
                let key = self.password_key(None).await.map_err(OnlineError::without_key)?;
                Request::with_key(&call, &key)?
            }
            request => request?,
        };
        self.job(&call, &request).await
    }

    async fn job(&self, call: &CmdletCall, request: &Request) -> Result<(Job, Url), OnlineError> {
        let token = self.token().await?;
        let mut url = self.url(&token.claims, &["adminapi", "beta"], "InvokeCommand");
        url.set_query(request.query());
        let anchor = self.target(call).map(|name| format!("UPN:{name}"));
        let job = Job {
            method: Method::Post,
            cmdlet: call.name.to_string(),
            headers: request.headers().into(),
            body: Zeroizing::new(request.body().as_bytes().to_vec()),
            anchor: anchor.unwrap_or_else(|| self.common_anchor(&token.claims)),
            repeat: repeat(call),
            id: Uuid::new_v4(),
        };
        Ok((job, url))
    }

    /// Returns the sign-in name of the mailbox that a call writes to, if it is known: such calls run where it lives.
    fn target(&self, call: &CmdletCall) -> Option<String> {
        if !call.is_writing() {
            return None;
        }
        let ParameterValue::Value(identity) = call.argument("Identity")? else {
            return None;
        };
        let identity = identity.text()?;
        match identity.parse::<Uuid>() {
            Ok(id) => self.name_of(id),
            Err(_) => identity.contains('@').then(|| identity.into_owned()),
        }
    }

    /// Runs a call whose output is one page.
    async fn run(&self, call: &CmdletCall) -> Result<Answer, TransportError> {
        let (job, url) = self.prepare(call).await?;
        let answer = match self.timely_page(&job, url.clone()).await {
            Err(Failure::Online(OnlineError::Answer(error))) if is_misrouted(&error) => {
                let (job, url) = self.reroute(call, job, url).await?;
                self.timely_page(&job, url).await?
            }
            Err(Failure::Online(error)) if names_password(call, &error) => {
                let (job, url) = self.with_new_key(call, error).await?;
                self.timely_page(&job, url).await?
            }
            answer => answer?,
        };
        let answer = match call.is_writing() {
            true => answer,
            false => answer.of_read().map_err(OnlineError::Answer)?,
        };
        if let [row] = answer.rows.as_slice()
            && let (Some(id), Some(name)) =
                (guid(row), row.property("UserPrincipalName").and_then(Value::text))
        {
            self.remember_name(id, &name);
        }
        Ok(answer)
    }

    /// Routes a call the other way: by the mailbox instead of the organisation, or the reverse.
    async fn reroute(
        &self,
        call: &CmdletCall,
        mut job: Job,
        url: Url,
    ) -> Result<(Job, Url), OnlineError> {
        let common = self.common_anchor(&self.token().await?.claims);
        if job.anchor != common {
            job.anchor = common;
            return Ok((job, url));
        }
        if let Some(identity) = call.argument("Identity") {
            let look = CmdletCall::new("Get-Mailbox")
                .parameter("Identity", identity.clone())
                .select(["Guid", "UserPrincipalName"]);
            let request = Request::new(&look)?;
            let (look, address) = self.job(&look, &request).await?;
            let answer = self.page(&look, address).await?;
            let row = answer.rows.first();
            let name = row.and_then(|row| row.property("UserPrincipalName")?.text());
            if let Some(name) = name {
                job.anchor = format!("UPN:{name}");
            }
        }
        Ok((job, url))
    }

    /// Encrypts a call's secrets under the service's newest key, unless that is the one that did not serve; then `error`, what
    /// the service said to it, stands.
    async fn with_new_key(
        &self,
        call: &CmdletCall,
        error: OnlineError,
    ) -> Result<(Job, Url), OnlineError> {
        let Ok(old) = self.password_key(None).await else { return Err(error) };
        let new = match self.password_key(Some(&old)).await {
            Ok(new) if new != old => new,
            _ => return Err(error),
        };
        self.job(call, &Request::with_key(call, &new)?).await
    }
}

/// Asks for the sign-in name too when one mailbox is looked up: writes to it are routed by that.
fn with_name(call: &CmdletCall) -> CmdletCall {
    const NAME: &str = "UserPrincipalName";
    let mut call = call.clone();
    if call.name.eq_ignore_ascii_case("Get-Mailbox")
        && call.argument("Identity").is_some()
        && let Some(names) = &mut call.select
        && !names.iter().any(|name| name.eq_ignore_ascii_case(NAME))
    {
        names.push(NAME.to_owned());
    }
    call
}

fn repeat(call: &CmdletCall) -> Repeat {
    let verb = call.name.split('-').next().unwrap_or_default();
    if !call.is_writing() {
        Repeat::Always
    } else if verb.eq_ignore_ascii_case("Set") {
        Repeat::Refused
    } else {
        Repeat::Unsent
    }
}

/// Whether a call with a secret failed in words that speak of the password.
fn names_password(call: &CmdletCall, error: &OnlineError) -> bool {
    let secret =
        call.parameters.iter().any(|(_, value)| matches!(value, ParameterValue::Secret(_)));
    match error {
        OnlineError::Answer(error) if secret => {
            error.record().is_some_and(|record| record.message.to_lowercase().contains("password"))
        }
        _ => false,
    }
}

/// Answers `Get-Command` from the service's list of what this account may run.
fn commands(service: Arc<Service>, call: CmdletCall) -> CmdletStream<'static> {
    Box::pin(stream! {
        let names: Vec<String> = match call.argument("Name") {
            Some(ParameterValue::Value(value)) => match value.items() {
                Some(items) => items.iter().filter_map(|item| Some(item.text()?.into_owned())).collect(),
                None => value.text().map(|text| text.into_owned()).into_iter().collect(),
            },
            _ => Vec::new(),
        };
        let wanted = if names.is_empty() { "*".to_owned() } else { names.join(",") };
        match service.module(&wanted).await {
            Err(error) => yield Err(error.into()),
            Ok(module) => {
                let asked = |name: &String| {
                    names.is_empty() || names.iter().any(|asked| asked.eq_ignore_ascii_case(name))
                };
                for name in module.cmdlets.iter().filter(|name| asked(name)) {
                    yield Ok(CmdletItem::Object(Object::new().with_adapted("Name", name.as_str()).into()));
                }
            }
        }
    })
}
