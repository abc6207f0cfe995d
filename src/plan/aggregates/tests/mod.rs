//! Every function against plain Rust, in every way that DataFusion can run it.

mod measure;
mod numbers;
mod values;

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, UInt32Array};
use datafusion::arrow::compute::take_record_batch;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::{Result, ScalarValue};
use datafusion::datasource::MemTable;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::ExprFunctionExt;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::*;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng, rngs::StdRng};

/// One way to run a query.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Way {
    partitions: usize,
    batch_size: usize,
    skip_partial: bool,
    shuffle: Option<u64>,
    memory: Option<usize>,
}

fn ways() -> Vec<Way> {
    let mut ways = Vec::new();
    for partitions in [1, 4] {
        for batch_size in [1, 3, 8192] {
            for skip_partial in [false, true] {
                let shuffle = Some((partitions * 10 + batch_size) as u64 + u64::from(skip_partial));
                ways.push(Way { partitions, batch_size, skip_partial, shuffle, memory: None });
            }
        }
    }
    ways.push(Way { shuffle: None, ..ways[4] });
    ways
}

/// The contexts of [`ways`], made once.
static CONTEXTS: LazyLock<Vec<(Way, SessionContext)>> =
    LazyLock::new(|| ways().into_iter().map(|way| (way, new_context(way))).collect());

fn context(way: Way) -> SessionContext {
    let made = CONTEXTS.iter().find(|(made, _)| *made == way);
    made.map_or_else(|| new_context(way), |(_, context)| context.clone())
}

fn new_context(way: Way) -> SessionContext {
    let mut config =
        SessionConfig::new().with_target_partitions(way.partitions).with_batch_size(way.batch_size);
    if way.skip_partial {
        config = config
            .set_u64("datafusion.execution.skip_partial_aggregation_probe_rows_threshold", 0)
            .set_str("datafusion.execution.skip_partial_aggregation_probe_ratio_threshold", "0");
    }
    let mut runtime = RuntimeEnvBuilder::new();
    if way.memory.is_some() {
        config = config.set_u64("datafusion.execution.sort_spill_reservation_bytes", 16 << 10);
    }
    if let Some(memory) = way.memory {
        runtime = runtime.with_memory_limit(memory, 1.0);
    }
    SessionContext::new_with_config_rt(config, runtime.build_arc().unwrap())
}

fn table(rows: &RecordBatch, way: Way) -> Arc<MemTable> {
    let mut order: Vec<u32> = (0..rows.num_rows() as u32).collect();
    if let Some(seed) = way.shuffle {
        order.shuffle(&mut StdRng::seed_from_u64(seed));
    }
    let mut partitions = vec![Vec::new(); way.partitions];
    for (at, chunk) in order.chunks(way.batch_size).enumerate() {
        partitions[at % way.partitions]
            .push(take_record_batch(rows, &UInt32Array::from(chunk.to_vec())).unwrap());
    }
    Arc::new(MemTable::try_new(rows.schema(), partitions).unwrap())
}

fn metric(plan: &Arc<dyn ExecutionPlan>, name: &str) -> usize {
    let own = plan.metrics().map_or(0, |metrics| match name {
        "spill_count" => metrics.spill_count().unwrap_or(0),
        _ => metrics.sum_by_name(name).map_or(0, |value| value.as_usize()),
    });
    own + plan.children().into_iter().map(|child| metric(child, name)).sum::<usize>()
}

/// The values of each aggregate, by group in order, and the metric of that name.
async fn run_with(
    rows: &RecordBatch,
    aggregates: &[Expr],
    way: Way,
    grouped: bool,
    name: &str,
) -> Result<(Vec<Vec<ScalarValue>>, usize)> {
    let context = context(way);
    let named = aggregates.iter().enumerate().map(|(at, a)| a.clone().alias(format!("a{at}"))).collect();
    let by = if grouped { vec![ident("g")] } else { vec![] };
    let frame = context.read_table(table(rows, way))?.aggregate(by, named)?;
    let plan = frame.create_physical_plan().await?;
    let batches = collect(Arc::clone(&plan), context.task_ctx()).await?;
    let mut found = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            found.push(
                batch
                    .columns()
                    .iter()
                    .map(|c| ScalarValue::try_from_array(c, row))
                    .collect::<Result<Vec<_>>>()?,
            );
        }
    }
    if grouped {
        found.sort_by(|a, b| a[0].partial_cmp(&b[0]).unwrap());
        found.iter_mut().for_each(|row| drop(row.remove(0)));
    }
    Ok((found, metric(&plan, name)))
}

async fn run(
    rows: &RecordBatch,
    aggregates: &[Expr],
    way: Way,
    grouped: bool,
) -> Result<Vec<Vec<ScalarValue>>> {
    Ok(run_with(rows, aggregates, way, grouped, "skipped_aggregation_rows").await?.0)
}

/// Every third way, beginning elsewhere each turn: for tests over many types.
fn some_ways(turn: usize) -> Vec<Way> {
    ways().into_iter().skip(turn % 3).step_by(3).collect()
}

