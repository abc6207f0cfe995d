//! The formatter: golden layouts, and what must hold for every script of this repository.

use super::{RETAIL, read, shape};
use crate::source::FileId;
use crate::syntax::{LexemeKind, format, lexemes};
use std::path::{Path, PathBuf};

#[track_caller]
fn formatted(text: &str) -> String {
    format(FileId(0), text).unwrap_or_else(|found| panic!("{text}\n{found:#?}"))
}

#[track_caller]
fn becomes(before: &str, after: &str) {
    let got = formatted(before);
    assert!(got == after, "got:\n{got}\nwanted:\n{after}");
    holds(before, "a golden text");
}

fn comments(text: &str) -> Vec<String> {
    let all = lexemes(text);
    let found = all.iter().filter(|l| l.kind == LexemeKind::Comment);
    let mut found: Vec<String> = found.map(|l| l.text.trim_end().to_string()).collect();
    found.sort();
    found
}

/// The tree without spans, each of its lines: the same lines in whatever order where a `where` moved behind its window.
fn lines_of_tree(text: &str) -> Vec<String> {
    let (script, found) = read(text);
    assert!(!found.iter().any(|d| d.is_error()), "{text}\n{found:#?}");
    let mut lines: Vec<String> = shape(&script).lines().map(str::to_string).collect();
    lines.sort();
    lines
}

/// What must hold for every text without syntax errors.
#[track_caller]
fn holds(text: &str, from: &str) {
    let once = formatted(text);
    let twice = formatted(&once);
    assert!(once == twice, "{from}: not the same again.\nonce:\n{once}\ntwice:\n{twice}");
    assert_eq!(comments(text), comments(&once), "{from}: comments\n{text}\n{once}");
    assert!(lines_of_tree(text) == lines_of_tree(&once), "{from}: another tree\n{text}\n{once}");
    for line in once.lines() {
        assert_eq!(line, line.trim_end(), "{from}: blanks at the end of a line");
    }
    assert!(
        !once.contains("\n\n\n") && !once.starts_with('\n') && !once.ends_with("\n\n"),
        "{from}:\n{once}"
    );
}

/// Every text of the repository that is a script: files, and the blocks of its documents and cases.
fn scripts() -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = vec![root.join("README.md")];
    for folder in ["examples", "tests", "docs"] {
        walk(&root.join(folder), &mut paths);
    }
    paths.sort();
    let mut scripts = Vec::new();
    for path in paths {
        let ending = path.extension().and_then(|e| e.to_str()).unwrap_or("");
        if !matches!(ending, "seg" | "md") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        if ending == "seg" {
            scripts.push((name, text));
            continue;
        }
        let mut lines = text.lines().enumerate();
        while let Some((at, line)) = lines.next() {
            if line.starts_with("```seg") {
                let block: String = lines
                    .by_ref()
                    .map(|(_, l)| l)
                    .take_while(|l| !l.starts_with("```"))
                    .fold(String::new(), |all, l| all + l + "\n");
                scripts.push((format!("{name}:{}", at + 1), block));
            }
        }
    }
    scripts
}

#[test]
fn every_script_of_the_repository_keeps_its_meaning_and_comments() {
    let mut seen = 0;
    for (name, text) in scripts() {
        if !read(&text).1.iter().any(|d| d.is_error()) {
            holds(&text, &name);
            seen += 1;
        }
    }
    assert!(seen > 300, "only {seen} scripts were found");
}

#[test]
fn a_comment_at_every_place_stays() {
    // Every fifth script: a debug build takes its time.
    for (n, (name, text)) in scripts().into_iter().enumerate().step_by(5) {
        if text.len() > 1_000 || read(&text).1.iter().any(|d| d.is_error()) {
            continue;
        }
        // Behind every third token a comment, in turn at the end of its line and on its own.
        let shift = n % 3;
        let mut with = String::new();
        let mut at = 0;
        for (i, lexeme) in lexemes(&text).iter().enumerate() {
            with.push_str(&text[at..lexeme.end()]);
            at = lexeme.end();
            let sign = lexeme.kind == LexemeKind::Sign || lexeme.kind == LexemeKind::Comment;
            if i % 3 == shift && !sign {
                with.push_str(if i % 2 == 0 { " -- end\n" } else { "\n -- own\n" });
            }
        }
        with.push_str(&text[at..]);
        if !read(&with).1.iter().any(|d| d.is_error()) {
            holds(&with, &name);
        }
    }
}

#[test]
fn the_script_of_the_brief_is_canonical() {
    becomes(RETAIL, RETAIL);
}

#[test]
fn a_script_on_one_line() {
    becomes(
        r#"SOURCE 客户 FROM “data/c.parquet” KEY customer_id PII name，phone source b from "b.csv" key k of 客户 by c at t where x＞5
tag a=Count（客户 where x≥１００万 in last 90 DAYS）;tag b "B"=- -x*2 segment s where NOT a=1 AND b in(1,2)
audience l from s to "x.csv" limit 20_000 by a require consent_sms min size 5"#,
        r#"source 客户 from "data/c.parquet"   key customer_id
            pii name, phone
source b    from "b.csv"            key k of 客户 by c at t
            where x > 5
tag a = Count(客户 in last 90 days where x >= 100万)
tag b "B" = - -x * 2
segment s where not a = 1 and b in (1, 2)
audience l from s
  to       "x.csv"
  limit    20_000 by a
  require  consent_sms
  min size 5
"#,
    );
}

