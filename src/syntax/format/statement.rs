//! Statements: which clause stands on which line.

use super::expression::{INDENT, Writer};
use super::layout::{Doc, WIDTH};
use super::tree::Tree;
use crate::syntax::grammar::Rule;

/// Columns that statements share which follow each other without a blank line.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Columns {
    /// The width of the names.
    pub name: usize,
    /// The width of name, title and entity.
    pub head: usize,
    /// The width of what a source is read from, with the blanks after it.
    pub location: usize,
}

/// The parts of a statement's first line, before its columns are known.
pub(super) struct Head {
    word: Doc,
    name: Doc,
    /// Title and entity.
    rest: Vec<Doc>,
}

impl Head {
    pub fn name_width(&self) -> Option<usize> {
        self.name.width()
    }

    pub fn has_rest(&self) -> bool {
        !self.rest.is_empty()
    }

    /// Name, title and entity, where names are `name` columns wide.
    pub fn width(&self, name: usize) -> Option<usize> {
        let own = self.name.width()?;
        if self.rest.is_empty() {
            return Some(own);
        }
        let rest = self.rest.iter().map(|d| d.width().map(|w| w + 1)).sum::<Option<usize>>()?;
        Some(own.max(name) + rest)
    }

    fn doc(self, columns: Columns) -> Vec<Doc> {
        let (own, whole) = (self.name_width(), self.width(columns.name));
        let missing = |column: usize, width: Option<usize>| column.saturating_sub(width.unwrap_or(column));
        let mut docs = vec![self.word, Doc::Blanks(1), self.name];
        let mut blanks = 1 + missing(columns.name, own);
        for part in self.rest {
            docs.extend([Doc::Blanks(blanks), part]);
            blanks = 1;
        }
        docs.push(Doc::Blanks(1 + missing(columns.head, whole)));
        docs
    }
}

