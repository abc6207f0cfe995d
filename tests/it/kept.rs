//! What a session keeps between questions: never another answer than the cold one, and never what is personal on a disk.

// A test may fall over: helpers are outside of what clippy takes for one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use segue::check::parse_as_of;
use segue::diagnostic::Code;
use segue::engine::EngineOptions;
use segue::ir::print::Lang;
use segue::plan::{Digest, Digests, Strategy};
use segue::session::{Folder, Keeping, Session, Settings};
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

const SCRIPT: &str = "param least = 2\n\
     source people from \"people.csv\" key id\n\
     source visits from \"visits.csv\" of people by id at day\n\
     tag n = count(visits in last 10 days)\n\
     segment busy where n >= least\n";

/// Files that were written this moment are old enough.
fn later() -> SystemTime {
    SystemTime::now() + Duration::from_secs(3600)
}

fn settings(day: &str, strategy: Strategy) -> Settings {
    let now = "2026-11-01T00:00:00Z".parse().unwrap();
    let engine = EngineOptions { threads: Some(2), strategy, ..EngineOptions::default() };
    Settings { engine, as_of: parse_as_of(day), now, set: Vec::new(), strict: false, lang: Lang::En }
}

fn session_with(folder: &Path, script: &str, keeping: Keeping) -> Session {
    let mut session = Session::new(settings("2026-10-31", Strategy::Fold)).unwrap();
    session.keep(keeping);
    session.load_text("test.seg", folder, script);
    session
}

fn session(folder: &Path, script: &str) -> Session {
    session_with(folder, script, Keeping { memory: None, folder: None, clock: later })
}

fn members(session: &Session, name: &str) -> u64 {
    let checked = session.check();
    let program = checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
    let (id, _) = program.find_definition(name).unwrap();
    session.counts(&program, &[id], &|_| {}).unwrap().first().unwrap().members
}

fn answered(session: &Session) -> u64 {
    session.kept().unwrap().answered()
}

fn write(folder: &Path) {
    fs::write(folder.join("people.csv"), "id\n1\n2\n3\n").unwrap();
    fs::write(folder.join("visits.csv"), "id,day\n1,2026-10-30\n1,2026-10-31\n2,2026-10-31\n").unwrap();
}

/// Two writings get two times.
fn tick() {
    std::thread::sleep(Duration::from_millis(30));
}

#[test]
fn a_changed_file_is_seen_however_it_was_changed() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    let session = session(dir.path(), SCRIPT);
    assert_eq!(members(&session, "busy"), 1);
    assert_eq!(answered(&session), 0);
    assert_eq!(members(&session, "busy"), 1);
    assert_eq!(answered(&session), 1);
    let visits = dir.path().join("visits.csv");
    let text = fs::read_to_string(&visits).unwrap();
    // Appended.
    tick();
    fs::write(&visits, text.clone() + "2,2026-10-29\n").unwrap();
    assert_eq!(members(&session, "busy"), 2);
    // Replaced by as many bytes, with the time of before; then by another file of that size and time.
    if cfg!(unix) {
        let modified = fs::metadata(&visits).unwrap().modified().unwrap();
        let replace = |text: String| {
            tick();
            let new = dir.path().join("new");
            fs::write(&new, text).unwrap();
            fs::File::options().write(true).open(&new).unwrap().set_modified(modified).unwrap();
            new
        };
        let old = text.replace("1,2026-10-30", "1,2026-01-30") + "2,2026-01-29\n";
        fs::copy(replace(old), &visits).unwrap();
        fs::File::options().write(true).open(&visits).unwrap().set_modified(modified).unwrap();
        assert_eq!(members(&session, "busy"), 0);
        fs::rename(replace(text.clone() + "2,2026-01-29\n"), &visits).unwrap();
        assert_eq!(members(&session, "busy"), 1);
    }
    // One customer more.
    fs::write(dir.path().join("people.csv"), "id\n1\n2\n3\n4\n").unwrap();
    fs::write(&visits, text + "4,2026-10-29\n4,2026-10-29\n").unwrap();
    assert_eq!(members(&session, "busy"), 2);
    // Gone.
    fs::remove_file(&visits).unwrap();
    assert!(session.check().program.is_none());
}

