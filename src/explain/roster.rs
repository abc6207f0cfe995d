//! The rows of several lists: each row once, however many lists it is in, and who is in which.

use super::portrait::{Asker, ExplainError, Result, View, internal};
use crate::engine::kept::{CHUNK, Order};
use crate::engine::{Away, EngineError, Room};
use crate::ir::{ExprId, SourceId};
use crate::plan::shelf::Place;
use crate::plan::{arrow_type, bytes, compact};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, UInt32Array, new_empty_array,
};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::{FilterBuilder, interleave, take};
use datafusion::arrow::datatypes::DataType;
use std::collections::HashMap;
use std::sync::Arc;

/// Gathers rows while a portrait streams by.
#[derive(Clone)]
pub(super) struct Roster {
    columns: Vec<ExprId>,
    lists: usize,
    /// Of each batch.
    keys: Vec<ArrayRef>,
    /// Of each batch: the columns, then for each list who is in it.
    batches: Vec<Vec<Piece>>,
    room: Room,
}

/// The rows in the order of their keys.
pub(super) struct Rows {
    keys: Vec<Piece>,
    columns: HashMap<ExprId, Vec<Piece>>,
    members: Vec<Vec<Piece>>,
    away: Away,
    /// Whose memory they take, where there was room.
    _came: Option<Away>,
}

/// A part of a column: of a batch as it came, or of [`CHUNK`] rows (the last may have less) in the order of the keys.
#[derive(Clone)]
enum Piece {
    Here(ArrayRef),
    Away(Place),
}

impl Roster {
    pub fn new(mut columns: Vec<ExprId>, lists: usize, room: Room) -> Roster {
        columns.sort();
        columns.dedup();
        Roster { columns, lists, keys: Vec::new(), batches: Vec::new(), room }
    }

    pub fn columns(&self) -> &[ExprId] {
        &self.columns
    }

    /// Takes the rows that are in any list. `members`: for each list, who is in it; nothing is unknown.
    pub fn add(&mut self, view: &View<'_>, members: &[BooleanArray]) -> Result<()> {
        let nobody = BooleanBuffer::new_unset(view.rows());
        let anybody = members.iter().fold(nobody, |all, list| &all | list.values());
        if anybody.count_set_bits() == 0 {
            return Ok(());
        }
        let wanted = FilterBuilder::new(&BooleanArray::new(anybody, None)).optimize().build();
        let only = |array: &dyn Array| Ok::<_, ExplainError>(compact(&wanted.filter(array)?));
        let mut columns = Vec::with_capacity(self.columns.len() + self.lists);
        for expr in &self.columns {
            columns.push(only(view.array(*expr)?)?);
        }
        for list in members {
            columns.push(only(list)?);
        }
        let keys = only(view.keys())?;
        self.room.needs(bytes(&keys))?;
        let has_room = self.room.takes(columns.iter().map(bytes).sum());
        let put = columns.into_iter().map(|column| put(&self.room, column, has_room));
        self.batches.push(put.collect::<Result<_>>()?);
        self.keys.push(keys);
        Ok(())
    }

    /// Takes what another one gathered, for the same lists.
    pub fn merge(&mut self, other: Roster) {
        self.keys.extend(other.keys);
        self.batches.extend(other.batches);
    }

    pub fn arranged(self, asker: &Asker<'_>, entity: SourceId) -> Result<Rows> {
        let Roster { columns, lists, keys, batches, room } = self;
        let count = columns.len() + lists;
        // What does not fit as it comes does not fit in order.
        let has_room = !batches.iter().flatten().any(|piece| matches!(piece, Piece::Away(_)));
        let (came, ordered) = (room.close()?, asker.engine.room(ROWS));
        let mut all: Vec<Vec<Piece>>;
        let arranged_keys;
        if keys.is_empty() {
            let of = |expr: &ExprId| arrow_type(asker.program.ty(*expr)).unwrap_or(DataType::Utf8View);
            let types = columns.iter().map(of).chain(std::iter::repeat_n(DataType::Boolean, lists));
            all = types.map(|data_type| vec![Piece::Here(new_empty_array(&data_type))]).collect();
            arranged_keys = vec![Piece::Here(new_empty_array(&asker.key_type(entity)?))];
        } else {
            let (order, _) = Order::of(&keys)?;
            let in_order = |piece: &mut dyn FnMut(usize) -> Result<ArrayRef>| {
                let mut pieces = Vec::new();
                order.chunks(piece, &mut |chunk| {
                    pieces.push(put(&ordered, chunk, has_room)?);
                    Ok::<_, ExplainError>(())
                })?;
                Ok::<_, ExplainError>(pieces)
            };
            let lost = || internal("a lost batch");
            arranged_keys = in_order(&mut |at| keys.get(at).cloned().ok_or_else(lost))?;
            drop(keys);
            // Column by column, and each is let go when it has been copied.
            let mut left: Vec<_> = batches.into_iter().map(Vec::into_iter).collect();
            all = Vec::with_capacity(count);
            let stop = asker.engine.cancel_handle();
            for _ in 0..count {
                if stop.is_cancelled() {
                    return Err(EngineError::Cancelled.into());
                }
                all.push(in_order(&mut |at| {
                    let piece = left.get_mut(at).and_then(Iterator::next).ok_or_else(lost)?;
                    piece.read(&came)
                })?);
            }
        }
        let members = all.split_off(columns.len());
        let columns = columns.into_iter().zip(all).collect();
        Ok(Rows {
            keys: arranged_keys,
            columns,
            members,
            away: ordered.close()?,
            _came: has_room.then_some(came),
        })
    }
}

