//! One source's rows, as the portrait wants them: only the columns that are needed, each in one arrow type per
//! type of the language, whatever the file has.

use super::lookup::Marks;
use super::scalar::{self, converted, known};
use super::time::{self, utc_zone};
use super::{Result, expr::Lowering, internal};
use crate::ir::{ColumnId, ExprId, KeysOf, LinkId, Moment, Node, Program, Source, SourceId, Window};
use crate::types::{Frame, Type};
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::catalog::TableProvider;
use datafusion::common::Column;
use datafusion::datasource::provider_as_source;
use datafusion::functions::datetime::expr_fn::to_local_time;
use datafusion::functions_window::expr_fn::rank;
use datafusion::logical_expr::{ExprFunctionExt, JoinType, LogicalPlanBuilder, cast, try_cast};
use datafusion::prelude::{Expr, lit};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// The digits of a decimal that holds any number of 64 bits.
const SIGNED_DIGITS: u8 = 19;

/// The opened sources of a run.
pub type Tables = HashMap<SourceId, Arc<dyn TableProvider>>;

/// The arrow type in which the portrait holds a type of the language.
pub fn arrow_type(ty: &Type) -> Option<DataType> {
    Some(match ty {
        Type::Int => DataType::Int64,
        Type::Decimal { precision, scale } => DataType::Decimal128(*precision, *scale),
        Type::Float => DataType::Float64,
        Type::Text | Type::Label(_) | Type::Blank => DataType::Utf8View,
        Type::Bool => DataType::Boolean,
        Type::Date => DataType::Date32,
        Type::Instant(Frame::Local) => DataType::Timestamp(TimeUnit::Microsecond, None),
        Type::Instant(Frame::Utc) => DataType::Timestamp(TimeUnit::Microsecond, Some(utc_zone())),
        Type::Duration | Type::Unsupported(_) | Type::Error => return None,
    })
}

/// A column by its exact name: DataFusion's `col` folds case and splits at dots.
pub(super) fn column(name: impl Into<String>) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

/// The name of a source's column in a plan.
pub(super) fn column_name(source: SourceId, via: &[LinkId], column: ColumnId) -> String {
    let links: String = via.iter().map(|l| format!("_l{}", l.0)).collect();
    format!("s{}{links}_c{}", source.0, column.0)
}

/// The columns of one source that an expression needs: own ones under no links.
pub(super) type Needs = BTreeMap<Vec<LinkId>, BTreeSet<ColumnId>>;

/// Adds to `needs` the columns of `source` that `expr` reads on its own row.
pub(super) fn need(program: &Program, source: SourceId, expr: ExprId, needs: &mut Needs) {
    program.graph.walk(expr, &mut |_, node| {
        if let Node::Column { source: of, via, column } = node
            && *of == source
        {
            needs.entry(via.clone()).or_default().insert(*column);
        }
    });
}

/// A condition on a table's columns as they are stored, before anything else is done with them.
pub(super) enum Early {
    /// Rows for which it is not true are left out.
    Filter(Expr),
    /// What the files' statistics exclude is not read; of what is read, nothing is left out.
    Skip(Expr),
}

