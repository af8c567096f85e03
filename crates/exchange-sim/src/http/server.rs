//! The listener and its connections.

use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, OnceCell, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::connection::Connection;
use super::credssp::Identity;
use super::tls::{certificate_of, rsa_key};
use super::{Account, Shells};
use crate::cloud::{self, Cloud};
use crate::fault::FaultPlan;

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) shells: Shells,
    pub(crate) faults: FaultPlan,
    pub(crate) account: Account,
    pub(crate) hostname: String,
    pub(crate) allow_unencrypted: bool,
    /// Set when it is served over TLS.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// The service's endpoints.
    pub(crate) cloud: Option<Cloud>,
    /// The service's own organisation, when it is one side of a hybrid one; else its endpoints are the only ones.
    pub(crate) online: Option<Shells>,
    /// What CredSSP's channel is made with, once somebody asked for it.
    pub(crate) credssp: OnceCell<Identity>,
}

impl Service {
    /// Whether bodies may come unsealed, and the password with Basic.
    pub(super) fn takes_clear(&self) -> bool {
        self.allow_unencrypted || self.tls.is_some()
    }

    /// What CredSSP's channel is made with; the first to ask waits until its key is made.
    pub(super) async fn credssp(&self) -> Option<&Identity> {
        let make = async || {
            let hostname = self.hostname.clone();
            let made = tokio::task::spawn_blocking(move || {
                let address = std::net::Ipv4Addr::LOCALHOST.into();
                certificate_of(rsa_key()?, &hostname, address)
            });
            match made.await {
                Ok(Ok(made)) => Ok(made.identity),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "no channel for CredSSP");
                    Err(())
                }
                Err(_) => Err(()),
            }
        };
        self.credssp.get_or_try_init(make).await.ok()
    }

    /// The service's endpoints, if a request for `path` is for them, and the organisation behind them.
    pub(super) fn cloud(&self, path: &str) -> Option<(&Cloud, &Shells)> {
        let cloud = self.cloud.as_ref()?;
        match &self.online {
            None => Some((cloud, &self.shells)),
            Some(online) => cloud::is_path(path).then_some((cloud, online)),
        }
    }

    pub(super) fn server_name(&self) -> &str {
        &self.account.server
    }
}

/// Accepts connections until told to stop; then all of them are closed.
pub(crate) async fn serve(
    listener: TcpListener,
    service: Arc<Service>,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&service)));
                }
                Err(error) => tracing::debug!(%error, "accepting failed"),
            },
            Some(_) = connections.join_next() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

async fn connection(stream: TcpStream, service: Arc<Service>) {
    // Small answers would wait for acknowledgements otherwise.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no delay could not be set");
    }
    match &service.tls {
        None => answer(stream, service).await,
        Some(config) => match TlsAcceptor::from(Arc::clone(config)).accept(stream).await {
            Ok(stream) => answer(stream, service).await,
            Err(error) => tracing::debug!(%error, "no TLS came about"),
        },
    }
}

async fn answer(stream: impl AsyncRead + AsyncWrite + Send + Unpin, service: Arc<Service>) {
    let connection = Arc::new(Mutex::new(Connection::new(service)));
    let handler = service_fn(move |request| {
        let connection = Arc::clone(&connection);
        async move { connection.lock().await.handle(request).await }
    });
    if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), handler).await
    {
        tracing::debug!(%error, "connection ended");
    }
}
