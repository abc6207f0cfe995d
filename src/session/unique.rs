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

#[cfg(test)]
mod tests {
    use crate::diagnostic::{Code, Diagnostic};
    use crate::engine::EngineOptions;
    use crate::ir::print::Lang;
    use crate::session::{Session, Settings};
    use chrono::{DateTime, Utc};
    use std::path::Path;

    const SCRIPT: &str = "source people   from \"people.csv\"   key id link branch_id -> branches\n\
         source branches from \"branches.csv\" key branch_id CLAUSES\n\
         segment north where branch.region = \"north\"\n";

    fn session(folder: &Path, clauses: &str) -> Session {
        let now: DateTime<Utc> = "2026-11-01T00:00:00Z".parse().unwrap();
        let engine = EngineOptions { threads: Some(1), ..EngineOptions::default() };
        let settings = Settings { engine, as_of: None, now, set: Vec::new(), strict: false, lang: Lang::En };
        let mut session = Session::new(settings).unwrap();
        session.load_text("test.seg", folder, &SCRIPT.replace("CLAUSES", clauses));
        session
    }

    /// Asks for the segment: how many are in it.
    fn members(session: &Session) -> Result<u64, Diagnostic> {
        let program = session.check().program.unwrap();
        let (segment, _) = program.find_definition("north").unwrap();
        Ok(session.counts(&program, &[segment], &|_| {})?.first().unwrap().members)
    }

    fn known(session: &Session) -> Vec<String> {
        session.unique.versions.lock().unwrap().values().cloned().collect()
    }

    fn write(folder: &Path, branches: &str) {
        std::fs::write(folder.join("people.csv"), "id,branch_id\n1,10\n2,20\n").unwrap();
        std::fs::write(folder.join("branches.csv"), branches).unwrap();
    }

    #[test]
    fn a_table_is_looked_through_once_for_each_version() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "branch_id,region,since\n10,north,2026-01-01\n20,south,2026-01-01\n");
        let session = session(folder.path(), "");
        assert_eq!(members(&session).unwrap(), 1);
        let first = known(&session);
        assert_eq!(first.len(), 1);
        assert_eq!(members(&session).unwrap(), 1);
        assert_eq!(known(&session), first, "the same files");

        // A key stands twice now: what was found before does not hold, and nothing new is kept.
        write(
            folder.path(),
            "branch_id,region,since\n10,north,2026-01-01\n20,south,2026-01-01\n20,north,2026-01-01\n",
        );
        assert_eq!(members(&session).unwrap_err().code, Code::DuplicateKey);
        assert_eq!(known(&session), first);
        write(folder.path(), "branch_id,region,since\n10,north,2026-01-01\n20,north,2026-01-01\n");
        assert_eq!(members(&session).unwrap(), 2);
        assert_ne!(known(&session), first, "another version");
    }

    #[test]
    fn how_a_table_is_read_is_part_of_its_version() {
        let folder = tempfile::tempdir().unwrap();
        write(
            folder.path(),
            "branch_id,region,since\n10,north,2026-01-01\n10,south,2026-01-02\n20,south,2026-01-01\n",
        );
        let version = |clauses: &str| {
            let session = session(folder.path(), clauses);
            let found = members(&session);
            (found.map_err(|d| d.code), known(&session))
        };
        let (faulty, none) = version("");
        assert_eq!((faulty, none.len()), (Err(Code::DuplicateKey), 0));
        let (found, north) = version("where region = \"north\"");
        assert_eq!((found, north.len()), (Ok(1), 1));
        let (found, south) = version("where since < 2026-01-02");
        assert_eq!((found, south.len()), (Ok(1), 1));
        assert_ne!(north, south);
        // What depends on the day, or on other tables, is looked through each time.
        assert_eq!(version("latest by since"), (Ok(0), Vec::new()));
        assert_eq!(
            version("where since < 2026-01-02 and branch_id in (people.branch_id)"),
            (Ok(1), Vec::new())
        );
    }
}
