//! Getting tokens, one request at a time, and keeping them until they are about to end.
//!
//! Calls that need a token at the same time wait for one request together. A refusal that is permanent is remembered: it
//! is given again without asking, so that no account is locked by trying.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use exchange_cmdlets::Retry;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;
use uuid::Uuid;

use crate::assertion::{Claims, assertion};
use crate::options::Credential;
use crate::rest::RestExchange;
use crate::sign_in::SignInError;
use crate::token::{PUBLIC_CLIENT, Proof, Token, read_token, token_request, token_url};

/// How long to wait before the next attempt, when the service does not say.
const WAITS: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(10)];
/// The longest wait the service can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Where tokens come from.
pub(crate) struct TokenSource {
    rest: Arc<dyn RestExchange>,
    url: Url,
    scope: String,
    credential: Credential,
    state: Mutex<State>,
}

/// What is known of tokens.
enum State {
    None,
    Fresh { token: Arc<Token>, since: Instant, until: Instant },
    Refused(Arc<SignInError>),
}

impl TokenSource {
    pub(crate) fn new(
        rest: Arc<dyn RestExchange>,
        authority: &Url,
        organization: &str,
        scope: String,
        credential: Credential,
    ) -> Self {
        let url = token_url(authority, organization);
        Self { rest, url, scope, credential, state: Mutex::new(State::None) }
    }

    /// Returns the token in use, or gets one.
    pub(crate) async fn token(&self) -> Result<Arc<Token>, Arc<SignInError>> {
        self.another(None, None).await
    }

    /// Returns a token other than `refused`, which the API did not take; `claims` is what it asked to be passed on.
    pub(crate) async fn another(
        &self,
        refused: Option<&Arc<Token>>,
        claims: Option<&str>,
    ) -> Result<Arc<Token>, Arc<SignInError>> {
        let mut state = self.state.lock().await;
        match &*state {
            State::Fresh { token, until, .. }
                if Instant::now() < *until
                    && refused.is_none_or(|refused| !Arc::ptr_eq(refused, token)) =>
            {
                return Ok(Arc::clone(token));
            }
            State::Refused(error) => return Err(Arc::clone(error)),
            _ => {}
        }
        match self.get(claims).await {
            Ok(token) => {
                let token = Arc::new(token);
                tracing::info!(lifetime = ?token.lifetime, "signed in to Exchange Online");
                let since = Instant::now();
                *state = State::Fresh {
                    since,
                    until: since + token.lifetime,
                    token: Arc::clone(&token),
                };
                Ok(token)
            }
            Err(error) => {
                let error = Arc::new(error);
                if error.retry() == Retry::Never {
                    *state = State::Refused(Arc::clone(&error));
                }
                Err(error)
            }
        }
    }

    /// Returns a new token when `token` is older than `age`; else the one in use.
    pub(crate) async fn younger(
        &self,
        token: &Arc<Token>,
        age: Duration,
    ) -> Result<Arc<Token>, Arc<SignInError>> {
        let old = match &*self.state.lock().await {
            State::Fresh { since, .. } => since.elapsed() > age,
            State::None | State::Refused(_) => false,
        };
        self.another(old.then_some(token), None).await
    }

    async fn get(&self, claims: Option<&str>) -> Result<Token, SignInError> {
        let mut waits = WAITS.iter();
        loop {
            let error = match self.ask(claims).await {
                Ok(token) => return Ok(token),
                Err(error) => error,
            };
            match waits.next().filter(|_| error.retry() == Retry::Later) {
                None => return Err(error),
                Some(wait) => {
                    let wait = error.wait().unwrap_or(*wait).min(LONGEST_WAIT);
                    tracing::warn!(?wait, %error, "no token now; trying again");
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    async fn ask(&self, claims: Option<&str>) -> Result<Token, SignInError> {
        let request = token_request(self.url.clone(), &self.scope, &self.proof()?, claims);
        let answer = self.rest.send(request).await.map_err(SignInError::NoAnswer)?;
        read_token(&answer)
    }

    fn proof(&self) -> Result<Proof<'_>, SignInError> {
        Ok(match &self.credential {
            Credential::Certificate { application_id, certificate, algorithm } => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let claims = Claims {
                    audience: self.url.as_str(),
                    application_id: *application_id,
                    id: Uuid::new_v4(),
                    now: now.as_secs(),
                };
                let signed = assertion(certificate, *algorithm, &claims, &mut rand::rng())?;
                Proof::Assertion(*application_id, signed)
            }
            Credential::ClientSecret { application_id, secret } => {
                Proof::Secret(*application_id, secret)
            }
            Credential::Password { username, password, client_id } => {
                Proof::Password(client_id.unwrap_or(PUBLIC_CLIENT), username, password)
            }
        })
    }
}
