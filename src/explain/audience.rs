//! From segments to lists: `require`, `exclude`, `cap`, `limit`, `control`, `split`, each step's loss counted.
//!
//! All audiences of one entity come out of one pass over its portrait.

use super::attrition::Attrition;
use super::candidates;
use super::draw;
use super::evaluate::{both, count, is_true, is_unknown};
use super::list::List;
use super::portrait::{Asker, ExplainError, Result, View, internal, value_at};
use super::roster::{ROWS, Roster, Rows, at_once};
use super::why;
use crate::engine::{After, Progress, Things};
use crate::ir::print::{self, Lang};
use crate::ir::{Audience, Control, ExprId, Node, Program, SourceId, Split, Zone};
use crate::parallel::each_telling;
use crate::plan::Request;
use crate::value::Value;
use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, UInt32Array};
use datafusion::arrow::compute::{SortColumn, SortOptions, lexsort_to_indices, not, take};
use datafusion::arrow::datatypes::UInt32Type;
use serde::Serialize;
use std::sync::Arc;
use std::time::Instant;

/// One step of the waterfall.
#[derive(Clone, Debug, Serialize)]
pub struct Stage {
    /// `all`, `segment`, `require`, `exclude`, `cap`, `limit`, `control`, `delivered`.
    pub step: &'static str,
    /// The rule in words; empty for totals.
    pub rule: String,
    pub remaining: u64,
    pub lost: u64,
    /// Of those lost (for `require` and conditions) or kept (for `exclude`), for how many it is unknown.
    pub undecided: u64,
}

/// What is told of an audience, and rows of it.
#[derive(Debug)]
pub struct Selection {
    pub audience: Audience,
    pub waterfall: Vec<Stage>,
    /// How many of the list are in each arm of its split.
    pub arms: Vec<ArmSize>,
    /// The first rows: the listed columns, by name, then the arm where there is a split, then `why` and `why_data`.
    pub columns: Vec<(String, ArrayRef)>,
    /// Who is held out: the same columns but for the arm, since they are in none.
    pub held_out: Option<Vec<(String, ArrayRef)>>,
    /// How many there are.
    pub rows: u64,
    /// How many are held out; none where nobody was to be.
    pub held: Option<u64>,
    /// Those of the columns that are personal: files carry them, screens do not show them.
    pub personal: Vec<String>,
    /// The script's zone: screens show exact moments in it.
    pub zone: Zone,
}

/// One arm of a split.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ArmSize {
    pub arm: String,
    /// As asked for, from 0 to 1.
    pub share: f64,
    pub rows: u64,
}

/// Counts one audience's steps while a portrait streams by.
#[derive(Clone)]
struct Collector<'a> {
    audience: &'a Audience,
    attrition: Attrition,
    require: Vec<Counted>,
    exclude: Vec<Counted>,
    cap: Vec<Counted>,
    membership: ExprId,
    /// What the reasons read.
    reasons: Vec<ExprId>,
}

/// Audiences of one entity, and the rows of their lists.
#[derive(Clone)]
struct Together<'a> {
    collectors: Vec<Collector<'a>>,
    roster: Roster,
}

#[derive(Clone)]
struct Counted {
    expr: ExprId,
    remaining: u64,
    lost: u64,
    undecided: u64,
}

impl Counted {
    fn new(expr: &ExprId) -> Counted {
        Counted { expr: *expr, remaining: 0, lost: 0, undecided: 0 }
    }
}

