//! Completion: what may stand where the cursor is.

use super::known::{Known, KnownSource};
use crate::functions;
use crate::ir::print::Lang;
use crate::syntax::keywords::{KEYWORDS, Keyword, Place, statement_words};
use crate::syntax::{Lexeme, LexemeKind, is_reserved, lexemes};

/// One thing that may be typed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Completion {
    /// What replaces the text from [`word_start`] to the cursor.
    pub text: String,
    pub kind: Kind,
    /// A type, a title or a meaning; may be empty.
    pub detail: String,
}

/// What a completion is, nearest first in a list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    Label,
    Column,
    Link,
    Tag,
    Segment,
    Audience,
    Param,
    Source,
    Function,
    Keyword,
}

/// What may stand at `offset`. Case of the prefix does not matter.
pub fn complete(text: &str, offset: usize, known: &Known) -> Vec<Completion> {
    let Some(head) = text.get(..offset) else { return Vec::new() };
    let start = word_start(head, offset);
    let (Some(before), Some(prefix)) = (head.get(..start), head.get(start..)) else { return Vec::new() };
    let prefix_small = prefix.trim_start_matches('`').to_lowercase();
    let mut offers = Offers { lang: known.lang, prefix: prefix_small, list: Vec::new() };
    let tokens = lexemes(head);
    match tokens.last() {
        Some(last) if last.kind == LexemeKind::Comment && !before.ends_with('\n') => return Vec::new(),
        Some(last) if last.kind == LexemeKind::Text && is_open(last, offset) => {
            labels(&tokens, known, &mut offers);
            return offers.sorted(prefix);
        }
        _ => {}
    }
    if prefix.chars().next().is_some_and(char::is_numeric) {
        return Vec::new();
    }
    let tokens: Vec<Lexeme<'_>> =
        lexemes(before).into_iter().filter(|l| l.kind != LexemeKind::Comment).collect();
    let statement = statement(&tokens);
    let line_starts = before.rsplit('\n').next().is_none_or(|line| line.trim().is_empty());
    place(statement, line_starts, known, &mut offers);
    offers.sorted(prefix)
}

/// Where the word that ends at `offset` begins; inside a text literal, just after its quote.
pub fn word_start(text: &str, offset: usize) -> usize {
    let head = text.get(..offset).unwrap_or(text);
    if let Some(last) = lexemes(head).last() {
        match last.kind {
            LexemeKind::Text if is_open(last, head.len()) => {
                return last.start + last.text.chars().next().map_or(0, char::len_utf8);
            }
            LexemeKind::QuotedName if last.end() == head.len() && is_open(last, head.len()) => {
                return last.start;
            }
            _ => {}
        }
    }
    let word = |c: char| c == '_' || unicode_ident::is_xid_continue(c);
    head.char_indices().rev().take_while(|(_, c)| word(*c)).last().map_or(head.len(), |(at, _)| at)
}

/// The source whose columns are asked for at `offset` but not known: the front end may open it and ask again.
pub fn source_before(text: &str, offset: usize, known: &Known) -> Option<String> {
    let head = text.get(..offset)?;
    let tokens = lexemes(head.get(..word_start(head, offset))?);
    let named = match tokens.as_slice() {
        [.., name, dot] if dot.is_sign(".") => {
            resolve(&tokens, known).map_or(Some(name.text), |s| Some(s.name.as_str()))
        }
        _ => aggregated(&tokens),
    };
    let source = known.source(named?.trim_matches('`'))?;
    source.columns.is_empty().then(|| source.name.clone())
}

/// Whether a text or a quoted name that runs up to `end` still lacks its closing quote.
fn is_open(token: &Lexeme<'_>, end: usize) -> bool {
    let mut chars = token.text.chars();
    let (Some(first), last) = (chars.next(), chars.next_back()) else { return false };
    let close = match first {
        '“' => '”',
        '‘' => '’',
        other => other,
    };
    token.end() == end && (last.is_none() || (last != Some(close) && last != Some('"')))
}

/// The tokens of the statement that the cursor is in.
fn statement<'a, 't>(tokens: &'a [Lexeme<'t>]) -> &'a [Lexeme<'t>] {
    let begins = |(i, l): (usize, &Lexeme<'t>)| {
        if l.is_sign(";") || l.is_sign("；") {
            return Some(i + 1);
        }
        (l.starts_line && statement_words().any(|k| l.is_word(k.word))).then_some(i)
    };
    let from = tokens.iter().enumerate().rev().find_map(begins).unwrap_or(0);
    tokens.get(from..).unwrap_or(&[])
}

