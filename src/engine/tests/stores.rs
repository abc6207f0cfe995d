//! Sources in an object store: what is read there is what would be read of the same files on the disk.

use super::super::stores::{Ranges, told};
use super::*;
use crate::plan::Strategy;
use datafusion::prelude::lit;
use futures::executor::block_on;
use object_store::memory::InMemory;
use object_store::path::Path as StorePath;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::path::Path;

const LAKE: &str = "memory://lake";

fn strategies() -> [World; 2] {
    [Strategy::default(), Strategy::Plain].map(|strategy| {
        let world = World::with(EngineOptions { threads: Some(2), strategy, ..EngineOptions::default() });
        world.parquet("tx/a.parquet", vec![("id", ints([1])), ("city", texts(&["北京"]))]);
        world.parquet("tx/b.parquet", vec![("id", ints([2, 3])), ("city", texts(&["a", "b"]))]);
        world.parquet("tx/deep/er/c.parquet", vec![("id", ints([4]))]);
        world.write("tx/_SUCCESS", "");
        world.write("tx/.a.parquet", "x");
        world.parquet("tx/_tmp/d.parquet", vec![("id", ints([99]))]);
        world.write("tx/notes.md", "x");
        world.parquet("ev/year=2026/month=09/a.parquet", vec![("id", ints([9]))]);
        world.parquet("ev/year=2026/month=10/a.parquet", vec![("id", ints([10]))]);
        world.write("text/a.csv", "\u{feff}id,on\n1,2026-10-31\n2,\n");
        world.write("text/b.csv", "");
        world.write("客户 1/100%.csv", "id\n1\n");
        world.write("a.ndjson", "{\"id\":1,\"x\":\"1.5\"}\n{\"id\":2}\n");
        world.arrow("a.arrow", vec![("id", ints([1, 2])), ("name", texts(&["x", "y"]))]);
        world
    })
}

/// A store with the files of the world's folder.
fn lake(world: &World) -> Arc<InMemory> {
    let store = Arc::new(InMemory::new());
    put_all(&store, world.folder.path(), world.folder.path());
    world.engine.lake.add(LAKE, Arc::clone(&store) as Arc<dyn ObjectStore>);
    store
}

fn put_all(store: &InMemory, root: &Path, folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            put_all(store, root, &path);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            block_on(store.put(&StorePath::parse(name).unwrap(), fs::read(&path).unwrap().into())).unwrap();
        }
    }
}

fn names(world: &World, pattern: &str) -> Vec<String> {
    world.engine.files(&world.at(pattern)).unwrap().into_iter().map(|file| file.path).collect()
}

#[test]
fn every_pattern_and_format_is_read_as_on_the_disk() {
    for world in strategies() {
        lake(&world);
        for pattern in [
            "tx",
            "tx/",
            "tx/**",
            "tx/*.parquet",
            "tx/**/*.parquet",
            "tx/[b-z].parquet",
            "tx/d*",
            "tx/a.parquet",
            "t?/*.parquet",
            "ev",
            "ev/year=2026",
            "ev/*/*/a.parquet",
            "text",
            "text/a.csv",
            "客户 1/100%.csv",
            "客户*/*.csv",
            "a.ndjson",
            "a.arrow",
            "*.arrow",
        ] {
            let there = format!("{LAKE}/{pattern}");
            let on_disk: Vec<_> =
                names(&world, pattern).iter().map(|name| format!("{LAKE}/{name}")).collect();
            assert_eq!(names(&world, &there), on_disk, "{pattern}");
            assert_eq!(world.columns(&there), world.columns(pattern), "{pattern}");
            assert_eq!(world.rows(&there), world.rows(pattern), "{pattern}");
        }
    }
}

