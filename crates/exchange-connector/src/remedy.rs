//! What a user can do when no session can be opened.
//!
//! The lower layers say what went wrong in the words of their protocols; here stands which setting or which command of an
//! administrator puts it right.

use psrp_client::wsman::client::{
    CertificateProblem, Error as HttpError, HttpAnswer, KerberosError, Phase, ProxyProblem,
    TlsProblem,
};
use psrp_client::wsman::{Fault, FaultCode};
use url::Url;

use crate::error::{BoxError, Error};
use crate::online;

/// Says what to do about an error that kept a session from opening, or of the service; nothing where the error says it, or nobody knows.
pub(crate) fn of(error: &Error) -> Option<String> {
    match error {
        Error::SignIn { target, source, .. } | Error::Connect { target, source } => {
            of_source(&Door::at(target), source)
        }
        Error::TooManySessions { target, .. } => Some(Door::at(target).too_many_sessions().into()),
        Error::NoExchange { .. } => Some(NO_EXCHANGE.to_owned()),
        Error::NotPermitted { source, .. } => online::remedy(&**source).map(str::to_owned),
        Error::Lost { source, .. } => online::remedy(source).map(str::to_owned),
        _ => None,
    }
}

/// Whether an error that kept a session from opening is about signing in.
pub(crate) fn is_of_signing_in(error: &Error) -> bool {
    match error {
        Error::SignIn { .. } => true,
        Error::Connect { source, .. } => {
            online::remedy(&**source).is_some()
                || matches!(
                    transport(source),
                    Some(HttpError::Kerberos(_) | HttpError::Timeout { phase: Phase::Login, .. })
                )
        }
        _ => false,
    }
}

fn transport(source: &BoxError) -> Option<&HttpError> {
    source.downcast_ref::<psrp_client::Error>()?.transport()
}

fn of_source(door: &Door, source: &BoxError) -> Option<String> {
    if let Some(remedy) = online::remedy(&**source) {
        return Some(remedy.to_owned());
    }
    let error = source.downcast_ref::<psrp_client::Error>()?;
    let Some(error) = error.transport() else { return Some(door.open().to_owned()) };
    Some(match error {
        HttpError::NotOffered { asked, offered } => door.not_offered(asked, offered),
        HttpError::BadCredentials { .. } => door.credentials(),
        HttpError::Kerberos(error) => kerberos(door, error).to_owned(),
        HttpError::Connect { .. } | HttpError::Timeout { phase: Phase::Connect, .. } => {
            REACH.to_owned()
        }
        HttpError::Proxy { problem, .. } => proxy(problem).to_owned(),
        HttpError::Timeout { phase: Phase::Proxy, .. } => PROXY.to_owned(),
        HttpError::Certificate { problem, .. } => certificate(*problem).to_owned(),
        HttpError::Tls { problem, .. } => tls(*problem).to_owned(),
        HttpError::Timeout { phase: Phase::Tls, .. } => tls(TlsProblem::NotTls).to_owned(),
        HttpError::Timeout { phase: Phase::Login, .. } => {
            "see that the server can reach a domain controller, or raise endpoint.connect_timeout"
                .to_owned()
        }
        HttpError::Timeout { .. } => {
            "see what keeps the server busy, or raise endpoint.operation_timeout".to_owned()
        }
        HttpError::Lost { .. } => door.lost(),
        HttpError::SignedOut => door.service().to_owned(),
        HttpError::Redirect { .. } => REDIRECT.to_owned(),
        HttpError::Http(answer) => door.page(answer).to_owned(),
        HttpError::Fault { fault, .. } => door.fault(fault).to_owned(),
        HttpError::Security(_) => door.methods(),
        _ => door.open().to_owned(),
    })
}

/// What stands at the address: Exchange's own endpoint or the WinRM service, with or without TLS.
struct Door {
    is_winrm: bool,
    is_https: bool,
}

impl Door {
    fn at(target: &str) -> Self {
        let url = Url::parse(target).ok();
        let path = url.as_ref().map_or("", Url::path);
        Self {
            is_winrm: path.trim_matches('/').eq_ignore_ascii_case("wsman"),
            is_https: url.as_ref().is_some_and(|url| url.scheme() == "https"),
        }
    }

