//! Typed expressions as people read them, in English and in Chinese.
//!
//! What is printed stays close to the language, so that a reader finds it again in the script, but it is for
//! eyes and not for the parser: `≥` for `>=`, thousands grouped, windows with their real dates.

mod expr;
mod model;
mod sequence;
mod tested;
mod words;

pub use model::{model, part};
pub use tested::{TestPart, test_parts, test_text};
pub use words::quoted;

use super::{DefId, ExprId, Formula, Limit, Node, OwnWindow, Program, Sequence, Source, Window};
use crate::value::Value;
use expr::{Precedence, Printer};

/// The language of what is printed. Names stay as the script defines them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum Lang {
    #[default]
    En,
    Zh,
}

/// An expression on the entity's row: `count(transactions in last 90 days where category = "travel") > 5`.
pub fn expr(program: &Program, id: ExprId, lang: Lang) -> String {
    Printer::new(program, lang).print(id, Precedence::Loosest)
}

/// A segment's condition, names of segments kept: `assets ≥ 1,000,000 and outside high_value`.
pub fn formula(program: &Program, formula: &Formula, lang: Lang) -> String {
    Printer::new(program, lang).formula(formula, Precedence::Loosest)
}

/// A window with its real dates, both ends included: `last 90 days: 2026-08-03 to 2026-10-31`.
pub fn window(program: &Program, window: &Window, lang: Lang) -> String {
    words::dated_window(program, window, lang)
}

/// A window from the customer's own date, as written.
pub fn own_window(program: &Program, own: &OwnWindow, lang: Lang) -> String {
    Printer::new(program, lang).own_window(own)
}

/// One step of a sequence: `transactions where category = "fund" within 7 days`.
pub fn step(program: &Program, sequence: &Sequence, place: usize, lang: Lang) -> String {
    Printer::new(program, lang).step(sequence, place)
}

/// What a condition reads on the entity's row: definitions, columns and aggregates, outermost, in the order
/// written, each once. Their values are what a reader wants to see beside the condition.
pub fn atom_inputs(program: &Program, expr: ExprId) -> Vec<ExprId> {
    let mut inputs = Vec::new();
    program.graph.walk(expr, &mut |id, node| {
        if is_input(node) && !inputs.contains(&id) {
            inputs.push(id);
        }
    });
    inputs
}

fn is_input(node: &Node) -> bool {
    matches!(
        node,
        Node::Definition(_)
            | Node::Outside(_)
            | Node::Column { .. }
            | Node::Aggregate(_)
            | Node::Population(_)
            | Node::Sequence(_)
            | Node::SequencePart { .. }
    )
}

/// The title of an input's column: a definition's name, `city`, `branch.region`, or the aggregate as printed.
pub fn label(program: &Program, id: ExprId) -> String {
    expr(program, id, Lang::En)
}

/// One value as it stands in a sentence: text quoted, yes/no and missing in the reader's language.
pub fn value(value: &Value, lang: Lang) -> String {
    let mut text = String::new();
    // A string takes everything.
    let _ = write_value(&mut text, value, lang);
    text
}

/// [`value`] behind what is there.
pub fn write_value(out: &mut String, value: &Value, lang: Lang) -> std::fmt::Result {
    use std::fmt::Write;
    match (value, lang) {
        (Value::Missing, Lang::Zh) => out.write_str("缺失"),
        (Value::Bool(true), Lang::Zh) => out.write_str("是"),
        (Value::Bool(false), Lang::Zh) => out.write_str("否"),
        (Value::Text(text), _) => out.write_str(&words::quoted(text)),
        (other, _) => other.write_shown(out),
    }
}

/// Where a source's rows come from: its files, as the script says them, or the keys of another source.
pub fn origin(program: &Program, source: &Source, lang: Lang) -> String {
    match (source.keys_of, lang) {
        (None, _) => source.location.pattern.clone(),
        (Some(keys), Lang::En) => format!("keys of {}", program.source_name(keys.events)),
        (Some(keys), Lang::Zh) => format!("{} 的键", program.source_name(keys.events)),
    }
}

/// How many an audience takes, and which first: `20,000 by assets`.
pub fn limit(program: &Program, limit: Limit, lang: Lang) -> String {
    let most = crate::value::group(&limit.most.to_string());
    match (limit.by.map(|by| expr(program, by, lang)), lang) {
        (Some(by), Lang::En) => format!("{most} by {by}"),
        (Some(by), Lang::Zh) => format!("按 {by} 取前 {most}"),
        (None, _) => most,
    }
}

/// The whole program, for `segue debug ir`: every source, definition and node, one to a line.
pub fn program(program: &Program) -> String {
    use std::fmt::Write;
    let mut text = format!("as of {} in {}\n", program.as_of.text(&program.zone), program.zone.name());
    for (i, source) in program.sources.iter().enumerate() {
        let _ = writeln!(text, "source {i} {} {:?}", source.name, origin(program, source, Lang::En));
        for (c, column) in source.columns.iter().enumerate() {
            let _ = writeln!(text, "  column {c} {}: {}", column.name, column.ty);
        }
    }
    for (id, definition) in program.definition_ids() {
        let (name, ty, body) = (&definition.name, &definition.ty, definition.body.0);
        let of = program.source_name(definition.entity);
        let _ = writeln!(text, "definition {} {name} of {of}: {ty} = node {body}", id.0);
    }
    for i in 0..program.graph.len() {
        let id = ExprId(u32::try_from(i).unwrap_or(u32::MAX));
        let _ = writeln!(text, "node {i}: {} = {:?}", program.ty(id), program.node(id));
    }
    text
}

fn definition_name(program: &Program, id: DefId) -> &str {
    program.definition(id).map_or("", |d| d.name.as_str())
}

#[cfg(test)]
mod tests;
