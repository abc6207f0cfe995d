//! What files say of themselves: how short they store what they store, and what their statistics are worth.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use crate::plans::{session_in, stats};
use datafusion::arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType::{self, Timestamp};
use datafusion::arrow::datatypes::TimeUnit::{Microsecond, Millisecond, Second};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::data_type::{
    ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int64Type,
};
use datafusion::parquet::file::metadata::{ParquetMetaDataReader, ParquetMetaDataWriter};
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::parquet::file::statistics::Statistics;
use datafusion::parquet::file::writer::SerializedFileWriter;
use datafusion::parquet::schema::parser::parse_message_type;
use segue::engine::EngineOptions;
use segue::plan::Strategy;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// Cents of `a` and `b`, for each key.
type Rows = [(i64, i64, i64)];

/// As arrow writes decimals of 18 digits: whole numbers of 64 bits.
fn write_short(file: &Path, rows: &Rows) {
    let cents = |of: fn(&(i64, i64, i64)) -> i64| -> ArrayRef {
        let cents: Decimal128Array = rows.iter().map(|row| i128::from(of(row))).map(Some).collect();
        Arc::new(cents.with_precision_and_scale(18, 2).unwrap())
    };
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)));
    let batch =
        RecordBatch::try_from_iter([("id", ids), ("a", cents(|row| row.1)), ("b", cents(|row| row.2))]);
    let batch = batch.unwrap();
    let mut writer = ArrowWriter::try_new(File::create(file).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// As Hive and older Spark write them: bytes.
fn write_long(file: &Path, rows: &Rows) {
    let schema = "message m {
        required int64 id;
        required fixed_len_byte_array(8) a (DECIMAL(18, 2));
        required fixed_len_byte_array(8) b (DECIMAL(18, 2));
    }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = Arc::new(WriterProperties::default());
    let mut writer = SerializedFileWriter::new(File::create(file).unwrap(), schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let ids: Vec<i64> = rows.iter().map(|row| row.0).collect();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(&ids, None, None).unwrap();
    column.close().unwrap();
    for of in [|row: &(i64, i64, i64)| row.1, |row: &(i64, i64, i64)| row.2] {
        let cents = |row| FixedLenByteArray::from(of(row).to_be_bytes().to_vec());
        let cents: Vec<FixedLenByteArray> = rows.iter().map(cents).collect();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<FixedLenByteArrayType>().write_batch(&cents, None, None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
}

/// Writes a file's footer anew with other statistics.
fn retell(file: &Path, other: impl Fn(&str, &Statistics) -> Statistics) {
    let bytes = std::fs::read(file).unwrap();
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&File::open(file).unwrap()).unwrap();
    let (rest, tail) = bytes.split_at(bytes.len() - 8);
    let footer = u32::from_le_bytes(tail[..4].try_into().unwrap()) as usize;
    let groups = metadata.row_groups().iter().map(|group| {
        let columns = group.columns().iter().map(|column| {
            let statistics = other(column.column_path().parts()[0].as_str(), column.statistics().unwrap());
            // What it says of pages stays in the file, where nothing leads to it any more.
            let column = column.clone().into_builder().set_statistics(statistics);
            let column = column.set_column_index_offset(None).set_column_index_length(None);
            column.build().unwrap()
        });
        group.clone().into_builder().set_column_metadata(columns.collect()).build().unwrap()
    });
    let metadata = metadata.clone().into_builder().set_row_groups(groups.collect()).build();
    let mut written = rest[..rest.len() - footer].to_vec();
    ParquetMetaDataWriter::new(&mut written, &metadata).finish().unwrap();
    std::fs::write(file, written).unwrap();
}

/// How many are in each segment, by each way to fold.
fn members(folder: &Path, script: &str, names: &[&str]) -> Vec<Vec<u64>> {
    let each = [Strategy::Fold, Strategy::Divided, Strategy::Plain];
    each.map(|strategy| members_by(strategy, folder, script, names)).to_vec()
}

fn members_by(strategy: Strategy, folder: &Path, script: &str, names: &[&str]) -> Vec<u64> {
    let engine = EngineOptions { threads: Some(2), strategy, ..EngineOptions::default() };
    let session = session_in(folder, engine, script);
    let checked = session.check();
    let program = checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
    let ids: Vec<_> = names.iter().map(|name| program.find_definition(name).unwrap().0).collect();
    let counts = session.counts(&program, &ids, &|_| {}).unwrap();
    counts.iter().map(|count| count.members).collect()
}

#[test]
fn a_time_that_is_too_large_for_the_other_files_unit_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let one = || ints(&[Some(1)]);
    write(&folder.path().join("people.parquet"), vec![("id", one())], WriterProperties::default());
    for (file, unit, time) in
        [("a", Millisecond, 10_000_000_000_000_000), ("b", Microsecond, 1_790_000_000_000_000)]
    {
        let time = cast(&ints(&[Some(time)]), &Timestamp(unit, None)).unwrap();
        let columns = vec![("id", one()), ("t", time)];
        write(&folder.path().join(format!("events/{file}.parquet")), columns, WriterProperties::default());
    }
    let script = "source people from \"people.parquet\" key id
         source events from \"events/*.parquet\" of people by id
         source without from \"events/*.parquet\" of people by id where t is missing
         segment asked where count(without) = 1
         segment counted where count(events where t is missing) = 1";
    for strategy in [Strategy::Fold, Strategy::Divided] {
        assert_eq!(
            members_by(strategy, folder.path(), script, &["asked", "counted"]),
            [1, 1],
            "{strategy:?}"
        );
    }
}

fn ints(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn write(file: &Path, columns: Vec<(&str, ArrayRef)>, properties: WriterProperties) {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true)));
    let batch = batch.unwrap();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let file = File::create(file).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn who_does_not_say_how_many_are_missing_does_not_say_none() {
    let folder = tempfile::tempdir().unwrap();
    let (people, events) = (folder.path().join("people.parquet"), folder.path().join("events.parquet"));
    let ids = || ints(&[Some(1), Some(2), Some(3), Some(4)]);
    let one_missing = |value| ints(&[None, Some(value), Some(value), Some(value)]);
    let day: ArrayRef = Arc::new(Date32Array::from(vec![None, Some(20_750), Some(20_750), Some(20_750)]));
    write(&people, vec![("id", ids()), ("five", one_missing(5))], WriterProperties::default());
    let columns = vec![("id", ids()), ("nine", one_missing(9)), ("day", day)];
    write(&events, columns, WriterProperties::default());
    for file in [&people, &events] {
        retell(file, |_, known| match known {
            Statistics::Int64(known) => {
                Statistics::int64(known.min_opt().copied(), known.max_opt().copied(), None, None, false)
            }
            Statistics::Int32(known) => {
                Statistics::int32(known.min_opt().copied(), known.max_opt().copied(), None, None, false)
            }
            other => panic!("{other:?}"),
        });
    }
    let script = "source people from \"people.parquet\" key id
         source without from \"events.parquet\" of people by id where nine is missing
         source dated from \"events.parquet\" of people by id at day
         segment unknown where five is missing
         segment fives where five = 5
         segment asked where count(without) > 0
         segment counted where count(dated where nine is missing) > 0
         segment recent where count(dated in last 60 days) > 0";
    for found in members(folder.path(), script, &["unknown", "fives", "asked", "counted", "recent"]) {
        // Whose event has no day is in no window, and the run sees none of it.
        assert_eq!(found, [1, 3, 1, 0, 3]);
    }
}

