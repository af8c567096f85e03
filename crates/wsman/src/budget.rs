//! How many bytes of payload fit one request.
//!
//! A server counts the whole request, base64 and headers included, against its own envelope limit, which is the
//! one that clients announce for answers as well. The headers differ per verb and per URL, so they are measured.

use uuid::Uuid;

use crate::id::{CommandId, ShellId};
use crate::operation::{Command, Create, Operation, Send};
use crate::request::SessionContext;

/// What is left free for differences between the measured envelope and the one that is sent.
const RESERVE: usize = 256;

impl SessionContext {
    /// Returns how many bytes of fragments fit the `creationXml` of this Create.
    ///
    /// `sealing` is what the framing of a sealed message adds, see [`mime::OVERHEAD`](crate::mime::OVERHEAD).
    #[must_use]
    pub fn create_budget(&self, create: &Create, sealing: usize) -> usize {
        let create = Create { creation_xml: vec![0; 3], ..create.clone() };
        self.budget(None, &Operation::Create(create), sealing)
    }

    /// Returns how many bytes of fragments fit one Command.
    #[must_use]
    pub fn command_budget(&self, shell: &ShellId, sealing: usize) -> usize {
        let command = Command::new(Some(longest_id()), Vec::new());
        self.budget(Some(shell), &Operation::Command(command), sealing)
    }

    /// Returns how many bytes of fragments fit one Send.
    #[must_use]
    pub fn send_budget(&self, shell: &ShellId, sealing: usize) -> usize {
        let send = Send::new(Some(longest_id()), crate::uri::STREAM_STDIN, Vec::new());
        self.budget(Some(shell), &Operation::Send(send), sealing)
    }

    fn budget(&self, shell: Option<&ShellId>, empty: &Operation, sealing: usize) -> usize {
        let overhead = self.write(&Uuid::nil().into(), shell, empty).len();
        let limit = usize::try_from(self.max_envelope_size()).unwrap_or(usize::MAX);
        limit.saturating_sub(overhead + RESERVE + sealing) / 4 * 3
    }
}

fn longest_id() -> CommandId {
    Uuid::nil().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ResourceUri;

    #[test]
    fn a_full_request_stays_below_the_limit_and_uses_most_of_it() {
        let context = SessionContext::new(
            "http://ex01.contoso.com/PowerShell/?serializationLevel=None",
            ResourceUri::exchange(),
            Uuid::nil(),
        );
        let shell = ShellId::from(Uuid::nil());
        let size = |shell: Option<&ShellId>, operation| {
            context.write(&Uuid::nil().into(), shell, &operation).len()
        };
        let create = Create::new(Some(shell.clone()), Vec::new());
        let budget = context.create_budget(&create, 400);
        let full = Create { creation_xml: vec![7; budget], ..create };
        let sizes = [
            size(None, Operation::Create(full)),
            size(
                Some(&shell),
                Operation::Command(Command::new(
                    Some(longest_id()),
                    vec![7; context.command_budget(&shell, 400)],
                )),
            ),
            size(
                Some(&shell),
                Operation::Send(Send::new(
                    Some(longest_id()),
                    "stdin",
                    vec![7; context.send_budget(&shell, 400)],
                )),
            ),
        ];
        for size in sizes {
            assert!((152_000..=153_600 - 400).contains(&size), "{size}");
        }
    }
}
