//! The text of scripts: files by id, byte spans, lines and columns.

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// A file (or a line typed at a prompt) that text came from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct FileId(pub u32);

/// A range of bytes in one file. `start..end`, end excluded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    pub file: FileId,
    pub start: u32,
    pub end: u32,
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}..{}", self.file.0, self.start, self.end)
    }
}

impl Span {
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        Span { file, start: clip(start), end: clip(end) }
    }

    /// The smallest span that holds both; of `self`'s file.
    pub fn to(self, other: Span) -> Span {
        if self.file != other.file {
            return self;
        }
        Span { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The empty span at the end of this one.
    pub fn end_point(self) -> Span {
        Span { start: self.end, ..self }
    }

    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

fn clip(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// One piece of source text with where it came from.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// As it is shown to people: the path as it was given, or `<command line>`, `<prompt>`.
    pub name: String,
    /// The folder that relative paths in the text start from.
    pub folder: PathBuf,
    pub text: Arc<str>,
    line_starts: Arc<[u32]>,
}

impl SourceFile {
    /// Line and column, both from 1; the column counts characters.
    pub fn position(&self, offset: u32) -> (usize, usize) {
        let line = self.line_starts.partition_point(|&start| start <= offset).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0) as usize;
        let end = (offset as usize).min(self.text.len());
        let column = self.text.get(start..end).map_or(0, |s| s.chars().count());
        (line, column + 1)
    }
}

/// Every text that a session has read.
#[derive(Clone, Default, Debug)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    pub fn add(&mut self, name: impl Into<String>, folder: impl AsRef<Path>, text: &str) -> FileId {
        let mut line_starts = vec![0u32];
        line_starts.extend(text.match_indices('\n').map(|(i, _)| clip(i + 1)));
        self.files.push(SourceFile {
            name: name.into(),
            folder: folder.as_ref().to_path_buf(),
            text: text.into(),
            line_starts: line_starts.into(),
        });
        FileId(clip(self.files.len() - 1))
    }

    pub fn get(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(id.0 as usize)
    }

    /// The text under a span; empty where the span is of no known file.
    pub fn text(&self, span: Span) -> &str {
        self.get(span.file).and_then(|f| f.text.get(span.range())).unwrap_or("")
    }

    pub fn files(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files.iter().enumerate().map(|(i, f)| (FileId(clip(i)), f))
    }
}

/// A path without `folder/..` in it, for people to read: `bank/data` for `bank/portrait/../data`. Where a link makes
/// that another place, the path stays as it was.
pub fn tidy(path: &Path) -> PathBuf {
    let mut short = PathBuf::new();
    for part in path.components() {
        match (part, short.components().next_back()) {
            (Component::ParentDir, Some(Component::Normal(_))) => {
                short.pop();
            }
            _ => short.push(part),
        }
    }
    let elsewhere = match (path.canonicalize(), short.canonicalize()) {
        (Ok(there), Ok(here)) => there != here,
        (there, here) => there.is_ok() != here.is_ok(),
    };
    if elsewhere || short.as_os_str().is_empty() { path.to_path_buf() } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_without_detours() {
        let tidied = |path: &str| tidy(Path::new(path)).display().to_string();
        assert_eq!(tidied("no/such/../data/x.csv"), "no/data/x.csv");
        assert_eq!(tidied("no/./such/../../x"), "x");
        assert_eq!(tidied("../no/x"), "../no/x");
        assert_eq!(tidied("../../x/../y"), "../../y");
        assert_eq!(tidied("/no/../x"), "/x");
        assert_eq!(tidied("no/.."), "no/..");
        assert_eq!(tidied("<prompt>"), "<prompt>");
    }

    #[cfg(unix)]
    #[test]
    fn behind_a_link_a_detour_leads_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("real/inner")).unwrap();
        std::os::unix::fs::symlink(at("real/inner"), at("link")).unwrap();
        std::fs::write(at("real/x"), "").unwrap();
        assert_eq!(tidy(&at("link/../x")), at("link/../x"));
        assert_eq!(tidy(&at("real/inner/../x")), at("real/x"));
    }
}
