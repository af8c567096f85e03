//! Runs a script on a server that speaks PSRP over its standard input and output, such as `pwsh -s`:
//! `cargo run -p psrp --example child_process -- 'Get-Date; $args' SECRET -- pwsh -NoProfile -s`
//!
//! The second argument travels as a SecureString, so the run begins with the exchange of a session key.

#![expect(clippy::disallowed_methods, reason = "a driver reads the clock for the machine")]

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command as Process, Stdio};
use std::time::Instant;

use psrp::outofproc::Packet;
use psrp::{
    Command, Event, InputStream, PipelineEvent, PipelineId, PipelineSignal, PoolOptions,
    PowerShell, RunspacePool, StreamTarget, Transmit,
};
use rand::SeedableRng as _;
use rand::rngs::{StdRng, SysRng};
use secrecy::SecretString;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A blocking transport: one packet at a time, each acknowledged before the next.
struct Transport {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Transport {
    fn start(program: &str, arguments: &[String]) -> Outcome<Self> {
        let mut child = Process::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take().ok_or("the child has no input")?;
        let output = BufReader::new(child.stdout.take().ok_or("the child has no output")?);
        Ok(Self { child, input, output })
    }

    fn send(
        &mut self,
        pool: &mut RunspacePool,
        packet: &Packet,
        acknowledgement: &Packet,
    ) -> Outcome<()> {
        writeln!(self.input, "{}", packet.to_line())?;
        self.input.flush()?;
        while self.receive(pool)? != *acknowledgement {}
        Ok(())
    }

    fn receive(&mut self, pool: &mut RunspacePool) -> Outcome<Packet> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            return Err("the child has ended".into());
        }
        let packet = Packet::parse(&line)?;
        if let Packet::Data { target, bytes, .. } = &packet {
            pool.handle_fragments(*target, bytes)?;
        }
        Ok(packet)
    }

    fn transmit(&mut self, pool: &mut RunspacePool, transmit: Transmit) -> Outcome<()> {
        let data = |target, stream, payload: psrp::Payload| {
            Packet::data(target, stream, payload.into_bytes())
        };
        let of = |pipeline: PipelineId| StreamTarget::Pipeline(pipeline);
        match transmit {
            Transmit::OpenShell { payload, .. } => {
                let packet = data(StreamTarget::Pool, InputStream::Stdin, payload);
                self.send(pool, &packet, &Packet::DataAck(StreamTarget::Pool))
            }
            Transmit::CreateCommand { pipeline, payload, .. } => {
                let target = of(pipeline);
                self.send(pool, &Packet::Command(target), &Packet::CommandAck(target))?;
                self.send(
                    pool,
                    &data(target, InputStream::Stdin, payload),
                    &Packet::DataAck(target),
                )
            }
            Transmit::Send { target, stream, payload, .. } => {
                let target = target.map_or(StreamTarget::Pool, StreamTarget::Pipeline);
                self.send(pool, &data(target, stream, payload), &Packet::DataAck(target))
            }
            Transmit::Signal { pipeline, signal: PipelineSignal::Stop, .. } => {
                let target = of(pipeline);
                self.send(pool, &Packet::Signal(target), &Packet::SignalAck(target))
            }
            Transmit::Signal { pipeline, signal: PipelineSignal::Terminate, .. } => {
                let target = of(pipeline);
                self.send(pool, &Packet::Close(target), &Packet::CloseAck(target))
            }
            Transmit::DeleteShell => {
                let pool_target = StreamTarget::Pool;
                self.send(pool, &Packet::Close(pool_target), &Packet::CloseAck(pool_target))?;
                pool.handle_shell_deleted();
                Ok(())
            }
            other => Err(format!("unknown wish {other:?}").into()),
        }
    }
}

/// Writes what a pipeline says; returns false at its end.
fn report(out: &mut impl Write, event: PipelineEvent) -> Outcome<bool> {
    match event {
        PipelineEvent::Output(value) => match value.text() {
            Some(text) => writeln!(out, "{text}")?,
            None => writeln!(out, "{value:?}")?,
        },
        PipelineEvent::Error(record) => writeln!(out, "error: {record}")?,
        PipelineEvent::Warning(record) => writeln!(out, "warning: {}", record.message)?,
        PipelineEvent::Finished(outcome) => {
            let why = outcome.error.map(|record| record.message).unwrap_or_default();
            writeln!(out, "{:?} {why}", outcome.state)?;
            return Ok(false);
        }
        _ => {}
    }
    Ok(true)
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let script = arguments.next().ok_or("missing: a script")?;
    let secret = arguments.next().filter(|argument| argument != "--");
    let server: Vec<String> = arguments.filter(|argument| argument != "--").collect();
    let (program, server_arguments) =
        server.split_first().ok_or("missing: the server's command line")?;

    let mut transport = Transport::start(program, server_arguments)?;
    let mut pool =
        RunspacePool::new(PoolOptions::default(), Box::new(StdRng::try_from_rng(&mut SysRng)?));
    let mut out = std::io::stdout().lock();
    pool.open()?;
    loop {
        while let Some(transmit) = pool.poll_transmit() {
            transport.transmit(&mut pool, transmit)?;
        }
        pool.handle_timeout(Instant::now());
        match pool.poll_event() {
            Some(Event::Opened { version, .. }) => {
                writeln!(out, "opened, protocol {version}")?;
                let mut command = Command::script(script.as_str());
                if let Some(secret) = &secret {
                    command = command.argument(SecretString::from(secret.as_str()));
                }
                pool.create_pipeline(PowerShell::new().command(command))?;
            }
            Some(Event::Pipeline { event, .. }) => {
                if !report(&mut out, event)? {
                    pool.close()?;
                }
            }
            Some(Event::Closed) => break,
            Some(_) => {}
            None => {
                transport.receive(&mut pool)?;
            }
        }
    }
    drop(transport.input);
    transport.child.wait()?;
    Ok(())
}
