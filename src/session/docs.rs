//! The tag dictionary of a program: asked for, drawn, and its files put in place together.

use super::Session;
use super::deliver::WrittenFile;
use super::fault::output_fault;
use crate::diagnostic::Diagnostic;
use crate::engine::Progress;
use crate::explain::dictionary::Dictionary;
use crate::ir::Program;
use crate::output::atomic::{AtomicFile, AtomicGroup, OutputError};
use crate::output::dictionary::{html, markdown};
use std::io::Write;
use std::path::Path;

impl Session {
    /// What the program defines; coverage and sizes where `with_data`, else no row is read.
    pub fn dictionary(
        &self,
        program: &Program,
        with_data: bool,
        on_progress: &dyn Fn(Progress),
    ) -> Result<Dictionary, Diagnostic> {
        match with_data {
            true => self.with_asker(program, on_progress, |asker| asker.dictionary(true)),
            false => self.with_tables(program, on_progress, |asker| asker.dictionary(false)),
        }
    }

    /// Writes `index.md` and `index.html` into a folder; both appear or none.
    pub fn write_dictionary(
        &self,
        dictionary: &Dictionary,
        folder: &Path,
    ) -> Result<Vec<WrittenFile>, Diagnostic> {
        let lang = self.settings.lang;
        let mut together = AtomicGroup::default();
        let mut files = Vec::new();
        for (name, text) in [("index.md", markdown(dictionary, lang)), ("index.html", html(dictionary, lang))]
        {
            let path = folder.join(name);
            put(&path, &text, &mut together).map_err(|e| output_fault(&e))?;
            files.push(WrittenFile { what: "dictionary", path, rows: 0 });
        }
        together.commit().map_err(|e| output_fault(&e))?;
        Ok(files)
    }
}

fn put(path: &Path, text: &str, together: &mut AtomicGroup) -> Result<(), OutputError> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(text.as_bytes()).map_err(|e| OutputError::new(path, &e))?;
    together.add(file)?;
    Ok(())
}
