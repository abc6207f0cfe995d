//! One case run in process, in several ways.

use super::expect;
use super::page::{AS_OF, Block, Case, Page};
use super::table;
use chrono::{TimeZone, Utc};
use segue::check::parse_as_of;
use segue::diagnostic::{Diagnostic, render};
use segue::engine::EngineOptions;
use segue::ir::print::Lang;
use segue::ir::{Command, DefId, DefinitionKind, Program};
use segue::plan::Strategy;
use segue::session::{Keeping, Session, Settings};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// One thread and tiny batches, or two threads and rows in the opposite order; by the fold, in
/// memory or from disk, or by DataFusion alone.
#[derive(Clone, Copy)]
pub struct Way {
    pub name: &'static str,
    pub threads: usize,
    pub batch_size: Option<usize>,
    pub reversed: bool,
    pub strategy: Strategy,
    /// What is worked out is kept, and everything is asked twice.
    pub kept: bool,
}

pub const WAYS: [Way; 5] = [
    Way {
        name: "one thread, batches of 1 and 2",
        threads: 1,
        batch_size: Some(1),
        reversed: false,
        strategy: Strategy::Fold,
        kept: false,
    },
    Way {
        name: "two threads, rows reversed",
        threads: 2,
        batch_size: None,
        reversed: true,
        strategy: Strategy::Fold,
        kept: false,
    },
    Way {
        name: "folded part by part",
        threads: 2,
        batch_size: Some(2),
        reversed: true,
        strategy: Strategy::Divided,
        kept: false,
    },
    Way {
        name: "DataFusion's operators alone",
        threads: 2,
        batch_size: Some(3),
        reversed: false,
        strategy: Strategy::Plain,
        kept: false,
    },
    Way {
        name: "kept columns, each question twice",
        threads: 2,
        batch_size: Some(3),
        reversed: true,
        strategy: Strategy::Fold,
        kept: true,
    },
];

pub fn session(way: Way, as_of: &str, set: Vec<(String, String)>) -> Session {
    let Way { threads, batch_size, strategy, .. } = way;
    let engine = EngineOptions { threads: Some(threads), memory: None, batch_size, strategy };
    let as_of = Some(parse_as_of(as_of).unwrap_or_else(|| panic!("no day: {as_of}")));
    let now = Utc.with_ymd_and_hms(2026, 11, 1, 0, 0, 0).unwrap();
    let settings = Settings { engine, as_of, now, set, strict: false, lang: Lang::En };
    let mut session = Session::new(settings).unwrap();
    if way.kept {
        // Files that were written this moment are old enough.
        let clock = || SystemTime::now() + Duration::from_secs(3600);
        session.keep(Keeping { memory: None, folder: None, clock });
    }
    session
}

/// What is wrong with a case; nothing where all is as expected.
pub fn case(page: &Page, case: &Case) -> Vec<String> {
    let mut wrong = Vec::new();
    for way in WAYS {
        let found = one_way(page, case, way);
        if !found.is_empty() {
            wrong.push(format!("  [{}]", way.name));
            wrong.extend(found);
            break;
        }
    }
    if case.expects.is_empty() {
        wrong.push("  it expects nothing".to_string());
    }
    wrong
}

fn one_way(page: &Page, case: &Case, way: Way) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for block in page.tables.iter().filter(|b| case.tables.iter().all(|own| own.info != b.info)) {
        table::write(folder.path(), block, way.reversed);
    }
    for block in &case.tables {
        table::write(folder.path(), block, way.reversed);
    }
    let default = case.as_of.as_deref().unwrap_or(AS_OF);
    let mut days: Vec<&str> = vec![];
    for block in &case.expects {
        let day = as_of(block).unwrap_or(default);
        if !days.contains(&day) {
            days.push(day);
        }
    }
    let mut wrong = Vec::new();
    for day in days {
        let expects: Vec<&Block> =
            case.expects.iter().filter(|b| as_of(b).unwrap_or(default) == day).collect();
        for line in on_day(page, case, way, folder.path(), day, &expects) {
            wrong.push(format!("  {line}"));
        }
    }
    wrong
}

/// `as of DAY` at the end of an expectation's first line.
fn as_of(block: &Block) -> Option<&str> {
    block.info.rsplit_once(" as of ").map(|(_, day)| day.trim())
}

