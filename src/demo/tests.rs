//! The bank must be the same every time, whole, and as imperfect as it says.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{
    Date32Type, Decimal128Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::calendar::{MICROS_PER_DAY, day_of};
use super::{DemoError, DemoOptions, DemoSummary, generate_with, is_complete};

fn options(customers: u64) -> DemoOptions {
    DemoOptions { customers, ..DemoOptions::default() }
}

fn make(customers: u64, threads: usize) -> (tempfile::TempDir, DemoSummary) {
    let dir = tempfile::tempdir().unwrap();
    let summary = generate_with(dir.path(), &options(customers), threads, &mut |_, _, _| {}).unwrap();
    (dir, summary)
}

fn read(path: &Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let schema = reader.schema().clone();
    let batches: Vec<RecordBatch> = reader.build().unwrap().collect::<Result<_, _>>().unwrap();
    concat_batches(&schema, &batches).unwrap()
}

/// A table of one file, or of all files of a folder in the order of their names.
fn table(dir: &Path, name: &str) -> RecordBatch {
    let path = dir.join("data").join(name);
    if !path.is_dir() {
        return read(&path);
    }
    let mut files: Vec<PathBuf> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let parts: Vec<RecordBatch> = files.iter().map(|path| read(path)).collect();
    concat_batches(&parts[0].schema(), &parts).unwrap()
}

fn ids(batch: &RecordBatch, column: &str) -> Vec<i64> {
    batch.column_by_name(column).unwrap().as_primitive::<Int64Type>().iter().flatten().collect()
}

fn times(batch: &RecordBatch, column: &str) -> Vec<i64> {
    batch
        .column_by_name(column)
        .unwrap()
        .as_primitive::<TimestampMicrosecondType>()
        .iter()
        .flatten()
        .collect()
}

fn files_below(dir: &Path, into: &mut BTreeMap<String, Vec<u8>>, prefix: &str) {
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            files_below(&entry.path(), into, &name);
        } else {
            into.insert(name, fs::read(entry.path()).unwrap());
        }
    }
}

fn bytes(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    files_below(dir, &mut files, "");
    files
}

#[test]
fn same_bytes_whatever_the_threads() {
    let one = bytes(make(500, 1).0.path());
    let three = bytes(make(500, 3).0.path());
    let again = bytes(make(500, 1).0.path());
    assert_eq!(one.len(), 28 + 6 + 4 + 1 + super::scripts::SCRIPTS.len());
    assert!(one == three && one == again);
    assert!(one.keys().all(|name| !name.contains(".part")));
}

#[test]
fn another_seed_is_another_bank() {
    let (dir, _) = make(300, 2);
    let before = bytes(dir.path());
    let other = DemoOptions { seed: 7, ..options(300) };
    generate_with(dir.path(), &other, 2, &mut |_, _, _| {}).unwrap();
    assert_ne!(before["/data/customers.parquet"], bytes(dir.path())["/data/customers.parquet"]);
}

#[test]
fn rows_are_as_the_summary_says_and_keys_are_unique() {
    let (dir, summary) = make(500, 2);
    let mut sums: HashMap<String, u64> = HashMap::new();
    for (name, rows) in &summary.files {
        assert!(dir.path().join(name).is_file(), "{name}");
        let table = name.rsplit_once("/20").map_or(name.as_str(), |(folder, _)| folder);
        *sums.entry(table.trim_start_matches("data/").to_owned()).or_default() += rows;
    }
    for (name, key) in [
        ("customers.parquet", Some("customer_id")),
        ("accounts.parquet", Some("account_id")),
        ("transactions", Some("txn_id")),
        ("app_events", Some("event_id")),
        ("contacts.parquet", Some("contact_id")),
        ("applications.parquet", Some("application_id")),
        ("responses.parquet", None),
        ("holdings.parquet", None),
    ] {
        let rows = table(dir.path(), name);
        assert_eq!(sums[name], rows.num_rows() as u64, "{name}");
        if let Some(key) = key {
            let keys = ids(&rows, key);
            assert_eq!(keys.len(), rows.num_rows(), "{key} is never missing");
            assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len(), "{key}");
            assert!(keys.is_sorted(), "{key}");
        }
    }
    assert_eq!(sums["customers.parquet"], 500);
    for name in ["branches", "products", "coupons", "campaigns"] {
        let text = fs::read_to_string(dir.path().join(format!("data/{name}.csv"))).unwrap();
        assert_eq!(sums[&format!("{name}.csv")] + 1, text.lines().count() as u64);
        let width = text.lines().next().unwrap().split(',').count();
        assert!(text.lines().all(|line| line.split(',').count() == width));
    }
}

