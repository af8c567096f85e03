//! The signed statement by which an application proves who it is.
//!
//! Spec: [RFC 7523] 2.2 Using JWTs for Client Authentication. The token service wants PS256 with the SHA-256 of the
//! certificate (`x5t#S256`); the older RS256 with the SHA-1 (`x5t`) is an option. The audience is the token's address
//! exactly as posted to, so the two are passed as one value.
//!
//! [RFC 7523]: https://www.rfc-editor.org/rfc/rfc7523

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use exchange_cmdlets::BoxError;
use rand::CryptoRng;
use secrecy::SecretString;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::certificate::ClientCertificate;

/// How long an assertion is good for, in seconds; the service asks for ten minutes at most.
pub const ASSERTION_LIFETIME: u64 = 600;

/// How far in the past an assertion begins to be good, in seconds, for clocks that run ahead.
const SKEW: u64 = 30;

/// How an assertion is signed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "what the token service documents")]
pub enum AssertionAlgorithm {
    /// RSA-PSS with SHA-256, the certificate named by its SHA-256: what the service recommends.
    #[default]
    Ps256,
    /// RSA with PKCS #1 v1.5 and SHA-256, the certificate named by its SHA-1.
    Rs256,
}

/// The signature could not be made, which a sound key does not let happen; one that is kept elsewhere may not be at hand.
#[derive(Debug, thiserror::Error)]
#[error("the assertion could not be signed")]
#[non_exhaustive]
pub struct AssertionError(#[source] BoxError);

/// What an assertion says.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "the claims the service documents")]
pub struct Claims<'a> {
    /// The address of the token endpoint, exactly as posted to.
    pub audience: &'a str,
    /// The application.
    pub application_id: Uuid,
    /// A fresh id.
    pub id: Uuid,
    /// The time in seconds since 1970.
    pub now: u64,
}

/// Makes a signed assertion: three parts of base64url, joined by dots.
///
/// # Errors
///
/// [`AssertionError`].
pub fn assertion<R: CryptoRng + ?Sized>(
    certificate: &ClientCertificate,
    algorithm: AssertionAlgorithm,
    claims: &Claims<'_>,
    rng: &mut R,
) -> Result<SecretString, AssertionError> {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let header = match algorithm {
        AssertionAlgorithm::Ps256 => {
            let hash = encode(&Sha256::digest(certificate.der()));
            json!({"alg": "PS256", "typ": "JWT", "x5t#S256": hash})
        }
        AssertionAlgorithm::Rs256 => {
            let hash = encode(certificate.thumbprint().as_bytes());
            json!({"alg": "RS256", "typ": "JWT", "x5t": hash})
        }
    };
    let application = claims.application_id.to_string();
    let begin = claims.now.saturating_sub(SKEW);
    let payload = json!({
        "aud": claims.audience,
        "iss": application,
        "sub": application,
        "jti": claims.id.to_string(),
        "nbf": begin,
        "iat": begin,
        "exp": begin.saturating_add(ASSERTION_LIFETIME),
    });
    let signed = format!(
        "{}.{}",
        encode(header.to_string().as_bytes()),
        encode(payload.to_string().as_bytes())
    );
    let digest: [u8; 32] = Sha256::digest(signed.as_bytes()).into();
    let signature = certificate.sign(algorithm, &digest, rng).map_err(AssertionError)?;
    Ok(format!("{signed}.{}", encode(&signature)).into())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use rsa::pkcs8::DecodePublicKey as _;
    use rsa::{Pkcs1v15Sign, Pss, RsaPublicKey};
    use secrecy::ExposeSecret as _;
    use serde_json::{Value as Json, json};
    use sha2::{Digest as _, Sha256};
    use uuid::Uuid;

    use super::{AssertionAlgorithm, Claims, assertion};
    use crate::certificate::{ClientCertificate, Thumbprint};

    fn decoded(part: &str) -> Json {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    /// Signs, verifies the signature with the public key as OpenSSL wrote it, and gives the header.
    fn check(algorithm: AssertionAlgorithm) -> Json {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
        let thumbprint = "79218D98A3FF04574C534A49F8E005D1817420E0".parse().unwrap();
        let certificate =
            ClientCertificate::from_file(&data.join("plain.pem"), thumbprint, None).unwrap();
        let audience =
            "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token";
        let claims = Claims {
            audience,
            application_id: Uuid::from_u128(1),
            id: Uuid::from_u128(2),
            now: 1_800_000_000,
        };
        let text = assertion(&certificate, algorithm, &claims, &mut rand::rng()).unwrap();
        let (signed, signature) = text.expose_secret().rsplit_once('.').unwrap();
        let digest = Sha256::digest(signed.as_bytes());
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let pem = std::fs::read_to_string(data.join("public.pem")).unwrap();
        let public = RsaPublicKey::from_public_key_pem(&pem).unwrap();
        match algorithm {
            AssertionAlgorithm::Ps256 => {
                public.verify(Pss::<Sha256>::new(), &digest, &signature).unwrap();
            }
            AssertionAlgorithm::Rs256 => {
                public.verify(Pkcs1v15Sign::new::<Sha256>(), &digest, &signature).unwrap();
            }
        }
        let (header, payload) = signed.split_once('.').unwrap();
        assert_eq!(
            decoded(payload),
            json!({
                "aud": audience,
                "iss": "00000000-0000-0000-0000-000000000001",
                "sub": "00000000-0000-0000-0000-000000000001",
                "jti": "00000000-0000-0000-0000-000000000002",
                "nbf": 1_799_999_970, "iat": 1_799_999_970, "exp": 1_800_000_570,
            })
        );
        decoded(header)
    }

    #[test]
    fn the_recommended_form_names_the_certificate_by_sha_256() {
        let header = check(AssertionAlgorithm::Ps256);
        assert_eq!((&header["alg"], &header["typ"]), (&json!("PS256"), &json!("JWT")));
        assert_eq!(header["x5t#S256"].as_str().map(str::len), Some(43));
    }

    #[test]
    fn the_older_form_names_it_by_sha_1() {
        let header = check(AssertionAlgorithm::Rs256);
        let expected = "eSGNmKP_BFdMU0pJ-OAF0YF0IOA";
        assert_eq!(header, json!({"alg": "RS256", "typ": "JWT", "x5t": expected}));
        let known: Thumbprint = "84E05C1D98BCE3A5421D225B140B36E86A3D5534".parse().unwrap();
        assert_eq!(URL_SAFE_NO_PAD.encode(known.as_bytes()), "hOBcHZi846VCHSJbFAs26Go9VTQ");
    }
}
