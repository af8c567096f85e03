//! Opening a pool: create the shell, negotiate, wait until the pool says that it is open.
//!
//! Spec: [MS-PSRP] 3.1.4.1 Creating a RunspacePool.
//!
//! All of it runs in a task of its own, so that a caller who loses interest half-way leaves no shell behind.

use std::sync::Arc;

use psrp::clixml::Value;
use psrp::{Event, InputStream, ProtocolVersion, RunspacePool as Machine, StreamTarget, Transmit};
use tokio::sync::oneshot;
use tokio::time::timeout;
use wsman::client::{Exchange, Received, Shell, ShellOptions};

use crate::driver::Driver;
use crate::error::Error;
use crate::pool::PoolOptions;

/// A pool that is open, and what it told.
pub(crate) struct Opened {
    pub(crate) driver: Arc<Driver>,
    pub(crate) version: ProtocolVersion,
    pub(crate) private_data: Value,
}

pub(crate) async fn open(
    exchange: Arc<dyn Exchange>,
    shell: ShellOptions,
    options: PoolOptions,
) -> Result<Opened, Error> {
    let (tell, told) = oneshot::channel();
    let task = tokio::spawn(async move {
        if let Err(Ok(unwanted)) = tell.send(open_here(exchange, shell, options).await) {
            unwanted.driver.close();
        }
    });
    match told.await {
        Ok(result) => result,
        // The task ended without a word, so it panicked; the panic goes on here, where it can be seen.
        Err(_) => match task.await {
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            _ => Err(stalled("the runtime is shutting down", &PoolOptions::default())),
        },
    }
}

async fn open_here(
    exchange: Arc<dyn Exchange>,
    shell: ShellOptions,
    options: PoolOptions,
) -> Result<Opened, Error> {
    let mut machine =
        Machine::new(options.protocol.clone(), Box::new(rand::make_rng::<rand::rngs::StdRng>()));
    machine.open()?;
    let Some(Transmit::OpenShell { mut payload, .. }) = machine.poll_transmit() else {
        return Err(stalled("the pool has nothing to open", &options));
    };
    let version = options.protocol.protocol_version.to_string();
    let shell = shell.shell_id(machine.id().uuid()).protocol_version(&version);
    let first = payload.split_to(shell.create_budget(&*exchange));
    let created = timeout(options.open_timeout, Shell::create(exchange, shell, first)).await;
    let (shell, _) = match created {
        Ok(result) => result.map_err(|source| Error::Transport { step: "opened", source })?,
        Err(_) => return Err(stalled("no answer to the creation of the shell came", &options)),
    };
    match timeout(options.open_timeout, negotiate(&mut machine, &shell, payload)).await {
        Ok(Ok((version, private_data))) => {
            let driver = Driver::start_tasks(machine, shell, options);
            if version >= ProtocolVersion::V2_2 {
                driver.shell().set_max_envelope_size(ENVELOPE_SINCE_2_2);
            }
            Ok(Opened { driver, version, private_data })
        }
        Ok(Err(error)) => {
            delete(&shell, &options).await;
            Err(error)
        }
        Err(_) => {
            delete(&shell, &options).await;
            Err(stalled("the session did not open: no state of its runspace pool came", &options))
        }
    }
}

async fn negotiate(
    machine: &mut Machine,
    shell: &Shell,
    rest: psrp::Payload,
) -> Result<(ProtocolVersion, Value), Error> {
    let heard = |source| Error::Transport { step: "opened", source };
    for piece in rest.split(shell.send_budget()) {
        shell.send(None, InputStream::Stdin.name(), &piece).await.map_err(heard)?;
    }
    let mut private_data = Value::Nil;
    loop {
        while let Some(transmit) = machine.poll_transmit() {
            if let Transmit::Send { target: None, stream, payload, .. } = transmit {
                for piece in payload.split(shell.send_budget()) {
                    shell.send(None, stream.name(), &piece).await.map_err(heard)?;
                }
            }
        }
        while let Some(event) = machine.poll_event() {
            match event {
                Event::Opened { version, .. } => return Ok((version, private_data)),
                Event::ApplicationPrivateData(data) => private_data = data,
                Event::Broken { cause, .. } => return Err(Error::Broken(cause)),
                _ => {}
            }
        }
        if let Received::Output(output) = shell.receive(None).await.map_err(heard)? {
            for part in &output.streams {
                if let Err(error) = machine.handle_fragments(StreamTarget::Pool, &part.data) {
                    // The machine is broken now, and its next event says so.
                    tracing::warn!(%error, "the stream of the pool broke off");
                    break;
                }
            }
        }
    }
}

async fn delete(shell: &Shell, options: &PoolOptions) {
    match timeout(options.control_timeout, shell.delete()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(shell = %shell.id(), %error, "the shell could not be deleted")
        }
        Err(_) => tracing::warn!(shell = %shell.id(), "deleting the shell got no answer"),
    }
}

fn stalled(waiting_for: &str, options: &PoolOptions) -> Error {
    Error::Stalled { waiting_for: waiting_for.to_owned(), after: options.open_timeout }
}

/// What servers since protocol 2.2 can send, in bytes; requests keep to the smaller size of before.
const ENVELOPE_SINCE_2_2: u32 = 512_000;
