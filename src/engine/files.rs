//! The files that a pattern means.

use super::error::FileError;
use crate::catalog::{CatalogError, Location};
use crate::source::tidy;
use chrono::{DateTime, Utc};
use datafusion::execution::object_store::ObjectStoreUrl;
use glob::{MatchOptions, Pattern};
use object_store::ObjectMeta;
use object_store::local::LocalFileSystem;
use object_store::path::Path as StorePath;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Folders within folders; beyond it lies a loop of links.
const MAX_DEPTH: usize = 64;

/// A file of a source, named as relative as the pattern was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileInfo {
    pub path: String,
    pub size: u64,
    pub modified: SystemTime,
}

/// What an ending says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    Parquet,
    Csv,
    Ndjson,
    Arrow,
}

impl Format {
    pub fn of(path: &Path) -> Option<Format> {
        let ending = path.extension()?.to_str()?.to_lowercase();
        Some(match ending.as_str() {
            "parquet" | "pq" => Format::Parquet,
            "csv" | "tsv" => Format::Csv,
            "ndjson" | "jsonl" | "json" => Format::Ndjson,
            "arrow" | "feather" | "ipc" => Format::Arrow,
            _ => return None,
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Format::Parquet => "Parquet",
            Format::Csv => "CSV",
            Format::Ndjson => "NDJSON",
            Format::Arrow => "Arrow",
        }
    }
}

/// Where a local file is.
pub(super) fn local(file: &StorePath, name: &str) -> Result<PathBuf, FileError> {
    LocalFileSystem::new().path_to_filesystem(file).map_err(|e| FileError::new(name, e.to_string()))
}

/// A file that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Found {
    pub info: FileInfo,
    /// Where its store has it: of a local file, the path without links and `..`.
    pub meta: ObjectMeta,
    /// The folders below the script's folder, or the store, for hive partitions.
    pub folders: Vec<String>,
    pub stamp: Stamp,
}

/// What changes with a file although its size and its time of writing are made to stay.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Stamp {
    inode: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl Stamp {
    #[cfg(unix)]
    fn of(metadata: &fs::Metadata) -> Stamp {
        use std::os::unix::fs::MetadataExt;
        Stamp { inode: metadata.ino(), seconds: metadata.ctime(), nanoseconds: metadata.ctime_nsec() }
    }

    #[cfg(not(unix))]
    fn of(_: &fs::Metadata) -> Stamp {
        Stamp::default()
    }
}

impl Found {
    /// Whether what is known of it would be other if it were changed: some web servers say nothing but its size.
    pub fn tells_changes(&self) -> bool {
        self.meta.e_tag.is_some() || self.info.modified != SystemTime::UNIX_EPOCH
    }

    /// When it was last changed, by what the file system knows, or else by what it says.
    pub fn changed(&self) -> SystemTime {
        let nanoseconds = u32::try_from(self.stamp.nanoseconds).unwrap_or(0);
        let known = u64::try_from(self.stamp.seconds)
            .ok()
            .filter(|seconds| *seconds > 0)
            .and_then(|s| SystemTime::UNIX_EPOCH.checked_add(Duration::new(s, nanoseconds)));
        known.unwrap_or(self.info.modified)
    }
}

/// All files that a location means, in the order of their names, and their one format.
pub(super) struct Listing {
    pub store: ObjectStoreUrl,
    pub format: Format,
    pub files: Vec<Found>,
}

/// How a pattern is matched.
pub(super) const MATCHING: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// The local files that a location means; `file://` may stand before it.
pub(super) fn list(location: &Location) -> Result<Listing, CatalogError> {
    let pattern = location.pattern.strip_prefix("file://").unwrap_or(&location.pattern);
    let pattern = below(pattern);
    let wanted = location.folder.join(pattern);
    let mut paths = Vec::new();
    if wanted.exists() {
        walk(&wanted, MAX_DEPTH, &mut paths)?;
    } else if is_glob(pattern) {
        for path in matching(&location.folder, pattern)? {
            walk(&path, MAX_DEPTH, &mut paths)?;
        }
    }
    paths.sort();
    paths.dedup();
    let looked_for = || tidy(&wanted).display().to_string();
    let named = paths.into_iter().map(|path| (shown(&path, location), path)).collect();
    let (format, known) = of_one_format(named, pattern, &looked_for)?;
    let files =
        known.into_iter().map(|(name, path)| found(name, &path, location)).collect::<Result<_, _>>()?;
    Ok(Listing { store: ObjectStoreUrl::local_filesystem(), format, files })
}

/// Files with the names that the script would give them.
type Named<T> = Vec<(String, T)>;

