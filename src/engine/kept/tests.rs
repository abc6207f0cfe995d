// A test may fall over.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::{CHUNK, Column, Folder, Gathered, Keeping, Kept, MOST, Place};
use crate::plan::Digest;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, StringViewArray};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::execution::memory_pool::{MemoryPool, UnboundedMemoryPool};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

fn numbers(from: i64) -> Arc<Column> {
    Arc::new(Column { chunks: vec![Arc::new(Int64Array::from_iter_values(from..from + 1000)) as ArrayRef] })
}

fn kept(budget: usize, folder: Option<Folder>) -> Kept {
    let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
    Kept::new(budget, Keeping { memory: None, folder, clock: SystemTime::now }, &pool)
}

fn name(n: u8) -> Digest {
    [n; 32]
}

fn first(column: &Column) -> i64 {
    column.chunks[0].as_primitive::<Int64Type>().value(0)
}

#[test]
fn what_was_not_used_for_longest_goes_first_and_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::new(dir.path().join("below"), MOST);
    let two = numbers(0).bytes() * 2 + 10;
    let store = kept(two, Some(folder.clone()));
    store.put(name(1), &numbers(1), Place::Anywhere);
    store.put(name(2), &numbers(2), Place::Anywhere);
    assert_eq!(folder.summary().columns, 0, "nothing is written while there is room");
    assert_eq!(first(&store.get(&name(1)).unwrap()), 1);
    store.put(name(3), &numbers(3), Place::Anywhere);
    assert!(store.bytes() <= two);
    assert_eq!(folder.summary().columns, 1);
    assert!(folder.read(&name(2), SystemTime::now()).is_some(), "2 was used before 1");
    for n in 1..=3u8 {
        assert_eq!(first(&store.get(&name(n)).unwrap()), i64::from(n));
    }
    assert!(store.bytes() <= two);
}

#[test]
fn without_a_folder_it_is_forgotten() {
    let store = kept(numbers(0).bytes() + 10, None);
    store.put(name(1), &numbers(1), Place::Anywhere);
    store.put(name(2), &numbers(2), Place::Anywhere);
    assert!(store.get(&name(1)).is_none());
    assert!(store.get(&name(2)).is_some());
}

#[test]
fn a_damaged_file_is_as_if_it_were_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::new(dir.path().to_path_buf(), MOST);
    folder.write(&name(1), &numbers(1)).unwrap();
    let file = std::fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&file).unwrap();
    for damage in 0..4 {
        let mut bytes = whole.clone();
        match damage {
            0 => bytes.truncate(bytes.len() / 2),
            1 => bytes.clear(),
            // A value in the middle: still an Arrow stream.
            2 => bytes[whole.len() / 2] ^= 1,
            _ => bytes.truncate(10),
        }
        std::fs::write(&file, bytes).unwrap();
        assert!(folder.read(&name(1), SystemTime::now()).is_none(), "damage {damage}");
        assert!(!file.exists());
    }
    folder.write(&name(1), &numbers(1)).unwrap();
    assert_eq!(first(&folder.read(&name(1), SystemTime::now()).unwrap()), 1);
}

#[test]
fn a_file_under_another_name_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::new(dir.path().to_path_buf(), MOST);
    folder.write(&name(1), &numbers(1)).unwrap();
    let one = std::fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    let bytes = std::fs::read(&one).unwrap();
    folder.write(&name(2), &numbers(2)).unwrap();
    let files = || std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
    let two = files().find(|path| *path != one).unwrap();
    std::fs::write(&two, bytes).unwrap();
    assert!(folder.read(&name(2), SystemTime::now()).is_none());
    assert_eq!(first(&folder.read(&name(1), SystemTime::now()).unwrap()), 1);
    // A folder, and what never ends, are no columns.
    std::fs::create_dir(&two).unwrap();
    assert!(folder.read(&name(2), SystemTime::now()).is_none());
    #[cfg(unix)]
    {
        std::fs::remove_dir(&two).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &two).unwrap();
        assert!(folder.read(&name(2), SystemTime::now()).is_none());
    }
}

#[test]
fn two_sessions_share_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::new(dir.path().to_path_buf(), MOST);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let store = kept(numbers(0).bytes() + 10, Some(folder.clone()));
                for n in 0..40u8 {
                    match store.get(&name(n)) {
                        Some(found) => assert_eq!(first(&found), i64::from(n)),
                        None => store.put(name(n), &numbers(n.into()), Place::Anywhere),
                    }
                }
            });
        }
    });
    assert!(folder.summary().columns >= 39);
}

