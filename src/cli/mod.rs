//! The command line: results on stdout, everything else on stderr.
//!
//! Exit codes: 0 fine, 1 findings in the script, 2 a wrong call, 3 data or engine failed, 130 interrupted.

mod arguments;
mod cache;
mod demo;
mod format;
mod print;
mod progress;
mod questions;
mod run;

use arguments::{Arguments, Common, Verb};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};
use print::Printer;

/// Runs the command line of this process; the exit code.
pub fn main() -> u8 {
    quiet_engine();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(mut error) => {
            a_script_alone(&mut error);
            // clap prints help to stdout and mistakes to stderr; nothing can be done where that fails.
            let _ = error.print();
            return if error.use_stderr() { 2 } else { 0 };
        }
    };
    let printer = Printer::new(&arguments.common);
    match arguments.verb {
        None => questions::repl(&arguments.common, &[], &printer),
        Some(Verb::Repl { files }) => questions::repl(&arguments.common, &files, &printer),
        Some(Verb::Run(run)) => run::run(&arguments.common, &run, &printer),
        Some(Verb::Check(check)) => questions::check(&arguments.common, &check, &printer),
        Some(Verb::Ask { file, command, format }) => {
            questions::ask(&arguments.common, &file, &command, format, &printer)
        }
        Some(Verb::Members { file, segment, format }) => {
            questions::members(&arguments.common, &file, &segment, format, &printer)
        }
        Some(Verb::Docs(docs)) => questions::docs(&arguments.common, &docs, &printer),
        Some(Verb::Explain { code }) => questions::explain(code.as_deref(), &printer),
        Some(Verb::Debug { stage, file }) => questions::debug(&arguments.common, stage, &file, &printer),
        Some(Verb::Fmt(fmt)) => format::fmt(&fmt, &printer),
        Some(Verb::Demo(demo)) => demo::demo(&arguments.common, &demo, &printer),
        Some(Verb::Cache { action, format }) => cache::cache(&arguments.common, action, format, &printer),
        Some(Verb::Completions { shell }) => {
            clap_complete::generate(shell, &mut Arguments::command(), "segue", &mut std::io::stdout());
            0
        }
    }
}

/// `segue shop.seg`: says which commands take a script.
fn a_script_alone(error: &mut clap::Error) {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else { return };
    if error.kind() != ErrorKind::InvalidSubcommand || !word.ends_with(".seg") {
        return;
    }
    let tips = vec![
        format!("`segue repl {word}` asks questions of a script at a prompt").into(),
        format!("`segue run {word}` writes its audiences and answers its commands").into(),
    ];
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
}

/// A reader that panics over a damaged file comes back as an error with words of its own: no second text on stderr.
fn quiet_engine() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().name() != Some(crate::engine::THREAD_NAME) {
            usual(info);
        }
    }));
}

/// The engine and the run's parameters as given on the command line.
fn settings(
    common: &Common,
    printer: &Printer,
) -> Result<crate::session::Settings, crate::diagnostic::Diagnostic> {
    use crate::diagnostic::{Code, Diagnostic};
    let as_of = match &common.as_of {
        None => None,
        Some(text) => Some(crate::check::parse_as_of(text).ok_or_else(|| {
            Diagnostic::new(Code::BadCall, format!("--as-of {text}: this is no day and no instant"))
                .help("write 2026-10-31, or 2026-10-31T08:00, or with an offset 2026-10-31T08:00:00+08:00")
        })?),
    };
    let mut set = Vec::new();
    for pair in &common.set {
        let Some((name, value)) = pair.split_once('=').filter(|(name, _)| !name.trim().is_empty()) else {
            return Err(Diagnostic::new(Code::BadCall, format!("--set {pair}: write NAME=VALUE")));
        };
        set.push((name.trim().to_string(), value.trim().to_string()));
    }
    let memory = match &common.memory {
        None => None,
        Some(text) => Some(arguments::size(text).ok_or_else(|| {
            Diagnostic::new(Code::BadCall, format!("--memory {text}: this is no size"))
                .help("write 512MB or 4GB")
        })?),
    };
    Ok(crate::session::Settings {
        engine: crate::engine::EngineOptions {
            threads: common.threads,
            memory,
            batch_size: common.batch_size,
            strategy: match common.engine {
                arguments::EngineName::Fold => crate::plan::Strategy::Fold,
                arguments::EngineName::Plain => crate::plan::Strategy::Plain,
            },
        },
        as_of,
        now: chrono::Utc::now(),
        set,
        strict: false,
        lang: printer.lang,
    })
}
