//! Promise 3, the normal form: cubes are those of a slow reference, whatever the rows, their order, files and types.

pub(crate) mod each;
mod fast_paths;
mod membership;
mod reach;
pub(crate) mod row_groups;
pub(crate) mod slow;
mod until;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::{
    ArrayRef, DictionaryArray, Int64Array, LargeStringArray, RecordBatch, RecordBatchIterator, StringArray,
    StringViewArray, TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
    TimestampSecondArray, types::Int32Type,
};
use arrow_schema::DataType;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use super::{Input, Reading, Sources, build};
use crate::policy::{Decision, Regime, Study, decide};
use crate::types::{DatasetName, Secret, Timestamp, codec};
use slow::{Cells, Rows, Terms};

const DAY: i64 = 86_400;

/// Counts cell by cell, then sums cell by cell.
type Plain = (Vec<u64>, Vec<i128>);

pub(crate) fn study(terms: &Terms) -> Study {
    Study::parse("reference.toml", &study_text(terms)).unwrap()
}

pub(crate) fn study_text(terms: &Terms) -> String {
    let Terms { max_reach, window_days, spend_clamp, recent_clamp, .. } = terms;
    format!(
        r#"
[study]
id = "reference"
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
[[recipients]]
id = "second"
legal_id = "SECOND"
name = "Second"
contact = "second@example"
country = "CN"
[population]
age = "declared-adults"
[datasets.follows]
kind = "relation"
handler = "one"
ids = "phone"
owner = "follower"
target = "followee"
category = "social-relation"
max_reach = {max_reach}
[datasets.payments]
kind = "records"
handler = "one"
ids = "phone"
owner = "payer"
category = "payment-record"
fields = {{ amount = "amount", points = "integer", at = "time" }}
[datasets.members]
kind = "people"
handler = "one"
ids = "phone"
owner = "user"
category = "profile"
fields = {{ region = "text" }}
[measures]
spend = {{ from = "payments", sum = "amount", window = "{window_days}d", clamp = {spend_clamp:?} }}
orders = {{ from = "payments", count = true, window = "{window_days}d", clamp = [0, 5], grid = [0, 1, 3] }}
points = {{ from = "payments", sum = "points", window = "{window_days}d", clamp = [-50, 50] }}
recency = {{ from = "payments", days_since_last = "at" }}
recent = {{ from = "payments", days_since_last = "at", window = "{window_days}d" }}
friends = {{ over = "follows", role = "own", size = true, clamp = [0, 4] }}
fans = {{ over = "follows", role = "audience", size = true, clamp = [0, 6] }}
fans_sum = {{ over = "follows", role = "audience", sum = "spend", clamp = [0, 300] }}
fans_recent = {{ over = "follows", role = "audience", mean = "recent", clamp = {recent_clamp:?} }}
fans_points = {{ over = "follows", role = "audience", mean = "points", clamp = [-10, 10], grid = [-10, -1, 2] }}
ticket = {{ from = "payments", mean = "amount", window = "{window_days}d", clamp = [0, 120] }}
busy = {{ from = "payments", share = {{ points = {{ from = 0 }} }}, unit = 1, window = "{window_days}d", clamp = [0, 1] }}
fans_ticket = {{ over = "follows", role = "audience", mean = "ticket", clamp = [5, 90] }}
fans_ticket_sum = {{ over = "follows", role = "audience", sum = "ticket", clamp = [0, 300] }}
fans_busy = {{ over = "follows", role = "audience", mean = "busy", clamp = [0, 1] }}
fans_exact = {{ over = "follows", role = "audience", share = {{ ticket = [20, 40] }}, clamp = [0, 100] }}
[tags]
t_spend = {{ measure = "spend", bands = {{ a = 0, b = 50, c = 200 }} }}
t_points = {{ measure = "points", bands = {{ a = -50, b = 0, c = 3 }} }}
t_recency = {{ measure = "recency", bands = {{ a = 0, b = 7 }}, absent = "none" }}
t_friends = {{ measure = "friends", bands = {{ a = 0, b = 1, c = 3 }} }}
t_fans = {{ measure = "fans", bands = {{ a = 0, b = 2, c = 5 }} }}
t_recent = {{ measure = "fans_recent", bands = {{ a = 0, b = 3, c = 9 }}, absent = "none" }}
t_balance = {{ measure = "fans_points", bands = {{ a = -50, b = -1, c = 1 }}, absent = "none" }}
t_region = {{ field = "members.region", values = ["east", "south"] }}
t_ticket = {{ measure = "ticket", bands = {{ a = 0, b = "61/3", c = 41 }}, absent = "none" }}
t_fans_ticket = {{ measure = "fans_ticket", bands = {{ a = 0, b = "61/2", c = "121/3" }}, absent = "none" }}
t_fans_ticket_sum = {{ measure = "fans_ticket_sum", bands = {{ a = 0, b = "61/3", c = 61 }} }}
t_fans_busy = {{ measure = "fans_busy", bands = {{ a = 0, b = "1/2", c = "2/3", d = 1 }}, absent = "none" }}
t_fans_exact = {{ measure = "fans_exact", bands = {{ a = 0, b = "100/3", c = 50 }}, absent = "none" }}
[tag_sets]
whole = ["t_spend", "t_points", "t_recency", "t_friends", "t_fans", "t_recent", "t_balance", "t_region"]
fractions = ["t_ticket", "t_fans_ticket", "t_fans_ticket_sum", "t_fans_busy", "t_fans_exact"]
[release]
min_people = 0
default_error = 100
"#,
        spend_clamp = [spend_clamp.0, spend_clamp.1],
        recent_clamp = [recent_clamp.0, recent_clamp.1],
    )
}

