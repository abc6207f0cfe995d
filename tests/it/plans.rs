//! What the plans must show: a source of events is read once, however many segments ask.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use crate::pages::bank;
use segue::check::AsOfOption;
use segue::engine::{EngineOptions, RunStats};
use segue::ir::print::Lang;
use segue::ir::{DefId, Program};
use segue::plan::{self, Request, Strategy};
use segue::session::{Session, Settings};
use std::path::Path;

pub const SOURCES: &str = r#"
timezone "Asia/Shanghai"
source customers    from "data/customers.parquet" key customer_id
source transactions from "data/transactions/*.parquet" of customers by customer_id at txn_time
"#;

pub fn session(text: &str) -> Session {
    session_in(bank(), EngineOptions::default(), text)
}

/// A session over a demo bank, with a script in its folder.
pub fn session_in(folder: &Path, engine: EngineOptions, text: &str) -> Session {
    let settings = Settings {
        engine,
        as_of: Some(AsOfOption::Day("2026-10-31".parse().unwrap())),
        now: "2026-11-22T08:00:00Z".parse().unwrap(),
        set: Vec::new(),
        strict: false,
        lang: Lang::En,
    };
    let mut session = Session::new(settings).unwrap();
    session.load_text("script.seg", folder, text);
    session
}

/// 30 tags over one source of events and the customers' own columns, 100 segments over three tags each.
fn hundred_segments() -> String {
    let mut text = SOURCES.to_string();
    for i in 1..=10 {
        text += &format!("tag n{i} = count(transactions in last {} days)\n", i * 30);
        text += &format!("tag s{i} = sum(transactions.amount in last {} days where amount > {i})\n", i * 30);
        text += &format!("tag m{i} = max(transactions.amount in last {i} months)\n");
    }
    for i in 0..100 {
        let (a, b, c) = (i % 10 + 1, (i * 3) % 10 + 1, (i * 7) % 10 + 1);
        text += &format!("segment g{i} where n{a} > {i} and (s{b} <= {} or m{c} is missing)\n", i * 100);
    }
    text
}

#[test]
fn a_hundred_segments_read_each_source_once() {
    let session = session(&hundred_segments());
    let checked = session.check();
    let program = checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
    let plans = session.plans(&program).unwrap();
    for source in ["customers", "transactions"] {
        let scans = plans.matches(&format!("TableScan: {source} ")).count();
        assert_eq!(scans, 1, "{source} is read {scans} times:\n{plans}");
    }
    // The time bound stands at the scan, where row groups are skipped by it.
    assert!(plans.contains("partial_filters=[txn_time >="), "{plans}");
}

#[test]
fn events_filtered_by_a_tag_are_read_once_more() {
    let text = format!(
        "{SOURCES}tag usual = avg(transactions.amount)
         tag large = count(transactions in last 90 days where amount > usual)
         tag many = count(transactions in last 90 days)
         segment spender where large > 3 and many > 5"
    );
    let session = session(&text);
    let program = session.check().program.unwrap();
    let plans = session.plans(&program).unwrap();
    assert_eq!(plans.matches("TableScan: transactions ").count(), 2, "one level each:\n{plans}");
    assert_eq!(plans.matches("TableScan: customers ").count(), 1, "{plans}");
}

/// What a run reads to tell who is in `s`.
fn run(text: &str) -> RunStats {
    let session = session(text);
    let checked = session.check();
    let program = checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
    let (id, _) = program.find_definition("s").unwrap();
    stats(&session, &program, &[id])
}

/// What a run of the first level reads and puts away, to tell who is in some segments of one entity.
pub fn stats(session: &Session, program: &Program, segments: &[DefId]) -> RunStats {
    let exprs = segments.iter().map(|s| program.definition_node(*s).unwrap()).collect();
    let request = Request::of(program.definition(segments[0]).unwrap().entity, exprs);
    let stats = session.with_asker(program, &|_| {}, |asker| {
        let mut portrait =
            plan::portrait(program, asker.tables.clone(), request, asker.engine.strategy()).unwrap();
        let level = portrait.next_level(None).unwrap().unwrap();
        Ok(asker.engine.run(level.plan, &mut |_| Ok(())).unwrap())
    });
    stats.unwrap()
}

