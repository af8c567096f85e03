//! An HTTP answer: what the server offers, says, and hides in an envelope.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};

use super::auth::SecurityContext;
use super::error::{Error, HttpAnswer, SecurityError};
use super::exchange::SoapResponse;
use crate::challenge::Challenge;
use crate::mime;
use crate::xml::decode_base64;

/// A whole HTTP answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
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
    pub(crate) fn token(&self, scheme: &str) -> Result<Option<Vec<u8>>, Error> {
        let token = self.challenges().into_iter().find(|one| one.is(scheme)).and_then(|c| c.token);
        token
            .map(|text| {
                decode_base64(&text)
                    .ok_or_else(|| SecurityError::new("the token is not base64").into())
            })
            .transpose()
    }

    /// Takes the envelope out, unsealed by what sealed the request; a sealed request has no answer in clear.
    pub(crate) fn open(
        self,
        sealing: Option<&mut (dyn SecurityContext + 'static)>,
    ) -> Result<SoapResponse, Error> {
        let status = self.status.as_u16();
        if self.status.is_redirection() {
            return Err(self.redirect());
        }
        let is_soap = is_soap(self.content_type());
        match sealing {
            Some(security) if mime::is_sealed(self.content_type()) => {
                let envelope = unseal(security, self.content_type(), &self.body)?;
                Ok(SoapResponse::new(status, envelope))
            }
            Some(_) if is_soap => Err(Error::ClearAnswer { status }),
            None if is_soap => Ok(SoapResponse::new(status, self.body.into())),
            _ => Err(self.not_soap()),
        }
    }

    pub(crate) fn redirect(&self) -> Error {
        let location = self.header(&LOCATION).to_owned();
        Error::Redirect { status: self.status.as_u16(), location }
    }

    pub(crate) fn not_soap(&self) -> Error {
        let answer = HttpAnswer::new(self.status.as_u16(), self.content_type(), &self.body);
        Error::Http(Box::new(answer))
    }

    /// Returns the schemes that the server offers, as it spells them.
    pub(crate) fn offered(&self) -> Vec<String> {
        self.challenges().into_iter().map(|challenge| challenge.scheme).collect()
    }
}

fn unseal(
    security: &mut dyn SecurityContext,
    content_type: &str,
    body: &[u8],
) -> Result<Vec<u8>, Error> {
    let parts = mime::decode(content_type, body).map_err(SecurityError::new)?;
    let mut envelope = Vec::with_capacity(body.len());
    for mut part in parts {
        security.unwrap(&mut part.signature, &mut part.data)?;
        // The declared length counts padding, which the mechanism may have removed.
        if part.data.len() > part.length {
            return Err(SecurityError::new("the unsealed text is longer than declared").into());
        }
        envelope.append(&mut part.data);
    }
    Ok(envelope)
}

fn is_soap(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/soap+xml")
}

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
            data: &mut Vec<u8>,
        ) -> Result<(), SecurityError> {
            data.iter_mut().for_each(|byte| *byte = byte.wrapping_sub(1));
            let is_right = *signature == data.len().to_le_bytes();
            is_right.then_some(()).ok_or_else(|| SecurityError::new("wrong"))
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
        Answer { status, headers, body: Bytes::copy_from_slice(body) }
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
        assert!(matches!(refused, Err(Error::Security(_))));
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
    }
}
