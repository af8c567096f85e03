//! CLIXML documents read into values and written again.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::recording::{Content, Recording};

/// Writes each CLIXML document among `files` again as `folder/<name>`.
///
/// The name is the path below the folder that all files share, so that files of one folder keep their plain names, and
/// equal names from several folders do not meet. Other kinds of files are left out, with a note.
///
/// # Errors
///
/// When a document cannot be read, or a file not be written.
pub(crate) fn rewrite(folder: &Path, files: &[PathBuf]) -> Result<()> {
    let shared = shared_folder(files);
    let mut failed = 0_usize;
    for file in files {
        let name = file.strip_prefix(&shared).unwrap_or(file);
        if let Err(error) = rewrite_one(file, &folder.join(name)) {
            eprintln!("{}: {error:#}", file.display());
            failed += 1;
        }
    }
    if failed > 0 {
        bail!("{failed} of {} files could not be rewritten", files.len());
    }
    Ok(())
}

fn rewrite_one(file: &Path, target: &Path) -> Result<()> {
    let recording = Recording::open(file)?;
    match &recording.content {
        Content::Clixml => rewrite_document(&recording.bytes, target),
        Content::Malformed(defect) => bail!("{defect}"),
        other => {
            eprintln!("{}: left out, for it is {}", file.display(), other.kind());
            Ok(())
        }
    }
}

/// Reads the document in `bytes` and writes its values to `target`.
///
/// # Errors
///
/// When `clixml` refuses the document, or the file cannot be written.
pub(crate) fn rewrite_document(bytes: &[u8], target: &Path) -> Result<()> {
    let document = clixml::read_document(bytes)?;
    if let Some(folder) = target.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let written = clixml::write_document(&document.values);
    std::fs::write(target, written).with_context(|| format!("cannot write {}", target.display()))
}

/// Returns the deepest folder that all of `files` are in.
fn shared_folder(files: &[PathBuf]) -> PathBuf {
    let mut folders = files.iter().map(|file| file.parent().unwrap_or_else(|| Path::new("")));
    let Some(first) = folders.next() else { return PathBuf::new() };
    folders.fold(first.to_owned(), |shared, folder| {
        let both = shared.components().zip(folder.components());
        both.take_while(|(one, other)| one == other).map(|(one, _)| one).collect()
    })
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::shared_folder;

    #[track_caller]
    fn check(files: &[&str], expected: &str) {
        let files: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
        assert_eq!(shared_folder(&files), Path::new(expected));
    }

    #[test]
    fn names_are_told_apart_by_as_few_folders_as_possible() {
        check(&["a/b/c.xml"], "a/b");
        check(&["a/b/c.xml", "a/b/d.xml"], "a/b");
        check(&["a/b/c.xml", "a/d/c.xml", "a/d/e/f.xml"], "a");
        check(&["c.xml", "/d/c.xml"], "");
    }
}
