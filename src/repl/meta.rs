//! The prompt's own commands, from one table: help, completion and dispatch are made from it.

use super::core::{Flow, Repl, TYPED};
use super::help;
use super::save;
use super::words::Msg;
use crate::check::{literal_value, parse_as_of};
use crate::diagnostic::suggest;
use crate::ide::{Kind, Known};
use crate::ir::print::Lang;
use crate::ir::{Audience, Command};
use crate::output::rows::RowFormat;
use std::path::PathBuf;

/// One command of the prompt.
pub struct MetaCommand {
    pub name: &'static str,
    /// As they are shown; empty where there are none.
    pub arguments: &'static str,
    pub meaning: &'static str,
    pub meaning_zh: &'static str,
    /// What its argument is, for completion.
    pub takes: Takes,
    pub run: fn(&mut Repl, &MetaCommand, &str) -> Flow,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Takes {
    Nothing,
    File,
    Audience,
    Param,
    Word,
    OneOf(&'static [&'static str]),
}

#[rustfmt::skip]
pub const TABLE: &[MetaCommand] = &[
    MetaCommand { name: "help", arguments: "[WORD]", meaning: "this list, or a word explained", meaning_zh: "显示本列表，或解释一个词", takes: Takes::Word, run: help },
    MetaCommand { name: "load", arguments: "FILE", meaning: "adds a script's definitions", meaning_zh: "载入脚本中的定义", takes: Takes::File, run: load },
    MetaCommand { name: "reload", arguments: "", meaning: "reads the loaded scripts again; what was typed stays", meaning_zh: "重新读取已载入的脚本，保留输入的定义", takes: Takes::Nothing, run: reload },
    MetaCommand { name: "asof", arguments: "[DATE]", meaning: "shows the day of all answers, or sets it; `today` goes back to today", meaning_zh: "显示或设定所有回答的截至日期；today 恢复为今天", takes: Takes::OneOf(&["today"]), run: as_of },
    MetaCommand { name: "set", arguments: "[NAME=VALUE]", meaning: "gives a parameter another value; alone, lists them", meaning_zh: "设定参数的值；不带参数时列出全部参数", takes: Takes::Param, run: set },
    MetaCommand { name: "lang", arguments: "en|zh", meaning: "the language of answers", meaning_zh: "回答所用的语言", takes: Takes::OneOf(&["en", "zh"]), run: lang },
    MetaCommand { name: "format", arguments: "table|json|ndjson|csv", meaning: "how answers are printed", meaning_zh: "回答的输出格式", takes: Takes::OneOf(&["table", "json", "ndjson", "csv"]), run: format },
    MetaCommand { name: "save", arguments: "FILE", meaning: "writes what was defined in this session as a script; FILE! replaces a file", meaning_zh: "把本次会话的定义存为脚本；FILE! 覆盖已有文件", takes: Takes::File, run: save },
    MetaCommand { name: "list", arguments: "", meaning: "all sources, parameters, tags, segments and audiences", meaning_zh: "列出数据源、参数、标签、客群和名单", takes: Takes::Nothing, run: list },
    MetaCommand { name: "run", arguments: "[AUDIENCE]", meaning: "writes the files of an audience, or of all", meaning_zh: "写出一份名单（或全部名单）的文件", takes: Takes::Audience, run: run_audiences },
    MetaCommand { name: "quit", arguments: "", meaning: "leaves; so does Ctrl-D", meaning_zh: "退出，同 Ctrl-D", takes: Takes::Nothing, run: quit },
];

impl MetaCommand {
    pub fn usage(&self) -> String {
        format!("\\{} {}", self.name, self.arguments).trim_end().to_string()
    }

    pub fn meaning(&self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.meaning,
            Lang::Zh => self.meaning_zh,
        }
    }
}

/// The command of this name, or the only one that begins so.
pub fn find(name: &str) -> Option<&'static MetaCommand> {
    let name = name.to_lowercase();
    if let Some(exact) = TABLE.iter().find(|c| c.name == name) {
        return Some(exact);
    }
    let mut begin = TABLE.iter().filter(|c| !name.is_empty() && c.name.starts_with(&name));
    match (begin.next(), begin.next()) {
        (Some(one), None) => Some(one),
        _ => None,
    }
}

fn split(line: &str) -> (&str, &str) {
    let line = line.trim();
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    (name, rest.trim())
}

/// Whether a line is led by a command that there is.
pub fn is_known(line: &str) -> bool {
    find(split(line).0).is_some()
}

/// Whether the cursor is in the argument of a command that takes a file.
pub fn takes_file(line: &str) -> bool {
    line.contains(' ') && find(split(line).0).is_some_and(|c| c.takes == Takes::File)
}

