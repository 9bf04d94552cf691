//! Every kind of measure, person by person: a tag that names each person makes of the cube a table of their values.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Int64Array, StringArray, TimestampSecondArray};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use super::fast_paths::check;
use super::row_groups::in_row_groups;
use super::slow::Terms;
use super::{DAY, PLAIN, consents, input};
use crate::deidentify::{CutKey, PseudonymKey};
use crate::engine::{Input, Reading, Sources, build};
use crate::policy::{Decision, Regime, Study, decide};
use crate::types::{Secret, Timestamp};

pub(crate) const AS_OF: i64 = 1_000 * DAY + 4_321;
/// Who may be in; `s0` and `s1` are named and have rows, and never consent.
pub(crate) const PEOPLE: [&str; 8] = ["p0", "p1", "p2", "p3", "p4", "p5", "6", "007"];
pub(super) const STRANGERS: [&str; 2] = ["s0", "s1"];
pub(super) const REACH: usize = 2;

pub(crate) const MEASURES: &str = include_str!("measures.toml");

/// Audience measures of further kinds, beside those of the reference.
pub(crate) const AUDIENCE_MEASURES: &str = r#"
fans = { over = "follows", role = "audience", size = true, clamp = [0, 100] }
fans_greatest = { over = "follows", role = "audience", sum = "greatest", clamp = [-100, 100] }
fans_last = { over = "follows", role = "audience", mean = "last", clamp = [0, 100] }
friends = { over = "follows", role = "own", size = true, clamp = [0, 100] }
"#;

pub(crate) fn study() -> Study {
    Study::parse("each.toml", &study_text()).unwrap()
}

pub(crate) fn study_text() -> String {
    let tags = format!("[tags]\nwho = {{ field = \"members.word\", values = {PEOPLE:?} }}\n");
    text(MEASURES, &tags)
}

/// The study with these `[measures]` and `[tags]`.
pub(crate) fn text(measures: &str, tags: &str) -> String {
    format!(
        r#"
[study]
id = "each"
regime = "cn-pipl"
purpose = "campaign-measurement"
action = "provide"
basis = "consent"
retention = "90d"
[notice]
id = "N"
version = 1
[documents]
pipia = {{ id = "P", approved = 1960-01-01, expires = 2100-01-01 }}
provision-contract = {{ id = "CONTRACT-1", approved = 1960-01-01, expires = 2100-01-01 }}
[[handlers]]
id = "one"
legal_id = "ONE"
kind = "platform"
[[recipients]]
id = "reader"
legal_id = "READER"
name = "Reader"
contact = "reader@example"
country = "CN"
[population]
age = "declared-adults"
[datasets]
follows = {{ kind = "relation", handler = "one", ids = "phone", owner = "follower", target = "followee", category = "social-relation", max_reach = {REACH} }}
members = {{ kind = "people", handler = "one", ids = "phone", owner = "user", category = "profile", fields = {{ word = "text" }} }}
[datasets.payments]
kind = "records"
handler = "one"
ids = "phone"
owner = "payer"
category = "payment-record"
[datasets.payments.fields]
amount = "amount"
points = {{ type = "integer", optional = true }}
shop = "text"
online = "flag"
referrer = {{ type = "person", max_reach = {REACH} }}
at = "time"
{measures}
{tags}
[release]
min_people = 0
default_error = 100
"#
    )
}

#[derive(Clone)]
struct Payment {
    payer: &'static str,
    amount: i64,
    points: Option<i64>,
    shop: &'static str,
    online: bool,
    referrer: Option<&'static str>,
    at: i64,
}

#[derive(Clone)]
pub(crate) struct World {
    follows: Vec<(&'static str, &'static str)>,
    payments: Vec<Payment>,
    pub(crate) inside: BTreeSet<&'static str>,
    /// How the plain loops let influence travel.
    pub(super) design: Design,
    /// The id of each person in all tables.
    pub(super) spelled: fn(&str) -> String,
}

