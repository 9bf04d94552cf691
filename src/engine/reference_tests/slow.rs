//! The slow reference: maps and loops over rows, written from the documentation (docs/src/normal-form.md and the table of
//! measures), sharing nothing with the engine but the keyed parts (pseudonyms and the order of the cut).

use std::collections::{BTreeMap, BTreeSet};

use crate::deidentify::{CutKey, PseudonymKey};
use crate::types::Secret;

/// One payment row: payer, amount, points, instant in seconds.
pub(crate) type Payment = (Option<String>, Option<i64>, Option<i64>, Option<i64>);

/// The rows of one epoch as a person would write them down. An empty id is a missing one.
#[derive(Clone, Default)]
pub(crate) struct Rows {
    pub(super) follows: Vec<(Option<String>, Option<String>)>,
    pub(super) payments: Vec<Payment>,
    pub(super) members: Vec<(Option<String>, Option<String>)>,
    /// Who has consented cleanly.
    pub(super) consenting: BTreeSet<String>,
    /// Who has consented to another recipient; the reference never looks at it.
    pub(super) consenting_to_second: BTreeSet<String>,
}

/// The declared constants of the study, once more and by hand.
pub(crate) struct Terms {
    pub(crate) as_of: i64,
    pub(super) max_reach: usize,
    pub(super) window_days: i64,
    pub(super) spend_clamp: (i64, i64),
    /// Of the audience's mean days since the last payment.
    pub(super) recent_clamp: (i64, i64),
}

/// An exact number: a numerator over a positive denominator.
#[derive(Clone, Copy)]
struct Exact(i128, i128);

/// A measure and the lower bounds of its bands.
type Tag = (&'static str, &'static [(i128, i128)]);

/// The tags of the first set; the region comes last.
const WHOLE: [Tag; 7] = [
    ("spend", &[(0, 1), (50, 1), (200, 1)]),
    ("points", &[(-50, 1), (0, 1), (3, 1)]),
    ("recency", &[(0, 1), (7, 1)]),
    ("friends", &[(0, 1), (1, 1), (3, 1)]),
    ("fans", &[(0, 1), (2, 1), (5, 1)]),
    ("fans_recent", &[(0, 1), (3, 1), (9, 1)]),
    ("fans_points", &[(-50, 1), (-1, 1), (1, 1)]),
];

/// The tags of the second set: all of them are of measures that can be fractions.
const FRACTIONS: [Tag; 5] = [
    ("ticket", &[(0, 1), (61, 3), (41, 1)]),
    ("fans_ticket", &[(0, 1), (61, 2), (121, 3)]),
    ("fans_ticket_sum", &[(0, 1), (61, 3), (61, 1)]),
    ("fans_busy", &[(0, 1), (1, 2), (2, 3), (1, 1)]),
    ("fans_exact", &[(0, 1), (100, 3), (50, 1)]),
];

/// Lower bounds of the two grids.
const GRIDS: [(&str, [i128; 3]); 2] = [("orders", [0, 1, 3]), ("fans_points", [-10, -1, 2])];

/// The value of one person by measure, if there is one.
type Has = BTreeMap<&'static str, Option<Exact>>;

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

/// Cells of the two tag sets by the codes of their tags.
pub(super) type Cells = [BTreeMap<Vec<usize>, Tally>; 2];

const DAY: i64 = 86_400;

impl Exact {
    fn whole(number: i128) -> Self {
        Self(number, 1)
    }

    fn plus(self, other: Self) -> Self {
        let (mut a, mut b) = (self.1, other.1);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        let common = self.1 / a * other.1;
        Self(self.0 * (common / self.1) + other.0 * (common / other.1), common)
    }

    fn over(self, number: usize) -> Self {
        Self(self.0, self.1 * number as i128)
    }

    fn floor(self) -> i128 {
        self.0.div_euclid(self.1)
    }

    fn reaches(self, (numerator, denominator): (i128, i128)) -> bool {
        self.0 * denominator >= numerator * self.1
    }

    fn within(self, (low, high): (i64, i64)) -> Self {
        let (low, high) = (i128::from(low), i128::from(high));
        if !self.reaches((low, 1)) {
            Self::whole(low)
        } else if self.reaches((high, 1)) {
            Self::whole(high)
        } else {
            self
        }
    }

    /// The last band whose lower bound it reaches; the first one for anything below.
    fn band(self, bounds: &[(i128, i128)]) -> usize {
        (0..bounds.len()).rev().find(|band| self.reaches(bounds[*band])).unwrap_or(0)
    }
}

/// Sum of what there is; 0 for nothing.
fn sum(values: &[Exact]) -> Exact {
    values.iter().fold(Exact::whole(0), |all, value| all.plus(*value))
}

/// Absent for nothing.
fn mean(values: &[Exact]) -> Option<Exact> {
    (!values.is_empty()).then(|| sum(values).over(values.len()))
}

fn named(cell: &Option<String>) -> Option<&String> {
    cell.as_ref().filter(|text| !text.is_empty())
}

