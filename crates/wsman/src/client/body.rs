//! The body of an answer, within bounds of size and time.

use std::error::Error as _;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};

use super::connection::within;
use super::error::{Error, Phase};

/// Reads a body to its end; each piece of it may take as long as `stall`.
pub(crate) async fn read_body(
    mut body: Incoming,
    limit: usize,
    stall: Duration,
) -> Result<Vec<u8>, Error> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(Error::TooLarge { limit });
    }
    let mut whole = Vec::with_capacity(announced);
    loop {
        let frame = within(stall, Phase::Body, async { Ok(body.frame().await) }).await?;
        let Some(frame) = frame else { return Ok(whole) };
        // Trailers say nothing that is asked for.
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        if data.len() > limit - whole.len() {
            return Err(Error::TooLarge { limit });
        }
        whole.extend_from_slice(&data);
    }
}

/// A body that breaks off is a lost connection; one whose pieces are framed wrongly is a broken answer.
fn broken(error: hyper::Error) -> Error {
    let is_framing = error
        .source()
        .and_then(|source| source.downcast_ref::<std::io::Error>())
        .is_some_and(|io| {
            io.kind() == std::io::ErrorKind::InvalidData
                || io.kind() == std::io::ErrorKind::InvalidInput
        });
    if is_framing {
        Error::Malformed { source: error.into() }
    } else {
        Error::Lost { sent: true, source: Some(error.into()) }
    }
}
