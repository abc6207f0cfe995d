use super::*;
use datafusion::arrow::array::*;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::arrow::ipc::reader::FileReader;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::io::Cursor;

/// Writes all batches; `out` is given back.
fn write<W: Write + Send>(
    format: Format,
    schema: &Schema,
    batches: impl IntoIterator<Item = RecordBatch>,
    out: W,
) -> io::Result<(W, Contents)> {
    let mut writer = BatchWriter::new(format, schema, out)?;
    for batch in batches {
        writer.write(&batch)?;
    }
    writer.finish()
}

/// Rows with every kind of column, `why` included; string views and a dictionary as an engine yields them.
fn sample() -> RecordBatch {
    let tags: ArrayRef = Arc::new(StringViewArray::from(vec!["assets", "tx_90d", "assets"]));
    let values: ArrayRef = Arc::new(StringViewArray::from(vec![Some("1"), None, Some("2")]));
    let items = StructArray::from(vec![
        (Arc::new(Field::new("tag", DataType::Utf8View, false)), tags),
        (Arc::new(Field::new("value", DataType::Utf8View, true)), values),
    ]);
    let why = ListArray::new(
        Arc::new(Field::new("item", items.data_type().clone(), false)),
        datafusion::arrow::buffer::OffsetBuffer::from_lengths([2, 1]),
        Arc::new(items),
        None,
    );
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("customer_id", Arc::new(Int64Array::from(vec![-5, 7]))),
        ("姓名", Arc::new(StringViewArray::from(vec![Some("=cmd|' /C calc'!A0"), Some("张, \"三\"\n")]))),
        (
            "city",
            Arc::new(
                vec![Some("-x"), None]
                    .into_iter()
                    .collect::<DictionaryArray<datafusion::arrow::datatypes::Int32Type>>(),
            ) as _,
        ),
        (
            "assets",
            Arc::new(
                Decimal128Array::from(vec![Some(-12_345_678_901_234_567_890), None])
                    .with_precision_and_scale(38, 2)
                    .unwrap(),
            ),
        ),
        ("rate", Arc::new(Float64Array::from(vec![Some(-0.5), None]))),
        ("open_date", Arc::new(Date32Array::from(vec![Some(20_757), None]))),
        ("seen", Arc::new(TimestampMicrosecondArray::from(vec![Some(1_793_433_600_500_000), None]))),
        ("consent", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("why", Arc::new(why)),
    ];
    let columns = columns.into_iter().map(|(name, c)| (name, c, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let schema = batch.schema().as_ref().clone();
    let metadata = (0..20).map(|i| (format!("k{i}"), String::new())).collect();
    batch.with_schema(Arc::new(schema.with_metadata(metadata))).unwrap()
}

fn bytes(format: Format, batches: &[RecordBatch]) -> Vec<u8> {
    write(format, &sample().schema(), batches.to_vec(), Vec::new()).unwrap().0
}

fn text(format: Format) -> String {
    String::from_utf8(bytes(format, &[sample()])).unwrap()
}

#[test]
fn endings_say_the_format() {
    assert_eq!(Format::of(Path::new("a/b.v2.PARQUET")), Ok(Format::Parquet));
    assert_eq!(Format::of(Path::new("x.jsonl")), Ok(Format::Ndjson));
    assert_eq!(
        Format::of(Path::new("x.xlsx")).unwrap_err().to_string(),
        "the ending .xlsx says no known format; known are .parquet, .csv, .ndjson, .jsonl, .arrow, .feather"
    );
    assert!(Format::of(Path::new("x")).unwrap_err().to_string().starts_with("the file name has no ending"));
}

#[test]
fn csv_is_safe_for_spreadsheets() {
    let (out, contents) = write(Format::Csv, &sample().schema(), [sample()], Vec::new()).unwrap();
    let expected = "\u{feff}customer_id,姓名,city,assets,rate,open_date,seen,consent\n\
        -5,'=cmd|' /C calc'!A0,'-x,-123456789012345678.90,-0.5,2026-10-31,2026-10-31T08:00:00.500,true\n\
        7,\"张, \"\"三\"\"\n\",,,,,,\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    assert_eq!(contents, Contents { rows: 2, guarded: 2, dropped: vec!["why".into()] });
}

#[test]
fn ndjson_is_exact_and_says_null() {
    let text = text(Format::Ndjson);
    let mut lines = text.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap());
    let first = lines.next().unwrap();
    assert_eq!(first["assets"], "-123456789012345678.90");
    assert_eq!(first["open_date"], "2026-10-31");
    assert_eq!(first["seen"], "2026-10-31T08:00:00.500");
    assert_eq!(first["why"][0], serde_json::json!({"tag": "assets", "value": "1"}));
    assert_eq!(first["姓名"], "=cmd|' /C calc'!A0");
    assert_eq!(lines.next().unwrap()["city"], serde_json::Value::Null);
    assert!(text.lines().nth(1).unwrap().contains("\"rate\":null"));
}

#[test]
fn parquet_and_arrow_come_back_as_they_went() {
    let plain = plain_batch(&sample(), &plain_schema(&sample().schema(), false)).unwrap();
    let parquet = bytes(Format::Parquet, &[sample()]);
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes_of(parquet)).unwrap();
    let group = reader.metadata().row_group(0).clone();
    assert!(group.column(0).statistics().is_some());
    assert!(matches!(group.column(0).compression(), Compression::ZSTD(_)));
    let read: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].columns(), plain.columns());
    let arrow = bytes(Format::Arrow, &[sample()]);
    let read: Vec<_> = FileReader::try_new(Cursor::new(arrow), None).unwrap().map(Result::unwrap).collect();
    assert_eq!(read, [plain]);
}

