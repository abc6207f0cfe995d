//! Why each of many members is one: the same as `why` says of a member, worked out column by column.
//!
//! Which conditions are told of whom is found for all rows at once, from the conditions' columns. What a condition says
//! is printed once for each choice of missing inputs, with gaps; a row only fills the gaps with its values.

use super::attrition::inputs;
use super::evaluate::{constant, is_true, kleene};
use super::portrait::{Asker, Result, internal, value_at};
use super::reasons::{Wanted, as_wanted};
use crate::ir::print::{self, Lang, TestPart};
use crate::ir::{DefId, ExprId, Formula, Literal, Node, Program, Zone};
use crate::plan::parallel::each;
use crate::value::Value;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, ListArray, StringBuilder, StructArray,
};
use datafusion::arrow::buffer::{BooleanBuffer, OffsetBuffer};
use datafusion::arrow::compute::{concat, not};
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

/// Rows that a thread takes at once.
const AT_ONCE: usize = 1 << 15;

/// A line for people, and tag, value and test as data.
pub(super) struct Reasons {
    pub text: ArrayRef,
    pub data: ArrayRef,
}

/// The values of some rows, column by column.
pub(super) struct Rows<'a> {
    pub columns: HashMap<ExprId, ArrayRef>,
    pub count: usize,
    pub program: &'a Program,
}

/// One condition as it is told of some rows.
struct Told {
    wanted: Wanted,
    rows: BooleanBuffer,
}

impl Asker<'_> {
    /// Why the rows are members of a segment with this condition.
    pub(super) fn reasons(&self, condition: ExprId, rows: &Rows<'_>, threads: usize) -> Result<Reasons> {
        if rows.count == 0 {
            return part(&[], &[], 0..0, &self.program.zone);
        }
        let zone = &self.program.zone;
        let mut search = Search { rows, told: Vec::new(), seen: HashMap::new() };
        let all = BooleanBuffer::new_set(rows.count);
        search.support(&Formula::of(self.program, condition), true, &all)?;
        let told = search.told;
        let sayings =
            told.iter().map(|told| Saying::new(self, told.wanted, rows)).collect::<Result<Vec<_>>>()?;
        let starts: Vec<usize> = (0..rows.count).step_by(AT_ONCE).collect();
        let parts = each(starts, threads, |start| {
            part(&told, &sayings, start..(start + AT_ONCE).min(rows.count), zone)
        });
        let parts = parts.into_iter().collect::<Result<Vec<_>>>()?;
        let joined = |of: &dyn Fn(&Reasons) -> &ArrayRef| -> Result<ArrayRef> {
            let parts: Vec<&dyn Array> = parts.iter().map(|part| of(part).as_ref()).collect();
            concat(&parts).map_err(|e| internal(e.to_string()))
        };
        Ok(Reasons { text: joined(&|part| &part.text)?, data: joined(&|part| &part.data)? })
    }
}

/// Finds what is told of whom.
struct Search<'a> {
    rows: &'a Rows<'a>,
    /// In the order in which it is told.
    told: Vec<Told>,
    /// Of whom each was told already.
    seen: HashMap<Wanted, BooleanBuffer>,
}

impl Search<'_> {
    /// The atoms that make the formula as wanted for the rows of `of`, in the order written.
    fn support(&mut self, formula: &Formula, want: bool, of: &BooleanBuffer) -> Result<()> {
        match formula {
            Formula::Atom(atom) => {
                let is_literal = matches!(self.rows.program.node(*atom), Node::Literal(_));
                if !is_literal {
                    let so = of & &self.so(formula, want)?;
                    self.tell((*atom, want), so);
                }
                Ok(())
            }
            Formula::Not(inner) => self.support(inner, !want, of),
            Formula::And(list) | Formula::Or(list) => list.iter().try_for_each(|f| {
                let of = of & &self.so(f, want)?;
                if of.count_set_bits() > 0 { self.support(f, want, &of) } else { Ok(()) }
            }),
            Formula::Member(def) | Formula::Outside(def) => {
                let want = if matches!(formula, Formula::Outside(_)) { !want } else { want };
                let program = self.rows.program;
                let segment = program.definition(*def).ok_or_else(|| internal("an unknown segment"))?;
                match segment.is_entity {
                    true => Ok(()),
                    false => self.support(&Formula::of(program, segment.body), want, of),
                }
            }
        }
    }

    fn tell(&mut self, wanted: Wanted, of: BooleanBuffer) {
        let (rows, seen) = match self.seen.get(&wanted) {
            Some(seen) => (&of & &!seen, seen | &of),
            None => (of.clone(), of),
        };
        self.seen.insert(wanted, seen);
        if rows.count_set_bits() > 0 {
            self.told.push(Told { wanted, rows });
        }
    }

    /// Where a formula is as wanted.
    fn so(&self, formula: &Formula, want: bool) -> Result<BooleanBuffer> {
        let outcome = self.rows.outcome(formula)?;
        let so = if want { outcome } else { not(&outcome).map_err(|e| internal(e.to_string()))? };
        Ok(is_true(&so)?.values().clone())
    }
}

