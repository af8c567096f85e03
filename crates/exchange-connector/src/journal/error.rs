//! Why a journal cannot be used.

use std::path::PathBuf;

/// Why a journal cannot be used. Nothing was sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file cannot be read or written.
    #[error("the journal {} cannot be read or written; name another file, or make room and access for it", path.display())]
    Io {
        /// The journal.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Another run writes it.
    #[error("the journal {} is in use by another run; wait for its end", path.display())]
    InUse {
        /// The journal.
        path: PathBuf,
    },
    /// A line is not what was written there.
    #[error(
        "line {line} of the journal {} {problem}; it was changed, or is no journal: move it away, look at what was done, and \
         begin a new one",
        path.display()
    )]
    Broken {
        /// The journal.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
}
