//! Why each of many members is one: the same as `why` says of a member, worked out column by column.
//!
//! Which conditions are told of whom is found for all rows at once, from the conditions' columns. What a condition says
//! is printed once for each choice of missing inputs, with gaps; a row only fills the gaps with its values.

use super::attrition::inputs;
use super::evaluate::{constant, is_true, kleene};
use super::portrait::{Result, internal, is_pii, value_at};
use super::reasons::{Wanted, as_wanted};
use crate::ir::print::{self, Lang, TestPart};
use crate::ir::{DefId, ExprId, Formula, Literal, Node, Program, Zone};
use crate::value::{Value, write_decimal, write_int};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Int64Array, ListArray, StringBuilder,
    StructArray,
};
use datafusion::arrow::buffer::{BooleanBuffer, OffsetBuffer};
use datafusion::arrow::compute::not;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, Fields, Float64Type, Int64Type};
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

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

/// Why the rows are members of a segment with this condition.
pub(super) fn reasons(condition: ExprId, rows: &Rows<'_>, lang: Lang) -> Result<Reasons> {
    let mut search = Search { rows, told: Vec::new(), seen: HashMap::new() };
    let all = BooleanBuffer::new_set(rows.count);
    search.support(&Formula::of(rows.program, condition), true, &all)?;
    let told = search.told;
    let sayings = told.iter().map(|told| Saying::new(told.wanted, rows, lang));
    let mut sayings = sayings.collect::<Result<Vec<_>>>()?;
    written(&told, &mut sayings, rows.count, &rows.program.zone)
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
    /// For each choice of missing inputs that was met (a bit for each); none where the text is not made of parts.
    texts: Vec<(u64, Option<Vec<Part>>)>,
    /// The names of the inputs, and the condition alone.
    tags: String,
    test: String,
}

struct Input {
    expr: ExprId,
    values: Values,
    is_pii: bool,
    /// Whether any of them may be missing.
    has_missing: bool,
}

/// A column's values. Of what most conditions are about, they are read and written without a step between: a list has a
/// hundred million of them.
enum Values {
    Ints(Int64Array),
    Decimals(Decimal128Array),
    Others(ArrayRef),
}

enum Part {
    Text(String),
    /// The value of the input that stands there in the list.
    Value(usize),
}

