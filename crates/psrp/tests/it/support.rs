//! Recordings, and what is needed to read them.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use psrp::PipelineId;
use psrp::fragment::{FRAGMENT_HEADER_LEN, FragmentHeader};
use psrp::message::Message;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

/// A source of randomness that gives the same every time.
pub(crate) fn rng(seed: u64) -> Box<StdRng> {
    Box::new(StdRng::seed_from_u64(seed))
}

/// The fragments of a recorded pipeline as they are under our id of it, for ours are drawn anew.
pub(crate) fn readdressed(mut bytes: Vec<u8>, id: PipelineId) -> Vec<u8> {
    let mut at = 0;
    while let Some((header, _)) = bytes[at..].split_first_chunk::<FRAGMENT_HEADER_LEN>() {
        let header = FragmentHeader::from_bytes(header).unwrap();
        let message = at + FRAGMENT_HEADER_LEN;
        if header.start {
            bytes[message + 24..message + 40].copy_from_slice(&id.to_wire());
        }
        at = message + usize::try_from(header.blob_len).unwrap();
    }
    bytes
}

/// The folder of the recordings, or `None` when there is none here.
pub(crate) fn recordings() -> Option<PathBuf> {
    let folder = std::env::var_os("EXCHANGE_TEST_DATA").map_or_else(
        || {
            Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/realdata"))
                .to_path_buf()
        },
        PathBuf::from,
    );
    if folder.join("EXPECTED.json").exists() {
        return Some(folder);
    }
    println!("skipped: no recordings at {}", folder.display());
    None
}

pub(crate) fn text(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn json(path: impl AsRef<Path>) -> Json {
    serde_json::from_str(&text(path)).unwrap()
}

pub(crate) fn base64(text: &str) -> Vec<u8> {
    let compact: String = text.split_whitespace().collect();
    BASE64.decode(compact).unwrap()
}

/// Compares a message with what an independent parser found, and decodes its body.
#[track_caller]
pub(crate) fn check_message(object: &psrp::fragment::CompleteObject, expected: &Json) {
    let message = Message::from_bytes(object.bytes.clone()).unwrap();
    let data = &object.bytes[40..];
    assert_eq!(expected["object_id"].as_u64(), Some(object.object_id.get()));
    assert_eq!(expected["fragments"].as_u64(), Some(object.fragments));
    let code = format!("0x{:08x}", message.message_type.code());
    assert_eq!(expected["type"].as_str().unwrap().to_lowercase(), code);
    assert_eq!(expected["name"].as_str(), message.message_type.name());
    assert_eq!(expected["rpid"], message.pool.uuid().to_string());
    assert_eq!(expected["pid"], message.pipeline.uuid().to_string());
    assert_eq!(expected["data_len"].as_u64(), u64::try_from(data.len()).ok());
    assert_eq!(expected["data_sha256"], hex(&Sha256::digest(data)));
    let bom = if expected["bom"] == true { 3 } else { 0 };
    assert_eq!(message.body.len() + bom, data.len());
    if let Err(error) = psrp::Body::decode(&message) {
        panic!("{}: {error:?}", message.message_type);
    }
}

/// Leaves the versions of assemblies out, which tell the engine's own edition.
pub(crate) fn without_versions(xml: &str) -> String {
    let mut shown = String::new();
    let mut rest = xml;
    while let Some((before, after)) = rest.split_once("Version=") {
        shown.push_str(before);
        rest = after.split_once("PublicKeyToken=").unwrap().1.split_at(16).1;
    }
    (shown + rest).replace("System.Private.CoreLib", "mscorlib")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
