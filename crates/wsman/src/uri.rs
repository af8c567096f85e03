//! The URIs of the protocol: namespaces, actions, resources, streams and signals.
//!
//! Spec: [MS-WSMV] 2.2.1 Namespaces and 3.1.4 Message Processing Events and Sequencing Rules.

/// The namespace of SOAP 1.2, usually bound to `s`.
pub const NS_SOAP: &str = "http://www.w3.org/2003/05/soap-envelope";
/// The namespace of WS-Addressing, usually bound to `a`.
pub const NS_ADDRESSING: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing";
/// The namespace of WS-Management, usually bound to `w`.
pub const NS_WSMAN: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd";
/// The namespace of Microsoft's own headers, usually bound to `p`.
pub const NS_WSMV: &str = "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd";
/// The namespace of the shell verbs, usually bound to `rsp`.
pub const NS_SHELL: &str = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell";
/// The namespace of WS-Transfer, usually bound to `x`.
pub const NS_TRANSFER: &str = "http://schemas.xmlsoap.org/ws/2004/09/transfer";
/// The namespace of WS-Enumeration, usually bound to `n`.
pub const NS_ENUMERATION: &str = "http://schemas.xmlsoap.org/ws/2004/09/enumeration";
/// The namespace of `WSManFault`, usually bound to `f`.
pub const NS_FAULT: &str = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault";
/// The namespace of Identify, usually bound to `wsmid`.
pub const NS_IDENTITY: &str = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd";
/// The namespace of WinRM's configuration, usually bound to `cfg`.
pub const NS_CONFIG: &str = "http://schemas.microsoft.com/wbem/wsman/1/config";
/// The namespace of `creationXml`, `connectXml` and `connectResponseXml`.
pub const NS_POWERSHELL: &str = "http://schemas.microsoft.com/powershell";
/// The namespace that the prefix `xml` always has.
pub const NS_XML: &str = "http://www.w3.org/XML/1998/namespace";

/// The anonymous endpoint: the answer goes back over the same connection.
pub const ANONYMOUS: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous";

/// The action of Create.
pub const ACTION_CREATE: &str = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Create";
/// The action of Delete.
pub const ACTION_DELETE: &str = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Delete";
/// The action of Get.
pub const ACTION_GET: &str = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Get";
/// The action of Enumerate.
pub const ACTION_ENUMERATE: &str = "http://schemas.xmlsoap.org/ws/2004/09/enumeration/Enumerate";
/// The action of Pull.
pub const ACTION_PULL: &str = "http://schemas.xmlsoap.org/ws/2004/09/enumeration/Pull";
/// The action of Command.
pub const ACTION_COMMAND: &str = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/Command";
/// The action of Send.
pub const ACTION_SEND: &str = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/Send";
/// The action of Receive.
pub const ACTION_RECEIVE: &str = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/Receive";
/// The action of Signal.
pub const ACTION_SIGNAL: &str = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/Signal";
/// The action of Disconnect.
pub const ACTION_DISCONNECT: &str =
    "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/Disconnect";
/// The action of Reconnect.
pub const ACTION_RECONNECT: &str =
    "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/Reconnect";
/// The action of Connect.
pub const ACTION_CONNECT: &str = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/Connect";
/// The action that Microsoft's servers give to faults.
pub const ACTION_FAULT: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault";
/// The action of faults about addressing.
pub const ACTION_ADDRESSING_FAULT: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing/fault";

/// The resource of Exchange's remote PowerShell.
pub const RESOURCE_EXCHANGE: &str = "http://schemas.microsoft.com/powershell/Microsoft.Exchange";
/// The resource of Windows PowerShell's default session configuration.
pub const RESOURCE_POWERSHELL: &str =
    "http://schemas.microsoft.com/powershell/Microsoft.PowerShell";
/// The resource that Enumerate lists shells of.
pub const RESOURCE_SHELLS: &str = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell";
/// The resource that Enumerate lists the commands of one shell of.
pub const RESOURCE_COMMANDS: &str =
    "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/Command";
/// The filter dialect of Enumerate that selects by selectors.
pub const DIALECT_SELECTORS: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/SelectorFilter";

/// What the values of `rsp:CommandState/@State` begin with.
pub const COMMAND_STATE_PREFIX: &str =
    "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/CommandState/";
/// The signal that ends a command and frees its slot.
pub const SIGNAL_TERMINATE: &str =
    "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/signal/terminate";
/// The signal of Ctrl-C for commands of the plain command shell.
pub const SIGNAL_CTRL_C: &str =
    "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/signal/ctrl_c";
/// The signal that stops a PowerShell pipeline; the transposed letters are the protocol's.
pub const SIGNAL_PS_CRTL_C: &str = "powershell/signal/crtl_c";

/// The stream of ordinary input.
pub const STREAM_STDIN: &str = "stdin";
/// The stream of answers to host calls, which the server reads ahead of [`STREAM_STDIN`].
pub const STREAM_PROMPT_RESPONSE: &str = "pr";
/// The stream of output.
pub const STREAM_STDOUT: &str = "stdout";
