//! What an entry answers: a definition is introduced, a command asked, a name or a bare expression explained.

use super::core::{Repl, TYPED};
use super::print::SAMPLE;
use super::words::Msg;
use crate::check::literal_value;
use crate::diagnostic::{Code, Diagnostics};
use crate::explain::Answer;
use crate::ir::{Command, DefId, DefinitionKind, Source};
use crate::session::Entered;
use crate::source::FileId;
use crate::syntax::{LexemeKind, lexemes, parse};
use crate::types::Type;
use std::path::Path;

/// Members that are shown with a new segment.
const MEMBERS: usize = 5;
/// The name under which a bare expression is asked for.
const IT: &str = "it";

impl Repl {
    /// Runs text of the language.
    pub fn entry(&mut self, text: &str) {
        if let Some(name) = lone_name(text)
            && self.introduce_name(&name)
        {
            return;
        }
        match self.as_expression(text) {
            Some(tag) => self.expression(text, &tag),
            None => {
                self.enter(text);
            }
        }
    }

    /// Adds text and answers it.
    fn enter(&mut self, text: &str) {
        let file = self.next_file();
        let mut entered = self.watched(|session| session.enter(TYPED, Path::new(""), text));
        let checked = std::mem::replace(
            &mut entered.checked,
            crate::session::Checked { program: None, diagnostics: Vec::new() },
        );
        if self.take(checked) {
            self.introduce(&entered, file);
        }
    }

    fn next_file(&self) -> FileId {
        FileId(u32::try_from(self.session.sources().files().count()).unwrap_or(u32::MAX))
    }

    fn introduce(&mut self, entered: &Entered, file: FileId) {
        let Some(program) = &self.program else { return };
        let here = |span: crate::source::Span| span.file == file;
        let named = |ids: &[DefId]| -> Vec<String> {
            ids.iter().filter_map(|id| program.definition(*id)).map(|d| d.name.clone()).collect()
        };
        let tags = named(&entered.tags);
        let sources: Vec<String> =
            program.sources.iter().filter(|s| here(s.span)).map(|s| s.name.clone()).collect();
        let params: Vec<String> =
            program.params.iter().filter(|p| here(p.span)).map(|p| p.name.clone()).collect();
        let zone = program.zone.name().to_string();
        let defined =
            entered.segments.len() + tags.len() + entered.audiences.len() + sources.len() + params.len();
        if defined == 0 && entered.commands.is_empty() {
            self.note(Msg::Timezone, &[&zone]);
        }
        for source in &sources {
            self.source(source);
        }
        for param in &params {
            self.param(param);
        }
        if defined == 1 {
            entered.segments.iter().for_each(|id| self.segment(*id));
            entered.tags.iter().for_each(|id| self.tag(*id));
            entered.audiences.iter().for_each(|name| self.preview(name));
        } else {
            // A pasted script: an overview, out of one pass.
            if !tags.is_empty() {
                self.note(Msg::Defined, &[&tags.join(", ")]);
            }
            if !entered.segments.is_empty() {
                let segments = entered.segments.clone();
                let counts = self.busy(|session, program, on| session.counts(program, &segments, on));
                for count in counts.into_iter().flatten() {
                    self.answer(&Answer::Count(count));
                }
            }
            if !entered.audiences.is_empty() {
                self.note(Msg::DefinedAudiences, &[&entered.audiences.join(", ")]);
            }
        }
        // Counts that follow each other come out of one pass.
        let count = |command: &Command| matches!(command, Command::Count { .. });
        for group in entered.commands.chunk_by(|a, b| count(a) && count(b)) {
            if group.len() == 1 || !self.counts(group) {
                group.iter().for_each(|command| self.ask(command));
            }
        }
    }

    /// Asks for several counts at once; whether that was possible: where one of them fails, each is asked for itself.
    fn counts(&mut self, commands: &[Command]) -> bool {
        let segments: Vec<DefId> = commands
            .iter()
            .filter_map(|c| if let Command::Count { segment } = c { Some(*segment) } else { None })
            .collect();
        let counts = self.busy(|session, program, on| match session.counts(program, &segments, on) {
            Err(d) if d.code != Code::Interrupted => Ok(None),
            counts => counts.map(Some),
        });
        match counts {
            Some(Some(counts)) => counts.into_iter().for_each(|count| self.answer(&Answer::Count(count))),
            Some(None) => return false,
            None => {}
        }
        true
    }

    pub fn ask(&mut self, command: &Command) {
        if let Some(answer) = self.busy(|session, program, on| session.ask(program, command, on)) {
            self.answer(&answer);
        }
    }

    fn segment(&mut self, id: DefId) {
        if let Some(answer) = self.busy(|session, program, on| session.introduce(program, id, MEMBERS, on)) {
            self.answer(&Answer::Explain(answer));
        }
    }

    fn tag(&mut self, id: DefId) {
        self.ask(&Command::Describe { definition: id });
    }

