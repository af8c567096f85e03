//! Which connection a request goes over.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use exchange_cmdlets::CmdletCall;
use exchange_online::{
    ExchangeOnline, HttpExchange, HttpOptions, Method, RestExchange as _, RestRequest,
};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use crate::script::{Script, all_mailboxes, options, row, run};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

/// Answers every request without a body, and counts the connections.
async fn serve() -> (Url, Arc<AtomicUsize>) {
    async fn answer(mut stream: TcpStream) {
        let mut request = [0; 4096];
        while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
            if stream.write_all(ANSWER).await.is_err() {
                return;
            }
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("the loopback works");
    let address = listener.local_addr().expect("the loopback works");
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(answer(stream));
        }
    });
    (Url::parse(&format!("http://{address}/")).expect("it is an address"), connections)
}

#[tokio::test]
async fn what_goes_alone_has_a_connection_of_its_own() {
    let (url, connections) = serve().await;
    let exchange = HttpExchange::new(&HttpOptions::default()).expect("trust is set up");
    let send = async |alone: bool| {
        let mut request = RestRequest::new(Method::Get, url.clone());
        request.alone = alone;
        assert_eq!(exchange.send(request).await.expect("it is answered").status, 200);
        connections.load(Ordering::SeqCst)
    };
    assert_eq!((send(false).await, send(false).await), (1, 1));
    assert_eq!((send(true).await, send(true).await), (2, 3));
    assert_eq!(send(false).await, 3, "the first one is still there");
}

#[tokio::test]
async fn writes_go_alone_and_reads_do_not() {
    let script = Script::new();
    for _ in 0..3 {
        script.json(200, &json!({"value": [row(1)]}));
    }
    let online = ExchangeOnline::over(options(), script.clone());
    let by_name =
        |cmdlet: &'static str| CmdletCall::new(cmdlet).parameter("Identity", "a@contoso.com");
    for call in [all_mailboxes(), by_name("Set-Mailbox"), by_name("Remove-Mailbox")] {
        assert!(run(&online, call).await.end.is_none());
    }
    let alone: Vec<_> = script.requests().iter().map(|request| request.alone).collect();
    assert_eq!(alone, [false, true, true]);
}
