//! The folder of kept columns that have no room in memory.

use crate::engine::kept::{Folder, MOST};
use std::ffi::OsString;
use std::path::PathBuf;

/// The folder as said; or `$SEGUE_CACHE_DIR`; or below the platform's cache folder. None where nothing tells.
/// `most`: what its files may take, in bytes.
pub fn cache_folder(
    said: Option<PathBuf>,
    most: Option<u64>,
    env: impl Fn(&str) -> Option<OsString>,
) -> Option<Folder> {
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
    let place = said.or_else(|| folder("SEGUE_CACHE_DIR")).or_else(platform)?;
    Some(Folder::new(place, most.unwrap_or(MOST)))
}

#[cfg(test)]
mod tests {
    // A test may fall over.
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::path::Path;

    #[test]
    fn the_folder_is_found_by_what_the_environment_says() {
        let of = |pairs: &'static [(&'static str, &'static str)]| {
            let env = |name: &str| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v));
            cache_folder(None, None, env).map(|folder| folder.path().to_path_buf())
        };
        assert_eq!(of(&[("SEGUE_CACHE_DIR", "here"), ("HOME", "/h")]), Some(PathBuf::from("here")));
        if cfg!(all(unix, not(target_os = "macos"))) {
            assert_eq!(of(&[("XDG_CACHE_HOME", "/c"), ("HOME", "/h")]), Some(PathBuf::from("/c/segue")));
            assert_eq!(
                of(&[("XDG_CACHE_HOME", "c"), ("HOME", "/h")]),
                Some(PathBuf::from("/h/.cache/segue"))
            );
        }
        assert_eq!(of(&[]), None);
        let said = cache_folder(Some(PathBuf::from("said")), Some(7), |_| Some("else".into())).unwrap();
        assert_eq!((said.path(), said.most()), (Path::new("said"), 7));
    }
}
