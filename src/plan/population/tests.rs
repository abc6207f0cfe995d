//! The operator against plain arithmetic: every row by itself, by counting those above and below it.

use super::node::{Among, CompareNode, Part, Take};
use crate::plan::Planner;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array,
    RecordBatch, StringViewArray,
};
use datafusion::arrow::compute::{concat_batches, sort_to_indices, take_record_batch};
use datafusion::arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema};
use datafusion::catalog::MemTable;
use datafusion::common::{Column, DataFusionError, Result};
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryLimit, MemoryPool, MemoryReservation};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::{Extension, LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::{Expr, SessionConfig, SessionContext};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

const PARTS: [Part; 12] = [
    Part::Below,
    Part::Upwards,
    Part::Above,
    Part::Downwards,
    Part::Tile { tiles: 5, together: false },
    Part::Tile { tiles: 3, together: true },
    Part::Tile { tiles: 1000, together: false },
    Part::Size,
    Part::Mean,
    Part::Taken(Take::Count(2)),
    Part::Taken(Take::Share { digits: 1, scale: 10 }),
    Part::Taken(Take::Share { digits: 1, scale: 1 }),
];

/// One customer: the value is an index into a table of values in their order, with equal ones among them.
#[derive(Clone, Copy)]
struct Row {
    key: i64,
    value: Option<usize>,
    city: Option<usize>,
    kind: Option<i64>,
    base: Option<bool>,
}

/// Values in their order, as an array, and which of them are equal; NaN is missing.
struct Domain {
    name: &'static str,
    order: Vec<usize>,
    values: ArrayRef,
    floats: Option<Vec<f64>>,
}

fn domains() -> Vec<Domain> {
    let decimals = |units: Vec<i128>| -> ArrayRef {
        Arc::new(Decimal128Array::from(units).with_precision_and_scale(38, 2).unwrap())
    };
    let floats = vec![f64::NEG_INFINITY, -1e300, -2.5, -0.0, 0.0, 5e-324, 1.5, 1e300];
    let huge = 10i128.pow(37);
    vec![
        Domain {
            name: "whole numbers",
            order: vec![0, 1, 2, 3, 4],
            values: Arc::new(Int64Array::from(vec![i64::MIN, -3, 0, 7, i64::MAX])),
            floats: None,
        },
        Domain {
            name: "floats",
            order: vec![0, 1, 2, 3, 3, 4, 5, 6],
            values: Arc::new(Float64Array::from(floats)),
            floats: None,
        },
        Domain {
            name: "few floats",
            order: vec![0, 1, 2],
            values: Arc::new(Float64Array::from(vec![-1.0, 0.5, 3.25])),
            floats: Some(vec![-1.0, 0.5, 3.25]),
        },
        Domain {
            name: "all equal",
            order: vec![0],
            values: Arc::new(Int64Array::from(vec![8])),
            floats: Some(vec![8.0]),
        },
        Domain { name: "decimals", order: vec![0, 1, 2], values: decimals(vec![-5, 0, 1250]), floats: None },
        Domain {
            name: "large decimals",
            order: vec![0, 1, 2, 3],
            values: decimals(vec![-huge, -1, 1 << 90, huge]),
            floats: None,
        },
        Domain {
            name: "days",
            order: vec![0, 1, 2],
            values: Arc::new(Date32Array::from(vec![-1, 0, 20_000])),
            floats: None,
        },
        Domain {
            name: "texts",
            order: vec![0, 1, 2, 3],
            values: Arc::new(StringViewArray::from(vec!["", "a", "a text that is no short one", "武汉"])),
            floats: None,
        },
    ]
}

fn rows(draw: &mut ChaCha8Rng, count: usize, domain: &Domain, text_keys: bool) -> Vec<Row> {
    let some = |draw: &mut ChaCha8Rng, n: usize| draw.random_bool(0.9).then(|| draw.random_range(0..n));
    let mut rows: Vec<Row> = (0..count)
        .map(|at| Row {
            key: at as i64 * 3 - 100 + if text_keys { 1_000_000 } else { 0 },
            value: some(draw, domain.order.len()),
            city: some(draw, 4),
            kind: some(draw, 3).map(|k| k as i64),
            base: some(draw, 3).map(|b| b > 0),
        })
        .collect();
    if draw.random_bool(0.5) {
        rows.shuffle(draw);
    }
    rows
}

fn batch(rows: &[Row], domain: &Domain, text_keys: bool) -> RecordBatch {
    let cities = ["", "a", "a city with a long name", "a city with a long nose"];
    let key: ArrayRef = if text_keys {
        Arc::new(rows.iter().map(|r| Some(r.key.to_string())).collect::<StringViewArray>())
    } else {
        Arc::new(rows.iter().map(|r| r.key).collect::<Int64Array>())
    };
    let picked: Int64Array = rows.iter().map(|r| r.value.map(|v| v as i64)).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("key", key),
        ("value", datafusion::arrow::compute::take(&domain.values, &picked, None).unwrap()),
        ("city", Arc::new(rows.iter().map(|r| r.city.map(|c| cities[c])).collect::<StringViewArray>())),
        ("kind", Arc::new(rows.iter().map(|r| r.kind).collect::<Int64Array>())),
        ("base", Arc::new(rows.iter().map(|r| r.base).collect::<BooleanArray>())),
    ];
    let fields: Vec<Field> =
        columns.iter().map(|(name, c)| Field::new(*name, c.data_type().clone(), true)).collect();
    let columns = columns.into_iter().map(|(_, c)| c).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

fn column(name: &str) -> Expr {
    Expr::Column(Column::new(Some("t"), name))
}

/// Runs the operator; the rows by their keys.
async fn compared(
    batches: Vec<Vec<RecordBatch>>,
    threads: usize,
    within: &[&str],
    based: bool,
    parts: &[Part],
) -> RecordBatch {
    let among = among(within, based, parts, 0);
    compare(batches, threads, vec![among], SessionStateBuilder::new()).await.unwrap()
}

/// Peers whose parts are columns from `part{first}` on.
fn among(within: &[&str], based: bool, parts: &[Part], first: usize) -> Among {
    Among {
        value: column("value"),
        within: within.iter().map(|w| column(w)).collect(),
        base: based.then(|| column("base").is_true()),
        parts: (first..).zip(parts).map(|(at, part)| (format!("part{at}"), *part)).collect(),
    }
}

async fn compare(
    batches: Vec<Vec<RecordBatch>>,
    threads: usize,
    among: Vec<Among>,
    state: SessionStateBuilder,
) -> Result<RecordBatch> {
    let schema = batches[0][0].schema();
    let table = MemTable::try_new(schema, batches)?;
    let plan = LogicalPlanBuilder::scan("t", provider_as_source(Arc::new(table)), None)?;
    let node = CompareNode::try_new(plan.build()?, column("key"), among)?;
    let plan = LogicalPlan::Extension(Extension { node: Arc::new(node) });
    let state = state
        .with_config(SessionConfig::new().with_target_partitions(threads))
        .with_default_features()
        .with_query_planner(Arc::new(Planner))
        .build();
    let frame = SessionContext::new_with_state(state).execute_logical_plan(plan).await?;
    let schema = Arc::clone(frame.schema().inner());
    let all = concat_batches(&schema, &frame.collect().await?)?;
    let key = all.column_by_name("key").unwrap();
    Ok(take_record_batch(&all, &sort_to_indices(key, None, None)?)?)
}

/// What a part is, by counting.
#[derive(PartialEq, Debug)]
enum Is {
    Number(i64),
    Float(f64),
    Truth(bool),
    Missing,
}

fn expected(rows: &[Row], at: usize, part: Part, within: &[&str], based: bool, domain: &Domain) -> Is {
    let own = &rows[at];
    let in_base = |r: &Row| !based || r.base == Some(true);
    let grouped =
        |r: &Row| within.iter().all(|w| if *w == "city" { r.city.is_some() } else { r.kind.is_some() });
    let eligible = |r: &Row| r.value.is_some() && grouped(r);
    if !in_base(own) || !eligible(own) {
        return match part {
            Part::Taken(_) if in_base(own) => Is::Missing,
            Part::Taken(_) => Is::Truth(false),
            _ => Is::Missing,
        };
    }
    let same = |r: &&Row| {
        in_base(r)
            && eligible(r)
            && within.iter().all(|w| if *w == "city" { r.city == own.city } else { r.kind == own.kind })
    };
    let others: Vec<&Row> = rows.iter().filter(same).collect();
    let rank = |r: &Row| domain.order[r.value.unwrap()];
    let count = |test: &dyn Fn(Ordering, bool) -> bool| {
        others.iter().filter(|o| test(rank(o).cmp(&rank(own)), o.key < own.key)).count() as i64
    };
    let downwards = 1 + count(&|o, lower| o == Ordering::Greater || o == Ordering::Equal && lower);
    let size = others.len() as i64;
    match part {
        Part::Below => Is::Number(1 + count(&|o, _| o == Ordering::Less)),
        Part::Upwards => {
            Is::Number(1 + count(&|o, lower| o == Ordering::Less || o == Ordering::Equal && lower))
        }
        Part::Above => Is::Number(1 + count(&|o, _| o == Ordering::Greater)),
        Part::Downwards => Is::Number(downwards),
        Part::Tile { tiles, together } => {
            let lower =
                |o: Ordering, lower: bool| o == Ordering::Less || !together && o == Ordering::Equal && lower;
            Is::Number(dealt(size, i64::from(tiles), count(&lower)))
        }
        Part::Size => Is::Number(size),
        Part::Mean => {
            let floats = domain.floats.as_ref().unwrap();
            // Quarters: exact in any order.
            Is::Float(others.iter().map(|o| floats[o.value.unwrap()]).sum::<f64>() / size as f64)
        }
        Part::Taken(Take::Count(n)) => Is::Truth(downwards <= n as i64),
        Part::Taken(Take::Share { digits, scale }) => Is::Truth((downwards - 1) * scale < size * digits),
        Part::Deviation => Is::Missing,
    }
}

/// The tile of whom so many stand before, by dealing out sizes.
fn dealt(size: i64, tiles: i64, before: i64) -> i64 {
    let mut end = 0;
    for tile in 1..=tiles {
        end += size / tiles + i64::from(tile <= size % tiles);
        if before < end {
            return tile;
        }
    }
    panic!("nobody's tile")
}

fn found(array: &ArrayRef, row: usize) -> Is {
    if array.is_null(row) {
        return Is::Missing;
    }
    match array.data_type() {
        DataType::Int64 => Is::Number(array.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => Is::Float(array.as_primitive::<Float64Type>().value(row)),
        _ => Is::Truth(array.as_boolean().value(row)),
    }
}

async fn check(draw: &mut ChaCha8Rng, domain: &Domain, count: usize, text_keys: bool) {
    let mut rows = rows(draw, count, domain, text_keys);
    let length = draw.random_range(1..=count.max(2));
    let batches: Vec<RecordBatch> = rows.chunks(length).map(|c| batch(c, domain, text_keys)).collect();
    let empty = || vec![batch(&[], domain, text_keys)];
    // Batches come in any order, from one partition or from two.
    let half = batches.len() / 2;
    let (front, back) = batches.split_at(half);
    let partitions = match draw.random_bool(0.5) {
        true => vec![[back, front].concat()],
        false => vec![back.to_vec(), if front.is_empty() { empty() } else { front.to_vec() }],
    };
    let partitions = if count == 0 { vec![empty()] } else { partitions };
    rows.sort_by_key(|r| r.key);
    let parts: Vec<Part> =
        PARTS.into_iter().filter(|p| *p != Part::Mean || domain.floats.is_some()).collect();
    for (within, based) in [
        (&[][..], false),
        (&[][..], true),
        (&["city"][..], false),
        (&["kind"][..], true),
        (&["city", "kind"][..], true),
    ] {
        for threads in [1, 3] {
            let all = compared(partitions.clone(), threads, within, based, &parts).await;
            // The largest and few tiles alone: nothing is sorted.
            let few = |p: &Part| matches!(p, Part::Taken(_) | Part::Tile { tiles: 5, together: false });
            let mut some: Vec<Part> = parts.iter().copied().filter(few).collect();
            some.push(Part::Tile { tiles: 3, together: false });
            let only = compared(partitions.clone(), threads, within, based, &some).await;
            assert_eq!(all.num_rows(), rows.len());
            for at in 0..rows.len() {
                for (parts, batch) in [(&parts, &all), (&some, &only)] {
                    for (i, part) in parts.iter().enumerate() {
                        let array = batch.column_by_name(&format!("part{i}")).unwrap();
                        let expected = expected(&rows, at, *part, within, based, domain);
                        assert_eq!(
                            found(array, at),
                            expected,
                            "{part:?} of row {at} of {count}: {}, within {within:?}, based {based}, {threads} threads",
                            domain.name
                        );
                    }
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_are_what_counting_says() {
    let mut draw = ChaCha8Rng::seed_from_u64(20);
    for domain in domains() {
        for count in [0, 1, 2, 7, 40, 90] {
            let text_keys = draw.random_bool(0.3);
            check(&mut draw, &domain, count, text_keys).await;
        }
    }
}

/// A limit of memory, and how close to it the operator came.
#[derive(Debug)]
struct Watched {
    pool: GreedyMemoryPool,
    most: AtomicUsize,
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("watched")
    }
}

impl MemoryPool for Watched {
    fn name(&self) -> &str {
        "watched"
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.pool.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, less: usize) {
        self.pool.shrink(reservation, less);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        self.pool.try_grow(reservation, additional)?;
        self.most.fetch_max(self.pool.reserved(), SeqCst);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.pool.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.pool.memory_limit()
    }
}

/// Of three comparisons, two are made at a time where there is room, one where there is not; each gives back what it only
/// needed while it was made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn comparisons_wait_for_memory() {
    let mut draw = ChaCha8Rng::seed_from_u64(23);
    let domain = domains().remove(0);
    let count = 30_000;
    let rows = rows(&mut draw, count, &domain, false);
    let batches: Vec<RecordBatch> = rows.chunks(4_000).map(|chunk| batch(chunk, &domain, false)).collect();
    let among = || {
        let each = [(&[][..], 0), (&["city"][..], 1), (&["kind"][..], 2)];
        each.map(|(within, at)| among(within, false, &[Part::Upwards], at)).to_vec()
    };
    // Of each row, 32 bytes while it is compared and 4 for its place (and as many again at most), three times.
    let run = async |bytes_of_a_row: usize| {
        let pool = GreedyMemoryPool::new(bytes_of_a_row * count);
        let pool = Arc::new(Watched { pool, most: AtomicUsize::new(0) });
        let memory: Arc<dyn MemoryPool> = Arc::clone(&pool) as _;
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(memory).build_arc().unwrap();
        let state = SessionStateBuilder::new().with_runtime_env(runtime);
        let found = compare(vec![batches.clone()], 2, among(), state).await;
        assert_eq!(pool.reserved(), 0, "with {bytes_of_a_row} bytes");
        (found, pool.most.load(SeqCst) / count)
    };
    let (all, most) = run(400).await;
    let all = all.unwrap();
    assert!(most < 50 + 120, "three at a time: {most}");
    let (few, most) = run(70).await;
    assert!(few.unwrap() == all, "other places where there is room for one");
    assert!(most > 16 + 32, "{most}");
    let (error, _) = run(50).await;
    assert!(matches!(error.unwrap_err().find_root(), DataFusionError::ResourcesExhausted(_)));
}

/// Groups that are large enough to be parted among threads.
#[test]
fn large_groups_are_sorted_by_several_threads() {
    use super::groups::Groups;
    use super::places::{Column as Of, places};
    use super::values::{Entry, Found};
    let mut draw = ChaCha8Rng::seed_from_u64(21);
    let count = 200_000u32;
    let words: Vec<i64> = (0..count).map(|_| draw.random_range(-500..500)).collect();
    let part = |rows: std::ops::Range<u32>| Found {
        groups: Groups::new(&[]),
        entries: rows.map(|row| Entry { word: words[row as usize], row, group: 0 }).collect(),
        open: Vec::new(),
    };
    let mut sorted: Vec<(i64, u32)> = words.iter().copied().zip(0..).collect();
    sorted.sort();
    let mut upwards = vec![0; count as usize];
    (1..).zip(&sorted).for_each(|(place, (_, row))| upwards[*row as usize] = place);
    for threads in [1, 2, 5] {
        let parts = [Part::Upwards, Part::Taken(Take::Share { digits: 3, scale: 1000 })];
        let all = vec![part(0..70_000), part(70_000..count)];
        let places = places(&parts, all, count as usize, threads).unwrap();
        let [Of::Places(found), Of::Taken(taken)] = &places.columns[..] else { panic!("{places:?}") };
        assert!(*found == upwards, "{threads} threads");
        let mut down: Vec<(i64, u32)> = words.iter().map(|w| -w).zip(0..).collect();
        down.sort();
        let mut largest: Vec<usize> = down.iter().take(600).map(|(_, row)| *row as usize).collect();
        largest.sort_unstable();
        assert_eq!(taken.set_indices().collect::<Vec<_>>(), largest, "{threads} threads");
        let parts = [Part::Tile { tiles: 7, together: false }];
        let all = vec![part(0..70_000), part(70_000..count)];
        let places = super::places::places(&parts, all, count as usize, threads).unwrap();
        let [Of::Places(found)] = &places.columns[..] else { panic!("{places:?}") };
        let tile = |place: &u32| dealt(count.into(), 7, i64::from(*place) - 1) as u32;
        assert!(*found == upwards.iter().map(tile).collect::<Vec<u32>>(), "tiles, {threads} threads");
    }
}

/// The largest of many rows are told by a sample, also where it lies.
#[test]
fn the_largest_of_many_are_exact() {
    use super::groups::Groups;
    use super::places::{Column as Of, places};
    use super::values::{Entry, Found};
    let count = 120_000u32;
    let mut draw = ChaCha8Rng::seed_from_u64(22);
    let cities: Vec<&str> =
        (0..count).map(|_| ["a", "b", "c"][draw.random_range(0..100usize) / 49]).collect();
    type Word = fn(u32) -> i64;
    let kinds: [(&str, Word); 4] = [
        ("spread", |row| i64::from(row.wrapping_mul(2_654_435_761) % 100_003)),
        ("few", |row| i64::from(row % 3)),
        ("going up", |row| i64::from(row)),
        ("a sample of large ones alone", |row| if row % 32 == 0 { 1000 } else { i64::from(row % 7) }),
    ];
    for (name, word) in kinds {
        let part = |rows: std::ops::Range<u32>| {
            let mut groups = Groups::new(&[DataType::Utf8View]);
            let of = &cities[rows.start as usize..rows.end as usize];
            let city: ArrayRef = Arc::new(of.iter().map(|c| Some(*c)).collect::<StringViewArray>());
            let numbers = groups.of(&[city]).unwrap().unwrap();
            let entry = |(row, group): (u32, u32)| Entry { word: word(row), row, group };
            Found { groups, entries: rows.zip(numbers).map(entry).collect(), open: Vec::new() }
        };
        for take in
            [Take::Count(5), Take::Share { digits: 1, scale: 100 }, Take::Share { digits: 1, scale: 10 }]
        {
            let mut expected = Vec::new();
            for city in ["a", "b", "c"] {
                let own = (0..count).filter(|row| cities[*row as usize] == city);
                let mut own: Vec<(i64, u32)> = own.map(|row| (-word(row), row)).collect();
                own.sort_unstable();
                expected.extend(own.iter().take(take.of(own.len())).map(|(_, row)| *row as usize));
            }
            expected.sort_unstable();
            for threads in [1, 2] {
                let all = vec![part(0..50_001), part(50_001..count)];
                let places = places(&[Part::Taken(take)], all, count as usize, threads).unwrap();
                let [Of::Taken(taken)] = &places.columns[..] else { panic!("{places:?}") };
                assert!(
                    taken.set_indices().eq(expected.iter().copied()),
                    "{name}, {take:?}, {threads} threads"
                );
            }
        }
    }
}
