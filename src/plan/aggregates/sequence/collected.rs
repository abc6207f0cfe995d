//! The events of each group, kept as columns, and what they say at the end.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, StructArray, UInt64Array, new_empty_array,
};
use datafusion::arrow::compute::{cast, concat, filter as keep, take};
use datafusion::arrow::datatypes::{DataType, Date32Type, Fields, Int64Type};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::logical_expr::EmitTo;

use super::super::common::{as_lists, by_group, canonical, column, lists, passing, ranges, wrong_type};
use super::super::groups::Groups;
use super::FIXED;
use super::pattern::{Event, Found, MISSING, Pattern, Ranks};

#[derive(Debug)]
pub(super) struct Collected {
    pattern: Arc<Pattern>,
    types: Vec<DataType>,
    /// Of the result.
    fields: Fields,
    /// For each argument, what came in one batch after the other.
    columns: Vec<Vec<ArrayRef>>,
    /// The group of each row.
    rows: Vec<usize>,
    groups: usize,
    bytes: usize,
}

/// The rows of some groups, in the order of the groups: where each begins, and the columns.
type Sorted = (Vec<i64>, Vec<ArrayRef>);

impl Collected {
    pub(super) fn new(pattern: Arc<Pattern>, types: Vec<DataType>, fields: Fields) -> Self {
        let columns = types.iter().map(|_| Vec::new()).collect();
        Collected { pattern, types, fields, columns, rows: Vec::new(), groups: 0, bytes: 0 }
    }

    fn push(&mut self, columns: Vec<ArrayRef>, groups: impl Iterator<Item = usize>) -> Result<()> {
        self.rows.extend(groups);
        for (kept, column) in self.columns.iter_mut().zip(columns) {
            let column = canonical(&column)?;
            // A view would keep the whole batch that it points into.
            let column = match column.as_string_view_opt() {
                Some(texts) => Arc::new(texts.gc()) as ArrayRef,
                None => column,
            };
            self.bytes += column.get_array_memory_size();
            kept.push(column);
        }
        Ok(())
    }

    /// The rows of the first groups, which are forgotten.
    fn take(&mut self, emit: EmitTo) -> Result<(usize, Sorted)> {
        let groups = match emit {
            EmitTo::All => self.groups,
            EmitTo::First(n) => n.min(self.groups),
        };
        let rows = std::mem::take(&mut self.rows);
        let all: Vec<ArrayRef> = self
            .columns
            .iter_mut()
            .zip(&self.types)
            .map(|(parts, ty)| {
                let parts = std::mem::take(parts);
                let parts: Vec<&dyn Array> = parts.iter().map(|p| p.as_ref()).collect();
                if parts.is_empty() { Ok(new_empty_array(ty)) } else { Ok(concat(&parts)?) }
            })
            .collect::<Result<_>>()?;
        self.bytes = 0;
        self.groups -= groups;
        let numbered = || rows.iter().zip(0u64..);
        let (offsets, order) =
            by_group(groups, numbered().filter(|(g, _)| **g < groups).map(|(g, r)| (*g, r)));
        let rest: Vec<u64> = numbered().filter(|(g, _)| **g >= groups).map(|(_, row)| row).collect();
        if !rest.is_empty() {
            let left = rows.iter().filter_map(|g| g.checked_sub(groups)).collect::<Vec<_>>();
            self.push(picked(&all, rest)?, left.into_iter())?;
        }
        Ok((groups, (offsets, picked(&all, order)?)))
    }
}

fn picked(columns: &[ArrayRef], rows: Vec<u64>) -> Result<Vec<ArrayRef>> {
    let rows = UInt64Array::from(rows);
    columns.iter().map(|c| Ok(take(c, &rows, None)?)).collect()
}

/// The values of both sides as numbers that compare as they do.
fn ranks(own: &ArrayRef, earlier: &ArrayRef) -> Result<(Vec<i64>, Vec<i64>)> {
    let all = concat(&[own.as_ref(), earlier.as_ref()])?;
    let converter = RowConverter::new(vec![SortField::new(all.data_type().clone())])?;
    let rows = converter.convert_columns(&[Arc::clone(&all)])?;
    let bytes: Vec<_> = rows.iter().collect();
    let mut order: Vec<usize> = (0..all.len()).filter(|row| all.is_valid(*row)).collect();
    order.sort_unstable_by(|a, b| bytes.get(*a).cmp(&bytes.get(*b)));
    let mut ranks = vec![MISSING; all.len()];
    let (mut rank, mut before) = (0, None);
    for row in order {
        let here = bytes.get(row);
        if before.is_some_and(|b| Some(b) != here) {
            rank += 1;
        }
        before = here;
        ranks.get_mut(row).into_iter().for_each(|r| *r = rank);
    }
    let earlier = ranks.split_off(own.len());
    Ok((ranks, earlier))
}

