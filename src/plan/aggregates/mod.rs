//! Aggregate functions of Segue's own, for DataFusion plans.
//!
//! What they have in common: results never depend on threads, batches, partitions or the order of rows; a row is taken
//! where the `FILTER` is true (not false, not unknown); null and NaN are missing, and −0.0 is 0.0. All run grouped,
//! in one or two phases, with states that may be spilled. They are not for windows and take neither `DISTINCT` nor
//! `ORDER BY` nor `IGNORE NULLS`.
//!
//! Arguments may be whole numbers, floats, decimals of up to 38 digits, texts, yes/no, dates and instants, as far as the
//! function says. Smaller numbers are widened and dictionaries read as their values.
//!
//! ```text
//! function.rs    names and types          groups.rs     the one trait behind DataFusion's two
//! moments.rs     sum, avg, stddev         exact.rs      sums without rounding    round.rs   the one rounding
//! ordered.rs     first, last              rows.rs       where there are ties or texts
//! distinct.rs    most_common.rs           interner.rs   values as dense codes
//! median.rs            extremes.rs  min, max of floats
//! ```

mod common;
mod deviation;
mod distinct;
mod exact;
mod extremes;
mod function;
mod groups;
pub(super) mod interner;
mod median;
mod moments;
mod most_common;
mod ordered;
mod pairs;
mod round;
mod rows;
pub mod sequence;
#[cfg(test)]
mod tests;

use std::sync::{Arc, LazyLock};

use datafusion::logical_expr::AggregateUDF;

use function::{Aggregate, Kind};

pub(super) use common::{float_of_word, known, narrow};
pub(super) use moments::{decimal_sum, mean, whole_sum};

/// Defines the singleton of a function and its constructor.
macro_rules! aggregate {
    ($(#[$doc:meta])* $name:ident, $kind:ident) => {
        $(#[$doc])*
        pub fn $name() -> Arc<AggregateUDF> {
            static FUNCTION: LazyLock<Arc<AggregateUDF>> =
                LazyLock::new(|| Arc::new(AggregateUDF::from(Aggregate::new(Kind::$kind))));
            Arc::clone(&FUNCTION)
        }
    };
}

aggregate! {
    /// `segue_sum(x)`: the exact sum; of floats, rounded once to the nearest float.
    ///
    /// No row: 0. Rows, but no known x: null. Of infinite floats: that infinity; of both, null. A sum of finite floats
    /// that is beyond the largest float is infinite; one that does not fit the type of a whole number or decimal is
    /// an error.
    ///
    /// Whole number → `Int64`, decimal(p, s) → `Decimal128(38, s)`, float → `Float64`.
    exact_sum, Sum
}

aggregate! {
    /// `segue_avg(x)`: the exact sum by the number of known x, rounded once.
    ///
    /// No known x: null. Of infinite floats: that infinity; of both, null.
    ///
    /// Number → `Float64`.
    exact_avg, Average
}

aggregate! {
    /// `segue_stddev(x)`: the sample standard deviation (by n − 1) of the known x. The variance is exact and rounded
    /// once, then its root is.
    ///
    /// Fewer than two known x, or an infinite one: null.
    ///
    /// Number → `Float64`.
    exact_stddev, Deviation
}

aggregate! {
    /// `segue_median(x)`: the middle of the known x in order; the mean of the two middle ones of an even number.
    ///
    /// No known x: null; so is the middle between minus and plus infinity.
    ///
    /// Number → `Float64`.
    median, Median
}

aggregate! {
    /// `segue_first(x, t, tie…)`: the x of the event with the smallest (t, tie…, x); missing ties and a missing x are
    /// smallest.
    ///
    /// An event without t is ignored; no event: null; the x of the event chosen is missing: null.
    ///
    /// Any type → the same; t is an instant, a date or a whole number.
    first, First
}

aggregate! {
    /// `segue_last(x, t, tie…)`: the x of the event with the largest (t, tie…, x); missing ties and a missing x are
    /// smallest.
    ///
    /// An event without t is ignored; no event: null; the x of the event chosen is missing: null.
    ///
    /// Any type → the same; t is an instant, a date or a whole number.
    last, Last
}

aggregate! {
    /// `segue_distinct(x)`: how many different known x there are, exactly.
    ///
    /// No known x: 0, never null.
    ///
    /// Any type → `Int64`.
    distinct, Distinct
}

aggregate! {
    /// `segue_most_common(x)`: the known x that is there most often; of several, the smallest.
    ///
    /// No known x: null.
    ///
    /// Any type → the same.
    most_common, MostCommon
}

aggregate! {
    /// `segue_min(x)`: the smallest known x.
    ///
    /// No known x: null.
    ///
    /// Float → `Float64`.
    least, Least
}

aggregate! {
    /// `segue_max(x)`: the largest known x.
    ///
    /// No known x: null.
    ///
    /// Float → `Float64`.
    greatest, Greatest
}

/// All of them, to be registered.
pub fn all() -> Vec<Arc<AggregateUDF>> {
    let numbers = [exact_sum(), exact_avg(), exact_stddev(), median(), least(), greatest()];
    numbers.into_iter().chain([first(), last(), distinct(), most_common()]).collect()
}
