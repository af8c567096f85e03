//! Asking for a token, and reading what comes.
//!
//! Spec: [RFC 6749] 4.4 Client Credentials Grant, 4.3 Resource Owner Password Credentials Grant. A token is not verified
//! here, for it is not ours to judge; what it says of itself is read all the same, because it names the tenant and tells
//! which half of the permission is missing. `expires_in` comes as a number or as digits.
//!
//! [RFC 6749]: https://www.rfc-editor.org/rfc/rfc6749

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value as Json};
use url::Url;
use url::form_urlencoded::Serializer;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::rest::{Method, RestAnswer, RestRequest};
use crate::sign_in::{SignInError, TokenRefusal};

/// The application permission that the admin API wants.
pub const PERMISSION: &str = "Exchange.ManageAsApp";

/// The permission that serves another version of the API only.
const PERMISSION_V2: &str = "Exchange.ManageAsAppV2";

/// The public client of Exchange Online PowerShell.
pub const PUBLIC_CLIENT: Uuid = Uuid::from_u128(0xfb78_d390_0c51_40cd_8e17_fdbf_ab77_341b);

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A token may be said to live so long; what is longer is cut.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a token lives when its answer does not say.
const USUAL_LIFE: Duration = Duration::from_secs(60 * 60);
/// How long before its end a token is renewed.
const RENEWED_BEFORE: Duration = Duration::from_secs(5 * 60);

/// What proves who signs in, in the words of the form.
pub(crate) enum Proof<'a> {
    /// A signed assertion of an application.
    Assertion(Uuid, SecretString),
    /// The secret of an application.
    Secret(Uuid, &'a SecretString),
    /// A user's password, through a public client.
    Password(Uuid, &'a str, &'a SecretString),
}

/// A token and what it says of itself.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) secret: SecretString,
    /// How long it is used.
    pub(crate) lifetime: Duration,
    pub(crate) claims: TokenClaims,
}

/// What a token says of itself; empty when it cannot be read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct TokenClaims {
    /// The tenant's id.
    pub tenant_id: Option<Uuid>,
    /// The application's permissions.
    pub roles: Vec<String>,
    /// The user's sign-in name, when a user signed in.
    pub user: Option<String>,
    /// Whether the token could be read at all.
    pub readable: bool,
}

impl TokenClaims {
    /// Returns whether an application's token lacks the permission that the API wants. A user's token needs none.
    #[must_use]
    pub fn lacks_permission(&self) -> bool {
        self.readable && self.user.is_none() && !self.has(PERMISSION)
    }

    /// Returns whether the token has the permission for the other version of the API, and that alone.
    #[must_use]
    pub fn has_other_version_only(&self) -> bool {
        self.has(PERMISSION_V2) && !self.has(PERMISSION)
    }

    fn has(&self, role: &str) -> bool {
        self.roles.iter().any(|known| known.eq_ignore_ascii_case(role))
    }
}

/// Returns where tokens of an organisation come from.
pub(crate) fn token_url(authority: &Url, organization: &str) -> Url {
    let mut url = authority.clone();
    url.set_query(None);
    url.set_fragment(None);
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend([organization, "oauth2", "v2.0", "token"]);
    }
    url
}

/// Makes the request of a token; `claims` is what the API asked to be passed on.
pub(crate) fn token_request(
    url: Url,
    scope: &str,
    proof: &Proof<'_>,
    claims: Option<&str>,
) -> RestRequest {
    let mut form = Serializer::new(String::new());
    form.append_pair("scope", scope);
    match proof {
        Proof::Assertion(application, assertion) => {
            form.append_pair("grant_type", "client_credentials")
                .append_pair("client_id", &application.to_string())
                .append_pair("client_assertion_type", ASSERTION_TYPE)
                .append_pair("client_assertion", assertion.expose_secret());
        }
        Proof::Secret(application, secret) => {
            form.append_pair("grant_type", "client_credentials")
                .append_pair("client_id", &application.to_string())
                .append_pair("client_secret", secret.expose_secret());
        }
        Proof::Password(client, username, password) => {
            form.append_pair("grant_type", "password")
                .append_pair("client_id", &client.to_string())
                .append_pair("username", username)
                .append_pair("password", password.expose_secret());
        }
    }
    if let Some(claims) = claims {
        form.append_pair("claims", claims);
    }
    let mut request = RestRequest::new(Method::Post, url);
    request.headers = vec![
        ("Content-Type", "application/x-www-form-urlencoded".to_owned()),
        ("Accept", "application/json".to_owned()),
    ];
    request.body = Zeroizing::new(form.finish().into_bytes());
    request
}