#[test]
fn a_file_more_or_less_in_a_folder_is_seen() {
    for (pattern, place) in [("visits/*.csv", "visits"), ("visits", "visits"), ("visits", "visits/month=10")]
    {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path());
        let place = dir.path().join(place);
        fs::create_dir_all(&place).unwrap();
        fs::rename(dir.path().join("visits.csv"), place.join("a.csv")).unwrap();
        let session = session(dir.path(), &SCRIPT.replace("visits.csv", pattern));
        assert_eq!(members(&session, "busy"), 1, "{pattern}");
        assert_eq!(members(&session, "busy"), 1, "{pattern}");
        assert_eq!(answered(&session), 1, "{pattern}");
        fs::write(place.join("b.csv"), "id,day\n2,2026-10-31\n").unwrap();
        assert_eq!(members(&session, "busy"), 2, "{pattern}");
        fs::remove_file(place.join("a.csv")).unwrap();
        assert_eq!(members(&session, "busy"), 0, "{pattern}");
    }
}

#[test]
fn a_folder_that_gives_another_value_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    let (ten, nine) = (dir.path().join("visits/kind=a"), dir.path().join("visits/kind=b"));
    fs::create_dir_all(&ten).unwrap();
    fs::rename(dir.path().join("visits.csv"), ten.join("a.csv")).unwrap();
    let script = SCRIPT.replace("visits.csv", "visits").replace("10 days", "10 days where kind = \"a\"");
    let session = session(dir.path(), &script);
    assert_eq!(members(&session, "busy"), 1);
    fs::rename(&ten, &nine).unwrap();
    fs::create_dir_all(&ten).unwrap();
    fs::write(ten.join("z.csv"), "id,day\n").unwrap();
    assert_eq!(members(&session, "busy"), 0);
}

#[test]
fn another_day_another_definition_and_another_parameter_are_other_columns() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    let mut session = session(dir.path(), SCRIPT);
    assert_eq!(members(&session, "busy"), 1);
    session.settings_mut().as_of = parse_as_of("2026-10-30");
    assert_eq!(members(&session, "busy"), 0);
    session.settings_mut().as_of = parse_as_of("2026-10-31");
    session.settings_mut().set = vec![("least".to_string(), "1".to_string())];
    assert_eq!(members(&session, "busy"), 2);
    session.settings_mut().set.clear();
    let entered = session.enter("typed", dir.path(), "tag n = count(visits in last 1 day)");
    assert!(entered.checked.program.is_some());
    assert_eq!(members(&session, "busy"), 0);
    let entered = session.enter("typed", dir.path(), "segment others where n >= 1 and id > 1");
    assert!(entered.checked.program.is_some());
    assert_eq!(members(&session, "others"), 1);
    // What was known before is found again, under any name.
    let before = answered(&session);
    let again = "tag m = count(visits in last 10 days)\nsegment keen where m >= 2";
    assert!(session.enter("typed", dir.path(), again).checked.program.is_some());
    assert_eq!(members(&session, "keen"), 1);
    assert_eq!(answered(&session), before + 1);
}

#[test]
fn what_was_asked_about_some_is_not_taken_for_what_holds_of_all() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    let script =
        format!("{SCRIPT}segment late where id >= 2 and n >= 1\nsegment early where id < 2 and n >= 1\n");
    let session = session(dir.path(), &script);
    assert_eq!(members(&session, "late"), 1);
    assert_eq!(members(&session, "early"), 1);
    assert_eq!(members(&session, "busy"), 1);
}

