//! A believable retail bank as Parquet and CSV files, with scripts that ask about it: what `segue demo` writes.
//!
//! Everybody and everything is made up. The same options give the same bytes, whatever the threads: each customer, month
//! and campaign has its own stream of random numbers. Below the folder:
//!
//! | file | one row is |
//! |---|---|
//! | `data/customers.parquet` | a customer ([`customers`]) |
//! | `data/accounts.parquet` | an account ([`accounts`]) |
//! | `data/transactions/YYYY-MM.parquet` | a payment, transfer or salary, about 25 per customer in 14 months ([`transactions`]) |
//! | `data/app_events/YYYY-MM.parquet` | a step in the app, about 10 per customer ([`app`]) |
//! | `data/products.csv`, `data/holdings.parquet` | a product, and who holds how much of it ([`products`]) |
//! | `data/applications.parquet` | an application for credit ([`applications`]) |
//! | `data/branches.csv` | a branch ([`branches`]) |
//! | `data/campaigns.csv`, `data/coupons.csv`, `data/contacts.parquet`, `data/responses.parquet` | past campaigns, with a true effect inside ([`campaigns`]) |
//! | `data/demo.json` | the options and the rows of each file; written last, so that its presence says that all is there |
//!
//! Imperfect on purpose, as real data are: missing values in most columns, a few transactions of customers whom the bank
//! does not know, customers who never did anything, refunds, and yesterday's segment codes.

pub mod accounts;
mod agenda;
pub mod app;
pub mod applications;
pub mod branches;
pub mod calendar;
pub mod campaigns;
mod categories;
pub mod customers;
mod jobs;
mod names;
pub mod people;
pub mod products;
pub mod random;
mod scripts;
mod studies;
#[cfg(test)]
mod tests;
pub mod transactions;
mod writer;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use chrono::NaiveDate;
use datafusion::parquet::errors::ParquetError;
use serde::{Deserialize, Serialize};

const MARKER: &str = "data/demo.json";

/// Grows when the same options give other bytes.
const FORMAT: u32 = 2;

/// More threads would take more memory, each about 100 MB, and wait for the disk.
const MOST_THREADS: usize = 4;

/// What bank to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DemoOptions {
    pub customers: u64,
    pub seed: u64,
    /// The last day that anything happened on.
    #[serde(with = "iso_date")]
    pub as_of: NaiveDate,
}

impl Default for DemoOptions {
    fn default() -> Self {
        let as_of = NaiveDate::from_ymd_opt(2026, 10, 31).unwrap_or_default();
        DemoOptions { customers: 20_000, seed: 42, as_of }
    }
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DemoSummary {
    /// Tables: the path below the folder, and how many rows.
    pub files: Vec<(String, u64)>,
    /// Scripts that were written.
    pub scripts: Vec<String>,
    /// Scripts that were there with other content, and were left alone.
    pub kept: Vec<String>,
}

/// Why the demo could not be written.
#[derive(Debug)]
pub enum DemoError {
    /// A bank that cannot be made: which option, and what it may be.
    Options(String),
    Io {
        path: PathBuf,
        source: io::Error,
    },
    Parquet {
        path: PathBuf,
        source: ParquetError,
    },
}

impl DemoError {
    fn io(path: &Path, source: io::Error) -> Self {
        DemoError::Io { path: path.to_owned(), source }
    }

    fn parquet(path: &Path, source: ParquetError) -> Self {
        DemoError::Parquet { path: path.to_owned(), source }
    }
}

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DemoError::Options(why) => f.write_str(why),
            DemoError::Io { path, source } => write!(f, "cannot write {}: {source}", path.display()),
            DemoError::Parquet { path, source } => write!(f, "cannot write {}: {source}", path.display()),
        }
    }
}

impl std::error::Error for DemoError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            DemoError::Options(_) => None,
            DemoError::Io { source, .. } => Some(source),
            DemoError::Parquet { source, .. } => Some(source),
        }
    }
}

/// The content of the marker file.
#[derive(Serialize, Deserialize)]
struct Marker {
    format: u32,
    options: DemoOptions,
    files: Vec<(String, u64)>,
}