#[test]
fn tables_refer_to_one_another() {
    let (dir, _) = make(2_000, 2);
    let customers: HashSet<i64> =
        ids(&table(dir.path(), "customers.parquet"), "customer_id").into_iter().collect();
    let accounts: HashSet<i64> =
        ids(&table(dir.path(), "accounts.parquet"), "account_id").into_iter().collect();
    for name in [
        "accounts.parquet",
        "holdings.parquet",
        "contacts.parquet",
        "responses.parquet",
        "applications.parquet",
        "app_events",
    ] {
        assert!(
            ids(&table(dir.path(), name), "customer_id").iter().all(|id| customers.contains(id)),
            "{name}"
        );
    }
    let referrers = ids(&table(dir.path(), "customers.parquet"), "referrer_id");
    assert!(referrers.len() > 200 && referrers.iter().all(|id| customers.contains(id)));

    let transactions = table(dir.path(), "transactions");
    let (who, account) = (ids(&transactions, "customer_id"), ids(&transactions, "account_id"));
    let orphans = who.iter().filter(|id| !customers.contains(id)).count();
    assert_eq!(orphans, 4 * 14, "a handful of transactions belong to nobody");
    let known = who.iter().zip(&account).filter(|(id, _)| customers.contains(id));
    assert!(known.into_iter().all(|(_, account)| accounts.contains(account)));
}

#[test]
fn nothing_happens_outside_the_fourteen_months() {
    let (dir, _) = make(1_000, 2);
    let first = i64::from(day_of(NaiveDate::from_ymd_opt(2025, 9, 1).unwrap())) * MICROS_PER_DAY;
    let end = i64::from(day_of(NaiveDate::from_ymd_opt(2026, 11, 1).unwrap())) * MICROS_PER_DAY;
    let eight_hours = 8 * 3_600_000_000;
    for (name, column, shift) in [
        ("transactions", "txn_time", 0),
        ("app_events", "event_time", eight_hours),
        ("contacts.parquet", "contact_time", 0),
        ("responses.parquet", "response_time", 0),
        ("applications.parquet", "applied_at", 0),
    ] {
        let local: Vec<i64> =
            times(&table(dir.path(), name), column).iter().map(|time| time + shift).collect();
        assert!(local.iter().all(|time| (first..end).contains(time)), "{name}");
        if shift == 0 && name == "transactions" || name == "app_events" {
            assert!(local.is_sorted(), "{name} is in the order of time");
            assert!(local.iter().any(|time| *time >= end - MICROS_PER_DAY), "{name} reaches the last day");
        }
    }
    for (name, column) in
        [("customers.parquet", "open_date"), ("accounts.parquet", "opened"), ("holdings.parquet", "since")]
    {
        let rows = table(dir.path(), name);
        let days = rows.column_by_name(column).unwrap().as_primitive::<Date32Type>().clone();
        assert!(days.iter().flatten().all(|day| i64::from(day) * MICROS_PER_DAY < end), "{name}");
    }
}

