//! Every format: read, empty, damaged.

use super::*;
use crate::engine::EngineError;
use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::logical_expr::lit;
use datafusion::parquet::file::properties::WriterProperties;

fn reason(result: Result<TableSchema, CatalogError>) -> String {
    match result {
        Err(CatalogError::Unreadable { file, reason }) => format!("{file}: {reason}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_format_gives_the_same_rows() {
    let world = World::new();
    let columns = || vec![("id", ints([1, 2])), ("city", texts(&["上海", "Köln"]))];
    world.parquet("a.parquet", columns());
    world.parquet("a.pq", columns());
    world.arrow("a.arrow", columns());
    world.arrow("a.feather", columns());
    world.write("a.csv", "id,city\n1,上海\n2,Köln\n");
    world.write("a.TSV", "id\tcity\n1\t上海\n2\tKöln\n");
    world.write("a.ndjson", "{\"id\": 1, \"city\": \"上海\"}\n{\"city\": \"Köln\", \"id\": 2}\n");
    world.write("a.json", "{\"id\": 1, \"city\": \"上海\"}\n{\"id\": 2, \"city\": \"Köln\"}");
    let batch = RecordBatch::try_from_iter(columns()).unwrap();
    let mut stream =
        StreamWriter::try_new(File::create(world.path("a.ipc")).unwrap(), &batch.schema()).unwrap();
    stream.write(&batch).unwrap();
    stream.finish().unwrap();
    for name in ["a.parquet", "a.pq", "a.arrow", "a.feather", "a.ipc", "a.csv", "a.TSV", "a.ndjson", "a.json"]
    {
        assert_eq!(world.rows(name), ["1|上海", "2|Köln"], "{name}");
        let types: Vec<Type> = world.table(name).unwrap().columns.into_iter().map(|c| c.ty).collect();
        assert_eq!(types, [Type::Int, Type::Text], "{name}");
    }
}

#[test]
fn counting_reads_no_column() {
    let world = World::new();
    world.parquet("a.parquet", vec![("id", ints(0..7))]);
    world.arrow("a.arrow", vec![("id", ints(0..7))]);
    world.write("a.csv", "id\n1\n2\n3\n4\n5\n6\n7\n");
    world.write("a.ndjson", "{\"id\":1}\n".repeat(7));
    for name in ["a.parquet", "a.arrow", "a.csv", "a.ndjson"] {
        let plan = scan(world.provider(name)).filter(ident("id").is_not_null()).unwrap();
        assert_eq!(
            world
                .engine
                .collect(plan.build().unwrap())
                .unwrap()
                .iter()
                .map(RecordBatch::num_rows)
                .sum::<usize>(),
            7
        );
        let plan = scan(world.provider(name)).project(Vec::<Expr>::new()).unwrap().build().unwrap();
        let rows: usize = world.engine.collect(plan).unwrap().iter().map(RecordBatch::num_rows).sum();
        assert_eq!(rows, 7, "{name}");
    }
}

#[test]
fn files_without_rows_have_columns() {
    let world = World::new();
    world.parquet("none.parquet", vec![("id", ints([])), ("name", texts(&[]))]);
    world.arrow("none.arrow", vec![("id", ints([])), ("name", texts(&[]))]);
    world.write("none.csv", "id,name\n");
    world.write("bare.csv", "id,name");
    for name in ["none.parquet", "none.arrow", "none.csv", "bare.csv"] {
        assert!(world.rows(name).is_empty(), "{name}");
        assert_eq!(world.table(name).unwrap().names().collect::<Vec<_>>(), ["id", "name"]);
    }
    assert_eq!(world.columns("none.csv")[0], "id: of no type yet (nothing but missing values)");
    world.parquet("some/a.parquet", vec![("id", ints([])), ("name", texts(&[]))]);
    world.parquet("some/b.parquet", vec![("id", ints([5])), ("name", texts(&["x"]))]);
    assert_eq!(world.rows("some"), ["5|x"]);
}

#[test]
fn what_cannot_be_opened_says_which_file_and_why() {
    let world = World::new();
    for name in ["e.parquet", "e.arrow"] {
        world.write(name, "");
        assert!(reason(world.table(name)).starts_with("e."), "{name}");
    }
    // Text files may be empty altogether: a day without events.
    for name in ["e.csv", "e.ndjson"] {
        world.write(name, "");
        assert!(world.table(name).unwrap().columns.is_empty(), "{name}");
    }
    world.parquet("whole.parquet", vec![("id", ints(0..10_000))]);
    let bytes = fs::read(world.path("whole.parquet")).unwrap();
    world.write("d/cut.parquet", &bytes[..bytes.len() / 2]);
    assert!(reason(world.table("d/cut.parquet")).starts_with("d/cut.parquet: damaged Parquet data"));
    world.write("text.parquet", "id,name\n1,2\n");
    assert!(reason(world.table("text.parquet")).contains("damaged"));
    world.write("text.arrow", "id,name\n1,2\n");
    assert!(reason(world.table("text.arrow")).contains("is not an Arrow file"));
    world.write("ragged.csv", "a,b\n1,2\n3\n");
    assert_eq!(
        reason(world.table("ragged.csv")),
        "ragged.csv: a row has more or fewer values than the header (line 3, expected 2 got 1)"
    );
    world.write("long.csv", "a,b\n1,2\n3,4,5\n");
    assert!(reason(world.table("long.csv")).contains("line 3"));
    world.write("gbk.csv", b"id,name\n1,\xd5\xc5\xc8\xfd\n");
    assert!(reason(world.table("gbk.csv")).contains("save it as UTF-8"));
    world.write("wide.csv", b"\xff\xfei\0d\0\n\0");
    assert!(reason(world.table("wide.csv")).contains("UTF-16"));
    world.write("quote.csv", "a,b\n1,\"x\"\"y\"\n2,\"open\n3,z\n4,z\n");
    assert_eq!(reason(world.table("quote.csv")), "quote.csv: a quote that opens on line 3 is never closed");
    world.write("inch.csv", "a,b\n1,5\" pipe\n2,\"a\"b\n");
    assert_eq!(world.rows("inch.csv"), ["1|5\" pipe", "2|ab"]);
    world.write("twice.csv", "a,b,a\n1,2,3\n");
    assert_eq!(reason(world.table("twice.csv")), "twice.csv: has two columns called `a`");
    world.write("list.json", "[{\"a\": 1}]");
    assert!(reason(world.table("list.json")).contains("one object per line"));
    world.write("broken.ndjson", "{\"a\": 1}\n{\"a\": \n");
    assert!(reason(world.table("broken.ndjson")).contains("is not NDJSON"));
}

#[test]
fn large_row_groups_are_read_whole_whatever_their_pages() {
    // In pieces from 131,072 rows on: a row is neither lost nor read twice where pieces meet.
    const ROWS: usize = 300_000;
    let world = World::new();
    // Pages of as many rows, pages that end elsewhere, one page, pages of which nothing is told.
    let pages = [("even", 20_000), ("odd", 7_777), ("one", ROWS), ("untold", 20_000)];
    for (name, rows) in pages {
        let word = |at: usize| ["上海", "Köln", ""][at % 3];
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("id", ints(0..ROWS as i64)),
            ("city", Arc::new(StringArray::from_iter_values((0..ROWS).map(word)))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let properties = WriterProperties::builder()
            .set_data_page_row_count_limit(rows)
            .set_write_batch_size(rows.min(1024))
            .set_offset_index_disabled(name == "untold")
            .build();
        let file = File::create(world.path(&format!("{name}.parquet"))).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }
    for (name, _) in pages {
        let provider = || world.provider(&format!("{name}.parquet"));
        let mut ids: Vec<i64> = Vec::new();
        for batch in world.engine.collect(all(provider())).unwrap() {
            let id = batch.column(0).as_primitive::<Int64Type>().values();
            let city = batch.column(1).as_string_view();
            for (id, city) in id.iter().zip(city) {
                assert_eq!(city, Some(["上海", "Köln", ""][*id as usize % 3]), "{name}");
            }
            ids.extend(id);
        }
        ids.sort_unstable();
        assert!(ids.into_iter().eq(0..ROWS as i64), "{name}");
        // Pages that a condition excludes are left out of the pieces.
        let (first, last) = (90_001i64, 250_000);
        let condition = ident("id").gt_eq(lit(first)).and(ident("id").lt_eq(lit(last)));
        let plan = scan(provider()).filter(condition).unwrap().build().unwrap();
        let batches = world.engine.collect(plan).unwrap();
        let mut ids: Vec<i64> = batches
            .iter()
            .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec())
            .collect();
        ids.sort_unstable();
        assert!(ids.into_iter().eq(first..=last), "{name}");
        for columns in [vec![], vec![ident("city")]] {
            let plan = scan(provider()).project(columns).unwrap().build().unwrap();
            let rows: usize = world.engine.collect(plan).unwrap().iter().map(RecordBatch::num_rows).sum();
            assert_eq!(rows, ROWS, "{name}");
        }
    }
}

/// The footer is whole, a page is not: only the run finds out, and says which file.
#[test]
fn damage_within_a_parquet_file_is_found_by_the_run() {
    let world = World::new();
    for name in ["p/a.parquet", "p/b.parquet", "p/c.parquet"] {
        let batch =
            RecordBatch::try_from_iter([("id", ints((0..50_000).map(|i| i * 7919 % 50_021)))]).unwrap();
        let properties = WriterProperties::builder().set_dictionary_enabled(false).build();
        let file = File::create(world.path(name)).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }
    let mut bytes = fs::read(world.path("p/b.parquet")).unwrap();
    bytes[4..60].fill(0xEE);
    world.write("p/b.parquet", bytes);
    match world.engine.collect(all(world.provider("p"))) {
        Err(EngineError::Data { file: Some(file), message }) => {
            assert_eq!(file, "p/b.parquet");
            assert!(message.contains("damaged"), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn damage_after_the_sample_is_found_by_the_run() {
    let world = World::new();
    let mut csv = "id,name\n".to_string();
    for i in 0..12_000 {
        csv.push_str(&format!("{i},n\n"));
    }
    let failure = |name: &str, content: &[u8]| {
        world.write(name, content);
        match world.engine.collect(all(world.provider(name))) {
            Err(EngineError::Data { file, message }) => format!("{}: {message}", file.unwrap()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        failure("ragged.csv", format!("{csv}1\n").as_bytes()),
        "ragged.csv: a row has more or fewer values than the header (line 12002, expected 2 got 1)"
    );
    let mut gbk = csv.clone().into_bytes();
    gbk.extend(b"9,\xd5\xc5\n");
    assert!(failure("gbk.csv", &gbk).contains("save it as UTF-8"));
    let late = failure("late.csv", format!("{csv}Mrs Smith,n\n").as_bytes());
    assert_eq!(
        late,
        "late.csv: row 12001 has a value of `id` that is not a whole number, as the first rows are; \
         `column id as text` overrules"
    );
    assert!(failure("zero.csv", format!("{csv}0012,n\n").as_bytes()).contains("row 12001"));
    let json = "{\"id\": 1, \"name\": \"n\"}\n".repeat(12_000);
    let late = failure("late.ndjson", format!("{json}{{\"id\": \"Mrs Smith\"}}\n").as_bytes());
    assert!(late.contains("row 12001") && !late.contains("Smith"), "{late}");
    let shape = failure("shape.ndjson", format!("{json}{{\"id\": {{\"Smith\": 1}}}}\n").as_bytes());
    assert!(shape.starts_with("shape.ndjson") && !shape.contains("Smith"), "{shape}");
    let cut = failure("cut.ndjson", format!("{json}{{\"id\": 1").as_bytes());
    assert!(cut.contains("ends within a record"), "{cut}");
}

#[test]
fn a_file_that_changes_after_it_was_opened_is_not_half_read() {
    let world = World::new();
    world.parquet("a.parquet", vec![("id", ints(0..10))]);
    let provider = world.provider("a.parquet");
    world.parquet("a.parquet", vec![("id", ints(0..5000))]);
    match world.engine.collect(all(provider)) {
        Err(EngineError::Data { file: Some(file), message }) => {
            assert_eq!(
                (file.as_str(), message.as_str()),
                ("a.parquet", "was changed since it was opened; run again")
            );
        }
        other => panic!("{other:?}"),
    }
    let provider = world.provider("a.parquet");
    fs::remove_file(world.path("a.parquet")).unwrap();
    assert!(matches!(world.engine.collect(all(provider)), Err(EngineError::Data { .. })));
}
