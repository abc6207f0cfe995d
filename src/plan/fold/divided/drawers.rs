//! Rows put away in a file, drawer by drawer.
//!
//! Rows are held until there are enough of them, then sorted by their drawers and written as one block for each. So the
//! file is written from its beginning to its end, whatever the number of drawers, and one drawer is read without the
//! others.

use crate::plan::operator::width;
use crate::plan::shelf::{Place, Shelf, Shelving};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::{cast, interleave};
use datafusion::arrow::datatypes::{DataType, Field, Int32Type, Schema};
use datafusion::common::Result;
use datafusion::execution::disk_manager::DiskManager;
use datafusion::physical_plan::metrics::SpillMetrics;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A file that is still written.
pub(super) struct Filing {
    shelf: Shelving,
    drawers: Vec<Vec<Place>>,
    held: Vec<RecordBatch>,
    /// The drawer of each row that is held.
    of: Vec<u16>,
    /// Bytes that may be held, about.
    room: usize,
    bytes: usize,
    metrics: SpillMetrics,
}

/// A file to be read. It goes when this does.
#[derive(Debug)]
pub(super) struct Drawers {
    shelf: Shelf,
    drawers: Vec<Vec<Place>>,
}

impl Filing {
    /// Of so many drawers, holding about so many bytes in memory.
    pub fn new(
        disk: &Arc<DiskManager>,
        drawers: usize,
        room: usize,
        metrics: SpillMetrics,
    ) -> Result<Filing> {
        let shelf = Shelving::new(disk, "folding events")?;
        metrics.spill_file_count.add(1);
        Ok(Filing {
            shelf,
            drawers: vec![Vec::new(); drawers],
            held: Vec::new(),
            of: Vec::new(),
            room,
            bytes: 0,
            metrics,
        })
    }

    /// Takes rows, each with its drawer.
    pub fn add(&mut self, batch: RecordBatch, drawers: impl Iterator<Item = u16>) -> Result<()> {
        let before = self.of.len();
        self.of.extend(drawers);
        self.bytes += (self.of.len() - before) * width(&batch.schema());
        self.held.push(batch);
        if self.bytes >= self.room { self.flush() } else { Ok(()) }
    }

    pub fn close(mut self) -> Result<Drawers> {
        self.flush()?;
        Ok(Drawers { shelf: self.shelf.close()?, drawers: self.drawers })
    }

    /// Writes what is held.
    fn flush(&mut self) -> Result<()> {
        let held = std::mem::take(&mut self.held);
        let of = std::mem::take(&mut self.of);
        self.bytes = 0;
        let Some(schema) = held.first().filter(|_| !of.is_empty()).map(RecordBatch::schema) else {
            return Ok(());
        };
        // Where each drawer's rows begin among the sorted ones.
        let mut starts = vec![0usize; self.drawers.len() + 1];
        for drawer in &of {
            if let Some(count) = starts.get_mut(usize::from(*drawer) + 1) {
                *count += 1;
            }
        }
        for at in 1..starts.len() {
            let before = starts.get(at - 1).copied().unwrap_or(0);
            if let Some(start) = starts.get_mut(at) {
                *start += before;
            }
        }
        let mut next = starts.clone();
        let mut order = vec![(0usize, 0usize); of.len()];
        let places = held.iter().enumerate().flat_map(|(at, b)| (0..b.num_rows()).map(move |row| (at, row)));
        for (drawer, place) in of.iter().zip(places) {
            let Some(at) = next.get_mut(usize::from(*drawer)) else { continue };
            if let Some(slot) = order.get_mut(*at) {
                *slot = place;
            }
            *at += 1;
        }
        let rows_of_block = (of.len() / self.drawers.len()).max(1);
        let mut columns = Vec::with_capacity(schema.fields().len());
        for at in 0..schema.fields().len() {
            let parts: Vec<ArrayRef> = held.iter().map(|b| Arc::clone(b.column(at))).collect();
            columns.push(sorted(&parts, &order, rows_of_block)?);
        }
        drop(held);
        let fields = schema.fields().iter().zip(&columns);
        let fields: Vec<Field> = fields
            .map(|(field, column)| Field::new(field.name(), column.data_type().clone(), true))
            .collect();
        let sorted = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?;
        let ends = starts.iter().skip(1);
        for (drawer, (start, end)) in self.drawers.iter_mut().zip(starts.iter().zip(ends)) {
            if start == end {
                continue;
            }
            let place = self.shelf.put(&sorted.slice(*start, end - start))?;
            self.metrics.spilled_bytes.add(usize::try_from(place.length()).unwrap_or(usize::MAX));
            drawer.push(place);
        }
        self.metrics.spilled_rows.add(sorted.num_rows());
        Ok(())
    }
}

impl Drawers {
    /// The rows of one drawer.
    pub fn read(&self, drawer: usize) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<>> {
        let mut shelf = self.shelf.open()?;
        let places = self.drawers.get(drawer).cloned().unwrap_or_default();
        Ok(places.into_iter().map(move |place| shelf.read(place)))
    }
}

/// A column's values in another order. Texts come as what takes least room in blocks of so many rows.
fn sorted(parts: &[ArrayRef], order: &[(usize, usize)], rows_of_block: usize) -> Result<ArrayRef> {
    // A dictionary is written with each block.
    let mut dictionaries = BTreeMap::new();
    for part in parts {
        if let Some(part) = part.as_dictionary_opt::<Int32Type>() {
            dictionaries.insert(Arc::as_ptr(part.values()).addr(), part.values().len());
        }
    }
    let are_small = dictionaries.values().sum::<usize>() <= rows_of_block;
    let is_coded = parts.iter().all(|part| matches!(part.data_type(), DataType::Dictionary(..)));
    let plain: Vec<ArrayRef>;
    let parts = if dictionaries.is_empty() || (is_coded && are_small) {
        parts
    } else {
        plain = parts.iter().map(|part| cast(part, &DataType::Utf8View)).collect::<Result<_, _>>()?;
        &plain
    };
    // Decimals that are stored short in some files, or were not read of some row groups.
    let long = parts.iter().map(|part| part.data_type()).find(|t| matches!(t, DataType::Decimal128(..)));
    let longer: Vec<ArrayRef>;
    let parts = match long {
        Some(long) if parts.iter().any(|part| part.data_type() != long) => {
            longer = parts.iter().map(|part| cast(part, long)).collect::<Result<_, _>>()?;
            &longer
        }
        _ => parts,
    };
    let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
    let sorted = interleave(&parts, order)?;
    Ok(match sorted.data_type() {
        // A view's slice would be written with all of the texts behind it.
        DataType::Utf8View => cast(&sorted, &DataType::Utf8)?,
        _ => sorted,
    })
}
