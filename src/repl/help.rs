//! `\help`: out of the tables of the prompt's commands, the functions and the words of the language.

use super::meta;
use super::words::{Msg, say};
use crate::functions::{self, Row};
use crate::ir::print::Lang;
use crate::syntax::KEYWORDS;
use crate::syntax::keywords::{Keyword, Place};
use unicode_width::UnicodeWidthStr;

/// Everything that help is there for.
pub fn topics() -> impl Iterator<Item = &'static str> {
    let commands = meta::TABLE.iter().map(|c| c.name);
    let functions = functions::TABLE.iter().map(|f| f.name);
    let mut seen = std::collections::HashSet::new();
    commands.chain(functions).chain(KEYWORDS.iter().map(|k| k.word)).filter(move |t| seen.insert(*t))
}

/// The prompt's commands, the statements and the questions.
pub fn overview(lang: Lang) -> String {
    let commands: Vec<(String, &str)> = meta::TABLE.iter().map(|c| (c.usage(), c.meaning(lang))).collect();
    let words = |place| -> Vec<(String, &str)> {
        let of = KEYWORDS.iter().filter(|k: &&Keyword| k.place == place);
        of.map(|k| (k.word.to_string(), meaning(k, lang))).collect()
    };
    let mut text = String::new();
    for (title, rows) in [
        (Msg::HelpMeta, commands),
        (Msg::HelpStatements, words(Place::Statement)),
        (Msg::HelpCommands, words(Place::Command)),
    ] {
        text.push_str(&format!("{}\n", say(lang, title, &[])));
        let width = rows.iter().map(|(left, _)| left.width()).max().unwrap_or(0);
        for (left, meaning) in rows {
            let pad = " ".repeat(width - left.width());
            text.push_str(&format!("  {left}{pad}  {meaning}\n"));
        }
        text.push('\n');
    }
    text.push_str(&say(lang, Msg::HelpMore, &[]));
    text
}

/// Help on a command of the prompt, a function or a word: all that the word is.
pub fn word(word: &str, lang: Lang) -> Option<String> {
    let word = word.trim().trim_start_matches(['\\', '、', '＼']).trim_end_matches(['(', ')']);
    let lower = word.to_lowercase();
    let mut parts = Vec::new();
    if let Some(command) = meta::TABLE.iter().find(|c| c.name == lower) {
        parts.push(format!("{}\n  {}", command.usage(), command.meaning(lang)));
    }
    if let Some(row) = functions::find(word) {
        parts.push(function(row, lang));
    }
    for keyword in KEYWORDS.iter().filter(|k| k.word == lower) {
        parts.push(format!("{}\n  {}", keyword.word, meaning(keyword, lang)));
    }
    (!parts.is_empty()).then(|| parts.join("\n\n"))
}

fn meaning(keyword: &Keyword, lang: Lang) -> &'static str {
    match lang {
        Lang::En => keyword.meaning,
        Lang::Zh => keyword.meaning_zh,
    }
}

fn function(row: &Row, lang: Lang) -> String {
    let meaning = match lang {
        Lang::En => row.meaning,
        Lang::Zh => row.meaning_zh,
    };
    format!("{}\n  {meaning}\n  {}", row.signature, say(lang, Msg::HelpExample, &[row.example]))
}
