//! One request of the API with everything around it: token, routing, waiting, redirects.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use exchange_cmdlets::throttle::{Scheduler, Sign, Turn};
use exchange_cmdlets::{ErrorClass, Retry};
use tokio::sync::Notify;
use tokio::time::Instant;
use url::Url;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::cookies::Cookies;
use crate::answer::{Answer, AnswerError};
use crate::error::OnlineError;
use crate::link::Territory;
use crate::options::{Credential, OnlineOptions};
use crate::password_key::{Module, PasswordKey, PasswordKeyError};
use crate::request::EncodeError;
use crate::rest::{Method, RestError, RestExchange, RestRequest, RestStream};
use crate::sign_in::{AccessError, SignInError};
use crate::token::{Token, TokenClaims, challenge};
use crate::token_source::TokenSource;

/// The mailbox that organisation-wide calls are routed by.
const SYSTEM_MAILBOX: &str = "SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}";
/// How long the service's key for passwords is kept.
const KEY_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// The first wait when the service does not say how long; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// The longest wait that the service did not ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// A token so old is renewed before a missing role is believed: a role may have been given meanwhile.
const OLD_TOKEN: Duration = Duration::from_secs(5 * 60);
/// How many sign-in names are kept for routing.
const MAX_NAMES: usize = 10_000;

/// The service as one account sees it.
pub(crate) struct Service {
    pub(super) options: OnlineOptions,
    rest: Arc<dyn RestExchange>,
    tokens: TokenSource,
    territory: Territory,
    /// Where requests go: the address in the settings until a redirect leads elsewhere.
    home: Mutex<Url>,
    cookies: Mutex<Cookies>,
    /// When the next request may start, and how many run at once.
    pace: Mutex<Scheduler>,
    /// Told when a request has ended.
    ended: Notify,
    key: tokio::sync::Mutex<Option<(PasswordKey, Instant)>>,
    names: Mutex<HashMap<Uuid, String>>,
    /// Whether typed rows turned out to be something else than `InvokeCommand` gives.
    pub(super) typed_rows_differ: AtomicBool,
    connection_id: Uuid,
}

/// What a request may be repeated after.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Repeat {
    /// After anything: it reads.
    Always,
    /// After an answer that says the service is busy: it sets full values.
    Refused,
    /// Only when it surely was not carried out.
    Unsent,
}

/// One request, as often as it is sent.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) method: Method,
    /// What is asked for, for messages.
    pub(super) cmdlet: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Zeroizing<Vec<u8>>,
    pub(super) anchor: String,
    pub(super) repeat: Repeat,
    /// The id that support asks for: one for a cmdlet, its pages and repetitions.
    pub(super) id: Uuid,
}

impl Service {
    pub(super) fn new(options: OnlineOptions, rest: Arc<dyn RestExchange>) -> Self {
        let tokens = TokenSource::new(
            Arc::clone(&rest),
            &options.authority_url,
            &options.organization,
            options.scope.clone(),
            options.credential.clone(),
        );
        let home = options.api_url.clone();
        Self {
            rest,
            tokens,
            territory: Territory::new(home.clone(), options.stay_on_host),
            home: Mutex::new(home),
            cookies: Mutex::default(),
            pace: Mutex::new(Scheduler::new(options.max_concurrent)),
            ended: Notify::new(),
            key: tokio::sync::Mutex::new(None),
            names: Mutex::default(),
            typed_rows_differ: AtomicBool::new(false),
            connection_id: Uuid::new_v4(),
            options,
        }
    }

    /// Returns the token in use, or gets one; all attempts together may take the stall timeout.
    pub(super) async fn token(&self) -> Result<Arc<Token>, OnlineError> {
        let limit = self.options.stall_timeout;
        match tokio::time::timeout(limit, self.tokens.token()).await {
            Ok(token) => token.map_err(OnlineError::SignIn),
            Err(_) => {
                let host = self.options.authority_url.host_str().unwrap_or_default().to_owned();
                let late = RestError::TimedOut { host, after: limit };
                Err(OnlineError::SignIn(Arc::new(SignInError::NoAnswer(late))))
            }
        }
    }

