//! The portrait of one entity: one plan per level, each a scan (or the level before), its folds, and projections.

use super::expr::Lowering;
use super::fold::{self, Entity, Fold};
use super::lookup::{Columns, Marks};
use super::operator::width;
use super::scan::{Needs, Tables, column, column_name, rows};
use super::stages::Stages;
use super::{Result, internal, population, sequence};
use crate::ir::{DefinitionKind, ExprId, Formula, Node, Program, Sequence, SourceId};
use crate::types::Type;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::utils::{conjunction, disjunction};
use datafusion::logical_expr::{JoinType, LogicalPlan, LogicalPlanBuilder, Projection};
use datafusion::prelude::{Expr, lit};
use datafusion::scalar::ScalarValue;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// What is asked of an entity's portrait.
#[derive(Clone, Debug)]
pub struct Request {
    pub entity: SourceId,
    /// Expressions on the entity's row; each becomes a column.
    pub exprs: Vec<ExprId>,
    /// The domain reduced to one key: for `why`. Where customers are ranked among each other all are taken.
    pub key: Option<Key>,
    /// Of whom only the answer is about: all for whom one of these is not false, each being conditions that must all
    /// hold, on the entity's own columns. Of others nothing that comes of events need be right.
    pub candidates: Option<Vec<Vec<Formula>>>,
    /// The entity's rows with what of them is known already.
    pub given: Option<Given>,
}

/// The entity's rows as they were read and worked out before: in the place of its files.
#[derive(Clone, Debug)]
pub struct Given {
    pub rows: Arc<dyn TableProvider>,
    /// What its columns hold beside the key, by their names (see [`given_name`]).
    pub columns: HashMap<ExprId, String>,
}

/// The name of a column of given rows.
pub fn given_name(program: &Program, expr: ExprId) -> String {
    match program.node(expr) {
        Node::Column { source, via, column } => column_name(*source, via, *column),
        _ => format!("x{}", expr.0),
    }
}

/// The name of the column with an entity's key.
pub fn key_name(program: &Program, entity: SourceId) -> Option<String> {
    Some(column_name(entity, &[], program.source(entity)?.key?))
}

impl Request {
    /// Expressions for all rows of an entity.
    pub fn of(entity: SourceId, exprs: Vec<ExprId>) -> Request {
        Request { entity, exprs, key: None, candidates: None, given: None }
    }

    /// For the row with this key alone.
    pub fn one(self, key: Key) -> Request {
        Request { key: Some(key), ..self }
    }

    /// As far as events go, for these alone.
    pub fn among(self, candidates: Option<Vec<Vec<Formula>>>) -> Request {
        Request { candidates, ..self }
    }
}

/// How events are folded and customers compared; the results are the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Strategy {
    /// By operators of our own, where they can.
    #[default]
    Fold,
    /// The same; what is folded is put away first and then folded part by part, as if memory were short.
    Divided,
    /// By DataFusion's operators alone.
    Plain,
}

/// The key of one row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Key {
    Number(i64),
    Text(String),
}

impl Key {
    /// A key as typed, for a key column of this type; `None` where no row can have it.
    pub fn parse(text: &str, ty: &Type) -> Option<Key> {
        match ty {
            Type::Int => text.replace('_', "").parse().ok().map(Key::Number),
            _ => Some(Key::Text(text.to_string())),
        }
    }

    pub(super) fn literal(&self) -> Expr {
        match self {
            Key::Number(n) => lit(*n),
            Key::Text(t) => lit(ScalarValue::Utf8View(Some(t.clone()))),
        }
    }
}

/// One level's plan; its result is the next level's input.
#[derive(Debug)]
pub struct Level {
    pub plan: LogicalPlan,
}

/// How to compute a portrait: run the levels in turn.
pub struct PortraitPlan<'a> {
    program: &'a Program,
    request: Request,
    strategy: Strategy,
    tables: Tables,
    stages: Stages,
    /// The columns of the level at hand.
    columns: Columns,
    /// All that were ever worked out; some of them are no longer needed.
    made: BTreeSet<ExprId>,
    key: String,
    /// Whether the rows have a column that says who may be in the answer.
    has_candidates: bool,
    next: u32,
}

/// The column that is true for those who may be in the answer.
const CANDIDATE: &str = "candidate";

