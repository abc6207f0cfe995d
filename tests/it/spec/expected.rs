//! Tables and expectations of a case, as a reader wants them.

use super::super::cases::page::Block;
use super::super::cases::table::cells;
use super::markdown::table;

const MISSING: &str = "*missing*";

fn shown(cell: &str) -> String {
    if cell == "missing" { MISSING.to_string() } else { cell.to_string() }
}

fn split(line: &str) -> Vec<String> {
    line.split('|').map(|c| shown(c.trim())).collect()
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn codes<'t>(texts: impl IntoIterator<Item = &'t str>) -> Vec<String> {
    texts.into_iter().map(|t| code(t.trim())).collect()
}

fn words(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|t| t.to_string()).collect()
}

/// A table that a case reads: its path, then the rows. Texts stay as they are.
pub fn input(block: &Block) -> Vec<String> {
    let mut out = vec![format!("`{}`:", block.info), String::new()];
    if block.kind == "table" && block.info.ends_with(".parquet") {
        let header: Vec<String> = columns(&block.lines[0]);
        let row = |line: &String| -> Vec<String> {
            let cell = |c: Option<String>| match c {
                None => MISSING.to_string(),
                Some(text) if text.is_empty() => "\"\"".to_string(),
                Some(text) => text.replace('|', "\\|"),
            };
            cells(line).into_iter().map(cell).collect()
        };
        let rows: Vec<Vec<String>> = block.lines[1..].iter().map(row).collect();
        if header.len() == 1 && !rows.is_empty() {
            return vec![format!("`{}`: {} {}.", block.info, code(&header[0]), rows.concat().join(", "))];
        }
        out.extend(table(&header, &rows));
    } else {
        let kind = if block.info.ends_with(".seg") { "seg" } else { "text" };
        out.extend(fenced(kind, &block.lines));
    }
    out
}

pub fn fenced(kind: &str, lines: &[String]) -> Vec<String> {
    let mut out = vec![format!("```{kind}")];
    out.extend(lines.iter().cloned());
    out.push("```".to_string());
    out
}

/// The names of a header whose cells are `name:type`; a comma inside parentheses is the type's.
fn columns(header: &str) -> Vec<String> {
    let mut depth = 0;
    let cells = header.split(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    });
    cells.map(|cell| cell.trim().split(':').next().unwrap().to_string()).collect()
}

/// What must come out of a case: short answers as a list, values of tags side by side.
pub fn outcomes(blocks: &[Block]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut short = false;
    for lines in beside(blocks).iter().map(outcome) {
        let is_short = lines.len() == 1;
        let one_list = short && is_short;
        if !(out.is_empty() || one_list) {
            out.push(String::new());
        }
        short = is_short;
        match is_short {
            true => out.push(format!("- {}", lines[0])),
            false => out.extend(lines),
        }
    }
    out
}

/// Tables of tags with the same keys on the same day become one.
fn beside(blocks: &[Block]) -> Vec<Block> {
    let keys =
        |b: &Block| b.lines.iter().map(|l| l.split(": ").next().unwrap_or(l).to_string()).collect::<Vec<_>>();
    let day = |b: &Block| b.info.rsplit_once(" as of ").map(|(_, day)| day.to_string());
    let mut out: Vec<Block> = Vec::new();
    for block in blocks {
        let tags = |b: &Block| b.info.starts_with("tag ");
        match out.last_mut() {
            Some(last)
                if tags(last) && tags(block) && day(last) == day(block) && keys(last) == keys(block) =>
            {
                let (named, on) = match last.info.rsplit_once(" as of ") {
                    Some((named, day)) => (named.to_string(), format!(" as of {day}")),
                    None => (last.info.clone(), String::new()),
                };
                let more = block.info["tag ".len()..].split(" as of ").next().unwrap_or_default().to_string();
                last.info = format!("{named} | {more}{on}");
                for (line, other) in last.lines.iter_mut().zip(&block.lines) {
                    let values = other.split_once(": ").map_or("", |(_, values)| values);
                    *line = format!("{line} | {values}");
                }
            }
            _ => out.push(block.clone()),
        }
    }
    out
}