impl Asker<'_> {
    /// Audiences with their first rows, in the order given. Those of one entity share one pass.
    pub fn select(&self, audiences: &[&Audience], first: usize) -> Result<Vec<Selection>> {
        self.select_each(audiences, &|list| list.with_first(first))?.into_iter().collect()
    }

    /// What becomes of the lists of audiences, in the order given; of several at a time.
    pub fn select_each<T: Send>(
        &self,
        audiences: &[&Audience],
        then: &(dyn Fn(List<'_>) -> T + Sync),
    ) -> Result<Vec<T>> {
        let mut entities: Vec<SourceId> = Vec::new();
        for a in audiences {
            let entity = self.entity_of(a.segment)?;
            if !entities.contains(&entity) {
                entities.push(entity);
            }
        }
        let mut done: Vec<(String, T)> = Vec::new();
        for entity in entities {
            let mut collectors = Vec::new();
            for a in audiences {
                if self.entity_of(a.segment)? == entity {
                    collectors.push(self.collector(a)?);
                }
            }
            let Together { collectors, roster } = self.collect(entity, collectors)?;
            let rows = roster.arranged(self, entity)?;
            let (all, within) = self.threads_for(collectors.len());
            let (engine, program, tables, lang) = (self.engine, self.program, self.tables, self.lang);
            let finish = |(at, c): (usize, &Collector<'_>)| {
                let asker = Asker { engine, program, tables, lang, on_progress: &|_| {}, warm: false };
                Ok::<_, ExplainError>((c.audience.name.clone(), then(asker.listed(c, at, &rows, within)?)))
            };
            let began = Instant::now();
            let tell = |done: usize| {
                let after = After::new(Things::Lists, done as u64, collectors.len() as u64, began.elapsed());
                let elapsed = began.elapsed();
                (self.on_progress)(Progress { after: Some(after), elapsed, ..Progress::default() });
            };
            for finished in each_telling(collectors.iter().enumerate().collect(), all, finish, &tell) {
                done.push(finished?);
            }
        }
        let mut ordered = Vec::new();
        for a in audiences {
            if let Some(at) = done.iter().position(|(name, _)| *name == a.name) {
                ordered.push(done.swap_remove(at).1);
            }
        }
        Ok(ordered)
    }

    /// One pass over an entity's portrait for all of its audiences.
    fn collect<'b>(&self, entity: SourceId, collectors: Vec<Collector<'b>>) -> Result<Together<'b>> {
        let program = self.program;
        let columns = collectors.iter().flat_map(Collector::columns);
        let columns = columns.filter(|e| !matches!(program.node(*e), Node::Literal(_))).collect();
        let roster = Roster::new(columns, collectors.len(), self.engine.room(ROWS));
        let mut exprs: Vec<ExprId> = collectors.iter().flat_map(|c| c.needs(program)).collect();
        exprs.extend(roster.columns());
        let candidates = collectors.iter().map(|c| candidates::in_order(program, &c.attrition)).collect();
        let request = Request::of(entity, exprs).among(candidates);
        let blank = Together { collectors, roster };
        let parts = self.read_apart(&request, blank, &|together, view| together.add(program, view))?;
        let whole = parts.into_iter().reduce(Together::merged);
        whole.ok_or_else(|| internal("audiences without a collector"))
    }

    /// How many audiences are finished at a time, and by how many threads each.
    fn threads_for(&self, audiences: usize) -> (usize, usize) {
        let threads = self.engine.threads().max(1);
        let all = threads.min(audiences.max(1));
        (all, threads / all)
    }

    fn collector<'b>(&self, audience: &'b Audience) -> Result<Collector<'b>> {
        let reasons: Vec<ExprId> = why::needs(self.program, audience.segment)?
            .into_iter()
            .filter(|e| !matches!(self.program.node(*e), Node::Literal(_)))
            .collect();
        Ok(Collector {
            audience,
            attrition: Attrition::new(self.program, audience.segment)?,
            require: audience.require.iter().map(Counted::new).collect(),
            exclude: audience.exclude.iter().map(Counted::new).collect(),
            cap: audience.cap.iter().map(Counted::new).collect(),
            membership: self.membership(audience.segment)?,
            reasons,
        })
    }

    /// The list of an audience that was collected as the `at`-th.
    fn listed<'b>(&self, c: &'b Collector<'b>, at: usize, rows: &'b Rows, threads: usize) -> Result<List<'b>>
    where
        Self: 'b,
    {
        let program = self.program;
        let mut waterfall = c.waterfall(program, self.lang);
        let mut sent = rows.members(at)?;
        if let Some(limit) = c.audience.limit {
            let most = usize::try_from(limit.most).unwrap_or(usize::MAX).min(sent.len());
            let rule = print::limit(program, limit, self.lang);
            let lost = (sent.len() - most) as u64;
            let remaining = most as u64;
            waterfall.push(Stage { step: "limit", rule, remaining, lost, undecided: 0 });
            match limit.by {
                Some(by) => sent = largest(rows, by, sent, most)?,
                None => sent.truncate(most),
            }
        }
        let mut held = None;
        if let Some(control) = &c.audience.control {
            let out;
            (out, sent) = self.drawn(rows, &sent, control)?;
            let percent = Value::Float(control.share * 100.0);
            waterfall.push(Stage {
                step: "control",
                rule: format!("{percent}%"),
                remaining: sent.len() as u64,
                lost: out.len() as u64,
                undecided: 0,
            });
            held = Some(out);
        }
        let rows_sent = sent.len() as u64;
        let rule = String::new();
        waterfall.push(Stage { step: "delivered", rule, remaining: rows_sent, lost: 0, undecided: 0 });
        let arms = match &c.audience.split {
            Some(split) => Some(self.arms_of(rows, split, &sent)?),
            None => None,
        };
        let mut sizes: Vec<ArmSize> = Vec::new();
        for arm in c.audience.split.iter().flat_map(|s| &s.arms) {
            let rows = arms.iter().flatten().filter(|name| **name == arm.name).count() as u64;
            sizes.push(ArmSize { arm: arm.name.clone(), share: arm.share, rows });
        }
        let audience = c.audience.clone();
        // A key is what one asks by.
        let entity = self.entity_of(audience.segment)?;
        let is_key = |e: ExprId| program.is_key(entity, e);
        let personal = audience.columns.iter().filter(|c| self.is_pii(c.expr) && !is_key(c.expr));
        let personal = personal.map(|c| c.name.clone()).collect();
        let selection = Selection {
            audience,
            waterfall,
            arms: sizes,
            columns: Vec::new(),
            held_out: None,
            rows: rows_sent,
            held: held.as_ref().map(|held| held.len() as u64),
            personal,
            zone: program.zone,
        };
        let (lang, audience, reasons) = (self.lang, c.audience, c.reasons.as_slice());
        let stop = self.engine.cancel_handle();
        Ok(List { selection, program, lang, audience, rows, reasons, sent, arms, held, stop, threads })
    }

    /// Who is held out, and who is left, each in the order given.
    fn drawn(&self, rows: &Rows, places: &[u32], control: &Control) -> Result<(Vec<u32>, Vec<u32>)> {
        let (mut held, mut left) = (Vec::new(), Vec::new());
        for some in blocks(places) {
            let keys = rows.keys(some)?;
            for (row, place) in some.iter().enumerate() {
                let key = value_at(&keys, row, &self.program.zone)?.plain();
                let is_out = draw::share(&control.salt, &key) < control.share;
                if is_out { held.push(*place) } else { left.push(*place) }
            }
        }
        Ok((held, left))
    }

    /// The arm of each.
    fn arms_of<'b>(&self, rows: &Rows, split: &'b Split, places: &[u32]) -> Result<Vec<&'b str>> {
        let mut arms = Vec::with_capacity(places.len());
        for some in blocks(places) {
            let keys = rows.keys(some)?;
            for row in 0..some.len() {
                let key = value_at(&keys, row, &self.program.zone)?.plain();
                arms.push(draw::arm(split, &key).ok_or_else(|| internal("a split without arms"))?);
            }
        }
        Ok(arms)
    }
}

