//! The program as a person meets it: shell sessions (`tests/cli/*.md`), and input that is broken on purpose.
//!
//! `TRYCMD=overwrite cargo test --test it cli` writes what the program says now into the sessions: read the diff.

// A test may fall over: helpers are outside of what clippy takes for one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const SEGUE: &str = env!("CARGO_BIN_EXE_segue");

#[test]
#[cfg(unix)]
fn sessions() {
    let cases = trycmd::TestCases::new();
    cases.register_bin("segue", Path::new(SEGUE)).env("LC_ALL", "C.UTF-8").env("LANG", "C.UTF-8");
    for tool in ["cat", "ls"] {
        cases.register_bin(tool, PathBuf::from("/bin").join(tool));
    }
    cases.case("tests/cli/*.md").run();
}

/// A copy of the shop that a test may break.
struct Shop {
    folder: TempDir,
}

/// How a call ended.
pub struct Said {
    pub status: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Said {
    pub fn of(output: Output) -> Said {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program writes UTF-8");
        let said = Said { status: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
        // Rust says so where a program panics.
        assert!(!said.err.contains("panicked at"), "it panicked: {}", said.err);
        assert_ne!(said.status, Some(101), "it panicked: {}", said.err);
        said
    }

    /// The status and each of the words in what was said.
    #[track_caller]
    pub fn is(&self, status: i32, words: &[&str]) {
        assert_eq!(self.status, Some(status), "stdout: {}\nstderr: {}", self.out, self.err);
        for word in words {
            assert!(self.err.contains(word), "`{word}` is missing in: {}", self.err);
        }
        assert!(!self.err.contains("E0699"), "an error of Segue itself: {}", self.err);
    }
}

impl Shop {
    fn new() -> Shop {
        let folder = tempfile::tempdir().unwrap();
        let shop = Shop { folder };
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/shop");
        fs::create_dir(shop.path("data")).unwrap();
        for name in
            ["shop.seg", "audience.seg", "data/customers.csv", "data/transactions.csv", "data/branches.csv"]
        {
            fs::copy(from.join(name), shop.path(name)).unwrap();
        }
        shop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Shop {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(SEGUE);
        command.current_dir(self.folder.path()).args(arguments).args(["--as-of", "2026-10-31"]);
        command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
        command
    }

    fn segue(&self, arguments: &[&str]) -> Said {
        Said::of(self.command(arguments).output().unwrap())
    }

    /// A list written by the program itself, to be broken.
    fn parquet(&self, name: &str, columns: &str) -> Vec<u8> {
        let script = format!("use \"shop.seg\" audience made from wealthy columns {columns} to \"{name}\"");
        self.write("made.seg", script);
        self.segue(&["run", "made.seg", "--only", "made"]).is(0, &[]);
        fs::remove_file(self.path(&format!("{name}.manifest.json"))).unwrap();
        fs::read(self.path(name)).unwrap()
    }

    /// A run of this script must fail so, and leave nothing in `out`.
    #[track_caller]
    fn fails(&self, script: &str, status: i32, words: &[&str]) {
        self.write("script.seg", script);
        for call in [["check", "script.seg"].as_slice(), &["run", "script.seg"]] {
            self.segue(call).is(status, words);
        }
        self.nothing_written();
    }

    #[track_caller]
    fn nothing_written(&self) {
        let mut left = Vec::new();
        files_below(&self.path("out"), &mut left);
        assert!(left.is_empty(), "files are left: {left:?}");
    }
}

pub fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|e| e.unwrap().path()) {
        if path.is_dir() { files_below(&path, found) } else { found.push(path) }
    }
}

const LIST: &str = "\naudience list from picked columns customer_id to \"out/list.csv\"\n";

/// A script over one table, with an audience.
fn over(table: &str) -> String {
    format!(
        "source t from \"{table}\" key customer_id segment picked where customer_id > 1 and assets > 5{LIST}"
    )
}

#[test]
fn a_script_that_is_not_there_or_no_text() {
    let shop = Shop::new();
    shop.segue(&["run", "nope.seg"]).is(2, &["E0701", "nope.seg"]);
    shop.segue(&["run", "data"]).is(2, &["E0701", "a folder"]);
    shop.fails(
        "segment x where city = \"\u{4e0a}\"\nuse \"nope.seg\"",
        1,
        &["E0501", "nope.seg", "script.seg:2:5"],
    );
    shop.write("gbk.seg", b"-- \xc9\xcf\xba\xa3\nsegment x where city = 1");
    shop.segue(&["check", "gbk.seg"]).is(1, &["E0107", "gbk.seg", "line 1", "UTF-8"]);
}

#[test]
fn a_script_without_statements_is_fine() {
    let shop = Shop::new();
    for text in ["", "\n\n", "-- only\n-- comments", "\u{feff}", ";;"] {
        shop.write("empty.seg", text);
        shop.segue(&["check", "empty.seg"]).is(0, &["no errors"]);
        shop.segue(&["run", "empty.seg"]).is(0, &[]);
    }
}

#[test]
fn a_script_of_ten_megabytes_is_refused_at_once() {
    let shop = Shop::new();
    let start = Instant::now();
    shop.fails(&"-- a line that says nothing\n".repeat(400_000), 1, &["E0106"]);
    let numbers: Vec<String> = (0..1_500_000).map(|n| n.to_string()).collect();
    shop.fails(&format!("segment x where customer_id in ({})", numbers.join(", ")), 1, &["E0106"]);
    assert!(start.elapsed() < Duration::from_secs(60), "it took {:?}", start.elapsed());
}

#[test]
fn nesting_ten_thousand_deep_is_refused_at_once() {
    let shop = Shop::new();
    let n = 10_000;
    let start = Instant::now();
    for text in [
        format!("segment x where {}assets > 5{}", "(".repeat(n), ")".repeat(n)),
        format!("segment x where {}", "(".repeat(n)),
        format!("segment x where {}staff", "not ".repeat(n)),
        format!("tag x = {}assets", "- ".repeat(n)),
        format!("tag x = {}1{}", "case when staff then ".repeat(n), " end".repeat(n)),
        format!("tag x = {}assets{}", "abs(".repeat(n), ")".repeat(n)),
        format!("segment x where {}staff{}", "any(transactions where ".repeat(n), ")".repeat(n)),
        format!("tag x = 1{}", " + 1".repeat(n)),
    ] {
        shop.fails(&format!("use \"shop.seg\"\n{text}"), 1, &["E0105", "script.seg:2:"]);
    }
    assert!(start.elapsed() < Duration::from_secs(120), "it took {:?}", start.elapsed());
}

#[test]
fn a_damaged_parquet_file() {
    let shop = Shop::new();
    let good = shop.parquet("data/good.parquet", "customer_id, assets");
    shop.write("fine.seg", over("data/good.parquet"));
    shop.segue(&["run", "fine.seg"]).is(0, &[]);
    fs::remove_dir_all(shop.path("out")).unwrap();
    for (name, bytes) in [
        ("cut", &good[..good.len() / 2]),
        ("tail", &good[..good.len() - 1]),
        ("empty", &[]),
        ("text", b"customer_id,assets\n1,2\n".as_slice()),
    ] {
        let file = format!("data/{name}.parquet");
        shop.write(&file, bytes);
        shop.fails(&over(&file), 3, &["E0502", &file, "cannot be read"]);
    }
    // A byte here and there: whatever it does to the file, no list is half written.
    for at in (0..good.len()).step_by(good.len() / 12) {
        let mut bytes = good.clone();
        bytes[at] ^= 0xff;
        shop.write("data/flipped.parquet", &bytes);
        shop.write("flipped.seg", over("data/flipped.parquet"));
        // Not through `Said`: the reader may panic, which the engine catches.
        let status = shop.command(&["run", "flipped.seg"]).output().unwrap().status.code();
        assert!(matches!(status, Some(0 | 1 | 3)), "byte {at}: {status:?}");
        if status != Some(0) {
            shop.nothing_written();
        } else {
            fs::remove_dir_all(shop.path("out")).unwrap();
        }
    }
}

#[test]
fn files_of_one_source_that_differ() {
    let shop = Shop::new();
    shop.parquet("data/many/a.parquet", "customer_id, assets");
    let other = "source customers from \"data/customers.csv\" key customer_id
                 tag assets of customers = \"much\"  segment all where customer_id > 0
                 audience made from all columns customer_id, assets to \"data/many/b.parquet\"";
    shop.write("other.seg", other).segue(&["run", "other.seg"]).is(0, &[]);
    fs::remove_file(shop.path("data/many/b.parquet.manifest.json")).unwrap();
    shop.fails(&over("data/many/*.parquet"), 3, &["E0507", "assets", "a.parquet", "b.parquet"]);
}

#[test]
fn a_table_that_is_not_there() {
    let shop = Shop::new();
    shop.fails(&over("data/nope.parquet"), 3, &["E0501", "data/nope.parquet", "script.seg:1:15"]);
    shop.fails(&over("data/nope/*.parquet"), 3, &["E0501", "data/nope/*.parquet"]);
    shop.write("data/t.xlsx", "PK").fails(&over("data/t.xlsx"), 1, &["E0508", ".parquet"]);
}

#[test]
fn a_csv_whose_rows_are_ragged() {
    let shop = Shop::new();
    shop.write("data/t.csv", "customer_id,assets\n1,5\n2,6,7\n3\n");
    shop.fails(&over("data/t.csv"), 3, &["E0502", "data/t.csv", "line 3"]);
    shop.write("data/t.csv", "");
    shop.fails(&over("data/t.csv"), 3, &["E0502", "data/t.csv", "not even a header"]);
    shop.write("data/t.csv", b"customer_id,assets\n1,\xff\xfe\n");
    shop.fails(&over("data/t.csv"), 3, &["E0502", "data/t.csv"]);
}

#[test]
fn a_key_that_stands_twice() {
    let shop = Shop::new();
    shop.write("data/t.csv", "customer_id,assets\n1,5\n2,6\n2,9\n");
    shop.write("twice.seg", over("data/t.csv"));
    shop.segue(&["check", "twice.seg", "--data"]).is(3, &["E0505", "for a key: 2"]);
    for call in [
        ["run", "twice.seg"].as_slice(),
        &["members", "twice.seg", "picked"],
        &["ask", "twice.seg", "count picked"],
        &["ask", "twice.seg", "why 2 in picked"],
    ] {
        shop.segue(call).is(3, &["E0505", "for a key: 2"]);
    }
    shop.nothing_written();
}

#[test]
fn an_output_that_cannot_be_written() {
    let shop = Shop::new();
    let list = |to: &str| format!("use \"shop.seg\" audience list from wealthy to \"{to}\"");
    let cannot = |script: &str, arguments: &[&str], words: &[&str]| {
        shop.write("script.seg", script);
        shop.segue(&[&["run", "script.seg"], arguments].concat()).is(3, words);
    };
    shop.write("file", "x");
    cannot(&list("file/list.csv"), &[], &["E0602", "file/list.csv", "not a folder", "script.seg:1:"]);
    cannot(&list("list.csv"), &["--out", "file"], &["E0602", "file/list.csv"]);
    fs::create_dir_all(shop.path("out/list.csv")).unwrap();
    cannot(&list("out/list.csv"), &[], &["E0602", "out/list.csv", "a folder"]);
    shop.nothing_written();
    // Of two lists, one can be written: neither is.
    let two = format!("{} audience other from active_rich to \"file/b.csv\"", list("out/first.csv"));
    cannot(&two, &[], &["E0602", "file/b.csv"]);
    shop.nothing_written();
    assert_eq!(fs::read(shop.path("file")).unwrap(), b"x");
}

#[test]
fn a_run_that_writes_nothing_leaves_no_folders() {
    let shop = Shop::new();
    let lists = |one: &str, two: &str| {
        format!(
            "use \"shop.seg\" audience list from wealthy to \"{one}\" audience other from active_rich to \"{two}\""
        )
    };
    // The second list's folder is the first list's file, and the other way round.
    for (one, two) in [("out/a.csv", "out/a.csv/b.csv"), ("out/a.csv/b.csv", "out/a.csv")] {
        shop.write("script.seg", lists(one, two));
        shop.segue(&["run", "script.seg"]).is(3, &["E0602"]);
        assert!(!shop.path("out").exists(), "{one}, {two}");
    }
    fs::create_dir(shop.path("out")).unwrap();
    shop.write("script.seg", lists("out/new/er/a.csv", "out/b.csv") + " min size 1000");
    shop.segue(&["run", "script.seg"]).is(3, &["E0601"]);
    assert_eq!(fs::read_dir(shop.path("out")).unwrap().count(), 0);
}

#[test]
fn a_list_does_not_replace_what_the_run_reads() {
    let shop = Shop::new();
    let before = fs::read(shop.path("data/customers.csv")).unwrap();
    for to in ["data/customers.csv", "./data/../data/customers.csv"] {
        shop.write("script.seg", format!("use \"shop.seg\" audience list from wealthy to \"{to}\""));
        shop.segue(&["run", "script.seg"])
            .is(3, &["E0602", "a file of the source `customers`", "script.seg:1:"]);
    }
    let script = "use \"shop.seg\" audience list from wealthy to \"customers.csv\"";
    shop.write("script.seg", script);
    shop.segue(&["run", "script.seg", "--out", "data"]).is(3, &["E0602", "a file of the source `customers`"]);
    assert_eq!(fs::read(shop.path("data/customers.csv")).unwrap(), before);
    assert!(!shop.path("data/customers.csv.manifest.json").exists());
    // Elsewhere the same name is free.
    shop.segue(&["run", "script.seg", "--out", "out"]).is(0, &[]);
}

#[test]
fn two_lists_are_two_files_however_they_are_named() {
    let shop = Shop::new();
    let lists = |one: &str, two: &str| {
        let script = format!(
            "use \"shop.seg\" audience list from wealthy to \"{one}\" audience other from active_rich to \"{two}\""
        );
        shop.write("script.seg", script);
        shop.segue(&["run", "script.seg"])
    };
    lists("out/a.csv", "./out/a.csv").is(1, &["E0202", "write the same file"]);
    lists("out/a.csv", "out/b/../a.csv").is(1, &["E0202", "write the same file"]);
    shop.nothing_written();
    #[cfg(unix)]
    {
        fs::create_dir_all(shop.path("out")).unwrap();
        std::os::unix::fs::symlink("out", shop.path("there")).unwrap();
        lists("out/a.csv", "there/a.csv").is(3, &["E0602", "is the target of two files of one run"]);
        shop.nothing_written();
    }
}

#[test]
fn one_question_is_asked_at_a_time() {
    let shop = Shop::new();
    shop.write("script.seg", "use \"shop.seg\"\ncount wealthy\n");
    shop.segue(&["ask", "script.seg", "count wealthy; count active_rich"])
        .is(2, &["one question is asked at a time", "segue run FILE -e"]);
    shop.segue(&["ask", "script.seg", "tag x = 1"]).is(2, &["there is no command in what was asked"]);
    let said = shop.segue(&["ask", "script.seg", "count active_rich"]);
    said.is(0, &[]);
    assert!(said.out.contains("active_rich") && !said.out.contains("wealthy"), "{}", said.out);
}

#[test]
fn a_file_of_an_earlier_run_stays_whole() {
    let shop = Shop::new();
    shop.write("out/list.csv", "of yesterday").write("file", "x");
    let script = "use \"shop.seg\" audience list from wealthy to \"out/list.csv\"
                  audience other from active_rich to \"file/b.csv\"";
    shop.write("script.seg", script);
    shop.segue(&["run", "script.seg"]).is(3, &["E0602"]);
    assert_eq!(fs::read(shop.path("out/list.csv")).unwrap(), b"of yesterday");
}

/// As root everything may be read and written.
fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|o| o.stdout.starts_with(b"0\n"))
}

