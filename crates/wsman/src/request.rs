//! Writing requests.
//!
//! Spec: [MS-WSMV] 2.2.4 Complex Types and 3.1.4 Message Processing Events and Sequencing Rules.
//!
//! The header set and its order are those that Windows clients were recorded with. Locale and DataLocale must
//! not be marked as to be understood, or servers answer with a fault, and must not change after Create.

use std::time::Duration;

use uuid::Uuid;

use crate::duration;
use crate::id::{MessageId, ResourceUri, ShellId, upper};
use crate::operation::{
    Command, Connect, Create, Disconnect, Enumerate, Operation, Receive, Send, Signal,
};
use crate::uri;
use crate::xml::{Writer, encode_base64};

/// What all requests of one session have in common.
///
/// ```
/// use wsman::{Operation, Receive, ResourceUri, SessionContext};
/// # use uuid::Uuid;
/// let context = SessionContext::new("http://ex01.contoso.com/PowerShell/", ResourceUri::exchange(), Uuid::nil());
/// let shell = "CCF84E0D-D0B5-4CFB-95B5-BCF3BFE15F36".into();
/// let envelope = context.write(&Uuid::nil().into(), Some(&shell), &Operation::Receive(Receive::new(None)));
/// assert!(envelope.contains("<rsp:DesiredStream>stdout</rsp:DesiredStream>"));
/// ```
#[derive(Clone, Debug)]
pub struct SessionContext {
    to: String,
    resource_uri: ResourceUri,
    max_envelope_size: u32,
    operation_timeout: Option<Duration>,
    locale: String,
    data_locale: String,
    session_id: Uuid,
}

impl SessionContext {
    /// Describes a session with the endpoint `to`, the URL that requests are posted to.
    ///
    /// `session_id` is one value per client session, for as long as that lives.
    #[must_use]
    pub fn new(to: &str, resource_uri: ResourceUri, session_id: Uuid) -> Self {
        Self {
            to: to.to_owned(),
            resource_uri,
            max_envelope_size: 153_600,
            operation_timeout: Some(Duration::from_secs(60)),
            locale: "en-US".to_owned(),
            data_locale: "en-US".to_owned(),
            session_id,
        }
    }

    /// Sets the largest answer in bytes; the default is 153 600, the least 8192.
    ///
    /// Servers with PSRP 2.2 or later take 512 000.
    #[must_use]
    pub fn with_max_envelope_size(mut self, bytes: u32) -> Self {
        self.max_envelope_size = bytes.max(8192);
        self
    }

    /// Sets how long the server may take over one operation; the default is 60 s, `None` leaves it to the server.
    #[must_use]
    pub fn with_operation_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.operation_timeout = timeout;
        self
    }

    /// Sets the language of messages and of data; the default of both is `en-US`.
    #[must_use]
    pub fn with_locale(mut self, locale: &str, data_locale: &str) -> Self {
        locale.clone_into(&mut self.locale);
        data_locale.clone_into(&mut self.data_locale);
        self
    }

    /// Sets the resource, for Enumerate and Get, which are about another one than the shell's.
    #[must_use]
    pub fn with_resource_uri(mut self, resource_uri: ResourceUri) -> Self {
        self.resource_uri = resource_uri;
        self
    }

    /// Sets the session's id.
    #[must_use]
    pub fn with_session_id(mut self, session_id: Uuid) -> Self {
        self.session_id = session_id;
        self
    }

    /// Returns the endpoint.
    #[must_use]
    pub fn to(&self) -> &str {
        &self.to
    }

    /// Returns the resource.
    #[must_use]
    pub fn resource_uri(&self) -> &ResourceUri {
        &self.resource_uri
    }

    /// Returns the largest answer in bytes.
    #[must_use]
    pub fn max_envelope_size(&self) -> u32 {
        self.max_envelope_size
    }

    /// Returns how long the server may take over one operation.
    #[must_use]
    pub fn operation_timeout(&self) -> Option<Duration> {
        self.operation_timeout
    }

    /// Returns the session's id.
    #[must_use]
    pub fn session_id(&self) -> Uuid {
        self.session_id
    }

    /// Writes the envelope of a request.
    ///
    /// Every operation on an existing shell names it in `shell`.
    #[must_use]
    pub fn write(
        &self,
        message_id: &MessageId,
        shell: Option<&ShellId>,
        operation: &Operation,
    ) -> String {
        let mut writer = Writer::default();
        if matches!(operation, Operation::Identify) {
            write_identify(&mut writer);
            return writer.finish();
        }
        writer.open("s:Envelope", NAMESPACES);
        writer.open("s:Header", &[]);
        self.write_headers(&mut writer, message_id, operation);
        write_selectors(&mut writer, shell);
        write_options(&mut writer, operation);
        writer.close("s:Header");
        write_body(&mut writer, operation);
        writer.close("s:Envelope");
        writer.finish()
    }

    fn write_headers(&self, writer: &mut Writer, message_id: &MessageId, operation: &Operation) {
        writer.leaf("a:To", &[], &self.to);
        writer.leaf("w:ResourceURI", MUST, self.resource_uri.as_str());
        writer.open("a:ReplyTo", &[]);
        writer.leaf("a:Address", MUST, uri::ANONYMOUS);
        writer.close("a:ReplyTo");
        writer.leaf("a:Action", MUST, operation.verb().action());
        writer.leaf("w:MaxEnvelopeSize", MUST, &self.max_envelope_size.to_string());
        writer.leaf("a:MessageID", &[], message_id.as_str());
        writer.empty("w:Locale", &[("xml:lang", &self.locale), ("s:mustUnderstand", "false")]);
        writer.empty(
            "p:DataLocale",
            &[("xml:lang", &self.data_locale), ("s:mustUnderstand", "false")],
        );
        let session_id = format!("uuid:{}", upper(self.session_id));
        writer.leaf("p:SessionId", &[("s:mustUnderstand", "false")], &session_id);
        if let Some(timeout) = self.operation_timeout {
            writer.leaf("w:OperationTimeout", &[], &duration::write(timeout));
        }
    }
}

