//! Over TLS: what needs a channel that nobody reads.

use std::path::PathBuf;
use std::sync::Arc;

use exchange_sim::{SimOptions, Simulator};
use psrp_client::wsman::client::{ClientOptions, Credentials, Error, HttpClient, ShellOptions};
use psrp_client::{PoolOptions, RunspacePool};

struct CaFile(PathBuf);

impl Drop for CaFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn start(name: &str) -> (Simulator, CaFile) {
    let file = std::env::temp_dir().join(format!("sim-{name}-{}.pem", std::process::id()));
    let options = SimOptions::default().mailboxes(2).tls(&file);
    (Simulator::start(options).await.unwrap(), CaFile(file))
}

async fn open(options: ClientOptions, url: &str) -> Result<RunspacePool, psrp_client::Error> {
    let http = Arc::new(HttpClient::new(options).unwrap());
    RunspacePool::open(http, ShellOptions::new(url), PoolOptions::default()).await
}

#[tokio::test]
async fn basic_and_negotiate_sign_in_over_https() {
    let (simulator, CaFile(file)) = &start("good").await;
    let url = simulator.url();
    assert!(url.starts_with("https://"));
    let (user, password) = (simulator.user(), simulator.password());
    for credentials in [
        Credentials::basic(user.as_str(), password),
        Credentials::negotiate(user.as_str(), password),
    ] {
        let options = ClientOptions::new(&url, credentials).native_roots(false).ca_file(file);
        open(options, &url).await.unwrap().close().await;
    }
    let wrong = Credentials::basic(user, "wrong");
    let options = ClientOptions::new(&url, wrong).native_roots(false).ca_file(file);
    let error = open(options, &url).await.unwrap_err();
    assert!(matches!(error.transport(), Some(Error::BadCredentials { .. })), "{error:?}");
    assert!(simulator.settings_toml_basic().contains(&file.display().to_string()));
    assert_eq!(simulator.open_shells(), 0);
}

#[tokio::test]
async fn a_client_that_does_not_know_the_authority_stays_away() {
    let (simulator, _file) = &start("unknown").await;
    let credentials = Credentials::basic(simulator.user(), simulator.password());
    let options = ClientOptions::new(simulator.url(), credentials);
    let error = open(options, &simulator.url()).await.unwrap_err();
    assert!(matches!(error.transport(), Some(Error::Certificate { .. })), "{error:?}");
}