#[test]
#[cfg(unix)]
fn what_may_not_be_read_or_written() {
    use std::os::unix::fs::PermissionsExt;
    if is_root() {
        eprintln!("skipped: root may read and write everything");
        return;
    }
    let shop = Shop::new();
    let mode = |name: &str, mode: u32| {
        fs::set_permissions(shop.path(name), fs::Permissions::from_mode(mode)).unwrap()
    };
    let script = "use \"shop.seg\" audience list from wealthy to \"out/list.csv\"";
    shop.write("script.seg", script);
    fs::create_dir(shop.path("out")).unwrap();
    mode("out", 0o555);
    shop.segue(&["run", "script.seg"]).is(3, &["E0602", "out/list.csv"]);
    mode("out", 0o755);
    mode("data/customers.csv", 0o000);
    shop.segue(&["run", "script.seg"]).is(3, &["E0502", "data/customers.csv"]);
    mode("shop.seg", 0o000);
    shop.segue(&["check", "shop.seg"]).is(2, &["E0701", "shop.seg", "permission"]);
    shop.nothing_written();
}

#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_is_full() {
    let shop = Shop::new();
    fs::create_dir(shop.path("disk")).unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=4k", "tmpfs"])
        .arg(shop.path("disk"))
        .stderr(Stdio::null())
        .status();
    if !mount.is_ok_and(|s| s.success()) {
        eprintln!("skipped: no small disk can be mounted here");
        return;
    }
    // Larger than the disk: every member carries a long text.
    let script = format!(
        "use \"shop.seg\" tag long = concat(name, \"{}\") segment named where wealthy and long is known
         audience list from named columns customer_id, long to \"disk/list.csv\"",
        "x".repeat(5000)
    );
    shop.write("script.seg", script);
    let said = shop.segue(&["run", "script.seg"]);
    let docs = shop.segue(&["docs", "shop.seg", "--out", "disk"]);
    let mut left = Vec::new();
    files_below(&shop.path("disk"), &mut left);
    let unmounted = Command::new("umount").arg(shop.path("disk")).status();
    said.is(3, &["E0602", "disk/list.csv"]);
    docs.is(3, &["E0602", "disk/index.", "the disk is full"]);
    assert!(left.is_empty(), "files are left: {left:?}");
    assert!(unmounted.is_ok_and(|s| s.success()));
}

