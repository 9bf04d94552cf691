//! Differencing: by WHERE, by joining and leaving, by withdrawal between epochs, and by someone who knows everybody else.
//!
//! Two worlds that differ in one person; the attacker guesses which one it is. For answers that cost rho the divergence
//! between the worlds is at most rho, so by Pinsker the advantage (right guesses in one world minus wrong ones in the
//! other) is at most sqrt(rho / 2).

use std::sync::Arc;

use hushtag::release::Released;
use hushtag::storage::Image;

use super::world::{Person, attacker, id, init, known_people, numbers, rho, sources, study, try_ask};
use crate::support::terms;

/// Sandboxes of each world.
const RUNS: usize = 300;
/// Standard errors (0.04 each) added to the bound. By the normal law the best attack gains 0.32 where the bound is 0.41,
/// and 0.37 where it is 0.48, so a right sandbox would have to be off by 6 of them: about once in 1e9 runs.
const MARGIN: f64 = 4.0;

const DIRECT: &str = "SELECT SUM(people) FROM tags WHERE spend_tier = 'high' WITH (error(people) = 3)";
const WITHOUT_LABEL: &str =
    "SELECT SUM(people) FROM tags WHERE spend_tier = 'high' AND region <> 'west' WITH (error(people) = 3)";
const AUDIENCE: &str =
    "SELECT audience_size, SUM(people) FROM tags GROUP BY audience_size WITH (error(people) = 7)";

/// What of the target an epoch holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Absent,
    In,
    Withdrawn,
}

const HIGH: usize = 6;
/// `nobody`, `few`, `many` without the target, and what they add: themselves and the two whom they list, whom no one else does.
const AUDIENCES: ([f64; 3], [f64; 3]) = ([10.0, 0.0, 0.0], [-2.0, 3.0, 0.0]);

/// Ten others, of whom the first lists the target; they are the only one of the west.
fn people(target: Target) -> Vec<Person> {
    let mut people = known_people(10, HIGH);
    people[0].follows.push(id(10));
    if target != Target::Absent {
        let follows = vec![id(1), id(2)];
        let withdrawn = target == Target::Withdrawn;
        people.push(Person { region: "west", follows, withdrawn, ..Person::new(10) }.pays(50_000));
    }
    people
}

/// The answers of one epoch; the last two of the first epoch only.
struct Seen {
    direct: Box<Released>,
    without_label: Option<Box<Released>>,
    audience: Option<Box<Released>>,
}

/// A sandbox whose two epochs hold the target as given.
fn observe(world: [Target; 2]) -> [Seen; 2] {
    let operator = init(Arc::new(Image::new()), &[study()], "40");
    let analyst = attacker(&operator);
    let mut epochs = ["e1", "e2"].into_iter();
    world.map(|target| {
        let epoch = epochs.next().unwrap();
        operator.seal(&terms(epoch), sources(&people(target))).unwrap();
        let ask = |question| try_ask(&analyst, question, Some(epoch)).unwrap();
        let also = |question| (epoch == "e1").then(|| ask(question));
        Seen { direct: ask(DIRECT), without_label: also(WITHOUT_LABEL), audience: also(AUDIENCE) }
    })
}

/// Every run of a world, on all processors.
fn runs(world: [Target; 2]) -> Vec<[Seen; 2]> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(RUNS);
    std::thread::scope(|scope| {
        let share = |thread: usize| (RUNS + thread) / threads;
        let started: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || (0..share(thread)).map(|_| observe(world)).collect::<Vec<_>>()))
            .collect();
        started.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// Plays `guess` (is it the first world?) against both worlds and holds its advantage to what `paid` allows.
fn advantage(
    attack: &str,
    worlds: [&[[Seen; 2]]; 2],
    paid: impl Fn(&[Seen; 2]) -> u128,
    guess: impl Fn(&[Seen; 2]) -> bool,
) -> f64 {
    let [right, wrong] =
        worlds.map(|world| world.iter().filter(|seen| guess(seen)).count() as f64 / world.len() as f64);
    let total = rho(paid(&worlds[0][0]));
    let bound = (total / 2.0).sqrt();
    let runs = worlds[0].len() as f64;
    let error = ((right * (1.0 - right) + wrong * (1.0 - wrong)) / runs).sqrt();
    let allowed = bound + MARGIN * error;
    println!(
        "{attack}: advantage {:.3} over {runs} pairs of sandboxes (bound {bound:.3} for rho {total:.3}, with margin \
         {allowed:.3})",
        right - wrong
    );
    assert!((right - wrong).abs() <= allowed, "{attack}: {} is above {allowed}", right - wrong);
    right - wrong
}

fn units(answer: &Option<Box<Released>>) -> u128 {
    answer.as_ref().unwrap().units
}

fn one(answer: &Released) -> f64 {
    numbers(answer)[0]
}

#[test]
fn a_person_cannot_be_found_by_differences() {
    use Target::{Absent, In, Withdrawn};
    let worlds = [[Absent, Absent], [Absent, In], [In, In], [In, Withdrawn]].map(runs);
    let [nowhere, joined, both, withdrew] = worlds.each_ref().map(Vec::as_slice);

    let direct = |seen: &[Seen; 2]| seen[0].direct.units + seen[1].direct.units;
    advantage(
        "WHERE minus one label",
        [both, nowhere],
        |seen| seen[0].direct.units + units(&seen[0].without_label),
        |seen| one(&seen[0].direct) - one(seen[0].without_label.as_ref().unwrap()) > 0.5,
    );
    let rose = |seen: &[Seen; 2]| one(&seen[1].direct) - one(&seen[0].direct) > 0.5;
    advantage("join between epochs", [joined, nowhere], direct, rose);
    advantage("withdrawal between epochs", [both, withdrew], direct, |seen| {
        one(&seen[1].direct) - one(&seen[0].direct) > -0.5
    });
    advantage("withdrawal against never in", [withdrew, nowhere], direct, |seen| {
        one(&seen[0].direct) - one(&seen[1].direct) > 0.5
    });

    // Who knows everybody else compares the likelihoods of both worlds, the best that anybody can do.
    let knows_all = advantage("knowing all others, two epochs", [both, nowhere], direct, |seen| {
        one(&seen[0].direct) + one(&seen[1].direct) - 2.0 * HIGH as f64 > 1.0
    });
    let reach = |seen: &[Seen; 2]| {
        let (before, added) = AUDIENCES;
        let cells = numbers(seen[0].audience.as_ref().unwrap());
        let moved = cells.iter().zip(before).zip(added);
        let score: f64 = moved.map(|((cell, before), added)| added * (cell - before - added / 2.0)).sum();
        score > 0.0
    };
    let by_reach = advantage(
        "knowing all others, by their reach",
        [both, nowhere],
        |seen| units(&seen[0].audience),
        reach,
    );
    // The attack has power: both should gain more than 0.31, which is 5 standard errors above 0.1.
    assert!(knows_all > 0.1 && by_reach > 0.1, "{knows_all} {by_reach}");
}
