//! `funnel X`: how many are left after each step of a sequence, or after each condition of a segment.

use super::answer::{Funnel, FunnelStep};
use super::attrition::Attrition;
use super::portrait::{Asker, Result, internal};
use crate::ir::print::{self, Lang};
use crate::ir::{DefId, DefinitionKind, Node, SequencePart};
use crate::plan::Request;
use crate::value::Value;

impl Asker<'_> {
    pub fn funnel(&self, definition: DefId) -> Result<Funnel> {
        let program = self.program;
        let d = program.definition(definition).ok_or_else(|| internal("an unknown definition"))?;
        let mut total = 0;
        let mut steps: Vec<FunnelStep> = Vec::new();
        if d.kind == DefinitionKind::Segment {
            let mut attrition = Attrition::new(program, definition)?;
            let request = Request::of(d.entity, attrition.needs(program));
            self.read(&request, &mut |view| attrition.add(program, view))?;
            total = attrition.total();
            steps.extend(attrition.steps(program, self.lang).into_iter().map(|s| FunnelStep {
                step: s.condition,
                from: s.from,
                reached: s.remaining,
            }));
        } else {
            let Node::Sequence(sequence) = program.node(d.body) else {
                return Err(internal("a funnel of what is no sequence"));
            };
            let reached = Node::SequencePart { sequence: d.body, part: SequencePart::Steps };
            let reached = program.graph.find(&reached).ok_or_else(|| internal("a sequence without parts"))?;
            let positive = sequence.positive().count();
            let mut counts = vec![0u64; positive + 1];
            let mut completed = 0u64;
            let request = Request::of(d.entity, vec![reached, d.body]);
            self.read(&request, &mut |view| {
                let matched = view.booleans(d.body)?;
                completed += matched.true_count() as u64;
                total += view.rows() as u64;
                for row in 0..view.rows() {
                    if let Value::Int(n) = view.value(reached, row)?
                        && let Some(count) = usize::try_from(n).ok().and_then(|n| counts.get_mut(n))
                    {
                        *count += 1;
                    }
                }
                Ok(())
            })?;
            let mut positives = 0;
            let mut text = Vec::new();
            for (place, step) in sequence.steps.iter().enumerate() {
                // A `not` between two steps belongs to the later one: who did it did not get there.
                let last = place + 1 == sequence.steps.len();
                text.push(print::step(program, sequence, place, self.lang));
                if step.negated && !last {
                    continue;
                }
                positives += usize::from(!step.negated);
                let at_least: u64 = counts.iter().skip(positives).sum();
                steps.push(FunnelStep {
                    step: std::mem::take(&mut text).join(match self.lang {
                        Lang::En => " then ",
                        Lang::Zh => "，",
                    }),
                    from: Vec::new(),
                    reached: if step.negated { completed } else { at_least },
                });
            }
        }
        Ok(Funnel {
            name: d.name.clone(),
            title: d.title.clone(),
            entity: program.source_name(d.entity).to_string(),
            as_of: program.as_of.text(&program.zone),
            zone: program.zone.name().to_string(),
            total,
            steps,
        })
    }
}