/// Runs in every way; all must give what the first gives, which is returned: by group, and over all rows.
async fn agree(rows: &RecordBatch, aggregates: &[Expr]) -> (Vec<Vec<ScalarValue>>, Vec<ScalarValue>) {
    agree_in(rows, aggregates, ways()).await
}

async fn agree_in(
    rows: &RecordBatch,
    aggregates: &[Expr],
    ways: Vec<Way>,
) -> (Vec<Vec<ScalarValue>>, Vec<ScalarValue>) {
    let grouped = run(rows, aggregates, ways[0], true).await.unwrap();
    let whole = run(rows, aggregates, ways[0], false).await.unwrap();
    for way in ways.into_iter().skip(1) {
        assert_eq!(grouped, run(rows, aggregates, way, true).await.unwrap(), "{way:?}");
        assert_eq!(whole, run(rows, aggregates, way, false).await.unwrap(), "{way:?}");
    }
    (grouped, whole[0].clone())
}

/// Rows with `g`, a filter `f` (true, false or unknown), and these columns.
fn batch(groups: Vec<i64>, filter: Vec<Option<bool>>, columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let mut all: Vec<(&str, ArrayRef)> =
        vec![("g", Arc::new(Int64Array::from(groups))), ("f", Arc::new(BooleanArray::from(filter)))];
    all.extend(columns);
    let fields: Vec<Field> =
        all.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), all.into_iter().map(|(_, array)| array).collect())
        .unwrap()
}

fn filtered(expr: Expr) -> Expr {
    expr.filter(ident("f")).build().unwrap()
}

/// Group numbers and a filter; of group 0 no row passes.
fn frame(random: &mut StdRng, rows: usize, groups: i64) -> (Vec<i64>, Vec<Option<bool>>) {
    let g: Vec<i64> = (0..rows).map(|_| random.random_range(0..groups)).collect();
    let f = g.iter().map(|g| match random.random_range(0..6) {
        0 => Some(false),
        1 => None,
        _ if *g == 0 => Some(false),
        _ => Some(true),
    });
    let f = f.collect();
    (g, f)
}

/// The rows that pass, by group, and then all that pass.
fn split<T: Clone>(g: &[i64], f: &[Option<bool>], values: &[T]) -> Vec<Vec<T>> {
    let groups: std::collections::BTreeSet<i64> = g.iter().copied().collect();
    let pass = |row: &usize| f[*row] == Some(true);
    let mut parts: Vec<Vec<T>> = groups
        .iter()
        .map(|group| {
            (0..g.len()).filter(|row| g[*row] == *group).filter(pass).map(|row| values[row].clone()).collect()
        })
        .collect();
    parts.push((0..g.len()).filter(pass).map(|row| values[row].clone()).collect());
    parts
}

/// The values of one aggregate, as [`split`] gives them.
fn results(found: &(Vec<Vec<ScalarValue>>, Vec<ScalarValue>), at: usize) -> Vec<ScalarValue> {
    found.0.iter().chain([&found.1]).map(|row| row[at].clone()).collect()
}

#[tokio::test]
async fn the_ways_are_what_they_say() {
    let mut random = StdRng::seed_from_u64(1);
    let (g, f) = frame(&mut random, 400, 300);
    let x = Int64Array::from((0..400).collect::<Vec<_>>());
    let rows = batch(g, f, vec![("x", Arc::new(x))]);
    let sum = [super::exact_sum().call(vec![ident("x")])];
    let skipping = Way { partitions: 4, batch_size: 8, skip_partial: true, shuffle: None, memory: None };
    let (_, skipped) = run_with(&rows, &sum, skipping, true, "skipped_aggregation_rows").await.unwrap();
    assert!(skipped > 0);
}

#[tokio::test]
async fn nothing_at_all() {
    let x: ArrayRef = Arc::new(datafusion::arrow::array::Float64Array::from(Vec::<f64>::new()));
    let t: ArrayRef = Arc::new(Int64Array::from(Vec::<i64>::new()));
    let rows = batch(vec![], vec![], vec![("x", x), ("t", t)]);
    let calls: Vec<Expr> = super::all()
        .iter()
        .map(|f| match f.name() {
            "segue_first" | "segue_last" => f.call(vec![ident("x"), ident("t")]),
            _ => f.call(vec![ident("x")]),
        })
        .collect();
    let (groups, whole) = agree(&rows, &calls).await;
    assert!(groups.is_empty());
    for (function, found) in super::all().iter().zip(whole) {
        let expected = match function.name() {
            "segue_sum" => ScalarValue::Float64(Some(0.0)),
            "segue_distinct" => ScalarValue::Int64(Some(0)),
            _ => ScalarValue::Float64(None),
        };
        assert_eq!(found, expected, "{}", function.name());
    }
}

#[test]
fn functions_equal_themselves_and_no_other() {
    for a in super::all() {
        assert_eq!(super::all().iter().filter(|b| **b == a).count(), 1);
    }
    assert!(matches!(
        super::exact_sum().return_type(&[DataType::Decimal128(10, 2)]),
        Ok(DataType::Decimal128(38, 2))
    ));
}