#[test]
fn history_ends_with_the_day_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let as_of = NaiveDate::from_ymd_opt(2024, 2, 10).unwrap();
    let options = DemoOptions { as_of, ..options(400) };
    generate_with(dir.path(), &options, 2, &mut |_, _, _| {}).unwrap();
    let last = times(&table(dir.path(), "transactions"), "txn_time").into_iter().max().unwrap();
    assert_eq!(last / MICROS_PER_DAY, i64::from(day_of(as_of)));
    assert!(dir.path().join("data/transactions/2023-01.parquet").is_file());
}

#[test]
fn missing_shares_and_wealth_are_within_bounds() {
    let (dir, _) = make(5_000, 2);
    let rows = table(dir.path(), "customers.parquet");
    let missing = |name: &str| rows.column_by_name(name).unwrap().null_count() as f64 / 5_000.0;
    for (name, low, high) in [
        ("customer_id", 0.0, 0.0),
        ("open_date", 0.0, 0.0),
        ("city", 0.0, 0.0),
        ("deposit_balance", 0.0, 0.0),
        ("staff", 0.0, 0.0),
        ("fund_balance", 0.01, 0.03),
        ("wealth_balance", 0.015, 0.035),
        ("credit_score", 0.10, 0.14),
        ("consent_sms", 0.02, 0.06),
        ("in_arrears", 0.005, 0.025),
        ("birth_date", 0.02, 0.04),
        ("loan_maturity", 0.7, 0.9),
        ("referrer_id", 0.75, 0.9),
    ] {
        assert!((low..=high).contains(&missing(name)), "{name}: {}", missing(name));
    }
    let balance = |name: &str| rows.column_by_name(name).unwrap().as_primitive::<Decimal128Type>().clone();
    let parts = [balance("deposit_balance"), balance("fund_balance"), balance("wealth_balance")];
    let rich = (0..rows.num_rows())
        .filter(|row| parts.iter().all(|part| part.is_valid(*row)))
        .filter(|row| parts.iter().map(|part| part.value(*row)).sum::<i128>() >= 100_000_000)
        .count();
    assert!((200..500).contains(&rich), "{rich} of 5000 have a million");
}

#[test]
fn treatment_works() {
    let (dir, _) = make(5_000, 2);
    let contacts = table(dir.path(), "contacts.parquet");
    let responses = table(dir.path(), "responses.parquet");
    let campaigns = |rows: &RecordBatch| -> Vec<i32> {
        rows.column_by_name("campaign_id").unwrap().as_primitive::<Int32Type>().iter().flatten().collect()
    };
    let answered: HashSet<(i64, i32)> =
        ids(&responses, "customer_id").into_iter().zip(campaigns(&responses)).collect();
    let treated = contacts.column_by_name("treated").unwrap().as_boolean().clone();
    let (mut all, mut yes) = ([0u32; 2], [0u32; 2]);
    for (row, contact) in ids(&contacts, "customer_id").into_iter().zip(campaigns(&contacts)).enumerate() {
        all[usize::from(treated.value(row))] += 1;
        yes[usize::from(treated.value(row))] += u32::from(answered.contains(&contact));
    }
    let rate = |arm: usize| f64::from(yes[arm]) / f64::from(all[arm]);
    assert!(all[0] > 1_000 && all[1] > 4 * all[0] - 800);
    assert!(rate(1) > rate(0) + 0.01, "treated {} against {}", rate(1), rate(0));
}

#[test]
fn the_marker_tells_a_whole_bank() {
    let (dir, summary) = make(100, 2);
    assert!(is_complete(dir.path(), &options(100)));
    assert!(!is_complete(dir.path(), &options(101)));
    assert!(!is_complete(dir.path(), &DemoOptions { seed: 1, ..options(100) }));
    let names: Vec<&str> = super::scripts::SCRIPTS.iter().map(|script| script.0).collect();
    assert_eq!(summary.scripts, names);
    fs::remove_file(dir.path().join("data/holdings.parquet")).unwrap();
    assert!(!is_complete(dir.path(), &options(100)));
}

