//! A shell server in memory that answers a handful of made-up commands.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use psrp_client::psrp::clixml::Value;
use psrp_client::psrp::fragment::Fragmenter;
use psrp_client::psrp::host::{HostMethod, HostResult};
use psrp_client::psrp::message::{Destination, Message, MessageType};
use psrp_client::psrp::server::{ServerEvent, ServerOptions, ServerPool};
use psrp_client::psrp::{
    ArgumentValue, ErrorRecord, PipelineId, PowerShell, RunspacePoolId, StreamTarget,
};
use psrp_client::wsman::client::{
    BoxFuture, Error, Exchange, HttpAnswer, SoapRequest, SoapResponse,
};
use psrp_client::wsman::server::{Request, parse_request, write_response};
use psrp_client::wsman::{
    CommandId, CommandInfo, CommandResponse, CommandState, Connect, ConnectResponse,
    CreateResponse, EnumerateResponse, Fault, FaultCode, Limits, MessageId, Operation,
    ReceiveResponse, Reconnect, Response, SignalCode, StreamPart, Verb,
};
use secrecy::ExposeSecret as _;
use tokio::sync::Notify;

/// What the server saw and does.
#[derive(Default)]
pub(crate) struct Server {
    state: Mutex<State>,
    news: Notify,
    habits: Habits,
}

/// What a test may choose.
#[derive(Default)]
pub(crate) struct Habits {
    /// Bytes of output per answer; 0 stands for everything, [`ONE_FRAGMENT`] for one.
    pub(crate) slice: usize,
    /// Receives of a command from this one on are lost.
    pub(crate) lose_receive: Option<usize>,
    /// The answer that carries the session key is lost.
    pub(crate) lose_key: bool,
    /// The Create is answered only after this time.
    pub(crate) create_delay: Duration,
    /// The answer to the Create is lost.
    pub(crate) lose_create: bool,
    /// A gateway answers a Create with a page of its own, once the shell is there.
    pub(crate) page_for_create: bool,
    /// A Command is never answered.
    pub(crate) mute_command: bool,
    /// The pool breaks as soon as it is open.
    pub(crate) break_at_once: bool,
    /// The shell is never left alone, as at Exchange's own endpoint.
    pub(crate) refuse_disconnect: bool,
    /// So many times nobody is let back in.
    pub(crate) refuse_reconnect: usize,
}

/// A slice of output that real servers may well send.
pub(crate) const ONE_FRAGMENT: usize = usize::MAX;

#[derive(Default)]
struct State {
    pool: Option<ServerPool>,
    output: HashMap<Option<PipelineId>, VecDeque<u8>>,
    seen: Vec<String>,
    receives: usize,
    deleted: bool,
    disconnected: bool,
    refused: usize,
    /// Pipelines that make their output when it is asked for, and how many objects they have left.
    lazy: HashMap<PipelineId, i32>,
}

impl Server {
    pub(crate) fn new(habits: Habits) -> Arc<Self> {
        Arc::new(Self { habits, ..Self::default() })
    }

