//! The attacked sandboxes: the study, a few people who are known exactly, and what an attacker reads off an answer.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, RecordBatchIterator, StringArray};
use hushtag::engine::{Input, Sources};
use hushtag::operator::{Analyst, Answer, Keys, Operator, OperatorError, Setup, StudySource};
use hushtag::release::Released;
use hushtag::storage::{Image, Storage};
use hushtag::types::{EpochId, RecipientId};

use crate::support::{FixedClock, RECIPIENT, STUDY, root_key, setup, terms};

/// The other recipient, who may collude with [`RECIPIENT`].
pub(crate) const ACCOMPLICE: &str = "ad-agency";
/// The answers of the spend tier, in the order of its vocabulary.
pub(crate) const TIERS: [&str; 4] = ["none", "low", "mid", "high"];
/// Both recipients by their legal ids.
const LEGAL_IDS: [&str; 2] = ["LEGAL-ID-C", "LEGAL-ID-D"];
const AT: &str = "2026-09-01T00:00:00Z";

/// `text` with every `from` replaced, each of which must be there.
pub(crate) fn changed(text: &str, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "`{from}` is not in the study");
        text.replace(from, to)
    })
}

/// The study of the attacks: two recipients, and `people`, a measure that is 1 for everybody.
///
/// A sum of `people` costs what a count costs, and is shown below zero too, where a count is cut.
pub(crate) fn study() -> String {
    let recipient = "[[recipients]]\nid = \"ad-agency\"\nlegal_id = \"LEGAL-ID-D\"\nname = \"Ad Agency\"\n\
                     contact = \"privacy@agency.example\"\ncountry = \"CN\"\n[population]";
    let people = "[measures.people]\nfrom = \"payments\"\ncount = true\nclamp = [1, 1]\n[measures.spend]";
    changed(
        STUDY,
        &[("[population]", recipient), ("min_people = 5", "min_people = 0"), ("[measures.spend]", people)],
    )
}

/// One person with everything that they own.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) region: &'static str,
    pub(crate) amounts: Vec<i64>,
    pub(crate) follows: Vec<String>,
    pub(crate) withdrawn: bool,
}

/// The id of a person.
pub(crate) fn id(person: usize) -> String {
    format!("1380000{person:04}")
}

impl Person {
    /// Somebody who consents to both recipients, pays nothing and follows no one.
    pub(crate) fn new(person: usize) -> Self {
        let regions = ["east", "south", "north"];
        let region = regions[person % regions.len()];
        Self { id: id(person), region, amounts: Vec::new(), follows: Vec::new(), withdrawn: false }
    }

    pub(crate) fn pays(self, amount: i64) -> Self {
        Self { amounts: vec![amount], ..self }
    }
}

/// `people` who are known exactly: the first `high` of them in the highest tier, the others spread over the lower ones.
pub(crate) fn known_people(people: usize, high: usize) -> Vec<Person> {
    let lower = [0, 100, 9_000];
    let pays = |person| if person < high { 50_000 } else { lower[person % lower.len()] };
    (0..people).map(|person| Person::new(person).pays(pays(person))).collect()
}

fn text<T: AsRef<str>>(cells: impl IntoIterator<Item = T>) -> ArrayRef {
    Arc::new(cells.into_iter().map(|cell| Some(cell.as_ref().to_owned())).collect::<StringArray>())
}

pub(crate) fn reader(name: &str, columns: Vec<(&str, ArrayRef)>) -> Input {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let schema = batch.schema();
    Input::Reader(name.to_owned(), Box::new(RecordBatchIterator::new([Ok(batch)], schema)))
}

fn consents(people: &[Person]) -> Input {
    let mut rows: Vec<[&str; 5]> = Vec::new();
    for person in people {
        for recipient in LEGAL_IDS {
            for trigger in ["SC23", "SC29"] {
                rows.push([&person.id, "given", trigger, recipient, AT]);
                if person.withdrawn {
                    rows.push([&person.id, "withdrawn", trigger, recipient, "2026-09-15T00:00:00Z"]);
                }
            }
        }
    }
    let varying = ["person", "event", "trigger", "recipient", "at"].into_iter().enumerate();
    let varying = varying.map(|(place, name)| (name, text(rows.iter().map(|row| row[place]))));
    let fixed = [
        ("handler", "social-platform"),
        ("kind", "separate"),
        ("purpose", "campaign-measurement"),
        ("categories", "social-relation|payment-record|profile"),
        ("methods", "aggregate"),
        ("notice", "N-2026-04"),
        ("notice_version", "3"),
        ("shown_at", "2026-08-31T23:59:00Z"),
        ("giver", "self"),
        ("own_step", "true"),
        ("pre_ticked", "false"),
        ("bundle_size", "1"),
        ("service_gate", "false"),
    ];
    let fixed = fixed.map(|(name, word)| (name, text(rows.iter().map(|_| word))));
    reader("consents", varying.chain(fixed).collect())
}

/// Payments of `(payer, amount)`, the amounts as a column of any type.
pub(crate) fn payments<'a>(payers: impl IntoIterator<Item = &'a str>, amounts: ArrayRef) -> Input {
    let payers = text(payers);
    let at = text((0..payers.len()).map(|_| AT));
    reader("payments", vec![("payer", payers), ("amount", amounts), ("at", at)])
}