/// What the room is for.
pub(super) const ROWS: &str = "rows of lists";

fn put(room: &Room, column: ArrayRef, has_room: bool) -> Result<Piece> {
    if has_room {
        return Ok(Piece::Here(column));
    }
    let batch = RecordBatch::try_from_iter_with_nullable([("", column, true)]).map_err(ExplainError::from)?;
    Ok(Piece::Away(room.put(&batch)?))
}

impl Piece {
    fn read(&self, away: &Away) -> Result<ArrayRef> {
        match self {
            Piece::Here(column) => Ok(Arc::clone(column)),
            Piece::Away(place) => {
                let batch = away.read(*place)?;
                batch.columns().first().cloned().ok_or_else(|| internal("a batch without its column"))
            }
        }
    }
}

impl Rows {
    /// Where the members of a list stand, in the order of their keys.
    pub fn members(&self, list: usize) -> Result<Vec<u32>> {
        let chunks = self.members.get(list).ok_or_else(|| internal("a lost list"))?;
        let mut places = Vec::new();
        for (at, chunk) in chunks.iter().enumerate() {
            let chunk = chunk.read(&self.away)?;
            let bits = chunk.as_boolean_opt().ok_or_else(|| internal("members that are not yes or no"))?;
            let place = |row| u32::try_from(at * CHUNK + row).map_err(|_| internal("too many rows"));
            for row in bits.values().set_indices() {
                places.push(place(row)?);
            }
        }
        Ok(places)
    }

    pub fn keys(&self, places: &[u32]) -> Result<ArrayRef> {
        self.pick(&self.keys, places)
    }

    /// The values of some rows; none where the column was not gathered.
    pub fn values(&self, expr: ExprId, places: &[u32]) -> Result<Option<ArrayRef>> {
        self.columns.get(&expr).map(|column| self.pick(column, places)).transpose()
    }

    fn pick(&self, column: &[Piece], places: &[u32]) -> Result<ArrayRef> {
        let place = |place: u32| (place as usize / CHUNK, place as usize % CHUNK);
        let lost = || internal("a lost chunk");
        let first = places.first().map_or(0, |first| place(*first).0);
        if places.iter().all(|at| place(*at).0 == first) {
            let chunk = column.get(first).ok_or_else(lost)?.read(&self.away)?;
            let rows: UInt32Array = places.iter().map(|at| at % CHUNK as u32).collect::<Vec<_>>().into();
            return Ok(take(&chunk, &rows, None)?);
        }
        // Those that are touched; the others may be on disk.
        let mut chunks: Vec<ArrayRef> = Vec::new();
        let mut read: Vec<Option<usize>> = vec![None; column.len()];
        let mut rows: Vec<(usize, usize)> = Vec::with_capacity(places.len());
        for at in places {
            let (chunk, row) = place(*at);
            let (piece, read) = column.get(chunk).zip(read.get_mut(chunk)).ok_or_else(lost)?;
            let chunk = match *read {
                Some(chunk) => chunk,
                None => {
                    chunks.push(piece.read(&self.away)?);
                    *read.insert(chunks.len() - 1)
                }
            };
            rows.push((chunk, row));
        }
        let chunks: Vec<&dyn Array> = chunks.iter().map(Arc::as_ref).collect();
        Ok(interleave(&chunks, &rows)?)
    }
}

/// Rows that are taken at a time, at most.
const AT_ONCE: usize = 1 << 15;

/// Rows that are worth taking.
const SOME: usize = 1 << 12;

/// How many of the places are best taken at a time: of those that rise, up to the end of a chunk, since a chunk may have to
/// be read.
pub(super) fn at_once(places: &[u32]) -> usize {
    let some = places.get(..AT_ONCE).unwrap_or(places);
    let (first, rest) = some.split_at(SOME.min(some.len()));
    match first.last() {
        Some(last) if some.is_sorted() => {
            let chunk = |place: u32| place as usize / CHUNK;
            first.len() + rest.partition_point(|place| chunk(*place) == chunk(*last))
        }
        _ => some.len(),
    }
}
