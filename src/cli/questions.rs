//! The verbs that ask: check, ask, members, explain, debug, and the prompt.

use super::arguments::{Check, Common, Docs, OutputFormat, Stage};
use super::print::{Printer, out};
use super::progress::cancel_on_signal;
use crate::diagnostic::{Code, Diagnostic, Severity, render, suggest};
use crate::ir::Program;
use crate::output::rows::RowFormat;
use crate::repl::ReplOptions;
use crate::session::{Keeping, Session, Settings};
use crate::source::{FileId, SourceMap};
use std::path::{Path, PathBuf};

/// A session with a script, checked, and which file of it `text` is; or the exit code of what is wrong.
fn open(
    common: &Common,
    files: &[PathBuf],
    text: Option<&str>,
    printer: &Printer,
) -> Result<(Session, Program, Option<FileId>), u8> {
    let fail = |d: Diagnostic| printer.findings(&[d], &SourceMap::default());
    let settings = super::settings(common, printer).map_err(fail)?;
    let mut session = Session::new(settings).map_err(fail)?;
    let reading = cancel_on_signal(session.cancel_handle(), *printer);
    for file in files {
        session.load(file);
    }
    let asked = text.map(|text| session.load_text("<command line>", Path::new(""), text));
    let checked = checked_for(common, &session, printer, text.is_some());
    drop(reading);
    match checked {
        (Some(program), _) => Ok((session, program, asked)),
        (None, code) => Err(code),
    }
}

/// Checks what was loaded and prints the findings; the program, or the exit code of what is wrong. The day is said
/// where nobody gave it.
pub(super) fn checked(common: &Common, session: &Session, printer: &Printer) -> (Option<Program>, u8) {
    checked_for(common, session, printer, false)
}

/// The same; of warnings elsewhere than in what a `question` is about, only how many there are is said.
fn checked_for(
    common: &Common,
    session: &Session,
    printer: &Printer,
    question: bool,
) -> (Option<Program>, u8) {
    let mut checked = session.check();
    let mut hidden = 0;
    if let (Some(program), true) = (&checked.program, question) {
        (checked.diagnostics, hidden) = session.about_question(program, checked.diagnostics);
    }
    if let (Some(program), None) = (&checked.program, &common.as_of) {
        let day = session.as_of_text(program);
        let message = format!("no --as-of was given: the run is as of {day}, today");
        checked.diagnostics.push(Diagnostic::new(Code::AsOfToday, message));
    }
    let code = printer.findings(&checked.diagnostics, session.sources());
    if hidden > 0 {
        let warnings = if hidden == 1 { "warning" } else { "warnings" };
        printer.note(&format!("{hidden} {warnings} elsewhere in the script: `segue check` shows them"));
    }
    (checked.program, code.max(1))
}

pub fn check(common: &Common, check: &Check, printer: &Printer) -> u8 {
    let printer = printer.with_findings(check.format).answering();
    let fail = |d: Diagnostic| printer.findings(&[d], &SourceMap::default());
    let settings = super::settings(common, &printer).map(|s| Settings { strict: check.strict, ..s });
    let session = settings.and_then(Session::new);
    let mut session = match session {
        Ok(session) => session,
        Err(d) => return fail(d),
    };
    let reading = cancel_on_signal(session.cancel_handle(), printer);
    for file in &check.files {
        session.load(file);
    }
    let mut checked = session.check();
    drop(reading);
    if let (Some(program), true) = (&checked.program, check.data) {
        match session.check_data(program) {
            Ok(found) => {
                for d in found {
                    let known = checked.diagnostics.iter_mut().find(|known| d.says_more_than(known));
                    match known {
                        Some(known) => *known = d,
                        None => checked.diagnostics.push(d),
                    }
                }
            }
            Err(d) => checked.diagnostics.push(d),
        }
    }
    let code = printer.findings(&checked.diagnostics, session.sources());
    printer.note(&match checked.diagnostics.is_empty() {
        true => "no errors, no warnings".to_string(),
        false => render::summary(&checked.diagnostics),
    });
    if !check.data {
        // The process ends here, and all memory goes back at once: taking a long script's trees apart first takes a twelfth of
        // the time. (Where data was read, there may be temporary files, which their owners remove.)
        std::mem::forget((session, checked.program));
    }
    code
}

pub fn ask(common: &Common, file: &Path, command: &str, format: OutputFormat, printer: &Printer) -> u8 {
    let (session, program, asked) = match open(common, &[file.to_path_buf()], Some(command), printer) {
        Ok(opened) => opened,
        Err(code) => return code,
    };
    // What was asked stands behind the script, which may have commands of its own.
    let mut commands = program.commands.iter().filter(|(_, span)| Some(span.file) == asked);
    let Some((command, _)) = commands.next() else {
        let d = Diagnostic::new(Code::BadCall, "there is no command in what was asked").help(
            "ask one of: count X, show X limit 20, explain X, why KEY in X, portrait KEY, describe TAG, list",
        );
        return printer.findings(&[d], session.sources());
    };
    if let Some((_, second)) = commands.next() {
        let d = Diagnostic::new(Code::BadCall, "one question is asked at a time").at(*second);
        let d = d.help("`segue run FILE -e '…; …'` answers several");
        return printer.findings(&[d], session.sources());
    }
    let meter = printer.meter();
    let answer = session.ask(&program, command, &|p| meter.update(p));
    meter.clear();
    match answer {
        Ok(answer) => printer.answer(&answer, format),
        Err(d) => return printer.findings(&[d], session.sources()),
    }
    0
}

