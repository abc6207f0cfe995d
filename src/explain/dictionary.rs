//! The tag dictionary as plain data: what a script defines, from what, for whom, and how the values lie.

use super::answer::{Count, Tag};
use super::attrition::Attrition;
use super::portrait::{Asker, Result};
use super::stats::Spreading;
use super::tag;
use crate::ir::print;
use crate::ir::{Audience, DefId, DefinitionKind, ExprId, Node, Program, SourceId};
use crate::plan::Request;
use serde::Serialize;
use std::collections::HashMap;

/// All that a script defines.
#[derive(Clone, Debug, Serialize)]
pub struct Dictionary {
    pub as_of: String,
    pub zone: String,
    /// Rows were read: coverage, spreads and sizes are known.
    pub with_data: bool,
    pub sources: Vec<DictionarySource>,
    /// Tags and segments, in the order written.
    pub entries: Vec<Entry>,
    pub audiences: Vec<DictionaryAudience>,
}

#[derive(Clone, Debug, Serialize)]
pub struct DictionarySource {
    pub name: String,
    pub title: Option<String>,
    /// `entity`, `events`, `list`.
    pub kind: &'static str,
    pub files: String,
    /// The tags, segments and audiences that read it directly.
    pub used_by: Vec<String>,
}

/// A tag or a segment.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// `tag` or `segment`.
    pub kind: &'static str,
    pub entity: String,
    pub tag: Tag,
    /// As written in the script.
    pub definition: String,
    /// The columns that the formula itself reads: `customers.city`, `transactions.amount`.
    pub columns: Vec<String>,
    /// Sources that the formula itself reads.
    pub reads: Vec<String>,
    /// Tags and segments that name it.
    pub used_by: Vec<String>,
    /// Audiences that it ends in, directly or through others.
    pub audiences: Vec<String>,
    /// Of a segment, where rows were read.
    pub count: Option<Count>,
}