/// How influence travels: in the normal form, or as one of the wrong designs of docs/src/normal-form.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Design {
    Right,
    /// Membership is looked up before the cut.
    MembersBeforeCut,
    /// A list reaches all its targets.
    NoCut,
    /// Each half of the rows is cut for itself.
    CutPerFile,
    /// A measure with a window cuts the names inside it.
    CutPerWindow,
    /// Mutual ties from the person's own cut list and others' uncut ones.
    TiesReversed,
    /// Own lists and named people are counted among members.
    ListsOfMembers,
    /// A payment does not count for its owner when the person that it names is out.
    PaymentsOfMembers,
    /// What arrives depends on what arrived at the sender.
    Nested,
}

impl Design {
    pub(super) const WRONG: [Self; 8] = [
        Self::MembersBeforeCut,
        Self::NoCut,
        Self::CutPerFile,
        Self::CutPerWindow,
        Self::TiesReversed,
        Self::ListsOfMembers,
        Self::PaymentsOfMembers,
        Self::Nested,
    ];
}

/// A value: numerator and denominator; `None` when absent.
pub(super) type Value = Option<(i64, i64)>;

fn everybody() -> impl Iterator<Item = &'static str> + Clone {
    PEOPLE.into_iter().chain(STRANGERS)
}

impl World {
    pub(crate) fn random(rng: &mut StdRng) -> Self {
        let all: Vec<&str> = everybody().collect();
        let one = |rng: &mut StdRng| {
            if rng.random_bool(0.3) { all[0] } else { all[rng.random_range(0..all.len())] }
        };
        let follows = (0..rng.random_range(0..60)).map(|_| (one(rng), one(rng))).collect();
        let payment = |rng: &mut StdRng| Payment {
            payer: one(rng),
            amount: [0, 20, 20, 40, 77, 500][rng.random_range(0..6)],
            points: rng.random_bool(0.8).then(|| rng.random_range(-9..10)),
            shop: ["a", "b", "c", "7", "007"][rng.random_range(0..5)],
            online: rng.random(),
            referrer: rng.random_bool(0.5).then(|| one(rng)),
            at: AS_OF
                - [0, 1, 3 * DAY, 3 * DAY + 1, 9 * DAY, 9 * DAY + 1, 20 * DAY, -DAY][rng.random_range(0..8)],
        };
        let payments = (0..rng.random_range(0..50)).map(|_| payment(rng)).collect();
        let inside = PEOPLE.into_iter().filter(|_| rng.random_bool(0.8)).collect();
        Self { follows, payments, inside, design: Design::Right, spelled: str::to_owned }
    }

    /// The world with numbers of 32 bits in all rows, or in all but those without points.
    pub(super) fn make_narrow(&mut self, complete: bool) {
        for row in &mut self.payments {
            row.points = row.points.map(i64::abs).or(complete.then_some(0));
        }
    }

    /// The world without what one person owns; rows of others that name them stay.
    pub(crate) fn without(&self, person: &str) -> Self {
        let mut world = self.clone();
        world.follows.retain(|(owner, _)| *owner != person);
        world.payments.retain(|row| row.payer != person);
        world.inside.remove(person);
        world
    }

    pub(crate) fn tables(&self, files: usize) -> Sources {
        let words = |words: Vec<Option<&str>>| Arc::new(StringArray::from(words)) as ArrayRef;
        let ids = |names: Vec<Option<&str>>| {
            Arc::new(names.into_iter().map(|name| name.map(self.spelled)).collect::<StringArray>())
                as ArrayRef
        };
        let mut data = Vec::new();
        let mut add = |name: &str, columns| data.push((name.parse().unwrap(), input(name, columns)));
        for part in super::pieces(&self.follows, files) {
            let (owners, targets) = part.iter().map(|(a, b)| (Some(*a), Some(*b))).unzip();
            add("follows", vec![("follower", ids(owners)), ("followee", ids(targets))]);
        }
        for part in super::pieces(&self.payments, files) {
            let columns: Vec<(&str, ArrayRef)> = vec![
                ("payer", ids(part.iter().map(|row| Some(row.payer)).collect())),
                ("amount", Arc::new(part.iter().map(|row| Some(row.amount)).collect::<Int64Array>())),
                ("points", Arc::new(part.iter().map(|row| row.points).collect::<Int64Array>())),
                ("shop", words(part.iter().map(|row| Some(row.shop)).collect())),
                ("online", Arc::new(part.iter().map(|row| Some(row.online)).collect::<BooleanArray>())),
                ("referrer", ids(part.iter().map(|row| row.referrer).collect())),
                (
                    "at",
                    Arc::new(
                        part.iter()
                            .map(|row| Some(row.at))
                            .collect::<TimestampSecondArray>()
                            .with_timezone("UTC"),
                    ),
                ),
            ];
            add("payments", columns);
        }
        let names = || PEOPLE.map(Some).to_vec();
        add("members", vec![("user", ids(names())), ("word", words(names()))]);
        let inside = self.inside.iter().map(|person| (self.spelled)(person)).collect();
        Sources { data, consents: vec![consents(&inside, "READER", &terms(), PLAIN)] }
    }

