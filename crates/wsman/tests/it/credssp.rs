//! CredSSP against an acceptor that others wrote.

use wsman::client::{Credentials, Error, Exchange as _, HttpClient};

use super::peer::{Peer, echo, error_of, request};

fn credentials(peer: &Peer) -> Credentials {
    Credentials::credssp(r"TEST\svc", peer.text("password"))
}

#[tokio::test]
async fn credssp_seals_over_http_with_both_versions_of_tls() {
    for arguments in [&["--auth", "credssp"][..], &["--auth", "credssp", "--tls-max", "1.2"]] {
        let Some(peer) = Peer::start(arguments) else { return };
        let options = peer.options("http", "/echo", credentials(&peer));
        let client = HttpClient::new(options).unwrap();
        assert!(client.overhead() > 20 * wsman::mime::OVERHEAD);
        echo(&client, "CredSSP|").await;
        let client = HttpClient::new(peer.options("https", "/echo", credentials(&peer))).unwrap();
        assert_eq!(client.overhead(), 0);
        echo(&client, "CredSSP|").await;
    }
}

#[tokio::test]
async fn all_forms_of_a_user_name_sign_in() {
    let Some(peer) = Peer::start(&[]) else { return };
    for username in [r"TEST\svc", "svc@test.local", "svc"] {
        let credentials = Credentials::credssp(username, peer.text("password"));
        let client = HttpClient::new(peer.options("http", "/echo", credentials)).unwrap();
        client.exchange(request("x".to_owned())).await.unwrap();
    }
}

#[tokio::test]
async fn a_shell_runs_over_credssp() {
    let Some(peer) = Peer::start(&[]) else { return };
    let options = peer.options("http", "/PowerShell", credentials(&peer));
    let shell = peer.shell(options).await.unwrap();
    shell.receive(None).await.unwrap();
    shell.delete().await.unwrap();
}

#[tokio::test]
async fn wrong_credentials_and_a_missing_scheme_are_told_apart() {
    for arguments in [&[][..], &["--tls-max", "1.2"]] {
        let Some(peer) = Peer::start(arguments) else { return };
        let wrong = Credentials::credssp(r"TEST\svc", "wrong");
        let client = HttpClient::new(peer.options("http", "/echo", wrong)).unwrap();
        let error = error_of(client.exchange(request("x".to_owned())).await);
        assert!(matches!(error, Error::BadCredentials { .. }), "{error:?}");
    }
    let Some(peer) = Peer::start(&["--auth", "negotiate"]) else { return };
    let client = HttpClient::new(peer.options("http", "/echo", credentials(&peer))).unwrap();
    let error = error_of(client.exchange(request("x".to_owned())).await);
    assert!(matches!(error, Error::NotOffered { asked: "CredSSP", .. }), "{error:?}");
}
