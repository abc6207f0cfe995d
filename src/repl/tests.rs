use super::entry::{Piece, entries, meta as meta_line, pieces, state};
use super::highlight::{Paint, highlight, painted};
use super::history::{may_be_kept, path};
use super::meta::{TABLE, candidates, find};
use super::words::{Msg, say};
use super::{help, save};
use crate::ide::{Kind, Known, KnownName};
use crate::ir::print::Lang;
use crate::syntax::Entry;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

fn text(t: &str) -> Piece {
    Piece::Text(t.to_string())
}

fn command(t: &str) -> Piece {
    Piece::Meta(t.to_string())
}

#[test]
fn help_mentions_every_command() {
    for lang in [Lang::En, Lang::Zh] {
        let overview = help::overview(lang);
        for c in TABLE {
            assert!(overview.contains(&c.usage()) && overview.contains(c.meaning(lang)), "{}", c.name);
            assert!(help::word(&format!("\\{}", c.name), lang).is_some_and(|t| t.contains(c.meaning(lang))));
        }
    }
    assert!(help::topics().all(|t| help::word(t, Lang::En).is_some()));
    assert!(help::overview(Lang::Zh).contains("每个客户一个值"));
    assert!(help::word("audience", Lang::Zh).is_some_and(|t| t.contains("名单")));
    assert!(help::word("sum", Lang::Zh).is_some_and(|t| t.contains("已知值之和")));
    assert_eq!(help::word("nonsense", Lang::En), None);
    // A word that is a function and a command is both.
    assert!(
        help::word("count", Lang::En).is_some_and(|t| t.contains("EVENTS") && t.contains("how many members"))
    );
}

#[test]
fn a_command_is_found_by_its_name_or_a_clear_beginning() {
    assert_eq!(find("RELOAD").map(|c| c.name), Some("reload"));
    assert_eq!(find("q").map(|c| c.name), Some("quit"));
    assert!(find("r").is_none() && find("").is_none() && find("quitt").is_none());
    for (i, c) in TABLE.iter().enumerate() {
        assert!(TABLE.iter().skip(i + 1).all(|d| d.name != c.name));
    }
}

#[test]
fn commands_are_completed() {
    let name = |n: &str, kind| KnownName {
        name: n.into(),
        part: None,
        kind,
        detail: String::new(),
        labels: Vec::new(),
    };
    let known = Known {
        names: vec![name("spring", Kind::Audience), name("rich", Kind::Param), name("assets", Kind::Tag)],
        ..Known::default()
    };
    let at = |line: &str| -> Vec<String> {
        candidates(&known, Lang::En, line).into_iter().map(|(text, _)| text).collect()
    };
    assert_eq!(at("").len(), TABLE.len());
    assert_eq!(at("re"), ["reload"]);
    assert_eq!(at("run "), ["spring"]);
    assert_eq!(at("set r"), ["rich="]);
    assert_eq!(at("format j"), ["json"]);
    assert_eq!(at("help med"), ["median"]);
    assert_eq!(at("quit "), Vec::<String>::new());
}

#[test]
fn a_backslash_leads_a_command_on_any_keyboard() {
    assert_eq!(meta_line("\\help sum"), Some("help sum"));
    assert_eq!(meta_line("  、退出"), Some("退出"));
    assert_eq!(meta_line("＼quit "), Some("quit"));
    assert_eq!(meta_line("count x"), None);
    assert_eq!(state("\\load x.seg"), Entry::Complete);
    assert_eq!(state("audience a from b\n\\quit"), Entry::Complete);
    assert_eq!(state("audience a from b"), Entry::Incomplete);
    assert_eq!(state("high_value"), Entry::Complete);
}

#[test]
fn a_paste_stays_together_but_for_commands() {
    assert_eq!(
        pieces("tag a = b\ntag b = 1\n\\asof 2026-01-01\ncount x\n"),
        [text("tag a = b\ntag b = 1"), command("asof 2026-01-01"), text("count x")]
    );
    assert_eq!(pieces("  \n-- nothing\n"), []);
}