/// Those of the files whose endings are known, and their format. `looked_for`: the pattern in full.
pub(super) fn of_one_format<T>(
    files: Named<T>,
    pattern: &str,
    looked_for: &dyn Fn() -> String,
) -> Result<(Format, Named<T>), CatalogError> {
    let Some((first, _)) = files.first() else {
        return Err(CatalogError::Missing { looked_for: looked_for() });
    };
    let unknown = CatalogError::UnknownFormat { file: first.clone() };
    let known = files.into_iter().filter_map(|file| Some((Format::of(Path::new(&file.0))?, file)));
    let (formats, known): (Vec<Format>, Named<T>) = known.unzip();
    let Some(&format) = formats.first() else {
        return Err(unknown);
    };
    if let Some(other) = formats.iter().find(|other| **other != format) {
        return Err(CatalogError::Unreadable {
            file: pattern.to_string(),
            reason: format!("has {} and {} files; say which, as in `*.parquet`", format.name(), other.name()),
        });
    }
    Ok((format, known))
}

/// `folder/**` is the folder: all that is below it.
pub(super) fn below(pattern: &str) -> &str {
    pattern.strip_suffix("/**").filter(|folder| !folder.is_empty()).unwrap_or(pattern)
}

pub(super) fn is_glob(pattern: &str) -> bool {
    pattern.contains(['*', '?', '['])
}

fn matching(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, CatalogError> {
    let unreadable = |reason: String| CatalogError::Unreadable { file: pattern.to_string(), reason };
    let full = if Path::new(pattern).is_absolute() {
        pattern.to_string()
    } else {
        let folder = folder
            .to_str()
            .ok_or_else(|| unreadable("lies in a folder whose name is not Unicode".to_string()))?;
        let folder = if folder.is_empty() { "." } else { folder };
        format!("{}/{}", Pattern::escape(folder.trim_end_matches('/')), pattern)
    };
    let paths = glob::glob_with(&full, MATCHING).map_err(|e| unreadable(format!("{e}")))?;
    paths
        .map(|path| {
            path.map_err(|e| CatalogError::Unreadable {
                file: e.path().display().to_string(),
                reason: e.error().to_string(),
            })
        })
        .collect()
}

/// The file, or the files in the folder and below. Hidden ones and `_SUCCESS` and the like are not data.
fn walk(path: &Path, depth: usize, into: &mut Vec<PathBuf>) -> Result<(), CatalogError> {
    if !path.is_dir() {
        into.push(path.to_path_buf());
        return Ok(());
    }
    let unreadable =
        |reason: String| CatalogError::Unreadable { file: tidy(path).display().to_string(), reason };
    if depth == 0 {
        return Err(unreadable("has too many folders within folders".to_string()));
    }
    for entry in fs::read_dir(path).map_err(|e| unreadable(e.to_string()))? {
        let entry = entry.map_err(|e| unreadable(e.to_string()))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !is_hidden(&name) {
            walk(&entry.path(), depth - 1, into)?;
        }
    }
    Ok(())
}

/// Whether what lies in a folder under this name is no data.
pub(super) fn is_hidden(name: &str) -> bool {
    name.starts_with('.') || (name.starts_with('_') && !name.contains('='))
}

fn found(name: String, path: &Path, location: &Location) -> Result<Found, CatalogError> {
    let unreadable =
        |e: std::io::Error| CatalogError::Unreadable { file: name.clone(), reason: e.to_string() };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    let modified = metadata.modified().map_err(unreadable)?;
    let full = fs::canonicalize(path).map_err(unreadable)?;
    let place = StorePath::from_absolute_path(full)
        .map_err(|e| CatalogError::Unreadable { file: name.clone(), reason: e.to_string() })?;
    let folders = path
        .strip_prefix(&location.folder)
        .unwrap_or(path)
        .parent()
        .map(|parent| parent.components().filter_map(folder_name).collect())
        .unwrap_or_default();
    Ok(Found {
        info: FileInfo { path: name, size: metadata.len(), modified },
        meta: ObjectMeta {
            location: place,
            last_modified: DateTime::<Utc>::from(modified),
            size: metadata.len(),
            e_tag: None,
            version: None,
        },
        folders,
        stamp: Stamp::of(&metadata),
    })
}

fn folder_name(component: Component<'_>) -> Option<String> {
    match component {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    }
}

/// The path as the script would write it.
fn shown(path: &Path, location: &Location) -> String {
    path.strip_prefix(&location.folder)
        .ok()
        .filter(|rest| !rest.as_os_str().is_empty())
        .unwrap_or(path)
        .display()
        .to_string()
}