/// Reads the answer to a token request.
pub(crate) fn read_token(answer: &RestAnswer) -> Result<Token, SignInError> {
    let members = match serde_json::from_slice(&answer.body) {
        Ok(Json::Object(members)) => members,
        _ => Map::new(),
    };
    if answer.status != 200 {
        return Err(SignInError::Refused(Box::new(TokenRefusal::new(answer, &members))));
    }
    let text = |name: &str| members.get(name).and_then(Json::as_str);
    let token = text("access_token").filter(|token| is_token(token));
    let bearer = text("token_type").is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
    let token = token.filter(|_| bearer).ok_or(SignInError::Malformed)?;
    let lifetime = members.get("expires_in").and_then(seconds).unwrap_or(USUAL_LIFE);
    let lifetime = lifetime.min(LONGEST_LIFE);
    Ok(Token {
        claims: read_claims(token),
        secret: token.into(),
        lifetime: lifetime.checked_sub(RENEWED_BEFORE).unwrap_or(lifetime / 2),
    })
}

/// Whether the text can stand in a header.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 << 10 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn seconds(value: &Json) -> Option<Duration> {
    let seconds = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())?;
    Some(Duration::from_secs(seconds))
}

pub(crate) fn read_claims(token: &str) -> TokenClaims {
    let payload = token.split('.').nth(1).map(|part| part.trim_end_matches('='));
    let payload = payload.and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let Some(Json::Object(claims)) =
        payload.and_then(|payload| serde_json::from_slice(&payload).ok())
    else {
        return TokenClaims::default();
    };
    let text = |name: &str| claims.get(name).and_then(Json::as_str);
    let roles = claims.get("roles").and_then(Json::as_array);
    TokenClaims {
        tenant_id: text("tid").and_then(|id| id.parse().ok()),
        roles: roles
            .map(|roles| roles.iter().filter_map(Json::as_str).map(str::to_owned).collect())
            .unwrap_or_default(),
        user: text("upn").or_else(|| text("unique_name")).map(str::to_owned),
        readable: true,
    }
}

