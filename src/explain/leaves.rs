//! The day on which time alone would end a membership: windows move on, ages grow, and nothing else happens.
//!
//! The customer's own rows are read once and kept; the days to come are asked of them, many at a time.

use super::answer::Leaves;
use super::attrition::inputs_of;
use super::portrait::{Asker, Result, internal, value_at};
use super::reasons;
use super::why::{self, Customer};
use crate::engine::Engine;
use crate::ir::print;
use crate::ir::{ColumnId, Dated, DefId, ExprId, Formula, Node, Program, SourceId};
use crate::plan::checks::{Owners, rows_of};
use crate::plan::{self, Key, Request, Tables};
use crate::value::Value;
use datafusion::arrow::array::{Array, RecordBatch};
use std::collections::BTreeSet;

/// How many days are asked at once: few at first, since many memberships end soon.
const AT_ONCE: [usize; 4] = [8, 32, 60, 100];
/// How many definitions are asked at once: what takes time with more of them grows faster than they do.
const COLUMNS: usize = 200;

/// The sources that expressions read, through all that they are made of.
#[derive(Default)]
struct Reads {
    all: BTreeSet<SourceId>,
    /// Those in which others' rows are looked for: over links, and as lists.
    whole: BTreeSet<SourceId>,
}

impl Reads {
    fn of(program: &Program, exprs: &[ExprId]) -> Reads {
        let mut reads = Reads::default();
        let (mut next, mut seen) = (exprs.to_vec(), BTreeSet::new());
        while let Some(expr) = next.pop() {
            if seen.insert(expr) {
                program.graph.walk(expr, &mut |_, node| reads.node(program, node, &mut next));
            }
        }
        reads
    }

    fn node(&mut self, program: &Program, node: &Node, next: &mut Vec<ExprId>) {
        match node {
            Node::Column { source, via, .. } => {
                self.add(program, *source, next);
                let mut at = *source;
                for link in via {
                    let Some(l) = program.source(at).and_then(|s| s.link(*link)) else { break };
                    at = l.target;
                    self.looked_into(program, at, next);
                }
            }
            Node::Aggregate(a) => {
                self.events(program, a.events, &a.path, next);
                next.extend(a.on_events());
            }
            Node::Sequence(s) => {
                for step in &s.steps {
                    self.events(program, step.events, &step.path, next);
                }
                next.extend(s.on_events().into_iter().map(|(_, e)| e));
            }
            Node::SequencePart { sequence, .. } => next.push(*sequence),
            Node::InSource(list) => {
                self.looked_into(program, list.list, next);
                next.push(list.column);
                next.extend(list.filter);
            }
            Node::Definition(def) | Node::Outside(def) => {
                next.extend(program.definition(*def).map(|d| d.body))
            }
            node => next.extend(node.base().and_then(|b| program.definition(b)).map(|d| d.body)),
        }
    }

    fn events(&mut self, program: &Program, events: SourceId, path: &[u32], next: &mut Vec<ExprId>) {
        let mut at = events;
        self.add(program, at, next);
        for of in path {
            let Some(owner) = program.source(at).and_then(|s| s.of.get(*of as usize)) else { break };
            at = owner.entity;
            self.add(program, at, next);
        }
    }

    fn looked_into(&mut self, program: &Program, source: SourceId, next: &mut Vec<ExprId>) {
        self.add(program, source, next);
        if self.whole.insert(source)
            && let Some(keys) = program.source(source).and_then(|s| s.keys_of)
        {
            self.looked_into(program, keys.events, next);
        }
    }

    /// A source with what its own rows depend on.
    fn add(&mut self, program: &Program, source: SourceId, next: &mut Vec<ExprId>) {
        if let (true, Some(s)) = (self.all.insert(source), program.source(source)) {
            next.extend(s.filter);
            if let Some(keys) = s.keys_of {
                self.add(program, keys.events, next);
            }
        }
    }
}

