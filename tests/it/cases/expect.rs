//! Expectations: an answer as lines, beside the lines of the page.

use super::page::Block;
use super::table;
use segue::diagnostic::{Diagnostic, render};
use segue::explain::Selection;
use segue::explain::answer::{Answer, Leaves, Show, Tested, Why};
use segue::explain::portrait::value_at;
use segue::ir::{Command, DefId, Program};
use segue::session::Session;
use segue::value::Value;
use std::path::Path;

type Found = Result<Vec<String>, Diagnostic>;

/// The findings of one kind beside those that are expected: each must be told, and none more may come.
pub fn findings(session: &Session, kind: &str, found: &[Diagnostic], expects: &[&Block]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut left: Vec<&Diagnostic> = found.iter().collect();
    for block in expects {
        let Some(code) = block.info.strip_prefix(kind).filter(|rest| rest.starts_with(' ')) else { continue };
        let code = code.split(" as of ").next().unwrap_or("").trim();
        let fits = |d: &&Diagnostic| {
            d.code.as_str() == code && block.lines.iter().all(|line| lines_of(session, d).contains(line))
        };
        match left.iter().position(fits) {
            Some(at) => {
                left.remove(at);
            }
            None => wrong.push(format!("line {}: no {kind} {code}\n{}", block.line, indented(&block.lines))),
        }
    }
    for d in left {
        wrong.push(format!(
            "an {kind} that was not expected: {}\n{}",
            d.code,
            indented(&lines_of(session, d))
        ));
    }
    wrong
}

/// `3:15 message`, then `help: …`.
fn lines_of(session: &Session, d: &Diagnostic) -> Vec<String> {
    let short = render::short(d, session.sources());
    let marks = [format!("error[{}]: ", d.code), format!("warning[{}]: ", d.code)];
    let (place, message) = marks.iter().find_map(|mark| short.split_once(mark.as_str())).unwrap();
    let place = place.trim().trim_end_matches(':').trim_start_matches("case.seg:");
    let first = if place.is_empty() { message.to_string() } else { format!("{place} {message}") };
    std::iter::once(first).chain(d.help.iter().map(|h| format!("help: {h}"))).collect()
}

/// An answer beside what is expected of it.
pub fn answer(
    session: &Session,
    program: &Program,
    folder: &Path,
    kind: &str,
    rest: &str,
    block: &Block,
) -> Vec<String> {
    let found = match kind {
        "members" => members(session, program, rest),
        "tag" => tag(session, program, rest),
        "count" => count(session, program, rest, block),
        "explain" => explain(session, program, rest),
        "why" => why(session, program, rest),
        "portrait" => portrait(session, program, rest, block),
        "reads" => reads(session, program, rest),
        "audience" => audience(session, program, rest, |s| rows(program, &s.columns)),
        "reasons" => audience(session, program, rest, |s| reasons(program, &s.columns)),
        "held-out" => {
            audience(session, program, rest, |s| rows(program, s.held_out.as_deref().unwrap_or_default()))
        }
        "arms" => audience(session, program, rest, arms),
        "waterfall" => audience(session, program, rest, waterfall),
        "data" => data(session, program),
        "files" => files(session, program, folder),
        "file" => Ok(file(&folder.join(rest))),
        other => panic!("line {}: nothing is called `expect {other}`", block.line),
    };
    compared(session, kind == "members" && !rest.contains(" with "), block, found)
}

/// What `check --data` finds: `CODE message` each.
fn data(session: &Session, program: &Program) -> Found {
    // The runner's own segments are none of the script's.
    let found = session.check_data(program)?.into_iter().filter(|d| !d.message.starts_with("`probe "));
    Ok(found.map(|d| format!("{} {}", d.code, d.message)).collect())
}

