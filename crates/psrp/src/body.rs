//! Any message, decoded: for tools and tests that look at traffic from outside.
//!
//! Spec: [MS-PSRP] 2.2.2 Message Types.

use clixml::Value;

use crate::command_metadata::GetCommandMetadata;
use crate::crypto::SecretEncoding;
use crate::error::DecodeError;
use crate::host::{HostCall, HostResponse};
use crate::message::{Message, MessageType};
use crate::pool_messages::{
    ConnectRunspacePool, InitRunspacePool, RunspaceAvailability, RunspacePoolInitData,
    RunspaceRequest, application_private_data, encrypted_session_key, public_key,
};
use crate::powershell::PowerShell;
use crate::records::{ErrorRecord, InformationRecord, InformationalRecord, ProgressRecord};
use crate::state::{PipelineStateMessage, RunspacePoolStateMessage};
use crate::user_event::UserEvent;
use crate::version::SessionCapability;

/// The decoded body of a message.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Body {
    /// SESSION_CAPABILITY.
    SessionCapability(SessionCapability),
    /// INIT_RUNSPACEPOOL.
    InitRunspacePool(Box<InitRunspacePool>),
    /// PUBLIC_KEY: base64 of the key blob.
    PublicKey(String),
    /// ENCRYPTED_SESSION_KEY: base64 of the key blob.
    EncryptedSessionKey(String),
    /// PUBLIC_KEY_REQUEST.
    PublicKeyRequest,
    /// CONNECT_RUNSPACEPOOL.
    ConnectRunspacePool(ConnectRunspacePool),
    /// RUNSPACEPOOL_INIT_DATA.
    RunspacePoolInitData(RunspacePoolInitData),
    /// SET_MAX_RUNSPACES, SET_MIN_RUNSPACES, GET_AVAILABLE_RUNSPACES, RESET_RUNSPACE_STATE.
    #[non_exhaustive]
    RunspaceRequest {
        /// What is asked.
        request: RunspaceRequest,
        /// The id the answer carries.
        call_id: i64,
    },
    /// RUNSPACE_AVAILABILITY.
    RunspaceAvailability(RunspaceAvailability),
    /// RUNSPACEPOOL_STATE.
    RunspacePoolState(Box<RunspacePoolStateMessage>),
    /// CREATE_PIPELINE; its SecureStrings stay encrypted.
    CreatePipeline(Box<PowerShell>),
    /// GET_COMMAND_METADATA.
    GetCommandMetadata(GetCommandMetadata),
    /// USER_EVENT.
    UserEvent(Box<UserEvent>),
    /// APPLICATION_PRIVATE_DATA: a dictionary, or Nil.
    ApplicationPrivateData(Value),
    /// RUNSPACEPOOL_HOST_CALL and PIPELINE_HOST_CALL.
    HostCall(HostCall),
    /// RUNSPACEPOOL_HOST_RESPONSE and PIPELINE_HOST_RESPONSE.
    HostResponse(HostResponse),
    /// PIPELINE_INPUT.
    PipelineInput(Value),
    /// END_OF_PIPELINE_INPUT.
    EndOfPipelineInput,
    /// PIPELINE_OUTPUT; Nil for `$null`.
    PipelineOutput(Value),
    /// ERROR_RECORD.
    ErrorRecord(Box<ErrorRecord>),
    /// PIPELINE_STATE.
    PipelineState(Box<PipelineStateMessage>),
    /// DEBUG_RECORD, VERBOSE_RECORD and WARNING_RECORD.
    Informational(InformationalRecord),
    /// PROGRESS_RECORD.
    Progress(ProgressRecord),
    /// INFORMATION_RECORD.
    Information(Box<InformationRecord>),
    /// A type this crate does not know; not decoded.
    Other,
}

impl Body {
    /// Decodes the body of any message.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Body`] when it is not CLIXML, [`DecodeError::MissingProperty`] or [`DecodeError::WrongProperty`] for
    /// what its type cannot do without.
    pub fn decode(message: &Message) -> Result<Self, DecodeError> {
        let message_type = message.message_type;
        if let MessageType::Other(_) = message_type {
            return Ok(Self::Other);
        }
        let value = message.value()?;
        let value = &value;
        Ok(match message_type {
            MessageType::SessionCapability => {
                Self::SessionCapability(SessionCapability::from_value(value)?)
            }
            MessageType::InitRunspacePool => {
                Self::InitRunspacePool(Box::new(InitRunspacePool::from_value(value)?))
            }
            MessageType::PublicKey => Self::PublicKey(public_key(value)?),
            MessageType::EncryptedSessionKey => {
                Self::EncryptedSessionKey(encrypted_session_key(value)?)
            }
            MessageType::PublicKeyRequest => Self::PublicKeyRequest,
            MessageType::ConnectRunspacePool => {
                Self::ConnectRunspacePool(ConnectRunspacePool::from_value(value))
            }
            MessageType::RunspacePoolInitData => {
                Self::RunspacePoolInitData(RunspacePoolInitData::from_value(value)?)
            }
            MessageType::SetMaxRunspaces
            | MessageType::SetMinRunspaces
            | MessageType::GetAvailableRunspaces
            | MessageType::ResetRunspaceState => {
                let (request, call_id) = RunspaceRequest::from_value(message_type, value)?;
                Self::RunspaceRequest { request, call_id }
            }
            MessageType::RunspaceAvailability => {
                Self::RunspaceAvailability(RunspaceAvailability::from_value(value)?)
            }
            MessageType::RunspacePoolState => {
                Self::RunspacePoolState(Box::new(RunspacePoolStateMessage::from_value(value)?))
            }
            MessageType::CreatePipeline => Self::CreatePipeline(Box::new(PowerShell::from_value(
                value,
                &SecretEncoding::NoKey,
            )?)),
            MessageType::GetCommandMetadata => {
                Self::GetCommandMetadata(GetCommandMetadata::from_value(value)?)
            }
            MessageType::UserEvent => Self::UserEvent(Box::new(UserEvent::from_value(value))),
            MessageType::ApplicationPrivateData => {
                Self::ApplicationPrivateData(application_private_data(value))
            }
            MessageType::RunspacePoolHostCall | MessageType::PipelineHostCall => {
                Self::HostCall(HostCall::from_value(message_type, value)?)
            }
            MessageType::RunspacePoolHostResponse | MessageType::PipelineHostResponse => {
                Self::HostResponse(HostResponse::from_value(message_type, value)?)
            }
            MessageType::PipelineInput => Self::PipelineInput(value.clone()),
            MessageType::EndOfPipelineInput => Self::EndOfPipelineInput,
            MessageType::PipelineOutput => Self::PipelineOutput(value.clone()),
            MessageType::ErrorRecord => Self::ErrorRecord(Box::new(ErrorRecord::from_value(value))),
            MessageType::PipelineState => {
                Self::PipelineState(Box::new(PipelineStateMessage::from_value(value)?))
            }
            MessageType::DebugRecord | MessageType::VerboseRecord | MessageType::WarningRecord => {
                Self::Informational(InformationalRecord::from_value(value))
            }
            MessageType::ProgressRecord => Self::Progress(ProgressRecord::from_value(value)),
            MessageType::InformationRecord => {
                Self::Information(Box::new(InformationRecord::from_value(value)))
            }
            MessageType::Other(_) => Self::Other,
        })
    }
}
