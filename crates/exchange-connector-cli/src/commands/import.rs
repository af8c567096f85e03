//! `import`: one line per object, as they come.

use std::io;

use exchange_connector::{Change, Connector, ImportRequest, report};
use futures_util::{FutureExt as _, StreamExt as _};

use crate::args::Import;
use crate::interrupt::Interrupt;
use crate::output::Lines;
use crate::progress::Counter;
use crate::{DONE, INTERRUPTED, USAGE, complain, complain_of};

pub(super) async fn run(
    connector: &Connector,
    options: Import,
    interrupt: &Interrupt,
) -> io::Result<u8> {
    let mut lines = match &options.output {
        None => super::lines(),
        Some(path) => match Lines::file(path) {
            Ok(lines) => lines,
            Err(error) => {
                complain(&format!("cannot write {}: {error}", path.display()));
                return Ok(USAGE);
            }
        },
    };
    let counter = Counter::start("objects");
    let result = copy(connector, request(options), &mut lines, &counter, interrupt).await;
    counter.finish();
    lines.flush()?;
    result
}

fn request(options: Import) -> ImportRequest {
    let mut request = ImportRequest::new();
    if let Some(class) = options.class {
        request = request.class(class);
    }
    if !options.attributes.is_empty() {
        request = request.attributes(options.attributes);
    }
    if let Some(filter) = options.filter {
        request = request.filter(filter);
    }
    if let Some(state) = options.state {
        request = request.state(state);
    }
    if options.full {
        request = request.full();
    }
    request
}

async fn copy(
    connector: &Connector,
    request: ImportRequest,
    lines: &mut Lines,
    counter: &Counter,
    interrupt: &Interrupt,
) -> io::Result<u8> {
    let mut changes = connector.import(request);
    let mut objects = 0;
    loop {
        // What is there already is written in one go; before a wait everything is handed on.
        let next = match changes.next().now_or_never() {
            Some(next) => next,
            None => {
                lines.flush()?;
                tokio::select! {
                    next = changes.next() => next,
                    () = interrupt.wait() => {
                        drop(changes);
                        let reason = "interrupted".to_owned();
                        lines.write(&Change::Incomplete { reason, objects })?;
                        return Ok(INTERRUPTED);
                    }
                }
            }
        };
        match next {
            None => return Ok(DONE),
            Some(Ok(change)) => {
                if matches!(change, Change::Object(_)) {
                    objects += 1;
                    counter.tick();
                }
                lines.write(&change)?;
            }
            Some(Err(error)) => {
                complain_of(&report(&error), error.remedy());
                return Ok(error.exit_code());
            }
        }
    }
}