/// A command's answer as rows, cells between `|`, without the header.
pub fn ask(session: &Session, program: &Program, command: &Command, block: &Block) -> Vec<String> {
    let found = session.ask(program, command, &|_| {}).map(|answer| {
        if let (true, Answer::Why(why)) = (block.info.starts_with("leaves "), &answer) {
            return leaves(why);
        }
        let (_, rows) = segue::output::answers::rows(&answer).unwrap();
        let line = |row: &Vec<Value>| row.iter().map(cell).collect::<Vec<_>>().join(" | ");
        rows.iter().map(line).collect()
    });
    compared(session, false, block, found)
}

/// `2026-12-29 | condition` each, `stays until …`, or nothing where time has no part in it.
fn leaves(why: &Why) -> Vec<String> {
    match &why.leaves {
        None => Vec::new(),
        Some(Leaves { on: None, looked_until, .. }) => vec![format!("stays until {looked_until}")],
        Some(Leaves { on: Some(day), conditions, .. }) => {
            conditions.iter().map(|c| format!("{day} | {c}")).collect()
        }
    }
}

fn compared(session: &Session, keys: bool, block: &Block, found: Found) -> Vec<String> {
    let expected: Vec<String> = block.lines.iter().filter(|l| !l.trim().is_empty()).cloned().collect();
    // Keys may stand in one line.
    let expected: Vec<String> = match keys {
        true => expected.iter().flat_map(|l| l.split(',')).map(|k| k.trim().to_string()).collect(),
        false => expected,
    };
    match found {
        Ok(found) if same(&expected, &found) => Vec::new(),
        Ok(found) => vec![format!(
            "line {}: expect {}\n    expected\n{}\n    found\n{}",
            block.line,
            block.info,
            indented(&expected),
            indented(&found)
        )],
        Err(d) => {
            vec![format!("line {}: expect {}\n{}", block.line, block.info, indented(&lines_of(session, &d)))]
        }
    }
}

fn indented(lines: &[String]) -> String {
    lines.iter().map(|l| format!("      {l}")).collect::<Vec<_>>().join("\n")
}

fn same(expected: &[String], found: &[String]) -> bool {
    expected.len() == found.len() && expected.iter().zip(found).all(|(e, f)| same_line(e, f))
}

/// Cells stand between `|`; the key of a tag's line ends with `: `.
fn same_line(expected: &str, found: &str) -> bool {
    let parts = |line: &str| -> Vec<String> {
        line.replacen(": ", " | ", 1).split('|').map(|c| c.trim().to_string()).collect()
    };
    let (e, f) = (parts(expected), parts(found));
    e.len() == f.len() && e.iter().zip(&f).all(|(e, f)| same_cell(e, f))
}

/// Numbers by value; `~3.33` is a number that rounds to it.
fn same_cell(expected: &str, found: &str) -> bool {
    if expected == found {
        return true;
    }
    if let Some(digits) = expected.strip_prefix('~') {
        let places = digits.split_once('.').map_or(0, |(_, p)| p.len());
        return found.parse::<f64>().is_ok_and(|x| format!("{x:.places$}") == digits);
    }
    // `1e308` is that float, however many zeros it is written with.
    if let (true, Ok(e), Ok(f)) = (expected.contains('e'), expected.parse::<f64>(), found.parse::<f64>()) {
        return e == f;
    }
    let plain = |text: &str| {
        let number = text.strip_prefix('-').unwrap_or(text);
        let is_number = number.contains('.') && number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        match is_number {
            true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
            false => text.to_string(),
        }
    };
    plain(expected) == plain(found)
}

fn cell(value: &Value) -> String {
    if value.is_missing() { "missing".to_string() } else { value.plain() }
}

fn named(program: &Program, name: &str) -> DefId {
    let found = program.find_definition(name).unwrap_or_else(|| panic!("no definition `{name}`"));
    found.0
}

fn show(session: &Session, program: &Program, name: &str) -> Result<Show, Diagnostic> {
    session.with_asker(program, &|_| {}, |asker| asker.show(named(program, name), None))
}