#[test]
fn what_fails_for_others_does_not_fail_the_question() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    let large = "2,2026-10-31,90000000000000000000000000000000000000\n".repeat(2);
    fs::write(dir.path().join("visits.csv"), format!("id,day,n\n1,2026-10-30,30\n{large}")).unwrap();
    let script = SCRIPT.replace("at day", "at day column n as decimal(38,0)")
        + "tag big = sum(visits.n)\nsegment small where id < 2 and big >= 9\n";
    let warm = session(dir.path(), &script);
    let mut cold = Session::new(settings("2026-10-31", Strategy::Fold)).unwrap();
    cold.load_text("test.seg", dir.path(), &script);
    let fails = |session: &Session| {
        let program = session.check().program.unwrap();
        let (big, _) = program.find_definition("big").unwrap();
        session.with_asker(&program, &|_| {}, |asker| asker.describe(big)).is_err()
    };
    for _ in 0..2 {
        for session in [&cold, &warm] {
            assert_eq!(members(session, "small"), 1);
            assert!(fails(session), "the others' sum is too large");
        }
    }
}

#[test]
fn one_customer_is_looked_up_among_what_is_kept() {
    for texts in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path());
        if texts {
            for name in ["people.csv", "visits.csv"] {
                let text = fs::read_to_string(dir.path().join(name)).unwrap();
                let text = ["1", "2", "3"].iter().fold(text, |text, id| {
                    text.replace(&format!("\n{id}"), &format!("\nwith a long name {id}"))
                });
                fs::write(dir.path().join(name), text).unwrap();
            }
        }
        let session = session(dir.path(), SCRIPT);
        let program = session.check().program.unwrap();
        let (busy, _) = program.find_definition("busy").unwrap();
        let why = |id: &str| {
            let key = if texts { format!("with a long name {id}") } else { id.to_string() };
            let found = session.with_asker(&program, &|_| {}, |asker| asker.why(&key, busy));
            found.map(|why| why.member).map_err(|d| d.code)
        };
        let cold = ["1", "2", "3", "4"].map(why);
        assert_eq!(cold, [Ok(true), Ok(false), Ok(false), Err(Code::NoSuchKey)]);
        assert_eq!(members(&session, "busy"), 1);
        let before = answered(&session);
        assert_eq!(["1", "2", "3", "4"].map(why), cold);
        assert_eq!(answered(&session), before + 4);
    }
}

#[test]
fn nobody_is_kept_too() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    fs::write(dir.path().join("people.csv"), "id\n").unwrap();
    let session = session(dir.path(), SCRIPT);
    for _ in 0..2 {
        assert_eq!(members(&session, "busy"), 0);
    }
    assert_eq!(answered(&session), 1);
    fs::write(dir.path().join("people.csv"), "id\n1\n").unwrap();
    assert_eq!(members(&session, "busy"), 1);
}

#[test]
fn a_question_that_was_stopped_keeps_nothing() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    let session = session(dir.path(), SCRIPT);
    let program = session.check().program.unwrap();
    let (busy, _) = program.find_definition("busy").unwrap();
    let stop = session.cancel_handle();
    // Before the first row, and with the customers' rows known already.
    for known in [false, true] {
        if known {
            let (everyone, _) = program.find_definition("n").unwrap();
            session.with_asker(&program, &|_| {}, |asker| asker.describe(everyone)).unwrap();
        }
        let before = session.kept().unwrap().bytes();
        stop.cancel();
        let stopped = session.counts(&program, &[busy], &|_| {}).unwrap_err();
        assert_eq!(stopped.code, Code::Interrupted);
        assert_eq!(session.kept().unwrap().bytes(), before);
        stop.reset();
    }
    assert_eq!(members(&session, "busy"), 1);
}

#[test]
fn a_file_of_this_moment_is_read_each_time() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    let keeping = Keeping { memory: None, folder: None, clock: || SystemTime::UNIX_EPOCH };
    let session = session_with(dir.path(), SCRIPT, keeping);
    for _ in 0..2 {
        assert_eq!(members(&session, "busy"), 1);
    }
    assert_eq!((answered(&session), session.kept().unwrap().bytes()), (0, 0));
}

