//! Control groups: who is held out depends on the key and the salt, on nothing else.

use super::page::Block;
use super::run::{WAYS, session};
use super::table;
use datafusion::arrow::array::{Array, ArrayRef};
use segue::explain::portrait::value_at;
use std::collections::BTreeSet;

const CUSTOMERS: usize = 600;

struct Drawn {
    sent: BTreeSet<String>,
    held: BTreeSet<String>,
}

/// The audiences `name` of a script over 600 customers with scores from 1 to 600.
fn draw(script: &str, names: &[&str]) -> Vec<Drawn> {
    let folder = tempfile::tempdir().unwrap();
    let mut lines = vec!["customer_id:int64, score:int64".to_string()];
    lines.extend((1..=CUSTOMERS).map(|i| format!("{i},{i}")));
    let block = Block { kind: "table".into(), info: "customers.parquet".into(), lines, line: 0 };
    table::write(folder.path(), &block, false);
    let mut session = session(WAYS[1], "2026-10-31", Vec::new());
    let source = "timezone \"UTC\"\nsource customers from \"customers.parquet\" key customer_id\n";
    session.load_text("case.seg", folder.path(), &format!("{source}{script}"));
    let checked = session.check();
    let program = checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
    let audiences: Vec<_> = names.iter().map(|n| program.find_audience(n).unwrap()).collect();
    let selected = session.with_asker(&program, &|_| {}, |asker| asker.select(&audiences)).unwrap();
    let keys = |columns: &[(String, ArrayRef)]| -> BTreeSet<String> {
        let (_, key) = &columns[0];
        (0..key.len()).map(|i| value_at(key, i, &program.zone).unwrap().plain()).collect()
    };
    let drawn = |s: &segue::explain::Selection| Drawn {
        sent: keys(&s.columns),
        held: s.held_out.as_ref().map(|h| keys(h)).unwrap_or_default(),
    };
    selected.iter().map(drawn).collect()
}

const BASE: &str = "segment low where score <= 300\nsegment all_of_them where score > 0\n";

#[test]
fn control_takes_about_its_share_and_nobody_is_in_both_lists() {
    let script = format!("{BASE}audience a from all_of_them control 10% salt \"s\" to \"out/a.csv\"\n");
    let drawn = draw(&script, &["a"]);
    assert!(drawn[0].held.is_disjoint(&drawn[0].sent));
    assert_eq!(drawn[0].held.len() + drawn[0].sent.len(), CUSTOMERS);
    // 60 are expected; five standard deviations are 37.
    assert!((23..=97).contains(&drawn[0].held.len()), "{}", drawn[0].held.len());
}

#[test]
fn growing_the_control_never_moves_those_already_in_it() {
    let script = format!(
        "{BASE}audience a from all_of_them control 10% salt \"s\" to \"out/a.csv\"\n\
         audience b from all_of_them control 25% salt \"s\" to \"out/b.csv\"\n"
    );
    let drawn = draw(&script, &["a", "b"]);
    assert!(drawn[0].held.is_subset(&drawn[1].held) && drawn[0].held.len() < drawn[1].held.len());
}

#[test]
fn growing_the_segment_moves_nobody() {
    let script = format!(
        "{BASE}audience a from low control 20% salt \"s\" to \"out/a.csv\"\n\
         audience b from all_of_them control 20% salt \"s\" to \"out/b.csv\"\n"
    );
    let drawn = draw(&script, &["a", "b"]);
    assert!(drawn[0].held.is_subset(&drawn[1].held) && drawn[0].sent.is_subset(&drawn[1].sent));
}

#[test]
fn the_salt_decides_and_not_the_name() {
    let of = |name: &str, clause: &str| {
        let script = format!("{BASE}audience {name} from all_of_them control 20%{clause} to \"out/a.csv\"\n");
        draw(&script, &[name]).remove(0).held
    };
    assert_eq!(of("a", " salt \"s\""), of("b", " salt \"s\""));
    assert_ne!(of("a", " salt \"s\""), of("a", " salt \"t\""));
    assert_eq!(of("a", ""), of("a", ""));
}

#[test]
fn a_key_is_drawn_by_its_value_whatever_its_integer_width() {
    let of = |ty: &str| {
        let folder = tempfile::tempdir().unwrap();
        let mut lines = vec![format!("customer_id:{ty}")];
        lines.extend((1..=100).map(|i| i.to_string()));
        let block = Block { kind: "table".into(), info: "customers.parquet".into(), lines, line: 0 };
        table::write(folder.path(), &block, false);
        let mut session = session(WAYS[0], "2026-10-31", Vec::new());
        let script = "source customers from \"customers.parquet\" key customer_id\n\
            segment all_of_them where customer_id is known\n\
            audience a from all_of_them control 20% to \"out/a.csv\"\n";
        session.load_text("case.seg", folder.path(), script);
        let checked = session.check();
        let program = checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
        let audience = program.find_audience("a").unwrap();
        let selected = session.with_asker(&program, &|_| {}, |asker| asker.select(&[audience])).unwrap();
        let (_, held) = &selected[0].held_out.as_ref().unwrap()[0];
        (0..held.len()).map(|i| value_at(held, i, &program.zone).unwrap().plain()).collect::<BTreeSet<_>>()
    };
    assert_eq!(of("int64"), of("int32"));
    assert_eq!(of("int64"), of("uint32"));
    assert_eq!(of("int64"), of("text"));
}
