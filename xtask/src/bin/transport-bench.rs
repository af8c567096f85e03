//! What carrying and sealing add to the work of decoding: `transport-bench [MAILBOXES [ROUNDS]]`.
//!
//! All mailboxes of a simulated Exchange are read whole, in rounds: over Basic on http, over NTLM with every message sealed,
//! and from the envelopes alone (`decode`). `floor` is the cipher and the checksum of NTLM on the same envelopes, and
//! nothing around them. The server runs in a thread of its own, and only the time of the client's thread counts.
//!
//! Prints one line of `key=value` pairs for each: the median of the rounds, and its relation to `decode`.

use std::hint::black_box;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{bail, ensure};
use exchange_sim::{SimOptions, Simulator};
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Md5;
use psrp::fragment::Defragmenter;
use psrp::message::{Message, MessageType};
use psrp_client::psrp::{Command, PowerShell};
use psrp_client::{PoolOptions, Record, RunspacePool};
use rc4::{Rc4, StreamCipher as _};
use rustix::time::{ClockId, clock_gettime};
use wsman::client::{
    BoxFuture, ClientOptions, Credentials, Error, Exchange, HttpClient, ShellOptions, SoapRequest,
    SoapResponse,
};
use wsman::{Response, Verb};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mailboxes = arguments.next().map_or(Ok(3000), |number| number.parse())?;
    let rounds: usize = arguments.next().map_or(Ok(5), |number| number.parse())?;
    let server = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let options = SimOptions::default().mailboxes(mailboxes).allow_unencrypted(true);
    let simulator = server.block_on(Simulator::start(options))?;
    let client = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let recorder = Recorder { http: http(&simulator, false)?, answers: Mutex::default() };
    let recorder = Arc::new(recorder);
    client.block_on(import(&simulator, Arc::clone(&recorder) as _))?;
    let envelopes = std::mem::take(&mut *recorder.answers());
    let import = |sealed| {
        let http = Arc::new(http(&simulator, sealed)?);
        client.block_on(import(&simulator, http))
    };
    let names = ["decode", "basic", "ntlm", "floor"];
    let mut times = names.map(|_| Vec::new());
    for _ in 0..rounds.max(1) {
        let round = [decode(&envelopes)?, import(false)?, import(true)?, floor(&envelopes)?];
        times.iter_mut().zip(round).for_each(|(times, time)| times.push(time));
    }
    let bytes: usize = envelopes.iter().map(Vec::len).sum();
    let medians = times.map(median);
    let [decoding, ..] = medians;
    for (name, time) in names.iter().zip(medians) {
        let ratio = time.as_secs_f64() / decoding.as_secs_f64();
        writeln!(
            std::io::stdout(),
            "name=transport/{name} cpu_ns={} bytes={bytes} of_decode={ratio:.2}",
            time.as_nanos()
        )?;
    }
    Ok(())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// Prepares a client that seals, or one that does not.
fn http(simulator: &Simulator, sealed: bool) -> Result<HttpClient, Error> {
    let (user, password) = (simulator.user(), simulator.password());
    let credentials = match sealed {
        true => Credentials::negotiate(user, password),
        false => Credentials::basic(user, password),
    };
    let options = ClientOptions::new(simulator.url(), credentials);
    HttpClient::new(options.allow_unencrypted(true))
}

/// Reads all mailboxes and returns the time of this thread.
async fn import(simulator: &Simulator, exchange: Arc<dyn Exchange>) -> anyhow::Result<Duration> {
    let started = cpu_time();
    let shell = ShellOptions::new(&simulator.url());
    let pool = RunspacePool::open(exchange, shell, PoolOptions::default()).await?;
    let get = Command::new("Get-Mailbox").parameter("ResultSize", "Unlimited");
    let mut records = pool.invoke(PowerShell::new().command(get)).await?;
    let mut count = 0;
    while let Some(record) = records.next().await {
        if let Record::Output(mailbox) = record? {
            count += usize::from(black_box(&mailbox).property("Guid").is_some());
        }
    }
    let time = cpu_time().saturating_sub(started);
    pool.close().await;
    let kept = simulator.recipients().len();
    ensure!(count > 0 && count <= kept, "{count} mailboxes came of {kept}");
    Ok(time)
}

/// Keeps the answers to Receive.
struct Recorder {
    http: HttpClient,
    answers: Mutex<Vec<Vec<u8>>>,
}

impl Recorder {
    fn answers(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exchange for Recorder {
    fn exchange(&self, request: SoapRequest) -> BoxFuture<'_, Result<SoapResponse, Error>> {
        Box::pin(async move {
            let verb = request.verb;
            let answer = self.http.exchange(request).await?;
            if verb == Verb::Receive {
                self.answers().push(answer.envelope.clone());
            }
            Ok(answer)
        })
    }

    fn overhead(&self) -> usize {
        self.http.overhead()
    }
}

/// Makes values of what the envelopes carry.
fn decode(envelopes: &[Vec<u8>]) -> anyhow::Result<Duration> {
    let started = cpu_time();
    let mut stream = Defragmenter::default();
    for envelope in envelopes {
        let Response::Receive(received) = wsman::parse_response(envelope)?.response else {
            bail!("an envelope is no answer to Receive");
        };
        for part in received.streams {
            stream.push_bytes(part.data.into())?;
            while let Some(object) = stream.next_object()? {
                let message = Message::from_bytes(object.bytes)?;
                if message.message_type == MessageType::PipelineOutput {
                    black_box(clixml::read_value(&message.body)?);
                }
            }
        }
    }
    Ok(cpu_time().saturating_sub(started))
}

/// What NTLM has to compute over the envelopes, whoever computes it.
fn floor(envelopes: &[Vec<u8>]) -> anyhow::Result<Duration> {
    let key = [7_u8; 16];
    let mut envelopes = envelopes.to_vec();
    let started = cpu_time();
    let mut cipher = Rc4::new_from_slice(&key)?;
    for envelope in &mut envelopes {
        cipher.apply_keystream(envelope);
        let mut code = Hmac::<Md5>::new_from_slice(&key)?;
        code.update(envelope);
        black_box(code.finalize());
    }
    Ok(cpu_time().saturating_sub(started))
}