/// The places, as many at a time as are best taken.
fn blocks(mut places: &[u32]) -> impl Iterator<Item = &[u32]> {
    std::iter::from_fn(move || places.split_off(..at_once(places)).filter(|some| !some.is_empty()))
}

/// Those with the largest values, the largest first, missing last; of equals, those first that stand first.
fn largest(rows: &Rows, by: ExprId, places: Vec<u32>, most: usize) -> Result<Vec<u32>> {
    // One value for all is no column.
    let Some(values) = rows.values(by, &places)? else {
        return Ok(places.into_iter().take(most).collect());
    };
    let places: ArrayRef = Arc::new(UInt32Array::from(places));
    let options = Some(SortOptions { descending: true, nulls_first: false });
    let order = [
        SortColumn { values, options },
        SortColumn { values: Arc::clone(&places), options: Some(SortOptions::default()) },
    ];
    let order = lexsort_to_indices(&order, Some(most))?;
    let first = take(&places, &order, None)?;
    Ok(first.as_primitive::<UInt32Type>().values().to_vec())
}

impl<'a> Together<'a> {
    fn add(&mut self, program: &Program, view: &View<'_>) -> Result<()> {
        let members = self.collectors.iter_mut().map(|c| c.add(program, view));
        let members = members.collect::<Result<Vec<_>>>()?;
        self.roster.add(view, &members)
    }