/// `segue docs`: the paths of what was written go to stdout.
pub fn docs(common: &Common, docs: &Docs, printer: &Printer) -> u8 {
    let (session, program, _) = match open(common, &docs.files, None, printer) {
        Ok(opened) => opened,
        Err(code) => return code,
    };
    let meter = printer.meter();
    let dictionary = session.dictionary(&program, !docs.no_data, &|p| meter.update(p));
    meter.clear();
    match dictionary.and_then(|dictionary| session.write_dictionary(&dictionary, &docs.out)) {
        Ok(files) => {
            for file in files {
                out(&format!("{}\n", file.path.display()));
            }
            0
        }
        Err(d) => printer.findings(&[d], session.sources()),
    }
}

pub fn members(common: &Common, file: &Path, segment: &str, format: OutputFormat, printer: &Printer) -> u8 {
    let (session, program, _) = match open(common, &[file.to_path_buf()], None, printer) {
        Ok(opened) => opened,
        Err(code) => return code,
    };
    let is_segment = |d: &crate::ir::Definition| d.kind == crate::ir::DefinitionKind::Segment;
    let found = program.find_definition(segment).filter(|(_, d)| is_segment(d)).map(|(id, _)| id);
    let Some(id) = found else {
        if program.find_definition(segment).is_some() {
            let d = Diagnostic::new(Code::BadCall, format!("`{segment}` is a tag, not a segment"));
            return printer.findings(&[d], session.sources());
        }
        let known = program.definitions.iter().filter(|d| is_segment(d)).map(|d| d.name.as_str());
        let d = Diagnostic::new(Code::BadCall, format!("no segment is named `{segment}`"))
            .help_if(suggest::did_you_mean(segment, known));
        return printer.findings(&[d], session.sources());
    };
    let meter = printer.meter();
    match session.with_asker(&program, &|p| meter.update(p), |asker| asker.show(id, None)) {
        Ok(show) => {
            meter.clear();
            printer.answer(&crate::explain::Answer::Show(show), format);
            0
        }
        Err(d) => {
            meter.clear();
            printer.findings(&[d], session.sources())
        }
    }
}

pub fn explain(code: Option<&str>, printer: &Printer) -> u8 {
    let Some(text) = code else {
        for code in Code::ALL {
            let kind = if code.severity() == Severity::Error { "error" } else { "warning" };
            out(&format!("{code}  {kind:<7}  {}\n", code.title()));
        }
        return 0;
    };
    match Code::parse(text) {
        Some(code) => {
            out(code.page());
            0
        }
        None => {
            let d = Diagnostic::new(Code::BadCall, format!("there is no code {text}"))
                .help_if(suggest::did_you_mean(text, Code::ALL.iter().map(|c| c.as_str())))
                .help("`segue explain` lists all codes");
            printer.findings(&[d], &SourceMap::default())
        }
    }
}

pub fn debug(common: &Common, stage: Stage, file: &Path, printer: &Printer) -> u8 {
    if stage == Stage::Ast {
        // The tree is there even where names and types are wrong.
        let session = super::settings(common, printer).and_then(Session::new);
        let mut session = match session {
            Ok(session) => session,
            Err(d) => return printer.findings(&[d], &SourceMap::default()),
        };
        session.load(file);
        for script in session.scripts() {
            out(&format!("{script:#?}\n"));
        }
        return printer.findings(&session.syntax_findings(), session.sources());
    }
    let (session, program, _) = match open(common, &[file.to_path_buf()], None, printer) {
        Ok(opened) => opened,
        Err(code) => return code,
    };
    match stage {
        Stage::Ast => {}
        Stage::Ir => out(&crate::ir::print::program(&program)),
        Stage::Plan => match session.plans(&program) {
            Ok(text) => out(&text),
            Err(d) => return printer.findings(&[d], session.sources()),
        },
    }
    0
}

/// The prompt; text that is piped in is answered entry by entry.
pub fn repl(common: &Common, files: &[PathBuf], printer: &Printer) -> u8 {
    let mut session = match super::settings(common, printer).and_then(Session::new) {
        Ok(session) => session,
        Err(d) => return printer.findings(&[d], &SourceMap::default()),
    };
    if !common.no_cache {
        match super::cache::folder(common) {
            Ok(folder) => session.keep(Keeping { memory: None, folder, clock: std::time::SystemTime::now }),
            Err(d) => return printer.findings(&[d], &SourceMap::default()),
        }
    }
    let options = ReplOptions {
        files: files.to_vec(),
        color: printer.color_out,
        format: RowFormat::Table,
        version: env!("CARGO_PKG_VERSION").to_string(),
    };
    crate::repl::run(session, options)
}
