//! Redirects over https, which lead to another path of the same server or nowhere.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wsman::client::{ClientOptions, Credentials, Error, Exchange as _, HttpClient};

use super::hostile::Server;
use super::peer::{error_of, request};
use super::trust::{Authority, BOTH, VALID};

/// What a server answers on a path: 302 and a location, or an envelope.
type Answer = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The paths that a server was asked for.
type Seen = Arc<Mutex<Vec<String>>>;

async fn serve(
    authority: &Authority,
    answer: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
) -> (Server, Seen) {
    let answer: Answer = Arc::new(answer);
    let (acceptor, _) = authority.acceptor("localhost", VALID, BOTH);
    let seen = Seen::default();
    let told = Arc::clone(&seen);
    let server = Server::start(move |stream| {
        let (acceptor, told, answer) = (acceptor.clone(), Arc::clone(&told), Arc::clone(&answer));
        async move {
            let mut stream = acceptor.accept(stream).await?;
            let mut buffer = vec![0; 4096];
            loop {
                let length = stream.read(&mut buffer).await?;
                if length == 0 {
                    return Ok(());
                }
                let head = String::from_utf8_lossy(&buffer[..length]).into_owned();
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                assert!(head.starts_with("POST "), "{head}");
                told.lock().unwrap().push(path.clone());
                let reply = match answer(&path) {
                    Some(location) => {
                        format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
                    }
                    None => "HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nContent-Length: 4\r\n\r\n<a/>".to_owned(),
                };
                stream.write_all(reply.as_bytes()).await?;
                stream.flush().await?;
            }
        }
    })
    .await;
    (server, seen)
}

fn client(authority: &Authority, server: &Server, follow: bool) -> HttpClient {
    let port = server.address.rsplit(':').next().unwrap();
    let credentials = Credentials::basic("ann", "hunter2");
    let options = ClientOptions::new(format!("https://localhost:{port}/PowerShell"), credentials);
    let options = options.native_roots(false).ca_file(&authority.file).no_proxy();
    HttpClient::new(options.follow_redirects(follow)).unwrap()
}

#[tokio::test]
async fn another_path_is_followed_where_it_is_wanted_and_kept() {
    let authority = Authority::new();
    let moved = |path: &str| (path == "/PowerShell").then(|| "/PowerShell/?a=1".to_owned());
    let (server, seen) = serve(&authority, moved).await;
    let error = error_of(client(&authority, &server, false).exchange(request("x".into())).await);
    assert!(matches!(error, Error::Redirect { status: 302, .. }), "{error:?}");
    seen.lock().unwrap().clear();
    let client = client(&authority, &server, true);
    for _ in 0..2 {
        let answer = client.exchange(request("x".into())).await.unwrap();
        assert_eq!(answer.envelope, b"<a/>");
    }
    let expected = ["/PowerShell", "/PowerShell/?a=1", "/PowerShell/?a=1"];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test]
async fn no_other_server_is_connected_to() {
    let authority = Authority::new();
    let (elsewhere, nothing) = serve(&authority, |_| None).await;
    let port = elsewhere.address.rsplit(':').next().unwrap().to_owned();
    for location in [
        format!("https://localhost:{port}/PowerShell"),
        format!("http://localhost:{port}/PowerShell"),
        "https://ex02.contoso.com/PowerShell".to_owned(),
    ] {
        let named = location.clone();
        let (server, _) = serve(&authority, move |_| Some(named.clone())).await;
        let client = client(&authority, &server, true);
        let error = error_of(client.exchange(request("x".into())).await);
        assert!(
            matches!(&error, Error::Redirect { location: named, .. } if *named == location),
            "{error:?}"
        );
        assert_eq!(server.connections(), 1);
    }
    assert_eq!(elsewhere.connections(), 0);
    assert!(nothing.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_circle_ends() {
    let authority = Authority::new();
    let (server, seen) = serve(&authority, |_| Some("/PowerShell".to_owned())).await;
    let error = error_of(client(&authority, &server, true).exchange(request("x".into())).await);
    assert!(matches!(error, Error::Redirect { .. }), "{error:?}");
    assert_eq!(seen.lock().unwrap().len(), 6);
}
