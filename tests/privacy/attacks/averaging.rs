//! Averaging by new questions (other prices, complements, ORs, groups), alone and together with another recipient: it
//! is all charged to one pool, and no unbiased estimate is sharper than the pool allows.
//!
//! For a count of sensitivity 1, answers to linear questions with variances v and coefficients a of the count cost at
//! least rho = sum of a^2 / (2 v), so by Cramér and Rao every unbiased estimate of it has a variance of at least 1 / (2 rho).

use hushtag::operator::Operator;

use super::world::{
    ACCOMPLICE, TIERS, analyst, ask, attacker, known_people, numbers, rho, sandbox, spent, try_ask, variance,
};
use crate::support::RECIPIENT;

/// How many people are in the highest tier, which the attacker wants to know.
const TRUTH: usize = 7;
/// The highest tier among [`TIERS`].
const TARGET: usize = 3;

/// What a number says about the four tiers.
struct Measurement {
    coefficients: [f64; 4],
    value: f64,
    variance: f64,
}

/// Every way to learn about the highest tier: directly, as a complement, through ORs, and as a group.
fn questions(error: u64) -> Vec<(String, Vec<[f64; 4]>)> {
    let by_label = |filter: &str, coefficients| {
        let text = format!("SELECT SUM(people) FROM tags{filter} WITH (error(people) = {error})");
        (text, vec![coefficients])
    };
    let group = format!(
        "SELECT spend_tier, SUM(people) FROM tags GROUP BY spend_tier WITH (error(people) = {error})"
    );
    let cells = (0..TIERS.len()).map(|tier| std::array::from_fn(|at| f64::from(u8::from(at == tier))));
    vec![
        by_label(" WHERE spend_tier = 'high'", [0., 0., 0., 1.]),
        by_label("", [1., 1., 1., 1.]),
        by_label(" WHERE NOT spend_tier = 'high'", [1., 1., 1., 0.]),
        by_label(" WHERE spend_tier = 'high' OR spend_tier = 'low'", [0., 1., 0., 1.]),
        by_label(" WHERE spend_tier = 'low'", [0., 1., 0., 0.]),
        (group, cells.collect()),
    ]
}

/// The best linear unbiased estimate of the target and its standard deviation: weighted least squares.
fn best_estimate(measurements: &[Measurement]) -> (f64, f64) {
    // The normal equations with the value and the unit vector of the target as right sides.
    let mut rows = [[0.0_f64; 6]; 4];
    for one in measurements {
        for (i, row) in rows.iter_mut().enumerate() {
            let weight = one.coefficients[i] / one.variance;
            for (j, coefficient) in one.coefficients.iter().enumerate() {
                row[j] += weight * coefficient;
            }
            row[4] += weight * one.value;
        }
    }
    rows[TARGET][5] = 1.0;
    for pivot in 0..4 {
        let lead = rows[pivot].map(|cell| cell / rows[pivot][pivot]);
        rows[pivot] = lead;
        for row in (0..4).filter(|row| *row != pivot) {
            let factor = rows[row][pivot];
            for (cell, lead) in rows[row].iter_mut().zip(lead) {
                *cell -= factor * lead;
            }
        }
    }
    (rows[TARGET][4], rows[TARGET][5].sqrt())
}

/// Asks everything that the budget allows, every question of each client; each answer is new and has its price.
fn spend_everything(operator: &Operator, clients: &[&str]) -> Vec<Measurement> {
    let clients: Vec<_> = clients.iter().map(|name| analyst(operator, name)).collect();
    let (mut measurements, mut refused) = (Vec::new(), false);
    // The last prices are cheap and use up what is left.
    for error in (14..=30).chain([38, 50, 66, 88, 117, 156, 208]) {
        for (question, coefficients) in questions(error) {
            for client in &clients {
                let before = spent(client);
                let forecast = client.forecast(&question).unwrap().cost;
                if forecast > client.remaining().unwrap().left() && refused {
                    continue;
                }
                let Some(answer) = try_ask(client, &question, None) else {
                    assert_eq!(spent(client), before, "a refusal costs nothing");
                    refused = true;
                    continue;
                };
                assert!(!answer.stored, "{question}: another question is no stored answer");
                assert_eq!(spent(client) - before, forecast, "{question}: the forecast is the charge");
                assert!(answer.units == forecast && forecast > 0, "{question}");
                let variance = variance(&answer);
                let numbers = numbers(&answer).into_iter().zip(coefficients.iter().copied());
                measurements.extend(numbers.map(|(value, coefficients)| Measurement {
                    coefficients,
                    value,
                    variance,
                }));
            }
        }
    }
    measurements
}

