//! Control groups and arms: who is held out or in which arm depends on the key and the salt, on nothing else.

use super::page::Block;
use super::run::{WAYS, session};
use super::table;
use datafusion::arrow::array::{Array, ArrayRef};
use segue::explain::portrait::value_at;
use std::collections::{BTreeMap, BTreeSet};

const CUSTOMERS: usize = 600;

struct Drawn {
    sent: BTreeSet<String>,
    held: BTreeSet<String>,
    /// Who is in an arm of the split, by the arm's name.
    arms: BTreeMap<String, BTreeSet<String>>,
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
    let selected =
        session.with_asker(&program, &|_| {}, |asker| asker.select(&audiences, usize::MAX)).unwrap();
    let keys = |columns: &[(String, ArrayRef)]| -> BTreeSet<String> {
        let (_, key) = &columns[0];
        (0..key.len()).map(|i| value_at(key, i, &program.zone).unwrap().plain()).collect()
    };
    let drawn = |s: &segue::explain::Selection| Drawn {
        sent: keys(&s.columns),
        held: s.held_out.as_ref().map(|h| keys(h)).unwrap_or_default(),
        arms: arms(&s.columns, &program.zone),
    };
    selected.iter().map(drawn).collect()
}

fn arms(columns: &[(String, ArrayRef)], zone: &segue::ir::Zone) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let Some((_, arm)) = columns.iter().find(|(name, _)| name == "arm") else { return found };
    let plain = |array: &ArrayRef, i: usize| value_at(array, i, zone).unwrap().plain();
    for i in 0..arm.len() {
        found.entry(plain(arm, i)).or_default().insert(plain(&columns[0].1, i));
    }
    found
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
        let selected =
            session.with_asker(&program, &|_| {}, |asker| asker.select(&[audience], usize::MAX)).unwrap();
        let (_, held) = &selected[0].held_out.as_ref().unwrap()[0];
        (0..held.len()).map(|i| value_at(held, i, &program.zone).unwrap().plain()).collect::<BTreeSet<_>>()
    };
    assert_eq!(of("int64"), of("int32"));
    assert_eq!(of("int64"), of("uint32"));
    assert_eq!(of("int64"), of("text"));
}

/// The arms of one script's audience.
fn arms_of(script: &str) -> BTreeMap<String, BTreeSet<String>> {
    draw(&format!("{BASE}{script} columns customer_id to \"out/a.csv\"\n"), &["a"]).remove(0).arms
}

#[test]
fn an_arm_that_grows_keeps_everyone_whichever_it_is_and_whoever_pays() {
    let before = arms_of("audience a from all_of_them split a 30%, b 30%, c 40% salt \"s\"");
    assert_eq!(before.values().map(BTreeSet::len).sum::<usize>(), CUSTOMERS);
    for (arm, split) in [
        ("a", "a 50%, b 30%, c 20%"),
        ("a", "a 50%, b 20%, c 30%"),
        ("b", "a 10%, b 50%, c 40%"),
        ("b", "c 30%, b 60%, a 10%"),
        ("c", "a 20%, b 20%, c 60%"),
    ] {
        let after = arms_of(&format!("audience a from all_of_them split {split} salt \"s\""));
        assert!(before[arm].is_subset(&after[arm]) && before[arm].len() < after[arm].len(), "{split}");
    }
}

#[test]
fn a_new_arm_moves_nobody_but_into_itself() {
    let before = arms_of("audience a from all_of_them split a 50%, b 50% salt \"s\"");
    let after = arms_of("audience a from all_of_them split a 45%, new 10%, b 45% salt \"s\"");
    assert!(after["a"].is_subset(&before["a"]) && after["b"].is_subset(&before["b"]));
    // 60 are expected; five standard deviations are 37.
    assert!((23..=97).contains(&after["new"].len()), "{}", after["new"].len());
}

#[test]
fn a_segment_that_grows_or_a_control_moves_nobody_between_arms() {
    let low = arms_of("audience a from low split a 50%, b 50% salt \"s\"");
    let all = arms_of("audience a from all_of_them split a 50%, b 50% salt \"s\"");
    let held = arms_of("audience a from all_of_them split a 50%, b 50% salt \"s\" control 20% salt \"s\"");
    for arm in ["a", "b"] {
        assert!(low[arm].is_subset(&all[arm]) && held[arm].is_subset(&all[arm]));
        // Of 300 one half, of 480 one half; five standard deviations.
        assert!((107..=193).contains(&low[arm].len()), "{}", low[arm].len());
        assert!((185..=295).contains(&held[arm].len()), "{}", held[arm].len());
    }
}
