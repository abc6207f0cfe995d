//! From segments to lists: `require`, `exclude`, `cap`, `limit`, `control`, `split`, each step's loss counted.
//!
//! All audiences of one entity come out of one pass over its portrait.

use super::attrition::Attrition;
use super::candidates;
use super::draw;
use super::evaluate::{both, count, is_true, is_unknown};
use super::members::Kept;
use super::portrait::{Asker, ExplainError, Result, View, internal, value_at};
use super::why;
use super::why_column::Rows;
use crate::ir::print::{self, Lang};
use crate::ir::{Audience, ExprId, Node, Program, SourceId, Split, Zone};
use crate::plan::Request;
use crate::plan::parallel::each;
use crate::value::Value;
use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, StringArray, UInt32Array};
use datafusion::arrow::compute::{not, take};
use datafusion::arrow::datatypes::DataType;
use serde::Serialize;
use std::sync::Arc;

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

/// An audience's rows.
#[derive(Debug)]
pub struct Selection {
    pub audience: Audience,
    pub waterfall: Vec<Stage>,
    /// How many of the list are in each arm of its split.
    pub arms: Vec<ArmSize>,
    /// The listed columns, by name, then the arm where there is a split, then `why` and `why_data`.
    pub columns: Vec<(String, ArrayRef)>,
    /// Who is held out: the same columns but for the arm, since they are in none.
    pub held_out: Option<Vec<(String, ArrayRef)>>,
    pub rows: u64,
    /// How many are held out; none where nobody was to be.
    pub held: Option<u64>,
    /// Those of the columns that are personal: files carry them, screens do not show them.
    pub personal: Vec<String>,
    /// The script's zone: screens show exact moments in it.
    pub zone: Zone,
}

impl Selection {
    /// Lets go of all rows but the first.
    ///
    /// # Errors
    /// Only for faults of Segue itself.
    pub fn keep_first(&mut self, rows: usize) -> Result<()> {
        for columns in [Some(&mut self.columns), self.held_out.as_mut()].into_iter().flatten() {
            for (_, column) in columns {
                let first: UInt32Array = (0u32..).take(rows.min(column.len())).collect();
                *column = take(column, &first, None).map_err(|e| internal(e.to_string()))?;
            }
        }
        Ok(())
    }
}

/// One arm of a split.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ArmSize {
    pub arm: String,
    /// As asked for, from 0 to 1.
    pub share: f64,
    pub rows: u64,
}

