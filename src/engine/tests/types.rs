//! Arrow's types as the language's, and files that differ.

use super::*;
use datafusion::arrow::array::*;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, TimeUnit, i256};
use datafusion::common::ScalarValue;
use datafusion::prelude::lit;

fn day(text: &str, to: DataType) -> ArrayRef {
    cast(&texts(&[text]), &to).unwrap()
}

#[test]
fn every_stored_type_has_its_type() {
    let world = World::new();
    let dictionary: DictionaryArray<datafusion::arrow::datatypes::Int32Type> = ["a"].into_iter().collect();
    let numbers =
        cast(&ints([5]), &DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Int64)));
    let decimal = |p, s| cast(&ints([12]), &DataType::Decimal128(p, s)).unwrap();
    let wide = Decimal256Array::from(vec![i256::from_i128(1250)]).with_precision_and_scale(30, 2).unwrap();
    let huge = Decimal256Array::from(vec![i256::from_i128(1250)]).with_precision_and_scale(60, 2).unwrap();
    let mut list = ListBuilder::new(Int32Builder::new());
    list.append_value([Some(1)]);
    let columns: Vec<(&str, ArrayRef, &str, &str)> = vec![
        ("i8", cast(&ints([-3]), &DataType::Int8).unwrap(), "whole number (int8)", "-3"),
        ("i32", cast(&ints([-3]), &DataType::Int32).unwrap(), "whole number (int32)", "-3"),
        (
            "u32",
            cast(&ints([4_000_000_000]), &DataType::UInt32).unwrap(),
            "whole number (uint32)",
            "4000000000",
        ),
        (
            "u64",
            Arc::new(UInt64Array::from(vec![u64::MAX])),
            "decimal(20,0) (uint64)",
            "18446744073709551615",
        ),
        ("f32", Arc::new(Float32Array::from(vec![1.5])), "float (float32)", "1.5"),
        ("f64", Arc::new(Float64Array::from(vec![1.25])), "float (float64)", "1.25"),
        ("money", decimal(18, 2), "decimal(18,2) (decimal(18,2))", "12.00"),
        ("small", decimal(5, 1), "decimal(5,1) (decimal(5,1))", "12.0"),
        ("wide", Arc::new(wide), "decimal(30,2) (decimal(30,2))", "12.50"),
        ("large", Arc::new(LargeStringArray::from(vec!["x"])), "text (large text)", "x"),
        ("view", Arc::new(StringViewArray::from(vec!["y"])), "text (text)", "y"),
        ("dict", Arc::new(dictionary), "text (dictionary of text)", "a"),
        ("dict_i", numbers.unwrap(), "whole number (dictionary of int64)", "5"),
        ("b", Arc::new(BooleanArray::from(vec![true])), "yes/no (boolean)", "true"),
        ("d32", day("9999-12-31", DataType::Date32), "date (date)", "9999-12-31"),
        ("d64", day("2026-10-31", DataType::Date64), "date (date (ms))", "2026-10-31"),
        (
            "ms",
            day("2026-10-31T08:00:00", DataType::Timestamp(TimeUnit::Millisecond, None)),
            "instant Local (timestamp(ms))",
            "2026-10-31T08:00:00",
        ),
        (
            "us",
            day("9999-12-31T00:00:00", DataType::Timestamp(TimeUnit::Microsecond, None)),
            "instant Local (timestamp(µs))",
            "9999-12-31T00:00:00",
        ),
        (
            "ns",
            day("2026-10-31T08:00:00Z", DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))),
            "instant Utc (timestamp(ns, UTC))",
            "2026-10-31T08:00:00Z",
        ),
        (
            "sh",
            day("2026-10-31T08:00:00Z", DataType::Timestamp(TimeUnit::Microsecond, Some("+08:00".into()))),
            "instant Utc (timestamp(µs, +08:00))",
            "2026-10-31T08:00:00Z",
        ),
        ("none", Arc::new(NullArray::new(1)), "of no type yet (nothing but missing values)", ""),
        ("bytes", Arc::new(BinaryArray::from(vec![b"x".as_slice()])), "binary (binary)", "78"),
        ("huge", Arc::new(huge), "decimal(60,2) (decimal(60,2))", "12.50"),
        ("list", Arc::new(list.finish()), "list (list)", "[1]"),
    ];
    for name in ["t.parquet", "t.arrow"] {
        let written = columns.iter().map(|(name, column, ..)| (*name, Arc::clone(column))).collect();
        if name == "t.arrow" {
            world.arrow(name, written)
        } else {
            world.parquet(name, written)
        }
        for ((column, _, described, _), got) in columns.iter().zip(world.columns(name)) {
            assert_eq!(got, format!("{column}: {described}"), "{name}");
        }
        let values: Vec<&str> = columns.iter().map(|(.., value)| *value).collect();
        let got = printed(&world.engine.collect(all(world.provider(name))).unwrap());
        assert_eq!(got, [values.join("|")], "{name}");
    }
    assert!(matches!(world.table("t.parquet").unwrap().column("list").unwrap().1.ty, Type::Unsupported(_)));
    assert!(matches!(world.table("t.parquet").unwrap().column("huge").unwrap().1.ty, Type::Unsupported(_)));
}