/// The labels of each tag of the two sets, in their order.
const RADICES: [&[usize]; 2] = [&[3, 3, 3, 3, 3, 4, 4, 3], &[4, 4, 3, 5, 4]];

/// Measures that some people do not have.
const ABSENT: [&str; 7] =
    ["fans_recent", "fans_points", "ticket", "busy", "fans_ticket", "fans_busy", "fans_exact"];

fn plain(cells: &Cells, study: &Study) -> [Plain; 2] {
    [0, 1].map(|set: usize| plain_set(&cells[set], RADICES[set], study))
}

fn plain_set(cells: &BTreeMap<Vec<usize>, slow::Tally>, radices: &[usize], study: &Study) -> Plain {
    let names: Vec<&str> = study.catalogue.summable().filter_map(|(_, m)| m.name.as_deref()).collect();
    let size: usize = radices.iter().product();
    let none = slow::Tally::default();
    let mut plain = (Vec::new(), Vec::new());
    for cell in 0..size {
        let mut rest = cell;
        let mut codes: Vec<usize> =
            radices.iter().rev().map(|radix| (rest % radix, rest /= radix).0).collect();
        codes.reverse();
        let tally = cells.get(&codes).unwrap_or(&none);
        plain.0.push(tally.people);
        for name in &names {
            if ABSENT.contains(name) {
                plain.0.push(tally.present.get(name).copied().unwrap_or(0));
            }
            if ["orders", "fans_points"].contains(name) {
                plain.0.extend(tally.grids.get(name).copied().unwrap_or_default());
            }
            plain.1.push(tally.sums.get(name).copied().unwrap_or(0));
        }
    }
    plain
}

/// How the rows reach the engine: as which types, and in how many files.
#[derive(Clone, Copy)]
pub(crate) struct Dress {
    files: usize,
    ids: u32,
    times: u32,
    text_amounts: bool,
    /// Whether every file of a dataset has other types.
    mixed: bool,
}

impl Dress {
    pub(crate) fn random(rng: &mut StdRng) -> Self {
        Self {
            files: rng.random_range(1..4),
            ids: rng.random_range(0..6),
            times: rng.random_range(0..6),
            text_amounts: rng.random(),
            mixed: rng.random(),
        }
    }

    /// Types that Parquet files keep.
    pub(crate) fn in_files(self) -> Self {
        Self { ids: [0, 1, 2, 3, 5][self.ids as usize % 5], mixed: false, ..self }
    }

    fn of_file(self, file: usize) -> Self {
        if !self.mixed {
            return self;
        }
        let by = u32::try_from(file).unwrap();
        let text_amounts = self.text_amounts ^ (file % 2 == 1);
        Self { ids: (self.ids + by) % 6, times: (self.times + by) % 6, text_amounts, ..self }
    }
}

