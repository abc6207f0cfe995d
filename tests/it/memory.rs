//! What does not fit into memory goes to disk, and the answers are the same to the last byte.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use crate::plans::{session_in, stats};
use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use segue::demo::{DemoOptions, generate};
use segue::engine::EngineOptions;
use segue::ir::{DefId, DefinitionKind};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// Aggregates of all kinds, over text and numbers; a level that uses the one before; customers compared.
const SCRIPT: &str = r#"
timezone "Asia/Shanghai"
source customers    from "data/customers.parquet"        key customer_id
source transactions from "data/transactions/*.parquet" of customers by customer_id at txn_time
source app          from "data/app_events/*.parquet"   of customers by customer_id at event_time

tag assets   = deposit_balance + fund_balance + wealth_balance
tag tx_90d   = count(transactions in last 90 days)
tag spent    = sum(transactions.amount in last 365 days where category = "dining")
tag usual    = median(transactions.amount in last 365 days)
tag largest  = max(transactions.amount)
tag where_to = most_common(transactions.merchant in last 365 days)
tag places   = distinct(transactions.merchant)
tag kinds    = distinct(transactions.category in last 90 days)
tag latest   = last(transactions.city)
tag minutes  = avg(app.session_minutes in last 180 days)
tag spread   = stddev(app.session_minutes)
tag unusual  = count(transactions in last 365 days where amount > 3 * usual)

segment active  where tx_90d > 5 and assets > 0
segment dining  where spent > 500 or largest > 20_000
segment roaming where places > 20 and kinds >= 3 and latest is not missing
segment talking where minutes > 5 and spread > 1
segment odd     where unusual > 2 and usual > 10
segment rich    = top 5% by assets within city

audience odd_ones from odd
  columns customer_id, assets, usual, unusual, where_to, latest, minutes
  to      "odd.csv"
"#;

/// Each segment's members and undecided, the audience's file, and how many bytes went to disk.
fn answers(folder: &Path, threads: usize, memory: Option<usize>) -> (Vec<(u64, u64)>, String, u64) {
    let engine = EngineOptions { threads: Some(threads), memory, ..EngineOptions::default() };
    let session = session_in(folder, engine, SCRIPT);
    let checked = session.check();
    let program = checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
    let all = (0u32..).map(DefId).zip(&program.definitions);
    let segments: Vec<DefId> =
        all.filter(|(_, d)| d.kind == DefinitionKind::Segment && d.is_written()).map(|(id, _)| id).collect();
    assert_eq!(segments.len(), 6);
    let counts = session.counts(&program, &segments, &|_| {}).unwrap();
    let counts = counts.into_iter().map(|c| (c.members, c.undecided.count)).collect();
    let audiences: Vec<_> = program.audiences.iter().collect();
    session.deliver(&program, &audiences, Some(folder), &|_| {}).unwrap();
    let list = std::fs::read_to_string(folder.join("odd.csv")).unwrap();
    let spilled = stats(&session, &program, &segments).bytes_spilled;
    (counts, list, spilled)
}

#[test]
fn little_memory_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let options = DemoOptions { customers: 3_000, ..DemoOptions::default() };
    generate(folder.path(), &options, &mut |_, _, _| {}).unwrap();
    let (counts, list, spilled) = answers(folder.path(), 2, None);
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    let before = files();
    assert_eq!(spilled, 0);
    assert!(counts.iter().all(|(members, _)| *members > 0), "{counts:?}");
    assert!(list.lines().count() > 10, "{list}");
    for (threads, memory) in [(2, 6 << 20), (1, 4 << 20), (2, 3 << 20)] {
        let (few, same, spilled) = answers(folder.path(), threads, Some(memory));
        assert_eq!(few, counts, "with {memory} bytes");
        assert_eq!(same, list, "with {memory} bytes");
        assert!(spilled > 10_000, "{spilled} bytes spilled with {memory}");
    }
    assert_eq!(files(), before, "nothing is left behind");
}

/// More than two chunks of what lists are made of.
const PEOPLE: i64 = 150_000;

/// One of the people; the rows of the file are in no order.
#[derive(Clone, Copy)]
struct Person {
    id: i64,
    score: Option<f64>,
    city: i64,
    number: i64,
}