/// Spark's timestamps, and the day that banks write for “no end”.
#[test]
fn int96_is_read_in_microseconds() {
    use datafusion::parquet::data_type::{Int96, Int96Type};
    use datafusion::parquet::file::properties::WriterProperties;
    use datafusion::parquet::file::writer::SerializedFileWriter;
    use datafusion::parquet::schema::parser::parse_message_type;
    let world = World::new();
    let schema = Arc::new(parse_message_type("message m { required int96 t; }").unwrap());
    let file = File::create(world.path("a.parquet")).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(WriterProperties::default())).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let days = [Int96::from(vec![0, 0, 5_373_484]), Int96::from(vec![1_000_000_000, 0, 2_440_588])];
    column.typed::<Int96Type>().write_batch(&days, None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    assert_eq!(world.columns("a.parquet"), ["t: instant Local (timestamp(µs))"]);
    assert_eq!(world.rows("a.parquet"), ["1970-01-01T00:00:01", "9999-12-31T00:00:00"]);
}

/// Two files with one column each; the rows, or the error.
fn both(first: ArrayRef, second: ArrayRef) -> Result<(String, Vec<String>), CatalogError> {
    let mut answers = Vec::new();
    for write in [World::parquet, World::arrow] {
        let world = World::new();
        let ending = if answers.is_empty() { "parquet" } else { "arrow" };
        write(&world, &format!("d/a.{ending}"), vec![("x", Arc::clone(&first))]);
        write(&world, &format!("d/b.{ending}"), vec![("x", Arc::clone(&second))]);
        world.table("d").map_err(|error| match error {
            CatalogError::FilesDiffer { column, first, second } => CatalogError::FilesDiffer {
                column,
                first: (first.0.replace(".arrow", ".parquet"), first.1),
                second: (second.0.replace(".arrow", ".parquet"), second.1),
            },
            other => other,
        })?;
        answers.push((world.columns("d").remove(0), world.rows("d")));
    }
    assert_eq!(answers[0], answers[1]);
    Ok(answers.remove(0))
}

fn widened(first: ArrayRef, second: ArrayRef, described: &str, rows: &[&str]) {
    let (column, got) = both(first, second).unwrap();
    assert_eq!(
        (column.as_str(), got),
        (format!("x: {described}").as_str(), rows.iter().map(|r| r.to_string()).collect())
    );
}