    /// The requests so far: verbs, and what was signalled.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.state.lock().unwrap().seen.clone()
    }

    /// Requests with this name.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.seen().iter().filter(|seen| *seen == name).count()
    }

    async fn answer(&self, request: Request, timeout: Duration) -> Response {
        let key = match &request.operation {
            Operation::Receive(receive) => pipeline(receive.command_id.as_ref()),
            other => return self.perform(other),
        };
        let waited = tokio::time::timeout(timeout, async {
            loop {
                let news = self.news.notified();
                if let Some(response) = self.take_output(key) {
                    return response;
                }
                news.await;
            }
        });
        waited.await.unwrap_or_else(|_| {
            Response::Fault(Box::new(Fault::new(
                FaultCode::new(2_150_858_793),
                "w:TimedOut",
                "no output yet",
            )))
        })
    }

    fn take_output(&self, key: Option<PipelineId>) -> Option<Response> {
        let mut state = self.state.lock().unwrap();
        if state.deleted {
            return Some(gone());
        }
        if state.disconnected {
            return Some(disconnected());
        }
        if let Some(id) = key.filter(|_| state.output.get(&key).is_none_or(VecDeque::is_empty)) {
            state.make_more(id);
        }
        let running = key.is_none_or(|id| state.pool.as_ref().is_some_and(|pool| pool.knows(id)));
        let queue = state.output.entry(key).or_default();
        if queue.is_empty() && running {
            return None;
        }
        let slice = match self.habits.slice {
            0 => queue.len(),
            ONE_FRAGMENT if !queue.is_empty() => {
                let length = queue.range(17..21).fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                21 + length
            }
            slice => slice.min(queue.len()),
        };
        let data: Vec<u8> = queue.drain(..slice).collect();
        let done = queue.is_empty() && !running;
        let command = key.map(|id| CommandId::from(id.uuid()));
        let mut response = ReceiveResponse::default();
        response.streams = vec![StreamPart::new("stdout", command.clone(), data)];
        response.command_state = done.then_some(CommandState::Done);
        response.command_id = command;
        Some(Response::Receive(response))
    }

    fn perform(&self, operation: &Operation) -> Response {
        let mut state = self.state.lock().unwrap();
        let response = match operation {
            Operation::Disconnect(_) if self.habits.refuse_disconnect => denied(),
            Operation::Disconnect(_) => {
                state.pool.as_mut().unwrap().handle_disconnect().unwrap();
                state.disconnected = true;
                Response::Disconnect
            }
            Operation::Reconnect(reconnect) => state.reconnect(reconnect, &self.habits),
            Operation::Connect(connect) => state.connect(connect),
            Operation::Enumerate(_) => state.commands(),
            Operation::Delete => {
                state.deleted = true;
                Response::Empty
            }
            _ if state.disconnected => disconnected(),
            Operation::Create(create) => {
                let rng = rand::make_rng::<rand::rngs::StdRng>();
                let mut pool = ServerPool::new(ServerOptions::default(), Box::new(rng));
                pool.handle_fragments(StreamTarget::Pool, &create.creation_xml).unwrap();
                state.pool = Some(pool);
                let mut created = CreateResponse::default();
                created.shell_id = create.shell_id.clone();
                Response::Create(created)
            }
            Operation::Command(command) => {
                let id = command.command_id.clone().unwrap();
                let target = StreamTarget::Pipeline(pipeline(Some(&id)).unwrap());
                state.pool.as_mut().unwrap().handle_fragments(target, &command.arguments).unwrap();
                Response::Command(CommandResponse::new(id))
            }
            Operation::Send(send) => {
                let target = pipeline(send.command_id.as_ref())
                    .map_or(StreamTarget::Pool, StreamTarget::Pipeline);
                let pool = state.pool.as_mut().unwrap();
                match send.stream.as_str() {
                    "pr" => pool.handle_prompt_responses(target, &send.data).unwrap(),
                    _ => pool.handle_fragments(target, &send.data).unwrap(),
                }
                Response::Send
            }
            Operation::Signal(signal) => {
                let id = pipeline(signal.command_id.as_ref()).unwrap();
                let pool = state.pool.as_mut().unwrap();
                match signal.code {
                    SignalCode::Terminate => pool.handle_terminate(id),
                    _ => pool.handle_stop(id),
                }
                Response::Signal
            }
            other => panic!("{} is not played", other.verb()),
        };
        state.run();
        if self.habits.break_at_once && matches!(operation, Operation::Create(_)) {
            let output = state.output.entry(None).or_default();
            output.extend(broken());
        }
        drop(state);
        self.news.notify_waiters();
        response
    }

    fn note(&self, request: &Request) -> usize {
        let mut state = self.state.lock().unwrap();
        let name = match &request.operation {
            Operation::Signal(signal) if signal.code == SignalCode::Terminate => {
                "Terminate".to_owned()
            }
            Operation::Receive(receive) if receive.command_id.is_some() => {
                state.receives += 1;
                "Receive of a command".to_owned()
            }
            other => other.verb().to_string(),
        };
        state.seen.push(name);
        state.receives
    }
}

impl State {
    fn reconnect(&mut self, reconnect: &Reconnect, habits: &Habits) -> Response {
        if self.refused < habits.refuse_reconnect {
            self.refused += 1;
            return denied();
        }
        if reconnect.command_id.is_none() {
            self.pool.as_mut().unwrap().handle_reconnect().unwrap();
            self.disconnected = false;
        }
        Response::Reconnect
    }