struct Collector<'a> {
    audience: &'a Audience,
    attrition: Attrition,
    require: Vec<Counted>,
    exclude: Vec<Counted>,
    cap: Vec<Counted>,
    kept: Kept,
    membership: ExprId,
    /// What the reasons read.
    reasons: Vec<ExprId>,
}

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
    /// The rows of audiences, in the order given. Those of one entity share one pass.
    pub fn select(&self, audiences: &[&Audience]) -> Result<Vec<Selection>> {
        self.select_each(audiences, &|selection| selection)
    }

    /// What becomes of the rows of audiences, in the order given; of several at a time.
    pub fn select_each<T: Send>(
        &self,
        audiences: &[&Audience],
        then: &(dyn Fn(Selection) -> T + Sync),
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
            let exprs = collectors.iter().flat_map(|c| c.needs(self.program)).collect();
            let candidates =
                collectors.iter().map(|c| candidates::in_order(self.program, &c.attrition)).collect();
            self.read(&Request::of(entity, exprs).among(candidates), &mut |view| {
                collectors.iter_mut().try_for_each(|c| c.add(self.program, view))
            })?;
            let (all, within) = self.threads_for(collectors.len());
            let (engine, program, tables, lang) = (self.engine, self.program, self.tables, self.lang);
            let finish = |c: Collector<'_>| {
                let asker = Asker { engine, program, tables, lang, on_progress: &|_| {}, warm: false };
                let name = c.audience.name.clone();
                Ok::<_, ExplainError>((name, then(asker.finish(c, within)?)))
            };
            for finished in each(collectors, all, finish) {
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
        let mut columns: Vec<ExprId> = audience.columns.iter().map(|c| c.expr).collect();
        columns.extend(audience.limit.and_then(|l| l.by));
        columns.extend(&reasons);
        columns.retain(|e| !matches!(self.program.node(*e), Node::Literal(_)));
        Ok(Collector {
            audience,
            attrition: Attrition::new(self.program, audience.segment)?,
            require: audience.require.iter().map(Counted::new).collect(),
            exclude: audience.exclude.iter().map(Counted::new).collect(),
            cap: audience.cap.iter().map(Counted::new).collect(),
            kept: Kept::new(columns, None),
            membership: self.membership(audience.segment)?,
            reasons,
        })
    }

    fn finish(&self, c: Collector<'_>, threads: usize) -> Result<Selection> {
        let program = self.program;
        let mut waterfall = c.waterfall(program, self.lang);
        let by: Vec<ExprId> = c.audience.limit.and_then(|l| l.by).into_iter().collect();
        let mut columns = c.kept.sorted(&by)?;
        let mut rows = columns.first().map_or(0, |a| a.len());
        if let Some(limit) = c.audience.limit {
            let most = usize::try_from(limit.most).unwrap_or(usize::MAX).min(rows);
            let rule = print::limit(program, limit, self.lang);
            waterfall.push(Stage {
                step: "limit",
                rule,
                remaining: most as u64,
                lost: (rows - most) as u64,
                undecided: 0,
            });
            columns = columns.iter().map(|a| a.slice(0, most)).collect();
            rows = most;
        }
        let mut held: Vec<u32> = Vec::new();
        let mut sent: Vec<u32> = (0..u32::try_from(rows).unwrap_or(u32::MAX)).collect();
        if let Some(control) = &c.audience.control {
            let keys = columns.first().cloned();
            (held, sent) = sent.into_iter().partition(|row| {
                let key = keys.as_ref().and_then(|k| value_at(k, *row as usize, &program.zone).ok());
                key.is_some_and(|k| draw::share(&control.salt, &k.plain()) < control.share)
            });
            let percent = Value::Float(control.share * 100.0);
            waterfall.push(Stage {
                step: "control",
                rule: format!("{percent}%"),
                remaining: sent.len() as u64,
                lost: held.len() as u64,
                undecided: 0,
            });
        }
        waterfall.push(Stage {
            step: "delivered",
            rule: String::new(),
            remaining: sent.len() as u64,
            lost: 0,
            undecided: 0,
        });
        let rows = sent.len() as u64;
        let arms = match &c.audience.split {
            Some(split) => Some(self.arms_of(split, &columns, &sent)?),
            None => None,
        };
        let mut sizes: Vec<ArmSize> = Vec::new();
        for arm in c.audience.split.iter().flat_map(|s| &s.arms) {
            let rows = arms.iter().flatten().filter(|name| **name == arm.name).count() as u64;
            sizes.push(ArmSize { arm: arm.name.clone(), share: arm.share, rows });
        }
        let delivered = self.rows_of(&c, &columns, &sent, arms, threads)?;
        let held_out = match c.audience.control {
            Some(_) => Some(self.rows_of(&c, &columns, &held, None, threads)?),
            None => None,
        };
        let audience = c.audience.clone();
        // A key is what one asks by.
        let entity = self.entity_of(audience.segment)?;
        let is_key = |e: ExprId| program.is_key(entity, e);
        let personal = audience.columns.iter().filter(|c| self.is_pii(c.expr) && !is_key(c.expr));
        let personal = personal.map(|c| c.name.clone()).collect();
        let (columns, zone) = (delivered, self.program.zone);
        let held = held_out.is_some().then_some(held.len() as u64);
        Ok(Selection { audience, waterfall, arms: sizes, columns, held_out, rows, held, personal, zone })
    }

    /// The arm of each row.
    fn arms_of<'b>(&self, split: &'b Split, columns: &[ArrayRef], rows: &[u32]) -> Result<Vec<&'b str>> {
        let Some(keys) = columns.first() else { return Ok(Vec::new()) };
        rows.iter()
            .map(|row| {
                let key = value_at(keys, *row as usize, &self.program.zone)?.plain();
                draw::arm(split, &key).ok_or_else(|| internal("a split without arms"))
            })
            .collect()
    }

    /// The listed columns of some rows, with their reasons.
    fn rows_of(
        &self,
        c: &Collector<'_>,
        columns: &[ArrayRef],
        rows: &[u32],
        arms: Option<Vec<&str>>,
        threads: usize,
    ) -> Result<Vec<(String, ArrayRef)>> {
        let program = self.program;
        let fail = |e: datafusion::arrow::error::ArrowError| internal(e.to_string());
        let picked = UInt32Array::from(rows.to_vec());
        let mut found: Vec<(String, ArrayRef)> = Vec::new();
        for column in &c.audience.columns {
            let array = match (program.node(column.expr), c.kept.position(column.expr)) {
                (Node::Literal(literal), _) => {
                    let text = crate::check::literal_value(literal).plain();
                    Arc::new(StringArray::from(vec![text; rows.len()])) as ArrayRef
                }
                (_, Some(at)) => match columns.get(at) {
                    Some(array) => take(array, &picked, None).map_err(fail)?,
                    None => self.empty(column.expr)?,
                },
                (_, None) => return Err(internal("an audience's column was not kept")),
            };
            found.push((column.name.clone(), array));
        }
        if let Some(arms) = arms {
            found.push(("arm".to_string(), Arc::new(StringArray::from(arms)) as ArrayRef));
        }
        let condition = program.definition(c.audience.segment).map(|d| d.body);
        let condition = condition.ok_or_else(|| internal("an unknown segment"))?;
        let read = |expr: &ExprId| {
            let column = c.kept.position(*expr).and_then(|at| columns.get(at));
            let column = column.ok_or_else(|| internal("a lost reason"))?;
            Ok((*expr, take(column, &picked, None).map_err(fail)?))
        };
        let columns = if columns.is_empty() {
            Vec::new()
        } else {
            c.reasons.iter().map(read).collect::<Result<_>>()?
        };
        let reasons = self.reasons(
            condition,
            &Rows { columns: columns.into_iter().collect(), count: rows.len(), program },
            threads,
        )?;
        found.push(("why".to_string(), reasons.text));
        found.push(("why_data".to_string(), reasons.data));
        Ok(found)
    }

    /// A column without rows, of the type that it would have.
    fn empty(&self, expr: ExprId) -> Result<ArrayRef> {
        let ty = crate::plan::arrow_type(self.program.ty(expr)).unwrap_or(DataType::Utf8View);
        Ok(datafusion::arrow::array::new_empty_array(&ty))
    }
}

impl Collector<'_> {
    fn needs(&self, program: &Program) -> Vec<ExprId> {
        let mut needs = self.attrition.needs(program);
        needs.push(self.membership);
        needs.extend(self.kept.columns());
        needs.extend(self.require.iter().chain(&self.exclude).chain(&self.cap).map(|c| c.expr));
        needs
    }

    fn add(&mut self, program: &Program, view: &View<'_>) -> Result<()> {
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
        self.kept.add(view, &alive)
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
}
