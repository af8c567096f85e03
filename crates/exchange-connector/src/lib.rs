//! Imports and exports the mailboxes of an Exchange organisation
