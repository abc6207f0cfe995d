//! What does not fit into memory goes to disk, and the answers are the same to the last byte.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use crate::plans::session_in;
use segue::demo::{DemoOptions, generate};
use segue::engine::EngineOptions;
use segue::ir::{DefId, DefinitionKind};
use segue::plan::{self, Request};
use std::path::Path;

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
    let spilled = session.with_asker(&program, &|_| {}, |asker| {
        let entity = program.definition(segments[0]).unwrap().entity;
        let exprs = segments.iter().map(|s| program.definition_node(*s).unwrap()).collect();
        let request = Request::of(entity, exprs);
        let mut portrait =
            plan::portrait(&program, asker.tables.clone(), request, asker.engine.strategy()).unwrap();
        let level = portrait.next_level(None).unwrap().unwrap();
        let stats = asker.engine.run(level.plan, &mut |_| Ok(())).unwrap();
        Ok(stats.bytes_spilled)
    });
    (counts, list, spilled.unwrap())
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
