//! What goes wrong in a run, in an analyst's words.

use super::stores::told;
use crate::plan::TEMPORARY;
use datafusion::arrow::error::ArrowError;
use datafusion::common::DataFusionError;
use datafusion::parquet::errors::ParquetError;
use std::error::Error;
use std::fmt;
use std::io;

const DAMAGED: &str = "damaged Parquet data";
/// Line numbers and widths are shown, amounts and telephone numbers are not.
const SHOWN_DIGITS: usize = 3;

/// Why a run gave no answer.
#[derive(Clone, PartialEq, Debug)]
pub enum EngineError {
    /// The person, or the caller's callback, stopped it.
    Cancelled,
    /// The memory limit was too small for what cannot be spilled.
    OutOfMemory { limit: Option<usize> },
    /// The folder for temporary files is full.
    DiskFull,
    /// There can be no temporary files at all.
    NoTemporary(String),
    /// A file, or a value in one, that cannot be read.
    Data { file: Option<String>, message: String },
    /// The caller's callback failed (its own words).
    Sink(String),
    /// What should not happen.
    Internal(String),
}

impl EngineError {
    /// The same error with the file named, where it names none.
    pub(super) fn in_file(self, name: &str) -> EngineError {
        match self {
            EngineError::Data { file: None, message } => {
                EngineError::Data { file: Some(name.to_string()), message }
            }
            other => other,
        }
    }

    /// Whether a file is at fault that the message does not name.
    pub(super) fn wants_file(&self) -> bool {
        matches!(self, EngineError::Data { file: None, message } if message.starts_with(DAMAGED))
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EngineError::Cancelled => f.write_str("stopped before it was done"),
            EngineError::OutOfMemory { limit: Some(limit) } => {
                write!(f, "the memory limit of {} is too small for this run", size_in_words(*limit))
            }
            EngineError::OutOfMemory { limit: None } => f.write_str("not enough memory for this run"),
            EngineError::DiskFull => {
                f.write_str("no space is left for temporary files (raise the memory limit or free some disk)")
            }
            EngineError::NoTemporary(reason) => write!(f, "temporary files cannot be made: {reason}"),
            EngineError::Data { file: Some(file), message } => write!(f, "{file}: {message}"),
            EngineError::Data { file: None, message } => f.write_str(message),
            EngineError::Sink(message) => f.write_str(message),
            EngineError::Internal(message) => {
                write!(f, "internal error (a defect in Segue, please report it): {message}")
            }
        }
    }
}

impl Error for EngineError {}

fn size_in_words(bytes: usize) -> String {
    const UNITS: [(usize, &str); 3] = [(1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) if bytes.is_multiple_of(*unit) => format!("{} {name}", bytes / unit),
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / *unit as f64),
        None => format!("{bytes} bytes"),
    }
}

/// A mistake in a file, as the readers of this module raise it inside DataFusion's plans.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct FileError {
    pub file: String,
    pub message: String,
}

impl FileError {
    pub fn new(file: impl Into<String>, message: impl Into<String>) -> FileError {
        FileError { file: file.into(), message: message.into() }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.message)
    }
}

impl Error for FileError {}

impl From<FileError> for DataFusionError {
    fn from(error: FileError) -> Self {
        DataFusionError::External(Box::new(error))
    }
}

/// DataFusion's error by its kind; `limit` is the engine's memory limit.
pub(super) fn from_datafusion(error: &DataFusionError, limit: Option<usize>) -> EngineError {
    match error {
        DataFusionError::Context(what, inner) if what == TEMPORARY => match from_datafusion(inner, limit) {
            EngineError::Data { message, .. } => EngineError::NoTemporary(message),
            other => other,
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            from_datafusion(inner, limit)
        }
        DataFusionError::Shared(inner) => from_datafusion(inner, limit),
        DataFusionError::Collection(errors) => match errors.first() {
            Some(first) => from_datafusion(first, limit),
            None => EngineError::Internal(error.to_string()),
        },
        DataFusionError::External(inner) => from_boxed(inner.as_ref(), limit),
        DataFusionError::ArrowError(inner, _) => from_arrow(inner, limit),
        DataFusionError::ParquetError(inner) => from_parquet(inner, limit),
        DataFusionError::IoError(inner) => from_io(inner, limit),
        DataFusionError::ObjectStore(inner) => from_store(inner),
        // The disk manager says so in these words; the memory pool in others.
        DataFusionError::ResourcesExhausted(message) if message.contains("disk space") => {
            EngineError::DiskFull
        }
        DataFusionError::ResourcesExhausted(_) => EngineError::OutOfMemory { limit },
        DataFusionError::Execution(message) => data(&without_values(message)),
        DataFusionError::ExecutionJoin(join) => EngineError::Internal(join.to_string()),
        other => EngineError::Internal(other.strip_backtrace()),
    }
}