#[test]
fn csv_is_read_back_without_its_byte_order_mark() {
    let (schema, _) = csv::flat_schema(&plain_schema(&sample().schema(), false));
    let reader = datafusion::arrow::csv::ReaderBuilder::new(Arc::clone(&schema)).with_header(true);
    let csv = Cursor::new(bytes(Format::Csv, &[sample()]));
    let read: Vec<_> = reader.build(csv).unwrap().map(Result::unwrap).collect();
    let expected = csv::flat_batch(&sample(), &schema).unwrap();
    assert_eq!(read.len(), 1);
    for (i, field) in schema.fields().iter().enumerate().filter(|(i, _)| !matches!(i, 1 | 2)) {
        assert_eq!(read[0].column(i), expected.column(i), "{}", field.name());
    }
    let format = datafusion::arrow::csv::reader::Format::default().with_header(true);
    let (inferred, _) = format.infer_schema(Cursor::new(bytes(Format::Csv, &[sample()])), None).unwrap();
    assert_eq!(inferred.field(0).name(), "customer_id");
}

fn bytes_of(data: Vec<u8>) -> std::fs::File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&data).unwrap();
    file
}

#[test]
fn batches_do_not_show_in_the_bytes() {
    let whole = sample();
    let many: Vec<_> = std::iter::repeat_n(whole.clone(), 4_200).collect();
    let schema = whole.schema();
    let one = datafusion::arrow::compute::concat_batches(&schema, &many).unwrap();
    for format in [Format::Parquet, Format::Csv, Format::Ndjson, Format::Arrow] {
        let cut = [one.slice(0, 1), one.slice(1, 0), one.slice(1, 8_300), one.slice(8_301, 99)];
        assert!(bytes(format, std::slice::from_ref(&one)) == bytes(format, &cut), "{}", format.name());
    }
}

#[test]
fn a_list_of_nobody_is_still_a_file() {
    let csv = bytes(Format::Csv, &[]);
    assert!(String::from_utf8(csv).unwrap().ends_with("seen,consent\n"));
    assert_eq!(bytes(Format::Ndjson, &[]), b"");
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes_of(bytes(Format::Parquet, &[]))).unwrap();
    assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
    let arrow = Cursor::new(bytes(Format::Arrow, &[]));
    assert_eq!(FileReader::try_new(arrow, None).unwrap().count(), 0);
}

/// A disk that is full after some bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let n = buffer.len().min(self.0);
        self.0 -= n;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_known_as_one_wherever_it_fills() {
    for format in [Format::Parquet, Format::Csv, Format::Ndjson, Format::Arrow] {
        for room in [0, 2, 60, 150] {
            let error = write(format, &sample().schema(), [sample()], Full(room)).err().unwrap();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{} {room}: {error}", format.name());
        }
    }
}

/// Files for other readers: `SEGUE_SAMPLES=folder cargo test samples -- --ignored`.
#[test]
#[ignore = "writes files for a check by hand with DuckDB and pandas"]
fn samples() {
    let folder = std::path::PathBuf::from(std::env::var("SEGUE_SAMPLES").unwrap());
    for format in [Format::Parquet, Format::Csv, Format::Ndjson, Format::Arrow] {
        let file = folder.join(format!("sample.{}", format.name()));
        std::fs::write(file, bytes(format, &[sample()])).unwrap();
    }
}