/// Plans a portrait.
///
/// # Errors
/// Only for faults of Segue itself: what the checker accepted can be planned.
pub fn portrait(
    program: &Program,
    tables: Tables,
    request: Request,
    strategy: Strategy,
) -> Result<PortraitPlan<'_>> {
    let key = key_name(program, request.entity)
        .ok_or_else(|| internal("an unknown entity, or one without a key"))?;
    let given = request.given.iter().flat_map(|g| g.columns.keys()).copied().collect();
    let stages = Stages::of(program, &request.exprs, given);
    Ok(PortraitPlan {
        program,
        request,
        strategy,
        tables,
        stages,
        columns: Columns::new(),
        made: BTreeSet::new(),
        key,
        has_candidates: false,
        next: 0,
    })
}

impl PortraitPlan<'_> {
    /// How many levels there are, at least one.
    pub fn levels(&self) -> u32 {
        self.stages.highest() + 1
    }

    /// The name of the result's column with the key.
    pub fn key_column(&self) -> &str {
        &self.key
    }

    /// The name of the result's column with the value of an expression that was asked for.
    pub fn column_of(&self, expr: ExprId) -> Option<&str> {
        self.columns.get(&expr).map(String::as_str)
    }

    /// The plan of the next level, over the rows of the level before (`None` for the first). After the last, none.
    pub fn next_level(&mut self, before: Option<Arc<dyn TableProvider>>) -> Result<Option<Level>> {
        let level = self.next;
        if level >= self.levels() {
            return Ok(None);
        }
        self.next += 1;
        let mut plan = match before {
            None => self.base()?,
            Some(rows) => LogicalPlanBuilder::scan("portrait", provider_as_source(rows), None)?,
        };
        if level == 0 {
            plan = self.narrowed(plan)?;
        }
        plan = self.compared(level, plan)?;
        plan = self.columns_of_level(level, plan)?;
        Ok(Some(Level { plan: self.trim(level, plan)?.build()? }))
    }

    /// The entity's own rows, with every column that anything reads.
    fn base(&mut self) -> Result<LogicalPlanBuilder> {
        if let Some(given) = &self.request.given {
            self.columns.extend(given.columns.iter().map(|(id, name)| (*id, name.clone())));
            let rows = provider_as_source(Arc::clone(&given.rows));
            return Ok(LogicalPlanBuilder::scan("portrait", rows, None)?);
        }
        let entity = self.request.entity;
        let key = self
            .program
            .source(entity)
            .and_then(|s| s.key)
            .ok_or_else(|| internal("an entity without a key"))?;
        let mut needs = Needs::from([(Vec::new(), BTreeSet::from([key]))]);
        for id in self.stages.levels.keys() {
            if let Node::Column { source, via, column } = self.program.node(*id)
                && *source == entity
            {
                needs.entry(via.clone()).or_default().insert(*column);
                self.columns.insert(*id, column_name(*source, via, *column));
                self.made.insert(*id);
            }
        }
        // A row without a key is nobody.
        let plan = rows(self.program, &self.tables, entity, &needs, |_, _| None)?
            .filter(column(&self.key).is_not_null())?;
        match self.one() {
            Some(key) => Ok(plan.filter(column(&self.key).eq(key))?),
            None => Ok(plan),
        }
    }

    /// The one key that is asked for, unless what is asked needs all customers.
    fn one(&self) -> Option<Expr> {
        self.request.key.as_ref().filter(|_| !self.is_ranked()).map(Key::literal)
    }

    /// Whether customers are ranked among each other: then what is asked of one needs all.
    pub fn is_ranked(&self) -> bool {
        self.stages.levels.keys().any(|id| !self.is_given(*id) && compares(self.program.node(*id)))
    }

    fn is_given(&self, id: ExprId) -> bool {
        self.request.given.as_ref().is_some_and(|g| g.columns.contains_key(&id))
    }

    /// What is to be worked out at a level.
    fn at_level(&self, level: u32) -> impl Iterator<Item = ExprId> + '_ {
        let here = self.stages.levels.iter().filter(move |(_, l)| **l == level).map(|(id, _)| *id);
        here.filter(|id| !self.is_given(*id) && !self.made.contains(id))
    }

    /// What compares customers with each other, beside the folds: both read the rows of the level before.
    fn compared(&mut self, level: u32, plan: LogicalPlanBuilder) -> Result<LogicalPlanBuilder> {
        let wanted: Vec<ExprId> =
            self.at_level(level).filter(|id| compares(self.program.node(*id))).collect();
        if wanted.is_empty() {
            return self.folds(level, plan);
        }
        let before = self.columns.clone();
        let (plan, values) = match self.strategy {
            Strategy::Fold | Strategy::Divided => {
                let plan = self.folds(level, plan)?;
                population::beside(self.program, plan, &wanted, &self.key, &before)?
            }
            Strategy::Plain => {
                let rows = plan.clone().build()?;
                let plan = self.folds(level, plan)?;
                population::add(self.program, &rows, plan, &wanted, &self.key, &before)?
            }
        };
        self.project(plan, values, None)
    }

    /// The rows as events are folded into them: with a column that says who may be in the answer, and with what needs no
    /// events worked out where that is less to keep than what it is made of.
    fn narrowed(&mut self, plan: LogicalPlanBuilder) -> Result<LogicalPlanBuilder> {
        if !self.at_level(0).any(|id| matches!(self.program.node(id), Node::Aggregate(_))) {
            return Ok(plan);
        }
        let candidates = if self.is_ranked() { None } else { self.request.candidates.clone() };
        let atoms = candidates.iter().flatten().flatten().flat_map(Formula::atoms);
        let of_candidates = self.stages.made_of(self.program, atoms);
        let bytes = |plan: &LogicalPlanBuilder| width(plan.schema().as_arrow());
        let (wide, columns, made) = (plan.clone(), self.columns.clone(), self.made.clone());
        let mut plan = self.own_columns(plan, &of_candidates)?;
        if bytes(&plan) >= bytes(&wide) {
            (plan, self.columns, self.made) = (wide, columns, made);
        }
        let candidates = candidates.map(|any| self.candidates(&any)).transpose()?.flatten();
        let Some(candidates) = candidates else { return Ok(plan) };
        let needed = self.needed(0, self.at_level(0));
        self.columns.retain(|id, _| needed.contains(id));
        let candidates = candidates.alias(CANDIDATE);
        plan = self.project(plan, Vec::new(), Some(candidates))?;
        self.has_candidates = true;
        Ok(plan)
    }

    /// Joins one fold per source of events.
    fn folds(&mut self, level: u32, mut plan: LogicalPlanBuilder) -> Result<LogicalPlanBuilder> {
        let aggregates: BTreeSet<ExprId> =
            self.at_level(level).filter(|id| matches!(self.program.node(*id), Node::Aggregate(_))).collect();
        let folds = Fold::group(self.program, self.request.entity, &aggregates);
        let (fast, folds): (Vec<Fold>, Vec<Fold>) = folds
            .into_iter()
            .partition(|f| self.strategy != Strategy::Plain && fold::is_foldable(self.program, f));
        let sequences: Vec<(ExprId, Sequence)> = self
            .at_level(level)
            .filter(|id| matches!(self.program.node(*id), Node::Sequence(_)))
            .filter_map(|id| sequence::asked(self.program, id).map(|(id, s)| (id, s.clone())))
            .collect();
        let sequence_inputs = |s: &Sequence| -> bool { !sequence::inputs(self.program, s).is_empty() };
        let before = if folds.iter().any(|f| !f.inputs.is_empty())
            || sequences.iter().any(|(_, s)| sequence_inputs(s))
        {
            Some(plan.clone().build()?)
        } else {
            None
        };
        let mut values: Vec<(ExprId, Expr)> = Vec::new();
        if !fast.is_empty() {
            let only = self.one();
            let mut passes = Vec::new();
            for fold in &fast {
                passes.push(fold::pass(self.program, &self.tables, fold, &self.columns, only.as_ref())?);
                for (id, a) in &fold.aggregates {
                    values.push((*id, fold::value_of_folded(self.program, *id, a, &self.columns)?));
                }
            }
            let candidates = (level == 0 && self.has_candidates).then(|| column(CANDIDATE));
            let divided = self.strategy == Strategy::Divided;
            let folded = fold::folded(plan.build()?, column(&self.key), candidates, passes, divided)?;
            plan = LogicalPlanBuilder::from(folded);
        }
        for fold in &folds {
            let entity = match &before {
                Some(rows) if !fold.inputs.is_empty() => {
                    Some(Entity { plan: rows, key: self.key.clone(), columns: &self.columns })
                }
                _ => None,
            };
            let folded = fold::plain(self.program, &self.tables, fold, entity.as_ref(), self.one())?;
            let group = format!("{}_key", fold.marker());
            plan = plan.join_with_expr_keys(
                folded,
                JoinType::Left,
                (vec![column(&self.key)], vec![column(group)]),
                None,
            )?;
            for (id, a) in &fold.aggregates {
                values.push((*id, fold::value_of(self.program, fold, *id, a, &self.columns)?));
            }
        }
        for (id, s) in &sequences {
            let entity = match &before {
                Some(rows) if sequence_inputs(s) => {
                    Some(Entity { plan: rows, key: self.key.clone(), columns: &self.columns })
                }
                _ => None,
            };
            let only = self.one();
            let matched =
                sequence::plain(self.program, &self.tables, *id, s, entity.as_ref(), only.as_ref())?;
            plan = plan.join_with_expr_keys(
                matched,
                JoinType::Left,
                (vec![column(&self.key)], vec![column(sequence::key_column(*id))]),
                None,
            )?;
            values.push((*id, sequence::value_of(*id)?));
            for part in self.at_level(level) {
                if let Node::SequencePart { sequence, part: which } = self.program.node(part)
                    && sequence == id
                {
                    values.push((part, sequence::part_of(*id, s, *which)?));
                }
            }
        }
        if values.is_empty() {
            return Ok(plan);
        }
        self.project(plan, values, None)
    }

    /// Who may be in the answer; none where it may be anybody.
    fn candidates(&self, any: &[Vec<Formula>]) -> Result<Option<Expr>> {
        let mut each = Vec::new();
        for all in any {
            let all = all.iter().map(|f| self.formula(f)).collect::<Result<Vec<_>>>()?;
            match conjunction(all) {
                Some(all) if !each.contains(&all) => each.push(all),
                Some(_) => {}
                None => return Ok(None),
            }
        }
        Ok(disjunction(each).map(Expr::is_not_false))
    }

    /// A condition on the entity's own columns.
    fn formula(&self, formula: &Formula) -> Result<Expr> {
        let each = |list: &[Formula]| list.iter().map(|f| self.formula(f)).collect::<Result<Vec<_>>>();
        Ok(match formula {
            Formula::Atom(atom) => Lowering::new(self.program, &self.columns).expr(*atom)?,
            Formula::And(list) => conjunction(each(list)?).unwrap_or(lit(true)),
            Formula::Or(list) => disjunction(each(list)?).unwrap_or(lit(false)),
            Formula::Not(inner) => !self.formula(inner)?,
            Formula::Member(_) | Formula::Outside(_) => return Err(internal("a segment among candidates")),
        })
    }

    /// Adds tags, atoms and segments of a level, each as soon as what it is made of is there.
    fn columns_of_level(&mut self, level: u32, mut plan: LogicalPlanBuilder) -> Result<LogicalPlanBuilder> {
        let mut pending: Vec<ExprId> = self.at_level(level).collect();
        while !pending.is_empty() {
            let (ready, later): (Vec<ExprId>, Vec<ExprId>) =
                pending.iter().partition(|id| self.is_ready(**id));
            if ready.is_empty() {
                return Err(internal("columns that wait for each other"));
            }
            let (lists, simple): (Vec<ExprId>, Vec<ExprId>) =
                ready.iter().partition(|id| matches!(self.program.node(**id), Node::InSource(_)));
            let mut values: Vec<(ExprId, Expr)> = Vec::new();
            let mut marks = Marks::default();
            plan = marks.join(self.program, &self.tables, plan, &lists, &self.columns)?;
            let lowering = Lowering::with_marks(self.program, &self.columns, &marks.columns);
            for id in lists {
                values.push((id, lowering.expr(id)?));
            }
            for id in simple {
                values.push((id, self.value(&lowering, id)?));
            }
            let needed = self.needed(level, later.iter().copied());
            self.columns.retain(|id, _| needed.contains(id));
            plan = self.project(plan, values, None)?;
            pending = later;
        }
        Ok(plan)
    }

    /// The same of what needs nothing but the entity's row. `also`: what else is read of the row.
    fn own_columns(
        &mut self,
        mut plan: LogicalPlanBuilder,
        also: &BTreeSet<ExprId>,
    ) -> Result<LogicalPlanBuilder> {
        let mut pending: Vec<ExprId> = self.at_level(0).collect();
        loop {
            let is_own = |id: ExprId| match self.program.node(id) {
                Node::Aggregate(_) | Node::Sequence(_) | Node::SequencePart { .. } | Node::InSource(_) => {
                    false
                }
                node => !compares(node) && self.is_ready(id),
            };
            let (ready, later): (Vec<ExprId>, Vec<ExprId>) = pending.iter().partition(|id| is_own(**id));
            if ready.is_empty() {
                return Ok(plan);
            }
            let lowering = Lowering::new(self.program, &self.columns);
            let values =
                ready.iter().map(|id| Ok((*id, self.value(&lowering, *id)?))).collect::<Result<Vec<_>>>()?;
            let needed = self.needed(0, later.iter().copied());
            self.columns.retain(|id, _| needed.contains(id) || also.contains(id));
            plan = self.project(plan, values, None)?;
            pending = later;
        }
    }

    /// What is still read of a level's columns when these are yet to come. What nothing reads is dropped at once: a long
    /// chain of tags stays narrow.
    fn needed(&self, level: u32, later: impl Iterator<Item = ExprId>) -> BTreeSet<ExprId> {
        let of_later = later.filter_map(|id| self.stages.needs.get(&id)).flatten().copied();
        of_later.chain(self.stages.live_after(level)).collect()
    }

    fn is_ready(&self, id: ExprId) -> bool {
        self.stages.needs.get(&id).is_none_or(|needs| needs.iter().all(|n| self.columns.contains_key(n)))
    }

    /// The value of a column: a definition's body (membership two-valued), or the expression itself.
    fn value(&self, lowering: &Lowering<'_>, id: ExprId) -> Result<Expr> {
        let Node::Definition(def) = self.program.node(id) else { return lowering.expr(id) };
        let definition = self.program.definition(*def).ok_or_else(|| internal("an unknown definition"))?;
        Ok(match definition.kind {
            DefinitionKind::Tag => lowering.cast(definition.body, &definition.ty)?,
            DefinitionKind::Segment => lowering.membership(definition.body)?,
        })
    }

    /// A projection to the key, the columns at hand, `values`, and one that is nobody's value.
    fn project(
        &mut self,
        plan: LogicalPlanBuilder,
        values: Vec<(ExprId, Expr)>,
        other: Option<Expr>,
    ) -> Result<LogicalPlanBuilder> {
        let keep: BTreeSet<&str> =
            self.columns.values().map(String::as_str).chain([self.key.as_str()]).collect();
        let mut columns: Vec<Expr> = plan
            .schema()
            .columns()
            .into_iter()
            .filter(|c| keep.contains(c.name.as_str()))
            .map(Expr::Column)
            .collect();
        let held: HashMap<String, Column> =
            plan.schema().columns().into_iter().map(|c| (c.name.clone(), c)).collect();
        for (id, value) in values {
            let name = format!("x{}", id.0);
            columns.push(qualified(value, &held)?.alias(&name));
            self.columns.insert(id, name);
            self.made.insert(id);
        }
        if let Some(other) = other {
            columns.push(qualified(other, &held)?);
        }
        projection(plan, columns)
    }

    /// Drops what no later level and no answer reads.
    fn trim(&mut self, level: u32, plan: LogicalPlanBuilder) -> Result<LogicalPlanBuilder> {
        let live = self.stages.live_after(level);
        self.columns.retain(|id, _| live.contains(id));
        let keep: BTreeSet<&str> =
            self.columns.values().map(String::as_str).chain([self.key.as_str()]).collect();
        let held = plan.schema().columns();
        if held.iter().all(|c| c.relation.is_none() && keep.contains(c.name.as_str())) {
            return Ok(plan);
        }
        let columns: Vec<Expr> = held
            .into_iter()
            .filter(|c: &Column| keep.contains(c.name.as_str()))
            // Unqualified, so that the next level finds them under their bare names.
            .map(|c| Expr::Column(c.clone()).alias(c.name))
            .collect();
        projection(plan, columns)
    }
}

