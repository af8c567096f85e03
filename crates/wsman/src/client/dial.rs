//! Connecting to a host that has several addresses.
//!
//! Spec: RFC 8305, 5 Connection Attempts.
//!
//! An address that swallows packets must not use up the time of those after it, so the next one is tried soon, and the
//! first connection that comes about is taken.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;

/// Resolves a host, a name or an address without brackets, and connects to it.
pub(crate) async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let addresses = lookup_host((host, port)).await?.take(MOST_ADDRESSES).collect();
    let stream = connect_to_one(interleaved(addresses)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Connects to the first of the addresses that lets itself be connected to.
async fn connect_to_one(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    let mut attempts = JoinSet::new();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        if let Some(address) = waiting.next() {
            attempts.spawn(TcpStream::connect(address));
        } else if attempts.is_empty() {
            return Err(failure);
        }
        let patience = if waiting.len() == 0 { Duration::MAX } else { PATIENCE };
        match tokio::time::timeout(patience, attempts.join_next()).await {
            Ok(Some(Ok(Ok(stream)))) => return Ok(stream),
            Ok(Some(Ok(Err(error)))) => failure = error,
            Ok(Some(Err(error))) => failure = io::Error::other(error),
            Ok(None) | Err(_) => {}
        }
    }
}

/// Puts addresses of both families in turn, the one that the system prefers first.
fn interleaved(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let is_first_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (one, other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == is_first_v6);
    let mut other = other.into_iter();
    let mut mixed: Vec<SocketAddr> =
        one.into_iter().flat_map(|address| [Some(address), other.next()]).flatten().collect();
    mixed.extend(other);
    mixed
}

/// How long an address may take before the next one is tried beside it.
const PATIENCE: Duration = Duration::from_millis(250);
const MOST_ADDRESSES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[test]
    fn families_take_turns() {
        let check = |addresses: &[&str], expected: &[&str]| {
            let parse = |list: &[&str]| -> Vec<SocketAddr> {
                list.iter().map(|text| text.parse().unwrap()).collect()
            };
            assert_eq!(interleaved(parse(addresses)), parse(expected));
        };
        check(&[], &[]);
        check(
            &["[::1]:1", "[::2]:1", "1.1.1.1:1", "[::3]:1"],
            &["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"],
        );
        check(&["1.1.1.1:1", "[::1]:1", "[::2]:1"], &["1.1.1.1:1", "[::1]:1", "[::2]:1"]);
    }

    #[tokio::test]
    async fn an_address_that_refuses_or_is_silent_holds_up_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = listener.local_addr().unwrap();
        // Nobody listens at the first, and the second is in a network for documents that leads nowhere.
        let bad: Vec<SocketAddr> =
            ["127.0.0.1:1", "192.0.2.1:80"].iter().map(|text| text.parse().unwrap()).collect();
        let stream = connect_to_one([&bad[..], &[good]].concat()).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
        let refused = connect_to_one(vec![bad[0]]).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(connect_to_one(Vec::new()).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
