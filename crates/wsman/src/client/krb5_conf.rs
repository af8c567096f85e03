//! Reading krb5.conf, as far as finding a realm and its KDCs goes.
//!
//! The format is that of MIT Kerberos: sections in brackets, `name = value`, and groups in braces. Distributions keep
//! most of it in files that `include` and `includedir` name.

use std::collections::VecDeque;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// What was found; where a thing is said twice the first counts.
#[derive(Debug, Default)]
pub(crate) struct Krb5Conf {
    default_realm: Option<String>,
    dns_lookup_kdc: Option<String>,
    /// Realms and addresses, in order.
    kdcs: Vec<(String, String)>,
    /// Domains, with a dot before those that stand for what is below them, and realms.
    domains: Vec<(String, String)>,
    /// Files and folders that others stand in.
    includes: Vec<PathBuf>,
}

impl Krb5Conf {
    /// Reads the file at `path`, or those that the system has; of the latter any may be missing.
    pub(crate) fn read(path: Option<&Path>) -> Result<Self, (PathBuf, io::Error)> {
        let mut conf = Self::default();
        if let Some(path) = path {
            let text = read_file(path).map_err(|error| (path.to_owned(), error))?;
            conf.add(&text);
        } else {
            let named = std::env::var_os("KRB5_CONFIG");
            let named = named.unwrap_or_else(|| "/etc/krb5.conf:/usr/local/etc/krb5.conf".into());
            conf.includes = std::env::split_paths(&named).collect();
        }
        conf.follow();
        Ok(conf)
    }

    /// Reads a text alone.
    #[cfg(test)]
    pub(crate) fn parse(text: &str) -> Self {
        let mut conf = Self::default();
        conf.add(text);
        conf
    }

    /// Returns the realm of users who name none.
    pub(crate) fn default_realm(&self) -> Option<&str> {
        self.default_realm.as_deref()
    }

    /// Tells whether KDCs that are not named may be looked for in DNS, as they are unless the file says no.
    pub(crate) fn asks_dns(&self) -> bool {
        let says_no = |text: &str| ["false", "no", "n", "f", "0", "off", "nil"].contains(&text);
        !self.dns_lookup_kdc.as_deref().is_some_and(|text| says_no(&text.to_ascii_lowercase()))
    }

    /// Returns the KDCs of a realm, in order.
    pub(crate) fn kdcs(&self, realm: &str) -> Vec<String> {
        let own = self.kdcs.iter().filter(|(name, _)| name.eq_ignore_ascii_case(realm));
        own.map(|(_, address)| address.clone()).collect()
    }

    /// Returns the realm that a domain of a user name stands for.
    pub(crate) fn realm_of(&self, domain: &str) -> String {
        let lower = domain.to_ascii_lowercase();
        let mapped = self.domains.iter().find(|(name, _)| {
            let is_below = || name.starts_with('.') && lower.ends_with(name.as_str());
            *name == lower || is_below()
        });
        if let Some((_, realm)) = mapped {
            return realm.clone();
        }
        let upper = domain.to_ascii_uppercase();
        let is_realm = upper.contains('.') || !self.kdcs(&upper).is_empty();
        let default = self.default_realm.clone().filter(|_| !is_realm);
        default.unwrap_or(upper)
    }

    /// Reads what is included, up to a number of files, whether or not they include each other.
    fn follow(&mut self) {
        let mut waiting: VecDeque<PathBuf> = std::mem::take(&mut self.includes).into();
        for _ in 0..MOST_FILES {
            let Some(path) = waiting.pop_front() else { return };
            if path.is_dir() {
                waiting.extend(files_of(&path));
                continue;
            }
            match read_file(&path) {
                Ok(text) => self.add(&text),
                Err(error) => {
                    tracing::debug!(path = %path.display(), %error, "no krb5.conf there");
                }
            }
            waiting.extend(self.includes.drain(..));
        }
    }