#[test]
fn files_that_differ_are_read_where_types_widen() {
    let to = |values: &[i64], kind: DataType| cast(&ints(values.iter().copied()), &kind).unwrap();
    widened(
        to(&[1], DataType::Int32),
        to(&[2], DataType::Int64),
        "whole number (int32 or int64)",
        &["1", "2"],
    );
    widened(
        to(&[1], DataType::Int64),
        to(&[2], DataType::UInt64),
        "decimal(20,0) (int64 or uint64)",
        &["1", "2"],
    );
    widened(
        to(&[1], DataType::Float32),
        to(&[2], DataType::Float64),
        "float (float32 or float64)",
        &["1.0", "2.0"],
    );
    widened(
        to(&[1], DataType::Int64),
        to(&[2], DataType::Float64),
        "float (int64 or float64)",
        &["1.0", "2.0"],
    );
    widened(
        to(&[1], DataType::Int64),
        to(&[2], DataType::Decimal128(10, 2)),
        "decimal(21,2) (int64 or decimal(10,2))",
        &["1.00", "2.00"],
    );
    widened(
        to(&[1], DataType::Decimal128(12, 4)),
        to(&[2], DataType::Decimal128(18, 2)),
        "decimal(20,4) (decimal(12,4) or decimal(18,2))",
        &["1.0000", "2.0000"],
    );
    let dictionary: DictionaryArray<datafusion::arrow::datatypes::Int32Type> = ["b"].into_iter().collect();
    widened(texts(&["a"]), Arc::new(dictionary), "text (text or dictionary of text)", &["a", "b"]);
    widened(
        day("2026-10-30", DataType::Date32),
        day("2026-10-31", DataType::Date64),
        "date (date or date (ms))",
        &["2026-10-30", "2026-10-31"],
    );
    let at = |unit| day("2026-10-31T08:00:00", DataType::Timestamp(unit, None));
    widened(
        at(TimeUnit::Millisecond),
        at(TimeUnit::Microsecond),
        "instant Local (timestamp(ms) or timestamp(µs))",
        &["2026-10-31T08:00:00", "2026-10-31T08:00:00"],
    );
    widened(
        day("9999-12-31T00:00:00", DataType::Timestamp(TimeUnit::Microsecond, None)),
        at(TimeUnit::Nanosecond),
        "instant Local (timestamp(µs) or timestamp(ns))",
        &["2026-10-31T08:00:00", "9999-12-31T00:00:00"],
    );
    widened(Arc::new(NullArray::new(1)), ints([4]), "whole number (int64)", &["", "4"]);
    widened(ints([4]), Arc::new(NullArray::new(1)), "whole number (int64)", &["", "4"]);
}

#[test]
fn files_that_differ_otherwise_are_an_error() {
    let differ = |first: ArrayRef, second: ArrayRef, names: (&str, &str)| {
        assert_eq!(
            both(first, second),
            Err(CatalogError::FilesDiffer {
                column: "x".to_string(),
                first: ("d/a.parquet".to_string(), names.0.to_string()),
                second: ("d/b.parquet".to_string(), names.1.to_string()),
            })
        );
    };
    differ(ints([1]), texts(&["1"]), ("int64", "text"));
    differ(texts(&["1"]), ints([1]), ("text", "int64"));
    differ(
        day("2026-10-31", DataType::Date32),
        day("2026-10-31T00:00:00", DataType::Timestamp(TimeUnit::Microsecond, None)),
        ("date", "timestamp(µs)"),
    );
    let at = |zone: Option<&str>| {
        day("2026-10-31T00:00:00Z", DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into)))
    };
    differ(at(None), at(Some("UTC")), ("timestamp(µs)", "timestamp(µs, UTC)"));
    let decimal = |p, s| cast(&ints([1]), &DataType::Decimal128(p, s)).unwrap();
    differ(decimal(38, 0), decimal(38, 10), ("decimal(38,0)", "decimal(38,10)"));
    differ(Arc::new(Float64Array::from(vec![1.0])), decimal(18, 2), ("float64", "decimal(18,2)"));
}

#[test]
fn columns_that_some_files_lack_are_missing_there() {
    for write in [World::parquet, World::arrow] {
        let world = World::new();
        write(&world, "d/a.parquet", vec![("id", ints([1])), ("old", texts(&["x"]))]);
        write(&world, "d/b.parquet", vec![("new", ints([7])), ("id", ints([2]))]);
        if let Ok(bytes) = fs::read(world.path("d/a.parquet"))
            && bytes.starts_with(b"ARROW1")
        {
            fs::rename(world.path("d/a.parquet"), world.path("d/a.arrow")).unwrap();
            fs::rename(world.path("d/b.parquet"), world.path("d/b.arrow")).unwrap();
        }
        assert_eq!(world.rows("d"), ["1|x|", "2||7"]);
        let plan = scan(world.provider("d")).filter(ident("new").gt(lit(1_i64))).unwrap();
        assert_eq!(printed(&world.engine.collect(plan.build().unwrap()).unwrap()), ["2||7"]);
        let plan = scan(world.provider("d")).filter(ident("new").is_null()).unwrap();
        assert_eq!(printed(&world.engine.collect(plan.build().unwrap()).unwrap()), ["1|x|"]);
    }
    let world = World::new();
    world.write("c/a.csv", "id,old\n1,x\n");
    world.write("c/b.csv", "new,id\n7,2\n");
    assert_eq!(world.rows("c"), ["1|x|", "2||7"]);
}

