//! Customers compared with each other, as a node of the logical plan: the rows that come in, with columns beside them that
//! say where each stands among its peers.

use super::super::aggregates as ours;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{DFSchema, DFSchemaRef, Result, internal_err};
use datafusion::logical_expr::{AggregateUDF, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::prelude::Expr;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// What is known of a row among its peers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Part {
    /// The place from the smallest, equal values in the same place.
    Below,
    /// From the smallest, the lower key first.
    Upwards,
    /// From the largest, equal values in the same place.
    Above,
    /// From the largest, the lower key first.
    Downwards,
    /// The tile of so many, from the smallest; of equal values the lower key first, or each in the tile of the first.
    Tile {
        tiles: u32,
        together: bool,
    },
    Size,
    Mean,
    Deviation,
    /// Whether it is among the largest, the lower key first; unknown of who is in the base and cannot be compared.
    Taken(Take),
}

/// How many of the largest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Take {
    Count(u64),
    /// `digits / scale` of them, rounded up.
    Share {
        digits: i64,
        scale: i64,
    },
}

impl Take {
    /// How many of a group: place ≤ ⌈size · d / s⌉, in whole numbers.
    pub fn of(self, size: usize) -> usize {
        let taken = match self {
            Take::Count(n) => usize::try_from(n).ok(),
            Take::Share { digits, scale } => {
                let (of, scale) = (i128::from(digits).saturating_mul(size as i128), i128::from(scale.max(1)));
                usize::try_from((of + scale - 1) / scale).ok()
            }
        };
        taken.map_or(size, |n| n.min(size))
    }
}

impl Part {
    pub fn data_type(self) -> DataType {
        match self {
            Part::Below | Part::Upwards | Part::Above | Part::Downwards => DataType::Int64,
            Part::Tile { .. } | Part::Size => DataType::Int64,
            Part::Mean | Part::Deviation => DataType::Float64,
            Part::Taken(_) => DataType::Boolean,
        }
    }

    /// Whether it follows from the order of the group's values.
    pub fn is_place(self) -> bool {
        !matches!(self, Part::Size | Part::Mean | Part::Deviation | Part::Taken(_))
    }

    /// The aggregate of the values that it is.
    pub fn function(self) -> Option<Arc<AggregateUDF>> {
        match self {
            Part::Mean => Some(ours::exact_avg()),
            Part::Deviation => Some(ours::exact_stddev()),
            _ => None,
        }
    }
}

/// The tiles of a group: the first `size mod tiles` are one larger than the others.
#[derive(Clone, Copy)]
pub struct Tiles {
    small: u32,
    larger: u32,
}

impl Tiles {
    pub fn of(size: u32, tiles: u32) -> Tiles {
        let tiles = tiles.max(1);
        Tiles { small: size / tiles, larger: size % tiles }
    }

    /// The tile of a place, both from 1.
    pub fn tile(self, place: u32) -> u32 {
        let before = place.saturating_sub(1);
        // No more than the size.
        let in_larger = self.larger * (self.small + 1);
        let tile = match before.checked_sub(in_larger) {
            None => before / (self.small + 1),
            Some(rest) => self.larger + rest / self.small.max(1),
        };
        tile + 1
    }

    /// How many stand before each tile but the first.
    pub fn borders(self, tiles: u32) -> impl Iterator<Item = usize> {
        (1..tiles).map(move |tile| tile as usize * self.small as usize + tile.min(self.larger) as usize)
    }
}

/// Who is compared with whom, and what of it is wanted.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Among {
    pub value: Expr,
    /// Only rows that are equal in all of these are compared.
    pub within: Vec<Expr>,
    /// Only rows for which it is true; all where none.
    pub base: Option<Expr>,
    /// The columns and what they hold; missing for who is not compared.
    pub parts: Vec<(String, Part)>,
}

impl Among {
    fn expressions(&self) -> impl Iterator<Item = &Expr> {
        std::iter::once(&self.value).chain(&self.within).chain(&self.base)
    }

    /// The same with its expressions changed by `change`.
    pub fn map<E>(
        &self,
        mut change: impl FnMut(Expr) -> std::result::Result<Expr, E>,
    ) -> std::result::Result<Among, E> {
        Ok(Among {
            value: change(self.value.clone())?,
            within: self.within.iter().cloned().map(&mut change).collect::<std::result::Result<_, E>>()?,
            base: self.base.clone().map(&mut change).transpose()?,
            parts: self.parts.clone(),
        })
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CompareNode {
    pub rows: LogicalPlan,
    /// The column with the rows' key.
    pub key: Expr,
    pub among: Vec<Among>,
    schema: DFSchemaRef,
}

impl CompareNode {
    pub fn try_new(rows: LogicalPlan, key: Expr, among: Vec<Among>) -> Result<CompareNode> {
        let mut fields: Vec<_> =
            rows.schema().iter().map(|(table, field)| (table.cloned(), Arc::clone(field))).collect();
        for (name, part) in among.iter().flat_map(|a| &a.parts) {
            fields.push((None, Arc::new(Field::new(name, part.data_type(), true))));
        }
        let schema = DFSchema::new_with_metadata(fields, Default::default())?;
        Ok(CompareNode { rows, key, among, schema: Arc::new(schema) })
    }
}

impl PartialOrd for CompareNode {
    /// Two of them are equal, or nothing is known of their order.
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for CompareNode {
    fn name(&self) -> &str {
        "Compare"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.rows]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        let of_among = self.among.iter().flat_map(Among::expressions);
        std::iter::once(&self.key).chain(of_among).cloned().collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Compare: by {}", self.key)?;
        for among in &self.among {
            write!(f, "; {} ({})", among.value, among.parts.len())?;
        }
        Ok(())
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let mut exprs = exprs.into_iter();
        let (Some(rows), Some(key)) = (inputs.into_iter().next(), exprs.next()) else {
            return internal_err!("nobody to compare");
        };
        let mut next = |_| match exprs.next() {
            Some(expr) => Ok(expr),
            None => internal_err!("a comparison without its values"),
        };
        let among = self.among.iter().map(|a| a.map(&mut next)).collect::<Result<Vec<_>>>()?;
        CompareNode::try_new(rows, key, among)
    }
}