    fn either(&self, winrm: &'static str, exchange: &'static str) -> &'static str {
        if self.is_winrm { winrm } else { exchange }
    }

    /// Names the methods that would do, and how to switch on the one that was asked for.
    fn not_offered(&self, asked: &str, offered: &[String]) -> String {
        let usable: Vec<&str> =
            offered.iter().filter_map(|scheme| self.setting(asked, scheme)).collect();
        let here = self.switch_on(asked);
        match usable.as_slice() {
            [] if self.is_https => format!("switch {asked} on at the server: {here}"),
            [] => format!(
                "switch {asked} on at the server: {here}; or name an https address in endpoint.url, where \
                           servers offer more"
            ),
            usable => format!(
                "set {}, which the server offers, or switch {asked} on there: {here}",
                usable.join(" or ")
            ),
        }
    }

    /// The setting that signs in by a scheme that the server offers.
    fn setting(&self, asked: &str, scheme: &str) -> Option<&'static str> {
        let is = |name: &str| scheme.eq_ignore_ascii_case(name);
        if is("Negotiate") && asked == "Kerberos" {
            Some("authentication_method = \"Negotiate\" with kerberos.realm")
        } else if is("Negotiate") {
            Some("authentication_method = \"Negotiate\"")
        } else if is("Kerberos") {
            Some("authentication_method = \"Kerberos\"")
        } else if is("CredSSP") && self.is_winrm {
            Some("authentication_method = \"CredSSP\"")
        } else if is("Basic") && self.is_https {
            Some("authentication_method = \"Basic\"")
        } else if scheme.ends_with("/secprofile/https/mutual") {
            Some("authentication_method = \"Default\" with endpoint.client_certificate_file")
        } else {
            None
        }
    }

    fn switch_on(&self, asked: &str) -> &'static str {
        match asked {
            "CredSSP" => "Enable-WSManCredSSP -Role Server",
            "Basic" => self.either(
                "winrm set winrm/config/service/auth @{Basic=\"true\"}",
                "Set-PowerShellVirtualDirectory -BasicAuthentication $true",
            ),
            "Kerberos" => self.either(
                "winrm set winrm/config/service/auth @{Kerberos=\"true\"}",
                "Set-PowerShellVirtualDirectory -WindowsAuthentication $true",
            ),
            "Negotiate" | "Negotiate or Kerberos" => self.either(
                "winrm set winrm/config/service/auth @{Negotiate=\"true\"}",
                "Set-PowerShellVirtualDirectory -WindowsAuthentication $true",
            ),
            _ => self.either(
                "winrm set winrm/config/service/auth @{Certificate=\"true\"}",
                "Set-PowerShellVirtualDirectory -CertificateAuthentication $true",
            ),
        }
    }

    fn credentials(&self) -> String {
        let mut text =
            "correct username and password before trying again, for accounts lock".to_owned();
        if self.is_https {
            text.push_str(
                "; where they are right, a proxy that ends TLS before a server with Extended Protection is refused too",
            );
        }
        if self.is_winrm {
            text.push_str("; WinRM lets in administrators of the server and its group Remote Management Users");
        }
        text
    }

    fn methods(&self) -> String {
        let which = self.either(
            "winrm get winrm/config/service/auth; CredSSP is switched on by Enable-WSManCredSSP -Role Server",
            "Get-PowerShellVirtualDirectory | fl *Authentication*",
        );
        format!(
            "correct username, password or authentication_method; see which methods the server takes ({which})"
        )
    }

    fn lost(&self) -> String {
        let other = if self.is_https { "http" } else { "https" };
        format!(
            "see that the service runs, and that endpoint.url has the scheme of that port, for it may be one of {other}"
        )
    }

    fn open(&self) -> &'static str {
        self.either(
            "see that endpoint.url leads to the WinRM service (http on 5985 or https on 5986, path /wsman), that the \
             account is an administrator of the server or in its group Remote Management Users, and that no forgotten \
             sessions use up its limit",
            "see that endpoint.url leads to Exchange's PowerShell virtual directory, that the account has a management \
             role, and that no forgotten sessions use up its limit",
        )
    }

    fn address(&self) -> &'static str {
        self.either(
            "see that endpoint.url leads to the WinRM service (http on 5985 or https on 5986, path /wsman); for Exchange's \
             own endpoint write endpoint.kind = \"exchange\" and the path /PowerShell/",
            "see that endpoint.url leads to Exchange's PowerShell virtual directory (path /PowerShell/ on 80 or 443); for \
             the WinRM service write endpoint.kind = \"winrm\" and the path /wsman",
        )
    }

    fn roles(&self) -> &'static str {
        self.either(
            "make the account an administrator of the server or a member of its group Remote Management Users",
            "give the account a management role, and allow it remote PowerShell (Set-User -RemotePowerShellEnabled $true)",
        )
    }

    fn service(&self) -> &'static str {
        self.either(
            "see that the service WinRM runs on the server, and try again",
            "see that the application pools MSExchangePowerShellAppPool and MSExchangePowerShellFrontEndAppPool run on \
             the server, and try again",
        )
    }

    fn too_many_sessions(&self) -> &'static str {
        self.either(
            "let one run at a time use the account, lower endpoint.max_sessions, or raise MaxShellsPerUser in \
             winrm/config/winrs",
            "let one run at a time use the account, lower endpoint.max_sessions, or raise PowerShellMaxConcurrency in the \
             account's throttling policy",
        )
    }

    fn page(&self, answer: &HttpAnswer) -> &'static str {
        match answer.status {
            404 | 405 => self.address(),
            401 | 403 => self.roles(),
            400 if answer.diagnostics.failure_category().is_some() => self.too_many_sessions(),
            407 => PROXY,
            413 => "raise MaxEnvelopeSizekb in winrm/config of the server",
            429 | 500..=599 => self.service(),
            _ => self.open(),
        }
    }

    fn fault(&self, fault: &Fault) -> &'static str {
        let Some(code) = fault.code else { return self.open() };
        match code {
            FaultCode::ACCESS_DENIED => self.roles(),
            FaultCode::LOGON_FAILURE | FaultCode::FAILED_AUTHENTICATION => {
                "correct username and password before trying again, for accounts lock"
            }
            FaultCode::INVALID_RESOURCE_URI | FaultCode::RESOURCE_NOT_FOUND => self.address(),
            FaultCode::REDIRECT_REQUESTED => REDIRECT,
            FaultCode::REMOTE_SHELLS_NOT_ALLOWED => {
                "allow them on the server: winrm set winrm/config/winrs @{AllowRemoteShellAccess=\"true\"}"
            }
            FaultCode::UNENCRYPTED_DISABLED => {
                "name an https address in endpoint.url, or use a method that seals messages"
            }
            FaultCode::DESTINATION_UNREACHABLE | FaultCode::HTTP_UNAVAILABLE => self.service(),
            _ if fault.is_quota() => self.too_many_sessions(),
            _ => self.open(),
        }
    }
}

