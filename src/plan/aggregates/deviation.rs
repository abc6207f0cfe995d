//! The sample standard deviation out of exact sums.

use datafusion::arrow::datatypes::i256;
use num_bigint::{BigInt, BigUint};

use super::exact::Number;
use super::round;

/// `√((n·Sxx − Sx²) / (n·(n−1)))`, each sum with the exponent of its unit, the values to be divided by `10^scale`.
/// Everything under the root is exact; it is rounded once, then the root is. `None` for fewer than two values.
pub(super) fn deviation(count: i64, sum: (Number, i32), squares: (Number, i32), scale: i8) -> Option<f64> {
    let n = u64::try_from(count).ok().filter(|n| *n > 1)?;
    let pairs = u128::from(n) * u128::from(n - 1);
    if let Ok(pairs) = u64::try_from(pairs)
        && scale == 0
        && let Some((numerator, e)) = short(n, &sum, &squares)
    {
        return Some(round::root_of_ratio(numerator, pairs, e));
    }
    let ((sum, unit), (squares, square_unit)) = (sum, squares);
    let (sum, e) = sum.big();
    let sum_exponent = 2 * (unit + e);
    let (squares, e) = squares.big();
    let squares_exponent = square_unit + e;
    let lowest = sum_exponent.min(squares_exponent);
    let numerator = ((squares * n) << (squares_exponent - lowest).unsigned_abs())
        - ((&sum * &sum) << (sum_exponent - lowest).unsigned_abs());
    // Squares are of the square of the values' unit.
    let (numerator, pairs) = scaled(numerator, BigUint::from(pairs), scale);
    let (numerator, pairs) = scaled(numerator, pairs, scale);
    Some(round::big_root(&numerator, &pairs, i64::from(lowest)))
}

/// `n·Sxx − Sx²` and the exponent of its unit, where 256 bits are enough for it: the usual case.
fn short(n: u64, sum: &(Number, i32), squares: &(Number, i32)) -> Option<(i256, i32)> {
    let (Number::Small(total), unit) = sum else { return None };
    let (total_squares, square_unit) = match squares {
        (Number::Small(squares), unit) => (i256::from_i128(*squares), *unit),
        (Number::Middle(squares), unit) => (*squares, *unit),
        (Number::Big(..), _) => return None,
    };
    // The unit of Sx² is the finer one, or the same.
    let finer = u32::try_from(square_unit - 2 * unit).ok().filter(|finer| *finer < 100)?;
    let factor = i256::from_i128(i128::from(n)).checked_mul(i256::from_i128(1 << finer))?;
    let total = i256::from_i128(*total);
    Some((total_squares.checked_mul(factor)?.checked_sub(total.checked_mul(total)?)?, 2 * unit))
}

/// `n / (d · 10^scale)` as a ratio of whole numbers.
pub(super) fn scaled(n: BigInt, d: BigUint, scale: i8) -> (BigInt, BigUint) {
    let power = BigUint::from(10u8).pow(u32::from(scale.unsigned_abs()));
    if scale < 0 { (n * BigInt::from(power), d) } else { (n, d * power) }
}
