//! The token endpoint.
//!
//! Spec: [RFC 6749] 4.4 Client Credentials Grant, 5.2 Error Response; [RFC 7523] 3 JWT Format and Processing Requirements.
//!
//! [RFC 6749]: https://www.rfc-editor.org/rfc/rfc6749
//! [RFC 7523]: https://www.rfc-editor.org/rfc/rfc7523

use std::collections::HashMap;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use picky::x509::Cert;
use rsa::pkcs8::DecodePublicKey;
use rsa::{Pkcs1v15Sign, Pss, RsaPublicKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{APPLICATION, Cloud, CloudAnswer, CloudRequest, ORGANIZATION, SECRET, TENANT};
use super::{lock, remember};
use crate::http::USER;
use crate::simulator::PASSWORD;

/// How long an assertion may be good for, in seconds, with some room for clocks.
const LONGEST_ASSERTION: i64 = 660;
/// The most tokens that are good at a time.
const MAX_TOKENS: usize = 1000;

/// A token that was given out.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) until: Instant,
    /// Whether it carries the permission, or belongs to a user.
    pub(super) permitted: bool,
}

/// A refusal: the service's code, the kind of error and the text.
type Refusal = (u32, &'static str, &'static str);

const NO_TENANT: Refusal = (90_002, "invalid_request", "Tenant was not found.");
const NO_APPLICATION: Refusal =
    (700_016, "unauthorized_client", "Application was not found in the directory.");
const BAD_ASSERTION: Refusal = (
    700_027,
    "invalid_client",
    "The certificate with identifier used to sign the client assertion is not registered.",
);
const EXPIRED_CERTIFICATE: Refusal = (
    700_027,
    "invalid_client",
    "The certificate used to sign the client assertion is expired on the application. [Reason - The key used is expired.]",
);
const BAD_SECRET: Refusal = (7_000_215, "invalid_client", "Invalid client secret provided.");
const NO_CREDENTIAL: Refusal = (
    7_000_218,
    "invalid_client",
    "The request body must contain client_assertion or client_secret.",
);
const BAD_PASSWORD: Refusal =
    (50_126, "invalid_grant", "Error validating credentials due to invalid username or password.");
const OTHER: Refusal = (70_011, "invalid_scope", "The scope or the grant is not valid.");

impl Cloud {
    /// Gives out a token, or refuses.
    pub(super) fn token(&self, request: &CloudRequest<'_>, tenant: &str) -> CloudAnswer {
        let form: HashMap<String, String> = form(request.body);
        match self.judge(request, tenant, &form) {
            Ok(claims) => self.give(&claims),
            Err((code, error, text)) => {
                let description = format!(
                    "AADSTS{code}: {text}\r\nTrace ID: {TENANT}\r\nCorrelation ID: {TENANT}"
                );
                let body = json!({"error": error, "error_description": description, "error_codes": [code],
                    "trace_id": TENANT.to_string(), "correlation_id": TENANT.to_string()});
                let status = if error == "invalid_client" { 401 } else { 400 };
                CloudAnswer::json(status, &body)
            }
        }
    }

    fn judge(
        &self,
        request: &CloudRequest<'_>,
        tenant: &str,
        form: &HashMap<String, String>,
    ) -> Result<Value, Refusal> {
        let field = |name: &str| form.get(name).map(String::as_str);
        if tenant != ORGANIZATION && tenant != TENANT.to_string() {
            return Err(NO_TENANT);
        }
        if !field("scope")
            .is_some_and(|scope| scope.split(' ').any(|one| one.ends_with("/.default")))
        {
            return Err(OTHER);
        }
        match field("grant_type") {
            Some("client_credentials") => {
                if field("client_id") != Some(APPLICATION.to_string().as_str()) {
                    return Err(NO_APPLICATION);
                }
                match (field("client_assertion"), field("client_secret")) {
                    (Some(assertion), _) => self.check_assertion(request, assertion)?,
                    (None, Some(SECRET)) => {}
                    (None, Some(_)) => return Err(BAD_SECRET),
                    (None, None) => return Err(NO_CREDENTIAL),
                }
                Ok(
                    json!({"tid": TENANT.to_string(), "appid": APPLICATION.to_string(), "roles": self.roles}),
                )
            }
            Some("password") => {
                let user = format!("{USER}@{ORGANIZATION}");
                let known = field("username").is_some_and(|name| name.eq_ignore_ascii_case(&user));
                if !known || field("password") != Some(PASSWORD) {
                    return Err(BAD_PASSWORD);
                }
                Ok(json!({"tid": TENANT.to_string(), "upn": user, "scp": "Exchange.Manage"}))
            }
            _ => Err(OTHER),
        }
    }

