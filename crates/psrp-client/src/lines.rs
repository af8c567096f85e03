//! Lines of a pipe, of bounded length.

use std::sync::Arc;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

use crate::error::PipeError;

/// Reads the next line, line feed included, into `line`; false at the end of the pipe. An unfinished last line counts.
pub(crate) async fn read_line(
    reader: &mut (impl AsyncBufRead + Unpin),
    line: &mut Vec<u8>,
    limit: usize,
) -> Result<bool, PipeError> {
    line.clear();
    let mut bounded = reader.take(u64::try_from(limit).unwrap_or(u64::MAX));
    bounded.read_until(b'\n', line).await.map_err(|error| PipeError::Read(Arc::new(error)))?;
    if line.len() >= limit && !line.ends_with(b"\n") {
        return Err(PipeError::LineTooLong { limit });
    }
    Ok(!line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_come_one_by_one_and_long_ones_are_refused() {
        let mut reader: &[u8] = b"one\n\ntwo\nthree is too long\n";
        let mut line = Vec::new();
        for expected in ["one\n", "\n", "two\n"] {
            assert!(read_line(&mut reader, &mut line, 10).await.unwrap());
            assert_eq!(line, expected.as_bytes());
        }
        let error = read_line(&mut reader, &mut line, 10).await.unwrap_err();
        assert_eq!(error.to_string(), "a line is longer than 10 bytes");
    }

    #[tokio::test]
    async fn an_unfinished_line_comes_before_the_end() {
        let mut reader: &[u8] = b"half";
        let mut line = Vec::new();
        assert!(read_line(&mut reader, &mut line, 10).await.unwrap());
        assert_eq!(line, b"half");
        assert!(!read_line(&mut reader, &mut line, 10).await.unwrap());
    }
}
