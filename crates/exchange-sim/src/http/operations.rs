//! The operations of WS-Management on shells.
//!
//! Spec: [MS-WSMV] 3.1.4.5.2 Remote Shells, 3.1.4.10 to 3.1.4.14.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use psrp::{PipelineId, StreamTarget};
use tokio::sync::Notify;
use uuid::Uuid;
use wsman::server::Request;
use wsman::{
    Command, CommandId, CommandResponse, Create, CreateResponse, Fault, FaultCode, Operation,
    ResourceUri, Response, Send, ShellId, ShellInfo, Signal, SignalCode,
};

use super::shell::{Cutting, Shell};
use crate::cmdlets::{Exchange, Session};
use crate::object::text::us_date;
use crate::options::{ManagementTools, SimOptions};

const PROTOCOL_VERSION_MISSING: u32 = 2_152_991_687;
/// Where the pipeline's id stands in the first fragment of a command: behind 21 bytes of fragment header, and behind
/// destination, type and pool id of the message.
const PIPELINE_ID: std::ops::Range<usize> = 45..61;

/// By which way a request came in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Endpoint {
    /// Exchange's own, `/PowerShell`.
    Exchange,
    /// The WinRM service's, `/wsman`.
    WinRm,
}

/// Who asks. There is one account, so only the way is told apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    pub(super) endpoint: Endpoint,
    /// Whether it signed in with Basic.
    pub(super) basic: bool,
}

/// The organisation and the shells that are open on it.
#[derive(Debug)]
pub(crate) struct Shells {
    pub(super) exchange: Mutex<Exchange>,
    shells: Mutex<HashMap<ShellId, Arc<Slot>>>,
    opened: AtomicUsize,
    max_shells: usize,
    idle_timeout: Duration,
    fragment_size: usize,
    cutting: Cutting,
    server: String,
    passwords_over_basic: bool,
    management_tools: ManagementTools,
    owner: String,
}

/// A shell and those who wait for it.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) shell: Mutex<Shell>,
    pub(super) changed: Notify,
    pub(super) closed: AtomicBool,
    pub(super) disconnected: AtomicBool,
    pub(super) opened: Instant,
    /// What lists say of it and does not change.
    pub(super) info: ShellInfo,
    endpoint: Endpoint,
}

impl Slot {
    pub(super) fn lock(&self) -> MutexGuard<'_, Shell> {
        self.shell.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.changed.notify_waiters();
    }
}

impl Shells {
    pub(crate) fn new(options: &SimOptions) -> Self {
        Self::of(options, Exchange::new(options))
    }

    pub(crate) fn of(options: &SimOptions, exchange: Exchange) -> Self {
        let organization = exchange.directory().organization();
        let server = organization.server.clone();
        let owner = format!("{}\\{}", organization.netbios, super::USER);
        Self {
            exchange: Mutex::new(exchange),
            shells: Mutex::new(HashMap::new()),
            opened: AtomicUsize::new(0),
            max_shells: options.max_shells,
            idle_timeout: options.idle_timeout,
            fragment_size: options.fragment_size,
            cutting: options.blob_size.map_or(Cutting::Fragments, Cutting::Blobs),
            server,
            passwords_over_basic: options.passwords_over_basic,
            management_tools: options.management_tools,
            owner,
        }
    }

    /// Lends out the organisation; nothing else advances meanwhile.
    pub(crate) fn exchange(&self) -> MutexGuard<'_, Exchange> {
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how many shells are open.
    pub(crate) fn open(&self) -> usize {
        self.drop_idle();
        self.all().len()
    }

