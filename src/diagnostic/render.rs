//! Draws findings: for people (with the text and a caret), short (one line each), and as JSON.
//!
//! The renderers are siblings: each takes the same [`Diagnostic`] and returns a string or a value without a final
//! line break; printing is the caller's. What they draw never depends on the terminal.

use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::{Value, json};
use unicode_width::UnicodeWidthChar;

use super::{Diagnostic, Label, Severity};
use crate::source::{SourceFile, SourceMap, Span};

/// The columns that a drawn line of text may fill; fixed, so that the same finding is always drawn alike.
const WIDTH: usize = 120;
/// The columns that the carets of one snippet may spread over; what is further apart is drawn by itself.
const SPREAD: usize = 80;
/// The lines that one snippet may lie across, those left out between its carets included: each is looked at.
const REACH: usize = 400;

/// The finding with its text, carets and helps, as a person reads it; plain unless `color`.
pub fn human(d: &Diagnostic, sources: &SourceMap, color: bool) -> String {
    let level = match d.code.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let renderer = if color { Renderer::styled() } else { Renderer::plain() }.term_width(WIDTH);
    let title = level.primary_title(message(d)).id(d.code.as_str());
    let mut group = Group::with_title(title);
    let snippets = snippets(d, sources);
    let placeless = snippets.is_empty();
    for snippet in &snippets {
        group = group.element(snippet.draw());
    }
    if placeless {
        // without a text there is no gutter that a help could hang on
        let helps = d.help.iter().map(|help| Group::with_title(Level::HELP.secondary_title(visible(help))));
        let report: Vec<Group<'_>> = std::iter::once(group).chain(helps).collect();
        let drawn = renderer.render(&report);
        return drawn.lines().filter(|line| !is_gutter(line)).collect::<Vec<_>>().join("\n");
    }
    for help in &d.help {
        group = group.element(Level::HELP.message(visible(help)));
    }
    renderer.render(&[group])
}

/// `retail.seg:12:5: error[E0201]: nothing has this name: asets`, always one line.
pub fn short(d: &Diagnostic, sources: &SourceMap) -> String {
    let head = format!("{}[{}]: {}", severity_word(d), d.code, one_line(&message(d)));
    match d.at.as_ref().and_then(|label| Place::of(label.span, sources)) {
        Some(place) => {
            let (line, column) = place.start();
            format!("{}:{line}:{column}: {head}", one_line(&place.file.name))
        }
        None => head,
    }
}

/// The finding as data. `start` and `end` are byte offsets, lines and columns count from 1 and columns count
/// characters; without a place they are null.
pub fn json(d: &Diagnostic, sources: &SourceMap) -> Value {
    let mut out = json!({
        "code": d.code.as_str(),
        "severity": severity_word(d),
        "title": d.code.title(),
        "message": message(d),
    });
    let related: Vec<Value> = d.related.iter().map(|label| place_json(Some(label), sources)).collect();
    if let (Value::Object(out), Value::Object(place)) = (&mut out, place_json(d.at.as_ref(), sources)) {
        out.extend(place);
        out.insert("related".to_owned(), Value::Array(related));
        out.insert("help".to_owned(), json!(d.help));
    }
    out
}

/// “2 errors, 1 warning”; “no errors” where there is nothing.
pub fn summary<'a>(list: impl IntoIterator<Item = &'a Diagnostic>) -> String {
    let (mut errors, mut warnings) = (0usize, 0usize);
    for d in list {
        match d.code.severity() {
            Severity::Error => errors += 1,
            Severity::Warning => warnings += 1,
        }
    }
    let count = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    match (errors, warnings) {
        (0, 0) => "no errors".to_owned(),
        (_, 0) => count(errors, "error"),
        (0, _) => count(warnings, "warning"),
        _ => format!("{}, {}", count(errors, "error"), count(warnings, "warning")),
    }
}

fn severity_word(d: &Diagnostic) -> &'static str {
    match d.code.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// The message; where whoever raised the finding said nothing, what the code is about.
