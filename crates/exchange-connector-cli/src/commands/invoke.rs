//! `invoke`: one cmdlet, its objects as lines, its errors and warnings on standard error.

use std::io;

use exchange_connector::{Connector, InvokeItem, InvokeRequest, report};
use futures_util::StreamExt as _;

use crate::args::Invoke;
use crate::interrupt::Interrupt;
use crate::{DONE, INTERRUPTED, USAGE, complain, complain_of, say};

pub(super) async fn run(
    connector: &Connector,
    options: &Invoke,
    interrupt: &Interrupt,
) -> io::Result<u8> {
    let request = match InvokeRequest::from_arguments(&options.cmdlet, &options.parameters) {
        Ok(request) => request,
        Err(error) => {
            complain(&report(&error));
            return Ok(USAGE);
        }
    };
    let request = if options.cloud { request.online() } else { request };
    let mut items = connector.invoke(request);
    let mut lines = super::lines();
    let mut code = DONE;
    loop {
        let next = tokio::select! {
            next = items.next() => next,
            () = interrupt.wait() => return Ok(INTERRUPTED),
        };
        match next {
            None => return Ok(code),
            Some(Ok(InvokeItem::Error { error })) => {
                complain(&error.message);
                code = SOME_FAILED;
            }
            Some(Ok(InvokeItem::Warning { warning })) => say(&format!("warning: {warning}")),
            Some(Ok(object)) => {
                lines.write(&object)?;
                lines.flush()?;
            }
            Some(Err(error)) => {
                complain_of(&error.report(), error.remedy());
                return Ok(error.exit_code());
            }
        }
    }
}

/// The cmdlet wrote errors.
const SOME_FAILED: u8 = 1;
