//! What stands under what across statements: names, `=`, `from`, and the comments at the ends of lines.

use super::expression::Writer;
use super::layout::{Line, WIDTH};
use super::statement::Columns;
use super::tree::Tree;
use crate::syntax::grammar::Rule;
use unicode_width::UnicodeWidthStr;

/// Statements of one kind that follow each other without a blank line share their columns.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Source,
    Param,
    /// A tag with a title, on one line. Without titles, names and formulas read best side by side.
    TitledTag,
    /// The same of a segment.
    TitledSegment,
}

/// The columns of each statement; `begins` says before which a blank line stands.
pub(super) fn columns(writer: &Writer<'_>, trees: &[Tree<'_>], begins: &[bool]) -> Vec<Columns> {
    let kinds: Vec<Option<Kind>> = trees.iter().map(|t| kind(writer, t)).collect();
    let mut found = vec![Columns::default(); trees.len()];
    let mut from = 0;
    while from < trees.len() {
        let same = |i: usize| kinds.get(i) == kinds.get(from) && (i == from || begins.get(i) == Some(&false));
        let to = (from..trees.len()).find(|i| !same(*i)).unwrap_or(trees.len());
        if let (Some(Some(kind)), Some(run), Some(slots)) =
            (kinds.get(from), trees.get(from..to), found.get_mut(from..to))
            && run.len() > 1
        {
            slots.fill(shared(writer, *kind, run).unwrap_or_default());
        }
        from = to;
    }
    found
}

fn body<'s, 't>(tree: &'s Tree<'t>) -> Option<&'s Tree<'t>> {
    tree.kid(Rule::statement)?.only()
}

fn kind(writer: &Writer<'_>, tree: &Tree<'_>) -> Option<Kind> {
    let body = body(tree)?;
    let head = writer.head(body);
    let width = head.width(0)?;
    match body.rule {
        Rule::source_def => writer.source_widths(body).map(|_| Kind::Source),
        Rule::param_def | Rule::tag_def => {
            let word = if body.is(Rule::tag_def) { "tag " } else { "param " };
            let fits = word.len() + width + " = ".len() + writer.value_width(body)? <= WIDTH;
            let kind = if body.is(Rule::param_def) { Kind::Param } else { Kind::TitledTag };
            (fits && (kind == Kind::Param || head.has_rest())).then_some(kind)
        }
        Rule::segment_def => {
            let fits = "segment ".len() + width + 1 + writer.condition_width(body)? <= WIDTH;
            (fits && head.has_rest()).then_some(Kind::TitledSegment)
        }
        _ => None,
    }
}

/// The columns of a run; none where a line would become too long.
fn shared(writer: &Writer<'_>, kind: Kind, run: &[Tree<'_>]) -> Option<Columns> {
    let bodies: Vec<&Tree<'_>> = run.iter().filter_map(body).collect();
    let heads: Vec<_> = bodies.iter().map(|b| writer.head(b)).collect();
    let name = heads.iter().filter_map(|h| h.name_width()).max()?;
    let head = heads.iter().filter_map(|h| h.width(name)).max()?;
    match kind {
        Kind::Source => {
            let widths: Vec<(usize, usize)> = bodies.iter().filter_map(|b| writer.source_widths(b)).collect();
            let location = widths.iter().map(|w| w.0).max()?;
            let first = widths.iter().map(|w| w.1).max()?;
            let start = "source ".len() + head + 1 + location;
            // What is read from where, and what a row is, are two columns; three blanks keep them apart.
            let gap = [3, 1].into_iter().find(|gap| start + gap + first <= WIDTH);
            Some(Columns { name, head, location: gap.map_or(0, |gap| location + gap) })
        }
        Kind::Param | Kind::TitledTag => {
            let word = if kind == Kind::TitledTag { "tag " } else { "param " };
            let value = bodies.iter().filter_map(|b| writer.value_width(b)).max()?;
            (word.len() + head + " = ".len() + value <= WIDTH).then_some(Columns { name, head, location: 0 })
        }
        Kind::TitledSegment => {
            let condition = bodies.iter().filter_map(|b| writer.condition_width(b)).max()?;
            ("segment ".len() + head + 1 + condition <= WIDTH).then_some(Columns { name, head, location: 0 })
        }
    }
}

/// The lines as text; comments at the ends of lines that follow each other stand under one another.
pub(super) fn with_comments(lines: &[Line]) -> String {
    let mut text = String::new();
    let mut from = 0;
    while from < lines.len() {
        let has = |i: &usize| lines.get(*i).is_some_and(|l| l.comment.is_some());
        let to = (from..lines.len()).find(|i| !has(i)).unwrap_or(lines.len()).max(from + 1);
        let run = lines.get(from..to).unwrap_or(&[]);
        let widest = run.iter().map(|l| l.code.width()).max().unwrap_or(0);
        let fits = run.iter().all(|l| l.comment.as_ref().is_none_or(|c| widest + 2 + c.width() <= WIDTH));
        for line in run {
            text.push_str(&line.code);
            if let Some(comment) = &line.comment {
                let blanks = if fits { widest - line.code.width() + 2 } else { 2 };
                text.extend(std::iter::repeat_n(' ', blanks));
                text.push_str(comment);
            }
            text.push('\n');
        }
        from = to;
    }
    text
}
