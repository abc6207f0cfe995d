//! Faults of later stages as findings, and the exit code that each calls for.

use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::engine::EngineError;
use crate::explain::ExplainError;
use crate::output::atomic::OutputError;
use crate::plan::PlanError;

pub fn fault_of(error: &ExplainError) -> Diagnostic {
    match error {
        ExplainError::Plan(e) => plan_fault(e),
        ExplainError::Engine(e) => engine_fault(e),
        ExplainError::NoSuchKey { .. } => Diagnostic::new(Code::NoSuchKey, error.to_string()),
        ExplainError::DuplicateKeys { .. } => Diagnostic::new(Code::DuplicateKey, error.to_string()).help(
            "an entity has one row per key: remove the surplus rows, or `where` them away in the source",
        ),
        ExplainError::Internal(what) => Diagnostic::new(Code::Internal, what.clone()),
    }
}

pub fn plan_fault(error: &PlanError) -> Diagnostic {
    Diagnostic::new(Code::Internal, error.to_string())
}

fn engine_fault(error: &EngineError) -> Diagnostic {
    let code = match error {
        EngineError::Cancelled => Code::Interrupted,
        EngineError::Data { .. } => Code::SourceUnreadable,
        EngineError::Sink(_)
        | EngineError::OutOfMemory { .. }
        | EngineError::DiskFull
        | EngineError::NoTemporary(_) => Code::RunFailed,
        EngineError::Internal(_) => Code::Internal,
    };
    let message = error.to_string();
    // Ours, and what arrow's checked kernels say.
    let words = [
        "became too large",
        "too large for its type",
        "overflow",
        "Overflow",
        "out of range",
        "Can't cast value",
    ];
    if words.iter().any(|w| message.contains(w)) && !matches!(error, EngineError::Data { file: Some(_), .. })
    {
        return Diagnostic::new(Code::Overflow, format!("a number became too large: {message}"))
            .help("a whole number has 64 bits, a decimal 38 digits; divide first, or use floats");
    }
    Diagnostic::new(code, message)
}

pub fn output_fault(error: &OutputError) -> Diagnostic {
    Diagnostic::new(Code::CannotWrite, error.to_string())
        .help("nothing was written: the files of a run appear together or not at all")
}

/// 0 fine, 1 findings in the script, 2 a wrong call, 3 data or engine failed, 130 interrupted.
pub fn exit_code<'a>(findings: impl IntoIterator<Item = &'a Diagnostic>) -> u8 {
    let of = |d: &Diagnostic| match d.code {
        code if code.severity() == Severity::Warning => 0,
        Code::BadCall => 2,
        // Of `--set`; one in a script has its place there.
        Code::UnknownParam if d.at.is_none() => 2,
        Code::SourceMissing
        | Code::SourceUnreadable
        | Code::FilesDiffer
        | Code::DuplicateKey
        | Code::TooSmall
        | Code::CannotWrite
        | Code::RunFailed
        | Code::Overflow
        | Code::Internal => 3,
        Code::Interrupted => 130,
        _ => 1,
    };
    // A finding in the script explains more than data that it could not open.
    findings
        .into_iter()
        .map(of)
        .max_by_key(|code| match code {
            130 => 4,
            1 => 3,
            2 => 2,
            3 => 1,
            _ => 0,
        })
        .unwrap_or(0)
}
