//! NTLM, bare within the scheme `Negotiate`, as servers accept it beside SPNEGO.
//!
//! Spec: [MS-NLMP] 3.1.5 Message Processing Events and Sequencing Rules, [MS-NLMP] 3.4 Session Security Details.
//!
//! NTLM has no proof of who the server is: a wrong password shows only when the server refuses the last token.
//!
//! The library signs in; what it would seal slowly is sealed by [`NtlmSealing`] with the key that it hands over.

use secrecy::{ExposeSecret as _, SecretString};
use sspi::{
    AuthIdentity, AuthIdentityBuffers, BufferType, ClientRequestFlags, CredentialUse,
    DataRepresentation, Ntlm, SecurityBuffer, SecurityStatus, Sspi as _, SspiImpl as _, Username,
};

use super::auth::{SecurityContext, Step, quietly};
use super::error::{Error, SecurityError};
use super::exchange::BoxFuture;
use super::ntlm_seal::NtlmSealing;
use crate::mime::Protocol;

/// A login with NTLM.
pub(crate) struct NtlmContext {
    ntlm: Ntlm,
    /// What the login leaves behind.
    sealing: Option<NtlmSealing>,
    credentials: Option<AuthIdentityBuffers>,
    target: String,
}

impl NtlmContext {
    /// Prepares a login at `host` as `username`, bound to a certificate or not.
    pub(crate) fn new(
        host: &str,
        username: &str,
        password: &SecretString,
        binding: Option<&[u8]>,
    ) -> Result<Self, SecurityError> {
        let mut ntlm = Ntlm::new();
        if let Some(binding) = binding {
            ntlm.set_channel_bindings(binding);
        }
        let identity = AuthIdentity {
            username: Username::parse(username).map_err(SecurityError::new)?,
            password: password.expose_secret().to_owned().into(),
        };
        let acquired = quietly(|| {
            ntlm.acquire_credentials_handle()
                .with_credential_use(CredentialUse::Outbound)
                .with_auth_data(&identity)
                .execute(&mut ntlm)
        });
        let acquired = acquired??;
        let (credentials, target) = (acquired.credentials_handle, format!("HTTP/{host}"));
        Ok(Self { ntlm, sealing: None, credentials, target })
    }

    fn next(&mut self, token: &[u8]) -> Result<Step, SecurityError> {
        let mut input = [SecurityBuffer::new(token.to_vec(), BufferType::Token)];
        let mut output = [SecurityBuffer::new(Vec::new(), BufferType::Token)];
        let flags = ClientRequestFlags::MUTUAL_AUTH
            | ClientRequestFlags::INTEGRITY
            | ClientRequestFlags::CONFIDENTIALITY
            | ClientRequestFlags::REPLAY_DETECT
            | ClientRequestFlags::SEQUENCE_DETECT;
        let mut builder = self
            .ntlm
            .initialize_security_context()
            .with_credentials_handle(&mut self.credentials)
            .with_context_requirements(flags)
            .with_target_data_representation(DataRepresentation::Native)
            .with_target_name(&self.target)
            .with_output(&mut output);
        if !token.is_empty() {
            builder = builder.with_input(&mut input);
        }
        let refused = |error: sspi::Error| match token {
            [] => SecurityError::new(error),
            _ => {
                let problem = error.description;
                SecurityError::new(format!("the server's token is no challenge of NTLM: {problem}"))
            }
        };
        let result = self
            .ntlm
            .initialize_security_context_impl(&mut builder)
            .map_err(refused)?
            .resolve_to_result()
            .map_err(refused)?;
        let complete = [SecurityStatus::CompleteNeeded, SecurityStatus::CompleteAndContinue];
        if complete.contains(&result.status) {
            self.ntlm.complete_auth_token(&mut output).map_err(SecurityError::new)?;
        }
        let waits = [SecurityStatus::ContinueNeeded, SecurityStatus::CompleteAndContinue];
        let [SecurityBuffer { buffer: token, .. }] = output;
        let is_final = !waits.contains(&result.status);
        if is_final {
            self.sealing = Some(self.keys(&token)?);
            // The password and the library's own copy of the key are not needed any more.
            (self.credentials, self.ntlm) = (None, Ntlm::new());
        }
        Ok(Step { token, is_final })
    }

