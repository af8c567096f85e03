//! A PowerShell runspace pool over a WS-Management shell
