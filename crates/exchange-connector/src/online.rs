//! Exchange Online: the transport of `exchange-online` under the settings.

use std::sync::Arc;
use std::time::SystemTime;

use exchange_cmdlets::recovery::{Cause, Failure, Ran};
use exchange_cmdlets::{CmdletTransport, Retry};
use exchange_online::{
    ClientCertificate, Credential, ExchangeOnline, HttpExchange, HttpOptions, HttpSettingsError,
    OnlineError, OnlineOptions, Proxy, RestExchange,
};
use psrp_client::wsman::client::TlsVersion;
use url::Url;

use crate::environment::Environment;
use crate::error::Error;
use crate::settings::{
    CertificateSource, Cloud, CloudCredential, Network, ProxySetting, Settings, SettingsError,
};

/// Gives out the one connection to the service.
pub(crate) struct Online {
    api_url: Url,
    authority_url: Url,
    /// Who signs in, for messages.
    who: String,
    /// Tenant and who signs in: what limits are counted for.
    account: String,
    /// Host and port of the proxy before the API.
    proxy: Option<(String, u16)>,
    connection: ExchangeOnline,
}

impl Online {
    pub(crate) fn new(
        settings: &Settings,
        cloud: &Cloud,
        environment: &Environment,
    ) -> Result<Self, SettingsError> {
        let credential = match environment.has_service() {
            true => credential(cloud)?,
            false => stand_in(cloud),
        };
        let options = OnlineOptions::new(cloud.organization.as_str(), credential)
            .service(cloud.authority_url.clone(), cloud.api_url.clone(), cloud.scope.as_str())
            .stay_on_host(cloud.own_api)
            .stall_timeout(settings.stall_timeout)
            .max_concurrent(settings.max_sessions)
            .typed_reads(cloud.typed_reads);
        let mut http = HttpOptions::default().timeout(settings.operation_timeout);
        if let Some(file) = &cloud.ca_file {
            http = http.ca_file(file);
        }
        let http = over(&cloud.network, http);
        let proxy = http.proxy_before(&cloud.api_url);
        let rest = environment.online_exchange(|| {
            let real = HttpExchange::new(&http).map_err(|error| no_trust(cloud, &error))?;
            Ok::<_, SettingsError>(Arc::new(real) as Arc<dyn RestExchange>)
        })?;
        let connection = ExchangeOnline::over(options, rest);
        Ok(Self {
            api_url: cloud.api_url.clone(),
            authority_url: cloud.authority_url.clone(),
            account: format!("{} {}", cloud.organization, who(cloud)),
            who: who(cloud),
            proxy,
            connection,
        })
    }

    pub(crate) fn url(&self) -> &Url {
        &self.api_url
    }

    /// Host and port of the proxy before the API, if there is one.
    pub(crate) fn proxy(&self) -> Option<(String, u16)> {
        self.proxy.clone()
    }

    /// The host and the account that limits are counted for.
    pub(crate) fn account(&self) -> (&str, &str) {
        (self.api_url.host_str().unwrap_or_default(), &self.account)
    }

    /// Signs in, unless that was done before.
    pub(crate) async fn open(&self) -> Result<Arc<dyn CmdletTransport>, Box<(Error, Failure)>> {
        match self.connection.sign_in().await {
            Ok(_) => Ok(Arc::new(self.connection.clone())),
            Err(error) => Err(Box::new(self.not_opened(error))),
        }
    }

    fn not_opened(&self, error: OnlineError) -> (Error, Failure) {
        let target = self.authority_url.to_string();
        let (permanent, wait) = match &error {
            OnlineError::SignIn(cause) => (cause.retry() == Retry::Never, cause.wait()),
            _ => (false, None),
        };
        let source = error.into();
        if permanent {
            let username = self.who.clone();
            let error = Error::SignIn { target, username, source };
            return (error, Failure::new(Cause::Denied, Ran::No));
        }
        let failure = Failure::new(Cause::Connection, Ran::No).wait(wait);
        (Error::Connect { target, source }, failure)
    }
}

/// Goes the way that the settings name.
fn over(network: &Network<Proxy>, http: HttpOptions) -> HttpOptions {
    let Network { proxy, certificate_pins, min_tls, connect_timeout, .. } = network;
    let http = match proxy {
        ProxySetting::Environment => http,
        ProxySetting::None => http.no_proxy(),
        ProxySetting::Through(proxy) => http.proxy(proxy.clone()),
    };
    let http = match connect_timeout {
        Some(timeout) => http.connect_timeout(*timeout),
        None => http,
    };
    let http = http.tls_1_3_only(*min_tls == Some(TlsVersion::Tls13));
    if certificate_pins.is_empty() {
        return http;
    }
    let pins = certificate_pins.clone();
    http.certificate_check(move |certificate| pins.iter().any(|pin| pin.matches(certificate)))
}

/// What to do about an error of the service, when there is one in the chain and there is something to do.
pub(crate) fn remedy(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.filter_map(|error| error.downcast_ref::<OnlineError>()).find_map(OnlineError::remedy)
}

fn who(cloud: &Cloud) -> String {
    match &cloud.credential {
        CloudCredential::Certificate { application_id, .. }
        | CloudCredential::ClientSecret { application_id, .. } => {
            format!("application {application_id}")
        }
        CloudCredential::Password { username, .. } => username.clone(),
    }
}

/// What signs in where nothing checks it: no certificate is looked for.
fn stand_in(cloud: &Cloud) -> Credential {
    match &cloud.credential {
        CloudCredential::Certificate { application_id, .. }
        | CloudCredential::ClientSecret { application_id, .. } => {
            Credential::client_secret(*application_id, "replayed".into())
        }
        CloudCredential::Password { username, password, client_id } => {
            Credential::password(username.as_str(), password.clone(), *client_id)
        }
    }
}

fn credential(cloud: &Cloud) -> Result<Credential, SettingsError> {
    Ok(match &cloud.credential {
        CloudCredential::Certificate {
            application_id,
            thumbprint,
            source,
            password,
            algorithm,
        } => {
            let password = password.as_ref();
            let found = match source {
                CertificateSource::File(file) => {
                    ClientCertificate::from_file(file, *thumbprint, password)
                }
                CertificateSource::Store(folder) => {
                    ClientCertificate::from_store(folder, *thumbprint, password)
                }
                CertificateSource::UserStore => {
                    ClientCertificate::from_user_store(*thumbprint, password)
                }
            };
            let certificate = found.map_err(|error| SettingsError::Value {
                key: "certificate_thumbprint".to_owned(),
                value: format!("\"{thumbprint}\""),
                problem: crate::error::report(&error),
                remedy: error.remedy().to_owned(),
            })?;
            if let Some(warning) = certificate.warning(SystemTime::now()) {
                tracing::warn!("{warning}");
            }
            Credential::Certificate {
                application_id: *application_id,
                certificate: Arc::new(certificate),
                algorithm: *algorithm,
            }
        }
        CloudCredential::ClientSecret { application_id, secret } => {
            Credential::client_secret(*application_id, secret.clone())
        }
        CloudCredential::Password { username, password, client_id } => {
            Credential::password(username.as_str(), password.clone(), *client_id)
        }
    })
}

fn no_trust(cloud: &Cloud, error: &HttpSettingsError) -> SettingsError {
    let file = cloud.ca_file.as_ref().map(|file| file.display().to_string()).unwrap_or_default();
    SettingsError::Value {
        key: "cloud.ca_file".to_owned(),
        value: format!("{file:?}"),
        problem: crate::error::report(error),
        remedy: "name a PEM file with certificates".to_owned(),
    }
}
