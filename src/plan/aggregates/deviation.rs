//! The sample standard deviation out of exact sums.

use num_bigint::{BigInt, BigUint};

use super::exact::Number;
use super::round;

/// `√((n·Sxx − Sx²) / (n·(n−1)))`, each sum with the exponent of its unit, the values to be divided by `10^scale`.
/// Everything under the root is exact; it is rounded once, then the root is. `None` for fewer than two values.
pub(super) fn deviation(count: i64, sum: (Number, i32), squares: (Number, i32), scale: i8) -> Option<f64> {
    let n = u64::try_from(count).ok().filter(|n| *n > 1)?;
    let pairs = u128::from(n) * u128::from(n - 1);
    if let ((Number::Small(sum), 0), (Number::Small(squares), 0), 0) = (&sum, &squares, scale)
        && let Some(numerator) = small(n, *sum, *squares)
    {
        return Some(round::big_root(&BigInt::from(numerator), &BigUint::from(pairs), 0));
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

fn small(n: u64, sum: i128, squares: i128) -> Option<i128> {
    squares.checked_mul(i128::from(n))?.checked_sub(sum.checked_mul(sum)?)
}

/// `n / (d · 10^scale)` as a ratio of whole numbers.
pub(super) fn scaled(n: BigInt, d: BigUint, scale: i8) -> (BigInt, BigUint) {
    let power = BigUint::from(10u8).pow(u32::from(scale.unsigned_abs()));
    if scale < 0 { (n * BigInt::from(power), d) } else { (n, d * power) }
}
