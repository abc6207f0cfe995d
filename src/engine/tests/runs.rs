//! Running: progress, cancelling, memory, panics.

use super::*;
use crate::engine::{EngineError, Progress, RunStats};
use datafusion::arrow::datatypes::DataType;
use datafusion::functions_aggregate::expr_fn::{count, sum};
use datafusion::logical_expr::{ColumnarValue, Volatility, create_udf};
use datafusion::prelude::lit;
use std::thread;
use std::time::{Duration, Instant};

fn numbers(name: &str, rows: i64) -> LogicalPlanBuilder {
    let batches: Vec<RecordBatch> = (0..rows)
        .step_by(8192)
        .map(|start| RecordBatch::try_from_iter([("n", ints(start..(start + 8192).min(rows)))]).unwrap())
        .collect();
    let table = Engine::memory_table(&batches[0].schema(), batches).unwrap();
    LogicalPlanBuilder::scan(name, provider_as_source(table), None).unwrap()
}

/// Pairs that would take minutes.
fn endless() -> LogicalPlan {
    let right = numbers("b", 400_000).build().unwrap();
    let pairs = numbers("a", 400_000).cross_join(right).unwrap();
    let product = (ident_of("a") * ident_of("b")) % lit(7_i64);
    pairs.aggregate(Vec::<Expr>::new(), [sum(product)]).unwrap().build().unwrap()
}

fn ident_of(table: &str) -> Expr {
    Expr::Column(datafusion::common::Column::new(Some(table), "n"))
}

#[test]
fn a_run_can_be_cancelled_and_the_engine_lives_on() {
    for threads in [1, 2] {
        let world = World::with(EngineOptions { threads: Some(threads), ..EngineOptions::default() });
        let handle = world.engine.cancel_handle();
        let stopper = thread::spawn(move || {
            thread::sleep(Duration::from_millis(300));
            handle.cancel();
        });
        let started = Instant::now();
        assert_eq!(world.engine.collect(endless()), Err(EngineError::Cancelled));
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        stopper.join().unwrap();
        assert_eq!(world.engine.collect(endless()), Err(EngineError::Cancelled));
        world.engine.cancel_handle().reset();
        let plan = numbers("a", 10).build().unwrap();
        assert_eq!(world.engine.collect(plan).unwrap()[0].num_rows(), 10);
    }
}

#[test]
fn a_run_that_the_caller_leaves_is_over() {
    let world = World::new();
    let plan = || numbers("a", 1_000_000).build().unwrap();
    let mut seen = 0;
    let outcome = world.engine.run(plan(), &mut |_| {
        seen += 1;
        if seen == 2 { Err(EngineError::Sink("enough".to_string())) } else { Ok(()) }
    });
    assert_eq!(outcome.unwrap_err(), EngineError::Sink("enough".to_string()));
    assert_eq!(seen, 2);
    let mut rows = 0;
    let stats = world.engine.run(plan(), &mut |batch| {
        rows += batch.num_rows();
        Ok(())
    });
    assert_eq!((rows, stats.unwrap().rows), (1_000_000, 1_000_000));
}

#[test]
fn progress_is_told_while_it_runs() {
    let world =
        World::with(EngineOptions { threads: Some(1), batch_size: Some(500), ..EngineOptions::default() });
    world.write("a.csv", format!("id\n{}", "7\n".repeat(20_000)));
    world.parquet("a.parquet", vec![("id", ints(0..20_000))]);
    for (name, known) in [("a.csv", None), ("a.parquet", Some(20_000))] {
        let mut told: Vec<Progress> = Vec::new();
        let slow = &mut |_| {
            thread::sleep(Duration::from_millis(15));
            Ok(())
        };
        let stats: RunStats = world
            .engine
            .run_with_progress(all(world.provider(name)), slow, &mut |progress| told.push(progress))
            .unwrap();
        assert!(told.len() >= 2, "{name}: {told:?}");
        assert!(told.windows(2).all(|pair| pair[0].rows_scanned <= pair[1].rows_scanned));
        assert!(told.last().unwrap().rows_scanned > 0);
        assert_eq!(told[0].rows_known, known, "{name}");
        assert_eq!((stats.rows, stats.rows_scanned), (20_000, 20_000));
        assert!(stats.bytes_scanned > 1000, "{name}: {stats:?}");
        assert!(stats.plan.contains("output_rows"), "{}", stats.plan);
    }
}