    /// The people that `owner` lists or names: distinct, without themselves, the first two by rank.
    fn cut(
        &self,
        relation: &str,
        owner: &str,
        list: BTreeSet<&'static str>,
        key: &Secret,
    ) -> BTreeSet<&'static str> {
        let (pseudonyms, order) = (PseudonymKey::derive(key, "phone"), CutKey::derive(key, relation));
        let of = |name: &str| pseudonyms.pseudonym((self.spelled)(name).as_bytes());
        let mut list: Vec<_> = list.into_iter().filter(|target| *target != owner).collect();
        if self.design == Design::MembersBeforeCut {
            list.retain(|target| self.inside.contains(target));
        }
        list.sort_by_key(|target| order.rank(&of(owner), &of(target)));
        let reach = if self.design == Design::NoCut { list.len() } else { REACH };
        list.into_iter().take(reach).collect()
    }

    /// Whom an owner lists or, in those of their payments that are asked for, names.
    fn list(&self, relation: &str, owner: &str, asked: &dyn Fn(&Payment) -> bool) -> Vec<&'static str> {
        if relation == "follows" {
            let own = self.follows.iter().filter(|(from, to)| *from == owner && to != from);
            return own.map(|(_, to)| *to).collect();
        }
        let own = self.payments.iter().filter(|row| row.payer == owner && asked(row));
        own.filter_map(|row| row.referrer).collect()
    }

    /// Those who are in and whose list or names, after the cut, hold `person`.
    fn senders(
        &self,
        relation: &str,
        person: &str,
        key: &Secret,
        asked: &dyn Fn(&Payment) -> bool,
    ) -> Vec<&'static str> {
        let holds = |owner: &&'static str| {
            let list = self.list(relation, owner, asked);
            let half = if self.design == Design::CutPerFile { list.len() / 2 } else { 0 };
            let (first, second) = list.split_at(half);
            let cut = |part: &[&'static str]| self.cut(relation, owner, part.iter().copied().collect(), key);
            cut(first).contains(person) || cut(second).contains(person)
        };
        self.inside.iter().copied().filter(holds).collect()
    }

    /// The payments that count for their owner: what is dated at or after as-of has not happened yet for any measure.
    fn own(&self, person: &str) -> impl Iterator<Item = &Payment> {
        let of_members = self.design == Design::PaymentsOfMembers;
        let counts =
            move |row: &&Payment| row.referrer.is_none_or(|named| !of_members || self.inside.contains(named));
        self.payments.iter().filter(move |row| row.payer == person && row.at < AS_OF).filter(counts)
    }

    fn mean(&self, person: &str) -> Value {
        let amounts: Vec<i64> = self.own(person).map(|row| row.amount).collect();
        share(amounts.iter().sum(), amounts.len())
    }

    pub(super) fn values(&self, person: &str, key: &Secret) -> BTreeMap<&'static str, Value> {
        let own = || self.own(person);
        let between =
            |row: &&Payment, from: i64, to: i64| row.at >= AS_OF - from * DAY && row.at < AS_OF - to * DAY;
        let whole = |value: i64| Some((value, 1));
        let count = |rows: usize| Some((i64::try_from(rows).unwrap(), 1));
        let days = |at: Option<i64>| at.map(|at| ((AS_OF - at) / DAY, 1));
        let before = own().any(|row| between(&row, 9, 3));
        let (any, members) = (|_: &Payment| true, self.design == Design::ListsOfMembers);
        let is_counted = |other: &&str| !members || self.inside.contains(other);
        let list: BTreeSet<&str> =
            self.list("follows", person, &any).into_iter().filter(is_counted).collect();
        let fans = self.senders("follows", person, key, &any);
        let ties = if self.design == Design::TiesReversed {
            let own = self.cut("follows", person, list.clone(), key);
            let lists_them = |other: &&&str| {
                self.inside.contains(**other) && self.list("follows", other, &any).contains(&person)
            };
            own.iter().filter(lists_them).count()
        } else {
            fans.iter().filter(|fan| list.contains(*fan)).count()
        };
        let referrers = self.senders("payments.referrer", person, key, &any);
        // Names of payments yet to come are in the list that is cut, and nothing else of them counts.
        let naming = || {
            let named = self.payments.iter().filter(|row| row.referrer == Some(person) && row.at < AS_OF);
            named.filter(|row| referrers.contains(&row.payer))
        };
        let referred = |row: &Payment| row.online && between(&row, 9, 0);
        let in_window = if self.design == Design::CutPerWindow {
            self.senders("payments.referrer", person, key, &referred)
        } else {
            referrers.clone()
        };
        let referrals = self.payments.iter().filter(|row| row.referrer == Some(person) && referred(row));
        let referrals = referrals.filter(|row| in_window.contains(&row.payer)).count();
        let sent = |fan: &str| match self.design {
            Design::Nested => {
                share(40 * i64::try_from(self.senders("follows", fan, key, &any).len()).unwrap(), 2)
            }
            _ => self.mean(fan),
        };
        let of_fans = |test: &dyn Fn(Value) -> bool| fans.iter().filter(|fan| test(sent(fan))).count();
        let means: Vec<(i64, i64)> = fans.iter().filter_map(|fan| sent(fan)).collect();
        let often = |person: &str| {
            let online = self.own(person).filter(|row| row.online).count();
            share(i64::try_from(online).unwrap(), self.own(person).count())
        };
        let scaled = |part: usize, unit: i64, all: usize| share(i64::try_from(part).unwrap() * unit, all);
        let offline = own().filter(|row| !row.online && row.referrer.is_none()).filter_map(|row| row.points);
        let exact = own().filter(|row| row.amount == 20 && row.points.is_none());
        let some =
            own().filter(|row| between(row, 9, 3) && ["a", "c"].contains(&row.shop) && row.points.is_some());
        BTreeMap::from([
            ("mean", self.mean(person)),
            ("least", own().filter_map(|row| row.points).min().map(|points| (points, 1))),
            (
                "greatest",
                own()
                    .filter(|row| between(row, 9, 0))
                    .filter_map(|row| row.points)
                    .max()
                    .map(|points| (points, 1)),
            ),
            ("first", days(own().map(|row| row.at).min())),
            ("last", days(own().filter(|row| between(row, 9, 3)).map(|row| row.at).max())),
            ("shops", count(own().map(|row| row.shop).collect::<BTreeSet<_>>().len().min(3))),
            ("prices", count(own().map(|row| row.amount).collect::<BTreeSet<_>>().len().min(4))),
            (
                "named",
                count(own().filter_map(|row| row.referrer).filter(is_counted).collect::<BTreeSet<_>>().len()),
            ),
            (
                "online",
                scaled(own().filter(|row| row.online && row.amount >= 20).count(), 1000, own().count()),
            ),
            ("retained", before.then(|| (i64::from(own().any(|row| between(&row, 3, 0))), 1))),
            ("some", count(some.count())),
            ("offline", whole(offline.filter(|points| (-5..6).contains(points)).sum())),
            ("exact", count(exact.count())),
            ("mutual", count(ties)),
            ("strong", scaled(ties, 100, list.len())),
            ("weak", scaled(list.len() - ties, 1000, list.len())),
            ("rich", scaled(of_fans(&|mean| mean.is_some_and(|(a, b)| a >= 40 * b)), 100, fans.len())),
            (
                "dear",
                scaled(
                    of_fans(&|mean| mean.is_some_and(|(a, b)| [20, 30, 40].iter().any(|w| a == w * b))),
                    10,
                    fans.len(),
                ),
            ),
            ("often", often(person)),
            ("fans_online", Some(total(&fans.iter().filter_map(|fan| often(fan)).collect::<Vec<_>>()))),
            ("fans_sum", Some(total(&means))),
            (
                "fans_mean",
                (!means.is_empty()).then(|| {
                    let (top, bottom) = total(&means);
                    (top, bottom * i64::try_from(means.len()).unwrap())
                }),
            ),
            ("poor", scaled(of_fans(&|mean| mean.is_none()), 100, fans.len())),
            ("referrers", count(naming().map(|row| row.payer).collect::<BTreeSet<_>>().len())),
            ("referrals", count(referrals)),
            ("referred_sum", whole(naming().filter_map(|row| row.points).sum())),
        ])
    }
}

