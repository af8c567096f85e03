//! Checks and tools of this workspace.
fn main() {}
