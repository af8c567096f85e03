//! Where the recordings are.

use std::path::PathBuf;

/// Returns the folder of the recordings; says so and returns `None` when there is none.
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("EXCHANGE_TEST_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/realdata")),
        PathBuf::from,
    );
    if folder.join("EXPECTED.json").is_file() {
        return Some(folder);
    }
    eprintln!("skipped: no recordings at {}", folder.display());
    None
}
