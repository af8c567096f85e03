//! Signing in on a connection: which mechanism, and the exchange of its tokens.
//!
//! Spec: [MS-WSMV] 2.2.9.1 Encrypted Message Types; RFC 4559, 4 HTTP Negotiate Authentication Scheme.
//!
//! A server's refusal looks the same whatever it is about: 401 without a token. What it means follows from who could
//! have known the password by then. With NTLM the server alone judges it, so a refusal after the last token means wrong
//! credentials. With Kerberos the KDC judged it before the server was asked, so the server means the ticket.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderValue, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::OnceCell;

use super::answer::Answer;
use super::auth::{Mechanism, SecurityContext};
use super::connection::{Connection, Endpoint, Failure, within};
use super::credentials::{Credentials, MUTUAL};
use super::credssp::CredSspContext;
use super::error::{Error, Phase, SecurityError};
use super::gss::GssContext;
use super::kdc::Kdcs;
use super::kerberos::KerberosError;
use super::ntlm::NtlmContext;
use super::ticket;
use crate::binding::tls_server_end_point;
use crate::mime::Protocol;
use crate::xml::encode_base64;

/// What the connections of one client learn of signing in, for those that come after.
#[derive(Default)]
pub(crate) struct Logins {
    /// The mechanism that worked, and those that may be tried after it.
    settled: Mutex<Option<Vec<Mechanism>>>,
    kdcs: OnceCell<Arc<Kdcs>>,
}

impl Logins {
    fn settled(&self) -> Option<Vec<Mechanism>> {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn settle(&self, mechanisms: Vec<Mechanism>) {
        *self.settled.lock().unwrap_or_else(PoisonError::into_inner) = Some(mechanisms);
    }
}

impl Connection {
    /// Dials and signs in.
    pub(crate) async fn open(endpoint: &Endpoint) -> Result<Self, Error> {
        let limit = endpoint.options.connect_timeout;
        let mut connection = Self::dial(endpoint).await?;
        if endpoint.is_anonymous() {
            return Ok(connection);
        }
        if let Some(header) = header_of(&endpoint.options.credentials) {
            connection.authorization = Some(header);
            return Ok(connection);
        }
        let mut mechanisms = match endpoint.logins.settled() {
            Some(mechanisms) => mechanisms,
            None => within(limit, Phase::Login, connection.mechanisms(endpoint)).await?,
        };
        if connection.is_closing() {
            connection = Self::dial(endpoint).await?;
        }
        while let Some(mechanism) = mechanisms.first().copied() {
            let error = {
                let login = connection.sign_in(endpoint, mechanism);
                match within(limit, Phase::Login, login).await {
                    Ok(()) => break,
                    Err(error) => error,
                }
            };
            mechanisms.remove(0);
            if mechanisms.is_empty() || !may_try_another(&error, mechanism) {
                return Err(error);
            }
            if mechanism.is_kerberos() {
                let why: &dyn std::error::Error = &error;
                tracing::warn!(
                    error = why,
                    "falling back from Kerberos to NTLM, as the settings allow"
                );
            }
            connection = Self::dial(endpoint).await?;
        }
        endpoint.logins.settle(mechanisms);
        Ok(connection)
    }

    /// Lists the mechanisms to try in turn; there is at least one.
    async fn mechanisms(&mut self, endpoint: &Endpoint) -> Result<Vec<Mechanism>, Error> {
        Ok(match &endpoint.options.credentials {
            Credentials::Negotiate { kerberos, ntlm_fallback, spnego, .. } => {
                within_negotiate(kerberos.is_some(), *ntlm_fallback, *spnego)
            }
            Credentials::Default { kerberos, ntlm_fallback, .. } => {
                let offered = self.offered(endpoint).await?;
                let has = |name: &str| offered.iter().any(|one| one.eq_ignore_ascii_case(name));
                if has("Negotiate") {
                    within_negotiate(kerberos.is_some(), *ntlm_fallback, false)
                } else if has("Kerberos") {
                    vec![Mechanism::Kerberos]
                } else {
                    return Err(Error::NotOffered { asked: "Negotiate or Kerberos", offered });
                }
            }
            Credentials::Ticket { spnego: true, .. } => vec![Mechanism::SpnegoKerberos],
            Credentials::Kerberos { .. } | Credentials::Ticket { .. } => vec![Mechanism::Kerberos],
            _ => vec![Mechanism::CredSsp],
        })
    }

    /// Asks the server, without credentials, what it offers.
    async fn offered(&mut self, endpoint: &Endpoint) -> Result<Vec<String>, Error> {
        let answer = self.post_empty(endpoint, None).await.map_err(login_lost)?;
        match answer.status {
            StatusCode::UNAUTHORIZED => Ok(answer.offered()),
            _ if answer.leads_elsewhere() => Err(answer.redirect()),
            _ => Err(answer.not_soap()),
        }
    }

