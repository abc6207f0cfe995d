//! What is said of a tag, a segment, a source or an audience: labels and values, in the reader's language.

use crate::explain::dictionary::{Dictionary, DictionaryAudience, DictionarySource, Entry};
use crate::ir::print::Lang;
use crate::output::answers::{kind_name, members_text, spread_text, undecided_text};

/// A value, as it should look.
pub enum Fact {
    Text(String),
    /// A formula or a path.
    Code(String),
    /// Code, one piece a line.
    Codes(Vec<String>),
    Lines(Vec<String>),
    /// Names of the dictionary, to be linked.
    Names(Vec<String>),
}

pub type Facts = Vec<(&'static str, Fact)>;

pub fn pick(lang: Lang, en: &'static str, zh: &'static str) -> &'static str {
    match lang {
        Lang::En => en,
        Lang::Zh => zh,
    }
}

/// Where an entry stands on the page; names may hold anything.
pub fn anchor(kind: &str, name: &str) -> String {
    let mut id = format!("{kind}-");
    for c in name.chars() {
        match c {
            c if c.is_alphanumeric() || c == '_' || c == '-' => id.push(c),
            c => id.push_str(&format!(".{:x}", u32::from(c))),
        }
    }
    id
}

/// The groups in the order in which they are first met, with the entries of each; those without one come last.
pub fn groups(dictionary: &Dictionary) -> Vec<(Option<&str>, Vec<&Entry>)> {
    let mut groups: Vec<(Option<&str>, Vec<&Entry>)> = Vec::new();
    for entry in &dictionary.entries {
        let group = entry.metadata("group");
        match groups.iter_mut().find(|(name, _)| *name == group) {
            Some((_, entries)) => entries.push(entry),
            None => groups.push((group, vec![entry])),
        }
    }
    groups.sort_by_key(|(name, _)| name.is_none());
    groups
}

pub fn headline(d: &Dictionary, lang: Lang) -> String {
    let tags = d.entries.iter().filter(|e| e.kind == "tag").count();
    let segments = d.entries.len() - tags;
    let data = match d.with_data {
        true => String::new(),
        false => pick(lang, " · without data", " · 未读取数据").to_string(),
    };
    match lang {
        Lang::En => format!(
            "as of {} ({}) · {} · {} · {}{data}",
            d.as_of,
            d.zone,
            counted(tags, "tag"),
            counted(segments, "segment"),
            counted(d.audiences.len(), "audience")
        ),
        Lang::Zh => format!(
            "截至 {}（{}） · {tags} 个标签 · {segments} 个客群 · {} 份名单{data}",
            d.as_of,
            d.zone,
            d.audiences.len()
        ),
    }
}

fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// `tag of customers, decimal`
pub fn kind(e: &Entry, lang: Lang) -> String {
    let ty = kind_name(lang, &e.tag.type_name);
    match (e.kind, lang) {
        ("segment", Lang::En) => format!("segment of {}", e.entity),
        ("segment", Lang::Zh) => format!("{} 的客群", e.entity),
        (_, Lang::En) => format!("tag of {}, {ty}", e.entity),
        (_, Lang::Zh) => format!("{} 的标签，{ty}", e.entity),
    }
}