fn message(d: &Diagnostic) -> String {
    if d.message.trim().is_empty() { d.code.title().to_owned() } else { visible(&d.message) }
}

fn place_json(label: Option<&Label>, sources: &SourceMap) -> Value {
    let text = label.map(|l| l.text.as_str()).filter(|text| !text.is_empty());
    match label.and_then(|l| Place::of(l.span, sources)) {
        Some(place) => {
            let ((line, column), (end_line, end_column)) = (place.start(), place.end());
            json!({
                "file": place.file.name,
                "line": line, "column": column, "end_line": end_line, "end_column": end_column,
                "start": place.range.start, "end": place.range.end,
                "label": text,
            })
        }
        None => json!({
            "file": null,
            "line": null, "column": null, "end_line": null, "end_column": null,
            "start": null, "end": null,
            "label": text,
        }),
    }
}

/// Text that may come from data or from a file, with what a terminal would obey shown instead.
fn visible(text: &str) -> String {
    let show = |c: char| match c {
        '\n' => c,
        '\t' => ' ',
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.replace("\r\n", "\n").chars().map(show).collect()
}

fn one_line(text: &str) -> String {
    visible(text).lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A line that holds nothing but the bar beside a text.
fn is_gutter(line: &str) -> bool {
    let bare = anstream::adapter::strip_str(line).to_string();
    bare.trim().is_empty() || bare.trim() == "|"
}

// ---- places ----

/// A span that certainly lies in its file's text.
struct Place<'a> {
    file: &'a SourceFile,
    range: Range<usize>,
}

impl<'a> Place<'a> {
    /// The span clipped to the text and to whole characters, without the blanks it may end with. A span of nothing
    /// but the file's last blanks stands after the last word: there is where something is missing.
    fn of(span: Span, sources: &'a SourceMap) -> Option<Place<'a>> {
        let file = sources.get(span.file)?;
        let text: &str = &file.text;
        let start = text.floor_char_boundary(span.range().start);
        let end = text.ceil_char_boundary(span.range().end).max(start);
        if text.get(start..).is_none_or(|rest| rest.trim().is_empty()) {
            let last = text.trim_end().len();
            return Some(Place { file, range: last..last });
        }
        let kept = text.get(start..end).map_or(0, |s| s.trim_end().len());
        let end = if kept == 0 { end } else { start + kept };
        Some(Place { file, range: start..end })
    }

    fn start(&self) -> (usize, usize) {
        self.position(self.range.start)
    }

    fn end(&self) -> (usize, usize) {
        self.position(self.range.end)
    }

    fn position(&self, offset: usize) -> (usize, usize) {
        self.file.position(u32::try_from(offset).unwrap_or(u32::MAX))
    }

    /// The columns of the screen that the carets need, counted from the line's start.
    fn columns(&self) -> Range<usize> {
        let (start, end) = (self.column(self.range.start), self.column(self.range.end));
        start.min(end)..start.max(end)
    }

    fn column(&self, offset: usize) -> usize {
        let text: &str = &self.file.text;
        text.get(line_start(text, offset)..offset).map_or(0, |s| s.chars().map(width).sum())
    }

    /// Cut so that its carets stay within [`SPREAD`]: to its first line, and to that line's first columns.
    fn narrow(mut self) -> Place<'a> {
        let columns = self.columns();
        if columns.end - columns.start <= SPREAD {
            return self;
        }
        let text: &str = &self.file.text;
        let mut left = SPREAD;
        let spanned = text.get(self.range.clone()).unwrap_or("");
        let kept = spanned.chars().take_while(|&c| {
            let fits = c != '\n' && c != '\r' && width(c) <= left;
            left = left.saturating_sub(width(c));
            fits
        });
        self.range.end = self.range.start + kept.map(char::len_utf8).sum::<usize>();
        self
    }
}

fn line_start(text: &str, offset: usize) -> usize {
    text.get(..offset).and_then(|s| s.rfind('\n')).map_or(0, |i| i + 1)
}

fn line_end(text: &str, offset: usize) -> usize {
    let rest = text.get(offset..).unwrap_or("");
    let line = rest.split('\n').next().unwrap_or("");
    offset + line.strip_suffix('\r').unwrap_or(line).len()
}

fn width(c: char) -> usize {
    if c == '\t' { 4 } else { c.width().unwrap_or(1) }
}

// ---- snippets ----

struct Mark<'a> {
    kind: AnnotationKind,
    place: Place<'a>,
    text: String,
}

