//! Files that are whole or not there: written beside their target, synced, renamed onto it.

use sha2::{Digest, Sha256};
use std::cmp::Reverse;
use std::fmt;
use std::fs;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use tempfile::{NamedTempFile, TempPath};

/// A file could not be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutputError {
    pub path: PathBuf,
    /// In words a person uses: `the disk is full`.
    pub reason: String,
}

impl OutputError {
    pub fn new(path: &Path, error: &io::Error) -> OutputError {
        OutputError::because(path, reason(error))
    }

    fn because(path: &Path, reason: impl Into<String>) -> OutputError {
        OutputError { path: path.to_path_buf(), reason: reason.into() }
    }
}

impl fmt::Display for OutputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.reason)
    }
}

impl std::error::Error for OutputError {}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::PermissionDenied => "no permission to write here",
        ErrorKind::StorageFull => "the disk is full",
        ErrorKind::QuotaExceeded => "the disk quota is used up",
        ErrorKind::FileTooLarge => "the file is larger than the file system allows",
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only",
        ErrorKind::IsADirectory => "is a folder",
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => "a part of the path is a file, not a folder",
        ErrorKind::InvalidFilename => "the name is too long or has characters that are not allowed",
        _ => return error.to_string(),
    }
    .to_string()
}

/// What a finished file holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finished {
    /// Where it stands.
    pub path: PathBuf,
    pub bytes: u64,
    /// Of the bytes, in hexadecimal.
    pub sha256: String,
}

/// A file that appears under its name when it is finished. Until then, and when it is dropped unfinished, the
/// target stays as it was.
pub struct AtomicFile {
    target: PathBuf,
    /// The same without links and detours.
    place: PathBuf,
    out: BufWriter<NamedTempFile>,
    hash: Sha256,
    bytes: u64,
}

impl AtomicFile {
    /// Opens a hidden file in the target's folder, which is made where it is missing. A target that is a
    /// symbolic link keeps it: the file that it leads to is replaced.
    pub fn create(target: &Path) -> Result<AtomicFile, OutputError> {
        let fail = |e: io::Error| OutputError::new(target, &e);
        let name = target.file_name().ok_or_else(|| OutputError::because(target, "is not a file name"))?;
        let resolved = match fs::symlink_metadata(target) {
            Ok(found) if found.is_symlink() => fs::canonicalize(target).unwrap_or_else(|_| target.into()),
            _ => target.to_path_buf(),
        };
        let existing = fs::metadata(&resolved).ok();
        match &existing {
            Some(found) if found.is_dir() => return Err(OutputError::because(target, "is a folder")),
            Some(found) if !found.is_file() => {
                return Err(OutputError::because(target, "is not a regular file"));
            }
            _ => {}
        }
        let folder = folder_of(&resolved);
        fs::create_dir_all(folder).map_err(fail)?;
        let place = fs::canonicalize(folder).map_err(fail)?.join(resolved.file_name().unwrap_or(name));
        let file = ordinary(&mut temporary(&hidden(name))).tempfile_in(folder).map_err(fail)?;
        if let Some(found) = existing {
            file.as_file().set_permissions(found.permissions()).map_err(fail)?;
        }
        Ok(AtomicFile { target: resolved, place, out: BufWriter::new(file), hash: Sha256::new(), bytes: 0 })
    }

    /// Where the file will stand.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Puts the file in its place.
    pub fn finish(self) -> Result<Finished, OutputError> {
        let mut group = AtomicGroup::default();
        let finished = group.add(self)?;
        group.commit()?;
        Ok(finished)
    }
}

impl Write for AtomicFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let n = self.out.write(buffer)?;
        self.hash.update(buffer.get(..n).unwrap_or(buffer));
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Files that belong together: a list, its held-out sibling, its manifest. All are whole on the disk before any
/// appears; then they appear in the order added, so a reader that waits for the manifest (added last) finds
/// the rest. A group that is dropped before [`AtomicGroup::commit`] leaves every target as it was.
#[derive(Default)]
pub struct AtomicGroup {
    parts: Vec<Part>,
}

struct Part {
    target: PathBuf,
    place: PathBuf,
    temporary: TempPath,
}

