//! The decode limit: how long it takes to decode some columns of Parquet files, and nothing else.
//!
//!     cargo bench --bench limit -- THREADS COLUMN,COLUMN,… FILE…
//!
//! Prints rows, seconds of wall time and of processor time, as JSON. No engine that reads these columns can be faster.

use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use std::error::Error;
use std::fs::File;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

const BATCH: usize = 8192;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1).filter(|a| a != "--bench");
    let (Some(threads), Some(columns)) = (args.next(), args.next()) else {
        return Err("usage: limit THREADS COLUMN,COLUMN,… FILE…".into());
    };
    let threads: usize = threads.parse()?;
    let columns: Vec<&str> = columns.split(',').collect();
    let started = Instant::now();
    let mut work = Vec::new();
    for path in args {
        let file = File::open(&path)?;
        let metadata = ArrowReaderMetadata::load(&file, Default::default())?;
        for group in 0..metadata.metadata().num_row_groups() {
            work.push((path.clone(), metadata.clone(), group));
        }
    }
    let next = AtomicUsize::new(0);
    let rows = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| decode(&work, &next, &columns))).collect();
        workers.into_iter().map(|w| w.join().map_err(|_| "a worker panicked")?).sum::<Result<usize, String>>()
    })?;
    println!("{{\"rows\": {rows}, \"seconds\": {:.3}}}", started.elapsed().as_secs_f64());
    Ok(())
}

fn decode(
    work: &[(String, ArrowReaderMetadata, usize)],
    next: &AtomicUsize,
    columns: &[&str],
) -> Result<usize, String> {
    let mut rows = 0;
    while let Some((path, metadata, group)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
        let file = File::open(path).map_err(|e| e.to_string())?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone());
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        let reader = builder
            .with_projection(mask)
            .with_row_groups(vec![*group])
            .with_batch_size(BATCH)
            .build()
            .map_err(|e| e.to_string())?;
        for batch in reader {
            rows += batch.map_err(|e| e.to_string())?.num_rows();
        }
    }
    Ok(rows)
}