/// The rows of `source` with the columns of `needs` (and, over links, those of look-ups), its `where` applied.
pub(super) fn rows(
    program: &Program,
    tables: &Tables,
    source: SourceId,
    needs: &Needs,
    before: impl FnOnce(&Source, &dyn TableProvider) -> Option<Early>,
) -> Result<LogicalPlanBuilder> {
    let mut needs = needs.clone();
    let spec = program.source(source).ok_or_else(|| internal("a source of another program"))?;
    if let Some(filter) = spec.filter {
        need(program, source, filter, &mut needs);
    }
    // Each link needs the column that it starts from.
    let mut paths: BTreeSet<Vec<LinkId>> = BTreeSet::new();
    for via in needs.keys().cloned().collect::<Vec<_>>() {
        for depth in 1..=via.len() {
            paths.extend(via.get(..depth).map(<[LinkId]>::to_vec));
        }
    }
    for via in &paths {
        let (Some((last, front)), Some(owner)) = (via.split_last(), owner(program, source, via)) else {
            continue;
        };
        let from =
            program.source(owner).and_then(|s| s.link(*last)).ok_or_else(|| internal("an unknown link"))?;
        needs.entry(front.to_vec()).or_default().insert(from.column);
    }

    let mut plan = table(program, tables, source, needs.get(&Vec::new()), before)?;
    for via in &paths {
        let (Some((last, front)), Some(owner)) = (via.split_last(), owner(program, source, via)) else {
            continue;
        };
        let link =
            program.source(owner).and_then(|s| s.link(*last)).ok_or_else(|| internal("an unknown link"))?;
        let target = program.source(link.target).ok_or_else(|| internal("an unknown link"))?;
        let key = target.key.ok_or_else(|| internal("a link to a source without a key"))?;
        let mut columns = needs.get(via).cloned().unwrap_or_default();
        columns.insert(key);
        // The rows of a look-up are those that its own `where` leaves.
        let names: Vec<Expr> = columns
            .iter()
            .map(|c| column(column_name(link.target, &[], *c)).alias(column_name(source, via, *c)))
            .collect();
        let own = Needs::from([(Vec::new(), columns)]);
        // As a pointer: a closure would be another instance of this function at each step.
        let all: fn(&Source, &dyn TableProvider) -> Option<Early> = |_, _| None;
        let looked_up = rows(program, tables, link.target, &own, all)?.project(names)?;
        plan = plan.join_with_expr_keys(
            looked_up.build()?,
            JoinType::Left,
            (
                vec![column(column_name(source, front, link.column))],
                vec![column(column_name(source, via, key))],
            ),
            None,
        )?;
    }
    if let Some(filter) = spec.filter {
        let mut marks = Marks::default();
        plan = marks.join(program, tables, plan, &[filter], &HashMap::new())?;
        let none = HashMap::new();
        let lowering = Lowering::with_marks(program, &none, &marks.columns);
        plan = plan.filter(lowering.expr(filter)?)?;
    }
    Ok(plan)
}

/// The source in which the last link of `via` is declared.
fn owner(program: &Program, root: SourceId, via: &[LinkId]) -> Option<SourceId> {
    let (_, front) = via.split_last()?;
    front.iter().try_fold(root, |at, link| Some(program.source(at)?.link(*link)?.target))
}

/// A scan of one table with its columns renamed and brought to their types.
fn table(
    program: &Program,
    tables: &Tables,
    source: SourceId,
    columns: Option<&BTreeSet<ColumnId>>,
    before: impl FnOnce(&Source, &dyn TableProvider) -> Option<Early>,
) -> Result<LogicalPlanBuilder> {
    let spec = program.source(source).ok_or_else(|| internal("a source of another program"))?;
    if let Some(keys) = spec.keys_of {
        return keys_of(program, tables, source, keys);
    }
    let provider = tables.get(&source).ok_or_else(|| internal(format!("{} was not opened", spec.name)))?;
    let schema = provider.schema();
    let early = before(spec, provider.as_ref());
    let (name, of) = (spec.name.as_str(), provider_as_source(Arc::clone(provider)));
    let plan = match early {
        None => LogicalPlanBuilder::scan(name, of, None)?,
        Some(Early::Filter(early)) => LogicalPlanBuilder::scan(name, of, None)?.filter(early)?,
        Some(Early::Skip(early)) => LogicalPlanBuilder::scan_with_filters(name, of, None, vec![early])?,
    };
    // The newest row of each key is told by the two columns.
    let history = spec.latest.zip(spec.key);
    let mut wanted: BTreeSet<ColumnId> = columns.cloned().unwrap_or_default();
    wanted.extend(history.iter().flat_map(|(latest, key)| [*latest, *key]));
    let mut projection = Vec::new();
    for id in &wanted {
        let c = spec.column(*id).ok_or_else(|| internal("an unknown column"))?;
        // An empty file has no column, and no row that would lack one.
        if schema.fields().is_empty() {
            projection.push(super::expr::missing(&c.ty)?.alias(column_name(source, &[], *id)));
            continue;
        }
        let field = schema
            .field_with_name(&c.name)
            .map_err(|_| internal(format!("{} has lost its column {}", spec.name, c.name)))?;
        let read = read_as(column(&c.name), field.data_type(), &c.ty, program)?;
        projection.push(read.alias(column_name(source, &[], *id)));
    }
    if projection.is_empty() {
        // Rows are counted even where no column of theirs is needed.
        projection.push(lit(true).alias(format!("s{}_row", source.0)));
    }
    let plan = plan.project(projection)?;
    match history {
        Some((latest, key)) => {
            let ty = &spec.column(latest).ok_or_else(|| internal("an unknown column"))?.ty;
            let day = spec.copy.map_or(program.as_of, |(_, day)| day);
            let cut = time::canonical(day.cut(), ty, &program.zone, true);
            newest(plan, &column_name(source, &[], key), &column_name(source, &[], latest), cut)
        }
        None => Ok(plan),
    }
}