/// One id column of any type that may hold these ids.
fn ids(column: &[Option<String>], dress: Dress) -> ArrayRef {
    let spelled = |id: &String| id.parse::<i64>().is_ok_and(|number| number.to_string() == *id);
    let whole = column.iter().flatten().all(spelled);
    let numbers = || column.iter().map(|id| id.as_ref().and_then(|id| id.parse::<i64>().ok()));
    match dress.ids {
        0 if whole => Arc::new(numbers().collect::<Int64Array>()),
        1 => Arc::new(column.iter().map(Option::as_deref).collect::<LargeStringArray>()),
        2 => Arc::new(column.iter().map(Option::as_deref).collect::<DictionaryArray<Int32Type>>()),
        3 => Arc::new(column.iter().map(Option::as_deref).collect::<StringViewArray>()),
        4 if whole => {
            let repeating = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Int64));
            arrow_cast::cast(&numbers().collect::<Int64Array>(), &repeating).unwrap()
        }
        _ => Arc::new(column.iter().map(Option::as_deref).collect::<StringArray>()),
    }
}

fn input(name: &str, columns: Vec<(&str, ArrayRef)>) -> Input {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true)));
    let batch = batch.unwrap();
    let schema = batch.schema();
    Input::Reader(name.to_owned(), Box::new(RecordBatchIterator::new([Ok(batch)], schema)))
}

fn pieces<T>(rows: &[T], files: usize) -> impl Iterator<Item = &[T]> {
    let size = rows.len().div_ceil(files).max(1);
    let none = rows.is_empty().then_some(rows);
    rows.chunks(size).chain(none)
}

fn amounts(column: &[Option<i64>], dress: Dress) -> ArrayRef {
    if dress.text_amounts {
        Arc::new(column.iter().map(|n| n.map(|n| n.to_string())).collect::<StringArray>())
    } else {
        Arc::new(Int64Array::from(column.to_vec()))
    }
}

