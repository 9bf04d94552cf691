//! Applies HAVING, ORDER BY and LIMIT to rows that have already left: post-processing, free.

use std::collections::BTreeMap;

use crate::query::{Order, Shown};
use crate::release::{NoisySelection, Released, Row};
use crate::types::Decimal;

/// Keeps, sorts and cuts the rows of `released`.
pub(in crate::operator) fn show(shown: &Shown, released: &mut Released) {
    if let Some(having) = &shown.having {
        released.rows.retain(|row| !row.suppressed && having.is_met(&|column: &str| number(row, column)));
        released.selected_on.insert(NoisySelection::Having);
    }
    sort(&mut released.rows, &shown.order_by);
    if let Some(limit) = shown.limit {
        // In the order of a vocabulary the limit does not depend on noise.
        if shown.order_by.iter().any(|order| released.columns.contains(&order.column)) {
            released.selected_on.insert(NoisySelection::Limit);
        }
        released.rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
}

/// The estimate of a column, which an average over possibly no people does not have.
fn number(row: &Row, column: &str) -> Option<Decimal> {
    row.cells.iter().find(|cell| cell.name == column).and_then(|cell| cell.estimate)
}

fn sort(rows: &mut [Row], orders: &[Order]) {
    if orders.is_empty() {
        return;
    }
    let places: Vec<_> = orders.iter().map(|order| vocabulary(rows, &order.column)).collect();
    rows.sort_by_cached_key(|row| {
        orders.iter().zip(&places).map(|(order, places)| key(row, order, places)).collect::<Vec<_>>()
    });
}

/// The place of each label of a tag: rows are released in the order of the vocabulary.
fn vocabulary(rows: &[Row], column: &str) -> BTreeMap<String, i128> {
    let mut places = BTreeMap::new();
    for label in rows.iter().filter_map(|row| tag_of(row, column)) {
        if !places.contains_key(label) {
            places.insert(label.to_owned(), i128::try_from(places.len()).unwrap_or(i128::MAX));
        }
    }
    places
}

fn tag_of<'a>(row: &'a Row, column: &str) -> Option<&'a str> {
    row.group.iter().find(|(tag, _)| tag == column).map(|(_, label)| label.as_str())
}

/// What a row sorts by in one column. A row without the number comes last, whatever the direction.
fn key(row: &Row, order: &Order, places: &BTreeMap<String, i128>) -> (bool, i128) {
    let value = match tag_of(row, &order.column) {
        Some(label) => places.get(label).copied(),
        None => number(row, &order.column).map(Decimal::thousandths),
    };
    let turned = if order.descending { value.map(i128::saturating_neg) } else { value };
    (value.is_none(), turned.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dp::Confidence;
    use crate::query::{Comparison, Having};
    use crate::release::{BudgetView, Cell};

    fn released(rows: &[(&str, Option<i128>)]) -> Released {
        let cell = |value: i128| Cell {
            name: "people".into(),
            estimate: Some(value.into()),
            unbiased: Some(value.into()),
            relative_error: None,
            noisy: Some(value),
            low: value.into(),
            high: value.into(),
        };
        let row = |(label, value): &(&str, Option<i128>)| Row {
            group: vec![("tier".into(), (*label).to_owned())],
            cells: value.iter().map(|value| cell(*value)).collect(),
            suppressed: value.is_none(),
        };
        Released::of_rows_in_test(
            rows.iter().map(row).collect(),
            Confidence::DEFAULT,
            BudgetView { spent: 0, limit: 0, lifetime: 0 },
        )
        .unwrap()
    }

    #[test]
    fn an_answer_says_by_which_noisy_numbers_its_rows_were_selected() {
        let selected = |shown: Shown| {
            let mut released = released(&ROWS);
            released.columns = vec!["people".into()];
            show(&shown, &mut released);
            released.selected_on.into_iter().collect::<Vec<_>>()
        };
        let by = |column: &str| vec![Order { column: column.into(), descending: true }];
        let having = Having::Compare { column: "people".into(), is: Comparison::Greater, number: 10 };
        let limited = |column| Shown { order_by: by(column), limit: Some(2), ..Shown::default() };
        assert_eq!(selected(limited("people")), [NoisySelection::Limit]);
        assert_eq!(selected(limited("tier")), [], "the order of a vocabulary is public");
        assert_eq!(selected(Shown { order_by: by("people"), ..Shown::default() }), [], "all rows are shown");
        assert_eq!(selected(Shown { limit: Some(2), ..Shown::default() }), []);
        let both = Shown { having: Some(having), ..limited("people") };
        assert_eq!(selected(both), [NoisySelection::Having, NoisySelection::Limit]);
    }

    fn labels(shown: &Shown, rows: &[(&str, Option<i128>)]) -> Vec<String> {
        let mut released = released(rows);
        show(shown, &mut released);
        released.rows.iter().map(|row| row.group[0].1.clone()).collect()
    }

    const ROWS: [(&str, Option<i128>); 4] =
        [("none", Some(5)), ("low", None), ("mid", Some(90)), ("top", Some(40))];

    #[test]
    fn rows_are_kept_sorted_and_cut_by_what_was_released() {
        let by = |column: &str, descending| Order { column: column.into(), descending };
        let most = Shown { order_by: vec![by("people", true)], limit: Some(3), ..Shown::default() };
        assert_eq!(labels(&most, &ROWS), ["mid", "top", "none"]);
        let least = Shown { order_by: vec![by("people", false)], ..Shown::default() };
        assert_eq!(labels(&least, &ROWS), ["none", "top", "mid", "low"], "a suppressed row comes last");
        let backwards = Shown { order_by: vec![by("tier", true)], ..Shown::default() };
        assert_eq!(labels(&backwards, &ROWS), ["top", "mid", "low", "none"], "tags sort by their vocabulary");
        let above = |number| Having::Compare { column: "people".into(), is: Comparison::Greater, number };
        let some = Shown { having: Some(above(10)), ..Shown::default() };
        assert_eq!(labels(&some, &ROWS), ["mid", "top"]);
        let not = Shown { having: Some(Having::Not(Box::new(above(10)))), ..Shown::default() };
        assert_eq!(labels(&not, &ROWS), ["none"], "a suppressed row meets no condition");
    }
}
