//! Which file is the damaged one, where the reader's message does not say.

use super::files::local;
use super::source::ShownName;
use super::stores::is_local;
use datafusion::arrow::array::RecordBatchReader;
use datafusion::datasource::physical_plan::{FileScanConfig, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use datafusion::physical_plan::ExecutionPlan;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes that are read again to find the file; a larger source is left unnamed.
const AGAIN: u64 = 1 << 30;

struct Suspect {
    name: String,
    /// Where it can be read again: a Parquet file on the disk.
    path: Option<PathBuf>,
    size: u64,
}

/// The one file of the plan, or the first Parquet file that cannot be read through.
pub(super) async fn damaged_file(plan: Arc<dyn ExecutionPlan>) -> Option<String> {
    let mut suspects = Vec::new();
    collect(plan.as_ref(), &mut suspects);
    suspects.sort_by(|a, b| a.name.cmp(&b.name));
    suspects.dedup_by(|a, b| a.name == b.name);
    if let [only] = suspects.as_slice() {
        return Some(only.name.clone());
    }
    if suspects.iter().map(|suspect| suspect.size).sum::<u64>() > AGAIN {
        return None;
    }
    let search = move || {
        let is_damaged = |s: &Suspect| s.path.as_ref().is_some_and(|path| !reads_through(path));
        let damaged = suspects.into_iter().find(is_damaged);
        damaged.map(|suspect| suspect.name)
    };
    tokio::task::spawn_blocking(search).await.ok().flatten()
}

fn collect(plan: &dyn ExecutionPlan, suspects: &mut Vec<Suspect>) {
    for child in plan.children() {
        collect(child.as_ref(), suspects);
    }
    let Some(scan) = plan.downcast_ref::<DataSourceExec>() else {
        return;
    };
    let Some(config) = scan.data_source().downcast_ref::<FileScanConfig>() else {
        return;
    };
    let is_read_again = config.file_source().is::<ParquetSource>() && is_local(&config.object_store_url);
    for file in config.file_groups.iter().flat_map(|group| group.iter()) {
        if let Some(name) = file.extension::<ShownName>() {
            suspects.push(Suspect {
                name: name.0.clone(),
                path: is_read_again.then(|| local(&file.object_meta.location, &name.0).ok()).flatten(),
                size: file.object_meta.size,
            });
        }
    }
}

fn reads_through(path: &Path) -> bool {
    let Ok(file) = File::open(path) else {
        return false;
    };
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|builder| builder.build());
    match reader {
        Ok(reader) => {
            let _ = reader.schema();
            reader.into_iter().all(|batch| batch.is_ok())
        }
        Err(_) => false,
    }
}
