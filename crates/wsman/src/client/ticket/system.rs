//! The system's Kerberos library, bare or within SPNEGO.
//!
//! Spec: [MS-KILE], where it binds GSS_WrapEx; RFC 4121, RFC 4178.
//!
//! The library waits for KDCs, so it is called on threads that may wait. A sealed message is header and data to it, as
//! Windows has them; what would follow the data it turns to the front.

use libgssapi::context::{ClientCtx, CtxFlags, SecurityContext as _};
use libgssapi::credential::{Cred, CredUsage};
use libgssapi::error::Error as GssError;
use libgssapi::name::Name;
use libgssapi::oid::{
    GSS_MECH_KRB5, GSS_MECH_SPNEGO, GSS_NT_HOSTBASED_SERVICE, GSS_NT_KRB5_PRINCIPAL, OidSet,
};
use libgssapi::util::{GssIov, GssIovFake, GssIovType};

use crate::client::auth::{SecurityContext, Step};
use crate::client::error::{Error, SecurityError};
use crate::client::exchange::BoxFuture;
use crate::client::kerberos::KerberosError;
use crate::mime::Protocol;

/// A login with a ticket.
pub(crate) struct TicketContext {
    order: Order,
    /// `None` before the first token, and for good after an error.
    context: Option<ClientCtx>,
}

/// What is wanted of the library.
#[derive(Clone)]
struct Order {
    principal: Option<String>,
    service: String,
    binding: Option<Vec<u8>>,
    protocol: Protocol,
}

impl TicketContext {
    pub(crate) fn new(
        principal: Option<String>,
        service: String,
        binding: Option<Vec<u8>>,
        protocol: Protocol,
    ) -> Self {
        Self { order: Order { principal, service, binding, protocol }, context: None }
    }

    async fn next(&mut self, token: &[u8]) -> Result<Step, Error> {
        let (order, context, token) = (self.order.clone(), self.context.take(), token.to_vec());
        let work = move || order.step(context, &token);
        let done = tokio::task::spawn_blocking(work).await;
        let (context, step) = done.map_err(SecurityError::new)??;
        self.context = Some(context);
        Ok(step)
    }

    fn context(&mut self) -> Result<&mut ClientCtx, SecurityError> {
        let context = self.context.as_mut().filter(|context| context.is_complete());
        context.ok_or_else(|| SecurityError::new("nobody has signed in yet"))
    }
}

impl SecurityContext for TicketContext {
    fn step<'a>(&'a mut self, token: &'a [u8]) -> BoxFuture<'a, Result<Step, Error>> {
        Box::pin(self.next(token))
    }

    fn wrap(&mut self, data: &mut Vec<u8>) -> Result<Vec<u8>, SecurityError> {
        let context = self.context()?;
        let mut lengths = [
            GssIovFake::new(GssIovType::Header),
            GssIov::new(GssIovType::Data, data).as_fake(),
            GssIovFake::new(GssIovType::Padding),
        ];
        context.wrap_iov_length(true, &mut lengths).map_err(SecurityError::new)?;
        let [header, _, padding] = lengths;
        if padding.len() > 0 {
            return Err(SecurityError::new("the ticket's cipher pads, which only RC4 and DES do"));
        }
        let mut signature = vec![0; header.len()];
        let mut message = [
            GssIov::new(GssIovType::Header, &mut signature),
            GssIov::new(GssIovType::Data, data),
            GssIov::new(GssIovType::Padding, &mut []),
        ];
        context.wrap_iov(true, &mut message).map_err(SecurityError::new)?;
        drop(message);
        Ok(signature)
    }

    fn unwrap(&mut self, signature: &mut [u8], data: &mut [u8]) -> Result<usize, SecurityError> {
        // 05 04, flags, FF, and EC in two bytes: a message that is signed alone would be taken too.
        if !matches!(signature, [5, 4, flags, 0xFF, 0, 0, ..] if *flags & 2 != 0) {
            return Err(SecurityError::new("the signature is not that of a sealed message"));
        }
        let (context, length) = (self.context()?, data.len());
        let mut message = [
            GssIov::new(GssIovType::Header, signature),
            GssIov::new(GssIovType::Data, data),
            GssIov::new(GssIovType::Padding, &mut []),
        ];
        // A message that came before, or one after a gap, is an error as well.
        context.unwrap_iov(&mut message).map_err(SecurityError::new)?;
        Ok(length)
    }