#[test]
fn an_rfm_on_one_line() {
    becomes(
        "rfm v \"V\" of c from t recency d frequency where x in last 1 year monetary a bins 4 in s ties together",
        r#"rfm v "V" of c from t
  recency   d
  frequency in last 1 year where x
  monetary  a
  bins      4
  in        s
  ties together
"#,
    );
}

#[test]
fn comments_keep_their_places() {
    becomes(
        "-- top\n\n\n\ntag a = 1 -- one\ntag bb = 2   -- two\n-- before\n@owner me -- who\n-- between\ntag c = case -- which\n -- first\n when a > 1 -- big\n then 2\n else 3 end -- last\naudience x from y\n  -- inside\n  limit 5 -- few\n  -- no more\n\n-- after\n",
        "-- top\n\ntag a = 1   -- one\ntag bb = 2  -- two\n-- before\n@owner me  -- who\n-- between\ntag c = case  -- which\n  -- first\n  when a > 1  -- big\n  then 2\n  else 3\nend  -- last\naudience x from y\n  -- inside\n  limit    5  -- few\n  -- no more\n\n-- after\n",
    );
}

#[test]
fn long_conditions_break_before_their_signs() {
    becomes(
        "segment at_risk \"Good customers who went quiet\" where frequency >= 4 and monetary >= worth and recency between quiet_after and 365 and (a = 1 or b = 2)\nsegment 高净值 where 管理资产 >= 600万 and 生命周期 in (\"活跃\", \"沉睡\") or 近90天笔数 > 5 and 开户网点.地区 = \"华东\" and 城市 != \"上海\"",
        "segment at_risk \"Good customers who went quiet\"\n  where frequency >= 4\n    and monetary >= worth\n    and recency between quiet_after and 365\n    and (a = 1 or b = 2)\nsegment 高净值\n  where 管理资产 >= 600万 and 生命周期 in (\"活跃\", \"沉睡\")\n     or 近90天笔数 > 5 and 开户网点.地区 = \"华东\" and 城市 != \"上海\"\n",
    );
}

#[test]
fn branches_and_columns_stand_under_one_another() {
    becomes(
        "tag 生命周期 \"阶段\" = case when 沉默天数 <= 90 then \"活跃\" when days since open_date < 90 then \"新客\" else \"流失\"\n\nparam a = 1\nparam longer \"Title\" = 2\n\ntag x \"A title\" = 1\ntag yyy \"B\" = 2\ntag plain = 3\ntag short = 4\n\nscore churn base 10 add 30 when idle_days > 60 take 5 when assets > 5 clamp 0 to 100",
        "tag 生命周期 \"阶段\" = case\n  when 沉默天数 <= 90            then \"活跃\"\n  when days since open_date < 90 then \"新客\"\n  else                                \"流失\"\n\nparam a              = 1\nparam longer \"Title\" = 2\n\ntag x   \"A title\" = 1\ntag yyy \"B\"       = 2\ntag plain = 3\ntag short = 4\n\nscore churn\n  base  10\n  add   30 when idle_days > 60\n  take  5  when assets > 5\n  clamp 0 to 100\n",
    );
}

#[test]
fn titled_segments_share_their_columns() {
    becomes(
        "segment a \"One\" where x > 1 -- first\nsegment longer \"Two and three\" of people where x > 2 and y -- second\nsegment best \"The best\" = top 5 by x\nsegment plain where x\n\nsegment alone \"Alone\" where x\nsegment 高净值 where x",
        "segment a      \"One\"                     where x > 1        -- first\nsegment longer \"Two and three\" of people where x > 2 and y  -- second\nsegment best   \"The best\"                = top 5 by x\nsegment plain where x\n\nsegment alone \"Alone\" where x\nsegment 高净值 where x\n",
    );
    // One that does not fit on its line stands by itself.
    let long = format!("segment b \"Two\" where {}", ["xxxxxxxxxxxxxxxx > 1"; 5].join(" and "));
    let broken = format!("segment b \"Two\"\n  where {}", ["xxxxxxxxxxxxxxxx > 1"; 5].join("\n    and "));
    becomes(
        &format!("segment aaa \"One\" where x\n{long}\nsegment c \"Three\" where x"),
        &format!("segment aaa \"One\" where x\n{broken}\nsegment c \"Three\" where x\n"),
    );
}

#[test]
fn what_is_aligned_keeps_its_comments() {
    becomes(
        "param quiet_after = 180      -- days\nparam worth = 200 -- dollars",
        "param quiet_after = 180  -- days\nparam worth       = 200  -- dollars\n",
    );
}

#[test]
fn a_faulty_script_is_not_formatted() {
    let found = format(FileId(0), "tag x = = 1\ntag y = 2").unwrap_err();
    assert_eq!(found.len(), 1);
    assert_eq!(formatted(""), "");
    assert_eq!(formatted("\n\n  \n"), "");
    assert_eq!(formatted("-- only\r\n\r\n-- comments"), "-- only\n\n-- comments\n");
    assert_eq!(formatted("tag x = 1\r\n\r\n\r\ntag y = 2\r\n"), "tag x = 1\n\ntag y = 2\n");
}