/// The marks that are drawn in one piece of text.
struct Excerpt<'a> {
    file_id: u32,
    marks: Vec<Mark<'a>>,
    columns: Range<usize>,
    lines: Range<usize>,
}

impl Excerpt<'_> {
    /// The lines that the marks touch, and those between them.
    fn draw(&self) -> Snippet<'_, Annotation<'_>> {
        let starts = self.marks.iter().map(|m| m.place.range.start);
        let ends = self.marks.iter().map(|m| m.place.range.end);
        let (Some(from), Some(to), Some(first)) = (starts.min(), ends.max(), self.marks.first()) else {
            return Snippet::source("");
        };
        let file = first.place.file;
        let (from, to) = (line_start(&file.text, from), line_end(&file.text, to));
        let (line, _) = file.position(u32::try_from(from).unwrap_or(u32::MAX));
        let marks = self.marks.iter().map(|m| {
            let range = m.place.range.start - from..m.place.range.end - from;
            let text = Some(m.text.as_str()).filter(|t| !t.is_empty());
            m.kind.span(range).label(text)
        });
        Snippet::source(file.text.get(from..to).unwrap_or(""))
            .line_start(line)
            .path(one_line(&file.name))
            .annotations(marks)
    }
}

/// The finding's place first, then what is related; labels of one file share a piece of text where they fit.
fn snippets<'a>(d: &Diagnostic, sources: &'a SourceMap) -> Vec<Excerpt<'a>> {
    let mut out: Vec<Excerpt<'a>> = Vec::new();
    let primary = d.at.iter().map(|label| (AnnotationKind::Primary, label));
    let related = d.related.iter().map(|label| (AnnotationKind::Context, label));
    for (kind, label) in primary.chain(related) {
        let Some(place) = Place::of(label.span, sources).map(Place::narrow) else { continue };
        let (file_id, columns, lines) = (label.span.file.0, place.columns(), place.start().0..place.end().0);
        let mark = Mark { kind, place, text: one_line(&label.text) };
        let near = out.iter_mut().find(|e| {
            e.file_id == file_id
                && around(&e.columns, &columns).len() <= SPREAD
                && around(&e.lines, &lines).len() <= REACH
        });
        match near {
            Some(excerpt) => {
                excerpt.columns = around(&excerpt.columns, &columns);
                excerpt.lines = around(&excerpt.lines, &lines);
                excerpt.marks.push(mark);
            }
            None => out.push(Excerpt { file_id, marks: vec![mark], columns, lines }),
        }
    }
    out
}

fn around(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    a.start.min(b.start)..a.end.max(b.end)
}

#[cfg(test)]
mod tests {
    use super::super::Code;
    use super::*;

    /// `text` with the finding at the first `needle`.
    fn finding(text: &str, needle: &str) -> (SourceMap, Diagnostic) {
        let mut sources = SourceMap::default();
        let file = sources.add("retail.seg", "", text);
        let at = text.find(needle).unwrap();
        let span = Span::new(file, at, at + needle.len());
        (sources, Diagnostic::new(Code::UnknownName, "nothing is called `x`").at(span))
    }

    fn span(from: usize, to: usize) -> Span {
        Span::new(crate::source::FileId(0), from, to)
    }

    fn drawn(text: &str, needle: &str) -> String {
        let (sources, d) = finding(text, needle);
        human(&d, &sources, false)
    }

    /// The drawn lines without the header.
    fn body(lines: &[&str]) -> String {
        let mut all = vec!["error[E0201]: nothing is called `x`"];
        all.extend(lines);
        all.join("\n")
    }

