//! Overflow, huge clamps and casts: nothing wraps, no one else's numbers are disturbed, and no answer is free.

use std::sync::Arc;

use arrow_array::{ArrayRef, Decimal128Array, Int32Array, Int64Array, StringArray, UInt64Array};
use hushtag::release::Released;
use hushtag::storage::Image;

use super::world::{
    Person, attacker, changed, id, init, numbers, payments, sandbox, sources_with, spent, study, try_ask,
};
use crate::support::terms;

/// The widest clamp there is.
const WIDEST: i64 = 1 << 62;
/// The least noise that so wide a clamp allows: a standard deviation of at most 2^56.
const QUESTION: &str = "SELECT region, SUM(people), SUM(spend) FROM tags GROUP BY region \
                        WITH (error(people) = 20, error(spend) = 120000000000000000)";
const REGIONS: [&str; 5] = ["east", "south", "north", "west", "other"];

/// The study with the widest clamp and amounts of both signs.
fn wide_study() -> String {
    let clamp = format!("clamp = [-{WIDEST}, {WIDEST}]");
    let bands = "bands = { none = 0, low = 1, mid = 5_000, high = 20_000 }";
    let lower = bands.replace("none = 0", &format!("none = -{WIDEST}"));
    let grid = "\ngrid = [0, 1, 5_000, 20_000, 50_000]";
    changed(
        &study(),
        &[
            (grid, ""),
            ("clamp = [0, 100_000]", &clamp),
            (bands, &lower),
            ("amount = \"amount\"", "amount = \"integer\""),
            ("low = 0, high = 10_000", &format!("low = -{WIDEST}, high = 10_000")),
        ],
    )
}

/// Three people in each region, in the order of [`REGIONS`]; the last three are of no declared one.
fn people() -> Vec<Person> {
    let region = |person: usize| if person / 3 < 4 { REGIONS[person / 3] } else { "elsewhere" };
    (0..15).map(|person| Person { region: region(person), ..Person::new(person) }).collect()
}

fn clamped(sum: i128) -> i128 {
    sum.clamp(-i128::from(WIDEST), i128::from(WIDEST))
}

/// The farthest that an answer is from the truth, in half-widths: counts, then sums, group by group.
fn farthest(answer: &Released, truth: &[(i128, i128)]) -> f64 {
    let widths: Vec<f64> = answer.parts.iter().map(|part| part.half_width as f64).collect();
    let exact = truth.iter().flat_map(|(people, sum)| [*people, *sum]);
    let off = numbers(answer).into_iter().zip(exact).zip(widths.into_iter().cycle());
    off.map(|((number, exact), width)| ((number - exact as f64) / width).abs()).fold(0.0, f64::max)
}

/// Seals `rows` of payments and compares what leaves with the truth of `sums`, one a person.
fn attack(attack: &str, payers: &[usize], amounts: ArrayRef, sums: &[(usize, i128)]) {
    let operator = init(Arc::new(Image::new()), &[wide_study()], "10000");
    let payers: Vec<String> = payers.iter().map(|person| id(*person)).collect();
    let rows = payments(payers.iter().map(String::as_str), amounts);
    operator.seal(&terms("e1"), sources_with(&people(), rows)).unwrap();
    let answer = try_ask(&attacker(&operator), QUESTION, None).unwrap();
    let sum_of = |region: usize| {
        sums.iter().filter(|(person, _)| person / 3 == region).map(|(_, sum)| clamped(*sum)).sum()
    };
    let truth: Vec<(i128, i128)> = (0..REGIONS.len()).map(|region| (3, sum_of(region))).collect();
    let off = farthest(&answer, &truth);
    println!("{attack}: farthest answer {off:.2} half-widths from the clamped truth (bound 6)");
    // 6 half-widths are more than 11 standard deviations: a chance below 1e-27.
    assert!(off <= 6.0, "{attack}: {answer:?}");
    // The truth is far enough from zero, and from what a wrapped sum would be, to distinguish them.
    let width = answer.parts[1].half_width as f64;
    assert!(width * 12.0 < 2.0 * WIDEST as f64, "{width}");
}

