//! Kerberos against MIT's KDC and acceptor, and what comes in its place.

use std::time::{Duration, Instant};

use wsman::Advice;
use wsman::client::{
    Credentials, Error, Exchange as _, HttpClient, KerberosError, KerberosOptions,
};

use super::peer::{Peer, echo, error_of, request};

/// Options that name the peer's KDC.
fn at_kdc(peer: &Peer) -> KerberosOptions {
    KerberosOptions::default().realm(peer.text("realm")).kdc(peer.text("kdc")).dns(false)
}

/// Options that leave everything to the peer's krb5.conf.
fn by_file(peer: &Peer) -> KerberosOptions {
    KerberosOptions::default().krb5_conf(peer.text("krb5_config")).dns(false)
}

fn kerberos(peer: &Peer) -> Credentials {
    Credentials::kerberos("svc@test.local", peer.text("password")).with_kerberos(at_kdc(peer))
}

fn spnego(peer: &Peer) -> Credentials {
    Credentials::negotiate("svc@test.local", peer.text("password")).with_kerberos(at_kdc(peer))
}

async fn sign_in(peer: &Peer, scheme: &str, credentials: Credentials) -> Result<String, Error> {
    let client = HttpClient::new(peer.options(scheme, "/echo", credentials))?;
    let answer = client.exchange(request("x".to_owned())).await?;
    Ok(String::from_utf8_lossy(&answer.envelope).into_owned())
}

#[tokio::test]
async fn kerberos_seals_over_http_and_goes_clear_over_https() {
    let Some(peer) = Peer::start(&["--kerberos"]) else { return };
    for (credentials, who) in
        [(kerberos(&peer), "Kerberos|kerberos|"), (spnego(&peer), "Negotiate|kerberos|")]
    {
        for (scheme, overhead) in [("http", wsman::mime::OVERHEAD), ("https", 0)] {
            let client =
                HttpClient::new(peer.options(scheme, "/echo", credentials.clone())).unwrap();
            assert_eq!(client.overhead(), overhead);
            echo(&client, who).await;
        }
    }
    // Exchange's delimiters, with a blank.
    let client = HttpClient::new(peer.options("http", "/PowerShell", kerberos(&peer))).unwrap();
    let answer = client.exchange(request("x".to_owned())).await;
    assert!(answer.is_ok(), "{answer:?}");
}

#[tokio::test]
async fn a_message_that_somebody_changed_or_sent_again_is_refused() {
    let Some(peer) = Peer::start(&["--kerberos"]) else { return };
    super::relay::attack(&peer, || kerberos(&peer)).await;
    super::relay::attack(&peer, || spnego(&peer)).await;
}

#[tokio::test]
async fn a_shell_runs_over_kerberos() {
    let Some(peer) = Peer::start(&["--kerberos", "--auth", "kerberos"]) else { return };
    let shell = peer.shell(peer.options("http", "/PowerShell", kerberos(&peer))).await.unwrap();
    shell.receive(None).await.unwrap();
    shell.delete().await.unwrap();
}

#[tokio::test]
async fn realm_and_kdc_are_found_in_several_ways() {
    let Some(peer) = Peer::start(&["--kerberos"]) else { return };
    let password = peer.text("password");
    let tcp =
        KerberosOptions::default().kdc("127.0.0.1:1").kdc(format!("tcp://{}", peer.text("kdc")));
    for (username, options) in [
        ("svc@test.local", by_file(&peer)),
        (r"TEST.LOCAL\svc", by_file(&peer)),
        (r"TEST\svc", by_file(&peer)),
        ("svc", by_file(&peer)),
        (r"TEST.LOCAL\svc", tcp),
        ("svc", at_kdc(&peer)),
    ] {
        let credentials = Credentials::kerberos(username, password).with_kerberos(options);
        let answer = sign_in(&peer, "http", credentials).await;
        assert!(answer.as_ref().is_ok_and(|text| text.contains("svc")), "{username}: {answer:?}");
    }
}

