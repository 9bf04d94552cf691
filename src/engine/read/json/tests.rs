//! Promises: a record is delivered as its rows or refused with its place, and no message repeats a value.

use std::io::Cursor;

use arrow_array::Array as _;
use arrow_array::cast::AsArray as _;

use super::super::{Input, OpenTerms, Use, Wanted, open};
use super::limits::{DEEPEST, LONGEST_RECORD, LONGEST_VALUE, MOST_ROWS};
use super::*;

fn columns() -> ConsentColumns {
    let mapped = [
        ("person", "subject"),
        ("person", "subject.id"),
        ("purpose", "purposes.id"),
        ("event", "purposes.status"),
        ("categories", "data.kind"),
        ("notice", "notices"),
    ];
    ConsentColumns::new(mapped, ["meta", "purposes.name"]).unwrap()
}

/// The cells of every row, each as `column=text`; an error as it is shown.
fn read_as(columns: &ConsentColumns, text: impl AsRef<[u8]>) -> Result<Vec<String>, String> {
    let input = Input::Stream("c.json".to_owned(), Box::new(Cursor::new(text.as_ref().to_vec())));
    let wanted = COLUMNS.map(|column| {
        let required = ["person", "event"].contains(&column);
        Wanted { column, used: Use::Consent { columns, required } }
    });
    let mut table = open(input, OpenTerms::new(&wanted)).map_err(|error| error.to_string())?;
    let mut rows = Vec::new();
    while let Some(batch) = table.next_batch().map_err(|error| error.to_string())? {
        for row in 0..batch.num_rows() {
            let names = COLUMNS.iter().zip(&table.present).filter(|(_, present)| **present);
            let cells = names.zip(batch.columns()).filter_map(|((name, _), array)| {
                let texts = array.as_string::<i32>();
                texts.is_valid(row).then(|| format!("{name}={}", texts.value(row)))
            });
            rows.push(cells.collect::<Vec<_>>().join(" "));
        }
    }
    Ok(rows)
}

fn read(text: impl AsRef<[u8]>) -> Result<Vec<String>, String> {
    read_as(&columns(), text)
}

#[test]
fn objects_are_paths_and_lists_are_rows() {
    let record = r#"{"subject": {"id": 7}, "at": "t", "meta": {"x": [1.5]}, "purposes": [
        {"id": "a", "status": "given", "name": "A"}, {"id": "b", "status": "refused"}]}"#;
    let two = ["person=7 at=t event=given purpose=a", "person=7 at=t event=refused purpose=b"];
    assert_eq!(read(record).unwrap(), two);
    // Two lists are every pair; lists of objects of which one column of lists is read are one cell.
    let pairs = r#"{"subject":"7","purposes":[{"id":"a"},{"id":"b"}],"event":["given","explicit"],"notices":["m","n"],
        "data":[{"kind":"x"},{"kind":null},{"kind":"y"}]}"#;
    let rows = read(pairs).unwrap();
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|row| row.contains("event=given|explicit") && row.contains("categories=x|y")));
    // What is empty or null is absent, and a record is at least one row.
    for nothing in ["[]", "null", "{}"] {
        let text = format!(r#"{{"subject":"7","event":"given","purposes":{nothing}}}"#);
        assert_eq!(read(text).unwrap(), ["person=7 event=given"]);
    }
    // A null beside an event may be any word.
    let null = r#"{"subject":"7","event":["given",null]}"#;
    assert_eq!(read(null).unwrap(), ["person=7 event=given", "person=7"]);
}

