//! What CSV and NDJSON columns are taken for.

use super::*;

/// The type of a column of these cells, and the values as read.
fn column(cells: &[&str]) -> (String, Vec<String>) {
    let world = World::new();
    let mut csv = "n,x\n".to_string();
    for (i, cell) in cells.iter().enumerate() {
        csv.push_str(&format!("{i},\"{}\"\n", cell.replace('"', "\"\"")));
    }
    world.write("a.csv", csv);
    let ty = world.columns("a.csv").remove(1);
    let values = world.rows("a.csv").into_iter().map(|row| row.split_once('|').unwrap().1.to_string());
    (ty.strip_prefix("x: ").unwrap().split(" (").next().unwrap().to_string(), values.collect())
}

fn is(cells: &[&str], ty: &str) {
    assert_eq!(column(cells).0, ty, "{cells:?}");
}

#[test]
fn numbers_are_numbers_only_where_they_are_written_as_such() {
    is(&["1", "-2", "0", "9223372036854775807"], "whole number");
    is(&["0012", "12"], "text");
    is(&["+8613900000000"], "text");
    is(&["9223372036854775808"], "text");
    is(&["1", "9223372036854775808"], "text");
    is(&["6222021234567890123.5", "1"], "float");
    is(&["1.5", "2"], "float");
    is(&["2", "-0.5", "1.5e10", "1e-05"], "float");
    is(&["12E5", "13E5"], "text");
    is(&["00.5"], "text");
    is(&["5."], "text");
    is(&["1,000"], "text");
    is(&["12 "], "text");
    is(&["NaN", "1.5"], "float");
    is(&["1.5", "0012"], "text");
    is(&["１２"], "text");
    assert_eq!(column(&["0012", "12", ""]).1, ["0012", "12", ""]);
}

#[test]
fn days_and_times_are_taken_as_written() {
    is(&["2026-10-31", "2024-02-29"], "date");
    is(&["2026-02-29"], "text");
    is(&["2026-1-5"], "text");
    is(&["2026/10/31"], "text");
    is(&["2026-10-31 08:00:00", "2026-10-31T08:00:00.123456", "2026-10-31 08:00"], "instant Local");
    is(&["2026-10-31", "2026-10-31 08:00:00"], "instant Local");
    is(&["2026-10-31T08:00:00Z", "2026-10-31 08:00:00+08:00", "2026-10-31T08:00:00-0330"], "instant Utc");
    is(&["2026-10-31T08:00:00Z", "2026-10-31T08:00:00"], "text");
    is(&["2026-10-31T24:00:00"], "text");
    assert_eq!(
        column(&["2026-10-31", "2026-10-31 08:00:00.5", "1969-12-31 23:59:59"]).1,
        ["2026-10-31T00:00:00", "2026-10-31T08:00:00.500", "1969-12-31T23:59:59"]
    );
    assert_eq!(
        column(&["2026-10-31T08:00:00Z", "2026-10-31 08:00:00+08:00", "2026-10-31T08:00:00.123456789-03:30"])
            .1,
        ["2026-10-31T08:00:00Z", "2026-10-31T00:00:00Z", "2026-10-31T11:30:00.123456Z"]
    );
}

#[test]
fn the_rest() {
    is(&["true", "False"], "yes/no");
    is(&["yes", "no"], "text");
    is(&["true", "1"], "text");
    is(&["1", "x"], "text");
    is(&["2026-10-31", "5"], "text");
    is(&["", ""], "text");
    is(&["", "5"], "whole number");
    assert_eq!(column(&["a", "", "b"]).1, ["a", "", "b"]);
    assert_eq!(column(&["x\ny", "say \"hi\", you"]).1.len(), 3);
}

