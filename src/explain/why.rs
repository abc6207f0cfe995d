//! `why KEY in SEGMENT`: each condition with this customer's values, and the nearest miss.

use super::answer::{Tested, Why};
use super::attrition::{inputs, names};
use super::evaluate::columns;
use super::portrait::{Asker, ExplainError, Result, View, internal};
use super::reasons::{self, Wanted};
use super::terms;
use crate::ir::print;
use crate::ir::{DefId, ExprId, Formula, Literal, Node, Program};
use crate::plan::{Key, Request};
use crate::value::Value;
use std::collections::HashMap;

/// One customer's values of the columns that a segment's conditions read.
pub struct Customer {
    values: HashMap<ExprId, Value>,
}

impl Customer {
    pub fn of_row(view: &View<'_>, row: usize, exprs: &[ExprId]) -> Result<Customer> {
        let mut values = HashMap::new();
        for expr in exprs {
            values.insert(*expr, view.value(*expr, row)?);
        }
        Ok(Customer { values })
    }

    pub fn with(values: HashMap<ExprId, Value>) -> Customer {
        Customer { values }
    }

    /// The value of a column that was read; missing where it was not.
    pub fn value(&self, expr: ExprId) -> Value {
        self.values.get(&expr).cloned().unwrap_or(Value::Missing)
    }

    pub fn outcome(&self, program: &Program, atom: ExprId) -> Result<Option<bool>> {
        if let Node::Literal(Literal::Bool(b)) = program.node(atom) {
            return Ok(Some(*b));
        }
        match self.values.get(&atom) {
            Some(Value::Bool(b)) => Ok(Some(*b)),
            Some(Value::Missing) => Ok(None),
            _ => Err(internal("a condition without an outcome")),
        }
    }

    fn inputs_of(&self, program: &Program, atom: ExprId) -> Vec<(ExprId, Value)> {
        inputs(program, atom).into_iter().filter_map(|e| Some((e, self.values.get(&e)?.clone()))).collect()
    }

    /// A condition that does not hold, with what stands against it: `tx_90d > 5 (tx_90d is 2)`.
    pub fn miss(&self, asker: &Asker<'_>, wanted: Wanted) -> String {
        let (expr, plain_not) = reasons::as_wanted(asker.program, wanted);
        let text = print::expr(asker.program, expr, asker.lang);
        let values: Vec<String> =
            self.inputs_of(asker.program, wanted.0).into_iter().map(|(e, v)| asker.said(e, e, v)).collect();
        match (plain_not, asker.lang) {
            (false, print::Lang::En) => format!("{text} ({})", values.join(", ")),
            (false, print::Lang::Zh) => format!("{text}（{}）", values.join("，")),
            (true, print::Lang::En) => format!("not {text} ({})", values.join(", ")),
            (true, print::Lang::Zh) => format!("不满足 {text}（{}）", values.join("，")),
        }
    }

    /// A condition with the values in it, masked where they are personal.
    pub fn test(&self, asker: &Asker<'_>, wanted: Wanted) -> String {
        let (expr, plain_not) = reasons::as_wanted(asker.program, wanted);
        let values: Vec<(ExprId, Value)> = self
            .inputs_of(asker.program, wanted.0)
            .into_iter()
            .map(|(e, v)| (e, asker.masked(e, v)))
            .collect();
        let text = print::test_text(asker.program, expr, &values, asker.lang);
        match (plain_not, asker.lang) {
            (false, _) => text,
            (true, print::Lang::En) => format!("not: {text}"),
            (true, print::Lang::Zh) => format!("不满足：{text}"),
        }
    }
}

/// The columns that explaining a customer needs: the membership, every atom, and what atoms read.
pub fn needs(program: &Program, segment: DefId) -> Result<Vec<ExprId>> {
    let d = program.definition(segment).ok_or_else(|| internal("an unknown segment"))?;
    let membership =
        program.definition_node(segment).ok_or_else(|| internal("a segment without a column"))?;
    let expanded = Formula::expanded(program, d.body);
    let mut needs = vec![membership];
    for atom in columns(program, &expanded) {
        if !matches!(program.node(atom), Node::Literal(_)) {
            needs.push(atom);
            needs.extend(inputs(program, atom));
        }
    }
    needs.sort();
    needs.dedup();
    Ok(needs)
}

/// What the tags that `exprs` name are made of, down to columns and aggregates: which part of a missing tag is
/// missing. Lists and ranks are left out, whose values say nothing here.
fn parts(program: &Program, exprs: &[ExprId]) -> Vec<ExprId> {
    let mut found: Vec<ExprId> = Vec::new();
    let mut next: Vec<ExprId> = exprs.to_vec();
    while let Some(expr) = next.pop() {
        for part in parts_of(program, expr) {
            if !found.contains(&part) {
                found.push(part);
                next.push(part);
            }
        }
    }
    found
}

/// The inputs of a tag's body; none for what is no tag.
fn parts_of(program: &Program, expr: ExprId) -> Vec<ExprId> {
    let Node::Definition(def) = program.node(expr) else { return Vec::new() };
    program.definition(*def).map_or(Vec::new(), |d| inputs(program, d.body))
}

impl Customer {
    /// The missing columns behind a missing tag, by name.
    fn missing_parts(&self, program: &Program, expr: ExprId, found: &mut Vec<String>) {
        for part in
            parts_of(program, expr).into_iter().filter(|p| self.values.get(p) == Some(&Value::Missing))
        {
            if parts_of(program, part).is_empty() {
                let label = print::label(program, part);
                if !found.contains(&label) {
                    found.push(label);
                }
            } else {
                self.missing_parts(program, part, found);
            }
        }
    }
}

