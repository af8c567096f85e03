//! What an import leaves behind for the next one, so that it can tell changes alone.
//!
//! A file of JSON Lines: the first says what the import was asked for and how far it came, each other names one object by
//! its GUID, when the server says it was changed, and a digest of what was told about it. The next import lists the keys
//! of all objects, reads those whose time is another one, and tells those whose digest is another one. What the list does
//! not show any more is deleted. So no date is compared with another clock than its own, and nothing rests on how a
//! server reads a date in a filter.
//!
//! Times of change are whole seconds and each domain controller's own. An object that was changed shortly before the
//! import may have been changed again within the same second, so its time is not kept; and where another domain
//! controller answers, all times are other ones. Both cost a read, and the digest keeps it from being told.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::change::ObjectChange;
use crate::error::RequestError;

/// What the imports with one state file know.
pub(super) struct State {
    path: PathBuf,
    /// What the import is asked for; another request cannot go on from the same state.
    scope: String,
    /// What earlier imports told and this one has not seen yet.
    earlier: HashMap<Uuid, Known>,
    /// What this one has seen.
    now: HashMap<Uuid, Known>,
    /// How many objects earlier imports left.
    size: usize,
    /// Whether only changes are read.
    is_delta: bool,
    /// Whether a smaller number of objects is believed however small it is.
    is_full: bool,
}

/// What is known of one object.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Known {
    id: Uuid,
    /// When it was changed, as the server prints it; `None` when that does not prove anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    changed: Option<String>,
    /// A digest of its class and attributes.
    told: String,
}

/// The first line.
#[derive(Deserialize, Serialize)]
struct Header {
    format: u32,
    scope: String,
    cursor: String,
    objects: u64,
}