/// A thousand people with a name, a city and ten visits.
fn many(folder: &Path) {
    let people: String =
        (0..1000).map(|i| format!("{i},Smith {i} the very secret,city of number {}\n", i % 7)).collect();
    fs::write(folder.join("people.csv"), format!("id,name,city\n{people}")).unwrap();
    let visits: String = (0..1000).map(|i| format!("{},2026-10-{}\n", i * 7 % 500, 10 + i % 20)).collect();
    fs::write(folder.join("visits.csv"), format!("id,day\n{visits}")).unwrap();
}

fn script_of_many(clauses: &str) -> String {
    let tags: String = (1..=20).map(|d| format!("tag n{d} = count(visits in last {d} days)\n")).collect();
    let segments: String =
        (1..=20).map(|d| format!("segment s{d} where n{d} >= 1 and city is known\n")).collect();
    format!(
        "source people from \"people.csv\" key id {clauses}\n\
         source visits from \"visits.csv\" of people by id at day\n{tags}{segments}\
         segment named where name like \"Smith 1%\" and city like \"%3\"\n\
         tag called = name\ntag lives = city\nsegment found where called != \"x\" and lives != \"y\"\n"
    )
}

fn all(session: &Session) -> Vec<u64> {
    let names = (1..=20).map(|d| format!("s{d}")).chain(["named".to_string(), "found".to_string()]);
    names.map(|name| members(session, &name)).collect()
}

#[test]
fn two_sessions_with_little_memory_share_a_folder_and_agree() {
    let dir = tempfile::tempdir().unwrap();
    many(dir.path());
    let folder = Folder::new(dir.path().join("cache"), 1 << 30);
    let small = || Keeping { memory: Some(60_000), folder: Some(folder.clone()), clock: later };
    let script = script_of_many("");
    let expected = all(&session(dir.path(), &script));
    assert!(expected.iter().any(|n| *n > 0 && *n < 1000));
    let (one, two) = (session_with(dir.path(), &script, small()), session_with(dir.path(), &script, small()));
    std::thread::scope(|scope| {
        for session in [&one, &two] {
            scope.spawn(|| {
                for _ in 0..2 {
                    assert_eq!(all(session), expected);
                }
                assert!(session.kept().unwrap().bytes() <= 60_000);
            });
        }
    });
    assert!(folder.summary().columns > 10, "{:?}", folder.summary());
    assert!(answered(&one) > 10);
    // Damaged files are worked out again.
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        fs::write(&path, bytes).unwrap();
    }
    assert_eq!(all(&one), expected);
    // A folder that nobody can write into, and one that is a file.
    fs::write(dir.path().join("file"), "").unwrap();
    for place in ["file", "file/below"] {
        let folder = Some(Folder::new(dir.path().join(place), 1 << 30));
        let keeping = Keeping { memory: Some(60_000), folder, clock: later };
        assert_eq!(all(&session_with(dir.path(), &script, keeping)), expected);
    }
}

#[test]
fn what_is_personal_lies_on_no_disk() {
    let found = |clauses: &str| {
        let dir = tempfile::tempdir().unwrap();
        many(dir.path());
        let folder = Folder::new(dir.path().join("cache"), 1 << 30);
        let keeping = Keeping { memory: Some(60_000), folder: Some(folder.clone()), clock: later };
        let session = session_with(dir.path(), &script_of_many(clauses), keeping);
        all(&session);
        session.kept().unwrap().give_way();
        let files = fs::read_dir(folder.path()).map_or(Vec::new(), |entries| {
            entries.map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect::<Vec<_>>()
        });
        let holds = |words: &str| {
            files.iter().any(|bytes| bytes.windows(words.len()).any(|part| part == words.as_bytes()))
        };
        (files.len() > 5, holds("the very secret"), holds("city of number"))
    };
    assert_eq!(found(""), (true, true, true));
    assert_eq!(found("pii name"), (true, false, true));
    // Where the key is, nothing is written.
    assert_eq!(found("pii id"), (false, false, false));
}