/// The command of `expect ask COMMAND` and of `expect leaves KEY in SEGMENT`.
pub fn command_of(block: &Block) -> Option<String> {
    let info = block.info.split(" as of ").next()?;
    let leaves = info.strip_prefix("leaves ").map(|rest| format!("why {}", rest.trim()));
    leaves.or_else(|| info.strip_prefix("ask ").map(|command| command.trim().to_string()))
}

fn on_day(page: &Page, case: &Case, way: Way, folder: &Path, day: &str, expects: &[&Block]) -> Vec<String> {
    let mut session = session(way, day, case.set.clone());
    if !case.alone {
        session.load_text("prelude.seg", folder, &page.prelude);
    }
    session.load_text("case.seg", folder, &case.script);
    // A tag is read through a segment that holds for everyone.
    let tags: Vec<&str> = expects
        .iter()
        .filter_map(|b| b.info.strip_prefix("tag "))
        .flat_map(|names| names.split(" as of ").next().unwrap_or("").split('|'))
        .map(str::trim)
        .collect();
    let probes: String = tags
        .iter()
        .map(|t| format!("segment `probe {t}` where `{t}` is known or `{t}` is missing\n"))
        .collect();
    // Commands of expectations come after the script's own.
    let asked: String = expects.iter().filter_map(|b| command_of(b)).map(|c| format!("{c}\n")).collect();
    session.load_text("probe.seg", folder, &(probes + &asked));

    let checked = session.check();
    let own = |d: &&Diagnostic| !render::short(d, session.sources()).starts_with("probe.seg:");
    let findings: Vec<Diagnostic> = checked.diagnostics.iter().filter(own).cloned().collect();
    let mut wrong = Vec::new();
    let mut errors: Vec<Diagnostic> = findings.iter().filter(|d| d.is_error()).cloned().collect();
    let mut warnings: Vec<Diagnostic> = findings.iter().filter(|d| !d.is_error()).cloned().collect();
    let wants_errors = expects.iter().any(|b| b.info.starts_with("error "));
    if let (Some(program), true) = (&checked.program, wants_errors) {
        errors.extend(everything(&session, program).err());
    }
    if let (Some(program), true) =
        (&checked.program, expects.iter().any(|b| b.info.starts_with("warning W04")))
    {
        warnings.extend(session.day_warning(program).unwrap());
    }
    wrong.extend(expect::findings(&session, "error", &errors, expects));
    wrong.extend(expect::findings(&session, "warning", &warnings, expects));
    let Some(program) = &checked.program else { return wrong };
    let asks = expects.iter().filter(|b| command_of(b).is_some()).count();
    let mut asked = program.commands.iter().skip(program.commands.len() - asks).map(|(command, _)| command);
    for block in expects {
        let command = if command_of(block).is_some() { asked.next() } else { None };
        let words = block.info.split(" as of ").next().unwrap_or("");
        let (kind, rest) = words.split_once(' ').unwrap_or((words, ""));
        let mut ask = || match command {
            Some(command) => wrong.extend(expect::ask(&session, program, command, block)),
            None if kind == "error" || kind == "warning" => {}
            None => wrong.extend(expect::answer(&session, program, folder, kind, rest.trim(), block)),
        };
        ask();
        if let Some(kept) = session.kept() {
            let before = kept.answered();
            ask();
            // What is asked of one key alone, of files, and of the script is asked of them.
            let all = match command {
                Some(command) => {
                    !matches!(command, Command::List | Command::Why { .. } | Command::Portrait { .. })
                }
                None => {
                    !matches!(kind, "error" | "warning" | "why" | "leaves" | "portrait" | "data" | "file")
                }
            };
            if all && kept.answered() == before && wrong.is_empty() {
                wrong.push(format!("line {}: the second answer was worked out anew", block.line));
            }
        }
    }
    wrong
}

/// All that a script can be asked for, so that what goes wrong with data shows.
fn everything(session: &Session, program: &Program) -> Result<(), Diagnostic> {
    let segments: Vec<DefId> = program
        .definition_ids()
        .filter(|(_, d)| d.kind == DefinitionKind::Segment)
        .map(|(id, _)| id)
        .collect();
    session.counts(program, &segments, &|_| {})?;
    for (id, d) in program.definition_ids() {
        if d.kind == DefinitionKind::Tag {
            session.with_asker(program, &|_| {}, |asker| asker.describe(id))?;
        }
    }
    for (command, _) in &program.commands {
        session.ask(program, command, &|_| {})?;
    }
    let audiences: Vec<_> = program.audiences.iter().collect();
    session.deliver(program, &audiences, None, &|_| {})?;
    Ok(())
}
