//! Links and the normal form once more, written naively from docs/src/normal-form.md for the study of these tests; and a wrong design.

use std::collections::{BTreeMap, BTreeSet};

use super::EPOCH;
use crate::deidentify::{CutKey, Pseudonym, PseudonymKey};
use crate::types::Secret;

/// Namespace and spelling.
pub(super) type Id = (&'static str, String);

/// All ids of one person.
pub(super) type Person = BTreeSet<Id>;

/// `max_reach` of likes.
pub(super) const LIKES_REACH: usize = 1;

/// The position in the cube, and the values that are summed.
type Row = (usize, Vec<i128>);

/// How a person's list is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Design {
    /// Once, over all ids of the person.
    Right,
    /// Once for each id of the person.
    CutPerId,
}

/// All tables.
#[derive(Clone, Default)]
pub(super) struct World {
    /// Phone and card.
    pub(super) links: Vec<(String, String)>,
    /// Phone and phone.
    pub(super) follows: Vec<(String, String)>,
    /// Card and phone.
    pub(super) likes: Vec<(String, String)>,
    /// By card.
    pub(super) payments: Vec<(String, i64)>,
    /// By phone.
    pub(super) members: Vec<(String, &'static str)>,
    /// Under any id.
    pub(super) consents: Vec<(Id, &'static str, &'static str)>,
}

fn phone(id: &str) -> Id {
    ("phone", id.to_owned())
}

fn card(id: &str) -> Id {
    ("card", id.to_owned())
}

impl World {
    /// Everybody who occurs anywhere: linked groups with one card at most, all other ids one by one.
    pub(super) fn people(&self) -> BTreeSet<Person> {
        let mut groups: Vec<Person> = Vec::new();
        for (left, right) in &self.links {
            let mut joined = Person::from([phone(left), card(right)]);
            let (meeting, others): (Vec<_>, Vec<_>) =
                groups.into_iter().partition(|group| !group.is_disjoint(&joined));
            meeting.into_iter().for_each(|group| joined.extend(group));
            groups = others;
            groups.push(joined);
        }
        let cards = |group: &Person| group.iter().filter(|(namespace, _)| *namespace == "card").count();
        let mut people: BTreeSet<Person> = groups.into_iter().filter(|group| cards(group) == 1).collect();
        let linked: Person = people.iter().flatten().cloned().collect();
        let named = self.links.iter().flat_map(|(left, right)| [phone(left), card(right)]);
        let named = named.chain(self.follows.iter().flat_map(|(from, to)| [phone(from), phone(to)]));
        let named = named.chain(self.likes.iter().flat_map(|(from, to)| [card(from), phone(to)]));
        let named = named.chain(self.payments.iter().map(|row| card(&row.0)));
        let named = named.chain(self.members.iter().map(|row| phone(&row.0)));
        let named = named.chain(self.consents.iter().map(|row| row.0.clone()));
        people.extend(named.filter(|id| !linked.contains(id)).map(|id| Person::from([id])));
        people
    }

    /// Without what one person owns under any of their ids; links and rows that merely name them stay.
    pub(super) fn without(&self, person: &Person) -> Self {
        let mut rest = self.clone();
        rest.follows.retain(|row| !person.contains(&phone(&row.0)));
        rest.likes.retain(|row| !person.contains(&card(&row.0)));
        rest.payments.retain(|row| !person.contains(&card(&row.0)));
        rest.members.retain(|row| !person.contains(&phone(&row.0)));
        rest.consents.retain(|row| !person.contains(&row.0));
        rest
    }

    /// Whether the person has given both consents, under whichever id, and has withdrawn none under any.
    fn covered(&self, person: &Person) -> bool {
        let has = |trigger: &str, event: &str| {
            let mut own_rows = self.consents.iter().filter(|(id, ..)| person.contains(id));
            own_rows.any(|(_, about, what)| *about == trigger && *what == event)
        };
        ["SC23", "SC29"].iter().all(|trigger| has(trigger, "given") && !has(trigger, "withdrawn"))
    }

    fn spend(&self, person: &Person) -> i128 {
        let own_rows = self.payments.iter().filter(|row| person.contains(&card(&row.0)));
        own_rows.map(|row| i128::from(row.1)).sum::<i128>().min(100)
    }

