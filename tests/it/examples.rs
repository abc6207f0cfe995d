//! The cases from practice under `examples/`: each script, in English and in Chinese, checks without a warning and has
//! the members that it should have. `tests/compare/examples.py` works the same numbers out with DuckDB.

// A test may fall over: helpers are outside of what clippy takes for one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use segue::check::AsOfOption;
use segue::demo::{DemoOptions, generate};
use segue::engine::EngineOptions;
use segue::ir::print::Lang;
use segue::ir::{DefId, DefinitionKind};
use segue::session::{Session, Settings};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;

/// What a script must find: its path below the examples without the ending, then the members of its own segments, in
/// the order written, then the rows of its audiences and of their control groups.
type Expected = (&'static str, &'static [(&'static str, u64)], &'static [(&'static str, u64, u64)]);

/// On the demo bank at its default size, and on the data of the folders that bring their own.
const EXPECTED: &[Expected] = &[
    (
        "portrait/portrait",
        &[("young", 2_560), ("affluent", 3_160), ("lively", 2_492), ("overdue", 459), ("connected", 211)],
        &[],
    ),
    (
        "scenarios/scenarios",
        &[("new_card", 1_102), ("high_net_worth", 768), ("credit_warning", 241), ("cross_sell", 967)],
        &[
            ("first_card", 493, 62),
            ("private_invitation", 402, 39),
            ("risk_desk", 200, 0),
            ("insurance_offer", 442, 38),
        ],
    ),
    (
        "wealth/wealth",
        &[("traveller", 2_872), ("on_the_road", 648), ("wealth_target", 311), ("suited", 7_760)],
        &[("traveller_wealth", 64, 16)],
    ),
    (
        "insurer/insurer",
        &[
            ("holder", 526),
            ("pays_much", 210),
            ("on_the_move", 345),
            ("high_value", 171),
            ("to_keep", 39),
            ("to_cultivate", 174),
            ("to_develop", 142),
        ],
        &[("reward", 93, 5), ("next_contract", 88, 12), ("first_step", 77, 7), ("stay", 20, 4)],
    ),
    (
        "citybank/tree",
        &[
            ("private_clients", 164),
            ("wealth_clients", 1_750),
            ("mass", 17_209),
            ("owners", 1_251),
            ("starters", 3_737),
            ("seniors", 1_035),
            ("families", 4_800),
            ("workers", 5_909),
        ],
        &[
            ("for_private", 83, 3),
            ("for_wealth", 461, 39),
            ("for_owners", 439, 61),
            ("for_starters", 900, 100),
            ("for_seniors", 441, 59),
            ("for_families", 443, 57),
            ("for_workers", 446, 54),
        ],
    ),
    (
        "companies/companies",
        &[
            ("innovators", 134),
            ("rating_a", 20),
            ("rating_b", 38),
            ("fresh_money", 20),
            ("mine", 10),
            ("on_top", 20),
        ],
        &[("my_calls", 8, 0), ("board_list", 16, 0)],
    ),
    (
        "lifecycle/lifecycle",
        &[
            ("new_customers", 737),
            ("active", 12_877),
            ("dormant", 3_263),
            ("lost", 3_123),
            ("falling_asleep", 1_213),
            ("loan_ends", 37),
            ("money_free", 605),
            ("looking_around", 9),
            ("cover_renewal", 130),
            ("large_move", 17),
        ],
        &[
            ("welcome", 413, 40),
            ("grow", 1_796, 204),
            ("wake", 1_456, 388),
            ("win_back", 242, 58),
            ("loan_renewal", 19, 0),
            ("reinvest", 357, 43),
            ("before_they_choose", 7, 0),
            ("renew_cover", 90, 0),
            ("call_after_move", 14, 0),
        ],
    ),
    (
        "signals/signals",
        &[
            ("silent_rich", 500),
            ("in_motion", 69),
            ("fresh_traveller", 14),
            ("advocate", 500),
            ("relay", 383),
            ("hesitant", 125),
            ("loan_at_work", 38),
        ],
        &[
            ("ask_the_silent", 261, 28),
            ("instalments", 25, 10),
            ("travel_card", 8, 1),
            ("thank_advocates", 229, 12),
            ("help_to_choose", 46, 8),
        ],
    ),
];

/// The demo bank at its default size with its scripts, and the folders with data of their own beside it.
fn examples() -> &'static Path {
    static BANK: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = BANK.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        generate(folder.path(), &DemoOptions::default(), &mut |_, _, _| {}).unwrap();
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        for name in ["insurer", "companies"] {
            for part in ["", "data"] {
                let (from, to) = (ours.join(name).join(part), folder.path().join(name).join(part));
                fs::create_dir_all(&to).unwrap();
                for entry in fs::read_dir(from).unwrap().map(|e| e.unwrap()) {
                    if entry.file_type().unwrap().is_file() {
                        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
                    }
                }
            }
        }
        let path = folder.path().to_path_buf();
        (folder, path)
    });
    path
}

/// What a script finds, by name: members of all segments, used files' too, and the rows of audiences.
struct Found {
    segments: Vec<(String, u64)>,
    audiences: Vec<(String, u64, u64)>,
}

fn run(script: &Path) -> Found {
    let settings = Settings {
        strict: false,
        engine: EngineOptions::default(),
        as_of: Some(AsOfOption::Day(DemoOptions::default().as_of)),
        now: chrono::DateTime::UNIX_EPOCH,
        set: Vec::new(),
        lang: Lang::En,
    };
    let mut session = Session::new(settings).unwrap();
    session.load(script);
    let checked = session.check();
    let said: Vec<&str> = checked.diagnostics.iter().map(|d| d.message.as_str()).collect();
    assert!(said.is_empty(), "{}: {said:?}", script.display());
    let program = checked.program.unwrap();
    assert!(session.day_warning(&program).unwrap().is_none(), "{}: no event on the day", script.display());
    let ids: Vec<DefId> = (0u32..)
        .zip(&program.definitions)
        .filter(|(_, d)| d.kind == DefinitionKind::Segment && !d.is_entity)
        .map(|(id, _)| DefId(id))
        .collect();
    let counts = session.counts(&program, &ids, &|_| {}).unwrap();
    let audiences: Vec<_> = program.audiences.iter().collect();
    let lists = session.deliver(&program, &audiences, None, &|_| {}).unwrap();
    Found {
        segments: counts.into_iter().map(|c| (c.segment, c.members)).collect(),
        audiences: lists
            .into_iter()
            .map(|l| (l.selection.audience.name, l.selection.rows, l.selection.held.unwrap_or_default()))
            .collect(),
    }
}

#[test]
fn examples_find_whom_they_should() {
    let mut faults = Vec::new();
    for (script, segments, audiences) in EXPECTED {
        let found = run(&examples().join(format!("{script}.seg")));
        let by_name: BTreeMap<&str, u64> = found.segments.iter().map(|(n, m)| (n.as_str(), *m)).collect();
        for (name, members) in *segments {
            if by_name.get(name) != Some(members) {
                faults.push(format!("{script}: {name} has {:?}, not {members}", by_name.get(name)));
            }
        }
        let lists: Vec<(&str, u64, u64)> =
            found.audiences.iter().map(|(n, rows, held)| (n.as_str(), *rows, *held)).collect();
        if lists != *audiences {
            faults.push(format!("{script}: the lists are {lists:?}"));
        }
        // The Chinese twin says the same of the same customers.
        let twin = run(&examples().join(format!("{script}_zh.seg")));
        let sizes = |found: &Found| -> Vec<u64> { found.segments.iter().map(|s| s.1).collect() };
        let rows =
            |found: &Found| -> Vec<(u64, u64)> { found.audiences.iter().map(|a| (a.1, a.2)).collect() };
        if sizes(&found) != sizes(&twin) || rows(&found) != rows(&twin) {
            faults.push(format!(
                "{script}: the Chinese script differs: {:?} and {:?}, {:?} and {:?}",
                found.segments, twin.segments, found.audiences, twin.audiences
            ));
        }
        if std::env::var_os("SEGUE_SHOW_EXAMPLES").is_some() {
            println!("{script}\n{:?}\n{:?}", found.segments, found.audiences);
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_example_is_here_with_its_twin_and_its_page() {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");

    for folder in fs::read_dir(&ours).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()) {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        assert!(folder.join("README.md").is_file(), "{name} has no README");
        if name == "cdnow" || name == "retail" {
            continue;
        }
        let expected: Vec<&str> =
            EXPECTED.iter().map(|e| e.0).filter(|s| s.starts_with(&format!("{name}/"))).collect();
        assert_eq!(expected.len(), 1, "{name} has expected counts");
        for ending in [".seg", "_zh.seg"] {
            assert!(ours.join(format!("{}{ending}", expected[0])).is_file(), "{name}{ending}");
        }
        let bytes: u64 = fs::read_dir(folder.join("data"))
            .map_or(0, |d| d.flatten().map(|e| e.metadata().unwrap().len()).sum());
        assert!(bytes < 100_000, "{name} has {bytes} bytes of tables");
    }
}
