//! `diff X between D1 and D2`: who entered a segment and who left it, and which conditions changed for them.

use super::answer::{Diff, Flip, Moved, MovedRow};
use super::attrition::{inputs_of, names};
use super::evaluate::{both, count, evaluate, is_true, is_unknown};
use super::members::Kept;
use super::portrait::{Asker, Result, View, internal, value_at};
use super::reasons;
use super::why::{self, Customer};
use crate::ir::formula::Condition;
use crate::ir::print;
use crate::ir::{Dated, DefId, ExprId, Formula, Program};
use crate::plan::Request;
use datafusion::arrow::array::BooleanArray;
use std::collections::HashMap;

/// Customers shown for each direction.
const SAMPLE: usize = 5;

/// The segment on one of the two days.
struct Side {
    membership: ExprId,
    conditions: Vec<Condition>,
    expanded: Formula,
    needs: Vec<ExprId>,
    members: u64,
    undecided: u64,
}

impl Side {
    fn new(program: &Program, segment: DefId) -> Result<Side> {
        let body =
            program.definition(segment).map(|d| d.body).ok_or_else(|| internal("an unknown segment"))?;
        Ok(Side {
            membership: program
                .definition_node(segment)
                .ok_or_else(|| internal("a segment without a column"))?,
            conditions: Formula::conditions(program, segment),
            expanded: Formula::expanded(program, body),
            needs: why::needs(program, segment)?,
            members: 0,
            undecided: 0,
        })
    }

    /// Who is a member, and for whom each condition holds.
    fn add(&mut self, program: &Program, view: &View<'_>) -> Result<(BooleanArray, Vec<BooleanArray>)> {
        let members = is_true(&view.booleans(self.membership)?)?;
        self.members += count(&members);
        self.undecided += count(&is_unknown(&evaluate(program, view, &self.expanded)?)?);
        let holds = self.conditions.iter().map(|c| is_true(&evaluate(program, view, &c.formula)?));
        Ok((members, holds.collect::<Result<Vec<_>>>()?))
    }

    /// Whether each condition holds for one customer.
    fn holds(&self, program: &Program, customer: &Customer) -> Result<Vec<bool>> {
        let of = |atom: ExprId| customer.outcome(program, atom);
        let outcomes = self.conditions.iter().map(|c| reasons::outcome(program, &c.formula, &of));
        outcomes.map(|o| Ok(o? == Some(true))).collect()
    }
}

/// Those who moved in one direction.
struct Moves {
    count: u64,
    /// For each condition: for how many it changed, and for how many it alone.
    flips: Vec<(u64, u64)>,
    kept: Kept,
}

impl Moves {
    fn new(conditions: usize, columns: Vec<ExprId>) -> Moves {
        Moves { count: 0, flips: vec![(0, 0); conditions], kept: Kept::new(columns, Some(SAMPLE)) }
    }

    /// `gained` says for each condition on which rows it came to hold (or, for those who left, ceased to).
    fn add(&mut self, view: &View<'_>, moved: &BooleanArray, gained: &[BooleanArray]) -> Result<()> {
        if moved.true_count() == 0 {
            return Ok(());
        }
        self.count += count(moved);
        let changed: Vec<BooleanArray> = gained.iter().map(|g| both(moved, g)).collect::<Result<_>>()?;
        let mut times = vec![0u32; view.rows()];
        for mask in &changed {
            for (n, flipped) in times.iter_mut().zip(mask.values()) {
                *n += u32::from(flipped);
            }
        }
        let once = BooleanArray::from(times.into_iter().map(|n| n == 1).collect::<Vec<_>>());
        for ((all, alone), mask) in self.flips.iter_mut().zip(&changed) {
            *all += count(mask);
            *alone += count(&both(mask, &once)?);
        }
        self.kept.add(view, moved)
    }
}