impl AtomicGroup {
    /// Takes a file that is written in full and brings it to the disk, still hidden.
    pub fn add(&mut self, file: AtomicFile) -> Result<Finished, OutputError> {
        let AtomicFile { target, place, out, hash, bytes } = file;
        self.check_new(&target, &place)?;
        let written = out.into_inner().map_err(|e| OutputError::new(&target, e.error()))?;
        written.as_file().sync_all().map_err(|e| OutputError::new(&target, &e))?;
        let finished = Finished { path: target.clone(), bytes, sha256: hex(&hash.finalize()) };
        self.parts.push(Part { target, place, temporary: written.into_temp_path() });
        Ok(finished)
    }

    /// Takes the files of another group, behind its own.
    pub fn join(&mut self, other: AtomicGroup) -> Result<(), OutputError> {
        other.parts.iter().try_for_each(|part| self.check_new(&part.target, &part.place))?;
        self.parts.extend(other.parts);
        Ok(())
    }

    fn check_new(&self, target: &Path, place: &Path) -> Result<(), OutputError> {
        match self.parts.iter().any(|part| part.place == *place) {
            true => Err(OutputError::because(target, "is the target of two files of one run")),
            false => Ok(()),
        }
    }

    /// Puts all files in their places. Where one cannot be put, those before it are taken back.
    pub fn commit(self) -> Result<(), OutputError> {
        let mut done: Vec<(PathBuf, Before)> = Vec::new();
        for part in self.parts {
            let before = Before::of(&part.target);
            if let Err(error) = part.temporary.persist(&part.target) {
                // Newest first, so that a folder's files go back the way they came.
                done.into_iter().rev().for_each(|(target, before)| before.restore(&target));
                return Err(OutputError::new(&part.target, &error.error));
            }
            done.push((part.target, before));
        }
        let mut folders: Vec<_> = done.iter().map(|(target, _)| folder_of(target)).collect();
        folders.dedup();
        folders.into_iter().for_each(sync_folder);
        Ok(())
    }
}

/// The folders that files are to be put into and that are not there yet. Those that stay empty are gone when this is
/// dropped: a run that writes nothing leaves nothing behind.
pub struct NewFolders(Vec<PathBuf>);

impl NewFolders {
    pub fn of<'a>(targets: impl IntoIterator<Item = &'a Path>) -> NewFolders {
        let above = targets.into_iter().flat_map(|target| target.ancestors().skip(1));
        let new = above.filter(|folder| !folder.as_os_str().is_empty() && !folder.exists());
        let mut folders: Vec<PathBuf> = new.map(Path::to_path_buf).collect();
        // Innermost first.
        folders.sort_by_key(|folder| Reverse(folder.components().count()));
        NewFolders(folders)
    }
}

impl Drop for NewFolders {
    fn drop(&mut self) {
        // Of a folder with something in it, the system refuses it.
        self.0.iter().for_each(|folder| drop(fs::remove_dir(folder)));
    }
}

/// What stood at a target, to be put back.
enum Before {
    Nothing,
    /// A second name of the old file; removed when dropped.
    Kept(TempPath),
    /// The file system has no hard links: it cannot be put back.
    Lost,
}

impl Before {
    fn of(target: &Path) -> Before {
        let Some(name) = target.file_name().filter(|_| target.exists()) else { return Before::Nothing };
        match temporary(&hidden(name)).make_in(folder_of(target), |path| fs::hard_link(target, path)) {
            Ok(link) => Before::Kept(link.into_temp_path()),
            Err(_) => Before::Lost,
        }
    }

    /// Best effort: the error that led here is the one to report.
    fn restore(self, target: &Path) {
        match self {
            Before::Nothing => drop(fs::remove_file(target)),
            Before::Kept(old) => drop(old.persist(target)),
            Before::Lost => {}
        }
    }
}

/// The beginning of a hidden name; of a long name only the first part, so that it does not grow too long.
fn hidden(name: &std::ffi::OsStr) -> String {
    let short: String = name.to_string_lossy().chars().take(40).collect();
    format!(".{short}.")
}

fn temporary(prefix: &str) -> tempfile::Builder<'_, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(".tmp");
    builder
}

