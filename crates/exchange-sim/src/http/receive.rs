//! Receive: hands over what waits, or waits until something does.
//!
//! Spec: [MS-WSMV] 3.1.4.14 Receive.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use psrp::StreamTarget;
use wsman::server::Request;
use wsman::{
    CommandId, CommandState, Fault, FaultCode, Receive, ReceiveResponse, Response, StreamPart,
};

use super::operations::{Caller, Shells, Slot};
use super::shell::Taken;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_TIMEOUT: Duration = Duration::from_secs(900);
/// The server's own limit of an answer.
const MAX_ENVELOPE: u32 = 512_000;
/// What an answer takes beside its streams.
const ENVELOPE: usize = 2_000;

/// Marks a stream as waited on for as long as this lives; a client that goes away drops it.
struct Waiting {
    slot: Arc<Slot>,
    target: StreamTarget,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut shell = self.slot.lock();
        shell.receiving.remove(&self.target);
        shell.last_used = Instant::now();
    }
}

impl Shells {
    pub(super) async fn receive(
        &self,
        request: &Request,
        receive: &Receive,
        caller: Caller,
    ) -> Result<Response, Box<Fault>> {
        let slot = self.find(request, caller)?;
        let command = receive.command_id.as_ref();
        let target = {
            let shell = slot.lock();
            self.target(&shell, command)
        };
        let target = target.ok_or_else(|| self.command_not_found(command))?;
        let Some(_waiting) = wait_on(&slot, target) else {
            let text = "Another Receive is in progress for this stream.";
            return Err(self.fault(FaultCode::new(2_150_859_047), "Concurrency", "Others", text));
        };
        let budget = request.headers.max_envelope_size.unwrap_or(MAX_ENVELOPE).min(MAX_ENVELOPE);
        let budget = usize::try_from(budget).unwrap_or(usize::MAX).saturating_sub(ENVELOPE);
        let timeout = request.headers.operation_timeout.unwrap_or(DEFAULT_TIMEOUT).min(MAX_TIMEOUT);
        let taken = tokio::time::timeout(timeout, self.wait(&slot, target, budget)).await;
        match taken {
            Ok(Some(taken)) => Ok(Response::Receive(answer(command, taken))),
            Ok(None) if slot.disconnected.load(Ordering::Acquire) => Err(self.is_disconnected()),
            Ok(None) => Err(self.fault(FaultCode::OPERATION_ABORTED, "InternalError", "IOOperationAborted", "The I/O operation has been aborted because of either a thread exit or an application request.")),
            Err(_) => Err(self.fault(
                FaultCode::OPERATION_TIMED_OUT,
                "TimedOut",
                "OperationTimeout",
                "The WS-Management service cannot complete the operation within the time specified in OperationTimeout.",
            )),
        }
    }

    /// Waits for output; nothing when the shell goes away, or its client leaves it.
    async fn wait(&self, slot: &Slot, target: StreamTarget, budget: usize) -> Option<Taken> {
        loop {
            let changed = slot.changed.notified();
            tokio::pin!(changed);
            // Registered before the look, so that no change between look and wait is missed.
            changed.as_mut().enable();
            if slot.closed.load(Ordering::Acquire) {
                return None;
            }
            let unfinished = {
                let mut shell = slot.lock();
                if let Some(taken) = shell.take(&mut self.exchange(), target, budget) {
                    // A pipeline that ended may have let the next one begin, on which somebody else waits.
                    slot.changed.notify_waiters();
                    return Some(taken);
                }
                if !shell.has(target) || slot.disconnected.load(Ordering::Acquire) {
                    return None;
                }
                shell.is_unfinished()
            };
            if unfinished {
                tokio::task::yield_now().await;
                continue;
            }
            changed.await;
        }
    }
}

fn wait_on(slot: &Arc<Slot>, target: StreamTarget) -> Option<Waiting> {
    let first = slot.lock().receiving.insert(target);
    first.then(|| Waiting { slot: Arc::clone(slot), target })
}

fn answer(command: Option<&CommandId>, taken: Taken) -> ReceiveResponse {
    let mut response = ReceiveResponse::default();
    response.streams = taken
        .pieces
        .into_iter()
        .map(|piece| StreamPart::new(wsman::uri::STREAM_STDOUT, command.cloned(), piece))
        .collect();
    if command.is_some() {
        response.command_id = command.cloned();
        response.command_state =
            Some(if taken.done { CommandState::Done } else { CommandState::Running });
    }
    response
}