    /// Derives what seals messages, once the last token is written.
    fn keys(&self, authenticate: &[u8]) -> Result<NtlmSealing, SecurityError> {
        let flags = authenticate.get(FLAGS..).and_then(|rest| rest.first_chunk());
        let flags = flags.ok_or_else(|| SecurityError::new("the last token has no flags"))?;
        let key = self.ntlm.query_context_session_key().map_err(SecurityError::new)?.session_key;
        NtlmSealing::new(key.as_ref(), u32::from_le_bytes(*flags))
    }

    fn sealing(&mut self) -> Result<&mut NtlmSealing, SecurityError> {
        self.sealing.as_mut().ok_or_else(|| SecurityError::new("nobody has signed in yet"))
    }
}

/// Where the flags stand in AUTHENTICATE.
const FLAGS: usize = 60;

impl SecurityContext for NtlmContext {
    fn step<'a>(&'a mut self, token: &'a [u8]) -> BoxFuture<'a, Result<Step, Error>> {
        Box::pin(async move { Ok(quietly(|| self.next(token))??) })
    }

    fn wrap(&mut self, data: &mut Vec<u8>) -> Result<Vec<u8>, SecurityError> {
        Ok(self.sealing()?.seal(data)?.to_vec())
    }

    fn unwrap(&mut self, signature: &mut [u8], data: &mut [u8]) -> Result<usize, SecurityError> {
        self.sealing()?.unseal(signature, data)?;
        Ok(data.len())
    }

    fn protocol(&self) -> Protocol {
        Protocol::Spnego
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(username: &str) -> Result<NtlmContext, SecurityError> {
        NtlmContext::new("ex01.contoso.com", username, &"secret".into(), Some(b"binding"))
    }

    #[test]
    fn the_first_token_negotiates() {
        for username in [r"CONTOSO\ann", "ann@contoso.com", "ann"] {
            let step = context(username).unwrap().next(&[]).unwrap();
            assert!(step.token.starts_with(b"NTLMSSP\0\x01") && !step.is_final);
        }
    }

    #[test]
    fn broken_tokens_and_messages_are_errors() {
        for token in [&b"x"[..], b"NTLMSSP\0\x02\0\0\0", &[0; 64]] {
            let mut context = context("ann").unwrap();
            context.next(&[]).unwrap();
            assert!(context.next(token).is_err());
        }
        let mut context = context("ann").unwrap();
        assert!(context.unwrap(&mut [0; 15], &mut [1]).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_challenge_panics(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..120)) {
            let mut context = context("ann").unwrap();
            context.next(&[]).unwrap();
            let mut token = b"NTLMSSP\0\x02\0\0\0".to_vec();
            token.extend_from_slice(&body);
            let _ = context.next(&token);
        }

        #[test]
        fn no_target_info_panics(flags in proptest::prelude::any::<u32>(), offset in 40_u8..70, info in proptest::collection::vec(0_u8..12, 0..60)) {
            let mut context = context("ann").unwrap();
            context.next(&[]).unwrap();
            let mut token = b"NTLMSSP\0\x02\0\0\0".to_vec();
            token.extend_from_slice(&[0, 0, 0, 0, 56, 0, 0, 0]);
            token.extend_from_slice(&flags.to_le_bytes());
            token.extend_from_slice(&[7; 8]);
            token.extend_from_slice(&[0; 8]);
            let length = u8::try_from(info.len()).unwrap();
            token.extend_from_slice(&[length, 0, length, 0, offset, 0, 0, 0]);
            token.extend_from_slice(&[0; 8]);
            token.extend_from_slice(&info);
            let _ = context.next(&token);
        }
    }
}
