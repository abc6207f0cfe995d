//! Which entity a definition is about: said (`tag x of accounts = …`), or inferred from the names that it uses.

use super::definition::Body;
use super::names::list;
use super::{Checker, Item, Progress};
use crate::diagnostic::{Code, Diagnostic};
use crate::functions::{self, Kind};
use crate::ir::{DefId, SourceId};
use crate::source::Span;
use crate::syntax::ast::{Call, CallClause, Expr, ExprKind, Ident, Path, SegmentBody, SourceClause};
use smallvec::{SmallVec, smallvec};

/// The entities that something could be about; `None` where it says nothing (a literal).
pub(super) type Candidates = Option<SmallVec<[SourceId; 4]>>;

impl Checker<'_> {
    /// The entity of a definition; `None` where it cannot be told (reported once).
    pub(super) fn entity_of(&mut self, id: DefId) -> Option<SourceId> {
        let state = self.definitions.get_mut(id.0 as usize)?;
        match &state.entity {
            Progress::Done(entity) => return *entity,
            // A cycle: whoever checks the bodies reports it.
            Progress::Doing => return None,
            Progress::Todo => state.entity = Progress::Doing,
        }
        let body = state.body;
        let found = stacker::maybe_grow(128 * 1024, 2 * 1024 * 1024, || self.infer(body));
        let state = self.definitions.get_mut(id.0 as usize)?;
        state.entity = Progress::Done(found);
        found
    }

    fn infer(&mut self, body: Body<'_>) -> Option<SourceId> {
        let (name, said) = match body {
            Body::Tag(def) => (&def.name, def.entity.as_ref()),
            Body::Segment(def) => (&def.name, def.entity.as_ref()),
            Body::Score(def) => (&def.name, def.entity.as_ref()),
            Body::Rfm(def, _) => (&def.name, def.entity.as_ref()),
            Body::Everyone(entity, _) => return Some(entity),
            Body::Part(tag, ..) => return self.entity_of(tag),
        };
        if let Some(said) = said {
            return self.entity_named(said);
        }
        // Where there is one, all is about it, whatever the names are.
        if let [only] = self.entities().as_slice() {
            return Some(*only);
        }
        let outer = std::mem::take(&mut self.stranger);
        let candidates = match body {
            Body::Tag(def) => self.candidates(&def.value),
            Body::Segment(def) => match &def.body {
                SegmentBody::Where(condition) => self.candidates(condition),
                SegmentBody::Top(top) => {
                    let by = self.candidates(&top.by);
                    let base = top.base.as_ref().and_then(|base| self.candidates_of_name(base));
                    self.candidates_of_all(meet(by, base), &top.within)
                }
            },
            Body::Score(def) => {
                let conditions = def.rules.iter().flat_map(|r| [&r.points, &r.when]);
                self.candidates_of_all(None, def.base.iter().chain(conditions))
            }
            Body::Rfm(def, _) => self.rfm_candidates(def),
            Body::Everyone(..) | Body::Part(..) => None,
        };
        let decided = self.decide(candidates, name.span, &name.text);
        self.stranger = outer;
        decided
    }

    pub(super) fn entity_named(&mut self, name: &Ident) -> Option<SourceId> {
        let id = self.source_named(name, "what a definition is about")?;
        if self.is_entity(id) {
            return Some(id);
        }
        self.error(
            Diagnostic::new(Code::NoKey, format!("{} has no `key`: it is no entity", name.text))
                .at(name.span)
                .help("a tag or a segment is about an entity: a source with one row per key"),
        );
        None
    }

    /// The one entity that remains. Entities that are only looked up over links come last.
    fn decide(&mut self, candidates: Candidates, span: Span, name: &str) -> Option<SourceId> {
        if let Some([one]) = candidates.as_deref() {
            return Some(*one);
        }
        let subjects = self.subjects();
        let candidates = candidates.map_or_else(|| subjects.clone(), SmallVec::into_vec);
        let preferred: Vec<SourceId> = candidates.iter().copied().filter(|c| subjects.contains(c)).collect();
        let candidates = if preferred.is_empty() { candidates } else { preferred };
        match candidates.as_slice() {
            [one] => Some(*one),
            [] if subjects.is_empty() => {
                self.error(
                    Diagnostic::new(Code::NoKey, "there is no entity to be about: no source has a `key`")
                        .at(span)
                        .help("`source customers from \"customers.parquet\" key customer_id`"),
                );
                None
            }
            // Nothing fits all of it: take what there is, so that the names that do not fit are reported.
            [] => subjects.first().copied(),
            // The name that nothing has says more than that it could be about either.
            [first, ..] if self.stranger => Some(*first),
            several => {
                let names: Vec<String> = several.iter().map(|s| self.source_name(*s).to_string()).collect();
                let first = names.first().cloned().unwrap_or_default();
                self.error(
                    Diagnostic::new(Code::TwoEntities, format!("`{name}` could be about {}", list(&names)))
                        .at(span)
                        .help(format!("say which: `… {name} of {first} …`")),
                );
                None
            }
        }
    }

    fn entities(&self) -> SmallVec<[SourceId; 4]> {
        self.source_ids().into_iter().filter(|s| self.is_entity(*s)).collect()
    }

    /// Entities that definitions are about: all but those that are only the end of a link.
    pub(super) fn subjects(&self) -> Vec<SourceId> {
        let entities = self.entities();
        let (mut owners, mut linked) = (Vec::new(), Vec::new());
        for clause in self.sources.iter().flat_map(|s| &s.def.clauses) {
            match clause {
                SourceClause::Of { entity, .. } => owners.push(entity.text.as_str()),
                SourceClause::Link { target, .. } => linked.push(target.text.as_str()),
                _ => {}
            }
        }
        let looked_up = |s: &SourceId| {
            let name = self.source_name(*s);
            linked.contains(&name) && !owners.contains(&name)
        };
        let subjects: Vec<SourceId> = entities.iter().copied().filter(|s| !looked_up(s)).collect();
        if subjects.is_empty() { entities.into_vec() } else { subjects }
    }

    fn candidates(&mut self, expr: &Expr) -> Candidates {
        match &*expr.kind {
            ExprKind::Name(path) => self.candidates_of_path(path),
            ExprKind::Outside(name) => self.candidates_of_name(name),
            ExprKind::Call(call) => {
                let Call { function, arguments, clauses } = &**call;
                match functions::find(&function.text).map(|row| row.kind) {
                    Some(Kind::Aggregate(_)) => {
                        let Some(events) = self.events_in(arguments) else {
                            self.stranger = true;
                            return None;
                        };
                        let reached = Some(self.reached_from(events).into());
                        clauses.iter().fold(reached, |so_far, clause| match clause {
                            CallClause::Where(condition, _) => {
                                meet(so_far, self.candidates_of_filter(events, condition))
                            }
                            _ => so_far,
                        })
                    }
                    _ => {
                        self.stranger |= arguments.is_empty();
                        let of_arguments = self.candidates_of_all(None, arguments);
                        clauses.iter().fold(of_arguments, |so_far, clause| match clause {
                            CallClause::Within(groups, _) => self.candidates_of_all(so_far, groups),
                            CallClause::In(base, _) => meet(so_far, self.candidates_of_name(base)),
                            _ => so_far,
                        })
                    }
                }
            }
            // `in (coupons.product_id)` is a list of another source.
            ExprKind::InList { value, list, .. } => {
                let of_value = self.candidates(value);
                if matches!(list.as_slice(), [only] if self.is_column_of_source(only)) {
                    return of_value;
                }
                self.candidates_of_all(of_value, list)
            }
            ExprKind::Happened { steps, .. } => steps.iter().fold(None, |so_far, step| {
                let Some(Item::Source(id)) = self.item(&step.source.text) else { return so_far };
                let reached = meet(so_far, Some(self.reached_from(id).into()));
                match &step.filter {
                    Some(filter) => meet(reached, self.candidates_of_filter(id, filter)),
                    None => reached,
                }
            }),
            kind => self.candidates_of_all(None, operands(kind)),
        }
    }

    /// What these allow, too.
    fn candidates_of_all<'e>(
        &mut self,
        so_far: Candidates,
        exprs: impl IntoIterator<Item = &'e Expr>,
    ) -> Candidates {
        exprs.into_iter().fold(so_far, |so_far, expr| meet(so_far, self.candidates(expr)))
    }

    /// `coupons.product_id`; `branch.region`, over a link, is a value of the row at hand.
    fn is_column_of_source(&self, expr: &Expr) -> bool {
        let ExprKind::Name(path) = &*expr.kind else { return false };
        matches!(path.parts.as_slice(), [first, _, ..] if matches!(self.item(&first.text), Some(Item::Source(_))))
    }

    fn candidates_of_path(&mut self, path: &Path) -> Candidates {
        if let Some(tag) = self.model_tag(path) {
            return self.candidates_of_name(&tag);
        }
        let (first, rest) = path.parts.split_first()?;
        if rest.is_empty() {
            return self.candidates_of_name(first);
        }
        if let Some(Item::Source(id)) = self.item(&first.text) {
            // An event's column outside an aggregate: whatever it is about, that is the error.
            self.stranger |= self.is_events(id);
            return (self.is_entity(id) && !self.is_events(id)).then(|| smallvec![id]);
        }
        if let Some(Item::Definition(def)) = self.item(&first.text) {
            return self.entity_of(def).map(|e| smallvec![e]);
        }
        let links = |s: &super::source::SourceState<'_>| {
            s.def.clauses.iter().any(|c| match c {
                SourceClause::Link { name: Some(name), .. } => name.text == first.text,
                SourceClause::Link { column, name: None, .. } => {
                    column.text.strip_suffix("_id").unwrap_or(&column.text) == first.text
                }
                _ => false,
            })
        };
        let mut found = self.entities();
        found.retain(|id| self.sources.get(id.0 as usize).is_some_and(links));
        (!found.is_empty()).then_some(found)
    }

    pub(super) fn candidates_of_name(&mut self, name: &Ident) -> Candidates {
        match self.item(&name.text) {
            Some(Item::Definition(def)) => self.entity_of(def).map(|e| smallvec![e]),
            Some(Item::Source(id)) => self.is_entity(id).then(|| smallvec![id]),
            Some(_) => None,
            None => {
                let mut with = SmallVec::new();
                for id in self.entities() {
                    self.open(id);
                    if self.source(id).is_some_and(|s| s.find_column(&name.text).is_some()) {
                        with.push(id);
                    }
                }
                self.stranger |= with.is_empty();
                (!with.is_empty()).then_some(with)
            }
        }
    }

    /// Names in an aggregate's filter that are not the event's own are the entity's.
    fn candidates_of_filter(&mut self, events: SourceId, expr: &Expr) -> Candidates {
        if let ExprKind::Name(path) = &*expr.kind {
            let [name] = path.parts.as_slice() else { return None };
            self.open(events);
            if self.source(events).is_none_or(|s| s.find_column(&name.text).is_some()) {
                return None;
            }
            return self.candidates_of_name(name);
        }
        let operands = operands(&expr.kind).into_iter();
        operands.fold(None, |so_far, e| meet(so_far, self.candidates_of_filter(events, e)))
    }

    /// The source of events that an aggregate is about: the first that its argument names.
    pub(super) fn events_in(&self, arguments: &[Expr]) -> Option<SourceId> {
        arguments.iter().find_map(|e| self.events_of(e))
    }

    fn events_of(&self, expr: &Expr) -> Option<SourceId> {
        if let ExprKind::Name(path) = &*expr.kind {
            let first = path.parts.first()?;
            return match self.item(&first.text) {
                Some(Item::Source(id)) if self.is_events(id) => Some(id),
                _ => None,
            };
        }
        match &*expr.kind {
            ExprKind::Call(call) => call.arguments.iter().find_map(|e| self.events_of(e)),
            kind => operands(kind).into_iter().find_map(|e| self.events_of(e)),
        }
    }

    /// Every entity that events lead to, over one `of` or several in turn.
    pub(super) fn reached_from(&self, events: SourceId) -> Vec<SourceId> {
        let mut found: Vec<SourceId> = Vec::new();
        let mut next = vec![events];
        while let Some(at) = next.pop() {
            let Some(state) = self.sources.get(at.0 as usize) else { continue };
            for clause in &state.def.clauses {
                if let SourceClause::Of { entity, .. } = clause
                    && let Some(Item::Source(id)) = self.item(&entity.text)
                    && !found.contains(&id)
                {
                    found.push(id);
                    next.push(id);
                }
            }
        }
        found
    }
}

