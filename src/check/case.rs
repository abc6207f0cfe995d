//! `case`: one type for all outcomes, text literals as the labels of a closed set.

use super::Checker;
use super::scope::Row;
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::{ExprId, Literal, Node};
use crate::syntax::ast::Expr;
use crate::types::Type;

impl Checker<'_> {
    pub(super) fn case(&mut self, row: &Row, branches: &[(Expr, Expr)], otherwise: Option<&Expr>) -> ExprId {
        let conditions: Vec<ExprId> = branches.iter().map(|(c, _)| self.condition(row, c)).collect();
        let outcomes: Vec<&Expr> = branches.iter().map(|(_, v)| v).chain(otherwise).collect();
        let mut ty: Option<Type> = None;
        let mut values = Vec::with_capacity(outcomes.len());
        for outcome in &outcomes {
            let id = self.expr(row, outcome);
            let own = self.label_of(id);
            let joined = match &ty {
                None => Some(own.clone()),
                Some(so_far) => Type::common(so_far, &own),
            };
            match joined {
                Some(joined) => ty = Some(joined),
                None => {
                    let first = ty.as_ref().map_or(String::new(), |t| t.described());
                    let mut diagnostic = Diagnostic::new(
                        Code::TypeMismatch,
                        format!(
                            "the branches of a `case` differ: the first is {first}, this one is {}",
                            own.described()
                        ),
                    )
                    .at(outcome.span);
                    if let Some(before) = outcomes.first() {
                        diagnostic = diagnostic.related(before.span, "the first branch");
                    }
                    return self.report(diagnostic);
                }
            }
            values.push(id);
        }
        let ty = ty.unwrap_or(Type::Error);
        let faulty = conditions.iter().chain(&values).any(|id| self.graph.ty(*id).is_error());
        if faulty || ty.is_error() {
            return self.faulty();
        }
        let last = otherwise.and_then(|_| values.pop());
        if let (Some(value), Some(written)) = (last, otherwise) {
            self.note_case(row, branches, &conditions, (value, written.span));
        }
        let branches = conditions.into_iter().zip(values).collect();
        self.graph.add(Node::Case { branches, otherwise: last }, ty)
    }

    /// A text literal as an outcome is one label of a closed set.
    fn label_of(&self, id: ExprId) -> Type {
        match self.graph.node(id) {
            Node::Literal(Literal::Text(t)) => Type::Label([t.clone()].into()),
            _ => self.graph.ty(id).clone(),
        }
    }
}
