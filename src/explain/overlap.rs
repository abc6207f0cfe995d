//! How segments lie over each other: who is in two of them, and who in all. One pass.

use super::answer::{Overlap, Overlapping, Together};
use super::attrition::Attrition;
use super::evaluate::{both, count, is_true};
use super::portrait::{Asker, Result, internal};
use crate::ir::DefId;
use crate::plan::Request;
use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::compute::{not, or};

impl Asker<'_> {
    /// Segments of one entity against each other.
    pub fn overlap(&self, segments: &[DefId]) -> Result<Overlap> {
        let program = self.program;
        let first = *segments.first().ok_or_else(|| internal("an overlap of nothing"))?;
        let entity = self.entity_of(first)?;
        let mut each: Vec<(Attrition, u64)> = Vec::new();
        for segment in segments {
            each.push((Attrition::new(program, *segment)?, 0));
        }
        let members = segments.iter().map(|s| self.membership(*s)).collect::<Result<Vec<_>>>()?;
        // The pairs in the order written, then all together where they are more than a pair.
        let mut sets: Vec<(Vec<usize>, u64, u64)> = Vec::new();
        for a in 0..segments.len() {
            sets.extend((a + 1..segments.len()).map(|b| (vec![a, b], 0, 0)));
        }
        if segments.len() > 2 {
            sets.push(((0..segments.len()).collect(), 0, 0));
        }
        let exprs = each.iter().flat_map(|(a, _)| a.needs(program)).chain(members.iter().copied()).collect();
        let fail = |e: datafusion::arrow::error::ArrowError| internal(e.to_string());
        self.read(&Request::of(entity, exprs), &mut |view| {
            let masks = members
                .iter()
                .map(|m| is_true(&view.booleans(*m)?))
                .collect::<Result<Vec<BooleanArray>>>()?;
            for (i, (attrition, only)) in each.iter_mut().enumerate() {
                attrition.add(program, view)?;
                let Some(mut alone) = masks.get(i).cloned() else { continue };
                for (_, other) in masks.iter().enumerate().filter(|(other, _)| *other != i) {
                    alone = both(&alone, &not(other).map_err(fail)?)?;
                }
                *only += count(&alone);
            }
            for (of, inside, anywhere) in &mut sets {
                let mut masks = of.iter().filter_map(|i| masks.get(*i));
                let Some(first) = masks.next().cloned() else { continue };
                let (mut all, mut any) = (first.clone(), first);
                for mask in masks {
                    all = both(&all, mask)?;
                    any = or(&any, mask).map_err(fail)?;
                }
                *inside += count(&all);
                *anywhere += count(&any);
            }
            Ok(())
        })?;
        let mut overlap = Overlap {
            entity: program.source_name(entity).to_string(),
            as_of: program.as_of.text(&program.zone),
            zone: program.zone.name().to_string(),
            total: each.first().map_or(0, |(a, _)| a.total()),
            segments: Vec::new(),
            together: Vec::new(),
        };
        for (attrition, only) in &each {
            let d = program.definition(attrition.segment()).ok_or_else(|| internal("an unknown segment"))?;
            overlap.segments.push(Overlapping {
                segment: d.name.clone(),
                title: d.title.clone(),
                members: attrition.members(),
                undecided: attrition.undecided(program).count,
                only: *only,
            });
        }
        for (of, inside, anywhere) in sets {
            let of: Vec<&Overlapping> = of.iter().filter_map(|i| overlap.segments.get(*i)).collect();
            overlap.together.push(Together {
                segments: of.iter().map(|s| s.segment.clone()).collect(),
                all: inside,
                any: anywhere,
                shares: of.iter().map(|s| share(inside, s.members)).collect(),
                jaccard: share(inside, anywhere),
            });
        }
        Ok(overlap)
    }
}

/// `None` of nothing.
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
