//! The dictionary as Markdown: for a repository, with the lineage as a Mermaid block.

use super::facts::{self, Fact, Facts, anchor, groups, headline, kind, kind_of, pick};
use super::lineage::Lineage;
use crate::explain::dictionary::Dictionary;
use crate::ir::print::Lang;

pub fn markdown(d: &Dictionary, lang: Lang) -> String {
    let say = |en, zh| pick(lang, en, zh);
    let mut out = format!("# {}\n\n{}\n", say("Tag dictionary", "标签字典"), escaped(&headline(d, lang)));
    out.push_str(&format!("\n## {}\n", say("Contents", "目录")));
    let columns = [say("name", "名称"), say("title", "标题"), say("kind", "种类"), say("owner", "负责人")];
    for (group, entries) in groups(d) {
        let group = group.map_or_else(|| say("Without a group", "未分组").to_string(), escaped);
        out.push_str(&format!("\n### {group}\n\n| {} |\n|---|---|---|---|\n", columns.join(" | ")));
        for e in entries {
            let cells = [
                link(e.kind, &e.tag.name),
                escaped(e.tag.title.as_deref().unwrap_or_default()),
                escaped(&kind(e, lang)),
                escaped(e.metadata("owner").unwrap_or_default()),
            ];
            out.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
    }
    let lineage = Lineage::of(d);
    out.push_str(&format!("\n## {}\n\n```mermaid\n{}```\n", say("Lineage", "血缘"), lineage.mermaid()));
    out.push_str(&format!("\n## {}\n", say("Tags and segments", "标签与客群")));
    for e in &d.entries {
        heading(&mut out, e.kind, &e.tag.name, e.tag.title.as_deref());
        table(&mut out, d, facts::of_entry(e, lang));
        if !e.definition.is_empty() {
            let fence = "`".repeat(longest_run(&e.definition).max(2) + 1);
            out.push_str(&format!("\n{fence}text\n{}\n{fence}\n", e.definition.trim_end()));
        }
    }
    if !d.audiences.is_empty() {
        out.push_str(&format!("\n## {}\n", say("Audiences", "名单")));
    }
    for a in &d.audiences {
        heading(&mut out, "audience", &a.name, a.title.as_deref());
        table(&mut out, d, facts::of_audience(a, lang));
    }
    out.push_str(&format!("\n## {}\n", say("Sources", "数据源")));
    for s in &d.sources {
        heading(&mut out, "source", &s.name, s.title.as_deref());
        table(&mut out, d, facts::of_source(s, lang));
    }
    out
}

fn heading(out: &mut String, kind: &str, name: &str, title: Option<&str>) {
    let title = title.map_or(String::new(), |t| format!(": {}", escaped(t)));
    out.push_str(&format!("\n<a id=\"{}\"></a>\n\n### {}{title}\n\n", anchor(kind, name), escaped(name)));
}

fn link(kind: &str, name: &str) -> String {
    format!("[{}](#{})", escaped(name), anchor(kind, name))
}

fn table(out: &mut String, d: &Dictionary, facts: Facts) {
    out.push_str("| | |\n|---|---|\n");
    for (label, fact) in facts {
        let cell = match fact {
            Fact::Text(text) => escaped(&text),
            Fact::Code(text) => code(&text),
            Fact::Codes(list) => list.iter().map(|c| code(c)).collect::<Vec<_>>().join(", "),
            Fact::Lines(list) => list.iter().map(|l| escaped(l)).collect::<Vec<_>>().join("<br>"),
            Fact::Names(names) => {
                let linked = names.iter().map(|n| match kind_of(d, n) {
                    Some(kind) => link(kind, n),
                    None => escaped(n),
                });
                linked.collect::<Vec<_>>().join(", ")
            }
        };
        out.push_str(&format!("| {label} | {cell} |\n"));
    }
}

/// Text without any of Markdown's or HTML's own signs.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '$' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A code span in a table: its fence is longer than any inside, and the table's own sign is escaped.
fn code(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let fence = "`".repeat(longest_run(&text) + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{space}{}{space}{fence}", text.replace('|', "\\|"))
}

/// The longest run of backquotes.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}
