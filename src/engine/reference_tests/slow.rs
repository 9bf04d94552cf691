//! The slow reference: maps and loops over rows, written from the normal form, sharing nothing with the engine but the
//! keyed parts (pseudonyms and the order of the cut).

use std::collections::{BTreeMap, BTreeSet};

use crate::deidentify::{CutKey, PseudonymKey};
use crate::types::Secret;

/// One payment row: payer, amount, points, instant in seconds.
pub(super) type Payment = (Option<String>, Option<i64>, Option<i64>, Option<i64>);

/// The rows of one epoch as a person would write them down. An empty id is a missing one.
#[derive(Clone, Default)]
pub(super) struct Rows {
    pub(super) follows: Vec<(Option<String>, Option<String>)>,
    pub(super) payments: Vec<Payment>,
    pub(super) members: Vec<(Option<String>, Option<String>)>,
    /// Who has consented cleanly.
    pub(super) consenting: BTreeSet<String>,
    /// Who has consented to another recipient; the reference never looks at it.
    pub(super) consenting_to_second: BTreeSet<String>,
}

/// The declared constants of the study, once more and by hand.
pub(super) struct Terms {
    pub(super) as_of: i64,
    pub(super) max_reach: usize,
    pub(super) window_days: i64,
    pub(super) spend_clamp: (i64, i64),
    /// Of the audience's mean days since the last payment.
    pub(super) recent_clamp: (i64, i64),
}

/// What one person amounts to.
struct Person {
    spend: i128,
    orders: i128,
    points: i128,
    recency: Option<i128>,
    recent: Option<i128>,
    friends: i128,
    fans: i128,
    fans_sum: i128,
    /// Sum and number.
    fans_recent: (i128, i128),
    fans_points: (i128, i128),
    region: usize,
}

/// The value of one person by measure, if she has one.
type Has = BTreeMap<&'static str, Option<i128>>;

/// Lower bounds of the two grids.
const GRIDS: [(&str, [i128; 3]); 2] = [("orders", [0, 1, 3]), ("fans_points", [-10, -1, 2])];

/// One cell.
#[derive(Default, PartialEq)]
pub(super) struct Tally {
    pub(super) people: u64,
    pub(super) sums: BTreeMap<&'static str, i128>,
    /// People who have a value, by measure.
    pub(super) present: BTreeMap<&'static str, u64>,
    /// People in each cell of the two grids.
    pub(super) grids: BTreeMap<&'static str, [u64; 3]>,
}

/// Cells by the codes of their tags in `TAGS` order.
pub(super) type Cells = BTreeMap<Vec<usize>, Tally>;

const DAY: i64 = 86_400;

fn clamp(value: i128, (low, high): (i64, i64)) -> i128 {
    if value < i128::from(low) {
        i128::from(low)
    } else if value > i128::from(high) {
        i128::from(high)
    } else {
        value
    }
}

/// The last band whose lower bound the fraction reaches; the first one for anything below.
fn band(numerator: i128, denominator: i128, bounds: &[i128]) -> usize {
    let mut code = 0;
    for (position, bound) in bounds.iter().enumerate() {
        if numerator >= bound * denominator {
            code = position;
        }
    }
    code
}

fn named(cell: &Option<String>) -> Option<&String> {
    cell.as_ref().filter(|text| !text.is_empty())
}

impl Rows {
    /// Everybody's own list as written: distinct, without herself.
    fn lists(&self) -> BTreeMap<&String, BTreeSet<&String>> {
        let mut lists: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
        for (follower, followee) in &self.follows {
            if let (Some(follower), Some(followee)) = (named(follower), named(followee))
                && follower != followee
            {
                lists.entry(follower).or_default().insert(followee);
            }
        }
        lists
    }