impl Rows<'_> {
    /// Yes, no, or null for unknown; names of segments by their members' rule, which knows no third.
    fn outcome(&self, formula: &Formula) -> Result<BooleanArray> {
        kleene(formula, self.count, &|atom| self.atom(atom), &|def| self.members(def))
    }

    fn atom(&self, atom: ExprId) -> Result<BooleanArray> {
        if let Node::Literal(Literal::Bool(b)) = self.program.node(atom) {
            return Ok(constant(*b, self.count));
        }
        let column = self.columns.get(&atom).and_then(|c| c.as_boolean_opt());
        column.cloned().ok_or_else(|| internal("a condition without an outcome"))
    }

    fn members(&self, def: DefId) -> Result<BooleanArray> {
        let segment = self.program.definition(def).ok_or_else(|| internal("an unknown segment"))?;
        is_true(&self.outcome(&Formula::of(self.program, segment.body))?)
    }
}

/// How a condition is told: its text with gaps, and what fills them.
struct Saying<'a> {
    program: &'a Program,
    lang: Lang,
    wanted: Wanted,
    inputs: Vec<Input>,
    /// For each choice of missing inputs (a bit for each); none where the text is not made of parts.
    texts: Vec<(u64, Option<Vec<TestPart>>)>,
    /// The names of the inputs, and the condition alone.
    tags: String,
    test: String,
}

struct Input {
    expr: ExprId,
    column: ArrayRef,
    is_pii: bool,
}

impl<'a> Saying<'a> {
    fn new(asker: &Asker<'a>, wanted: Wanted, rows: &Rows<'_>) -> Result<Saying<'a>> {
        let program = asker.program;
        let (expr, _) = as_wanted(program, wanted);
        let all = inputs(program, wanted.0);
        let tags: Vec<String> = all.iter().map(|e| print::label(program, *e)).collect();
        let of = |e: &ExprId| {
            let column = rows.columns.get(e).ok_or_else(|| internal("a lost reason"))?;
            Ok(Input { expr: *e, column: Arc::clone(column), is_pii: asker.is_pii(*e) })
        };
        let mut saying = Saying {
            program,
            lang: asker.lang,
            wanted,
            inputs: all.iter().map(of).collect::<Result<Vec<_>>>()?,
            texts: Vec::new(),
            tags: tags.join(", "),
            test: print::expr(program, expr, asker.lang),
        };
        saying.texts = saying.choices(rows.count).into_iter().map(|c| (c, saying.parts(c))).collect();
        Ok(saying)
    }

    /// The choices of missing inputs that there are.
    fn choices(&self, rows: usize) -> Vec<u64> {
        let mut found = vec![0];
        if self.inputs.iter().any(|input| input.column.null_count() > 0) && self.inputs.len() <= 64 {
            for row in 0..rows {
                let choice = self.missing(row);
                if !found.contains(&choice) {
                    found.push(choice);
                }
            }
        }
        found
    }

    /// Which inputs are missing: a bit for each.
    fn missing(&self, row: usize) -> u64 {
        let bits = self.inputs.iter().enumerate();
        bits.map(|(at, input)| u64::from(input.is_missing(row)) << (at % 64)).fold(0, |all, bit| all | bit)
    }

    fn parts(&self, choice: u64) -> Option<Vec<TestPart>> {
        if self.inputs.len() > 64 {
            return None;
        }
        let inputs: Vec<(ExprId, bool)> =
            self.inputs.iter().enumerate().map(|(at, i)| (i.expr, choice >> at & 1 == 1)).collect();
        let (expr, plain_not) = as_wanted(self.program, self.wanted);
        let mut parts = print::test_parts(self.program, expr, &inputs, self.lang)?;
        if plain_not {
            parts.insert(0, TestPart::Text(negated(self.lang).to_string()));
        }
        Some(parts)
    }

    /// The condition with the row's values in it.
    fn write(&self, out: &mut String, row: usize, zone: &Zone) -> Result<()> {
        let choice = self.missing(row);
        let Some(parts) = self.texts.iter().find(|(c, _)| *c == choice).and_then(|(_, parts)| parts.as_ref())
        else {
            let values = self.inputs.iter().map(|input| Ok((input.expr, input.value(row, zone)?)));
            let values = values.collect::<Result<Vec<_>>>()?;
            let (expr, plain_not) = as_wanted(self.program, self.wanted);
            out.push_str(if plain_not { negated(self.lang) } else { "" });
            out.push_str(&print::test_text(self.program, expr, &values, self.lang));
            return Ok(());
        };
        for part in parts {
            match part {
                TestPart::Text(text) => out.push_str(text),
                TestPart::Value(expr) => {
                    let input = self.inputs.iter().find(|input| input.expr == *expr);
                    let input = input.ok_or_else(|| internal("a lost reason"))?;
                    // A string takes everything.
                    let _ = print::write_value(out, &input.value(row, zone)?, self.lang);
                }
            }
        }
        Ok(())
    }

    /// The row's values as data.
    fn write_values(&self, out: &mut StringBuilder, row: usize, zone: &Zone) -> Result<()> {
        for (at, input) in self.inputs.iter().enumerate() {
            let separator = if at > 0 { ", " } else { "" };
            // A builder takes everything.
            let _ = out.write_str(separator);
            let _ = input.value(row, zone)?.write_plain(out);
        }
        out.append_value("");
        Ok(())
    }
}