    /// An assertion is signed by the registered certificate, for this address, short and new.
    fn check_assertion(&self, request: &CloudRequest<'_>, text: &str) -> Result<(), Refusal> {
        if self.is_expired() {
            return Err(EXPIRED_CERTIFICATE);
        }
        let good = self.read_assertion(request, text).unwrap_or(false);
        if good { Ok(()) } else { Err(BAD_ASSERTION) }
    }

    /// Whether the time of the registered certificate is over.
    fn is_expired(&self) -> bool {
        let certificate = self.certificate.as_deref().and_then(|der| Cert::from_der(der).ok());
        let now = OffsetDateTime::now_utc();
        certificate.is_some_and(|certificate| {
            let end = certificate.valid_not_after();
            let day = (i32::from(end.year()), end.month(), end.day());
            let time = (end.hour(), end.minute(), end.second());
            (day, time) < ((now.year(), now.month().into(), now.day()), now.to_hms())
        })
    }

    fn read_assertion(&self, request: &CloudRequest<'_>, text: &str) -> Option<bool> {
        let certificate = self.certificate.as_deref()?;
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let header: Value = serde_json::from_slice(&decode(header)?).ok()?;
        let claims: Value = serde_json::from_slice(&decode(payload)?).ok()?;
        let public = Cert::from_der(certificate).ok()?.public_key().to_der().ok()?;
        let public = RsaPublicKey::from_public_key_der(&public).ok()?;
        let (digest, signature) = (Sha256::digest(signed.as_bytes()), decode(signature)?);
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(certificate));
        let genuine = match header.get("alg")?.as_str()? {
            "PS256" => {
                header.get("x5t#S256")?.as_str()? == hash
                    && public.verify(Pss::<Sha256>::new(), &digest, &signature).is_ok()
            }
            "RS256" => {
                header.get("x5t").is_some()
                    && public.verify(Pkcs1v15Sign::new::<Sha256>(), &digest, &signature).is_ok()
            }
            _ => false,
        };
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let number = |name: &str| claims.get(name).and_then(Value::as_i64);
        let now = OffsetDateTime::now_utc().unix_timestamp();
        let (begin, end) = (number("nbf")?, number("exp")?);
        let application = APPLICATION.to_string();
        let named = text("iss")? == application && text("sub")? == application;
        let here = text("aud")? == format!("{}{}", request.origin, request.path);
        let timely = begin <= now && now < end && end - begin <= LONGEST_ASSERTION;
        let id = text("jti")?.to_owned();
        let mut seen = lock(&self.assertions);
        let new = !seen.contains(&id);
        remember(&mut seen, id);
        Some(genuine && named && here && timely && new)
    }

    fn give(&self, claims: &Value) -> CloudAnswer {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let id = Uuid::from_u128(rand::random()).to_string();
        let token = format!("{}.{}.{}", encode("{}"), encode(&claims.to_string()), encode(&id));
        let permitted = claims.get("upn").is_some()
            || self.roles.iter().any(|role| role == "Exchange.ManageAsApp");
        let mut tokens = lock(&self.tokens);
        if tokens.len() >= MAX_TOKENS {
            tokens.clear();
        }
        tokens.insert(token.clone(), Issued { until: Instant::now() + self.token_life, permitted });
        let body = json!({"token_type": "Bearer", "expires_in": self.token_life.as_secs(),
            "ext_expires_in": self.token_life.as_secs(), "access_token": token});
        CloudAnswer::json(200, &body)
    }
}

/// Reads a form; what is not one gives no fields.
fn form(body: &[u8]) -> HashMap<String, String> {
    let text = String::from_utf8_lossy(body);
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (unescaped(name), unescaped(value))).collect()
}

/// Undoes the escapes of forms and queries.
pub(super) fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                bytes.extend(u8::from_str_radix(&digits, 16).ok());
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