#[test]
fn a_folder_has_bounds_too() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::new(dir.path().to_path_buf(), MOST);
    std::fs::write(dir.path().join("mine.txt"), "not ours").unwrap();
    folder.write(&name(1), &numbers(1)).unwrap();
    let small = Folder::new(dir.path().to_path_buf(), folder.summary().bytes * 2);
    let old = SystemTime::now() - Duration::from_secs(100);
    folder.read(&name(1), old).unwrap();
    folder.write(&name(2), &numbers(2)).unwrap();
    folder.write(&name(3), &numbers(3)).unwrap();
    small.trim(SystemTime::now());
    assert!(folder.read(&name(1), old).is_none());
    assert_eq!(folder.clear().unwrap().columns, 2);
    assert_eq!(folder.summary().columns, 0);
    assert!(dir.path().join("mine.txt").exists());
    Folder::new(dir.path().to_path_buf(), 0).write(&name(1), &numbers(1)).unwrap();
    assert_eq!(folder.summary().columns, 0);
}

#[cfg(unix)]
#[test]
fn the_folder_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache");
    Folder::new(path.clone(), MOST).write(&name(1), &numbers(1)).unwrap();
    let mode = |p: &std::path::Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&std::fs::read_dir(&path).unwrap().next().unwrap().unwrap().path()), 0o600);
    // What everybody may have written is not believed.
    let folder = Folder::new(path.clone(), MOST);
    assert!(folder.read(&name(1), SystemTime::now()).is_some());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).unwrap();
    assert!(folder.read(&name(1), SystemTime::now()).is_none());
    folder.write(&name(2), &numbers(2)).unwrap();
    assert_eq!(folder.summary().columns, 1);
}

#[test]
fn rows_are_brought_into_the_order_of_the_keys() {
    let text = |n: i64| (n % 3 != 0).then(|| format!("a text that is longer than twelve letters {n}"));
    let batch = |keys: Vec<i64>| -> (ArrayRef, Vec<ArrayRef>) {
        let texts: StringViewArray = keys.iter().map(|n| text(*n)).collect();
        let odd: BooleanArray = keys.iter().map(|n| Some(n % 2 == 1)).collect();
        (Arc::new(Int64Array::from(keys)), vec![Arc::new(texts), Arc::new(odd)])
    };
    let rows = i64::try_from(CHUNK).unwrap() * 2 + 5;
    let types = [DataType::Int64, DataType::Utf8View, DataType::Boolean];
    let in_batches: Vec<Vec<i64>> =
        (0..rows).collect::<Vec<_>>().chunks(1000).rev().map(<[i64]>::to_vec).collect();
    let backwards: Vec<Vec<i64>> = vec![(0..rows).rev().collect()];
    for order in [in_batches, backwards] {
        let mut gathered = Gathered::new(2);
        for keys in order {
            let (keys, columns) = batch(keys);
            gathered.add(&keys, columns);
        }
        let arranged = gathered.arrange(&types).unwrap().unwrap();
        assert_eq!(arranged.keys.chunks.iter().map(|c| c.len()).collect::<Vec<_>>(), [CHUNK, CHUNK, 5]);
        let (keys, columns) = batch((0..rows).collect());
        let mut at = 0;
        for (i, chunk) in arranged.keys.chunks.iter().enumerate() {
            assert_eq!(chunk, &keys.slice(at, chunk.len()));
            for (column, expected) in arranged.columns.iter().zip(&columns) {
                assert_eq!(&column.chunks[i], &expected.slice(at, chunk.len()));
            }
            at += chunk.len();
        }
    }
}

#[test]
fn a_key_that_stands_twice_has_no_order() {
    let mut gathered = Gathered::new(0);
    for keys in [vec![1, 2], vec![2, 3]] {
        gathered.add(&(Arc::new(Int64Array::from(keys)) as ArrayRef), []);
    }
    assert!(gathered.arrange(&[DataType::Int64]).unwrap().is_none());
    assert!(Gathered::new(0).arrange(&[DataType::Int64]).unwrap().is_some(), "nobody is in order");
}

#[test]
fn a_file_of_this_moment_may_change_without_a_trace() {
    let store = kept(1, None);
    assert!(store.is_too_fresh(SystemTime::now()));
    assert!(!store.is_too_fresh(SystemTime::now() - Duration::from_secs(10)));
}
