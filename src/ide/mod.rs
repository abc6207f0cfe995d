//! Help while typing: offsets in, plain data out. Editors and the prompt draw it.

mod complete;
mod known;
#[cfg(test)]
mod tests;

pub use complete::{Completion, Kind, complete, source_before, word_start};
pub use known::{Known, KnownColumn, KnownName, KnownSource};
