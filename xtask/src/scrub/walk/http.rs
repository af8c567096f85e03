//! HTTP messages as text: a first line, headers, an empty line, a body.

use super::Walk;
use crate::scrub::property::Class;

impl Walk<'_> {
    /// Walks through a message: its URL, each header by its name, and the body by its kind.
    pub(in crate::scrub) fn http(&mut self, message: &str) -> Option<String> {
        let mut out = String::with_capacity(message.len());
        let mut lines = message.split_inclusive('\n');
        let mut is_form = false;
        if let Some(line) = lines.next() {
            out.push_str(&self.request_line(line));
        }
        for line in lines.by_ref() {
            let content = line.trim_end_matches(['\r', '\n']);
            let Some((name, value)) = content.split_once(':') else {
                out.push_str(line);
                break;
            };
            is_form |= name.eq_ignore_ascii_case("content-type") && value.contains("urlencoded");
            let trimmed = value.trim_start();
            let replaced = self.header(name, trimmed);
            out.push_str(name);
            out.push(':');
            out.push_str(value.get(..value.len() - trimmed.len()).unwrap_or_default());
            out.push_str(replaced.as_deref().unwrap_or(trimmed));
            out.push_str(line.get(content.len()..).unwrap_or_default());
        }
        let body: String = lines.collect();
        let replaced = self.within("body", |walk| {
            if is_form { walk.form(&body) } else { walk.text(Class::Free, &body) }
        });
        out.push_str(replaced.as_deref().unwrap_or(&body));
        (out != message).then_some(out)
    }

    fn request_line(&mut self, line: &str) -> String {
        let words = line.split(' ').map(|word| {
            let is_url = word.starts_with('/') || word.contains("://");
            let replaced = if is_url { self.url(word) } else { None };
            replaced.unwrap_or_else(|| word.to_owned())
        });
        words.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use crate::scrub::{Facts, Form, Part, scrub};

    #[test]
    fn urls_headers_and_bodies_are_walked_through() {
        let mut message = "POST https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token HTTP/1.1\n\
             Host: login.microsoftonline.com\nAuthorization: Bearer abcdefghijklmnop\n\
             Content-Type: application/x-www-form-urlencoded\n\n\
             grant_type=password&username=ann.meyer%40contoso.com&password=Winter%2B1&client_secret=s3cret~x"
            .to_owned();
        let length = message.len();
        scrub(&mut [Part::new("a.http", Form::Http, &mut message)], &Facts::default()).unwrap();
        assert_eq!(message.len(), length);
        for left in ["contoso", "abcdef", "ann", "meyer", "Winter", "s3cret"] {
            assert!(!message.contains(left), "{left} is in\n{message}");
        }
        for kept in
            ["grant_type=password&username=", ".onmicrosoft.com/oauth2", "%40", "Bearer standin"]
        {
            assert!(message.contains(kept), "{kept} is not in\n{message}");
        }
    }
}