/// The sum of fractions over their product of denominators that differ.
fn total(fractions: &[(i64, i64)]) -> (i64, i64) {
    let bottoms: BTreeSet<i64> = fractions.iter().map(|(_, bottom)| *bottom).collect();
    let all = bottoms.iter().product();
    (fractions.iter().map(|(top, bottom)| top * (all / bottom)).sum(), all)
}

fn share(part: i64, all: usize) -> Value {
    (all > 0).then(|| (part, i64::try_from(all).unwrap()))
}

pub(super) fn terms() -> Terms {
    Terms { as_of: AS_OF, max_reach: REACH, window_days: 9, spend_clamp: (0, 1), recent_clamp: (0, 1) }
}

/// Count of all people, then of those who have each value, and the sums; person by person.
pub(super) fn table(
    study: &Study,
    world: &World,
    key: &Secret,
    (files, threads): (usize, usize),
) -> Vec<(Vec<u64>, Vec<i128>)> {
    table_of(study, world.tables(files), key, threads)
}

pub(super) fn table_of(
    study: &Study,
    tables: Sources,
    key: &Secret,
    threads: usize,
) -> Vec<(Vec<u64>, Vec<i128>)> {
    let regime = Regime::built_in("cn-pipl").unwrap();
    let as_of = Timestamp::from_seconds(AS_OF);
    let Decision::Permit(flow) = decide(study, &regime, &study.recipients[0], as_of) else {
        panic!("the study is permitted")
    };
    let flows = [(study.recipients[0].id.clone(), flow.demand().clone())];
    let reading = Reading {
        max_bad_rows: "0".parse().unwrap(),
        threads: NonZeroUsize::new(threads),
        ..Reading::default()
    };
    let (built, _) = build(study, &flows, tables, as_of, key, &reading).unwrap();
    let (counts, sums) = built[0].cubes[0].reveal_in_test().cells_in_test();
    let columns = study.catalogue.columns();
    counts
        .chunks(columns.counts)
        .map(<[u64]>::to_vec)
        .zip(sums.chunks(columns.measures.len()).map(<[i128]>::to_vec))
        .collect()
}

