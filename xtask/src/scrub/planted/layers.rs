//! Everything that can be read out of a fixture, by other means than the scrubber's: the receivers of the protocol crates.

use std::collections::BTreeMap;
use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use psrp::crypto::SessionKey;
use psrp::fragment::Defragmenter;
use psrp::secrecy::ExposeSecret as _;

/// Returns all texts of the files, and all that are packed, cut, encoded or encrypted in them.
pub(super) fn readable(files: &BTreeMap<String, Vec<u8>>, key: &SessionKey) -> String {
    let mut out = String::new();
    let mut streams: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    for (name, bytes) in files {
        if name == "key.pem" {
            continue;
        }
        read(bytes, key, 0, &mut out);
        let text = String::from_utf8_lossy(bytes);
        let side = if name.contains("request") { "request" } else { "response" };
        for part in text
            .split("<rsp:")
            .skip(1)
            .filter(|part| part.starts_with("Stream ") || part.starts_with("Arguments"))
        {
            let packed = part
                .split_once('>')
                .and_then(|(_, rest)| rest.split_once('<'))
                .map(|(packed, _)| packed);
            let bytes = packed.and_then(|packed| STANDARD.decode(packed.trim()).ok());
            streams.entry(side).or_default().extend(bytes.unwrap_or_default());
        }
    }
    for stream in streams.values() {
        let mut defragmenter = Defragmenter::default();
        defragmenter.push(stream).unwrap();
        while let Some(object) = defragmenter.next_object().unwrap() {
            let body = &object.bytes[40..];
            read(body, key, 0, &mut out);
            out.push_str(&clixml::dump::decoded(body).unwrap());
        }
        // What has no end yet.
        out.push_str(&String::from_utf8_lossy(stream.rsplit(|byte| *byte == 0).next().unwrap()));
    }
    out
}

fn read(bytes: &[u8], key: &SessionKey, depth: usize, out: &mut String) {
    let wide = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let text = String::from_utf8_lossy(bytes).into_owned();
    for shifted in [0, 1] {
        let units = bytes.iter().skip(shifted).copied().collect::<Vec<_>>();
        let units = units.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        out.push_str(&String::from_utf16_lossy(&units.collect::<Vec<_>>()));
        out.push('\n');
    }
    out.push_str(&String::from_utf16_lossy(&wide.collect::<Vec<_>>()));
    out.push('\n');
    out.push_str(&text);
    out.push('\n');
    out.push_str(
        &text
            .replace("%40", "@")
            .replace("\\u0061", "a")
            .replace("&#75;", "K")
            .replace("_x0041_", "A"),
    );
    if let Ok(secret) = key.decrypt(bytes) {
        out.push_str(secret.expose_secret());
    }
    let mut unpacked = Vec::new();
    if flate2::read::GzDecoder::new(bytes).read_to_end(&mut unpacked).is_ok() {
        read(&unpacked, key, depth + 1, out);
    }
    if depth > 3 {
        return;
    }
    for token in text.split(|sign: char| !(sign.is_ascii_alphanumeric() || "+/=_-".contains(sign)))
    {
        let hex: Option<Vec<u8>> = (0..token.len() / 2)
            .map(|at| {
                token.get(at * 2..at * 2 + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok())
            })
            .collect();
        let base64 = STANDARD.decode(token).or_else(|_| URL_SAFE_NO_PAD.decode(token));
        for bytes in hex.into_iter().chain(base64.ok()).filter(|bytes| bytes.len() > 3) {
            read(&bytes, key, depth + 1, out);
        }
    }
}