fn members(session: &Session, program: &Program, rest: &str) -> Found {
    let (name, with) = rest.split_once(" with ").unwrap_or((rest, ""));
    let shown = show(session, program, name.trim())?;
    let columns: Vec<usize> = with
        .split('|')
        .map(str::trim)
        .filter(|w| !w.is_empty())
        .map(|w| {
            let found = shown.headers.iter().position(|h| h == w);
            found.unwrap_or_else(|| panic!("no column {w} of {:?}", shown.headers))
        })
        .collect();
    assert_eq!(shown.members, shown.rows.len() as u64, "the count of {name} is not that of its rows");
    let line = |row: &Vec<Value>| {
        let with: Vec<String> = columns.iter().map(|c| cell(&row[*c])).collect();
        if with.is_empty() { cell(&row[0]) } else { format!("{}: {}", cell(&row[0]), with.join(" | ")) }
    };
    Ok(shown.rows.iter().map(line).collect())
}

/// Of everyone, in the order of keys.
fn tag(session: &Session, program: &Program, rest: &str) -> Found {
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for name in rest.split('|').map(str::trim) {
        let shown = show(session, program, &format!("probe {name}"))?;
        for (i, row) in shown.rows.iter().enumerate() {
            if lines.len() <= i {
                lines.push((cell(&row[0]), Vec::new()));
            }
            lines[i].1.push(cell(row.get(1).unwrap_or(&row[0])));
        }
    }
    Ok(lines.into_iter().map(|(key, values)| format!("{key}: {}", values.join(" | "))).collect())
}

/// `3 members, 1 undecided, 5 in all`; where the page goes on, `because of TAG: 1` and `outside SEGMENT: 1` too.
fn count(session: &Session, program: &Program, name: &str, block: &Block) -> Found {
    let count = session.with_asker(program, &|_| {}, |asker| asker.count(named(program, name)))?;
    let mut lines = vec![format!(
        "{} members, {} undecided, {} in all",
        count.members, count.undecided.count, count.total
    )];
    if block.lines.len() > 1 {
        lines.extend(count.undecided.by.iter().map(|(tag, n)| format!("because of {tag}: {n}")));
        lines.extend(count.undecided.complements.iter().map(|(s, n)| format!("outside {s}: {n}")));
    }
    Ok(lines)
}

/// The definition, then the attrition: condition | remaining | lost | undecided.
fn explain(session: &Session, program: &Program, name: &str) -> Found {
    let found = session.with_asker(program, &|_| {}, |asker| asker.explain(named(program, name), None))?;
    let steps = found
        .attrition
        .iter()
        .map(|s| format!("{} | {} | {} | {}", s.condition, s.remaining, s.lost, s.undecided));
    Ok(std::iter::once(found.definition.clone()).chain(steps).collect())
}

fn why(session: &Session, program: &Program, rest: &str) -> Found {
    let (key, segment) = rest.split_once(" in ").expect("`expect why KEY in SEGMENT`");
    let why = session.with_asker(program, &|_| {}, |asker| asker.why(key, named(program, segment)))?;
    let state = match (why.member, why.undecided) {
        (true, false) => "a member",
        (true, true) => "a member, undecided",
        (false, true) => "undecided",
        (false, false) => "no member",
    };
    let mut lines = vec![state.to_string()];
    tested(&why.conditions, 0, &mut lines);
    lines.extend(why.nearest_miss.iter().map(|m| format!("nearest miss | {m}")));
    Ok(lines)
}

fn tested(conditions: &[Tested], depth: usize, lines: &mut Vec<String>) {
    for c in conditions {
        let outcome = match c.outcome {
            Some(true) => "yes",
            Some(false) => "no",
            None => "unknown",
        };
        lines.push(format!("{}{outcome} | {} | {}", "  ".repeat(depth), c.condition, c.values));
        lines.extend(c.terms.iter().map(|t| format!("{}term | {t}", "  ".repeat(depth))));
        tested(&c.parts, depth + 1, lines);
    }
}

