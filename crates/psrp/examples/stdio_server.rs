//! A server that real PowerShell can be a client of, over its standard input and output.
//!
//! It knows one cmdlet. PowerShell starts it in place of `ssh`, so put a script of that name on the path that runs this
//! program, and then:
//!
//! ```powershell
//! $session = New-PSSession -HostName any.invalid
//! Import-PSSession $session
//! Get-Greeting -Name Ann
//! ```

use std::io::{BufRead as _, Write as _};

use clixml::Value;
use psrp::outofproc::Packet;
use psrp::server::{ServerEvent, ServerOptions, ServerPool};
use psrp::{
    ArgumentValue, CommandMetadata, ErrorCategory, ErrorRecord, InputStream, ParameterMetadata,
    PowerShell, ProtocolVersion, StateError, StreamTarget,
};
use rand::SeedableRng as _;
use rand::rngs::{StdRng, SysRng};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let options = ServerOptions::default().protocol_version(ProtocolVersion::V2_4);
    let mut server = ServerPool::new(options, Box::new(StdRng::try_from_rng(&mut SysRng)?));
    for line in std::io::stdin().lock().lines() {
        let packet = Packet::parse(&line?)?;
        let ack = feed(&mut server, &packet)?;
        run(&mut server)?;
        while let Some((target, bytes)) = server.poll_transmit() {
            send(&Packet::data(target, InputStream::Stdin, bytes))?;
        }
        if let Some(ack) = ack {
            send(&ack)?;
        }
        if packet == Packet::Close(StreamTarget::Pool) {
            break;
        }
    }
    Ok(())
}

/// Gives a packet to the server and returns its acknowledgement, which goes out after what it brought about.
fn feed(server: &mut ServerPool, packet: &Packet) -> Outcome<Option<Packet>> {
    Ok(match packet {
        Packet::Data { target, stream, bytes } => {
            match stream {
                InputStream::Stdin => server.handle_fragments(*target, bytes)?,
                InputStream::PromptResponse => server.handle_prompt_responses(*target, bytes)?,
            }
            Some(Packet::DataAck(*target))
        }
        Packet::Command(target) => Some(Packet::CommandAck(*target)),
        Packet::Signal(target) => {
            if let StreamTarget::Pipeline(id) = target {
                server.handle_stop(*id);
            }
            Some(Packet::SignalAck(*target))
        }
        Packet::Close(target) => {
            match target {
                StreamTarget::Pool => server.close(),
                StreamTarget::Pipeline(id) => server.handle_terminate(*id),
            }
            Some(Packet::CloseAck(*target))
        }
        _ => None,
    })
}

fn run(server: &mut ServerPool) -> Result<(), StateError> {
    while let Some(event) = server.poll_event() {
        match event {
            ServerEvent::CommandMetadataRequested { id, request, .. } => {
                let mut commands = vec![greeting()];
                commands.retain(|command| request.wants(command));
                server.command_metadata(id, &commands)?;
            }
            ServerEvent::PipelineCreated { id, powershell, .. } => match greet(&powershell) {
                Ok(Some(text)) => {
                    server.output(id, &Value::from(text))?;
                    server.complete(id)?;
                }
                Ok(None) => server.complete(id)?,
                Err(record) => server.fail(id, *record)?,
            },
            ServerEvent::StopRequested { id, .. } => server.stopped(id)?,
            _ => {}
        }
    }
    Ok(())
}

fn greeting() -> CommandMetadata {
    CommandMetadata::cmdlet("Get-Greeting")
        .namespace("Greetings")
        .output_type(["System.String"])
        .parameter(ParameterMetadata::new("Name", "System.String").alias("Whom"))
        .parameter(ParameterMetadata::switch("Loud"))
        .common_parameters()
}

/// Runs the first command of a pipeline.
fn greet(powershell: &PowerShell) -> Result<Option<String>, Box<ErrorRecord>> {
    let Some(command) = powershell.commands().first() else { return Ok(None) };
    match command.name.as_str() {
        "Get-Greeting" => {
            let (mut name, mut loud) = (String::from("you"), false);
            for argument in command.bind(|name| name.eq_ignore_ascii_case("Loud")) {
                if argument.is_named("Loud") {
                    loud = argument.switch_state().unwrap_or_default();
                } else if let ArgumentValue::Value(value) = &argument.value {
                    name = value.text().unwrap_or_default().into_owned();
                }
            }
            let text = format!("Hello, {name}.");
            Ok(Some(if loud { text.to_uppercase() } else { text }))
        }
        // Import-PSSession asks for the formats of the types, and a session without any is fine.
        "Get-FormatData" => Ok(None),
        name => {
            let text = format!("The term '{name}' is not recognized.");
            let record = ErrorRecord::new(text, "CommandNotFoundException");
            Err(Box::new(record.category(ErrorCategory::ObjectNotFound)))
        }
    }
}

fn send(packet: &Packet) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", packet.to_line())?;
    out.flush()
}
