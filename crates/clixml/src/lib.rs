//! CLIXML, PowerShell's XML for objects, as a serde format
