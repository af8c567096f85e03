//! A session with a value at each of many places, in the notations and encodings that real sessions use.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use psrp::crypto::{KeyPair, PublicKey, SessionKey};
use psrp::fragment::Fragmenter;
use psrp::message::MessageType;
use psrp::secrecy::SecretString;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use wsman::fixture::{Fixture, Manifest};
use wsman::recording::{RecordedAnswer, RecordedExchange, Recording};

type Values = BTreeMap<&'static str, &'static str>;

const POOL: &str = "c1d7b1a5-6f0e-4b0e-9f7a-1b2e5e8a9c10";
const PIPELINE: &str = "0d9b5a1c-33aa-4f6e-8c21-7b1e5e8a9c11";

/// Making one takes long.
static PAIR: LazyLock<KeyPair> =
    LazyLock::new(|| KeyPair::generate(&mut StdRng::seed_from_u64(1)).unwrap());

/// The key of the session's secrets.
pub(super) fn session_key() -> SessionKey {
    SessionKey::new([7; 32])
}

/// Makes the session.
pub(super) fn session(values: &Values) -> Fixture {
    let pair = &*PAIR;
    let exchanges = vec![
        exchange(1, create(values), answer(&opened(values))),
        exchange(2, command(values, 0), answer("<rsp:CommandResponse/>")),
        exchange(3, command(values, 1), answer(&received(values, pair, 0))),
        exchange(4, receive(), answer(&received(values, pair, 1))),
        exchange(5, receive(), answer(&fault(values))),
    ];
    let mut fixture = Fixture::new(Manifest::default(), Recording::new(exchanges));
    fixture.manifest.date = "2026-11-30".to_owned();
    for (name, text) in attachments(values) {
        fixture.attachments.insert(name.to_owned(), text.into_bytes());
    }
    let pem = pair.danger_to_pkcs8_pem().unwrap();
    fixture.attachments.insert("key.pem".to_owned(), pem.as_bytes().to_vec());
    fixture
}

fn exchange(number: u64, request: String, envelope: String) -> RecordedExchange {
    let at = |millis| Duration::from_millis(number * 100 + millis);
    let answer = RecordedAnswer::Envelope { status: 200, envelope };
    RecordedExchange::new(at(0), at(50), request, answer)
}

fn envelope(header: &str, body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:rsp=\"http://schemas.microsoft.com/wbem/wsman/1/windows/shell\">\
         <s:Header>{header}<wsa:MessageID>uuid:{PIPELINE}</wsa:MessageID><w:SelectorSet><w:Selector Name=\"ShellId\">{POOL}</w:Selector>\
         </w:SelectorSet></s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )
}

fn answer(body: &str) -> String {
    envelope(
        "<wsa:Action>http://schemas.microsoft.com/wbem/wsman/1/windows/shell/ReceiveResponse</wsa:Action>",
        body,
    )
}

fn create(values: &Values) -> String {
    let header = format!("<wsa:To>{}</wsa:To>", values["header: url"]);
    envelope(
        &header,
        &format!(
            "<rsp:Shell ShellId=\"{POOL}\"><rsp:InputStreams>stdin pr</rsp:InputStreams></rsp:Shell>"
        ),
    )
}

fn opened(values: &Values) -> String {
    format!(
        "<rsp:Shell><rsp:ShellId>{POOL}</rsp:ShellId><rsp:Owner>{}</rsp:Owner><rsp:ClientIP>{} {}</rsp:ClientIP></rsp:Shell>",
        values["header: owner"],
        values["header: client address"],
        values["header: link-local address"]
    )
}

fn fault(values: &Values) -> String {
    format!(
        "<s:Fault><s:Reason><s:Text xml:lang=\"en-US\">refused for {text}</s:Text></s:Reason><s:Detail>\
         <f:WSManFault xmlns:f=\"http://schemas.microsoft.com/wbem/wsman/1/wsmanfault\" Code=\"5\" Machine=\"{}\"/></s:Detail></s:Fault>",
        values["fault: machine"],
        text = values["fault: text"]
    )
}

fn receive() -> String {
    envelope(
        "<wsa:To>http://za01.vaqezixu.com/PowerShell</wsa:To>",
        "<rsp:Receive><rsp:DesiredStream>stdout</rsp:DesiredStream></rsp:Receive>",
    )
}