impl Rows {
    /// Everybody's own list as written: distinct, without its owner.
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

    /// A list cut to `max_reach` over all targets, in or not.
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

    /// The good payments of one person: amount, points, instant.
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

    /// The code of a person's region; two rows that disagree are `other`, and so is everything that is not listed.
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

    /// Measures of a person's own rows, each held to its range.
    fn own(&self, person: &str, terms: &Terms) -> Has {
        let before: Vec<_> = self.payments_of(person).into_iter().filter(|row| row.2 < terms.as_of).collect();
        let from = terms.as_of - terms.window_days * DAY;
        let recent: Vec<_> = before.iter().filter(|row| row.2 >= from).collect();
        let amounts: Vec<Exact> = recent.iter().map(|row| Exact::whole(row.0.into())).collect();
        let points: Vec<Exact> = recent.iter().map(|row| Exact::whole(row.1.into())).collect();
        let no_less: Vec<Exact> = recent.iter().map(|row| Exact::whole((row.1 >= 0).into())).collect();
        let since = |last: Option<i64>| last.map(|at| Exact::whole(((terms.as_of - at) / DAY).into()));
        let friends = self.lists().get(&person.to_owned()).map_or(0, |list| list.len());
        BTreeMap::from([
            ("spend", Some(sum(&amounts).within(terms.spend_clamp))),
            ("orders", Some(Exact::whole(recent.len() as i128).within((0, 5)))),
            ("points", Some(sum(&points).within((-50, 50)))),
            ("recency", since(before.iter().map(|row| row.2).max())),
            ("recent", since(recent.iter().map(|row| row.2).max())),
            ("friends", Some(Exact::whole(friends as i128).within((0, 4)))),
            ("ticket", mean(&amounts).map(|ticket| ticket.within((0, 120)))),
            ("busy", mean(&no_less)),
        ])
    }

    /// Measures of those who are in and whose cut list holds a person, each held to its range.
    fn audience(fans: &[&Has], terms: &Terms) -> Has {
        let of = |name: &str| fans.iter().filter_map(|fan| fan[name]).collect::<Vec<Exact>>();
        let exact = |fan: &&Has| match fan["ticket"] {
            Some(Exact(top, bottom)) => [20, 40].iter().any(|wanted| top == wanted * bottom),
            None => false,
        };
        let tested: Vec<Exact> =
            fans.iter().map(|fan| Exact::whole(if exact(fan) { 100 } else { 0 })).collect();
        BTreeMap::from([
            ("fans", Some(Exact::whole(fans.len() as i128).within((0, 6)))),
            ("fans_sum", Some(sum(&of("spend")).within((0, 300)))),
            ("fans_recent", mean(&of("recent")).map(|days| days.within(terms.recent_clamp))),
            ("fans_points", mean(&of("points")).map(|points| points.within((-10, 10)))),
            ("fans_ticket", mean(&of("ticket")).map(|ticket| ticket.within((5, 90)))),
            ("fans_ticket_sum", Some(sum(&of("ticket")).within((0, 300)))),
            ("fans_busy", mean(&of("busy"))),
            ("fans_exact", mean(&tested)),
        ])
    }

    /// All cells that are not empty.
    pub(super) fn cells(&self, terms: &Terms, key: &Secret) -> Cells {
        let own: BTreeMap<&String, Has> =
            self.consenting.iter().map(|person| (person, self.own(person, terms))).collect();
        let mut fans: BTreeMap<&String, Vec<&Has>> = BTreeMap::new();
        for (owner, list) in self.lists() {
            let Some(sender) = own.get(owner) else { continue };
            for target in self.cut(&list, owner, terms, key) {
                fans.entry(target).or_default().push(sender);
            }
        }
        let mut cells = Cells::default();
        for (person, values) in &own {
            let mut values = values.clone();
            values.extend(Self::audience(fans.get(person).map_or(&[][..], Vec::as_slice), terms));
            // The absent label comes after all bands.
            let code = |(name, bounds): &Tag| values[name].map_or(bounds.len(), |value| value.band(bounds));
            let whole = WHOLE.iter().map(code).chain([self.region_of(person)]).collect();
            let fractions = FRACTIONS.iter().map(code).collect();
            for (cells, codes) in cells.iter_mut().zip([whole, fractions]) {
                cells.entry(codes).or_default().count(&values);
            }
        }
        cells
    }
}

impl Tally {
    /// A value is floored before it is added.
    fn count(&mut self, values: &Has) {
        self.people += 1;
        for (name, value) in values {
            let floored = value.map(Exact::floor);
            *self.sums.entry(name).or_default() += floored.unwrap_or(0);
            *self.present.entry(name).or_default() += u64::from(value.is_some());
            let grid = GRIDS.iter().find(|(gridded, _)| gridded == name);
            if let (Some(value), Some((_, bounds))) = (floored, grid) {
                let bounds = bounds.map(|bound| (bound, 1));
                self.grids.entry(name).or_default()[Exact::whole(value).band(&bounds)] += 1;
            }
        }
    }
}
