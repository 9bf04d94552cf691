//! Promise: what a reader sees of noisy numbers keeps the unbiased ones, says how wide they are in relation to their size, and
//! whether rows were selected by noise.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::dp::{Confidence, Contribution, Mechanism, Part as ClaimPart, QueryHash, Sensitivity, Shape};
use crate::release::body::BodyPart;
use crate::types::{Feasible, Ratio};

const COUNTS: [i128; 3] = [-12, 130, 1_000];

/// An answer of a count and a sum of values from 0 to 100 in three groups, noise with a half-width of 19.
fn answer(counts: [i128; 3], sums: [i128; 3], min_people: u64) -> Released {
    let mechanism = Mechanism::gaussian(Ratio::new(100, 1).unwrap()).unwrap();
    let sensitivity = Sensitivity::of(Contribution::COUNT, 1, Shape::Exclusive).unwrap();
    let part = ClaimPart { mechanism, sensitivity, cells: 3 };
    let claim = PrivacyClaim { question: QueryHash::new([0; 32]), parts: vec![part, part], reach: 1 };
    let noisy = [counts, sums].map(|numbers| BodyPart::new(&part, numbers.to_vec()));
    let body = Body::of_parts(noisy.to_vec());
    let layout = AnswerLayout {
        tags: vec!["tier".into()],
        groups: ["low", "mid", "top"].map(|label| vec![label.to_owned()]).to_vec(),
        columns: vec![
            ("people".into(), ColumnSpec::Number { part: 0, offset: 0, feasible: Feasible::NotNegative }),
            ("total".into(), ColumnSpec::Number { part: 1, offset: 0, feasible: Feasible::Any }),
            ("mean".into(), ColumnSpec::Average { sum: 1, count: 0, range: (0, 100) }),
        ],
        order: Vec::new(),
        denominations: BTreeMap::new(),
        counted: Some(0),
        min_people,
        confidence: Confidence::DEFAULT,
    };
    let budget = BudgetView { spent: 0, limit: 0, lifetime: 0 };
    let evidence = Evidence { budget, stored: false, index: 0, checkpoint: String::new(), anchored: false };
    render(&body, &claim, &layout, evidence).unwrap()
}

fn texts(cell: &Cell) -> [String; 3] {
    [cell.estimate, cell.unbiased, cell.relative_error]
        .map(|number| number.map_or_else(|| "-".to_owned(), |number| number.to_string()))
}

#[test]
fn a_number_that_is_limited_keeps_the_unbiased_one() {
    let released = answer(COUNTS, [-40, -5, 200_000], 0);
    let rows: Vec<Vec<[String; 3]>> =
        released.rows.iter().map(|row| row.cells.iter().map(texts).collect()).collect();
    let texts = |all: [[&str; 3]; 3]| all.map(|texts| texts.map(str::to_owned)).to_vec();
    assert_eq!(rows[0], texts([["0", "-12", "-"], ["-40", "-40", "50"], ["-", "-", "-"]]));
    // The half-width is 20: 15.4 % of 130, and four times the sum, whose mean is below what is possible.
    assert_eq!(rows[1][..2], texts([["130", "130", "15.4"], ["-5", "-5", "400"], ["", "", ""]])[..2]);
    assert_eq!(rows[1][2][..2], ["0".to_owned(), "-0.038".to_owned()]);
    assert_eq!(rows[2][2][..2], ["100".to_owned(), "200".to_owned()], "a mean above the clamp");
    let limited: Vec<bool> = released.rows.iter().map(|row| row.cells[0].is_limited()).collect();
    assert_eq!(limited, [true, false, false]);
    let uncertain: Vec<Vec<bool>> =
        released.rows.iter().map(|row| row.cells.iter().map(Cell::is_uncertain).collect()).collect();
    assert_eq!(uncertain, [[true, false, true], [false, true, true], [false, false, false]]);
    // A total of unbiased numbers has no bias; that of the shown ones has.
    let total: i128 = released.rows.iter().map(|row| row.cells[0].unbiased.unwrap().whole().unwrap()).sum();
    assert_eq!(total, COUNTS.iter().sum());
}

#[test]
fn min_people_selects_rows_where_noise_may_decide() {
    let selected = |counts, min_people| answer(counts, [0; 3], min_people).selected_on;
    let by_minimum = BTreeSet::from([NoisySelection::MinPeople]);
    assert_eq!(selected([100, 130, 1_000], 0), BTreeSet::new(), "no minimum");
    assert_eq!(selected([40, 130, 1_000], 20), BTreeSet::new(), "no interval reaches below the minimum");
    assert_eq!(selected([39, 130, 1_000], 20), by_minimum, "shown, and its noise may have decided");
    assert_eq!(selected(COUNTS, 20), by_minimum, "suppressed");
}

/// Promise: a sum of what a clamp holds at zero or above is not shown below zero, nor is its interval; the unbiased one stays.
#[test]
fn a_sum_is_limited_to_the_side_of_zero_on_which_its_clamp_is() {
    let mechanism = Mechanism::gaussian(Ratio::new(100, 1).unwrap()).unwrap();
    let sensitivity = Sensitivity::of(Contribution::COUNT, 1, Shape::Exclusive).unwrap();
    let part = ClaimPart { mechanism, sensitivity, cells: 3 };
    let claim = PrivacyClaim { question: QueryHash::new([0; 32]), parts: vec![part], reach: 1 };
    let body = Body::of_parts(vec![BodyPart::new(&part, vec![-50, -5, 90])]);
    let shown = |feasible: Feasible| -> Vec<[String; 4]> {
        let layout = AnswerLayout {
            tags: vec!["tier".into()],
            groups: ["low", "mid", "top"].map(|label| vec![label.to_owned()]).to_vec(),
            columns: vec![("total".into(), ColumnSpec::Number { part: 0, offset: 0, feasible })],
            order: Vec::new(),
            denominations: BTreeMap::new(),
            counted: None,
            min_people: 0,
            confidence: Confidence::DEFAULT,
        };
        let budget = BudgetView { spent: 0, limit: 0, lifetime: 0 };
        let evidence =
            Evidence { budget, stored: false, index: 0, checkpoint: String::new(), anchored: false };
        let rows = render(&body, &claim, &layout, evidence).unwrap().rows;
        let texts = |cell: &Cell| {
            assert!(cell.low <= cell.estimate.unwrap() && cell.estimate.unwrap() <= cell.high);
            assert_eq!(cell.is_outside(), cell.low == cell.high);
            [cell.estimate.unwrap(), cell.unbiased.unwrap(), cell.low, cell.high]
                .map(|number| number.to_string())
        };
        rows.iter().map(|row| texts(&row.cells[0])).collect()
    };
    let texts = |all: [[&str; 4]; 3]| all.map(|texts| texts.map(str::to_owned)).to_vec();
    // Noise with a half-width of 20.
    let any = shown(Feasible::of_sum(-1, 1));
    assert_eq!(
        any,
        texts([["-50", "-50", "-70", "-30"], ["-5", "-5", "-25", "15"], ["90", "90", "70", "110"]])
    );
    let positive = shown(Feasible::of_sum(0, 500));
    assert_eq!(positive, texts([["0", "-50", "0", "0"], ["0", "-5", "0", "15"], ["90", "90", "70", "110"]]));
    let negative = shown(Feasible::of_sum(-9, 0));
    assert_eq!(
        negative,
        texts([["-50", "-50", "-70", "-30"], ["-5", "-5", "-25", "0"], ["0", "90", "0", "0"]])
    );
}