#[derive(Clone, Debug, Serialize)]
pub struct DictionaryAudience {
    pub name: String,
    pub title: Option<String>,
    pub segment: String,
    /// Each step that its clauses add: the word and the rule.
    pub steps: Vec<(&'static str, String)>,
    pub columns: Vec<String>,
    pub to: Option<String>,
    /// `via`, `offer` and the like, and `@…`.
    pub notes: Vec<(String, String)>,
    /// Tags and segments that it names itself.
    pub uses: Vec<String>,
    /// Sources that it reads past them: the events of its caps, and the entity where everyone is its segment.
    pub reads: Vec<String>,
}

impl Entry {
    /// A line of its metadata.
    pub fn metadata(&self, name: &str) -> Option<&str> {
        self.tag.metadata.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What is collected of a definition while its entity's portrait streams by.
enum Collector {
    Tag(Spreading),
    Segment(Box<Attrition>),
}

impl Asker<'_> {
    /// The dictionary; one pass over each entity's portrait where `with_data`, else no row is read.
    pub fn dictionary(&self, with_data: bool) -> Result<Dictionary> {
        let program = self.program;
        let written: Vec<(DefId, SourceId)> =
            program.definition_ids().filter(|(_, d)| d.is_written()).map(|(id, d)| (id, d.entity)).collect();
        let mut collected = match with_data {
            true => self.collected(&written)?,
            false => HashMap::new(),
        };
        let mut entries = Vec::new();
        for (id, _) in &written {
            let Some(d) = program.definition(*id) else { continue };
            let expr = self.membership(*id)?;
            let (mut spread, mut count) = (None, None);
            match collected.remove(id) {
                Some(Collector::Tag(spreading)) => spread = Some(spreading.finish(program)),
                Some(Collector::Segment(attrition)) => count = Some(self.count_of(&attrition)?),
                None => {}
            }
            let (columns, reads) = read_directly(program, d.body);
            entries.push(Entry {
                kind: match d.kind {
                    DefinitionKind::Tag => "tag",
                    DefinitionKind::Segment => "segment",
                },
                entity: program.source_name(d.entity).to_string(),
                tag: tag::explain(program, expr, spread, self.lang),
                definition: d.text.clone(),
                columns,
                reads,
                used_by: Vec::new(),
                audiences: Vec::new(),
                count,
            });
        }
        let audiences: Vec<DictionaryAudience> =
            program.audiences.iter().map(|a| self.dictionary_audience(a)).collect();
        link(&mut entries, &audiences);
        let sources = program
            .sources
            .iter()
            .filter(|s| s.copy.is_none())
            .map(|s| DictionarySource {
                name: s.name.clone(),
                title: s.title.clone(),
                kind: s.shape.word(),
                files: print::origin(program, s, self.lang),
                used_by: {
                    let entries = entries.iter().filter(|e| e.reads.contains(&s.name)).map(|e| &e.tag.name);
                    let audiences = audiences.iter().filter(|a| a.reads.contains(&s.name)).map(|a| &a.name);
                    entries.chain(audiences).cloned().collect()
                },
            })
            .collect();
        Ok(Dictionary {
            as_of: program.as_of.text(&program.zone),
            zone: program.zone.name().to_string(),
            with_data,
            sources,
            entries,
            audiences,
        })
    }

    fn collected(&self, written: &[(DefId, SourceId)]) -> Result<HashMap<DefId, Collector>> {
        let program = self.program;
        let mut entities: Vec<SourceId> = written.iter().map(|(_, entity)| *entity).collect();
        entities.sort();
        entities.dedup();
        let mut done = HashMap::new();
        for entity in entities {
            let mut here: Vec<(DefId, Collector)> = Vec::new();
            let mut exprs: Vec<ExprId> = Vec::new();
            for (id, _) in written.iter().filter(|(_, e)| *e == entity) {
                let expr = self.membership(*id)?;
                exprs.push(expr);
                if program.definition(*id).is_some_and(|d| d.kind == DefinitionKind::Segment) {
                    let attrition = Attrition::new(program, *id)?;
                    exprs.extend(attrition.needs(program));
                    here.push((*id, Collector::Segment(Box::new(attrition))));
                } else {
                    let spreading = Spreading::new(program, expr, self.is_pii(expr));
                    exprs.extend(spreading.needs());
                    here.push((*id, Collector::Tag(spreading)));
                }
            }
            self.read(&Request::of(entity, exprs), &mut |view| {
                here.iter_mut().try_for_each(|(_, collector)| match collector {
                    Collector::Tag(spreading) => spreading.add(program, view),
                    Collector::Segment(attrition) => attrition.add(program, view),
                })
            })?;
            done.extend(here);
        }
        Ok(done)
    }

    fn dictionary_audience(&self, a: &Audience) -> DictionaryAudience {
        let program = self.program;
        let words = |expr: &ExprId| print::expr(program, *expr, self.lang);
        let mut steps: Vec<(&'static str, String)> = Vec::new();
        steps.extend(a.require.iter().map(|e| ("require", words(e))));
        steps.extend(a.exclude.iter().map(|e| ("exclude", words(e))));
        steps.extend(a.cap.iter().map(|e| ("cap", words(e))));
        steps.extend(a.limit.map(|l| ("limit", print::limit(program, l, self.lang))));
        let percent = |share: f64| format!("{}%", crate::value::Value::Float(share * 100.0));
        steps.extend(a.control.as_ref().map(|c| ("control", percent(c.share))));
        steps.extend(a.split.as_ref().map(|s| {
            let arms: Vec<String> =
                s.arms.iter().map(|a| format!("{} {}", a.name, percent(a.share))).collect();
            ("split", arms.join(", "))
        }));
        let segment = program.definition(a.segment);
        let named = a.require.iter().chain(&a.exclude).chain(&a.cap).copied();
        let named = named.chain(a.limit.and_then(|l| l.by)).chain(a.columns.iter().map(|c| c.expr));
        let mut uses: Vec<String> =
            segment.filter(|d| d.is_written()).map(|d| d.name.clone()).into_iter().collect();
        for name in named.flat_map(|e| tag::uses(program, e)) {
            if !uses.contains(&name) {
                uses.push(name);
            }
        }
        let mut reads: Vec<String> = Vec::new();
        reads.extend(segment.filter(|d| d.is_entity).map(|d| program.source_name(d.entity).to_string()));
        for name in a.cap.iter().flat_map(|e| read_directly(program, *e).1) {
            if !reads.contains(&name) {
                reads.push(name);
            }
        }
        DictionaryAudience {
            name: a.name.clone(),
            title: a.title.clone(),
            segment: segment.map_or(String::new(), |d| d.name.clone()),
            steps,
            columns: a.columns.iter().map(|c| c.name.clone()).collect(),
            to: a.to.as_ref().map(|to| to.pattern.clone()),
            notes: a.notes.clone(),
            uses,
            reads,
        }
    }
}

/// Who uses whom, directly; and in which audiences it ends.
fn link(entries: &mut [Entry], audiences: &[DictionaryAudience]) {
    let at: HashMap<String, usize> =
        entries.iter().enumerate().map(|(i, e)| (e.tag.name.clone(), i)).collect();
    let uses: Vec<Vec<usize>> = entries
        .iter()
        .map(|e| e.tag.uses.iter().filter_map(|name| at.get(name).copied()).collect())
        .collect();
    for (user, used) in uses.iter().enumerate() {
        let name = entries.get(user).map_or(String::new(), |e| e.tag.name.clone());
        for i in used {
            if let Some(entry) = entries.get_mut(*i) {
                entry.used_by.push(name.clone());
            }
        }
    }
    for audience in audiences {
        let mut reached = vec![false; entries.len()];
        let mut next: Vec<usize> = audience.uses.iter().filter_map(|name| at.get(name).copied()).collect();
        while let Some(i) = next.pop() {
            match reached.get_mut(i) {
                Some(seen) if !*seen => *seen = true,
                _ => continue,
            }
            next.extend(uses.get(i).into_iter().flatten());
        }
        for (entry, _) in entries.iter_mut().zip(reached).filter(|(_, reached)| *reached) {
            entry.audiences.push(audience.name.clone());
        }
    }
}

/// The columns and sources that an expression reads itself, not through the tags that it names.
fn read_directly(program: &Program, body: ExprId) -> (Vec<String>, Vec<String>) {
    let (mut columns, mut sources): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let mut next = vec![body];
    while let Some(expr) = next.pop() {
        let mut inner = Vec::new();
        program.graph.walk(expr, &mut |_, node| {
            let mut source_of = |id: SourceId| {
                let name = program.source_name(id).to_string();
                if !sources.contains(&name) {
                    sources.push(name);
                }
            };
            match node {
                Node::Column { source, via, column } => {
                    source_of(*source);
                    let mut at = *source;
                    for link in via {
                        let Some(target) = program.source(at).and_then(|s| s.link(*link)).map(|l| l.target)
                        else {
                            return;
                        };
                        source_of(target);
                        at = target;
                    }
                    let name = program.column(at, *column).map_or("", |c| c.name.as_str());
                    let name = format!("{}.{name}", program.source_name(at));
                    if !columns.contains(&name) {
                        columns.push(name);
                    }
                }
                Node::Aggregate(a) => {
                    source_of(a.events);
                    inner.extend(a.on_events());
                }
                Node::InSource(list) => {
                    source_of(list.list);
                    inner.push(list.column);
                    inner.extend(list.filter);
                }
                _ => {}
            }
        });
        // In the order written.
        next.extend(inner.into_iter().rev());
    }
    (columns, sources)
}