/// Everything that `people` own.
pub(crate) fn sources(people: &[Person]) -> Sources {
    let paid = || people.iter().flat_map(|person| person.amounts.iter().map(move |amount| (person, *amount)));
    let amounts: ArrayRef = Arc::new(paid().map(|(_, amount)| amount).collect::<Int64Array>());
    let payments = payments(paid().map(|(person, _)| person.id.as_str()), amounts);
    sources_with(people, payments)
}

/// Everything that `people` own, but these payments.
pub(crate) fn sources_with(people: &[Person], payments: Input) -> Sources {
    let follows = || people.iter().flat_map(|person| person.follows.iter().map(|other| (&person.id, other)));
    let follows = vec![
        ("follower", text(follows().map(|(owner, _)| owner))),
        ("followee", text(follows().map(|(_, target)| target))),
    ];
    let members = vec![
        ("user", text(people.iter().map(|person| &person.id))),
        ("region", text(people.iter().map(|person| person.region))),
    ];
    Sources::new(
        vec![
            ("follows".parse().unwrap(), reader("follows", follows)),
            ("payments".parse().unwrap(), payments),
            ("members".parse().unwrap(), reader("members", members)),
        ],
        vec![consents(people)],
    )
}

/// The terms of a sandbox with these studies.
pub(crate) fn setup_of(studies: &[String], epsilon: &str) -> Setup {
    let named = studies
        .iter()
        .enumerate()
        .map(|(at, text)| StudySource::new(format!("study{at}.toml"), text.as_str()));
    setup(epsilon).with_studies(named.collect())
}

/// A sandbox with these studies that answers at once.
pub(crate) fn init(storage: Arc<dyn Storage>, studies: &[String], epsilon: &str) -> Operator {
    let clock = Box::new(FixedClock::default());
    let made = Operator::init_on(storage, setup_of(studies, epsilon), Keys::Given(root_key()), clock);
    made.unwrap().without_response_slot()
}

/// A sandbox in memory with the attacked study and one epoch of `people`.
pub(crate) fn sandbox(people: &[Person], epsilon: &str) -> (Operator, Image) {
    let image = Image::new();
    let operator = init(Arc::new(image.clone()), &[study()], epsilon);
    operator.seal(&terms("e1"), sources(people)).unwrap();
    (operator, image)
}

pub(crate) fn analyst(operator: &Operator, recipient: &str) -> Analyst {
    operator.analyst(&RecipientId::new(recipient).unwrap(), None).unwrap()
}

/// The handle of the first recipient.
pub(crate) fn attacker(operator: &Operator) -> Analyst {
    analyst(operator, RECIPIENT)
}

/// The answer, or `None` when the budget refuses.
pub(crate) fn try_ask(analyst: &Analyst, question: &str, epoch: Option<&str>) -> Option<Box<Released>> {
    let epoch = epoch.map(|epoch| EpochId::new(epoch).unwrap());
    match analyst.ask(question, epoch.as_ref()).unwrap_or_else(|error| panic!("{question}: {error}")) {
        Answer::Released(answer) => Some(answer),
        Answer::Refused(reasons) => {
            assert!(reasons.iter().all(|reason| reason.rule == "BUDGET"), "{question}: {reasons:?}");
            None
        }
    }
}

pub(crate) fn ask(analyst: &Analyst, question: &str) -> Box<Released> {
    try_ask(analyst, question, None).unwrap_or_else(|| panic!("{question}: over budget"))
}

pub(crate) fn spent(analyst: &Analyst) -> u128 {
    analyst.remaining().unwrap().spent
}

/// Every number of an answer as it left, row by row; none is suppressed.
pub(crate) fn numbers(answer: &Released) -> Vec<f64> {
    assert!(answer.rows.iter().all(|row| !row.suppressed), "{answer:?}");
    answer.rows.iter().flat_map(|row| &row.cells).map(|cell| cell.noisy.unwrap() as f64).collect()
}

/// The variance of the noise of the only part of an answer, as it says.
pub(crate) fn variance(answer: &Released) -> f64 {
    let [part] = answer.parts.as_slice() else { panic!("{answer:?}") };
    let parameter = part.mechanism.parameter();
    parameter.numerator() as f64 / parameter.denominator() as f64
}

/// Units of a zCDP pool as rho.
pub(crate) fn rho(units: u128) -> f64 {
    units as f64 / 1e9
}

/// An error with all its causes.
pub(crate) fn chain(error: &OperatorError) -> String {
    let mut text = format!("{error}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// The person in whom the sandboxes differ.
pub(crate) const TARGET: usize = 3;

/// The same people, with one of them as they are, otherwise, withdrawn, or absent; and without anybody.
pub(crate) fn worlds() -> Vec<(&'static str, Vec<Person>)> {
    let mut base = known_people(24, 5);
    base[TARGET].follows = vec![id(7), id(8), id(9)];
    base[TARGET].region = "Hidden";
    let with = |change: fn(&mut Person)| {
        let mut people = base.clone();
        change(&mut people[TARGET]);
        people
    };
    let mut without = base.clone();
    without.remove(TARGET);
    vec![
        ("as they are", base.clone()),
        ("other amounts", with(|person| person.amounts = vec![i64::MAX, 0, 1])),
        (
            "no rows",
            with(|person| {
                person.amounts.clear();
                person.follows.clear();
            }),
        ),
        ("withdrawn", with(|person| person.withdrawn = true)),
        ("without them", without),
        ("no one", Vec::new()),
    ]
}