#[test]
fn bounds_of_old_files_are_taken_of_numbers_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("old.parquet");
    let schema = "message m {
        required int64 id;
        required binary city (STRING);
        required fixed_len_byte_array(6) amount (DECIMAL(12, 2));
    }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = Arc::new(WriterProperties::default());
    let mut writer = SerializedFileWriter::new(File::create(&file).unwrap(), schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(&[1, 2], None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let cities = ["abc", "上海"].map(ByteArray::from);
    column.typed::<ByteArrayType>().write_batch(&cities, None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let cents = |n: u8| FixedLenByteArray::from(vec![0, 0, 0, 0, 0, n]);
    column.typed::<FixedLenByteArrayType>().write_batch(&[cents(128), cents(1)], None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    // As if bytes above 127 were below zero.
    retell(&file, |column, _| match column {
        "id" => Statistics::int64(Some(1), Some(2), None, Some(0), true),
        "city" => {
            let [abc, shanghai] = ["abc", "上海"].map(ByteArray::from);
            Statistics::byte_array(Some(shanghai), Some(abc), None, Some(0), true)
        }
        _ => Statistics::fixed_len_byte_array(Some(cents(128)), Some(cents(1)), None, Some(0), true),
    });
    let script = "source people from \"old.parquet\" key id
         source there from \"old.parquet\" key id where city = \"上海\"
         source rich from \"old.parquet\" key id where amount >= 1
         source later from \"old.parquet\" key id where id > 2
         segment in_shanghai of people where city = \"上海\"
         segment from_shanghai of there where id > 0
         segment with_money of rich where id > 0
         segment none of later where id > 0";
    let names = ["in_shanghai", "from_shanghai", "with_money", "none"];
    for found in members(folder.path(), script, &names) {
        assert_eq!(found, [1, 1, 1, 0]);
    }
    let rows = |condition: &str| {
        let script =
            format!("source people from \"old.parquet\" key id where {condition}\nsegment s where id > 0");
        scanned(folder.path(), &script)
    };
    assert_eq!((rows("id > 2"), rows("amount > 5")), (0, 2));
}

/// How many rows are read to tell who is in `s`.
fn scanned(folder: &Path, script: &str) -> u64 {
    let session = session_in(folder, EngineOptions::default(), script);
    let checked = session.check();
    let program = checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
    let (id, _) = program.find_definition("s").unwrap();
    stats(&session, &program, &[id]).rows_scanned
}

#[test]
fn pages_are_skipped_wherever_a_column_stands_and_however_its_times_are_told() {
    const ROWS: i64 = 40_000;
    let folder = tempfile::tempdir().unwrap();
    let of = |f: fn(i64) -> i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values((0..ROWS).map(f))) };
    let (keys, numbers) = (of(|n| n % 3), of(|n| n));
    let names: ArrayRef = Arc::new(StringArray::from_iter_values((0..ROWS).map(|n| format!("{n:06}"))));
    let seconds = of(|n| 1_790_000_000 + n);
    let at = |unit| cast(&cast(&seconds, &Timestamp(Second, None)).unwrap(), &Timestamp(unit, None)).unwrap();
    let int32 = cast(&numbers, &DataType::Int32).unwrap();
    let properties = || {
        let small =
            WriterProperties::builder().set_data_page_row_count_limit(1_000).set_write_batch_size(100);
        small.set_dictionary_enabled(false).build()
    };
    write(
        &folder.path().join("people.parquet"),
        vec![("id", ints(&[Some(0), Some(1), Some(2)]))],
        properties(),
    );
    let first = vec![("id", keys.clone()), ("n", numbers), ("name", names.clone()), ("at", at(Microsecond))];
    write(&folder.path().join("events/day=2026-09-21/a.parquet"), first, properties());
    let second = vec![("at", at(Millisecond)), ("name", names), ("id", keys), ("n", int32)];
    write(&folder.path().join("events/day=2026-09-22/b.parquet"), second, properties());
    let rows = |condition: &str, tag: &str| {
        let script = format!(
            "timezone \"UTC\"
             source people from \"people.parquet\" key id
             source events from \"events/\" of people by id where {condition}
             segment s where {tag} > 3"
        );
        // The people are three.
        scanned(folder.path(), &script) - 3
    };
    let (all, of_one) = (2 * ROWS as u64, ROWS as u64);
    assert_eq!(rows("n is not missing", "count(events)"), all);
    // The events begin at 14:13:20 on 2026-09-21, a second apart; of a thousand rows to a page, two pages are the most.
    for condition in
        ["n >= 39_500", "name = \"039500\"", "at >= 2026-09-22T01:11:40", "at > 2026-09-22T01:11:40.5"]
    {
        let some = rows(condition, "count(events)");
        assert!((2..=4_000).contains(&some), "{condition}: {some}");
        let some = rows(&format!("{condition} and day = 2026-09-22"), "count(events)");
        assert!((1..=2_000).contains(&some), "{condition}: {some}");
    }
    // Long lists of times, by their ends. 4,800 events of each file are of the 22nd.
    let seconds: Vec<String> = (40..45).map(|second| format!("2026-09-22T01:11:{second}.5")).collect();
    let some = rows(&format!("at in ({})", seconds.join(", ")), "count(events)");
    assert!((1..=4_000).contains(&some), "{some}");
    let some = rows("date(at) in (2026-09-22, 2026-09-23, 2026-09-24, 2026-09-25)", "count(events)");
    assert!((9_600..=14_000).contains(&some), "{some}");
    // A folder's value is read beside a file's own.
    assert_eq!(rows("day >= 2026-09-22", "count(events where day = 2026-09-22 and n > 5)"), of_one);
    assert_eq!(rows("day >= 2026-09-22 or n < 0", "count(events)"), of_one);
    let of_day = "timezone \"UTC\"
         source people from \"people.parquet\" key id
         source events from \"events/\" of people by id at at
         segment all where count(events where day = 2026-09-22 and n < 3) = 1
         segment both where distinct(events.day) = 2";
    for found in members(folder.path(), of_day, &["all", "both"]) {
        assert_eq!(found, [3, 3]);
    }
}

#[test]
fn decimals_of_64_bits_and_of_bytes_are_one_column() {
    let folder = tempfile::tempdir().unwrap();
    for table in ["people", "payments"] {
        std::fs::create_dir(folder.path().join(table)).unwrap();
    }
    let path = |name: &str| folder.path().join(name);
    write_short(&path("people/a.parquet"), &[(1, 500, 499), (2, 500, 500), (3, -100, 1_100)]);
    write_long(&path("people/b.parquet"), &[(4, 999, 0), (5, -1, 1_001), (6, 100_000_000_000_000, -1)]);
    write_long(&path("payments/a.parquet"), &[(1, 150, 1), (2, -50, 1), (6, 7, 7)]);
    write_short(&path("payments/b.parquet"), &[(1, 151, 2), (2, 350, 2), (4, 301, 0), (6, -7, 7)]);
    let script = "source people from \"people/*.parquet\" key id
         source payments from \"payments/*.parquet\" of people by id
         tag both = a + b
         tag paid = sum(payments.a)
         segment rich where both >= 10
         segment exact where both = 10 or both = 999_999_999_999.99
         segment payer where paid > 3
         segment none where sum(payments.a + payments.b) = 0.14
         segment below where count(payments where payments.a < people.a) = 2";
    for found in members(folder.path(), script, &["rich", "exact", "payer", "none", "below"]) {
        // 2, 3, 5 and 6; of these all but the last are ten; 1 paid 3.01, 2 paid 3.00, 4 paid 3.01; 6 sums to fourteen cents;
        // 1, 2 and 6 paid twice, each time less than they have.
        assert_eq!(found, [4, 4, 2, 1, 3]);
    }
}
