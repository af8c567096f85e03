//! A running simulator.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::{OnceCell, watch};
use tokio::task::JoinHandle;

use crate::cloud::{self, Cloud};
use crate::cmdlets::{Call, Exchange};
use crate::directory::{Directory, Recipient};
use crate::fault::FaultPlan;
use crate::http::{Account, CertificateError, Service, Shells, USER, certificate, serve};
use crate::options::{Infrastructure, SimOptions};

pub(crate) const PASSWORD: &str = "Simulated-Passw0rd!";

/// The simulator could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("listening on {address} failed")]
    Listen {
        /// The address that was wanted.
        address: SocketAddr,
        /// Why it could not be had.
        source: io::Error,
    },
    /// It has no certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The certificate of its authority could not be handed out.
    #[error("writing {} failed", file.display())]
    Authority {
        /// The file that was wanted.
        file: PathBuf,
        /// Why it could not be written.
        source: io::Error,
    },
}

/// A simulated Exchange that listens; it stops when it is dropped or [closed](Self::close).
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    infrastructure: Infrastructure,
    ca_file: Option<PathBuf>,
    service: Arc<Service>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Simulator {
    /// Starts to listen.
    ///
    /// # Errors
    ///
    /// [`StartError`] when the address cannot be listened on, or the certificate of the authority not be written.
    ///
    /// # Panics
    ///
    /// When called outside a tokio runtime.
    pub async fn start(options: SimOptions) -> Result<Self, StartError> {
        let wrap = |source| StartError::Listen { address: options.listen, source };
        let listener = TcpListener::bind(options.listen).await.map_err(wrap)?;
        let address = listener.local_addr().map_err(wrap)?;
        let mut service = service(&options);
        if let Some(file) = &options.tls {
            let made = certificate(&service.hostname, address.ip())?;
            std::fs::write(file, made.authority)
                .map_err(|source| StartError::Authority { file: file.clone(), source })?;
            service.tls = Some(made.identity.config);
        }
        let service = Arc::new(service);
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(serve(listener, Arc::clone(&service), stopped));
        let SimOptions { infrastructure, tls: ca_file, .. } = options;
        Ok(Self { address, infrastructure, ca_file, service, stop, task })
    }

    /// Returns the address that it listens on.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL of its endpoint; in the cloud that of both the token endpoint and the API.
    #[must_use]
    pub fn url(&self) -> String {
        match self.infrastructure {
            Infrastructure::Cloud => format!("{}://{}", self.scheme(), self.address),
            Infrastructure::OnPremises | Infrastructure::Hybrid => {
                format!("{}://{}/PowerShell/", self.scheme(), self.address)
            }
        }
    }

    /// Returns the id of the one application that may sign in to the service.
    #[must_use]
    pub const fn application_id(&self) -> uuid::Uuid {
        cloud::APPLICATION
    }

    /// Returns that application's secret; it is no secret.
    #[must_use]
    pub const fn application_secret(&self) -> &'static str {
        cloud::SECRET
    }

    /// Returns the name of the cloud's tenant.
    #[must_use]
    pub const fn organization(&self) -> &'static str {
        cloud::ORGANIZATION
    }

    /// Returns the URL of its WinRM service.
    #[must_use]
    pub fn winrm_url(&self) -> String {
        format!("{}://{}/wsman", self.scheme(), self.address)
    }

    const fn scheme(&self) -> &'static str {
        if self.ca_file.is_some() { "https" } else { "http" }
    }

    /// Returns the user name of the one account that may sign in.
    #[must_use]
    pub fn user(&self) -> String {
        format!("{}\\{}", self.service.account.netbios, self.service.account.user)
    }

    /// Returns that account's password; it is no secret.
    #[must_use]
    pub const fn password(&self) -> &'static str {
        PASSWORD
    }

    /// Returns the name that the simulated server has in its own domain; it does not resolve.
    #[must_use]
    pub fn hostname(&self) -> &str {
        &self.service.hostname
    }

    /// Returns connector settings that reach it, with NTLM and message encryption; in the cloud with the application's
    /// secret.
    #[must_use]
    pub fn settings_toml(&self) -> String {
        match self.infrastructure {
            Infrastructure::Cloud => self.cloud_settings(
                &format!("application_id = \"{}\"\n", cloud::APPLICATION),
                &format!("client_secret = \"{}\"\n", cloud::SECRET),
            ),
            Infrastructure::OnPremises | Infrastructure::Hybrid => self.settings("Negotiate"),
        }
    }

    /// Returns connector settings that reach the cloud with the certificate in a file.
    #[must_use]
    pub fn settings_toml_certificate(&self, file: &std::path::Path, thumbprint: &str) -> String {
        let who = format!(
            "certificate_thumbprint = \"{thumbprint}\"\napplication_id = \"{}\"\n",
            cloud::APPLICATION
        );
        self.cloud_settings(&who, &format!("certificate_file = '{}'\n", file.display()))
    }

    /// Returns connector settings that reach both sides of a hybrid organisation: the own server as
    /// [`settings_toml`](Self::settings_toml) does, and the service with the application's secret.
    #[must_use]
    pub fn settings_toml_both(&self) -> String {
        let origin = format!("{}://{}", self.scheme(), self.address);
        let who = format!(
            "application_id = \"{}\"\norganization = \"{}\"\ncreate_method",
            cloud::APPLICATION,
            cloud::ORGANIZATION
        );
        format!(
            "{}\n[cloud]\nclient_secret = \"{}\"\nauthority_url = \"{origin}\"\napi_url = \"{origin}\"\n{}",
            self.settings("Negotiate").replacen("create_method", &who, 1),
            cloud::SECRET,
            self.ca_setting(),
        )
    }

    fn cloud_settings(&self, who: &str, proof: &str) -> String {
        let url = self.url();
        format!(
            "infrastructure_type = \"Cloud\"\n{who}organization = \"{}\"\ncreate_method = \"New\"\nexcluded_smtp_domains = [\"mail.onmicrosoft.com\"]\n\n[cloud]\n{proof}authority_url = \"{url}\"\napi_url = \"{url}\"\n{}",
            cloud::ORGANIZATION,
            self.ca_setting(),
        )
    }

    /// Returns connector settings that reach its WinRM service, with CredSSP and message encryption.
    #[must_use]
    pub fn settings_toml_winrm(&self) -> String {
        let settings = self.settings("CredSSP");
        format!("{}kind = \"winrm\"\n", settings.replace(&self.url(), &self.winrm_url()))
    }

    /// Returns connector settings that reach it with Basic: over TLS, or in clear, which needs
    /// [`SimOptions::allow_unencrypted`].
    #[must_use]
    pub fn settings_toml_basic(&self) -> String {
        let settings = self.settings("Basic");
        match self.ca_file {
            Some(_) => settings,
            None => format!("{settings}allow_unencrypted = true\n"),
        }
    }

    fn ca_setting(&self) -> String {
        let file = self.ca_file.as_ref();
        file.map(|file| format!("ca_file = {:?}\n", file.display().to_string())).unwrap_or_default()
    }

    fn settings(&self, method: &str) -> String {
        format!(
            "infrastructure_type = \"{}\"\nhostname = \"{}\"\nauthentication_method = \"{method}\"\nusername = '{}'\npassword = \"{PASSWORD}\"\ncreate_method = \"New\"\nexcluded_smtp_domains = [\"mail.onmicrosoft.com\"]\n\n[endpoint]\nurl = \"{}\"\n{}",
            self.infrastructure.name(),
            self.hostname(),
            self.user(),
            self.url(),
            self.ca_setting(),
        )
    }

    /// Returns all recipients as they are now.
    #[must_use]
    pub fn recipients(&self) -> Vec<Recipient> {
        self.with_directory(|directory| directory.recipients().cloned().collect())
    }

    /// Looks at the directory; the simulator stands still meanwhile.
    pub fn with_directory<T>(&self, look: impl FnOnce(&Directory) -> T) -> T {
        look(self.service.shells.exchange().directory())
    }

    /// Lends out the organisation, to be changed behind the back of its clients.
    pub fn with_exchange<T>(&self, act: impl FnOnce(&mut Exchange) -> T) -> T {
        act(&mut self.service.shells.exchange())
    }

    /// Lends out the service's side of a hybrid organisation; `None` where there is none.
    pub fn with_online<T>(&self, act: impl FnOnce(&mut Exchange) -> T) -> Option<T> {
        self.service.online.as_ref().map(|online| act(&mut online.exchange()))
    }

    /// Lets directory synchronisation run once: the service takes over what changed in the own directory. Without a
    /// service's side nothing happens.
    pub fn synchronise(&self) {
        let own = self.service.shells.exchange();
        self.with_online(|online| online.take_over(own.directory()));
    }

    /// Returns the cmdlet calls that were bound so far, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.service.shells.exchange().calls().to_vec()
    }

    /// Returns how many shells are open.
    #[must_use]
    pub fn open_shells(&self) -> usize {
        self.service.shells.open()
    }

    /// Stops listening and closes all connections.
    pub async fn close(self) {
        let Self { stop, task, .. } = self;
        // The task is gone already when the runtime is shutting down, and then there is nothing to tell it.
        let _ = stop.send(true);
        let _ = task.await;
    }
}

fn service(options: &SimOptions) -> Service {
    let shells = Shells::new(options);
    let online = match options.infrastructure {
        Infrastructure::OnPremises => None,
        Infrastructure::Cloud => {
            shells.exchange().detach_policies();
            None
        }
        Infrastructure::Hybrid => {
            let exchange = Exchange::linked(options, shells.exchange().directory());
            Some(Shells::of(options, exchange))
        }
    };
    let organization = shells.exchange().directory().organization().clone();
    let hostname = format!("{}.{}", organization.server.to_lowercase(), organization.domain);
    let account = Account {
        user: USER.to_owned(),
        netbios: organization.netbios,
        domain: organization.domain,
        server: organization.server,
        password: SecretString::from(PASSWORD),
    };
    Service {
        shells,
        faults: FaultPlan::new(options.faults.clone()),
        account,
        hostname,
        allow_unencrypted: options.allow_unencrypted,
        tls: None,
        cloud: (options.infrastructure != Infrastructure::OnPremises).then(|| Cloud::new(options)),
        online,
        credssp: OnceCell::new(),
    }
}
