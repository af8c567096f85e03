//! `cargo xtask replay --accept`: a change that is meant becomes the new recording.
//!
//! What a server would have said to the new requests nobody knows, so their answers stay as they are; that they still make
//! sense is for whoever looks at the difference to judge. Where a request has no answer to take, the session has to be
//! recorded again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use exchange_connector::exchange_online::recording::RestReplay;
use wsman::Limits;
use wsman::fixture::Fixture;
use wsman::recording::Order;
use wsman::server::parse_request;

use super::{Networks, played, replay};
use crate::fixture::{MESSAGES, Session};

/// Writes every fixture again that differs.
///
/// # Errors
///
/// When one cannot be written, or still differs.
pub(super) fn accept(folders: &[PathBuf]) -> Result<()> {
    let mut failed = 0_usize;
    for folder in folders {
        match accept_one(folder) {
            Ok(None) => {}
            Ok(Some(changes)) => crate::print(&format!("{}: {changes}\n", folder.display())),
            Err(error) => {
                failed += 1;
                crate::print(&format!("{}: {error:#}\n", folder.display()));
            }
        }
    }
    match failed {
        0 => Ok(()),
        failed => bail!("{failed} of {} have to be recorded again", folders.len()),
    }
}

/// Returns what was changed in a fixture; nothing when it replays as it is.
fn accept_one(folder: &Path) -> Result<Option<String>> {
    let session = Session::read(folder)?;
    if replay(&session, Order::Strict)?.is_none() {
        return relisted(&session, folder);
    }
    let (accepted, changes) = accepted(session)?;
    // As it will be read, for the requests are laid out when they are written.
    let written = Fixture::from_files(accepted.to_fixture().to_files())?;
    let written = Session::from_fixture(written)?;
    if let Some(mismatch) = replay(&written, Order::Strict)? {
        bail!("a request has no answer that fits, so this has to be recorded again: {mismatch}");
    }
    written.write(folder).context("cannot be written")?;
    Ok(Some(changes))
}

/// Writes the list of messages again if it would be another today: it is made from the envelopes, for people.
fn relisted(session: &Session, folder: &Path) -> Result<Option<String>> {
    let files = session.to_fixture().to_files();
    let listed = files.get(MESSAGES);
    let path = folder.join(MESSAGES);
    if listed == std::fs::read(&path).ok().as_ref() {
        return Ok(None);
    }
    if let Some(listed) = listed {
        std::fs::write(&path, listed)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(Some(format!("{MESSAGES} is listed anew")))
}

/// Plays a session and takes over what the client does now; returns what that was, in words.
fn accepted(mut session: Session) -> Result<(Session, String)> {
    let Networks { soap, rest } = Networks::of(&session, Order::Strict)?;
    let rest = Arc::new(Arc::into_inner(rest).context("the replay is in use")?.accepting_changes());
    let networks = Networks { soap: soap.accepting_changes(), rest };
    let (said, code) = played(&session, &networks)?;
    let transport = networks.soap.transport();
    let mut changes = Vec::new();
    let changed = transport.changed();
    if !changed.is_empty() {
        let numbers: Vec<_> = changed.keys().map(|index| format!("{:02}", index + 1)).collect();
        changes.push(format!("requests {} are others", numbers.join(", ")));
    }
    for (index, request) in changed {
        if let Some(exchange) = session.soap.exchanges.get_mut(index) {
            exchange.request = answered_as(&exchange.request, &request);
        }
    }
    let unused: BTreeSet<usize> = transport.unused().into_iter().collect();
    if !unused.is_empty() {
        let numbers: Vec<_> = unused.iter().map(|index| format!("{:02}", index + 1)).collect();
        changes.push(format!("requests {} are gone", numbers.join(", ")));
        let exchanges = std::mem::take(&mut session.soap.exchanges).into_iter().enumerate();
        let kept = exchanges.filter(|(index, _)| !unused.contains(index));
        session.soap.exchanges = kept.map(|(_, exchange)| exchange).collect();
    }
    changes.extend(accepted_of_service(&mut session, &networks.rest));
    for (file, recorded, now) in [
        ("output.jsonl", &mut session.output, said.output()),
        ("errors.txt", &mut session.errors, said.errors()),
    ] {
        if *recorded != now {
            changes.push(format!("{file} is another"));
            *recorded = now;
        }
    }
    session.manifest.exit_code = Some(code);
    Ok((session, changes.join("; ")))
}

/// Takes over what the client says to the service now.
fn accepted_of_service(session: &mut Session, replay: &RestReplay) -> Vec<String> {
    let mut changes = Vec::new();
    let listed = |indexes: Vec<usize>| {
        let numbers = indexes.iter().map(|index| format!("{:02}", index + 1));
        numbers.collect::<Vec<_>>().join(", ")
    };
    let changed = replay.changed();
    if !changed.is_empty() {
        let numbers = listed(changed.keys().copied().collect());
        changes.push(format!("requests {numbers} to the service are others"));
    }
    let exchanges = &mut session.rest.exchanges;
    for (index, request) in changed {
        if let Some(exchange) = exchanges.get_mut(index) {
            exchange.request = request;
        }
    }
    let unused = replay.unused();
    if !unused.is_empty() {
        changes.push(format!("requests {} to the service are gone", listed(unused.clone())));
        let mut index = 0..;
        exchanges.retain(|_| !index.next().is_some_and(|index| unused.contains(&index)));
    }
    changes
}

/// A request under the id of the recorded one, which the answer relates to.
fn answered_as(recorded: &str, request: &str) -> String {
    let id = |request: &str| {
        let parsed = parse_request(request.as_bytes(), Limits::default()).ok();
        parsed.and_then(|parsed| parsed.headers.message_id)
    };
    match (id(recorded), id(request)) {
        (Some(recorded), Some(now)) => request.replace(now.as_str(), recorded.as_str()),
        _ => request.to_owned(),
    }
}
