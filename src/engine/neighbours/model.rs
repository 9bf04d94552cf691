//! The normal form once more, written naively from docs/src/normal-form.md for the study of these tests; and the wrong designs.

use std::collections::{BTreeMap, BTreeSet};

use super::people::{Consented, Person, Population};
use crate::deidentify::{CutKey, PseudonymKey};
use crate::types::Secret;

/// The recipients of the study.
pub(super) const RECIPIENTS: usize = 2;
const DAY: i64 = 86_400;

/// The filled cells of a cube: counts, people first, and sums, both in the order of the catalogue.
pub(super) type Cells = BTreeMap<usize, (Vec<i128>, Vec<i128>)>;

/// How influence travels along lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Design {
    /// One cut of the own list over all its targets, then membership.
    Right,
    /// Membership is looked up before the cut.
    FilterBeforeCut,
    /// A list reaches all its targets.
    NoCut,
    /// Own-list counts leave out people who are not in.
    OwnListOfMembers,
    /// Each measure cuts for itself.
    CutPerMeasure,
}

impl Design {
    pub(super) const WRONG: [Self; 4] =
        [Self::FilterBeforeCut, Self::NoCut, Self::OwnListOfMembers, Self::CutPerMeasure];
}

/// Everybody's lists in one relation, for one recipient.
struct Relation<'a> {
    name: &'static str,
    keep: u32,
    lists: Vec<BTreeSet<usize>>,
    covered: &'a [bool],
    design: Design,
}

impl Relation<'_> {
    /// For each person the people whose truncated list holds them: what a measure over the audience reads.
    fn audiences(&self, measure: &str) -> Vec<Vec<usize>> {
        let mut audiences = vec![Vec::new(); self.lists.len()];
        for own in (0..self.lists.len()).filter(|own| self.covered[*own]) {
            self.cut(own, measure).into_iter().for_each(|target| audiences[target].push(own));
        }
        audiences
    }

    fn cut(&self, own: usize, measure: &str) -> Vec<usize> {
        let epoch = Secret::new([9; 32]);
        let pseudonyms = PseudonymKey::derive(&epoch, "phone");
        let relation = if self.design == Design::CutPerMeasure { measure } else { self.name };
        let key = CutKey::derive(&epoch, relation);
        let pseudonym = |person: usize| pseudonyms.pseudonym(Population::id(person).as_bytes());
        let mut list: Vec<usize> = self.lists[own].iter().copied().collect();
        if self.design == Design::FilterBeforeCut {
            list.retain(|target| self.covered[*target]);
        }
        list.sort_by_cached_key(|target| key.rank(&pseudonym(own), &pseudonym(*target)));
        if self.design != Design::NoCut {
            list.truncate(usize::try_from(self.keep).unwrap());
        }
        list
    }
}

fn spend(person: &Person) -> i128 {
    let recent = person.payments.iter().filter(|payment| payment.ago <= 90 * DAY);
    recent.map(|payment| i128::from(payment.amount)).sum::<i128>().clamp(0, 100)
}

fn net(person: &Person) -> i128 {
    person.payments.iter().map(|payment| i128::from(payment.net)).sum::<i128>().clamp(-50, 80)
}

/// The position of the last bound that is not above `sum / count`.
fn band(bounds: &[i128], sum: i128, count: i128) -> usize {
    bounds.iter().filter(|bound| sum >= **bound * count).count() - 1
}

/// The cube of one recipient, without what some people own.
pub(super) fn cells(
    population: &Population,
    without: &[usize],
    recipient: usize,
    reach: u32,
    design: Design,
) -> Cells {
    let people = &population.people;
    let there = |own: usize| !without.contains(&own);
    let covered: Vec<bool> = people
        .iter()
        .enumerate()
        .map(|(own, p)| there(own) && p.standing[recipient] == Consented::Live)
        .collect();
    let relation = |name, keep, list: fn(&Person) -> &Vec<usize>| {
        let written = |(own, person): (usize, &Person)| {
            list(person).iter().copied().filter(|target| there(own) && *target != own).collect()
        };
        let lists = people.iter().enumerate().map(written).collect();
        Relation { name, keep, lists, covered: &covered, design }
    };
    let follows = relation("follows", reach, |person| &person.follows);
    let likes = relation("likes", 1, |person| &person.likes);
    let [by_size, by_net] = ["followers", "followers_net"].map(|measure| follows.audiences(measure));
    let [by_spend, by_like] = ["fans_spend", "liked"].map(|measure| likes.audiences(measure));
    let mut cells = Cells::new();
    for (own, person) in people.iter().enumerate().filter(|(own, _)| covered[*own]) {
        let size = |list: &[usize]| i128::try_from(list.len()).unwrap();
        let total =
            |list: &[usize], of: fn(&Person) -> i128| list.iter().map(|other| of(&people[*other])).sum();
        let followers = size(&by_size[own]).clamp(0, 12);
        let by_net = &by_net[own];
        let net_of_followers: i128 = total(by_net, net);
        let fans = &by_spend[own];
        let spend_of_fans: i128 = total(fans, spend);
        let mut listed = follows.lists[own].clone();
        if design == Design::OwnListOfMembers {
            listed.retain(|target| covered[*target]);
        }
        let last = person.payments.iter().map(|payment| payment.ago / DAY).min();
        let region = match person.region {
            Some("east") => 0,
            Some("south") => 1,
            _ => 2,
        };
        // Code and vocabulary of each tag, in the order of the catalogue.
        let codes = [
            (band(&[0, 1, 60], spend(person), 1), 3),
            (band(&[0, 1, 2, 4], followers, 1), 4),
            (if by_net.is_empty() { 2 } else { band(&[-50, 0], net_of_followers, size(by_net)) }, 3),
            (usize::from(!by_like[own].is_empty()), 2),
            (usize::from(listed.len() >= 4), 2),
            (last.map_or(2, |days| usize::from(days >= 30)), 3),
            (region, 3),
        ];
        let position = codes.iter().fold(0, |position, (code, labels)| position * labels + code);
        let mean = if fans.is_empty() { 0 } else { spend_of_fans.div_euclid(size(fans)) };
        let sums = [spend(person), net(person), followers, net_of_followers.clamp(-60, 90), mean];
        // Everybody; the grid of `net`; who has a mean of fans at all, and its grid.
        let mut counts = [0; 8];
        counts[0] = 1;
        counts[1 + band(&[-50, 0, 40], net(person), 1)] = 1;
        if !fans.is_empty() {
            counts[4] = 1;
            counts[5 + band(&[0, 1, 50], mean, 1)] = 1;
        }
        let cell = cells.entry(position).or_insert_with(|| (vec![0; counts.len()], vec![0; sums.len()]));
        cell.0.iter_mut().zip(counts).for_each(|(count, one)| *count += one);
        cell.1.iter_mut().zip(sums).for_each(|(sum, value)| *sum += value);
    }
    cells
}