#[cfg(test)]
mod tests {
    use super::super::operations::Endpoint;
    use super::*;
    use crate::SimOptions;
    use psrp::{Command, PipelineId, PoolOptions, PowerShell, RunspacePool, Transmit};
    use rand::SeedableRng;
    use uuid::Uuid;
    use wsman::server::parse_request;

    const EXCHANGE: Caller = Caller { endpoint: Endpoint::Exchange, basic: false };
    const SHELL: &str = "11111111-2222-3333-4444-555555555555";

    /// Reads an envelope that is written here by hand.
    fn request(action: &str, headers: &str, body: &str) -> Request {
        let action = match action {
            "Create" | "Delete" => {
                format!("http://schemas.xmlsoap.org/ws/2004/09/transfer/{action}")
            }
            _ => format!("http://schemas.microsoft.com/wbem/wsman/1/windows/shell/{action}"),
        };
        let text = format!(
            r#"<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:rsp="http://schemas.microsoft.com/wbem/wsman/1/windows/shell"><s:Header><a:Action>{action}</a:Action><a:MessageID>uuid:1</a:MessageID><w:ResourceURI>http://schemas.microsoft.com/powershell/Microsoft.Exchange</w:ResourceURI><w:OperationTimeout>PT0.2S</w:OperationTimeout>{headers}</s:Header><s:Body>{body}</s:Body></s:Envelope>"#
        );
        parse_request(text.as_bytes(), wsman::Limits::default()).unwrap()
    }

    fn on_shell(action: &str, headers: &str, body: &str) -> Request {
        let selector = format!(
            r#"<w:SelectorSet><w:Selector Name="ShellId">{SHELL}</w:Selector></w:SelectorSet>{headers}"#
        );
        request(action, &selector, body)
    }

    fn create(shell: &str, payload: &[u8]) -> Request {
        use base64::Engine;
        let payload = base64::engine::general_purpose::STANDARD.encode(payload);
        let option =
            r#"<w:OptionSet><w:Option Name="protocolversion">2.3</w:Option></w:OptionSet>"#;
        let body = format!(
            r#"<rsp:Shell ShellId="{shell}"><creationXml xmlns="http://schemas.microsoft.com/powershell">{payload}</creationXml></rsp:Shell>"#
        );
        request("Create", option, &body)
    }

