//! Kerberos, and SPNEGO with Kerberos or NTLM inside.
//!
//! Spec: [MS-SPNG] 3.1.5 Message Processing Events and Sequencing Rules; [MS-KILE], where it binds GSS_WrapEx; RFC 4121,
//! RFC 4178.
//!
//! The library does no I/O: it asks for an exchange with a KDC and waits for the answer. Its Kerberos always waits for
//! the server's proof of itself too, so mutual authentication is always asked for.
//!
//! With Kerberos nothing is bound to the TLS channel: the library writes the option that says so in two bytes where
//! [MS-KILE] has four, and MIT's acceptor refuses the login. A server that demands channel bindings refuses Kerberos
//! over https without them; over http, and with NTLM, it can be had.

use std::collections::HashSet;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use sspi::credssp::SspiContext;
use sspi::generator::GeneratorState;
use sspi::{
    AuthIdentityBuffers, BufferType, ClientRequestFlags, CredentialsBuffers, DataRepresentation,
    EncryptionFlags, ErrorKind, Kerberos, KerberosConfig, Negotiate, NegotiateConfig,
    SecurityBuffer, SecurityBufferRef, SecurityStatus, Sspi as _, SspiImpl as _, Username,
    UsernameParts,
};

use super::auth::{SecurityContext, Step, quietly};
use super::error::{Error, SecurityError};
use super::exchange::BoxFuture;
use super::kdc::{HOME, Kdcs};
use super::kerberos::KerberosError;
use crate::mime::Protocol;

/// A login with Kerberos or within SPNEGO.
pub(crate) struct GssContext {
    context: SspiContext,
    credentials: Option<CredentialsBuffers>,
    username: String,
    service: String,
    /// What ties NTLM to the TLS channel.
    binding: Option<Vec<u8>>,
    kdcs: Option<Arc<Kdcs>>,
    protocol: Protocol,
    /// The signatures of the messages that Kerberos unsealed.
    unsealed: HashSet<Vec<u8>>,
}

impl GssContext {
    /// Prepares a login with Kerberos for a service, bare or within SPNEGO.
    pub(crate) fn kerberos(
        service: String,
        username: &str,
        password: &SecretString,
        kdcs: Arc<Kdcs>,
        protocol: Protocol,
    ) -> Result<Self, SecurityError> {
        let config = KerberosConfig::new_with_kdc_url(HOME, workstation());
        let context = quietly(|| {
            if protocol == Protocol::Kerberos {
                return Kerberos::new_client_from_config(config).map(SspiContext::Kerberos);
            }
            let packages = Some("kerberos".to_owned());
            let config = NegotiateConfig::new(Box::new(config), packages, workstation());
            Negotiate::new_client(config).map(SspiContext::Negotiate)
        })??;
        let principal = kdcs.principal();
        let buffers = AuthIdentityBuffers::from_utf8(
            &principal.name,
            &principal.realm,
            password.expose_secret(),
        );
        Ok(Self {
            context,
            credentials: Some(CredentialsBuffers::AuthIdentity(buffers)),
            username: username.to_owned(),
            service,
            binding: None,
            kdcs: Some(kdcs),
            protocol,
            unsealed: HashSet::new(),
        })
    }

    /// Prepares a login with NTLM within SPNEGO, bound to a certificate or not.
    pub(crate) fn ntlm(
        service: String,
        username: &str,
        password: &SecretString,
        binding: Option<&[u8]>,
    ) -> Result<Self, SecurityError> {
        let config = negotiate_ntlm();
        let context = quietly(|| Negotiate::new_client(config))??;
        Ok(Self {
            context: SspiContext::Negotiate(context),
            credentials: Some(CredentialsBuffers::AuthIdentity(identity(username, password)?)),
            username: username.to_owned(),
            service,
            binding: binding.map(channel_bindings),
            kdcs: None,
            protocol: Protocol::Spnego,
            unsealed: HashSet::new(),
        })
    }

