//! Conditions taken apart into claims about single subjects, and claims that cannot go together.

use super::super::Checker;
use super::range::{Point, Set};
use crate::ir::{CompareOp, DefId, ExprId, Literal, Node};
use crate::types::Type;
use hashbrown::{HashMap, HashSet};

/// The most claims of one `and` or `or` that are compared.
const CLAIMS: usize = 1_000;
/// Up to so many are compared pair by pair.
const FEW: usize = 8;
/// The most definitions which it names that are opened.
const OPENED: usize = 48;
/// No more of those that are named only by others: in a chain of thousands each names all before it.
const OPENED_WITHIN: usize = 16;

/// What must hold, and the operand that says so.
struct Claim {
    what: What,
    operand: usize,
}

impl Claim {
    fn subjects(&self) -> impl Iterator<Item = ExprId> {
        let (one, other) = match self.what {
            What::In(subject, ..) | What::Missing(subject) | What::Known(subject) => (subject, None),
            What::Order(a, b, _) => (a, Some(b)),
        };
        std::iter::once(one).chain(other)
    }
}

enum What {
    /// It is known, and among these; the kind of the constants.
    In(ExprId, u8, Set),
    Missing(ExprId),
    Known(ExprId),
    /// Two values, both known, stand in one of these orders: bits for less, equal, greater.
    Order(ExprId, ExprId, u8),
}

/// Operands that cannot go together.
pub(super) struct Clash {
    pub first: usize,
    pub second: usize,
    /// One of the two says that a value is missing, the other that it is known.
    pub with_missing: bool,
}

const LESS: u8 = 1;
const EQUAL: u8 = 2;
const GREATER: u8 = 4;

/// Takes conditions apart.
pub(super) struct Claims<'c, 's> {
    checker: &'c Checker<'s>,
    found: Vec<Claim>,
    opened: HashSet<(DefId, bool)>,
    /// How many definitions stand around what is looked at.
    within: usize,
}

impl<'c, 's> Claims<'c, 's> {
    pub(super) fn new(checker: &'c Checker<'s>) -> Self {
        Claims { checker, found: Vec::new(), opened: HashSet::new(), within: 0 }
    }

    /// What must hold for the condition to be true (or, not `wanted`, to be false).
    pub(super) fn collect(&mut self, id: ExprId, wanted: bool, operand: usize) {
        stacker::maybe_grow(128 * 1024, 2 * 1024 * 1024, || self.collect_now(id, wanted, operand));
    }

    fn collect_now(&mut self, id: ExprId, wanted: bool, operand: usize) {
        if self.found.len() >= CLAIMS {
            return;
        }
        let graph = &self.checker.graph;
        match graph.node(id) {
            Node::Literal(_) | Node::Error => {}
            Node::Not(inner) => self.collect(*inner, !wanted, operand),
            Node::And(list) if wanted => list.iter().for_each(|e| self.collect(*e, true, operand)),
            Node::Or(list) if !wanted => list.iter().for_each(|e| self.collect(*e, false, operand)),
            Node::Definition(def) => {
                self.is(id, wanted, operand);
                self.open(*def, wanted, operand);
            }
            // Two-valued: outside is who is not a member.
            Node::Outside(def) => match graph.find(&Node::Definition(*def)) {
                Some(member) => {
                    self.is(member, !wanted, operand);
                    self.open(*def, !wanted, operand);
                }
                None => self.is(id, wanted, operand),
            },
            Node::IsMissing(inner) => {
                self.push(if wanted { What::Missing(*inner) } else { What::Known(*inner) }, operand);
            }
            Node::Compare { op, left, right } => self.compared(id, *op, [*left, *right], wanted, operand),
            Node::Between { value, low, high } => {
                let turns = graph.node(*value).goes_round();
                let set = match (self.point(*low, *value), self.point(*high, *value)) {
                    (Some(low), Some(high)) if turns && low > high => {
                        let evening = Set::where_compared(CompareOp::GreaterEqual, low.clone());
                        Some((low.kind(), evening.or(&Set::where_compared(CompareOp::LessEqual, high))))
                    }
                    (Some(low), Some(high)) => Some((low.kind(), Set::between(low, high))),
                    _ => None,
                };
                self.among(id, *value, set, wanted, operand);
            }
            Node::InList { value, list } => {
                let points: Option<Vec<Point>> = list.iter().map(|e| self.point(*e, *value)).collect();
                let set = points.and_then(|p| Some((p.first()?.kind(), Set::points(p))));
                self.among(id, *value, set, wanted, operand);
            }
            _ => self.is(id, wanted, operand),
        }
    }

