//! The same numbers stored in two ways: what is read as short as it is stored is told apart file by file.

#![allow(clippy::unwrap_used, clippy::panic)]

use crate::plans::session_in;
use datafusion::arrow::array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::data_type::{FixedLenByteArray, FixedLenByteArrayType, Int64Type};
use datafusion::parquet::file::properties::WriterProperties;
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
    for strategy in [Strategy::Fold, Strategy::Divided, Strategy::Plain] {
        let engine = EngineOptions { threads: Some(2), strategy, ..EngineOptions::default() };
        let session = session_in(folder.path(), engine, script);
        let checked = session.check();
        let program = checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
        let names = ["rich", "exact", "payer", "none", "below"];
        let ids = names.map(|name| program.find_definition(name).unwrap().0);
        let counts = session.counts(&program, &ids, &|_| {}).unwrap();
        let members: Vec<u64> = counts.iter().map(|count| count.members).collect();
        // 2, 3, 5 and 6; of these all but the last are ten; 1 paid 3.01, 2 paid 3.00, 4 paid 3.01; 6 sums to fourteen cents;
        // 1, 2 and 6 paid twice, each time less than they have.
        assert_eq!(members, [4, 4, 2, 1, 3], "{strategy:?}");
    }
}
