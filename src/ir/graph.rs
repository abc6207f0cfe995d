//! Expressions, hash-consed: equal nodes have one id.

use super::sequence::{Sequence, SequencePart};
use super::time::Window;
use super::{ColumnId, DefId, LinkId, SourceId};
use crate::functions::{AggregateFn, Function, PopulationFn};
use crate::syntax::ast::{Duration, Number, TextTest, TimeUnit};
use crate::types::Type;
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use hashbrown::{DefaultHashBuilder, HashTable};
use smallvec::{SmallVec, smallvec};
use std::hash::BuildHasher;

/// Index of a node in its [`Graph`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ExprId(pub u32);

/// A value known before the run.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Literal {
    Number(Number),
    Text(String),
    Bool(bool),
    Date(NaiveDate),
    /// Wall clock in the script's zone.
    Local(NaiveDateTime),
    Utc(DateTime<Utc>),
    Duration(Duration),
}

/// One expression. Operands are ids into the same graph.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Node {
    Literal(Literal),
    /// A column of the row at hand, or of a look-up that it leads to over `via`.
    Column {
        source: SourceId,
        via: Vec<LinkId>,
        column: ColumnId,
    },
    /// A tag's value or a segment's membership (two-valued): a column of the portrait.
    Definition(DefId),
    /// `outside S`: the members' complement, two-valued.
    Outside(DefId),
    Negate(ExprId),
    Arithmetic {
        op: ArithmeticOp,
        left: ExprId,
        right: ExprId,
    },
    Compare {
        op: CompareOp,
        left: ExprId,
        right: ExprId,
    },
    Between {
        value: ExprId,
        low: ExprId,
        high: ExprId,
    },
    InList {
        value: ExprId,
        list: Vec<ExprId>,
    },
    InSource(InSource),
    TextTest {
        test: TextTest,
        value: ExprId,
        pattern: String,
    },
    IsMissing(ExprId),
    Coalesce(ExprId, ExprId),
    And(Vec<ExprId>),
    Or(Vec<ExprId>),
    Not(ExprId),
    Case {
        branches: Vec<(ExprId, ExprId)>,
        otherwise: Option<ExprId>,
    },
    Call {
        function: Function,
        arguments: Vec<ExprId>,
    },
    /// Whole units from `moment` to the day (or, `until`, from the day to `moment`).
    Elapsed {
        unit: TimeUnit,
        until: bool,
        moment: ExprId,
        /// The day that it is counted from; none is the run's.
        day: Option<NaiveDate>,
    },
    Aggregate(Aggregate),
    /// Whether events followed each other, two-valued.
    Sequence(Sequence),
    /// What a sequence's match tells beside whether there is one.
    SequencePart {
        sequence: ExprId,
        part: SequencePart,
    },
    Top(Top),
    Population(Population),
    Score(Score),
    /// The bins of an rfm in one text: `555`, or `10-9-10` where a bin may have two digits.
    Cell {
        parts: Vec<ExprId>,
        apart: bool,
    },
    /// In the place of what could not be checked; no finished program holds it.
    Error,
}

/// A fold of an entity's events to one value.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Aggregate {
    pub function: AggregateFn,
    pub events: SourceId,
    /// From the events to the entity: indices into each source's `of`, in turn.
    pub path: Vec<u32>,
    /// On the event's row; `count`, `any` and `share` have none.
    pub argument: Option<ExprId>,
    /// On the event's row; taken only where true.
    pub filter: Option<ExprId>,
    /// `None` where the events have no time.
    pub window: Option<Window>,
    /// Within that window, from the customer's own date.
    pub own: Option<OwnWindow>,
}

impl Aggregate {
    /// What it computes on the event's row.
    pub fn on_events(&self) -> impl Iterator<Item = ExprId> {
        self.argument.into_iter().chain(self.filter).chain(self.own.map(|own| own.condition))
    }
}

/// A window that begins at a date of the customer's. Where the date is missing, so is the aggregate.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct OwnWindow {
    /// On the entity's row, a date or an instant.
    pub anchor: ExprId,
    pub words: OwnWords,
    /// On the event's row.
    pub condition: ExprId,
}

/// How far a customer's own window reaches.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OwnWords {
    /// `within 30 days after X`: X's day and thirty more; of hours, from X itself, both ends included.
    Within(Duration),
    /// `in days 1 to 7 after X`: both included, X's day is 0.
    Days(u32, u32),
    /// `after X`: from X's day on.
    After,
}

/// `x in (coupons.product_id where campaign_id = 13)`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct InSource {
    pub value: ExprId,
    pub list: SourceId,
    /// On the list's row.
    pub column: ExprId,
    pub filter: Option<ExprId>,
}

/// `top 1000 by assets within city in high_value`, two-valued.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Top {
    pub entity: SourceId,
    pub size: TopSize,
    pub by: ExprId,
    pub within: Vec<ExprId>,
    pub base: Option<DefId>,
}

/// `ntile(assets, 5 within city in high_value)`: where a customer stands among those of the base whose value and
/// groups are known; missing for all others.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Population {
    pub entity: SourceId,
    pub function: PopulationFn,
    pub value: ExprId,
    /// The n of `ntile`.
    pub tiles: Option<u64>,
    pub within: Vec<ExprId>,
    pub base: Option<DefId>,
    /// Equal values share the tile of the first of them.
    pub ties_together: bool,
}

/// `base 10 add 30 when idle_days > 60 clamp 0 to 100`: a rule whose condition is not true gives nothing; missing
/// points of one that holds make the score missing.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Score {
    pub base: ExprId,
    pub rules: Vec<Points>,
    /// Two literals.
    pub clamp: Option<(ExprId, ExprId)>,
}