fn place(statement: &[Lexeme<'_>], line_starts: bool, known: &Known, offers: &mut Offers) {
    let Some(last) = statement.last() else {
        offers.keywords(|p| matches!(p, Place::Statement | Place::Command), false);
        offers.names(known, |_| true);
        return offers.sources(known, |_| true);
    };
    let first = statement.first().map(|f| f.text.to_lowercase()).unwrap_or_default();
    let alone = statement.len() == 1;
    let word = if last.kind == LexemeKind::Word { last.text.to_lowercase() } else { String::new() };
    match (first.as_str(), word.as_str()) {
        _ if last.is_sign(".") => {
            if let Some(source) = resolve(statement, known) {
                offers.columns(source);
            }
            offers.tags_of_model(statement, known);
        }
        ("show" | "count" | "explain" | "profile" | "funnel" | "overlap" | "diff", _) if alone => {
            offers.segments(known);
        }
        ("overlap", _) if last.is_sign(",") || last.is_sign("，") => offers.segments(known),
        ("describe", _) if alone => offers.names(known, |k| matches!(k, Kind::Tag | Kind::Segment)),
        ("transitions", _) if alone => offers.names(known, |k| k == Kind::Tag),
        // A new definition often takes the place of an old one.
        ("tag" | "rfm" | "score", _) if alone => offers.defined(known, Kind::Tag),
        ("segment", _) if alone => offers.defined(known, Kind::Segment),
        ("audience", _) if alone => offers.names(known, |k| k == Kind::Audience),
        ("param", _) if alone => offers.names(known, |k| k == Kind::Param),
        ("source", _) if alone => offers.sources(known, |_| true),
        ("why", "in") | ("audience", "from") | (_, "outside") => offers.segments(known),
        ("rfm", "from") => offers.sources(known, |s| s.is_events || s.columns.is_empty()),
        (_, "of") => offers.sources(known, |s| s.is_entity || s.columns.is_empty()),
        ("source", _) if last.is_sign(">") => offers.sources(known, |_| true),
        ("source", "keys") => offers.words(&["of"]),
        (_, "in") => {
            offers.segments(known);
            offers.words(&["last", "this", "previous", "days"]);
        }
        (_, "is") => offers.words(&["missing", "known", "not"]),
        (_, "starts" | "ends") => offers.words(&["with"]),
        (_, "this" | "previous") => offers.words(&["day", "week", "month", "quarter", "year"]),
        _ if last.kind == LexemeKind::Number => {
            offers.keywords(|p| matches!(p, Place::Unit | Place::Operator | Place::Clause), true);
            offers.statements(line_starts);
        }
        _ => {
            if let Some(source) = aggregated(statement).and_then(|name| known.source(name)) {
                offers.columns(source);
            }
            expression(known, offers);
            offers.statements(line_starts);
        }
    }
}

/// What an expression may hold.
fn expression(known: &Known, offers: &mut Offers) {
    offers.names(known, |k| k != Kind::Audience);
    for source in known.sources.iter().filter(|s| s.is_entity) {
        offers.columns(source);
    }
    offers.sources(known, |_| true);
    for row in functions::TABLE {
        let meaning = if known.lang == Lang::Zh { row.meaning_zh } else { row.meaning };
        offers.add_as(
            row.name,
            format!("{}(", row.name),
            Kind::Function,
            format!("{}: {meaning}", row.signature),
        );
    }
    offers.keywords(|p| !matches!(p, Place::Statement | Place::Command | Place::Unit), true);
}

/// The source that the path before a dot leads to: `transactions.`, `transactions.branch.`, `branch.`.
fn resolve<'k>(tokens: &[Lexeme<'_>], known: &'k Known) -> Option<&'k KnownSource> {
    let mut path = Vec::new();
    let mut rest = tokens;
    while let [before @ .., name, dot] = rest {
        if !dot.is_sign(".") || !matches!(name.kind, LexemeKind::Word | LexemeKind::QuotedName) {
            break;
        }
        path.push(name.text.trim_matches('`'));
        rest = before;
    }
    let mut names = path.into_iter().rev();
    let first = names.next()?;
    let mut at = match known.source(first) {
        Some(source) => source,
        None => {
            let mut links = known.sources.iter().flat_map(|s| &s.links);
            let (_, target) = links.find(|(name, _)| name == first)?;
            known.source(target)?
        }
    };
    for name in names {
        let (_, target) = at.links.iter().find(|(link, _)| link == name)?;
        at = known.source(target)?;
    }
    Some(at)
}

/// The source of the innermost open call: `count(transactions where `.
fn aggregated<'t>(tokens: &[Lexeme<'t>]) -> Option<&'t str> {
    let mut depth = 0usize;
    for (i, token) in tokens.iter().enumerate().rev() {
        if token.is_sign(")") || token.is_sign("）") {
            depth += 1;
        } else if token.is_sign("(") || token.is_sign("（") {
            if depth > 0 {
                depth -= 1;
                continue;
            }
            let called = tokens.get(i.checked_sub(1)?)?;
            if called.kind == LexemeKind::Word && functions::find(called.text).is_some() {
                return tokens.get(i + 1).map(|t| t.text.trim_matches('`'));
            }
        }
    }
    None
}