#[test]
fn the_largest_amounts_are_clamped_and_disturb_no_one_else() {
    // Person 0 to 2 (east) each far above, 3 (south) far below, 6 (north) both in equal parts, 9 (west) small.
    let mut rows: Vec<(usize, i64)> = Vec::new();
    rows.extend([0, 1, 2].iter().flat_map(|person| std::iter::repeat_n((*person, i64::MAX), 40)));
    rows.extend(std::iter::repeat_n((3, i64::MIN), 40));
    rows.extend([(6, i64::MAX), (6, i64::MIN), (9, 5)]);
    let sums = |person| rows.iter().filter(|(payer, _)| *payer == person).map(|(_, n)| i128::from(*n)).sum();
    let sums: Vec<(usize, i128)> = (0..15).map(|person| (person, sums(person))).collect();
    let payers: Vec<usize> = rows.iter().map(|(payer, _)| *payer).collect();
    let amounts: Int64Array = rows.iter().map(|(_, amount)| Some(*amount)).collect();
    attack("64-bit extremes", &payers, Arc::new(amounts), &sums);

    // Read as text, where the first and the last are out of range and so no rows at all.
    let words =
        ["9223372036854775808", "9223372036854775807", "-9223372036854775808", "-9223372036854775809"];
    let (most, least) = (i128::from(i64::MAX), i128::from(i64::MIN));
    let text: ArrayRef = Arc::new(StringArray::from(words.to_vec()));
    attack("extremes in text", &[0, 3, 6, 9], text, &[(3, most), (6, least)]);
}

#[test]
fn no_cast_wraps() {
    let most = i128::from(i64::MAX);
    let unsigned = UInt64Array::from(vec![u64::MAX, 1 << 63, i64::MAX.unsigned_abs(), 7]);
    attack("unsigned beyond the range", &[0, 3, 6, 9], Arc::new(unsigned), &[(6, most), (9, 7)]);
    let small: Vec<(usize, i32)> = vec![(0, i32::MAX), (0, i32::MAX), (3, i32::MIN), (3, i32::MIN)];
    let payers: Vec<usize> = small.iter().map(|(payer, _)| *payer).collect();
    let sums: Vec<(usize, i128)> = vec![(0, 2 * i128::from(i32::MAX)), (3, 2 * i128::from(i32::MIN))];
    let amounts: Int32Array = small.iter().map(|(_, amount)| Some(*amount)).collect();
    attack("32-bit extremes", &payers, Arc::new(amounts), &sums);
    let decimals: ArrayRef = Arc::new(Decimal128Array::from(vec![i128::MAX, 5]));
    let operator = init(Arc::new(Image::new()), &[wide_study()], "4");
    let rows = payments([id(0).as_str(), id(3).as_str()], decimals);
    assert!(operator.seal(&terms("e1"), sources_with(&people(), rows)).is_err(), "another type is refused");
}

#[test]
fn no_price_is_so_small_or_so_large_that_an_answer_is_free() {
    let (operator, _) = sandbox(&[Person::new(0).pays(50_000)], "4");
    let analyst = attacker(&operator);
    let mut cheapest = u128::MAX;
    let prices = ["error = 18446744073709551615", "error = 1000000000000000000", "error = 1000000000000"]
        .into_iter()
        .chain(["error = 100000000", "epsilon = 0.000000001", "epsilon = 1000", "error = 1"]);
    for price in prices {
        let before = spent(&analyst);
        let question = format!("SELECT COUNT(*) FROM tags WITH ({price})");
        let Ok(forecast) = analyst.forecast(&question) else {
            assert!(analyst.ask(&question, None).is_err());
            assert_eq!(spent(&analyst), before);
            continue;
        };
        let answered = try_ask(&analyst, &question, None);
        let paid = spent(&analyst) - before;
        assert_eq!(paid, answered.as_ref().map_or(0, |_| forecast.cost), "{question}");
        if let Some(answer) = answered {
            assert!(!answer.stored && paid > 0, "{question} is free");
            cheapest = cheapest.min(paid);
        }
    }
    println!("extreme prices: the cheapest answer cost {cheapest} nano-rho (bound: at least 1)");
    assert!((1..u128::MAX).contains(&cheapest));
}
