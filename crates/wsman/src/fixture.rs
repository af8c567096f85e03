//! Recordings as folders that people review and tests replay.
//!
//! ```text
//! fixtures/exchange-2019/enable-remote-mailbox/
//!   session.toml                            what was recorded of what, and the times and outcomes of the exchanges
//!   01-request.xml  01-response.xml  …      envelopes, indented
//!   streams.bin.gz                          what is too long to look at, byte by byte
//! ```
//!
//! Other files of the folder belong to whoever recorded: they are [`attachments`](Fixture::attachments), kept as they are.
//!
//! What surprised: indenting an envelope changes it, so only white space between elements is touched, of which no reader of
//! SOAP may think anything; text keeps every byte. A fixture that is read, written and read again is the same.

mod bulk;
mod layout;
mod manifest;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::bulk::Bulk;
use self::manifest::{Entry, Outcome};
use crate::recording::{RecordedAnswer, RecordedExchange, Recording};

pub use self::layout::indented;
pub use self::manifest::Manifest;

/// A recording and what is told about it.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Fixture {
    /// What was recorded, of what, and when.
    pub manifest: Manifest,
    /// The exchanges.
    pub recording: Recording,
    /// Further files of the folder by their names.
    pub attachments: BTreeMap<String, Vec<u8>>,
}

/// Why a folder is no fixture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FixtureError {
    /// A file or the folder cannot be read or written.
    #[error("cannot use {}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file that has to be there is not.
    #[error("{name} is missing")]
    Missing {
        /// The name of the file.
        name: String,
    },
    /// A file is larger than a fixture may be.
    #[error("{name} is larger than {limit} bytes")]
    TooLarge {
        /// The name of the file.
        name: String,
        /// The limit.
        limit: u64,
    },
    /// A file that has to be text is none.
    #[error("{name} is no UTF-8 text")]
    Text {
        /// The name of the file.
        name: String,
    },
    /// The manifest is no TOML.
    #[error("session.toml is no TOML")]
    Toml(#[source] toml::de::Error),
    /// The manifest lacks something, or has it in another form.
    #[error("session.toml has no proper {key}")]
    Key {
        /// What is missing.
        key: String,
    },
    /// The fixture is of a format that this version does not know.
    #[error("session.toml names format {found}, known is {}", Manifest::FORMAT)]
    Format {
        /// The format that it names.
        found: i64,
    },
    /// An envelope refers to bytes that are not beside it.
    #[error("{name} refers to a part of streams.bin.gz that is not there")]
    Bulk {
        /// The name of the file.
        name: String,
    },
}

/// The largest file of a fixture that is read, in bytes; unpacked, streams may have as many.
const LARGEST_FILE: u64 = 256 << 20;

impl Fixture {
    /// Describes a fixture.
    #[must_use]
    pub fn new(manifest: Manifest, recording: Recording) -> Self {
        Self { manifest, recording, attachments: BTreeMap::new() }
    }