#[test]
fn some_columns_and_row_groups_are_read_as_on_the_disk() {
    use datafusion::parquet::file::properties::WriterProperties;
    for world in strategies() {
        let ids: ArrayRef = ints(0..50_000);
        let cities: Vec<String> = (0..50_000).map(|i| format!("city {}", i % 7)).collect();
        let cities = texts(&cities.iter().map(String::as_str).collect::<Vec<_>>());
        let batch = RecordBatch::try_from_iter([("id", ids), ("city", cities)]).unwrap();
        let some = WriterProperties::builder()
            .set_max_row_group_row_count(Some(10_000))
            .set_data_page_row_count_limit(1_000)
            .set_write_batch_size(500)
            .build();
        let file = File::create(world.path("many/a.parquet")).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(some)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        lake(&world);
        let few = |pattern: &str| {
            let wanted = ident("id").between(lit(15_000i64), lit(15_099i64));
            let plan = scan(world.provider(pattern)).filter(wanted).unwrap();
            let plan = plan.project([ident("city")]).unwrap().build().unwrap();
            let mut rows = printed(&world.engine.collect(plan).unwrap());
            rows.sort();
            rows
        };
        assert_eq!(few(&format!("{LAKE}/many")).len(), 100);
        assert_eq!(few(&format!("{LAKE}/many")), few("many"));
        assert_eq!(world.rows(&format!("{LAKE}/many")), world.rows("many"));
    }
}

#[test]
fn a_changed_object_is_seen() {
    for world in strategies() {
        let store = lake(&world);
        let pattern = format!("{LAKE}/tx/[ab].parquet");
        let provider = world.provider(&pattern);
        let version = world.engine.version(&world.at(&pattern), &[]).unwrap();
        world.parquet("new.parquet", vec![("id", ints([7])), ("city", texts(&["c"]))]);
        let bytes = fs::read(world.path("new.parquet")).unwrap();
        block_on(store.put(&StorePath::from("tx/b.parquet"), bytes.into())).unwrap();
        let error = world.rows_of(Arc::clone(&provider)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "memory://lake/tx/b.parquet: was changed since it was opened; run again"
        );
        assert_eq!(world.engine.version(&world.at(&pattern), &[]), None);
        world.engine.refresh();
        assert_eq!(world.rows(&pattern), ["1|北京", "7|c"]);
        assert_ne!(world.engine.version(&world.at(&pattern), &[]).unwrap(), version);

        let provider = world.provider(&pattern);
        block_on(store.delete(&StorePath::from("tx/a.parquet"))).unwrap();
        let error = world.rows_of(provider).unwrap_err();
        assert_eq!(
            error.to_string(),
            "memory://lake/tx/a.parquet: cannot be read any more (there is no such object)"
        );
    }
}

#[test]
fn stores_with_the_same_keys_are_not_taken_for_each_other() {
    for world in strategies() {
        let other = Arc::new(InMemory::new());
        world.parquet("other/a.parquet", vec![("id", ints([8])), ("city", texts(&["上海"]))]);
        let bytes = fs::read(world.path("other/a.parquet")).unwrap();
        assert_eq!(bytes.len() as u64, fs::metadata(world.path("tx/a.parquet")).unwrap().len());
        block_on(other.put(&StorePath::from("tx/a.parquet"), bytes.into())).unwrap();
        lake(&world);
        world.engine.lake.add("abfss://other@lake", other);
        let pattern = |store: &str| format!("{store}/tx/a.parquet");
        let (here, there) = (pattern(LAKE), pattern("abfss://other@lake"));
        let providers = [world.provider(&here), world.provider(&there)];
        assert_eq!([world.rows(&here), world.rows(&there)], [["1|北京"], ["8|上海"]]);
        assert_eq!(providers.map(|provider| world.rows_of(provider).unwrap()), [["1|北京"], ["8|上海"]]);
    }
}

