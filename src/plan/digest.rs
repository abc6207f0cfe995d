//! What a column of a portrait is, told by its content: two columns with one digest hold the same values, whatever their
//! definitions are called, in whichever session they are asked for.
//!
//! A digest is made of the expression with all that it names, of how the sources are read, of the versions of their files,
//! and of the day where it matters. What is not known for sure has no digest, and is worked out anew.

use super::Strategy;
use crate::ir::{
    Aggregate, DefId, DefinitionKind, ExprId, InSource, Node, OwnWindow, Points, Population, Program, Score,
    Sequence, SequenceStep, SourceId, StepLink, Top, Window,
};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::fmt::Debug;

/// What tells one column from all others.
pub type Digest = [u8; 32];

/// Another way of reading or of computing needs another number here.
const FORM: &str = concat!("segue column 1 ", env!("CARGO_PKG_VERSION"));

/// Digests of one program's expressions.
pub struct Digests<'a> {
    program: &'a Program,
    /// One way of computing must not be answered by what the other found: it is there to be compared.
    strategy: Strategy,
    /// The version of a source's files; none where they are not those that were opened.
    version: &'a dyn Fn(SourceId) -> Option<String>,
    exprs: HashMap<ExprId, Option<Digest>>,
    tables: HashMap<SourceId, Option<Digest>>,
    rows: HashMap<SourceId, Option<Digest>>,
}

/// Pieces, each with its length before it, so that no two lists of pieces read the same.
struct Pieces(Sha256);

impl Pieces {
    fn new(word: &str) -> Pieces {
        let mut pieces = Pieces(Sha256::new());
        pieces.bytes(word.as_bytes());
        pieces
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// Plain data, which holds no ids of the program.
    fn data(&mut self, data: &dyn Debug) {
        self.bytes(format!("{data:?}").as_bytes());
    }

    fn digest(&mut self, digest: Digest) {
        self.bytes(&digest);
    }

    fn end(self) -> Digest {
        self.0.finalize().into()
    }
}

impl<'a> Digests<'a> {
    pub fn new(
        program: &'a Program,
        strategy: Strategy,
        version: &'a dyn Fn(SourceId) -> Option<String>,
    ) -> Digests<'a> {
        let (exprs, tables, rows) = (HashMap::new(), HashMap::new(), HashMap::new());
        Digests { program, strategy, version, exprs, tables, rows }
    }

    /// What every column depends on.
    fn begin(&mut self, entity: SourceId) -> Option<Pieces> {
        let mut pieces = Pieces::new(FORM);
        pieces.data(&(self.program.zone.name(), self.strategy));
        pieces.digest(self.rows(entity)?);
        Some(pieces)
    }

    /// Of an entity's rows: which there are, told by their keys.
    pub fn of_rows(&mut self, entity: SourceId) -> Option<Digest> {
        self.begin(entity).map(Pieces::end)
    }

    /// Of an expression's values on all rows of an entity.
    pub fn of_column(&mut self, entity: SourceId, expr: ExprId) -> Option<Digest> {
        let mut pieces = self.begin(entity)?;
        pieces.digest(self.expr(self.behind(entity, expr))?);
        Some(pieces.end())
    }

    /// What a tag of the entity's own is made of, which has its values: `tag n = count(visits)` is that count.
    fn behind(&self, entity: SourceId, mut expr: ExprId) -> ExprId {
        let program = self.program;
        while let Node::Definition(def) = program.node(expr)
            && let Some(tag) = program.definition(*def)
            && tag.kind == DefinitionKind::Tag
            && tag.entity == entity
            && program.ty(tag.body) == program.ty(expr)
        {
            expr = tag.body;
        }
        expr
    }

    /// How a source's table is read.
    fn table(&mut self, id: SourceId) -> Option<Digest> {
        if let Some(known) = self.tables.get(&id) {
            return *known;
        }
        let found = self.table_anew(id);
        self.tables.insert(id, found);
        found
    }