impl Asker<'_> {
    pub fn diff(&self, segment: DefId, from: &Dated, to: &Dated) -> Result<Diff> {
        let program = self.program;
        let (mut before, mut after) =
            (Side::new(program, from.definition)?, Side::new(program, to.definition)?);
        if before.conditions.len() != after.conditions.len() {
            return Err(internal("a segment that differs in form from day to day"));
        }
        let mut exprs = before.needs.clone();
        exprs.extend(&after.needs);
        let steps = before.conditions.len();
        let (mut entered, mut left) = (Moves::new(steps, exprs.clone()), Moves::new(steps, exprs.clone()));
        let (mut total, mut stayed) = (0, 0);
        let request = Request::of(self.entity_of(segment)?, exprs);
        self.read(&request, &mut |view| {
            total += view.rows() as u64;
            let (was, held) = before.add(program, view)?;
            let (is, holds) = after.add(program, view)?;
            stayed += count(&both(&was, &is)?);
            let without = |a: &BooleanArray, b: &BooleanArray| {
                let b = datafusion::arrow::compute::not(b).map_err(|e| internal(e.to_string()))?;
                both(a, &b)
            };
            let gained = holds.iter().zip(&held).map(|(now, then)| without(now, then));
            entered.add(view, &without(&is, &was)?, &gained.collect::<Result<Vec<_>>>()?)?;
            let lost = holds.iter().zip(&held).map(|(now, then)| without(then, now));
            left.add(view, &without(&was, &is)?, &lost.collect::<Result<Vec<_>>>()?)
        })?;
        let d = program.definition(segment).ok_or_else(|| internal("an unknown segment"))?;
        Ok(Diff {
            segment: d.name.clone(),
            title: d.title.clone(),
            entity: program.source_name(d.entity).to_string(),
            from: from.on.text(&program.zone),
            to: to.on.text(&program.zone),
            zone: program.zone.name().to_string(),
            total,
            before: before.members,
            after: after.members,
            stayed,
            undecided_before: before.undecided,
            undecided_after: after.undecided,
            entered: self.moved(segment, entered, &before, &after)?,
            left: self.moved(segment, left, &before, &after)?,
        })
    }

    fn moved(&self, segment: DefId, moves: Moves, before: &Side, after: &Side) -> Result<Moved> {
        let program = self.program;
        // The condition as the script says it, without days.
        let written = Formula::conditions(program, segment);
        let texts: Vec<String> =
            written.iter().map(|c| print::formula(program, &c.formula, self.lang)).collect();
        let mut flips: Vec<Flip> = texts
            .iter()
            .zip(&written)
            .zip(&moves.flips)
            .filter(|(_, (n, _))| *n > 0)
            .map(|((text, c), (count, alone))| Flip {
                condition: text.clone(),
                from: names(program, &c.from),
                count: *count,
                alone: *alone,
            })
            .collect();
        flips.sort_by_key(|f| std::cmp::Reverse(f.count));
        let columns = moves.kept.sorted()?;
        let length = columns.first().map_or(0, |c| c.len());
        let mut sample = Vec::new();
        for row in 0..length {
            let mut values = HashMap::new();
            for (expr, column) in moves.kept.columns().iter().zip(columns.iter().skip(1)) {
                values.insert(*expr, value_at(column, row, &program.zone)?);
            }
            let customer = Customer::with(values);
            let key = columns.first().ok_or_else(|| internal("a lost key"))?;
            let changes = before.holds(program, &customer)?.into_iter().zip(after.holds(program, &customer)?);
            let changes = changes.enumerate().filter(|(_, (then, now))| then != now);
            let changes = changes.map(|(i, _)| {
                let text = texts.get(i).cloned().unwrap_or_default();
                let values = self.change(&customer, before.conditions.get(i), after.conditions.get(i));
                if values.is_empty() { text } else { format!("{text}: {values}") }
            });
            let changes = changes.collect();
            sample.push(MovedRow { key: value_at(key, row, &program.zone)?, changes });
        }
        Ok(Moved { count: moves.count, flips, sample })
    }

    /// What a condition is about, then and now: `3 → 7`.
    fn change(&self, customer: &Customer, before: Option<&Condition>, after: Option<&Condition>) -> String {
        let (Some(before), Some(after)) = (before, after) else { return String::new() };
        let inputs = |c: &Condition| inputs_of(self.program, &c.formula);
        let shown = |expr: ExprId| self.shown(expr, customer.value(expr));
        let pairs = inputs(before).into_iter().zip(inputs(after));
        let changed = pairs.map(|(then, now)| (shown(then), shown(now))).filter(|(then, now)| then != now);
        changed.map(|(then, now)| format!("{then} → {now}")).collect::<Vec<_>>().join(", ")
    }
}
