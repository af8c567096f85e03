//! An HTTP answer: what the server offers, says, and hides in an envelope.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use url::Url;

use super::auth::SecurityContext;
use super::error::{Error, SecurityError};
use super::exchange::SoapResponse;
use super::page::{HttpAnswer, media_type_of_page, printable};
use crate::challenge::Challenge;
use crate::mime;
use crate::xml::decode_base64;

/// A whole HTTP answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn content_type(&self) -> &str {
        self.header(&CONTENT_TYPE)
    }

    fn header(&self, name: &http::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn challenges(&self) -> Vec<Challenge> {
        let values = self.headers.get_all(WWW_AUTHENTICATE).iter();
        values.filter_map(|value| value.to_str().ok()).flat_map(Challenge::parse).collect()
    }

    /// Returns the token that the server continues a scheme with.
    pub(crate) fn token(&self, scheme: &str, limit: usize) -> Result<Option<Vec<u8>>, Error> {
        let token = self.challenges().into_iter().find(|one| one.is(scheme)).and_then(|c| c.token);
        let Some(text) = token else { return Ok(None) };
        if text.len() / 4 * 3 > limit {
            let text = format!("the server's token is larger than {limit} bytes");
            return Err(SecurityError::new(text).into());
        }
        let token = decode_base64(&text);
        token.map(Some).ok_or_else(|| SecurityError::new("the server's token is not base64").into())
    }

    /// Takes the envelope out, unsealed by what sealed the request; a sealed request has no answer in clear.
    pub(crate) fn open(
        self,
        sealing: Option<&mut (dyn SecurityContext + 'static)>,
    ) -> Result<SoapResponse, Error> {
        let status = self.status.as_u16();
        if self.leads_elsewhere() {
            return Err(self.redirect());
        }
        let is_soap = is_soap(self.content_type());
        let is_sealed = mime::is_sealed(self.content_type());
        if (is_soap || is_sealed)
            && let Some(encoding) = self.encoding()
        {
            return Err(Error::Compressed { status, encoding });
        }
        match sealing {
            Some(security) if is_sealed => {
                let content_type = self.header(&CONTENT_TYPE).to_owned();
                let envelope = unseal(security, &content_type, self.body)
                    .map_err(|source| Error::Unseal { status, source })?;
                envelope_or_page(status, envelope)
            }
            Some(_) if is_soap => Err(Error::ClearAnswer { status }),
            None if is_soap => envelope_or_page(status, self.body),
            _ => Err(self.not_soap()),
        }
    }

    /// Returns what the body is compressed with, if it is.
    fn encoding(&self) -> Option<String> {
        let encoding = printable(self.header(&CONTENT_ENCODING));
        (!encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity")).then_some(encoding)
    }

    /// Tells whether the server wants the client elsewhere; 304, of the same class, does not.
    pub(crate) fn leads_elsewhere(&self) -> bool {
        self.status.is_redirection() && self.status != StatusCode::NOT_MODIFIED
    }

    pub(crate) fn redirect(&self) -> Error {
        let location = safe_location(self.header(&LOCATION));
        Error::Redirect { status: self.status.as_u16(), location }
    }

    pub(crate) fn not_soap(&self) -> Error {
        // Nothing can be quoted of a body that is not unpacked.
        let body = if self.encoding().is_some() { &[] } else { &*self.body };
        let answer = HttpAnswer::new(self.status.as_u16(), self.content_type(), body);
        Error::Http(Box::new(answer))
    }

    /// Returns the schemes that the server offers, as it spells them; no more and no longer ones than there are.
    pub(crate) fn offered(&self) -> Vec<String> {
        let schemes = self.challenges().into_iter().map(|challenge| challenge.scheme);
        schemes.filter(|scheme| scheme.len() <= LONGEST_SCHEME).take(MOST_SCHEMES).collect()
    }
}

/// Takes a body for an envelope, unless it is a page: gateways put any label on theirs, and may even seal them.
fn envelope_or_page(status: u16, body: Vec<u8>) -> Result<SoapResponse, Error> {
    match media_type_of_page(&body) {
        Some(media_type) => Err(Error::Http(Box::new(HttpAnswer::new(status, media_type, &body)))),
        None => Ok(SoapResponse::new(status, body)),
    }
}

/// Returns where a redirect leads, without what may be secret in it.
fn safe_location(location: &str) -> String {
    let without_parts = |text: &str| text.split(['?', '#']).next().map(printable);
    let Ok(mut url) = Url::parse(location) else {
        // A path alone is on the same server; anything with a user in it is kept back.
        let path = Some(location).filter(|text| !text.contains('@')).and_then(without_parts);
        return path.unwrap_or_default();
    };
    let cleared = url.set_username("").and_then(|()| url.set_password(None));
    cleared.ok().and_then(|()| without_parts(url.as_str())).unwrap_or_default()
}

/// Unseals the parts where they lie and moves what they hold together.
fn unseal(
    security: &mut dyn SecurityContext,
    content_type: &str,
    mut body: Vec<u8>,
) -> Result<Vec<u8>, SecurityError> {
    let parts = mime::locate(content_type, &body).map_err(SecurityError::new)?;
    let mut end = 0;
    for part in parts {
        let outside = || SecurityError::new("a part is outside the body");
        let (before, after) = body.split_at_mut_checked(part.data.start).ok_or_else(outside)?;
        let signature = before.get_mut(part.signature).ok_or_else(outside)?;
        let data = after.get_mut(..part.data.len()).ok_or_else(outside)?;
        let length = security.unwrap(signature, data)?;
        // The declared length counts padding, which the mechanism may have removed.
        if length > part.length.min(data.len()) {
            return Err(SecurityError::new("the unsealed text is longer than declared"));
        }
        body.copy_within(part.data.start..part.data.start + length, end);
        end += length;
    }
    body.truncate(end);
    Ok(body)
}

fn is_soap(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/soap+xml")
}

/// The scheme of client certificates is a URL, and the longest.
const LONGEST_SCHEME: usize = 100;
const MOST_SCHEMES: usize = 16;

#[cfg(test)]
mod tests {
    use super::super::auth::Step;
    use super::super::exchange::BoxFuture;
    use super::*;
    use crate::mime::{Protocol, SealedPart};
    use http::HeaderValue;

    /// Seals by adding one to every byte, with the length as signature.
    struct PlusOne;

    impl SecurityContext for PlusOne {
        fn step<'a>(&'a mut self, _token: &'a [u8]) -> BoxFuture<'a, Result<Step, Error>> {
            Box::pin(async { Ok(Step { token: Vec::new(), is_final: true }) })
        }

        fn wrap(&mut self, data: &mut Vec<u8>) -> Result<Vec<u8>, SecurityError> {
            data.iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
            Ok(data.len().to_le_bytes().to_vec())
        }

        fn unwrap(
            &mut self,
            signature: &mut [u8],
            data: &mut [u8],
        ) -> Result<usize, SecurityError> {
            data.iter_mut().for_each(|byte| *byte = byte.wrapping_sub(1));
            let is_right = *signature == data.len().to_le_bytes();
            is_right.then_some(data.len()).ok_or_else(|| SecurityError::new("wrong"))
        }

        fn protocol(&self) -> Protocol {
            Protocol::Spnego
        }
    }

    fn answer(status: u16, content_type: &str, body: &[u8]) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap());
        headers.insert(LOCATION, HeaderValue::from_static("https://ex02/"));
        let status = StatusCode::from_u16(status).unwrap();
        Answer { status, headers, body: body.to_vec() }
    }

    #[test]
    fn a_sealed_answer_is_unsealed_whatever_its_status() {
        let mut data = b"<Envelope/>".to_vec();
        let length = data.len();
        let signature = PlusOne.wrap(&mut data).unwrap();
        let body = mime::encode(Protocol::Spnego, &[SealedPart { length, signature, data }]);
        let content_type = Protocol::Spnego.content_type(1);
        let opened = answer(500, &content_type, &body).open(Some(&mut PlusOne)).unwrap();
        assert_eq!((opened.status, opened.envelope.as_slice()), (500, &b"<Envelope/>"[..]));
        let refused = answer(200, &content_type, b"--Encrypted").open(Some(&mut PlusOne));
        assert!(matches!(refused, Err(Error::Unseal { status: 200, .. })));
        assert!(matches!(answer(200, &content_type, &body).open(None), Err(Error::Http(_))));
    }

    #[test]
    fn a_clear_envelope_is_only_taken_for_a_clear_request() {
        let clear = || answer(200, "Application/SOAP+xml; charset=utf-8", b"<Envelope/>");
        assert_eq!(clear().open(None).unwrap().envelope, b"<Envelope/>");
        let refused = clear().open(Some(&mut PlusOne));
        assert!(matches!(refused, Err(Error::ClearAnswer { status: 200 })));
    }

    #[test]
    fn redirects_and_pages_are_errors_of_their_own() {
        let moved = answer(302, "text/html", b"").open(None);
        assert!(
            matches!(moved, Err(Error::Redirect { status: 302, location }) if location == "https://ex02/")
        );
        let page = answer(200, "text/html", b"<b>Hello</b>").open(Some(&mut PlusOne));
        assert!(matches!(page, Err(Error::Http(page)) if page.excerpt == "Hello"));
        let soap = answer(503, "application/soap+xml", b"<html>Busy</html>").open(None);
        assert!(
            matches!(soap, Err(Error::Http(page)) if page.status == 503 && page.content_type == "text/html")
        );
    }

    #[test]
    fn a_location_is_quoted_without_secrets() {
        for (location, expected) in [
            (
                "https://ann:secret@ex02:444/PowerShell/?token=secret#secret",
                "https://ex02:444/PowerShell/",
            ),
            ("/PowerShell/?token=secret", "/PowerShell/"),
            ("//ann:secret@ex02/", ""),
            ("", ""),
            ("javascript:alert(1)", ""),
        ] {
            assert_eq!(safe_location(location), expected, "{location}");
        }
        assert_eq!(safe_location(&format!("/{}", "x".repeat(500))).len(), 200);
    }

    #[test]
    fn a_compressed_answer_is_not_unpacked() {
        let mut packed = answer(200, "application/soap+xml", b"\x1F\x8B");
        packed.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        let refused = packed.open(None);
        assert!(
            matches!(refused, Err(Error::Compressed { status: 200, encoding }) if encoding == "gzip")
        );
        let mut page = answer(503, "text/html", b"\x1F\x8B");
        page.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert!(matches!(page.open(None), Err(Error::Http(page)) if page.excerpt.is_empty()));
        let mut plain = answer(200, "application/soap+xml", b"<Envelope/>");
        plain.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("Identity"));
        assert!(plain.open(None).is_ok());
    }
}