    #[test]
    fn a_place_is_drawn_with_its_line_and_helps() {
        let (sources, d) = finding("segment a\n  where asets > 1\n", "asets");
        let d = d.help("did you mean `assets`?").help("or define it:\ntag asets = 1");
        let expected = [
            " --> retail.seg:2:9",
            "  |",
            "2 |   where asets > 1",
            "  |         ^^^^^",
            "  |",
            "  = help: did you mean `assets`?",
            "  = help: or define it:",
            "          tag asets = 1",
        ];
        assert_eq!(human(&d, &sources, false), body(&expected));
        assert_eq!(short(&d, &sources), "retail.seg:2:9: error[E0201]: nothing is called `x`");
    }

    #[test]
    fn colour_changes_nothing_but_colour() {
        let (sources, d) = finding("segment a where 资产 > 1", "资产");
        let d = d.help("did you mean `assets`?");
        let colored = human(&d, &sources, true);
        assert!(colored.starts_with("\u{1b}[1m\u{1b}[91merror[E0201]\u{1b}[0m"));
        assert_eq!(anstream::adapter::strip_str(&colored).to_string(), human(&d, &sources, false));
    }

    #[test]
    fn a_finding_without_a_place_is_its_header_and_helps() {
        let sources = SourceMap::default();
        let d =
            Diagnostic::new(Code::SourceMissing, "`data/客户.parquet` is not there").help("look at the path");
        let expected = "error[E0501]: `data/客户.parquet` is not there\nhelp: look at the path";
        assert_eq!(human(&d, &sources, false), expected);
        assert_eq!(short(&d, &sources), "error[E0501]: `data/客户.parquet` is not there");
        let silent = Diagnostic::new(Code::AsOfToday, "");
        assert_eq!(human(&silent, &sources, false), "warning[W0402]: no --as-of was given");
    }

    #[test]
    fn carets_stand_under_wide_characters_and_tabs() {
        let expected = [
            " --> retail.seg:1:26",
            "  |",
            "1 | segment 高净值 where 总资产 >= 600万 and x > 1",
            "  |                                ^^^^^",
        ];
        assert_eq!(drawn("segment 高净值 where 总资产 >= 600万 and x > 1\n", "600万"), body(&expected));
        let full_width = [" --> retail.seg:1:10", "  |", "1 | tag ａ＝（１＋２）", "  |               ^^"];
        assert_eq!(drawn("tag ａ＝（１＋２）", "２"), body(&full_width));
        let tabs = [" --> retail.seg:2:8", "  |", "2 |     where    总", "  |              ^^"];
        assert_eq!(drawn("segment a\n\twhere\t总", "总"), body(&tabs));
    }

    #[test]
    fn what_is_missing_at_the_end_stands_after_the_last_word() {
        let expected =
            [" --> retail.seg:1:12", "  |", "1 | tag a = 1 +", "  |            ^ a value must follow"];
        for text in ["tag a = 1 +", "tag a = 1 +\n", "tag a = 1 +\r\n\r\n", "tag a = 1 +\n\u{3000}\n"] {
            let (sources, d) = finding(text, "tag");
            let d = d.label(span(text.len(), text.len()), "a value must follow");
            assert_eq!(human(&d, &sources, false), body(&expected), "{text:?}");
            assert_eq!(short(&d, &sources), "retail.seg:1:12: error[E0201]: nothing is called `x`");
        }
        let (sources, d) = finding("", "");
        assert_eq!(human(&d, &sources, false), body(&[" --> retail.seg:1:1", "  |", "1 |", "  | ^"]));
    }

    #[test]
    fn several_lines_are_drawn_with_a_bar() {
        let text = "tag a =\n  case\n  when 资产 > 1 then 2\n  else 4\ntag b = 3";
        let expected = [
            " --> retail.seg:2:3",
            "  |",
            "2 | /   case",
            "3 | |   when 资产 > 1 then 2",
            "4 | |   else 4",
            "  | |________^",
        ];
        assert_eq!(drawn(text, "case\n  when 资产 > 1 then 2\n  else 4\n"), body(&expected));
    }