    fn push(&mut self, what: What, operand: usize) {
        self.found.push(Claim { what, operand });
    }

    /// A condition as a whole: known, and yes or no.
    fn is(&mut self, id: ExprId, wanted: bool, operand: usize) {
        let point = Point::Bool(wanted);
        self.push(What::In(id, point.kind(), Set::only(point)), operand);
    }

    fn among(&mut self, id: ExprId, value: ExprId, set: Option<(u8, Set)>, wanted: bool, operand: usize) {
        // Constants among each other are a switch.
        if matches!(self.checker.graph.node(value), Node::Literal(_)) {
            return;
        }
        match set {
            Some((kind, set)) => {
                let set = if wanted { set } else { set.complement() };
                self.push(What::In(value, kind, set), operand);
            }
            None => self.is(id, wanted, operand),
        }
    }

    fn point(&self, constant: ExprId, subject: ExprId) -> Option<Point> {
        match self.checker.graph.node(constant) {
            Node::Literal(literal) => Point::of(literal, self.checker.graph.ty(subject)),
            _ => None,
        }
    }

    fn compared(&mut self, id: ExprId, op: CompareOp, sides: [ExprId; 2], wanted: bool, operand: usize) {
        let graph = &self.checker.graph;
        let [left, right] = sides;
        let (op, subject, constant) = match (graph.node(left), graph.node(right)) {
            // Two constants are a switch.
            (Node::Literal(_), Node::Literal(_)) => return,
            (_, Node::Literal(_)) => (op, left, right),
            (Node::Literal(_), _) => (op.mirrored(), right, left),
            _ => {
                // The smaller id first, so that `a < b` and `b > a` are one claim.
                let (op, a, b) = if left <= right { (op, left, right) } else { (op.mirrored(), right, left) };
                let orders = if wanted { orders(op) } else { !orders(op) & (LESS | EQUAL | GREATER) };
                return self.push(What::Order(a, b, orders), operand);
            }
        };
        if let (Node::Literal(Literal::Bool(b)), CompareOp::Equal | CompareOp::NotEqual) =
            (graph.node(constant), op)
        {
            return self.collect(subject, wanted == (*b == (op == CompareOp::Equal)), operand);
        }
        let set = self.point(constant, subject).map(|p| (p.kind(), Set::where_compared(op, p)));
        self.among(id, subject, set, wanted, operand);
    }

    /// What a named yes/no tag or segment says. A segment of which one is no member may be undecided: of its
    /// conditions nothing follows.
    fn open(&mut self, def: DefId, wanted: bool, operand: usize) {
        let most = if self.within == 0 { OPENED } else { OPENED_WITHIN };
        if self.opened.len() >= most || (!wanted && self.checker.is_segment(def)) {
            return;
        }
        let Some(body) = self.checker.body_of(def).filter(|b| *self.checker.graph.ty(*b) == Type::Bool)
        else {
            return;
        };
        if self.opened.insert((def, wanted)) {
            self.within += 1;
            self.collect(body, wanted, operand);
            self.within -= 1;
        }
    }

    /// Whether they cannot all hold.
    pub(super) fn are_void(&self) -> bool {
        match self.are_strangers() {
            true => self.found.iter().any(|claim| self.is_void(claim)),
            false => self.first_clash().is_some(),
        }
    }

    /// Two operands of which one claims what cannot hold with the other's; nothing where the first claim that cannot hold
    /// meets none but its own operand's.
    pub(super) fn clash(&self) -> Option<Clash> {
        if self.are_strangers() {
            return None;
        }
        self.first_clash().filter(|clash| clash.first != clash.second)
    }