    /// Returns an address of the API, such as `adminapi/beta/<tenant>/InvokeCommand`.
    pub(super) fn url(&self, claims: &TokenClaims, version: &[&str], leaf: &str) -> Url {
        let mut url = lock(&self.home).clone();
        url.set_query(None);
        url.set_fragment(None);
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().extend(version).push(&self.tenant(claims)).push(leaf);
        }
        url
    }

    fn tenant(&self, claims: &TokenClaims) -> String {
        claims.tenant_id.map_or_else(|| self.options.organization.clone(), |id| id.to_string())
    }

    pub(super) const fn territory(&self) -> &Territory {
        &self.territory
    }

    /// Returns the routing hint of calls that concern the whole organisation.
    pub(super) fn common_anchor(&self, claims: &TokenClaims) -> String {
        match &self.options.credential {
            Credential::Password { username, .. } => format!("UPN:{username}"),
            _ => format!("APP:{SYSTEM_MAILBOX}@{}", self.tenant(claims)),
        }
    }

    /// Remembers the sign-in name of a mailbox, to route by.
    pub(super) fn remember_name(&self, id: Uuid, name: &str) {
        let mut names = lock(&self.names);
        if names.len() >= MAX_NAMES {
            names.clear();
        }
        names.insert(id, name.to_owned());
    }

    pub(super) fn name_of(&self, id: Uuid) -> Option<String> {
        lock(&self.names).get(&id).cloned()
    }

    /// Gets one page of a cmdlet's output.
    pub(super) async fn page(&self, job: &Job, url: Url) -> Result<Answer, OnlineError> {
        let answer = self.exchange(job, url, false).await?.answer;
        Answer::read(&answer).map_err(OnlineError::Answer)
    }

    /// Gets one page as soon as it begins to arrive.
    pub(super) async fn open(&self, job: &Job, url: Url) -> Result<RestStream, OnlineError> {
        self.exchange(job, url, true).await
    }

    /// Sends a request until there is a good answer, or one that repeating does not better; the good one is given as soon
    /// as it begins if `early`.
    async fn exchange(
        &self,
        job: &Job,
        mut url: Url,
        early: bool,
    ) -> Result<RestStream, OnlineError> {
        let started = Instant::now();
        let mut token = self.token().await?;
        let (mut attempt, mut redirects, mut renewed) = (1, 0, false);
        let mut torn = false;
        loop {
            let begun = match self.send(job, &url, &token, early).await {
                Ok(begun) => begun,
                Err(error) => {
                    let may = error.is_unsent() || job.repeat == Repeat::Always;
                    // A connection that was used before may have been closed just then, which says nothing of the service.
                    if may && !torn && matches!(error, RestError::Lost { .. }) {
                        torn = true;
                        continue;
                    }
                    if error.is_permanent()
                        || !may
                        || !self.pause(started, &mut attempt, None).await
                    {
                        return Err(OnlineError::NoAnswer(error));
                    }
                    continue;
                }
            };
            let answer = &begun.answer;
            tracing::debug!(
                cmdlet = %job.cmdlet, status = answer.status, id = %job.id,
                request_id = answer.value("request-id"), "the service answered"
            );
            match answer.status {
                200..=299 => return Ok(begun),
                301 | 302 | 307 | 308 => {
                    redirects += 1;
                    let location = answer
                        .value("Location")
                        .filter(|_| redirects <= self.options.max_redirects);
                    let location = location.ok_or(OnlineError::Redirects { count: redirects })?;
                    url = self.territory.enter(&url, location)?;
                    self.move_to(&url);
                    continue;
                }
                401 | 403 if !renewed => {
                    renewed = true;
                    let another = if answer.status == 401 {
                        self.tokens.another(Some(&token), challenge(answer).as_deref()).await
                    } else {
                        self.tokens.younger(&token, OLD_TOKEN).await
                    };
                    let another = another.map_err(OnlineError::SignIn)?;
                    if !Arc::ptr_eq(&another, &token) {
                        token = another;
                        continue;
                    }
                }
                _ => {}
            }
            let error = match Answer::read(answer) {
                Err(error) => error,
                Ok(_) => AnswerError::Malformed { expected: "a status that says what happened" },
            };
            if error.class() == ErrorClass::Throttled {
                let wait = answer.retry_after().or_else(|| error.wait());
                let status = answer.status;
                lock(&self.pace).handle(Instant::now().into_std(), &Sign::Refused { wait });
                if !self.pause(started, &mut attempt, wait).await {
                    return Err(OnlineError::Throttled { status, wait });
                }
            } else if may_repeat(job.repeat, &error) {
                if !self.pause(started, &mut attempt, answer.retry_after()).await {
                    return Err(OnlineError::Answer(error));
                }
            } else {
                return Err(judged(error, answer.status, &token.claims, &job.cmdlet));
            }
        }
    }

    async fn send(
        &self,
        job: &Job,
        url: &Url,
        token: &Token,
        early: bool,
    ) -> Result<RestStream, RestError> {
        let mut request = RestRequest::new(job.method, url.clone());
        request.headers.clone_from(&job.headers);
        request.headers.extend([
            ("X-AnchorMailbox", job.anchor.clone()),
            ("client-request-id", job.id.to_string()),
            ("connection-id", self.connection_id.to_string()),
            ("Accept-Encoding", "gzip".to_owned()),
            ("Accept-Language", "en-US".to_owned()),
            ("User-Agent", concat!("exchange-online/", env!("CARGO_PKG_VERSION")).to_owned()),
        ]);
        if let Some(cookies) = lock(&self.cookies).header(url) {
            request.headers.push(("Cookie", cookies));
        }
        request.token = Some(token.secret.clone());
        request.body = job.body.clone();
        request.alone = job.repeat != Repeat::Always;
        let turn = self.turn().await;
        let begun = match early {
            true => self.rest.open(request).await,
            false => self.rest.send(request).await.map(RestStream::whole),
        };
        // What still arrives holds nobody up: its reader may make other calls meanwhile.
        drop(turn);
        let begun = begun?;
        if (200..300).contains(&begun.answer.status) {
            lock(&self.pace).handle(Instant::now().into_std(), &Sign::Well);
        }
        lock(&self.cookies).take(url, &begun.answer);
        Ok(begun)
    }

    /// Lets requests go to another host from now on.
    fn move_to(&self, url: &Url) {
        let mut home = lock(&self.home);
        if home.origin() != url.origin() {
            tracing::info!(host = url.host_str(), "the service redirects to another host");
            *home = url.clone();
        }
    }

    /// Waits until another request may run.
    async fn turn(&self) -> Running<'_> {
        loop {
            // Listened for before asking, so that an end in between is not missed.
            let mut ended = std::pin::pin!(self.ended.notified());
            ended.as_mut().enable();
            let turn = lock(&self.pace).ask(Instant::now().into_std());
            match turn {
                Turn::Now => return Running(self),
                Turn::At(time) => tokio::time::sleep_until(time.into()).await,
                Turn::AfterAnother => ended.await,
            }
        }
    }

    /// Waits before another attempt; false, at once, when there is to be none.
    pub(super) async fn pause(
        &self,
        started: Instant,
        attempt: &mut u32,
        asked: Option<Duration>,
    ) -> bool {
        if *attempt >= self.options.max_attempts {
            return false;
        }
        let usual = FIRST_WAIT.saturating_mul(1 << (*attempt - 1).min(8)).min(LONGEST_WAIT);
        let jitter = usual.mul_f64(rand::random::<f64>() / 4.0);
        let wait = asked.unwrap_or(usual + jitter);
        let left = self.options.stall_timeout.saturating_sub(started.elapsed());
        if wait >= left {
            return false;
        }
        *attempt += 1;
        tracing::warn!(?wait, attempt = *attempt, "the service is busy; trying again");
        tokio::time::sleep(wait).await;
        true
    }

    /// Returns the key for passwords; `stale` is one that did not serve.
    pub(super) async fn password_key(
        &self,
        stale: Option<&PasswordKey>,
    ) -> Result<PasswordKey, OnlineError> {
        let no_key = |source| {
            let parameter = "Password".to_owned();
            OnlineError::Request(EncodeError::Secret { parameter, source })
        };
        if let Some(xml) = &self.options.password_key {
            return PasswordKey::find(xml).map_err(no_key);
        }
        let mut kept = self.key.lock().await;
        if let Some((key, until)) = &*kept
            && stale.is_none()
            && Instant::now() < *until
        {
            return Ok(key.clone());
        }
        let module = self.module("New-Mailbox").await?;
        let key = module.key.ok_or_else(|| no_key(PasswordKeyError::NoKey))?;
        *kept = Some((key.clone(), Instant::now() + KEY_LIFE));
        Ok(key)
    }

    /// Asks which of the cmdlets named, separated by commas, the account may run.
    pub(super) async fn module(&self, cmdlets: &str) -> Result<Module, OnlineError> {
        let token = self.token().await?;
        let mut url = self.url(&token.claims, &["AdminApi", "v1.0"], "EXOModuleFile");
        url.query_pairs_mut().append_pair("Version", &self.options.module_version);
        let job = Job {
            method: Method::Get,
            cmdlet: "EXOModuleFile".to_owned(),
            headers: vec![
                ("Accept", "application/json".to_owned()),
                ("CommandName", cmdlets.to_owned()),
                ("ps-version", "7.4".to_owned()),
                ("exomodule-version", self.options.module_version.clone()),
                ("is-cloud-shell-environment", "False".to_owned()),
                ("X-InitializeConnectionContextObjectIdDynamic", "true".to_owned()),
            ],
            body: Zeroizing::default(),
            anchor: self.common_anchor(&token.claims),
            repeat: Repeat::Always,
            id: Uuid::new_v4(),
        };
        let answer = self.exchange(&job, url, false).await?.answer;
        Module::read(&answer.body).ok_or(OnlineError::Module)
    }
}

