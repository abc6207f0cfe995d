//! Answers drawn in both languages against `en.txt` and `zh.txt`, which stand side by side.

mod data;
mod fixtures;
mod widths;

use super::numbers::{percent, shown_in};
use super::*;
use crate::explain::answer::{List, Show};
use crate::value::Value;
use fixtures as f;

fn drawing(lang: Lang) -> Drawing {
    Drawing { lang, ..Drawing::default() }
}

/// Every case by its name in the files.
fn cases(lang: Lang) -> Vec<(&'static str, String)> {
    let o = drawing(lang);
    let draw = |a: Answer| answer(&a, &o);
    let mut by_default = f::why();
    (by_default.member, by_default.undecided) = (true, true);
    by_default.nearest_miss.clear();
    let mut undecided = f::why();
    undecided.undecided = true;
    undecided.nearest_miss.push("tx_90d 3 > 5".into());
    let mut segment = f::describe();
    segment.kind = "segment".into();
    segment.tag.name = "high_value".into();
    segment.tag.uses.clear();
    segment.used_by.clear();
    let spread = segment.tag.spread.as_mut().unwrap();
    (spread.min, spread.median, spread.max) = (None, None, None);
    spread.top = vec![(Value::Bool(true), 1_284), (Value::Bool(false), 17_804)];
    let nothing = List {
        sources: Vec::new(),
        params: Vec::new(),
        tags: Vec::new(),
        segments: Vec::new(),
        audiences: Vec::new(),
        ..f::list()
    };
    let mut small = f::selection();
    small.columns.truncate(1);
    (small.rows, small.held_out, small.held) = (0, None, None);
    small.audience.min_size = None;
    small.audience.notes.clear();
    small.waterfall.truncate(3);
    vec![
        ("count", draw(Answer::Count(f::count()))),
        ("count of nobody", draw(Answer::Count(f::empty()))),
        ("count of no rows", draw(Answer::Count(f::no_rows().count))),
        ("count with complements", draw(Answer::Count(f::nested().count))),
        ("show", draw(Answer::Show(f::show()))),
        ("show nobody", draw(Answer::Show(Show { members: 0, rows: Vec::new(), ..f::show() }))),
        ("explain", draw(Answer::Explain(f::explain()))),
        ("explain nested", draw(Answer::Explain(f::nested()))),
        ("explain no rows", draw(Answer::Explain(f::no_rows()))),
        ("why", draw(Answer::Why(f::why()))),
        ("why undecided", draw(Answer::Why(undecided))),
        ("why by default", draw(Answer::Why(by_default))),
        ("portrait", draw(Answer::Portrait(f::portrait()))),
        ("describe", draw(Answer::Describe(f::describe()))),
        ("describe segment", draw(Answer::Describe(segment))),
        ("list", draw(Answer::List(f::list()))),
        ("list nothing", draw(Answer::List(nothing))),
        ("audience", audience(&f::selection(), &f::files(), 2, &o)),
        ("audience of nobody", audience(&small, &[], 2, &o)),
    ]
}

/// What a file of `=== name` sections expects.
fn expected(file: &'static str) -> Vec<(&'static str, &'static str)> {
    file.split("=== ").skip(1).map(|section| section.split_once('\n').unwrap()).collect()
}

fn compare(lang: Lang, file: &'static str) {
    let (cases, expected) = (cases(lang), expected(file));
    for ((name, drawn), (other, text)) in cases.iter().zip(&expected) {
        assert_eq!(name, other);
        assert_eq!(drawn.trim_end(), text.trim_end(), "\n{name}, drawn:\n{drawn}");
    }
    assert_eq!(cases.len(), expected.len());
}

#[test]
fn in_english() {
    compare(Lang::En, include_str!("en.txt"));
}

#[test]
fn in_chinese() {
    compare(Lang::Zh, include_str!("zh.txt"));
}

#[test]
fn shares_have_one_decimal_and_lie_about_nothing() {
    let share = |part, whole| percent(part, whole);
    assert_eq!(share(0, 0), None);
    assert_eq!(share(0, 20_000).as_deref(), Some("0%"));
    assert_eq!(share(1, 20_000).as_deref(), Some("<0.1%"));
    assert_eq!(share(20, 20_000).as_deref(), Some("0.1%"));
    assert_eq!(share(1_284, 20_000).as_deref(), Some("6.4%"));
    assert_eq!(share(2_310, 20_000).as_deref(), Some("11.6%"));
    assert_eq!(share(19_999, 20_000).as_deref(), Some(">99.9%"));
    assert_eq!(share(20_000, 20_000).as_deref(), Some("100%"));
    assert_eq!(share(u64::MAX / 2, u64::MAX).as_deref(), Some("50.0%"));
}

#[test]
fn keys_are_not_grouped() {
    let n = Value::Int(10_042);
    assert_eq!(shown_in("customer_id", &n, Lang::En), "10042");
    assert_eq!(shown_in("branch.region_ID", &n, Lang::En), "10042");
    assert_eq!(shown_in("paid", &n, Lang::En), "10,042");
}