/// The rows of a source that lie in `window`; all of them where it is none.
pub(super) fn rows_within(
    program: &Program,
    tables: &Tables,
    source: SourceId,
    needs: &Needs,
    window: Option<&Window>,
) -> Result<LogicalPlanBuilder> {
    let plan = rows(program, tables, source, needs, |source, provider| {
        early(program, source, provider, window?).map(Early::Filter)
    })?;
    let spec = program.source(source).ok_or_else(|| internal("a source of another program"))?;
    let (Some(t), Some(window)) = (&spec.time, window) else { return Ok(plan) };
    // The same bounds on the column as it is read: the early filter is only for skipping where types differ.
    let c = spec.column(t.column).ok_or_else(|| internal("an unknown time column"))?;
    let name = column_name(source, &[], t.column);
    match within(column(name), window, |m, end| Some(time::canonical(m, &c.ty, &program.zone, end))) {
        Some(filter) => Ok(plan.filter(filter)?),
        None => Ok(plan),
    }
}

/// A window as a condition on the time column as it is stored.
pub(super) fn early(
    program: &Program,
    source: &Source,
    provider: &dyn TableProvider,
    window: &Window,
) -> Option<Expr> {
    let c = source.column(source.time.as_ref()?.column)?;
    let schema = provider.schema();
    let stored = schema.field_with_name(&c.name).ok()?.data_type();
    within(column(&c.name), window, |m, end| time::stored(m, stored, &c.ty, &program.zone, end))
}

/// Half-open bounds on a time column; an event without a time is in none.
pub(super) fn within(
    t: Expr,
    window: &Window,
    literal: impl Fn(Moment, bool) -> Option<Expr>,
) -> Option<Expr> {
    let before = t.clone().lt(literal(window.end, true)?);
    match window.start {
        Some(start) => Some(t.gt_eq(literal(start, false)?).and(before)),
        None => Some(before),
    }
}

/// The rows of an entity without a table: each key once that stands in an event which the run sees. A scan of its own,
/// beside the folds of the same events.
fn keys_of(program: &Program, tables: &Tables, source: SourceId, keys: KeysOf) -> Result<LogicalPlanBuilder> {
    let unknown = || internal("keys of unknown events");
    let (spec, events) = (program.source(source), program.source(keys.events));
    let (spec, events) = (spec.ok_or_else(unknown)?, events.ok_or_else(unknown)?);
    let key = spec.key.ok_or_else(unknown)?;
    let mut columns = BTreeSet::from([keys.by]);
    columns.extend(events.time.iter().map(|t| t.column));
    let seen = Window { start: None, end: program.as_of.cut(), written: None };
    let needs = Needs::from([(Vec::new(), columns)]);
    let plan = rows_within(program, tables, keys.events, &needs, Some(&seen))?;
    let by = events.column(keys.by).ok_or_else(unknown)?;
    let stored = arrow_type(&by.ty).ok_or_else(unknown)?;
    let ty = &spec.column(key).ok_or_else(unknown)?.ty;
    let value = read_as(column(column_name(keys.events, &[], keys.by)), &stored, ty, program)?;
    let name = column_name(source, &[], key);
    Ok(plan.project(vec![value.alias(&name)])?.filter(column(name).is_not_null())?.distinct()?)
}