    fn merged(mut self, other: Together<'a>) -> Together<'a> {
        for (mine, theirs) in self.collectors.iter_mut().zip(&other.collectors) {
            mine.merge(theirs);
        }
        self.roster.merge(other.roster);
        self
    }
}

impl Collector<'_> {
    fn needs(&self, program: &Program) -> Vec<ExprId> {
        let mut needs = self.attrition.needs(program);
        needs.push(self.membership);
        needs.extend(self.require.iter().chain(&self.exclude).chain(&self.cap).map(|c| c.expr));
        needs
    }

    /// What the list shows, is ordered by and is explained by.
    fn columns(&self) -> impl Iterator<Item = ExprId> {
        let listed = self.audience.columns.iter().map(|c| c.expr);
        listed.chain(self.audience.limit.and_then(|l| l.by)).chain(self.reasons.iter().copied())
    }

    /// Counts, and says who is on the list.
    fn add(&mut self, program: &Program, view: &View<'_>) -> Result<BooleanArray> {
        self.attrition.add(program, view)?;
        let mut alive = is_true(&view.booleans(self.membership)?)?;
        for rule in &mut self.require {
            let outcome = view.booleans(rule.expr)?;
            let stay = both(&alive, &is_true(&outcome)?)?;
            rule.note(&alive, &stay, &outcome)?;
            alive = stay;
        }
        for rule in self.exclude.iter_mut().chain(&mut self.cap) {
            let outcome = view.booleans(rule.expr)?;
            let out = is_true(&outcome)?;
            let stay = both(&alive, &not(&out).map_err(|e| internal(e.to_string()))?)?;
            rule.note(&alive, &stay, &outcome)?;
            alive = stay;
        }
        Ok(alive)
    }

    /// Adds what another one counted, on other rows.
    fn merge(&mut self, other: &Collector<'_>) {
        self.attrition.merge(&other.attrition);
        for (mine, theirs) in [
            (&mut self.require, &other.require),
            (&mut self.exclude, &other.exclude),
            (&mut self.cap, &other.cap),
        ] {
            mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| mine.merge(theirs));
        }
    }

    fn waterfall(&self, program: &Program, lang: Lang) -> Vec<Stage> {
        let mut stages = vec![Stage {
            step: "all",
            rule: program
                .definition(self.audience.segment)
                .map_or(String::new(), |d| program.source_name(d.entity).to_string()),
            remaining: self.attrition.total(),
            lost: 0,
            undecided: 0,
        }];
        for step in self.attrition.steps(program, lang) {
            stages.push(Stage {
                step: "segment",
                rule: step.condition,
                remaining: step.remaining,
                lost: step.lost + step.undecided,
                undecided: step.undecided,
            });
        }
        for (step, rules) in [("require", &self.require), ("exclude", &self.exclude), ("cap", &self.cap)] {
            for rule in rules {
                stages.push(Stage {
                    step,
                    rule: print::expr(program, rule.expr, lang),
                    remaining: rule.remaining,
                    lost: rule.lost,
                    undecided: rule.undecided,
                });
            }
        }
        stages
    }
}

impl Counted {
    fn note(&mut self, before: &BooleanArray, after: &BooleanArray, outcome: &BooleanArray) -> Result<()> {
        self.remaining += count(after);
        self.lost += count(before) - count(after);
        self.undecided += count(&both(before, &is_unknown(outcome)?)?);
        Ok(())
    }

    fn merge(&mut self, other: &Counted) {
        self.remaining += other.remaining;
        self.lost += other.lost;
        self.undecided += other.undecided;
    }
}