    fn table_anew(&self, id: SourceId) -> Option<Digest> {
        let source = self.program.source(id)?;
        let mut pieces = Pieces::new("table");
        pieces.data(&source.columns);
        pieces.data(&(source.key, &source.time, source.latest));
        if source.keys_of.is_none() {
            pieces.bytes((self.version)(id)?.as_bytes());
        }
        Some(pieces.end())
    }

    /// A source's rows: its table, and what leaves rows out.
    fn rows(&mut self, id: SourceId) -> Option<Digest> {
        if let Some(known) = self.rows.get(&id) {
            return *known;
        }
        // A source that is met while it is looked at has no digest.
        self.rows.insert(id, None);
        let found = self.rows_anew(id);
        self.rows.insert(id, found);
        found
    }

    fn rows_anew(&mut self, id: SourceId) -> Option<Digest> {
        let program = self.program;
        let source = program.source(id)?;
        let mut pieces = Pieces::new("rows");
        pieces.digest(self.table(id)?);
        if let Some(filter) = source.filter {
            pieces.bytes(b"where");
            pieces.digest(self.expr(filter)?);
        }
        if source.latest.is_some() || source.copy.is_some() {
            pieces.data(&source.copy.map_or(program.as_of, |(_, day)| day));
        }
        if let Some(keys) = source.keys_of {
            pieces.data(&(keys.by, program.as_of));
            pieces.digest(self.rows(keys.events)?);
        }
        Some(pieces.end())
    }

    fn expr(&mut self, id: ExprId) -> Option<Digest> {
        if let Some(known) = self.exprs.get(&id) {
            return *known;
        }
        self.exprs.insert(id, None);
        let found = stacker::maybe_grow(128 * 1024, 2 * 1024 * 1024, || self.expr_anew(id));
        self.exprs.insert(id, found);
        found
    }

    fn expr_anew(&mut self, id: ExprId) -> Option<Digest> {
        let program = self.program;
        let mut pieces = Pieces::new("expression");
        pieces.data(program.ty(id));
        let node = program.node(id);
        match node {
            Node::Error => return None,
            Node::Literal(literal) => pieces.data(&("literal", literal)),
            Node::Column { source, via, column } => {
                pieces.data(&("column", via.len(), column));
                pieces.digest(self.table(*source)?);
                let mut at = *source;
                for link in via {
                    let link = program.source(at)?.link(*link)?;
                    pieces.data(&link.column);
                    pieces.digest(self.rows(link.target)?);
                    at = link.target;
                }
            }
            Node::Definition(def) => pieces.digest(self.definition(*def)?),
            Node::Outside(def) => {
                pieces.bytes(b"outside");
                pieces.digest(self.definition(*def)?);
            }
            Node::Negate(_) => pieces.bytes(b"negate"),
            Node::Arithmetic { op, left: _, right: _ } => pieces.data(op),
            Node::Compare { op, left: _, right: _ } => pieces.data(op),
            Node::Between { value: _, low: _, high: _ } => pieces.bytes(b"between"),
            Node::InList { value: _, list: _ } => pieces.bytes(b"in list"),
            Node::InSource(InSource { value: _, list, column, filter }) => {
                pieces.data(&("in source", filter.is_some()));
                pieces.digest(self.rows(*list)?);
                self.each(&mut pieces, std::iter::once(*column).chain(*filter))?;
            }
            Node::TextTest { test, value: _, pattern } => pieces.data(&(test, pattern)),
            Node::IsMissing(_) => pieces.bytes(b"is missing"),
            Node::Coalesce(_, _) => pieces.bytes(b"coalesce"),
            Node::And(_) => pieces.bytes(b"and"),
            Node::Or(_) => pieces.bytes(b"or"),
            Node::Not(_) => pieces.bytes(b"not"),
            Node::Case { branches, otherwise } => {
                pieces.data(&("case", branches.len(), otherwise.is_some()));
            }
            // An age is counted to the run's day.
            Node::Call { function, arguments: _ } => pieces.data(&("call", function, program.as_of)),
            Node::Elapsed { unit, until, moment: _, day } => {
                pieces.data(&("elapsed", unit, until, day, program.as_of));
            }
            Node::Aggregate(a) => self.aggregate(&mut pieces, a)?,
            Node::Sequence(s) => self.sequence(&mut pieces, s)?,
            Node::SequencePart { sequence, part } => {
                pieces.data(part);
                pieces.digest(self.expr(*sequence)?);
            }
            Node::Top(Top { entity, size, by: _, within, base }) => {
                pieces.data(&("top", size, within.len()));
                pieces.digest(self.rows(*entity)?);
                self.base(&mut pieces, *base)?;
            }
            Node::Population(p) => {
                let Population { entity, function, value: _, tiles, within, base, ties_together } = p;
                pieces.data(&("population", function, tiles, within.len(), ties_together));
                pieces.digest(self.rows(*entity)?);
                self.base(&mut pieces, *base)?;
            }
            Node::Score(Score { base: _, rules, clamp }) => {
                let takes: Vec<bool> =
                    rules.iter().map(|Points { take, points: _, when: _ }| *take).collect();
                pieces.data(&("score", takes, clamp.is_some()));
            }
            Node::Cell { parts: _, apart } => pieces.data(&("cell", apart)),
        }
        let operands = node.operands();
        pieces.data(&operands.len());
        self.each(&mut pieces, operands)?;
        Some(pieces.end())
    }