fn folder_of(target: &Path) -> &Path {
    match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// What the user's mask makes of an ordinary file; temporary files alone would be private.
#[cfg(unix)]
fn ordinary<'b, 'a, 's>(builder: &'b mut tempfile::Builder<'a, 's>) -> &'b mut tempfile::Builder<'a, 's> {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(fs::Permissions::from_mode(0o666))
}

#[cfg(not(unix))]
fn ordinary<'b, 'a, 's>(builder: &'b mut tempfile::Builder<'a, 's>) -> &'b mut tempfile::Builder<'a, 's> {
    builder
}

/// Renames become durable with their folder. Best effort: some network file systems refuse it.
#[cfg(unix)]
fn sync_folder(folder: &Path) {
    if let Ok(folder) = fs::File::open(folder) {
        drop(folder.sync_all());
    }
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) {}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) -> AtomicFile {
        let mut file = AtomicFile::create(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_finished_file_stands_under_its_name_with_its_hash() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("new/2026-10-31/list.csv");
        let finished = write(&target, "abc").finish().unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "abc");
        assert_eq!(finished.bytes, 3);
        assert_eq!(finished.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(names(target.parent().unwrap()), ["list.csv"]);
    }

    #[test]
    fn an_unfinished_file_leaves_the_old_one_and_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("list.csv");
        write(&target, "old").finish().unwrap();
        let file = write(&target, "half of the ne");
        assert_eq!(names(folder.path()).len(), 2);
        drop(file);
        assert_eq!(fs::read_to_string(&target).unwrap(), "old");
        assert_eq!(names(folder.path()), ["list.csv"]);
    }

    #[test]
    fn a_group_appears_together_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let [list, held, manifest] = ["a.csv", "b.csv", "c.json"].map(|n| folder.path().join(n));
        write(&list, "old").finish().unwrap();
        let mut group = AtomicGroup::default();
        group.add(write(&list, "new")).unwrap();
        group.add(write(&held, "new")).unwrap();
        assert_eq!(fs::read_to_string(&list).unwrap(), "old");
        drop(group);
        assert_eq!(names(folder.path()), ["a.csv"]);

        // The third cannot be put in its place: the first two go back.
        let mut group = AtomicGroup::default();
        group.add(write(&list, "new")).unwrap();
        group.add(write(&held, "new")).unwrap();
        group.add(write(&manifest, "new")).unwrap();
        fs::create_dir(&manifest).unwrap();
        assert_eq!(group.commit().unwrap_err().path, manifest);
        assert_eq!(fs::read_to_string(&list).unwrap(), "old");
        assert_eq!(names(folder.path()), ["a.csv", "c.json"]);
        fs::remove_dir(&manifest).unwrap();

        let mut group = AtomicGroup::default();
        group.add(write(&list, "new")).unwrap();
        group.add(write(&manifest, "new")).unwrap();
        assert!(group.add(write(&list, "twice")).is_err());
        group.commit().unwrap();
        assert_eq!(fs::read_to_string(&list).unwrap(), "new");
        assert_eq!(names(folder.path()), ["a.csv", "c.json"]);
    }

    #[test]
    fn what_cannot_be_written_is_said_plainly() {
        let folder = tempfile::tempdir().unwrap();
        let error = |path: &Path| AtomicFile::create(path).err().unwrap().reason;
        assert_eq!(error(folder.path()), "is a folder");
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(error(&file.join("list.csv")), "a part of the path is a file, not a folder");
        let full = io::Error::from(ErrorKind::StorageFull);
        assert_eq!(OutputError::new(Path::new("x.csv"), &full).to_string(), "x.csv: the disk is full");
    }

    #[cfg(unix)]
    #[test]
    fn a_replaced_file_keeps_its_permissions_and_a_link_stays_a_link() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real.csv"), folder.path().join("latest.csv"));
        write(&real, "old").finish().unwrap();
        fs::write(folder.path().join("ordinary"), "").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&real), mode(&folder.path().join("ordinary")));
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        write(&link, "new").finish().unwrap();
        assert_eq!(fs::read_to_string(&real).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(mode(&real), 0o640);
    }
}
