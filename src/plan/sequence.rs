//! Sequences of events: the steps' sources scanned once each, their relevant rows put together, and matched for
//! each entity.

use super::aggregates::sequence::pattern::{Link, Pattern, Step};
use super::aggregates::sequence::sequence as matched;
use super::expr::{Lowering, convert};
use super::fold::{Entity, Read, Scanned, of_entity, owner};
use super::lookup::Columns;
use super::scan::{Needs, Tables, arrow_type, column, column_name, need};
use super::{Result, internal};
use crate::ir::{ExprId, Node, Program, Sequence, SequencePart, SourceId, StepLink};
use crate::types::{Frame, Type};
use datafusion::arrow::datatypes::DataType;
use datafusion::functions::core::expr_fn::get_field;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, cast, when};
use datafusion::prelude::{Expr, lit};
use datafusion::scalar::ScalarValue;

/// Expressions on the entity's row that the steps use on their events' rows.
pub(super) fn inputs(program: &Program, sequence: &Sequence) -> Vec<ExprId> {
    let mut found = Vec::new();
    for (events, expr) in sequence.on_events() {
        of_entity(program, events, expr, &mut found);
    }
    found
}

/// The name of the column with the entity's key.
pub(super) fn key_column(id: ExprId) -> String {
    format!("q{}_key", id.0)
}

/// One row per entity with an event that may be a step: its key, and what the match says.
pub(super) fn plain(
    program: &Program,
    tables: &Tables,
    id: ExprId,
    sequence: &Sequence,
    entity: Option<&Entity<'_>>,
    only: Option<&Expr>,
) -> Result<LogicalPlan> {
    let links: Vec<(usize, &StepLink)> =
        sequence.steps.iter().enumerate().flat_map(|(i, s)| s.links.iter().map(move |l| (i, l))).collect();
    let mut sources: Vec<(SourceId, &[u32])> = Vec::new();
    for step in &sequence.steps {
        let source = (step.events, step.path.as_slice());
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    let mut plan: Option<LogicalPlanBuilder> = None;
    for source in &sources {
        let scan = Scan { program, tables, id, sequence, links: &links, source: *source };
        let events = scan.events(entity, only)?;
        plan = Some(match plan {
            None => events,
            Some(before) => before.union(events.build()?)?,
        });
    }
    let plan = plan.ok_or_else(|| internal("a sequence without steps"))?;

    let mut steps = Vec::new();
    let mut number = 0;
    for step in &sequence.steps {
        let mut own = Vec::new();
        for link in &step.links {
            own.push(Link { op: link.op, number });
            number += 1;
        }
        let dated = *time_type(program, step.events)? == Type::Date;
        steps.push(Step { negated: step.negated, dated, within: step.within, links: own });
    }
    let times = sequence
        .positive()
        .map(|(_, s)| {
            let ty = time_type(program, s.events)?;
            arrow_type(ty).ok_or_else(|| internal("a time of no type"))
        })
        .collect::<Result<Vec<_>>>()?;
    let count = times.len();
    let mut arguments: Vec<Expr> = ["day", "clock", "time", "mask"].map(column).into();
    for n in 0..links.len() {
        arguments.extend([column(format!("own{n}")), column(format!("earlier{n}"))]);
    }
    let found = format!("q{}", id.0);
    let call = matched(Pattern { steps }, times).call(arguments).alias(&found);
    let plan = plan.aggregate(vec![column(key_column(id))], vec![call])?;
    let field = |name: String| get_field(column(&found), name.as_str()).alias(format!("{found}_{name}"));
    let mut columns = vec![column(key_column(id)), field("matched".into()), field("steps".into())];
    columns.extend((0..count).map(|n| field(format!("t{n}"))));
    Ok(plan.project(columns)?.build()?)
}

/// Whether the sequence happened; an entity without events has no row.
pub(super) fn value_of(id: ExprId) -> Result<Expr> {
    let seen = column(key_column(id)).is_not_null();
    Ok(when(seen, column(format!("q{}_matched", id.0))).otherwise(lit(false))?)
}

/// The value of a part.
pub(super) fn part_of(id: ExprId, sequence: &Sequence, part: SequencePart) -> Result<Expr> {
    match part {
        SequencePart::Steps => {
            let seen = column(key_column(id)).is_not_null();
            Ok(when(seen, column(format!("q{}_steps", id.0))).otherwise(lit(0i64))?)
        }
        SequencePart::Time(place) => {
            let n = sequence
                .positive()
                .position(|(at, _)| at == place as usize)
                .ok_or_else(|| internal("the time of a step that is none"))?;
            Ok(column(format!("q{}_t{n}", id.0)))
        }
    }
}

fn time_type(program: &Program, events: SourceId) -> Result<&Type> {
    let found = program.source(events).and_then(|s| s.column(s.time.as_ref()?.column));
    Ok(&found.ok_or_else(|| internal("events without a time"))?.ty)
}

/// The scan of one source for all the steps that it has.
struct Scan<'a> {
    program: &'a Program,
    tables: &'a Tables,
    id: ExprId,
    sequence: &'a Sequence,
    /// All comparisons, with the place of their step.
    links: &'a [(usize, &'a StepLink)],
    source: (SourceId, &'a [u32]),
}

