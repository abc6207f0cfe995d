//! `case`: one type for all outcomes, text literals as the labels of a closed set.

use super::Checker;
use super::scope::Row;
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::{ExprId, Literal, Node};
use crate::syntax::ast::Expr;
use crate::types::Type;
use hashbrown::HashSet;

impl Checker<'_> {
    pub(super) fn case(&mut self, row: &Row, branches: &[(Expr, Expr)], otherwise: Option<&Expr>) -> ExprId {
        let conditions: Vec<ExprId> = branches.iter().map(|(c, _)| self.condition(row, c)).collect();
        let outcomes: Vec<&Expr> = branches.iter().map(|(_, v)| v).chain(otherwise).collect();
        let values: Vec<ExprId> = outcomes.iter().map(|outcome| self.expr(row, outcome)).collect();
        let types: Vec<Type> = values.iter().map(|id| self.label_of(*id)).collect();
        let ty = match joined(&types) {
            Ok(ty) => ty,
            Err(odd) => {
                let described = |ty: Option<&Type>| ty.map_or(String::new(), Type::described);
                let first = described(types.iter().find(|t| !t.is_blank() && !t.is_error()));
                let own = described(types.get(odd));
                let mut diagnostic = Diagnostic::new(
                    Code::TypeMismatch,
                    format!("the branches of a `case` differ: the first is {first}, this one is {own}"),
                );
                if let (Some(first), Some(odd)) = (outcomes.first(), outcomes.get(odd)) {
                    diagnostic = diagnostic.at(odd.span).related(first.span, "the first branch");
                }
                return self.report(diagnostic);
            }
        };
        let mut values = values;
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

/// The type of all outcomes; the first that does not fit those before it. A closed set is put together once.
fn joined(outcomes: &[Type]) -> Result<Type, usize> {
    let mut ty = Type::Error;
    for (i, own) in outcomes.iter().enumerate() {
        ty = Type::common(&ty, &own.widened()).ok_or(i)?;
    }
    let mut seen = HashSet::new();
    let mut labels: Vec<String> = Vec::new();
    for own in outcomes {
        match own {
            Type::Label(own) => labels.extend(own.iter().filter(|l| seen.insert(*l)).cloned()),
            Type::Blank | Type::Error => {}
            _ => return Ok(ty),
        }
    }
    Ok(if labels.is_empty() { ty } else { Type::Label(labels.into()) })
}