    /// Makes all shells vanish.
    pub(crate) fn expire(&self) {
        for (_, slot) in self.all().drain() {
            slot.close();
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<ShellId, Arc<Slot>>> {
        self.shells.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drop_idle(&self) {
        let now = Instant::now();
        self.all().retain(|_, slot| {
            let shell = slot.lock();
            let alive = !shell.receiving.is_empty()
                || now.duration_since(shell.last_used) < shell.idle_timeout;
            if !alive {
                slot.close();
            }
            alive
        });
    }

    /// Does what a request asks for.
    pub(super) async fn dispatch(
        &self,
        request: &Request,
        caller: Caller,
    ) -> Result<Response, Box<Fault>> {
        self.drop_idle();
        if request.headers.max_envelope_size.is_some_and(|size| size < 8192) {
            return Err(self.fault(FaultCode::ENCODING_LIMIT, "EncodingLimit", "Others", "The WS-Management service cannot process the request because MaxEnvelopeSize is less than 8192."));
        }
        match &request.operation {
            Operation::Create(create) => self.create(request, create, caller),
            Operation::Command(command) => self.command(request, command, caller),
            Operation::Send(send) => self.send(request, send, caller),
            Operation::Receive(receive) => self.receive(request, receive, caller).await,
            Operation::Signal(signal) => self.signal(request, signal, caller),
            Operation::Delete => self.delete(request, caller),
            _ if caller.endpoint == Endpoint::WinRm => self.only_winrm(request, caller),
            _ => Err(self.not_supported()),
        }
    }

    pub(super) fn not_supported(&self) -> Box<Fault> {
        self.fault(
            FaultCode::ACTION_NOT_SUPPORTED,
            "ActionNotSupported",
            "Others",
            "The WS-Management service does not support the action.",
        )
    }

    /// Makes a fault whose text begins as Exchange's begin.
    pub(super) fn fault(
        &self,
        code: FaultCode,
        subcode: &str,
        category: &str,
        text: &str,
    ) -> Box<Fault> {
        let request = random_uuid();
        let stamp = us_date(self.exchange().now());
        let reason = format!(
            "[Server={},RequestId={request},TimeStamp={stamp}] [FailureCategory=WSMan-{category}] {text}",
            self.server
        );
        let mut fault = Fault::new(code, subcode, &reason);
        fault.machine = Some(self.server.to_lowercase());
        Box::new(fault)
    }

    fn create(
        &self,
        request: &Request,
        create: &Create,
        caller: Caller,
    ) -> Result<Response, Box<Fault>> {
        let resource = request.headers.resource_uri.clone().unwrap_or_else(|| ResourceUri::new(""));
        let is_powershell =
            caller.endpoint == Endpoint::WinRm && resource == ResourceUri::powershell();
        if resource != ResourceUri::exchange() && !is_powershell {
            let text = format!(
                "The WS-Management service cannot process the request. The resource URI ({resource}) was not found in the WS-Management catalog. The catalog contains the metadata that describes resources, or logical endpoints."
            );
            return Err(self.fault(
                FaultCode::INVALID_RESOURCE_URI,
                "DestinationUnreachable",
                "Others",
                &text,
            ));
        }
        if create.protocol_version.is_none() {
            return Err(self.fault(
                FaultCode::new(PROTOCOL_VERSION_MISSING),
                "InternalError",
                "Others",
                "The PSProtocolVersion option is missing.",
            ));
        }
        let id = create.shell_id.clone().unwrap_or_else(|| ShellId::from_uuid(random_uuid()));
        let idle_timeout =
            create.idle_timeout.map_or(self.idle_timeout, |asked| asked.min(self.idle_timeout));
        {
            let mut shells = self.all();
            if shells.len() >= self.max_shells {
                drop(shells);
                let text = format!(
                    "The WS-Management service cannot process the request. This user is allowed a maximum number of {} concurrent shells, which has been exceeded. Close existing shells or raise the quota for this user.",
                    self.max_shells
                );
                return Err(self.fault(
                    FaultCode::new(2_150_859_173),
                    "QuotaLimit",
                    "Others",
                    &text,
                ));
            }
            if shells.contains_key(&id) {
                drop(shells);
                return Err(self.fault(
                    FaultCode::new(2_150_859_223),
                    "InvalidParameter",
                    "Others",
                    "The shell id is in use already.",
                ));
            }
            let mut shell = Shell::new(
                self.session(caller.basic),
                self.fragment_size,
                self.cutting,
                idle_timeout,
                Instant::now(),
            );
            if is_powershell {
                shell = shell.without_exchange(self.management_tools);
            }
            let slot = Slot {
                shell: Mutex::new(shell),
                changed: Notify::new(),
                closed: AtomicBool::new(false),
                disconnected: AtomicBool::new(false),
                opened: Instant::now(),
                info: self.info(create, &resource),
                endpoint: caller.endpoint,
            };
            shells.insert(id.clone(), Arc::new(slot));
        }
        if let Some(slot) = self.slot(&id) {
            slot.lock().feed(&mut self.exchange(), StreamTarget::Pool, &create.creation_xml, false);
        }
        Ok(Response::Create(self.created(id, resource, idle_timeout)))
    }

    fn created(
        &self,
        id: ShellId,
        resource: ResourceUri,
        idle_timeout: Duration,
    ) -> CreateResponse {
        let mut info = ShellInfo::default();
        info.shell_id = Some(id.clone());
        info.resource_uri = Some(resource.as_str().to_owned());
        info.idle_timeout = Some(idle_timeout);
        info.max_idle_timeout = Some(self.idle_timeout);
        info.state = Some("Connected".to_owned());
        info.run_time = Some(Duration::ZERO);
        info.inactivity = Some(Duration::ZERO);
        let mut response = CreateResponse::default();
        response.shell_id = Some(id);
        response.resource_uri = Some(resource);
        response.shell = Some(info);
        response
    }

    fn info(&self, create: &Create, resource: &ResourceUri) -> ShellInfo {
        let mut info = ShellInfo::default();
        info.name.clone_from(&create.name);
        info.resource_uri = Some(resource.as_str().to_owned());
        info.owner = Some(self.owner.clone());
        info.client_ip = Some("127.0.0.1".to_owned());
        info.process_id = Some(std::process::id());
        info.max_idle_timeout = Some(self.idle_timeout);
        info
    }

    /// Returns the shells that were opened by a way.
    pub(super) fn slots(&self, endpoint: Endpoint) -> Vec<(ShellId, Arc<Slot>)> {
        let all = self.all();
        let mut slots: Vec<_> = all
            .iter()
            .filter(|(_, slot)| slot.endpoint == endpoint)
            .map(|(id, slot)| (id.clone(), Arc::clone(slot)))
            .collect();
        slots.sort_by_key(|(_, slot)| slot.opened);
        slots
    }

    /// Gives each shell the next domain controller in turn.
    fn session(&self, basic: bool) -> Session {
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        let mut session = Session::new(self.exchange().domain_controller(number));
        session.may_set_passwords = !basic || self.passwords_over_basic;
        session
    }

    fn slot(&self, id: &ShellId) -> Option<Arc<Slot>> {
        self.all().get(id).cloned()
    }

    /// Finds the shell of a request that is for one whose client is there.
    pub(super) fn find(&self, request: &Request, caller: Caller) -> Result<Arc<Slot>, Box<Fault>> {
        let (_, slot) = self.find_any(request, caller)?;
        if slot.disconnected.load(Ordering::Acquire) {
            return Err(self.is_disconnected());
        }
        Ok(slot)
    }

    /// Finds the shell of a request, whether its client is there or not. It must have come in the same way.
    pub(super) fn find_any(
        &self,
        request: &Request,
        caller: Caller,
    ) -> Result<(ShellId, Arc<Slot>), Box<Fault>> {
        let id = request.shell_id.as_ref();
        let found = id.and_then(|id| Some((id.clone(), self.slot(id)?)));
        let found = found.filter(|(_, slot)| slot.endpoint == caller.endpoint);
        let (id, slot) = found.ok_or_else(|| self.shell_not_found(id))?;
        slot.lock().last_used = Instant::now();
        Ok((id, slot))
    }

    pub(super) fn is_disconnected(&self) -> Box<Fault> {
        let text = "The WinRM service cannot process the request because the Windows Remote Shell is disconnected.";
        self.fault(FaultCode::SHELL_DISCONNECTED, "InternalError", "Others", text)
    }

    fn shell_not_found(&self, id: Option<&ShellId>) -> Box<Fault> {
        let id = id.map_or("", ShellId::as_str);
        let text = format!(
            "The request for the Windows Remote Shell with ShellId {id} failed because the shell was not found on the server. Possible causes are: the specified ShellId is incorrect or the shell no longer exists on the server. Provide the correct ShellId or create a new shell and retry the operation."
        );
        self.fault(FaultCode::UNEXPECTED_SELECTORS, "InvalidSelectors", "InvalidShellID", &text)
    }

    pub(super) fn command_not_found(&self, id: Option<&CommandId>) -> Box<Fault> {
        let id = id.map_or("", CommandId::as_str);
        let text = format!(
            "The Windows Remote Shell received a request to perform an operation on a command identifier {id} that does not exist. Either the command has completed execution or the client specified an invalid command identifier."
        );
        self.fault(FaultCode::UNEXPECTED_SELECTORS, "InvalidSelectors", "NonExistCommandID", &text)
    }

    fn command(
        &self,
        request: &Request,
        command: &Command,
        caller: Caller,
    ) -> Result<Response, Box<Fault>> {
        let slot = self.find(request, caller)?;
        let named = command.command_id.as_ref().and_then(CommandId::uuid).map(PipelineId::new);
        let carried = command
            .arguments
            .get(PIPELINE_ID)
            .and_then(|bytes| <[u8; 16]>::try_from(bytes).ok())
            .map(PipelineId::from_wire);
        let Some(pipeline) = named.or(carried) else {
            return Err(self.fault(
                FaultCode::INVALID_PARAMETER,
                "InvalidParameter",
                "InvalidCommandContext",
                "The command has neither an id nor a message.",
            ));
        };
        {
            let mut shell = slot.lock();
            if shell.has(StreamTarget::Pipeline(pipeline)) {
                drop(shell);
                return Err(self.fault(
                    FaultCode::new(2_150_859_222),
                    "InvalidParameter",
                    "InvalidCommandContext",
                    "The command id is in use already.",
                ));
            }
            shell.announce(pipeline);
            shell.feed(
                &mut self.exchange(),
                StreamTarget::Pipeline(pipeline),
                &command.arguments,
                false,
            );
        }
        slot.changed.notify_waiters();
        let id =
            command.command_id.clone().unwrap_or_else(|| CommandId::from_uuid(pipeline.uuid()));
        Ok(Response::Command(CommandResponse::new(id)))
    }

    /// Returns the stream that a command's id names; nothing names the pool's.
    pub(super) fn target(&self, shell: &Shell, id: Option<&CommandId>) -> Option<StreamTarget> {
        let target = match id {
            None => StreamTarget::Pool,
            Some(id) => StreamTarget::Pipeline(PipelineId::new(id.uuid()?)),
        };
        shell.has(target).then_some(target)
    }

    fn send(&self, request: &Request, send: &Send, caller: Caller) -> Result<Response, Box<Fault>> {
        let slot = self.find(request, caller)?;
        let target = {
            let mut shell = slot.lock();
            let target = self.target(&shell, send.command_id.as_ref());
            if let Some(target) = target {
                let prompt = send.stream == wsman::uri::STREAM_PROMPT_RESPONSE;
                shell.feed(&mut self.exchange(), target, &send.data, prompt);
            }
            target
        };
        slot.changed.notify_waiters();
        target
            .map(|_| Response::Send)
            .ok_or_else(|| self.command_not_found(send.command_id.as_ref()))
    }

    fn signal(
        &self,
        request: &Request,
        signal: &Signal,
        caller: Caller,
    ) -> Result<Response, Box<Fault>> {
        let slot = self.find(request, caller)?;
        let pipeline = signal.command_id.as_ref().and_then(CommandId::uuid).map(PipelineId::new);
        if let Some(pipeline) = pipeline {
            let mut shell = slot.lock();
            match signal.code {
                SignalCode::PowerShellStop => shell.stop(&mut self.exchange(), pipeline),
                _ => shell.terminate(&mut self.exchange(), pipeline),
            }
        }
        slot.changed.notify_waiters();
        Ok(Response::Signal)
    }

    fn delete(&self, request: &Request, caller: Caller) -> Result<Response, Box<Fault>> {
        let (id, slot) = self.find_any(request, caller)?;
        self.all().remove(&id);
        slot.close();
        Ok(Response::Empty)
    }
}

pub(super) fn random_uuid() -> Uuid {
    uuid::Builder::from_random_bytes(rand::random()).into_uuid()
}
