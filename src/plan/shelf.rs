//! Batches put away in a temporary file, each of which is read back without the others.

use super::operator::{TEMPORARY, compact};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::common::{DataFusionError, Result, internal_datafusion_err};
use datafusion::execution::disk_manager::DiskManager;
use datafusion::execution::{SpillFile, SpillWriter};
use std::fmt;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

/// Where a batch stands in the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    start: u64,
    length: u64,
}

impl Place {
    /// In bytes.
    pub fn length(&self) -> u64 {
        self.length
    }
}

/// A file that is still written.
pub(crate) struct Shelving {
    file: Arc<dyn SpillFile>,
    writer: Box<dyn SpillWriter>,
    written: u64,
    bytes: Vec<u8>,
}

/// A file to be read. It goes when this does.
pub(crate) struct Shelf {
    file: Arc<dyn SpillFile>,
}

/// Reads from a shelf.
pub(crate) struct Reader(File);

impl Shelving {
    /// `why`: what it is for, in an error's words.
    pub fn new(disk: &Arc<DiskManager>, why: &str) -> Result<Shelving> {
        let file = disk.create_tmp_file(why).map_err(|e| e.context(TEMPORARY))?;
        let writer = file.open_writer()?;
        Ok(Shelving { file, writer, written: 0, bytes: Vec::new() })
    }

    pub fn put(&mut self, batch: &RecordBatch) -> Result<Place> {
        self.write(batch).map_err(|e| e.context(TEMPORARY))
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<Place> {
        // A view's slice would be written with all of the texts behind it.
        let columns = batch.columns().iter().map(compact).collect();
        let batch = RecordBatch::try_new(batch.schema(), columns)?;
        self.bytes.clear();
        let mut block = StreamWriter::try_new(&mut self.bytes, batch.schema_ref())?;
        block.write(&batch)?;
        block.finish()?;
        drop(block);
        self.writer.write_all(&self.bytes)?;
        let place = Place { start: self.written, length: self.bytes.len() as u64 };
        self.written += place.length;
        Ok(place)
    }

    pub fn close(mut self) -> Result<Shelf> {
        self.writer.finish().map_err(|e| e.context(TEMPORARY))?;
        Ok(Shelf { file: self.file })
    }
}

impl Shelf {
    pub fn open(&self) -> Result<Reader> {
        let path = self.file.path().ok_or_else(|| internal_datafusion_err!("a shelf without a file"))?;
        File::open(path).map(Reader).map_err(|e| DataFusionError::from(e).context(TEMPORARY))
    }
}

impl Reader {
    pub fn read(&mut self, place: Place) -> Result<RecordBatch> {
        self.batch(place).map_err(|e| e.context(TEMPORARY))
    }

    fn batch(&mut self, place: Place) -> Result<RecordBatch> {
        self.0.seek(SeekFrom::Start(place.start))?;
        let block = BufReader::new((&self.0).take(place.length));
        let batch = StreamReader::try_new(block, None)?.next();
        Ok(batch.ok_or_else(|| internal_datafusion_err!("nothing where a batch was put"))??)
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "batches in {:?}", self.file.path())
    }
}
