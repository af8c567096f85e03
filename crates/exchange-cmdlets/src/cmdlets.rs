//! One module per cmdlet.

mod disable_mailbox;
mod disable_remote_mailbox;
mod enable_mailbox;
mod enable_remote_mailbox;
mod get_accepted_domain;
mod get_mailbox;
mod get_organization_config;
mod get_remote_mailbox;
mod get_user;
mod new_mailbox;
mod new_remote_mailbox;
mod remove_mailbox;
mod remove_remote_mailbox;
mod scope;
mod set_mailbox;
mod set_remote_mailbox;
mod set_user;

pub use disable_mailbox::DisableMailbox;
pub use disable_remote_mailbox::DisableRemoteMailbox;
pub use enable_mailbox::EnableMailbox;
pub use enable_remote_mailbox::EnableRemoteMailbox;
pub use get_accepted_domain::GetAcceptedDomain;
pub use get_mailbox::GetMailbox;
pub use get_organization_config::GetOrganizationConfig;
pub use get_remote_mailbox::GetRemoteMailbox;
pub use get_user::GetUser;
pub use new_mailbox::NewMailbox;
pub use new_remote_mailbox::NewRemoteMailbox;
pub use remove_mailbox::RemoveMailbox;
pub use remove_remote_mailbox::RemoveRemoteMailbox;
pub use scope::{MailboxKind, ResultSize, Scope};
pub use set_mailbox::SetMailbox;
pub use set_remote_mailbox::SetRemoteMailbox;
pub use set_user::SetUser;
