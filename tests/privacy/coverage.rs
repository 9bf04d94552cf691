//! Intervals of averages, ratios, differences, quantiles and composed metrics cover the truth as often as they say, also
//! for narrow noise, heavy tails and counts near zero; and the same check rejects intervals that are 10 % too narrow.

use hushtag::dp::{Confidence, Mechanism, Noisy, Spread, combined_half_width, quantile, ratio_interval};
use hushtag::query::PartKind;
use hushtag::query::metric::{Node, Number, evaluate};
use hushtag::types::Ratio;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const RUNS: u32 = 2_000;

fn gaussian(numerator: u128, denominator: u128) -> Mechanism {
    Mechanism::gaussian(Ratio::new(numerator, denominator).unwrap()).unwrap()
}

fn laplace(numerator: u128, denominator: u128) -> Mechanism {
    Mechanism::laplace(Ratio::new(numerator, denominator).unwrap()).unwrap()
}

/// Narrow, ordinary and wide noise of both kinds.
fn mechanisms() -> [Mechanism; 5] {
    [gaussian(1, 3), gaussian(2629, 1), gaussian(1 << 50, 1), laplace(1, 2), laplace(50_000, 1)]
}

fn confidences() -> [Confidence; 5] {
    [0.5, 0.8, 0.9, 0.95, 0.99].map(|value| Confidence::new(value).unwrap())
}

fn noisy(value: i128, mechanism: Mechanism, rng: &mut impl Rng) -> i128 {
    value + i128::from(mechanism.draw(rng))
}

/// Whether so many of [`RUNS`] is at least the confidence; five standard errors of luck are allowed.
fn is_enough(covered: u32, confidence: Confidence) -> bool {
    let (runs, p) = (f64::from(RUNS), confidence.get());
    f64::from(covered) >= p * runs - 5.0 * (runs * p * (1.0 - p)).sqrt()
}

/// Every case whose interval, by `covers`, misses the truth too often.
fn misses<C: FnMut(&mut StdRng) -> bool>(of: impl Fn(Confidence) -> C, case: &str) -> Vec<String> {
    let mut rng = StdRng::seed_from_u64(11);
    let mut all = Vec::new();
    for confidence in confidences() {
        let mut covers = of(confidence);
        let covered = (0..RUNS).filter(|_| covers(&mut rng)).count();
        let covered = u32::try_from(covered).unwrap();
        if !is_enough(covered, confidence) {
            all.push(format!("{case} at {}: {covered} of {RUNS}", confidence.get()));
        }
    }
    all
}

/// Sums and counts, in half-widths of their noise.
const SIZES: [(f64, f64); 5] = [(0.0, 3.0), (2.0, 1.2), (40.0, 10.0), (-500.0, 50.0), (5.0, 1000.0)];

fn scaled(size: f64, mechanism: Mechanism) -> i128 {
    #[expect(clippy::cast_possible_truncation, reason = "a test's own sizes")]
    let value = (size * mechanism.deviation() * 2.0).round() as i128;
    value
}

#[test]
fn averages_and_ratios_are_covered() {
    let mut all = Vec::new();
    for first in mechanisms() {
        for second in mechanisms() {
            for (top, bottom) in SIZES {
                let (top, bottom) = (scaled(top, first), scaled(bottom, second).max(1));
                let truth = top as f64 / bottom as f64;
                let covers = |confidence| {
                    let spreads = [first, second].map(|mechanism| Spread::of(&mechanism, confidence));
                    move |rng: &mut StdRng| {
                        let top = Noisy { value: noisy(top, first, rng), spread: spreads[0] };
                        let bottom = Noisy { value: noisy(bottom, second, rng), spread: spreads[1] };
                        ratio_interval(top, bottom).is_none_or(|(low, high)| low <= truth && truth <= high)
                    }
                };
                all.extend(misses(covers, &format!("{top} / {bottom} with {first:?}, {second:?}")));
            }
        }
    }
    assert!(all.is_empty(), "{} cases: {all:#?}", all.len());
}