    fn each(&mut self, pieces: &mut Pieces, exprs: impl IntoIterator<Item = ExprId>) -> Option<()> {
        for expr in exprs {
            pieces.digest(self.expr(expr)?);
        }
        Some(())
    }

    fn definition(&mut self, def: DefId) -> Option<Digest> {
        let d = self.program.definition(def)?;
        let mut pieces = Pieces::new("definition");
        pieces.data(&(d.kind, &d.ty));
        pieces.digest(self.rows(d.entity)?);
        pieces.digest(self.expr(d.body)?);
        Some(pieces.end())
    }

    fn base(&mut self, pieces: &mut Pieces, base: Option<DefId>) -> Option<()> {
        pieces.data(&base.is_some());
        if let Some(base) = base {
            pieces.digest(self.definition(base)?);
        }
        Some(())
    }

    fn aggregate(&mut self, pieces: &mut Pieces, a: &Aggregate) -> Option<()> {
        let Aggregate { function, events, path, argument, filter, window, own } = a;
        pieces.data(&("aggregate", function, argument.is_some(), filter.is_some(), own.is_some()));
        self.events(pieces, *events, path)?;
        self.each(pieces, argument.iter().chain(filter).copied())?;
        bounds(pieces, window.as_ref());
        if let Some(OwnWindow { anchor, words, condition }) = own {
            pieces.data(words);
            self.each(pieces, [*anchor, *condition])?;
        }
        Some(())
    }

    fn sequence(&mut self, pieces: &mut Pieces, sequence: &Sequence) -> Option<()> {
        let Sequence { steps, window } = sequence;
        pieces.data(&("sequence", steps.len()));
        bounds(pieces, Some(window));
        for step in steps {
            let SequenceStep { negated, events, path, filter, within, links } = step;
            pieces.data(&(negated, within, filter.is_some(), links.len()));
            self.events(pieces, *events, path)?;
            self.each(pieces, *filter)?;
            for StepLink { op, own, earlier } in links {
                pieces.data(op);
                self.each(pieces, [*own, *earlier])?;
            }
        }
        Some(())
    }

    /// A source of events, with the steps from it to the entity.
    fn events(&mut self, pieces: &mut Pieces, events: SourceId, path: &[u32]) -> Option<()> {
        pieces.data(&path.len());
        pieces.digest(self.rows(events)?);
        let mut at = events;
        for step in path {
            let owner = self.program.source(at)?.of.get(usize::try_from(*step).ok()?)?;
            pieces.data(&owner.by);
            pieces.digest(self.rows(owner.entity)?);
            at = owner.entity;
        }
        Some(())
    }
}

/// A window as it is, whatever words were written for it.
fn bounds(pieces: &mut Pieces, window: Option<&Window>) {
    pieces.data(&window.map(|Window { start, end, written: _ }| (start, end)));
}
