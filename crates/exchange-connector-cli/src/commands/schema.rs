//! `schema`: one line per object class.

use std::io;

use exchange_connector::Connector;

use crate::DONE;

pub(super) fn run(connector: &Connector) -> io::Result<u8> {
    let mut lines = super::lines();
    for class in connector.schema().classes {
        lines.write(&class)?;
    }
    lines.flush()?;
    Ok(DONE)
}