    fn receive(command: Option<PipelineId>, headers: &str) -> Request {
        let command =
            command.map(|id| format!(r#" CommandId="{}""#, id.uuid())).unwrap_or_default();
        on_shell(
            "Receive",
            headers,
            &format!(
                "<rsp:Receive><rsp:DesiredStream{command}>stdout</rsp:DesiredStream></rsp:Receive>"
            ),
        )
    }

    /// Opens a shell with a pool, and starts a pipeline in it.
    async fn started(shells: &Shells, powershell: PowerShell) -> PipelineId {
        let rng = rand::rngs::StdRng::seed_from_u64(1);
        let mut pool = RunspacePool::new(PoolOptions::default(), Box::new(rng));
        pool.open().unwrap();
        let Some(Transmit::OpenShell { payload, .. }) = pool.poll_transmit() else {
            panic!("nothing to open")
        };
        let created = shells.dispatch(&create(SHELL, &payload.into_bytes()), EXCHANGE).await;
        assert!(matches!(created, Ok(Response::Create(_))), "{created:?}");
        loop {
            let Ok(Response::Receive(answer)) = shells.dispatch(&receive(None, ""), EXCHANGE).await
            else {
                panic!("no answer")
            };
            for part in answer.streams {
                pool.handle_fragments(StreamTarget::Pool, &part.data).unwrap();
            }
            if pool.state() == psrp::state::RunspacePoolState::Opened {
                break;
            }
        }
        let id = pool.create_pipeline(powershell).unwrap();
        let payload = loop {
            match pool.poll_transmit() {
                Some(Transmit::CreateCommand { payload, .. }) => break payload.into_bytes(),
                Some(_) => {}
                None => panic!("no command"),
            }
        };
        use base64::Engine;
        let payload = base64::engine::general_purpose::STANDARD.encode(payload);
        let body = format!(
            r#"<rsp:CommandLine CommandId="{}"><rsp:Command/><rsp:Arguments>{payload}</rsp:Arguments></rsp:CommandLine>"#,
            id.uuid()
        );
        let answer = shells.dispatch(&on_shell("Command", "", &body), EXCHANGE).await;
        assert!(matches!(answer, Ok(Response::Command(_))), "{answer:?}");
        id
    }

    fn code(result: Result<Response, Box<Fault>>) -> u32 {
        result.unwrap_err().code.unwrap().get()
    }

    #[tokio::test]
    async fn what_does_not_exist_is_a_fault() {
        let shells = Shells::new(&SimOptions::default().mailboxes(1).max_shells(1));
        assert_eq!(code(shells.dispatch(&receive(None, ""), EXCHANGE).await), 2_150_858_843);
        assert_eq!(
            code(shells.dispatch(&on_shell("Delete", "", ""), EXCHANGE).await),
            2_150_858_843
        );
        assert!(shells.dispatch(&create(SHELL, &[]), EXCHANGE).await.is_ok());
        assert_eq!(
            code(shells.dispatch(&create(&Uuid::from_u128(7).to_string(), &[]), EXCHANGE).await),
            2_150_859_173
        );
        assert_eq!(
            code(
                shells
                    .dispatch(&receive(Some(PipelineId::new(Uuid::from_u128(1))), ""), EXCHANGE)
                    .await
            ),
            2_150_858_843
        );
        let no_version = request("Create", "", "<rsp:Shell/>");
        assert_eq!(code(shells.dispatch(&no_version, EXCHANGE).await), 2_152_991_687);
        assert!(shells.dispatch(&on_shell("Delete", "", ""), EXCHANGE).await.is_ok());
        assert_eq!(shells.open(), 0);
    }

    #[tokio::test]
    async fn a_receive_without_output_times_out_and_two_at_once_are_refused() {
        let shells = Shells::new(&SimOptions::default().mailboxes(1));
        assert!(shells.dispatch(&create(SHELL, &[]), EXCHANGE).await.is_ok());
        let request = receive(None, "");
        let (first, second) =
            tokio::join!(shells.dispatch(&request, EXCHANGE), shells.dispatch(&request, EXCHANGE));
        assert_eq!((code(first), code(second)), (2_150_858_793, 2_150_859_047));
        let (pending, deleted) = tokio::join!(shells.dispatch(&request, EXCHANGE), async {
            tokio::task::yield_now().await;
            shells.dispatch(&on_shell("Delete", "", ""), EXCHANGE).await
        });
        assert!(deleted.is_ok());
        assert_eq!(code(pending), 995);
    }

    #[tokio::test]
    async fn answers_fit_into_the_envelope_that_the_client_takes() {
        let shells = Shells::new(&SimOptions::default().mailboxes(20));
        let get = PowerShell::new()
            .command(Command::new("Get-Mailbox").parameter("ResultSize", "Unlimited"));
        let id = started(&shells, get).await;
        let size = "<w:MaxEnvelopeSize>20000</w:MaxEnvelopeSize>";
        let mut total = 0;
        loop {
            let Ok(response) = shells.dispatch(&receive(Some(id), size), EXCHANGE).await else {
                panic!("no answer")
            };
            let message_id = wsman::MessageId::from_uuid(Uuid::nil());
            let text =
                wsman::server::write_response(&message_id, None, wsman::Verb::Receive, &response);
            assert!(text.len() <= 20_000, "{}", text.len());
            let Response::Receive(answer) = response else { panic!("{text}") };
            total += answer.streams.iter().map(|part| part.data.len()).sum::<usize>();
            if answer.is_done() {
                break;
            }
        }
        assert!(total > 200_000, "{total}");
        assert_eq!(code(shells.dispatch(&receive(Some(id), ""), EXCHANGE).await), 2_150_858_843);
        let tiny = receive(None, "<w:MaxEnvelopeSize>4096</w:MaxEnvelopeSize>");
        assert_eq!(code(shells.dispatch(&tiny, EXCHANGE).await), 2_150_858_805);
    }

    #[tokio::test]
    async fn an_idle_shell_goes_away() {
        let shells = Shells::new(
            &SimOptions::default().mailboxes(1).idle_timeout(Duration::from_millis(30)),
        );
        assert!(shells.dispatch(&create(SHELL, &[]), EXCHANGE).await.is_ok());
        assert_eq!(shells.open(), 1);
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert_eq!(shells.open(), 0);
        assert_eq!(code(shells.dispatch(&receive(None, ""), EXCHANGE).await), 2_150_858_843);
    }
}
