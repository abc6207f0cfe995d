//! Rows put away in a file, drawer by drawer.
//!
//! Rows are held until there are enough of them, then sorted by their drawers and written as one block for each. So the
//! file is written from its beginning to its end, whatever the number of drawers, and one drawer is read without the
//! others.

use crate::plan::operator::{TEMPORARY, width};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::{cast, interleave};
use datafusion::arrow::datatypes::{DataType, Field, Int32Type, Schema};
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::execution::disk_manager::DiskManager;
use datafusion::execution::{SpillFile, SpillWriter};
use datafusion::physical_plan::metrics::SpillMetrics;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

/// What stands where in the file: the place and the length of a block.
type Block = (u64, u64);

/// A file that is still written.
pub(super) struct Filing {
    file: Arc<dyn SpillFile>,
    writer: Box<dyn SpillWriter>,
    written: u64,
    drawers: Vec<Vec<Block>>,
    held: Vec<RecordBatch>,
    /// The drawer of each row that is held.
    of: Vec<u16>,
    /// Bytes that may be held, about.
    room: usize,
    bytes: usize,
    metrics: SpillMetrics,
}

/// A file to be read. It goes when this does.
pub(super) struct Drawers {
    file: Arc<dyn SpillFile>,
    drawers: Vec<Vec<Block>>,
}

impl Filing {
    /// Of so many drawers, holding about so many bytes in memory.
    pub fn new(
        disk: &Arc<DiskManager>,
        drawers: usize,
        room: usize,
        metrics: SpillMetrics,
    ) -> Result<Filing> {
        let file = disk.create_tmp_file("folding events").map_err(|e| e.context(TEMPORARY))?;
        let writer = file.open_writer()?;
        metrics.spill_file_count.add(1);
        Ok(Filing {
            file,
            writer,
            written: 0,
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
        self.writer.finish()?;
        Ok(Drawers { file: self.file, drawers: self.drawers })
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
        let mut bytes = Vec::new();
        for (drawer, (start, end)) in self.drawers.iter_mut().zip(starts.iter().zip(ends)) {
            if start == end {
                continue;
            }
            bytes.clear();
            let mut block = StreamWriter::try_new(&mut bytes, sorted.schema_ref())?;
            block.write(&sorted.slice(*start, end - start))?;
            block.finish()?;
            drop(block);
            std::io::Write::write_all(&mut self.writer, &bytes)?;
            let length = bytes.len() as u64;
            drawer.push((self.written, length));
            self.written += length;
            self.metrics.spilled_bytes.add(bytes.len());
        }
        self.metrics.spilled_rows.add(sorted.num_rows());
        Ok(())
    }
}

impl fmt::Debug for Drawers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} drawers in {:?}", self.drawers.len(), self.file.path())
    }
}

impl Drawers {
    /// The rows of one drawer.
    pub fn read(&self, drawer: usize) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<>> {
        let path = self.file.path().ok_or_else(|| internal_datafusion_err!("a drawer without a file"))?;
        let mut file = File::open(path)?;
        let blocks = self.drawers.get(drawer).cloned().unwrap_or_default();
        Ok(blocks.into_iter().flat_map(move |(start, length)| {
            let mut block = || {
                file.seek(SeekFrom::Start(start))?;
                let block = BufReader::new(file.try_clone()?.take(length));
                StreamReader::try_new(block, None)?.collect::<Result<Vec<_>, _>>()
            };
            let (read, failed) = match block() {
                Ok(batches) => (batches, None),
                Err(e) => (Vec::new(), Some(e)),
            };
            read.into_iter().map(Ok).chain(failed.map(|e| Err(e.into())))
        }))
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
    let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
    let sorted = interleave(&parts, order)?;
    Ok(match sorted.data_type() {
        // A view's slice would be written with all of the texts behind it.
        DataType::Utf8View => cast(&sorted, &DataType::Utf8)?,
        _ => sorted,
    })
}