impl Scan<'_> {
    /// Whether the step at a place is of this scan.
    fn has(&self, place: usize) -> bool {
        self.sequence
            .steps
            .get(place)
            .is_some_and(|s| (s.events, s.path.as_slice()) == (self.source.0, self.source.1))
    }

    /// Whether the earlier side of a comparison is of this scan.
    fn has_earlier(&self, place: usize) -> bool {
        self.sequence
            .before(place)
            .is_some_and(|s| (s.events, s.path.as_slice()) == (self.source.0, self.source.1))
    }

    /// What is read on this source's rows.
    fn exprs(&self) -> Vec<ExprId> {
        let mut exprs = Vec::new();
        for (place, step) in self.sequence.steps.iter().enumerate() {
            if self.has(place) {
                exprs.extend(step.filter);
                exprs.extend(step.links.iter().map(|l| l.own));
            }
            if self.has_earlier(place) {
                exprs.extend(step.links.iter().map(|l| l.earlier));
            }
        }
        exprs
    }

    /// The rows that may be a step: key, times, which steps, compared values.
    fn events(&self, entity: Option<&Entity<'_>>, only: Option<&Expr>) -> Result<LogicalPlanBuilder> {
        let Scan { program, tables, .. } = *self;
        let (events, path) = self.source;
        let spec = program.source(events).ok_or_else(|| internal("an unknown source of events"))?;
        let at = spec.time.as_ref().ok_or_else(|| internal("events without a time"))?.column;
        let exprs = self.exprs();
        let mut needs = Needs::new();
        for expr in &exprs {
            need(program, events, *expr, &mut needs);
        }
        needs.entry(Vec::new()).or_default().extend([at, owner(program, events, path, 0)?.by]);
        let read = Read { events, path, window: Some(&self.sequence.window), exprs: &exprs };
        let Scanned { mut plan, key, marks } = read.scan(program, tables, &needs, entity, only)?;
        let none = Columns::new();
        let lowering = Lowering::with_marks(program, entity.map_or(&none, |e| e.columns), &marks.columns);
        let ty = time_type(program, events)?;
        let moment = || column(column_name(events, &[], at));

        let mut mask = lit(0i64);
        let mut any: Option<Expr> = None;
        let mut all = false;
        for (place, step) in self.sequence.steps.iter().enumerate().filter(|(i, _)| self.has(*i)) {
            let bit = lit(1i64 << place);
            match step.filter {
                None => {
                    all = true;
                    mask = mask + bit;
                }
                Some(filter) => {
                    let filter = lowering.expr(filter)?;
                    any = Some(any.map_or_else(|| filter.clone(), |any| any.or(filter.clone())));
                    mask = mask + when(filter, bit).otherwise(lit(0i64))?;
                }
            }
        }
        if let (Some(any), false) = (any, all) {
            plan = plan.filter(any)?;
        }
        let mut columns = vec![
            column(&key).alias(key_column(self.id)),
            convert(program, moment(), ty, &Type::Date)?.alias("day"),
            self.clock(moment(), ty)?.alias("clock"),
            ticks(moment(), ty).alias("time"),
            mask.alias("mask"),
        ];
        for (n, (place, link)) in self.links.iter().enumerate() {
            let common = Type::common(program.ty(link.own), program.ty(link.earlier))
                .ok_or_else(|| internal("operands without a common type"))?;
            let side = |here: bool, expr: ExprId| -> Result<Expr> {
                if here {
                    return lowering.cast(expr, &common);
                }
                let ty = arrow_type(&common).ok_or_else(|| internal("a value of no type"))?;
                Ok(lit(ScalarValue::try_from(&ty)?))
            };
            columns.push(side(self.has(*place), link.own)?.alias(format!("own{n}")));
            columns.push(side(self.has_earlier(*place), link.earlier)?.alias(format!("earlier{n}")));
        }
        Ok(plan.project(columns)?)
    }

    /// Microseconds that compare across the sequence's sources: exact where all are, else of the wall clock.
    fn clock(&self, moment: Expr, ty: &Type) -> Result<Expr> {
        let local = Type::Instant(Frame::Local);
        let mut mixed = false;
        for step in &self.sequence.steps {
            mixed |= *time_type(self.program, step.events)? == local;
        }
        Ok(match ty {
            Type::Date => lit(0i64),
            Type::Instant(Frame::Utc) if mixed => ticks(convert(self.program, moment, ty, &local)?, &local),
            ty => ticks(moment, ty),
        })
    }
}

/// A time as the whole number that it is stored as.
fn ticks(moment: Expr, ty: &Type) -> Expr {
    match ty {
        Type::Date => cast(cast(moment, DataType::Int32), DataType::Int64),
        _ => cast(moment, DataType::Int64),
    }
}

/// The sequence that a node asks for, itself or as a part of it.
pub(super) fn asked(program: &Program, id: ExprId) -> Option<(ExprId, &Sequence)> {
    let id = match program.node(id) {
        Node::SequencePart { sequence, .. } => *sequence,
        _ => id,
    };
    match program.node(id) {
        Node::Sequence(sequence) => Some((id, sequence)),
        _ => None,
    }
}
