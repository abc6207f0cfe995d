//! Scripts of thousands of definitions are checked in a moment: nothing is searched for once for each of them.

#![allow(clippy::unwrap_used, clippy::panic)]

use crate::plans::session;
use std::time::{Duration, Instant};

#[track_caller]
fn checked_in_a_moment(text: &str) {
    let session = session(text);
    let start = Instant::now();
    let checked = session.check();
    let took = start.elapsed();
    assert!(checked.program.is_some(), "{:?}", checked.diagnostics.first());
    assert!(took < Duration::from_secs(60), "it took {took:?}");
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    crate::plans::SOURCES
        .chars()
        .chain((0..count).flat_map(|i| line(i).chars().collect::<Vec<_>>()))
        .collect()
}

#[test]
fn models() {
    checked_in_a_moment(&lines(8_000, |i| {
        format!(
            "rfm v{i} from transactions recency txn_time frequency in last {} days monetary amount\n",
            i % 700 + 1
        )
    }));
}

#[test]
fn stages_of_one_case() {
    let whens = |i: usize| match i {
        0 => "tag stage = case\n".to_string(),
        i => format!("when deposit_balance < {i} then \"s{i}\"\n"),
    };
    checked_in_a_moment(&lines(40_000, whens));
}

#[test]
fn parts_of_sequences() {
    checked_in_a_moment(&lines(8_000, |i| {
        format!(
            "tag t{i} = happened(transactions where amount > {i} then transactions within 7 days)
             segment s{i} where t{i}.steps > 0\n"
        )
    }));
}
