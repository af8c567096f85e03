//! The facade over transports that answer from a script, without sockets, and over the simulated Exchange.

#[cfg(test)]
mod certificate;
mod check;
mod cloud;
mod cloud_network;
mod delta;
mod export;
mod hybrid;
mod import;
mod journal;
mod plan;
mod recovery;
#[cfg(test)]
mod replay;
mod simulated;
mod support;
mod typed_reads;
#[cfg(test)]
mod winrm;