#[tokio::test]
async fn what_kerberos_lacks_is_told_apart() {
    let Some(peer) = Peer::start(&["--kerberos"]) else { return };
    let password = peer.text("password").to_owned();
    for negotiate in [false, true] {
        let with = |username: &str, password: &str, options: KerberosOptions| {
            let credentials = if negotiate {
                Credentials::negotiate(username, password)
            } else {
                Credentials::kerberos(username, password)
            };
            credentials.with_kerberos(options)
        };
        let wrong = with("svc@test.local", "wrong", at_kdc(&peer));
        let error = error_of(sign_in(&peer, "http", wrong).await);
        assert!(
            matches!(&error, Error::BadCredentials { username } if username == "svc@test.local"),
            "{error:?}"
        );
        let nobody = with("nobody@test.local", &password, at_kdc(&peer));
        let error = error_of(sign_in(&peer, "http", nobody).await);
        assert!(
            matches!(&error, Error::Kerberos(KerberosError::UnknownUser { realm, .. }) if realm == "TEST.LOCAL"),
            "{error:?}"
        );
        let alias = at_kdc(&peer).service("HTTP/alias.test.local");
        let error =
            error_of(sign_in(&peer, "http", with("svc@test.local", &password, alias)).await);
        assert!(
            matches!(error, Error::Kerberos(KerberosError::UnknownService { .. })),
            "{error:?}"
        );
        let down = KerberosOptions::default().realm("TEST.LOCAL").kdc("127.0.0.1:1");
        let error = error_of(sign_in(&peer, "http", with("svc", &password, down)).await);
        assert!(
            matches!(&error, Error::Kerberos(KerberosError::Unreachable { servers, .. }) if servers == &["127.0.0.1:1"]),
            "{error:?}"
        );
        assert_eq!(error.advice(), Advice::Later);
        let elsewhere = by_file(&peer).realm("ELSEWHERE.LOCAL");
        let error = error_of(sign_in(&peer, "http", with("svc", &password, elsewhere)).await);
        assert!(matches!(error, Error::Kerberos(KerberosError::NoKdc { .. })), "{error:?}");
        assert_eq!(error.advice(), Advice::Never);
    }
}

#[tokio::test]
async fn a_server_by_its_number_has_no_ticket() {
    let options = KerberosOptions::default().realm("TEST.LOCAL").kdc("127.0.0.1:1");
    let credentials = Credentials::kerberos("svc", "x").with_kerberos(options);
    let Some(peer) = Peer::start(&[]) else { return };
    let url = peer.url("http", "/echo").replace("localhost", "127.0.0.1");
    let client = HttpClient::new(wsman::client::ClientOptions::new(url, credentials)).unwrap();
    let error = error_of(client.exchange(request("x".to_owned())).await);
    assert!(matches!(error, Error::Kerberos(KerberosError::HostIsAddress { .. })), "{error:?}");
}

#[tokio::test]
async fn ntlm_comes_in_the_place_of_kerberos_where_it_is_allowed_only() {
    let Some(peer) = Peer::start(&["--kerberos"]) else { return };
    let password = peer.text("password");
    for options in [
        KerberosOptions::default().realm("TEST.LOCAL").kdc("127.0.0.1:1"),
        by_file(&peer).realm("ELSEWHERE.LOCAL"),
        at_kdc(&peer).service("HTTP/alias.test.local"),
    ] {
        let refused = Credentials::negotiate(r"TEST\svc", password).with_kerberos(options);
        let error = error_of(sign_in(&peer, "http", refused.clone()).await);
        assert!(matches!(error, Error::Kerberos(_)), "{error:?}");
        let allowed = refused.allow_ntlm_fallback(true);
        let answer = sign_in(&peer, "http", allowed).await.unwrap();
        assert!(answer.starts_with("Negotiate|ntlm|"), "{answer}");
    }
    let wrong = Credentials::negotiate("svc@test.local", "wrong")
        .with_kerberos(at_kdc(&peer))
        .allow_ntlm_fallback(true);
    let error = error_of(sign_in(&peer, "http", wrong).await);
    assert!(matches!(error, Error::BadCredentials { .. }), "{error:?}");
    let kerberos = Credentials::kerberos("svc", password)
        .with_kerberos(KerberosOptions::default().realm("TEST.LOCAL").kdc("127.0.0.1:1"))
        .allow_ntlm_fallback(true);
    let error = error_of(sign_in(&peer, "http", kerberos).await);
    assert!(matches!(error, Error::Kerberos(_)), "{error:?}");
}