impl Asker<'_> {
    /// For a member, when the membership ends if nothing happens; `None` where time has no part in it, or where
    /// customers are ranked among each other.
    pub fn leaves(&self, key: &str, segment: DefId, later: &[Dated]) -> Result<Option<Leaves>> {
        let program = self.program;
        let entity = self.entity_of(segment)?;
        let ty = program.source(entity).and_then(|s| s.column(s.key?)).map(|c| c.ty.clone());
        let (Some(last), Some(parsed)) = (later.last(), ty.and_then(|ty| Key::parse(key, &ty))) else {
            return Ok(None);
        };
        let request = Request::of(entity, vec![self.membership(last.definition)?]).one(parsed.clone());
        if plan::portrait(program, self.tables.clone(), request, self.engine.strategy())?.is_ranked() {
            return Ok(None);
        }
        let exprs = later.iter().map(|d| self.membership(d.definition)).collect::<Result<Vec<_>>>()?;
        let tables = self.own_rows(entity, &parsed, &Reads::of(program, &exprs))?;
        let own = Asker { tables: &tables, warm: false, ..*self };
        let in_a_day = program.definitions.iter().filter(|d| d.on.is_some_and(|(_, day)| day == last.on));
        let most_days = (COLUMNS / in_a_day.count().max(1)).max(1);
        let mut rest = later;
        let mut sizes = AT_ONCE.into_iter();
        let mut at_once = 0;
        while !rest.is_empty() {
            at_once = sizes.next().unwrap_or(at_once).min(most_days);
            let (now, after) = rest.split_at(at_once.min(rest.len()));
            rest = after;
            let columns: Vec<ExprId> =
                now.iter().map(|d| self.membership(d.definition)).collect::<Result<_>>()?;
            let Some(customer) = own.one_row(entity, key, &columns)? else { return Ok(None) };
            let ended = now.iter().zip(&columns).find(|(_, c)| customer.value(**c) != Value::Bool(true));
            if let Some((day, _)) = ended {
                return Ok(Some(Leaves {
                    on: Some(day.on.text(&program.zone)),
                    looked_until: day.on.text(&program.zone),
                    conditions: own.ended(entity, key, segment, day)?,
                }));
            }
        }
        let looked_until = last.on.text(&program.zone);
        Ok(Some(Leaves { on: None, looked_until, conditions: Vec::new() }))
    }

    /// The conditions that do not hold on a day, as the script says them, with the customer's values of that day.
    fn ended(&self, entity: SourceId, key: &str, segment: DefId, day: &Dated) -> Result<Vec<String>> {
        let program = self.program;
        let needs = why::needs(program, day.definition)?;
        let Some(customer) = self.one_row(entity, key, &needs)? else { return Ok(Vec::new()) };
        let of = |atom: ExprId| customer.outcome(program, atom);
        let then = Formula::conditions(program, day.definition);
        let written = Formula::conditions(program, segment);
        let mut ended = Vec::new();
        for (then, written) in then.iter().zip(&written) {
            if reasons::outcome(program, &then.formula, &of)? == Some(true) {
                continue;
            }
            let values = self.values_of(&customer, &then.formula, &written.formula);
            let text = print::formula(program, &written.formula, self.lang);
            ended.push(match (values.is_empty(), self.lang) {
                (true, _) => text,
                (false, print::Lang::En) => format!("{text} ({values})"),
                (false, print::Lang::Zh) => format!("{text}（{values}）"),
            });
        }
        Ok(ended)
    }

    fn values_of(&self, customer: &Customer, then: &Formula, written: &Formula) -> String {
        let pairs = inputs_of(self.program, written).into_iter().zip(inputs_of(self.program, then));
        let said = pairs.map(|(name, value)| self.said(name, value, customer.value(value)));
        said.collect::<Vec<_>>().join(", ")
    }

    /// The tables that are read, with what is not this customer's left out, where a source's rows have one owner.
    fn own_rows(&self, entity: SourceId, key: &Key, reads: &Reads) -> Result<Tables> {
        let mut tables = self.tables.clone();
        let mut next = self.belonging(entity, &Owners::Key(key.clone()));
        let mut seen: Vec<SourceId> = Vec::new();
        while let Some((source, by, owners)) = next.pop() {
            if seen.contains(&source) || !reads.all.contains(&source) || !self.tables.contains_key(&source) {
                continue;
            }
            seen.push(source);
            let plan = rows_of(self.program, self.tables, source, by, &owners)?;
            let schema = plan.schema().inner().clone();
            let rows = self.engine.collect(plan)?;
            next.extend(self.belonging(source, &Owners::Keys(self.keys_in(source, &rows)?)));
            // What others look up stays whole.
            if !reads.whole.contains(&source) {
                tables.insert(source, Engine::memory_table(&schema, rows)?);
            }
        }
        Ok(tables)
    }

    /// The sources whose rows belong to those of `owner` alone, and by which column.
    fn belonging(&self, owner: SourceId, keys: &Owners) -> Vec<(SourceId, ColumnId, Owners)> {
        let sources = self.program.sources.iter().enumerate();
        sources
            .filter_map(|(i, s)| match s.of.as_slice() {
                [of] if of.entity == owner && s.copy.is_none() => {
                    Some((SourceId(u32::try_from(i).ok()?), of.by, keys.clone()))
                }
                _ => None,
            })
            .collect()
    }

    /// The keys of a source's rows as stored.
    fn keys_in(&self, source: SourceId, rows: &[RecordBatch]) -> Result<Vec<Key>> {
        let Some(key) = self.program.source(source).and_then(|s| s.column(s.key?)) else {
            return Ok(Vec::new());
        };
        let ty = plan::arrow_type(&key.ty).ok_or_else(|| internal("a key's type"))?;
        let mut keys = Vec::new();
        for column in rows.iter().filter_map(|batch| batch.column_by_name(&key.name)) {
            let column =
                datafusion::arrow::compute::cast(column, &ty).map_err(|e| internal(e.to_string()))?;
            for row in 0..column.len() {
                match value_at(&column, row, &self.program.zone)? {
                    Value::Int(n) => keys.push(Key::Number(n)),
                    Value::Text(t) => keys.push(Key::Text(t)),
                    _ => {}
                }
            }
        }
        Ok(keys)
    }
}