#[test]
fn too_little_memory_is_said_and_sorting_spills() {
    let limit = 12 << 20;
    let options = EngineOptions { threads: Some(2), memory: Some(limit), ..EngineOptions::default() };
    let world = World::with(options);
    // A sort of 8 MB and its keys goes to disk.
    let wide =
        numbers("a", 1_000_000).sort([((ident("n") * lit(7919_i64)) % lit(1_000_003_i64)).sort(true, true)]);
    let mut rows = 0;
    let stats = world.engine.run(wide.unwrap().build().unwrap(), &mut |batch| {
        rows += batch.num_rows();
        Ok(())
    });
    let stats = stats.unwrap();
    assert_eq!(rows, 1_000_000);
    assert!(stats.bytes_spilled > 0);
    // A hash join cannot.
    let (left, right) = (numbers("a", 1_000_000), numbers("b", 1_000_000).build().unwrap());
    let joined = left.join_on(right, datafusion::common::JoinType::Inner, [ident_of("a").eq(ident_of("b"))]);
    let plan = joined.unwrap().aggregate(Vec::<Expr>::new(), [count(ident_of("a"))]).unwrap();
    let outcome = world.engine.collect(plan.build().unwrap());
    assert_eq!(outcome, Err(EngineError::OutOfMemory { limit: Some(limit) }));
    assert_eq!(outcome.unwrap_err().to_string(), "the memory limit of 12 MB is too small for this run");
    assert_eq!(world.engine.collect(numbers("a", 10).build().unwrap()).unwrap()[0].num_rows(), 10);
}

#[test]
fn a_panic_is_an_error() {
    let world = World::new();
    let hurt = create_udf(
        "hurt",
        vec![DataType::Int64],
        DataType::Int64,
        Volatility::Volatile,
        Arc::new(|_: &[ColumnarValue]| panic!("ouch")),
    );
    let plan = numbers("a", 10).project([hurt.call(vec![ident("n")])]).unwrap().build().unwrap();
    assert_eq!(world.engine.collect(plan), Err(EngineError::Internal("panic: ouch".to_string())));
    assert_eq!(world.engine.collect(numbers("a", 10).build().unwrap()).unwrap()[0].num_rows(), 10);
}

#[test]
fn deep_plans_fit_the_stack() {
    let world = World::new();
    let rows = crate::engine::with_large_stack(|| {
        let deep = (0..400).fold(ident("n"), |sum, i| sum + lit(i as i64));
        let plan = numbers("a", 2).project([deep.alias("x")]).unwrap().build().unwrap();
        printed(&world.engine.collect(plan).unwrap())
    });
    assert_eq!(rows.unwrap(), ["79800", "79801"]);
    let broken = crate::engine::with_large_stack(|| panic!("ouch"));
    assert_eq!(broken, Err::<(), _>(EngineError::Internal("panic: ouch".to_string())));
}

#[test]
fn threads_share_an_engine() {
    let world = World::new();
    world.write("a.csv", "id\n1\n2\n");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(world.rows("a.csv"), ["1", "2"]));
        }
    });
}

#[test]
fn plans_are_shown() {
    let world = World::new();
    world.parquet("a.parquet", vec![("id", ints(0..10))]);
    let plan = scan(world.provider("a.parquet")).filter(ident("id").gt(lit(5_i64))).unwrap().build().unwrap();
    let (logical, physical) = world.engine.explain_plan(&plan).unwrap();
    assert!(logical.contains("TableScan: t"), "{logical}");
    assert!(physical.contains("RowGroups: files=1, columns=[id]"), "{physical}");
}

#[test]
fn errors_of_values_are_data_errors() {
    let world = World::new();
    let plan = numbers("a", 10).project([lit(1_i64) / (ident("n") - ident("n"))]).unwrap().build().unwrap();
    match world.engine.collect(plan) {
        Err(EngineError::Data { file: None, message }) => assert_eq!(message, "division by zero"),
        other => panic!("{other:?}"),
    }
    // The file is not at fault.
    world.parquet("a.parquet", vec![("n", ints([0]))]);
    let plan = scan(world.provider("a.parquet")).project([lit(1_i64) / ident("n")]).unwrap().build().unwrap();
    match world.engine.collect(plan) {
        Err(EngineError::Data { file: None, message }) => assert_eq!(message, "division by zero"),
        other => panic!("{other:?}"),
    }
}