/// Runs a line without its backslash.
pub fn run(repl: &mut Repl, line: &str) -> Flow {
    let (name, rest) = split(line);
    match find(name) {
        Some(command) => (command.run)(repl, command, rest),
        None => {
            repl.mistake(Msg::UnknownMeta, &[name]);
            match suggest::nearest(name, TABLE.iter().map(|c| c.name)) {
                Some(near) => repl.note(Msg::DidYouMean, &[near]),
                None => repl.note(Msg::SeeHelp, &[]),
            }
            Flow::Continue
        }
    }
}

/// What may stand at the end of a line without its backslash, each with a word about it.
pub fn complete(repl: &Repl, line: &str) -> Vec<(String, String)> {
    candidates(&repl.known, repl.session.lang(), line)
}

pub fn candidates(known: &Known, lang: Lang, line: &str) -> Vec<(String, String)> {
    let Some((name, rest)) = line.split_once(' ') else {
        let typed = line.to_lowercase();
        let named = TABLE.iter().filter(|c| c.name.starts_with(&typed));
        return named.map(|c| (c.name.to_string(), c.meaning(lang).to_string())).collect();
    };
    let Some(command) = find(name) else { return Vec::new() };
    let names = |kind| known.of_kind(kind).map(|n| (n.name.clone(), n.detail.clone())).collect();
    let all: Vec<(String, String)> = match command.takes {
        Takes::Nothing | Takes::File => Vec::new(),
        Takes::Audience => names(Kind::Audience),
        Takes::Param => {
            let named: Vec<(String, String)> = names(Kind::Param);
            named.into_iter().map(|(name, value)| (format!("{name}="), value)).collect()
        }
        Takes::OneOf(words) => words.iter().map(|w| (w.to_string(), String::new())).collect(),
        Takes::Word => help::topics().map(|t| (t.to_string(), String::new())).collect(),
    };
    let typed = rest.trim_start().to_lowercase();
    all.into_iter().filter(|(text, _)| text.to_lowercase().starts_with(&typed)).collect()
}

impl Repl {
    /// A call that is wrong: it counts for the exit code.
    fn mistake(&mut self, msg: Msg, blanks: &[&str]) {
        let text = self.say(msg, blanks);
        self.err(&text);
        self.faults.push(crate::diagnostic::Diagnostic::new(crate::diagnostic::Code::BadCall, text));
    }

    fn usage(&mut self, command: &MetaCommand) -> Flow {
        self.mistake(Msg::Usage, &[&command.usage()]);
        Flow::Continue
    }
}

fn help(repl: &mut Repl, _: &MetaCommand, rest: &str) -> Flow {
    let lang = repl.session.lang();
    if rest.is_empty() {
        repl.out(&help::overview(lang));
        return Flow::Continue;
    }
    match help::word(rest, lang) {
        Some(text) => repl.out(&text),
        None if repl.names().iter().any(|n| n == rest) => repl.note(Msg::HelpName, &[rest]),
        None => {
            repl.mistake(Msg::NoHelp, &[rest]);
            if let Some(near) = suggest::did_you_mean(rest, help::topics()) {
                repl.err(&near);
            }
        }
    }
    Flow::Continue
}

/// A path as typed: quotes around it are not part of it, nor is the backslash before a blank.
fn path(text: &str) -> PathBuf {
    let bare = ['"', '\''].iter().find_map(|q| text.strip_prefix(*q)?.strip_suffix(*q));
    let text = bare.map_or_else(|| text.replace("\\ ", " "), str::to_string);
    match (text.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => PathBuf::from(text),
    }
}

fn load(repl: &mut Repl, command: &MetaCommand, rest: &str) -> Flow {
    if rest.is_empty() {
        return repl.usage(command);
    }
    let file = path(rest);
    let (checked, commands) = repl.watched(|session| session.load_checked(std::slice::from_ref(&file)));
    if repl.take(checked) {
        if !repl.files.contains(&file) {
            repl.files.push(file);
        }
        changed(repl, commands);
    } else {
        repl.note(Msg::NotReloaded, &[]);
    }
    Flow::Continue
}

fn reload(repl: &mut Repl, _: &MetaCommand, _: &str) -> Flow {
    let typed: Vec<(String, PathBuf, String)> = repl
        .session
        .written_as(TYPED)
        .into_iter()
        .map(|(_, text)| (TYPED.to_string(), PathBuf::new(), text))
        .collect();
    let files = repl.files.clone();
    let (checked, commands) = repl.watched(|session| session.reload(&files, &typed));
    if repl.take(checked) {
        changed(repl, commands);
    } else {
        repl.note(Msg::NotReloaded, &[]);
    }
    Flow::Continue
}

fn changed(repl: &mut Repl, commands: usize) {
    repl.err(&repl.summary());
    if commands > 0 {
        repl.note(Msg::NotAsked, &[&commands.to_string()]);
    }
}

