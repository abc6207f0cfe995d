//! The cache folder: a file for each column, named by its digest. It holds personal data, so it is its owner's alone.
//!
//! A file is an Arrow IPC stream of one column, then the SHA-256 of the stream and the file's name. It is written beside its
//! name and renamed, so that nobody reads half of one; a file that does not fit its sum is as if it were not there. Another build of the
//! program may compute otherwise: it finds files of its own only.

use super::{CHUNK, Column};
use crate::plan::Digest;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::arrow::ipc::writer::StreamWriter;
use sha2::{Digest as _, Sha256};
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

/// The ending of columns' files; nothing else in the folder is touched, but for what was being written.
const ENDING: &str = "column";
/// The same while it is being written, after a dot.
const PART: &str = "part";
/// The length of the sum at a file's end.
const SUM: usize = 32;
/// What the files of a folder may take at most where nothing else is said, in bytes.
pub const MOST: u64 = 8 << 30;
/// A file that has been being written for so long is a dead process's.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// Where columns go that have no room in memory.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    /// In bytes; nothing is written where it is 0.
    most: u64,
}

/// What lies in the folder.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    pub columns: u64,
    pub bytes: u64,
    /// When the column was last used that was not used for longest.
    pub oldest: Option<SystemTime>,
    pub newest: Option<SystemTime>,
}

struct Found {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

impl Folder {
    /// The folder is made when something is written into it. `most`: what its files may take, in bytes.
    pub fn new(path: PathBuf, most: u64) -> Folder {
        Folder { path, most }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn most(&self) -> u64 {
        self.most
    }

    /// Whether everybody may write into it: what is read there could be anybody's.
    pub fn is_open_to_all(&self) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::metadata(&self.path).is_ok_and(|m| m.permissions().mode() & 0o002 != 0)
        }
        #[cfg(not(unix))]
        false
    }

    pub fn summary(&self) -> Summary {
        let found = self.found(ENDING);
        Summary {
            columns: found.len() as u64,
            bytes: found.iter().map(|f| f.bytes).sum(),
            oldest: found.iter().map(|f| f.used).min(),
            newest: found.iter().map(|f| f.used).max(),
        }
    }

    /// Removes all columns; how many there were and how large.
    pub fn clear(&self) -> io::Result<Summary> {
        let summary = self.summary();
        for file in self.found(ENDING).into_iter().chain(self.found(PART)) {
            remove(&file.path)?;
        }
        Ok(summary)
    }

    /// Removes what was not used for longest, until the rest has room.
    pub(super) fn trim(&self, now: SystemTime) {
        for part in self.found(PART) {
            if now.duration_since(part.used).is_ok_and(|age| age > ABANDONED) {
                let _ = remove(&part.path);
            }
        }
        let mut found = self.found(ENDING);
        let mut bytes: u64 = found.iter().map(|f| f.bytes).sum();
        found.sort_by(|a, b| a.used.cmp(&b.used).then_with(|| a.path.cmp(&b.path)));
        for file in found {
            if bytes <= self.most {
                return;
            }
            // Another session may have removed it.
            let _ = remove(&file.path);
            bytes -= file.bytes;
        }
    }

    /// The column, unless there is none, or it cannot be read. `now` is kept as the time of its last use.
    pub(super) fn read(&self, digest: &Digest, now: SystemTime) -> Option<Column> {
        let name = file_name(digest);
        let path = self.path.join(&name);
        // What is not a file, or larger than anything that was put here, is not this one.
        let known = fs::symlink_metadata(&path).ok()?;
        if self.is_open_to_all() || !known.is_file() || known.len() > self.most {
            return None;
        }
        let mut file = File::open(&path).ok()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        match parse(&bytes, &name) {
            Some(column) => {
                let _ = file.set_modified(now);
                Some(column)
            }
            None => {
                let _ = remove(&path);
                None
            }
        }
    }

    pub(super) fn write(&self, digest: &Digest, column: &Column) -> io::Result<()> {
        let name = file_name(digest);
        let place = self.path.join(&name);
        // One digest, one content.
        if self.most == 0 || place.exists() || self.is_open_to_all() {
            return Ok(());
        }
        let Some(bytes) = written(column, &name).filter(|bytes| bytes.len() as u64 <= self.most) else {
            return Ok(());
        };
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.path)?;
        // A temporary file is its owner's alone.
        let mut file =
            tempfile::Builder::new().prefix(".").suffix(&format!(".{PART}")).tempfile_in(&self.path)?;
        file.write_all(&bytes)?;
        file.persist(&place).map_err(|e| e.error)?;
        Ok(())
    }

    fn found(&self, ending: &str) -> Vec<Found> {
        let Ok(entries) = fs::read_dir(&self.path) else { return Vec::new() };
        entries
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                if path.extension()?.to_str()? != ending {
                    return None;
                }
                let metadata = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
                Some(Found { bytes: metadata.len(), used: metadata.modified().ok()?, path })
            })
            .collect()
    }
}

fn file_name(digest: &Digest) -> String {
    let name = Sha256::new().chain_update(digest).chain_update(program()).finalize();
    let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{name}.{ENDING}")
}

/// Which build of the program this is, as far as its file tells.
fn program() -> &'static str {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let file = std::env::current_exe().and_then(fs::metadata);
        let told = file.and_then(|m| Ok((m.len(), m.modified()?)));
        format!("{:?}", told.ok())
    })
}

/// That it is gone already is as good.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn written(column: &Column, name: &str) -> Option<Vec<u8>> {
    let first = column.chunks.first()?;
    let schema = Arc::new(Schema::new(vec![Field::new("value", first.data_type().clone(), true)]));
    let mut writer = StreamWriter::try_new(Vec::new(), &schema).ok()?;
    for chunk in &column.chunks {
        writer.write(&RecordBatch::try_new(Arc::clone(&schema), vec![Arc::clone(chunk)]).ok()?).ok()?;
    }
    let mut bytes = writer.into_inner().ok()?;
    let sum = sum(&bytes, name);
    bytes.extend_from_slice(&sum);
    Some(bytes)
}

fn sum(stream: &[u8], name: &str) -> [u8; SUM] {
    Sha256::new().chain_update(stream).chain_update(name).finalize().into()
}

fn parse(bytes: &[u8], name: &str) -> Option<Column> {
    let (stream, known) = bytes.split_at_checked(bytes.len().checked_sub(SUM)?)?;
    if sum(stream, name) != known {
        return None;
    }
    let mut chunks = Vec::new();
    for batch in StreamReader::try_new(stream, None).ok()? {
        chunks.push(Arc::clone(batch.ok()?.columns().first()?));
    }
    let (last, full) = chunks.split_last()?;
    (full.iter().all(|c| c.len() == CHUNK) && last.len() <= CHUNK).then_some(Column { chunks })
}
