//! Commands: questions, with their names resolved.

use super::{Checker, Item};
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::{Command, DefId};
use crate::source::Span;
use crate::syntax::ast;

/// Rows that `show` prints where nothing is said.
const DEFAULT_LIMIT: usize = 20;

impl Checker<'_> {
    pub(super) fn check_commands(&mut self) -> Vec<(Command, Span)> {
        let all = self.commands.clone();
        all.into_iter().filter_map(|(command, span)| Some((self.command(command, span)?, span))).collect()
    }

    fn command(&mut self, command: &ast::Command, span: Span) -> Option<Command> {
        Some(match command {
            ast::Command::Show { name, limit } => {
                let limit = match limit {
                    Some((n, at)) => usize::try_from(self.whole(*n, *at, 1)?).ok()?,
                    None => DEFAULT_LIMIT,
                };
                Command::Show { segment: self.asked_segment(name)?, limit }
            }
            ast::Command::Count(name) => Command::Count { segment: self.asked_segment(name)? },
            ast::Command::Explain(name) => Command::Explain { segment: self.asked_segment(name)? },
            ast::Command::Why { key, segment } => {
                Command::Why { key: key.value.clone(), segment: self.asked_segment(segment)? }
            }
            ast::Command::Portrait(key) => Command::Portrait { key: key.value.clone() },
            ast::Command::Describe(path) => match (path.parts.as_slice(), self.model_tag(path)) {
                (_, Some(tag)) => {
                    let definition = self.definition_named(&tag)?;
                    self.define(definition)?;
                    Command::Describe { definition }
                }
                ([name], None) if matches!(self.item(&name.text), Some(Item::Model(_))) => {
                    let Some(Item::Model(model)) = self.item(&name.text) else { return None };
                    Command::Model { model }
                }
                ([model, part], None) if matches!(self.item(&model.text), Some(Item::Model(_))) => {
                    self.no_such_part(model, Some(part));
                    return None;
                }
                ([name], None) => {
                    let definition = self.definition_named(name)?;
                    self.define(definition)?;
                    Command::Describe { definition }
                }
                ([name, rest @ ..], None) if matches!(self.item(&name.text), Some(Item::Definition(_))) => {
                    let tag = self.definition_named(name)?;
                    Command::Describe { definition: self.part_named(tag, rest)? }
                }
                _ => {
                    self.error(
                        Diagnostic::new(
                            Code::WrongKind,
                            "`describe` takes the name of a tag or of a segment",
                        )
                        .at(path.span),
                    );
                    return None;
                }
            },
            ast::Command::List => Command::List,
            ast::Command::Profile(name) => Command::Profile { segment: self.asked_segment(name)? },
            ast::Command::Overlap(names) => Command::Overlap { segments: self.overlapping(names, span)? },
            ast::Command::Funnel(name) => Command::Funnel { definition: self.funnel_of(name)? },
            ast::Command::Diff { segment, from, to } => {
                let segment = self.asked_segment(segment)?;
                let (from, to) = self.between_days(segment, from, to)?;
                Command::Diff { segment, from, to }
            }
            ast::Command::Transitions { tag, from, to } => {
                let tag = self.tag_at(tag)?;
                self.define(tag)?;
                let (from, to) = self.between_days(tag, from, to)?;
                Command::Transitions { tag, from, to }
            }
        })
    }

    /// Segments that can be laid over each other: two or more, each once, of one entity.
    fn overlapping(&mut self, names: &[ast::Ident], span: Span) -> Option<Vec<DefId>> {
        let mut found: Vec<DefId> = Vec::new();
        let mut good = true;
        for name in names {
            let Some(segment) = self.asked_segment(name) else {
                good = false;
                continue;
            };
            if found.contains(&segment) {
                let message = format!("`{}` stands twice", name.text);
                self.error(Diagnostic::new(Code::DuplicateName, message).at(name.span));
                good = false;
            }
            let first = found.first().and_then(|first| self.entity_of(*first));
            if let (Some(first), Some(entity)) = (first, self.entity_of(segment))
                && first != entity
            {
                let (a, b) = (self.source_name(first).to_string(), self.source_name(entity).to_string());
                let message = format!("`{}` is of {b}, the first segment of {a}", name.text);
                self.error(
                    Diagnostic::new(Code::TwoEntities, message)
                        .at(name.span)
                        .help("only segments of one entity have members in common"),
                );
                good = false;
            }
            found.push(segment);
        }
        if good && found.len() < 2 {
            self.error(
                Diagnostic::new(Code::MissingClause, "`overlap` needs two segments or more")
                    .at(span)
                    .help("`overlap high_value, sleeping`"),
            );
            return None;
        }
        good.then_some(found)
    }

    /// A segment. An audience is not one: its steps decide who is sent to, and only a run takes them.
    pub(super) fn asked_segment(&mut self, name: &ast::Ident) -> Option<DefId> {
        if let Some(Item::Audience(index)) = self.item(&name.text)
            && let Some(from) = self.audiences.get(index).and_then(|(def, _)| def.from.clone())
        {
            self.error(
                Diagnostic::new(Code::WrongKind, format!("`{}` is an audience, not a segment", name.text))
                    .at(name.span)
                    .help(format!(
                        "ask about its segment, `{}`; a run of the audience shows its steps and its list",
                        from.text
                    )),
            );
            return None;
        }
        let segment = self.segment_named(name)?;
        self.define(segment)?;
        Some(segment)
    }
}
