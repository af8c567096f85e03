//! Pages as they arrive: rows before the page has ended, nothing held, what breaks off read again.

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use exchange_cmdlets::{CmdletItem, CmdletTransport as _, ErrorClass, Retry};
use exchange_online::{
    ExchangeOnline, HttpExchange, HttpOptions, Method, OpenFuture, RestAnswer, RestBody, RestError,
    RestExchange, RestFuture, RestRequest, RestStream,
};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{StreamExt as _, stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use url::Url;

use crate::script::{COMMAND, all_mailboxes, good_token, options, row, run};

/// Answers of the API that arrive in pieces, in their order; tokens are good ones.
#[derive(Default)]
struct Pieces {
    bodies: Mutex<VecDeque<RestBody>>,
    opened: AtomicUsize,
    verbs: Mutex<Vec<Method>>,
}

impl Pieces {
    fn new(bodies: impl IntoIterator<Item = RestBody>) -> Arc<Self> {
        let bodies = Mutex::new(bodies.into_iter().collect());
        Arc::new(Self { bodies, ..Self::default() })
    }

    fn online(self: &Arc<Self>) -> ExchangeOnline {
        ExchangeOnline::over(options(), Arc::clone(self) as Arc<dyn RestExchange>)
    }

    fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }
}

impl RestExchange for Pieces {
    fn send(&self, request: RestRequest) -> RestFuture<'_> {
        assert!(request.url.path().ends_with("/token"), "lists are opened: {request:?}");
        Box::pin(async { Ok(good_token(1)) })
    }

    fn open(&self, request: RestRequest) -> OpenFuture<'_> {
        self.opened.fetch_add(1, Ordering::SeqCst);
        self.verbs.lock().expect("no test panics here").push(request.method);
        let body =
            self.bodies.lock().expect("no test panics here").pop_front().expect("there is a body");
        let head = RestAnswer::new(200, "").header("Content-Type", "application/json");
        Box::pin(async { Ok(RestStream::begun(head, body)) })
    }
}

fn body(pieces: impl IntoIterator<Item = Result<String, RestError>>) -> RestBody {
    let pieces: Vec<_> = pieces.into_iter().map(|piece| piece.map(Bytes::from)).collect();
    Box::pin(stream::iter(pieces))
}

fn lost() -> RestError {
    let source = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    RestError::Lost { host: "outlook.office365.com".to_owned(), source: source.into() }
}

fn begin(link: &str) -> String {
    format!("{{\"@odata.nextLink\":\"{COMMAND}?$skiptoken={link}\",\"value\":[")
}

#[tokio::test]
async fn rows_are_given_and_the_next_page_is_asked_for_before_a_page_has_ended() {
    let (pieces, arriving) = mpsc::unbounded_channel::<String>();
    let arriving = stream::unfold(arriving, |mut arriving| async {
        arriving.recv().await.map(|piece| (Ok(Bytes::from(piece)), arriving))
    });
    let last = body([Ok(format!("{{\"value\":[{}]}}", row(3)))]);
    let service = Pieces::new([Box::pin(arriving) as RestBody, last]);
    let online = service.online();
    let mut items = online.invoke(all_mailboxes());
    pieces.send(format!("{}{},{{\"Gu", begin("a"), row(1))).unwrap();
    assert!(matches!(items.next().await, Some(Ok(CmdletItem::Object(_)))));
    tokio::task::yield_now().await;
    assert_eq!(service.opened(), 2, "the link is known");
    let second = row(2).to_string();
    pieces.send(format!("{}]}}", second.strip_prefix("{\"Gu").unwrap())).unwrap();
    drop(pieces);
    assert_eq!(items.filter(|item| std::future::ready(item.is_ok())).count().await, 2);
}

#[tokio::test]
async fn the_next_page_is_asked_for_while_rows_of_this_one_are_still_to_be_taken() {
    for typed in [false, true] {
        for link_comes_first in [true, false] {
            let rows = format!("\"value\":[{},{},{}]", row(1), row(2), row(3));
            let link = format!("\"@odata.nextLink\":\"{COMMAND}?$skiptoken=a\"");
            let page = match link_comes_first {
                true => format!("{{{link},{rows}}}"),
                false => format!("{{{rows},{link}}}"),
            };
            let last = format!("{{\"value\":[{}]}}", row(4));
            let service = Pieces::new([body([Ok(page)]), body([Ok(last)])]);
            let online = ExchangeOnline::over(options().typed_reads(typed), service.clone());
            let mut items = online.invoke(all_mailboxes());
            assert!(matches!(items.next().await, Some(Ok(CmdletItem::Object(_)))));
            tokio::task::yield_now().await;
            assert_eq!(service.opened(), 2, "two rows are still to be taken");
            let rest: Vec<_> = items.collect().await;
            assert_eq!(rest.iter().filter(|item| item.is_ok()).count(), 3, "{rest:?}");
            let verbs = service.verbs.lock().expect("no test panics here").clone();
            assert_eq!(verbs, [if typed { Method::Get } else { Method::Post }; 2]);
        }
    }
}