/// What both of them allow.
fn meet(one: Candidates, other: Candidates) -> Candidates {
    match (one, other) {
        (Some(mut one), Some(other)) => {
            one.retain(|candidate| other.contains(candidate));
            Some(one)
        }
        (one, other) => one.or(other),
    }
}

/// The operands of an expression that stand on the same row.
pub(super) fn operands(kind: &ExprKind) -> SmallVec<[&Expr; 4]> {
    match kind {
        ExprKind::Unary { operand, .. } => smallvec![operand],
        ExprKind::Binary { left, right, .. } => smallvec![left, right],
        ExprKind::Logic { operands, .. } => operands.iter().collect(),
        ExprKind::Between { value, ends, .. } => std::iter::once(value).chain(&**ends).collect(),
        ExprKind::InList { value, list, .. } => std::iter::once(value).chain(list).collect(),
        ExprKind::InSource(list) => smallvec![&list.value],
        ExprKind::IsMissing { value, .. } => smallvec![value],
        ExprKind::TextTest { value, pattern, .. } => smallvec![value, pattern],
        ExprKind::Case { branches, otherwise } => {
            branches.iter().flat_map(|(c, v)| [c, v]).chain(otherwise.as_ref()).collect()
        }
        ExprKind::Call(call) => call.arguments.iter().collect(),
        ExprKind::Elapsed { moment, .. } => smallvec![moment],
        ExprKind::OnDate { value, .. } => smallvec![value],
        ExprKind::Number(_)
        | ExprKind::Text(_)
        | ExprKind::Bool(_)
        | ExprKind::Date(_)
        | ExprKind::Instant(_)
        | ExprKind::Duration(_)
        | ExprKind::Name(_)
        | ExprKind::Outside(_)
        | ExprKind::Happened { .. }
        | ExprKind::Error => SmallVec::new(),
    }
}