#[test]
fn a_bound_on_memory_holds_for_what_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    many(dir.path());
    let script = script_of_many("");
    let expected = all(&session(dir.path(), &script));
    let memory = 32 << 20;
    let mut engine = settings("2026-10-31", Strategy::Fold);
    engine.engine.memory = Some(memory);
    let mut session = Session::new(engine).unwrap();
    session.keep(Keeping { memory: None, folder: None, clock: later });
    session.load_text("test.seg", dir.path(), &script);
    for _ in 0..2 {
        assert_eq!(all(&session), expected);
        assert!(session.kept().unwrap().bytes() <= memory / 4);
    }
    assert!(answered(&session) > 10);
}

#[test]
fn the_first_members_by_key_are_the_same() {
    let dir = tempfile::tempdir().unwrap();
    many(dir.path());
    let cold = Session::new(settings("2026-10-31", Strategy::Fold)).map(|mut s| {
        s.load_text("test.seg", dir.path(), &script_of_many(""));
        s
    });
    let (cold, warm) = (cold.unwrap(), session(dir.path(), &script_of_many("")));
    let show = |session: &Session, most: usize| {
        let program = session.check().program.unwrap();
        let (id, _) = program.find_definition("s5").unwrap();
        let shown = session.with_asker(&program, &|_| {}, |asker| asker.show(id, Some(most))).unwrap();
        format!("{shown:?}")
    };
    for most in [0, 1, 7, 5000] {
        let expected = show(&cold, most);
        for _ in 0..2 {
            assert_eq!(show(&warm, most), expected);
        }
    }
}

// ---- digests

const PEOPLE: &str = "id,city,since,born,shop_id,spent\n1,Xi'an,2026-01-01,1990-01-01,7,1.5\n";
const VISITS: &str = "id,guest,day,seen,amount,kind,basket,shop_id\n\
     1,1,2026-10-30,2026-10-30T10:00:00,1.5,a,3,7\n";

/// The digest of `x`, where each source's version is its file.
fn digest(folder: &Path, day: &str, strategy: Strategy, script: &str) -> Digest {
    let mut session = Session::new(settings(day, strategy)).unwrap();
    session.load_text("test.seg", folder, script);
    let checked = session.check();
    let program = checked.program.unwrap_or_else(|| panic!("{script}\n{:?}", checked.diagnostics));
    let (id, d) = program.find_definition("x").unwrap();
    let version = |source| Some(program.source(source)?.location.pattern.clone());
    let mut digests = Digests::new(&program, strategy, &version);
    digests.of_column(d.entity, program.definition_node(id).unwrap()).unwrap()
}

