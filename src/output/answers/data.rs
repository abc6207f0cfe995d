//! Answers for programs: as JSON, and as rows for CSV and NDJSON. Names are English, whatever the language.

use crate::explain::answer::{
    Answer, Count, Describe, Diff, Explain, Funnel, List, Listed, Model, Overlap, Portrait, Profile, Spread,
    Tested, Together, Transitions, Undecided, Why,
};
use crate::value::Value;

/// The whole answer, as it is.
pub fn json(answer: &Answer) -> serde_json::Value {
    serde_json::to_value(answer).unwrap_or(serde_json::Value::Null)
}

/// Headers and rows.
pub type Rows = (Vec<String>, Vec<Vec<Value>>);

/// The part of an answer that is a table.
pub fn rows(answer: &Answer) -> Option<Rows> {
    Some(match answer {
        Answer::Count(a) => count(a),
        Answer::Show(a) => (a.headers.clone(), a.rows.clone()),
        Answer::Explain(a) => attrition(a),
        Answer::Why(a) => why(a),
        Answer::Portrait(a) => portrait(a),
        Answer::Describe(a) => describe(a),
        Answer::Model(a) => model(a),
        Answer::Profile(a) => profile(a),
        Answer::Overlap(a) => overlap(a),
        Answer::List(a) => list(a),
        Answer::Funnel(a) => funnel(a),
        Answer::Diff(a) => diff(a),
        Answer::Transitions(a) => transitions(a),
    })
}

fn headers(names: &[&str]) -> Vec<String> {
    names.iter().map(|n| (*n).to_string()).collect()
}

fn number(n: u64) -> Value {
    i64::try_from(n).map_or_else(|_| Value::Decimal(i128::from(n), 0), Value::Int)
}

fn text(text: &str) -> Value {
    Value::Text(text.to_string())
}

fn title(title: Option<&String>) -> Value {
    title.map_or(Value::Missing, |t| text(t))
}

fn joined(list: &[String]) -> Value {
    if list.is_empty() { Value::Missing } else { text(&list.join(", ")) }
}

fn count(a: &Count) -> Rows {
    let Undecided { count, by, complements } = &a.undecided;
    let because = |list: &[(String, u64)]| {
        joined(&list.iter().map(|(name, n)| format!("{name} {n}")).collect::<Vec<_>>())
    };
    let names = [
        "segment",
        "title",
        "entity",
        "as_of",
        "zone",
        "members",
        "total",
        "undecided",
        "missing",
        "undecided_outside",
    ];
    let row = vec![
        text(&a.segment),
        title(a.title.as_ref()),
        text(&a.entity),
        text(&a.as_of),
        text(&a.zone),
        number(a.members),
        number(a.total),
        number(*count),
        because(by),
        because(complements),
    ];
    (headers(&names), vec![row])
}

/// Everyone first, then the steps.
fn attrition(a: &Explain) -> Rows {
    let total = a.count.total;
    let mut rows = vec![vec![
        Value::Int(0),
        text(&a.count.entity),
        Value::Missing,
        number(total),
        Value::Int(0),
        Value::Int(0),
        number(total),
    ]];
    for (i, s) in a.attrition.iter().enumerate() {
        rows.push(vec![
            number(i as u64 + 1),
            text(&s.condition),
            joined(&s.from),
            number(s.remaining),
            number(s.lost),
            number(s.undecided),
            number(s.alone),
        ]);
    }
    (headers(&["step", "condition", "from", "remaining", "lost", "undecided", "alone"]), rows)
}

fn why(a: &Why) -> Rows {
    let mut rows = Vec::new();
    for condition in &a.conditions {
        tested(condition, 0, &mut rows);
    }
    (headers(&["depth", "condition", "from", "outcome", "values"]), rows)
}

/// Parts follow their condition, one deeper.
fn tested(a: &Tested, depth: u64, rows: &mut Vec<Vec<Value>>) {
    let values = if a.values.is_empty() { Value::Missing } else { text(&a.values) };
    let outcome = a.outcome.map_or(Value::Missing, Value::Bool);
    rows.push(vec![number(depth), text(&a.condition), joined(&a.from), outcome, values]);
    for part in &a.parts {
        tested(part, depth + 1, rows);
    }
}

