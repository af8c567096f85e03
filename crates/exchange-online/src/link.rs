//! Where a link or a redirect of the service may lead.
//!
//! It comes from the peer, and a token goes there. So it must use https (or stay on this machine), and lead to the same
//! host, at any port, or to another host below the service's domain. A chain of links must not come back to where it
//! was.

use std::collections::HashSet;

use sha2::{Digest as _, Sha256};
use url::Url;

/// The longest link that is followed, in bytes.
const MAX_LINK: usize = 16 << 10;
/// The port of the service's second door, which its own module maps to the first.
const SECOND_DOOR: u16 = 446;

/// Why a link is not followed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// It is no address.
    #[error("the service gave a link that is no address")]
    Malformed,
    /// It leads where no token may go.
    #[error("the service gave a link to {host}, which is not the service")]
    Foreign {
        /// The host it leads to.
        host: String,
    },
    /// It leads to a page that was read already.
    #[error("the service gave a link that leads back to a page that was read already")]
    Loop,
    /// There are more pages than one list may have.
    #[error("the list has more than {limit} pages")]
    TooMany {
        /// The limit.
        limit: u32,
    },
}

/// Decides which hosts may be gone to.
#[derive(Clone, Debug)]
pub(crate) struct Territory {
    home: Url,
    stay_on_host: bool,
}

impl Territory {
    pub(crate) const fn new(home: Url, stay_on_host: bool) -> Self {
        Self { home, stay_on_host }
    }

    /// Reads a link, which may be relative to `from`, and refuses it when a token must not go there.
    pub(crate) fn enter(&self, from: &Url, link: &str) -> Result<Url, LinkError> {
        if link.len() > MAX_LINK {
            return Err(LinkError::Malformed);
        }
        let mut url = from.join(link.trim()).map_err(|_| LinkError::Malformed)?;
        if url.scheme() == "https" && url.port() == Some(SECOND_DOOR) {
            url.set_port(None).map_err(|()| LinkError::Malformed)?;
        }
        url.set_fragment(None);
        if self.holds(&url) { Ok(url) } else { Err(LinkError::Foreign { host: shown_host(&url) }) }
    }

    fn holds(&self, url: &Url) -> bool {
        let (Some(home), Some(host)) = (self.home.host_str(), url.host_str()) else {
            return false;
        };
        let plain = url.username().is_empty() && url.password().is_none();
        let scheme = url.scheme() == "https" || url.scheme() == self.home.scheme();
        let near = host == home
            || (!self.stay_on_host
                && service_domain(home).is_some_and(|domain| {
                    host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
                }));
        plain && scheme && near
    }
}

/// Returns the domain that the hosts of the service share, such as `office365.com` of `outlook.office365.com`; an address
/// and a name without a domain share none.
fn service_domain(host: &str) -> Option<&str> {
    let (_, domain) = host.split_once('.')?;
    (domain.contains('.') && domain.contains(|c: char| c.is_ascii_alphabetic())).then_some(domain)
}

fn shown_host(url: &Url) -> String {
    format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default())
}

fn key(url: &Url) -> [u8; 32] {
    Sha256::digest(url.as_str().as_bytes()).into()
}

/// The pages of one list, as far as they were read.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    seen: HashSet<[u8; 32]>,
    count: u32,
}

impl Pages {
    /// Takes the address of the next page, or says why it must not be read.
    pub(crate) fn enter(&mut self, url: &Url, limit: u32) -> Result<(), LinkError> {
        self.count = self.count.saturating_add(1);
        if self.count > limit {
            return Err(LinkError::TooMany { limit });
        }
        let new = self.seen.insert(key(url));
        if new { Ok(()) } else { Err(LinkError::Loop) }
    }

    /// Says what [`enter`](Self::enter) would say.
    pub(crate) fn check(&self, url: &Url, limit: u32) -> Result<(), LinkError> {
        if self.count >= limit {
            return Err(LinkError::TooMany { limit });
        }
        if self.seen.contains(&key(url)) { Err(LinkError::Loop) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::{LinkError, Pages, Territory};

    #[track_caller]
    fn check(home: &str, stay: bool, link: &str, expected: Option<&str>) {
        let home = Url::parse(home).unwrap();
        let entered = Territory::new(home.clone(), stay).enter(&home, link);
        match expected {
            Some(expected) => assert_eq!(entered.unwrap().as_str(), expected, "{link}"),
            None => assert!(entered.is_err(), "{link} leads to {}", entered.unwrap()),
        }
    }

    #[test]
    fn links_stay_with_the_service() {
        let home = "https://outlook.office365.com/adminapi/beta/t/InvokeCommand";
        let open = |link, expected| check(home, false, link, expected);
        open(
            "https://outlook.office365.com/x?$skiptoken=1",
            Some("https://outlook.office365.com/x?$skiptoken=1"),
        );
        open("https://outlook.office365.com:446/x", Some("https://outlook.office365.com/x"));
        open(
            "https://eur01.outlook.office365.com/x",
            Some("https://eur01.outlook.office365.com/x"),
        );
        open("https://nam.office365.com/x", Some("https://nam.office365.com/x"));
        open(
            "?$skiptoken=2",
            Some("https://outlook.office365.com/adminapi/beta/t/InvokeCommand?$skiptoken=2"),
        );
        for foreign in [
            "http://outlook.office365.com/x",
            "https://evil.example/x",
            "https://outlook.office365.com.evil.example/x",
            "https://eviloffice365.com/x",
            "https://office365.com/x",
            "https://outlook.office365.com@evil.example/x",
            "https://user:pw@outlook.office365.com/x",
            "file:///etc/passwd",
            "https://[",
        ] {
            open(foreign, None);
        }
    }

    #[test]
    fn an_address_of_ones_own_is_never_left() {
        check("https://proxy.contoso.com/", true, "https://other.contoso.com/", None);
        check(
            "https://proxy.contoso.com/",
            true,
            "https://proxy.contoso.com:8443/",
            Some("https://proxy.contoso.com:8443/"),
        );
        check(
            "http://127.0.0.1:80/",
            false,
            "http://127.0.0.1:81/x",
            Some("http://127.0.0.1:81/x"),
        );
        check("http://127.0.0.1/", false, "http://1.0.0.1/", None);
        check("http://localhost/", false, "http://evil/", None);
    }

    #[test]
    fn pages_are_read_once_and_not_without_end() {
        let url = |number: u32| Url::parse(&format!("https://h/?p={number}")).unwrap();
        let mut pages = Pages::default();
        assert_eq!(pages.enter(&url(1), 3), Ok(()));
        assert_eq!(pages.enter(&url(2), 3), Ok(()));
        assert_eq!(pages.enter(&url(1), 3), Err(LinkError::Loop));
        assert_eq!(pages.enter(&url(3), 3), Err(LinkError::TooMany { limit: 3 }));
    }
}
