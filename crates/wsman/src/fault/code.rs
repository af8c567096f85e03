//! Fault codes with names and advice.
//!
//! The codes are Windows error codes; those of WS-Management begin at 0x80338000. What to do after one depends
//! on the operation only for a time-out: a Receive that timed out merely had nothing to tell.

use std::fmt;

use crate::operation::Verb;

/// The code of a `WSManFault`: a 32-bit Windows error code.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FaultCode(u32);

/// What a client may do after a fault.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Advice {
    /// The same request may be made again at once.
    Repeat,
    /// The request was refused before anything happened; it may be made again after a while.
    Later,
    /// The shell is lost. Only a new one helps, and work that changes things must be checked first.
    NewShell,
    /// The connection is useless; another one may work.
    NewConnection,
    /// It cannot be told whether the request was carried out.
    Unknown,
    /// Making the request again would be refused again.
    Never,
}

impl FaultCode {
    /// Wraps a code.
    #[must_use]
    pub const fn new(code: u32) -> Self {
        Self(code)
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Reads a code as decimal (`2150858843`), signed decimal (`-2144108453`) or hexadecimal (`0x8033805B`).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            return u32::from_str_radix(hex, 16).ok().map(Self);
        }
        if let Ok(code) = text.parse() {
            return Some(Self(code));
        }
        text.parse().ok().map(|code: i32| Self(code.cast_unsigned()))
    }

    /// Returns the name that Windows gives the code, without its prefix; `None` when it is not in the table.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        self.entry().map(|entry| entry.1)
    }

    /// Tells what a client may do after this fault of an operation.
    #[must_use]
    pub fn advice(self, verb: Verb) -> Advice {
        let receive = verb == Verb::Receive;
        match self {
            Self::OPERATION_TIMED_OUT if !receive => Advice::Unknown,
            Self::SERVICE_STREAM_DISCONNECTED if !receive => Advice::Unknown,
            Self::HTTP_SERVER_ERROR if !receive && verb != Verb::Create => Advice::Unknown,
            code => code.entry().map_or(Advice::Never, |entry| entry.2),
        }
    }

    /// Tells whether this says that a shell or command that is being closed is gone already, which is success.
    #[must_use]
    pub fn is_already_gone(self) -> bool {
        matches!(
            self,
            Self::OPERATION_ABORTED
                | Self::UNEXPECTED_SELECTORS
                | Self::SHELL_CLOSED
                | Self::COMMAND_CLOSED
                | Self::COMMAND_TERMINATED
        )
    }

    /// Tells whether the shell is lost.
    #[must_use]
    pub fn is_shell_gone(self) -> bool {
        self.advice(Verb::Receive) == Advice::NewShell
    }

    /// Tells whether a quota of shells, operations, users or requests is used up.
    #[must_use]
    pub fn is_quota(self) -> bool {
        self == Self::QUOTA_LIMIT
            || matches!(self.0, 2_150_859_173..=2_150_859_176 | 2_150_859_179)
            || matches!(self.0, 2_150_859_236..=2_150_859_241)
    }

    fn entry(self) -> Option<&'static Entry> {
        TABLE.iter().find(|entry| entry.0 == self.0)
    }
}

impl From<u32> for FaultCode {
    fn from(code: u32) -> Self {
        Self(code)
    }
}

impl fmt::Display for FaultCode {
    /// Writes the number, and the name if there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} {name}", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for FaultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultCode({self})")
    }
}

