//! Who signs in to Exchange Server: an account with its password, a certificate, or a ticket of this machine.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use psrp_client::wsman::client::SYSTEM_KERBEROS;
use secrecy::SecretString;

use super::Context;
use super::endpoint::Authentication;
use super::error::SettingsError;
use super::section::Section;

/// Who signs in to Exchange Server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Identity {
    /// An account.
    Password {
        /// The account: `DOMAIN\name`, `name@domain` or a bare name.
        username: String,
        /// Its password.
        password: SecretString,
    },
    /// A certificate that is shown in the TLS handshake, and that the server maps to an account.
    Certificate {
        /// A PFX or PEM file with the certificate and its key.
        file: PathBuf,
        /// What the key is locked with.
        password: Option<SecretString>,
    },
    /// A ticket of the system's Kerberos library.
    Ticket {
        /// Whose, as `name@REALM`; `None` for the one that the library finds.
        principal: Option<String>,
        /// The ticket cache; `None` for that of the environment or krb5.conf.
        ccache: Option<String>,
        /// The file with the account's key; `None` for that of the environment or krb5.conf.
        keytab: Option<PathBuf>,
    },
}

impl Identity {
    /// The account's name as far as it is known before signing in; of a certificate, its file.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Password { username, .. } => username.clone(),
            Self::Certificate { file, .. } => format!("the certificate {}", file.display()),
            Self::Ticket { principal: Some(principal), .. } => principal.clone(),
            Self::Ticket { principal: None, .. } => "the ticket of this machine".to_owned(),
        }
    }

    /// The environment variables that a process has to be started with for this identity, with their values.
    ///
    /// The system's Kerberos library takes cache and keytab from there alone. With a keytab and no cache named, the
    /// tickets stay in memory, so that none of somebody else's is used.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        let Self::Ticket { ccache, keytab, .. } = self else { return Vec::new() };
        let own_cache = || keytab.is_some().then(|| OsString::from("MEMORY:exchange-connector"));
        let ccache = ccache.as_ref().map(OsString::from).or_else(own_cache);
        let keytab = keytab.as_ref().map(|file| file.as_os_str().to_owned());
        let named = [(CCACHE_VARIABLE, ccache), (KEYTAB_VARIABLE, keytab)];
        named.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Refuses to go on in a process whose environment is another one.
    pub(crate) fn check_environment(&self) -> Result<(), SettingsError> {
        let differs = |(name, value): &(&'static str, OsString)| {
            std::env::var_os(name).as_ref() != Some(value)
        };
        let Some((name, value)) = self.environment().into_iter().find(differs) else {
            return Ok(());
        };
        let key = if name == KEYTAB_VARIABLE { "kerberos.keytab" } else { "kerberos.ccache" };
        Err(SettingsError::Value {
            key: key.to_owned(),
            value: format!("{:?}", value.to_string_lossy()),
            problem: format!("is not what {name} in this process's environment says"),
            remedy: format!("start the process with that in {name}, as the command line does"),
        })
    }
}

const CCACHE_VARIABLE: &str = "KRB5CCNAME";
const KEYTAB_VARIABLE: &str = "KRB5_CLIENT_KTNAME";

const CERTIFICATE_FILE: &str = "client_certificate_file";
const CERTIFICATE_PASSWORD: &str = "client_certificate_password";
/// The keys of `[kerberos]` that name a ticket.
const TICKET_KEYS: [&str; 2] = ["ccache", "keytab"];

pub(super) fn parse(
    context: &mut Context<'_>,
    kerberos: &Section,
    authentication: Authentication,
) -> Result<Identity, SettingsError> {
    if let Some(certificate) = certificate(context, kerberos, authentication)? {
        return Ok(certificate);
    }
    if let Some(ticket) = ticket(context, kerberos, authentication)? {
        return Ok(ticket);
    }
    let root = context.root;
    let username = root.required_text("username", USERNAME_REMEDY)?;
    check_username(root, &username)?;
    let password = root.secret("password", context.source, context.warnings)?;
    let remedy = "write password = { env = \"EXCHANGE_PASSWORD\" }";
    Ok(Identity::Password {
        username,
        password: password.ok_or_else(|| root.missing("password", remedy))?,
    })
}

