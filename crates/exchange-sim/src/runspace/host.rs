//! What the client's host is asked.

use psrp::host::{ChoiceDescription, FieldDescription, HostRequest};

use crate::cmdlets::{Missing, Prompt};

/// Asks whether to go on; the numbers of the choices are those of [`Answer`](crate::Answer).
pub(super) fn confirmation(prompt: &Prompt) -> HostRequest {
    let choices = [
        ("&Yes", "Continue with only the next step of the operation."),
        ("Yes to &All", "Continue with all the steps of the operation."),
        ("&No", "Skip this operation and proceed with the next operation."),
        ("No to A&ll", "Skip this operation and all subsequent operations."),
    ];
    let choices = choices.map(|(label, help)| ChoiceDescription::new(label, help)).into();
    HostRequest::choice(prompt.caption.as_str(), prompt.message.as_str(), choices, 0)
}

/// Asks for missing parameters.
pub(super) fn parameters(missing: &Missing) -> HostRequest {
    let fields = missing.parameters.iter().map(|(name, net_type)| {
        let mut field = FieldDescription::new(*name, net_type.as_str());
        field.label = format!("&{name}");
        field
    });
    HostRequest::prompt(
        format!("cmdlet {} at command pipeline position {}", missing.cmdlet, missing.position),
        "Supply values for the following parameters:",
        fields.collect(),
    )
}