/// Whether a node's value depends on other customers.
fn compares(node: &Node) -> bool {
    matches!(node, Node::Top(_) | Node::Population(_))
}

/// `LogicalPlanBuilder::project` walks the whole plan once for each of its expressions to find their columns, which
/// a condition of thousands of atoms feels; here they are known already.
fn projection(plan: LogicalPlanBuilder, columns: Vec<Expr>) -> Result<LogicalPlanBuilder> {
    let projection = Projection::try_new(columns, Arc::new(plan.build()?))?;
    Ok(LogicalPlanBuilder::from(LogicalPlan::Projection(projection)))
}

/// The expression with its columns named as the plan at hand names them.
pub(super) fn qualified(expr: Expr, held: &HashMap<String, Column>) -> Result<Expr> {
    let named = expr.transform_up(|e| {
        Ok(match e {
            Expr::Column(c) if c.relation.is_none() => match held.get(&c.name) {
                Some(known) => Transformed::yes(Expr::Column(known.clone())),
                None => Transformed::no(Expr::Column(c)),
            },
            other => Transformed::no(other),
        })
    });
    Ok(named?.data)
}

/// The schema of a level's rows.
pub fn schema_of(level: &Level) -> SchemaRef {
    Arc::clone(level.plan.schema().inner())
}
