//! Portrait models: `rfm` defines several tags at once, `score` one whose value is counted in points.
//!
//! The tags of an rfm are definitions like others, under dotted names (`value.r`), so that labels, portraits, columns
//! and lists know them. What is wrong with the clauses is said once, by the first of them.

use super::aggregate::Clauses;
use super::definition::{Body, DefinitionState, Made};
use super::entity::Candidates;
use super::names::list;
use super::scope::Row;
use super::{Checker, Item};
use crate::diagnostic::{Code, Diagnostic, suggest};
use crate::functions::{AggregateFn, PopulationFn};
use crate::ir::{
    Aggregate, ArithmeticOp, DefId, ExprId, Literal, Model, Node, Points, Population, RfmPart, Score,
    SourceId,
};
use crate::source::Span;
use crate::syntax::ast::{self, CallClause, Ident, Number, Path, RfmDef, ScoreDef, TimeUnit};
use crate::types::Type;
use std::borrow::Cow;

/// Bins where none are said.
const BINS: u64 = 5;

/// The whole form, for the error that a part is missing.
const FORM: &str = "`rfm value from transactions recency txn_time frequency in last 365 days monetary amount in last 365 days bins 5`";

impl<'a> Checker<'a> {
    /// Enters an rfm and the tags that it defines.
    pub(super) fn enter_rfm(&mut self, def: &'a RfmDef, statement: &'a ast::Statement) -> Item {
        for part in RfmPart::ALL {
            let state = DefinitionState::new(Body::Rfm(def, part), statement);
            let item = Item::Definition(self.make(Made::Rfm(def.name.span, part), state));
            self.names.entry(Cow::Owned(part_name(def, part))).or_insert((item, def.name.span));
        }
        self.models.push((def, statement));
        Item::Model(self.models.len() - 1)
    }

    /// `value.r`: the name of the tag that a path with a model in front means.
    pub(super) fn model_tag(&self, path: &Path) -> Option<Ident> {
        let [model, part] = path.parts.as_slice() else { return None };
        if !matches!(self.item(&model.text), Some(Item::Model(_))) {
            return None;
        }
        let text = format!("{}.{}", model.text, part.text);
        matches!(self.item(&text), Some(Item::Definition(_))).then_some(Ident { text, span: path.span })
    }

    /// A model's name with what it does not have, or without anything.
    pub(super) fn no_such_part(&mut self, model: &Ident, part: Option<&Ident>) -> ExprId {
        let words: Vec<&str> = RfmPart::ALL.iter().map(|p| p.word()).collect();
        let tags: Vec<String> = words.iter().map(|w| format!("{}.{w}", model.text)).collect();
        let diagnostic = match part {
            Some(part) => Diagnostic::new(
                Code::UnknownName,
                format!("the model `{}` has no tag named `{}`", model.text, part.text),
            )
            .at(part.span)
            .help_if(suggest::did_you_mean(&part.text, words)),
            None => Diagnostic::new(Code::WrongKind, format!("`{}` is a model of several tags", model.text))
                .at(model.span),
        };
        self.report(diagnostic.help(format!("its tags are {}", list(&tags))))
    }

    /// The entity whose customers an rfm is about.
    pub(super) fn rfm_candidates(&mut self, def: &RfmDef) -> Candidates {
        if let Some(base) = &def.base {
            return self.candidates_of_name(base);
        }
        match self.item(&def.source.text) {
            Some(Item::Source(events)) if self.is_events(events) => Some(self.reached_from(events).into()),
            _ => None,
        }
    }

    /// The body of one of an rfm's tags.
    pub(super) fn rfm_part(&mut self, entity: SourceId, def: &RfmDef, part: RfmPart) -> ExprId {
        if part == RfmPart::Recency {
            return self.recency(entity, def).unwrap_or_else(|| self.faulty());
        }
        // The first tag has said what is wrong with the clauses.
        let Some(recency) = self.sibling(def, RfmPart::Recency) else { return self.faulty() };
        let made = match part {
            RfmPart::Recency => Some(recency),
            RfmPart::Frequency => def.frequency.as_ref().and_then(|clauses| {
                self.fold_of(entity, def, AggregateFn::Count, None, clauses, def.name.span)
            }),
            RfmPart::Monetary => def.monetary.as_ref().and_then(|(value, clauses)| {
                self.fold_of(entity, def, AggregateFn::Sum, Some(value), clauses, value.span)
            }),
            // The most recent has the highest.
            RfmPart::R => {
                let since = self.graph.add(Node::Negate(recency), Type::Int);
                self.bin(entity, def, since)
            }
            RfmPart::F => self.bin_of(entity, def, recency, RfmPart::Frequency),
            RfmPart::M => self.bin_of(entity, def, recency, RfmPart::Monetary),
            RfmPart::Cell => self.three(def).map(|parts| {
                let apart = self.bins(def).is_some_and(|n| n > 9);
                self.graph.add(Node::Cell { parts: parts.to_vec(), apart }, Type::Text)
            }),
            RfmPart::Score => self.three(def).map(|[r, f, m]| {
                let op = ArithmeticOp::Add;
                let two = self.graph.add(Node::Arithmetic { op, left: r, right: f }, Type::Int);
                self.graph.add(Node::Arithmetic { op, left: two, right: m }, Type::Int)
            }),
        };
        made.unwrap_or_else(|| self.faulty())
    }