    fn connect(&mut self, connect: &Connect) -> Response {
        let mut answer = ConnectResponse::default();
        match pipeline(connect.command_id.as_ref()) {
            Some(id) if !self.output.contains_key(&Some(id)) => return gone(),
            Some(_) => {}
            None if !self.disconnected => return denied(),
            None => {
                let pool = self.pool.as_mut().unwrap();
                answer.connect_xml = pool.handle_connect(&connect.connect_xml).unwrap();
                self.disconnected = false;
            }
        }
        Response::Connect(answer)
    }

    fn commands(&self) -> Response {
        let mut answer = EnumerateResponse::default();
        answer.end = true;
        for id in self.output.keys().flatten() {
            let mut command = CommandInfo::default();
            command.command_id = Some(CommandId::from(id.uuid()));
            answer.commands.push(command);
        }
        Response::Enumerate(answer)
    }

    /// Makes the next objects of a pipeline that waits to be asked.
    fn make_more(&mut self, id: PipelineId) {
        let Some(rest) = self.lazy.get_mut(&id) else { return };
        let pool = self.pool.as_mut().unwrap();
        for _ in 0..OBJECTS_AT_ONCE.min(*rest) {
            pool.output(id, &"0123456789".repeat(10).into()).unwrap();
        }
        *rest -= OBJECTS_AT_ONCE;
        if *rest <= 0 {
            self.lazy.remove(&id);
            pool.complete(id).unwrap();
        }
        self.run();
    }

    /// Does what the pipelines ask for and takes what the pool wants sent.
    fn run(&mut self) {
        let pool = self.pool.as_mut().unwrap();
        while let Some(event) = pool.poll_event() {
            match lazily(&event) {
                Some((id, count)) => drop(self.lazy.insert(id, count)),
                None => perform(pool, event),
            }
        }
        while let Some((target, bytes)) = pool.poll_transmit() {
            let key = match target {
                StreamTarget::Pool => None,
                StreamTarget::Pipeline(id) => Some(id),
            };
            self.output.entry(key).or_default().extend(bytes);
        }
    }
}

/// The pipeline that an event starts, and how many objects it makes, when it is one that makes them lazily.
fn lazily(event: &ServerEvent) -> Option<(PipelineId, i32)> {
    let ServerEvent::PipelineCreated { id, powershell, .. } = event else { return None };
    let command = &powershell.commands()[0];
    match command.arguments.first().map(|argument| &argument.value) {
        Some(ArgumentValue::Value(Value::I32(count))) if command.name == "Stream" => {
            Some((*id, *count))
        }
        _ => None,
    }
}

/// How many objects of a lazy pipeline one answer carries.
pub(crate) const OBJECTS_AT_ONCE: i32 = 100;

/// Does what an event asks for.
pub(crate) fn perform(pool: &mut ServerPool, event: ServerEvent) {
    match event {
        ServerEvent::PipelineCreated { id, powershell, .. } => play(pool, id, &powershell),
        ServerEvent::StopRequested { id, .. } => pool.stopped(id).unwrap(),
        ServerEvent::Input { id, item, .. } => pool.output(id, &item).unwrap(),
        ServerEvent::InputEnded { id, .. } => pool.complete(id).unwrap(),
        ServerEvent::HostResponse { pipeline: Some(id), response, .. } => {
            match response.result {
                HostResult::Returned(value) => pool.output(id, &value).unwrap(),
                HostResult::Threw(record) => pool.error(id, &record).unwrap(),
                _ => panic!("another result"),
            }
            pool.complete(id).unwrap();
        }
        _ => {}
    }
}

