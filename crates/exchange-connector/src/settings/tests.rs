use std::collections::HashMap;
use std::ffi::OsString;
use std::io;

use exchange_online::AssertionAlgorithm;
use secrecy::ExposeSecret as _;

use super::*;

/// An environment and files that are not those of the machine.
#[derive(Default)]
struct Fake {
    environment: HashMap<&'static str, &'static str>,
    files: HashMap<&'static str, &'static str>,
}

impl SecretSource for Fake {
    fn environment(&self, name: &str) -> Option<OsString> {
        self.environment.get(name).map(OsString::from)
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        path.to_str()
            .and_then(|path| self.files.get(path))
            .map(|text| (*text).to_owned())
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

fn parse(text: &str) -> Result<Settings, SettingsError> {
    let source = Fake {
        environment: HashMap::from([("SECRET", "from-env"), ("EMPTY", "")]),
        files: HashMap::from([("secret.txt", "from-file\r\n"), ("empty.txt", "\n")]),
    };
    Settings::parse(text, &source, Path::new("/etc/connector"))
}

const LOCAL: &str = r#"
infrastructure_type = "OnPremises"
hostname = "ex01.contoso.com"
authentication_method = "Negotiate"
username = 'CONTOSO\svc'
password = { env = "SECRET" }
create_method = "New"
"#;

const CLOUD: &str = r#"
infrastructure_type = "Cloud"
organization = "contoso.onmicrosoft.com"
certificate_thumbprint = "0123456789ABCDEF0123456789abcdef01234567"
application_id = "9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2"
create_method = "New"
[cloud]
certificate_file = "app.pfx"
"#;

/// `base` without the line that sets the key of `line`, and with `line` instead, before the first table.
fn with(base: &str, line: &str) -> String {
    let key = line.split('=').next().unwrap_or_default().trim();
    let kept: Vec<_> =
        base.lines().filter(|own| own.split('=').next().map(str::trim) != Some(key)).collect();
    format!("{line}\n{}", kept.join("\n"))
}

fn without(base: &str, key: &str) -> String {
    with(base, &format!("{key} =")).split_once('\n').unwrap().1.to_owned()
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    match parse(text) {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => assert_eq!(error.to_string(), expected),
    }
}

fn endpoint(text: &str) -> Endpoint {
    parse(text).unwrap().endpoint().unwrap().clone()
}

fn password(settings: &Settings) -> &str {
    match &settings.endpoint().unwrap().identity {
        Identity::Password { password, .. } => password.expose_secret(),
        other => panic!("{other:?} has no password of an account"),
    }
}

#[test]
fn values_are_matched_without_case_and_defaults_are_documented() {
    let settings = parse(&with(LOCAL, "infrastructure_type = 'onpremISES'")).unwrap();
    assert!(matches!(settings.infrastructure, Infrastructure::OnPremises(_)));
    assert_eq!(settings.max_sessions, 3);
    assert_eq!(settings.operation_timeout, Duration::from_secs(180));
    assert_eq!(settings.stall_timeout, Duration::from_secs(1800));
    assert_eq!(settings.export.deprovision, Deprovision::Disable);
    assert_eq!(settings.export.address_policy, AddressPolicy::Disable);
    assert_eq!(settings.export.max_deletes, MaxDeletes::Percent(10));
    assert_eq!(
        settings.export.password_methods,
        [Authentication::Negotiate, Authentication::CredSsp]
    );
    assert!(settings.warnings().is_empty());
}

#[test]
fn the_way_to_the_endpoint_is_read() {
    let pin = "0123456789abcdef".repeat(4);
    let https = format!("{LOCAL}[endpoint]\nurl = 'https://mail.contoso.com/PowerShell'\n");
    let network = |lines: &str| endpoint(&format!("{https}{lines}")).network;
    let found = network(&format!(
        "proxy = 'http://proxy:3128'\ncertificate_pin = '{pin}'\nmin_tls = '1.3'\nconnect_timeout = '5s'"
    ));
    assert!(
        matches!(&found.proxy, ProxySetting::Through(proxy) if proxy.to_string() == "proxy:3128")
    );
    assert_eq!(found.certificate_pins.len(), 1);
    assert_eq!(found.connect_timeout, Some(Duration::from_secs(5)));
    assert!(found.min_tls.is_some());
    assert!(matches!(network("proxy = 'None'").proxy, ProxySetting::None));
    assert!(matches!(network("").proxy, ProxySetting::Environment));
    assert_eq!(network(&format!("certificate_pin = ['{pin}', '{pin}']")).certificate_pins.len(), 2);
    assert!(matches!(network("proxy = { env = 'SECRET' }").proxy, ProxySetting::Through(_)));
}

#[test]
fn a_way_that_leads_nowhere_is_refused_without_secrets() {
    let with_proxy = format!("{LOCAL}[endpoint]\nproxy = 'http://ann:hunter2@proxy:3128'");
    let settings = parse(&with_proxy).unwrap();
    assert!(settings.warnings().iter().any(|warning| warning.contains("endpoint.proxy")));
    assert!(!format!("{settings:?} {:?}", settings.warnings()).contains("hunter2"));
    for lines in [
        "proxy = 'socks5://ann:hunter2@proxy'",
        "certificate_pin = 'abc'",
        "min_tls = '1.1'",
        "connect_timeout = 'soon'",
    ] {
        let text =
            format!("{LOCAL}[endpoint]\nurl = 'https://mail.contoso.com/PowerShell'\n{lines}");
        let error = parse(&text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
    let cloud = format!("{CLOUD}[endpoint]\nproxy = 'http://ann:hunter2@proxy'");
    let error = parse(&cloud).unwrap_err();
    assert!(matches!(error, SettingsError::Combination { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    assert!(error.to_string().contains("[cloud]"), "{error}");
    let pin = "ab".repeat(32);
    let lines = format!(
        "proxy = 'http://ann:hunter2@proxy'\ncertificate_pin = '{pin}'\nmin_tls = '1.3'\nconnect_timeout = '5s'"
    );
    let settings = parse(&format!("{CLOUD}{lines}")).unwrap();
    let Infrastructure::Cloud(cloud) = &settings.infrastructure else { panic!("not Cloud") };
    let network = &cloud.network;
    assert!(
        matches!(&network.proxy, ProxySetting::Through(proxy) if proxy.to_string() == "proxy:80")
    );
    assert_eq!(network.certificate_pins.len(), 1);
    assert_eq!(network.connect_timeout, Some(Duration::from_secs(5)));
    assert!(!format!("{settings:?}").contains("hunter2"));
    let local = "authority_url = 'http://127.0.0.1:1'\nmin_tls = '1.3'";
    let error = parse(&format!("{CLOUD}{local}")).unwrap_err();
    assert!(error.to_string().contains("there is no TLS over http"), "{error}");
    let error = parse(&format!("{LOCAL}[endpoint]\nmin_tls = '1.2'")).unwrap_err();
    assert!(matches!(error, SettingsError::Combination { .. }), "{error}");
}

#[test]
fn every_table_is_read() {
    let settings = parse(&format!(
        "{}{}",
        with(LOCAL, "excluded_smtp_domains = ['mail.onmicrosoft.com', '@x.org']"),
        r#"
[endpoint]
url = "https://mail.contoso.com/PowerShell"
ca_file = "ca.pem"
max_sessions = 5
operation_timeout = "30s"
stall_timeout = "2m"
domain_controller = "dc01.contoso.com"
[kerberos]
realm = "CONTOSO.COM"
kdc = "dc01.contoso.com:88"
[export]
deprovision = "REMOVE"
address_policy = "report"
password_methods = ["kerberos"]
max_deletes = 50
"#
    ))
    .unwrap();
    let endpoint = settings.endpoint().unwrap();
    assert_eq!(endpoint.url.as_str(), "https://mail.contoso.com/PowerShell");
    assert_eq!(endpoint.ca_file.as_deref(), Some(Path::new("/etc/connector/ca.pem")));
    assert_eq!(endpoint.domain_controller.as_deref(), Some("dc01.contoso.com"));
    assert_eq!(endpoint.kerberos.realm.as_deref(), Some("CONTOSO.COM"));
    assert_eq!(settings.max_sessions, 5);
    assert_eq!(settings.stall_timeout, Duration::from_secs(120));
    assert_eq!(settings.export.max_deletes, MaxDeletes::Count(50));
    assert_eq!(settings.export.password_methods, [Authentication::Kerberos]);
    assert!(settings.excluded_smtp_domains.matches("eu.mail.onmicrosoft.com"));
    assert!(!settings.excluded_smtp_domains.matches("eu.x.org"));
}

#[test]
fn the_url_follows_method_and_kind() {
    let check = |method: &str, kind: &str, expected: &str| {
        let text = with(LOCAL, &format!("authentication_method = '{method}'"));
        let endpoint = endpoint(&format!("{text}\n[endpoint]\n{kind}"));
        assert_eq!(endpoint.url.as_str(), expected, "{method} {kind}");
    };
    check("Negotiate", "", "http://ex01.contoso.com/PowerShell/");
    check("kerberos", "", "http://ex01.contoso.com/PowerShell/");
    check("Default", "", "http://ex01.contoso.com/PowerShell/");
    check("Basic", "", "https://ex01.contoso.com/PowerShell/");
    check("CredSSP", "", "http://ex01.contoso.com:5985/wsman");
    check("Negotiate", "kind = 'WinRM'", "http://ex01.contoso.com:5985/wsman");
    check("Basic", "kind = 'winrm'", "https://ex01.contoso.com:5986/wsman");
    check("Basic", "url = 'http://x/'\nallow_unencrypted = true", "http://x/");
}

#[test]
fn a_secret_comes_from_where_it_is_said_to_be() {
    let check = |value: &str, expected: &str, warnings: usize| {
        let settings = parse(&with(LOCAL, &format!("password = {value}"))).unwrap();
        assert_eq!(password(&settings), expected);
        assert_eq!(settings.warnings().len(), warnings, "{value}");
        assert!(!format!("{settings:?}").contains(expected));
    };
    check("{ env = 'SECRET' }", "from-env", 0);
    check("{ file = 'secret.txt' }", "from-file", 0);
    check("'in the open'", "in the open", 1);
}

#[test]
fn unreachable_secrets_are_refused() {
    let check = |value: &str, expected: &str| {
        refused(&with(LOCAL, &format!("password = {value}")), expected);
    };
    check(
        "{ env = 'NONE' }",
        "password = { env = \"NONE\" }: the environment variable is not set; set the environment variable NONE",
    );
    check(
        "{ env = 'EMPTY' }",
        "password = { env = \"EMPTY\" }: the environment variable is empty; set the environment variable EMPTY",
    );
    check(
        "{ file = 'none.txt' }",
        "password = { file = \"none.txt\" }: the file cannot be read; name a readable text file that holds nothing but the secret",
    );
    check(
        "{ file = 'empty.txt' }",
        "password = { file = \"empty.txt\" }: the file is empty; name a readable text file that holds nothing but the secret",
    );
    let remedy = "write password = { env = \"NAME\" } or password = { file = \"PATH\" }";
    check("''", &format!("password = \"\": is empty; {remedy}"));
    check("12345", &format!("password: a whole number where a secret is expected; {remedy}"));
    check(
        "{ text = 'hunter2' }",
        &format!("password: a table with another key where a secret is expected; {remedy}"),
    );
    check(
        "{ env = 'A', file = 'b' }",
        &format!("password: a table with not exactly one key where a secret is expected; {remedy}"),
    );
}

#[test]
fn unknown_keys_are_refused_in_every_table() {
    refused(&with(LOCAL, "hostnmae = 'x'"), "hostnmae: unknown key; did you mean hostname?");
    refused(
        &format!("{LOCAL}[endpoint]\nport = 80"),
        "endpoint.port: unknown key; the keys here are url, kind, ca_file, max_sessions, operation_timeout, stall_timeout, domain_controller, allow_unencrypted, proxy, certificate_pin, min_tls, connect_timeout, follow_redirects, client_certificate_file, client_certificate_password",
    );
    refused(
        &format!("{LOCAL}[kerberos]\nrealms = 'X'"),
        "kerberos.realms: unknown key; did you mean realm?",
    );
    refused(&format!("{LOCAL}[cloud]\nscop = 'X'"), "cloud.scop: unknown key; did you mean scope?");
    refused(
        &format!("{LOCAL}[export]\nmaxdeletes = 1"),
        "export.maxdeletes: unknown key; did you mean max_deletes?",
    );
}

#[test]
fn a_misspelt_secret_is_not_shown() {
    let error = parse(&with(LOCAL, "passwrd = 'hunter2'")).unwrap_err();
    assert!(!error.to_string().contains("hunter2"));
    let error = parse("password = 'hunter2\n").unwrap_err();
    assert!(matches!(error, SettingsError::Syntax { line: 1, .. }));
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[test]
fn required_keys_are_named_when_missing() {
    let check = |base: &str, key: &str, expected: &str| refused(&without(base, key), expected);
    check(
        LOCAL,
        "infrastructure_type",
        "infrastructure_type: missing; use one of OnPremises, Hybrid, Cloud for infrastructure_type",
    );
    check(LOCAL, "hostname", "hostname: missing; write hostname = \"ex01.contoso.com\"");
    check(
        LOCAL,
        "authentication_method",
        "authentication_method: missing; use one of Basic, Negotiate, Kerberos, CredSSP, Default for authentication_method",
    );
    check(
        LOCAL,
        "username",
        "username: missing; write username = 'CONTOSO\\svc-idm' or \"svc-idm@contoso.com\"",
    );
    check(LOCAL, "password", "password: missing; write password = { env = \"EXCHANGE_PASSWORD\" }");
    check(
        LOCAL,
        "create_method",
        "create_method: missing; use one of New, Enable for create_method",
    );
    check(
        CLOUD,
        "organization",
        "organization: missing; write organization = \"contoso.onmicrosoft.com\"",
    );
    check(
        CLOUD,
        "application_id",
        "application_id: missing; write the id as 01234567-89ab-cdef-0123-456789abcdef",
    );
}

#[test]
fn wrong_types_and_values_are_named() {
    let root = |line: &str, expected: &str| refused(&with(LOCAL, line), expected);
    let table = |line: &str, expected: &str| {
        let (table, line) = line.split_once('.').unwrap();
        refused(&format!("{LOCAL}[{table}]\n{line}"), expected);
    };
    root(
        "infrastructure_type = 'OnPrem'",
        "infrastructure_type = 'OnPrem': is not a known value; use one of OnPremises, Hybrid, Cloud"
            .replace('\'', "\"")
            .as_str(),
    );
    root(
        "create_method = 1",
        "create_method: a whole number (1) where a string is expected; write create_method = \"…\"",
    );
    root("hostname = ' '", "hostname = \" \": is empty; give hostname a value or remove it");
    for host in ["http://ex01", "ex01:80", "ex 01", "ex01/PowerShell"] {
        root(
            &format!("hostname = '{host}'"),
            &format!(
                "hostname = \"{host}\": is not a host name; write the name alone, and scheme, port or path in endpoint.url"
            ),
        );
    }
    root(
        "username = 'CONTOSO\\'",
        "username = 'CONTOSO\\': is not an account name; write DOMAIN\\name or name@domain (in double quotes a backslash is written twice)",
    );
    root(
        "excluded_smtp_domains = 'a.b'",
        "excluded_smtp_domains: a string (\"a.b\") where a list of strings is expected; write excluded_smtp_domains = [\"…\", \"…\"]",
    );
    root(
        "excluded_smtp_domains = ['a b']",
        "excluded_smtp_domains = [\"a b\"]: excluded domain \"a b\" is not valid; write domains such as \"contoso.com\", or \"@contoso.com\" without its sub-domains",
    );
    root(
        "endpoint = 1",
        "endpoint: a whole number where a table is expected; write [endpoint] on a line of its own and its keys below",
    );
    table(
        "endpoint.max_sessions = 0",
        "endpoint.max_sessions = 0: is out of range; use a number from 1 to 100",
    );
    table(
        "endpoint.operation_timeout = 180",
        "endpoint.operation_timeout: a whole number (180) where a length of time is expected; use a number and a unit in quotes: \"500ms\", \"180s\", \"30m\" or \"1h\"",
    );
    table(
        "endpoint.stall_timeout = '0s'",
        "endpoint.stall_timeout = \"0s\": is not a length of time; use a number and a unit in quotes: \"500ms\", \"180s\", \"30m\" or \"1h\"",
    );
    table(
        "endpoint.allow_unencrypted = 'yes'",
        "endpoint.allow_unencrypted: a string (\"yes\") where true or false is expected; write allow_unencrypted = true or allow_unencrypted = false, without quotes",
    );
    table(
        "endpoint.url = 'ex01'",
        "endpoint.url = \"ex01\": is not a URL; write a whole address such as \"http://ex01.contoso.com/PowerShell/\"",
    );
    table(
        "endpoint.url = 'ftp://ex01/'",
        "endpoint.url = …: is neither http nor https; write a whole address such as \"http://ex01.contoso.com/PowerShell/\"",
    );
    table(
        "endpoint.url = 'http://svc:hunter2@ex01/'",
        "endpoint.url = …: holds a user name or password; write a whole address such as \"http://ex01.contoso.com/PowerShell/\"",
    );
    table(
        "endpoint.domain_controller = 'dc 01'",
        "endpoint.domain_controller = \"dc 01\": is not a host name; write its full name, such as \"dc01.contoso.com\"",
    );
    let deletes = "use a count such as 50 or a share such as \"10%\"";
    table("export.max_deletes = -1", &format!("export.max_deletes = -1: is negative; {deletes}"));
    table(
        "export.max_deletes = '101%'",
        &format!("export.max_deletes = \"101%\": is neither a count nor a share; {deletes}"),
    );
    table(
        "export.max_deletes = 1.5",
        &format!(
            "export.max_deletes: a number (1.5) where a count or a share is expected; {deletes}"
        ),
    );
    table(
        "export.password_methods = ['Negotiate', 'NTLM']",
        "export.password_methods = [\"Negotiate\", \"NTLM\"]: has \"NTLM\", which is not a known value; use one of Basic, Negotiate, Kerberos, CredSSP, Default",
    );
}

#[test]
fn combinations_that_cannot_work_are_refused() {
    refused(
        &with(LOCAL, "organization = 'contoso.onmicrosoft.com'"),
        "organization = \"contoso.onmicrosoft.com\": cannot be combined with infrastructure_type = \"OnPremises\"; these belong to Cloud and Hybrid; remove organization",
    );
    refused(
        &with(LOCAL, "certificate_thumbprint = '00'"),
        "certificate_thumbprint = \"00\": cannot be combined with infrastructure_type = \"OnPremises\"; these belong to Cloud and Hybrid; remove certificate_thumbprint",
    );
    refused(
        &format!("{LOCAL}[cloud]\nclient_secret = 'hunter2'"),
        "cloud.client_secret = …: cannot be combined with infrastructure_type = \"OnPremises\"; this table belongs to Cloud and Hybrid; remove cloud.client_secret",
    );
    refused(
        &format!(
            "{}[endpoint]\nurl = 'http://x/'",
            with(LOCAL, "authentication_method = 'Basic'") + "\n"
        ),
        "authentication_method = \"Basic\": cannot be combined with endpoint.url = \"http://x/\"; over plain http anyone on the way can read the password: use https, another method, or endpoint.allow_unencrypted = true",
    );
    refused(
        &format!(
            "{}[endpoint]\nkind = 'exchange'",
            with(LOCAL, "authentication_method = 'CredSSP'") + "\n"
        ),
        "endpoint.kind = \"exchange\": cannot be combined with authentication_method = \"CredSSP\"; Exchange's own endpoint never offers CredSSP: use kind = \"winrm\" or authentication_method = \"Negotiate\"",
    );
    refused(
        &with(CLOUD, "hostname = 'ex01'"),
        "hostname = \"ex01\": cannot be combined with infrastructure_type = \"Cloud\"; the service's address is known; remove hostname",
    );
    refused(
        &format!("{CLOUD}[endpoint]\nurl = 'http://x/'"),
        "endpoint.url = \"http://x/\": cannot be combined with infrastructure_type = \"Cloud\"; this belongs to OnPremises and Hybrid; remove endpoint.url",
    );
    refused(
        &format!("{CLOUD}[export]\ndeprovision = 'disable'"),
        "export.deprovision = \"disable\": cannot be combined with infrastructure_type = \"Cloud\"; use \"remove\" or \"refuse\"",
    );
    refused(
        &with(CLOUD, "certificate_thumbprint = '0123'"),
        "certificate_thumbprint = \"0123\": is not 40 hexadecimal digits; copy the certificate's SHA-1 thumbprint",
    );
    refused(
        &with(CLOUD, "username = 'a@b.c'"),
        "username = \"a@b.c\": cannot be combined with certificate_thumbprint; sign in with one or the other: remove username",
    );
    refused(
        &format!("{CLOUD}certificate_store = 'dir'"),
        "cloud.certificate_store = \"dir\": cannot be combined with cloud.certificate_file; a named file needs no search: remove one of them",
    );
    refused(
        &format!("{CLOUD}api_url = 'http://example.org'"),
        "cloud.api_url = \"http://example.org\": would send tokens over plain http; write an address that begins with https://",
    );
}

#[test]
fn the_cloud_knows_three_ways_to_sign_in() {
    let cloud = |text: &str| match parse(text).unwrap().infrastructure {
        Infrastructure::Cloud(cloud) => cloud,
        other => panic!("{other}"),
    };
    let by_certificate = cloud(CLOUD);
    assert_eq!(by_certificate.api_url.as_str(), "https://outlook.office365.com/");
    assert!(matches!(
        by_certificate.credential,
        CloudCredential::Certificate { thumbprint, source: CertificateSource::File(file), .. }
            if thumbprint.to_string() == "0123456789ABCDEF0123456789ABCDEF01234567"
                && file == Path::new("/etc/connector/app.pfx")
    ));
    let rest = "infrastructure_type = 'Cloud'\norganization = 'c.onmicrosoft.com'\ncreate_method = 'New'\n";
    let by_secret = cloud(&format!(
        "{rest}application_id = '9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2'\n[cloud]\nclient_secret = {{ env = 'SECRET' }}\nenvironment = 'China'"
    ));
    assert!(matches!(by_secret.credential, CloudCredential::ClientSecret { .. }));
    assert_eq!(by_secret.scope, "https://partner.outlook.cn/.default");
    let by_password = cloud(&format!(
        "{rest}username = 'a@b.c'\npassword = {{ env = 'SECRET' }}\n[cloud]\napi_url = 'http://127.0.0.1:8080'"
    ));
    assert!(matches!(by_password.credential, CloudCredential::Password { .. }));
    for organization in ["a/b", "https://contoso.com", "contoso.com?x", "ann@contoso.com"] {
        let text = CLOUD.replace("contoso.onmicrosoft.com", organization);
        let error = parse(&text).unwrap_err().to_string();
        assert!(error.contains("organization") && error.contains("is no domain"), "{error}");
    }
    assert!(
        !by_certificate.typed_reads && cloud(&format!("{CLOUD}typed_reads = true")).typed_reads
    );
    let algorithm = |text: &str| match cloud(text).credential {
        CloudCredential::Certificate { algorithm, .. } => algorithm,
        other => panic!("{other:?}"),
    };
    assert_eq!(algorithm(CLOUD), AssertionAlgorithm::Ps256);
    let older = algorithm(&format!("{CLOUD}assertion_algorithm = 'rs256'"));
    assert_eq!(older, AssertionAlgorithm::Rs256);
    let by_store = cloud(&CLOUD.replace("certificate_file = \"app.pfx\"", ""));
    assert!(matches!(
        by_store.credential,
        CloudCredential::Certificate { source: CertificateSource::UserStore, .. }
    ));
    let error = parse(&format!("{CLOUD}typed_reads = 'yes'")).unwrap_err();
    assert!(error.to_string().contains("cloud.typed_reads"), "{error}");
    let settings = parse(CLOUD).unwrap();
    assert_eq!(settings.operation_timeout, Duration::from_secs(960));
    assert_eq!(settings.export.deprovision, Deprovision::Refuse);
}

#[test]
fn a_share_of_deletes_is_rounded_down_but_allows_one() {
    let check = |limit: MaxDeletes, objects, expected| assert_eq!(limit.allowed(objects), expected);
    check(MaxDeletes::Percent(10), 100, 10);
    check(MaxDeletes::Percent(10), 109, 10);
    check(MaxDeletes::Percent(10), 5, 1);
    check(MaxDeletes::Percent(0), 1000, 0);
    check(MaxDeletes::Percent(100), u64::MAX, u64::MAX);
    check(MaxDeletes::Count(7), 1, 7);
}

#[test]
fn a_settings_file_is_read_beside_its_secrets() {
    let directory = std::env::temp_dir().join(format!("exchange-connector-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("password"), "from beside\n").unwrap();
    let text = with(LOCAL, "password = { file = 'password' }");
    std::fs::write(directory.join("settings.toml"), text).unwrap();
    let settings = Settings::from_file(directory.join("settings.toml")).unwrap();
    assert_eq!(password(&settings), "from beside");
    let missing = Settings::from_file(directory.join("none.toml")).unwrap_err();
    assert!(matches!(missing, SettingsError::Unreadable { .. }));
    std::fs::remove_dir_all(&directory).unwrap();
}