    /// The first claim that cannot hold with what was claimed before it, and the one that it meets: the same where it
    /// cannot hold alone.
    fn first_clash(&self) -> Option<Clash> {
        let mut sets: HashMap<(ExprId, u8), (Set, Vec<usize>)> = HashMap::new();
        let mut orders: HashMap<(ExprId, ExprId), (u8, usize)> = HashMap::new();
        let (mut known, mut missing) = (HashMap::new(), HashMap::new());
        for (i, claim) in self.found.iter().enumerate() {
            let clash = |first: usize, with_missing| {
                let first = self.found.get(first).map_or(claim.operand, |c| c.operand);
                Some(Clash { first, second: claim.operand, with_missing })
            };
            if let What::Missing(subject) = claim.what {
                if let Some((first, said)) = known.get(&subject) {
                    return clash(*first, *said);
                }
                missing.entry(subject).or_insert(i);
                continue;
            }
            let said = matches!(claim.what, What::Known(_));
            for subject in claim.subjects() {
                if let Some(first) = missing.get(&subject) {
                    return clash(*first, said);
                }
                known.entry(subject).or_insert((i, said));
            }
            match &claim.what {
                What::In(subject, kind, set) => {
                    let ty = self.checker.graph.ty(*subject);
                    let (so_far, by) = sets.entry((*subject, *kind)).or_insert_with(|| {
                        (self.checker.domain(*subject).unwrap_or_else(Set::all), Vec::new())
                    });
                    *so_far = so_far.and(set).on_grid(ty);
                    if so_far.is_empty() {
                        if self.alone(*subject, set, ty) {
                            return clash(i, false);
                        }
                        let other = by.iter().find(|j| self.apart(**j, set, ty)).or(by.first());
                        return clash(other.copied().unwrap_or(i), false);
                    }
                    by.push(i);
                }
                What::Order(a, b, allowed) => {
                    let all = if a == b { EQUAL } else { LESS | EQUAL | GREATER };
                    let (so_far, first) = orders.entry((*a, *b)).or_insert((all, i));
                    *so_far &= allowed;
                    if *so_far == 0 {
                        return clash(*first, false);
                    }
                }
                What::Known(_) | What::Missing(_) => {}
            }
        }
        None
    }

    /// Whether no two claims share a subject, as is usual: then none can clash but with itself. Not asked of many.
    fn are_strangers(&self) -> bool {
        let knows = |(i, claim): (usize, &Claim)| {
            let mut others = self.found.iter().skip(i + 1).flat_map(Claim::subjects);
            others.any(|other| claim.subjects().any(|subject| subject == other))
        };
        self.found.len() <= FEW && !self.found.iter().enumerate().any(knows)
    }

    /// Whether it cannot hold whatever else is said.
    fn is_void(&self, claim: &Claim) -> bool {
        match &claim.what {
            What::In(subject, _, set) => self.alone(*subject, set, self.checker.graph.ty(*subject)),
            What::Order(a, b, allowed) => a == b && allowed & EQUAL == 0,
            What::Known(_) | What::Missing(_) => false,
        }
    }

    /// Whether its subject has no value of the set whatever else is said.
    fn alone(&self, subject: ExprId, set: &Set, ty: &Type) -> bool {
        match self.checker.domain(subject) {
            Some(domain) => domain.and(set).is_empty_on_grid(ty),
            None => set.is_empty_on_grid(ty),
        }
    }

    /// Whether the claim alone leaves nothing of a set.
    fn apart(&self, claim: usize, set: &Set, ty: &Type) -> bool {
        match self.found.get(claim).map(|c| &c.what) {
            Some(What::In(_, _, other)) => other.and(set).is_empty_on_grid(ty),
            _ => false,
        }
    }
}

fn orders(op: CompareOp) -> u8 {
    match op {
        CompareOp::Less => LESS,
        CompareOp::LessEqual => LESS | EQUAL,
        CompareOp::Greater => GREATER,
        CompareOp::GreaterEqual => GREATER | EQUAL,
        CompareOp::Equal => EQUAL,
        CompareOp::NotEqual => LESS | GREATER,
    }
}
