//! Kerberos: whose realm, and which KDC.
//!
//! Spec: [MS-KILE], where it tells how user names become principals; RFC 4120, 7.2.3 KDC Discovery on IP Networks.
//!
//! `DOMAIN\user` names a NetBIOS domain, which need not be a realm. It is mapped by `[domain_realm]`, or is the default
//! realm of krb5.conf; with neither it is tried as it is, which the KDCs of Active Directory understand. Of
//! `user@suffix` the suffix is the realm unless the options name another; the whole name goes to the KDC. `user@REALM`,
//! with the very realm behind it in capitals, is the principal `user` of it: so it is written wherever Kerberos is at home,
//! and KDCs other than Active Directory's know it by no other name.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::krb5_conf::Krb5Conf;

/// How Kerberos finds its realm and its KDC.
///
/// What the options leave open is looked up in krb5.conf, then KDCs in DNS (`_kerberos._tcp.REALM`).
///
/// ```
/// use wsman::client::KerberosOptions;
/// let options = KerberosOptions::default()
///     .realm("CONTOSO.COM")
///     .kdc("dc01.contoso.com")
///     .kdc("tcp://dc02.contoso.com:88");
/// assert!(format!("{options:?}").contains("dc02"));
/// ```
#[derive(Clone, Debug)]
pub struct KerberosOptions {
    pub(crate) realm: Option<String>,
    pub(crate) kdcs: Vec<String>,
    pub(crate) krb5_conf: Option<PathBuf>,
    pub(crate) dns: bool,
    pub(crate) service: Option<String>,
}

impl Default for KerberosOptions {
    fn default() -> Self {
        Self { realm: None, kdcs: Vec::new(), krb5_conf: None, dns: true, service: None }
    }
}

impl KerberosOptions {
    /// Sets the realm of the user, such as `CONTOSO.COM`; by default the user name and krb5.conf tell.
    #[must_use]
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = Some(realm.into());
        self
    }

    /// Adds a KDC of the realm: `host`, `host:port` or `tcp://host:port`. They are asked in turn until one answers.
    ///
    /// With one, neither krb5.conf nor DNS is asked for KDCs of this realm.
    #[must_use]
    pub fn kdc(mut self, address: impl Into<String>) -> Self {
        self.kdcs.push(address.into());
        self
    }

    /// Sets the file to read instead of those in the environment variable `KRB5_CONFIG`, or else `/etc/krb5.conf`.
    ///
    /// KDCs of further realms, which trusts lead to, are found by the environment variable alone.
    #[must_use]
    pub fn krb5_conf(mut self, path: impl Into<PathBuf>) -> Self {
        self.krb5_conf = Some(path.into());
        self
    }

    /// Sets whether DNS is asked for KDCs that neither the options nor krb5.conf name; the default is true.
    #[must_use]
    pub fn dns(mut self, asked: bool) -> Self {
        self.dns = asked;
        self
    }

    /// Sets the service that a ticket is asked for; the default is `HTTP/` and the host of the endpoint.
    ///
    /// Needed where the endpoint goes by an alias that no service is registered for.
    #[must_use]
    pub fn service(mut self, principal: impl Into<String>) -> Self {
        self.service = Some(principal.into());
        self
    }
}

/// Why Kerberos cannot sign in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KerberosError {
    /// An address of a KDC cannot be understood.
    #[error("{address:?} is not the address of a KDC, such as dc01.contoso.com:88")]
    Address {
        /// What was given.
        address: String,
    },
    /// A file that the options name cannot be read.
    #[error("cannot read {}", path.display())]
    Configuration {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The user name has no realm, and neither have the options and krb5.conf.
    #[error("the realm of {username} is not known: name it, or sign in as user@domain")]
    NoRealm {
        /// The user name as it was given.
        username: String,
    },
    /// Neither the options, krb5.conf nor DNS name a KDC.
    #[error("no KDC of the realm {realm} is known: name one in the settings or in krb5.conf")]
    NoKdc {
        /// The realm.
        realm: String,
    },
    /// No KDC answered.
    #[error("no KDC of the realm {realm} answers (asked {})", servers.join(", "))]
    Unreachable {
        /// The realm.
        realm: String,
        /// The KDCs that were asked, with their ports.
        servers: Vec<String>,
        /// What the system says of the last one.
        #[source]
        source: io::Error,
    },
    /// The KDC does not know the user.
    #[error("the KDC does not know {username} in the realm {realm}")]
    UnknownUser {
        /// The user name as it was given.
        username: String,
        /// The realm.
        realm: String,
    },
    /// The KDC does not know the service.
    #[error("the KDC of the realm {realm} does not know {service}: use the server's own name")]
    UnknownService {
        /// The service.
        service: String,
        /// The realm.
        realm: String,
    },
    /// The endpoint is addressed by number, which no service is registered for.
    #[error("kerberos needs the server's name, not the address {host}")]
    HostIsAddress {
        /// The host of the endpoint.
        host: String,
    },
    /// The clocks of client, KDC and server disagree.
    #[error("the clocks of this machine and of the realm {realm} are too far apart")]
    ClockSkew {
        /// The realm.
        realm: String,
    },
    /// The KDC will not have the user: password expired, account locked, no common encryption, or the like.
    #[error("the KDC of the realm {realm} refused {username}: {text}")]
    Refused {
        /// The user name as it was given.
        username: String,
        /// The realm.
        realm: String,
        /// What the KDC says.
        text: String,
    },
    /// This build does not use the system's Kerberos library.
    #[error(
        "this build has no Kerberos of the system: build it with the feature gssapi, or sign in with a password"
    )]
    NoSystemLibrary,
    /// The system's library has no ticket, and no key to fetch one with.
    #[error("no ticket to sign in with: {text}")]
    NoTicket {
        /// What the library says.
        text: String,
    },
    /// The system's library failed in another way.
    #[error("the system's Kerberos library says: {text}")]
    System {
        /// What it says.
        text: String,
        /// Whether it may succeed later, as no KDC answered.
        may_pass: bool,
    },
    /// The server does not take the ticket: its key, its clock or its configuration is at fault, not the password.
    #[error("the server does not accept the ticket for {service}")]
    Ticket {
        /// The service.
        service: String,
    },
}