    fn add(&mut self, text: &str) {
        let mut section = String::new();
        let mut groups: Vec<String> = Vec::new();
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(path) = include(line) {
                self.includes.push(path);
            } else if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split_once(']'))
            {
                name.0.trim().clone_into(&mut section);
                groups.clear();
            } else if line.starts_with('}') {
                groups.pop();
            } else if let Some((name, value)) = line.split_once('=') {
                let (name, value) = (name.trim(), value.trim());
                if value == "{" {
                    groups.push(name.to_owned());
                } else {
                    let path: Vec<&str> = groups.iter().map(String::as_str).collect();
                    self.set(&section, &path, name, value.trim_matches('"'));
                }
            }
        }
    }

    fn set(&mut self, section: &str, groups: &[&str], name: &str, value: &str) {
        match (section, groups, name) {
            ("libdefaults", [], "default_realm") if self.default_realm.is_none() => {
                self.default_realm = Some(value.to_owned());
            }
            ("libdefaults", [], "dns_lookup_kdc") if self.dns_lookup_kdc.is_none() => {
                self.dns_lookup_kdc = Some(value.to_owned());
            }
            ("realms", [realm], "kdc") => self.kdcs.push(((*realm).to_owned(), value.to_owned())),
            ("domain_realm", [], domain) => {
                self.domains.push((domain.to_ascii_lowercase(), value.to_owned()));
            }
            _ => {}
        }
    }
}

fn include(line: &str) -> Option<PathBuf> {
    let (directive, path) = line.split_once(char::is_whitespace)?;
    matches!(directive, "include" | "includedir").then(|| PathBuf::from(path.trim()))
}

/// Lists the files of a folder that MIT Kerberos would read: names of letters, digits, dashes and underscores, and
/// those that end in `.conf`.
fn files_of(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let is_wanted = |path: &PathBuf| {
        let name = path.file_name().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
        let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        let is_conf = path.extension().is_some_and(|extension| extension == "conf");
        path.is_file() && (is_plain || is_conf && !name.starts_with('.'))
    };
    let mut files: Vec<PathBuf> =
        entries.filter_map(Result::ok).map(|entry| entry.path()).filter(is_wanted).collect();
    files.sort();
    files
}

fn read_file(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LARGEST_FILE).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

const LARGEST_FILE: u64 = 1 << 20;
const MOST_FILES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const CONF: &str = "# a comment\n[libdefaults]\n  default_realm = A.EXAMPLE\n[realms]\n\tA.EXAMPLE = {\n\t\tkdc = dc1.a.example:88\n\
                        \t\tauth_to_local_names = {\n\t\t\tkdc = no\n\t\t}\n\t\tkdc = dc2.a.example\n\t}\n  B = {\n    kdc = b1\n  }\n\
                        [domain_realm]\n  .a.example = A.EXAMPLE\n";

    #[test]
    fn realms_and_their_kdcs_are_found() {
        let conf = Krb5Conf::parse(CONF);
        assert_eq!(conf.default_realm(), Some("A.EXAMPLE"));
        assert_eq!(conf.kdcs("a.example"), ["dc1.a.example:88", "dc2.a.example"]);
        assert_eq!(conf.kdcs("B"), ["b1"]);
        assert!(conf.kdcs("C").is_empty());
        assert_eq!(conf.realm_of("x.a.example"), "A.EXAMPLE");
        assert_eq!(conf.realm_of("a.example"), "A.EXAMPLE");
    }

    #[test]
    fn dns_is_asked_unless_the_file_says_no() {
        let asks = |text: &str| Krb5Conf::parse(&format!("[libdefaults]\n{text}\n")).asks_dns();
        assert!(asks("") && asks("dns_lookup_kdc = true") && asks("dns_lookup_realm = false"));
        assert!(!asks("dns_lookup_kdc = false") && !asks("dns_lookup_kdc=No"));
    }

    #[test]
    fn files_may_include_others_and_each_other() {
        let folder = std::env::temp_dir().join(format!("wsman-krb5-{}", std::process::id()));
        let more = folder.join("more");
        std::fs::create_dir_all(&more).unwrap();
        let main = folder.join("krb5.conf");
        let includes = format!("includedir {}\ninclude {}\n", more.display(), main.display());
        std::fs::write(&main, includes).unwrap();
        std::fs::write(more.join("realms.conf"), CONF).unwrap();
        std::fs::write(more.join("old.conf~"), "[libdefaults]\ndefault_realm = NO\n").unwrap();
        let conf = Krb5Conf::read(Some(&main)).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(conf.default_realm(), Some("A.EXAMPLE"));
        assert!(Krb5Conf::read(Some(&main)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[a-z\\[\\]{}= \n]{0,80}") {
            let _ = Krb5Conf::parse(&text).realm_of("x");
        }
    }
}