/// `add 30 when idle_days > 60`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Points {
    pub take: bool,
    pub points: ExprId,
    pub when: ExprId,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TopSize {
    Count(u64),
    /// A share of the base whose value is known, rounded up.
    Share(Number),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ArithmeticOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CompareOp {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl CompareOp {
    /// The same comparison with its sides exchanged.
    pub fn mirrored(self) -> CompareOp {
        match self {
            CompareOp::Equal | CompareOp::NotEqual => self,
            CompareOp::Less => CompareOp::Greater,
            CompareOp::LessEqual => CompareOp::GreaterEqual,
            CompareOp::Greater => CompareOp::Less,
            CompareOp::GreaterEqual => CompareOp::LessEqual,
        }
    }
}

impl ArithmeticOp {
    pub fn symbol(self) -> &'static str {
        match self {
            ArithmeticOp::Add => "+",
            ArithmeticOp::Subtract => "-",
            ArithmeticOp::Multiply => "*",
            ArithmeticOp::Divide => "/",
            ArithmeticOp::Modulo => "%",
        }
    }
}

/// All expressions of a program.
#[derive(Clone, Default, Debug)]
pub struct Graph {
    nodes: Vec<(Node, Type)>,
    /// By the hashes of their nodes.
    ids: HashTable<ExprId>,
    hasher: DefaultHashBuilder,
}

/// What is found under an id of another graph, which no program holds.
static NOWHERE: (Node, Type) = (Node::Error, Type::Error);

impl Graph {
    /// The id of `node`; its type is kept from the first time that it was added.
    pub fn add(&mut self, node: Node, ty: Type) -> ExprId {
        let hash = self.hasher.hash_one(&node);
        let next = ExprId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        let Graph { nodes, ids, hasher } = self;
        let known = |id: ExprId| &nodes.get(id.0 as usize).unwrap_or(&NOWHERE).0;
        let id = *ids
            .entry(hash, |id| *known(*id) == node, |id| hasher.hash_one(known(*id)))
            .or_insert(next)
            .get();
        if id == next {
            self.nodes.push((node, ty));
        }
        id
    }

    /// Makes room for so many nodes.
    pub fn reserve(&mut self, nodes: usize) {
        let Graph { nodes: known, ids, hasher } = self;
        known.reserve(nodes);
        ids.reserve(nodes, |id| hasher.hash_one(&known.get(id.0 as usize).unwrap_or(&NOWHERE).0));
    }

    /// The id of a node that was added.
    pub fn find(&self, node: &Node) -> Option<ExprId> {
        self.ids.find(self.hasher.hash_one(node), |id| self.node(*id) == node).copied()
    }

    pub fn node(&self, id: ExprId) -> &Node {
        &self.nodes.get(id.0 as usize).unwrap_or(&NOWHERE).0
    }

    pub fn ty(&self, id: ExprId) -> &Type {
        &self.nodes.get(id.0 as usize).unwrap_or(&NOWHERE).1
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Calls `visit` on `id` and on everything that it is made of *on the same row*: not inside aggregates,
    /// whose expressions stand on the event's row, nor inside lists, nor inside the definitions that it names.
    pub fn walk(&self, id: ExprId, visit: &mut dyn FnMut(ExprId, &Node)) {
        let node = self.node(id);
        visit(id, node);
        for operand in &node.operands() {
            self.walk(*operand, visit);
        }
    }
}

impl Node {
    /// Whether its values go round: `hour(t) between 22 and 5` is from 22 over midnight to 5.
    pub fn goes_round(&self) -> bool {
        use Function::{Hour, Month, Weekday};
        matches!(self, Node::Call { function: Hour | Weekday | Month, .. })
    }

    /// The segment among whose members a node compares customers.
    pub fn base(&self) -> Option<DefId> {
        match self {
            Node::Top(top) => top.base,
            Node::Population(p) => p.base,
            _ => None,
        }
    }

    /// The operands on the same row.
    pub fn operands(&self) -> SmallVec<[ExprId; 4]> {
        match self {
            Node::Literal(_)
            | Node::Column { .. }
            | Node::Definition(_)
            | Node::Outside(_)
            | Node::Aggregate(_)
            | Node::Sequence(_)
            | Node::SequencePart { .. }
            | Node::Error => SmallVec::new(),
            Node::Negate(x) | Node::IsMissing(x) | Node::Not(x) => smallvec![*x],
            Node::Arithmetic { left, right, .. } | Node::Compare { left, right, .. } => {
                smallvec![*left, *right]
            }
            Node::Between { value, low, high } => smallvec![*value, *low, *high],
            Node::InList { value, list } => std::iter::once(*value).chain(list.iter().copied()).collect(),
            Node::InSource(list) => smallvec![list.value],
            Node::TextTest { value, .. } => smallvec![*value],
            Node::Coalesce(a, b) => smallvec![*a, *b],
            Node::And(list) | Node::Or(list) => SmallVec::from_slice(list),
            Node::Case { branches, otherwise } => {
                branches.iter().flat_map(|(c, v)| [*c, *v]).chain(*otherwise).collect()
            }
            Node::Call { arguments, .. } => SmallVec::from_slice(arguments),
            Node::Elapsed { moment, .. } => smallvec![*moment],
            Node::Top(top) => std::iter::once(top.by).chain(top.within.iter().copied()).collect(),
            Node::Population(p) => std::iter::once(p.value).chain(p.within.iter().copied()).collect(),
            Node::Score(s) => {
                let ends = s.clamp.iter().flat_map(|(low, high)| [*low, *high]);
                let rules = s.rules.iter().flat_map(|r| [r.points, r.when]);
                std::iter::once(s.base).chain(rules).chain(ends).collect()
            }
            Node::Cell { parts, .. } => SmallVec::from_slice(parts),
        }
    }
}
