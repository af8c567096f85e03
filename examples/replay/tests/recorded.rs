//! The program against a session that was recorded once; no server is needed, and no connection is made.

use domain_list::accepted_domains;
use psrp_client::recording::Replay;

const SESSION: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/simulator/invoke/accepted-domains");

#[tokio::test]
async fn the_domains_of_the_recorded_organisation_are_listed() {
    let replay = Replay::read(SESSION).expect("the session can be read");
    let found = accepted_domains(replay.transport(), replay.shell(), replay.pool()).await;
    let domains = found.expect("everything goes as it went");
    assert!(domains.server.is_some_and(|server| server.contains('.')));
    assert_eq!(domains.names.len(), 3);
    assert!(domains.names.iter().any(|name| name.ends_with(".mail.onmicrosoft.com")));
    replay.finish().expect("everything was asked for");
}