#[test]
fn what_is_read_of_an_object_is_of_one_writing() {
    let world = World::new();
    let store = Arc::new(InMemory::new());
    let place = StorePath::from("a");
    block_on(store.put(&place, "0123456789".into())).unwrap();
    world.engine.lake.add(LAKE, Arc::clone(&store) as Arc<dyn ObjectStore>);
    let listed = block_on(store.head(&place)).unwrap();
    let object = world.engine.lake.placed(LAKE, listed.clone()).unwrap();
    let lake = &world.engine.lake;
    let read = |object: &ObjectMeta| block_on(lake.get_range(&object.location, 2..5));
    assert_eq!(read(&object).unwrap(), "234");
    // A store that lists no tags, or lists them without quotes.
    let untagged = ObjectMeta { e_tag: None, ..listed.clone() };
    assert_eq!(read(&lake.placed(LAKE, untagged).unwrap()).unwrap(), "234");
    let bare = listed.e_tag.as_ref().map(|e_tag| format!("W/\"{e_tag}\""));
    assert_eq!(read(&lake.placed(LAKE, ObjectMeta { e_tag: bare, ..listed }).unwrap()).unwrap(), "234");
    block_on(store.put(&place, "9876543210".into())).unwrap();
    let error = read(&object).unwrap_err();
    assert_eq!(told("?", &error).to_string(), "memory://lake/a: was changed since it was opened; run again");
    let error = block_on(lake.get_ranges(&object.location, &[0..1, 8..9])).unwrap_err();
    assert_eq!(told("?", &error).message, "was changed since it was opened; run again");
}

