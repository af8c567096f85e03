use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use secrecy::SecretString;

use super::{CertificateError, CertificateFile, ClientCertificate, Thumbprint};

const APP: &str = "79218D98A3FF04574C534A49F8E005D1817420E0";
const ANOTHER: &str = "CA9DB71D4EB6E8F1FDCC91DB0BDFD44D7AB2FA13";
const ELLIPTIC: &str = "7391C8C0694FB688CE82EB067EB4B47BA105780A";

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn load(
    name: &str,
    thumbprint: &str,
    password: Option<&str>,
) -> Result<ClientCertificate, CertificateError> {
    let password = password.map(SecretString::from);
    ClientCertificate::from_file(&data(name), thumbprint.parse().unwrap(), password.as_ref())
}

#[test]
fn thumbprints_are_read_as_people_copy_them() {
    let expected: Thumbprint = "84E05C1D98BCE3A5421D225B140B36E86A3D5534".parse().unwrap();
    for text in [
        "\u{200e}84 e0 5c 1d 98 bc e3 a5 42 1d 22 5b 14 0b 36 e8 6a 3d 55 34",
        "84:E0:5C:1D:98:BC:E3:A5:42:1D:22:5B:14:0B:36:E8:6A:3D:55:34",
    ] {
        assert_eq!(text.parse(), Ok(expected));
    }
    assert_eq!(expected.to_string(), "84E05C1D98BCE3A5421D225B140B36E86A3D5534");
    assert!("84E0".parse::<Thumbprint>().is_err());
    assert!("g4E05C1D98BCE3A5421D225B140B36E86A3D5534".parse::<Thumbprint>().is_err());
}

#[test]
fn files_of_every_kind_are_read() {
    for (name, password) in [
        ("modern.pfx", Some("hunter2")),
        ("legacy.pfx", Some("hunter2")),
        ("open.pfx", None),
        ("bare.pfx", None),
        ("plain.pem", None),
        ("traditional.pem", None),
        ("locked.pem", Some("hunter2")),
    ] {
        let found = load(name, APP, password).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(found.thumbprint().to_string(), APP, "{name}");
        assert_eq!(found.warning(SystemTime::now()), None, "{name}");
    }
}

#[test]
fn a_file_is_read_whole_whatever_its_keys_are() {
    for (name, password, keys) in [
        ("modern.pfx", Some("hunter2"), 1),
        ("legacy.pfx", Some("hunter2"), 1),
        ("open.pfx", None, 1),
        ("locked.pem", Some("hunter2"), 1),
        ("traditional.pem", None, 1),
        ("elliptic.pem", None, 1),
        ("keyless.pem", None, 0),
    ] {
        let password = password.map(SecretString::from);
        let file = CertificateFile::read(&data(name), password.as_ref()).unwrap();
        assert_eq!((file.certificates.is_empty(), file.keys.len()), (false, keys), "{name}");
        assert!(!format!("{file:?}").contains("48, 130"), "no key shows: {file:?}");
    }
    let wrong = CertificateFile::read(&data("locked.pem"), Some(&"wrong".into()));
    assert!(matches!(wrong, Err(CertificateError::WrongPassword { .. })), "{wrong:?}");
}

#[test]
fn a_wrong_password_is_told_from_a_damaged_file() {
    for (name, password) in [
        ("modern.pfx", None),
        ("modern.pfx", Some("x")),
        ("legacy.pfx", Some("x")),
        ("locked.pem", None),
    ] {
        let error = load(name, APP, password).unwrap_err();
        assert!(matches!(error, CertificateError::WrongPassword { .. }), "{name}: {error}");
        assert_eq!(error.remedy(), "correct cloud.certificate_password");
    }
    for name in ["README.md", "absent.pfx"] {
        let error = load(name, APP, None).unwrap_err();
        assert!(matches!(error, CertificateError::Unreadable { .. }), "{name}: {error}");
    }
}

#[test]
fn no_match_says_what_was_searched_and_what_there_is() {
    let wanted = "84E05C1D98BCE3A5421D225B140B36E86A3D5534";
    let error = load("plain.pem", wanted, None).unwrap_err().to_string();
    assert!(error.contains("plain.pem has the thumbprint 84E0"), "{error}");
    assert!(error.ends_with(&format!("it holds {ANOTHER}, {APP}")), "{error}");
    let error = ClientCertificate::from_store(&data(""), wanted.parse().unwrap(), None);
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains(ELLIPTIC) && error.contains("not readable with the password"),
        "{error}"
    );
    assert!(error.contains("modern.pfx"), "{error}");
}

#[test]
fn a_store_is_searched_for_the_certificate_that_has_its_key() {
    let found = ClientCertificate::from_store(&data(""), APP.parse().unwrap(), None).unwrap();
    assert_eq!(found.thumbprint().to_string(), APP);
    let error = ClientCertificate::from_store(&data("absent"), APP.parse().unwrap(), None);
    assert!(matches!(error, Err(CertificateError::Unreadable { .. })));
}

#[test]
fn a_certificate_needs_its_own_rsa_key() {
    for name in ["plain.pem", "keyless.pem"] {
        let error = load(name, ANOTHER, None).unwrap_err();
        assert!(matches!(error, CertificateError::NoKey { .. }), "{name}: {error}");
    }
    let error = load("elliptic.pem", ELLIPTIC, None).unwrap_err();
    assert!(matches!(error, CertificateError::NotRsa { .. }), "{error}");
    assert!(error.remedy().contains("RSA"), "{}", error.remedy());
}

#[test]
fn a_key_that_is_locked_in_the_old_way_is_told_by_its_remedy() {
    let path = std::env::temp_dir().join(format!("old-lock-{}.pem", std::process::id()));
    let text = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    std::fs::write(&path, text).unwrap();
    let error = ClientCertificate::from_file(&path, APP.parse().unwrap(), None).unwrap_err();
    std::fs::remove_file(&path).unwrap();
    let CertificateError::Unreadable { source, .. } = error else { panic!("{error}") };
    assert!(source.to_string().contains("openssl pkcs8 -topk8"), "{source}");
}

#[test]
fn the_end_of_a_certificate_is_told_in_time() {
    let found = load("plain.pem", APP, None).unwrap();
    let days = |days: u64| Duration::from_secs(days * 24 * 60 * 60);
    let end = found.not_after();
    assert_eq!(found.warning(end - days(31)), None);
    let soon = found.warning(end - days(10)).unwrap();
    assert_eq!(soon, format!("the certificate {APP} expires in 10 days"));
    let over = found.warning(end + days(1)).unwrap();
    assert_eq!(over, format!("the certificate {APP} has expired"));
}

#[test]
fn the_key_does_not_show_when_printed() {
    let shown = format!("{:?}", load("plain.pem", APP, None).unwrap());
    assert_eq!(shown, format!("ClientCertificate {{ thumbprint: \"{APP}\", .. }}"));
}
