//! `segue run`: audiences written, commands answered.

use super::arguments::{Common, OutputFormat, Run};
use super::print::{Printer, out};
use super::progress::cancel_on_signal;
use crate::diagnostic::{Code, Diagnostic, suggest};
use crate::explain::Answer;
use crate::ir::{Audience, Command, DefId, DefinitionKind, Program};
use crate::output::answers;
use crate::session::{Delivered, Session, Settings};
use crate::source::{FileId, SourceMap, Span};
use std::path::Path;

/// Rows of an audience that the terminal shows.
const SAMPLE: usize = 5;

pub fn run(common: &Common, run: &Run, printer: &Printer) -> u8 {
    let mut session = match super::settings(common, printer)
        .map(|s| Settings { strict: run.strict, ..s })
        .and_then(Session::new)
    {
        Ok(session) => session,
        Err(d) => return printer.findings(&[d], &SourceMap::default()),
    };
    let reading = cancel_on_signal(session.cancel_handle(), *printer);
    for file in &run.files {
        session.load(file);
    }
    let typed = run.text.as_ref().map(|text| session.load_text("<command line>", Path::new(""), text));
    let (program, code) = super::questions::checked(common, &session, printer);
    drop(reading);
    let Some(program) = program else { return code };
    let typed_segments: Vec<DefId> = program
        .definition_ids()
        .filter(|(_, d)| Some(d.span.file) == typed && d.kind == DefinitionKind::Segment && d.is_written())
        .map(|(id, _)| id)
        .collect();
    let outcome = session.day_warning(&program).and_then(|warning| {
        if let Some(warning) = warning {
            printer.findings(&[warning], session.sources());
        }
        answer_all(&session, &program, run, typed, &typed_segments, printer)
    });
    match outcome {
        Ok(()) => 0,
        Err(finding) => printer.findings(&[finding], session.sources()),
    }
}

fn answer_all(
    session: &Session,
    program: &Program,
    run: &Run,
    file: Option<FileId>,
    typed: &[DefId],
    printer: &Printer,
) -> Result<(), Diagnostic> {
    let (mut audiences, segments) = chosen(program, &run.only)?;
    // Text on the command line is a question: it writes the audiences that it defines, not the script's.
    let asked = |span: Span| file.is_none_or(|f| f == span.file);
    if run.only.is_empty() {
        audiences.retain(|a| asked(a.span));
    }
    let meter = printer.meter();
    let progress = |p| meter.update(p);
    let mut said = false;
    if !audiences.is_empty() {
        let delivered = session.deliver(program, &audiences, run.out.as_deref(), &progress)?;
        meter.clear();
        print_delivered(&delivered, run.format, printer);
        said = true;
    }
    for segment in typed {
        let explained = session.introduce(program, *segment, SAMPLE, &progress)?;
        meter.clear();
        printer.answer(&Answer::Explain(explained), run.format);
        said = true;
    }
    if run.only.is_empty() {
        let commands: Vec<&Command> =
            program.commands.iter().filter(|(_, span)| asked(*span)).map(|(command, _)| command).collect();
        // Counts that follow each other come out of one pass.
        let count = |command: &Command| matches!(command, Command::Count { .. });
        for group in commands.chunk_by(|a, b| count(a) && count(b)) {
            let segments: Vec<DefId> = group
                .iter()
                .filter_map(|c| if let Command::Count { segment } = c { Some(*segment) } else { None })
                .collect();
            let answers = if segments.len() > 1 {
                session.counts(program, &segments, &progress)?.into_iter().map(Answer::Count).collect()
            } else {
                group.iter().map(|c| session.ask(program, c, &progress)).collect::<Result<Vec<_>, _>>()?
            };
            meter.clear();
            answers.iter().for_each(|answer| printer.answer(answer, run.format));
            said = true;
        }
    }
    // A script without audiences and questions is asked for its segments' sizes.
    let segments = if (said || file.is_some()) && run.only.is_empty() { Vec::new() } else { segments };
    if !segments.is_empty() {
        let counts = session.counts(program, &segments, &progress)?;
        meter.clear();
        for count in counts {
            printer.answer(&Answer::Count(count), run.format);
        }
    }
    Ok(())
}

/// The audiences and segments that `--only` names; all where it names none.
fn chosen<'a>(program: &'a Program, only: &[String]) -> Result<(Vec<&'a Audience>, Vec<DefId>), Diagnostic> {
    let is_segment = |d: &crate::ir::Definition| d.kind == DefinitionKind::Segment && d.is_written();
    if only.is_empty() {
        let segments = program.definition_ids().filter(|(_, d)| is_segment(d)).map(|(id, _)| id).collect();
        return Ok((program.audiences.iter().collect(), segments));
    }
    let (mut audiences, mut segments) = (Vec::new(), Vec::new());
    for name in only {
        if let Some(audience) = program.find_audience(name) {
            audiences.push(audience);
        } else if let Some((id, _)) = program.find_definition(name).filter(|(_, d)| is_segment(d)) {
            segments.push(id);
        } else {
            let known = program
                .audiences
                .iter()
                .map(|a| a.name.as_str())
                .chain(program.definitions.iter().filter(|d| is_segment(d)).map(|d| d.name.as_str()));
            return Err(Diagnostic::new(
                Code::BadCall,
                format!("--only {name}: no audience or segment has this name"),
            )
            .help_if(suggest::did_you_mean(name, known)));
        }
    }
    Ok((audiences, segments))
}

fn print_delivered(delivered: &[Delivered], format: OutputFormat, printer: &Printer) {
    match format {
        OutputFormat::Table => {
            for d in delivered {
                let files: Vec<(String, String, u64)> = d
                    .files
                    .iter()
                    .map(|f| (f.what.to_string(), f.path.display().to_string(), f.rows))
                    .collect();
                let text = answers::audience(&d.selection, &files, SAMPLE, &printer.drawing());
                out(&format!("{}\n", text.trim_end_matches('\n')));
            }
        }
        OutputFormat::Json | OutputFormat::Ndjson | OutputFormat::Csv => {
            let all: Vec<serde_json::Value> = delivered.iter().map(summary).collect();
            for line in &all {
                if format == OutputFormat::Ndjson {
                    out(&format!("{line}\n"));
                }
            }
            if format == OutputFormat::Json {
                out(&format!("{}\n", serde_json::to_string_pretty(&all).unwrap_or_default()));
            }
            if format == OutputFormat::Csv {
                out("audience,step,rule,remaining,lost,undecided\n");
                for d in delivered {
                    for s in &d.selection.waterfall {
                        let rule = s.rule.replace('"', "\"\"");
                        out(&format!(
                            "{},{},\"{rule}\",{},{},{}\n",
                            d.selection.audience.name, s.step, s.remaining, s.lost, s.undecided
                        ));
                    }
                }
            }
        }
    }
}

fn summary(d: &Delivered) -> serde_json::Value {
    let mut summary = serde_json::json!({
        "audience": d.selection.audience.name,
        "rows": d.selection.rows,
        "waterfall": d.selection.waterfall,
        "files": d.files.iter().map(|f| serde_json::json!({
            "what": f.what, "path": f.path.display().to_string(), "rows": f.rows,
        })).collect::<Vec<_>>(),
    });
    if let Some(fields) = summary.as_object_mut().filter(|_| !d.selection.arms.is_empty()) {
        fields.insert("arms".to_string(), serde_json::json!(d.selection.arms));
    }
    summary
}