#[tokio::test]
async fn of_a_large_page_little_is_held() {
    const ROWS: usize = 60_000;
    let filler = "x".repeat(1000);
    let produced = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&produced);
    let text = move |number: usize| {
        let start = if number == 1 { "{\"value\":[" } else { "," };
        let end = if number == ROWS { "]}" } else { "" };
        let piece = format!(
            "{start}{{\"Guid\":\"{}\",\"Notes\":\"{filler}\"}}{end}",
            uuid::Uuid::from_u128(u128::try_from(number).unwrap())
        );
        count.fetch_add(piece.len(), Ordering::SeqCst);
        Ok(Bytes::from(piece))
    };
    let service = Pieces::new([Box::pin(stream::iter(1..=ROWS).map(text)) as RestBody]);
    let online = service.online();
    let mut items = online.invoke(all_mailboxes());
    let mut taken = 0;
    while let Some(item) = items.next().await {
        assert!(matches!(item.unwrap(), CmdletItem::Object(_)));
        taken += 1;
        let ahead = produced.load(Ordering::SeqCst).saturating_sub(taken * 1000);
        assert!(ahead < 64 * taken + 10_000, "{ahead} bytes ahead after {taken} rows");
    }
    assert_eq!(taken, ROWS);
    assert!(produced.load(Ordering::SeqCst) > 60 << 20);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_breaks_off_is_asked_for_again_and_gives_nothing_twice() {
    let service = Pieces::new([
        body([Ok(format!("{{\"value\":[{},{},", row(1), row(2))), Err(lost())]),
        body([Ok(format!("{}{},{},{}]}}", begin("a"), row(2), row(3), row(1)))]),
        body([Ok(format!("{{\"value\":[{},", row(4))), Err(lost())]),
        body([Ok(format!("{{\"value\":[{},{}]}}", row(4), row(5)))]),
    ]);
    let outcome = run(&service.online(), all_mailboxes()).await;
    assert_eq!(outcome.names, ["n1", "n2", "n3", "n4", "n5"]);
    assert!(outcome.end.is_none(), "{}", outcome.report());
    assert_eq!(service.opened(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_goes_on_breaking_off_ends_the_list_in_an_error() {
    let piece = || format!("{{\"value\":[{},", row(1));
    let service = Pieces::new((0..6).map(|_| body([Ok(piece()), Err(lost())])));
    let outcome = run(&service.online(), all_mailboxes()).await;
    assert_eq!(outcome.names, ["n1"]);
    assert_eq!(service.opened(), 6);
    let report = outcome.report();
    let end = outcome.end.expect("it did not end well");
    assert_eq!((end.class(), end.retry()), (ErrorClass::Ambiguous, Retry::AfterCheck), "{report}");

    // Rows without a GUID cannot be told apart.
    let service =
        Pieces::new([body([Ok("{\"value\":[{\"Name\":\"x\"},".to_owned()), Err(lost())])]);
    let outcome = run(&service.online(), all_mailboxes()).await;
    assert!(outcome.end.is_some() && outcome.names == ["x"]);
}

#[tokio::test(start_paused = true)]
async fn pieces_that_make_no_row_are_no_progress() {
    // A byte every ten minutes, for ever.
    let trickle = stream::unfold((), |()| async {
        tokio::time::sleep(std::time::Duration::from_secs(600)).await;
        Some((Ok(Bytes::from_static(b" ")), ()))
    });
    let begun = stream::iter([Ok(Bytes::from(format!("{{\"value\":[{},", row(1))))]);
    let service = Pieces::new([Box::pin(begun.chain(trickle)) as RestBody]);
    let start = tokio::time::Instant::now();
    let outcome = run(&service.online(), all_mailboxes()).await;
    assert_eq!(outcome.names, ["n1"]);
    let end = outcome.end.expect("it does not end well");
    assert!(matches!(end, exchange_cmdlets::TransportError::Stalled { .. }), "{end:?}");
    assert_eq!(start.elapsed().as_secs(), 9600);
}

#[tokio::test]
async fn a_page_that_is_not_what_it_should_be_ends_the_list_in_an_error() {
    for (pieces, reason) in [
        (vec![begin("a"), row(1).to_string()], "one JSON object"),
        (vec![begin("a"), row(1).to_string(), "]".to_owned()], "one JSON object"),
        (
            vec![
                "{\"value\":[".to_owned(),
                row(1).to_string(),
                "],\"error\":{\"message\":\"it failed\"}}".to_owned(),
            ],
            "it failed",
        ),
        (
            vec!["{\"value\":[".to_owned(), row(1).to_string(), "],\"value\":[]}".to_owned()],
            "one list of rows",
        ),
    ] {
        // The next page is asked for when its link came; what it says no longer counts.
        let service = Pieces::new([body(pieces.into_iter().map(Ok)), body([])]);
        let outcome = run(&service.online(), all_mailboxes()).await;
        assert!(outcome.report().contains(reason), "{}", outcome.report());
        assert!(outcome.end.is_some());
    }
}

/// Answers one request with these pieces, each in a chunk of its own, and goes on as `rest` says.
async fn serve(head: &'static str, pieces: Vec<Vec<u8>>, ends_well: bool) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("the loopback works");
    let address = listener.local_addr().expect("the loopback works");
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("the loopback works");
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await.expect("the loopback works");
        stream.write_all(head.as_bytes()).await.expect("the loopback works");
        for piece in pieces {
            let size = format!("{:x}\r\n", piece.len());
            stream.write_all(size.as_bytes()).await.expect("the loopback works");
            stream.write_all(&piece).await.expect("the loopback works");
            stream.write_all(b"\r\n").await.expect("the loopback works");
            stream.flush().await.expect("the loopback works");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        if ends_well {
            stream.write_all(b"0\r\n\r\n").await.expect("the loopback works");
        }
    });
    Url::parse(&format!("http://{address}/")).expect("the loopback works")
}

const GOOD: &str =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n";

fn packed(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("the loopback works");
    encoder.finish().expect("the loopback works").chunks(1000).map(<[u8]>::to_vec).collect()
}

async fn open(url: Url, max_body: usize) -> (RestAnswer, Result<Vec<u8>, RestError>) {
    let exchange =
        HttpExchange::new(&HttpOptions::default().max_body(max_body)).expect("the loopback works");
    let begun =
        exchange.open(RestRequest::new(Method::Get, url)).await.expect("the loopback works");
    let mut bytes = begun.answer.body.clone();
    let mut more = begun.more;
    while let Some(body) = &mut more {
        match body.next().await {
            None => break,
            Some(Ok(piece)) => bytes.extend_from_slice(&piece),
            Some(Err(error)) => return (begun.answer, Err(error)),
        }
    }
    (begun.answer, Ok(bytes))
}

#[tokio::test]
async fn over_http_bodies_arrive_in_pieces_unpacked_and_bounded() {
    let text: Vec<u8> =
        (0..20_000_u32).flat_map(|number| number.to_string().into_bytes()).collect();
    let url = serve(GOOD, packed(&text), true).await;
    assert_eq!(open(url, 1 << 20).await.1.unwrap(), text);
    let url = serve(GOOD, vec![text.clone()], true).await;
    assert_eq!(open(url, 1 << 20).await.1.unwrap(), text, "it is not packed, whatever it says");
    let url = serve(GOOD, packed(&text), true).await;
    let error = open(url, 10_000).await.1.unwrap_err();
    assert!(matches!(error, RestError::TooLarge { limit: 10_000, .. }), "{error:?}");
    let url = serve(GOOD, packed(&text), false).await;
    assert!(matches!(open(url, 1 << 20).await.1, Err(RestError::Lost { .. })));
    let mut cut = packed(&text);
    cut.pop();
    let url = serve(GOOD, cut, true).await;
    assert!(matches!(open(url, 1 << 20).await.1, Err(RestError::Lost { .. })));
    let bad =
        "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n";
    let (answer, body) = open(serve(bad, vec![vec![0; 64]], true).await, 1 << 20).await;
    assert_eq!((answer.status, body.unwrap()), (403, vec![0; 64]));
}
