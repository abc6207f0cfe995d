//! From exact integers and ratios to the nearest `f64`, ties to even: one rounding, at the very end.

use datafusion::arrow::datatypes::i256;
use num_bigint::{BigInt, BigUint, Sign};
use num_traits::{WrappingShl, Zero};

const MANTISSA: u64 = (1 << 52) - 1;

/// A finite, non-zero float as `(negative, m, e)`: it is `±m × 2^e`, with `m < 2^53`.
pub(super) fn parts(x: f64) -> (bool, u64, i32) {
    let bits = x.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i32;
    let fraction = bits & MANTISSA;
    let (mantissa, exponent) =
        if exponent == 0 { (fraction, -1074) } else { (fraction | (MANTISSA + 1), exponent - 1075) };
    (bits >> 63 == 1, mantissa, exponent)
}

/// `±q × 2^e`, or a little more than that in magnitude where `sticky`. A sticky `q` must have at least 55 bits.
pub(super) fn round(negative: bool, q: u128, sticky: bool, e: i64) -> f64 {
    if q == 0 {
        return 0.0;
    }
    let bits = i64::from(128 - q.leading_zeros());
    let top = e.saturating_add(bits - 1);
    let magnitude = if top > 1023 {
        f64::INFINITY
    } else {
        // Below the normal range every step of the exponent costs a bit.
        let precision = if top >= -1022 { 53 } else { top.saturating_add(1075) };
        if precision < 0 {
            0.0
        } else if bits <= precision {
            q as f64 * power_of_two(e)
        } else {
            let drop = (bits - precision) as u32;
            let kept = q.checked_shr(drop).unwrap_or(0);
            let rest = q - kept.checked_shl(drop).unwrap_or(0);
            let half = 1u128 << (drop - 1);
            let up = rest > half || (rest == half && (sticky || kept & 1 == 1));
            (kept + u128::from(up)) as f64 * power_of_two(e + i64::from(drop))
        }
    };
    if negative { -magnitude } else { magnitude }
}

/// `2^e` for e from -1074 to 1023.
fn power_of_two(e: i64) -> f64 {
    if e >= -1022 {
        f64::from_bits(((e + 1023) as u64) << 52)
    } else {
        f64::from_bits(1u64 << (e + 1074).clamp(0, 63))
    }
}

/// `n × 2^e`.
pub(super) fn integer(n: i128, e: i64) -> f64 {
    round(n < 0, n.unsigned_abs(), false, e)
}

/// `n / d × 2^e`, for `d > 0`.
pub(super) fn ratio(n: i128, d: u64, e: i64) -> f64 {
    if n == 0 || d == 0 {
        return 0.0;
    }
    let magnitude = n.unsigned_abs();
    let shift = magnitude.leading_zeros();
    let (q, rest) = divide(magnitude << shift, d);
    round(n < 0, q, rest != 0, e - i64::from(shift))
}

/// Schoolbook division in two steps of 64 bits where the divisor is short: the usual case, and several times faster.
fn divide(n: u128, d: u64) -> (u128, u128) {
    let wide = u128::from(d);
    if d <= u64::from(u32::MAX) {
        // Digits of 32 bits, so that every step is a 64-bit division.
        let mut rest = 0u64;
        let mut q = 0u128;
        for place in [96, 64, 32, 0] {
            let step = (rest << 32) | ((n >> place) as u64 & 0xffff_ffff);
            q |= u128::from(step / d) << place;
            rest = step % d;
        }
        (q, u128::from(rest))
    } else {
        (n / wide, n % wide)
    }
}

/// `n / d × 2^e`, for `d > 0`, of any size.
pub(super) fn big_ratio(n: &BigInt, d: &BigUint, e: i64) -> f64 {
    let (q, sticky, shift) = quotient(n.magnitude(), d);
    round(n.sign() == Sign::Minus, q, sticky, e - shift)
}

/// The square root of `n / d × 2^e`; zero where `n` is not positive. The ratio is rounded to 53 bits first, with no
/// limit to its exponent, so that nothing overflows or vanishes on the way.
pub(super) fn big_root(n: &BigInt, d: &BigUint, e: i64) -> f64 {
    if n.sign() != Sign::Plus {
        return 0.0;
    }
    let (q, sticky, shift) = quotient(n.magnitude(), d);
    root(q, sticky, e - shift)
}

/// The same for a ratio whose parts are short.
pub(super) fn root_of_ratio(n: i256, d: u64, e: i32) -> f64 {
    if n <= i256::ZERO || d == 0 {
        return 0.0;
    }
    // The leading 128 bits, then as `ratio` does.
    let shift = n.leading_zeros();
    let (low, high) = n.wrapping_shl(shift).to_parts();
    let (q, rest) = divide(high as u128, d);
    root(q, rest != 0 || low != 0, i64::from(e) + 128 - i64::from(shift))
}