/// One attacker (or several together) against fresh sandboxes, with all that the budget gives.
fn average(attack: &str, clients: &[&str]) {
    // 80 squared standard normal errors have a mean below 0.37 with a chance below 1e-7 (Wilson and Hilferty:
    // (1 - 2/720 - 5.2 sqrt(2/720))^3 = 0.378). The bound is below the deviation by which the errors are divided.
    const RUNS: usize = 80;
    const LEAST: f64 = 0.37;
    let people = known_people(30, TRUTH);
    let (mut squares, mut sharpest, mut asked) = (0.0, f64::INFINITY, 0);
    let (mut bound, mut unused) = (0.0, 0.0);
    for _ in 0..RUNS {
        let (operator, _) = sandbox(&people, "4");
        let measurements = spend_everything(&operator, clients);
        let remaining = attacker(&operator).remaining().unwrap();
        assert!(remaining.spent <= remaining.limit, "more than everything was spent");
        unused = f64::max(unused, remaining.left() as f64 / remaining.limit as f64);
        bound = (1.0 / (2.0 * rho(remaining.limit))).sqrt();
        let (estimate, deviation) = best_estimate(&measurements);
        asked = measurements.len();
        squares += ((estimate - TRUTH as f64) / deviation).powi(2);
        sharpest = f64::min(sharpest, deviation);
    }
    let measured = (squares / RUNS as f64).sqrt() * sharpest;
    println!(
        "{attack}: {asked} numbers for the whole budget; standard deviation of the best unbiased estimate {sharpest:.3} \
         by its weights, {measured:.3} measured over {RUNS} sandboxes (bound {bound:.3}, measured at least {:.3})",
        LEAST.sqrt() * sharpest
    );
    assert!(sharpest >= bound, "{attack}: {sharpest} is sharper than {bound}");
    assert!(squares >= RUNS as f64 * LEAST, "{attack}: the errors are too small for the noise that was paid");
    // The attack is worth its name: it leaves little unused, and loses at most half of what the budget gives.
    assert!(sharpest <= 2.0 * bound && unused < 0.01, "{attack}: {sharpest} for {bound}, {unused} left");
}

#[test]
fn new_prices_complements_and_unions_are_charged_and_bounded_by_the_budget() {
    average("other prices, complements and ORs", &[RECIPIENT]);
}

#[test]
fn two_colluding_recipients_share_one_budget() {
    average("two recipients together", &[RECIPIENT, ACCOMPLICE]);
}

#[test]
fn the_noise_of_two_recipients_is_independent() {
    let people = known_people(30, TRUTH);
    let (operator, _) = sandbox(&people, "40");
    let (one, other) = (analyst(&operator, RECIPIENT), analyst(&operator, ACCOMPLICE));
    let truth: Vec<f64> = TIERS.iter().map(|tier| in_tier(tier)).collect();
    let (mut product, mut squares, mut pairs, mut equal) = (0.0, 0.0, 0, 0);
    let mut paid = 0;
    for error in 20..70 {
        let question = format!(
            "SELECT spend_tier, SUM(people) FROM tags GROUP BY spend_tier WITH (error(people) = {error})"
        );
        let answers = [ask(&one, &question), ask(&other, &question)];
        assert!(
            answers.iter().all(|answer| !answer.stored),
            "{question}: an answer belongs to its recipient"
        );
        paid += answers[0].units + answers[1].units;
        let deviation = variance(&answers[0]).sqrt();
        let noise = answers.each_ref().map(|answer| {
            numbers(answer)
                .iter()
                .zip(&truth)
                .map(|(number, truth)| (number - truth) / deviation)
                .collect::<Vec<_>>()
        });
        for (mine, theirs) in noise[0].iter().zip(&noise[1]) {
            product += mine * theirs;
            squares += (mine + theirs).powi(2) / 2.0;
            equal += usize::from((mine - theirs).abs() < 1e-9);
            pairs += 1;
        }
    }
    assert_eq!(spent(&one), paid, "both are charged to the pool of all");
    assert_eq!(spent(&other), paid);
    let (correlation, spread) = (product / f64::from(pairs), squares / f64::from(pairs));
    println!(
        "collusion: correlation of the noise of two recipients {correlation:.3} (bound 0.45), {equal} of {pairs} pairs \
         equal, squared error of their mean {spread:.3} of what independent noise has (bound 0.55)"
    );
    // 200 products of independent normal noises: Chernoff with moment function (1 - l^2)^(-1/2) gives a chance below
    // 2e-8 beyond 0.45. 200 squares: below 0.56 with a chance below 1e-7 (Wilson and Hilferty at 5.2 deviations).
    assert!(pairs == 200 && correlation.abs() <= 0.45 && spread >= 0.55);
}

/// How many of the 30 people are in a tier.
fn in_tier(tier: &str) -> f64 {
    // 23 people in turns over the three lower tiers, beginning with the one numbered 7.
    match tier {
        "none" => 7.0,
        "low" | "mid" => 8.0,
        _ => TRUTH as f64,
    }
}
