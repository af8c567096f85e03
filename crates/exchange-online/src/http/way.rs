//! The way to a host: straight, or through the tunnel of a proxy. Plain http goes through a tunnel too, so that the proxy
//! sees no token.
//!
//! Spec: RFC 9110, 9.3.6 CONNECT; 11.7 Authenticating Clients to Proxies.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use exchange_cmdlets::BoxError;
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower_service::Service;

use crate::proxy::{Gate, ProxyChoice, ProxyUrlError};

/// Why a proxy gave no tunnel.
#[derive(Debug, thiserror::Error)]
pub(super) enum TunnelError {
    /// The environment names something else than an HTTP proxy.
    #[error("the proxy that the environment names cannot be used")]
    Unusable(#[source] ProxyUrlError),
    #[error("the proxy {proxy} cannot be reached")]
    Unreachable {
        proxy: String,
        #[source]
        source: BoxError,
    },
    #[error("the proxy {proxy} wants other credentials (status 407)")]
    Credentials { proxy: String },
    #[error("the proxy {proxy} refused the tunnel (status {status})")]
    Refused { proxy: String, status: u16 },
    #[error("the answer of the proxy {proxy} is no HTTP")]
    NotHttp { proxy: String },
}

/// Opens connections to hosts.
#[derive(Clone)]
pub(super) struct Way {
    direct: HttpConnector,
    proxy: Arc<ProxyChoice>,
}

type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

impl Way {
    pub(super) fn new(direct: HttpConnector, proxy: ProxyChoice) -> Self {
        Self { direct, proxy: Arc::new(proxy) }
    }
}

impl Service<Uri> for Way {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.direct.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let gate = match self.proxy.before(&target) {
            Ok(gate) => gate,
            Err(error) => return Box::pin(async move { Err(TunnelError::Unusable(error).into()) }),
        };
        match gate {
            None => {
                let connecting = self.direct.call(target);
                Box::pin(async { connecting.await.map_err(Into::into) })
            }
            Some(gate) => {
                let connecting = self.direct.call(gate.uri.clone());
                Box::pin(async move {
                    let unreachable = |source: BoxError| TunnelError::Unreachable {
                        proxy: gate.shown.clone(),
                        source,
                    };
                    let stream = connecting.await.map_err(|error| unreachable(error.into()))?;
                    let mut stream = stream.into_inner();
                    let status = ask(&mut stream, &gate, &target)
                        .await
                        .map_err(|error| unreachable(error.into()))?;
                    let proxy = gate.shown;
                    match status {
                        Some(200..=299) => Ok(TokioIo::new(stream)),
                        Some(407) => Err(TunnelError::Credentials { proxy }.into()),
                        Some(status) => Err(TunnelError::Refused { proxy, status }.into()),
                        None => Err(TunnelError::NotHttp { proxy }.into()),
                    }
                })
            }
        }
    }
}

/// Asks for a tunnel to a host; gives the status of the answer, if it is one.
async fn ask(stream: &mut TcpStream, gate: &Gate, target: &Uri) -> std::io::Result<Option<u16>> {
    let host = target.host().unwrap_or_default();
    let usual = if target.scheme_str() == Some("http") { 80 } else { 443 };
    let port = target.port_u16().unwrap_or(usual);
    let mut request =
        format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n").into_bytes();
    if let Some(value) = &gate.authorization {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(value.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).await?;
    // Byte by byte, for what follows the head belongs to whoever is at the other end of the tunnel.
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= LONGEST_HEAD {
            return Ok(None);
        }
        head.push(stream.read_u8().await?);
    }
    Ok(status(&head))
}

fn status(head: &[u8]) -> Option<u16> {
    let text = String::from_utf8_lossy(head);
    let mut words = text.lines().next()?.split_ascii_whitespace();
    let is_http = words.next()?.starts_with("HTTP/1.");
    words.next()?.parse().ok().filter(|status| is_http && (100..600).contains(status))
}

/// The longest head of a proxy's answer.
const LONGEST_HEAD: usize = 16 << 10;

/// Gives up a connection that does not come about in time, its handshakes included.
#[derive(Clone, Debug)]
pub(super) struct Timely<S> {
    inner: S,
    limit: Duration,
}

impl<S> Timely<S> {
    pub(super) const fn new(inner: S, limit: Duration) -> Self {
        Self { inner, limit }
    }
}

impl<S> Service<Uri> for Timely<S>
where
    S: Service<Uri, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Connecting<S::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let (connecting, limit) = (self.inner.call(target), self.limit);
        Box::pin(async move {
            match tokio::time::timeout(limit, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(format!("no connection within {} s", limit.as_secs_f32()).into()),
            }
        })
    }
}
