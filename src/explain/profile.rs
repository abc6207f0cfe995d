//! What a segment's members are like against everyone: each tag's values among them and among all. One pass.

use super::answer::{Feature, FeatureValue, Figures, Profile};
use super::attrition::Attrition;
use super::evaluate::is_true;
use super::portrait::{Asker, Result, internal};
use super::stats::Spreading;
use super::tag;
use crate::ir::print;
use crate::ir::{DefId, DefinitionKind, ExprId, Node, SourceId};
use crate::plan::Request;
use crate::types::Type;
use crate::value::Value;
use datafusion::arrow::compute::filter;
use std::collections::HashMap;

/// Values that a feature lists.
const LISTED: usize = 6;
/// Values that are weighed one by one; the rarer ones of a text are weighed together.
const WEIGHED: usize = 50;

/// One tag or column, among the members and among all.
struct Compared {
    expr: ExprId,
    masked: bool,
    members: Spreading,
    all: Spreading,
}

impl Asker<'_> {
    pub fn profile(&self, segment: DefId) -> Result<Profile> {
        let program = self.program;
        let entity = self.entity_of(segment)?;
        let membership = self.membership(segment)?;
        let mut attrition = Attrition::new(program, segment)?;
        let mut compared: Vec<Compared> = self
            .features(entity)
            .into_iter()
            .map(|expr| {
                let masked = self.is_pii(expr);
                let [members, all] = [(); 2].map(|()| Spreading::new(program, expr, masked));
                Compared { expr, masked, members, all }
            })
            .collect();
        let mut exprs = attrition.needs(program);
        exprs.push(membership);
        exprs.extend(compared.iter().map(|c| c.expr));
        self.read(&Request::of(entity, exprs), &mut |view| {
            attrition.add(program, view)?;
            let mask = is_true(&view.booleans(membership)?)?;
            for c in &mut compared {
                let array = view.array(c.expr)?;
                c.all.add_array(program, array)?;
                let inside = filter(array, &mask).map_err(|e| internal(e.to_string()))?;
                c.members.add_array(program, &inside)?;
            }
            Ok(())
        })?;
        let count = self.count_of(&attrition)?;
        let mut features: Vec<Feature> = compared.into_iter().map(|c| self.feature(c)).collect();
        // What stands out most comes first; what stands out alike, in the order written.
        features.sort_by(|a, b| b.distinction.total_cmp(&a.distinction));
        Ok(Profile { count, features })
    }

    /// The tags of an entity, then the columns of its rows (and of what they are linked to) with words or yes and no
    /// that the script uses.
    fn features(&self, entity: SourceId) -> Vec<ExprId> {
        let program = self.program;
        let written = program
            .definition_ids()
            .filter(|(_, d)| d.entity == entity && d.is_written() && d.kind == DefinitionKind::Tag);
        let mut found: Vec<ExprId> = written.filter_map(|(id, _)| program.definition_node(id)).collect();
        // A tag that is a column under another name is not shown twice.
        let bodies: Vec<ExprId> = found
            .iter()
            .filter_map(|e| match program.node(*e) {
                Node::Definition(def) => program.definition(*def).map(|d| d.body),
                _ => None,
            })
            .collect();
        let key = program.source(entity).and_then(|s| s.key);
        for i in 0..program.graph.len() {
            let expr = ExprId(u32::try_from(i).unwrap_or(u32::MAX));
            let Node::Column { source, via, column } = program.node(expr) else { continue };
            let worded = matches!(program.ty(expr), Type::Text | Type::Label(_) | Type::Bool);
            let is_key = via.is_empty() && Some(*column) == key;
            if *source == entity && worded && !is_key && !bodies.contains(&expr) {
                found.push(expr);
            }
        }
        found.retain(|e| !matches!(program.ty(*e), Type::Unsupported(_) | Type::Duration | Type::Error));
        found
    }

    fn feature(&self, mut c: Compared) -> Feature {
        let program = self.program;
        let title = match program.node(c.expr) {
            Node::Definition(def) => program.definition(*def).and_then(|d| d.title.clone()),
            _ => None,
        };
        let mut distinction = 0.0;
        let mut values = Vec::new();
        let (member_counts, all_counts) = (c.members.counts(), c.all.counts());
        let (inside, everywhere) = (c.members.moments(), c.all.moments());
        if let (Some((inside, _)), Some((mean, deviation))) = (inside, everywhere)
            && deviation > 0.0
        {
            distinction = (inside - mean).abs() / deviation;
        }
        let (members_mean, mean) = (inside.map(|(mean, _)| mean), everywhere.map(|(mean, _)| mean));
        let days = matches!(program.ty(c.expr), Type::Date | Type::Instant(_));
        let (members, all) = (c.members.finish(program), c.all.finish(program));
        if let (Some(inside), Some(everywhere)) = (member_counts, all_counts) {
            // Names and account numbers, each its own, tell nothing.
            let closed = !matches!(program.ty(c.expr), Type::Text);
            let repeats = closed || everywhere.first().is_some_and(|(_, n)| *n > 1);
            if repeats {
                distinction = weighed(&inside, members.known, &everywhere, all.known);
                values = listed(&inside, members.known, &everywhere, all.known);
            }
        }
        let figures = |mean: Option<f64>, spread: &super::answer::Spread| Figures {
            known: spread.known,
            total: spread.total,
            mean: mean.filter(|_| !days),
            median: spread.median.clone(),
        };
        Feature {
            name: print::label(program, c.expr),
            title,
            type_name: tag::type_name(program, c.expr),
            masked: c.masked,
            members: figures(members_mean, &members),
            all: figures(mean, &all),
            distinct: all.distinct,
            values,
            distinction,
        }
    }
}

