//! Times, to be read: `cargo test --release --lib measure -- --ignored --nocapture --test-threads 1`.

use std::time::Instant;

use datafusion::arrow::array::{AsArray, Float64Array, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::functions_aggregate::expr_fn::{avg, count_distinct, median as plain_median, stddev, sum};

use super::super::{distinct, exact_avg, exact_stddev, exact_sum, first, last, median, most_common};
use super::*;

const ROWS: usize = 10_000_000;
const GROUPS: i64 = 1_000_000;

/// In batches as a scan gives them.
fn events() -> Arc<MemTable> {
    let mut random = StdRng::seed_from_u64(1);
    let mut partitions = vec![Vec::new(); 2];
    let names: Vec<String> = (0..20).map(|n| format!("category {n}")).collect();
    let mut left = ROWS;
    let mut at = 0;
    while left > 0 {
        let n = left.min(8192);
        let g: Vec<i64> = (0..n).map(|_| random.random_range(0..GROUPS)).collect();
        let x: Float64Array =
            (0..n).map(|_| Some(f64::from(random.random_range(0..10_000_000)) / 100.0)).collect();
        let k: Int64Array = (0..n).map(|_| Some(random.random_range(0..20))).collect();
        let u: Int64Array = (0..n).map(|_| Some(random.random_range(0..ROWS as i64))).collect();
        let t: Int64Array = (0..n).map(|row| Some((at * 8192 + row) as i64 * 1000)).collect();
        let s: StringArray = (0..n).map(|_| names.get(random.random_range(0..20usize))).collect();
        let s = cast(&s, &DataType::Utf8View).unwrap();
        let columns: Vec<(&str, ArrayRef)> =
            vec![("x", Arc::new(x)), ("k", Arc::new(k)), ("u", Arc::new(u)), ("t", Arc::new(t)), ("s", s)];
        partitions[at % 2].push(batch(g, vec![Some(true); n], columns));
        left -= n;
        at += 1;
    }
    let schema = partitions[0][0].schema();
    Arc::new(MemTable::try_new(schema, partitions).unwrap())
}

/// Seconds of processor time so far, where the system says it: steadier than the clock on a busy machine.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// The state alone: no hash table, no exchange.
#[test]
#[ignore = "only prints"]
fn updates() {
    use super::super::groups::Groups;
    use super::super::moments::{Moment, Moments};
    use datafusion::logical_expr::EmitTo;
    let mut random = StdRng::seed_from_u64(1);
    for number in [1000, GROUPS as usize] {
        let batches: Vec<(Vec<usize>, ArrayRef)> = (0..1000)
            .map(|_| {
                let x = (0..8192).map(|_| Some(f64::from(random.random_range(0..10_000_000)) / 100.0));
                let x: Float64Array = x.collect();
                ((0..8192).map(|_| random.random_range(0..number)).collect(), Arc::new(x) as ArrayRef)
            })
            .collect();
        let start = processor();
        let mut plain = vec![0.0; number];
        for (groups, x) in &batches {
            let x = x.as_primitive::<datafusion::arrow::datatypes::Float64Type>();
            groups.iter().zip(x.values()).for_each(|(group, x)| plain[*group] += x);
        }
        println!("plain += over {number} groups: {:.2} s", processor() - start);
        std::hint::black_box(&plain);
        for moment in [Moment::Sum, Moment::Average, Moment::Deviation] {
            let mut state = Moments::new(moment, &DataType::Float64).unwrap();
            let start = processor();
            state.grow(number).unwrap();
            for (groups, x) in &batches {
                state.update(std::slice::from_ref(x), groups, None).unwrap();
            }
            let middle = processor();
            state.finish(EmitTo::All).unwrap();
            let last = processor() - middle;
            println!(
                "{moment:?} over {number} groups: {:.2} s for 8 M rows, {last:.2} s at the end",
                middle - start
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute, and only prints"]
async fn times() {
    let table = events();
    let x = || ident("x");
    let calls: Vec<(&str, Expr)> = vec![
        ("DataFusion sum", sum(x())),
        ("segue_sum", exact_sum().call(vec![x()])),
        ("DataFusion avg", avg(x())),
        ("segue_avg", exact_avg().call(vec![x()])),
        ("DataFusion stddev", stddev(x())),
        ("segue_stddev", exact_stddev().call(vec![x()])),
        ("segue_stddev, whole", exact_stddev().call(vec![ident("k")])),
        ("DataFusion median", plain_median(x())),
        ("segue_median", median().call(vec![x()])),
        ("DataFusion count distinct k", count_distinct(ident("k"))),
        ("segue_distinct k (20 numbers)", distinct().call(vec![ident("k")])),
        ("segue_distinct s (20 texts)", distinct().call(vec![ident("s")])),
        ("segue_distinct u (all different)", distinct().call(vec![ident("u")])),
        ("segue_most_common k", most_common().call(vec![ident("k")])),
        ("segue_most_common s", most_common().call(vec![ident("s")])),
        ("segue_first x by t", first().call(vec![x(), ident("t")])),
        ("segue_last x by t", last().call(vec![x(), ident("t")])),
        ("segue_last s by t", last().call(vec![ident("s"), ident("t")])),
        ("segue_last x by t, k", last().call(vec![x(), ident("t"), ident("k")])),
    ];
    for (name, call) in calls {
        let (mut best, mut least) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..2 {
            let way =
                Way { partitions: 2, batch_size: 8192, skip_partial: false, shuffle: None, memory: None };
            let context = context(way);
            let frame = context
                .read_table(Arc::clone(&table) as _)
                .unwrap()
                .aggregate(vec![ident("g")], vec![call.clone().alias("a")])
                .unwrap();
            let plan = frame.create_physical_plan().await.unwrap();
            let (start, before) = (Instant::now(), processor());
            let batches = collect(plan, context.task_ctx()).await.unwrap();
            best = best.min(start.elapsed().as_secs_f64());
            least = least.min(processor() - before);
            assert!(batches.iter().map(RecordBatch::num_rows).sum::<usize>() > 990_000);
        }
        println!("{name:34} {best:7.2} s, {least:6.2} s of processor");
    }
}