    async fn next(&mut self, token: &[u8]) -> Result<Step, Error> {
        let Self { context, credentials, username, service, binding, kdcs, .. } = self;
        let mut input = vec![SecurityBuffer::new(token.to_vec(), BufferType::Token)];
        let bindings = binding.iter().cloned();
        input.extend(bindings.map(|data| SecurityBuffer::new(data, BufferType::ChannelBindings)));
        let mut output = [SecurityBuffer::new(Vec::new(), BufferType::Token)];
        let mut builder = context
            .initialize_security_context()
            .with_credentials_handle(credentials)
            .with_context_requirements(wanted())
            .with_target_data_representation(DataRepresentation::Native)
            .with_target_name(service)
            .with_input(&mut input)
            .with_output(&mut output);
        let mut failure = None;
        let result = {
            let mut generator = quietly(|| context.initialize_security_context_impl(&mut builder))
                .and_then(|made| made.map_err(SecurityError::new))?;
            let mut state = quietly(|| generator.start())?;
            loop {
                let request = match state {
                    GeneratorState::Completed(result) => break result,
                    GeneratorState::Suspended(request) => request,
                };
                let reply = match kdcs {
                    Some(kdcs) => kdcs.ask(&request).await,
                    None => return Err(SecurityError::new("NTLM asked for a KDC").into()),
                };
                let reply = reply.map_err(|error| {
                    failure = Some(error);
                    sspi::Error::new(ErrorKind::NoAuthenticatingAuthority, "no KDC answers")
                });
                state = quietly(|| generator.resume(reply))?;
            }
        };
        let status = match (result, failure, kdcs) {
            (Ok(result), ..) => result.status,
            (Err(_), Some(failure), _) => return Err(failure.into()),
            (Err(error), None, Some(kdcs)) => {
                return Err(refusal(&error, username, service, &kdcs.principal().realm));
            }
            (Err(error), None, None) => return Err(SecurityError::new(error).into()),
        };
        let complete = [SecurityStatus::CompleteNeeded, SecurityStatus::CompleteAndContinue];
        if complete.contains(&status) {
            quietly(|| context.complete_auth_token(&mut output))?.map_err(SecurityError::new)?;
        }
        let [SecurityBuffer { buffer: token, .. }] = output;
        let waits = [SecurityStatus::ContinueNeeded, SecurityStatus::CompleteAndContinue];
        Ok(Step { token, is_final: !waits.contains(&status) })
    }

    /// Refuses what the library would panic on, or take for something else.
    fn check_sealed(&self, signature: &[u8]) -> Result<(), SecurityError> {
        if signature.len() != self.signature_length() {
            return Err(SecurityError::new("the signature has a wrong length"));
        }
        if self.kdcs.is_none() {
            return Ok(());
        }
        // 05 04, flags, FF, EC and RRC in two bytes each, and a sequence number.
        let is_sealed = matches!(signature, [5, 4, flags, 0xFF, 0, 0, ..] if flags & 2 != 0);
        let is_rotated = signature.get(6..8) == Some(&ROTATION.to_be_bytes());
        if is_sealed && is_rotated {
            Ok(())
        } else {
            Err(SecurityError::new("the signature is not that of a sealed message"))
        }
    }

    /// Refuses a message that came before, which the library does for NTLM alone.
    ///
    /// The number in the header is of no use, for the library does not compare it with the one under the seal. What
    /// follows the header is different for every message, as it begins with random bytes.
    fn check_first_time(&mut self, sealed: Vec<u8>) -> Result<(), SecurityError> {
        let is_new = self.kdcs.is_none() || self.unsealed.insert(sealed);
        is_new.then_some(()).ok_or_else(|| SecurityError::new("the message came before"))
    }

    fn signature_length(&self) -> usize {
        if self.kdcs.is_some() { KERBEROS_SIGNATURE } else { NTLM_SIGNATURE }
    }
}

impl SecurityContext for GssContext {
    fn step<'a>(&'a mut self, token: &'a [u8]) -> BoxFuture<'a, Result<Step, Error>> {
        Box::pin(self.next(token))
    }

    fn wrap(&mut self, data: &mut Vec<u8>) -> Result<Vec<u8>, SecurityError> {
        let mut signature = vec![0; self.signature_length()];
        let mut message =
            [SecurityBufferRef::token_buf(&mut signature), SecurityBufferRef::data_buf(data)];
        quietly(|| self.context.encrypt_message(EncryptionFlags::empty(), &mut message))??;
        Ok(signature)
    }

