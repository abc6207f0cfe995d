//! Expressions: where they may break, and what stands under what.

use super::layout::Doc;
use super::spelling::spelled;
use super::tree::{Comments, Tree};
use crate::syntax::grammar::Rule;

/// Makes documents of trees.
pub(super) struct Writer<'c> {
    pub comments: &'c Comments,
}

/// How much further in clauses and branches stand.
pub(super) const INDENT: usize = 2;

/// A condition that is longer is not waited for by the `then`s of its siblings.
const LONGEST_ALIGNED: usize = 60;

impl Writer<'_> {
    /// A token with its comments.
    pub fn leaf(&self, tree: &Tree<'_>) -> Doc {
        let text = Doc::text(spelled(tree));
        let Some(around) = self.comments.around.get(&tree.start) else { return text };
        let before = around.before.iter().cloned().map(Doc::Comment);
        let after = around.after.iter().cloned().map(Doc::Trailing);
        Doc::Seq(before.chain([text]).chain(after).collect())
    }

    pub fn node(&self, tree: &Tree<'_>) -> Doc {
        if tree.kids.is_empty() {
            return match tree.rule {
                // Clauses without a word in them, such as an empty list of steps.
                _ if tree.text.is_empty() => Doc::Seq(Vec::new()),
                _ => self.leaf(tree),
            };
        }
        match tree.rule {
            Rule::expr => self.condition(tree, false),
            Rule::arith => self.sum(tree),
            Rule::path | Rule::named | Rule::key | Rule::type_name => self.glued(&tree.kids),
            Rule::call => self.call(&tree.kids),
            Rule::happened => self.steps(&tree.kids),
            Rule::paren => self.parentheses(&tree.kids),
            Rule::in_tail => self.membership(&tree.kids),
            Rule::where_clause => self.where_clause(tree),
            Rule::case_expr => Doc::group(self.case(tree, &Doc::Break(0))),
            Rule::names | Rule::within_list => self.within(&tree.kids),
            Rule::within_clause if !tree.kids.iter().any(|k| k.is(Rule::AFTER)) => self.within(&tree.kids),
            Rule::timed if tree.kids.len() == 1 => self.unit_as_name(tree),
            Rule::meta => self.meta(&tree.kids),
            Rule::frequency_clause | Rule::monetary_clause => {
                let mut kids: Vec<&Tree<'_>> = tree.kids.iter().collect();
                window_first(&mut kids);
                Doc::spaced(kids.into_iter().map(|k| self.node(k)))
            }
            _ => Doc::spaced(tree.kids.iter().map(|k| self.node(k))),
        }
    }

    fn glued(&self, kids: &[Tree<'_>]) -> Doc {
        Doc::Seq(kids.iter().map(|k| self.node(k)).collect())
    }

    /// A unit's word that stands for a column: its letters are the name's.
    fn unit_as_name(&self, tree: &Tree<'_>) -> Doc {
        let named =
            Tree { rule: Rule::NAME, start: tree.start, text: tree.text.trim_end(), kids: Vec::new() };
        self.leaf(&named)
    }

    /// `@owner "retail-data"`
    fn meta(&self, kids: &[Tree<'_>]) -> Doc {
        match kids.split_first() {
            Some((at, [name, values @ ..])) => {
                let values = self.items(&values.iter().collect::<Vec<_>>());
                Doc::Seq(vec![self.leaf(at), Doc::spaced([self.node(name), values])])
            }
            _ => Doc::Seq(Vec::new()),
        }
    }

    /// Values with commas, as many to a line as fit.
    pub fn items(&self, kids: &[&Tree<'_>]) -> Doc {
        let mut items: Vec<Doc> = Vec::new();
        for kid in kids {
            match (kid.rule, items.last_mut()) {
                (Rule::COMMA, Some(Doc::Seq(last))) => last.push(self.leaf(kid)),
                _ => items.push(Doc::Seq(vec![self.node(kid)])),
            }
        }
        Doc::align(Doc::Fill(items))
    }

    /// The same after a word: `within city, branch`.
    fn within(&self, kids: &[Tree<'_>]) -> Doc {
        match kids.split_first() {
            Some((word, rest)) if word.is(Rule::WITHIN) => {
                Doc::spaced([self.leaf(word), self.items(&rest.iter().collect::<Vec<_>>())])
            }
            _ => self.items(&kids.iter().collect::<Vec<_>>()),
        }
    }

    // ---- conditions ----

    /// `where` and its condition.
    pub fn where_clause(&self, tree: &Tree<'_>) -> Doc {
        let kids = tree.kids.iter().map(|kid| match kid.rule {
            Rule::expr => self.after_word(kid),
            _ => self.node(kid),
        });
        Doc::spaced(kids)
    }

    /// The condition after `where` or `when`.
    pub fn after_word(&self, condition: &Tree<'_>) -> Doc {
        Doc::align(Doc::group(self.condition(condition, true)))
    }

    /// `and` and `or`, one operand to a line where they do not fit on one. After a word (`where`, `when`) the signs
    /// stand left of the operands, under the end of that word.
    fn condition(&self, tree: &Tree<'_>, after_word: bool) -> Doc {
        let is_or = |k: &Tree<'_>| k.is(Rule::logic_op) && k.kids.iter().any(|o| o.is(Rule::OR));
        let parts: Vec<&[Tree<'_>]> = tree.kids.split(is_or).collect();
        let signs: Vec<&Tree<'_>> = tree.kids.iter().filter(|k| is_or(k)).collect();
        let all = |kids: &[Tree<'_>], after_word: bool| {
            let operands: Vec<Doc> =
                kids.iter().filter(|k| !k.is(Rule::logic_op)).map(|k| self.node(k)).collect();
            let signs: Vec<Doc> =
                kids.iter().filter(|k| k.is(Rule::logic_op)).map(|k| self.node(k)).collect();
            chain(operands, signs, if after_word { 4 } else { 0 })
        };
        match parts.as_slice() {
            [one] => all(one, after_word),
            _ => {
                let operands = parts.iter().map(|part| Doc::group(all(part, false))).collect();
                let signs = signs.iter().map(|s| self.node(s)).collect();
                chain(operands, signs, if after_word { 3 } else { 0 })
            }
        }
    }

    /// `in (…)`
    fn membership(&self, kids: &[Tree<'_>]) -> Doc {
        let inside = kids.iter().filter(|k| !matches!(k.rule, Rule::IN | Rule::LPAREN | Rule::RPAREN));
        let (clauses, values): (Vec<&Tree<'_>>, Vec<&Tree<'_>>) =
            inside.partition(|k| k.is(Rule::where_clause));
        let mut body = vec![self.items(&values)];
        for clause in clauses {
            body.extend([Doc::Break(0), self.node(clause)]);
        }
        let token = |rule: Rule| kids.iter().find(|k| k.is(rule)).map(|k| self.leaf(k));
        let mut all: Vec<Doc> = token(Rule::IN).into_iter().collect();
        all.push(Doc::Blanks(1));
        all.extend(token(Rule::LPAREN));
        all.push(Doc::align(Doc::Seq(body)));
        all.extend(token(Rule::RPAREN));
        Doc::group(Doc::Seq(all))
    }

    // ---- values ----

    /// `+ - * / % ??`, a minus glued to its operand.
    fn sum(&self, tree: &Tree<'_>) -> Doc {
        if let Some(only) = tree.only() {
            return self.node(only);
        }
        let mut operands: Vec<Doc> = Vec::new();
        let mut signs: Vec<Doc> = Vec::new();
        let mut minus: Vec<Doc> = Vec::new();
        for kid in &tree.kids {
            match kid.rule {
                Rule::ARITH_OP => signs.push(self.leaf(kid)),
                Rule::MINUS => {
                    // Two of them side by side would begin a comment.
                    if !minus.is_empty() {
                        minus.push(Doc::Blanks(1));
                    }
                    minus.push(self.leaf(kid));
                }
                _ => {
                    minus.push(self.node(kid));
                    operands.push(Doc::Seq(std::mem::take(&mut minus)));
                }
            }
        }
        Doc::align(Doc::group(chain(operands, signs, 0)))
    }

    /// `(…)`, and `(… on 2026-07-31)`.
    fn parentheses(&self, kids: &[Tree<'_>]) -> Doc {
        let mut inside: Vec<Doc> = Vec::new();
        let (mut open, mut close) = (None, None);
        for kid in kids {
            match kid.rule {
                Rule::LPAREN => open = Some(self.leaf(kid)),
                Rule::RPAREN => close = Some(self.leaf(kid)),
                _ => {
                    if !inside.is_empty() {
                        inside.push(Doc::Break(0));
                    }
                    inside.push(self.node(kid));
                }
            }
        }
        let inside = Doc::align(Doc::Seq(inside));
        Doc::group(Doc::Seq(open.into_iter().chain([inside]).chain(close).collect()))
    }

    /// The parentheses of a call: values, then clauses, the window before the `where`.
    fn call(&self, kids: &[Tree<'_>]) -> Doc {
        let (clauses, values): (Vec<&Tree<'_>>, Vec<&Tree<'_>>) =
            kids.iter().partition(|k| matches!(k.rule, Rule::call_clause));
        let mut clauses = clauses;
        window_first(&mut clauses);
        let token = |rule: Rule| kids.iter().find(|k| k.is(rule)).map(|k| self.leaf(k));
        let values: Vec<&Tree<'_>> =
            values.into_iter().filter(|k| !matches!(k.rule, Rule::LPAREN | Rule::RPAREN)).collect();
        let mut inside = vec![self.items(&values)];
        for clause in clauses {
            inside.extend([Doc::Break(0), self.node(clause)]);
        }
        let inside = Doc::align(Doc::Seq(inside));
        let (open, close) = (token(Rule::LPAREN), token(Rule::RPAREN));
        Doc::group(Doc::Seq(open.into_iter().chain([inside]).chain(close).collect()))
    }

    /// `happened(A then B within 7 days …)`: a step to a line where they do not fit on one.
    fn steps(&self, kids: &[Tree<'_>]) -> Doc {
        let (mut head, mut inside, mut close) = (Vec::new(), Vec::new(), None);
        let mut after_then = false;
        for kid in kids {
            match kid.rule {
                Rule::HAPPENED | Rule::LPAREN => head.push(self.leaf(kid)),
                Rule::RPAREN => close = Some(self.leaf(kid)),
                _ => {
                    if !inside.is_empty() {
                        inside.push(if after_then { Doc::Blanks(1) } else { Doc::Break(0) });
                    }
                    after_then = kid.is(Rule::THEN);
                    inside.push(self.node(kid));
                }
            }
        }
        head.push(Doc::align(Doc::Seq(inside)));
        Doc::group(Doc::Seq(head.into_iter().chain(close).collect()))
    }

    /// `case`, its branches further in and each led by `line`; the `then`s under one another.
    pub fn case(&self, tree: &Tree<'_>, line: &Doc) -> Doc {
        let when = |branch: &Tree<'_>| {
            let word = branch.kid(Rule::WHEN).map(|w| self.leaf(w));
            let condition = branch.kid(Rule::expr).map(|e| self.after_word(e));
            Doc::spaced(word.into_iter().chain(condition))
        };
        let widths: Vec<Option<usize>> = tree
            .kids
            .iter()
            .filter(|k| k.is(Rule::branch))
            // A comment before `when` is on its own line.
            .map(|b| b.kid(Rule::expr).and_then(|e| self.after_word(e).width()))
            .map(|w| w.map(|w| w + "when ".len()).filter(|w| *w <= LONGEST_ALIGNED))
            .collect();
        let column = widths.iter().flatten().copied().max();
        let mut widths = widths.into_iter();
        let (mut head, mut body, mut end) = (Vec::new(), Vec::new(), None);
        for kid in &tree.kids {
            match kid.rule {
                Rule::branch => {
                    let pad = match (widths.next().flatten(), column) {
                        (Some(width), Some(column)) => column - width + 1,
                        _ => 1,
                    };
                    let then = kid.kid(Rule::THEN).map(|t| self.leaf(t));
                    let value = kid.kids.iter().rfind(|k| k.is(Rule::expr)).map(|e| Doc::align(self.node(e)));
                    body.extend([line.clone(), when(kid), Doc::Pad(pad)]);
                    body.push(Doc::spaced(then.into_iter().chain(value)));
                }
                Rule::otherwise => {
                    // Under the values: `else` and its blanks are as wide as a condition and `then`.
                    let pad = column.map_or(1, |c| c + " then ".len() - "else".len());
                    body.push(line.clone());
                    for part in &kid.kids {
                        match part.rule {
                            Rule::ELSE => body.extend([self.leaf(part), Doc::Pad(pad)]),
                            _ => body.push(Doc::align(self.node(part))),
                        }
                    }
                }
                Rule::END => end = Some(self.leaf(kid)),
                _ => head.push(self.leaf(kid)),
            }
        }
        let mut all = head;
        all.push(Doc::nest(INDENT, Doc::Seq(body)));
        if let Some(end) = end {
            all.extend([line.clone(), end]);
        }
        Doc::Seq(all)
    }
}

/// Operands with signs between them; a sign leads its line, `back` columns left of the first operand.
fn chain(operands: Vec<Doc>, signs: Vec<Doc>, back: usize) -> Doc {
    let mut signs = signs.into_iter();
    let mut all = Vec::new();
    for operand in operands {
        if !all.is_empty() {
            all.push(Doc::Break(back));
            all.extend(signs.next());
            all.push(Doc::Blanks(1));
        }
        all.push(Doc::align(operand));
    }
    Doc::Seq(all)
}

/// The window stands before the `where`; what else there is keeps its place.
pub(super) fn window_first(clauses: &mut [&Tree<'_>]) {
    clauses.sort_by_key(|clause| {
        let mut inner = *clause;
        while let (Rule::call_clause | Rule::event_clause, Some(only)) = (inner.rule, inner.only()) {
            inner = only;
        }
        inner.is(Rule::where_clause)
    });
}