/// Inside a text literal: the labels of the tag that it is compared with.
fn labels(tokens: &[Lexeme<'_>], known: &Known, offers: &mut Offers) {
    let compared = |l: &Lexeme<'_>| {
        l.is_sign("=")
            || l.is_sign("!")
            || l.is_sign(",")
            || l.is_sign("(")
            || l.kind == LexemeKind::Text
            || l.is_word("in")
            || l.is_word("not")
    };
    let Some(name) = tokens.iter().rev().skip(1).find(|l| !compared(l)) else { return };
    let tag = known.names.iter().find(|n| n.name == name.text.trim_matches('`'));
    for label in tag.iter().flat_map(|t| &t.labels) {
        offers.add(label, Kind::Label, String::new());
    }
}

/// What was found, filtered by the prefix.
struct Offers {
    lang: Lang,
    prefix: String,
    list: Vec<(String, Completion)>,
}

impl Offers {
    fn add(&mut self, name: &str, kind: Kind, detail: String) {
        let bare = matches!(kind, Kind::Keyword | Kind::Label);
        let text = if bare { name.to_string() } else { as_name(name) };
        self.add_as(name, text, kind, detail);
    }

    fn add_as(&mut self, name: &str, text: String, kind: Kind, detail: String) {
        if name.to_lowercase().starts_with(&self.prefix) {
            self.list.push((name.to_string(), Completion { text, kind, detail }));
        }
    }

    fn keyword(&mut self, keyword: &Keyword) {
        let meaning = if self.lang == Lang::Zh { keyword.meaning_zh } else { keyword.meaning };
        self.add(keyword.word, Kind::Keyword, meaning.to_string());
    }

    fn words(&mut self, words: &[&str]) {
        for keyword in KEYWORDS.iter().filter(|k| words.contains(&k.word)) {
            self.keyword(keyword);
        }
    }

    /// Keywords of some places; with `typed`, only once a letter of them stands there.
    fn keywords(&mut self, wanted: fn(Place) -> bool, typed: bool) {
        if typed && self.prefix.is_empty() {
            return;
        }
        for keyword in KEYWORDS.iter().filter(|k| wanted(k.place) && k.word != "null") {
            self.keyword(keyword);
        }
    }

    fn statements(&mut self, line_starts: bool) {
        if line_starts {
            self.keywords(|p| matches!(p, Place::Statement | Place::Command), true);
        }
    }

    fn names(&mut self, known: &Known, wanted: fn(Kind) -> bool) {
        for name in known.names.iter().filter(|n| wanted(n.kind)) {
            let text = match &name.part {
                Some((owner, part)) => format!("{}.{}", as_name(owner), as_name(part)),
                None => as_name(&name.name),
            };
            self.add_as(&name.name, text, name.kind, name.detail.clone());
        }
    }

    /// Definitions that may be given anew: a part comes with the definition that it is of.
    fn defined(&mut self, known: &Known, kind: Kind) {
        for name in known.of_kind(kind).filter(|n| n.part.is_none()) {
            self.add(&name.name, kind, name.detail.clone());
        }
    }

    /// After `value.` and `bought.`: the tags of an rfm, the parts of a sequence.
    fn tags_of_model(&mut self, statement: &[Lexeme<'_>], known: &Known) {
        let [.., model, _] = statement else { return };
        let model = model.text.trim_matches('`');
        for name in known.of_kind(Kind::Tag) {
            if let Some((of, part)) = &name.part
                && of == model
            {
                self.add(part, Kind::Tag, name.detail.clone());
            }
        }
    }

    fn segments(&mut self, known: &Known) {
        self.names(known, |k| matches!(k, Kind::Segment | Kind::Audience));
        self.sources(known, |s| s.is_entity);
    }

    fn sources(&mut self, known: &Known, wanted: fn(&KnownSource) -> bool) {
        for source in known.sources.iter().filter(|s| wanted(s)) {
            self.add(&source.name, Kind::Source, source.title.clone().unwrap_or_default());
        }
    }

    fn columns(&mut self, source: &KnownSource) {
        for column in &source.columns {
            self.add(&column.name, Kind::Column, format!("{}, {}", column.type_name, source.name));
        }
        for (link, target) in &source.links {
            self.add(link, Kind::Link, format!("→ {target}"));
        }
    }

    /// Names in the case that was typed first, then by kind and name; each text once.
    fn sorted(mut self, prefix: &str) -> Vec<Completion> {
        let prefix = prefix.trim_start_matches('`');
        self.list.sort_by(|(a, left), (b, right)| {
            let other_case = |name: &str| !name.starts_with(prefix);
            (other_case(a), left.kind, a).cmp(&(other_case(b), right.kind, b))
        });
        let mut seen = std::collections::HashSet::new();
        self.list.into_iter().map(|(_, c)| c).filter(|c| seen.insert(c.text.clone())).collect()
    }
}

/// A name as it is written: in backquotes where it needs them.
fn as_name(name: &str) -> String {
    if is_plain(name) { name.to_string() } else { format!("`{name}`") }
}

/// Whether a name needs no backquotes.
fn is_plain(name: &str) -> bool {
    let mut chars = name.chars();
    let first = chars.next().is_some_and(|c| c == '_' || unicode_ident::is_xid_start(c));
    let goes_on = |c| c == '_' || unicode_ident::is_xid_continue(c);
    first && chars.all(goes_on) && !is_reserved(name)
}
