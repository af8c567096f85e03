//! Cookies, by which a load balancer finds the server that has the shell.
//!
//! One client talks to one endpoint, so neither domains nor paths are told apart.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};

/// The cookies of one client.
#[derive(Debug, Default)]
pub(crate) struct Cookies {
    values: Mutex<BTreeMap<String, String>>,
}

const MOST_COOKIES: usize = 64;
const LONGEST_COOKIE: usize = 4096;
/// Of all cookies together: web servers refuse requests with a larger head than 16 KiB.
const LONGEST_HEADER: usize = 8192;

impl Cookies {
    /// Keeps what an answer sets; an empty value removes a cookie.
    pub(crate) fn store(&self, headers: &HeaderMap) {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        for header in headers.get_all(SET_COOKIE) {
            let Some((name, value)) = header.to_str().ok().and_then(read) else { continue };
            if value.is_empty() {
                values.remove(name);
            } else if values.len() < MOST_COOKIES || values.contains_key(name) {
                let before = values.insert(name.to_owned(), value.to_owned());
                let length: usize =
                    values.iter().map(|(name, value)| name.len() + value.len() + 3).sum();
                if length > LONGEST_HEADER {
                    match before {
                        Some(before) => values.insert(name.to_owned(), before),
                        None => values.remove(name),
                    };
                }
            }
        }
    }

    /// Returns the value of the header `Cookie`; `None` when there are none.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs: Vec<String> =
            values.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() { None } else { HeaderValue::from_str(&pairs.join("; ")).ok() }
    }
}

/// Reads name and value; what expires at once has no value.
fn read(header: &str) -> Option<(&str, &str)> {
    let mut parts = header.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let expired = parts.any(|part| part.trim().eq_ignore_ascii_case("max-age=0"));
    let fits = !name.is_empty() && header.len() <= LONGEST_COOKIE;
    fits.then_some((name, if expired { "" } else { value }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_kept_replaced_and_removed() {
        let cookies = Cookies::default();
        assert_eq!(cookies.header(), None);
        let store = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(SET_COOKIE, HeaderValue::from_str(value).unwrap());
            }
            cookies.store(&headers);
        };
        store(&["MS-WSMAN=abc; path=/PowerShell; secure", "X-BackEndCookie=1", "nonsense", "=x"]);
        assert_eq!(cookies.header().unwrap(), "MS-WSMAN=abc; X-BackEndCookie=1");
        store(&["MS-WSMAN=def", "X-BackEndCookie=1; Max-Age=0"]);
        assert_eq!(cookies.header().unwrap(), "MS-WSMAN=def");
        let long = "x".repeat(4000);
        store(&[
            &format!("a={long}"),
            &format!("b={long}"),
            &format!("c={long}"),
            &format!("MS-WSMAN={long}"),
        ]);
        let header = cookies.header().unwrap();
        assert!(header.to_str().unwrap().starts_with("MS-WSMAN=def; a=") && header.len() <= 8192);
    }
}
