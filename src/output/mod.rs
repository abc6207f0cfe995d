//! What leaves a run: audience files with their manifests, and answers as tables, JSON and CSV.
//!
//! Nothing here prints: everything is written to a given writer or returned as text. Files are written beside
//! their target and renamed onto it, so that no reader meets half of one.

pub mod answers;
pub mod atomic;
mod csv;
pub mod dictionary;
pub mod list;
pub mod manifest;
mod plain;
pub mod rows;
pub mod style;
pub mod table;
pub mod writers;

pub use atomic::{AtomicFile, AtomicGroup, Finished, OutputError};
pub use manifest::Manifest;
pub use rows::{RowFormat, write_rows};
pub use style::{Palette, Style};
pub use table::{Align, Cell, TableOptions, table};
pub use writers::{BatchWriter, Contents, Format};
