//! Tests against documents that others wrote, known answers, properties and limits.

mod hostile;
mod probes;
mod properties;
mod recordings;
mod serde_data;
mod tokens;
