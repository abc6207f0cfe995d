//! `transitions TAG between D1 and D2`: how many moved from which value to which.

use super::answer::Transitions;
use super::portrait::{Asker, Result, internal};
use crate::ir::{Dated, DefId, ExprId, Literal, Node, Program};
use crate::plan::Request;
use crate::value::Value;
use std::collections::BTreeMap;

impl Asker<'_> {
    pub fn transitions(&self, tag: DefId, from: &Dated, to: &Dated) -> Result<Transitions> {
        let program = self.program;
        let (then, now) = (self.membership(from.definition)?, self.membership(to.definition)?);
        let hidden = self.is_pii(then);
        let mut pairs: BTreeMap<(String, String), u64> = BTreeMap::new();
        let mut seen: BTreeMap<String, Value> = BTreeMap::new();
        let request = Request::of(self.entity_of(tag)?, vec![then, now]);
        self.read(&request, &mut |view| {
            for row in 0..view.rows() {
                let mut plain = |expr: ExprId| -> Result<String> {
                    let value = match view.value(expr, row)? {
                        Value::Missing => return Ok(String::new()),
                        _ if hidden => Value::Masked,
                        value => value,
                    };
                    // Led by a mark, so that an empty text is not taken for a missing one.
                    let text = format!("={}", value.plain());
                    seen.entry(text.clone()).or_insert(value);
                    Ok(text)
                };
                let pair = (plain(then)?, plain(now)?);
                *pairs.entry(pair).or_default() += 1;
            }
            Ok(())
        })?;
        let d = program.definition(tag).ok_or_else(|| internal("an unknown tag"))?;
        let mut order = stages(program, d.body);
        order.retain(|label| seen.contains_key(label));
        let mut rest: Vec<(&String, &Value)> =
            seen.iter().filter(|(text, _)| !order.contains(text)).collect();
        rest.sort_by(|a, b| match (a.1, b.1) {
            (Value::Int(x), Value::Int(y)) => x.cmp(y),
            _ => a.0.cmp(b.0),
        });
        let rest: Vec<String> = rest.into_iter().map(|(text, _)| text.clone()).collect();
        order.extend(rest);
        if pairs.keys().any(|(a, b)| a.is_empty() || b.is_empty()) {
            order.push(String::new());
        }
        let count = |a: &String, b: &String| pairs.get(&(a.clone(), b.clone())).copied().unwrap_or(0);
        let counts: Vec<Vec<u64>> =
            order.iter().map(|a| order.iter().map(|b| count(a, b)).collect()).collect();
        let total = pairs.values().sum();
        let stayed = order.iter().map(|v| count(v, v)).sum();
        Ok(Transitions {
            tag: d.name.clone(),
            title: d.title.clone(),
            entity: program.source_name(d.entity).to_string(),
            from: from.on.text(&program.zone),
            to: to.on.text(&program.zone),
            zone: program.zone.name().to_string(),
            total,
            stayed,
            values: order.iter().map(|v| seen.get(v).cloned().unwrap_or(Value::Missing)).collect(),
            counts,
        })
    }
}

/// The labels of a `case` in the order written: the order of the stages.
fn stages(program: &Program, body: ExprId) -> Vec<String> {
    let Node::Case { branches, otherwise } = program.node(body) else { return Vec::new() };
    let mut found: Vec<String> = Vec::new();
    for value in branches.iter().map(|(_, v)| v).chain(otherwise) {
        if let Node::Literal(Literal::Text(label)) = program.node(*value)
            && !found.contains(&format!("={label}"))
        {
            found.push(format!("={label}"));
        }
    }
    found
}
