//! Stand-ins for identifiers and secrets that have no words in them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

use super::Dictionary;
use crate::scrub::property::Class;

impl Dictionary {
    pub(super) fn guid_text(&mut self, text: &str) -> String {
        let Ok(guid) = Uuid::parse_str(text) else { return text.to_owned() };
        if self.kept.contains(&guid) {
            return text.to_owned();
        }
        let replaced = self.stand_ins.guid(guid).to_string();
        if text.contains(|digit: char| digit.is_ascii_uppercase()) {
            replaced.to_ascii_uppercase()
        } else {
            replaced
        }
    }

    /// Replaces 16 bytes that are a known GUID.
    pub(in crate::scrub) fn guid(&mut self, guid: Uuid) -> Option<Uuid> {
        let known = self.seen.contains(&guid) && !self.kept.contains(&guid);
        known.then(|| self.stand_ins.guid(guid))
    }

    /// Replaces the numbers of the domain; the last number stays where it names the same account in every domain.
    pub(super) fn sid(&mut self, text: &str) -> String {
        let parts: Vec<&str> = text.split('-').collect();
        let replaced = parts.iter().enumerate().map(|(place, part)| {
            if place < 4 { (*part).to_owned() } else { self.stand_ins.authority(part) }
        });
        replaced.collect::<Vec<_>>().join("-")
    }

    pub(super) fn hash(&mut self, text: &str) -> String {
        match Uuid::parse_str(text) {
            Ok(guid) if text.len() == 32 && self.kept.contains(&guid) => text.to_owned(),
            Ok(guid) if text.len() == 32 && self.seen.contains(&guid) => {
                self.stand_ins.guid(guid).simple().to_string()
            }
            _ => self.stand_ins.hash(text),
        }
    }

    pub(super) fn secret(&mut self, text: &str) -> String {
        self.counts.secrets += 1;
        self.words.secret(text)
    }

    pub(super) fn token(&mut self, text: &str) -> String {
        self.counts.secrets += 1;
        if !text.starts_with("eyJ") || text.matches('.').count() != 2 {
            return self.stand_ins.token(text);
        }
        let parts: Vec<String> =
            text.split('.').map(|part| self.stand_ins.token_part(part)).collect();
        parts.join(".")
    }

    /// Replaces what follows the scheme of an `Authorization` or a challenge; the parameters of a challenge stay readable.
    pub(super) fn credentials(&mut self, text: &str) -> String {
        let Some((scheme, rest)) = text.split_once(' ') else { return text.to_owned() };
        if rest.contains("=\"") {
            return format!("{scheme} {}", self.replace_open(Class::Free, rest));
        }
        let replaced = match base64_text(rest) {
            Some(plain) if scheme.eq_ignore_ascii_case("basic") => {
                let (user, password) = plain.split_once(':').unwrap_or((plain.as_str(), ""));
                let user = self.replace_open(Class::Name, user);
                to_base64(format!("{user}:{}", self.secret(password)).as_bytes())
            }
            _ => self.token(rest),
        };
        format!("{scheme} {replaced}")
    }

    pub(super) fn cookies(&mut self, text: &str) -> String {
        let pairs = text.split(';').enumerate().map(|(number, pair)| {
            let Some((name, value)) = pair.split_once('=') else { return pair.to_owned() };
            let is_attribute = number > 0
                && ["path", "expires", "domain", "max-age", "samesite"]
                    .contains(&name.trim().to_ascii_lowercase().as_str());
            if is_attribute {
                return self.replace_open(Class::Free, pair);
            }
            self.counts.secrets += 1;
            format!("{name}={}", self.stand_ins.token(value))
        });
        pairs.collect::<Vec<_>>().join(";")
    }

    /// Replaces the base64 of a block, line by line; a certificate by one that is none.
    pub(super) fn pem(&mut self, text: &str) -> String {
        let packed: String =
            text.lines().filter(|line| !line.contains("-----")).map(str::trim).collect();
        let Ok(der) = STANDARD.decode(&packed) else {
            return text
                .chars()
                .map(|sign| if sign.is_alphanumeric() { 'x' } else { sign })
                .collect();
        };
        let replaced = to_base64(&self.stand_ins.certificate(&der));
        let mut fill = replaced.chars();
        let mut inside = false;
        let mut out = String::with_capacity(text.len());
        for line in text.split_inclusive('\n') {
            if line.contains("-----") {
                inside = !inside && line.contains("BEGIN");
                out.push_str(line);
                continue;
            }
            let filled = line
                .chars()
                .map(|sign| if sign.is_whitespace() { sign } else { fill.next().unwrap_or('=') });
            out.extend(filled);
        }
        out
    }

    /// Replaces a certificate.
    pub(in crate::scrub) fn certificate(&mut self, der: &[u8]) -> Vec<u8> {
        self.counts.identifiers += 1;
        self.stand_ins.certificate(der)
    }

    /// Replaces bytes that nobody can decrypt by others of the same number.
    pub(in crate::scrub) fn sealed(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.counts.secrets += 1;
        let key: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let drawn = self.stand_ins.token(&key);
        drawn.bytes().take(bytes.len()).collect()
    }
}

fn base64_text(text: &str) -> Option<String> {
    let bytes = STANDARD.decode(text.trim()).ok()?;
    String::from_utf8(bytes).ok()
}

fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