impl Asker<'_> {
    pub fn why(&self, key: &str, segment: DefId) -> Result<Why> {
        let program = self.program;
        let entity = self.entity_of(segment)?;
        let mut needs = needs(program, segment)?;
        let (behind, own) = (parts(program, &needs), terms::needs(program, &needs));
        needs.extend(behind);
        needs.extend(own);
        let found = self.one_row(entity, key, &needs)?;
        let Some(customer) = found else {
            return Err(ExplainError::NoSuchKey {
                key: key.to_string(),
                entity: program.source_name(entity).to_string(),
            });
        };
        let membership = customer.outcome(program, self.membership(segment)?)?;
        let body =
            program.definition(segment).map(|d| d.body).ok_or_else(|| internal("an unknown segment"))?;
        let of = |atom: ExprId| customer.outcome(program, atom);
        let expanded = Formula::expanded(program, body);
        let conditions = Formula::conditions(program, segment)
            .into_iter()
            .map(|c| self.tested(&customer, &c.formula, names(program, &c.from)))
            .collect::<Result<Vec<_>>>()?;
        let member = membership == Some(true);
        let nearest_miss = if member {
            Vec::new()
        } else {
            let flips = reasons::flips(program, &Formula::of(program, body), true, &of)?;
            flips.into_iter().map(|w| customer.miss(self, w)).collect()
        };
        Ok(Why {
            key: key.to_string(),
            segment: program.definition(segment).map_or(String::new(), |d| d.name.clone()),
            as_of: program.as_of.text(&program.zone),
            member,
            undecided: reasons::outcome(program, &expanded, &of)?.is_none(),
            conditions,
            nearest_miss,
            leaves: None,
        })
    }

    /// The values of one row; `None` where there is none.
    pub(super) fn one_row(
        &self,
        entity: crate::ir::SourceId,
        key: &str,
        exprs: &[ExprId],
    ) -> Result<Option<Customer>> {
        let ty = self.program.source(entity).and_then(|s| s.column(s.key?)).map(|c| c.ty.clone());
        let Some(parsed) = ty.and_then(|ty| Key::parse(key, &ty)) else { return Ok(None) };
        let wanted = match &parsed {
            Key::Number(n) => Value::Int(*n),
            Key::Text(t) => Value::Text(t.clone()),
        };
        let request = Request::of(entity, exprs.to_vec()).one(parsed);
        let mut found: Vec<Customer> = Vec::new();
        self.read(&request, &mut |view| {
            for row in 0..view.rows() {
                if view.key(row)? == wanted {
                    found.push(Customer::of_row(view, row, exprs)?);
                }
            }
            Ok(())
        })?;
        if found.len() > 1 {
            return Err(ExplainError::DuplicateKeys {
                entity: self.program.source_name(entity).to_string(),
                samples: vec![format!("{key} ({} rows)", found.len())],
            });
        }
        Ok(found.pop())
    }

    fn tested(&self, customer: &Customer, formula: &Formula, from: Vec<String>) -> Result<Tested> {
        let program = self.program;
        let of = |atom: ExprId| customer.outcome(program, atom);
        let parts = match formula {
            Formula::And(list) | Formula::Or(list) => {
                list.iter().map(|f| self.tested(customer, f, Vec::new())).collect::<Result<Vec<_>>>()?
            }
            Formula::Not(inner) if !matches!(**inner, Formula::Atom(_)) => {
                vec![self.tested(customer, inner, Vec::new())?]
            }
            Formula::Member(def) | Formula::Outside(def) => Formula::conditions(program, *def)
                .into_iter()
                .map(|c| self.tested(customer, &c.formula, names(program, &c.from)))
                .collect::<Result<Vec<_>>>()?,
            Formula::Atom(_) | Formula::Not(_) => Vec::new(),
        };
        let values = match formula {
            Formula::Atom(atom) => customer.test(self, (*atom, true)),
            Formula::Not(inner) => match **inner {
                Formula::Atom(atom) => customer.test(self, (atom, false)),
                _ => String::new(),
            },
            _ => String::new(),
        };
        let mut missing = Vec::new();
        if let Formula::Atom(atom) = formula {
            for input in inputs(program, *atom).into_iter().filter(|i| customer.value(*i).is_missing()) {
                customer.missing_parts(program, input, &mut missing);
            }
        }
        let mut own_terms = Vec::new();
        let atom = match formula {
            Formula::Atom(atom) => Some(*atom),
            Formula::Not(inner) => match **inner {
                Formula::Atom(atom) => Some(atom),
                _ => None,
            },
            _ => None,
        };
        for input in atom.into_iter().flat_map(|atom| inputs(program, atom)) {
            own_terms.extend(customer.terms(self, input)?);
        }
        let values = match (missing.is_empty(), self.lang) {
            (true, _) => values,
            (false, print::Lang::En) => format!("{values}: {} missing", missing.join(", ")),
            (false, print::Lang::Zh) => format!("{values}：{} 缺失", missing.join("、")),
        };
        Ok(Tested {
            condition: print::formula(program, formula, self.lang),
            from,
            outcome: reasons::outcome(program, formula, &of)?,
            values,
            terms: own_terms,
            parts,
        })
    }
}