#[test]
fn every_measure_of_everybody_is_what_plain_loops_say() {
    let study = study();
    let mut rng = StdRng::seed_from_u64(12);
    let (mut present, mut different) = (BTreeMap::new(), BTreeMap::new());
    for case in 0..150 {
        let world = World::random(&mut rng);
        let key = Secret::new(rng.random());
        let found = table(&study, &world, &key, (1 + case % 3, 1 + case % 2));
        assert_eq!(world.values(PEOPLE[0], &key).len(), study.catalogue.columns().measures.len());
        for (name, there, floored) in check(&study, &world, &key, &found) {
            *present.entry(name.clone()).or_insert(0) += u64::from(there);
            different.entry(name).or_insert_with(BTreeSet::new).insert(floored);
        }
    }
    // Measures that no one has, or that are the same for all, would agree for the wrong reason.
    assert!(present.values().all(|people| *people > 100), "{present:?}");
    assert!(different.values().all(|values| values.len() >= 2), "{different:?}");
}

#[test]
fn values_do_not_depend_on_the_order_of_rows_files_row_groups_or_threads() {
    let study = study();
    let place = tempfile::tempdir().unwrap();
    let mut rng = StdRng::seed_from_u64(13);
    for case in 0..25 {
        let mut world = World::random(&mut rng);
        let key = Secret::new(rng.random());
        let found = table(&study, &world, &key, (1, 1));
        world.follows.shuffle(&mut rng);
        world.payments.shuffle(&mut rng);
        assert!(table(&study, &world, &key, (4, 3)) == found, "case {case}");
        world.follows.shuffle(&mut rng);
        world.payments.shuffle(&mut rng);
        let stored = in_row_groups(world.tables(2), place.path(), rng.random_range(1..6));
        assert!(table_of(&study, stored, &key, 1 + case % 4) == found, "case {case}, row groups");
    }
}