/// Makes the bank in `dir`. `progress` hears of a table, how many of its rows are written and how many there will be,
/// about; once a table is whole both are equal.
pub fn generate(
    dir: &Path,
    options: &DemoOptions,
    progress: &mut dyn FnMut(&str, u64, u64),
) -> Result<DemoSummary, DemoError> {
    let threads = thread::available_parallelism().map_or(2, usize::from).min(MOST_THREADS);
    generate_with(dir, options, threads, progress)
}

fn generate_with(
    dir: &Path,
    options: &DemoOptions,
    threads: usize,
    progress: &mut dyn FnMut(&str, u64, u64),
) -> Result<DemoSummary, DemoError> {
    if options.customers > agenda::PEOPLE_LIMIT {
        let most = agenda::PEOPLE_LIMIT;
        return Err(DemoError::Options(format!("a demo bank has at most {most} customers")));
    }
    let years = "the date must lie between 1990-01-01 and 2999-12-31";
    let in_range = (1990..3000).contains(&chrono::Datelike::year(&options.as_of));
    let months = calendar::months(options.as_of)
        .filter(|_| in_range)
        .ok_or_else(|| DemoError::Options(years.to_owned()))?;

    let before = read_marker(dir);
    let marker = dir.join(MARKER);
    match fs::remove_file(&marker) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            return Err(DemoError::io(&marker, source));
        }
        _ => {}
    }

    let as_of = calendar::day_of(options.as_of);
    let population = people::Population::draw(options.customers, options.seed, as_of, threads);
    let plan = jobs::Plan { dir, months: &months, population: &population, seed: options.seed, threads };
    let mut files = jobs::run(&plan, progress)?;
    for (name, (text, rows)) in [
        ("data/products.csv", products::products_csv()),
        ("data/branches.csv", branches::branches_csv(options.seed, as_of)),
        ("data/campaigns.csv", campaigns::campaigns_csv(as_of)),
        ("data/coupons.csv", campaigns::coupons_csv()),
    ] {
        writer::write_text(&dir.join(name), &text)?;
        files.push((name.to_owned(), rows));
    }
    remove_stale(dir, before, &files)?;
    let mut summary = DemoSummary { files, ..DemoSummary::default() };
    write_scripts(dir, &mut summary)?;
    let marker = Marker { format: FORMAT, options: options.clone(), files: summary.files.clone() };
    let text = serde_json::to_string_pretty(&marker)
        .map_err(|source| DemoError::io(&dir.join(MARKER), source.into()))?;
    writer::write_text(&dir.join(MARKER), &(text + "\n"))?;
    Ok(summary)
}

/// Whether `dir` holds the whole bank that these options make.
pub fn is_complete(dir: &Path, options: &DemoOptions) -> bool {
    read_marker(dir).is_some_and(|marker| {
        marker.format == FORMAT
            && marker.options == *options
            && marker.files.iter().all(|(name, _)| dir.join(name).is_file())
    })
}

/// The marker of the bank that is there; `None` when there is no whole one.
fn read_marker(dir: &Path) -> Option<Marker> {
    serde_json::from_str(&fs::read_to_string(dir.join(MARKER)).ok()?).ok()
}

/// Removes the files of an earlier bank that this one does not have: other months would be read with ours.
fn remove_stale(dir: &Path, before: Option<Marker>, files: &[(String, u64)]) -> Result<(), DemoError> {
    for (name, _) in before.into_iter().flat_map(|marker| marker.files) {
        let inside = name.starts_with("data/") && !name.contains("..");
        if inside && !files.iter().any(|file| file.0 == name) {
            let path = dir.join(name);
            match fs::remove_file(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(DemoError::io(&path, source));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Puts the scripts beside the data; one that somebody changed is left as it is.
fn write_scripts(dir: &Path, summary: &mut DemoSummary) -> Result<(), DemoError> {
    for (name, text) in scripts::SCRIPTS {
        let path = dir.join(name);
        match fs::read(&path) {
            Ok(there) if there == text.as_bytes() => summary.scripts.push(name.to_owned()),
            Ok(_) => summary.kept.push(name.to_owned()),
            Err(source) if source.kind() == io::ErrorKind::NotFound => {
                writer::write_text(&path, text)?;
                summary.scripts.push(name.to_owned());
            }
            Err(source) => return Err(DemoError::io(&path, source)),
        }
    }
    Ok(())
}

/// Dates in the marker as `2026-10-31`.
mod iso_date {
    use chrono::NaiveDate;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(date: &NaiveDate, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(date)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveDate, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
