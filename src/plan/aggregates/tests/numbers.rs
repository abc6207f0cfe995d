//! Sums, means, deviations, medians.

use datafusion::arrow::array::{Decimal128Array, Float64Array};
use num_bigint::BigInt;
use num_traits::{Signed, Zero};

use super::super::{exact_avg, exact_stddev, exact_sum, median};
use super::*;

/// In units of 2^-1074.
fn units(x: f64) -> BigInt {
    let bits = x.to_bits();
    let e = (bits >> 52) & 0x7ff;
    let m = bits & ((1 << 52) - 1);
    let n = if e == 0 { BigInt::from(m) } else { BigInt::from(m | 1 << 52) << (e - 1) };
    if x < 0.0 { -n } else { n }
}

/// The nearest float to `n / d` units, by way of the exact decimal text, or by comparing with the neighbours.
fn assert_nearest(found: f64, n: &BigInt, d: &BigInt) {
    if found.is_infinite() {
        let limit = (BigInt::from((1u64 << 54) - 1) << (1074 + 970)) * d;
        assert!(n.abs() >= limit, "{found}");
        return;
    }
    let error = |c: f64| (units(c) * d - n).abs();
    let own = error(found);
    for other in [found.next_up(), found.next_down()] {
        if other.is_finite() {
            let even = found.to_bits() & 1 == 0;
            assert!(own < error(other) || (own == error(other) && even), "{found} {other}");
        }
    }
}

fn floats(random: &mut StdRng, rows: usize, infinities: bool) -> Vec<Option<f64>> {
    let special =
        [1e308, -1e308, 5e-324, -5e-324, 0.1, 1e16, -1e16, 1.0, -0.0, 2.2e-308, 1e-9, 1.7e308, 3e14];
    (0..rows)
        .map(|_| match random.random_range(0..20) {
            0 => None,
            1 => Some(f64::NAN),
            2 if infinities => Some(if random.random() { f64::INFINITY } else { f64::NEG_INFINITY }),
            3..=5 => Some(special[random.random_range(0..special.len())]),
            6..=8 => Some(0.1),
            9 => Some(f64::from_bits(random.random())).filter(|x| x.is_finite()),
            10..=14 => Some(f64::from(random.random_range(-1_000_000..1_000_000)) / 100.0),
            _ => Some(random.random_range(-1e6..1e6)),
        })
        .collect()
}

fn float(value: &ScalarValue) -> Option<f64> {
    match value {
        ScalarValue::Float64(x) => *x,
        other => panic!("{other:?}"),
    }
}

fn calls() -> Vec<Expr> {
    [exact_sum(), exact_avg(), exact_stddev(), median()]
        .iter()
        .map(|f| filtered(f.call(vec![ident("x")])))
        .collect()
}

/// `n / d`, a square of units where `squared`; the root must be within one float of `found`.
fn assert_root(found: f64, n: &BigInt, d: &BigInt) {
    // found² against n / d, with half a step to each side allowed and a little more.
    let square = |x: f64| units(x) * units(x) * d;
    assert!(square(found.next_up()) >= *n, "{found}");
    if found > 0.0 {
        assert!(square(found.next_down()) <= *n, "{found}");
    }
}