#[test]
fn a_csv_is_read_as_it_comes() {
    let world = World::new();
    world.write("mark.csv", "\u{feff}id,name\r\n1,\"a\r\nb\"\r\n2,\r\n");
    assert_eq!(world.table("mark.csv").unwrap().names().collect::<Vec<_>>(), ["id", "name"]);
    let batches = world.engine.collect(all(world.provider("mark.csv"))).unwrap();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 2);
    assert_eq!(batches[0].column(1).null_count(), 1);
    world.write("quoted_mark.csv", "\u{feff}\"id\",\"name\"\n1,a\n");
    assert_eq!(world.rows("quoted_mark.csv"), ["1|a"]);
    world.write("open.csv", "id,name\n1,a\n2,b");
    assert_eq!(world.rows("open.csv"), ["1|a", "2|b"]);
    world.write("unnamed.csv", ",a\n0,x\n");
    assert_eq!(world.table("unnamed.csv").unwrap().names().collect::<Vec<_>>(), ["column_1", "a"]);
    world.write("semi.csv", "a;b\n1;2\n");
    assert_eq!(world.columns("semi.csv"), ["a;b: text (text)"]);
    world.write("Upper Case.csv", "Id,客户\n1,王\n");
    assert_eq!(world.rows("Upper Case.csv"), ["1|王"]);
}

#[test]
fn files_of_a_csv_source_are_sampled_together() {
    let world = World::new();
    world.write("d/a.csv", "id,x\n1,5\n");
    world.write("d/b.csv", "x,id\n2.5,2\n");
    assert_eq!(world.columns("d"), ["id: whole number (whole number)", "x: float (number)"]);
    assert_eq!(world.rows("d"), ["1|5.0", "2|2.5"]);
    world.write("d/c.csv", "x,id\nlots,3\n");
    world.engine.refresh();
    assert_eq!(world.rows("d"), ["1|5", "2|2.5", "3|lots"]);
}

#[test]
fn as_text_delivers_what_is_written() {
    let world = World::new();
    let text = ["amount".to_string(), "nowhere".to_string()];
    world.write("a.csv", "id,amount\n1,99.10\n2,5\n");
    world.write("a.ndjson", "{\"id\": 1, \"amount\": 99.10}\n{\"id\": 2, \"amount\": 1234567890.1000}\n");
    world.parquet("a.parquet", vec![("id", ints([1])), ("amount", ints([5]))]);
    for (name, rows) in [("a.csv", ["1|99.10", "2|5"]), ("a.ndjson", ["1|99.10", "2|1234567890.1000"])] {
        let table = world.engine.table(&world.at(name), &text).unwrap();
        assert_eq!(table.column("amount").unwrap().1.ty, Type::Text);
        let provider = world.engine.provider_with(&world.at(name), &text).unwrap();
        assert_eq!(world.rows_of(provider).unwrap(), rows);
        assert_eq!(world.table(name).unwrap().column("amount").unwrap().1.ty, Type::Float);
    }
    let table = world.engine.table(&world.at("a.parquet"), &text).unwrap();
    assert_eq!(table.column("amount").unwrap().1.ty, Type::Int);
}

#[test]
fn ndjson_types_come_from_json_and_dates_from_texts() {
    let world = World::new();
    world.write(
        "a.ndjson",
        concat!(
            "{\"i\": 1, \"f\": 1, \"code\": \"0012\", \"digits\": \"12\", \"d\": \"2026-10-31\", \"b\": true}\n\n",
            "{\"i\": null, \"f\": 2.5, \"t\": \"2026-10-31T08:00:00Z\", \"mix\": 1, \"id\": 9223372036854775808}\n",
            "{\"mix\": \"x\", \"list\": [1, 2], \"object\": {\"a\": 1}, \"list_or\": 5, \"nothing\": null}\n",
            "{\"list_or\": [5], \"mix\": false}\n",
        ),
    );
    assert_eq!(
        world.columns("a.ndjson"),
        [
            "i: whole number (whole number)",
            "f: float (number)",
            "code: text (text)",
            "digits: text (text)",
            "d: date (date)",
            "b: yes/no (true/false)",
            "t: instant Utc (time with a zone)",
            "mix: text (text)",
            "id: text (text)",
            "list: list or object (list or object)",
            "object: list or object (list or object)",
            "list_or: list or object (list or object)",
            "nothing: text (nothing but missing values)",
        ]
    );
    let wanted = ["i", "f", "code", "digits", "d", "b", "t", "mix", "id", "nothing"].map(ident);
    let plan = scan(world.provider("a.ndjson")).project(wanted).unwrap().build().unwrap();
    assert_eq!(
        printed(&world.engine.collect(plan).unwrap()),
        [
            "1|1.0|0012|12|2026-10-31|true||||",
            "|2.5|||||2026-10-31T08:00:00Z|1|9223372036854775808|",
            "|||||||x||",
            "|||||||false||",
        ]
    );
}
