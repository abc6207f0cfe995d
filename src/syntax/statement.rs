//! Statements: which one it is, the short definitions, and the commands.

use super::ast::*;
use super::grammar::Rule;
use super::tree::{Builder, Kids, Node};
use crate::diagnostic::{Code, Diagnostic};

impl<'t> Builder<'t, '_> {
    /// The statement that the rule `one` matched.
    pub fn one(&mut self, node: Node<'t>) -> Option<Statement> {
        let mut kids = Kids::of(node);
        let mut meta = Vec::new();
        while let Some(line) = kids.take(Rule::meta) {
            meta.push(self.meta(line)?);
        }
        let node = kids.take(Rule::statement)?;
        let span = self.span(&node);
        let kind = self.statement(Kids::of(node).next()?)?;
        Some(Statement { meta, kind, span })
    }

    fn statement(&mut self, node: Node<'t>) -> Option<StatementKind> {
        let rule = node.as_rule();
        let mut kids = Kids::of(node);
        kids.next()?; // the statement's word
        Some(match rule {
            Rule::timezone => StatementKind::Timezone(self.text_literal(&kids.next()?)),
            Rule::use_file => StatementKind::Use(self.text_literal(&kids.next()?)),
            Rule::source_def => StatementKind::Source(self.source_def(kids)?),
            Rule::param_def => {
                let (name, title) = self.heading(&mut kids)?;
                StatementKind::Param(ParamDef { name, title, value: self.expr(kids.find(Rule::expr)?)? })
            }
            Rule::tag_def => {
                let (name, title) = self.heading(&mut kids)?;
                let entity = self.of_entity(&mut kids)?;
                StatementKind::Tag(TagDef { name, title, entity, value: self.expr(kids.find(Rule::expr)?)? })
            }
            Rule::segment_def => StatementKind::Segment(self.segment_def(kids)?),
            Rule::audience_def => StatementKind::Audience(self.audience_def(kids)?),
            Rule::rfm_def => StatementKind::Rfm(Box::new(self.rfm_def(kids)?)),
            Rule::score_def => StatementKind::Score(Box::new(self.score_def(kids)?)),
            _ => StatementKind::Command(self.command(rule, kids)?),
        })
    }

    /// A definition's name and title.
    pub fn heading(&mut self, kids: &mut Kids<'t>) -> Option<(Ident, Option<Text>)> {
        let name = self.ident(&kids.take(Rule::NAME)?);
        let title = kids.take(Rule::TEXT).map(|t| self.text_literal(&t));
        Some((name, title))
    }

    /// `of accounts`, where it stands.
    pub fn of_entity(&mut self, kids: &mut Kids<'t>) -> Option<Option<Ident>> {
        Some(match kids.take(Rule::of_entity) {
            Some(of) => Some(self.ident(&Kids::of(of).find(Rule::NAME)?)),
            None => None,
        })
    }

    fn segment_def(&mut self, mut kids: Kids<'t>) -> Option<SegmentDef> {
        let (name, title) = self.heading(&mut kids)?;
        let entity = self.of_entity(&mut kids)?;
        let body = match kids.take(Rule::where_clause) {
            Some(clause) => SegmentBody::Where(self.where_clause(clause)?.0),
            None => SegmentBody::Top(Box::new(self.top(kids.find(Rule::top)?)?)),
        };
        Some(SegmentDef { name, title, entity, body })
    }

    fn top(&mut self, node: Node<'t>) -> Option<Top> {
        let span = self.span(&node);
        let mut kids = Kids::of(node);
        let size = kids.find(Rule::NUMBER)?;
        let number = self.number(&size)?;
        let at = self.span(&size);
        let size = match size.as_str().ends_with(['%', '％']) {
            true => TopSize::Share(number, at),
            false => TopSize::Count(number, at),
        };
        let by = self.arith(kids.find(Rule::arith)?)?;
        let mut top = Top { size, by, within: Vec::new(), base: None, span };
        while let Some(kid) = kids.next() {
            let span = self.span(&kid);
            let twice = if kid.as_rule() == Rule::in_base {
                let base = self.base(kid)?;
                top.base.replace(base).is_some()
            } else {
                let twice = !top.within.is_empty();
                for value in Kids::of(kid).all(Rule::arith) {
                    let value = self.arith(value)?;
                    top.within.push(value);
                }
                twice
            };
            if twice {
                self.report(
                    Diagnostic::new(Code::DuplicateClause, "`top` has one `within` and one `in`")
                        .label(span, "a second one"),
                );
            }
        }
        Some(top)
    }

    // ---- commands ----

    fn command(&mut self, rule: Rule, mut kids: Kids<'t>) -> Option<Command> {
        match rule {
            Rule::list => return Some(Command::List),
            Rule::why => {
                let key = self.key(kids.find(Rule::key)?)?;
                return Some(Command::Why { key, segment: self.ident(&kids.find(Rule::NAME)?) });
            }
            Rule::portrait => return Some(Command::Portrait(self.key(kids.find(Rule::key)?)?)),
            Rule::overlap => return Some(Command::Overlap(self.names(kids.find(Rule::names)?))),
            Rule::describe => return Some(Command::Describe(self.path(kids.find(Rule::path)?))),
            Rule::transitions => {
                let tag = self.path(kids.find(Rule::path)?);
                let (from, to) = self.between(kids.find(Rule::between_tail)?)?;
                return Some(Command::Transitions { tag, from, to });
            }
            _ => {}
        }
        let name = self.ident(&kids.find(Rule::NAME)?);
        Some(match rule {
            Rule::show => {
                let limit = match kids.find(Rule::NUMBER) {
                    Some(limit) => Some((self.number(&limit)?, self.span(&limit))),
                    None => None,
                };
                Command::Show { name, limit }
            }
            Rule::count => Command::Count(name),
            Rule::explain => Command::Explain(name),
            Rule::profile => Command::Profile(name),
            Rule::funnel => Command::Funnel(name),
            Rule::diff => {
                let (from, to) = self.between(kids.find(Rule::between_tail)?)?;
                Command::Diff { segment: name, from, to }
            }
            _ => return None,
        })
    }

    /// A key as typed; digits keep their leading zeros.
    fn key(&mut self, node: Node<'t>) -> Option<KeyLiteral> {
        let span = self.span(&node);
        let mut kids = Kids::of(node);
        if let Some(text) = kids.take(Rule::TEXT) {
            return Some(KeyLiteral { value: self.text_literal(&text).value, quoted: true, span });
        }
        let sign = if kids.take(Rule::MINUS).is_some() { "-" } else { "" };
        let written = kids.next()?;
        let digits: String = super::literal::fold(written.as_str()).chars().filter(|c| *c != '_').collect();
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            let message = format!("`{}` is not a key", written.as_str());
            self.error(
                Code::BadNumber,
                span,
                message,
                "a key is a whole number written out, or a text in quotes",
            );
        }
        Some(KeyLiteral { value: format!("{sign}{digits}"), quoted: false, span })
    }
}
