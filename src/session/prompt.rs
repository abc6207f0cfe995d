//! What a prompt needs beyond `enter`: files that come in whole or not at all, and sources looked into early.

use super::{Checked, Session};
use crate::catalog::{Catalog, CatalogError, Location, TableSchema};
use crate::check::literal_value;
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::Program;
use crate::source::Span;
use crate::syntax::ast::{SourceClause, SourceDef, SourceFrom, Statement, StatementKind};
use std::path::PathBuf;

impl Session {
    /// Loads scripts where they check; where they do not, the session stays as it was (but for the text, which
    /// findings point into). Their commands are not asked; how many there were comes back.
    pub fn load_checked(&mut self, paths: &[PathBuf]) -> (Checked, usize) {
        let before = self.loaded.clone();
        for path in paths {
            self.load(path);
        }
        self.settle(before)
    }

    /// Reads the files again, and after them what was typed, each text with its name. Where that does not check,
    /// the session stays as it was.
    pub fn reload(&mut self, paths: &[PathBuf], typed: &[(String, PathBuf, String)]) -> (Checked, usize) {
        let before = self.loaded.clone();
        let map = std::mem::take(&mut self.loaded.map);
        self.loaded = super::Loaded::default();
        self.loaded.map = map;
        for path in paths {
            self.load(path);
        }
        for (name, folder, text) in typed {
            self.load_text(name, folder, text);
            self.loaded.replace_with_last();
        }
        self.settle(before)
    }

    fn settle(&mut self, before: super::Loaded) -> (Checked, usize) {
        let checked = self.check();
        match &checked.program {
            Some(program) => {
                let commands = program.commands.len();
                self.loaded.drop_commands();
                (checked, commands)
            }
            None => {
                let map = std::mem::take(&mut self.loaded.map);
                self.loaded = before;
                self.loaded.map = map;
                (checked, 0)
            }
        }
    }

    /// The definitions that came in under this name and still hold, in the order given, as written (with their
    /// metadata lines).
    pub fn written_as(&self, name: &str) -> Vec<(&Statement, String)> {
        let statements = self.loaded.scripts.iter().flat_map(|s| &s.statements);
        statements
            .filter(|s| self.loaded.map.get(s.span.file).is_some_and(|f| f.name == name))
            .map(|s| {
                let meta = s.meta.iter().map(|m| self.loaded.map.text(m.span));
                let lines: Vec<&str> = meta.chain([self.loaded.map.text(s.span)]).collect();
                (s, lines.join("\n"))
            })
            .collect()
    }

    /// The columns of a source that nothing reaches yet.
    pub fn columns(&self, program: &Program, source: &str) -> Result<TableSchema, Diagnostic> {
        let Some(def) = self.source_def(source) else {
            return Err(Diagnostic::new(Code::UnknownName, format!("no source is named `{source}`")));
        };
        let text = match &def.from {
            SourceFrom::Location(text) => text,
            // Its one column is that of the events which holds the keys.
            SourceFrom::KeysOf(events) => {
                let of = self.source_def(&events.text);
                let of = of.filter(|of| matches!(of.from, SourceFrom::Location(_)));
                let Some(by) = of.and_then(|of| of.owner_columns(source).next()) else {
                    return Ok(TableSchema { columns: Vec::new() });
                };
                let mut found = self.columns(program, &events.text)?;
                found.columns.retain(|c| c.name == by.text);
                return Ok(found);
            }
        };
        let folder = self.loaded.map.get(text.span.file).map(|f| f.folder.clone()).unwrap_or_default();
        let mut pattern = text.value.replace("{as_of}", &program.as_of.text(&program.zone).replace(':', ""));
        for param in &program.params {
            pattern = pattern.replace(&format!("{{{}}}", param.name), &literal_value(&param.value).plain());
        }
        let as_text = def.overruled();
        let location = Location { pattern, folder };
        self.engine.table(&location, &as_text).map_err(|e| unopened(source, &e, text.span))
    }

    fn source_def(&self, name: &str) -> Option<&SourceDef> {
        self.loaded.scripts.iter().flat_map(|s| &s.statements).find_map(|s| match &s.kind {
            StatementKind::Source(def) if def.name.text == name => Some(def),
            _ => None,
        })
    }

    /// Columns that hold personal values: those declared `pii`, and keys. What is compared with them is no matter
    /// for a history file.
    pub fn personal_columns(&self) -> Vec<String> {
        let mut names = Vec::new();
        for statement in self.loaded.scripts.iter().flat_map(|s| &s.statements) {
            let StatementKind::Source(def) = &statement.kind else { continue };
            for clause in &def.clauses {
                match clause {
                    SourceClause::Pii(columns, _) => names.extend(columns.iter().map(|c| c.text.clone())),
                    SourceClause::Key(by, _) | SourceClause::Of { by, .. } => names.push(by.text.clone()),
                    _ => {}
                }
            }
        }
        names
    }
}

fn unopened(source: &str, error: &CatalogError, span: Span) -> Diagnostic {
    let (code, message) = match error {
        CatalogError::Missing { looked_for } => (Code::SourceMissing, format!("no file is at {looked_for}")),
        CatalogError::Unreadable { file, reason } => {
            (Code::SourceUnreadable, format!("{file} cannot be read: {reason}"))
        }
        CatalogError::UnknownFormat { file } => {
            (Code::UnknownFormat, format!("the ending of {file} names no known format"))
        }
        CatalogError::FilesDiffer { column, .. } => {
            (Code::FilesDiffer, format!("the files of {source} differ in the type of `{column}`"))
        }
    };
    Diagnostic::new(code, message).at(span)
}
