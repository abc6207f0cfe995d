//! Look-ups must be unique by key. That is checked before a run that uses them, and once per version of the files:
//! at a prompt the same table is asked again and again.

use super::Session;
use crate::explain::{Asker, ExplainError};
use crate::ir::print::{self, Lang};
use crate::ir::{Node, Program, SourceId};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// For each look-up, the version in which its keys were found to be unique.
#[derive(Default)]
pub(super) struct Unique {
    versions: Mutex<HashMap<String, String>>,
}

impl Session {
    /// A look-up whose key stands twice would give a row two values.
    pub(super) fn check_unique(&self, asker: &Asker<'_>) -> Result<(), ExplainError> {
        for source in super::looked_up(asker.program) {
            // Keys without a table are each taken once.
            if asker.program.source(source).is_some_and(|s| s.keys_of.is_some()) {
                continue;
            }
            let version = self.version(asker.program, source);
            if let Some((name, version)) = &version
                && self.unique.is_known(name, version)
            {
                continue;
            }
            let samples = asker.doubles(source)?;
            if !samples.is_empty() {
                let entity = asker.program.source_name(source).to_string();
                return Err(ExplainError::DuplicateKeys { entity, samples });
            }
            // Files that changed while they were read are another version.
            if let Some((name, version)) = version
                && self.version(asker.program, source).is_some_and(|(_, now)| now == version)
            {
                self.unique.keep(name, version);
            }
        }
        Ok(())
    }

    /// All that decides a source's keys: its files as they stand on the disk, and how they are read. `None` where
    /// more does: the day of a history, other tables in its `where`.
    fn version(&self, program: &Program, id: SourceId) -> Option<(String, String)> {
        let source = program.source(id)?;
        if source.latest.is_some() || source.copy.is_some() {
            return None;
        }
        let mut alone = true;
        if let Some(filter) = source.filter {
            program.graph.walk(filter, &mut |_, node| match node {
                Node::InSource(_) => alone = false,
                Node::Column { via, .. } => alone &= via.is_empty(),
                _ => {}
            });
        }
        let files = self.engine.files(&source.location).ok().filter(|_| alone)?;
        let filter = source.filter.map(|f| print::expr(program, f, Lang::En));
        let read = (source.key, &source.columns, filter, program.zone.name());
        Some((format!("{} {:?}", source.name, source.location), format!("{read:?} {files:?}")))
    }
}

impl Unique {
    fn is_known(&self, name: &str, version: &str) -> bool {
        let versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        versions.get(name).is_some_and(|known| known == version)
    }

    fn keep(&self, name: String, version: String) {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner).insert(name, version);
    }
}
