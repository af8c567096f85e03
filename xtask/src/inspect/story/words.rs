//! Envelopes and messages in words.

use psrp::message::Message;
use psrp::{Body, ErrorRecord};
use psrp_client::recording::describe;
use wsman::{Advice, Fault, Verb};

use crate::inspect::envelope::Envelope;

/// Signs of a message that are told.
const LONGEST: usize = 300;

/// Says what a client wants with a request.
pub(super) fn request_of(envelope: &Envelope) -> String {
    let verb = verb_of(envelope);
    match verb.as_str() {
        "Create" => "opens a shell",
        "Command" => "starts a pipeline",
        "Send" => "sends more",
        "Receive" => "waits for output",
        "Signal" => "ends a pipeline",
        "Delete" => "closes the shell",
        "Disconnect" => "leaves the shell alone",
        "Reconnect" => "takes the shell up again",
        "Connect" => "takes up a shell of another client",
        "Enumerate" | "Pull" => "lists shells",
        "Get" => "reads a resource",
        _ => return format!("sends {verb}"),
    }
    .to_owned()
        + &format!(" ({verb})")
}

fn verb_of(envelope: &Envelope) -> String {
    let action = envelope.text("action").unwrap_or("Identify");
    action.rsplit('/').next().unwrap_or(action).to_owned()
}

/// Says what a server answers, unless it is a fault.
pub(super) fn answer_of(envelope: &Envelope) -> String {
    let body = envelope.text("body").unwrap_or("nothing");
    let told = match body {
        "Shell" | "ResourceCreated" => "has opened it",
        "CommandResponse" => "has started it",
        "SendResponse" => "has taken it",
        "ReceiveResponse" if envelope.arrived.is_empty() => "sends no message",
        "ReceiveResponse" => "sends",
        "SignalResponse" => "agrees",
        "nothing" => "has done it",
        body => return format!("answers {body}"),
    };
    let state = envelope.text("command_state").map(|state| match state {
        "Done" => ", and says that the command is done".to_owned(),
        state => format!(", the command is {state}"),
    });
    format!("{told}{}", state.unwrap_or_default())
}

/// Says what a fault means for the client.
pub(super) fn fault_of(fault: &Fault, verb: Option<&str>) -> String {
    let code = fault.code.map(|code| {
        let name = code.name().map(|name| format!(" {name}")).unwrap_or_default();
        format!(" {}{name}", code.get())
    });
    let code = code.or_else(|| fault.subcode.as_ref().map(|code| format!(" {code}")));
    let machine = fault.machine.as_ref().map(|machine| format!(" on {machine}"));
    let advice = match verb.and_then(verb_named).map(|verb| fault.advice(verb)) {
        Some(Advice::Repeat) => "which only means: ask again",
        Some(Advice::Later) => "so nothing happened, and it may be asked again later",
        Some(Advice::NewShell) => "so the shell is lost",
        Some(Advice::NewConnection) => "so another connection is needed",
        Some(Advice::Unknown) => "so nobody knows whether it was done",
        _ => "which asking again alone does not cure",
    };
    let (code, machine) = (code.unwrap_or_default(), machine.unwrap_or_default());
    format!("refuses with fault{code}{machine}, {advice}: {}", fault.text())
}

fn verb_named(name: &str) -> Option<Verb> {
    Verb::ALL.iter().copied().find(|verb| verb.name() == name)
}

/// Says what a message says. Secrets are not shown.
pub(super) fn message_of(message: &Message) -> String {
    let kind = message.message_type;
    let text = || describe(message, LONGEST);
    let Ok(body) = Body::decode(message) else {
        return format!("{kind}, not as it should be: {}", text());
    };
    let told = match body {
        Body::SessionCapability(capability) => {
            format!("speaks protocol {}", capability.protocol_version)
        }
        Body::InitRunspacePool(pool) => {
            format!("wants a pool of {} to {} runspaces", pool.min_runspaces, pool.max_runspaces)
        }
        Body::PublicKey(_) => "gives a public key, for secrets are to be sent".to_owned(),
        Body::EncryptedSessionKey(_) => "gives the session key, encrypted".to_owned(),
        Body::PublicKeyRequest => "asks for a public key".to_owned(),
        Body::RunspacePoolState(state) => {
            format!("the pool is {:?}{}", state.state, because(state.error.as_ref()))
        }
        Body::CreatePipeline(_) => format!("runs {}", text()),
        Body::ApplicationPrivateData(_) => {
            format!("tells about itself {}", text()).trim().to_owned()
        }
        Body::HostCall(_) => format!("calls the host: {}", text()),
        Body::HostResponse(_) => format!("the host answers: {}", text()),
        Body::PipelineInput(_) => format!("gives as input {}", text()),
        Body::EndOfPipelineInput => "ends the input".to_owned(),
        Body::PipelineOutput(_) => format!("gives {}", text()),
        Body::ErrorRecord(record) => format!("reports an error{}", because(Some(&record))),
        Body::PipelineState(state) => {
            format!("the pipeline is {:?}{}", state.state, because(state.error.as_ref()))
        }
        Body::Informational(record) => format!("says: {}", record.message),
        _ => text(),
    };
    format!("{told} ({kind})")
}

fn because(error: Option<&ErrorRecord>) -> String {
    let Some(error) = error else { return String::new() };
    let short = |text: &str| text.chars().take(LONGEST).collect::<String>();
    let exception =
        error.exception_types.first().map(|name| name.rsplit('.').next().unwrap_or(name));
    let exception = exception.map(|name| format!(" [{name}]")).unwrap_or_default();
    format!(":{exception} {}", short(&error.message))
}