/// Counts by value.
type Counts = [(Value, u64)];

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// How far the members' values lie from everyone's: the root of the sum of (difference of the shares)² / share. For
/// yes and no it is the difference in standard deviations, as it is for numbers, so the two can be compared.
fn weighed(inside: &Counts, members: u64, everywhere: &Counts, all: u64) -> f64 {
    if members == 0 {
        return 0.0;
    }
    let of: HashMap<String, u64> = inside.iter().map(|(v, n)| (v.plain(), *n)).collect();
    let (mut sum, mut left) = (0.0, (members, all));
    for (value, n) in everywhere.iter().take(WEIGHED) {
        let here = of.get(&value.plain()).copied().unwrap_or(0);
        left = (left.0.saturating_sub(here), left.1.saturating_sub(*n));
        sum += off(share(here, members), share(*n, all));
    }
    (sum + off(share(left.0, members), share(left.1, all))).sqrt()
}

fn off(inside: f64, everywhere: f64) -> f64 {
    if everywhere > 0.0 { (inside - everywhere).powi(2) / everywhere } else { 0.0 }
}

/// The members' most frequent values (of equally frequent ones, those of all), what they have more often than all first.
fn listed(inside: &Counts, members: u64, everywhere: &Counts, all: u64) -> Vec<FeatureValue> {
    let of: HashMap<String, u64> = inside.iter().map(|(v, n)| (v.plain(), *n)).collect();
    let here = |value: &Value| of.get(&value.plain()).copied().unwrap_or(0);
    let mut order: Vec<&(Value, u64)> = everywhere.iter().collect();
    // Stable: what is equally frequent among the members stays in the order of all.
    order.sort_by_key(|(value, _)| std::cmp::Reverse(here(value)));
    let mut listed: Vec<FeatureValue> = order
        .into_iter()
        .take(LISTED)
        .map(|(value, n)| {
            let (inside, everywhere) = (share(here(value), members), share(*n, all));
            let index = (members > 0 && everywhere > 0.0).then(|| inside / everywhere * 100.0);
            FeatureValue { value: value.clone(), members: here(value), all: *n, index }
        })
        .collect();
    listed.sort_by(|a, b| b.index.unwrap_or(0.0).total_cmp(&a.index.unwrap_or(0.0)));
    listed
}
