//! Signing in with the crate `ntlmclient`, which other people wrote, over HTTP written by hand.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use exchange_sim::{SimOptions, Simulator};
use ntlmclient::{Credentials, Flags, Message, NegotiateMessage};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Posts an empty body and returns the status and the token of the answer.
async fn post(stream: &mut TcpStream, path: &str, token: Option<&[u8]>) -> (u16, Option<Vec<u8>>) {
    let authorization = token
        .map(|token| format!("Authorization: Negotiate {}\r\n", STANDARD.encode(token)))
        .unwrap_or_default();
    let request =
        format!("POST {path} HTTP/1.1\r\nHost: ex01\r\nContent-Length: 0\r\n{authorization}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    let length: usize = header("content-length").unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let token = header("www-authenticate")
        .and_then(|value| STANDARD.decode(value.strip_prefix("Negotiate ")?).ok());
    (status, token)
}

async fn login(user: &str, password: &str, domain: &str) -> u16 {
    let simulator = Simulator::start(SimOptions::default().mailboxes(1)).await.unwrap();
    let mut stream = TcpStream::connect(simulator.addr()).await.unwrap();
    let flags = Flags::NEGOTIATE_UNICODE
        | Flags::REQUEST_TARGET
        | Flags::NEGOTIATE_NTLM
        | Flags::NEGOTIATE_WORKSTATION_SUPPLIED
        | Flags::NEGOTIATE_NTLM2_KEY;
    let negotiate = Message::Negotiate(NegotiateMessage {
        flags,
        supplied_domain: String::new(),
        supplied_workstation: "client".to_owned(),
        os_version: Default::default(),
    });
    let (status, token) =
        post(&mut stream, "/PowerShell/", Some(&negotiate.to_bytes().unwrap())).await;
    assert_eq!(status, 401);
    let Message::Challenge(challenge) = Message::try_from(token.unwrap().as_slice()).unwrap()
    else {
        panic!("no challenge came");
    };
    let target_info: Vec<u8> =
        challenge.target_information.iter().flat_map(|entry| entry.to_bytes()).collect();
    let credentials = Credentials {
        username: user.to_owned(),
        password: password.to_owned(),
        domain: domain.to_owned(),
    };
    let answer = ntlmclient::respond_challenge_ntlm_v2(
        challenge.challenge,
        &target_info,
        ntlmclient::get_ntlm_time(),
        &credentials,
    );
    let flags = Flags::NEGOTIATE_UNICODE | Flags::NEGOTIATE_NTLM | Flags::NEGOTIATE_NTLM2_KEY;
    let answer = answer.to_message(&credentials, "client", flags).to_bytes().unwrap();
    let (status, _) = post(&mut stream, "/PowerShell/", Some(&answer)).await;
    if status == 200 {
        // The connection is signed in from now on.
        assert_eq!(post(&mut stream, "/powershell", None).await, (200, None));
    }
    simulator.close().await;
    status
}

#[tokio::test]
async fn another_client_signs_in() {
    assert_eq!(login("svc-idm", "Simulated-Passw0rd!", "CONTOSO").await, 200);
    assert_eq!(login("SVC-IDM", "Simulated-Passw0rd!", "contoso").await, 200);
    assert_eq!(login("svc-idm@contoso.com", "Simulated-Passw0rd!", "").await, 200);
}

#[tokio::test]
async fn wrong_credentials_are_refused() {
    assert_eq!(login("svc-idm", "Simulated-Passw0rd", "CONTOSO").await, 401);
    assert_eq!(login("somebody", "Simulated-Passw0rd!", "CONTOSO").await, 401);
    assert_eq!(login("svc-idm", "Simulated-Passw0rd!", "FABRIKAM").await, 401);
}

#[tokio::test]
async fn other_paths_are_not_there_and_nobody_gets_in_without_a_token() {
    let simulator = Simulator::start(SimOptions::default().mailboxes(1)).await.unwrap();
    let mut stream = TcpStream::connect(simulator.addr()).await.unwrap();
    assert_eq!(post(&mut stream, "/other", None).await, (404, None));
    assert_eq!(post(&mut stream, "/PowerShell", None).await, (401, None));
    assert_eq!(post(&mut stream, "/PowerShell", Some(b"garbage")).await, (401, None));
    simulator.close().await;
}
