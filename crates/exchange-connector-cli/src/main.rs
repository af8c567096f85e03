//! The command line of the Exchange connector
fn main() {}