    /// An audience without its files: nothing that leaves the house is written by a definition.
    fn preview(&mut self, name: &str) {
        let Some(audience) = self.program.as_ref().and_then(|p| p.find_audience(name)).cloned() else {
            return;
        };
        let selected = self.busy(|session, program, on| {
            session.with_asker(program, on, |asker| asker.select(&[&audience], SAMPLE))
        });
        for selection in selected.into_iter().flatten() {
            self.audience(&selection, &[]);
            match &audience.to {
                Some(to) => {
                    let target = to.folder.join(&to.pattern).display().to_string();
                    self.note(Msg::NotWritten, &[name, &target]);
                }
                None => self.note(Msg::NoTarget, &[]),
            }
        }
    }

    /// A source in two lines: what a row is, and the columns. It is opened for that.
    fn source(&mut self, name: &str) {
        let Some(program) = &self.program else { return };
        let Some(source) = program.sources.iter().find(|s| s.name == name) else { return };
        let columns: Vec<String> = if source.opened {
            source.columns.iter().map(|c| described(&c.name, &c.ty)).collect()
        } else {
            match self.session.columns(program, name) {
                Ok(found) => {
                    self.known.set_columns(name, &found);
                    found.columns.iter().map(|c| described(&c.name, &c.ty)).collect()
                }
                Err(d) => return self.report(&[d]),
            }
        };
        let kind = self.kind_of(source);
        let text = self.say(Msg::Columns, &[&columns.join(", ")]);
        self.out(&match kind {
            Some(kind) => format!("{kind} · {text}"),
            None => format!("{name} · {text}"),
        });
    }

    fn kind_of(&self, source: &Source) -> Option<String> {
        let program = self.program.as_ref().filter(|_| source.opened)?;
        let key = source.key.and_then(|k| source.column(k));
        Some(match (key, source.is_events()) {
            (Some(key), _) => self.say(Msg::SourceEntity, &[&source.name, &key.name]),
            (None, true) => {
                let owners: Vec<&str> = source.of.iter().map(|o| program.source_name(o.entity)).collect();
                self.say(Msg::SourceEvents, &[&source.name, &owners.join(", ")])
            }
            (None, false) => self.say(Msg::SourceList, &[&source.name]),
        })
    }

    pub fn param(&mut self, name: &str) {
        let value = self.program.as_ref().and_then(|p| p.params.iter().find(|p| p.name == name));
        if let Some(value) = value.map(|p| literal_value(&p.value).to_string()) {
            let text = self.say(Msg::Set, &[name, &value]);
            self.out(&text);
        }
    }

    /// A name alone is a wish to see it; whether there is such a name.
    fn introduce_name(&mut self, name: &str) -> bool {
        let Some(program) = &self.program else { return false };
        if program.sources.iter().any(|s| s.name == name) {
            self.source(name);
        } else if let Some((id, d)) = program.find_definition(name) {
            match d.kind {
                DefinitionKind::Segment => self.segment(id),
                DefinitionKind::Tag => self.tag(id),
            }
        } else if program.find_audience(name).is_some() {
            self.preview(name);
        } else if program.params.iter().any(|p| p.name == name) {
            self.param(name);
        } else {
            return false;
        }
        true
    }

    /// The text as a tag, where it reads as an expression and as nothing else.
    fn as_expression(&self, text: &str) -> Option<String> {
        let reads = |text: &str| {
            let mut diagnostics = Diagnostics::default();
            let script = parse(FileId(u32::MAX), text, &mut diagnostics);
            (!diagnostics.has_errors()).then_some(script.statements.len())
        };
        let taken =
            self.session.written_as(TYPED).iter().any(|(_, text)| text.starts_with(&format!("tag {IT} ")));
        let free = self.names().iter().all(|n| n != IT) || taken || self.it_is_segment();
        let tag = format!("tag {IT} = {}", text.trim().trim_end_matches([';', '；']));
        (free && reads(text).is_none() && reads(&tag) == Some(1)).then_some(tag)
    }

    fn it_is_segment(&self) -> bool {
        self.session.written_as(TYPED).iter().any(|(_, text)| text.starts_with(&format!("segment {IT} ")))
    }

    /// A bare expression is a tag called `it`, a bare condition a segment.
    fn expression(&mut self, text: &str, tag: &str) {
        let entered = self.watched(|session| session.enter(TYPED, Path::new(""), tag));
        let condition = entered
            .checked
            .program
            .as_ref()
            .is_some_and(|p| p.find_definition(IT).is_some_and(|(_, d)| d.ty == Type::Bool));
        if condition {
            return self.enter(&format!("segment {IT} where {}", text.trim()));
        }
        let ids = entered.tags.clone();
        if self.take(entered.checked) {
            ids.iter().for_each(|id| self.tag(*id));
        }
    }
}

fn described(name: &str, ty: &Type) -> String {
    format!("{name} ({})", ty.noun())
}

/// The one name that an entry is, if it is one.
fn lone_name(text: &str) -> Option<String> {
    let tokens = lexemes(text.trim().trim_end_matches([';', '；']));
    match tokens.as_slice() {
        [one] if matches!(one.kind, LexemeKind::Word | LexemeKind::QuotedName) => {
            Some(one.text.trim_matches('`').to_string())
        }
        _ => None,
    }
}