    #[test]
    fn related_places_are_drawn_in_their_files() {
        let (mut sources, d) = finding("tag a = b\n\n\n\ntag b = a", "b");
        let other = sources.add("common/共用.seg", "", "\n\ntag 资产 = c");
        let there = Span::new(other, 6, 12);
        let d = d.related(span(17, 18), "`b` needs `a`").related(there, "and\nhere");
        let expected = [
            " --> retail.seg:1:9",
            "  |",
            "1 | tag a = b",
            "  |         ^",
            "...",
            "5 | tag b = a",
            "  |     - `b` needs `a`",
            "  |",
            " ::: common/共用.seg:3:5",
            "  |",
            "3 | tag 资产 = c",
            "  |     ---- and here",
        ];
        assert_eq!(human(&d, &sources, false), body(&expected));
    }

    #[test]
    fn huge_lines_are_cut_around_the_caret() {
        let text = format!("tag a = {}asets + {}", "客户 + ".repeat(500), "客户 + ".repeat(500));
        let expected = [
            " --> retail.seg:1:2509".to_owned(),
            "  |".to_owned(),
            format!("1 | ...+ {}asets + {}客...", "客户 + ".repeat(7), "客户 + ".repeat(7)),
            format!("  | {}^^^^^", " ".repeat(5 + 7 * 7)),
        ];
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        assert_eq!(drawn(&text, "asets"), body(&expected));
        let text = format!("tag a = \"{}", "客户".repeat(5000));
        let out = drawn(&text, &text[8..]);
        assert!(out.lines().all(|line| line.chars().map(width).sum::<usize>() <= WIDTH), "{out}");
        let far = format!("segment a where {}asets > 1", "x > 1 and ".repeat(50));
        let (sources, d) = finding(&far, "asets");
        let out = human(&d.related(span(8, 9), "here"), &sources, false);
        assert!(out.contains(" --> retail.seg:1:517") && out.contains(" ::: retail.seg:1:9"), "{out}");
    }

    #[test]
    fn no_span_and_no_text_can_break_a_renderer() {
        let texts = [
            "",
            "\n",
            "\r\n\r\n",
            "\r",
            "a\rb\r",
            "\u{feff}tag ａ\t= '客户👨‍👩‍👧'\r\n\t-- \u{202e}\u{1b}[31m\u{0}\n\n  é高\n",
            &"高\t".repeat(300),
            &"x\n".repeat(300),
        ];
        for text in texts {
            for from in (0..text.len() + 3).step_by(1 + text.len() / 100) {
                for length in [0, 1, 2, 5, 100, 1000] {
                    let (sources, d) = finding(text, "");
                    let d =
                        d.label(span(from, from + length), "one").related(span(from / 2, from + 1), "two");
                    for color in [false, true] {
                        assert!(!human(&d, &sources, color).is_empty());
                    }
                    assert_eq!(short(&d, &sources).lines().count(), 1);
                    assert!(json(&d, &sources).is_object());
                }
            }
        }
        let stranger = Diagnostic::new(Code::Syntax, "m").at(Span::new(crate::source::FileId(7), 0, 3));
        assert_eq!(short(&stranger, &SourceMap::default()), "error[E0101]: m");
    }

