//! Tags and parameters that nobody uses, in scripts that make lists or ask questions.
//!
//! A file that others `use`, and one without audiences and commands, is a library: what it defines is for others.

use super::super::definition::Body;
use super::super::names::list;
use super::super::source::written_path;
use super::super::{Checker, Item};
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::{Command, DefId, Node};
use crate::source::{FileId, Span};
use crate::syntax::ast::{self, StatementKind};
use hashbrown::HashSet;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// A tag that stands for itself is let pass: `portrait` and `profile` show it.
const LET_PASS: usize = 1;
/// More than this are one warning.
const MANY: usize = 8;
/// So many are named in it.
const NAMED: usize = 6;

impl Checker<'_> {
    /// Files that another one `use`s.
    pub(super) fn used_files(&self, scripts: &[ast::Script]) -> BTreeSet<FileId> {
        let named: BTreeMap<PathBuf, FileId> =
            self.map.files().map(|(id, f)| (plain(Path::new(&f.name)), id)).collect();
        let uses = scripts.iter().flat_map(|s| &s.statements).filter_map(|s| match &s.kind {
            StatementKind::Use(path) => {
                let folder = &self.map.get(s.span.file)?.folder;
                named.get(&plain(&folder.join(&path.value))).copied()
            }
            _ => None,
        });
        uses.collect()
    }

    pub(super) fn unused(
        &self,
        commands: &[(Command, Span)],
        libraries: &BTreeSet<FileId>,
    ) -> Vec<Diagnostic> {
        let makes_lists = self.audiences.iter().map(|(_, statement)| statement.span.file);
        let asks = self.commands.iter().map(|(_, span)| span.file);
        let files: BTreeSet<FileId> = makes_lists.chain(asks).filter(|f| !libraries.contains(f)).collect();
        if files.is_empty() {
            return Vec::new();
        }
        let mut found = Vec::new();
        let used = self.used_definitions(commands);
        for file in files {
            found.extend(self.unused_params(file));
            found.extend(self.unused_tags(file, &used));
        }
        found
    }

    fn unused_params(&self, file: FileId) -> Vec<Diagnostic> {
        let here = self.params.iter().filter(|p| p.def.name.span.file == file);
        let all = here.clone().count();
        let paths: Vec<&str> = self.sources.iter().filter_map(|s| written_path(s.def)).collect();
        // The path of a source that nothing reaches was not looked at.
        let in_path = |name: &str| paths.iter().any(|path| path.contains(&format!("{{{name}}}")));
        let idle: Vec<(String, Span)> = here
            .filter(|p| !p.used && !in_path(&p.def.name.text))
            .map(|p| (p.def.name.text.clone(), p.def.name.span))
            .collect();
        if let Some(bloat) = bloat(Code::Unused, "parameters", &idle, all) {
            return vec![bloat.help("take them out, or write them where their values stand now")];
        }
        let unused = |(name, span): &(String, Span)| {
            Diagnostic::new(Code::Unused, format!("nothing uses the parameter `{name}`"))
                .at(*span)
                .help("take it out, or write it where its value stands now")
        };
        idle.iter().map(unused).collect()
    }

    fn unused_tags(&self, file: FileId, used: &HashSet<DefId>) -> Vec<Diagnostic> {
        let mut all = 0;
        let mut idle: Vec<(String, Span)> = Vec::new();
        let models = self.models.iter().map(|(def, _)| def).filter(|def| def.name.span.file == file);
        for def in models {
            all += 1;
            if !self.model_parts(def).iter().any(|(_, id)| used.contains(id)) {
                idle.push((def.name.text.clone(), def.name.span));
            }
        }
        for id in self.definition_ids() {
            let Some(state) = self.state(id).filter(|s| s.on.is_none()) else { continue };
            let (Body::Tag(_) | Body::Score(_), Some(span)) = (state.body, state.span()) else { continue };
            if span.file != file {
                continue;
            }
            all += 1;
            if !used.contains(&id) {
                idle.push((state.name().to_string(), span));
            }
        }
        idle.sort_by_key(|(_, span)| span.start);
        if idle.len() <= LET_PASS {
            return Vec::new();
        }
        if let Some(bloat) = bloat(Code::TagBloat, "tags", &idle, all) {
            let help =
                "take them out, or move what others shall use to a file of its own: `use \"tags.seg\"`";
            return vec![bloat.help(help)];
        }
        let unused = |(name, span): &(String, Span)| {
            let what = match self.item(name) {
                Some(Item::Model(_)) => "tags of the model",
                _ => "tag",
            };
            Diagnostic::new(Code::Unused, format!("nothing uses the {what} `{name}`"))
                .at(*span)
                .help("take it out, or show it: in `columns` of an audience, or with `describe`")
        };
        idle.iter().map(unused).collect()
    }

    /// Definitions whose names stand somewhere. Whatever names one has a node for it.
    fn used_definitions(&self, commands: &[(Command, Span)]) -> HashSet<DefId> {
        let mut used: HashSet<DefId> = HashSet::new();
        for id in self.definition_ids() {
            if self.graph.find(&Node::Definition(id)).is_none() {
                continue;
            }
            let Some(state) = self.state(id) else { continue };
            let base = state.on.map_or(id, |(base, _)| base);
            // The tags of an rfm use each other.
            if matches!(state.body, Body::Rfm(..)) && !self.named.contains(&base) {
                continue;
            }
            used.extend([id, base]);
            if let Body::Part(tag, ..) = state.body {
                used.insert(tag);
            }
        }
        for (command, _) in commands {
            match command {
                Command::Describe { definition } | Command::Funnel { definition } => {
                    used.insert(*definition);
                }
                Command::Transitions { tag, .. } => {
                    used.insert(*tag);
                }
                Command::Model { model } => {
                    let def = self.models.get(*model).map(|(def, _)| *def);
                    used.extend(def.into_iter().flat_map(|d| self.model_parts(d)).map(|(_, id)| id));
                }
                // They show every tag.
                Command::Portrait { .. } | Command::Profile { .. } => used.extend(self.definition_ids()),
                _ => {}
            }
        }
        let on_days: Vec<DefId> =
            used.iter().filter_map(|id| self.state(*id)?.on.map(|(base, _)| base)).collect();
        used.extend(on_days);
        used
    }
}

/// One finding for all of them, where there are many.
fn bloat(code: Code, kind: &str, idle: &[(String, Span)], all: usize) -> Option<Diagnostic> {
    let (_, first) = idle.first().filter(|_| idle.len() > MANY)?;
    let names: Vec<&str> = idle.iter().take(NAMED).map(|(name, _)| name.as_str()).collect();
    let more = idle.len() - names.len();
    Some(
        Diagnostic::new(code, format!("nothing uses {} of the {all} {kind} of this script", idle.len()))
            .at(*first)
            .help(format!("they are {}, and {more} more", list(&names))),
    )
}

/// A path without `.` and without `folder/..`.
fn plain(path: &Path) -> PathBuf {
    let mut found = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(found.components().next_back(), Some(Component::Normal(_))) => {
                found.pop();
            }
            part => found.push(part),
        }
    }
    found
}