/// The pipeline, whose only message is cut in the middle of its second fragment over two requests.
fn command(values: &Values, half: usize) -> String {
    let secret = SecretString::from(values["parameter: secure string"].to_owned());
    let sealed = STANDARD.encode(session_key().encrypt(&secret));
    let argument =
        |name: &str, value: &str| format!("<Obj><MS><S N=\"N\">-{name}</S>{value}</MS></Obj>");
    let body = format!(
        "<Obj RefId=\"0\"><MS><S N=\"Cmd\">New-Mailbox</S><LST>{}{}{}</LST></MS></Obj>",
        argument("Name", &format!("<S N=\"V\">{}</S>", values["parameter: name"])),
        argument("Filter", &format!("<S N=\"V\">{}</S>", values["parameter: filter"])),
        argument("Password", &format!("<SS N=\"V\">{sealed}</SS>")),
    );
    let stream = stream(2, &[(MessageType::CreatePipeline, body)], 300);
    let (first, second) = stream.split_at(stream.len() / 2 + 3);
    let part = STANDARD.encode(if half == 0 { first } else { second });
    let body = if half == 0 {
        format!(
            "<rsp:CommandLine CommandId=\"{PIPELINE}\"><rsp:Arguments>{part}</rsp:Arguments></rsp:CommandLine>"
        )
    } else {
        format!(
            "<rsp:Send><rsp:Stream Name=\"stdin\" CommandId=\"{PIPELINE}\">{part}</rsp:Stream></rsp:Send>"
        )
    };
    envelope("<wsa:To>http://za01.vaqezixu.com/PowerShell</wsa:To>", &body)
}

/// What the pipeline gives, in fragments of 120 bytes, cut into pieces of 301 over two answers; the last message is cut off.
fn received(values: &Values, pair: &KeyPair, half: usize) -> String {
    let public = PublicKey::from_base64(&pair.public_key()).unwrap();
    let sealed = public.encrypt_session_key(&session_key(), &mut StdRng::seed_from_u64(2)).unwrap();
    let key = format!("<Obj RefId=\"0\"><MS><S N=\"EncryptedSessionKey\">{sealed}</S></MS></Obj>");
    let messages = [
        (MessageType::EncryptedSessionKey, key),
        (MessageType::PipelineOutput, object(values)),
        (MessageType::ErrorRecord, record(values)),
        (
            MessageType::PipelineOutput,
            format!(
                "<Obj RefId=\"0\"><Props><S N=\"DisplayName\">{}</S></Props></Obj>",
                values["cut off: last message"]
            ),
        ),
    ];
    let mut stream = stream(1, &messages, 120);
    stream.truncate(stream.len() - 20);
    let (first, second) = stream.split_at(stream.len() / 2);
    let part = if half == 0 { first } else { second };
    let pieces: String = part
        .chunks(301)
        .map(|piece| {
            format!(
                "<rsp:Stream Name=\"stdout\" CommandId=\"{PIPELINE}\">{}</rsp:Stream>",
                STANDARD.encode(piece)
            )
        })
        .collect();
    format!("<rsp:ReceiveResponse>{pieces}</rsp:ReceiveResponse>")
}

fn stream(destination: u8, messages: &[(MessageType, String)], fragment: usize) -> Vec<u8> {
    let mut fragmenter = Fragmenter::new(fragment);
    let mut stream = Vec::new();
    for (message_type, body) in messages {
        let mut message = vec![destination, 0, 0, 0];
        message.extend(message_type.code().to_le_bytes());
        message.extend(uuid::Uuid::parse_str(POOL).unwrap().to_bytes_le());
        message.extend(uuid::Uuid::parse_str(PIPELINE).unwrap().to_bytes_le());
        message.extend(body.as_bytes());
        fragmenter.fragment(&message, &mut stream);
    }
    stream
}