    #[test]
    fn nothing_that_a_terminal_obeys_comes_out() {
        let mut sources = SourceMap::default();
        let file = sources.add("a\u{1b}[2J.seg", "", "tag \u{1b}[31m\u{202e}x");
        let d = Diagnostic::new(Code::UnknownName, "`\u{1b}[2J` is\r\nunknown")
            .label(Span::new(file, 4, 9), "\u{7}")
            .help("not \u{9b}31m");
        for out in [human(&d, &sources, false), short(&d, &sources)] {
            assert!(!out.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{out:?}");
        }
        assert_eq!(short(&d, &sources), "a\u{fffd}[2J.seg:1:5: error[E0201]: `\u{fffd}[2J` is unknown");
    }

    #[test]
    fn json_has_every_field() {
        let (sources, d) = finding("tag 资产 = b\ntag c = 资产2", "资产2");
        let d = d.related(span(4, 10), "this one").help("did you mean `资产`?");
        let expected = json!({
            "code": "E0201",
            "severity": "error",
            "title": "nothing has this name",
            "message": "nothing is called `x`",
            "file": "retail.seg",
            "line": 2, "column": 9, "end_line": 2, "end_column": 12,
            "start": 23, "end": 30,
            "label": null,
            "related": [{
                "file": "retail.seg",
                "line": 1, "column": 5, "end_line": 1, "end_column": 7,
                "start": 4, "end": 10,
                "label": "this one",
            }],
            "help": ["did you mean `资产`?"],
        });
        assert_eq!(json(&d, &sources), expected);
        let text = json(&Diagnostic::new(Code::AsOfToday, "m"), &sources).to_string();
        let expected = concat!(
            r#"{"code":"W0402","severity":"warning","title":"no --as-of was given","message":"m","#,
            r#""file":null,"line":null,"column":null,"end_line":null,"end_column":null,"#,
            r#""start":null,"end":null,"label":null,"related":[],"help":[]}"#
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn the_summary_counts() {
        let error = Diagnostic::new(Code::Syntax, "");
        let warning = Diagnostic::new(Code::AsOfToday, "");
        assert_eq!(summary(&[]), "no errors");
        assert_eq!(summary([&error]), "1 error");
        assert_eq!(summary(&vec![warning.clone(), warning.clone()]), "2 warnings");
        assert_eq!(summary(&[error.clone(), warning, error]), "2 errors, 1 warning");
    }

    // ---- the pages ----

    /// The fenced blocks of a page: what stands after the fence, and the text.
    fn blocks(page: &str) -> Vec<(String, String)> {
        let mut out = Vec::new();
        let mut open: Option<(String, String)> = None;
        for line in page.lines() {
            match (line.strip_prefix("```"), &mut open) {
                (Some(tag), None) => open = Some((tag.trim().to_owned(), String::new())),
                (Some(_), Some(_)) => out.extend(open.take()),
                (None, Some((_, text))) => {
                    text.push_str(line);
                    text.push('\n');
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "a block that does not end");
        out
    }

    #[test]
    fn every_code_has_a_page_of_the_agreed_form() {
        for &code in Code::ALL {
            let page = code.page();
            assert_eq!(page.lines().next(), Some(format!("# {code}: {}", code.title()).as_str()));
            assert!(page.lines().count() <= 40, "{code}: the page is too long");
            let mut sections = page.lines().filter(|line| line.starts_with("## "));
            assert_eq!(sections.next_back(), Some("## 中文"), "{code}");
            let chinese = page.rsplit("## 中文").next().unwrap();
            assert!(chinese.chars().filter(|&c| ('一'..='龥').contains(&c)).count() >= 10, "{code}");
            let words = page.lines().nth(2).unwrap_or("");
            assert!(words.len() > 40, "{code}: the page does not say what it means");
            let blocks = blocks(page);
            let tags: Vec<&str> = blocks.iter().map(|(tag, _)| tag.as_str()).collect();
            match (code.severity(), tags.as_slice()) {
                (Severity::Error, ["segue fails", "segue", ..]) => {}
                (Severity::Warning, ["segue warns", "segue", ..]) => {}
                (_, ["console" | "text", ..]) => {
                    assert!(!tags.iter().any(|t| t.starts_with("segue ")), "{code}")
                }
                _ => panic!("{code}: the blocks are {tags:?}"),
            }
            assert!(blocks.iter().all(|(_, text)| !text.trim().is_empty()), "{code}: an empty block");
        }
    }

    #[test]
    fn the_pages_are_listed() {
        let list = include_str!("../../docs/errors/README.md");
        for &code in Code::ALL {
            let row = format!("| [{code}]({code}.md) | {} |", code.title());
            assert!(list.lines().any(|line| line == row), "missing in docs/errors/README.md:\n{row}");
        }
        let rows = list.lines().filter(|line| line.starts_with("| [")).count();
        assert_eq!(rows, Code::ALL.len());
    }
}