fn people() -> Vec<Person> {
    let person = |at: i64| {
        let id = at * 7_919 % PEOPLE;
        // A third of the scores are someone else's, too.
        let score = (id % 13 != 0).then(|| (id * 31 % 100_003) as f64 / 8.0);
        Person { id, score, city: id % 7, number: id % 10 }
    };
    (0..PEOPLE).map(person).collect()
}

fn write_people(path: &Path) {
    let people = people();
    let numbers = |of: fn(&Person) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(people.iter().map(of)))
    };
    let scores: ArrayRef = Arc::new(people.iter().map(|p| p.score).collect::<Float64Array>());
    let cities: ArrayRef =
        Arc::new(StringArray::from_iter_values(people.iter().map(|p| format!("city {}", p.city))));
    let columns =
        [("id", numbers(|p| p.id)), ("score", scores), ("city", cities), ("number", numbers(|p| p.number))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

const LISTS: &str = r#"
source people from "people.parquet" key id

tag place = percentile(score within city)
tag worst = rank(score)
tag of_number = percentile(number within city)

segment some where number < 8
segment high where place >= 0.75 and number != 3 and worst > 0 and of_number >= 0

audience largest from some limit 100_000 by score columns id, score, city to "largest.parquet"
audience all_high from high control 20% columns id, place to "high.parquet"
audience in_arms  from some split a 60%, b 40% columns id to "arms.parquet"
"#;

fn ids(path: &Path) -> Vec<i64> {
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap();
    reader.flat_map(|batch| batch.unwrap().column(0).as_primitive::<Int64Type>().values().to_vec()).collect()
}

/// Lists over several chunks, of rows in no order, ordered by their keys or by a value; people compared with each other.
#[test]
fn lists_and_comparisons_that_do_not_fit_go_to_disk() {
    let folder = tempfile::tempdir().unwrap();
    write_people(&folder.path().join("people.parquet"));
    let deliver = |name: &str, memory: Option<usize>| {
        let out = folder.path().join(name);
        let engine = EngineOptions { threads: Some(2), memory, ..EngineOptions::default() };
        let session = session_in(folder.path(), engine, LISTS);
        let checked = session.check();
        let program = checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
        let audiences: Vec<_> = program.audiences.iter().collect();
        session.deliver(&program, &audiences, Some(&out), &|_| {}).unwrap();
        out
    };
    let (whole, small) = (deliver("whole", None), deliver("small", Some(24 << 20)));
    let files = ["largest.parquet", "high.parquet", "high.held_out.parquet", "arms.parquet"];
    for file in files {
        assert!(
            std::fs::read(whole.join(file)).unwrap() == std::fs::read(small.join(file)).unwrap(),
            "{file}"
        );
    }

    // By plain counting.
    let mut people = people();
    people.sort_by_key(|p| p.id);
    let mut largest: Vec<Person> = people.iter().filter(|p| p.number < 8).copied().collect();
    largest.sort_by(|a, b| {
        let score = |p: &Person| p.score.unwrap_or(f64::NEG_INFINITY);
        score(b).total_cmp(&score(a)).then(a.id.cmp(&b.id))
    });
    assert!(largest.len() > 110_000);
    let largest: Vec<i64> = largest.iter().take(100_000).map(|p| p.id).collect();
    assert!(ids(&whole.join(files[0])) == largest, "the largest, in their order");

    let mut high: Vec<i64> = Vec::new();
    for city in 0..7 {
        let mut scores: Vec<f64> = people.iter().filter(|p| p.city == city).filter_map(|p| p.score).collect();
        scores.sort_by(f64::total_cmp);
        let place = |score: f64| scores.partition_point(|s| *s < score) as f64 / (scores.len() - 1) as f64;
        let of_city = people.iter().filter(|p| p.city == city && p.number != 3);
        high.extend(of_city.filter(|p| p.score.is_some_and(|s| place(s) >= 0.75)).map(|p| p.id));
    }
    high.sort_unstable();
    let (sent, held) = (ids(&whole.join(files[1])), ids(&whole.join(files[2])));
    assert!(sent.is_sorted() && held.is_sorted() && held.len() > 5_000);
    let mut both = [sent, held].concat();
    both.sort_unstable();
    assert!(both == high, "who is high in their city");

    let some: Vec<i64> = people.iter().filter(|p| p.number < 8).map(|p| p.id).collect();
    assert!(ids(&whole.join(files[3])) == some, "all in arms, in the order of their keys");
}
