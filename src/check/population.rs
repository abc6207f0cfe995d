//! Population functions: where a customer stands among the others.

use super::Checker;
use super::expr::clause_span;
use super::scope::Row;
use crate::diagnostic::{Code, Diagnostic};
use crate::functions::{self, PopulationFn};
use crate::ir::{DefId, ExprId, Literal, Node, Population};
use crate::source::Span;
use crate::syntax::ast::{CallClause, Expr, Ident};
use crate::types::Type;

/// What stands after the values: the groups, the base, and whether ties stay together.
#[derive(Default)]
struct Clauses {
    within: Vec<ExprId>,
    base: Option<DefId>,
    ties_together: bool,
}

impl Checker<'_> {
    pub(super) fn population(
        &mut self,
        row: &Row,
        function: PopulationFn,
        table: &functions::Row,
        arguments: &[Expr],
        clauses: &[CallClause],
        span: Span,
    ) -> ExprId {
        let Row::Entity(entity) = *row else {
            let message =
                format!("`{}` compares customers, and this stands on no customer's row", table.name);
            let diagnostic = Diagnostic::new(Code::PopulationPlace, message).at(span);
            return self.report(match row {
                Row::Event { .. } => diagnostic.help("define a tag with it, and use the tag here"),
                _ => diagnostic,
            });
        };
        let values: Vec<ExprId> = arguments.iter().take(1).map(|a| self.expr(row, a)).collect();
        let ([value], true) = (values.as_slice(), arguments.len() == function.takes()) else {
            let types = vec![Type::Error; arguments.len()];
            return self.wrong_call(table, &functions::CallError::Count, &types, arguments, span);
        };
        let tiles = match arguments.get(1) {
            Some(written) => match self.tiles(written) {
                Some(n) => Some(n),
                None => return self.faulty(),
            },
            None => None,
        };
        let Some(clauses) = self.population_clauses(row, function, table, clauses) else {
            return self.faulty();
        };
        let ty = self.graph.ty(*value).clone();
        if ty.is_error() || clauses.within.iter().any(|w| self.graph.ty(*w).is_error()) {
            return self.faulty();
        }
        match function.result(&ty) {
            Ok(result) => {
                let Clauses { within, base, ties_together } = clauses;
                let node = Population { entity, function, value: *value, tiles, within, base, ties_together };
                self.graph.add(Node::Population(node), result)
            }
            Err(error) => self.wrong_call(table, &error, &[ty], arguments, span),
        }
    }

    fn population_clauses(
        &mut self,
        row: &Row,
        function: PopulationFn,
        table: &functions::Row,
        written: &[CallClause],
    ) -> Option<Clauses> {
        let mut found = Clauses::default();
        let mut good = true;
        for clause in written {
            match clause {
                CallClause::Within(groups, _) => {
                    found.within.extend(groups.iter().map(|g| self.expr(row, g)).collect::<Vec<_>>());
                }
                CallClause::In(name, _) => match self.base_named(row, name) {
                    Some(base) => found.base = Some(base),
                    None => good = false,
                },
                CallClause::TiesTogether(_) if function == PopulationFn::Ntile => {
                    found.ties_together = true;
                }
                CallClause::TiesTogether(_) | CallClause::Window(_) | CallClause::Where(..) => {
                    let message = match clause {
                        CallClause::TiesTogether(_) => {
                            format!("`ties together` belongs to `ntile`: in `{}` ties are equal", table.name)
                        }
                        _ => {
                            format!("`{}` compares customers: it takes no window and no `where`", table.name)
                        }
                    };
                    self.error(
                        Diagnostic::new(Code::WrongArguments, message)
                            .at(clause_span(clause))
                            .help(format!("`{}`: {}", table.signature, table.meaning)),
                    );
                    good = false;
                }
            }
        }
        good.then_some(found)
    }

    /// The segment among whose members customers are compared.
    pub(super) fn base_named(&mut self, row: &Row, name: &Ident) -> Option<DefId> {
        let base = self.segment_named(name)?;
        self.define(base)?;
        let (of, Row::Entity(here)) = (self.entity_of(base)?, row) else { return None };
        if of == *here {
            return Some(base);
        }
        let (of, here) = (self.source_name(of).to_string(), self.source_name(*here).to_string());
        let message = format!("`{}` is about {of}, and this is about {here}", name.text);
        self.error(Diagnostic::new(Code::TwoEntities, message).at(name.span));
        None
    }

    /// The n of `ntile`: a whole number of at least 1, known before the run.
    fn tiles(&mut self, written: &Expr) -> Option<u64> {
        match self.constant(written)? {
            (Literal::Number(n), _) => {
                let tiles = self.whole(n, written.span, 1)?;
                // The arithmetic of tiles is of 64 bits with a sign.
                Some(tiles.min(u64::from(u32::MAX)))
            }
            (_, ty) => {
                let message = format!("a number of tiles is needed here; this is {}", ty.described());
                self.error(Diagnostic::new(Code::TypeMismatch, message).at(written.span));
                None
            }
        }
    }
}