fn certificate(
    context: &mut Context<'_>,
    kerberos: &Section,
    authentication: Authentication,
) -> Result<Option<Identity>, SettingsError> {
    let (root, table) = (context.root, context.endpoint);
    let Some(file) = table.text(CERTIFICATE_FILE)? else {
        table.refuse(
            &[CERTIFICATE_PASSWORD],
            "no client_certificate_file",
            "name the file that it unlocks, or remove",
        )?;
        return Ok(None);
    };
    if authentication != Authentication::Default {
        return Err(table.combination(
            CERTIFICATE_FILE,
            &method(authentication),
            "the certificate itself signs in: write authentication_method = \"Default\"".to_owned(),
        ));
    }
    let with = format!("endpoint.{CERTIFICATE_FILE}");
    root.refuse(&["username", "password"], &with, "the certificate says who signs in; remove")?;
    kerberos.refuse(
        super::endpoint::KERBEROS_KEYS,
        &with,
        "the certificate itself signs in; remove",
    )?;
    let password = table.secret(CERTIFICATE_PASSWORD, context.source, context.warnings)?;
    Ok(Some(Identity::Certificate { file: context.directory.join(file), password }))
}

fn ticket(
    context: &Context<'_>,
    kerberos: &Section,
    authentication: Authentication,
) -> Result<Option<Identity>, SettingsError> {
    let root = context.root;
    let named = TICKET_KEYS.into_iter().find(|key| kerberos.has(key));
    if named.is_none() && (authentication != Authentication::Kerberos || root.has("password")) {
        return Ok(None);
    }
    if let Some(key) = named {
        if !matches!(authentication, Authentication::Kerberos | Authentication::Negotiate) {
            let remedy = "use authentication_method = \"Kerberos\" or \"Negotiate\"".to_owned();
            return Err(kerberos.combination(key, &method(authentication), remedy));
        }
        root.refuse(
            &["password"],
            &format!("kerberos.{key}"),
            "sign in with one or the other: remove",
        )?;
    }
    if !SYSTEM_KERBEROS {
        return Err(match named {
            Some(key) => kerberos.value_error(
                key,
                "needs the system's Kerberos library, which this build does not use",
                "build with --features gssapi, or write username and password".to_owned(),
            ),
            None => root.missing(
                "password",
                "write password = { env = \"EXCHANGE_PASSWORD\" }, or build with --features gssapi to sign in with a ticket of this machine",
            ),
        });
    }
    let with = "a ticket of this machine";
    kerberos.refuse(
        &["realm", "kdc"],
        with,
        "the system's library reads krb5.conf: write it there, and remove",
    )?;
    kerberos.refuse(&["ntlm_fallback"], with, "NTLM needs a password: remove")?;
    Ok(Some(Identity::Ticket {
        principal: principal(root)?,
        ccache: kerberos.text("ccache")?.map(|cache| cache_name(context.directory, cache)),
        keytab: kerberos.text("keytab")?.map(|file| context.directory.join(file)),
    }))
}

fn principal(root: &Section) -> Result<Option<String>, SettingsError> {
    let Some(text) = root.text("username")? else { return Ok(None) };
    check_username(root, &text)?;
    if text.contains('\\') {
        return Err(root.value_error(
            "username",
            "is not the name of a ticket",
            "write name@REALM, or leave it out".to_owned(),
        ));
    }
    Ok(Some(text))
}

/// A cache has its kind before a colon; without one it is a file.
fn cache_name(directory: &Path, text: String) -> String {
    let is_named = text.split_once(':').is_some_and(|(kind, _)| {
        kind.len() > 1 && kind.bytes().all(|byte| byte.is_ascii_alphabetic())
    });
    if is_named { text } else { format!("FILE:{}", directory.join(text).display()) }
}

fn method(authentication: Authentication) -> String {
    format!("authentication_method = \"{}\"", authentication.name())
}

const USERNAME_REMEDY: &str = "write username = 'CONTOSO\\svc-idm' or \"svc-idm@contoso.com\"";

fn check_username(root: &Section, text: &str) -> Result<(), SettingsError> {
    let halves_filled = |separator: char| {
        text.split_once(separator).is_none_or(|(left, right)| !left.is_empty() && !right.is_empty())
    };
    if text.chars().any(char::is_control) || !halves_filled('\\') || !halves_filled('@') {
        return Err(root.value_error(
            "username",
            "is not an account name",
            "write DOMAIN\\name or name@domain (in double quotes a backslash is written twice)"
                .to_owned(),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
