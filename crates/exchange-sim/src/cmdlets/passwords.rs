//! What the domain demands of a password.

use secrecy::{ExposeSecret, SecretString};

use super::bind::Bound;
use super::error::{AD_OPERATION, PASSWORD};
use super::{CmdletError, Exchange, Session};
use crate::directory::PasswordDigest;

impl Exchange {
    /// Returns the password that the call sets, if it sets one.
    pub(super) fn password(
        &mut self,
        bound: &Bound,
        session: &Session,
        server: &str,
    ) -> Result<Option<PasswordDigest>, CmdletError> {
        let Some(secret) = bound.secret("Password") else { return Ok(None) };
        if !session.may_set_passwords {
            let message = format!(
                "Active Directory operation failed on {server}. This error is not retriable. Additional information: Access is denied. Active directory response: 00000005: SecErr: DSID-031A11ED, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0"
            );
            return Err(self.invalid(bound.cmdlet, AD_OPERATION, message));
        }
        if !is_strong(secret) {
            let message = "The password does not meet the length, complexity, or history requirement of the domain.".to_owned();
            return Err(self.invalid(bound.cmdlet, PASSWORD, message));
        }
        Ok(Some(PasswordDigest::new(self.random.guid(), secret.expose_secret())))
    }
}

/// Eight characters of three of four kinds.
fn is_strong(secret: &SecretString) -> bool {
    let password = secret.expose_secret();
    let kinds: [fn(char) -> bool; 4] =
        [char::is_lowercase, char::is_uppercase, char::is_numeric, |c| !c.is_alphanumeric()];
    let kinds = kinds.iter().filter(|kind| password.chars().any(**kind)).count();
    password.chars().count() >= 8 && kinds >= 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_needs_length_and_three_kinds() {
        for (password, strong) in [
            ("Passw0rd", true),
            ("pass w0rd", true),
            ("Kurz1!", false),
            ("nurklein", false),
            ("Zweikind", false),
            ("ÄÖÜäöü12", true),
            ("", false),
        ] {
            assert_eq!(is_strong(&SecretString::from(password)), strong, "{password}");
        }
    }
}
