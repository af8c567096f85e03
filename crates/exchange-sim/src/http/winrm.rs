//! What the WinRM service does beyond Exchange's own endpoint: it says who it is, lists shells, and lets clients leave a
//! shell and come back to it.
//!
//! Spec: [MS-WSMV] 3.1.4.15 Disconnect, [MS-WSMV] 3.1.4.16 Reconnect, [MS-WSMV] 3.1.4.17 Connect.

use std::sync::atomic::Ordering;
use std::time::Instant;

use wsman::server::Request;
use wsman::{
    CommandInfo, Connect, ConnectResponse, Enumerate, EnumerateResponse, Fault, FaultCode,
    IdentifyResponse, Operation, Reconnect, Response, ShellId, ShellInfo,
};

use super::operations::{Caller, Shells, Slot};

impl Shells {
    pub(super) fn only_winrm(
        &self,
        request: &Request,
        caller: Caller,
    ) -> Result<Response, Box<Fault>> {
        match &request.operation {
            Operation::Identify => Ok(Response::Identify(identify(true))),
            Operation::Get => {
                let (id, slot) = self.find_any(request, caller)?;
                Ok(Response::Shell(describe(&id, &slot)))
            }
            Operation::Enumerate(enumerate) => {
                Ok(Response::Enumerate(self.enumerate(request, enumerate, caller)))
            }
            Operation::Disconnect(_) => self.disconnect(request, caller),
            Operation::Reconnect(reconnect) => self.reconnect(request, reconnect, caller),
            Operation::Connect(connect) => self.connect(request, connect, caller),
            _ => Err(self.not_supported()),
        }
    }

    fn enumerate(
        &self,
        request: &Request,
        enumerate: &Enumerate,
        caller: Caller,
    ) -> EnumerateResponse {
        let mut list = EnumerateResponse::default();
        list.end = true;
        let resource = request.headers.resource_uri.as_ref().map_or("", |uri| uri.as_str());
        let slots = self.slots(caller.endpoint);
        if resource == wsman::uri::RESOURCE_COMMANDS {
            let wanted = slots.iter().filter(|(id, _)| Some(id) == enumerate.shell_id.as_ref());
            list.commands = wanted.flat_map(|(_, slot)| commands(slot)).collect();
        } else {
            list.shells = slots.iter().map(|(id, slot)| describe(id, slot)).collect();
        }
        list.items = list.shells.len() + list.commands.len();
        list
    }

    fn disconnect(&self, request: &Request, caller: Caller) -> Result<Response, Box<Fault>> {
        let slot = self.find(request, caller)?;
        if slot.lock().disconnect().is_err() {
            let text = "The WS-Management service cannot process the request. The shell cannot be disconnected now.";
            return Err(self.fault(
                FaultCode::DISCONNECT_NOT_VALID,
                "InvalidParameter",
                "Others",
                text,
            ));
        }
        slot.disconnected.store(true, Ordering::Release);
        slot.changed.notify_waiters();
        Ok(Response::Disconnect)
    }

    fn reconnect(
        &self,
        request: &Request,
        reconnect: &Reconnect,
        caller: Caller,
    ) -> Result<Response, Box<Fault>> {
        let (_, slot) = self.find_any(request, caller)?;
        // A command is taken up after its shell, and there is nothing more to do for it.
        if reconnect.command_id.is_none() {
            let mut shell = slot.lock();
            if shell.reconnect(&mut self.exchange()).is_err() {
                drop(shell);
                return Err(self.cannot_reconnect());
            }
            slot.disconnected.store(false, Ordering::Release);
        }
        slot.changed.notify_waiters();
        Ok(Response::Reconnect)
    }

    fn connect(
        &self,
        request: &Request,
        connect: &Connect,
        caller: Caller,
    ) -> Result<Response, Box<Fault>> {
        let (_, slot) = self.find_any(request, caller)?;
        let mut response = ConnectResponse::default();
        if let Some(id) = &connect.command_id {
            let known = self.target(&slot.lock(), Some(id)).is_some();
            return if known {
                Ok(Response::Connect(response))
            } else {
                Err(self.command_not_found(Some(id)))
            };
        }
        {
            let mut shell = slot.lock();
            match shell.connect(&mut self.exchange(), &connect.connect_xml) {
                Ok(answer) => response.connect_xml = answer,
                Err(error) => {
                    drop(shell);
                    tracing::debug!(%error, "a client could not take up a shell");
                    return Err(self.cannot_reconnect());
                }
            }
            slot.disconnected.store(false, Ordering::Release);
        }
        slot.changed.notify_waiters();
        Ok(Response::Connect(response))
    }

    fn cannot_reconnect(&self) -> Box<Fault> {
        let text = "The WS-Management service cannot process the request. The shell is not disconnected, or the client's messages do not fit it.";
        self.fault(FaultCode::RECONNECT_NOT_VALID, "InvalidParameter", "Others", text)
    }
}

/// Who answers; the system's version is told to those alone who have signed in.
pub(super) fn identify(signed_in: bool) -> IdentifyResponse {
    let mut who = IdentifyResponse::default();
    who.protocol_version = Some("http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd".to_owned());
    who.product_vendor = Some("Microsoft Corporation".to_owned());
    let system = if signed_in { "10.0.20348" } else { "0.0.0" };
    who.product_version = Some(format!("OS: {system} SP: 0.0 Stack: 3.0"));
    who
}

/// What lists say of a shell.
fn describe(id: &ShellId, slot: &Slot) -> ShellInfo {
    let shell = slot.lock();
    let now = Instant::now();
    let mut info = slot.info.clone();
    info.shell_id = Some(id.clone());
    info.idle_timeout = Some(shell.idle_timeout);
    info.state = Some(state(slot));
    info.run_time = Some(now.duration_since(slot.opened));
    let waited_on = !shell.receiving.is_empty();
    info.inactivity = Some(if waited_on {
        std::time::Duration::ZERO
    } else {
        now.duration_since(shell.last_used)
    });
    info
}

fn commands(slot: &Slot) -> Vec<CommandInfo> {
    let pipelines = slot.lock().pipelines();
    pipelines
        .into_iter()
        .map(|pipeline| {
            let mut info = CommandInfo::default();
            info.command_id = Some(wsman::CommandId::from_uuid(pipeline.uuid()));
            info.state = Some(state(slot));
            info
        })
        .collect()
}

fn state(slot: &Slot) -> String {
    let away = slot.disconnected.load(Ordering::Acquire);
    if away { "Disconnected" } else { "Connected" }.to_owned()
}