fn numbers(columns: &[ArrayRef], at: usize) -> Result<&Int64Array> {
    let array = column(columns, at)?;
    array.as_primitive_opt::<Int64Type>().ok_or_else(|| wrong_type("an event's time", array))
}

impl Groups for Collected {
    fn grow(&mut self, groups: usize) -> Result<()> {
        self.groups = self.groups.max(groups);
        Ok(())
    }

    fn update(&mut self, args: &[ArrayRef], groups: &[usize], filter: Option<&BooleanArray>) -> Result<()> {
        match passing(filter) {
            None => self.push(args.to_vec(), groups.iter().copied()),
            Some(passing) => {
                let mask = BooleanArray::new(passing.inner().clone(), None);
                let args = args.iter().map(|a| Ok(keep(a, &mask)?)).collect::<Result<_>>()?;
                self.push(args, passing.valid_indices().filter_map(|row| groups.get(row).copied()))
            }
        }
    }

    fn merge(&mut self, states: &[ArrayRef], groups: &[usize]) -> Result<()> {
        let first = as_lists(column(states, 0)?)?;
        let mut of: Vec<usize> = Vec::new();
        for (group, range) in ranges(first, groups) {
            of.extend(range.map(|_| group));
        }
        let mut columns = Vec::with_capacity(states.len());
        for state in states {
            let state = as_lists(state)?;
            let rows: Vec<u64> =
                ranges(state, groups).flat_map(|(_, r)| r.start as u64..r.end as u64).collect();
            columns.push(take(state.values(), &UInt64Array::from(rows), None)?);
        }
        self.push(columns, of.into_iter())
    }

    fn finish(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let (groups, (offsets, columns)) = self.take(emit)?;
        let day = column(&columns, 0)?;
        let day = day.as_primitive_opt::<Date32Type>().ok_or_else(|| wrong_type("an event's day", day))?;
        let (clock, time, mask) = (numbers(&columns, 1)?, numbers(&columns, 2)?, numbers(&columns, 3)?);
        let compared = columns.get(FIXED..).unwrap_or_default().chunks_exact(2);
        let ranks = Ranks(
            compared
                .map(|pair| match pair {
                    [own, earlier] => ranks(own, earlier),
                    _ => Err(internal_datafusion_err!("a comparison without two sides")),
                })
                .collect::<Result<_>>()?,
        );
        let events: Vec<Event> = day
            .values()
            .iter()
            .zip(clock.values())
            .zip(time.values().iter().zip(mask.values()))
            .enumerate()
            .map(|(row, ((day, clock), (time, mask)))| Event {
                day: *day,
                clock: *clock,
                time: *time,
                mask: *mask,
                row,
            })
            .collect();
        let found: Vec<Found> = offsets
            .iter()
            .zip(offsets.iter().skip(1))
            .take(groups)
            .map(|(from, to)| {
                let range = usize::try_from(*from).unwrap_or(0)..usize::try_from(*to).unwrap_or(0);
                self.pattern.search(events.get(range).unwrap_or_default(), &ranks)
            })
            .collect();
        let matched: BooleanArray = found.iter().map(|f| Some(f.times.is_some())).collect();
        let steps: Int64Array = found.iter().map(|f| i64::try_from(f.reached).ok()).collect();
        let mut arrays: Vec<ArrayRef> = vec![Arc::new(matched), Arc::new(steps)];
        for (n, field) in self.fields.iter().skip(2).enumerate() {
            let times: Int64Array =
                found.iter().map(|f| f.times.as_ref().and_then(|t| t.get(n)).copied()).collect();
            arrays.push(cast(&times, field.data_type())?);
        }
        Ok(Arc::new(StructArray::try_new_with_length(self.fields.clone(), arrays, None, found.len())?))
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let (_, (offsets, columns)) = self.take(emit)?;
        columns.into_iter().map(|c| lists(offsets.clone(), c)).collect()
    }

    fn rows_to_state(&self, args: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let rows = args.first().map_or(0, |a| a.len());
        let passing = passing(filter);
        let mut offsets = Vec::with_capacity(rows + 1);
        let mut total = 0i64;
        offsets.push(total);
        for row in 0..rows {
            total += i64::from(passing.as_ref().is_none_or(|p| p.is_valid(row)));
            offsets.push(total);
        }
        args.iter()
            .map(|a| {
                let values = canonical(a)?;
                let values = match &passing {
                    None => values,
                    Some(p) => keep(&values, &BooleanArray::new(p.inner().clone(), None))?,
                };
                lists(offsets.clone(), values)
            })
            .collect()
    }

    fn size(&self) -> usize {
        self.bytes + self.rows.capacity() * size_of::<usize>()
    }
}