/// What stands before a condition that is told by its opposite.
fn negated(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "not: ",
        Lang::Zh => "不满足：",
    }
}

impl Input {
    /// As an answer may show it.
    fn value(&self, row: usize, zone: &Zone) -> Result<Value> {
        let value = value_at(&self.column, row, zone)?;
        Ok(if self.is_pii && !value.is_missing() { Value::Masked } else { value })
    }

    fn is_missing(&self, row: usize) -> bool {
        use datafusion::arrow::datatypes::Float64Type;
        let is_nan =
            |row| self.column.as_primitive_opt::<Float64Type>().is_some_and(|c| c.value(row).is_nan());
        self.column.is_null(row) || is_nan(row)
    }
}

/// The reasons of some rows.
fn part(told: &[Told], sayings: &[Saying<'_>], rows: std::ops::Range<usize>, zone: &Zone) -> Result<Reasons> {
    let mut text = StringBuilder::new();
    let (mut tags, mut values, mut tests) =
        (StringBuilder::new(), StringBuilder::new(), StringBuilder::new());
    let mut lengths = Vec::with_capacity(rows.len());
    let mut line = String::new();
    for row in rows {
        line.clear();
        let mut length = 0;
        for (_, saying) in told.iter().zip(sayings).filter(|(told, _)| told.rows.value(row)) {
            if length > 0 {
                line.push_str("; ");
            }
            saying.write(&mut line, row, zone)?;
            tags.append_value(&saying.tags);
            saying.write_values(&mut values, row, zone)?;
            tests.append_value(&saying.test);
            length += 1;
        }
        text.append_value(&line);
        lengths.push(length);
    }
    let columns: Vec<ArrayRef> =
        vec![Arc::new(tags.finish()), Arc::new(values.finish()), Arc::new(tests.finish())];
    let items = StructArray::new(fields(), columns, None);
    let data = ListArray::new(Arc::new(item()), OffsetBuffer::from_lengths(lengths), Arc::new(items), None);
    Ok(Reasons { text: Arc::new(text.finish()), data: Arc::new(data) })
}

fn fields() -> Fields {
    let text = |name| Field::new(name, DataType::Utf8, true);
    Fields::from(vec![text("tag"), text("value"), text("test")])
}

fn item() -> Field {
    Field::new("item", DataType::Struct(fields()), true)
}
