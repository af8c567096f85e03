//! Servers that mean harm: each test is one attack, answered with a typed error in bounded time.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use wsman::client::{
    ClientOptions, Credentials, Error, Exchange, HttpClient, Phase, Received, SecurityError, Shell,
    ShellOptions,
};
use wsman::{DecodeError, SignalCode};

use super::peer::{error_of, request};

/// A server, and how many connections were made to it.
pub(crate) struct Server {
    pub(crate) address: String,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// Starts a server that hands each connection to `attack`.
    pub(crate) async fn start<A, F>(attack: A) -> Self
    where
        A: Fn(TcpStream) -> F + Send + 'static,
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(attack(stream));
            }
        });
        Self { address, connections }
    }

    /// Starts a server that answers every request with these bytes.
    async fn answering(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = Arc::new(bytes.into());
        Self::start(move |mut stream| {
            let bytes = Arc::clone(&bytes);
            async move {
                while read_request(&mut stream).await?.is_some() {
                    stream.write_all(&bytes).await?;
                }
                Ok(())
            }
        })
        .await
    }

    /// Starts a server that begins its answer so and goes on with the same bytes without end.
    async fn endless(begin: &'static str, forever: &'static [u8], pause: Duration) -> Self {
        Self::start(move |mut stream| async move {
            read_request(&mut stream).await?;
            stream.write_all(begin.as_bytes()).await?;
            loop {
                stream.write_all(forever).await?;
                tokio::time::sleep(pause).await;
            }
        })
        .await
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn url(&self) -> String {
        format!("http://{}/PowerShell", self.address)
    }

    fn options(&self, credentials: Credentials) -> ClientOptions {
        ClientOptions::new(self.url(), credentials)
            .allow_unencrypted(true)
            .no_proxy()
            .connect_timeout(Duration::from_secs(5))
            .answer_margin(Duration::ZERO)
    }

    fn basic(&self) -> ClientOptions {
        self.options(Credentials::basic("ann", "hunter2"))
    }

    fn client(&self) -> HttpClient {
        HttpClient::new(self.basic()).unwrap()
    }
}

/// Reads a whole request; `None` at the end of the connection.
pub(crate) async fn read_request(stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if bytes.len() - end - 4 >= length.map_or(0, |text| text.parse().unwrap()) {
                return Ok(Some(bytes));
            }
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
}

/// Sends something and returns the error, which has to come soon.
async fn attacked(client: &HttpClient) -> Error {
    let exchange = client.exchange(request("x".to_owned()));
    let result = tokio::time::timeout(Duration::from_secs(20), exchange).await;
    error_of(result.expect("the client gives up by itself"))
}

