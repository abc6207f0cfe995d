//! A tag in words: its formula, what it reads, when, and what one event row is.

use super::answer::{SourceUse, Spread, Tag};
use crate::ir::print::{self, Lang};
use crate::ir::{DefinitionKind, ExprId, Node, Program, SourceId, Window};

/// Explains an input of a condition: a definition, a column or an aggregate.
pub fn explain(program: &Program, expr: ExprId, spread: Option<Spread>, lang: Lang) -> Tag {
    let definition = match program.node(expr) {
        Node::Definition(def) => program.definition(*def),
        _ => None,
    };
    let body = definition.map_or(expr, |d| d.body);
    let mut sources = Vec::new();
    read_by(program, body, lang, &mut sources, 0);
    Tag {
        name: print::label(program, expr),
        title: definition.and_then(|d| d.title.clone()),
        type_name: type_name(program, expr),
        formula: match program.model_of(expr) {
            Some((model, part)) => print::part(program, model, part, lang),
            None => print::expr(program, body, lang),
        },
        metadata: definition.map_or(Vec::new(), |d| d.meta.clone()),
        uses: uses(program, body),
        sources,
        spread,
    }
}

/// The type as the language names it; a segment is one of its own.
pub fn type_name(program: &Program, expr: ExprId) -> String {
    let definition = match program.node(expr) {
        Node::Definition(def) => program.definition(*def),
        _ => None,
    };
    match program.ty(expr) {
        crate::types::Type::Bool if definition.is_some_and(|d| d.kind == DefinitionKind::Segment) => {
            "segment".to_string()
        }
        ty => ty.to_string(),
    }
}

/// The definitions that an expression names, on the customer's row and in the filters of its aggregates.
pub fn uses(program: &Program, body: ExprId) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut next = vec![body];
    while let Some(expr) = next.pop() {
        program.graph.walk(expr, &mut |_, node| {
            let def = match node {
                Node::Definition(def) | Node::Outside(def) => Some(*def),
                Node::Aggregate(a) => {
                    next.extend(a.on_events());
                    None
                }
                Node::Sequence(s) => {
                    next.extend(s.on_events().into_iter().map(|(_, e)| e));
                    None
                }
                Node::SequencePart { sequence, .. } => {
                    next.push(*sequence);
                    None
                }
                node => node.base(),
            };
            if let Some(d) = def.and_then(|d| program.definition(d))
                && !found.contains(&d.name)
            {
                found.push(d.name.clone());
            }
        });
    }
    found
}

/// The sources that an expression reads, through the tags that it names; each with its window once.
fn read_by(program: &Program, expr: ExprId, lang: Lang, found: &mut Vec<SourceUse>, depth: usize) {
    if depth > 64 {
        return;
    }
    let mut inner = Vec::new();
    let mut add = |use_: SourceUse| {
        if !found.iter().any(|f| f.source == use_.source && f.window == use_.window) {
            found.push(use_);
        }
    };
    program.graph.walk(expr, &mut |_, node| match node {
        Node::Column { source, via, .. } => {
            add(entity_use(program, *source, lang));
            let mut at = *source;
            for link in via {
                if let Some(target) = program.source(at).and_then(|s| s.link(*link)).map(|l| l.target) {
                    add(entity_use(program, target, lang));
                    at = target;
                }
            }
        }
        Node::Aggregate(a) => {
            let mut read = event_use(program, a.events, &a.path, a.window.as_ref(), lang);
            if let Some(own) = &a.own {
                let bounds = read.window.take().unwrap_or_default();
                read.window = Some(match lang {
                    Lang::En => format!("{}, {bounds}", print::own_window(program, own, lang)),
                    Lang::Zh => format!("{}，{bounds}", print::own_window(program, own, lang)),
                });
            }
            add(read);
        }
        Node::Sequence(s) => {
            for step in &s.steps {
                add(event_use(program, step.events, &step.path, Some(&s.window), lang));
            }
        }
        Node::SequencePart { sequence, .. } => inner.push(*sequence),
        Node::Definition(def) | Node::Outside(def) => inner.extend(program.definition(*def).map(|d| d.body)),
        Node::InSource(list) => add(entity_use(program, list.list, lang)),
        node => inner.extend(node.base().and_then(|b| program.definition(b)).map(|d| d.body)),
    });
    for body in inner {
        read_by(program, body, lang, found, depth + 1);
    }
}

/// Where the keys of an entity without a table come from: they are read beside its events.
pub fn keys_use(program: &Program, entity: SourceId, lang: Lang) -> Option<SourceUse> {
    program.source(entity)?.keys_of?;
    Some(entity_use(program, entity, lang))
}

fn entity_use(program: &Program, id: SourceId, lang: Lang) -> SourceUse {
    let Some(s) = program.source(id) else {
        return SourceUse { source: String::new(), files: String::new(), window: None, row: String::new() };
    };
    let key = s.key.and_then(|k| s.column(k)).map(|c| c.name.as_str());
    let row = match (key, s.keys_of.is_some(), lang) {
        (Some(key), false, Lang::En) => format!("one row per {key}"),
        (Some(key), false, Lang::Zh) => format!("每个 {key} 一行"),
        (Some(key), true, Lang::En) => format!("one row per {key}, by a scan of its own"),
        (Some(key), true, Lang::Zh) => format!("每个 {key} 一行，单独扫描一次"),
        (None, _, Lang::En) => "a list".to_string(),
        (None, _, Lang::Zh) => "一份清单".to_string(),
    };
    let timed = s.keys_of.filter(|k| program.source(k.events).is_some_and(|e| e.time.is_some()));
    let window = timed.map(|_| {
        let seen = Window { start: None, end: program.as_of.cut(), written: None };
        print::window(program, &seen, lang)
    });
    SourceUse { source: s.name.clone(), files: print::origin(program, s, lang), window, row }
}

fn event_use(
    program: &Program,
    events: SourceId,
    path: &[u32],
    window: Option<&Window>,
    lang: Lang,
) -> SourceUse {
    let Some(s) = program.source(events) else {
        return SourceUse { source: String::new(), files: String::new(), window: None, row: String::new() };
    };
    let column = |id| s.column(id).map_or("", |c| c.name.as_str());
    // What one row is: an event of whom, at what time, over which steps.
    let mut steps: Vec<String> = Vec::new();
    let mut at = events;
    for of in path {
        let Some(owner) = program.source(at).and_then(|s| s.of.get(*of as usize)) else { break };
        let by = program.column(at, owner.by).map_or("", |c| c.name.as_str());
        steps.push(match lang {
            Lang::En => format!("of {} by {by}", program.source_name(owner.entity)),
            Lang::Zh => format!("经 {by} 归属 {}", program.source_name(owner.entity)),
        });
        at = owner.entity;
    }
    let what = s.title.clone().unwrap_or_else(|| s.name.clone());
    let row = match (&s.time, lang) {
        (Some(t), Lang::En) => {
            format!("one row is one of {what}, {}, at {}", steps.join(", "), column(t.column))
        }
        (None, Lang::En) => format!("one row is one of {what}, {}", steps.join(", ")),
        (Some(t), Lang::Zh) => {
            format!("一行是一条 {what}，{}，时间为 {}", steps.join("，"), column(t.column))
        }
        (None, Lang::Zh) => format!("一行是一条 {what}，{}", steps.join("，")),
    };
    SourceUse {
        source: s.name.clone(),
        files: print::origin(program, s, lang),
        window: window.map(|w| print::window(program, w, lang)),
        row,
    }
}