#[test]
fn a_changed_script_is_kept_and_old_months_go() {
    let (dir, _) = make(100, 2);
    fs::write(dir.path().join("retail.seg"), "-- mine\n").unwrap();
    fs::write(dir.path().join("data/mine.csv"), "a\n").unwrap();
    let as_of = NaiveDate::from_ymd_opt(2026, 8, 15).unwrap();
    let later = DemoOptions { as_of, ..options(100) };
    let summary = generate_with(dir.path(), &later, 2, &mut |_, _, _| {}).unwrap();
    assert_eq!(summary.kept, ["retail.seg"]);
    assert_eq!(fs::read_to_string(dir.path().join("retail.seg")).unwrap(), "-- mine\n");
    assert!(dir.path().join("data/mine.csv").is_file());
    assert!(!dir.path().join("data/transactions/2026-09.parquet").exists());
    assert!(dir.path().join("data/transactions/2025-07.parquet").exists());
}

#[test]
fn tiny_banks_and_impossible_ones() {
    for customers in [0, 1, 2] {
        let (dir, _) = make(customers, 2);
        assert_eq!(table(dir.path(), "customers.parquet").num_rows() as u64, customers);
    }
    let dir = tempfile::tempdir().unwrap();
    let make = |options: &DemoOptions| generate_with(dir.path(), options, 2, &mut |_, _, _| {});
    assert!(matches!(make(&options(u64::MAX)), Err(DemoError::Options(_))));
    let early = DemoOptions { as_of: NaiveDate::MIN, ..options(1) };
    assert!(matches!(make(&early), Err(DemoError::Options(_))));
    fs::write(dir.path().join("file"), "").unwrap();
    let error = generate_with(&dir.path().join("file"), &options(1), 2, &mut |_, _, _| {}).unwrap_err();
    assert!(error.to_string().contains("cannot write"), "{error}");
}

#[test]
fn progress_ends_with_all_rows() {
    let dir = tempfile::tempdir().unwrap();
    let mut last: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    generate_with(dir.path(), &options(200), 2, &mut |table, done, all| {
        let before = last.insert(table.to_owned(), (done, all)).unwrap_or_default();
        assert!(before.0 <= done && done <= all);
    })
    .unwrap();
    assert_eq!(last.len(), 7);
    assert!(last.values().all(|(done, all)| done == all));
}

#[test]
fn students_expect_their_graduation_and_products_mature_later() {
    let (dir, _) = make(2_000, 2);
    let as_of = day_of(DemoOptions::default().as_of);
    let customers = table(dir.path(), "customers.parquet");
    let days = customers.column_by_name("graduation").unwrap().as_primitive::<Date32Type>().clone();
    let jobs = datafusion::arrow::compute::cast(
        customers.column_by_name("occupation").unwrap(),
        &datafusion::arrow::datatypes::DataType::Utf8,
    )
    .unwrap();
    let jobs = jobs.as_string::<i32>();
    let known: Vec<(Option<&str>, i32)> =
        jobs.iter().zip(days.iter()).filter_map(|(job, day)| Some((job, day?))).collect();
    assert!(known.len() > 300, "{} graduations are known", known.len());
    for (job, day) in known.into_iter().filter(|(job, _)| job.is_some()) {
        assert_eq!(day > as_of, job == Some("student"), "{job:?} on day {day}");
    }
    let holdings = table(dir.path(), "holdings.parquet");
    let ends = holdings.column_by_name("matures").unwrap().as_primitive::<Date32Type>().clone();
    let since = holdings.column_by_name("since").unwrap().as_primitive::<Date32Type>().clone();
    assert!(ends.null_count() > 0 && ends.null_count() < ends.len());
    for (end, begin) in ends.iter().zip(since.iter()).filter_map(|(end, begin)| Some((end?, begin?))) {
        assert!(end > as_of && begin <= as_of && end - begin >= 90, "{begin} to {end}");
    }
}
