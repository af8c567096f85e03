//! `simulate`: the simulated Exchange on its own, listening or on standard input and output.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use exchange_connector::report;
use exchange_sim::{Fault, SimOptions, Simulator, serve_stdio};
use tokio::io::{AsyncWriteExt as _, DuplexStream};

use crate::args::{Infrastructure, Simulate};
use crate::interrupt::Interrupt;
use crate::site::settings_of;
use crate::{DONE, INTERRUPTED, USAGE, complain};

pub(super) async fn run(options: &Simulate, interrupt: &Interrupt) -> u8 {
    let mut start = SimOptions::default()
        .listen(options.listen)
        .mailboxes(options.mailboxes)
        .infrastructure(options.infrastructure.simulated())
        .seed(options.seed);
    if options.stdio {
        return serve(&start, interrupt).await;
    }
    for spec in &options.fault {
        match spec.parse::<Fault>() {
            Ok(fault) => start = start.fault(fault),
            Err(error) => {
                complain(&format!("--fault {spec}: {}", report(&error)));
                return USAGE;
            }
        }
    }
    let ca_file = options.tls.then(CaFile::new);
    if let Some(CaFile(file)) = &ca_file {
        start = start.tls(file);
    }
    let simulator = match Simulator::start(start).await {
        Ok(simulator) => simulator,
        Err(error) => {
            complain(&format!("the simulator cannot start: {}", report(&error)));
            return USAGE;
        }
    };
    let winrm = match options.infrastructure {
        // The service has no such door.
        Infrastructure::Cloud => String::new(),
        Infrastructure::OnPremises | Infrastructure::Hybrid => format!(
            "# by its WinRM service, with CredSSP too, in [endpoint]:\n# url = \"{}\"\n# kind = \"winrm\"\n",
            simulator.winrm_url()
        ),
    };
    // Whoever started us may not read the settings; the server serves all the same.
    let settings = settings_of(&simulator, options.infrastructure);
    let _ = writeln!(std::io::stdout(), "{settings}{winrm}");
    let _ = std::io::stdout().flush();
    interrupt.wait().await;
    simulator.close().await;
    DONE
}

/// The file with the certificate of the simulator's authority, which goes with this value.
struct CaFile(PathBuf);

impl CaFile {
    fn new() -> Self {
        let name = format!("exchange-simulator-{}.pem", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for CaFile {
    fn drop(&mut self) {
        // Whoever cleaned up earlier has done the same.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Serves one session; nothing but its packets may reach standard output.
async fn serve(options: &SimOptions, interrupt: &Interrupt) -> u8 {
    tokio::select! {
        result = serve_stdio(options, standard_input(), tokio::io::stdout()) => match result {
            Ok(()) => DONE,
            Err(error) => {
                complain(&format!("the session ended: {}", report(&error)));
                USAGE
            }
        },
        () = interrupt.wait() => INTERRUPTED,
    }
}

/// Returns standard input as a stream.
///
/// Its thread is one that nobody waits for: a process whose session is over must end although its input stays open.
fn standard_input() -> DuplexStream {
    let (stream, mut end) = tokio::io::duplex(CHUNK);
    let runtime = tokio::runtime::Handle::current();
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        let mut chunk = vec![0; CHUNK];
        while let Ok(read @ 1..) = input.read(&mut chunk) {
            let bytes = chunk.get(..read).unwrap_or_default();
            // The session is over when nobody takes them.
            if runtime.block_on(end.write_all(bytes)).is_err() {
                return;
            }
        }
    });
    stream
}

/// How many bytes of standard input are taken at a time.
const CHUNK: usize = 64 << 10;
