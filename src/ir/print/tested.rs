//! A condition with the values that decided it.

use super::expr::{Precedence, Printer};
use super::{Lang, atom_inputs, expr, is_input, value};
use crate::ir::time::forth;
use crate::ir::{ExprId, Node, Program};
use crate::syntax::ast::{Duration, TimeUnit};
use crate::value::Value;
use chrono::NaiveDate;

/// How one row's `why` reads: `assets 1,250,000 ≥ 1,000,000`, `life_stage "active" in ("active", "dormant")`,
/// `staff no`, `assets / 12 ≥ 10,000 (assets 150,000)`. `values` has the values of [`atom_inputs`]; it may also
/// have those of a compared side that is no input. What has no value there is printed without one.
pub fn test_text(program: &Program, atom: ExprId, values: &[(ExprId, Value)], lang: Lang) -> String {
    let shown = |_: ExprId, v: &Value| value(v, lang);
    Tested { program, values, lang, shown: &shown, pending: Vec::new() }.text(atom)
}

/// A part of what [`test_text`] says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TestPart {
    Text(String),
    /// The value of an input.
    Value(ExprId),
}

/// What [`test_text`] says of every row where the same inputs are missing; none where it says more than values.
///
/// `is_missing`: whether that input is, for each of [`atom_inputs`].
pub fn test_parts(
    program: &Program,
    atom: ExprId,
    inputs: &[(ExprId, bool)],
    lang: Lang,
) -> Option<Vec<TestPart>> {
    let mut counts_time = false;
    program.graph.walk(atom, &mut |_, node| counts_time |= matches!(node, Node::Elapsed { .. }));
    if counts_time {
        return None;
    }
    // No name and no text of a script has this character.
    const MARK: char = '\u{0}';
    let some = |missing| if missing { Value::Missing } else { Value::Bool(true) };
    let values: Vec<(ExprId, Value)> = inputs.iter().map(|(id, missing)| (*id, some(*missing))).collect();
    let shown = |id: ExprId, v: &Value| match v {
        Value::Missing => value(v, lang),
        _ => format!("{MARK}{}{MARK}", id.0),
    };
    let text = Tested { program, values: &values, lang, shown: &shown, pending: Vec::new() }.text(atom);
    let parts = text.split(MARK).enumerate().filter(|(_, part)| !part.is_empty());
    parts
        .map(|(at, part)| match at % 2 {
            0 => Some(TestPart::Text(part.to_string())),
            _ => Some(TestPart::Value(ExprId(part.parse().ok()?))),
        })
        .collect()
}

struct Tested<'a> {
    program: &'a Program,
    values: &'a [(ExprId, Value)],
    lang: Lang,
    /// How a value is put into the text.
    shown: &'a dyn Fn(ExprId, &Value) -> String,
    /// Inputs whose values have no place beside their name, for the parentheses at the end.
    pending: Vec<ExprId>,
}

impl Tested<'_> {
    fn text(mut self, atom: ExprId) -> String {
        let (inner, negated) = match self.program.node(atom) {
            Node::Not(inner) => (*inner, true),
            _ => (atom, false),
        };
        let printer = Printer::new(self.program, self.lang);
        let node = self.program.node(inner);
        let text = if is_input(node) {
            self.operand(inner).0
        } else if let (Node::Compare { op, left, right }, false) = (node, negated) {
            let (left, missing) = self.operand(*left);
            let right = self.operand(*right).0;
            said(&left, &format!("{} {right}", super::words::compare(*op)), missing, self.lang)
        } else if let (Node::IsMissing(subject), true) = (node, self.has_place(node)) {
            self.operand(*subject).0
        } else if let Some((subject, test)) = printer.test_parts(inner, negated) {
            let operands = node.operands();
            let (subject, missing) = self.operand(subject);
            operands.iter().skip(1).for_each(|id| self.postpone(*id));
            said(&subject, &test, missing, self.lang)
        } else {
            self.postpone(inner);
            expr(self.program, atom, self.lang)
        };
        self.with_pending(text)
    }

    /// Whether the subject of `is missing` can be followed by its value, which then says it all.
    fn has_place(&self, node: &Node) -> bool {
        node.operands().first().is_some_and(|id| self.value_shown(*id).is_some())
    }

    /// An operand followed by its value where it has one of its own, and whether that is missing.
    fn operand(&mut self, id: ExprId) -> (String, bool) {
        let text = Printer::new(self.program, self.lang).print(id, Precedence::Coalesce);
        match self.value_shown(id) {
            Some(v) => (format!("{text} {}", (self.shown)(id, &v)), v.is_missing()),
            None => {
                self.postpone(id);
                (text, false)
            }
        }
    }

    fn value_shown(&self, id: ExprId) -> Option<Value> {
        if let Some(v) = self.value(id) {
            return Some(v.clone());
        }
        match self.program.node(id) {
            Node::Elapsed { unit, until, moment, day } => {
                let from = day.unwrap_or_else(|| self.program.today());
                match self.value(*moment)? {
                    Value::Missing => Some(Value::Missing),
                    Value::Date(day) => elapsed(*day, from, *unit, *until),
                    Value::Instant(t) => elapsed(t.date(), from, *unit, *until),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn value(&self, id: ExprId) -> Option<&Value> {
        self.values.iter().find(|(e, _)| *e == id).map(|(_, v)| v)
    }

    fn postpone(&mut self, id: ExprId) {
        for input in atom_inputs(self.program, id) {
            if !self.pending.contains(&input) && self.value(input).is_some() {
                self.pending.push(input);
            }
        }
    }

    fn with_pending(&self, text: String) -> String {
        if self.pending.is_empty() {
            return text;
        }
        let shown: Vec<_> = self
            .pending
            .iter()
            .filter_map(|id| {
                let v = self.value(*id)?;
                Some(format!("{} {}", expr(self.program, *id, self.lang), (self.shown)(*id, v)))
            })
            .collect();
        match self.lang {
            Lang::En => format!("{text} ({})", shown.join(", ")),
            Lang::Zh => format!("{text}（{}）", shown.join("，")),
        }
    }
}

/// `credit_score missing (≥ 600)`: of a missing subject nothing is tested.
fn said(subject: &str, test: &str, missing: bool, lang: Lang) -> String {
    match (missing, lang) {
        (false, _) => format!("{subject} {test}"),
        (true, Lang::En) => format!("{subject} ({test})"),
        (true, Lang::Zh) => format!("{subject}（{test}）"),
    }
}

/// Whole calendar units between `day` and `today`, as the language counts them; `None` for shorter units.
fn elapsed(day: NaiveDate, today: NaiveDate, unit: TimeUnit, until: bool) -> Option<Value> {
    let (from, to) = if until { (today, day) } else { (day, today) };
    let days = (to - from).num_days();
    let count = match unit {
        TimeUnit::Day => days,
        // Before the day has come the count of longer units is left to the run.
        _ if days < 0 => return None,
        TimeUnit::Week => days / 7,
        TimeUnit::Month | TimeUnit::Quarter | TimeUnit::Year => {
            // No unit is longer than 366 days, so this is never above the answer.
            let per_unit = match unit {
                TimeUnit::Month => 31,
                TimeUnit::Quarter => 92,
                _ => 366,
            };
            let reached = |n: i64| {
                let amount = u32::try_from(n).ok()?;
                Some(forth(from, Duration { amount, unit })? <= to)
            };
            let mut n = days / per_unit;
            while reached(n + 1)? {
                n += 1;
            }
            n
        }
        TimeUnit::Hour | TimeUnit::Minute | TimeUnit::Second => return None,
    };
    Some(Value::Int(count))
}
