//! Applies HAVING, ORDER BY and LIMIT to rows that have already left: post-processing, free.

use std::cmp::Ordering;

use crate::query::{Order, Shown};
use crate::release::{Released, Row};

/// Keeps, sorts and cuts the rows of `released`.
pub(super) fn show(shown: &Shown, released: &mut Released) {
    if let Some(having) = &shown.having {
        released.rows.retain(|row| !row.suppressed && having.is_met(&|column: &str| number(row, column)));
    }
    if !shown.order_by.is_empty() {
        let vocabulary = released.rows.clone();
        released.rows.sort_by(|a, b| compare(a, b, &shown.order_by, &vocabulary));
    }
    if let Some(limit) = shown.limit {
        released.rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
}

fn number(row: &Row, column: &str) -> Option<i128> {
    row.cells.iter().find(|cell| cell.name == column).map(|cell| cell.estimate)
}

fn compare(a: &Row, b: &Row, orders: &[Order], rows: &[Row]) -> Ordering {
    orders.iter().fold(Ordering::Equal, |decided, order| {
        decided.then_with(|| {
            let by_value = key(a, &order.column, rows).cmp(&key(b, &order.column, rows));
            // A suppressed row has no number and comes last either way.
            let present = a.suppressed.cmp(&b.suppressed);
            let by_value = if order.descending { by_value.reverse() } else { by_value };
            if tag_of(a, &order.column).is_some() { by_value } else { present.then(by_value) }
        })
    })
}

fn tag_of<'a>(row: &'a Row, column: &str) -> Option<&'a str> {
    row.group.iter().find(|(tag, _)| tag == column).map(|(_, label)| label.as_str())
}

/// A number, or the place of a label in the vocabulary: rows are released in its order.
fn key(row: &Row, column: &str, rows: &[Row]) -> Option<i128> {
    match tag_of(row, column) {
        None => number(row, column),
        Some(label) => {
            let place = rows.iter().position(|other| tag_of(other, column) == Some(label))?;
            i128::try_from(place).ok()
        }
    }
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
            estimate: value,
            noisy: value,
            low: value,
            high: value,
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