fn soap(body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

const SOAP: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\n";

#[tokio::test]
async fn a_head_without_end_is_cut_off() {
    for (begin, forever) in [
        (
            "HTTP/1.1 200 OK\r\n",
            &[b"X-Filler: 0123456789abcdef0123456789abcdef\r\n".as_slice(); 100].concat(),
        ),
        ("HTTP/1.1 200 OK\r\nX-Filler: ", &vec![b'x'; 4096]),
        ("HTTP/1.1 200 ", &vec![b'x'; 4096]),
    ] {
        let server = Server::endless(begin, forever.clone().leak(), Duration::ZERO).await;
        let error = attacked(&server.client()).await;
        assert!(matches!(error, Error::Malformed { .. }), "{begin}: {error:?}");
    }
    let many = "X: y\r\n".repeat(40);
    let server = Server::answering(format!("{SOAP}{many}Content-Length: 0\r\n\r\n")).await;
    let few = HttpClient::new(server.basic().max_headers(20)).unwrap();
    assert!(matches!(attacked(&few).await, Error::Malformed { .. }));
}

#[tokio::test]
async fn interim_answers_without_end_are_cut_off() {
    let server =
        Server::endless("", b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n", Duration::ZERO).await;
    let error = attacked(&server.client()).await;
    assert!(matches!(error, Error::TooManyInterim { limit: 16 }), "{error:?}");
    let some = "HTTP/1.1 100 Continue\r\n\r\n".repeat(3) + &soap("<a/>");
    let server = Server::answering(some).await;
    assert!(server.client().exchange(request("x".to_owned())).await.is_ok());
}

#[tokio::test]
async fn a_body_without_end_is_cut_off() {
    let chunked = format!("{SOAP}Transfer-Encoding: chunked\r\n\r\n").leak();
    let to_the_end = format!("{SOAP}Connection: close\r\n\r\n").leak();
    let chunk = [b"4000\r\n".to_vec(), vec![b'x'; 0x4000], b"\r\n".to_vec()].concat().leak();
    let plain = vec![b'x'; 0x4000].leak();
    for (begin, forever) in [(&*chunked, &*chunk), (&*to_the_end, &*plain)] {
        let server = Server::endless(begin, forever, Duration::ZERO).await;
        let error = attacked(&server.client()).await;
        assert!(matches!(error, Error::TooLarge { limit: 0x10_0000 }), "{error:?}");
    }
    // What is only announced is not waited for.
    let server = Server::answering(format!("{SOAP}Content-Length: 99999999999\r\n\r\n")).await;
    assert!(matches!(attacked(&server.client()).await, Error::TooLarge { .. }));
}

#[tokio::test]
async fn answers_that_drip_are_given_up() {
    let (drop, short) = (Duration::from_millis(20), Duration::from_millis(400));
    let head = Server::endless("HTTP/1.1 200 OK\r\nX: ", b"x", drop).await;
    let body = Server::endless("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"x", drop).await;
    let stalled = Server::endless("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", b"", drop).await;
    let wait = |server: &Server| {
        let patient = Duration::from_secs(3600);
        server.basic().body_timeout(patient).stall_timeout(patient)
    };
    for (options, expected) in [
        (wait(&head), Phase::Answer),
        (wait(&body).body_timeout(short), Phase::Body),
        (wait(&stalled).stall_timeout(short), Phase::Body),
    ] {
        let client = HttpClient::new(options).unwrap();
        let id = wsman::MessageId::from(uuid::Uuid::nil());
        let request =
            wsman::client::SoapRequest::new(wsman::Verb::Get, id, "x".to_owned(), Some(short));
        let began = Instant::now();
        let error = error_of(client.exchange(request).await);
        assert!(matches!(&error, Error::Timeout { phase, .. } if *phase == expected), "{error:?}");
        assert!(began.elapsed() < Duration::from_secs(15));
    }
}

#[tokio::test]
async fn chunks_that_are_none_are_refused() {
    let extension = "x".repeat(20_000);
    for chunks in [
        "zz\r\nx\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\n",
        "-1\r\n",
        &format!("1;{extension}\r\nx\r\n0\r\n\r\n"),
        "1\r\nxyz\r\n0\r\n\r\n",
    ] {
        let server =
            Server::answering(format!("{SOAP}Transfer-Encoding: chunked\r\n\r\n{chunks}")).await;
        let error = attacked(&server.client()).await;
        let shown: String = chunks.chars().take(20).collect();
        assert!(matches!(error, Error::Malformed { .. }), "{shown}: {error:?}");
    }
    let server =
        Server::answering(format!("{SOAP}Transfer-Encoding: chunked\r\n\r\nfffffff\r\nx")).await;
    let client = HttpClient::new(server.basic().stall_timeout(Duration::from_millis(300))).unwrap();
    assert!(matches!(attacked(&client).await, Error::Timeout { phase: Phase::Body, .. }));
}

#[tokio::test]
async fn a_compressed_answer_is_never_unpacked() {
    for encoding in ["gzip", "deflate", "br", "xpress, gzip"] {
        let server = Server::answering(format!(
            "{SOAP}Content-Encoding: {encoding}\r\nContent-Length: 3\r\n\r\n\x1F\x0B\x08"
        ))
        .await;
        let error = attacked(&server.client()).await;
        assert!(
            matches!(&error, Error::Compressed { status: 200, encoding: found } if found == encoding),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn lengths_that_lie_lose_the_connection() {
    let short = Server::start(|mut stream| async move {
        read_request(&mut stream).await?;
        stream.write_all(format!("{SOAP}Content-Length: 500\r\n\r\n<a/>").as_bytes()).await
    })
    .await;
    let error = attacked(&short.client()).await;
    assert!(matches!(error, Error::Lost { sent: true, .. }), "{error:?}");
    let twice = format!("{SOAP}Content-Length: 4\r\nContent-Length: 5\r\n\r\n<a/>x");
    let chunks = "Transfer-Encoding: chunked\r\n\r\n4\r\n<a/>\r\n0\r\n\r\n";
    let both = format!("{SOAP}Content-Length: 4\r\n{chunks}");
    for answer in [twice, both] {
        let error = attacked(&Server::answering(answer).await.client()).await;
        assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn what_follows_an_answer_is_not_the_next_answer() {
    let number = Arc::new(AtomicUsize::new(0));
    let server = Server::start(move |mut stream| {
        let own = number.fetch_add(1, Ordering::SeqCst);
        async move {
            while read_request(&mut stream).await?.is_some() {
                let both = soap(&format!("<own{own}/>")) + &soap("<smuggled/>");
                stream.write_all(both.as_bytes()).await?;
            }
            Ok(())
        }
    })
    .await;
    let client = server.client();
    for own in 0..3 {
        let answer = client.exchange(request("x".to_owned())).await.unwrap();
        assert_eq!(answer.envelope, format!("<own{own}/>").into_bytes());
    }
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn a_redirect_takes_no_credentials_anywhere() {
    let elsewhere = Server::answering(soap("<a/>")).await;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let target = &elsewhere.address;
        for location in [
            format!("http://{target}/PowerShell"),
            format!("https://eve:secret@{target}/PowerShell?secret"),
            format!("//{target}/"),
            "/other".to_owned(),
        ] {
            let server = Server::answering(format!(
                "HTTP/1.1 {status}\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
            ))
            .await;
            for credentials in [
                Credentials::basic("ann", "hunter2"),
                Credentials::negotiate("ann", "hunter2"),
                Credentials::credssp("ann", "hunter2"),
                Credentials::default_method("ann", "hunter2"),
            ] {
                // Over http none is followed, whoever wants it.
                for follow in [false, true] {
                    let options = server.options(credentials.clone()).follow_redirects(follow);
                    let client = HttpClient::new(options).unwrap();
                    let error = attacked(&client).await;
                    assert!(matches!(&error, Error::Redirect { .. }), "{error:?}");
                    assert!(!error.to_string().contains("secret"), "{error}");
                }
            }
            assert_eq!(server.connections(), 8);
        }
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_refusal_without_end_is_given_up() {
    let refuse = |scheme: &str| {
        format!("HTTP/1.1 401 No\r\nWWW-Authenticate: {scheme}\r\nContent-Length: 0\r\n\r\n")
    };
    let server = Server::answering(refuse("Basic realm=\"x\"")).await;
    let error = attacked(&server.client()).await;
    assert!(matches!(error, Error::BadCredentials { .. }), "{error:?}");
    // A NegTokenResp that asks for more, an NTLM challenge, nothing, and what is no token at all.
    let incomplete = "Negotiate oQcwBaADCgEB";
    let challenge = format!("Negotiate {}", base64(&challenge()));
    let credssp = format!("CredSSP {}", base64(&[0x16, 3, 3, 0, 2, 2, 0]));
    for (scheme, credentials) in [
        (incomplete, Credentials::negotiate("ann", "hunter2").within_spnego(true)),
        (incomplete, Credentials::negotiate("ann", "hunter2")),
        (&challenge, Credentials::negotiate("ann", "hunter2")),
        (&challenge, Credentials::negotiate("ann", "hunter2").within_spnego(true)),
        ("Negotiate", Credentials::default_method("ann", "hunter2")),
        ("Negotiate @@@@", Credentials::negotiate("ann", "hunter2")),
        ("CredSSP", Credentials::credssp("ann", "hunter2")),
        (&credssp, Credentials::credssp("ann", "hunter2")),
    ] {
        let server = Server::answering(refuse(scheme)).await;
        let client = HttpClient::new(server.options(credentials)).unwrap();
        let error = attacked(&client).await;
        assert!(
            matches!(
                error,
                Error::Security(_) | Error::BadCredentials { .. } | Error::NotOffered { .. }
            ),
            "{scheme}: {error:?}"
        );
        assert!(!format!("{error:?}").contains("hunter2"));
        assert!(server.connections() <= 4, "{scheme}");
    }
}

#[tokio::test]
async fn basic_is_not_sent_where_it_was_not_asked_for() {
    let refusal =
        "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n";
    for credentials in [
        Credentials::negotiate("ann", "hunter2"),
        Credentials::default_method("ann", "hunter2"),
        Credentials::credssp("ann", "hunter2"),
    ] {
        let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let server = Server::start(move |mut stream| {
            let log = Arc::clone(&log);
            async move {
                while let Some(request) = read_request(&mut stream).await? {
                    log.lock().unwrap().extend(request);
                    stream.write_all(refusal.as_bytes()).await?;
                }
                Ok(())
            }
        })
        .await;
        let client = HttpClient::new(server.options(credentials)).unwrap();
        let error = attacked(&client).await;
        assert!(
            matches!(&error, Error::NotOffered { offered, .. } if offered == &["Basic"]),
            "{error:?}"
        );
        let seen = String::from_utf8_lossy(&seen.lock().unwrap()).into_owned();
        assert!(!seen.contains("Basic") && !seen.contains(&base64(b"ann:hunter2")), "{seen}");
    }
}

#[tokio::test]
async fn a_login_that_goes_wrong_leaves_no_request_in_doubt() {
    let challenge = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate AAAA\r\n";
    let silent = Server::start(|mut stream| async move {
        read_request(&mut stream).await?;
        tokio::time::sleep(Duration::from_secs(60)).await;
        Ok(())
    })
    .await;
    let garbage = Server::answering(format!("{challenge}Content-Length: 0\r\n\r\n")).await;
    let early = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    for server in [silent, garbage, early] {
        let options = server.options(Credentials::negotiate("ann", "hunter2"));
        // Both limits are of the same length, and what took too long is signing in all the same.
        let options = options.connect_timeout(Duration::from_secs(2));
        let error = attacked(&HttpClient::new(options).unwrap()).await;
        assert!(
            matches!(error, Error::Security(_) | Error::Timeout { phase: Phase::Login, .. }),
            "{error:?}"
        );
        assert!(!error.outcome_unknown(), "{error:?}");
    }
}

#[tokio::test]
async fn an_answer_that_refuses_nothing_leaves_the_request_in_doubt() {
    let page = "Content-Type: text/html\r\nContent-Length: 2\r\n\r\nhi";
    for status in ["200 OK", "202 Accepted", "502 Bad Gateway", "999 Odd"] {
        let server = Server::answering(format!("HTTP/1.1 {status}\r\n{page}")).await;
        let error = attacked(&server.client()).await;
        assert!(matches!(error, Error::Http(_)) && error.outcome_unknown(), "{error:?}");
    }
    let server = Server::answering("HTTP/1.1 304 Not Modified\r\n\r\n").await;
    let error = attacked(&server.client()).await;
    assert!(matches!(error, Error::Http(_)) && error.outcome_unknown(), "{error:?}");
    let server = Server::answering(format!("HTTP/1.1 404 Not Found\r\n{page}")).await;
    assert!(!attacked(&server.client()).await.outcome_unknown());
    let server = Server::answering("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n").await;
    let error = attacked(&server.client()).await;
    assert_eq!(error.to_string(), "the server redirects (HTTP 302), which is not followed");
}

#[tokio::test]
async fn a_token_of_absurd_size_is_refused() {
    let token = "A".repeat(40_000);
    let refusal = format!(
        "HTTP/1.1 401 No\r\nWWW-Authenticate: Negotiate {token}\r\nContent-Length: 0\r\n\r\n"
    );
    let server = Server::answering(refusal.clone()).await;
    let options = server.options(Credentials::negotiate("ann", "x")).max_token_size(10_000);
    let error = attacked(&HttpClient::new(options).unwrap()).await;
    let Error::Security(SecurityError { text, .. }) = &error else { panic!("{error:?}") };
    assert!(text.contains("larger than 10000 bytes"), "{text}");
    assert!(!error.outcome_unknown(), "nothing was sent but tokens");
    let options = server.options(Credentials::negotiate("ann", "x")).max_header_size(16 << 10);
    let error = attacked(&HttpClient::new(options).unwrap()).await;
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
    let page = "HTTP/1.1 401 No\r\nWWW-Authenticate: Negotiate\r\nContent-Length: 300000\r\n\r\n";
    let server = Server::answering(page).await;
    let options = server.options(Credentials::negotiate("ann", "x"));
    let error = attacked(&HttpClient::new(options).unwrap()).await;
    assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
}

/// A server that signs anybody in with NTLM, which it can do without a password, and answers sealed requests so.
async fn sealed(answer: impl Into<Vec<u8>>) -> Server {
    let answer = Arc::new(answer.into());
    Server::start(move |mut stream| {
        let answer = Arc::clone(&answer);
        async move {
            let challenge = format!(
                "HTTP/1.1 401 No\r\nWWW-Authenticate: Negotiate {}\r\nContent-Length: 0\r\n\r\n",
                base64(&challenge())
            );
            read_request(&mut stream).await?;
            stream.write_all(challenge.as_bytes()).await?;
            read_request(&mut stream).await?;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await?;
            while read_request(&mut stream).await?.is_some() {
                stream.write_all(&answer).await?;
            }
            Ok(())
        }
    })
    .await
}

fn multipart(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
        wsman::mime::Protocol::Spnego.content_type(1),
        body.len()
    );
    [head.into_bytes(), body.to_vec()].concat()
}

#[tokio::test]
async fn a_sealed_request_has_no_other_answer_than_a_sealed_one() {
    let part = |length, signature: usize| wsman::mime::SealedPart {
        length,
        signature: vec![1; signature],
        data: vec![7; 50],
    };
    let encode = |part| wsman::mime::encode(wsman::mime::Protocol::Spnego, &[part]);
    let whole = encode(part(50, 16));
    let without_end = &whole[..whole.len() - 24];
    let many = wsman::mime::encode(wsman::mime::Protocol::Spnego, &vec![part(50, 16); 2000]);
    for (what, body) in [
        ("a forged signature", whole.clone()),
        ("a length too short", encode(part(10, 16))),
        ("a length too long", encode(part(5000, 16))),
        ("no signature", encode(part(50, 0))),
        ("a long signature", encode(part(50, 60))),
        ("no closing delimiter", without_end.to_vec()),
        ("no part", b"--Encrypted Boundary--\r\n".to_vec()),
        ("many parts", many),
        ("nothing", Vec::new()),
        ("clear text", b"<s:Envelope/>".to_vec()),
    ] {
        let server = sealed(multipart(&body)).await;
        let options = server.options(Credentials::negotiate("ann", "hunter2"));
        let client = HttpClient::new(options).unwrap();
        for connections in 1..3 {
            let error = attacked(&client).await;
            assert!(matches!(error, Error::Unseal { status: 200, .. }), "{what}: {error:?}");
            // What was on that connection cannot be trusted any more.
            assert_eq!(server.connections(), connections, "{what}");
        }
    }
    let server = sealed(soap("<s:Envelope/>")).await;
    let client = HttpClient::new(server.options(Credentials::negotiate("ann", "x"))).unwrap();
    assert!(matches!(attacked(&client).await, Error::ClearAnswer { status: 200 }));
    let page = "<html><script>x</script>Service \u{202e}\u{1b}[31mdown</html>";
    let server = sealed(format!(
        "HTTP/1.1 503 Down\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{page}",
        page.len()
    ))
    .await;
    let client = HttpClient::new(server.options(Credentials::negotiate("ann", "x"))).unwrap();
    let error = attacked(&client).await;
    assert!(
        matches!(&error, Error::Http(answer) if answer.status == 503 && answer.excerpt == "Service [31mdown"),
        "{error:?}"
    );
}

#[tokio::test]
async fn error_pages_are_quoted_in_short() {
    for (kind, body, excerpt) in [
        ("text/html", "<html><body>No\r\n<b>way</b></body></html>", "No way"),
        ("text/plain", "Try\u{7}\u{200b} later", "Try later"),
        ("application/json", "", ""),
    ] {
        let server = Server::answering(format!(
            "HTTP/1.1 502 Bad\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
        let error = attacked(&server.client()).await;
        let Error::Http(answer) = &error else { panic!("{error:?}") };
        assert_eq!((answer.status, answer.excerpt.as_str()), (502, excerpt));
    }
}

async fn shell(server: &Server) -> (Arc<dyn Exchange>, ShellOptions) {
    let options = ShellOptions::new(&server.url()).operation_timeout(Duration::from_secs(5));
    (Arc::new(server.client()), options)
}

#[tokio::test]
async fn bombs_of_xml_are_refused() {
    let envelope = |inside: &str| {
        soap(&format!(
            "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Body>{inside}</s:Body></s:Envelope>"
        ))
    };
    let laughs = "<!DOCTYPE a [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;\">]><a>&b;</a>";
    let deep = "<a>".repeat(100_000);
    let wide = "<a/>".repeat(220_000);
    let names: String = (0..5000).map(|n| format!(" a{n}=\"\"")).collect();
    for (answer, expected) in [
        (soap(laughs), "type declaration"),
        (envelope("&b;"), "unknown entity"),
        (envelope(&deep), "more than 64 nested elements"),
        (envelope(&wide), "more than 200000 nodes"),
        (envelope(&format!("<a{names}/>")), "more than 64 attributes"),
    ] {
        let server = Server::answering(answer).await;
        let (client, options) = shell(&server).await;
        let began = Instant::now();
        let error = error_of(wsman::client::identify(&*client, &options).await);
        let Error::Decode { source, .. } = &error else { panic!("{error:?}") };
        assert!(source.to_string().contains(expected), "{source}");
        assert!(began.elapsed() < Duration::from_secs(15), "{expected}");
    }
}

#[tokio::test]
async fn an_answer_to_another_request_is_refused() {
    let server = Server::answering(soap(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" \
         xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\"><s:Header>\
         <a:RelatesTo>uuid:11111111-1111-1111-1111-111111111111</a:RelatesTo></s:Header><s:Body/></s:Envelope>",
    ))
    .await;
    let (client, options) = shell(&server).await;
    let shell = Shell::attach(client, options, "11111111-1111-1111-1111-111111111111".into());
    let error = error_of(shell.delete().await);
    assert!(
        matches!(&error, Error::Decode { source: DecodeError::RelatesTo { .. }, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_envelope_that_says_two_things_is_refused() {
    let relates = "<a:RelatesTo>uuid:11111111-1111-1111-1111-111111111111</a:RelatesTo>";
    let action = "<a:Action>http://schemas.xmlsoap.org/ws/2004/09/transfer/GetResponse</a:Action>";
    for (headers, bodies) in [
        (format!("{relates}<a:RelatesTo>uuid:2</a:RelatesTo>"), "<s:Body/>"),
        (action.to_owned(), "<s:Body/>"),
        (String::new(), "<s:Body/><s:Body/>"),
        (String::new(), "<s:Header/><s:Body/>"),
    ] {
        let server = Server::answering(soap(&format!(
            "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" \
             xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\">\
             <s:Header>{headers}</s:Header>{bodies}</s:Envelope>"
        )))
        .await;
        let (client, options) = shell(&server).await;
        let shell = Shell::attach(client, options, "11111111-1111-1111-1111-111111111111".into());
        let error = error_of(shell.delete().await);
        assert!(
            matches!(&error, Error::Decode { source: DecodeError::Unexpected { .. }, .. }),
            "{headers}{bodies}: {error:?}"
        );
    }
}

#[tokio::test]
async fn ids_that_do_not_look_like_ids_are_not_adopted() {
    let long = "A".repeat(5000);
    for id in ["", "a&#10;b", "&lt;rsp:x/&gt; y", "\u{202e}x", long.as_str()] {
        let server = Server::answering(soap(&format!(
            "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" \
             xmlns:rsp=\"http://schemas.microsoft.com/wbem/wsman/1/windows/shell\"><s:Body>\
             <rsp:CommandResponse><rsp:CommandId>{id}</rsp:CommandId></rsp:CommandResponse></s:Body></s:Envelope>"
        )))
        .await;
        let (client, options) = shell(&server).await;
        let shell = Shell::attach(client, options, "11111111-1111-1111-1111-111111111111".into());
        let error = error_of(shell.command(None, b"x").await);
        assert!(matches!(error, Error::Decode { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_server_that_never_has_output_is_not_asked_without_a_pause() {
    let server = Server::answering(soap(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" \
         xmlns:f=\"http://schemas.microsoft.com/wbem/wsman/1/wsmanfault\"><s:Body><s:Fault><s:Detail>\
         <f:WSManFault Code=\"2150858793\"/></s:Detail></s:Fault></s:Body></s:Envelope>",
    ))
    .await;
    let (client, options) = shell(&server).await;
    let shell = Shell::attach(client, options, "11111111-1111-1111-1111-111111111111".into());
    let began = Instant::now();
    for _ in 0..3 {
        assert_eq!(shell.receive(None).await.unwrap(), Received::Idle);
    }
    assert!(began.elapsed() >= Duration::from_millis(300));
    let command = "11111111-1111-1111-1111-111111111111".into();
    assert!(error_of(shell.signal(&command, SignalCode::Terminate).await).outcome_unknown());
}

/// An NTLM challenge as a Windows server sends it, to anybody.
fn challenge() -> Vec<u8> {
    let info = b"\x02\0\x08\0T\0E\0S\0T\0\x07\0\x08\0\0\x80\x3e\xd5\xde\xb1\x9d\x01\0\0\0\0";
    let length = u8::try_from(info.len()).unwrap();
    let mut token = b"NTLMSSP\0\x02\0\0\0".to_vec();
    token.extend_from_slice(&[0, 0, 0, 0, 56, 0, 0, 0]);
    token.extend_from_slice(&0xE28A_8235_u32.to_le_bytes());
    token.extend_from_slice(b"12345678");
    token.extend_from_slice(&[0; 8]);
    token.extend_from_slice(&[length, 0, length, 0, 56, 0, 0, 0]);
    token.extend_from_slice(&[10, 0, 0x63, 0x45, 0, 0, 0, 15]);
    token.extend_from_slice(info);
    token
}

/// Encodes bytes as base64.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte))
            << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = DIGITS[bits >> (18 - 6 * place) & 63];
            out.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

/// Makes three changes to a good answer, each time others, and the same in each run.
#[tokio::test]
async fn no_damage_to_an_answer_keeps_the_client_from_an_end() {
    let good = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nSet-Cookie: a=b; path=/\r\nTransfer-Encoding: chunked\r\n\r\n\
         5\r\n<a/> \r\n4;x=y\r\n<b/>\r\n0\r\nTrailer: z\r\n\r\n",
        "application/soap+xml;charset=UTF-8"
    );
    let number = Arc::new(AtomicUsize::new(1));
    let server = Server::start(move |mut stream| {
        let mut damaged = good.clone().into_bytes();
        let mut seed = number.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9E37_79B9);
        for _ in 0..3 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let at = (seed >> 33) % damaged.len().max(1);
            match (seed >> 20) % 4 {
                0 => damaged[at] ^= 1 << ((seed >> 24) % 8),
                1 if at + 1 < damaged.len() => drop(damaged.remove(at)),
                2 => damaged.truncate(at + 1),
                _ => damaged.insert(at, b"\r\n :;0\xFF\0"[(seed >> 28) % 8]),
            }
        }
        async move {
            read_request(&mut stream).await?;
            stream.write_all(&damaged).await
        }
    })
    .await;
    let client = server.client();
    let (mut answers, mut errors) = (0, 0);
    for _ in 0..2000 {
        let exchange = client.exchange(request("x".to_owned()));
        match tokio::time::timeout(Duration::from_secs(20), exchange).await.expect("an end") {
            Ok(_) => answers += 1,
            Err(Error::BadCredentials { .. } | Error::Security(_) | Error::Connect { .. }) => {
                panic!("no login failed")
            }
            Err(_) => errors += 1,
        }
    }
    assert!(answers > 20 && errors > 200, "{answers} answers, {errors} errors");
}