type Entry = (u32, &'static str, Advice);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal, $advice:ident;)*) => {
        impl FaultCode {
            $($(#[$doc])* pub const $name: Self = Self($code);)*
        }

        const TABLE: &[Entry] = &[$(($code, $text, Advice::$advice)),*];
    };
}

codes! {
    /// The user is not authorised, or has no role on the endpoint.
    ACCESS_DENIED = 5, "ACCESS_DENIED", Never;
    /// The server is out of memory.
    NOT_ENOUGH_MEMORY = 8, "NOT_ENOUGH_MEMORY", Later;
    /// The server is out of memory.
    OUT_OF_MEMORY = 14, "OUTOFMEMORY", Later;
    /// The server does not do this, for instance a chunked request.
    NOT_SUPPORTED = 50, "NOT_SUPPORTED", Never;
    /// The network path was not found.
    BAD_NETWORK_PATH = 53, "BAD_NETPATH", Later;
    /// A parameter is wrong.
    INVALID_PARAMETER = 87, "INVALID_PARAMETER", Never;
    /// The shell, the command or the service is being closed.
    OPERATION_ABORTED = 995, "OPERATION_ABORTED", NewShell;
    /// The server is shutting down.
    SHUTDOWN_IN_PROGRESS = 1115, "SHUTDOWN_IN_PROGRESS", NewShell;
    /// No logon server could be reached.
    NO_LOGON_SERVERS = 1311, "NO_LOGON_SERVERS", Never;
    /// The logon session does not exist.
    NO_SUCH_LOGON_SESSION = 1312, "NO_SUCH_LOGON_SESSION", Never;
    /// The user name or the password is wrong.
    LOGON_FAILURE = 1326, "LOGON_FAILURE", Never;
    /// The RPC server is unavailable.
    RPC_UNAVAILABLE = 1722, "RPC_S_SERVER_UNAVAILABLE", Later;
    /// The process behind the shell died.
    RPC_CALL_FAILED = 1726, "RPC_S_CALL_FAILED", NewShell;
    /// The process behind the shell died before it began.
    RPC_CALL_FAILED_DNE = 1727, "RPC_S_CALL_FAILED_DNE", NewShell;
    /// A file of the plug-in was not found.
    FILE_NOT_FOUND = 2_147_942_402, "FILE_NOT_FOUND", Never;
    /// The user's profile was unloaded under the shell.
    KEY_DELETED = 2_147_943_418, "KEY_DELETED", NewShell;
    /// The resource was not found.
    RESOURCE_NOT_FOUND = 2_150_858_752, "RESOURCE_NOT_FOUND", Never;
    /// The resource URI is malformed.
    INVALID_URI = 2_150_858_754, "INVALID_URI", Never;
    /// The plug-in failed; its own text says how.
    PROVIDER_FAILURE = 2_150_858_755, "PROVIDER_FAILURE", Never;
    /// The server's configuration is broken.
    CONFIG_CORRUPTED = 2_150_858_757, "CONFIG_CORRUPTED", Never;
    /// An addressing header is malformed.
    ADDRESSING_INVALID_HEADER = 2_150_858_767, "INVALID_MESSAGE_INFORMATION_HEADER", Never;
    /// A header that is marked as to be understood was not.
    MUST_UNDERSTAND = 2_150_858_768, "SOAP_FAULT_MUST_UNDERSTAND", Never;
    /// An addressing header is missing.
    ADDRESSING_HEADER_REQUIRED = 2_150_858_769, "MESSAGE_INFORMATION_HEADER_REQUIRED", Never;
    /// The server behind the front end could not be reached.
    DESTINATION_UNREACHABLE = 2_150_858_770, "DESTINATION_UNREACHABLE", Later;
    /// The server does not know the action.
    ACTION_NOT_SUPPORTED = 2_150_858_771, "ACTION_NOT_SUPPORTED", Never;
    /// The request is larger than the server takes.
    ENVELOPE_TOO_LARGE = 2_150_858_790, "ENVELOPE_TOO_LARGE", Never;
    /// The operation timeout passed; after Receive this only means that there is no output yet.
    OPERATION_TIMED_OUT = 2_150_858_793, "OPERATION_TIMEDOUT", Repeat;
    /// The resource URI is too long.
    URI_LIMIT = 2_150_858_797, "URI_LIMIT", Never;
    /// Something else is being done with the shell.
    CONCURRENCY = 2_150_858_802, "CONCURRENCY", Later;
    /// The envelope size, the URI or the options are out of bounds.
    ENCODING_LIMIT = 2_150_858_805, "ENCODING_LIMIT", Never;
    /// Authentication failed.
    FAILED_AUTHENTICATION = 2_150_858_806, "FAILED_AUTHENTICATION", Never;
    /// The endpoint does not know the session configuration.
    INVALID_RESOURCE_URI = 2_150_858_811, "INVALID_RESOURCE_URI", Never;
    /// The selectors are malformed.
    INVALID_SELECTORS = 2_150_858_813, "INVALID_SELECTORS", Never;
    /// Too many shells or users, in the words of older servers.
    QUOTA_LIMIT = 2_150_858_815, "QUOTA_LIMIT", Later;
    /// The body is not as the schema has it.
    SCHEMA_VALIDATION_ERROR = 2_150_858_817, "SCHEMA_VALIDATION_ERROR", Never;
    /// The server does not have this feature.
    UNSUPPORTED_FEATURE = 2_150_858_818, "UNSUPPORTED_FEATURE", Never;
    /// The answer would be larger than the client takes.
    ENVELOPE_EXCEEDED = 2_150_858_824, "MAX_ENVELOPE_SIZE_EXCEEDED", Never;
    /// The answer would be larger than the server writes.
    SERVER_ENVELOPE_LIMIT = 2_150_858_825, "SERVER_ENVELOPE_LIMIT", Never;
    /// There is no such shell or command: closed, timed out, or on another server.
    UNEXPECTED_SELECTORS = 2_150_858_843, "UNEXPECTED_SELECTORS", NewShell;
    /// The HTTP method is wrong.
    BAD_METHOD = 2_150_858_868, "BAD_METHOD", Never;
    /// The operation timeout is malformed.
    INVALID_TIMEOUT_HEADER = 2_150_858_881, "INVALID_TIMEOUT_HEADER", Never;
    /// The plug-in stopped.
    PLUGIN_FAILED = 2_150_858_883, "PLUGIN_FAILED", NewShell;
    /// Locale or DataLocale was marked as to be understood.
    MUST_UNDERSTAND_LOCALE = 2_150_858_887, "MUSTUNDERSTAND_ON_LOCALE_UNSUPPORTED", Never;
    /// Unencrypted traffic is switched off.
    UNENCRYPTED_DISABLED = 2_150_858_974, "CLIENT_UNENCRYPTED_DISABLED", Never;
    /// A client got no data in an answer.
    NO_RESPONSE_DATA = 2_150_858_997, "CLIENT_NO_RESPONSE_DATA", Never;
    /// A client could not read a fault.
    INVALID_SOAP_FAULT = 2_150_858_998, "CLIENT_INVALID_SOAP_FAULT", Never;
    /// A client got an answer of another type, such as a page of the web server.
    INVALID_CONTENT_TYPE = 2_150_858_999, "CLIENT_INVALID_CONTENT_TYPE", Never;
    /// The content type is not the one of the encryption.
    CONTENT_TYPE_MISMATCH = 2_150_859_000, "CONTENT_TYPE_MISMATCH", NewConnection;
    /// The message could not be decrypted.
    CANNOT_DECRYPT = 2_150_859_001, "CANNOT_DECRYPT", NewConnection;
    /// A client got an HTTP status that means nothing to it.
    UNKNOWN_HTTP_STATUS = 2_150_859_023, "UNKNOWN_HTTP_STATUS_RETURNED", Never;
    /// A client was redirected in a way that it does not support.
    UNSUPPORTED_REDIRECT = 2_150_859_024, "UNSUPPORTED_HTTP_STATUS_REDIRECT", Never;
    /// A client got HTTP 413: the request was too large.
    HTTP_TOO_LARGE = 2_150_859_025, "HTTP_REQUEST_TOO_LARGE_STATUS", Never;
    /// A client got HTTP 503: the service is not available.
    HTTP_UNAVAILABLE = 2_150_859_026, "HTTP_SERVICE_UNAVAILABLE_STATUS", Later;
    /// A client got HTTP 404: nothing is there.
    HTTP_NOT_FOUND = 2_150_859_027, "HTTP_NOT_FOUND_STATUS", Never;
    /// The network timed out.
    NETWORK_TIMED_OUT = 2_150_859_046, "NETWORK_TIMEDOUT", Unknown;
    /// Another Receive for the same target is under way.
    RECEIVE_IN_PROGRESS = 2_150_859_047, "WINRS_RECEIVE_IN_PROGRESS", Never;
    /// Receive had no data.
    RECEIVE_NO_DATA = 2_150_859_048, "WINRS_RECEIVE_NO_RESPONSE_DATA", Repeat;
    /// The shell is closed already.
    SHELL_CLOSED = 2_150_859_082, "WINRS_SHELL_CLOSED", NewShell;
    /// The command is closed already.
    COMMAND_CLOSED = 2_150_859_087, "WINRS_COMMAND_CLOSED", NewShell;
    /// The shell's resource URI is wrong.
    SHELL_URI_INVALID = 2_150_859_099, "WINRS_SHELL_URI_INVALID", Never;
    /// The shell is not open.
    SHELL_NOT_INITIALIZED = 2_150_859_118, "SHELL_NOT_INITIALIZED", NewShell;
    /// A client got HTTP 500 without an envelope.
    HTTP_SERVER_ERROR = 2_150_859_120, "HTTP_STATUS_SERVER_ERROR", Later;
    /// A client got HTTP 400 without an envelope, as Exchange refuses for want of budget.
    HTTP_BAD_REQUEST = 2_150_859_121, "HTTP_STATUS_BAD_REQUEST", Later;
    /// The session belongs to another server, whose address the text names.
    REDIRECT_REQUESTED = 2_150_859_161, "REDIRECT_REQUESTED", Never;
    /// The user has too many shells.
    QUOTA_MAX_SHELLS = 2_150_859_173, "QUOTA_MAX_SHELLS", Later;
    /// The user has too many operations under way.
    QUOTA_MAX_OPERATIONS = 2_150_859_174, "QUOTA_MAX_OPERATIONS", Later;
    /// The user makes requests too fast; the text says how long to wait.
    QUOTA_USER = 2_150_859_175, "QUOTA_USER", Later;
    /// All users together make requests too fast.
    QUOTA_SYSTEM = 2_150_859_176, "QUOTA_SYSTEM", Later;
    /// The request comes from another user than Create did.
    DIFFERENT_AUTHZ_TOKEN = 2_150_859_177, "DIFFERENT_AUTHZ_TOKEN", Never;
    /// A redirect names no location.
    REDIRECT_LOCATION_MISSING = 2_150_859_178, "REDIRECT_LOCATION_NOT_AVAILABLE", Never;
    /// Too many users have shells.
    QUOTA_MAX_SHELLUSERS = 2_150_859_179, "QUOTA_MAX_SHELLUSERS", Later;
    /// Remote shells are not allowed.
    REMOTE_SHELLS_NOT_ALLOWED = 2_150_859_180, "REMOTESHELLS_NOT_ALLOWED", Never;
    /// A redirect names a location that is none.
    REDIRECT_LOCATION_INVALID = 2_150_859_191, "REDIRECT_LOCATION_INVALID", Never;
    /// A client could not resolve the name of the server.
    NAME_NOT_RESOLVED = 2_150_859_193, "NAME_NOT_RESOLVED", Never;
    /// The TLS connection was aborted.
    TLS_ABORTED = 2_150_859_194, "SSL_CONNECTION_ABORTED", Never;
    /// A server that is named by its address cannot be signed in to by default.
    DEFAULT_AUTH_WITH_ADDRESS = 2_150_859_195, "DEFAULTAUTH_IPADDRESS", Never;
    /// A Disconnect ended the Receive.
    SHELL_DISCONNECTED = 2_150_859_204, "WINRS_SHELL_DISCONNECTED", Never;
    /// The shell cannot be disconnected.
    DISCONNECT_NOT_SUPPORTED = 2_150_859_205, "WINRS_SHELL_DISCONNECT_NOT_SUPPORTED", Never;
    /// The shell belongs to another session.
    SESSION_MISMATCH = 2_150_859_206, "WINRS_CLIENT_SESSION_MISMATCH", Never;
    /// The command was terminated.
    COMMAND_TERMINATED = 2_150_859_212, "COMMAND_TERMINATED", Never;
    /// Another client is connected to the shell.
    CONNECTED_ELSEWHERE = 2_150_859_213, "SHELL_CONNECTED_TO_DIFFERENT_CLIENT", Never;
    /// The shell was disconnected, but not all of its operations in order.
    DISCONNECT_NOT_GRACEFUL = 2_150_859_214, "WINRS_SHELL_DISCONNECT_OPERATION_NOT_GRACEFUL", Never;
    /// The shell cannot be disconnected now.
    DISCONNECT_NOT_VALID = 2_150_859_215, "WINRS_SHELL_DISCONNECT_OPERATION_NOT_VALID", Never;
    /// The shell cannot be reconnected now.
    RECONNECT_NOT_VALID = 2_150_859_216, "WINRS_SHELL_RECONNECT_OPERATION_NOT_VALID", Never;
    /// The proposed command id is not valid.
    COMMAND_ID_INVALID = 2_150_859_220, "WINRS_SHELLCOMMAND_CLIENTID_NOT_VALID", Never;
    /// The proposed shell id is not valid.
    SHELL_ID_INVALID = 2_150_859_221, "WINRS_SHELL_CLIENTID_NOT_VALID", Never;
    /// The proposed command id is in use.
    COMMAND_ID_CONFLICT = 2_150_859_222, "WINRS_SHELLCOMMAND_CLIENTID_RESOURCE_CONFLICT", Never;
    /// The proposed shell id is in use.
    SHELL_ID_CONFLICT = 2_150_859_223, "WINRS_SHELL_CLIENTID_RESOURCE_CONFLICT", Never;
    /// The server dropped the stream.
    SERVICE_STREAM_DISCONNECTED = 2_150_859_230, "SERVICE_STREAM_DISCONNECTED", Repeat;
    /// The shell could not be started as the user that it is meant to run as.
    RUN_AS_FAILED = 2_150_859_231, "CREATESHELL_RUNAS_FAILED", Never;
    /// Remote connections are not allowed.
    REMOTE_CONNECTION_NOT_ALLOWED = 2_150_859_235, "REMOTE_CONNECTION_NOT_ALLOWED", Never;
    /// The endpoint has too many shells of this user.
    PLUGIN_QUOTA_SHELLS = 2_150_859_236, "QUOTA_MAX_SHELLS_PPQ", Later;
    /// The endpoint has too many users.
    PLUGIN_QUOTA_USERS = 2_150_859_237, "QUOTA_MAX_USERS_PPQ", Later;
    /// The endpoint has too many shells.
    PLUGIN_QUOTA_PLUGIN_SHELLS = 2_150_859_238, "QUOTA_MAX_PLUGINSHELLS_PPQ", Later;
    /// The endpoint has too many operations under way.
    PLUGIN_QUOTA_PLUGIN_OPERATIONS = 2_150_859_239, "QUOTA_MAX_PLUGINOPERATIONS_PPQ", Later;
    /// The user has too many operations under way at the endpoint.
    PLUGIN_QUOTA_OPERATIONS = 2_150_859_240, "QUOTA_MAX_OPERATIONS_USER_PPQ", Later;
    /// The shell has too many commands.
    PLUGIN_QUOTA_COMMANDS = 2_150_859_241, "QUOTA_MAX_COMMANDS_PER_SHELL_PPQ", Later;
    /// The idle timeout is out of bounds.
    IDLE_TIMEOUT_OUT_OF_BOUNDS = 2_150_859_250, "IDLETIMEOUT_OUTOFBOUNDS", Never;
    /// PowerShell's plug-in was called without a context.
    PLUGIN_CONTEXT_MISSING = 2_152_990_672, "NULL_PLUGIN_CONTEXT", Never;
    /// PowerShell's plug-in was given no proper input.
    PLUGIN_INPUT_INVALID = 2_152_991_672, "NULL_INVALID_INPUT", Never;
    /// PowerShell's plug-in does not have these streams.
    PLUGIN_STREAMS_INVALID = 2_152_991_673, "NULL_INVALID_STREAM_SETS", Never;
    /// PowerShell could not create the session.
    PLUGIN_SESSION_FAILED = 2_152_991_674, "SESSION_CREATION_FAILED", Never;
    /// PowerShell does not know the shell.
    SHELL_CONTEXT_INVALID = 2_152_991_676, "INVALID_SHELL_CONTEXT", NewShell;
    /// PowerShell does not know the command.
    COMMAND_CONTEXT_INVALID = 2_152_991_677, "INVALID_COMMAND_CONTEXT", Never;
    /// PowerShell has no input stream of this name.
    INPUT_STREAM_INVALID = 2_152_991_678, "INVALID_INPUT_STREAM", Never;
    /// PowerShell takes no input of this type.
    INPUT_TYPE_INVALID = 2_152_991_679, "INVALID_INPUT_DATATYPE", Never;
    /// The arguments of the command are not what PowerShell wants.
    ARGUMENT_SET_INVALID = 2_152_991_684, "INVALID_ARGUMENT_SET", Never;
    /// PowerShell does not speak the protocol version that was asked for.
    PROTOCOL_VERSION_MISMATCH = 2_152_991_685, "PROTOCOL_VERSION_MISMATCH", Never;
    /// PowerShell does not understand an option.
    OPTION_NOT_UNDERSTOOD = 2_152_991_686, "OPTION_NOT_UNDERSTOOD", Never;
    /// The option `protocolversion` is missing.
    PROTOCOL_VERSION_NOT_FOUND = 2_152_991_687, "PROTOCOL_VERSION_NOT_FOUND", Never;
    /// PowerShell failed with an exception.
    MANAGED_EXCEPTION = 2_152_992_672, "MANAGED_EXCEPTION", Never;
    /// PowerShell's plug-in is closing.
    PLUGIN_CLOSING = 2_152_992_673, "PLUGIN_CLOSING", NewShell;
    /// Connect brought nothing to negotiate with.
    NO_NEGOTIATION_DATA = 2_152_992_674, "NO_NEGOTIATION_DATA", Never;
    /// PowerShell could not connect the client to the session.
    CONNECT_FAILED = 2_152_992_675, "CONNECT_FAILED", Never;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_notations_are_one_code() {
        for text in ["2150858843", " 0x8033805B", "0x8033805b", "-2144108453 "] {
            assert_eq!(FaultCode::parse(text), Some(FaultCode::UNEXPECTED_SELECTORS), "{text}");
        }
        for text in ["", "0x", "x", "4294967296", "-2147483649"] {
            assert_eq!(FaultCode::parse(text), None, "{text}");
        }
    }

    #[test]
    fn advice_depends_on_the_verb_after_a_timeout() {
        let code = FaultCode::OPERATION_TIMED_OUT;
        assert_eq!(code.advice(Verb::Receive), Advice::Repeat);
        assert_eq!(code.advice(Verb::Send), Advice::Unknown);
        assert_eq!(FaultCode::QUOTA_USER.advice(Verb::Create), Advice::Later);
        assert_eq!(FaultCode::new(12345).advice(Verb::Create), Advice::Never);
    }

    #[test]
    fn the_table_has_no_code_twice() {
        let mut codes: Vec<u32> = TABLE.iter().map(|entry| entry.0).collect();
        codes.sort_unstable();
        let count = codes.len();
        codes.dedup();
        assert_eq!(codes.len(), count);
    }

    /// The codes with what may be done after them, as Windows and its users do: R repeat, D later, C new shell, X new
    /// connection, U unknown, N never.
    #[test]
    fn every_known_code_has_its_advice() {
        let check = |letter, codes: &[u32]| {
            let expected = match letter {
                'R' => Advice::Repeat,
                'D' => Advice::Later,
                'C' => Advice::NewShell,
                'X' => Advice::NewConnection,
                'U' => Advice::Unknown,
                _ => Advice::Never,
            };
            for code in codes.iter().copied().map(FaultCode::new) {
                assert!(code.name().is_some(), "{code}");
                assert_eq!(code.advice(Verb::Receive), expected, "{code}");
            }
        };
        let offsets = |base: u32, offsets: &[u32]| -> Vec<u32> {
            offsets.iter().map(|offset| base + offset).collect()
        };
        check('N', &[5, 50, 87, 1311, 1312, 1326, 2_147_942_402]);
        check('D', &[8, 14, 53, 1722]);
        check('C', &[995, 1115, 1726, 1727, 2_147_943_418]);
        let wsman = 2_150_858_000;
        check('R', &offsets(wsman, &[793, 1048, 1230]));
        check('U', &offsets(wsman, &[1046]));
        check('X', &offsets(wsman, &[1000, 1001]));
        check('C', &offsets(wsman, &[843, 883, 1082, 1087, 1118]));
        check(
            'D',
            &offsets(wsman, &[770, 802, 815, 1026, 1120, 1121, 1173, 1174, 1175, 1176, 1179]),
        );
        check('D', &offsets(wsman, &[1236, 1237, 1238, 1239, 1240, 1241]));
        check(
            'N',
            &offsets(
                wsman,
                &[752, 754, 755, 757, 767, 768, 769, 771, 790, 797, 805, 806, 811, 813],
            ),
        );
        check(
            'N',
            &offsets(wsman, &[817, 818, 824, 825, 868, 881, 974, 997, 998, 999, 1023, 1024, 1025]),
        );
        check(
            'N',
            &offsets(wsman, &[1027, 1047, 1099, 1161, 1177, 1178, 1180, 1191, 1193, 1194, 1195]),
        );
        check(
            'N',
            &offsets(wsman, &[1204, 1205, 1206, 1212, 1213, 1214, 1215, 1216, 1220, 1221, 1222]),
        );
        check('N', &offsets(wsman, &[1223, 1231, 1235, 1250]));
        let powershell = 0x8054_0000;
        check('C', &offsets(powershell, &[0xBBC, 0xFA1]));
        check('N', &offsets(powershell, &[0x7D0, 0xBB8, 0xBB9, 0xBBA, 0xBBD, 0xBBE, 0xBBF, 0xBC4]));
        check('N', &offsets(powershell, &[0xBC5, 0xBC6, 0xBC7, 0xFA0, 0xFA2, 0xFA3]));
    }

    #[test]
    fn quotas_and_lost_shells_are_recognised() {
        assert!(
            FaultCode::QUOTA_MAX_SHELLS.is_quota() && FaultCode::PLUGIN_QUOTA_COMMANDS.is_quota()
        );
        assert!(!FaultCode::DIFFERENT_AUTHZ_TOKEN.is_quota());
        assert!(FaultCode::UNEXPECTED_SELECTORS.is_shell_gone());
        assert!(!FaultCode::OPERATION_TIMED_OUT.is_shell_gone());
        assert!(FaultCode::COMMAND_TERMINATED.is_already_gone());
    }
}