fn object(values: &Values) -> String {
    let text = |name: &str, place: &str| format!("<S N=\"{name}\">{}</S>", escaped(values[place]));
    let bytes =
        |name: &str, bytes: &[u8]| format!("<BA N=\"{name}\">{}</BA>", STANDARD.encode(bytes));
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let among = |text: &[u8]| [&[0, 1, 255, 0][..], text, &[0, 255, 254, 0, 3]].concat();
    let hex: String =
        values["object: hexadecimal in text"].bytes().map(|byte| format!("{byte:02x}")).collect();
    [
        "<Obj RefId=\"0\"><TN RefId=\"0\"><T>Microsoft.Exchange.Data.Directory.Management.Mailbox</T></TN><ToString>object</ToString><Props>".to_owned(),
        text("DisplayName", "object: display name"),
        format!("<S N=\"Name\">{}</S>", values["object: name in escapes"]),
        format!("<S N=\"LastName\">{}</S>", values["object: name in references"]),
        text("FirstName", "object: ideographs"),
        format!(
            "<Obj N=\"EmailAddresses\" RefId=\"1\"><LST>{}{}{}</LST></Obj>",
            format_args!("<S>{}</S>", values["object: address"]),
            format_args!("<S>smtp:{}</S>", values["object: routing address"]),
            format_args!("<S>{}</S>", values["object: X500"]),
        ),
        text("DistinguishedName", "object: distinguished name"),
        text("Identity", "object: identity"),
        format!("<G N=\"Guid\">{}</G>", values["object: GUID"]),
        text("MasterAccountSid", "object: SID"),
        text("Phone", "object: telephone"),
        text("StreetAddress", "object: street"),
        text("Notes", "object: notes"),
        bytes("UserCertificate", &certificate(values["object: certificate in bytes"])),
        bytes("SerializationData", &among(values["object: text in bytes"].as_bytes())),
        bytes("SecurityDescriptor", &among(&wide(values["object: wide text in bytes"]))),
        bytes("Packed", &gzip(values["object: packed"])),
        format!("<S N=\"Blob\">data {}</S>", STANDARD.encode(values["object: base64 in text"])),
        format!("<S N=\"Octets\">0x: {hex}</S>"),
        text("Details", "object: JSON in text"),
        format!("<I32 N=\"{}\">1</I32>", values["object: property name"]),
        text("Link", "object: percent in text"),
        text("ImmutableId", "object: anchor"),
        text("MoveStatus", "object: status"),
        "<S N=\"RecipientTypeDetails\">UserMailbox</S></Props></Obj>".to_owned(),
    ]
    .concat()
}

fn record(values: &Values) -> String {
    let text = |name: &str, place: &str| format!("<S N=\"{name}\">{}</S>", escaped(values[place]));
    [
        "<Obj RefId=\"0\"><MS>".to_owned(),
        text("ErrorDetails_Message", "record: error text"),
        text("FullyQualifiedErrorId", "record: server"),
        text("ScriptStackTrace", "record: path"),
        text("Extra", "record: certificate text"),
        "</MS></Obj>".to_owned(),
    ]
    .concat()
}

/// What a serializer escapes; what is escaped by hand in the table stays.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn certificate(text: &str) -> Vec<u8> {
    let text = if text == "CERTIFICATE-CLEAN" { "stand-in certificate 1" } else { text };
    let mut inner = text.as_bytes().to_vec();
    inner.resize(300, b'.');
    let mut der = vec![0x30, 0x82];
    der.extend(u16::try_from(inner.len()).unwrap().to_be_bytes());
    der.extend(inner);
    der
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(text.as_bytes()).unwrap();
    packer.finish().unwrap()
}

fn attachments(values: &Values) -> [(&'static str, String); 4] {
    let settings = format!(
        "infrastructure_type = \"OnPremises\"\nhostname = \"{}\"\nusername = '{}'\npassword = \"{}\"\n\
         excluded_smtp_domains = [\"{}\"]\ncertificate_thumbprint = \"{}\" # {}\n[endpoint]\nkind = \"exchange\"\n",
        values["settings: host"],
        values["settings: account"],
        values["settings: password"],
        values["settings: excluded domain"],
        values["settings: thumbprint"],
        values["settings: comment"],
    );
    let input = format!(
        "{{\"ref\":\"1\",\"operation\":\"create\",\"attributes\":{{\"EmailAddresses\":[\"{}\"],\"{}\":1}}}}\n",
        values["input: line"].replace("aiko", "\\u0061iko"),
        values["input: key"]
    );
    let output = format!(
        "{{\"type\":\"object\",\"class\":\"UserMailbox\",\"attributes\":{{\"Name\":\"{}\",\"HiddenFromAddressListsEnabled\":false}}}}\n",
        values["output: line"]
    );
    let http = format!(
        "POST {} HTTP/1.1\nAuthorization: {}\nProxy-Authorization: {}\nCookie: {}; domain={}\nWWW-Authenticate: Basic realm=\"{}\"\n\
         Content-Type: application/x-www-form-urlencoded\n\ngrant_type=client_credentials&{}",
        values["http: tenant in url"],
        values["http: bearer token"],
        values["http: basic"],
        values["http: cookie"],
        values["http: domain of a cookie"],
        values["http: realm of a challenge"],
        values["http: client secret"],
    );
    [
        ("settings.toml", settings),
        ("input.jsonl", input),
        ("output.jsonl", output),
        ("06-request.http", http),
    ]
}
