//! Opening a pool: create the shell, negotiate, wait until the pool says that it is open.
//!
//! Spec: [MS-PSRP] 3.1.4.1 Creating a RunspacePool.
//!
//! All of it runs in a task of its own, so that a caller who loses interest half-way leaves no shell behind.

use std::sync::Arc;

use psrp::clixml::Value;
use psrp::host::{HostAnswer, HostCall};
use psrp::pool_messages::ConnectRunspacePool;
use psrp::{
    Event, InputStream, Payload, ProtocolVersion, RunspacePool as Machine, RunspacePoolId,
    StreamTarget, Transmit,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio::time::timeout;
use wsman::client::{Exchange, ShellOptions};

use crate::carrier::{Carrier, CarrierError, Heard};
use crate::child::Process;
use crate::driver::Driver;
use crate::error::{Error, PipeError};
use crate::host::AnyHost;
use crate::pipes::Pipes;
use crate::pool::PoolOptions;
use crate::seed::Seed;
use crate::shell::{NotOpened, ShellCarrier};

/// A pool that is open, and what it told.
pub(crate) struct Opened {
    pub(crate) driver: Arc<Driver>,
    pub(crate) version: ProtocolVersion,
    pub(crate) private_data: Value,
}

/// How to reach a server.
pub(crate) enum Way {
    /// Through a shell, to be created.
    Shell { exchange: Arc<dyn Exchange>, shell: Box<ShellOptions> },
    /// Through the pipes of a child, to be started.
    Child(Box<std::process::Command>),
    /// Through pipes that are there.
    Pipes { reader: Box<dyn AsyncRead + Send + Unpin>, writer: Box<dyn AsyncWrite + Send + Unpin> },
}

pub(crate) async fn open(way: Way, options: PoolOptions) -> Result<Opened, Error> {
    let (tell, told) = oneshot::channel();
    let task = tokio::spawn(async move {
        if let Err(Ok(unwanted)) = tell.send(open_here(way, options).await) {
            unwanted.driver.close();
        }
    });
    match told.await {
        Ok(result) => result,
        // The task ended without a word, so it panicked; the panic goes on here, where it can be seen.
        Err(_) => match task.await {
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            _ => Err(stalled(
                "the session to open, in a runtime that is shutting down",
                &PoolOptions::default(),
            )),
        },
    }
}

async fn open_here(way: Way, mut options: PoolOptions) -> Result<Opened, Error> {
    if let Some(host) = &options.host {
        options.protocol.host = host.info();
    }
    let mut machine = machine(options.protocol.clone(), &mut options);
    machine.open()?;
    let Some(Transmit::OpenShell { mut payload, .. }) = machine.poll_transmit() else {
        return Err(stalled("a pool that has nothing to open", &options));
    };
    let carrier = reach(way, &machine, &mut payload, &options).await?;
    match timeout(
        options.open_timeout,
        negotiate(&mut machine, &carrier, payload, options.host.as_ref()),
    )
    .await
    {
        Ok(Ok((version, private_data))) => {
            carrier.negotiated(version);
            let driver = Driver::start_tasks(machine, carrier, options);
            Ok(Opened { driver, version, private_data })
        }
        Ok(Err(error)) => {
            carrier.delete().await;
            Err(error)
        }
        Err(_) => {
            carrier.delete().await;
            Err(stalled("the state of the runspace pool that says it is open", &options))
        }
    }
}

/// Makes the machine, which draws from the system unless there is a seed.
fn machine(protocol: psrp::PoolOptions, options: &mut PoolOptions) -> Machine {
    let Some(seed) = options.seed.as_ref().map(Seed::pool) else {
        return Machine::new(protocol, Box::new(rand::make_rng::<rand::rngs::StdRng>()));
    };
    let mut machine = Machine::new(protocol, Box::new(seed.rng()));
    seed.issue(machine.id().uuid());
    if let Some(pair) = seed.known_key() {
        machine.set_key_pair(pair);
    }
    options.pool_seed = Some(seed);
    machine
}

/// Connects to a pool of another client. When the future is dropped half-way, the shell stays as it is then.
pub(crate) async fn connect(
    exchange: Arc<dyn Exchange>,
    shell: ShellOptions,
    id: RunspacePoolId,
    mut options: PoolOptions,
) -> Result<Opened, Error> {
    if let Some(host) = &options.host {
        options.protocol.host = host.info();
    }
    let mut machine = machine(options.protocol.clone().id(id), &mut options);
    machine.connect(ConnectRunspacePool::new(None))?;
    let Some(Transmit::Connect { payload, .. }) = machine.poll_transmit() else {
        return Err(stalled("a pool that has nothing to connect to", &options));
    };
    let shell = shell.protocol_version(&options.protocol.protocol_version.to_string());
    let joining = async {
        let connection = ShellCarrier::connect(
            exchange,
            shell,
            id.uuid().into(),
            payload,
            options.control_timeout,
        );
        let (shell, answer) =
            connection.await.map_err(|source| Error::Transport { step: "connected", source })?;
        if let Err(error) = machine.handle_connect_response(&answer) {
            // The machine is broken now, and its next event says so.
            tracing::warn!(%error, "the answer to a Connect makes no sense");
        }
        let carrier = Carrier::Shell(shell);
        let told = join(&mut machine, &carrier, options.host.as_ref()).await?;
        Ok((carrier, told))
    };
    match timeout(options.open_timeout, joining).await {
        Ok(Ok((carrier, (version, private_data)))) => {
            carrier.negotiated(version);
            let driver = Driver::start_tasks(machine, carrier, options);
            Ok(Opened { driver, version, private_data })
        }
        Ok(Err(error)) => Err(error),
        Err(_) => Err(stalled("the runspace pool to be connected", &options)),
    }
}

/// Waits for what the server tells a client that joins. A server that stays silent has told everything.
async fn join(
    machine: &mut Machine,
    carrier: &Carrier,
    host: Option<&AnyHost>,
) -> Result<(ProtocolVersion, Value), Error> {
    let mut joined = None;
    loop {
        while let Some(event) = machine.poll_event() {
            match (event, joined) {
                (Event::Connected { version, .. }, _) => joined = Some(version),
                (Event::ApplicationPrivateData(data), Some(version)) => return Ok((version, data)),
                (Event::Broken { cause, .. }, _) => return Err(Error::Broken(cause)),
                (Event::HostCall(call), _) => answer(machine, host, &call).await,
                _ => {}
            }
        }
        let heard = carrier.receive(StreamTarget::Pool).await.map_err(CarrierError::opening)?;
        match (heard, joined) {
            (Heard::Output { pieces, .. }, _) => take_in(machine, pieces),
            (_, Some(version)) => return Ok((version, Value::Nil)),
            _ => {}
        }
    }
}

/// Makes the carrier, which may take the beginning of the payload with it.
async fn reach(
    way: Way,
    machine: &Machine,
    payload: &mut Payload,
    options: &PoolOptions,
) -> Result<Carrier, Error> {
    let pipes = |error: PipeError| CarrierError::Pipes(error).opening();
    let control_timeout = options.control_timeout;
    Ok(match way {
        Way::Shell { exchange, shell } => {
            let version = options.protocol.protocol_version.to_string();
            let shell = shell.protocol_version(&version);
            let (id, timeouts) =
                (machine.id().uuid().into(), (options.open_timeout, control_timeout));
            match ShellCarrier::create(exchange, shell, id, payload, timeouts).await {
                Ok(shell) => Carrier::Shell(shell),
                Err(NotOpened::Refused(source)) => {
                    return Err(CarrierError::Shell(source).opening());
                }
                Err(NotOpened::NoAnswer) => {
                    return Err(stalled("the answer to the creation of the shell", options));
                }
            }
        }
        Way::Child(command) => {
            let (process, reader, writer) = Process::start(*command).map_err(pipes)?;
            let limits = options.pipes.clone();
            Carrier::Pipes(Pipes::new(reader, writer, Some(process), limits, control_timeout))
        }
        Way::Pipes { reader, writer } => {
            let limits = options.pipes.clone();
            Carrier::Pipes(Pipes::new(reader, writer, None, limits, control_timeout))
        }
    })
}

async fn negotiate(
    machine: &mut Machine,
    carrier: &Carrier,
    rest: Payload,
    host: Option<&AnyHost>,
) -> Result<(ProtocolVersion, Value), Error> {
    let pool = StreamTarget::Pool;
    carrier.send(pool, InputStream::Stdin, rest).await.map_err(CarrierError::opening)?;
    let mut private_data = Value::Nil;
    let mut opened = None;
    'talk: loop {
        while let Some(transmit) = machine.poll_transmit() {
            if let Transmit::Send { target: None, stream, payload, .. } = transmit {
                carrier.send(pool, stream, payload).await.map_err(CarrierError::opening)?;
            }
        }
        while let Some(event) = machine.poll_event() {
            match event {
                // The same answer may say that it broke.
                Event::Opened { version, .. } => opened = Some(version),
                Event::ApplicationPrivateData(data) => private_data = data,
                Event::Broken { cause, .. } => return Err(Error::Broken(cause)),
                Event::HostCall(call) => {
                    answer(machine, host, &call).await;
                    continue 'talk;
                }
                _ => {}
            }
        }
        if let Some(version) = opened {
            return Ok((version, private_data));
        }
        let heard = carrier.receive(pool).await.map_err(CarrierError::opening)?;
        if let Heard::Output { pieces, .. } = heard {
            take_in(machine, pieces);
        }
    }
}

fn take_in(machine: &mut Machine, pieces: Vec<Vec<u8>>) {
    for piece in pieces {
        if let Err(error) = machine.handle_bytes(StreamTarget::Pool, piece.into()) {
            // The machine is broken now, and its next event says so.
            tracing::warn!(%error, "the stream of the pool broke off");
            break;
        }
    }
}

/// Answers a call that a start-up script makes before the pool is open.
async fn answer(machine: &mut Machine, host: Option<&AnyHost>, call: &HostCall) {
    let answer = match host {
        Some(host) => host.call(call).await,
        None => HostAnswer::not_implemented(call),
    };
    if machine.awaits_answer(None, call.call_id)
        && let Err(error) = machine.respond(None, call.call_id, answer)
    {
        tracing::debug!(%error, "a host call could not be answered");
    }
}

fn stalled(waiting_for: &str, options: &PoolOptions) -> Error {
    Error::Stalled { waiting_for: waiting_for.to_owned(), after: options.open_timeout }
}