#[test]
fn a_dictionary_appears_whole_or_not_at_all() {
    let shop = Shop::new();
    shop.segue(&["docs", "shop.seg", "--out", "shop.seg"]).is(3, &["E0602", "a file, not a folder"]);
    shop.segue(&["docs", "shop.seg"]).is(2, &["--out"]);
    shop.segue(&["docs", "nothing.seg", "--out", "docs"]).is(2, &["E0701"]);
    shop.write("wrong.seg", "use \"shop.seg\" segment a where nothing > 1");
    shop.segue(&["docs", "wrong.seg", "--out", "docs"]).is(1, &["E0201"]);
    assert!(!shop.path("docs").exists());
    // What cannot be written leaves the other as it was.
    fs::create_dir_all(shop.path("docs/index.html")).unwrap();
    shop.write("docs/index.md", "before");
    shop.segue(&["docs", "shop.seg", "--out", "docs", "-q"]).is(3, &["E0602", "index.html", "folder"]);
    assert_eq!(fs::read_to_string(shop.path("docs/index.md")).unwrap(), "before");
    fs::remove_dir(shop.path("docs/index.html")).unwrap();
    let written = |threads: &str| {
        let said = shop.segue(&["docs", "shop.seg", "--out", "docs", "--threads", threads]);
        said.is(0, &[]);
        ["docs/index.md", "docs/index.html"].map(|f| fs::read(shop.path(f)).unwrap())
    };
    assert_eq!(written("1"), written("2"));
}