    /// Days since the last event; here every clause is looked at.
    fn recency(&mut self, entity: SourceId, def: &RfmDef) -> Option<ExprId> {
        let missing: Vec<&str> = [
            ("recency", def.recency.is_none()),
            ("frequency", def.frequency.is_none()),
            ("monetary", def.monetary.is_none()),
        ]
        .into_iter()
        .filter_map(|(word, missing)| missing.then_some(word))
        .collect();
        if !missing.is_empty() {
            self.error(
                Diagnostic::new(Code::MissingClause, format!("this `rfm` lacks {}", list(&missing)))
                    .at(def.name.span)
                    .help(FORM),
            );
            return None;
        }
        let bins = self.bins(def);
        // Days since the last event do not need the base: on another day, its past is not asked for.
        if let (Some(base), None) = (&def.base, self.other_day()) {
            self.segment_named(base)?;
        }
        let moment = def.recency.as_ref()?;
        let last = self.fold_of(entity, def, AggregateFn::Last, Some(moment), &[], moment.span)?;
        bins?;
        let ty = self.graph.ty(last).clone();
        if !ty.is_time() {
            let message = format!("`recency` needs a date or an instant; this is {}", ty.described());
            self.error(Diagnostic::new(Code::TypeMismatch, message).at(moment.span).help(FORM));
            return None;
        }
        let day = self.counted_from();
        Some(
            self.graph.add(Node::Elapsed { unit: TimeUnit::Day, until: false, moment: last, day }, Type::Int),
        )
    }

    fn fold_of(
        &mut self,
        entity: SourceId,
        def: &RfmDef,
        function: AggregateFn,
        value: Option<&ast::Expr>,
        clauses: &[CallClause],
        span: Span,
    ) -> Option<ExprId> {
        let help = "an rfm is made from what happened: a source that says `of customers by … at …`";
        let (events, path) = self.events_named(entity, &def.source, "what an `rfm` is made from", help)?;
        if self.source(events).is_some_and(|s| s.time.is_none()) {
            if !self.is_broken(events) {
                self.no_time(events, "an rfm", def.source.span);
            }
            return None;
        }
        let row = Row::Event { events, entity };
        let argument = match value {
            Some(value) => {
                let id = self.expr(&row, value);
                (!self.graph.ty(id).is_error()).then_some(Some(id))?
            }
            None => None,
        };
        let Clauses { filter, window, own } = self.clauses(function, &row, events, clauses, span)?;
        let Ok(ty) = function.result(argument.map_or(&Type::Int, |a| self.graph.ty(a))) else {
            let got = argument.map_or(Type::Error, |a| self.graph.ty(a).clone());
            let message = format!("`monetary` needs a number; this is {}", got.described());
            self.error(Diagnostic::new(Code::TypeMismatch, message).at(span));
            return None;
        };
        Some(
            self.graph.add(
                Node::Aggregate(Aggregate { function, events, path, argument, filter, window, own }),
                ty,
            ),
        )
    }

    fn bins(&mut self, def: &RfmDef) -> Option<u64> {
        match def.bins {
            Some((n, span)) => Some(self.whole(n, span, 2)?.min(u64::from(u32::MAX))),
            None => Some(BINS),
        }
    }

    /// The bin of a frequency or of a sum, among those who have a recency: r, f and m compare the same customers.
    fn bin_of(&mut self, entity: SourceId, def: &RfmDef, recency: ExprId, part: RfmPart) -> Option<ExprId> {
        let value = self.sibling(def, part)?;
        let ty = self.graph.ty(value).clone();
        let none = self.graph.add(Node::IsMissing(recency), Type::Bool);
        let some = self.graph.add(Node::Not(none), Type::Bool);
        let value = self.graph.add(Node::Case { branches: vec![(some, value)], otherwise: None }, ty);
        self.bin(entity, def, value)
    }

    fn bin(&mut self, entity: SourceId, def: &RfmDef, value: ExprId) -> Option<ExprId> {
        let tiles = Some(self.bins(def)?);
        let base = match &def.base {
            Some(name) => Some(self.base_named(&Row::Entity(entity), name)?),
            None => None,
        };
        let node = Population {
            entity,
            function: PopulationFn::Ntile,
            value,
            tiles,
            within: Vec::new(),
            base,
            ties_together: def.ties_together,
        };
        Some(self.graph.add(Node::Population(node), Type::Int))
    }

    fn three(&mut self, def: &RfmDef) -> Option<[ExprId; 3]> {
        Some([self.sibling(def, RfmPart::R)?, self.sibling(def, RfmPart::F)?, self.sibling(def, RfmPart::M)?])
    }

