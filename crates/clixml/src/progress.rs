//! Progress records as files hold them.
//!
//! Spec: [MS-PSRP] 2.2.5.1.25 Progress Record.
//!
//! [MS-PSRP]: https://learn.microsoft.com/openspecs/windows_protocols/ms-psrp/

use crate::text::Text;

/// A progress record as Export-Clixml writes it (`PR`). In PSRP a progress record is an ordinary object.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "these are the children a PR element has")]
pub struct Progress {
    /// `AV`: what is being done.
    pub activity: Text,
    /// `AI`: the activity's number.
    pub activity_id: i32,
    /// The unnamed `S` or `Nil`: the step at hand.
    pub current_operation: Option<Text>,
    /// `PI`: the number of the activity this one belongs to, -1 for none.
    pub parent_activity_id: i32,
    /// `PC`: the percentage done, -1 when unknown.
    pub percent_complete: i32,
    /// `T`: `Processing` or `Completed`.
    pub record_type: Text,
    /// `SR`: the seconds remaining, -1 when unknown.
    pub seconds_remaining: i32,
    /// `SD`: what to show beside the activity.
    pub status_description: Text,
}