    async fn sign_in(&mut self, endpoint: &Endpoint, mechanism: Mechanism) -> Result<(), Error> {
        let mut context = endpoint.begin(mechanism, self.certificate.as_deref()).await?;
        self.negotiate(endpoint, mechanism, &mut *context).await?;
        self.proven = true;
        if endpoint.tls.is_none() {
            self.sealing = Some(context);
        }
        Ok(())
    }

    /// Exchanges tokens in empty requests until the server is content.
    async fn negotiate(
        &mut self,
        endpoint: &Endpoint,
        mechanism: Mechanism,
        context: &mut dyn SecurityContext,
    ) -> Result<(), Error> {
        let mut received = Vec::new();
        for leg in 0..MOST_LEGS {
            let step = context.step(&received).await?;
            if step.token.is_empty() {
                return Err(endpoint.refused(mechanism));
            }
            let header = authorization(mechanism.scheme(), &step.token);
            let answer = self.post_empty(endpoint, Some(header)).await.map_err(login_lost)?;
            let token = answer.token(mechanism.scheme(), endpoint.options.max_token_size)?;
            match answer.status {
                StatusCode::UNAUTHORIZED if leg == 0 && token.is_none() => {
                    return Err(endpoint.not_accepted(mechanism, &answer));
                }
                StatusCode::UNAUTHORIZED if step.is_final => {
                    return Err(endpoint.refused(mechanism));
                }
                // In the middle of CredSSP's handshake a server may have nothing to say.
                StatusCode::UNAUTHORIZED if mechanism == Mechanism::CredSsp => {
                    received = token.unwrap_or_default();
                }
                StatusCode::UNAUTHORIZED => {
                    received = token.ok_or_else(|| endpoint.refused(mechanism))?;
                }
                status if status.is_success() => {
                    return finish(context, step.is_final, token).await;
                }
                _ if answer.leads_elsewhere() => return Err(answer.redirect()),
                _ => return Err(answer.not_soap()),
            }
        }
        Err(SecurityError::new("the login does not come to an end").into())
    }
}

impl Endpoint {
    /// Prepares a login.
    async fn begin(
        &self,
        mechanism: Mechanism,
        certificate: Option<&[u8]>,
    ) -> Result<Box<dyn SecurityContext>, Error> {
        let credentials = &self.options.credentials;
        let username = credentials.username();
        let bound = self.options.channel_binding;
        let binding = certificate.filter(|_| bound).map(tls_server_end_point);
        if let Credentials::Ticket { principal, spnego, .. } = credentials {
            let protocol = if *spnego { Protocol::Spnego } else { Protocol::Kerberos };
            return ticket::begin(principal.clone(), self.service(), binding, protocol);
        }
        let Some(password) = password_of(credentials) else {
            return Err(SecurityError::new("the credentials have no password").into());
        };
        let service = self.service();
        Ok(match mechanism {
            Mechanism::Ntlm => {
                Box::new(NtlmContext::new(&self.host, username, password, binding.as_deref())?)
            }
            Mechanism::SpnegoNtlm => {
                Box::new(GssContext::ntlm(service, username, password, binding.as_deref())?)
            }
            Mechanism::SpnegoKerberos => {
                let kdcs = self.kdcs(username).await?;
                Box::new(GssContext::kerberos(service, username, password, kdcs, Protocol::Spnego)?)
            }
            Mechanism::Kerberos => {
                let kdcs = self.kdcs(username).await?;
                let protocol = Protocol::Kerberos;
                Box::new(GssContext::kerberos(service, username, password, kdcs, protocol)?)
            }
            Mechanism::CredSsp => {
                Box::new(CredSspContext::new(&self.host, service, username, password)?)
            }
        })
    }

    /// Finds the user's KDCs, once for all connections.
    async fn kdcs(&self, username: &str) -> Result<Arc<Kdcs>, Error> {
        let options = self.options.credentials.kerberos_options().cloned().unwrap_or_default();
        let host = self.host.trim_matches(['[', ']']);
        if options.service.is_none() && host.parse::<IpAddr>().is_ok() {
            return Err(KerberosError::HostIsAddress { host: self.host.clone() }.into());
        }
        let find = async { Kdcs::find(username, &options).await.map(Arc::new) };
        Ok(Arc::clone(self.logins.kdcs.get_or_try_init(|| find).await?))
    }

    fn service(&self) -> String {
        let named = match &self.options.credentials {
            Credentials::Ticket { service, .. } => service.clone(),
            other => other.kerberos_options().and_then(|options| options.service.clone()),
        };
        named.unwrap_or_else(|| format!("HTTP/{}", self.host))
    }

    /// Says why a login was refused that the server had let go on.
    fn refused(&self, mechanism: Mechanism) -> Error {
        if mechanism.is_kerberos() {
            KerberosError::Ticket { service: self.service() }.into()
        } else {
            bad_credentials(self)
        }
    }

