//! Secrets planted into a session: absent after scrubbing, and found where a fixture has them.

mod layers;
mod session;

use std::collections::BTreeMap;

use wsman::fixture::Fixture;

use self::layers::readable;
use self::session::{session, session_key};
use super::fixture::{check_fixture, drawn_ids, scrub_fixture};

/// A place of a session: what a recording might hold there, and what a clean fixture holds.
struct Place {
    name: &'static str,
    secret: &'static str,
    clean: &'static str,
}

const fn place(name: &'static str, secret: &'static str, clean: &'static str) -> Place {
    Place { name, secret, clean }
}

/// Each secret stands at its place alone, so that none is learnt from another.
const PLACES: &[Place] = &[
    place("settings: host", "ex01.fabrikam.com", "za01.vaqezixu.com"),
    place("settings: account", "FABRIKAM\\svc-idm", "VAQEZIXU\\vax-wiz"),
    place("settings: password", "Winter2026!", "Zazaza5555!"),
    place("settings: excluded domain", "mail.tailspin.org", "mail.waxuqivo.org"),
    place(
        "settings: thumbprint",
        "9E0F1C2D3A4B5C6D7E8F9A0B1C2D3E4F50617283",
        "5C2B5C2B5C2B5C2B5C2B00000000000000000001",
    ),
    place(
        "header: url",
        "http://relay7.wingtip.lan/PowerShell",
        "http://zaxuq7.vuxizaw.lan/PowerShell",
    ),
    place("header: owner", "ADATUM\\hofstadter77", "ZAXUQO\\zaxuqozaxu77"),
    place("header: client address", "10.14.3.77", "192.0.2.10"),
    place("header: link-local address", "fe80::c4a9:8c2f:5c22:4f", "fe80::0001:0002:0003:04"),
    place("fault: machine", "owls-backend9.litware.local", "zaxu-vuxawiq9.vaqezix.local"),
    place("fault: text", "svc.goetz@proseware.com", "zax.vuqiz@waxuqivo.com"),
    place("parameter: name", "Carry Deploy", "Zaxuq Waxuqo"),
    place("parameter: filter", "DisplayName -eq 'Zoltan Varga'", "DisplayName -eq 'Zaxuqo Waxuq'"),
    place("parameter: secure string", "Pa55word-of-Ann", "Zazazaza-za-Zaz"),
    place("object: display name", "Jürgen Weiß-Müller", "Zøxuqo Waxø-Zøxuqo"),
    place("object: name in escapes", "Ann_x0041_rchimbaldi", "Zax_x0055_qozaxuqozax"),
    place("object: name in references", "&#75;owalski", "&#90;axuqoza"),
    place("object: ideographs", "漢字", "甲乙"),
    place("object: address", "SMTP:lucia.garcia@contoso.com", "SMTP:zaxuq.waxuqo@vuxaqiz.com"),
    place(
        "object: routing address",
        "lgarcia@contosocorp.mail.onmicrosoft.com",
        "zaxuqoz@zaxuqozaxuq.mail.onmicrosoft.com",
    ),
    place(
        "object: X500",
        "X500:/o=Old Trading/ou=Sales/cn=lgarc",
        "X500:/o=Zax Waxuqiv/ou=Zaxuq/cn=waxuq",
    ),
    place(
        "object: distinguished name",
        "CN=Ravi Novak,OU=Berlin,DC=northwind,DC=com",
        "CN=Zaxu Waxuq,OU=Zaxuqo,DC=zaxuqozax,DC=com",
    ),
    place("object: identity", "nwtraders.net/Staff/Priya Young", "zaxuqozax.net/Zaxuq/Waxuq Vaxuq"),
    place(
        "object: GUID",
        "9b9387fe-e1b1-4695-97bd-b0a0bebe7ce2",
        "00000001-5c2b-4000-8000-5c2b5c2b5c2b",
    ),
    place(
        "object: SID",
        "S-1-5-21-1004336348-1177238915-682003330-1117",
        "S-1-5-21-1000000000-1000000001-100000000-1000",
    ),
    place("object: telephone", "+49 30 1234567", "+55 50 0000001"),
    place("object: street", "Kurfürstendamm 231", "Zaxøxuqozaxuqo 500"),
    place("object: notes", "was in hospital in March", "waq in vuxizaqe in Zaxuq"),
    place("object: certificate in bytes", "CERTIFICATE-OF-ANN", "CERTIFICATE-CLEAN"),
    place(
        "object: text in bytes",
        "lena.fischer@tailspintoys.com",
        "zaxu.waxuqiv@vuxizaqezaxu.com",
    ),
    place("object: wide text in bytes", "dc07.blueyonder.com", "zax7.waxuqivoza.com"),
    place("object: packed", "zipped.parson@alpineski.com", "zaxuqo.waxuqi@vuxizaqez.com"),
    place("object: base64 in text", "user=obscured@margies.com;", "user=zaxuqoza@waxuqiv.com;"),
    place("object: hexadecimal in text", "hexed.one@cohovine.com", "zaxuq.waq@vuxizaqe.com"),
    place(
        "object: JSON in text",
        "{\"displayName\":\"Olivia Quinn\"}",
        "{\"displayName\":\"Zaxuqo Waxuq\"}",
    ),
    place("settings: comment", "ask karl@wingtiptoys.com", "ask zaxu@vuxiqawevez.com"),
    place("object: property name", "of.milo@lamnahealth.com", "of.zaxu@vuxiqawevez.com"),
    place("input: key", "rosa@bellowscollege.com", "zaxu@vuxiqawevezaxu.com"),
    place(
        "object: percent in text",
        "see%20liu.wei%40tailwind.com",
        "see%20zax.wuq%40vuxiqawe.com",
    ),
    place("object: anchor", "h4eTm7HhlUaXvbCgvr584g==", "standin1xxxxxxxxxxxxxx=="),
    place("object: status", "for ines@relecloud.com", "for zaxu@vuxiqawev.com"),
    place(
        "record: error text",
        "The object 'lucerne.com/Users/Mehmet Ueda' couldn't be found",
        "The object 'zaxuqoz.com/Users/Waxuqo Vaxu' couldn't be found",
    ),
    place("record: server", "[Server=MBX77,RequestId=0]", "[Server=ZAX77,RequestId=0]"),
    place(
        "record: path",
        "C:\\Users\\fatima.omar\\profile.ps1",
        "C:\\Users\\zaxuqo.waxu\\profile.ps1",
    ),
    place(
        "record: certificate text",
        "-----BEGIN CERTIFICATE-----\nMIIBszCCARygAwIBAgIUTU5UT1NPMRQwEgYDVQQDDAs=\n-----END CERTIFICATE-----",
        "nothing",
    ),
    place("cut off: last message", "Tamás Dietrich", "Zaxøq Waxuqivo"),
    place("input: line", "aiko.tanaka@wideworld.org", "zaxu.waxuqi@vuxizaqez.org"),
    place("output: line", "Noah Rossi", "Zaxu Waxuq"),
    place(
        "http: bearer token",
        "Bearer eyJhbGciOiJSUzI1NiJ9.eyJ1cG4iOiJhbm5AY29udG9zby5jb20ifQ.c2lnbmF0dXJlLW9mLWFubg",
        "Bearer standin1xxxxxxxx",
    ),
    place("http: basic", "Basic YW5uOlNlY3JldDE=", "Basic emF4OlphemF6YTU="),
    place("http: domain of a cookie", ".cronus.com", ".zaxuqo.com"),
    place("http: realm of a challenge", "lucernepub.com", "zaxuqozaxu.com"),
    place(
        "http: cookie",
        "MSISAuth=77u_PD94bWwgdmVyc2lvbj0; path=/",
        "MSISAuth=standin1xxxxxxxxxxxxxxxx; path=/",
    ),
    place(
        "http: tenant in url",
        "https://outlook.office365.com/adminapi/beta/fourthcoffee.onmicrosoft.com/InvokeCommand",
        "https://outlook.office365.com/adminapi/beta/zaxuqozaxuqo.onmicrosoft.com/InvokeCommand",
    ),
    place(
        "http: client secret",
        "client_secret=abC~8Q-zzzz.YYYY1",
        "client_secret=zaZ~5A-zaza.ZAZA5",
    ),
];

