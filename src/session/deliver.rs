//! A run: audiences selected, files and manifests written beside, then all put in place together.

use super::Session;
use super::fault::{fault_of, output_fault};
use crate::diagnostic::{Code, Diagnostic};
use crate::engine::Progress;
use crate::explain::{Asker, Selection};
use crate::ir::print::{self, Lang};
use crate::ir::{Audience, Program};
use crate::output::atomic::{AtomicFile, AtomicGroup, OutputError};
use crate::output::list::write_list;
use crate::output::manifest::{self, HeldOut, Manifest};
use crate::value::group;
use chrono::{DateTime, SecondsFormat, Utc};
use std::path::{Path, PathBuf};

/// Rows of a delivered audience that can still be shown.
const SHOWN: usize = 100;

/// One audience as it was delivered.
#[derive(Debug)]
pub struct Delivered {
    pub selection: Selection,
    pub files: Vec<WrittenFile>,
}

/// A file that a run wrote.
#[derive(Clone, Debug)]
pub struct WrittenFile {
    /// `list`, `held out`, `manifest`.
    pub what: &'static str,
    pub path: PathBuf,
    pub rows: u64,
}

impl Session {
    /// Selects audiences and writes their files; `out` replaces the folder that relative targets start from.
    /// Either all files appear or none.
    pub fn deliver(
        &self,
        program: &Program,
        audiences: &[&Audience],
        out: Option<&Path>,
        on_progress: &dyn Fn(Progress),
    ) -> Result<Vec<Delivered>, Diagnostic> {
        let deliver = |selection| self.delivered(program, selection, out);
        let work = |asker: &Asker<'_>| asker.select_each(audiences, &deliver);
        let mut together = AtomicGroup::default();
        let mut delivered = Vec::new();
        for one in self.with_asker(program, on_progress, work)? {
            let (one, files) = one?;
            together.join(files).map_err(|e| output_fault(&e).at(one.selection.audience.span))?;
            delivered.push(one);
        }
        together.commit().map_err(|e| output_fault(&e))?;
        Ok(delivered)
    }

    /// One audience, its files written and still hidden. Of its rows, the first are left.
    fn delivered(
        &self,
        program: &Program,
        mut selection: Selection,
        out: Option<&Path>,
    ) -> Result<(Delivered, AtomicGroup), Diagnostic> {
        if let Some(least) = selection.audience.min_size
            && selection.rows < least
        {
            let (name, rows) = (&selection.audience.name, group(&selection.rows.to_string()));
            let least = group(&least.to_string());
            return Err(Diagnostic::new(
                Code::TooSmall,
                format!("the audience `{name}` has {rows} customers, and its minimum size is {least}"),
            )
            .at(selection.audience.span)
            .help("no file of this run was written"));
        }
        let mut together = AtomicGroup::default();
        let files = match &selection.audience.to {
            Some(to) => {
                let target = out.unwrap_or(&to.folder).join(&to.pattern);
                let written = self.write(program, &selection, &target, &mut together);
                written.map_err(|e| output_fault(&e).at(selection.audience.span))?
            }
            None => Vec::new(),
        };
        selection.keep_first(SHOWN).map_err(|e| fault_of(&e))?;
        Ok((Delivered { selection, files }, together))
    }

    fn write(
        &self,
        program: &Program,
        selection: &Selection,
        target: &Path,
        together: &mut AtomicGroup,
    ) -> Result<Vec<WrittenFile>, OutputError> {
        let list = write_list(target, &selection.columns, together)?;
        let mut files = vec![WrittenFile { what: "list", path: target.to_path_buf(), rows: list.rows }];
        let mut held_out = None;
        if let Some(columns) = &selection.held_out {
            let path = manifest::held_out_path(target);
            let held = write_list(&path, columns, together)?;
            files.push(WrittenFile { what: "held out", path, rows: held.rows });
            held_out = Some(HeldOut { rows: held.rows, file: held.file });
        }
        let mut warnings: Vec<String> =
            program.warnings.iter().map(|w| format!("{}: {}", w.code, w.message)).collect();
        if list.guarded > 0 {
            warnings.push(format!(
                "{} text cells begin like a formula and were led by an apostrophe",
                list.guarded
            ));
        }
        let manifest = Manifest {
            segue: env!("CARGO_PKG_VERSION").to_string(),
            audience: selection.audience.name.clone(),
            title: selection.audience.title.clone(),
            segment: program.definition(selection.audience.segment).map_or(String::new(), |d| d.name.clone()),
            script: self.script(),
            as_of: program.as_of.text(&program.zone),
            zone: program.zone.name().to_string(),
            params: params(program),
            made_at: self.settings.now.to_rfc3339_opts(SecondsFormat::Secs, true),
            sources: self.manifest_sources(program),
            waterfall: selection
                .waterfall
                .iter()
                .map(|s| manifest::Step {
                    step: s.step.to_string(),
                    rule: s.rule.clone(),
                    remaining: s.remaining,
                    lost: s.lost,
                    undecided: s.undecided,
                })
                .collect(),
            rows: selection.rows,
            held_out,
            arms: selection
                .arms
                .iter()
                .map(|a| manifest::Arm { arm: a.arm.clone(), share: a.share, rows: a.rows })
                .collect(),
            file: list.file,
            columns: list.columns,
            notes: selection
                .audience
                .notes
                .iter()
                .map(|(name, value)| manifest::Note { name: name.clone(), value: value.clone() })
                .collect(),
            warnings,
        };
        let path = manifest::manifest_path(target);
        let json = manifest.to_json().map_err(|e| failed(&path, e.to_string()))?;
        let mut file = AtomicFile::create(&path)?;
        std::io::Write::write_all(&mut file, json.as_bytes()).map_err(|e| OutputError::new(&path, &e))?;
        together.add(file)?;
        files.push(WrittenFile { what: "manifest", path, rows: 0 });
        Ok(files)
    }

    fn script(&self) -> manifest::Script {
        let files = self.loaded.files.iter();
        let files = files.map(|f| manifest::ScriptFile { name: f.name.clone(), sha256: f.sha256.clone() });
        manifest::Script { files: files.collect() }
    }

    fn manifest_sources(&self, program: &Program) -> Vec<manifest::Source> {
        let opened = program.sources.iter().filter(|s| s.opened && s.copy.is_none());
        opened
            .map(|s| {
                // An entity of keys has no files but its events'.
                let files = match s.keys_of {
                    Some(_) => Vec::new(),
                    None => self.engine.files(&s.location).unwrap_or_default(),
                };
                let newest = files.iter().map(|f| f.modified).max();
                manifest::Source {
                    name: s.name.clone(),
                    pattern: print::origin(program, s, Lang::En),
                    files: files.len() as u64,
                    bytes: files.iter().map(|f| f.size).sum(),
                    newest: newest
                        .map(|t| DateTime::<Utc>::from(t).to_rfc3339_opts(SecondsFormat::Secs, true)),
                }
            })
            .collect()
    }
}

fn params(program: &Program) -> Vec<manifest::Param> {
    let all = program.params.iter();
    all.map(|p| manifest::Param {
        name: p.name.clone(),
        value: crate::check::literal_value(&p.value).plain(),
        overridden: p.overridden,
    })
    .collect()
}

fn failed(path: &Path, reason: String) -> OutputError {
    OutputError { path: path.to_path_buf(), reason }
}