    /// Says why the first token was refused: the scheme is not there, or what is inside it is not wanted.
    fn not_accepted(&self, mechanism: Mechanism, answer: &Answer) -> Error {
        let offered = answer.offered();
        let scheme = mechanism.scheme();
        match offered.iter().any(|one| one.eq_ignore_ascii_case(scheme)) {
            true if mechanism.is_kerberos() => self.refused(mechanism),
            true if mechanism == Mechanism::CredSsp => {
                SecurityError::new("the server offers CredSSP and does not begin it").into()
            }
            true => Error::NotOffered { asked: mechanism.within(), offered },
            false => Error::NotOffered { asked: scheme, offered },
        }
    }
}

/// Lists what may be tried within the scheme `Negotiate`.
fn within_negotiate(kerberos: bool, ntlm_fallback: bool, spnego: bool) -> Vec<Mechanism> {
    let mut mechanisms = Vec::new();
    if kerberos {
        mechanisms.push(Mechanism::SpnegoKerberos);
    }
    if !kerberos || ntlm_fallback {
        if !spnego {
            mechanisms.push(Mechanism::Ntlm);
        }
        mechanisms.push(Mechanism::SpnegoNtlm);
    }
    mechanisms
}

/// Tells whether another mechanism may succeed where one failed.
fn may_try_another(error: &Error, failed: Mechanism) -> bool {
    match (error, failed) {
        (Error::NotOffered { asked, .. }, Mechanism::Ntlm) => *asked == failed.within(),
        (Error::Kerberos(_), _) => failed.is_kerberos(),
        _ => false,
    }
}

/// Feeds the token that may come with the server's consent, after which this side has to be content too.
async fn finish(
    context: &mut dyn SecurityContext,
    is_final: bool,
    token: Option<Vec<u8>>,
) -> Result<(), Error> {
    if is_final {
        return Ok(());
    }
    let is_final = match token {
        Some(token) => context.step(&token).await?.is_final,
        None => false,
    };
    let too_early = || SecurityError::new("the server ended the login too early").into();
    is_final.then_some(()).ok_or_else(too_early)
}

/// Returns what stands for credentials that go with every request.
fn header_of(credentials: &Credentials) -> Option<HeaderValue> {
    match credentials {
        Credentials::Basic { username, password } => {
            let pair = format!("{username}:{}", password.expose_secret());
            Some(authorization("Basic", pair.as_bytes()))
        }
        Credentials::Certificate { .. } => Some(HeaderValue::from_static(MUTUAL)),
        _ => None,
    }
}

fn password_of(credentials: &Credentials) -> Option<&SecretString> {
    match credentials {
        Credentials::Basic { password, .. }
        | Credentials::Negotiate { password, .. }
        | Credentials::Kerberos { password, .. }
        | Credentials::CredSsp { password, .. }
        | Credentials::Default { password, .. } => Some(password),
        Credentials::Certificate { .. } | Credentials::Ticket { .. } | Credentials::Anonymous => {
            None
        }
    }
}

/// Says why a request with credentials was refused.
pub(crate) fn refusal(endpoint: &Endpoint, answer: &Answer) -> Error {
    let credentials = &endpoint.options.credentials;
    let (scheme, offered) = (credentials.scheme(), answer.offered());
    let is_offered = offered.iter().any(|one| one.eq_ignore_ascii_case(scheme));
    match credentials {
        Credentials::Anonymous => Error::NotOffered { asked: "no sign-in", offered },
        _ if offered.is_empty() || is_offered => bad_credentials(endpoint),
        // Servers list the scheme of client certificates or not, as they please.
        Credentials::Certificate { .. } => {
            Error::NotOffered { asked: "a client certificate", offered }
        }
        Credentials::Default { .. } => bad_credentials(endpoint),
        _ => Error::NotOffered { asked: scheme, offered },
    }
}

fn bad_credentials(endpoint: &Endpoint) -> Error {
    let username = endpoint.options.credentials.username().to_owned();
    Error::BadCredentials { username }
}

/// Whatever happens to a login, the request that it is made for was not sent yet.
fn login_lost(failure: Failure) -> Error {
    match failure {
        Failure::NotSent(error) | Failure::SignedOut(error) | Failure::Other(error) => {
            match error {
                Error::Lost { source, .. } => Error::Lost { sent: false, source },
                Error::Timeout { after, .. } => Error::Timeout { phase: Phase::Login, after },
                other => other,
            }
        }
    }
}

fn authorization(scheme: &str, token: &[u8]) -> HeaderValue {
    let mut value = HeaderValue::from_str(&format!("{scheme} {}", encode_base64(token)))
        .expect("base64 has no control characters");
    value.set_sensitive(true);
    value
}

/// NTLM takes two legs, SPNEGO and Kerberos a few more, CredSSP six and one for each answer that its handshake needs.
const MOST_LEGS: usize = 12;