    /// Another tag of the same model, on the day at hand.
    fn sibling(&mut self, def: &RfmDef, part: RfmPart) -> Option<ExprId> {
        let id = self.part_id(def, part)?;
        let id = self.at_hand(id);
        let ty = self.define(id)?;
        Some(self.graph.add(Node::Definition(id), ty))
    }

    fn part_id(&self, def: &RfmDef, part: RfmPart) -> Option<DefId> {
        self.made.get(&Made::Rfm(def.name.span, part)).copied()
    }

    /// The tags that an rfm defines.
    pub(super) fn model_parts(&self, def: &RfmDef) -> Vec<(RfmPart, DefId)> {
        RfmPart::ALL.iter().filter_map(|p| Some((*p, self.part_id(def, *p)?))).collect()
    }

    /// The points of a score.
    pub(super) fn score(&mut self, row: &Row, def: &ScoreDef) -> ExprId {
        if def.rules.is_empty() {
            return self.report(
                Diagnostic::new(Code::MissingClause, "a `score` needs points to `add` or `take`")
                    .at(def.name.span)
                    .help(
                        "`score churn_risk base 10 add 30 when idle_days > 60 take 10 when … clamp 0 to 100`",
                    ),
            );
        }
        let zero = Literal::Number(Number { digits: 0, scale: 0, has_point: false });
        let base = match &def.base {
            Some(base) => self.points(row, base),
            None => Some(self.literal(zero)),
        };
        let mut rules = Vec::new();
        let mut good = base.is_some();
        for rule in &def.rules {
            let points = self.points(row, &rule.points);
            let when = self.condition(row, &rule.when);
            match points {
                Some(points) if !self.graph.ty(when).is_error() => {
                    rules.push(Points { take: rule.take, points, when });
                }
                _ => good = false,
            }
        }
        let clamp = match &def.clamp {
            Some((low, high)) => match self.clamp(low, high) {
                Some(clamp) => Some(clamp),
                None => return self.faulty(),
            },
            None => None,
        };
        let (Some(base), true) = (base, good) else { return self.faulty() };
        let ends = clamp.iter().flat_map(|(low, high)| [*low, *high]);
        let mut ty = self.graph.ty(base).clone();
        for id in rules.iter().map(|r| r.points).chain(ends) {
            ty = Type::common(&ty, self.graph.ty(id)).unwrap_or(Type::Error);
        }
        if let Type::Decimal { scale, .. } = ty {
            ty = Type::decimal(38, scale);
        }
        self.graph.add(Node::Score(Score { base, rules, clamp }), ty)
    }

    fn points(&mut self, row: &Row, written: &ast::Expr) -> Option<ExprId> {
        let id = self.expr(row, written);
        let ty = self.graph.ty(id).clone();
        if !ty.is_number() {
            let message = format!("points are a number; this is {}", ty.described());
            self.error(Diagnostic::new(Code::TypeMismatch, message).at(written.span));
            return None;
        }
        (!ty.is_error()).then_some(id)
    }

    fn clamp(&mut self, low: &ast::Expr, high: &ast::Expr) -> Option<(ExprId, ExprId)> {
        let mut ends = Vec::new();
        for written in [low, high] {
            match self.constant(written)? {
                (Literal::Number(n), _) => ends.push(n),
                (_, ty) => {
                    let message = format!("`clamp` needs numbers; this is {}", ty.described());
                    self.error(Diagnostic::new(Code::TypeMismatch, message).at(written.span));
                    return None;
                }
            }
        }
        let [least, most] = <[Number; 2]>::try_from(ends).ok()?;
        let size = |n: Number| super::literal_value(&Literal::Number(n)).as_f64().unwrap_or(f64::NAN);
        if size(least) > size(most) {
            self.error(
                Diagnostic::new(Code::BadShare, "the lower end of `clamp` is above the upper one")
                    .at(low.span.to(high.span))
                    .help("write the smaller number first: `clamp 0 to 100`"),
            );
            return None;
        }
        Some((self.literal(Literal::Number(least)), self.literal(Literal::Number(most))))
    }

    /// The models of the finished program.
    pub(super) fn finished_models(&mut self) -> Vec<Model> {
        let all = self.models.clone();
        let mut found = Vec::new();
        for (def, statement) in all {
            let parts = self.model_parts(def);
            let entity = parts.first().and_then(|(_, id)| self.entity_of(*id));
            let (Some(Item::Source(events)), Some(entity)) = (self.item(&def.source.text), entity) else {
                continue;
            };
            let base = def.base.as_ref().and_then(|name| self.segment_named(name));
            found.push(Model {
                name: def.name.text.clone(),
                title: def.title.as_ref().map(|t| t.value.clone()),
                span: statement.span,
                entity,
                events,
                bins: self.bins(def).unwrap_or(BINS),
                base,
                ties_together: def.ties_together,
                parts,
                meta: super::definition::meta_of(statement),
                text: self.map.text(statement.span).trim().to_string(),
            });
        }
        found
    }
}

/// The dotted name of one of a model's tags.
pub(super) fn part_name(def: &RfmDef, part: RfmPart) -> String {
    format!("{}.{}", def.name.text, part.word())
}
