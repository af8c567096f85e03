//! Which objects a cmdlet is about.

use crate::builder::Builder;
use crate::call::ParameterValue;
use crate::identity::Identity;

/// Which objects a `Get-` cmdlet returns. All of them has to be said, it is never what an empty name means.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "one object or all")]
pub enum Scope {
    /// Every object of the kind.
    All,
    /// The one object that this names.
    One(Identity),
}

/// How many objects a `Get-` cmdlet returns at most.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a number or none")]
pub enum ResultSize {
    /// All of them. The default here; the server's own is 1000.
    #[default]
    Unlimited,
    /// So many; if there are more, the server warns.
    Limit(u32),
}

/// The special kinds of mailbox, which are made without a password.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum MailboxKind {
    /// A meeting room.
    Room,
    /// A piece of equipment.
    Equipment,
    /// A mailbox several people use.
    Shared,
}

impl From<ResultSize> for ParameterValue {
    fn from(size: ResultSize) -> Self {
        Self::Value(match size {
            ResultSize::Unlimited => "Unlimited".into(),
            ResultSize::Limit(limit) => limit.to_string().into(),
        })
    }
}

impl Builder {
    /// Adds the identity of one object, or the limit of a list.
    pub(crate) fn scope(self, scope: &Scope, size: ResultSize) -> Self {
        match scope {
            Scope::One(identity) => self.always("Identity", identity),
            Scope::All => self.always("ResultSize", size),
        }
    }

    /// Adds the switch of a special kind.
    pub(crate) fn kind(self, kind: Option<MailboxKind>) -> Self {
        match kind {
            Some(MailboxKind::Room) => self.switch("Room", true),
            Some(MailboxKind::Equipment) => self.switch("Equipment", true),
            Some(MailboxKind::Shared) => self.switch("Shared", true),
            None => self,
        }
    }
}