/// The values of a session in which everything is clean but for the place `dirty`.
fn values(dirty: impl Fn(&str) -> bool) -> BTreeMap<&'static str, &'static str> {
    let value = |place: &Place| if dirty(place.name) { place.secret } else { place.clean };
    PLACES.iter().map(|place| (place.name, value(place))).collect()
}

/// The words of a secret that must not be anywhere.
fn words(secret: &str) -> Vec<String> {
    let stays = [
        "smtp",
        "mail",
        "onmicrosoft",
        "users",
        "path",
        "displayname",
        "object",
        "found",
        "couldn",
        "with",
        "user",
        "server",
        "requestid",
        "bearer",
        "basic",
        "https",
        "http",
        "outlook",
        "office365",
        "adminapi",
        "beta",
        "invokecommand",
        "powershell",
        "x500",
        "profile",
        "local",
        "begin",
        "certificate",
        "client",
        "secret",
        "msisauth",
        "fe80",
    ];
    secret
        .replace("%20", " ")
        .replace("%40", "@")
        .replace("_x0041_", "A")
        .replace("&#75;", "K")
        .split(|sign: char| !sign.is_alphanumeric())
        .filter(|word| word.chars().count() > 3 || !word.is_ascii())
        .filter(|word| !stays.contains(&word.to_lowercase().as_str()))
        .map(str::to_lowercase)
        .collect()
}

