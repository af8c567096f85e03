//! Citations of specifications agree with one table of sections.
//!
//! A citation is `[MS-PSRP] 2.2.4 Packet Fragment` in a doc comment: document, number and title. Numbers alone rot, so
//! each cited section stands in `xtask/spec-sections.txt`, a line each, and number and title have to match it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::process::workspace;

/// Titles by document and number.
type Sections = BTreeMap<(String, String), String>;

/// Checks all citations in `crates/`.
///
/// # Errors
///
/// When one does not agree with the table, naming file and line.
pub(crate) fn check() -> Result<()> {
    let root = workspace();
    let table = root.join("xtask/spec-sections.txt");
    let sections =
        read_table(&std::fs::read_to_string(&table).with_context(|| table.display().to_string())?)?;
    let (mut checked, mut found) = (0, Vec::new());
    for file in sources(&root.join("crates"))? {
        let source = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let shown = file.strip_prefix(&root).unwrap_or(&file).display().to_string();
        for (line, citation) in citations(&source) {
            checked += 1;
            found.extend(
                defect(&citation, &sections).map(|defect| format!("{shown}:{line}: {defect}")),
            );
        }
    }
    if !found.is_empty() {
        bail!("{}", found.join("\n"));
    }
    eprintln!("spec: {checked} citations agree with {} sections", sections.len());
    Ok(())
}

/// A citation: document, number, and the text that follows.
#[derive(Debug, Eq, PartialEq)]
struct Citation {
    document: String,
    number: String,
    rest: String,
}

fn read_table(table: &str) -> Result<Sections> {
    let mut sections = Sections::new();
    for line in table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut words = line.splitn(3, ' ');
        let (Some(document), Some(number), Some(title)) =
            (words.next(), words.next(), words.next())
        else {
            bail!("a section without document, number and title: {line}");
        };
        if sections.insert((document.to_owned(), number.to_owned()), title.to_owned()).is_some() {
            bail!("{document} {number} stands there twice");
        }
    }
    Ok(sections)
}

/// Finds the citations of a source file, each with the number of its line.
fn citations(source: &str) -> Vec<(usize, Citation)> {
    let lines: Vec<&str> = source.lines().map(comment).collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        // A title may run on into the next line.
        let next = lines.get(index + 1).copied().unwrap_or_default();
        for (start, _) in line.match_indices("[MS-") {
            let text = format!("{} {next}", line.get(start..).unwrap_or_default());
            found.extend(citation(&text).map(|citation| (index + 1, citation)));
        }
    }
    found
}

/// Returns the text of a comment line, nothing for code.
fn comment(line: &str) -> &str {
    line.trim_start()
        .strip_prefix("//")
        .map(|text| text.trim_start_matches(['/', '!']).trim())
        .unwrap_or_default()
}

fn citation(text: &str) -> Option<Citation> {
    let (document, rest) = text.strip_prefix('[')?.split_once(']')?;
    let (number, rest) = rest.strip_prefix(' ')?.split_once(' ')?;
    let is_number = number.starts_with(|sign: char| sign.is_ascii_digit())
        && number.chars().all(|sign| sign.is_ascii_digit() || sign == '.');
    let rest = rest.split_whitespace().collect::<Vec<_>>().join(" ");
    is_number.then(|| Citation { document: document.to_owned(), number: number.to_owned(), rest })
}

fn defect(citation: &Citation, sections: &Sections) -> Option<String> {
    let Citation { document, number, rest } = citation;
    let Some(title) = sections.get(&(document.clone(), number.clone())) else {
        return Some(format!("[{document}] {number} is not in xtask/spec-sections.txt"));
    };
    let agrees = rest
        .strip_prefix(title.as_str())
        .is_some_and(|after| !after.starts_with(char::is_alphanumeric));
    (!agrees).then(|| format!("[{document}] {number} is titled `{title}`, not `{rest:.60}`"))
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut folders, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::{citations, defect, read_table};

    #[track_caller]
    fn check(source: &str, expected: &[&str]) {
        let sections =
            read_table("# comment\nMS-PSRP 2.2.4 Packet Fragment\nMS-PSRP 2.2.5.1.1 String\n")
                .unwrap();
        let defects: Vec<_> = citations(source)
            .iter()
            .filter_map(|(_, citation)| defect(citation, &sections))
            .collect();
        assert_eq!(defects, expected);
    }

    #[test]
    fn number_and_title_have_to_agree() {
        check("/// Spec: [MS-PSRP] 2.2.4 Packet Fragment.", &[]);
        check("//! See [MS-PSRP] 2.2.4 Packet\n//! Fragment, and [MS-PSRP] 2.2.5.1.1 String.", &[]);
        check(
            "// [MS-PSRP] 2.2.4 Packet Fragments",
            &["[MS-PSRP] 2.2.4 is titled `Packet Fragment`, not `Packet Fragments`"],
        );
        check("/// [MS-PSRP] 2.2.5 Types", &["[MS-PSRP] 2.2.5 is not in xtask/spec-sections.txt"]);
    }

    #[test]
    fn links_and_code_are_no_citations() {
        check("/// [MS-PSRP]: https://example.org/1\nlet a = \"[MS-PSRP] 9.9 Nothing\";", &[]);
    }
}