/// Per key, the row that is the newest before `cut`; several where they are equally new, which is told as a key
/// that stands twice.
fn newest(plan: LogicalPlanBuilder, key: &str, latest: &str, cut: Expr) -> Result<LogicalPlanBuilder> {
    let keep: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
    let place = format!("{key}_age");
    let ranked = rank()
        .partition_by(vec![column(key)])
        .order_by(vec![column(latest).sort(false, false)])
        .build()?
        .alias(&place);
    let plan = plan.filter(column(latest).lt(cut))?.window(vec![ranked])?;
    Ok(plan.filter(column(&place).eq(lit(1u64)))?.project(keep)?)
}

/// A stored column in the portrait's type. What does not fit is missing.
pub(super) fn read_as(raw: Expr, stored: &DataType, ty: &Type, program: &Program) -> Result<Expr> {
    let wanted = arrow_type(ty).ok_or_else(|| internal(format!("a column of the type {ty}")))?;
    let stored = match stored {
        DataType::Dictionary(_, value) => value.as_ref(),
        other => other,
    };
    let text = matches!(stored, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let read = match (ty, stored) {
        (Type::Float, DataType::Float16 | DataType::Float32 | DataType::Float64) => {
            known(cast(raw, DataType::Float64))
        }
        (Type::Float, _) => known(converted(raw, DataType::Float64)),
        // What changes no value and has room for all may be taken apart, so that a scan knows what to skip.
        (Type::Int | Type::Decimal { .. }, from) if is_exact(from, &wanted) => cast(raw, wanted),
        // To nearest, never cut off; arrow's decimal casts round, its casts to whole numbers truncate.
        (Type::Int, DataType::Float16 | DataType::Float32 | DataType::Float64) => {
            converted(datafusion::functions::math::expr_fn::round(vec![raw]), DataType::Int64)
        }
        (
            Type::Int,
            DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..),
        ) => converted(converted(raw, DataType::Decimal128(38, 0)), DataType::Int64),
        (Type::Text | Type::Label(_) | Type::Blank, _) if text => cast(raw, DataType::Utf8View),
        (Type::Date, DataType::Timestamp(_, tz)) => {
            let local = match tz {
                Some(_) => local_time(raw, program),
                None => raw,
            };
            scalar::day(local)
        }
        (Type::Instant(Frame::Local), DataType::Timestamp(_, Some(_))) => {
            cast(local_time(raw, program), wanted.clone())
        }
        (Type::Instant(Frame::Local) | Type::Date, _) if text => {
            // What says its zone means what it says. What says none is a wall clock's time already, also one that the zone
            // never had or had twice, which is no moment.
            let raw = cast(raw, DataType::Utf8);
            let moment = try_cast(raw.clone(), moment_in(program));
            let said = cast(to_local_time(vec![moment]), wanted.clone());
            scalar::first_known(said, try_cast(raw, wanted.clone()), wanted)
        }
        (_, _) if text => converted(cast(raw, DataType::Utf8), wanted),
        (_, from) if *from == wanted => raw,
        // The same moments by another name.
        (Type::Instant(_), DataType::Timestamp(TimeUnit::Microsecond, _)) => cast(raw, wanted),
        _ => converted(raw, wanted),
    };
    Ok(read)
}

/// Whether each number of a type is one of another.
fn is_exact(from: &DataType, to: &DataType) -> bool {
    let digits = |data_type: &DataType| match data_type {
        DataType::Int64 => Some((SIGNED_DIGITS, 0)),
        DataType::Decimal128(digits, places) => Some((*digits, *places)),
        _ => None,
    };
    match (digits(from), digits(to), to) {
        // Of 19 digits some are too large for 64 bits.
        (Some((digits, 0)), _, DataType::Int64) => digits < SIGNED_DIGITS,
        (Some((p, s)), Some((q, t)), _) => {
            t >= s && i16::from(q) - i16::from(t) >= i16::from(p) - i16::from(s)
        }
        _ => false,
    }
}

/// The wall clock of the script's zone for a moment with a zone.
pub(super) fn local_time(moment: Expr, program: &Program) -> Expr {
    to_local_time(vec![cast(moment, moment_in(program))])
}

/// A moment, told in the script's zone.
fn moment_in(program: &Program) -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(program.zone.name().into()))
}
