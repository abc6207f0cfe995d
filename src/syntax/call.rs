//! Calls: arguments, windows, and the other clauses inside their parentheses.

use super::ast::*;
use super::grammar::Rule;
use super::tree::{Builder, Kids, Node, unit};
use crate::diagnostic::{Code, Diagnostic};

impl<'t> Builder<'t, '_> {
    pub fn call(&mut self, path: Path, node: Node<'t>) -> Option<ExprKind> {
        let inside = std::mem::take(&mut self.inside_case);
        let mut arguments = Vec::new();
        let mut clauses = Vec::new();
        for kid in node.into_inner() {
            match kid.as_rule() {
                Rule::expr => arguments.push(self.expr(kid)?),
                Rule::call_clause => {
                    let kid = Kids::of(kid).next()?;
                    let clause = match kid.as_rule() {
                        Rule::event_clause => self.event_clause(kid)?,
                        Rule::in_base => {
                            let span = self.span(&kid);
                            CallClause::In(self.base(kid)?, span)
                        }
                        _ => CallClause::TiesTogether(self.span(&kid)),
                    };
                    clauses.push(clause);
                }
                _ => {}
            }
        }
        self.inside_case = inside;
        self.once_each(&clauses);
        let mut parts = path.parts.into_iter();
        let function = parts.next()?;
        if let Some(last) = parts.next_back() {
            self.report(
                Diagnostic::new(Code::Syntax, "a function's name has no dots")
                    .at(path.span)
                    .help(format!("write `{}(…)` with the column inside the parentheses", last.text)),
            );
            return Some(ExprKind::Error);
        }
        Some(ExprKind::Call(Box::new(Call { function, arguments, clauses })))
    }

    /// Each kind of clause stands once in a call.
    pub fn once_each(&mut self, clauses: &[CallClause]) {
        let mut seen = Vec::new();
        for clause in clauses {
            let (what, span) = match clause {
                CallClause::Window(window) => ("one window", window.span),
                CallClause::Where(_, span) => ("one `where`", *span),
                CallClause::Within(_, span) => ("one `within`", *span),
                CallClause::In(_, span) => ("one `in`", *span),
                CallClause::TiesTogether(span) => ("`ties together` once", *span),
            };
            match seen.iter().find(|(other, _)| *other == what) {
                Some((_, first)) => {
                    let mut diagnostic = Diagnostic::new(Code::DuplicateClause, format!("a call has {what}"))
                        .label(span, "a second one")
                        .related(*first, "the first");
                    if matches!(clause, CallClause::Where(..)) {
                        diagnostic = diagnostic.help("join two conditions with `and`");
                    }
                    self.report(diagnostic);
                }
                None => seen.push((what, span)),
            }
        }
    }

    /// `in high_value`
    pub fn base(&self, node: Node<'t>) -> Option<Ident> {
        Some(self.ident(&Kids::of(node).find(Rule::NAME)?))
    }

    /// A window, a `where`, or `within city`.
    pub fn event_clause(&mut self, node: Node<'t>) -> Option<CallClause> {
        let node = Kids::of(node).next()?;
        let span = self.span(&node);
        let rule = node.as_rule();
        let kind = match rule {
            Rule::where_clause => {
                let (condition, span) = self.where_clause(node)?;
                return Some(CallClause::Where(condition, span));
            }
            Rule::in_window => self.in_window(Kids::of(node).find_window()?)?,
            Rule::within_clause => {
                let mut kids = Kids::of(node);
                let mut values = vec![self.arith(kids.find(Rule::arith)?)?];
                if kids.take(Rule::AFTER).is_some() {
                    let anchor = self.arith(kids.next()?)?;
                    WindowKind::WithinAfter { length: self.length(values.pop()?), anchor }
                } else {
                    for kid in kids.all(Rule::arith) {
                        values.push(self.arith(kid)?);
                    }
                    return Some(CallClause::Within(values, span));
                }
            }
            _ => {
                let mut values = Kids::of(node).all(Rule::arith);
                let first = self.arith(values.next()?)?;
                match rule {
                    Rule::from_to => WindowKind::FromTo { from: first, to: self.arith(values.next()?)? },
                    Rule::since => WindowKind::Since(first),
                    Rule::before => WindowKind::Before(first),
                    Rule::on => WindowKind::On(first),
                    Rule::after => WindowKind::After(first),
                    _ => return None,
                }
            }
        };
        Some(CallClause::Window(Window { kind, span }))
    }

    /// `within X after …`: X is a length of time.
    fn length(&mut self, expr: Expr) -> Duration {
        if let ExprKind::Duration(duration) = *expr.kind {
            return duration;
        }
        self.error(
            Code::Syntax,
            expr.span,
            "between `within` and `after` stands a length of time",
            "write `within 30 days after …`",
        );
        Duration { amount: 1, unit: TimeUnit::Day }
    }

    /// What follows `in`: `last 90 days`, `this month`, `days 1 to 7 after X`.
    pub fn in_window(&mut self, node: Node<'t>) -> Option<WindowKind> {
        let rule = node.as_rule();
        let mut kids = Kids::of(node);
        match rule {
            Rule::in_last => {
                kids.take(Rule::LAST)?;
                let first = kids.next()?;
                if first.as_rule() == Rule::UNIT {
                    return Some(WindowKind::LastUnit(unit(&first)?));
                }
                let length = self.duration(first)?;
                let ending = match kids.take(Rule::ending) {
                    Some(ending) => Some(self.duration(Kids::of(ending).find(Rule::duration)?)?),
                    None => None,
                };
                Some(WindowKind::Last { length, ending })
            }
            Rule::in_calendar => {
                let previous = kids.next()?.as_rule() == Rule::PREVIOUS;
                Some(WindowKind::Calendar { previous, unit: unit(&kids.next()?)? })
            }
            Rule::in_days => {
                let first = kids.find(Rule::NUMBER)?;
                let last = kids.find(Rule::NUMBER)?;
                let first = self.whole(&first, "a day's number");
                let last = self.whole(&last, "a day's number");
                Some(WindowKind::DaysAfter { first, last, anchor: self.arith(kids.find(Rule::arith)?)? })
            }
            _ => None,
        }
    }

    pub fn happened(&mut self, node: Node<'t>) -> Option<ExprKind> {
        let inside = std::mem::take(&mut self.inside_case);
        let mut steps = Vec::new();
        let mut clauses = Vec::new();
        for kid in node.into_inner() {
            match kid.as_rule() {
                Rule::step => steps.push(self.step(kid)?),
                Rule::window_clause => clauses.push(self.event_clause(kid)?),
                _ => {}
            }
        }
        self.inside_case = inside;
        self.once_each(&clauses);
        Some(ExprKind::Happened { steps, clauses })
    }

    fn step(&mut self, node: Node<'t>) -> Option<SequenceStep> {
        let span = self.span(&node);
        let mut kids = Kids::of(node);
        let negated = kids.take(Rule::NOT).is_some();
        let source = self.ident(&kids.next()?);
        let mut step = SequenceStep { negated, source, filter: None, within: None, span };
        while let Some(kid) = kids.next() {
            let span = self.span(&kid);
            let twice = match kid.as_rule() {
                Rule::where_clause => {
                    let (filter, _) = self.where_clause(kid)?;
                    step.filter.replace(filter).is_some()
                }
                _ => {
                    let within = self.duration(Kids::of(kid).find(Rule::duration)?)?;
                    step.within.replace(within).is_some()
                }
            };
            if twice {
                self.report(
                    Diagnostic::new(Code::DuplicateClause, "a step has one `where` and one `within`")
                        .label(span, "a second one"),
                );
            }
        }
        Some(step)
    }
}

impl<'t> Kids<'t> {
    fn find_window(self) -> Option<Node<'t>> {
        let mut kids = self;
        kids.take(Rule::IN);
        kids.next()
    }
}