    /// Reads a folder.
    ///
    /// # Errors
    ///
    /// [`FixtureError`], by what is wrong with it.
    pub fn read(folder: &Path) -> Result<Self, FixtureError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| FixtureError::File { path, source }
        };
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(folder).map_err(failed(folder))? {
            let entry = entry.map_err(failed(folder))?;
            let path = entry.path();
            let metadata = entry.metadata().map_err(failed(&path))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !metadata.is_file() {
                continue;
            }
            if metadata.len() > LARGEST_FILE {
                return Err(FixtureError::TooLarge { name, limit: LARGEST_FILE });
            }
            files.insert(name, std::fs::read(&path).map_err(failed(&path))?);
        }
        Self::from_files(files)
    }

    /// Writes a folder, which is made. Envelopes of an earlier recording in it are removed.
    ///
    /// # Errors
    ///
    /// [`FixtureError::File`].
    pub fn write(&self, folder: &Path) -> Result<(), FixtureError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| FixtureError::File { path, source }
        };
        std::fs::create_dir_all(folder).map_err(failed(folder))?;
        let files = self.to_files();
        for entry in std::fs::read_dir(folder).map_err(failed(folder))? {
            let path = entry.map_err(failed(folder))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if is_own(&name) && !files.contains_key(&name) {
                std::fs::remove_file(&path).map_err(failed(&path))?;
            }
        }
        for (name, bytes) in files {
            let path = folder.join(name);
            std::fs::write(&path, bytes).map_err(failed(&path))?;
        }
        Ok(())
    }

    /// Puts a fixture together from its files.
    ///
    /// # Errors
    ///
    /// [`FixtureError`], except [`FixtureError::File`].
    pub fn from_files(mut files: BTreeMap<String, Vec<u8>>) -> Result<Self, FixtureError> {
        let manifest = text(&mut files, MANIFEST)?;
        let (manifest, entries, overhead) = manifest::read(&manifest)?;
        let bulk = match files.remove(BULK) {
            Some(packed) => Bulk::unpack(&packed, LARGEST_FILE)
                .ok_or_else(|| FixtureError::Bulk { name: BULK.to_owned() })?,
            None => Bulk::default(),
        };
        let mut exchanges = Vec::new();
        let digits = digits(entries.len());
        for (index, entry) in entries.into_iter().enumerate() {
            let mut envelope = |kind| {
                let name = file_name(index + 1, digits, kind);
                let laid_out = text(&mut files, &name)?;
                bulk.put_back(&laid_out).ok_or(FixtureError::Bulk { name })
            };
            let request = envelope(REQUEST)?;
            let answer = match entry.outcome {
                Outcome::Envelope(status) => {
                    RecordedAnswer::Envelope { status, envelope: envelope(RESPONSE)? }
                }
                Outcome::Failure(failure) => RecordedAnswer::Failure(failure),
                Outcome::Dropped => RecordedAnswer::Dropped,
            };
            exchanges.push(RecordedExchange::new(entry.sent, entry.answered, request, answer));
        }
        let mut recording = Recording::new(exchanges);
        recording.overhead = overhead;
        files.retain(|name, _| !is_own(name));
        Ok(Self { manifest, recording, attachments: files })
    }

    /// Takes a fixture apart into its files.
    #[must_use]
    pub fn to_files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = self.attachments.clone();
        let mut bulk = Bulk::default();
        let mut entries = Vec::new();
        let digits = digits(self.recording.exchanges.len());
        for (index, exchange) in self.recording.exchanges.iter().enumerate() {
            let mut put = |kind, envelope: &str| {
                let laid_out = bulk.take_out(envelope);
                files.insert(file_name(index + 1, digits, kind), laid_out.into_bytes());
            };
            put(REQUEST, &exchange.request);
            let outcome = match &exchange.answer {
                RecordedAnswer::Envelope { status, envelope } => {
                    put(RESPONSE, envelope);
                    Outcome::Envelope(*status)
                }
                RecordedAnswer::Failure(failure) => Outcome::Failure(failure.clone()),
                RecordedAnswer::Dropped => Outcome::Dropped,
            };
            let verb = verb_of(&exchange.request);
            let whole = |time: Duration| Duration::from_micros(micros(time));
            let (sent, answered) = (whole(exchange.sent), whole(exchange.answered));
            entries.push(Entry { verb, sent, answered, outcome });
        }
        if !bulk.is_empty() {
            files.insert(BULK.to_owned(), bulk.pack());
        }
        let manifest = manifest::write(&self.manifest, &entries, self.recording.overhead);
        files.insert(MANIFEST.to_owned(), manifest.into_bytes());
        files
    }
}

const MANIFEST: &str = "session.toml";
const BULK: &str = "streams.bin.gz";
const REQUEST: &str = "request";
const RESPONSE: &str = "response";

fn file_name(number: usize, digits: usize, kind: &str) -> String {
    format!("{number:0digits$}-{kind}.xml")
}

/// How many digits the numbers of files have.
fn digits(count: usize) -> usize {
    count.to_string().len().max(2)
}

/// Whether a file holds a part of the recording, and is no attachment.
fn is_own(name: &str) -> bool {
    let numbered = name.strip_suffix(".xml").and_then(|stem| stem.split_once('-')).is_some_and(
        |(number, kind)| {
            number.bytes().all(|byte| byte.is_ascii_digit()) && [REQUEST, RESPONSE].contains(&kind)
        },
    );
    numbered || name == MANIFEST || name == BULK
}

fn text(files: &mut BTreeMap<String, Vec<u8>>, name: &str) -> Result<String, FixtureError> {
    let bytes =
        files.remove(name).ok_or_else(|| FixtureError::Missing { name: name.to_owned() })?;
    String::from_utf8(bytes).map_err(|_error| FixtureError::Text { name: name.to_owned() })
}