/// The names that the page asks for.
fn portrait(session: &Session, program: &Program, key: &str, block: &Block) -> Found {
    let found = session.with_asker(program, &|_| {}, |asker| asker.portrait_of(key))?;
    let segments = found.segments.iter().map(|(n, m)| (n.clone(), Value::Bool(*m)));
    let all: Vec<(String, Value)> = found.columns.into_iter().chain(found.tags).chain(segments).collect();
    let asked = block.lines.iter().filter_map(|l| l.split_once(": ")).map(|(name, _)| name);
    Ok(asked
        .filter_map(|name| all.iter().find(|(n, _)| n == name))
        .map(|(name, value)| format!("{name}: {}", cell(value)))
        .collect())
}

/// Each source that a tag reads with its window: `transactions | last 3 months (…)`.
fn reads(session: &Session, program: &Program, name: &str) -> Found {
    let found = session.with_asker(program, &|_| {}, |asker| asker.describe(named(program, name)))?;
    let line = |s: &segue::explain::answer::SourceUse| {
        format!("{} | {}", s.source, s.window.as_deref().unwrap_or("its rows"))
    };
    Ok(found.tag.sources.iter().map(line).collect())
}

fn audience(
    session: &Session,
    program: &Program,
    name: &str,
    lines: impl Fn(&Selection) -> Vec<String>,
) -> Found {
    let audience = program.find_audience(name).unwrap_or_else(|| panic!("no audience `{name}`"));
    let selected = session.with_asker(program, &|_| {}, |asker| asker.select(&[audience], usize::MAX))?;
    Ok(selected.iter().flat_map(lines).collect())
}

type Columns = [(String, datafusion::arrow::array::ArrayRef)];

/// The header, then the rows, without the reasons.
fn rows(program: &Program, columns: &Columns) -> Vec<String> {
    let listed = columns.iter().filter(|(name, _)| name != "why" && name != "why_data");
    let listed: Vec<_> = listed.collect();
    let count = listed.first().map_or(0, |(_, a)| a.len());
    let header = listed.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>().join(" | ");
    let row = |i: usize| {
        let cells = listed.iter().map(|(_, a)| cell(&value_at(a, i, &program.zone).unwrap()));
        cells.collect::<Vec<_>>().join(" | ")
    };
    std::iter::once(header).chain((0..count).map(row)).collect()
}

fn reasons(program: &Program, columns: &Columns) -> Vec<String> {
    let why = columns.iter().find(|(name, _)| name == "why").map(|(_, a)| a).unwrap();
    (0..why.len()).map(|i| cell(&value_at(why, i, &program.zone).unwrap())).collect()
}

/// arm | rows
fn arms(selection: &Selection) -> Vec<String> {
    selection.arms.iter().map(|a| format!("{} | {}", a.arm, a.rows)).collect()
}

/// step | rule | remaining | lost | undecided
fn waterfall(selection: &Selection) -> Vec<String> {
    let line = |s: &segue::explain::audience::Stage| {
        format!("{} | {} | {} | {} | {}", s.step, s.rule, s.remaining, s.lost, s.undecided)
    };
    selection.waterfall.iter().map(line).collect()
}

/// All audiences delivered: what lies under `out/` afterwards.
fn files(session: &Session, program: &Program, folder: &Path) -> Found {
    let audiences: Vec<_> = program.audiences.iter().collect();
    let outcome = session.deliver(program, &audiences, None, &|_| {});
    let mut found = Vec::new();
    below(&folder.join("out"), &mut found);
    let mut found: Vec<String> =
        found.iter().map(|p| p.strip_prefix(folder).unwrap().display().to_string()).collect();
    found.sort();
    found.extend(outcome.err().map(|d| format!("error {}", d.code)));
    Ok(found)
}

fn below(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { below(&path, found) } else { found.push(path) }
    }
}

/// A written text file; cells between `|`, a byte order mark as `[BOM]`.
fn file(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| format!("{e}")).replace('\u{feff}', "[BOM]");
    let line = |l: &str| {
        let cells = table::cells(l).into_iter().map(|c| c.unwrap_or_else(|| "missing".into()));
        cells.collect::<Vec<_>>().join(" | ")
    };
    text.lines().map(line).collect()
}