#[test]
fn a_reader_who_goes_away_is_no_fault() {
    let shop = Shop::new();
    let mut child =
        shop.command(&["explain", "E0101"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    Said::of(child.wait_with_output().unwrap()).is(0, &[]);
}

#[test]
fn answers_go_to_stdout_and_the_rest_to_stderr() {
    let shop = Shop::new();
    let said = shop.segue(&["members", "shop.seg", "active_rich"]);
    said.is(0, &[]);
    assert_eq!((said.out.lines().count(), said.err.as_str()), (5, ""));
    let said = shop.segue(&["check", "shop.seg"]);
    assert_eq!((said.out.as_str(), said.err.as_str()), ("", "no errors, no warnings\n"));
    let said = shop.segue(&["members", "shop.seg", "activ_rich"]);
    said.is(2, &["did you mean `active_rich`?"]);
    assert_eq!(said.out, "");
    let said = shop.segue(&["check", "shop.seg", "--data", "--format", "json", "--quiet"]);
    said.is(0, &[]);
    let found: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((found.as_array().unwrap().len(), said.err.as_str()), (2, ""));
}

#[test]
fn a_condition_of_thousands_of_alternatives_is_planned_in_a_moment() {
    let ors: Vec<String> = (0..3_000).map(|i| format!("branch_id = {i}")).collect();
    planned_in_a_moment(&format!("segment x where {}", ors.join(" or ")));
}

#[test]
fn long_chains_are_planned_in_a_moment() {
    let tags: String = (1..200).map(|i| format!("tag t{i} = t{} + 1\n", i - 1)).collect();
    planned_in_a_moment(&format!("tag t0 = branch_id\n{tags}segment x where t199 > 0"));
}

/// Each step uses the one before, once or twice: a plan that copied it would double forty times.
#[test]
fn chains_of_every_kind_are_planned_in_a_moment() {
    for (first, step) in [
        ("branch_id", "_ * 2 - 1"),
        ("deposit", "_ + 1"),
        ("deposit / 3", "_ / 2 + 1"),
        ("deposit / 3", "abs(_) + _ * 0.5"),
        ("deposit / 3", "round(_, 2)"),
        ("deposit / 3", "power(_, 0.9)"),
        ("deposit / 3", "least(sqrt(_), 5)"),
        ("branch_id", "(_ ?? 0) + 1"),
        ("branch_id", "case when _ > 3 then _ + 1 else 0 end"),
        ("branch_id", "case when deposit > 3 then _ + 1 when deposit > 2 then 3 else 4 end"),
        ("branch_id", "case when _ > 3 then deposit + 1 else 0 end"),
        ("branch_id", "case when _ > 3 then 1 else 2 end"),
        ("open_date", "_ + 1 day"),
        ("city", "replace(concat(_, \"x\"), \"x\", \"y\")"),
        ("staff", "not (_ and staff)"),
    ] {
        let steps = (1..40).map(|i| format!("tag t{i} = {}\n", step.replace('_', &format!("t{}", i - 1))));
        let tags: String = steps.collect();
        planned_in_a_moment(&format!("tag t0 = {first}\n{tags}segment x where t39 is not missing"));
    }
}

fn planned_in_a_moment(text: &str) {
    let shop = Shop::new();
    let start = Instant::now();
    shop.write("chain.seg", format!("use \"shop.seg\"\n{text}\n"));
    shop.segue(&["run", "chain.seg", "--only", "x", "--format", "json"]).is(0, &[]);
    assert!(start.elapsed() < Duration::from_secs(60), "it took {:?}", start.elapsed());
}

/// Faults that were found by testers and are mended: each stays so.
const MENDED: &[(&str, fn())] = &[
    ("a list of values decides who is a member", || {
        // Customers 1, 3, 5 and 7 are of branch 10, the only one in the east.
        let shop = Shop::new();
        let script = "use \"shop.seg\" source chosen from \"data/branches.csv\"
                      segment east where branch_id in (chosen.branch_id where region = \"east\")";
        let said = shop.write("list.seg", script).segue(&["members", "list.seg", "east"]);
        said.is(0, &[]);
        assert_eq!(said.out, "customer_id,branch_id\n1,10\n3,10\n5,10\n7,10\n");
    }),
    ("the plans of a script with a list can be shown", || {
        let shop = Shop::new();
        let script = "use \"shop.seg\" source chosen from \"data/branches.csv\"
                      segment east where city = \"Shanghai\" and branch_id in (chosen.branch_id where region = \"east\")";
        shop.write("list.seg", script).segue(&["debug", "plan", "list.seg"]).is(0, &[]);
    }),
    ("an entity that no definition reaches can be counted", || {
        let shop = Shop::new();
        shop.write("one.seg", "source customers from \"data/customers.csv\" key customer_id");
        shop.segue(&["ask", "one.seg", "count customers", "--format", "json"]).is(0, &[]);
    }),
    ("Ctrl-C before the first query counts", || {
        let (child, _out, _bank) = crate::signals::long_run(200);
        crate::signals::send("-INT", &child);
        Said::of(child.wait_with_output().unwrap()).is(130, &["E0607"]);
    }),
    ("a product that is too large is no fault of the file", || {
        let shop = Shop::new();
        let text = "tag huge = deposit * deposit * deposit * deposit * deposit * deposit * deposit  segment y where huge > 5";
        shop.segue(&["run", "shop.seg", "-e", text]).is(3, &["E0605"]);
    }),
    ("no zone is suggested for an abbreviation", || {
        let shop = Shop::new();
        shop.write("zone.seg", "timezone \"CST\"");
        let said = shop.segue(&["check", "zone.seg"]);
        assert!(!said.err.contains("CET"), "{}", said.err);
    }),
];

#[test]
fn mended_faults_stay_mended() {
    for (name, test) in MENDED {
        println!("{name}");
        test();
    }
}

#[test]
fn a_reader_that_gives_up_over_a_damaged_file_says_so_once() {
    let shop = Shop::new();
    let good = shop.parquet("data/good.parquet", "customer_id, assets");
    shop.write("data/beheaded.parquet", &good[good.len() / 2..]);
    shop.fails(&over("data/beheaded.parquet"), 3, &["E0502", "data/beheaded.parquet"]);
    shop.write("data/magic.parquet", "PAR1PAR1");
    shop.fails(&over("data/magic.parquet"), 3, &["E0502", "data/magic.parquet"]);
}
