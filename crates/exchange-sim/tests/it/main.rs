//! The simulator as its clients meet it: this workspace's own client, over HTTP and over pipes, an NTLM client of other
//! people, and pypsrp.

#[cfg(test)]
mod client;
#[cfg(test)]
mod ntlm;
#[cfg(test)]
mod pypsrp;
#[cfg(test)]
mod stdio;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod winrm;