    /// Her list cut to `max_reach` over all targets, in or not.
    fn cut<'a>(
        &self,
        list: &BTreeSet<&'a String>,
        owner: &str,
        terms: &Terms,
        key: &Secret,
    ) -> Vec<&'a String> {
        let pseudonyms = PseudonymKey::derive(key, "phone");
        let order = CutKey::derive(key, "follows");
        let own = pseudonyms.pseudonym(owner.as_bytes());
        let mut ranked: Vec<&String> = list.iter().copied().collect();
        ranked.sort_by_key(|target| order.rank(&own, &pseudonyms.pseudonym(target.as_bytes())));
        ranked.truncate(terms.max_reach);
        ranked
    }

    /// Her own good payments: amount, points, instant.
    fn payments_of(&self, person: &str) -> Vec<(i64, i64, i64)> {
        let mut own = Vec::new();
        for (payer, amount, points, at) in &self.payments {
            if let (Some(payer), Some(amount), Some(points), Some(at)) = (named(payer), amount, points, at)
                && payer == person
                && *amount >= 0
            {
                own.push((*amount, *points, *at));
            }
        }
        own
    }

    /// Her region's code; two rows that disagree are `other`, and so is everything that is not listed.
    fn region_of(&self, person: &str) -> usize {
        let codes: BTreeSet<usize> = self
            .members
            .iter()
            .filter(|(user, _)| named(user).is_some_and(|user| user == person))
            .map(|(_, region)| match region.as_deref() {
                Some("east") => 0,
                Some("south") => 1,
                _ => 2,
            })
            .collect();
        match codes.iter().next() {
            Some(code) if codes.len() == 1 => *code,
            _ => 2,
        }
    }

    fn own(&self, person: &str, terms: &Terms) -> Person {
        let payments = self.payments_of(person);
        let from = terms.as_of - terms.window_days * DAY;
        let mut spend = 0;
        let mut orders = 0;
        let mut points = 0;
        let mut last: Option<i64> = None;
        let mut last_recent: Option<i64> = None;
        for (amount, more, at) in payments {
            if at < terms.as_of {
                last = Some(last.map_or(at, |known| known.max(at)));
                if at >= from {
                    spend += i128::from(amount);
                    orders += 1;
                    points += i128::from(more);
                    last_recent = Some(last_recent.map_or(at, |known| known.max(at)));
                }
            }
        }
        let days = |at: i64| i128::from((terms.as_of - at) / DAY);
        Person {
            spend: clamp(spend, terms.spend_clamp),
            orders,
            points: clamp(points, (-50, 50)),
            recency: last.map(days),
            recent: last_recent.map(days),
            friends: self.lists().get(&person.to_owned()).map_or(0, |list| list.len() as i128),
            fans: 0,
            fans_sum: 0,
            fans_recent: (0, 0),
            fans_points: (0, 0),
            region: self.region_of(person),
        }
    }

    /// All cells that are not empty.
    pub(super) fn cells(&self, terms: &Terms, key: &Secret) -> Cells {
        let mut people: BTreeMap<&String, Person> =
            self.consenting.iter().map(|person| (person, self.own(person, terms))).collect();
        for (owner, list) in self.lists() {
            let Some(sender) = people.get(owner) else { continue };
            let (spend, points, recent) = (sender.spend, sender.points, sender.recent);
            for target in self.cut(&list, owner, terms, key) {
                if let Some(person) = people.get_mut(target) {
                    person.fans += 1;
                    person.fans_sum += spend;
                    person.fans_points.0 += points;
                    person.fans_points.1 += 1;
                    if let Some(recent) = recent {
                        person.fans_recent.0 += recent;
                        person.fans_recent.1 += 1;
                    }
                }
            }
        }
        let mut cells = Cells::new();
        for person in people.values() {
            let tally = cells.entry(person.codes(terms)).or_default();
            tally.people += 1;
            for (name, value) in person.values(terms) {
                *tally.sums.entry(name).or_default() += value.unwrap_or(0);
                *tally.present.entry(name).or_default() += u64::from(value.is_some());
                let grid = GRIDS.iter().find(|(gridded, _)| *gridded == name);
                if let (Some(value), Some((_, bounds))) = (value, grid) {
                    tally.grids.entry(name).or_default()[band(value, 1, bounds)] += 1;
                }
            }
        }
        cells
    }
}

/// A mean held to its range, as a fraction.
fn mean((sum, count): (i128, i128), (low, high): (i64, i64)) -> Option<(i128, i128)> {
    (count > 0).then(|| (sum.max(i128::from(low) * count).min(i128::from(high) * count), count))
}

impl Person {
    /// Codes in the order of the study's tag set.
    fn codes(&self, terms: &Terms) -> Vec<usize> {
        let recent = mean(self.fans_recent, terms.recent_clamp);
        let points = mean(self.fans_points, (-10, 10));
        vec![
            band(self.spend, 1, &[0, 50, 200]),
            band(self.points, 1, &[-50, 0, 3]),
            self.recency.map_or(2, |days| band(days, 1, &[0, 7])),
            band(clamp(self.friends, (0, 4)), 1, &[0, 1, 3]),
            band(clamp(self.fans, (0, 6)), 1, &[0, 2, 5]),
            recent.map_or(3, |(sum, count)| band(sum, count, &[0, 3, 9])),
            points.map_or(3, |(sum, count)| band(sum, count, &[-50, -1, 1])),
            self.region,
        ]
    }

    /// The values that questions may use.
    fn values(&self, terms: &Terms) -> Has {
        let floored = |mean: Option<(i128, i128)>| mean.map(|(sum, count)| sum.div_euclid(count));
        BTreeMap::from([
            ("spend", Some(self.spend)),
            ("orders", Some(clamp(self.orders, (0, 5)))),
            ("points", Some(self.points)),
            ("friends", Some(clamp(self.friends, (0, 4)))),
            ("fans", Some(clamp(self.fans, (0, 6)))),
            ("fans_sum", Some(clamp(self.fans_sum, (0, 300)))),
            ("fans_recent", floored(mean(self.fans_recent, terms.recent_clamp))),
            ("fans_points", floored(mean(self.fans_points, (-10, 10)))),
        ])
    }
}
