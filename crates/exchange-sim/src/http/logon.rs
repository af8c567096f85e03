//! Signing in on one connection: NTLM, bare or inside SPNEGO, CredSSP, and Basic.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;

use super::credssp::{Acceptor, CredSspError, Identity};
use super::ntlm::{Account, Challenged, NtlmError, Session};
use super::seal::Sealing;
use super::spnego;

/// How far a connection has come.
#[derive(Debug, Default)]
pub(crate) enum Logon {
    /// Nobody has signed in.
    #[default]
    None,
    /// SPNEGO chose NTLM, and NTLM's first message is due.
    Chosen { mechanisms: Vec<u8> },
    /// A challenge is out.
    Challenged { ntlm: Box<Challenged>, mechanisms: Option<Vec<u8>> },
    /// The account has signed in on this connection.
    Established(Box<Session>),
    /// It signs in, or has, with CredSSP.
    CredSsp(Box<Acceptor>),
}

/// What a token led to.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// The client has to answer this.
    Continue(Vec<u8>),
    /// The client is in; it may have to read a last token.
    Done(Option<Vec<u8>>),
}

impl Logon {
    /// Takes the client's next token of the scheme `Negotiate`.
    pub(crate) fn step(
        &mut self,
        account: &Account,
        token: &[u8],
        nonce: [u8; 8],
        file_time: u64,
    ) -> Result<Step, NtlmError> {
        match std::mem::take(self) {
            Self::Challenged { ntlm, mechanisms } => self.finish(account, &ntlm, mechanisms, token),
            Self::Chosen { mechanisms } => {
                let reply = spnego::read_reply(token).ok_or(NtlmError::Malformed)?;
                let ntlm = Challenged::new(
                    account,
                    reply.token.ok_or(NtlmError::Malformed)?,
                    nonce,
                    file_time,
                )?;
                let answer = spnego::write_reply(false, false, Some(ntlm.token()), None);
                *self = Self::Challenged { ntlm: Box::new(ntlm), mechanisms: Some(mechanisms) };
                Ok(Step::Continue(answer))
            }
            Self::None | Self::Established(_) | Self::CredSsp(_) => {
                self.begin(account, token, nonce, file_time)
            }
        }
    }

    fn begin(
        &mut self,
        account: &Account,
        token: &[u8],
        nonce: [u8; 8],
        file_time: u64,
    ) -> Result<Step, NtlmError> {
        if token.starts_with(b"NTLMSSP") {
            let ntlm = Challenged::new(account, token, nonce, file_time)?;
            let answer = ntlm.token().to_vec();
            *self = Self::Challenged { ntlm: Box::new(ntlm), mechanisms: None };
            return Ok(Step::Continue(answer));
        }
        let init = spnego::read_init(token).ok_or(NtlmError::Malformed)?;
        let mechanisms = init.mechanisms.to_vec();
        let Some(inner) = init.token.filter(|_| init.ntlm_first) else {
            *self = Self::Chosen { mechanisms };
            return Ok(Step::Continue(spnego::write_reply(false, true, None, None)));
        };
        let ntlm = Challenged::new(account, inner, nonce, file_time)?;
        let answer = spnego::write_reply(false, true, Some(ntlm.token()), None);
        *self = Self::Challenged { ntlm: Box::new(ntlm), mechanisms: Some(mechanisms) };
        Ok(Step::Continue(answer))
    }

    fn finish(
        &mut self,
        account: &Account,
        ntlm: &Challenged,
        mechanisms: Option<Vec<u8>>,
        token: &[u8],
    ) -> Result<Step, NtlmError> {
        let Some(mechanisms) = mechanisms else {
            let session = ntlm.authenticate(account, token)?;
            *self = Self::Established(Box::new(session));
            return Ok(Step::Done(None));
        };
        let reply = spnego::read_reply(token).ok_or(NtlmError::Malformed)?;
        let mut session = ntlm.authenticate(account, reply.token.ok_or(NtlmError::Malformed)?)?;
        let code = reply
            .code
            .map(|theirs| session.exchange_list_codes(theirs, &mechanisms))
            .transpose()?;
        *self = Self::Established(Box::new(session));
        Ok(Step::Done(Some(spnego::write_reply(
            true,
            false,
            None,
            code.as_ref().map(<[u8; 16]>::as_slice),
        ))))
    }

    /// Takes the client's next token of the scheme `CredSSP`.
    pub(super) fn credssp_step(
        &mut self,
        identity: &Identity,
        account: &Account,
        token: &[u8],
        nonce: [u8; 8],
        file_time: u64,
    ) -> Result<Step, CredSspError> {
        let mut acceptor = match std::mem::take(self) {
            Self::CredSsp(acceptor) if !acceptor.is_done() => acceptor,
            _ => Box::new(Acceptor::new(identity)?),
        };
        let step = acceptor.step(account, token, nonce, file_time)?;
        *self = Self::CredSsp(acceptor);
        Ok(step)
    }

    /// Returns what seals the messages, once the account has signed in.
    pub(super) fn sealing(&mut self) -> Option<Sealing<'_>> {
        match self {
            Self::Established(session) => Some(Sealing::Ntlm(session)),
            Self::CredSsp(acceptor) if acceptor.is_done() => Some(Sealing::CredSsp(acceptor)),
            _ => None,
        }
    }

    /// Returns the session, once the account has signed in.
    pub(crate) fn session(&mut self) -> Option<&mut Session> {
        match self {
            Self::Established(session) => Some(session),
            _ => None,
        }
    }
}

/// Returns whether the credentials of a `Basic` header are the account's.
pub(crate) fn basic_is_right(account: &Account, credentials: &str) -> bool {
    let decoded =
        STANDARD.decode(credentials.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.as_deref().and_then(|text| text.split_once(':')).is_some_and(|(user, password)| {
        account.is_named(user) && password == account.password.expose_secret()
    })
}