/// The square root of `q × 2^e`, the first factor rounded to 53 bits before.
pub(super) fn root(q: u128, sticky: bool, e: i64) -> f64 {
    let odd = e.rem_euclid(2);
    let square = round(false, q, sticky, 0) * if odd == 1 { 2.0 } else { 1.0 };
    let (_, mantissa, exponent) = parts(square.sqrt());
    round(false, u128::from(mantissa), false, i64::from(exponent) + (e - odd) / 2)
}

/// `(q, sticky, shift)`: `n / d` is `q / 2^shift`, and a little more where `sticky`; `q` has 66 to 68 bits.
fn quotient(n: &BigUint, d: &BigUint) -> (u128, bool, i64) {
    if n.is_zero() || d.is_zero() {
        return (0, false, 0);
    }
    let shift = 67 - (n.bits() as i64 - d.bits() as i64);
    let (q, rest) = if shift >= 0 {
        let n = n << (shift as u64);
        (&n / d, &n % d)
    } else {
        let d = d << (shift.unsigned_abs());
        (n / &d, n % &d)
    };
    (u128::try_from(q).unwrap_or(u128::MAX), !rest.is_zero(), shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_come_back_as_they_were() {
        for x in [1.0, -0.1, 5e-324, 2.2250738585072014e-308, 2.225073858507201e-308, f64::MAX, -1e300, 3.0] {
            let (negative, m, e) = parts(x);
            assert_eq!(round(negative, u128::from(m), false, i64::from(e)).to_bits(), x.to_bits());
        }
    }

    #[test]
    fn ties_go_to_even_and_a_sticky_bit_breaks_them() {
        let one = 1u128 << 53;
        assert_eq!(round(false, (one << 10) + (1 << 9), false, -10), 9007199254740992.0);
        assert_eq!(round(false, (one << 10) + (1 << 10), false, -10), 9007199254740992.0);
        assert_eq!(round(false, (one << 10) + (1 << 10), true, -10), 9007199254740994.0);
        assert_eq!(round(false, (one << 10) + (3 << 10), false, -10), 9007199254740996.0);
    }

    #[test]
    fn the_ends_of_the_range() {
        assert_eq!(round(false, 1, false, -1074), 5e-324);
        assert_eq!(round(false, 1, false, -1075), 0.0);
        assert_eq!(round(false, 3, false, -1076), 5e-324);
        assert_eq!(round(false, u128::MAX, false, -1074 - 128), 5e-324);
        assert_eq!(round(false, u128::MAX, false, -5000), 0.0);
        assert_eq!(round(true, 1, false, 1024), f64::NEG_INFINITY);
        assert_eq!(round(false, (1 << 54) - 1, false, 970), f64::INFINITY);
        assert_eq!(round(false, (1 << 55) - 3, false, 969), f64::MAX);
    }

    #[test]
    fn ratios_agree_in_both_sizes() {
        let mut seed = 12345u64;
        let mut next = || {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            seed ^ (seed >> 29)
        };
        for turn in 0..20_000u32 {
            let n = (i128::from(next()) << 64 | i128::from(next())) >> (turn % 120);
            let d = (next() >> (turn % 63)).max(1);
            let e = i64::from(next() as u32 % 2400) - 1300;
            let a = ratio(n, d, e);
            let b = big_ratio(&BigInt::from(n), &BigUint::from(d), e);
            assert_eq!(a.to_bits(), b.to_bits(), "{n} / {d} × 2^{e}");
            if n.unsigned_abs() < 1 << 53 && d < 1 << 53 {
                assert_eq!(ratio(n, d, 0), n as f64 / d as f64);
            }
        }
    }

    #[test]
    fn roots_agree_in_both_sizes() {
        let mut seed = 99u64;
        let mut next = || {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            seed ^ (seed >> 29)
        };
        for turn in 0..20_000u32 {
            let mut word = || u128::from(next()) << 64 | u128::from(next());
            let n = i256::from_parts(word(), (word() >> 1) as i128) >> (turn % 250) as u8;
            let d = (next() >> (turn % 63)).max(1);
            let e = (next() as u32 % 2400) as i32 - 1300;
            let big = BigInt::from_signed_bytes_le(&n.to_le_bytes());
            let (a, b) = (root_of_ratio(n, d, e), big_root(&big, &BigUint::from(d), i64::from(e)));
            assert_eq!(a.to_bits(), b.to_bits(), "{n} / {d} × 2^{e}");
        }
    }

    #[test]
    fn roots() {
        let one = BigUint::from(1u8);
        assert_eq!(big_root(&BigInt::from(2), &one, 0), 2f64.sqrt());
        assert_eq!(big_root(&BigInt::from(1), &BigUint::from(3u8), 0), (1f64 / 3.0).sqrt());
        assert_eq!(big_root(&BigInt::from(1), &one, -2148), 5e-324);
        assert_eq!(big_root(&BigInt::from(1), &one, 2046), 2f64.powi(1023));
        assert_eq!(big_root(&BigInt::from(2), &one, 3), 4.0);
        assert_eq!(big_root(&BigInt::from(-2), &one, 3), 0.0);
    }
}