impl<'a> Saying<'a> {
    fn new(wanted: Wanted, rows: &Rows<'a>, lang: Lang) -> Result<Saying<'a>> {
        let program = rows.program;
        let (expr, _) = as_wanted(program, wanted);
        let all = inputs(program, wanted.0);
        let tags: Vec<String> = all.iter().map(|e| print::label(program, *e)).collect();
        let of = |e: &ExprId| {
            let column = rows.columns.get(e).ok_or_else(|| internal("a lost reason"))?;
            Ok(Input::new(*e, column, is_pii(program, *e)))
        };
        Ok(Saying {
            program,
            lang,
            wanted,
            inputs: all.iter().map(of).collect::<Result<Vec<_>>>()?,
            texts: Vec::new(),
            tags: tags.join(", "),
            test: print::expr(program, expr, lang),
        })
    }

    fn parts(&self, choice: u64) -> Option<Vec<Part>> {
        let inputs: Vec<(ExprId, bool)> =
            self.inputs.iter().enumerate().map(|(at, i)| (i.expr, choice >> at & 1 == 1)).collect();
        let (expr, plain_not) = as_wanted(self.program, self.wanted);
        let before = plain_not.then(|| Part::Text(negated(self.lang).to_string()));
        let part = |part| match part {
            TestPart::Text(text) => Some(Part::Text(text)),
            TestPart::Value(expr) => self.inputs.iter().position(|i| i.expr == expr).map(Part::Value),
        };
        let parts = print::test_parts(self.program, expr, &inputs, self.lang)?;
        before.map(Some).into_iter().chain(parts.into_iter().map(part)).collect()
    }

    /// The condition with a row's values in it.
    fn write(&mut self, out: &mut String, row: usize, zone: &Zone) -> Result<()> {
        if self.inputs.len() > u64::BITS as usize {
            return self.write_anew(out, row, zone);
        }
        let missing = |(at, input): (usize, &Input)| u64::from(input.is_missing(row)) << at;
        let choice = self.inputs.iter().enumerate().map(missing).fold(0, |all, bit| all | bit);
        let at = self.texts.iter().position(|(c, _)| *c == choice).unwrap_or_else(|| {
            self.texts.push((choice, self.parts(choice)));
            self.texts.len() - 1
        });
        let Some((_, Some(parts))) = self.texts.get(at) else { return self.write_anew(out, row, zone) };
        for part in parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Value(at) => {
                    let input = self.inputs.get(*at).ok_or_else(|| internal("a lost reason"))?;
                    input.write_shown(out, row, zone, self.lang)?;
                }
            }
        }
        Ok(())
    }

    /// The same, printed for this row alone.
    fn write_anew(&self, out: &mut String, row: usize, zone: &Zone) -> Result<()> {
        let values = self.inputs.iter().map(|input| Ok((input.expr, input.value(row, zone)?)));
        let values = values.collect::<Result<Vec<_>>>()?;
        let (expr, plain_not) = as_wanted(self.program, self.wanted);
        out.push_str(if plain_not { negated(self.lang) } else { "" });
        out.push_str(&print::test_text(self.program, expr, &values, self.lang));
        Ok(())
    }

    /// A row's values as data.
    fn write_values(&self, out: &mut StringBuilder, row: usize, zone: &Zone) -> Result<()> {
        for (at, input) in self.inputs.iter().enumerate() {
            // A builder takes everything.
            let _ = out.write_str(if at > 0 { ", " } else { "" });
            input.write_plain(out, row, zone)?;
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
    fn new(expr: ExprId, column: &ArrayRef, is_pii: bool) -> Input {
        let ints = column.as_primitive_opt::<Int64Type>().cloned().map(Values::Ints);
        let decimals = || column.as_primitive_opt::<Decimal128Type>().cloned().map(Values::Decimals);
        let known = || ints.or_else(decimals).filter(|_| !is_pii);
        let values = known().unwrap_or_else(|| Values::Others(Arc::clone(column)));
        let has_missing = column.null_count() > 0 || column.data_type().is_floating();
        Input { expr, values, is_pii, has_missing }
    }

    fn is_missing(&self, row: usize) -> bool {
        self.has_missing
            && match &self.values {
                Values::Ints(ints) => ints.is_null(row),
                Values::Decimals(decimals) => decimals.is_null(row),
                Values::Others(column) => {
                    let floats = column.as_primitive_opt::<Float64Type>();
                    column.is_null(row) || floats.is_some_and(|floats| floats.value(row).is_nan())
                }
            }
    }

    /// As an answer may show it.
    fn value(&self, row: usize, zone: &Zone) -> Result<Value> {
        Ok(match &self.values {
            _ if self.is_missing(row) => Value::Missing,
            Values::Ints(ints) => Value::Int(ints.value(row)),
            Values::Decimals(decimals) => Value::Decimal(decimals.value(row), decimals.scale()),
            Values::Others(_) if self.is_pii => Value::Masked,
            Values::Others(column) => value_at(column, row, zone)?,
        })
    }

    /// As a person reads it.
    fn write_shown(&self, out: &mut String, row: usize, zone: &Zone, lang: Lang) -> Result<()> {
        // A string takes everything.
        let _ = match &self.values {
            Values::Ints(ints) if !self.is_missing(row) => write_int(out, ints.value(row), true),
            Values::Decimals(decimals) if !self.is_missing(row) => {
                write_decimal(out, decimals.value(row), decimals.scale(), true)
            }
            _ => print::write_value(out, &self.value(row, zone)?, lang),
        };
        Ok(())
    }

    /// As data.
    fn write_plain(&self, out: &mut StringBuilder, row: usize, zone: &Zone) -> Result<()> {
        // A builder takes everything.
        let _ = match &self.values {
            Values::Ints(ints) if !self.is_missing(row) => write_int(out, ints.value(row), false),
            Values::Decimals(decimals) if !self.is_missing(row) => {
                write_decimal(out, decimals.value(row), decimals.scale(), false)
            }
            _ => self.value(row, zone)?.write_plain(out),
        };
        Ok(())
    }
}

/// The reasons of all rows.
fn written(told: &[Told], sayings: &mut [Saying<'_>], rows: usize, zone: &Zone) -> Result<Reasons> {
    let mut text = StringBuilder::new();
    let (mut tags, mut values, mut tests) =
        (StringBuilder::new(), StringBuilder::new(), StringBuilder::new());
    let mut lengths = Vec::with_capacity(rows);
    let mut line = String::new();
    for row in 0..rows {
        line.clear();
        let mut length = 0;
        for (_, saying) in told.iter().zip(&mut *sayings).filter(|(told, _)| told.rows.value(row)) {
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
