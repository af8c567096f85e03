//! PowerShell Remoting Protocol without I/O: fragments, messages, session key, client and server machines
