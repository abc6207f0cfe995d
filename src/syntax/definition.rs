//! Definitions that take clauses: sources, audiences, rfm and scores.

use super::ast::*;
use super::grammar::Rule;
use super::tree::{Builder, Kids, Node};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;

/// Clauses that stand once: the ones seen so far, by the words that name them.
#[derive(Default)]
struct Seen(Vec<(String, Span)>);

impl<'t> Builder<'t, '_> {
    /// Reports a clause that stands a second time.
    fn once(&mut self, seen: &mut Seen, words: &str, span: Span) -> bool {
        let first = seen.0.iter().find(|(w, _)| w == words).map(|(_, span)| *span);
        let Some(first) = first else {
            seen.0.push((words.to_string(), span));
            return true;
        };
        self.report(
            Diagnostic::new(Code::DuplicateClause, format!("`{words}` stands twice"))
                .label(span, "the second")
                .related(first, "the first"),
        );
        false
    }

    // ---- source ----

    pub fn source_def(&mut self, mut kids: Kids<'t>) -> Option<SourceDef> {
        let (name, title) = self.heading(&mut kids)?;
        kids.take(Rule::FROM)?;
        let from = kids.next()?;
        let from = match from.as_rule() {
            Rule::TEXT => SourceFrom::Location(self.text_literal(&from)),
            _ => SourceFrom::KeysOf(self.ident(&Kids::of(from).find(Rule::NAME)?)),
        };
        let mut clauses = Vec::new();
        let mut seen = Seen::default();
        while let Some(clause) = kids.take(Rule::source_clause) {
            let clause = self.source_clause(Kids::of(clause).next()?)?;
            let single = match &clause {
                SourceClause::Key(_, span) => Some(("key", *span)),
                SourceClause::LatestBy(_, span) => Some(("latest by", *span)),
                SourceClause::Where(_, span) => Some(("where", *span)),
                SourceClause::Consent(_, span) => Some(("consent", *span)),
                _ => None,
            };
            if single.is_none_or(|(words, span)| self.once(&mut seen, words, span)) {
                clauses.push(clause);
            }
        }
        Some(SourceDef { name, title, from, clauses })
    }

    fn source_clause(&mut self, node: Node<'t>) -> Option<SourceClause> {
        let span = self.span(&node);
        let rule = node.as_rule();
        if rule == Rule::where_clause {
            let (condition, span) = self.where_clause(node)?;
            return Some(SourceClause::Where(condition, span));
        }
        let mut kids = Kids::of(node);
        Some(match rule {
            Rule::key_clause => SourceClause::Key(self.one_key(kids.find(Rule::names)?)?, span),
            Rule::of_clause => {
                let entity = self.ident(&kids.find(Rule::NAME)?);
                SourceClause::Of { entity, by: self.ident(&kids.find(Rule::NAME)?), span }
            }
            Rule::at_clause => {
                let mut names = self.names(kids.find(Rule::names)?).into_iter();
                let time = names.next()?;
                SourceClause::At { time, ties: names.collect(), utc: kids.take(Rule::UTC).is_some(), span }
            }
            Rule::link_clause => {
                let column = self.ident(&kids.find(Rule::NAME)?);
                let target = self.ident(&kids.find(Rule::NAME)?);
                let name = match kids.take(Rule::as_name) {
                    Some(name) => Some(self.ident(&Kids::of(name).find(Rule::NAME)?)),
                    None => None,
                };
                SourceClause::Link { column, target, name, span }
            }
            Rule::latest_clause => SourceClause::LatestBy(self.ident(&kids.find(Rule::NAME)?), span),
            Rule::fixed_clause => SourceClause::Fixed(self.names(kids.find(Rule::names)?), span),
            Rule::pii_clause => SourceClause::Pii(self.names(kids.find(Rule::names)?), span),
            Rule::consent_clause => SourceClause::Consent(self.names(kids.find(Rule::names)?), span),
            Rule::column_clause => {
                let column = self.ident(&kids.find(Rule::NAME)?);
                let as_type = self.type_name(kids.find(Rule::type_name)?)?;
                SourceClause::Column { column, as_type, span }
            }
            _ => return None,
        })
    }

    /// The column of a key. Several are read only to say what to do.
    fn one_key(&mut self, names: Node<'t>) -> Option<Ident> {
        let mut columns = self.names(names).into_iter();
        let key = columns.next()?;
        if let Some(more) = columns.map(|c| c.span).reduce(Span::to) {
            self.report(
                Diagnostic::new(Code::Syntax, "a key is one column")
                    .at(more)
                    .help("make one column of them where the file is made: a text such as \"12-0042\""),
            );
        }
        Some(key)
    }

    fn type_name(&mut self, node: Node<'t>) -> Option<TypeName> {
        let span = self.span(&node);
        let mut kids = Kids::of(node);
        let name = self.ident(&kids.next()?);
        let arguments = kids.all(Rule::NUMBER).map(|n| self.whole(&n, "a type's size")).collect();
        Some(TypeName { name, arguments, span })
    }

    // ---- audience ----

    pub fn audience_def(&mut self, mut kids: Kids<'t>) -> Option<AudienceDef> {
        let (name, title) = self.heading(&mut kids)?;
        let from = match kids.take(Rule::from_name) {
            Some(from) => Some(self.base(from)?),
            None => None,
        };
        let mut clauses = Vec::new();
        let mut seen = Seen::default();
        while let Some(clause) = kids.take(Rule::audience_clause) {
            let clause = self.audience_clause(Kids::of(clause).next()?)?;
            let single = match &clause {
                AudienceClause::Limit { span, .. } => Some(("limit", *span)),
                AudienceClause::Control { span, .. } => Some(("control", *span)),
                AudienceClause::Split { span, .. } => Some(("split", *span)),
                AudienceClause::Columns(_, span) => Some(("columns", *span)),
                AudienceClause::To(_, span) => Some(("to", *span)),
                AudienceClause::Plain { word, span, .. } => Some((word.text.as_str(), *span)),
                AudienceClause::MinSize(_, span) => Some(("min size", *span)),
                _ => None,
            };
            if single.is_none_or(|(words, span)| self.once(&mut seen, words, span)) {
                clauses.push(clause);
            }
        }
        Some(AudienceDef { name, title, from, clauses })
    }

    fn audience_clause(&mut self, node: Node<'t>) -> Option<AudienceClause> {
        let span = self.span(&node);
        let rule = node.as_rule();
        let mut kids = Kids::of(node);
        Some(match rule {
            Rule::require_clause => AudienceClause::Require(self.exprs(kids)?, span),
            Rule::exclude_clause => AudienceClause::Exclude(self.exprs(kids)?, span),
            Rule::cap_clause => {
                let most = self.number(&kids.find(Rule::NUMBER)?)?;
                let window = self.cap_window(kids.find(Rule::cap_window)?)?;
                AudienceClause::Cap { most, window, source: self.ident(&kids.find(Rule::NAME)?), span }
            }
            Rule::limit_clause => {
                let most = self.number(&kids.find(Rule::NUMBER)?)?;
                let by = match kids.find(Rule::arith) {
                    Some(by) => Some(self.arith(by)?),
                    None => None,
                };
                AudienceClause::Limit { most, by, span }
            }
            Rule::control_clause => {
                let share = self.number(&kids.find(Rule::NUMBER)?)?;
                AudienceClause::Control { share, salt: self.salt(&mut kids)?, span }
            }
            Rule::split_clause => {
                kids.take(Rule::SPLIT)?;
                let mut arms = Vec::new();
                while let Some(kid) = kids.next() {
                    match kid.as_rule() {
                        Rule::arm => {
                            let mut parts = Kids::of(kid);
                            let name = self.ident(&parts.next()?);
                            arms.push((name, self.number(&parts.next()?)?));
                        }
                        Rule::salt => {
                            let salt = Some(self.text_literal(&Kids::of(kid).find(Rule::TEXT)?));
                            return Some(AudienceClause::Split { arms, salt, span });
                        }
                        _ => {}
                    }
                }
                AudienceClause::Split { arms, salt: None, span }
            }
            Rule::columns_clause => {
                AudienceClause::Columns(kids.all(Rule::path).map(|p| self.path(p)).collect(), span)
            }
            Rule::to_clause => AudienceClause::To(self.text_literal(&kids.find(Rule::TEXT)?), span),
            Rule::plain_clause => {
                let word = self.word(&kids.next()?);
                AudienceClause::Plain { word, value: self.value(kids.next()?)?, span }
            }
            Rule::min_size => AudienceClause::MinSize(self.number(&kids.find(Rule::NUMBER)?)?, span),
            _ => return None,
        })
    }

    fn exprs(&mut self, kids: Kids<'t>) -> Option<Vec<Expr>> {
        kids.all(Rule::expr).map(|e| self.expr(e)).collect()
    }

    fn salt(&mut self, kids: &mut Kids<'t>) -> Option<Option<Text>> {
        Some(match kids.take(Rule::salt) {
            Some(salt) => Some(self.text_literal(&Kids::of(salt).find(Rule::TEXT)?)),
            None => None,
        })
    }

    /// `in 30 days`, `in last 30 days`, `in this month`
    fn cap_window(&mut self, node: Node<'t>) -> Option<Window> {
        let span = self.span(&node);
        let mut kids = Kids::of(node);
        kids.take(Rule::IN)?;
        kids.take(Rule::LAST);
        let node = kids.next()?;
        let kind = match node.as_rule() {
            Rule::duration => WindowKind::Last { length: self.duration(node)?, ending: None },
            _ => self.in_window(node)?,
        };
        Some(Window { kind, span })
    }

    // ---- portrait models ----

    pub fn rfm_def(&mut self, mut kids: Kids<'t>) -> Option<RfmDef> {
        let (name, title) = self.heading(&mut kids)?;
        let entity = self.of_entity(&mut kids)?;
        let source = self.base(kids.take(Rule::from_name)?)?;
        let mut rfm = RfmDef {
            name,
            title,
            entity,
            source,
            recency: None,
            frequency: None,
            monetary: None,
            bins: None,
            base: None,
            ties_together: false,
        };
        let mut seen = Seen::default();
        while let Some(clause) = kids.take(Rule::rfm_clause) {
            let clause = Kids::of(clause).next()?;
            let span = self.span(&clause);
            let rule = clause.as_rule();
            match rule {
                Rule::recency_clause => {
                    self.once(&mut seen, "recency", span);
                    rfm.recency = Some(self.arith(Kids::of(clause).find(Rule::arith)?)?);
                }
                Rule::frequency_clause => {
                    self.once(&mut seen, "frequency", span);
                    rfm.frequency = Some(self.event_clauses(Kids::of(clause))?);
                }
                Rule::monetary_clause => {
                    self.once(&mut seen, "monetary", span);
                    let mut kids = Kids::of(clause);
                    let value = self.arith(kids.find(Rule::arith)?)?;
                    rfm.monetary = Some((value, self.event_clauses(kids)?));
                }
                Rule::bins_clause => {
                    self.once(&mut seen, "bins", span);
                    let bins = Kids::of(clause).find(Rule::NUMBER)?;
                    rfm.bins = Some((self.number(&bins)?, self.span(&bins)));
                }
                Rule::in_base => {
                    self.once(&mut seen, "in", span);
                    rfm.base = Some(self.base(clause)?);
                }
                _ => {
                    self.once(&mut seen, "ties together", span);
                    rfm.ties_together = true;
                }
            }
        }
        Some(rfm)
    }

    fn event_clauses(&mut self, kids: Kids<'t>) -> Option<Vec<CallClause>> {
        let clauses: Vec<CallClause> =
            kids.all(Rule::event_clause).map(|c| self.event_clause(c)).collect::<Option<_>>()?;
        self.once_each(&clauses);
        Some(clauses)
    }

    pub fn score_def(&mut self, mut kids: Kids<'t>) -> Option<ScoreDef> {
        let (name, title) = self.heading(&mut kids)?;
        let entity = self.of_entity(&mut kids)?;
        let mut score = ScoreDef { name, title, entity, base: None, rules: Vec::new(), clamp: None };
        let mut seen = Seen::default();
        while let Some(clause) = kids.take(Rule::score_clause) {
            let clause = Kids::of(clause).next()?;
            let span = self.span(&clause);
            match clause.as_rule() {
                Rule::base_clause => {
                    self.once(&mut seen, "base", span);
                    score.base = Some(self.arith(Kids::of(clause).find(Rule::arith)?)?);
                }
                Rule::clamp_clause => {
                    self.once(&mut seen, "clamp", span);
                    score.clamp = Some(self.between(clause)?);
                }
                _ => {
                    let mut kids = Kids::of(clause);
                    let take = kids.next()?.as_rule() == Rule::TAKE;
                    let points = self.arith(kids.find(Rule::arith)?)?;
                    let when = self.expr(kids.find(Rule::expr)?)?;
                    score.rules.push(ScoreRule { take, points, when, span });
                }
            }
        }
        Some(score)
    }
}