/// A user as Kerberos wants it.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Principal {
    /// The name: `user`, or the whole `user@suffix`.
    pub(crate) name: String,
    pub(crate) realm: String,
}

impl Principal {
    /// Finds the realm of a user name.
    pub(crate) fn find(
        username: &str,
        options: &KerberosOptions,
        conf: &Krb5Conf,
    ) -> Result<Self, KerberosError> {
        let (name, domain) = match (username.split_once('\\'), username.rsplit_once('@')) {
            (Some((domain, name)), _) => (name, Some(domain)),
            (None, Some((_, suffix))) => (username, Some(suffix)),
            (None, None) => (username, None),
        };
        let realm = options
            .realm
            .clone()
            .or_else(|| domain.filter(|domain| !domain.is_empty()).map(|d| conf.realm_of(d)))
            .or_else(|| conf.default_realm().map(str::to_owned));
        let missing = || KerberosError::NoRealm { username: username.to_owned() };
        let realm = realm.ok_or_else(missing)?;
        let name = in_realm(name, &realm).unwrap_or(name);
        Ok(Self { name: name.to_owned(), realm })
    }
}

/// The bare name when `name` is written as a principal of the realm: with the realm itself behind it, in capitals.
fn in_realm<'n>(name: &'n str, realm: &str) -> Option<&'n str> {
    let (bare, suffix) = name.rsplit_once('@')?;
    let is_realm = suffix == realm && !suffix.contains(|sign: char| sign.is_lowercase());
    is_realm.then_some(bare).filter(|bare| !bare.is_empty())
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.name, self.realm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONF: &str = "[libdefaults]\n default_realm = CORP.EXAMPLE\n[realms]\n OLD = {\n  kdc = dc1\n }\n\
                        [domain_realm]\n .sub.contoso.com = SUB.CONTOSO.COM\n fabrikam = FABRIKAM.NET\n";

    #[track_caller]
    fn check(username: &str, options: &KerberosOptions, conf: &str, name: &str, realm: &str) {
        let found = Principal::find(username, options, &Krb5Conf::parse(conf)).unwrap();
        assert_eq!((found.name.as_str(), found.realm.as_str()), (name, realm), "{username}");
    }

    #[test]
    fn the_realm_is_found_by_the_options_the_name_and_the_file() {
        let none = KerberosOptions::default();
        check("ann@contoso.com", &none, "", "ann@contoso.com", "CONTOSO.COM");
        check("ann@CONTOSO.COM", &none, "", "ann", "CONTOSO.COM");
        check("ann@x.sub.contoso.com", &none, CONF, "ann@x.sub.contoso.com", "SUB.CONTOSO.COM");
        check(r"CONTOSO.COM\ann", &none, CONF, "ann", "CONTOSO.COM");
        check(r"FABRIKAM\ann", &none, CONF, "ann", "FABRIKAM.NET");
        check(r"CONTOSO\ann", &none, CONF, "ann", "CORP.EXAMPLE");
        check(r"OLD\ann", &none, CONF, "ann", "OLD");
        check(r"contoso\ann", &none, "", "ann", "CONTOSO");
        check("ann", &none, CONF, "ann", "CORP.EXAMPLE");
        let named = KerberosOptions::default().realm("AD.CONTOSO.LOCAL");
        check("ann@contoso.com", &named, CONF, "ann@contoso.com", "AD.CONTOSO.LOCAL");
        check("ann@CONTOSO.COM", &named, CONF, "ann@CONTOSO.COM", "AD.CONTOSO.LOCAL");
        check("ann@AD.CONTOSO.LOCAL", &named, CONF, "ann", "AD.CONTOSO.LOCAL");
        check(r"CONTOSO\ann", &named, CONF, "ann", "AD.CONTOSO.LOCAL");
    }

    #[test]
    fn a_bare_name_without_a_default_realm_is_refused() {
        let found = Principal::find("ann", &KerberosOptions::default(), &Krb5Conf::parse(""));
        assert!(matches!(found, Err(KerberosError::NoRealm { username }) if username == "ann"));
    }
}