/// Bounds from footers of another width prune as the values would.
#[test]
fn statistics_of_widened_columns_prune_nothing_that_fits() {
    let world = World::new();
    let narrow = cast(&ints(0..100), &DataType::Int16).unwrap();
    world.parquet("d/a.parquet", vec![("x", narrow)]);
    world.parquet("d/b.parquet", vec![("x", ints(100..200))]);
    for (low, high, rows) in [(50, 60, 10), (95, 105, 10), (150, 160, 10), (300, 400, 0)] {
        let filter = ident("x").gt_eq(lit(low as i64)).and(ident("x").lt(lit(high as i64)));
        let plan = scan(world.provider("d")).filter(filter).unwrap().build().unwrap();
        let got: usize = world.engine.collect(plan).unwrap().iter().map(RecordBatch::num_rows).sum();
        assert_eq!(got, rows);
    }
    let max = datafusion::functions_aggregate::expr_fn::max;
    let min = datafusion::functions_aggregate::expr_fn::min;
    let plan = scan(world.provider("d")).aggregate(Vec::<Expr>::new(), [min(ident("x")), max(ident("x"))]);
    assert_eq!(printed(&world.engine.collect(plan.unwrap().build().unwrap()).unwrap()), ["0|199"]);
}

/// A file's statistics are those of its columns, wherever these stand in it.
#[test]
fn statistics_of_columns_in_another_order_prune_nothing_that_fits() {
    let world = World::new();
    world.parquet("d/a.parquet", vec![("x", ints(0..100)), ("y", ints(1000..1100))]);
    world.parquet("d/b.parquet", vec![("y", ints(1100..1200)), ("x", ints(100..200))]);
    world.parquet(
        "d/c.parquet",
        vec![("z", texts(&["new"; 100])), ("x", ints(200..300)), ("y", ints(1200..1300))],
    );
    for (column, from) in [("x", 0), ("y", 1000)] {
        for (low, high, rows) in [(50, 60, 10), (95, 105, 10), (150, 160, 10), (195, 205, 10), (0, 300, 300)]
        {
            let filter = ident(column).gt_eq(lit(from + low)).and(ident(column).lt(lit(from + high)));
            let plan = scan(world.provider("d")).filter(filter).unwrap().build().unwrap();
            let mut got = 0;
            let stats = world.engine.run(plan, &mut |batch| {
                got += batch.num_rows();
                Ok(())
            });
            assert_eq!(got, rows, "{column} {low}..{high}");
            assert!(
                stats.unwrap().rows_scanned <= (rows as u64).next_multiple_of(100).max(200),
                "{column} {low}"
            );
        }
    }
}

/// The same moments in files of other units: 100 hours in each.
#[test]
fn statistics_of_other_units_prune_nothing_that_fits() {
    const HOUR: i64 = 3_600_000_000;
    let units = [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond];
    let hours = |from: i64, unit, zone: Option<&str>| {
        let micros = cast(
            &ints((from..from + 100).map(|h| h * HOUR)),
            &DataType::Timestamp(TimeUnit::Microsecond, None),
        );
        let kind = DataType::Timestamp(unit, zone.map(Into::into));
        cast(&cast(&micros.unwrap(), &DataType::Timestamp(unit, None)).unwrap(), &kind).unwrap()
    };
    for zone in [None, Some("UTC")] {
        for first in units {
            for second in units {
                let world = World::new();
                world.parquet("d/a.parquet", vec![("x", hours(500_000, first, zone))]);
                world.parquet("d/b.parquet", vec![("x", hours(500_100, second, zone))]);
                for (low, high, rows) in
                    [(50, 60, 10), (95, 105, 10), (150, 160, 10), (-50, 250, 200), (300, 400, 0)]
                {
                    let at = |hour: i64| {
                        lit(ScalarValue::TimestampMicrosecond(
                            Some((500_000 + hour) * HOUR),
                            zone.map(Into::into),
                        ))
                    };
                    let filter = ident("x").gt_eq(at(low)).and(ident("x").lt(at(high)));
                    let plan = scan(world.provider("d")).filter(filter).unwrap().build().unwrap();
                    let (mut got, add) =
                        (0, |rows: &mut usize, batch: &RecordBatch| *rows += batch.num_rows());
                    let stats = world
                        .engine
                        .run(plan, &mut |batch| {
                            add(&mut got, &batch);
                            Ok(())
                        })
                        .unwrap();
                    assert_eq!(got, rows, "{first:?} {second:?} {zone:?} {low}..{high}");
                    // What lies elsewhere is not read for it.
                    assert!(
                        stats.rows_scanned <= if low == 95 || low == -50 { 200 } else { 100 },
                        "{first:?} {second:?}"
                    );
                }
            }
        }
    }
}