fn write_identify(writer: &mut Writer) {
    writer.open("s:Envelope", &[("xmlns:s", uri::NS_SOAP), ("xmlns:wsmid", uri::NS_IDENTITY)]);
    writer.empty("s:Header", &[]);
    writer.open("s:Body", &[]);
    writer.empty("wsmid:Identify", &[]);
    writer.close("s:Body");
    writer.close("s:Envelope");
}

fn write_selectors(writer: &mut Writer, shell: Option<&ShellId>) {
    let Some(shell) = shell else { return };
    writer.open("w:SelectorSet", &[]);
    writer.leaf("w:Selector", &[("Name", "ShellId")], shell.as_str());
    writer.close("w:SelectorSet");
}

fn write_options(writer: &mut Writer, operation: &Operation) {
    match operation {
        Operation::Create(Create { protocol_version: Some(version), .. })
        | Operation::Connect(Connect { protocol_version: Some(version), .. }) => {
            writer.open("w:OptionSet", MUST);
            let attributes = [("Name", "protocolversion"), ("MustComply", "true")];
            writer.leaf("w:Option", &attributes, version);
        }
        Operation::Receive(Receive { keep_alive: true, .. }) => {
            writer.open("w:OptionSet", &[]);
            writer.leaf("w:Option", &[("Name", KEEP_ALIVE)], "TRUE");
        }
        _ => return,
    }
    writer.close("w:OptionSet");
}

fn write_body(writer: &mut Writer, operation: &Operation) {
    if matches!(operation, Operation::Delete | Operation::Get | Operation::Identify) {
        writer.empty("s:Body", &[]);
        return;
    }
    writer.open("s:Body", &[]);
    match operation {
        Operation::Create(create) => write_create(writer, create),
        Operation::Command(command) => write_command(writer, command),
        Operation::Send(send) => write_send(writer, send),
        Operation::Receive(receive) => write_receive(writer, receive),
        Operation::Signal(signal) => write_signal(writer, signal),
        Operation::Disconnect(disconnect) => write_disconnect(writer, disconnect),
        Operation::Reconnect(reconnect) => {
            writer.empty("rsp:Reconnect", &command_attribute(reconnect.command_id.as_ref()));
        }
        Operation::Connect(connect) => write_connect(writer, connect),
        Operation::Enumerate(enumerate) => write_enumerate(writer, enumerate),
        Operation::Pull(pull) => {
            writer.open("n:Pull", &[]);
            writer.leaf("n:EnumerationContext", &[], &pull.context);
            writer.leaf("n:MaxElements", &[], &pull.max_elements.to_string());
            writer.close("n:Pull");
        }
        Operation::Delete | Operation::Get | Operation::Identify => {}
    }
    writer.close("s:Body");
}