impl Writer<'_> {
    /// The whole statement with its metadata; `tree` is the rule `one`.
    pub fn statement(&self, tree: &Tree<'_>, columns: Columns) -> Doc {
        let mut all = Vec::new();
        for kid in &tree.kids {
            if !all.is_empty() {
                all.push(Doc::Hard);
            }
            match kid.only() {
                Some(body) if kid.is(Rule::statement) => all.push(self.body(body, columns)),
                _ => all.push(Doc::nest(INDENT, self.node(kid))),
            }
        }
        Doc::Seq(all)
    }

    fn body(&self, tree: &Tree<'_>, columns: Columns) -> Doc {
        match tree.rule {
            Rule::param_def | Rule::tag_def => self.value(tree, columns),
            Rule::segment_def => self.segment(tree, columns),
            Rule::source_def => self.source(tree, columns),
            Rule::audience_def => self.clauses(tree, Rule::audience_clause, 8),
            Rule::rfm_def => self.clauses(tree, Rule::rfm_clause, 9),
            Rule::score_def => self.clauses(tree, Rule::score_clause, 5),
            _ => Doc::nest(INDENT, self.node(tree)),
        }
    }

    /// The statement's word, name, title and entity.
    pub fn head(&self, tree: &Tree<'_>) -> Head {
        let mut kids = tree.kids.iter();
        let mut next = || kids.next().map_or(Doc::Seq(Vec::new()), |k| self.node(k));
        let (word, name) = (next(), next());
        let rest = kids
            .take_while(|k| matches!(k.rule, Rule::TEXT | Rule::of_entity | Rule::from_name))
            .map(|k| self.node(k))
            .collect();
        Head { word, name, rest }
    }

    /// `tag NAME = …`: a `case` that is the whole value has a line for each branch.
    fn value(&self, tree: &Tree<'_>, columns: Columns) -> Doc {
        let mut all = self.head(tree).doc(columns);
        all.extend(tree.kid(Rule::EQUALS).map(|k| self.leaf(k)));
        all.push(Doc::Blanks(1));
        let Some(value) = tree.kid(Rule::expr) else { return Doc::Seq(all) };
        match whole_case(value) {
            Some(case) => {
                all.push(self.case(case, &Doc::Hard));
                Doc::Seq(all)
            }
            None => {
                all.push(Doc::align(Doc::group(self.node(value))));
                Doc::nest(INDENT, Doc::Seq(all))
            }
        }
    }

    /// The width of a value on one line; a comment behind it does not count.
    pub fn value_width(&self, tree: &Tree<'_>) -> Option<usize> {
        let value = tree.kid(Rule::expr).filter(|e| whole_case(e).is_none())?;
        tree.kid(Rule::EQUALS).map_or(Some(0), |k| self.leaf(k).width())?;
        self.node(value).width_before_comment()
    }

    /// The width of a segment's condition on one line, with its `where` or `=`; a comment behind it does not count.
    pub fn condition_width(&self, tree: &Tree<'_>) -> Option<usize> {
        match (tree.kid(Rule::where_clause), tree.kid(Rule::top)) {
            (Some(condition), _) => self.where_clause(condition).width_before_comment(),
            (None, Some(top)) => Some("= ".len() + self.top(top).width_before_comment()?),
            (None, None) => None,
        }
    }

    fn segment(&self, tree: &Tree<'_>, columns: Columns) -> Doc {
        let mut all = self.head(tree).doc(columns);
        let gap = all.pop().filter(|_| columns.head > 0);
        for kid in &tree.kids {
            let gap = gap.clone();
            match kid.rule {
                Rule::where_clause => all.extend([gap.unwrap_or(Doc::Break(0)), self.where_clause(kid)]),
                Rule::EQUALS => all.extend([gap.unwrap_or(Doc::Blanks(1)), self.leaf(kid)]),
                Rule::top => all.extend([Doc::Blanks(1), self.top(kid)]),
                _ => {}
            }
        }
        Doc::nest(INDENT, Doc::group(Doc::Seq(all)))
    }

    /// `top 1000 by assets within city in high_value`
    fn top(&self, tree: &Tree<'_>) -> Doc {
        let mut all = Vec::new();
        for kid in &tree.kids {
            if !all.is_empty() {
                all.push(match kid.rule {
                    Rule::within_list | Rule::in_base => Doc::Break(0),
                    _ => Doc::Blanks(1),
                });
            }
            all.push(self.node(kid));
        }
        Doc::align(Doc::group(Doc::Seq(all)))
    }

    // ---- sources ----

    /// What a source is read from, with `from`.
    fn location(&self, tree: &Tree<'_>) -> Doc {
        let at = tree.kids.iter().position(|k| k.is(Rule::FROM)).unwrap_or(0);
        Doc::spaced(tree.kids.iter().skip(at).take(2).map(|k| self.node(k)))
    }

    /// The clauses that say what a row is stand on the first line, the others each on their own.
    fn source_clauses<'s, 't>(&self, tree: &'s Tree<'t>) -> (Vec<&'s Tree<'t>>, Vec<&'s Tree<'t>>) {
        let clauses: Vec<&Tree<'_>> = tree.kids.iter().filter(|k| k.is(Rule::source_clause)).collect();
        let is_first = |c: &&Tree<'_>| {
            c.only().is_some_and(|c| {
                matches!(c.rule, Rule::key_clause | Rule::of_clause | Rule::at_clause | Rule::latest_clause)
            })
        };
        let first = clauses.iter().take_while(|c| is_first(c)).count();
        let (first, others) = clauses.split_at_checked(first).unwrap_or((&clauses, &[]));
        (first.to_vec(), others.to_vec())
    }

    /// The widths of a source's `from "…"`, and of the clauses behind it.
    pub fn source_widths(&self, tree: &Tree<'_>) -> Option<(usize, usize)> {
        let first = Doc::spaced(self.source_clauses(tree).0.into_iter().map(|c| self.node(c)));
        Some((self.location(tree).width()?, first.width_before_comment()?))
    }

    fn source(&self, tree: &Tree<'_>, columns: Columns) -> Doc {
        let head = self.head(tree);
        let start = "source ".len() + columns.head.max(head.width(columns.name).unwrap_or(0)) + 1;
        let location = self.location(tree);
        let (first, others) = self.source_clauses(tree);
        let width = location.width();
        let pad = columns.location.saturating_sub(width.unwrap_or(columns.location)).max(1);
        let first: Vec<Doc> = first.into_iter().map(|c| self.node(c)).collect();
        let first_width = first.iter().map(|d| d.width().map(|w| w + 1)).sum::<Option<usize>>();
        let fits = match (width, first_width) {
            (Some(location), Some(clauses)) => start + location + pad + clauses <= WIDTH + 1,
            _ => true,
        };
        let mut body = vec![location];
        if !first.is_empty() {
            body.push(if fits { Doc::Blanks(pad) } else { Doc::Hard });
            body.push(Doc::align(Doc::Fill(first)));
        }
        for clause in others {
            body.extend([Doc::Hard, self.node(clause)]);
        }
        let mut all = head.doc(columns);
        all.push(Doc::align(Doc::Seq(body)));
        Doc::nest(INDENT, Doc::Seq(all))
    }

    // ---- audiences, rfm, scores ----

    /// A line for each clause, its word `width` columns wide.
    fn clauses(&self, tree: &Tree<'_>, clause: Rule, width: usize) -> Doc {
        let mut all = self.head(tree).doc(Columns::default());
        all.pop();
        let points = tree.kids.iter().filter_map(|k| k.only()).filter(|k| k.is(Rule::score_rule));
        let points = points.filter_map(|k| self.points(k).width()).max().unwrap_or(0);
        for kid in tree.kids.iter().filter(|k| k.is(clause)) {
            let inner = kid.only().unwrap_or(kid);
            all.extend([Doc::Hard, self.clause(inner, width, points)]);
        }
        Doc::nest(INDENT, Doc::Seq(all))
    }

    fn points(&self, tree: &Tree<'_>) -> Doc {
        tree.kid(Rule::arith).map_or(Doc::Seq(Vec::new()), |k| self.node(k))
    }

    fn clause(&self, tree: &Tree<'_>, width: usize, points: usize) -> Doc {
        let mut kids: Vec<&Tree<'_>> = tree.kids.iter().collect();
        if matches!(tree.rule, Rule::frequency_clause | Rule::monetary_clause) {
            super::expression::window_first(&mut kids);
        }
        let words = if matches!(tree.rule, Rule::min_size | Rule::ties_together) { 2 } else { 1 };
        let (word, value) = kids.split_at_checked(words).unwrap_or((&kids, &[]));
        let word_width: usize = word.iter().map(|k| k.text.len() + 1).sum();
        let word = Doc::spaced(word.iter().map(|k| self.node(k)));
        if value.is_empty() {
            return word;
        }
        let blanks = 1 + (width + 1).saturating_sub(word_width);
        let value = match tree.rule {
            Rule::require_clause | Rule::exclude_clause | Rule::columns_clause => self.items(value),
            Rule::split_clause => {
                let (salt, arms): (Vec<&Tree<'_>>, Vec<&Tree<'_>>) =
                    value.iter().partition(|k| k.is(Rule::salt));
                Doc::spaced([self.items(&arms)].into_iter().chain(salt.iter().map(|s| self.node(s))))
            }
            Rule::score_rule => {
                let value_width = self.points(tree).width();
                let mut docs = Vec::new();
                for kid in value {
                    match kid.rule {
                        Rule::WHEN => {
                            let missing = points - value_width.unwrap_or(points).min(points);
                            docs.extend([Doc::Blanks(1 + missing), self.leaf(kid), Doc::Blanks(1)]);
                        }
                        Rule::expr => docs.push(self.after_word(kid)),
                        _ => docs.push(self.node(kid)),
                    }
                }
                Doc::Seq(docs)
            }
            _ => Doc::spaced(value.iter().map(|k| self.node(k))),
        };
        Doc::Seq(vec![word, Doc::Blanks(blanks), Doc::align(value)])
    }
}

/// The `case` that is all of an expression.
fn whole_case<'s, 't>(value: &'s Tree<'t>) -> Option<&'s Tree<'t>> {
    let mut inner = value;
    while !inner.is(Rule::case_expr) {
        inner = inner.only()?;
    }
    Some(inner)
}
