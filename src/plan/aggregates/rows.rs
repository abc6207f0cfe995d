//! The best (ties, value) of each group as bytes that compare as the columns do, in one arena for all groups.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int64Array, UInt32Array, new_null_array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::logical_expr::EmitTo;

use super::ordered::End;

/// Garbage below this many bytes is not worth a copy.
const LITTLE: usize = 1 << 16;

#[derive(Debug)]
pub(super) struct BestRows {
    /// Of the ties, then the value: missing is smallest.
    converter: RowConverter,
    /// Ties and value, all missing.
    blank: Vec<u8>,
    places: Vec<Place>,
    arena: Vec<u8>,
    garbage: usize,
}

/// Where the row of a group lies in the arena.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    start: usize,
    length: u32,
    status: Status,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Status {
    /// No event yet.
    #[default]
    None,
    /// An event with a better time has come; its row is not yet stored.
    Stale,
    Stored,
}

impl BestRows {
    /// For the types of the value and the ties.
    pub(super) fn new(types: &[DataType]) -> Result<Self> {
        let fields = ties_first(types).map(|data_type| SortField::new(data_type.clone())).collect();
        let converter = RowConverter::new(fields)?;
        let nulls: Vec<ArrayRef> = ties_first(types).map(|data_type| new_null_array(data_type, 1)).collect();
        let blank = converter.convert_columns(&nulls)?.row(0).as_ref().to_vec();
        Ok(BestRows { converter, blank, places: Vec::new(), arena: Vec::new(), garbage: 0 })
    }

    pub(super) fn grow(&mut self, groups: usize) {
        self.places.resize(groups.max(self.places.len()), Place::default());
    }

    /// Only rows that have the best time of their group are made into bytes.
    pub(super) fn update(
        &mut self,
        end: End,
        best_times: &mut [i64],
        columns: &[ArrayRef],
        times: &Int64Array,
        groups: &[usize],
    ) -> Result<()> {
        let mut candidates: Vec<(u32, usize, i64)> = Vec::new();
        for (row, (time, group)) in (0u32..).zip(times.values().iter().zip(groups)) {
            if times.is_null(row as usize) {
                continue;
            }
            if let (Some(best), Some(place)) = (best_times.get_mut(*group), self.places.get_mut(*group)) {
                if place.status == Status::None || end.prefers(*time, *best) {
                    *best = *time;
                    place.status = Status::Stale;
                    candidates.push((row, *group, *time));
                } else if *time == *best {
                    candidates.push((row, *group, *time));
                }
            }
        }
        candidates.retain(|(_, group, time)| best_times.get(*group) == Some(time));
        if candidates.is_empty() {
            return Ok(());
        }
        let picked: UInt32Array = candidates.iter().map(|(row, ..)| *row).collect::<Vec<_>>().into();
        let columns: Vec<ArrayRef> = ties_first(columns)
            .map(|column| take(column, &picked, None))
            .collect::<std::result::Result<_, _>>()?;
        let rows = self.converter.convert_columns(&columns)?;
        for (row, (_, group, _)) in rows.iter().zip(&candidates) {
            self.offer(end, *group, row.as_ref());
        }
        self.compact();
        Ok(())
    }

    fn offer(&mut self, end: End, group: usize, row: &[u8]) {
        let Some(place) = self.places.get_mut(group) else { return };
        let length = place.length as usize;
        let stored = self.arena.get_mut(place.start..place.start + length);
        if place.status == Status::Stored && !stored.as_ref().is_none_or(|stored| end.prefers(row, &**stored))
        {
            return;
        }
        place.status = Status::Stored;
        match stored.and_then(|stored| stored.get_mut(..row.len())).filter(|_| length > 0) {
            Some(room) => {
                room.copy_from_slice(row);
                self.garbage += length - row.len();
            }
            None => {
                self.garbage += length;
                place.start = self.arena.len();
                self.arena.extend_from_slice(row);
            }
        }
        place.length = u32::try_from(row.len()).unwrap_or(u32::MAX);
    }

    /// Copies the arena without its garbage where that is more than half.
    fn compact(&mut self) {
        if self.garbage <= LITTLE || self.garbage <= self.arena.len() / 2 {
            return;
        }
        let mut arena = Vec::with_capacity(self.arena.len() - self.garbage);
        for place in &mut self.places {
            let row = self.arena.get(place.start..place.start + place.length as usize).unwrap_or_default();
            place.start = arena.len();
            arena.extend_from_slice(row);
        }
        self.arena = arena;
        self.garbage = 0;
    }

    /// Which of the first groups have an event, and their value and ties.
    pub(super) fn take(&mut self, emit: EmitTo) -> Result<(NullBuffer, Vec<ArrayRef>)> {
        let places = emit.take_needed(&mut self.places);
        let parser = self.converter.parser();
        let rows = places.iter().map(|place| {
            let row = self.arena.get(place.start..place.start + place.length as usize);
            parser.parse(row.filter(|row| !row.is_empty()).unwrap_or(&self.blank))
        });
        let mut columns = self.converter.convert_rows(rows)?;
        // The value is last in a row, and first in a state.
        let value = columns.pop().ok_or_else(|| internal_datafusion_err!("a row without a value"))?;
        columns.insert(0, Arc::clone(&value));
        let seen = NullBuffer::from_iter(places.iter().map(|place| place.status != Status::None));
        self.garbage += places.iter().map(|place| place.length as usize).sum::<usize>();
        if self.places.is_empty() {
            self.arena = Vec::new();
            self.garbage = 0;
        }
        self.compact();
        Ok((seen, columns))
    }

    pub(super) fn size(&self) -> usize {
        self.places.capacity() * size_of::<Place>()
            + self.arena.capacity()
            + self.blank.capacity()
            + self.converter.size()
    }
}

/// The value comes first in the arguments, and last in the order.
fn ties_first<T>(columns: &[T]) -> impl Iterator<Item = &T> {
    columns.iter().skip(1).chain(columns.first())
}
