//! Promise: every output of an answer carries the unbiased value beside the shown one, its relative error, and a note where rows were
//! selected by noise.

use std::collections::BTreeSet;

use super::answer_table;
use hushtag::dp::{Accounting, Confidence, Delta};
use hushtag::release::{BudgetView, Cell, NoisySelection, OutputColumn, Released, Row};
use hushtag::report::selection_note;
use hushtag::types::Decimal;

fn released() -> Released {
    let cell = |estimate: i128, unbiased: i128, error: Option<i128>, high: i128| Cell {
        name: "people".into(),
        estimate: Some(estimate.into()),
        unbiased: Some(unbiased.into()),
        relative_error: error.map(Decimal::from),
        noisy: Some(unbiased),
        low: Decimal::from((unbiased - 20).max(0)),
        high: high.into(),
    };
    let row = |label: &str, cells: Vec<Cell>| Row {
        group: vec![("region".into(), label.into())],
        suppressed: cells.is_empty(),
        cells,
    };
    let rows = vec![
        row("east", vec![cell(0, -12, None, 8)]),
        row("west", vec![cell(1_000, 1_000, Some(2), 1_020)]),
        row("north", vec![cell(30, 30, Some(67), 50)]),
        row("south", Vec::new()),
    ];
    let budget = BudgetView { spent: 0, limit: 0, lifetime: 0 };
    let mut released = Released::of_rows_in_test(rows, Confidence::DEFAULT, budget).unwrap();
    released.columns = vec!["people".into()];
    released
}

#[test]
fn csv_has_the_unbiased_value_and_the_relative_error() {
    assert_eq!(
        released().to_csv(),
        "region,people,people_low,people_high,people_unbiased,people_error_percent,suppressed\n\
         east,0,0,8,-12,,false\n\
         west,1000,980,1020,1000,2,false\n\
         north,30,10,50,30,67,false\n\
         south,,,,,,true\n"
    );
}

/// Promise: table, CSV and JSON have the columns in the order of the select list.
#[test]
fn columns_are_in_the_order_of_the_select_list() {
    let mut released = released();
    released.order = vec![OutputColumn::Number(0), OutputColumn::Tag(0)];
    assert_eq!(
        released.to_csv(),
        "people,people_low,people_high,people_unbiased,people_error_percent,region,suppressed\n\
         0,0,8,-12,,east,false\n\
         1000,980,1020,1000,2,west,false\n\
         30,10,50,30,67,north,false\n\
         ,,,,,south,true\n"
    );
    let json = released.to_json(Accounting::Pure);
    assert_eq!(json["columns"], serde_json::json!([{ "number": "people" }, { "tag": "region" }]));
    let table = answer_table(&released, Accounting::Pure);
    let places = |line: &str, first: &str, second: &str| {
        let line = table.lines().find(|one| one.contains(line)).unwrap();
        assert!(line.find(first).unwrap() < line.find(second).unwrap(), "{table}");
    };
    places("region", "people", "region");
    places("west", "1,000", "west");
    places("south", "(few)", "south");
    released.order.reverse();
    assert!(released.to_csv().starts_with("region,people,"));
    released.order.clear();
    assert!(released.to_csv().starts_with("region,people,"), "tags come first where there is no order");
}

/// Promise: no two columns have one name, whatever a query calls its outputs, and those keep their names.
#[test]
fn columns_have_names_of_their_own() {
    let mut released = released();
    released.columns = ["p", "p_unbiased", "suppressed"].map(str::to_owned).into();
    let text = released.to_csv();
    let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let different: BTreeSet<&&str> = header.iter().collect();
    assert_eq!(different.len(), header.len(), "{header:?}");
    assert!(
        ["p", "p_unbiased", "suppressed", "p_unbiased_"].iter().all(|name| header.contains(name)),
        "{header:?}"
    );
    assert_eq!(header.last(), Some(&"suppressed_"));
}

/// Promise: a number has a key of its own in JSON, whatever a query calls its outputs, and `columns` names it.
#[test]
fn keys_of_a_row_hide_no_number() {
    let mut released = released();
    released.columns = vec!["suppressed".to_owned()];
    released.rows.iter_mut().flat_map(|row| &mut row.cells).for_each(|cell| cell.name = "suppressed".into());
    let json = released.to_json(Accounting::Pure);
    assert_eq!(json["columns"][1]["number"], "suppressed_", "{json}");
    let west = &json["rows"][1];
    assert_eq!((&west["suppressed_"]["estimate"], &west["suppressed"]), (&1_000.into(), &false.into()));
}

