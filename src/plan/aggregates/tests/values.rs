//! First and last, distinct and most common, over every type.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use datafusion::arrow::array::{AsArray, Float64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::TimeUnit;

use super::super::{distinct, first, greatest, last, least, most_common};
use super::*;

fn types() -> Vec<DataType> {
    vec![
        DataType::Int64,
        DataType::Float64,
        DataType::Decimal128(20, 3),
        DataType::Utf8View,
        DataType::Utf8,
        DataType::LargeUtf8,
        DataType::Boolean,
        DataType::Date32,
        DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Timestamp(TimeUnit::Nanosecond, Some("Asia/Shanghai".into())),
        DataType::Timestamp(TimeUnit::Second, Some("+02:00".into())),
        DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
    ]
}

/// Values of a type, one in seven missing, of `kinds` different ones.
fn values(random: &mut StdRng, rows: usize, data_type: &DataType, kinds: i64) -> ArrayRef {
    let mut n = || (random.random_range(0..7) != 0).then(|| random.random_range(-kinds / 2..=kinds / 2));
    let numbers: Vec<Option<i64>> = (0..rows).map(|_| n()).collect();
    match data_type {
        DataType::Float64 => {
            let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 0.0, 5e-324];
            let floats = numbers.iter().enumerate().map(|(row, n)| match (row % 9, n) {
                (0, _) => Some(odd[row / 9 % odd.len()]),
                (_, n) => n.map(|n| n as f64 / 3.0),
            });
            Arc::new(floats.collect::<Float64Array>())
        }
        DataType::Boolean => {
            Arc::new(numbers.iter().map(|n| n.map(|n| n % 2 == 0)).collect::<BooleanArray>())
        }
        DataType::Date32 => {
            let days = numbers.iter().map(|n| n.map(|n| n as i32));
            Arc::new(days.collect::<datafusion::arrow::array::Date32Array>())
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => {
            let tails = ["", "x", "银行", " and much more than twelve bytes of it", " exactly"];
            let texts = numbers.iter().map(|n| {
                n.map(|n| {
                    if n == 0 {
                        String::new()
                    } else {
                        format!("{}{}", n, tails[n.unsigned_abs() as usize % 5])
                    }
                })
            });
            let texts: datafusion::arrow::array::StringArray = texts.collect();
            cast(&texts, data_type).unwrap()
        }
        other => cast(&Int64Array::from(numbers), other).unwrap(),
    }
}

/// A value for plain comparisons: `None` for missing, NaN too; zero without a sign.
fn plain(array: &ArrayRef) -> Vec<Option<ScalarValue>> {
    (0..array.len())
        .map(|row| match ScalarValue::try_from_array(array, row).unwrap() {
            ScalarValue::Dictionary(_, value) => *value,
            ScalarValue::Float64(x) => ScalarValue::Float64(x.filter(|x| !x.is_nan()).map(|x| x + 0.0)),
            other => other,
        })
        .map(|value| Some(value).filter(|value| !value.is_null()))
        .collect()
}

fn order(a: &Option<ScalarValue>, b: &Option<ScalarValue>) -> Ordering {
    match (a, b) {
        (None, None) => Ordering::Equal,
        (None, _) => Ordering::Less,
        (_, None) => Ordering::Greater,
        (Some(a), Some(b)) => a.partial_cmp(b).unwrap(),
    }
}

fn value(found: &ScalarValue) -> Option<ScalarValue> {
    Some(found.clone()).filter(|value| !value.is_null())
}

#[tokio::test]
async fn distinct_and_most_common() {
    for (at, data_type) in types().into_iter().enumerate() {
        for kinds in [6, 300] {
            let mut random = StdRng::seed_from_u64(at as u64 + 100);
            let (g, f) = frame(&mut random, 400, if kinds == 6 { 40 } else { 4 });
            let x = values(&mut random, g.len(), &data_type, kinds);
            let rows = batch(g.clone(), f.clone(), vec![("x", Arc::clone(&x))]);
            let calls =
                [filtered(distinct().call(vec![ident("x")])), filtered(most_common().call(vec![ident("x")]))];
            let found = agree_in(&rows, &calls, some_ways(at)).await;
            let parts = split(&g, &f, &plain(&x));
            for ((part, count), common) in parts.iter().zip(results(&found, 0)).zip(results(&found, 1)) {
                let mut times: Vec<(ScalarValue, usize)> = Vec::new();
                let mut sorted: Vec<&ScalarValue> = part.iter().flatten().collect();
                sorted.sort_by(|a, b| a.partial_cmp(b).unwrap());
                for value in sorted {
                    match times.last_mut() {
                        Some((last, n)) if last == value => *n += 1,
                        _ => times.push((value.clone(), 1)),
                    }
                }
                assert_eq!(count, ScalarValue::Int64(Some(times.len() as i64)), "{data_type}");
                let most = times.iter().map(|(_, n)| *n).max();
                let expected = times.iter().find(|(_, n)| Some(*n) == most).map(|(value, _)| value.clone());
                assert_eq!(value(&common), expected, "{data_type}");
            }
        }
    }
}

