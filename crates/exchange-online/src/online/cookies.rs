//! The cookies that keep the pages of a list on one server of the service.
//!
//! Spec: [RFC 6265] 5.3 Storage Model, reduced to what is needed: a cookie goes back to the host that set it, for as long
//! as the connection lives.
//!
//! [RFC 6265]: https://www.rfc-editor.org/rfc/rfc6265

use std::collections::BTreeMap;

use url::Url;

use crate::rest::RestAnswer;

/// The most cookies kept, of all hosts together.
const MAX_COOKIES: usize = 64;
/// The longest cookie kept, name and value, in bytes.
const MAX_LENGTH: usize = 4096;

/// Cookies by host and name.
#[derive(Debug, Default)]
pub(super) struct Cookies(BTreeMap<(String, String), String>);

impl Cookies {
    /// Keeps what an answer sets.
    pub(super) fn take(&mut self, url: &Url, answer: &RestAnswer) {
        let Some(host) = url.host_str() else {
            return;
        };
        for cookie in answer.values("Set-Cookie") {
            let pair = cookie.split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            let key = (host.to_owned(), name.trim().to_owned());
            let fits =
                pair.len() <= MAX_LENGTH && pair.bytes().all(|byte| (32..127).contains(&byte));
            if fits && (self.0.len() < MAX_COOKIES || self.0.contains_key(&key)) {
                self.0.insert(key, value.trim().to_owned());
            }
        }
    }

    /// Returns the header for a request, if there are cookies for its host.
    pub(super) fn header(&self, url: &Url) -> Option<String> {
        let host = url.host_str()?;
        let pairs: Vec<_> = self
            .0
            .iter()
            .filter(|((owner, _), _)| owner == host)
            .map(|((_, name), value)| format!("{name}={value}"))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::Cookies;
    use crate::rest::RestAnswer;

    #[test]
    fn cookies_go_back_to_their_host_alone() {
        let url = |text: &str| Url::parse(text).unwrap();
        let mut cookies = Cookies::default();
        let answer = RestAnswer::new(200, "")
            .header("Set-Cookie", "X-BackEnd=a=b; path=/; secure")
            .header("set-cookie", "Y=1")
            .header("Set-Cookie", "bad\r\nName=1");
        cookies.take(&url("https://one.example/x"), &answer);
        let header = cookies.header(&url("https://one.example/y"));
        assert_eq!(header.as_deref(), Some("X-BackEnd=a=b; Y=1"));
        assert_eq!(cookies.header(&url("https://two.example/")), None);
    }
}