/// Promise: what is written without a tree in memory is the same JSON, with no key twice.
#[test]
fn json_that_is_written_is_the_json_that_is_built() {
    let mut released = released();
    for accounting in [Accounting::Pure, Accounting::Zcdp { delta: Delta::new(1e-12).unwrap() }] {
        let text = serde_json::to_string(&released.as_json(accounting)).unwrap();
        let built = released.to_json(accounting);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), built);
        assert_eq!(text.len(), built.to_string().len(), "{text}");
        released.rows.clear();
    }
}

#[test]
fn json_has_the_unbiased_value_the_relative_error_and_its_notes() {
    let mut released = released();
    let json = released.to_json(Accounting::Pure);
    let people = |row: usize| &json["rows"][row]["people"];
    assert_eq!((&people(0)["estimate"], &people(0)["unbiased"]), (&0.into(), &(-12).into()));
    assert_eq!((&people(0)["relative_error_percent"], &people(0)["uncertain"]), (&().into(), &true.into()));
    assert_eq!((&people(1)["relative_error_percent"], &people(1)["uncertain"]), (&2.into(), &false.into()));
    assert_eq!(people(2)["uncertain"], true, "above a half");
    assert_eq!(json["selected_on"].as_array().unwrap().len(), 0);
    assert_eq!(json["notes"].as_array().unwrap().len(), 2, "{}", json["notes"]);
    released.selected_on = BTreeSet::from([NoisySelection::Limit, NoisySelection::MinPeople]);
    let json = released.to_json(Accounting::Pure);
    assert_eq!(json["selected_on"], serde_json::json!(["min_people", "order_by_limit"]));
    let note = json["notes"][2].as_str().unwrap();
    assert!(note.contains("(min_people, ORDER BY with LIMIT)") && note.contains("95 %"), "{note}");
    released.rows.retain(|row| row.group[0].1 == "west");
    released.selected_on.clear();
    assert_eq!(released.to_json(Accounting::Pure)["notes"], serde_json::json!([]));
    assert_eq!(selection_note(&released), None);
}

#[test]
fn a_table_shows_the_unbiased_value_where_it_differs_and_marks_noisy_groups() {
    let mut released = released();
    released.selected_on = BTreeSet::from([NoisySelection::Having]);
    let table = answer_table(&released, Accounting::Pure);
    let line = |label: &str| table.lines().find(|line| line.contains(label)).unwrap().to_owned();
    assert!(line("east").contains("0 (unbiased -12)") && line("east").contains('!'), "{table}");
    assert!(line("west").contains("2 %") && !line("west").contains('!'), "{table}");
    assert!(!line("west").contains("unbiased"), "{table}");
    assert!(line("north").contains("67 % !"), "{table}");
    // An interval that was cut to one point is marked.
    assert!(!table.contains(" *"), "{table}");
    if let Some(cell) = released.rows.first_mut().and_then(|row| row.cells.first_mut()) {
        cell.high = 0.into();
    }
    let cut = answer_table(&released, Accounting::Pure);
    assert!(cut.contains("0 to 0 *") && cut.contains("this is no exact value"), "{cut}");
    let json = released.to_json(Accounting::Pure);
    assert_eq!(
        (&json["rows"][0]["people"]["outside"], &json["rows"][1]["people"]["outside"]),
        (&true.into(), &().into())
    );
    // Numbers stay whole, however wide the table is, and relative errors are rounded up.
    for row in &mut released.rows {
        for cell in &mut row.cells {
            cell.high = Decimal::from(i128::MAX / 1_000);
            cell.relative_error = Some(Decimal::of_thousandths(1_000_001));
        }
        row.cells = [row.cells.as_slice(); 6].concat();
    }
    released.columns = vec!["people".into(); 6];
    let wide = answer_table(&released, Accounting::Pure);
    let line = wide.lines().find(|line| line.contains("west")).unwrap();
    assert_eq!(line.matches("170,141,183,460,469,231,731,687,303,715,884,105").count(), 6, "{wide}");
    assert_eq!(line.matches("> 1,000 % !").count(), 6, "{wide}");
    for note in ["use the unbiased values in totals", "small groups are hit hardest", "(HAVING)", "(few): "] {
        assert!(table.contains(note), "{note}: {table}");
    }
}
