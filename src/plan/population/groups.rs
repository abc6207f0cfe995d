//! Numbers for groups of rows: dense, in the order in which the groups are met.

use super::super::aggregates::interner::{Interner, MISSING};
use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, internal_err};
use hashbrown::HashMap;

/// The groups that one thread has met.
#[derive(Debug)]
pub(super) struct Groups {
    columns: Vec<Interner>,
    /// Of the columns up to one and the next, together.
    pairs: Vec<Pairs>,
}

#[derive(Debug, Default)]
struct Pairs {
    numbers: HashMap<(u32, u32), u32>,
    pairs: Vec<(u32, u32)>,
}

impl Pairs {
    fn number(&mut self, pair: (u32, u32)) -> Result<u32> {
        if let Some(number) = self.numbers.get(&pair) {
            return Ok(*number);
        }
        let Some(number) = u32::try_from(self.pairs.len()).ok().filter(|n| *n < MISSING) else {
            return internal_err!("too many groups");
        };
        self.numbers.insert(pair, number);
        self.pairs.push(pair);
        Ok(number)
    }
}

impl Groups {
    pub fn new(types: &[DataType]) -> Groups {
        let pairs = types.iter().skip(1).map(|_| Pairs::default()).collect();
        Groups { columns: types.iter().map(Interner::new).collect(), pairs }
    }

    /// How many there are; without columns all rows are one.
    pub fn count(&self) -> usize {
        match (self.pairs.last(), self.columns.first()) {
            (Some(last), _) => last.pairs.len(),
            (None, Some(only)) => only.len(),
            (None, None) => 1,
        }
    }

    /// The group of each row, [`MISSING`] where a column is; none where all rows are one group.
    pub fn of(&mut self, columns: &[ArrayRef]) -> Result<Option<Vec<u32>>> {
        let mut found: Option<Vec<u32>> = None;
        let mut pairs = self.pairs.iter_mut();
        for (interner, column) in self.columns.iter_mut().zip(columns) {
            let codes = interner.codes(column)?;
            let Some(found) = &mut found else {
                found = Some(codes);
                continue;
            };
            let Some(pairs) = pairs.next() else { return internal_err!("groups of too many columns") };
            for (group, code) in found.iter_mut().zip(codes) {
                *group = match (*group, code) {
                    (MISSING, _) | (_, MISSING) => MISSING,
                    pair => pairs.number(pair)?,
                };
            }
        }
        Ok(found)
    }

    /// Takes another thread's groups, and says what each of them is here.
    pub fn absorb(&mut self, other: &Groups) -> Result<Vec<u32>> {
        let mut found: Option<Vec<u32>> = None;
        let mut pairs = self.pairs.iter_mut().zip(&other.pairs);
        for (own, others) in self.columns.iter_mut().zip(&other.columns) {
            let codes = own.codes(&others.values()?)?;
            let Some(before) = &found else {
                found = Some(codes);
                continue;
            };
            let Some((own, others)) = pairs.next() else {
                return internal_err!("groups of too many columns");
            };
            let here = |codes: &[u32], code: u32| codes.get(code as usize).copied().unwrap_or(MISSING);
            let mut pair = |(a, b): &(u32, u32)| own.number((here(before, *a), here(&codes, *b)));
            found = Some(others.pairs.iter().map(&mut pair).collect::<Result<Vec<_>>>()?);
        }
        Ok(found.unwrap_or_else(|| vec![0]))
    }
}