fn portrait(a: &Portrait) -> Rows {
    let valued = |kind: &'static str, pairs: &[(String, Value)]| {
        pairs.iter().map(|(name, v)| vec![text(kind), text(name), v.clone()]).collect::<Vec<_>>()
    };
    let mut rows = valued("column", &a.columns);
    rows.extend(valued("tag", &a.tags));
    rows.extend(a.segments.iter().map(|(s, member)| vec![text("segment"), text(s), Value::Bool(*member)]));
    (headers(&["kind", "name", "value"]), rows)
}

fn describe(a: &Describe) -> Rows {
    let tag = &a.tag;
    let mut pairs = vec![
        ("name".to_string(), text(&tag.name)),
        ("title".to_string(), title(tag.title.as_ref())),
        ("kind".to_string(), text(&a.kind)),
        ("entity".to_string(), text(&a.entity)),
        ("as_of".to_string(), text(&a.as_of)),
        ("type".to_string(), text(&tag.type_name)),
        ("formula".to_string(), text(&tag.formula)),
        ("definition".to_string(), text(&a.definition)),
        ("uses".to_string(), joined(&tag.uses)),
        ("used_by".to_string(), joined(&a.used_by)),
    ];
    pairs.extend(tag.metadata.iter().map(|(name, value)| (format!("@{name}"), text(value))));
    for s in &tag.sources {
        let parts = [Some(&s.files), s.window.as_ref(), Some(&s.row)];
        let parts: Vec<String> = parts.into_iter().flatten().filter(|p| !p.is_empty()).cloned().collect();
        pairs.push((format!("source {}", s.source), text(&parts.join("; "))));
    }
    pairs.extend(tag.spread.iter().flat_map(spread));
    (headers(&["name", "value"]), pairs.into_iter().map(|(name, value)| vec![text(&name), value]).collect())
}

/// A row for each tag of the model.
fn model(a: &Model) -> Rows {
    let row = |t: &crate::explain::answer::Tag| {
        let s = t.spread.clone().unwrap_or_default();
        let ends = [s.min, s.median, s.max].map(|v| v.unwrap_or(Value::Missing));
        let cells = [text(&t.name), text(&t.type_name), text(&t.formula), number(s.known), number(s.total)];
        cells.into_iter().chain(ends).collect()
    };
    let names = ["name", "type", "formula", "known", "total", "min", "median", "max"];
    (headers(&names), a.tags.iter().map(row).collect())
}

fn spread(a: &Spread) -> Vec<(String, Value)> {
    let mut pairs = vec![("known".to_string(), number(a.known)), ("total".to_string(), number(a.total))];
    for (name, value) in [("min", &a.min), ("median", &a.median), ("max", &a.max)] {
        pairs.extend(value.clone().map(|v| (name.to_string(), v)));
    }
    for (name, n) in [("undecided events", a.undecided_events), ("divisions by zero", a.divided_by_zero)] {
        if n > 0 {
            pairs.push((name.to_string(), number(n)));
        }
    }
    pairs.extend(a.distinct.map(|n| ("distinct".to_string(), number(n))));
    pairs.extend(a.top.iter().map(|(value, n)| (format!("count {}", value.plain()), number(*n))));
    pairs
}

/// Everyone first, then the steps; shares from 0 to 1.
fn funnel(a: &Funnel) -> Rows {
    let share = |part: u64, whole: u64| match whole {
        0 => Value::Missing,
        _ => Value::Float(part as f64 / whole as f64),
    };
    let mut rows =
        vec![vec![Value::Int(0), text(&a.entity), number(a.total), share(a.total, a.total), Value::Missing]];
    let mut before = a.total;
    for (i, s) in a.steps.iter().enumerate() {
        rows.push(vec![
            number(i as u64 + 1),
            text(&s.step),
            number(s.reached),
            share(s.reached, a.total),
            share(s.reached, before),
        ]);
        before = s.reached;
    }
    (headers(&["step", "condition", "reached", "of_all", "of_before"]), rows)
}