    fn unwrap(&mut self, signature: &mut [u8], data: &mut [u8]) -> Result<usize, SecurityError> {
        self.check_sealed(signature)?;
        let seen = signature.get(KERBEROS_HEADER..).unwrap_or_default().to_vec();
        let mut message =
            [SecurityBufferRef::token_buf(signature), SecurityBufferRef::data_buf(data)];
        quietly(|| self.context.decrypt_message(&mut message))??;
        let [_, plain] = message;
        let length = plain.data().len();
        self.check_first_time(seen)?;
        Ok(length)
    }

    fn protocol(&self) -> Protocol {
        self.protocol
    }
}

/// Tells what a KDC's or a server's refusal means.
fn refusal(error: &sspi::Error, username: &str, service: &str, realm: &str) -> Error {
    let (username, realm) = (username.to_owned(), realm.to_owned());
    let service = service.to_owned();
    let says = |text: &str| error.description.contains(text);
    match error.error_type {
        ErrorKind::KdcInvalidRequest if says("pre-authentication information was invalid") => {
            return Error::BadCredentials { username };
        }
        ErrorKind::UnknownCredentials if says("client not found") => {
            KerberosError::UnknownUser { username, realm }
        }
        ErrorKind::UnknownCredentials if says("server not found") => {
            KerberosError::UnknownService { service, realm }
        }
        ErrorKind::NoAuthenticatingAuthority if says("wrong Realm") => {
            KerberosError::UnknownUser { username, realm }
        }
        ErrorKind::NoAuthenticatingAuthority => {
            KerberosError::NoKdc { realm: referred(&error.description).unwrap_or(realm) }
        }
        ErrorKind::TimeSkew => KerberosError::ClockSkew { realm },
        ErrorKind::UnknownCredentials
        | ErrorKind::InvalidParameter
        | ErrorKind::KdcInvalidRequest
        | ErrorKind::EncryptFailure => {
            let text = error.description.chars().filter(|c| !c.is_control()).take(200).collect();
            KerberosError::Refused { username, realm, text }
        }
        _ => return SecurityError::new(error).into(),
    }
    .into()
}

/// Returns the realm that a referral led to and that no KDC is known for.
fn referred(description: &str) -> Option<String> {
    let (_, rest) = description.split_once('`')?;
    rest.split_once('`').map(|(realm, _)| realm.to_owned())
}

/// Splits a user name into what NTLM wants: account and domain, or a whole `user@suffix`.
pub(crate) fn identity(
    username: &str,
    password: &SecretString,
) -> Result<AuthIdentityBuffers, SecurityError> {
    let parsed = Username::parse(username).map_err(SecurityError::new)?;
    let (user, domain) = match parsed.parts() {
        UsernameParts::UserPrincipalName(parts) => (parts.upn(), ""),
        UsernameParts::DownLevelLogonName(parts) => {
            (parts.account_name(), parts.netbios_domain().unwrap_or_default())
        }
    };
    Ok(AuthIdentityBuffers::from_utf8(user, domain, password.expose_secret()))
}

/// Returns the settings of SPNEGO with NTLM alone.
pub(crate) fn negotiate_ntlm() -> NegotiateConfig {
    let ntlm = sspi::ntlm::NtlmConfig::new(workstation());
    NegotiateConfig::new(Box::new(ntlm), Some("ntlm".to_owned()), workstation())
}

/// Returns the name that this machine gives itself, which accounts may be restricted to.
fn workstation() -> String {
    let named = ["COMPUTERNAME", "HOSTNAME"].iter().find_map(|name| std::env::var(name).ok());
    let label = named.as_deref().and_then(|name| name.split('.').next()).unwrap_or_default();
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    label.chars().filter(is_plain).take(15).collect::<String>().to_ascii_uppercase()
}

/// What is asked of every context.
fn wanted() -> ClientRequestFlags {
    ClientRequestFlags::MUTUAL_AUTH
        | ClientRequestFlags::INTEGRITY
        | ClientRequestFlags::CONFIDENTIALITY
        | ClientRequestFlags::REPLAY_DETECT
        | ClientRequestFlags::SEQUENCE_DETECT
}