#[test]
fn weighted_sums_are_covered_and_a_tenth_less_is_not() {
    let (mut all, mut narrow) = (Vec::new(), 0);
    for mechanism in mechanisms() {
        for other in mechanisms() {
            for (weight, other_weight, draws) in
                [(1.0, 1.0, 1_u8), (1.0, 0.1, 1), (0.3, 0.7, 6), (0.5, 0.5, 30)]
            {
                let mut rng = StdRng::seed_from_u64(12);
                let mut sum = || {
                    let first: f64 = (0..draws).map(|_| weight * mechanism.draw(&mut rng) as f64).sum();
                    first + (0..draws).map(|_| other_weight * other.draw(&mut rng) as f64).sum::<f64>()
                };
                let sums: Vec<f64> = (0..RUNS).map(|_| sum().abs()).collect();
                for confidence in confidences() {
                    let squares = |weight: f64| weight * weight * f64::from(draws);
                    let spread = |mechanism| Spread::of(&mechanism, confidence);
                    let terms =
                        [(squares(weight), spread(mechanism)), (squares(other_weight), spread(other))];
                    let half = combined_half_width(terms);
                    let within = |half: f64| {
                        let covered = sums.iter().filter(|sum| **sum <= half).count();
                        is_enough(u32::try_from(covered).unwrap(), confidence)
                    };
                    if !within(half) {
                        all.push(format!(
                            "{weight} {mechanism:?}, {other_weight} {other:?}, {draws}, {confidence:?}"
                        ));
                    }
                    narrow += usize::from(!within(0.9 * half));
                }
            }
        }
    }
    assert!(all.is_empty(), "{} cases: {all:#?}", all.len());
    assert!(narrow > 100, "only {narrow} cases see that an interval is a tenth too narrow");
}

#[test]
fn quantiles_are_covered() {
    let flat = |cells: usize, people: i128| vec![people; cells];
    let mut skew: Vec<i128> = (0..20).map(|cell| 4000 >> cell).collect();
    skew.reverse();
    let histograms = [
        flat(2, 1_000),
        flat(13, 100),
        flat(32, 6),
        skew,
        vec![5_000, 0, 0, 0, 0, 0, 5_000],
        vec![0, 0, 0, 20],
        vec![1, 0, 0, 0],
        vec![990, 0, 0, 10],
    ];
    let mut all = Vec::new();
    for mechanism in [gaussian(1, 3), gaussian(2629, 1), laplace(1, 2), laplace(60, 1)] {
        for histogram in &histograms {
            for level in [1, 500, 900_u16] {
                let total: i128 = histogram.iter().sum();
                let mut up_to = 0;
                let truth = histogram.iter().position(|people| {
                    up_to += people;
                    1000 * up_to >= i128::from(level) * total
                });
                let truth = truth.unwrap();
                let covers = |confidence| {
                    let spread = Spread::of(&mechanism, confidence);
                    move |rng: &mut StdRng| {
                        let drawn: Vec<i128> =
                            histogram.iter().map(|people| noisy(*people, mechanism, rng)).collect();
                        quantile(&drawn, spread, level)
                            .is_none_or(|found| found.low <= truth && truth <= found.high)
                    }
                };
                all.extend(misses(covers, &format!("{level} of {histogram:?} with {mechanism:?}")));
            }
        }
    }
    assert!(all.is_empty(), "{} cases: {all:#?}", all.len());
}

#[test]
fn composed_metrics_are_covered() {
    let sum = |question| Node::Number(Number { question, part: PartKind::Sum { measure: 0 } });
    let count = |question| Node::Number(Number { question, part: PartKind::Count });
    let boxed = |node: Node| Box::new(node);
    let truths = [9_000_i128, 1_200, -4_000, 800];
    let [a, b, c, d] = truths.map(|value| value as f64);
    let average = || Node::Ratio(boxed(sum(0)), boxed(count(1)), 0.0);
    let other = || Node::Ratio(boxed(sum(2)), boxed(count(3)), 0.0);
    let cases = [
        (average(), a / b),
        (Node::Ratio(boxed(average()), boxed(count(3)), 1.0), a / b / d - 1.0),
        (Node::Difference(boxed(sum(0)), boxed(sum(2))), a - c),
        (Node::Difference(boxed(average()), boxed(other())), a / b - c / d),
        (Node::Product(boxed(average()), boxed(other())), a / b * c / d),
        (
            Node::Weighted(vec![(0.4, average()), (-2.5, other()), (1.0, count(1))]),
            0.4 * a / b - 2.5 * c / d + b,
        ),
    ];
    let mut all = Vec::new();
    for mechanism in [gaussian(2629, 1), laplace(50, 1)] {
        for (node, truth) in &cases {
            let covers = |confidence| {
                move |rng: &mut StdRng| {
                    let drawn = truths.map(|value| (noisy(value, mechanism, rng), mechanism));
                    let number = |number: Number| drawn.get(number.question).copied();
                    let found = evaluate(node, &number, confidence).unwrap();
                    found.low.is_none_or(|low| low <= *truth) && found.high.is_none_or(|high| *truth <= high)
                }
            };
            all.extend(misses(covers, &format!("{node:?} with {mechanism:?}")));
        }
    }
    assert!(all.is_empty(), "{} cases: {all:#?}", all.len());
    let suppressed = evaluate(&cases[3].0, &|_: Number| None, Confidence::DEFAULT);
    assert_eq!(suppressed, None, "a suppressed number leaves no metric");
}
