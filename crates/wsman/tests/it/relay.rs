//! Somebody in the middle, who sees sealed messages pass by and changes them.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wsman::client::{ClientOptions, Credentials, Error, Exchange as _, HttpClient};

use super::hostile::{Server, read_request};
use super::peer::{Peer, error_of, request};

/// What becomes of an answer, given the sealed answers of the connection so far, this one included.
type Tamper = fn(&[Vec<u8>]) -> Vec<u8>;

/// Starts a relay in front of a peer that hands on all but sealed answers as they are.
async fn relay(peer: &Peer, tamper: Tamper) -> Server {
    let target = peer.url("http", "").trim_start_matches("http://").to_owned();
    let target = Arc::new(target);
    Server::start(move |stream| between(stream, Arc::clone(&target), tamper)).await
}

async fn between(mut client: TcpStream, target: Arc<String>, tamper: Tamper) -> io::Result<()> {
    let mut server = TcpStream::connect(target.as_str()).await?;
    let mut sealed = Vec::new();
    while let Some(request) = read_request(&mut client).await? {
        server.write_all(&request).await?;
        let mut answer = read_answer(&mut server).await?;
        if answer.windows(19).any(|window| window == b"multipart/encrypted") {
            sealed.push(answer);
            answer = tamper(&sealed);
        }
        client.write_all(&answer).await?;
    }
    Ok(())
}

async fn read_answer(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            if bytes.len() - end - 4 >= length.unwrap().parse().unwrap() {
                return Ok(bytes);
            }
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Returns where the length of the signature stands in an answer.
fn signature(answer: &[u8]) -> usize {
    const BEFORE: &[u8] = b"application/octet-stream\r\n";
    let at = answer.windows(BEFORE.len()).position(|window| window == BEFORE);
    at.unwrap() + BEFORE.len()
}

fn untouched(answers: &[Vec<u8>]) -> Vec<u8> {
    answers.last().unwrap().clone()
}

fn replayed(answers: &[Vec<u8>]) -> Vec<u8> {
    answers[0].clone()
}

/// The first answer again, with the number that the second would have: for NTLM at the end of the signature, for
/// Kerberos at the end of its header.
fn renumbered(answers: &[Vec<u8>]) -> Vec<u8> {
    let mut answer = answers[0].clone();
    if let [_, second] = answers {
        let (from, to) = (signature(second), signature(&answer));
        let length = usize::from(second[from]);
        let number = if length == 16 { 12..16 } else { 8..16 };
        let number = from + 4 + number.start..from + 4 + number.end;
        let at = to + number.start - from;
        answer[at..at + number.len()].copy_from_slice(&second[number]);
    }
    answer
}

/// The second answer with one bit of its signature or its text turned.
fn forged(answers: &[Vec<u8>]) -> Vec<u8> {
    let mut answer = untouched(answers);
    if answers.len() == 2 {
        let end = answer.len() - 40;
        answer[end] ^= 1;
    }
    answer
}

/// The second answer, declared shorter than it is.
fn shortened(answers: &[Vec<u8>]) -> Vec<u8> {
    let answer = untouched(answers);
    if answers.len() < 2 {
        return answer;
    }
    let at = answer.windows(7).rposition(|window| window == b"Length=").unwrap() + 7;
    let mut changed = answer.clone();
    changed[at] = b'1';
    changed
}

/// Runs all attacks on two exchanges over one connection; the answers of `/echo` have a few hundred bytes.
pub(crate) async fn attack(peer: &Peer, credentials: impl Fn() -> Credentials) {
    let tampers: [(&str, Tamper, bool); 5] = [
        ("untouched", untouched, true),
        ("replayed", replayed, false),
        ("renumbered", renumbered, false),
        ("forged", forged, false),
        ("shortened", shortened, false),
    ];
    for (name, tamper, harmless) in tampers {
        let relay = relay(peer, tamper).await;
        let port = relay.address.rsplit(':').next().unwrap().to_owned();
        let options = ClientOptions::new(format!("http://localhost:{port}/echo"), credentials());
        let client = HttpClient::new(options.no_proxy()).unwrap();
        let text = || request("x".repeat(300));
        client.exchange(text()).await.unwrap();
        assert_eq!(relay.connections(), 1);
        if harmless {
            client.exchange(text()).await.unwrap();
            assert_eq!(relay.connections(), 1);
            continue;
        }
        let error = error_of(client.exchange(text()).await);
        assert!(matches!(error, Error::Unseal { status: 200, .. }), "{name}: {error:?}");
        // The next exchange has a connection, and keys, of its own.
        client.exchange(text()).await.unwrap();
        assert_eq!(relay.connections(), 2, "{name}");
    }
}

#[tokio::test]
async fn ntlm_notices_every_change() {
    let Some(peer) = Peer::start(&[]) else { return };
    attack(&peer, || peer.negotiate()).await;
    attack(&peer, || peer.negotiate().within_spnego(true)).await;
}

#[tokio::test]
async fn credssp_notices_every_change() {
    for arguments in [&[][..], &["--tls-max", "1.2"]] {
        let Some(peer) = Peer::start(arguments) else { return };
        attack(&peer, || Credentials::credssp(r"TEST\svc", peer.text("password"))).await;
    }
}
