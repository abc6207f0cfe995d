//! Files, folders, globs, hive partitions, refreshing.

use super::*;
use datafusion::prelude::lit;

fn world() -> World {
    let world = World::new();
    world.parquet("tx/b.parquet", vec![("id", ints([2]))]);
    world.parquet("tx/a.parquet", vec![("id", ints([1]))]);
    world.parquet("tx/deep/er/c.parquet", vec![("id", ints([3]))]);
    world.write("tx/_SUCCESS", "");
    world.write("tx/.a.parquet.crc", "x");
    world.write("tx/notes.md", "x");
    world
}

fn names(world: &World, pattern: &str) -> Vec<String> {
    world.engine.files(&world.at(pattern)).unwrap().into_iter().map(|file| file.path).collect()
}

#[test]
fn patterns_name_files_in_order() {
    let world = world();
    assert_eq!(names(&world, "tx/b.parquet"), ["tx/b.parquet"]);
    assert_eq!(names(&world, "tx"), ["tx/a.parquet", "tx/b.parquet", "tx/deep/er/c.parquet"]);
    assert_eq!(names(&world, "tx/"), names(&world, "tx"));
    assert_eq!(names(&world, "./tx/*.parquet"), ["tx/a.parquet", "tx/b.parquet"]);
    assert_eq!(names(&world, "tx/**/*.parquet"), names(&world, "tx"));
    assert_eq!(names(&world, "tx/[b-z].parquet"), ["tx/b.parquet"]);
    let full = world.path("tx/a.parquet").display().to_string();
    assert_eq!(world.rows(&full), ["1"]);
    assert_eq!(world.rows(&format!("file://{full}")), ["1"]);
    assert_eq!(world.rows("tx/**"), ["1", "2", "3"]);
    assert_eq!(names(&world, "tx/deep/../a.parquet"), ["tx/deep/../a.parquet"]);
    assert_eq!(world.rows("tx/deep/../a.parquet"), ["1"]);
}

#[test]
fn names_with_signs_in_them_are_read() {
    let world = World::new();
    for name in ["客户 2026.csv", "100%.csv", "a#b?.csv", "x[1].csv", "k=v & c.csv", "d%20e.csv"] {
        world.write(name, "id\n1\n");
        assert_eq!(world.rows(name), ["1"], "{name}");
    }
    world.parquet("客户/年[1]/100%25 #.parquet", vec![("id", ints([1]))]);
    assert_eq!(world.rows("客户/年[1]"), ["1"]);
}

#[test]
fn what_is_not_there_or_not_known_is_said() {
    let world = world();
    let looked_for = world.folder.path().join("tx/x*.parquet").display().to_string();
    assert_eq!(world.table("tx/x*.parquet"), Err(CatalogError::Missing { looked_for }));
    assert!(matches!(world.table("nowhere/a.csv"), Err(CatalogError::Missing { .. })));
    fs::create_dir(world.folder.path().join("void")).unwrap();
    assert!(matches!(world.table("void"), Err(CatalogError::Missing { .. })));
    assert_eq!(
        world.table("tx/notes.md"),
        Err(CatalogError::UnknownFormat { file: "tx/notes.md".to_string() })
    );
    world.write("mixed/a.csv", "id\n1\n");
    world.parquet("mixed/a.parquet", vec![("id", ints([1]))]);
    assert_eq!(
        world.table("mixed"),
        Err(CatalogError::Unreadable {
            file: "mixed".to_string(),
            reason: "has CSV and Parquet files; say which, as in `*.parquet`".to_string()
        })
    );
    assert!(matches!(world.table("s3://bucket/a.parquet"), Err(CatalogError::Unreadable { .. })));
    assert!(matches!(world.table("a***b"), Err(CatalogError::Unreadable { .. })));
}

#[test]
fn hive_folders_are_columns() {
    let world = World::new();
    for (month, day) in [("09", "2026-09-30"), ("10", "2026-10-31")] {
        let name = format!("ev/year=2026/month={month}/day={day}/a.parquet");
        world.parquet(&name, vec![("id", ints([month.parse().unwrap()]))]);
        let name = format!("csv/city=%E4%B8%8A{month}/a.csv");
        world.write(&name, format!("id,city_id\n{month}1,x\n").replace("\n0", "\n"));
    }
    assert_eq!(
        world.columns("ev"),
        [
            "id: whole number (int64)",
            "year: whole number (whole number (from the folder's name))",
            "month: whole number (whole number (from the folder's name))",
            "day: date (date (from the folder's name))",
        ]
    );
    assert_eq!(world.rows("ev"), ["9|2026|9|2026-09-30", "10|2026|10|2026-10-31"]);
    assert_eq!(world.rows("ev/year=2026/month=10"), ["10|2026|10|2026-10-31"]);
    assert_eq!(world.rows("ev/year=*/month=*/*/*.parquet"), world.rows("ev"));
    assert_eq!(world.rows("csv"), ["91|x|上09", "101|x|上10"]);

    let provider = world.provider("ev");
    let plan = scan(provider).filter(ident("month").eq(lit(10_i64))).unwrap().build().unwrap();
    let (_, physical) = world.engine.explain_plan(&plan).unwrap();
    assert!(!physical.contains("month=09"), "{physical}");
    assert_eq!(printed(&world.engine.collect(plan).unwrap()), ["10|2026|10|2026-10-31"]);
    let plan = scan(world.provider("ev")).filter(ident("month").eq(lit(1_i64))).unwrap().build().unwrap();
    assert!(world.engine.collect(plan).unwrap().is_empty());
}

#[test]
fn folders_may_be_missing_and_columns_of_files_win() {
    let world = World::new();
    world.parquet("ev/k=__HIVE_DEFAULT_PARTITION__/a.parquet", vec![("id", ints([1]))]);
    world.parquet("ev/k=x/a.parquet", vec![("id", ints([2]))]);
    world.parquet("ev/b.parquet", vec![("id", ints([3]))]);
    assert_eq!(world.rows("ev"), ["1|", "2|x", "3|"]);
    let plan = scan(world.provider("ev")).filter(ident("k").is_null()).unwrap();
    let plan = plan.sort([ident("id").sort(true, true)]).unwrap().build().unwrap();
    assert_eq!(printed(&world.engine.collect(plan).unwrap()), ["1|", "3|"]);
    world.parquet("own/k=7/a.parquet", vec![("k", ints([8]))]);
    assert_eq!(world.rows("own"), ["8"]);
}

#[test]
fn refresh_sees_new_and_changed_files() {
    let world = world();
    assert_eq!(world.rows("tx/*.parquet"), ["1", "2"]);
    world.parquet("tx/z.parquet", vec![("id", ints([26]))]);
    assert_eq!(world.rows("tx/*.parquet"), ["1", "2"]);
    let before = world.provider("tx/*.parquet");
    world.engine.refresh();
    assert_eq!(world.rows("tx/*.parquet"), ["1", "2", "26"]);
    assert!(!Arc::ptr_eq(&before, &world.provider("tx/*.parquet")));
    let before = world.provider("tx/*.parquet");
    world.engine.refresh();
    assert!(Arc::ptr_eq(&before, &world.provider("tx/*.parquet")));
    world.parquet("tx/z.parquet", vec![("id", ints([27, 28])), ("more", texts(&["a", "b"]))]);
    world.engine.refresh();
    assert_eq!(world.rows("tx/*.parquet"), ["1|", "2|", "27|a", "28|b"]);
    fs::remove_file(world.path("tx/z.parquet")).unwrap();
    world.engine.refresh();
    assert_eq!(world.rows("tx/*.parquet"), ["1", "2"]);
}