#[test]
fn a_large_range_comes_in_pieces() {
    let world = World::new();
    let store = Arc::new(InMemory::new());
    let bytes: Vec<u8> =
        (0..5_000_000u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    block_on(store.put(&StorePath::from("a"), bytes.clone().into())).unwrap();
    world.engine.lake.add(LAKE, Arc::clone(&store) as Arc<dyn ObjectStore>);
    let object = block_on(store.head(&StorePath::from("a"))).unwrap();
    let object = world.engine.lake.placed(LAKE, object).unwrap();
    let ranges = [0..1, 100..19_000_000, 19_000_001..19_999_999];
    let read = block_on(world.engine.lake.get_ranges(&object.location, &ranges)).unwrap();
    for (range, read) in ranges.into_iter().zip(read) {
        assert!(bytes.get(range.start as usize..range.end as usize).unwrap() == read, "{range:?}");
    }
}

#[test]
fn what_is_not_there_or_damaged_is_said() {
    for world in strategies() {
        world.write("bad/a.parquet", "PAR1 this is none PAR1");
        world.write("mixed/a.csv", "id\n1\n");
        world.parquet("mixed/a.parquet", vec![("id", ints([1]))]);
        let mut bytes = fs::read(world.path("tx/b.parquet")).unwrap();
        bytes.get_mut(4..60).unwrap().fill(0xFF);
        world.write("worse/b.parquet", bytes);
        world.parquet("worse/a.parquet", vec![("id", ints([1])), ("city", texts(&["x"]))]);
        let store = lake(&world);
        block_on(store.put(&StorePath::from("tx"), "".into())).unwrap();
        assert_eq!(names(&world, &format!("{LAKE}/tx")).len(), 3);
        let missing = |pattern: &str| {
            let looked_for = format!("{LAKE}/{pattern}");
            assert_eq!(world.table(&looked_for), Err(CatalogError::Missing { looked_for }));
        };
        missing("nowhere/a.csv");
        missing("nowhere/*.csv");
        missing("tx/a");
        missing("tx/*.csv");
        // The whole store holds what is not one source; some of it, what is none at all.
        assert!(matches!(world.table(LAKE), Err(CatalogError::Unreadable { .. })));
        assert!(matches!(world.table(&format!("{LAKE}/")), Err(CatalogError::Unreadable { .. })));
        let file = format!("{LAKE}/tx/notes.md");
        assert_eq!(world.table(&file), Err(CatalogError::UnknownFormat { file }));
        let reason = |pattern: &str| match world.table(pattern) {
            Err(CatalogError::Unreadable { file, reason }) => format!("{file}: {reason}"),
            other => format!("{other:?}"),
        };
        assert_eq!(
            reason(&format!("{LAKE}/mixed")),
            "memory://lake/mixed: has CSV and Parquet files; say which, as in `*.parquet`"
        );
        assert!(reason(&format!("{LAKE}/bad")).starts_with("memory://lake/bad/a.parquet: "));
        assert!(reason(&format!("{LAKE}/a***b")).starts_with("memory://lake/a***b: "));
        assert_eq!(reason("s3:///a.parquet"), "s3://…: it names no store");
        let secret = "names, passwords and signatures do not belong into a script";
        assert_eq!(reason("https://u:pw@host/a.csv"), format!("https://…: {secret}"));
        assert_eq!(reason("https://host/a.csv?X-Amz-Signature=1f"), format!("https://…: {secret}"));
        assert_eq!(reason("s3://AKIA:KEY@lake/a.csv"), format!("s3://…: {secret}"));
        assert_eq!(reason("az://lake/a.csv?sv=1&SIG=x"), format!("az://…: {secret}"));
        assert_eq!(reason("abfss://c:KEY@account/a.csv"), format!("abfss://…: {secret}"));
        let error = world.rows_of(world.provider(&format!("{LAKE}/worse"))).unwrap_err();
        assert!(error.to_string().contains("damaged Parquet data"), "{error}");
    }
}

#[test]
fn a_store_of_no_known_kind_is_refused() {
    let world = World::new();
    let reason = |pattern: &str| match world.table(pattern) {
        Err(CatalogError::Unreadable { file, reason }) => format!("{file}: {reason}"),
        other => format!("{other:?}"),
    };
    let said = reason("ftp://host/a.parquet");
    #[cfg(feature = "cloud")]
    let expected = "ftp://host/a.parquet: ftp:// is none of the stores that are known: s3, gs, az, abfs, abfss, http, https";
    #[cfg(not(feature = "cloud"))]
    let expected = "ftp://host/a.parquet: this build of segue reads local files only; one built with `--features cloud` reads object stores";
    assert_eq!(said, expected);
}

#[test]
fn an_object_is_read_from_start_to_end_and_anywhere() {
    let world = World::new();
    let bytes: Vec<u8> =
        (0..3_000_000u32).flat_map(|i| (i.wrapping_mul(2_654_435_761)).to_le_bytes()).collect();
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let place = StorePath::from("a");
    block_on(store.put(&place, bytes.clone().into())).unwrap();
    let object = block_on(store.head(&place)).unwrap();
    let read = world.engine.wait(async move {
        let mut object = Ranges::new(store, object);
        let mut disk = Cursor::new(bytes);
        let mut all = (Vec::new(), Vec::new());
        object.read_to_end(&mut all.0).unwrap();
        disk.read_to_end(&mut all.1).unwrap();
        assert!(all.0 == all.1);
        for to in [
            SeekFrom::Start(5),
            SeekFrom::End(-7),
            SeekFrom::Current(-1_000_000),
            SeekFrom::Start(0),
            SeekFrom::Current(262_140),
            SeekFrom::End(0),
            SeekFrom::End(9),
            SeekFrom::Start(262_144),
        ] {
            assert_eq!(object.seek(to).unwrap(), disk.seek(to).unwrap(), "{to:?}");
            let mut some = ([0; 100], [0; 100]);
            let mut read = 0;
            while let Ok(count @ 1..) = object.read(some.0.get_mut(read..).unwrap()) {
                read += count;
            }
            assert_eq!(read, disk.read(&mut some.1).unwrap(), "{to:?}");
            assert_eq!(some.0, some.1, "{to:?}");
        }
        assert!(object.seek(SeekFrom::End(-12_000_001)).is_err());
    });
    read.unwrap();
}
