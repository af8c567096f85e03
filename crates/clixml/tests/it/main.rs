//! Tests against documents that others wrote, known answers, properties and limits.

mod fuzzing;
mod golden;
mod hostile;
mod peer_probes;
mod probes;
mod properties;
mod recordings;
mod serde_data;
mod tokens;
mod truth;