/// Anywhere inside a second is the same second, in every unit and zone.
fn times(column: &[Option<i64>], dress: Dress) -> ArrayRef {
    let within = |per: i64| {
        column.iter().map(move |at| at.map(|at| at * per + (at.rem_euclid(7) * per / 10).min(per - 1)))
    };
    match dress.times {
        1 => Arc::new(within(1_000).collect::<TimestampMillisecondArray>().with_timezone("+08:00")),
        2 => Arc::new(within(1_000_000).collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
        3 => Arc::new(within(1_000_000_000).collect::<TimestampNanosecondArray>().with_timezone("UTC")),
        4 => Arc::new(
            within(1_000_000_000).collect::<TimestampNanosecondArray>().with_timezone("Asia/Shanghai"),
        ),
        5 => {
            let text = |at: &Option<i64>| at.map(|at| Timestamp::from_seconds(at).to_string());
            Arc::new(column.iter().map(text).collect::<StringArray>())
        }
        _ => Arc::new(column.iter().copied().collect::<TimestampSecondArray>().with_timezone("UTC")),
    }
}

pub(crate) fn sources(rows: &Rows, terms: &Terms, dress: Dress) -> Sources {
    let mut data = Vec::new();
    let mut add = |name: &str, columns| data.push((DatasetName::new(name).unwrap(), input(name, columns)));
    for (file, part) in pieces(&rows.follows, dress.files).enumerate() {
        let dress = dress.of_file(file);
        let (owners, targets): (Vec<_>, Vec<_>) = part.iter().cloned().unzip();
        add("follows", vec![("follower", ids(&owners, dress)), ("followee", ids(&targets, dress))]);
    }
    for (file, part) in pieces(&rows.payments, dress.files).enumerate() {
        let dress = dress.of_file(file);
        let owners: Vec<_> = part.iter().map(|row| row.0.clone()).collect();
        let column = |of: fn(&slow::Payment) -> Option<i64>| part.iter().map(of).collect::<Vec<_>>();
        let columns = vec![
            ("at", times(&column(|row| row.3), dress)),
            ("payer", ids(&owners, dress)),
            ("points", amounts(&column(|row| row.2), dress)),
            ("amount", amounts(&column(|row| row.1), dress)),
        ];
        add("payments", columns);
    }
    for (file, part) in pieces(&rows.members, dress.files).enumerate() {
        let dress = dress.of_file(file);
        let (users, regions): (Vec<_>, Vec<_>) = part.iter().cloned().unzip();
        add("members", vec![("user", ids(&users, dress)), ("region", Arc::new(StringArray::from(regions)))]);
    }
    let consents = vec![
        consents(&rows.consenting, "READER", terms, dress),
        consents(&rows.consenting_to_second, "SECOND", terms, dress),
    ];
    Sources { data, consents }
}

/// One clean event a person and trigger, for one recipient; the fold has tests of its own.
fn consents(people: &BTreeSet<String>, recipient: &str, terms: &Terms, dress: Dress) -> Input {
    let people: Vec<(String, bool)> = people.iter().map(|person| (person.clone(), true)).collect();
    consents_or_refusals(&people, recipient, terms, dress)
}

/// As [`consents`], with the same rows for a person who refuses.
fn consents_or_refusals(people: &[(String, bool)], recipient: &str, terms: &Terms, dress: Dress) -> Input {
    let given = Timestamp::from_seconds(terms.as_of - DAY).to_string();
    let events = people.iter().map(|(_, gives)| if *gives { "given" } else { "refused" });
    let events: StringArray = events.flat_map(|event| [Some(event), Some(event)]).collect();
    let people: Vec<Option<String>> =
        people.iter().flat_map(|(person, _)| [Some(person.clone()), Some(person.clone())]).collect();
    let triggers: StringArray = (0..people.len()).map(|row| Some(["SC23", "SC29"][row % 2])).collect();
    let mut columns = vec![
        ("person", ids(&people, dress)),
        ("trigger", Arc::new(triggers) as ArrayRef),
        ("event", Arc::new(events)),
    ];
    for (name, word) in [
        ("kind", "separate"),
        ("handler", "one"),
        ("purpose", "campaign-measurement"),
        ("recipient", recipient),
        ("categories", "social-relation|payment-record|profile"),
        ("notice", "N"),
        ("notice_version", "1"),
        ("shown_at", &given),
        ("at", &given),
        ("giver", "self"),
        ("own_step", "true"),
        ("pre_ticked", "false"),
        ("bundle_size", "1"),
        ("service_gate", "false"),
    ] {
        columns.push((name, Arc::new(StringArray::from(vec![word; people.len()]))));
    }
    input("consents", columns)
}

/// The cubes of both tag sets for both recipients.
fn engine(study: &Study, rows: &Rows, terms: &Terms, dress: Dress, key: &Secret) -> [[Plain; 2]; 2] {
    let regime = Regime::built_in("cn-pipl").unwrap();
    let as_of = Timestamp::from_seconds(terms.as_of);
    let flow = |recipient| match decide(study, &regime, recipient, as_of) {
        Decision::Permit(flow) => (recipient.id.clone(), flow.demand().clone()),
        Decision::Deny(reasons) => panic!("{reasons:?}"),
    };
    let flows: Vec<_> = study.recipients.iter().map(flow).collect();
    let sources = sources(rows, terms, dress);
    let reading = Reading { max_bad_rows: "100".parse().unwrap(), ..Reading::default() };
    let (built, _) = build(study, &flows, sources, as_of, key, &reading).unwrap();
    [0, 1].map(|recipient: usize| {
        [0, 1].map(|set: usize| {
            let cube = &built[recipient].cubes[set];
            codec::decode(&codec::encode(cube.reveal_in_test()).unwrap()).unwrap()
        })
    })
}

pub(crate) fn random_terms(rng: &mut StdRng) -> Terms {
    Terms {
        // Windows that begin before 1970 and after it, at a day's edge and inside a day; no consent is that old.
        as_of: [2 * DAY, 2 * DAY + 1, 1_000 * DAY, 1_000 * DAY + 12_345][rng.random_range(0..4)],
        max_reach: rng.random_range(1..5),
        window_days: rng.random_range(1..15),
        spend_clamp: [(0, 250), (0, 1_000_000), (10, 60)][rng.random_range(0..3)],
        recent_clamp: [(0, 100), (2, 5)][rng.random_range(0..2)],
    }
}

pub(crate) fn random_rows(rng: &mut StdRng, terms: &Terms) -> Rows {
    let words = rng.random_bool(0.5);
    let many = rng.random_range(2..16);
    let name = |number: usize| match (words, number % 4) {
        // `7`, `007` and `x7` are three people.
        (true, 0) => format!("00{number}"),
        (true, 1) => format!("x{number}"),
        _ => number.to_string(),
    };
    let id = |rng: &mut StdRng| {
        // Person 0 is a hub: listed by many, with a long list of their own. Some ids are missing or empty.
        let number = if rng.random_bool(0.3) { 0 } else { rng.random_range(0..many) };
        match rng.random_range(0..30) {
            0 => None,
            1 if words => Some(String::new()),
            _ => Some(name(number)),
        }
    };
    let window = terms.window_days * DAY;
    let at = |rng: &mut StdRng| match rng.random_range(0..8) {
        0 => terms.as_of,
        1 => terms.as_of - 1,
        2 => terms.as_of - window,
        3 => terms.as_of - window - 1,
        4 => terms.as_of + rng.random_range(0..3 * DAY),
        _ => terms.as_of - rng.random_range(0..2 * window),
    };
    let value = |rng: &mut StdRng, low, high| (!rng.random_bool(0.05)).then(|| rng.random_range(low..high));
    let mut rows = Rows::default();
    for _ in 0..rng.random_range(0..80) {
        rows.follows.push((id(rng), id(rng)));
        if rng.random_bool(0.1) {
            rows.follows.extend(rows.follows.last().cloned());
        }
    }
    for _ in 0..rng.random_range(0..60) {
        // Few different amounts, so that means meet bounds and tests exactly, and all others.
        let amount = match rng.random_range(0..20) {
            0 => Some(i64::MAX),
            1..10 => Some([20, 20, 21, 40, 41, 61][rng.random_range(0..6)]),
            _ => value(rng, -10, 150),
        };
        let at = if rng.random_bool(0.95) { Some(at(rng)) } else { None };
        let points = match rng.random_range(0..40) {
            0 => Some(i64::MAX),
            1 => Some(i64::MIN),
            _ => value(rng, -12, 12),
        };
        rows.payments.push((id(rng), amount, points, at));
    }
    for _ in 0..rng.random_range(0..20) {
        let region = ["east", "south", "east", "nowhere", ""][rng.random_range(0..5)];
        rows.members.push((id(rng), (!rng.random_bool(0.1)).then(|| region.to_owned())));
    }
    rows.consenting = (0..many).filter(|_| rng.random_bool(0.75)).map(name).collect();
    rows.consenting_to_second = (0..many).filter(|_| rng.random_bool(0.5)).map(name).collect();
    rows
}

const PLAIN: Dress = Dress { files: 1, ids: 5, times: 0, text_amounts: false, mixed: false };

#[test]
fn cubes_are_those_of_the_slow_reference() {
    let mut rng = StdRng::seed_from_u64(4);
    let (mut occupied, mut cut, mut fractions) = (0, 0, BTreeSet::new());
    for case in 0..200 {
        let terms = random_terms(&mut rng);
        let rows = random_rows(&mut rng, &terms);
        let dress = Dress::random(&mut rng);
        let key = Secret::new(rng.random());
        let study = study(&terms);
        let cells = rows.cells(&terms, &key);
        occupied += cells[0].len();
        fractions.extend(cells[1].keys().cloned());
        cut += usize::from(cells != rows.cells(&Terms { max_reach: 1_000, ..terms }, &key));
        let [first, second] = engine(&study, &rows, &terms, dress, &key);
        assert!(first == plain(&cells, &study), "case {case}");
        // Who is in for one recipient adds nothing to what another one sees.
        let rows = Rows { consenting: rows.consenting_to_second.clone(), ..rows };
        assert!(second == plain(&rows.cells(&terms, &key), &study), "case {case}, second recipient");
    }
    // A test of empty cubes, or of lists that are never cut, would pass for the wrong reason.
    assert!(occupied > 900 && cut > 90, "{occupied} cells, {cut} cases with a cut that matters");
    // Every label of every tag of fractions was someone's.
    for (tag, labels) in RADICES[1].iter().enumerate() {
        let seen: BTreeSet<usize> = fractions.iter().map(|codes: &Vec<usize>| codes[tag]).collect();
        assert_eq!(seen.len(), *labels, "tag {tag}");
    }
}

#[test]
fn cubes_do_not_depend_on_the_order_of_rows_files_or_types() {
    let mut rng = StdRng::seed_from_u64(5);
    for case in 0..50 {
        let terms = random_terms(&mut rng);
        let mut rows = random_rows(&mut rng, &terms);
        let key = Secret::new(rng.random());
        let study = study(&terms);
        let first = engine(&study, &rows, &terms, PLAIN, &key);
        rows.follows.shuffle(&mut rng);
        rows.payments.shuffle(&mut rng);
        rows.members.shuffle(&mut rng);
        let dress = Dress { files: 3, mixed: true, ..Dress::random(&mut rng) };
        assert!(engine(&study, &rows, &terms, dress, &key) == first, "case {case}");
    }
}

#[test]
fn the_cut_is_made_before_anybody_looks_at_who_is_in() {
    let terms =
        Terms { as_of: 2 * DAY, max_reach: 2, window_days: 1, spend_clamp: (0, 9), recent_clamp: (0, 9) };
    let rows = Rows {
        follows: (1..40).map(|target| (Some("0".to_owned()), Some(target.to_string()))).collect(),
        consenting: (0..40).filter(|person| person % 2 == 0).map(|person: u32| person.to_string()).collect(),
        ..Rows::default()
    };
    let study = study(&terms);
    let fans = study.catalogue.summable().position(|(_, m)| m.name.as_deref() == Some("fans")).unwrap();
    let sums = study.catalogue.summable().count();
    // Of the two targets that a key keeps, none, one or both are in; a cut among those who are in would always keep two.
    let arrived: BTreeSet<i128> = (0..40)
        .map(|seed| {
            let [[(_, cube), _], _] = engine(&study, &rows, &terms, PLAIN, &Secret::new([seed; 32]));
            cube.iter().skip(fans).step_by(sums).sum()
        })
        .collect();
    assert_eq!(arrived, BTreeSet::from([0, 1, 2]));
}

/// One person is listed by all, lists all, and makes every payment; every row is there twice.
#[test]
fn a_hub_with_everything_and_a_table_of_nothing_are_what_the_reference_says() {
    let terms =
        Terms { as_of: 9 * DAY, max_reach: 3, window_days: 5, spend_clamp: (0, 250), recent_clamp: (0, 9) };
    let (study, key) = (study(&terms), Secret::new([3; 32]));
    let people = || (0..300).map(|person: u32| person.to_string());
    let hub = || Some("0".to_owned());
    let mut rows = Rows { consenting: people().collect(), ..Rows::default() };
    rows.follows.extend(people().map(|person| (hub(), Some(person))));
    rows.follows.extend(people().map(|person| (Some(person), hub())));
    rows.payments.extend((0..500).map(|row| (hub(), Some(row % 3), Some(-1), Some(row * 1_000))));
    rows.follows.extend(rows.follows.clone());
    let dress = Dress { files: 7, mixed: true, ..PLAIN };
    let cells = rows.cells(&terms, &key);
    assert!(cells[0].len() >= 3, "the hub, some whom they reach, and all others");
    let [first, second] = engine(&study, &rows, &terms, dress, &key);
    assert!(first == plain(&cells, &study));
    let no_one = plain(&Cells::default(), &study);
    assert!(second == no_one, "no one consents to the second");
    for rows in [Rows { consenting: BTreeSet::new(), ..rows }, Rows::default()] {
        assert!(engine(&study, &rows, &terms, dress, &key) == [no_one.clone(), no_one.clone()]);
    }
    let alone = Rows { consenting: people().collect(), ..Rows::default() };
    let [first, _] = engine(&study, &alone, &terms, dress, &key);
    assert!(first == plain(&alone.cells(&terms, &key), &study), "people of whom there is no row");
}
