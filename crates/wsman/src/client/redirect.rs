//! Where requests go on the endpoint's host, and where a redirect may move that.
//!
//! A credential is for the scheme, host and port in the options alone. So a redirect is followed, if it is wanted at all,
//! only over https, to another path of the same host and port, and only before the first answer: whatever comes later
//! is no opening any more.

use std::sync::{Mutex, MutexGuard, PoisonError};

use http::header::LOCATION;
use http::{HeaderMap, StatusCode, Uri};
use url::Url;

/// The request line's target.
pub(crate) struct Target(Mutex<State>);

struct State {
    url: Url,
    uri: Uri,
    /// How many redirects may still be followed.
    left: u8,
    /// Where the last answer leads, if that may be followed.
    next: Option<(Url, Uri)>,
}

impl Target {
    /// Begins at `url`; nothing when it has no path that can be asked for.
    pub(crate) fn new(url: &Url, follows: bool) -> Option<Self> {
        let (url, uri) = (url.clone(), uri_of(url)?);
        let left = if follows { MOST_REDIRECTS } else { 0 };
        Some(Self(Mutex::new(State { url, uri, left, next: None })))
    }

    /// Returns path and query, as they go into the request line.
    pub(crate) fn uri(&self) -> Uri {
        self.lock().uri.clone()
    }

    /// Looks at the head of an answer for where it leads.
    pub(crate) fn note(&self, status: StatusCode, headers: &HeaderMap) {
        let mut state = self.lock();
        let keeps_method = [301, 302, 307, 308].contains(&status.as_u16());
        let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let location = location.filter(|_| keeps_method && state.left > 0);
        state.next = location.and_then(|location| state.within(location));
    }

    /// Moves to where the last answer leads; tells whether it did.
    pub(crate) fn follow(&self) -> bool {
        let mut state = self.lock();
        let Some((url, uri)) = state.next.take() else { return false };
        tracing::info!(path = url.path(), "following a redirect");
        state.left = state.left.saturating_sub(1);
        (state.url, state.uri) = (url, uri);
        true
    }

    /// Stays where it is from now on, for an envelope was answered with one.
    pub(crate) fn settle(&self) {
        self.lock().left = 0;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns where a redirect leads, if it stays on the same server over https.
    fn within(&self, location: &str) -> Option<(Url, Uri)> {
        let to = self.url.join(location).ok()?;
        let stays = to.scheme() == "https"
            && to.origin() == self.url.origin()
            && to.username().is_empty()
            && to.password().is_none();
        let uri = uri_of(&to).filter(|_| stays)?;
        Some((to, uri))
    }
}

fn uri_of(url: &Url) -> Option<Uri> {
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    target.parse().ok()
}

const MOST_REDIRECTS: u8 = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn target(url: &str) -> Target {
        Target::new(&Url::parse(url).unwrap(), true).unwrap()
    }

    fn redirect(target: &Target, status: u16, location: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, HeaderValue::from_str(location).unwrap());
        target.note(StatusCode::from_u16(status).unwrap(), &headers);
        target.follow()
    }

    #[track_caller]
    fn check(location: &str, expected: Option<&str>) {
        let target = target("https://ex01/PowerShell?a=1");
        assert_eq!(redirect(&target, 302, location), expected.is_some(), "{location}");
        let path = expected.unwrap_or("/PowerShell?a=1");
        assert_eq!(target.uri().to_string(), path, "{location}");
    }

    #[test]
    fn only_the_path_may_change() {
        check("/PowerShell/?b=2", Some("/PowerShell/?b=2"));
        check("PowerShell/", Some("/PowerShell/"));
        check("https://EX01:443/x#y", Some("/x"));
        check("//ex01/x", Some("/x"));
        for elsewhere in [
            "http://ex01/PowerShell/",
            "https://ex02/PowerShell/",
            "https://ex01:444/PowerShell/",
            "https://ann:secret@ex01/PowerShell/",
            "https://ex01.evil/PowerShell/",
            "//ex02/",
            "javascript:alert(1)",
            "https://",
        ] {
            check(elsewhere, None);
        }
    }

    #[test]
    fn nothing_is_followed_over_http_or_without_being_wanted() {
        assert!(!redirect(&target("http://ex01/a"), 302, "http://ex01/b"));
        assert!(!redirect(&target("http://ex01/a"), 302, "https://ex01/b"));
        let unwanted = Target::new(&Url::parse("https://ex01/a").unwrap(), false).unwrap();
        assert!(!redirect(&unwanted, 302, "/b"));
    }

    #[test]
    fn a_few_are_followed_and_none_after_an_answer() {
        let moving = target("https://ex01/0");
        assert!((1..=5).all(|step| redirect(&moving, 307, &format!("/{step}"))));
        assert!(!redirect(&moving, 307, "/6"));
        assert_eq!(moving.uri().path(), "/5");
        let settled = target("https://ex01/a");
        settled.settle();
        assert!(!redirect(&settled, 302, "/b"));
        for status in [300, 303, 304, 401] {
            assert!(!redirect(&target("https://ex01/a"), status, "/b"), "{status}");
        }
    }
}