#[tokio::test]
async fn least_and_greatest_floats() {
    let mut random = StdRng::seed_from_u64(77);
    let (g, f) = frame(&mut random, 400, 40);
    // Of some groups, nothing but one infinity, or both, or none that is known.
    let infinite = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    let chosen = |(group, usual): (&i64, Option<f64>)| match group % 6 {
        kind @ 0..3 => Some(infinite[kind as usize]),
        3 => Some(if random.random() { f64::INFINITY } else { f64::NEG_INFINITY }),
        _ => usual,
    };
    let usual = values(&mut StdRng::seed_from_u64(78), g.len(), &DataType::Float64, 9);
    let usual: &Float64Array = usual.as_primitive();
    let x: ArrayRef = Arc::new(g.iter().zip(usual).map(chosen).collect::<Float64Array>());
    let rows = batch(g.clone(), f.clone(), vec![("x", Arc::clone(&x))]);
    let calls = [filtered(least().call(vec![ident("x")])), filtered(greatest().call(vec![ident("x")]))];
    let found = agree(&rows, &calls).await;
    for ((part, least), most) in
        split(&g, &f, &plain(&x)).iter().zip(results(&found, 0)).zip(results(&found, 1))
    {
        let known = || part.iter().flatten().cloned();
        let by = |a: &ScalarValue, b: &ScalarValue| a.partial_cmp(b).unwrap();
        assert_eq!(value(&least), known().min_by(by));
        assert_eq!(value(&most), known().max_by(by));
    }
}

#[tokio::test]
async fn first_and_last() {
    let times = [
        DataType::Int64,
        DataType::Date32,
        DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
    ];
    for (at, data_type) in types().into_iter().enumerate() {
        for ties in 0..3usize {
            let mut random = StdRng::seed_from_u64((at * 3 + ties) as u64);
            let (g, f) = frame(&mut random, 240, 20);
            let x = values(&mut random, g.len(), &data_type, 8);
            let t = values(&mut random, g.len(), &times[(at + ties) % times.len()], 6);
            let tie_types = [&types()[(at + ties) % 12], &types()[(at * 5 + 1) % 12]];
            let tie: Vec<ArrayRef> =
                tie_types[..ties].iter().map(|ty| values(&mut random, g.len(), ty, 3)).collect();
            let mut columns = vec![("x", Arc::clone(&x)), ("t", Arc::clone(&t))];
            columns.extend(["tie0", "tie1"].into_iter().zip(tie.iter().cloned()));
            let args: Vec<Expr> = columns.iter().map(|(name, _)| ident(*name)).collect();
            let rows = batch(g.clone(), f.clone(), columns);
            let calls = [filtered(first().call(args.clone())), filtered(last().call(args))];
            let found = agree_in(&rows, &calls, some_ways(at + ties)).await;
            let keys: Vec<Vec<Option<ScalarValue>>> = {
                let columns: Vec<_> = std::iter::once(&t).chain(&tie).chain([&x]).map(plain).collect();
                (0..g.len()).map(|row| columns.iter().map(|column| column[row].clone()).collect()).collect()
            };
            let parts = split(&g, &f, &keys);
            for ((part, first), last) in parts.iter().zip(results(&found, 0)).zip(results(&found, 1)) {
                let mut events: Vec<_> = part.iter().filter(|key| key[0].is_some()).collect();
                events.sort_by(|a, b| {
                    a.iter()
                        .zip(b.iter())
                        .map(|(a, b)| order(a, b))
                        .find(|o| o.is_ne())
                        .unwrap_or(Ordering::Equal)
                });
                let x = |event: Option<&&Vec<Option<ScalarValue>>>| {
                    event.and_then(|e| e.last().cloned().flatten())
                };
                assert_eq!(value(&first), x(events.first()), "first {data_type}, {ties} ties");
                assert_eq!(value(&last), x(events.last()), "last {data_type}, {ties} ties");
            }
        }
    }
}