#[test]
fn documents_come_in_lines_or_lists_or_at_a_path() {
    let [one, two] = [1, 2].map(|id| format!(r#"{{"subject":{id},"event":"given"}}"#));
    for text in [
        format!("{one}\n{two}\n"),
        format!("\u{feff}\n {one}\r\n\n{two}"),
        format!("[{one},\n{two}]"),
        format!("[{one}][{two}]"),
    ] {
        assert_eq!(read(&text).unwrap(), ["person=1 event=given", "person=2 event=given"], "{text}");
    }
    assert_eq!(read("[]").unwrap(), Vec::<String>::new());
    let at = |path: &str| columns().with_records(Some(path.to_owned()));
    let page = format!(r#"{{"meta":{{"pages":1}},"data":{{"items":[{one},{two}],"meta":0}}}}"#);
    let refused = read_as(&at("data.items"), &page).unwrap_err();
    assert_eq!(
        refused,
        "c.json: line 1: `data.meta` is outside the list of records and is not listed under `ignore` of `[consents]`"
    );
    let page = page.replace(r#","meta":0"#, "");
    assert_eq!(read_as(&at("data.items"), page.replace('}', "\n}")).unwrap().len(), 2);
    assert_eq!(read_as(&at("data.items"), format!("[{page}]\n{page}")).unwrap().len(), 4);
    for (path, said) in [
        (
            "data.rows",
            "c.json: line 1: `data.items` is outside the list of records and is not listed under `ignore` of `[consents]`",
        ),
        (
            "meta.pages",
            "c.json: record 1 (line 1): a record is a JSON object; a file holds one after the other, or lists of them",
        ),
    ] {
        assert_eq!(read_as(&at(path), &page).unwrap_err(), said);
    }
    let none = read_as(&at("data.items"), r#"{"meta":1}"#).unwrap_err();
    assert_eq!(
        none,
        "c.json: line 1: a document that ends here has no list of records at `data.items`, which `records` declares"
    );
}

#[test]
fn what_cannot_be_read_is_refused_with_its_place_and_without_a_value() {
    let first = "{\"subject\":1,\"event\":\"given\"}\n";
    let deep = format!("{{\"purposes\":{}1{}}}", "[".repeat(DEEPEST + 1), "]".repeat(DEEPEST + 1));
    let many = format!("{{\"notices\":[{}0]}}", "0,".repeat(MOST_ROWS));
    let long = format!("{{\"subject\":\"{}\"}}", "x".repeat(LONGEST_VALUE + 1));
    for (second, said) in [
        (
            "{\"subject\":2,\n\"subject\":\"13800000001\"}",
            "record 2 (line 3): `subject` occurs twice in one object",
        ),
        (
            "{\"subject\":13800000001.0}",
            "record 2 (line 2): `subject` is a number with a fraction, with an exponent or of more than 64 bits, which programs round; write it as text",
        ),
        (
            "{\"subject\":1e10}",
            "record 2 (line 2): `subject` is a number with a fraction, with an exponent or of more than 64 bits, which programs round; write it as text",
        ),
        (
            "{\"subject\":18446744073709551616}",
            "record 2 (line 2): `subject` is a number with a fraction, with an exponent or of more than 64 bits, which programs round; write it as text",
        ),
        (
            "{\"purposes\":[{\"state\":\"13800000001\"}]}",
            "record 2 (line 2): column `purposes.state` is no column of a consent table: did you mean `event`?; rename it, or list it under `ignore` of `[consents]` if it holds nothing about a consent",
        ),
        (
            "{\"valid_until\":null}",
            "record 2 (line 2): column `valid_until` is no column of a consent table: did you mean `valid_to`?; rename it, or list it under `ignore` of `[consents]` if it holds nothing about a consent",
        ),
        (
            "{\"people\":{\"13800000001\":{\"a@b.example\":1}}}",
            "record 2 (line 2): column `people.?.?.example` is no column of a consent table; rename it, or list it under `ignore` of `[consents]` if it holds nothing about a consent",
        ),
        (
            "{\"purposes\":\"a\"}",
            "record 2 (line 2): column `purposes` is no column of a consent table: did you mean `purpose`?; rename it, or list it under `ignore` of `[consents]` if it holds nothing about a consent",
        ),
        (
            "{\"subject\":[1,{\"id\":2}],\"event\":[{\"x\":1}]}",
            "record 2 (line 2): column `event.x` is no column of a consent table; rename it, or list it under `ignore` of `[consents]` if it holds nothing about a consent",
        ),
        (
            "{\"event\":\"given\",\"purposes\":[{\"status\":\"refused\"}]}",
            "record 2 (line 2): `event` and `purposes.status` both map to `event`",
        ),
        (
            "{\"data\":[{\"kind\":\"a, b\"},{\"kind\":\"c\"}]}",
            "record 2 (line 2): an item of the list `data.kind` holds `|`, a comma or a semicolon, which separate words",
        ),
        ("{\"subject\":\"138000", "line 2: the file ends inside a JSON document, after 1 whole records"),
        (
            "[{\"subject\":2,\"event\":\"given\"},",
            "line 2: the file ends inside a JSON document, after 2 whole records",
        ),
        (
            "13800000001",
            "record 2 (line 2): a record is a JSON object; a file holds one after the other, or lists of them",
        ),
        (
            "[[{\"subject\":1}]]",
            "record 2 (line 2): a record is a JSON object; a file holds one after the other, or lists of them",
        ),
        ("subject: 13800000001", "line 2, column 1: not JSON"),
        ("{\"subject\":\"2\" \"event\":1}", "line 2, column 16: not JSON"),
        ("{\"meta\":\"\u{0}\"}", "line 2, column 10: not JSON"),
        (deep.as_str(), "record 2 (line 2): objects and lists lie more than 32 deep in each other"),
        (
            many.as_str(),
            "record 2 (line 2): its lists expand to more than 10000 rows; `records` says where the list of records is, if this is all of them",
        ),
        (long.as_str(), "record 2 (line 2): `subject` holds a text of more than 64 KiB"),
    ] {
        let refused = read(format!("{first}{second}")).unwrap_err();
        assert_eq!(refused, format!("c.json: {said}"), "{}", second.chars().take(60).collect::<String>());
    }
    let bytes = [first.as_bytes(), b"{\"subject\":\"\xff13800000001\"}"].concat();
    assert_eq!(read(bytes).unwrap_err(), "c.json: line 2: not UTF-8, in which JSON is written");
    let huge = format!("{{\"meta\":\"{}\"}}", "x".repeat(usize::try_from(LONGEST_RECORD).unwrap()));
    let refused = read(format!("{first}{huge}")).unwrap_err();
    assert_eq!(
        refused,
        "c.json: record 2 (line 2): a record of more than 16 MiB; `records` says where the list of records is, if this is all of them"
    );
}

#[test]
fn a_constant_and_a_missing_column_are_refused() {
    let constant = columns().with_constants(["handler"]);
    let refused = read_as(&constant, r#"{"subject":1,"event":"given","handler":"x"}"#).unwrap_err();
    assert_eq!(
        refused,
        "c.json: record 1 (line 1): column `handler` means `handler`, which `[consents]` declares as a constant; remove the constant, or list the column under `ignore`"
    );
    let rows = read_as(&constant, r#"{"subject":1,"event":"given"}"#).unwrap();
    assert_eq!(rows, ["person=1 event=given"]);
    let refused = read("{\"subject\":1}\n{\"subject\":2}").unwrap_err();
    assert_eq!(refused, "c.json: column `event` is missing");
    // One record may leave out what another has.
    assert_eq!(read("{\"subject\":1}\n{\"subject\":2,\"event\":null}").unwrap().len(), 2);
}

#[test]
fn many_records_come_in_several_batches() {
    let record = |id: usize| {
        format!("{{\"subject\":{id},\"purposes\":[{{\"id\":\"a\",\"status\":\"given\"}},{{\"id\":\"b\"}}]}}")
    };
    let all: Vec<String> = (0..10_000).map(record).collect();
    let rows = read(format!("[{}]", all.join(","))).unwrap();
    assert_eq!(rows.len(), 20_000);
    assert_eq!(rows[19_998], "person=9999 event=given purpose=a");
    // A table that is given up stops the parser.
    let columns = columns();
    let wanted =
        COLUMNS.map(|column| Wanted { column, used: Use::Consent { columns: &columns, required: false } });
    let input = Input::Stream("c.json".to_owned(), Box::new(Cursor::new(all.join("\n").into_bytes())));
    drop(open(input, OpenTerms::new(&wanted)).unwrap());
}
