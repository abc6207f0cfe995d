use super::super::parser::parse_by;
use super::{findings, good, read};
use crate::diagnostic::{Code, Diagnostics};
use crate::source::FileId;
use std::time::Instant;

fn deep(open: &str, close: &str, times: usize) -> String {
    format!("tag x = {}1{}", open.repeat(times), close.repeat(times))
}

#[test]
fn deep_nesting_is_an_error_and_not_an_overflow() {
    let started = Instant::now();
    for (open, close) in [
        ("(", ")"),
        ("f(", ")"),
        ("- ", ""),
        ("not ", ""),
        ("! ", ""),
        ("x in (", ")"),
        ("case when a then ", " end"),
        ("case when ", ""),
        ("days since ", ""),
        ("count(t where ", ")"),
        ("happened(t where ", ")"),
        ("(", ""),
        ("1 + ", ""),
        ("f(1 - ", ")"),
    ] {
        let (script, found) = read(&deep(open, close, 10_000));
        assert_eq!(script.statements.len(), 0);
        assert_eq!(found.len(), 1, "{open}");
        assert_eq!(found[0].code, Code::TooDeep, "{open}");
        assert!(found[0].at.is_some());
    }
    assert!(started.elapsed().as_secs() < 20);
}

#[test]
fn what_is_not_too_deep_is_read_and_dropped() {
    for (open, close) in [
        ("(", ")"),
        ("f(", ")"),
        ("- ", ""),
        ("x in (", ")"),
        ("case when a then ", " end"),
        ("count(t where ", ")"),
        ("1 + (", ")"),
        ("happened(t where ", ")"),
    ] {
        // On a small stack, as of a thread.
        let text = deep(open, close, 190);
        std::thread::Builder::new()
            .stack_size(512 * 1024)
            .spawn(move || drop(good(&text)))
            .unwrap()
            .join()
            .unwrap();
    }
    good(&format!("tag x = {}1", "1 + ".repeat(450)));
    good(&format!("segment s where {}x", "a + b > c and ".repeat(5_000)));
    good(&format!("segment s where x in ({}1)", "1, ".repeat(20_000)));
}

#[test]
fn failing_inside_nested_parentheses_is_quick() {
    let started = Instant::now();
    for open in [
        "(",
        "f(",
        "x in (",
        "happened(t where ",
        "days since f(",
        "count(t since ",
        "case when ",
        "count(t within ",
    ] {
        assert_eq!(findings(&format!("tag x = {} > ", open.repeat(60))).len(), 1, "{open}");
    }
    assert!(started.elapsed().as_secs() < 10);
}

#[test]
fn a_huge_script_is_refused_at_once() {
    let text = "tag x = 1\n".repeat(1_000_000);
    let started = Instant::now();
    assert_eq!(
        findings(&text),
        [
            "E0106 «» the script has 9 MB; the most is 4 MB | split it into files and bring them together with `use`; \
          long lists belong in a source"
        ]
    );
    assert!(started.elapsed().as_millis() < 500);
}

#[test]
fn guesses_that_fail_do_not_add_up() {
    let started = Instant::now();
    // Every line ends in the middle, and the next begins with a soft statement word.
    let text = format!("segment x where {}tag", "count and\nlist and\n".repeat(3_000));
    good(&text);
    read(&"tag x =\n".repeat(5_000));
    read(&format!("tag x = {}", "tag +\n".repeat(400)));
    assert!(started.elapsed().as_secs() < 30);
}

#[test]
fn there_is_an_end_to_errors() {
    let started = Instant::now();
    for text in
        ["tag a = 5m\n".repeat(100_000), "tag a = 5m ".repeat(100_000), "segment a where )\n".repeat(100_000)]
    {
        let found = findings(&text);
        assert!(found.len() <= 202, "{}", found.len());
        assert!(found.last().unwrap().contains("more than 200 errors"), "{:?}", found.last());
    }
    assert!(started.elapsed().as_secs() < 20);
}

/// A script of `lines` lines, as a team may have one.
fn long(lines: usize) -> String {
    let mut text = String::new();
    for i in 0..lines / 4 {
        text.push_str(&format!(
            "tag tag_{i} \"Tag number {i}\" = sum(transactions.amount in last {i} days where category = \"travel\")\n\
             segment seg_{i} where tag_{i} >= 1_000 and life_stage in (\"active\", \"dormant\") and tx_90d > 5\n\
             tag stage_{i} = case when tag_{i} < 90 then \"new\" when idle_days <= 90 then \"active\" else \"lost\"\n\
             segment rich_{i} where assets >= 100万 and outside seg_{i} and city is known\n"
        ));
    }
    text
}

#[test]
fn a_long_script_is_read() {
    assert_eq!(good(&long(10_000)).statements.len(), 10_000);
}

/// `cargo test --release --lib timing -- --ignored --nocapture`
#[test]
#[ignore = "prints how long a script of 10,000 lines takes"]
fn timing() {
    let text = long(10_000);
    let brief = super::RETAIL.repeat(10_000 / super::RETAIL.lines().count());
    for text in [&brief, &brief, &brief, &text, &text, &text] {
        let started = Instant::now();
        let script = good(text);
        eprintln!(
            "{} statements, {} kB, {:?}",
            script.statements.len(),
            text.len() / 1000,
            started.elapsed()
        );
    }
}

#[test]
#[ignore = "prints how long a broken script and one of one line take"]
fn timing_of_odd_scripts() {
    let text = long(10_000).replace('\n', " ");
    let started = Instant::now();
    eprintln!("one line: {} statements, {:?}", good(&text).statements.len(), started.elapsed());
    let broken = long(10_000).replacen("and ", "und ", 150);
    let started = Instant::now();
    eprintln!("broken: {} findings, {:?}", findings(&broken).len(), started.elapsed());
}

#[test]
fn what_is_read_ahead_is_what_is_read_in_turn() {
    // Words of statements that are none, errors in the middle and at the end, statements that hang together, comments.
    let kinds = [
        "tag a = 1",
        "segment s where\ncount > 5 and tag = 1",
        "@doc \"a tag\"\n@owner \"us\"\ntag b = count(t in last 90 days where x in (\"a\", 'b'))",
        "-- tag c = 1\ntag d = case\n when a then 1\n when b then 2\nend",
        "tag e = (1 +",
        "tga f = 1",
        "segment g where \"unfinished",
        "tag h = 1; tag i = 2;",
        "source c from \"c.parquet\"\nkey id",
        "audience x = s\nlimit 5",
    ];
    for (good_ones, statements) in [(0usize, 1500), (7, 1500), (40, 1500), (60, 9000)] {
        let mut text = String::new();
        for at in 0..statements {
            let kind = if at % (good_ones + 1) == good_ones { kinds[at * 7 % kinds.len()] } else { kinds[0] };
            text.push_str(kind);
            text.push('\n');
        }
        let by = |threads: usize| {
            let mut found = Diagnostics::default();
            let (script, ending) = parse_by(&|| threads, FileId(0), &text, &mut found);
            (format!("{script:?}"), ending, format!("{:?}", found.into_sorted()))
        };
        let alone = by(1);
        assert!(alone.0.len() > 1000);
        for threads in [2, 5] {
            assert_eq!(by(threads), alone, "{good_ones} {threads}");
        }
    }
}
