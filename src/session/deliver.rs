//! A run: audiences selected, files and manifests written beside, then all put in place together.

use super::Session;
use super::fault::{fault_of, output_fault};
use crate::diagnostic::{Code, Diagnostic};
use crate::engine::Progress;
use crate::explain::list::{Batches, List};
use crate::explain::{Asker, Selection};
use crate::ir::print::{self, Lang};
use crate::ir::{Audience, Program};
use crate::output::atomic::{AtomicFile, AtomicGroup, NewFolders, OutputError};
use crate::output::list::{List as Written, ListWriter};
use crate::output::manifest::{self, HeldOut, Manifest};
use crate::source::Span;
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
        let targets: Vec<(Span, PathBuf)> =
            audiences.iter().filter_map(|audience| Some((audience.span, target(audience, out)?))).collect();
        self.check_free(program, &targets)?;
        // Dropped last, after all that was written.
        let _folders = NewFolders::of(targets.iter().map(|(_, target)| target.as_path()));
        let deliver = |list: List<'_>| self.delivered(program, list, out);
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

    /// A list must not take the place of what the run reads: with it, the next run would read the list.
    fn check_free(&self, program: &Program, targets: &[(Span, PathBuf)]) -> Result<(), Diagnostic> {
        let each = targets.iter().flat_map(|(span, target)| {
            [target.clone(), manifest::held_out_path(target)].map(|file| (*span, file))
        });
        let there: Vec<(Span, PathBuf)> = each.filter(|(_, file)| file.exists()).collect();
        let opened = program.sources.iter().filter(|s| s.opened && s.copy.is_none() && s.keys_of.is_none());
        for source in opened.filter(|_| !there.is_empty()) {
            let read = self.engine.places(&source.location);
            let taken =
                |(_, file): &&(Span, PathBuf)| file.canonicalize().is_ok_and(|place| read.contains(&place));
            let Some((span, file)) = there.iter().find(taken) else { continue };
            let (file, source) = (file.display(), &source.name);
            let message = format!("{file} is a file of the source `{source}`, which this run reads");
            return Err(Diagnostic::new(Code::CannotWrite, message).at(*span).help("give `to` another path"));
        }
        Ok(())
    }

    /// One audience, its files written and still hidden. Of its rows, the first are left.
    fn delivered(
        &self,
        program: &Program,
        list: List<'_>,
        out: Option<&Path>,
    ) -> Result<(Delivered, AtomicGroup), Diagnostic> {
        let (audience, rows) = (&list.selection.audience, list.selection.rows);
        if let Some(least) = audience.min_size
            && rows < least
        {
            let (name, rows, least) = (&audience.name, group(&rows.to_string()), group(&least.to_string()));
            return Err(Diagnostic::new(
                Code::TooSmall,
                format!("the audience `{name}` has {rows} customers, and its minimum size is {least}"),
            )
            .at(audience.span)
            .help("no file of this run was written"));
        }
        let mut together = AtomicGroup::default();
        let files = match target(audience, out) {
            Some(target) => self.write(program, &list, &target, &mut together)?,
            None => Vec::new(),
        };
        let selection = list.with_first(SHOWN).map_err(|e| fault_of(&e))?;
        Ok((Delivered { selection, files }, together))
    }

    fn write(
        &self,
        program: &Program,
        list: &List<'_>,
        target: &Path,
        together: &mut AtomicGroup,
    ) -> Result<Vec<WrittenFile>, Diagnostic> {
        let span = list.selection.audience.span;
        let written = write_rows(list.sent(), target, span, together)?;
        let mut files = vec![WrittenFile { what: "list", path: target.to_path_buf(), rows: written.rows }];
        let mut held_out = None;
        if let Some(rows) = list.held_out() {
            let path = manifest::held_out_path(target);
            let held = write_rows(rows, &path, span, together)?;
            files.push(WrittenFile { what: "held out", path, rows: held.rows });
            held_out = Some(HeldOut { rows: held.rows, file: held.file });
        }
        let manifest = self.manifest(program, &list.selection, written, held_out);
        let file = write_manifest(&manifest, target, together).map_err(|e| output_fault(&e).at(span))?;
        files.push(file);
        Ok(files)
    }

    fn manifest(
        &self,
        program: &Program,
        selection: &Selection,
        list: Written,
        held_out: Option<HeldOut>,
    ) -> Manifest {
        let mut warnings: Vec<String> =
            program.warnings.iter().map(|w| format!("{}: {}", w.code, w.message)).collect();
        if list.guarded > 0 {
            warnings.push(format!(
                "{} text cells begin like a formula and were led by an apostrophe",
                list.guarded
            ));
        }
        Manifest {
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
        }
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

/// Where an audience's list goes; `out` replaces the script's folder.
fn target(audience: &Audience, out: Option<&Path>) -> Option<PathBuf> {
    let to = audience.to.as_ref()?;
    Some(out.unwrap_or(&to.folder).join(&to.pattern))
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

/// Batches as they are made, into a file that is still hidden. `span`: of the audience.
fn write_rows(
    batches: Batches<'_>,
    target: &Path,
    span: Span,
    together: &mut AtomicGroup,
) -> Result<Written, Diagnostic> {
    let schema = batches.schema().map_err(|e| fault_of(&e))?;
    let failed = |e: OutputError| output_fault(&e).at(span);
    let mut writer = ListWriter::create(target, &schema).map_err(failed)?;
    for batch in batches {
        writer.write(&batch.map_err(|e| fault_of(&e))?).map_err(failed)?;
    }
    writer.finish(together).map_err(failed)
}

fn write_manifest(
    manifest: &Manifest,
    target: &Path,
    together: &mut AtomicGroup,
) -> Result<WrittenFile, OutputError> {
    let path = manifest::manifest_path(target);
    let json = manifest.to_json().map_err(|e| OutputError { path: path.clone(), reason: e.to_string() })?;
    let mut file = AtomicFile::create(&path)?;
    std::io::Write::write_all(&mut file, json.as_bytes()).map_err(|e| OutputError::new(&path, &e))?;
    together.add(file)?;
    Ok(WrittenFile { what: "manifest", path, rows: 0 })
}