fn check_floats(parts: &[Vec<Option<f64>>], found: &(Vec<Vec<ScalarValue>>, Vec<ScalarValue>)) {
    let (sums, means) = (results(found, 0), results(found, 1));
    let (deviations, medians) = (results(found, 2), results(found, 3));
    for (at, part) in parts.iter().enumerate() {
        let known: Vec<f64> = part.iter().flatten().copied().filter(|x| !x.is_nan()).collect();
        let plus = known.contains(&f64::INFINITY);
        let minus = known.contains(&f64::NEG_INFINITY);
        let (sum, mean) = (float(&sums[at]), float(&means[at]));
        if part.is_empty() {
            assert_eq!(sum, Some(0.0));
        }
        if known.is_empty() {
            assert_eq!(mean, None);
            assert_eq!(sum, (part.is_empty()).then_some(0.0));
        } else if plus || minus {
            let expected = (plus != minus).then_some(if plus { f64::INFINITY } else { f64::NEG_INFINITY });
            assert_eq!((sum, mean), (expected, expected));
        } else {
            let total: BigInt = known.iter().map(|x| units(*x)).sum();
            let text = format!("{}e-1074", &total * BigInt::from(5).pow(1074));
            let nearest: f64 = text.parse().unwrap();
            assert_eq!(sum.unwrap().to_bits(), (nearest + 0.0).to_bits());
            assert_nearest(mean.unwrap(), &total, &BigInt::from(known.len()));
        }
        let deviation = float(&deviations[at]);
        if known.len() < 2 || plus || minus {
            assert_eq!(deviation, None);
        } else if deviation.unwrap().is_finite() {
            let n = BigInt::from(known.len());
            let total: BigInt = known.iter().map(|x| units(*x)).sum();
            let squares: BigInt = known.iter().map(|x| units(*x) * units(*x)).sum();
            assert_root(deviation.unwrap(), &(&n * squares - &total * &total), &(&n * (&n - 1)));
        }
        let mut sorted = known;
        sorted.sort_by(f64::total_cmp);
        let middle = float(&medians[at]);
        match sorted.len() {
            0 => assert_eq!(middle, None),
            n if n % 2 == 1 => assert_eq!(middle, Some(sorted[n / 2] + 0.0)),
            n => {
                let (a, b) = (sorted[n / 2 - 1], sorted[n / 2]);
                if a.is_infinite() || b.is_infinite() {
                    assert_eq!(middle, Some(a + b).filter(|x| !x.is_nan()));
                } else {
                    assert_nearest(middle.unwrap(), &(units(a) + units(b)), &BigInt::from(2));
                }
            }
        }
    }
}

#[tokio::test]
async fn floats_with_every_extreme() {
    for seed in 0..6 {
        let mut random = StdRng::seed_from_u64(seed);
        let (g, f) = frame(&mut random, 300, if seed % 2 == 0 { 12 } else { 100 });
        let x = floats(&mut random, g.len(), seed % 3 == 0);
        let rows = batch(g.clone(), f.clone(), vec![("x", Arc::new(Float64Array::from(x.clone())))]);
        check_floats(&split(&g, &f, &x), &agree(&rows, &calls()).await);
    }
}

#[tokio::test]
async fn cents_add_up() {
    let mut random = StdRng::seed_from_u64(7);
    let (g, f) = frame(&mut random, 1000, 5);
    let x: Vec<Option<f64>> = vec![Some(0.1); g.len()];
    let rows = batch(g.clone(), f.clone(), vec![("x", Arc::new(Float64Array::from(x.clone())))]);
    check_floats(&split(&g, &f, &x), &agree(&rows, &calls()).await);
}

#[tokio::test]
async fn small_deviations_beside_large_values() {
    let x: Vec<f64> = (0..100).map(|n| 1e15 + f64::from(n % 2)).collect();
    let tiny: Vec<f64> = (0..100).map(|n| if n % 2 == 0 { 5e-324 } else { 3e-323 }).collect();
    let rows = batch(
        vec![1; 100],
        vec![Some(true); 100],
        vec![("x", Arc::new(Float64Array::from(x))), ("tiny", Arc::new(Float64Array::from(tiny)))],
    );
    let (_, whole) =
        agree(&rows, &[exact_stddev().call(vec![ident("x")]), exact_stddev().call(vec![ident("tiny")])])
            .await;
    assert_eq!(float(&whole[0]), Some((25.0 / 99.0f64).sqrt()));
    // 2.5 · (100/99)^½ of the smallest float, rounded.
    assert_eq!(float(&whole[1]), Some(1.5e-323));
}

fn check_whole(parts: &[Vec<Option<i128>>], scale: u32, found: &(Vec<Vec<ScalarValue>>, Vec<ScalarValue>)) {
    let (means, deviations, medians) = (results(found, 0), results(found, 1), results(found, 2));
    let power = BigInt::from(10).pow(scale);
    let one = BigInt::from(1) << 1074;
    for (at, part) in parts.iter().enumerate() {
        let mut known: Vec<BigInt> = part.iter().flatten().map(|x| BigInt::from(*x)).collect();
        known.sort();
        let n = BigInt::from(known.len());
        let total: BigInt = known.iter().sum();
        if known.is_empty() {
            assert_eq!((float(&means[at]), float(&medians[at])), (None, None));
            continue;
        }
        assert_nearest(float(&means[at]).unwrap(), &(&total * &one), &(&n * &power));
        let (a, b) = (&known[(known.len() - 1) / 2], &known[known.len() / 2]);
        assert_nearest(float(&medians[at]).unwrap(), &((a + b) * &one), &(&power * 2));
        if known.len() < 2 {
            assert_eq!(float(&deviations[at]), None);
        } else {
            let squares: BigInt = known.iter().map(|x| x * x).sum();
            let spread = &n * squares - &total * &total;
            let d = &n * (&n - 1) * &power * &power;
            assert_root(float(&deviations[at]).unwrap(), &(spread * &one * &one), &d);
        }
    }
}