fn scrubbed(fixture: &Fixture) -> Fixture {
    let mut scrubbed = fixture.clone();
    let drawn = drawn_ids(fixture);
    scrub_fixture(&mut scrubbed, &drawn, &[]).unwrap();
    scrubbed
}

#[test]
fn planted_secrets_are_absent_after_scrubbing_in_every_layer() {
    assert!(PLACES.len() >= 30);
    let fixture = session(&values(|_| true));
    let before = readable(&fixture.to_files(), &session_key()).to_lowercase();
    let scrubbed = scrubbed(&fixture);
    let after = readable(&scrubbed.to_files(), &session_key()).to_lowercase();
    for Place { name, secret, .. } in PLACES {
        for word in words(secret) {
            assert!(before.contains(&word), "{name}: `{word}` was never there");
            let at = after.find(&word);
            let around = at.and_then(|at| after.get(at.saturating_sub(80)..at + 80));
            assert!(at.is_none(), "{name}: `{word}` is still in {around:?}");
        }
    }
    let findings: Vec<String> =
        check_fixture(&scrubbed, &[]).iter().map(ToString::to_string).collect();
    assert_eq!(findings, Vec::<String>::new());
}

#[test]
fn a_secret_planted_into_a_clean_fixture_is_found() {
    let clean = session(&values(|_| false));
    let findings: Vec<String> =
        check_fixture(&clean, &[]).iter().map(ToString::to_string).collect();
    assert_eq!(findings, Vec::<String>::new(), "the clean session");
    for Place { name, secret, .. } in PLACES {
        let fixture = session(&values(|place| place == *name));
        let findings = check_fixture(&fixture, &[]);
        assert!(!findings.is_empty(), "{name}: `{secret}` is not found");
        assert!(findings.iter().all(|finding| finding.excerpt.chars().count() < 30));
    }
}

#[test]
fn the_words_of_the_recording_are_found_wherever_they_are_written() {
    for Place { name, secret, .. } in PLACES {
        let fixture = session(&values(|place| place == *name));
        // A token is a word of its own; of what it says inside nobody gave a word.
        if secret.contains("eyJ") || secret.contains("BEGIN") {
            continue;
        }
        let given = words(secret);
        let found = check_fixture(&fixture, &given);
        let kinds: Vec<&str> = found.iter().map(|finding| finding.kind).collect();
        let told = given.is_empty() || kinds.contains(&"word of the recording");
        assert!(told, "{name}: {given:?} {kinds:?}");
    }
}

#[test]
fn sizes_stay_and_nothing_has_to_be_cut_again() {
    let fixture = session(&values(|_| true));
    let scrubbed = scrubbed(&fixture);
    for (before, after) in fixture.recording.exchanges.iter().zip(&scrubbed.recording.exchanges) {
        assert_eq!(before.request.len(), after.request.len());
        assert_ne!(before.request, after.request);
    }
    for (name, before) in &fixture.attachments {
        assert_eq!(before.len(), scrubbed.attachments[name].len(), "{name}");
    }
}
