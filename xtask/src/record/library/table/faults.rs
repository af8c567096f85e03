//! Each kind of fault, where it costs something.

use super::{EXPORT, IMPORT, Listed};

const CREATE: &[&str] = &[
    r#"{"ref":"1","operation":"create","attributes":{"Name":"Ann Example","UserPrincipalName":"ann@contoso.com","_param_password":"Str0ng-enough!"}}"#,
];
const PEER_CREATE: &[&str] = &[
    r#"{"ref":"1","operation":"create","attributes":{"Name":"Ann Example","UserPrincipalName":"ann@test.local","_param_password":"Str0ng-enough!"}}"#,
];

const fn sim(name: &'static str, faults: &'static [&'static str]) -> Listed {
    Listed::simulator(name, IMPORT).fault(faults).mailboxes(3)
}

const fn sim_create(name: &'static str, faults: &'static [&'static str]) -> Listed {
    Listed::simulator(name, EXPORT).fault(faults).input(CREATE).mailboxes(3)
}

const fn peer(name: &'static str, faults: &'static [&'static str]) -> Listed {
    Listed::peer(name, IMPORT).fault(faults).mailboxes(3)
}

const fn peer_create(name: &'static str, faults: &'static [&'static str]) -> Listed {
    Listed::peer(name, EXPORT).fault(faults).input(PEER_CREATE).mailboxes(3)
}

pub(super) const SIMULATOR: &[Listed] = &[
    sim("simulator/fault/drop", &["drop@Receive:3"]),
    sim("simulator/fault/drop-after", &["drop-after@Receive:3"]),
    sim("simulator/fault/drop-mid", &["drop-mid@Receive:3"]),
    sim("simulator/fault/close", &["close@Receive:3"]),
    sim("simulator/fault/http-503", &["http=503@Command:2"]),
    sim("simulator/fault/html-503", &["html=503@Command:2"]),
    sim("simulator/fault/unknown-error", &["fault=1359@Command:2"]),
    sim("simulator/fault/operation-timeout", &["fault=2150858793@Receive:3"]),
    sim("simulator/fault/shell-gone", &["fault=2150858843@Command:2"]),
    sim("simulator/fault/operation-aborted", &["fault=995@Receive:3"]),
    sim("simulator/fault/access-denied", &["fault=5@Create:1"]),
    sim("simulator/fault/throttled", &["throttle@Create:1"]),
    sim("simulator/fault/busy", &["busy@Command:2"]),
    sim("simulator/fault/expired", &["expire@Command:2"]),
    sim("simulator/fault/slow", &["slow=1@Receive:3"]),
    sim_create("simulator/fault/create-drop", &["drop@Command:3"]),
    sim_create("simulator/fault/create-drop-after", &["drop-after@Command:3"]),
    sim_create("simulator/fault/create-expired", &["expire@Command:3"]),
    sim_create("simulator/fault/create-busy", &["busy@Command:3"]),
    sim_create("simulator/fault/create-throttled", &["busy@Command:3x0"]),
    sim_create("simulator/fault/create-unavailable", &["http=503@Command:3x0"]),
    sim_create("simulator/fault/delete-lost", &["drop@Delete:1"]),
];

pub(super) const PEER: &[Listed] = &[
    peer("peer/fault/drop", &["drop@Receive:3"]),
    peer("peer/fault/drop-after", &["drop-after@Receive:3"]),
    peer("peer/fault/drop-mid", &["drop-mid@Receive:3"]),
    peer("peer/fault/close", &["close@Receive:3"]),
    peer("peer/fault/http-503", &["http=503@Command:2"]),
    peer("peer/fault/html-503", &["html=503@Command:2"]),
    peer("peer/fault/unknown-error", &["fault=1359@Command:2"]),
    peer("peer/fault/operation-timeout", &["fault=2150858793@Receive:3"]),
    peer("peer/fault/throttled", &["throttle@Create:1"]),
    peer("peer/fault/busy", &["busy@Command:2"]),
    peer("peer/fault/expired", &["expire@Command:2"]),
    peer("peer/fault/slow", &["slow=3@Receive:3"]),
    peer("peer/fault/garbled", &["garble@Receive:3"]),
    peer("peer/fault/bad-signature", &["badsig@Receive:3"]),
    peer("peer/fault/unsolicited-401", &["unsolicited401@Command:2"]),
    peer_create("peer/fault/create-drop-after", &["drop-after@Command:3"]),
    peer_create("peer/fault/create-garbled", &["garble@Receive:2x0"]),
    peer_create("peer/fault/create-http-503", &["http=503@Command:3"]),
];
