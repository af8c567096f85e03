//! What can go wrong: the peer broke the protocol ([`DecodeError`]), or the caller used us out of order ([`StateError`]).
//!
//! What the far side says by the protocol's own means (an error record, a state) is data and never one of these.

use crate::fragment::ObjectId;
use crate::id::{PipelineId, RunspacePoolId};
use crate::message::MessageType;

/// Why bytes from the peer were refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// A fragment names object 0, which cannot exist.
    #[error("a fragment has object id 0")]
    ZeroObjectId,
    /// A fragment continues an object that was never started.
    #[error("fragment {fragment} of object {object} arrived, but no object is open")]
    NotStarted {
        /// The object named.
        object: ObjectId,
        /// The place of the fragment.
        fragment: u64,
    },
    /// A fragment of another object arrived inside an object.
    #[error("a fragment of object {got} arrived inside object {open}")]
    Interleaved {
        /// The object that is open.
        open: ObjectId,
        /// The object named.
        got: ObjectId,
    },
    /// One more object was started than may be incomplete at once.
    #[error("another object was started with {open} open, {limit} are allowed")]
    TooManyOpen {
        /// Objects that are open.
        open: usize,
        /// The limit.
        limit: usize,
    },
    /// A fragment skipped ahead or came again.
    #[error("fragment {got} of object {object} arrived when {expected} was due")]
    OutOfOrder {
        /// The object.
        object: ObjectId,
        /// The place that was due.
        expected: u64,
        /// The place that came.
        got: u64,
    },
    /// An object is larger than the limit.
    #[error("object {object} reaches {size} bytes, {limit} are allowed")]
    ObjectTooLarge {
        /// The object.
        object: ObjectId,
        /// Its size so far, headers included, as its fragments announce it.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// More bytes would be held than the limit allows.
    #[error("{held} bytes would have to be held, {limit} are allowed")]
    BufferFull {
        /// What would be held.
        held: usize,
        /// The limit.
        limit: usize,
    },
    /// The stream broke off with an earlier error; its bytes have no meaning any more.
    #[error("the stream broke off with an earlier error")]
    StreamDead,
    /// A message is shorter than its header.
    #[error("a message has {len} bytes, its header alone has 40")]
    ShortMessage {
        /// Bytes of the message.
        len: usize,
    },
    /// A message names neither client nor server as its destination.
    #[error("a message has destination {value}, known are 1 (client) and 2 (server)")]
    Destination {
        /// The number found.
        value: u32,
    },
    /// The message is framed well, but its body is not CLIXML.
    #[error("{message_type} carries a malformed body")]
    Body {
        /// The type of the message.
        message_type: MessageType,
        /// What is wrong with it.
        #[source]
        source: clixml::Error,
    },
    /// A property is absent that the message cannot do without.
    #[error("{message_type} has no property {property}")]
    MissingProperty {
        /// The type of the message.
        message_type: MessageType,
        /// The name of the property.
        property: &'static str,
    },
    /// A property has a value of another kind than the message wants.
    #[error("{message_type} has a property {property} that is no {expected}")]
    WrongProperty {
        /// The type of the message.
        message_type: MessageType,
        /// The name of the property.
        property: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A list in a message has more items than are taken.
    #[error("{message_type} has {count} items in {property}, {limit} are allowed")]
    TooMany {
        /// The type of the message.
        message_type: MessageType,
        /// The name of the property.
        property: &'static str,
        /// Number of items.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// The exchange of the session key failed.
    #[error("{message_type} carries an unusable key")]
    SessionKey {
        /// The type of the message.
        message_type: MessageType,
        /// Why.
        #[source]
        source: CryptoError,
    },
    /// A message names another pool than this one.
    #[error("a message is for the pool {got}, which is another")]
    ForeignPool {
        /// The pool named.
        got: RunspacePoolId,
    },
    /// A message on the stream of one pipeline names another one.
    #[error("{message_type} on the stream of the pipeline {expected} is for the pipeline {got}")]
    Misdirected {
        /// The type of the message.
        message_type: MessageType,
        /// The pipeline whose stream it is.
        expected: PipelineId,
        /// The pipeline named.
        got: PipelineId,
    },
    /// A message came that cannot come in this state.
    #[error("{got} arrived when {expected} was due")]
    Unexpected {
        /// The message that came.
        got: MessageType,
        /// What could have come.
        expected: &'static str,
    },
}

/// Why something could not be encrypted or decrypted.
///
/// Says little on purpose: the details of a failed decryption help only an attacker.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CryptoError {
    /// No session key was agreed upon yet.
    #[error("there is no session key yet")]
    NoKey,
    /// The text is not base64.
    #[error("the text is not base64")]
    Base64,
    /// A key blob has another length than the protocol says.
    #[error("the key blob has {got} bytes, not {expected}")]
    BlobLength {
        /// Bytes found.
        got: usize,
        /// Bytes that it has by the protocol.
        expected: usize,
    },
    /// A key blob does not begin as the protocol says: another algorithm or another format.
    #[error("the key blob has an unknown header")]
    BlobHeader,
    /// The numbers of a public key make no key.
    #[error("the public key is not valid")]
    PublicKey,
    /// A text is no private key that can be used.
    #[error("the private key is not valid")]
    PrivateKey,
    /// No key pair could be made.
    #[error("no key pair could be generated")]
    KeyGeneration,
    /// The server sent two session keys that are none; no other is asked for.
    #[error("the session keys of the server are unusable")]
    Unusable,
    /// A key or a text could not be decrypted.
    #[error("decryption failed")]
    Decryption,
    /// A key could not be encrypted.
    #[error("encryption failed")]
    Encryption,
    /// A decrypted text is not UTF-16.
    #[error("the decrypted text is not UTF-16")]
    Utf16,
}

/// Why a wish of the caller was refused: it does not fit the state, and nothing was changed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The pool is in a state that does not allow this.
    #[error("{operation} needs a pool that is {expected}, this one is {state}")]
    Pool {
        /// What was asked for.
        operation: &'static str,
        /// The state the pool is in.
        state: &'static str,
        /// The states in which it is allowed.
        expected: &'static str,
    },
    /// The pool has no such pipeline, or it has ended.
    #[error("{operation} names pipeline {pipeline}, which does not run in this pool")]
    UnknownPipeline {
        /// What was asked for.
        operation: &'static str,
        /// The pipeline named.
        pipeline: PipelineId,
    },
    /// The pipeline takes no input: it was made without, or its input has ended.
    #[error("pipeline {pipeline} takes no input")]
    NoInput {
        /// The pipeline named.
        pipeline: PipelineId,
    },
    /// A pipeline without any command was to be made; servers never answer such a message.
    #[error("a pipeline needs at least one command in every statement")]
    NoCommands,
    /// The server is too old for what was asked for.
    #[error("{feature} needs protocol {needed}, the server speaks {negotiated}")]
    Version {
        /// What was asked for.
        feature: &'static str,
        /// The version that knows it.
        needed: crate::ProtocolVersion,
        /// The version that was agreed upon.
        negotiated: crate::ProtocolVersion,
    },
    /// A secret could not be prepared for the wire.
    #[error("a secret could not be prepared")]
    Secret(#[source] CryptoError),
    /// A host call does not wait for an answer (any more).
    #[error("no host call {call_id} waits for an answer")]
    UnknownHostCall {
        /// The id of the call (`ci`).
        call_id: i64,
    },
}
