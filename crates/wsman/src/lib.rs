//! WS-Management shells: envelopes, faults and operations without I/O; with the feature client an authenticating HTTP client