fn as_of(repl: &mut Repl, _: &MetaCommand, rest: &str) -> Flow {
    if !rest.is_empty() {
        let wanted = match rest {
            "today" => None,
            text => match parse_as_of(text) {
                Some(day) => Some(day),
                None => {
                    repl.mistake(Msg::BadAsOf, &[text]);
                    return Flow::Continue;
                }
            },
        };
        let before = std::mem::replace(&mut repl.session.settings_mut().as_of, wanted);
        if !repl.recheck() {
            repl.session.settings_mut().as_of = before;
        }
    }
    let text = repl.say(Msg::AsOf, &[&repl.as_of()]);
    repl.out(&text);
    Flow::Continue
}

fn set(repl: &mut Repl, command: &MetaCommand, rest: &str) -> Flow {
    let Some((name, value)) = rest.split_once('=') else {
        if !rest.is_empty() {
            return repl.usage(command);
        }
        let params: Vec<(String, String)> = repl
            .program
            .iter()
            .flat_map(|p| &p.params)
            .map(|p| (p.name.clone(), literal_value(&p.value).to_string()))
            .collect();
        if params.is_empty() {
            repl.note(Msg::NoParams, &[]);
        }
        for (name, value) in params {
            let text = repl.say(Msg::Set, &[&name, &value]);
            repl.out(&text);
        }
        return Flow::Continue;
    };
    let name = name.trim();
    let before = repl.session.settings_mut().set.clone();
    repl.session.settings_mut().set.push((name.to_string(), value.trim().to_string()));
    if repl.recheck() {
        repl.param(name);
    } else {
        repl.session.settings_mut().set = before;
    }
    Flow::Continue
}

fn lang(repl: &mut Repl, command: &MetaCommand, rest: &str) -> Flow {
    let lang = match rest.to_lowercase().as_str() {
        "en" => Lang::En,
        "zh" => Lang::Zh,
        _ => return repl.usage(command),
    };
    repl.session.settings_mut().lang = lang;
    repl.known.lang = lang;
    repl.note(Msg::Lang, &[]);
    Flow::Continue
}

fn format(repl: &mut Repl, command: &MetaCommand, rest: &str) -> Flow {
    match RowFormat::ALL.iter().find(|f| f.name() == rest.to_lowercase()) {
        Some(format) => {
            repl.format = *format;
            repl.note(Msg::Format, &[format.name()]);
        }
        None => return repl.usage(command),
    }
    Flow::Continue
}

fn save(repl: &mut Repl, command: &MetaCommand, rest: &str) -> Flow {
    let (name, replace) = match rest.strip_suffix('!') {
        Some(name) => (name.trim(), true),
        None => (rest, false),
    };
    if name.is_empty() {
        return repl.usage(command);
    }
    match save::save(&repl.session, &repl.files, &path(name), replace) {
        Ok(saved) => {
            repl.note(Msg::Saved, &[&saved.definitions.to_string(), name]);
            if saved.uses {
                repl.note(Msg::SavedWithUse, &[]);
            }
            if !saved.overrides.is_empty() {
                repl.note(Msg::SaveOverrides, &[&saved.overrides.join(", ")]);
            }
            if saved.moved_paths {
                repl.note(Msg::SavePaths, &[]);
            }
        }
        Err((msg, reason)) => repl.mistake(msg, &[name, &reason]),
    }
    Flow::Continue
}

fn list(repl: &mut Repl, _: &MetaCommand, _: &str) -> Flow {
    repl.ask(&Command::List);
    Flow::Continue
}

fn run_audiences(repl: &mut Repl, _: &MetaCommand, rest: &str) -> Flow {
    let all: Vec<Audience> = repl.program.iter().flat_map(|p| p.audiences.clone()).collect();
    let wanted: Vec<&Audience> = all.iter().filter(|a| rest.is_empty() || a.name == rest).collect();
    if wanted.is_empty() {
        if rest.is_empty() {
            repl.note(Msg::NoAudiences, &[]);
        } else {
            repl.mistake(Msg::NoAudience, &[rest]);
            if let Some(near) = suggest::did_you_mean(rest, all.iter().map(|a| a.name.as_str())) {
                repl.err(&near);
            }
        }
        return Flow::Continue;
    }
    let delivered = repl.busy(|session, program, on| session.deliver(program, &wanted, None, on));
    for one in delivered.into_iter().flatten() {
        repl.audience(&one.selection, &one.files);
        if one.files.is_empty() {
            repl.note(Msg::NoFile, &[&one.selection.audience.name]);
        }
    }
    Flow::Continue
}

fn quit(_: &mut Repl, _: &MetaCommand, _: &str) -> Flow {
    Flow::Quit
}