/// Sorted input makes DataFusion emit groups while it reads (`EmitTo::First`).
#[tokio::test]
async fn groups_that_come_in_order() {
    let mut random = StdRng::seed_from_u64(5);
    let n = 5000;
    let g: Vec<i64> = (0..n).map(|row| row / 3).collect();
    let x = values(&mut random, n as usize, &DataType::Float64, 5000);
    let s = values(&mut random, n as usize, &DataType::Utf8View, 5000);
    let t = values(&mut random, n as usize, &DataType::Int64, 3);
    let rows = batch(g, vec![Some(true); n as usize], vec![("x", x), ("s", s), ("t", t)]);
    let mut calls = Vec::new();
    for f in super::super::all() {
        let named = |name: &str| match f.name() {
            "segue_first" | "segue_last" => f.call(vec![ident(name), ident("t")]),
            _ => f.call(vec![ident(name)]),
        };
        calls.push(named("x"));
        if matches!(f.name(), "segue_first" | "segue_last" | "segue_distinct" | "segue_most_common") {
            calls.push(named("s"));
        }
    }
    let way = Way { partitions: 1, batch_size: 64, skip_partial: false, shuffle: None, memory: None };
    let expected = run(&rows, &calls, way, true).await.unwrap();
    let context = context(way);
    let sorted = table(&rows, way);
    let sorted = Arc::try_unwrap(sorted).unwrap().with_sort_order(vec![vec![ident("g").sort(true, true)]]);
    let named = calls.iter().enumerate().map(|(at, call)| call.clone().alias(format!("a{at}"))).collect();
    let frame = context.read_table(Arc::new(sorted)).unwrap().aggregate(vec![ident("g")], named).unwrap();
    let plan = frame.create_physical_plan().await.unwrap();
    let shown = datafusion::physical_plan::displayable(plan.as_ref()).indent(false).to_string();
    assert!(shown.contains("ordering_mode=Sorted"), "{shown}");
    let batches = collect(plan, context.task_ctx()).await.unwrap();
    let mut found = BTreeMap::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let cells: Vec<_> =
                batch.columns().iter().map(|c| ScalarValue::try_from_array(c, row).unwrap()).collect();
            let ScalarValue::Int64(Some(g)) = cells[0] else { panic!() };
            found.insert(g, cells[1..].to_vec());
        }
    }
    assert_eq!(found.into_values().collect::<Vec<_>>(), expected);
}

/// States go to disk and come back.
#[tokio::test]
async fn groups_that_spill() {
    let mut random = StdRng::seed_from_u64(6);
    let n = 30_000;
    let g: Vec<i64> = (0..n).map(|_| random.random_range(0..10_000)).collect();
    let x = values(&mut random, n, &DataType::Float64, 5000);
    let s = values(&mut random, n, &DataType::Utf8View, 5000);
    let t = values(&mut random, n, &DataType::Int64, 3);
    let rows = batch(g, vec![Some(true); n], vec![("x", x), ("s", s), ("t", t)]);
    for f in super::super::all() {
        for name in ["x", "s"] {
            let call = match f.name() {
                "segue_first" | "segue_last" => f.call(vec![ident(name), ident("t")]),
                "segue_distinct" | "segue_most_common" => f.call(vec![ident(name)]),
                _ => f.call(vec![ident("x")]),
            };
            let way =
                Way { partitions: 2, batch_size: 512, skip_partial: false, shuffle: Some(1), memory: None };
            let expected = run(&rows, std::slice::from_ref(&call), way, true).await.unwrap();
            // Too little memory fails, and too much does not spill.
            let mut spilled = false;
            for memory in [4096, 2048, 1024, 700, 512, 384, 256, 192, 128] {
                let tight = Way { memory: Some(memory << 10), partitions: 1, ..way };
                let calls = std::slice::from_ref(&call);
                let ran = run_with(&rows, calls, tight, true, "spill_count").await;
                if let Ok((found, spills)) = ran {
                    assert!(found == expected, "{}", f.name());
                    spilled |= spills > 0;
                    if spilled {
                        break;
                    }
                }
            }
            assert!(spilled, "{} did not spill", f.name());
        }
    }
}
