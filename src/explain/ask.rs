//! One answer per command.

use super::answer::{Answer, Count, Describe, Explain, List, Listed, Portrait, Show};
use super::attrition::Attrition;
use super::candidates;
use super::evaluate::is_true;
use super::members::{self, Kept};
use super::portrait::{Asker, ExplainError, Result, View, internal};
use super::stats::Spreading;
use super::tag;
use crate::check::literal_value;
use crate::ir::print;
use crate::ir::{Command, DefId, DefinitionKind, ExprId, Node, SourceId};
use crate::plan::Request;
use crate::value::Value;
use std::collections::BTreeMap;

impl Asker<'_> {
    /// The answer to a command.
    pub fn ask(&self, command: &Command) -> Result<Answer> {
        Ok(match command {
            Command::Count { segment } => Answer::Count(self.count(*segment)?),
            Command::Show { segment, limit } => Answer::Show(self.show(*segment, Some(*limit))?),
            Command::Explain { segment } => Answer::Explain(self.explain(*segment, None)?),
            Command::Why { key, segment } => Answer::Why(self.why(key, *segment)?),
            Command::Portrait { key } => Answer::Portrait(self.portrait_of(key)?),
            Command::Describe { definition } => Answer::Describe(self.describe(*definition)?),
            Command::Model { model } => Answer::Model(self.describe_model(*model)?),
            Command::Funnel { definition } => Answer::Funnel(self.funnel(*definition)?),
            Command::Profile { segment } => Answer::Profile(self.profile(*segment)?),
            Command::Overlap { segments } => Answer::Overlap(self.overlap(segments)?),
            Command::List => Answer::List(self.list()),
            Command::Diff { segment, from, to } => Answer::Diff(self.diff(*segment, from, to)?),
            Command::Transitions { tag, from, to } => Answer::Transitions(self.transitions(*tag, from, to)?),
        })
    }

    pub(super) fn count_of(&self, attrition: &Attrition) -> Result<Count> {
        let program = self.program;
        let d = program.definition(attrition.segment()).ok_or_else(|| internal("an unknown segment"))?;
        Ok(Count {
            segment: d.name.clone(),
            title: d.title.clone(),
            entity: program.source_name(d.entity).to_string(),
            as_of: program.as_of.text(&program.zone),
            zone: program.zone.name().to_string(),
            members: attrition.members(),
            total: attrition.total(),
            undecided: attrition.undecided(program),
        })
    }

    pub fn count(&self, segment: DefId) -> Result<Count> {
        let counts = self.counts(&[segment])?;
        counts.into_iter().next().ok_or_else(|| internal("a segment that was not counted"))
    }

    /// The counts of several segments: one pass per entity.
    pub fn counts(&self, segments: &[DefId]) -> Result<Vec<Count>> {
        // What a session keeps, the next question finds: `show` and `why` ask for the members' columns.
        let counting = |segment: &DefId| {
            let attrition = Attrition::counting(self.program, *segment)?;
            Ok(if self.keeps() { attrition } else { attrition.without_membership(self.program) })
        };
        let mut all: Vec<Attrition> = segments.iter().map(counting).collect::<Result<Vec<_>>>()?;
        let mut entities: Vec<SourceId> = Vec::new();
        for segment in segments {
            let entity = self.entity_of(*segment)?;
            if !entities.contains(&entity) {
                entities.push(entity);
            }
        }
        let program = self.program;
        for entity in entities {
            let mut here = Vec::new();
            for attrition in &mut all {
                if self.entity_of(attrition.segment())? == entity {
                    here.push(attrition);
                }
            }
            let exprs = here.iter().flat_map(|a| a.needs(program)).collect();
            let candidates = here.iter().map(|a| candidates::of(program, a)).collect();
            let request = Request::of(entity, exprs).among(candidates);
            let blank: Vec<Attrition> = here.iter().map(|a| (**a).clone()).collect();
            let parts = self.read_apart(&request, blank, &|list: &mut Vec<Attrition>, view| {
                list.iter_mut().try_for_each(|a| a.add(program, view))
            })?;
            for part in &parts {
                here.iter_mut().zip(part).for_each(|(whole, part)| whole.merge(part));
            }
        }
        all.iter().map(|a| self.count_of(a)).collect()
    }

    /// The plan of each level of the portrait that answers every segment and audience of an entity.
    pub fn plans(&self) -> Result<String> {
        let mut text = String::new();
        let mut entities: Vec<SourceId> = self.program.definitions.iter().map(|d| d.entity).collect();
        entities.sort();
        entities.dedup();
        for entity in entities {
            let exprs: Vec<ExprId> = self
                .program
                .definition_ids()
                .filter(|(_, d)| d.entity == entity)
                .filter_map(|(id, _)| self.program.definition_node(id))
                .collect();
            let request = Request::of(entity, exprs);
            let mut portrait =
                crate::plan::portrait(self.program, self.tables.clone(), request, self.engine.strategy())?;
            let (mut before, mut at) = (None, 0);
            while let Some(level) = portrait.next_level(before.take())? {
                let (logical, physical) = self.engine.explain_plan(&level.plan)?;
                text.push_str(&format!(
                    "== {} level {at}: logical plan\n{logical}\n\n",
                    self.program.source_name(entity)
                ));
                text.push_str(&format!(
                    "== {} level {at}: physical plan\n{physical}\n\n",
                    self.program.source_name(entity)
                ));
                let schema = crate::plan::portrait::schema_of(&level);
                before = Some(crate::engine::Engine::memory_table(&schema, Vec::new())?);
                at += 1;
            }
        }
        Ok(text)
    }

    /// The members with the tags that the segment used; the first by key where a limit is given.
    pub fn show(&self, segment: DefId, limit: Option<usize>) -> Result<Show> {
        let membership = self.membership(segment)?;
        let attrition = Attrition::new(self.program, segment)?;
        let mut kept = self.members_of(segment, attrition.inputs(), limit)?;
        let mut exprs = kept.columns().to_vec();
        exprs.push(membership);
        let mut count = 0;
        let request = Request::of(self.entity_of(segment)?, exprs)
            .among(candidates::of(self.program, &attrition).map(|c| vec![c]));
        self.read(&request, &mut |view| {
            let mask = view.booleans(membership)?;
            count += is_true(&mask)?.true_count() as u64;
            kept.add(view, &mask)
        })?;
        self.sample(segment, &kept, count)
    }

    /// What is kept of members: the key, and beside it what the segment used.
    fn members_of(&self, segment: DefId, mut used: Vec<ExprId>, most: Option<usize>) -> Result<Kept> {
        let entity = self.entity_of(segment)?;
        used.retain(|expr| !self.program.is_key(entity, *expr));
        Ok(Kept::new(used, most))
    }

    fn sample(&self, segment: DefId, kept: &Kept, members: u64) -> Result<Show> {
        let program = self.program;
        let d = program.definition(segment).ok_or_else(|| internal("an unknown segment"))?;
        let source = program.source(d.entity).ok_or_else(|| internal("an unknown entity"))?;
        let key = source.key.and_then(|k| source.column(k)).map_or("key", |c| c.name.as_str());
        let labels = kept.columns().iter().map(|c| print::label(program, *c));
        Ok(Show {
            segment: d.name.clone(),
            as_of: program.as_of.text(&program.zone),
            members,
            headers: std::iter::once(key.to_string()).chain(labels).collect(),
            rows: members::rows(self, kept)?,
        })
    }

    /// A segment with its attrition and its tags; with a few members where `sample` says how many.
    pub fn explain(&self, segment: DefId, sample: Option<usize>) -> Result<Explain> {
        let program = self.program;
        let mut attrition = Attrition::new(program, segment)?;
        let inputs = attrition.inputs();
        let membership = self.membership(segment)?;
        let mut spreads: Vec<Spreading> =
            inputs.iter().map(|e| Spreading::new(program, *e, self.is_pii(*e))).collect();
        let mut kept = self.members_of(segment, inputs, sample)?;
        let mut exprs = attrition.needs(program);
        exprs.extend(spreads.iter().flat_map(Spreading::needs));
        let request = Request::of(self.entity_of(segment)?, exprs);
        self.read(&request, &mut |view: &View<'_>| {
            attrition.add(program, view)?;
            for spread in &mut spreads {
                spread.add(program, view)?;
            }
            match sample {
                Some(_) => kept.add(view, &view.booleans(membership)?),
                None => Ok(()),
            }
        })?;
        let count = self.count_of(&attrition)?;
        let d = program.definition(segment).ok_or_else(|| internal("an unknown segment"))?;
        let sample = match sample {
            Some(_) => Some(self.sample(segment, &kept, count.members)?),
            None => None,
        };
        Ok(Explain {
            count,
            definition: print::expr(program, d.body, self.lang),
            metadata: d.meta.clone(),
            keys: tag::keys_use(program, d.entity, self.lang),
            attrition: attrition.steps(program, self.lang),
            tags: spreads
                .into_iter()
                .map(|s| {
                    let expr = s.expr();
                    tag::explain(program, expr, Some(s.finish(program)), self.lang)
                })
                .collect(),
            sample,
        })
    }

    pub fn describe(&self, definition: DefId) -> Result<Describe> {
        let program = self.program;
        let d = program.definition(definition).ok_or_else(|| internal("an unknown definition"))?;
        let expr = self.membership(definition)?;
        let mut spread = Spreading::new(program, expr, self.is_pii(expr));
        // A segment is two-valued; for how many it is undecided is said all the same.
        let mut attrition = match d.kind {
            DefinitionKind::Segment => Some(Attrition::counting(program, definition)?),
            DefinitionKind::Tag => None,
        };
        let mut exprs: Vec<ExprId> = spread.needs().collect();
        exprs.extend(attrition.iter().flat_map(|a| a.needs(program)));
        self.read(&Request::of(d.entity, exprs), &mut |view| {
            spread.add(program, view)?;
            attrition.as_mut().map_or(Ok(()), |a| a.add(program, view))
        })?;
        let mut spread = spread.finish(program);
        if let Some(attrition) = attrition {
            let undecided = attrition.undecided(program).count;
            spread.known = spread.total.saturating_sub(undecided);
            let no = spread.known.saturating_sub(attrition.members());
            spread.top = vec![(Value::Bool(true), attrition.members()), (Value::Bool(false), no)];
        }
        let used_by = program
            .definitions
            .iter()
            .filter(|other| other.is_written() && tag::uses(program, other.body).contains(&d.name))
            .map(|other| other.name.clone())
            .collect();
        Ok(Describe {
            tag: tag::explain(program, expr, Some(spread), self.lang),
            kind: kind(d.kind).to_string(),
            entity: program.source_name(d.entity).to_string(),
            as_of: program.as_of.text(&program.zone),
            definition: d.text.clone(),
            used_by,
        })
    }

    /// Every column, tag and segment of one row, in the entity whose key it is.
    pub fn portrait_of(&self, key: &str) -> Result<Portrait> {
        let program = self.program;
        let mut entities: Vec<SourceId> = Vec::new();
        for d in &program.definitions {
            if !entities.contains(&d.entity) {
                entities.push(d.entity);
            }
        }
        for entity in &entities {
            if let Some(portrait) = self.portrait_in(*entity, key)? {
                return Ok(portrait);
            }
        }
        let names: Vec<&str> = entities.iter().map(|e| program.source_name(*e)).collect();
        Err(ExplainError::NoSuchKey { key: key.to_string(), entity: names.join(", ") })
    }

    fn portrait_in(&self, entity: SourceId, key: &str) -> Result<Option<Portrait>> {
        let program = self.program;
        let source = program.source(entity).ok_or_else(|| internal("an unknown entity"))?;
        let columns: Vec<(String, ExprId)> = source
            .columns
            .iter()
            .enumerate()
            .filter_map(|(i, c)| {
                let column = crate::ir::ColumnId(u32::try_from(i).ok()?);
                let node = Node::Column { source: entity, via: Vec::new(), column };
                Some((c.name.clone(), program.graph.find(&node)?))
            })
            .collect();
        let definitions: Vec<(String, DefinitionKind, ExprId)> = program
            .definition_ids()
            .filter(|(_, d)| d.entity == entity && d.is_written())
            .filter_map(|(id, d)| Some((d.name.clone(), d.kind, program.definition_node(id)?)))
            .collect();
        let exprs: Vec<ExprId> =
            columns.iter().map(|(_, e)| *e).chain(definitions.iter().map(|(_, _, e)| *e)).collect();
        let Some(customer) = self.one_row(entity, key, &exprs)? else { return Ok(None) };
        let value = |expr: &ExprId| self.masked(*expr, customer.value(*expr));
        let mut answer = Portrait {
            key: key.to_string(),
            entity: source.name.clone(),
            as_of: program.as_of.text(&program.zone),
            columns: columns.iter().map(|(name, e)| (name.clone(), value(e))).collect(),
            tags: Vec::new(),
            segments: Vec::new(),
        };
        for (name, kind, expr) in &definitions {
            match kind {
                DefinitionKind::Tag => answer.tags.push((name.clone(), value(expr))),
                DefinitionKind::Segment => {
                    answer.segments.push((name.clone(), value(expr) == Value::Bool(true)))
                }
            }
        }
        Ok(Some(answer))
    }

    pub fn list(&self) -> List {
        let program = self.program;
        let mut by_kind: BTreeMap<bool, Vec<Listed>> = BTreeMap::new();
        for d in program.definitions.iter().filter(|d| d.is_written()) {
            by_kind.entry(d.kind == DefinitionKind::Segment).or_default().push(Listed {
                name: d.name.clone(),
                title: d.title.clone(),
                entity: program.source_name(d.entity).to_string(),
                type_name: d.ty.to_string(),
                formula: print::expr(program, d.body, self.lang),
            });
        }
        List {
            as_of: program.as_of.text(&program.zone),
            zone: program.zone.name().to_string(),
            sources: program
                .sources
                .iter()
                .filter(|s| s.copy.is_none())
                .map(|s| (s.name.clone(), s.shape.word().to_string(), print::origin(program, s, self.lang)))
                .collect(),
            params: program
                .params
                .iter()
                .map(|p| (p.name.clone(), literal_value(&p.value), p.title.clone()))
                .collect(),
            tags: by_kind.remove(&false).unwrap_or_default(),
            segments: by_kind.remove(&true).unwrap_or_default(),
            audiences: program
                .audiences
                .iter()
                .map(|a| {
                    let segment = program.definition(a.segment);
                    Listed {
                        name: a.name.clone(),
                        title: a.title.clone(),
                        entity: segment.map_or(String::new(), |d| program.source_name(d.entity).to_string()),
                        type_name: "audience".to_string(),
                        formula: segment.map_or(String::new(), |d| d.name.clone()),
                    }
                })
                .collect(),
        }
    }
}

fn kind(kind: DefinitionKind) -> &'static str {
    match kind {
        DefinitionKind::Tag => "tag",
        DefinitionKind::Segment => "segment",
    }
}