#[test]
fn whatever_changes_a_column_changes_its_digest() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("people.csv", PEOPLE),
        ("people2.csv", PEOPLE),
        ("visits.csv", VISITS),
        ("shops.csv", "shop_id,region,since\n7,north,2026-01-01\n"),
        ("list.csv", "city,kind,weight\nXi'an,a,2\n"),
    ] {
        fs::write(dir.path().join(name), text).unwrap();
    }
    // Clauses of each source, definitions before, and `x`.
    let script = |people: &str, visits: &str, shops: &str, before: &str, x: &str| {
        format!(
            "timezone \"Asia/Shanghai\"\n\
             source people from \"people.csv\" key id link shop_id -> shops {people}\n\
             source visits from \"visits.csv\" of people by id at day link shop_id -> shops {visits}\n\
             source shops from \"shops.csv\" key shop_id {shops}\n\
             source places from \"list.csv\"\n{before}\n{x}\n"
        )
    };
    let usual = "tag x = sum(visits.amount in last 9 days where kind = \"a\")";
    let plain = |x: &str| script("", "", "", "", x);
    let mut scripts: Vec<String> = [
        usual,
        "tag x = sum(visits.amount in last 8 days where kind = \"a\")",
        "tag x = sum(visits.amount in last 9 days where kind = \"b\")",
        "tag x = sum(visits.amount in last 9 days where kind != \"a\")",
        "tag x = sum(visits.amount in last 9 days where kind = \"a\" or kind is missing)",
        "tag x = sum(visits.amount in last 9 days)",
        "tag x = avg(visits.amount in last 9 days where kind = \"a\")",
        "tag x = max(visits.amount in last 9 days where kind = \"a\")",
        "tag x = sum(visits.basket in last 9 days where kind = \"a\")",
        "tag x = sum(visits.amount where kind = \"a\")",
        "tag x = sum(visits.amount in previous month where kind = \"a\")",
        "tag x = sum(visits.amount in last 9 days where shop.region = \"a\")",
        "tag x = sum(visits.amount within 9 days after since where kind = \"a\")",
        "tag x = sum(visits.amount within 9 days after born where kind = \"a\")",
        "tag x = sum(visits.amount in days 1 to 9 after born where kind = \"a\")",
        "tag x = sum(visits.amount after born where kind = \"a\")",
        "tag x = count(visits in last 9 days where kind = \"a\")",
        "tag x = count(visits in last 9 days where city in (places.city))",
        "tag x = count(visits in last 9 days where city in (places.city where weight > 1))",
        "tag x = count(visits in last 9 days where city in (places.city where weight > 2))",
        "tag x = count(visits in last 9 days where city in (places.kind))",
        "tag x = count(visits in last 9 days where amount > spent)",
        "tag x = first(visits.kind)",
        "tag x = last(visits.kind)",
        "tag x = last(visits.kind in last 9 days)",
        "tag x = spent",
        "tag x = -spent",
        "tag x = spent + 1",
        "tag x = spent + 2",
        "tag x = spent - 1",
        "tag x = 1 - spent",
        "tag x = spent ?? 1",
        "tag x = case when spent > 1 then 1 else 2 end",
        "tag x = case when spent > 1 then 1 end",
        "tag x = case when spent > 1 then 1 when spent > 2 then 2 end",
        "tag x = shop.region",
        "tag x = city",
        "tag x = age(born)",
        "tag x = days since since",
        "tag x = days since born",
        "tag x = ntile(spent, 5)",
        "tag x = ntile(spent, 4)",
        "tag x = ntile(spent, 5 within city)",
        "tag x = rank(spent)",
        "tag x = happened(visits where kind = \"a\" then visits where kind = \"b\")",
        "tag x = happened(visits where kind = \"a\" then visits where kind = \"b\" within 2 days)",
        "tag x = happened(visits where kind = \"a\" then visits where kind = \"b\" within 3 days)",
        "tag x = happened(visits where kind = \"b\" then visits where kind = \"a\")",
        "segment x where spent > 1",
        "segment x where spent >= 1",
        "segment x where spent > 2",
        "segment x where spent between 1 and 2",
        "segment x where spent in (1, 2)",
        "segment x where spent in (1, 2, 3)",
        "segment x where spent is missing",
        "segment x where spent is known",
        "segment x where not spent > 1",
        "segment x where city like \"a%\"",
        "segment x where city like \"b%\"",
        "segment x where city in (places.city)",
        "segment x where city in (places.kind)",
        "segment x where spent > 1 and city = \"a\"",
        "segment x where spent > 1 or city = \"a\"",
        "segment x where shop.region = \"a\"",
        "segment x where city = \"a\"",
        "segment x = top 1 by spent",
        "segment x = top 2 by spent",
        "segment x = top 1% by spent",
        "segment x = top 1 by spent within city",
        "segment x = top 1 by shop_id",
    ]
    .into_iter()
    .map(plain)
    .collect();
    // Another way to read the same files.
    scripts.extend([
        script("where spent > 1", "", "", "", usual),
        script("where spent > 2", "", "", "", usual),
        script("where city in (places.city)", "", "", "", usual),
        script("where shop.region = \"north\"", "", "", "", usual),
        script("latest by since", "", "", "", usual),
        script("column spent as decimal(18,2)", "", "", "", "tag x = spent"),
        script("column spent as text", "", "", "", "tag x = spent"),
        script("", "where amount > 1", "", "", usual),
        script("", "where kind = \"a\"", "", "", usual),
        script("", "where shop.region = \"north\"", "", "", usual),
        script("", "column amount as decimal(18,2)", "", "", usual),
        script("", "column amount as decimal(18,3)", "", "", usual),
        script("", "", "where region = \"north\"", "", "tag x = shop.region"),
        script("", "", "latest by since", "", "tag x = shop.region"),
        script("", "", "where region = \"north\"", "", "segment x where shop.region = \"a\""),
        plain(usual).replace("\"people.csv\"", "\"people2.csv\""),
        plain(usual).replace("by id at day", "by guest at day"),
        plain(usual).replace("by id at day", "by id at seen"),
        plain("tag x = last(visits.kind)").replace("at day", "at day, basket"),
        plain("tag x = last(visits.kind)").replace("at day", "at day, amount"),
        plain(usual).replace("Asia/Shanghai", "Europe/Vienna"),
        script("", "", "", "segment rich where spent > 1", "segment x = top 1 by spent in rich"),
        script("", "", "", "segment rich where spent > 2", "segment x = top 1 by spent in rich"),
        script("", "", "", "segment rich where spent > 1", "segment x where outside rich"),
        script("", "", "", "segment rich where spent > 1", "segment x where rich"),
        script("", "", "", "param p = 1", "segment x where spent > p + 0.5"),
        script("", "", "", "param p = 2", "segment x where spent > p + 0.5"),
        script("", "", "", "tag t = spent * 2", "tag x = t + 1"),
        script("", "", "", "tag t = spent * 3", "tag x = t + 1"),
    ]);
    let mut seen: HashMap<Digest, String> = HashMap::new();
    for script in &scripts {
        let found = digest(dir.path(), "2026-10-31", Strategy::Fold, script);
        if let Some(other) = seen.insert(found, script.clone()) {
            panic!("one digest for\n{other}\nand\n{script}");
        }
    }
    // Another day, another way to compute.
    for script in [&plain(usual), &plain("tag x = age(born)"), &plain("tag x = days since since")] {
        let of = |day, strategy| digest(dir.path(), day, strategy, script);
        let found = of("2026-10-31", Strategy::Fold);
        assert_ne!(of("2026-10-30", Strategy::Fold), found, "{script}");
        assert_ne!(of("2026-10-31T08:00", Strategy::Fold), found, "{script}");
        assert_ne!(of("2026-10-31", Strategy::Plain), found, "{script}");
    }
    // What changes nothing.
    let found = digest(dir.path(), "2026-10-31", Strategy::Fold, &plain(usual));
    let same = script(
        "",
        "",
        "",
        "tag before = count(visits)\nsegment other where before > 1 and shop.region = \"a\"",
        "@owner \"me\"\ntag x \"a title\" = sum(visits.amount in last 9 days where (kind = \"a\"))",
    );
    assert_eq!(digest(dir.path(), "2026-10-31", Strategy::Fold, &same), found);
    let renamed = plain(usual).replace("visits", "calls").replace("\"calls.csv\"", "\"visits.csv\"");
    assert_eq!(digest(dir.path(), "2026-10-31", Strategy::Fold, &renamed), found);
    // A column that is the same on every day.
    let of = |day| digest(dir.path(), day, Strategy::Fold, &plain("tag x = spent"));
    assert_eq!(of("2026-10-31"), of("2026-10-30"));
}