/// What must come out, in words and tables.
fn outcome(block: &Block) -> Vec<String> {
    let (said, day) = match block.info.rsplit_once(" as of ") {
        Some((said, day)) => (said, format!(", as of {}", day.trim())),
        None => (block.info.as_str(), String::new()),
    };
    let (kind, rest) = said.split_once(' ').unwrap_or((said, ""));
    let rest = rest.trim();
    let lines: Vec<&str> = block.lines.iter().map(String::as_str).filter(|l| !l.trim().is_empty()).collect();
    match kind {
        "members" => members(rest, &day, &lines),
        "tag" => {
            let header = std::iter::once("key".to_string()).chain(codes(rest.split('|'))).collect::<Vec<_>>();
            under(format!("The values{day}:"), table(&header, &keyed(&lines)))
        }
        "count" => vec![format!("`count {rest}`{day}: {}.", lines.join("; "))],
        "explain" => {
            let header = words(&["condition", "remaining", "lost", "undecided"]);
            let definition = lines.first().copied().unwrap_or_default();
            under(format!("`explain {rest}`{day}: {definition}"), table(&header, &rows(&lines[1..])))
        }
        "why" => {
            under(format!("`why {rest}`{day}: {}", lines[0]), lines[1..].iter().map(|l| reason(l)).collect())
        }
        "portrait" => under(format!("`portrait {rest}`{day}:"), table(&words(&["", ""]), &keyed(&lines))),
        "ask" if lines.is_empty() => vec![format!("`{rest}`{day} has no rows.")],
        "ask" => {
            let rows = rows(&lines);
            under(format!("`{rest}`{day}:"), table(&vec![String::new(); rows[0].len()], &rows))
        }
        "leaves" => vec![leaves(rest, &day, &lines)],
        "data" if lines.is_empty() => vec![format!("`check --data`{day} finds nothing.")],
        "data" => {
            under(format!("`check --data`{day} finds:"), lines.iter().map(|l| format!("- {l}")).collect())
        }
        "reads" => {
            under(format!("{} reads{day}:", code(rest)), lines.iter().map(|l| format!("- {l}")).collect())
        }
        "error" | "warning" => finding(kind, rest, &lines),
        "audience" => list(format!("The list of {}{day}:", code(rest)), &lines),
        "held-out" => list(format!("Held out of {}{day}:", code(rest)), &lines),
        "reasons" => {
            under(format!("Why, in {}{day}:", code(rest)), lines.iter().map(|l| format!("- {l}")).collect())
        }
        "arms" => under(
            format!("The arms of {}{day}:", code(rest)),
            table(&words(&["arm", "customers"]), &rows(&lines)),
        ),
        "waterfall" => under(
            format!("The waterfall of {}{day}:", code(rest)),
            table(&words(&["step", "rule", "remaining", "lost", "undecided"]), &rows(&lines)),
        ),
        "files" => vec![format!("Written{day}: {}.", codes(lines.iter().copied()).join(", "))],
        "file" => list(format!("{}{day}:", code(rest)), &lines),
        other => panic!("line {}: nobody knows how to show `expect {other}`", block.line),
    }
}

fn under(title: String, body: Vec<String>) -> Vec<String> {
    match body.is_empty() {
        true => vec![title],
        false => [title, String::new()].into_iter().chain(body).collect(),
    }
}

fn rows(lines: &[&str]) -> Vec<Vec<String>> {
    lines.iter().map(|l| split(l)).collect()
}

/// `key: value | value`
fn keyed(lines: &[&str]) -> Vec<Vec<String>> {
    let row = |line: &&str| {
        let (key, values) = line.split_once(':').unwrap_or((line, ""));
        std::iter::once(key.trim().to_string()).chain(split(values)).collect()
    };
    lines.iter().map(row).collect()
}

/// The first line names the columns.
fn list(title: String, lines: &[&str]) -> Vec<String> {
    let header: Vec<String> = lines.first().map(|l| codes(l.split('|'))).unwrap_or_default();
    let rows = rows(lines.get(1..).unwrap_or_default());
    let nobody = if rows.is_empty() { vec![String::new(), "(no rows)".to_string()] } else { Vec::new() };
    under(title, table(&header, &rows).into_iter().chain(nobody).collect())
}

fn members(rest: &str, day: &str, lines: &[&str]) -> Vec<String> {
    match rest.split_once(" with ") {
        _ if lines.is_empty() => vec![format!("Members of {}{day}: nobody.", code(rest))],
        None => {
            let keys: Vec<&str> = lines.iter().flat_map(|l| l.split(',')).map(str::trim).collect();
            vec![format!("Members of {}{day}: {}.", code(rest), keys.join(", "))]
        }
        Some((name, with)) => {
            let header = std::iter::once("key".to_string()).chain(codes(with.split('|'))).collect::<Vec<_>>();
            under(format!("Members of {}{day}:", code(name.trim())), table(&header, &keyed(lines)))
        }
    }
}

/// `yes | condition | values`, with its depth; `term | …`; `nearest miss | …`.
fn reason(line: &str) -> String {
    let depth = line.len() - line.trim_start().len();
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    let text = match cells[..] {
        ["term", term] => term.to_string(),
        ["nearest miss", miss] => format!("nearest miss: {miss}"),
        [outcome, condition, ""] => format!("{outcome}: {condition}"),
        [outcome, condition, values] => format!("{outcome}: {condition} — {values}"),
        _ => line.trim().to_string(),
    };
    let inner = if cells[0] == "term" { depth + 2 } else { depth };
    format!("{}- {text}", " ".repeat(inner))
}

fn leaves(rest: &str, day: &str, lines: &[&str]) -> String {
    let said: Vec<String> = lines.iter().map(|l| l.replacen(" | ", ": ", 1)).collect();
    match said.is_empty() {
        true => format!("`why {rest}`{day}: time alone will not end it."),
        false => format!("`why {rest}`{day}: leaves {}.", said.join("; ")).replace("leaves stays", "stays"),
    }
}

/// The code leads to its page; `3:15 message` is told with its line.
fn finding(kind: &str, code: &str, lines: &[&str]) -> Vec<String> {
    let kind = if kind == "error" { "Error" } else { "Warning" };
    let place = regex::Regex::new(r"^(\d+):\d+ ").unwrap();
    let said = lines.iter().map(|l| format!("- {}", place.replace(l, "line $1: ")));
    under(
        format!("{kind} [{code}](errors/{code}.md){}", if lines.is_empty() { "." } else { ":" }),
        said.collect(),
    )
}
