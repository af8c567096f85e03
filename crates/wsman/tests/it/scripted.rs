//! The client against a server on a loopback port that does what a script says.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use wsman::client::{ClientOptions, Credentials, Error, Exchange, HttpClient, Phase, SoapRequest};
use wsman::{Advice, Verb};

/// What a server does after it read a request.
#[derive(Clone, Copy)]
enum Act {
    /// Answers with an envelope that names the request's body.
    Echo,
    /// Answers so, then closes the connection without saying that it will.
    EchoAndClose,
    /// Answers with this text.
    Answer(&'static str),
    /// Closes the connection.
    Close,
    /// Never answers.
    Wait,
}

type Seen = Arc<Mutex<Vec<(usize, String)>>>;

/// Starts a server that follows the script, over all its connections; what it sees is kept with the connection's number.
async fn serve(script: &'static [Act]) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/PowerShell?a=b", listener.local_addr().unwrap());
    let seen = Seen::default();
    let log = Arc::clone(&seen);
    tokio::spawn(async move {
        let acts = Arc::new(Mutex::new(script.iter()));
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(follow(stream, number, Arc::clone(&acts), Arc::clone(&log)));
        }
    });
    (url, seen)
}

async fn follow(
    mut stream: TcpStream,
    number: usize,
    acts: Arc<Mutex<std::slice::Iter<'static, Act>>>,
    log: Seen,
) {
    while let Some(request) = read_request(&mut stream).await {
        let body = request.rsplit("\r\n\r\n").next().unwrap_or_default().to_owned();
        log.lock().unwrap().push((number, request));
        let act = acts.lock().unwrap().next().copied().unwrap_or(Act::Close);
        let echo = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        match act {
            Act::Echo => stream.write_all(echo.as_bytes()).await.unwrap(),
            Act::EchoAndClose => {
                stream.write_all(echo.as_bytes()).await.unwrap();
                return;
            }
            Act::Answer(text) => stream.write_all(text.as_bytes()).await.unwrap(),
            Act::Close => return,
            Act::Wait => std::future::pending().await,
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            if body.len() == length.unwrap().parse::<usize>().unwrap() {
                return Some(text);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn client(url: &str) -> HttpClient {
    let options = ClientOptions::new(url, Credentials::basic("ann", "secret"))
        .allow_unencrypted(true)
        .answer_margin(Duration::from_secs(5));
    HttpClient::new(options).unwrap()
}

async fn ask(client: &HttpClient, body: &str) -> Result<String, Error> {
    let id = wsman::MessageId::from(uuid::Uuid::nil());
    let request = SoapRequest::new(Verb::Send, id, body.to_owned(), Some(Duration::ZERO));
    let answer = client.exchange(request).await?;
    Ok(String::from_utf8(answer.envelope).unwrap())
}

fn connections(seen: &Seen) -> Vec<usize> {
    seen.lock().unwrap().iter().map(|(number, _)| *number).collect()
}

#[tokio::test]
async fn one_connection_carries_request_after_request() {
    let (url, seen) = serve(&[Act::Echo, Act::Echo]).await;
    let client = client(&url);
    assert_eq!(ask(&client, "one").await.unwrap(), "one");
    assert_eq!(ask(&client, "two").await.unwrap(), "two");
    assert_eq!(connections(&seen), [0, 0]);
    let request = seen.lock().unwrap()[0].1.clone();
    let (line, rest) = request.split_once("\r\n").unwrap();
    assert_eq!(line, "POST /PowerShell?a=b HTTP/1.1");
    for header in [
        "Content-Type: application/soap+xml;charset=UTF-8",
        "Accept-Encoding: identity",
        "Connection: Keep-Alive",
        "User-Agent: Microsoft WinRM Client",
        "Authorization: Basic YW5uOnNlY3JldA==",
        "Content-Length: 3",
    ] {
        assert!(rest.contains(header), "{header} is not in {rest}");
    }
}

#[tokio::test]
async fn a_connection_closed_between_requests_is_replaced_unnoticed() {
    let (url, seen) = serve(&[Act::EchoAndClose, Act::Echo]).await;
    let client = client(&url);
    assert_eq!(ask(&client, "one").await.unwrap(), "one");
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(ask(&client, "two").await.unwrap(), "two");
    assert_eq!(connections(&seen), [0, 1]);
}

#[tokio::test]
async fn a_request_that_may_have_arrived_is_not_sent_again() {
    let (url, seen) = serve(&[Act::Echo, Act::Close, Act::Echo]).await;
    let client = client(&url);
    ask(&client, "one").await.unwrap();
    let error = ask(&client, "two").await.unwrap_err();
    assert!(matches!(error, Error::Lost { sent: true, .. }), "{error:?}");
    assert_eq!(error.advice(), Advice::Unknown);
    assert_eq!(connections(&seen), [0, 0]);
    assert_eq!(ask(&client, "three").await.unwrap(), "three");
    assert_eq!(connections(&seen), [0, 0, 1]);
}

#[tokio::test]
async fn exchanges_side_by_side_use_connections_of_their_own_up_to_the_limit() {
    let (url, seen) = serve(&[Act::Wait, Act::Echo, Act::Echo]).await;
    let options = ClientOptions::new(&url, Credentials::basic("ann", "secret"))
        .allow_unencrypted(true)
        .max_connections(2);
    let client = Arc::new(HttpClient::new(options).unwrap());
    let waiting = tokio::spawn({
        let client = Arc::clone(&client);
        async move { ask(&client, "wait").await }
    });
    while connections(&seen).is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (one, two) = tokio::join!(ask(&client, "one"), ask(&client, "two"));
    assert_eq!((one.unwrap().as_str(), two.unwrap().as_str()), ("one", "two"));
    assert_eq!(connections(&seen), [0, 1, 1]);
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn a_dropped_exchange_takes_its_connection_along() {
    let (url, seen) = serve(&[Act::Echo, Act::Wait, Act::Echo]).await;
    let client = client(&url);
    ask(&client, "one").await.unwrap();
    let dropped = tokio::time::timeout(Duration::from_millis(100), ask(&client, "two")).await;
    assert!(dropped.is_err());
    assert_eq!(ask(&client, "three").await.unwrap(), "three");
    assert_eq!(connections(&seen), [0, 0, 1]);
}

#[tokio::test]
async fn a_server_that_says_that_it_closes_is_believed() {
    let (url, seen) = serve(&[
        Act::Answer("HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx"),
        Act::Echo,
    ])
    .await;
    let client = client(&url);
    assert_eq!(ask(&client, "one").await.unwrap(), "x");
    assert_eq!(ask(&client, "two").await.unwrap(), "two");
    assert_eq!(connections(&seen), [0, 1]);
}

#[tokio::test]
async fn a_login_that_the_server_forgot_is_made_again_once() {
    const FORGOT: Act = Act::Answer(
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x, y\"\r\nContent-Length: 0\r\n\r\n",
    );
    let (url, seen) = serve(&[Act::Echo, FORGOT, Act::Echo, FORGOT, FORGOT]).await;
    let client = client(&url);
    ask(&client, "one").await.unwrap();
    assert_eq!(ask(&client, "two").await.unwrap(), "two");
    assert_eq!(connections(&seen), [0, 0, 1]);
    let error = ask(&client, "three").await.unwrap_err();
    assert!(matches!(error, Error::BadCredentials { .. }), "{error:?}");
    assert_eq!(connections(&seen), [0, 0, 1, 1, 2]);
}

#[tokio::test]
async fn answers_without_an_envelope_are_told_apart() {
    let (url, _) = serve(&[
        Act::Answer("HTTP/1.1 302 Found\r\nLocation: https://ex02.contoso.com/PowerShell\r\nContent-Length: 0\r\n\r\n"),
        Act::Answer("HTTP/1.1 400 Bad Request\r\nContent-Length: 79\r\n\r\n[FailureCategory=AuthZ-OverBudgetException] You have exceeded your budget. Wait"),
        Act::Answer("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: Kerberos\r\nContent-Length: 0\r\n\r\n"),
    ])
    .await;
    let client = client(&url);
    let moved = ask(&client, "one").await.unwrap_err();
    assert!(
        matches!(&moved, Error::Redirect { status: 302, location } if location.contains("ex02")),
        "{moved:?}"
    );
    let budget = ask(&client, "two").await.unwrap_err();
    let Error::Http(answer) = &budget else { panic!("{budget:?}") };
    assert_eq!(answer.diagnostics.failure_category(), Some("AuthZ-OverBudgetException"));
    assert_eq!(budget.advice(), Advice::Later);
    let schemes = ask(&client, "three").await.unwrap_err();
    let Error::NotOffered { asked, offered } = &schemes else { panic!("{schemes:?}") };
    assert_eq!(
        (*asked, offered.as_slice()),
        ("Basic", &["Negotiate".to_owned(), "Kerberos".to_owned()][..])
    );
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_in_time() {
    let (url, _) = serve(&[Act::Wait]).await;
    let options = ClientOptions::new(&url, Credentials::basic("ann", "secret"))
        .allow_unencrypted(true)
        .answer_margin(Duration::from_millis(50));
    let error = ask(&HttpClient::new(options).unwrap(), "one").await.unwrap_err();
    assert!(matches!(error, Error::Timeout { phase: Phase::Answer, .. }), "{error:?}");
}

#[tokio::test]
async fn a_login_that_is_not_ntlm_is_refused_by_its_offer() {
    const BARE: Act = Act::Answer(
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate\r\nContent-Length: 0\r\n\r\n",
    );
    let (url, seen) = serve(&[
        Act::Answer("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Kerberos, Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n"),
        BARE,
        BARE,
        Act::Answer("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate !\r\nContent-Length: 0\r\n\r\n"),
        BARE,
        Act::Close,
    ])
    .await;
    let client =
        HttpClient::new(ClientOptions::new(&url, Credentials::negotiate("ann", "x"))).unwrap();
    let asked = |error: Error| match error {
        Error::NotOffered { asked, .. } => asked,
        other => panic!("{other:?}"),
    };
    assert_eq!(asked(ask(&client, "one").await.unwrap_err()), "Negotiate");
    assert_eq!(asked(ask(&client, "two").await.unwrap_err()), "NTLM within Negotiate");
    assert_eq!(asked(ask(&client, "three").await.unwrap_err()), "NTLM within Negotiate");
    let lost = ask(&client, "four").await.unwrap_err();
    assert!(matches!(lost, Error::Lost { sent: false, .. }), "{lost:?}");
    // Bare NTLM begins with its name, SPNEGO with a tag of ASN.1.
    let tokens: Vec<bool> = seen
        .lock()
        .unwrap()
        .iter()
        .map(|(_, request)| request.contains("Authorization: Negotiate TlRMTVNTUA"))
        .collect();
    assert_eq!(tokens, [true, true, false, true, false, true]);
    assert_eq!(connections(&seen), [0, 1, 2, 3, 4, 5]);
}
