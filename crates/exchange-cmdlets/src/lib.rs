//! Typed Exchange cmdlets, recipients and errors over any transport