#[test]
fn piped_entries_end_where_the_next_begins() {
    let script = "\
-- a comment
timezone \"UTC\"
source c from \"c.csv\" key id
  pii name

@owner \"x\"
@group y
tag a = case
  when b > 1 then \"x\"
  else \"y\"
segment s where a = \"x\"
and b > 2
\\format json
count s
s
audience l from s
  require ok
other
show s";
    let expected = [
        text("-- a comment\ntimezone \"UTC\""),
        text("source c from \"c.csv\" key id\n  pii name\n"),
        text("@owner \"x\"\n@group y\ntag a = case\n  when b > 1 then \"x\"\n  else \"y\""),
        text("segment s where a = \"x\"\nand b > 2"),
        command("format json"),
        text("count s"),
        text("s"),
        text("audience l from s\n  require ok"),
        text("other"),
        text("show s"),
    ];
    assert_eq!(entries(script), expected);
    assert_eq!(entries(&script.replace('\n', "\r\n")).len(), expected.len());
    assert_eq!(entries(""), []);
}

#[test]
fn nothing_about_a_person_is_kept() {
    let personal = ["customer_id".to_string(), "phone".to_string(), "name".to_string()];
    let kept = |entry: &str| may_be_kept(entry, &personal, &["high_value".to_string()]);
    for entry in [
        "segment a where assets > 5",
        "count a; explain a",
        "high_value",
        "\\asof 2026-01-01",
        "source c from \"c.csv\" key customer_id\n  pii name, phone",
        "audience l from a\n  columns customer_id, assets",
        "tag t = count(transactions in last 90 days)",
    ] {
        assert!(kept(entry), "{entry}");
    }
    for entry in [
        "why 1001 in high_value",
        "WHY 'C01' IN high_value",
        "count a; portrait 1001",
        "wyh 1001 in high_value",
        "segment a where phone = \"13800000000\"",
        "segment a where \"13800000000\" = phone",
        "segment a where customers.name in (\"a\", \"b\")",
        "segment a where lower(name) = \"x\"",
        "segment a where not name like \"x%\"",
        "count a -- 13800000000",
        "\\nonsense 13800000000",
        "13800000000",
        "count a\nportrait 7",
    ] {
        assert!(!kept(entry), "{entry}");
    }
}

#[test]
fn the_state_directory_is_where_it_is_said() {
    let env = |pairs: &'static [(&str, &str)]| {
        path(move |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v)))
    };
    assert_eq!(env(&[("SEGUE_STATE_DIR", "/s"), ("HOME", "/h")]), Some(PathBuf::from("/s/history")));
    assert_eq!(env(&[("XDG_STATE_HOME", "/x"), ("HOME", "/h")]), Some(PathBuf::from("/x/segue/history")));
    assert_eq!(
        env(&[("XDG_STATE_HOME", ""), ("HOME", "/h")]),
        Some(PathBuf::from("/h/.local/state/segue/history"))
    );
    assert_eq!(env(&[]), None);
}

#[test]
fn words_numbers_and_texts_have_colours() {
    let paints: Vec<(&str, Paint)> = painted("segment a where count(t) > 5 and t.last = \"x\" -- c")
        .into_iter()
        .map(|(token, paint)| (token.text, paint))
        .collect();
    use Paint::*;
    assert_eq!(
        paints,
        [
            ("segment", Keyword),
            ("where", Keyword),
            ("count", Function),
            ("5", Number),
            ("and", Keyword),
            ("\"x\"", Text),
            ("-- c", Comment)
        ]
    );
    let text = "segment 高 where x > \"开";
    let plain = regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap();
    assert_eq!(plain.replace_all(&highlight(text), ""), text);
}

#[test]
fn every_message_is_in_both_languages_with_the_same_blanks() {
    let blanks = |t: &str| {
        let mut found: Vec<String> =
            regex::Regex::new(r"\{(\d)\}").unwrap().captures_iter(t).map(|c| c[1].to_string()).collect();
        found.sort();
        found.dedup();
        found
    };
    for msg in Msg::ALL {
        assert_eq!(blanks(msg.template(Lang::En)), blanks(msg.template(Lang::Zh)), "{msg:?}");
    }
    assert_eq!(say(Lang::En, Msg::Set, &["rich", "5"]), "rich = 5");
}

#[test]
fn a_saved_script_finds_the_loaded_ones() {
    let folder = tempfile::tempdir().unwrap();
    let at = |p: &str| folder.path().join(p);
    std::fs::create_dir_all(at("a/b")).unwrap();
    std::fs::write(at("a/x.seg"), "").unwrap();
    assert_eq!(save::relative(&at("a/x.seg"), &at("a")), Path::new("x.seg"));
    assert_eq!(save::relative(&at("a/x.seg"), &at("a/b")), Path::new("../x.seg"));
    assert_eq!(save::relative(&at("a/x.seg"), folder.path()), Path::new("a/x.seg"));
}