#[test]
fn months_before_a_day_are_not_read() {
    let rows = |condition: &str| {
        let taken = format!("at txn_time where {condition}\n");
        let text = SOURCES.replace("at txn_time\n", &taken) + "segment s where count(transactions) > 3\n";
        run(&text).rows_scanned
    };
    let (all, none) = (rows("txn_time is not missing"), rows("txn_time >= 2030-01-01"));
    // The customers are read for either; transactions lie in a file for each of fourteen months.
    let later = rows("txn_time >= 2026-10-01");
    assert!(none < later && later - none < (all - none) / 8, "{all} {later} {none}");
    assert_eq!(rows("txn_time >= 2026-10-01T00:00"), later);
}

#[test]
fn of_each_month_the_columns_are_read_that_its_windows_ask_for() {
    let of = |tags: &str| run(&format!("{SOURCES}{tags}"));
    let bytes = |tags: &str| of(tags).bytes_scanned;
    // Keys and times of all months.
    let always = bytes("segment s where last(transactions.txn_time) > 2026-10-01T00:00");
    // And one more column, of the last month alone, or of all.
    let spent = "segment s where last(transactions.txn_time) > 2026-10-01T00:00 and ";
    let month = bytes(&format!("{spent} sum(transactions.amount in this month) > 3"));
    let all = bytes(&format!("{spent} sum(transactions.amount) > 3"));
    assert!(always < month && month - always < (all - always) / 8, "{always} {month} {all}");
    // What a condition is about, too.
    let month = bytes(&format!("{spent} count(transactions in this month where category = \"dining\") > 3"));
    let all = bytes(&format!("{spent} count(transactions where category = \"dining\") > 3"));
    assert!(always < month && month - always < (all - always) / 8, "{always} {month} {all}");
    // Months between two windows are not read at all.
    let years = "segment s where count(transactions in this month)
        > count(transactions from 2025-10-01 to 2025-10-31)";
    let two = of(years).rows_scanned;
    let all = of("segment s where count(transactions in last 13 months) > 0").rows_scanned;
    assert!(two < all / 2, "{two} {all}");
}

#[test]
fn what_is_left_out_of_a_month_is_not_missed() {
    let script = format!(
        "{SOURCES}tag latest = last(transactions.txn_time)
         tag first_then = first(transactions.txn_time from 2025-10-01 to 2025-10-31)
         tag autumn = sum(transactions.amount from 2025-10-01 to 2025-10-31 where category = \"dining\")
         tag now = sum(transactions.amount in this month)
         tag nowhere = count(transactions in last 45 days where merchant is missing or transactions.city is missing)
         tag kinds = distinct(transactions.category in last 100 days)
         tag usual = median(transactions.amount in previous month)
         tag where_to = most_common(transactions.city in last 70 days)
         tag ever = count(transactions where amount > 500)
         tag large = count(transactions in this month where amount > deposit_balance)
         segment a where latest >= 2026-10-15 and first_then is not missing
         segment b where autumn < now
         segment c where nowhere = 0 and kinds >= 3
         segment d where usual > 60
         segment e where where_to is missing or ever > 4
         segment f where large > 0
         segment g where autumn is missing and ever = 0"
    );
    let counts = |strategy, memory| {
        let engine = EngineOptions { threads: Some(2), strategy, memory, ..EngineOptions::default() };
        let session = session_in(bank(), engine, &script);
        let checked = session.check();
        let program = checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
        let ids: Vec<_> = ["a", "b", "c", "d", "e", "f", "g"]
            .iter()
            .map(|s| program.find_definition(s).unwrap().0)
            .collect();
        let counts = session.counts(&program, &ids, &|_| {}).unwrap();
        counts.into_iter().map(|c| (c.members, c.undecided.count)).collect::<Vec<_>>()
    };
    let expected = counts(Strategy::Plain, None);
    assert!(expected.iter().take(6).all(|(members, _)| *members > 0), "{expected:?}");
    assert_eq!(counts(Strategy::Fold, None), expected);
    assert_eq!(counts(Strategy::Divided, None), expected, "in parts");
    assert_eq!(counts(Strategy::Fold, Some(4 << 20)), expected, "with little memory");
}