fn write_create(writer: &mut Writer, create: &Create) {
    let mut attributes = Vec::new();
    if let Some(id) = &create.shell_id {
        attributes.push(("ShellId", id.as_str()));
    }
    if let Some(name) = &create.name {
        attributes.push(("Name", name.as_str()));
    }
    writer.open("rsp:Shell", &attributes);
    if let Some(timeout) = create.idle_timeout {
        writer.leaf("rsp:IdleTimeOut", &[], &duration::write(timeout));
    }
    writer.leaf("rsp:InputStreams", &[], &create.input_streams.join(" "));
    writer.leaf("rsp:OutputStreams", &[], &create.output_streams.join(" "));
    if !create.creation_xml.is_empty() {
        let text = encode_base64(&create.creation_xml);
        writer.leaf("creationXml", &[("xmlns", uri::NS_POWERSHELL)], &text);
    }
    writer.close("rsp:Shell");
}

fn write_command(writer: &mut Writer, command: &Command) {
    let id = command.command_id.as_ref().map(|id| ("CommandId", id.as_str()));
    writer.open("rsp:CommandLine", id.as_slice());
    if command.command_line.is_empty() {
        writer.empty("rsp:Command", &[]);
    } else {
        writer.leaf("rsp:Command", &[], &command.command_line);
    }
    writer.leaf("rsp:Arguments", &[], &encode_base64(&command.arguments));
    writer.close("rsp:CommandLine");
}

fn write_send(writer: &mut Writer, send: &Send) {
    let mut attributes = vec![("Name", send.stream.as_str())];
    attributes.extend(command_attribute(send.command_id.as_ref()));
    if send.end {
        attributes.push(("End", "true"));
    }
    writer.open("rsp:Send", &[]);
    writer.leaf("rsp:Stream", &attributes, &encode_base64(&send.data));
    writer.close("rsp:Send");
}

fn write_receive(writer: &mut Writer, receive: &Receive) {
    let attributes = command_attribute(receive.command_id.as_ref());
    writer.open("rsp:Receive", &[]);
    writer.leaf("rsp:DesiredStream", &attributes, &receive.streams.join(" "));
    writer.close("rsp:Receive");
}

fn write_signal(writer: &mut Writer, signal: &Signal) {
    writer.open("rsp:Signal", &command_attribute(signal.command_id.as_ref()));
    writer.leaf("rsp:Code", &[], signal.code.as_str());
    writer.close("rsp:Signal");
}

fn write_disconnect(writer: &mut Writer, disconnect: &Disconnect) {
    writer.open("rsp:Disconnect", &[]);
    if let Some(timeout) = disconnect.idle_timeout {
        writer.leaf("rsp:IdleTimeOut", &[], &duration::write(timeout));
    }
    if let Some(mode) = disconnect.buffer_mode {
        writer.leaf("rsp:BufferMode", &[], mode.as_str());
    }
    writer.close("rsp:Disconnect");
}

fn write_connect(writer: &mut Writer, connect: &Connect) {
    writer.open("rsp:Connect", &command_attribute(connect.command_id.as_ref()));
    if !connect.connect_xml.is_empty() {
        let text = encode_base64(&connect.connect_xml);
        writer.leaf("connectXml", &[("xmlns", uri::NS_POWERSHELL)], &text);
    }
    writer.close("rsp:Connect");
}

fn write_enumerate(writer: &mut Writer, enumerate: &Enumerate) {
    writer.open("n:Enumerate", &[]);
    writer.empty("w:OptimizeEnumeration", &[]);
    writer.leaf("w:MaxElements", &[], &enumerate.max_elements.to_string());
    if let Some(shell) = &enumerate.shell_id {
        writer.open("w:Filter", &[("Dialect", uri::DIALECT_SELECTORS)]);
        write_selectors(writer, Some(shell));
        writer.close("w:Filter");
    }
    writer.close("n:Enumerate");
}

fn command_attribute(id: Option<&crate::id::CommandId>) -> Vec<(&str, &str)> {
    id.map(|id| ("CommandId", id.as_str())).into_iter().collect()
}

const KEEP_ALIVE: &str = "WSMAN_CMDSHELL_OPTION_KEEPALIVE";
const MUST: &[(&str, &str)] = &[("s:mustUnderstand", "true")];
const NAMESPACES: &[(&str, &str)] = &[
    ("xmlns:s", uri::NS_SOAP),
    ("xmlns:a", uri::NS_ADDRESSING),
    ("xmlns:w", uri::NS_WSMAN),
    ("xmlns:p", uri::NS_WSMV),
    ("xmlns:rsp", uri::NS_SHELL),
    ("xmlns:n", uri::NS_ENUMERATION),
];
