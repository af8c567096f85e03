//! Proxies: the tunnel, its credentials, and what goes wrong with it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use wsman::Advice;
use wsman::client::{
    ClientOptions, Credentials, Error, Exchange as _, HttpClient, Phase, Proxy, ProxyProblem,
};

use super::hostile::{Server, base64, read_request};
use super::peer::{Peer, echo, error_of, request};

type Seen = Arc<Mutex<Vec<String>>>;

/// Starts a proxy that makes tunnels, and keeps the requests for them.
async fn start() -> (Server, Seen) {
    let seen = Seen::default();
    let log = Arc::clone(&seen);
    let server = Server::start(move |mut stream| {
        let log = Arc::clone(&log);
        async move {
            let Some(head) = read_request(&mut stream).await? else { return Ok(()) };
            let head = String::from_utf8_lossy(&head).into_owned();
            let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
            log.lock().unwrap().push(head);
            let mut behind = TcpStream::connect(target).await?;
            stream.write_all(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n").await?;
            tokio::io::copy_bidirectional(&mut stream, &mut behind).await.map(|_| ())
        }
    })
    .await;
    (server, seen)
}

fn proxy(server: &Server, user: &str) -> Proxy {
    format!("http://{user}{}", server.address).parse().unwrap()
}

#[tokio::test]
async fn http_and_https_both_go_through_a_tunnel() {
    let Some(peer) = Peer::start(&["--cbt", "required"]) else { return };
    for scheme in ["http", "https"] {
        let (server, seen) = start().await;
        let options = peer.options(scheme, "/echo", peer.negotiate());
        let client = HttpClient::new(options.proxy(proxy(&server, "ann:p%40ss@"))).unwrap();
        echo(&client, "Negotiate|").await;
        let seen = seen.lock().unwrap().clone();
        assert_eq!(seen.len(), 1, "{seen:?}");
        let port = peer.url(scheme, "").rsplit(':').next().unwrap_or_default().to_owned();
        assert!(seen[0].starts_with(&format!(
            "CONNECT localhost:{port} HTTP/1.1\r\nHost: localhost:{port}\r\n"
        )));
        let own = format!("Proxy-Authorization: Basic {}\r\n", base64(b"ann:p@ss"));
        assert!(seen[0].contains(&own), "{seen:?}");
    }
}

#[tokio::test]
async fn a_proxy_gets_no_credentials_but_its_own() {
    let (server, seen) = start().await;
    let target = Server::start(|mut stream| async move {
        while read_request(&mut stream).await?.is_some() {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nContent-Length: 4\r\n\r\n<a/>").await?;
        }
        Ok(())
    })
    .await;
    let options = ClientOptions::new(
        format!("http://{}/", target.address),
        Credentials::basic("ann", "hunter2"),
    )
    .allow_unencrypted(true)
    .proxy(proxy(&server, ""));
    let client = HttpClient::new(options).unwrap();
    client.exchange(request("x".to_owned())).await.unwrap();
    client.exchange(request("x".to_owned())).await.unwrap();
    let seen = seen.lock().unwrap().clone();
    assert_eq!((seen.len(), target.connections()), (1, 1));
    assert!(!seen[0].to_ascii_lowercase().contains("authorization"), "{seen:?}");
}

#[tokio::test]
async fn a_proxy_that_makes_no_tunnel_is_named() {
    let filler = "X: y\r\n".repeat(4000);
    for (answer, advice) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
            Advice::Never,
        ),
        ("HTTP/1.1 403 Forbidden\r\n\r\n<html>", Advice::Never),
        ("HTTP/1.1 502 Bad Gateway\r\n\r\n", Advice::Later),
        ("SSH-2.0-x\r\n\r\n", Advice::Never),
        (&format!("HTTP/1.1 200 OK\r\n{filler}"), Advice::Never),
        ("", Advice::Later),
    ] {
        let answer = answer.to_owned();
        let server = Server::start(move |mut stream| {
            let answer = answer.clone();
            async move {
                read_request(&mut stream).await?;
                stream.write_all(answer.as_bytes()).await
            }
        })
        .await;
        let options =
            ClientOptions::new("https://ex01.invalid/", Credentials::negotiate("ann", "hunter2"))
                .native_roots(false)
                .proxy(proxy(&server, "eve:secret@"));
        let client = HttpClient::new(options).unwrap();
        let error = error_of(client.exchange(request("x".to_owned())).await);
        let Error::Proxy { proxy, problem } = &error else { panic!("{error:?}") };
        assert_eq!(*proxy, server.address);
        match advice {
            Advice::Later => assert!(matches!(
                problem,
                ProxyProblem::Refused { status: 502 } | ProxyProblem::Unreachable(_)
            )),
            _ => assert!(!matches!(problem, ProxyProblem::Unreachable(_)), "{problem:?}"),
        }
        assert_eq!(error.advice(), advice, "{error:?}");
        assert!(!format!("{error:?} {error} {client:?}").contains("secret"));
    }
}

#[tokio::test]
async fn a_proxy_that_never_answers_is_given_up() {
    let server = Server::start(|mut stream| async move {
        read_request(&mut stream).await?;
        std::future::pending().await
    })
    .await;
    let options = ClientOptions::new("http://ex01.invalid/", Credentials::negotiate("ann", "x"))
        .proxy(proxy(&server, ""))
        .connect_timeout(Duration::from_millis(200));
    let error = error_of(HttpClient::new(options).unwrap().exchange(request("x".to_owned())).await);
    assert!(matches!(error, Error::Timeout { phase: Phase::Proxy, .. }), "{error:?}");
    assert_eq!(error.advice(), Advice::Later);
}