fn kerberos(door: &Door, error: &KerberosError) -> &'static str {
    match error {
        KerberosError::NoRealm { .. } => {
            "set kerberos.realm, write username as user@domain, or name a default_realm in krb5.conf"
        }
        KerberosError::NoKdc { .. } | KerberosError::Unreachable { .. } => {
            "name a domain controller in kerberos.kdc that answers on port 88, or correct kerberos.realm, krb5.conf or the \
             SRV records _kerberos._tcp of the realm"
        }
        KerberosError::UnknownUser { .. } | KerberosError::Refused { .. } => {
            "correct username (user@REALM) and kerberos.realm, and see that the account is enabled and its password has \
             not expired"
        }
        KerberosError::UnknownService { .. } | KerberosError::HostIsAddress { .. } => {
            "use the server's own name in hostname and endpoint.url, or register HTTP/<name> for the account that serves \
             it (setspn -S)"
        }
        KerberosError::ClockSkew { .. } => "set the clock of this machine by that of the domain",
        KerberosError::NoTicket { .. } => {
            "fetch a ticket (kinit), or name kerberos.keytab or kerberos.ccache"
        }
        KerberosError::NoSystemLibrary => {
            "write username and password, or use a build with the feature gssapi"
        }
        KerberosError::System { .. } => {
            "see what krb5.conf says of the realm, its KDCs and encryption types"
        }
        _ if door.is_https => {
            "see that HTTP/<name> is registered for the account that serves it (setspn -Q); where the server demands \
             Extended Protection, use http, NTLM (Negotiate), or a ticket (kerberos.keytab, kerberos.ccache)"
        }
        _ => {
            "see that HTTP/<name> is registered for the account that serves it (setspn -Q), and to no other"
        }
    }
}

fn proxy(problem: &ProxyProblem) -> &'static str {
    match problem {
        ProxyProblem::Credentials => {
            "write user name and password in endpoint.proxy: http://user:password@host:port"
        }
        ProxyProblem::Refused { .. } => {
            "let the proxy make tunnels (CONNECT) to the server's port, or go without it: endpoint.proxy = \"none\""
        }
        _ => PROXY,
    }
}

fn certificate(problem: CertificateProblem) -> &'static str {
    match problem {
        CertificateProblem::UnknownIssuer | CertificateProblem::BadSignature => {
            "name the certificate authority of the server in endpoint.ca_file"
        }
        CertificateProblem::WrongName => {
            "use a host name in hostname and endpoint.url that the certificate is for"
        }
        CertificateProblem::NotPinned => {
            "see that it is the server that you mean, then write the new pin in endpoint.certificate_pin"
        }
        CertificateProblem::Expired | CertificateProblem::Revoked => {
            "give the server a new certificate"
        }
        CertificateProblem::NotYetValid => "see that the clock of this machine is right",
        _ => "give the server a certificate for the authentication of servers",
    }
}

fn tls(problem: TlsProblem) -> &'static str {
    match problem {
        TlsProblem::Version => "switch TLS 1.2 on at the server, or lower endpoint.min_tls",
        TlsProblem::NothingInCommon => {
            "let the server offer cipher suites with ECDHE and GCM, as Windows Server 2016 and later do"
        }
        TlsProblem::ClientCertificate => {
            "name a certificate that the server accepts in endpoint.client_certificate_file"
        }
        _ => {
            "see that endpoint.url has a port that speaks TLS; http is on 80 and 5985, https on 443 and 5986"
        }
    }
}

const REACH: &str = "see that hostname and endpoint.url are right, that the server runs, and that a firewall lets this port through";
const PROXY: &str =
    "correct endpoint.proxy or the environment's proxy, or go without: endpoint.proxy = \"none\"";
const REDIRECT: &str = "write the address in endpoint.url if it can be trusted with the password; endpoint.follow_redirects = \
                        true follows those that stay on this server";
const NO_EXCHANGE: &str = "see that hostname is an Exchange server with its management tools, and that the account's password goes along (CredSSP) \
     where the server must sign in to others for it; or use endpoint.kind = \"exchange\"";

#[cfg(test)]
mod tests;