#[tokio::test]
async fn the_default_method_takes_what_is_offered() {
    let Some(peer) = Peer::start(&["--kerberos"]) else { return };
    let default =
        |peer: &Peer| Credentials::default_method("svc@test.local", peer.text("password"));
    let answer = sign_in(&peer, "http", default(&peer)).await.unwrap();
    assert!(answer.starts_with("Negotiate|ntlm|"), "{answer}");
    let answer =
        sign_in(&peer, "https", default(&peer).with_kerberos(at_kdc(&peer))).await.unwrap();
    assert!(answer.starts_with("Negotiate|kerberos|"), "{answer}");
    let Some(peer) = Peer::start(&["--kerberos", "--auth", "kerberos,basic"]) else { return };
    let answer = sign_in(&peer, "http", default(&peer).with_kerberos(at_kdc(&peer))).await.unwrap();
    assert!(answer.starts_with("Kerberos|kerberos|"), "{answer}");
    let Some(peer) = Peer::start(&["--auth", "credssp,basic"]) else { return };
    let error = error_of(sign_in(&peer, "https", default(&peer)).await);
    assert!(
        matches!(&error, Error::NotOffered { offered, .. } if offered == &["CredSSP", "Basic"]),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_scheme_that_is_not_offered_is_named() {
    let Some(peer) = Peer::start(&["--kerberos", "--auth", "negotiate"]) else { return };
    let error = error_of(sign_in(&peer, "http", kerberos(&peer)).await);
    assert!(matches!(&error, Error::NotOffered { asked: "Kerberos", .. }), "{error:?}");
    let Some(peer) = Peer::start(&["--kerberos", "--auth", "kerberos"]) else { return };
    let error = error_of(sign_in(&peer, "http", spnego(&peer)).await);
    assert!(matches!(&error, Error::NotOffered { asked: "Negotiate", .. }), "{error:?}");
}

/// What is documented of Kerberos over https: nothing is bound, so a server that demands it refuses the ticket.
#[tokio::test]
async fn a_server_that_demands_channel_bindings_refuses_kerberos_but_not_its_fallback() {
    let Some(peer) = Peer::start(&["--kerberos", "--cbt", "required"]) else { return };
    for credentials in [kerberos(&peer), spnego(&peer)] {
        let error = error_of(sign_in(&peer, "https", credentials.clone()).await);
        assert!(matches!(error, Error::Kerberos(KerberosError::Ticket { .. })), "{error:?}");
        let answer = sign_in(&peer, "http", credentials).await.unwrap();
        assert!(answer.contains("|kerberos|"), "{answer}");
    }
    let answer = sign_in(&peer, "https", spnego(&peer).allow_ntlm_fallback(true)).await.unwrap();
    assert!(answer.starts_with("Negotiate|ntlm|"), "{answer}");
}

#[tokio::test]
async fn logins_take_less_than_a_second() {
    let Some(peer) = Peer::start(&["--kerberos"]) else { return };
    let password = peer.text("password");
    for (name, credentials) in [
        ("NTLM", peer.negotiate()),
        ("Kerberos", kerberos(&peer)),
        ("SPNEGO", spnego(&peer)),
        ("CredSSP", Credentials::credssp("svc", password)),
    ] {
        // The best of several counts, for others use the machine too.
        let mut best = Duration::MAX;
        for _ in 0..10 {
            let start = Instant::now();
            sign_in(&peer, "http", credentials.clone()).await.unwrap();
            best = best.min(start.elapsed());
            if best < Duration::from_secs(1) {
                break;
            }
        }
        eprintln!("a login and an exchange with {name}: {best:?}");
        assert!(best < Duration::from_secs(1), "{name}");
    }
}