fn from_boxed(error: &(dyn Error + Send + Sync + 'static), limit: Option<usize>) -> EngineError {
    if let Some(file) = error.downcast_ref::<FileError>() {
        EngineError::Data { file: Some(file.file.clone()), message: file.message.clone() }
    } else if let Some(own) = error.downcast_ref::<EngineError>() {
        own.clone()
    } else if let Some(inner) = error.downcast_ref::<DataFusionError>() {
        from_datafusion(inner, limit)
    } else if let Some(inner) = error.downcast_ref::<ArrowError>() {
        from_arrow(inner, limit)
    } else if let Some(inner) = error.downcast_ref::<ParquetError>() {
        from_parquet(inner, limit)
    } else if let Some(inner) = error.downcast_ref::<io::Error>() {
        from_io(inner, limit)
    } else if let Some(inner) = error.downcast_ref::<object_store::Error>() {
        from_store(inner)
    } else {
        EngineError::Internal(error.to_string())
    }
}

fn from_arrow(error: &ArrowError, limit: Option<usize>) -> EngineError {
    match error {
        ArrowError::ExternalError(inner) => from_boxed(inner.as_ref(), limit),
        ArrowError::IoError(_, inner) => from_io(inner, limit),
        ArrowError::MemoryError(_) => EngineError::OutOfMemory { limit },
        ArrowError::ParquetError(message) => damaged(message),
        ArrowError::CastError(message)
        | ArrowError::ComputeError(message)
        | ArrowError::ParseError(message)
        | ArrowError::InvalidArgumentError(message) => data(&without_values(message)),
        ArrowError::ArithmeticOverflow(_) => data("a number is too large for its type"),
        ArrowError::DivideByZero => data("division by zero"),
        ArrowError::CsvError(message) | ArrowError::JsonError(message) | ArrowError::IpcError(message) => {
            data(message)
        }
        other => EngineError::Internal(other.to_string()),
    }
}

fn from_parquet(error: &ParquetError, limit: Option<usize>) -> EngineError {
    match error {
        ParquetError::External(inner) => from_boxed(inner.as_ref(), limit),
        ParquetError::General(message) | ParquetError::EOF(message) => damaged(message),
        ParquetError::NYI(message) => data(&format!("Parquet feature that is not supported: {message}")),
        other => damaged(&other.to_string()),
    }
}

fn from_io(error: &io::Error, limit: Option<usize>) -> EngineError {
    // What writes temporary files wraps what went wrong.
    if let Some(inner) = error.get_ref().and_then(|e| e.downcast_ref::<DataFusionError>()) {
        return from_datafusion(inner, limit);
    }
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => EngineError::DiskFull,
        _ => data(&error.to_string()),
    }
}

fn from_store(error: &object_store::Error) -> EngineError {
    match error {
        object_store::Error::NotFound { path, .. } => {
            EngineError::Data { file: Some(path.clone()), message: "is gone since it was opened".to_string() }
        }
        other => {
            let FileError { file, message } = told("", other);
            EngineError::Data { file: Some(file).filter(|file| !file.is_empty()), message }
        }
    }
}

fn data(message: &str) -> EngineError {
    EngineError::Data { file: None, message: message.to_string() }
}

fn damaged(message: &str) -> EngineError {
    data(&format!("{DAMAGED} ({message})"))
}

/// arrow quotes the value that it stumbled over; a customer's data is no part of a message.
fn without_values(message: &str) -> String {
    let unquoted = match (message.split_once('\''), message.rsplit_once('\'')) {
        (Some((before, _)), Some((rest, after))) if rest.len() > before.len() => {
            format!("{before}'…'{after}")
        }
        _ => message.to_string(),
    };
    let mut clean = String::new();
    let mut digits = String::new();
    for c in unquoted.chars().map(Some).chain([None]) {
        match c {
            Some(c) if c.is_ascii_digit() => digits.push(c),
            _ => {
                clean.push_str(if digits.len() > SHOWN_DIGITS { "…" } else { &digits });
                digits.clear();
                clean.extend(c);
            }
        }
    }
    clean
}

/// The words of a reader's error when a file is opened, without the prefixes of the layers.
pub(super) fn reason(error: &DataFusionError) -> String {
    match from_datafusion(error, None) {
        EngineError::Data { message, .. } | EngineError::Internal(message) => message,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_carry_no_values() {
        let cast =
            ArrowError::CastError("Cannot cast string 'Mrs O'Hara' to value of Int64 type".to_string());
        assert_eq!(from_arrow(&cast, None).to_string(), "Cannot cast string '…' to value of Int64 type");
        assert_eq!(
            without_values("Can't cast value 13800138000 to type Int8"),
            "Can't cast value … to type Int8"
        );
        assert_eq!(without_values("line 12, 13800138000 at 345"), "line 12, … at 345");
        assert_eq!(without_values("Cannot cast string 'x' to Date32"), "Cannot cast string '…' to Date32");
    }

    #[test]
    fn kinds_are_told_apart() {
        let limit = Some(512 << 20);
        let of = |error: DataFusionError| from_datafusion(&error, limit);
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(of(DataFusionError::IoError(full)), EngineError::DiskFull);
        let full = DataFusionError::IoError(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(of(DataFusionError::IoError(io::Error::other(full))), EngineError::DiskFull);
        let gone = io::Error::new(io::ErrorKind::NotFound, "no folder");
        let gone = of(DataFusionError::IoError(gone).context(TEMPORARY));
        assert_eq!(gone.to_string(), "temporary files cannot be made: no folder");
        let memory = DataFusionError::ResourcesExhausted("no more".to_string()).context("sorting");
        assert_eq!(of(memory), EngineError::OutOfMemory { limit });
        let nested = DataFusionError::Shared(std::sync::Arc::new(FileError::new("a.csv", "is odd").into()));
        assert_eq!(of(nested).to_string(), "a.csv: is odd");
        assert_eq!(size_in_words(1 << 30), "1 GB");
        assert_eq!(size_in_words(3 << 29), "1.5 GB");
        assert!(matches!(of(DataFusionError::Plan("x".to_string())), EngineError::Internal(_)));
    }
}
