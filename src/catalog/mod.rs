//! What a source offers: its columns with their types. Filled by the engine, read by the checker.

use crate::types::Type;
use std::path::PathBuf;

/// Where a source's files are: the text of the script (parameters replaced) and the folder it is relative to.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Location {
    pub pattern: String,
    pub folder: PathBuf,
}

/// The columns of a source as its files have them, in the files' order.
#[derive(Clone, PartialEq, Debug)]
pub struct TableSchema {
    pub columns: Vec<TableColumn>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct TableColumn {
    pub name: String,
    /// The type as the language sees it; an instant without a zone is `Local`.
    pub ty: Type,
    /// The type as the file has it, for messages (`Timestamp(µs)`).
    pub stored: String,
}

impl TableSchema {
    pub fn column(&self, name: &str) -> Option<(usize, &TableColumn)> {
        self.columns.iter().enumerate().find(|(_, c)| c.name == name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|c| c.name.as_str())
    }
}

/// Why a source could not be opened. The checker turns it into a finding at the source's statement.
#[derive(Clone, PartialEq, Debug)]
pub enum CatalogError {
    /// No file matches; the full path that was looked for.
    Missing { looked_for: String },
    /// A file cannot be read as what its ending says.
    Unreadable { file: String, reason: String },
    /// The ending says no known format.
    UnknownFormat { file: String },
    /// Two files of the source have one column with types that do not widen.
    FilesDiffer { column: String, first: (String, String), second: (String, String) },
}

/// Opens sources. The engine is the one implementation; tests have another.
pub trait Catalog {
    /// The columns of the source at `location`. Reads footers and samples, never whole files.
    /// The columns in `as_text` are delivered as they are written where a format has no types (CSV, NDJSON), so
    /// that `column x as decimal(18,2)` is not read through a float; elsewhere the list changes nothing.
    fn table(&self, location: &Location, as_text: &[String]) -> Result<TableSchema, CatalogError>;
}