/// Lays out `SEC_CHANNEL_BINDINGS` without addresses: 32 bytes, of which the last two fields tell length and place of
/// the application data that follow.
fn channel_bindings(data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut out = vec![0; 24];
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&32_u32.to_le_bytes());
    out.extend_from_slice(data);
    out
}

/// A header of 16 bytes and, turned to the front, 44 bytes of confounder, header and checksum.
const KERBEROS_SIGNATURE: usize = 60;
const KERBEROS_HEADER: usize = 16;
const NTLM_SIGNATURE: usize = 16;
/// How far the end of a sealed message is turned to the front.
const ROTATION: u16 = 28;

#[cfg(test)]
mod tests {
    use super::super::kerberos::{KerberosOptions, Principal};
    use super::*;

    fn ntlm() -> GssContext {
        GssContext::ntlm("HTTP/ex01".to_owned(), r"CONTOSO\ann", &"secret".into(), Some(b"x"))
            .unwrap()
    }

    fn kerberos(protocol: Protocol) -> GssContext {
        let options = KerberosOptions::default().kdc("127.0.0.1:1");
        let principal = Principal { name: "ann".to_owned(), realm: "CONTOSO.COM".to_owned() };
        let kdcs = Kdcs::named(principal, &options.kdcs).unwrap();
        GssContext::kerberos(
            "HTTP/ex01".to_owned(),
            "ann",
            &"secret".into(),
            Arc::new(kdcs),
            protocol,
        )
        .unwrap()
    }

    #[tokio::test]
    async fn ntlm_begins_within_spnego() {
        let step = ntlm().next(&[]).await.unwrap();
        assert!(step.token.starts_with(&[0x60]) && !step.is_final);
        let mark = b"NTLMSSP\0\x01";
        assert!(step.token.windows(mark.len()).any(|window| window == mark));
    }

    #[tokio::test]
    async fn a_kdc_that_does_not_answer_is_named() {
        for protocol in [Protocol::Kerberos, Protocol::Spnego] {
            let error = kerberos(protocol).next(&[]).await.unwrap_err();
            let Error::Kerberos(KerberosError::Unreachable { servers, realm, .. }) = &error else {
                panic!("{error:?}")
            };
            assert_eq!(
                (servers.as_slice(), realm.as_str()),
                (&["127.0.0.1:1".to_owned()][..], "CONTOSO.COM")
            );
        }
    }

    #[test]
    fn messages_that_are_not_sealed_are_refused() {
        let mut context = kerberos(Protocol::Kerberos);
        let sealed = [[5, 4, 7, 0xFF, 0, 0, 0, 28].as_slice(), &[0; 52]].concat();
        for (at, value) in [(2, 5), (4, 0xFF), (6, 1), (0, 0)] {
            let mut signature = sealed.clone();
            signature[at] = value;
            let error = context.unwrap(&mut signature, &mut [1, 2]).unwrap_err();
            assert!(error.text.contains("not that of a sealed message"), "{error}");
        }
        let error = context.unwrap(&mut sealed[1..].to_vec(), &mut [1]).unwrap_err();
        assert!(error.text.contains("length"), "{error}");
    }

    #[test]
    fn refusals_are_told_apart() {
        let check = |kind, text: &str| {
            refusal(&sspi::Error::new(kind, text.to_owned()), "ann", "HTTP/x", "R")
        };
        let wrong =
            check(ErrorKind::KdcInvalidRequest, "pre-authentication information was invalid");
        assert!(matches!(wrong, Error::BadCredentials { .. }), "{wrong:?}");
        let trust =
            check(ErrorKind::NoAuthenticatingAuthority, "No KDC server found for realm `SUB`");
        assert!(
            matches!(&trust, Error::Kerberos(KerberosError::NoKdc { realm }) if realm == "SUB"),
            "{trust:?}"
        );
        let expired = check(ErrorKind::InvalidParameter, "password has expired");
        assert!(
            matches!(&expired, Error::Kerberos(KerberosError::Refused { text, .. }) if text.contains("expired"))
        );
    }

    proptest::proptest! {
        #[test]
        fn no_token_of_a_server_panics(token in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80)) {
            let mut context = ntlm();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                context.next(&[]).await.unwrap();
                let _ = context.next(&token).await;
            });
        }
    }
}