/// The made-up commands.
fn play(pool: &mut ServerPool, id: PipelineId, powershell: &PowerShell) {
    let command = &powershell.commands()[0];
    match command.name.as_str() {
        "Count" => {
            let ArgumentValue::Value(Value::I32(last)) = command.arguments[0].value else {
                panic!("no number")
            };
            (1..=last).for_each(|number| pool.output(id, &number.into()).unwrap());
            pool.complete(id).unwrap();
        }
        "Complain" => {
            pool.warning(id, "look out").unwrap();
            pool.error(id, &ErrorRecord::new("one went wrong", "OneWrong")).unwrap();
            pool.complete(id).unwrap();
        }
        "Echo" => {
            let ArgumentValue::Secret(secret) = &command.arguments[0].value else {
                panic!("no secret")
            };
            pool.output(id, &secret.expose_secret().into()).unwrap();
            pool.complete(id).unwrap();
        }
        "Ask" => {
            pool.host_call(Some(id), HostMethod::ReadLine, Vec::new()).unwrap();
        }
        "Hang" | "Repeat" => {}
        other => {
            let message = format!("The term '{other}' is not recognized");
            pool.fail(id, ErrorRecord::new(message, "CommandNotFoundException")).unwrap();
        }
    }
}

/// The fragments of the message that a pool is broken.
fn broken() -> Vec<u8> {
    let body = r#"<Obj RefId="0"><MS><I32 N="RunspaceState">5</I32></MS></Obj>"#;
    let message = Message {
        destination: Destination::Client,
        message_type: MessageType::RunspacePoolState,
        pool: RunspacePoolId::NIL,
        pipeline: PipelineId::NIL,
        body: body.into(),
    };
    let mut bytes = Vec::new();
    Fragmenter::default().fragment(&message.to_bytes(), &mut bytes);
    bytes
}

fn pipeline(id: Option<&CommandId>) -> Option<PipelineId> {
    id.map(|id| PipelineId::new(id.uuid().unwrap()))
}

fn disconnected() -> Response {
    let text = "the shell is disconnected";
    Response::Fault(Box::new(Fault::new(FaultCode::SHELL_DISCONNECTED, "w:InternalError", text)))
}

fn denied() -> Response {
    let text = "this cannot be done";
    Response::Fault(Box::new(Fault::new(FaultCode::ACCESS_DENIED, "w:AccessDenied", text)))
}

fn gone() -> Response {
    Response::Fault(Box::new(Fault::new(
        FaultCode::new(2_150_858_843),
        "w:InvalidSelectors",
        "the shell was not found",
    )))
}

/// The server as something to talk to.
pub(crate) struct Line(pub(crate) Arc<Server>);

impl Exchange for Line {
    fn exchange(&self, request: SoapRequest) -> BoxFuture<'_, Result<SoapResponse, Error>> {
        Box::pin(async move {
            let parsed = parse_request(request.envelope.as_bytes(), Limits::default()).unwrap();
            let receives = self.0.note(&parsed);
            let of_command = matches!(&parsed.operation, Operation::Receive(receive) if receive.command_id.is_some());
            if of_command && self.0.habits.lose_receive.is_some_and(|from| receives >= from) {
                return Err(Error::Lost { sent: true, source: None });
            }
            let response = self.0.answer(parsed, request.operation_timeout.unwrap()).await;
            // Before the public key nothing is sent to the pool, and nothing comes for it after but the key.
            let has_output =
                matches!(&response, Response::Receive(output) if !output.streams.is_empty());
            let of_pool = request.verb == Verb::Receive && !of_command && has_output;
            if of_pool && self.0.habits.lose_key && self.0.count("Send") > 0 {
                return Err(Error::Lost { sent: true, source: None });
            }
            if request.verb == Verb::Command && self.0.habits.mute_command {
                std::future::pending::<()>().await;
            }
            if request.verb == Verb::Create && self.0.habits.page_for_create {
                return Err(Error::Http(Box::new(HttpAnswer::new(200, "text/html", b"Sign in"))));
            }
            if request.verb == Verb::Create {
                tokio::time::sleep(self.0.habits.create_delay).await;
                if self.0.habits.lose_create {
                    return Err(Error::Lost { sent: true, source: None });
                }
            }
            let status = if matches!(response, Response::Fault(_)) { 500 } else { 200 };
            let id = MessageId::from("uuid:00000000-0000-0000-0000-000000000001");
            let envelope = write_response(&id, Some(&request.message_id), request.verb, &response);
            Ok(SoapResponse::new(status, envelope.into_bytes()))
        })
    }
}