pub fn of_entry(e: &Entry, lang: Lang) -> Facts {
    let say = |en, zh| pick(lang, en, zh);
    let mut facts: Facts = vec![
        (say("kind", "种类"), Fact::Text(kind(e, lang))),
        (say("formula", "口径"), Fact::Code(e.tag.formula.clone())),
    ];
    for (name, en, zh) in [
        ("owner", "owner", "负责人"),
        ("since", "since", "生效日期"),
        ("expires", "expires", "失效日期"),
        ("review", "review", "复核日期"),
        ("note", "note", "备注"),
    ] {
        for (_, value) in e.tag.metadata.iter().filter(|(known, _)| known == name) {
            facts.push((say(en, zh), Fact::Text(value.clone())));
        }
    }
    let known = ["group", "owner", "since", "expires", "review", "note"];
    let others = e.tag.metadata.iter().filter(|(name, _)| !known.contains(&name.as_str()));
    let others: Vec<String> = others.map(|(name, value)| format!("@{name} {value}")).collect();
    if !others.is_empty() {
        facts.push((say("metadata", "元数据"), Fact::Lines(others)));
    }
    if !e.columns.is_empty() {
        facts.push((say("columns", "来源字段"), Fact::Codes(e.columns.clone())));
    }
    let reads: Vec<String> = e
        .tag
        .sources
        .iter()
        .map(|s| {
            let parts = [Some(s.source.as_str()), s.window.as_deref(), Some(s.row.as_str())];
            let parts: Vec<&str> = parts.into_iter().flatten().filter(|p| !p.is_empty()).collect();
            parts.join(pick(lang, ", ", "，"))
        })
        .collect();
    if !reads.is_empty() {
        facts.push((say("sources", "数据源"), Fact::Lines(reads)));
    }
    if let Some(spread) = e.tag.spread.as_ref().filter(|s| s.total > 0) {
        facts.push((say("values", "取值分布"), Fact::Text(spread_text(&e.tag.name, spread, lang))));
    }
    if let Some(count) = &e.count {
        let lines = vec![members_text(count, lang), undecided_text(&count.undecided, lang)];
        facts.push((say("members", "成员"), Fact::Lines(lines)));
    }
    for (label, names) in [
        (say("made of", "取自"), &e.tag.uses),
        (say("used by", "被引用"), &e.used_by),
        (say("audiences", "名单"), &e.audiences),
    ] {
        if !names.is_empty() {
            facts.push((label, Fact::Names(names.clone())));
        }
    }
    if e.used_by.is_empty() && e.audiences.is_empty() {
        facts.push((say("used by", "被引用"), Fact::Text(say("nothing", "无").to_string())));
    }
    facts
}

pub fn of_source(s: &DictionarySource, lang: Lang) -> Facts {
    let say = |en, zh| pick(lang, en, zh);
    let mut facts: Facts = vec![
        (say("kind", "种类"), Fact::Text(kind_name(lang, s.kind).to_string())),
        (say("files", "文件"), Fact::Code(s.files.clone())),
    ];
    if !s.used_by.is_empty() {
        facts.push((say("used by", "被引用"), Fact::Names(s.used_by.clone())));
    }
    facts
}

pub fn of_audience(a: &DictionaryAudience, lang: Lang) -> Facts {
    let say = |en, zh| pick(lang, en, zh);
    let mut facts: Facts = vec![(say("from", "来自"), Fact::Names(vec![a.segment.clone()]))];
    for (step, rule) in &a.steps {
        let label = match (*step, lang) {
            ("require", Lang::Zh) => "须满足",
            ("exclude", Lang::Zh) => "排除",
            ("cap", Lang::Zh) => "频次上限",
            ("limit", Lang::Zh) => "限量",
            ("control", Lang::Zh) => "对照",
            ("split", Lang::Zh) => "分组",
            (step, _) => step,
        };
        facts.push((label, Fact::Code(rule.clone())));
    }
    if !a.columns.is_empty() {
        facts.push((say("columns", "字段"), Fact::Codes(a.columns.clone())));
    }
    if let Some(to) = &a.to {
        facts.push((say("file", "文件"), Fact::Code(to.clone())));
    }
    if !a.notes.is_empty() {
        let notes = a.notes.iter().map(|(name, value)| format!("{name} {value}")).collect();
        facts.push((say("notes", "备注"), Fact::Lines(notes)));
    }
    facts
}

/// The kind of the thing of this name, for its anchor; definitions share one namespace.
pub fn kind_of(d: &Dictionary, name: &str) -> Option<&'static str> {
    let entry = d.entries.iter().find(|e| e.tag.name == name).map(|e| e.kind);
    let source = || d.sources.iter().find(|s| s.name == name).map(|_| "source");
    let audience = || d.audiences.iter().find(|a| a.name == name).map(|_| "audience");
    entry.or_else(source).or_else(audience)
}