/// Values at the ends of what a cell can hold: sums are exact however far they went on the way, and only then held to their
/// range.
#[test]
fn the_largest_values_wrap_and_saturate_nowhere() {
    let study = study();
    let mut rng = StdRng::seed_from_u64(14);
    let key = Secret::new([5; 32]);
    let row = |payer, amount, points, referrer| Payment {
        payer,
        amount,
        points: Some(points),
        shop: "a",
        online: false,
        referrer: Some(referrer),
        at: AS_OF - DAY,
    };
    let (most, least) = (i64::MAX, i64::MIN);
    let mut payments = vec![row("p1", most, most, "p2"); 40];
    payments.extend(vec![row("p3", most, least, "p4"); 40]);
    // Two and two of the ends, and seven: five is left.
    payments.extend([most, most, least, least, 7].map(|points| row("p5", most - 1, points, "6")));
    for case in 0..10 {
        payments.shuffle(&mut rng);
        let inside = PEOPLE.into_iter().collect();
        let world =
            World { follows: Vec::new(), payments: payments.clone(), inside, ..World::random(&mut rng) };
        let found = table(&study, &world, &key, (1 + case % 3, 1 + case % 2));
        let value = |person: &str, name: &str| {
            let columns = study.catalogue.columns();
            let named = |measure: usize| study.catalogue.measures()[measure].name.as_deref() == Some(name);
            let of = columns.measures.iter().find(|of| named(of.measure)).unwrap();
            found[PEOPLE.iter().position(|known| *known == person).unwrap()].1[of.sum]
        };
        for (person, name, wanted) in [
            ("p1", "mean", 1_000),
            ("p1", "least", 100),
            ("p3", "greatest", -100),
            ("p5", "least", -100),
            ("p5", "mean", 1_000),
            ("p5", "prices", 1),
            ("p2", "referred_sum", 100),
            ("p4", "referred_sum", -100),
            ("6", "referred_sum", 5),
        ] {
            assert_eq!(value(person, name), wanted, "case {case}: {name} of {person}");
        }
    }
}

/// A row is dropped for what is wrong with it, and for nothing that no measure reads.
#[test]
fn bad_cells_of_every_type_are_dropped_and_named() {
    let study = study();
    let records = study.dataset(&"payments".parse().unwrap()).unwrap();
    let words = |words: [Option<&str>; 5]| Arc::new(StringArray::from(words.to_vec())) as ArrayRef;
    let columns = vec![
        ("payer", words([Some("p0"); 5])),
        ("amount", words([Some("1"), Some("-1"), Some("2"), Some("3"), Some("4")])),
        ("points", words([Some("x"), None, Some(""), None, None])),
        ("shop", words([Some("a"), Some("a"), None, Some("a"), Some("b")])),
        ("online", words([Some("true"), Some("Yes"), Some("true"), Some("maybe"), Some("false")])),
        ("referrer", words([None, Some(""), None, Some("p1"), None])),
        ("at", words([Some("1971-01-01T00:00:00Z"); 5])),
    ];
    let mut interner = crate::engine::ids::intern::Interner::default();
    let phone = interner.intern_namespace("phone");
    interner.intern_id(phone, &crate::engine::read::Id::Text("p0")).unwrap();
    let records = crate::engine::records::measures::Records::new(
        records,
        &study.catalogue,
        Timestamp::from_seconds(AS_OF),
        1,
    );
    let inputs: Vec<Input> = vec![input("payments", columns)];
    let reading = Reading { max_bad_rows: "100".parse().unwrap(), ..Reading::default() };
    let (reports, _) = records.read(inputs, &interner.into(), &reading).unwrap();
    let dropped: Vec<_> = reports[0].dropped.iter().map(|(reason, count)| (*reason, *count)).collect();
    assert_eq!(
        dropped,
        [("below zero", 1), ("empty", 1), ("not a whole number", 1), ("not true or false", 1)]
    );
    assert_eq!((reports[0].rows, reports[0].used), (5, 1));
}
