//! Comparisons of stored times as times of microseconds and as days, as DataFusion asks them once it has had its way with them,
//! against plain Rust.

use super::{converted, day};
use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, TimestampNanosecondArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::prelude::{Expr, SessionContext, ident, in_list, lit};
use datafusion::scalar::ScalarValue;
use std::sync::Arc;

const DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// What is stored: times of a unit, some of them missing, around some microseconds.
fn stored(unit: TimeUnit, around: &[i64]) -> Vec<Option<i64>> {
    let size = match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    };
    let near = |micros: &i64| {
        (-1_001..=1_001).step_by(91).chain([-1_000, -999, -1, 0, 1, 999, 1_000]).map({
            let stored = (i128::from(*micros) * 1_000).div_euclid(size) as i64;
            move |by| Some(stored + by)
        })
    };
    around.iter().flat_map(near).chain([None]).collect()
}

/// The microsecond that a stored time is read as.
fn micros(unit: TimeUnit, stored: i64) -> i64 {
    match unit {
        TimeUnit::Second => stored * 1_000_000,
        TimeUnit::Millisecond => stored * 1_000,
        TimeUnit::Microsecond => stored,
        TimeUnit::Nanosecond => stored / 1_000,
    }
}

/// The numbers of the rows that fulfil a condition.
async fn rows(context: &SessionContext, times: &ArrayRef, condition: Expr) -> (Vec<i64>, String) {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..times.len() as i64));
    let batch =
        RecordBatch::try_from_iter_with_nullable([("row", numbers, false), ("t", Arc::clone(times), true)]);
    let frame = context.read_batch(batch.unwrap()).unwrap().filter(condition).unwrap();
    let plan = frame.clone().into_optimized_plan().unwrap().to_string();
    let found = frame.collect().await.unwrap();
    let numbers = found.iter().flat_map(|batch| {
        let rows = batch.column(0).as_any().downcast_ref::<Int64Array>().unwrap();
        rows.values().to_vec()
    });
    (numbers.collect(), plan)
}

type Comparison = (fn(Expr, Expr) -> Expr, fn(i64, i64) -> bool);

fn comparisons() -> [Comparison; 6] {
    [
        (Expr::eq, |a, b| a == b),
        (Expr::not_eq, |a, b| a != b),
        (Expr::lt, |a, b| a < b),
        (Expr::lt_eq, |a, b| a <= b),
        (Expr::gt, |a, b| a > b),
        (Expr::gt_eq, |a, b| a >= b),
    ]
}

#[tokio::test]
async fn stored_times_are_compared_as_what_they_are_read_as() {
    let context = SessionContext::new();
    let around = [0, 1, -1, 1_000, -1_000, DAY, -DAY, 1_790_000_000_000_000, 1_790_000_000_000_500];
    let units = [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond];
    for (unit, zone) in units.into_iter().flat_map(|unit| [(unit, None), (unit, Some("UTC".into()))]) {
        let stored = stored(unit, &around);
        let times =
            cast(&Int64Array::from(stored.clone()), &DataType::Timestamp(unit, zone.clone())).unwrap();
        let holds = |test: &dyn Fn(i64) -> bool| -> Vec<i64> {
            let of_row = |(row, t): (usize, &Option<i64>)| {
                t.is_some_and(|t| test(micros(unit, t))).then_some(row as i64)
            };
            stored.iter().enumerate().filter_map(of_row).collect()
        };
        let read = || converted(ident("t"), DataType::Timestamp(TimeUnit::Microsecond, zone.clone()));
        let literal = |t: i64| lit(ScalarValue::TimestampMicrosecond(Some(t), zone.clone()));
        for t in around.into_iter().flat_map(|t| [t, t + 1, t - 1, t + 500]) {
            for (asked, meant) in comparisons() {
                let (found, plan) = rows(&context, &times, asked(read(), literal(t))).await;
                assert_eq!(found, holds(&|read| meant(read, t)), "{unit:?} {t}\n{plan}");
                assert!(!plan.contains("segue_converted"), "{plan}");
                // The other way round, too.
                let (found, _) = rows(&context, &times, asked(literal(t), read())).await;
                assert_eq!(found, holds(&|read| meant(t, read)), "{unit:?} {t}");
            }
        }
        for negated in [false, true] {
            let (found, _) =
                rows(&context, &times, in_list(read(), around.map(literal).to_vec(), negated)).await;
            assert_eq!(found, holds(&|read| around.contains(&read) != negated), "{unit:?}");
            let (found, _) = rows(
                &context,
                &times,
                in_list(read(), around[..2].iter().map(|t| literal(*t)).collect(), negated),
            )
            .await;
            assert_eq!(found, holds(&|read| around[..2].contains(&read) != negated), "{unit:?}");
        }
        if zone.is_some() {
            continue;
        }
        for d in [0, 1, -1, 20_717, 20_718] {
            let literal = lit(ScalarValue::Date32(Some(d)));
            for (asked, meant) in comparisons() {
                let (found, plan) = rows(&context, &times, asked(day(ident("t")), literal.clone())).await;
                let expected = holds(&|read| meant(read.div_euclid(DAY), i64::from(d)));
                assert_eq!(found, expected, "{unit:?} {d}\n{plan}");
                assert!(!plan.contains("segue_day"), "{plan}");
            }
        }
    }
}

#[tokio::test]
async fn times_at_the_ends_of_their_types_are_compared() {
    let context = SessionContext::new();
    let times: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![i64::MIN, -1, i64::MAX]));
    for t in [i64::MIN, i64::MAX] {
        let literal = lit(ScalarValue::TimestampMicrosecond(Some(t), None));
        let read = converted(ident("t"), DataType::Timestamp(TimeUnit::Microsecond, None));
        assert_eq!(
            rows(&context, &times, read.clone().gt(literal.clone())).await.0.len(),
            if t < 0 { 3 } else { 0 }
        );
        assert_eq!(rows(&context, &times, read.eq(literal)).await.0.len(), 0);
    }
    for d in [i32::MIN, i32::MAX] {
        let found = rows(&context, &times, day(ident("t")).gt(lit(ScalarValue::Date32(Some(d))))).await;
        assert_eq!(found.0.len(), if d < 0 { 3 } else { 0 });
    }
}
