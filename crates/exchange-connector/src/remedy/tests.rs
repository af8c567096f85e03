use super::*;

fn not_offered(target: &str, asked: &'static str, offered: &[&str]) -> String {
    let offered: Vec<String> = offered.iter().map(|name| (*name).to_owned()).collect();
    Door::at(target).not_offered(asked, &offered)
}

#[test]
fn a_method_that_is_not_offered_has_a_remedy_for_every_pair() {
    const EXCHANGE: &str = "https://ex01/PowerShell/";
    const WINRM: &str = "http://ex01:5985/wsman";
    for (target, asked, offered, expected) in [
        (
            EXCHANGE,
            "Basic",
            &["Negotiate"][..],
            "set authentication_method = \"Negotiate\", which the server offers, or switch Basic on there: \
             Set-PowerShellVirtualDirectory -BasicAuthentication $true",
        ),
        (
            EXCHANGE,
            "Negotiate",
            &["Kerberos", "basic"],
            "set authentication_method = \"Kerberos\" or authentication_method = \"Basic\", which the server offers, or \
             switch Negotiate on there: Set-PowerShellVirtualDirectory -WindowsAuthentication $true",
        ),
        (
            EXCHANGE,
            "Kerberos",
            &["Negotiate"],
            "set authentication_method = \"Negotiate\" with kerberos.realm, which the server offers, or switch Kerberos on \
             there: Set-PowerShellVirtualDirectory -WindowsAuthentication $true",
        ),
        (
            WINRM,
            "CredSSP",
            &["Negotiate", "Kerberos"],
            "set authentication_method = \"Negotiate\" or authentication_method = \"Kerberos\", which the server offers, or \
             switch CredSSP on there: Enable-WSManCredSSP -Role Server",
        ),
        (
            WINRM,
            "Negotiate",
            &["CredSSP"],
            "set authentication_method = \"CredSSP\", which the server offers, or switch Negotiate on there: winrm set \
             winrm/config/service/auth @{Negotiate=\"true\"}",
        ),
        (
            EXCHANGE,
            "Negotiate or Kerberos",
            &["http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"],
            "set authentication_method = \"Default\" with endpoint.client_certificate_file, which the server offers, or \
             switch Negotiate or Kerberos on there: Set-PowerShellVirtualDirectory -WindowsAuthentication $true",
        ),
        (
            EXCHANGE,
            "Negotiate",
            &["Digest", "CredSSP"],
            "switch Negotiate on at the server: Set-PowerShellVirtualDirectory -WindowsAuthentication $true",
        ),
        (
            "http://ex01/PowerShell/",
            "Negotiate",
            &["Basic"],
            "switch Negotiate on at the server: Set-PowerShellVirtualDirectory -WindowsAuthentication $true; or name an \
             https address in endpoint.url, where servers offer more",
        ),
    ] {
        assert_eq!(not_offered(target, asked, offered), expected);
    }
}

#[test]
fn what_answers_is_told_by_its_address() {
    for (target, is_winrm, is_https) in [
        ("http://ex01:5985/wsman", true, false),
        ("https://ex01:5986/WSMan/", true, true),
        ("https://ex01/PowerShell/", false, true),
        ("http://ex01/wsman-anon/identify", false, false),
    ] {
        let door = Door::at(target);
        assert_eq!((door.is_winrm, door.is_https), (is_winrm, is_https), "{target}");
    }
}

#[test]
fn pages_and_faults_lead_to_what_answers_there() {
    let (exchange, winrm) =
        (Door::at("http://ex01/PowerShell/"), Door::at("http://ex01:5985/wsman"));
    let page = |door: &Door, status| door.page(&HttpAnswer::new(status, "text/html", b"<b>x</b>"));
    assert!(page(&exchange, 404).contains("/PowerShell/"));
    assert!(page(&winrm, 404).contains("/wsman"));
    assert!(page(&exchange, 403).contains("RemotePowerShellEnabled"));
    assert!(page(&exchange, 503).contains("MSExchangePowerShellAppPool"));
    assert!(page(&winrm, 503).contains("WinRM"));
    let budget = HttpAnswer::new(400, "", b"[FailureCategory=AuthZ-OverBudgetException] x");
    assert!(exchange.page(&budget).contains("throttling policy"));
}