    fn protocol(&self) -> Protocol {
        self.order.protocol
    }
}

impl Order {
    /// Begins the login, or continues it with the server's token.
    fn step(&self, context: Option<ClientCtx>, token: &[u8]) -> Result<(ClientCtx, Step), Error> {
        let mut context = match context {
            Some(context) => context,
            None => self.begin()?,
        };
        let received = (!token.is_empty()).then_some(token);
        let token = context.step(received, self.binding.as_deref());
        let token = token.map_err(|error| failed(&error))?;
        let is_final = context.is_complete();
        if is_final {
            check(&context)?;
        }
        let token = token.map(|token| token.to_vec()).unwrap_or_default();
        Ok((context, Step { token, is_final }))
    }

    fn begin(&self) -> Result<ClientCtx, Error> {
        let mechanism = match self.protocol {
            Protocol::Spnego => GSS_MECH_SPNEGO,
            _ => GSS_MECH_KRB5,
        };
        let mechanisms = OidSet::singleton(mechanism).map_err(SecurityError::new)?;
        let principal = self.principal.as_ref().map(|name| {
            Name::new(name.as_bytes(), Some(GSS_NT_KRB5_PRINCIPAL)).map_err(SecurityError::new)
        });
        let principal = principal.transpose()?;
        let cred = Cred::acquire(principal.as_ref(), None, CredUsage::Initiate, Some(&mechanisms));
        let cred = cred.map_err(|error| failed(&error))?;
        let service = self.service().map_err(SecurityError::new)?;
        Ok(ClientCtx::new(Some(cred), service, wanted(), Some(mechanism)))
    }

    /// Names the service by its host, for the library to find the realm, unless the realm is named too.
    fn service(&self) -> Result<Name, GssError> {
        match self.service.split_once('/') {
            Some((class, host)) if !host.contains('@') => {
                Name::new(format!("{class}@{host}").as_bytes(), Some(GSS_NT_HOSTBASED_SERVICE))
            }
            _ => Name::new(self.service.as_bytes(), Some(GSS_NT_KRB5_PRINCIPAL)),
        }
    }
}

/// Refuses a context that has less than was asked for, or another mechanism inside SPNEGO.
fn check(context: &ClientCtx) -> Result<(), SecurityError> {
    let flags = context.flags().map_err(SecurityError::new)?;
    let mechanism = context.mechanism().map_err(SecurityError::new)?;
    if !flags.contains(wanted()) || mechanism != GSS_MECH_KRB5 {
        return Err(SecurityError::new("the server does not agree to sealed Kerberos"));
    }
    Ok(())
}

/// What is asked of every context.
fn wanted() -> CtxFlags {
    CtxFlags::GSS_C_MUTUAL_FLAG
        | CtxFlags::GSS_C_REPLAY_FLAG
        | CtxFlags::GSS_C_SEQUENCE_FLAG
        | CtxFlags::GSS_C_CONF_FLAG
        | CtxFlags::GSS_C_INTEG_FLAG
}

/// Tells what an error of the library means.
fn failed(error: &GssError) -> Error {
    // The library keeps its texts by thread, so they are fetched where the error arose.
    let text = error.to_string().chars().filter(|c| !c.is_control()).take(LONGEST_TEXT).collect();
    match ((error.major.bits() >> 16) & 0xFF, error.minor.cast_signed()) {
        (NO_CRED | DEFECTIVE_CREDENTIAL | CREDENTIALS_EXPIRED, _) => {
            KerberosError::NoTicket { text }
        }
        (_, code) => KerberosError::System { text, may_pass: code == KDC_UNREACHABLE },
    }
    .into()
}

const LONGEST_TEXT: usize = 400;
/// `GSS_S_NO_CRED`, as a routine error.
const NO_CRED: u32 = 7;
/// `GSS_S_DEFECTIVE_CREDENTIAL`
const DEFECTIVE_CREDENTIAL: u32 = 10;
/// `GSS_S_CREDENTIALS_EXPIRED`
const CREDENTIALS_EXPIRED: u32 = 11;
/// `KRB5_KDC_UNREACH` of MIT's library.
const KDC_UNREACHABLE: i32 = -1_765_328_228;