/// Returns what a refusal asks to be passed to the token service: the decoded `claims` of its challenge.
pub(crate) fn challenge(answer: &RestAnswer) -> Option<String> {
    let value = answer.values("WWW-Authenticate").find(|value| value.contains("claims="))?;
    let (_, rest) = value.split_once("claims=")?;
    let quoted = rest.trim_start().strip_prefix('"')?;
    let (text, _) = quoted.split_once('"')?;
    let bytes = STANDARD.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text)).ok()?;
    let claims = String::from_utf8(bytes).ok()?;
    serde_json::from_str::<Map<String, Json>>(&claims).is_ok().then_some(claims)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use secrecy::ExposeSecret as _;
    use url::Url;
    use uuid::Uuid;

    use super::{PUBLIC_CLIENT, Proof, challenge, read_token, token_request, token_url};
    use crate::rest::RestAnswer;
    use crate::sign_in::SignInError;

    fn jwt(claims: &str) -> String {
        format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode("{}"), URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn the_address_names_the_organisation() {
        let check = |authority: &str, expected: &str| {
            let url = token_url(&Url::parse(authority).unwrap(), "contoso.onmicrosoft.com");
            assert_eq!(url.as_str(), expected);
        };
        let expected =
            "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token";
        check("https://login.microsoftonline.com", expected);
        check("https://login.microsoftonline.com/?x=1#y", expected);
        let odd = token_url(&Url::parse("https://h").unwrap(), "a/../b");
        assert_eq!(odd.as_str(), "https://h/a%2F..%2Fb/oauth2/v2.0/token");
    }

    #[test]
    fn forms_carry_what_each_grant_needs() {
        let url = Url::parse("https://h/t").unwrap();
        let form = |proof: &Proof<'_>, claims| {
            let request = token_request(url.clone(), "https://api/.default", proof, claims);
            String::from_utf8(request.body.to_vec()).unwrap()
        };
        let application = Uuid::from_u128(1);
        assert_eq!(
            form(&Proof::Assertion(application, "a.b.c".into()), None),
            "scope=https%3A%2F%2Fapi%2F.default&grant_type=client_credentials&client_id=00000000-0000-0000-0000-000000000001\
             &client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=a.b.c"
        );
        assert!(
            form(&Proof::Secret(application, &"s&=".into()), Some("{}"))
                .ends_with("client_secret=s%26%3D&claims=%7B%7D")
        );
        assert_eq!(
            form(&Proof::Password(PUBLIC_CLIENT, "a@b.c", &"p w".into()), None),
            "scope=https%3A%2F%2Fapi%2F.default&grant_type=password\
             &client_id=fb78d390-0c51-40cd-8e17-fdbfab77341b&username=a%40b.c&password=p+w"
        );
    }

    #[test]
    fn tokens_are_read_and_renewed_before_their_end() {
        let token = |expires: &str, claims: &str| {
            let body = format!(
                r#"{{"token_type":"Bearer","expires_in":{expires},"access_token":"{}"}}"#,
                jwt(claims)
            );
            read_token(&RestAnswer::new(200, body)).unwrap()
        };
        let tenant = "9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2";
        let found =
            token("3599", &format!(r#"{{"tid":"{tenant}","roles":["Exchange.ManageAsApp"]}}"#));
        assert_eq!(found.lifetime, Duration::from_secs(3299));
        assert_eq!(found.claims.tenant_id, tenant.parse().ok());
        assert!(!found.claims.lacks_permission());
        assert!(found.secret.expose_secret().ends_with(".c2ln"));
        let found = token("\"3599\"", r#"{"roles":["Exchange.ManageAsAppV2"]}"#);
        assert_eq!(found.lifetime, Duration::from_secs(3299), "digits in text count too");
        assert!(found.claims.lacks_permission() && found.claims.has_other_version_only());
        assert!(!token("60", r#"{"upn":"a@b.c"}"#).claims.lacks_permission(), "a user needs none");
        let opaque =
            read_token(&RestAnswer::new(200, r#"{"access_token":"opaque","expires_in":60}"#))
                .unwrap();
        assert!(!opaque.claims.lacks_permission(), "nothing is known of it");
        assert_eq!(opaque.lifetime, Duration::from_secs(30));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for body in [
            "",
            "<html>",
            "{}",
            r#"{"access_token":""}"#,
            r#"{"access_token":"a\r\nb"}"#,
            r#"{"token_type":"mac","access_token":"a"}"#,
        ] {
            let found = read_token(&RestAnswer::new(200, body));
            assert!(matches!(found, Err(SignInError::Malformed)), "{body}");
        }
    }

    #[test]
    fn a_challenge_is_passed_on() {
        let claims = r#"{"access_token":{"nbf":{"essential":true}}}"#;
        let value =
            format!("Bearer realm=\"\", error=\"x\", claims=\"{}\"", STANDARD.encode(claims));
        let answer = RestAnswer::new(401, "").header("www-authenticate", &value);
        assert_eq!(challenge(&answer).as_deref(), Some(claims));
        let odd = RestAnswer::new(401, "").header("WWW-Authenticate", "Bearer claims=\"eA==\"");
        assert_eq!(challenge(&odd), None);
    }
}