fn verb_of(request: &str) -> String {
    let facts = crate::facts::envelope_facts(request.as_bytes()).unwrap_or_default();
    let verb = facts.action.as_deref().and_then(|action| action.rsplit('/').next());
    verb.or(facts.body.as_deref()).unwrap_or_default().to_owned()
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::RecordedFailure;

    fn exchange(number: u64, request: &str, answer: RecordedAnswer) -> RecordedExchange {
        let at = |micros| Duration::from_micros(number * 1_000_000 + micros);
        RecordedExchange::new(at(1), at(2), request.to_owned(), answer)
    }

    fn fixture() -> Fixture {
        let long: String = "QUJD".repeat(3_000);
        let envelope = |body: &str| {
            format!("<s:Envelope xmlns:s=\"urn:s\"><s:Body>{body}</s:Body></s:Envelope>")
        };
        let failure = RecordedFailure::new("connect", "no \"way\"\nthere".to_owned());
        let failure = failure.field("host", "ex01").field("port", 80);
        let exchanges = vec![
            exchange(
                0,
                &envelope("<a>x &amp; y</a><b> </b>"),
                RecordedAnswer::Envelope {
                    status: 200,
                    envelope: envelope(&format!("<c n='1'>{long}</c>")),
                },
            ),
            exchange(1, &envelope("<d/>"), RecordedAnswer::Failure(failure)),
            exchange(2, "no xml", RecordedAnswer::Dropped),
        ];
        let mut recording = Recording::new(exchanges);
        recording.overhead = 17;
        let manifest = Manifest {
            scenario: "a \"quoted\" one".to_owned(),
            seed: u64::MAX,
            started: 1_800_000_000,
            command: vec!["import".to_owned(), "--class".to_owned()],
            exit_code: Some(3),
            scrubbed: vec!["addresses".to_owned()],
            ..Manifest::default()
        };
        let mut fixture = Fixture::new(manifest, recording);
        fixture.attachments.insert("output.jsonl".to_owned(), b"{}\n".to_vec());
        fixture
    }

    #[test]
    fn what_was_written_is_read_again() {
        let written = fixture().to_files();
        let read = Fixture::from_files(written.clone()).unwrap();
        assert_eq!(read.manifest, fixture().manifest);
        assert_eq!(read.attachments, fixture().attachments);
        assert_eq!(read.recording.overhead, 17);
        for (read, original) in read.recording.exchanges.iter().zip(fixture().recording.exchanges) {
            assert_eq!((read.sent, read.answered), (original.sent, original.answered));
            assert_eq!(
                read.request.replace(['\n', ' '], ""),
                original.request.replace(['\n', ' '], "")
            );
        }
        assert_eq!(read.recording.exchanges[1].answer, fixture().recording.exchanges[1].answer);
        assert_eq!(read.to_files(), written, "once laid out, nothing changes any more");
    }

    #[test]
    fn long_streams_are_kept_beside() {
        let files = fixture().to_files();
        let response = String::from_utf8(files["01-response.xml"].clone()).unwrap();
        assert_eq!(
            response,
            "<s:Envelope xmlns:s=\"urn:s\">\n  <s:Body>\n    <c n='1'><!--streams.bin.gz 1: 9000 bytes--></c>\n  \
             </s:Body>\n</s:Envelope>\n"
        );
        assert!(files[BULK].len() < 200);
        let read = Fixture::from_files(files).unwrap();
        let RecordedAnswer::Envelope { envelope, .. } = &read.recording.exchanges[0].answer else {
            panic!()
        };
        assert!(envelope.contains(&"QUJD".repeat(3_000)));
    }

    #[track_caller]
    fn refuses(change: impl Fn(&mut BTreeMap<String, Vec<u8>>), expected: &str) {
        let mut files = fixture().to_files();
        change(&mut files);
        assert_eq!(Fixture::from_files(files).unwrap_err().to_string(), expected);
    }

    #[test]
    fn damaged_folders_are_refused() {
        refuses(|files| drop(files.remove("02-request.xml")), "02-request.xml is missing");
        refuses(
            |files| drop(files.remove(BULK)),
            "01-response.xml refers to a part of streams.bin.gz that is not there",
        );
        refuses(
            |files| drop(files.insert(BULK.to_owned(), vec![1, 2])),
            "streams.bin.gz refers to a part of streams.bin.gz that is not there",
        );
        refuses(
            |files| drop(files.insert(MANIFEST.to_owned(), b"format = 2".to_vec())),
            "session.toml names format 2, known is 1",
        );
        refuses(
            |files| drop(files.insert(MANIFEST.to_owned(), b"format = 1".to_vec())),
            "session.toml has no proper seed",
        );
    }
}