/// Who entered and who left, by condition; the first row of each direction is for all.
fn diff(a: &Diff) -> Rows {
    let mut rows = Vec::new();
    for (way, moved) in [("entered", &a.entered), ("left", &a.left)] {
        rows.push(vec![text(way), Value::Missing, Value::Missing, number(moved.count), Value::Missing]);
        rows.extend(
            moved.flips.iter().map(|f| {
                vec![text(way), text(&f.condition), joined(&f.from), number(f.count), number(f.alone)]
            }),
        );
    }
    (headers(&["way", "condition", "from", "customers", "alone"]), rows)
}

fn transitions(a: &Transitions) -> Rows {
    let mut rows = Vec::new();
    for (from, counts) in a.values.iter().zip(&a.counts) {
        for (to, n) in a.values.iter().zip(counts) {
            rows.push(vec![from.clone(), to.clone(), number(*n)]);
        }
    }
    (headers(&["from", "to", "customers"]), rows)
}

/// Each figure and each value of each feature is a row; numbers have no count, values no mean.
fn profile(a: &Profile) -> Rows {
    let mut rows = Vec::new();
    for f in &a.features {
        let mut row = |measure: &str, value: Value, members: Value, all: Value, index: Value| {
            rows.push(vec![text(&f.name), text(measure), value, members, all, index]);
        };
        row("known", Value::Missing, number(f.members.known), number(f.all.known), Value::Missing);
        let float = |x: Option<f64>| x.map_or(Value::Missing, Value::Float);
        if f.all.mean.is_some() {
            let index = match (f.members.mean, f.all.mean) {
                (Some(inside), Some(all)) if all > 0.0 && inside >= 0.0 => Value::Float(inside / all * 100.0),
                _ => Value::Missing,
            };
            row("mean", Value::Missing, float(f.members.mean), float(f.all.mean), index);
        }
        if let Some(median) = &f.all.median {
            let inside = f.members.median.clone().unwrap_or(Value::Missing);
            row("median", Value::Missing, inside, median.clone(), Value::Missing);
        }
        for v in &f.values {
            row("count", v.value.clone(), number(v.members), number(v.all), float(v.index));
        }
    }
    (headers(&["name", "measure", "value", "members", "all", "index"]), rows)
}

/// A row for each pair; where there are more than two segments, a last one without names is all together.
fn overlap(a: &Overlap) -> Rows {
    let float = |x: Option<f64>| x.map_or(Value::Missing, Value::Float);
    let row = |t: &Together| {
        let pair = t.segments.len() == 2;
        let name = |i: usize| t.segments.get(i).filter(|_| pair).map_or(Value::Missing, |s| text(s));
        let share = |i: usize| float(t.shares.get(i).copied().flatten().filter(|_| pair));
        vec![name(0), name(1), number(t.all), number(t.any), share(0), share(1), float(t.jaccard)]
    };
    let names = ["a", "b", "both", "either", "share_of_a", "share_of_b", "jaccard"];
    (headers(&names), a.together.iter().map(row).collect())
}

fn list(a: &List) -> Rows {
    let mut rows = Vec::new();
    for (name, kind, files) in &a.sources {
        let kind = text(kind);
        rows.push(vec![text("source"), text(name), Value::Missing, Value::Missing, kind, text(files)]);
    }
    for (name, value, of) in &a.params {
        let value = text(&value.plain());
        rows.push(vec![text("param"), text(name), title(of.as_ref()), Value::Missing, Value::Missing, value]);
    }
    for (kind, definitions) in [("tag", &a.tags), ("segment", &a.segments), ("audience", &a.audiences)] {
        rows.extend(definitions.iter().map(|d| listed(kind, d)));
    }
    (headers(&["kind", "name", "title", "entity", "type", "definition"]), rows)
}

fn listed(kind: &str, d: &Listed) -> Vec<Value> {
    vec![
        text(kind),
        text(&d.name),
        title(d.title.as_ref()),
        text(&d.entity),
        text(&d.type_name),
        text(&d.formula),
    ]
}