impl State {
    /// Reads the state that an earlier import left, if there is one.
    ///
    /// # Errors
    ///
    /// [`RequestError::State`] when there is a file that is no such state, or cannot be read. Whoever asks for everything can
    /// do without, but a file that never was a state is not overwritten.
    pub(super) fn load(path: &Path, scope: &str, is_full: bool) -> Result<Self, RequestError> {
        let mut state = Self {
            path: path.to_owned(),
            scope: scope.to_owned(),
            earlier: HashMap::new(),
            now: HashMap::new(),
            size: 0,
            is_delta: false,
            is_full,
        };
        let read = match File::open(path) {
            Ok(file) => read(BufReader::new(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(state),
            Err(error) => Err(error),
        };
        let (header, objects) = match read {
            Ok(read) => read,
            Err(_) if is_full && !is_foreign(path) => return Ok(state),
            Err(_) if is_full => return Err(RequestError::Foreign { path: path.to_owned() }),
            Err(source) => {
                return Err(RequestError::State {
                    path: path.to_owned(),
                    reason: source.to_string(),
                });
            }
        };
        if header.scope != scope {
            tracing::warn!(
                "the state was left by another request or other settings; everything is read"
            );
            return Ok(state);
        }
        state.size = objects.len();
        state.earlier = objects;
        state.is_delta = !is_full;
        Ok(state)
    }

    /// Whether only changes are read.
    pub(super) fn is_delta(&self) -> bool {
        self.is_delta
    }

    /// Takes the key of an object: whether nothing needs to be read of it.
    pub(super) fn is_unchanged(&mut self, id: Uuid, changed: &str) -> bool {
        if !self.is_delta || changed.is_empty() {
            return false;
        }
        match self.earlier.entry(id) {
            Entry::Occupied(known) if known.get().changed.as_deref() == Some(changed) => {
                self.now.insert(id, known.remove());
                true
            }
            _ => false,
        }
    }

    /// Takes an object that was read: whether it is to be told.
    pub(super) fn is_news(&mut self, id: Uuid, changed: &str, change: &ObjectChange) -> bool {
        let told = digest(change);
        let before = self.earlier.remove(&id);
        let is_news = !self.is_delta || before.is_none_or(|known| known.told != told);
        let changed = Some(changed.to_owned()).filter(|changed| !changed.is_empty());
        self.now.insert(id, Known { id, changed, told });
        is_news
    }

    /// The objects that are gone, in a fixed order, or why so many cannot be believed.
    pub(super) fn gone(&mut self) -> Result<Vec<Uuid>, String> {
        let gone = self.earlier.len();
        if !self.is_full && self.size >= FEW && gone > self.size / 2 {
            return Err(format!(
                "{gone} of the {} objects of the last import are gone, which is more than half; if that is so, --full \
                 takes it over",
                self.size
            ));
        }
        let mut ids: Vec<_> = std::mem::take(&mut self.earlier).into_keys().collect();
        ids.sort_unstable();
        Ok(ids)
    }
}

/// The state for the next import.
pub(super) struct Unwritten {
    state: State,
    cursor: String,
    newest: Option<OffsetDateTime>,
}

impl Unwritten {
    /// `newest` is a time by the server's clock that is not after the import began.
    pub(super) fn new(state: State, cursor: String, newest: Option<OffsetDateTime>) -> Self {
        Self { state, cursor, newest }
    }

    /// Writes it beside its place.
    pub(super) fn write(self) -> io::Result<Written> {
        let Self { state, cursor, newest } = self;
        let settled = newest.and_then(|newest| newest.checked_sub(UNSETTLED));
        let mut temporary = state.path.clone().into_os_string();
        temporary.push(".new");
        let written = Written { temporary: temporary.into(), path: state.path };
        let file = File::create(&written.temporary)?;
        let mut out = BufWriter::new(&file);
        let objects = u64::try_from(state.now.len()).unwrap_or(u64::MAX);
        write_line(&mut out, &Header { format: FORMAT, scope: state.scope, cursor, objects })?;
        let mut known: Vec<_> = state.now.into_values().collect();
        known.sort_unstable_by_key(|known| known.id);
        for mut known in known {
            known.changed = known.changed.filter(|changed| is_before(changed, settled));
            write_line(&mut out, &known)?;
        }
        out.flush()?;
        drop(out);
        file.sync_all()?;
        Ok(written)
    }
}

/// A state that is on the disk, but not yet in its place.
pub(super) struct Written {
    temporary: PathBuf,
    path: PathBuf,
}

impl Written {
    /// Puts it in the place of the earlier one.
    pub(super) fn commit(self) -> io::Result<()> {
        std::fs::rename(&self.temporary, &self.path)
    }
}

/// What a request and its settings come down to.
pub(super) fn scope(parts: impl IntoIterator<Item = String>) -> String {
    let parts: Vec<_> = parts.into_iter().collect();
    hexadecimal(&Sha256::digest(parts.join("\n")))
}

fn digest(change: &ObjectChange) -> String {
    let text = serde_json::to_vec(change).unwrap_or_default();
    let hash = Sha256::digest(text);
    hexadecimal(hash.get(..16).unwrap_or_default())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_before(changed: &str, settled: Option<OffsetDateTime>) -> bool {
    let changed = OffsetDateTime::parse(changed, &Rfc3339).ok();
    changed.zip(settled).is_some_and(|(changed, settled)| changed < settled)
}

fn write_line(out: &mut impl io::Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

fn read(file: BufReader<File>) -> io::Result<(Header, HashMap<Uuid, Known>)> {
    let mut lines = file.lines();
    let first = lines.next().ok_or_else(|| invalid("it is empty"))??;
    let header: Header = serde_json::from_str(&first)?;
    if header.format != FORMAT {
        return Err(invalid("it was written by another version"));
    }
    let mut objects = HashMap::new();
    for line in lines {
        let known: Known = serde_json::from_str(&line?)?;
        objects.insert(known.id, known);
    }
    if u64::try_from(objects.len()) != Ok(header.objects) {
        return Err(invalid("it is cut off"));
    }
    Ok((header, objects))
}

/// Whether a file begins otherwise than a state, or a piece of one, does.
fn is_foreign(path: &Path) -> bool {
    let mut begins = [0; HEADER.len()];
    let read = File::open(path).and_then(|mut file| file.read(&mut begins));
    !read.is_ok_and(|length| begins.get(..length) == HEADER.as_bytes().get(..length))
}

fn invalid(problem: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

const FORMAT: u32 = 1;

/// How every state begins.
const HEADER: &str = "{\"format\":";

/// Of fewer objects any number may be gone.
const FEW: usize = 20;

/// How long before an import a change has to lie for its time to prove anything: clocks that work together differ by five
/// minutes at most.
const UNSETTLED: time::Duration = time::Duration::minutes(10);
