//! The folder of kept columns that have no room in memory.

use std::ffi::OsString;
use std::path::PathBuf;

/// `$SEGUE_CACHE_DIR`, or below the platform's cache folder.
pub fn cache_folder(env: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name: &str| env(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let platform = || {
        if cfg!(target_os = "macos") {
            folder("HOME").map(|p| p.join("Library/Caches/segue"))
        } else if cfg!(windows) {
            folder("LOCALAPPDATA").map(|p| p.join("segue").join("cache"))
        } else {
            let named = folder("XDG_CACHE_HOME").filter(|p| p.is_absolute());
            named.or_else(|| folder("HOME").map(|p| p.join(".cache"))).map(|p| p.join("segue"))
        }
    };
    folder("SEGUE_CACHE_DIR").or_else(platform)
}

#[cfg(test)]
mod tests {
    // A test may fall over.
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::check::parse_as_of;
    use crate::engine::EngineOptions;
    use crate::ir::print::Lang;
    use crate::session::{Session, Settings};
    use std::fs;
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    const SCRIPT: &str = "param least = 2\n\
         source people from \"people.csv\" key id\n\
         source visits from \"visits.csv\" of people by id at day\n\
         tag n = count(visits in last 10 days)\n\
         segment busy where n >= least\n";

    fn session(folder: &Path, day: &str) -> Session {
        let now = "2026-11-01T00:00:00Z".parse().unwrap();
        let engine = EngineOptions { threads: Some(1), ..EngineOptions::default() };
        let as_of = parse_as_of(day);
        let settings = Settings { engine, as_of, now, set: Vec::new(), strict: false, lang: Lang::En };
        let mut session = Session::new(settings).unwrap();
        session.keep(None, || SystemTime::now() + Duration::from_secs(3600));
        session.load_text("test.seg", folder, SCRIPT);
        session
    }

    fn members(session: &Session, name: &str) -> u64 {
        let checked = session.check();
        let program = checked.program.unwrap();
        let (id, _) = program.find_definition(name).unwrap();
        session.counts(&program, &[id], &|_| {}).unwrap().first().unwrap().members
    }

    fn bytes(session: &Session) -> usize {
        session.engine.kept().unwrap().bytes()
    }

    fn write(folder: &Path) {
        fs::write(folder.join("people.csv"), "id\n1\n2\n3\n").unwrap();
        fs::write(folder.join("visits.csv"), "id,day\n1,2026-10-30\n1,2026-10-31\n2,2026-10-31\n").unwrap();
    }

    #[test]
    fn a_changed_file_is_seen_however_it_was_changed() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path());
        let session = session(dir.path(), "2026-10-31");
        assert_eq!(members(&session, "busy"), 1);
        let kept = bytes(&session);
        assert!(kept > 0);
        assert_eq!(members(&session, "busy"), 1);
        assert_eq!(bytes(&session), kept, "nothing was worked out again");
        let visits = dir.path().join("visits.csv");
        let text = fs::read_to_string(&visits).unwrap();
        // Appended.
        std::thread::sleep(Duration::from_millis(30));
        fs::write(&visits, text.clone() + "2,2026-10-29\n").unwrap();
        assert_eq!(members(&session, "busy"), 2);
        // Replaced by as many bytes, with the time of before.
        let modified = fs::metadata(&visits).unwrap().modified().unwrap();
        std::thread::sleep(Duration::from_millis(30));
        fs::write(&visits, text.replace("1,2026-10-30", "1,2026-01-30") + "2,2026-01-29\n").unwrap();
        fs::File::options().write(true).open(&visits).unwrap().set_modified(modified).unwrap();
        if cfg!(unix) {
            assert_eq!(members(&session, "busy"), 0);
        }
        // One customer more.
        fs::write(dir.path().join("people.csv"), "id\n1\n2\n3\n4\n").unwrap();
        fs::write(&visits, text + "4,2026-10-29\n4,2026-10-29\n").unwrap();
        assert_eq!(members(&session, "busy"), 2);
    }

    #[test]
    fn another_day_another_definition_and_another_parameter_are_other_columns() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path());
        let mut session = session(dir.path(), "2026-10-31");
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
    }

    #[test]
    fn the_folder_is_found_by_what_the_environment_says() {
        let of = |pairs: &'static [(&'static str, &'static str)]| {
            cache_folder(|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v)))
        };
        assert_eq!(of(&[("SEGUE_CACHE_DIR", "here"), ("HOME", "h")]), Some(PathBuf::from("here")));
        assert_eq!(of(&[]), None);
    }
}