#[tokio::test]
async fn whole_numbers() {
    for seed in 0..3 {
        let mut random = StdRng::seed_from_u64(seed);
        let (g, f) = frame(&mut random, 250, 15);
        let x: Vec<Option<i64>> = g
            .iter()
            .map(|_| match random.random_range(0..10) {
                0 => None,
                1 if seed == 1 => Some(i64::MAX),
                2 if seed == 1 => Some(i64::MIN),
                _ => Some(random.random_range(-1_000_000..1_000_000)),
            })
            .collect();
        let rows = batch(g.clone(), f.clone(), vec![("x", Arc::new(Int64Array::from(x.clone())))]);
        let wide: Vec<Option<i128>> = x.iter().map(|x| x.map(i128::from)).collect();
        let parts = split(&g, &f, &wide);
        check_whole(&parts, 0, &agree(&rows, &calls()[1..]).await);
        if seed != 1 {
            let found = results(&agree(&rows, &calls()[..1]).await, 0);
            for (part, found) in parts.iter().zip(found) {
                let known: Vec<i128> = part.iter().flatten().copied().collect();
                let missing = known.is_empty() && !part.is_empty();
                assert_eq!(found, ScalarValue::Int64((!missing).then(|| known.iter().sum::<i128>() as i64)));
            }
        }
    }
}

#[tokio::test]
async fn decimals() {
    for (seed, scale) in [(0, 2i8), (1, 0), (2, 20)] {
        let mut random = StdRng::seed_from_u64(seed);
        let (g, f) = frame(&mut random, 250, 15);
        let most = 10i128.pow(38) - 1;
        let x: Vec<Option<i128>> = g
            .iter()
            .map(|_| match random.random_range(0..10) {
                0 => None,
                1 if seed == 1 => Some(most),
                2 if seed == 1 => Some(-most),
                _ => Some(random.random_range(-1_000_000..1_000_000)),
            })
            .collect();
        let array = Decimal128Array::from(x.clone()).with_precision_and_scale(38, scale).unwrap();
        let rows = batch(g.clone(), f.clone(), vec![("x", Arc::new(array))]);
        let parts = split(&g, &f, &x);
        check_whole(&parts, scale as u32, &agree(&rows, &calls()[1..]).await);
        if seed != 1 {
            let found = results(&agree(&rows, &calls()[..1]).await, 0);
            for (part, found) in parts.iter().zip(found) {
                let known: Vec<i128> = part.iter().flatten().copied().collect();
                let missing = known.is_empty() && !part.is_empty();
                assert_eq!(found, ScalarValue::Decimal128((!missing).then(|| known.iter().sum()), 38, scale));
            }
        }
    }
}

/// An error must not depend on the order either: here the sum fits, but not on every way to it.
#[tokio::test]
async fn too_large_is_judged_at_the_end() {
    let most = 10i128.pow(38) - 1;
    for (x, error) in [
        (vec![most, most, -most, -most, most], None),
        (vec![most, most, -most], None),
        (vec![most, 1], Some("a sum became too large for a decimal")),
        (vec![most; 40], Some("a sum became too large for a decimal")),
    ] {
        let expected = x.iter().fold(BigInt::zero(), |sum, x| sum + x);
        let array = Decimal128Array::from(x).with_precision_and_scale(38, 0).unwrap();
        let n = array.len();
        let rows = batch(vec![1; n], vec![Some(true); n], vec![("x", Arc::new(array))]);
        for way in ways() {
            match (run(&rows, &calls()[..1], way, true).await, error) {
                (Ok(found), None) => {
                    let expected = i128::try_from(expected.clone()).ok();
                    assert_eq!(found[0][0], ScalarValue::Decimal128(expected, 38, 0));
                }
                (Err(found), Some(error)) => assert!(found.to_string().contains(error), "{found}"),
                other => panic!("{other:?}"),
            }
        }
    }
    let array = Int64Array::from(vec![i64::MAX, 1]);
    let rows = batch(vec![1; 2], vec![Some(true); 2], vec![("x", Arc::new(array))]);
    for way in ways() {
        let error = run(&rows, &calls()[..1], way, false).await.unwrap_err().to_string();
        assert!(error.contains("a sum became too large for a whole number"), "{error}");
    }
}