/// A request that runs, until this is dropped.
struct Running<'a>(&'a Service);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        lock(&self.0.pace).ended();
        self.0.ended.notify_waiters();
    }
}

fn may_repeat(repeat: Repeat, error: &AnswerError) -> bool {
    !is_misrouted(error)
        && error.class() == ErrorClass::Transient
        && error.retry() != Retry::Never
        && match repeat {
            Repeat::Always => true,
            Repeat::Refused => error.status().is_some_and(|status| status != 500),
            Repeat::Unsent => false,
        }
}

/// Whether the service says that the call went to the wrong one of its servers.
pub(super) fn is_misrouted(error: &AnswerError) -> bool {
    error.record().is_some_and(|record| record.reason == "CmdletProxyNotAvailableException")
}

/// Says which half of the permission is missing, where that is what went wrong.
fn judged(error: AnswerError, status: u16, claims: &TokenClaims, cmdlet: &str) -> OnlineError {
    let told = error.record().is_some_and(|record| !record.reason.is_empty());
    let not_allowed = error.to_string().contains("is not allowed to call");
    let access = match status {
        401 | 403 if claims.lacks_permission() && claims.has_other_version_only() => {
            AccessError::WrongPermission { status }
        }
        401 | 403 if claims.lacks_permission() => AccessError::MissingPermission { status },
        401 if !not_allowed => AccessError::TokenRefused { status },
        401 => AccessError::MissingRole { status, cmdlet: cmdlet.to_owned() },
        403 if !told => AccessError::MissingRole { status, cmdlet: cmdlet.to_owned() },
        _ => return OnlineError::Answer(error),
    };
    OnlineError::Access(access)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