    fn region(&self, person: &Person) -> usize {
        let own_rows = self.members.iter().filter(|row| person.contains(&phone(&row.0)));
        let values: BTreeSet<&str> = own_rows.map(|row| row.1).collect();
        match values.into_iter().collect::<Vec<_>>().as_slice() {
            ["east"] => 0,
            ["south"] => 1,
            _ => 2,
        }
    }

    /// Each covered person, with their row.
    pub(super) fn rows(&self, reach: usize, design: Design) -> BTreeMap<Person, Row> {
        let people: Vec<Person> = self.people().into_iter().collect();
        let of: BTreeMap<&Id, usize> =
            people.iter().enumerate().flat_map(|(at, ids)| ids.iter().map(move |id| (id, at))).collect();
        let inside: Vec<bool> = people.iter().map(|person| self.covered(person)).collect();
        let edges = |rows: &[(String, String)], from: fn(&str) -> Id| -> Vec<(Id, usize)> {
            rows.iter().map(|(owner, target)| (from(owner), of[&phone(target)])).collect()
        };
        let (follows, likes) = (edges(&self.follows, phone), edges(&self.likes, card));
        let (mut fans, mut fans_spend, mut liked) =
            (vec![0; people.len()], vec![0; people.len()], vec![0; people.len()]);
        let mut friends = vec![0; people.len()];
        for (own, person) in people.iter().enumerate() {
            let list = |edges: &[(Id, usize)], ids: &Person| -> BTreeSet<usize> {
                let own_rows = edges.iter().filter(|(owner, target)| ids.contains(owner) && *target != own);
                own_rows.map(|(_, target)| *target).collect()
            };
            friends[own] = list(&follows, person).len();
            if !inside[own] {
                continue;
            }
            let reached = |edges: &[(Id, usize)], relation: &str, keep: usize| -> BTreeSet<usize> {
                let parts: Vec<Person> = match design {
                    Design::Right => vec![person.clone()],
                    Design::CutPerId => person.iter().map(|id| Person::from([id.clone()])).collect(),
                };
                let cut = parts.iter().flat_map(|ids| {
                    let mut list: Vec<usize> = list(edges, ids).into_iter().collect();
                    list.sort_by_key(|target| rank(relation, person, &people[*target]));
                    list.truncate(keep);
                    list
                });
                cut.filter(|target| inside[*target]).collect()
            };
            for target in reached(&follows, "follows", reach) {
                fans[target] += 1;
                fans_spend[target] += self.spend(person);
            }
            reached(&likes, "likes", LIKES_REACH).into_iter().for_each(|target| liked[target] += 1);
        }
        let row = |(own, person): (usize, &Person)| {
            let spend = self.spend(person);
            let friends = i128::try_from(friends[own].min(9)).unwrap();
            let values = vec![spend, friends, fans[own].min(9), fans_spend[own].min(300), liked[own].min(3)];
            let band =
                |value: i128, bounds: &[i128]| bounds.iter().filter(|bound| value >= **bound).count() - 1;
            let codes = [
                (band(spend, &[0, 1, 50]), 3),
                (band(friends, &[0, 1, 2, 4]), 4),
                (band(fans[own], &[0, 1, 2, 3, 4]), 5),
                (band(liked[own], &[0, 1, 2]), 3),
                (self.region(person), 3),
            ];
            (
                person.clone(),
                (codes.iter().fold(0, |position, (code, labels)| position * labels + code), values),
            )
        };
        people.iter().enumerate().filter(|(own, _)| inside[*own]).map(row).collect()
    }
}

/// The smallest of the ids' pseudonyms.
fn pseudonym(person: &Person) -> Pseudonym {
    let of =
        |(namespace, id): &Id| PseudonymKey::derive(&Secret::new(EPOCH), namespace).pseudonym(id.as_bytes());
    person.iter().map(of).min().unwrap()
}

fn rank(relation: &str, owner: &Person, target: &Person) -> [u8; 16] {
    CutKey::derive(&Secret::new(EPOCH), relation).rank(&pseudonym(owner), &pseudonym(target))
}
