//! Segments compared by their members: which hold the same ones.

use super::evaluate::{both, is_true, is_unknown};
use super::portrait::{Asker, Result, View, internal};
use crate::ir::{Beside, DefId, Doubt, ExprId, SourceId};
use crate::plan::Request;
use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::compute::not;

/// Whom a segment holds, as far as it must be known to tell it from others of the same pass.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Holding {
    pub segment: DefId,
    pub members: u64,
    /// Rows of the entity.
    pub total: u64,
    /// The sum of the members' weights. Every row has one of its own, the same for all segments.
    pub print: u128,
}

/// How many a doubt is about, of how many.
#[derive(Clone, Copy, Default, Debug)]
pub struct Doubted {
    pub rows: u64,
    pub total: u64,
}

impl Asker<'_> {
    /// Whom each of an entity's segments holds, and how many each doubt is about, in one pass.
    pub fn holdings(
        &self,
        entity: SourceId,
        segments: &[DefId],
        doubts: &[&Doubt],
    ) -> Result<(Vec<Holding>, Vec<Doubted>)> {
        let mut found: Vec<(ExprId, Holding)> = Vec::new();
        for segment in segments {
            let holding = Holding { segment: *segment, members: 0, total: 0, print: 0 };
            found.push((self.membership(*segment)?, holding));
        }
        let mut doubted = vec![Doubted::default(); doubts.len()];
        let mut exprs: Vec<ExprId> = found.iter().map(|(e, _)| *e).collect();
        for doubt in doubts {
            exprs.push(doubt.missing);
            match &doubt.beside {
                Beside::Unknown(condition) => exprs.push(*condition),
                Beside::NoneTrue(conditions) => exprs.extend(conditions),
            }
        }
        let mut seen = 0u64;
        self.read(&Request::of(entity, exprs), &mut |view| {
            let rows = view.rows() as u64;
            for (membership, holding) in &mut found {
                let mask = is_true(&view.booleans(*membership)?)?;
                holding.members += mask.true_count() as u64;
                holding.total += rows;
                for row in mask.values().set_indices() {
                    holding.print = holding.print.wrapping_add(weight(seen.wrapping_add(row as u64)));
                }
            }
            for (doubt, doubted) in doubts.iter().zip(&mut doubted) {
                doubted.rows += concerned(view, doubt)?.true_count() as u64;
                doubted.total += rows;
            }
            seen = seen.wrapping_add(rows);
            Ok(())
        })?;
        Ok((found.into_iter().map(|(_, holding)| holding).collect(), doubted))
    }
}

/// The rows that a doubt is about.
fn concerned(view: &View<'_>, doubt: &Doubt) -> Result<BooleanArray> {
    let mut rows = is_true(&view.booleans(doubt.missing)?)?;
    match &doubt.beside {
        Beside::Unknown(condition) => rows = both(&rows, &is_unknown(&view.booleans(*condition)?)?)?,
        Beside::NoneTrue(conditions) => {
            for condition in conditions {
                let other =
                    not(&is_true(&view.booleans(*condition)?)?).map_err(|e| internal(e.to_string()))?;
                rows = both(&rows, &other)?;
            }
        }
    }
    Ok(rows)
}

/// A number that looks drawn for the row at this place: two steps of splitmix64.
fn weight(place: u64) -> u128 {
    let mix = |n: u64| {
        let n = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        n ^ (n >> 31)
    };
    let high = mix(place);
    (u128::from(high) << 64) | u128::from(mix(high ^ place.rotate_left(32)))
}
