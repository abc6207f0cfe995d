//! Colours, narrow terminals, and text that would do harm.

use super::*;
use crate::explain::answer::Tested;
use unicode_width::UnicodeWidthStr;

fn stripped(text: &str) -> String {
    let mut text = text.to_string();
    for code in ["[0m", "[1m", "[2m", "[31m", "[32m", "[33m"] {
        text = text.replace(&format!("\u{1b}{code}"), "");
    }
    text
}

#[test]
fn colours_change_nothing_but_colours() {
    for lang in [Lang::En, Lang::Zh] {
        for width in [None, Some(100), Some(80)] {
            let plain = Drawing { lang, palette: Palette::new(false), width };
            let color = Drawing { palette: Palette::new(true), ..plain };
            for a in [
                Answer::Count(f::nested().count),
                Answer::Show(f::show()),
                Answer::Explain(f::nested()),
                Answer::Why(f::why()),
                Answer::Portrait(f::portrait()),
                Answer::Describe(f::describe()),
                Answer::List(f::list()),
            ] {
                let colored = answer(&a, &color);
                assert!(colored.contains("\u{1b}["));
                assert_eq!(stripped(&colored), answer(&a, &plain));
            }
            let drawn = |o| audience(&f::selection(), &f::files(), 2, o);
            assert_eq!(stripped(&drawn(&color)), drawn(&plain));
        }
    }
}

#[test]
fn the_coloured_why() {
    let o = Drawing { palette: Palette::new(true), width: Some(60), lang: Lang::En };
    let expected = "\
\u{1b}[1m10042 is not in high_value\u{1b}[0m \u{1b}[31m✗\u{1b}[0m                \u{1b}[2mas of 2026-10-31\u{1b}[0m
  \u{1b}[31m✗\u{1b}[0m assets 980,000 ≥ 1,000,000
  \u{1b}[32m✓\u{1b}[0m tx_90d > 5 or credit_score ≥ 600
    \u{1b}[32m✓\u{1b}[0m tx_90d 12 > 5
    \u{1b}[33m?\u{1b}[0m credit_score missing (≥ 600)
  \u{1b}[32m✓\u{1b}[0m consent_sms yes \u{1b}[2m(from reachable)\u{1b}[0m
nearest miss: assets 980,000 ≥ 1,000,000
";
    assert_eq!(answer(&Answer::Why(f::why()), &o), expected);
}

#[test]
fn a_wide_table_is_cut_and_says_so() {
    let o = Drawing { width: Some(36), ..Drawing::default() };
    let expected = "\
high_value  1,284 members · as of
  2026-10-31

customer_id  name           assets
──────────────────────────────────
      10042  •••      1,250,000.50
          7  •••         1,000,000
        811  missing       missing
not shown: life_stage, consent_sms
first 3 of 1,284
";
    assert_eq!(answer(&Answer::Show(f::show()), &o), expected);
    let mut long = f::show();
    long.headers.truncate(1);
    long.rows = vec![vec![f::text(&"客".repeat(30))]];
    let drawn = answer(&Answer::Show(long), &o);
    let clipped = format!("{}…", "客".repeat(17));
    assert!(drawn.contains(&clipped) && drawn.lines().all(|l| l.width() <= 36), "{drawn}");
}

#[test]
fn nothing_is_wider_than_the_terminal() {
    for lang in [Lang::En, Lang::Zh] {
        for width in [60, 80, 100] {
            let o = Drawing { width: Some(width), ..drawing(lang) };
            let mut drawn = audience(&f::selection(), &f::files(), 2, &o);
            for a in [
                Answer::Count(f::nested().count),
                Answer::Explain(f::explain()),
                Answer::Explain(f::nested()),
                Answer::Describe(f::describe()),
                Answer::List(f::list()),
            ] {
                drawn += &answer(&a, &o);
            }
            let wide: Vec<&str> = drawn.lines().filter(|l| l.width() > width).collect();
            assert!(wide.is_empty(), "{width}: {wide:?}");
        }
    }
}

#[test]
fn a_name_cannot_move_the_cursor() {
    let mut a = f::why();
    a.conditions = vec![Tested {
        condition: String::new(),
        from: Vec::new(),
        outcome: None,
        values: "city \"a\u{1b}[2J\u{202e}b\nc\"".into(),
        terms: Vec::new(),
        parts: Vec::new(),
    }];
    let drawn = answer(&Answer::Why(a), &Drawing::default());
    assert!(drawn.contains("  ? city \"a\u{fffd}[2J\u{fffd}b⏎c\"\n"), "{drawn:?}");
}
